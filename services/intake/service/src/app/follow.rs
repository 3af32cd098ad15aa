//! What follows here from what other services said.

use std::collections::BTreeSet;

use intake_domain::{Case, Command, Handling, Stage, StageName, Suggestion};
use kit::context::Context;
use kit::service::Failed;
use vocab::{CaseId, UnitCode};

use super::{carry, followers, new_notice};
use crate::error::failed;
use crate::rules::Rules;
use crate::unit::Unit;
use crate::wire::heard::Heard;

/// Follows an event.
pub fn follow(unit: &mut Unit, cx: &mut Context<Rules>, heard: &Heard) -> Result<(), Failed> {
    match heard {
        Heard::Diagnosis { case, suggestion, units, body } => diagnosed(unit, cx, *case, suggestion, units, body),
        Heard::Involved { case, units } => involved(unit, cx, *case, units),
        Heard::Handled { case, lead, conclusion, at, round } => {
            let (lead, conclusion) = (lead.clone(), conclusion.clone());
            handled(unit, cx, *case, &Handling { at: *at, lead, conclusion, notice: new_notice(cx) }, *round)
        }
        Heard::Extended { case, extensions } => extensions.iter().try_for_each(|extension| {
            let notice = new_notice(cx);
            one(unit, cx, *case, Command::Extend { extension: extension.clone(), notice }).map(|_| ())
        }),
        Heard::ClosingApproved { case, round } => closed(unit, cx, *case, *round),
        Heard::Reopen { case, rated, cause } => reopen(unit, cx, *case, *rated, cause.clone()),
        Heard::AccountDisabled { account } => {
            cx.revoke(account.clone());
            Ok(())
        }
        Heard::Nothing => Ok(()),
    }
}

fn find(unit: &Unit, id: CaseId) -> Result<Case, Failed> {
    unit.cases.get(&id).cloned().ok_or_else(|| Failed::NotYet(format!("case {id} is not known here")))
}

fn one(unit: &mut Unit, cx: &mut Context<Rules>, id: CaseId, command: Command) -> Result<Case, Failed> {
    let case = find(unit, id)?;
    let events = case.decide(command, cx.now()).map_err(|error| failed(case.number.as_str(), &error))?;
    Ok(carry(unit, cx, case, &events))
}

fn diagnosed(
    unit: &mut Unit,
    cx: &mut Context<Rules>,
    id: CaseId,
    suggestion: &Suggestion,
    units: &BTreeSet<UnitCode>,
    body: &[u8],
) -> Result<(), Failed> {
    let case = find(unit, id)?;
    let events = case
        .decide(Command::Diagnose { suggestion: suggestion.clone(), units: units.clone() }, cx.now())
        .map_err(|error| failed(case.number.as_str(), &error))?;
    if events.is_empty() {
        return Ok(());
    }
    unit.diagnoses.put(id, body.to_vec());
    carry(unit, cx, case, &events);
    involved(unit, cx, id, units)
}

/// Whoever has to do with a head has to do with its members.
fn involved(unit: &mut Unit, cx: &mut Context<Rules>, id: CaseId, units: &BTreeSet<UnitCode>) -> Result<(), Failed> {
    one(unit, cx, id, Command::Involve { units: units.clone() })?;
    for member in followers(unit, id).into_iter().filter(|case| case.stage.name().is_open()) {
        one(unit, cx, member.id, Command::Inherit { units: units.clone() })?;
    }
    Ok(())
}

/// 答复: to the head's complainant and to each member's that is handled in this round.
fn handled(
    unit: &mut Unit,
    cx: &mut Context<Rules>,
    head: CaseId,
    handling: &Handling,
    round: u32,
) -> Result<(), Failed> {
    let answered = one(unit, cx, head, Command::Answer { handling: handling.clone(), round })?;
    if answered.stage.round() != round {
        return Ok(());
    }
    for member in in_round(unit, head, round, &[StageName::Accepted, StageName::Handled]) {
        let handling = Handling { notice: new_notice(cx), ..handling.clone() };
        one(unit, cx, member, Command::Answer { handling, round })?;
    }
    Ok(())
}

/// 结案: the head, and each member that was answered with it.
fn closed(unit: &mut Unit, cx: &mut Context<Rules>, head: CaseId, round: u32) -> Result<(), Failed> {
    one(unit, cx, head, Command::Close { round })?;
    for member in in_round(unit, head, round, &[StageName::Handled]) {
        one(unit, cx, member, Command::Close { round })?;
    }
    Ok(())
}

fn in_round(unit: &Unit, head: CaseId, round: u32, stages: &[StageName]) -> Vec<CaseId> {
    let is_in = |case: &Case| case.stage.round() == round && stages.contains(&case.stage.name());
    followers(unit, head).iter().filter(|case| is_in(case)).map(|case| case.id).collect()
}

/// 二次办理: the complainant's case, and its head, because the head is what is handled. Others who were satisfied stay closed.
fn reopen(
    unit: &mut Unit,
    cx: &mut Context<Rules>,
    id: CaseId,
    rated: Option<u32>,
    cause: String,
) -> Result<(), Failed> {
    let case = find(unit, id)?;
    let head = find(unit, case.head())?;
    let is_head_closed = head.stage.name() == StageName::Closed;
    let to = if is_head_closed { head.stage.round() + 1 } else { head.stage.round() };
    let command = Command::Reopen { rated, cause: cause.clone(), to };
    let events = case.decide(command, cx.now()).map_err(|error| failed(case.number.as_str(), &error))?;
    if events.is_empty() {
        return Ok(());
    }
    if head.id != case.id && is_head_closed {
        one(unit, cx, head.id, Command::Reopen { rated: None, cause, to })?;
    }
    let reopened = carry(unit, cx, case, &events);
    // Where the head was reopened for another complainant and is answered again already, this one gets the same answer.
    if let (true, Stage::Handled { handling, .. }) = (head.id != reopened.id, &head.stage) {
        let handling = Handling { notice: new_notice(cx), ..handling.clone() };
        one(unit, cx, reopened.id, Command::Answer { handling, round: to })?;
    }
    Ok(())
}
