//! Reads that change nothing. A department's reads of work orders run behind the second wall, row-level security.

use assignment_domain::account::Account;
use assignment_domain::case::Case;
use assignment_domain::consultation::Consultation;
use assignment_domain::file::CaseFile;
use assignment_domain::list::{BoundaryRule, ListItem, Recorded};
use assignment_domain::order::WorkOrder;
use assignment_domain::precedent::Precedent;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff_sqlx::ToSqlx;
use kit::service::StoreError;
use sqlx::PgPool;
use uuid::Uuid;
use vocab::{CaseId, ConsultationId, WorkOrderId};

use super::{load, state};

/// The case an order belongs to; that never changes.
pub async fn case_of_order(pool: &PgPool, order: WorkOrderId) -> Result<Option<CaseId>, StoreError> {
    let id = sqlx::query_scalar!("SELECT case_id FROM work_order WHERE id = $1", order.uuid()).fetch_optional(pool).await?;
    Ok(id.map(Into::into))
}

/// The case a consultation belongs to; that never changes.
pub async fn case_of_consultation(pool: &PgPool, id: ConsultationId) -> Result<Option<CaseId>, StoreError> {
    let id = sqlx::query_scalar!("SELECT case_id FROM consultation WHERE id = $1", id.uuid()).fetch_optional(pool).await?;
    Ok(id.map(Into::into))
}

/// A case's whole file.
pub async fn find_file(pool: &PgPool, case: CaseId) -> Result<Option<CaseFile>, StoreError> {
    let mut connection = pool.acquire().await?;
    let files = load::files(&mut connection, &[case.uuid()]).await?;
    Ok(files.into_iter().next().map(|(_, held)| held.file))
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

/// What was written about an order, a consultation or a case, in order.
pub async fn list_texts(pool: &PgPool, subject: Uuid) -> Result<Vec<Written>, StoreError> {
    let rows = sqlx::query!(
        "SELECT kind, unit, round, body, written_at FROM work_text WHERE subject_id = $1 ORDER BY id",
        subject
    )
    .fetch_all(pool)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| Written {
            kind: row.kind,
            unit: row.unit,
            round: row.round,
            body: row.body,
            at: row.written_at.to_jiff(),
        })
        .collect())
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

/// The case's determination of this id, or its latest.
pub async fn find_determination(pool: &PgPool, case: CaseId, id: Option<Uuid>) -> Result<Option<Determined>, StoreError> {
    let row = sqlx::query!(
        "SELECT id, proof_sha256, list_revision, determined_at FROM determination
          WHERE case_id = $1 AND ($2::uuid IS NULL OR id = $2) ORDER BY id DESC LIMIT 1",
        case.uuid(),
        id
    )
    .fetch_optional(pool)
    .await?;
    Ok(row.map(|row| Determined {
        id: row.id,
        proof_sha256: row.proof_sha256,
        list_revision: row.list_revision,
        at: row.determined_at.to_jiff(),
    }))
}

/// A consultation.
pub async fn find_consultation(pool: &PgPool, id: ConsultationId) -> Result<Option<Consultation>, StoreError> {
    let row = sqlx::query!("SELECT state FROM consultation WHERE id = $1", id.uuid()).fetch_optional(pool).await?;
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

/// Consultations, newest first.
pub async fn list_consultations(pool: &PgPool, filter: &ConsultationFilter) -> Result<Vec<Consultation>, StoreError> {
    sqlx::query!(
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
    .fetch_all(pool)
    .await?
    .into_iter()
    .map(|row| state("consultation", row.id, row.state))
    .collect()
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

/// Begins a read that sees the rows of one unit and no others, whatever the query says.
pub async fn begin_for_unit(pool: &PgPool, unit: &str) -> Result<sqlx::Transaction<'static, sqlx::Postgres>, StoreError> {
    let mut tx = pool.begin().await?;
    sqlx::query!(
        "SELECT set_config('xiezhi.unit', $1, true) AS unit, set_config('role', 'assignment_department', true) AS role",
        unit
    )
    .fetch_one(&mut *tx)
    .await?;
    Ok(tx)
}

/// Orders in the order of dispatch; behind the second wall where a unit asks.
pub async fn list_orders(pool: &PgPool, asking: Option<&str>, filter: &OrderFilter) -> Result<Vec<WorkOrder>, StoreError> {
    let mut tx = match asking {
        Some(unit) => begin_for_unit(pool, unit).await?,
        None => pool.begin().await?,
    };
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
    rows.into_iter().map(|row| state("work_order", row.id, row.state)).collect()
}

/// Orders by their ids; behind the second wall where a unit asks.
pub async fn orders_by_id(pool: &PgPool, asking: Option<&str>, ids: &[Uuid]) -> Result<Vec<WorkOrder>, StoreError> {
    let mut tx = match asking {
        Some(unit) => begin_for_unit(pool, unit).await?,
        None => pool.begin().await?,
    };
    let rows = sqlx::query!("SELECT id, state FROM work_order WHERE id = ANY($1)", ids).fetch_all(&mut *tx).await?;
    tx.rollback().await?;
    rows.into_iter().map(|row| state("work_order", row.id, row.state)).collect()
}

/// The cases of these ids.
pub async fn cases_by_id(pool: &PgPool, ids: &[Uuid]) -> Result<Vec<Case>, StoreError> {
    sqlx::query!("SELECT case_id, state FROM responsibility WHERE case_id = ANY($1)", ids)
        .fetch_all(pool)
        .await?
        .into_iter()
        .map(|row| state("responsibility", row.case_id, row.state))
        .collect()
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

/// A unit's feed from a position on.
pub async fn list_feed(pool: &PgPool, unit: &str, after: i64, limit: i64) -> Result<Vec<FeedEntry>, StoreError> {
    let rows = sqlx::query!(
        "SELECT pos, work_order_id, change, changed_at FROM order_feed WHERE unit = $1 AND pos > $2 ORDER BY pos LIMIT $3",
        unit,
        after,
        limit
    )
    .fetch_all(pool)
    .await?;
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
    let (code, holder, id) = filter.after.clone().map_or((None, None, None), |(code, holder, id)| (Some(code), Some(holder), Some(id)));
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
    let items = sqlx::query!("SELECT id, content FROM list_item WHERE recorded @> $1::timestamptz", known_at.to_sqlx() as _)
        .fetch_all(pool)
        .await?
        .into_iter()
        .map(|row| state("list_item", row.id, row.content))
        .collect::<Result<_, _>>()?;
    let rules = sqlx::query!("SELECT id, content FROM boundary_rule WHERE recorded @> $1::timestamptz", known_at.to_sqlx() as _)
        .fetch_all(pool)
        .await?
        .into_iter()
        .map(|row| state("boundary_rule", row.id, row.content))
        .collect::<Result<_, _>>()?;
    Ok((items, rules))
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
        let case = state("responsibility", row.case_id, row.state)?;
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

/// Open tasks, by case.
pub async fn list_open_tasks(
    pool: &PgPool,
    unit: Option<&str>,
    case: Option<Uuid>,
    after: Option<TaskKey>,
    limit: i64,
) -> Result<Vec<OpenTask>, StoreError> {
    let (after_case, after_task, after_unit, after_reference) =
        after.map_or((None, None, None, None), |(case, task, unit, reference)| {
            (Some(case), Some(task), Some(unit), Some(reference))
        });
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
    .fetch_all(pool)
    .await?;
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
