//! 督查: what supervision holds to be right. Pure: rules come in as data, moments as values; nothing here waits or reads a clock.
//!
//! A [`Case`] keeps what it heard ([`ledger::Ledger`]) apart from what it decided (extensions, pauses, rungs, closings).
//! Its clocks are derived from what it heard, so the order in which two services' words arrive does not matter.

pub mod alarm;
pub mod case;
pub mod clock;
pub mod closing;
pub mod command;
pub mod derive;
pub mod event;
pub mod heard;
pub mod ledger;
pub mod record;
pub mod refusal;
pub mod rulebook;
pub mod supervision_order;

pub use case::{Case, NotHeard};
pub use clock::{Clock, ClockState, Granted, Subject};
pub use closing::{Check, CheckCode, Closing, Decision, Finding, Member};
pub use command::{Approver, Checker};
pub use event::Event;
pub use heard::{Deadline, Dispatch, Fact, Heard, NoticeKind, OperationEnd};
pub use ledger::Ledger;
pub use refusal::Refusal;
pub use rulebook::{Ladder, Quiet, RuleBook, Rung, RungKind, RungSide};
pub use supervision_order::SupervisionOrder;
