//! What decisions said, as rows of the journal: few, however many facts they are.

use std::borrow::Cow;
use std::collections::HashMap;

use prost::Message;
use uuid::Uuid;
use xiezhi_proto::bus::v1::{Fact, Facts};

use crate::context::Emitted;
use crate::envelope::{FACTS, FACTS_VERSION};

/// What a fact takes in a row beside its body and its type.
const AROUND_BYTES: usize = 48;
/// Facts are put together up to here; a row beyond it begins anew, and stays well below what a stream takes.
const FULL_BYTES: usize = 64 * 1024;

/// Facts that share a row.
struct Row<'s> {
    facts: Vec<&'s Emitted>,
    bytes: usize,
    /// All that its decisions said, they said of this one aggregate.
    alone: bool,
}

/// Puts together what one decision said of one aggregate, and what several events of one batch made us say of it: two producers
/// who speak of a case at once are answered in one row. The order of each aggregate's facts stays what it was, and so does the
/// order of all that a decision said of several.
pub(crate) fn rows(said: &[Emitted]) -> Vec<Cow<'_, Emitted>> {
    let mut rows: Vec<Row<'_>> = Vec::with_capacity(said.len());
    let mut last_of: HashMap<Uuid, usize> = HashMap::new();
    for decision in said.chunk_by(|one, next| one.decision == next.decision) {
        let alone = decision.windows(2).all(|pair| matches!(pair, [one, next] if one.key == next.key));
        let mut before: Option<&Emitted> = None;
        for fact in decision {
            let continues = before.replace(fact).is_some_and(|before| before.key == fact.key);
            let last = last_of.get(&fact.key).and_then(|place| rows.get_mut(*place));
            let together = last.filter(|row| {
                let answers = row.alone && alone && row.facts.first().is_some_and(|first| goes_with(first, fact));
                row.bytes + size(fact) <= FULL_BYTES && (continues || answers)
            });
            if let Some(row) = together {
                row.bytes += size(fact);
                row.facts.push(fact);
            } else {
                last_of.insert(fact.key, rows.len());
                rows.push(Row { facts: vec![fact], bytes: size(fact), alone });
            }
        }
    }
    rows.iter().filter_map(|row| packed(&row.facts)).collect()
}

fn size(fact: &Emitted) -> usize {
    fact.payload.len() + fact.type_name.len() + AROUND_BYTES
}

/// True where what two events caused may stand under one actor and one trace.
fn goes_with(first: &Emitted, fact: &Emitted) -> bool {
    first.cause_id.is_some()
        && fact.cause_id.is_some()
        && (first.command_id, fact.command_id) == (None, None)
        && (&first.actor, &first.traceparent) == (&fact.actor, &fact.traceparent)
}

