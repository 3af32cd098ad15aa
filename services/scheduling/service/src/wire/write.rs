//! From the domain to what callers read.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use scheduling_domain::command::Inspection;
use scheduling_domain::operation::{Fixed, Trigger};
use scheduling_domain::{
    Answer, Booking, Hours, Infeasible, Kind, Obstacle, Officer, Operation, Plan, Stage, Task, Terms, Words,
};
use vocab::UnitCode;
use words::write;
use xiezhi_proto::scheduling::v1 as proto;

use super::events;
use crate::app;
use crate::store::WrittenRow;
use crate::unit::Unit;

fn strings<T: ToString>(items: impl IntoIterator<Item = T>) -> Vec<String> {
    items.into_iter().map(|item| item.to_string()).collect()
}

/// A sentence.
pub fn sentence(words: &Words) -> proto::Sentence {
    proto::Sentence { zh: words.zh.clone(), en: words.en.clone() }
}

/// 阶段.
pub fn stage(stage: &Stage) -> proto::OperationStage {
    match stage {
        Stage::Proposed { .. } => proto::OperationStage::Proposed,
        Stage::Rejected { .. } => proto::OperationStage::Rejected,
        Stage::Fixed(_) => proto::OperationStage::Fixed,
        Stage::Started(_) => proto::OperationStage::Started,
        Stage::Concluded(_) => proto::OperationStage::Concluded,
        Stage::Cancelled { .. } => proto::OperationStage::Cancelled,
    }
}

/// 联合行动 as a command leaves it.
pub fn decided(unit: &Unit, after: &Operation) -> proto::Operation {
    operation(after, app::finish_by(unit, after))
}

/// 联合行动, with the earliest statutory end of its cases where one is known.
pub fn operation(operation: &Operation, finish_by: Option<Timestamp>) -> proto::Operation {
    let Trigger::CaseEscalated { ground, work_order, round } = &operation.trigger;
    let mut message = proto::Operation {
        operation_id: operation.id.to_string(),
        case_ids: strings(&operation.cases),
        stage: stage(&operation.stage).into(),
        trigger_code: operation.trigger.code().to_owned(),
        ground_code: ground.clone(),
        work_order_id: work_order.map(|id| id.to_string()).unwrap_or_default(),
        round: *round,
        region_code: operation.region.to_string(),
        matter_codes: strings(&operation.matters),
        object_type: operation.object_type.to_string(),
        participations: participations(operation),
        plan: operation.plan().map(|one| plan(operation, one)),
        proposed_at: Some(write::time(operation.proposed_at)),
        finish_by: finish_by.map(write::time),
        ..proto::Operation::default()
    };
    match &operation.stage {
        Stage::Proposed { .. } => {}
        Stage::Rejected { reason, at } | Stage::Cancelled { reason, at } => {
            message.reason_code = reason.to_string();
            message.ended_at = Some(write::time(*at));
        }
        Stage::Fixed(fixed) => {
            message.terms = Some(terms(&fixed.terms));
            message.confirm_by = fixed.confirm_by.map(write::time);
            message.moves = fixed.moves;
            message.approved_at = Some(write::time(fixed.approved_at));
        }
        Stage::Started(started) => {
            message.terms = Some(terms(&started.terms));
            message.started_at = Some(write::time(started.started_at));
        }
        Stage::Concluded(concluded) => {
            message.terms = Some(terms(&concluded.terms));
            message.started_at = Some(write::time(concluded.started_at));
            message.ended_at = Some(write::time(concluded.concluded_at));
            message.follow_ups = concluded.follow_ups.iter().map(events::follow_up).collect();
        }
    }
    message
}

