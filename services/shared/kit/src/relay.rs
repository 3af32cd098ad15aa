//! The relay: gives positions, publishes in order, tells how far it has come. Every replica runs one; a row lock decides who numbers.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_nats::jetstream;
use async_nats::jetstream::stream::LastRawMessageErrorKind;
use futures::StreamExt;
use futures::stream::FuturesOrdered;
use prost::Message;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;
use xiezhi_proto::bus::v1 as proto;

use crate::commands::callers_waiting;
use crate::corridor::Corridor;
use crate::doors::PeerJournal;
use crate::envelope::Envelope;
use crate::recover::gather;
use crate::service::Service;
use crate::settings::NatsAccess;
use crate::store::Seen;
use crate::{headers, metrics, nats, packet, store, telemetry};

/// How many rows get a position in one transaction.
const NUMBER_LIMIT: i64 = 512;
/// How many messages wait for the stream's acknowledgement at once.
const IN_FLIGHT: usize = 256;
/// How often the beacon is sent where nothing happens.
const BEACON_EVERY: Duration = Duration::from_secs(2);
/// The longest pause between two looks at the journal.
const POLL: Duration = Duration::from_millis(250);

/// So many rows at once show a load.
const CROWD: usize = 4;
/// How long rows are gathered then.
const GATHER: Duration = Duration::from_millis(5);
/// For so many waiting callers rows are gathered once as long again,
const CALLERS_FOR_ONE: usize = 4;
/// but not longer than this.
const LONGEST_GATHER: Duration = Duration::from_millis(50);
/// How often the hint in the store is raised while events flow.
const RAISE_EVERY: Duration = Duration::from_millis(200);

/// Everything a relay needs.
pub(crate) struct Relay<S: Service> {
    pub corridor: Corridor<S>,
    pub client: async_nats::Client,
    pub access: NatsAccess,
    pub region: String,
    /// The neighbours, who remember heads of our chain.
    pub peers: PeerJournal,
}

/// How often the neighbours are asked what they remember.
const ASK_NEIGHBOURS: Duration = Duration::from_secs(30);
/// How long a starting service waits for its first look at stream and neighbours.
const FIRST_LOOK: Duration = Duration::from_secs(5);

/// Why a round of publishing ended early.
#[derive(Debug, thiserror::Error)]
enum RelayError {
    #[error(transparent)]
    Store(#[from] sqlx::Error),
    #[error("stream: {0}")]
    Stream(String),
}

/// Batches of freshly numbered events that may wait for the publisher; what does not fit is read from the journal.
const FRESH: usize = 64;

/// Where publishing stands.
struct Progress {
    /// The stream was looked at since the last mishap.
    ready: bool,
    /// Up to here the stream holds everything, as far as this replica knows.
    published: i64,
    /// When it last moved.
    moved_at: Instant,
    /// When the store last heard of it.
    raised_at: Instant,
    /// When the beacon was last sent.
    beacon_at: Instant,
    /// When the neighbours were last asked what they remember.
    asked_at: Instant,
}

/// How long more is waited for under load; nobody who waits for an answer waits for this.
fn gathering() -> Duration {
    GATHER + (GATHER * u32::try_from(callers_waiting() / CALLERS_FOR_ONE).unwrap_or(0)).min(LONGEST_GATHER)
}

/// How many events the stream does not hold yet.
fn lag(service: &'static str, events: i64) {
    metrics::gauge("xiezhi_relay_lag", &[("service", service)]).set(events as f64);
}

impl<S: Service> Relay<S> {
    /// Looks at stream and neighbours before the first command is taken, so that nothing is decided on a journal that was
    /// restored to an earlier time. Where neither answers, commands are taken all the same.
    pub async fn first_look(&self) {
        let jetstream = nats::jetstream(&self.client);
        if let Err(error) = self.ask_neighbours().await {
            tracing::warn!(%error, "the neighbours were not asked before the start");
        }
        match tokio::time::timeout(FIRST_LOOK, self.prepare(&jetstream)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "the stream was not looked at before the start"),
            Err(_) => tracing::warn!("the stream was not looked at before the start: no answer"),
        }
    }

