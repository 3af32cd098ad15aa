//! The worked examples of the statutory calendar, and what must hold of every due date.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failed test should panic

use std::collections::BTreeMap;

use jiff::civil::{Date, date, time};
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use vocab::calendar::{BEIJING, day_of, moment};
use vocab::clock::Unit;
use vocab::{
    Calendar, CalendarDay, Citation, ClockError, ClockRule, DayKind, ExplainStep, Extension, Holder, Lang, Pause,
    Session, Validity, WarnBefore, due, due_extended, warn_at,
};

/// The notice for 2026, as the State Council published it.
const DAYS_OFF_2026: &[(&str, &str, &str)] = &[
    ("2026-01-01", "2026-01-03", "元旦"),
    ("2026-02-15", "2026-02-23", "春节"),
    ("2026-04-04", "2026-04-06", "清明节"),
    ("2026-05-01", "2026-05-05", "劳动节"),
    ("2026-06-19", "2026-06-21", "端午节"),
    ("2026-09-25", "2026-09-27", "中秋节"),
    ("2026-10-01", "2026-10-07", "国庆节"),
];
const MADE_UP_2026: &[&str] = &["2026-01-04", "2026-02-14", "2026-02-28", "2026-05-09", "2026-09-20", "2026-10-10"];

fn calendar() -> Calendar {
    let mut days = BTreeMap::new();
    for (from, to, festival) in DAYS_OFF_2026 {
        let (mut day, last): (Date, Date) = (from.parse().unwrap(), to.parse().unwrap());
        while day <= last {
            days.insert(day, CalendarDay { working: false, source: (*festival).into() });
            day = day.tomorrow().unwrap();
        }
    }
    for day in MADE_UP_2026 {
        days.insert(day.parse().unwrap(), CalendarDay { working: true, source: "调休".into() });
    }
    let sessions = vec![
        Session { from: time(8, 30, 0, 0), to: time(12, 0, 0, 0) },
        Session { from: time(13, 30, 0, 0), to: time(17, 0, 0, 0) },
    ];
    Calendar { version: 3, days, provisional_from: Some(date(2027, 1, 1)), sessions }
}

fn citation(law: &str, article: &str) -> Citation {
    Citation { law: law.into(), article: article.into(), version_date: None }
}

fn rule(amount: u32, unit: Unit) -> ClockRule {
    ClockRule {
        id: "test.rule".parse().unwrap(),
        zh: "办理".into(),
        en: "handling".into(),
        amount,
        unit,
        citation: citation("信访工作条例", "第三十四条"),
        roll_last_day: true,
        anchor: "intake.case.accepted".into(),
        stops: vec!["intake.case.closed".into()],
        pausable: vec!["hearing".into()],
        extension: Some(Extension {
            max_amount: 30,
            unit,
            times: 1,
            approver: "unit_head".into(),
            citation: citation("信访工作条例", "第三十四条"),
        }),
        warn_before: vec![],
        holder: Holder::Lead,
        profile: "XF2022".into(),
        active: true,
        applies: vocab::Applies::default(),
        validity: Validity { from: date(2022, 5, 1), to: None },
        note: String::new(),
    }
}

fn at(text: &str) -> Timestamp {
    BEIJING.to_timestamp(text.parse().unwrap()).unwrap()
}

fn day(text: &str) -> Date {
    text.parse().unwrap()
}

fn pause(from: &str, until: &str) -> Pause {
    Pause { reason: "hearing".into(), from: at(from), until: Some(at(until)) }
}

#[test]
fn five_working_days_over_the_spring_festival_end_where_the_notice_says() {
    let due = due(&rule(5, Unit::Workday), at("2026-02-10T09:00"), &calendar(), &[]).unwrap();
    assert_eq!((due.raw_on, due.rolled_on), (day("2026-02-24"), day("2026-02-24")));
    assert_eq!(due.due_at, at("2026-02-24T23:59:59.999999"));
    assert!(!due.provisional);
    assert_eq!(due.calendar_version, 3);
    assert!(!due.is_late(at("2026-02-24T23:59:59")));
    assert!(due.is_late(at("2026-02-25T00:00:00")));
}

