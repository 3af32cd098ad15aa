//! What has happened to a case.

use std::collections::BTreeSet;

use vocab::{CaseFacts, CaseId, NoticeId, UnitCode};

use crate::case::Suggestion;
use crate::cluster::Link;
use crate::ground::Verdict;
use crate::notice::NoticeKind;
use crate::stage::{Acceptance, Extension, Handling, Receipt, ReturnReason};

/// What has happened to a case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// 受理.
    Accepted {
        /// How.
        acceptance: Acceptance,
    },
    /// 不予受理.
    Declined {
        /// Why.
        verdict: Verdict,
        /// The notice.
        notice: NoticeId,
    },
    /// 诉访分离.
    RoutedAway {
        /// Why.
        verdict: Verdict,
        /// The notice.
        notice: NoticeId,
    },
    /// 移送回执.
    Receipted {
        /// The signature.
        receipt: Receipt,
    },
    /// 退回.
    Returned {
        /// Why.
        reason: ReturnReason,
    },
    /// 撤回.
    Withdrawn,
    /// The head's complainant took the request back; the case goes on.
    ComplainantLeft,
    /// 补充事实.
    FactsAdded {
        /// All facts as they now stand.
        facts: CaseFacts,
    },
    /// 关联.
    Linked {
        /// To which, and how.
        link: Link,
        /// The head it followed until now.
        left: Option<CaseId>,
    },
    /// A case that was accepted alone takes its head's round.
    RoundAdopted {
        /// Which.
        round: u32,
    },
    /// 送达.
    NoticeServed {
        /// The notice.
        notice: NoticeId,
        /// What it says.
        kind: NoticeKind,
        /// The round it belongs to; 0 before acceptance.
        round: u32,
    },
    /// 门诊诊断.
    Diagnosed {
        /// What it suggests.
        suggestion: Suggestion,
        /// The units it names or asked.
        units: BTreeSet<UnitCode>,
    },
    /// Units have a share now or were asked.
    UnitsInvolved {
        /// Which.
        units: BTreeSet<UnitCode>,
    },
    /// Units have to do with the head it follows.
    UnitsInherited {
        /// Which.
        units: BTreeSet<UnitCode>,
    },
    /// 答复.
    Answered {
        /// How.
        handling: Handling,
    },
    /// 延期.
    Extended {
        /// What.
        extension: Extension,
    },
    /// 结案.
    Closed {
        /// The round that ended.
        round: u32,
    },
    /// 重新办理.
    Reopened {
        /// The round that begins.
        round: u32,
        /// What caused it.
        cause: String,
    },
    /// A clerk confirmed the masked text.
    MaskConfirmed,
    /// 个人信息删除.
    Forgotten,
}
