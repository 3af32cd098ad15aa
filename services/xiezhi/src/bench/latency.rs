//! `xiezhi bench latency`: how long a case takes from the counter to the unit's desk and to the projections, one at a time and
//! under a steady load, seen from outside.

use std::ops::Range;
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
use super::load::{Loaded, Loads};
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

/// At which shares of saturation receipts, and whole ways, are judged.
const RECEIPTS_AT: f64 = 0.2;
const WHOLE_WAY_AT: f64 = 0.5;

/// What one case at a time takes, and what cases take under a load.
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
    /// Cases a second at full speed until everybody has heard everything, or what was given for it.
    saturation_cases_per_s: Option<f64>,
    /// From a case's arrival to its receipt, at 20 % of saturation.
    receipt_p99_at_20_ms: Option<f64>,
    /// From a case's arrival until supervision and evaluation have projected it, at 50 % of saturation.
    end_to_end_p99_at_50_ms: Option<f64>,
    loads: Vec<Loaded>,
    profile: &'static str,
    notes: Vec<Note>,
}

/// Runs the measurement, in the centre of a data directory or in one of its own, and prints it.
pub async fn run(arguments: &LatencyArguments, options: &cli::Options) -> anyhow::Result<()> {
    let progress = Progress::new();
    let document = match &options.data {
        Some(data) => measure(arguments, data, progress).await?,
        None => {
            if options.names_a_centre() {
                progress.say(
                    "测量需要中心的数据目录, 未用 --server",
                    "a measurement needs a centre's folder; --server is not used",
                );
            }
            progress.say("启动一个临时中心", "starting a centre for the measurement");
            let centre = Private::start(arguments.pack.as_deref()).await?;
            measure(arguments, &centre.data(), progress).await?
        }
    };
    super::print(options.output, &document, &document.table())
}

async fn measure(arguments: &LatencyArguments, data: &Path, progress: Progress) -> anyhow::Result<Document> {
    let cases = arguments.cases;
    let callers = Callers::connect(data, arguments.clients).await?;
    let from = latest(&callers.handler).await?;
    progress.say("逐件登记", "registering, one at a time");
    let times = one_at_a_time(&callers, 0..cases + WARM_UP, from, WARM_UP).await?;
    let mut loads = Loads { callers: &callers, progress, next: cases + WARM_UP };
    let (saturation, loaded) = under_load(&mut loads, arguments).await?;
    let at = |share: f64| loaded.iter().find(|load| load.share == share);
    Ok(Document {
        cases,
        projected: Spread::of(times.both)?,
        receipt: Spread::of(times.receipt)?,
        dispatch: Spread::of(times.dispatch)?,
        supervision: Spread::of(times.supervision)?,
        evaluation: Spread::of(times.evaluation)?,
        saturation_cases_per_s: saturation,
        receipt_p99_at_20_ms: at(RECEIPTS_AT).map(|load| load.receipt.p99_ms),
        end_to_end_p99_at_50_ms: at(WHOLE_WAY_AT).map(|load| load.projected.p99_ms),
        loads: loaded,
        profile: PROFILE,
        notes: Vec::from_iter(note_on_build(PROFILE)),
    })
}

/// Cases at 20 % and at 50 % of saturation; nothing where no time is given for it.
async fn under_load(loads: &mut Loads<'_>, arguments: &LatencyArguments) -> anyhow::Result<(Option<f64>, Vec<Loaded>)> {
    if arguments.seconds == 0 {
        return Ok((None, Vec::new()));
    }
    let saturation = match arguments.saturation {
        Some(given) => given,
        None => loads.saturation(arguments.saturating_cases, arguments.clients).await?,
    };
    let lasting = Duration::from_secs(u64::from(arguments.seconds));
    let mut loaded = Vec::new();
    for share in [RECEIPTS_AT, WHOLE_WAY_AT] {
        loaded.push(loads.at(share, saturation, lasting).await?);
    }
    Ok((Some(saturation), loaded))
}

/// Registers these cases, each when the one before has left nothing to do. The unit's orders up to a position are old news, and
/// the first cases are not counted.
pub async fn one_at_a_time(callers: &Callers, numbers: Range<u32>, from: u64, warm_up: u32) -> anyhow::Result<Times> {
    let mut orders = callers.handler.orders_after(UNIT, from);
    let mut times = Times::default();
    let counted = numbers.start + warm_up;
    for number in numbers {
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
        if number >= counted {
            times.receipt.push(receipt.took());
            times.dispatch.push(dispatch);
            times.supervision.push(supervision);
            times.evaluation.push(evaluation);
            times.both.push(supervision.max(evaluation));
        }
    }
    Ok(times)
}

/// What each case took, from the call that registered it.
#[derive(Debug, Default)]
pub struct Times {
    /// Until the receipt.
    pub receipt: Vec<Duration>,
    /// Until the order is at the unit's desk.
    pub dispatch: Vec<Duration>,
    /// Until supervision has projected it.
    pub supervision: Vec<Duration>,
    /// Until evaluation has.
    pub evaluation: Vec<Duration>,
    /// Until both have.
    pub both: Vec<Duration>,
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
        if let Some(saturation) = self.saturation_cases_per_s {
            text.push_str(&format!(
                "\n饱和速度每秒 {saturation:.1} 件 / cases a second at saturation\n{}",
                self.loads_table()
            ));
        }
        for note in &self.notes {
            text.push_str(&format!("\n{note}\n"));
        }
        text
    }

    fn loads_table(&self) -> String {
        let mut table =
            Table::with_heading(["负荷 / load", "件 / cases", "p50 ms", "p99 ms"]).right(1).right(2).right(3);
        for load in &self.loads {
            let (percent, cases) = (load.share * 100.0, load.cases);
            for (name, spread) in
                [("登记回执 / receipt", load.receipt), ("登记至两者 / to both projections", load.projected)]
            {
                let (p50, p99) = (format!("{:.2}", spread.p50_ms), format!("{:.2}", spread.p99_ms));
                table.row([format!("{percent:.0}%  {name}"), cases.to_string(), p50, p99]);
            }
        }
        table.render()
    }
}
