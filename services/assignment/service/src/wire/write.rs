//! The domain's types as messages.

use assignment_domain::case::{Case, DecisionSource, Diagnosis};
use assignment_domain::consultation::{Consultation, ConsultationStage, Position, Stance};
use assignment_domain::deadline::Deadline;
use assignment_domain::evidence::{Evidence, EvidenceFile};
use assignment_domain::list::{ItemKind, ListItem};
use assignment_domain::order::{OrderStage, Outcome, WorkOrder};
use assignment_domain::precedent::Precedent;
use assignment_domain::proof::{Basis, Determination, MatchedItem, Miss, Proof};
use assignment_domain::share::{Ground, Share};
use vocab::{FactCode, UnitCode};
use words::write;
use xiezhi_proto::assignment::v1 as wire;
use xiezhi_proto::common::v1 as common;

use crate::rules::Rules;
use crate::store::read as rows;

/// 依据.
pub fn ground(ground: &Ground) -> common::Citation {
    write::item_citation(&ground.citation, ground.item.as_ref())
}

/// 份额.
pub fn share(share: &Share) -> common::Share {
    common::Share {
        unit_code: share.unit.to_string(),
        role: write::role(share.role),
        duty: write::duty(share.duty),
        citations: share.grounds.iter().map(ground).collect(),
    }
}

/// All shares.
pub fn shares(shares: &[Share]) -> Vec<common::Share> {
    shares.iter().map(share).collect()
}

/// 期限.
pub fn deadline(deadline: &Deadline) -> common::Deadline {
    common::Deadline {
        rule: deadline.rule.to_string(),
        anchor_at: Some(write::time(deadline.anchor_at)),
        due_at: Some(write::time(deadline.due_at)),
        calendar_version: deadline.calendar_version,
        citation: Some(write::citation(&deadline.citation)),
    }
}

/// 证据.
pub fn evidence(evidence: &Evidence) -> Vec<common::BlobRef> {
    evidence.files().iter().map(evidence_file).collect()
}

fn evidence_file(file: &EvidenceFile) -> common::BlobRef {
    common::BlobRef {
        sha256: file.digest.digest().to_vec().into(),
        media_type: file.media_type.clone(),
        size_bytes: file.size_bytes,
    }
}

/// 认定结果的种类.
pub fn kind(outcome: &Determination) -> i32 {
    match outcome {
        Determination::Sole { .. } => wire::DeterminationKind::Sole,
        Determination::LeadWithSupport { .. } => wire::DeterminationKind::LeadWithSupport,
        Determination::Overlap { .. } => wire::DeterminationKind::Overlap,
        Determination::Gap => wire::DeterminationKind::Gap,
    }
    .into()
}

/// The same as the store names it.
pub const fn kind_name(outcome: &Determination) -> &'static str {
    match outcome {
        Determination::Sole { .. } => "sole",
        Determination::LeadWithSupport { .. } => "lead_with_support",
        Determination::Overlap { .. } => "overlap",
        Determination::Gap => "gap",
    }
}

/// 意见, silence included.
pub fn position(unit: &UnitCode, position: &Position) -> wire::Position {
    let (stance, citation, at) = match position {
        Position::Silent { at } => (wire::Stance::Silent, None, *at),
        Position::Taken { stance, ground: cited, at } => {
            let stance = match stance {
                Stance::Mine => wire::Stance::Mine,
                Stance::NotMine => wire::Stance::NotMine,
                Stance::Shared => wire::Stance::Shared,
            };
            (stance, Some(ground(cited)), *at)
        }
    };
    wire::Position { unit_code: unit.to_string(), stance: stance.into(), citation, taken_at: Some(write::time(at)) }
}

/// The words of each unit beside its position, newest last.
pub type Reasons = std::collections::BTreeMap<String, String>;

fn stated<'p>(
    positions: impl IntoIterator<Item = (&'p UnitCode, &'p Position)>,
    reasons: &Reasons,
) -> Vec<wire::StatedPosition> {
    positions
        .into_iter()
        .map(|(unit, taken)| wire::StatedPosition {
            position: Some(position(unit, taken)),
            reason: reasons.get(unit.as_str()).cloned().unwrap_or_default(),
        })
        .collect()
}

