//! The relay: gives positions, publishes in order, tells how far it has come. Every replica runs one; a row lock decides who numbers.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_nats::jetstream;
use async_nats::jetstream::stream::LastRawMessageErrorKind;
use futures::StreamExt;
use futures::stream::FuturesOrdered;
use prost::Message;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;
use xiezhi_proto::bus::v1 as proto;

use crate::corridor::Corridor;
use crate::envelope::Envelope;
use crate::service::Service;
use crate::settings::NatsAccess;
use crate::{headers, metrics, nats, store, telemetry};

/// How many rows get a position in one transaction.
const NUMBER_LIMIT: i64 = 512;
/// How many messages wait for the stream's acknowledgement at once.
const IN_FLIGHT: usize = 256;
/// How often the beacon is sent where nothing happens.
const BEACON_EVERY: Duration = Duration::from_secs(2);
/// The longest pause between two looks at the journal.
const POLL: Duration = Duration::from_millis(250);

/// Everything a relay needs.
pub(crate) struct Relay<S: Service> {
    pub corridor: Corridor<S>,
    pub client: async_nats::Client,
    pub access: NatsAccess,
    pub region: String,
}

/// Why a round of publishing ended early.
#[derive(Debug, thiserror::Error)]
enum RelayError {
    #[error(transparent)]
    Store(#[from] sqlx::Error),
    #[error("stream: {0}")]
    Stream(String),
}

impl<S: Service> Relay<S> {
    /// Runs until it is told to stop.
    pub async fn run(self, stop: CancellationToken) {
        let relay = Arc::new(self);
        let numbering = tokio::spawn(Arc::clone(&relay).number_loop(stop.clone()));
        relay.publish_loop(stop).await;
        let _ = numbering.await;
    }

    /// Numbering goes on while NATS is away: the journal is the truth and others may read it over gRPC.
    async fn number_loop(self: Arc<Self>, stop: CancellationToken) {
        let inner = &self.corridor.inner;
        loop {
            match store::number(&inner.work, S::NAME, NUMBER_LIMIT).await {
                Ok(Some(count)) if count > 0 => {
                    inner.wakes.publish.notify_one();
                    if count as i64 == NUMBER_LIMIT {
                        continue;
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

    async fn publish_loop(&self, stop: CancellationToken) {
        let inner = &self.corridor.inner;
        let jetstream = nats::jetstream(&self.client);
        let mut ready = false;
        let mut beacon_at = Instant::now();
        let mut behind = (0, Instant::now());
        loop {
            if let Err(error) = self.round(&jetstream, &mut ready, &mut beacon_at, &mut behind).await {
                tracing::warn!(%error, "publishing waits");
                ready = false;
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = tokio::time::sleep(Duration::from_millis(200 + u64::from(rand::random::<u8>()))) => {}
                }
                continue;
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = inner.wakes.publish.notified() => behind.0 = -1,
                () = tokio::time::sleep(POLL) => {}
            }
        }
    }

    async fn round(
        &self,
        jetstream: &jetstream::Context,
        ready: &mut bool,
        beacon_at: &mut Instant,
        behind: &mut (i64, Instant),
    ) -> Result<(), RelayError> {
        let pool = &self.corridor.inner.work;
        if !*ready {
            self.prepare(jetstream).await?;
            *ready = true;
        }
        let head = store::head(pool).await?;
        metrics::gauge("xiezhi_relay_lag", &[("service", S::NAME)]).set((head.last_pos - head.published_pos) as f64);
        if head.rolled_back {
            tracing::error!(
                service = S::NAME,
                "the journal is behind its stream: no command is taken and nothing is published"
            );
            return Ok(());
        }
        // Who numbered publishes at once. Another replica steps in only where nothing moved for a while.
        if head.published_pos < head.last_pos && behind.0 != -1 {
            if behind.0 != head.published_pos {
                *behind = (head.published_pos, Instant::now());
            }
            if behind.1.elapsed() < POLL {
                return Ok(());
            }
        }
        let mut published = head.published_pos;
        let mut sent = false;
        while published < head.last_pos {
            let batch =
                store::read_journal(pool, S::NAME, published + 1, head.last_pos, None, IN_FLIGHT as i64).await?;
            let Some(last) = batch.last().map(|event| event.pos) else { break };
            self.publish(jetstream, &batch).await?;
            store::raise_published(pool, last).await?;
            published = last;
            sent = true;
        }
        *behind = (published, Instant::now());
        if sent || beacon_at.elapsed() >= BEACON_EVERY {
            *beacon_at = Instant::now();
            self.beacon(&head).await;
        }
        // A stream that was wiped while nothing was said is noticed here, not at the next event.
        if !sent && beacon_at.elapsed() < POLL {
            self.check_stream(jetstream, published).await?;
        }
        Ok(())
    }

    /// In order, many in flight; a missing acknowledgement ends the batch, and it begins again from where the hint stands.
    async fn publish(&self, jetstream: &jetstream::Context, batch: &[Envelope]) -> Result<(), RelayError> {
        let mut acks = FuturesOrdered::new();
        for event in batch {
            let span = tracing::info_span!("relay", event = %event.type_name);
            telemetry::adopt(&span, event.traceparent.as_deref());
            let sending = jetstream
                .publish_with_headers(
                    headers::subject(event),
                    headers::write(event, &self.region),
                    event.payload.clone().into(),
                )
                .instrument(span);
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
        let pool = &self.corridor.inner.work;
        let head = store::head(pool).await?;
        let Some(last) = last else {
            return Ok(store::reset_published(pool, 0).await?);
        };
        let ahead = last.epoch > head.epoch || (last.epoch == head.epoch && last.pos > head.last_pos);
        let differs = last.epoch == head.epoch
            && last.pos <= head.last_pos
            && store::read_journal(pool, S::NAME, last.pos, last.pos, None, 1)
                .await?
                .first()
                .is_none_or(|ours| ours.hash != last.hash);
        if ahead || differs {
            tracing::error!(
                stream_pos = last.pos,
                journal_pos = head.last_pos,
                "the stream knows more than the journal"
            );
            return Ok(store::set_rolled_back(pool).await?);
        }
        Ok(store::reset_published(pool, last.pos).await?)
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
        match headers::read(Some(&message.headers), &message.payload) {
            Ok(event) => Ok(Some(event)),
            Err(error) => {
                // Nobody but us may write there. It proves nothing about our journal; what follows it is published anew.
                tracing::error!(%error, "the last message of our stream is not one of ours");
                Ok(None)
            }
        }
    }

    /// Core NATS: it may be lost, the next one comes in two seconds.
    async fn beacon(&self, head: &store::Head) {
        let beacon = proto::HighWaterResponse {
            epoch: head.epoch,
            last_pos: head.last_pos,
            last_hash: head.last_hash.clone().into(),
            unnumbered: 0,
            published_pos: head.published_pos,
            mode: String::new(),
        };
        let sent = self.client.publish(nats::beacon_subject(S::NAME), beacon.encode_to_vec().into()).await;
        if let Err(error) = sent {
            tracing::debug!(%error, "the beacon was not sent");
        }
    }
}
