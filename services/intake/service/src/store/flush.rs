//! Writing what changed, one `UNNEST` statement per table, whatever the batch's size.

use intake_domain::Case;
use jiff_sqlx::ToSqlx;
use kit::service::{StoreError, Tx};
use uuid::Uuid;

use super::open_task;
use crate::unit::Unit;

/// Writes what changed; parents before children.
pub async fn flush(tx: &mut Tx, unit: &Unit) -> Result<(), StoreError> {
    complainants(tx, unit).await?;
    cases(tx, unit).await?;
    problems(tx, unit).await?;
    digests(tx, unit).await?;
    texts(tx, unit).await?;
    notices(tx, unit).await?;
    diagnoses(tx, unit).await?;
    considered(tx, unit).await?;
    reveals(tx, unit).await?;
    counters(tx, unit).await?;
    forgotten(tx, unit).await
}

async fn complainants(tx: &mut Tx, unit: &Unit) -> Result<(), StoreError> {
    let rows = unit.complainants.rows();
    if rows.is_empty() {
        return Ok(());
    }
    let ids: Vec<Uuid> = rows.iter().map(|row| row.id).collect();
    let keys: Vec<Vec<u8>> = rows.iter().map(|row| row.wrapped_key.clone()).collect();
    let identities: Vec<Vec<u8>> = rows.iter().map(|row| row.identity.clone()).collect();
    let titles: Vec<Vec<u8>> = rows.iter().map(|row| row.title.clone()).collect();
    let bodies: Vec<Vec<u8>> = rows.iter().map(|row| row.body.clone()).collect();
    let created: Vec<jiff_sqlx::Timestamp> = rows.iter().map(|row| row.created_at.to_sqlx()).collect();
    sqlx::query!(
        "INSERT INTO complainant (id, wrapped_key, identity, title, body, created_at)
         SELECT * FROM UNNEST($1::uuid[], $2::bytea[], $3::bytea[], $4::bytea[], $5::bytea[], $6::timestamptz[])",
        &ids,
        &keys,
        &identities,
        &titles,
        &bodies,
        &created as _
    )
    .execute(tx)
    .await?;
    Ok(())
}

