//! From the receipt to the projections: what was said of a case, and when everybody who projects it had heard that.

use std::collections::HashMap;
use std::ops::RangeInclusive;
use std::time::Duration;

use anyhow::Context;
use client::{Centre, journal};
use uuid::Uuid;
use xiezhi_proto::Event;
use xiezhi_proto::assignment::v1::WorkOrderDispatched;

use super::callers::Receipt;
use super::watch::{Heads, Heard, PROJECTORS};

/// How long cases took from the moment their callers asked.
#[derive(Debug, Clone, Default)]
pub struct Times {
    /// Until each projector had heard everything about a case, in the order of [`PROJECTORS`].
    pub each: [Vec<Duration>; 2],
    /// Until both had.
    pub both: Vec<Duration>,
}

/// How long each of these cases took. `before` and `after` are the journals' heads around them.
pub async fn times(
    operator: &Centre,
    receipts: &[Receipt],
    heard: &Heard,
    before: &Heads,
    after: &Heads,
) -> anyhow::Result<Times> {
    let between = |service: &str| -> RangeInclusive<i64> {
        let head = |heads: &Heads| heads.get(service).copied().unwrap_or(0);
        head(before) + 1..=head(after)
    };
    let registered = last_said(operator, "intake", between("intake"), |_| true).await?;
    let is_dispatch = |kind: &str| kind == WorkOrderDispatched::TYPE;
    let dispatched = last_said(operator, "assignment", between("assignment"), is_dispatch).await?;
    let mut times = Times::default();
    for receipt in receipts {
        let case_id = receipt.case_id;
        let registered = registered
            .get(&case_id)
            .with_context(|| format!("案件 {case_id} 没有登记事件 / nothing was said of its registration"))?;
        let dispatched = dispatched.get(&case_id).with_context(|| {
            format!("案件 {case_id} 未派单, 规则包不符 / was not dispatched; the pack does not fit this measurement")
        })?;
        let mut longest = Duration::ZERO;
        for (projector, times) in PROJECTORS.into_iter().zip(&mut times.each) {
            let when = heard
                .when(projector, "intake", *registered)
                .zip(heard.when(projector, "assignment", *dispatched))
                .with_context(|| format!("{projector} 未听到案件 {case_id} / has not heard of this case"))?;
            let took = when.0.max(when.1).saturating_duration_since(receipt.began);
            times.push(took);
            longest = longest.max(took);
        }
        times.both.push(longest);
    }
    Ok(times)
}

/// The last position at which a service said something of these kinds about each case.
async fn last_said(
    operator: &Centre,
    service: &str,
    positions: RangeInclusive<i64>,
    wanted: impl Fn(&str) -> bool,
) -> anyhow::Result<HashMap<Uuid, i64>> {
    let mut found = HashMap::new();
    if positions.is_empty() {
        return Ok(found);
    }
    let mut events = journal::read(operator, service, positions).await?;
    while let Some(event) = events.next().await? {
        if journal::facts(&event)?.iter().any(|fact| wanted(&fact.type_name)) {
            // Positions only grow, so the last one stays.
            found.insert(event.key.parse().with_context(|| format!("{service} {}", event.pos))?, event.pos);
        }
    }
    Ok(found)
}
