//! What scheduling says, and the proposal an escalation makes.

use jiff::Timestamp;
use kit::context::{Cause, Context};
use kit::service::Failed;
use scheduling_domain::{Event, Officer, Operation, Participant, Plan, Proposal, Trigger};
use vocab::{CaseId, Duty, OperationId, PowerItemCode, UnitCode, WorkOrderId};
use words::{Mistakes, read, write};
use xiezhi_proto::assignment::v1::{CaseEscalated, EscalatedParticipant};
use xiezhi_proto::common::v1::BlobRef;
use xiezhi_proto::scheduling::v1 as proto;

use super::heard::broken;
use crate::rules::Rules;

fn case_ids(operation: &Operation) -> Vec<String> {
    operation.cases.iter().map(ToString::to_string).collect()
}

fn strings<T: ToString>(items: impl IntoIterator<Item = T>) -> Vec<String> {
    items.into_iter().map(|item| item.to_string()).collect()
}

/// 参与单位 with the officers a plan gives it.
pub fn participants(operation: &Operation, plan: Option<&Plan>) -> Vec<proto::Participant> {
    let officers = |unit: &UnitCode| plan.and_then(|plan| plan.crew(unit)).map(|crew| strings(&crew.officers));
    operation
        .participants
        .iter()
        .filter(|participant| plan.is_none_or(|plan| plan.crew(&participant.unit).is_some()))
        .map(|participant| proto::Participant {
            unit_code: participant.unit.to_string(),
            role: write::role(participant.role),
            duties: participant.duties.iter().map(|duty| write::duty(*duty)).collect(),
            officer_codes: officers(&participant.unit).unwrap_or_default(),
        })
        .collect()
}

/// A stored file.
pub fn evidence(evidence: &scheduling_domain::command::Evidence) -> BlobRef {
    write::blob(&words::Blob {
        digest: evidence.blob,
        media_type: evidence.media_type.clone(),
        size_bytes: evidence.size_bytes,
    })
}

/// A follow-up.
pub fn follow_up(follow_up: &scheduling_domain::FollowUp) -> proto::FollowUp {
    proto::FollowUp {
        unit_code: follow_up.unit.to_string(),
        duty: write::duty(follow_up.duty),
        power_item_codes: strings(&follow_up.items),
        finding_code: follow_up.finding.as_str().to_owned(),
    }
}

/// Says that an operation was proposed.
pub fn say_proposed(cx: &mut Context<Rules>, operation: &Operation) {
    cx.emit(
        operation.id.uuid(),
        &proto::OperationProposed {
            operation_id: operation.id.to_string(),
            case_ids: case_ids(operation),
            participants: participants(operation, None),
            trigger_code: operation.trigger.code().to_owned(),
            region_code: operation.region.to_string(),
            proposed_at: Some(write::time(operation.proposed_at)),
        },
    );
}

/// Says what happened to an operation, as it stands afterwards.
pub fn say(cx: &mut Context<Rules>, operation: &Operation, event: &Event, at: Timestamp) {
    let (key, operation_id, case_ids) = (operation.id.uuid(), operation.id.to_string(), case_ids(operation));
    let at = Some(write::time(at));
    match event {
        Event::Approved => cx.emit(key, &proto::OperationApproved { operation_id, case_ids, approved_at: at }),
        Event::Fixed { plan, .. } => cx.emit(key, &fixed(operation, plan, at)),
        Event::Rescheduled { plan, reason, .. } => cx.emit(key, &rescheduled(operation, plan, reason.to_string(), at)),
        Event::Rejected { reason } => {
            let reason_code = reason.to_string();
            cx.emit(key, &proto::OperationRejected { operation_id, case_ids, reason_code, rejected_at: at });
        }
        Event::Cancelled { reason } => {
            let reason_code = reason.to_string();
            cx.emit(key, &proto::OperationCancelled { operation_id, case_ids, reason_code, cancelled_at: at });
        }
        Event::Started => cx.emit(key, &proto::OperationStarted { operation_id, case_ids, started_at: at }),
        Event::Concluded { follow_ups, evidence: secured } => cx.emit(
            key,
            &proto::OperationConcluded {
                operation_id,
                case_ids,
                follow_ups: follow_ups.iter().map(follow_up).collect(),
                evidence: secured.iter().map(evidence).collect(),
                concluded_at: at,
            },
        ),
        Event::Inspected(entry) => cx.emit(key, &inspected(operation, entry)),
        Event::Reminded { tasks, reason } => {
            let (task_codes, reason_code) = (tasks.clone(), reason.to_string());
            cx.emit(
                key,
                &proto::OperationReminded { operation_id, case_ids, task_codes, reason_code, reminded_at: at },
            );
        }
        Event::Confirmed { .. }
        | Event::Declined { .. }
        | Event::Unanswered { .. }
        | Event::OfficersReplaced { .. }
        | Event::CheckedIn { .. } => say_of_participant(cx, operation, event, at),
    }
}

