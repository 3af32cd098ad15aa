//! Hearing a producer: from its stream while that flows, from its journal where the stream lost something.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_nats::jetstream::Message;
use async_nats::jetstream::message::Acker;
use futures::{FutureExt, StreamExt};
use tokio_util::sync::CancellationToken;

use crate::apply::BATCH;
use crate::commands::callers_waiting;
use crate::corridor::{Corridor, Stopped};
use crate::doors::PeerJournal;
use crate::envelope::Envelope;
use crate::recover::epoch;
use crate::service::Service;
use crate::{headers, metrics, nats, parked, store};

/// How long a gap may stand before the producer's journal is read.
const REPAIR_AFTER: Duration = Duration::from_secs(2);
/// How long a peer may fall silent while its journal is read.
const SILENCE: Duration = Duration::from_secs(10);
/// How long silence of stream and beacon may last before the producer is asked over gRPC.
const ASK_AFTER: Duration = Duration::from_secs(5);

/// So many events in one transaction are no crowd.
const FEW: usize = 4;
/// How long a crowd is gathered at least.
const GATHER: Duration = Duration::from_millis(10);
/// Nobody waits longer than this for company.
const LONGEST_REST: Duration = Duration::from_millis(250);
/// For so many waiting callers one more of the last transaction's time is left to them.
const CALLERS_FOR_ONE: usize = 8;
/// But never more than so many.
const MOST_FOR_CALLERS: u32 = 4;
/// How often the store is asked where the cursor stands, where only a beacon says that there is more.
const LOOK_AT_CURSOR: Duration = Duration::from_millis(250);
/// How much may be held back at once, in bytes of bodies: some thousands of usual events, and few of the largest.
const MOST_HELD: usize = 2 * 1024 * 1024;
/// Bodies are a few hundred bytes; where one is larger, or very many wait, they are added up.
const LARGE: usize = 16 * 1024;

pub(crate) struct Consumer<S: Service> {
    pub corridor: Corridor<S>,
    pub client: async_nats::Client,
    pub producer: &'static str,
    pub journal: PeerJournal,
}

/// What was received and is not yet applied, by epoch and position: a redelivery takes the place of the delivery before.
#[derive(Default)]
struct Held {
    events: BTreeMap<(i32, i64), Arc<Envelope>>,
    /// What acknowledges each, and all before it.
    ackers: BTreeMap<(i32, i64), Acker>,
}

impl Held {
    /// The last event goes where all together are too large and it is not the only one.
    fn lighten(&mut self) {
        let mut bytes: usize = self.events.values().map(|event| event.payload.len()).sum();
        while bytes > MOST_HELD
            && self.events.len() > 1
            && let Some((last, event)) = self.events.pop_last()
        {
            bytes -= event.payload.len();
            self.ackers.remove(&last);
        }
    }
}

/// How long to rest after a transaction: until the second moment, but once a whole batch is there only until the first.
///
/// An event that comes alone is taken at once. Under load a transaction for many costs little more than one for few, so many are
/// gathered; and while callers wait for an answer, the machine is theirs first.
fn rests(applied: usize, took: Duration, callers: usize) -> (Duration, Duration) {
    if applied < FEW {
        return Default::default();
    }
    let for_callers = took * u32::try_from(callers / CALLERS_FOR_ONE).unwrap_or(u32::MAX).min(MOST_FOR_CALLERS);
    (for_callers.min(LONGEST_REST), (GATHER + took * 2 + for_callers).min(LONGEST_REST))
}

