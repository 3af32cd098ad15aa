//! Making decisions once more, as the journal tells that they were made.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use jiff::Timestamp;
use uuid::Uuid;
use xiezhi_proto::Event;
use xiezhi_proto::bus::v1::{BundlePublished, EpochStarted};

use crate::apply::Fact;
use crate::context::{Cause, Context, Rules, timer_event_id};
use crate::corridor::{Corridor, Stopped, mark, rollback, unpanicked};
use crate::envelope::{self, Envelope};
use crate::parked::{self, ParkedRow};
use crate::service::{Failed, FiredTimer, Keys, Recalled, Service, StoreError, Tx};
use crate::store::{self, Affected};

use super::origin::{self, Decision, Origin, RowOf, Told};

/// How many events one firing of a timer may have said, for finding it again.
const EVENTS_OF_A_TIMER: u32 = 16;

/// A neighbour's events that are heard again.
#[derive(Debug, Default)]
pub(super) struct Heard {
    /// What is still to be heard.
    pub events: VecDeque<Envelope>,
    /// Epoch, position and hash of the last that was.
    pub end: Option<(i32, i64, Vec<u8>)>,
}

/// A walk along what came back.
pub(super) struct Redo<'r, S: Service> {
    corridor: &'r Corridor<S>,
    rules: Rules<S::Rules>,
    imported: &'r [Envelope],
    /// Events whose effects are here already.
    known: BTreeSet<Uuid>,
    /// What each origin said, fact by fact, in order.
    said: HashMap<Origin, Vec<Envelope>>,
    heard: BTreeMap<&'static str, Heard>,
    /// Events that were put aside the first time, too, by their id; with their place among the parked where they have one.
    aside: HashMap<Uuid, (Envelope, bool)>,
    pub affected: BTreeMap<Uuid, Affected>,
    pub redone: u64,
}

/// What came of making a decision again.
enum Again {
    Done,
    Waits(parked::State, String),
    Differs(String),
}

impl<'r, S: Service> Redo<'r, S> {
    pub fn new(
        corridor: &'r Corridor<S>,
        rules: Rules<S::Rules>,
        imported: &'r [Envelope],
        known: BTreeSet<Uuid>,
        heard: BTreeMap<&'static str, Heard>,
    ) -> Self {
        Self {
            corridor,
            rules,
            imported,
            known,
            said: HashMap::new(),
            heard,
            aside: HashMap::new(),
            affected: BTreeMap::new(),
            redone: 0,
        }
    }

    /// Walks in the order of the journal; before each decision, neighbours' events that were there by then are heard.
    pub async fn run(&mut self, tx: &mut Tx) -> Result<(), Stopped> {
        for (_, _, _, bytes) in store::waiting(tx, S::NAME).await? {
            if let Ok(event) = envelope::from_bytes(&bytes) {
                self.aside.insert(event.event_id, (event, true));
            }
        }
        let mut rows = RowOf::default();
        let heard = self.heard.values().flat_map(|heard| &heard.events);
        heard.chain(self.aside.values().map(|(event, _)| event)).for_each(|row| rows.learn(row, S::HEARS));
        let Told { decisions, said } = origin::told(self.imported, &rows).map_err(|(pos, reason)| {
            Stopped::Store(StoreError::Unreadable { table: "bus.journal", id: pos, reason })
        })?;
        self.said = said;
        for Decision { row: event, from, .. } in decisions {
            // All that one origin said was one decision.
            let Some(said) = self.said.remove(&from) else { continue };
            if self.known.contains(&event.event_id) {
                continue;
            }
            self.hear_until(tx, event, from).await?;
            match from {
                Origin::Command(_) => self.put_back(tx, &said).await?,
                Origin::Event(cause) => match self.aside.remove(&cause) {
                    Some((heard, parked)) => {
                        self.again_of_event(tx, &heard, &said).await?;
                        if parked {
                            store::resolve(tx, S::NAME, &heard.service, heard.epoch, heard.pos).await?;
                        }
                    }
                    None => self.wait_all(&said, "what it followed from is nowhere"),
                },
                Origin::Alone(_) => self.again_of_timer(tx, &said).await?,
            }
        }
        for (producer, heard) in std::mem::take(&mut self.heard) {
            // What is left was heard before as well, and said nothing.
            for event in &heard.events {
                self.hear(tx, event).await?;
            }
            let end = heard.events.back().map(|event| (event.epoch, event.pos, event.hash.clone())).or(heard.end);
            if let Some((epoch, pos, hash)) = end {
                store::move_cursor(tx, (S::NAME, producer), epoch, pos, Some(&hash)).await?;
            }
        }
        Ok(())
    }

