//! The door for other services: what they said, as commands on the case's file.

use assignment_domain::case::EndedBecause;
use assignment_domain::decide::Registered;
use assignment_domain::file::Command;
use assignment_domain::order::DeadlineState;
use kit::context::Cause;
use kit::envelope::Envelope;
use kit::service::{Failed, FiredTimer, Keys};
use uuid::Uuid;
use vocab::{CaseFacts, CaseId, OperationId, WorkOrderId};
use words::{Mistakes, read};
use xiezhi_proto::Event;
use xiezhi_proto::common::v1::CaseFacts as FactsMessage;
use xiezhi_proto::intake::v1 as intake;
use xiezhi_proto::scheduling::v1 as scheduling;
use xiezhi_proto::supervision::v1 as supervision;

use crate::app::{Cx, Stop, act, register};
use crate::unit::{Needs, Unit, matter_set};
use crate::wire::hear as ours;

mod clocks;

/// An event that this service acts on.
pub enum Heard {
    Registered(intake::CaseRegistered),
    Accepted(intake::CaseAccepted),
    FactsAdded(intake::CaseFactsAdded),
    Declined(intake::CaseDeclined),
    RoutedAway(intake::CaseRoutedAway),
    ReturnedFromRoute(intake::CaseReturnedFromRoute),
    Withdrawn(intake::CaseWithdrawn),
    Linked(intake::CaseLinked),
    Closed(intake::CaseClosed),
    Reopened(intake::CaseReopened),
    Proposed(scheduling::OperationProposed),
    Fixed(scheduling::OperationFixed),
    Rejected(scheduling::OperationRejected),
    Cancelled(scheduling::OperationCancelled),
    Concluded(scheduling::OperationConcluded),
    Started(supervision::ClocksStarted),
    Warned(supervision::ClocksWarned),
    Breached(supervision::ClocksBreached),
    Paused(supervision::ClocksPaused),
    Extended(supervision::ClocksExtended),
    Moved(supervision::ClocksMoved),
    Stopped(supervision::ClocksStopped),
    Issued(supervision::SupervisionOrderIssued),
    Answered(supervision::SupervisionOrderAnswered),
    ClosingRefused(supervision::ClosingRefused),
}

impl Heard {
    /// The event's body, if it is one that this service acts on.
    fn of(event: &Envelope) -> Result<Option<Self>, Failed> {
        let name = event.type_name.as_str();
        let heard = if name == intake::CaseRegistered::TYPE {
            Self::Registered(event.body()?)
        } else if name == intake::CaseAccepted::TYPE {
            Self::Accepted(event.body()?)
        } else if name == intake::CaseFactsAdded::TYPE {
            Self::FactsAdded(event.body()?)
        } else if name == intake::CaseDeclined::TYPE {
            Self::Declined(event.body()?)
        } else if name == intake::CaseRoutedAway::TYPE {
            Self::RoutedAway(event.body()?)
        } else if name == intake::CaseReturnedFromRoute::TYPE {
            Self::ReturnedFromRoute(event.body()?)
        } else if name == intake::CaseWithdrawn::TYPE {
            Self::Withdrawn(event.body()?)
        } else if name == intake::CaseLinked::TYPE {
            Self::Linked(event.body()?)
        } else if name == intake::CaseClosed::TYPE {
            Self::Closed(event.body()?)
        } else if name == intake::CaseReopened::TYPE {
            Self::Reopened(event.body()?)
        } else if name == scheduling::OperationProposed::TYPE {
            Self::Proposed(event.body()?)
        } else if name == scheduling::OperationFixed::TYPE {
            Self::Fixed(event.body()?)
        } else if name == scheduling::OperationRejected::TYPE {
            Self::Rejected(event.body()?)
        } else if name == scheduling::OperationCancelled::TYPE {
            Self::Cancelled(event.body()?)
        } else if name == scheduling::OperationConcluded::TYPE {
            Self::Concluded(event.body()?)
        } else if name == supervision::ClocksStarted::TYPE {
            Self::Started(event.body()?)
        } else if name == supervision::ClocksWarned::TYPE {
            Self::Warned(event.body()?)
        } else if name == supervision::ClocksBreached::TYPE {
            Self::Breached(event.body()?)
        } else if name == supervision::ClocksPaused::TYPE {
            Self::Paused(event.body()?)
        } else if name == supervision::ClocksStopped::TYPE {
            Self::Stopped(event.body()?)
        } else if name == supervision::SupervisionOrderAnswered::TYPE {
            Self::Answered(event.body()?)
        } else if name == supervision::ClocksExtended::TYPE {
            Self::Extended(event.body()?)
        } else if name == supervision::ClocksMoved::TYPE {
            Self::Moved(event.body()?)
        } else if name == supervision::SupervisionOrderIssued::TYPE {
            Self::Issued(event.body()?)
        } else if name == supervision::ClosingRefused::TYPE {
            Self::ClosingRefused(event.body()?)
        } else {
            return Ok(None);
        };
        Ok(Some(heard))
    }

