//! Writing what changed, one statement a table.

use jiff_sqlx::ToSqlx;
use kit::service::{StoreError, Tx};
use kit::texts::Texts;
use scheduling_domain::{Booking, Operation};
use uuid::Uuid;
use vocab::OperationId;

use crate::unit::{Unit, Written};

/// Writes what changed.
pub async fn flush(tx: &mut Tx, unit: &Unit, texts: &Texts) -> Result<(), StoreError> {
    flush_operations(tx, unit).await?;
    flush_cases(tx, unit).await?;
    flush_officers(tx, unit).await?;
    flush_bookings(tx, unit).await?;
    flush_written(tx, unit, texts).await
}

fn json<T: serde::Serialize>(
    table: &'static str,
    id: impl ToString,
    value: &T,
) -> Result<serde_json::Value, StoreError> {
    serde_json::to_value(value).map_err(|error| super::unreadable(table, id, error))
}

async fn flush_operations(tx: &mut Tx, unit: &Unit) -> Result<(), StoreError> {
    let changed: Vec<&Operation> = unit.operations.changed().map(|(_, operation)| operation).collect();
    if changed.is_empty() {
        return Ok(());
    }
    let ids: Vec<Uuid> = changed.iter().map(|operation| operation.id.uuid()).collect();
    let stages: Vec<String> = changed.iter().map(|operation| operation.stage.code().to_owned()).collect();
    let cases: Vec<serde_json::Value> =
        changed.iter().map(|operation| json("operation", operation.id, &operation.cases)).collect::<Result<_, _>>()?;
    let units: Vec<serde_json::Value> =
        changed.iter().map(|operation| operation.units().collect::<Vec<_>>().into()).collect();
    let regions: Vec<String> = changed.iter().map(|operation| operation.region.to_string()).collect();
    let span = |operation: &&Operation| operation.plan().map(|plan| plan.span);
    let starts: Vec<Option<jiff_sqlx::Timestamp>> =
        changed.iter().map(|operation| span(operation).map(|span| span.from.to_sqlx())).collect();
    let ends: Vec<Option<jiff_sqlx::Timestamp>> =
        changed.iter().map(|operation| span(operation).map(|span| span.until.to_sqlx())).collect();
    let proposed: Vec<jiff_sqlx::Timestamp> = changed.iter().map(|operation| operation.proposed_at.to_sqlx()).collect();
    let states: Vec<serde_json::Value> =
        changed.iter().map(|operation| json("operation", operation.id, operation)).collect::<Result<_, _>>()?;
    sqlx::query!(
        "INSERT INTO operation (id, stage, case_ids, units, region, starts_at, ends_at, proposed_at, state)
         SELECT o.id, o.stage, ARRAY(SELECT jsonb_array_elements_text(o.cases)::uuid),
                ARRAY(SELECT jsonb_array_elements_text(o.units)), o.region, o.starts_at, o.ends_at, o.proposed_at, o.state
         FROM UNNEST($1::uuid[], $2::text[], $3::jsonb[], $4::jsonb[], $5::text[], $6::timestamptz[], $7::timestamptz[],
                     $8::timestamptz[], $9::jsonb[])
              AS o (id, stage, cases, units, region, starts_at, ends_at, proposed_at, state)
         ON CONFLICT (id) DO UPDATE
         SET stage = excluded.stage, case_ids = excluded.case_ids, units = excluded.units, starts_at = excluded.starts_at,
             ends_at = excluded.ends_at, state = excluded.state",
        &ids,
        &stages,
        &cases,
        &units,
        &regions,
        &starts as _,
        &ends as _,
        &proposed as _,
        &states
    )
    .execute(tx)
    .await?;
    Ok(())
}

async fn flush_cases(tx: &mut Tx, unit: &Unit) -> Result<(), StoreError> {
    if unit.cases.is_clean() {
        return Ok(());
    }
    let mut ids: Vec<Uuid> = Vec::new();
    let mut finish: Vec<Option<jiff_sqlx::Timestamp>> = Vec::new();
    let mut ended: Vec<Option<String>> = Vec::new();
    let mut states: Vec<serde_json::Value> = Vec::new();
    for (id, case) in unit.cases.changed() {
        ids.push(id.uuid());
        finish.push(case.finish_by.map(ToSqlx::to_sqlx));
        ended.push(case.ended.as_ref().map(|ended| ended.reason.clone()));
        states.push(json("known_case", id, case)?);
    }
    sqlx::query!(
        "INSERT INTO known_case (id, finish_by, ended, state)
         SELECT * FROM UNNEST($1::uuid[], $2::timestamptz[], $3::text[], $4::jsonb[])
         ON CONFLICT (id) DO UPDATE
         SET finish_by = excluded.finish_by, ended = excluded.ended, state = excluded.state",
        &ids,
        &finish as _,
        &ended as _,
        &states
    )
    .execute(tx)
    .await?;
    Ok(())
}

