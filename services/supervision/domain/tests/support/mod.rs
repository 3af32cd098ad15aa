//! A small county and the words with which the tests tell their stories.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failed test should panic
#![allow(dead_code)] // each test file uses its own part

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::{Time, date, time};
use supervision_domain::{
    Case, Deadline, Dispatch, Event, Fact, Heard, Ladder, NoticeKind, Quiet, RuleBook, Rung, RungKind, RungSide,
};
use uuid::Uuid;
use vocab::clock::Extension;
use vocab::{
    Applies, Calendar, CalendarDay, CaseFacts, CaseId, Channel, Citation, ClockRule, Duty, Holder, Role, Session, Unit,
    UnitCode, Urgency, Validity, WarnBefore, WorkOrderId,
};

pub const CASE: CaseId = CaseId::new(Uuid::from_u128(1));
pub const MEMBER: CaseId = CaseId::new(Uuid::from_u128(2));

pub fn order(number: u128) -> WorkOrderId {
    WorkOrderId::new(Uuid::from_u128(0x100 + number))
}

/// A moment in Beijing, March 2026; the 2nd is a Monday.
pub fn march(day: i8, hour: i8, minute: i8) -> Timestamp {
    vocab::calendar::moment(date(2026, 3, day), time(hour, minute, 0, 0)).unwrap()
}

pub fn moment(year: i16, month: i8, day: i8, at: Time) -> Timestamp {
    vocab::calendar::moment(date(year, month, day), at).unwrap()
}

pub fn unit(code: &str) -> UnitCode {
    code.parse().unwrap()
}

pub fn citation(article: &str) -> Citation {
    Citation { law: "信访工作条例".into(), article: article.into(), version_date: None }
}

pub fn rule(id: &str, amount: u32, unit: Unit, anchor: &str, stops: &[&str], holder: Holder) -> ClockRule {
    ClockRule {
        id: id.parse().unwrap(),
        zh: format!("{id} 期限"),
        en: format!("{id} clock"),
        amount,
        unit,
        citation: citation("第二十三条"),
        roll_last_day: true,
        anchor: anchor.into(),
        stops: stops.iter().map(|stop| (*stop).to_owned()).collect(),
        pausable: vec![],
        extension: None,
        warn_before: vec![WarnBefore { amount: 3, unit: Unit::Workday }],
        holder,
        profile: "XF2022".into(),
        active: true,
        applies: Applies::default(),
        validity: Validity { from: date(2022, 5, 1), to: None },
        note: String::new(),
    }
}

pub fn rules() -> Vec<ClockRule> {
    let mut finish = rule(
        "xf.finish",
        60,
        Unit::Day,
        "intake.case.accepted",
        &["intake.case.closed", "intake.case.linked"],
        Holder::Lead,
    );
    finish.pausable = vec!["hearing".into()];
    finish.extension = Some(Extension {
        max_amount: 30,
        unit: Unit::Day,
        times: 1,
        approver: "unit_head".into(),
        citation: citation("第三十四条"),
    });
    let mut order = rule(
        "order.finish",
        15,
        Unit::Workday,
        "assignment.work_order.dispatched",
        &["assignment.work_order.completed"],
        Holder::Handler,
    );
    order.pausable = vec!["expert".into()];
    vec![
        rule("xf.inform", 15, Unit::Day, "intake.case.registered", &["intake.notice.served"], Holder::Desk),
        rule("triage", 4, Unit::Workhour, "intake.case.registered", &["assignment.diagnosis.made"], Holder::Centre),
        rule(
            "handled.reply",
            5,
            Unit::Workday,
            "assignment.case.handled",
            &["intake.notice.served.reply"],
            Holder::Desk,
        ),
        rule("review.ask", 30, Unit::Day, "intake.notice.served", &[], Holder::Complainant),
        rule("petition.duty", 59, Unit::Day, "intake.case.accepted", &["intake.case.closed"], Holder::Lead),
        finish,
        order,
        rule(
            "order.acknowledge",
            1,
            Unit::Workday,
            "assignment.work_order.dispatched",
            &["assignment.work_order.acknowledged"],
            Holder::Handler,
        ),
        rule(
            "closing.check",
            2,
            Unit::Workday,
            "assignment.case.handled",
            &["supervision.closing.approved", "supervision.closing.refused"],
            Holder::Centre,
        ),
        rule(
            "order.objection_decide",
            3,
            Unit::Workday,
            "assignment.work_order.objected",
            &["assignment.work_order.objection_decided"],
            Holder::Centre,
        ),
        rule(
            "consultation.answer",
            7,
            Unit::Workhour,
            "assignment.consultation.opened",
            &["assignment.ruling.made"],
            Holder::Handler,
        ),
        rule(
            "consultation.ruling",
            3,
            Unit::Workday,
            "assignment.consultation.opened",
            &["assignment.ruling.made"],
            Holder::Centre,
        ),
        rule(
            "supervision.answer",
            3,
            Unit::Workday,
            "supervision.supervision_order.issued",
            &["supervision.supervision_order.answered"],
            Holder::Handler,
        ),
    ]
}

