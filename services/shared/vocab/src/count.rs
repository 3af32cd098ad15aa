//! 期限计算: from a rule, an event and a calendar to the last day, with every step on record.
//!
//! The day of the event does not count (民法典 201); a last day that is not worked moves to the next working day when
//! the rule says so (民法典 203). While a clock is paused its days do not count: the day it was paused is given back,
//! the day it resumes counts. An extension is counted from the day before rolling, the stricter reading.

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};

use crate::calendar::{self, Calendar, DayKind, OutOfCalendar, add_days, day_of, end_of_day, following, moment};
use crate::clock::{ClockError, ClockRule, DueDate, ExplainStep, MAX_AMOUNT, Pause, Unit};
use crate::office::{OfficeHours, Settled, settled};

/// The due date of a clock that was never extended.
pub fn due(
    rule: &ClockRule,
    anchor_at: Timestamp,
    calendar: &Calendar,
    pauses: &[Pause],
) -> Result<DueDate, ClockError> {
    due_extended(rule, anchor_at, calendar, pauses, 0)
}

/// The due date of a clock that was extended by `granted` of the extension's unit; 0 means not extended.
pub fn due_extended(
    rule: &ClockRule,
    anchor_at: Timestamp,
    calendar: &Calendar,
    pauses: &[Pause],
    granted: u32,
) -> Result<DueDate, ClockError> {
    let periods = periods(rule, granted)?;
    let pauses = settled(rule, pauses)?;
    let on = day_of(anchor_at);
    let mut steps = vec![
        ExplainStep::Anchored { at: anchor_at, on },
        ExplainStep::Ruled { amount: rule.amount, unit: rule.unit, citation: rule.citation.clone() },
    ];
    let mut count = Count { calendar, pauses: &pauses, steps: &mut steps };
    let ended = match rule.unit {
        Unit::Day | Unit::Workday => count.days(rule, on, &periods)?,
        Unit::Minute | Unit::Hour => count.clock_time(anchor_at, &periods)?,
        Unit::Workhour => count.office_time(anchor_at, &periods)?,
    };
    let provisional = calendar.is_provisional(ended.rolled_on);
    if let (true, Some(from)) = (provisional, calendar.provisional_from) {
        steps.push(ExplainStep::Provisional { from });
    }
    steps.push(ExplainStep::Ends { at: ended.at });
    Ok(DueDate {
        rule: rule.id.clone(),
        due_at: ended.at,
        raw_on: ended.raw_on,
        rolled_on: ended.rolled_on,
        provisional,
        calendar_version: calendar.version,
        explanation: steps,
    })
}

/// The moments at which the rule's warnings are due, earliest first: for days at opening time of a day that is worked.
pub fn warn_at(rule: &ClockRule, due: &DueDate, calendar: &Calendar) -> Result<Vec<Timestamp>, ClockError> {
    let mut moments = Vec::with_capacity(rule.warn_before.len());
    for warning in &rule.warn_before {
        moments.push(before(due.due_at, warning.amount, warning.unit, calendar)?);
    }
    moments.sort_unstable();
    moments.dedup();
    Ok(moments)
}

/// So much before a moment. Days lead to the opening of a worked day; hours and minutes are exact.
pub fn before(at: Timestamp, amount: u32, unit: Unit, calendar: &Calendar) -> Result<Timestamp, ClockError> {
    let day = day_of(at);
    Ok(match unit {
        Unit::Minute | Unit::Hour => shift(at, -exact(amount, unit))?,
        Unit::Workhour => OfficeHours { calendar }.back(at, exact(amount, unit))?,
        Unit::Day => {
            let mut earlier = day;
            for _ in 0..amount {
                earlier = calendar::preceding(earlier)?;
            }
            moment(calendar.previous_workday(earlier)?, calendar.opening())?
        }
        Unit::Workday => {
            moment(calendar.subtract_workdays(calendar.previous_workday(day)?, amount)?, calendar.opening())?
        }
    })
}

/// So much after a moment. Days lead to the opening of a worked day; hours and minutes are exact.
pub fn after(at: Timestamp, amount: u32, unit: Unit, calendar: &Calendar) -> Result<Timestamp, ClockError> {
    let day = day_of(at);
    Ok(match unit {
        Unit::Minute | Unit::Hour => shift(at, exact(amount, unit))?,
        Unit::Workhour => OfficeHours { calendar }.forward(at, exact(amount, unit), &[])?,
        Unit::Day => moment(calendar.next_workday(add_days(day, amount)?)?, calendar.opening())?,
        Unit::Workday => moment(calendar.add_workdays(day, amount)?, calendar.opening())?,
    })
}

/// One stretch to count: the rule's own, then the extension's.
struct Period {
    amount: u32,
    unit: Unit,
    extension: Option<ExplainStep>,
}

fn periods(rule: &ClockRule, granted: u32) -> Result<Vec<Period>, ClockError> {
    let mut periods = vec![Period { amount: rule.amount, unit: rule.unit, extension: None }];
    if granted > 0 {
        let refused = || ClockError::ExtensionRefused { rule: rule.id.clone(), granted };
        let extension =
            rule.extension.as_ref().filter(|extension| granted <= extension.max_amount).ok_or_else(refused)?;
        if !same_family(rule.unit, extension.unit) {
            return Err(ClockError::UnitMismatch { first: rule.unit, second: extension.unit });
        }
        let step =
            ExplainStep::Extended { amount: granted, unit: extension.unit, citation: extension.citation.clone() };
        periods.push(Period { amount: granted, unit: extension.unit, extension: Some(step) });
    }
    match periods.iter().find(|period| period.amount > MAX_AMOUNT) {
        Some(period) => Err(ClockError::TooLong { amount: period.amount }),
        None => Ok(periods),
    }
}

