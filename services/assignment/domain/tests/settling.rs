//! 后续处置了结: the ways out for a follow-up that cannot be sent to the unit it was meant for.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failed test should panic

mod common;

use assignment_domain::case::{EndedBecause, SettlingReason};
use assignment_domain::file::{CaseFile, Command, Decided, Event, Taker};
use assignment_domain::refusal::Refusal;
use common::case::*;
use common::{County, unit};
use vocab::{Duty, Role, UnitCode};

/// What was said of follow-ups that wait no longer: of whom, to whom, and why.
fn settled(events: &[Event]) -> Vec<(&str, Option<&str>, SettlingReason)> {
    let settled = events.iter().filter_map(|event| match event {
        Event::FollowUpSettled { unit, to, reason, .. } => {
            Some((unit.as_str(), to.as_ref().map(UnitCode::as_str), *reason))
        }
        _ => None,
    });
    settled.collect()
}

fn decided(county: &County, file: &CaseFile, command: Command) -> Decided {
    county.with(|setting| file.decide(command, setting)).unwrap()
}

#[test]
fn a_follow_up_whose_item_is_on_no_list_is_ended_by_the_centre() {
    let county = barbecue();
    let file = go(
        &county,
        &accepted(&county, &["fume", "noise"]),
        concluded(vec![follow_up("SJ", "P9"), follow_up("XX", "P1")]),
    );
    let file = ["ZF", "GA", "town-330421103"].iter().fold(file, |file, who| complete(&county, &file, who));
    assert!(matches!(refused(&county, &file, complete_case("ZF")), Refusal::FollowUpsWaiting { .. }));
    let ended = decided(&county, &file, settle("SJ", None));
    assert_eq!(settled(&ended.events), [("SJ", None, SettlingReason::ItemNotListed)]);
    let waiting = Refusal::FollowUpsWaiting { units: vec![unit("XX")] };
    assert_eq!(refused(&county, &ended.file, complete_case("ZF")), waiting);
    assert_eq!(refused(&county, &ended.file, settle("SJ", None)), Refusal::NotFound { thing: "follow-up" });
    let file = go(&county, &ended.file, settle("XX", None));
    assert_eq!(go(&county, &file, complete_case("ZF")).case.stage.name(), "handled");
}

#[test]
fn a_follow_up_goes_to_a_unit_that_can_take_it_and_to_no_other() {
    let mut county = barbecue();
    county.policy.posts.insert(unit("WL"), vec![]);
    let file = go(&county, &accepted(&county, &["fume", "noise"]), concluded(vec![follow_up("XX", "P9")]));
    let to = |unit, item| settle("XX", Some((unit, item)));
    for (unit_code, item, refusal) in [
        ("YY", "P2", Refusal::UnknownUnit { unit: unit("YY") }),
        ("WL", "P2", Refusal::NoPost { unit: unit("WL") }),
        ("SJ", "P8", Refusal::UnknownItem { item: "P8".parse().unwrap() }),
        ("town-330421103", "P2", Refusal::TownNotListed { unit: unit("town-330421103") }),
    ] {
        assert_eq!(refused(&county, &file, to(unit_code, item)), refusal);
    }
    let given = decided(&county, &file, to("SJ", "P2"));
    assert_eq!(settled(&given.events), [("XX", Some("SJ"), SettlingReason::ItemNotListed)]);
    assert_eq!((follow_ups_out(&given.file), given.file.case.follow_ups.len()), (vec!["SJ"], 0));
    let order = open_order(&given.file, "SJ");
    assert_eq!((order.task.duty, order.grounds[0].item.clone()), (Duty::Punish, Some("P2".parse().unwrap())));
    // Without items of its own it goes on with those of the follow-up, which are on no list here.
    let Command::SettleFollowUp { operation, unit, reason, .. } = to("SJ", "P2") else { panic!() };
    let same = Some(Taker { unit: common::unit("SJ"), items: [].into() });
    let same = Command::SettleFollowUp { operation, unit, to: same, reason };
    assert_eq!(refused(&county, &file, same), Refusal::UnknownItem { item: "P9".parse().unwrap() });
}

#[test]
fn while_units_are_consulted_a_follow_up_can_be_given_away_and_waits_for_the_ruling() {
    let county = barbecue();
    let file = go(&county, &consulted_while_under_way(&county), concluded(vec![follow_up("XX", "P9")]));
    let file = go(&county, &file, settle("XX", Some(("SJ", "P2"))));
    assert_eq!((follow_ups_out(&file).len(), file.case.follow_ups[0].unit.as_str()), (0, "SJ"));
    let file = ruled(&county, &file, vec![share("ZF", Role::Lead, Duty::Punish, "P1")]);
    assert_eq!(follow_ups_out(&file), ["SJ"]);
}

#[test]
fn what_still_waits_ends_with_the_case_and_is_said_to() {
    let county = barbecue();
    let waiting = || concluded(vec![follow_up("SJ", "P9")]);
    let open = go(&county, &accepted(&county, &["fume", "noise"]), waiting());
    let answered = go(&county, &handled(&county), waiting());
    let link = || Command::Link { head: uuid::Uuid::from_u128(9).into() };
    let end = |because| Command::End { because };
    for (file, command, reason) in [
        (&open, link(), SettlingReason::CaseLinked),
        (&open, end(EndedBecause::Withdrawn), SettlingReason::CaseEnded),
        (&answered, end(EndedBecause::Closed), SettlingReason::CaseEnded),
    ] {
        let over = decided(&county, file, command);
        assert_eq!(settled(&over.events), [("SJ", None, reason)]);
        assert_eq!((over.file.case.follow_ups.len(), over.file.to_hand_over(&county.policy)), (0, None));
        // An operation that ends later leaves nothing either.
        let later = decided(&county, &over.file, waiting());
        assert_eq!((settled(&later.events), later.file.case.follow_ups.len()), (vec![("SJ", None, reason)], 0));
    }
    let again =
        go(&county, &go(&county, &answered, end(EndedBecause::Closed)), Command::Reopen { round: 2, facts: None });
    assert_eq!(follow_ups_out(&again), Vec::<&str>::new());
}
