//! What clerks decide about a case, and with a head about its whole cluster.

use intake_domain::cluster::{CatchUp, join};
use intake_domain::ground::Considered as OnRecord;
use intake_domain::{Case, Event, ReturnReason, StageName};
use intake_domain::{Command, Refusal as Domain};
use kit::context::Context;
use kit::refusal::Refusal;
use uuid::Uuid;
use vocab::{CaseFacts, CaseId, NoticeId, RuleCode};

use super::{carry, find, followers, granted, new_notice};
use crate::error::refusal;
use crate::rules::{GroundRule, Rules};
use crate::unit::{Considered, Forgotten, MaskedText, Unit};
use crate::wire::request;

/// Decides one command on one case.
fn one(unit: &mut Unit, cx: &mut Context<Rules>, id: CaseId, command: Command) -> Result<(Case, Vec<Event>), Refusal> {
    let case = find(unit, &granted(cx)?, id)?;
    let events = case.decide(command, cx.now()).map_err(|error| refusal(case.number.as_str(), error))?;
    let case = carry(unit, cx, case, &events);
    Ok((case, events))
}

/// A case and the notice its complainant got.
#[derive(Debug, Clone, Copy)]
pub struct Told {
    /// The case.
    pub case: CaseId,
    /// The notice.
    pub notice: NoticeId,
}

/// 受理: the case, and every registered member with it.
pub fn accept(unit: &mut Unit, cx: &mut Context<Rules>, wanted: &request::Accept) -> Result<Vec<Told>, Refusal> {
    let notice = new_notice(cx);
    let accept = Command::Accept { notice, mode: wanted.mode, track: wanted.track, with_head: None };
    let (head, _) = one(unit, cx, wanted.case, accept)?;
    let (mode, track) = head.stage.acceptance().map(|a| (a.mode, a.track)).unzip();
    let mut told = vec![Told { case: head.id, notice }];
    for member in waiting(unit, head.id) {
        let notice = new_notice(cx);
        let accept = Command::Accept { notice, mode, track, with_head: Some(head.id) };
        let events = member.decide(accept, cx.now()).map_err(|error| refusal(member.number.as_str(), error))?;
        told.push(Told { case: member.id, notice });
        carry(unit, cx, member, &events);
    }
    Ok(told)
}

/// The members that wait for the decision with their head.
fn waiting(unit: &Unit, head: CaseId) -> Vec<Case> {
    followers(unit, head).into_iter().filter(|case| case.stage.name() == StageName::Registered).collect()
}

/// What a person weighed, sealed.
#[derive(Debug, Clone)]
pub struct SealedReason {
    /// Its id.
    pub id: Uuid,
    /// The words, sealed.
    pub sealed: Vec<u8>,
}

/// A declining or a hand-over, with what a person weighed sealed.
#[derive(Debug, Clone)]
pub struct Decline {
    /// The case.
    pub case: CaseId,
    /// The pack's rule.
    pub rule: RuleCode,
    /// What a person weighed.
    pub considered: Option<SealedReason>,
}

/// What was said to a complainant who was declined.
#[derive(Debug, Clone)]
pub struct Declined {
    /// The notice.
    pub notice: NoticeId,
    /// The rule with its words.
    pub rule: GroundRule,
}

/// 不予受理、不再受理.
pub fn decline(unit: &mut Unit, cx: &mut Context<Rules>, wanted: &Decline) -> Result<Declined, Refusal> {
    let rule = ground(cx, &wanted.rule)?;
    if rule.ground.hand_over {
        return Err(Refusal::forbidden(
            "intake.hand_over_required",
            format!("规则 {} 要求移送有权机关, 不能直接不予受理", wanted.rule),
            format!("rule {} hands the matter over; it is not simply declined", wanted.rule),
        )
        .with_hint("请使用转送 (RouteAwayCase)", "use RouteAwayCase"));
    }
    turn_away(unit, cx, wanted, rule, |verdict, notice| Command::Decline { verdict, notice })
}

/// 诉访分离.
pub fn route_away(unit: &mut Unit, cx: &mut Context<Rules>, wanted: &Decline) -> Result<Declined, Refusal> {
    let rule = ground(cx, &wanted.rule)?;
    if !rule.ground.hand_over {
        return Err(Refusal::forbidden(
            "intake.no_hand_over",
            format!("规则 {} 不涉及移送", wanted.rule),
            format!("rule {} hands nothing over", wanted.rule),
        )
        .with_hint("请使用不予受理 (DeclineCase)", "use DeclineCase"));
    }
    turn_away(unit, cx, wanted, rule, |verdict, notice| Command::RouteAway { verdict, notice })
}

fn ground(cx: &Context<Rules>, code: &RuleCode) -> Result<GroundRule, Refusal> {
    cx.rules()
        .ground(code)
        .cloned()
        .ok_or_else(|| Refusal::field("rule_code", "is not an acceptance rule of the county pack"))
}

