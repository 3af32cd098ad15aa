//! The pack of Jiashan county is valid, and its lists give the answers the county expects.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failed test should panic

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::LazyLock;

use jiff::civil::{Date, date, time};
use pack::{DeclineCode, Pack, UnitKind};
use vocab::{Body, DayKind, Duty, MatterCode, RegionCode, UnitCode};

static JIASHAN: LazyLock<Pack> = LazyLock::new(|| {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../deploy/packs/jiashan");
    let files = pack::disk::files_from_dir(&directory).unwrap();
    pack::parse(&files).unwrap_or_else(|mistakes| {
        let lines: Vec<_> = mistakes.iter().map(ToString::to_string).collect();
        panic!("{} mistakes\n{}", lines.len(), lines.join("\n"))
    })
});

fn xitang() -> RegionCode {
    "330421103".parse().unwrap()
}

fn matter(code: &str) -> MatterCode {
    code.parse().unwrap()
}

fn unit(code: &str) -> UnitCode {
    code.parse().unwrap()
}

/// Every unit that holds a power item covering the matter, at a place and on a day.
fn holders(code: &str, place: &RegionCode, day: Date) -> BTreeSet<UnitCode> {
    let items = JIASHAN.power_items.iter();
    let covering = items.filter(|item| item.matters.contains(&matter(code)) && item.validity.covers(day));
    covering.flat_map(|item| item.holders_at(place, day)).collect()
}

fn units(codes: &[&str]) -> BTreeSet<UnitCode> {
    codes.iter().map(|code| unit(code)).collect()
}

#[test]
fn the_county_is_complete() {
    assert_eq!((JIASHAN.towns.len(), JIASHAN.villages.len()), (9, 174));
    let departments = JIASHAN.units.iter().filter(|unit| unit.kind == UnitKind::Department).count();
    let towns = JIASHAN.units.iter().filter(|unit| unit.kind == UnitKind::Town).count();
    assert_eq!((departments, towns), (17, 9));
    let core = JIASHAN.power_items.iter().filter(|item| !item.code.as_str().ends_with(".old"));
    assert_eq!(core.clone().count(), 116);
    assert_eq!(core.filter(|item| item.designated_by_government).count(), 11);
    assert_eq!(JIASHAN.region_name(&"330421103".parse().unwrap()).unwrap(), "西塘镇");
    assert!(JIASHAN.region_name(&JIASHAN.villages[0].code).unwrap().starts_with("魏塘街道"));
}

#[test]
fn the_pack_reads_back_from_its_canonical_document_with_the_same_hash() {
    let bytes = JIASHAN.canonical_bytes().unwrap();
    let again = Pack::from_canonical(&bytes).unwrap();
    assert_eq!(again, *JIASHAN);
    assert_eq!(again.hash().unwrap(), JIASHAN.hash().unwrap());
    assert_eq!(JIASHAN.hash().unwrap().len(), 64);
    let mut other = again;
    other.county.zh.push('!');
    assert_ne!(other.hash().unwrap(), JIASHAN.hash().unwrap());
    assert!(Pack::from_canonical(b"{}").is_err());
}

#[test]
fn every_item_of_the_old_law_ends_where_the_new_one_begins() {
    let old: Vec<_> = JIASHAN.power_items.iter().filter(|item| item.replaced_by.is_some()).collect();
    assert!(old.len() >= 12);
    for item in old {
        let newer = item.replaced_by.as_ref().unwrap();
        let newer = JIASHAN.power_items.iter().find(|other| other.code == *newer).unwrap();
        assert_eq!(item.validity.to.unwrap().tomorrow().unwrap(), newer.validity.from, "{}", item.code);
    }
    let by_law = |day: Date| -> BTreeSet<String> {
        let items = JIASHAN.power_items.iter();
        let items =
            items.filter(|item| item.matters.contains(&matter("noise.trade.loudspeaker")) && item.validity.covers(day));
        items.map(|item| item.citation.law.clone()).collect()
    };
    assert_eq!(by_law(date(2026, 8, 14)), BTreeSet::from(["噪声污染防治法".to_owned()]));
    assert_eq!(by_law(date(2026, 8, 15)), BTreeSet::from(["生态环境法典".to_owned()]));
}

#[test]
fn open_air_barbecue_with_night_noise_is_led_by_comprehensive_enforcement() {
    for day in [date(2026, 3, 1), date(2026, 9, 1)] {
        assert_eq!(holders("fume.barbecue.open_air", &xitang(), day), units(&["ZF"]), "{day}");
        assert!(holders("noise.trade.night", &xitang(), day).contains(&unit("ZF")));
        let case = [matter("fume.barbecue.open_air"), matter("noise.trade.night")];
        let rule = JIASHAN.boundary_rules.iter().find(|rule| {
            rule.validity.covers(day)
                && rule.towns.covers(&xitang())
                && rule.all_of.iter().all(|code| case.contains(code))
                && (rule.any_of.is_empty() || rule.any_of.iter().any(|code| case.contains(code)))
        });
        let rule = rule.unwrap();
        assert_eq!(rule.lead, Body::Unit(unit("ZF")));
        let support: BTreeSet<_> = rule.support.iter().map(|body| body.at(&xitang())).collect();
        assert_eq!(support, units(&["HB", "GA", "SJ", "town-330421103"]));
        // Each of the four has an item of its own to cite.
        let duties = JIASHAN.responsibility_items.iter().filter(|item| item.validity.covers(day));
        let bound: BTreeSet<_> = duties
            .filter(|item| item.matters.iter().any(|code| case.contains(code)))
            .map(|item| item.unit.at(&xitang()))
            .collect();
        assert!(bound.is_superset(&support), "{bound:?}");
    }
}

