//! What is remembered: all the SQL of scheduling.

mod flush;
mod read;

use std::collections::BTreeSet;

use jiff_sqlx::ToSqlx;
use kit::service::{Keys, StoreError, Tx};
use kit::unit::Table;
use scheduling_domain::{Booking, BookingState, KnownCase, Officer, Operation, Span, Subject};
use serde::de::DeserializeOwned;
use uuid::Uuid;
use vocab::{CaseId, OperationId, PersonCode, ResourceCode, UnitCode};

use crate::unit::{Needs, Unit, union};

pub use flush::flush;
pub use read::{
    BookingFilter, BookingKey, OperationFilter, Reading, WrittenRow, begin, find_operation, finish_by, list_bookings,
    list_officers, list_operations, list_unfinished, list_written,
};

/// Where what people wrote is sealed.
const WORDS: &str = "written.words";

fn unreadable(table: &'static str, id: impl ToString, reason: impl ToString) -> StoreError {
    StoreError::Unreadable { table, id: id.to_string(), reason: reason.to_string() }
}

fn from_state<T: DeserializeOwned>(
    table: &'static str,
    id: impl ToString,
    state: serde_json::Value,
) -> Result<T, StoreError> {
    serde_json::from_value(state).map_err(|error| unreadable(table, id, error))
}

/// Adds the heads only the store knows: unfinished operations of the named cases, and cases that are known.
pub async fn widen(tx: &mut Tx, keys: &mut Keys<Needs>) -> Result<(), StoreError> {
    let wanted: Vec<Uuid> = keys.needs.if_known.iter().map(|case| case.uuid()).collect();
    if !wanted.is_empty() {
        let known =
            sqlx::query_scalar!("SELECT id FROM known_case WHERE id = ANY($1)", &wanted).fetch_all(&mut *tx).await?;
        keys.heads.extend(known);
    }
    let heads: Vec<Uuid> = keys.heads.iter().copied().collect();
    if !heads.is_empty() {
        let operations = sqlx::query_scalar!(
            "SELECT id FROM operation WHERE case_ids && $1 AND stage IN ('proposed', 'fixed', 'started')",
            &heads
        )
        .fetch_all(tx)
        .await?;
        keys.heads.extend(operations);
    }
    Ok(())
}

/// Reads everything the batch needs, one statement a table.
pub async fn load(tx: &mut Tx, keys: &Keys<Needs>) -> Result<Unit, StoreError> {
    let heads: Vec<Uuid> = keys.heads.iter().copied().collect();
    let operations = load_operations(tx, &heads).await?;
    let mut units: BTreeSet<String> = BTreeSet::new();
    let mut cases: BTreeSet<Uuid> = keys.heads.clone();
    let mut window = keys.needs.window;
    for operation in &operations {
        units.extend(operation.units().map(str::to_owned));
        cases.extend(operation.cases.iter().map(|case| case.uuid()));
        window = union(window, operation.plan().map(|plan| plan.span));
    }
    let ids: Vec<Uuid> = operations.iter().map(|operation| operation.id.uuid()).collect();
    let units: Vec<String> = units.into_iter().collect();
    let cases: Vec<Uuid> = cases.into_iter().collect();
    Ok(Unit {
        cases: Table::loaded(load_cases(tx, &cases).await?),
        officers: Table::loaded(load_officers(tx, &keys.needs, &units).await?),
        bookings: Table::loaded(load_bookings(tx, &ids, &units, window).await?),
        operations: Table::loaded(operations.into_iter().map(|operation| (operation.id, operation))),
        ..Unit::default()
    })
}

async fn load_operations(tx: &mut Tx, heads: &[Uuid]) -> Result<Vec<Operation>, StoreError> {
    if heads.is_empty() {
        return Ok(Vec::new());
    }
    let rows = sqlx::query!("SELECT id, state FROM operation WHERE id = ANY($1)", heads).fetch_all(tx).await?;
    rows.into_iter().map(|row| from_state("operation", row.id, row.state)).collect()
}

