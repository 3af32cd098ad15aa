//! 处理: what the moves of the table do to a case's file.

use std::collections::BTreeSet;

use vocab::{CaseFacts, ConsultationId, Duty, OperationId, Role, RulingId, UnitCode, Urgency, WorkOrderId};

use crate::case::{
    Case, CaseStage, Conclusion, Decision, DecisionSource, Diagnosis, EscalationGround, OpenOperation,
};
use crate::consultation::{
    Cause, Consultation, ConsultationCommand, ConsultationEvent, ConsultationStage, Position, Stance,
};
use crate::deadline::Deadline;
use crate::determine::{AsOf, determine, to_ask};
use crate::evidence::Evidence;
use crate::file::{CaseFile, Cited, Decided, Escalation, Event, FollowUp, Participant, Setting};
use crate::order::{OrderCommand, OrderEvent, OrderStage, Outcome, Task, WithdrawnBecause, WorkOrder};
use crate::proof::{Determination, Proof};
use crate::refusal::Refusal;
use crate::share::{Ground, Part, by_weight, parts};

/// One decision in the making.
pub(crate) struct Work<'s, 'p> {
    pub(crate) file: CaseFile,
    pub(crate) s: &'s Setting<'p>,
    events: Vec<Event>,
}

impl<'s, 'p> Work<'s, 'p> {
    pub(crate) fn new(file: CaseFile, s: &'s Setting<'p>) -> Self {
        Self { file, s, events: Vec::new() }
    }

    pub(crate) fn done(self) -> Decided {
        Decided { file: self.file, events: self.events }
    }

    pub(crate) fn say(&mut self, event: Event) {
        self.events.push(event);
    }

    fn ask_the_lists(&self) -> Proof {
        let facts = &self.file.case.facts;
        determine(facts, self.s.lists, self.s.precedents, AsOf { valid_on: facts.act_on, known_at: self.s.at })
    }

    /// The proof of the question as it stands, for whoever rules.
    pub(crate) fn proof(&self) -> Proof {
        self.ask_the_lists()
    }

    fn known(&self, units: BTreeSet<UnitCode>) -> BTreeSet<UnitCode> {
        units.into_iter().filter(|unit| self.s.policy.knows(unit)).collect()
    }

    // ---- diagnosis

    pub(crate) fn open_diagnosis(&mut self) -> Result<(), Refusal> {
        let proof = self.ask_the_lists();
        let answer_by = self.s.policy.deadline(&self.s.policy.triage, self.s.at)?;
        let asked = if self.file.case.sealed { BTreeSet::new() } else { self.known(to_ask(&proof)) };
        self.file.case.diagnosis = Some(Diagnosis {
            asked,
            positions: std::collections::BTreeMap::new(),
            answer_by,
            outcome: proof.answer,
            missing_facts: proof.missing_facts,
            made_at: None,
        });
        self.file.case.stage = CaseStage::Diagnosing;
        Ok(())
    }

    pub(crate) fn answer_diagnosis(&mut self, unit: UnitCode, stance: Stance, cited: &Cited) -> Result<(), Refusal> {
        let ground = cited.ground(self.s.lists)?;
        let at = self.s.at;
        let diagnosis =
            self.file.case.diagnosis.as_mut().ok_or(Refusal::NotFound { thing: "diagnosis" })?;
        if !diagnosis.asked.contains(&unit) {
            return Err(Refusal::NotAsked { unit });
        }
        diagnosis.positions.insert(unit, Position::Taken { stance, ground, at });
        Ok(())
    }

    pub(crate) fn make_diagnosis(&mut self) {
        let proof = self.ask_the_lists();
        let at = self.s.at;
        if let Some(diagnosis) = &mut self.file.case.diagnosis {
            for unit in &diagnosis.asked {
                diagnosis.positions.entry(unit.clone()).or_insert(Position::Silent { at });
            }
            diagnosis.outcome = proof.answer;
            diagnosis.missing_facts = proof.missing_facts;
            diagnosis.made_at = Some(at);
        }
        self.file.case.stage = CaseStage::AwaitingAcceptance;
        self.say(Event::DiagnosisMade);
    }

    // ---- determination

    pub(crate) fn determine(&mut self) -> Result<(), Refusal> {
        let proof = self.ask_the_lists();
        self.determined(proof)
    }

    fn determined(&mut self, proof: Proof) -> Result<(), Refusal> {
        let id = (self.s.new_id)().into();
        self.file.case.determination = Some(id);
        self.file.case.missing_facts = proof.missing_facts.clone();
        self.say(Event::Determined { id, proof: Box::new(proof.clone()) });
        match &proof.answer {
            Determination::Sole { shares, .. } | Determination::LeadWithSupport { shares, .. } => {
                let source = DecisionSource::Determination { id };
                let decision = Decision { source, shares: shares.clone() };
                self.withdraw_consultation()?;
                self.dispatch(&decision, WithdrawnBecause::DeterminedAnew)?;
                self.file.case.stage = CaseStage::Decided { decision };
                Ok(())
            }
            Determination::Overlap { .. } => self.consult(Cause::Overlap, to_ask(&proof)),
            Determination::Gap => self.consult(Cause::Gap, to_ask(&proof)),
        }
    }

