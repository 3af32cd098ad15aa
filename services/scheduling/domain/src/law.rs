//! 时段与法律: spans of time, the hours in which a matter shows itself, and what the law forbids when.

use jiff::civil::{Date, Time};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use vocab::calendar::{day_of, following, moment, preceding};
use vocab::{Calendar, Citation, DayKind, RuleCode};

use crate::Words;

/// 时段: from a moment up to, and without, another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Span {
    /// Its first moment.
    pub from: Timestamp,
    /// The first moment after it.
    pub until: Timestamp,
}

impl Span {
    /// So many minutes from a moment; `None` beyond the end of time.
    #[must_use]
    pub fn lasting(from: Timestamp, minutes: u32) -> Option<Self> {
        let until = from.checked_add(SignedDuration::from_mins(i64::from(minutes))).ok()?;
        Some(Self { from, until })
    }

    /// True where both share a moment.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        self.from < other.until && other.from < self.until
    }

    /// True where the moment lies in it.
    #[must_use]
    pub fn contains(&self, at: Timestamp) -> bool {
        self.from <= at && at < self.until
    }

    /// True where it lies in the other.
    #[must_use]
    pub fn is_within(&self, other: &Self) -> bool {
        other.from <= self.from && self.until <= other.until
    }

    /// The civil days it touches, in order.
    #[must_use]
    pub fn days(&self) -> Vec<Date> {
        let last_moment = self.until.checked_sub(SignedDuration::from_micros(1)).unwrap_or(self.until);
        let last = day_of(last_moment.max(self.from));
        let mut day = day_of(self.from);
        let mut days = vec![day];
        while day < last {
            let Ok(next) = following(day) else { break };
            day = next;
            days.push(day);
        }
        days
    }
}

/// 行动性质: what is done on the spot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// 检查: ordinary inspection; lawful at night.
    Inspection,
    /// 强制执行: compulsory enforcement (行政强制法第四十三条).
    Compulsory,
}

impl Kind {
    /// The word in data and on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Inspection => "inspection",
            Self::Compulsory => "compulsory",
        }
    }
}

/// 禁止时段: when something must not be done, with the article that says so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForbiddenSlot {
    /// Its code.
    pub code: RuleCode,
    /// True where only compulsory enforcement is forbidden.
    pub compulsory_only: bool,
    /// The kinds of day; empty means every day.
    pub days: Vec<DayKind>,
    /// From this time of day …
    pub from: Time,
    /// … to this one, over midnight when it is the earlier; both equal means the whole day.
    pub to: Time,
    /// True where an urgent situation lifts it.
    pub lifted_when_urgent: bool,
    /// The article.
    pub citation: Citation,
    /// Why, in words.
    pub reason: Words,
}

impl ForbiddenSlot {
    fn concerns(&self, kind: Kind, urgent: bool) -> bool {
        (kind == Kind::Compulsory || !self.compulsory_only) && !(urgent && self.lifted_when_urgent)
    }

    fn stretches_of(&self, day: Date) -> Vec<Span> {
        let Ok(tomorrow) = following(day) else { return Vec::new() };
        let at = |day, time| moment(day, time).ok();
        let stretch = |from: Option<Timestamp>, until: Option<Timestamp>| match (from, until) {
            (Some(from), Some(until)) if from < until => vec![Span { from, until }],
            _ => Vec::new(),
        };
        let (begin, end) = (at(day, Time::midnight()), at(tomorrow, Time::midnight()));
        match self.from.cmp(&self.to) {
            std::cmp::Ordering::Equal => stretch(begin, end),
            std::cmp::Ordering::Less => stretch(at(day, self.from), at(day, self.to)),
            std::cmp::Ordering::Greater => {
                let mut both = stretch(begin, at(day, self.to));
                both.extend(stretch(at(day, self.from), end));
                both
            }
        }
    }

    fn touches(&self, span: &Span, calendar: &Calendar) -> bool {
        span.days().into_iter().any(|day| {
            (self.days.is_empty() || self.days.contains(&calendar.kind(day)))
                && self.stretches_of(day).iter().any(|stretch| stretch.overlaps(span))
        })
    }
}

/// 法定日历: the working calendar and what the law forbids by day and hour.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LegalCalendar {
    /// Which days are worked.
    pub calendar: Calendar,
    /// When what is forbidden.
    pub forbidden: Vec<ForbiddenSlot>,
}

impl LegalCalendar {
    /// Every rule that forbids this kind of operation at some moment of the span.
    #[must_use]
    pub fn forbidding(&self, span: &Span, kind: Kind, urgent: bool) -> Vec<&ForbiddenSlot> {
        self.forbidden.iter().filter(|slot| slot.concerns(kind, urgent) && slot.touches(span, &self.calendar)).collect()
    }
}

