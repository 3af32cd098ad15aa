//! The corridor: a case's file is taken from the loaded unit, the domain decides, and what happened is written down and said.

use std::collections::BTreeMap;

use assignment_domain::deadline::Deadline;
use assignment_domain::decide::Registered;
use assignment_domain::file::{CaseFile, Cited, Command, Decided, Event, Ruling, Setting};
use assignment_domain::order::{OrderEvent, WorkOrder};
use assignment_domain::precedent::Precedent;
use assignment_domain::proof::Proof;
use assignment_domain::refusal::Refusal as No;
use kit::caller::Granted;
use kit::context::{Arm, Context};
use kit::refusal::{Checks, Refusal};
use uuid::Uuid;
use vocab::{CaseId, DeterminationId, UnitCode, WorkOrderId, clock};

use crate::refusal::refuse;
use crate::rules::Rules;
use crate::unit::{DeterminationRow, FeedRow, Held, RulingRow, TextRow, Unit};
use crate::wire::{events, write};

/// The context of one decision.
pub type Cx = Context<Rules>;

/// Why a decision was not followed.
#[derive(Debug)]
pub enum Stop {
    /// The domain says no.
    No(No),
    /// Our own mistake.
    Internal(String),
}

impl From<No> for Stop {
    fn from(no: No) -> Self {
        Self::No(no)
    }
}

impl From<Stop> for Refusal {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::No(no) => refuse(no),
            Stop::Internal(reason) => Self::Internal(reason),
        }
    }
}

/// Lets the domain decide a command on a case's file.
pub fn act(unit: &mut Unit, cx: &mut Cx, case: CaseId, command: Command) -> Result<(), Stop> {
    let held = unit.files.get(&case).cloned().ok_or(No::NotFound { thing: "case" })?;
    let decided = with_setting(unit, cx, |setting| held.file.decide(command, setting))?;
    follow(unit, cx, Some(held), decided)
}

/// Opens the file of a case that was registered.
pub fn register(unit: &mut Unit, cx: &mut Cx, registered: Registered) -> Result<(), Stop> {
    let decided = with_setting(unit, cx, |setting| CaseFile::register(registered, setting))?;
    follow(unit, cx, None, decided)
}

