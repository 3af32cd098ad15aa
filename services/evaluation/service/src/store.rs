//! What is remembered: all the SQL of evaluation. Here what a batch loads and flushes; [`read`] has what the doors ask for.

pub mod read;

use evaluation_domain::CaseFile;
use jiff_sqlx::ToSqlx;
use kit::service::{Keys, StoreError, Tx};
use kit::texts::Texts;
use kit::unit::Table;
use uuid::Uuid;
use vocab::CaseId;

use crate::unit::{Needs, Reason, Unit};

/// Where a panel's words are sealed.
const PANEL_REASON: &str = "adjudication.reason";

fn unreadable(table: &'static str, id: impl ToString, reason: impl ToString) -> StoreError {
    StoreError::Unreadable { table, id: id.to_string(), reason: reason.to_string() }
}

fn read_file(id: Uuid, state: Vec<u8>) -> Result<CaseFile, StoreError> {
    kit::state::unpack(&state).map_err(|error| unreadable("case_file", id, error))
}

fn number(table: &'static str, id: impl ToString, number: u32) -> Result<i32, StoreError> {
    i32::try_from(number).map_err(|error| unreadable(table, id, error))
}

/// Adds every case whose call-back waits, where that is asked for.
pub async fn widen(tx: &mut Tx, keys: &mut Keys<Needs>) -> Result<(), StoreError> {
    if keys.needs.waiting {
        let cases = sqlx::query_scalar!("SELECT case_id FROM callback WHERE state = 'drawn'").fetch_all(tx).await?;
        keys.heads.extend(cases);
    }
    Ok(())
}

/// Loads the files of a batch; their heads are locked.
pub async fn load(tx: &mut Tx, keys: &Keys<Needs>) -> Result<Unit, StoreError> {
    let ids: Vec<Uuid> = keys.heads.iter().copied().collect();
    let rows = sqlx::query!("SELECT id, state FROM case_file WHERE id = ANY($1)", &ids).fetch_all(tx).await?;
    let files = rows.into_iter().map(|row| Ok((CaseId::new(row.id), read_file(row.id, row.state)?)));
    let files = files.collect::<Result<Vec<_>, StoreError>>()?;
    Ok(Unit { files: Table::loaded(files), ..Unit::default() })
}

/// Writes what changed, one statement a table.
pub async fn flush(tx: &mut Tx, unit: &Unit, texts: &Texts) -> Result<(), StoreError> {
    flush_files(tx, unit).await?;
    flush_rounds(tx, unit).await?;
    flush_orders(tx, unit).await?;
    flush_callbacks(tx, unit).await?;
    flush_reasons(tx, unit, texts).await
}

async fn flush_files(tx: &mut Tx, unit: &Unit) -> Result<(), StoreError> {
    let (mut ids, mut numbers, mut states) = (vec![], vec![], vec![]);
    for (id, file) in unit.files.changed() {
        ids.push(id.uuid());
        numbers.push(file.ledger.case_no.clone());
        states.push(kit::state::pack(file).map_err(|error| unreadable("case_file", id, error))?);
    }
    if ids.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "INSERT INTO case_file (id, case_no, state)
         SELECT * FROM UNNEST($1::uuid[], $2::text[], $3::bytea[])
         ON CONFLICT (id) DO UPDATE SET case_no = EXCLUDED.case_no, state = EXCLUDED.state",
        &ids,
        &numbers as _,
        &states
    )
    .execute(tx)
    .await?;
    Ok(())
}

async fn flush_rounds(tx: &mut Tx, unit: &Unit) -> Result<(), StoreError> {
    let (mut cases, mut rounds, mut heads, mut leads) = (vec![], vec![], vec![], vec![]);
    let (mut closed, mut states) = (vec![], vec![]);
    let (mut responded, mut resolved, mut satisfied) = (vec![], vec![], vec![]);
    for ((case, round), fact) in unit.rounds.changed() {
        cases.push(case.uuid());
        rounds.push(number("round_fact", case, *round)?);
        heads.push(fact.head.uuid());
        leads.push(fact.lead.as_ref().map(ToString::to_string));
        closed.push(fact.closed_at.map(ToSqlx::to_sqlx));
        states.push(fact.callback.map(|state| state.as_str().to_owned()));
        responded.push(fact.opinion.map(|opinion| opinion.responded));
        resolved.push(fact.opinion.map(|opinion| opinion.resolved));
        satisfied.push(fact.opinion.map(|opinion| opinion.satisfied));
    }
    if cases.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "INSERT INTO round_fact (case_id, round, head_id, lead_unit, closed_at, callback_state, responded, resolved, satisfied)
         SELECT * FROM UNNEST($1::uuid[], $2::int[], $3::uuid[], $4::text[], $5::timestamptz[], $6::text[],
                              $7::bool[], $8::bool[], $9::bool[])
         ON CONFLICT (case_id, round) DO UPDATE SET
           head_id = EXCLUDED.head_id, lead_unit = EXCLUDED.lead_unit, closed_at = EXCLUDED.closed_at,
           callback_state = EXCLUDED.callback_state, responded = EXCLUDED.responded, resolved = EXCLUDED.resolved,
           satisfied = EXCLUDED.satisfied",
        &cases,
        &rounds,
        &heads,
        &leads as _,
        &closed as _,
        &states as _,
        &responded as _,
        &resolved as _,
        &satisfied as _
    )
    .execute(tx)
    .await?;
    Ok(())
}

