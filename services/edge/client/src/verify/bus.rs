//! N1, N2, N3, N7 and N10: what the bus promises of every service, whatever the service is about.

use std::collections::{BTreeMap, HashSet};

use futures::stream::{self, StreamExt, TryStreamExt};
use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;
use xiezhi_proto::bus::v1::{
    AffectedKey, CheckStreamRequest, Cursor, FindCommandRequest, FindCommandResponse, HighWaterResponse,
    ListAffectedRequest, ListParkedRequest, ListTimersRequest, ParkedEvent, Timer,
};

use super::chain::{Chain, Read};
use super::violation::Violation;
use crate::centre::Centre;
use crate::pages::pages;
use crate::refused::Error;
use crate::{journal, moment};

/// How many questions are asked at once.
const AT_ONCE: usize = 16;

/// N7 allows a timer so much while the system is up.
const FIRE_WITHIN: SignedDuration = SignedDuration::from_secs(5);

/// Reads a service's journal up to a head and checks it as it comes.
pub async fn read_journal(
    centre: &Centre,
    service: &str,
    head: &HighWaterResponse,
    wanted: impl IntoIterator<Item = i64>,
    mut also: impl FnMut(&xiezhi_proto::bus::v1::Envelope),
) -> Result<Read, Error> {
    let mut chain = Chain::new(service, wanted);
    if head.last_pos > 0 {
        let mut events = journal::read(centre, service, 1..=head.last_pos).await?;
        while let Some(event) = events.next().await? {
            chain.take(&event);
            also(&event);
        }
    }
    Ok(chain.finish(head))
}

/// N1: each of these commands has had its effect exactly once.
pub async fn commands(
    centre: &Centre,
    service: &str,
    asked: &[Uuid],
    made: &BTreeMap<Uuid, Vec<i64>>,
) -> Result<Vec<Violation>, Error> {
    let found: Vec<Option<Violation>> = stream::iter(asked.iter().copied())
        .map(|command_id| async move {
            let request = FindCommandRequest { service: service.to_owned(), command_id: command_id.to_string() };
            let known = centre.read(|| call!(centre.bus(service).find_command(request.clone()))).await?;
            let positions = made.get(&command_id).map_or(&[][..], Vec::as_slice);
            Ok::<_, Error>(command(service, command_id, &known, positions))
        })
        .buffer_unordered(AT_ONCE)
        .try_collect()
        .await?;
    Ok(found.into_iter().flatten().collect())
}

fn command(service: &str, command_id: Uuid, known: &FindCommandResponse, found: &[i64]) -> Option<Violation> {
    if !known.answered {
        return Some(Violation::CommandUnknown { service: service.to_owned(), command_id });
    }
    let mut positions = known.positions.clone();
    positions.sort_unstable();
    // A command answered after the journal was read has more events than were read, never fewer.
    let last = found.last().copied().unwrap_or(i64::MAX);
    let remembered: Vec<i64> = positions.iter().copied().filter(|pos| *pos <= last).collect();
    let all_there = found.is_empty() || remembered == found;
    let count_fits = usize::try_from(known.events).is_ok_and(|events| events >= positions.len());
    (!all_there || !count_fits).then(|| Violation::CommandEventsDiffer {
        service: service.to_owned(),
        command_id,
        remembered: known.events,
        found: found.to_vec(),
    })
}

/// N2 and N3: every cursor stands at its producer's head and remembers its hash.
#[must_use]
pub fn cursors(
    cursors: &[(String, Cursor)],
    heads: &BTreeMap<String, HighWaterResponse>,
    hashes: &BTreeMap<String, BTreeMap<i64, Vec<u8>>>,
) -> (Vec<Violation>, Vec<Violation>) {
    let (mut chain, mut rest) = (Vec::new(), Vec::new());
    for (_, cursor) in cursors {
        let (consumer, producer) = (cursor.consumer.clone(), cursor.producer.clone());
        let (pos, head) = (cursor.pos, heads.get(&producer).map_or(0, |head| head.last_pos));
        if cursor.state != "running" {
            let state = cursor.state.clone();
            rest.push(Violation::CursorNotRunning { consumer: consumer.clone(), producer: producer.clone(), state });
        }
        if pos < head {
            rest.push(Violation::CursorBehind { consumer: consumer.clone(), producer: producer.clone(), pos, head });
        } else if pos > head {
            rest.push(Violation::CursorAhead { consumer: consumer.clone(), producer: producer.clone(), pos, head });
        }
        let journal = hashes.get(&producer).and_then(|hashes| hashes.get(&pos));
        if !cursor.seen_hash.is_empty() && journal.is_some_and(|hash| *hash != cursor.seen_hash) {
            chain.push(Violation::RememberedHashDiffers { consumer, producer, pos });
        }
    }
    (chain, rest)
}

