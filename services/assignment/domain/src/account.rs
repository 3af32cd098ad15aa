//! 账号: who may call, and the key that proves it.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use vocab::{AccountCode, PersonCode, UnitCode};

use crate::refusal::Refusal;

/// 账号类型.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AccountKind {
    /// A department.
    Department,
    /// A town government.
    Town,
    /// The centre's staff.
    Centre,
    /// One of the services.
    Service,
}

/// 账号.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// Its code.
    pub id: AccountCode,
    /// The unit it acts for.
    pub unit: UnitCode,
    /// What kind of caller it is.
    pub kind: AccountKind,
    /// The person behind it; a department's system has none.
    pub person: Option<PersonCode>,
    /// What it may be.
    pub roles: BTreeSet<String>,
    /// Its Ed25519 public key, once enrolled.
    pub public_key: Option<[u8; 32]>,
    /// When it was disabled; it stays so.
    pub disabled_at: Option<Timestamp>,
}

impl Account {
    /// Enrols a key in place of an earlier one.
    pub fn with_key(self, key: [u8; 32]) -> Result<Self, Refusal> {
        match self.disabled_at {
            None => Ok(Self { public_key: Some(key), ..self }),
            Some(_) => Err(Refusal::OutOfTurn { thing: "account", stage: "disabled", verb: "enrolled" }),
        }
    }

    /// Disables it; the first time counts.
    pub fn disabled(self, at: Timestamp) -> Result<Self, Refusal> {
        match self.disabled_at {
            None => Ok(Self { disabled_at: Some(at), ..self }),
            Some(_) => Err(Refusal::OutOfTurn { thing: "account", stage: "disabled", verb: "disabled" }),
        }
    }

    /// What the pack says of it now; key and state stay.
    #[must_use]
    pub fn as_published(self, published: &Self) -> Self {
        Self { public_key: self.public_key, disabled_at: self.disabled_at, ..published.clone() }
    }
}
