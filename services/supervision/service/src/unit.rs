//! What a batch holds: cases as they stand, and the rows that follow from what changed in them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use kit::envelope::Envelope;
use kit::service::Merge;
use kit::unit::{Added, Savepoint, Table};
use supervision_domain::clock::ClockState;
use supervision_domain::{Case, Clock, Closing, Decision, Member, SupervisionOrder};
use uuid::Uuid;
use vocab::{CaseId, SupervisionOrderId, UnitCode};

/// Hints for loading.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Needs {
    /// Heads whose members must be known too.
    pub members_of: BTreeSet<CaseId>,
    /// True where every open case is meant, as when the calendar changes.
    pub open_cases: bool,
}

impl Merge for Needs {
    fn merge(&mut self, other: Self) {
        self.members_of.extend(other.members_of);
        self.open_cases |= other.open_cases;
    }
}

/// A clock that nobody needs to look at any more.
pub const STOPPED: &str = "stopped";

/// A clock as lists ask for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClockRow {
    /// Who owes it.
    pub holder: String,
    /// Where it stands.
    pub state: &'static str,
    /// What it counts from.
    pub anchor_at: Timestamp,
    /// When it is due.
    pub due_at: Timestamp,
    /// Since when it stands still.
    pub paused_at: Option<Timestamp>,
}

/// A supervision order as lists ask for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderRow {
    /// The case.
    pub case: CaseId,
    /// It waits for an answer and its round goes on.
    pub open: bool,
    /// The order itself.
    pub order: SupervisionOrder,
}

/// A closing proof as lists ask for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClosingRow {
    /// Where it stands.
    pub state: &'static str,
    /// Every machine check holds but, perhaps, the members' replies.
    pub proven: bool,
    /// Since when it waits.
    pub handled_at: Timestamp,
}

/// What a unit wrote in answer to a supervision order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// About which case.
    pub case: CaseId,
    /// To which.
    pub order: SupervisionOrderId,
    /// The words.
    pub body: String,
}

/// Why the head of a unit extended a clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClockReason {
    /// The row.
    pub id: Uuid,
    /// The case.
    pub case: CaseId,
    /// The clock's round.
    pub round: u32,
    /// The clock's kind.
    pub kind: String,
    /// The words.
    pub words: String,
}

/// The loaded unit of a batch.
#[derive(Debug, Default)]
pub struct Unit {
    /// Cases.
    pub cases: Table<CaseId, Case>,
    /// Clocks that changed.
    pub clocks: Table<(CaseId, u32, String), ClockRow>,
    /// Supervision orders that changed.
    pub orders: Table<SupervisionOrderId, OrderRow>,
    /// Closing proofs that changed.
    pub closings: Table<(CaseId, u32, u32), ClosingRow>,
    /// Who may know of a case from now on.
    pub knowers: Added<(CaseId, UnitCode)>,
    /// New answers.
    pub answers: Added<Answer>,
    /// Why clocks were extended.
    pub reasons: Added<ClockReason>,
    /// New entries of timelines.
    pub timeline: Added<(CaseId, Arc<Envelope>)>,
    /// Members of the heads that were asked for, as they stood when the batch began.
    pub members: BTreeMap<CaseId, Vec<Member>>,
}

impl kit::unit::Unit for Unit {
    fn tables(&mut self) -> Vec<&mut dyn Savepoint> {
        vec![
            &mut self.cases,
            &mut self.clocks,
            &mut self.orders,
            &mut self.closings,
            &mut self.knowers,
            &mut self.answers,
            &mut self.reasons,
            &mut self.timeline,
        ]
    }
}

impl Unit {
    /// The case as it stands; a new one where nothing was heard of it yet.
    pub fn case(&self, id: CaseId) -> Case {
        self.cases.get(&id).cloned().unwrap_or_else(|| Case::new(id))
    }

    /// Keeps a case and the rows that follow from what changed in it.
    pub fn keep(&mut self, case: Case) {
        let new = Case::new(case.id);
        let before = self.cases.get(&case.id).unwrap_or(&new);
        for clock in &case.clocks {
            let known = before.clocks.iter().find(|other| other.round == clock.round && other.kind == clock.kind);
            if known != Some(clock) {
                self.clocks.put((case.id, clock.round, clock.kind.clone()), clock_row(clock));
            }
        }
        for (id, order) in &case.supervision_orders {
            let row = order_row(&case, order);
            let known = before.supervision_orders.get(id).map(|order| order_row(before, order));
            if known.as_ref() != Some(&row) {
                self.orders.put(*id, row);
            }
        }
        for closing in &case.closings {
            let row = closing_row(&case, closing);
            let known = before
                .closings
                .iter()
                .find(|other| other.round == closing.round && other.attempt == closing.attempt)
                .map(|closing| closing_row(before, closing));
            if known.as_ref() != Some(&row) {
                self.closings.put((case.id, closing.round, closing.attempt), row);
            }
        }
        let known = knowers(before);
        for unit in knowers(&case).difference(&known) {
            self.knowers.push((case.id, unit.clone()));
        }
        self.cases.put(case.id, case);
    }
}

/// Who may know of a case: the desk that received it, units with a share, those asked, and those who take part.
pub fn knowers(case: &Case) -> BTreeSet<UnitCode> {
    case.ledger.units().into_iter().cloned().chain(case.ledger.receiving_unit.clone()).collect()
}

/// The town of the place: it may check a closing it has no hand in.
pub fn town(case: &Case) -> Option<UnitCode> {
    case.ledger.facts.as_ref().map(|facts| UnitCode::town_of(&facts.region))
}

fn clock_row(clock: &Clock) -> ClockRow {
    ClockRow {
        holder: clock.holder.clone(),
        state: match clock.state {
            ClockState::Running => "running",
            ClockState::Paused => "paused",
            ClockState::Breached { .. } => "breached",
            ClockState::Stopped { .. } => STOPPED,
        },
        anchor_at: clock.anchor_at,
        due_at: clock.due_at,
        paused_at: match clock.state {
            ClockState::Paused => clock.standing_pause().map(|pause| pause.from),
            _ => None,
        },
    }
}

fn round_ended(case: &Case, round: u32) -> bool {
    case.ledger.rounds.get(&round).is_some_and(|round| round.ended.is_some())
}

fn order_row(case: &Case, order: &SupervisionOrder) -> OrderRow {
    OrderRow {
        case: case.id,
        open: order.answer.is_some() && order.answered_at.is_none() && !round_ended(case, order.round),
        order: order.clone(),
    }
}

fn closing_row(case: &Case, closing: &Closing) -> ClosingRow {
    ClosingRow {
        state: match closing.decision {
            Some(Decision::Approved { .. }) => "approved",
            Some(Decision::Refused { .. }) => "refused",
            None if round_ended(case, closing.round) || case.ledger.head.is_some() => "ended",
            None => "open",
        },
        proven: case.is_proven_but_members(closing.round),
        handled_at: closing.handled_at,
    }
}
