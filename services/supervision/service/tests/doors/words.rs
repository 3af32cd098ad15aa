//! What the neighbours say in these stories.

use jiff::Timestamp;
use uuid::Uuid;
use words::write;
use xiezhi_proto::assignment::v1 as assignment;
use xiezhi_proto::common::v1 as common;
use xiezhi_proto::intake::v1 as intake;
use xiezhi_proto::scheduling::v1 as scheduling;

use crate::house::*;

/// A work order of a case, the same id for the same number.
pub fn order(case: Uuid, number: u128) -> Uuid {
    Uuid::from_u128(case.as_u128() ^ (number << 8))
}

pub fn facts() -> common::CaseFacts {
    common::CaseFacts {
        matter_codes: vec!["fume.barbecue".to_owned(), "noise.trade.night".to_owned()],
        region_code: "330421103".to_owned(),
        object_type: "catering".to_owned(),
        declared: Vec::new(),
        act_on: "2026-03-01".to_owned(),
        channel: common::Channel::Phone.into(),
        urgency: common::Urgency::Normal.into(),
    }
}

pub fn registered(case: Uuid, number: u32, when: &str) -> intake::CaseRegistered {
    intake::CaseRegistered {
        case_id: case.to_string(),
        case_no: format!("JS-2026-{number:06}"),
        facts: Some(facts()),
        registered_at: Some(wire_time(when)),
        complainant_ref: Uuid::now_v7().to_string(),
        receiving_unit: "centre".to_owned(),
        ..Default::default()
    }
}

pub fn accepted(case: Uuid, number: u32, when: &str) -> intake::CaseAccepted {
    intake::CaseAccepted {
        case_id: case.to_string(),
        case_no: format!("JS-2026-{number:06}"),
        facts: Some(facts()),
        accepted_at: Some(wire_time(when)),
        mode: common::HandlingMode::Assisted.into(),
        track: common::Track::Assigned.into(),
        ..Default::default()
    }
}

pub fn linked(case: Uuid, head: Uuid, kind: intake::LinkKind, when: &str) -> intake::CaseLinked {
    intake::CaseLinked {
        case_id: case.to_string(),
        head_case_id: head.to_string(),
        kind: kind.into(),
        linked_at: Some(wire_time(when)),
        left_head_case_id: String::new(),
    }
}

pub fn notice(case: Uuid, kind: intake::NoticeKind, round: u32, when: &str) -> intake::NoticeServed {
    intake::NoticeServed {
        case_id: case.to_string(),
        notice_id: Uuid::now_v7().to_string(),
        kind: kind.into(),
        served_at: Some(wire_time(when)),
        round,
    }
}

pub fn closed(case: Uuid, round: u32, when: &str) -> intake::CaseClosed {
    intake::CaseClosed {
        case_id: case.to_string(),
        closed_at: Some(wire_time(when)),
        head_case_id: case.to_string(),
        round,
    }
}

pub fn diagnosed(case: Uuid, when: &str) -> assignment::DiagnosisMade {
    assignment::DiagnosisMade {
        case_id: case.to_string(),
        kind: assignment::DeterminationKind::LeadWithSupport.into(),
        made_at: Some(wire_time(when)),
        ..Default::default()
    }
}

fn deadline(rule: &str, from: Timestamp) -> common::Deadline {
    let pack = &*JIASHAN;
    let rule = pack.clock_rule(&rule.parse().unwrap()).unwrap();
    let due = vocab::due(rule, from, &pack.calendar, &[]).unwrap();
    write::due_date(&due, from, &rule.citation)
}

pub fn dispatched(
    case: Uuid,
    number: u128,
    unit: &str,
    role: common::Role,
    when: &str,
) -> assignment::WorkOrderDispatched {
    assignment::WorkOrderDispatched {
        work_order_id: order(case, number).to_string(),
        case_id: case.to_string(),
        unit_code: unit.to_owned(),
        role: role.into(),
        duty: common::Duty::Punish.into(),
        person_code: format!("{unit}-P03"),
        post_code: format!("{unit}-handler"),
        deadline: Some(deadline("order.finish", at(when))),
        round: 1,
        acknowledge_deadline: Some(deadline("order.acknowledge", at(when))),
        ..Default::default()
    }
}

pub fn acknowledged(case: Uuid, number: u128, unit: &str, when: &str) -> assignment::WorkOrderAcknowledged {
    assignment::WorkOrderAcknowledged {
        work_order_id: order(case, number).to_string(),
        case_id: case.to_string(),
        unit_code: unit.to_owned(),
        acknowledged_at: Some(wire_time(when)),
    }
}

pub fn completed(case: Uuid, number: u128, unit: &str, when: &str) -> assignment::WorkOrderCompleted {
    assignment::WorkOrderCompleted {
        work_order_id: order(case, number).to_string(),
        case_id: case.to_string(),
        unit_code: unit.to_owned(),
        outcome: assignment::Outcome::Rectified.into(),
        evidence: vec![common::BlobRef {
            sha256: vec![7; 32].into(),
            media_type: "image/jpeg".to_owned(),
            size_bytes: 1000,
        }],
        completed_at: Some(wire_time(when)),
    }
}

pub fn handled(case: Uuid, lead: &str, when: &str) -> assignment::CaseHandled {
    assignment::CaseHandled {
        case_id: case.to_string(),
        lead_unit: lead.to_owned(),
        conclusion: "supported".to_owned(),
        handled_at: Some(wire_time(when)),
        round: 1,
        ..Default::default()
    }
}

pub fn proposed(operation: Uuid, case: Uuid, units: &[&str], when: &str) -> scheduling::OperationProposed {
    let participant = |unit: &&str| scheduling::Participant {
        unit_code: (*unit).to_owned(),
        role: common::Role::Support.into(),
        ..Default::default()
    };
    scheduling::OperationProposed {
        operation_id: operation.to_string(),
        case_ids: vec![case.to_string()],
        participants: units.iter().map(participant).collect(),
        trigger_code: "case_escalated".to_owned(),
        region_code: "330421103".to_owned(),
        proposed_at: Some(wire_time(when)),
    }
}

pub fn checked_in(operation: Uuid, case: Uuid, unit: &str, when: &str) -> scheduling::ParticipantCheckedIn {
    scheduling::ParticipantCheckedIn {
        operation_id: operation.to_string(),
        case_ids: vec![case.to_string()],
        unit_code: unit.to_owned(),
        officer_codes: vec![format!("{unit}-O01"), format!("{unit}-O02")],
        checked_in_at: Some(wire_time(when)),
    }
}

pub fn concluded(operation: Uuid, case: Uuid, when: &str) -> scheduling::OperationConcluded {
    scheduling::OperationConcluded {
        operation_id: operation.to_string(),
        case_ids: vec![case.to_string()],
        concluded_at: Some(wire_time(when)),
        ..Default::default()
    }
}
