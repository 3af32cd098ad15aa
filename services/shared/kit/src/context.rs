//! What a decision may ask and say: the time, the rules, new ids; events, timers and files.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use uuid::Uuid;
use xiezhi_proto::Event;

use crate::caller::Call;
use crate::envelope::Envelope;
use crate::service::FiredTimer;
use crate::unit::{Added, Savepoint};

/// The namespace of ids that are derived and not drawn, so that a second try makes the same ones.
const DERIVED: Uuid = Uuid::from_u128(0x7869_657a_6869_4000_8000_6275_7300_0001);

/// The rules in force, with what names them.
#[derive(Debug)]
pub struct Rules<R> {
    /// The parsed bundle.
    pub content: Arc<R>,
    /// SHA-256 of the bundle; events cite it.
    pub sha256: [u8; 32],
    /// Its revision in this service, from 1.
    pub revision: i64,
}

impl<R> Clone for Rules<R> {
    fn clone(&self) -> Self {
        Self { content: Arc::clone(&self.content), sha256: self.sha256, revision: self.revision }
    }
}

/// The id of what a firing of a timer says: the same however often it is decided.
pub(crate) fn timer_event_id(service: &str, timer: &FiredTimer, nth: u32) -> Uuid {
    let name = format!("{service}/timer/{}/{}/{}/{nth}", timer.key, timer.kind, timer.generation);
    Uuid::new_v5(&DERIVED, name.as_bytes())
}

/// The ids a decision drew; a recovery plays those of the first time.
#[derive(Debug, Default)]
struct Ids {
    played: std::collections::VecDeque<Uuid>,
    drawn: Vec<Uuid>,
}

/// What made a decision necessary.
#[derive(Debug, Clone)]
pub enum Cause {
    /// A caller's command.
    Command(Call),
    /// Another service's event.
    Event(Arc<Envelope>),
    /// A timer that came due.
    Timer(FiredTimer),
}

/// An event on its way into the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Emitted {
    /// Its id.
    pub event_id: Uuid,
    /// The command behind it.
    pub command_id: Option<Uuid>,
    /// The event behind it.
    pub cause_id: Option<Uuid>,
    /// Who caused it.
    pub actor: String,
    /// W3C trace context.
    pub traceparent: Option<String>,
    /// The aggregate.
    pub key: Uuid,
    /// The protobuf name of the body.
    pub type_name: &'static str,
    /// The body's schema version.
    pub schema_ver: i32,
    /// When it happened.
    pub occurred_at: Timestamp,
    /// The body.
    pub payload: Vec<u8>,
    /// Which decision of the batch said it; what is said of one aggregate may share a row.
    pub decision: u32,
}

/// A timer to arm. It replaces an armed one of the same key and kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arm {
    /// The rule it follows, a code of the bundle.
    pub rule: String,
    /// What the rule counts from.
    pub anchor_at: Timestamp,
    /// How much.
    pub amount: i32,
    /// Of what: "minute", "hour", "workhour", "day" or "workday".
    pub unit: &'static str,
    /// The calendar it was computed with.
    pub calendar_version: i32,
    /// When it is due.
    pub due_at: Timestamp,
}

/// What happens to the timer of a key and kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TimerChange {
    /// It is armed, or armed anew.
    Arm(Arm),
    /// It is cancelled if it is armed.
    Cancel,
}

/// A file to keep.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blob {
    /// SHA-256 of the bytes.
    pub sha256: [u8; 32],
    /// The bytes.
    pub bytes: Vec<u8>,
    /// Their type.
    pub media_type: String,
}

/// The context of one decision.
#[derive(Debug)]
pub struct Context<R> {
    service: &'static str,
    now: Timestamp,
    rules: Rules<R>,
    cause: Cause,
    emitted_by_cause: u32,
    decision: u32,
    pub(crate) emitted: Added<Emitted>,
    pub(crate) timers: BTreeMap<(Uuid, String), TimerChange>,
    timers_undo: Vec<((Uuid, String), Option<TimerChange>)>,
    pub(crate) blobs: Added<Blob>,
    pub(crate) revoked: Added<String>,
    /// Only a recovery looks: everybody else just draws.
    ids: Option<std::sync::Mutex<Ids>>,
}

impl<R> Context<R> {
    /// A context whose first decision has this cause.
    pub fn new(service: &'static str, now: Timestamp, rules: Rules<R>, cause: Cause) -> Self {
        Self {
            service,
            now,
            rules,
            cause,
            emitted_by_cause: 0,
            decision: 0,
            emitted: Added::default(),
            timers: BTreeMap::new(),
            timers_undo: Vec::new(),
            blobs: Added::default(),
            revoked: Added::default(),
            ids: None,
        }
    }

    /// From now on new ids are these, as long as there are any, and all that are drawn are remembered.
    pub(crate) fn play_ids(&mut self, played: Vec<Uuid>) {
        self.ids = Some(std::sync::Mutex::new(Ids { played: played.into(), drawn: Vec::new() }));
    }

    /// The ids that were drawn since [`Context::play_ids`].
    pub(crate) fn drawn_ids(&self) -> Vec<Uuid> {
        let ids = self.ids.as_ref().map(|ids| ids.lock().unwrap_or_else(std::sync::PoisonError::into_inner));
        ids.map(|ids| ids.drawn.clone()).unwrap_or_default()
    }

