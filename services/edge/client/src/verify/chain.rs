//! N2 from outside: positions, key sequences and the hash chain, recomputed here from the published rule alone.

use std::collections::{BTreeMap, HashMap, HashSet};

use prost_types::Timestamp;
use sha2::{Digest, Sha256};
use uuid::Uuid;
use xiezhi_proto::bus::v1::{Envelope, HighWaterResponse};

use super::violation::Violation;

/// A service's journal as it is read, row by row.
#[derive(Debug)]
pub struct Chain {
    service: String,
    pos: i64,
    hash: Vec<u8>,
    keys: HashMap<Uuid, i64>,
    events: HashSet<Uuid>,
    commands: BTreeMap<Uuid, Vec<i64>>,
    wanted: BTreeMap<i64, Vec<u8>>,
    violations: Vec<Violation>,
}

/// What a whole journal held.
#[derive(Debug)]
pub struct Read {
    /// How many rows were read.
    pub rows: u64,
    /// Every command that made events, with their positions.
    pub commands: BTreeMap<Uuid, Vec<i64>>,
    /// The hashes at the positions that were asked for, where the journal has them.
    pub hashes: BTreeMap<i64, Vec<u8>>,
    /// What does not hold.
    pub violations: Vec<Violation>,
}

impl Chain {
    /// An empty journal of a service; the hashes at `wanted` positions are kept for comparison.
    #[must_use]
    pub fn new(service: &str, wanted: impl IntoIterator<Item = i64>) -> Self {
        Self {
            service: service.to_owned(),
            pos: 0,
            hash: Vec::new(),
            keys: HashMap::new(),
            events: HashSet::new(),
            commands: BTreeMap::new(),
            wanted: wanted.into_iter().map(|pos| (pos, Vec::new())).collect(),
            violations: Vec::new(),
        }
    }

    /// Takes the next row.
    pub fn take(&mut self, event: &Envelope) {
        let expected = self.pos + 1;
        if event.pos != expected {
            self.violations.push(Violation::PositionBroken {
                service: self.service.clone(),
                expected,
                found: event.pos,
            });
        }
        match ids(event) {
            Ok(ids) => self.take_row(event, &ids),
            Err(what) => {
                self.violations.push(Violation::Unreadable { service: self.service.clone(), pos: event.pos, what })
            }
        }
        self.pos = event.pos;
        self.hash = event.hash.to_vec();
        if let Some(kept) = self.wanted.get_mut(&event.pos) {
            *kept = event.hash.to_vec();
        }
    }

    fn take_row(&mut self, event: &Envelope, ids: &Ids) {
        let (service, pos) = (self.service.clone(), event.pos);
        if event.service != service {
            let what = format!("it says it is of {:?}", event.service);
            self.violations.push(Violation::Unreadable { service: service.clone(), pos, what });
        }
        if chained_hash(&self.hash, event, ids).as_slice() != event.hash.as_ref() {
            self.violations.push(Violation::HashDiffers { service: service.clone(), pos });
        }
        let last = self.keys.insert(ids.key, event.key_seq).unwrap_or(0);
        if event.key_seq != last + 1 {
            self.violations.push(Violation::KeySequenceBroken {
                service: service.clone(),
                pos,
                key: ids.key,
                expected: last + 1,
                found: event.key_seq,
            });
        }
        if !self.events.insert(ids.event) {
            self.violations.push(Violation::EventTwice { service, pos, event_id: ids.event });
        }
        if let Some(command) = ids.command {
            self.commands.entry(command).or_default().push(pos);
        }
    }

    /// The journal ends here: it must end where its service says, with the hash its service says.
    #[must_use]
    pub fn finish(mut self, head: &HighWaterResponse) -> Read {
        if self.pos != head.last_pos || (head.last_pos > 0 && self.hash != head.last_hash) {
            self.violations.push(Violation::HeadDiffers {
                service: self.service.clone(),
                head: head.last_pos,
                read: self.pos,
            });
        }
        let hashes = self.wanted.into_iter().filter(|(_, hash)| !hash.is_empty()).collect();
        Read {
            rows: u64::try_from(self.events.len()).unwrap_or(u64::MAX),
            commands: self.commands,
            hashes,
            violations: self.violations,
        }
    }
}

struct Ids {
    event: Uuid,
    key: Uuid,
    command: Option<Uuid>,
    cause: Option<Uuid>,
    occurred_us: i64,
    recorded_us: i64,
}

