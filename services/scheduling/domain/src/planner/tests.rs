#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failed test should panic

use jiff::civil::Time;
use proptest::prelude::*;

use super::samples::*;
use super::*;
use crate::booking::BookingState;
use crate::{Hours, Kind};

fn night() -> Hours {
    Hours::Daily { from: Time::constant(20, 0, 0, 0), to: Time::constant(23, 0, 0, 0) }
}

fn plan(requirements: &Requirements, means: &Means, from: &str, until: &str) -> Result<Plan, Infeasible> {
    earliest_slot(requirements, means, &law(), at(from), at(until))
}

#[test]
fn a_barbecue_is_inspected_at_night_on_the_first_free_evening() {
    let wanted = requirements(&["ZF", "HB"], terms(Kind::Inspection, night()));
    let mut means = two_of_each(&["ZF", "HB"]);
    means.bookings.push(booked(9, "HB-1", "HB", "2026-03-06 19:00", "2026-03-06 21:00"));
    let found = plan(&wanted, &means, "2026-03-06 10:10", "2026-03-20 00:00").unwrap();
    assert_eq!(found.span.from, at("2026-03-06 21:00"), "right after the other operation");
    assert_eq!(found.crews.iter().map(|crew| crew.officers.len()).collect::<Vec<_>>(), [2, 2]);
    assert_eq!(found.resources.len(), 1);
    assert!(found.passed_over.iter().any(|obstacle| matches!(obstacle, Obstacle::Short { best: 1, .. })));
}

#[test]
fn compulsory_enforcement_waits_for_the_morning_and_cites_the_law() {
    let wanted = requirements(&["ZF"], terms(Kind::Compulsory, Hours::Any));
    let found = plan(&wanted, &two_of_each(&["ZF"]), "2026-09-30 21:00", "2026-10-10 00:00").unwrap();
    assert_eq!(found.span.from, at("2026-10-08 06:00"), "after the night and seven days of holiday");
    let said = Words::joined(found.passed_over.iter().map(Obstacle::say).collect::<Vec<_>>().iter());
    assert!(said.zh.contains("《行政强制法》第四十三条"), "{}", said.zh);
}

#[test]
fn a_window_of_holidays_is_infeasible_and_says_which_law_forbids_it() {
    let wanted = requirements(&["ZF"], terms(Kind::Compulsory, Hours::Any));
    let refused = plan(&wanted, &two_of_each(&["ZF"]), "2026-10-01 00:00", "2026-10-08 00:00").unwrap_err();
    assert!(
        refused
            .obstacles
            .iter()
            .all(|obstacle| matches!(obstacle, Obstacle::Forbidden { otherwise_free, .. } if *otherwise_free > 0))
    );
    assert!(refused.say().zh.contains("法定节假日不得实施强制执行"));
    assert!(refused.say().en.contains("statutory holidays"));
}

#[test]
fn a_body_with_one_certified_officer_and_an_assistant_is_short_and_the_refusal_says_why() {
    let wanted = requirements(&["ZF", "GA"], terms(Kind::Inspection, Hours::Office));
    let mut means = two_of_each(&["ZF"]);
    for person in [officer("GA-1", "GA"), auxiliary("GA-2", "GA"), expiring("GA-3", "GA", "2026-03-01")] {
        means.officers.insert(person.code.clone(), person);
    }
    let refused = plan(&wanted, &means, "2026-03-02 08:00", "2026-03-06 00:00").unwrap_err();
    let short = refused.obstacles.iter().find_map(|obstacle| match obstacle {
        Obstacle::Short { unit, best, always, bars, .. } => Some((unit.as_str(), *best, *always, bars.clone())),
        _ => None,
    });
    let bars = vec![("auxiliary".to_owned(), 1), ("expired".to_owned(), 1)];
    assert_eq!(short, Some(("GA", 1, true, bars)));
}

#[test]
fn two_bodies_that_are_never_free_together_are_told_so() {
    let wanted = requirements(&["ZF", "HB"], terms(Kind::Inspection, Hours::Any));
    let mut means = two_of_each(&["ZF", "HB"]);
    means.bookings.push(booked(8, "ZF-1", "ZF", "2026-03-02 08:00", "2026-03-02 12:00"));
    means.bookings.push(booked(9, "HB-1", "HB", "2026-03-02 12:00", "2026-03-02 16:00"));
    let refused = plan(&wanted, &means, "2026-03-02 08:00", "2026-03-02 16:00").unwrap_err();
    assert!(
        refused
            .obstacles
            .iter()
            .any(|obstacle| matches!(obstacle, Obstacle::NeverTogether { units } if units.len() == 2))
    );
}

