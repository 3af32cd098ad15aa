//! 事件: what evaluation says.

use jiff::Timestamp;
use vocab::CallbackId;

use crate::callback::Answer;

/// What a decision changed that others may hear.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// 抽中回访.
    CallbackDrawn {
        /// The call-back.
        callback: CallbackId,
        /// The round that is rated.
        round: u32,
        /// When.
        at: Timestamp,
    },
    /// 未接通: a call that nobody answered.
    CallbackAttempted {
        /// The call-back.
        callback: CallbackId,
        /// The round that is rated.
        round: u32,
        /// Which call it was, from 1.
        attempt: u32,
        /// When.
        at: Timestamp,
    },
    /// 回访评价: a call-back is finished.
    RatingGiven {
        /// The call-back.
        callback: CallbackId,
        /// The round that was rated.
        round: u32,
        /// What was found out.
        answer: Answer,
        /// When.
        at: Timestamp,
    },
    /// 不满意: for the first time in this case.
    RatingDissatisfied {
        /// The call-back.
        callback: CallbackId,
        /// The round that was rated.
        round: u32,
        /// When.
        at: Timestamp,
    },
    /// 甄别.
    AdjudicationDecided {
        /// The call-back.
        callback: CallbackId,
        /// True where the complainant is right.
        upheld: bool,
        /// When.
        at: Timestamp,
    },
}
