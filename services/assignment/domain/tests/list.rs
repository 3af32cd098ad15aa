//! 清单: what a publication changes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failed test should panic

mod common;

use assignment_domain::list::{ListItem, Lists, Recorded, difference};
use common::{at, item, validity};
use proptest::prelude::*;
use vocab::Duty;

fn published(items: &[ListItem]) -> Lists {
    Lists::new(items.to_vec(), vec![])
}

#[test]
fn the_same_list_again_changes_nothing_whenever_it_was_recorded() {
    let stored = vec![item("P1", "ZF", &["noise"], &[Duty::Punish])];
    let again = ListItem { recorded: Recorded::since(at("2026-03-01T00:00")), ..stored[0].clone() };
    let lists = published(&[again]);
    let change = difference(&stored, lists.items());
    assert!(change.added.is_empty() && change.ended.is_empty() && change.changed_in_law.is_empty());
}

#[test]
fn a_renamed_item_is_a_new_row_and_the_same_law() {
    let stored = vec![item("P1", "ZF", &["noise"], &[Duty::Punish])];
    let renamed = ListItem { zh: "新名".into(), ..stored[0].clone() };
    let lists = published(&[renamed]);
    let change = difference(&stored, lists.items());
    assert_eq!((change.ended.as_slice(), change.added.len()), (&[0][..], 1));
    assert!(change.changed_in_law.is_empty());
}

#[test]
fn a_transferred_a_narrowed_and_a_removed_item_end() {
    let stored = vec![
        item("P1", "HB", &["fume"], &[Duty::Punish]),
        item("P2", "GA", &["noise"], &[Duty::Punish]),
        item("P3", "SJ", &["trade"], &[Duty::Punish]),
    ];
    let transferred = item("P1", "ZF", &["fume"], &[Duty::Punish]);
    let narrowed = ListItem { validity: validity("2020-01-01", Some("2026-12-31")), ..stored[1].clone() };
    let lists = published(&[transferred, narrowed]);
    let change = difference(&stored, lists.items());
    assert_eq!(change.ended, [0, 1, 2]);
    assert_eq!(change.added.len(), 2);
    let codes: Vec<_> = change.changed_in_law.iter().map(|code| code.as_str()).collect();
    assert_eq!(codes, ["P1", "P2", "P3"]);
}

#[test]
fn one_item_in_one_hand_for_one_place_is_valid_once() {
    let first = ListItem {
        validity: validity("2020-01-01", Some("2026-06-30")),
        ..item("P1", "ZF", &["noise"], &[Duty::Punish])
    };
    let follows = ListItem { validity: validity("2026-07-01", None), ..first.clone() };
    let overlaps = ListItem { validity: validity("2026-06-30", None), ..first.clone() };
    let elsewhere =
        ListItem { towns: vocab::Scope { regions: vec!["330421104".parse().unwrap()] }, ..overlaps.clone() };
    assert!(published(&[follows, elsewhere, first.clone()]).clashes().is_empty());
    assert_eq!(published(&[overlaps, first]).clashes().len(), 1);
}

proptest! {
    #[test]
    fn after_a_publication_the_store_says_what_was_published(
        stored in proptest::collection::btree_map(0_u8..8, 0_usize..3, 0..6),
        wanted in proptest::collection::btree_map(0_u8..8, 0_usize..3, 0..6),
    ) {
        let rows = |of: &std::collections::BTreeMap<u8, usize>| -> Vec<ListItem> {
            let units = ["ZF", "HB", "GA"];
            of.iter().map(|(nth, unit)| item(&format!("P{nth}"), units[*unit], &["noise"], &[Duty::Punish])).collect()
        };
        let stored = rows(&stored);
        let lists = published(&rows(&wanted));
        let change = difference(&stored, lists.items());
        let mut now: Vec<ListItem> = stored
            .iter()
            .enumerate()
            .filter(|(place, _)| !change.ended.contains(place))
            .map(|(_, item)| item.clone())
            .chain(change.added.iter().map(|item| (*item).clone()))
            .collect();
        now.sort_by_key(ListItem::key);
        prop_assert_eq!(now.as_slice(), lists.items());
    }
}
