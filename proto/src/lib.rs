//! The one contract: every RPC and every event, generated from the `.proto` files beside this crate.
// Generated code is documented in its `.proto`; clippy's style lints are not for it.
#![allow(clippy::all, clippy::pedantic, missing_docs)]

include!(concat!(env!("OUT_DIR"), "/packages.rs"));
include!(concat!(env!("OUT_DIR"), "/events.rs"));
include!(concat!(env!("OUT_DIR"), "/actions.rs"));

/// The compiled descriptors, with comments and options: for reflection, tools and tests.
pub static DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));

/// A message that travels as an event.
pub trait Event: prost::Message + Default {
    /// Its protobuf name, e.g. `xiezhi.intake.v1.CaseAccepted`.
    const TYPE: &'static str;
    /// The middle of its subject, e.g. `intake.case.accepted`.
    const SUBJECT: &'static str;
    /// Raised when a reader must tell old bodies from new ones of the same type.
    const SCHEMA_VERSION: i32;
}

/// What the contract says of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventKind {
    /// Its protobuf name.
    pub type_name: &'static str,
    /// The middle of its subject.
    pub subject: &'static str,
    /// True where no service acts on it.
    pub terminal: bool,
    /// Who may read of it in a timeline.
    pub audience: Audience,
}

/// Who may read of an event, among those who may read the timeline of its case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    /// Everybody with a share in the case.
    Sharers,
    /// The centre alone.
    Centre,
    /// The centre and the units the event names.
    NamedUnits,
}

/// The contract's entry for an event's protobuf name.
pub fn event_kind(type_name: &str) -> Option<&'static EventKind> {
    EVENTS.iter().find(|kind| kind.type_name == type_name)
}

/// Which RPCs go before which where not all can be served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rank {
    /// What a citizen waits for at a window.
    First,
    /// What changes something, and what mends the bus.
    Command,
    /// What only looks.
    Read,
}

/// The rank of an RPC's path; what the contract does not have comes last.
pub fn rank_of(path: &str) -> Rank {
    RANKS.iter().find(|(declared, _)| *declared == path).map_or(Rank::Read, |(_, rank)| *rank)
}

/// The action an RPC's path declares.
pub fn action_of(path: &str) -> Option<&'static str> {
    ACTIONS
        .iter()
        .find(|(declared, _)| *declared == path)
        .map(|(_, action)| *action)
        .filter(|action| !action.is_empty())
}
