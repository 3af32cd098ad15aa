//! What happened, as the events other services hear.

use assignment_domain::case::{Case, CaseStage, Diagnosis, SettlingReason};
use assignment_domain::consultation::Consultation;
use assignment_domain::file::{CaseFile, Escalation, Ruling};
use assignment_domain::order::{OrderStage, WorkOrder};
use assignment_domain::proof::{Basis, Proof};
use jiff::Timestamp;
use vocab::{DeterminationId, OperationId, UnitCode, WorkOrderId};
use words::write;
use xiezhi_proto::assignment::v1 as wire;
use xiezhi_proto::common::v1::BlobRef;

use super::write::{deadline, evidence, ground, kind, outcome, position, shares};
use crate::rules::Rules;

/// 门诊诊断.
pub fn diagnosis_made(case: &Case, diagnosis: &Diagnosis, rules: &Rules, at: Timestamp) -> wire::DiagnosisMade {
    let handling = rules.policy.handling(&diagnosis.outcome, &case.facts);
    wire::DiagnosisMade {
        case_id: case.id.to_string(),
        kind: kind(&diagnosis.outcome),
        shares: shares(diagnosis.outcome.shares()),
        missing_facts: diagnosis.missing_facts.iter().map(ToString::to_string).collect(),
        positions: diagnosis.positions.iter().map(|(unit, taken)| position(unit, taken)).collect(),
        mode: handling.map(|(mode, _)| write::mode(mode)).unwrap_or_default(),
        track: handling.map(|(_, track)| write::track(track)).unwrap_or_default(),
        made_at: Some(write::time(diagnosis.made_at.unwrap_or(at))),
    }
}

/// 责任认定.
pub fn determination_made(
    case: &Case,
    id: DeterminationId,
    proof: &Proof,
    proof_sha256: [u8; 32],
    list_revision: i64,
    at: Timestamp,
) -> wire::DeterminationMade {
    let precedent_id = match &proof.basis {
        Basis::Precedent { precedent } => precedent.to_string(),
        Basis::Lists | Basis::BoundaryRule { .. } => String::new(),
    };
    wire::DeterminationMade {
        case_id: case.id.to_string(),
        determination_id: id.to_string(),
        kind: kind(&proof.answer),
        shares: shares(proof.answer.shares()),
        precedent_id,
        proof_sha256: proof_sha256.to_vec().into(),
        determined_at: Some(write::time(at)),
        list_revision: list_revision.unsigned_abs(),
        round: case.round,
    }
}

/// 会商开启.
pub fn consultation_opened(consultation: &Consultation) -> wire::ConsultationOpened {
    wire::ConsultationOpened {
        case_id: consultation.case.to_string(),
        consultation_id: consultation.id.to_string(),
        unit_codes: consultation.asked.iter().map(ToString::to_string).collect(),
        answer_deadline: Some(deadline(&consultation.answer_by)),
    }
}

/// 表态.
pub fn consultation_answered(consultation: &Consultation, unit: &UnitCode) -> wire::ConsultationAnswered {
    wire::ConsultationAnswered {
        case_id: consultation.case.to_string(),
        consultation_id: consultation.id.to_string(),
        position: consultation.positions.get(unit).map(|taken| position(unit, taken)),
    }
}

/// 裁定.
pub fn ruling_made(case: &Case, ruling: &Ruling, at: Timestamp) -> wire::RulingMade {
    wire::RulingMade {
        case_id: case.id.to_string(),
        ruling_id: ruling.id.to_string(),
        consultation_id: ruling.consultation.to_string(),
        shares: shares(&ruling.shares),
        precedent_id: ruling.precedent.id.to_string(),
        ruled_at: Some(write::time(at)),
        round: case.round,
    }
}

/// 派单.
pub fn dispatched(order: &WorkOrder) -> wire::WorkOrderDispatched {
    wire::WorkOrderDispatched {
        work_order_id: order.id.to_string(),
        case_id: order.case.to_string(),
        unit_code: order.unit.to_string(),
        role: write::role(order.role),
        duty: write::duty(order.task.duty),
        person_code: order.assignee.person.to_string(),
        post_code: order.assignee.post.to_string(),
        deadline: Some(deadline(&order.deadline)),
        citations: order.grounds.iter().map(ground).collect(),
        operation_id: order.operation.map(|id| id.to_string()).unwrap_or_default(),
        round: order.round,
        acknowledge_deadline: Some(deadline(&order.acknowledge_by)),
    }
}

/// 签收.
pub fn acknowledged(order: &WorkOrder, at: Timestamp) -> wire::WorkOrderAcknowledged {
    wire::WorkOrderAcknowledged {
        work_order_id: order.id.to_string(),
        case_id: order.case.to_string(),
        unit_code: order.unit.to_string(),
        acknowledged_at: Some(write::time(at)),
    }
}

/// 派单异议.
pub fn objected(order: &WorkOrder, hops: u32, at: Timestamp) -> wire::WorkOrderObjected {
    let citation = match &order.stage {
        OrderStage::Objected { ground: cited, .. } => Some(ground(cited)),
        _ => None,
    };
    wire::WorkOrderObjected {
        work_order_id: order.id.to_string(),
        case_id: order.case.to_string(),
        unit_code: order.unit.to_string(),
        citation,
        objected_at: Some(write::time(at)),
        hops,
    }
}

/// 异议裁定.
pub fn objection_decided(order: &WorkOrder, upheld: bool, hops: u32, at: Timestamp) -> wire::WorkOrderObjectionDecided {
    wire::WorkOrderObjectionDecided {
        work_order_id: order.id.to_string(),
        case_id: order.case.to_string(),
        unit_code: order.unit.to_string(),
        upheld,
        decided_at: Some(write::time(at)),
        hops,
    }
}

