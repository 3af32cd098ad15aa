//! 案件事实: what the rates are made of. Each service's words come in its own order; those of two may come in any.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use vocab::{CallbackId, CaseFacts, CaseId, ClockError, Role, UnitCode, WorkOrderId};

use crate::callback::{Callback, CallbackState, Command, Event, Rating, Refusal};
use crate::draw::Draw;
use crate::heard::{Fact, Heard, LinkKind};
use crate::scheme::Scheme;

/// Why a fact could not be taken in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotHeard {
    /// The order was never dispatched, as far as we know.
    #[error("work order {0} was not dispatched yet")]
    Order(WorkOrderId),
    /// The period cannot be counted.
    #[error(transparent)]
    Clock(#[from] ClockError),
}

/// 工单: an order as far as the rates need it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// Who owes it.
    pub unit: UnitCode,
    /// The part it plays.
    pub role: Role,
    /// The round.
    pub round: u32,
    /// When it was dispatched.
    pub dispatched_at: Timestamp,
    /// Until when it must be acknowledged.
    pub acknowledge_by: Option<Timestamp>,
    /// When it was acknowledged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acknowledged_at: Option<Timestamp>,
    /// When it was completed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completed_at: Option<Timestamp>,
    /// When it was withdrawn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub withdrawn_at: Option<Timestamp>,
}

impl Order {
    /// True where it was acknowledged in time; one without a time limit counts once it is acknowledged.
    #[must_use]
    pub fn is_acknowledged_in_time(&self) -> bool {
        self.acknowledged_at.is_some_and(|at| self.acknowledge_by.is_none_or(|by| at <= by))
    }
}

/// 轮次: one round of handling.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Round {
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed_at: Option<Timestamp>,
    /// Who led, as the handling unit said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lead: Option<UnitCode>,
    /// How often its closing was refused.
    #[serde(default)]
    pub refusals: u32,
    /// Its call-back, where one was drawn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub callback: Option<Callback>,
}

/// 案件: one case as the rates see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Case {
    /// Which.
    pub id: CaseId,
    /// Its number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub case_no: Option<String>,
    /// The coded facts as they stand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub facts: Option<CaseFacts>,
    /// The case that is handled for it, and how they relate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub head: Option<(CaseId, LinkKind)>,
    /// When it was registered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registered_at: Option<Timestamp>,
    /// When it was accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accepted_at: Option<Timestamp>,
    /// Its rounds.
    #[serde(default)]
    pub rounds: BTreeMap<u32, Round>,
    /// Its orders.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub orders: BTreeMap<WorkOrderId, Order>,
    /// How often it was sent back.
    #[serde(default)]
    pub hops: u32,
    /// How many of its clocks ran out.
    #[serde(default)]
    pub breaches: u32,
}

/// The namespace of call-backs' ids.
const NAMESPACE: Uuid = Uuid::from_u128(0x7869_657a_6869_4000_8000_6361_6c6c_0001);

/// The call-back of a round: the same id each time, so that a second try makes no second call.
#[must_use]
pub fn callback_id(case: CaseId, round: u32) -> CallbackId {
    CallbackId::new(Uuid::new_v5(&NAMESPACE, format!("{case}/{round}").as_bytes()))
}

impl Case {
    /// A case nothing was heard of yet.
    #[must_use]
    pub fn new(id: CaseId) -> Self {
        Self {
            id,
            case_no: None,
            facts: None,
            head: None,
            registered_at: None,
            accepted_at: None,
            rounds: BTreeMap::new(),
            orders: BTreeMap::new(),
            hops: 0,
            breaches: 0,
        }
    }

    /// The case that is handled for it: itself where it stands alone.
    #[must_use]
    pub fn head_id(&self) -> CaseId {
        self.head.map_or(self.id, |(head, _)| head)
    }

    /// Takes a fact in. Closing draws a call-back; the draw's round and what was drawn come back.
    pub fn hear(&mut self, heard: &Heard, scheme: &Scheme, now: Timestamp) -> Result<Vec<(u32, Event)>, NotHeard> {
        let at = heard.at;
        match &heard.fact {
            Fact::Registered { case_no, facts } => {
                self.case_no = Some(case_no.clone());
                self.facts = Some(facts.clone());
                self.registered_at = Some(at);
            }
            Fact::Accepted { facts } => {
                self.facts = Some(facts.clone());
                self.accepted_at.get_or_insert(at);
                self.round(1);
            }
            Fact::FactsAdded { facts } => self.facts = Some(facts.clone()),
            Fact::Linked { head, kind } => self.head = Some((*head, *kind)),
            Fact::Closed { round, head, draw } => {
                return self.close(*round, *head, draw, at, scheme, now);
            }
            Fact::Reopened { round } => self.reopen(*round),
            _ => self.hear_handling(heard)?,
        }
        Ok(Vec::new())
    }

