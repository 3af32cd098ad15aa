//! 回访方案: what a county decides about call-backs and rates, as data.

use jiff::Timestamp;
use vocab::{Calendar, Citation, ClockError, ClockRule, RuleCode};

use crate::rates::Weights;

/// 期限: until when a call-back should be made, with all that is needed to count it again.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Deadline {
    /// The rule.
    pub rule: RuleCode,
    /// When the case was closed.
    pub anchor_at: Timestamp,
    /// The last moment in time.
    pub due_at: Timestamp,
    /// The calendar it was counted with.
    pub calendar_version: u32,
    /// The article.
    pub citation: Citation,
}

/// 回访方案.
#[derive(Debug, Clone, PartialEq)]
pub struct Scheme {
    /// How many of a thousand closed cases are drawn.
    pub draw_per_mille: u32,
    /// How often a complainant is tried before it counts as no answer; at least 1.
    pub attempts: u32,
    /// How long a call-back may take.
    pub rule: ClockRule,
    /// Which days are worked.
    pub calendar: Calendar,
    /// What each rate weighs in the composite.
    pub weights: Weights,
}

impl Scheme {
    /// Until when a case that was closed at this moment should be called back.
    pub fn deadline(&self, closed_at: Timestamp) -> Result<Deadline, ClockError> {
        let due = vocab::due(&self.rule, closed_at, &self.calendar, &[])?;
        Ok(Deadline {
            rule: due.rule,
            anchor_at: closed_at,
            due_at: due.due_at,
            calendar_version: due.calendar_version,
            citation: self.rule.citation.clone(),
        })
    }

    /// The same deadline under this scheme's rule and calendar. Where it would end earlier than was promised, it does not end
    /// before the next working day is over.
    pub fn recount(&self, promised: &Deadline, now: Timestamp) -> Result<Deadline, ClockError> {
        let counted = self.deadline(promised.anchor_at)?;
        if counted.due_at >= promised.due_at {
            return Ok(counted);
        }
        let next = self.calendar.next_workday(vocab::calendar::following(vocab::calendar::day_of(now))?)?;
        let earliest = vocab::calendar::end_of_day(next)?.min(promised.due_at);
        Ok(Deadline { due_at: counted.due_at.max(earliest), ..counted })
    }
}
