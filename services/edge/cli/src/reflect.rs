//! The contract by its descriptors: any answer as JSON, any request from YAML, any RPC by its name.

use std::sync::OnceLock;

use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage, EnumDescriptor, MethodDescriptor, SerializeOptions};
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::{Code, Status};

/// Why the contract cannot be used by reflection.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Unreadable {
    /// The descriptors in this binary do not decode.
    #[error("the descriptors do not decode: {0}")]
    Descriptors(String),
    /// The contract has no such name.
    #[error("the contract has no {0}")]
    Unknown(String),
    /// A message does not fit its descriptor.
    #[error("{name} does not read: {why}")]
    Message {
        /// The message's name.
        name: String,
        /// What is wrong.
        why: String,
    },
}

/// The descriptors of the whole contract.
pub fn pool() -> Result<&'static DescriptorPool, Unreadable> {
    static POOL: OnceLock<Result<DescriptorPool, Unreadable>> = OnceLock::new();
    let pool = POOL.get_or_init(|| {
        DescriptorPool::decode(xiezhi_proto::DESCRIPTORS).map_err(|error| Unreadable::Descriptors(error.to_string()))
    });
    pool.as_ref().map_err(Clone::clone)
}

/// An answer as JSON, with every field, so that machines need not guess what is absent.
pub fn json<M: prost::Message + prost::Name>(message: &M) -> Result<serde_json::Value, Unreadable> {
    let name = M::full_name();
    let descriptor = pool()?.get_message_by_name(&name).ok_or_else(|| Unreadable::Unknown(name.clone()))?;
    let bytes = message.encode_to_vec();
    let dynamic = DynamicMessage::decode(descriptor, bytes.as_slice())
        .map_err(|error| Unreadable::Message { name, why: error.to_string() })?;
    dynamic_json(&dynamic)
}

/// A dynamic message as JSON, with the names the contract writes.
pub fn dynamic_json(message: &DynamicMessage) -> Result<serde_json::Value, Unreadable> {
    let options = SerializeOptions::new().skip_default_fields(false).use_proto_field_name(true);
    message
        .serialize_with_options(serde_json::value::Serializer, &options)
        .map_err(|error| Unreadable::Message { name: message_name(message), why: error.to_string() })
}

fn message_name(message: &DynamicMessage) -> String {
    use prost_reflect::ReflectMessage;
    message.descriptor().full_name().to_owned()
}

/// The decoded body of an event as JSON, with the names the contract writes.
pub fn event_json(type_name: &str, payload: &[u8]) -> Result<serde_json::Value, Unreadable> {
    let descriptor = pool()?.get_message_by_name(type_name).ok_or_else(|| Unreadable::Unknown(type_name.to_owned()))?;
    let message = DynamicMessage::decode(descriptor, payload)
        .map_err(|error| Unreadable::Message { name: type_name.to_owned(), why: error.to_string() })?;
    dynamic_json(&message)
}

/// An RPC by its short name: `intake.CaseService/RegisterCase` of package `xiezhi.intake.v1`.
pub fn method(name: &str) -> Result<MethodDescriptor, Unreadable> {
    let unknown = || Unreadable::Unknown(name.to_owned());
    let (service, method) = name.split_once('/').ok_or_else(unknown)?;
    let (package, service) = service.split_once('.').ok_or_else(unknown)?;
    let full = format!("xiezhi.{package}.v1.{service}");
    let found = pool()?.get_service_by_name(&full).ok_or_else(unknown)?;
    found.methods().find(|candidate| candidate.name() == method).ok_or_else(unknown)
}

/// An enumeration by its full name.
pub fn enumeration(name: &str) -> Result<EnumDescriptor, Unreadable> {
    pool()?.get_enum_by_name(name).ok_or_else(|| Unreadable::Unknown(name.to_owned()))
}

/// The values of an enumeration by the short codes people type: `phone` of `CHANNEL_PHONE`.
#[must_use]
pub fn choices(kind: &EnumDescriptor) -> Vec<(String, i32)> {
    let prefix =
        kind.values().find_map(|value| value.name().strip_suffix("UNSPECIFIED").map(str::to_owned)).unwrap_or_default();
    kind.values()
        .filter(|value| value.number() != 0)
        .map(|value| {
            let code = value.name().strip_prefix(&prefix).unwrap_or(value.name());
            (code.to_lowercase().replace('_', "-"), value.number())
        })
        .collect()
}

/// Speaks gRPC with messages that are known by descriptor alone.
#[derive(Debug, Clone)]
pub struct DynamicCodec {
    /// The RPC.
    pub method: MethodDescriptor,
}

impl Codec for DynamicCodec {
    type Encode = DynamicMessage;
    type Decode = DynamicMessage;
    type Encoder = DynamicEncoder;
    type Decoder = DynamicDecoder;

    fn encoder(&mut self) -> Self::Encoder {
        DynamicEncoder
    }

    fn decoder(&mut self) -> Self::Decoder {
        DynamicDecoder(self.method.clone())
    }
}

/// Writes requests.
#[derive(Debug)]
pub struct DynamicEncoder;

impl Encoder for DynamicEncoder {
    type Item = DynamicMessage;
    type Error = Status;

    fn encode(&mut self, item: DynamicMessage, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        item.encode(buffer).map_err(|error| Status::new(Code::Internal, error.to_string()))
    }
}

/// Reads answers.
#[derive(Debug)]
pub struct DynamicDecoder(MethodDescriptor);

impl Decoder for DynamicDecoder {
    type Item = DynamicMessage;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<DynamicMessage>, Status> {
        DynamicMessage::decode(self.0.output(), buffer)
            .map(Some)
            .map_err(|error| Status::new(Code::Internal, error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failed test should panic

    use super::*;

    #[test]
    fn an_answer_becomes_json_with_every_field() {
        let answer = xiezhi_proto::bus::v1::HighWaterResponse { last_pos: 7, ..Default::default() };
        let json = json(&answer).unwrap();
        assert_eq!(json["last_pos"], "7", "protobuf's JSON writes 64 bits as text");
        assert_eq!(json["mode"], "");
    }

    #[test]
    fn an_rpc_is_found_by_its_short_name() {
        let method = method("intake.CaseService/RegisterCase").unwrap();
        assert_eq!(method.full_name(), "xiezhi.intake.v1.CaseService.RegisterCase");
        assert!(super::method("intake.CaseService/Nothing").is_err());
        assert!(super::method("nonsense").is_err());
    }

    #[test]
    fn people_type_short_codes() {
        let channel = enumeration("xiezhi.common.v1.Channel").unwrap();
        let codes: Vec<String> = choices(&channel).into_iter().map(|(code, _)| code).collect();
        assert!(codes.contains(&"phone".to_owned()) && codes.contains(&"grid-patrol".to_owned()));
        assert_eq!(codes.len(), 7);
    }
}
