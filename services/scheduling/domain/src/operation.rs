//! 联合行动: the life of one joint operation. A stage carries only the facts that are true in it.

mod checks;
mod decide;
mod stage;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use vocab::{CaseId, MatterCode, ObjectTypeCode, OperationId, RegionCode, Role, UnitCode};

use crate::command::{Event, Evidence, FollowUp};
use crate::{LegalCalendar, Means, Plan, Terms};

pub use stage::{Answer, Arrival, Concluded, Fixed, Participant, Proposal, Stage, Started, Trigger};

/// 结案审核退回: the reason of a reminder that comes from a refused closing.
pub const CLOSING_REFUSED: &str = "closing_refused";
/// 超期: the reason of a reminder that comes from a clock of our own.
pub const OVERDUE: &str = "overdue";

/// When the units of a plan were asked, and how often before.
struct Asking {
    approved_at: Timestamp,
    asked_at: Timestamp,
    moves: u32,
}

/// 联合行动.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operation {
    /// Its id.
    pub id: OperationId,
    /// The cases it serves, at least one.
    pub cases: Vec<CaseId>,
    /// What triggered it.
    pub trigger: Trigger,
    /// Where.
    pub region: RegionCode,
    /// What it is about.
    pub matters: Vec<MatterCode>,
    /// What kind of object.
    pub object_type: ObjectTypeCode,
    /// Who takes part; the lead first.
    pub participants: Vec<Participant>,
    /// When it was proposed.
    pub proposed_at: Timestamp,
    /// When the closing of its case was last refused because of it, if ever.
    #[serde(default)]
    pub pressed_at: Option<Timestamp>,
    /// Where it stands.
    pub stage: Stage,
}

/// 依据: what a decision may look at beside the operation itself.
#[derive(Debug, Clone, Copy)]
pub struct Ground<'a> {
    /// The moment.
    pub at: Timestamp,
    /// Officers and what is held.
    pub means: &'a Means,
    /// The law.
    pub law: &'a LegalCalendar,
    /// How many certified officers each enforcing body needs.
    pub min_certified: u32,
    /// How long before the start check-in opens.
    pub check_in_opens_minutes: u32,
}

impl Operation {
    /// A new operation, proposed.
    #[must_use]
    pub fn propose(proposal: Proposal) -> Self {
        Self {
            id: proposal.id,
            cases: proposal.cases,
            trigger: proposal.trigger,
            region: proposal.region,
            matters: proposal.matters,
            object_type: proposal.object_type,
            participants: proposal.participants,
            proposed_at: proposal.at,
            pressed_at: None,
            stage: Stage::Proposed { answer_by: proposal.answer_by },
        }
    }

    /// The unit that leads: the first with the lead's role, else the first.
    #[must_use]
    pub fn lead(&self) -> Option<&UnitCode> {
        let lead = self.participants.iter().find(|participant| participant.role == Role::Lead);
        lead.or(self.participants.first()).map(|participant| &participant.unit)
    }

    /// A participant by its unit.
    #[must_use]
    pub fn participant(&self, unit: &UnitCode) -> Option<&Participant> {
        self.participants.iter().find(|participant| participant.unit == *unit)
    }

    /// The units that may know of it.
    pub fn units(&self) -> impl Iterator<Item = &str> {
        self.participants.iter().map(|participant| participant.unit.as_str())
    }

    /// The plan, where there is one.
    #[must_use]
    pub fn plan(&self) -> Option<&Plan> {
        match &self.stage {
            Stage::Fixed(fixed) => Some(&fixed.plan),
            Stage::Started(started) => Some(&started.plan),
            Stage::Concluded(concluded) => Some(&concluded.plan),
            Stage::Proposed { .. } | Stage::Rejected { .. } | Stage::Cancelled { .. } => None,
        }
    }

    /// The same operation after an event.
    #[must_use]
    pub fn after(mut self, event: &Event, at: Timestamp) -> Self {
        self.apply(event, at);
        self
    }

