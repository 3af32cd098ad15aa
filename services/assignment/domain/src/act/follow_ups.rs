//! 后续处置: what an operation leaves to each body, until it is sent out, given to another body, or ended.

use std::collections::BTreeSet;

use vocab::{OperationId, Role, UnitCode, WorkOrderId};

use super::Work;
use crate::case::{CaseStage, Decision, KeptFollowUp, SettlingReason};
use crate::file::{CaseFile, Cited, Event, FollowUp, Taker};
use crate::order::{Assignee, OrderCommand, WithdrawnBecause};
use crate::policy::Policy;
use crate::refusal::Refusal;
use crate::share::{Ground, Part, Share, by_weight};

impl CaseFile {
    /// Open orders whose person no longer holds the post, with whoever answers for the unit now. An order whose unit has nobody
    /// left keeps its person until a ruling gives it to another unit.
    pub(crate) fn left_behind<'a>(&'a self, policy: &'a Policy) -> impl Iterator<Item = (WorkOrderId, Assignee)> + 'a {
        let is_left =
            |unit: &UnitCode, holder: &Assignee| policy.person(unit, &holder.person, Some(&holder.post)).is_err();
        self.orders
            .values()
            .filter(move |order| order.is_open() && is_left(&order.unit, &order.assignee))
            .filter_map(|order| Some((order.id, policy.assignee(&order.unit).ok()?)))
    }
}

impl Work<'_, '_> {
    /// The operation is over; what each body has to do after it goes on file, whatever the case's stage. It is over and has
    /// been said to be: a unit or an item that is not known here, or no longer, is for the coordinator to set right.
    pub(crate) fn conclude_operation(&mut self, operation: OperationId, follow_ups: &[FollowUp]) {
        if self.file.case.operation_id().is_none_or(|own| own == operation) {
            self.file.case.operation = None;
            self.file.case.reconsider = None;
        }
        let units: BTreeSet<&UnitCode> = follow_ups.iter().map(|follow_up| &follow_up.unit).collect();
        for unit in units {
            let of_unit = || follow_ups.iter().filter(|follow_up| follow_up.unit == *unit);
            let kept = KeptFollowUp {
                operation,
                unit: unit.clone(),
                duties: by_weight(of_unit().map(|follow_up| follow_up.duty)),
                items: of_unit().flat_map(|follow_up| &follow_up.items).cloned().collect(),
            };
            self.file.case.follow_ups.push(kept);
        }
    }

    /// What the stage means for the follow-ups on file, asked after every move. A case that is answered is not handled while a
    /// body still has to act in its name: it goes on under its decision as soon as the body can be told.
    pub(crate) fn see_to_follow_ups(&mut self) -> Result<(), Refusal> {
        if self.file.case.follow_ups.is_empty() {
            return Ok(());
        }
        match self.file.case.stage.clone() {
            CaseStage::Decided { decision } => self.hand_out_follow_ups(&decision),
            CaseStage::Handled { decision, .. } => {
                if self.file.case.follow_ups.iter().any(|kept| self.grounds_of(kept).is_ok()) {
                    self.hand_out_follow_ups(&decision)?;
                    self.file.case.stage = CaseStage::Decided { decision };
                }
                Ok(())
            }
            CaseStage::Linked { .. } => {
                self.end_follow_ups(SettlingReason::CaseLinked);
                Ok(())
            }
            CaseStage::Ended { .. } => {
                self.end_follow_ups(SettlingReason::CaseEnded);
                Ok(())
            }
            CaseStage::Diagnosing | CaseStage::AwaitingAcceptance | CaseStage::Consulting { .. } => Ok(()),
        }
    }

    /// What a follow-up rests on, once an order for it can be sent.
    fn grounds_of(&self, kept: &KeptFollowUp) -> Result<Vec<Ground>, Refusal> {
        self.s.policy.assignee(&kept.unit)?;
        let grounds = kept.items.iter().map(|item| Cited::Item(item.clone()).ground(self.s.lists));
        Ok(grounds.collect::<Result<BTreeSet<_>, _>>()?.into_iter().collect())
    }

