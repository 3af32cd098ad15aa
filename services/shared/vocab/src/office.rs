//! Pauses that are over, and time that passes in office hours only.

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};

use crate::calendar::{self, Calendar, OutOfCalendar, day_of, following, moment};
use crate::clock::{ClockError, ClockRule, ExplainStep, Pause};
use crate::count::shift;

/// Pauses that are over, in order of time.
pub(crate) struct Settled<'pause> {
    pub reason: &'pause str,
    pub from: Timestamp,
    pub until: Timestamp,
}

pub(crate) fn settled<'pause>(rule: &ClockRule, pauses: &'pause [Pause]) -> Result<Vec<Settled<'pause>>, ClockError> {
    let mut settled = Vec::with_capacity(pauses.len());
    for pause in pauses {
        if !rule.pausable.contains(&pause.reason) {
            return Err(ClockError::NotPausable { rule: rule.id.clone(), reason: pause.reason.clone() });
        }
        let Some(until) = pause.until else {
            return Err(ClockError::Paused { reason: pause.reason.clone(), from: pause.from });
        };
        if until < pause.from {
            return Err(ClockError::PauseBackwards { from: pause.from, until });
        }
        settled.push(Settled { reason: &pause.reason, from: pause.from, until });
    }
    settled.sort_by_key(|pause| (pause.from, pause.until));
    Ok(settled)
}

impl Settled<'_> {
    pub fn step(&self) -> ExplainStep {
        ExplainStep::Paused { reason: self.reason.to_owned(), from: self.from, until: self.until }
    }
}

/// 工作时间: a calendar read in office hours.
pub(crate) struct OfficeHours<'calendar> {
    pub calendar: &'calendar Calendar,
}

impl OfficeHours<'_> {
    /// The moment at which so much office time has passed since `at`, pauses left out.
    pub fn forward(
        &self,
        at: Timestamp,
        amount: SignedDuration,
        pauses: &[Settled<'_>],
    ) -> Result<Timestamp, ClockError> {
        self.must_have_hours()?;
        let mut left = amount;
        let mut day = day_of(at);
        loop {
            for (open, close) in self.stretches(day, pauses)? {
                let from = open.max(at);
                if close <= from {
                    continue;
                }
                let here = close.duration_since(from);
                if left <= here {
                    return shift(from, left).map_err(ClockError::from);
                }
                left -= here;
            }
            day = following(day)?;
        }
    }

    /// The moment from which so much office time passes until `at`.
    pub fn back(&self, at: Timestamp, amount: SignedDuration) -> Result<Timestamp, ClockError> {
        self.must_have_hours()?;
        let mut left = amount;
        let mut day = day_of(at);
        loop {
            for (open, close) in self.stretches(day, &[])?.into_iter().rev() {
                let to = close.min(at);
                if to <= open {
                    continue;
                }
                let here = to.duration_since(open);
                if left <= here {
                    return shift(to, -left).map_err(ClockError::from);
                }
                left -= here;
            }
            day = calendar::preceding(day)?;
        }
    }

    /// The stretches of a day that count, in order.
    fn stretches(&self, day: Date, pauses: &[Settled<'_>]) -> Result<Vec<(Timestamp, Timestamp)>, OutOfCalendar> {
        let mut stretches = Vec::new();
        if !self.calendar.is_workday(day) {
            return Ok(stretches);
        }
        for session in &self.calendar.sessions {
            let (mut from, to) = (moment(day, session.from)?, moment(day, session.to)?);
            for pause in pauses {
                if pause.until <= from || pause.from >= to {
                    continue;
                }
                if pause.from > from {
                    stretches.push((from, pause.from));
                }
                from = pause.until;
            }
            if from < to {
                stretches.push((from, to));
            }
        }
        Ok(stretches)
    }

    /// Without hours no amount of office time would ever pass.
    fn must_have_hours(&self) -> Result<(), ClockError> {
        let has_hours = self.calendar.sessions.iter().any(|session| session.from < session.to);
        if has_hours { Ok(()) } else { Err(ClockError::NoOfficeHours) }
    }
}
