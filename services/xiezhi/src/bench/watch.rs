//! How far every consumer has come, and when: cursors read again and again while a measurement runs.
//!
//! A position counts as heard when the answer that shows it is there, so times are never too short: they are too long by
//! at most one pause and one call.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::bail;
use client::{Centre, SERVICES, call, journal};
use tokio::task::JoinSet;
use xiezhi_proto::bus::v1::ListCursorsRequest;

/// After so long without any movement nothing more is expected.
const STANDSTILL: Duration = Duration::from_secs(60);
/// How often the journals' heads are compared with the cursors.
const COMPARE: Duration = Duration::from_millis(250);

/// The services that project what the others say: whoever asks how long a case takes asks about these.
pub const PROJECTORS: [&str; 2] = ["supervision", "evaluation"];

/// How far each journal goes, by service.
pub type Heads = BTreeMap<String, i64>;

/// A running watch. Dropped, it ends.
pub struct Watch {
    operator: Centre,
    seen: Arc<Mutex<Seen>>,
    _readers: JoinSet<()>,
}

#[derive(Debug, Default)]
struct Seen {
    heard: Heard,
    failed: Option<client::Error>,
}

/// What each consumer had heard of each producer, and since when.
#[derive(Debug, Clone, Default)]
pub struct Heard {
    consumers: BTreeMap<String, BTreeMap<String, Vec<(Instant, i64)>>>,
    /// The last look before anything moved, by consumer.
    at_rest: BTreeMap<String, Instant>,
}

impl Watch {
    /// Reads the cursors of each of these services, with a pause of its own after every answer.
    #[must_use]
    pub fn start(operator: &Centre, services: impl IntoIterator<Item = (&'static str, Duration)>) -> Self {
        let seen = Arc::new(Mutex::new(Seen::default()));
        let mut readers = JoinSet::new();
        for (service, pause) in services {
            // Not seen yet is not the same as not watched.
            lock(&seen).heard.consumers.insert(service.to_owned(), BTreeMap::new());
            readers.spawn(follow(operator.clone(), service, pause, Arc::clone(&seen)));
        }
        Self { operator: operator.clone(), seen, _readers: readers }
    }

    /// Waits until everything that was said has been heard by everybody watched, and tells how far the journals went.
    pub async fn absorbed(&self) -> anyhow::Result<Heads> {
        let (mut moved, mut last) = (Instant::now(), 0);
        loop {
            // The cursors that are compared were read before the heads: what they had heard then was all there was.
            let before = self.look()?.heard.clone();
            let (heads, speaking) = heads(&self.operator).await?;
            if !speaking && before.all_heard(&heads).is_some() {
                return Ok(heads);
            }
            let sum = before.sum() + heads.values().sum::<i64>();
            if sum != last {
                (moved, last) = (Instant::now(), sum);
            } else if moved.elapsed() > STANDSTILL {
                let unrest = client::rest::Look::at(&self.operator).await?.unrest();
                let why: Vec<String> = unrest.iter().map(ToString::to_string).collect();
                bail!("中心停滞 {STANDSTILL:?} / the centre has stood still for so long: {}", why.join("; "));
            }
            tokio::time::sleep(COMPARE).await;
        }
    }

    /// Everything that was seen.
    pub fn finish(self) -> anyhow::Result<Heard> {
        Ok(std::mem::take(&mut self.look()?.heard))
    }

    fn look(&self) -> anyhow::Result<MutexGuard<'_, Seen>> {
        let mut seen = lock(&self.seen);
        match seen.failed.take() {
            Some(error) => Err(anyhow::Error::new(error).context("游标无法读取 / the cursors cannot be read")),
            None => Ok(seen),
        }
    }
}

fn lock(seen: &Mutex<Seen>) -> MutexGuard<'_, Seen> {
    // Whoever panicked while holding it can have left at most one sample out.
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn follow(operator: Centre, service: &'static str, pause: Duration, seen: Arc<Mutex<Seen>>) {
    let request = ListCursorsRequest { service: service.to_owned() };
    loop {
        match operator.read(|| call!(operator.bus(service).list_cursors(request.clone()))).await {
            Ok(answer) => {
                let at = Instant::now();
                let mut seen = lock(&seen);
                // A rebuild reads under a name of its own and is not what is waited for.
                for cursor in answer.cursors.into_iter().filter(|cursor| cursor.consumer == service) {
                    seen.heard.note(service, &cursor.producer, at, cursor.pos);
                }
            }
            Err(error) => {
                lock(&seen).failed = Some(error);
                return;
            }
        }
        tokio::time::sleep(pause).await;
    }
}

