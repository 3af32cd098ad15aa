//! Assignment on real servers: PostgreSQL, NATS, the pack `jiashan`, and the neighbours' events as they really arrive.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failed test should panic

mod accounts;
mod citations;
mod disputes;
mod follow_ups;
mod house;
mod input;
mod lists;
mod spine;
mod walls;