/// True when a period in one unit may be continued in the other.
#[must_use]
pub const fn same_family(first: Unit, second: Unit) -> bool {
    matches!(
        (first, second),
        (Unit::Day | Unit::Workday, Unit::Day | Unit::Workday)
            | (Unit::Minute | Unit::Hour, Unit::Minute | Unit::Hour)
            | (Unit::Workhour, Unit::Workhour)
    )
}

struct Ended {
    at: Timestamp,
    raw_on: Date,
    rolled_on: Date,
}

struct Count<'count> {
    calendar: &'count Calendar,
    pauses: &'count [Settled<'count>],
    steps: &'count mut Vec<ExplainStep>,
}

impl Count<'_> {
    fn days(&mut self, rule: &ClockRule, anchor_on: Date, periods: &[Period]) -> Result<Ended, ClockError> {
        let mut day = anchor_on;
        let mut told_first = false;
        let mut told_pauses = vec![false; self.pauses.len()];
        for period in periods {
            self.steps.extend(period.extension.clone());
            let mut left = period.amount;
            while left > 0 {
                day = following(day)?;
                if let Some(place) =
                    self.pauses.iter().position(|pause| day_of(pause.from) <= day && day < day_of(pause.until))
                {
                    self.tell_pause(place, &mut told_pauses);
                    continue;
                }
                if period.unit == Unit::Workday && !self.calendar.is_workday(day) {
                    self.tell_skipped(day);
                    continue;
                }
                if !told_first {
                    told_first = true;
                    self.steps.push(ExplainStep::FirstDay { on: day });
                }
                if period.unit == Unit::Workday && self.calendar.kind(day) == DayKind::MakeUp {
                    self.steps.push(ExplainStep::MadeUp { on: day, source: self.source(day) });
                }
                left -= 1;
            }
        }
        self.steps.push(ExplainStep::Reached { on: day });
        let rolled_on = if rule.roll_last_day { self.rolled(day)? } else { day };
        if rolled_on != day {
            self.steps.push(ExplainStep::Rolled { from: day, to: rolled_on });
        }
        Ok(Ended { at: end_of_day(rolled_on)?, raw_on: day, rolled_on })
    }

    /// The next worked day that is not paused either.
    fn rolled(&self, last: Date) -> Result<Date, OutOfCalendar> {
        let mut day = self.calendar.next_workday(last)?;
        while day != last && self.pauses.iter().any(|pause| day_of(pause.from) <= day && day < day_of(pause.until)) {
            day = self.calendar.next_workday(following(day)?)?;
        }
        Ok(day)
    }

    fn clock_time(&mut self, anchor_at: Timestamp, periods: &[Period]) -> Result<Ended, ClockError> {
        let mut left = SignedDuration::ZERO;
        for period in periods {
            self.steps.extend(period.extension.clone());
            left += exact(period.amount, period.unit);
        }
        let mut at = anchor_at;
        for pause in self.pauses {
            let from = pause.from.max(at);
            if pause.until <= at || from.duration_since(at) > left {
                continue;
            }
            left -= from.duration_since(at);
            at = pause.until;
            self.steps.push(pause.step());
        }
        at = shift(at, left)?;
        let on = day_of(at);
        Ok(Ended { at, raw_on: on, rolled_on: on })
    }

    fn office_time(&mut self, anchor_at: Timestamp, periods: &[Period]) -> Result<Ended, ClockError> {
        let mut left = SignedDuration::ZERO;
        for period in periods {
            self.steps.extend(period.extension.clone());
            left += exact(period.amount, period.unit);
        }
        let office = OfficeHours { calendar: self.calendar };
        let at = office.forward(anchor_at, left, self.pauses)?;
        let told = self.pauses.iter().filter(|pause| pause.from <= at && pause.until > anchor_at);
        self.steps.extend(told.map(Settled::step));
        let mut day = day_of(anchor_at);
        while day < day_of(at) {
            day = following(day)?;
            if !self.calendar.is_workday(day) {
                self.tell_skipped(day);
            }
        }
        Ok(Ended { at, raw_on: day, rolled_on: day })
    }

    fn source(&self, day: Date) -> String {
        self.calendar.days.get(&day).map_or_else(String::new, |exception| exception.source.clone())
    }

    fn tell_pause(&mut self, place: usize, told: &mut [bool]) {
        if let (Some(told), Some(pause)) = (told.get_mut(place), self.pauses.get(place))
            && !std::mem::replace(told, true)
        {
            self.steps.push(pause.step());
        }
    }

    /// Days off in a row become one step.
    fn tell_skipped(&mut self, day: Date) {
        let source = self.source(day);
        if let Some(ExplainStep::Skipped { to, source: last, .. }) = self.steps.last_mut()
            && *last == source
            && following(*to) == Ok(day)
        {
            *to = day;
            return;
        }
        self.steps.push(ExplainStep::Skipped { from: day, to: day, source });
    }
}

fn exact(amount: u32, unit: Unit) -> SignedDuration {
    let minutes = if unit == Unit::Minute { 1 } else { 60 };
    SignedDuration::from_mins(i64::from(amount) * minutes)
}

pub(crate) fn shift(at: Timestamp, by: SignedDuration) -> Result<Timestamp, OutOfCalendar> {
    at.checked_add(by).map_err(|_| OutOfCalendar)
}
