//! 主办单位: escalation, the end of handling and its reopening.

use std::collections::BTreeSet;

use vocab::{CaseFacts, Duty, Role, UnitCode, WorkOrderId};

use super::Work;
use crate::case::{Case, CaseStage, Conclusion, Decision, EscalationGround, OpenOperation};
use crate::evidence::Evidence;
use crate::file::{Escalation, Event, Participant};
use crate::order::{OrderCommand, OrderStage, Outcome, WithdrawnBecause, WorkOrder};
use crate::refusal::Refusal;
use crate::share::{Part, parts};

impl Work<'_, '_> {
    pub(crate) fn escalate(
        &mut self,
        decision: &Decision,
        unit: &UnitCode,
        ground: EscalationGround,
        invited: Vec<UnitCode>,
    ) -> Result<(), Refusal> {
        self.is_free_lead(decision, unit)?;
        let order = self.lead_order(unit).ok_or(Refusal::NotFound { thing: "work order" })?;
        let OrderStage::Acknowledged { .. } = &order.stage else {
            let stage = order.stage.name();
            return Err(Refusal::OutOfTurn { thing: "work order", stage, verb: "escalated" });
        };
        // The case's own end binds before the order's, where supervision has said it.
        let finish_by = self.file.case.clocks.values().min().copied().unwrap_or(order.deadline.due_at);
        let id = order.id;
        let mut participants: Vec<Participant> = parts(&decision.shares)
            .into_iter()
            .map(|part| Participant {
                items: part.grounds.into_iter().filter_map(|ground| ground.item).collect(),
                unit: part.unit,
                role: part.role,
                duties: part.duties,
            })
            .collect();
        for unit in invited {
            if !self.s.policy.knows(&unit) {
                return Err(Refusal::UnknownUnit { unit });
            }
            if !participants.iter().any(|participant| participant.unit == unit) {
                let duties = vec![Duty::Assist];
                participants.push(Participant { unit, role: Role::Support, duties, items: Vec::new() });
            }
        }
        self.file.case.operation = Some(OpenOperation::Requested);
        self.file.case.reconsider = None;
        let asked = Box::new(Escalation { participants, ground, finish_by });
        self.say(Event::Escalated { order: id, asked });
        Ok(())
    }

    fn is_free_lead(&self, decision: &Decision, unit: &UnitCode) -> Result<(), Refusal> {
        if decision.lead() != Some(unit) {
            return Err(Refusal::NotTheLead);
        }
        if self.file.case.operation.is_some() {
            return Err(Refusal::OperationOpen);
        }
        Ok(())
    }

    /// The lead's order of this round: an open one before a closed one.
    fn lead_order(&self, lead: &UnitCode) -> Option<&WorkOrder> {
        let round = self.file.case.round;
        let those = || self.orders_of_round(round).filter(|order| order.unit == *lead);
        those().find(|order| order.is_open()).or_else(|| those().last())
    }

    pub(crate) fn complete_case(
        &mut self,
        decision: &Decision,
        unit: UnitCode,
        conclusion: Conclusion,
        own: Option<(Outcome, Evidence)>,
    ) -> Result<(), Refusal> {
        self.is_free_lead(decision, &unit)?;
        let round = self.file.case.round;
        if let Some((outcome, evidence)) = own {
            let open: Vec<WorkOrderId> = self
                .orders_of_round(round)
                .filter(|order| order.unit == unit && order.is_open())
                .map(|order| order.id)
                .collect();
            for id in open {
                let evidence = evidence.clone();
                self.order(id, OrderCommand::Complete { outcome, evidence })?;
            }
        }
        let open: BTreeSet<UnitCode> =
            self.orders_of_round(round).filter(|order| order.is_open()).map(|order| order.unit.clone()).collect();
        if !open.is_empty() {
            return Err(Refusal::OrdersOpen { units: open.into_iter().collect() });
        }
        let waiting: BTreeSet<UnitCode> =
            self.file.case.follow_ups.iter().map(|follow_up| follow_up.unit.clone()).collect();
        if !waiting.is_empty() {
            return Err(Refusal::FollowUpsWaiting { units: waiting.into_iter().collect() });
        }
        if !self.orders_of_round(round).any(|order| matches!(order.stage, OrderStage::Completed { .. })) {
            return Err(Refusal::NothingCompleted);
        }
        let decision = decision.clone();
        self.file.case.reconsider = None;
        self.file.case.stage = CaseStage::Handled { decision, lead: unit, conclusion, at: self.s.at };
        self.say(Event::Handled);
        Ok(())
    }

    pub(crate) fn refuse_closing(
        &mut self,
        decision: &Decision,
        lead: Option<&UnitCode>,
        order: Option<WorkOrderId>,
    ) -> Result<(), Refusal> {
        let named = order.and_then(|id| self.file.orders.get(&id));
        let back = named.or_else(|| self.lead_order(lead?)).filter(|order| !order.is_open()).cloned();
        self.file.case.stage = CaseStage::Decided { decision: decision.clone() };
        if let Some(order) = back {
            let part = Part {
                role: decision.role_of(&order.unit),
                unit: order.unit,
                duties: order.task.duties().collect(),
                grounds: order.grounds,
            };
            self.send(part, decision.ruling(), order.operation)?;
        }
        Ok(())
    }

    pub(crate) fn reopen(&mut self, round: u32, facts: Option<CaseFacts>) -> Result<(), Refusal> {
        let case: &mut Case = &mut self.file.case;
        case.round = round;
        case.operation = None;
        case.reconsider = None;
        if let Some(facts) = facts {
            case.facts = facts;
        }
        match case.stage.decision().cloned() {
            Some(decision) => {
                self.dispatch(&decision, WithdrawnBecause::DeterminedAnew)?;
                self.file.case.stage = CaseStage::Decided { decision };
                Ok(())
            }
            None => self.determine(),
        }
    }
}
