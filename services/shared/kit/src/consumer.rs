//! Hearing a producer: from its stream while that flows, from its journal where the stream lost something.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use async_nats::jetstream::Message;
use futures::{FutureExt, StreamExt};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::context::{Cause, Context};
use crate::corridor::{Corridor, Left, Opened, Stopped, mark, rollback, union, unpanicked};
use crate::doors::PeerJournal;
use crate::envelope::Envelope;
use crate::inbox;
use crate::parked::{self, ParkedRow};
use crate::service::{Failed, Keys, Service, Tx};
use crate::store::Moment;
use crate::{headers, metrics, nats, telemetry};

/// How many events one transaction takes at most.
const BATCH: usize = 256;
/// How long a gap may stand before the producer's journal is read.
const REPAIR_AFTER: Duration = Duration::from_secs(2);
/// How long a peer may fall silent while its journal is read.
const SILENCE: Duration = Duration::from_secs(10);
/// How long silence of stream and beacon may last before the producer is asked over gRPC.
const ASK_AFTER: Duration = Duration::from_secs(5);

/// Where a consumer stands with a producer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cursor {
    pub epoch: i32,
    pub pos: i64,
    pub state: String,
    pub seen_hash: Option<Vec<u8>>,
}

/// What applying a batch came to.
#[derive(Debug, Default)]
pub(crate) struct Applied {
    /// The cursor's epoch.
    pub epoch: i32,
    /// The cursor's position afterwards.
    pub pos: i64,
    /// Events that could not be reached yet.
    pub behind_gap: Vec<Envelope>,
    /// True where something is missing before them.
    pub gap: bool,
    /// True where the producer's events contradict each other: only a person can say which journal is right.
    pub diverged: bool,
}

pub(crate) struct Consumer<S: Service> {
    pub corridor: Corridor<S>,
    pub client: async_nats::Client,
    pub producer: &'static str,
    pub journal: PeerJournal,
}

