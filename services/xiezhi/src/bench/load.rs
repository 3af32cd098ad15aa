//! A steady load: cases that arrive whether or not the earlier ones are done, each measured from its own moment of arrival.

use std::time::{Duration, Instant};

use client::rest;
use serde::Serialize;

use super::Progress;
use super::arrivals::poisson;
use super::callers::{Callers, Receipt};
use super::figures::{Spread, per_second};
use super::projected;
use super::watch::{PROJECTORS, Watch, heads};

/// How often the projectors' cursors are read while cases come far more slowly than they could.
const LOOK_EVERY: Duration = Duration::from_millis(5);
/// How long the centre may take to come to rest.
const PATIENCE: Duration = Duration::from_secs(60);
/// Each load has a seed of its own, so that a measurement can be repeated to the microsecond.
const SEED: u64 = 0x8D91_5F3A_0B1E_77C4;

/// What a load is measured with.
pub struct Loads<'a> {
    /// Who registers.
    pub callers: &'a Callers,
    /// Where to say how far it has come.
    pub progress: Progress,
    /// The first number that was not used yet.
    pub next: u32,
}

/// What cases took that arrived at a share of what the centre can absorb.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Loaded {
    /// The share of saturation, e.g. 0.2.
    pub share: f64,
    /// Cases a second that were to arrive.
    pub offered_per_s: f64,
    /// How many arrived.
    pub cases: u64,
    /// From a case's arrival to its receipt.
    pub receipt: Spread,
    /// From its arrival until supervision and evaluation have projected it.
    pub projected: Spread,
}

impl Loads<'_> {
    /// How many cases a second the centre absorbs at most: so many at full speed, until everybody has heard everything.
    pub async fn saturation(&mut self, cases: u32, clients: u32) -> anyhow::Result<f64> {
        self.progress.say("测饱和速度", "measuring the speed at which it is saturated");
        let numbers = self.next..self.next + cases;
        self.next = numbers.end;
        let every = Duration::from_millis(20);
        let watch = Watch::start(&self.callers.operator, client::SERVICES.map(|service| (service, every)));
        let began = Instant::now();
        self.callers.register_all(clients, numbers).await?;
        let heads = watch.absorbed().await?;
        let over = watch.finish()?.all_heard(&heads);
        rest::rest(&self.callers.operator, PATIENCE).await?;
        Ok(per_second(cases as usize, over.map_or_else(|| began.elapsed(), |over| over - began)))
    }

    /// Cases at a share of saturation for so long.
    pub async fn at(&mut self, share: f64, saturation: f64, lasting: Duration) -> anyhow::Result<Loaded> {
        let offered_per_s = share * saturation;
        let percent = share * 100.0;
        self.progress.say(
            &format!("饱和的 {percent:.0}%: 每秒 {offered_per_s:.1} 件"),
            &format!("at {percent:.0} % of saturation: {offered_per_s:.1} cases a second"),
        );
        let mut moments = poisson(SEED ^ share.to_bits(), offered_per_s, lasting);
        if moments.is_empty() {
            // So slow a load is one case.
            moments.push(Duration::ZERO);
        }
        let operator = &self.callers.operator;
        rest::rest(operator, PATIENCE).await?;
        let (before, _) = heads(operator).await?;
        let watch = Watch::start(operator, PROJECTORS.map(|service| (service, LOOK_EVERY)));
        let (receipts, next) = self.callers.register_at(self.next, &moments).await?;
        self.next = next;
        let after = watch.absorbed().await?;
        let heard = watch.finish()?;
        let times = projected::times(operator, &receipts, &heard, &before, &after).await?;
        Ok(Loaded {
            share,
            offered_per_s,
            cases: receipts.len() as u64,
            receipt: Spread::of(receipts.iter().map(Receipt::took).collect())?,
            projected: Spread::of(times.both)?,
        })
    }
}
