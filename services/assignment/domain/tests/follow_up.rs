//! 后续处置: what an operation leaves to each body is never lost, whatever happens to the case meanwhile.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failed test should panic

mod common;

use assignment_domain::case::EndedBecause;
use assignment_domain::file::{CaseFile, Command};
use assignment_domain::refusal::Refusal;
use common::case::*;
use common::{County, facts, unit};
use vocab::{Duty, Role};

/// The barbecue with an operation under way, while the objection of GA, which was right, is consulted upon.
fn consulted_while_under_way(county: &County) -> CaseFile {
    let file = accepted(county, &["fume", "noise"]);
    let file = go(county, &file, Command::OperationNamed { operation: operation() });
    returned(county, &file, "GA")
}

#[test]
fn an_operation_that_ends_while_units_are_consulted_keeps_its_follow_ups_for_the_ruling() {
    let county = barbecue();
    let file = consulted_while_under_way(&county);
    let file = go(&county, &file, concluded(vec![follow_up("ZF", "P1"), follow_up("SJ", "P2")]));
    assert_eq!((file.case.stage.name(), file.case.operation), ("consulting", None));
    assert_eq!(follow_ups_out(&file), Vec::<&str>::new());
    // They are in the file as it is stored.
    let stored = serde_json::to_value(&file.case).unwrap();
    assert_eq!(serde_json::from_value::<assignment_domain::case::Case>(stored).unwrap(), file.case);

    let shares = vec![share("ZF", Role::Lead, Duty::Punish, "P1"), share("HB", Role::Support, Duty::Identify, "P2")];
    let file = ruled(&county, &file, shares);
    assert_eq!(follow_ups_out(&file), ["SJ", "ZF"]);
    assert_eq!(file.case.follow_ups, vec![]);
    let zf: Vec<_> = file.orders.values().filter(|order| order.unit == unit("ZF") && order.is_open()).collect();
    assert_eq!(zf.len(), 1, "ZF goes on under its follow-up alone");
    assert_eq!(zf[0].role, Role::Lead);
    assert!(file.orders.values().filter(|order| order.is_open()).all(|order| order.ruling.is_some()));
    assert_eq!(open_order(&file, "HB").task.duty, Duty::Identify);
}

#[test]
fn follow_ups_go_out_with_the_answer_that_facts_give_as_with_a_ruling() {
    let county = barbecue();
    let file = consulted_while_under_way(&county);
    let file = go(&county, &file, concluded(vec![follow_up("SJ", "P2")]));
    // It was not about noise after all: the lists no longer name GA.
    let mut facts = facts(&["fume"]);
    facts.object_type = "house".parse().unwrap();
    let mut county = county;
    county.lists = assignment_domain::list::Lists::new(county.lists.items().to_vec(), vec![]);
    let file = go(&county, &file, Command::AddFacts { facts });
    assert_eq!(file.case.stage.name(), "determined");
    assert_eq!(follow_ups_out(&file), ["SJ"]);
}

#[test]
fn a_share_that_a_follow_up_does_not_cover_is_sent_beside_it() {
    let county = barbecue();
    let file = consulted_while_under_way(&county);
    let file = go(&county, &file, concluded(vec![follow_up("ZF", "P1")]));
    let shares = vec![
        share("ZF", Role::Lead, Duty::Punish, "P1"),
        share("ZF", Role::Lead, Duty::Identify, "P1"),
        share("GA", Role::Support, Duty::Assist, "P2"),
    ];
    let file = ruled(&county, &file, shares);
    let owed = file.orders.values().filter(|order| order.unit == unit("ZF") && order.is_open());
    let mut duties: Vec<Duty> = owed.flat_map(|order| order.task.duties().collect::<Vec<_>>()).collect();
    duties.sort_by_key(|duty| std::cmp::Reverse(assignment_domain::share::weight(*duty)));
    assert_eq!(duties, [Duty::Punish, Duty::Identify]);
}

