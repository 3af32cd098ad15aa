//! An event as a CloudEvent 1.0 in binary mode: `ce-` headers and the body as it is.

use async_nats::HeaderMap;
use jiff::Timestamp;
use uuid::Uuid;

use crate::envelope::{Envelope, NotAnEvent};

/// The stream's own id of a message: the same event always has the same one.
pub fn message_id(event: &Envelope) -> String {
    format!("{}/{}/{}", event.service, event.epoch, event.pos)
}

/// The NATS subject of an event: `ev.<service>.<noun>.<past participle>.<key>`.
pub fn subject(event: &Envelope) -> String {
    let middle = match xiezhi_proto::event_kind(&event.type_name) {
        // The bus's own events carry no service in their name.
        Some(kind) if kind.subject.starts_with(&format!("{}.", event.service)) => kind.subject.to_owned(),
        Some(kind) => format!("{}.{}", event.service, kind.subject),
        None => format!("{}.event.unnamed", event.service),
    };
    format!("ev.{middle}.{}", event.key)
}

/// Writes everything the hash covers, and the hash, into headers.
pub fn write(event: &Envelope, region: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let mut put = |name: &'static str, value: String| headers.insert(name, value);
    put("Nats-Msg-Id", message_id(event));
    put("ce-specversion", "1.0".to_owned());
    put("ce-id", event.event_id.to_string());
    put("ce-source", format!("/{region}/{}", event.service));
    put("ce-type", event.type_name.clone());
    put("ce-subject", event.key.to_string());
    put("ce-time", event.occurred_at.to_string());
    put("ce-dataschema", format!("proto:{}", event.type_name));
    put("ce-partitionkey", event.key.to_string());
    put("ce-sequence", event.pos.to_string());
    put("ce-epoch", event.epoch.to_string());
    put("ce-keyseq", event.key_seq.to_string());
    put("ce-hash", hex::encode(&event.hash));
    put("ce-schemaver", event.schema_ver.to_string());
    put("ce-actor", event.actor.clone());
    put("ce-recorded", event.recorded_at.to_string());
    if let Some(cause) = event.cause_id {
        put("ce-cause", cause.to_string());
    }
    if let Some(command) = event.command_id {
        put("ce-command", command.to_string());
    }
    if let Some(traceparent) = &event.traceparent {
        put("traceparent", traceparent.clone());
    }
    put("content-type", "application/protobuf".to_owned());
    headers
}

/// Reads an event back from its headers and body.
pub fn read(headers: Option<&HeaderMap>, payload: &[u8]) -> Result<Envelope, NotAnEvent> {
    let headers = headers.ok_or_else(|| NotAnEvent("it has no headers".to_owned()))?;
    let maybe = |name: &str| headers.get(name).map(|value| value.as_str().to_owned());
    let need = |name: &str| maybe(name).ok_or_else(|| NotAnEvent(format!("{name} is missing")));
    let bad = |name: &str, value: &str| NotAnEvent(format!("{name} {value:?}"));
    let number = |name: &str| {
        let text = need(name)?;
        text.parse::<i64>().map_err(|_| bad(name, &text))
    };
    let small = |name: &str| {
        let value = number(name)?;
        i32::try_from(value).map_err(|_| bad(name, &value.to_string()))
    };
    let id = |name: &str, text: &str| Uuid::parse_str(text).map_err(|_| bad(name, text));
    let maybe_id = |name: &str| maybe(name).map(|text| id(name, &text)).transpose();
    let time = |name: &str| {
        let text = need(name)?;
        text.parse::<Timestamp>().map_err(|_| bad(name, &text))
    };
    let source = need("ce-source")?;
    let service = source.rsplit('/').next().unwrap_or_default().to_owned();
    let hash = need("ce-hash")?;
    Ok(Envelope {
        service,
        epoch: small("ce-epoch")?,
        pos: number("ce-sequence")?,
        event_id: id("ce-id", &need("ce-id")?)?,
        command_id: maybe_id("ce-command")?,
        cause_id: maybe_id("ce-cause")?,
        actor: need("ce-actor")?,
        traceparent: maybe("traceparent"),
        key: id("ce-partitionkey", &need("ce-partitionkey")?)?,
        key_seq: number("ce-keyseq")?,
        type_name: need("ce-type")?,
        schema_ver: small("ce-schemaver")?,
        occurred_at: time("ce-time")?,
        recorded_at: time("ce-recorded")?,
        payload: payload.to_vec(),
        hash: hex::decode(&hash).map_err(|_| bad("ce-hash", &hash))?,
    })
}
