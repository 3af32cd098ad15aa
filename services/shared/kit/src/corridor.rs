//! The corridor: load, decide, commit. Commands group themselves, events come in batches, timers in sweeps; all walk through here.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use sqlx::PgPool;
use tokio::sync::{Notify, RwLock, mpsc, oneshot, watch};
use uuid::Uuid;

use crate::caller::Call;
use crate::connections::Connections;
use crate::context::{Context, Rules, TimerChange};
use crate::envelope::Envelope;
use crate::refusal::Refusal;
use crate::rows;
use crate::service::{Keys, Merge, Service, StoreError, Tx};
use crate::store::{self, Appended, Moment, StoredCommand};
use crate::unit::Unit;

/// How many commands may wait; one more is refused with `RESOURCE_EXHAUSTED`.
const QUEUE: usize = 4096;
/// Every loop looks again after so long, whether it was woken or not.
pub(crate) const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// The stream takes 256 KiB a message with its headers; a larger event would stop everything behind it.
const LARGEST_EVENT_BYTES: usize = 200 * 1024;
/// How often a transaction that lost a race is run again.
const TRIES: u32 = 8;

/// What a command does to the loaded unit; may be run more than once, the last run counts.
pub(crate) type Decide<S> = Box<
    dyn Fn(&mut <S as Service>::Unit, &mut Context<<S as Service>::Rules>) -> Result<Vec<u8>, Refusal> + Send + Sync,
>;

/// A command in the queue, and where its answer goes.
pub(crate) struct Job<S: Service> {
    pub call: Call,
    pub keys: Keys<S::Needs>,
    pub decide: Decide<S>,
    pub answer: oneshot::Sender<Result<Vec<u8>, Refusal>>,
}

/// Wakes the loops of this process after a commit; other processes poll.
#[derive(Debug, Default)]
pub(crate) struct Wakes {
    pub relay: Notify,
    pub tick: Notify,
    pub parked: Notify,
}

pub(crate) struct Inner<S: Service> {
    pub service: S,
    /// For the loops.
    pub work: Connections,
    /// For commands, on threads of their own.
    pub commands: Connections,
    /// For reads through the doors, so that a flood of them starves no deadline.
    pub reads: PgPool,
    pub wakes: Wakes,
    /// Events repaired from producers' journals since the process started.
    pub repaired: std::sync::atomic::AtomicU64,
    /// True where events may wait for a fact that the next commit brings.
    pub waiting: AtomicBool,
    /// The furthest head of the journal this process has seen: a store that knows less was set back meanwhile.
    seen: std::sync::Mutex<(i32, i64)>,
    rules: RwLock<Option<Rules<S::Rules>>>,
    pub queue: mpsc::Sender<Job<S>>,
    commits: watch::Sender<u64>,
    /// Where the relay of this process takes what has its position and is not published.
    fresh: std::sync::Mutex<Option<mpsc::Sender<Vec<Envelope>>>>,
}

