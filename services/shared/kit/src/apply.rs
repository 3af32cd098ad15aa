//! Applying what a producer said: one transaction over a batch, cursor, effects and events together.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;

use crate::context::{Cause, Context};
use crate::corridor::{Corridor, Left, Opened, Stopped, mark, rollback, union, unpanicked};
use crate::envelope::Envelope;
use crate::parked::{self, ParkedRow};
use crate::service::{Failed, Keys, Service, Tx};
use crate::store::{self, Locked, Moment};
use crate::{inbox, metrics, telemetry};

/// How many events one transaction takes at most.
pub(crate) const BATCH: usize = 256;

/// Where a consumer stands with a producer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cursor {
    pub epoch: i32,
    pub pos: i64,
    pub state: String,
    pub seen_hash: Option<Vec<u8>>,
}

/// What applying a batch came to.
#[derive(Debug, Default)]
pub(crate) struct Applied {
    /// The cursor's epoch.
    pub epoch: i32,
    /// The cursor's position afterwards.
    pub pos: i64,
    /// Events that could not be reached yet.
    pub behind_gap: Vec<Arc<Envelope>>,
    /// True where something is missing before them.
    pub gap: bool,
    /// How long ago the first of what was applied had been written down.
    pub lag: Duration,
    /// True where the producer's events contradict each other: only a person can say which journal is right.
    pub diverged: bool,
}

/// Events of one producer, as they were received.
#[derive(Debug, Clone)]
pub(crate) struct Offer {
    pub producer: &'static str,
    pub events: Vec<Arc<Envelope>>,
}

impl Offer {
    /// What of it a cursor that stands there has passed.
    pub fn until(&self, epoch: i32, pos: i64) -> Self {
        let passed = self.events.iter().filter(|event| (event.epoch, event.pos) <= (epoch, pos));
        Self { producer: self.producer, events: passed.map(Arc::clone).collect() }
    }
}

/// What one transaction does with one producer.
#[derive(Debug)]
struct Turn {
    producer: &'static str,
    /// Where the cursor was read, epoch first.
    from: (i32, i64),
    /// What is applied, in order.
    next: Vec<Arc<Envelope>>,
    /// The hash of the last event that is applied.
    hash: Vec<u8>,
    /// What will be told once it is committed.
    applied: Applied,
}

impl Turn {
    /// What follows the cursor without a gap and continues the chain, at most so many.
    fn of(offer: &Offer, cursor: &Cursor, limit: usize) -> Self {
        let mut turn = Self {
            producer: offer.producer,
            from: (cursor.epoch, cursor.pos),
            next: Vec::new(),
            hash: cursor.seen_hash.clone().unwrap_or_default(),
            applied: Applied { epoch: cursor.epoch, pos: cursor.pos, ..Applied::default() },
        };
        if matches!(cursor.state.as_str(), "diverged" | "paused") {
            turn.applied.behind_gap.clone_from(&offer.events);
            turn.applied.gap = true;
            return turn;
        }
        let mut sorted = inbox::sort(cursor.epoch, cursor.pos, offer.events.clone());
        turn.applied.gap = sorted.gap_at.is_some();
        let rest = sorted.next.split_off(limit.min(sorted.next.len()));
        for event in sorted.next {
            // What a bad disk or a forger changed in the stream does not chain: it counts as missing.
            if event.chained_hash(&turn.hash).as_slice() != event.hash {
                tracing::warn!(producer = turn.producer, pos = event.pos, "an event does not continue the hash chain");
                (turn.applied.diverged, turn.applied.gap) = (true, true);
                return turn;
            }
            turn.hash.clone_from(&event.hash);
            (turn.applied.epoch, turn.applied.pos) = (event.epoch, event.pos);
            turn.next.push(event);
        }
        turn.applied.behind_gap = rest.into_iter().chain(sorted.behind_gap).collect();
        turn
    }
}

/// A fact of a row, as it stands there and as the service reads it.
pub(crate) type Fact<S> = (Arc<Envelope>, <S as Service>::Heard);

/// What a row says: what its facts need together, and each of them.
pub(crate) type Said<S> = (Keys<<S as Service>::Needs>, Vec<Fact<S>>);

/// What became of one event.
enum Fate {
    Applied,
    Park { reason: String, waits: bool },
    Behind,
}

impl<S: Service> Corridor<S> {
    pub(crate) async fn cursor(&self, producer: &str) -> Result<Cursor, sqlx::Error> {
        let mut link = self.inner.work.take().await?;
        let cursor = sqlx::query_as!(
            Cursor,
            "SELECT epoch, pos, state, seen_hash FROM bus.cursor WHERE consumer = $1 AND producer = $2",
            S::NAME,
            producer
        )
        .fetch_one(&mut *link)
        .await?;
        link.give_back();
        Ok(cursor)
    }

