//! 责任认定: what is right when somebody must be found responsible. Pure: time, ids, lists and rules come in as values.

pub mod account;
mod act;
pub mod case;
pub mod command;
pub mod consultation;
pub mod deadline;
pub mod decide;
pub mod determine;
pub mod evidence;
pub mod file;
pub mod list;
pub mod order;
pub mod policy;
pub mod precedent;
pub mod proof;
pub mod refusal;
mod rule;
pub mod share;

/// What a decision of a state machine leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step<S, E> {
    /// The state afterwards.
    pub next: S,
    /// What happened.
    pub event: E,
}
