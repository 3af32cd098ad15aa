//! 份额: who owes what, and on which items it rests.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use vocab::{Citation, Duty, PowerItemCode, Role, UnitCode};

/// 依据: the item of a list, or an article alone.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Ground {
    /// The item; none where the article itself is meant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub item: Option<PowerItemCode>,
    /// The article.
    pub citation: Citation,
}

impl Ground {
    /// A local document as a ground: it has no articles.
    #[must_use]
    pub fn document(source: &str) -> Self {
        Self {
            item: None,
            citation: Citation { law: source.to_owned(), article: "全文".to_owned(), version_date: None },
        }
    }
}

/// 份额: one duty of one unit.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Share {
    /// Who owes it.
    pub unit: UnitCode,
    /// The part it plays.
    pub role: Role,
    /// What it owes.
    pub duty: Duty,
    /// What it rests on, in order.
    pub grounds: Vec<Ground>,
}

/// How strongly a duty draws the lead: who may punish leads before who may only investigate.
#[must_use]
pub const fn weight(duty: Duty) -> u8 {
    match duty {
        Duty::Punish => 4,
        Duty::Investigate => 3,
        Duty::Rectify => 2,
        Duty::Identify => 1,
        Duty::Assist => 0,
    }
}

/// Duties with the weightiest first.
#[must_use]
pub fn by_weight(duties: impl IntoIterator<Item = Duty>) -> Vec<Duty> {
    let mut duties: Vec<Duty> = duties.into_iter().collect::<BTreeSet<_>>().into_iter().collect();
    duties.sort_by_key(|duty| std::cmp::Reverse(weight(*duty)));
    duties
}

/// The unit that leads.
#[must_use]
pub fn lead_of(shares: &[Share]) -> Option<&UnitCode> {
    shares.iter().find(|share| share.role == Role::Lead).map(|share| &share.unit)
}

/// The part of one unit: its role, its duties with the weightiest first, and everything they rest on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Who.
    pub unit: UnitCode,
    /// The part it plays.
    pub role: Role,
    /// What it owes.
    pub duties: Vec<Duty>,
    /// What it rests on.
    pub grounds: Vec<Ground>,
}

/// The shares by unit, the lead first.
#[must_use]
pub fn parts(shares: &[Share]) -> Vec<Part> {
    let mut by_unit: BTreeMap<&UnitCode, Vec<&Share>> = BTreeMap::new();
    for share in shares {
        by_unit.entry(&share.unit).or_default().push(share);
    }
    let mut parts: Vec<Part> = by_unit
        .into_iter()
        .map(|(unit, shares)| {
            let grounds: BTreeSet<Ground> = shares.iter().flat_map(|share| share.grounds.iter().cloned()).collect();
            let leads = shares.iter().any(|share| share.role == Role::Lead);
            Part {
                unit: unit.clone(),
                role: if leads { Role::Lead } else { Role::Support },
                duties: by_weight(shares.iter().map(|share| share.duty)),
                grounds: grounds.into_iter().collect(),
            }
        })
        .collect();
    parts.sort_by_key(|part| (part.role != Role::Lead, part.unit.clone()));
    parts
}
