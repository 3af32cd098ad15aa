//! The three rates: nothing is counted twice, nothing is dropped in silence, and one lucky case wins nothing.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failed test should panic

use std::collections::BTreeSet;

use evaluation_domain::{Opinion, OrderGroup, Rate, RateCode, RatingGroup, State, UnitRates, Weights, rates};
use proptest::prelude::*;

const WEIGHTS: Weights = Weights { response: 30, resolution: 35, satisfaction: 35 };

fn rounds(unit: &str, state: Option<State>, opinion: Option<(bool, bool, bool)>, rounds: u64) -> RatingGroup {
    let opinion = opinion.map(|(responded, resolved, satisfied)| Opinion { responded, resolved, satisfied });
    RatingGroup { unit: unit.parse().unwrap(), state, opinion, rounds }
}

fn orders(unit: &str, acknowledged_in_time: bool, orders: u64) -> OrderGroup {
    OrderGroup { unit: unit.parse().unwrap(), acknowledged_in_time, orders }
}

fn line(rate: &Rate) -> (u64, u64) {
    (rate.numerator, rate.denominator)
}

#[test]
fn a_quarter_is_counted_by_hand() {
    let ratings = [
        rounds("ZF", None, None, 4),
        rounds("ZF", Some(State::Drawn), None, 3),
        rounds("ZF", Some(State::Unreached), None, 2),
        rounds("ZF", Some(State::Lapsed), None, 1),
        rounds("ZF", Some(State::Recorded), Some((true, true, true)), 6),
        rounds("ZF", Some(State::Recorded), Some((false, true, false)), 1),
        rounds("ZF", Some(State::Adjudication), Some((true, false, false)), 1),
        rounds("ZF", Some(State::Upheld), Some((true, false, false)), 2),
        rounds("ZF", Some(State::Excluded), Some((true, false, false)), 5),
        rounds("HB", Some(State::Excluded), Some((true, false, false)), 1),
    ];
    let acknowledged = [orders("ZF", true, 9), orders("ZF", false, 1), orders("GA", true, 2)];
    let counted = rates::three_rates(&ratings, &acknowledged, WEIGHTS);
    let units: Vec<&str> = counted.iter().map(|unit| unit.unit.as_str()).collect();
    assert_eq!(units, ["GA", "HB", "ZF"]);
    let zf = &counted[2];
    assert_eq!((zf.closed, zf.drawn, zf.waiting, zf.unreached), (20, 16, 3, 2));
    assert_eq!((zf.lapsed, zf.reached, zf.responded, zf.excluded), (1, 10, 9, 5));
    assert_eq!(zf.rates.each_ref().map(line), [(9, 10), (7, 10), (6, 10)]);
    let composite = zf.composite_percent.unwrap();
    assert!((composite - (0.30 * 90.0 + 0.35 * 70.0 + 0.35 * 60.0)).abs() < 1e-9, "{composite}");
    // A unit that only supported has a response rate and no composite; one whose only rating was left out has none at all.
    assert_eq!((counted[0].closed, line(&counted[0].rates[0]), counted[0].composite_percent), (0, (2, 2), None));
    assert_eq!((counted[1].closed, counted[1].excluded, counted[1].rates[2].percent()), (0, 1, None));
}

#[test]
fn nothing_is_neither_zero_nor_a_hundred_percent() {
    let nothing = rates::nothing("ZF".parse().unwrap(), WEIGHTS);
    assert_eq!(nothing.closed, 0);
    for rate in nothing.rates {
        assert_eq!((rate.percent(), rate.interval_percent()), (None, None));
    }
    assert_eq!(nothing.composite_percent, None);
}

#[test]
fn one_lucky_case_does_not_beat_a_hundred_good_ones() {
    let rate = |numerator, denominator| Rate { code: RateCode::Satisfaction, numerator, denominator };
    let (lucky, _) = rate(1, 1).interval_percent().unwrap();
    let (steady, _) = rate(95, 100).interval_percent().unwrap();
    assert!(lucky < 21.0 && steady > 88.0, "{lucky} {steady}");
    // Known values of the Wilson interval.
    let (low, high) = rate(8, 10).interval_percent().unwrap();
    assert!((low - 49.016).abs() < 0.001 && (high - 94.332).abs() < 0.001, "{low} {high}");
    assert_eq!(rate(0, 7).interval_percent().unwrap().0, 0.0);
    assert_eq!(rate(7, 7).interval_percent().unwrap().1, 100.0);
}

