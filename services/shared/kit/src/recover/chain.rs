//! What a stream holds of a journal, put in order: from the journal's own end on, as far as the hash chain holds.

use std::collections::BTreeMap;

use crate::envelope::Envelope;

/// How a walk along the chain ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Everything anybody is known to have seen is there.
    Whole,
    /// Something stands at this position, and it does not continue the chain: it was changed.
    Changed(i64),
    /// Nothing is left of this position.
    Missing(i64),
}

/// Walks from the journal's end to `target`. Where several messages claim a position, the one that continues the chain counts,
/// and of those the one of the latest epoch.
pub fn walk(last_pos: i64, last_hash: &[u8], candidates: Vec<Envelope>, target: i64) -> (Vec<Envelope>, End) {
    let mut at: BTreeMap<i64, Vec<Envelope>> = BTreeMap::new();
    for event in candidates {
        at.entry(event.pos).or_default().push(event);
    }
    let mut found: Vec<Envelope> = Vec::new();
    let mut hash = last_hash.to_vec();
    for pos in last_pos + 1..=target {
        let Some(mut here) = at.remove(&pos) else { return (found, End::Missing(pos)) };
        here.sort_by_key(|event| std::cmp::Reverse(event.epoch));
        let next = here.into_iter().find(|event| event.chained_hash(&hash).as_slice() == event.hash);
        let Some(next) = next else { return (found, End::Changed(pos)) };
        hash.clone_from(&next.hash);
        found.push(next);
    }
    (found, End::Whole)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failed test should panic
    use jiff::Timestamp;
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;

    fn journal(length: i64, epoch: i32) -> Vec<Envelope> {
        let mut hash = Vec::new();
        (1..=length)
            .map(|pos| {
                let mut event = Envelope {
                    service: "a".to_owned(),
                    epoch,
                    pos,
                    event_id: Uuid::from_u128(u128::try_from(pos).unwrap()),
                    command_id: None,
                    cause_id: None,
                    actor: String::new(),
                    traceparent: None,
                    key: Uuid::nil(),
                    key_seq: pos,
                    type_name: String::new(),
                    schema_ver: 1,
                    occurred_at: Timestamp::UNIX_EPOCH,
                    recorded_at: Timestamp::UNIX_EPOCH,
                    payload: vec![u8::try_from(pos % 251).unwrap()],
                    hash: Vec::new(),
                };
                event.hash = event.chained_hash(&hash).to_vec();
                hash.clone_from(&event.hash);
                event
            })
            .collect()
    }

    fn hash_before(events: &[Envelope], pos: i64) -> Vec<u8> {
        events.iter().find(|event| event.pos == pos).map(|event| event.hash.clone()).unwrap_or_default()
    }

    proptest! {
        /// Whatever order the stream has them in, and however often: the true continuation comes back, whole.
        #[test]
        fn the_true_continuation_comes_back(length in 1..40_i64, kept in 0..40_i64, shuffle: u64, twice in any::<bool>()) {
            let events = journal(length, 1);
            let kept = kept.min(length);
            let mut stream: Vec<Envelope> = events.iter().filter(|event| event.pos > kept).cloned().collect();
            if twice {
                stream.extend(stream.clone());
            }
            stream.sort_by_key(|event| event.pos.unsigned_abs().wrapping_mul(shuffle | 1));
            let (found, end) = walk(kept, &hash_before(&events, kept), stream, length);
            prop_assert_eq!(end, End::Whole);
            prop_assert_eq!(&found[..], &events[usize::try_from(kept).unwrap()..]);
        }

        /// A message that was changed in any way is named by its position, and nothing from there on counts.
        #[test]
        fn a_changed_message_is_named(length in 2..40_i64, at in 1..40_i64) {
            let events = journal(length, 1);
            let at = 1 + at % length;
            let mut stream = events.clone();
            stream[usize::try_from(at - 1).unwrap()].payload.push(7);
            let (found, end) = walk(0, &[], stream, length);
            prop_assert_eq!(end, End::Changed(at));
            prop_assert_eq!(found.len() as i64, at - 1);
        }

        /// So is a position of which nothing is left.
        #[test]
        fn a_missing_message_is_named(length in 2..40_i64, at in 1..40_i64) {
            let events = journal(length, 1);
            let at = 1 + at % length;
            let stream: Vec<Envelope> = events.iter().filter(|event| event.pos != at).cloned().collect();
            prop_assert_eq!(walk(0, &[], stream, length).1, End::Missing(at));
        }
    }

    #[test]
    fn of_two_that_continue_the_chain_the_later_epoch_counts() {
        let (old, new) = (journal(2, 1), journal(2, 2));
        let stream: Vec<Envelope> = old.into_iter().chain(new.clone()).collect();
        assert_eq!(walk(0, &[], stream, 2), (new, End::Whole));
    }
}
