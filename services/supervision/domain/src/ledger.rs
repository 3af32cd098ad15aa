//! 案件台账: what was heard of a case. Each service's words come in that service's own order; those of two services may
//! come in any order, so nothing one service says changes what another has said.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use vocab::{CaseFacts, CaseId, ConsultationId, HandlingMode, OperationId, Role, Track, UnitCode, WorkOrderId};

use crate::case::NotHeard;
use crate::heard::{Dispatch, Fact, Heard, NoticeKind, OperationEnd};
pub use crate::record::{Consultation, Mark, Order, Round};

/// 案件台账: everything heard of one case.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Ledger {
    /// Its number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub case_no: Option<String>,
    /// The unit whose desk registered it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receiving_unit: Option<UnitCode>,
    /// The facts as they stand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub facts: Option<CaseFacts>,
    /// How it is handled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<HandlingMode>,
    /// On which track.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub track: Option<Track>,
    /// The head it belongs to, where it is another case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub head: Option<CaseId>,
    /// The cases it is the head of.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub members: BTreeSet<CaseId>,
    /// The rounds, from 1.
    #[serde(default)]
    pub rounds: BTreeMap<u32, Round>,
    /// The round intake is in.
    #[serde(default)]
    pub intake_round: u32,
    /// The round assignment is in.
    #[serde(default)]
    pub assignment_round: u32,
    /// Who leads, as assignment last said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lead: Option<UnitCode>,
    /// Its orders.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub orders: BTreeMap<WorkOrderId, Order>,
    /// Its consultations.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub consultations: BTreeMap<ConsultationId, Consultation>,
    /// Its joint operations, and how those that are over ended.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub operations: BTreeMap<OperationId, Option<OperationEnd>>,
    /// Units that were asked or would take part: they may know of the case.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub others: BTreeSet<UnitCode>,
}

/// 登记.
pub const REGISTERED: &str = "intake.case.registered";
/// 受理.
pub const ACCEPTED: &str = "intake.case.accepted";
/// 重新办理.
pub const REOPENED: &str = "intake.case.reopened";
/// 送达.
pub const NOTICE: &str = "intake.notice.served";
/// 派单.
pub const DISPATCHED: &str = "assignment.work_order.dispatched";
/// 派单异议.
pub const OBJECTED: &str = "assignment.work_order.objected";
/// 会商开启.
pub const CONSULTED: &str = "assignment.consultation.opened";
/// 结案审核通过.
pub const APPROVED: &str = "supervision.closing.approved";
/// 结案审核退回.
pub const REFUSED: &str = "supervision.closing.refused";
/// 办理完毕.
pub const HANDLED: &str = "assignment.case.handled";

/// The subject of a notice of one kind, finer than the event's own.
#[must_use]
pub fn notice_subject(kind: NoticeKind) -> String {
    format!("{NOTICE}.{}", kind.as_str())
}

impl Ledger {
    /// Takes a fact in.
    pub fn hear(&mut self, heard: &Heard) -> Result<(), NotHeard> {
        match &heard.fact {
            Fact::Registered { .. }
            | Fact::Accepted { .. }
            | Fact::FactsAdded { .. }
            | Fact::Declined
            | Fact::RoutedAway
            | Fact::Returned { .. }
            | Fact::Withdrawn
            | Fact::Linked { .. }
            | Fact::MemberLinked { .. }
            | Fact::MemberLeft { .. }
            | Fact::NoticeServed { .. }
            | Fact::Closed { .. }
            | Fact::Reopened { .. } => self.hear_intake(heard),
            Fact::OperationProposed { operation, units } => {
                self.operations.entry(*operation).or_insert(None);
                self.others.extend(units.iter().cloned());
            }
            Fact::OperationEnded { operation, end } => {
                self.operations.insert(*operation, Some(*end));
            }
            Fact::Dispatched(dispatch) => self.hear_dispatch(dispatch, heard.at),
            Fact::Acknowledged { order } => {
                self.order(*order)?.acknowledged_at.get_or_insert(heard.at);
            }
            Fact::Objected { order } => {
                let order = self.order(*order)?;
                order.acknowledged_at.get_or_insert(heard.at);
                order.objected_at = Some(heard.at);
                order.objection_decided_at = None;
            }
            Fact::ObjectionDecided { order } => {
                self.order(*order)?.objection_decided_at = Some(heard.at);
            }
            Fact::Completed { order, evidence } => {
                let order = self.order(*order)?;
                order.completed_at = Some(heard.at);
                order.evidence = *evidence;
            }
            Fact::OrderWithdrawn { order } => self.order(*order)?.withdrawn_at = Some(heard.at),
            _ => self.hear_assignment(heard)?,
        }
        Ok(())
    }

