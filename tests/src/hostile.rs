//! 恶意输入: requests that no client of ours would send, made for every RPC from its descriptors, and what they may come to.

use std::fs;

use anyhow::{Context, ensure};
use client::Refused;
use prost::Message;
use prost_reflect::{Cardinality, DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, Value};
use testkit::Mutator;
use tonic::Code;

use crate::authorisation::Answer;

/// How deep hostile bytes are nested.
const DEEP: usize = 10_000;
/// A field number that no message of ours has.
const UNKNOWN: u32 = 15_000;
/// Just below the largest request.
const NEARLY_A_MEBIBYTE: usize = 1_040_000;
/// How often a sensible request is spoilt at random, for each RPC.
const SPOILT: usize = 10;

/// What may be answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    /// It is no message, and its sender is told so.
    Unreadable,
    /// It may be one; whatever it is, the answer is a clear one.
    Clear,
}

/// One hostile request.
#[derive(Debug, Clone)]
pub struct Attack {
    /// What is wrong with it.
    pub name: String,
    /// Its bytes.
    pub body: Vec<u8>,
    /// What may be answered.
    pub expect: Expect,
}

/// Every attack on a door that takes this message.
#[must_use]
pub fn attacks(input: &MessageDescriptor, mutator: &mut Mutator) -> Vec<Attack> {
    let mut attacks = unreadable(input);
    let mut add = |name: String, body: Vec<u8>| attacks.push(Attack { name, body, expect: Expect::Clear });
    add("nothing at all".to_owned(), Vec::new());
    let sensible = filled(input, mutator, Taste::Sensible, 0).encode_to_vec();
    let other = filled(input, mutator, Taste::Sensible, 0).encode_to_vec();
    add("one large unknown field".to_owned(), [&sensible[..], &field(UNKNOWN, &vec![7; NEARLY_A_MEBIBYTE])].concat());
    let small: Vec<u8> = varint_field(UNKNOWN, 1).repeat(NEARLY_A_MEBIBYTE / 5);
    add("very many unknown fields".to_owned(), [&sensible[..], &small].concat());
    for number in 1..=4 {
        let mut nested = Vec::new();
        for _ in 0..DEEP.min(300) {
            nested = field(number, &nested);
        }
        add(format!("field {number} in itself"), nested);
    }
    for round in 0..4 {
        add(format!("extremes {round}"), filled(input, mutator, Taste::Extreme, 0).encode_to_vec());
    }
    for round in 0..SPOILT {
        add(format!("spoilt {round}"), mutator.mutate(&sensible, &other));
    }
    for length in [1, 7, 40, 300] {
        add(format!("{length} random bytes"), mutator.bytes(length));
    }
    attacks
}

/// Bytes that are certainly no message of this kind.
fn unreadable(input: &MessageDescriptor) -> Vec<Attack> {
    let group = varint(u64::from(UNKNOWN) << 3 | 3);
    let mut found = vec![
        ("groups in groups".to_owned(), group.repeat(DEEP)),
        ("a length beyond the end".to_owned(), [tag(UNKNOWN, 2), varint(0xffff_ffff)].concat()),
        ("a length beyond everything".to_owned(), [tag(UNKNOWN, 2), varint(u64::MAX)].concat()),
        ("a number that does not end".to_owned(), [tag(UNKNOWN, 0), vec![0xff; 11]].concat()),
        ("a tag that does not end".to_owned(), vec![0xff; 12]),
        ("a field without a number".to_owned(), vec![0x02, 0x00]),
        ("a kind of field that does not exist".to_owned(), vec![0x0f]),
    ];
    for known in input.fields() {
        let (name, number) = (known.name(), known.number());
        match known.kind() {
            Kind::String => {
                found.push((format!("{name} is not UTF-8"), field(number, b"\xff\xfe\xed\xa0\x80")));
                found.push((format!("{name} is a number"), varint_field(number, 1)));
            }
            Kind::Message(inner) => {
                found.push((format!("{name} ends early"), [tag(number, 2), varint(40), vec![0x0a]].concat()));
                if let Some(text) = inner.fields().find(|field| field.kind() == Kind::String) {
                    let wrong = field(text.number(), b"\xc0\x80");
                    found.push((format!("{name}.{} is not UTF-8", text.name()), field(number, &wrong)));
                }
            }
            _ => {}
        }
    }
    found.into_iter().map(|(name, body)| Attack { name, body, expect: Expect::Unreadable }).collect()
}

