//! What was received and waits to be applied: one transaction takes what all producers said.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use async_nats::jetstream::message::Acker;
use tokio::sync::Notify;
use uuid::Uuid;

use crate::apply::{Applied, BATCH, Offer};
use crate::envelope::Envelope;
use crate::patience::Patience;

/// How much may be held back at once, in bytes of bodies: some thousands of usual events, and few of the largest.
const MOST_HELD: usize = 2 * 1024 * 1024;
/// Bodies are a few hundred bytes; where one is larger, or very many wait, they are added up.
const LARGE: usize = 16 * 1024;

/// What was received and is not yet applied, by epoch and position: a redelivery takes the place of the delivery before.
#[derive(Default)]
pub(crate) struct Held {
    /// With the moment each came.
    events: BTreeMap<(i32, i64), (Arc<Envelope>, Instant)>,
    /// What acknowledges each, and all before it.
    ackers: BTreeMap<(i32, i64), Acker>,
    /// Something came since it was last offered.
    news: bool,
    /// What the last transaction left here lies behind something that is missing.
    behind_gap: bool,
    /// Where the last transaction left the cursor, epoch first.
    reached: Option<(i32, i64)>,
}

impl Held {
    /// Keeps the events of a message until they are applied. Nothing is acknowledged before the last of them is.
    fn keep(&mut self, events: Vec<Envelope>, acker: Acker) {
        // In whatever order they stand in it.
        let Some(last) = events.iter().map(|event| (event.epoch, event.pos)).max() else { return };
        self.ackers.insert(last, acker);
        let may_be_much =
            events.iter().any(|event| event.payload.len() > LARGE) || self.events.len() + events.len() > 2 * BATCH;
        let now = Instant::now();
        for event in events {
            let at = (event.epoch, event.pos);
            // A repeat waits no longer than the first time.
            let came = self.events.get(&at).map_or(now, |(_, came)| *came);
            self.events.insert(at, (Arc::new(event), came));
        }
        self.news = true;
        // What is furthest behind a gap is let go: the journal tells it when its turn comes.
        if may_be_much {
            self.lighten();
        }
    }

    /// How many events wait.
    pub fn len(&self) -> usize {
        self.events.len()
    }

    /// True where nothing waits for its acknowledgement.
    pub fn owes_nothing(&self) -> bool {
        self.ackers.is_empty()
    }

    /// The last position here.
    pub fn last_pos(&self) -> Option<i64> {
        self.events.keys().map(|(_, pos)| *pos).max()
    }

    /// How many of the first events go now: up to the last with a sequel, and all that waited long enough. With it, how long the
    /// first of the others still waits.
    fn ripe(&self, has_sequel: impl Fn(&Uuid) -> bool, patience: Duration) -> (usize, Option<Duration>) {
        let met = self.events.values().rposition(|(event, _)| has_sequel(&event.key)).map_or(0, |nth| nth + 1);
        let late = self.events.values().take_while(|(_, came)| came.elapsed() >= patience).count();
        let ripe = met.max(late);
        let left = self.events.values().nth(ripe).map(|(_, came)| patience.saturating_sub(came.elapsed()));
        (ripe, left)
    }

    /// The first so many.
    fn offer(&mut self, ripe: usize) -> Vec<Arc<Envelope>> {
        self.news = ripe < self.events.len();
        self.events.values().take(ripe).map(|(event, _)| Arc::clone(event)).collect()
    }

    /// Lets go what was applied; what came meanwhile stays. The last message of it acknowledges all before it.
    fn settle(&mut self, applied: &Applied) -> Option<Acker> {
        let cursor = (applied.epoch, applied.pos);
        self.events.retain(|at, _| *at > cursor);
        let waiting = self.ackers.split_off(&(applied.epoch, applied.pos + 1));
        // Something is left over where the transaction was full, and where it waits for its sequel.
        self.news |= !applied.gap && !self.events.is_empty();
        self.behind_gap = applied.gap;
        self.reached = Some(cursor);
        std::mem::replace(&mut self.ackers, waiting).pop_last().map(|(_, last)| last)
    }

    /// The last event goes where all together are too large and it is not the only one.
    fn lighten(&mut self) {
        let mut bytes: usize = self.events.values().map(|(event, _)| event.payload.len()).sum();
        while bytes > MOST_HELD
            && self.events.len() > 1
            && let Some((last, (event, _))) = self.events.pop_last()
        {
            bytes -= event.payload.len();
            self.ackers.remove(&last);
        }
    }
}

/// What the loop that receives from a producer and the one that applies share.
pub(crate) struct Ear {
    /// Whose words these are.
    pub producer: &'static str,
    /// What it says of a case usually follows soon on what another said.
    is_sequel: bool,
    /// What it says waits for a sequel.
    waits: bool,
    held: Mutex<Held>,
    /// Rung after each transaction over this producer.
    pub settled: Notify,
    /// Rung where something came, from whomever.
    arrived: Arc<Notify>,
}

impl Ear {
    /// What is held; for no longer than a few instructions.
    pub fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps the events of a message until they are applied.
    pub fn keep(&self, events: Vec<Envelope>, acker: Acker) {
        self.held().keep(events, acker);
        self.arrived.notify_one();
    }

    /// Whether anything waits, whether it waits for what is missing, and where the last transaction left the cursor, told once.
    pub fn look(&self) -> (bool, bool, Option<(i32, i64)>) {
        let mut held = self.held();
        let waits = !held.events.is_empty();
        (waits, waits && held.behind_gap, held.reached.take())
    }

