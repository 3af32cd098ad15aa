//! An event with everything that travels beside its body, and the hash that chains it to the one before.

use std::sync::Arc;

use jiff::Timestamp;
use prost::Message;
use sha2::{Digest, Sha256};
use uuid::Uuid;
use xiezhi_proto::Event;
use xiezhi_proto::bus::v1 as wire;

use crate::service::Failed;
use crate::wire::{from_proto_time, to_proto_time};

/// An event of a journal. Positions are dense from 1 in each service and epoch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// The service that said it.
    pub service: String,
    /// The journal's epoch, from 1.
    pub epoch: i32,
    /// The position in the journal.
    pub pos: i64,
    /// The event's own id.
    pub event_id: Uuid,
    /// The command that caused it.
    pub command_id: Option<Uuid>,
    /// The event that caused it.
    pub cause_id: Option<Uuid>,
    /// A role and id of ours.
    pub actor: String,
    /// W3C trace context.
    pub traceparent: Option<String>,
    /// The aggregate.
    pub key: Uuid,
    /// Dense from 1 for each key.
    pub key_seq: i64,
    /// The protobuf name of the body.
    pub type_name: String,
    /// The body's schema version.
    pub schema_ver: i32,
    /// When it happened, in microseconds' precision.
    pub occurred_at: Timestamp,
    /// When it was written down.
    pub recorded_at: Timestamp,
    /// The body.
    pub payload: Vec<u8>,
    /// The chain's hash at this position.
    pub hash: Vec<u8>,
}

/// The protobuf name of a row that holds several facts.
pub(crate) const FACTS: &str = "xiezhi.bus.v1.Facts";
/// Raised when a reader must tell old rows of facts from new ones.
pub(crate) const FACTS_VERSION: i32 = 1;

impl Envelope {
    /// What this row says, fact by fact: each with its own id and body, all at the row's position.
    pub fn facts(self) -> Result<Vec<Self>, NotAnEvent> {
        if self.type_name != FACTS {
            return Ok(vec![self]);
        }
        let bad = |what: &str| NotAnEvent(format!("{what} of a fact at {}/{}", self.service, self.pos));
        let facts = wire::Facts::decode(self.payload.as_slice()).map_err(|_| bad("the body"))?.facts;
        facts
            .into_iter()
            .map(|fact| {
                let own_cause = (!fact.cause_id.is_empty()).then(|| Uuid::from_slice(&fact.cause_id)).transpose();
                Ok(Self {
                    event_id: Uuid::from_slice(&fact.event_id).map_err(|_| bad("the id"))?,
                    cause_id: own_cause.map_err(|_| bad("the cause"))?.or(self.cause_id),
                    type_name: fact.r#type,
                    schema_ver: fact.schema_ver,
                    payload: fact.payload.to_vec(),
                    service: self.service.clone(),
                    actor: self.actor.clone(),
                    traceparent: self.traceparent.clone(),
                    hash: self.hash.clone(),
                    ..self
                })
            })
            .collect()
    }

    /// Facts of one row as one row again, for who keeps only some of them. All must be of the same row.
    pub fn together(facts: &[&Self]) -> Option<Self> {
        let (first, more) = facts.split_first()?;
        if more.is_empty() {
            return Some(Self::clone(first));
        }
        let bytes = |id: Uuid| id.as_bytes().to_vec().into();
        let facts = facts.iter().map(|fact| wire::Fact {
            r#type: fact.type_name.clone(),
            schema_ver: fact.schema_ver,
            event_id: bytes(fact.event_id),
            cause_id: fact.cause_id.filter(|_| fact.cause_id != first.cause_id).map(bytes).unwrap_or_default(),
            payload: fact.payload.clone().into(),
        });
        Some(Self {
            type_name: FACTS.to_owned(),
            schema_ver: FACTS_VERSION,
            payload: wire::Facts { facts: facts.collect() }.encode_to_vec(),
            ..Self::clone(first)
        })
    }

    /// [`Self::facts`] without a copy where the row is its only fact.
    pub(crate) fn each_fact(event: &Arc<Self>) -> Result<Vec<Arc<Self>>, NotAnEvent> {
        if event.type_name != FACTS {
            return Ok(vec![Arc::clone(event)]);
        }
        Ok(Self::clone(event).facts()?.into_iter().map(Arc::new).collect())
    }

