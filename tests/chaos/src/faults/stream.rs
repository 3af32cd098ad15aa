//! Faults of what NATS has stored, thrown by an account that may do what no service may.

use anyhow::Context;
use async_nats::HeaderMap;
use async_nats::jetstream::{self, stream::Stream};
use bytes::Bytes;

use super::{Thrower, Told};
use crate::centre::SERVICES;
use crate::random::Chance;

/// How many old messages are said again.
const REPLAYED: u64 = 50;
/// How many messages change places.
const SHUFFLED: u64 = 32;
/// How many messages are taken out of the middle.
const LOST: u64 = 20;

struct Kept {
    sequence: u64,
    subject: String,
    headers: HeaderMap,
    payload: Bytes,
}

impl Thrower {
    /// 9: messages vanish from the middle of a stream, or all of them at once, and nobody is told.
    pub(super) async fn lose(&self, chance: &mut Chance) -> Told {
        let (_, mut stream, service) = self.a_stream(chance).await?;
        if chance.per_mille(300) {
            stream.purge().await?;
            return Ok(format!("{service}: everything"));
        }
        let state = stream.info().await?.state.clone();
        let mut lost = 0;
        for _ in 0..LOST {
            let sequence = chance.between(state.first_sequence, state.last_sequence);
            // One that was drawn twice is gone already.
            if stream.delete_message(sequence).await.is_ok() {
                lost += 1;
            }
        }
        // The newest as well: what is lost at the end is noticed otherwise than what is lost in the middle.
        if stream.delete_message(state.last_sequence).await.is_ok() {
            lost += 1;
        }
        Ok(format!("{service}: {lost} messages"))
    }

    /// 18: old messages come again, as new messages.
    pub(super) async fn replay(&self, chance: &mut Chance) -> Told {
        let (jetstream, mut stream, service) = self.a_stream(chance).await?;
        let state = stream.info().await?.state.clone();
        let mut said = 0;
        for _ in 0..REPLAYED {
            let sequence = chance.between(state.first_sequence, state.last_sequence);
            let Ok(old) = read(&stream, sequence).await else { continue };
            publish(&jetstream, old).await?;
            said += 1;
        }
        Ok(format!("{service}: {said} messages"))
    }

    /// 19: the newest messages come in another order.
    pub(super) async fn reorder(&self, chance: &mut Chance) -> Told {
        let (jetstream, mut stream, service) = self.a_stream(chance).await?;
        let state = stream.info().await?.state.clone();
        let first = state.last_sequence.saturating_sub(SHUFFLED).max(state.first_sequence);
        let mut window = Vec::new();
        for sequence in first..=state.last_sequence {
            if let Ok(kept) = read(&stream, sequence).await {
                window.push(kept);
            }
        }
        for kept in &window {
            // Whoever has read it already reads it again; whoever has not meets it in its new place.
            let _ = stream.delete_message(kept.sequence).await;
        }
        let count = window.len();
        while !window.is_empty() {
            let index = usize::try_from(chance.below(window.len() as u64)).unwrap_or_default();
            publish(&jetstream, window.swap_remove(index)).await?;
        }
        Ok(format!("{service}: {count} messages"))
    }

    async fn a_stream(&self, chance: &mut Chance) -> anyhow::Result<(jetstream::Context, Stream, &'static str)> {
        let service = chance.pick(&SERVICES).copied().context("no service")?;
        let client = self.centre.nats.lock().await.mighty().await?;
        let jetstream = jetstream::new(client);
        let stream = jetstream.get_stream(name_of(service)).await?;
        Ok((jetstream, stream, service))
    }
}

async fn read(stream: &Stream, sequence: u64) -> anyhow::Result<Kept> {
    let message = stream.get_raw_message(sequence).await?;
    let (subject, headers, payload) = (message.subject.to_string(), message.headers, message.payload);
    Ok(Kept { sequence, subject, headers, payload })
}

/// Without its id, by which the server would know it again.
async fn publish(jetstream: &jetstream::Context, kept: Kept) -> anyhow::Result<()> {
    let mut headers = HeaderMap::new();
    for (name, values) in kept.headers.iter() {
        for value in values.iter().filter(|_| name.to_string() != "Nats-Msg-Id") {
            headers.append(name.clone(), value.clone());
        }
    }
    jetstream.publish_with_headers(kept.subject, headers, kept.payload).await?.await?;
    Ok(())
}

fn name_of(service: &str) -> String {
    format!("EV_{}", service.to_uppercase())
}
