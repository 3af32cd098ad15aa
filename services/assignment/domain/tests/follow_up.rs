//! 后续处置: nothing that an operation leaves to a body vanishes unsaid, whatever happens to the case meanwhile.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failed test should panic

mod common;

use assignment_domain::case::EndedBecause;
use assignment_domain::file::{AskedShare, CaseFile, Command};
use assignment_domain::refusal::Refusal;
use common::case::*;
use common::{County, facts, unit};
use vocab::{Duty, Role};

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

/// ZF leads, with a follow-up out.
fn with_a_follow_up_out(county: &County) -> CaseFile {
    let file = go(county, &accepted(county, &["fume", "noise"]), concluded(vec![follow_up("ZF", "P1")]));
    assert_eq!(open_order(&file, "ZF").role, Role::Lead);
    file
}

/// The orders of a unit that were not withdrawn, as part, duties and stage.
fn orders_of<'f>(file: &'f CaseFile, who: &str) -> Vec<(Role, Vec<Duty>, &'f str)> {
    let of_unit = file.orders.values().filter(|order| order.unit == unit(who) && order.stage.name() != "withdrawn");
    of_unit.map(|order| (order.role, order.task.duties().collect(), order.stage.name())).collect()
}

#[test]
fn a_unit_that_no_longer_leads_supports_with_the_follow_up_it_has() {
    let county = barbecue();
    let out = with_a_follow_up_out(&county);
    let hb_leads = |shares: Vec<AskedShare>| {
        [vec![share("HB", Role::Lead, Duty::Punish, "P2")], shares].into_iter().flatten().collect::<Vec<_>>()
    };
    let supports = |duty| share("ZF", Role::Support, duty, "P1");
    let file = returned(&county, &out, "GA");
    let ruling = ruled(&county, &file, hb_leads(vec![supports(Duty::Punish)]));
    assert_eq!(orders_of(&ruling, "ZF"), [(Role::Support, vec![Duty::Punish], "dispatched")]);
    assert_eq!(open_order(&ruling, "ZF").ruling, ruling.case.stage.decision().unwrap().ruling());
    // Without a share of its own it supports too; with another duty it has that beside it.
    let none = ruled(&county, &file, hb_leads(vec![]));
    assert_eq!(orders_of(&none, "ZF"), [(Role::Support, vec![Duty::Punish], "dispatched")]);
    let another = ruled(&county, &file, hb_leads(vec![supports(Duty::Punish), supports(Duty::Identify)]));
    let mut orders = orders_of(&another, "ZF");
    orders.sort_by_key(|(_, duties, _)| duties[0] != Duty::Punish);
    let support = |duty| (Role::Support, vec![duty], "dispatched");
    assert_eq!(orders, [support(Duty::Punish), support(Duty::Identify)]);
    // What is completed is not asked again because somebody else leads now.
    let file = returned(&county, &complete(&county, &out, "ZF"), "GA");
    let ruling = ruled(&county, &file, hb_leads(vec![supports(Duty::Punish)]));
    assert_eq!(orders_of(&ruling, "ZF"), [(Role::Lead, vec![Duty::Punish], "completed")]);
}

#[test]
fn a_follow_up_sent_back_by_the_closing_review_goes_to_its_unit_in_the_part_it_plays_now() {
    let county = barbecue();
    let out = with_a_follow_up_out(&county);
    let zf = order_of(&out, "ZF");
    let file = returned(&county, &complete(&county, &out, "ZF"), "GA");
    let file = ruled(&county, &file, vec![share("HB", Role::Lead, Duty::Punish, "P2")]);
    let file = go(&county, &complete(&county, &file, "HB"), complete_case("HB"));
    let back = go(&county, &file, Command::RefuseClosing { order: Some(zf) });
    assert_eq!(open_order(&back, "ZF").role, Role::Support);
}

#[test]
fn an_objection_to_a_follow_up_outlives_a_ruling_until_it_is_decided() {
    let county = barbecue();
    let file = with_a_follow_up_out(&county);
    let zf = order_of(&file, "ZF");
    let file = returned(&county, &go(&county, &file, object(zf)), "GA");
    let shares = [
        vec![share("HB", Role::Lead, Duty::Punish, "P2")],
        vec![share("HB", Role::Lead, Duty::Punish, "P2"), share("ZF", Role::Support, Duty::Punish, "P1")],
    ];
    for shares in shares {
        let file = ruled(&county, &file, shares);
        assert_eq!(orders_of(&file, "ZF"), [(Role::Support, vec![Duty::Punish], "objected")]);
        assert!(matches!(refused(&county, &file, complete_case("HB")), Refusal::OrdersOpen { .. }));
        // Wrong: it goes on with it, under the ruling. Right: it is rid of it, and others are consulted.
        let wrong = go(&county, &file, decide(zf, false));
        assert_eq!(orders_of(&wrong, "ZF"), [(Role::Support, vec![Duty::Punish], "dispatched")]);
        assert_eq!(wrong.orders[&zf].ruling, file.case.stage.decision().unwrap().ruling());
        let right = go(&county, &file, decide(zf, true));
        assert_eq!((orders_of(&right, "ZF"), right.case.stage.name()), (vec![], "consulting"));
    }
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
    let consulted = go(&county, &consulted_while_under_way(&county), two());
    assert_eq!((consulted.case.stage.name(), consulted.case.follow_ups.len()), ("consulting", 1));
}

