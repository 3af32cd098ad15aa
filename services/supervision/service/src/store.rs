//! What is remembered. All the SQL of supervision.

pub mod lists;
pub mod timeline;

use std::collections::BTreeMap;

use jiff_sqlx::ToSqlx;
use kit::corridor::unavailable;
use kit::envelope::Envelope;
use kit::refusal::Refusal;
use kit::service::{Keys, StoreError, Tx};
use kit::texts::Texts;
use kit::unit::Table;
use sqlx::PgPool;
use supervision_domain::{Case, Member};
use uuid::Uuid;
use vocab::{CaseId, SupervisionOrderId};

use crate::unit::{Needs, STOPPED, Unit, town};

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

/// Writes what changed, one statement a table.
pub async fn flush(tx: &mut Tx, unit: &Unit, texts: &Texts) -> Result<(), StoreError> {
    flush_cases(tx, unit).await?;
    flush_knowers(tx, unit).await?;
    flush_clocks(tx, unit).await?;
    flush_orders(tx, unit).await?;
    flush_answers(tx, unit, texts).await?;
    flush_reasons(tx, unit, texts).await?;
    flush_closings(tx, unit).await?;
    flush_timeline(tx, unit).await
}

async fn flush_cases(tx: &mut Tx, unit: &Unit) -> Result<(), StoreError> {
    let (mut ids, mut numbers, mut heads, mut towns) = (vec![], vec![], vec![], vec![]);
    let (mut open, mut replies, mut states) = (vec![], vec![], vec![]);
    for (id, case) in unit.cases.changed() {
        ids.push(id.uuid());
        numbers.push(case.ledger.case_no.clone());
        heads.push(case.ledger.head.map(CaseId::uuid));
        towns.push(town(case).map(String::from));
        open.push(case.ledger.is_open());
        replies.push(count("case_file", id, case.ledger.reply_round())?);
        states.push(kit::state::pack(case).map_err(|error| unreadable("case_file", id, error))?);
    }
    if ids.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "INSERT INTO case_file (id, case_no, head_id, town, open, reply_round, state)
         SELECT * FROM UNNEST($1::uuid[], $2::text[], $3::uuid[], $4::text[], $5::bool[], $6::int[], $7::bytea[])
         ON CONFLICT (id) DO UPDATE SET
           case_no = EXCLUDED.case_no, head_id = EXCLUDED.head_id, town = EXCLUDED.town, open = EXCLUDED.open,
           reply_round = EXCLUDED.reply_round, state = EXCLUDED.state",
        &ids,
        &numbers as _,
        &heads as _,
        &towns as _,
        &open,
        &replies,
        &states
    )
    .execute(tx)
    .await?;
    Ok(())
}

async fn flush_knowers(tx: &mut Tx, unit: &Unit) -> Result<(), StoreError> {
    if unit.knowers.rows().is_empty() {
        return Ok(());
    }
    let (cases, units): (Vec<Uuid>, Vec<String>) =
        unit.knowers.rows().iter().map(|(case, unit)| (case.uuid(), unit.to_string())).unzip();
    sqlx::query!(
        "INSERT INTO case_unit (case_id, unit_code)
         SELECT * FROM UNNEST($1::uuid[], $2::text[])
         ON CONFLICT DO NOTHING",
        &cases,
        &units
    )
    .execute(tx)
    .await?;
    Ok(())
}

