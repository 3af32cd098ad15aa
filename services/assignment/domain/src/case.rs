//! 案件的责任: from diagnosis to the lead's reply, as one case goes through it.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use vocab::{
    CaseFacts, CaseId, ConsultationId, DeterminationId, Duty, FactCode, HandlingMode, OperationId, PowerItemCode, Role,
    RulingId, Track, UnitCode, WorkOrderId,
};

use crate::consultation::Position;
use crate::deadline::Deadline;
use crate::proof::Determination;
use crate::share::{Share, lead_of};

/// 门诊诊断: what the lists say before acceptance, and what the asked units answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diagnosis {
    /// Who is asked; nobody where the case is sealed.
    pub asked: BTreeSet<UnitCode>,
    /// What they said.
    pub positions: BTreeMap<UnitCode, Position>,
    /// Until when they may answer.
    pub answer_by: Deadline,
    /// What the lists say.
    pub outcome: Determination,
    /// Facts that would change it.
    pub missing_facts: BTreeSet<FactCode>,
    /// When it was made; none while it is open.
    pub made_at: Option<Timestamp>,
}

/// 在效决定: who owes what, and what says so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// What says so.
    pub source: DecisionSource,
    /// Who owes what.
    pub shares: Vec<Share>,
}

/// 决定来源.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "snake_case")]
pub enum DecisionSource {
    /// The lists, or a precedent.
    Determination {
        /// The determination.
        id: DeterminationId,
    },
    /// A binding ruling.
    Ruling {
        /// The ruling.
        id: RulingId,
    },
}

impl Decision {
    /// Who leads.
    #[must_use]
    pub fn lead(&self) -> Option<&UnitCode> {
        lead_of(&self.shares)
    }

    /// The part a unit plays: whoever does not lead supports, with a share of its own or without.
    #[must_use]
    pub fn role_of(&self, unit: &UnitCode) -> Role {
        if self.lead() == Some(unit) { Role::Lead } else { Role::Support }
    }

    /// The ruling, where it is one.
    #[must_use]
    pub const fn ruling(&self) -> Option<RulingId> {
        match self.source {
            DecisionSource::Ruling { id } => Some(id),
            DecisionSource::Determination { .. } => None,
        }
    }
}

/// 办理结论 (信访工作条例 art. 32).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Conclusion {
    /// 支持.
    Supported,
    /// 解释.
    Explained,
    /// 不支持.
    NotSupported,
}

impl Conclusion {
    /// The code, as it is sent.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Supported => "supported",
            Self::Explained => "explained",
            Self::NotSupported => "not_supported",
        }
    }

    /// Reads the code.
    #[must_use]
    pub fn parse(code: &str) -> Option<Self> {
        [Self::Supported, Self::Explained, Self::NotSupported].into_iter().find(|one| one.as_str() == code)
    }
}

/// 联合执法的法定情形 (浙江省综合行政执法条例 art. 13).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EscalationGround {
    /// The duties of two or more bodies are involved.
    SeveralDuties,
    /// The duties of bodies, areas or levels must connect.
    DutiesConnect,
    /// Different checks on one object can be done at once.
    OneObjectChecks,
}

impl EscalationGround {
    /// The code, as it is sent.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SeveralDuties => "several_duties",
            Self::DutiesConnect => "duties_connect",
            Self::OneObjectChecks => "one_object_checks",
        }
    }

    /// Reads the code.
    #[must_use]
    pub fn parse(code: &str) -> Option<Self> {
        [Self::SeveralDuties, Self::DutiesConnect, Self::OneObjectChecks].into_iter().find(|one| one.as_str() == code)
    }
}

/// 未了的联合行动: an operation that was asked for or is under way; while there is one the case cannot be completed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "operation", rename_all = "snake_case")]
pub enum OpenOperation {
    /// Asked for; scheduling has not answered yet.
    Requested,
    /// Scheduling has given it an id.
    Named {
        /// The id.
        id: OperationId,
    },
}

/// 待派后续处置: what one body has to do after an operation, until an order for it can be sent: a decision must be in force, the
/// unit must have somebody to answer for it, and the lists must know its items. Where that will not be, the centre settles it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptFollowUp {
    /// Which operation it follows.
    pub operation: OperationId,
    /// Who.
    pub unit: UnitCode,
    /// What, the weightiest first.
    pub duties: Vec<Duty>,
    /// On which items.
    pub items: BTreeSet<PowerItemCode>,
}

