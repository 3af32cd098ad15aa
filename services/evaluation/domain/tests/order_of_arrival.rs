//! Four services speak, each in its own order; what is known in the end does not depend on who was heard first.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failed test should panic

mod support;

use evaluation_domain::{CaseFile, Fact, Heard, OperationState, OrderFact};
use proptest::prelude::*;
use support::{CASE, HEAD, a_closed_case, at, closed, dispatched, heard, order, reopened, tell};
use uuid::Uuid;
use vocab::{OperationId, Role};

fn registered() -> Heard {
    let fact = Fact::Registered {
        case_no: "JS-2026-000001".into(),
        matters: vec!["noise.trade.night".parse().unwrap()],
        region: "330421103201".parse().unwrap(),
    };
    heard(0, fact)
}

fn accepted() -> Heard {
    let fact = Fact::Accepted {
        case_no: "JS-2026-000001".into(),
        matters: vec!["fume.barbecue".parse().unwrap()],
        region: "330421103201".parse().unwrap(),
        head: None,
    };
    heard(2, fact)
}

fn handled(unit: &str, round: u32, hours: i64) -> Heard {
    heard(hours, Fact::Handled { lead: unit.parse().unwrap(), round })
}

fn operation(state: OperationState, hours: i64) -> Heard {
    heard(hours, Fact::Operation { operation: OperationId::new(Uuid::from_u128(9)), state })
}

fn breached(kind: &str, hours: i64) -> Heard {
    heard(hours, Fact::Breached { clocks: vec![(kind.into(), at(hours))] })
}

/// What each of the four services says of one case, in its own order.
fn streams() -> impl Strategy<Value = [Vec<Heard>; 4]> {
    (any::<[bool; 4]>(), 0_i64..3).prop_map(|([linked, again, withdrawn, cancelled], breaches)| {
        let mut intake = vec![registered()];
        if linked {
            intake.push(heard(1, Fact::Linked { head: HEAD, duplicate: false }));
        }
        intake.extend([accepted(), closed(1, 100)]);
        let decided = |unit: &str, hours| heard(hours, Fact::Decided { lead: unit.parse().unwrap(), round: 1 });
        let mut assignment = vec![decided("ZF", 5)];
        assignment.extend([dispatched(1, "ZF", Role::Lead, 1, 5), dispatched(2, "HB", Role::Support, 1, 5)]);
        if withdrawn {
            assignment.push(heard(6, Fact::SentBack { hops: 1 }));
            assignment.push(heard(7, Fact::OrderWithdrawn { order: order(1) }));
            assignment.extend([heard(7, Fact::Consulted), decided("SJ", 8)]);
            assignment.push(dispatched(3, "SJ", Role::Lead, 1, 8));
        } else {
            assignment.push(heard(7, Fact::Acknowledged { order: order(1) }));
        }
        assignment.push(handled(if withdrawn { "SJ" } else { "ZF" }, 1, 50));
        if again {
            intake.extend([reopened(2, 110), closed(2, 200)]);
            assignment.push(dispatched(4, "HB", Role::Lead, 2, 111));
            assignment.push(heard(112, Fact::Completed { order: order(4) }));
        }
        let end = if cancelled { OperationState::Dropped } else { OperationState::Concluded };
        let scheduling = vec![operation(OperationState::Proposed, 20), operation(end, 40)];
        let mut supervision: Vec<Heard> = (0..breaches).map(|nth| breached("order.finish", 40 + nth)).collect();
        supervision.push(breached("rework.finish", 150));
        [intake, assignment, scheduling, supervision]
    })
}

fn merged(streams: &[Vec<Heard>; 4], dice: &[u8]) -> CaseFile {
    let mut places = [0; 4];
    let mut file = CaseFile::new(CASE);
    let mut dice = dice.iter().cycle();
    loop {
        let open: Vec<usize> = (0..4).filter(|nth| places[*nth] < streams[*nth].len()).collect();
        if open.is_empty() {
            return file;
        }
        let nth = open[usize::from(*dice.next().unwrap()) % open.len()];
        tell(&mut file, [streams[nth][places[nth]].clone()]);
        places[nth] += 1;
    }
}

proptest! {
    #[test]
    fn every_order_of_arrival_ends_in_the_same_file(
        streams in streams(),
        one in proptest::collection::vec(any::<u8>(), 1..40),
        other in proptest::collection::vec(any::<u8>(), 1..40),
    ) {
        let file = merged(&streams, &one);
        prop_assert_eq!(&file, &merged(&streams, &other));
        let json = serde_json::to_string(&file).unwrap();
        prop_assert_eq!(&serde_json::from_str::<CaseFile>(&json).unwrap(), &file);
        // What the rates count follows from the file alone.
        prop_assert_eq!(file.rounds().len(), file.ledger.rounds.len());
        let breaches: usize = file.ledger.rounds.keys().map(|round| file.ledger.breaches_of(*round)).sum();
        prop_assert_eq!(breaches, file.ledger.breaches.len());
    }
}