    fn hear_handling(&mut self, heard: &Heard) -> Result<(), NotHeard> {
        let at = heard.at;
        match &heard.fact {
            Fact::Dispatched { order, unit, role, round, acknowledge_by } => {
                self.round(*round);
                let dispatched = Order {
                    unit: unit.clone(),
                    role: *role,
                    round: *round,
                    dispatched_at: at,
                    acknowledge_by: *acknowledge_by,
                    acknowledged_at: None,
                    completed_at: None,
                    withdrawn_at: None,
                };
                self.orders.insert(*order, dispatched);
            }
            Fact::Acknowledged { order } => {
                self.order(*order)?.acknowledged_at.get_or_insert(at);
            }
            Fact::Completed { order } => {
                self.order(*order)?.completed_at.get_or_insert(at);
            }
            Fact::OrderWithdrawn { order } => {
                self.order(*order)?.withdrawn_at.get_or_insert(at);
            }
            Fact::Objected { hops } => self.hops = self.hops.max(*hops),
            Fact::Handled { lead, round } => self.round(*round).lead = Some(lead.clone()),
            Fact::Breached { clocks } => self.breaches += clocks,
            Fact::ClosingRefused { round } => self.round(*round).refusals += 1,
            _ => {}
        }
        Ok(())
    }

    /// 结案抽签. The same complainant is not called twice for one problem.
    fn close(
        &mut self,
        round: u32,
        head: Option<CaseId>,
        draw: &Draw,
        at: Timestamp,
        scheme: &Scheme,
        now: Timestamp,
    ) -> Result<Vec<(u32, Event)>, NotHeard> {
        if let (Some(head), None) = (head, self.head) {
            self.head = Some((head, LinkKind::ClusterMember));
        }
        let is_duplicate = matches!(self.head, Some((_, LinkKind::Duplicate)));
        let id = callback_id(self.id, round);
        let ended = self.round(round);
        ended.closed_at = Some(at);
        if is_duplicate || !draw.is_drawn() || ended.callback.is_some() {
            return Ok(Vec::new());
        }
        let due = vocab::due(&scheme.rule, at, &scheme.calendar, &[])?;
        ended.callback = Some(Callback {
            id,
            round,
            drawn_at: now,
            due_at: due.due_at,
            anchor_at: at,
            calendar_version: due.calendar_version,
            draw: draw.clone(),
            attempts: Vec::new(),
            state: CallbackState::Drawn,
        });
        Ok(vec![(round, Event::Drawn)])
    }

    /// A call that was not made yet asks about a round nobody stands by any more.
    fn reopen(&mut self, round: u32) {
        self.round(round);
        for (_, earlier) in self.rounds.range_mut(..round) {
            if let Some(callback) = &mut earlier.callback
                && callback.state == CallbackState::Drawn
            {
                callback.state = CallbackState::Lapsed;
            }
        }
    }

    fn round(&mut self, round: u32) -> &mut Round {
        self.rounds.entry(round.max(1)).or_default()
    }

    fn order(&mut self, order: WorkOrderId) -> Result<&mut Order, NotHeard> {
        self.orders.get_mut(&order).ok_or(NotHeard::Order(order))
    }

    /// The call-back with this id.
    #[must_use]
    pub fn callback(&self, id: CallbackId) -> Option<&Callback> {
        self.rounds.values().filter_map(|round| round.callback.as_ref()).find(|callback| callback.id == id)
    }

    fn decide(&mut self, id: CallbackId, command: Command, at: Timestamp) -> Result<Vec<(u32, Event)>, Refusal> {
        let slot = self
            .rounds
            .values_mut()
            .filter_map(|round| round.callback.as_mut())
            .find(|callback| callback.id == id)
            .ok_or(Refusal::NoCallback)?;
        let (next, events) = slot.clone().decide(command, at)?;
        let round = next.round;
        *slot = next;
        Ok(events.into_iter().map(|event| (round, event)).collect())
    }

    /// 回访登记: nothing said means nobody was reached.
    pub fn record(
        &mut self,
        id: CallbackId,
        rating: Option<Rating>,
        by: &str,
        scheme: &Scheme,
        at: Timestamp,
    ) -> Result<Vec<(u32, Event)>, Refusal> {
        let round = self.callback(id).ok_or(Refusal::NoCallback)?.round;
        let dissatisfied_before = self
            .rounds
            .range(..round)
            .filter_map(|(_, round)| round.callback.as_ref()?.state.rating())
            .any(|rating| !rating.satisfied);
        let command = match rating {
            None => Command::Missed { attempts: scheme.attempts.max(1) },
            Some(rating) => Command::Record { rating, by: by.to_owned(), dissatisfied_before },
        };
        self.decide(id, command, at)
    }

    /// 甄别.
    pub fn adjudicate(
        &mut self,
        id: CallbackId,
        upheld: bool,
        by: &str,
        at: Timestamp,
    ) -> Result<Vec<(u32, Event)>, Refusal> {
        let by = by.to_owned();
        self.decide(id, Command::Adjudicate { upheld, by }, at)
    }

    /// Who led a round, as the orders and the handling say.
    #[must_use]
    pub fn lead(&self, round: u32) -> Option<&UnitCode> {
        self.rounds.get(&round).and_then(|round| round.lead.as_ref()).or_else(|| {
            self.orders
                .values()
                .find(|order| order.round == round && order.role == Role::Lead && order.withdrawn_at.is_none())
                .map(|order| &order.unit)
        })
    }
}
