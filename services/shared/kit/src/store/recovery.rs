//! What a recovery writes: rows of the journal as others have seen them, and the cases that wait for a person.

use std::collections::{BTreeMap, BTreeSet};

use futures::TryStreamExt;
use jiff_sqlx::ToSqlx;
use prost::Message;
use sqlx::PgExecutor;
use uuid::Uuid;
use xiezhi_proto::bus::v1::Facts;

use super::{Head, Outcome};
use crate::connections::Connections;
use crate::envelope::{Envelope, FACTS};
use crate::service::Tx;

/// A case that waits for a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Affected {
    /// The first position that is meant.
    pub from_pos: i64,
    /// The last position that is meant.
    pub to_pos: i64,
    /// Why a person is needed.
    pub reason: String,
    /// True where nothing is decided about it until then.
    pub blocking: bool,
}

/// Takes the journal's head for this transaction alone, and lifts the limits under which ordinary decisions stand: a recovery
/// is one transaction, however long it takes.
pub async fn lock_node(tx: &mut Tx) -> Outcome<Head> {
    sqlx::query!(
        r#"SELECT set_config('statement_timeout', '0', true) AS a, set_config('lock_timeout', '60s', true) AS b,
                  set_config('idle_in_transaction_session_timeout', '0', true) AS c,
                  set_config('xiezhi.recovering', 'on', true) AS d"#
    )
    .fetch_one(&mut *tx)
    .await?;
    let row = sqlx::query!("SELECT epoch, last_pos, last_hash, published_pos, mode FROM bus.node FOR UPDATE")
        .fetch_one(tx)
        .await?;
    Ok(Head {
        epoch: row.epoch,
        last_pos: row.last_pos,
        last_hash: row.last_hash,
        published_pos: row.published_pos,
        rolled_back: row.mode == "rolled_back",
        mode: row.mode,
    })
}

/// What somebody has seen of our journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    pub epoch: i32,
    pub pos: i64,
    /// The hash there, where it is known.
    pub hash: Option<Vec<u8>>,
}

/// Trips the fence where the journal is behind what was seen, or says something else there; true where it is and does.
///
/// What was seen is compared once more, under the lock of the one row that a recovery holds: whoever looked while the journal was
/// being brought forward would close the fence behind it.
pub async fn trip_fence(connections: &Connections, seen: &Seen) -> Outcome<bool> {
    let mut tx = connections.begin().await?;
    let node = sqlx::query!("SELECT epoch, last_pos FROM bus.node FOR UPDATE").fetch_one(&mut *tx).await?;
    let behind = (node.epoch, node.last_pos) < (seen.epoch, seen.pos);
    let differs = match &seen.hash {
        Some(hash) if seen.epoch == node.epoch && !behind => {
            hash_at(&mut *tx, seen.pos).await?.is_none_or(|(_, ours)| ours != *hash)
        }
        _ => false,
    };
    if behind || differs {
        sqlx::query!("UPDATE bus.node SET mode = 'rolled_back'").execute(&mut *tx).await?;
    }
    tx.commit().await?;
    Ok(behind || differs)
}

/// The epoch and hash of a position.
pub async fn hash_at(store: impl PgExecutor<'_>, pos: i64) -> Outcome<Option<(i32, Vec<u8>)>> {
    let row = sqlx::query!("SELECT epoch, hash FROM bus.numbered WHERE pos = $1", pos).fetch_optional(store).await?;
    Ok(row.map(|row| (row.epoch, row.hash)))
}