    /// The body, if it is of this type.
    pub fn body<E: Event>(&self) -> Result<E, Failed> {
        if self.type_name != E::TYPE {
            return Err(Failed::Broken(format!("{} is not {}", self.type_name, E::TYPE)));
        }
        if self.schema_ver > E::SCHEMA_VERSION {
            return Err(Failed::Broken(format!(
                "{} has version {}, this service reads up to {}",
                E::TYPE,
                self.schema_ver,
                E::SCHEMA_VERSION
            )));
        }
        E::decode(self.payload.as_slice()).map_err(|error| Failed::Broken(format!("{}: {error}", E::TYPE)))
    }

    /// SHA-256 over the length-prefixed fields, chained to the hash before.
    pub fn chained_hash(&self, previous: &[u8]) -> [u8; 32] {
        let mut hasher = Sha256::new();
        let mut field = |bytes: &[u8]| {
            hasher.update((bytes.len() as u64).to_be_bytes());
            hasher.update(bytes);
        };
        field(previous);
        field(&self.epoch.to_be_bytes());
        field(&self.pos.to_be_bytes());
        field(self.event_id.as_bytes());
        field(self.key.as_bytes());
        field(&self.key_seq.to_be_bytes());
        field(self.type_name.as_bytes());
        field(&self.schema_ver.to_be_bytes());
        field(self.actor.as_bytes());
        field(self.command_id.as_ref().map_or(&[][..], |id| id.as_bytes()));
        field(self.cause_id.as_ref().map_or(&[][..], |id| id.as_bytes()));
        field(&self.occurred_at.as_microsecond().to_be_bytes());
        field(&self.recorded_at.as_microsecond().to_be_bytes());
        field(&Sha256::digest(&self.payload));
        hasher.finalize().into()
    }
}

impl From<&Envelope> for wire::Envelope {
    fn from(event: &Envelope) -> Self {
        let text = |id: Option<Uuid>| id.map(|id| id.to_string()).unwrap_or_default();
        Self {
            service: event.service.clone(),
            epoch: event.epoch,
            pos: event.pos,
            event_id: event.event_id.to_string(),
            command_id: text(event.command_id),
            cause_id: text(event.cause_id),
            actor: event.actor.clone(),
            traceparent: event.traceparent.clone().unwrap_or_default(),
            key: event.key.to_string(),
            key_seq: event.key_seq,
            r#type: event.type_name.clone(),
            schema_ver: event.schema_ver,
            occurred_at: Some(to_proto_time(event.occurred_at)),
            recorded_at: Some(to_proto_time(event.recorded_at)),
            payload: event.payload.clone().into(),
            hash: event.hash.clone().into(),
        }
    }
}

/// A message that is not an event of ours.
#[derive(Debug, thiserror::Error)]
#[error("not an event: {0}")]
pub struct NotAnEvent(pub String);

impl TryFrom<wire::Envelope> for Envelope {
    type Error = NotAnEvent;

    fn try_from(event: wire::Envelope) -> Result<Self, NotAnEvent> {
        let id = |what: &str, text: &str| Uuid::parse_str(text).map_err(|_| NotAnEvent(format!("{what} {text:?}")));
        let maybe = |what: &str, text: &str| if text.is_empty() { Ok(None) } else { id(what, text).map(Some) };
        let time = |what: &str, time: Option<prost_types::Timestamp>| {
            from_proto_time(time).map_err(|error| NotAnEvent(format!("{what}: {error}")))
        };
        Ok(Self {
            event_id: id("event id", &event.event_id)?,
            command_id: maybe("command id", &event.command_id)?,
            cause_id: maybe("cause id", &event.cause_id)?,
            key: id("key", &event.key)?,
            occurred_at: time("occurred at", event.occurred_at)?,
            recorded_at: time("recorded at", event.recorded_at)?,
            traceparent: (!event.traceparent.is_empty()).then_some(event.traceparent),
            service: event.service,
            epoch: event.epoch,
            pos: event.pos,
            actor: event.actor,
            key_seq: event.key_seq,
            type_name: event.r#type,
            schema_ver: event.schema_ver,
            payload: event.payload.to_vec(),
            hash: event.hash.to_vec(),
        })
    }
}

/// An envelope as stored bytes, for what is parked.
pub fn to_bytes(event: &Envelope) -> Vec<u8> {
    wire::Envelope::from(event).encode_to_vec()
}

/// Reads an envelope back from [`to_bytes`].
pub fn from_bytes(bytes: &[u8]) -> Result<Envelope, NotAnEvent> {
    let event = wire::Envelope::decode(bytes).map_err(|error| NotAnEvent(error.to_string()))?;
    Envelope::try_from(event)
}
