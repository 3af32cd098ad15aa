//! 案卷: one case as evaluation knows it — what was heard of it, its lots and its call-backs.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use vocab::{CallbackId, CaseId, UnitCode, WorkOrderId};

use crate::callback::{Callback, Circumstances, Command, Opinion, Stage, State};
use crate::draw::{Draw, Seed};
use crate::event::Event;
use crate::heard::{Fact, Heard};
use crate::ledger::{Ledger, Order};
use crate::refusal::{NotHeard, Refusal};
use crate::scheme::Scheme;

/// 案卷.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaseFile {
    /// The case.
    pub id: CaseId,
    /// What was heard of it.
    pub ledger: Ledger,
    /// The lot of every round that was closed, drawn or not.
    #[serde(default)]
    pub lots: BTreeMap<u32, Draw>,
    /// The call-backs by the round they rate.
    #[serde(default)]
    pub callbacks: BTreeMap<u32, Callback>,
}

/// 轮次事实: one round as the rates count it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoundFact {
    /// The round.
    pub round: u32,
    /// The head that is handled for it; the case itself where it stands alone.
    pub head: CaseId,
    /// Who led, as far as this case's own orders say; a member's lead stands with its head.
    pub lead: Option<UnitCode>,
    /// When it was closed.
    pub closed_at: Option<Timestamp>,
    /// Where its call-back stands.
    pub callback: Option<State>,
    /// What the complainant said.
    pub opinion: Option<Opinion>,
}

/// 工单事实: one order as the response rate counts it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderFact {
    /// The order.
    pub order: WorkOrderId,
    /// The round it belongs to.
    pub round: u32,
    /// Who owed it.
    pub unit: UnitCode,
    /// Withdrawn orders do not count.
    pub withdrawn: bool,
    /// It was acknowledged, and not later than asked for.
    pub acknowledged_in_time: bool,
}

impl CaseFile {
    /// A case of which nothing was heard yet.
    #[must_use]
    pub fn new(id: CaseId) -> Self {
        Self { id, ledger: Ledger::default(), lots: BTreeMap::new(), callbacks: BTreeMap::new() }
    }

    /// Takes a fact in. A closed round is drawn, or not; a round that begins lapses what still waits.
    pub fn hear(&mut self, heard: &Heard, scheme: &Scheme, now: Timestamp) -> Result<Vec<Event>, NotHeard> {
        self.ledger.hear(heard);
        match &heard.fact {
            Fact::Closed { round, seed, lot, .. } => self.draw(*round, seed, *lot, heard.at, scheme, now),
            Fact::Reopened { round } => {
                for callback in self.callbacks.range_mut(..*round).map(|(_, callback)| callback) {
                    callback.lapse(heard.at);
                }
                Ok(Vec::new())
            }
            _ => Ok(Vec::new()),
        }
    }

    /// A round is drawn once: whoever could have it drawn again could choose.
    fn draw(
        &mut self,
        round: u32,
        seed: &Seed,
        lot: u64,
        closed_at: Timestamp,
        scheme: &Scheme,
        now: Timestamp,
    ) -> Result<Vec<Event>, NotHeard> {
        // Who raised a duplicate is asked about its head.
        if self.ledger.duplicate || self.lots.contains_key(&round) {
            return Ok(Vec::new());
        }
        let draw = Draw { seed: seed.clone(), lot, per_mille: scheme.draw_per_mille };
        let drawn = draw.is_drawn();
        let deadline = scheme.deadline(closed_at)?;
        self.lots.insert(round, draw);
        if !drawn {
            return Ok(Vec::new());
        }
        let id = callback_id(self.id, round);
        let callback =
            Callback { id, round, drawn_at: now, deadline, overdue: false, attempts: Vec::new(), stage: Stage::Drawn };
        self.callbacks.insert(round, callback);
        Ok(vec![Event::CallbackDrawn { callback: id, round, at: now }])
    }

    /// Decides a command about one of its call-backs.
    pub fn decide(
        &mut self,
        callback: CallbackId,
        command: Command,
        scheme: &Scheme,
        at: Timestamp,
    ) -> Result<Vec<Event>, Refusal> {
        let others = self.callbacks.values().filter(|other| other.id != callback);
        let circumstances = Circumstances {
            attempts: scheme.attempts,
            dissatisfied_before: others.into_iter().any(Callback::is_dissatisfied),
        };
        let found = self.callbacks.values_mut().find(|found| found.id == callback);
        found.ok_or(Refusal::NoCallback)?.decide(command, circumstances, at)
    }

    /// The rule or the calendar has changed: what still waits has its deadline counted again.
    pub fn recount(&mut self, scheme: &Scheme, now: Timestamp) -> Result<(), NotHeard> {
        let waiting =
            self.callbacks.values_mut().filter(|callback| callback.state() == State::Drawn && !callback.overdue);
        for callback in waiting {
            callback.deadline = scheme.recount(&callback.deadline, now)?;
        }
        Ok(())
    }

    /// The time of a round's call-back is up.
    pub fn time_up(&mut self, round: u32) {
        if let Some(callback) = self.callbacks.get_mut(&round) {
            callback.time_up();
        }
    }

    /// One of its call-backs.
    #[must_use]
    pub fn callback(&self, id: CallbackId) -> Option<&Callback> {
        self.callbacks.values().find(|callback| callback.id == id)
    }

    /// Every round as the rates count it.
    #[must_use]
    pub fn rounds(&self) -> Vec<RoundFact> {
        let fact = |(number, round): (&u32, &crate::ledger::Round)| {
            let callback = self.callbacks.get(number);
            let head = if round.closed_at.is_some() { round.head } else { self.ledger.head };
            RoundFact {
                round: *number,
                head: head.unwrap_or(self.id),
                lead: self.ledger.lead(*number).cloned(),
                closed_at: round.closed_at,
                callback: callback.map(Callback::state),
                opinion: callback.and_then(Callback::call).map(|call| call.opinion),
            }
        };
        self.ledger.rounds.iter().map(fact).collect()
    }

    /// Every order as the response rate counts it.
    #[must_use]
    pub fn orders(&self) -> Vec<OrderFact> {
        let fact = |(id, order): (&WorkOrderId, &Order)| {
            let dispatch = order.dispatch.as_ref()?;
            let in_time = |at: Timestamp| dispatch.acknowledge_by.is_none_or(|by| at <= by);
            Some(OrderFact {
                order: *id,
                round: dispatch.round,
                unit: dispatch.unit.clone(),
                withdrawn: order.withdrawn_at.is_some(),
                acknowledged_in_time: order.acknowledged_at.is_some_and(in_time),
            })
        };
        self.ledger.orders.iter().filter_map(fact).collect()
    }
}

/// A round has one call-back, so its id follows from both: a second try makes the same.
fn callback_id(case: CaseId, round: u32) -> CallbackId {
    CallbackId::new(Uuid::new_v5(&case.uuid(), format!("callback/{round}").as_bytes()))
}