impl<S: Service> Consumer<S> {
    /// Runs until it is told to stop.
    pub async fn run(self, stop: CancellationToken) {
        let jetstream = nats::jetstream(&self.client);
        let mut seen_at = Instant::now();
        while !stop.is_cancelled() {
            let consumer = tokio::select! {
                () = stop.cancelled() => return,
                made = nats::ensure_consumer(&jetstream, self.producer, S::NAME) => made,
            };
            match consumer {
                Ok(consumer) => {
                    if let Err(error) = self.follow(consumer, &stop, &mut seen_at).await {
                        tracing::debug!(producer = self.producer, %error, "the stream is opened again");
                    }
                }
                Err(error) => tracing::debug!(producer = self.producer, %error, "the stream is not there yet"),
            }
            // Events flow even where NATS does not, only later.
            if seen_at.elapsed() >= ASK_AFTER {
                self.repair(None, &stop).await;
                seen_at = Instant::now();
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(Duration::from_millis(100 + u64::from(rand::random::<u8>()))) => {}
            }
        }
    }

    async fn follow(
        &self,
        consumer: async_nats::jetstream::consumer::PullConsumer,
        stop: &CancellationToken,
        seen_at: &mut Instant,
    ) -> Result<(), async_nats::Error> {
        let mut messages = consumer
            .stream()
            .max_messages_per_batch(BATCH)
            .expires(Duration::from_secs(5))
            .heartbeat(Duration::from_secs(1))
            .messages()
            .await?;
        let mut beacons = self.client.subscribe(nats::beacon_subject(self.producer)).await?;
        let mut held = Held::default();
        let mut gap_since: Option<Instant> = None;
        let mut reached: i64 = 0;
        let mut told: i64 = 0;
        let mut asked_at = Instant::now();
        let mut epoch = self.corridor.cursor(self.producer).await?.epoch;
        let mut told_epoch = epoch;
        let mut rest_until = (Instant::now(), Instant::now());
        loop {
            let until = if held.events.len() < BATCH { rest_until.1 } else { rest_until.0 };
            let resting = until.saturating_duration_since(Instant::now());
            let pause = match gap_since {
                _ if !resting.is_zero() => resting,
                Some(_) => Duration::from_millis(10),
                None => Duration::from_millis(500),
            };
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                message = messages.next(), if held.events.len() < BATCH || gap_since.is_some() => {
                    let Some(message) = message else { return Ok(()) };
                    *seen_at = Instant::now();
                    self.hold(&mut held, message?).await;
                    // What is here already comes along.
                    while held.events.len() < BATCH {
                        match messages.next().now_or_never() {
                            Some(Some(message)) => self.hold(&mut held, message?).await,
                            _ => break,
                        }
                    }
                }
                Some(beacon) = beacons.next() => {
                    *seen_at = Instant::now();
                    if let Ok(high) = <xiezhi_proto::bus::v1::HighWaterResponse as prost::Message>::decode(beacon.payload) {
                        told = if high.epoch > told_epoch { high.last_pos } else { told.max(high.last_pos) };
                        told_epoch = told_epoch.max(high.epoch);
                    }
                }
                () = tokio::time::sleep(pause) => {}
            }
            told_epoch = held.events.keys().map(|(epoch, _)| *epoch).max().unwrap_or(told_epoch).max(told_epoch);
            if told_epoch > epoch {
                // What the stream still holds of the earlier epoch may be what was lost: the journal knows.
                held = Held::default();
                epoch = self.cross(stop).await;
                reached = 0;
                if told_epoch > epoch {
                    tokio::time::sleep(REPAIR_AFTER / 2).await;
                    continue;
                }
                return Err("a new epoch has begun".into());
            }
            if Instant::now() < if held.events.len() < BATCH { rest_until.1 } else { rest_until.0 } {
                continue;
            }
            let began = Instant::now();
            // Nothing to apply and nothing missing: the cursor need not be asked for. Not for long, though: what we wrote may
            // have been undone by a crash of the database, and nobody else would tell.
            let look_after = if told > reached { LOOK_AT_CURSOR } else { REPAIR_AFTER };
            let pos = if !held.events.is_empty() {
                let waiting = held.events.len();
                let pos = self.apply_held(&mut held).await;
                let applied = waiting.saturating_sub(held.events.len());
                let (least, most) = rests(applied, began.elapsed(), callers_waiting());
                rest_until = (Instant::now() + least, Instant::now() + most);
                pos
            } else if asked_at.elapsed() >= look_after {
                asked_at = began;
                self.corridor.cursor(self.producer).await.ok().map(|cursor| cursor.pos)
            } else {
                Some(reached)
            };
            if let Some(pos) = pos {
                let lag = told.max(pos) - pos;
                metrics::gauge("xiezhi_consumer_lag", &[("consumer", S::NAME), ("producer", self.producer)])
                    .set(lag as f64);
            }
            let behind = !held.events.is_empty() || pos.is_some_and(|pos| pos < told);
            // A gap is a stand-still; whoever moves is only catching up.
            let moved = pos.is_some_and(|pos| pos > reached);
            reached = pos.unwrap_or(reached);
            gap_since = match gap_since {
                _ if !behind => None,
                Some(since) if !moved => Some(since),
                _ => Some(Instant::now()),
            };
            if gap_since.is_some_and(|since| since.elapsed() >= REPAIR_AFTER) {
                let until = held.events.keys().map(|(_, pos)| *pos).max().unwrap_or(0).max(told);
                self.repair(Some(until), stop).await;
                gap_since = None;
            }
            if seen_at.elapsed() >= ASK_AFTER {
                return Err("neither message nor beacon for a while".into());
            }
        }
    }

    async fn hold(&self, held: &mut Held, message: Message) {
        // The message goes, and the memory it came in; what acknowledges it stays.
        let (message, acker) = message.split();
        match headers::read(message.headers.as_ref(), &message.payload) {
            Ok(event) if event.service == self.producer => {
                let at = (event.epoch, event.pos);
                #[cfg(feature = "mutants")]
                if crate::mutants::is("ack-before-commit") {
                    let _ = acker.ack().await;
                }
                let may_be_much = event.payload.len() > LARGE || held.events.len() > 2 * BATCH;
                held.ackers.insert(at, acker);
                held.events.insert(at, Arc::new(event));
                // What is furthest behind a gap is let go: the journal tells it when its turn comes.
                if may_be_much {
                    held.lighten();
                }
                return;
            }
            Ok(event) => tracing::warn!(claims = %event.service, "a message in a foreign stream"),
            Err(error) => tracing::warn!(%error, "an unreadable message in the stream"),
        }
        // It will never be readable. The cursor does not move over it, so the journal will tell what stood there. Nothing before it
        // is acknowledged with it that is not applied yet; then a later one takes it along.
        if held.ackers.is_empty() {
            let _ = acker.ack().await;
        }
    }

    /// Applies what is held; what lies behind a gap stays held. Returns the cursor's position, where it is known.
    async fn apply_held(&self, held: &mut Held) -> Option<i64> {
        let events: Vec<Arc<Envelope>> = held.events.values().map(Arc::clone).collect();
        match self.corridor.apply(self.producer, events).await {
            Ok(applied) => {
                held.events = applied.behind_gap.into_iter().map(|event| ((event.epoch, event.pos), event)).collect();
                let waiting = held.ackers.split_off(&(applied.epoch, applied.pos + 1));
                // After the commit, the last for all before it. Where it is lost, or took along what waits behind a gap, a
                // repeat is recognised by its position and what is missing is read from the journal.
                if let Some((_, last)) = std::mem::replace(&mut held.ackers, waiting).pop_last() {
                    let _ = last.ack().await;
                }
                Some(applied.pos)
            }
            Err(stopped) => {
                if !matches!(stopped, Stopped::NoRules | Stopped::Raced) {
                    tracing::warn!(producer = self.producer, ?stopped, "events wait for the store");
                }
                tokio::time::sleep(Duration::from_millis(50 + u64::from(rand::random::<u8>()))).await;
                None
            }
        }
    }

    async fn set_diverged(&self, epoch: i32, pos: i64) {
        let reason = format!("the journal of {} contradicts what was heard of it", self.producer);
        let found = store::Affected { from_pos: pos + 1, to_pos: pos + 1, reason, blocking: false };
        let affected = BTreeMap::from([(epoch::key_of(self.producer), found)]);
        let Ok(mut tx) = self.corridor.inner.work.begin().await else { return };
        let noted = store::insert_affected(&mut tx, self.producer, epoch, &affected).await;
        if noted.is_ok() && parked::set_diverged(&mut *tx, S::NAME, self.producer).await.is_ok() {
            let _ = tx.commit().await;
        }
    }

    /// Goes into the producer's later epoch, where nothing we heard is lost; answers with the epoch we are in.
    async fn cross(&self, stop: &CancellationToken) -> i32 {
        match self.corridor.may_cross(self.producer, &self.journal).await {
            Ok(true) => self.repair(None, stop).await,
            Ok(false) => {}
            Err(stopped) => tracing::debug!(producer = self.producer, ?stopped, "a new epoch waits"),
        }
        self.corridor.cursor(self.producer).await.map_or(0, |cursor| cursor.epoch)
    }

    /// Reads the producer's journal from the cursor to `until`, or to its end.
    async fn repair(&self, until: Option<i64>, stop: &CancellationToken) {
        #[cfg(feature = "mutants")]
        if crate::mutants::is("repair-skipped") {
            return;
        }
        let Ok(cursor) = self.corridor.cursor(self.producer).await else { return };
        if until.is_some_and(|until| until <= cursor.pos) {
            return;
        }
        let mut events = match self.journal.read(self.producer, cursor.pos + 1, until.unwrap_or(0)).await {
            Ok(events) => events,
            Err(error) => {
                tracing::debug!(producer = self.producer, %error, "the journal cannot be read now");
                return;
            }
        };
        let mut reached = cursor.pos;
        let mut batch = Vec::with_capacity(BATCH);
        loop {
            // A peer that falls silent in the middle is asked again later, from where we stand by then.
            let next = tokio::select! {
                () = stop.cancelled() => return,
                next = tokio::time::timeout(SILENCE, events.next()) => next.unwrap_or_default(),
            };
            let ended = next.is_none();
            match next {
                Some(Ok(event)) => batch.push(Arc::new(event)),
                Some(Err(error)) => tracing::debug!(%error, "the journal broke off"),
                None => {}
            }
            if batch.len() == BATCH || (ended && !batch.is_empty()) {
                match self.corridor.apply(self.producer, std::mem::take(&mut batch)).await {
                    Ok(applied) if applied.diverged => {
                        tracing::error!(
                            producer = self.producer,
                            pos = applied.pos,
                            "its journal contradicts what was heard"
                        );
                        self.set_diverged(applied.epoch, applied.pos).await;
                        return;
                    }
                    Ok(applied) if applied.pos <= reached => break,
                    Ok(applied) => reached = applied.pos,
                    Err(stopped) => {
                        tracing::debug!(?stopped, "repair waits");
                        return;
                    }
                }
            }
            if ended {
                break;
            }
        }
        let repaired = u64::try_from(reached - cursor.pos).unwrap_or(0);
        if repaired > 0 {
            tracing::info!(producer = self.producer, repaired, "repaired from the producer's journal");
            metrics::counter("xiezhi_repaired_events", &[("consumer", S::NAME), ("producer", self.producer)])
                .add(repaired);
            self.corridor.inner.repaired.fetch_add(repaired, std::sync::atomic::Ordering::Relaxed);
        }
    }
}

/// Makes the cursors that do not exist yet.
pub(crate) async fn ensure_cursors(pool: &sqlx::PgPool, consumer: &str, producers: &[&str]) -> Result<(), sqlx::Error> {
    let producers: Vec<String> = producers.iter().map(|producer| (*producer).to_owned()).collect();
    sqlx::query!(
        "INSERT INTO bus.cursor (consumer, producer, epoch, pos)
         SELECT $1, p, 1, 0 FROM UNNEST($2::text[]) p ON CONFLICT DO NOTHING",
        consumer,
        &producers
    )
    .execute(pool)
    .await?;
    Ok(())
}
