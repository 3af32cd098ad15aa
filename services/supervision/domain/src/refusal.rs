//! 不予办理: why supervision says no, in words an official can be told.

use vocab::{ClockError, RuleCode, WorkOrderId};

use crate::case::NotHeard;
use crate::closing::CheckCode;

/// Why a command is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No such clock.
    #[error("the case has no clock {0}")]
    NoClock(String),
    /// It does not run any more.
    #[error("the clock has stopped")]
    Stopped,
    /// Its time is up.
    #[error("the clock has run out")]
    Breached,
    /// It stands still.
    #[error("the clock is paused")]
    Paused,
    /// It does not stand still.
    #[error("the clock is not paused")]
    NotPaused,
    /// The rule allows no extension.
    #[error("rule {0} allows no extension")]
    NotExtensible(RuleCode),
    /// Once is all the law allows.
    #[error("the clock was extended before")]
    ExtendedBefore,
    /// More than the law allows.
    #[error("at most {max} may be granted")]
    TooMuch {
        /// The rule's maximum.
        max: u32,
    },
    /// Only the unit that owes it may ask.
    #[error("the clock is owed by {holder}")]
    NotTheHolder {
        /// Who owes it.
        holder: String,
    },
    /// Only its head may grant it.
    #[error("only the head of the unit may grant it")]
    NotTheHead,
    /// The rule does not list the reason.
    #[error("rule {rule} does not pause for {reason}")]
    NotPausable {
        /// The rule.
        rule: RuleCode,
        /// The reason given.
        reason: String,
    },
    /// No such supervision order in this case.
    #[error("no such supervision order")]
    NoSupervisionOrder,
    /// It asks no answer.
    #[error("the rung asks no answer")]
    NoAnswerAsked,
    /// It has its answer.
    #[error("the supervision order is answered")]
    Answered,
    /// The case was not handled.
    #[error("the case has no closing proof")]
    NoClosing,
    /// A second unit has decided.
    #[error("the closing is decided")]
    Decided,
    /// The case has ended otherwise.
    #[error("the case is not open")]
    CaseEnded,
    /// Some machine checks do not hold.
    #[error("some checks do not hold")]
    ChecksMissing(Vec<CheckCode>),
    /// Who handled it may not check it.
    #[error("{unit} handled the case")]
    HandledIt {
        /// The unit.
        unit: String,
    },
    /// A cluster closes by its head.
    #[error("the case belongs to a head")]
    NotTheHeadCase,
    /// Not a share that was completed in this round.
    #[error("work order {0} is no completed share of this round")]
    NotAShare(WorkOrderId),
    /// The period cannot be counted.
    #[error(transparent)]
    Clock(#[from] ClockError),
    /// The clocks cannot be brought in line with the facts.
    #[error(transparent)]
    Facts(#[from] NotHeard),
}
