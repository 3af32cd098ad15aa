//! 工单用语: what an order is made of.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use vocab::{Duty, PersonCode, PostCode, SupervisionOrderId};

/// 承办人: the person who answers for an order and the post that person holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assignee {
    /// The person.
    pub person: PersonCode,
    /// The post.
    pub post: PostCode,
}

/// 职责: what an order obliges to, never empty: the duties with the weightiest first, and the same in words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task {
    /// The main duty.
    pub duty: Duty,
    /// Other duties beside it.
    pub also: Vec<Duty>,
    /// In Chinese.
    pub zh: String,
    /// In English.
    pub en: String,
}

impl Task {
    /// All duties, the main one first.
    pub fn duties(&self) -> impl Iterator<Item = Duty> {
        std::iter::once(self.duty).chain(self.also.iter().copied())
    }
}

/// 办理结果: what came of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// 已整改.
    Rectified,
    /// 已处罚.
    Punished,
    /// 已认定.
    Identified,
    /// 已协助.
    Assisted,
    /// 解释说明.
    Explained,
    /// 查无实据.
    Unfounded,
}

/// 撤单原因: why an order was withdrawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WithdrawnBecause {
    /// Its unit was right to object.
    ObjectionUpheld,
    /// A ruling gave the share to somebody else, or another share to its unit.
    Ruled,
    /// New facts led to another determination.
    DeterminedAnew,
    /// An operation took place and the unit goes on with its own follow-up.
    ContinuedAfterOperation,
    /// The complainant took the request back.
    CaseWithdrawn,
    /// The case was declined after all.
    CaseDeclined,
    /// The case went to another authority.
    CaseRoutedAway,
    /// The case is answered with another one.
    CaseLinked,
    /// The case was closed.
    CaseClosed,
}

impl WithdrawnBecause {
    /// The code, as events carry it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ObjectionUpheld => "objection_upheld",
            Self::Ruled => "ruled",
            Self::DeterminedAnew => "determined_anew",
            Self::ContinuedAfterOperation => "continued_after_operation",
            Self::CaseWithdrawn => "case_withdrawn",
            Self::CaseDeclined => "case_declined",
            Self::CaseRoutedAway => "case_routed_away",
            Self::CaseLinked => "case_linked",
            Self::CaseClosed => "case_closed",
        }
    }
}

/// 期限状态: how supervision sees the order's deadline.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum DeadlineState {
    /// It runs.
    #[default]
    Running,
    /// 预警: it will soon be due.
    Warned,
    /// 超期: it ran out.
    Breached,
    /// 中止: it stands still.
    Paused {
        /// Why, a code.
        reason: String,
    },
}

impl DeadlineState {
    /// The code, as it is sent.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Warned => "warned",
            Self::Breached => "breached",
            Self::Paused { .. } => "paused",
        }
    }
}

/// 督办: supervision pressed the holder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pressed {
    /// By which supervision order.
    pub order: SupervisionOrderId,
    /// Which rung: `remind`, `urge`, `supervision_order`.
    pub rung: String,
    /// Until when the unit must answer.
    pub answer_by: Option<Timestamp>,
    /// When.
    pub issued_at: Timestamp,
    /// When the unit answered.
    #[serde(default)]
    pub answered_at: Option<Timestamp>,
}
