//! Two toy services and the servers they live on: `counter` counts what it is told, `mirror` counts what it hears.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failed test should panic

mod house;
mod services;

pub use house::{House, granted, patiently};
pub use services::{Counter, Mirror, NEEDS_PERMISSION, PANIC, POISON};