/// Everything a decision is made with.
fn with_setting<T>(unit: &Unit, cx: &Cx, decide: impl FnOnce(&Setting<'_>) -> T) -> T {
    let precedents: Vec<Precedent> = unit.precedents.iter().map(|(_, precedent)| precedent.clone()).collect();
    let rules = cx.rules();
    decide(&Setting {
        at: cx.now(),
        policy: &rules.policy,
        lists: &rules.lists,
        precedents: &precedents,
        new_id: &|| cx.new_id(),
    })
}

/// Writes down and says what a decision led to.
fn follow(unit: &mut Unit, cx: &mut Cx, before: Option<Held>, decided: Decided) -> Result<(), Stop> {
    let Decided { file, events } = decided;
    let timers_before = before.as_ref().map(|held| held.file.timers()).unwrap_or_default();
    let mut held = match before {
        Some(held) => Held { file, ..held },
        None => Held::loaded(file),
    };
    held.changed = true;
    let key = held.file.case.id.uuid();
    for event in events {
        say(unit, cx, &mut held, event)?;
    }
    change_timers(cx, key, &timers_before, &held.file.timers());
    unit.files.put(held.file.case.id, held);
    Ok(())
}

fn say(unit: &mut Unit, cx: &mut Cx, held: &mut Held, event: Event) -> Result<(), Stop> {
    let (key, at) = (held.file.case.id.uuid(), cx.now());
    match event {
        Event::DiagnosisMade => {
            if let Some(diagnosis) = &held.file.case.diagnosis {
                let event = events::diagnosis_made(&held.file.case, diagnosis, cx.rules(), at);
                cx.emit(key, &event);
            }
        }
        Event::Determined { id, proof } => determined(unit, cx, held, id, &proof)?,
        Event::ConsultationOpened => {
            if let Some(consultation) = held.consultation_changed() {
                cx.emit(key, &events::consultation_opened(consultation));
            }
        }
        Event::PositionTaken { unit: who } => {
            if let Some(consultation) = held.consultation_changed() {
                cx.emit(key, &events::consultation_answered(consultation, &who));
            }
        }
        Event::ConsultationChanged => {
            held.consultation_changed();
        }
        Event::Ruled(ruling) => ruled(unit, cx, held, *ruling),
        Event::Order { order, event } => {
            let hops = held.file.case.hops;
            if let Some(order) = held.order_changed(order) {
                let row = FeedRow { unit: order.unit.clone(), order: order.id, change: event, at };
                unit.feed.push(row);
                say_of_order(cx, key, order, event, hops);
            }
        }
        Event::Escalated { order, asked } => {
            cx.emit(key, &events::escalated(&held.file.case, order, &asked, at));
        }
        Event::FollowUpSettled { operation, unit: who, to, reason } => {
            cx.emit(key, &events::follow_up_settled(&held.file.case, operation, &who, to.as_ref(), reason, at));
        }
        Event::Handled => cx.emit(key, &events::handled(&held.file, at)),
    }
    Ok(())
}

fn determined(unit: &mut Unit, cx: &mut Cx, held: &Held, id: DeterminationId, proof: &Proof) -> Result<(), Stop> {
    let bytes = canonical(proof)?;
    let proof_sha256 = cx.keep_blob(bytes, "application/json");
    let (case, at, list_revision) = (&held.file.case, cx.now(), cx.rules_revision());
    unit.determinations.push(DeterminationRow {
        id: id.uuid(),
        case: case.id,
        kind: write::kind_name(&proof.answer),
        list_revision,
        proof_sha256,
        at,
    });
    cx.emit(case.id.uuid(), &events::determination_made(case, id, proof, proof_sha256, list_revision, at));
    Ok(())
}

/// The proof's one form: the same bytes for the same question, the same lists and the same moment.
pub fn canonical(proof: &Proof) -> Result<Vec<u8>, Stop> {
    serde_json::to_vec(proof).map_err(|error| Stop::Internal(format!("a proof cannot be written: {error}")))
}

fn ruled(unit: &mut Unit, cx: &mut Cx, held: &mut Held, ruling: Ruling) {
    let (case, at) = (&held.file.case, cx.now());
    cx.emit(case.id.uuid(), &events::ruling_made(case, &ruling, at));
    unit.rulings.push(RulingRow {
        id: ruling.id.uuid(),
        case: case.id,
        consultation: ruling.consultation.uuid(),
        precedent: ruling.precedent.id.uuid(),
        shares: ruling.shares,
        at,
    });
    unit.precedents.put(ruling.precedent.id, ruling.precedent);
    held.consultation_changed();
}

fn say_of_order(cx: &mut Cx, key: Uuid, order: &WorkOrder, event: OrderEvent, hops: u32) {
    let at = cx.now();
    match event {
        OrderEvent::Dispatched => cx.emit(key, &events::dispatched(order)),
        OrderEvent::Acknowledged => cx.emit(key, &events::acknowledged(order, at)),
        OrderEvent::Objected => cx.emit(key, &events::objected(order, hops, at)),
        OrderEvent::ObjectionRejected => cx.emit(key, &events::objection_decided(order, false, hops, at)),
        OrderEvent::ObjectionUpheld => {
            cx.emit(key, &events::objection_decided(order, true, hops, at));
            cx.emit(key, &events::withdrawn(order, at));
        }
        OrderEvent::Reported => cx.emit(key, &events::reported(order, at)),
        OrderEvent::Completed => cx.emit(key, &events::completed(order, at)),
        OrderEvent::Withdrawn => cx.emit(key, &events::withdrawn(order, at)),
        // Within the unit, or what supervision itself has said.
        OrderEvent::Reassigned
        | OrderEvent::DeadlineChanged
        | OrderEvent::DeadlineSeen
        | OrderEvent::Pressed
        | OrderEvent::Bound => {}
    }
}

fn change_timers(cx: &mut Cx, key: Uuid, before: &BTreeMap<String, Deadline>, after: &BTreeMap<String, Deadline>) {
    for kind in before.keys().filter(|kind| !after.contains_key(*kind)) {
        cx.cancel(key, kind.clone());
    }
    for (kind, deadline) in after.iter().filter(|(kind, deadline)| before.get(*kind) != Some(deadline)) {
        let arm = Arm {
            rule: deadline.rule.to_string(),
            anchor_at: deadline.anchor_at,
            amount: i32::try_from(deadline.amount).unwrap_or(i32::MAX),
            unit: match deadline.unit {
                clock::Unit::Minute => "minute",
                clock::Unit::Hour => "hour",
                clock::Unit::Workhour => "workhour",
                clock::Unit::Day => "day",
                clock::Unit::Workday => "workday",
            },
            calendar_version: i32::try_from(deadline.calendar_version).unwrap_or(i32::MAX),
            due_at: deadline.due_at,
        };
        cx.arm(key, kind.clone(), arm);
    }
}

/// The case's file, if the caller may know of it; else it does not exist.
pub fn visible<'u>(unit: &'u Unit, granted: &Granted, case: CaseId) -> Result<&'u Held, Refusal> {
    let covered = |held: &&Held| granted.covers(held.file.units().into_iter().map(UnitCode::as_str));
    unit.files.get(&case).filter(covered).ok_or(Refusal::NotFound { what: "case" })
}

