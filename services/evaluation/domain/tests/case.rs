//! Call-backs and what the rates are made of.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failed test should panic

use std::collections::BTreeMap;

use evaluation_domain::callback::Command;
use evaluation_domain::case::callback_id;
use evaluation_domain::{Callback, CallbackState, Case, Draw, Event, Fact, Heard, LinkKind, Rating, Refusal, Scheme};
use jiff::civil::{date, time};
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use uuid::Uuid;
use vocab::{
    Applies, Calendar, CaseFacts, CaseId, Channel, Citation, ClockRule, Holder, Role, Session, Unit, Urgency, Validity,
    WorkOrderId,
};

const CASE: CaseId = CaseId::new(Uuid::from_u128(1));
const HEAD: CaseId = CaseId::new(Uuid::from_u128(2));

fn at(hours: i64) -> Timestamp {
    let monday = vocab::calendar::moment(date(2026, 3, 2), time(9, 0, 0, 0)).unwrap();
    monday.checked_add(SignedDuration::from_hours(hours)).unwrap()
}

fn scheme(draw_per_mille: u32) -> Scheme {
    let rule = ClockRule {
        id: "callback.finish".parse().unwrap(),
        zh: "回访".into(),
        en: "call-back".into(),
        amount: 5,
        unit: Unit::Workday,
        citation: Citation { law: "样例".into(), article: "第二十七条".into(), version_date: None },
        roll_last_day: true,
        anchor: "intake.case.closed".into(),
        stops: vec![],
        pausable: vec![],
        extension: None,
        warn_before: vec![],
        holder: Holder::Centre,
        profile: "LOCAL".into(),
        active: true,
        applies: Applies::default(),
        validity: Validity { from: date(2024, 1, 1), to: None },
        note: String::new(),
    };
    let calendar = Calendar {
        version: 1,
        days: BTreeMap::new(),
        provisional_from: None,
        sessions: vec![Session { from: time(8, 30, 0, 0), to: time(17, 0, 0, 0) }],
    };
    Scheme { draw_per_mille, attempts: 3, rule, calendar }
}

fn facts() -> CaseFacts {
    CaseFacts {
        matters: vec!["noise.trade.night".parse().unwrap()],
        region: "330421103".parse().unwrap(),
        object_type: "stall".parse().unwrap(),
        declared: BTreeMap::new(),
        act_on: date(2026, 3, 1),
        channel: Channel::Phone,
        urgency: Urgency::Normal,
    }
}

fn draw(lot: u64, per_mille: u32) -> Draw {
    Draw { service: "intake".into(), epoch: 1, pos: 7, event_hash: "00".into(), lot, per_mille }
}

fn closed(round: u32, hours: i64) -> Heard {
    let fact = Fact::Closed { round, head: None, draw: draw(5, 1000) };
    Heard::new(at(hours), fact)
}

fn tell(case: &mut Case, heard: impl IntoIterator<Item = Heard>) -> Vec<(u32, Event)> {
    heard.into_iter().flat_map(|heard| case.hear(&heard, &scheme(1000), at(900)).unwrap()).collect()
}

fn rating(satisfied: bool) -> Rating {
    Rating { responded: true, resolved: satisfied, satisfied }
}

fn in_state(state: CallbackState) -> Callback {
    Callback {
        id: callback_id(CASE, 1),
        round: 1,
        drawn_at: at(0),
        due_at: at(100),
        anchor_at: at(0),
        calendar_version: 1,
        draw: draw(5, 1000),
        attempts: vec![],
        state,
    }
}

#[test]
fn every_state_takes_its_own_commands_and_no_others() {
    let given = rating(false);
    let by = || "evaluator".to_owned();
    let states = [
        CallbackState::Drawn,
        CallbackState::Recorded { rating: given, at: at(1), by: by() },
        CallbackState::Unreached { at: at(1) },
        CallbackState::Adjudication { rating: given, at: at(1), by: by() },
        CallbackState::Upheld { rating: given, given_at: at(1), at: at(2) },
        CallbackState::Excluded { rating: given, given_at: at(1), at: at(2) },
        CallbackState::Lapsed,
    ];
    let commands = [
        Command::Missed { attempts: 3 },
        Command::Record { rating: given, by: by(), dissatisfied_before: false },
        Command::Adjudicate { upheld: true, by: "panel".into() },
    ];
    let legal = [("drawn", 0), ("drawn", 1), ("adjudication", 2)];
    for state in states {
        for (nth, command) in commands.iter().enumerate() {
            let name = state.as_str();
            let decided = in_state(state.clone()).decide(command.clone(), at(3));
            if legal.contains(&(name, nth)) {
                assert!(decided.is_ok(), "{name} × {command:?}");
            } else {
                assert!(matches!(decided, Err(Refusal::OutOfTurn { .. })), "{name} × {command:?}");
            }
        }
    }
}

