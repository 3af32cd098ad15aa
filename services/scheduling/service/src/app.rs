//! The corridor's middle: the domain decides, the unit remembers, the bus hears of it.

pub mod officers;
pub mod planning;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use kit::caller::{Access, Call};
use kit::context::{Arm, Context};
use kit::refusal::Refusal;
use scheduling_domain::command::{Evidence, Inspection};
use scheduling_domain::operation::Stage;
use scheduling_domain::{Actor, Answer, BookingState, Command, Ground, Means, Operation, booking};
use uuid::Uuid;
use vocab::{OperationId, PersonCode, UnitCode};

use crate::rules::{Clock, Rules};
use crate::unit::{Unit, Written};
use crate::wire::{self, events, read};

/// The context of a decision of scheduling.
pub type Cx = Context<Rules>;

/// The timer that asks for a decision about a proposal.
pub const PROPOSAL_ANSWER: &str = "proposal.answer";
/// The timer that ends the time to confirm.
pub const CONFIRM: &str = "participation.confirm";
/// The timer that looks whether an operation is over when its slot is.
pub const SLOT_END: &str = "operation.end";

/// The namespace of keys that are derived and not drawn.
const DERIVED: Uuid = Uuid::from_u128(0x7869_657a_6869_4000_8000_7363_6865_0001);

/// The key under which an officer's changes are told.
pub fn officer_key(code: &PersonCode) -> Uuid {
    Uuid::new_v5(&DERIVED, format!("officer/{code}").as_bytes())
}

/// The id of the operation an escalation proposes: the case, its round and the event itself decide it, so that the same
/// event never makes two, and a case whose first proposal was rejected may be escalated again.
pub fn operation_id(case: Uuid, round: u32, event: Uuid) -> OperationId {
    OperationId::new(Uuid::new_v5(&DERIVED, format!("operation/{case}/{round}/{event}").as_bytes()))
}

/// An operation the caller may know of; a foreign one is answered like a missing one.
pub fn seen(unit: &Unit, cx: &Cx, id: OperationId) -> Result<Operation, Refusal> {
    let covers = |operation: &&Operation| cx.call().is_none_or(|call| call.granted.covers(operation.units()));
    unit.operations.get(&id).filter(covers).cloned().ok_or(Refusal::NotFound { what: "operation" })
}

/// Whom a caller acts for: a department or town for itself, the centre for whom it names.
pub fn acting_unit(call: &Call, named: Option<&UnitCode>) -> Result<UnitCode, Refusal> {
    match call.granted.access {
        Access::Any => named.cloned().ok_or_else(|| Refusal::field("unit_code", "the centre must name the unit")),
        Access::Own if named.is_none_or(|unit| unit.as_str() == call.granted.caller.unit) => own_unit(call),
        Access::Own => Err(Refusal::NotFound { what: "operation" }),
    }
}

fn own_unit(call: &Call) -> Result<UnitCode, Refusal> {
    UnitCode::new(call.granted.caller.unit.as_str()).map_err(|_| Refusal::NotFound { what: "operation" })
}

/// Who acts on an operation as a whole.
pub fn actor(call: &Call) -> Result<Actor, Refusal> {
    Ok(match call.granted.access {
        Access::Any => Actor::Centre,
        Access::Own => Actor::Unit(own_unit(call)?),
    })
}

fn call_of(cx: &Cx) -> Result<Call, Refusal> {
    cx.call().cloned().ok_or_else(|| Refusal::Internal("a command without a caller".to_owned()))
}

/// Everybody and everything a decision about this operation may look at.
pub fn means(unit: &Unit, rules: &Rules, operation: &Operation) -> Means {
    let units: BTreeSet<UnitCode> = operation.participants.iter().map(|participant| participant.unit.clone()).collect();
    Means {
        officers: unit.officers.iter().map(|(code, officer)| (code.clone(), officer.clone())).collect(),
        resources: rules.resources_for(&units),
        bookings: unit.bookings.iter().map(|(_, booking)| booking.clone()).collect(),
    }
}

/// Decides a command and writes down everything that follows from it: state, events, bookings, timers.
pub fn step(unit: &mut Unit, cx: &mut Cx, operation: &Operation, command: &Command) -> Result<Operation, Refusal> {
    let rules = std::sync::Arc::clone(cx.rules());
    let means = means(unit, &rules, operation);
    let at = cx.now();
    let ground = Ground {
        at,
        means: &means,
        law: &rules.law,
        min_certified: rules.min_certified,
        check_in_opens_minutes: rules.check_in_opens_minutes,
    };
    let happened = operation.decide(command, ground).map_err(|refusal| wire::refused(&refusal))?;
    let mut after = operation.clone();
    for event in &happened {
        after.apply(event, at);
        events::say(cx, &after, event, at);
    }
    remember(unit, cx, &rules, Some(operation), &after);
    Ok(after)
}

