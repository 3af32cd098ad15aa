//! 发布: a new pack meets the lists as the store holds them. Rows end or begin now; what rested on an ended row expires.

use std::collections::BTreeSet;

use assignment_domain::file::Command;
use assignment_domain::list::{BoundaryRule, ListItem, Recorded, difference};
use assignment_domain::precedent::{Expiry, Precedent};
use jiff::Timestamp;
use kit::refusal::Refusal;
use uuid::Uuid;
use vocab::{CaseId, PowerItemCode};

use crate::app::{Cx, act};
use crate::rules::Rules;
use crate::unit::Unit;
use crate::wire::events;

/// The key of events about the lists and the organisation: there is one of each.
pub const LISTS: Uuid = Uuid::from_u128(0x7869_657a_6869_4000_8000_6c69_7374_0001);

/// The namespace of the keys of accounts.
const ACCOUNTS: Uuid = Uuid::from_u128(0x7869_657a_6869_4000_8000_6163_6374_0001);

/// The key of an account's events.
pub fn account_key(account: &str) -> Uuid {
    Uuid::new_v5(&ACCOUNTS, account.as_bytes())
}

/// A new pack takes effect.
pub fn publish(unit: &mut Unit, cx: &mut Cx, before: Option<&Rules>) -> Result<(), Refusal> {
    let rules = cx.rules().clone();
    let now = cx.now();
    let (added, ended, changed_in_law) = publish_items(unit, cx, &rules, now);
    let (new_rules, ended_rules) = publish_boundary_rules(unit, cx, &rules, now);
    let expired = expire_precedents(unit, &changed_in_law, &new_rules, now);
    if added + ended + ended_rules > 0 || !new_rules.is_empty() {
        let revision = cx.rules_revision().unsigned_abs();
        let event = events::list_published(cx.rules_hash(), revision, count(added), count(ended), expired);
        cx.emit(LISTS, &event);
    }
    let same_organisation = before.is_some_and(|before| {
        before.pack.units == rules.pack.units
            && before.pack.posts == rules.pack.posts
            && before.pack.persons == rules.pack.persons
    });
    if !same_organisation {
        let event = events::organisation_published(cx.rules_hash(), now);
        cx.emit(LISTS, &event);
    }
    hand_over(unit, cx, &rules)?;
    publish_accounts(unit, cx, &rules)
}

/// 离任交接: whoever leaves a post leaves no order behind, and whoever takes one finds what waited for it.
fn hand_over(unit: &mut Unit, cx: &mut Cx, rules: &Rules) -> Result<(), Refusal> {
    let handed: Vec<(CaseId, Command)> =
        unit.files.iter().filter_map(|(case, held)| Some((*case, held.file.to_hand_over(&rules.policy)?))).collect();
    if !handed.is_empty() {
        tracing::info!(cases = handed.len(), "open work was handed to the present holders of posts");
    }
    for (case, command) in handed {
        act(unit, cx, case, command)?;
    }
    Ok(())
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

fn publish_items(unit: &mut Unit, cx: &Cx, rules: &Rules, now: Timestamp) -> (usize, usize, BTreeSet<PowerItemCode>) {
    let stored: Vec<(Uuid, ListItem)> = unit.items.iter().map(|(id, item)| (*id, item.clone())).collect();
    let rows: Vec<ListItem> = stored.iter().map(|(_, item)| item.clone()).collect();
    let change = difference(&rows, rules.lists.items());
    for (id, item) in change.ended.iter().filter_map(|place| stored.get(*place)) {
        let recorded = Recorded { until: Some(now), ..item.recorded };
        unit.items.put(*id, ListItem { recorded, ..item.clone() });
    }
    for item in &change.added {
        unit.items.put(cx.new_id(), ListItem { recorded: Recorded::since(now), ..(*item).clone() });
    }
    (change.added.len(), change.ended.len(), change.changed_in_law)
}

fn publish_boundary_rules(unit: &mut Unit, cx: &Cx, rules: &Rules, now: Timestamp) -> (Vec<BoundaryRule>, usize) {
    let stored: Vec<(Uuid, BoundaryRule)> = unit.boundary_rules.iter().map(|(id, rule)| (*id, rule.clone())).collect();
    let mut ended = 0;
    for (id, rule) in &stored {
        if !rules.lists.rules().iter().any(|published| published.says_the_same(rule)) {
            let recorded = Recorded { until: Some(now), ..rule.recorded };
            unit.boundary_rules.put(*id, BoundaryRule { recorded, ..rule.clone() });
            ended += 1;
        }
    }
    let mut added = Vec::new();
    for rule in rules.lists.rules() {
        if !stored.iter().any(|(_, known)| known.says_the_same(rule)) {
            let rule = BoundaryRule { recorded: Recorded::since(now), ..rule.clone() };
            unit.boundary_rules.put(cx.new_id(), rule.clone());
            // A rule that only moved in the file decides what it decided before.
            let is_moved = stored
                .iter()
                .any(|(_, known)| BoundaryRule { place: rule.place, ..known.clone() }.says_the_same(&rule));
            if !is_moved {
                added.push(rule);
            }
        }
    }
    (added, ended)
}

fn expire_precedents(
    unit: &mut Unit,
    changed: &BTreeSet<PowerItemCode>,
    new_rules: &[BoundaryRule],
    now: Timestamp,
) -> Vec<String> {
    let active: Vec<Precedent> = unit.precedents.iter().map(|(_, precedent)| precedent.clone()).collect();
    let mut expired = Vec::new();
    for precedent in active {
        let because = if precedent.rests_on.iter().any(|item| changed.contains(item)) {
            Expiry::ItemEnded
        } else if new_rules.iter().any(|rule| precedent.yields_to(rule)) {
            Expiry::BoundaryRulePublished
        } else {
            continue;
        };
        expired.push(precedent.id.to_string());
        unit.precedents.put(precedent.id, precedent.expired(because, now));
    }
    expired
}

/// Accounts that the pack no longer names are disabled; the others keep their keys.
fn publish_accounts(unit: &mut Unit, cx: &mut Cx, rules: &Rules) -> Result<(), Refusal> {
    let mut named = BTreeSet::new();
    for published in rules.accounts() {
        named.insert(published.id.clone());
        let known = unit.accounts.get(&published.id).cloned();
        let account = known.clone().map_or_else(|| published.clone(), |known| known.as_published(&published));
        if known.as_ref() != Some(&account) {
            unit.accounts.put(account.id.clone(), account);
        }
    }
    let left: Vec<_> = unit
        .accounts
        .iter()
        .filter(|(id, account)| !named.contains(*id) && account.disabled_at.is_none())
        .map(|(_, account)| account.clone())
        .collect();
    for account in left {
        disable(unit, cx, account)?;
    }
    Ok(())
}

/// Disables an account and says so; every service ends its streams.
pub fn disable(unit: &mut Unit, cx: &mut Cx, account: assignment_domain::account::Account) -> Result<(), Refusal> {
    let now = cx.now();
    let account = account.disabled(now).map_err(crate::refusal::refuse)?;
    cx.revoke(account.id.to_string());
    cx.emit(account_key(account.id.as_str()), &events::account_disabled(account.id.as_str(), now));
    unit.accounts.put(account.id.clone(), account);
    Ok(())
}