    /// Applies events of one producer: what follows the cursor without a gap, in one transaction.
    pub(crate) async fn apply(&self, producer: &'static str, events: Vec<Arc<Envelope>>) -> Result<Applied, Stopped> {
        let offer = |events| [Offer { producer, events }];
        let offers = offer(events);
        match self.with_retries(|| self.apply_once(&offers, BATCH, false)).await {
            Err(Stopped::Constraint(..)) => {
                // One of them broke a rule of the store: alone, it is found and parked.
                let [Offer { events: mut rest, .. }] = offers;
                loop {
                    let offers = offer(rest);
                    let mut applied = self.with_retries(|| self.apply_once(&offers, 1, false)).await;
                    if matches!(applied, Err(Stopped::Constraint(..))) {
                        applied = self.with_retries(|| self.apply_once(&offers, 1, true)).await;
                    }
                    match applied.map(only) {
                        Ok(done) if !done.gap && !done.behind_gap.is_empty() => rest = done.behind_gap,
                        done => return done,
                    }
                }
            }
            done => done.map(only),
        }
    }

    /// Applies what several producers said in one transaction: a case that two of them speak of is loaded and written once.
    /// Answers in the order of the offers.
    pub(crate) async fn apply_together(&self, offers: &[Offer]) -> Vec<Result<Applied, Stopped>> {
        if offers.len() > 1
            && let Ok(applied) = self.with_retries(|| self.apply_once(offers, BATCH, false)).await
        {
            return applied.into_iter().map(Ok).collect();
        }
        // Alone, one that cannot go on does not hold the others.
        let mut applied = Vec::with_capacity(offers.len());
        for offer in offers {
            applied.push(self.apply(offer.producer, offer.events.clone()).await);
        }
        applied
    }

    /// One transaction over at most `limit` events of each producer. With `park` the first of them is put aside without being
    /// tried.
    async fn apply_once(&self, offers: &[Offer], limit: usize, park: bool) -> Result<Vec<Applied>, Stopped> {
        // Undone together with the cursor, it is heard again; and no event of ours is published before its position is
        // on the disk.
        let mut tx = self.inner.work.begin_repeatable().await?;
        match self.apply_in(&mut tx, offers, limit, park).await {
            Ok((applied, Some(left))) => {
                if left.numbered.is_empty() {
                    tx.commit().await?
                } else {
                    tx.commit_durably().await?
                }
                self.committed(left);
                Ok(applied)
            }
            Ok((applied, None)) => {
                tx.rollback().await?;
                Ok(applied)
            }
            Err(stopped) => {
                let _ = tx.rollback().await;
                Err(stopped)
            }
        }
    }

    async fn apply_in(
        &self,
        tx: &mut Tx,
        offers: &[Offer],
        limit: usize,
        park: bool,
    ) -> Result<(Vec<Applied>, Option<Left>), Stopped> {
        let producers: Vec<String> = offers.iter().map(|offer| offer.producer.to_owned()).collect();
        let (cursors, moment) = lock_cursors(tx, S::NAME, &producers).await?;
        #[cfg(feature = "mutants")]
        if crate::mutants::is("cursor-without-compare") {
            crate::mutants::let_go(tx).await?;
        }
        let mut turns = Vec::with_capacity(offers.len());
        for offer in offers {
            let cursor = cursors.get(offer.producer).ok_or(sqlx::Error::RowNotFound)?;
            turns.push(Turn::of(offer, cursor, limit));
        }
        if turns.iter().all(|turn| turn.next.is_empty()) {
            return Ok((turns.into_iter().map(|turn| turn.applied).collect(), None));
        }
        for turn in &mut turns {
            let oldest = turn.next.first().map(|event| moment.now.duration_since(event.recorded_at));
            turn.applied.lag = oldest.and_then(|lag| lag.try_into().ok()).unwrap_or_default();
        }
        let opened = self.open_at(tx, moment).await?;
        let left = self.decide_events(tx, &turns, &opened, park).await?;
        #[cfg(feature = "mutants")]
        if crate::mutants::is("effects-outside") {
            crate::mutants::let_go(tx).await?;
        }
        let moves: Vec<&Turn> = turns.iter().filter(|turn| !turn.next.is_empty()).collect();
        let moved = move_cursors(tx, S::NAME, &moves).await?;
        #[cfg(feature = "mutants")]
        let moved = if crate::mutants::is("cursor-without-compare") { moves.len() as u64 } else { moved };
        if moved != moves.len() as u64 {
            return Err(Stopped::Raced);
        }
        let applied = turns.into_iter().map(|turn| {
            metrics::gauge("xiezhi_consumer_position", &[("consumer", S::NAME), ("producer", turn.producer)])
                .set(turn.applied.pos as f64);
            turn.applied
        });
        Ok((applied.collect(), Some(left)))
    }

