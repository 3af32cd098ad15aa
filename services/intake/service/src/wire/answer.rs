//! Decisions and rows as answers.

use intake_domain::{Candidate, Case, Delivery, LinkKind, NoticeKind, Purpose, Reason, Stage, StageName};
use vocab::{CaseId, Lang};
use words::write;
use xiezhi_proto::intake::v1 as proto;
use xiezhi_proto::supervision::v1::ClockView;

use crate::store::read::OpenTask;
use crate::unit::{Notice, Reveal};
use crate::wire::complaint::Identity;

/// A stage.
#[must_use]
pub fn stage(stage: StageName) -> i32 {
    match stage {
        StageName::Registered => proto::CaseStage::Registered,
        StageName::Accepted => proto::CaseStage::Accepted,
        StageName::Handled => proto::CaseStage::Handled,
        StageName::Declined => proto::CaseStage::Declined,
        StageName::RoutedAway => proto::CaseStage::RoutedAway,
        StageName::Closed => proto::CaseStage::Closed,
        StageName::Withdrawn => proto::CaseStage::Withdrawn,
    }
    .into()
}

/// How a case is linked.
#[must_use]
pub fn link_kind(kind: LinkKind) -> i32 {
    match kind {
        LinkKind::Duplicate => proto::LinkKind::Duplicate,
        LinkKind::Repeat => proto::LinkKind::Repeat,
        LinkKind::ClusterMember => proto::LinkKind::ClusterMember,
    }
    .into()
}

/// What a notice says.
#[must_use]
pub fn notice_kind(kind: NoticeKind) -> i32 {
    match kind {
        NoticeKind::Acceptance => proto::NoticeKind::Acceptance,
        NoticeKind::Decline => proto::NoticeKind::Decline,
        NoticeKind::Route => proto::NoticeKind::Route,
        NoticeKind::Extension => proto::NoticeKind::Extension,
        NoticeKind::Reply => proto::NoticeKind::Reply,
    }
    .into()
}

fn purpose(purpose: Purpose) -> i32 {
    match purpose {
        Purpose::Callback => proto::RevealPurpose::Callback,
        Purpose::ServeNotice => proto::RevealPurpose::ServeNotice,
        Purpose::VerifyFacts => proto::RevealPurpose::VerifyFacts,
        Purpose::Reception => proto::RevealPurpose::Reception,
        Purpose::Emergency => proto::RevealPurpose::Emergency,
    }
    .into()
}

/// A case with the members that follow it.
#[must_use]
pub fn case(case: &Case, members: &[CaseId]) -> proto::Case {
    let acceptance = case.stage.acceptance();
    let verdict = case.stage.verdict();
    proto::Case {
        case_id: case.id.to_string(),
        case_no: case.number.to_string(),
        stage: stage(case.stage.name()),
        facts: Some(write::facts(&case.facts)),
        registered_at: Some(write::time(case.registered_at)),
        receiving_unit: case.receiving_unit.to_string(),
        without_clerk: case.without_clerk,
        sealed: case.sealed_from.is_some(),
        head_case_id: case.link.map(|link| link.head.to_string()).unwrap_or_default(),
        link_kind: case.link.map(|link| link_kind(link.kind)).unwrap_or_default(),
        member_case_ids: members.iter().map(ToString::to_string).collect(),
        mode: acceptance.map(|acceptance| write::mode(acceptance.mode)).unwrap_or_default(),
        track: acceptance.map(|acceptance| write::track(acceptance.track)).unwrap_or_default(),
        accepted_at: acceptance.map(|acceptance| write::time(acceptance.at)),
        round: case.stage.round(),
        rule_code: verdict.map(|verdict| verdict.rule.to_string()).unwrap_or_default(),
        citation: verdict.map(|verdict| write::citation(&verdict.citation)),
        receipt_no: match &case.stage {
            Stage::RoutedAway { receipt: Some(receipt), .. } => receipt.number.clone(),
            _ => String::new(),
        },
        stage_since: Some(write::time(case.stage.since())),
        conclusion: case.stage.handling().map(|handling| handling.conclusion.clone()).unwrap_or_default(),
        participant_units: case.units().into_iter().map(ToString::to_string).collect(),
        mask_confirmed: case.mask_confirmed,
        tracking_code: case.tracking.to_string(),
        complainant_left_at: case.complainant_left_at.map(write::time),
        complainant_forgotten: case.forgotten_at.is_some(),
    }
}

/// A case for who calls back: without the units that have a share in it.
#[must_use]
pub fn blinded(case: proto::Case) -> proto::Case {
    proto::Case { participant_units: Vec::new(), ..case }
}

/// An earlier case that may belong together with another.
#[must_use]
pub fn candidate(candidate: &Candidate) -> proto::Candidate {
    let neighbour = &candidate.neighbour;
    let reason = |reason: &Reason| {
        match reason {
            Reason::SameComplainant => proto::CandidateReason::SameComplainant,
            Reason::SameMatter => proto::CandidateReason::SameMatter,
            Reason::SameTown => proto::CandidateReason::SameTown,
            Reason::SameVillage => proto::CandidateReason::SameVillage,
            Reason::SameObject => proto::CandidateReason::SameObject,
        }
        .into()
    };
    proto::Candidate {
        case_id: neighbour.id.to_string(),
        case_no: neighbour.number.to_string(),
        kind: link_kind(candidate.kind),
        reasons: candidate.reasons.iter().map(reason).collect(),
        stage: stage(neighbour.stage),
        registered_at: Some(write::time(neighbour.registered_at)),
        head_case_id: neighbour.head.unwrap_or(neighbour.id).to_string(),
    }
}