    /// Runs until it is told to stop.
    pub async fn run(self, stop: CancellationToken) {
        let relay = Arc::new(self);
        let (fresh, numbered) = mpsc::channel(FRESH);
        *relay.corridor.inner.fresh() = Some(fresh.clone());
        let numbering = tokio::spawn(Arc::clone(&relay).number_loop(fresh, stop.clone()));
        relay.publish_loop(numbered, stop).await;
        let _ = numbering.await;
    }

    /// Numbering goes on while NATS is away: the journal is the truth and others may read it over gRPC.
    async fn number_loop(self: Arc<Self>, fresh: mpsc::Sender<Vec<Envelope>>, stop: CancellationToken) {
        let inner = &self.corridor.inner;
        loop {
            let began = Instant::now();
            let seen = self.corridor.note_head((0, 0));
            match store::number(&inner.work, S::NAME, NUMBER_LIMIT, seen).await {
                Ok(Some(events)) if !events.is_empty() => {
                    if let Some(last) = events.last() {
                        self.corridor.note_head((last.epoch, last.pos));
                    }
                    let (full, crowd) = (events.len() as i64 == NUMBER_LIMIT, events.len() >= CROWD);
                    // A full queue loses nothing: the publisher reads the journal wherever a batch does not follow.
                    let _ = fresh.try_send(events);
                    if full {
                        continue;
                    }
                    // Under load a transaction for many costs little more than one for few.
                    if crowd {
                        tokio::time::sleep(gathering() + began.elapsed()).await;
                    }
                }
                Ok(_) => {}
                Err(error) => tracing::warn!(%error, "numbering waits"),
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = inner.wakes.relay.notified() => {}
                () = tokio::time::sleep(POLL) => {}
            }
        }
    }