/// 待补事实.
pub fn missing_facts<'f>(facts: impl IntoIterator<Item = &'f FactCode>, rules: &Rules) -> Vec<wire::MissingFact> {
    facts
        .into_iter()
        .map(|code| {
            let (question_zh, question_en) = rules.question(code);
            wire::MissingFact { code: code.to_string(), question_zh, question_en }
        })
        .collect()
}

/// 诊断.
pub fn diagnosis(case: &Case, diagnosis: &Diagnosis, rules: &Rules, reasons: &Reasons) -> wire::Diagnosis {
    let handling = rules.policy.handling(&diagnosis.outcome, &case.facts);
    wire::Diagnosis {
        case_id: case.id.to_string(),
        kind: kind(&diagnosis.outcome),
        shares: shares(diagnosis.outcome.shares()),
        asked_units: diagnosis.asked.iter().map(ToString::to_string).collect(),
        positions: stated(&diagnosis.positions, reasons),
        missing_facts: missing_facts(&diagnosis.missing_facts, rules),
        answer_deadline: Some(deadline(&diagnosis.answer_by)),
        made_at: diagnosis.made_at.map(write::time),
        mode: handling.map(|(mode, _)| write::mode(mode)).unwrap_or_default(),
        track: handling.map(|(_, track)| write::track(track)).unwrap_or_default(),
    }
}

/// 会商.
pub fn consultation(consultation: &Consultation, reasons: &Reasons) -> wire::Consultation {
    let (stage, ruling_deadline, ruling) = match &consultation.stage {
        ConsultationStage::Open => (wire::ConsultationStage::Open, None, None),
        ConsultationStage::Answered { rule_by } => (wire::ConsultationStage::Answered, Some(deadline(rule_by)), None),
        ConsultationStage::Ruled { ruling, .. } => (wire::ConsultationStage::Ruled, None, Some(*ruling)),
        ConsultationStage::Withdrawn { .. } => (wire::ConsultationStage::Withdrawn, None, None),
    };
    let work_order_id = match consultation.cause {
        assignment_domain::consultation::Cause::Objection { order } => order.to_string(),
        _ => String::new(),
    };
    wire::Consultation {
        consultation_id: consultation.id.to_string(),
        case_id: consultation.case.to_string(),
        stage: stage.into(),
        cause_code: consultation.cause.as_str().to_owned(),
        work_order_id,
        asked_units: consultation.asked.iter().map(ToString::to_string).collect(),
        positions: stated(&consultation.positions, reasons),
        answer_deadline: Some(deadline(&consultation.answer_by)),
        ruling_deadline,
        ruling_id: ruling.map(|ruling| ruling.to_string()).unwrap_or_default(),
        opened_at: Some(write::time(consultation.opened_at)),
    }
}

/// 办理结果.
pub fn outcome(outcome: Outcome) -> i32 {
    match outcome {
        Outcome::Rectified => wire::Outcome::Rectified,
        Outcome::Punished => wire::Outcome::Punished,
        Outcome::Identified => wire::Outcome::Identified,
        Outcome::Assisted => wire::Outcome::Assisted,
        Outcome::Explained => wire::Outcome::Explained,
        Outcome::Unfounded => wire::Outcome::Unfounded,
    }
    .into()
}

