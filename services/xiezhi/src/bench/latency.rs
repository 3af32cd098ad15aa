//! `xiezhi bench latency`: how long one case takes from the counter to the unit's desk and to the projections, one at a time,
//! seen from outside.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context;
use cli::screen::Table;
use client::{Centre, call, journal, rest};
use serde::Serialize;
use xiezhi_proto::bus::v1::ListCursorsRequest;

use super::Progress;
use super::callers::{Callers, UNIT};
use super::figures::Spread;
use super::machine::{Note, PROFILE, note_on_build};
use super::private::Private;
use super::watch::PROJECTORS;
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
    progress.say("逐件登记", "registering, one at a time");
    let mut times = Times::default();
    for number in 0..cases + WARM_UP {
        // The case before has left nothing to do: each is alone.
        rest::rest(&callers.operator, PATIENCE).await?;
        let receipt = callers.register_one(number).await?;
        let case_id = receipt.case_id.to_string();
        let dispatch = tokio::time::timeout(PATIENCE, async {
            loop {
                if orders.next().await?.order.case_id == case_id {
                    return Ok::<_, client::Error>(receipt.began.elapsed());
                }
            }
        })
        .await
        .with_context(|| format!("案件 {case_id} 未在 {PATIENCE:?} 内派单 / was not dispatched in time"))??;
        let projected = tokio::time::timeout(PATIENCE, projected(&callers.operator, receipt.began));
        let [supervision, evaluation] = projected
            .await
            .with_context(|| format!("案件 {case_id} 未在 {PATIENCE:?} 内投影 / was not projected in time"))??;
        if number >= WARM_UP {
            times.receipt.push(receipt.took());
            times.dispatch.push(dispatch);
            times.supervision.push(supervision);
            times.evaluation.push(evaluation);
            times.both.push(supervision.max(evaluation));
        }
    }
    Ok(Document {
        cases,
        projected: Spread::of(times.both)?,
        receipt: Spread::of(times.receipt)?,
        dispatch: Spread::of(times.dispatch)?,
        supervision: Spread::of(times.supervision)?,
        evaluation: Spread::of(times.evaluation)?,
        profile: PROFILE,
        notes: Vec::from_iter(note_on_build(PROFILE)),
    })
}

/// What each case took, from the call that registered it.
#[derive(Debug, Default)]
struct Times {
    receipt: Vec<Duration>,
    dispatch: Vec<Duration>,
    supervision: Vec<Duration>,
    evaluation: Vec<Duration>,
    both: Vec<Duration>,
}

/// How long after the beginning each projector had heard all that intake and assignment have said by now. Asked only once the
/// order is out: to ask before would be a load of its own, on the very path that is measured.
async fn projected(operator: &Centre, began: Instant) -> anyhow::Result<[Duration; 2]> {
    let (intake, assignment) =
        tokio::try_join!(journal::high_water(operator, "intake"), journal::high_water(operator, "assignment"))?;
    let heads = [("intake", intake.last_pos), ("assignment", assignment.last_pos)];
    let [supervision, evaluation] = PROJECTORS.map(|projector| async move {
        let request = ListCursorsRequest { service: projector.to_owned() };
        loop {
            let answer = operator.read(|| call!(operator.bus(projector).list_cursors(request.clone()))).await?;
            let has_heard = |(producer, head): (&str, i64)| {
                let own = answer.cursors.iter().filter(|cursor| cursor.consumer == projector);
                own.filter(|cursor| cursor.producer == producer).any(|cursor| cursor.pos >= head)
            };
            if heads.into_iter().all(has_heard) {
                return Ok::<_, client::Error>(began.elapsed());
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    });
    let (supervision, evaluation) = tokio::try_join!(supervision, evaluation)?;
    Ok([supervision, evaluation])
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
