//! What others know of a journal: its stream's messages, and the heads that its readers remember.

use std::collections::BTreeSet;

use async_nats::jetstream;
use async_nats::jetstream::stream::RawMessageErrorKind;
use sqlx::PgPool;

use crate::doors::PeerJournal;
use crate::envelope::Envelope;
use crate::refusal::Refusal;
use crate::{headers, nats, store};

/// After so many messages in a row that the journal has, older ones are not asked for.
const KNOWN_IN_A_ROW: usize = 1024;

/// What was found outside.
#[derive(Debug, Default)]
pub struct Outside {
    /// Messages beyond the journal's end, in no order.
    pub beyond: Vec<Envelope>,
    /// The last position anybody is known to have seen, of the latest epoch.
    pub seen: i64,
    /// The first position at which others saw something else than the journal has.
    pub differs_at: Option<i64>,
}

/// Reads the stream from its end backwards until everything before is known, and asks the neighbours.
pub async fn outside(
    jetstream: &jetstream::Context,
    peers: &PeerJournal,
    pool: &PgPool,
    service: &'static str,
    head: &store::Head,
) -> Result<Outside, Refusal> {
    let failed = |error: String| Refusal::Unavailable(format!("stream: {error}"));
    let mut outside = Outside { seen: head.last_pos, ..Outside::default() };
    let mut stream =
        jetstream.get_stream(nats::stream_name(service)).await.map_err(|error| failed(error.to_string()))?;
    let state = stream.info().await.map_err(|error| failed(error.to_string()))?.state.clone();
    let mut known = 0;
    let mut positions = BTreeSet::new();
    for sequence in (state.first_sequence..=state.last_sequence).rev() {
        if state.messages == 0 {
            break;
        }
        let message = match stream.get_raw_message(sequence).await {
            Ok(message) => message,
            Err(error) if matches!(error.kind(), RawMessageErrorKind::NoMessageFound) => continue,
            Err(error) => return Err(failed(error.to_string())),
        };
        let Ok(events) = headers::read_all(Some(&message.headers), &message.payload) else { continue };
        for event in events.into_iter().rev().filter(|event| event.service == service) {
            if event.pos > head.last_pos {
                known = 0;
                positions.insert(event.pos);
                outside.beyond.push(event);
                continue;
            }
            let ours = store::hash_at(pool, event.pos).await.map_err(crate::corridor::unavailable)?;
            // What an earlier epoch said there does not count any more.
            match ours {
                Some((epoch, hash)) if epoch == event.epoch && hash != event.hash => {
                    outside.differs_at = Some(outside.differs_at.map_or(event.pos, |pos| pos.min(event.pos)));
                    known = 0;
                }
                _ => known += 1,
            }
        }
        let last = positions.last().copied().unwrap_or(head.last_pos);
        let whole = positions.len() as i64 == last - head.last_pos;
        if whole && known >= KNOWN_IN_A_ROW {
            break;
        }
    }
    let latest = outside.beyond.iter().map(|event| event.epoch).max().unwrap_or(head.epoch);
    let ends = outside.beyond.iter().filter(|event| event.epoch == latest).map(|event| event.pos);
    outside.seen = ends.max().unwrap_or(head.last_pos);
    neighbours(peers, pool, service, head, latest, &mut outside).await?;
    Ok(outside)
}

async fn neighbours(
    peers: &PeerJournal,
    pool: &PgPool,
    service: &'static str,
    head: &store::Head,
    latest: i32,
    outside: &mut Outside,
) -> Result<(), Refusal> {
    for cursor in peers.cursors_on(service).await {
        if cursor.epoch < latest.max(head.epoch) || cursor.state == "diverged" {
            continue;
        }
        if cursor.pos > head.last_pos {
            outside.seen = outside.seen.max(cursor.pos);
            continue;
        }
        let ours = store::hash_at(pool, cursor.pos).await.map_err(crate::corridor::unavailable)?;
        let differs = ours.is_some_and(|(_, hash)| !cursor.seen_hash.is_empty() && hash != cursor.seen_hash);
        if differs {
            outside.differs_at = Some(outside.differs_at.map_or(cursor.pos, |pos| pos.min(cursor.pos)));
        }
    }
    Ok(())
}

/// Asks every neighbour that answers how far it has heard this journal; answers with who knows more of it than it holds, or
/// something else. Asked before the head is read: a cursor never moves to a position that is not committed.
pub async fn remembered(
    peers: &PeerJournal,
    pool: &PgPool,
    service: &'static str,
) -> Result<Option<(String, store::Seen)>, sqlx::Error> {
    let cursors = peers.cursors_on(service).await;
    if cursors.is_empty() {
        return Ok(None);
    }
    let head = store::head(pool).await?;
    for cursor in cursors {
        if cursor.epoch < head.epoch || cursor.state == "diverged" {
            continue;
        }
        let hash = (!cursor.seen_hash.is_empty()).then(|| cursor.seen_hash.to_vec());
        let beyond = (head.epoch, head.last_pos) < (cursor.epoch, cursor.pos);
        let ours = store::hash_at(pool, cursor.pos).await?;
        let other = ours.is_some_and(|(_, ours)| hash.as_ref().is_some_and(|hash| ours != *hash));
        if beyond || other {
            return Ok(Some((cursor.consumer, store::Seen { epoch: cursor.epoch, pos: cursor.pos, hash })));
        }
    }
    Ok(None)
}