impl<S: Service> Inner<S> {
    pub fn fresh(&self) -> std::sync::MutexGuard<'_, Option<mpsc::Sender<Vec<Envelope>>>> {
        self.fresh.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// The one way in which a service's state changes.
pub struct Corridor<S: Service> {
    pub(crate) inner: Arc<Inner<S>>,
}

impl<S: Service> Clone for Corridor<S> {
    fn clone(&self) -> Self {
        Self { inner: Arc::clone(&self.inner) }
    }
}

/// Why a transaction of the corridor did not commit.
#[derive(Debug)]
pub(crate) enum Stopped {
    /// It lost a race and may be run again.
    Raced,
    /// A constraint of the store refused it.
    Constraint(String, StoreError),
    /// The store cannot be reached, or is not ours to understand.
    Store(StoreError),
    /// There are no rules yet.
    NoRules,
    /// The journal is behind the stream; nothing may be decided.
    RolledBack,
}

impl From<StoreError> for Stopped {
    fn from(error: StoreError) -> Self {
        match &error {
            StoreError::Database(sqlx::Error::Database(database)) => {
                let code = database.code().unwrap_or_default().into_owned();
                let constraint = database.constraint().unwrap_or(&code).to_owned();
                match code.as_str() {
                    // Deadlock, serialisation, lock not available.
                    "40P01" | "40001" | "55P03" => Self::Raced,
                    // Two first events of one key, or two answers to one command, at the same moment.
                    "23505" if constraint == "journal_key_key_seq_key" || constraint == "command_pkey" => Self::Raced,
                    // The way to the store, its resources, an operator, a session that was ended: they pass.
                    passing if ["08", "53", "57", "58", "25"].iter().any(|class| passing.starts_with(class)) => {
                        Self::Store(error)
                    }
                    _ => Self::Constraint(constraint, error),
                }
            }
            // What was written cannot be read, or cannot be expressed: waiting does not mend it.
            StoreError::Unreadable { table, .. } => Self::Constraint((*table).to_owned(), error),
            StoreError::Database(
                sqlx::Error::ColumnDecode { .. }
                | sqlx::Error::Decode(_)
                | sqlx::Error::Encode(_)
                | sqlx::Error::RowNotFound,
            ) => Self::Constraint("unreadable".to_owned(), error),
            StoreError::Database(_) => Self::Store(error),
        }
    }
}

impl From<sqlx::Error> for Stopped {
    fn from(error: sqlx::Error) -> Self {
        Self::from(StoreError::from(error))
    }
}

/// A database error as a caller hears it: try again with the same `command_id`.
pub fn unavailable(error: sqlx::Error) -> Refusal {
    tracing::warn!(%error, "the store did not answer");
    Refusal::Unavailable("store".to_owned())
}

/// What a transaction left for the loops to do once it is committed.
#[derive(Debug, Default)]
pub(crate) struct Left {
    /// Events without a position.
    pub events: bool,
    /// Events that have one and wait to be published.
    pub numbered: Vec<Envelope>,
    /// A timer that is due before the loop looks again by itself.
    pub timers: bool,
    /// Events that wait for an earlier fact.
    pub waiting: bool,
}

/// The clock and rules of one transaction.
pub(crate) struct Opened<R> {
    pub moment: Moment,
    pub rules: Rules<R>,
}

impl<S: Service> Corridor<S> {
    /// A corridor over a database that is migrated and initialised. Its workers live as long as it does.
    pub(crate) fn new(service: S, work: Connections, reads: PgPool) -> Self {
        let (queue, jobs) = mpsc::channel(QUEUE);
        let (commits, _) = watch::channel(0);
        let commands = work.more(crate::commands::WORKERS);
        let inner = Inner {
            service,
            work,
            commands,
            reads,
            wakes: Wakes::default(),
            fresh: std::sync::Mutex::default(),
            repaired: 0.into(),
            waiting: AtomicBool::new(true),
            seen: std::sync::Mutex::default(),
            rules: RwLock::new(None),
            queue,
            commits,
        };
        let corridor = Self { inner: Arc::new(inner) };
        corridor.take_commands(jobs);
        corridor
    }

    /// The service.
    pub fn service(&self) -> &S {
        &self.inner.service
    }

    /// For reads.
    pub fn pool(&self) -> &PgPool {
        &self.inner.reads
    }

    /// Ticks after each commit of this process.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.inner.commits.subscribe()
    }

    /// The only clock of the product.
    pub async fn now(&self) -> Result<Timestamp, Refusal> {
        let mut connection = self.inner.reads.acquire().await.map_err(unavailable)?;
        Ok(store::moment(&mut connection).await.map_err(unavailable)?.now)
    }

    /// The rules in force.
    pub async fn rules(&self) -> Result<Rules<S::Rules>, Refusal> {
        let mut connection = self.inner.reads.acquire().await.map_err(unavailable)?;
        let opened = self.open(&mut connection).await.map_err(|stopped| self.refuse(stopped))?;
        Ok(opened.rules)
    }

    /// Runs a transaction again while it only lost a race.
    pub(crate) async fn with_retries<T: Send, F: Future<Output = Result<T, Stopped>> + Send>(
        &self,
        run: impl Fn() -> F + Send + Sync,
    ) -> Result<T, Stopped> {
        let mut tries = 0;
        loop {
            match run().await {
                Err(Stopped::Raced) if tries < TRIES => {
                    tries += 1;
                    tokio::time::sleep(Duration::from_millis(
                        u64::from(tries) * 3 + u64::from(rand::random::<u8>() % 8),
                    ))
                    .await;
                }
                other => return other,
            }
        }
    }