    /// The cases it touches.
    fn cases(&self) -> Result<Vec<CaseId>, Mistakes> {
        let one = |text: &str| Ok(vec![read::word("case_id", text)?]);
        let many = |texts: &[String]| texts.iter().map(|text| read::word("case_ids", text)).collect();
        match self {
            Self::Registered(body) => one(&body.case_id),
            Self::Accepted(body) => one(&body.case_id),
            Self::FactsAdded(body) => one(&body.case_id),
            Self::Declined(body) => one(&body.case_id),
            Self::RoutedAway(body) => one(&body.case_id),
            Self::ReturnedFromRoute(body) => one(&body.case_id),
            Self::Withdrawn(body) => one(&body.case_id),
            Self::Linked(body) => one(&body.case_id),
            Self::Closed(body) => one(&body.case_id),
            // The head is handled again, whichever member was dissatisfied.
            Self::Reopened(body) if body.head_case_id.is_empty() => one(&body.case_id),
            Self::Reopened(body) => one(&body.head_case_id),
            Self::Proposed(body) => many(&body.case_ids),
            Self::Fixed(body) => many(&body.case_ids),
            Self::Rejected(body) => many(&body.case_ids),
            Self::Cancelled(body) => many(&body.case_ids),
            Self::Concluded(body) => many(&body.case_ids),
            Self::Started(body) => one(&body.case_id),
            Self::Warned(body) => one(&body.case_id),
            Self::Breached(body) => one(&body.case_id),
            Self::Paused(body) => one(&body.case_id),
            Self::Stopped(body) => one(&body.case_id),
            Self::Answered(body) => one(&body.case_id),
            Self::Extended(body) => one(&body.case_id),
            Self::Moved(body) => one(&body.case_id),
            Self::Issued(body) => one(&body.case_id),
            Self::ClosingRefused(body) => one(&body.case_id),
        }
    }

    fn facts(&self) -> Option<&FactsMessage> {
        match self {
            Self::Registered(body) => body.facts.as_ref(),
            Self::Accepted(body) => body.facts.as_ref(),
            Self::FactsAdded(body) => body.facts.as_ref(),
            Self::ReturnedFromRoute(body) => body.facts.as_ref(),
            Self::Reopened(body) => body.facts.as_ref(),
            _ => None,
        }
    }
}

fn broken(mistakes: Mistakes) -> Failed {
    Failed::Broken(mistakes.to_string())
}

/// What an event says, if this service acts on it, and what to hold before it is decided.
pub fn read(event: &Envelope) -> Result<(Keys<Needs>, Option<Heard>), Failed> {
    let Some(heard) = Heard::of(event)? else { return Ok((Keys::default(), None)) };
    let cases = heard.cases().map_err(broken)?;
    let mut needs = Needs::default();
    // That clocks run is written beside the case; its order is kept, and the case itself is left alone.
    match heard {
        Heard::Started(_) => needs.left_alone.extend(&cases),
        _ => needs.files.extend(&cases),
    }
    if let Some(facts) = heard.facts() {
        let facts = read::facts(Some(facts)).map_err(|mistakes| broken(mistakes.within("facts")))?;
        needs.matters.insert(matter_set(&facts.matters));
    }
    Ok((Keys::many(cases.into_iter().map(CaseId::uuid)).and(needs), Some(heard)))
}

/// Decides an event on the loaded unit.
pub fn on_event(unit: &mut Unit, cx: &mut Cx, heard: &Heard) -> Result<(), Failed> {
    for case in heard.cases().map_err(broken)? {
        on_case(unit, cx, case, heard)?;
    }
    Ok(())
}

