//! The door for time: timers that come due are fired once, in the order they were due, by whichever replica is awake.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::clock::{self, ClockGuard};
use crate::context::{Cause, Context};
use crate::corridor::{Corridor, LOOK_AGAIN, Left, Stopped, mark, rollback, union, unpanicked};
use crate::service::{Failed, FiredTimer, Service};
use crate::{metrics, store};

/// How many due keys one sweep takes.
const SWEEP: i64 = 200;
/// How long a timer rests that could not be decided.
const REST: Duration = Duration::from_secs(30);

impl<S: Service> Corridor<S> {
    /// Fires timers until it is told to stop.
    pub(crate) async fn tick(self, stop: CancellationToken) {
        let mut resting: BTreeMap<Uuid, Instant> = BTreeMap::new();
        let mut guard = ClockGuard::default();
        loop {
            if !self.time_is_trusted(&mut guard).await {
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = tokio::time::sleep(LOOK_AGAIN) => continue,
                }
            }
            resting.retain(|_, since| since.elapsed() < REST);
            let skip: Vec<Uuid> = resting.keys().copied().collect();
            match self.sweep(&skip).await {
                Ok(Swept { failed, full }) => {
                    resting.extend(failed.into_iter().map(|key| (key, Instant::now())));
                    if full && !stop.is_cancelled() {
                        continue;
                    }
                }
                Err(stopped) => {
                    if !matches!(stopped, Stopped::NoRules) {
                        tracing::warn!(?stopped, "timers wait for the store");
                    }
                    tokio::select! {
                        () = stop.cancelled() => return,
                        () = tokio::time::sleep(LOOK_AGAIN) => continue,
                    }
                }
            }
            if stop.is_cancelled() {
                return;
            }
            let sleep = match self.next_due(&skip).await {
                Ok((now, Some(due))) => {
                    let wait = u64::try_from(due.duration_since(now).as_millis()).unwrap_or(0);
                    Duration::from_millis(wait.max(5)).min(LOOK_AGAIN)
                }
                _ => LOOK_AGAIN,
            };
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.inner.wakes.tick.notified() => tokio::time::sleep(Duration::from_millis(2)).await,
                () = tokio::time::sleep(sleep) => {}
            }
        }
    }

    async fn next_due(&self, skip: &[Uuid]) -> Result<(Timestamp, Option<Timestamp>), sqlx::Error> {
        let mut link = self.inner.work.take().await?;
        let next = store::next_due(&mut *link, skip).await?;
        link.give_back();
        Ok(next)
    }

    /// False while the time is under suspicion, or cannot be asked for.
    async fn time_is_trusted(&self, guard: &mut ClockGuard) -> bool {
        let Ok(mut link) = self.inner.work.take().await else { return false };
        let Ok((wall, mut suspect)) = clock::wall(&mut *link).await else { return false };
        if guard.jumped(Instant::now(), wall) {
            tracing::error!(
                service = S::NAME,
                "the wall clock jumped: no timer fires until a person confirms the time"
            );
            guard.unwritten = true;
        }
        if guard.unwritten {
            suspect = true;
            if let Err(error) = clock::suspect(&mut *link).await {
                tracing::warn!(%error, "the suspicion was not kept");
                return false;
            }
            guard.unwritten = false;
        }
        link.give_back();
        metrics::gauge("xiezhi_clock_suspect", &[("service", S::NAME)]).set(f64::from(u8::from(suspect)));
        !suspect
    }

    async fn sweep(&self, skip: &[Uuid]) -> Result<Swept, Stopped> {
        let mut link = self.inner.work.take().await?;
        let due = store::due_keys(&mut *link, skip, SWEEP).await?;
        link.give_back();
        metrics::gauge("xiezhi_timers_due", &[("service", S::NAME)]).set(due.len() as f64);
        if due.is_empty() {
            return Ok(Swept::default());
        }
        let full = due.len() as i64 == SWEEP;
        match self.with_retries(|| self.fire(&due)).await {
            Err(Stopped::Constraint(..) | Stopped::Raced) => {}
            done => return Ok(Swept { failed: done?, full }),
        }
        // One of them breaks a rule of the store: key by key, so that no other deadline waits for it.
        let mut failed = Vec::new();
        for key in due {
            let alone = BTreeSet::from([key]);
            match self.with_retries(|| self.fire(&alone)).await {
                Ok(more) => failed.extend(more),
                Err(Stopped::Constraint(constraint, error)) => {
                    tracing::error!(%key, constraint, %error, "a timer's effect was refused by the store; it rests and stays armed");
                    failed.push(key);
                }
                Err(Stopped::Raced) => failed.push(key),
                Err(stopped) => return Err(stopped),
            }
        }
        Ok(Swept { failed, full })
    }

    async fn fire(&self, due: &BTreeSet<Uuid>) -> Result<Vec<Uuid>, Stopped> {
        let mut tx = self.inner.work.begin().await?;
        match self.fire_in(&mut tx, due).await {
            Ok(Fired { failed, left }) => {
                tx.commit().await?;
                if let Some(left) = left {
                    self.committed(left);
                }
                Ok(failed)
            }
            Err(stopped) => {
                let _ = tx.rollback().await;
                Err(stopped)
            }
        }
    }

    /// Head first, timer second, as in the handlers, so the two cannot deadlock.
    async fn fire_in(&self, tx: &mut crate::service::Tx, due: &BTreeSet<Uuid>) -> Result<Fired, Stopped> {
        let opened = self.open(tx).await?;
        let fenced = self.fenced(tx, opened.moment, due).await?;
        let due = &due.difference(&fenced).copied().collect();
        let mut heads = store::lock_free_heads(tx, due).await?;
        let keys: BTreeSet<Uuid> = heads.keys().copied().collect();
        let timers = store::lock_due_timers(tx, &keys, opened.moment.now).await?;
        if timers.is_empty() {
            return Ok(Fired { failed: fenced.into_iter().collect(), left: None });
        }
        let wanted = union(timers.iter().map(|timer| self.inner.service.keys_of_timer(timer)));
        let (more, mut unit) = self.lock_and_load(tx, &wanted).await?;
        heads.extend(more);
        let mut fired: Vec<FiredTimer> = Vec::with_capacity(timers.len());
        let mut failed: Vec<Uuid> = fenced.into_iter().collect();
        let mut context: Option<Context<S::Rules>> = None;
        for timer in timers {
            // What an earlier timer of this sweep cancelled or armed anew is no longer due.
            let superseded = context
                .as_ref()
                .is_some_and(|cx: &Context<S::Rules>| cx.timers.contains_key(&(timer.key, timer.kind.clone())));
            if superseded {
                continue;
            }
            let cause = Cause::Timer(timer.clone());
            let cx = context
                .get_or_insert_with(|| Context::new(S::NAME, opened.moment.now, opened.rules.clone(), cause.clone()));
            cx.begin(cause);
            mark(&mut unit);
            let decided = unpanicked(|| self.inner.service.on_timer(&mut unit, cx, &timer))
                .unwrap_or_else(|panic| Err(Failed::Broken(panic)));
            match decided {
                Ok(()) => fired.push(timer),
                Err(error) => {
                    rollback(&mut unit);
                    cx.forget();
                    tracing::error!(kind = %timer.kind, key = %timer.key, %error, "a timer could not be decided; it rests and stays armed");
                    failed.push(timer.key);
                }
            }
        }
        // Fired before armed anew: one key and kind has one armed timer.
        store::mark_fired(tx, &fired, opened.moment.now).await?;
        let mut left = None;
        if let Some(cx) = context {
            left = Some(self.write(tx, &heads, &unit, &cx, &[]).await?);
        }
        Ok(Fired { failed, left: left.filter(|_| !fired.is_empty()) })
    }
}

#[derive(Default)]
struct Fired {
    failed: Vec<Uuid>,
    left: Option<Left>,
}

#[derive(Default)]
struct Swept {
    failed: Vec<Uuid>,
    full: bool,
}
