//! What a consumer does with what it received, without IO: drop repeats, take what follows, stop at a gap.

use std::collections::BTreeMap;
use std::sync::Arc;

use xiezhi_proto::Event;
use xiezhi_proto::bus::v1::EpochStarted;

use crate::envelope::Envelope;

/// The next events to apply, and how the rest was sorted.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Sorted {
    /// Events directly after the cursor, in order and without a gap.
    pub next: Vec<Arc<Envelope>>,
    /// How many were at or before the cursor, or came twice.
    pub repeats: usize,
    /// The first position that is missing before a later event that is here already.
    pub gap_at: Option<i64>,
    /// Events behind the gap, to be offered again.
    pub behind_gap: Vec<Arc<Envelope>>,
}

/// Sorts a batch against the cursor's position. Events of an older epoch are repeats. A newer epoch is entered by its first event
/// alone; what an earlier one said at or after that event's position does not count any more.
pub fn sort(epoch: i32, pos: i64, batch: Vec<Arc<Envelope>>) -> Sorted {
    let mut sorted = Sorted::default();
    let mut by_position = BTreeMap::new();
    for event in batch {
        let heard = event.epoch < epoch || (event.epoch == epoch && event.pos <= pos);
        if heard || by_position.insert((event.epoch, event.pos), event).is_some() {
            sorted.repeats += 1;
        }
    }
    let begins = |event: &Envelope| event.type_name == EpochStarted::TYPE;
    let latest = by_position.values().filter(|event| begins(event)).map(|event| (event.epoch, event.pos)).max();
    let (mut expected, mut current) = (pos + 1, epoch);
    for ((event_epoch, event_pos), event) in by_position {
        if latest.is_some_and(|(began, at)| event_epoch < began && event_pos >= at) {
            sorted.repeats += 1;
        } else if sorted.gap_at.is_none()
            && event_pos == expected
            && (event_epoch == current || (event_epoch > current && begins(&event)))
        {
            expected += 1;
            current = event_epoch;
            sorted.next.push(event);
        } else {
            sorted.gap_at.get_or_insert(expected);
            sorted.behind_gap.push(event);
        }
    }
    sorted
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failed test should panic
    use jiff::Timestamp;
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;

    fn event(pos: i64) -> Arc<Envelope> {
        Arc::new(Envelope {
            service: "a".to_owned(),
            epoch: 1,
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
            payload: Vec::new(),
            hash: Vec::new(),
        })
    }

    /// What a stream may do to `total` events: lose, repeat and reorder them, in deliveries of any size.
    fn deliveries(total: i64) -> impl Strategy<Value = Vec<Vec<i64>>> {
        proptest::collection::vec(proptest::collection::vec(1..=total, 0..12), 0..12)
    }

    proptest! {
        /// Whatever the stream does, each position is applied once and in order; the journal fills every gap.
        #[test]
        fn every_event_is_applied_once_and_in_order(deliveries in deliveries(20), crash_before_commit in proptest::collection::vec(any::<bool>(), 12)) {
            let mut cursor = 0;
            let mut applied: Vec<i64> = Vec::new();
            for (turn, delivery) in deliveries.iter().enumerate() {
                let sorted = sort(1, cursor, delivery.iter().map(|pos| event(*pos)).collect());
                prop_assert_eq!(sorted.next.len() + sorted.repeats + sorted.behind_gap.len(), delivery.len());
                if crash_before_commit.get(turn).copied().unwrap_or_default() {
                    continue; // nothing was committed: neither effect nor cursor
                }
                for next in &sorted.next {
                    prop_assert_eq!(next.pos, cursor + 1);
                    cursor = next.pos;
                    applied.push(next.pos);
                }
                if let Some(gap) = sorted.gap_at {
                    // The producer's journal is read from the cursor on; then the held-back ones are offered again.
                    prop_assert_eq!(gap, cursor + 1);
                    let until = sorted.behind_gap.iter().map(|e| e.pos).max().unwrap();
                    let repair = sort(1, cursor, (gap..=until).map(event).collect());
                    prop_assert_eq!(repair.gap_at, None);
                    for next in repair.next {
                        cursor = next.pos;
                        applied.push(next.pos);
                    }
                    let again = sort(1, cursor, sorted.behind_gap);
                    prop_assert!(again.next.is_empty() && again.gap_at.is_none());
                }
            }
            let expected: Vec<i64> = (1..=cursor).collect();
            prop_assert_eq!(applied, expected);
        }
    }

    #[test]
    fn an_epoch_is_entered_by_its_first_event_and_what_it_replaces_does_not_count() {
        let of_two = |pos, type_name: &str| {
            Arc::new(Envelope { epoch: 2, type_name: type_name.to_owned(), ..Envelope::clone(&event(pos)) })
        };
        let (first, second) = (of_two(3, EpochStarted::TYPE), of_two(4, ""));
        // The old epoch's third and fourth are still in the stream.
        let sorted = sort(1, 1, vec![event(2), event(3), event(4), first.clone(), second.clone()]);
        assert_eq!(sorted.next, vec![event(2), first, second]);
        assert_eq!((sorted.repeats, sorted.gap_at), (2, None));
    }

    #[test]
    fn a_newer_epoch_is_never_taken_for_the_next_event() {
        let newer = Envelope { epoch: 2, ..Envelope::clone(&event(1)) };
        let sorted = sort(1, 0, vec![Arc::new(newer)]);
        assert_eq!(sorted.next, vec![]);
        assert_eq!(sorted.gap_at, Some(1));
    }
}
