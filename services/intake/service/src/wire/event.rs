//! What has happened, as the other services hear it.

use intake_domain::{Case, Event};
use jiff::Timestamp;
use kit::context::Context;
use uuid::Uuid;
use words::write;
use xiezhi_proto::intake::v1 as proto;

use super::answer;
use crate::rules::Rules;
use crate::unit::Reveal;

/// Says that a case has its number.
pub fn registered(cx: &mut Context<Rules>, case: &Case) {
    let event = proto::CaseRegistered {
        case_id: case.id.to_string(),
        case_no: case.number.to_string(),
        facts: Some(write::facts(&case.facts)),
        registered_at: Some(write::time(case.registered_at)),
        complainant_ref: case.complainant.to_string(),
        receiving_unit: case.receiving_unit.to_string(),
        without_clerk: case.without_clerk,
        sealed: case.sealed_from.is_some(),
        pack_hash: cx.rules_hash().to_vec().into(),
    };
    cx.emit(case.id.uuid(), &event);
}

/// Says that an identity was opened, without identity and reason.
pub fn revealed(cx: &mut Context<Rules>, reveal: &Reveal) {
    let event = proto::ContactRevealed {
        case_id: reveal.case_id.to_string(),
        reveal_id: reveal.id.to_string(),
        account_id: reveal.account.clone(),
        purpose: reveal.purpose.as_str().to_owned(),
        revealed_at: Some(write::time(reveal.at)),
        with_text: reveal.with_text,
    };
    cx.emit(reveal.case_id.uuid(), &event);
}

/// Says what has happened to a case, which is given as it stands afterwards. What only intake needs to know is not said.
pub fn tell(cx: &mut Context<Rules>, case: &Case, event: &Event, at: Timestamp) {
    let key = case.id.uuid();
    let case_id = case.id.to_string();
    let now = Some(write::time(at));
    match event {
        Event::Accepted { .. } => accepted(cx, key, case),
        Event::Declined { verdict, notice } => cx.emit(
            key,
            &proto::CaseDeclined {
                case_id,
                code: verdict.code.clone(),
                citation: Some(write::citation(&verdict.citation)),
                notice_id: notice.to_string(),
                declined_at: now,
            },
        ),
        Event::RoutedAway { verdict, notice } => cx.emit(
            key,
            &proto::CaseRoutedAway {
                case_id,
                route_code: verdict.route_code.clone(),
                citation: Some(write::citation(&verdict.citation)),
                notice_id: notice.to_string(),
                routed_at: now,
            },
        ),
        Event::Receipted { receipt } => cx.emit(
            key,
            &proto::CaseRouteReceipted {
                case_id,
                receipt_no: receipt.number.clone(),
                receipted_at: Some(write::time(receipt.at)),
            },
        ),
        Event::Returned { reason } => cx.emit(
            key,
            &proto::CaseReturnedFromRoute {
                case_id,
                reason_code: reason.as_str().to_owned(),
                returned_at: now,
                facts: Some(write::facts(&case.facts)),
            },
        ),
        Event::Withdrawn => cx.emit(key, &proto::CaseWithdrawn { case_id, withdrawn_at: now }),
        Event::ComplainantLeft => cx.emit(key, &proto::ComplainantLeft { case_id, left_at: now }),
        Event::FactsAdded { facts } => {
            cx.emit(key, &proto::CaseFactsAdded { case_id, facts: Some(write::facts(facts)), added_at: now });
        }
        Event::Linked { link, left } => cx.emit(
            key,
            &proto::CaseLinked {
                case_id,
                head_case_id: link.head.to_string(),
                kind: answer::link_kind(link.kind),
                linked_at: now,
                left_head_case_id: left.map(|left| left.to_string()).unwrap_or_default(),
            },
        ),
        Event::NoticeServed { notice, kind, round } => cx.emit(
            key,
            &proto::NoticeServed {
                case_id,
                notice_id: notice.to_string(),
                kind: answer::notice_kind(*kind),
                served_at: now,
                round: *round,
            },
        ),
        Event::Closed { round } => cx.emit(
            key,
            &proto::CaseClosed { case_id, closed_at: now, head_case_id: case.head().to_string(), round: *round },
        ),
        Event::Reopened { round, cause } => cx.emit(
            key,
            &proto::CaseReopened {
                case_id,
                head_case_id: case.head().to_string(),
                reopened_at: now,
                round: *round,
                cause_id: cause.clone(),
                facts: Some(write::facts(&case.facts)),
            },
        ),
        Event::Forgotten => cx.emit(
            key,
            &proto::ComplainantForgotten { case_id, complainant_ref: case.complainant.to_string(), forgotten_at: now },
        ),
        Event::RoundAdopted { .. }
        | Event::Extended { .. }
        | Event::Diagnosed { .. }
        | Event::UnitsInvolved { .. }
        | Event::UnitsInherited { .. }
        | Event::Answered { .. }
        | Event::MaskConfirmed => {}
    }
}

fn accepted(cx: &mut Context<Rules>, key: Uuid, case: &Case) {
    let Some(acceptance) = case.stage.acceptance() else { return };
    let event = proto::CaseAccepted {
        case_id: case.id.to_string(),
        case_no: case.number.to_string(),
        facts: Some(write::facts(&case.facts)),
        accepted_at: Some(write::time(acceptance.at)),
        mode: write::mode(acceptance.mode),
        track: write::track(acceptance.track),
        without_clerk: case.without_clerk,
        head_case_id: case.follows().map(|head| head.to_string()).unwrap_or_default(),
        pack_hash: cx.rules_hash().to_vec().into(),
    };
    cx.emit(key, &event);
}