/// How far every journal goes, and whether anybody has said something that has no number yet.
pub async fn heads(operator: &Centre) -> anyhow::Result<(Heads, bool)> {
    let found = futures::future::try_join_all(SERVICES.map(|service| journal::high_water(operator, service))).await?;
    let speaking = found.iter().any(|head| head.unnumbered > 0);
    Ok((SERVICES.into_iter().map(str::to_owned).zip(found.into_iter().map(|head| head.last_pos)).collect(), speaking))
}

impl Heard {
    fn note(&mut self, consumer: &str, producer: &str, at: Instant, position: i64) {
        let of_consumer = self.consumers.entry(consumer.to_owned()).or_default();
        let moves = of_consumer.values().any(|track| track.len() > 1);
        let track = of_consumer.entry(producer.to_owned()).or_default();
        if !moves && track.last().is_none_or(|(_, last)| *last >= position) {
            self.at_rest.insert(consumer.to_owned(), at);
        }
        if track.last().is_none_or(|(_, last)| *last < position) {
            track.push((at, position));
        }
    }

    /// When a consumer was first seen to have heard a producer up to a position.
    #[must_use]
    pub fn when(&self, consumer: &str, producer: &str, position: i64) -> Option<Instant> {
        first(self.consumers.get(consumer)?.get(producer)?, position)
    }

    /// The last look that saw a consumer where the first had seen it; none where it had moved before the first.
    #[must_use]
    pub fn last_at_rest(&self, consumer: &str) -> Option<Instant> {
        self.at_rest.get(consumer).copied()
    }

    /// When everybody watched was first seen to have heard everything up to these heads.
    #[must_use]
    pub fn all_heard(&self, heads: &Heads) -> Option<Instant> {
        let mut latest = None;
        if self.consumers.values().any(BTreeMap::is_empty) {
            return None;
        }
        for (producer, track) in self.consumers.values().flatten() {
            let head = heads.get(producer).copied().unwrap_or(0);
            latest = latest.max(Some(first(track, head)?));
        }
        latest
    }

    /// Grows whenever anybody hears anything.
    fn sum(&self) -> i64 {
        self.consumers.values().flat_map(BTreeMap::values).filter_map(|track| track.last()).map(|(_, pos)| pos).sum()
    }
}

fn first(track: &[(Instant, i64)], position: i64) -> Option<Instant> {
    track.get(track.partition_point(|(_, heard)| *heard < position)).map(|(at, _)| *at)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failed test should panic

    use super::*;

    #[test]
    fn a_position_is_heard_when_a_cursor_first_stands_there_or_beyond() {
        let (start, ms) = (Instant::now(), Duration::from_millis);
        let mut heard = Heard::default();
        for (after, position) in [(0, 3), (5, 3), (10, 7), (15, 9)] {
            heard.note("supervision", "intake", start + ms(after), position);
        }
        let when = |position| heard.when("supervision", "intake", position).map(|at| at - start);
        assert_eq!((when(3), when(4), when(7), when(8)), (Some(ms(0)), Some(ms(10)), Some(ms(10)), Some(ms(15))));
        assert_eq!((when(10), heard.when("evaluation", "intake", 1)), (None, None));
    }

    #[test]
    fn everything_is_heard_when_the_last_has_heard_the_last() {
        let (start, ms) = (Instant::now(), Duration::from_millis);
        let mut heard = Heard::default();
        assert_eq!(heard.all_heard(&Heads::new()), None, "nobody was watched");
        heard.note("supervision", "intake", start + ms(4), 8);
        heard.note("evaluation", "intake", start + ms(6), 8);
        heard.note("evaluation", "scheduling", start, 0);
        let heads = |intake| Heads::from([("intake".to_owned(), intake)]);
        assert_eq!(heard.all_heard(&heads(8)), Some(start + ms(6)));
        assert_eq!(heard.all_heard(&heads(9)), None);
        assert_eq!(heard.sum(), 16);
        heard.consumers.insert("assignment".to_owned(), BTreeMap::new());
        assert_eq!(heard.all_heard(&heads(8)), None, "one of those watched was not seen yet");
    }
}