/// Writes an operation down with what it holds and what it waits for.
pub fn remember(unit: &mut Unit, cx: &mut Cx, rules: &Rules, before: Option<&Operation>, after: &Operation) {
    if before == Some(after) {
        return;
    }
    book(unit, after);
    let waited = before.map(|before| timers(before, rules)).unwrap_or_default();
    let waits = timers(after, rules);
    for kind in waited.keys().filter(|kind| !waits.contains_key(*kind)) {
        cx.cancel(after.id.uuid(), *kind);
    }
    for (kind, arm) in waits {
        if waited.get(kind) != Some(&arm) {
            cx.arm(after.id.uuid(), kind, arm);
        }
    }
    unit.operations.put(after.id, after.clone());
}

/// Holds what the operation now holds and frees the rest.
fn book(unit: &mut Unit, operation: &Operation) {
    let held: BTreeMap<_, _> = booking::held_by(operation)
        .into_iter()
        .map(|booking| ((booking.operation, booking.subject.clone()), booking))
        .collect();
    let freed: Vec<_> = unit
        .bookings
        .iter()
        .filter(|(key, booking)| key.0 == operation.id && booking.holds() && !held.contains_key(*key))
        .map(|(key, booking)| (key.clone(), booking.clone()))
        .collect();
    for (key, mut booking) in freed {
        booking.state = BookingState::Released;
        unit.bookings.put(key, booking);
    }
    for (key, booking) in held {
        if unit.bookings.get(&key) != Some(&booking) {
            unit.bookings.put(key, booking);
        }
    }
}

/// What an operation waits for. Each due time is derived from the state alone, so that the same state has the same timers.
fn timers(operation: &Operation, rules: &Rules) -> BTreeMap<&'static str, Arm> {
    let mut timers = BTreeMap::new();
    match &operation.stage {
        Stage::Proposed { answer_by: Some(due_at) } => {
            let arm = rules.timer(Clock::Decide, operation.proposed_at).map(|arm| Arm { due_at: *due_at, ..arm });
            timers.extend(arm.map(|arm| (PROPOSAL_ANSWER, arm)));
        }
        Stage::Fixed(fixed) => {
            let is_open = fixed.answers.values().any(|answer| *answer == Answer::Asked);
            if let (true, Some(due_at)) = (is_open, fixed.confirm_by) {
                let arm = rules.timer(Clock::Confirm, fixed.asked_at).map(|arm| Arm { due_at, ..arm });
                timers.extend(arm.map(|arm| (CONFIRM, arm)));
            }
            timers.insert(SLOT_END, slot_end(fixed.plan.span, rules));
        }
        Stage::Started(started) => {
            timers.insert(SLOT_END, slot_end(started.plan.span, rules));
        }
        Stage::Proposed { answer_by: None }
        | Stage::Rejected { .. }
        | Stage::Concluded(_)
        | Stage::Cancelled { .. } => {}
    }
    timers
}

fn slot_end(span: scheduling_domain::Span, rules: &Rules) -> Arm {
    let minutes = span.until.duration_since(span.from).as_mins();
    Arm {
        rule: "operation.slot".to_owned(),
        anchor_at: span.from,
        amount: i32::try_from(minutes).unwrap_or(i32::MAX),
        unit: "minute",
        calendar_version: rules.calendar_version(),
        due_at: span.until,
    }
}

/// The earliest statutory end of an operation's cases, where one is known.
pub fn finish_by(unit: &Unit, operation: &Operation) -> Option<Timestamp> {
    operation.cases.iter().filter_map(|case| unit.cases.get(case)?.finish_by).min()
}

/// Keeps what a person wrote with a decision.
fn keep_words(unit: &mut Unit, cx: &Cx, id: Uuid, operation: OperationId, verb: &'static str, words: &str) {
    if words.is_empty() {
        return;
    }
    let writer = match cx.call() {
        Some(call) if call.granted.access == Access::Own => call.granted.caller.unit.clone(),
        Some(_) | None => cx.rules().centre_code().to_owned(),
    };
    let written = Written { id, operation, verb, unit: writer, words: words.to_owned(), at: cx.now() };
    unit.written.push(written);
}