#[test]
fn a_complainant_is_tried_as_often_as_the_scheme_asks() {
    let mut case = Case::new(CASE);
    assert_eq!(tell(&mut case, [closed(1, 10)]), [(1, Event::Drawn)]);
    let id = callback_id(CASE, 1);
    for attempt in 1..=2 {
        let said = case.record(id, None, "evaluator", &scheme(1000), at(20)).unwrap();
        assert_eq!(said, [(1, Event::Attempted { attempt })]);
    }
    let said = case.record(id, None, "evaluator", &scheme(1000), at(21)).unwrap();
    assert_eq!(said, [(1, Event::Attempted { attempt: 3 }), (1, Event::RatingGiven { rating: None })]);
    assert!(matches!(case.record(id, None, "evaluator", &scheme(1000), at(22)), Err(Refusal::OutOfTurn { .. })));
}

#[test]
fn dissatisfied_once_is_handled_again_and_twice_goes_to_the_panel() {
    let mut case = Case::new(CASE);
    tell(&mut case, [closed(1, 10)]);
    let first = callback_id(CASE, 1);
    let said = case.record(first, Some(rating(false)), "evaluator", &scheme(1000), at(20)).unwrap();
    assert_eq!(said, [(1, Event::RatingGiven { rating: Some(rating(false)) }), (1, Event::Dissatisfied)]);
    tell(&mut case, [Heard::new(at(21), Fact::Reopened { round: 2 }), closed(2, 100)]);
    let second = callback_id(CASE, 2);
    let said = case.record(second, Some(rating(false)), "evaluator", &scheme(1000), at(110)).unwrap();
    assert_eq!(said, [(2, Event::RatingGiven { rating: Some(rating(false)) })]);
    assert_eq!(case.adjudicate(second, false, "evaluator", at(120)), Err(Refusal::RecordedIt));
    assert_eq!(
        case.adjudicate(first, false, "leader", at(120)).unwrap_err().to_string(),
        "a call-back that is recorded cannot be adjudicated"
    );
    let said = case.adjudicate(second, false, "leader", at(120)).unwrap();
    assert_eq!(said, [(2, Event::Adjudicated { upheld: false })]);
    assert!(matches!(case.callback(second).unwrap().state, CallbackState::Excluded { .. }));
}

#[test]
fn satisfied_after_rework_is_the_end_of_it() {
    let mut case = Case::new(CASE);
    tell(&mut case, [closed(1, 10)]);
    case.record(callback_id(CASE, 1), Some(rating(false)), "e", &scheme(1000), at(20)).unwrap();
    tell(&mut case, [Heard::new(at(21), Fact::Reopened { round: 2 }), closed(2, 100)]);
    let said = case.record(callback_id(CASE, 2), Some(rating(true)), "e", &scheme(1000), at(110)).unwrap();
    assert_eq!(said, [(2, Event::RatingGiven { rating: Some(rating(true)) })]);
}

#[test]
fn a_call_that_was_not_made_lapses_when_the_case_is_reopened() {
    let mut case = Case::new(CASE);
    tell(&mut case, [closed(1, 10), Heard::new(at(21), Fact::Reopened { round: 2 })]);
    let lapsed = case.record(callback_id(CASE, 1), Some(rating(true)), "e", &scheme(1000), at(30));
    assert!(matches!(lapsed, Err(Refusal::OutOfTurn { state: "lapsed", .. })));
}

#[test]
fn the_same_complainant_is_called_once_and_another_by_itself() {
    for (kind, calls) in [(LinkKind::Duplicate, 0), (LinkKind::ClusterMember, 1)] {
        let mut case = Case::new(CASE);
        let said = tell(&mut case, [Heard::new(at(1), Fact::Linked { head: HEAD, kind }), closed(1, 10)]);
        assert_eq!(said.len(), calls, "{kind:?}");
        assert_eq!(case.head_id(), HEAD);
    }
}

