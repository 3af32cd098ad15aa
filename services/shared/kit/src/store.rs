//! The bus's own SQL: everything below schema `bus`, and nothing else.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use sqlx::PgPool;
use uuid::Uuid;

use crate::context::{Blob, Emitted, TimerChange};
use crate::envelope::Envelope;
use crate::service::{FiredTimer, Tx};
use crate::settings::ClockKind;

/// The moment from which simulated clocks made by this process are offset.
static CREATED: OnceLock<Timestamp> = OnceLock::new();

type Outcome<T> = Result<T, sqlx::Error>;

/// What a transaction knows when it begins.
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    /// The only clock of the product.
    pub now: Timestamp,
    /// The newest bundle; 0 where none is published.
    pub revision: i64,
    /// True while the journal is known to be behind what the stream has seen of it.
    pub rolled_back: bool,
}

/// A command that was answered before.
#[derive(Debug)]
pub struct StoredCommand {
    pub command_id: Uuid,
    pub caller: String,
    pub method: String,
    pub request_hash: Vec<u8>,
    pub response: Vec<u8>,
}

/// The journal's head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    pub epoch: i32,
    pub last_pos: i64,
    pub last_hash: Vec<u8>,
    pub published_pos: i64,
    pub rolled_back: bool,
}

/// Makes the rows that exist once. The kind of clock is written here and never changed.
pub async fn init(pool: &PgPool, service: &str, clock: ClockKind) -> Outcome<()> {
    let (kind, start) = match clock {
        ClockKind::Real => ("real", None),
        ClockKind::Simulated { start } => ("simulated", start),
    };
    // Five databases made by one process get one and the same offset, so that their clocks agree.
    let created = *CREATED.get_or_init(Timestamp::now);
    let mut tx = pool.begin().await?;
    sqlx::query!("INSERT INTO bus.node (service) VALUES ($1) ON CONFLICT (one) DO NOTHING", service)
        .execute(&mut *tx)
        .await?;
    sqlx::query!(
        "INSERT INTO bus.clock (kind, offset_by)
         VALUES ($1, COALESCE($2::timestamptz - $3, interval '0')) ON CONFLICT (one) DO NOTHING",
        kind,
        start.map(ToSqlx::to_sqlx) as _,
        created.to_sqlx() as _
    )
    .execute(&mut *tx)
    .await?;
    tx.commit().await
}

pub async fn moment(tx: &mut Tx) -> Outcome<Moment> {
    let row = sqlx::query!(
        r#"SELECT bus.now() AS "now!", mode, COALESCE((SELECT max(revision) FROM bus.bundle), 0) AS "revision!"
           FROM bus.node"#
    )
    .fetch_one(tx)
    .await?;
    Ok(Moment { now: row.now.to_jiff(), revision: row.revision, rolled_back: row.mode == "rolled_back" })
}

pub async fn find_bundle(tx: &mut Tx, revision: i64) -> Outcome<Option<(Vec<u8>, Vec<u8>)>> {
    let row = sqlx::query!(
        "SELECT b.sha256, b.bytes FROM bus.bundle u JOIN bus.blob b USING (sha256) WHERE u.revision = $1",
        revision
    )
    .fetch_optional(tx)
    .await?;
    Ok(row.map(|row| (row.sha256, row.bytes)))
}

/// Locks the heads in the order of their keys, and makes those that do not exist yet: two consumers may hear of a case at once.
pub async fn lock_heads(tx: &mut Tx, keys: &BTreeSet<Uuid>) -> Outcome<BTreeMap<Uuid, i64>> {
    let keys: Vec<Uuid> = keys.iter().copied().collect();
    let rows = sqlx::query!(
        "INSERT INTO bus.head (key, seq) SELECT k, 0 FROM UNNEST($1::uuid[]) k ORDER BY k
         ON CONFLICT (key) DO UPDATE SET seq = head.seq RETURNING key, seq",
        &keys
    )
    .fetch_all(tx)
    .await?;
    Ok(rows.into_iter().map(|row| (row.key, row.seq)).collect())
}

/// Locks the heads that exist; a caller's made-up id leaves no trace.
pub async fn lock_known_heads(tx: &mut Tx, keys: &BTreeSet<Uuid>) -> Outcome<BTreeMap<Uuid, i64>> {
    let keys: Vec<Uuid> = keys.iter().copied().collect();
    let rows = sqlx::query!("SELECT key, seq FROM bus.head WHERE key = ANY($1) ORDER BY key FOR UPDATE", &keys)
        .fetch_all(tx)
        .await?;
    Ok(rows.into_iter().map(|row| (row.key, row.seq)).collect())
}

