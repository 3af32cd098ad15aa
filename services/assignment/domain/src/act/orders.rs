//! 工单的处理.

use jiff::Timestamp;
use vocab::{Duty, OperationId, RulingId, SupervisionOrderId, UnitCode, WorkOrderId};

use super::Work;
use crate::case::{CaseStage, Decision};
use crate::consultation::Cause;
use crate::determine::to_ask;
use crate::file::{Cited, Event};
use crate::order::{DeadlineState, OrderCommand, OrderEvent, OrderStage, Task, WithdrawnBecause, WorkOrder};
use crate::proof::Proof;
use crate::refusal::Refusal;
use crate::share::{Part, by_weight, parts};

impl Work<'_, '_> {
    pub(crate) fn holder(&self, id: WorkOrderId) -> Result<UnitCode, Refusal> {
        let order = self.file.orders.get(&id).ok_or(Refusal::NotFound { thing: "work order" })?;
        Ok(order.unit.clone())
    }

    pub(crate) fn order(&mut self, id: WorkOrderId, command: OrderCommand) -> Result<(), Refusal> {
        let order = self.file.orders.get(&id).ok_or(Refusal::NotFound { thing: "work order" })?;
        let step = order.decide(command, self.s.at)?;
        self.file.orders.insert(id, step.next);
        self.say(Event::Order { order: id, event: step.event });
        Ok(())
    }

    pub(crate) fn press_answered(&mut self, answered: SupervisionOrderId, at: Timestamp) -> Result<(), Refusal> {
        let pressed = |order: &&WorkOrder| order.pressed.iter().any(|pressed| pressed.order == answered);
        let order = self.file.orders.values().find(pressed).map(|order| order.id);
        match order {
            Some(id) => self.order(id, OrderCommand::PressAnswered { order: answered, at }),
            // It was about the case's own clock.
            None => Ok(()),
        }
    }

    /// Brings the orders of this round in line with a decision: what agrees stays, what does not is withdrawn, what is
    /// missing is dispatched. Follow-ups of operations stay, in the part their unit now plays, and so does an objection to
    /// one; a share is not sent for what one of them already asks of the unit.
    pub(crate) fn dispatch(&mut self, decision: &Decision, because: WithdrawnBecause) -> Result<(), Refusal> {
        self.hand_out_follow_ups(decision)?;
        let round = self.file.case.round;
        let orders: Vec<WorkOrder> = self.orders_of_round(round).cloned().collect();
        let (follow_ups, orders): (Vec<WorkOrder>, Vec<WorkOrder>) =
            orders.into_iter().partition(WorkOrder::is_standing_follow_up);
        let mut wanted = parts(&decision.shares);
        for order in follow_ups {
            for part in wanted.iter_mut().filter(|part| part.unit == order.unit) {
                part.duties.retain(|duty| order.task.duties().all(|owed| owed != *duty));
            }
            if order.is_open() {
                self.bind(&order, decision)?;
            }
        }
        wanted.retain(|part| !part.duties.is_empty());
        for order in orders {
            let agrees = |part: &Part| {
                part.unit == order.unit
                    && part.role == order.role
                    && part.duties == order.task.duties().collect::<Vec<_>>()
            };
            let place = wanted.iter().position(agrees);
            match (&order.stage, place) {
                (OrderStage::Completed { .. }, Some(place)) => {
                    wanted.remove(place);
                }
                (OrderStage::Dispatched | OrderStage::Acknowledged { .. }, Some(place)) => {
                    wanted.remove(place);
                    self.bind(&order, decision)?;
                }
                (OrderStage::Completed { .. } | OrderStage::Withdrawn { .. }, _) => {}
                _ => self.order(order.id, OrderCommand::Withdraw { because })?,
            }
        }
        for part in wanted {
            self.send(part, decision.ruling(), None)?;
        }
        Ok(())
    }

    /// Confirms an order under a decision, where that changes anything of it.
    fn bind(&mut self, order: &WorkOrder, decision: &Decision) -> Result<(), Refusal> {
        let (ruling, role) = (decision.ruling(), decision.role_of(&order.unit));
        if order.role == role && ruling.is_none_or(|ruling| order.ruling == Some(ruling)) {
            return Ok(());
        }
        self.order(order.id, OrderCommand::Bind { ruling, role })
    }

