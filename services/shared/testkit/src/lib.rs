//! What tests stand on: real servers, thrown away afterwards.
//!
//! `scripts/test` starts one PostgreSQL and one nats-server for the whole run; a test started by hand gets them for its
//! own process. Tests that break servers on purpose take fresh ones.

mod fresh;
mod house;
mod mutate;
mod shared;

pub use fresh::{fresh_nats, fresh_nats_with_accounts, fresh_postgres};
pub use house::{House, HouseOptions, Said, program, repository, run_program};
pub use mutate::Mutator;
pub use servers::{Nats, NatsLogin, Postgres, ServersError};
pub use shared::{Servers, fresh_database, nats};
