//! 期限: a due date together with everything it can be derived from again.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use vocab::{Calendar, Citation, ClockError, ClockRule, RuleCode, Unit};

/// 期限: by which rule, from when, until when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deadline {
    /// The clock rule.
    pub rule: RuleCode,
    /// What it counts from.
    pub anchor_at: Timestamp,
    /// The last instant that is in time.
    pub due_at: Timestamp,
    /// How much the rule gives.
    pub amount: u32,
    /// Of what.
    pub unit: Unit,
    /// The calendar it was counted with.
    pub calendar_version: u32,
    /// The article that sets it.
    pub citation: Citation,
}

impl Deadline {
    /// Counts the rule from a moment.
    pub fn by(rule: &ClockRule, anchor_at: Timestamp, calendar: &Calendar) -> Result<Self, ClockError> {
        let due = vocab::due(rule, anchor_at, calendar, &[])?;
        Ok(Self {
            rule: due.rule,
            anchor_at,
            due_at: due.due_at,
            amount: rule.amount,
            unit: rule.unit,
            calendar_version: due.calendar_version,
            citation: rule.citation.clone(),
        })
    }

    /// True where that moment is still in time.
    #[must_use]
    pub fn allows(&self, at: Timestamp) -> bool {
        at <= self.due_at
    }
}
