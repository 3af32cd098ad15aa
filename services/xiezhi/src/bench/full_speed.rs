//! 全速: cases as fast as so many callers can register them, until every service has absorbed the last.

use std::ops::Range;
use std::time::{Duration, Instant};

use anyhow::Context;
use client::{SERVICES, rest};

use super::callers::{Callers, Receipt};
use super::document::Ours;
use super::figures::{Spread, per_second};
use super::projected;
use super::usage::{Processes, Spent};
use super::watch::{Heads, Heard, PROJECTORS, Watch, heads};

/// How often the projectors' cursors are read: often enough for what takes a hundred times as long at full speed, and
/// seldom enough not to be a load of its own.
const PROJECTORS_EVERY: Duration = Duration::from_millis(100);
/// How often the others' are: they only tell when a round is over.
const OTHERS_EVERY: Duration = Duration::from_millis(200);
/// How long the centre may take to come to rest once everything is heard.
pub const REST_WITHIN: Duration = Duration::from_secs(60);

/// Who registers, and whose work is counted.
pub struct FullSpeed<'a> {
    /// The callers.
    pub callers: &'a Callers,
    /// The centre's processes.
    pub processes: Processes,
}

impl FullSpeed<'_> {
    /// Registers cases at full speed and waits until everybody has absorbed them.
    pub async fn run(&self, clients: u32, numbers: Range<u32>) -> anyhow::Result<Ours> {
        let operator = &self.callers.operator;
        let (before, _) = heads(operator).await?;
        let every = |service: &str| if PROJECTORS.contains(&service) { PROJECTORS_EVERY } else { OTHERS_EVERY };
        let watch = Watch::start(operator, SERVICES.map(|service| (service, every(service))));
        let spent = self.processes.look()?;
        let began = Instant::now();
        let receipts = self.callers.register_all(clients, numbers).await?;
        let (after, spent) = self.come_to_rest(&watch, spent).await?;
        let heard = watch.finish()?;
        let count = receipts.len() as u64;
        let last_receipt = receipts.iter().map(|receipt| receipt.answered).max().context("没有案件 / no case")?;
        let over = over(&heard, &after)?;
        let times = projected::times(operator, &receipts, &heard, &before, &after).await?;
        Ok(Ours {
            cases: count,
            receipts_per_s: per_second(receipts.len(), last_receipt - began),
            receipt: Spread::of(receipts.iter().map(Receipt::took).collect())?,
            cases_per_s: per_second(receipts.len(), over.saturating_duration_since(began)),
            projected: Spread::of(times.both)?,
            cpu_ms_per_case: spent.each_of(count).ours_ms(),
            cpu: spent.each_of(count),
        })
    }

    /// Waits until nothing moves any more. What is spent is counted until everybody has heard everything, and no longer.
    async fn come_to_rest(&self, watch: &Watch, before: Spent) -> anyhow::Result<(Heads, Spent)> {
        loop {
            let heads = watch.absorbed().await?;
            let spent = self.processes.look()?.since(before);
            let still = rest::rest(&self.callers.operator, REST_WITHIN).await?;
            if heads.iter().all(|(service, head)| still.heads.get(service).is_some_and(|now| now.last_pos == *head)) {
                return Ok((heads, spent));
            }
        }
    }
}

fn over(heard: &Heard, heads: &Heads) -> anyhow::Result<Instant> {
    heard.all_heard(heads).context("游标未到 / a cursor is not where it was seen")
}
