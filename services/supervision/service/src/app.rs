//! The corridor's decisions: load the case, let the domain decide, keep what follows, say it, arm the timer.

use kit::caller::Call;
use kit::context::{Arm, Context};
use kit::refusal::Refusal;
use kit::service::Failed;
use supervision_domain::{Approver, Case, Checker, Event, NotHeard};
use vocab::{CaseId, SupervisionOrderId, UnitCode, WorkOrderId};
use xiezhi_proto::supervision::v1 as proto;

use crate::refuse::{no_case, refuse};
use crate::rules::Rules;
use crate::unit::{Answer, ClockReason, Unit, knowers, town};
use crate::wire;

/// The one timer of a case: it waits for whatever falls due next.
pub const TIMER: &str = "clocks";

/// A fact that may still come is waited for.
pub fn failed(error: NotHeard) -> Failed {
    if error.may_come() { Failed::NotYet(error.to_string()) } else { Failed::Broken(error.to_string()) }
}

/// Keeps a decided case, says what happened and waits for what comes next.
pub fn settle(unit: &mut Unit, cx: &mut Context<Rules>, mut case: Case, events: &[Event]) -> Result<(), NotHeard> {
    wire::say(cx, &case, events);
    arm_next(cx, &mut case)?;
    unit.keep(case);
    Ok(())
}

fn arm_next(cx: &mut Context<Rules>, case: &mut Case) -> Result<(), NotHeard> {
    let rules = std::sync::Arc::clone(cx.rules());
    let key = case.id.uuid();
    let next = case.next_alarm(&rules.book)?.map(|next| {
        let rule = rules.book.rule(&next.clock.rule);
        Arm {
            rule: next.clock.rule.to_string(),
            anchor_at: next.clock.anchor_at,
            amount: rule.and_then(|rule| i32::try_from(rule.amount).ok()).unwrap_or(0),
            unit: rule.map_or("day", |rule| rule.unit.as_str()),
            calendar_version: i32::try_from(next.clock.calendar_version).unwrap_or(i32::MAX),
            // What should have rung before we knew of it rings now.
            due_at: next.at.max(cx.now()),
        }
    });
    let at = next.as_ref().map(|arm| arm.due_at);
    if at == case.timer_at {
        return Ok(());
    }
    case.timer_at = at;
    match next {
        Some(arm) => cx.arm(key, TIMER, arm),
        None => cx.cancel(key, TIMER),
    }
    Ok(())
}

/// New rules: a new calendar moves what is due, and every timer waits for what comes next by them.
pub fn rules_changed(unit: &mut Unit, cx: &mut Context<Rules>) -> Result<(), Refusal> {
    let rules = std::sync::Arc::clone(cx.rules());
    let cases: Vec<Case> = unit.cases.iter().map(|(_, case)| case.clone()).collect();
    for before in cases {
        let mut case = before.clone();
        let internal = |error: NotHeard| Refusal::Internal(error.to_string());
        let events = case.recount(&rules.book, cx.now()).map_err(internal)?;
        wire::say(cx, &case, &events);
        arm_next(cx, &mut case).map_err(internal)?;
        if case != before {
            unit.keep(case);
        }
    }
    Ok(())
}

/// The case a command is about, if its caller may know of it.
fn known(unit: &Unit, call: &Call, id: CaseId) -> Result<Case, Refusal> {
    let case = unit.cases.get(&id).cloned().ok_or_else(no_case)?;
    let units = knowers(&case);
    if call.granted.covers(units.iter().map(UnitCode::as_str)) { Ok(case) } else { Err(no_case()) }
}

fn call(cx: &Context<Rules>) -> Result<Call, Refusal> {
    cx.call().cloned().ok_or_else(|| Refusal::Internal("a command without a caller".to_owned()))
}

fn finish(unit: &mut Unit, cx: &mut Context<Rules>, case: &Case, events: &[Event]) -> Result<(), Refusal> {
    settle(unit, cx, case.clone(), events).map_err(|error| Refusal::Internal(error.to_string()))
}

fn view(cx: &Context<Rules>, case: &Case, kind: &str) -> Option<proto::ClockView> {
    let labels = wire::Labels { rules: cx.rules(), explain: true };
    case.clock(kind).map(|clock| wire::clock_view(case, clock, &labels))
}

/// 延期.
pub fn extend(
    unit: &mut Unit,
    cx: &mut Context<Rules>,
    id: CaseId,
    kind: &str,
    amount: u32,
    reason: &str,
) -> Result<proto::ExtendClockResponse, Refusal> {
    let call = call(cx)?;
    let caller = &call.granted.caller;
    let mut case = known(unit, &call, id)?;
    // Of an answer that another unit owes this one is not told; asked for, it is as if it did not exist.
    if case.clock(kind).is_some_and(|clock| clock.answers().is_some() && !call.granted.covers([clock.holder.as_str()]))
    {
        return Err(refuse(supervision_domain::Refusal::NoClock(kind.to_owned())));
    }
    let rules = std::sync::Arc::clone(cx.rules());
    let approver = Approver {
        account: caller.account.clone(),
        unit: caller.unit.clone(),
        posts: rules.posts_of(&caller.unit, &caller.person),
    };
    let events = case.extend(kind, amount, &approver, &rules.book, cx.now()).map_err(refuse)?;
    finish(unit, cx, &case, &events)?;
    if let Some(clock) = case.clock(kind) {
        let (round, kind) = (clock.round, clock.kind.clone());
        unit.reasons.push(ClockReason { id: cx.new_id(), case: case.id, round, kind, words: reason.to_owned() });
    }
    let mut clock = view(cx, &case, kind);
    if let Some(extension) = clock.as_mut().and_then(|clock| clock.extension.as_mut()) {
        reason.clone_into(&mut extension.reason);
    }
    Ok(proto::ExtendClockResponse { clock })
}

