//! Builders for the planner's tests.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failed test should panic

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::{Date, Time};
use uuid::Uuid;
use vocab::calendar::{CalendarDay, moment};
use vocab::{Calendar, Citation, DayKind, OperationId, Session};

use super::{Body, Means, Requirements, Resource, ResourceKind};
use crate::{
    Booking, BookingState, Certificate, ForbiddenSlot, Hours, Kind, LegalCalendar, Officer, Span, Subject, Terms, Words,
};

/// `2026-03-06 20:00` in Beijing.
pub fn at(text: &str) -> Timestamp {
    let (day, time) = text.split_once(' ').unwrap();
    moment(day.parse().unwrap(), format!("{time}:00").parse().unwrap()).unwrap()
}

pub fn day(text: &str) -> Date {
    text.parse().unwrap()
}

pub fn law() -> LegalCalendar {
    let exception = |working| CalendarDay { working, source: "国办通知".to_owned() };
    let mut days = BTreeMap::from([(day("2026-02-28"), exception(true)), (day("2026-10-10"), exception(true))]);
    for date in 1..=7 {
        days.insert(day(&format!("2026-10-0{date}")), exception(false));
    }
    let session = |from: i8, to: i8| Session { from: Time::constant(from, 30, 0, 0), to: Time::constant(to, 30, 0, 0) };
    let calendar =
        Calendar { version: 1, days, provisional_from: None, sessions: vec![session(8, 11), session(13, 17)] };
    let citation =
        Citation { law: "行政强制法".to_owned(), article: "第四十三条".to_owned(), version_date: None };
    let slot = |code: &str, days: Vec<DayKind>, from: i8, to: i8, zh: &str, en: &str| ForbiddenSlot {
        code: code.parse().unwrap(),
        compulsory_only: true,
        days,
        from: Time::constant(from, 0, 0, 0),
        to: Time::constant(to, 0, 0, 0),
        lifted_when_urgent: true,
        citation: citation.clone(),
        reason: Words::new(zh, en),
    };
    LegalCalendar {
        calendar,
        forbidden: vec![
            slot("qz43.night", vec![], 22, 6, "夜间不得实施强制执行", "no compulsory enforcement at night"),
            slot(
                "qz43.holiday",
                vec![DayKind::Holiday],
                0,
                0,
                "法定节假日不得实施强制执行",
                "no compulsory enforcement on statutory holidays",
            ),
        ],
    }
}

pub fn operation(nth: u128) -> OperationId {
    OperationId::new(Uuid::from_u128(nth))
}

/// An officer `code` of `unit` whose certificate is valid in 2026.
pub fn officer(code: &str, unit: &str) -> Officer {
    Officer {
        code: code.parse().unwrap(),
        unit: unit.parse().unwrap(),
        certificate: Some(Certificate {
            number: format!("330421-{code}"),
            valid_from: day("2024-01-01"),
            valid_to: day("2026-12-31"),
        }),
        auxiliary: false,
        suspended_since: None,
        listed: true,
        recorded_over: None,
    }
}

pub fn auxiliary(code: &str, unit: &str) -> Officer {
    Officer { certificate: None, auxiliary: true, ..officer(code, unit) }
}

pub fn expiring(code: &str, unit: &str, last: &str) -> Officer {
    let mut officer = officer(code, unit);
    if let Some(certificate) = &mut officer.certificate {
        certificate.valid_to = day(last);
    }
    officer
}

pub fn means(officers: impl IntoIterator<Item = Officer>) -> Means {
    let vehicle = |code: &str| Resource {
        code: code.parse().unwrap(),
        kind: ResourceKind::Vehicle,
        unit: "ZF".parse().unwrap(),
        calibrated_to: None,
    };
    let vehicles = [vehicle("V1"), vehicle("V2")];
    Means {
        officers: officers.into_iter().map(|officer| (officer.code.clone(), officer)).collect(),
        resources: vehicles.into_iter().map(|vehicle| (vehicle.code.clone(), vehicle)).collect(),
        bookings: Vec::new(),
    }
}

pub fn two_of_each(units: &[&str]) -> Means {
    means(units.iter().flat_map(|unit| [officer(&format!("{unit}-1"), unit), officer(&format!("{unit}-2"), unit)]))
}

pub fn body(unit: &str) -> Body {
    Body { unit: unit.parse().unwrap(), name: Words::new(unit, unit), enforcing: true }
}

pub fn terms(kind: Kind, hours: Hours) -> Terms {
    Terms {
        kind,
        urgent: false,
        minutes: 120,
        hours,
        vehicles: 1,
        resources: Vec::new(),
        recused: std::collections::BTreeSet::default(),
    }
}

pub fn requirements(units: &[&str], terms: Terms) -> Requirements {
    Requirements {
        operation: operation(1),
        bodies: units.iter().map(|unit| body(unit)).collect(),
        terms,
        min_certified: 2,
        grid_minutes: 30,
        starts_at: None,
    }
}

pub fn booked(nth: u128, code: &str, unit: &str, from: &str, until: &str) -> Booking {
    Booking {
        operation: operation(nth),
        subject: Subject::Officer(code.parse().unwrap()),
        unit: unit.parse().unwrap(),
        span: Span { from: at(from), until: at(until) },
        state: BookingState::Reserved,
    }
}
