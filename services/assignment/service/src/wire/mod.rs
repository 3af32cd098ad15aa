//! Where protobuf meets the domain, and nowhere else.

pub mod events;
pub mod hear;
pub mod read;
pub mod write;
