//! What the doors ask for: single files, pages in the order of their keys, and the groups the rates are counted from.

use std::collections::BTreeMap;

use evaluation_domain::{CaseFile, Opinion, OrderGroup, RatingGroup, State};
use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use kit::corridor::unavailable;
use kit::refusal::Refusal;
use kit::service::StoreError;
use kit::texts::Texts;
use serde::{Deserialize, Serialize};
use sqlx::PgPool;
use uuid::Uuid;
use vocab::{CallbackId, CaseId, UnitCode};

use super::{PANEL_REASON, read_file, unreadable};

fn internal(error: StoreError) -> Refusal {
    match error {
        StoreError::Database(error) => unavailable(error),
        error => {
            tracing::error!(%error, "what is stored does not read back");
            Refusal::Internal("store".to_owned())
        }
    }
}

/// The case a call-back belongs to; it never changes.
pub async fn case_of_callback(pool: &PgPool, id: CallbackId) -> Result<Option<CaseId>, Refusal> {
    let case = sqlx::query_scalar!("SELECT case_id FROM callback WHERE id = $1", id.uuid())
        .fetch_optional(pool)
        .await
        .map_err(unavailable)?;
    Ok(case.map(CaseId::new))
}

/// Several case files.
pub async fn find_files(pool: &PgPool, ids: &[Uuid]) -> Result<BTreeMap<Uuid, CaseFile>, Refusal> {
    let rows = sqlx::query!("SELECT id, state FROM case_file WHERE id = ANY($1)", ids)
        .fetch_all(pool)
        .await
        .map_err(unavailable)?;
    let files = rows.into_iter().map(|row| Ok((row.id, read_file(row.id, row.state).map_err(internal)?)));
    files.collect()
}

/// Where a page of call-backs ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallbackKey {
    /// Its lot.
    pub lot: i64,
    /// Which.
    pub id: Uuid,
    /// The case.
    pub case: Uuid,
}

/// Call-backs in one state, in the order of the draw.
pub async fn list_callbacks(
    pool: &PgPool,
    state: &str,
    after: Option<&CallbackKey>,
    limit: i64,
) -> Result<Vec<CallbackKey>, Refusal> {
    sqlx::query_as!(
        CallbackKey,
        r#"SELECT lot, id, case_id AS "case"
           FROM callback
           WHERE state = $1
             AND ($2::bigint IS NULL OR (lot, id) > ($2, $3))
           ORDER BY lot, id
           LIMIT $4"#,
        state,
        after.map(|key| key.lot),
        after.map(|key| key.id),
        limit
    )
    .fetch_all(pool)
    .await
    .map_err(unavailable)
}

/// A stretch of time: from its first moment to, and without, its last.
#[derive(Debug, Clone, Copy, Default)]
pub struct Period {
    /// The first moment.
    pub from: Option<Timestamp>,
    /// The first moment that is not in it any more.
    pub until: Option<Timestamp>,
}

fn unit_of(code: &str) -> Result<UnitCode, Refusal> {
    UnitCode::new(code).map_err(|error| internal(unreadable("round_fact", code, error)))
}