fn ids(event: &Envelope) -> Result<Ids, String> {
    let id = |what: &str, text: &str| Uuid::parse_str(text).map_err(|_| format!("its {what} is {text:?}"));
    let maybe = |what: &str, text: &str| if text.is_empty() { Ok(None) } else { id(what, text).map(Some) };
    let time =
        |what: &str, time: Option<&Timestamp>| time.and_then(micros).ok_or_else(|| format!("its {what} is no moment"));
    Ok(Ids {
        event: id("event id", &event.event_id)?,
        key: id("key", &event.key)?,
        command: maybe("command id", &event.command_id)?,
        cause: maybe("cause id", &event.cause_id)?,
        occurred_us: time("time of occurrence", event.occurred_at.as_ref())?,
        recorded_us: time("time of recording", event.recorded_at.as_ref())?,
    })
}

/// Microseconds since 1970. The rule knows nothing finer, so a nanosecond that was changed would go unseen: it is refused.
fn micros(time: &Timestamp) -> Option<i64> {
    let in_range = (0..1_000_000_000).contains(&time.nanos) && time.nanos % 1_000 == 0;
    let whole = time.seconds.checked_mul(1_000_000)?.checked_add(i64::from(time.nanos / 1_000))?;
    in_range.then_some(whole)
}