/// Rows that were written before the fence was seen move behind what came back of the same key.
pub async fn make_room(tx: &mut Tx, imported: &[Envelope]) -> Outcome<()> {
    let ids: Vec<Uuid> = imported.iter().map(|event| event.event_id).collect();
    let mut last: BTreeMap<Uuid, i64> = BTreeMap::new();
    for event in imported {
        let seq = last.entry(event.key).or_default();
        *seq = event.key_seq.max(*seq);
    }
    let (keys, seqs): (Vec<Uuid>, Vec<i64>) = last.into_iter().unzip();
    // From the last on: each goes to a place that nobody holds.
    let rows = sqlx::query!(
        r#"SELECT j.id, j.key, k.last AS "last!" FROM bus.unnumbered u JOIN bus.journal j USING (id)
           JOIN UNNEST($1::uuid[], $2::bigint[]) AS k (key, last) ON k.key = j.key
           WHERE j.event_id <> ALL($3) ORDER BY j.key, j.key_seq"#,
        &keys,
        &seqs,
        &ids
    )
    .fetch_all(&mut *tx)
    .await?;
    let mut next: BTreeMap<Uuid, i64> = BTreeMap::new();
    let mut moves = Vec::new();
    for row in rows {
        let seq = next.entry(row.key).or_insert(row.last);
        *seq += 1;
        moves.push((row.id, *seq));
    }
    for (id, seq) in moves.into_iter().rev() {
        sqlx::query!("UPDATE bus.journal SET key_seq = $2 WHERE id = $1 AND key_seq <> $2", id, seq)
            .execute(&mut *tx)
            .await?;
    }
    for (key, seq) in next {
        sqlx::query!("UPDATE bus.head SET seq = $2 WHERE key = $1 AND seq < $2", key, seq).execute(&mut *tx).await?;
    }
    Ok(())
}

/// Writes a row as it stood, with its position; answers with true where the row was here already and only had none.
pub async fn import(tx: &mut Tx, event: &Envelope) -> Outcome<bool> {
    let here = sqlx::query!(
        "SELECT j.id, j.key_seq, j.payload FROM bus.unnumbered u JOIN bus.journal j USING (id) WHERE j.event_id = $1",
        event.event_id
    )
    .fetch_optional(&mut *tx)
    .await?;
    if let Some(row) = &here
        && (row.key_seq != event.key_seq || row.payload != event.payload)
    {
        let pos = event.pos;
        return Err(sqlx::Error::Encode(
            format!("position {pos} was decided anew after the restore, otherwise").into(),
        ));
    }
    let here = here.map(|row| row.id);
    let id = match here {
        Some(id) => {
            sqlx::query!("DELETE FROM bus.unnumbered WHERE id = $1", id).execute(&mut *tx).await?;
            id
        }
        None => {
            sqlx::query_scalar!(
                "INSERT INTO bus.journal (event_id, command_id, cause_id, actor, traceparent, key, key_seq, type, schema_ver,
                                          occurred_at, recorded_at, payload)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) RETURNING id",
                event.event_id,
                event.command_id,
                event.cause_id,
                event.actor,
                event.traceparent,
                event.key,
                event.key_seq,
                event.type_name,
                event.schema_ver,
                event.occurred_at.to_sqlx() as _,
                event.recorded_at.to_sqlx() as _,
                event.payload
            )
            .fetch_one(&mut *tx)
            .await?
        }
    };
    sqlx::query!(
        "INSERT INTO bus.numbered (pos, id, epoch, hash) VALUES ($1, $2, $3, $4)",
        event.pos,
        id,
        event.epoch,
        event.hash
    )
    .execute(&mut *tx)
    .await?;
    sqlx::query!(
        "INSERT INTO bus.head (key, seq) VALUES ($1, $2)
         ON CONFLICT (key) DO UPDATE SET seq = greatest(head.seq, excluded.seq)",
        event.key,
        event.key_seq
    )
    .execute(&mut *tx)
    .await?;
    if let Some(command_id) = event.command_id {
        // Nobody knows the answer any more; but a repeat must not be a second run.
        sqlx::query!(
            "INSERT INTO bus.command (command_id, caller, method, request_hash, response) VALUES ($1, '', '', '', '')
             ON CONFLICT DO NOTHING",
            command_id
        )
        .execute(tx)
        .await?;
    }
    Ok(here.is_some())
}

