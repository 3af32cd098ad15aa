//! Who calls, and what they may do: tokens, policies, the guard before every RPC, and accounts that no longer count.

pub mod fence;
pub mod guard;
pub mod policy;
pub mod revocation;
pub mod token;

pub use guard::Guard;
pub use policy::Policies;
pub use revocation::Revocations;
pub use token::{Issuer, TokenSigner, TokenVerifier};
