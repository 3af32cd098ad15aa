//! 异议: what a unit's objection sets going, and what ends it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failed test should panic

mod common;

use assignment_domain::consultation::Cause;
use assignment_domain::file::{CaseFile, Command};
use assignment_domain::list::ListItem;
use assignment_domain::refusal::Refusal;
use common::case::*;
use common::{County, declared, facts, item, unit};
use vocab::{Condition, FactValue, Operand, Operator, Role};

/// An item that matches only where the fact is declared as true.
fn only_where(fact: &str, mut item: ListItem) -> ListItem {
    let value = Operand::One(FactValue::Bool(true));
    item.conditions = vec![Condition { fact: fact.parse().unwrap(), operator: Operator::Is, value }];
    item
}

/// ZF alone; with a licence SJ alone; in a nature reserve HB beside ZF as a helper.
fn fume() -> County {
    let mut unlicensed = only_where("licensed", item("P1", "ZF", &["fume"], PUNISH));
    unlicensed.conditions[0].operator = Operator::IsNot;
    let helper = only_where("reserve", item("R3", "HB", &["fume"], &[vocab::Duty::Assist]));
    County::new(vec![unlicensed, only_where("licensed", item("P2", "SJ", &["fume"], PUNISH)), helper], vec![])
}

fn with_facts(county: &County, file: &CaseFile, known: &[(&str, bool)]) -> CaseFile {
    let facts = known.iter().fold(file.case.facts.clone(), |facts, (fact, value)| declared(facts, fact, *value));
    go(county, file, Command::AddFacts { facts })
}

/// ZF's case, not licensed, and ZF was right to object.
fn disputed(county: &County) -> CaseFile {
    let facts = declared(facts(&["fume"]), "licensed", false);
    let file = registered(county, facts.clone());
    let file = go(county, &file, accept(facts));
    assert_eq!(file.case.stage.decision().unwrap().lead(), Some(&unit("ZF")));
    returned(county, &file, "ZF")
}

#[test]
fn facts_that_leave_the_answer_objected_to_as_it_was_leave_the_consultation_open() {
    let county = fume();
    let file = disputed(&county);
    let open = file.consultation.clone().unwrap();
    assert!(matches!(open.cause, Cause::Objection { .. }));
    // A fact no item knows; then one that gives HB a part beside ZF, which is not what was disputed.
    for known in [&[("night", true)][..], &[("reserve", true)]] {
        let file = with_facts(&county, &file, known);
        assert_eq!(file.case.stage.name(), "consulting", "{known:?}");
        assert_eq!(file.consultation.as_ref(), Some(&open), "{known:?}");
        assert!(file.orders.values().all(|order| !order.is_open()), "{known:?}");
    }
    let shares = vec![share("HB", Role::Lead, vocab::Duty::Punish, "P1")];
    assert_eq!(ruled(&county, &file, shares).case.stage.name(), "ruled");
}

#[test]
fn facts_that_give_another_answer_than_the_one_objected_to_settle_the_consultation() {
    let county = fume();
    let file = with_facts(&county, &disputed(&county), &[("licensed", true)]);
    assert_eq!(file.case.stage.decision().unwrap().lead(), Some(&unit("SJ")));
    assert!(!file.consultation.as_ref().unwrap().is_open());
    assert_eq!(open_order(&file, "SJ").role, Role::Lead);
}

#[test]
fn facts_that_come_back_to_the_answer_objected_to_are_consulted_upon_again() {
    let county = fume();
    let file = with_facts(&county, &disputed(&county), &[("licensed", true)]);
    let first = file.consultation.as_ref().unwrap().id;
    let other_matter = vocab::CaseFacts { object_type: "house".parse().unwrap(), ..file.case.facts.clone() };
    let file = go(&county, &file, Command::AddFacts { facts: declared(other_matter, "licensed", false) });
    assert_eq!(file.case.stage.name(), "consulting");
    let again = file.consultation.as_ref().unwrap();
    assert!(again.id != first && matches!(again.cause, Cause::Objection { .. }));
    assert!(again.asked.contains(&unit("ZF")));
}

#[test]
fn facts_that_settle_an_overlap_of_the_lists_still_end_its_consultation() {
    let county = County::new(
        vec![item("P1", "ZF", &["heritage"], PUNISH), only_where("licensed", item("P2", "WL", &["heritage"], PUNISH))],
        vec![],
    );
    let licensed = declared(facts(&["heritage"]), "licensed", true);
    let file = go(&county, &registered(&county, licensed.clone()), accept(licensed));
    assert_eq!(file.case.stage.name(), "consulting");
    let file = with_facts(&county, &file, &[("licensed", false)]);
    assert_eq!(file.case.stage.decision().unwrap().lead(), Some(&unit("ZF")));
}

#[test]
fn rejected_objections_take_nothing_from_another_unit_s_right_to_object() {
    let county = barbecue();
    assert_eq!(county.policy.hop_budget, 2);
    let mut file = accepted(&county, &["fume", "noise"]);
    for who in ["GA", "ZF"] {
        let order = order_of(&file, who);
        file = go(&county, &go(&county, &file, object(order)), decide(order, false));
        assert_eq!(file.case.hops, 0);
    }
    let town = order_of(&file, "town-330421103");
    let file = go(&county, &go(&county, &file, object(town)), decide(town, true));
    assert_eq!((file.case.stage.name(), file.case.hops), ("consulting", 1));
}

#[test]
fn a_case_is_sent_back_no_more_often_than_its_budget_allows() {
    let mut county = fume();
    county.policy.hop_budget = 1;
    let file = with_facts(&county, &disputed(&county), &[("licensed", true)]);
    assert_eq!(file.case.hops, 1);
    let order = order_of(&file, "SJ");
    assert_eq!(refused(&county, &file, object(order)), Refusal::HopsSpent { budget: 1 });
}
