//! 责任认定: what the lists say, and why.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failed test should panic

mod common;

use std::collections::BTreeSet;

use assignment_domain::determine::{AsOf, determine};
use assignment_domain::list::{ItemKind, ListItem, Lists, Recorded};
use assignment_domain::proof::{Basis, Determination, Miss, Proof};
use common::{at, boundary, declared, facts, item, unit, validity};
use proptest::prelude::*;
use vocab::{Condition, Duty, FactValue, Operand, Operator, Role, Scope};

fn asked(facts: &vocab::CaseFacts, lists: &Lists) -> Proof {
    determine(facts, lists, &[], AsOf { valid_on: facts.act_on, known_at: at("2026-03-02T09:00") })
}

fn only_if(mut item: ListItem, fact: &str, value: bool) -> ListItem {
    item.conditions.push(Condition {
        fact: fact.parse().unwrap(),
        operator: Operator::Is,
        value: Operand::One(FactValue::Bool(value)),
    });
    item
}

const PUNISH: &[Duty] = &[Duty::Investigate, Duty::Punish];

#[test]
fn one_holder_has_it_all() {
    let lists = Lists::new(vec![item("P1", "ZF", &["noise"], PUNISH)], vec![]);
    let proof = asked(&facts(&["noise"]), &lists);
    let Determination::Sole { lead, shares } = proof.answer else { panic!("{:?}", proof.answer) };
    assert_eq!(lead, unit("ZF"));
    assert_eq!(shares.iter().map(|share| share.duty).collect::<Vec<_>>(), [Duty::Punish, Duty::Investigate]);
    assert!(shares.iter().all(|share| share.role == Role::Lead && share.grounds[0].item.is_some()));
}

#[test]
fn who_punishes_leads_and_each_helper_has_the_duty_of_its_own_item() {
    let mut kept = item("P1", "HB", &["fume"], &[Duty::Identify, Duty::Assist]);
    kept.kind = ItemKind::KeptDuty;
    let lists = Lists::new(
        vec![item("P1", "ZF", &["fume"], PUNISH), kept, item("R3", "town", &["fume"], &[Duty::Rectify])],
        vec![],
    );
    let proof = asked(&facts(&["fume"]), &lists);
    let Determination::LeadWithSupport { lead, shares } = proof.answer else { panic!("{:?}", proof.answer) };
    assert_eq!(lead, unit("ZF"));
    let said: Vec<_> = shares.iter().map(|share| (share.unit.as_str(), share.role, share.duty)).collect();
    assert_eq!(
        said,
        [
            ("ZF", Role::Lead, Duty::Punish),
            ("ZF", Role::Lead, Duty::Investigate),
            ("HB", Role::Support, Duty::Identify),
            ("HB", Role::Support, Duty::Assist),
            ("town-330421103", Role::Support, Duty::Rectify),
        ]
    );
}

#[test]
fn two_holders_without_a_rule_overlap_and_none_is_a_gap() {
    let lists = Lists::new(vec![item("P1", "ZF", &["noise"], PUNISH), item("P2", "GA", &["noise"], PUNISH)], vec![]);
    let overlap = asked(&facts(&["noise"]), &lists).answer;
    assert_eq!(overlap, Determination::Overlap { contenders: BTreeSet::from([unit("GA"), unit("ZF")]) });
    assert_eq!(asked(&facts(&["light"]), &lists).answer, Determination::Gap);
}

#[test]
fn helpers_alone_leave_a_gap() {
    let lists = Lists::new(vec![item("R1", "GA", &["light"], &[Duty::Assist])], vec![]);
    assert_eq!(asked(&facts(&["light"]), &lists).answer, Determination::Gap);
}

#[test]
fn the_first_boundary_rule_that_applies_splits_an_overlap() {
    let items = vec![
        item("P1", "ZF", &["fume"], PUNISH),
        item("P2", "GA", &["noise"], PUNISH),
        item("P3", "WL", &["noise"], PUNISH),
    ];
    let rules = vec![boundary("B2", 1, &["noise"], "GA", &[]), boundary("B1", 0, &["noise"], "ZF", &["GA", "SJ"])];
    let proof = asked(&facts(&["fume", "noise"]), &Lists::new(items, rules));
    assert!(matches!(&proof.basis, Basis::BoundaryRule { code, .. } if code.as_str() == "B1"), "{:?}", proof.basis);
    let units: BTreeSet<_> = proof.answer.shares().iter().map(|share| share.unit.as_str()).collect();
    // WL holds only what the rule gave away; SJ has no item and helps on the rule alone.
    assert_eq!(units, BTreeSet::from(["ZF", "GA", "SJ"]));
    let helper = proof.answer.shares().iter().find(|share| share.unit == unit("SJ")).unwrap();
    assert_eq!((helper.duty, helper.grounds[0].citation.law.as_str()), (Duty::Assist, "会议纪要"));
}