#[test]
fn a_follow_up_that_is_out_stays_with_its_unit_through_a_ruling() {
    let county = barbecue();
    let file = accepted(&county, &["fume", "noise"]);
    let file = go(&county, &file, Command::OperationNamed { operation: operation() });
    let file = go(&county, &file, concluded(vec![follow_up("SJ", "P2"), follow_up("ZF", "P1")]));
    let before = order_of(&file, "SJ");
    let file = returned(&county, &file, "GA");
    let file = ruled(&county, &file, vec![share("ZF", Role::Lead, Duty::Punish, "P1")]);
    assert_eq!(follow_ups_out(&file), ["SJ", "ZF"]);
    assert_eq!(order_of(&file, "SJ"), before);
    assert!(file.orders[&before].ruling.is_some());
}

#[test]
fn two_operations_leave_a_unit_two_follow_ups() {
    let county = barbecue();
    let file = accepted(&county, &["fume", "noise"]);
    let file = go(&county, &file, concluded(vec![follow_up("SJ", "P1")]));
    let second = Command::OperationConcluded {
        operation: uuid::Uuid::from_u128(0x10).into(),
        follow_ups: vec![follow_up("SJ", "P2")],
    };
    let file = go(&county, &file, second);
    assert_eq!(file.orders.values().filter(|order| order.unit == unit("SJ") && order.is_open()).count(), 2);
}

#[test]
fn follow_ups_wait_through_every_stage_without_a_decision_in_force() {
    let county = barbecue();
    let two = || concluded(vec![follow_up("ZF", "P1")]);
    // Not accepted yet.
    let file = registered(&county, facts(&["fume", "noise"]));
    let file = go(&county, &go(&county, &file, two()), accept(facts(&["fume", "noise"])));
    assert_eq!(follow_ups_out(&file), ["ZF"]);
    // Answered, and sent back by the closing review; closed, and taken up again.
    let mut handled = accepted(&county, &["fume", "noise"]);
    for who in ["ZF", "GA", "town-330421103"] {
        handled = complete(&county, &handled, who);
    }
    let handled = go(&county, &go(&county, &handled, complete_case("ZF")), two());
    assert_eq!((handled.case.stage.name(), follow_ups_out(&handled).len()), ("handled", 0));
    assert_eq!(follow_ups_out(&go(&county, &handled, Command::RefuseClosing { order: None })), ["ZF"]);
    let closed = go(&county, &handled, Command::End { because: EndedBecause::Closed });
    assert_eq!(closed.case.follow_ups.len(), 1);
    let again = go(&county, &closed, Command::Reopen { round: 2, facts: None });
    assert_eq!(follow_ups_out(&again), ["ZF"]);
    assert!(again.orders.values().filter(|order| order.is_open()).all(|order| order.round == 2));
}

#[test]
fn a_follow_up_for_nobody_is_refused_and_one_whose_unit_lost_its_posts_stops_no_ruling() {
    let mut county = barbecue();
    let file = consulted_while_under_way(&county);
    assert_eq!(
        refused(&county, &file, concluded(vec![follow_up("XX", "P1")])),
        Refusal::UnknownUnit { unit: unit("XX") }
    );
    let unknown = Refusal::UnknownItem { item: "P9".parse().unwrap() };
    assert_eq!(refused(&county, &file, concluded(vec![follow_up("SJ", "P9")])), unknown);
    let file = go(&county, &file, concluded(vec![follow_up("SJ", "P2")]));
    let posts = county.policy.posts.insert(unit("SJ"), vec![]).unwrap();
    let file = ruled(&county, &file, vec![share("ZF", Role::Lead, Duty::Punish, "P1")]);
    assert_eq!((file.case.stage.name(), file.case.follow_ups.len()), ("ruled", 1));
    county.policy.posts.insert(unit("SJ"), posts);
    let order = order_of(&file, "ZF");
    assert_eq!(follow_ups_out(&go(&county, &file, Command::Acknowledge { order })), ["SJ"]);
}
