//! 案件: one case as supervision watches it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use vocab::{CaseId, ClockError, ConsultationId, RuleCode, SupervisionOrderId, WorkOrderId};

use crate::clock::{self, Clock, ClockState, Subject};
use crate::closing::Closing;
use crate::derive::{self, UnknownRule, Wanted};
use crate::event::Event;
use crate::heard::{Fact, Heard};
use crate::ledger::Ledger;
use crate::rulebook::RuleBook;
use crate::supervision_order::SupervisionOrder;

/// Why a fact could not be taken in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotHeard {
    /// The order was never dispatched, as far as we know.
    #[error("work order {0} was not dispatched yet")]
    Order(WorkOrderId),
    /// The consultation was never opened, as far as we know.
    #[error("consultation {0} was not opened yet")]
    Consultation(ConsultationId),
    /// The other service counts by newer rules.
    #[error("rule {0} is not in force here yet")]
    Rule(RuleCode),
    /// The period cannot be counted.
    #[error(transparent)]
    Clock(#[from] ClockError),
}

impl NotHeard {
    /// True where waiting may help.
    #[must_use]
    pub const fn may_come(&self) -> bool {
        !matches!(self, Self::Clock(_))
    }
}

impl From<UnknownRule> for NotHeard {
    fn from(unknown: UnknownRule) -> Self {
        Self::Rule(unknown.0)
    }
}

/// 案件: what was heard of it, its clocks, its supervision orders and its closing proofs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Case {
    /// Which case.
    pub id: CaseId,
    /// What was heard.
    pub ledger: Ledger,
    /// Its clocks, in the order of round and kind.
    #[serde(default)]
    pub clocks: Vec<Clock>,
    /// What was served on units.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub supervision_orders: BTreeMap<SupervisionOrderId, SupervisionOrder>,
    /// Its closing proofs: every attempt of every round.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub closings: Vec<Closing>,
    /// When its timer is armed for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timer_at: Option<Timestamp>,
}

impl Case {
    /// A case nothing was heard of yet.
    #[must_use]
    pub fn new(id: CaseId) -> Self {
        Self {
            id,
            ledger: Ledger::default(),
            clocks: Vec::new(),
            supervision_orders: BTreeMap::new(),
            closings: Vec::new(),
            timer_at: None,
        }
    }

    /// The clock of this kind in its latest round.
    #[must_use]
    pub fn clock(&self, kind: &str) -> Option<&Clock> {
        self.clocks.iter().rev().find(|clock| clock.kind == kind)
    }

    /// The clock of this kind in its latest round, to change it.
    pub(crate) fn clock_mut(&mut self, kind: &str) -> Option<&mut Clock> {
        self.clocks.iter_mut().rev().find(|clock| clock.kind == kind)
    }

    /// Takes a fact in and says which clocks it started and stopped. On an error the case must be thrown away.
    pub fn hear(&mut self, heard: &Heard, book: &RuleBook) -> Result<Vec<Event>, NotHeard> {
        self.ledger.hear(heard)?;
        if let Fact::Handled { lead, round } = &heard.fact {
            self.begin_closing(lead, *round, heard.at);
        }
        self.reconcile(book)
    }

    /// Brings the clocks in line with the facts.
    pub(crate) fn reconcile(&mut self, book: &RuleBook) -> Result<Vec<Event>, NotHeard> {
        let mut started = Vec::new();
        let mut stopped = Stopped::default();
        for wanted in derive::wanted(&self.ledger, book)? {
            let place = self.clocks.iter().position(|clock| clock.round == wanted.round && clock.kind == wanted.kind);
            let known = place.and_then(|place| self.clocks.get_mut(place));
            match known {
                Some(clock) if clock.anchor_at == wanted.anchor_at => {
                    follow(clock, &wanted, &mut started, &mut stopped);
                }
                known => {
                    let clock = begin(&wanted, book)?;
                    started.push(clock.clone());
                    if let ClockState::Stopped { at, .. } = clock.state {
                        stopped.note(at, &clock.kind);
                    }
                    match known {
                        Some(old) => *old = clock,
                        None => self.insert(clock),
                    }
                }
            }
        }
        self.end_answers(&mut stopped);
        let mut events = Vec::new();
        if !started.is_empty() {
            events.push(Event::ClocksStarted { clocks: started });
        }
        events.extend(stopped.into_events());
        Ok(events)
    }

    pub(crate) fn insert(&mut self, clock: Clock) {
        let place = self
            .clocks
            .partition_point(|other| (other.round, other.kind.as_str()) <= (clock.round, clock.kind.as_str()));
        self.clocks.insert(place, clock);
    }

    /// A round that ended asks no more answers.
    fn end_answers(&mut self, stopped: &mut Stopped) {
        for clock in &mut self.clocks {
            let ended = self.ledger.rounds.get(&clock.round).and_then(|round| round.ended);
            if let (Subject::Answer(_), Some(at), true) = (clock.subject, ended, clock.is_open()) {
                clock.stop(at);
                stopped.note(at, &clock.kind);
            }
        }
    }
}

/// A clock the facts demand for the first time, or anew from another moment.
fn begin(wanted: &Wanted<'_>, book: &RuleBook) -> Result<Clock, NotHeard> {
    let (counted, citation) = match &wanted.adopted {
        Some(deadline) => (clock::adopt(book, wanted.rule, deadline)?, deadline.citation.clone()),
        None => (clock::count(book, wanted.rule, wanted.anchor_at, &[], 0)?, None),
    };
    let mut clock = Clock {
        kind: wanted.kind.clone(),
        round: wanted.round,
        rule: wanted.rule.id.clone(),
        anchor_at: wanted.anchor_at,
        due_at: counted.due_at,
        raw_on: counted.raw_on,
        provisional: counted.provisional,
        calendar_version: counted.calendar_version,
        citation: citation.unwrap_or_else(|| wanted.rule.citation.clone()),
        holder: wanted.holder.clone(),
        subject: wanted.subject,
        state: ClockState::Running,
        pauses: Vec::new(),
        extension: None,
        warned: 0,
        rungs: Vec::new(),
        served_at: None,
    };
    if let Some(at) = wanted.stopped_at {
        clock.stop(at);
    }
    Ok(clock)
}

/// Brings a known clock in line with the facts; what was decided about it stays.
fn follow(clock: &mut Clock, wanted: &Wanted<'_>, started: &mut Vec<Clock>, stopped: &mut Stopped) {
    clock.holder.clone_from(&wanted.holder);
    match (wanted.stopped_at, clock.state) {
        (Some(at), ClockState::Stopped { at: before, .. }) => {
            // An earlier fact came later: the clock stood still since then.
            if at != before {
                clock.stop(at);
            }
        }
        (Some(at), _) => {
            clock.stop(at);
            stopped.note(at, &clock.kind);
        }
        (None, ClockState::Stopped { .. }) if clock.holder != clock::COMPLAINANT => {
            clock.state = ClockState::Running;
            started.push(clock.clone());
        }
        (None, _) => {}
    }
}

/// The kinds that stopped, by the moment they stopped at.
#[derive(Default)]
pub(crate) struct Stopped(BTreeMap<Timestamp, Vec<String>>);

impl Stopped {
    pub(crate) fn note(&mut self, at: Timestamp, kind: &str) {
        self.0.entry(at).or_default().push(kind.to_owned());
    }

    pub(crate) fn into_events(self) -> impl Iterator<Item = Event> {
        self.0.into_iter().map(|(at, kinds)| Event::ClocksStopped { kinds, at })
    }
}