/// 工单, with what its case says.
pub fn work_order(order: &WorkOrder, case_no: &str, facts: Option<&vocab::CaseFacts>) -> wire::WorkOrder {
    let stage = match &order.stage {
        OrderStage::Dispatched => wire::WorkOrderStage::Dispatched,
        OrderStage::Acknowledged { .. } => wire::WorkOrderStage::Acknowledged,
        OrderStage::Objected { .. } => wire::WorkOrderStage::Objected,
        OrderStage::Completed { .. } => wire::WorkOrderStage::Completed,
        OrderStage::Withdrawn { .. } => wire::WorkOrderStage::Withdrawn,
    };
    let (came_of_it, proof) = match &order.stage {
        OrderStage::Completed { outcome: came, evidence: proof, .. } => (outcome(*came), evidence(proof)),
        _ => (0, Vec::new()),
    };
    let withdrawn_because = match &order.stage {
        OrderStage::Withdrawn { because, .. } => because.as_str().to_owned(),
        _ => String::new(),
    };
    wire::WorkOrder {
        work_order_id: order.id.to_string(),
        case_id: order.case.to_string(),
        case_no: case_no.to_owned(),
        unit_code: order.unit.to_string(),
        role: write::role(order.role),
        duties: order.task.duties().map(write::duty).collect(),
        duty_text_zh: order.task.zh.clone(),
        duty_text_en: order.task.en.clone(),
        person_code: order.assignee.person.to_string(),
        post_code: order.assignee.post.to_string(),
        deadline: Some(deadline(&order.deadline)),
        acknowledge_deadline: Some(deadline(&order.acknowledge_by)),
        objection_deadline: Some(deadline(&order.object_by)),
        citations: order.grounds.iter().map(ground).collect(),
        stage: stage.into(),
        operation_id: order.operation.map(|id| id.to_string()).unwrap_or_default(),
        round: order.round,
        ruling_id: order.ruling.map(|id| id.to_string()).unwrap_or_default(),
        dispatched_at: Some(write::time(order.dispatched_at)),
        acknowledged_at: order.acknowledged_at().map(write::time),
        closed_at: order.closed_at().map(write::time),
        outcome: came_of_it,
        evidence: proof,
        withdrawn_because,
        pressed: order.pressed.iter().map(pressed).collect(),
        facts: facts.map(write::facts),
        deadline_state: order.deadline_state.as_str().to_owned(),
    }
}

fn pressed(pressed: &assignment_domain::order::Pressed) -> wire::Pressed {
    wire::Pressed {
        supervision_order_id: pressed.order.to_string(),
        rung_code: pressed.rung.clone(),
        answer_by: pressed.answer_by.map(write::time),
        issued_at: Some(write::time(pressed.issued_at)),
        answered_at: pressed.answered_at.map(write::time),
    }
}

fn item_kind(kind: ItemKind) -> i32 {
    match kind {
        ItemKind::Power => wire::ItemKind::Power,
        ItemKind::Responsibility => wire::ItemKind::Responsibility,
        ItemKind::KeptDuty => wire::ItemKind::KeptDuty,
    }
    .into()
}

fn day(day: Option<jiff::civil::Date>) -> String {
    day.map(|day| day.to_string()).unwrap_or_default()
}

fn matched_item(item: &MatchedItem) -> wire::MatchedItem {
    wire::MatchedItem {
        kind: item_kind(item.kind),
        item_code: item.item.to_string(),
        name: item.zh.clone(),
        unit_code: item.unit.to_string(),
        duties: item.duties.iter().copied().map(write::duty).collect(),
        citation: Some(write::item_citation(&item.citation, Some(&item.item))),
        matter_codes: item.matters.iter().map(ToString::to_string).collect(),
        valid_from: item.validity.from.to_string(),
        valid_to: day(item.validity.to),
        source: item.source.clone(),
    }
}

fn near_miss(near: &assignment_domain::proof::NearMiss) -> wire::NearMiss {
    let codes = |facts: &std::collections::BTreeSet<FactCode>| facts.iter().map(ToString::to_string).collect();
    let (reason, fact_codes) = match &near.miss {
        Miss::Region => (wire::MissReason::Region, Vec::new()),
        Miss::ObjectType => (wire::MissReason::ObjectType, Vec::new()),
        Miss::Validity => (wire::MissReason::Validity, Vec::new()),
        Miss::Fact { facts } => (wire::MissReason::Fact, codes(facts)),
        Miss::FactUnknown { facts } => (wire::MissReason::FactUnknown, codes(facts)),
    };
    wire::NearMiss { item: Some(matched_item(&near.item)), reason: reason.into(), fact_codes }
}

/// 认定结果与依据.
pub fn result(proof: &Proof, rules: &Rules) -> wire::DeterminationResult {
    let contender_units = match &proof.answer {
        Determination::Overlap { contenders } => contenders.iter().map(ToString::to_string).collect(),
        _ => Vec::new(),
    };
    let (rule, source, precedent) = match &proof.basis {
        Basis::Lists => Default::default(),
        Basis::BoundaryRule { code, source } => (code.to_string(), source.clone(), String::new()),
        Basis::Precedent { precedent } => (String::new(), String::new(), precedent.to_string()),
    };
    wire::DeterminationResult {
        kind: kind(&proof.answer),
        shares: shares(proof.answer.shares()),
        contender_units,
        proof: Some(wire::Proof {
            facts: Some(write::facts(&proof.facts)),
            valid_on: proof.valid_on.to_string(),
            known_at: Some(write::time(proof.known_at)),
            matched: proof.matched.iter().map(matched_item).collect(),
            near_misses: proof.near_misses.iter().map(near_miss).collect(),
            boundary_rule_code: rule,
            boundary_rule_source: source,
            precedent_id: precedent,
            missing_facts: missing_facts(&proof.missing_facts, rules),
        }),
    }
}

