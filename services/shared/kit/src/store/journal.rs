//! The journal: events get their position with their commit, or soon after in the order of their rows, and are read by it.

use std::borrow::Cow;
use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use sqlx::PgExecutor;
use uuid::Uuid;

use super::{Head, Outcome, StoredCommand};
use crate::columns::column;
use crate::connections::Connections;
use crate::context::Emitted;
use crate::envelope::Envelope;
use crate::service::Tx;

/// The journal's end, held until the commit: what the transaction says gets its positions at once.
#[derive(Debug)]
pub struct End {
    pub epoch: i32,
    pub pos: i64,
    pub hash: Vec<u8>,
}

impl End {
    /// These events as they stand behind it.
    fn number(mut self, service: &str, now: Timestamp, events: &[Cow<'_, Emitted>], seqs: &[i64]) -> Vec<Envelope> {
        let mut numbered = Vec::with_capacity(events.len());
        for (event, seq) in events.iter().zip(seqs) {
            self.pos += 1;
            let mut event = Envelope {
                service: service.to_owned(),
                epoch: self.epoch,
                pos: self.pos,
                event_id: event.event_id,
                command_id: event.command_id,
                cause_id: event.cause_id,
                actor: event.actor.clone(),
                traceparent: event.traceparent.clone(),
                key: event.key,
                key_seq: *seq,
                type_name: event.type_name.to_owned(),
                schema_ver: event.schema_ver,
                occurred_at: event.occurred_at,
                recorded_at: now,
                payload: event.payload.clone(),
                hash: Vec::new(),
            };
            self.hash = event.chained_hash(&self.hash).to_vec();
            event.hash.clone_from(&self.hash);
            numbered.push(event);
        }
        numbered
    }
}

/// Holds the journal's end. `None` where somebody else holds it, where something that was said before still waits for its
/// position, and while the journal is behind its stream: then what is said waits as well. Nobody ever waits for it here.
pub async fn hold_end(tx: &mut Tx) -> Outcome<Option<End>> {
    #[cfg(feature = "mutants")]
    if crate::mutants::is("relay-by-id") {
        return Ok(None);
    }
    sqlx::query_as!(
        End,
        "SELECT epoch, last_pos AS pos, last_hash AS hash FROM bus.node
         WHERE mode <> 'rolled_back' AND NOT EXISTS (SELECT FROM bus.unnumbered)
         FOR UPDATE SKIP LOCKED"
    )
    .fetch_optional(tx)
    .await
}

/// What was written of a decision's words.
#[derive(Debug, Default)]
pub struct Appended {
    /// How many answers. Fewer than asked for means that another replica answered one of the commands meanwhile.
    pub answered: u64,
    /// Events that have their positions. The others wait for theirs.
    pub numbered: Vec<Envelope>,
}

/// The place of each event within its key, and the last place of each key that is spoken of.
fn sequences(heads: &BTreeMap<Uuid, i64>, events: &[Cow<'_, Emitted>]) -> (Vec<i64>, BTreeMap<Uuid, i64>) {
    let mut last_of = BTreeMap::new();
    let of = |event: &Cow<'_, Emitted>| {
        let last = last_of.entry(event.key).or_insert_with(|| heads.get(&event.key).copied().unwrap_or(0));
        *last += 1;
        *last
    };
    let seqs = events.iter().map(of).collect();
    (seqs, last_of)
}

/// What a command leaves beside its effects: its answer, and its events.
///
/// One statement. Answers come in it before any effect does: a second run of the same command meets its own answer here, and not
/// a constraint in its effects. Events are dense per key; where the journal's end is held they follow on it, else they wait for
/// their position.
pub async fn append(
    tx: &mut Tx,
    (service, now): (&str, Timestamp),
    heads: &BTreeMap<Uuid, i64>,
    commands: &[StoredCommand],
    events: &[Cow<'_, Emitted>],
    end: Option<End>,
) -> Outcome<Appended> {
    if commands.is_empty() && events.is_empty() {
        return Ok(Appended::default());
    }
    // A key that nobody declared may still be new; one that exists must have been locked, or its order would be a guess.
    let undeclared: Vec<Uuid> = events.iter().map(|event| event.key).filter(|key| !heads.contains_key(key)).collect();
    let (seqs, last_of) = sequences(heads, events);
    let (touched, last): (Vec<Uuid>, Vec<i64>) = last_of.into_iter().unzip();
    let epoch = end.as_ref().map_or(0, |end| end.epoch);
    let numbered = end.map_or_else(Vec::new, |end| end.number(service, now, events, &seqs));
    let (new_pos, new_hash) = numbered.last().map(|event| (event.pos, event.hash.clone())).unzip();
    let row = sqlx::query!(
        r#"WITH known AS (SELECT key FROM bus.head WHERE key = ANY($20) AND seq > 0 LIMIT 1),
           answered AS (
             INSERT INTO bus.command (command_id, caller, method, request_hash, response)
             SELECT * FROM UNNEST($13::uuid[], $14::text[], $15::text[], $16::bytea[], $17::bytea[])
             ON CONFLICT DO NOTHING RETURNING 1),
           heads AS (
             INSERT INTO bus.head (key, seq) SELECT * FROM UNNEST($18::uuid[], $19::bigint[])
             ON CONFLICT (key) DO UPDATE SET seq = excluded.seq),
           added AS (
             INSERT INTO bus.journal (event_id, command_id, cause_id, actor, traceparent, key, key_seq, type, schema_ver,
                                      occurred_at, recorded_at, payload)
             SELECT e.event_id, e.command_id, e.cause_id, e.actor, e.traceparent, e.key, e.key_seq, e.type, e.schema_ver,
                    e.occurred_at, $12, e.payload
             FROM UNNEST($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::uuid[], $7::bigint[], $8::text[],
                         $9::int[], $10::timestamptz[], $11::bytea[]) WITH ORDINALITY
                  AS e (event_id, command_id, cause_id, actor, traceparent, key, key_seq, type, schema_ver, occurred_at,
                        payload, nth)
             -- No event is written before the answers are: they decide whether this is the first run. Nor one of a key that
             -- should have been locked, which would break its order and be told as a lost race.
             WHERE (SELECT count(*) FROM answered) = cardinality($13::uuid[]) AND NOT EXISTS (SELECT FROM known)
             ORDER BY e.nth RETURNING id),
           given AS (
             INSERT INTO bus.numbered (pos, id, epoch, hash)
             SELECT n.pos, a.id, $23, n.hash
             FROM (SELECT id, row_number() OVER (ORDER BY id) AS nth FROM added) a
             JOIN UNNEST($21::bigint[], $22::bytea[]) WITH ORDINALITY AS n (pos, hash, nth) USING (nth)),
           moved AS (UPDATE bus.node SET last_pos = $24, last_hash = $25 WHERE $24::bigint IS NOT NULL),
           waiting AS (INSERT INTO bus.unnumbered (id) SELECT id FROM added WHERE $24::bigint IS NULL)
           SELECT (SELECT count(*) FROM answered) AS "answered!",
                  (SELECT key FROM known) AS known"#,
        &column(events, |event| event.event_id),
        &column(events, |event| event.command_id) as _,
        &column(events, |event| event.cause_id) as _,
        &column(events, |event| event.actor.clone()),
        &column(events, |event| event.traceparent.clone()) as _,
        &column(events, |event| event.key),
        &seqs,
        &column(events, |event| event.type_name.to_owned()),
        &column(events, |event| event.schema_ver),
        &column(events, |event| event.occurred_at.to_sqlx()) as _,
        &column(events, |event| event.payload.clone()),
        now.to_sqlx() as _,
        &column(commands, |command| command.command_id),
        &column(commands, |command| command.caller.clone()),
        &column(commands, |command| command.method.clone()),
        &column(commands, |command| command.request_hash.clone()),
        &column(commands, |command| command.response.clone()),
        &touched,
        &last,
        &undeclared,
        &column(&numbered, |event| event.pos),
        &column(&numbered, |event| event.hash.clone()),
        epoch,
        new_pos,
        new_hash
    )
    .fetch_one(tx)
    .await?;
    match row.known {
        Some(key) => Err(sqlx::Error::Encode(format!("an event of {key} was said without naming its head").into())),
        None => Ok(Appended { answered: row.answered.unsigned_abs(), numbered }),
    }
}

/// Gives positions to what has none, at most `limit` at once, and answers with what has one now, in order. `None` where another
/// replica is at it, or was a moment ago.
pub async fn number(
    connections: &Connections,
    service: &str,
    limit: i64,
    seen: (i32, i64),
) -> Outcome<Option<Vec<Envelope>>> {
    let mut tx = connections.begin().await?;
    #[cfg(feature = "mutants")]
    if crate::mutants::is("relay-by-id") {
        crate::mutants::forget_late(&mut tx).await?;
    }
    let rows = sqlx::query_as!(
        Unnumbered,
        r#"SELECT n.epoch AS "epoch!", n.last_pos AS "last_pos!", n.last_hash AS "last_hash!", j.id AS "id?",
                  j.event_id AS "event_id?", j.command_id AS "command_id?", j.cause_id AS "cause_id?", j.actor AS "actor?",
                  j.traceparent AS "traceparent?", j.key AS "key?", j.key_seq AS "key_seq?", j.type AS "type_name?",
                  j.schema_ver AS "schema_ver?", j.occurred_at AS "occurred_at?: _", j.recorded_at AS "recorded_at?: _",
                  j.payload AS "payload?"
           FROM (SELECT epoch, last_pos, last_hash FROM bus.node WHERE mode <> 'rolled_back' FOR UPDATE SKIP LOCKED) n
           LEFT JOIN (SELECT j.* FROM bus.unnumbered u JOIN bus.journal j USING (id) ORDER BY u.id LIMIT $1) j ON true
           ORDER BY j.id"#,
        limit
    )
    .fetch_all(&mut *tx)
    .await?;
    let Some(first) = rows.first() else {
        tx.rollback().await?;
        return Ok(None);
    };
    let (epoch, mut pos, mut hash) = (first.epoch, first.last_pos, first.last_hash.clone());
    if (epoch, pos) < seen {
        // Seen before this was read: the store was set back, and the relay's next look trips the fence.
        tx.rollback().await?;
        return Ok(None);
    }
    let (mut positions, mut ids, mut hashes, mut numbered) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for row in rows {
        let Some((id, mut event)) = row.into_event(service, pos + 1) else { continue };
        pos += 1;
        hash = event.chained_hash(&hash).to_vec();
        event.hash.clone_from(&hash);
        positions.push(pos);
        ids.push(id);
        hashes.push(hash.clone());
        numbered.push(event);
    }
    if numbered.is_empty() {
        tx.rollback().await?;
        return Ok(Some(numbered));
    }
    let given = sqlx::query!(
        "WITH given AS (
           INSERT INTO bus.numbered (pos, id, epoch, hash)
           SELECT n.pos, n.id, $4, n.hash FROM UNNEST($1::bigint[], $2::bigint[], $3::bytea[]) AS n (pos, id, hash)),
         done AS (DELETE FROM bus.unnumbered WHERE id = ANY($2))
         UPDATE bus.node SET last_pos = $5, last_hash = $6",
        &positions,
        &ids,
        &hashes,
        epoch,
        pos,
        &hash
    )
    .execute(&mut *tx)
    .await;
    match given {
        Ok(_) => tx.commit().await?,
        // Between our look and our lock another replica gave these rows their positions. Nothing of ours stays.
        Err(sqlx::Error::Database(error)) if error.is_unique_violation() => {
            tx.rollback().await?;
            return Ok(None);
        }
        Err(error) => return Err(error),
    }
    Ok(Some(numbered))
}

/// The node and, where there is one, a journal row without its position.
struct Unnumbered {
    epoch: i32,
    last_pos: i64,
    last_hash: Vec<u8>,
    id: Option<i64>,
    event_id: Option<Uuid>,
    command_id: Option<Uuid>,
    cause_id: Option<Uuid>,
    actor: Option<String>,
    traceparent: Option<String>,
    key: Option<Uuid>,
    key_seq: Option<i64>,
    type_name: Option<String>,
    schema_ver: Option<i32>,
    occurred_at: Option<jiff_sqlx::Timestamp>,
    recorded_at: Option<jiff_sqlx::Timestamp>,
    payload: Option<Vec<u8>>,
}

impl Unnumbered {
    fn into_event(self, service: &str, pos: i64) -> Option<(i64, Envelope)> {
        let event = Envelope {
            service: service.to_owned(),
            epoch: self.epoch,
            pos,
            event_id: self.event_id?,
            command_id: self.command_id,
            cause_id: self.cause_id,
            actor: self.actor?,
            traceparent: self.traceparent,
            key: self.key?,
            key_seq: self.key_seq?,
            type_name: self.type_name?,
            schema_ver: self.schema_ver?,
            occurred_at: self.occurred_at?.to_jiff(),
            recorded_at: self.recorded_at?.to_jiff(),
            payload: self.payload?,
            hash: Vec::new(),
        };
        Some((self.id?, event))
    }
}

/// Numbered events from one position on, in order, at most `limit`; of one key where it is given.
pub async fn read_journal(
    store: impl PgExecutor<'_>,
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
    .fetch_all(store)
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

pub async fn head(store: impl PgExecutor<'_>) -> Outcome<Head> {
    let row =
        sqlx::query!("SELECT epoch, last_pos, last_hash, published_pos, mode FROM bus.node").fetch_one(store).await?;
    Ok(Head {
        epoch: row.epoch,
        last_pos: row.last_pos,
        last_hash: row.last_hash,
        published_pos: row.published_pos,
        rolled_back: row.mode == "rolled_back",
        mode: row.mode,
    })
}

pub async fn count_unnumbered(store: impl PgExecutor<'_>) -> Outcome<i64> {
    sqlx::query_scalar!(r#"SELECT count(*) AS "count!" FROM bus.unnumbered"#).fetch_one(store).await
}

pub async fn raise_published(store: impl PgExecutor<'_>, pos: i64) -> Outcome<()> {
    sqlx::query!("UPDATE bus.node SET published_pos = $1 WHERE published_pos < $1", pos).execute(store).await?;
    Ok(())
}

/// After the stream was lost: publishing begins again after what it still holds.
pub async fn reset_published(store: impl PgExecutor<'_>, pos: i64) -> Outcome<()> {
    sqlx::query!("UPDATE bus.node SET published_pos = $1 WHERE published_pos > $1", pos).execute(store).await?;
    Ok(())
}