/// A row of several facts; one alone is its own row.
fn packed<'s>(facts: &[&'s Emitted]) -> Option<Cow<'s, Emitted>> {
    let (first, more) = facts.split_first()?;
    if more.is_empty() {
        return Some(Cow::Borrowed(first));
    }
    let id = |id: Uuid| id.as_bytes().to_vec().into();
    let facts = facts.iter().map(|fact| Fact {
        r#type: fact.type_name.to_owned(),
        schema_ver: fact.schema_ver,
        event_id: id(fact.event_id),
        cause_id: fact.cause_id.filter(|_| fact.cause_id != first.cause_id).map(id).unwrap_or_default(),
        payload: fact.payload.clone().into(),
    });
    Some(Cow::Owned(Emitted {
        type_name: FACTS,
        schema_ver: FACTS_VERSION,
        payload: Facts { facts: facts.collect() }.encode_to_vec(),
        ..Emitted::clone(first)
    }))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failed test should panic
    use jiff::Timestamp;
    use proptest::prelude::*;

    use super::*;
    use crate::envelope::Envelope;

    fn said(nth: usize, decision: u32, key: u8, bytes: usize) -> Emitted {
        Emitted {
            event_id: Uuid::from_u128(nth as u128 + 1),
            command_id: None,
            cause_id: Some(Uuid::from_u128(u128::from(decision) * 1000 + nth as u128 % 2)),
            actor: "service:a".to_owned(),
            traceparent: None,
            key: Uuid::from_u128(key.into()),
            type_name: "xiezhi.bus.v1.BundlePublished",
            schema_ver: 1,
            occurred_at: Timestamp::UNIX_EPOCH,
            payload: vec![7; bytes],
            decision,
        }
    }

    fn read(row: &Emitted) -> Vec<Envelope> {
        let envelope = Envelope {
            service: "a".to_owned(),
            epoch: 1,
            pos: 1,
            event_id: row.event_id,
            command_id: row.command_id,
            cause_id: row.cause_id,
            actor: row.actor.clone(),
            traceparent: row.traceparent.clone(),
            key: row.key,
            key_seq: 1,
            type_name: row.type_name.to_owned(),
            schema_ver: row.schema_ver,
            occurred_at: row.occurred_at,
            recorded_at: row.occurred_at,
            payload: row.payload.clone(),
            hash: Vec::new(),
        };
        envelope.facts().unwrap()
    }

    proptest! {
        /// Whatever was said comes out again, with its id, its cause and its body, under its own key; what was said of one key
        /// and what one decision said keep their order.
        #[test]
        fn what_was_said_is_read_again(facts in proptest::collection::vec((0u32..3, 0u8..3, 0usize..40_000), 0..12)) {
            let mut decision = 0;
            let said: Vec<Emitted> = facts
                .iter()
                .enumerate()
                .map(|(nth, (step, key, bytes))| {
                    decision += step / 2;
                    said(nth, decision, *key, *bytes)
                })
                .collect();
            let read: Vec<Envelope> = rows(&said).iter().flat_map(|row| read(row)).collect();
            prop_assert_eq!(read.len(), said.len());
            let place = |id: Uuid| read.iter().position(|read| read.event_id == id);
            for (nth, fact) in said.iter().enumerate() {
                let read = &read[place(fact.event_id).unwrap()];
                prop_assert_eq!(
                    (read.event_id, read.cause_id, read.key, &read.payload, read.type_name.as_str()),
                    (fact.event_id, fact.cause_id, fact.key, &fact.payload, fact.type_name)
                );
                for later in &said[nth + 1..] {
                    if later.key == fact.key || later.decision == fact.decision {
                        prop_assert!(place(fact.event_id) < place(later.event_id));
                    }
                }
            }
        }
    }

    /// How many rows, and which facts stand in each.
    fn told(said: &[Emitted]) -> Vec<Vec<u128>> {
        let ids = |row: &Emitted| read(row).iter().map(|fact| fact.event_id.as_u128() - 1).collect();
        rows(said).iter().map(|row| ids(row)).collect()
    }

    #[test]
    fn what_two_events_made_us_say_of_one_key_is_one_row() {
        let (first, second) = ([said(0, 1, 1, 9), said(1, 2, 2, 9)], [said(2, 3, 1, 9), said(3, 4, 2, 9)]);
        let both: Vec<Emitted> = first.into_iter().chain(second).collect();
        assert_eq!(told(&both), [[0, 2], [1, 3]]);
        // What callers asked for stays apart: each has its own answer.
        let asked = |mut fact: Emitted| {
            (fact.command_id, fact.cause_id) = (Some(Uuid::from_u128(fact.decision.into())), None);
            fact
        };
        let asked: Vec<Emitted> = both.into_iter().map(asked).collect();
        assert_eq!(told(&asked).len(), 4);
    }

    #[test]
    fn a_decision_about_several_keys_is_told_in_its_order() {
        // The third speaks of both keys: what it says of the first must not come before what it says of the second.
        let several = [said(0, 1, 1, 9), said(1, 2, 2, 9), said(2, 3, 2, 9), said(3, 3, 1, 9), said(4, 4, 1, 9)];
        assert_eq!(told(&several), [vec![0], vec![1], vec![2], vec![3], vec![4]]);
    }

    #[test]
    fn a_body_that_is_no_list_of_facts_is_refused() {
        let mut row = said(0, 0, 0, 3);
        row.type_name = FACTS;
        let envelope = |row: &Emitted| Envelope {
            service: "a".to_owned(),
            epoch: 1,
            pos: 1,
            event_id: row.event_id,
            command_id: None,
            cause_id: None,
            actor: String::new(),
            traceparent: None,
            key: row.key,
            key_seq: 1,
            type_name: row.type_name.to_owned(),
            schema_ver: 1,
            occurred_at: row.occurred_at,
            recorded_at: row.occurred_at,
            payload: row.payload.clone(),
            hash: Vec::new(),
        };
        assert!(envelope(&row).facts().is_err());
        row.payload = Facts { facts: vec![Fact { event_id: vec![1, 2].into(), ..Fact::default() }] }.encode_to_vec();
        assert!(envelope(&row).facts().is_err());
    }
}