    /// The only clock of the product: `bus.now()` of this transaction.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// The rules in force.
    pub fn rules(&self) -> &Arc<R> {
        &self.rules.content
    }

    /// SHA-256 of the rules in force, for events to cite.
    pub fn rules_hash(&self) -> [u8; 32] {
        self.rules.sha256
    }

    /// The revision of the rules in force.
    pub fn rules_revision(&self) -> i64 {
        self.rules.revision
    }

    /// What made this decision necessary.
    pub fn cause(&self) -> &Cause {
        &self.cause
    }

    /// The command behind this decision, where it is one.
    pub fn call(&self) -> Option<&Call> {
        match &self.cause {
            Cause::Command(call) => Some(call),
            Cause::Event(_) | Cause::Timer(_) => None,
        }
    }

    /// The fact behind this decision, where it is one.
    pub fn event(&self) -> Option<&Arc<Envelope>> {
        match &self.cause {
            Cause::Event(event) => Some(event),
            Cause::Command(_) | Cause::Timer(_) => None,
        }
    }

    /// A role and id of ours, as the journal remembers it.
    pub fn actor(&self) -> String {
        match &self.cause {
            Cause::Command(call) => call.granted.caller.actor(),
            Cause::Event(_) | Cause::Timer(_) => format!("service:{}", self.service),
        }
    }

    /// A new id, in the order of time.
    pub fn new_id(&self) -> Uuid {
        let Some(ids) = &self.ids else { return Uuid::now_v7() };
        let mut ids = ids.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let id = ids.played.pop_front().unwrap_or_else(Uuid::now_v7);
        ids.drawn.push(id);
        id
    }

    /// Says what happened. The event is journalled with the state it belongs to, or not at all.
    pub fn emit<E: Event>(&mut self, key: Uuid, event: &E) {
        let (event_id, command_id, cause_id, traceparent) = self.origin();
        self.emitted_by_cause += 1;
        let emitted = Emitted {
            event_id,
            command_id,
            cause_id,
            actor: self.actor(),
            traceparent,
            key,
            type_name: E::TYPE,
            schema_ver: E::SCHEMA_VERSION,
            occurred_at: self.now,
            payload: event.encode_to_vec(),
            decision: self.decision,
        };
        self.emitted.push(emitted);
    }

    fn origin(&self) -> (Uuid, Option<Uuid>, Option<Uuid>, Option<String>) {
        let nth = self.emitted_by_cause;
        match &self.cause {
            Cause::Command(call) => (Uuid::now_v7(), Some(call.command_id), None, call.traceparent.clone()),
            Cause::Event(event) => {
                let name = format!("{}/{}/{}/{}/{nth}", self.service, event.service, event.epoch, event.pos);
                let id = Uuid::new_v5(&DERIVED, name.as_bytes());
                (id, None, Some(event.event_id), event.traceparent.clone())
            }
            Cause::Timer(timer) => (timer_event_id(self.service, timer, nth), None, None, None),
        }
    }

    /// Arms the timer of a key and kind, in place of one that is armed.
    pub fn arm(&mut self, key: Uuid, kind: impl Into<String>, arm: Arm) {
        self.change_timer(key, kind.into(), TimerChange::Arm(arm));
    }

    /// Cancels the timer of a key and kind if it is armed.
    pub fn cancel(&mut self, key: Uuid, kind: impl Into<String>) {
        self.change_timer(key, kind.into(), TimerChange::Cancel);
    }

    fn change_timer(&mut self, key: Uuid, kind: String, change: TimerChange) {
        let name = (key, kind);
        let before = self.timers.insert(name.clone(), change);
        self.timers_undo.push((name, before));
    }

    /// Keeps a file by its content.
    pub fn keep_blob(&mut self, bytes: Vec<u8>, media_type: &str) -> [u8; 32] {
        use sha2::Digest;
        let sha256: [u8; 32] = sha2::Sha256::digest(&bytes).into();
        self.blobs.push(Blob { sha256, bytes, media_type: media_type.to_owned() });
        sha256
    }

    /// From now on no token of this account counts, here.
    pub fn revoke(&mut self, account: impl Into<String>) {
        self.revoked.push(account.into());
    }

    /// Begins the next decision of the batch.
    pub(crate) fn begin(&mut self, cause: Cause) {
        self.cause = cause;
        self.emitted_by_cause = 0;
        self.decision += 1;
        self.emitted.mark();
        self.blobs.mark();
        self.revoked.mark();
        self.timers_undo.clear();
    }

    /// The decision goes on with the next fact of the same row.
    pub(crate) fn go_on(&mut self, fact: Arc<Envelope>) {
        self.cause = Cause::Event(fact);
    }

    /// Forgets what the current decision said.
    pub(crate) fn forget(&mut self) {
        self.emitted.rollback();
        self.blobs.rollback();
        self.revoked.rollback();
        while let Some((name, before)) = self.timers_undo.pop() {
            match before {
                Some(change) => self.timers.insert(name, change),
                None => self.timers.remove(&name),
            };
        }
    }
}