    /// Sends one order out. It has person, post, duty and deadline, or it is not sent.
    pub(super) fn send(
        &mut self,
        part: Part,
        ruling: Option<RulingId>,
        operation: Option<OperationId>,
    ) -> Result<(), Refusal> {
        let policy = self.s.policy;
        let case = &self.file.case;
        let order = WorkOrder {
            id: (self.s.new_id)().into(),
            case: case.id,
            task: self.task(&part),
            assignee: policy.assignee(&part.unit)?,
            unit: part.unit,
            role: part.role,
            deadline: policy.deadline(policy.order_rule(case.track), self.s.at)?,
            acknowledge_by: policy.deadline(&policy.acknowledge, self.s.at)?,
            object_by: policy.deadline(&policy.objection, self.s.at)?,
            grounds: part.grounds,
            operation,
            round: case.round,
            ruling,
            objection_rejected: false,
            dispatched_at: self.s.at,
            reported_at: None,
            pressed: Vec::new(),
            deadline_state: DeadlineState::Running,
            stage: OrderStage::Dispatched,
        };
        self.insert(order);
        Ok(())
    }

    fn insert(&mut self, order: WorkOrder) {
        let id = order.id;
        self.file.orders.insert(id, order);
        self.say(Event::Order { order: id, event: OrderEvent::Dispatched });
    }

    fn task(&self, part: &Part) -> Task {
        let mut duties = by_weight(part.duties.iter().copied()).into_iter();
        // A part always has a duty; helping is what remains where one had none.
        let duty = duties.next().unwrap_or(Duty::Assist);
        let also: Vec<Duty> = duties.collect();
        let items: Vec<(&str, &str)> = part
            .grounds
            .iter()
            .filter_map(|ground| self.s.lists.rows_of(ground.item.as_ref()?).next())
            .map(|row| (row.zh.as_str(), if row.en.is_empty() { row.code.as_str() } else { row.en.as_str() }))
            .collect();
        let all = || std::iter::once(duty).chain(also.iter().copied());
        let verbs_zh: Vec<&str> = all().map(Duty::zh).collect();
        let verbs_en: Vec<&str> = all().map(Duty::en).collect();
        let names_zh: Vec<&str> = items.iter().map(|(zh, _)| *zh).collect();
        let names_en: Vec<&str> = items.iter().map(|(_, en)| *en).collect();
        let (zh, en) = (verbs_zh.join("、"), verbs_en.join(", "));
        if items.is_empty() {
            Task { duty, also, zh, en }
        } else {
            let zh = format!("{zh}：{}", names_zh.join("；"));
            Task { duty, also, zh, en: format!("{en}: {}", names_en.join("; ")) }
        }
    }

    pub(crate) fn object(&mut self, id: WorkOrderId, cited: &Cited) -> Result<(), Refusal> {
        let ground = cited.ground(self.s.lists)?;
        let decide_by = self.s.policy.deadline(&self.s.policy.objection_decision, self.s.at)?;
        self.order(id, OrderCommand::Object { ground, decide_by })?;
        self.may_be_sent_back()
    }

    /// Only returns count: objecting is each unit's own right (信访工作条例 art. 23), and an objection that was rejected has moved
    /// nothing. Several may be pending at once, so upholding one is a question of the budget as well.
    fn may_be_sent_back(&self) -> Result<(), Refusal> {
        let budget = self.s.policy.hop_budget;
        if self.file.case.hops >= budget { Err(Refusal::HopsSpent { budget }) } else { Ok(()) }
    }

    pub(crate) fn decide_objection(&mut self, id: WorkOrderId, upheld: bool) -> Result<(), Refusal> {
        if !upheld {
            return self.order(id, OrderCommand::RejectObjection);
        }
        self.order(id, OrderCommand::UpholdObjection)?;
        self.may_be_sent_back()?;
        self.file.case.hops += 1;
        self.file.case.sent_back.insert(id);
        if matches!(self.file.case.stage, CaseStage::Consulting { .. }) {
            return Ok(());
        }
        let proof = self.ask_the_lists();
        self.consult_about(id, &proof)
    }

    /// Opens the consultation that an upheld objection asks for: with its unit, and with everybody the lists touch.
    pub(super) fn consult_about(&mut self, order: WorkOrderId, proof: &Proof) -> Result<(), Refusal> {
        let mut asked = to_ask(proof);
        asked.insert(self.holder(order)?);
        asked.extend(proof.matched.iter().map(|item| item.unit.clone()));
        asked.extend(proof.near_misses.iter().map(|near| near.item.unit.clone()));
        self.consult(Cause::Objection { order }, asked)
    }

    /// Nothing of the case is worked on any more.
    pub(crate) fn stop(&mut self, because: WithdrawnBecause) -> Result<(), Refusal> {
        self.withdraw_consultation()?;
        let open: Vec<WorkOrderId> =
            self.file.orders.values().filter(|order| order.is_open()).map(|order| order.id).collect();
        for id in open {
            self.order(id, OrderCommand::Withdraw { because })?;
        }
        self.file.case.operation = None;
        self.file.case.reconsider = None;
        Ok(())
    }
}
