//! 阶段: how far a case is. Each stage carries the facts that are true in it and no others.

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use vocab::{HandlingMode, NoticeId, RuleCode, Track, UnitCode};

use crate::ground::Verdict;

/// 受理: what is true from acceptance on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acceptance {
    /// When it was accepted.
    pub at: Timestamp,
    /// How it is handled.
    pub mode: HandlingMode,
    /// On which track.
    pub track: Track,
    /// The round of handling: 1, and one more for each reopening.
    pub round: u32,
    /// When this round began.
    pub round_since: Timestamp,
}

/// 办理结果: what is true once every share is closed and the reply is served.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Handling {
    /// When the lead completed it.
    pub at: Timestamp,
    /// The unit that answers for the whole.
    pub lead: UnitCode,
    /// 支持 · 解释 · 不支持: `supported`, `explained` or `not_supported`.
    pub conclusion: String,
    /// The reply.
    pub notice: NoticeId,
}

/// 延期: more time for a clock of the case, as its unit's head allowed it once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Extension {
    /// The clock's rule.
    pub rule: RuleCode,
    /// The unit that owes it and whose head allowed it.
    pub unit: UnitCode,
    /// The last day that is now in time.
    pub due_on: Date,
}

/// 移送回执: the other authority's signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// Its own number for the matter.
    pub number: String,
    /// When it signed.
    pub at: Timestamp,
}

/// 退回原因: why a matter came back from another authority.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReturnReason {
    /// 不属其职权.
    NotTheirs,
    /// 不予立案.
    NotFiled,
    /// 程序终结.
    ProcedureEnded,
    /// 误转.
    SentByMistake,
}

impl ReturnReason {
    /// The code, as it is sent.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotTheirs => "not_theirs",
            Self::NotFiled => "not_filed",
            Self::ProcedureEnded => "procedure_ended",
            Self::SentByMistake => "sent_by_mistake",
        }
    }
}

/// 阶段, with its facts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "stage", rename_all = "snake_case")]
pub enum Stage {
    /// 已登记: waits for the decision whether it is taken on.
    Registered {
        /// Since it was registered, or came back.
        since: Timestamp,
    },
    /// 已受理: being handled.
    Accepted(Acceptance),
    /// 已答复: answered; the closing waits for a second unit.
    Handled {
        /// How it was taken on.
        acceptance: Acceptance,
        /// How it was answered.
        handling: Handling,
    },
    /// 不予受理 / 不再受理.
    Declined {
        /// When.
        at: Timestamp,
        /// Why.
        verdict: Verdict,
        /// What the complainant was told.
        notice: NoticeId,
    },
    /// 已转送: another authority has it.
    RoutedAway {
        /// When.
        at: Timestamp,
        /// Why.
        verdict: Verdict,
        /// What the complainant was told.
        notice: NoticeId,
        /// The other authority's signature, once it is there.
        receipt: Option<Receipt>,
    },
    /// 已办结.
    Closed {
        /// How it was taken on.
        acceptance: Acceptance,
        /// How it was answered.
        handling: Handling,
        /// When it was closed.
        at: Timestamp,
    },
    /// 已撤回.
    Withdrawn {
        /// When.
        at: Timestamp,
    },
}

/// 阶段名: a stage without its facts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StageName {
    /// 已登记.
    Registered,
    /// 已受理.
    Accepted,
    /// 已答复.
    Handled,
    /// 不予受理.
    Declined,
    /// 已转送.
    RoutedAway,
    /// 已办结.
    Closed,
    /// 已撤回.
    Withdrawn,
}

impl StageName {
    /// Every stage.
    pub const ALL: &'static [Self] = &[
        Self::Registered,
        Self::Accepted,
        Self::Handled,
        Self::Declined,
        Self::RoutedAway,
        Self::Closed,
        Self::Withdrawn,
    ];

    /// The code, as it is stored.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Registered => "registered",
            Self::Accepted => "accepted",
            Self::Handled => "handled",
            Self::Declined => "declined",
            Self::RoutedAway => "routed_away",
            Self::Closed => "closed",
            Self::Withdrawn => "withdrawn",
        }
    }

    /// The stage with this code.
    #[must_use]
    pub fn parse(code: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|stage| stage.as_str() == code)
    }

    /// What a clerk reads, in Chinese.
    #[must_use]
    pub const fn zh(self) -> &'static str {
        match self {
            Self::Registered => "已登记",
            Self::Accepted => "已受理",
            Self::Handled => "已答复",
            Self::Declined => "不予受理",
            Self::RoutedAway => "已转送",
            Self::Closed => "已办结",
            Self::Withdrawn => "已撤回",
        }
    }

    /// What a clerk reads, in English.
    #[must_use]
    pub const fn en(self) -> &'static str {
        match self {
            Self::Registered => "registered",
            Self::Accepted => "accepted",
            Self::Handled => "answered",
            Self::Declined => "declined",
            Self::RoutedAway => "routed away",
            Self::Closed => "closed",
            Self::Withdrawn => "withdrawn",
        }
    }

    /// True while somebody still works on it.
    #[must_use]
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Registered | Self::Accepted | Self::Handled)
    }
}

impl Stage {
    /// Its name.
    #[must_use]
    pub const fn name(&self) -> StageName {
        match self {
            Self::Registered { .. } => StageName::Registered,
            Self::Accepted(_) => StageName::Accepted,
            Self::Handled { .. } => StageName::Handled,
            Self::Declined { .. } => StageName::Declined,
            Self::RoutedAway { .. } => StageName::RoutedAway,
            Self::Closed { .. } => StageName::Closed,
            Self::Withdrawn { .. } => StageName::Withdrawn,
        }
    }

    /// When it began.
    #[must_use]
    pub const fn since(&self) -> Timestamp {
        match self {
            Self::Registered { since } => *since,
            Self::Accepted(acceptance) => acceptance.round_since,
            Self::Handled { handling, .. } => handling.at,
            Self::Declined { at, .. }
            | Self::RoutedAway { at, .. }
            | Self::Closed { at, .. }
            | Self::Withdrawn { at } => *at,
        }
    }

    /// How it was taken on, where it was.
    #[must_use]
    pub const fn acceptance(&self) -> Option<&Acceptance> {
        match self {
            Self::Accepted(acceptance) | Self::Handled { acceptance, .. } | Self::Closed { acceptance, .. } => {
                Some(acceptance)
            }
            _ => None,
        }
    }

    /// How it was answered, where it was.
    #[must_use]
    pub const fn handling(&self) -> Option<&Handling> {
        match self {
            Self::Handled { handling, .. } | Self::Closed { handling, .. } => Some(handling),
            _ => None,
        }
    }

    /// The ground, where it was declined or routed away.
    #[must_use]
    pub const fn verdict(&self) -> Option<&Verdict> {
        match self {
            Self::Declined { verdict, .. } | Self::RoutedAway { verdict, .. } => Some(verdict),
            _ => None,
        }
    }

    /// The round of handling: 0 before acceptance.
    #[must_use]
    pub fn round(&self) -> u32 {
        self.acceptance().map_or(0, |acceptance| acceptance.round)
    }
}