    async fn publish_loop(&self, mut fresh: mpsc::Receiver<Vec<Envelope>>, stop: CancellationToken) {
        let jetstream = nats::jetstream(&self.client);
        let now = Instant::now();
        let mut progress =
            Progress { ready: false, published: 0, moved_at: now, raised_at: now, beacon_at: now, asked_at: now };
        let mut batch = Vec::new();
        loop {
            let done = match batch.first() {
                Some(Envelope { pos, .. }) if progress.ready && *pos == progress.published + 1 => {
                    self.publish_fresh(&jetstream, &batch, &mut progress).await
                }
                first => self.round(&jetstream, first.is_some(), &mut progress).await,
            };
            if let Err(error) = done {
                tracing::warn!(%error, "publishing waits");
                progress.ready = false;
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = tokio::time::sleep(Duration::from_millis(200 + u64::from(rand::random::<u8>()))) => {}
                }
            }
            batch = tokio::select! {
                () = stop.cancelled() => return,
                numbered = fresh.recv() => numbered.unwrap_or_default(),
                () = tokio::time::sleep(POLL) => Vec::new(),
            };
            if batch.len() >= CROWD {
                // Under load few large messages cost less than many small ones.
                tokio::time::sleep(gathering()).await;
            }
            while let Some(last) = batch.last().map(|event| event.pos)
                && let Ok(more) = fresh.try_recv()
            {
                // What two transactions said may come in another order than it has; then it is read from the journal.
                if more.first().is_none_or(|next| next.pos != last + 1) {
                    break;
                }
                batch.extend(more);
            }
        }
    }

    /// What was numbered here a moment ago needs no look at the journal.
    async fn publish_fresh(
        &self,
        jetstream: &jetstream::Context,
        batch: &[Envelope],
        progress: &mut Progress,
    ) -> Result<(), RelayError> {
        let end = batch.last().map_or(progress.published, |event| event.pos);
        for part in batch.chunks(IN_FLIGHT) {
            lag(S::NAME, end - progress.published);
            self.publish(jetstream, part).await?;
            let Some(last) = part.last() else { continue };
            self.move_to(last.pos, progress).await?;
            self.beacon(last.epoch, last.pos, &last.hash, last.pos).await;
            progress.beacon_at = Instant::now();
        }
        lag(S::NAME, 0);
        Ok(())
    }

    async fn move_to(&self, published: i64, progress: &mut Progress) -> Result<(), RelayError> {
        progress.published = published;
        progress.moved_at = Instant::now();
        if progress.raised_at.elapsed() >= RAISE_EVERY { self.raise(progress).await } else { Ok(()) }
    }

    /// The store's hint, for other replicas and for the next start.
    async fn raise(&self, progress: &mut Progress) -> Result<(), RelayError> {
        let mut tx = self.corridor.inner.work.begin_repeatable().await?;
        store::raise_published(&mut *tx, progress.published).await?;
        tx.commit().await?;
        progress.raised_at = Instant::now();
        Ok(())
    }

    async fn head(&self) -> Result<store::Head, RelayError> {
        let connections = &self.corridor.inner.work;
        let mut link = connections.take().await?;
        let mut head = store::head(&mut *link).await?;
        let went_back = !head.rolled_back && self.corridor.went_back(&mut link, (head.epoch, head.last_pos)).await?;
        link.give_back();
        if went_back {
            let (epoch, pos) = self.corridor.note_head((0, 0));
            if store::trip_fence(connections, &Seen { epoch, pos, hash: None }).await? {
                tracing::error!(service = S::NAME, pos = head.last_pos, "the store was set back under this process");
                head.rolled_back = true;
            }
        }
        Ok(head)
    }

    /// Publishes what the journal holds beyond the stream: all of it where it was numbered here, and what another replica
    /// numbered only where nothing moved for a while.
    async fn round(
        &self,
        jetstream: &jetstream::Context,
        ours: bool,
        progress: &mut Progress,
    ) -> Result<(), RelayError> {
        if !progress.ready {
            self.prepare(jetstream).await?;
            self.ask_neighbours().await?;
            progress.ready = true;
            progress.published = 0;
        }
        let head = self.head().await?;
        if head.rolled_back {
            tracing::error!(
                service = S::NAME,
                "the journal is behind its stream: no command is taken and nothing is published"
            );
            return Ok(());
        }
        if progress.published < head.published_pos {
            progress.published = head.published_pos;
            progress.moved_at = Instant::now();
        } else if progress.published > head.published_pos {
            self.raise(progress).await?;
        }
        lag(S::NAME, head.last_pos - progress.published);
        if progress.published < head.last_pos && !ours && progress.moved_at.elapsed() < POLL {
            return Ok(());
        }
        let before = progress.published;
        while progress.published < head.last_pos {
            let mut link = self.corridor.inner.work.take().await?;
            let from = progress.published + 1;
            let batch = store::read_journal(&mut *link, S::NAME, from, head.last_pos, None, IN_FLIGHT as i64).await?;
            link.give_back();
            let Some(last) = batch.last().map(|event| event.pos) else { break };
            self.publish(jetstream, &batch).await?;
            self.move_to(last, progress).await?;
        }
        let sent = progress.published > before;
        if sent || progress.beacon_at.elapsed() >= BEACON_EVERY {
            progress.beacon_at = Instant::now();
            self.beacon(head.epoch, head.last_pos, &head.last_hash, progress.published).await;
            // A stream that was wiped while nothing was said is noticed here, not at the next event.
            if !sent {
                self.check_stream(jetstream, progress.published).await?;
            }
            if progress.asked_at.elapsed() >= ASK_NEIGHBOURS {
                progress.asked_at = Instant::now();
                self.ask_neighbours().await?;
            }
        }
        Ok(())
    }

    /// In order, many in flight; a missing acknowledgement ends the batch, and it begins again from where the hint stands.
    async fn publish(&self, jetstream: &jetstream::Context, batch: &[Envelope]) -> Result<(), RelayError> {
        let mut acks = FuturesOrdered::new();
        for rows in packet::cut(batch) {
            let Some((subject, headers, payload)) = headers::message(rows, &self.region) else { continue };
            let span = match rows {
                [event] => telemetry::followed(
                    event.traceparent.as_deref(),
                    || tracing::info_span!("relay", event = %event.type_name),
                ),
                // Several may come from several traces; each of them is met again where it is heard.
                _ => tracing::Span::none(),
            };
            let sending = jetstream.publish_with_headers(subject, headers, payload).instrument(span);
            let ack = sending.await.map_err(|error| RelayError::Stream(error.to_string()))?;
            acks.push_back(async move { tokio::time::timeout(Duration::from_secs(2), ack).await });
        }
        while let Some(ack) = acks.next().await {
            match ack {
                Ok(Ok(_)) => {}
                Ok(Err(error)) => return Err(RelayError::Stream(error.to_string())),
                Err(_) => return Err(RelayError::Stream("no acknowledgement within 2 s".to_owned())),
            }
        }
        Ok(())
    }

    /// Makes the stream where it is missing, sets the hint to what it holds, and trips the fence where it holds more than the journal.
    async fn prepare(&self, jetstream: &jetstream::Context) -> Result<(), RelayError> {
        let failed = |error: async_nats::Error| RelayError::Stream(error.to_string());
        nats::ensure_stream(jetstream, S::NAME, &self.access).await.map_err(failed)?;
        let last = self.last_in_stream(jetstream).await?;
        let connections = &self.corridor.inner.work;
        if let Some(Envelope { epoch, pos, hash, .. }) = &last
            && store::trip_fence(connections, &Seen { epoch: *epoch, pos: *pos, hash: Some(hash.clone()) }).await?
        {
            tracing::error!(stream_pos = pos, "the stream knows more than the journal");
            return Ok(());
        }
        let mut link = connections.take().await?;
        store::reset_published(&mut *link, last.map_or(0, |last| last.pos)).await?;
        link.give_back();
        Ok(())
    }

    /// Trips the fence where a neighbour remembers more of our journal than we have, or something else.
    async fn ask_neighbours(&self) -> Result<(), RelayError> {
        let memory = gather::remembered(&self.peers, self.corridor.pool(), S::NAME).await?;
        if let Some((consumer, seen)) = memory
            && store::trip_fence(&self.corridor.inner.work, &seen).await?
        {
            tracing::error!(consumer, pos = seen.pos, "a neighbour remembers more than the journal");
        }
        Ok(())
    }

    async fn check_stream(&self, jetstream: &jetstream::Context, published: i64) -> Result<(), RelayError> {
        let last = self.last_in_stream(jetstream).await?.map_or(0, |event| event.pos);
        if last < published {
            return Err(RelayError::Stream(format!("it ends at {last}, published was {published}")));
        }
        Ok(())
    }

    async fn last_in_stream(&self, jetstream: &jetstream::Context) -> Result<Option<Envelope>, RelayError> {
        let failed = |error: String| RelayError::Stream(error);
        let stream = jetstream
            .get_stream_no_info(nats::stream_name(S::NAME))
            .await
            .map_err(|error| failed(error.to_string()))?;
        let message = match stream.get_last_raw_message_by_subject(&format!("ev.{}.>", S::NAME)).await {
            Ok(message) => message,
            Err(error) if error.kind() == LastRawMessageErrorKind::NoMessageFound => return Ok(None),
            Err(error) => return Err(failed(error.to_string())),
        };
        match headers::read_all(Some(&message.headers), &message.payload) {
            Ok(mut events) => Ok(events.pop()),
            Err(error) => {
                // Nobody but us may write there. It proves nothing about our journal; what follows it is published anew.
                tracing::error!(%error, "the last message of our stream is not one of ours");
                Ok(None)
            }
        }
    }

    /// Core NATS: it may be lost, the next one comes in two seconds.
    async fn beacon(&self, epoch: i32, last_pos: i64, last_hash: &[u8], published_pos: i64) {
        let beacon = proto::HighWaterResponse {
            epoch,
            last_pos,
            last_hash: last_hash.to_vec().into(),
            unnumbered: 0,
            published_pos,
            mode: String::new(),
        };
        let sent = self.client.publish(nats::beacon_subject(S::NAME), beacon.encode_to_vec().into()).await;
        if let Err(error) = sent {
            tracing::debug!(%error, "the beacon was not sent");
        }
    }
}