    /// Decides events in memory on one loaded unit; what cannot be decided is parked with its case.
    async fn decide_events(
        &self,
        tx: &mut Tx,
        turns: &[Turn],
        opened: &Opened<S::Rules>,
        park: bool,
    ) -> Result<Left, Stopped> {
        let events: Vec<(&'static str, &Arc<Envelope>)> =
            turns.iter().flat_map(|turn| turn.next.iter().map(|event| (turn.producer, event))).collect();
        let said: Vec<_> = events.iter().map(|(_, event)| self.said(event)).collect();
        let keys = union(said.iter().filter_map(|said| said.as_ref().ok()).map(|(keys, _)| keys.clone()));
        let touched: Vec<BTreeSet<Uuid>> = events
            .iter()
            .zip(&said)
            .map(|((_, event), said)| {
                // An event that touches nothing waits for nobody and nobody waits for it.
                match said {
                    Ok((keys, _)) if keys.heads.is_empty() => BTreeSet::new(),
                    Ok((keys, _)) => keys.heads.iter().copied().chain([event.key]).collect(),
                    Err(_) => BTreeSet::from([event.key]),
                }
            })
            .collect();
        let all: BTreeSet<Uuid> = touched.iter().flatten().copied().collect();
        let mut wide = keys;
        self.inner.service.widen(tx, &mut wide).await?;
        let fenced = self.fenced(tx, opened.moment, &all).await?;
        let Locked { heads, mut waiting } = store::lock_heads(tx, S::NAME, &wide.heads, &all).await?;
        self.still_wide(tx, &wide).await?;
        let mut unit = self.inner.service.load(tx, &wide).await?;
        let mut context: Option<Context<S::Rules>> = None;
        let mut rows = Vec::new();
        for (((producer, event), said), touched) in events.into_iter().zip(said).zip(touched) {
            let is_behind = waiting.get(producer).is_some_and(|waiting| !waiting.is_disjoint(&touched));
            let fate = match said {
                _ if is_behind => Fate::Behind,
                _ if !fenced.is_disjoint(&touched) => {
                    Fate::Park { reason: "its case waits for a person after a recovery".to_owned(), waits: true }
                }
                _ if park => Fate::Park { reason: "a constraint of the store refused it".to_owned(), waits: false },
                Err(failed) => fate_of(failed),
                Ok((_, facts)) => self.decide_event(&mut unit, &mut context, opened, &facts),
            };
            let (reason, state) = match fate {
                Fate::Applied => continue,
                Fate::Behind => ("behind an earlier event of its case".to_owned(), parked::State::Behind),
                Fate::Park { reason, waits } => {
                    tracing::info!(producer, pos = event.pos, event = %event.type_name, %reason, "parked");
                    (reason, if waits { parked::State::NotYet } else { parked::State::Broken })
                }
            };
            waiting.entry(producer.to_owned()).or_default().extend(touched.iter().copied());
            rows.push(ParkedRow::new(producer, event, touched, reason, state));
        }
        let mut left = Left::default();
        if let Some(cx) = context {
            left = self.write(tx, &heads, &unit, &cx, &[]).await?;
        }
        parked::insert(tx, S::NAME, &rows).await?;
        Ok(Left { waiting: !rows.is_empty(), ..left })
    }

    /// What a row says, fact by fact, and what its facts need together.
    pub(crate) fn said(&self, event: &Arc<Envelope>) -> Result<Said<S>, Failed> {
        let facts = Envelope::each_fact(event).map_err(|error| Failed::Broken(error.to_string()))?;
        let (mut keys, mut read) = (Vec::with_capacity(facts.len()), Vec::with_capacity(facts.len()));
        for fact in facts {
            let (needed, heard) = self.inner.service.read(&fact)?;
            keys.push(needed);
            read.push((fact, heard));
        }
        Ok((union(keys), read))
    }

    /// One row on the loaded unit, all its facts; a failure leaves no trace in it.
    pub(crate) fn decide_event_failed(
        &self,
        unit: &mut S::Unit,
        context: &mut Option<Context<S::Rules>>,
        opened: &Opened<S::Rules>,
        said: &[Fact<S>],
    ) -> Result<(), Failed> {
        let Some((first, _)) = said.first() else { return Ok(()) };
        let cause = Cause::Event(Arc::clone(first));
        let cx = context
            .get_or_insert_with(|| Context::new(S::NAME, opened.moment.now, opened.rules.clone(), cause.clone()));
        cx.begin(cause);
        mark(unit);
        let decided = said.iter().try_for_each(|(fact, heard)| {
            let span = telemetry::followed(
                fact.traceparent.as_deref(),
                || tracing::info_span!("consume", otel.name = %format!("{} hears {}", S::NAME, fact.type_name)),
            );
            let _entered = span.enter();
            cx.go_on(Arc::clone(fact));
            unpanicked(|| self.inner.service.on_event(unit, cx, heard))
                .unwrap_or_else(|panic| Err(Failed::Broken(panic)))
        });
        if decided.is_err() {
            rollback(unit);
            cx.forget();
        }
        decided
    }

    fn decide_event(
        &self,
        unit: &mut S::Unit,
        context: &mut Option<Context<S::Rules>>,
        opened: &Opened<S::Rules>,
        said: &[Fact<S>],
    ) -> Fate {
        match self.decide_event_failed(unit, context, opened, said) {
            Ok(()) => Fate::Applied,
            Err(failed) => fate_of(failed),
        }
    }
}

fn fate_of(failed: Failed) -> Fate {
    match failed {
        Failed::NotYet(reason) => Fate::Park { reason, waits: true },
        Failed::Broken(reason) => Fate::Park { reason, waits: false },
    }
}

/// The result of a transaction over one producer.
fn only(applied: Vec<Applied>) -> Applied {
    applied.into_iter().next().unwrap_or_default()
}

/// Holds the cursors, and tells the moment: one look for all.
async fn lock_cursors(
    tx: &mut Tx,
    consumer: &str,
    producers: &[String],
) -> Result<(BTreeMap<String, Cursor>, Moment), sqlx::Error> {
    let rows = sqlx::query!(
        r#"SELECT c.producer, c.epoch, c.pos, c.state, c.seen_hash, bus.now() AS "now!", n.mode, n.epoch AS own_epoch,
                  n.last_pos, COALESCE((SELECT max(revision) FROM bus.bundle), 0) AS "revision!"
           FROM bus.cursor c CROSS JOIN bus.node n WHERE c.consumer = $1 AND c.producer = ANY($2)
           ORDER BY c.producer FOR UPDATE OF c"#,
        consumer,
        producers
    )
    .fetch_all(tx)
    .await?;
    let mut moment = None;
    let mut cursors = BTreeMap::new();
    for row in rows {
        moment = Some(Moment::new(row.now.to_jiff(), row.revision, &row.mode, (row.own_epoch, row.last_pos)));
        let cursor = Cursor { epoch: row.epoch, pos: row.pos, state: row.state, seen_hash: row.seen_hash };
        cursors.insert(row.producer, cursor);
    }
    Ok((cursors, moment.ok_or(sqlx::Error::RowNotFound)?))
}

/// Moves the cursors that still stand where they were read; answers with how many did.
async fn move_cursors(tx: &mut Tx, consumer: &str, moves: &[&Turn]) -> Result<u64, sqlx::Error> {
    let producers: Vec<String> = moves.iter().map(|turn| turn.producer.to_owned()).collect();
    let from: Vec<i64> = moves.iter().map(|turn| turn.from.1).collect();
    let from_epochs: Vec<i32> = moves.iter().map(|turn| turn.from.0).collect();
    let to: Vec<i64> = moves.iter().map(|turn| turn.applied.pos).collect();
    let to_epochs: Vec<i32> = moves.iter().map(|turn| turn.applied.epoch).collect();
    let hashes: Vec<Vec<u8>> = moves.iter().map(|turn| turn.hash.clone()).collect();
    let moved = sqlx::query!(
        "UPDATE bus.cursor c SET pos = m.pos, seen_hash = m.hash, epoch = m.epoch, state = 'running', updated_at = now()
         FROM UNNEST($2::text[], $3::bigint[], $4::int[], $5::bigint[], $6::int[], $7::bytea[])
              AS m (producer, before, epoch_before, pos, epoch, hash)
         WHERE c.consumer = $1 AND c.producer = m.producer AND c.pos = m.before AND c.epoch = m.epoch_before",
        consumer,
        &producers,
        &from,
        &from_epochs,
        &to,
        &to_epochs,
        &hashes
    )
    .execute(tx)
    .await?;
    Ok(moved.rows_affected())
}