#[test]
fn a_near_miss_names_the_one_thing_that_failed() {
    let elsewhere = ListItem {
        towns: Scope { regions: vec!["330421104".parse().unwrap()] },
        ..item("P1", "ZF", &["noise"], PUNISH)
    };
    let other_object =
        ListItem { object_types: BTreeSet::from(["bar".parse().unwrap()]), ..item("P2", "GA", &["noise"], PUNISH) };
    let repealed =
        ListItem { validity: validity("2020-01-01", Some("2026-02-28")), ..item("P3", "HB", &["noise"], PUNISH) };
    let contrary = only_if(item("P4", "WL", &["noise"], PUNISH), "licensed", true);
    let two_things = ListItem { towns: elsewhere.towns.clone(), ..contrary.clone() };
    let lists = Lists::new(
        vec![elsewhere, other_object, repealed, contrary, ListItem { code: "P5".parse().unwrap(), ..two_things }],
        vec![],
    );
    let proof = asked(&declared(facts(&["noise"]), "licensed", false), &lists);
    assert_eq!(proof.answer, Determination::Gap);
    let misses: Vec<_> = proof.near_misses.iter().map(|near| (near.item.item.as_str(), &near.miss)).collect();
    let fact = Miss::Fact { facts: BTreeSet::from(["licensed".parse().unwrap()]) };
    // In the order of the units that hold them.
    let expected = [("P2", &Miss::ObjectType), ("P3", &Miss::Validity), ("P4", &fact), ("P1", &Miss::Region)];
    assert_eq!(misses, expected);
}

#[test]
fn a_fact_is_missing_only_where_it_would_change_the_answer() {
    let same_holder = only_if(item("P2", "ZF", &["noise"], PUNISH), "dwelling", true);
    let other_holder = only_if(item("P3", "GA", &["noise"], PUNISH), "licensed", false);
    let lists = Lists::new(vec![item("P1", "ZF", &["noise"], PUNISH), same_holder, other_holder], vec![]);
    let proof = asked(&facts(&["noise"]), &lists);
    assert!(matches!(proof.answer, Determination::Sole { .. }));
    let missing: Vec<_> = proof.missing_facts.iter().map(|fact| fact.as_str()).collect();
    // Both change the answer: the first adds an item to the shares, the second a holder.
    assert_eq!(missing, ["dwelling", "licensed"]);
    let proof = asked(&declared(facts(&["noise"]), "licensed", true), &lists);
    assert_eq!(proof.missing_facts.iter().map(|fact| fact.as_str()).collect::<Vec<_>>(), ["dwelling"]);
}

#[test]
fn a_fact_that_a_boundary_rule_waits_for_is_missing() {
    let mut rule = boundary("B1", 0, &["noise"], "ZF", &[]);
    rule.conditions = only_if(item("P1", "ZF", &["noise"], PUNISH), "fixed_site", true).conditions;
    let items = vec![item("P1", "ZF", &["noise"], PUNISH), item("P2", "GA", &["noise"], PUNISH)];
    let proof = asked(&facts(&["noise"]), &Lists::new(items, vec![rule]));
    assert!(matches!(proof.answer, Determination::Overlap { .. }));
    assert_eq!(proof.missing_facts.iter().map(|fact| fact.as_str()).collect::<Vec<_>>(), ["fixed_site"]);
}

#[test]
fn the_day_of_the_act_decides_which_law_applies_on_both_edges() {
    let old = ListItem { validity: validity("2020-01-01", Some("2026-08-14")), ..item("P1", "HB", &["fume"], PUNISH) };
    let new = ListItem { validity: validity("2026-08-15", None), ..item("P2", "ZF", &["fume"], PUNISH) };
    let lists = Lists::new(vec![old, new], vec![]);
    let lead_on = |day: &str| {
        let facts = vocab::CaseFacts { act_on: day.parse().unwrap(), ..facts(&["fume"]) };
        match asked(&facts, &lists).answer {
            Determination::Sole { lead, .. } => lead.to_string(),
            other => format!("{other:?}"),
        }
    };
    assert_eq!(lead_on("2020-01-01"), "HB");
    assert_eq!(lead_on("2019-12-31"), "Gap");
    assert_eq!(lead_on("2026-08-14"), "HB");
    assert_eq!(lead_on("2026-08-15"), "ZF");
}