async fn cases(tx: &mut Tx, unit: &Unit) -> Result<(), StoreError> {
    let rows: Vec<&Case> = unit.cases.changed().map(|(_, case)| case).collect();
    if rows.is_empty() {
        return Ok(());
    }
    let unreadable =
        |case: &Case, error: String| StoreError::Unreadable { table: "cases", id: case.id.to_string(), reason: error };
    let ids: Vec<Uuid> = rows.iter().map(|case| case.id.uuid()).collect();
    let numbers: Vec<String> = rows.iter().map(|case| case.number.to_string()).collect();
    let trackings: Vec<String> = rows.iter().map(|case| case.tracking.as_str().to_owned()).collect();
    let stages: Vec<String> = rows.iter().map(|case| case.stage.name().as_str().to_owned()).collect();
    let since: Vec<jiff_sqlx::Timestamp> = rows.iter().map(|case| case.stage.since().to_sqlx()).collect();
    let rounds: Vec<i32> = rows.iter().map(|case| i32::try_from(case.stage.round()).unwrap_or(i32::MAX)).collect();
    let regions: Vec<String> = rows.iter().map(|case| case.facts.region.to_string()).collect();
    let object_types: Vec<String> = rows.iter().map(|case| case.facts.object_type.to_string()).collect();
    let channels: Vec<String> = rows.iter().map(|case| case.facts.channel.to_string()).collect();
    let registered: Vec<jiff_sqlx::Timestamp> = rows.iter().map(|case| case.registered_at.to_sqlx()).collect();
    let complainants: Vec<Uuid> = rows.iter().map(|case| case.complainant).collect();
    let heads: Vec<Option<Uuid>> = rows.iter().map(|case| case.follows().map(Uuid::from)).collect();
    let sealed: Vec<Option<String>> =
        rows.iter().map(|case| case.sealed_from.as_ref().map(ToString::to_string)).collect();
    let tasks: Vec<Option<String>> = rows.iter().map(|case| open_task(case).map(str::to_owned)).collect();
    let mut matters = Vec::with_capacity(rows.len());
    let (mut shared, mut units) = (Vec::new(), Vec::new());
    let mut states = Vec::with_capacity(rows.len());
    for case in rows {
        let mut shown = case.units();
        shown.insert(&case.receiving_unit);
        matters.push(serde_json::to_value(&case.facts.matters).map_err(|error| unreadable(case, error.to_string()))?);
        for unit in shown {
            shared.push(case.id.uuid());
            units.push(unit.to_string());
        }
        states.push(kit::state::pack(case).map_err(|error| unreadable(case, error.to_string()))?);
    }
    sqlx::query!(
        "INSERT INTO cases (id, number, tracking_code, stage, stage_since, round, region, object_type, matters, channel,
                            registered_at, complainant_id, head_id, sealed_from, open_task, state)
         SELECT * FROM UNNEST($1::uuid[], $2::text[], $3::text[], $4::text[], $5::timestamptz[], $6::int[], $7::text[],
                              $8::text[], $9::jsonb[], $10::text[], $11::timestamptz[], $12::uuid[], $13::uuid[],
                              $14::text[], $15::text[], $16::bytea[])
         ON CONFLICT (id) DO UPDATE
         SET stage = excluded.stage, stage_since = excluded.stage_since, round = excluded.round,
             head_id = excluded.head_id, open_task = excluded.open_task, state = excluded.state",
        &ids,
        &numbers,
        &trackings,
        &stages,
        &since as _,
        &rounds,
        &regions,
        &object_types,
        &matters,
        &channels,
        &registered as _,
        &complainants,
        &heads as _,
        &sealed as _,
        &tasks as _,
        &states
    )
    .execute(&mut *tx)
    .await?;
    sqlx::query!(
        "WITH shown AS (SELECT * FROM UNNEST($1::uuid[], $2::text[]) AS s (case_id, unit)),
         gone AS (
           DELETE FROM case_unit u WHERE u.case_id = ANY($3)
             AND NOT EXISTS (SELECT FROM shown s WHERE s.case_id = u.case_id AND s.unit = u.unit))
         INSERT INTO case_unit (case_id, unit) SELECT case_id, unit FROM shown ON CONFLICT DO NOTHING",
        &shared,
        &units,
        &ids
    )
    .execute(tx)
    .await?;
    Ok(())
}

async fn problems(tx: &mut Tx, unit: &Unit) -> Result<(), StoreError> {
    let cases = unit.problems.rows().iter().filter_map(|id| unit.cases.get(id));
    let rows: Vec<(String, String, jiff_sqlx::Timestamp, Uuid)> = cases
        .flat_map(|case| {
            case.facts.matters.iter().map(|matter| {
                (case.facts.region.town().to_string(), matter.to_string(), case.registered_at.to_sqlx(), case.id.uuid())
            })
        })
        .collect();
    if rows.is_empty() {
        return Ok(());
    }
    let towns: Vec<String> = rows.iter().map(|row| row.0.clone()).collect();
    let matters: Vec<String> = rows.iter().map(|row| row.1.clone()).collect();
    let registered: Vec<jiff_sqlx::Timestamp> = rows.iter().map(|row| row.2).collect();
    let ids: Vec<Uuid> = rows.iter().map(|row| row.3).collect();
    sqlx::query!(
        "INSERT INTO problem (town, matter, registered_at, case_id)
         SELECT * FROM UNNEST($1::text[], $2::text[], $3::timestamptz[], $4::uuid[])",
        &towns,
        &matters,
        &registered as _,
        &ids
    )
    .execute(tx)
    .await?;
    Ok(())
}

async fn digests(tx: &mut Tx, unit: &Unit) -> Result<(), StoreError> {
    let rows = unit.digests.rows();
    if rows.is_empty() {
        return Ok(());
    }
    let digests: Vec<Vec<u8>> = rows.iter().map(|row| row.digest.clone()).collect();
    let ids: Vec<Uuid> = rows.iter().map(|row| row.case_id.uuid()).collect();
    sqlx::query!(
        "INSERT INTO complainant_digest (digest, case_id)
         SELECT * FROM UNNEST($1::bytea[], $2::uuid[])",
        &digests,
        &ids
    )
    .execute(tx)
    .await?;
    Ok(())
}

