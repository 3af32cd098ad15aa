//! Events that wait: for an earlier fact, or for a person. Whatever comes later for the same case waits behind them.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use sqlx::PgExecutor;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::corridor::{Corridor, Left, Stopped};
use crate::envelope::{self, Envelope};
use crate::metrics;
use crate::service::{Failed, Service, Tx};

/// How often an event that can never be applied is tried before a person must decide.
const ATTEMPTS: i32 = 5;
/// How many rows one look takes.
const LOOK: i64 = 64;

/// How an event was put aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// It waits for an earlier fact.
    NotYet,
    /// It could not be applied.
    Broken,
    /// It waits behind another event of its case.
    Behind,
}

/// A row on its way into `bus.parked`.
#[derive(Debug)]
pub(crate) struct ParkedRow {
    producer: String,
    epoch: i32,
    pos: i64,
    event: Vec<u8>,
    keys: Vec<Uuid>,
    reason: String,
    state: State,
}

impl ParkedRow {
    pub fn new(producer: &str, event: &Envelope, keys: BTreeSet<Uuid>, reason: String, state: State) -> Self {
        Self {
            producer: producer.to_owned(),
            epoch: event.epoch,
            pos: event.pos,
            event: envelope::to_bytes(event),
            keys: keys.into_iter().collect(),
            reason,
            state,
        }
    }
}

/// How long to wait before the next try; `None` where a person must decide.
fn pause(state: State, attempts: i32) -> Option<f64> {
    let doubled = |base: f64, limit: f64| (base * f64::from(1u32 << attempts.clamp(0, 16).unsigned_abs())).min(limit);
    match state {
        State::NotYet => Some(doubled(0.05, 2.0)),
        State::Broken => (attempts < ATTEMPTS).then(|| doubled(1.0, 60.0)),
        State::Behind => None,
    }
}

pub(crate) async fn insert(tx: &mut Tx, consumer: &str, rows: &[ParkedRow]) -> Result<(), sqlx::Error> {
    for row in rows {
        // Rare, so one at a time: a list of keys for each row does not travel in an UNNEST.
        let (state, pause) = match row.state {
            State::Behind => ("behind", None),
            waiting => ("waiting", pause(waiting, 0)),
        };
        sqlx::query!(
            "INSERT INTO bus.parked (consumer, producer, epoch, pos, event, keys, reason, state, next_try_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, now() + make_interval(secs => $9::float8))",
            consumer,
            row.producer,
            row.epoch,
            row.pos,
            row.event,
            &row.keys,
            row.reason,
            state,
            pause
        )
        .execute(&mut *tx)
        .await?;
    }
    Ok(())
}

pub(crate) async fn set_diverged(
    store: impl PgExecutor<'_>,
    consumer: &str,
    producer: &str,
) -> Result<(), sqlx::Error> {
    sqlx::query!("UPDATE bus.cursor SET state = 'diverged' WHERE consumer = $1 AND producer = $2", consumer, producer)
        .execute(store)
        .await?;
    Ok(())
}