#[test]
fn a_case_that_was_answered_goes_on_where_an_operation_leaves_somebody_something_to_do() {
    let county = barbecue();
    let out = go(&county, &handled(&county), concluded(vec![follow_up("SJ", "P2")]));
    assert_eq!((out.case.stage.name(), follow_ups_out(&out)), ("determined", vec!["SJ"]));
    assert_eq!(refused(&county, &out, complete_case("ZF")), Refusal::OrdersOpen { units: vec![unit("SJ")] });
    let again = go(&county, &complete(&county, &out, "SJ"), complete_case("ZF"));
    assert_eq!(again.case.stage.name(), "handled");
    // A share that the closing review sends back meanwhile goes back; one that is being worked on is not sent twice.
    let ga = out.orders.values().find(|order| order.unit == unit("GA")).unwrap().id;
    let back = go(&county, &out, Command::RefuseClosing { order: Some(ga) });
    assert_eq!(open_order(&back, "GA").round, 1);
    assert_eq!(go(&county, &back, Command::RefuseClosing { order: Some(order_of(&back, "SJ")) }), back);
    // Nothing left to do leaves it answered.
    assert_eq!(go(&county, &again, concluded(vec![])).case.stage.name(), "handled");
}

#[test]
fn an_answer_stands_while_a_follow_up_cannot_be_sent_and_falls_when_it_can() {
    let mut county = barbecue();
    let posts = county.policy.posts.insert(unit("SJ"), vec![]).unwrap();
    let waiting = go(&county, &handled(&county), concluded(vec![follow_up("SJ", "P2")]));
    assert_eq!((waiting.case.stage.name(), waiting.case.follow_ups.len()), ("handled", 1));
    assert_eq!(go(&county, &waiting, settle("SJ", None)).case.stage.name(), "handled");
    county.policy.posts.insert(unit("SJ"), posts);
    let out = go(&county, &waiting, waiting.to_hand_over(&county.policy).unwrap());
    assert_eq!((out.case.stage.name(), follow_ups_out(&out)), ("determined", vec!["SJ"]));
}

/// A case in every stage in which an operation can end.
fn in_every_stage(county: &County) -> Vec<CaseFile> {
    let registered = registered(county, facts(&["fume", "noise"]));
    let determined = accepted(county, &["fume", "noise"]);
    let consulting = consulted_while_under_way(county);
    let ruled = ruled(county, &consulting, vec![share("ZF", Role::Lead, Duty::Punish, "P1")]);
    let done = ["ZF", "GA", "town-330421103"].iter().fold(determined.clone(), |file, who| complete(county, &file, who));
    let handled = go(county, &done, complete_case("ZF"));
    let linked = go(county, &determined, Command::Link { head: uuid::Uuid::from_u128(9).into() });
    let withdrawn = go(county, &determined, Command::End { because: EndedBecause::Withdrawn });
    let closed = go(county, &handled, Command::End { because: EndedBecause::Closed });
    vec![registered, determined, consulting, ruled, handled, linked, withdrawn, closed]
}

#[test]
fn an_operation_that_is_over_is_heard_of_whoever_and_whatever_its_follow_ups_name() {
    let county = barbecue();
    for file in in_every_stage(&county) {
        let stage = file.case.stage.name();
        let follow_ups = vec![follow_up("XX", "P1"), follow_up("SJ", "P9"), follow_up("HB", "P2")];
        let concluded = go(&county, &file, concluded(follow_ups));
        let waiting: Vec<&str> = concluded.case.follow_ups.iter().map(|kept| kept.unit.as_str()).collect();
        // Whoever is known goes on as ever; who is not known, or what is on no list, waits for the coordinator. Before a decision
        // all wait for it, and where the case is over nothing waits.
        let (out, wait): (&[&str], &[&str]) = match stage {
            "determined" | "ruled" | "handled" => (&["HB"], &["SJ", "XX"]),
            "linked" | "ended" => (&[], &[]),
            _ => (&[], &["HB", "SJ", "XX"]),
        };
        assert_eq!(follow_ups_out(&concluded), out, "{stage}");
        assert_eq!(waiting, wait, "{stage}");
    }
}

