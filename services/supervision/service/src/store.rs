//! What is remembered. All the SQL of supervision.

mod cases;
pub mod lists;
pub mod timeline;

use std::collections::BTreeMap;

use jiff_sqlx::ToSqlx;
use kit::corridor::unavailable;
use kit::refusal::Refusal;
use kit::service::{Keys, StoreError, Tx};
use kit::texts::Texts;
use kit::unit::Table;
use sqlx::PgPool;
use supervision_domain::{Case, Member};
use uuid::Uuid;
use vocab::{CaseId, SupervisionOrderId};

use crate::unit::{Needs, Unit};

/// Where the reason for an extension is sealed.
const CLOCK_REASON: &str = "clock_reason.words";
/// Where an answer to a supervision order is sealed.
const ANSWER_BODY: &str = "supervision_answer.body";

fn unreadable(table: &'static str, id: impl ToString, reason: impl ToString) -> StoreError {
    StoreError::Unreadable { table, id: id.to_string(), reason: reason.to_string() }
}

fn read_case(id: Uuid, state: Vec<u8>) -> Result<Case, StoreError> {
    kit::state::unpack(&state).map_err(|error| unreadable("case_file", id, error))
}

/// Loads the cases of a batch; their heads are locked.
pub async fn load(tx: &mut Tx, keys: &Keys<Needs>) -> Result<Unit, StoreError> {
    let ids: Vec<Uuid> = keys.heads.iter().copied().collect();
    let rows = sqlx::query!("SELECT id, state FROM case_file WHERE id = ANY($1)", &ids).fetch_all(&mut *tx).await?;
    let mut cases = BTreeMap::new();
    for row in rows {
        cases.insert(CaseId::new(row.id), read_case(row.id, row.state)?);
    }
    let members = if keys.needs.members_of.is_empty() {
        BTreeMap::new()
    } else {
        let heads: Vec<Uuid> = keys.needs.members_of.iter().map(|id| id.uuid()).collect();
        load_members(tx, &heads).await?
    };
    Ok(Unit { cases: Table::loaded(cases), members, ..Unit::default() })
}

/// Names every open case, where they are meant.
pub async fn widen(tx: &mut Tx, keys: &mut Keys<Needs>) -> Result<(), StoreError> {
    if keys.needs.open_cases {
        let open = sqlx::query_scalar!("SELECT id FROM case_file WHERE open").fetch_all(tx).await?;
        keys.heads.extend(open);
    }
    Ok(())
}

async fn load_members(tx: &mut Tx, heads: &[Uuid]) -> Result<BTreeMap<CaseId, Vec<Member>>, StoreError> {
    let rows = sqlx::query!(
        r#"SELECT id, head_id AS "head_id!", open, reply_round
           FROM case_file
           WHERE head_id = ANY($1)
           ORDER BY id"#,
        heads
    )
    .fetch_all(tx)
    .await?;
    let mut members: BTreeMap<CaseId, Vec<Member>> = BTreeMap::new();
    for row in rows {
        let member = Member { id: CaseId::new(row.id), open: row.open, reply_round: row.reply_round.unsigned_abs() };
        members.entry(CaseId::new(row.head_id)).or_default().push(member);
    }
    Ok(members)
}

/// Writes what changed; parents before children.
pub async fn flush(tx: &mut Tx, unit: &Unit, texts: &Texts) -> Result<(), StoreError> {
    cases::write(tx, unit).await?;
    flush_orders(tx, unit).await?;
    flush_answers(tx, unit, texts).await?;
    flush_reasons(tx, unit, texts).await?;
    flush_closings(tx, unit).await
}

async fn flush_orders(tx: &mut Tx, unit: &Unit) -> Result<(), StoreError> {
    let (mut ids, mut cases, mut units, mut rungs) = (vec![], vec![], vec![], vec![]);
    let (mut issued, mut dues, mut answered) = (vec![], vec![], vec![]);
    let (mut open, mut states) = (vec![], vec![]);
    for (id, row) in unit.orders.changed() {
        let order = &row.order;
        ids.push(id.uuid());
        cases.push(row.case.uuid());
        units.push(order.unit.to_string());
        rungs.push(order.rung.as_str().to_owned());
        issued.push(order.issued_at.to_sqlx());
        dues.push(order.answer.as_ref().map(|answer| answer.due_at.to_sqlx()));
        answered.push(order.answered_at.map(ToSqlx::to_sqlx));
        open.push(row.open);
        states.push(serde_json::to_value(order).map_err(|error| unreadable("supervision_order", id, error))?);
    }
    if ids.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "INSERT INTO supervision_order (id, case_id, unit_code, rung, issued_at, answer_due_at, answered_at, open, state)
         SELECT * FROM UNNEST($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::timestamptz[],
                              $6::timestamptz[], $7::timestamptz[], $8::bool[], $9::jsonb[])
         ON CONFLICT (id) DO UPDATE SET
           answered_at = EXCLUDED.answered_at, open = EXCLUDED.open, state = EXCLUDED.state",
        &ids,
        &cases,
        &units,
        &rungs,
        &issued as _,
        &dues as _,
        &answered as _,
        &open,
        &states
    )
    .execute(tx)
    .await?;
    Ok(())
}