pub async fn find_commands(tx: &mut Tx, ids: &[Uuid]) -> Outcome<Vec<StoredCommand>> {
    sqlx::query_as!(
        StoredCommand,
        "SELECT command_id, caller, method, request_hash, response FROM bus.command WHERE command_id = ANY($1)",
        ids
    )
    .fetch_all(tx)
    .await
}

/// Keeps the answers. Fewer rows than asked for means that another replica answered one of them meanwhile.
pub async fn insert_commands(tx: &mut Tx, commands: &[StoredCommand]) -> Outcome<u64> {
    let ids: Vec<Uuid> = commands.iter().map(|c| c.command_id).collect();
    let callers: Vec<String> = commands.iter().map(|c| c.caller.clone()).collect();
    let methods: Vec<String> = commands.iter().map(|c| c.method.clone()).collect();
    let hashes: Vec<Vec<u8>> = commands.iter().map(|c| c.request_hash.clone()).collect();
    let responses: Vec<Vec<u8>> = commands.iter().map(|c| c.response.clone()).collect();
    let done = sqlx::query!(
        "INSERT INTO bus.command (command_id, caller, method, request_hash, response)
         SELECT * FROM UNNEST($1::uuid[], $2::text[], $3::text[], $4::bytea[], $5::bytea[]) ON CONFLICT DO NOTHING",
        &ids,
        &callers,
        &methods,
        &hashes,
        &responses
    )
    .execute(tx)
    .await?;
    Ok(done.rows_affected())
}