    pub(crate) fn add_facts(&mut self, facts: CaseFacts) -> Result<(), Refusal> {
        let before = std::mem::replace(&mut self.file.case.facts, facts);
        let case = &self.file.case;
        match &case.stage {
            CaseStage::Diagnosing => {
                let answered = case.diagnosis.as_ref().map(|diagnosis| diagnosis.positions.clone());
                let answer_by = case.diagnosis.as_ref().map(|diagnosis| diagnosis.answer_by.clone());
                self.open_diagnosis()?;
                if let (Some(diagnosis), Some(positions), Some(answer_by)) =
                    (&mut self.file.case.diagnosis, answered, answer_by)
                {
                    diagnosis.asked.extend(positions.keys().cloned());
                    diagnosis.positions = positions;
                    diagnosis.answer_by = answer_by;
                }
                Ok(())
            }
            CaseStage::Consulting { .. } => {
                let proof = self.ask_the_lists();
                if proof.answer.is_settled() { self.determined(proof) } else { Ok(()) }
            }
            CaseStage::Decided { decision } if self.may_change(decision, &before) => {
                let proof = self.ask_the_lists();
                if proof.answer.shares() == decision.shares {
                    self.file.case.missing_facts = proof.missing_facts;
                    Ok(())
                } else {
                    self.determined(proof)
                }
            }
            _ => Ok(()),
        }
    }

    /// New facts change a decision of the lists only, only where one of them was missing or something else is now
    /// said to be the matter, and only before anybody has finished.
    fn may_change(&self, decision: &Decision, before: &CaseFacts) -> bool {
        let case = &self.file.case;
        let was_missing = case.missing_facts.iter().any(|fact| case.facts.declared.contains_key(fact));
        let is_other_question = case.facts.matters != before.matters
            || case.facts.region != before.region
            || case.facts.object_type != before.object_type
            || case.facts.act_on != before.act_on;
        let is_finished = self
            .orders_of_round(case.round)
            .any(|order| matches!(order.stage, OrderStage::Completed { .. }));
        decision.ruling().is_none() && (was_missing || is_other_question) && !is_finished && case.operation.is_none()
    }

    fn orders_of_round(&self, round: u32) -> impl Iterator<Item = &WorkOrder> {
        self.file.orders.values().filter(move |order| order.round == round)
    }

    // ---- consultation

    pub(crate) fn consult(&mut self, cause: Cause, asked: BTreeSet<UnitCode>) -> Result<(), Refusal> {
        let id: ConsultationId = (self.s.new_id)().into();
        let consultation = Consultation {
            id,
            case: self.file.case.id,
            cause,
            asked: self.known(asked),
            positions: std::collections::BTreeMap::new(),
            answer_by: self.s.policy.deadline(&self.s.policy.answer, self.s.at)?,
            opened_at: self.s.at,
            urgent: self.file.case.facts.urgency != Urgency::Normal,
            stage: ConsultationStage::Open,
        };
        self.file.consultation = Some(consultation);
        self.file.case.stage = CaseStage::Consulting { consultation: id };
        self.say(Event::ConsultationOpened);
        Ok(())
    }

    pub(crate) fn is_current(&self, id: ConsultationId) -> Result<(), Refusal> {
        match &self.file.consultation {
            Some(consultation) if consultation.id == id => Ok(()),
            _ => Err(Refusal::OutOfTurn { thing: "consultation", stage: "over", verb: "answered" }),
        }
    }

    pub(crate) fn ruling_deadline(&self) -> Result<Deadline, Refusal> {
        self.s.policy.deadline(&self.s.policy.ruling, self.s.at)
    }

    pub(crate) fn consultation(&mut self, command: ConsultationCommand) -> Result<(), Refusal> {
        let consultation =
            self.file.consultation.as_ref().ok_or(Refusal::NotFound { thing: "consultation" })?;
        let unit = match &command {
            ConsultationCommand::Take { unit, .. } => Some(unit.clone()),
            _ => None,
        };
        let step = consultation.decide(command, self.s.at)?;
        self.file.consultation = Some(step.next);
        match (step.event, unit) {
            (ConsultationEvent::Answered, Some(unit)) => self.say(Event::PositionTaken { unit }),
            _ => self.say(Event::ConsultationChanged),
        }
        Ok(())
    }

    fn withdraw_consultation(&mut self) -> Result<(), Refusal> {
        if self.file.consultation.as_ref().is_some_and(Consultation::is_open) {
            self.consultation(ConsultationCommand::Withdraw)?;
        }
        Ok(())
    }

