//! 受理: registers complaints from every channel, seals who complained and in which words, decides what is taken on, joins what
//! belongs together, and tells complainants what became of it.

pub mod app;
pub mod config;
pub mod consume;
pub mod error;
pub mod neighbours;
pub mod rpc;
pub mod rules;
pub mod seal;
pub mod service;
pub mod store;
pub mod unit;
pub mod vault;
pub mod wire;

pub use service::{Intake, MIGRATOR, start};