/// Writes events into the journal, dense per key, and marks them as waiting for their position.
pub async fn append(tx: &mut Tx, now: Timestamp, heads: &BTreeMap<Uuid, i64>, events: &[Emitted]) -> Outcome<()> {
    if events.is_empty() {
        return Ok(());
    }
    // A key that nobody declared may still be new; one that exists must have been locked, or its order would be a guess.
    let undeclared: Vec<Uuid> = events.iter().map(|event| event.key).filter(|key| !heads.contains_key(key)).collect();
    if !undeclared.is_empty() {
        let known =
            sqlx::query_scalar!("SELECT key FROM bus.head WHERE key = ANY($1) AND seq > 0 LIMIT 1", &undeclared)
                .fetch_optional(&mut *tx)
                .await?;
        if let Some(key) = known {
            return Err(sqlx::Error::Encode(format!("an event of {key} was said without naming its head").into()));
        }
    }
    let mut next = heads.clone();
    let mut seqs = Vec::with_capacity(events.len());
    for event in events {
        let seq = next.entry(event.key).or_insert(0);
        *seq += 1;
        seqs.push(*seq);
    }
    let touched: BTreeMap<Uuid, i64> =
        events.iter().filter_map(|event| next.get(&event.key).map(|seq| (event.key, *seq))).collect();
    let (keys, last): (Vec<Uuid>, Vec<i64>) = touched.into_iter().unzip();
    sqlx::query!(
        "INSERT INTO bus.head (key, seq) SELECT * FROM UNNEST($1::uuid[], $2::bigint[])
         ON CONFLICT (key) DO UPDATE SET seq = excluded.seq",
        &keys,
        &last
    )
    .execute(&mut *tx)
    .await?;

    let ids: Vec<Uuid> = events.iter().map(|e| e.event_id).collect();
    let commands: Vec<Option<Uuid>> = events.iter().map(|e| e.command_id).collect();
    let causes: Vec<Option<Uuid>> = events.iter().map(|e| e.cause_id).collect();
    let actors: Vec<String> = events.iter().map(|e| e.actor.clone()).collect();
    let traces: Vec<Option<String>> = events.iter().map(|e| e.traceparent.clone()).collect();
    let keys: Vec<Uuid> = events.iter().map(|e| e.key).collect();
    let types: Vec<String> = events.iter().map(|e| e.type_name.to_owned()).collect();
    let versions: Vec<i32> = events.iter().map(|e| e.schema_ver).collect();
    let occurred: Vec<jiff_sqlx::Timestamp> = events.iter().map(|e| e.occurred_at.to_sqlx()).collect();
    let payloads: Vec<Vec<u8>> = events.iter().map(|e| e.payload.clone()).collect();
    sqlx::query!(
        "WITH added AS (
           INSERT INTO bus.journal (event_id, command_id, cause_id, actor, traceparent, key, key_seq, type, schema_ver,
                                    occurred_at, recorded_at, payload)
           SELECT e.event_id, e.command_id, e.cause_id, e.actor, e.traceparent, e.key, e.key_seq, e.type, e.schema_ver,
                  e.occurred_at, $12, e.payload
           FROM UNNEST($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::uuid[], $7::bigint[], $8::text[],
                       $9::int[], $10::timestamptz[], $11::bytea[]) WITH ORDINALITY
                AS e (event_id, command_id, cause_id, actor, traceparent, key, key_seq, type, schema_ver, occurred_at,
                      payload, nth)
           ORDER BY e.nth RETURNING id)
         INSERT INTO bus.unnumbered (id) SELECT id FROM added",
        &ids,
        &commands as _,
        &causes as _,
        &actors,
        &traces as _,
        &keys,
        &seqs,
        &types,
        &versions,
        &occurred as _,
        &payloads,
        now.to_sqlx() as _
    )
    .execute(tx)
    .await?;
    Ok(())
}

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
    sqlx::query!(
        "UPDATE bus.timer t SET state = c.state
         FROM UNNEST($1::uuid[], $2::text[], $3::text[]) AS c (key, kind, state)
         WHERE t.key = c.key AND t.kind = c.kind AND t.state = 'armed'",
        &keys,
        &kinds,
        &states
    )
    .execute(&mut *tx)
    .await?;

    let arms: Vec<_> = changes
        .iter()
        .filter_map(|((key, kind), change)| match change {
            TimerChange::Arm(arm) => Some((*key, kind.clone(), arm)),
            TimerChange::Cancel => None,
        })
        .collect();
    if arms.is_empty() {
        return Ok(());
    }
    let keys: Vec<Uuid> = arms.iter().map(|(key, _, _)| *key).collect();
    // Firing locks the head first; a key that has said nothing yet needs one as well.
    sqlx::query!(
        "INSERT INTO bus.head (key, seq) SELECT DISTINCT k, 0 FROM UNNEST($1::uuid[]) k ON CONFLICT DO NOTHING",
        &keys
    )
    .execute(&mut *tx)
    .await?;
    let kinds: Vec<String> = arms.iter().map(|(_, kind, _)| kind.clone()).collect();
    let rules: Vec<String> = arms.iter().map(|(_, _, arm)| arm.rule.clone()).collect();
    let anchors: Vec<jiff_sqlx::Timestamp> = arms.iter().map(|(_, _, arm)| arm.anchor_at.to_sqlx()).collect();
    let amounts: Vec<i32> = arms.iter().map(|(_, _, arm)| arm.amount).collect();
    let units: Vec<String> = arms.iter().map(|(_, _, arm)| arm.unit.to_owned()).collect();
    let calendars: Vec<i32> = arms.iter().map(|(_, _, arm)| arm.calendar_version).collect();
    let dues: Vec<jiff_sqlx::Timestamp> = arms.iter().map(|(_, _, arm)| arm.due_at.to_sqlx()).collect();
    sqlx::query!(
        "INSERT INTO bus.timer (key, kind, gen, rule, anchor_at, amount, unit, calendar_ver, due_at, state)
         SELECT a.key, a.kind,
                1 + COALESCE((SELECT max(t.gen) FROM bus.timer t WHERE t.key = a.key AND t.kind = a.kind), 0),
                a.rule, a.anchor_at, a.amount, a.unit, a.calendar_ver, a.due_at, 'armed'
         FROM UNNEST($1::uuid[], $2::text[], $3::text[], $4::timestamptz[], $5::int[], $6::text[], $7::int[],
                     $8::timestamptz[]) AS a (key, kind, rule, anchor_at, amount, unit, calendar_ver, due_at)",
        &keys,
        &kinds,
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

pub async fn insert_blobs(tx: &mut Tx, blobs: &[Blob]) -> Outcome<()> {
    if blobs.is_empty() {
        return Ok(());
    }
    let hashes: Vec<Vec<u8>> = blobs.iter().map(|b| b.sha256.to_vec()).collect();
    let bytes: Vec<Vec<u8>> = blobs.iter().map(|b| b.bytes.clone()).collect();
    let types: Vec<String> = blobs.iter().map(|b| b.media_type.clone()).collect();
    sqlx::query!(
        "INSERT INTO bus.blob (sha256, bytes, media_type)
         SELECT * FROM UNNEST($1::bytea[], $2::bytea[], $3::text[]) ON CONFLICT (sha256) DO NOTHING",
        &hashes,
        &bytes,
        &types
    )
    .execute(tx)
    .await?;
    Ok(())
}

pub async fn insert_revoked(tx: &mut Tx, accounts: &[String]) -> Outcome<()> {
    if accounts.is_empty() {
        return Ok(());
    }
    sqlx::query!("INSERT INTO bus.revoked (account) SELECT * FROM UNNEST($1::text[]) ON CONFLICT DO NOTHING", accounts)
        .execute(tx)
        .await?;
    Ok(())
}

pub async fn list_revoked(pool: &PgPool) -> Outcome<Vec<String>> {
    sqlx::query_scalar!("SELECT account FROM bus.revoked").fetch_all(pool).await
}

/// Gives positions to what has none, at most `limit` at once. `None` where another replica is at it.
pub async fn number(pool: &PgPool, service: &str, limit: i64) -> Outcome<Option<usize>> {
    let mut tx = pool.begin().await?;
    let Some(node) =
        sqlx::query!("SELECT epoch, last_pos, last_hash FROM bus.node WHERE mode = 'normal' FOR UPDATE SKIP LOCKED")
            .fetch_optional(&mut *tx)
            .await?
    else {
        return Ok(None);
    };
    let rows = sqlx::query_as!(
        JournalRow,
        r#"SELECT j.id AS "id!", j.event_id AS "event_id!", j.command_id, j.cause_id, j.actor AS "actor!", j.traceparent,
                  j.key AS "key!", j.key_seq AS "key_seq!", j.type AS "type_name!", j.schema_ver AS "schema_ver!",
                  j.occurred_at AS "occurred_at!", j.recorded_at AS "recorded_at!", j.payload AS "payload!"
           FROM bus.unnumbered u JOIN bus.journal j USING (id) ORDER BY u.id LIMIT $1"#,
        limit
    )
    .fetch_all(&mut *tx)
    .await?;
    if rows.is_empty() {
        tx.rollback().await?;
        return Ok(Some(0));
    }
    let (mut pos, mut hash) = (node.last_pos, node.last_hash);
    let (mut positions, mut ids, mut hashes) = (Vec::new(), Vec::new(), Vec::new());
    for row in rows {
        pos += 1;
        let id = row.id;
        let event = row.into_envelope(service, node.epoch, pos, Vec::new());
        hash = event.chained_hash(&hash).to_vec();
        positions.push(pos);
        ids.push(id);
        hashes.push(hash.clone());
    }
    sqlx::query!(
        "INSERT INTO bus.numbered (pos, id, epoch, hash)
         SELECT n.pos, n.id, $4, n.hash FROM UNNEST($1::bigint[], $2::bigint[], $3::bytea[]) AS n (pos, id, hash)",
        &positions,
        &ids,
        &hashes,
        node.epoch
    )
    .execute(&mut *tx)
    .await?;
    sqlx::query!("DELETE FROM bus.unnumbered WHERE id = ANY($1)", &ids).execute(&mut *tx).await?;
    sqlx::query!("UPDATE bus.node SET last_pos = $1, last_hash = $2", pos, &hash).execute(&mut *tx).await?;
    tx.commit().await?;
    Ok(Some(positions.len()))
}

/// A journal row without its position.
pub struct JournalRow {
    id: i64,
    event_id: Uuid,
    command_id: Option<Uuid>,
    cause_id: Option<Uuid>,
    actor: String,
    traceparent: Option<String>,
    key: Uuid,
    key_seq: i64,
    type_name: String,
    schema_ver: i32,
    occurred_at: jiff_sqlx::Timestamp,
    recorded_at: jiff_sqlx::Timestamp,
    payload: Vec<u8>,
}

impl JournalRow {
    fn into_envelope(self, service: &str, epoch: i32, pos: i64, hash: Vec<u8>) -> Envelope {
        Envelope {
            service: service.to_owned(),
            epoch,
            pos,
            event_id: self.event_id,
            command_id: self.command_id,
            cause_id: self.cause_id,
            actor: self.actor,
            traceparent: self.traceparent,
            key: self.key,
            key_seq: self.key_seq,
            type_name: self.type_name,
            schema_ver: self.schema_ver,
            occurred_at: self.occurred_at.to_jiff(),
            recorded_at: self.recorded_at.to_jiff(),
            payload: self.payload,
            hash,
        }
    }
}

/// Numbered events from one position on, in order, at most `limit`; of one key where it is given.
pub async fn read_journal(
    pool: &PgPool,
    service: &str,
    from: i64,
    to: i64,
    key: Option<Uuid>,
    limit: i64,
) -> Outcome<Vec<Envelope>> {
    let rows = sqlx::query!(
        "SELECT n.pos, n.epoch, n.hash, j.event_id, j.command_id, j.cause_id, j.actor, j.traceparent, j.key, j.key_seq,
                j.type AS type_name, j.schema_ver, j.occurred_at, j.recorded_at, j.payload
         FROM bus.numbered n JOIN bus.journal j USING (id)
         WHERE n.pos BETWEEN $1 AND $2 AND ($3::uuid IS NULL OR j.key = $3)
         ORDER BY n.pos LIMIT $4",
        from,
        to,
        key,
        limit
    )
    .fetch_all(pool)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| Envelope {
            service: service.to_owned(),
            epoch: row.epoch,
            pos: row.pos,
            event_id: row.event_id,
            command_id: row.command_id,
            cause_id: row.cause_id,
            actor: row.actor,
            traceparent: row.traceparent,
            key: row.key,
            key_seq: row.key_seq,
            type_name: row.type_name,
            schema_ver: row.schema_ver,
            occurred_at: row.occurred_at.to_jiff(),
            recorded_at: row.recorded_at.to_jiff(),
            payload: row.payload,
            hash: row.hash,
        })
        .collect())
}

