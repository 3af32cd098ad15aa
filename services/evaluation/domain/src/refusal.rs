//! 不予办理: why evaluation says no, in words an official can be told.

use vocab::ClockError;

use crate::callback::{State, Verb};

/// Why a command is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No such call-back in this case.
    #[error("no such call-back")]
    NoCallback,
    /// Not in this state.
    #[error("a call-back that is {} cannot be {}", .state.en(), .verb.en())]
    OutOfTurn {
        /// Where it stands.
        state: State,
        /// What was asked for.
        verb: Verb,
    },
    /// Who made the call may not judge what was said in it.
    #[error("whoever made the call may not decide its adjudication")]
    MadeTheCall,
}

/// Why a fact cannot be taken in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotHeard {
    /// The call-back's deadline cannot be counted.
    #[error(transparent)]
    Clock(#[from] ClockError),
}
