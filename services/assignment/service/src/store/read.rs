//! Reads that change nothing. A department's reads run behind the second wall, row-level security: they say who asks.

mod lists;
mod orders;

pub use lists::*;
pub use orders::*;

use std::collections::BTreeSet;

use assignment_domain::account::Account;
use assignment_domain::case::Case;
use assignment_domain::consultation::Consultation;
use assignment_domain::precedent::Precedent;
use jiff::Timestamp;
use kit::service::StoreError;
use kit::texts::Texts;
use sqlx::{PgPool, Postgres, Transaction};
use uuid::Uuid;
use vocab::{CaseId, ConsultationId, WorkOrderId};

use super::{TEXT_BODY, load, state, stored, unreadable};

/// Begins a read that sees the rows of one unit and no others, whatever the query says.
pub async fn begin_for_unit(pool: &PgPool, unit: &str) -> Result<Transaction<'static, Postgres>, StoreError> {
    let mut tx = pool.begin().await?;
    #[cfg(feature = "mutants")]
    if kit::mutants::is("rls-off") {
        return Ok(tx);
    }
    sqlx::query!(
        "SELECT set_config('xiezhi.unit', $1, true) AS unit, set_config('role', 'assignment_department', true) AS role",
        unit
    )
    .fetch_one(&mut *tx)
    .await?;
    Ok(tx)
}

/// Begins a read; behind the second wall where a unit asks.
async fn begin(pool: &PgPool, asking: Option<&str>) -> Result<Transaction<'static, Postgres>, StoreError> {
    match asking {
        Some(unit) => begin_for_unit(pool, unit).await,
        None => Ok(pool.begin().await?),
    }
}

/// The case an order belongs to; that never changes.
pub async fn case_of_order(pool: &PgPool, order: WorkOrderId) -> Result<Option<CaseId>, StoreError> {
    let id =
        sqlx::query_scalar!("SELECT case_id FROM work_order WHERE id = $1", order.uuid()).fetch_optional(pool).await?;
    Ok(id.map(Into::into))
}

/// The case a consultation belongs to; that never changes.
pub async fn case_of_consultation(pool: &PgPool, id: ConsultationId) -> Result<Option<CaseId>, StoreError> {
    let id =
        sqlx::query_scalar!("SELECT case_id FROM consultation WHERE id = $1", id.uuid()).fetch_optional(pool).await?;
    Ok(id.map(Into::into))
}

/// A case, and who may know of it.
#[derive(Debug, Clone)]
pub struct KnownCase {
    /// The case.
    pub case: Case,
    /// The units that may know of it.
    pub units: Vec<String>,
}

/// A case; behind the second wall where a unit asks.
pub async fn find_case(pool: &PgPool, asking: Option<&str>, case: CaseId) -> Result<Option<KnownCase>, StoreError> {
    let mut tx = begin(pool, asking).await?;
    let row = sqlx::query!("SELECT units, state FROM responsibility WHERE case_id = $1", case.uuid())
        .fetch_optional(&mut *tx)
        .await?;
    tx.rollback().await?;
    row.map(|row| {
        let units = state("responsibility", case, row.units)?;
        Ok(KnownCase { case: stored("responsibility", case, &row.state)?, units })
    })
    .transpose()
}

/// Which of these cases a unit that asks may know of: the second wall leaves out the others.
pub async fn known_cases(pool: &PgPool, asking: Option<&str>, ids: &[Uuid]) -> Result<BTreeSet<Uuid>, StoreError> {
    let mut tx = begin(pool, asking).await?;
    let known = sqlx::query_scalar!("SELECT case_id FROM responsibility WHERE case_id = ANY($1)", ids)
        .fetch_all(&mut *tx)
        .await?;
    tx.rollback().await?;
    Ok(known.into_iter().collect())
}

/// Something a person wrote.
#[derive(Debug, Clone)]
pub struct Written {
    /// What kind of text.
    pub kind: String,
    /// Who wrote it.
    pub unit: String,
    /// In which round.
    pub round: i32,
    /// The words.
    pub body: String,
    /// When.
    pub at: Timestamp,
}

/// What was written about an order, a consultation or a case, opened and in order; behind the second wall where a unit asks.
pub async fn list_texts(
    pool: &PgPool,
    texts: &Texts,
    asking: Option<&str>,
    subject: Uuid,
) -> Result<Vec<Written>, StoreError> {
    let mut tx = begin(pool, asking).await?;
    let rows = sqlx::query!(
        "SELECT id, case_id, kind, unit, round, body, written_at FROM work_text WHERE subject_id = $1 ORDER BY id",
        subject
    )
    .fetch_all(&mut *tx)
    .await?;
    tx.rollback().await?;
    rows.into_iter()
        .map(|row| {
            let body = texts.open(row.case_id, TEXT_BODY, row.id, &row.body);
            let body = body.map_err(|error| unreadable("work_text", row.id, error))?;
            Ok(Written { kind: row.kind, unit: row.unit, round: row.round, body, at: row.written_at.to_jiff() })
        })
        .collect()
}

