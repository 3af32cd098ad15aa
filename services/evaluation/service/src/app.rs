//! The corridor's decisions: load the file, let the domain decide, keep what follows, say it, arm the timer.

use std::sync::Arc;

use evaluation_domain::{Answer, CaseFile, Command, Event, Heard, Official, State};
use kit::context::{Arm, Context};
use kit::refusal::Refusal;
use kit::service::Failed;
use vocab::{CallbackId, CaseId};

use crate::refuse::{no_callback, refuse};
use crate::rules::Rules;
use crate::unit::{Reason, Unit};
use crate::wire;

/// What every timer of evaluation begins with; the round of the call-back follows.
pub const TIMER: &str = "callback.finish/";

/// The timer of a round's call-back.
fn timer(round: u32) -> String {
    format!("{TIMER}{round}")
}

/// Keeps a decided file, says what happened, and waits for the end of each call-back that was drawn.
fn settle(unit: &mut Unit, cx: &mut Context<Rules>, file: CaseFile, events: &[Event]) {
    wire::say(cx, file.id, events);
    let before = unit.file(file.id);
    let (key, rules) = (file.id.uuid(), Arc::clone(cx.rules()));
    for (round, callback) in &file.callbacks {
        let waited = before.callbacks.get(round).filter(|known| known.state() == State::Drawn);
        let waits = callback.state() == State::Drawn;
        let moved = waited.is_none_or(|known| known.deadline.due_at != callback.deadline.due_at);
        if waits && moved {
            let (deadline, rule) = (&callback.deadline, &rules.scheme.rule);
            let arm = Arm {
                rule: deadline.rule.to_string(),
                anchor_at: deadline.anchor_at,
                amount: i32::try_from(rule.amount).unwrap_or(i32::MAX),
                unit: rule.unit.as_str(),
                calendar_version: i32::try_from(deadline.calendar_version).unwrap_or(i32::MAX),
                due_at: deadline.due_at,
            };
            cx.arm(key, timer(*round), arm);
        } else if waited.is_some() && !waits {
            cx.cancel(key, timer(*round));
        }
    }
    unit.keep(file);
}

/// Takes a fact about a case in.
pub fn hear(unit: &mut Unit, cx: &mut Context<Rules>, case: CaseId, heard: &Heard) -> Result<(), Failed> {
    let mut file = unit.file(case);
    let rules = Arc::clone(cx.rules());
    let events =
        file.hear(heard, &rules.scheme, cx.now()).map_err(|error| Failed::Broken(format!("case {case}: {error}")))?;
    settle(unit, cx, file, &events);
    Ok(())
}

/// A new pack is in force: deadlines of call-backs that wait follow its rule and its calendar.
pub fn recount(unit: &mut Unit, cx: &mut Context<Rules>) -> Result<(), Refusal> {
    let rules = Arc::clone(cx.rules());
    let files: Vec<CaseFile> = unit.files.iter().map(|(_, file)| file.clone()).collect();
    for mut file in files {
        file.recount(&rules.scheme, cx.now()).map_err(|error| Refusal::field("bundle", error.to_string()))?;
        settle(unit, cx, file, &[]);
    }
    Ok(())
}

/// The time of a round's call-back is up: it stays open and is shown as late.
pub fn time_up(unit: &mut Unit, case: CaseId, round: u32) {
    if let Some(mut file) = unit.files.get(&case).cloned() {
        file.time_up(round);
        unit.keep(file);
    }
}

fn official(cx: &Context<Rules>) -> Result<Official, Refusal> {
    let caller = cx.call().map(|call| &call.granted.caller);
    let caller = caller.ok_or_else(|| Refusal::Internal("a command without a caller".to_owned()))?;
    Ok(Official { account: caller.account.clone(), unit: caller.unit.clone(), person: caller.person.clone() })
}

fn decide(
    unit: &mut Unit,
    cx: &mut Context<Rules>,
    case: CaseId,
    callback: CallbackId,
    command: Command,
) -> Result<CaseFile, Refusal> {
    let mut file = unit.files.get(&case).cloned().ok_or_else(no_callback)?;
    let rules = Arc::clone(cx.rules());
    let events = file.decide(callback, command, &rules.scheme, cx.now()).map_err(refuse)?;
    settle(unit, cx, file.clone(), &events);
    Ok(file)
}

/// 登记.
pub fn record(
    unit: &mut Unit,
    cx: &mut Context<Rules>,
    case: CaseId,
    callback: CallbackId,
    answer: Answer,
) -> Result<CaseFile, Refusal> {
    let by = official(cx)?;
    decide(unit, cx, case, callback, Command::Record { answer, by })
}

/// 甄别.
pub fn adjudicate(
    unit: &mut Unit,
    cx: &mut Context<Rules>,
    case: CaseId,
    callback: CallbackId,
    upheld: bool,
    reason: &str,
) -> Result<CaseFile, Refusal> {
    let by = official(cx)?;
    let file = decide(unit, cx, case, callback, Command::Decide { upheld, by })?;
    unit.reasons.push(Reason { case, callback, decided_at: cx.now(), text: reason.to_owned() });
    Ok(file)
}
