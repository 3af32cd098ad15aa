//! What scheduling knows of a case: until when it must be finished, and whether it still needs anything.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// 案件: a case as far as a plan for it must know.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct KnownCase {
    /// The statutory end of its handling, where it is known.
    #[serde(default)]
    pub finish_by: Option<Timestamp>,
    /// Why nothing more is to be done for it; none while it is open.
    #[serde(default)]
    pub ended: Option<Ended>,
}

/// 终结: why a case needs nothing more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    /// A code: "withdrawn", "declined", "routed_away" or "closed".
    pub reason: String,
    /// The round that ended; none where the whole case did.
    #[serde(default)]
    pub round: Option<u32>,
}

impl KnownCase {
    /// True where this round of the case needs nothing more.
    #[must_use]
    pub fn is_over(&self, round: u32) -> bool {
        self.ended.as_ref().is_some_and(|ended| ended.round.is_none_or(|last| round <= last))
    }
}