async fn texts(tx: &mut Tx, unit: &Unit) -> Result<(), StoreError> {
    if unit.texts.is_clean() {
        return Ok(());
    }
    let (mut ids, mut keys, mut titles, mut bodies) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (id, text) in unit.texts.changed() {
        ids.push(id.uuid());
        keys.push(text.wrapped_key.clone());
        titles.push(text.title.clone());
        bodies.push(text.body.clone());
    }
    sqlx::query!(
        "INSERT INTO case_text (case_id, wrapped_key, masked_title, masked_body)
         SELECT * FROM UNNEST($1::uuid[], $2::bytea[], $3::bytea[], $4::bytea[])
         ON CONFLICT (case_id) DO UPDATE
         SET wrapped_key = excluded.wrapped_key, masked_title = excluded.masked_title, masked_body = excluded.masked_body",
        &ids,
        &keys,
        &titles,
        &bodies
    )
    .execute(tx)
    .await?;
    Ok(())
}

async fn notices(tx: &mut Tx, unit: &Unit) -> Result<(), StoreError> {
    let rows = unit.notices.rows();
    if rows.is_empty() {
        return Ok(());
    }
    let ids: Vec<Uuid> = rows.iter().map(|row| row.id.uuid()).collect();
    let cases: Vec<Uuid> = rows.iter().map(|row| row.case_id.uuid()).collect();
    let kinds: Vec<String> = rows.iter().map(|row| row.kind.as_str().to_owned()).collect();
    let rounds: Vec<i32> = rows.iter().map(|row| i32::try_from(row.round).unwrap_or(i32::MAX)).collect();
    let deliveries: Vec<String> = rows.iter().map(|row| row.delivery.as_str().to_owned()).collect();
    let templates: Vec<String> = rows.iter().map(|row| row.template.clone()).collect();
    let served: Vec<jiff_sqlx::Timestamp> = rows.iter().map(|row| row.served_at.to_sqlx()).collect();
    let mut contents = Vec::with_capacity(rows.len());
    for row in rows {
        contents.push(serde_json::to_value(&row.content).map_err(|error| StoreError::Unreadable {
            table: "notice",
            id: row.id.to_string(),
            reason: error.to_string(),
        })?);
    }
    sqlx::query!(
        "INSERT INTO notice (id, case_id, kind, round, delivery, template, content, served_at)
         SELECT * FROM UNNEST($1::uuid[], $2::uuid[], $3::text[], $4::int[], $5::text[], $6::text[], $7::jsonb[],
                              $8::timestamptz[])",
        &ids,
        &cases,
        &kinds,
        &rounds,
        &deliveries,
        &templates,
        &contents,
        &served as _
    )
    .execute(tx)
    .await?;
    Ok(())
}

async fn diagnoses(tx: &mut Tx, unit: &Unit) -> Result<(), StoreError> {
    if unit.diagnoses.is_clean() {
        return Ok(());
    }
    let (ids, bodies): (Vec<Uuid>, Vec<Vec<u8>>) =
        unit.diagnoses.changed().map(|(id, body)| (id.uuid(), body.clone())).unzip();
    sqlx::query!(
        "INSERT INTO diagnosis (case_id, body)
         SELECT * FROM UNNEST($1::uuid[], $2::bytea[])
         ON CONFLICT (case_id) DO UPDATE SET body = excluded.body",
        &ids,
        &bodies
    )
    .execute(tx)
    .await?;
    Ok(())
}

