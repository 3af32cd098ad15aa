//! Safety while everything goes on: what can be wrong for a moment only is looked for all the time, past every link.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use async_nats::jetstream;
use sqlx::{Connection, PgConnection};

use crate::centre::{Centre, SERVICES};
use crate::history::History;

/// How often it is looked.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// How long one look may take; a frozen server is looked at again later.
const LOOK_WITHIN: Duration = Duration::from_secs(3);

/// The watch over a run.
#[derive(Debug)]
pub struct Watch {
    stop: Arc<AtomicBool>,
    task: tokio::task::JoinHandle<()>,
    looks: Arc<AtomicU64>,
}

impl Watch {
    /// Begins to look.
    #[must_use]
    pub fn start(centre: Arc<Centre>, history: Arc<History>) -> Self {
        let (stop, looks): (Arc<AtomicBool>, Arc<AtomicU64>) = Default::default();
        let (stopped, counted) = (Arc::clone(&stop), Arc::clone(&looks));
        let task = tokio::spawn(async move {
            let mut seen = HashMap::new();
            while !stopped.load(Ordering::SeqCst) {
                let look = tokio::time::timeout(LOOK_WITHIN, look(&centre, &mut seen)).await;
                if let Ok(Ok(found)) = look {
                    counted.fetch_add(1, Ordering::Relaxed);
                    found.into_iter().for_each(|what| history.broke(what));
                }
                tokio::time::sleep(LOOK_EVERY).await;
            }
        });
        Self { stop, task, looks }
    }

    /// Looks no more; how often it looked.
    pub async fn stop(self) -> u64 {
        self.stop.store(true, Ordering::SeqCst);
        let _ = self.task.await;
        self.looks.load(Ordering::Relaxed)
    }
}

/// Where each reader stood when it was last looked at.
type Seen = HashMap<(String, String), (i32, i64)>;

/// One look. What NATS says is acknowledged is read before the cursors, and cursors before heads: each only grows.
async fn look(centre: &Centre, seen: &mut Seen) -> anyhow::Result<Vec<String>> {
    let mut found = Vec::new();
    let acknowledged = acknowledged(centre).await.unwrap_or_default();
    let mut cursors = Vec::new();
    for service in SERVICES {
        let mut store = PgConnection::connect(&centre.admin_url(&format!("xiezhi_{service}"))).await?;
        let rows: Vec<(String, String, i32, i64)> =
            sqlx::query_as("SELECT consumer, producer, epoch, pos FROM bus.cursor").fetch_all(&mut store).await?;
        cursors.extend(rows);
        store.close().await?;
    }
    for (consumer, producer, epoch, pos) in cursors {
        let place = (consumer, producer);
        if let Some(acknowledged) = acknowledged.get(&place).filter(|acknowledged| **acknowledged > pos) {
            found.push(format!(
                "N3: {} told the stream that it had {} of {} and stands at {pos}",
                place.0, acknowledged, place.1
            ));
        }
        let before = seen.insert(place.clone(), (epoch, pos));
        if before.is_some_and(|before| before > (epoch, pos)) {
            found.push(format!("N3: {} went back with {} from {before:?} to {pos}", place.0, place.1));
        }
    }
    Ok(found)
}

/// Up to which position each reader has acknowledged everything, by reader and producer.
async fn acknowledged(centre: &Centre) -> anyhow::Result<HashMap<(String, String), i64>> {
    // A node that a fault holds cannot be asked.
    let client = centre.nats.try_lock()?.mighty().await?;
    let jetstream = jetstream::new(client);
    let mut found = HashMap::new();
    for producer in SERVICES {
        let stream = jetstream.get_stream(format!("EV_{}", producer.to_uppercase())).await?;
        for consumer in SERVICES.into_iter().filter(|consumer| *consumer != producer) {
            let Ok(mut reader) = stream.get_consumer::<jetstream::consumer::pull::Config>(consumer).await else {
                continue;
            };
            let floor = reader.info().await?.ack_floor.stream_sequence;
            let Ok(message) = stream.get_raw_message(floor).await else { continue };
            let position = message.headers.get("ce-sequence").and_then(|value| value.as_str().parse().ok());
            if let Some(position) = position {
                found.insert((consumer.to_owned(), producer.to_owned()), position);
            }
        }
    }
    Ok(found)
}

/// How many events readers have taken from a journal instead of a stream, as the processes' logs count them.
pub fn repairs(centre: &Centre) -> anyhow::Result<u64> {
    let count = |log: &String| log.lines().filter(|line| line.contains("repaired")).count() as u64;
    Ok(centre.logs()?.values().map(count).sum())
}