async fn flush_officers(tx: &mut Tx, unit: &Unit) -> Result<(), StoreError> {
    if unit.officers.is_clean() {
        return Ok(());
    }
    let mut codes: Vec<String> = Vec::new();
    let mut units: Vec<String> = Vec::new();
    let mut auxiliary: Vec<bool> = Vec::new();
    let mut listed: Vec<bool> = Vec::new();
    let mut from: Vec<Option<jiff_sqlx::Date>> = Vec::new();
    let mut to: Vec<Option<jiff_sqlx::Date>> = Vec::new();
    let mut suspended: Vec<bool> = Vec::new();
    let mut states: Vec<serde_json::Value> = Vec::new();
    for (code, officer) in unit.officers.changed() {
        codes.push(code.to_string());
        units.push(officer.unit.to_string());
        auxiliary.push(officer.auxiliary);
        listed.push(officer.listed);
        let certificate = officer.certificate.as_ref();
        from.push(certificate.map(|certificate| certificate.valid_from.to_sqlx()));
        to.push(certificate.map(|certificate| certificate.valid_to.to_sqlx()));
        suspended.push(officer.suspended_since.is_some());
        states.push(json("officer", code, officer)?);
    }
    sqlx::query!(
        "INSERT INTO officer (code, unit, auxiliary, listed, valid_from, valid_to, suspended, state)
         SELECT * FROM UNNEST($1::text[], $2::text[], $3::bool[], $4::bool[], $5::date[], $6::date[], $7::bool[], $8::jsonb[])
         ON CONFLICT (code) DO UPDATE
         SET unit = excluded.unit, auxiliary = excluded.auxiliary, listed = excluded.listed,
             valid_from = excluded.valid_from, valid_to = excluded.valid_to, suspended = excluded.suspended,
             state = excluded.state",
        &codes,
        &units,
        &auxiliary,
        &listed,
        &from as _,
        &to as _,
        &suspended,
        &states
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// What is freed comes first, so that what one operation of the batch gives up another may take.
async fn flush_bookings(tx: &mut Tx, unit: &Unit) -> Result<(), StoreError> {
    let mut changed: Vec<&Booking> = unit.bookings.changed().map(|(_, booking)| booking).collect();
    if changed.is_empty() {
        return Ok(());
    }
    changed.sort_by_key(|booking| booking.holds());
    let (freed, held) = changed.split_at(changed.partition_point(|booking| !booking.holds()));
    for rows in [freed, held] {
        if !rows.is_empty() {
            upsert_bookings(tx, rows).await?;
        }
    }
    Ok(())
}

async fn upsert_bookings(tx: &mut Tx, rows: &[&Booking]) -> Result<(), StoreError> {
    let operations: Vec<Uuid> = rows.iter().map(|booking| OperationId::uuid(booking.operation)).collect();
    let kinds: Vec<String> = rows.iter().map(|booking| booking.subject.kind().to_owned()).collect();
    let codes: Vec<String> = rows.iter().map(|booking| booking.subject.code().to_owned()).collect();
    let units: Vec<String> = rows.iter().map(|booking| booking.unit.to_string()).collect();
    let starts: Vec<jiff_sqlx::Timestamp> = rows.iter().map(|booking| booking.span.from.to_sqlx()).collect();
    let ends: Vec<jiff_sqlx::Timestamp> = rows.iter().map(|booking| booking.span.until.to_sqlx()).collect();
    let states: Vec<String> = rows.iter().map(|booking| booking.state.as_str().to_owned()).collect();
    sqlx::query!(
        "INSERT INTO booking (operation_id, kind, code, unit, starts_at, ends_at, state)
         SELECT * FROM UNNEST($1::uuid[], $2::text[], $3::text[], $4::text[], $5::timestamptz[], $6::timestamptz[], $7::text[])
         ON CONFLICT (operation_id, kind, code) DO UPDATE
         SET unit = excluded.unit, starts_at = excluded.starts_at, ends_at = excluded.ends_at, state = excluded.state",
        &operations,
        &kinds,
        &codes,
        &units,
        &starts as _,
        &ends as _,
        &states
    )
    .execute(tx)
    .await?;
    Ok(())
}

async fn flush_written(tx: &mut Tx, unit: &Unit, texts: &Texts) -> Result<(), StoreError> {
    let rows = unit.written.rows();
    if rows.is_empty() {
        return Ok(());
    }
    let ids: Vec<Uuid> = rows.iter().map(|row| row.id).collect();
    let operations: Vec<Uuid> = rows.iter().map(|row| row.operation.uuid()).collect();
    let verbs: Vec<String> = rows.iter().map(|row| row.verb.to_owned()).collect();
    let units: Vec<String> = rows.iter().map(|row| row.unit.clone()).collect();
    let seal = |row: &Written| {
        let sealed = texts.seal(row.operation.uuid(), super::WORDS, row.id, &row.words);
        sealed.map_err(|error| super::unreadable("written", row.id, error))
    };
    let words = rows.iter().map(seal).collect::<Result<Vec<Vec<u8>>, StoreError>>()?;
    let at: Vec<jiff_sqlx::Timestamp> = rows.iter().map(|row| row.at.to_sqlx()).collect();
    sqlx::query!(
        "INSERT INTO written (id, operation_id, verb, unit, words, at)
         SELECT * FROM UNNEST($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::bytea[], $6::timestamptz[])",
        &ids,
        &operations,
        &verbs,
        &units,
        &words,
        &at as _
    )
    .execute(tx)
    .await?;
    Ok(())
}
