//! 事件: what supervision says.

use jiff::{SignedDuration, Timestamp};
use vocab::{SupervisionOrderId, UnitCode, WorkOrderId};

use crate::clock::Clock;
use crate::closing::Check;
use crate::supervision_order::SupervisionOrder;

/// What a decision changed, one for each kind of change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// 计时开始.
    ClocksStarted {
        /// The clocks.
        clocks: Vec<Clock>,
    },
    /// 预警.
    ClocksWarned {
        /// The clocks.
        clocks: Vec<Clock>,
        /// When.
        at: Timestamp,
    },
    /// 超期.
    ClocksBreached {
        /// The clocks.
        clocks: Vec<Clock>,
        /// How late the alarm itself was.
        late_by: SignedDuration,
    },
    /// 中止计时.
    ClocksPaused {
        /// The clocks.
        clocks: Vec<Clock>,
        /// Why.
        reason: String,
    },
    /// 延期.
    ClocksExtended {
        /// The clocks.
        clocks: Vec<Clock>,
        /// The account that approved it.
        by: String,
    },
    /// 期限调整: a pause ended, or the calendar changed.
    ClocksMoved {
        /// The clocks.
        clocks: Vec<Clock>,
    },
    /// 停止计时.
    ClocksStopped {
        /// The kinds.
        kinds: Vec<String>,
        /// When the fact that stopped them happened.
        at: Timestamp,
    },
    /// 督办单.
    SupervisionOrderIssued(Box<SupervisionOrder>),
    /// 督办回复.
    SupervisionOrderAnswered {
        /// Which.
        order: SupervisionOrderId,
        /// Who answered.
        unit: UnitCode,
        /// When.
        at: Timestamp,
    },
    /// 结案审核通过.
    ClosingApproved {
        /// The round.
        round: u32,
        /// Every condition.
        checks: Vec<Check>,
        /// Who checked.
        unit: UnitCode,
        /// When.
        at: Timestamp,
    },
    /// 结案审核退回.
    ClosingRefused {
        /// The round.
        round: u32,
        /// Every condition.
        checks: Vec<Check>,
        /// The share that goes back.
        order: WorkOrderId,
        /// Why.
        reason: String,
        /// When.
        at: Timestamp,
    },
}
