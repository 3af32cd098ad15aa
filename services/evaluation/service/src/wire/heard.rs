//! What the other services said, in the words of the domain.

use evaluation_domain::draw::lot_of;
use evaluation_domain::{Dispatch, End, EventHash, Fact, Heard, OperationState, Seed};
use jiff::Timestamp;
use kit::envelope::Envelope;
use kit::service::Failed;
use sha2::{Digest, Sha256};
use vocab::{CaseId, OperationId, WorkOrderId};
use words::{Mistakes, read};
use xiezhi_proto::common::v1 as common;
use xiezhi_proto::{
    Event, assignment::v1 as assignment, intake::v1 as intake, scheduling::v1 as scheduling,
    supervision::v1 as supervision,
};

type Facts = Vec<(CaseId, Heard)>;
type At<'event> = Option<&'event prost_types::Timestamp>;

/// What an event says.
#[derive(Debug)]
pub struct Report {
    /// Its facts, each with the case it is about; none where it does not count here.
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
        "supervision" => of_supervision(event)?,
        _ => Ok(Vec::new()),
    };
    facts.map_err(|mistakes| {
        Failed::Broken(format!("{} at {}/{}: {mistakes}", event.type_name, event.service, event.pos))
    })
}

fn disabled_account(event: &Envelope) -> Result<Option<String>, Failed> {
    if event.type_name != assignment::AccountDisabled::TYPE {
        return Ok(None);
    }
    Ok(Some(event.body::<assignment::AccountDisabled>()?.account_id))
}

fn one(case: &str, at: At<'_>, fact: Fact) -> Result<Facts, Mistakes> {
    let case = read::word("case_id", case)?;
    Ok(vec![(case, Heard { at: read::time("at", at)?, fact })])
}

fn facts(message: Option<&common::CaseFacts>) -> Result<vocab::CaseFacts, Mistakes> {
    read::facts(message).map_err(|mistakes| mistakes.within("facts"))
}

/// A case's head, where it is another case.
fn head(case: &str, head: &str) -> Result<Option<CaseId>, Mistakes> {
    let case: CaseId = read::word("case_id", case)?;
    let head: Option<CaseId> = read::maybe_word("head_case_id", head)?;
    Ok(head.filter(|head| *head != case))
}

fn of_intake(event: &Envelope) -> Result<Result<Facts, Mistakes>, Failed> {
    Ok(match event.type_name.as_str() {
        intake::CaseRegistered::TYPE => registered(event.body()?),
        intake::CaseAccepted::TYPE => accepted(event.body()?),
        intake::CaseFactsAdded::TYPE => facts_added(&event.body()?),
        intake::CaseDeclined::TYPE => {
            let body: intake::CaseDeclined = event.body()?;
            one(&body.case_id, body.declined_at.as_ref(), Fact::Ended(End::Declined))
        }
        intake::CaseRoutedAway::TYPE => {
            let body: intake::CaseRoutedAway = event.body()?;
            one(&body.case_id, body.routed_at.as_ref(), Fact::Ended(End::RoutedAway))
        }
        intake::CaseReturnedFromRoute::TYPE => {
            let body: intake::CaseReturnedFromRoute = event.body()?;
            one(&body.case_id, body.returned_at.as_ref(), Fact::Returned)
        }
        intake::CaseWithdrawn::TYPE => {
            let body: intake::CaseWithdrawn = event.body()?;
            one(&body.case_id, body.withdrawn_at.as_ref(), Fact::Ended(End::Withdrawn))
        }
        intake::CaseLinked::TYPE => linked(&event.body()?),
        intake::CaseClosed::TYPE => closed(event, &event.body()?),
        intake::CaseReopened::TYPE => {
            let body: intake::CaseReopened = event.body()?;
            one(&body.case_id, body.reopened_at.as_ref(), Fact::Reopened { round: body.round.max(1) })
        }
        _ => Ok(Vec::new()),
    })
}

fn registered(body: intake::CaseRegistered) -> Result<Facts, Mistakes> {
    let facts = facts(body.facts.as_ref())?;
    let fact = Fact::Registered { case_no: body.case_no, matters: facts.matters, region: facts.region };
    one(&body.case_id, body.registered_at.as_ref(), fact)
}

