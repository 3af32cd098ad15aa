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
            let mut seen = Seen::default();
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

/// A reader and a producer.
type Pair = (String, String);

/// Where each reader stood when it was last looked at.
#[derive(Debug, Default)]
struct Seen {
    /// Epoch and position.
    at: HashMap<Pair, (i32, i64)>,
    /// Which database each reader's service has, and since when its server runs.
    database: HashMap<String, String>,
    /// What readers had acknowledged when the server crashed: their commits need not have been on the disk, so they may stand
    /// before it until they have heard it again. The same holds where a database was put back to an earlier time.
    undone: HashMap<Pair, i64>,
}

/// One look. What NATS says is acknowledged is read before the cursors, and cursors before heads: each only grows.
async fn look(centre: &Centre, seen: &mut Seen) -> anyhow::Result<Vec<String>> {
    let mut found = Vec::new();
    let told = acknowledged(centre).await;
    let is_told = told.is_ok();
    let mut acknowledged = told.unwrap_or_default();
    let mut cursors = Vec::new();
    for service in SERVICES {
        let mut store = PgConnection::connect(&centre.admin_url(&format!("xiezhi_{service}"))).await?;
        let rows: Vec<(String, String, i32, i64)> =
            sqlx::query_as("SELECT consumer, producer, epoch, pos FROM bus.cursor").fetch_all(&mut store).await?;
        let (database,): (String,) = sqlx::query_as(
            "SELECT pg_postmaster_start_time()::text || ' ' || oid FROM pg_database WHERE datname = current_database()",
        )
        .fetch_one(&mut store)
        .await?;
        if seen.database.get(service).is_none_or(|before| *before != database) {
            let of_service = |pair: &Pair| pair.0 == service;
            seen.undone.extend(acknowledged.extract_if(|pair, _| of_service(pair)));
            seen.at.retain(|pair, _| !of_service(pair));
            // Where NATS was away as well, the next look asks it what had been acknowledged.
            if is_told {
                seen.database.insert(service.to_owned(), database);
            }
        }
        cursors.extend(rows);
        let early: Vec<(String,)> =
            sqlx::query_as("SELECT kind FROM bus.timer WHERE state = 'fired' AND due_at > bus.now() LIMIT 5")
                .fetch_all(&mut store)
                .await?;
        found.extend(early.into_iter().map(|(kind,)| format!("N7: {kind} of {service} fired before it was due")));
        if service == "scheduling" {
            found.extend(in_two_places(&mut store).await?);
        }
        store.close().await?;
    }
    for (consumer, producer, epoch, pos) in cursors {
        let place = (consumer, producer);
        if seen.undone.get(&place).is_some_and(|undone| *undone <= pos) {
            seen.undone.remove(&place);
        }
        let counts = !seen.undone.contains_key(&place);
        if let Some(acknowledged) = acknowledged.get(&place).filter(|acknowledged| counts && **acknowledged > pos) {
            found.push(format!(
                "N3: {} told the stream that it had {} of {} and stands at {pos}",
                place.0, acknowledged, place.1
            ));
        }
        let before = seen.at.insert(place.clone(), (epoch, pos));
        if before.is_some_and(|before| before > (epoch, pos)) {
            found.push(format!("N3: {} went back with {} from {before:?} to {pos}", place.0, place.1));
        }
    }
    Ok(found)
}

/// N8: officers and things that two operations hold at one time.
async fn in_two_places(store: &mut PgConnection) -> anyhow::Result<Vec<String>> {
    let rows: Vec<(String,)> = sqlx::query_as(
        "SELECT DISTINCT a.code FROM booking a JOIN booking b USING (kind, code)
         WHERE a.operation_id < b.operation_id AND a.state <> 'released' AND b.state <> 'released' AND a.during && b.during
         LIMIT 5",
    )
    .fetch_all(store)
    .await?;
    Ok(rows.into_iter().map(|(code,)| format!("N8: {code} is in two operations at once")).collect())
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
    let of_line = |line: &str| serde_json::from_str::<serde_json::Value>(line).ok()?.get("repaired")?.as_u64();
    let count = |log: &String| log.lines().filter_map(of_line).sum::<u64>();
    Ok(centre.logs()?.values().map(count).sum())
}
