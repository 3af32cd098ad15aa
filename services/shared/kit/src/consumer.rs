//! Hearing a producer: from its stream while that flows, from its journal where the stream lost something.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_nats::jetstream::Message;
use futures::{FutureExt, StreamExt};
use tokio_util::sync::CancellationToken;

use crate::apply::BATCH;
use crate::corridor::Corridor;
use crate::doors::PeerJournal;
use crate::ears::Ear;
use crate::recover::epoch;
use crate::service::Service;
use crate::{headers, metrics, nats, parked, store};

/// How long a gap may stand before the producer's journal is read.
const REPAIR_AFTER: Duration = Duration::from_secs(2);
/// How long a peer may fall silent while its journal is read.
const SILENCE: Duration = Duration::from_secs(10);
/// How long silence of stream and beacon may last before the producer is asked over gRPC.
const ASK_AFTER: Duration = Duration::from_secs(5);

/// So many messages are on their way at once; under load each of them holds many events.
const FETCHED: usize = 32;
/// How often the store is asked where the cursor stands, where only a beacon says that there is more.
const LOOK_AT_CURSOR: Duration = Duration::from_millis(250);
pub(crate) struct Consumer<S: Service> {
    pub corridor: Corridor<S>,
    pub client: async_nats::Client,
    pub producer: &'static str,
    pub journal: PeerJournal,
    /// Where what was received waits.
    pub ear: Arc<Ear>,
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
            .max_messages_per_batch(FETCHED)
            .expires(Duration::from_secs(5))
            .heartbeat(Duration::from_secs(1))
            .messages()
            .await?;
        let mut beacons = self.client.subscribe(nats::beacon_subject(self.producer)).await?;
        let mut gap_since: Option<Instant> = None;
        let mut told: i64 = 0;
        let mut asked_at = Instant::now();
        let cursor = self.corridor.cursor(self.producer).await?;
        let (mut epoch, mut reached) = (cursor.epoch, cursor.pos);
        let mut told_epoch = epoch;
        loop {
            let has_room = self.ear.held().len() < BATCH || gap_since.is_some();
            let pause = Duration::from_millis(if gap_since.is_some() { 50 } else { 500 });
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                message = messages.next(), if has_room => {
                    let Some(message) = message else { return Ok(()) };
                    *seen_at = Instant::now();
                    told_epoch = told_epoch.max(self.hold(message?, epoch).await);
                    // What is here already comes along.
                    while self.ear.held().len() < BATCH {
                        match messages.next().now_or_never() {
                            Some(Some(message)) => told_epoch = told_epoch.max(self.hold(message?, epoch).await),
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
                () = self.ear.settled.notified() => {}
                () = tokio::time::sleep(pause) => {}
            }
            if told_epoch > epoch {
                // What the stream still holds of the earlier epoch may be what was lost: the journal knows.
                self.ear.clear();
                epoch = self.cross(stop).await;
                reached = 0;
                if told_epoch > epoch {
                    tokio::time::sleep(REPAIR_AFTER / 2).await;
                    continue;
                }
                return Err("a new epoch has begun".into());
            }
            let (waits, behind_gap, settled) = self.ear.look();
            // Nothing to apply and nothing missing: the cursor need not be asked for. Not for long, though: what we wrote may
            // have been undone by a crash of the database, and nobody else would tell.
            let look_after = if told > reached { LOOK_AT_CURSOR } else { REPAIR_AFTER };
            let pos = match settled {
                Some((_, pos)) => Some(pos),
                None if waits || asked_at.elapsed() < look_after => Some(reached),
                None => {
                    asked_at = Instant::now();
                    self.corridor.cursor(self.producer).await.ok().map(|cursor| cursor.pos)
                }
            };
            if let Some(pos) = pos {
                let lag = told.max(pos) - pos;
                metrics::gauge("xiezhi_consumer_lag", &[("consumer", S::NAME), ("producer", self.producer)])
                    .set(lag as f64);
            }
            let behind = behind_gap || (!waits && pos.is_some_and(|pos| pos < told));
            // A gap is a stand-still; whoever moves is only catching up.
            let moved = pos.is_some_and(|pos| pos > reached);
            reached = pos.unwrap_or(reached);
            gap_since = match gap_since {
                _ if !behind => None,
                Some(since) if !moved => Some(since),
                _ => Some(Instant::now()),
            };
            if gap_since.is_some_and(|since| since.elapsed() >= REPAIR_AFTER) {
                let until = self.ear.held().last_pos().unwrap_or(0).max(told);
                self.repair(Some(until), stop).await;
                self.ear.wake();
                gap_since = None;
            }
            if seen_at.elapsed() >= ASK_AFTER {
                return Err("neither message nor beacon for a while".into());
            }
        }
    }

    /// Keeps what was received, and tells the epoch it is of. A later epoch than ours is not kept: we have to cross into it.
    async fn hold(&self, message: Message, epoch: i32) -> i32 {
        // The message goes, and the memory it came in; what acknowledges it stays.
        let (message, acker) = message.split();
        match headers::read_all(message.headers.as_ref(), &message.payload) {
            Ok(events) if events.iter().all(|event| event.service == self.producer) => {
                let later = events.iter().map(|event| event.epoch).max().filter(|later| *later > epoch);
                if let Some(later) = later {
                    return later;
                }
                #[cfg(feature = "mutants")]
                if crate::mutants::is("ack-before-commit") {
                    let _ = acker.ack().await;
                }
                self.ear.keep(events, acker);
                return epoch;
            }
            Ok(events) => {
                let claims = events.first().map(|event| event.service.as_str()).unwrap_or_default();
                tracing::warn!(claims, "a message in a foreign stream");
            }
            Err(error) => tracing::warn!(%error, "an unreadable message in the stream"),
        }
        // It will never be readable. The cursor does not move over it, so the journal will tell what stood there. Nothing before it
        // is acknowledged with it that is not applied yet; then a later one takes it along.
        if self.ear.held().owes_nothing() {
            let _ = acker.ack().await;
        }
        epoch
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