#[test]
fn what_the_operation_holds_itself_does_not_stand_in_its_way_and_released_bookings_do_not_count() {
    let wanted = requirements(&["ZF"], terms(Kind::Inspection, Hours::Any));
    let mut means = two_of_each(&["ZF"]);
    means.bookings.push(booked(1, "ZF-1", "ZF", "2026-03-02 08:00", "2026-03-02 12:00"));
    let mut released = booked(9, "ZF-2", "ZF", "2026-03-02 08:00", "2026-03-02 12:00");
    released.state = BookingState::Released;
    means.bookings.push(released);
    let found = plan(&wanted, &means, "2026-03-02 08:00", "2026-03-03 00:00").unwrap();
    assert_eq!(found.span.from, at("2026-03-02 08:00"));
}

#[test]
fn the_least_booked_come_first_then_the_order_of_codes_decides() {
    let wanted = requirements(&["ZF"], terms(Kind::Inspection, Hours::Any));
    let mut means = means(["ZF-1", "ZF-2", "ZF-3"].map(|code| officer(code, "ZF")));
    means.bookings.push(booked(9, "ZF-1", "ZF", "2026-03-05 08:00", "2026-03-05 12:00"));
    let found = plan(&wanted, &means, "2026-03-02 08:00", "2026-03-03 00:00").unwrap();
    let names: Vec<&str> = found.crews[0].officers.iter().map(PersonCode::as_str).collect();
    assert_eq!(names, ["ZF-2", "ZF-3"]);
}

#[test]
fn a_wish_is_taken_as_it_is_or_refused() {
    let mut wanted = requirements(&["ZF"], terms(Kind::Compulsory, Hours::Any));
    wanted.starts_at = Some(at("2026-03-02 20:10"));
    let means = two_of_each(&["ZF"]);
    let refused = plan(&wanted, &means, "2026-03-02 08:00", "2026-03-09 00:00").unwrap_err();
    assert!(matches!(refused.obstacles.as_slice(), [Obstacle::Forbidden { slots: 1, .. }]));
    wanted.starts_at = Some(at("2026-03-02 19:10"));
    assert!(plan(&wanted, &means, "2026-03-02 08:00", "2026-03-09 00:00").is_ok());
    wanted.starts_at = Some(at("2026-03-01 19:10"));
    let refused = plan(&wanted, &means, "2026-03-02 08:00", "2026-03-09 00:00").unwrap_err();
    assert!(matches!(refused.obstacles.as_slice(), [Obstacle::WishOutside { .. }]));
}

#[test]
fn a_replacement_keeps_whoever_can_still_come() {
    let wanted = requirements(&["ZF"], terms(Kind::Inspection, Hours::Any));
    let means = means(["ZF-1", "ZF-2", "ZF-3"].map(|code| officer(code, "ZF")));
    let span = Span { from: at("2026-03-02 08:00"), until: at("2026-03-02 10:00") };
    let unit = "ZF".parse().unwrap();
    let chosen = choose_officers(&unit, &["ZF-3".parse().unwrap()], 2, &wanted, &means, &span).unwrap();
    assert_eq!(chosen.iter().map(PersonCode::as_str).collect::<Vec<_>>(), ["ZF-1", "ZF-3"]);
    let bars = choose_officers(&unit, &[], 4, &wanted, &means, &span).unwrap_err();
    assert_eq!(bars, vec![], "all three are free, a fourth does not exist");
}

/// Hours of 2026-10-03 to 2026-10-10, so that weekend, holiday, make-up day and night all occur.
fn arbitrary_span() -> impl Strategy<Value = Span> {
    (0_i64..168, 1_i64..12).prop_map(|(start, hours)| {
        let from = at("2026-10-03 00:00") + SignedDuration::from_hours(start);
        Span { from, until: from + SignedDuration::from_hours(hours) }
    })
}

fn arbitrary_officer(nth: usize) -> impl Strategy<Value = Officer> {
    (0_usize..3, 0_u8..6, 1_i8..12).prop_map(move |(unit, sort, last)| {
        let unit = ["ZF", "HB", "GA"][unit];
        let code = format!("P{nth:02}");
        match sort {
            0 => auxiliary(&code, unit),
            1 => expiring(&code, unit, &format!("2026-10-{last:02}")),
            2 => Officer { suspended_since: Some(at("2026-01-01 00:00")), ..officer(&code, unit) },
            _ => officer(&code, unit),
        }
    })
}

