//! The authorisation matrix, made from the contract: every RPC has an action, every action a policy, and a change of rights is seen.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failed test should panic

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;
use std::sync::LazyLock;

use kit::auth::Policies;
use kit::caller::{Access, Caller, CallerKind};

/// Every role with the kind of account it is made for.
const ROLES: &[(&str, CallerKind)] = &[
    ("window_clerk", CallerKind::Centre),
    ("coordinator", CallerKind::Centre),
    ("supervisor", CallerKind::Centre),
    ("evaluator", CallerKind::Centre),
    ("leader", CallerKind::Centre),
    ("administrator", CallerKind::Centre),
    ("department_handler", CallerKind::Department),
    ("department_head", CallerKind::Department),
    ("officer", CallerKind::Department),
    ("service", CallerKind::Service),
    ("operator", CallerKind::Service),
];

const KINDS: &[CallerKind] = &[CallerKind::Department, CallerKind::Town, CallerKind::Centre, CallerKind::Service];

/// One set for all tests: it remembers its answers.
static POLICIES: LazyLock<Policies> = LazyLock::new(|| Policies::embedded().unwrap());

/// What may be done without a token, and nothing else.
const PUBLIC: &[&str] = &["assignment.token.challenge", "assignment.token.issue", "intake.progress.read"];

/// Set it to write the golden file anew: `XIEZHI_WRITE_GOLDEN=1 cargo test -p kit --test policy_matrix`.
const WRITE: &str = "XIEZHI_WRITE_GOLDEN";

fn caller(kind: CallerKind, role: Option<&str>) -> Caller {
    Caller {
        account: "somebody".to_owned(),
        kind,
        unit: "a unit".to_owned(),
        person: String::new(),
        roles: role.map(str::to_owned).into_iter().collect(),
    }
}

fn actions() -> BTreeSet<&'static str> {
    xiezhi_proto::ACTIONS.iter().map(|(_, action)| *action).filter(|action| !action.is_empty()).collect()
}

fn word(access: Option<Access>) -> &'static str {
    match access {
        Some(Access::Any) => "any",
        Some(Access::Own) => "own",
        None => "-",
    }
}

#[test]
fn every_rpc_declares_an_action_of_three_words() {
    let wrong: Vec<_> = xiezhi_proto::ACTIONS
        .iter()
        .filter(|(path, action)| {
            let package = path.split('.').nth(1).unwrap_or_default();
            let words: Vec<&str> = action.split('.').collect();
            words.len() != 3 || words.iter().any(|word| word.is_empty()) || words[0] != package
        })
        .collect();
    assert!(wrong.is_empty(), "RPCs whose action is not <package>.<noun>.<verb>: {wrong:#?}");
}

#[test]
fn every_action_is_somebodys_to_do() {
    let policies = &*POLICIES;
    let nobodys: Vec<_> = actions()
        .into_iter()
        .filter(|action| {
            !policies.is_public(action)
                && !ROLES.iter().any(|(role, kind)| policies.access(&caller(*kind, Some(role)), action).is_some())
        })
        .collect();
    assert!(nobodys.is_empty(), "no policy in deploy/policies permits anybody to: {nobodys:#?}");
}

#[test]
fn without_a_token_only_the_public_actions_are_open() {
    let policies = &*POLICIES;
    let open: Vec<_> = actions().into_iter().filter(|action| policies.is_public(action)).collect();
    let declared: Vec<_> = PUBLIC.iter().copied().filter(|action| actions().contains(action)).collect();
    assert_eq!(open, declared);
}

#[test]
fn an_account_without_a_role_or_with_a_role_of_another_kind_has_no_right() {
    let policies = &*POLICIES;
    let mut too_much = Vec::new();
    for action in actions().into_iter().filter(|action| !PUBLIC.contains(action)) {
        for kind in KINDS {
            if policies.access(&caller(*kind, None), action).is_some() {
                too_much.push(format!("{action}: {} without a role", kind.as_str()));
            }
            for (role, made_for) in ROLES {
                let fits = kind == made_for || (*made_for == CallerKind::Department && *kind == CallerKind::Town);
                if !fits && policies.access(&caller(*kind, Some(role)), action).is_some() {
                    too_much.push(format!("{action}: {role} as {}", kind.as_str()));
                }
            }
        }
    }
    assert!(too_much.is_empty(), "{too_much:#?}");
}

#[test]
fn a_town_has_the_rights_of_a_department() {
    let policies = &*POLICIES;
    for action in actions() {
        for (role, _) in ROLES.iter().filter(|(_, kind)| *kind == CallerKind::Department) {
            let department = policies.access(&caller(CallerKind::Department, Some(role)), action);
            let town = policies.access(&caller(CallerKind::Town, Some(role)), action);
            assert_eq!(department, town, "{role} {action}");
        }
    }
}

#[test]
fn nobody_of_a_department_may_change_what_is_anothers() {
    let policies = &*POLICIES;
    // What belongs to no unit: reads of common things, a trial that changes nothing, and a file nobody cites yet.
    let common = ["read", "list", "try", "upload", "challenge", "issue", "track"];
    let mut too_far = Vec::new();
    for action in actions() {
        let verb = action.rsplit('.').next().unwrap_or_default();
        for (role, kind) in ROLES.iter().filter(|(_, kind)| *kind == CallerKind::Department) {
            let access = policies.access(&caller(*kind, Some(role)), action);
            if access == Some(Access::Any) && !common.contains(&verb) {
                too_far.push(format!("{role} {action}"));
            }
        }
    }
    assert!(too_far.is_empty(), "rights that reach beyond the caller's own unit: {too_far:#?}");
}

#[test]
fn the_matrix_is_the_one_that_was_reviewed() {
    let policies = &*POLICIES;
    let mut rows: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for action in actions() {
        let row = rows.entry(action).or_default();
        row.push(format!("{action} anonymous {}", word(policies.access(&Caller::anonymous(), action))));
        for (role, kind) in ROLES {
            row.push(format!("{action} {role} {}", word(policies.access(&caller(*kind, Some(role)), action))));
        }
    }
    let mut found = String::from("# action, role, how far the right reaches (any, own, - for none)\n");
    for line in rows.into_values().flatten() {
        writeln!(found, "{line}").unwrap();
    }
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/policy_matrix.txt");
    if std::env::var_os(WRITE).is_some() {
        std::fs::write(&golden, &found).unwrap();
    }
    let reviewed = std::fs::read_to_string(&golden).unwrap_or_default();
    let before: BTreeSet<&str> = reviewed.lines().collect();
    let now: BTreeSet<&str> = found.lines().collect();
    let gone: Vec<_> = before.difference(&now).collect();
    let new: Vec<_> = now.difference(&before).collect();
    assert!(
        gone.is_empty() && new.is_empty(),
        "rights have changed; look at each line, then run with {WRITE}=1\nwas: {gone:#?}\nis: {new:#?}"
    );
}