fn on_case(unit: &mut Unit, cx: &mut Cx, case: CaseId, heard: &Heard) -> Result<(), Failed> {
    match heard {
        Heard::Registered(body) => on_registered(unit, cx, case, body),
        Heard::Accepted(body) => on_accepted(unit, cx, case, body),
        Heard::FactsAdded(body) => {
            let facts = facts(body.facts.as_ref())?;
            follow(unit, cx, case, Command::AddFacts { facts })
        }
        Heard::Declined(_) => end(unit, cx, case, EndedBecause::Declined),
        Heard::RoutedAway(_) => end(unit, cx, case, EndedBecause::RoutedAway),
        Heard::Withdrawn(_) => end(unit, cx, case, EndedBecause::Withdrawn),
        Heard::Closed(_) => end(unit, cx, case, EndedBecause::Closed),
        Heard::ReturnedFromRoute(body) => {
            let facts = facts(body.facts.as_ref())?;
            follow(unit, cx, case, Command::ReturnFromRoute { facts })
        }
        Heard::Linked(body) => on_linked(unit, cx, case, body),
        Heard::Reopened(body) => {
            let facts = body.facts.as_ref().map(|message| facts(Some(message))).transpose()?;
            // A member's facts are its own; only the head's own reopening changes what the head is about.
            let facts = facts.filter(|_| body.case_id == case.to_string());
            follow(unit, cx, case, Command::Reopen { round: body.round, facts })
        }
        Heard::Proposed(body) => named(unit, cx, case, &body.operation_id),
        Heard::Fixed(body) => named(unit, cx, case, &body.operation_id),
        Heard::Rejected(body) => failed(unit, cx, case, &body.operation_id, &body.reason_code),
        Heard::Cancelled(body) => failed(unit, cx, case, &body.operation_id, &body.reason_code),
        Heard::Concluded(body) => on_concluded(unit, cx, case, body),
        Heard::Started(body) => clocks::run(unit, cx, case, &body.clocks),
        Heard::Extended(body) => clocks::change(unit, cx, case, &body.clocks),
        Heard::Moved(body) => clocks::change(unit, cx, case, &body.clocks),
        Heard::Warned(body) => clocks::see(unit, cx, case, &body.clocks, &DeadlineState::Warned),
        Heard::Breached(body) => clocks::see(unit, cx, case, &body.clocks, &DeadlineState::Breached),
        Heard::Paused(body) => {
            clocks::stop(unit, case, body.clocks.iter().map(|clock| clock.kind.as_str()));
            let state = DeadlineState::Paused { reason: body.reason_code.clone() };
            clocks::see(unit, cx, case, &body.clocks, &state)
        }
        Heard::Stopped(body) => {
            clocks::stop(unit, case, body.kinds.iter().map(String::as_str));
            Ok(())
        }
        Heard::Issued(body) => on_issued(unit, cx, case, body),
        Heard::Answered(body) => on_answered(unit, cx, case, body),
        Heard::ClosingRefused(body) => {
            let order = read::maybe_word("work_order_id", &body.work_order_id).map_err(broken)?;
            follow(unit, cx, case, Command::RefuseClosing { order })
        }
    }
}

fn facts(message: Option<&FactsMessage>) -> Result<CaseFacts, Failed> {
    read::facts(message).map_err(|mistakes| broken(mistakes.within("facts")))
}

/// A command that an event asks for. A case that has gone on meanwhile needs it no longer; a case we have not heard of
/// will be heard of.
fn follow(unit: &mut Unit, cx: &mut Cx, case: CaseId, command: Command) -> Result<(), Failed> {
    use assignment_domain::refusal::Refusal as No;
    if unit.files.get(&case).is_none() {
        return Err(Failed::NotYet(format!("case {case} is not known yet")));
    }
    match act(unit, cx, case, command) {
        Ok(()) => Ok(()),
        Err(Stop::No(no @ (No::OutOfTurn { .. } | No::NotFound { .. }))) => {
            let cause = match cx.cause() {
                Cause::Event(event) => event.type_name.as_str(),
                Cause::Command(_) | Cause::Timer(_) => "",
            };
            tracing::info!(%case, cause, %no, "an event came after the case had gone on");
            Ok(())
        }
        Err(Stop::No(no)) => Err(Failed::Broken(no.to_string())),
        Err(Stop::Internal(reason)) => Err(Failed::Broken(reason)),
    }
}

fn end(unit: &mut Unit, cx: &mut Cx, case: CaseId, because: EndedBecause) -> Result<(), Failed> {
    follow(unit, cx, case, Command::End { because })
}

fn on_registered(unit: &mut Unit, cx: &mut Cx, case: CaseId, body: &intake::CaseRegistered) -> Result<(), Failed> {
    if unit.files.get(&case).is_some() {
        return Ok(());
    }
    let registered = Registered {
        id: case,
        case_no: body.case_no.clone(),
        facts: facts(body.facts.as_ref())?,
        without_clerk: body.without_clerk,
        sealed: body.sealed,
    };
    open(unit, cx, registered)
}