/// Closed rounds in groups that count alike. A member's lead is its head's.
pub async fn rating_groups(pool: &PgPool, unit: Option<&str>, period: Period) -> Result<Vec<RatingGroup>, Refusal> {
    let rows = sqlx::query!(
        r#"SELECT unit AS "unit!", callback_state, responded, resolved, satisfied, count(*) AS "rounds!"
           FROM (
             SELECT COALESCE(head.lead_unit, fact.lead_unit) AS unit,
                    fact.callback_state, fact.responded, fact.resolved, fact.satisfied
             FROM round_fact fact
             LEFT JOIN round_fact head ON head.case_id = fact.head_id AND head.round = fact.round
             WHERE fact.closed_at IS NOT NULL
               AND ($2::timestamptz IS NULL OR fact.closed_at >= $2)
               AND ($3::timestamptz IS NULL OR fact.closed_at < $3)
           ) AS closed
           WHERE unit IS NOT NULL
             AND ($1::text IS NULL OR unit = $1)
           GROUP BY unit, callback_state, responded, resolved, satisfied"#,
        unit,
        period.from.map(ToSqlx::to_sqlx) as _,
        period.until.map(ToSqlx::to_sqlx) as _
    )
    .fetch_all(pool)
    .await
    .map_err(unavailable)?;
    let group = |opinion: Option<Opinion>, unit: &str, state: Option<&str>, rounds: i64| {
        Ok(RatingGroup {
            unit: unit_of(unit)?,
            state: state.and_then(State::of),
            opinion,
            rounds: rounds.unsigned_abs(),
        })
    };
    rows.into_iter()
        .map(|row| {
            let opinion = match (row.responded, row.resolved, row.satisfied) {
                (Some(responded), Some(resolved), Some(satisfied)) => Some(Opinion { responded, resolved, satisfied }),
                _ => None,
            };
            group(opinion, &row.unit, row.callback_state.as_deref(), row.rounds)
        })
        .collect()
}

/// Orders of closed rounds in groups that count alike, withdrawn ones left out.
pub async fn order_groups(pool: &PgPool, unit: Option<&str>, period: Period) -> Result<Vec<OrderGroup>, Refusal> {
    let rows = sqlx::query!(
        r#"SELECT o.unit_code, o.acknowledged_in_time, count(*) AS "orders!"
           FROM order_fact o
           JOIN round_fact fact ON fact.case_id = o.case_id AND fact.round = o.round
           WHERE NOT o.withdrawn
             AND fact.closed_at IS NOT NULL
             AND ($1::text IS NULL OR o.unit_code = $1)
             AND ($2::timestamptz IS NULL OR fact.closed_at >= $2)
             AND ($3::timestamptz IS NULL OR fact.closed_at < $3)
           GROUP BY o.unit_code, o.acknowledged_in_time"#,
        unit,
        period.from.map(ToSqlx::to_sqlx) as _,
        period.until.map(ToSqlx::to_sqlx) as _
    )
    .fetch_all(pool)
    .await
    .map_err(unavailable)?;
    rows.into_iter()
        .map(|row| {
            Ok(OrderGroup {
                unit: unit_of(&row.unit_code)?,
                acknowledged_in_time: row.acknowledged_in_time,
                orders: row.orders.unsigned_abs(),
            })
        })
        .collect()
}

/// A round that a panel left out.
#[derive(Debug, Clone)]
pub struct Excluded {
    /// The case.
    pub case: Uuid,
    /// Its number.
    pub case_no: Option<String>,
    /// The round.
    pub round: i32,
    /// Who led.
    pub unit: Option<String>,
    /// The panel's words.
    pub reason: String,
    /// When it decided.
    pub decided_at: jiff_sqlx::Timestamp,
}

/// Every round that was left out, with the panel's words opened.
pub async fn list_excluded(
    pool: &PgPool,
    texts: &Texts,
    unit: Option<&str>,
    period: Period,
) -> Result<Vec<Excluded>, Refusal> {
    let rows = sqlx::query!(
        r#"SELECT fact.case_id AS "case", file.case_no, fact.round, COALESCE(head.lead_unit, fact.lead_unit) AS unit,
                  panel.callback_id, panel.reason, panel.decided_at
           FROM round_fact fact
           JOIN case_file file ON file.id = fact.case_id
           JOIN callback ON callback.case_id = fact.case_id AND callback.round = fact.round
           JOIN adjudication panel ON panel.callback_id = callback.id
           LEFT JOIN round_fact head ON head.case_id = fact.head_id AND head.round = fact.round
           WHERE fact.callback_state = 'excluded'
             AND ($1::text IS NULL OR COALESCE(head.lead_unit, fact.lead_unit) = $1)
             AND ($2::timestamptz IS NULL OR fact.closed_at >= $2)
             AND ($3::timestamptz IS NULL OR fact.closed_at < $3)
           ORDER BY fact.case_id, fact.round"#,
        unit,
        period.from.map(ToSqlx::to_sqlx) as _,
        period.until.map(ToSqlx::to_sqlx) as _
    )
    .fetch_all(pool)
    .await
    .map_err(unavailable)?;
    rows.into_iter()
        .map(|row| {
            let reason = texts.open(row.case, PANEL_REASON, row.callback_id, &row.reason)?;
            let (case_no, round, unit, decided_at) = (row.case_no, row.round, row.unit, row.decided_at);
            Ok(Excluded { case: row.case, case_no, round, unit, reason, decided_at })
        })
        .collect()
}

