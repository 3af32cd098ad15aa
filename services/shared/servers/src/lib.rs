//! Private servers: a PostgreSQL and a nats-server of our own, as child processes, with their data in one directory.
//!
//! `xiezhi up` runs a whole centre on them, tests run on throw-away ones. They are the same servers a distributed
//! installation uses, started with the same settings; only the hands that start them differ.

pub mod backup;
mod binaries;
mod data_dir;
mod error;
mod local;
pub mod nats;
pub mod ports;
pub mod postgres;
mod process;
mod watchdog;

pub use binaries::Binaries;
pub use data_dir::{DataDir, room};
pub use error::{ServersError, What};
pub use local::{LocalOptions, LocalServers};
pub use nats::{Nats, NatsLogin, NatsOptions};
pub use postgres::{Postgres, PostgresOptions};