/// 中止.
pub fn pause(
    unit: &mut Unit,
    cx: &mut Context<Rules>,
    id: CaseId,
    kind: &str,
    reason: &str,
) -> Result<proto::PauseClockResponse, Refusal> {
    let call = call(cx)?;
    let mut case = known(unit, &call, id)?;
    let rules = std::sync::Arc::clone(cx.rules());
    let events = case.pause(kind, reason, &rules.book, cx.now()).map_err(refuse)?;
    finish(unit, cx, &case, &events)?;
    Ok(proto::PauseClockResponse { clock: view(cx, &case, kind) })
}

/// 恢复.
pub fn resume(
    unit: &mut Unit,
    cx: &mut Context<Rules>,
    id: CaseId,
    kind: &str,
) -> Result<proto::ResumeClockResponse, Refusal> {
    let call = call(cx)?;
    let mut case = known(unit, &call, id)?;
    let rules = std::sync::Arc::clone(cx.rules());
    let events = case.resume(kind, &rules.book, cx.now()).map_err(refuse)?;
    finish(unit, cx, &case, &events)?;
    Ok(proto::ResumeClockResponse { clock: view(cx, &case, kind) })
}

/// 督办回复.
pub fn answer(
    unit: &mut Unit,
    cx: &mut Context<Rules>,
    case: CaseId,
    order: SupervisionOrderId,
    body: &str,
) -> Result<proto::AnswerSupervisionOrderResponse, Refusal> {
    let call = call(cx)?;
    let caller = &call.granted.caller;
    let missing = || refuse(supervision_domain::Refusal::NoSupervisionOrder);
    let mut case = known(unit, &call, case).map_err(|_| missing())?;
    let events = case.answer(order, &caller.unit, &caller.account, cx.now()).map_err(refuse)?;
    finish(unit, cx, &case, &events)?;
    unit.answers.push(Answer { case: case.id, order, body: body.to_owned() });
    let answered = case.supervision_orders.get(&order).ok_or_else(missing)?;
    Ok(proto::AnswerSupervisionOrderResponse {
        supervision_order: Some(wire::order_view(
            case.id,
            case.ledger.case_no.as_deref(),
            answered,
            Some(body.to_owned()),
        )),
    })
}

/// The case whose closing a caller may know of: its own, or one of its place. Where there is none yet the town of the place
/// hears what a stranger hears, so that nobody learns of a case before it is handled.
fn closable(unit: &Unit, call: &Call, id: CaseId) -> Result<Case, Refusal> {
    let missing = || refuse(supervision_domain::Refusal::NoClosing);
    let case = unit.cases.get(&id).cloned().ok_or_else(missing)?;
    let units = knowers(&case);
    let town = town(&case);
    if call.granted.covers(units.iter().chain(&town).map(UnitCode::as_str)) { Ok(case) } else { Err(missing()) }
}

fn checker(call: &Call) -> Result<Checker, Refusal> {
    let caller = &call.granted.caller;
    Ok(Checker { account: caller.account.clone(), unit: UnitCode::new(caller.unit.as_str()).map_err(|_| no_case())? })
}

fn proof(unit: &Unit, case: &Case) -> Option<proto::ClosingProof> {
    let members = unit.members.get(&case.id).map(Vec::as_slice).unwrap_or_default();
    case.closing(0).map(|closing| wire::proof_view(case, closing, members))
}

/// 结案审核通过.
pub fn approve(unit: &mut Unit, cx: &mut Context<Rules>, id: CaseId) -> Result<proto::ApproveClosingResponse, Refusal> {
    let call = call(cx)?;
    let mut case = closable(unit, &call, id)?;
    let rules = std::sync::Arc::clone(cx.rules());
    let members = unit.members.get(&id).cloned().unwrap_or_default();
    let events = case.approve(&members, &checker(&call)?, &rules.book, cx.now()).map_err(refuse)?;
    finish(unit, cx, &case, &events)?;
    Ok(proto::ApproveClosingResponse { proof: proof(unit, &case) })
}

/// 结案审核退回.
pub fn send_back(
    unit: &mut Unit,
    cx: &mut Context<Rules>,
    id: CaseId,
    order: WorkOrderId,
    reason: &str,
) -> Result<proto::RefuseClosingResponse, Refusal> {
    let call = call(cx)?;
    let mut case = closable(unit, &call, id)?;
    let rules = std::sync::Arc::clone(cx.rules());
    let members = unit.members.get(&id).cloned().unwrap_or_default();
    let events = case.refuse(order, reason, &members, &checker(&call)?, &rules.book, cx.now()).map_err(refuse)?;
    finish(unit, cx, &case, &events)?;
    Ok(proto::RefuseClosingResponse { proof: proof(unit, &case) })
}
