//! Spans of time as people write them: `3d`, `4h`, `90m`, `2 workdays`.

use jiff::{SignedDuration, Timestamp};
use vocab::Calendar;
use vocab::calendar::BEIJING;

use crate::failure::Failure;
use crate::say::Say;

/// A span of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Span {
    /// Exactly so long.
    Exact(SignedDuration),
    /// To the same time of day, so many working days later.
    Workdays(u32),
}

impl Span {
    /// Reads a span.
    pub fn parse(text: &str) -> Result<Self, Failure> {
        let refused = || Failure::Usage(Say::NotAMoment { text: text.to_owned() });
        let trimmed = text.trim();
        let digits = trimmed.chars().take_while(char::is_ascii_digit).count();
        let (number, unit) = trimmed.split_at(digits);
        let number: u32 = number.parse().map_err(|_| refused())?;
        let hours = |each: i64| Self::Exact(SignedDuration::from_hours(i64::from(number) * each));
        match unit.trim() {
            "workday" | "workdays" | "个工作日" => Ok(Self::Workdays(number)),
            "d" | "day" | "days" | "天" => Ok(hours(24)),
            "h" | "hour" | "hours" | "小时" => Ok(hours(1)),
            "m" | "minute" | "minutes" | "分钟" => Ok(Self::Exact(SignedDuration::from_mins(i64::from(number)))),
            "s" | "second" | "seconds" | "秒" => Ok(Self::Exact(SignedDuration::from_secs(i64::from(number)))),
            _ => Err(refused()),
        }
    }

    /// The moment so much later.
    pub fn after(self, at: Timestamp, calendar: &Calendar) -> Result<Timestamp, Failure> {
        let refused = |why: String| Failure::Says(Say::CannotCount { why });
        match self {
            Self::Exact(span) => at.checked_add(span).map_err(|error| refused(error.to_string())),
            Self::Workdays(count) => {
                let local = BEIJING.to_datetime(at);
                let day = calendar.add_workdays(local.date(), count).map_err(|error| refused(error.to_string()))?;
                BEIJING.to_timestamp(day.to_datetime(local.time())).map_err(|error| refused(error.to_string()))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failed test should panic

    use std::collections::BTreeMap;

    use super::*;

    fn calendar() -> Calendar {
        Calendar { version: 1, days: BTreeMap::new(), provisional_from: None, sessions: Vec::new() }
    }

    #[test]
    fn spans_are_written_as_people_do() {
        assert_eq!(Span::parse("2 workdays").unwrap(), Span::Workdays(2));
        assert_eq!(Span::parse("3d").unwrap(), Span::Exact(SignedDuration::from_hours(72)));
        assert_eq!(Span::parse(" 90m ").unwrap(), Span::Exact(SignedDuration::from_mins(90)));
        for wrong in ["", "d", "3", "3 moons", "-3d"] {
            assert!(Span::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_working_day_later_is_the_same_time_on_the_next_working_day() {
        let friday: Timestamp = "2026-03-06T12:00:00Z".parse().unwrap();
        let monday = Span::Workdays(1).after(friday, &calendar()).unwrap();
        assert_eq!(monday.to_string(), "2026-03-09T12:00:00Z");
        let later = Span::parse("4h").unwrap().after(friday, &calendar()).unwrap();
        assert_eq!(later.to_string(), "2026-03-06T16:00:00Z");
    }
}
