//! What the other services said, in the words of the domain.

use jiff::Timestamp;
use kit::envelope::Envelope;
use kit::service::Failed;
use supervision_domain::{Deadline, Dispatch, Fact, Heard, NoticeKind, OperationEnd};
use vocab::{CaseId, OperationId, Role, UnitCode};
use words::{Mistakes, read};
use xiezhi_proto::{Event, assignment::v1 as assignment, intake::v1 as intake, scheduling::v1 as scheduling};

type Facts = Vec<(CaseId, Heard)>;

fn broken(event: &Envelope, mistakes: &Mistakes) -> Failed {
    Failed::Broken(format!("{} at {}/{}: {mistakes}", event.type_name, event.service, event.pos))
}

/// What an event says.
#[derive(Debug)]
pub struct Report {
    /// Its facts, each with the case it is about; none where supervision only keeps it in the timeline.
    pub facts: Facts,
    /// The account it disables, where it does.
    pub disabled_account: Option<String>,
}

impl Report {
    /// Reads an event.
    pub fn of(event: &Envelope) -> Result<Self, Failed> {
        Ok(Self { facts: heard(event)?, disabled_account: disabled_account(event)? })
    }
}

fn heard(event: &Envelope) -> Result<Facts, Failed> {
    let facts = match event.service.as_str() {
        "intake" => of_intake(event)?,
        "assignment" => of_assignment(event)?,
        "scheduling" => of_scheduling(event)?,
        _ => Ok(Vec::new()),
    };
    facts.map_err(|mistakes| broken(event, &mistakes))
}

fn disabled_account(event: &Envelope) -> Result<Option<String>, Failed> {
    if event.type_name != assignment::AccountDisabled::TYPE {
        return Ok(None);
    }
    Ok(Some(event.body::<assignment::AccountDisabled>()?.account_id))
}

fn one(case: &str, at: Option<&prost_types::Timestamp>, fact: Fact) -> Result<Facts, Mistakes> {
    let case = read::word("case_id", case)?;
    Ok(vec![(case, Heard::new(read::time("at", at)?, fact))])
}

fn facts(message: Option<&xiezhi_proto::common::v1::CaseFacts>) -> Result<vocab::CaseFacts, Mistakes> {
    read::facts(message).map_err(|mistakes| mistakes.within("facts"))
}

fn of_intake(event: &Envelope) -> Result<Result<Facts, Mistakes>, Failed> {
    Ok(match event.type_name.as_str() {
        intake::CaseRegistered::TYPE => registered(&event.body()?),
        intake::CaseAccepted::TYPE => accepted(&event.body()?),
        intake::CaseFactsAdded::TYPE => {
            let body: intake::CaseFactsAdded = event.body()?;
            facts(body.facts.as_ref())
                .and_then(|facts| one(&body.case_id, body.added_at.as_ref(), Fact::FactsAdded { facts }))
        }
        intake::CaseDeclined::TYPE => {
            let body: intake::CaseDeclined = event.body()?;
            one(&body.case_id, body.declined_at.as_ref(), Fact::Declined)
        }
        intake::CaseRoutedAway::TYPE => {
            let body: intake::CaseRoutedAway = event.body()?;
            one(&body.case_id, body.routed_at.as_ref(), Fact::RoutedAway)
        }
        intake::CaseReturnedFromRoute::TYPE => {
            let body: intake::CaseReturnedFromRoute = event.body()?;
            facts(body.facts.as_ref())
                .and_then(|facts| one(&body.case_id, body.returned_at.as_ref(), Fact::Returned { facts }))
        }
        intake::CaseWithdrawn::TYPE => {
            let body: intake::CaseWithdrawn = event.body()?;
            one(&body.case_id, body.withdrawn_at.as_ref(), Fact::Withdrawn)
        }
        intake::CaseLinked::TYPE => linked(&event.body()?),
        intake::NoticeServed::TYPE => notice(&event.body()?),
        intake::CaseClosed::TYPE => {
            let body: intake::CaseClosed = event.body()?;
            let round = body.round.max(1);
            one(&body.case_id, body.closed_at.as_ref(), Fact::Closed { round })
        }
        intake::CaseReopened::TYPE => {
            let body: intake::CaseReopened = event.body()?;
            let round = body.round.max(1);
            facts(body.facts.as_ref())
                .and_then(|facts| one(&body.case_id, body.reopened_at.as_ref(), Fact::Reopened { round, facts }))
        }
        _ => Ok(Vec::new()),
    })
}

