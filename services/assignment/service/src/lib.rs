//! 责任认定: who is responsible for a case, and what became of each share.

pub mod app;
pub mod consume;
pub mod publish;
pub mod refusal;
pub mod rpc;
pub mod rules;
mod service;
pub mod store;
pub mod unit;
pub mod wire;

pub use service::{Assignment, start};

/// The tables of this service.
pub static MIGRATOR: sqlx::migrate::Migrator = sqlx::migrate!("./migrations");
