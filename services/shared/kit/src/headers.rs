//! An event as a CloudEvent 1.0 in binary mode: `ce-` headers and the body as it is; under load, several of them in one.

use async_nats::header::{HeaderMap, HeaderName};
use bytes::Bytes;
use jiff::Timestamp;
use uuid::Uuid;

use crate::envelope::{Envelope, FACTS, NotAnEvent};
use crate::packet::{self, ROWS};

// Names that are not parsed and copied for each message.
static MESSAGE_ID: HeaderName = HeaderName::from_static("Nats-Msg-Id");
static SPECVERSION: HeaderName = HeaderName::from_static("ce-specversion");
static ID: HeaderName = HeaderName::from_static("ce-id");
static SOURCE: HeaderName = HeaderName::from_static("ce-source");
static TYPE: HeaderName = HeaderName::from_static("ce-type");
static SUBJECT: HeaderName = HeaderName::from_static("ce-subject");
static TIME: HeaderName = HeaderName::from_static("ce-time");
static DATASCHEMA: HeaderName = HeaderName::from_static("ce-dataschema");
static PARTITIONKEY: HeaderName = HeaderName::from_static("ce-partitionkey");
static SEQUENCE: HeaderName = HeaderName::from_static("ce-sequence");
static EPOCH: HeaderName = HeaderName::from_static("ce-epoch");
static KEYSEQ: HeaderName = HeaderName::from_static("ce-keyseq");
static HASH: HeaderName = HeaderName::from_static("ce-hash");
static SCHEMAVER: HeaderName = HeaderName::from_static("ce-schemaver");
static ACTOR: HeaderName = HeaderName::from_static("ce-actor");
static RECORDED: HeaderName = HeaderName::from_static("ce-recorded");
static CAUSE: HeaderName = HeaderName::from_static("ce-cause");
static COMMAND: HeaderName = HeaderName::from_static("ce-command");
static TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
static CONTENT_TYPE: HeaderName = HeaderName::from_static("content-type");

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
        None if event.type_name == FACTS => format!("{}.facts.told", event.service),
        None => format!("{}.event.unnamed", event.service),
    };
    format!("ev.{middle}.{}", event.key)
}

/// Writes everything the hash covers, and the hash, into headers.
pub fn write(event: &Envelope, region: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let mut put = |name: &HeaderName, value: String| headers.insert(name.clone(), value);
    put(&MESSAGE_ID, message_id(event));
    put(&SPECVERSION, "1.0".to_owned());
    put(&ID, event.event_id.to_string());
    put(&SOURCE, format!("/{region}/{}", event.service));
    put(&TYPE, event.type_name.clone());
    put(&SUBJECT, event.key.to_string());
    put(&TIME, event.occurred_at.to_string());
    put(&DATASCHEMA, format!("proto:{}", event.type_name));
    put(&PARTITIONKEY, event.key.to_string());
    put(&SEQUENCE, event.pos.to_string());
    put(&EPOCH, event.epoch.to_string());
    put(&KEYSEQ, event.key_seq.to_string());
    put(&HASH, hex::encode(&event.hash));
    put(&SCHEMAVER, event.schema_ver.to_string());
    put(&ACTOR, event.actor.clone());
    put(&RECORDED, event.recorded_at.to_string());
    if let Some(cause) = event.cause_id {
        put(&CAUSE, cause.to_string());
    }
    if let Some(command) = event.command_id {
        put(&COMMAND, command.to_string());
    }
    if let Some(traceparent) = &event.traceparent {
        put(&TRACEPARENT, traceparent.clone());
    }
    put(&CONTENT_TYPE, "application/protobuf".to_owned());
    headers
}

/// The subject, headers and body of a message: of one event as it is, of several as one packet.
pub(crate) fn message(events: &[Envelope], region: &str) -> Option<(String, HeaderMap, Bytes)> {
    let (first, last) = (events.first()?, events.last()?);
    if events.len() == 1 {
        return Some((subject(first), write(first, region), first.payload.clone().into()));
    }
    let mut headers = HeaderMap::new();
    let mut put = |name: &HeaderName, value: String| headers.insert(name.clone(), value);
    let id = format!("{}-{}", message_id(first), last.pos);
    put(&MESSAGE_ID, id.clone());
    put(&SPECVERSION, "1.0".to_owned());
    put(&ID, id);
    put(&SOURCE, format!("/{region}/{}", first.service));
    put(&TYPE, ROWS.to_owned());
    put(&TIME, last.recorded_at.to_string());
    put(&DATASCHEMA, format!("proto:{ROWS}"));
    // Whoever has heard up to here has heard all of it.
    put(&SEQUENCE, last.pos.to_string());
    put(&EPOCH, last.epoch.to_string());
    put(&CONTENT_TYPE, "application/protobuf".to_owned());
    Some((format!("ev.{}.rows.told", first.service), headers, packet::pack(events)))
}

/// Reads all events of a message; there is at least one.
pub fn read_all(headers: Option<&HeaderMap>, payload: &[u8]) -> Result<Vec<Envelope>, NotAnEvent> {
    let packed = headers.and_then(|headers| headers.get(TYPE.clone())).is_some_and(|name| name.as_str() == ROWS);
    if packed { packet::unpack(payload) } else { Ok(vec![read(headers, payload)?]) }
}

/// Reads an event back from its headers and body.
pub fn read(headers: Option<&HeaderMap>, payload: &[u8]) -> Result<Envelope, NotAnEvent> {
    let headers = headers.ok_or_else(|| NotAnEvent("it has no headers".to_owned()))?;
    let maybe = |name: &HeaderName| headers.get(name.clone()).map(|value| value.as_str().to_owned());
    let need = |name: &HeaderName| maybe(name).ok_or_else(|| NotAnEvent(format!("{name} is missing")));
    let bad = |name: &HeaderName, value: &str| NotAnEvent(format!("{name} {value:?}"));
    let number = |name: &HeaderName| {
        let text = need(name)?;
        text.parse::<i64>().map_err(|_| bad(name, &text))
    };
    let small = |name: &HeaderName| {
        let value = number(name)?;
        i32::try_from(value).map_err(|_| bad(name, &value.to_string()))
    };
    let id = |name: &HeaderName, text: &str| Uuid::parse_str(text).map_err(|_| bad(name, text));
    let maybe_id = |name: &HeaderName| maybe(name).map(|text| id(name, &text)).transpose();
    let time = |name: &HeaderName| {
        let text = need(name)?;
        text.parse::<Timestamp>().map_err(|_| bad(name, &text))
    };
    let source = need(&SOURCE)?;
    let service = source.rsplit('/').next().unwrap_or_default().to_owned();
    let hash = need(&HASH)?;
    Ok(Envelope {
        service,
        epoch: small(&EPOCH)?,
        pos: number(&SEQUENCE)?,
        event_id: id(&ID, &need(&ID)?)?,
        command_id: maybe_id(&COMMAND)?,
        cause_id: maybe_id(&CAUSE)?,
        actor: need(&ACTOR)?,
        traceparent: maybe(&TRACEPARENT),
        key: id(&PARTITIONKEY, &need(&PARTITIONKEY)?)?,
        key_seq: number(&KEYSEQ)?,
        type_name: need(&TYPE)?,
        schema_ver: small(&SCHEMAVER)?,
        occurred_at: time(&TIME)?,
        recorded_at: time(&RECORDED)?,
        payload: payload.to_vec(),
        hash: hex::decode(&hash).map_err(|_| bad(&HASH, &hash))?,
    })
}
