//! What the tests of evaluation's mind begin with.
#![allow(dead_code)] // each test file uses its own part of it

use std::collections::BTreeMap;

use evaluation_domain::{
    Answer, CaseFile, Command, Dispatch, Event, EventHash, Fact, Heard, Official, Opinion, Scheme, Seed, Weights,
};
use jiff::civil::{date, time};
use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;
use vocab::{
    Applies, Calendar, CallbackId, CaseId, Citation, ClockRule, Holder, Role, Session, Unit, Validity, WorkOrderId,
};

pub const CASE: CaseId = CaseId::new(Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0001));
pub const HEAD: CaseId = CaseId::new(Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0002));

/// Hours after Monday, the second of March 2026, nine o'clock.
pub fn at(hours: i64) -> Timestamp {
    let monday = vocab::calendar::moment(date(2026, 3, 2), time(9, 0, 0, 0)).unwrap();
    monday.checked_add(SignedDuration::from_hours(hours)).unwrap()
}

pub fn a_scheme(draw_per_mille: u32) -> Scheme {
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
    let weights = Weights { response: 30, resolution: 35, satisfaction: 35 };
    Scheme { draw_per_mille, attempts: 3, rule, calendar, weights }
}

pub fn heard(hours: i64, fact: Fact) -> Heard {
    Heard { at: at(hours), fact }
}

pub fn a_seed(pos: i64) -> Seed {
    Seed { service: "intake".into(), epoch: 1, pos, hash: EventHash([7; 32]) }
}

pub fn closed(round: u32, hours: i64) -> Heard {
    heard(hours, Fact::Closed { round, head: None, seed: a_seed(i64::from(round)), lot: 5 })
}

pub fn reopened(round: u32, hours: i64) -> Heard {
    heard(hours, Fact::Reopened { round })
}

pub fn order(number: u128) -> WorkOrderId {
    WorkOrderId::new(Uuid::from_u128(0x100 + number))
}

/// An order that must be acknowledged within four hours.
pub fn dispatched(number: u128, unit: &str, role: Role, round: u32, hours: i64) -> Heard {
    let dispatch =
        Dispatch { unit: unit.parse().unwrap(), role, round, at: at(hours), acknowledge_by: Some(at(hours + 4)) };
    heard(hours, Fact::Dispatched { order: order(number), dispatch })
}

/// Tells a case what happened; every case is drawn.
pub fn tell(file: &mut CaseFile, facts: impl IntoIterator<Item = Heard>) -> Vec<Event> {
    facts.into_iter().flat_map(|fact| file.hear(&fact, &a_scheme(1000), at(900)).unwrap()).collect()
}

/// A case whose first round was closed.
pub fn a_closed_case() -> (CaseFile, CallbackId) {
    let mut file = CaseFile::new(CASE);
    tell(&mut file, [closed(1, 10)]);
    let id = file.callbacks[&1].id;
    (file, id)
}

pub fn somebody(account: &str) -> Official {
    Official { account: account.into(), unit: "centre".into(), person: format!("person-of-{account}") }
}

pub fn satisfied(satisfied: bool) -> Answer {
    Answer::Reached(Opinion { responded: true, resolved: satisfied, satisfied })
}

pub fn record(answer: Answer) -> Command {
    Command::Record { answer, by: somebody("evaluator") }
}

pub fn panel(upheld: bool) -> Command {
    Command::Decide { upheld, by: somebody("leader") }
}