/// The journal ends here now.
pub async fn set_head(tx: &mut Tx, epoch: i32, pos: i64, hash: &[u8], published: i64, mode: &str) -> Outcome<()> {
    sqlx::query!(
        "UPDATE bus.node SET epoch = $1, last_pos = $2, last_hash = $3, published_pos = $4, mode = $5",
        epoch,
        pos,
        hash,
        published,
        mode
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// How many events a key has said.
pub async fn key_seq(tx: &mut Tx, key: Uuid) -> Outcome<i64> {
    let seq = sqlx::query_scalar!("SELECT seq FROM bus.head WHERE key = $1", key).fetch_optional(tx).await?;
    Ok(seq.unwrap_or(0))
}

/// Notes cases that wait for a person; what is noted already is widened.
pub async fn insert_affected(
    tx: &mut Tx,
    producer: &str,
    epoch: i32,
    affected: &BTreeMap<Uuid, Affected>,
) -> Outcome<()> {
    for (key, found) in affected {
        sqlx::query!(
            "INSERT INTO bus.affected (producer, epoch, key, from_pos, to_pos, reason, blocking)
             VALUES ($1, $2, $3, $4, $5, $6, $7)
             ON CONFLICT (producer, epoch, key) DO UPDATE
             SET from_pos = least(affected.from_pos, excluded.from_pos), to_pos = greatest(affected.to_pos, excluded.to_pos),
                 reason = excluded.reason, blocking = excluded.blocking, state = 'open', decided_by = NULL, decided_why = NULL, decided_at = NULL",
            producer,
            epoch,
            key,
            found.from_pos,
            found.to_pos,
            found.reason,
            found.blocking
        )
        .execute(&mut *tx)
        .await?;
    }
    Ok(())
}

/// Those of the keys about which nothing is decided until a person has looked. What a producer lost concerns its own cursor and
/// no key of ours: such cases go on, listed.
pub async fn fenced(tx: &mut Tx, service: &str, keys: &BTreeSet<Uuid>) -> Outcome<BTreeSet<Uuid>> {
    let keys: Vec<Uuid> = keys.iter().copied().collect();
    let rows = sqlx::query_scalar!(
        "SELECT DISTINCT key FROM bus.affected WHERE state = 'open' AND blocking AND producer = $2 AND key = ANY($1)",
        &keys,
        service
    )
    .fetch_all(tx)
    .await?;
    Ok(rows.into_iter().collect())
}

/// How many cases stand still until a person has settled them.
pub async fn count_blocking(store: impl PgExecutor<'_>, producer: &str) -> Outcome<i64> {
    sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM bus.affected WHERE state = 'open' AND blocking AND producer = $1"#,
        producer
    )
    .fetch_one(store)
    .await
}

/// How many cases of one producer wait for a person.
pub async fn count_open(store: impl PgExecutor<'_>, producer: &str) -> Outcome<i64> {
    sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM bus.affected WHERE state = 'open' AND producer = $1"#,
        producer
    )
    .fetch_one(store)
    .await
}

/// A person has put a case right. False where none waits there.
pub async fn settle(tx: &mut Tx, (producer, epoch, key): (&str, i32, Uuid), by: &str, why: &str) -> Outcome<bool> {
    let settled = sqlx::query!(
        "UPDATE bus.affected SET state = 'settled', decided_by = $4, decided_why = $5, decided_at = now()
         WHERE producer = $1 AND epoch = $2 AND key = $3 AND state = 'open'",
        producer,
        epoch,
        key,
        by,
        why
    )
    .execute(tx)
    .await?;
    Ok(settled.rows_affected() == 1)
}

/// Nothing of our own waits for a person any more.
pub async fn end_mending(tx: &mut Tx) -> Outcome<()> {
    sqlx::query!("UPDATE bus.node SET mode = 'normal' WHERE mode = 'mending'").execute(tx).await?;
    Ok(())
}