#[test]
fn an_illegal_building_in_the_old_town_has_three_holders_and_no_rule() {
    let holders = holders("heritage.illegal_building", &xitang(), date(2026, 3, 1));
    assert_eq!(holders, units(&["ZF", "ZG", "WL"]));
    let ruled = JIASHAN
        .boundary_rules
        .iter()
        .any(|rule| rule.all_of.iter().chain(&rule.any_of).any(|code| *code == matter("heritage.illegal_building")));
    assert!(!ruled);
}

#[test]
fn noise_of_shared_equipment_is_a_gap_and_says_so() {
    let gap = JIASHAN.matter(&matter("noise.residential_equipment")).unwrap();
    assert!(!gap.gap_note.is_empty());
    assert!(holders(gap.code.as_str(), &xitang(), date(2026, 3, 1)).is_empty());
}

#[test]
fn a_transferred_power_has_its_history_and_leaves_a_duty_behind() {
    let item = JIASHAN.power_items.iter().find(|item| item.code.as_str() == "PI018").unwrap();
    assert_eq!(item.holders_at(&xitang(), date(2021, 12, 31)), vec![unit("ZG")]);
    assert_eq!(item.holders_at(&xitang(), date(2022, 1, 1)), vec![unit("ZF")]);
    let transfer = item.transfer.as_ref().unwrap();
    assert!(transfer.kept.duties.contains(&Duty::Identify));
    assert_eq!(transfer.kept.citation.article, "第十六条");
    let stalls = JIASHAN.power_items.iter().find(|item| item.code.as_str() == "PI030").unwrap();
    let yaozhuang: RegionCode = "330421111".parse().unwrap();
    assert_eq!(stalls.holders_at(&yaozhuang, date(2026, 3, 1)), vec![unit("town-330421111")]);
    assert_eq!(stalls.holders_at(&xitang(), date(2026, 3, 1)), vec![unit("ZF")]);
}

#[test]
fn every_leaf_matter_is_held_at_every_town_today_or_is_a_known_gap() {
    let day = date(2026, 9, 1);
    for leaf in &JIASHAN.matters {
        if JIASHAN.matters.iter().any(|other| other.parent.as_ref() == Some(&leaf.code)) || !leaf.gap_note.is_empty() {
            continue;
        }
        for town in &JIASHAN.towns {
            assert!(!holders(leaf.code.as_str(), &town.code, day).is_empty(), "{} in {}", leaf.code, town.name);
        }
    }
}

#[test]
fn every_enforcing_body_has_three_certified_officers() {
    for body in JIASHAN.units.iter().filter(|unit| unit.enforcing) {
        let certified =
            JIASHAN.officers.iter().filter(|officer| officer.unit == body.code && officer.certificate.is_some());
        assert!(certified.count() >= 3, "{}", body.code);
    }
    let soon = date(2026, 4, 1);
    let expiring =
        JIASHAN.officers.iter().filter_map(|officer| officer.certificate.as_ref()).filter(|card| card.valid_to < soon);
    assert_eq!(expiring.count(), 1);
    assert!(JIASHAN.officers.iter().any(|officer| officer.auxiliary));
}

#[test]
fn the_calendar_gives_the_worked_examples_of_the_law() {
    let finish = JIASHAN.clock_rule(&"petition.finish".parse().unwrap()).unwrap();
    let object = JIASHAN.clock_rule(&"order.object".parse().unwrap()).unwrap();
    let anchor = vocab::calendar::moment(date(2026, 9, 30), time(10, 0, 0, 0)).unwrap();
    assert_eq!(vocab::due(object, anchor, &JIASHAN.calendar, &[]).unwrap().rolled_on, date(2026, 10, 13));
    let due = vocab::due(finish, anchor, &JIASHAN.calendar, &[]).unwrap();
    assert_eq!((due.raw_on, due.rolled_on), (date(2026, 11, 29), date(2026, 11, 30)));
    assert_eq!(JIASHAN.calendar.kind(date(2024, 2, 4)), DayKind::MakeUp);
    let worked = |year: i16| JIASHAN.calendar.workdays_between(date(year - 1, 12, 31), date(year, 12, 31));
    assert_eq!((worked(2024), worked(2025), worked(2026)), (251, 248, 248));
    assert!(JIASHAN.calendar.is_provisional(date(2027, 1, 1)) && !JIASHAN.calendar.is_provisional(date(2026, 12, 31)));
}

#[test]
fn every_ground_for_declining_has_a_notice_and_a_right_route() {
    for ground in DeclineCode::ALL {
        let rules: Vec<_> = JIASHAN.acceptance_rules.iter().filter(|rule| rule.ground == *ground).collect();
        assert!(!rules.is_empty());
        for rule in rules {
            assert!(JIASHAN.template(&rule.notice).is_some());
            assert_eq!(rule.hand_over, rule.notice.as_str() == "notice.hand_over", "{}", rule.code);
            assert!(!rule.hand_over || !rule.route_code.is_empty());
        }
    }
}

#[test]
fn compulsory_enforcement_is_forbidden_at_night_and_on_holidays_and_inspection_is_not() {
    let slots = &JIASHAN.operations.forbidden_slots;
    let forbids = |kind, hour| slots.iter().any(|slot| slot.covers(kind, time(hour, 0, 0, 0)));
    assert!(forbids(DayKind::Workday, 23) && forbids(DayKind::Workday, 5) && forbids(DayKind::Holiday, 12));
    assert!(!forbids(DayKind::Workday, 20) && !forbids(DayKind::Weekend, 12));
    assert!(slots.iter().all(|slot| slot.compulsory_only));
}
