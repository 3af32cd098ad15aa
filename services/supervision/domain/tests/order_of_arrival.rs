//! Two services' words may arrive in any order; the clocks end the same.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failed test should panic

mod support;

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use supervision_domain::{Case, Fact, Heard, NoticeKind, OperationEnd};
use support::*;
use uuid::Uuid;
use vocab::{ConsultationId, OperationId, Role};

fn at(hours: i64) -> Timestamp {
    march(2, 9, 0).checked_add(SignedDuration::from_hours(hours)).unwrap()
}

/// What intake may say of one case, in its own order.
fn intake() -> impl Strategy<Value = Vec<Heard>> {
    let ends = prop_oneof![
        Just(vec![]),
        Just(vec![closed(1, at(400))]),
        Just(vec![Heard::new(at(300), Fact::Withdrawn)]),
        Just(vec![closed(1, at(400)), Heard::new(at(500), Fact::Reopened { round: 2, facts: facts() }),]),
        Just(vec![
            closed(1, at(400)),
            Heard::new(at(500), Fact::Reopened { round: 2, facts: facts() }),
            notice(NoticeKind::Reply, 2, at(800)),
            closed(2, at(900)),
        ]),
    ];
    (any::<bool>(), any::<bool>(), any::<bool>(), ends).prop_map(|(returned, linked, replied, ends)| {
        let mut said = vec![registered(at(0))];
        if returned {
            said.push(Heard::new(at(1), Fact::RoutedAway));
            said.push(Heard::new(at(10), Fact::Returned { facts: facts() }));
        }
        if linked {
            said.push(Heard::new(at(12), Fact::Linked { head: MEMBER }));
        }
        said.push(accepted(at(20)));
        said.push(notice(NoticeKind::Acceptance, 1, at(20)));
        if replied {
            said.push(notice(NoticeKind::Reply, 1, at(350)));
        }
        said.extend(ends);
        // A service's own words follow its own time.
        said.sort_by_key(|heard| heard.at);
        said
    })
}

/// What assignment may say of it.
fn assignment() -> impl Strategy<Value = Vec<Heard>> {
    let consultation = ConsultationId::new(Uuid::from_u128(7));
    (any::<bool>(), any::<bool>(), 0_u8..4, any::<bool>(), any::<bool>()).prop_map(
        move |(diagnosed, disputed, work, again, second)| {
            let mut said = Vec::new();
            if diagnosed {
                said.push(Heard::new(at(15), Fact::Diagnosed));
            }
            if disputed {
                let deadline = Some(deadline("consultation.answer", at(21)));
                let units = vec![unit("ZF"), unit("HB")];
                said.push(Heard::new(at(21), Fact::ConsultationOpened { consultation, units, deadline }));
                said.push(Heard::new(at(25), Fact::ConsultationAnswered { consultation, unit: unit("HB") }));
                said.push(Heard::new(at(40), Fact::Ruled { consultation: Some(consultation), lead: Some(unit("ZF")) }));
            } else {
                said.push(Heard::new(at(21), Fact::Determined { lead: Some(unit("ZF")) }));
            }
            said.push(dispatched(1, "ZF", Role::Lead, 1, at(45)));
            said.push(dispatched(2, "HB", Role::Support, 1, at(45)));
            if work > 0 {
                said.push(acknowledged(1, at(50)));
                said.push(Heard::new(at(55), Fact::Objected { order: order(2) }));
                said.push(Heard::new(at(60), Fact::OrderWithdrawn { order: order(2) }));
            }
            if work > 1 {
                said.push(Heard::new(at(70), Fact::Escalated { order: order(1), round: 1 }));
                said.push(completed(1, 1, at(300)));
                said.push(handled(1, at(310)));
            }
            if work > 1 && again {
                said.push(dispatched(1, "ZF", Role::Lead, 1, at(330)));
                said.push(completed(1, 2, at(340)));
                said.push(handled(1, at(345)));
            }
            if work > 2 && second {
                said.push(dispatched(3, "ZF", Role::Lead, 2, at(510)));
                said.push(completed(3, 1, at(700)));
                said.push(handled(2, at(710)));
            }
            said
        },
    )
}

fn scheduling() -> impl Strategy<Value = Vec<Heard>> {
    let operation = OperationId::new(Uuid::from_u128(9));
    prop_oneof![
        Just(vec![]),
        Just(vec![Heard::new(at(71), Fact::OperationProposed { operation, units: vec![unit("GA")] })]),
        Just(vec![
            Heard::new(at(71), Fact::OperationProposed { operation, units: vec![unit("GA")] }),
            Heard::new(at(200), Fact::OperationEnded { operation, end: OperationEnd::Concluded }),
        ]),
    ]
}

/// Mixes streams, each in its own order, as the dice say.
fn mixed(streams: &[Vec<Heard>], dice: &[u8]) -> Vec<Heard> {
    let mut places = vec![0; streams.len()];
    let mut mixed = Vec::new();
    let mut dice = dice.iter().cycle();
    loop {
        let open: Vec<usize> = (0..streams.len()).filter(|nth| places[*nth] < streams[*nth].len()).collect();
        if open.is_empty() {
            return mixed;
        }
        let nth = open[usize::from(*dice.next().unwrap()) % open.len()];
        mixed.push(streams[nth][places[nth]].clone());
        places[nth] += 1;
    }
}

fn heard(streams: &[Vec<Heard>], dice: &[u8]) -> Case {
    let mut case = Case::new(CASE);
    tell(&mut case, mixed(streams, dice));
    case
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn every_interleaving_ends_in_the_same_case(
        intake in intake(),
        assignment in assignment(),
        scheduling in scheduling(),
        one in proptest::collection::vec(any::<u8>(), 1..40),
        other in proptest::collection::vec(any::<u8>(), 1..40),
    ) {
        let streams = [intake, assignment, scheduling];
        let one = heard(&streams, &one);
        let other = heard(&streams, &other);
        prop_assert_eq!(&one, &other);
        // The order of the journey itself: whoever spoke first is heard first.
        let mut told: Vec<Heard> = streams.concat();
        told.sort_by_key(|heard| heard.at);
        let mut third = Case::new(CASE);
        tell(&mut third, told);
        prop_assert_eq!(&one.clocks, &third.clocks);
    }

    #[test]
    fn a_clock_fires_no_alarm_twice_and_none_before_its_time(
        intake in intake(),
        assignment in assignment(),
        dice in proptest::collection::vec(any::<u8>(), 1..20),
        steps in proptest::collection::vec(1_i64..400, 1..30),
    ) {
        let book = book();
        let mut case = heard(&[intake, assignment], &dice);
        let mut now = at(900);
        let mut said = Vec::new();
        for step in steps {
            let next = case.next_alarm(&book).unwrap().map(|next| next.at);
            let events = case.fire(&book, now).unwrap();
            if next.is_none_or(|next| next > now) {
                prop_assert!(events.is_empty(), "{events:?}");
            }
            said.extend(kinds(&events));
            now = now.checked_add(SignedDuration::from_hours(step)).unwrap();
        }
        let mut once: Vec<&String> = said.iter().filter(|said| said.starts_with('!') || said.starts_with('^')).collect();
        let all = once.len();
        once.sort();
        once.dedup();
        // A round that was not handled keeps its clock's name in the next one.
        let rounds = case.ledger.rounds.len();
        prop_assert!(all <= once.len() * rounds, "{said:?}");
    }
}