#[test]
fn an_order_is_answered_in_time_or_it_is_not() {
    let mut file = CaseFile::new(CASE);
    tell(
        &mut file,
        [
            dispatched(1, "ZF", Role::Lead, 1, 0),
            dispatched(2, "HB", Role::Support, 1, 0),
            dispatched(3, "SJ", Role::Support, 1, 0),
            dispatched(4, "GA", Role::Support, 1, 0),
            heard(4, Fact::Acknowledged { order: order(1) }),
            heard(5, Fact::Acknowledged { order: order(2) }),
            heard(1, Fact::Acknowledged { order: order(4) }),
            heard(2, Fact::OrderWithdrawn { order: order(4) }),
        ],
    );
    let told = |fact: OrderFact| (fact.unit.to_string(), fact.withdrawn, fact.acknowledged_in_time);
    let orders: Vec<_> = file.orders().into_iter().map(told).collect();
    let wanted = [("ZF", false, true), ("HB", false, false), ("SJ", false, false), ("GA", true, true)];
    assert_eq!(orders, wanted.map(|(unit, withdrawn, in_time)| (unit.to_owned(), withdrawn, in_time)));
    assert_eq!(file.ledger.orders_of(1), 3);
}

#[test]
fn the_lead_is_who_answered_and_before_that_who_still_has_the_lead() {
    let mut file = CaseFile::new(CASE);
    tell(&mut file, [dispatched(1, "ZF", Role::Lead, 1, 0), dispatched(2, "HB", Role::Support, 1, 1)]);
    assert_eq!(file.ledger.lead(1).unwrap().as_str(), "ZF");
    tell(&mut file, [heard(2, Fact::OrderWithdrawn { order: order(1) })]);
    assert_eq!(file.ledger.lead(1), None);
    tell(&mut file, [dispatched(3, "SJ", Role::Lead, 1, 3)]);
    assert_eq!(file.ledger.lead(1).unwrap().as_str(), "SJ");
    tell(&mut file, [handled("GA", 1, 4), dispatched(4, "JT", Role::Lead, 2, 5)]);
    assert_eq!(file.ledger.lead(1).unwrap().as_str(), "GA");
    assert_eq!(file.ledger.lead(2).unwrap().as_str(), "JT");
}

#[test]
fn a_decision_names_the_lead_though_no_new_order_is_sent() {
    let decided = |unit: &str, round, hours| heard(hours, Fact::Decided { lead: unit.parse().unwrap(), round });
    let mut file = CaseFile::new(CASE);
    let lead = |file: &CaseFile| file.ledger.lead(1).map(|unit| unit.as_str().to_owned());
    tell(
        &mut file,
        [decided("ZF", 1, 0), dispatched(1, "ZF", Role::Lead, 1, 0), dispatched(2, "HB", Role::Support, 1, 1)],
    );
    assert_eq!(lead(&file).unwrap(), "ZF");
    // While units are consulted ZF goes on; with the ruling HB leads with the order it has.
    tell(&mut file, [heard(2, Fact::Consulted)]);
    assert_eq!(lead(&file).unwrap(), "ZF");
    tell(&mut file, [decided("HB", 1, 3), heard(3, Fact::OrderWithdrawn { order: order(1) })]);
    assert_eq!(lead(&file).unwrap(), "HB");
    // What the lists say and is consulted upon is not in force.
    tell(&mut file, [decided("SJ", 1, 4), heard(4, Fact::Consulted)]);
    assert_eq!(lead(&file), None);
    // A decision of one round says nothing of another.
    tell(&mut file, [decided("GA", 2, 5), dispatched(3, "GA", Role::Lead, 2, 5)]);
    assert_eq!((lead(&file), file.ledger.lead(2).unwrap().as_str()), (None, "GA"));
}

#[test]
fn a_case_was_sent_back_as_often_as_was_last_said() {
    let mut file = CaseFile::new(CASE);
    let said = [0, 1, 1, 2].into_iter().zip(1..).map(|(hops, hours)| heard(hours, Fact::SentBack { hops }));
    let mut counted = Vec::new();
    for fact in said {
        tell(&mut file, [fact]);
        counted.push(file.ledger.hops);
    }
    assert_eq!(counted, [0, 1, 1, 2]);
    // What is said again takes nothing back.
    tell(&mut file, [heard(9, Fact::SentBack { hops: 1 })]);
    assert_eq!(file.ledger.hops, 2);
}

#[test]
fn a_member_counts_for_the_head_that_closed_it() {
    let mut file = CaseFile::new(CASE);
    tell(&mut file, [registered(), heard(1, Fact::Linked { head: HEAD, duplicate: false })]);
    assert_eq!(file.rounds()[0].head, HEAD);
    let (file, _) = a_closed_case();
    assert_eq!(file.rounds()[0].head, CASE);
}

#[test]
fn a_clock_that_ran_out_belongs_to_the_round_that_was_going_on() {
    let mut file = CaseFile::new(CASE);
    tell(&mut file, [breached("a", 50), breached("a", 150), breached("b", 150), breached("b", 150)]);
    assert_eq!((file.ledger.breaches_of(1), file.ledger.breaches_of(2)), (3, 0));
    tell(&mut file, [registered(), closed(1, 100), reopened(2, 110)]);
    assert_eq!((file.ledger.breaches_of(1), file.ledger.breaches_of(2)), (1, 2));
}