#[test]
fn the_worked_examples_of_the_law_come_out() {
    let examples = [
        ("2026-02-10", 5, Unit::Workday, "2026-02-24", "2026-02-24"),
        ("2026-02-10", 15, Unit::Day, "2026-02-25", "2026-02-25"),
        ("2026-02-10", 60, Unit::Day, "2026-04-11", "2026-04-13"),
        ("2026-09-30", 5, Unit::Workday, "2026-10-13", "2026-10-13"),
        ("2026-09-30", 15, Unit::Day, "2026-10-15", "2026-10-15"),
        ("2026-09-30", 60, Unit::Day, "2026-11-29", "2026-11-30"),
    ];
    for (anchor, amount, unit, raw, rolled) in examples {
        for hour in ["T00:00", "T11:30", "T23:59"] {
            let due = due(&rule(amount, unit), at(&format!("{anchor}{hour}")), &calendar(), &[]).unwrap();
            assert_eq!((due.raw_on, due.rolled_on), (day(raw), day(rolled)), "{anchor}{hour} + {amount} {unit}");
        }
    }
}

#[test]
fn a_day_begins_at_midnight_in_beijing_not_in_greenwich() {
    let late_evening: Timestamp = "2026-03-01T16:30:00Z".parse().unwrap();
    assert_eq!(day_of(late_evening), day("2026-03-02"));
    let due = due(&rule(1, Unit::Day), late_evening, &calendar(), &[]).unwrap();
    assert_eq!(due.rolled_on, day("2026-03-03"));
}

#[test]
fn without_rolling_the_last_day_stays_on_the_holiday() {
    let mut strict = rule(60, Unit::Day);
    strict.roll_last_day = false;
    let due = due(&strict, at("2026-02-10T09:00"), &calendar(), &[]).unwrap();
    assert_eq!(due.rolled_on, day("2026-04-11"));
}

#[test]
fn hours_run_day_and_night_and_working_hours_do_not() {
    let night = at("2026-02-13T22:00");
    let hours = due(&rule(24, Unit::Hour), night, &calendar(), &[]).unwrap();
    assert_eq!(hours.due_at, at("2026-02-14T22:00"));
    let minutes = due(&rule(30, Unit::Minute), night, &calendar(), &[]).unwrap();
    assert_eq!(minutes.due_at, at("2026-02-13T22:30"));
    // Saturday the 14th is made up; then the festival until the 23rd.
    let working = due(&rule(8, Unit::Workhour), night, &calendar(), &[]).unwrap();
    assert_eq!(working.due_at, at("2026-02-24T09:30"));
    let lunch = due(&rule(4, Unit::Workhour), at("2026-03-03T10:00"), &calendar(), &[]).unwrap();
    assert_eq!(lunch.due_at, at("2026-03-03T15:30"));
}

#[test]
fn a_pause_gives_back_its_days() {
    let calendar = calendar();
    let plain = due(&rule(30, Unit::Day), at("2026-03-02T10:00"), &calendar, &[]).unwrap();
    assert_eq!(plain.raw_on, day("2026-04-01"));
    let paused =
        due(&rule(30, Unit::Day), at("2026-03-02T10:00"), &calendar, &[pause("2026-03-10T15:00", "2026-03-16T09:00")])
            .unwrap();
    assert_eq!(paused.raw_on, day("2026-04-07"));
    let same_day =
        due(&rule(30, Unit::Day), at("2026-03-02T10:00"), &calendar, &[pause("2026-03-10T09:00", "2026-03-10T15:00")])
            .unwrap();
    assert_eq!(same_day.raw_on, plain.raw_on);
    let on_the_last_day =
        due(&rule(30, Unit::Day), at("2026-03-02T10:00"), &calendar, &[pause("2026-04-01T15:00", "2026-04-03T09:00")])
            .unwrap();
    assert_eq!(on_the_last_day.raw_on, day("2026-04-03"));
    let after_the_end =
        due(&rule(30, Unit::Day), at("2026-03-02T10:00"), &calendar, &[pause("2026-04-02T15:00", "2026-04-09T09:00")])
            .unwrap();
    assert_eq!(after_the_end.raw_on, plain.raw_on);
    let hours =
        due(&rule(10, Unit::Hour), at("2026-03-02T10:00"), &calendar, &[pause("2026-03-02T12:00", "2026-03-02T15:00")])
            .unwrap();
    assert_eq!(hours.due_at, at("2026-03-02T23:00"));
    let office = due(
        &rule(4, Unit::Workhour),
        at("2026-03-02T10:00"),
        &calendar,
        &[pause("2026-03-02T11:00", "2026-03-02T14:30")],
    )
    .unwrap();
    assert_eq!(office.due_at, at("2026-03-03T09:00"));
    // The same hour cannot be given back twice.
    let twice = [pause("2026-03-02T12:00", "2026-03-02T15:00"), pause("2026-03-02T13:00", "2026-03-02T14:00")];
    assert_eq!(due(&rule(10, Unit::Hour), at("2026-03-02T10:00"), &calendar, &twice).unwrap().due_at, hours.due_at);
}

