//! 听到的事实: what the other services said of a case, in the words of this one.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use vocab::{CaseId, MatterCode, OperationId, RegionCode, Role, UnitCode, WorkOrderId};

use crate::draw::Seed;

/// How a case ended without being handled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum End {
    /// 不予受理.
    Declined,
    /// 移送.
    RoutedAway,
    /// 撤回.
    Withdrawn,
}

/// 联合执法进展: how far an operation has come, as far as it counts here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OperationState {
    /// 已提出.
    Proposed,
    /// 已开始.
    Started,
    /// 已结束.
    Concluded,
    /// 不予批准 or 已取消.
    Dropped,
}

/// 派单: an order as it was dispatched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dispatch {
    /// Who owes it.
    pub unit: UnitCode,
    /// The part it plays.
    pub role: Role,
    /// The round of handling.
    pub round: u32,
    /// When.
    pub at: Timestamp,
    /// Until when it must be acknowledged, where the dispatch says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acknowledge_by: Option<Timestamp>,
}

/// A fact and when it happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heard {
    /// When it happened, by the service that said it.
    pub at: Timestamp,
    /// What happened.
    pub fact: Fact,
}

/// What happened to a case elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fact {
    /// 登记.
    Registered {
        /// Its number.
        case_no: String,
        /// What it is about.
        matters: Vec<MatterCode>,
        /// Where.
        region: RegionCode,
    },
    /// 受理.
    Accepted {
        /// Its number.
        case_no: String,
        /// What it is about.
        matters: Vec<MatterCode>,
        /// Where.
        region: RegionCode,
        /// The head of its cluster, where it is another case.
        head: Option<CaseId>,
    },
    /// 补充事实.
    FactsAdded {
        /// What it is about.
        matters: Vec<MatterCode>,
        /// Where.
        region: RegionCode,
    },
    /// 关联: it is handled with this head.
    Linked {
        /// The head.
        head: CaseId,
        /// True where the same complainant raised both; one person is not called twice about one problem.
        duplicate: bool,
    },
    /// It ended without being handled.
    Ended(End),
    /// 移送退回: it goes on.
    Returned,
    /// 结案.
    Closed {
        /// The round that ended.
        round: u32,
        /// The head whose approval closed it, where it is another case.
        head: Option<CaseId>,
        /// The event itself, which seeds the draw.
        seed: Seed,
        /// The lot in it.
        lot: u64,
    },
    /// 重新办理.
    Reopened {
        /// The round that begins.
        round: u32,
    },
    /// 派单.
    Dispatched {
        /// The order.
        order: WorkOrderId,
        /// How.
        dispatch: Dispatch,
    },
    /// 签收.
    Acknowledged {
        /// The order.
        order: WorkOrderId,
    },
    /// 撤单.
    OrderWithdrawn {
        /// The order.
        order: WorkOrderId,
    },
    /// 办结.
    Completed {
        /// The order.
        order: WorkOrderId,
    },
    /// 退回: how often the case was sent back so far, as an objection and the decision on it say. An objection is not counted
    /// before it is upheld.
    SentBack {
        /// How often.
        hops: u32,
    },
    /// 办理完毕.
    Handled {
        /// Who led.
        lead: UnitCode,
        /// The round.
        round: u32,
    },
    /// 责任认定 or 裁定: a decision says who leads.
    Decided {
        /// Who leads from now on.
        lead: UnitCode,
        /// The round.
        round: u32,
    },
    /// 会商: it is open again who leads; what the lists said of it is not in force.
    Consulted,
    /// 联合执法.
    Operation {
        /// Which.
        operation: OperationId,
        /// How far it has come.
        state: OperationState,
    },
    /// 超期: clocks ran out, each by its kind and the moment it was due.
    Breached {
        /// The clocks.
        clocks: Vec<(String, Timestamp)>,
    },
}