#[test]
fn an_earlier_question_is_answered_by_the_list_as_it_stood() {
    let was = ListItem {
        recorded: Recorded { from: at("2025-01-01T00:00"), until: Some(at("2026-02-01T00:00")) },
        ..item("P1", "HB", &["fume"], PUNISH)
    };
    let is = ListItem { recorded: Recorded::since(at("2026-02-01T00:00")), ..item("P1", "ZF", &["fume"], PUNISH) };
    let lists = Lists::new(vec![was, is], vec![]);
    let facts = facts(&["fume"]);
    let known = |moment: &str| determine(&facts, &lists, &[], AsOf { valid_on: facts.act_on, known_at: at(moment) });
    assert!(matches!(known("2026-01-31T23:59").answer, Determination::Sole { lead, .. } if lead == unit("HB")));
    assert!(matches!(known("2026-02-01T00:00").answer, Determination::Sole { lead, .. } if lead == unit("ZF")));
    assert_eq!(known("2024-12-31T00:00").answer, Determination::Gap);
}

const UNITS: &[&str] = &["ZF", "HB", "GA", "SJ", "town"];
const MATTERS: &[&str] = &["noise", "fume", "light"];

prop_compose! {
    fn any_item()(
        nth in 0_usize..100,
        holder in 0..UNITS.len(),
        matters in proptest::collection::btree_set(0..MATTERS.len(), 1..3),
        duty in proptest::sample::subsequence(Duty::ALL.to_vec(), 1..4),
        is_power in any::<bool>(),
        condition in proptest::option::of(any::<bool>()),
        ends in any::<bool>(),
    ) -> ListItem {
        let prefix = if is_power { "P" } else { "R" };
        let matters: Vec<&str> = matters.into_iter().map(|matter| MATTERS[matter]).collect();
        let mut item = item(&format!("{prefix}{nth}"), UNITS[holder], &matters, &duty);
        if let Some(value) = condition {
            item = only_if(item, "licensed", value);
        }
        if ends {
            item.validity.to = Some("2026-03-01".parse().unwrap());
        }
        item
    }
}

proptest! {
    #[test]
    fn the_order_of_the_list_decides_nothing(
        (items, shuffled) in proptest::collection::vec(any_item(), 0..12)
            .prop_flat_map(|items| (Just(items.clone()), Just(items).prop_shuffle())),
        licensed in proptest::option::of(any::<bool>()),
    ) {
        let mut facts = facts(&["noise", "fume"]);
        if let Some(value) = licensed {
            facts = declared(facts, "licensed", value);
        }
        let first = asked(&facts, &Lists::new(items, vec![]));
        let second = asked(&facts, &Lists::new(shuffled, vec![]));
        prop_assert_eq!(serde_json::to_vec(&first).unwrap(), serde_json::to_vec(&second).unwrap());
    }

    #[test]
    fn the_answer_follows_from_what_matched(items in proptest::collection::vec(any_item(), 0..12)) {
        let proof = asked(&facts(&["noise"]), &Lists::new(items, vec![]));
        let can_lead = |unit: &vocab::UnitCode| {
            proof.matched.iter().any(|item| item.unit == *unit && item.duties.iter().any(|duty| *duty != Duty::Assist))
        };
        match &proof.answer {
            Determination::Gap => prop_assert!(!proof.matched.iter().any(|item| can_lead(&item.unit))),
            Determination::Overlap { contenders } => {
                prop_assert!(contenders.len() > 1);
                prop_assert!(contenders.iter().all(can_lead));
            }
            Determination::Sole { lead, shares } | Determination::LeadWithSupport { lead, shares } => {
                prop_assert!(can_lead(lead));
                let leads: BTreeSet<_> =
                    shares.iter().filter(|share| share.role == Role::Lead).map(|share| &share.unit).collect();
                prop_assert_eq!(leads.into_iter().collect::<Vec<_>>(), vec![lead]);
                // Every unit with a matched item has a share, and every share rests on a matched item.
                let with_item: BTreeSet<_> = proof.matched.iter().map(|item| &item.unit).collect();
                let with_share: BTreeSet<_> = shares.iter().map(|share| &share.unit).collect();
                prop_assert_eq!(with_item, with_share);
                prop_assert!(shares.iter().all(|share| !share.grounds.is_empty()));
            }
        }
    }

    #[test]
    fn a_proof_reads_back_from_its_bytes(items in proptest::collection::vec(any_item(), 0..8)) {
        let proof = asked(&facts(&["noise"]), &Lists::new(items, vec![]));
        let bytes = serde_json::to_vec(&proof).unwrap();
        prop_assert_eq!(serde_json::from_slice::<Proof>(&bytes).unwrap(), proof);
    }
}