    /// Changes the operation as the event says. An event that does not belong to the stage changes nothing.
    pub fn apply(&mut self, event: &Event, at: Timestamp) {
        match event {
            Event::Approved => {}
            Event::Fixed { terms, plan, confirm_by } => {
                self.fix(terms, plan, *confirm_by, Asking { approved_at: at, asked_at: at, moves: 0 })
            }
            Event::Rescheduled { terms, plan, confirm_by, .. } => {
                if let Stage::Fixed(fixed) = &self.stage {
                    let asking = Asking { approved_at: fixed.approved_at, asked_at: at, moves: fixed.moves + 1 };
                    self.fix(terms, plan, *confirm_by, asking);
                }
            }
            Event::Rejected { reason } => self.stage = Stage::Rejected { reason: reason.clone(), at },
            Event::Cancelled { reason } => self.stage = Stage::Cancelled { reason: reason.clone(), at },
            Event::Started => self.start(at),
            Event::Concluded { follow_ups, evidence } => self.conclude(follow_ups, evidence, at),
            Event::Inspected(inspection) => {
                if let Stage::Started(started) = &mut self.stage {
                    started.record.push(inspection.clone());
                }
            }
            Event::Reminded { reason, .. } if reason.as_str() == CLOSING_REFUSED => self.pressed_at = Some(at),
            Event::Reminded { .. } => {}
            Event::Confirmed { .. }
            | Event::Declined { .. }
            | Event::Unanswered { .. }
            | Event::OfficersReplaced { .. }
            | Event::CheckedIn { .. } => self.apply_to_fixed(event, at),
        }
    }

    fn fix(&mut self, terms: &Terms, plan: &Plan, confirm_by: Option<Timestamp>, asking: Asking) {
        self.participants.retain(|participant| plan.crew(&participant.unit).is_some());
        let answers = plan.crews.iter().map(|crew| (crew.unit.clone(), Answer::Asked)).collect();
        self.stage = Stage::Fixed(Fixed {
            terms: terms.clone(),
            plan: plan.clone(),
            answers,
            arrivals: BTreeMap::new(),
            confirm_by,
            approved_at: asking.approved_at,
            asked_at: asking.asked_at,
            moves: asking.moves,
        });
    }

    fn start(&mut self, at: Timestamp) {
        if let Stage::Fixed(fixed) = &self.stage {
            let fixed = fixed.clone();
            self.stage = Stage::Started(Started {
                terms: fixed.terms,
                plan: fixed.plan,
                arrivals: fixed.arrivals,
                record: Vec::new(),
                started_at: at,
            });
        }
    }

    fn conclude(&mut self, follow_ups: &[FollowUp], evidence: &[Evidence], at: Timestamp) {
        if let Stage::Started(started) = &self.stage {
            let started = started.clone();
            self.stage = Stage::Concluded(Concluded {
                terms: started.terms,
                plan: started.plan,
                arrivals: started.arrivals,
                record: started.record,
                started_at: started.started_at,
                follow_ups: follow_ups.to_vec(),
                evidence: evidence.to_vec(),
                concluded_at: at,
            });
        }
    }

    fn apply_to_fixed(&mut self, event: &Event, at: Timestamp) {
        let Stage::Fixed(fixed) = &mut self.stage else { return };
        match event {
            Event::Confirmed { unit } => {
                fixed.answers.insert(unit.clone(), Answer::Confirmed { at });
            }
            Event::Declined { unit, reason } => {
                fixed.answers.insert(unit.clone(), Answer::Declined { reason: reason.clone(), at });
            }
            Event::Unanswered { units } => {
                fixed.answers.extend(units.iter().map(|unit| (unit.clone(), Answer::Silent { at })));
            }
            Event::OfficersReplaced { unit, officers } => {
                if let Some(crew) = fixed.plan.crews.iter_mut().find(|crew| crew.unit == *unit) {
                    crew.officers.clone_from(officers);
                }
            }
            Event::CheckedIn { unit, officers, assistants } => {
                let arrival = Arrival { officers: officers.clone(), assistants: assistants.clone(), at };
                fixed.arrivals.insert(unit.clone(), arrival);
            }
            _ => {}
        }
    }
}