async fn load_cases(tx: &mut Tx, cases: &[Uuid]) -> Result<Vec<(CaseId, KnownCase)>, StoreError> {
    if cases.is_empty() {
        return Ok(Vec::new());
    }
    let rows = sqlx::query!("SELECT id, state FROM known_case WHERE id = ANY($1)", cases).fetch_all(tx).await?;
    rows.into_iter().map(|row| Ok((CaseId::new(row.id), from_state("known_case", row.id, row.state)?))).collect()
}

async fn load_officers(tx: &mut Tx, needs: &Needs, units: &[String]) -> Result<Vec<(PersonCode, Officer)>, StoreError> {
    let codes: Vec<String> = needs.officers.iter().map(ToString::to_string).collect();
    if codes.is_empty() && units.is_empty() && !needs.everybody {
        return Ok(Vec::new());
    }
    let rows = sqlx::query!(
        "SELECT code, state FROM officer WHERE $3 OR unit = ANY($1) OR code = ANY($2)",
        units,
        &codes,
        needs.everybody
    )
    .fetch_all(tx)
    .await?;
    let officers = rows.into_iter().map(|row| from_state::<Officer>("officer", row.code, row.state));
    officers.map(|officer| officer.map(|officer| (officer.code.clone(), officer))).collect()
}

async fn load_bookings(
    tx: &mut Tx,
    operations: &[Uuid],
    units: &[String],
    window: Option<Span>,
) -> Result<Vec<((OperationId, Subject), Booking)>, StoreError> {
    #[cfg(feature = "mutants")]
    let window = window.filter(|_| !kit::mutants::is("officer-twice"));
    if operations.is_empty() && window.is_none() {
        return Ok(Vec::new());
    }
    let rows = sqlx::query_as!(
        BookingRow,
        "SELECT operation_id, kind, code, unit, starts_at, ends_at, state
         FROM booking
         WHERE operation_id = ANY($1)
            OR (state <> 'released' AND starts_at < $4 AND $3 < ends_at AND (kind = 'resource' OR unit = ANY($2)))",
        operations,
        units,
        window.map(|span| span.from.to_sqlx()) as _,
        window.map(|span| span.until.to_sqlx()) as _,
    )
    .fetch_all(tx)
    .await?;
    rows.into_iter()
        .map(|row| {
            let booking = Booking::try_from(row)?;
            Ok(((booking.operation, booking.subject.clone()), booking))
        })
        .collect()
}

struct BookingRow {
    operation_id: Uuid,
    kind: String,
    code: String,
    unit: String,
    starts_at: jiff_sqlx::Timestamp,
    ends_at: jiff_sqlx::Timestamp,
    state: String,
}

impl TryFrom<BookingRow> for Booking {
    type Error = StoreError;

    fn try_from(row: BookingRow) -> Result<Self, StoreError> {
        let wrong = |reason: String| unreadable("booking", format!("{}/{}", row.operation_id, row.code), reason);
        let subject = match row.kind.as_str() {
            "officer" => PersonCode::new(row.code.as_str()).map(Subject::Officer),
            _ => ResourceCode::new(row.code.as_str()).map(Subject::Resource),
        };
        let state = match row.state.as_str() {
            "reserved" => BookingState::Reserved,
            "on_duty" => BookingState::OnDuty,
            "released" => BookingState::Released,
            other => return Err(wrong(format!("state {other:?}"))),
        };
        Ok(Self {
            operation: OperationId::new(row.operation_id),
            subject: subject.map_err(|error| wrong(error.to_string()))?,
            unit: UnitCode::new(row.unit.as_str()).map_err(|error| wrong(error.to_string()))?,
            span: Span { from: row.starts_at.to_jiff(), until: row.ends_at.to_jiff() },
            state,
        })
    }
}
