//! 听到的事实: what the other services said of a case, in the words of this one.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use vocab::{
    CaseFacts, CaseId, Citation, ConsultationId, Duty, HandlingMode, OperationId, Role, RuleCode, Track, UnitCode,
    WorkOrderId,
};

/// 期限: a due date another service has counted; it is adopted, not counted again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deadline {
    /// The rule.
    pub rule: RuleCode,
    /// What it counts from.
    pub anchor_at: Timestamp,
    /// The last moment in time.
    pub due_at: Timestamp,
    /// The calendar it was counted with.
    pub calendar_version: u32,
    /// The article, where it was said.
    pub citation: Option<Citation>,
}

/// 告知书种类: what a notice says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoticeKind {
    /// 登记告知.
    Receipt,
    /// 受理告知.
    Acceptance,
    /// 不予受理告知.
    Decline,
    /// 转送告知.
    Route,
    /// 答复.
    Reply,
    /// 延期告知.
    Extension,
}

impl NoticeKind {
    /// The code.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Receipt => "receipt",
            Self::Acceptance => "acceptance",
            Self::Decline => "decline",
            Self::Route => "route",
            Self::Reply => "reply",
            Self::Extension => "extension",
        }
    }

    /// True of a notice that tells the complainant what becomes of the request; a mere receipt does not.
    #[must_use]
    pub const fn informs(self) -> bool {
        matches!(self, Self::Acceptance | Self::Decline | Self::Route | Self::Reply)
    }
}

/// 派单: a work order as it was dispatched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dispatch {
    /// The order.
    pub order: WorkOrderId,
    /// Who owes it.
    pub unit: UnitCode,
    /// The part it plays.
    pub role: Role,
    /// What it owes.
    pub duty: Duty,
    /// The round of handling.
    pub round: u32,
    /// Until when.
    pub deadline: Deadline,
    /// Until when it must be acknowledged, where the dispatch says so.
    pub acknowledge: Option<Deadline>,
}

/// How a joint operation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OperationEnd {
    /// 已结束.
    Concluded,
    /// 不予批准.
    Rejected,
    /// 已取消.
    Cancelled,
}

/// A fact and when it happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heard {
    /// When it happened, by the service that said it.
    pub at: Timestamp,
    /// What happened.
    pub fact: Fact,
}

impl Heard {
    /// A fact at a moment.
    #[must_use]
    pub const fn new(at: Timestamp, fact: Fact) -> Self {
        Self { at, fact }
    }
}

/// What happened to a case elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fact {
    /// 登记.
    Registered {
        /// Its number.
        case_no: String,
        /// The coded facts.
        facts: CaseFacts,
        /// The unit whose desk registered it.
        receiving_unit: Option<UnitCode>,
    },
    /// 受理.
    Accepted {
        /// Its number.
        case_no: String,
        /// The coded facts at acceptance.
        facts: CaseFacts,
        /// How it is handled.
        mode: Option<HandlingMode>,
        /// On which track.
        track: Option<Track>,
        /// The head of its cluster, where it is another case.
        head: Option<CaseId>,
    },
    /// 补充事实.
    FactsAdded {
        /// The facts as they now stand.
        facts: CaseFacts,
    },
    /// 不予受理.
    Declined,
    /// 诉访分离移送.
    RoutedAway,
    /// 移送退回: registered again under its number.
    Returned {
        /// The facts as they stand.
        facts: CaseFacts,
    },
    /// 撤回.
    Withdrawn,
    /// 关联: it belongs to this head.
    Linked {
        /// The head.
        head: CaseId,
    },
    /// 关联: this case is the head of another.
    MemberLinked {
        /// The other case.
        member: CaseId,
    },
    /// 改并: another case no longer follows this one.
    MemberLeft {
        /// The other case.
        member: CaseId,
    },
    /// 送达.
    NoticeServed {
        /// What the notice says.
        kind: NoticeKind,
        /// The round it belongs to.
        round: u32,
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
        /// The facts as they stand.
        facts: CaseFacts,
    },
    /// 诊断.
    Diagnosed,
    /// 责任认定.
    Determined {
        /// Who leads, where one does.
        lead: Option<UnitCode>,
    },
    /// 会商开启.
    ConsultationOpened {
        /// The consultation.
        consultation: ConsultationId,
        /// Who is asked.
        units: Vec<UnitCode>,
        /// Until when they may answer.
        deadline: Option<Deadline>,
    },
    /// 表态.
    ConsultationAnswered {
        /// The consultation.
        consultation: ConsultationId,
        /// Who answered.
        unit: UnitCode,
    },
    /// 裁定.
    Ruled {
        /// The consultation it ends.
        consultation: Option<ConsultationId>,
        /// Who leads from now on.
        lead: Option<UnitCode>,
    },
    /// 派单.
    Dispatched(Dispatch),
    /// 签收.
    Acknowledged {
        /// The order.
        order: WorkOrderId,
    },
    /// 派单异议: the unit has seen the order and says it is not its own.
    Objected {
        /// The order.
        order: WorkOrderId,
    },
    /// 异议裁定.
    ObjectionDecided {
        /// The order.
        order: WorkOrderId,
    },
    /// 办结.
    Completed {
        /// The order.
        order: WorkOrderId,
        /// How many pieces of evidence came with it.
        evidence: u32,
    },
    /// 撤单.
    OrderWithdrawn {
        /// The order.
        order: WorkOrderId,
    },
    /// 提请联合执法.
    Escalated {
        /// The order that could not be solved alone.
        order: WorkOrderId,
        /// The round.
        round: u32,
    },
    /// 办理完毕.
    Handled {
        /// Who led.
        lead: UnitCode,
        /// The round.
        round: u32,
    },
    /// 提出联合执法.
    OperationProposed {
        /// The operation.
        operation: OperationId,
        /// Who would take part.
        units: Vec<UnitCode>,
    },
    /// 联合执法结束.
    OperationEnded {
        /// The operation.
        operation: OperationId,
        /// How.
        end: OperationEnd,
    },
}