/// 清单条目.
pub fn listed_item(item: &ListItem) -> wire::ListedItem {
    wire::ListedItem {
        kind: item_kind(item.kind),
        item_code: item.code.to_string(),
        name_zh: item.zh.clone(),
        name_en: item.en.clone(),
        unit_code: item.holder.to_string(),
        region_codes: item.towns.regions.iter().map(ToString::to_string).collect(),
        matter_codes: item.matters.iter().map(ToString::to_string).collect(),
        object_types: item.object_types.iter().map(ToString::to_string).collect(),
        duties: item.duties.iter().copied().map(write::duty).collect(),
        citation: Some(write::item_citation(&item.citation, Some(&item.code))),
        source: item.source.clone(),
        valid_from: item.validity.from.to_string(),
        valid_to: day(item.validity.to),
        recorded_from: Some(write::time(item.recorded.from)),
        recorded_until: item.recorded.until.map(write::time),
    }
}

/// 先例, with the case it comes from where the reader may know of that.
pub fn precedent(precedent: &Precedent, is_known: bool) -> wire::Precedent {
    let (ruling_id, case_id) =
        if is_known { (precedent.ruling.to_string(), precedent.case.to_string()) } else { Default::default() };
    wire::Precedent {
        precedent_id: precedent.id.to_string(),
        ruling_id,
        case_id,
        matter_codes: precedent.matters.iter().map(ToString::to_string).collect(),
        region_code: precedent.region.as_ref().map(ToString::to_string).unwrap_or_default(),
        object_type: precedent.object_type.to_string(),
        facts: precedent
            .facts
            .iter()
            .map(|(code, value)| common::Fact { code: code.to_string(), value: value.to_string() })
            .collect(),
        shares: precedent
            .shares
            .iter()
            .map(|share| common::Share {
                unit_code: share.body.to_string(),
                role: write::role(share.role),
                duty: write::duty(share.duty),
                citations: share.grounds.iter().map(ground).collect(),
            })
            .collect(),
        item_codes: precedent.rests_on.iter().map(ToString::to_string).collect(),
        known_from: Some(write::time(precedent.recorded.from)),
        valid_to: day(precedent.validity.to),
        expired_at: precedent.recorded.until.map(write::time),
        expired_because: precedent.expired_because.map(|because| because.as_str().to_owned()).unwrap_or_default(),
    }
}

/// 待办.
pub fn open_task(task: rows::OpenTask) -> wire::OpenTask {
    wire::OpenTask {
        case_id: task.case.to_string(),
        task_code: task.task,
        unit_code: task.unit,
        reference_id: if task.reference == task.case { String::new() } else { task.reference.to_string() },
        due_at: task.due_at.map(write::time),
    }
}

/// 工作文字.
pub fn work_text(kind: String, unit_code: String, text: String, at: jiff::Timestamp) -> wire::WorkText {
    wire::WorkText { kind, unit_code, text, written_at: Some(write::time(at)) }
}

/// 谁对案件负责.
pub fn responsibility(standing: &rows::Standing) -> wire::Responsibility {
    let case = &standing.case;
    let source = case.stage.decision().map(|decision| decision.source);
    let (determination_id, ruling_id) = match source {
        Some(DecisionSource::Determination { id }) => (id.to_string(), String::new()),
        Some(DecisionSource::Ruling { id }) => (String::new(), id.to_string()),
        None => Default::default(),
    };
    wire::Responsibility {
        case_id: case.id.to_string(),
        case_no: case.case_no.clone(),
        stage: case.stage.name().to_owned(),
        determination_id,
        ruling_id,
        consultation_id: standing.consultation.map(|id| id.to_string()).unwrap_or_default(),
        timer_armed: standing.timer_armed,
        shares: case.stage.decision().map(|decision| shares(&decision.shares)).unwrap_or_default(),
        round: case.round,
        hops: case.hops,
        operation_id: case.operation_id().map(|id| id.to_string()).unwrap_or_default(),
    }
}
