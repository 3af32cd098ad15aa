//! N4: the history that supervision tells of a case, against the journals it tells.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use futures::stream::{self, StreamExt, TryStreamExt};
use tonic::Code;
use uuid::Uuid;
use xiezhi_proto::bus::v1::HighWaterResponse;
use xiezhi_proto::supervision::v1::{GetTimelineRequest, TimelineEntry};

use super::violation::Violation;
use crate::centre::Centre;
use crate::journal;
use crate::pages::pages;
use crate::refused::Error;

/// How many histories are read at once.
const AT_ONCE: usize = 16;

/// The key of every position of each journal, as it was read, and how far supervision had heard each journal before.
#[derive(Debug, Default)]
pub struct Keys {
    heard: BTreeMap<String, i64>,
    by_service: BTreeMap<String, BTreeMap<i64, Uuid>>,
    by_key: HashMap<Uuid, Vec<(String, i64)>>,
}

impl Keys {
    /// Notes how far supervision had heard a journal before the journal was read.
    pub fn heard(&mut self, service: &str, pos: i64) {
        self.heard.insert(service.to_owned(), pos);
    }

    /// True of a position that every history must tell, because supervision had heard it. What nobody said is not excused.
    fn must_be_told(&self, service: &str, pos: i64) -> bool {
        self.heard.get(service).is_none_or(|heard| pos <= *heard)
    }

    /// Notes a row.
    pub fn note(&mut self, service: &str, pos: i64, key: &str) {
        if let Some(key) = self.note_since(service, pos, key) {
            self.by_key.entry(key).or_default().push((service.to_owned(), pos));
        }
    }

    /// Notes a row that was written after its journal was read: a history may tell it and need not.
    fn note_since(&mut self, service: &str, pos: i64, key: &str) -> Option<Uuid> {
        // A key that does not read is a violation of N2 and told there.
        let key = Uuid::parse_str(key).ok()?;
        self.by_service.entry(service.to_owned()).or_default().insert(pos, key);
        Some(key)
    }
}

/// What a history tells: who said it, at which position, and the fact's own id.
type Told = (String, i64, String);

/// The timeline of each of these cases has the order of the journals it tells, all of them and nothing else. The journals
/// were read up to these heads; others may write meanwhile, so what they wrote is read once the histories are: a history
/// that tells more than that makes it up.
pub async fn histories(
    centre: &Centre,
    cases: &[Uuid],
    keys: &mut Keys,
    heads: &BTreeMap<String, HighWaterResponse>,
) -> Result<Vec<Violation>, Error> {
    let told: Vec<(Uuid, Vec<Told>)> = stream::iter(cases.iter().copied())
        .map(|case_id| async move {
            let entries = match timeline(centre, case_id).await {
                // Supervision has not heard of it yet: a history without a word, which holds where none was owed.
                Err(error) if error.refused().is_some_and(|refused| refused.grpc_code() == Code::NotFound) => {
                    Vec::new()
                }
                told => told?,
            };
            Ok::<_, Error>((
                case_id,
                entries.into_iter().map(|entry| (entry.service, entry.pos, entry.event_id)).collect(),
            ))
        })
        .buffer_unordered(AT_ONCE)
        .try_collect()
        .await?;
    for (service, head) in heads {
        read_since(centre, service, head.last_pos, keys).await?;
    }
    Ok(told.into_iter().flat_map(|(case_id, told)| history(case_id, &told, keys)).collect())
}

/// Reads what a service has said since its journal was read.
async fn read_since(centre: &Centre, service: &str, read: i64, keys: &mut Keys) -> Result<(), Error> {
    let head = journal::high_water(centre, service).await?.last_pos;
    if head <= read {
        return Ok(());
    }
    let mut events = journal::read(centre, service, read + 1..=head).await?;
    while let Some(event) = events.next().await? {
        keys.note_since(service, event.pos, &event.key);
    }
    Ok(())
}

/// All that supervision tells of a case.
pub async fn timeline(centre: &Centre, case_id: Uuid) -> Result<Vec<TimelineEntry>, Error> {
    pages(|page_token| async move {
        let request = GetTimelineRequest { case_id: case_id.to_string(), page_size: 500, page_token };
        let page = centre.read(|| call!(centre.supervision().get_timeline(request.clone()))).await?;
        Ok((page.entries, page.next_page_token))
    })
    .await
}