#[test]
fn an_unlawful_pause_or_extension_is_refused() {
    let calendar = calendar();
    let anchor = at("2026-03-02T10:00");
    let running = Pause { until: None, ..pause("2026-03-03T10:00", "2026-03-03T10:00") };
    assert!(matches!(due(&rule(5, Unit::Day), anchor, &calendar, &[running]), Err(ClockError::Paused { .. })));
    let other = Pause { reason: "lunch".into(), ..pause("2026-03-03T10:00", "2026-03-04T10:00") };
    assert!(matches!(due(&rule(5, Unit::Day), anchor, &calendar, &[other]), Err(ClockError::NotPausable { .. })));
    let backwards = pause("2026-03-04T10:00", "2026-03-03T10:00");
    assert!(matches!(
        due(&rule(5, Unit::Day), anchor, &calendar, &[backwards]),
        Err(ClockError::PauseBackwards { .. })
    ));
    assert!(matches!(
        due_extended(&rule(60, Unit::Day), anchor, &calendar, &[], 31),
        Err(ClockError::ExtensionRefused { .. })
    ));
    let mut never = rule(60, Unit::Day);
    never.extension = None;
    assert!(matches!(due_extended(&never, anchor, &calendar, &[], 1), Err(ClockError::ExtensionRefused { .. })));
    let mut odd = rule(60, Unit::Day);
    odd.extension.as_mut().unwrap().unit = Unit::Hour;
    assert!(matches!(due_extended(&odd, anchor, &calendar, &[], 1), Err(ClockError::UnitMismatch { .. })));
    assert!(matches!(due(&rule(10_001, Unit::Day), anchor, &calendar, &[]), Err(ClockError::TooLong { .. })));
    let closed = Calendar { sessions: vec![], ..calendar };
    assert!(matches!(due(&rule(1, Unit::Workhour), anchor, &closed, &[]), Err(ClockError::NoOfficeHours)));
    assert!(matches!(
        due(&rule(10_000, Unit::Day), at("9999-12-01T00:00"), &closed, &[]),
        Err(ClockError::OutOfCalendar(_))
    ));
}

#[test]
fn an_extension_is_counted_from_the_day_before_rolling() {
    let due = due_extended(&rule(60, Unit::Day), at("2026-02-10T09:00"), &calendar(), &[], 30).unwrap();
    // 60 days end on Saturday the 11th of April; 30 more from there, not from Monday the 13th.
    assert_eq!((due.raw_on, due.rolled_on), (day("2026-05-11"), day("2026-05-11")));
}

#[test]
fn a_warning_comes_at_opening_time_of_a_worked_day() {
    let mut warned = rule(5, Unit::Workday);
    warned.warn_before = vec![WarnBefore { amount: 1, unit: Unit::Workday }, WarnBefore { amount: 3, unit: Unit::Day }];
    let due = due(&warned, at("2026-02-10T09:00"), &calendar(), &[]).unwrap();
    // One working day before the 24th is the made-up Saturday; three days before is in the festival, so that Saturday too.
    assert_eq!(warn_at(&warned, &due, &calendar()).unwrap(), vec![at("2026-02-14T08:30")]);
    warned.warn_before = vec![WarnBefore { amount: 2, unit: Unit::Hour }];
    assert_eq!(warn_at(&warned, &due, &calendar()).unwrap(), vec![at("2026-02-24T21:59:59.999999")]);
    warned.warn_before = vec![WarnBefore { amount: 4, unit: Unit::Workhour }];
    assert_eq!(warn_at(&warned, &due, &calendar()).unwrap(), vec![at("2026-02-24T11:30")]);
}