impl<S: Service> Corridor<S> {
    /// Tries parked events again until it is told to stop.
    pub(crate) async fn retry_parked(self, stop: CancellationToken) {
        let mut waiting = 0;
        loop {
            match self.retry_once().await {
                Ok(left) => waiting = left,
                Err(stopped) => tracing::debug!(?stopped, "parked events wait for the store"),
            }
            let longest = if waiting > 0 { 50 } else { 1000 };
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.inner.wakes.parked.notified() => {}
                () = tokio::time::sleep(Duration::from_millis(longest)) => {}
            }
            // Commits come in hundreds; looking more often than this finds nothing new.
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Tries every parked event that is due; returns how many wait.
    async fn retry_once(&self) -> Result<i64, Stopped> {
        // Before the look: whoever parks something from now on says so again.
        self.inner.waiting.store(false, Ordering::SeqCst);
        let mut link = self.inner.work.take().await?;
        let due = sqlx::query!(
            "SELECT producer, epoch, pos FROM bus.parked
             WHERE consumer = $1 AND state = 'waiting' AND next_try_at <= now()
             ORDER BY next_try_at, producer, epoch, pos LIMIT $2",
            S::NAME,
            LOOK
        )
        .fetch_all(&mut *link)
        .await?;
        link.give_back();
        for row in due {
            let tried = self.with_retries(|| self.retry_row(&row.producer, row.epoch, row.pos)).await;
            if let Err(Stopped::Constraint(name, _)) = tried {
                self.postpone(&row.producer, row.epoch, row.pos, &name).await?;
            } else {
                tried?;
            }
        }
        let mut link = self.inner.work.take().await?;
        let count = sqlx::query_scalar!(
            r#"SELECT count(*) AS "count!" FROM bus.parked WHERE consumer = $1 AND state = 'waiting'"#,
            S::NAME
        )
        .fetch_one(&mut *link)
        .await?;
        link.give_back();
        if count > 0 {
            self.inner.waiting.store(true, Ordering::SeqCst);
        }
        metrics::gauge("xiezhi_parked", &[("consumer", S::NAME)]).set(count as f64);
        Ok(count)
    }

    async fn retry_row(&self, producer: &str, epoch: i32, pos: i64) -> Result<(), Stopped> {
        let mut tx = self.inner.work.begin().await?;
        match self.retry_in(&mut tx, producer, epoch, pos).await {
            Ok(left) => {
                tx.commit().await?;
                // What waited behind it may go now.
                self.committed(Left { waiting: true, ..left });
                Ok(())
            }
            Err(stopped) => {
                let _ = tx.rollback().await;
                Err(stopped)
            }
        }
    }

    async fn retry_in(&self, tx: &mut Tx, producer: &str, epoch: i32, pos: i64) -> Result<Left, Stopped> {
        self.hold_cursor(tx, producer).await?;
        let row = sqlx::query!(
            "SELECT event, keys, attempts FROM bus.parked
             WHERE consumer = $1 AND producer = $2 AND epoch = $3 AND pos = $4 AND state = 'waiting' FOR UPDATE",
            S::NAME,
            producer,
            epoch,
            pos
        )
        .fetch_optional(&mut *tx)
        .await?;
        let Some(row) = row else { return Ok(Left::default()) };
        let outcome = match envelope::from_bytes(&row.event) {
            Ok(event) => self.decide_parked(tx, event).await?,
            Err(error) => Err(Failed::Broken(error.to_string())),
        };
        match outcome {
            Ok(left) => {
                self.settle(tx, producer, epoch, pos, "resolved", None, "").await?;
                Ok(left)
            }
            Err(failed) => {
                let state = match failed {
                    Failed::NotYet(_) => State::NotYet,
                    Failed::Broken(_) => State::Broken,
                };
                sqlx::query!(
                    "UPDATE bus.parked SET attempts = attempts + 1, reason = $5,
                            next_try_at = now() + make_interval(secs => $6::float8)
                     WHERE consumer = $1 AND producer = $2 AND epoch = $3 AND pos = $4",
                    S::NAME,
                    producer,
                    epoch,
                    pos,
                    failed.to_string(),
                    pause(state, row.attempts + 1)
                )
                .execute(tx)
                .await?;
                Ok(Left::default())
            }
        }
    }

    /// The cursor's row first, as when a batch is applied: what is parked now cannot be overtaken meanwhile.
    async fn hold_cursor(&self, tx: &mut Tx, producer: &str) -> Result<(), sqlx::Error> {
        sqlx::query!("SELECT pos FROM bus.cursor WHERE consumer = $1 AND producer = $2 FOR UPDATE", S::NAME, producer)
            .fetch_optional(tx)
            .await?;
        Ok(())
    }

    async fn decide_parked(&self, tx: &mut Tx, event: Envelope) -> Result<Result<Left, Failed>, Stopped> {
        let event = Arc::new(event);
        let (keys, said) = match self.said(&event) {
            Ok(said) => said,
            Err(failed) => return Ok(Err(failed)),
        };
        let opened = self.open(tx).await?;
        let mut touched = keys.heads.clone();
        touched.insert(event.key);
        if !self.fenced(tx, opened.moment, &touched).await?.is_empty() {
            return Ok(Err(Failed::NotYet("its case waits for a person after a recovery".to_owned())));
        }
        let (heads, mut unit) = self.lock_and_load(tx, &keys).await?;
        let mut context = None;
        match (self.decide_event_failed(&mut unit, &mut context, &opened, &said), context) {
            (Err(failed), _) => Ok(Err(failed)),
            (Ok(()), Some(cx)) => Ok(Ok(self.write(tx, &heads, &unit, &cx, &[]).await?)),
            (Ok(()), None) => Ok(Ok(Left::default())),
        }
    }

    /// Ends the wait of one event and lets the next of its case go.
    #[allow(clippy::too_many_arguments)] // the four parts of the row's key, and what is decided of it
    async fn settle(
        &self,
        tx: &mut Tx,
        producer: &str,
        epoch: i32,
        pos: i64,
        state: &str,
        decided_by: Option<&str>,
        why: &str,
    ) -> Result<bool, sqlx::Error> {
        let settled = sqlx::query!(
            "UPDATE bus.parked SET state = $5, decided_by = $6, decided_why = NULLIF($7, ''), next_try_at = NULL
             WHERE consumer = $1 AND producer = $2 AND epoch = $3 AND pos = $4 AND state IN ('waiting', 'behind')",
            S::NAME,
            producer,
            epoch,
            pos,
            state,
            decided_by,
            why
        )
        .execute(&mut *tx)
        .await?;
        sqlx::query!(
            "UPDATE bus.parked p SET state = 'waiting', next_try_at = now()
             WHERE p.consumer = $1 AND p.producer = $2 AND p.state = 'behind' AND NOT EXISTS (
               SELECT 1 FROM bus.parked q WHERE q.consumer = p.consumer AND q.producer = p.producer
                AND q.state IN ('waiting', 'behind') AND (q.epoch, q.pos) < (p.epoch, p.pos) AND q.keys && p.keys)",
            S::NAME,
            producer
        )
        .execute(tx)
        .await?;
        Ok(settled.rows_affected() == 1)
    }

    async fn postpone(&self, producer: &str, epoch: i32, pos: i64, constraint: &str) -> Result<(), sqlx::Error> {
        let mut link = self.inner.work.take().await?;
        sqlx::query!(
            "UPDATE bus.parked SET attempts = attempts + 1, reason = 'the store refused it: ' || $5,
                    next_try_at = CASE WHEN attempts + 1 < $6 THEN now() + interval '5 s' END
             WHERE consumer = $1 AND producer = $2 AND epoch = $3 AND pos = $4 AND state = 'waiting'",
            S::NAME,
            producer,
            epoch,
            pos,
            constraint,
            ATTEMPTS
        )
        .execute(&mut *link)
        .await?;
        link.give_back();
        Ok(())
    }

    /// A person tries an event again now, or leaves it out for ever. False where nothing waits there.
    pub(crate) async fn decide_parked_by_hand(
        &self,
        (producer, epoch, pos): (&str, i32, i64),
        skip: bool,
        by: &str,
        why: &str,
    ) -> Result<bool, sqlx::Error> {
        let mut tx = self.inner.work.begin().await?;
        self.hold_cursor(&mut tx, producer).await?;
        let found = if skip {
            self.settle(&mut tx, producer, epoch, pos, "skipped", Some(by), why).await?
        } else {
            let tried = sqlx::query!(
                "UPDATE bus.parked SET next_try_at = now(), attempts = 0, decided_by = $5, decided_why = $6
                 WHERE consumer = $1 AND producer = $2 AND epoch = $3 AND pos = $4 AND state = 'waiting'",
                S::NAME,
                producer,
                epoch,
                pos,
                by,
                why
            )
            .execute(&mut *tx)
            .await?;
            tried.rows_affected() == 1
        };
        tx.commit().await?;
        self.committed(Left { waiting: true, ..Left::default() });
        Ok(found)
    }
}
