//! What an event says, as codes by field name, for any event of the contract: the timeline of a case must not forget a new one.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::LazyLock;

use jiff::Timestamp;
use prost_reflect::{DescriptorPool, DynamicMessage, FieldDescriptor, ReflectMessage, Value};
use vocab::CaseId;
use xiezhi_proto::supervision::v1::TimelineDetail;

/// The contract's descriptors; they were checked when the contract was compiled.
static CONTRACT: LazyLock<Option<DescriptorPool>> =
    LazyLock::new(|| DescriptorPool::decode(xiezhi_proto::DESCRIPTORS).ok());

fn read(type_name: &str, payload: &[u8]) -> Option<DynamicMessage> {
    let descriptor = CONTRACT.as_ref()?.get_message_by_name(type_name)?;
    DynamicMessage::decode(descriptor, payload).ok()
}

/// The fields by which an event names cases: its `case_id`, its `case_ids`, and the heads a case is linked to and was linked to.
/// Only their numbers are kept, by the event's type, because every event that is heard is asked for them.
static NAMES_OF_CASES: LazyLock<HashMap<String, Vec<u32>>> = LazyLock::new(|| {
    let messages = CONTRACT.iter().flat_map(DescriptorPool::all_messages);
    messages
        .map(|message| {
            let links = message.full_name().ends_with(".CaseLinked");
            let linked: &[&str] = if links { &["head_case_id", "left_head_case_id"] } else { &[] };
            let names = ["case_id", "case_ids"].iter().chain(linked);
            let fields = names.filter_map(|name| message.get_field_by_name(name)).map(|field| field.number());
            (message.full_name().to_owned(), fields.collect())
        })
        .collect()
});

/// The cases an event names, each once.
pub fn cases_of(type_name: &str, payload: &[u8]) -> Vec<CaseId> {
    let mut cases = Vec::new();
    let Some(fields) = NAMES_OF_CASES.get(type_name).filter(|fields| !fields.is_empty()) else { return cases };
    let mut rest = payload;
    // A body that does not read as protobuf to its end says nothing more.
    while let Some((field, text)) = next_field(&mut rest) {
        if let Some(case) = text.and_then(|text| std::str::from_utf8(text).ok()?.parse().ok())
            && fields.contains(&field)
            && !cases.contains(&case)
        {
            cases.push(case);
        }
    }
    cases
}

/// The number of the next field of a message and, where it is a text or anything else with a length, its bytes.
fn next_field<'m>(rest: &mut &'m [u8]) -> Option<(u32, Option<&'m [u8]>)> {
    let key = varint(rest)?;
    let field = u32::try_from(key >> 3).ok()?;
    let (fixed, has_bytes) = match key & 7 {
        0 => {
            varint(rest)?;
            (0, false)
        }
        1 => (8, false),
        2 => (usize::try_from(varint(rest)?).ok()?, true),
        5 => (4, false),
        _ => return None,
    };
    let (bytes, after) = rest.split_at_checked(fixed)?;
    *rest = after;
    Some((field, has_bytes.then_some(bytes)))
}