async fn flush_orders(tx: &mut Tx, unit: &Unit) -> Result<(), StoreError> {
    let (mut ids, mut cases, mut rounds, mut units) = (vec![], vec![], vec![], vec![]);
    let (mut withdrawn, mut in_time) = (vec![], vec![]);
    for (id, (case, order)) in unit.orders.changed() {
        ids.push(id.uuid());
        cases.push(case.uuid());
        rounds.push(number("order_fact", id, order.round)?);
        units.push(order.unit.to_string());
        withdrawn.push(order.withdrawn);
        in_time.push(order.acknowledged_in_time);
    }
    if ids.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "INSERT INTO order_fact (id, case_id, round, unit_code, withdrawn, acknowledged_in_time)
         SELECT * FROM UNNEST($1::uuid[], $2::uuid[], $3::int[], $4::text[], $5::bool[], $6::bool[])
         ON CONFLICT (id) DO UPDATE SET
           round = EXCLUDED.round, unit_code = EXCLUDED.unit_code, withdrawn = EXCLUDED.withdrawn,
           acknowledged_in_time = EXCLUDED.acknowledged_in_time",
        &ids,
        &cases,
        &rounds,
        &units,
        &withdrawn,
        &in_time
    )
    .execute(tx)
    .await?;
    Ok(())
}

async fn flush_callbacks(tx: &mut Tx, unit: &Unit) -> Result<(), StoreError> {
    let (mut ids, mut cases, mut rounds, mut lots) = (vec![], vec![], vec![], vec![]);
    let (mut states, mut waits) = (vec![], vec![]);
    for (id, row) in unit.callbacks.changed() {
        ids.push(id.uuid());
        cases.push(row.case.uuid());
        rounds.push(number("callback", id, row.round)?);
        lots.push(i64::try_from(row.lot).map_err(|error| unreadable("callback", id, error))?);
        states.push(row.state.as_str().to_owned());
        waits.push(row.waits_since.map(ToSqlx::to_sqlx));
    }
    if ids.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "INSERT INTO callback (id, case_id, round, lot, state, waits_since)
         SELECT * FROM UNNEST($1::uuid[], $2::uuid[], $3::int[], $4::bigint[], $5::text[], $6::timestamptz[])
         ON CONFLICT (id) DO UPDATE SET state = EXCLUDED.state, waits_since = EXCLUDED.waits_since",
        &ids,
        &cases,
        &rounds,
        &lots,
        &states,
        &waits as _
    )
    .execute(tx)
    .await?;
    Ok(())
}

async fn flush_reasons(tx: &mut Tx, unit: &Unit, texts: &Texts) -> Result<(), StoreError> {
    let reasons = unit.reasons.rows();
    if reasons.is_empty() {
        return Ok(());
    }
    let ids: Vec<Uuid> = reasons.iter().map(|reason| reason.callback.uuid()).collect();
    let decided: Vec<jiff_sqlx::Timestamp> = reasons.iter().map(|reason| reason.decided_at.to_sqlx()).collect();
    let seal = |reason: &Reason| {
        let id = reason.callback.uuid();
        let sealed = texts.seal(reason.case.uuid(), PANEL_REASON, id, &reason.text);
        sealed.map_err(|error| unreadable("adjudication", id, error))
    };
    let sealed = reasons.iter().map(seal).collect::<Result<Vec<Vec<u8>>, StoreError>>()?;
    sqlx::query!(
        "INSERT INTO adjudication (callback_id, decided_at, reason)
         SELECT * FROM UNNEST($1::uuid[], $2::timestamptz[], $3::bytea[])",
        &ids,
        &decided as _,
        &sealed
    )
    .execute(tx)
    .await?;
    Ok(())
}
