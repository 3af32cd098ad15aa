//! Faults of what NATS has stored, thrown by an account that may do what no service may.

use std::time::Duration;

use anyhow::Context;
use async_nats::HeaderMap;
use async_nats::jetstream::{self, stream::Stream};
use bytes::Bytes;

use super::{Thrower, Told, last};
use crate::centre::SERVICES;
use crate::proxy::Link;
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
    /// 9: messages vanish from the middle of a stream before one of its readers has them, or all of them at once, and nobody
    /// is told.
    pub(super) async fn lose(&self, chance: &mut Chance, lasts: Duration) -> Told {
        let (_, mut stream, service) = self.a_stream(chance).await?;
        if chance.per_mille(300) {
            stream.purge().await?;
            return Ok(format!("{service}: everything"));
        }
        // A reader that hears nothing for a while has everything of that while before it.
        let readers: Vec<&str> = SERVICES.into_iter().filter(|reader| *reader != service).collect();
        let reader = chance.pick(&readers).copied().context("no reader")?;
        let links = || self.centre.of_service(reader).flat_map(|replica| &replica.nats);
        let before = stream.info().await?.state.last_sequence;
        links().for_each(|link| link.set(|manner| manner.silent = true));
        last(lasts).await;
        let lost = lose_since(&mut stream, before, chance).await;
        // What was under way to it goes down with its connection, or it would have heard all the same.
        links().for_each(Link::cut);
        links().for_each(Link::heal);
        Ok(format!("{service}: {} messages, unheard by {reader}", lost?))
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
        // Where most is said there is most to lose.
        let talkative = ["intake", "assignment", "intake", "assignment"];
        let service = chance.pick(&[&SERVICES[..], &talkative].concat()).copied().context("no service")?;
        let client = self.centre.nats.lock().await.mighty().await?;
        let jetstream = jetstream::new(client);
        let stream = jetstream.get_stream(name_of(service)).await?;
        Ok((jetstream, stream, service))
    }
}

/// Deletes most of what came after a sequence, but not the newest: what is lost at the end is noticed otherwise. Where nothing
/// came, older ones and the newest.
async fn lose_since(stream: &mut Stream, before: u64, chance: &mut Chance) -> anyhow::Result<usize> {
    let state = stream.info().await?.state.clone();
    let mut sequences: Vec<u64> = (before + 1..state.last_sequence).filter(|_| chance.per_mille(700)).collect();
    if sequences.is_empty() {
        let older = (0..LOST).map(|_| chance.between(state.first_sequence, state.last_sequence));
        sequences = older.chain([state.last_sequence]).collect();
    }
    let mut lost = 0;
    for sequence in sequences {
        // One that was drawn twice is gone already.
        lost += usize::from(stream.delete_message(sequence).await.is_ok());
    }
    Ok(lost)
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