fn varint(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (byte, after) = rest.split_first()?;
        *rest = after;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

/// All that an event says.
pub fn details(type_name: &str, payload: &[u8]) -> Told {
    Told::of(read(type_name, payload).as_ref())
}

/// What an event says without the clocks of these kinds; nothing where it speaks of no other clock.
pub fn details_without_clocks(type_name: &str, payload: &[u8], clocks: &BTreeSet<&str>) -> Option<Told> {
    let mut message = read(type_name, payload);
    if let Some(message) = message.as_mut().filter(|_| type_name.starts_with(OF_CLOCKS)) {
        let is_one = |kind: &Value| kind.as_str().is_some_and(|kind| clocks.contains(kind));
        for name in ["clocks", "kinds"] {
            let Some(Value::List(values)) = message.get_field_by_name_mut(name) else {
                continue;
            };
            let before = values.len();
            values.retain(|value| match value {
                Value::Message(clock) => !clock.get_field_by_name("kind").is_some_and(|kind| is_one(&kind)),
                kind => !is_one(kind),
            });
            if before > 0 && values.is_empty() {
                return None;
            }
        }
    }
    Some(Told::of(message.as_ref()))
}

/// How the names of all events begin that speak of clocks, by `clocks` or by `kinds`.
const OF_CLOCKS: &str = "xiezhi.supervision.v1.Clocks";

/// What an event says: its units, each once, and the rest of its fields in the order they are declared.
#[derive(Default)]
pub struct Told {
    /// The units it names.
    pub units: Vec<String>,
    /// Its fields.
    pub details: Vec<TimelineDetail>,
    places: BTreeMap<String, usize>,
}

impl Told {
    fn of(message: Option<&DynamicMessage>) -> Self {
        let mut told = Self::default();
        if let Some(message) = message {
            told.message("", message);
        }
        told
    }

    fn message(&mut self, outer: &str, message: &DynamicMessage) {
        for field in message.descriptor().fields() {
            if !message.has_field(&field) {
                continue;
            }
            let name = if outer.is_empty() { field.name().to_owned() } else { format!("{outer}.{}", field.name()) };
            match message.get_field(&field).as_ref() {
                Value::List(values) => values.iter().for_each(|value| self.value(&name, &field, value)),
                value => self.value(&name, &field, value),
            }
        }
    }

    fn value(&mut self, name: &str, field: &FieldDescriptor, value: &Value) {
        let text = match value {
            Value::Message(inner) if inner.descriptor().full_name() == "google.protobuf.Timestamp" => moment(inner),
            Value::Message(inner) => return self.message(name, inner),
            Value::EnumNumber(number) => code(field, *number),
            Value::Bool(value) => Some(value.to_string()),
            Value::I32(number) => Some(number.to_string()),
            Value::I64(number) => Some(number.to_string()),
            Value::U32(number) => Some(number.to_string()),
            Value::U64(number) => Some(number.to_string()),
            Value::String(text) => Some(text.clone()),
            // Hashes say nothing to a reader of a timeline.
            _ => None,
        };
        let Some(text) = text else { return };
        let is_unit = ["unit_code", "unit_codes", "lead_unit", "receiving_unit", "holder_unit", "checked_by_unit"]
            .contains(&field.name());
        if is_unit && !self.units.contains(&text) {
            self.units.push(text.clone());
        }
        let place = *self.places.entry(name.to_owned()).or_insert_with(|| {
            self.details.push(TimelineDetail { name: name.to_owned(), values: Vec::new() });
            self.details.len() - 1
        });
        if let Some(detail) = self.details.get_mut(place) {
            detail.values.push(text);
        }
    }
}

fn moment(message: &DynamicMessage) -> Option<String> {
    let seconds = message.get_field_by_name("seconds")?.as_i64()?;
    let nanos = message.get_field_by_name("nanos")?.as_i32()?;
    Timestamp::new(seconds, nanos).ok().map(|at| at.to_string())
}

/// An enumeration's short code: `ROLE_LEAD` of `Role` is `lead`.
fn code(field: &FieldDescriptor, number: i32) -> Option<String> {
    let kind = field.kind();
    let declared = kind.as_enum()?;
    let value = declared.get_value(number)?;
    let prefix: String = declared
        .name()
        .chars()
        .enumerate()
        .flat_map(|(place, letter)| {
            let gap = (place > 0 && letter.is_uppercase()).then_some('_');
            gap.into_iter().chain(letter.to_uppercase())
        })
        .collect();
    let name = value.name().strip_prefix(&prefix).unwrap_or(value.name());
    Some(name.trim_start_matches('_').to_lowercase())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failed test should panic
    use prost::Message;
    use xiezhi_proto::Event;
    use xiezhi_proto::assignment::v1 as assignment;
    use xiezhi_proto::common::v1 as common;
    use xiezhi_proto::scheduling::v1 as scheduling;

    use super::*;

    #[test]
    fn an_event_is_told_in_codes_by_field() {
        let share = |unit: &str, role: common::Role| common::Share {
            unit_code: unit.into(),
            role: role.into(),
            duty: common::Duty::Punish.into(),
            citations: vec![],
        };
        let body = assignment::DeterminationMade {
            case_id: "0190a000-0000-7000-8000-000000000001".into(),
            kind: assignment::DeterminationKind::LeadWithSupport.into(),
            shares: vec![share("ZF", common::Role::Lead), share("HB", common::Role::Support)],
            proof_sha256: vec![1; 32].into(),
            determined_at: Some(prost_types::Timestamp { seconds: 1_772_416_800, nanos: 0 }),
            ..Default::default()
        };
        let told = details(assignment::DeterminationMade::TYPE, &body.encode_to_vec());
        assert_eq!(told.units, ["ZF", "HB"]);
        let value =
            |name: &str| told.details.iter().find(|detail| detail.name == name).map(|detail| detail.values.clone());
        assert_eq!(value("kind").unwrap(), ["lead_with_support"]);
        assert_eq!(value("shares.role").unwrap(), ["lead", "support"]);
        assert_eq!(value("determined_at").unwrap(), ["2026-03-02T02:00:00Z"]);
        assert_eq!(value("proof_sha256"), None);
    }

    #[test]
    fn an_operations_event_belongs_to_every_case_it_serves() {
        let cases = ["0190a000-0000-7000-8000-000000000001", "0190a000-0000-7000-8000-000000000002"];
        let body = scheduling::OperationStarted {
            operation_id: "0190a000-0000-7000-8000-000000000009".into(),
            case_ids: cases.map(str::to_owned).to_vec(),
            started_at: None,
        };
        let found = cases_of(scheduling::OperationStarted::TYPE, &body.encode_to_vec());
        assert_eq!(found, cases.map(|case| case.parse().unwrap()));
        assert!(cases_of("xiezhi.intake.v1.NotInThisContract", &[]).is_empty());
    }

    #[test]
    fn a_link_belongs_to_both_heads_and_a_broken_body_to_nobody_more() {
        use xiezhi_proto::intake::v1::CaseLinked;

        let cases = [1, 2, 3].map(|nth| format!("0190a000-0000-7000-8000-00000000000{nth}"));
        let body = CaseLinked {
            case_id: cases[0].clone(),
            head_case_id: cases[1].clone(),
            left_head_case_id: cases[2].clone(),
            ..Default::default()
        };
        let body = body.encode_to_vec();
        let all: Vec<CaseId> = cases.iter().map(|case| case.parse().unwrap()).collect();
        let mut found = cases_of(CaseLinked::TYPE, &body);
        found.sort();
        assert_eq!(found, all);
        for end in 0..body.len() {
            let found = cases_of(CaseLinked::TYPE, &body[..end]);
            assert!(found.iter().all(|case| all.contains(case)), "{end}: {found:?}");
        }
        assert!(cases_of(CaseLinked::TYPE, &[0xff; 12]).is_empty());
        assert!(cases_of(CaseLinked::TYPE, &CaseLinked::default().encode_to_vec()).is_empty());
    }

    /// Whatever stands around them, the hand finds the cases that the descriptors name.
    #[test]
    fn every_event_is_found_by_the_cases_it_names() {
        let pool = CONTRACT.as_ref().unwrap();
        let text = "0190a000-0000-7000-8000-00000000000a";
        for kind in xiezhi_proto::EVENTS {
            let descriptor = pool.get_message_by_name(kind.type_name).unwrap();
            let mut message = DynamicMessage::new(descriptor.clone());
            let mut named = false;
            for field in descriptor.fields() {
                let is_name = ["case_id", "case_ids"].contains(&field.name());
                named |= is_name;
                let one = || match field.kind() {
                    prost_reflect::Kind::String => {
                        Value::String(if is_name { text.to_owned() } else { "文".to_owned() })
                    }
                    prost_reflect::Kind::Message(inner) => Value::Message(DynamicMessage::new(inner)),
                    kind => Value::default_value(&kind),
                };
                if field.is_map() {
                    continue;
                }
                let value = if field.is_list() { Value::List(vec![one(), one()]) } else { one() };
                message.set_field(&field, value);
            }
            let found = cases_of(kind.type_name, &message.encode_to_vec());
            let expected: Vec<CaseId> = named.then(|| text.parse().unwrap()).into_iter().collect();
            assert_eq!(found, expected, "{}", kind.type_name);
        }
    }

    #[test]
    fn every_event_of_clocks_can_be_told_without_some() {
        let pool = CONTRACT.as_ref().unwrap();
        let of_clocks: Vec<_> = xiezhi_proto::EVENTS.iter().filter(|kind| kind.subject.contains(".clocks.")).collect();
        assert!(of_clocks.len() > 6, "{of_clocks:?}");
        for kind in of_clocks {
            let mut message = DynamicMessage::new(pool.get_message_by_name(kind.type_name).unwrap());
            let clock = pool.get_message_by_name("xiezhi.supervision.v1.Clock").unwrap();
            let named = |name: &str| {
                let mut clock = DynamicMessage::new(clock.clone());
                clock.set_field_by_name("kind", Value::String(name.to_owned()));
                Value::Message(clock)
            };
            let field = if message.descriptor().get_field_by_name("clocks").is_some() {
                message.set_field_by_name("clocks", Value::List(vec![named("a/1"), named("b")]));
                "clocks.kind"
            } else {
                let kinds = ["a/1", "b"].map(|kind| Value::String(kind.to_owned()));
                message.set_field_by_name("kinds", Value::List(kinds.to_vec()));
                "kinds"
            };
            let body = message.encode_to_vec();
            let left = details_without_clocks(kind.type_name, &body, &["a/1"].into()).unwrap();
            let kinds = left.details.iter().find(|detail| detail.name == field).unwrap();
            assert_eq!(kinds.values, ["b"], "{}", kind.type_name);
            assert!(
                details_without_clocks(kind.type_name, &body, &["a/1", "b"].into()).is_none(),
                "{}",
                kind.type_name
            );
        }
    }

    #[test]
    fn every_event_about_a_case_can_be_told() {
        let pool = CONTRACT.as_ref().unwrap();
        for kind in xiezhi_proto::EVENTS {
            let descriptor = pool.get_message_by_name(kind.type_name).unwrap();
            let mut message = DynamicMessage::new(descriptor.clone());
            for field in descriptor.fields().filter(|field| field.kind().as_message().is_none()) {
                let value = if field.is_list() { Value::List(vec![]) } else { Value::default_value(&field.kind()) };
                message.set_field(&field, value);
            }
            details(kind.type_name, &message.encode_to_vec());
        }
    }
}