/// SHA-256 over the length-prefixed fields: previous hash, epoch, position, event id, key, key sequence, type, schema
/// version, actor, command id, cause id, both times in microseconds, and the SHA-256 of the body.
fn chained_hash(previous: &[u8], event: &Envelope, ids: &Ids) -> [u8; 32] {
    let mut hasher = Sha256::new();
    let mut field = |bytes: &[u8]| {
        hasher.update((bytes.len() as u64).to_be_bytes());
        hasher.update(bytes);
    };
    field(previous);
    field(&event.epoch.to_be_bytes());
    field(&event.pos.to_be_bytes());
    field(ids.event.as_bytes());
    field(ids.key.as_bytes());
    field(&event.key_seq.to_be_bytes());
    field(event.r#type.as_bytes());
    field(&event.schema_ver.to_be_bytes());
    field(event.actor.as_bytes());
    field(ids.command.as_ref().map_or(&[][..], |id| id.as_bytes()));
    field(ids.cause.as_ref().map_or(&[][..], |id| id.as_bytes()));
    field(&ids.occurred_us.to_be_bytes());
    field(&ids.recorded_us.to_be_bytes());
    field(&Sha256::digest(&event.payload));
    hasher.finalize().into()
}

#[cfg(test)]
pub(super) mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failed test should panic

    use proptest::prelude::*;

    use super::*;

    /// A journal as an honest service writes it: so many rows over a few keys.
    pub fn journal(rows: &[u8]) -> (Vec<Envelope>, HighWaterResponse) {
        let mut hash = Vec::new();
        let mut seqs = HashMap::new();
        let mut events = Vec::new();
        for (place, row) in rows.iter().enumerate() {
            let key = Uuid::from_u128(u128::from(row % 4) + 1);
            let seq: &mut i64 = seqs.entry(key).or_default();
            *seq += 1;
            let number = place as u128 + 1;
            let command_id = if row % 3 == 0 { String::new() } else { Uuid::from_u128(number << 32).to_string() };
            let mut event = Envelope {
                service: "intake".to_owned(),
                epoch: 1,
                pos: place as i64 + 1,
                event_id: Uuid::from_u128(number << 64).to_string(),
                command_id,
                cause_id: if row % 5 == 0 { Uuid::from_u128(7).to_string() } else { String::new() },
                actor: "centre:clerk".to_owned(),
                traceparent: String::new(),
                key: key.to_string(),
                key_seq: *seq,
                r#type: "xiezhi.intake.v1.CaseAccepted".to_owned(),
                schema_ver: 1,
                occurred_at: Some(Timestamp { seconds: 1_772_424_000 + place as i64, nanos: 5_000 }),
                recorded_at: Some(Timestamp { seconds: 1_772_424_000 + place as i64, nanos: 9_000 }),
                payload: vec![*row; usize::from(*row % 7)].into(),
                hash: Default::default(),
            };
            let next = chained_hash(&hash, &event, &ids(&event).unwrap());
            event.hash = next.to_vec().into();
            hash = next.to_vec();
            events.push(event);
        }
        let head =
            HighWaterResponse { last_pos: rows.len() as i64, last_hash: hash.into(), ..HighWaterResponse::default() };
        (events, head)
    }

    fn check(events: &[Envelope], head: &HighWaterResponse) -> Vec<Violation> {
        let mut chain = Chain::new("intake", []);
        for event in events {
            chain.take(event);
        }
        chain.finish(head).violations
    }

    fn rows() -> impl Strategy<Value = Vec<u8>> {
        proptest::collection::vec(any::<u8>(), 2..40)
    }

    /// Changes one thing that the hash covers, or the hash itself.
    fn tamper(event: &mut Envelope, field: u8) {
        match field {
            0 => event.epoch += 1,
            1 => event.event_id = Uuid::from_u128(u128::MAX).to_string(),
            2 => event.key = Uuid::from_u128(u128::MAX).to_string(),
            3 => event.key_seq += 1,
            4 => event.r#type.push('x'),
            5 => event.schema_ver += 1,
            6 => event.actor.push('x'),
            7 => event.command_id = Uuid::from_u128(u128::MAX).to_string(),
            8 => event.cause_id = Uuid::from_u128(u128::MAX).to_string(),
            9 => event.occurred_at.as_mut().unwrap().nanos += 1_000,
            10 => event.recorded_at.as_mut().unwrap().seconds += 1,
            11 => event.occurred_at.as_mut().unwrap().nanos += 1,
            12 => {
                let mut payload = event.payload.to_vec();
                payload.push(0);
                event.payload = payload.into();
            }
            _ => {
                let mut hash = event.hash.to_vec();
                hash[0] ^= 1;
                event.hash = hash.into();
            }
        }
    }

    proptest! {
        #[test]
        fn an_honest_journal_verifies(rows in rows()) {
            let (events, head) = journal(&rows);
            prop_assert_eq!(check(&events, &head), []);
        }

        #[test]
        fn any_changed_field_is_found(rows in rows(), place: prop::sample::Index, field in 0..14_u8) {
            let (mut events, head) = journal(&rows);
            let place = place.index(events.len());
            tamper(&mut events[place], field);
            prop_assert!(!check(&events, &head).is_empty());
        }

        #[test]
        fn a_changed_byte_of_a_body_is_found_where_it_is(rows in rows(), place: prop::sample::Index, bit in 0..8_u8) {
            let (mut events, head) = journal(&rows);
            let place = place.index(events.len());
            let mut payload = events[place].payload.to_vec();
            prop_assume!(!payload.is_empty());
            payload[0] ^= 1 << bit;
            events[place].payload = payload.into();
            let pos = events[place].pos;
            prop_assert_eq!(check(&events, &head), [Violation::HashDiffers { service: "intake".to_owned(), pos }]);
        }

        #[test]
        fn a_missing_row_is_found(rows in rows(), place: prop::sample::Index) {
            let (mut events, head) = journal(&rows);
            events.remove(place.index(events.len()));
            prop_assert!(!check(&events, &head).is_empty());
        }

        #[test]
        fn a_swapped_pair_is_found(rows in rows(), first: prop::sample::Index, second: prop::sample::Index) {
            let (mut events, head) = journal(&rows);
            let (first, second) = (first.index(events.len()), second.index(events.len()));
            prop_assume!(first != second);
            events.swap(first, second);
            prop_assert!(!check(&events, &head).is_empty());
        }

        #[test]
        fn a_swapped_pair_is_found_even_with_its_positions_rewritten(rows in rows(), first: prop::sample::Index) {
            let (mut events, head) = journal(&rows);
            let first = first.index(events.len() - 1);
            events.swap(first, first + 1);
            let pos = events[first + 1].pos;
            events[first + 1].pos = events[first].pos;
            events[first].pos = pos;
            prop_assert!(!check(&events, &head).is_empty());
        }

        #[test]
        fn a_row_told_twice_is_found(rows in rows(), place: prop::sample::Index) {
            let (mut events, head) = journal(&rows);
            let place = place.index(events.len());
            events.insert(place, events[place].clone());
            prop_assert!(!check(&events, &head).is_empty());
        }

        #[test]
        fn a_cut_off_tail_is_found(rows in rows()) {
            let (mut events, head) = journal(&rows);
            events.pop();
            prop_assert_eq!(check(&events, &head).len(), 1);
        }
    }

    #[test]
    fn commands_and_wanted_hashes_are_kept() {
        let (events, head) = journal(&[1, 2, 3]);
        let mut chain = Chain::new("intake", [2, 9]);
        events.iter().for_each(|event| chain.take(event));
        let read = chain.finish(&head);
        assert_eq!(read.commands.len(), 2, "the third row has no command");
        assert_eq!(read.hashes, BTreeMap::from([(2, events[1].hash.to_vec())]));
    }
}
