//! `xiezhi bench pipeline`: cases at full speed through the whole path, in turns with what the store alone can do.

use std::ops::Range;

use anyhow::bail;
use client::verify;

use super::Progress;
use super::callers::Callers;
use super::document::{Document, Limits, Round};
use super::full_speed::{FullSpeed, REST_WITHIN};
use super::limit::{Limit, Work};
use super::machine::Machine;
use super::private::Private;
use super::usage::Processes;
use crate::arguments::PipelineArguments;

/// Cases for each caller before anything counts: connections, plans and caches are made once.
const WARM_UP: u32 = 4;

/// Runs the measurement in a centre of its own and prints it. It fails where an invariant does not hold afterwards.
pub async fn run(arguments: &PipelineArguments, options: &cli::Options) -> anyhow::Result<()> {
    if arguments.cases < arguments.rounds {
        bail!("件数少于轮数, 请加大 --cases / there are fewer cases than rounds; raise --cases or lower --rounds");
    }
    let progress = Progress::new();
    if options.names_a_centre() {
        progress.say(
            "测量使用自己的中心, 不用指定的那一个",
            "this measurement uses a centre of its own, not the one named",
        );
    }
    progress.say("启动一个临时中心", "starting a centre for the measurement");
    let centre = Private::start(arguments.pack.as_deref()).await?;
    let machine = Machine::look(&centre.store()?, centre.folder()).await?;
    for note in machine.notes() {
        progress.say(&note.zh, &note.en);
    }
    let bench = Bench::open(arguments, &centre, progress).await?;
    bench.warm_up().await?;
    let mut rounds = Vec::new();
    for number in 0..arguments.rounds {
        rounds.push(bench.round(number).await?);
    }
    progress.say("核验", "verifying");
    let options_of_verify = verify::Options { rest_within: REST_WITHIN, ..verify::Options::default() };
    let report = verify::verify(&bench.callers.operator, &options_of_verify).await?;
    let told = (!report.holds()).then(|| cli::verbs::verify::render(&report, options.lang()));
    let document = Document::new(arguments.clients, bench.connections, rounds, machine, report);
    super::print(options.output, &document, &document.table())?;
    match told {
        Some(told) => {
            bail!("不变量被破坏, 数字无效 / an invariant does not hold, so the figures are worth nothing\n{told}")
        }
        None => Ok(()),
    }
}

/// Everything the rounds share.
struct Bench<'a> {
    arguments: &'a PipelineArguments,
    connections: u32,
    callers: Callers,
    limit: Limit,
    processes: Processes,
    progress: Progress,
}

impl<'a> Bench<'a> {
    async fn open(arguments: &'a PipelineArguments, centre: &Private, progress: Progress) -> anyhow::Result<Self> {
        let connections = arguments.connections.unwrap_or(arguments.clients).min(arguments.clients);
        let processes = Processes::of(centre.process());
        Ok(Self {
            arguments,
            connections,
            callers: Callers::connect(&centre.data(), connections).await?,
            limit: Limit::prepare(centre.store()?, centre.folder(), processes).await?,
            processes,
            progress,
        })
    }

    /// The first numbers are the warm-up's.
    fn warm_up_cases(&self) -> u32 {
        (self.arguments.clients * WARM_UP).min(self.arguments.cases)
    }

    /// The numbers of one round's cases: together exactly what was asked for.
    fn numbers(&self, round: u32) -> Range<u32> {
        let up_to = |round: u32| {
            let share = u64::from(self.arguments.cases) * u64::from(round) / u64::from(self.arguments.rounds);
            self.warm_up_cases() + u32::try_from(share).unwrap_or(self.arguments.cases)
        };
        up_to(round)..up_to(round + 1)
    }

    async fn warm_up(&self) -> anyhow::Result<()> {
        self.progress.say("预热", "warming up");
        self.full_speed().run(self.arguments.clients, 0..self.warm_up_cases()).await?;
        Ok(())
    }

    async fn round(&self, number: u32) -> anyhow::Result<Round> {
        let (of, progress) = (self.arguments.rounds, self.progress);
        let now = number + 1;
        progress.say(&format!("第 {now}/{of} 轮, 数据库极限"), &format!("round {now} of {of}, the store's limit"));
        let seconds = self.arguments.seconds;
        let limit = Limits {
            register: self.limit.run(Work::Register, seconds).await?,
            pipeline: self.limit.run(Work::Pipeline, seconds).await?,
            grouped: self.limit.run(Work::Grouped, seconds).await?,
        };
        let (register, pipeline, grouped) =
            (limit.register.cases_per_s, limit.pipeline.cases_per_s, limit.grouped.cases_per_s);
        progress.say(
            &format!("极限每秒: 回执 {register:.0}, 全程 {pipeline:.0}, 成组 {grouped:.0}"),
            &format!("the limit a second: receipts {register:.0}, whole path {pipeline:.0}, in groups {grouped:.0}"),
        );
        self.limit.checkpoint().await?;
        let ours = self.full_speed().run(self.arguments.clients, self.numbers(number)).await?;
        let (receipts, cases) = (ours.receipts_per_s, ours.cases_per_s);
        progress.say(
            &format!("本中心每秒: 回执 {receipts:.0}, 全程 {cases:.0}"),
            &format!("ours a second: receipts {receipts:.0}, whole path {cases:.0}"),
        );
        Ok(Round::new(ours, limit))
    }

    fn full_speed(&self) -> FullSpeed<'_> {
        FullSpeed { callers: &self.callers, processes: self.processes }
    }
}