/// The keys for which a timer is armed.
pub fn armed(timers: Vec<Timer>) -> impl Iterator<Item = String> {
    timers.into_iter().filter(|timer| timer.state == "armed").map(|timer| timer.key)
}

/// Every event of a service's consumers that waits for an earlier fact or a person.
pub async fn parked(centre: &Centre, service: &str) -> Result<Vec<ParkedEvent>, Error> {
    pages(|page_token| async move {
        let request =
            ListParkedRequest { service: service.to_owned(), page_size: 500, page_token, include_decided: false };
        let page = centre.read(|| call!(centre.bus(service).list_parked(request.clone()))).await?;
        Ok((page.parked, page.next_page_token))
    })
    .await
}

/// Every case of a service that waits for a person after a recovery.
pub async fn affected(centre: &Centre, service: &str) -> Result<Vec<AffectedKey>, Error> {
    pages(|page_token| async move {
        let request =
            ListAffectedRequest { service: service.to_owned(), page_size: 500, page_token, include_settled: false };
        let page = centre.read(|| call!(centre.bus(service).list_affected(request.clone()))).await?;
        Ok((page.affected, page.next_page_token))
    })
    .await
}

/// Every timer of a service, armed and past.
pub async fn timers(centre: &Centre, service: &str) -> Result<Vec<Timer>, Error> {
    list_timers(centre, service, false).await
}

/// The timers of a service that have still to fire.
pub async fn armed_timers(centre: &Centre, service: &str) -> Result<Vec<Timer>, Error> {
    list_timers(centre, service, true).await
}

async fn list_timers(centre: &Centre, service: &str, armed_only: bool) -> Result<Vec<Timer>, Error> {
    pages(|page_token| async move {
        let request = ListTimersRequest {
            service: service.to_owned(),
            key: String::new(),
            armed_only,
            page_size: 1000,
            page_token,
        };
        let page = centre.read(|| call!(centre.bus(service).list_timers(request.clone()))).await?;
        Ok((page.timers, page.next_page_token))
    })
    .await
}