async fn considered(tx: &mut Tx, unit: &Unit) -> Result<(), StoreError> {
    let rows = unit.considered.rows();
    if rows.is_empty() {
        return Ok(());
    }
    let ids: Vec<Uuid> = rows.iter().map(|row| row.id).collect();
    let cases: Vec<Uuid> = rows.iter().map(|row| row.case_id.uuid()).collect();
    let rules: Vec<String> = rows.iter().map(|row| row.rule.to_string()).collect();
    let accounts: Vec<String> = rows.iter().map(|row| row.account.clone()).collect();
    let sealed: Vec<Vec<u8>> = rows.iter().map(|row| row.sealed.clone()).collect();
    let at: Vec<jiff_sqlx::Timestamp> = rows.iter().map(|row| row.at.to_sqlx()).collect();
    sqlx::query!(
        "INSERT INTO considered (id, case_id, rule, account, sealed, at)
         SELECT * FROM UNNEST($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::bytea[], $6::timestamptz[])",
        &ids,
        &cases,
        &rules,
        &accounts,
        &sealed,
        &at as _
    )
    .execute(tx)
    .await?;
    Ok(())
}

async fn reveals(tx: &mut Tx, unit: &Unit) -> Result<(), StoreError> {
    let rows = unit.reveals.rows();
    if rows.is_empty() {
        return Ok(());
    }
    let ids: Vec<Uuid> = rows.iter().map(|row| row.id).collect();
    let cases: Vec<Uuid> = rows.iter().map(|row| row.case_id.uuid()).collect();
    let accounts: Vec<String> = rows.iter().map(|row| row.account.clone()).collect();
    let units: Vec<String> = rows.iter().map(|row| row.unit.clone()).collect();
    let purposes: Vec<String> = rows.iter().map(|row| row.purpose.as_str().to_owned()).collect();
    let reasons: Vec<Vec<u8>> = rows.iter().map(|row| row.reason.clone()).collect();
    let with_text: Vec<bool> = rows.iter().map(|row| row.with_text).collect();
    let at: Vec<jiff_sqlx::Timestamp> = rows.iter().map(|row| row.at.to_sqlx()).collect();
    sqlx::query!(
        "INSERT INTO reveal (id, case_id, account, unit, purpose, reason, with_text, at)
         SELECT * FROM UNNEST($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::bytea[], $7::bool[],
                              $8::timestamptz[])",
        &ids,
        &cases,
        &accounts,
        &units,
        &purposes,
        &reasons,
        &with_text,
        &at as _
    )
    .execute(&mut *tx)
    .await?;
    let (accounts, used): (Vec<String>, Vec<i32>) =
        unit.quotas.changed().map(|(account, used)| (account.clone(), *used)).unzip();
    sqlx::query!(
        "UPDATE reveal_quota q SET used = n.used
         FROM UNNEST($1::text[], $2::int[]) AS n (account, used)
         WHERE q.account = n.account AND q.day = (bus.now() AT TIME ZONE 'Asia/Shanghai')::date",
        &accounts,
        &used
    )
    .execute(tx)
    .await?;
    Ok(())
}

async fn counters(tx: &mut Tx, unit: &Unit) -> Result<(), StoreError> {
    if unit.counters.is_clean() {
        return Ok(());
    }
    let (years, last): (Vec<i16>, Vec<i64>) = unit.counters.changed().map(|(year, last)| (*year, *last)).unzip();
    sqlx::query!(
        "UPDATE case_counter c SET last = n.last
         FROM UNNEST($1::smallint[], $2::bigint[]) AS n (year, last)
         WHERE c.year = n.year",
        &years,
        &last
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// The key goes and everything it sealed with it, and the hashes by which the complainant would be found again.
async fn forgotten(tx: &mut Tx, unit: &Unit) -> Result<(), StoreError> {
    let rows = unit.forgotten.rows();
    if rows.is_empty() {
        return Ok(());
    }
    let (complainants, cases): (Vec<Uuid>, Vec<Uuid>) =
        rows.iter().map(|row| (row.complainant, row.case_id.uuid())).unzip();
    sqlx::query!(
        "UPDATE complainant SET wrapped_key = NULL, identity = NULL, title = NULL, body = NULL WHERE id = ANY($1)",
        &complainants
    )
    .execute(&mut *tx)
    .await?;
    sqlx::query!("DELETE FROM complainant_digest WHERE case_id = ANY($1)", &cases).execute(&mut *tx).await?;
    sqlx::query!("DELETE FROM considered WHERE case_id = ANY($1)", &cases).execute(tx).await?;
    Ok(())
}
