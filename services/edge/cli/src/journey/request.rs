//! From what a journey writes to a request of the contract: short codes become values, local times become moments.

use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, MethodDescriptor};
use serde_json::Value;

use super::Mismatch;
use crate::parse;
use crate::say::Lang;

/// The request of an RPC. A `command_id` that is not written is made up.
pub fn build(method: &MethodDescriptor, written: Value, command_id: &str) -> Result<DynamicMessage, Mismatch> {
    let input = method.input();
    let mut document = match written {
        Value::Null => Value::Object(serde_json::Map::new()),
        other => other,
    };
    complete(&input, &mut document)?;
    if let Value::Object(fields) = &mut document
        && input.get_field_by_name("command_id").is_some()
    {
        fields.entry("command_id").or_insert_with(|| Value::String(command_id.to_owned()));
    }
    DynamicMessage::deserialize(input.clone(), document).map_err(|error| Mismatch(format!("{}: {error}", input.name())))
}

/// Walks the document beside its descriptor.
fn complete(descriptor: &MessageDescriptor, document: &mut Value) -> Result<(), Mismatch> {
    let Value::Object(fields) = document else { return Ok(()) };
    for (name, value) in fields.iter_mut() {
        // An unknown field is told by the reading of the whole.
        let Some(field) = descriptor.get_field_by_name(name) else { continue };
        match value {
            Value::Array(items) if field.is_list() => {
                for item in items {
                    complete_value(&field, item)?;
                }
            }
            single => complete_value(&field, single)?,
        }
    }
    Ok(())
}

fn complete_value(field: &FieldDescriptor, value: &mut Value) -> Result<(), Mismatch> {
    match field.kind() {
        Kind::Enum(kind) => {
            if let Value::String(short) = value
                && kind.get_value_by_name(short).is_none()
            {
                let suffix = format!("_{}", short.to_uppercase().replace('-', "_"));
                let full = kind.values().find(|candidate| candidate.name().ends_with(&suffix));
                let full = full.ok_or_else(|| Mismatch(format!("{} has no {short}", kind.name())))?;
                *value = Value::String(full.name().to_owned());
            }
        }
        Kind::Message(inner) if inner.full_name() == "google.protobuf.Timestamp" => {
            if let Value::String(text) = value {
                let at = parse::moment(text).map_err(|error| Mismatch(error.text(Lang::En)))?;
                *value = Value::String(at.to_string());
            }
        }
        Kind::Message(inner) => complete(&inner, value)?,
        // YAML reads `true` as a flag and `2026` as a number where the contract wants text.
        Kind::String => {
            if let Value::Bool(_) | Value::Number(_) = value {
                *value = Value::String(value.to_string());
            }
        }
        _ => {}
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failed test should panic

    use prost::Message;
    use serde_json::json;
    use xiezhi_proto::common::v1::{Channel, Urgency};
    use xiezhi_proto::intake::v1::RegisterCaseRequest;
    use xiezhi_proto::scheduling::v1::ApproveOperationRequest;

    use super::*;
    use crate::reflect;

    fn built<M: Message + Default>(method: &str, written: Value) -> M {
        let message = build(&reflect::method(method).unwrap(), written, "made-up").unwrap();
        M::decode(message.encode_to_vec().as_slice()).unwrap()
    }

    #[test]
    fn short_codes_and_flags_become_what_the_contract_wants() {
        let request: RegisterCaseRequest = built(
            "intake.CaseService/RegisterCase",
            json!({ "title": "t", "facts": {
                "channel": "grid_patrol", "urgency": "URGENCY_URGENT", "act_on": "2026-03-02",
                "declared": [{ "code": "dwelling.above", "value": true }],
            } }),
        );
        let facts = request.facts.unwrap();
        assert_eq!((facts.channel(), facts.urgency()), (Channel::GridPatrol, Urgency::Urgent));
        assert_eq!(facts.declared[0].value, "true");
        assert_eq!(request.command_id, "made-up");
    }

    #[test]
    fn a_command_id_that_is_written_stays() {
        let request: RegisterCaseRequest =
            built("intake.CaseService/RegisterCase", json!({ "command_id": "mine", "title": "t" }));
        assert_eq!(request.command_id, "mine");
    }

    #[test]
    fn times_are_the_countys() {
        let request: ApproveOperationRequest = built(
            "scheduling.OperationService/ApproveOperation",
            json!({ "starts_at": "2026-03-06 20:00", "terms": { "kind": "inspection" } }),
        );
        assert_eq!(request.starts_at.map(|at| at.seconds), Some(1_772_798_400));
    }

    #[test]
    fn what_the_contract_does_not_have_is_told() {
        let method = reflect::method("intake.CaseService/RegisterCase").unwrap();
        assert!(build(&method, json!({ "titel": "t" }), "x").is_err());
        let told = build(&method, json!({ "facts": { "channel": "pigeon" } }), "x").unwrap_err();
        assert_eq!(told.to_string(), "Channel has no pigeon");
    }
}
