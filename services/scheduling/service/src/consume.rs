//! The door for other services: what scheduling does when it hears of something.

use jiff::Timestamp;
use kit::envelope::Envelope;
use kit::service::{Failed, Keys};
use scheduling_domain::operation::{CLOSING_REFUSED, Trigger};
use scheduling_domain::{Command, Ended, KnownCase, Operation};
use vocab::{CaseId, RuleCode, WorkOrderId};

use crate::app::{self, Cx};
use crate::rules::Clock;
use crate::unit::{Needs, Unit};
use crate::wire::events;
use crate::wire::heard::{Heard, heard};

/// What an event says, and the heads it touches. A case's head guards what is known of it; the store adds its unfinished
/// operations.
pub fn read(event: &Envelope) -> Result<(Keys<Needs>, Heard), Failed> {
    let heard = heard(event)?;
    let keys = match &heard {
        Heard::Escalated { case, operation, .. } => Keys::many([case.uuid(), operation.uuid()]),
        Heard::Ended { case, .. }
        | Heard::OpenAgain(case)
        | Heard::OrderWithdrawn { case, .. }
        | Heard::ClosingRefused(case) => Keys::one(case.uuid()),
        // Every case has clocks; only one that was escalated is worth a lock.
        Heard::FinishBy { case, .. } => Keys::needing(Needs { if_known: [*case].into(), ..Needs::default() }),
        Heard::AccountDisabled(_) | Heard::Nothing => Keys::default(),
    };
    Ok((keys, heard))
}

/// Decides an event on the loaded unit.
pub fn on_event(unit: &mut Unit, cx: &mut Cx, heard: &Heard) -> Result<(), Failed> {
    match heard {
        escalation @ Heard::Escalated { .. } => escalated(unit, cx, escalation),
        Heard::Ended { case, reason, round } => ended(unit, cx, *case, reason, *round),
        Heard::OrderWithdrawn { case, order } => order_withdrawn(unit, cx, *case, *order),
        Heard::ClosingRefused(case) => closing_refused(unit, cx, *case),
        Heard::OpenAgain(case) => {
            change_known(unit, *case, |known| KnownCase { ended: None, ..known });
            Ok(())
        }
        Heard::FinishBy { case, due } => {
            change_known(unit, *case, |known| KnownCase { finish_by: *due, ..known });
            Ok(())
        }
        Heard::AccountDisabled(account) => {
            cx.revoke(account.clone());
            Ok(())
        }
        Heard::Nothing => Ok(()),
    }
}

/// 提请联合执法: a proposal, unless the case needs nothing more or an operation for it is open already.
fn escalated(unit: &mut Unit, cx: &mut Cx, escalation: &Heard) -> Result<(), Failed> {
    let Heard::Escalated { case, round, operation, finish_by, body } = escalation else { return Ok(()) };
    let case = *case;
    let mut known = unit.cases.get(&case).cloned().unwrap_or_default();
    known.finish_by = known.finish_by.or(*finish_by);
    let is_over = known.is_over(*round);
    unit.cases.put(case, known);
    if is_over || unfinished(unit, case).next().is_some() {
        tracing::info!(case_id = %case, "the escalation of case {case} proposes nothing: it is over, or an operation is open");
        return Ok(());
    }
    let at: Timestamp = cx.now();
    let answer_by = cx.rules().timer(Clock::Decide, at).map(|arm| arm.due_at);
    let operation = Operation::propose(events::proposal(body, *operation, at, answer_by)?);
    app::propose(unit, cx, &operation);
    Ok(())
}

fn unfinished(unit: &Unit, case: CaseId) -> impl Iterator<Item = &Operation> {
    unit.operations
        .iter()
        .map(|(_, operation)| operation)
        .filter(move |operation| !operation.stage.is_final() && operation.cases.contains(&case))
}

fn change_known(unit: &mut Unit, case: CaseId, change: impl FnOnce(KnownCase) -> KnownCase) {
    let Some(known) = unit.cases.get(&case).cloned() else { return };
    let changed = change(known.clone());
    if changed != known {
        unit.cases.put(case, changed);
    }
}

/// The case needs nothing more: its operations are cancelled, unless another case still needs them.
fn ended(unit: &mut Unit, cx: &mut Cx, case: CaseId, reason: &str, round: Option<u32>) -> Result<(), Failed> {
    let known = unit.cases.get(&case).cloned();
    // Closing ends what was escalated; the other endings may overtake an escalation and must be remembered.
    if known.is_none() && round.is_some() {
        return Ok(());
    }
    let ended = Some(Ended { reason: reason.to_owned(), round });
    unit.cases.put(case, KnownCase { ended, ..known.unwrap_or_default() });
    let over: Vec<Operation> = unfinished(unit, case)
        .filter(|operation| {
            let Trigger::CaseEscalated { round, .. } = &operation.trigger;
            let is_over = |one: &CaseId| unit.cases.get(one).is_some_and(|known| known.is_over(*round));
            operation.cases.iter().all(is_over)
        })
        .cloned()
        .collect();
    cancel(unit, cx, over, &format!("case_{reason}"))
}

/// 撤单: an operation that was to help with just this order has lost its ground, unless people are on the spot already.
fn order_withdrawn(unit: &mut Unit, cx: &mut Cx, case: CaseId, order: WorkOrderId) -> Result<(), Failed> {
    let triggered = |operation: &&Operation| {
        let Trigger::CaseEscalated { work_order, .. } = &operation.trigger;
        *work_order == Some(order) && !operation.stage.is_under_way()
    };
    let lost: Vec<Operation> = unfinished(unit, case).filter(triggered).cloned().collect();
    cancel(unit, cx, lost, "work_order_withdrawn")
}

fn cancel(unit: &mut Unit, cx: &mut Cx, operations: Vec<Operation>, code: &str) -> Result<(), Failed> {
    let reason = RuleCode::new(code).map_err(|error| Failed::Broken(error.to_string()))?;
    for operation in operations {
        decide(unit, cx, &operation, &Command::Cancel { reason: reason.clone() })?;
    }
    Ok(())
}

/// 结案审核退回: whoever holds an unfinished operation of the case is pressed for it.
fn closing_refused(unit: &mut Unit, cx: &mut Cx, case: CaseId) -> Result<(), Failed> {
    let reason = RuleCode::new(CLOSING_REFUSED).map_err(|error| Failed::Broken(error.to_string()))?;
    let open: Vec<Operation> = unfinished(unit, case).cloned().collect();
    for operation in open {
        decide(unit, cx, &operation, &Command::Remind { reason: reason.clone() })?;
    }
    Ok(())
}

fn decide(unit: &mut Unit, cx: &mut Cx, operation: &Operation, command: &Command) -> Result<(), Failed> {
    app::step(unit, cx, operation, command).map(|_| ()).map_err(|refusal| Failed::Broken(refusal.to_string()))
}
