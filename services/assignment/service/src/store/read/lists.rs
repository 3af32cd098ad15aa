//! The lists and the boundary rules, as they are and as they stood.

use assignment_domain::list::{BoundaryRule, ListItem, Recorded};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff_sqlx::ToSqlx;
use kit::service::StoreError;
use sqlx::PgPool;
use uuid::Uuid;

use crate::store::state;

/// Which rows of the lists are wanted.
#[derive(Debug, Clone)]
pub struct ItemFilter {
    /// Valid on this day.
    pub valid_on: Option<Date>,
    /// On the list at this moment.
    pub known_at: Timestamp,
    /// About this matter.
    pub matter: Option<String>,
    /// In the hands of this unit, or `town`.
    pub holder: Option<String>,
    /// On this list.
    pub kind: Option<&'static str>,
    /// After this code, holder and row.
    pub after: Option<(String, String, Uuid)>,
    /// At most so many.
    pub limit: i64,
}

/// A row of the lists with its own id.
pub type ItemRow = (Uuid, ListItem);

/// Rows of the lists, by code and holder.
pub async fn list_items(pool: &PgPool, filter: &ItemFilter) -> Result<Vec<ItemRow>, StoreError> {
    let (code, holder, id) =
        filter.after.clone().map_or((None, None, None), |(code, holder, id)| (Some(code), Some(holder), Some(id)));
    let rows = sqlx::query!(
        r#"SELECT id, content, lower(recorded) AS "since!", upper(recorded) AS "until?" FROM list_item
            WHERE ($1::date IS NULL OR valid @> $1::date)
              AND recorded @> $2::timestamptz
              AND ($3::text IS NULL OR (content -> 'matters') ? $3)
              AND ($4::text IS NULL OR holder = $4)
              AND ($5::text IS NULL OR kind = $5)
              AND ($6::text IS NULL OR (code, holder, id) > ($6, $7::text, $8::uuid))
            ORDER BY code, holder, id LIMIT $9"#,
        filter.valid_on.map(ToSqlx::to_sqlx) as _,
        filter.known_at.to_sqlx() as _,
        filter.matter.as_deref(),
        filter.holder.as_deref(),
        filter.kind,
        code,
        holder,
        id,
        filter.limit
    )
    .fetch_all(pool)
    .await?;
    rows.into_iter()
        .map(|row| {
            let item: ListItem = state("list_item", row.id, row.content)?;
            let recorded = Recorded { from: row.since.to_jiff(), until: row.until.map(|until| until.to_jiff()) };
            Ok((row.id, ListItem { recorded, ..item }))
        })
        .collect()
}

/// Both lists and the boundary rules as they stood at a moment.
pub async fn lists_at(pool: &PgPool, known_at: Timestamp) -> Result<(Vec<ListItem>, Vec<BoundaryRule>), StoreError> {
    let items =
        sqlx::query!("SELECT id, content FROM list_item WHERE recorded @> $1::timestamptz", known_at.to_sqlx() as _)
            .fetch_all(pool)
            .await?
            .into_iter()
            .map(|row| state("list_item", row.id, row.content))
            .collect::<Result<_, _>>()?;
    let rules = sqlx::query!(
        "SELECT id, content FROM boundary_rule WHERE recorded @> $1::timestamptz",
        known_at.to_sqlx() as _
    )
    .fetch_all(pool)
    .await?
    .into_iter()
    .map(|row| state("boundary_rule", row.id, row.content))
    .collect::<Result<_, _>>()?;
    Ok((items, rules))
}
