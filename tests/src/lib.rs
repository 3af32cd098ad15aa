//! What the tests of the whole house share: how they read our sources, walk the contract and speak with a running centre.

pub mod authorisation;
pub mod collector;
pub mod contract;
pub mod desk;
pub mod files;
pub mod hostile;
pub mod hunt;
pub mod ingress;
pub mod raw;
pub mod replicas;
pub mod sources;