/// The order, if its unit is the caller's or the caller may see every unit's; else it does not exist.
pub fn visible_order<'u>(
    unit: &'u Unit,
    granted: &Granted,
    case: CaseId,
    order: WorkOrderId,
) -> Result<(&'u Held, &'u WorkOrder), Refusal> {
    let held = unit.files.get(&case);
    held.and_then(|held| Some((held, held.file.orders.get(&order)?)))
        .filter(|(_, order)| granted.covers([order.unit.as_str()]))
        .ok_or(Refusal::NotFound { what: "work order" })
}

/// The unit a caller speaks for.
pub fn unit_of(granted: &Granted) -> Result<UnitCode, Refusal> {
    UnitCode::new(granted.caller.unit.clone())
        .map_err(|_| Refusal::NotPermitted { action: "speaking for no unit".to_owned() })
}

/// 引用核对: an article is of a law that the pack in force knows. What is cited travels in events, so it must not be able to
/// carry anything else; nor does the refusal repeat it.
pub fn cites_known_laws<'c>(cx: &Cx, cited: impl IntoIterator<Item = (String, &'c Cited)>) -> Result<(), Refusal> {
    let mut checks = Checks::default();
    for (field, cited) in cited {
        if let Cited::Article(citation) = cited
            && !cx.rules().laws.contains(&citation.law)
        {
            checks.wrong(
                format!("{field}.law"),
                "is no law that the pack in force cites; an item of the lists may be cited",
            );
        }
    }
    checks.done()
}

/// What a text is about and of which kind it is.
#[derive(Debug, Clone, Copy)]
pub struct About {
    /// The order, the consultation, or the case.
    pub subject: Uuid,
    /// What kind of text.
    pub kind: &'static str,
}

/// Keeps what a person wrote; an empty text is none.
pub fn keep_text(unit: &mut Unit, cx: &Cx, granted: &Granted, case: CaseId, about: About, body: &str) {
    if body.is_empty() {
        return;
    }
    let round = unit.files.get(&case).map_or(1, |held| held.file.case.round);
    unit.texts.push(TextRow {
        id: cx.new_id(),
        case,
        subject: about.subject,
        kind: about.kind,
        unit: granted.caller.unit.clone(),
        round,
        body: body.to_owned(),
        at: cx.now(),
    });
}
