//! The calendar: no gap between years, no day twice, office hours in order.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::{Date, Weekday};

use crate::parse::{Draft, Reader, file};

pub(super) fn check(draft: &Draft, reader: &mut Reader<'_>) {
    days(draft, reader);
    years(draft, reader);
    let Some(settings) = &draft.calendar else {
        return;
    };
    if settings.value.version == 0 {
        reader.blame(settings, "version", "日历版本从 1 起", "calendar versions begin with 1");
    }
    let sessions = &settings.value.sessions;
    let ordered = sessions.iter().all(|session| session.from < session.to)
        && sessions.windows(2).all(|pair| matches!(pair, [first, second] if first.to <= second.from));
    if sessions.is_empty() || !ordered {
        reader.blame(
            settings,
            "sessions",
            "工作时段应当至少一段, 先后有序, 互不重叠",
            "office hours need at least one stretch, in order and apart",
        );
    }
}

fn days(draft: &Draft, reader: &mut Reader<'_>) {
    let mut seen = BTreeMap::new();
    for row in &draft.calendar_days {
        let (day, token) = (row.value.date, row.value.date.to_string());
        if let Some(first) = seen.insert(day, row.first) {
            reader.blame(
                row,
                &token,
                format!("日期 {day} 重复, 第 {first} 行已有"),
                format!("{day} is already on line {first}"),
            );
        }
        let weekend = matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday);
        if row.value.working && !weekend {
            reader.blame(
                row,
                &token,
                format!("{day} 本来就是工作日, 不是调休"),
                format!("{day} is a working day anyway"),
            );
        }
        if row.value.source.trim().is_empty() {
            reader.blame(row, &token, format!("{day} 没有来源"), format!("{day} names no notice"));
        }
    }
}

/// Every year from the first to the last must have days off, and the first year without is provisional.
fn years(draft: &Draft, reader: &mut Reader<'_>) {
    let off = draft.calendar_days.iter().filter(|row| !row.value.working);
    let years: BTreeSet<i16> = off.map(|row| row.value.date.year()).collect();
    let (Some(first), Some(last)) = (years.first().copied(), years.last().copied()) else {
        if draft.calendar_days.is_empty() {
            reader.say(file::CALENDAR_DAYS, 1, "日历没有任何放假安排", "the calendar has no day off at all");
        }
        return;
    };
    for year in first..=last {
        if !years.contains(&year) {
            let line = draft.calendar_days.iter().find(|row| row.value.date.year() > year).map_or(1, |row| row.first);
            reader.say(
                file::CALENDAR_DAYS,
                line,
                format!("日历缺少 {year} 年"),
                format!("the calendar lacks the year {year}"),
            );
        }
    }
    let Some(settings) = &draft.calendar else {
        return;
    };
    let Ok(next) = Date::new(last.saturating_add(1), 1, 1) else {
        return;
    };
    match settings.value.provisional_from {
        Some(from) if from <= next => {}
        _ => {
            let zh = format!("{last} 年之后没有放假安排, provisional_from 应不晚于 {next}");
            let en = format!("nothing is published after {last}, so provisional_from must not be later than {next}");
            reader.blame(settings, "provisional_from", zh, en);
        }
    }
}