pub async fn head(pool: &PgPool) -> Outcome<Head> {
    let row =
        sqlx::query!("SELECT epoch, last_pos, last_hash, published_pos, mode FROM bus.node").fetch_one(pool).await?;
    Ok(Head {
        epoch: row.epoch,
        last_pos: row.last_pos,
        last_hash: row.last_hash,
        published_pos: row.published_pos,
        rolled_back: row.mode == "rolled_back",
    })
}

pub async fn count_unnumbered(pool: &PgPool) -> Outcome<i64> {
    sqlx::query_scalar!(r#"SELECT count(*) AS "count!" FROM bus.unnumbered"#).fetch_one(pool).await
}

pub async fn raise_published(pool: &PgPool, pos: i64) -> Outcome<()> {
    sqlx::query!("UPDATE bus.node SET published_pos = $1 WHERE published_pos < $1", pos).execute(pool).await?;
    Ok(())
}

/// After the stream was lost: publishing begins again after what it still holds.
pub async fn reset_published(pool: &PgPool, pos: i64) -> Outcome<()> {
    sqlx::query!("UPDATE bus.node SET published_pos = $1 WHERE published_pos > $1", pos).execute(pool).await?;
    Ok(())
}

pub async fn set_rolled_back(pool: &PgPool) -> Outcome<()> {
    sqlx::query!("UPDATE bus.node SET mode = 'rolled_back'").execute(pool).await?;
    Ok(())
}

/// Armed timers of these keys that are due, their rows held. The keys' heads must be locked already.
pub async fn lock_due_timers(tx: &mut Tx, keys: &BTreeSet<Uuid>, now: Timestamp) -> Outcome<Vec<FiredTimer>> {
    let keys: Vec<Uuid> = keys.iter().copied().collect();
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
pub async fn due_keys(pool: &PgPool, skip: &[Uuid], limit: i64) -> Outcome<BTreeSet<Uuid>> {
    let rows = sqlx::query_scalar!(
        "SELECT key FROM bus.timer WHERE state = 'armed' AND due_at <= bus.now() AND key <> ALL($1)
         ORDER BY due_at LIMIT $2",
        skip,
        limit
    )
    .fetch_all(pool)
    .await?;
    Ok(rows.into_iter().collect())
}

/// Locks those heads that nobody holds right now.
pub async fn lock_free_heads(tx: &mut Tx, keys: &BTreeSet<Uuid>) -> Outcome<BTreeMap<Uuid, i64>> {
    let keys: Vec<Uuid> = keys.iter().copied().collect();
    let rows =
        sqlx::query!("SELECT key, seq FROM bus.head WHERE key = ANY($1) ORDER BY key FOR UPDATE SKIP LOCKED", &keys)
            .fetch_all(tx)
            .await?;
    Ok(rows.into_iter().map(|row| (row.key, row.seq)).collect())
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

/// The earliest armed timer and the clock it is measured by.
pub async fn next_due(pool: &PgPool, skip: &[Uuid]) -> Outcome<(Timestamp, Option<Timestamp>)> {
    let row = sqlx::query!(
        r#"SELECT bus.now() AS "now!", (SELECT min(due_at) FROM bus.timer
                                                 WHERE state = 'armed' AND key <> ALL($1)) AS due"#,
        skip
    )
    .fetch_one(pool)
    .await?;
    Ok((row.now.to_jiff(), row.due.map(|due| due.to_jiff())))
}