#[test]
fn a_due_date_explains_itself_in_both_languages() {
    let due = due(&rule(5, Unit::Workday), at("2026-02-10T09:00"), &calendar(), &[]).unwrap();
    let zh = due.explain(Lang::Zh);
    assert_eq!(
        zh,
        "1. 2026年2月10日 (周二) 09:00起算事由发生, 当日不计入 (民法典第二百零一条)\n\
         2. 期限 5 个工作日, 依据《信访工作条例》第三十四条\n\
         3. 自 2026年2月11日 (周三) 起计算\n\
         4. 2026年2月14日 (周六) 调休上班 (调休), 计入\n\
         5. 2026年2月15日 (周日) 至 2026年2月23日 (周一) 放假 (春节), 不计入\n\
         6. 期间的最后一日为 2026年2月24日 (周二)\n\
         7. 到期时间 2026年2月24日 (周二) 24:00\n"
    );
    let en = due.explain(Lang::En);
    assert!(en.contains("Sat 2026-02-14 is a make-up working day"), "{en}");
    assert!(en.contains("it is due by Tue 2026-02-24 24:00"), "{en}");
    let rolled = vocab::due(&rule(60, Unit::Day), at("2026-02-10T09:00"), &calendar(), &[]).unwrap();
    assert!(rolled.explain(Lang::Zh).contains("顺延至 2026年4月13日 (周一)"));
}

#[test]
fn a_date_beyond_the_published_notice_is_provisional() {
    let due = due(&rule(60, Unit::Day), at("2026-11-20T09:00"), &calendar(), &[]).unwrap();
    assert!(due.provisional);
    assert!(due.explanation.contains(&ExplainStep::Provisional { from: date(2027, 1, 1) }));
}

#[test]
fn the_calendar_tells_the_four_kinds_of_day_apart() {
    let calendar = calendar();
    assert_eq!(calendar.kind(day("2026-02-14")), DayKind::MakeUp);
    assert_eq!(calendar.kind(day("2026-02-16")), DayKind::Holiday);
    assert_eq!(calendar.kind(day("2026-03-07")), DayKind::Weekend);
    assert_eq!(calendar.kind(day("2026-03-06")), DayKind::Workday);
    assert!(calendar.is_open(at("2026-02-14T08:30")) && !calendar.is_open(at("2026-02-14T12:00")));
    assert!(!calendar.is_open(at("2026-02-15T10:00")));
    assert_eq!(calendar.workdays_between(day("2026-02-10"), day("2026-02-24")), 5);
    assert_eq!(calendar.subtract_workdays(day("2026-02-24"), 5).unwrap(), day("2026-02-10"));
}

#[test]
fn a_calendar_and_a_due_date_read_back_from_json() {
    let calendar = calendar();
    let text = serde_json::to_string(&calendar).unwrap();
    assert_eq!(serde_json::from_str::<Calendar>(&text).unwrap(), calendar);
    let due = due_extended(
        &rule(5, Unit::Workday),
        at("2026-02-10T09:00"),
        &calendar,
        &[pause("2026-02-11T09:00", "2026-02-12T09:00")],
        3,
    );
    let due = due.unwrap();
    let text = serde_json::to_string(&due).unwrap();
    assert_eq!(serde_json::from_str::<vocab::DueDate>(&text).unwrap(), due);
}

fn any_moment() -> impl Strategy<Value = Timestamp> {
    // 2025-06-01 to 2027-06-01, in minutes.
    (0_i64..1_051_200).prop_map(|minutes| at("2025-06-01T00:00") + SignedDuration::from_mins(minutes))
}

fn any_unit() -> impl Strategy<Value = Unit> {
    prop::sample::select(vec![Unit::Minute, Unit::Hour, Unit::Workhour, Unit::Day, Unit::Workday])
}

fn any_pause() -> impl Strategy<Value = Pause> {
    (any_moment(), 0_i64..60_000).prop_map(|(from, minutes)| Pause {
        reason: "hearing".into(),
        from,
        until: Some(from + SignedDuration::from_mins(minutes)),
    })
}

fn any_pauses() -> impl Strategy<Value = Vec<Pause>> {
    prop::collection::vec(any_pause(), 0..4)
}