/// What was received and is not yet applied, by epoch and position: a redelivery takes the place of the delivery before.
#[derive(Default)]
struct Held {
    messages: BTreeMap<(i32, i64), Message>,
    events: BTreeMap<(i32, i64), Envelope>,
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
        loop {
            let pause = if gap_since.is_some() { Duration::from_millis(10) } else { Duration::from_millis(500) };
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                message = messages.next() => {
                    let Some(message) = message else { return Ok(()) };
                    *seen_at = Instant::now();
                    self.hold(&mut held, message?).await;
                    // What is here already comes along; nobody waits for more.
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
                        told = told.max(high.last_pos);
                    }
                }
                () = tokio::time::sleep(pause) => {}
            }
            // Nothing to apply and nothing missing: the cursor need not be asked for.
            let pos = if held.events.is_empty() && told <= reached {
                Some(reached)
            } else {
                self.apply_held(&mut held).await
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
        match headers::read(message.headers.as_ref(), &message.payload) {
            Ok(event) if event.service == self.producer => {
                held.messages.insert((event.epoch, event.pos), message);
                held.events.insert((event.epoch, event.pos), event);
                return;
            }
            Ok(event) => tracing::warn!(claims = %event.service, "a message in a foreign stream"),
            Err(error) => tracing::warn!(%error, "an unreadable message in the stream"),
        }
        // It will never be readable. The cursor does not move over it, so the journal will tell what stood there.
        let _ = message.ack().await;
    }

    /// Applies what is held; what lies behind a gap stays held. Returns the cursor's position, where it is known.
    async fn apply_held(&self, held: &mut Held) -> Option<i64> {
        if held.events.is_empty() {
            return self.corridor.cursor(self.producer).await.ok().map(|cursor| cursor.pos);
        }
        let events: Vec<Envelope> = held.events.values().cloned().collect();
        match self.corridor.apply(self.producer, events).await {
            Ok(applied) => {
                held.events = applied.behind_gap.into_iter().map(|event| ((event.epoch, event.pos), event)).collect();
                let waiting = held.messages.split_off(&(applied.epoch, applied.pos + 1));
                for message in std::mem::replace(&mut held.messages, waiting).into_values() {
                    // After the commit. A lost acknowledgement means a repeat, which the position recognises.
                    let _ = message.ack().await;
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

    async fn set_diverged(&self) {
        let Ok(mut link) = self.corridor.inner.work.take().await else { return };
        if parked::set_diverged(&mut *link, S::NAME, self.producer).await.is_ok() {
            link.give_back();
        }
    }

    /// Reads the producer's journal from the cursor to `until`, or to its end.
    async fn repair(&self, until: Option<i64>, stop: &CancellationToken) {
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
                Some(Ok(event)) => batch.push(event),
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
                        self.set_diverged().await;
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

/// What became of one event.
enum Fate {
    Applied,
    Park { reason: String, waits: bool },
    Behind,
}

impl<S: Service> Corridor<S> {
    pub(crate) async fn cursor(&self, producer: &str) -> Result<Cursor, sqlx::Error> {
        let mut link = self.inner.work.take().await?;
        let cursor = sqlx::query_as!(
            Cursor,
            "SELECT epoch, pos, state, seen_hash FROM bus.cursor WHERE consumer = $1 AND producer = $2",
            S::NAME,
            producer
        )
        .fetch_one(&mut *link)
        .await?;
        link.give_back();
        Ok(cursor)
    }

    /// Applies events of one producer: what follows the cursor without a gap, in one transaction.
    pub(crate) async fn apply(&self, producer: &str, events: Vec<Envelope>) -> Result<Applied, Stopped> {
        match self.with_retries(|| self.apply_once(producer, events.clone(), BATCH, false)).await {
            Err(Stopped::Constraint(..)) => {
                // One of them broke a rule of the store: alone, it is found and parked.
                let mut rest = events;
                let mut applied;
                loop {
                    applied = self.with_retries(|| self.apply_once(producer, rest.clone(), 1, false)).await;
                    if matches!(applied, Err(Stopped::Constraint(..))) {
                        applied = self.with_retries(|| self.apply_once(producer, rest.clone(), 1, true)).await;
                    }
                    match applied {
                        Ok(done) if !done.gap && !done.behind_gap.is_empty() => rest = done.behind_gap,
                        done => return done,
                    }
                }
            }
            done => done,
        }
    }

    /// One transaction over at most `limit` events. With `park` the first of them is put aside without being tried.
    async fn apply_once(
        &self,
        producer: &str,
        events: Vec<Envelope>,
        limit: usize,
        park: bool,
    ) -> Result<Applied, Stopped> {
        // Undone together with the cursor, it is heard again; and no event of ours is published before its position is
        // on the disk.
        let mut tx = self.inner.work.begin_repeatable().await?;
        match self.apply_in(&mut tx, producer, events, limit, park).await {
            Ok((applied, Some(left))) => {
                tx.commit().await?;
                self.committed(left);
                Ok(applied)
            }
            Ok((applied, None)) => {
                tx.rollback().await?;
                Ok(applied)
            }
            Err(stopped) => {
                let _ = tx.rollback().await;
                Err(stopped)
            }
        }
    }

    async fn apply_in(
        &self,
        tx: &mut Tx,
        producer: &str,
        events: Vec<Envelope>,
        limit: usize,
        park: bool,
    ) -> Result<(Applied, Option<Left>), Stopped> {
        let (cursor, moment) = lock_cursor(tx, S::NAME, producer).await?;
        let mut applied = Applied { epoch: cursor.epoch, pos: cursor.pos, ..Applied::default() };
        if matches!(cursor.state.as_str(), "diverged" | "paused") {
            applied.behind_gap = events;
            applied.gap = true;
            return Ok((applied, None));
        }
        let mut sorted = inbox::sort(cursor.epoch, cursor.pos, events);
        applied.gap = sorted.gap_at.is_some();
        // What a bad disk or a forger changed in the stream does not chain: it counts as missing.
        let mut hash = cursor.seen_hash.clone().unwrap_or_default();
        let chained = sorted
            .next
            .iter()
            .take_while(|event| {
                let fits = event.chained_hash(&hash).as_slice() == event.hash;
                hash.clone_from(&event.hash);
                fits
            })
            .count();
        if chained < sorted.next.len() {
            tracing::warn!(
                producer,
                pos = cursor.pos + 1 + chained as i64,
                "an event does not continue the hash chain"
            );
            applied.diverged = true;
            applied.gap = true;
            sorted.next.truncate(chained);
            sorted.behind_gap.clear();
        }
        let rest = sorted.next.split_off(limit.min(sorted.next.len()));
        applied.behind_gap = rest.into_iter().chain(sorted.behind_gap).collect();
        let Some(last) = sorted.next.last() else { return Ok((applied, None)) };
        let (new_pos, new_hash) = (last.pos, last.hash.clone());

        let opened = self.open_at(tx, moment).await?;
        let left = self.decide_events(tx, producer, &sorted.next, &opened, park).await?;
        let moved = sqlx::query!(
            "UPDATE bus.cursor SET pos = $3, seen_hash = $4, state = 'running', updated_at = now()
             WHERE consumer = $1 AND producer = $2 AND pos = $5 AND epoch = $6",
            S::NAME,
            producer,
            new_pos,
            &new_hash,
            cursor.pos,
            cursor.epoch
        )
        .execute(tx)
        .await?;
        if moved.rows_affected() != 1 {
            return Err(Stopped::Raced);
        }
        applied.pos = new_pos;
        metrics::gauge("xiezhi_consumer_position", &[("consumer", S::NAME), ("producer", producer)])
            .set(new_pos as f64);
        Ok((applied, Some(left)))
    }

    /// Decides events in memory on one loaded unit; what cannot be decided is parked with its case.
    async fn decide_events(
        &self,
        tx: &mut Tx,
        producer: &str,
        events: &[Envelope],
        opened: &Opened<S::Rules>,
        park: bool,
    ) -> Result<Left, Stopped> {
        let wanted: Vec<Result<Keys<S::Needs>, Failed>> =
            events.iter().map(|event| self.inner.service.keys_of(event)).collect();
        let keys = union(wanted.iter().filter_map(|keys| keys.as_ref().ok()).cloned());
        let touched: Vec<BTreeSet<Uuid>> = events
            .iter()
            .zip(&wanted)
            .map(|(event, keys)| {
                // An event that touches nothing waits for nobody and nobody waits for it.
                match keys {
                    Ok(keys) if keys.heads.is_empty() => BTreeSet::new(),
                    Ok(keys) => keys.heads.iter().copied().chain([event.key]).collect(),
                    Err(_) => BTreeSet::from([event.key]),
                }
            })
            .collect();
        let all: BTreeSet<Uuid> = touched.iter().flatten().copied().collect();
        let mut wide = keys;
        self.inner.service.widen(tx, &mut wide).await?;
        let by = (S::NAME, producer);
        let (heads, mut waiting) = parked::lock_heads_and_look(tx, by, &wide.heads, &all).await?;
        self.still_wide(tx, &wide).await?;
        let mut unit = self.inner.service.load(tx, &wide).await?;
        let mut context: Option<Context<S::Rules>> = None;
        let mut rows = Vec::new();
        for ((event, wanted), touched) in events.iter().zip(wanted).zip(touched) {
            let fate = match wanted {
                _ if !waiting.is_disjoint(&touched) => Fate::Behind,
                _ if park => Fate::Park { reason: "a constraint of the store refused it".to_owned(), waits: false },
                Err(failed) => fate_of(failed),
                Ok(_) => {
                    let cause = Cause::Event(Box::new(event.clone()));
                    let cx = context.get_or_insert_with(|| {
                        Context::new(S::NAME, opened.moment.now, opened.rules.clone(), cause.clone())
                    });
                    self.decide_event(&mut unit, cx, cause, event)
                }
            };
            let (reason, state) = match fate {
                Fate::Applied => continue,
                Fate::Behind => ("behind an earlier event of its case".to_owned(), parked::State::Behind),
                Fate::Park { reason, waits } => {
                    tracing::info!(producer, pos = event.pos, event = %event.type_name, %reason, "parked");
                    (reason, if waits { parked::State::NotYet } else { parked::State::Broken })
                }
            };
            waiting.extend(touched.iter().copied());
            rows.push(ParkedRow::new(producer, event, touched, reason, state));
        }
        let mut left = Left::default();
        if let Some(cx) = context {
            left = self.write(tx, &heads, &unit, &cx, &[]).await?;
        }
        parked::insert(tx, S::NAME, &rows).await?;
        Ok(Left { waiting: !rows.is_empty(), ..left })
    }

    /// One event on the loaded unit; a failure leaves no trace in it.
    pub(crate) fn decide_event_failed(
        &self,
        unit: &mut S::Unit,
        cx: &mut Context<S::Rules>,
        cause: Cause,
        event: &Envelope,
    ) -> Result<(), Failed> {
        let span = tracing::info_span!("consume", otel.name = %format!("{} hears {}", S::NAME, event.type_name));
        telemetry::adopt(&span, event.traceparent.as_deref());
        let _entered = span.enter();
        cx.begin(cause);
        mark(unit);
        let decided = unpanicked(|| self.inner.service.on_event(unit, cx, event))
            .unwrap_or_else(|panic| Err(Failed::Broken(panic)));
        if decided.is_err() {
            rollback(unit);
            cx.forget();
        }
        decided
    }

    fn decide_event(&self, unit: &mut S::Unit, cx: &mut Context<S::Rules>, cause: Cause, event: &Envelope) -> Fate {
        match self.decide_event_failed(unit, cx, cause, event) {
            Ok(()) => Fate::Applied,
            Err(failed) => fate_of(failed),
        }
    }
}

fn fate_of(failed: Failed) -> Fate {
    match failed {
        Failed::NotYet(reason) => Fate::Park { reason, waits: true },
        Failed::Broken(reason) => Fate::Park { reason, waits: false },
    }
}

/// Holds the cursor, and tells the moment: one look for both.
async fn lock_cursor(tx: &mut Tx, consumer: &str, producer: &str) -> Result<(Cursor, Moment), sqlx::Error> {
    let row = sqlx::query!(
        r#"SELECT c.epoch, c.pos, c.state, c.seen_hash, bus.now() AS "now!", n.mode,
                  COALESCE((SELECT max(revision) FROM bus.bundle), 0) AS "revision!"
           FROM bus.cursor c CROSS JOIN bus.node n WHERE c.consumer = $1 AND c.producer = $2 FOR UPDATE OF c"#,
        consumer,
        producer
    )
    .fetch_one(tx)
    .await?;
    let moment = Moment { now: row.now.to_jiff(), revision: row.revision, rolled_back: row.mode == "rolled_back" };
    Ok((Cursor { epoch: row.epoch, pos: row.pos, state: row.state, seen_hash: row.seen_hash }, moment))
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
