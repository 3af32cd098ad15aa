//! The way to NATS: one connection, the service's own stream, and its named consumers on others' streams.

use std::time::Duration;

use async_nats::jetstream;
use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, PullConsumer, pull};
use async_nats::jetstream::stream::{Config, DiscardPolicy, RetentionPolicy, StorageType, Stream};

use crate::settings::NatsAccess;

/// The stream of a service.
pub fn stream_name(service: &str) -> String {
    format!("EV_{}", service.to_uppercase())
}

/// The subject of a service's beacon on core NATS.
pub fn beacon_subject(service: &str) -> String {
    format!("hw.{service}")
}

/// Connects, now or as soon as the server is there; the client goes on trying for ever.
pub async fn connect(access: &NatsAccess, name: &str) -> Result<async_nats::Client, async_nats::ConnectError> {
    let mut options = async_nats::ConnectOptions::new()
        .name(name)
        // A half-open link is noticed after two missed pings: ten seconds instead of the default's three minutes.
        .ping_interval(Duration::from_secs(5))
        .retry_on_initial_connect()
        .max_reconnects(None)
        .request_timeout(Some(Duration::from_secs(3)))
        .reconnect_delay_callback(|attempts| {
            let base = u64::try_from(attempts.min(20)).unwrap_or(20) * 50;
            Duration::from_millis(base + u64::from(rand::random::<u8>()))
        })
        .event_callback(|event| async move { tracing::info!(%event, "nats") });
    if !access.inbox_prefix.is_empty() {
        options = options.custom_inbox_prefix(access.inbox_prefix.clone());
    }
    if !access.user.is_empty() {
        options = options.user_and_password(access.user.clone(), access.password.clone());
    }
    // The nodes of a cluster are named one after the other, so that none of them is needed to find the others.
    options.connect(access.url.split(',').map(str::trim).collect::<Vec<_>>()).await
}

/// A JetStream context with our bounds on waiting.
pub fn jetstream(client: &async_nats::Client) -> jetstream::Context {
    jetstream::context::ContextBuilder::new()
        .timeout(Duration::from_secs(3))
        .ack_timeout(Duration::from_secs(2))
        .build(client.clone())
}

/// The service's own stream; made where it is missing.
pub async fn ensure_stream(
    jetstream: &jetstream::Context,
    service: &str,
    access: &NatsAccess,
) -> Result<Stream, async_nats::Error> {
    let config = Config {
        name: stream_name(service),
        subjects: vec![format!("ev.{service}.>")],
        retention: RetentionPolicy::Limits,
        discard: DiscardPolicy::Old,
        max_bytes: access.stream_max_bytes,
        max_age: Duration::from_secs(30 * 24 * 3600),
        max_message_size: 256 * 1024,
        duplicate_window: Duration::from_secs(120),
        storage: StorageType::File,
        num_replicas: access.stream_replicas,
        ..Config::default()
    };
    Ok(jetstream.get_or_create_stream(config).await?)
}

/// The consumer's durable reader of a producer's stream. Only the producer makes its stream, so this may fail until it is there.
pub async fn ensure_consumer(
    jetstream: &jetstream::Context,
    producer: &str,
    consumer: &str,
) -> Result<PullConsumer, async_nats::Error> {
    let config = pull::Config {
        durable_name: Some(consumer.to_owned()),
        // One acknowledgement for a batch.
        ack_policy: AckPolicy::All,
        deliver_policy: DeliverPolicy::All,
        ack_wait: Duration::from_secs(30),
        max_deliver: -1,
        max_ack_pending: 1024,
        ..pull::Config::default()
    };
    let stream = stream_name(producer);
    let made: PullConsumer = jetstream.create_consumer_on_stream(config, stream).await?;
    let info = made.cached_info();
    // An old server drops what it does not know without a word.
    if info.config.ack_policy != AckPolicy::All || info.config.max_ack_pending != 1024 {
        return Err(format!("the server made consumer {consumer} otherwise than asked").into());
    }
    Ok(made)
}
