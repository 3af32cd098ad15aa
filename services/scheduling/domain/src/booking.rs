//! 占用: who and what an operation holds, so that nobody is in two places at once.

use serde::{Deserialize, Serialize};
use vocab::{OperationId, PersonCode, ResourceCode, UnitCode};

use crate::Span;
use crate::operation::{Operation, Stage};

/// What is held.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(tag = "kind", content = "code", rename_all = "snake_case")]
pub enum Subject {
    /// 执法人员.
    Officer(PersonCode),
    /// 车辆、仪器、房间.
    Resource(ResourceCode),
}

impl Subject {
    /// "officer" or "resource".
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Officer(_) => "officer",
            Self::Resource(_) => "resource",
        }
    }

    /// The code within its kind.
    #[must_use]
    pub fn code(&self) -> &str {
        match self {
            Self::Officer(code) => code.as_str(),
            Self::Resource(code) => code.as_str(),
        }
    }
}

/// 占用状态: planned is not yet on the spot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BookingState {
    /// 预定: held for a plan.
    Reserved,
    /// 在岗: on the spot.
    OnDuty,
    /// 释放: free again.
    Released,
}

impl BookingState {
    /// The word in the store and on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Reserved => "reserved",
            Self::OnDuty => "on_duty",
            Self::Released => "released",
        }
    }
}

/// 占用: one officer or thing, held by one operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Booking {
    /// The operation that holds it.
    pub operation: OperationId,
    /// What is held.
    pub subject: Subject,
    /// The unit it belongs to.
    pub unit: UnitCode,
    /// When.
    pub span: Span,
    /// How firmly.
    pub state: BookingState,
}

impl Booking {
    /// True while it keeps its subject from others.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.state != BookingState::Released
    }
}

/// What an operation holds as it now stands; everything else it held is free again.
#[must_use]
pub fn held_by(operation: &Operation) -> Vec<Booking> {
    let (plan, arrived) = match &operation.stage {
        Stage::Fixed(fixed) => (&fixed.plan, Some(&fixed.arrivals)),
        Stage::Started(started) => (&started.plan, None),
        Stage::Proposed { .. } | Stage::Rejected { .. } | Stage::Concluded(_) | Stage::Cancelled { .. } => {
            return Vec::new();
        }
    };
    let booking = |subject, unit: &UnitCode, on_duty| Booking {
        operation: operation.id,
        subject,
        unit: unit.clone(),
        span: plan.span,
        state: if on_duty { BookingState::OnDuty } else { BookingState::Reserved },
    };
    let started = arrived.is_none();
    let mut held = Vec::new();
    for crew in &plan.crews {
        let here = started || arrived.is_some_and(|arrivals| arrivals.contains_key(&crew.unit));
        held.extend(crew.officers.iter().map(|code| booking(Subject::Officer(code.clone()), &crew.unit, here)));
    }
    held.extend(plan.resources.iter().map(|(code, unit)| booking(Subject::Resource(code.clone()), unit, started)));
    held
}
