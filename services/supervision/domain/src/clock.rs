//! 时钟: one statutory clock of a case.

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use vocab::{Citation, ClockError, ClockRule, ConsultationId, Pause, RuleCode, SupervisionOrderId, WorkOrderId};

use crate::heard::Deadline;
use crate::rulebook::RuleBook;

/// What a clock is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    /// The case itself.
    Case,
    /// A work order.
    Order(WorkOrderId),
    /// A consultation.
    Consultation(ConsultationId),
    /// A supervision order's answer.
    Answer(SupervisionOrderId),
}

/// 时钟状态: where a clock stands; each state carries what is true in it alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum ClockState {
    /// 计时中.
    Running,
    /// 已中止.
    Paused,
    /// 已超期.
    Breached {
        /// The moment it ran out.
        at: Timestamp,
    },
    /// 已停止.
    Stopped {
        /// When the fact that stopped it happened.
        at: Timestamp,
        /// True when that was too late.
        late: bool,
    },
}

/// 延期: what was granted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Granted {
    /// By how much, in the unit of the rule's extension.
    pub amount: u32,
    /// The account that approved it.
    pub by: String,
    /// When.
    pub at: Timestamp,
}

/// 时钟: a period that runs for somebody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Clock {
    /// Its name within the case: the rule's code, for an order's clock "<rule>/<order>".
    pub kind: String,
    /// The round of handling.
    pub round: u32,
    /// The rule.
    pub rule: RuleCode,
    /// What it counts from.
    pub anchor_at: Timestamp,
    /// The last moment in time; while it is paused, the one that stood when it was paused.
    pub due_at: Timestamp,
    /// The last day before rolling.
    pub raw_on: Date,
    /// True while the calendar may still change it.
    #[serde(default)]
    pub provisional: bool,
    /// The calendar it was counted with.
    pub calendar_version: u32,
    /// The article.
    pub citation: Citation,
    /// The unit that owes it, or `complainant`.
    pub holder: String,
    /// What it is about.
    pub subject: Subject,
    /// Where it stands.
    pub state: ClockState,
    /// Stretches that did not count.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pauses: Vec<Pause>,
    /// The extension, once granted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extension: Option<Granted>,
    /// How many of the rule's warnings were given, or overtaken by time.
    #[serde(default)]
    pub warned: u32,
    /// The rungs that were served, or that time has overtaken.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rungs: Vec<RuleCode>,
    /// When the last rung was served.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub served_at: Option<Timestamp>,
}

/// The word for a clock that the complainant's own right runs on.
pub const COMPLAINANT: &str = "complainant";

/// A period that was counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counted {
    /// The last moment in time.
    pub due_at: Timestamp,
    /// The last day before rolling.
    pub raw_on: Date,
    /// True while the calendar may change it.
    pub provisional: bool,
    /// The calendar.
    pub calendar_version: u32,
}

/// Counts a rule's period.
pub fn count(
    book: &RuleBook,
    rule: &ClockRule,
    anchor_at: Timestamp,
    pauses: &[Pause],
    granted: u32,
) -> Result<Counted, ClockError> {
    let due = vocab::due_extended(rule, anchor_at, &book.calendar, pauses, granted)?;
    Ok(Counted {
        due_at: due.due_at,
        raw_on: due.raw_on,
        provisional: due.provisional,
        calendar_version: due.calendar_version,
    })
}

/// Adopts a deadline that another service has counted; what it did not say is counted from the rule where that agrees.
pub fn adopt(book: &RuleBook, rule: &ClockRule, deadline: &Deadline) -> Result<Counted, ClockError> {
    let own = count(book, rule, deadline.anchor_at, &[], 0)?;
    if own.due_at == deadline.due_at {
        return Ok(own);
    }
    Ok(Counted {
        due_at: deadline.due_at,
        raw_on: vocab::calendar::day_of(deadline.due_at),
        provisional: own.provisional,
        calendar_version: deadline.calendar_version,
    })
}

impl Clock {
    /// True until it is stopped.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        !matches!(self.state, ClockState::Stopped { .. })
    }

    /// True while its time goes by or has run out.
    #[must_use]
    pub const fn is_ticking(&self) -> bool {
        matches!(self.state, ClockState::Running | ClockState::Breached { .. })
    }

    /// The supervision order whose answer it waits for, where it waits for one.
    #[must_use]
    pub const fn answers(&self) -> Option<SupervisionOrderId> {
        match self.subject {
            Subject::Answer(order) => Some(order),
            _ => None,
        }
    }

    /// True where a unit that shares the case may know of it: an answer is between the unit that was pressed and the centre.
    #[must_use]
    pub fn is_shown_to(&self, unit: &str) -> bool {
        self.answers().is_none() || self.holder == unit
    }

    /// True where it ran out before anybody acted.
    #[must_use]
    pub const fn is_late(&self) -> bool {
        matches!(self.state, ClockState::Breached { .. } | ClockState::Stopped { late: true, .. })
    }

    /// The pause that lasts.
    #[must_use]
    pub fn standing_pause(&self) -> Option<&Pause> {
        self.pauses.iter().find(|pause| pause.until.is_none())
    }

    /// How much was granted, 0 where nothing was.
    #[must_use]
    pub fn granted(&self) -> u32 {
        self.extension.as_ref().map_or(0, |granted| granted.amount)
    }

    /// Takes over a new count.
    pub fn recount(&mut self, counted: &Counted) {
        self.due_at = counted.due_at;
        self.raw_on = counted.raw_on;
        self.provisional = counted.provisional;
        self.calendar_version = counted.calendar_version;
    }

    /// Stops it at a moment. A clock that stood still then is in time.
    pub fn stop(&mut self, at: Timestamp) {
        let stood_still =
            self.pauses.iter().any(|pause| pause.from <= at && pause.until.is_none_or(|until| at <= until));
        if let Some(pause) = self.pauses.iter_mut().find(|pause| pause.until.is_none()) {
            pause.until = Some(at.max(pause.from));
        }
        self.state = ClockState::Stopped { at, late: !stood_still && at > self.due_at };
    }
}
