//! 抽签: who is called back is decided by the chain of the journal, not by us. Whoever has the closing event can draw again
//! and must get the same lot.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use vocab::CaseId;

/// What stands before everything else that is hashed, so that no other digest of ours can be taken for a lot.
pub const TAG: &[u8] = b"xiezhi.callback.draw";

/// 事件摘要: the chain's hash at an event, fixed by every event before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct EventHash(pub [u8; 32]);

/// Not 64 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an event's hash has 64 hexadecimal digits")]
pub struct NotAHash;

impl fmt::Display for EventHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl FromStr for EventHash {
    type Err = NotAHash;

    fn from_str(text: &str) -> Result<Self, NotAHash> {
        let mut hash = [0; 32];
        if text.len() != 64 || !text.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return Err(NotAHash);
        }
        for (nth, byte) in hash.iter_mut().enumerate() {
            let pair = text.get(2 * nth..2 * nth + 2).ok_or(NotAHash)?;
            *byte = u8::from_str_radix(pair, 16).map_err(|_| NotAHash)?;
        }
        Ok(Self(hash))
    }
}

impl TryFrom<String> for EventHash {
    type Error = NotAHash;

    fn try_from(text: String) -> Result<Self, NotAHash> {
        text.parse()
    }
}

impl From<EventHash> for String {
    fn from(hash: EventHash) -> Self {
        hash.to_string()
    }
}

/// 种子: the event that closed the case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seed {
    /// The service that said it.
    pub service: String,
    /// Its epoch.
    pub epoch: i32,
    /// Its position.
    pub pos: i64,
    /// The chain's hash at it.
    pub hash: EventHash,
}

impl Seed {
    /// What is hashed for the lot of a case and a round.
    #[must_use]
    pub fn preimage(&self, case: CaseId, round: u32) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(TAG.len() + 52);
        bytes.extend_from_slice(TAG);
        bytes.extend_from_slice(&self.hash.0);
        bytes.extend_from_slice(case.uuid().as_bytes());
        bytes.extend_from_slice(&round.to_be_bytes());
        bytes
    }
}

/// The lot in the SHA-256 of a [`Seed::preimage`]: its first eight bytes without the topmost bit, so that every store can hold it.
#[must_use]
pub fn lot_of(digest: &[u8; 32]) -> u64 {
    let first = digest.iter().take(8).fold(0_u64, |lot, byte| lot << 8 | u64::from(*byte));
    first & (u64::MAX >> 1)
}

/// 抽签结果: a lot and the share that was drawn at the time; kept of cases that were not drawn as well.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Draw {
    /// The event that seeded it.
    pub seed: Seed,
    /// The lot; call-backs are made in the order of their lots.
    pub lot: u64,
    /// How many of a thousand the scheme drew.
    pub per_mille: u32,
}

impl Draw {
    /// True where the case is called back.
    #[must_use]
    pub fn is_drawn(&self) -> bool {
        self.lot % 1000 < u64::from(self.per_mille)
    }
}
