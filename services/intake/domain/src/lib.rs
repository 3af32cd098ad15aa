//! 受理: what is right at intake. Pure: no IO, no clock, no randomness, no protobuf; moments, ids and random codes come in as values.

pub mod candidate;
pub mod case;
pub mod cluster;
pub mod command;
pub mod contact;
pub mod event;
pub mod ground;
pub mod mask;
pub mod notice;
pub mod number;
pub mod refusal;
pub mod stage;

pub use candidate::{Candidate, Neighbour, Reason, Seeker, Windows, candidates};
pub use case::{Case, Suggestion};
pub use cluster::{Link, LinkKind};
pub use command::{Command, Verb};
pub use contact::{DAILY_REVEALS, Purpose};
pub use event::Event;
pub use ground::{Ground, Verdict};
pub use mask::{Known, mask};
pub use notice::{Delivery, NoticeKind, fill};
pub use number::{CaseNumber, TrackingCode};
pub use refusal::Refusal;
pub use stage::{Acceptance, Extension, Handling, Receipt, ReturnReason, Stage, StageName};
