//! What a batch loads and changes.

use std::collections::BTreeSet;

use jiff::Timestamp;
use kit::service::Merge;
use kit::unit::{Added, Savepoint, Table};
use scheduling_domain::{Booking, KnownCase, Officer, Operation, Span, Subject};
use uuid::Uuid;
use vocab::{CaseId, OperationId, PersonCode};

/// The loaded unit.
#[derive(Debug, Default)]
pub struct Unit {
    /// Operations.
    pub operations: Table<OperationId, Operation>,
    /// Cases that were escalated, or ended before they could be.
    pub cases: Table<CaseId, KnownCase>,
    /// Officers and assistants.
    pub officers: Table<PersonCode, Officer>,
    /// What is held, by operation.
    pub bookings: Table<(OperationId, Subject), Booking>,
    /// What people wrote.
    pub written: Added<Written>,
}

/// Words a person wrote with a decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// The entry; an inspection's own id where it belongs to one.
    pub id: Uuid,
    /// The operation.
    pub operation: OperationId,
    /// With what.
    pub verb: &'static str,
    /// The unit that wrote; the centre's code for the centre.
    pub unit: String,
    /// The words.
    pub words: String,
    /// When.
    pub at: Timestamp,
}

impl kit::unit::Unit for Unit {
    fn tables(&mut self) -> Vec<&mut dyn Savepoint> {
        vec![&mut self.operations, &mut self.cases, &mut self.officers, &mut self.bookings, &mut self.written]
    }
}

/// Hints about what to load beside the heads.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Needs {
    /// Cases whose heads are wanted only where they are known.
    pub if_known: BTreeSet<CaseId>,
    /// Officers by code.
    pub officers: BTreeSet<PersonCode>,
    /// The whole roster.
    pub everybody: bool,
    /// The time in which bookings matter.
    pub window: Option<Span>,
}

impl Needs {
    /// Bookings of a stretch of time.
    #[must_use]
    pub fn window(from: Timestamp, until: Timestamp) -> Self {
        Self { window: Some(Span { from, until }), ..Self::default() }
    }

    /// One officer.
    #[must_use]
    pub fn officer(code: PersonCode) -> Self {
        Self { officers: BTreeSet::from([code]), ..Self::default() }
    }
}

impl Merge for Needs {
    fn merge(&mut self, other: Self) {
        self.if_known.extend(other.if_known);
        self.officers.extend(other.officers);
        self.everybody |= other.everybody;
        self.window = union(self.window, other.window);
    }
}

/// The shortest span that holds both.
#[must_use]
pub fn union(one: Option<Span>, other: Option<Span>) -> Option<Span> {
    match (one, other) {
        (Some(one), Some(other)) => Some(Span { from: one.from.min(other.from), until: one.until.max(other.until) }),
        (one, other) => one.or(other),
    }
}