    fn hear_intake(&mut self, heard: &Heard) {
        let at = heard.at;
        match &heard.fact {
            Fact::Registered { case_no, facts, receiving_unit } => {
                self.case_no = Some(case_no.clone());
                self.receiving_unit.clone_from(receiving_unit);
                self.facts = Some(facts.clone());
                self.intake_round = 1;
                let round = self.round(1);
                round.opened_with = Some(facts.clone());
                round.mark(REGISTERED, at);
            }
            Fact::Accepted { case_no, facts, mode, track, head } => {
                self.case_no.get_or_insert_with(|| case_no.clone());
                self.facts = Some(facts.clone());
                (self.mode, self.track) = (*mode, *track);
                self.head = self.head.or(*head);
                let round = self.now_at_intake();
                round.accepted_with = Some(facts.clone());
                round.mark(ACCEPTED, at);
            }
            Fact::FactsAdded { facts } => self.facts = Some(facts.clone()),
            Fact::Declined => self.end("intake.case.declined", at),
            Fact::RoutedAway => self.end("intake.case.routed_away", at),
            Fact::Withdrawn => self.end("intake.case.withdrawn", at),
            Fact::Returned { facts } => self.hear_return(facts, at),
            Fact::Linked { head } => {
                self.head = Some(*head);
                self.now_at_intake().mark("intake.case.linked", at);
            }
            Fact::MemberLinked { member } => {
                self.members.insert(*member);
            }
            Fact::MemberLeft { member } => {
                self.members.remove(member);
            }
            Fact::NoticeServed { kind, round } => {
                let round = self.round(*round);
                round.mark(&notice_subject(*kind), at);
                if kind.informs() {
                    round.mark(NOTICE, at);
                }
            }
            Fact::Closed { round } => {
                // A member that joined a head in its second round is closed with that round, and its own first with it.
                self.intake_round = self.intake_round.max(*round);
                self.round(*round).mark("intake.case.closed", at);
                for (_, earlier) in self.rounds.range_mut(..=round.max(&1)) {
                    earlier.ended = earlier.ended.or(Some(at));
                }
            }
            Fact::Reopened { round, facts } => {
                self.facts = Some(facts.clone());
                self.intake_round = *round;
                let round = self.round(*round);
                round.opened_with = Some(facts.clone());
                // A case that is handled again has been accepted already; its finishing clock counts from here.
                round.accepted_with = Some(facts.clone());
                round.mark(REOPENED, at);
                round.mark(ACCEPTED, at);
            }
            _ => {}
        }
    }

    fn hear_return(&mut self, facts: &CaseFacts, at: Timestamp) {
        self.facts = Some(facts.clone());
        let round = self.now_at_intake();
        round.opened_with = Some(facts.clone());
        round.accepted_with = None;
        round.ended = None;
        round.returns += 1;
        // Intake begins again; what the others said in the meantime stands.
        round.marks.retain(|subject, _| !subject.starts_with("intake."));
        round.mark("intake.case.returned_from_route", at);
        round.mark(REGISTERED, at);
    }

    fn hear_dispatch(&mut self, dispatch: &Dispatch, at: Timestamp) {
        self.assignment_round = self.assignment_round.max(dispatch.round);
        self.round(dispatch.round).mark(DISPATCHED, at);
        if dispatch.role == Role::Lead {
            self.lead = Some(dispatch.unit.clone());
        }
        let order = Order {
            dispatch: dispatch.clone(),
            acknowledged_at: None,
            objected_at: None,
            objection_decided_at: None,
            completed_at: None,
            withdrawn_at: None,
            evidence: 0,
        };
        self.orders.insert(dispatch.order, order);
    }

