//! 阶段: the stages of an operation, each with the facts that are true in it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use vocab::{
    CaseId, Duty, MatterCode, ObjectTypeCode, OperationId, PersonCode, PowerItemCode, RegionCode, Role, RuleCode,
    UnitCode, WorkOrderId,
};

use crate::command::{Evidence, FollowUp, Inspection};
use crate::{Plan, Terms};

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