#[test]
fn a_case_is_not_handled_without_the_follow_up_of_a_unit_that_has_nobody() {
    let mut county = barbecue();
    let posts = county.policy.posts.insert(unit("SJ"), vec![]).unwrap();
    let file = go(&county, &accepted(&county, &["fume", "noise"]), concluded(vec![follow_up("SJ", "P2")]));
    let done = ["ZF", "GA", "town-330421103"].iter().fold(file, |file, who| complete(&county, &file, who));
    let waiting = Refusal::FollowUpsWaiting { units: vec![unit("SJ")] };
    assert_eq!(refused(&county, &done, complete_case("ZF")), waiting);
    // While nothing has changed, a publication hands nothing out.
    let asked = |county: &County, file: &CaseFile| file.to_hand_over(&county.policy);
    let same = asked(&county, &done).into_iter().fold(done.clone(), |file, command| go(&county, &file, command));
    assert_eq!(same, done);
    // The refilled post releases it.
    county.policy.posts.insert(unit("SJ"), posts);
    assert_eq!(asked(&county, &done), Some(Command::HandOver));
    let out = go(&county, &done, Command::HandOver);
    assert_eq!((follow_ups_out(&out), out.case.follow_ups.len()), (vec!["SJ"], 0));
    assert_eq!(asked(&county, &out), None);
    assert_eq!(refused(&county, &out, complete_case("ZF")), Refusal::OrdersOpen { units: vec![unit("SJ")] });
    let handled = go(&county, &complete(&county, &out, "SJ"), complete_case("ZF"));
    assert_eq!(handled.case.stage.name(), "handled");
}

#[test]
fn a_publication_that_fills_one_post_and_empties_another_hands_over_what_is_left_once_the_follow_up_is_out() {
    let mut county = barbecue();
    let file = accepted(&county, &["fume", "noise"]);
    let posts = county.policy.posts.insert(unit("GA"), vec![]).unwrap();
    let file = go(&county, &file, concluded(vec![follow_up("GA", "P2")]));
    let (zf, ga) = (order_of(&file, "ZF"), order_of(&file, "GA"));
    assert!(zf < ga, "ZF's order comes before the one that GA's follow-up takes the place of");
    // The next pack fills GA with somebody else, and ZF has another handler.
    county.policy.posts.insert(unit("GA"), posts[1..].to_vec());
    county.policy.posts.get_mut(&unit("ZF")).unwrap().remove(0);
    let file = go(&county, &file, file.to_hand_over(&county.policy).unwrap());
    assert_eq!(file.orders[&ga].stage.name(), "withdrawn");
    assert_eq!(follow_ups_out(&file), ["GA"]);
    let holder = |who: &str| open_order(&file, who).assignee.person.to_string();
    assert_eq!((holder("ZF").as_str(), holder("GA").as_str()), ("ZF-P2", "GA-P2"));
    assert_eq!(file.to_hand_over(&county.policy), None);
}

#[test]
fn a_follow_up_waits_for_the_lists_as_it_does_for_a_post() {
    let mut county = barbecue();
    let file = go(&county, &accepted(&county, &["fume", "noise"]), concluded(vec![follow_up("SJ", "P9")]));
    assert_eq!((follow_ups_out(&file).len(), file.case.follow_ups.len()), (0, 1));
    let mut items = county.lists.items().to_vec();
    items.push(common::item("P9", "SJ", &["fume"], PUNISH));
    county.lists = assignment_domain::list::Lists::new(items, county.lists.rules().to_vec());
    let file = go(&county, &file, Command::HandOver);
    assert_eq!(follow_ups_out(&file), ["SJ"]);
    assert_eq!(open_order(&file, "SJ").grounds[0].item, Some("P9".parse().unwrap()));
}

#[test]
fn a_follow_up_whose_unit_lost_its_posts_stops_no_ruling() {
    let mut county = barbecue();
    let file = consulted_while_under_way(&county);
    let file = go(&county, &file, concluded(vec![follow_up("SJ", "P2")]));
    let posts = county.policy.posts.insert(unit("SJ"), vec![]).unwrap();
    let file = ruled(&county, &file, vec![share("ZF", Role::Lead, Duty::Punish, "P1")]);
    assert_eq!((file.case.stage.name(), file.case.follow_ups.len()), ("ruled", 1));
    county.policy.posts.insert(unit("SJ"), posts);
    let order = order_of(&file, "ZF");
    assert_eq!(follow_ups_out(&go(&county, &file, Command::Acknowledge { order })), ["SJ"]);
}