/// Checks that an answer is one a caller can act on.
pub fn check(attack: &Attack, answer: &Answer) -> anyhow::Result<()> {
    let clear = [
        Code::Ok,
        Code::InvalidArgument,
        Code::NotFound,
        Code::FailedPrecondition,
        Code::AlreadyExists,
        Code::PermissionDenied,
        Code::Unauthenticated,
        Code::ResourceExhausted,
    ];
    ensure!(clear.contains(&answer.code), "{}: {answer}", attack.name);
    ensure!(attack.expect == Expect::Clear || answer.code == Code::InvalidArgument, "{}: {answer}", attack.name);
    ensure!(answer.message.len() < 2_000, "{}: the refusal repeats the request", attack.name);
    if answer.code == Code::InvalidArgument {
        let said: &Refused = answer.details.as_ref().context("a refusal has details")?;
        let named = said.violations.iter().all(|one| !one.field.is_empty() && !one.description.is_empty());
        ensure!(!said.violations.is_empty() && named, "{}: no field is named: {said:?}", attack.name);
        ensure!(said.says.zh != said.says.en, "{}: {said:?}", attack.name);
    }
    Ok(())
}

/// With what a message is filled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taste {
    /// With what a client might send.
    Sensible,
    /// With the largest, the smallest and the strangest.
    Extreme,
}

/// A message with something in every field.
#[must_use]
pub fn filled(message: &MessageDescriptor, mutator: &mut Mutator, taste: Taste, depth: usize) -> DynamicMessage {
    let mut made = DynamicMessage::new(message.clone());
    if message.full_name() == "google.protobuf.Timestamp" {
        fill_time(&mut made, mutator, taste);
        return made;
    }
    for known in message.fields() {
        if known.is_map() || depth > 5 {
            continue;
        }
        let value = match known.cardinality() {
            Cardinality::Repeated => {
                let most = if taste == Taste::Extreme && depth == 0 { 10_000 } else { 3 };
                let count = if mutator.below(2) == 0 { mutator.below(3) } else { most };
                let count = if matches!(known.kind(), Kind::Message(_)) { count.min(200) } else { count };
                let one = single(&known, mutator, taste, depth, count > 3);
                Value::List(vec![one; count])
            }
            _ => single(&known, mutator, taste, depth, depth > 1),
        };
        made.set_field(&known, value);
    }
    made
}

fn fill_time(made: &mut DynamicMessage, mutator: &mut Mutator, taste: Taste) {
    let extreme = [(i64::MAX, 0), (i64::MIN, 0), (1, -1), (1, i32::MAX), (4_000_000_000_000, 0), (-1, 999_999_999)];
    let (seconds, nanos) = match taste {
        Taste::Sensible => (1_772_500_000, 0),
        Taste::Extreme => mutator.one_of(&extreme).copied().unwrap_or_default(),
    };
    made.set_field_by_name("seconds", Value::I64(seconds));
    made.set_field_by_name("nanos", Value::I32(nanos));
}

fn single(known: &FieldDescriptor, mutator: &mut Mutator, taste: Taste, depth: usize, small: bool) -> Value {
    let extreme = taste == Taste::Extreme;
    match known.kind() {
        Kind::String => Value::String(if extreme { strange(mutator, small) } else { text(known.name(), mutator) }),
        Kind::Bytes => {
            let length = match (extreme, small) {
                (true, false) => *mutator.one_of(&[0, 1, 31, 32, 33, 200_000]).unwrap_or(&0),
                _ => 32,
            };
            Value::Bytes(mutator.bytes(length).into())
        }
        Kind::Bool => Value::Bool(mutator.below(2) == 0),
        Kind::Enum(_) if extreme => Value::EnumNumber(*mutator.one_of(&[i32::MAX, i32::MIN, -1, 77]).unwrap_or(&0)),
        Kind::Enum(kind) => {
            let numbers: Vec<i32> = kind.values().map(|value| value.number()).collect();
            Value::EnumNumber(mutator.one_of(&numbers).copied().unwrap_or_default())
        }
        Kind::Message(inner) => Value::Message(filled(&inner, mutator, taste, depth + 1)),
        Kind::Double => Value::F64(if extreme { f64::NAN } else { 1.5 }),
        Kind::Float => Value::F32(if extreme { f32::INFINITY } else { 1.5 }),
        Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => Value::I32(if extreme { i32::MIN } else { 2 }),
        Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => {
            Value::I64(if extreme { *mutator.one_of(&[i64::MAX, i64::MIN, -1]).unwrap_or(&0) } else { 2 })
        }
        Kind::Uint32 | Kind::Fixed32 => Value::U32(if extreme { u32::MAX } else { 10 }),
        Kind::Uint64 | Kind::Fixed64 => Value::U64(if extreme { u64::MAX } else { 10 }),
    }
}

