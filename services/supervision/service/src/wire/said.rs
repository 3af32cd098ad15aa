//! What supervision says, in the contract's words.

use kit::context::Context;
use kit::wire::to_proto_time;
use supervision_domain::{Case, Check, Clock, Event, RungKind, SupervisionOrder};
use uuid::Uuid;
use words::{Deadline, write};
use xiezhi_proto::supervision::v1 as proto;

use crate::rules::Rules;

/// A clock, as events and answers name it.
pub(super) fn clock(clock: &Clock) -> proto::Clock {
    proto::Clock {
        kind: clock.kind.clone(),
        deadline: Some(write::deadline(&Deadline {
            rule: clock.rule.clone(),
            anchor_at: clock.anchor_at,
            due_at: clock.due_at,
            calendar_version: clock.calendar_version,
            citation: Some(clock.citation.clone()),
        })),
        holder_unit: clock.holder.clone(),
        work_order_id: match clock.subject {
            supervision_domain::Subject::Order(order) => order.to_string(),
            _ => String::new(),
        },
    }
}

fn clocks(all: &[Clock]) -> Vec<proto::Clock> {
    all.iter().map(clock).collect()
}

/// A rung.
pub(super) fn rung(kind: RungKind) -> proto::Rung {
    match kind {
        RungKind::Remind => proto::Rung::Remind,
        RungKind::Urge => proto::Rung::Urge,
        RungKind::SupervisionOrder => proto::Rung::SupervisionOrder,
    }
}

/// The deadline of an answer.
pub(super) fn answer_deadline(order: &SupervisionOrder) -> Option<xiezhi_proto::common::v1::Deadline> {
    order.answer.as_ref().map(|deadline| {
        write::deadline(&Deadline {
            rule: deadline.rule.clone(),
            anchor_at: deadline.anchor_at,
            due_at: deadline.due_at,
            calendar_version: deadline.calendar_version,
            citation: deadline.citation.clone(),
        })
    })
}

/// A check.
pub(super) fn check(check: &Check) -> proto::ClosingCheck {
    proto::ClosingCheck { code: check.code.as_str().to_owned(), holds: check.holds }
}

/// Journals what was decided about a case, each on the case's key.
pub fn say(cx: &mut Context<Rules>, case: &Case, events: &[Event]) {
    let key = case.id.uuid();
    let case_id = case.id.to_string();
    for event in events {
        say_one(cx, key, case_id.clone(), event);
    }
}

fn say_one(cx: &mut Context<Rules>, key: Uuid, case_id: String, event: &Event) {
    match event {
        Event::ClocksStarted { clocks: started } => {
            let clocks = clocks(started);
            cx.emit(key, &proto::ClocksStarted { case_id, clocks });
        }
        Event::ClocksWarned { clocks: warned, at } => {
            let (clocks, warned_at) = (clocks(warned), Some(to_proto_time(*at)));
            cx.emit(key, &proto::ClocksWarned { case_id, clocks, warned_at });
        }
        Event::ClocksBreached { clocks: breached, late_by } => {
            let clocks = clocks(breached);
            let late_by_ms = u64::try_from(late_by.as_millis()).unwrap_or(0);
            cx.emit(key, &proto::ClocksBreached { case_id, clocks, late_by_ms });
        }
        Event::ClocksPaused { clocks: paused, reason } => {
            let (clocks, reason_code) = (clocks(paused), reason.clone());
            cx.emit(key, &proto::ClocksPaused { case_id, clocks, reason_code });
        }
        Event::ClocksExtended { clocks: extended, by } => {
            let (clocks, approved_by) = (clocks(extended), by.clone());
            cx.emit(key, &proto::ClocksExtended { case_id, clocks, approved_by });
        }
        Event::ClocksMoved { clocks: moved } => {
            let clocks = clocks(moved);
            cx.emit(key, &proto::ClocksMoved { case_id, clocks });
        }
        Event::ClocksStopped { kinds, at } => {
            let (kinds, stopped_at) = (kinds.clone(), Some(to_proto_time(*at)));
            cx.emit(key, &proto::ClocksStopped { case_id, kinds, stopped_at });
        }
        Event::SupervisionOrderIssued(order) => cx.emit(key, &issued(case_id, order)),
        Event::SupervisionOrderAnswered { order, unit, at } => {
            let answered = proto::SupervisionOrderAnswered {
                supervision_order_id: order.to_string(),
                case_id,
                unit_code: unit.to_string(),
                answered_at: Some(to_proto_time(*at)),
            };
            cx.emit(key, &answered);
        }
        Event::ClosingApproved { round, checks, unit, at } => {
            let approved = proto::ClosingApproved {
                case_id,
                checks: checks.iter().map(check).collect(),
                checked_by_unit: unit.to_string(),
                approved_at: Some(to_proto_time(*at)),
                round: *round,
            };
            cx.emit(key, &approved);
        }
        Event::ClosingRefused { round, checks, order, reason, at } => {
            let refused = proto::ClosingRefused {
                case_id,
                checks: checks.iter().map(check).collect(),
                work_order_id: order.to_string(),
                reason_code: reason.clone(),
                refused_at: Some(to_proto_time(*at)),
                round: *round,
            };
            cx.emit(key, &refused);
        }
    }
}

fn issued(case_id: String, order: &SupervisionOrder) -> proto::SupervisionOrderIssued {
    proto::SupervisionOrderIssued {
        supervision_order_id: order.id.to_string(),
        case_id,
        unit_code: order.unit.to_string(),
        rung: rung(order.rung).into(),
        clock_kind: order.clock_kind.clone(),
        work_order_id: order.order.map(|order| order.to_string()).unwrap_or_default(),
        answer_deadline: answer_deadline(order),
        issued_at: Some(to_proto_time(order.issued_at)),
    }
}
