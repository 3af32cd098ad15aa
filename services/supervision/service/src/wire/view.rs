//! Answers, in the contract's words.

use kit::refusal::{Checks, Refusal};
use kit::wire::to_proto_time;
use supervision_domain::clock::ClockState;
use supervision_domain::ledger::notice_subject;
use supervision_domain::{
    Case, Check, CheckCode, Clock, Closing, Decision, Finding, Member, NoticeKind, SupervisionOrder,
};
use vocab::{CaseId, ExplainStep, Lang};
use xiezhi_proto::supervision::v1 as proto;

use super::said;
use crate::rules::Rules;
use crate::store::lists::Task;

/// A sentence in both languages.
fn sentence(zh: impl Into<String>, en: impl Into<String>) -> proto::Sentence {
    proto::Sentence { zh: zh.into(), en: en.into() }
}

/// The case a request names.
pub fn case_id(text: &str) -> Result<CaseId, Refusal> {
    text.parse().map_err(|error: vocab::Malformed| Refusal::field("case_id", error.to_string()))
}

/// Why a closing is refused: one of a closed list.
pub fn reason_code(checks: &mut Checks, code: &str) {
    let known = ["evidence_insufficient", "not_resolved", "place_differs", "reply_incomplete", "procedure"];
    if !known.contains(&code) {
        checks.wrong("reason_code", format!("must be one of {}", known.join(", ")));
    }
}

/// What a view needs beside the thing itself.
pub struct Labels<'view> {
    /// The rules in force.
    pub rules: &'view Rules,
    /// True where each step of the count is wanted.
    pub explain: bool,
}

/// A clock with all that is known of it.
pub fn clock_view(case: &Case, clock: &Clock, labels: &Labels<'_>) -> proto::ClockView {
    let rule = labels.rules.book.rule(&clock.rule);
    let state = match clock.state {
        ClockState::Running => proto::ClockState::Running,
        ClockState::Paused => proto::ClockState::Paused,
        ClockState::Breached { .. } => proto::ClockState::Breached,
        ClockState::Stopped { .. } => proto::ClockState::Stopped,
    };
    proto::ClockView {
        case_id: case.id.to_string(),
        case_no: case.ledger.case_no.clone().unwrap_or_default(),
        clock: Some(said::clock(clock)),
        round: clock.round,
        state: state.into(),
        name: rule.map(|rule| sentence(rule.zh.clone(), rule.en.clone())),
        stopped_at: match clock.state {
            ClockState::Stopped { at, .. } => Some(to_proto_time(at)),
            _ => None,
        },
        late: clock.is_late(),
        raw_on: clock.raw_on.to_string(),
        provisional: clock.provisional,
        pauses: clock
            .pauses
            .iter()
            .map(|pause| proto::ClockPause {
                reason_code: pause.reason.clone(),
                from: Some(to_proto_time(pause.from)),
                until: pause.until.map(to_proto_time),
            })
            .collect(),
        extension: extension(case, clock),
        explanation: if labels.explain { explanation(clock, labels.rules) } else { Vec::new() },
        supervision_order_id: clock.answers().map(|order| order.to_string()).unwrap_or_default(),
    }
}

fn extension(case: &Case, clock: &Clock) -> Option<proto::ClockExtension> {
    let granted = clock.extension.as_ref()?;
    let notice_served =
        case.ledger.rounds.get(&clock.round).is_some_and(|round| round.has(&notice_subject(NoticeKind::Extension)));
    Some(proto::ClockExtension {
        amount: granted.amount,
        // The door adds the words: they are sealed in the store.
        reason: String::new(),
        approved_by: granted.by.clone(),
        granted_at: Some(to_proto_time(granted.at)),
        notice_served,
    })
}

/// How the due date came about: the count by the rule in force where it agrees with what was decided, else what is known of it.
fn explanation(clock: &Clock, rules: &Rules) -> Vec<proto::Sentence> {
    let steps = steps(clock, rules);
    let mut said: Vec<proto::Sentence> =
        steps.iter().map(|step| sentence(step.say(Lang::Zh), step.say(Lang::En))).collect();
    if let (ClockState::Paused, Some(pause)) = (clock.state, clock.standing_pause()) {
        said.push(sentence(
            format!("自 {} 起中止计算 ({}), 恢复后另行计算到期日", pause.from, pause.reason),
            format!(
                "it has stood still since {} ({}); the due date is counted anew when it resumes",
                pause.from, pause.reason
            ),
        ));
    }
    said
}

fn steps(clock: &Clock, rules: &Rules) -> Vec<ExplainStep> {
    let rule = rules.book.rule(&clock.rule);
    let over: Vec<vocab::Pause> = clock
        .pauses
        .iter()
        .filter(|pause| pause.until.is_some_and(|until| clock.is_open() || until < clock.due_at))
        .cloned()
        .collect();
    let counted = rule
        .and_then(|rule| vocab::due_extended(rule, clock.anchor_at, &rules.book.calendar, &over, clock.granted()).ok());
    if let Some(counted) = counted.filter(|counted| counted.due_at == clock.due_at) {
        return counted.explanation;
    }
    let mut steps = vec![ExplainStep::Anchored { at: clock.anchor_at, on: vocab::calendar::day_of(clock.anchor_at) }];
    if let Some(rule) = rule {
        steps.push(ExplainStep::Ruled { amount: rule.amount, unit: rule.unit, citation: clock.citation.clone() });
    }
    steps.push(ExplainStep::Ends { at: clock.due_at });
    steps
}

