//! Moments and days as a person in the county reads them: Beijing time, the year only where it is another.

use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use vocab::calendar::BEIJING;

use crate::say::Lang;

/// A moment in the county's time.
#[must_use]
pub fn local(at: Timestamp) -> Zoned {
    at.to_zoned(TimeZone::fixed(BEIJING))
}

/// `3月02日 12:00`, or `2 Mar 12:00`; with the year where it is not the reader's.
#[must_use]
pub fn moment(at: Timestamp, now: Timestamp, lang: Lang) -> String {
    let at_local = local(at);
    // A day's last microsecond is the end of the day to everyone but a computer.
    let time = if at_local.hour() == 23 && at_local.minute() == 59 && at_local.second() == 59 {
        "24:00".to_owned()
    } else {
        format!("{:02}:{:02}", at_local.hour(), at_local.minute())
    };
    format!("{} {time}", day(at, now, lang))
}

/// `3月02日`, or `2 Mar`; with the year where it is not the reader's.
#[must_use]
pub fn day(at: Timestamp, now: Timestamp, lang: Lang) -> String {
    let (at, now) = (local(at), local(now));
    let other_year = at.year() != now.year();
    match (lang, other_year) {
        (Lang::Zh, false) => format!("{}月{:02}日", at.month(), at.day()),
        (Lang::Zh, true) => format!("{}年{}月{:02}日", at.year(), at.month(), at.day()),
        (Lang::En, false) => format!("{:>2} {}", at.day(), at.strftime("%b")),
        (Lang::En, true) => format!("{:>2} {} {}", at.day(), at.strftime("%b"), at.year()),
    }
}

/// `3月06日 20:00–23:00`, or both moments in full where they lie on different days.
#[must_use]
pub fn span(from: Timestamp, to: Timestamp, now: Timestamp, lang: Lang) -> String {
    let end = local(to);
    if local(from).date() == end.date() {
        return format!("{}–{:02}:{:02}", moment(from, now, lang), end.hour(), end.minute());
    }
    format!("{}–{}", moment(from, now, lang), moment(to, now, lang))
}

/// How many days remain, negative where it is over: by the date, as people count.
#[must_use]
pub fn days_left(due: Timestamp, now: Timestamp) -> i64 {
    let days = local(due).date().since(local(now).date());
    days.map_or(0, |span| i64::from(span.get_days()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failed test should panic

    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_moment_is_told_in_the_countys_time() {
        let now = at("2026-03-10T00:00:00Z");
        assert_eq!(moment(at("2026-03-02T04:00:00Z"), now, Lang::Zh), "3月02日 12:00");
        assert_eq!(moment(at("2026-03-02T04:00:00Z"), now, Lang::En), " 2 Mar 12:00");
        assert_eq!(moment(at("2027-01-02T04:00:00Z"), now, Lang::Zh), "2027年1月02日 12:00");
    }

    #[test]
    fn the_end_of_a_day_is_24_o_clock() {
        let now = at("2026-03-10T00:00:00Z");
        assert_eq!(moment(at("2026-03-17T15:59:59.999999Z"), now, Lang::Zh), "3月17日 24:00");
    }

    #[test]
    fn a_span_within_a_day_names_it_once() {
        let now = at("2026-03-10T00:00:00Z");
        let (from, to) = (at("2026-03-06T12:00:00Z"), at("2026-03-06T15:00:00Z"));
        assert_eq!(span(from, to, now, Lang::Zh), "3月06日 20:00–23:00");
        let late = at("2026-03-06T18:00:00Z");
        assert_eq!(span(from, late, now, Lang::Zh), "3月06日 20:00–3月07日 02:00");
    }

    #[test]
    fn days_are_counted_by_date() {
        let due = at("2026-03-17T15:59:59.999999Z");
        assert_eq!(days_left(due, at("2026-03-11T01:00:00Z")), 6);
        assert_eq!(days_left(due, at("2026-03-17T15:00:00Z")), 0);
        assert_eq!(days_left(due, at("2026-03-18T15:00:00Z")), -1);
        assert_eq!(days_left(due, at("2026-01-17T15:00:00Z")), 59);
    }
}
