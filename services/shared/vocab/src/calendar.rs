//! 工作日历: which days are worked. Monday to Friday, unless the yearly notice of the State Council says otherwise.

use std::collections::BTreeMap;

use jiff::civil::{Date, Time, Weekday};
use jiff::tz::{Offset, TimeZone};
use jiff::{Timestamp, ToSpan};
use serde::{Deserialize, Serialize};

/// 中国标准时间: eight hours ahead of UTC, without summer time since 1992; written down so that no time zone database is needed.
pub const BEIJING: Offset = jiff::tz::offset(8);

/// The zone in which days begin and end.
#[must_use]
pub fn zone() -> TimeZone {
    TimeZone::fixed(BEIJING)
}

/// The civil day on which a moment falls.
#[must_use]
pub fn day_of(at: Timestamp) -> Date {
    BEIJING.to_datetime(at).date()
}

/// The moment a day reaches a time of day.
pub fn moment(day: Date, time: Time) -> Result<Timestamp, OutOfCalendar> {
    BEIJING.to_timestamp(day.to_datetime(time)).map_err(|_| OutOfCalendar)
}

/// 24:00 of a day, as the last instant our stores can hold: what happens at or before it is in time.
pub fn end_of_day(day: Date) -> Result<Timestamp, OutOfCalendar> {
    moment(day, LAST_INSTANT)
}

const LAST_INSTANT: Time = Time::constant(23, 59, 59, 999_999_000);

/// A date so far away that the calendar cannot count to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the date is beyond the calendar")]
pub struct OutOfCalendar;

/// 例外日: a day the yearly notice changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CalendarDay {
    /// True of a make-up day (调休上班), false of a day off.
    pub working: bool,
    /// The festival and notice that say so, e.g. `春节 国办发明电〔2025〕7号`.
    pub source: String,
}

/// 日类: what kind of day it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DayKind {
    /// 工作日: an ordinary working day.
    Workday,
    /// 周末: an ordinary Saturday or Sunday.
    Weekend,
    /// 法定节假日: a day off by the yearly notice.
    Holiday,
    /// 调休上班日: a weekend day that is worked.
    MakeUp,
}

/// 工作时段: one stretch of office hours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Session {
    /// When the doors open.
    pub from: Time,
    /// When they close.
    pub to: Time,
}

/// 工作日历: one published version of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calendar {
    /// Rises with each publication; every due date names the version it was counted with.
    pub version: u32,
    /// The days that differ from Monday to Friday.
    pub days: BTreeMap<Date, CalendarDay>,
    /// From this day on the notice is not out yet, so due dates are provisional.
    #[serde(default)]
    pub provisional_from: Option<Date>,
    /// Office hours of a working day, in order.
    pub sessions: Vec<Session>,
}

impl Calendar {
    /// What kind of day it is.
    #[must_use]
    pub fn kind(&self, day: Date) -> DayKind {
        let weekend = matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday);
        match self.days.get(&day).map(|exception| exception.working) {
            Some(true) if weekend => DayKind::MakeUp,
            Some(true) => DayKind::Workday,
            Some(false) => DayKind::Holiday,
            None if weekend => DayKind::Weekend,
            None => DayKind::Workday,
        }
    }

    /// True when the day is worked.
    #[must_use]
    pub fn is_workday(&self, day: Date) -> bool {
        matches!(self.kind(day), DayKind::Workday | DayKind::MakeUp)
    }

    /// True when the notice for this day is not out yet.
    #[must_use]
    pub fn is_provisional(&self, day: Date) -> bool {
        self.provisional_from.is_some_and(|first| day >= first)
    }

    /// The day itself when it is worked, else the next one that is.
    pub fn next_workday(&self, day: Date) -> Result<Date, OutOfCalendar> {
        let mut day = day;
        while !self.is_workday(day) {
            day = following(day)?;
        }
        Ok(day)
    }

    /// The day itself when it is worked, else the last one before it that is.
    pub fn previous_workday(&self, day: Date) -> Result<Date, OutOfCalendar> {
        let mut day = day;
        while !self.is_workday(day) {
            day = preceding(day)?;
        }
        Ok(day)
    }

    /// The `count`th working day after `day`, which is itself not counted; 0 gives `day` back, worked or not.
    pub fn add_workdays(&self, day: Date, count: u32) -> Result<Date, OutOfCalendar> {
        let mut day = day;
        for _ in 0..count {
            day = self.next_workday(following(day)?)?;
        }
        Ok(day)
    }

    /// The `count`th working day before `day`.
    pub fn subtract_workdays(&self, day: Date, count: u32) -> Result<Date, OutOfCalendar> {
        let mut day = day;
        for _ in 0..count {
            day = self.previous_workday(preceding(day)?)?;
        }
        Ok(day)
    }

    /// How many working days lie after `from` up to and including `to`; 0 when `to` is not later.
    #[must_use]
    pub fn workdays_between(&self, from: Date, to: Date) -> u32 {
        let mut count = 0;
        let mut day = from;
        while day < to {
            let Ok(next) = following(day) else { break };
            day = next;
            count += u32::from(self.is_workday(day));
        }
        count
    }

    /// True within office hours of a working day; the closing minute is outside.
    #[must_use]
    pub fn is_open(&self, at: Timestamp) -> bool {
        let local = BEIJING.to_datetime(at);
        self.is_workday(local.date())
            && self.sessions.iter().any(|session| session.from <= local.time() && local.time() < session.to)
    }

    /// When the offices open on a day; half past eight when the pack names no hours.
    #[must_use]
    pub fn opening(&self) -> Time {
        self.sessions.first().map_or(Time::constant(8, 30, 0, 0), |session| session.from)
    }
}

/// The day after.
pub fn following(day: Date) -> Result<Date, OutOfCalendar> {
    day.tomorrow().map_err(|_| OutOfCalendar)
}

/// The day before.
pub fn preceding(day: Date) -> Result<Date, OutOfCalendar> {
    day.yesterday().map_err(|_| OutOfCalendar)
}

/// So many calendar days later.
pub fn add_days(day: Date, count: u32) -> Result<Date, OutOfCalendar> {
    day.checked_add(i64::from(count).days()).map_err(|_| OutOfCalendar)
}
