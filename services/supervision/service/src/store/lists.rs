//! Pages: what is due, what was served, what waits for a check, what a person must do. Keyset paging throughout.

use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use kit::corridor::unavailable;
use kit::refusal::Refusal;
use kit::service::Tx;
use kit::texts::Texts;
use serde::{Deserialize, Serialize};
use supervision_domain::SupervisionOrder;
use uuid::Uuid;

use super::{ANSWER_BODY, CLOCK_REASON};

/// Where a page of due clocks ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DueKey {
    /// Due at.
    pub due_at: Timestamp,
    /// The case.
    pub case: Uuid,
    /// The round.
    pub round: i32,
    /// The kind.
    pub kind: String,
}

/// How many clocks need somebody now.
#[derive(Debug, Clone, Copy)]
pub struct Pressing {
    /// They run and end within a day.
    pub due_within_a_day: i64,
    /// They ran out and nobody has acted.
    pub breached: i64,
}

/// Counts the clocks that need somebody now.
pub async fn pressing(pool: &sqlx::PgPool) -> sqlx::Result<Pressing> {
    sqlx::query_as!(
        Pressing,
        r#"SELECT count(*) FILTER (WHERE state = 'running' AND due_at < bus.now() + interval '1 day')
                    AS "due_within_a_day!",
                  count(*) FILTER (WHERE state = 'breached') AS "breached!"
           FROM clock
           WHERE state IN ('running', 'breached') AND due_at < bus.now() + interval '1 day'"#
    )
    .fetch_one(pool)
    .await
}

/// Clocks that run or stand breached, the nearest first.
pub async fn due(
    tx: &mut Tx,
    holder: Option<&str>,
    before: Option<Timestamp>,
    after: Option<&DueKey>,
    limit: i64,
) -> Result<Vec<DueKey>, Refusal> {
    let rows = sqlx::query!(
        r#"SELECT due_at, case_id, round, kind
           FROM clock
           WHERE state IN ('running', 'breached')
             AND ($1::text IS NULL OR holder = $1)
             AND ($2::timestamptz IS NULL OR due_at < $2)
             AND ($3::timestamptz IS NULL OR (due_at, case_id, round, kind) > ($3, $4, $5, $6))
           ORDER BY due_at, case_id, round, kind
           LIMIT $7"#,
        holder,
        before.map(ToSqlx::to_sqlx) as _,
        after.map(|key| key.due_at.to_sqlx()) as _,
        after.map(|key| key.case),
        after.map(|key| key.round),
        after.map(|key| key.kind.as_str()),
        limit
    )
    .fetch_all(tx)
    .await
    .map_err(unavailable)?;
    Ok(rows
        .into_iter()
        .map(|row| DueKey { due_at: row.due_at.to_jiff(), case: row.case_id, round: row.round, kind: row.kind })
        .collect())
}

/// Where a page of supervision orders ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderKey {
    /// Issued at.
    pub issued_at: Timestamp,
    /// Which.
    pub id: Uuid,
}

/// Which supervision orders are wanted.
#[derive(Debug, Clone, Default)]
pub struct OrderFilter {
    /// Only this case's.
    pub case: Option<Uuid>,
    /// Only those served on this unit.
    pub unit: Option<String>,
    /// Only those that wait for an answer.
    pub unanswered: bool,
}

/// A supervision order with what was answered.
#[derive(Debug, Clone)]
pub struct ListedOrder {
    /// The case.
    pub case: Uuid,
    /// Its number.
    pub case_no: Option<String>,
    /// The order.
    pub order: SupervisionOrder,
    /// What was answered.
    pub answer: Option<String>,
}

/// Supervision orders with their answers opened, the newest first.
pub async fn orders(
    tx: &mut Tx,
    texts: &Texts,
    filter: &OrderFilter,
    after: Option<&OrderKey>,
    limit: i64,
) -> Result<Vec<ListedOrder>, Refusal> {
    let rows = sqlx::query!(
        r#"SELECT o.case_id, f.case_no AS "case_no?", o.state AS "state: sqlx::types::Json<SupervisionOrder>", a.body AS "body?"
           FROM supervision_order o
           JOIN case_file f ON f.id = o.case_id
           LEFT JOIN supervision_answer a ON a.supervision_order_id = o.id
           WHERE ($1::uuid IS NULL OR o.case_id = $1)
             AND ($2::text IS NULL OR o.unit_code = $2)
             AND (NOT $3::bool OR o.open)
             AND ($4::timestamptz IS NULL OR (o.issued_at, o.id) < ($4, $5))
           ORDER BY o.issued_at DESC, o.id DESC
           LIMIT $6"#,
        filter.case,
        filter.unit.as_deref(),
        filter.unanswered,
        after.map(|key| key.issued_at.to_sqlx()) as _,
        after.map(|key| key.id),
        limit
    )
    .fetch_all(tx)
    .await
    .map_err(unavailable)?;
    rows.into_iter()
        .map(|row| {
            let order = row.state.0;
            let open = |body: Vec<u8>| texts.open(row.case_id, ANSWER_BODY, order.id.uuid(), &body);
            let answer = row.body.map(open).transpose()?;
            Ok(ListedOrder { case: row.case_id, case_no: row.case_no, order, answer })
        })
        .collect()
}