fn registered(body: &intake::CaseRegistered) -> Result<Facts, Mistakes> {
    let fact = Fact::Registered {
        case_no: body.case_no.clone(),
        facts: facts(body.facts.as_ref())?,
        receiving_unit: read::maybe_word("receiving_unit", &body.receiving_unit)?,
    };
    one(&body.case_id, body.registered_at.as_ref(), fact)
}

fn accepted(body: &intake::CaseAccepted) -> Result<Facts, Mistakes> {
    let head: Option<CaseId> = read::maybe_word("head_case_id", &body.head_case_id)?;
    let case: CaseId = read::word("case_id", &body.case_id)?;
    let fact = Fact::Accepted {
        case_no: body.case_no.clone(),
        facts: facts(body.facts.as_ref())?,
        mode: read::maybe_mode(body.mode).map_err(|mistakes| mistakes.within("mode"))?,
        track: read::maybe_track(body.track).map_err(|mistakes| mistakes.within("track"))?,
        head: head.filter(|head| *head != case),
    };
    one(&body.case_id, body.accepted_at.as_ref(), fact)
}

/// A repeat stands on its own; a duplicate and a member are handled with their head, which must know of them.
fn linked(body: &intake::CaseLinked) -> Result<Facts, Mistakes> {
    let follows = matches!(body.kind(), intake::LinkKind::Duplicate | intake::LinkKind::ClusterMember);
    if !follows {
        return Ok(Vec::new());
    }
    let member: CaseId = read::word("case_id", &body.case_id)?;
    let head: CaseId = read::word("head_case_id", &body.head_case_id)?;
    let at = read::time("linked_at", body.linked_at.as_ref())?;
    let left: Option<CaseId> = read::maybe_word("left_head_case_id", &body.left_head_case_id)?;
    let mut facts =
        vec![(member, Heard::new(at, Fact::Linked { head })), (head, Heard::new(at, Fact::MemberLinked { member }))];
    facts.extend(left.map(|left| (left, Heard::new(at, Fact::MemberLeft { member }))));
    Ok(facts)
}

fn notice(body: &intake::NoticeServed) -> Result<Facts, Mistakes> {
    let kind = match body.kind() {
        intake::NoticeKind::Receipt => NoticeKind::Receipt,
        intake::NoticeKind::Acceptance => NoticeKind::Acceptance,
        intake::NoticeKind::Decline => NoticeKind::Decline,
        intake::NoticeKind::Route => NoticeKind::Route,
        intake::NoticeKind::Reply => NoticeKind::Reply,
        intake::NoticeKind::Extension => NoticeKind::Extension,
        // A kind this version does not know yet stops no clock; the timeline keeps it.
        intake::NoticeKind::Unspecified => return Ok(Vec::new()),
    };
    let round = body.round.max(1);
    one(&body.case_id, body.served_at.as_ref(), Fact::NoticeServed { kind, round })
}

