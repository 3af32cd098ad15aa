//! What decisions said, as rows of the journal: one for each decision and aggregate, however many facts it is.

use std::borrow::Cow;

use prost::Message;
use uuid::Uuid;
use xiezhi_proto::bus::v1::{Fact, Facts};

use crate::context::Emitted;
use crate::envelope::{FACTS, FACTS_VERSION};

/// Facts are put together up to here; a row beyond it begins anew, and stays well below what a stream takes.
const FULL_BYTES: usize = 64 * 1024;

/// Puts neighbours together that one decision said of one aggregate. The order of all facts stays what it was.
pub(crate) fn rows(said: &[Emitted]) -> Vec<Cow<'_, Emitted>> {
    let mut rows = Vec::with_capacity(said.len());
    let mut rest = said;
    while let Some(first) = rest.first() {
        let mut bytes = 0;
        let together = rest
            .iter()
            .take_while(|fact| {
                bytes += fact.payload.len();
                fact.key == first.key && fact.decision == first.decision && bytes <= FULL_BYTES
            })
            .count()
            .max(1);
        let (row, others) = rest.split_at(together);
        rows.push(if row.len() == 1 { Cow::Borrowed(first) } else { Cow::Owned(packed(first, row)) });
        rest = others;
    }
    rows
}

fn packed(first: &Emitted, facts: &[Emitted]) -> Emitted {
    let id = |id: Uuid| id.as_bytes().to_vec().into();
    let facts = facts.iter().map(|fact| Fact {
        r#type: fact.type_name.to_owned(),
        schema_ver: fact.schema_ver,
        event_id: id(fact.event_id),
        cause_id: fact.cause_id.filter(|_| fact.cause_id != first.cause_id).map(id).unwrap_or_default(),
        payload: fact.payload.clone().into(),
    });
    Emitted {
        type_name: FACTS,
        schema_ver: FACTS_VERSION,
        payload: Facts { facts: facts.collect() }.encode_to_vec(),
        ..first.clone()
    }
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
        /// Whatever was said comes out again in its order, with its id, its cause and its body, under its own key.
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
            let packed = rows(&said);
            let read: Vec<Envelope> = packed.iter().flat_map(|row| read(row)).collect();
            prop_assert_eq!(read.len(), said.len());
            for (read, said) in read.iter().zip(&said) {
                prop_assert_eq!(
                    (read.event_id, read.cause_id, read.key, &read.payload, read.type_name.as_str()),
                    (said.event_id, said.cause_id, said.key, &said.payload, said.type_name)
                );
            }
            // One row for each run of one decision about one key, but for the size.
            for pair in packed.windows(2) {
                let same = pair[0].key == pair[1].key && pair[0].decision == pair[1].decision;
                prop_assert!(!same || pair[0].payload.len() + pair[1].payload.len() > FULL_BYTES / 2);
            }
        }
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
