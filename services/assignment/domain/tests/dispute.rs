//! 异议: what a unit's objection sets going, and what ends it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failed test should panic

mod common;

use assignment_domain::case::EndedBecause;
use assignment_domain::consultation::Cause;
use assignment_domain::file::{AskedShare, CaseFile, Command, Event};
use assignment_domain::list::ListItem;
use assignment_domain::precedent::Precedent;
use assignment_domain::refusal::Refusal;
use common::case::*;
use common::{County, declared, facts, item, unit};
use vocab::{Condition, Duty, FactValue, Operand, Operator, Role};

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
    let helper = only_where("reserve", item("R3", "HB", &["fume"], &[Duty::Assist]));
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
    let shares = vec![share("HB", Role::Lead, Duty::Punish, "P1")];
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

/// A ruling stands, and ZF's objection to its follow-up of an operation was upheld after it.
fn sent_back_after_a_ruling(county: &County, shares: Vec<AskedShare>) -> CaseFile {
    let file = go(county, &accepted(county, &["fume", "noise"]), concluded(vec![follow_up("ZF", "P1")]));
    let zf = order_of(&file, "ZF");
    let file = returned(county, &go(county, &file, object(zf)), "GA");
    let file = ruled(county, &file, shares);
    assert_eq!(file.orders[&zf].ruling, file.case.stage.decision().unwrap().ruling());
    go(county, &file, decide(zf, true))
}

#[test]
fn what_was_sent_back_after_a_ruling_only_a_ruling_settles() {
    let mut county = barbecue();
    let hb = || share("HB", Role::Lead, Duty::Punish, "P2");
    for shares in [vec![hb()], vec![hb(), share("ZF", Role::Support, Duty::Punish, "P1")]] {
        county.precedents.clear();
        let file = sent_back_after_a_ruling(&county, shares.clone());
        let open = file.consultation.clone().unwrap();
        assert!(open.is_open());
        // The lists give ZF the lead as they did before; with the precedent that the ruling became, what was ruled.
        for precedents in [vec![], vec![precedent_of_the_ruling(&county, &shares)]] {
            county.precedents = precedents;
            let file = with_facts(&county, &file, &[("night", true)]);
            assert_eq!((file.case.stage.name(), file.consultation.as_ref()), ("consulting", Some(&open)));
        }
        let file = ruled(&county, &file, vec![share("SJ", Role::Lead, Duty::Punish, "P1")]);
        assert_eq!(open_order(&file, "SJ").role, Role::Lead);
    }
}

/// The precedent that a ruling with these shares becomes.
fn precedent_of_the_ruling(county: &County, shares: &[AskedShare]) -> Precedent {
    let file = returned(county, &accepted(county, &["fume", "noise"]), "GA");
    let asked = file.consultation.as_ref().unwrap().outstanding();
    let file = asked.iter().fold(file, |file, who| go(county, &file, take(&file, who.as_str())));
    let events = county.with(|setting| file.decide(ruling(&file, shares.to_vec()), setting)).unwrap().events;
    let ruled = events.into_iter().find_map(|event| match event {
        Event::Ruled(ruling) => Some(ruling.precedent),
        _ => None,
    });
    ruled.unwrap()
}

#[test]
fn a_ruling_answers_the_objections_before_it_and_none_after_it() {
    let county = barbecue();
    let comes_back = |file: &CaseFile| {
        let file = go(&county, file, Command::End { because: EndedBecause::RoutedAway });
        let file = go(&county, &file, Command::ReturnFromRoute { facts: facts(&["fume", "noise"]) });
        go(&county, &file, accept(facts(&["fume", "noise"])))
    };
    let returned = returned(&county, &accepted(&county, &["fume", "noise"]), "GA");
    assert_eq!(comes_back(&returned).case.stage.name(), "consulting");
    let ruled = ruled(&county, &returned, vec![share("HB", Role::Lead, Duty::Punish, "P2")]);
    assert_eq!(comes_back(&ruled).case.stage.name(), "determined");
    // ZF supported under the ruling with what it led before, and leads with it by the lists.
    let shares = vec![share("HB", Role::Lead, Duty::Punish, "P2"), share("ZF", Role::Support, Duty::Punish, "P1")];
    let after = sent_back_after_a_ruling(&county, shares);
    assert_eq!(comes_back(&after).case.stage.name(), "consulting");
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
fn of_several_objections_no_more_are_upheld_than_the_budget_allows() {
    let mut county = barbecue();
    county.policy.hop_budget = 1;
    let units = ["GA", "ZF", "town-330421103"];
    let file = accepted(&county, &["fume", "noise"]);
    let orders = units.map(|who| order_of(&file, who));
    let file = orders.iter().fold(file, |file, order| go(&county, &file, object(*order)));
    let file = go(&county, &file, decide(orders[0], true));
    for order in &orders[1..] {
        assert_eq!(refused(&county, &file, decide(*order, true)), Refusal::HopsSpent { budget: 1 });
        assert_eq!(go(&county, &file, decide(*order, false)).case.hops, 1);
    }
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
