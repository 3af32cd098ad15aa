//! 联合执法: what is right when several bodies enforce together. Pure: no IO, no clock, no randomness.
//!
//! [`operation`] is the life of one joint operation, [`planner`] finds its earliest lawful slot, [`crew`] holds the hard
//! rules about officers, [`law`] says when what is forbidden, [`booking`] keeps people and things from being in two places.

pub mod booking;
pub mod case;
pub mod command;
pub mod crew;
pub mod law;
pub mod operation;
pub mod plan;
pub mod planner;
pub mod refusal;
pub mod task;
pub mod words;

pub use booking::{Booking, BookingState, Subject};
pub use case::{Ended, KnownCase};
pub use command::{Actor, Command, Event, Finding, FollowUp, Inspection};
pub use crew::{Bar, Breach, Certificate, Officer, Roster};
pub use law::{ForbiddenSlot, Hours, Kind, LegalCalendar, Span};
pub use operation::{Answer, Arrival, Ground, Operation, Participant, Proposal, Stage, Trigger};
pub use plan::{Crew, Plan, Terms};
pub use planner::{Body, Infeasible, Means, Obstacle, Requirements, Resource, ResourceKind, earliest_slot};
pub use refusal::Refusal;
pub use task::Task;
pub use words::Words;