fn of_assignment(event: &Envelope) -> Result<Result<Facts, Mistakes>, Failed> {
    Ok(match event.type_name.as_str() {
        assignment::DiagnosisMade::TYPE => {
            let body: assignment::DiagnosisMade = event.body()?;
            one(&body.case_id, body.made_at.as_ref(), Fact::Diagnosed)
        }
        assignment::DeterminationMade::TYPE => {
            let body: assignment::DeterminationMade = event.body()?;
            lead(&body.shares)
                .and_then(|lead| one(&body.case_id, body.determined_at.as_ref(), Fact::Determined { lead }))
        }
        assignment::ConsultationOpened::TYPE => consultation(&event.body()?, event.occurred_at),
        assignment::ConsultationAnswered::TYPE => answered(&event.body()?, event.occurred_at),
        assignment::RulingMade::TYPE => {
            let body: assignment::RulingMade = event.body()?;
            ruled(&body)
        }
        assignment::WorkOrderDispatched::TYPE => dispatched(&event.body()?),
        assignment::WorkOrderAcknowledged::TYPE => {
            let body: assignment::WorkOrderAcknowledged = event.body()?;
            read::word("work_order_id", &body.work_order_id)
                .and_then(|order| one(&body.case_id, body.acknowledged_at.as_ref(), Fact::Acknowledged { order }))
        }
        assignment::WorkOrderObjected::TYPE => {
            let body: assignment::WorkOrderObjected = event.body()?;
            read::word("work_order_id", &body.work_order_id)
                .and_then(|order| one(&body.case_id, body.objected_at.as_ref(), Fact::Objected { order }))
        }
        assignment::WorkOrderObjectionDecided::TYPE => {
            let body: assignment::WorkOrderObjectionDecided = event.body()?;
            read::word("work_order_id", &body.work_order_id)
                .and_then(|order| one(&body.case_id, body.decided_at.as_ref(), Fact::ObjectionDecided { order }))
        }
        assignment::WorkOrderCompleted::TYPE => completed(&event.body()?),
        assignment::WorkOrderWithdrawn::TYPE => {
            let body: assignment::WorkOrderWithdrawn = event.body()?;
            read::word("work_order_id", &body.work_order_id)
                .and_then(|order| one(&body.case_id, body.withdrawn_at.as_ref(), Fact::OrderWithdrawn { order }))
        }
        assignment::CaseEscalated::TYPE => {
            let body: assignment::CaseEscalated = event.body()?;
            let round = body.round.max(1);
            read::word("work_order_id", &body.work_order_id)
                .and_then(|order| one(&body.case_id, body.escalated_at.as_ref(), Fact::Escalated { order, round }))
        }
        assignment::CaseHandled::TYPE => {
            let body: assignment::CaseHandled = event.body()?;
            let round = body.round.max(1);
            read::word("lead_unit", &body.lead_unit)
                .and_then(|lead| one(&body.case_id, body.handled_at.as_ref(), Fact::Handled { lead, round }))
        }
        _ => Ok(Vec::new()),
    })
}

fn lead(shares: &[xiezhi_proto::common::v1::Share]) -> Result<Option<UnitCode>, Mistakes> {
    for share in shares {
        let share = read::share(share).map_err(|mistakes| mistakes.within("shares"))?;
        if share.role == Role::Lead {
            return Ok(Some(share.unit));
        }
    }
    Ok(None)
}

fn deadline(field: &str, message: Option<&xiezhi_proto::common::v1::Deadline>) -> Result<Deadline, Mistakes> {
    let read = read::deadline(message).map_err(|mistakes| mistakes.within(field))?;
    Ok(Deadline {
        rule: read.rule,
        anchor_at: read.anchor_at,
        due_at: read.due_at,
        calendar_version: read.calendar_version,
        citation: read.citation,
    })
}

fn consultation(body: &assignment::ConsultationOpened, at: Timestamp) -> Result<Facts, Mistakes> {
    let units =
        body.unit_codes.iter().map(|unit| read::word("unit_codes", unit)).collect::<Result<Vec<UnitCode>, _>>()?;
    let deadline = match &body.answer_deadline {
        Some(message) => Some(deadline("answer_deadline", Some(message))?),
        None => None,
    };
    let fact = Fact::ConsultationOpened {
        consultation: read::word("consultation_id", &body.consultation_id)?,
        units,
        deadline,
    };
    Ok(vec![(read::word("case_id", &body.case_id)?, Heard::new(at, fact))])
}