/// Puts a cursor where the replayed events end.
pub async fn move_cursor(
    tx: &mut Tx,
    (consumer, producer): (&str, &str),
    epoch: i32,
    pos: i64,
    hash: Option<&[u8]>,
) -> Outcome<()> {
    sqlx::query!(
        "UPDATE bus.cursor SET epoch = $3, pos = $4, seen_hash = $5, state = 'running', updated_at = now()
         WHERE consumer = $1 AND producer = $2",
        consumer,
        producer,
        epoch,
        pos,
        hash
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Events that were put aside and may have been taken up later, by their own id.
pub async fn waiting(tx: &mut Tx, consumer: &str) -> Outcome<Vec<(String, i32, i64, Vec<u8>)>> {
    let rows = sqlx::query!(
        "SELECT producer, epoch, pos, event FROM bus.parked WHERE consumer = $1 AND state IN ('waiting', 'behind')",
        consumer
    )
    .fetch_all(tx)
    .await?;
    Ok(rows.into_iter().map(|row| (row.producer, row.epoch, row.pos, row.event)).collect())
}

/// What waited was taken up.
pub async fn resolve(tx: &mut Tx, consumer: &str, producer: &str, epoch: i32, pos: i64) -> Outcome<()> {
    sqlx::query!(
        "UPDATE bus.parked SET state = 'resolved', next_try_at = NULL
         WHERE consumer = $1 AND producer = $2 AND epoch = $3 AND pos = $4",
        consumer,
        producer,
        epoch,
        pos
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Keys with armed timers that were due by then.
pub async fn due_by(tx: &mut Tx, by: jiff::Timestamp) -> Outcome<BTreeSet<Uuid>> {
    let rows = sqlx::query_scalar!(
        "SELECT DISTINCT key FROM bus.timer WHERE state = 'armed' AND due_at <= $1",
        by.to_sqlx() as _
    )
    .fetch_all(tx)
    .await?;
    Ok(rows.into_iter().collect())
}

/// Own events that followed from events of others, with what they followed from: where a producer lost events, what rests on them
/// is found here.
pub async fn caused(store: impl PgExecutor<'_>, since: jiff::Timestamp) -> Outcome<Vec<(Uuid, Uuid)>> {
    // A row of several facts may answer several events; what each fact followed from stands in it.
    let mut rows = sqlx::query!(
        r#"SELECT key, cause_id AS "cause_id!", CASE WHEN type = $2 THEN payload END AS facts
           FROM bus.journal WHERE cause_id IS NOT NULL AND recorded_at >= $1"#,
        since.to_sqlx() as _,
        FACTS
    )
    .fetch(store);
    let mut caused = Vec::new();
    // Row by row: a journal's bodies do not fit into memory.
    while let Some(row) = rows.try_next().await? {
        caused.push((row.key, row.cause_id));
        let facts = row.facts.map(|facts| Facts::decode(facts.as_slice())).transpose();
        let facts = facts.map_err(|error| sqlx::Error::Decode(error.into()))?.unwrap_or_default().facts;
        let others = facts.iter().filter_map(|fact| Uuid::from_slice(&fact.cause_id).ok());
        caused.extend(others.map(|cause| (row.key, cause)));
    }
    Ok(caused)
}

/// Keys of parked events of a producer after a position.
pub async fn parked_after(tx: &mut Tx, consumer: &str, producer: &str, pos: i64) -> Outcome<BTreeSet<Uuid>> {
    let rows = sqlx::query_scalar!(
        r#"SELECT DISTINCT k AS "k!" FROM bus.parked p, UNNEST(p.keys) k
           WHERE p.consumer = $1 AND p.producer = $2 AND p.pos > $3"#,
        consumer,
        producer,
        pos
    )
    .fetch_all(tx)
    .await?;
    Ok(rows.into_iter().collect())
}