    /// Sends out the follow-ups on file under a decision. One that cannot be sent goes on waiting, and the case with it; it
    /// must not stand in the way of a ruling.
    pub(crate) fn hand_out_follow_ups(&mut self, decision: &Decision) -> Result<(), Refusal> {
        for kept in std::mem::take(&mut self.file.case.follow_ups) {
            let Ok(grounds) = self.grounds_of(&kept) else {
                self.file.case.follow_ups.push(kept);
                continue;
            };
            let KeptFollowUp { operation, unit, duties, .. } = kept;
            let role = decision.role_of(&unit);
            let open: Vec<WorkOrderId> = self
                .orders_of_round(self.file.case.round)
                .filter(|order| order.unit == unit && order.is_open() && order.operation.is_none())
                .map(|order| order.id)
                .collect();
            for id in open {
                // The unit goes on under its follow-up; two orders for one share would be answered twice.
                let because = WithdrawnBecause::ContinuedAfterOperation;
                self.order(id, OrderCommand::Withdraw { because })?;
            }
            self.send(Part { unit, role, duties, grounds }, decision.ruling(), Some(operation))?;
        }
        Ok(())
    }

    /// What a publication changed. The follow-ups first: a unit that goes on under one has no other order left to hand over.
    pub(crate) fn hand_over(&mut self) -> Result<(), Refusal> {
        self.see_to_follow_ups()?;
        let left: Vec<(WorkOrderId, Assignee)> = self.file.left_behind(self.s.policy).collect();
        for (order, to) in left {
            self.order(order, OrderCommand::Reassign { to })?;
        }
        Ok(())
    }

    /// The centre gives a follow-up to a unit that can take it, or ends it.
    pub(crate) fn settle_follow_up(
        &mut self,
        operation: OperationId,
        unit: &UnitCode,
        to: Option<&Taker>,
        reason: SettlingReason,
    ) -> Result<(), Refusal> {
        let (named, others): (Vec<KeptFollowUp>, Vec<KeptFollowUp>) = std::mem::take(&mut self.file.case.follow_ups)
            .into_iter()
            .partition(|kept| kept.operation == operation && kept.unit == *unit);
        if named.is_empty() {
            return Err(Refusal::NotFound { thing: "follow-up" });
        }
        self.file.case.follow_ups = others;
        for kept in named {
            self.say_settled(&kept, to.map(|taker| &taker.unit), reason);
            if let Some(taker) = to {
                let items = if taker.items.is_empty() { kept.items } else { taker.items.clone() };
                let taken = KeptFollowUp { unit: taker.unit.clone(), items, ..kept };
                self.can_take(&taken)?;
                self.file.case.follow_ups.push(taken);
            }
        }
        Ok(())
    }

    /// A follow-up is given only to a unit to which it can be sent, and to a town only what its own list holds.
    fn can_take(&self, taken: &KeptFollowUp) -> Result<(), Refusal> {
        let grounds = self.grounds_of(taken)?;
        for duty in &taken.duties {
            let (unit, grounds) = (taken.unit.clone(), grounds.clone());
            self.is_within_the_towns_list(&Share { unit, role: Role::Support, duty: *duty, grounds })?;
        }
        Ok(())
    }

    fn end_follow_ups(&mut self, reason: SettlingReason) {
        for kept in std::mem::take(&mut self.file.case.follow_ups) {
            self.say_settled(&kept, None, reason);
        }
    }

    fn say_settled(&mut self, kept: &KeptFollowUp, to: Option<&UnitCode>, reason: SettlingReason) {
        let (operation, unit) = (kept.operation, kept.unit.clone());
        self.say(Event::FollowUpSettled { operation, unit, to: to.cloned(), reason });
    }
}
