//! Reads for people: pages and single operations, straight from the store.

use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use kit::service::{StoreError, Tx};
use kit::texts::Texts;
use scheduling_domain::{Booking, Officer, Operation};
use serde::{Deserialize, Serialize};
use sqlx::PgPool;
use uuid::Uuid;
use vocab::OperationId;

use super::{BookingRow, from_state};

/// A transaction that only reads; it is rolled back when it is dropped.
pub type Reading = sqlx::Transaction<'static, sqlx::Postgres>;

/// Begins reading. For a unit it sees what that unit takes part in and nothing else, whatever the queries say.
pub async fn begin(pool: &PgPool, unit: Option<&str>) -> Result<Reading, StoreError> {
    let mut tx = pool.begin().await?;
    if let Some(unit) = unit {
        sqlx::query!(
            "SELECT set_config('xiezhi.unit', $1, true) AS unit, set_config('role', 'scheduling_department', true) AS role",
            unit
        )
        .fetch_one(&mut *tx)
        .await?;
    }
    Ok(tx)
}

/// Which operations a page holds.
#[derive(Debug, Clone, Default)]
pub struct OperationFilter {
    /// Only of this case.
    pub case: Option<Uuid>,
    /// Only where all these units take part.
    pub units: Vec<String>,
    /// Only in these stages; empty for all.
    pub stages: Vec<String>,
    /// Only with a slot that ends later.
    pub from: Option<Timestamp>,
    /// Only with a slot that begins earlier.
    pub until: Option<Timestamp>,
    /// Where the last page ended.
    pub after: Option<(Timestamp, Uuid)>,
    /// At most so many.
    pub limit: i64,
}

/// One operation.
pub async fn find_operation(tx: &mut Tx, id: OperationId) -> Result<Option<Operation>, StoreError> {
    let state = sqlx::query_scalar!("SELECT state FROM operation WHERE id = $1", id.uuid()).fetch_optional(tx).await?;
    state.map(|state| from_state("operation", id, state)).transpose()
}

/// A page of operations, newest proposal first.
pub async fn list_operations(tx: &mut Tx, filter: &OperationFilter) -> Result<Vec<Operation>, StoreError> {
    let (after_at, after_id) = filter.after.unzip();
    let rows = sqlx::query!(
        "SELECT id, state
         FROM operation
         WHERE ($1::uuid IS NULL OR case_ids @> ARRAY[$1])
           AND units @> $2
           AND (cardinality($3::text[]) = 0 OR stage = ANY($3))
           AND ($4::timestamptz IS NULL OR ends_at > $4)
           AND ($5::timestamptz IS NULL OR starts_at < $5)
           AND ($6::timestamptz IS NULL OR (proposed_at, id) < ($6, $7))
         ORDER BY proposed_at DESC, id DESC
         LIMIT $8",
        filter.case,
        &filter.units,
        &filter.stages,
        filter.from.map(ToSqlx::to_sqlx) as _,
        filter.until.map(ToSqlx::to_sqlx) as _,
        after_at.map(ToSqlx::to_sqlx) as _,
        after_id,
        filter.limit
    )
    .fetch_all(tx)
    .await?;
    rows.into_iter().map(|row| from_state("operation", row.id, row.state)).collect()
}

/// A page of operations that are not over, in the order of their ids.
pub async fn list_unfinished(
    tx: &mut Tx,
    case: Option<Uuid>,
    units: &[String],
    after: Option<Uuid>,
    limit: i64,
) -> Result<Vec<Operation>, StoreError> {
    let rows = sqlx::query!(
        "SELECT id, state
         FROM operation
         WHERE stage IN ('proposed', 'fixed', 'started')
           AND ($1::uuid IS NULL OR case_ids @> ARRAY[$1])
           AND units @> $2
           AND ($3::uuid IS NULL OR id > $3)
         ORDER BY id
         LIMIT $4",
        case,
        units,
        after,
        limit
    )
    .fetch_all(tx)
    .await?;
    rows.into_iter().map(|row| from_state("operation", row.id, row.state)).collect()
}

