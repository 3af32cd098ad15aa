//! `xiezhi bench latency`: how long one case takes from the counter to the unit's desk and to the projections, one at a time,
//! seen from outside.

use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use cli::screen::Table;
use client::{Centre, journal};
use serde::Serialize;

use super::Progress;
use super::callers::{Callers, Receipt, UNIT};
use super::figures::Spread;
use super::machine::{Note, PROFILE, note_on_build};
use super::private::Private;
use super::projected;
use super::watch::{PROJECTORS, Watch, heads};
use crate::arguments::LatencyArguments;

/// Warms connections and caches; not counted.
const WARM_UP: u32 = 20;
/// The longest a case may take before the measurement is given up.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often cursors are read. Nothing else goes on, so they may be read often.
const LOOK_AGAIN: Duration = Duration::from_millis(1);

/// What one case at a time takes.
#[derive(Debug, Clone, Serialize)]
struct Document {
    cases: u32,
    /// Until supervision and evaluation have projected the case.
    #[serde(flatten)]
    projected: Spread,
    receipt: Spread,
    dispatch: Spread,
    supervision: Spread,
    evaluation: Spread,
    profile: &'static str,
    notes: Vec<Note>,
}

/// Runs the measurement, in the centre of a data directory or in one of its own, and prints it.
pub async fn run(arguments: &LatencyArguments, options: &cli::Options) -> anyhow::Result<()> {
    let progress = Progress::new();
    let document = match &options.data {
        Some(data) => measure(arguments.cases, data, progress).await?,
        None => {
            if options.names_a_centre() {
                progress.say(
                    "测量需要中心的数据目录, 未用 --server",
                    "a measurement needs a centre's folder; --server is not used",
                );
            }
            progress.say("启动一个临时中心", "starting a centre for the measurement");
            let centre = Private::start(arguments.pack.as_deref()).await?;
            measure(arguments.cases, &centre.data(), progress).await?
        }
    };
    super::print(options.output, &document, &document.table())
}

async fn measure(cases: u32, data: &Path, progress: Progress) -> anyhow::Result<Document> {
    let callers = Callers::connect(data, 1).await?;
    let mut orders = callers.handler.orders_after(UNIT, latest(&callers.handler).await?);
    let watch = Watch::start(&callers.operator, PROJECTORS.map(|service| (service, LOOK_AGAIN)));
    let (before, _) = heads(&callers.operator).await?;
    progress.say("逐件登记", "registering, one at a time");
    let (mut receipts, mut dispatches) = (Vec::new(), Vec::new());
    for number in 0..cases + WARM_UP {
        let receipt = callers.register_one(number).await?;
        let case_id = receipt.case_id.to_string();
        let arrived = tokio::time::timeout(PATIENCE, async {
            loop {
                if orders.next().await?.order.case_id == case_id {
                    return Ok::<_, client::Error>(receipt.began.elapsed());
                }
            }
        })
        .await
        .with_context(|| format!("案件 {case_id} 未在 {PATIENCE:?} 内派单 / was not dispatched in time"))??;
        tokio::time::timeout(PATIENCE, heard(&watch, &callers.operator))
            .await
            .with_context(|| format!("案件 {case_id} 未在 {PATIENCE:?} 内投影 / was not projected in time"))??;
        if number >= WARM_UP {
            receipts.push(receipt);
            dispatches.push(arrived);
        }
    }
    let (after, _) = heads(&callers.operator).await?;
    let times = projected::times(&callers.operator, &receipts, &watch.finish()?, &before, &after).await?;
    let [supervision, evaluation] = times.each;
    Ok(Document {
        cases,
        projected: Spread::of(times.both)?,
        receipt: Spread::of(receipts.iter().map(Receipt::took).collect())?,
        dispatch: Spread::of(dispatches)?,
        supervision: Spread::of(supervision)?,
        evaluation: Spread::of(evaluation)?,
        profile: PROFILE,
        notes: Vec::from_iter(note_on_build(PROFILE)),
    })
}

/// Waits until the projectors have heard what intake and assignment have said, so that the next case is alone.
async fn heard(watch: &Watch, operator: &Centre) -> anyhow::Result<()> {
    for producer in ["intake", "assignment"] {
        let head = loop {
            let head = journal::high_water(operator, producer).await?;
            if head.unnumbered == 0 {
                break head.last_pos;
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        };
        for projector in PROJECTORS {
            while !watch.has_heard(projector, producer, head)? {
                tokio::time::sleep(LOOK_AGAIN).await;
            }
        }
    }
    Ok(())
}

/// The position up to which the unit's orders are old news.
async fn latest(handler: &Centre) -> anyhow::Result<u64> {
    let mut orders = handler.orders_after(UNIT, 0);
    // What is there already comes at once; a pause means that the end is reached.
    while let Ok(change) = tokio::time::timeout(Duration::from_millis(700), orders.next()).await {
        change?;
    }
    Ok(orders.position())
}

impl Document {
    fn table(&self) -> String {
        let mut table = Table::with_heading(["逐件 / one at a time", "p50 ms", "p99 ms"]).right(1).right(2);
        for (name, spread) in [
            ("登记回执 / receipt", self.receipt),
            ("登记至工单送达 / to the desk", self.dispatch),
            ("登记至督查 / to supervision", self.supervision),
            ("登记至考核评价 / to evaluation", self.evaluation),
            ("登记至两者 / to both projections", self.projected),
        ] {
            table.row([name.to_owned(), format!("{:.2}", spread.p50_ms), format!("{:.2}", spread.p99_ms)]);
        }
        let mut text = format!("{} 件 / cases, {}\n{}", self.cases, self.profile, table.render());
        for note in &self.notes {
            text.push_str(&format!("\n{note}\n"));
        }
        text
    }
}