/// Turns a case away, and with a head every member that waits with it: each complainant is told.
fn turn_away(
    unit: &mut Unit,
    cx: &mut Context<Rules>,
    wanted: &Decline,
    rule: GroundRule,
    command: impl Fn(intake_domain::Verdict, NoticeId) -> Command,
) -> Result<Declined, Refusal> {
    let case = find(unit, &granted(cx)?, wanted.case)?;
    let refuse = |error: Domain| refusal(case.number.as_str(), error);
    let members = waiting(unit, case.id);
    if rule.ground.personal && !members.is_empty() {
        return Err(refuse(Domain::PersonalGround { rule: wanted.rule.clone() }));
    }
    let on_record = if wanted.considered.is_some() { OnRecord::OnRecord } else { OnRecord::No };
    // In the wrong stage the stage is the reason, whatever the ground.
    let verdict = rule.ground.weigh(&case.facts, on_record);
    let verdict = match (case.stage.name(), verdict) {
        (StageName::Registered, verdict) => verdict.map_err(refuse)?,
        (stage, _) => {
            let verb = match rule.ground.hand_over {
                true => intake_domain::Verb::RouteAway,
                false => intake_domain::Verb::Decline,
            };
            return Err(refuse(Domain::OutOfTurn { stage, verb }));
        }
    };
    let notice = new_notice(cx);
    one(unit, cx, case.id, command(verdict.clone(), notice))?;
    for member in members {
        let notice = new_notice(cx);
        let events = member
            .decide(command(verdict.clone(), notice), cx.now())
            .map_err(|error| refusal(member.number.as_str(), error))?;
        carry(unit, cx, member, &events);
    }
    if let Some(reason) = &wanted.considered {
        unit.considered.push(Considered {
            id: reason.id,
            case_id: case.id,
            rule: wanted.rule.clone(),
            account: granted(cx)?.caller.account,
            sealed: reason.sealed.clone(),
            at: cx.now(),
        });
    }
    Ok(Declined { notice, rule })
}

/// 移送回执: for the case and every member that went with it.
pub fn receipt(unit: &mut Unit, cx: &mut Context<Rules>, wanted: &request::Receipt) -> Result<(), Refusal> {
    let command = Command::Receipt { number: wanted.number.clone(), signed_at: wanted.signed_at };
    with_routed_members(unit, cx, wanted.case, command)
}

/// 退回: the case, and every member that went with it, is registered again.
pub fn take_back(unit: &mut Unit, cx: &mut Context<Rules>, case: CaseId, reason: ReturnReason) -> Result<(), Refusal> {
    with_routed_members(unit, cx, case, Command::Return { reason })
}

fn with_routed_members(unit: &mut Unit, cx: &mut Context<Rules>, id: CaseId, command: Command) -> Result<(), Refusal> {
    let (head, _) = one(unit, cx, id, command.clone())?;
    for member in followers(unit, head.id).into_iter().filter(|case| case.stage.name() == StageName::RoutedAway) {
        let events =
            member.decide(command.clone(), cx.now()).map_err(|error| refusal(member.number.as_str(), error))?;
        carry(unit, cx, member, &events);
    }
    Ok(())
}

/// 撤回. True where the case itself ended.
pub fn withdraw(unit: &mut Unit, cx: &mut Context<Rules>, id: CaseId) -> Result<bool, Refusal> {
    // Those who were answered in an earlier round may still be dissatisfied, and then the head is what is handled again.
    let may_need_it = |stage: StageName| stage.is_open() || stage == StageName::Closed;
    let others_go_on = followers(unit, id).iter().any(|case| may_need_it(case.stage.name()));
    one(unit, cx, id, Command::Withdraw { others_go_on })?;
    Ok(!others_go_on)
}

/// 补充事实.
pub fn add_facts(unit: &mut Unit, cx: &mut Context<Rules>, wanted: &request::AddFacts) -> Result<CaseFacts, Refusal> {
    let case = find(unit, &granted(cx)?, wanted.case)?;
    let wrong = cx.rules().check_declared("declared", &wanted.declared);
    if !wrong.is_empty() {
        return Err(Refusal::Invalid(wrong));
    }
    if case.facts.declared.len() + wanted.declared.len() > vocab::facts::MAX_FACTS {
        return Err(Refusal::field("declared", "the case would declare too many facts"));
    }
    let (case, _) = one(unit, cx, wanted.case, Command::AddFacts { declared: wanted.declared.clone() })?;
    Ok(case.facts)
}

/// 关联. True where the later case was accepted with its head.
pub fn link(unit: &mut Unit, cx: &mut Context<Rules>, wanted: &request::Link) -> Result<bool, Refusal> {
    let granted = granted(cx)?;
    let later = find(unit, &granted, wanted.later)?;
    let head = find(unit, &granted, wanted.head)?;
    let has_members = !followers(unit, later.id).is_empty();
    let notices = CatchUp { acceptance: new_notice(cx), reply: new_notice(cx) };
    let events = join(&later, &head, has_members, wanted.kind, notices, cx.now())
        .map_err(|error| refusal(later.number.as_str(), error))?;
    carry(unit, cx, later, &events);
    Ok(events.iter().any(|event| matches!(event, Event::Accepted { .. })))
}

/// A clerk confirms the masked text.
pub fn confirm(unit: &mut Unit, cx: &mut Context<Rules>, id: CaseId, text: &MaskedText) -> Result<(), Refusal> {
    one(unit, cx, id, Command::ConfirmMask)?;
    unit.texts.put(id, text.clone());
    Ok(())
}

/// 个人信息删除.
pub fn forget(unit: &mut Unit, cx: &mut Context<Rules>, id: CaseId) -> Result<(), Refusal> {
    let (case, _) = one(unit, cx, id, Command::Forget)?;
    unit.forgotten.push(Forgotten { complainant: case.complainant, case_id: id });
    Ok(())
}