    /// Hears what was there before this event of ours, in the order of time, and its own cause in any case.
    async fn hear_until(&mut self, tx: &mut Tx, event: &Envelope, from: Origin) -> Result<(), Stopped> {
        let cause = match from {
            Origin::Event(cause) => Some(cause),
            _ => None,
        };
        let needed: Option<&'static str> = cause.and_then(|cause| {
            self.heard
                .iter()
                .find(|(_, heard)| heard.events.iter().any(|one| one.event_id == cause))
                .map(|(name, _)| *name)
        });
        loop {
            // What said something that comes later in our journal is heard then, and what stands behind it after it.
            let next = self
                .heard
                .iter()
                .filter_map(|(producer, heard)| heard.events.front().map(|front| (*producer, front)))
                .filter(|(producer, front)| {
                    let later = self.said.contains_key(&Origin::Event(front.event_id));
                    Some(*producer) == needed || (!later && front.recorded_at <= event.recorded_at)
                })
                .min_by_key(|(producer, front)| (front.recorded_at, Some(*producer) != needed))
                .map(|(producer, _)| producer);
            let Some(producer) = next else { return Ok(()) };
            let Some(heard) = self.heard.get_mut(producer) else { return Ok(()) };
            let Some(front) = heard.events.pop_front() else { return Ok(()) };
            heard.end = Some((front.epoch, front.pos, front.hash.clone()));
            if Some(front.event_id) == cause {
                self.aside.insert(front.event_id, (front, false));
                return Ok(());
            }
            if self.said.contains_key(&Origin::Event(front.event_id)) {
                // It was put aside the first time, too, and taken up later.
                self.aside.insert(front.event_id, (front, false));
                continue;
            }
            self.hear(tx, &front).await?;
        }
    }

    /// An event that said nothing the first time, as far as anybody knows.
    async fn hear(&mut self, tx: &mut Tx, event: &Envelope) -> Result<(), Stopped> {
        let (touched, again) = match self.corridor.said(&Arc::new(event.clone())) {
            Err(failed) => (BTreeSet::from([event.key]), waits(failed)),
            Ok((keys, facts)) => {
                let mut touched = keys.heads.clone();
                if !touched.is_empty() {
                    touched.insert(event.key);
                }
                let again = if self.is_affected(&touched) {
                    Again::Waits(parked::State::NotYet, AFFECTED.to_owned())
                } else {
                    let cause = Cause::Event(first_of(&facts, event));
                    self.decide(tx, event.recorded_at, cause, keys, &[], |corridor, unit, cx| {
                        hear_each(corridor, unit, cx, &facts)
                    })
                    .await?
                };
                (touched, again)
            }
        };
        let (state, reason) = match again {
            Again::Done => return Ok(()),
            Again::Waits(state, reason) => (state, reason),
            // It has something to say now: after the recovery, as any other event.
            Again::Differs(reason) => (parked::State::NotYet, reason),
        };
        let row = ParkedRow::new(&event.service, event, touched, reason, state);
        parked::insert(tx, S::NAME, &[row]).await?;
        Ok(())
    }

    async fn again_of_event(&mut self, tx: &mut Tx, heard: &Envelope, said: &[Envelope]) -> Result<(), Stopped> {
        let (keys, facts) = match self.corridor.said(&Arc::new(heard.clone())) {
            Ok(said) => said,
            Err(failed) => {
                self.wait_all(said, &failed.to_string());
                return Ok(());
            }
        };
        let at = said.first().map_or(heard.recorded_at, |event| event.occurred_at);
        let cause = Cause::Event(first_of(&facts, heard));
        self.again(tx, at, cause, keys, said, |corridor, unit, cx| hear_each(corridor, unit, cx, &facts)).await
    }

    async fn again_of_timer(&mut self, tx: &mut Tx, said: &[Envelope]) -> Result<(), Stopped> {
        let Some(first) = said.first() else { return Ok(()) };
        if first.type_name == EpochStarted::TYPE {
            return Ok(());
        }
        let Some(timer) = self.timer_of(tx, first).await? else {
            self.wait_all(said, "the timer it followed from is not known");
            return Ok(());
        };
        let more: Vec<Envelope> = self.rest_of(&timer);
        let said: Vec<Envelope> = said.iter().cloned().chain(more).collect();
        let keys = self.corridor.inner.service.keys_of_timer(&timer);
        let at = timer.due_at + timer.late_by;
        // Fired before armed anew: one key and kind has one armed timer.
        store::mark_fired(tx, std::slice::from_ref(&timer), at).await?;
        let cause = Cause::Timer(timer.clone());
        self.again(tx, at, cause, keys, &said, |corridor, unit, cx| corridor.inner.service.on_timer(unit, cx, &timer))
            .await
    }

    /// The armed timer that said this, as it was called then: decisions that one transaction made armed it once, and made again
    /// they arm it once each.
    async fn timer_of(&self, tx: &mut Tx, event: &Envelope) -> Result<Option<FiredTimer>, Stopped> {
        let keys = store::due_by(tx, event.occurred_at).await?;
        let said = |timer: &FiredTimer| {
            (0..EVENTS_OF_A_TIMER).any(|nth| timer_event_id(S::NAME, timer, nth) == event.event_id)
        };
        for timer in store::lock_due_timers(tx, &keys, event.occurred_at).await? {
            let of = |generation| FiredTimer { generation, ..timer.clone() };
            if let Some(then) = (1..=timer.generation).rev().map(of).find(said) {
                if then.generation != timer.generation {
                    store::call_generation(tx, &timer, then.generation).await?;
                }
                return Ok(Some(then));
            }
        }
        Ok(None)
    }

    /// What else the same firing said; it carries no cause in common but the timer's own.
    fn rest_of(&mut self, timer: &FiredTimer) -> Vec<Envelope> {
        let ids = (0..EVENTS_OF_A_TIMER).map(|nth| Origin::Alone(timer_event_id(S::NAME, timer, nth)));
        ids.filter_map(|id| self.said.remove(&id)).flatten().collect()
    }

    /// A command's effects, from its events alone.
    async fn put_back(&mut self, tx: &mut Tx, said: &[Envelope]) -> Result<(), Stopped> {
        let Some(first) = said.first() else { return Ok(()) };
        if said.iter().any(|event| event.type_name == BundlePublished::TYPE) {
            self.wait_all(said, "the rules it published must be published again");
            return Ok(());
        }
        let service = &self.corridor.inner.service;
        let keys = match service.keys_of_own(said) {
            Ok(keys) => keys,
            Err(failed) => {
                self.wait_all(said, &failed.to_string());
                return Ok(());
            }
        };
        let touched: BTreeSet<Uuid> = keys.heads.iter().copied().chain(said.iter().map(|event| event.key)).collect();
        if self.is_affected(&touched) {
            self.wait_all(said, AFFECTED);
            return Ok(());
        }
        let cause = Cause::Event(Arc::new(first.clone()));
        let (_, mut unit) = self.corridor.lock_and_load(tx, &keys).await?;
        let mut cx = Context::new(S::NAME, first.occurred_at, self.rules.clone(), cause.clone());
        cx.begin(cause);
        mark(&mut unit);
        let done = unpanicked(|| service.on_own_events(&mut unit, &mut cx, said))
            .unwrap_or_else(|panic| Err(Failed::Broken(panic)));
        match done {
            Ok(recalled) => match (self.write(tx, &unit, &cx).await?, recalled) {
                (None, recalled) => {
                    self.redone += 1;
                    if let Recalled::Partly(missing) = recalled {
                        self.miss(first, missing.to_owned());
                    }
                }
                (Some(reason), _) => self.wait_all(said, &reason),
            },
            Err(failed) => self.wait_all(said, &failed.to_string()),
        }
        Ok(())
    }

    async fn again(
        &mut self,
        tx: &mut Tx,
        at: Timestamp,
        cause: Cause,
        keys: Keys<S::Needs>,
        said: &[Envelope],
        decide: impl Fn(&Corridor<S>, &mut S::Unit, &mut Context<S::Rules>) -> Result<(), Failed>,
    ) -> Result<(), Stopped> {
        let touched: BTreeSet<Uuid> = keys.heads.iter().copied().chain(said.iter().map(|event| event.key)).collect();
        if self.is_affected(&touched) {
            self.wait_all(said, AFFECTED);
            return Ok(());
        }
        match self.decide(tx, at, cause, keys, said, decide).await? {
            Again::Done => self.redone += 1,
            Again::Waits(_, reason) | Again::Differs(reason) => self.wait_all(said, &reason),
        }
        Ok(())
    }

    /// Decides at a moment of the past and compares with what the journal has; writes only where both are the same.
    async fn decide(
        &self,
        tx: &mut Tx,
        at: Timestamp,
        cause: Cause,
        keys: Keys<S::Needs>,
        said: &[Envelope],
        decide: impl Fn(&Corridor<S>, &mut S::Unit, &mut Context<S::Rules>) -> Result<(), Failed>,
    ) -> Result<Again, Stopped> {
        let (_, mut unit) = self.corridor.lock_and_load(tx, &keys).await?;
        let mut tape = Vec::new();
        for round in 0..2 {
            mark(&mut unit);
            let mut cx = Context::new(S::NAME, at, self.rules.clone(), cause.clone());
            cx.begin(cause.clone());
            cx.play_ids(std::mem::take(&mut tape));
            let decided = unpanicked(|| decide(self.corridor, &mut unit, &mut cx))
                .unwrap_or_else(|panic| Err(Failed::Broken(panic)));
            if let Err(failed) = decided {
                return Ok(waits(failed));
            }
            if same(&cx, said) {
                return Ok(self.write(tx, &unit, &cx).await?.map_or(Again::Done, Again::Differs));
            }
            rollback(&mut unit);
            match learn(&cx, said) {
                Some(ids) if round == 0 => tape = ids,
                _ => break,
            }
        }
        Ok(Again::Differs("decided once more, it does not come to what the journal tells".to_owned()))
    }

    /// Writes what a decision came to, or says what constraint refused it; then nothing of it stays.
    async fn write(&self, tx: &mut Tx, unit: &S::Unit, cx: &Context<S::Rules>) -> Result<Option<String>, Stopped> {
        sqlx::raw_sql("SAVEPOINT decision").execute(&mut *tx).await?;
        match self.corridor.write_silently(tx, unit, cx).await {
            Ok(()) => {
                sqlx::raw_sql("RELEASE SAVEPOINT decision").execute(tx).await?;
                Ok(None)
            }
            Err(Stopped::Constraint(name, _)) => {
                sqlx::raw_sql("ROLLBACK TO SAVEPOINT decision").execute(tx).await?;
                Ok(Some(format!("the store refused it: {name}")))
            }
            Err(stopped) => Err(stopped),
        }
    }

    fn is_affected(&self, keys: &BTreeSet<Uuid>) -> bool {
        keys.iter().any(|key| self.affected.get(key).is_some_and(|found| found.blocking))
    }

    fn wait_all(&mut self, said: &[Envelope], reason: &str) {
        for event in said {
            let found = self.affected.entry(event.key).or_insert_with(|| Affected {
                from_pos: event.pos,
                to_pos: event.pos,
                reason: format!("{}: {reason}", event.type_name),
                blocking: true,
            });
            found.to_pos = found.to_pos.max(event.pos);
            found.blocking = true;
        }
    }

    /// What came back without all that belongs to it: the case goes on, and a person is told what is missing.
    fn miss(&mut self, event: &Envelope, reason: String) {
        let found = Affected { from_pos: event.pos, to_pos: event.pos, reason, blocking: false };
        self.affected.entry(event.key).or_insert(found);
    }
}