/// A supervision order with what was answered.
pub fn order_view(
    case: CaseId,
    case_no: Option<&str>,
    order: &SupervisionOrder,
    answer: Option<String>,
) -> proto::SupervisionOrder {
    proto::SupervisionOrder {
        supervision_order_id: order.id.to_string(),
        case_id: case.to_string(),
        case_no: case_no.unwrap_or_default().to_owned(),
        unit_code: order.unit.to_string(),
        rung: said::rung(order.rung).into(),
        clock_kind: order.clock_kind.clone(),
        work_order_id: order.order.map(|order| order.to_string()).unwrap_or_default(),
        round: order.round,
        issued_at: Some(to_proto_time(order.issued_at)),
        answer_deadline: said::answer_deadline(order),
        served_on: order.served_on.clone(),
        answered_at: order.answered_at.map(to_proto_time),
        answered_by: order.answered_by.clone().unwrap_or_default(),
        answer: answer.unwrap_or_default(),
    }
}

/// A closing proof with what each check found.
pub fn proof_view(case: &Case, closing: &Closing, members: &[Member]) -> proto::ClosingProof {
    let findings = case.findings(closing.round, members);
    let proven = findings.iter().all(|finding| finding.check.holds);
    let approved = matches!(closing.decision, Some(Decision::Approved { .. }));
    let second = Finding { check: Check { code: CheckCode::SecondUnit, holds: approved }, missing: Vec::new() };
    let state = match &closing.decision {
        Some(Decision::Approved { .. }) => proto::ClosingState::Approved,
        Some(Decision::Refused { .. }) => proto::ClosingState::Refused,
        None if proven => proto::ClosingState::AwaitingSecondUnit,
        None => proto::ClosingState::Checking,
    };
    let mut view = proto::ClosingProof {
        case_id: case.id.to_string(),
        case_no: case.ledger.case_no.clone().unwrap_or_default(),
        round: closing.round,
        attempt: closing.attempt,
        state: state.into(),
        findings: findings.iter().chain([&second]).map(finding).collect(),
        lead_unit: closing.lead.to_string(),
        handling_units: case.ledger.handling_units(closing.round).into_iter().map(ToString::to_string).collect(),
        member_case_ids: case.ledger.members.iter().map(ToString::to_string).collect(),
        handled_at: Some(to_proto_time(closing.handled_at)),
        ..Default::default()
    };
    match &closing.decision {
        Some(Decision::Approved { unit, at, .. }) => {
            view.checked_by_unit = unit.to_string();
            view.decided_at = Some(to_proto_time(*at));
        }
        Some(Decision::Refused { unit, at, order, reason, .. }) => {
            view.checked_by_unit = unit.to_string();
            view.decided_at = Some(to_proto_time(*at));
            view.returned_work_order_id = order.to_string();
            view.reason_code.clone_from(reason);
        }
        None => {}
    }
    view
}

fn finding(finding: &Finding) -> proto::ClosingFinding {
    let count = finding.missing.len();
    let (zh, en) = match (finding.check.code, finding.check.holds) {
        (CheckCode::Evidence, true) => {
            ("每张办结工单都有证据".to_owned(), "every completed order carries evidence".to_owned())
        }
        (CheckCode::Evidence, false) if count == 0 => {
            ("还没有办结的工单".to_owned(), "no order is completed yet".to_owned())
        }
        (CheckCode::Evidence, false) => {
            (format!("{count} 张办结工单没有证据"), format!("{count} completed orders carry no evidence"))
        }
        (CheckCode::SharesClosed, true) => ("各份职责都已办结".to_owned(), "every share is closed".to_owned()),
        (CheckCode::SharesClosed, false) => (format!("{count} 张工单还没有办结"), format!("{count} orders are open")),
        (CheckCode::OperationsFinished, true) => {
            ("没有进行中的联合执法".to_owned(), "no joint operation goes on".to_owned())
        }
        (CheckCode::OperationsFinished, false) => {
            ("联合执法还没有结束".to_owned(), "a joint operation is not finished".to_owned())
        }
        (CheckCode::NoticeServed, true) => {
            ("答复已送达每一位诉求人".to_owned(), "every complainant has the reply".to_owned())
        }
        (CheckCode::NoticeServed, false) => {
            (format!("{count} 件的答复还没有送达"), format!("the reply of {count} cases is not served"))
        }
        (CheckCode::SecondUnit, true) => ("第二单位已审核".to_owned(), "a second unit has checked".to_owned()),
        (CheckCode::SecondUnit, false) => ("等待第二单位审核".to_owned(), "a second unit has not approved".to_owned()),
    };
    let (zh, en) = if finding.missing.is_empty() {
        (zh, en)
    } else {
        let named = finding.missing.join(", ");
        (format!("{zh}: {named}"), format!("{en}: {named}"))
    };
    proto::ClosingFinding { check: Some(said::check(&finding.check)), says: Some(sentence(zh, en)) }
}

/// Something a person must do.
pub fn task_view(task: Task) -> proto::OpenTask {
    proto::OpenTask {
        case_id: task.case.to_string(),
        task_code: task.code,
        unit_code: task.unit,
        subject: task.subject,
        since: Some(to_proto_time(task.since)),
    }
}
