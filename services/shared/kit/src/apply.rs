//! Applying what a producer said: one transaction over a batch, cursor, effects and events together.

use std::collections::BTreeSet;
use std::sync::Arc;

use uuid::Uuid;

use crate::context::{Cause, Context};
use crate::corridor::{Corridor, Left, Opened, Stopped, mark, rollback, union, unpanicked};
use crate::envelope::Envelope;
use crate::parked::{self, ParkedRow};
use crate::service::{Failed, Keys, Service, Tx};
use crate::store::Moment;
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
    /// True where the producer's events contradict each other: only a person can say which journal is right.
    pub diverged: bool,
}

/// The facts of a row, and what they need together.
type Said<S> = (Vec<Arc<Envelope>>, Result<Keys<<S as Service>::Needs>, Failed>);

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
    pub(crate) async fn apply(&self, producer: &str, events: Vec<Arc<Envelope>>) -> Result<Applied, Stopped> {
        match self.with_retries(|| self.apply_once(producer, events.clone(), BATCH, false)).await {
            Err(Stopped::Constraint(..)) => {
                // One of them broke a rule of the store: alone, it is found and parked.
                let mut rest = events;
                let mut applied;
                loop {
                    applied = self.with_retries(|| self.apply_once(producer, rest.clone(), 1, false)).await;
                    if matches!(applied, Err(Stopped::Constraint(..))) {
                        applied = self.with_retries(|| self.apply_once(producer, rest.clone(), 1, true)).await;
                    }
                    match applied {
                        Ok(done) if !done.gap && !done.behind_gap.is_empty() => rest = done.behind_gap,
                        done => return done,
                    }
                }
            }
            done => done,
        }
    }

    /// One transaction over at most `limit` events. With `park` the first of them is put aside without being tried.
    async fn apply_once(
        &self,
        producer: &str,
        events: Vec<Arc<Envelope>>,
        limit: usize,
        park: bool,
    ) -> Result<Applied, Stopped> {
        // Undone together with the cursor, it is heard again; and no event of ours is published before its position is
        // on the disk.
        let mut tx = self.inner.work.begin_repeatable().await?;
        match self.apply_in(&mut tx, producer, events, limit, park).await {
            Ok((applied, Some(left))) => {
                tx.commit().await?;
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
        producer: &str,
        events: Vec<Arc<Envelope>>,
        limit: usize,
        park: bool,
    ) -> Result<(Applied, Option<Left>), Stopped> {
        let (cursor, moment) = lock_cursor(tx, S::NAME, producer).await?;
        #[cfg(feature = "mutants")]
        if crate::mutants::is("cursor-without-compare") {
            crate::mutants::let_go(tx).await?;
        }
        let mut applied = Applied { epoch: cursor.epoch, pos: cursor.pos, ..Applied::default() };
        if matches!(cursor.state.as_str(), "diverged" | "paused") {
            applied.behind_gap = events;
            applied.gap = true;
            return Ok((applied, None));
        }
        let mut sorted = inbox::sort(cursor.epoch, cursor.pos, events);
        applied.gap = sorted.gap_at.is_some();
        // What a bad disk or a forger changed in the stream does not chain: it counts as missing.
        let mut hash = cursor.seen_hash.clone().unwrap_or_default();
        let chained = sorted
            .next
            .iter()
            .take_while(|event| {
                let fits = event.chained_hash(&hash).as_slice() == event.hash;
                hash.clone_from(&event.hash);
                fits
            })
            .count();
        if chained < sorted.next.len() {
            tracing::warn!(
                producer,
                pos = cursor.pos + 1 + chained as i64,
                "an event does not continue the hash chain"
            );
            applied.diverged = true;
            applied.gap = true;
            sorted.next.truncate(chained);
            sorted.behind_gap.clear();
        }
        let rest = sorted.next.split_off(limit.min(sorted.next.len()));
        applied.behind_gap = rest.into_iter().chain(sorted.behind_gap).collect();
        let Some(last) = sorted.next.last() else { return Ok((applied, None)) };
        let (new_epoch, new_pos, new_hash) = (last.epoch, last.pos, last.hash.clone());

        let opened = self.open_at(tx, moment).await?;
        let left = self.decide_events(tx, producer, &sorted.next, &opened, park).await?;
        #[cfg(feature = "mutants")]
        if crate::mutants::is("effects-outside") {
            crate::mutants::let_go(tx).await?;
        }
        let moved = sqlx::query!(
            "UPDATE bus.cursor SET pos = $3, seen_hash = $4, epoch = $7, state = 'running', updated_at = now()
             WHERE consumer = $1 AND producer = $2 AND pos = $5 AND epoch = $6",
            S::NAME,
            producer,
            new_pos,
            &new_hash,
            cursor.pos,
            cursor.epoch,
            new_epoch
        )
        .execute(tx)
        .await?;
        #[cfg(feature = "mutants")]
        if moved.rows_affected() != 1 && crate::mutants::is("cursor-without-compare") {
            return Ok((applied, Some(left)));
        }
        if moved.rows_affected() != 1 {
            return Err(Stopped::Raced);
        }
        (applied.epoch, applied.pos) = (new_epoch, new_pos);
        metrics::gauge("xiezhi_consumer_position", &[("consumer", S::NAME), ("producer", producer)])
            .set(new_pos as f64);
        Ok((applied, Some(left)))
    }

    /// Decides events in memory on one loaded unit; what cannot be decided is parked with its case.
    async fn decide_events(
        &self,
        tx: &mut Tx,
        producer: &str,
        events: &[Arc<Envelope>],
        opened: &Opened<S::Rules>,
        park: bool,
    ) -> Result<Left, Stopped> {
        let (said, wanted): (Vec<_>, Vec<_>) = events.iter().map(|event| self.said(event)).unzip();
        let keys = union(wanted.iter().filter_map(|keys| keys.as_ref().ok()).cloned());
        let touched: Vec<BTreeSet<Uuid>> = events
            .iter()
            .zip(&wanted)
            .map(|(event, keys)| {
                // An event that touches nothing waits for nobody and nobody waits for it.
                match keys {
                    Ok(keys) if keys.heads.is_empty() => BTreeSet::new(),
                    Ok(keys) => keys.heads.iter().copied().chain([event.key]).collect(),
                    Err(_) => BTreeSet::from([event.key]),
                }
            })
            .collect();
        let all: BTreeSet<Uuid> = touched.iter().flatten().copied().collect();
        let mut wide = keys;
        self.inner.service.widen(tx, &mut wide).await?;
        let by = (S::NAME, producer);
        let fenced = self.fenced(tx, opened.moment, &all).await?;
        let (heads, mut waiting) = parked::lock_heads_and_look(tx, by, &wide.heads, &all).await?;
        self.still_wide(tx, &wide).await?;
        let mut unit = self.inner.service.load(tx, &wide).await?;
        let mut context: Option<Context<S::Rules>> = None;
        let mut rows = Vec::new();
        for (((event, said), wanted), touched) in events.iter().zip(said).zip(wanted).zip(touched) {
            let fate = match wanted {
                _ if !waiting.is_disjoint(&touched) => Fate::Behind,
                _ if !fenced.is_disjoint(&touched) => {
                    Fate::Park { reason: "its case waits for a person after a recovery".to_owned(), waits: true }
                }
                _ if park => Fate::Park { reason: "a constraint of the store refused it".to_owned(), waits: false },
                Err(failed) => fate_of(failed),
                Ok(_) => self.decide_event(&mut unit, &mut context, opened, &said),
            };
            let (reason, state) = match fate {
                Fate::Applied => continue,
                Fate::Behind => ("behind an earlier event of its case".to_owned(), parked::State::Behind),
                Fate::Park { reason, waits } => {
                    tracing::info!(producer, pos = event.pos, event = %event.type_name, %reason, "parked");
                    (reason, if waits { parked::State::NotYet } else { parked::State::Broken })
                }
            };
            waiting.extend(touched.iter().copied());
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
    pub(crate) fn said(&self, event: &Arc<Envelope>) -> Said<S> {
        match Envelope::each_fact(event) {
            Ok(facts) => {
                let keys: Result<Vec<_>, Failed> = facts.iter().map(|fact| self.inner.service.keys_of(fact)).collect();
                (facts, keys.map(union))
            }
            Err(error) => (Vec::new(), Err(Failed::Broken(error.to_string()))),
        }
    }

    /// One row on the loaded unit, all its facts; a failure leaves no trace in it.
    pub(crate) fn decide_event_failed(
        &self,
        unit: &mut S::Unit,
        context: &mut Option<Context<S::Rules>>,
        opened: &Opened<S::Rules>,
        said: &[Arc<Envelope>],
    ) -> Result<(), Failed> {
        let Some(first) = said.first() else { return Ok(()) };
        let cause = Cause::Event(Arc::clone(first));
        let cx = context
            .get_or_insert_with(|| Context::new(S::NAME, opened.moment.now, opened.rules.clone(), cause.clone()));
        cx.begin(cause);
        mark(unit);
        let decided = said.iter().try_for_each(|fact| {
            let span = tracing::info_span!("consume", otel.name = %format!("{} hears {}", S::NAME, fact.type_name));
            telemetry::adopt(&span, fact.traceparent.as_deref());
            let _entered = span.enter();
            cx.go_on(Arc::clone(fact));
            unpanicked(|| self.inner.service.on_event(unit, cx, fact))
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
        said: &[Arc<Envelope>],
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

/// Holds the cursor, and tells the moment: one look for both.
async fn lock_cursor(tx: &mut Tx, consumer: &str, producer: &str) -> Result<(Cursor, Moment), sqlx::Error> {
    let row = sqlx::query!(
        r#"SELECT c.epoch, c.pos, c.state, c.seen_hash, bus.now() AS "now!", n.mode, n.epoch AS own_epoch, n.last_pos,
                  COALESCE((SELECT max(revision) FROM bus.bundle), 0) AS "revision!"
           FROM bus.cursor c CROSS JOIN bus.node n WHERE c.consumer = $1 AND c.producer = $2 FOR UPDATE OF c"#,
        consumer,
        producer
    )
    .fetch_one(tx)
    .await?;
    let (rolled_back, mending) = (row.mode == "rolled_back", row.mode == "mending");
    let head = (row.own_epoch, row.last_pos);
    let moment = Moment { now: row.now.to_jiff(), revision: row.revision, rolled_back, mending, head };
    Ok((Cursor { epoch: row.epoch, pos: row.pos, state: row.state, seen_hash: row.seen_hash }, moment))
}