    // ---- orders

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

    /// Brings the orders of this round in line with a decision: what agrees stays, what does not is withdrawn, what is
    /// missing is dispatched.
    pub(crate) fn dispatch(&mut self, decision: &Decision, because: WithdrawnBecause) -> Result<(), Refusal> {
        let mut wanted = parts(&decision.shares);
        let round = self.file.case.round;
        let orders: Vec<WorkOrder> = self.orders_of_round(round).cloned().collect();
        for order in orders {
            let agrees = |part: &Part| {
                part.unit == order.unit && part.role == order.role && part.duties == order.task.duties().collect::<Vec<_>>()
            };
            let place = wanted.iter().position(agrees);
            match (&order.stage, place) {
                (OrderStage::Completed { .. }, Some(place)) => {
                    wanted.remove(place);
                }
                (OrderStage::Dispatched | OrderStage::Acknowledged { .. }, Some(place)) => {
                    wanted.remove(place);
                    if let Some(ruling) = decision.ruling() {
                        self.order(order.id, OrderCommand::Bind { ruling })?;
                    }
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

    /// Sends one order out. It has person, post, duty and deadline, or it is not sent.
    fn send(&mut self, part: Part, ruling: Option<RulingId>, operation: Option<OperationId>) -> Result<(), Refusal> {
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
        let budget = self.s.policy.hop_budget;
        self.order(id, OrderCommand::Object { ground, decide_by })?;
        if self.file.case.hops >= budget {
            return Err(Refusal::HopsSpent { budget });
        }
        self.file.case.hops += 1;
        Ok(())
    }

    pub(crate) fn decide_objection(&mut self, id: WorkOrderId, upheld: bool) -> Result<(), Refusal> {
        if !upheld {
            return self.order(id, OrderCommand::RejectObjection);
        }
        self.order(id, OrderCommand::UpholdObjection)?;
        if matches!(self.file.case.stage, CaseStage::Consulting { .. }) {
            return Ok(());
        }
        let proof = self.ask_the_lists();
        let mut asked = to_ask(&proof);
        asked.insert(self.holder(id)?);
        asked.extend(proof.matched.iter().map(|item| item.unit.clone()));
        asked.extend(proof.near_misses.iter().map(|near| near.item.unit.clone()));
        self.consult(Cause::Objection { order: id }, asked)
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

    // ---- the lead

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
        let (id, finish_by) = (order.id, order.deadline.due_at);
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

    pub(crate) fn close_operation(&mut self, operation: OperationId) {
        if self.file.case.operation_id().is_none_or(|own| own == operation) {
            self.file.case.operation = None;
            self.file.case.reconsider = None;
        }
    }

    pub(crate) fn conclude_operation(
        &mut self,
        decision: &Decision,
        operation: OperationId,
        follow_ups: &[FollowUp],
    ) -> Result<(), Refusal> {
        self.close_operation(operation);
        let units: BTreeSet<&UnitCode> = follow_ups.iter().map(|follow_up| &follow_up.unit).collect();
        for unit in units {
            let of_unit = || follow_ups.iter().filter(|follow_up| follow_up.unit == *unit);
            let grounds: BTreeSet<Ground> = of_unit()
                .flat_map(|follow_up| &follow_up.items)
                .map(|item| Cited::Item(item.clone()).ground(self.s.lists))
                .collect::<Result<_, _>>()?;
            let role = if decision.lead() == Some(unit) { Role::Lead } else { Role::Support };
            let duties = by_weight(of_unit().map(|follow_up| follow_up.duty));
            let round = self.file.case.round;
            let open: Vec<WorkOrderId> = self
                .orders_of_round(round)
                .filter(|order| order.unit == *unit && order.is_open())
                .map(|order| order.id)
                .collect();
            for id in open {
                // The unit goes on under its follow-up; two orders for one share would be answered twice.
                let because = WithdrawnBecause::ContinuedAfterOperation;
                self.order(id, OrderCommand::Withdraw { because })?;
            }
            let part = Part { unit: unit.clone(), role, duties, grounds: grounds.into_iter().collect() };
            self.send(part, decision.ruling(), Some(operation))?;
        }
        Ok(())
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
        let open: BTreeSet<UnitCode> = self
            .orders_of_round(round)
            .filter(|order| order.is_open())
            .map(|order| order.unit.clone())
            .collect();
        if !open.is_empty() {
            return Err(Refusal::OrdersOpen { units: open.into_iter().collect() });
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
        lead: &UnitCode,
        order: Option<WorkOrderId>,
    ) -> Result<(), Refusal> {
        let named = order.and_then(|id| self.file.orders.get(&id));
        let back = named.or_else(|| self.lead_order(lead)).cloned();
        self.file.case.stage = CaseStage::Decided { decision: decision.clone() };
        if let Some(order) = back {
            let part = Part {
                unit: order.unit,
                role: order.role,
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