/// N7: fired at most once, never early, and what is due by now has fired.
#[must_use]
pub fn check_timers(service: &str, timers: &[Timer], now: Timestamp) -> Vec<Violation> {
    let mut found = Vec::new();
    let mut told = HashSet::new();
    for timer in timers {
        let (key, kind) = (timer.key.clone(), timer.kind.clone());
        let (service, generation) = (service.to_owned(), timer.r#gen);
        if !told.insert((timer.key.as_str(), timer.kind.as_str(), timer.r#gen)) {
            found.push(Violation::TimerTwice { service, key, kind, generation });
            continue;
        }
        let due = moment(timer.due_at.as_ref());
        match (timer.state.as_str(), due, moment(timer.fired_at.as_ref())) {
            ("fired", Some(due), Some(fired)) if due <= fired => {}
            ("fired", _, _) => found.push(Violation::TimerEarly { service, key, kind, generation }),
            ("armed", Some(due), _) if now.duration_since(due) > FIRE_WITHIN => {
                found.push(Violation::TimerOverdue { service, key, kind, generation });
            }
            _ => {}
        }
    }
    found
}

/// How many timers fired later than five seconds after they were due: an outage, or a turn of time.
#[must_use]
pub fn late(timers: &[Timer]) -> usize {
    timers
        .iter()
        .filter_map(|timer| moment(timer.fired_at.as_ref()).zip(moment(timer.due_at.as_ref())))
        .filter(|(fired, due)| fired.duration_since(*due) > FIRE_WITHIN)
        .count()
}

/// N10: what the stream still holds of a service equals its journal. A long stream takes longer than an ordinary call: the
/// caller's `call_timeout` must allow for it.
pub async fn stream(centre: &Centre, service: &str) -> Result<(u64, Vec<Violation>), Error> {
    let request = CheckStreamRequest { service: service.to_owned() };
    let answer = centre.read(|| call!(centre.bus(service).check_stream(request.clone()))).await?;
    let differences = answer.differences.into_iter();
    let violations = differences.map(|what| Violation::StreamDiffers { service: service.to_owned(), what });
    Ok((answer.compared, violations.collect()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failed test should panic

    use super::*;
    use crate::proto_time;
    use crate::verify::chain::tests::journal;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn timer(kind: &str, state: &str, due: &str, fired: Option<&str>) -> Timer {
        Timer {
            key: "k".to_owned(),
            kind: kind.to_owned(),
            r#gen: 1,
            state: state.to_owned(),
            due_at: Some(proto_time(at(due))),
            fired_at: fired.map(|fired| proto_time(at(fired))),
            ..Timer::default()
        }
    }

    #[test]
    fn a_timer_that_fired_early_or_twice_or_not_is_found() {
        let now = at("2026-03-10T00:00:00Z");
        let timers = [
            timer("good", "fired", "2026-03-09T00:00:00Z", Some("2026-03-09T00:00:01Z")),
            timer("early", "fired", "2026-03-09T00:00:00Z", Some("2026-03-08T23:59:59Z")),
            timer("overdue", "armed", "2026-03-09T23:59:54Z", None),
            timer("soon", "armed", "2026-03-09T23:59:56Z", None),
            timer("cancelled", "cancelled", "2026-03-01T00:00:00Z", None),
            timer("good", "fired", "2026-03-09T00:00:00Z", Some("2026-03-09T00:00:01Z")),
        ];
        let found = check_timers("intake", &timers, now);
        let kinds: Vec<&str> = found
            .iter()
            .map(|violation| match violation {
                Violation::TimerEarly { kind, .. }
                | Violation::TimerTwice { kind, .. }
                | Violation::TimerOverdue { kind, .. } => kind.as_str(),
                other => panic!("{other}"),
            })
            .collect();
        assert_eq!(kinds, ["early", "overdue", "good"]);
    }

    #[test]
    fn a_timer_that_fired_without_saying_when_counts_as_early() {
        let timers = [timer("mute", "fired", "2026-03-09T00:00:00Z", None)];
        assert_eq!(check_timers("intake", &timers, at("2026-03-10T00:00:00Z")).len(), 1);
    }

    fn cursor(pos: i64, hash: &[u8]) -> (String, Cursor) {
        let cursor = Cursor {
            consumer: "supervision".to_owned(),
            producer: "intake".to_owned(),
            pos,
            state: "running".to_owned(),
            seen_hash: hash.to_vec().into(),
            ..Cursor::default()
        };
        ("supervision".to_owned(), cursor)
    }

    #[test]
    fn a_neighbour_who_remembers_another_hash_is_heard() {
        let (events, head) = journal(&[1, 2, 3]);
        let heads = BTreeMap::from([("intake".to_owned(), head)]);
        let hashes = BTreeMap::from([("intake".to_owned(), BTreeMap::from([(3, events[2].hash.to_vec())]))]);
        let right = cursors(&[cursor(3, &events[2].hash)], &heads, &hashes);
        assert_eq!(right, (vec![], vec![]));
        let (chain, rest) = cursors(&[cursor(3, b"other")], &heads, &hashes);
        assert_eq!((chain.len(), rest.len()), (1, 0));
        let (_, behind) = cursors(&[cursor(2, &events[1].hash)], &heads, &hashes);
        assert!(matches!(behind[..], [Violation::CursorBehind { pos: 2, head: 3, .. }]));
        let (_, ahead) = cursors(&[cursor(4, b"")], &heads, &hashes);
        assert!(matches!(ahead[..], [Violation::CursorAhead { .. }]));
    }

    #[test]
    fn a_command_is_known_and_its_events_are_there_once() {
        let id = Uuid::from_u128(1);
        let known = |positions: &[i64], events| FindCommandResponse {
            answered: true,
            positions: positions.to_vec(),
            events,
            ..FindCommandResponse::default()
        };
        assert_eq!(command("intake", id, &known(&[4, 5], 2), &[4, 5]), None);
        assert_eq!(command("intake", id, &known(&[], 0), &[]), None, "a command may make no event");
        assert!(command("intake", id, &known(&[4], 1), &[4, 5]).is_some());
        assert!(command("intake", id, &known(&[5], 1), &[4]).is_some());
        let unknown = command("intake", id, &FindCommandResponse::default(), &[4]);
        assert_eq!(unknown, Some(Violation::CommandUnknown { service: "intake".to_owned(), command_id: id }));
    }
}