/// A notice with its text.
#[must_use]
pub fn notice(notice: &Notice) -> proto::Notice {
    proto::Notice {
        notice_id: notice.id.to_string(),
        case_id: notice.case_id.to_string(),
        kind: notice_kind(notice.kind),
        round: notice.round,
        served_at: Some(write::time(notice.served_at)),
        delivery: match notice.delivery {
            Delivery::OnTheSpot => proto::Delivery::OnTheSpot,
            Delivery::PublicQuery => proto::Delivery::PublicQuery,
        }
        .into(),
        title_zh: notice.content.title_zh.clone(),
        title_en: notice.content.title_en.clone(),
        body_zh: notice.content.body_zh.clone(),
        body_en: notice.content.body_en.clone(),
        citations: notice.content.citations.iter().map(write::citation).collect(),
        template_code: notice.template.clone(),
        reply: String::new(),
    }
}

/// An identity on its way out of the vault.
#[must_use]
pub fn complainant(identity: Identity) -> proto::Complainant {
    proto::Complainant {
        name: identity.name,
        phone: identity.phone,
        id_number: identity.id_number,
        address: identity.address,
    }
}

/// One entry of the audit, with its reason opened.
#[must_use]
pub fn reveal(reveal: &Reveal, reason: String) -> proto::Reveal {
    proto::Reveal {
        reveal_id: reveal.id.to_string(),
        case_id: reveal.case_id.to_string(),
        account: reveal.account.clone(),
        unit_code: reveal.unit.clone(),
        purpose: purpose(reveal.purpose),
        reason,
        revealed_at: Some(write::time(reveal.at)),
        with_text: reveal.with_text,
    }
}

/// Something that waits for a person.
#[must_use]
pub fn open_task(task: OpenTask) -> proto::OpenTask {
    proto::OpenTask {
        case_id: task.id.to_string(),
        task_code: task.task,
        case_no: task.number,
        since: Some(write::time(task.since)),
    }
}

/// Progress for the public: stage, dates, notices, no identity.
#[must_use]
pub fn progress(
    case: &Case,
    notices: Vec<proto::Notice>,
    clocks: Vec<proto::PublicClock>,
    incomplete: bool,
) -> proto::GetByTrackingCodeResponse {
    let receipt = match &case.stage {
        Stage::RoutedAway { receipt, .. } => receipt.as_ref(),
        _ => None,
    };
    proto::GetByTrackingCodeResponse {
        case_no: case.number.to_string(),
        stage: stage(case.stage.name()),
        stage_since: Some(write::time(case.stage.since())),
        registered_at: Some(write::time(case.registered_at)),
        accepted_at: case.stage.acceptance().map(|acceptance| write::time(acceptance.at)),
        round: case.stage.round(),
        notices,
        clocks,
        incomplete,
        receipt_no: receipt.map(|receipt| receipt.number.clone()).unwrap_or_default(),
        receipted_at: receipt.map(|receipt| write::time(receipt.at)),
    }
}

/// A clock without what is between a unit and its supervisor: reasons, accounts, orders. What a unit must answer to its supervisor
/// is nothing to the complainant.
#[must_use]
pub fn public_clock(view: ClockView, name: &dyn Fn(&str, Lang) -> String) -> Option<proto::PublicClock> {
    if !view.supervision_order_id.is_empty() {
        return None;
    }
    let state = view.state;
    let clock = view.clock?;
    let sentence = view.name.unwrap_or_default();
    Some(proto::PublicClock {
        name_zh: sentence.zh,
        name_en: sentence.en,
        deadline: clock.deadline,
        state,
        holder_zh: name(&clock.holder_unit, Lang::Zh),
        holder_en: name(&clock.holder_unit, Lang::En),
        holder_unit: clock.holder_unit,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failed test should panic
    use xiezhi_proto::supervision::v1::{Clock, Sentence};

    use super::*;

    #[test]
    fn a_complainant_sees_the_clocks_of_the_case_and_not_what_a_unit_must_answer_to_its_supervisor() {
        let view = |supervision_order_id: &str| ClockView {
            clock: Some(Clock { holder_unit: "ZF".to_owned(), ..Clock::default() }),
            name: Some(Sentence { zh: "承诺答复".to_owned(), en: "promised reply".to_owned() }),
            supervision_order_id: supervision_order_id.to_owned(),
            ..ClockView::default()
        };
        let name = |code: &str, _: Lang| code.to_owned();
        assert_eq!(public_clock(view(""), &name).unwrap().name_zh, "承诺答复");
        assert_eq!(public_clock(view("01997a00-0000-7000-8000-000000000001"), &name), None);
    }
}
