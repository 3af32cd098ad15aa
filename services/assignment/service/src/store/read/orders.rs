//! Work orders and their feeds.

use assignment_domain::case::Case;
use assignment_domain::order::WorkOrder;
use jiff::Timestamp;
use kit::service::StoreError;
use sqlx::PgPool;
use uuid::Uuid;

use super::begin;
use crate::store::stored;

/// Which orders are wanted.
#[derive(Debug, Clone, Default)]
pub struct OrderFilter {
    /// Of this case.
    pub case: Option<Uuid>,
    /// Of this unit.
    pub unit: Option<String>,
    /// Neither completed nor withdrawn.
    pub open_only: bool,
    /// Later than this one.
    pub after: Option<Uuid>,
    /// At most so many.
    pub limit: i64,
}

/// Orders in the order of dispatch; behind the second wall where a unit asks.
pub async fn list_orders(
    pool: &PgPool,
    asking: Option<&str>,
    filter: &OrderFilter,
) -> Result<Vec<WorkOrder>, StoreError> {
    let mut tx = begin(pool, asking).await?;
    let rows = sqlx::query!(
        "SELECT id, state FROM work_order
          WHERE ($1::uuid IS NULL OR case_id = $1)
            AND ($2::text IS NULL OR unit = $2)
            AND (NOT $3 OR stage IN ('dispatched', 'acknowledged', 'objected'))
            AND ($4::uuid IS NULL OR id > $4)
          ORDER BY id LIMIT $5",
        filter.case,
        filter.unit.as_deref(),
        filter.open_only,
        filter.after,
        filter.limit
    )
    .fetch_all(&mut *tx)
    .await?;
    tx.rollback().await?;
    rows.into_iter().map(|row| stored("work_order", row.id, &row.state)).collect()
}

/// Orders by their ids; behind the second wall where a unit asks.
pub async fn orders_by_id(pool: &PgPool, asking: Option<&str>, ids: &[Uuid]) -> Result<Vec<WorkOrder>, StoreError> {
    let mut tx = begin(pool, asking).await?;
    let rows = sqlx::query!("SELECT id, state FROM work_order WHERE id = ANY($1)", ids).fetch_all(&mut *tx).await?;
    tx.rollback().await?;
    rows.into_iter().map(|row| stored("work_order", row.id, &row.state)).collect()
}

/// The cases of these ids; behind the second wall where a unit asks.
pub async fn cases_by_id(pool: &PgPool, asking: Option<&str>, ids: &[Uuid]) -> Result<Vec<Case>, StoreError> {
    let mut tx = begin(pool, asking).await?;
    let rows = sqlx::query!("SELECT case_id, state FROM responsibility WHERE case_id = ANY($1)", ids)
        .fetch_all(&mut *tx)
        .await?;
    tx.rollback().await?;
    rows.into_iter().map(|row| stored("responsibility", row.case_id, &row.state)).collect()
}

/// One change in a unit's feed.
#[derive(Debug, Clone)]
pub struct FeedEntry {
    /// Its number.
    pub position: i64,
    /// The order.
    pub order: Uuid,
    /// What happened.
    pub change: String,
    /// When.
    pub at: Timestamp,
}

/// A unit's feed from a position on; behind the second wall where a unit asks.
pub async fn list_feed(
    pool: &PgPool,
    asking: Option<&str>,
    unit: &str,
    after: i64,
    limit: i64,
) -> Result<Vec<FeedEntry>, StoreError> {
    let mut tx = begin(pool, asking).await?;
    let rows = sqlx::query!(
        "SELECT pos, work_order_id, change, changed_at FROM order_feed WHERE unit = $1 AND pos > $2 ORDER BY pos LIMIT $3",
        unit,
        after,
        limit
    )
    .fetch_all(&mut *tx)
    .await?;
    tx.rollback().await?;
    Ok(rows
        .into_iter()
        .map(|row| FeedEntry {
            position: row.pos,
            order: row.work_order_id,
            change: row.change,
            at: row.changed_at.to_jiff(),
        })
        .collect())
}