    pub(crate) fn refuse(&self, stopped: Stopped) -> Refusal {
        match stopped {
            Stopped::Raced => Refusal::Unavailable("contended".to_owned()),
            Stopped::NoRules => {
                Refusal::forbidden("bus.no_rules", "尚未发布县级规则包", "no county pack has been published yet")
                    .with_hint("xiezhi pack apply DIR", "xiezhi pack apply DIR")
            }
            Stopped::RolledBack => Refusal::Unavailable("rolled back".to_owned()),
            Stopped::Constraint(name, error) => self.inner.service.explain(&name).unwrap_or_else(|| {
                tracing::error!(constraint = %name, %error, "a constraint refused what the domain allowed");
                Refusal::Internal(name)
            }),
            Stopped::Store(StoreError::Database(error)) => unavailable(error),
            Stopped::Store(error) => {
                tracing::error!(%error, "the store holds what cannot be read");
                Refusal::Internal("store".to_owned())
            }
        }
    }

    /// The clock and the rules as this transaction sees them.
    pub(crate) async fn open(&self, tx: &mut Tx) -> Result<Opened<S::Rules>, Stopped> {
        let moment = store::moment(tx).await?;
        self.open_at(tx, moment).await
    }

    pub(crate) async fn open_at(&self, tx: &mut Tx, moment: Moment) -> Result<Opened<S::Rules>, Stopped> {
        if moment.rolled_back || self.went_back(tx, moment.head).await? {
            return Err(Stopped::RolledBack);
        }
        let rules = self.rules_of(tx, moment.revision).await?;
        Ok(Opened { moment, rules })
    }

    /// Notes how far the journal goes; true where it went further before: then the store was set back under this process.
    pub(crate) async fn went_back(&self, tx: &mut Tx, head: (i32, i64)) -> Result<bool, sqlx::Error> {
        let seen = self.note_head(head);
        if head >= seen {
            return Ok(false);
        }
        // Another task may have numbered more since this was read; a second look sees at least what had been seen before it.
        let again = store::head(tx).await?;
        Ok((again.epoch, again.last_pos) < seen)
    }

    /// The furthest head this process has seen until now.
    pub(crate) fn note_head(&self, head: (i32, i64)) -> (i32, i64) {
        let mut seen = self.inner.seen.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let before = *seen;
        *seen = head.max(before);
        before
    }

    pub(crate) async fn rules_of(&self, tx: &mut Tx, revision: i64) -> Result<Rules<S::Rules>, Stopped> {
        if revision == 0 {
            return Err(Stopped::NoRules);
        }
        if let Some(rules) = self.inner.rules.read().await.as_ref().filter(|rules| rules.revision == revision) {
            return Ok(rules.clone());
        }
        let unreadable = |reason: String| {
            Stopped::Store(StoreError::Unreadable { table: "bus.bundle", id: revision.to_string(), reason })
        };
        let (sha256, bytes) =
            store::find_bundle(tx, revision).await?.ok_or_else(|| unreadable("missing".to_owned()))?;
        let content = S::parse_rules(&bytes).map_err(|mistakes| unreadable(mistakes.join("; ")))?;
        let sha256 =
            <[u8; 32]>::try_from(sha256.as_slice()).map_err(|_| unreadable("its hash is not 32 bytes".to_owned()))?;
        let rules = Rules { content: Arc::new(content), sha256, revision };
        let mut cached = self.inner.rules.write().await;
        if cached.as_ref().is_none_or(|known| known.revision < revision) {
            *cached = Some(rules.clone());
        }
        Ok(rules)
    }

    /// Writes everything the context collected, with the answers of the commands that were decided, and flushes the unit.
    pub(crate) async fn write(
        &self,
        tx: &mut Tx,
        heads: &BTreeMap<Uuid, i64>,
        unit: &S::Unit,
        cx: &Context<S::Rules>,
        commands: &[StoredCommand],
    ) -> Result<Left, Stopped> {
        let events = rows::rows(cx.emitted.rows());
        if let Some(event) = events.iter().find(|event| event.payload.len() > LARGEST_EVENT_BYTES) {
            let error = sqlx::Error::Encode(format!("{} is larger than an event may be", event.type_name).into());
            return Err(Stopped::Constraint("event_size".to_owned(), error.into()));
        }
        let end = if events.is_empty() { None } else { store::hold_end(tx).await? };
        // A store that was set back is for the relay to notice; nothing is written on its chain here.
        let end = end.filter(|end| (end.epoch, end.pos) >= self.note_head((0, 0)));
        let at = (S::NAME, cx.now());
        let Appended { answered, numbered } = store::append(tx, at, heads, commands, &events, end).await?;
        if answered != commands.len() as u64 {
            return Err(Stopped::Raced);
        }
        store::insert_blobs(tx, cx.blobs.rows()).await?;
        self.inner.service.flush(tx, unit).await?;
        store::change_timers(tx, &cx.timers).await?;
        store::insert_revoked(tx, cx.revoked.rows()).await?;
        let soon = cx.now() + LOOK_AGAIN;
        let timers = cx.timers.values().any(|change| matches!(change, TimerChange::Arm(arm) if arm.due_at <= soon));
        Ok(Left { events: numbered.len() < events.len(), numbered, timers, waiting: false })
    }

