//! The door for other services: what scheduling does when it hears of something.

use jiff::Timestamp;
use kit::envelope::Envelope;
use kit::service::{Failed, Keys};
use scheduling_domain::operation::Trigger;
use scheduling_domain::{Command, Ended, Operation};
use vocab::{CaseId, RuleCode, WorkOrderId};
use xiezhi_proto::Event as _;
use xiezhi_proto::assignment::v1::{
    AccountDisabled, CaseEscalated, ListPublished, OrganisationPublished, WorkOrderWithdrawn,
};
use xiezhi_proto::intake::v1::{
    CaseClosed, CaseDeclined, CaseReopened, CaseReturnedFromRoute, CaseRoutedAway, CaseWithdrawn,
};
use xiezhi_proto::supervision::v1::{
    Clock, ClocksExtended, ClocksMoved, ClocksStarted, ClocksStopped, ClosingRefused,
};

use crate::app::{self, Cx};
use crate::rules;
use crate::unit::{Needs, Unit};
use crate::wire::events;

/// The heads an event touches. A case's head guards what is known of it; the store adds its unfinished operations.
pub fn keys_of(event: &Envelope) -> Result<Keys<Needs>, Failed> {
    Ok(match event.type_name.as_str() {
        CaseEscalated::TYPE => {
            let body: CaseEscalated = event.body()?;
            let case: CaseId = events::id("case_id", &body.case_id)?;
            let operation = app::operation_id(case.uuid(), body.round.max(1), event.event_id);
            Keys::many([case.uuid(), operation.uuid()])
        }
        CaseWithdrawn::TYPE
        | CaseDeclined::TYPE
        | CaseRoutedAway::TYPE
        | CaseReturnedFromRoute::TYPE
        | CaseClosed::TYPE
        | CaseReopened::TYPE
        | WorkOrderWithdrawn::TYPE
        | ClosingRefused::TYPE => Keys::one(event.key),
        ClocksStarted::TYPE | ClocksExtended::TYPE | ClocksMoved::TYPE | ClocksStopped::TYPE => {
            // Every case has clocks; only a case that was escalated is worth a lock.
            let if_known = [CaseId::new(event.key)].into();
            Keys::needing(Needs { if_known, ..Needs::default() })
        }
        // Roster and lists come with the pack itself, which is published to this service, too; an account needs no head.
        OrganisationPublished::TYPE | ListPublished::TYPE | AccountDisabled::TYPE => Keys::default(),
        _ => Keys::default(),
    })
}

/// Decides an event on the loaded unit.
pub fn on_event(unit: &mut Unit, cx: &mut Cx, event: &Envelope) -> Result<(), Failed> {
    let case = CaseId::new(event.key);
    match event.type_name.as_str() {
        CaseEscalated::TYPE => escalated(unit, cx, event),
        CaseWithdrawn::TYPE => ended(unit, cx, case, "withdrawn", None),
        CaseDeclined::TYPE => ended(unit, cx, case, "declined", None),
        CaseRoutedAway::TYPE => ended(unit, cx, case, "routed_away", None),
        CaseClosed::TYPE => ended(unit, cx, case, "closed", Some(event.body::<CaseClosed>()?.round)),
        CaseReturnedFromRoute::TYPE | CaseReopened::TYPE => {
            open_again(unit, case);
            Ok(())
        }
        WorkOrderWithdrawn::TYPE => order_withdrawn(unit, cx, case, &event.body()?),
        ClosingRefused::TYPE => closing_refused(unit, cx, case),
        ClocksStarted::TYPE => finish_by(unit, case, &event.body::<ClocksStarted>()?.clocks),
        ClocksExtended::TYPE => finish_by(unit, case, &event.body::<ClocksExtended>()?.clocks),
        ClocksMoved::TYPE => finish_by(unit, case, &event.body::<ClocksMoved>()?.clocks),
        ClocksStopped::TYPE => {
            let kinds = event.body::<ClocksStopped>()?.kinds;
            if kinds.iter().any(|kind| rules::finishes_case(kind)) {
                set_finish_by(unit, case, None);
            }
            Ok(())
        }
        AccountDisabled::TYPE => {
            cx.revoke(event.body::<AccountDisabled>()?.account_id);
            Ok(())
        }
        _ => Ok(()),
    }
}

/// 提请联合执法: a proposal, unless the case needs nothing more or an operation for it is open already.
fn escalated(unit: &mut Unit, cx: &mut Cx, event: &Envelope) -> Result<(), Failed> {
    let body: CaseEscalated = event.body()?;
    let case: CaseId = events::id("case_id", &body.case_id)?;
    let round = body.round.max(1);
    let mut known = unit.cases.get(&case).cloned().unwrap_or_default();
    known.finish_by = known.finish_by.or(events::maybe_time("finish_by", body.finish_by.as_ref())?);
    let is_over = known.is_over(round);
    unit.cases.put(case, known);
    if is_over || unfinished(unit, case).next().is_some() {
        tracing::info!(case_id = %case, "an escalation of case {case} proposes nothing: it is over, or an operation is open");
        return Ok(());
    }
    let at = cx.now();
    let answer_by = cx.rules().timer(rules::Clock::Decide, at).map(|arm| arm.due_at);
    let id = app::operation_id(case.uuid(), round, event.event_id);
    let operation = Operation::propose(events::proposal(&body, id, at, answer_by)?);
    app::propose(unit, cx, &operation);
    Ok(())
}