fn answered(body: &assignment::ConsultationAnswered, at: Timestamp) -> Result<Facts, Mistakes> {
    let Some(position) = &body.position else {
        return Ok(Vec::new());
    };
    let fact = Fact::ConsultationAnswered {
        consultation: read::word("consultation_id", &body.consultation_id)?,
        unit: read::word("position.unit_code", &position.unit_code)?,
    };
    Ok(vec![(read::word("case_id", &body.case_id)?, Heard::new(at, fact))])
}

fn ruled(body: &assignment::RulingMade) -> Result<Facts, Mistakes> {
    let fact = Fact::Ruled {
        consultation: read::maybe_word("consultation_id", &body.consultation_id)?,
        lead: lead(&body.shares)?,
    };
    one(&body.case_id, body.ruled_at.as_ref(), fact)
}

fn dispatched(body: &assignment::WorkOrderDispatched) -> Result<Facts, Mistakes> {
    let deadline_ = deadline("deadline", body.deadline.as_ref())?;
    let acknowledge = match &body.acknowledge_deadline {
        Some(message) => Some(deadline("acknowledge_deadline", Some(message))?),
        None => None,
    };
    let at = deadline_.anchor_at;
    let dispatch = Dispatch {
        order: read::word("work_order_id", &body.work_order_id)?,
        unit: read::word("unit_code", &body.unit_code)?,
        role: read::role(body.role).map_err(|mistakes| mistakes.within("role"))?,
        duty: read::duty(body.duty).map_err(|mistakes| mistakes.within("duty"))?,
        round: body.round.max(1),
        deadline: deadline_,
        acknowledge,
    };
    let case = read::word("case_id", &body.case_id)?;
    Ok(vec![(case, Heard::new(at, Fact::Dispatched(dispatch)))])
}

fn completed(body: &assignment::WorkOrderCompleted) -> Result<Facts, Mistakes> {
    let fact = Fact::Completed {
        order: read::word("work_order_id", &body.work_order_id)?,
        evidence: u32::try_from(body.evidence.len()).unwrap_or(u32::MAX),
    };
    one(&body.case_id, body.completed_at.as_ref(), fact)
}

fn of_scheduling(event: &Envelope) -> Result<Result<Facts, Mistakes>, Failed> {
    Ok(match event.type_name.as_str() {
        scheduling::OperationProposed::TYPE => {
            let body: scheduling::OperationProposed = event.body()?;
            proposed(&body, event.occurred_at)
        }
        scheduling::OperationRejected::TYPE => {
            let body: scheduling::OperationRejected = event.body()?;
            ended(&body.case_ids, &body.operation_id, OperationEnd::Rejected, event.occurred_at)
        }
        scheduling::OperationConcluded::TYPE => {
            let body: scheduling::OperationConcluded = event.body()?;
            ended(&body.case_ids, &body.operation_id, OperationEnd::Concluded, event.occurred_at)
        }
        scheduling::OperationCancelled::TYPE => {
            let body: scheduling::OperationCancelled = event.body()?;
            ended(&body.case_ids, &body.operation_id, OperationEnd::Cancelled, event.occurred_at)
        }
        _ => Ok(Vec::new()),
    })
}

fn proposed(body: &scheduling::OperationProposed, at: Timestamp) -> Result<Facts, Mistakes> {
    let operation: OperationId = read::word("operation_id", &body.operation_id)?;
    let units = body
        .participants
        .iter()
        .map(|participant| read::word("participants.unit_code", &participant.unit_code))
        .collect::<Result<Vec<UnitCode>, _>>()?;
    of_cases(&body.case_ids, at, || Fact::OperationProposed { operation, units: units.clone() })
}

fn ended(cases: &[String], operation: &str, end: OperationEnd, at: Timestamp) -> Result<Facts, Mistakes> {
    let operation = read::word("operation_id", operation)?;
    of_cases(cases, at, || Fact::OperationEnded { operation, end })
}

fn of_cases(cases: &[String], at: Timestamp, fact: impl Fn() -> Fact) -> Result<Facts, Mistakes> {
    cases.iter().map(|case| Ok((read::word("case_ids", case)?, Heard::new(at, fact())))).collect()
}