fn accepted(body: intake::CaseAccepted) -> Result<Facts, Mistakes> {
    let facts = facts(body.facts.as_ref())?;
    let fact = Fact::Accepted {
        case_no: body.case_no,
        matters: facts.matters,
        region: facts.region,
        head: head(&body.case_id, &body.head_case_id)?,
    };
    one(&body.case_id, body.accepted_at.as_ref(), fact)
}

fn facts_added(body: &intake::CaseFactsAdded) -> Result<Facts, Mistakes> {
    let facts = facts(body.facts.as_ref())?;
    let fact = Fact::FactsAdded { matters: facts.matters, region: facts.region };
    one(&body.case_id, body.added_at.as_ref(), fact)
}

/// A repeat stands on its own; a duplicate and a member are handled with their head.
fn linked(body: &intake::CaseLinked) -> Result<Facts, Mistakes> {
    let duplicate = match body.kind() {
        intake::LinkKind::Duplicate => true,
        intake::LinkKind::ClusterMember => false,
        intake::LinkKind::Repeat | intake::LinkKind::Unspecified => return Ok(Vec::new()),
    };
    match head(&body.case_id, &body.head_case_id)? {
        Some(head) => one(&body.case_id, body.linked_at.as_ref(), Fact::Linked { head, duplicate }),
        None => Ok(Vec::new()),
    }
}

/// The closing event itself seeds the draw: its hash was fixed before anybody knew whom it would draw.
fn closed(event: &Envelope, body: &intake::CaseClosed) -> Result<Facts, Mistakes> {
    let case: CaseId = read::word("case_id", &body.case_id)?;
    let hash = <[u8; 32]>::try_from(event.hash.as_slice())
        .map_err(|_| Mistakes::one("hash", "the event's hash has not 32 bytes"))?;
    let round = body.round.max(1);
    let seed = Seed { service: event.service.clone(), epoch: event.epoch, pos: event.pos, hash: EventHash(hash) };
    let lot = lot_of(&Sha256::digest(seed.preimage(case, round)).into());
    let head = head(&body.case_id, &body.head_case_id)?;
    one(&body.case_id, body.closed_at.as_ref(), Fact::Closed { round, head, seed, lot })
}

fn of_assignment(event: &Envelope) -> Result<Result<Facts, Mistakes>, Failed> {
    Ok(match event.type_name.as_str() {
        assignment::WorkOrderDispatched::TYPE => dispatched(&event.body()?, event.occurred_at),
        assignment::WorkOrderAcknowledged::TYPE => {
            let body: assignment::WorkOrderAcknowledged = event.body()?;
            about_order(&body.case_id, &body.work_order_id, body.acknowledged_at.as_ref(), |order| Fact::Acknowledged {
                order,
            })
        }
        assignment::WorkOrderWithdrawn::TYPE => {
            let body: assignment::WorkOrderWithdrawn = event.body()?;
            about_order(&body.case_id, &body.work_order_id, body.withdrawn_at.as_ref(), |order| Fact::OrderWithdrawn {
                order,
            })
        }
        assignment::WorkOrderCompleted::TYPE => {
            let body: assignment::WorkOrderCompleted = event.body()?;
            about_order(&body.case_id, &body.work_order_id, body.completed_at.as_ref(), |order| Fact::Completed {
                order,
            })
        }
        assignment::WorkOrderObjected::TYPE => {
            let body: assignment::WorkOrderObjected = event.body()?;
            one(&body.case_id, body.objected_at.as_ref(), Fact::SentBack { hops: body.hops })
        }
        // An objection counts as a hop once it is upheld.
        assignment::WorkOrderObjectionDecided::TYPE => {
            let body: assignment::WorkOrderObjectionDecided = event.body()?;
            one(&body.case_id, body.decided_at.as_ref(), Fact::SentBack { hops: body.hops })
        }
        assignment::DeterminationMade::TYPE => {
            let body: assignment::DeterminationMade = event.body()?;
            decided(&body.case_id, &body.shares, body.round, body.determined_at.as_ref())
        }
        assignment::RulingMade::TYPE => {
            let body: assignment::RulingMade = event.body()?;
            decided(&body.case_id, &body.shares, body.round, body.ruled_at.as_ref())
        }
        assignment::ConsultationOpened::TYPE => {
            let body: assignment::ConsultationOpened = event.body()?;
            let case = read::word("case_id", &body.case_id);
            case.map(|case| vec![(case, Heard { at: event.occurred_at, fact: Fact::Consulted })])
        }
        assignment::CaseHandled::TYPE => handled(&event.body()?),
        _ => Ok(Vec::new()),
    })
}