async fn flush_clocks(tx: &mut Tx, unit: &Unit) -> Result<(), StoreError> {
    let (mut cases, mut rounds, mut kinds) = (vec![], vec![], vec![]);
    let (mut holders, mut states) = (vec![], vec![]);
    let (mut anchors, mut dues, mut pauses) = (vec![], vec![], vec![]);
    let (mut stopped_cases, mut stopped_rounds, mut stopped_kinds) = (vec![], vec![], vec![]);
    for ((case, round, kind), row) in unit.clocks.changed() {
        if row.state == STOPPED {
            stopped_cases.push(case.uuid());
            stopped_rounds.push(count("clock", case, *round)?);
            stopped_kinds.push(kind.clone());
            continue;
        }
        cases.push(case.uuid());
        rounds.push(count("clock", case, *round)?);
        kinds.push(kind.clone());
        holders.push(row.holder.clone());
        states.push(row.state.to_owned());
        anchors.push(row.anchor_at.to_sqlx());
        dues.push(row.due_at.to_sqlx());
        pauses.push(row.paused_at.map(ToSqlx::to_sqlx));
    }
    if !stopped_cases.is_empty() {
        sqlx::query!(
            "DELETE FROM clock c USING UNNEST($1::uuid[], $2::int[], $3::text[]) AS s (case_id, round, kind)
             WHERE c.case_id = s.case_id AND c.round = s.round AND c.kind = s.kind",
            &stopped_cases,
            &stopped_rounds,
            &stopped_kinds
        )
        .execute(&mut *tx)
        .await?;
    }
    if cases.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "INSERT INTO clock (case_id, round, kind, holder, state, anchor_at, due_at, paused_at)
         SELECT * FROM UNNEST($1::uuid[], $2::int[], $3::text[], $4::text[], $5::text[],
                              $6::timestamptz[], $7::timestamptz[], $8::timestamptz[])
         ON CONFLICT (case_id, round, kind) DO UPDATE SET
           holder = EXCLUDED.holder, state = EXCLUDED.state, anchor_at = EXCLUDED.anchor_at,
           due_at = EXCLUDED.due_at, paused_at = EXCLUDED.paused_at",
        &cases,
        &rounds,
        &kinds,
        &holders,
        &states,
        &anchors as _,
        &dues as _,
        &pauses as _
    )
    .execute(tx)
    .await?;
    Ok(())
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

async fn flush_timeline(tx: &mut Tx, unit: &Unit) -> Result<(), StoreError> {
    // What one row of a journal says of a case is one entry, as it was there.
    let mut rows: Vec<(CaseId, Envelope)> = Vec::new();
    let of_one_row = |(one, of): &(CaseId, Envelope), (other, with): &(CaseId, Envelope)| {
        (one, &of.service, of.epoch, of.pos) == (other, &with.service, with.epoch, with.pos)
    };
    let mut heard: Vec<_> = unit.timeline.rows().iter().collect();
    heard.sort_by_key(|(case, event)| (*case, event.service.clone(), event.epoch, event.pos));
    for facts in heard.chunk_by(|one, other| of_one_row(one, other)) {
        let together: Vec<&Envelope> = facts.iter().map(|(_, event)| event).collect();
        rows.extend(facts.first().map(|(case, _)| *case).zip(Envelope::together(&together)));
    }
    if rows.is_empty() {
        return Ok(());
    }
    let cases: Vec<Uuid> = rows.iter().map(|(case, _)| case.uuid()).collect();
    let occurred: Vec<jiff_sqlx::Timestamp> = rows.iter().map(|(_, event)| event.occurred_at.to_sqlx()).collect();
    let services: Vec<String> = rows.iter().map(|(_, event)| event.service.clone()).collect();
    let epochs: Vec<i32> = rows.iter().map(|(_, event)| event.epoch).collect();
    let positions: Vec<i64> = rows.iter().map(|(_, event)| event.pos).collect();
    let ids: Vec<Uuid> = rows.iter().map(|(_, event)| event.event_id).collect();
    let types: Vec<String> = rows.iter().map(|(_, event)| event.type_name.clone()).collect();
    let recorded: Vec<jiff_sqlx::Timestamp> = rows.iter().map(|(_, event)| event.recorded_at.to_sqlx()).collect();
    let actors: Vec<String> = rows.iter().map(|(_, event)| event.actor.clone()).collect();
    let traces: Vec<Option<String>> = rows.iter().map(|(_, event)| event.traceparent.clone()).collect();
    let payloads: Vec<Vec<u8>> = rows.iter().map(|(_, event)| event.payload.clone()).collect();
    sqlx::query!(
        "INSERT INTO timeline (case_id, occurred_at, service, epoch, pos, event_id, type, recorded_at, actor, traceparent, payload)
         SELECT * FROM UNNEST($1::uuid[], $2::timestamptz[], $3::text[], $4::int[], $5::bigint[], $6::uuid[], $7::text[],
                              $8::timestamptz[], $9::text[], $10::text[], $11::bytea[])
         ON CONFLICT DO NOTHING",
        &cases,
        &occurred as _,
        &services,
        &epochs,
        &positions,
        &ids,
        &types,
        &recorded as _,
        &actors,
        &traces as _,
        &payloads
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