fn participations(operation: &Operation) -> Vec<proto::Participation> {
    let arrivals = match &operation.stage {
        Stage::Fixed(fixed) => Some(&fixed.arrivals),
        Stage::Started(started) => Some(&started.arrivals),
        Stage::Concluded(concluded) => Some(&concluded.arrivals),
        Stage::Proposed { .. } | Stage::Rejected { .. } | Stage::Cancelled { .. } => None,
    };
    operation
        .participants
        .iter()
        .map(|participant| {
            let unit = &participant.unit;
            let crew = operation.plan().and_then(|plan| plan.crew(unit));
            let arrival = arrivals.and_then(|arrivals| arrivals.get(unit));
            let mut message = proto::Participation {
                unit_code: unit.to_string(),
                role: write::role(participant.role),
                duties: participant.duties.iter().map(|duty| write::duty(*duty)).collect(),
                power_item_codes: strings(&participant.items),
                enforcing: crew.is_some_and(|crew| crew.enforcing),
                officer_codes: crew.map(|crew| strings(&crew.officers)).unwrap_or_default(),
                checked_in_at: arrival.map(|arrival| write::time(arrival.at)),
                present_officer_codes: arrival.map(|arrival| strings(&arrival.officers)).unwrap_or_default(),
                present_assistant_codes: arrival.map(|arrival| strings(&arrival.assistants)).unwrap_or_default(),
                ..proto::Participation::default()
            };
            if let Stage::Fixed(fixed) = &operation.stage {
                answer(&mut message, fixed, unit);
            }
            message
        })
        .collect()
}

fn answer(message: &mut proto::Participation, fixed: &Fixed, unit: &UnitCode) {
    use proto::ParticipationAnswer as Wire;
    let (answer, at) = match fixed.answers.get(unit) {
        None => return,
        Some(Answer::Asked) => (Wire::Asked, None),
        Some(Answer::Confirmed { at }) => (Wire::Confirmed, Some(*at)),
        Some(Answer::Silent { at }) => (Wire::Silent, Some(*at)),
        Some(Answer::Declined { reason, at }) => {
            message.decline_reason_code = reason.to_string();
            (Wire::Declined, Some(*at))
        }
    };
    message.answer = answer.into();
    message.answered_at = at.map(write::time);
}

/// 批准条件.
pub fn terms(terms: &Terms) -> proto::PlanTerms {
    let time = |time: jiff::civil::Time| format!("{:02}:{:02}", time.hour(), time.minute());
    proto::PlanTerms {
        kind: match terms.kind {
            Kind::Inspection => proto::OperationKind::Inspection.into(),
            Kind::Compulsory => proto::OperationKind::Compulsory.into(),
        },
        urgent: terms.urgent,
        duration_minutes: terms.minutes,
        hours: match terms.hours {
            Hours::Office => None,
            Hours::Daily { from, to } => Some(proto::PlanHours { from: time(from), to: time(to) }),
            Hours::Any => Some(proto::PlanHours { from: "00:00".to_owned(), to: "00:00".to_owned() }),
        },
        vehicles: Some(terms.vehicles),
        resource_codes: strings(&terms.resources),
        recused_officer_codes: strings(&terms.recused),
        leave_out_unit_codes: Vec::new(),
    }
}

/// 方案.
pub fn plan(operation: &Operation, plan: &Plan) -> proto::Plan {
    proto::Plan {
        starts_at: Some(write::time(plan.span.from)),
        ends_at: Some(write::time(plan.span.until)),
        participants: events::participants(operation, Some(plan)),
        resource_codes: strings(plan.resources.keys()),
        passed_over: plan.passed_over.iter().map(obstacle).collect(),
        after_deadline: plan.after_deadline,
    }
}

/// 障碍.
pub fn obstacle(obstacle: &Obstacle) -> proto::Obstacle {
    let (code, unit, citation) = match obstacle {
        Obstacle::NoRoom { .. } => ("no_room", None, None),
        Obstacle::WishOutside { .. } => ("wish_outside", None, None),
        Obstacle::OutsideHours { .. } => ("outside_hours", None, None),
        Obstacle::Forbidden { citation, .. } => ("forbidden", None, Some(citation)),
        Obstacle::Short { unit, .. } => ("short", Some(unit), None),
        Obstacle::ThingTaken { .. } => ("thing_taken", None, None),
        Obstacle::FewVehicles { .. } => ("few_vehicles", None, None),
        Obstacle::NeverTogether { .. } => ("never_together", None, None),
    };
    proto::Obstacle {
        code: code.to_owned(),
        unit_code: unit.map(ToString::to_string).unwrap_or_default(),
        citation: citation.map(write::citation),
        says: Some(sentence(&obstacle.say())),
    }
}