fn open(unit: &mut Unit, cx: &mut Cx, registered: Registered) -> Result<(), Failed> {
    register(unit, cx, registered).map_err(|stop| match stop {
        Stop::No(no) => Failed::Broken(no.to_string()),
        Stop::Internal(reason) => Failed::Broken(reason),
    })
}

fn on_accepted(unit: &mut Unit, cx: &mut Cx, case: CaseId, body: &intake::CaseAccepted) -> Result<(), Failed> {
    let facts = facts(body.facts.as_ref())?;
    if unit.files.get(&case).is_none() {
        let (id, case_no) = (case, body.case_no.clone());
        open(unit, cx, Registered { id, case_no, facts: facts.clone(), without_clerk: true, sealed: false })?;
    }
    let head: Option<CaseId> = read::maybe_word("head_case_id", &body.head_case_id).map_err(broken)?;
    if let Some(head) = head.filter(|head| *head != case) {
        return follow(unit, cx, case, Command::Link { head });
    }
    let command = Command::Accept {
        case_no: body.case_no.clone(),
        facts,
        accepted_at: read::time("accepted_at", body.accepted_at.as_ref()).map_err(broken)?,
        mode: read::maybe_mode(body.mode).map_err(broken)?,
        track: read::maybe_track(body.track).map_err(broken)?,
    };
    follow(unit, cx, case, command)
}

fn on_linked(unit: &mut Unit, cx: &mut Cx, case: CaseId, body: &intake::CaseLinked) -> Result<(), Failed> {
    match intake::LinkKind::try_from(body.kind) {
        // Whoever comes again after an answer is handled anew.
        Ok(intake::LinkKind::Repeat) => Ok(()),
        Ok(intake::LinkKind::Duplicate | intake::LinkKind::ClusterMember) => {
            let head = read::word("head_case_id", &body.head_case_id).map_err(broken)?;
            follow(unit, cx, case, Command::Link { head })
        }
        Ok(intake::LinkKind::Unspecified) | Err(_) => Err(Failed::Broken("the kind of link is not said".to_owned())),
    }
}

fn operation_id(text: &str) -> Result<OperationId, Failed> {
    read::word("operation_id", text).map_err(broken)
}

fn named(unit: &mut Unit, cx: &mut Cx, case: CaseId, operation: &str) -> Result<(), Failed> {
    let operation = operation_id(operation)?;
    follow(unit, cx, case, Command::OperationNamed { operation })
}

fn failed(unit: &mut Unit, cx: &mut Cx, case: CaseId, operation: &str, reason: &str) -> Result<(), Failed> {
    let operation = operation_id(operation)?;
    follow(unit, cx, case, Command::OperationFailed { operation, reason: reason.to_owned() })
}

fn on_concluded(
    unit: &mut Unit,
    cx: &mut Cx,
    case: CaseId,
    body: &scheduling::OperationConcluded,
) -> Result<(), Failed> {
    let follow_ups = body.follow_ups.iter().map(ours::follow_up).collect::<Result<_, _>>().map_err(broken)?;
    let operation = operation_id(&body.operation_id)?;
    follow(unit, cx, case, Command::OperationConcluded { operation, follow_ups })
}

fn on_issued(
    unit: &mut Unit,
    cx: &mut Cx,
    case: CaseId,
    body: &supervision::SupervisionOrderIssued,
) -> Result<(), Failed> {
    let order: Option<WorkOrderId> = read::maybe_word("work_order_id", &body.work_order_id).map_err(broken)?;
    let Some(order) = order else { return Ok(()) };
    let pressed = ours::pressed(body).map_err(broken)?;
    follow(unit, cx, case, Command::Press { order, pressed })
}

fn on_answered(
    unit: &mut Unit,
    cx: &mut Cx,
    case: CaseId,
    body: &supervision::SupervisionOrderAnswered,
) -> Result<(), Failed> {
    let order = read::word("supervision_order_id", &body.supervision_order_id).map_err(broken)?;
    let at = read::time("answered_at", body.answered_at.as_ref()).map_err(broken)?;
    follow(unit, cx, case, Command::PressAnswered { order, at })
}

/// Decides a timer that came due.
pub fn on_timer(unit: &mut Unit, cx: &mut Cx, timer: &FiredTimer) -> Result<(), Failed> {
    let Some(command) = assignment_domain::file::CaseFile::command_of_timer(&timer.kind) else {
        return Err(Failed::Broken(format!("timer {} is of no kind we know", timer.kind)));
    };
    follow(unit, cx, Uuid::into(timer.key), command)
}