/// What a field of this name might hold.
fn text(name: &str, mutator: &mut Mutator) -> String {
    let of = match name {
        _ if name.ends_with("_id") => {
            return uuid::Uuid::from_u128(u128::from(mutator.bits()) << 64 | 7 << 76).to_string();
        }
        "service" => ["intake", "assignment", "scheduling", "supervision", "evaluation"].as_slice(),
        "unit_code" | "accused_unit" => &["ZF", "HB", "town-330421103", "centre"],
        "region_code" => &["330421103", "330421", "330421103001"],
        "matter_code" | "matter_codes" => &["noise.trade.night", "road.occupation"],
        "page_token" => &["", "WzEsMl0", "bnVsbA"],
        "from" | "to" | "act_on" | "day" => &["2026-03-01", "2026-02-30"],
        _ => &["x", "一段话", "noise.trade.night", "JS-2026-000001"],
    };
    mutator.one_of(of).map(|word| (*word).to_owned()).unwrap_or_default()
}

/// What no field should hold.
fn strange(mutator: &mut Mutator, small: bool) -> String {
    match mutator.below(if small { 8 } else { 12 }) {
        0 => String::new(),
        1 => "\0".to_owned(),
        2 => "\u{202e}\u{200b}\u{feff}\u{1f9ff}".to_owned(),
        3 => "'; DROP TABLE cases; --".to_owned(),
        4 => "../../../../etc/passwd".to_owned(),
        5 => "99999999-9999-9999-9999-999999999999".to_owned(),
        6 => "9999-12-31".to_owned(),
        7 => "-262144-01-01T00:00:00Z".to_owned(),
        8 => "噪".repeat(100_000),
        9 => "\u{10ffff}".repeat(20_000),
        10 => "[".repeat(100_000),
        _ => "W".repeat(100_000),
    }
}

fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = u8::try_from(value & 0x7f).unwrap_or_default();
        value >>= 7;
        if value == 0 {
            bytes.push(low);
            return bytes;
        }
        bytes.push(low | 0x80);
    }
}

fn tag(number: u32, kind: u64) -> Vec<u8> {
    varint(u64::from(number) << 3 | kind)
}

fn field(number: u32, bytes: &[u8]) -> Vec<u8> {
    [&tag(number, 2)[..], &varint(bytes.len() as u64), bytes].concat()
}

fn varint_field(number: u32, value: u64) -> Vec<u8> {
    [tag(number, 0), varint(value)].concat()
}

/// How much memory a process has held at most since it was last asked to forget, and how much it holds now.
#[derive(Debug, Clone, Copy)]
pub struct Memory {
    process: u32,
    before_kib: u64,
}

impl Memory {
    /// Begins to watch; the peak so far is forgotten.
    pub fn of(process: u32) -> anyhow::Result<Self> {
        fs::write(format!("/proc/{process}/clear_refs"), "5").context("clear_refs")?;
        Ok(Self { process, before_kib: line(process, "VmRSS:")? })
    }

    /// By how much the peak lies above what was held at first, in MiB.
    pub fn grown_mib(self) -> anyhow::Result<f64> {
        Ok(line(self.process, "VmHWM:")?.saturating_sub(self.before_kib) as f64 / 1024.0)
    }
}

fn line(process: u32, name: &str) -> anyhow::Result<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix(name)).context("no such line")?;
    Ok(line.trim().trim_end_matches("kB").trim().parse()?)
}