fn any_group() -> impl Strategy<Value = RatingGroup> {
    let state = proptest::option::of(proptest::sample::select(State::ALL.to_vec()));
    let unit = proptest::sample::select(vec!["ZF", "HB", "GA"]);
    (unit, state, any::<(bool, bool, bool)>(), 0_u64..50).prop_map(|(unit, state, opinion, count)| {
        let reached = [State::Recorded, State::Adjudication, State::Upheld, State::Excluded];
        let said = state.is_some_and(|state| reached.contains(&state)).then_some(opinion);
        rounds(unit, state, said, count)
    })
}

fn any_orders() -> impl Strategy<Value = OrderGroup> {
    (proptest::sample::select(vec!["ZF", "HB", "SJ"]), any::<bool>(), 0_u64..50)
        .prop_map(|(unit, in_time, count)| orders(unit, in_time, count))
}

fn total(units: &[UnitRates], of: impl Fn(&UnitRates) -> u64) -> u64 {
    units.iter().map(of).sum()
}

proptest! {
    #[test]
    fn every_round_and_every_order_is_counted_once(
        groups in proptest::collection::vec(any_group(), 0..30),
        owed in proptest::collection::vec(any_orders(), 0..10),
    ) {
        let units = rates::three_rates(&groups, &owed, WEIGHTS);
        let all: u64 = groups.iter().map(|group| group.rounds).sum();
        prop_assert_eq!(total(&units, |unit| unit.closed + unit.excluded), all);
        prop_assert_eq!(total(&units, |unit| unit.rates[0].denominator), owed.iter().map(|one| one.orders).sum::<u64>());
        let codes: BTreeSet<_> = units.iter().map(|unit| unit.unit.clone()).collect();
        prop_assert_eq!(codes.len(), units.len());
        for unit in &units {
            prop_assert_eq!(unit.drawn, unit.waiting + unit.unreached + unit.lapsed + unit.reached);
            prop_assert!(unit.closed >= unit.drawn);
            prop_assert_eq!(unit.rates[1].denominator, unit.reached);
            prop_assert_eq!(unit.rates[2].denominator, unit.reached);
            for rate in unit.rates {
                prop_assert!(rate.numerator <= rate.denominator);
                if let (Some(percent), Some((low, high))) = (rate.percent(), rate.interval_percent()) {
                    prop_assert!(0.0 <= low && low <= percent && percent <= high && high <= 100.0);
                }
            }
            if let Some(composite) = unit.composite_percent {
                prop_assert!((0.0..=100.000_001).contains(&composite));
            }
        }
    }

    #[test]
    fn how_the_groups_are_split_does_not_matter(
        groups in proptest::collection::vec(any_group(), 0..20),
        owed in proptest::collection::vec(any_orders(), 0..10),
    ) {
        let one_by_one: Vec<RatingGroup> = groups
            .iter()
            .flat_map(|group| (0..group.rounds).map(|_| RatingGroup { rounds: 1, ..group.clone() }))
            .rev()
            .collect();
        let some: Vec<RatingGroup> = groups.iter().filter(|group| group.rounds > 0).cloned().collect();
        prop_assert_eq!(
            rates::three_rates(&some, &owed, WEIGHTS),
            rates::three_rates(&one_by_one, &owed, WEIGHTS)
        );
    }

    #[test]
    fn more_cases_of_the_same_share_make_a_narrower_interval(numerator in 0_u64..=20, denominator in 20_u64..40) {
        let width = |times: u64| {
            let rate = Rate {
                code: RateCode::Resolution,
                numerator: numerator * times,
                denominator: denominator * times,
            };
            let (low, high) = rate.interval_percent().unwrap();
            high - low
        };
        prop_assert!(width(10) < width(1));
    }
}