/// Why a clock was extended.
#[derive(Debug, Clone)]
pub struct ReasonRow {
    /// The case.
    pub case: Uuid,
    /// The clock's round.
    pub round: i32,
    /// The clock's kind.
    pub kind: String,
    /// The words.
    pub words: String,
}

/// Why clocks of these cases were extended, opened, the newest first.
pub async fn reasons(tx: &mut Tx, texts: &Texts, cases: &[Uuid]) -> Result<Vec<ReasonRow>, Refusal> {
    let rows = sqlx::query!(
        "SELECT id, case_id, round, kind, words FROM clock_reason WHERE case_id = ANY($1) ORDER BY id DESC",
        cases
    )
    .fetch_all(tx)
    .await
    .map_err(unavailable)?;
    rows.into_iter()
        .map(|row| {
            let words = texts.open(row.case_id, CLOCK_REASON, row.id, &row.words)?;
            Ok(ReasonRow { case: row.case_id, round: row.round, kind: row.kind, words })
        })
        .collect()
}

/// Where a page of closings ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClosingKey {
    /// Handled at.
    pub handled_at: Timestamp,
    /// The case.
    pub case: Uuid,
    /// The round.
    pub round: i32,
    /// The attempt.
    pub attempt: i32,
}

/// Which closings are wanted.
#[derive(Debug, Clone, Default)]
pub struct ClosingFilter {
    /// `open`, `approved` or `refused`.
    pub state: &'static str,
    /// Of the open ones: only those that wait for a second unit, or only those that do not.
    pub ready: Option<bool>,
    /// Only those this unit may know of.
    pub knower: Option<String>,
}

/// Closings, the longest waiting first.
pub async fn closings(
    tx: &mut Tx,
    filter: &ClosingFilter,
    after: Option<&ClosingKey>,
    limit: i64,
) -> Result<Vec<ClosingKey>, Refusal> {
    let rows = sqlx::query!(
        r#"SELECT c.handled_at, c.case_id, c.round, c.attempt
           FROM closing c
           JOIN case_file f ON f.id = c.case_id
           WHERE c.state = $1
             AND ($2::bool IS NULL OR $2 = (c.proven AND NOT EXISTS (
                   SELECT FROM case_file m WHERE m.head_id = c.case_id AND m.open AND m.reply_round < c.round)))
             AND ($3::text IS NULL OR f.town = $3 OR EXISTS (
                   SELECT FROM case_unit u WHERE u.case_id = c.case_id AND u.unit_code = $3))
             AND ($4::timestamptz IS NULL OR (c.handled_at, c.case_id, c.round, c.attempt) > ($4, $5, $6, $7))
           ORDER BY c.handled_at, c.case_id, c.round, c.attempt
           LIMIT $8"#,
        filter.state,
        filter.ready,
        filter.knower.as_deref(),
        after.map(|key| key.handled_at.to_sqlx()) as _,
        after.map(|key| key.case),
        after.map(|key| key.round),
        after.map(|key| key.attempt),
        limit
    )
    .fetch_all(tx)
    .await
    .map_err(unavailable)?;
    Ok(rows
        .into_iter()
        .map(|row| ClosingKey {
            handled_at: row.handled_at.to_jiff(),
            case: row.case_id,
            round: row.round,
            attempt: row.attempt,
        })
        .collect())
}

/// Something a person must do; also where a page of them ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task {
    /// The case.
    pub case: Uuid,
    /// What.
    pub code: String,
    /// About what.
    pub subject: String,
    /// Who must act; empty for any unit that may.
    pub unit: String,
    /// Since when it waits.
    pub since: Timestamp,
}

/// Open tasks, by case.
pub async fn tasks(tx: &mut Tx, after: Option<&Task>, limit: i64) -> Result<Vec<Task>, Refusal> {
    let rows = sqlx::query!(
        r#"SELECT case_id AS "case_id!", code AS "code!", subject AS "subject!", unit AS "unit!",
                  since AS "since!: jiff_sqlx::Timestamp"
           FROM (
             SELECT c.case_id, 'closing.check' AS code, '' AS subject, '' AS unit, c.handled_at AS since
             FROM closing c
             WHERE c.state = 'open' AND c.proven AND NOT EXISTS (
               SELECT FROM case_file m WHERE m.head_id = c.case_id AND m.open AND m.reply_round < c.round)
             UNION ALL
             SELECT case_id, 'clock.resume', kind, '', paused_at FROM clock WHERE state = 'paused'
             UNION ALL
             SELECT case_id, 'supervision_order.answer', id::text, unit_code, issued_at FROM supervision_order WHERE open
           ) AS task
           WHERE $1::uuid IS NULL OR (case_id, code, subject) > ($1, $2, $3)
           ORDER BY case_id, code, subject
           LIMIT $4"#,
        after.map(|task| task.case),
        after.map(|task| task.code.as_str()),
        after.map(|task| task.subject.as_str()),
        limit
    )
    .fetch_all(tx)
    .await
    .map_err(unavailable)?;
    Ok(rows
        .into_iter()
        .map(|row| Task {
            case: row.case_id,
            code: row.code,
            subject: row.subject,
            unit: row.unit,
            since: row.since.to_jiff(),
        })
        .collect())
}