fn rung(code: &str, kind: RungKind, amount: u32, side: RungSide) -> Rung {
    Rung {
        code: code.parse().unwrap(),
        kind,
        amount,
        unit: Unit::Workday,
        side,
        served_on: vec!["handler".into(), "unit_head".into()],
        answer_rule: (kind == RungKind::SupervisionOrder).then(|| "supervision.answer".parse().unwrap()),
    }
}

pub fn book() -> RuleBook {
    book_with(3, &[])
}

/// The same rules with another version of the calendar, in which these days are off.
pub fn book_with(version: u32, off: &[jiff::civil::Date]) -> RuleBook {
    let day_off = CalendarDay { working: false, source: "样例放假".into() };
    let calendar = Calendar {
        version,
        days: off.iter().map(|day| (*day, day_off.clone())).collect(),
        provisional_from: Some(date(2027, 1, 1)),
        sessions: vec![
            Session { from: time(8, 30, 0, 0), to: time(11, 30, 0, 0) },
            Session { from: time(13, 30, 0, 0), to: time(17, 0, 0, 0) },
        ],
    };
    let adopted = ["order.finish", "order.acknowledge", "consultation.answer"].map(|code| code.parse().unwrap()).into();
    let ladder = Ladder {
        rungs: vec![
            rung("remind", RungKind::Remind, 2, RungSide::Before),
            rung("urge", RungKind::Urge, 0, RungSide::After),
            rung("order", RungKind::SupervisionOrder, 2, RungSide::After),
        ],
        quiet: Quiet { from: time(18, 0, 0, 0), to: time(8, 30, 0, 0), non_working_days: true },
    };
    RuleBook::new(rules(), BTreeMap::new(), adopted, calendar, ladder, unit("CENTRE"))
}

pub fn facts() -> CaseFacts {
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

pub fn registered(at: Timestamp) -> Heard {
    Heard::new(
        at,
        Fact::Registered { case_no: "JS-2026-000001".into(), facts: facts(), receiving_unit: Some(unit("CENTRE")) },
    )
}

pub fn accepted(at: Timestamp) -> Heard {
    Heard::new(
        at,
        Fact::Accepted { case_no: "JS-2026-000001".into(), facts: facts(), mode: None, track: None, head: None },
    )
}

pub fn notice(kind: NoticeKind, round: u32, at: Timestamp) -> Heard {
    Heard::new(at, Fact::NoticeServed { kind, round })
}

pub fn deadline(rule: &str, at: Timestamp) -> Deadline {
    let book = book();
    let rule = book.rule(&rule.parse().unwrap()).unwrap();
    let due = vocab::due(rule, at, &book.calendar, &[]).unwrap();
    Deadline {
        rule: rule.id.clone(),
        anchor_at: at,
        due_at: due.due_at,
        calendar_version: due.calendar_version,
        citation: None,
    }
}

pub fn dispatched(number: u128, holder: &str, role: Role, round: u32, at: Timestamp) -> Heard {
    Heard::new(
        at,
        Fact::Dispatched(Dispatch {
            order: order(number),
            unit: unit(holder),
            role,
            duty: Duty::Punish,
            round,
            deadline: deadline("order.finish", at),
            acknowledge: Some(deadline("order.acknowledge", at)),
        }),
    )
}

pub fn completed(number: u128, evidence: u32, at: Timestamp) -> Heard {
    Heard::new(at, Fact::Completed { order: order(number), evidence })
}

pub fn acknowledged(number: u128, at: Timestamp) -> Heard {
    Heard::new(at, Fact::Acknowledged { order: order(number) })
}

pub fn handled(round: u32, at: Timestamp) -> Heard {
    Heard::new(at, Fact::Handled { lead: unit("ZF"), round })
}

pub fn closed(round: u32, at: Timestamp) -> Heard {
    Heard::new(at, Fact::Closed { round })
}

/// Hears all of it and gives what was said.
pub fn tell(case: &mut Case, heard: impl IntoIterator<Item = Heard>) -> Vec<Event> {
    let book = book();
    heard.into_iter().flat_map(|heard| case.hear(&heard, &book).unwrap()).collect()
}

pub fn kinds(events: &[Event]) -> Vec<String> {
    events
        .iter()
        .flat_map(|event| match event {
            Event::ClocksStarted { clocks } => clocks.iter().map(|clock| format!("+{}", clock.kind)).collect(),
            Event::ClocksStopped { kinds, .. } => kinds.iter().map(|kind| format!("-{kind}")).collect(),
            Event::ClocksWarned { clocks, .. } => clocks.iter().map(|clock| format!("~{}", clock.kind)).collect(),
            Event::ClocksBreached { clocks, .. } => clocks.iter().map(|clock| format!("!{}", clock.kind)).collect(),
            Event::SupervisionOrderIssued(order) => {
                vec![format!("^{} {} {}", order.rung.as_str(), order.unit, order.clock_kind)]
            }
            _ => Vec::new(),
        })
        .collect()
}