/// A determination that was acted on.
#[derive(Debug, Clone)]
pub struct Determined {
    /// Its id.
    pub id: Uuid,
    /// The proof's name.
    pub proof_sha256: Vec<u8>,
    /// The list's revision.
    pub list_revision: i64,
    /// When.
    pub at: Timestamp,
}

/// The case's determination of this id, or its latest; behind the second wall where a unit asks.
pub async fn find_determination(
    pool: &PgPool,
    asking: Option<&str>,
    case: CaseId,
    id: Option<Uuid>,
) -> Result<Option<Determined>, StoreError> {
    let mut tx = begin(pool, asking).await?;
    let row = sqlx::query!(
        "SELECT id, proof_sha256, list_revision, determined_at FROM determination
          WHERE case_id = $1 AND ($2::uuid IS NULL OR id = $2) ORDER BY id DESC LIMIT 1",
        case.uuid(),
        id
    )
    .fetch_optional(&mut *tx)
    .await?;
    tx.rollback().await?;
    Ok(row.map(|row| Determined {
        id: row.id,
        proof_sha256: row.proof_sha256,
        list_revision: row.list_revision,
        at: row.determined_at.to_jiff(),
    }))
}

/// A consultation; behind the second wall where a unit asks.
pub async fn find_consultation(
    pool: &PgPool,
    asking: Option<&str>,
    id: ConsultationId,
) -> Result<Option<Consultation>, StoreError> {
    let mut tx = begin(pool, asking).await?;
    let row = sqlx::query!("SELECT state FROM consultation WHERE id = $1", id.uuid()).fetch_optional(&mut *tx).await?;
    tx.rollback().await?;
    row.map(|row| state("consultation", id, row.state)).transpose()
}

/// Which consultations are wanted.
#[derive(Debug, Clone, Default)]
pub struct ConsultationFilter {
    /// Of this case.
    pub case: Option<Uuid>,
    /// In which this unit is asked.
    pub unit: Option<String>,
    /// Not yet ruled or withdrawn.
    pub open_only: bool,
    /// Older than this one.
    pub before: Option<Uuid>,
    /// At most so many.
    pub limit: i64,
}

/// Consultations, newest first; behind the second wall where a unit asks.
pub async fn list_consultations(
    pool: &PgPool,
    asking: Option<&str>,
    filter: &ConsultationFilter,
) -> Result<Vec<Consultation>, StoreError> {
    let mut tx = begin(pool, asking).await?;
    let rows = sqlx::query!(
        "SELECT id, state FROM consultation
          WHERE ($1::uuid IS NULL OR case_id = $1)
            AND ($2::text IS NULL OR (state -> 'asked') ? $2)
            AND (NOT $3 OR stage IN ('open', 'answered'))
            AND ($4::uuid IS NULL OR id < $4)
          ORDER BY id DESC LIMIT $5",
        filter.case,
        filter.unit.as_deref(),
        filter.open_only,
        filter.before,
        filter.limit
    )
    .fetch_all(&mut *tx)
    .await?;
    tx.rollback().await?;
    rows.into_iter().map(|row| state("consultation", row.id, row.state)).collect()
}

/// Precedents, newest first.
pub async fn list_precedents(
    pool: &PgPool,
    active_only: bool,
    matter: Option<&str>,
    before: Option<Uuid>,
    limit: i64,
) -> Result<Vec<Precedent>, StoreError> {
    sqlx::query!(
        "SELECT id, state FROM precedent
          WHERE (NOT $1 OR expired_at IS NULL)
            AND ($2::text IS NULL OR $2 = ANY(string_to_array(matters, ',')))
            AND ($3::uuid IS NULL OR id < $3)
          ORDER BY id DESC LIMIT $4",
        active_only,
        matter,
        before,
        limit
    )
    .fetch_all(pool)
    .await?
    .into_iter()
    .map(|row| state("precedent", row.id, row.state))
    .collect()
}

/// Every precedent of a set of matters, expired ones too: the record time of each says when it routed cases.
pub async fn precedents_of(pool: &PgPool, matters: &str) -> Result<Vec<Precedent>, StoreError> {
    sqlx::query!("SELECT id, state FROM precedent WHERE matters = $1", matters)
        .fetch_all(pool)
        .await?
        .into_iter()
        .map(|row| state("precedent", row.id, row.state))
        .collect()
}

/// What stands for a case.
#[derive(Debug, Clone)]
pub struct Standing {
    /// The case.
    pub case: Case,
    /// The open consultation.
    pub consultation: Option<Uuid>,
    /// True where a timer of the consultation is armed.
    pub timer_armed: bool,
}