fn arbitrary_means() -> impl Strategy<Value = Means> {
    let officers = (0..14).map(arbitrary_officer).collect::<Vec<_>>();
    let bookings = proptest::collection::vec((0_usize..14, arbitrary_span(), 2_u128..5, any::<bool>()), 0..30);
    (officers, bookings).prop_map(|(officers, bookings)| {
        let mut means = means(officers.clone());
        means.bookings = bookings
            .into_iter()
            .map(|(nth, span, other, holds)| Booking {
                operation: operation(other),
                subject: Subject::Officer(officers[nth].code.clone()),
                unit: officers[nth].unit.clone(),
                span,
                state: if holds { BookingState::Reserved } else { BookingState::Released },
            })
            .collect();
        means
    })
}

fn arbitrary_hours() -> impl Strategy<Value = Hours> {
    prop_oneof![
        Just(Hours::Any),
        Just(Hours::Office),
        (0_i8..24, 0_i8..24).prop_map(|(from, to)| Hours::Daily {
            from: Time::constant(from, 0, 0, 0),
            to: Time::constant(to, 0, 0, 0)
        }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Never twice in one place, never an assistant, never without a valid certificate, never against the law.
    #[test]
    fn a_plan_breaks_no_hard_rule(
        means in arbitrary_means(),
        hours in arbitrary_hours(),
        compulsory in any::<bool>(),
        minutes in 30_u32..300,
        recused in 0_usize..14,
    ) {
        let kind = if compulsory { Kind::Compulsory } else { Kind::Inspection };
        let mut terms = terms(kind, hours);
        terms.minutes = minutes;
        terms.recused.insert(format!("P{recused:02}").parse().unwrap());
        let wanted = requirements(&["ZF", "HB"], terms.clone());
        let law = law();
        let (from, until) = (at("2026-10-03 07:10"), at("2026-10-10 12:00"));
        let Ok(plan) = earliest_slot(&wanted, &means, &law, from, until) else { return Ok(()) };
        prop_assert!(from <= plan.span.from && plan.span.until <= until);
        prop_assert!(hours.allow(&plan.span, &law.calendar));
        prop_assert!(law.forbidding(&plan.span, kind, false).is_empty());
        prop_assert!(breaches_of(&plan, 2, &terms, &means.officers).is_empty());
        prop_assert_eq!(plan.crews.len(), 2);
        for code in plan.crews.iter().flat_map(|crew| &crew.officers) {
            let officer = &means.officers[code];
            prop_assert!(!officer.auxiliary && officer.suspended_since.is_none() && !terms.recused.contains(code));
            let certificate = officer.certificate.as_ref().unwrap();
            for day in plan.span.days() {
                prop_assert!(certificate.valid_from <= day && day <= certificate.valid_to);
            }
            let subject = Subject::Officer(code.clone());
            let clash = means.bookings.iter().any(|held| held.holds() && held.subject == subject && held.span.overlaps(&plan.span));
            prop_assert!(!clash, "{code} is booked twice");
        }
    }

    /// Nothing earlier on the grid would have done, and the same question has the same answer.
    #[test]
    fn a_plan_is_the_earliest_one(means in arbitrary_means(), hours in arbitrary_hours()) {
        let mut wanted = requirements(&["ZF"], terms(Kind::Compulsory, hours));
        let (from, until) = (at("2026-10-03 07:10"), at("2026-10-10 12:00"));
        let first = earliest_slot(&wanted, &means, &law(), from, until);
        prop_assert_eq!(&first, &earliest_slot(&wanted, &means, &law(), from, until));
        let end = first.as_ref().map_or(until, |plan| plan.span.from);
        let mut start = at("2026-10-03 07:30");
        while start < end {
            wanted.starts_at = Some(start);
            prop_assert!(earliest_slot(&wanted, &means, &law(), from, until).is_err());
            start += SignedDuration::from_mins(30);
        }
    }

    /// A refusal always names at least one obstacle, and says it in both languages.
    #[test]
    fn a_refusal_says_why(means in arbitrary_means(), hours in arbitrary_hours(), minutes in 30_u32..2000) {
        let mut terms = terms(Kind::Compulsory, hours);
        terms.minutes = minutes;
        let wanted = requirements(&["ZF", "HB", "GA"], terms);
        if let Err(refused) = earliest_slot(&wanted, &means, &law(), at("2026-10-03 07:10"), at("2026-10-05 12:00")) {
            prop_assert!(!refused.obstacles.is_empty());
            for obstacle in &refused.obstacles {
                let said = obstacle.say();
                prop_assert!(!said.zh.is_empty() && !said.en.is_empty());
            }
        }
    }
}