    /// Writes what a decision came to whose events are in the journal already.
    pub(crate) async fn write_silently(
        &self,
        tx: &mut Tx,
        unit: &S::Unit,
        cx: &Context<S::Rules>,
    ) -> Result<(), Stopped> {
        store::insert_blobs(tx, cx.blobs.rows()).await?;
        self.inner.service.flush(tx, unit).await?;
        store::change_timers(tx, &cx.timers).await?;
        store::insert_revoked(tx, cx.revoked.rows()).await?;
        Ok(())
    }

    /// Those of the keys about which nothing is decided until a person has looked; asked for only after a recovery.
    pub(crate) async fn fenced(
        &self,
        tx: &mut Tx,
        moment: Moment,
        keys: &BTreeSet<Uuid>,
    ) -> Result<BTreeSet<Uuid>, Stopped> {
        if !moment.mending || keys.is_empty() {
            return Ok(BTreeSet::new());
        }
        Ok(store::fenced(tx, S::NAME, keys).await?)
    }

    /// Locks, making heads where there are none, and loads.
    pub(crate) async fn lock_and_load(
        &self,
        tx: &mut Tx,
        keys: &Keys<S::Needs>,
    ) -> Result<(BTreeMap<Uuid, i64>, S::Unit), Stopped> {
        let mut keys = keys.clone();
        self.inner.service.widen(tx, &mut keys).await?;
        let heads = store::lock_heads(tx, S::NAME, &keys.heads, &BTreeSet::new()).await?.heads;
        self.still_wide(tx, &keys).await?;
        let unit = self.inner.service.load(tx, &keys).await?;
        Ok((heads, unit))
    }

    /// A head that joined while the locks were being taken is not locked: the batch is run again.
    pub(crate) async fn still_wide(&self, tx: &mut Tx, keys: &Keys<S::Needs>) -> Result<(), Stopped> {
        let mut again = keys.clone();
        self.inner.service.widen(tx, &mut again).await?;
        if again.heads == keys.heads { Ok(()) } else { Err(Stopped::Raced) }
    }

    /// After a commit: the relay numbers, waiting events may have their fact, streams look again.
    pub(crate) fn committed(&self, left: Left) {
        let Inner { wakes, waiting, commits, .. } = self.inner.as_ref();
        if left.events {
            wakes.relay.notify_one();
        }
        if let Some(last) = left.numbered.last() {
            self.note_head((last.epoch, last.pos));
            // Where the queue is full, or no relay runs here, it is read from the journal.
            if let Some(fresh) = self.inner.fresh().as_ref() {
                let _ = fresh.try_send(left.numbered);
            }
        }
        if left.timers {
            wakes.tick.notify_one();
        }
        if left.waiting {
            waiting.store(true, Ordering::SeqCst);
        }
        if waiting.load(Ordering::SeqCst) {
            wakes.parked.notify_one();
        }
        commits.send_modify(|count| *count += 1);
    }
}

/// Runs a decision; a panic in it is one refused decision, and not the end of the loop that all the others share.
pub(crate) fn unpanicked<T>(decide: impl FnOnce() -> T) -> Result<T, String> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(decide)).map_err(|_| {
        tracing::error!("a decision panicked; what it had changed is forgotten");
        "a decision panicked".to_owned()
    })
}

/// From here on the unit's changes can be forgotten.
pub(crate) fn mark(unit: &mut impl Unit) {
    for table in unit.tables() {
        table.mark();
    }
}

/// Forgets the unit's changes since the mark.
pub(crate) fn rollback(unit: &mut impl Unit) {
    for table in unit.tables() {
        table.rollback();
    }
}

/// All keys of a batch as one.
pub(crate) fn union<N: Merge>(all: impl IntoIterator<Item = Keys<N>>) -> Keys<N> {
    let mut keys = Keys { heads: BTreeSet::new(), needs: N::default() };
    for one in all {
        keys.heads.extend(one.heads);
        keys.needs.merge(one.needs);
    }
    keys
}