/// 不予批准.
pub fn reject(unit: &mut Unit, cx: &mut Cx, asked: &read::Reasoned) -> Result<Operation, Refusal> {
    with_reason(unit, cx, asked, "reject", &Command::Reject { reason: asked.reason.clone() })
}

/// 取消.
pub fn cancel(unit: &mut Unit, cx: &mut Cx, asked: &read::Reasoned) -> Result<Operation, Refusal> {
    with_reason(unit, cx, asked, "cancel", &Command::Cancel { reason: asked.reason.clone() })
}

fn with_reason(
    unit: &mut Unit,
    cx: &mut Cx,
    asked: &read::Reasoned,
    verb: &'static str,
    command: &Command,
) -> Result<Operation, Refusal> {
    let operation = seen(unit, cx, asked.operation)?;
    let after = step(unit, cx, &operation, command)?;
    let id = cx.new_id();
    keep_words(unit, cx, id, asked.operation, verb, &asked.words);
    Ok(after)
}

/// 不参与.
pub fn decline(
    unit: &mut Unit,
    cx: &mut Cx,
    asked: &read::Reasoned,
    named: Option<&UnitCode>,
) -> Result<Operation, Refusal> {
    let operation = seen(unit, cx, asked.operation)?;
    let body = acting_unit(&call_of(cx)?, named)?;
    let after = step(unit, cx, &operation, &Command::Decline { unit: body, reason: asked.reason.clone() })?;
    let id = cx.new_id();
    keep_words(unit, cx, id, asked.operation, "decline", &asked.words);
    Ok(after)
}

/// 确认参与.
pub fn confirm(unit: &mut Unit, cx: &mut Cx, asked: &read::Attending) -> Result<Operation, Refusal> {
    let operation = seen(unit, cx, asked.operation)?;
    let body = acting_unit(&call_of(cx)?, asked.unit.as_ref())?;
    step(unit, cx, &operation, &Command::Confirm { unit: body })
}

/// 到场登记.
pub fn check_in(unit: &mut Unit, cx: &mut Cx, asked: &read::Attending) -> Result<Operation, Refusal> {
    let operation = seen(unit, cx, asked.operation)?;
    let body = acting_unit(&call_of(cx)?, asked.unit.as_ref())?;
    step(unit, cx, &operation, &Command::CheckIn { unit: body, people: asked.people.clone() })
}

/// 开始行动.
pub fn start(unit: &mut Unit, cx: &mut Cx, id: OperationId) -> Result<Operation, Refusal> {
    let operation = seen(unit, cx, id)?;
    let by = actor(&call_of(cx)?)?;
    step(unit, cx, &operation, &Command::Start { by })
}

/// 现场记录.
pub fn inspect(
    unit: &mut Unit,
    cx: &mut Cx,
    asked: &read::Record,
    evidence: &[Evidence],
) -> Result<Inspection, Refusal> {
    let operation = seen(unit, cx, asked.operation)?;
    let by = actor(&call_of(cx)?)?;
    let writer = match (&by, &asked.unit) {
        (Actor::Unit(own), Some(named)) if own != named => return Err(Refusal::NotFound { what: "operation" }),
        (Actor::Unit(own), _) => Some(own.clone()),
        (Actor::Centre, named) => named.clone().or_else(|| operation.lead().cloned()),
    };
    let writer = writer.ok_or_else(|| Refusal::field("unit_code", "must be said"))?;
    let inspection = Inspection {
        id: cx.new_id(),
        unit: writer,
        forms: asked.forms.clone(),
        findings: asked.findings.clone(),
        evidence: evidence.to_vec(),
        at: cx.now(),
    };
    step(unit, cx, &operation, &Command::Inspect { by, inspection: inspection.clone() })?;
    keep_words(unit, cx, inspection.id, asked.operation, "inspect", &asked.words);
    Ok(inspection)
}

/// 结束行动.
pub fn conclude(unit: &mut Unit, cx: &mut Cx, asked: &read::Conclusion) -> Result<Operation, Refusal> {
    let operation = seen(unit, cx, asked.operation)?;
    let by = actor(&call_of(cx)?)?;
    let after = step(unit, cx, &operation, &Command::Conclude { by, follow_ups: asked.follow_ups.clone() })?;
    let id = cx.new_id();
    keep_words(unit, cx, id, asked.operation, "conclude", &asked.words);
    Ok(after)
}

/// Writes a new proposal down and tells of it.
pub fn propose(unit: &mut Unit, cx: &mut Cx, operation: &Operation) {
    let rules = std::sync::Arc::clone(cx.rules());
    events::say_proposed(cx, operation);
    remember(unit, cx, &rules, None, operation);
}
