//! 案件台账: what was heard of one case. Each service's words come in that service's own order; those of two services may
//! come in any order, so nothing one service says changes what another has said.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use vocab::{CaseId, MatterCode, OperationId, RegionCode, Role, UnitCode, WorkOrderId};

use crate::heard::{Dispatch, End, Fact, Heard, OperationState};

/// 轮次: one round of handling.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Round {
    /// When it began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub began_at: Option<Timestamp>,
    /// When it was closed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed_at: Option<Timestamp>,
    /// The head that was closed for it, where it is another case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub head: Option<CaseId>,
    /// Who answered for the whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handled_by: Option<UnitCode>,
}

/// 工单: an order as far as it counts.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Order {
    /// How it was dispatched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dispatch: Option<Dispatch>,
    /// When it was acknowledged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acknowledged_at: Option<Timestamp>,
    /// When it was completed, the last time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completed_at: Option<Timestamp>,
    /// When it was withdrawn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub withdrawn_at: Option<Timestamp>,
}

/// 超期: a clock that ran out.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Breach {
    /// When it was due.
    pub due_at: Timestamp,
    /// Its kind.
    pub kind: String,
}

/// 案件台账.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Ledger {
    /// Its number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub case_no: Option<String>,
    /// What it is about.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub matters: Vec<MatterCode>,
    /// Where.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<RegionCode>,
    /// The head it belongs to, where it is another case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub head: Option<CaseId>,
    /// True where the head's complainant raised it too.
    #[serde(default)]
    pub duplicate: bool,
    /// When it was registered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registered_at: Option<Timestamp>,
    /// When it was accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accepted_at: Option<Timestamp>,
    /// How it ended without being handled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<End>,
    /// The rounds, from 1.
    #[serde(default)]
    pub rounds: BTreeMap<u32, Round>,
    /// Its orders.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub orders: BTreeMap<WorkOrderId, Order>,
    /// Who leads by the decision in force, and in which round: the part of an order may change without a new order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decided: Option<(u32, UnitCode)>,
    /// How often it was sent back.
    #[serde(default)]
    pub hops: u32,
    /// The clocks that ran out.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub breaches: BTreeSet<Breach>,
    /// Its joint operations.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub operations: BTreeMap<OperationId, OperationState>,
}

impl Ledger {
    /// Takes a fact in.
    pub fn hear(&mut self, heard: &Heard) {
        match &heard.fact {
            Fact::Dispatched { .. }
            | Fact::Acknowledged { .. }
            | Fact::OrderWithdrawn { .. }
            | Fact::Completed { .. }
            | Fact::SentBack { .. }
            | Fact::Decided { .. }
            | Fact::Consulted
            | Fact::Handled { .. } => self.hear_assignment(heard),
            Fact::Operation { operation, state } => {
                let known = self.operations.entry(*operation).or_insert(*state);
                *known = (*known).max(*state);
            }
            Fact::Breached { clocks } => {
                let breaches = clocks.iter().map(|(kind, due_at)| Breach { due_at: *due_at, kind: kind.clone() });
                self.breaches.extend(breaches);
            }
            _ => self.hear_intake(heard),
        }
    }

    fn hear_intake(&mut self, heard: &Heard) {
        let at = heard.at;
        match &heard.fact {
            Fact::Registered { case_no, matters, region } => {
                self.case_no = Some(case_no.clone());
                self.about(matters, region);
                self.registered_at = Some(at);
                self.round(1).began_at = Some(at);
            }
            Fact::Accepted { case_no, matters, region, head } => {
                self.case_no = Some(case_no.clone());
                self.about(matters, region);
                self.head = head.or(self.head);
                self.accepted_at = Some(at);
            }
            Fact::FactsAdded { matters, region } => self.about(matters, region),
            Fact::Linked { head, duplicate } => {
                self.head = Some(*head);
                self.duplicate = *duplicate;
            }
            Fact::Ended(end) => self.ended = Some(*end),
            Fact::Returned => self.ended = None,
            Fact::Closed { round, head, .. } => {
                let round = self.round(*round);
                round.closed_at = Some(at);
                round.head = *head;
            }
            Fact::Reopened { round } => self.round(*round).began_at = Some(at),
            _ => {}
        }
    }

    fn about(&mut self, matters: &[MatterCode], region: &RegionCode) {
        self.matters = matters.to_vec();
        self.region = Some(region.clone());
    }

    fn hear_assignment(&mut self, heard: &Heard) {
        let at = heard.at;
        match &heard.fact {
            Fact::Dispatched { order, dispatch } => self.order(*order).dispatch = Some(dispatch.clone()),
            Fact::Acknowledged { order } => {
                self.order(*order).acknowledged_at.get_or_insert(at);
            }
            Fact::OrderWithdrawn { order } => self.order(*order).withdrawn_at = Some(at),
            Fact::Completed { order } => self.order(*order).completed_at = Some(at),
            Fact::SentBack { hops } => self.hops = self.hops.max(*hops),
            Fact::Decided { lead, round } => self.decided = Some((*round, lead.clone())),
            Fact::Consulted => self.decided = None,
            Fact::Handled { lead, round } => self.round(*round).handled_by = Some(lead.clone()),
            _ => {}
        }
    }

    fn round(&mut self, round: u32) -> &mut Round {
        self.rounds.entry(round.max(1)).or_default()
    }

    fn order(&mut self, order: WorkOrderId) -> &mut Order {
        self.orders.entry(order).or_default()
    }

    /// Who led a round: who answered for the whole; before that, whom the decision in force names; and where none says so,
    /// who was last sent an order as the lead and still has it.
    #[must_use]
    pub fn lead(&self, round: u32) -> Option<&UnitCode> {
        let handled = self.rounds.get(&round).and_then(|round| round.handled_by.as_ref());
        let decided = self.decided.as_ref().filter(|(of, _)| *of == round).map(|(_, lead)| lead);
        handled.or(decided).or_else(|| {
            let leads = self.orders.iter().filter_map(|(id, order)| {
                let dispatch = order.dispatch.as_ref()?;
                let leads = dispatch.role == Role::Lead && dispatch.round == round && order.withdrawn_at.is_none();
                leads.then_some((dispatch.at, id, &dispatch.unit))
            });
            leads.max().map(|(_, _, unit)| unit)
        })
    }

    /// How many orders a round had, withdrawn ones left out.
    #[must_use]
    pub fn orders_of(&self, round: u32) -> usize {
        let counted = |order: &&Order| {
            order.withdrawn_at.is_none() && order.dispatch.as_ref().is_some_and(|dispatch| dispatch.round == round)
        };
        self.orders.values().filter(counted).count()
    }

    /// How many clocks ran out in a round: a round lasts until the next begins.
    #[must_use]
    pub fn breaches_of(&self, round: u32) -> usize {
        self.breaches.iter().filter(|breach| self.round_at(breach.due_at) == round).count()
    }

    fn round_at(&self, moment: Timestamp) -> u32 {
        let begun = |(number, round): (&u32, &Round)| round.began_at.filter(|at| *at <= moment).map(|_| *number);
        self.rounds.iter().filter_map(begun).max().unwrap_or(1)
    }
}