#[test]
fn whom_the_lot_does_not_fall_on_is_not_called() {
    let mut case = Case::new(CASE);
    let fact = Fact::Closed { round: 1, head: None, draw: draw(700, 300) };
    assert_eq!(case.hear(&Heard::new(at(1), fact), &scheme(300), at(2)).unwrap(), []);
    assert!(case.rounds[&1].closed_at.is_some() && case.rounds[&1].callback.is_none());
}

fn order(number: u128) -> WorkOrderId {
    WorkOrderId::new(Uuid::from_u128(0x100 + number))
}

fn dispatched(number: u128, round: u32, hours: i64) -> Heard {
    let fact = Fact::Dispatched {
        order: order(number),
        unit: "ZF".parse().unwrap(),
        role: Role::Lead,
        round,
        acknowledge_by: Some(at(hours + 4)),
    };
    Heard::new(at(hours), fact)
}

#[test]
fn an_order_is_answered_in_time_or_it_is_not() {
    let mut case = Case::new(CASE);
    let acknowledged = |number, hours| Heard::new(at(hours), Fact::Acknowledged { order: order(number) });
    tell(
        &mut case,
        [dispatched(1, 1, 0), dispatched(2, 1, 0), dispatched(3, 1, 0), acknowledged(1, 4), acknowledged(2, 5)],
    );
    let in_time: Vec<bool> = case.orders.values().map(evaluation_domain::Order::is_acknowledged_in_time).collect();
    assert_eq!(in_time, [true, false, false]);
    assert_eq!(case.lead(1).unwrap().as_str(), "ZF");
}

fn streams() -> impl Strategy<Value = [Vec<Heard>; 3]> {
    (any::<bool>(), any::<bool>(), any::<bool>(), 0_u32..3).prop_map(|(linked, reopened, withdrawn, breaches)| {
        let mut intake = vec![Heard::new(at(0), Fact::Registered { case_no: "JS-2026-000001".into(), facts: facts() })];
        if linked {
            intake.push(Heard::new(at(1), Fact::Linked { head: HEAD, kind: LinkKind::ClusterMember }));
        }
        intake.push(Heard::new(at(2), Fact::Accepted { facts: facts() }));
        intake.push(closed(1, 100));
        let mut assignment = vec![dispatched(1, 1, 5), Heard::new(at(6), Fact::Objected { hops: 1 })];
        if withdrawn {
            assignment.push(Heard::new(at(7), Fact::OrderWithdrawn { order: order(1) }));
            assignment.push(dispatched(2, 1, 8));
        } else {
            assignment.push(Heard::new(at(7), Fact::Acknowledged { order: order(1) }));
        }
        assignment.push(Heard::new(at(50), Fact::Handled { lead: "ZF".parse().unwrap(), round: 1 }));
        if reopened {
            intake.push(Heard::new(at(110), Fact::Reopened { round: 2 }));
            intake.push(closed(2, 200));
            assignment.push(dispatched(3, 2, 111));
            assignment.push(Heard::new(at(150), Fact::Handled { lead: "HB".parse().unwrap(), round: 2 }));
        }
        let mut supervision: Vec<Heard> =
            (0..breaches).map(|nth| Heard::new(at(40 + i64::from(nth)), Fact::Breached { clocks: 2 })).collect();
        supervision.push(Heard::new(at(60), Fact::ClosingRefused { round: 1 }));
        [intake, assignment, supervision]
    })
}

fn heard(streams: &[Vec<Heard>; 3], dice: &[u8]) -> Case {
    let mut places = [0; 3];
    let mut case = Case::new(CASE);
    let mut dice = dice.iter().cycle();
    loop {
        let open: Vec<usize> = (0..3).filter(|nth| places[*nth] < streams[*nth].len()).collect();
        if open.is_empty() {
            return case;
        }
        let nth = open[usize::from(*dice.next().unwrap()) % open.len()];
        tell(&mut case, [streams[nth][places[nth]].clone()]);
        places[nth] += 1;
    }
}

proptest! {
    #[test]
    fn every_interleaving_ends_in_the_same_facts(
        streams in streams(),
        one in proptest::collection::vec(any::<u8>(), 1..30),
        other in proptest::collection::vec(any::<u8>(), 1..30),
    ) {
        let case = heard(&streams, &one);
        prop_assert_eq!(&case, &heard(&streams, &other));
        let json = serde_json::to_string(&case).unwrap();
        prop_assert_eq!(serde_json::from_str::<Case>(&json).unwrap(), case);
    }
}
