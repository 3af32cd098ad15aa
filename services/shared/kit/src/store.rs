//! The bus's own SQL: everything below schema `bus`, and nothing else.

mod journal;
mod recovery;
mod timers;

pub use journal::*;
pub use recovery::*;
pub use timers::*;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use sqlx::PgPool;
use uuid::Uuid;

use crate::context::Blob;
use crate::service::Tx;
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
    /// True while cases of this service wait for a person after a recovery.
    pub mending: bool,
    /// The journal's epoch and last position.
    pub head: (i32, i64),
}

impl Moment {
    /// As `bus.node` and the newest bundle tell it.
    pub fn new(now: Timestamp, revision: i64, mode: &str, head: (i32, i64)) -> Self {
        Self { now, revision, rolled_back: mode == "rolled_back", mending: mode == "mending", head }
    }
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
    /// "normal", "rolled_back" or "mending".
    pub mode: String,
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
    Ok(begin(tx, &[]).await?.0)
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

/// What was locked, and whom it waits behind.
#[derive(Debug, Default)]
pub struct Locked {
    /// Each head with its last sequence.
    pub heads: BTreeMap<Uuid, i64>,
    /// Those of the touched keys behind which events of a producer are parked, by producer.
    pub waiting: BTreeMap<String, BTreeSet<Uuid>>,
}

/// Locks the heads in the order of their keys, and makes those that do not exist yet: two consumers may hear of a case at once.
/// In the same look it tells behind which of the touched keys something is parked; while the cursors are held, nothing is parked
/// and nothing is let go.
pub async fn lock_heads(
    tx: &mut Tx,
    consumer: &str,
    heads: &BTreeSet<Uuid>,
    touched: &BTreeSet<Uuid>,
) -> Outcome<Locked> {
    if heads.is_empty() && touched.is_empty() {
        return Ok(Locked::default());
    }
    let heads: Vec<Uuid> = heads.iter().copied().collect();
    let touched: Vec<Uuid> = touched.iter().copied().collect();
    // Those that exist are locked where they stand; to write them anew would leave a dead row of each.
    let rows = sqlx::query!(
        r#"WITH known AS MATERIALIZED (
             SELECT key, seq FROM bus.head WHERE key = ANY($1) ORDER BY key FOR UPDATE),
           made AS (
             INSERT INTO bus.head (key, seq)
             SELECT k, 0 FROM UNNEST($1::uuid[]) k WHERE k NOT IN (SELECT key FROM known) ORDER BY k
             ON CONFLICT (key) DO UPDATE SET seq = head.seq RETURNING key, seq)
           SELECT key AS "key!", seq AS "seq?", NULL AS producer FROM known
           UNION ALL
           SELECT key, seq, NULL FROM made
           UNION ALL
           SELECT k, NULL, p.producer FROM bus.parked p, UNNEST(p.keys) k
           WHERE p.consumer = $2 AND p.state IN ('waiting', 'behind') AND p.keys && $3"#,
        &heads,
        consumer,
        &touched
    )
    .fetch_all(tx)
    .await?;
    let mut locked = Locked::default();
    for row in rows {
        match (row.seq, row.producer) {
            (Some(seq), _) => drop(locked.heads.insert(row.key, seq)),
            (None, Some(producer)) => drop(locked.waiting.entry(producer).or_default().insert(row.key)),
            (None, None) => {}
        }
    }
    Ok(locked)
}

/// Locks the heads that exist; a caller's made-up id leaves no trace.
pub async fn lock_known_heads(tx: &mut Tx, keys: &BTreeSet<Uuid>) -> Outcome<BTreeMap<Uuid, i64>> {
    if keys.is_empty() {
        return Ok(BTreeMap::new());
    }
    let keys: Vec<Uuid> = keys.iter().copied().collect();
    let rows = sqlx::query!("SELECT key, seq FROM bus.head WHERE key = ANY($1) ORDER BY key FOR UPDATE", &keys)
        .fetch_all(tx)
        .await?;
    Ok(rows.into_iter().map(|row| (row.key, row.seq)).collect())
}

/// The moment, and which of these commands were answered before.
///
/// Every decision reads the bundles first, and so waits for a publication that is under way.
pub async fn begin(tx: &mut Tx, ids: &[Uuid]) -> Outcome<(Moment, Vec<StoredCommand>)> {
    let rows = sqlx::query!(
        r#"SELECT bus.now() AS "now!", n.mode AS "mode!", n.epoch AS "epoch!", n.last_pos AS "last_pos!",
                  COALESCE((SELECT max(revision) FROM bus.bundle), 0) AS "revision!",
                  c.command_id AS "command_id?", c.caller AS "caller?", c.method AS "method?",
                  c.request_hash AS "request_hash?", c.response AS "response?"
           FROM bus.node n LEFT JOIN bus.command c ON c.command_id = ANY($1)"#,
        ids
    )
    .fetch_all(tx)
    .await?;
    let mut moment = None;
    let mut answered = Vec::new();
    for row in rows {
        moment = Some(Moment::new(row.now.to_jiff(), row.revision, &row.mode, (row.epoch, row.last_pos)));
        let command = (row.command_id, row.caller, row.method, row.request_hash, row.response);
        if let (Some(command_id), Some(caller), Some(method), Some(request_hash), Some(response)) = command {
            answered.push(StoredCommand { command_id, caller, method, request_hash, response });
        }
    }
    Ok((moment.ok_or(sqlx::Error::RowNotFound)?, answered))
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

/// Locks those heads that nobody holds right now.
pub async fn lock_free_heads(tx: &mut Tx, keys: &BTreeSet<Uuid>) -> Outcome<BTreeMap<Uuid, i64>> {
    let keys: Vec<Uuid> = keys.iter().copied().collect();
    let rows =
        sqlx::query!("SELECT key, seq FROM bus.head WHERE key = ANY($1) ORDER BY key FOR UPDATE SKIP LOCKED", &keys)
            .fetch_all(tx)
            .await?;
    Ok(rows.into_iter().map(|row| (row.key, row.seq)).collect())
}
