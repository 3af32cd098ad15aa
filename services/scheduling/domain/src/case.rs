//! What scheduling knows of a case: until when it must be finished, and whether it still needs anything.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// 案件: a case as far as a plan for it must know.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct KnownCase {
    /// The statutory end of its handling, where it is known.
    #[serde(default)]
    pub finish_by: Option<Timestamp>,
    /// Why nothing more is to be done for it, a code; none while it is open.
    #[serde(default)]
    pub ended: Option<String>,
}