/// What a plan, or the lack of one, looks like to somebody who only asks.
pub fn preview(operation: &Operation, planned: &Result<Plan, Infeasible>) -> proto::PreviewPlanResponse {
    match planned {
        Ok(found) => {
            proto::PreviewPlanResponse { feasible: true, plan: Some(plan(operation, found)), obstacles: Vec::new() }
        }
        Err(infeasible) => proto::PreviewPlanResponse {
            feasible: false,
            plan: None,
            obstacles: infeasible.obstacles.iter().map(obstacle).collect(),
        },
    }
}

/// 现场记录 with its words.
pub fn inspection(entry: &Inspection, words: &str) -> proto::InspectionEntry {
    proto::InspectionEntry {
        inspection_id: entry.id.to_string(),
        unit_code: entry.unit.to_string(),
        form_codes: strings(&entry.forms),
        findings: entry
            .findings
            .iter()
            .map(|(unit, finding)| proto::UnitFinding {
                unit_code: unit.to_string(),
                finding_code: finding.as_str().to_owned(),
            })
            .collect(),
        evidence: entry.evidence.iter().map(events::evidence).collect(),
        words: words.to_owned(),
        recorded_at: Some(write::time(entry.at)),
    }
}

/// What a person said with a decision.
pub fn remark(row: WrittenRow) -> proto::Remark {
    proto::Remark { verb: row.verb, unit_code: row.unit, words: row.words, at: Some(write::time(row.at.to_jiff())) }
}

/// The record of an operation, with the words people wrote by entry.
pub fn inspections(operation: &Operation, words: &BTreeMap<uuid::Uuid, String>) -> Vec<proto::InspectionEntry> {
    let record = match &operation.stage {
        Stage::Started(started) => started.record.as_slice(),
        Stage::Concluded(concluded) => concluded.record.as_slice(),
        Stage::Proposed { .. } | Stage::Rejected { .. } | Stage::Fixed(_) | Stage::Cancelled { .. } => &[],
    };
    record.iter().map(|entry| inspection(entry, words.get(&entry.id).map_or("", String::as_str))).collect()
}

/// 占用.
pub fn booking(booking: &Booking) -> proto::Booking {
    proto::Booking {
        operation_id: booking.operation.to_string(),
        subject_kind: booking.subject.kind().to_owned(),
        subject_code: booking.subject.code().to_owned(),
        unit_code: booking.unit.to_string(),
        starts_at: Some(write::time(booking.span.from)),
        ends_at: Some(write::time(booking.span.until)),
        state: booking.state.as_str().to_owned(),
    }
}

/// 待办, once for each case the operation serves.
pub fn tasks(operation: &Operation, task: &Task, centre: &str, now: Timestamp) -> Vec<proto::OpenTask> {
    let one = |case: &vocab::CaseId| proto::OpenTask {
        case_id: case.to_string(),
        task_code: task.code.to_owned(),
        unit_code: task.unit.as_ref().map_or_else(|| centre.to_owned(), ToString::to_string),
        operation_id: operation.id.to_string(),
        since: Some(write::time(task.since)),
        due_at: task.due_at.map(write::time),
        overdue: task.due_at.is_some_and(|due| due < now),
        pressed: operation.pressed_at.is_some(),
    };
    operation.cases.iter().map(one).collect()
}

/// 执法人员, judged on a day.
pub fn officer(officer: &Officer, on: Date) -> proto::Officer {
    let bar = officer.bar_on(on);
    proto::Officer {
        officer_code: officer.code.to_string(),
        unit_code: officer.unit.to_string(),
        auxiliary: officer.auxiliary,
        certificate: officer.certificate.as_ref().map(|certificate| proto::Certificate {
            number: certificate.number.clone(),
            valid_from: certificate.valid_from.to_string(),
            valid_to: certificate.valid_to.to_string(),
        }),
        suspended_since: officer.suspended_since.map(write::time),
        eligible: bar.is_none(),
        bar: bar.map(|bar| sentence(&bar.say())),
    }
}
