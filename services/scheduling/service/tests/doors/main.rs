//! Scheduling on real servers: PostgreSQL, NATS, the pack `jiashan`, and the neighbours' events as they really arrive.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failed test should panic

mod bookings;
mod hearing;
mod house;
mod input;
mod spine;
mod walls;
