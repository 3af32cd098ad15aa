//! Reads for the doors: from the pool, outside the corridor.

use std::sync::Arc;

use intake_domain::{Case, CaseNumber, Delivery, Neighbour, NoticeKind, Purpose, StageName, TrackingCode};
use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use kit::service::StoreError;
use sqlx::PgPool;
use uuid::Uuid;
use vocab::{CaseId, Channel, MatterCode, NoticeId, RegionCode};

use super::{case_of, load};
use crate::unit::{Needs, Notice, NoticeContent, Reveal, Seeking};

/// A connection for a read: for a unit behind the second wall, where the database itself shows the unit's rows and no others.
enum Reading {
    Plain(sqlx::pool::PoolConnection<sqlx::Postgres>),
    Walled(sqlx::Transaction<'static, sqlx::Postgres>),
}

impl Reading {
    async fn begin(pool: &PgPool, unit: Option<&str>) -> Result<Self, StoreError> {
        let Some(unit) = unit else { return Ok(Self::Plain(pool.acquire().await?)) };
        let mut tx = pool.begin().await?;
        sqlx::query!(
            "SELECT set_config('xiezhi.unit', $1, true) AS unit, set_config('role', 'intake_department', true) AS role",
            unit
        )
        .fetch_one(&mut *tx)
        .await?;
        Ok(Self::Walled(tx))
    }

    fn connection(&mut self) -> &mut sqlx::PgConnection {
        match self {
            Self::Plain(connection) => connection,
            Self::Walled(tx) => tx,
        }
    }

