//! Writing what changed, with `UNNEST`: a larger batch takes no statement more.

use jiff_sqlx::ToSqlx;
use kit::service::{StoreError, Tx};
use uuid::Uuid;

use super::cases;
use crate::unit::Unit;

/// Writes what changed; parents before children.
pub async fn flush(tx: &mut Tx, unit: &Unit) -> Result<(), StoreError> {
    cases::write(tx, unit).await?;
    diagnoses(tx, unit).await?;
    considered(tx, unit).await?;
    reveals(tx, unit).await?;
    forgotten(tx, unit).await
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