/// 了结原因: why a follow-up is not carried out by the unit it was meant for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SettlingReason {
    /// 事项不在清单.
    ItemNotListed,
    /// 单位无人承办.
    NobodyToAnswer,
    /// 已另行处理.
    DoneOtherwise,
    /// 无须处置.
    NotNeeded,
    /// 并案.
    CaseLinked,
    /// 案件终结.
    CaseEnded,
}

/// 退回主办: an operation was rejected or cancelled, and the lead has to find another way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reconsider {
    /// Which operation.
    pub operation: OperationId,
    /// Why, a code.
    pub reason: String,
    /// When.
    pub at: Timestamp,
}

/// 终结原因.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndedBecause {
    /// 不予受理.
    Declined,
    /// 移送.
    RoutedAway,
    /// 撤回.
    Withdrawn,
    /// 结案.
    Closed,
}

/// 阶段: where a case stands in assignment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "stage", rename_all = "snake_case")]
pub enum CaseStage {
    /// 门诊: asked units may answer.
    Diagnosing,
    /// 待受理: diagnosed, or let through without diagnosis.
    AwaitingAcceptance,
    /// 会商: no decision is in force, a consultation is open.
    Consulting {
        /// The consultation.
        consultation: ConsultationId,
    },
    /// 已认定 or 已裁定: a decision is in force.
    Decided {
        /// The decision.
        decision: Decision,
    },
    /// 办理完毕: the lead has replied; the closing proof is under way.
    Handled {
        /// The decision it was handled under.
        decision: Decision,
        /// Who led.
        lead: UnitCode,
        /// What it came to.
        conclusion: Conclusion,
        /// When.
        at: Timestamp,
    },
    /// 并案: answered with another case.
    Linked {
        /// The case that is handled for both.
        head: CaseId,
    },
    /// 终结.
    Ended {
        /// Why.
        because: EndedBecause,
        /// The decision that was in force, for a case that is handled again.
        decision: Option<Decision>,
    },
}

impl CaseStage {
    /// The stage's name, as it is stored and said.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Diagnosing => "diagnosing",
            Self::AwaitingAcceptance => "awaiting_acceptance",
            Self::Consulting { .. } => "consulting",
            Self::Decided { decision } => match decision.source {
                DecisionSource::Determination { .. } => "determined",
                DecisionSource::Ruling { .. } => "ruled",
            },
            Self::Handled { .. } => "handled",
            Self::Linked { .. } => "linked",
            Self::Ended { .. } => "ended",
        }
    }

    /// The decision in force, or last in force.
    #[must_use]
    pub const fn decision(&self) -> Option<&Decision> {
        match self {
            Self::Decided { decision } | Self::Handled { decision, .. } => Some(decision),
            Self::Ended { decision, .. } => decision.as_ref(),
            _ => None,
        }
    }
}

/// 案件.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Case {
    /// Its id.
    pub id: CaseId,
    /// Its number; empty where only its acceptance was heard of yet.
    pub case_no: String,
    /// What it is about.
    pub facts: CaseFacts,
    /// How it is handled, once accepted.
    pub mode: Option<HandlingMode>,
    /// On which track.
    pub track: Track,
    /// 检举控告: no unit is asked about it before it is accepted.
    pub sealed: bool,
    /// When it was accepted.
    pub accepted_at: Option<Timestamp>,
    /// The round of handling, from 1.
    pub round: u32,
    /// How many times it was sent back: objections that were upheld.
    pub hops: u32,
    /// The diagnosis, open or made.
    pub diagnosis: Option<Diagnosis>,
    /// The latest determination, in force or not.
    pub determination: Option<DeterminationId>,
    /// Facts that would change the determination.
    pub missing_facts: BTreeSet<FactCode>,
    /// The joint operation that is not over.
    pub operation: Option<OpenOperation>,
    /// What the lead has to think over again.
    pub reconsider: Option<Reconsider>,
    /// Follow-ups of operations that are not sent out yet.
    #[serde(default)]
    pub follow_ups: Vec<KeptFollowUp>,
    /// 退回待裁: orders whose units were right to object, until a ruling has answered them.
    #[serde(default)]
    pub sent_back: BTreeSet<WorkOrderId>,
    /// The case's own clocks that end with its handling, with their due dates, as supervision runs them. Every case has some and
    /// few are ever asked for, so they are kept beside the case.
    #[serde(skip)]
    pub clocks: BTreeMap<String, Timestamp>,
    /// Where it stands.
    pub stage: CaseStage,
}

impl Case {
    /// The operation's id, where it has one.
    #[must_use]
    pub const fn operation_id(&self) -> Option<OperationId> {
        match self.operation {
            Some(OpenOperation::Named { id }) => Some(id),
            Some(OpenOperation::Requested) | None => None,
        }
    }
}
