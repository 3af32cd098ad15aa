//! Closing proofs: no check may be missing, and no unit closes what it handled.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failed test should panic

mod support;

use supervision_domain::{
    Case, CheckCode, Checker, Decision, Event, Fact, Heard, Member, NoticeKind, OperationEnd, Refusal,
};
use support::*;
use uuid::Uuid;
use vocab::{OperationId, Role};

fn by(code: &str) -> Checker {
    Checker { account: format!("{code}-1"), unit: unit(code) }
}

fn member(open: bool, reply_round: u32) -> Member {
    Member { id: MEMBER, open, reply_round }
}

/// ZF leads, HB supports; both are done, the reply is served to the head and to its one member.
fn handled_case() -> Case {
    let mut case = Case::new(CASE);
    tell(
        &mut case,
        [
            registered(march(2, 9, 0)),
            Heard::new(march(2, 9, 30), Fact::MemberLinked { member: MEMBER }),
            accepted(march(2, 10, 0)),
            dispatched(1, "ZF", Role::Lead, 1, march(2, 11, 0)),
            dispatched(2, "HB", Role::Support, 1, march(2, 11, 0)),
            completed(1, 2, march(5, 9, 0)),
            completed(2, 1, march(5, 10, 0)),
            handled(1, march(5, 11, 0)),
            notice(NoticeKind::Reply, 1, march(5, 11, 1)),
        ],
    );
    case
}

fn failing(case: &Case, members: &[Member]) -> Vec<CheckCode> {
    case.findings(1, members)
        .into_iter()
        .filter(|finding| !finding.check.holds)
        .map(|finding| finding.check.code)
        .collect()
}

#[test]
fn a_case_with_everything_in_place_is_approved_by_a_second_unit() {
    let mut case = handled_case();
    let members = [member(true, 1)];
    assert_eq!(failing(&case, &members), []);
    let events = case.approve(&members, &by("CENTRE"), &book(), march(6, 9, 0)).unwrap();
    let [Event::ClosingApproved { checks, unit: checked_by, round, .. }, stopped] = events.as_slice() else {
        panic!("{events:?}")
    };
    assert_eq!((checks.len(), *round), (5, 1));
    assert!(checks.iter().all(|check| check.holds));
    assert_eq!(*checked_by, unit("CENTRE"));
    assert_eq!(kinds(std::slice::from_ref(stopped)), ["-closing.check"]);
    assert_eq!(case.approve(&members, &by("CENTRE"), &book(), march(6, 9, 0)), Err(Refusal::Decided));
}

#[test]
fn whoever_handled_the_case_cannot_close_it() {
    for handler in ["ZF", "HB"] {
        let mut case = handled_case();
        let refused = case.approve(&[member(true, 1)], &by(handler), &book(), march(6, 9, 0));
        assert!(matches!(refused, Err(Refusal::HandledIt { .. })), "{handler}");
        let refused = case.refuse(order(1), "procedure", &[], &by(handler), &book(), march(6, 9, 0));
        assert!(matches!(refused, Err(Refusal::HandledIt { .. })), "{handler}");
    }
    // An order that was withdrawn leaves no hand in the case.
    let mut case = handled_case();
    tell(
        &mut case,
        [
            dispatched(3, "SJ", Role::Support, 1, march(5, 12, 0)),
            Heard::new(march(5, 13, 0), Fact::OrderWithdrawn { order: order(3) }),
        ],
    );
    assert!(case.approve(&[member(true, 1)], &by("SJ"), &book(), march(6, 9, 0)).is_ok());
}

