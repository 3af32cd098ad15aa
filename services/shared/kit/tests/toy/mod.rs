//! Three toy services and the servers they live on: `counter` counts what it is told, `mirror` counts what it hears, `clerk` writes
//! a slip for each.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failed test should panic

mod clerk;
mod house;
mod services;

pub use clerk::{Clerk, HIDDEN};
pub use house::{House, Started, granted, patiently};
pub use services::{Counter, Mirror, NEEDS_PERMISSION, PANIC, POISON};