fn unfinished(unit: &Unit, case: CaseId) -> impl Iterator<Item = &Operation> {
    unit.operations
        .iter()
        .map(|(_, operation)| operation)
        .filter(move |operation| !operation.stage.is_final() && operation.cases.contains(&case))
}

/// The case needs nothing more: its operations are cancelled, unless another case still needs them.
fn ended(unit: &mut Unit, cx: &mut Cx, case: CaseId, reason: &str, round: Option<u32>) -> Result<(), Failed> {
    let known = unit.cases.get(&case).cloned();
    // Closing ends what was escalated; the other endings may overtake an escalation and must be remembered.
    if known.is_none() && round.is_some() {
        return Ok(());
    }
    let mut known = known.unwrap_or_default();
    known.ended = Some(Ended { reason: reason.to_owned(), round });
    unit.cases.put(case, known);
    let code = format!("case_{reason}");
    let over: Vec<Operation> = unfinished(unit, case)
        .filter(|operation| {
            let Trigger::CaseEscalated { round, .. } = &operation.trigger;
            let is_over = |one: &CaseId| unit.cases.get(one).is_some_and(|known| known.is_over(*round));
            operation.cases.iter().all(is_over)
        })
        .cloned()
        .collect();
    for operation in over {
        cancel(unit, cx, &operation, &code)?;
    }
    Ok(())
}

fn cancel(unit: &mut Unit, cx: &mut Cx, operation: &Operation, code: &str) -> Result<(), Failed> {
    let reason = RuleCode::new(code).map_err(|error| Failed::Broken(error.to_string()))?;
    decide(unit, cx, operation, &Command::Cancel { reason })
}

fn decide(unit: &mut Unit, cx: &mut Cx, operation: &Operation, command: &Command) -> Result<(), Failed> {
    app::step(unit, cx, operation, command).map(|_| ()).map_err(|refusal| Failed::Broken(refusal.to_string()))
}

fn open_again(unit: &mut Unit, case: CaseId) {
    if let Some(known) = unit.cases.get(&case).filter(|known| known.ended.is_some()).cloned() {
        unit.cases.put(case, scheduling_domain::KnownCase { ended: None, ..known });
    }
}

/// 撤单: an operation that was to help with just this order has lost its ground, unless people are on the spot already.
fn order_withdrawn(unit: &mut Unit, cx: &mut Cx, case: CaseId, body: &WorkOrderWithdrawn) -> Result<(), Failed> {
    let order: WorkOrderId = events::id("work_order_id", &body.work_order_id)?;
    let triggered = |operation: &&Operation| {
        let Trigger::CaseEscalated { work_order, .. } = &operation.trigger;
        *work_order == Some(order) && operation.stage.code() != "started"
    };
    let lost: Vec<Operation> = unfinished(unit, case).filter(triggered).cloned().collect();
    for operation in lost {
        cancel(unit, cx, &operation, "work_order_withdrawn")?;
    }
    Ok(())
}

/// 结案审核退回: whoever holds an unfinished operation of the case is pressed for it.
fn closing_refused(unit: &mut Unit, cx: &mut Cx, case: CaseId) -> Result<(), Failed> {
    let reason = RuleCode::new("closing_refused").map_err(|error| Failed::Broken(error.to_string()))?;
    let open: Vec<Operation> = unfinished(unit, case).cloned().collect();
    for operation in open {
        decide(unit, cx, &operation, &Command::Remind { reason: reason.clone() })?;
    }
    Ok(())
}

/// The clock that ends the whole case's handling bounds its plans.
fn finish_by(unit: &mut Unit, case: CaseId, clocks: &[Clock]) -> Result<(), Failed> {
    let mut due: Option<Timestamp> = None;
    for clock in clocks.iter().filter(|clock| clock.work_order_id.is_empty() && rules::finishes_case(&clock.kind)) {
        let one = events::maybe_time("due_at", clock.deadline.as_ref().and_then(|deadline| deadline.due_at.as_ref()))?;
        due = match (due, one) {
            (Some(due), Some(one)) => Some(due.min(one)),
            (due, one) => due.or(one),
        };
    }
    if due.is_some() {
        set_finish_by(unit, case, due);
    }
    Ok(())
}

fn set_finish_by(unit: &mut Unit, case: CaseId, finish_by: Option<Timestamp>) {
    if let Some(known) = unit.cases.get(&case).filter(|known| known.finish_by != finish_by).cloned() {
        unit.cases.put(case, scheduling_domain::KnownCase { finish_by, ..known });
    }
}
