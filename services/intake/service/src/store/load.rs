//! Reading what a batch needs, one statement a table.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use intake_domain::{CaseNumber, Neighbour, Windows};
use kit::service::{Keys, StoreError, Tx};
use kit::unit::Table;
use uuid::Uuid;
use vocab::{CaseId, ObjectTypeCode, RegionCode};

use super::{case_of, stage_of};
use crate::unit::{Needs, Seeking, Unit};

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

/// Earlier cases of the same problem or by the same complainant, for each new case. Asked once for each problem and each hash of the
/// batch, because a hundred complaints of one evening are often about three problems.
pub(super) async fn neighbours(tx: &mut Tx, needs: &Needs) -> Result<BTreeMap<Uuid, Vec<Arc<Neighbour>>>, StoreError> {
    let mut problems: BTreeSet<(String, String)> = BTreeSet::new();
    let mut hashes: BTreeSet<Vec<u8>> = BTreeSet::new();
    for seeking in needs.seekers.values() {
        problems.extend(seeking.matters.iter().map(|matter| (seeking.town.to_string(), matter.to_string())));
        hashes.extend(seeking.digests.iter().cloned());
    }
    let (towns, matters): (Vec<String>, Vec<String>) = problems.into_iter().unzip();
    let digests: Vec<Vec<u8>> = hashes.into_iter().collect();
    let rows = sqlx::query_as!(
        NeighbourRow,
        r#"WITH near AS (
             SELECT w.town, w.matter, NULL::bytea AS digest, p.case_id
             FROM UNNEST($1::text[], $2::text[]) AS w (town, matter)
             CROSS JOIN LATERAL (
               SELECT case_id FROM problem
               WHERE town = w.town AND matter = w.matter AND registered_at > bus.now() - make_interval(days => $4)
               ORDER BY registered_at DESC, case_id DESC LIMIT $5) p
             UNION ALL
             SELECT NULL, NULL, h.digest, d.case_id
             FROM UNNEST($3::bytea[]) AS h (digest)
             CROSS JOIN LATERAL (
               SELECT case_id FROM complainant_digest WHERE digest = h.digest ORDER BY case_id DESC LIMIT $5) d)
           SELECT n.town, n.matter, n.digest, c.id, c.number, c.matters, c.region, c.object_type, c.registered_at, c.stage,
                  c.head_id, c.sealed_from IS NOT NULL AS "sealed!"
           FROM near n JOIN cases c ON c.id = n.case_id"#,
        &towns,
        &matters,
        &digests,
        i32::from(Windows::default().problem_days),
        MOST_NEIGHBOURS
    )
    .fetch_all(tx)
    .await?;
    let mut by_problem: BTreeMap<(String, String), Vec<Arc<Neighbour>>> = BTreeMap::new();
    let mut by_digest: BTreeMap<Vec<u8>, Vec<Arc<Neighbour>>> = BTreeMap::new();
    for mut row in rows {
        let (problem, digest) = (row.town.take().zip(row.matter.take()), row.digest.take());
        let neighbour = Arc::new(Neighbour::try_from(row)?);
        match (problem, digest) {
            (Some(problem), _) => by_problem.entry(problem).or_default().push(neighbour),
            (None, Some(digest)) => by_digest.entry(digest).or_default().push(neighbour),
            (None, None) => {}
        }
    }
    Ok(needs.seekers.iter().map(|(seeker, seeking)| (*seeker, found_by(seeking, &by_problem, &by_digest))).collect())
}

/// What one new case finds; a case that is found by problem and by complainant is found once, as the complainant's.
fn found_by(
    seeking: &Seeking,
    by_problem: &BTreeMap<(String, String), Vec<Arc<Neighbour>>>,
    by_digest: &BTreeMap<Vec<u8>, Vec<Arc<Neighbour>>>,
) -> Vec<Arc<Neighbour>> {
    let mut found: BTreeMap<CaseId, Arc<Neighbour>> = BTreeMap::new();
    for matter in &seeking.matters {
        let near = by_problem.get(&(seeking.town.to_string(), matter.to_string())).into_iter().flatten();
        found.extend(near.map(|neighbour| (neighbour.id, Arc::clone(neighbour))));
    }
    for digest in &seeking.digests {
        let same = by_digest.get(digest).into_iter().flatten();
        found.extend(same.map(|neighbour| {
            (neighbour.id, Arc::new(Neighbour { same_complainant: true, ..Neighbour::clone(neighbour) }))
        }));
    }
    found.into_values().collect()
}

struct NeighbourRow {
    town: Option<String>,
    matter: Option<String>,
    digest: Option<Vec<u8>>,
    id: Uuid,
    number: String,
    matters: serde_json::Value,
    region: String,
    object_type: String,
    registered_at: jiff_sqlx::Timestamp,
    stage: String,
    head_id: Option<Uuid>,
    sealed: bool,
}

impl TryFrom<NeighbourRow> for Neighbour {
    type Error = StoreError;

    fn try_from(row: NeighbourRow) -> Result<Self, StoreError> {
        let unreadable = |reason: String| StoreError::Unreadable { table: "cases", id: row.id.to_string(), reason };
        let word = |error: vocab::Malformed| unreadable(error.to_string());
        Ok(Self {
            id: CaseId::new(row.id),
            number: row.number.parse::<CaseNumber>().map_err(word)?,
            matters: serde_json::from_value(row.matters).map_err(|error| unreadable(error.to_string()))?,
            region: RegionCode::new(row.region).map_err(word)?,
            object_type: ObjectTypeCode::new(row.object_type).map_err(word)?,
            registered_at: row.registered_at.to_jiff(),
            stage: stage_of(&row.stage, row.id)?,
            head: row.head_id.map(CaseId::new),
            same_complainant: false,
            sealed: row.sealed,
        })
    }
}