    fn hear_assignment(&mut self, heard: &Heard) -> Result<(), NotHeard> {
        let at = heard.at;
        match &heard.fact {
            Fact::Diagnosed => self.now_at_assignment().mark("assignment.diagnosis.made", at),
            Fact::Determined { lead } => {
                self.now_at_assignment().mark("assignment.determination.made", at);
                self.lead = lead.clone().or_else(|| self.lead.take());
            }
            Fact::ConsultationOpened { consultation, units, deadline } => {
                let round = self.assignment_round.max(1);
                self.now_at_assignment().mark(CONSULTED, at);
                self.others.extend(units.iter().cloned());
                let opened = Consultation {
                    round,
                    waiting_for: units.iter().cloned().collect(),
                    deadline: deadline.clone(),
                    ended_at: None,
                };
                self.consultations.insert(*consultation, opened);
            }
            Fact::ConsultationAnswered { consultation, unit } => {
                let consultation =
                    self.consultations.get_mut(consultation).ok_or(NotHeard::Consultation(*consultation))?;
                consultation.waiting_for.remove(unit);
                if consultation.waiting_for.is_empty() && consultation.ended_at.is_none() {
                    consultation.ended_at = Some(at);
                }
            }
            Fact::Ruled { consultation, lead } => {
                self.now_at_assignment().mark("assignment.ruling.made", at);
                self.lead = lead.clone().or_else(|| self.lead.take());
                if let Some(consultation) = consultation.as_ref().and_then(|id| self.consultations.get_mut(id))
                    && consultation.ended_at.is_none()
                {
                    consultation.ended_at = Some(at);
                }
            }
            Fact::Escalated { round, .. } => {
                self.assignment_round = self.assignment_round.max(*round);
                let round = self.round(*round);
                round.mark("assignment.case.escalated", at);
                round.escalations += 1;
            }
            Fact::Handled { lead, round } => {
                self.assignment_round = self.assignment_round.max(*round);
                self.lead = Some(lead.clone());
                let round = self.round(*round);
                round.mark(HANDLED, at);
                round.handled_by = Some(lead.clone());
            }
            _ => {}
        }
        Ok(())
    }

    fn end(&mut self, subject: &str, at: Timestamp) {
        let round = self.now_at_intake();
        round.mark(subject, at);
        round.ended = Some(at);
    }

    pub(crate) fn round(&mut self, round: u32) -> &mut Round {
        self.rounds.entry(round.max(1)).or_default()
    }

    fn now_at_intake(&mut self) -> &mut Round {
        self.round(self.intake_round)
    }

    fn now_at_assignment(&mut self) -> &mut Round {
        self.round(self.assignment_round)
    }

    fn order(&mut self, order: WorkOrderId) -> Result<&mut Order, NotHeard> {
        self.orders.get_mut(&order).ok_or(NotHeard::Order(order))
    }

    /// The latest round anybody spoke of, from 1.
    #[must_use]
    pub fn latest_round(&self) -> u32 {
        self.rounds.keys().next_back().copied().unwrap_or(1)
    }

    /// True while intake has not ended its latest round.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.rounds.get(&self.intake_round.max(1)).is_none_or(|round| round.ended.is_none())
    }

    /// The last round whose reply was served, 0 where none was.
    #[must_use]
    pub fn reply_round(&self) -> u32 {
        let reply = notice_subject(NoticeKind::Reply);
        self.rounds.iter().rev().find(|(_, round)| round.has(&reply)).map_or(0, |(number, _)| *number)
    }

    /// Every unit that has a share in the case, was asked about it or took part in its operations.
    #[must_use]
    pub fn units(&self) -> BTreeSet<&UnitCode> {
        self.orders.values().map(|order| &order.dispatch.unit).chain(&self.lead).chain(&self.others).collect()
    }

    /// The orders of a round.
    pub fn orders_of(&self, round: u32) -> impl Iterator<Item = (&WorkOrderId, &Order)> {
        self.orders.iter().filter(move |(_, order)| order.dispatch.round == round)
    }

    /// The units that handled a round: its lead and every holder of an order that was not withdrawn.
    #[must_use]
    pub fn handling_units(&self, round: u32) -> BTreeSet<&UnitCode> {
        let lead = self.rounds.get(&round).and_then(|round| round.handled_by.as_ref()).or(self.lead.as_ref());
        self.orders_of(round)
            .filter(|(_, order)| order.withdrawn_at.is_none())
            .map(|(_, order)| &order.dispatch.unit)
            .chain(lead)
            .collect()
    }
}