/// 宜查时段: the hours in which an operation makes sense. The law is another question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "hours", rename_all = "snake_case")]
pub enum Hours {
    /// 工作时间: between opening and closing of a working day.
    Office,
    /// Every day between two times of day, over midnight when the second is the earlier.
    Daily {
        /// From this time of day …
        from: Time,
        /// … to this one.
        to: Time,
    },
    /// 不限: any time.
    Any,
}

impl Hours {
    /// True where the whole span lies within them.
    #[must_use]
    pub fn allow(&self, span: &Span, calendar: &Calendar) -> bool {
        match *self {
            Self::Any => true,
            Self::Office => office(day_of(span.from), calendar).is_some_and(|open| span.is_within(&open)),
            Self::Daily { from, to } if from == to => true,
            Self::Daily { from, to } => {
                let day = day_of(span.from);
                let yesterday = preceding(day).ok();
                [Some(day), yesterday]
                    .into_iter()
                    .flatten()
                    .filter_map(|day| daily(day, from, to))
                    .any(|window| span.is_within(&window))
            }
        }
    }

    /// In words.
    #[must_use]
    pub fn say(&self) -> Words {
        match *self {
            Self::Office => Words::new("工作日办公时间", "office hours of working days"),
            Self::Daily { from, to } => {
                let (from, to) = (clock_time(from), clock_time(to));
                Words::new(format!("每日 {from} 至 {to}"), format!("daily from {from} to {to}"))
            }
            Self::Any => Words::new("任何时间", "any time"),
        }
    }
}

fn clock_time(time: Time) -> String {
    format!("{:02}:{:02}", time.hour(), time.minute())
}

fn office(day: Date, calendar: &Calendar) -> Option<Span> {
    if !calendar.is_workday(day) {
        return None;
    }
    let from = moment(day, calendar.opening()).ok()?;
    let closing = calendar.sessions.last().map_or(Time::constant(17, 30, 0, 0), |session| session.to);
    let until = moment(day, closing).ok()?;
    Some(Span { from, until })
}

fn daily(day: Date, from: Time, to: Time) -> Option<Span> {
    let last_day = if from < to { day } else { following(day).ok()? };
    Some(Span { from: moment(day, from).ok()?, until: moment(last_day, to).ok()? })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failed test should panic
    use super::*;
    use crate::planner::samples::{at, law};

    fn span(from: &str, until: &str) -> Span {
        Span { from: at(from), until: at(until) }
    }

    #[test]
    fn compulsory_enforcement_is_forbidden_at_night_and_on_holidays_but_inspection_is_not() {
        let law = law();
        let cases = [
            ("2026-03-06 20:00", "2026-03-06 22:00", 0), // up to 22:00 is not yet night
            ("2026-03-06 20:00", "2026-03-06 22:01", 1),
            ("2026-03-07 05:30", "2026-03-07 06:30", 1),
            ("2026-03-07 06:00", "2026-03-07 08:00", 0),
            ("2026-10-01 10:00", "2026-10-01 11:00", 1), // National Day, at noon
            ("2026-10-10 10:00", "2026-10-10 11:00", 0), // a make-up Saturday is no holiday
            ("2026-09-30 21:30", "2026-10-01 00:30", 2), // night, and into the holiday
        ];
        for (from, until, rules) in cases {
            let span = span(from, until);
            assert_eq!(law.forbidding(&span, Kind::Compulsory, false).len(), rules, "{from}");
            assert!(law.forbidding(&span, Kind::Inspection, false).is_empty(), "{from}");
            assert!(law.forbidding(&span, Kind::Compulsory, true).is_empty(), "urgent {from}");
        }
    }

    #[test]
    fn hours_hold_the_whole_span_over_midnight_too() {
        let calendar = law().calendar;
        let night = Hours::Daily { from: Time::constant(20, 0, 0, 0), to: Time::constant(2, 0, 0, 0) };
        assert!(night.allow(&span("2026-03-06 23:00", "2026-03-07 02:00"), &calendar));
        assert!(night.allow(&span("2026-03-07 00:30", "2026-03-07 01:30"), &calendar));
        assert!(!night.allow(&span("2026-03-07 00:30", "2026-03-07 02:30"), &calendar));
        assert!(!night.allow(&span("2026-03-06 19:30", "2026-03-06 21:30"), &calendar));
        assert!(Hours::Office.allow(&span("2026-03-06 08:30", "2026-03-06 17:30"), &calendar));
        assert!(!Hours::Office.allow(&span("2026-03-06 08:00", "2026-03-06 09:30"), &calendar));
        assert!(!Hours::Office.allow(&span("2026-03-07 09:00", "2026-03-07 10:00"), &calendar), "Saturday");
        assert!(Hours::Office.allow(&span("2026-02-28 09:00", "2026-02-28 10:00"), &calendar), "make-up Saturday");
    }

    #[test]
    fn a_span_touches_each_of_its_days_and_not_the_one_it_ends_before() {
        assert_eq!(span("2026-03-06 20:00", "2026-03-07 00:00").days().len(), 1);
        assert_eq!(span("2026-03-06 20:00", "2026-03-07 00:01").days().len(), 2);
    }
}
