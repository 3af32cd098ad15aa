//! What can be asked of a case.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use vocab::{CaseId, FactCode, FactValue, HandlingMode, NoticeId, Track, UnitCode};

use crate::case::Suggestion;
use crate::ground::Verdict;
use crate::stage::{Extension, Handling, ReturnReason};

/// What can be asked of a case. Notices have their ids before they exist, so that deciding stays pure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// 受理.
    Accept {
        /// The notice to serve.
        notice: NoticeId,
        /// How it is handled; none takes the diagnosis's suggestion.
        mode: Option<HandlingMode>,
        /// On which track; none takes the diagnosis's suggestion.
        track: Option<Track>,
        /// The head it is accepted with; none for a head and for a case that stands alone.
        with_head: Option<CaseId>,
    },
    /// 不予受理.
    Decline {
        /// The ground that holds.
        verdict: Verdict,
        /// The notice to serve.
        notice: NoticeId,
    },
    /// 诉访分离.
    RouteAway {
        /// The ground that holds.
        verdict: Verdict,
        /// The notice to serve.
        notice: NoticeId,
    },
    /// 移送回执.
    Receipt {
        /// The other authority's number.
        number: String,
        /// When it signed; none means now.
        signed_at: Option<Timestamp>,
    },
    /// 退回.
    Return {
        /// Why.
        reason: ReturnReason,
    },
    /// 撤回.
    Withdraw {
        /// True where the case is the head of others that go on.
        others_go_on: bool,
    },
    /// 补充事实.
    AddFacts {
        /// The facts that are new or have a new value.
        declared: BTreeMap<FactCode, FactValue>,
    },
    /// The diagnosis was made.
    Diagnose {
        /// What it suggests.
        suggestion: Suggestion,
        /// The units it names or asked.
        units: BTreeSet<UnitCode>,
    },
    /// Units were asked about it or got a share in it.
    Involve {
        /// Which.
        units: BTreeSet<UnitCode>,
    },
    /// Units were asked about the head it follows or got a share in it.
    Inherit {
        /// Which.
        units: BTreeSet<UnitCode>,
    },
    /// 办理完毕: every share is closed.
    Answer {
        /// How it was answered; its notice is the reply to serve.
        handling: Handling,
        /// The round that ended.
        round: u32,
    },
    /// 延期: a clock of the case got more time, and its complainant is told (信访工作条例 art. 34).
    Extend {
        /// What was extended.
        extension: Extension,
        /// The notice to serve.
        notice: NoticeId,
    },
    /// 结案: a second unit approved.
    Close {
        /// The round that is closed.
        round: u32,
    },
    /// 二次办理.
    Reopen {
        /// The round the complainant was dissatisfied with; none where that was not said.
        rated: Option<u32>,
        /// The call-back or adjudication that caused it.
        cause: String,
        /// The round that begins.
        to: u32,
    },
    /// A clerk confirmed the masked text.
    ConfirmMask,
    /// 个人信息删除.
    Forget,
}

/// 动作: the verbs a clerk hears when they are out of turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verb {
    /// 受理.
    Accept,
    /// 不予受理.
    Decline,
    /// 转送.
    RouteAway,
    /// 登记回执.
    Receipt,
    /// 退回.
    Return,
    /// 撤回.
    Withdraw,
    /// 补充事实.
    AddFacts,
    /// 诊断.
    Diagnose,
    /// 办理.
    Involve,
    /// 答复.
    Answer,
    /// 延期.
    Extend,
    /// 办结.
    Close,
    /// 重新办理.
    Reopen,
    /// 确认隐名文本.
    ConfirmMask,
    /// 删除个人信息.
    Forget,
    /// 关联.
    Link,
}

impl Verb {
    /// What a clerk reads, in Chinese.
    #[must_use]
    pub const fn zh(self) -> &'static str {
        match self {
            Self::Accept => "受理",
            Self::Decline => "不予受理",
            Self::RouteAway => "转送",
            Self::Receipt => "登记回执",
            Self::Return => "退回",
            Self::Withdraw => "撤回",
            Self::AddFacts => "补充事实",
            Self::Diagnose => "诊断",
            Self::Involve => "交办",
            Self::Answer => "答复",
            Self::Extend => "延期",
            Self::Close => "办结",
            Self::Reopen => "重新办理",
            Self::ConfirmMask => "确认隐名文本",
            Self::Forget => "删除个人信息",
            Self::Link => "关联",
        }
    }

    /// What a clerk reads, in English, as a past participle.
    #[must_use]
    pub const fn en(self) -> &'static str {
        match self {
            Self::Accept => "accepted",
            Self::Decline => "declined",
            Self::RouteAway => "routed away",
            Self::Receipt => "receipted",
            Self::Return => "returned",
            Self::Withdraw => "withdrawn",
            Self::AddFacts => "given further facts",
            Self::Diagnose => "diagnosed",
            Self::Involve => "shared out",
            Self::Answer => "answered",
            Self::Extend => "given more time",
            Self::Close => "closed",
            Self::Reopen => "reopened",
            Self::ConfirmMask => "given a masked text",
            Self::Forget => "stripped of its complainant",
            Self::Link => "linked",
        }
    }
}

impl Command {
    /// Its verb.
    #[must_use]
    pub const fn verb(&self) -> Verb {
        match self {
            Self::Accept { .. } => Verb::Accept,
            Self::Decline { .. } => Verb::Decline,
            Self::RouteAway { .. } => Verb::RouteAway,
            Self::Receipt { .. } => Verb::Receipt,
            Self::Return { .. } => Verb::Return,
            Self::Withdraw { .. } => Verb::Withdraw,
            Self::AddFacts { .. } => Verb::AddFacts,
            Self::Diagnose { .. } => Verb::Diagnose,
            Self::Involve { .. } | Self::Inherit { .. } => Verb::Involve,
            Self::Answer { .. } => Verb::Answer,
            Self::Extend { .. } => Verb::Extend,
            Self::Close { .. } => Verb::Close,
            Self::Reopen { .. } => Verb::Reopen,
            Self::ConfirmMask => Verb::ConfirmMask,
            Self::Forget => Verb::Forget,
        }
    }
}
