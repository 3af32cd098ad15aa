//! 流程剧本: stories in YAML that run through the public API by reflection. The same format is a department's conformance test.

mod expect;
mod interpolate;
mod model;
mod path;
mod play;
mod request;

pub use model::{Journey, Step, Text};
pub use play::{Outcome, Stopped, Watcher, play};

/// Why a step did not go as the journey says.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Mismatch(pub String);