    /// The keys of what is held.
    fn keys(&self) -> Vec<Uuid> {
        self.held().events.values().map(|(event, _)| event.key).collect()
    }

    /// Forgets all of it, as where a new epoch begins.
    pub fn clear(&self) {
        *self.held() = Held::default();
    }

    /// Notes what was applied; answers with what acknowledges it.
    pub fn settle(&self, applied: &Applied) -> Option<Acker> {
        let acker = self.held().settle(applied);
        self.settled.notify_one();
        acker
    }

    /// It could not be applied now and is offered again.
    pub fn offer_again(&self) {
        self.held().news = true;
        self.settled.notify_one();
    }

    /// What is held is looked at again: what was missing before it may be there now.
    pub fn wake(&self) {
        self.held().news = true;
        self.arrived.notify_one();
    }
}

/// An ear for each producer.
pub(crate) struct Ears {
    /// In the order in which one transaction takes what they say.
    pub each: Vec<Arc<Ear>>,
    /// Rung where something came.
    pub arrived: Arc<Notify>,
}

/// What the next transaction would take.
#[derive(Debug, Default)]
pub(crate) struct Look {
    /// How many events of each ear; none of an ear without news.
    ripe: Vec<usize>,
    /// How many in all.
    pub count: usize,
    /// A whole batch of one producer is there.
    pub full: bool,
    /// So long at most until more is ripe.
    pub wait: Option<Duration>,
}

impl Ears {
    /// Nothing was heard yet.
    pub fn of(producers: &[&'static str], sequels: &[&'static str]) -> Self {
        let arrived = Arc::new(Notify::new());
        // Who is listed before a sequel is whom it follows on.
        let last = producers.iter().rposition(|producer| sequels.contains(producer)).unwrap_or(0);
        let ear = |(place, producer): (usize, &&'static str)| {
            let is_sequel = sequels.contains(producer);
            Arc::new(Ear {
                producer,
                is_sequel,
                waits: !is_sequel && place < last,
                held: Mutex::default(),
                settled: Notify::new(),
                arrived: Arc::clone(&arrived),
            })
        };
        Self { each: producers.iter().enumerate().map(ear).collect(), arrived }
    }

    /// How many events are held.
    pub fn len(&self) -> usize {
        self.each.iter().map(|ear| ear.held().len()).sum()
    }

    /// What would be taken now by one who has so much patience.
    pub fn look(&self, patience: &Patience, crowd: bool) -> Look {
        let sequels: HashSet<Uuid> = self.each.iter().filter(|ear| ear.is_sequel).flat_map(|ear| ear.keys()).collect();
        let mut look = Look::default();
        for ear in &self.each {
            let held = ear.held();
            let (ripe, wait) = match () {
                () if !held.news => (0, None),
                () if !ear.waits => (held.len(), None),
                () => {
                    let has_sequel = |key: &Uuid| sequels.contains(key) || patience.has_sequel(key);
                    held.ripe(has_sequel, patience.lasts(crowd))
                }
            };
            // What one transaction takes; of more than that it would not be known what was met by its sequel.
            let ripe = ripe.min(BATCH);
            look.ripe.push(ripe);
            look.count += ripe;
            look.full |= ripe >= BATCH;
            look.wait = look.wait.into_iter().chain(wait).min();
        }
        look
    }

    /// What is held where it is no more than so many events.
    pub fn few(&self, most: usize) -> Option<Vec<Arc<Envelope>>> {
        let mut all = Vec::new();
        for ear in &self.each {
            let held = ear.held();
            if all.len() + held.events.len() > most {
                return None;
            }
            all.extend(held.events.values().map(|(event, _)| Arc::clone(event)));
        }
        Some(all)
    }

    /// What was looked at, with whose ear it came through. What came meanwhile stays for the next time.
    pub fn offers(&self, look: &Look) -> (Vec<&Arc<Ear>>, Vec<Offer>) {
        let ripe = self.each.iter().zip(&look.ripe).filter(|(_, ripe)| **ripe > 0);
        ripe.map(|(ear, ripe)| (ear, Offer { producer: ear.producer, events: ear.held().offer(*ripe) })).unzip()
    }

    /// The keys of first events and of sequels among what is offered.
    pub fn apart(&self, offers: &[Offer]) -> (HashSet<Uuid>, HashSet<Uuid>) {
        let of = |wanted: fn(&Ear) -> bool| {
            let ears = self.each.iter().filter(move |ear| wanted(ear));
            let offers = ears.filter_map(|ear| offers.iter().find(|offer| offer.producer == ear.producer));
            offers.flat_map(|offer| offer.events.iter().map(|event| event.key)).collect()
        };
        (of(|ear| ear.waits), of(|ear| ear.is_sequel))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_listed_before_a_sequel_waits() {
        let roles = |producers: &[&'static str], sequels: &[&'static str]| -> Vec<(bool, bool)> {
            Ears::of(producers, sequels).each.iter().map(|ear| (ear.waits, ear.is_sequel)).collect()
        };
        let (waits, sequel, neither) = ((true, false), (false, true), (false, false));
        assert_eq!(roles(&["a", "b", "c"], &["b"]), [waits, sequel, neither]);
        assert_eq!(roles(&["a", "b", "c"], &["c"]), [waits, waits, sequel]);
        assert_eq!(roles(&["a", "b"], &[]), [neither, neither]);
        assert_eq!(roles(&[], &[]), []);
    }
}