/// What happened besides, how the member stands, and which checks do not hold then.
type Story = (&'static str, Vec<Heard>, Vec<Member>, Vec<CheckCode>);

#[test]
fn each_missing_condition_is_named_and_keeps_the_case_open() {
    let operation = OperationId::new(Uuid::from_u128(9));
    let proposed = Heard::new(march(3, 9, 0), Fact::OperationProposed { operation, units: vec![] });
    let ended = Heard::new(march(4, 9, 0), Fact::OperationEnded { operation, end: OperationEnd::Concluded });
    let escalated = Heard::new(march(3, 9, 0), Fact::Escalated { order: order(1), round: 1 });
    let told: [Story; 9] = [
        ("nothing is missing", vec![], vec![member(true, 1)], vec![]),
        (
            "a completed order without evidence",
            vec![completed(2, 0, march(5, 10, 0))],
            vec![member(true, 1)],
            vec![CheckCode::Evidence],
        ),
        (
            "an open share",
            vec![dispatched(3, "SJ", Role::Support, 1, march(5, 12, 0))],
            vec![member(true, 1)],
            vec![CheckCode::SharesClosed],
        ),
        (
            "an operation that goes on",
            vec![proposed.clone()],
            vec![member(true, 1)],
            vec![CheckCode::OperationsFinished],
        ),
        (
            "an escalation nobody has answered",
            vec![escalated.clone()],
            vec![member(true, 1)],
            vec![CheckCode::OperationsFinished],
        ),
        ("an operation that is over", vec![escalated, ended, proposed], vec![member(true, 1)], vec![]),
        ("a member without a reply", vec![], vec![member(true, 0)], vec![CheckCode::NoticeServed]),
        ("a member nothing was heard of", vec![], vec![], vec![CheckCode::NoticeServed]),
        ("a member that withdrew", vec![], vec![member(false, 0)], vec![]),
    ];
    for (story, heard, members, expected) in told {
        let mut case = handled_case();
        tell(&mut case, heard);
        assert_eq!(failing(&case, &members), expected, "{story}");
        let approved = case.approve(&members, &by("CENTRE"), &book(), march(6, 9, 0));
        if expected.is_empty() {
            assert!(approved.is_ok(), "{story}");
        } else {
            assert_eq!(approved, Err(Refusal::ChecksMissing(expected)), "{story}");
            assert!(case.closing(1).unwrap().decision.is_none());
        }
    }
}

#[test]
fn nothing_was_done_so_nothing_is_proven() {
    let mut case = Case::new(CASE);
    tell(&mut case, [registered(march(2, 9, 0)), accepted(march(2, 10, 0)), handled(1, march(3, 9, 0))]);
    assert_eq!(failing(&case, &[]), [CheckCode::Evidence, CheckCode::NoticeServed]);
}

#[test]
fn a_refusal_names_a_completed_share_and_the_next_handling_begins_another_attempt() {
    let mut case = handled_case();
    let at = march(6, 9, 0);
    assert_eq!(case.refuse(order(9), "procedure", &[], &by("CENTRE"), &book(), at), Err(Refusal::NotAShare(order(9))));
    case.refuse(order(2), "evidence_insufficient", &[member(true, 1)], &by("CENTRE"), &book(), at).unwrap();
    let closing = case.closing(0).unwrap();
    assert!(matches!(&closing.decision, Some(Decision::Refused { order: back, .. }) if *back == order(2)));
    assert_eq!(case.approve(&[member(true, 1)], &by("CENTRE"), &book(), at), Err(Refusal::Decided));
    tell(&mut case, [dispatched(2, "HB", Role::Support, 1, march(6, 10, 0))]);
    assert_eq!(failing(&case, &[member(true, 1)]), [CheckCode::SharesClosed]);
    tell(&mut case, [completed(2, 3, march(9, 9, 0)), handled(1, march(9, 10, 0))]);
    assert_eq!(case.closing(1).unwrap().attempt, 2);
    assert!(case.clock("closing.check").unwrap().is_open(), "the second attempt has its own time");
    assert!(case.approve(&[member(true, 1)], &by("CENTRE"), &book(), march(9, 11, 0)).is_ok());
}

#[test]
fn a_second_round_has_its_own_proof() {
    let mut case = handled_case();
    case.approve(&[member(true, 1)], &by("CENTRE"), &book(), march(6, 9, 0)).unwrap();
    tell(
        &mut case,
        [closed(1, march(6, 9, 1)), Heard::new(march(10, 9, 0), Fact::Reopened { round: 2, facts: facts() })],
    );
    assert_eq!(case.refuse(order(1), "procedure", &[], &by("CENTRE"), &book(), march(10, 9, 5)), Err(Refusal::Decided));
    tell(
        &mut case,
        [
            dispatched(4, "ZF", Role::Lead, 2, march(10, 10, 0)),
            completed(4, 1, march(12, 9, 0)),
            handled(2, march(12, 10, 0)),
        ],
    );
    assert_eq!(case.closing(0).unwrap().round, 2);
    // The reply of the first round does not prove the second.
    let refused = case.approve(&[member(true, 1)], &by("CENTRE"), &book(), march(12, 11, 0));
    assert_eq!(refused, Err(Refusal::ChecksMissing(vec![CheckCode::NoticeServed])));
    tell(&mut case, [notice(NoticeKind::Reply, 2, march(12, 12, 0))]);
    assert!(case.approve(&[member(false, 1)], &by("CENTRE"), &book(), march(12, 13, 0)).is_ok());
}

#[test]
fn a_case_that_ended_otherwise_is_not_closed_by_proof() {
    let mut case = Case::new(CASE);
    assert_eq!(case.approve(&[], &by("CENTRE"), &book(), march(2, 9, 0)), Err(Refusal::NoClosing));
    let mut case = handled_case();
    tell(&mut case, [Heard::new(march(5, 12, 0), Fact::Withdrawn)]);
    assert_eq!(case.approve(&[member(true, 1)], &by("CENTRE"), &book(), march(6, 9, 0)), Err(Refusal::CaseEnded));
    let mut case = handled_case();
    tell(&mut case, [Heard::new(march(5, 12, 0), Fact::Linked { head: MEMBER })]);
    assert_eq!(case.approve(&[], &by("CENTRE"), &book(), march(6, 9, 0)), Err(Refusal::NotTheHeadCase));
}