/// Supervision's own words carry another number than a position, so only what it heard from others is compared. What came
/// late to a journal may be missing.
fn history(case_id: Uuid, entries: &[Told], keys: &Keys) -> Vec<Violation> {
    let mut found = Vec::new();
    let mut last: HashMap<(&str, Uuid), i64> = HashMap::new();
    let mut told: BTreeSet<(&str, i64)> = BTreeSet::new();
    let mut facts: BTreeSet<&str> = BTreeSet::new();
    for (service, pos, event_id) in entries.iter().filter(|(service, ..)| service != "supervision") {
        let Some(key) = keys.by_service.get(service).and_then(|rows| rows.get(pos)) else {
            found.push(Violation::HistoryDiffers { case_id, service: service.clone(), pos: *pos });
            continue;
        };
        told.insert((service.as_str(), *pos));
        let before = last.entry((service.as_str(), *key)).or_insert(0);
        // Facts of one decision share a position; each is told once.
        if *pos < *before || !facts.insert(event_id.as_str()) {
            let service = service.clone();
            found.push(Violation::OrderDiffers { case_id, service, earlier: *pos, later: *before });
        }
        *before = (*pos).max(*before);
    }
    for (service, pos) in keys.by_key.get(&case_id).into_iter().flatten() {
        let is_owed = service != "supervision" && keys.must_be_told(service, *pos);
        if is_owed && !told.contains(&(service.as_str(), *pos)) {
            found.push(Violation::HistoryDiffers { case_id, service: service.clone(), pos: *pos });
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u128) -> Uuid {
        Uuid::from_u128(number)
    }

    fn told(service: &str, pos: i64) -> Told {
        (service.to_owned(), pos, format!("{service}/{pos}"))
    }

    fn keys() -> Keys {
        let mut keys = Keys::default();
        for (service, pos, key) in [("intake", 1, 1), ("intake", 2, 9), ("intake", 3, 1), ("assignment", 1, 1)] {
            keys.note(service, pos, &id(key).to_string());
        }
        keys
    }

    #[test]
    fn a_history_in_the_order_of_its_journals_holds() {
        let entries = [told("intake", 1), told("assignment", 1), told("supervision", 77), told("intake", 3)];
        assert_eq!(history(id(1), &entries, &keys()), []);
    }

    #[test]
    fn a_history_in_another_order_is_found() {
        let entries = [told("intake", 3), told("intake", 1), told("assignment", 1)];
        let service = "intake".to_owned();
        let found = history(id(1), &entries, &keys());
        assert_eq!(found, [Violation::OrderDiffers { case_id: id(1), service, earlier: 1, later: 3 }]);
    }

    #[test]
    fn an_event_told_twice_is_found() {
        let entries = [told("intake", 1), told("intake", 1), told("intake", 3), told("assignment", 1)];
        assert_eq!(history(id(1), &entries, &keys()).len(), 1);
    }

    #[test]
    fn several_facts_of_one_decision_share_its_position() {
        let another = ("intake".to_owned(), 1, "another".to_owned());
        let entries = [told("intake", 1), another.clone(), told("intake", 3), told("assignment", 1)];
        assert_eq!(history(id(1), &entries, &keys()), []);
        let late = [told("intake", 1), told("intake", 3), another, told("assignment", 1)];
        assert_eq!(history(id(1), &late, &keys()).len(), 1);
    }

    #[test]
    fn an_event_that_a_history_leaves_out_or_makes_up_is_found() {
        let left_out = history(id(1), &[told("intake", 1), told("assignment", 1)], &keys());
        assert!(matches!(left_out[..], [Violation::HistoryDiffers { pos: 3, .. }]));
        for (service, pos) in [("scheduling", 8), ("scheduling", 999), ("assignment", 0), ("intake", 4), ("rumour", 1)]
        {
            let made_up = [told("intake", 1), told("intake", 3), told("assignment", 1), told(service, pos)];
            let service = service.to_owned();
            let found = history(id(1), &made_up, &keys());
            assert_eq!(found, [Violation::HistoryDiffers { case_id: id(1), service, pos }]);
        }
    }

    #[test]
    fn what_is_written_while_a_history_is_read_is_no_difference() {
        let mut since = keys();
        since.note_since("intake", 4, &id(1).to_string());
        let told_since = [told("intake", 1), told("assignment", 1), told("intake", 3), told("intake", 4)];
        assert_eq!(history(id(1), &told_since, &since), []);
        assert_eq!(history(id(1), &told_since[..3], &since), [], "what came since need not be told");
        let turned = [told("intake", 1), told("assignment", 1), told("intake", 4), told("intake", 3)];
        assert!(matches!(history(id(1), &turned, &since)[..], [Violation::OrderDiffers { earlier: 3, later: 4, .. }]));
        let mut late = keys();
        late.heard("intake", 2);
        late.heard("assignment", 1);
        assert_eq!(history(id(1), &[told("intake", 1), told("assignment", 1)], &late), []);
        let left_out = history(id(1), &[told("intake", 3), told("assignment", 1)], &late);
        assert!(matches!(left_out[..], [Violation::HistoryDiffers { pos: 1, .. }]));
    }
}
