//! Timers in the store: armed, replaced, found when they are due, fired once.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use sqlx::PgExecutor;
use uuid::Uuid;

use super::Outcome;
use crate::context::TimerChange;
use crate::service::{FiredTimer, Tx};

/// Arms and cancels timers: what was armed under the same key and kind gives way first.
pub async fn change_timers(tx: &mut Tx, changes: &BTreeMap<(Uuid, String), TimerChange>) -> Outcome<()> {
    if changes.is_empty() {
        return Ok(());
    }
    let keys: Vec<Uuid> = changes.keys().map(|(key, _)| *key).collect();
    let kinds: Vec<String> = changes.keys().map(|(_, kind)| kind.clone()).collect();
    let states: Vec<String> = changes
        .values()
        .map(|change| match change {
            TimerChange::Arm(_) => "superseded".to_owned(),
            TimerChange::Cancel => "cancelled".to_owned(),
        })
        .collect();
    let arms: Vec<_> = changes
        .iter()
        .filter_map(|((key, kind), change)| match change {
            TimerChange::Arm(arm) => Some((*key, kind.clone(), arm)),
            TimerChange::Cancel => None,
        })
        .collect();
    let armed_keys: Vec<Uuid> = arms.iter().map(|(key, _, _)| *key).collect();
    let armed_kinds: Vec<String> = arms.iter().map(|(_, kind, _)| kind.clone()).collect();
    let rules: Vec<String> = arms.iter().map(|(_, _, arm)| arm.rule.clone()).collect();
    let anchors: Vec<jiff_sqlx::Timestamp> = arms.iter().map(|(_, _, arm)| arm.anchor_at.to_sqlx()).collect();
    let amounts: Vec<i32> = arms.iter().map(|(_, _, arm)| arm.amount).collect();
    let units: Vec<String> = arms.iter().map(|(_, _, arm)| arm.unit.to_owned()).collect();
    let calendars: Vec<i32> = arms.iter().map(|(_, _, arm)| arm.calendar_version).collect();
    let dues: Vec<jiff_sqlx::Timestamp> = arms.iter().map(|(_, _, arm)| arm.due_at.to_sqlx()).collect();
    // One statement: `gone` is counted before a row is armed, so that what it ends is out of the way of its successor.
    // Firing locks the head first; a key that has said nothing yet needs one as well.
    sqlx::query!(
        "WITH gone AS (
           UPDATE bus.timer t SET state = c.state
           FROM UNNEST($1::uuid[], $2::text[], $3::text[]) AS c (key, kind, state)
           WHERE t.key = c.key AND t.kind = c.kind AND t.state = 'armed' RETURNING 1),
         heads AS (
           INSERT INTO bus.head (key, seq) SELECT DISTINCT k, 0 FROM UNNEST($4::uuid[]) k ON CONFLICT DO NOTHING)
         INSERT INTO bus.timer (key, kind, gen, rule, anchor_at, amount, unit, calendar_ver, due_at, state)
         SELECT a.key, a.kind,
                1 + COALESCE((SELECT max(t.gen) FROM bus.timer t WHERE t.key = a.key AND t.kind = a.kind), 0),
                a.rule, a.anchor_at, a.amount, a.unit, a.calendar_ver, a.due_at, 'armed'
         FROM UNNEST($4::uuid[], $5::text[], $6::text[], $7::timestamptz[], $8::int[], $9::text[], $10::int[],
                     $11::timestamptz[]) AS a (key, kind, rule, anchor_at, amount, unit, calendar_ver, due_at)
         WHERE (SELECT count(*) FROM gone) >= 0",
        &keys,
        &kinds,
        &states,
        &armed_keys,
        &armed_kinds,
        &rules,
        &anchors as _,
        &amounts,
        &units,
        &calendars,
        &dues as _
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Armed timers of these keys that are due, their rows held. The keys' heads must be locked already.
pub async fn lock_due_timers(tx: &mut Tx, keys: &BTreeSet<Uuid>, now: Timestamp) -> Outcome<Vec<FiredTimer>> {
    let keys: Vec<Uuid> = keys.iter().copied().collect();
    #[cfg(feature = "mutants")]
    let now = if crate::mutants::is("process-clock") { Timestamp::now() } else { now };
    let rows = sqlx::query!(
        "SELECT key, kind, gen, rule, anchor_at, due_at FROM bus.timer
         WHERE key = ANY($1) AND state = 'armed' AND due_at <= $2 ORDER BY due_at, key, kind FOR UPDATE",
        &keys,
        now.to_sqlx() as _
    )
    .fetch_all(tx)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| {
            let due_at = row.due_at.to_jiff();
            FiredTimer {
                key: row.key,
                kind: row.kind,
                generation: row.r#gen,
                rule: row.rule,
                anchor_at: row.anchor_at.to_jiff(),
                due_at,
                late_by: now.duration_since(due_at),
            }
        })
        .collect())
}

/// Keys with a timer that is due, without a lock.
pub async fn due_keys(store: impl PgExecutor<'_>, skip: &[Uuid], limit: i64) -> Outcome<BTreeSet<Uuid>> {
    #[cfg(feature = "mutants")]
    if crate::mutants::is("process-clock") {
        return crate::mutants::due_keys(store, limit).await;
    }
    let rows = sqlx::query_scalar!(
        "SELECT key FROM bus.timer WHERE state = 'armed' AND due_at <= bus.now() AND key <> ALL($1)
         ORDER BY due_at LIMIT $2",
        skip,
        limit
    )
    .fetch_all(store)
    .await?;
    Ok(rows.into_iter().collect())
}

pub async fn mark_fired(tx: &mut Tx, timers: &[FiredTimer], now: Timestamp) -> Outcome<()> {
    let keys: Vec<Uuid> = timers.iter().map(|t| t.key).collect();
    let kinds: Vec<String> = timers.iter().map(|t| t.kind.clone()).collect();
    let generations: Vec<i32> = timers.iter().map(|t| t.generation).collect();
    sqlx::query!(
        "UPDATE bus.timer t SET state = 'fired', fired_at = $4
         FROM UNNEST($1::uuid[], $2::text[], $3::int[]) AS f (key, kind, gen)
         WHERE t.key = f.key AND t.kind = f.kind AND t.gen = f.gen AND t.state = 'armed'",
        &keys,
        &kinds,
        &generations,
        now.to_sqlx() as _
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Calls an armed timer by an earlier generation, in place of what was armed since.
pub async fn call_generation(tx: &mut Tx, timer: &FiredTimer, generation: i32) -> Outcome<()> {
    sqlx::query!(
        "DELETE FROM bus.timer WHERE key = $1 AND kind = $2 AND gen >= $3 AND gen < $4",
        timer.key,
        timer.kind,
        generation,
        timer.generation
    )
    .execute(&mut *tx)
    .await?;
    sqlx::query!(
        "UPDATE bus.timer SET gen = $3 WHERE key = $1 AND kind = $2 AND gen = $4",
        timer.key,
        timer.kind,
        generation,
        timer.generation
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// The earliest armed timer and the clock it is measured by.
pub async fn next_due(store: impl PgExecutor<'_>, skip: &[Uuid]) -> Outcome<(Timestamp, Option<Timestamp>)> {
    let row = sqlx::query!(
        r#"SELECT bus.now() AS "now!", (SELECT min(due_at) FROM bus.timer
                                                 WHERE state = 'armed' AND key <> ALL($1)) AS due"#,
        skip
    )
    .fetch_one(store)
    .await?;
    Ok((row.now.to_jiff(), row.due.map(|due| due.to_jiff())))
}