fn say_of_participant(
    cx: &mut Context<Rules>,
    operation: &Operation,
    event: &Event,
    at: Option<prost_types::Timestamp>,
) {
    let (key, operation_id, case_ids) = (operation.id.uuid(), operation.id.to_string(), case_ids(operation));
    match event {
        Event::Confirmed { unit } => {
            let unit_code = unit.to_string();
            cx.emit(key, &proto::ParticipantConfirmed { operation_id, case_ids, unit_code, confirmed_at: at });
        }
        Event::Declined { unit, reason } => {
            let (unit_code, reason_code) = (unit.to_string(), reason.to_string());
            let declined_at = at;
            cx.emit(key, &proto::ParticipantDeclined { operation_id, case_ids, unit_code, reason_code, declined_at });
        }
        Event::Unanswered { units } => {
            let (due_at, late_by_ms) = match cx.cause() {
                Cause::Timer(timer) => (timer.due_at, u64::try_from(timer.late_by.as_millis()).unwrap_or(0)),
                Cause::Command(_) | Cause::Event(_) => (cx.now(), 0),
            };
            let (unit_codes, due_at) = (strings(units), Some(write::time(due_at)));
            cx.emit(key, &proto::ParticipantUnanswered { operation_id, case_ids, unit_codes, due_at, late_by_ms });
        }
        Event::OfficersReplaced { unit, officers } => {
            let (unit_code, officer_codes) = (unit.to_string(), strings(officers));
            let replaced_at = at;
            cx.emit(key, &proto::OfficersReplaced { operation_id, case_ids, unit_code, officer_codes, replaced_at });
        }
        Event::CheckedIn { unit, officers, .. } => {
            let (unit_code, officer_codes) = (unit.to_string(), strings(officers));
            let checked_in_at = at;
            cx.emit(
                key,
                &proto::ParticipantCheckedIn { operation_id, case_ids, unit_code, officer_codes, checked_in_at },
            );
        }
        _ => {}
    }
}

fn fixed(operation: &Operation, plan: &Plan, at: Option<prost_types::Timestamp>) -> proto::OperationFixed {
    proto::OperationFixed {
        operation_id: operation.id.to_string(),
        case_ids: case_ids(operation),
        participants: participants(operation, Some(plan)),
        resource_codes: strings(plan.resources.keys()),
        region_code: operation.region.to_string(),
        starts_at: Some(write::time(plan.span.from)),
        ends_at: Some(write::time(plan.span.until)),
        fixed_at: at,
    }
}

fn rescheduled(
    operation: &Operation,
    plan: &Plan,
    reason_code: String,
    at: Option<prost_types::Timestamp>,
) -> proto::OperationRescheduled {
    proto::OperationRescheduled {
        operation_id: operation.id.to_string(),
        case_ids: case_ids(operation),
        participants: participants(operation, Some(plan)),
        resource_codes: strings(plan.resources.keys()),
        starts_at: Some(write::time(plan.span.from)),
        ends_at: Some(write::time(plan.span.until)),
        reason_code,
        rescheduled_at: at,
    }
}

