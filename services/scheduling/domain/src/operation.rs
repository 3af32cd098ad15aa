//! 联合行动: the life of one joint operation. A stage carries only the facts that are true in it.

mod checks;
mod decide;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use vocab::{
    CaseId, Duty, MatterCode, ObjectTypeCode, OperationId, PersonCode, PowerItemCode, RegionCode, Role, RuleCode,
    UnitCode, WorkOrderId,
};

use crate::command::{Event, Evidence, FollowUp, Inspection};
use crate::{LegalCalendar, Means, Plan, Terms};

/// 触发事由: what made someone propose it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "trigger", rename_all = "snake_case")]
pub enum Trigger {
    /// 提请联合执法: a unit could not solve its share alone (浙江省综合行政执法条例第十三条).
    CaseEscalated {
        /// The legal situation.
        ground: String,
        /// The order that could not be solved alone.
        work_order: Option<WorkOrderId>,
        /// The round of handling.
        round: u32,
    },
}

impl Trigger {
    /// The word in events.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::CaseEscalated { .. } => "case_escalated",
        }
    }
}

/// 参与单位.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Participant {
    /// The unit.
    pub unit: UnitCode,
    /// The part it plays.
    pub role: Role,
    /// What it owes.
    pub duties: Vec<Duty>,
    /// The power items it acts on.
    pub items: Vec<PowerItemCode>,
}

/// 建议: what an operation begins as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposal {
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
    /// Who would take part; the lead first.
    pub participants: Vec<Participant>,
    /// Until when somebody should decide.
    pub answer_by: Option<Timestamp>,
    /// When it was proposed.
    pub at: Timestamp,
}

/// 答复: what a unit said to its part in a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "snake_case")]
pub enum Answer {
    /// 待确认.
    Asked,
    /// 已确认.
    Confirmed {
        /// When.
        at: Timestamp,
    },
    /// 不参与.
    Declined {
        /// Why.
        reason: RuleCode,
        /// When.
        at: Timestamp,
    },
    /// 未答复.
    Silent {
        /// When its time ran out.
        at: Timestamp,
    },
}

/// 到场: who of a unit is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Arrival {
    /// Officers who count.
    pub officers: Vec<PersonCode>,
    /// Assistants, who do not.
    pub assistants: Vec<PersonCode>,
    /// When.
    pub at: Timestamp,
}

/// 已排定.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fixed {
    /// What was approved.
    pub terms: Terms,
    /// The plan.
    pub plan: Plan,
    /// What each unit said.
    pub answers: BTreeMap<UnitCode, Answer>,
    /// Who is there already.
    pub arrivals: BTreeMap<UnitCode, Arrival>,
    /// Until when the units confirm.
    pub confirm_by: Option<Timestamp>,
    /// When it was approved.
    pub approved_at: Timestamp,
    /// When the units were last asked: at approval, or when it was moved.
    pub asked_at: Timestamp,
    /// How often it was moved.
    pub moves: u32,
}

/// 进行中.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Started {
    /// What was approved.
    pub terms: Terms,
    /// The plan.
    pub plan: Plan,
    /// Who came.
    pub arrivals: BTreeMap<UnitCode, Arrival>,
    /// What was recorded, in order.
    pub record: Vec<Inspection>,
    /// When it began.
    pub started_at: Timestamp,
}

/// 已结束.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Concluded {
    /// What was approved.
    pub terms: Terms,
    /// The plan.
    pub plan: Plan,
    /// Who came.
    pub arrivals: BTreeMap<UnitCode, Arrival>,
    /// What was recorded, in order.
    pub record: Vec<Inspection>,
    /// When it began.
    pub started_at: Timestamp,
    /// Each body's own follow-up.
    pub follow_ups: Vec<FollowUp>,
    /// All evidence.
    pub evidence: Vec<Evidence>,
    /// When it ended.
    pub concluded_at: Timestamp,
}

/// 阶段.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "stage", rename_all = "snake_case")]
pub enum Stage {
    /// 待批准.
    Proposed {
        /// Until when somebody should decide.
        answer_by: Option<Timestamp>,
    },
    /// 未获批准.
    Rejected {
        /// Why.
        reason: RuleCode,
        /// When.
        at: Timestamp,
    },
    /// 已排定.
    Fixed(Fixed),
    /// 进行中.
    Started(Started),
    /// 已结束.
    Concluded(Concluded),
    /// 已取消.
    Cancelled {
        /// Why.
        reason: RuleCode,
        /// When.
        at: Timestamp,
    },
}

impl Stage {
    /// The word in the store and on the wire.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Proposed { .. } => "proposed",
            Self::Rejected { .. } => "rejected",
            Self::Fixed(_) => "fixed",
            Self::Started(_) => "started",
            Self::Concluded(_) => "concluded",
            Self::Cancelled { .. } => "cancelled",
        }
    }

    /// What people call it, Chinese and English.
    #[must_use]
    pub const fn name(&self) -> (&'static str, &'static str) {
        match self {
            Self::Proposed { .. } => ("待批准", "proposed"),
            Self::Rejected { .. } => ("未获批准", "rejected"),
            Self::Fixed(_) => ("已排定", "fixed"),
            Self::Started(_) => ("进行中", "under way"),
            Self::Concluded(_) => ("已结束", "concluded"),
            Self::Cancelled { .. } => ("已取消", "cancelled"),
        }
    }

    /// True while people are on the spot.
    #[must_use]
    pub const fn is_under_way(&self) -> bool {
        matches!(self, Self::Started(_))
    }

    /// True where nothing more follows.
    #[must_use]
    pub const fn is_final(&self) -> bool {
        matches!(self, Self::Rejected { .. } | Self::Concluded(_) | Self::Cancelled { .. })
    }
}

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
    /// When it was last pressed for, if ever.
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
            Event::Fixed { terms, plan, confirm_by } => self.fix(terms, plan, *confirm_by, Asking { approved_at: at, asked_at: at, moves: 0 }),
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
            Event::Reminded { .. } => self.pressed_at = Some(at),
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
