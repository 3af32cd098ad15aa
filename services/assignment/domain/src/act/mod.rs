//! 处理: what the moves of the table do to a case's file.

mod consult;
mod follow_ups;
mod lead;
mod orders;

use std::collections::BTreeSet;

use vocab::{CaseFacts, UnitCode, WorkOrderId};

use crate::case::{CaseStage, Decision, DecisionSource, Diagnosis};
use crate::consultation::{Cause, Position, Stance};
use crate::determine::{AsOf, determine, to_ask};
use crate::file::{CaseFile, Cited, Decided, Event, Setting};
use crate::order::{OrderStage, WithdrawnBecause, WorkOrder};
use crate::proof::{Determination, Proof};
use crate::refusal::Refusal;
use crate::share::Share;

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
        let diagnosis = self.file.case.diagnosis.as_mut().ok_or(Refusal::NotFound { thing: "diagnosis" })?;
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
                if let Some(order) = self.objected_again(shares) {
                    return self.consult_about(order, &proof);
                }
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
                let is_answer = proof.answer.is_settled()
                    && !self.is_about_a_ruling()
                    && self.objected_again(proof.answer.shares()).is_none();
                if is_answer { self.determined(proof) } else { Ok(()) }
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
        let is_finished =
            self.orders_of_round(case.round).any(|order| matches!(order.stage, OrderStage::Completed { .. }));
        decision.ruling().is_none() && (was_missing || is_other_question) && !is_finished && case.operation.is_none()
    }

    /// True where an order was sent back that a ruling had bound. What was ruled no facts change, so only a ruling ends this
    /// consultation.
    fn is_about_a_ruling(&self) -> bool {
        let bound = |id: &WorkOrderId| self.file.orders.get(id).is_some_and(|order| order.ruling.is_some());
        match self.file.consultation.as_ref().map(|consultation| &consultation.cause) {
            Some(Cause::Objection { order }) => bound(order),
            _ => false,
        }
    }

    /// An order whose unit was right to object and whose work these shares would give it again. Only a ruling gives it back;
    /// one has answered every objection that was upheld before it.
    fn objected_again(&self, shares: &[Share]) -> Option<WorkOrderId> {
        let mut returned = self.file.case.sent_back.iter().filter_map(|id| self.file.orders.get(id));
        returned.find(|order| shares.iter().any(|share| order.owes(share))).map(|order| order.id)
    }

    fn orders_of_round(&self, round: u32) -> impl Iterator<Item = &WorkOrder> {
        self.file.orders.values().filter(move |order| order.round == round)
    }
}
