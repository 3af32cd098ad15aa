//! The machinery every service stands on: journal, relay, cursors, timers, commands, tokens, doors. It knows no domain word.
//! `docs/bus.md` tells how the bus works; the author of a service needs [`service::Service`] and little more.

mod affected;
pub mod apply;
pub mod auth;
pub mod blob;
pub mod bundle;
pub mod caller;
pub mod clock;
pub mod columns;
pub mod commands;
mod connections;
pub mod consumer;
pub mod context;
pub mod corridor;
pub mod doors;
mod ears;
pub mod envelope;
pub mod headers;
mod hear;
pub mod inbox;
mod key_check;
pub mod metrics;
#[cfg(feature = "mutants")]
pub mod mutants;
pub mod nats;
pub mod node;
mod packet;
pub mod paging;
pub mod parked;
mod patience;
mod recover;
pub mod refusal;
pub mod relay;
mod rows;
pub mod seal;
pub mod secret;
pub mod server;
pub mod service;
pub mod settings;
pub mod state;
mod store;
pub mod telemetry;
pub mod texts;
pub mod tick;
pub mod unit;
pub mod wire;

pub use node::{Node, Running, Starting, start};
pub use settings::Settings;