/// Who leads by these shares; an overlap and a gap have none.
fn decided(case: &str, shares: &[common::Share], round: u32, at: At<'_>) -> Result<Facts, Mistakes> {
    match shares.iter().find(|share| share.role() == common::Role::Lead) {
        Some(share) => {
            let lead = read::word("shares.unit_code", &share.unit_code)?;
            one(case, at, Fact::Decided { lead, round: round.max(1) })
        }
        None => Ok(Vec::new()),
    }
}

fn about_order(case: &str, order: &str, at: At<'_>, fact: impl FnOnce(WorkOrderId) -> Fact) -> Result<Facts, Mistakes> {
    one(case, at, fact(read::word("work_order_id", order)?))
}

fn dispatched(body: &assignment::WorkOrderDispatched, at: Timestamp) -> Result<Facts, Mistakes> {
    let acknowledge = body.acknowledge_deadline.as_ref();
    let acknowledge_by =
        acknowledge.map(|deadline| read::time("acknowledge_deadline.due_at", deadline.due_at.as_ref())).transpose()?;
    let dispatch = Dispatch {
        unit: read::word("unit_code", &body.unit_code)?,
        role: read::role(body.role).map_err(|mistakes| mistakes.within("role"))?,
        round: body.round.max(1),
        at,
        acknowledge_by,
    };
    let case = read::word("case_id", &body.case_id)?;
    let order = read::word("work_order_id", &body.work_order_id)?;
    Ok(vec![(case, Heard { at, fact: Fact::Dispatched { order, dispatch } })])
}

fn handled(body: &assignment::CaseHandled) -> Result<Facts, Mistakes> {
    let fact = Fact::Handled { lead: read::word("lead_unit", &body.lead_unit)?, round: body.round.max(1) };
    one(&body.case_id, body.handled_at.as_ref(), fact)
}

fn of_scheduling(event: &Envelope) -> Result<Result<Facts, Mistakes>, Failed> {
    let (operation, cases, state) = match event.type_name.as_str() {
        scheduling::OperationProposed::TYPE => {
            let body: scheduling::OperationProposed = event.body()?;
            (body.operation_id, body.case_ids, OperationState::Proposed)
        }
        scheduling::OperationStarted::TYPE => {
            let body: scheduling::OperationStarted = event.body()?;
            (body.operation_id, body.case_ids, OperationState::Started)
        }
        scheduling::OperationConcluded::TYPE => {
            let body: scheduling::OperationConcluded = event.body()?;
            (body.operation_id, body.case_ids, OperationState::Concluded)
        }
        scheduling::OperationRejected::TYPE => {
            let body: scheduling::OperationRejected = event.body()?;
            (body.operation_id, body.case_ids, OperationState::Dropped)
        }
        scheduling::OperationCancelled::TYPE => {
            let body: scheduling::OperationCancelled = event.body()?;
            (body.operation_id, body.case_ids, OperationState::Dropped)
        }
        _ => return Ok(Ok(Vec::new())),
    };
    Ok(of_operation(&operation, &cases, state, event.occurred_at))
}

/// An operation may serve several cases; each counts it.
fn of_operation(operation: &str, cases: &[String], state: OperationState, at: Timestamp) -> Result<Facts, Mistakes> {
    let operation: OperationId = read::word("operation_id", operation)?;
    let each = |case: &String| {
        let case = read::word("case_ids", case)?;
        Ok((case, Heard { at, fact: Fact::Operation { operation, state } }))
    };
    cases.iter().map(each).collect()
}

fn of_supervision(event: &Envelope) -> Result<Result<Facts, Mistakes>, Failed> {
    if event.type_name != supervision::ClocksBreached::TYPE {
        return Ok(Ok(Vec::new()));
    }
    Ok(breached(&event.body()?, event.occurred_at))
}

fn breached(body: &supervision::ClocksBreached, at: Timestamp) -> Result<Facts, Mistakes> {
    let due = |clock: &supervision::Clock| {
        let due_at = clock.deadline.as_ref().and_then(|deadline| deadline.due_at.as_ref());
        Ok((clock.kind.clone(), read::time("clocks.deadline.due_at", due_at)?))
    };
    let clocks = body.clocks.iter().map(due).collect::<Result<Vec<_>, Mistakes>>()?;
    let case = read::word("case_id", &body.case_id)?;
    Ok(vec![(case, Heard { at, fact: Fact::Breached { clocks } })])
}