/// 撤单.
pub fn withdrawn(order: &WorkOrder, at: Timestamp) -> wire::WorkOrderWithdrawn {
    let reason_code = match &order.stage {
        OrderStage::Withdrawn { because, .. } => because.as_str().to_owned(),
        _ => String::new(),
    };
    wire::WorkOrderWithdrawn {
        work_order_id: order.id.to_string(),
        case_id: order.case.to_string(),
        unit_code: order.unit.to_string(),
        reason_code,
        withdrawn_at: Some(write::time(at)),
    }
}

/// 进展报告.
pub fn reported(order: &WorkOrder, at: Timestamp) -> wire::WorkOrderReported {
    wire::WorkOrderReported {
        work_order_id: order.id.to_string(),
        case_id: order.case.to_string(),
        unit_code: order.unit.to_string(),
        reported_at: Some(write::time(at)),
    }
}

/// 办结.
pub fn completed(order: &WorkOrder, at: Timestamp) -> wire::WorkOrderCompleted {
    let (came_of_it, proof) = match &order.stage {
        OrderStage::Completed { outcome: came, evidence: proof, .. } => (outcome(*came), evidence(proof)),
        _ => (0, Vec::new()),
    };
    wire::WorkOrderCompleted {
        work_order_id: order.id.to_string(),
        case_id: order.case.to_string(),
        unit_code: order.unit.to_string(),
        outcome: came_of_it,
        evidence: proof,
        completed_at: Some(write::time(at)),
    }
}

/// 提请联合执法.
pub fn escalated(case: &Case, order: WorkOrderId, escalation: &Escalation, at: Timestamp) -> wire::CaseEscalated {
    wire::CaseEscalated {
        case_id: case.id.to_string(),
        facts: Some(write::facts(&case.facts)),
        participants: escalation
            .participants
            .iter()
            .map(|participant| wire::EscalatedParticipant {
                unit_code: participant.unit.to_string(),
                role: write::role(participant.role),
                duties: participant.duties.iter().copied().map(write::duty).collect(),
                power_item_codes: participant.items.iter().map(ToString::to_string).collect(),
            })
            .collect(),
        ground_code: escalation.ground.as_str().to_owned(),
        work_order_id: order.to_string(),
        finish_by: Some(write::time(escalation.finish_by)),
        escalated_at: Some(write::time(at)),
        round: case.round,
    }
}

/// 后续处置了结.
pub fn follow_up_settled(
    case: &Case,
    operation: OperationId,
    unit: &UnitCode,
    to: Option<&UnitCode>,
    reason: SettlingReason,
    at: Timestamp,
) -> wire::FollowUpSettled {
    let reason = match reason {
        SettlingReason::ItemNotListed => wire::SettlingReason::ItemNotListed,
        SettlingReason::NobodyToAnswer => wire::SettlingReason::NobodyToAnswer,
        SettlingReason::DoneOtherwise => wire::SettlingReason::DoneOtherwise,
        SettlingReason::NotNeeded => wire::SettlingReason::NotNeeded,
        SettlingReason::CaseLinked => wire::SettlingReason::CaseLinked,
        SettlingReason::CaseEnded => wire::SettlingReason::CaseEnded,
    };
    wire::FollowUpSettled {
        case_id: case.id.to_string(),
        operation_id: operation.to_string(),
        unit_code: unit.to_string(),
        reason: reason.into(),
        to_unit_code: to.map(ToString::to_string).unwrap_or_default(),
        settled_at: Some(write::time(at)),
    }
}

/// 办理完毕.
pub fn handled(file: &CaseFile, at: Timestamp) -> wire::CaseHandled {
    let (lead_unit, conclusion) = match &file.case.stage {
        CaseStage::Handled { lead, conclusion, .. } => (lead.to_string(), conclusion.as_str().to_owned()),
        _ => Default::default(),
    };
    let done = || {
        file.orders
            .values()
            .filter(|order| order.round == file.case.round && matches!(order.stage, OrderStage::Completed { .. }))
    };
    let mut proof: Vec<BlobRef> = Vec::new();
    for order in done() {
        if let OrderStage::Completed { evidence: files, .. } = &order.stage {
            let files = evidence(files);
            proof.extend(
                files
                    .into_iter()
                    .filter(|file| !proof.iter().any(|known| known.sha256 == file.sha256))
                    .collect::<Vec<_>>(),
            );
        }
    }
    wire::CaseHandled {
        case_id: file.case.id.to_string(),
        lead_unit,
        conclusion,
        work_order_ids: done().map(|order| order.id.to_string()).collect(),
        evidence: proof,
        handled_at: Some(write::time(at)),
        round: file.case.round,
    }
}

/// 清单发布.
pub fn list_published(
    pack_hash: [u8; 32],
    revision: u64,
    items_added: u32,
    items_ended: u32,
    expired_precedent_ids: Vec<String>,
) -> wire::ListPublished {
    wire::ListPublished {
        pack_hash: pack_hash.to_vec().into(),
        revision,
        items_added,
        items_ended,
        expired_precedent_ids,
    }
}

/// 机构发布.
pub fn organisation_published(pack_hash: [u8; 32], at: Timestamp) -> wire::OrganisationPublished {
    wire::OrganisationPublished { pack_hash: pack_hash.to_vec().into(), effective_at: Some(write::time(at)) }
}

/// 账号停用.
pub fn account_disabled(account_id: &str, at: Timestamp) -> wire::AccountDisabled {
    wire::AccountDisabled { account_id: account_id.to_owned(), disabled_at: Some(write::time(at)) }
}