/// The first fact of a row.
fn first_of<H>(facts: &[(Arc<Envelope>, H)], row: &Envelope) -> Arc<Envelope> {
    facts.first().map_or_else(|| Arc::new(row.clone()), |(first, _)| Arc::clone(first))
}

/// A row is heard as it was the first time: all its facts, or none.
fn hear_each<S: Service>(
    corridor: &Corridor<S>,
    unit: &mut S::Unit,
    cx: &mut Context<S::Rules>,
    facts: &[Fact<S>],
) -> Result<(), Failed> {
    facts.iter().try_for_each(|(fact, heard)| {
        cx.go_on(Arc::clone(fact));
        corridor.inner.service.on_event(unit, cx, heard)
    })
}

const AFFECTED: &str = "its case waits for a person after a recovery";

fn waits(failed: Failed) -> Again {
    match failed {
        Failed::NotYet(reason) => Again::Waits(parked::State::NotYet, reason),
        Failed::Broken(reason) => Again::Waits(parked::State::Broken, reason),
    }
}

fn same<R>(cx: &Context<R>, said: &[Envelope]) -> bool {
    let rows = cx.emitted.rows();
    rows.len() == said.len()
        && rows.iter().zip(said).all(|(ours, theirs)| {
            ours.type_name == theirs.type_name && ours.key == theirs.key && ours.payload == theirs.payload
        })
}

/// The ids that were drawn the first time: where an event of today names a new id, the event of then names the old one at the
/// same place. `None` where the two differ in more than ids.
fn learn<R>(cx: &Context<R>, said: &[Envelope]) -> Option<Vec<Uuid>> {
    let rows = cx.emitted.rows();
    if rows.len() != said.len() {
        return None;
    }
    let mut learned: HashMap<Uuid, Uuid> = HashMap::new();
    for (ours, theirs) in rows.iter().zip(said) {
        if ours.type_name != theirs.type_name || ours.payload.len() != theirs.payload.len() {
            return None;
        }
        learned.insert(ours.key, theirs.key);
        for drawn in cx.drawn_ids() {
            let text = drawn.to_string();
            let place = ours.payload.windows(text.len()).position(|part| part == text.as_bytes());
            let Some(place) = place else { continue };
            let old = theirs.payload.get(place..place + text.len()).and_then(|old| Uuid::try_parse_ascii(old).ok())?;
            learned.insert(drawn, old);
        }
    }
    Some(cx.drawn_ids().into_iter().map(|drawn| learned.get(&drawn).copied().unwrap_or(drawn)).collect())
}
