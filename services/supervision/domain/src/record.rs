//! 记录: what a ledger holds of a round, an order and a consultation.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use vocab::{CaseFacts, UnitCode};

use crate::heard::{Deadline, Dispatch};

/// When something happened in a round: the first and the last time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// The first time.
    pub first: Timestamp,
    /// The last time.
    pub last: Timestamp,
}

impl Mark {
    /// The first time at or after a moment.
    #[must_use]
    pub fn from(&self, moment: Timestamp) -> Option<Timestamp> {
        [self.first, self.last].into_iter().find(|at| *at >= moment)
    }
}

/// 轮次: one round of handling.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Round {
    /// The facts with which it began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opened_with: Option<CaseFacts>,
    /// The facts at acceptance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accepted_with: Option<CaseFacts>,
    /// How often it came back from another authority: marks from before do not count any more.
    #[serde(default)]
    pub returns: u32,
    /// What happened in it, by subject.
    #[serde(default)]
    pub marks: BTreeMap<String, Mark>,
    /// When it ended: closed, declined, routed away or withdrawn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<Timestamp>,
    /// Who answered for the whole, as the handling unit said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handled_by: Option<UnitCode>,
    /// How many escalations there were.
    #[serde(default)]
    pub escalations: u32,
}

impl Round {
    pub(crate) fn mark(&mut self, subject: &str, at: Timestamp) {
        self.marks
            .entry(subject.to_owned())
            .and_modify(|mark| {
                mark.first = mark.first.min(at);
                mark.last = mark.last.max(at);
            })
            .or_insert(Mark { first: at, last: at });
    }

    /// True once this was heard in the round.
    #[must_use]
    pub fn has(&self, subject: &str) -> bool {
        self.marks.contains_key(subject)
    }
}

/// 工单: an order as far as supervision knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// How it was dispatched.
    pub dispatch: Dispatch,
    /// When it was acknowledged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acknowledged_at: Option<Timestamp>,
    /// When its unit last objected to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub objected_at: Option<Timestamp>,
    /// When that objection was decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub objection_decided_at: Option<Timestamp>,
    /// When it was completed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completed_at: Option<Timestamp>,
    /// When it was withdrawn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub withdrawn_at: Option<Timestamp>,
    /// The pieces of evidence it was completed with.
    #[serde(default)]
    pub evidence: u32,
}

impl Order {
    /// When it was over.
    #[must_use]
    pub fn ended_at(&self) -> Option<Timestamp> {
        match (self.completed_at, self.withdrawn_at) {
            (Some(completed), Some(withdrawn)) => Some(completed.min(withdrawn)),
            (completed, withdrawn) => completed.or(withdrawn),
        }
    }
}

/// 会商: a consultation as far as supervision knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Consultation {
    /// The round.
    pub round: u32,
    /// Who still owes an answer.
    pub waiting_for: BTreeSet<UnitCode>,
    /// Until when.
    pub deadline: Option<Deadline>,
    /// When the last answer came or the ruling was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
}
