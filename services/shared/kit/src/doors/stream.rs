//! Whether a stream says what its journal says.

use std::collections::BTreeMap;

use async_nats::jetstream::stream::RawMessageErrorKind;
use sqlx::PgPool;
use xiezhi_proto::bus::v1 as proto;

use crate::corridor::unavailable;
use crate::envelope::Envelope;
use crate::refusal::Refusal;
use crate::service::Service;
use crate::{headers, nats, store};

/// How many differences are told at most.
const TOLD: usize = 20;

/// Compares every message the stream holds with the journal.
pub(super) async fn check<S: Service>(
    client: &async_nats::Client,
    pool: &PgPool,
) -> Result<proto::CheckStreamResponse, Refusal> {
    let failed = |error: String| Refusal::Unavailable(format!("stream: {error}"));
    let jetstream = nats::jetstream(client);
    let mut stream =
        jetstream.get_stream(nats::stream_name(S::NAME)).await.map_err(|error| failed(error.to_string()))?;
    let state = stream.info().await.map_err(|error| failed(error.to_string()))?.state.clone();
    let mut answer = proto::CheckStreamResponse::default();
    if state.messages == 0 {
        return Ok(answer);
    }
    for sequence in state.first_sequence..=state.last_sequence {
        // A message may have been deleted or aged out meanwhile: that is a loss of transport, not of truth.
        let message = match stream.get_raw_message(sequence).await {
            Ok(message) => message,
            Err(error) if matches!(error.kind(), RawMessageErrorKind::NoMessageFound) => continue,
            Err(error) => return Err(failed(error.to_string())),
        };
        answer.compared += 1;
        match headers::read_all(Some(&message.headers), &message.payload) {
            Ok(events) => {
                let other = foreign::<S>(pool, &events).await?;
                let told = other.iter().map(|pos| format!("message {sequence} is not the journal's position {pos}"));
                answer.differences.extend(told);
            }
            Err(error) => answer.differences.push(format!("message {sequence}: {error}")),
        }
        if answer.differences.len() >= TOLD {
            break;
        }
    }
    Ok(answer)
}

/// The positions of those that the journal does not know, or knows otherwise.
async fn foreign<S: Service>(pool: &PgPool, events: &[Envelope]) -> Result<Vec<i64>, Refusal> {
    let positions = || events.iter().map(|event| event.pos);
    let (from, until) = (positions().min().unwrap_or(0), positions().max().unwrap_or(0));
    let most = i64::try_from(events.len()).unwrap_or(i64::MAX);
    let ours = store::read_journal(pool, S::NAME, from, until, None, most).await.map_err(unavailable)?;
    let ours: BTreeMap<i64, &Envelope> = ours.iter().map(|event| (event.pos, event)).collect();
    let differs = |event: &&Envelope| {
        ours.get(&event.pos).is_none_or(|ours| {
            ours.hash != event.hash || ours.event_id != event.event_id || ours.payload != event.payload
        })
    };
    Ok(events.iter().filter(differs).map(|event| event.pos).collect())
}
