//! Reading what a batch needs, one statement a table.

use std::collections::{BTreeMap, BTreeSet};

use intake_domain::{CaseNumber, Neighbour, Windows};
use kit::service::{Keys, StoreError, Tx};
use kit::unit::Table;
use uuid::Uuid;
use vocab::{CaseId, MatterCode, ObjectTypeCode, RegionCode};

use super::{case_of, stage_of};
use crate::unit::{Needs, Unit};

/// How many earlier cases of one problem are compared with a new one.
const MOST_NEIGHBOURS: i64 = 20;

/// Names the whole cluster of a case that is decided with it: the head and every member.
pub async fn widen(tx: &mut Tx, keys: &mut Keys<Needs>) -> Result<(), StoreError> {
    if keys.needs.clusters.is_empty() {
        return Ok(());
    }
    let cases: Vec<Uuid> = keys.needs.clusters.iter().copied().collect();
    let rows = sqlx::query_scalar!(
        "WITH head AS (SELECT COALESCE(head_id, id) AS id FROM cases WHERE id = ANY($1))
         SELECT c.id FROM cases c JOIN head ON c.id = head.id
         UNION
         SELECT c.id FROM cases c JOIN head ON c.head_id = head.id",
        &cases
    )
    .fetch_all(tx)
    .await?;
    keys.heads.extend(rows.into_iter().flatten());
    Ok(())
}

/// Everything the batch needs. The heads are locked already.
pub async fn load(tx: &mut Tx, keys: &Keys<Needs>) -> Result<Unit, StoreError> {
    let mut unit = Unit::default();
    if !keys.heads.is_empty() {
        unit.cases = cases(tx, &keys.heads).await?;
    }
    if keys.needs.numbers > 0 {
        unit.counters = counters(tx).await?;
    }
    if !keys.needs.accounts.is_empty() {
        unit.quotas = quotas(tx, &keys.needs.accounts).await?;
    }
    if !keys.needs.seekers.is_empty() {
        unit.neighbours = neighbours(tx, &keys.needs).await?;
    }
    Ok(unit)
}

async fn cases(tx: &mut Tx, heads: &BTreeSet<Uuid>) -> Result<Table<CaseId, intake_domain::Case>, StoreError> {
    let ids: Vec<Uuid> = heads.iter().copied().collect();
    let rows = sqlx::query!("SELECT id, state FROM cases WHERE id = ANY($1)", &ids).fetch_all(tx).await?;
    let cases: Result<Vec<_>, StoreError> =
        rows.into_iter().map(|row| case_of(row.id, row.state).map(|case| (case.id, case))).collect();
    Ok(Table::loaded(cases?))
}

/// Locks this year's counter until commit: numbers that are not committed are not used up.
async fn counters(tx: &mut Tx) -> Result<Table<i16, i64>, StoreError> {
    let row = sqlx::query!(
        r#"INSERT INTO case_counter (year, last)
           VALUES (date_part('year', bus.now() AT TIME ZONE 'Asia/Shanghai')::smallint, 0)
           ON CONFLICT (year) DO UPDATE SET last = case_counter.last
           RETURNING year, last"#
    )
    .fetch_one(tx)
    .await?;
    Ok(Table::loaded([(row.year, row.last)]))
}

/// Locks today's counts of these accounts until commit, in the order of their names.
async fn quotas(tx: &mut Tx, accounts: &BTreeSet<String>) -> Result<Table<String, i32>, StoreError> {
    let accounts: Vec<String> = accounts.iter().cloned().collect();
    let rows = sqlx::query!(
        "INSERT INTO reveal_quota (account, day, used)
         SELECT a, (bus.now() AT TIME ZONE 'Asia/Shanghai')::date, 0 FROM UNNEST($1::text[]) a ORDER BY a
         ON CONFLICT (account, day) DO UPDATE SET used = reveal_quota.used
         RETURNING account, used",
        &accounts
    )
    .fetch_all(tx)
    .await?;
    Ok(Table::loaded(rows.into_iter().map(|row| (row.account, row.used))))
}

/// Earlier cases of the same problem or by the same complainant, for each new case.
pub(super) async fn neighbours(tx: &mut Tx, needs: &Needs) -> Result<BTreeMap<Uuid, Vec<Neighbour>>, StoreError> {
    let windows = Windows::default();
    let mut wanted: Vec<(Uuid, String, String)> = Vec::new();
    let mut hashes: Vec<(Uuid, Vec<u8>)> = Vec::new();
    for (seeker, seeking) in &needs.seekers {
        let matters = seeking.matters.iter();
        wanted.extend(matters.map(|matter| (*seeker, seeking.town.to_string(), matter.to_string())));
        hashes.extend(seeking.digests.iter().map(|digest| (*seeker, digest.clone())));
    }
    let seekers: Vec<Uuid> = wanted.iter().map(|(seeker, _, _)| *seeker).collect();
    let towns: Vec<String> = wanted.iter().map(|(_, town, _)| town.clone()).collect();
    let matters: Vec<String> = wanted.iter().map(|(_, _, matter)| matter.clone()).collect();
    let (hashed, digests): (Vec<Uuid>, Vec<Vec<u8>>) = hashes.into_iter().unzip();
    let rows = sqlx::query!(
        r#"WITH near AS (
             SELECT w.seeker, p.case_id, false AS same
             FROM UNNEST($1::uuid[], $2::text[], $3::text[]) AS w (seeker, town, matter)
             CROSS JOIN LATERAL (
               SELECT case_id FROM problem
               WHERE town = w.town AND matter = w.matter AND registered_at > bus.now() - make_interval(days => $6)
               ORDER BY registered_at DESC LIMIT $7) p
             UNION ALL
             SELECT h.seeker, d.case_id, true
             FROM UNNEST($4::uuid[], $5::bytea[]) AS h (seeker, digest)
             CROSS JOIN LATERAL (
               SELECT case_id FROM complainant_digest WHERE digest = h.digest ORDER BY case_id DESC LIMIT $7) d)
           SELECT n.seeker AS "seeker!", bool_or(n.same) AS "same!", c.id, c.number, c.matters, c.region, c.object_type,
                  c.registered_at, c.stage, c.head_id, c.sealed_from IS NOT NULL AS "sealed!"
           FROM near n JOIN cases c ON c.id = n.case_id
           GROUP BY n.seeker, c.id"#,
        &seekers,
        &towns,
        &matters,
        &hashed,
        &digests,
        i32::from(windows.problem_days),
        MOST_NEIGHBOURS
    )
    .fetch_all(tx)
    .await?;
    let mut found: BTreeMap<Uuid, Vec<Neighbour>> = BTreeMap::new();
    for row in rows {
        let unreadable = |reason: String| StoreError::Unreadable { table: "cases", id: row.id.to_string(), reason };
        let word = |error: vocab::Malformed| unreadable(error.to_string());
        let matters: Vec<MatterCode> =
            serde_json::from_value(row.matters.clone()).map_err(|error| unreadable(error.to_string()))?;
        found.entry(row.seeker).or_default().push(Neighbour {
            id: CaseId::new(row.id),
            number: row.number.parse::<CaseNumber>().map_err(word)?,
            matters,
            region: RegionCode::new(row.region.clone()).map_err(word)?,
            object_type: ObjectTypeCode::new(row.object_type.clone()).map_err(word)?,
            registered_at: row.registered_at.to_jiff(),
            stage: stage_of(&row.stage, row.id)?,
            head: row.head_id.map(CaseId::new),
            same_complainant: row.same,
            sealed: row.sealed,
        });
    }
    Ok(found)
}