/// Which case facts are wanted.
#[derive(Debug, Clone, Default)]
pub struct FactFilter {
    /// Only rounds this unit led.
    pub unit: Option<String>,
    /// Only rounds that were closed in it.
    pub period: Period,
    /// True for whoever may still be told to make the call: who led a round that waits for it stays unknown.
    pub blind: bool,
}

/// A round; also where a page of them ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FactKey {
    /// The case.
    pub case: Uuid,
    /// The round.
    pub round: i32,
    /// Who led.
    #[serde(skip)]
    pub unit: Option<String>,
}

/// Rounds, in the order of case and round.
pub async fn list_facts(
    pool: &PgPool,
    filter: &FactFilter,
    after: Option<&FactKey>,
    limit: i64,
) -> Result<Vec<FactKey>, Refusal> {
    sqlx::query_as!(
        FactKey,
        r#"SELECT case_id AS "case!", round AS "round!", unit
           FROM (
             SELECT fact.case_id, fact.round, fact.closed_at,
                    CASE WHEN $2 AND fact.callback_state = 'drawn' THEN NULL
                         ELSE COALESCE(head.lead_unit, fact.lead_unit) END AS unit
             FROM round_fact fact
             LEFT JOIN round_fact head ON head.case_id = fact.head_id AND head.round = fact.round
             WHERE ($5::uuid IS NULL OR (fact.case_id, fact.round) > ($5, $6))
               AND ($3::timestamptz IS NULL OR fact.closed_at >= $3)
               AND ($4::timestamptz IS NULL OR fact.closed_at < $4)
           ) AS known
           WHERE ($1::text IS NULL OR unit = $1)
           ORDER BY case_id, round
           LIMIT $7"#,
        filter.unit.as_deref(),
        filter.blind,
        filter.period.from.map(ToSqlx::to_sqlx) as _,
        filter.period.until.map(ToSqlx::to_sqlx) as _,
        after.map(|key| key.case),
        after.map(|key| key.round),
        limit
    )
    .fetch_all(pool)
    .await
    .map_err(unavailable)
}

/// Something a person must do; also where a page of them ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task {
    /// The case.
    pub case: Uuid,
    /// The call-back.
    pub callback: Uuid,
    /// `callback.record` or `adjudication.decide`.
    pub code: String,
    /// Since when it waits.
    pub since: Timestamp,
}

/// Open tasks, by case.
pub async fn list_tasks(pool: &PgPool, after: Option<&Task>, limit: i64) -> Result<Vec<Task>, Refusal> {
    let rows = sqlx::query!(
        r#"SELECT case_id, id, state, waits_since AS "since!: jiff_sqlx::Timestamp"
           FROM callback
           WHERE waits_since IS NOT NULL
             AND ($1::uuid IS NULL OR (case_id, id) > ($1, $2))
           ORDER BY case_id, id
           LIMIT $3"#,
        after.map(|task| task.case),
        after.map(|task| task.callback),
        limit
    )
    .fetch_all(pool)
    .await
    .map_err(unavailable)?;
    let task = |case, callback, state: &str, since: jiff_sqlx::Timestamp| Task {
        case,
        callback,
        code: if state == State::Drawn.as_str() { "callback.record" } else { "adjudication.decide" }.to_owned(),
        since: since.to_jiff(),
    };
    Ok(rows.into_iter().map(|row| task(row.case_id, row.id, &row.state, row.since)).collect())
}