/// Cases that were accepted, in their order.
pub async fn list_standings(
    pool: &PgPool,
    case: Option<Uuid>,
    after: Option<Uuid>,
    limit: i64,
) -> Result<Vec<Standing>, StoreError> {
    sqlx::query!(
        r#"SELECT r.case_id, r.consultation_id, r.state,
                  EXISTS (SELECT FROM bus.timer t
                           WHERE t.key = r.case_id AND t.state = 'armed'
                             AND t.kind IN ('consultation.answer/' || r.consultation_id, 'consultation.ruling/' || r.consultation_id)
                         ) AS "timer_armed!"
             FROM responsibility r
            WHERE r.stage IN ('consulting', 'determined', 'ruled', 'handled', 'ended')
              AND ($1::uuid IS NULL OR r.case_id = $1) AND ($2::uuid IS NULL OR r.case_id > $2)
            ORDER BY r.case_id LIMIT $3"#,
        case,
        after,
        limit
    )
    .fetch_all(pool)
    .await?
    .into_iter()
    .map(|row| {
        let case = stored("responsibility", row.case_id, &row.state)?;
        Ok(Standing { case, consultation: row.consultation_id, timer_armed: row.timer_armed })
    })
    .collect()
}

/// What a person has to do next.
#[derive(Debug, Clone)]
pub struct OpenTask {
    /// The case.
    pub case: Uuid,
    /// What.
    pub task: String,
    /// Who; `centre` for the centre.
    pub unit: String,
    /// The order or consultation, or the case itself.
    pub reference: Uuid,
    /// Until when.
    pub due_at: Option<Timestamp>,
}

/// Where a page of tasks ended.
pub type TaskKey = (Uuid, String, String, Uuid);

/// Open tasks, by case; behind the second wall where a unit asks.
pub async fn list_open_tasks(
    pool: &PgPool,
    asking: Option<&str>,
    unit: Option<&str>,
    case: Option<Uuid>,
    after: Option<TaskKey>,
    limit: i64,
) -> Result<Vec<OpenTask>, StoreError> {
    let (after_case, after_task, after_unit, after_reference) = after
        .map_or((None, None, None, None), |(case, task, unit, reference)| {
            (Some(case), Some(task), Some(unit), Some(reference))
        });
    let mut tx = begin(pool, asking).await?;
    let rows = sqlx::query!(
        r#"SELECT case_id AS "case_id!", task AS "task!", unit AS "unit!", reference AS "reference!", due_at FROM open_task
            WHERE ($1::text IS NULL OR unit = $1)
              AND ($2::uuid IS NULL OR case_id = $2)
              AND ($3::uuid IS NULL OR (case_id, task, unit, reference) > ($3, $4::text, $5::text, $6::uuid))
            ORDER BY case_id, task, unit, reference LIMIT $7"#,
        unit,
        case,
        after_case,
        after_task,
        after_unit,
        after_reference,
        limit
    )
    .fetch_all(&mut *tx)
    .await?;
    tx.rollback().await?;
    Ok(rows
        .into_iter()
        .map(|row| OpenTask {
            case: row.case_id,
            task: row.task,
            unit: row.unit,
            reference: row.reference,
            due_at: row.due_at.map(|at| at.to_jiff()),
        })
        .collect())
}

/// An account.
pub async fn find_account(pool: &PgPool, id: &str) -> Result<Option<Account>, StoreError> {
    let row = sqlx::query!("SELECT state FROM account WHERE id = $1", id).fetch_optional(pool).await?;
    row.map(|row| load::account(id, row.state).map(|(_, account)| account)).transpose()
}

/// Keeps a challenge for a minute of real time, and forgets those whose minute is over.
pub async fn keep_challenge(pool: &PgPool, challenge: &[u8], account: &str) -> Result<Timestamp, StoreError> {
    let expires_at = sqlx::query_scalar!(
        "WITH over AS (DELETE FROM token_challenge WHERE expires_at < now())
         INSERT INTO token_challenge (challenge, account, expires_at) VALUES ($1, $2, now() + interval '1 minute')
         RETURNING expires_at",
        challenge,
        account
    )
    .fetch_one(pool)
    .await?;
    Ok(expires_at.to_jiff())
}

/// Takes a challenge away; true where it was there, for this account and in time. It can be used once.
pub async fn take_challenge(pool: &PgPool, challenge: &[u8], account: &str) -> Result<bool, StoreError> {
    let taken = sqlx::query!(
        "DELETE FROM token_challenge WHERE challenge = $1 AND account = $2 AND expires_at >= now()",
        challenge,
        account
    )
    .execute(pool)
    .await?;
    Ok(taken.rows_affected() == 1)
}