fn inspected(operation: &Operation, entry: &scheduling_domain::Inspection) -> proto::InspectionRecorded {
    let finding = |(unit, finding): (&UnitCode, &scheduling_domain::Finding)| proto::InspectionFinding {
        unit_code: unit.to_string(),
        finding_code: finding.as_str().to_owned(),
    };
    proto::InspectionRecorded {
        operation_id: operation.id.to_string(),
        case_ids: case_ids(operation),
        inspection_id: entry.id.to_string(),
        unit_code: entry.unit.to_string(),
        form_codes: strings(&entry.forms),
        findings: entry.findings.iter().map(finding).collect(),
        evidence: entry.evidence.iter().map(evidence).collect(),
        recorded_at: Some(write::time(entry.at)),
    }
}

/// Says how an officer's certificate now stands.
pub fn say_officer(cx: &mut Context<Rules>, officer: &Officer, reason_code: &str) {
    let certificate = officer.certificate.as_ref();
    let event = proto::OfficerChanged {
        officer_code: officer.code.to_string(),
        unit_code: officer.unit.to_string(),
        certificate_number: certificate.map(|certificate| certificate.number.clone()).unwrap_or_default(),
        valid_from: certificate.map(|certificate| certificate.valid_from.to_string()).unwrap_or_default(),
        valid_to: certificate.map(|certificate| certificate.valid_to.to_string()).unwrap_or_default(),
        suspended: officer.suspended_since.is_some(),
        reason_code: reason_code.to_owned(),
        changed_at: Some(write::time(cx.now())),
    };
    cx.emit(crate::app::officer_key(&officer.code), &event);
}

/// What an escalation proposes, under an id that the event itself decides.
pub fn proposal(
    escalated: &CaseEscalated,
    id: OperationId,
    at: Timestamp,
    answer_by: Option<Timestamp>,
) -> Result<Proposal, Failed> {
    let mut mistakes = Mistakes::default();
    let case = mistakes.keep(read::word::<CaseId>("case_id", &escalated.case_id));
    let facts = mistakes.keep(read::facts(escalated.facts.as_ref()).map_err(|wrong| wrong.within("facts")));
    let work_order =
        mistakes.keep(read::maybe_word::<WorkOrderId>("work_order_id", &escalated.work_order_id)).flatten();
    let mut participants: Vec<Participant> = Vec::with_capacity(escalated.participants.len());
    for (nth, one) in escalated.participants.iter().enumerate() {
        let read = mistakes.keep(participant(one).map_err(|wrong| wrong.within(&format!("participants[{nth}]"))));
        // A unit comes once; what it owes is put together.
        match read.map(|read| (participants.iter_mut().find(|known| known.unit == read.unit), read.clone())) {
            Some((Some(known), read)) => {
                known.duties.extend(read.duties);
                known.items.extend(read.items);
            }
            Some((None, read)) => participants.push(read),
            None => {}
        }
    }
    if participants.is_empty() {
        mistakes.0.extend(Mistakes::one("participants", "nobody would take part").0);
    }
    match (case, facts) {
        (Some(case), Some(facts)) if mistakes.0.is_empty() => Ok(Proposal {
            id,
            cases: vec![case],
            trigger: Trigger::CaseEscalated {
                ground: escalated.ground_code.clone(),
                work_order,
                round: escalated.round.max(1),
            },
            region: facts.region,
            matters: facts.matters,
            object_type: facts.object_type,
            participants,
            answer_by,
            at,
        }),
        _ => Err(broken("assignment.case.escalated", &mistakes)),
    }
}

fn participant(message: &EscalatedParticipant) -> Result<Participant, Mistakes> {
    let mut mistakes = Mistakes::default();
    let unit = mistakes.keep(read::word::<UnitCode>("unit_code", &message.unit_code));
    let role = mistakes.keep(read::role(message.role).map_err(|wrong| wrong.within("role")));
    let duties: Vec<Duty> = message
        .duties
        .iter()
        .filter_map(|duty| mistakes.keep(read::duty(*duty).map_err(|wrong| wrong.within("duties"))))
        .collect();
    let items: Vec<PowerItemCode> = message
        .power_item_codes
        .iter()
        .filter_map(|code| mistakes.keep(read::word("power_item_codes", code)))
        .collect();
    match (unit, role) {
        (Some(unit), Some(role)) if mistakes.0.is_empty() => Ok(Participant { unit, role, duties, items }),
        _ => Err(mistakes),
    }
}