/// The statutory ends of these cases, as far as they are known.
pub async fn finish_by(tx: &mut Tx, cases: &[Uuid]) -> Result<Vec<(Uuid, Timestamp)>, StoreError> {
    let rows = sqlx::query!(
        r#"SELECT id, finish_by AS "finish_by!" FROM known_case WHERE id = ANY($1) AND finish_by IS NOT NULL"#,
        cases
    )
    .fetch_all(tx)
    .await?;
    Ok(rows.into_iter().map(|row| (row.id, row.finish_by.to_jiff())).collect())
}

/// Something a person wrote about an operation.
#[derive(Debug)]
pub struct WrittenRow {
    /// The entry.
    pub id: Uuid,
    /// With what.
    pub verb: String,
    /// The unit that wrote.
    pub unit: String,
    /// The words.
    pub words: String,
    /// When.
    pub at: jiff_sqlx::Timestamp,
}

/// What people wrote about an operation, opened, oldest first.
pub async fn list_written(tx: &mut Tx, texts: &Texts, id: OperationId) -> Result<Vec<WrittenRow>, StoreError> {
    let rows = sqlx::query!(
        "SELECT id, verb, unit, words, at FROM written WHERE operation_id = $1 ORDER BY at, id",
        id.uuid()
    )
    .fetch_all(tx)
    .await?;
    rows.into_iter()
        .map(|row| {
            let words = texts.open(id.uuid(), super::WORDS, row.id, &row.words);
            let words = words.map_err(|error| super::unreadable("written", row.id, error))?;
            Ok(WrittenRow { id: row.id, verb: row.verb, unit: row.unit, words, at: row.at })
        })
        .collect()
}

/// Where a page of bookings ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BookingKey {
    /// Its beginning.
    pub starts_at: Timestamp,
    /// The operation.
    pub operation: Uuid,
    /// "officer" or "resource".
    pub kind: String,
    /// The code.
    pub code: String,
}

/// Which bookings a page holds.
#[derive(Debug, Clone)]
pub struct BookingFilter {
    /// Only of these units' people and things; empty for all.
    pub units: Vec<String>,
    /// Only of this officer or thing.
    pub subject: Option<String>,
    /// Only those that end later.
    pub from: Timestamp,
    /// Only those that begin earlier.
    pub until: Option<Timestamp>,
    /// Those that were released, too.
    pub with_released: bool,
    /// Where the last page ended.
    pub after: Option<BookingKey>,
    /// At most so many.
    pub limit: i64,
}

/// A page of bookings in the order of beginning.
pub async fn list_bookings(tx: &mut Tx, filter: &BookingFilter) -> Result<Vec<Booking>, StoreError> {
    let after = filter.after.as_ref();
    let rows = sqlx::query_as!(
        BookingRow,
        "SELECT operation_id, kind, code, unit, starts_at, ends_at, state
         FROM booking
         WHERE (cardinality($1::text[]) = 0 OR unit = ANY($1))
           AND ($2::text IS NULL OR code = $2)
           AND ends_at > $3
           AND ($4::timestamptz IS NULL OR starts_at < $4)
           AND ($5 OR state <> 'released')
           AND ($6::timestamptz IS NULL OR (starts_at, operation_id, kind, code) > ($6, $7, $8, $9))
         ORDER BY starts_at, operation_id, kind, code
         LIMIT $10",
        &filter.units,
        filter.subject.as_deref(),
        filter.from.to_sqlx() as _,
        filter.until.map(ToSqlx::to_sqlx) as _,
        filter.with_released,
        after.map(|key| key.starts_at.to_sqlx()) as _,
        after.map(|key| key.operation),
        after.map(|key| key.kind.as_str()),
        after.map(|key| key.code.as_str()),
        filter.limit
    )
    .fetch_all(tx)
    .await?;
    rows.into_iter().map(Booking::try_from).collect()
}

/// A page of officers in the order of their codes.
pub async fn list_officers(
    tx: &mut Tx,
    unit: Option<&str>,
    after: Option<&str>,
    limit: i64,
) -> Result<Vec<Officer>, StoreError> {
    let rows = sqlx::query!(
        "SELECT code, state
         FROM officer
         WHERE listed AND ($1::text IS NULL OR unit = $1) AND ($2::text IS NULL OR code > $2)
         ORDER BY code
         LIMIT $3",
        unit,
        after,
        limit
    )
    .fetch_all(tx)
    .await?;
    rows.into_iter().map(|row| from_state("officer", row.code, row.state)).collect()
}