proptest! {
    #[test]
    fn a_later_event_is_never_due_earlier(a in any_moment(), b in any_moment(), amount in 0_u32..90, unit in any_unit(), pauses in any_pauses()) {
        let (first, second) = (a.min(b), a.max(b));
        let early = due(&rule(amount, unit), first, &calendar(), &pauses).unwrap();
        let late = due(&rule(amount, unit), second, &calendar(), &pauses).unwrap();
        prop_assert!(early.due_at <= late.due_at);
    }

    #[test]
    fn a_longer_period_never_ends_earlier(anchor in any_moment(), amount in 0_u32..90, more in 0_u32..30, unit in any_unit(), pauses in any_pauses()) {
        let short = due(&rule(amount, unit), anchor, &calendar(), &pauses).unwrap();
        let long = due(&rule(amount + more, unit), anchor, &calendar(), &pauses).unwrap();
        prop_assert!(short.due_at <= long.due_at);
        prop_assert!(short.raw_on <= short.rolled_on);
    }

    #[test]
    fn a_period_in_working_days_ends_on_a_worked_day_and_holds_as_many(anchor in any_moment(), amount in 1_u32..90) {
        let calendar = calendar();
        let due = due(&rule(amount, Unit::Workday), anchor, &calendar, &[]).unwrap();
        prop_assert!(calendar.is_workday(due.raw_on));
        prop_assert_eq!(due.raw_on, due.rolled_on);
        prop_assert_eq!(calendar.workdays_between(day_of(anchor), due.raw_on), amount);
    }

    #[test]
    fn a_rolled_day_is_worked_and_everything_between_is_not(anchor in any_moment(), amount in 1_u32..90) {
        let calendar = calendar();
        let due = due(&rule(amount, Unit::Day), anchor, &calendar, &[]).unwrap();
        prop_assert!(calendar.is_workday(due.rolled_on));
        prop_assert_eq!(day_of(anchor).until(due.raw_on).unwrap().get_days(), i32::try_from(amount).unwrap());
        let mut between = due.raw_on;
        while between < due.rolled_on {
            prop_assert!(!calendar.is_workday(between));
            between = between.tomorrow().unwrap();
        }
    }

    #[test]
    fn a_pause_never_shortens_and_never_gives_more_than_it_took(anchor in any_moment(), amount in 1_u32..60, pause in any_pause()) {
        let plain = due(&rule(amount, Unit::Day), anchor, &calendar(), &[]).unwrap();
        let paused = due(&rule(amount, Unit::Day), anchor, &calendar(), std::slice::from_ref(&pause)).unwrap();
        let taken = day_of(pause.from).until(day_of(pause.until.unwrap())).unwrap().get_days();
        let moved = plain.raw_on.until(paused.raw_on).unwrap().get_days();
        prop_assert!(0 <= moved && moved <= taken, "moved {moved} of {taken}");
    }

    #[test]
    fn hours_paused_inside_the_period_come_back_exactly(anchor in any_moment(), amount in 1_u32..500, begin in 0_i64..10_000, minutes in 0_i64..5_000) {
        let from = anchor + SignedDuration::from_mins(begin);
        let pause = Pause { reason: "hearing".into(), from, until: Some(from + SignedDuration::from_mins(minutes)) };
        let plain = due(&rule(amount, Unit::Hour), anchor, &calendar(), &[]).unwrap();
        let paused = due(&rule(amount, Unit::Hour), anchor, &calendar(), &[pause]).unwrap();
        let expected = if from <= plain.due_at { minutes } else { 0 };
        prop_assert_eq!(paused.due_at.duration_since(plain.due_at), SignedDuration::from_mins(expected));
    }

    #[test]
    fn an_extension_is_the_same_as_a_longer_period(anchor in any_moment(), amount in 1_u32..90, granted in 1_u32..30, unit in any_unit(), pauses in any_pauses()) {
        let extended = due_extended(&rule(amount, unit), anchor, &calendar(), &pauses, granted).unwrap();
        let long = due(&rule(amount + granted, unit), anchor, &calendar(), &pauses).unwrap();
        prop_assert_eq!((extended.due_at, extended.raw_on), (long.due_at, long.raw_on));
    }

    #[test]
    fn working_hours_end_within_office_hours(anchor in any_moment(), amount in 1_u32..80) {
        let calendar = calendar();
        let due = due(&rule(amount, Unit::Workhour), anchor, &calendar, &[]).unwrap();
        prop_assert!(calendar.is_open(due.due_at - SignedDuration::from_secs(1)));
        let back = vocab::before(due.due_at, amount, Unit::Workhour, &calendar).unwrap();
        prop_assert!(back >= anchor);
        let forth = vocab::due(&rule(amount, Unit::Workhour), back, &calendar, &[]).unwrap();
        prop_assert_eq!(forth.due_at, due.due_at);
    }

    #[test]
    fn the_last_instant_belongs_to_the_last_day(anchor in any_moment(), amount in 0_u32..90) {
        let due = due(&rule(amount, Unit::Day), anchor, &calendar(), &[]).unwrap();
        prop_assert_eq!(day_of(due.due_at), due.rolled_on);
        prop_assert_eq!(due.due_at + SignedDuration::from_micros(1), moment(due.rolled_on.tomorrow().unwrap(), time(0, 0, 0, 0)).unwrap());
    }
}
