//! What the author of a service writes; everything else about events, commands and timers is the kit's.

use std::collections::BTreeSet;
use std::future::Future;

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use crate::context::Context;
use crate::envelope::Envelope;
use crate::refusal::Refusal;
use crate::seal::Key;
use crate::unit::Unit;

/// A connection inside a transaction of the corridor.
pub type Tx = sqlx::PgConnection;

/// Why the store could not do as asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// PostgreSQL or the way to it.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
    /// A row that does not read back as what was written.
    #[error("{table} {id}: {reason}")]
    Unreadable {
        /// The table.
        table: &'static str,
        /// The row.
        id: String,
        /// What is wrong with it.
        reason: String,
    },
}

/// Why an event could not be applied.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failed {
    /// An earlier fact has not arrived yet; the event waits for it and its case waits with it.
    #[error("waits for an earlier fact: {0}")]
    NotYet(String),
    /// It can never be applied; it is parked for a person.
    #[error("{0}")]
    Broken(String),
}

/// What of a command could be put back from its events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recalled {
    /// All of it.
    Whole,
    /// All that the case needs to go on; a person is told what is missing.
    Partly(&'static str),
}

/// What a batch must hold before it decides: heads to lock, and hints for what else to load.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Keys<N> {
    /// Aggregates whose heads are locked, sorted, before anything is loaded. Whoever changes an aggregate names it here.
    pub heads: BTreeSet<Uuid>,
    /// The service's own hints.
    pub needs: N,
}

impl<N: Default> Keys<N> {
    /// One head and no hints.
    pub fn one(head: Uuid) -> Self {
        Self::many([head])
    }

    /// Several heads and no hints.
    pub fn many(heads: impl IntoIterator<Item = Uuid>) -> Self {
        Self { heads: heads.into_iter().collect(), needs: N::default() }
    }

    /// Hints and no head.
    pub fn needing(needs: N) -> Self {
        Self { heads: BTreeSet::new(), needs }
    }

    /// The same heads with these hints.
    #[must_use]
    pub fn and(self, needs: N) -> Self {
        Self { needs, ..self }
    }
}

/// Hints of several members of a batch become one.
pub trait Merge: Default + Clone + Send + Sync + 'static {
    /// Takes the other's hints in.
    fn merge(&mut self, other: Self);
}

impl Merge for () {
    fn merge(&mut self, (): Self) {}
}

/// A timer that has come due. It fires once; what follows is the service's decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FiredTimer {
    /// The aggregate.
    pub key: Uuid,
    /// What it was for.
    pub kind: String,
    /// Its generation.
    pub generation: i32,
    /// The rule it was armed by.
    pub rule: String,
    /// What the rule counted from.
    pub anchor_at: Timestamp,
    /// When it was due.
    pub due_at: Timestamp,
    /// How late it fires; an outage of ours is not a department's blame.
    pub late_by: SignedDuration,
}

/// One service: a mind, a memory and what it hears.
pub trait Service: Send + Sync + 'static {
    /// Its name, e.g. "intake": the database, the stream, the span prefix.
    const NAME: &'static str;
    /// The services whose events it hears.
    const HEARS: &'static [&'static str];
    /// Those of them whose word about a case usually follows soon on what one that is listed before them said of it. For a moment
    /// the first waits for the second, so that the case is written once.
    const SEQUELS: &'static [&'static str] = &[];
    /// What a batch loads and changes.
    type Unit: Unit;
    /// Its own hints about what to load.
    type Needs: Merge;
    /// The parsed bundle of rules (a county pack).
    type Rules: Send + Sync + 'static;
    /// What it reads in an event.
    type Heard: Send + Sync;

    /// The key that seals what this service stores sealed; none where nothing is. A store remembers which key it was begun
    /// with, and the service does not start with another.
    fn sealing_key(&self) -> Option<&Key> {
        None
    }

    /// Parses and checks a bundle; every mistake at once.
    fn parse_rules(bytes: &[u8]) -> Result<Self::Rules, Vec<String>>;

    /// Reads an event, once, and says what to hold before it is decided. Events it does not act on name nothing.
    fn read(&self, event: &Envelope) -> Result<(Keys<Self::Needs>, Self::Heard), Failed>;

    /// What to hold before this timer is decided: its key, and more where the service says so.
    fn keys_of_timer(&self, timer: &FiredTimer) -> Keys<Self::Needs> {
        Keys::one(timer.key)
    }

    /// What to hold before a new bundle takes effect.
    fn keys_of_rules(&self, _rules: &Self::Rules) -> Keys<Self::Needs> {
        Keys::default()
    }

    /// Names further heads that only the store knows, such as the members of a cluster. Asked before the heads are locked and
    /// once more afterwards; where the answer grew meanwhile, the batch is run again.
    fn widen(
        &self,
        _tx: &mut Tx,
        _keys: &mut Keys<Self::Needs>,
    ) -> impl Future<Output = Result<(), StoreError>> + Send {
        async { Ok(()) }
    }

    /// Loads everything the batch needs, one statement a table. The heads are locked already.
    fn load(
        &self,
        tx: &mut Tx,
        keys: &Keys<Self::Needs>,
    ) -> impl Future<Output = Result<Self::Unit, StoreError>> + Send;

    /// Decides an event on the loaded unit: no SQL, no waiting. Decided again where its transaction is run again.
    fn on_event(&self, unit: &mut Self::Unit, cx: &mut Context<Self::Rules>, heard: &Self::Heard)
    -> Result<(), Failed>;

    /// Decides a timer that came due.
    fn on_timer(&self, unit: &mut Self::Unit, cx: &mut Context<Self::Rules>, timer: &FiredTimer) -> Result<(), Failed>;

    /// What to hold before a command's effects are put back from its events: their keys, and more where the service says so.
    fn keys_of_own(&self, events: &[Envelope]) -> Result<Keys<Self::Needs>, Failed> {
        Ok(Keys::many(events.iter().map(|event| event.key)))
    }

    /// Puts what one command decided back into the tables, from its events alone: asked for only after the database was restored
    /// to an earlier time. What the events do not tell is refused, and the case waits for a person.
    fn on_own_events(
        &self,
        _unit: &mut Self::Unit,
        _cx: &mut Context<Self::Rules>,
        _events: &[Envelope],
    ) -> Result<Recalled, Failed> {
        Err(Failed::Broken("its events do not tell all that the command wrote".to_owned()))
    }

    /// A new bundle takes effect (`cx.rules()` is already the new one).
    fn on_rules(
        &self,
        _unit: &mut Self::Unit,
        _cx: &mut Context<Self::Rules>,
        _before: Option<&Self::Rules>,
    ) -> Result<(), Refusal> {
        Ok(())
    }

    /// Writes what changed, with `UNNEST`: a larger batch takes no statement more.
    fn flush(&self, tx: &mut Tx, unit: &Self::Unit) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Says in a clerk's words what a constraint of the store refused (e.g. a double booking); `None` for what is ours to mend.
    fn explain(&self, _constraint: &str) -> Option<Refusal> {
        None
    }
}