    /// Unit and role end here, and not when the connection happens to be used again.
    async fn end(self) -> Result<(), StoreError> {
        match self {
            Self::Plain(_) => Ok(()),
            Self::Walled(tx) => Ok(tx.rollback().await?),
        }
    }
}

/// A case, if there is one, for this unit or for the centre.
pub async fn find_case(pool: &PgPool, unit: Option<&str>, id: CaseId) -> Result<Option<Case>, StoreError> {
    let mut reading = Reading::begin(pool, unit).await?;
    let row = sqlx::query!("SELECT id, state FROM cases WHERE id = $1", id.uuid())
        .fetch_optional(reading.connection())
        .await?;
    reading.end().await?;
    row.map(|row| case_of(row.id, row.state)).transpose()
}

/// The case with this number, for this unit or for the centre.
pub async fn find_by_number(
    pool: &PgPool,
    unit: Option<&str>,
    number: &CaseNumber,
) -> Result<Option<Case>, StoreError> {
    let mut reading = Reading::begin(pool, unit).await?;
    let row = sqlx::query!("SELECT id, state FROM cases WHERE number = $1", number.as_str())
        .fetch_optional(reading.connection())
        .await?;
    reading.end().await?;
    row.map(|row| case_of(row.id, row.state)).transpose()
}

/// The case with this tracking code.
pub async fn find_by_tracking(pool: &PgPool, code: &TrackingCode) -> Result<Option<Case>, StoreError> {
    let row = sqlx::query!("SELECT id, state FROM cases WHERE tracking_code = $1", code.as_str())
        .fetch_optional(pool)
        .await?;
    row.map(|row| case_of(row.id, row.state)).transpose()
}

/// The cases that follow these heads, each with its head, as this unit or the centre may know of them.
pub async fn members_of(
    pool: &PgPool,
    unit: Option<&str>,
    heads: &[Uuid],
) -> Result<Vec<(CaseId, CaseId)>, StoreError> {
    let mut reading = Reading::begin(pool, unit).await?;
    let rows = sqlx::query!(r#"SELECT head_id AS "head!", id FROM cases WHERE head_id = ANY($1) ORDER BY id"#, heads)
        .fetch_all(reading.connection())
        .await?;
    reading.end().await?;
    Ok(rows.into_iter().map(|row| (CaseId::new(row.head), CaseId::new(row.id))).collect())
}

/// What a page of cases is narrowed to.
#[derive(Debug, Clone, Default)]
pub struct CaseFilter {
    /// Only this stage.
    pub stage: Option<StageName>,
    /// Only this town or village.
    pub region: Option<RegionCode>,
    /// Only this matter.
    pub matter: Option<MatterCode>,
    /// Only this way in.
    pub channel: Option<Channel>,
    /// Only from this moment on.
    pub from: Option<Timestamp>,
    /// Only before this moment.
    pub before: Option<Timestamp>,
    /// Only heads and cases that stand alone.
    pub heads_only: bool,
    /// Only the members of this head.
    pub head: Option<CaseId>,
}

/// A page of cases for this unit or for the centre, newest first, beginning after one.
pub async fn list_cases(
    pool: &PgPool,
    unit: Option<&str>,
    filter: &CaseFilter,
    after: Option<Uuid>,
    size: i64,
) -> Result<Vec<Case>, StoreError> {
    let mut reading = Reading::begin(pool, unit).await?;
    let rows = sqlx::query!(
        "SELECT id, state FROM cases
         WHERE ($1::uuid IS NULL OR id < $1)
           AND ($2::text IS NULL OR stage = $2)
           AND ($3::text IS NULL OR region LIKE $3 || '%')
           AND ($4::text IS NULL OR matters ? $4)
           AND ($5::text IS NULL OR channel = $5)
           AND ($6::timestamptz IS NULL OR registered_at >= $6)
           AND ($7::timestamptz IS NULL OR registered_at < $7)
           AND (NOT $8::bool OR head_id IS NULL)
           AND ($9::uuid IS NULL OR head_id = $9)
         ORDER BY id DESC
         LIMIT $10",
        after,
        filter.stage.map(StageName::as_str),
        filter.region.as_ref().map(RegionCode::as_str),
        filter.matter.as_ref().map(MatterCode::as_str),
        filter.channel.map(Channel::as_str),
        filter.from.map(ToSqlx::to_sqlx) as _,
        filter.before.map(ToSqlx::to_sqlx) as _,
        filter.heads_only,
        filter.head.map(Uuid::from),
        size
    )
    .fetch_all(reading.connection())
    .await?;
    reading.end().await?;
    rows.into_iter().map(|row| case_of(row.id, row.state)).collect()
}

/// The diagnosis as assignment said it.
pub async fn find_diagnosis(pool: &PgPool, id: CaseId) -> Result<Option<Vec<u8>>, StoreError> {
    Ok(sqlx::query_scalar!("SELECT body FROM diagnosis WHERE case_id = $1", id.uuid()).fetch_optional(pool).await?)
}

/// Earlier cases that may belong together with this one.
pub async fn list_neighbours(pool: &PgPool, case: &Case) -> Result<Vec<Arc<Neighbour>>, StoreError> {
    let mut connection = pool.acquire().await?;
    let digests = sqlx::query_scalar!("SELECT digest FROM complainant_digest WHERE case_id = $1", case.id.uuid())
        .fetch_all(&mut *connection)
        .await?;
    let seeking = Seeking { town: case.facts.region.town(), matters: case.facts.matters.clone(), digests };
    let needs = Needs { seekers: [(case.id.uuid(), seeking)].into(), ..Needs::default() };
    let mut found = load::neighbours(&mut connection, &needs).await?;
    Ok(found.remove(&case.id.uuid()).unwrap_or_default())
}

/// The wrapped key and the masked text of a case, sealed.
#[derive(Debug)]
pub struct SealedText {
    /// The case's key.
    pub wrapped_key: Vec<u8>,
    /// The masked title.
    pub masked_title: Vec<u8>,
    /// The masked body.
    pub masked_body: Vec<u8>,
}

/// The masked text of a case.
pub async fn find_text(pool: &PgPool, id: CaseId) -> Result<Option<SealedText>, StoreError> {
    Ok(sqlx::query_as!(
        SealedText,
        "SELECT wrapped_key, masked_title, masked_body FROM case_text WHERE case_id = $1",
        id.uuid()
    )
    .fetch_optional(pool)
    .await?)
}

/// A complainant as it is sealed.
#[derive(Debug)]
pub struct SealedComplainant {
    /// Its key.
    pub wrapped_key: Vec<u8>,
    /// The identity.
    pub identity: Vec<u8>,
    /// The title as it was written.
    pub title: Vec<u8>,
    /// The body as it was written.
    pub body: Vec<u8>,
}

/// A complainant; none where its key was destroyed.
pub async fn find_complainant(pool: &PgPool, id: Uuid) -> Result<Option<SealedComplainant>, StoreError> {
    Ok(sqlx::query_as!(
        SealedComplainant,
        r#"SELECT wrapped_key AS "wrapped_key!", identity AS "identity!", title AS "title!", body AS "body!"
           FROM complainant WHERE id = $1 AND wrapped_key IS NOT NULL"#,
        id
    )
    .fetch_optional(pool)
    .await?)
}

/// What persons weighed about a case, sealed, oldest first, each with its id.
pub async fn list_considered(pool: &PgPool, id: CaseId) -> Result<Vec<(Uuid, Vec<u8>)>, StoreError> {
    let rows = sqlx::query!("SELECT id, sealed FROM considered WHERE case_id = $1 ORDER BY id", id.uuid())
        .fetch_all(pool)
        .await?;
    Ok(rows.into_iter().map(|row| (row.id, row.sealed)).collect())
}

struct RevealRow {
    id: Uuid,
    case_id: Uuid,
    account: String,
    unit: String,
    purpose: String,
    reason: Vec<u8>,
    with_text: bool,
    at: jiff_sqlx::Timestamp,
    wrapped_key: Vec<u8>,
}

impl TryFrom<RevealRow> for (Reveal, Vec<u8>) {
    type Error = StoreError;

    fn try_from(row: RevealRow) -> Result<Self, StoreError> {
        let purpose = Purpose::parse(&row.purpose).ok_or_else(|| StoreError::Unreadable {
            table: "reveal",
            id: row.id.to_string(),
            reason: format!("purpose {}", row.purpose),
        })?;
        let reveal = Reveal {
            id: row.id,
            case_id: CaseId::new(row.case_id),
            account: row.account,
            unit: row.unit,
            purpose,
            reason: row.reason,
            with_text: row.with_text,
            at: row.at.to_jiff(),
        };
        Ok((reveal, row.wrapped_key))
    }
}

/// One entry of the audit.
pub async fn find_reveal(pool: &PgPool, id: Uuid) -> Result<Option<Reveal>, StoreError> {
    let row = sqlx::query_as!(
        RevealRow,
        "SELECT r.id, r.case_id, r.account, r.unit, r.purpose, r.reason, r.with_text, r.at, t.wrapped_key
         FROM reveal r JOIN case_text t USING (case_id)
         WHERE r.id = $1",
        id
    )
    .fetch_optional(pool)
    .await?;
    Ok(row.map(<(Reveal, Vec<u8>)>::try_from).transpose()?.map(|(reveal, _)| reveal))
}

/// A page of the audit, newest first, beginning after one; each entry with its case's wrapped key.
pub async fn list_reveals(
    pool: &PgPool,
    case: Option<CaseId>,
    account: Option<&str>,
    after: Option<Uuid>,
    size: i64,
) -> Result<Vec<(Reveal, Vec<u8>)>, StoreError> {
    let rows = sqlx::query_as!(
        RevealRow,
        "SELECT r.id, r.case_id, r.account, r.unit, r.purpose, r.reason, r.with_text, r.at, t.wrapped_key
         FROM reveal r JOIN case_text t USING (case_id)
         WHERE ($1::uuid IS NULL OR r.id < $1)
           AND ($2::uuid IS NULL OR r.case_id = $2)
           AND ($3::text IS NULL OR r.account = $3)
         ORDER BY r.id DESC
         LIMIT $4",
        after,
        case.map(Uuid::from),
        account,
        size
    )
    .fetch_all(pool)
    .await?;
    rows.into_iter().map(TryInto::try_into).collect()
}

struct NoticeRow {
    id: Uuid,
    case_id: Uuid,
    kind: String,
    round: i32,
    delivery: String,
    template: String,
    content: serde_json::Value,
    served_at: jiff_sqlx::Timestamp,
}

impl TryFrom<NoticeRow> for Notice {
    type Error = StoreError;

    fn try_from(row: NoticeRow) -> Result<Self, StoreError> {
        let unreadable = |reason: String| StoreError::Unreadable { table: "notice", id: row.id.to_string(), reason };
        let content: NoticeContent =
            serde_json::from_value(row.content).map_err(|error| unreadable(error.to_string()))?;
        Ok(Self {
            id: NoticeId::new(row.id),
            case_id: CaseId::new(row.case_id),
            kind: NoticeKind::parse(&row.kind).ok_or_else(|| unreadable(format!("kind {}", row.kind)))?,
            round: u32::try_from(row.round).map_err(|error| unreadable(error.to_string()))?,
            delivery: Delivery::parse(&row.delivery).ok_or_else(|| unreadable(format!("delivery {}", row.delivery)))?,
            template: row.template,
            content,
            served_at: row.served_at.to_jiff(),
        })
    }
}

/// The notices of a case, oldest first.
pub async fn list_notices(pool: &PgPool, id: CaseId) -> Result<Vec<Notice>, StoreError> {
    let rows = sqlx::query_as!(
        NoticeRow,
        "SELECT id, case_id, kind, round, delivery, template, content, served_at FROM notice
         WHERE case_id = $1 ORDER BY served_at, id",
        id.uuid()
    )
    .fetch_all(pool)
    .await?;
    rows.into_iter().map(Notice::try_from).collect()
}

/// One notice.
pub async fn find_notice(pool: &PgPool, id: NoticeId) -> Result<Option<Notice>, StoreError> {
    let row = sqlx::query_as!(
        NoticeRow,
        "SELECT id, case_id, kind, round, delivery, template, content, served_at FROM notice WHERE id = $1",
        id.uuid()
    )
    .fetch_optional(pool)
    .await?;
    row.map(Notice::try_from).transpose()
}

/// Something that waits for a person.
#[derive(Debug)]
pub struct OpenTask {
    /// The case.
    pub id: Uuid,
    /// What waits.
    pub task: String,
    /// The case's number.
    pub number: String,
    /// Since when.
    pub since: Timestamp,
}

/// A page of open tasks in the order of case ids, beginning after one.
pub async fn list_open_tasks(pool: &PgPool, after: Option<Uuid>, size: i64) -> Result<Vec<OpenTask>, StoreError> {
    let rows = sqlx::query!(
        r#"SELECT id, open_task AS "task!", number, stage_since FROM cases
           WHERE open_task IS NOT NULL AND ($1::uuid IS NULL OR id > $1)
           ORDER BY id LIMIT $2"#,
        after,
        size
    )
    .fetch_all(pool)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| OpenTask { id: row.id, task: row.task, number: row.number, since: row.stage_since.to_jiff() })
        .collect())
}