async fn flush_answers(tx: &mut Tx, unit: &Unit, texts: &Texts) -> Result<(), StoreError> {
    if unit.answers.rows().is_empty() {
        return Ok(());
    }
    let (mut ids, mut bodies) = (vec![], vec![]);
    for answer in unit.answers.rows() {
        let id = answer.order.uuid();
        let sealed = texts.seal(answer.case.uuid(), ANSWER_BODY, id, &answer.body);
        bodies.push(sealed.map_err(|error| unreadable("supervision_answer", id, error))?);
        ids.push(id);
    }
    sqlx::query!(
        "INSERT INTO supervision_answer (supervision_order_id, body)
         SELECT * FROM UNNEST($1::uuid[], $2::bytea[])",
        &ids,
        &bodies
    )
    .execute(tx)
    .await?;
    Ok(())
}

async fn flush_reasons(tx: &mut Tx, unit: &Unit, texts: &Texts) -> Result<(), StoreError> {
    let (mut ids, mut cases, mut rounds, mut kinds, mut words) = (vec![], vec![], vec![], vec![], vec![]);
    for reason in unit.reasons.rows() {
        ids.push(reason.id);
        cases.push(reason.case.uuid());
        rounds.push(count("clock_reason", reason.id, reason.round)?);
        kinds.push(reason.kind.clone());
        let sealed = texts.seal(reason.case.uuid(), CLOCK_REASON, reason.id, &reason.words);
        words.push(sealed.map_err(|error| unreadable("clock_reason", reason.id, error))?);
    }
    if ids.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "INSERT INTO clock_reason (id, case_id, round, kind, words)
         SELECT * FROM UNNEST($1::uuid[], $2::uuid[], $3::int[], $4::text[], $5::bytea[])",
        &ids,
        &cases,
        &rounds,
        &kinds,
        &words
    )
    .execute(tx)
    .await?;
    Ok(())
}

async fn flush_closings(tx: &mut Tx, unit: &Unit) -> Result<(), StoreError> {
    let (mut cases, mut rounds, mut attempts) = (vec![], vec![], vec![]);
    let (mut states, mut proven, mut handled) = (vec![], vec![], vec![]);
    for ((case, round, attempt), row) in unit.closings.changed() {
        cases.push(case.uuid());
        rounds.push(count("closing", case, *round)?);
        attempts.push(count("closing", case, *attempt)?);
        states.push(row.state.to_owned());
        proven.push(row.proven);
        handled.push(row.handled_at.to_sqlx());
    }
    if cases.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "INSERT INTO closing (case_id, round, attempt, state, proven, handled_at)
         SELECT * FROM UNNEST($1::uuid[], $2::int[], $3::int[], $4::text[], $5::bool[], $6::timestamptz[])
         ON CONFLICT (case_id, round, attempt) DO UPDATE SET
           state = EXCLUDED.state, proven = EXCLUDED.proven, handled_at = EXCLUDED.handled_at",
        &cases,
        &rounds,
        &attempts,
        &states,
        &proven,
        &handled as _
    )
    .execute(tx)
    .await?;
    Ok(())
}

fn count(table: &'static str, id: impl ToString, number: u32) -> Result<i32, StoreError> {
    i32::try_from(number).map_err(|error| unreadable(table, id, error))
}

fn internal(error: StoreError) -> Refusal {
    match error {
        StoreError::Database(error) => unavailable(error),
        error => {
            tracing::error!(%error, "a stored case does not read back");
            Refusal::Internal("store".to_owned())
        }
    }
}

/// Begins reading. For a unit it sees what that unit has a share in and nothing else, whatever the queries say.
pub async fn begin(pool: &PgPool, unit: Option<&str>) -> Result<Reading, Refusal> {
    let mut tx = pool.begin().await.map_err(unavailable)?;
    if let Some(unit) = unit {
        sqlx::query!(
            "SELECT set_config('xiezhi.unit', $1, true) AS unit, set_config('role', 'supervision_department', true) AS role",
            unit
        )
        .fetch_one(&mut *tx)
        .await
        .map_err(unavailable)?;
    }
    Ok(tx)
}

/// A transaction that only reads; it is rolled back when it is dropped.
pub type Reading = sqlx::Transaction<'static, sqlx::Postgres>;

/// One case, if anything was heard of it.
pub async fn find_case(tx: &mut Tx, id: CaseId) -> Result<Option<Case>, Refusal> {
    let row = sqlx::query!("SELECT id, state FROM case_file WHERE id = $1", id.uuid())
        .fetch_optional(tx)
        .await
        .map_err(unavailable)?;
    row.map(|row| read_case(row.id, row.state)).transpose().map_err(internal)
}

/// Several cases.
pub async fn find_cases(tx: &mut Tx, ids: &[Uuid]) -> Result<BTreeMap<Uuid, Case>, Refusal> {
    let rows = sqlx::query!("SELECT id, state FROM case_file WHERE id = ANY($1)", ids)
        .fetch_all(tx)
        .await
        .map_err(unavailable)?;
    let mut cases = BTreeMap::new();
    for row in rows {
        cases.insert(row.id, read_case(row.id, row.state).map_err(internal)?);
    }
    Ok(cases)
}

/// The members of heads, whoever asks: a proof shows that each has its reply, and nothing else of them.
pub async fn find_members(pool: &PgPool, heads: &[Uuid]) -> Result<BTreeMap<CaseId, Vec<Member>>, Refusal> {
    let mut connection = pool.acquire().await.map_err(unavailable)?;
    load_members(&mut connection, heads).await.map_err(internal)
}

/// The case a supervision order belongs to; it never changes.
pub async fn case_of_order(pool: &PgPool, id: SupervisionOrderId) -> Result<Option<CaseId>, Refusal> {
    let row = sqlx::query_scalar!("SELECT case_id FROM supervision_order WHERE id = $1", id.uuid())
        .fetch_optional(pool)
        .await
        .map_err(unavailable)?;
    Ok(row.map(CaseId::new))
}
