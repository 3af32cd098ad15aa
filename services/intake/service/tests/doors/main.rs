//! Intake on real servers: PostgreSQL, NATS, the pack `jiashan`, and the neighbours' events as they really arrive.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failed test should panic

mod clusters;
mod deciding;
mod hearing;
mod house;
mod input;
mod registering;
mod secrecy;
