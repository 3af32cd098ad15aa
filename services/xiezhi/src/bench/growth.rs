//! `xiezhi bench growth`: what a case, a look at the clocks and a page of a list cost when few and when very many closed cases
//! are stored.

use std::collections::BTreeMap;
use std::time::Instant;

use anyhow::{Context, bail, ensure};
use cli::screen::Table;
use client::rest;
use serde::Serialize;
use sqlx::{Connection, PgConnection};

use super::Progress;
use super::callers::{Callers, UNIT};
use super::copies::{Extent, Template, connect, tidy};
use super::figures::{Spread, median};
use super::full_speed::{FullSpeed, REST_WITHIN};
use super::latency::one_at_a_time;
use super::machine::{Machine, Note};
use super::private::{Private, Store};
use super::reads::Reads;
use super::usage::{Processes, Spent};
use super::walk::People;
use crate::arguments::GrowthArguments;

/// So many cases really go all the way, one in each town; copies are made of all of them alike.
const TEMPLATES: u32 = 7;
/// Cases before anything counts, after every seeding: connections, plans and caches are made once.
const WARM_UP: u32 = 200;
/// What must stay free on the disk when everything is stored, the write-ahead log included, in MiB.
const SPARE_MIB: f64 = 3072.0;
const MIB: f64 = 1024.0 * 1024.0;

/// What things cost with so many cases stored.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Size {
    /// How many closed cases are stored.
    stored: u32,
    /// How large the five databases are once they are stored, in MiB.
    databases_mib: f64,
    /// By how much they grew for each, in KiB.
    kib_per_case: f64,
    /// How long it took to store them, in seconds.
    seeded_s: f64,
    /// Processor time for a case at full speed, everybody's.
    cpu_ms_per_case: f64,
    /// The same by who spent it.
    cpu: Spent,
    /// Cases a second at full speed, whole path.
    cases_per_s: f64,
    /// From a call to its receipt, one case at a time.
    receipt: Spread,
    /// From a call until supervision and evaluation have projected the case, one at a time.
    projected: Spread,
    /// Looks at the clocks, by name.
    clock_scans: BTreeMap<&'static str, Spread>,
    /// Pages of lists, by name.
    list_pages: BTreeMap<&'static str, Spread>,
}

/// The whole measurement. Every ratio is what it costs with `large` to what it costs with `small`.
#[derive(Debug, Clone, Serialize)]
struct Document {
    small: Size,
    large: Size,
    /// Processor time for a case.
    ratio_cpu: f64,
    /// One case at a time, to the projections, p50.
    ratio_latency: f64,
    /// The receipt, one at a time, p50.
    ratio_receipt: f64,
    /// The look at the clocks that grows most, p50.
    ratio_clock_scan: f64,
    /// The page that grows most, p50.
    ratio_list_page: f64,
    /// Each look and each page, p50.
    ratios: BTreeMap<&'static str, f64>,
    machine: Machine,
    notes: Vec<Note>,
}

/// Runs the measurement in a centre of its own and prints it.
pub async fn run(arguments: &GrowthArguments, options: &cli::Options) -> anyhow::Result<()> {
    ensure!(arguments.small >= TEMPLATES, "--small 至少为 {TEMPLATES} / must be at least so many");
    ensure!(arguments.small < arguments.large, "--small 应小于 --large / must be below --large");
    let progress = Progress::new();
    progress.say("启动一个临时中心", "starting a centre for the measurement");
    let centre = Private::start(arguments.pack.as_deref()).await?;
    let store = centre.store()?;
    let machine = Machine::look(&store, centre.folder()).await?;
    let processes = Processes::of(centre.process());
    let callers = Callers::connect(&centre.data(), arguments.clients).await?;
    let reads = Reads::of(&centre.data())?;
    let mut bench =
        Bench { arguments, centre: &centre, callers, reads, processes, store, progress, next: 0, copies: 0 };
    let templates = bench.templates().await?;
    let small = bench.size(&templates, arguments.small).await?;
    bench.room_for(&small)?;
    let large = bench.size(&templates, arguments.large).await?;
    let document = Document::new(small, large, machine);
    super::print(options.output, &document, &document.table())
}

struct Bench<'a> {
    arguments: &'a GrowthArguments,
    centre: &'a Private,
    callers: Callers,
    reads: Reads,
    processes: Processes,
    store: Store,
    progress: Progress,
    /// The first case number that was not used yet.
    next: u32,
    /// The first number of a copy that was not used yet.
    copies: i64,
}

impl Bench<'_> {
    async fn templates(&mut self) -> anyhow::Result<Vec<Template>> {
        self.progress.say("办结样本案件", "bringing the cases to copy to their end");
        let receipts = self.callers.register_all(1, 0..TEMPLATES).await?;
        self.next = TEMPLATES;
        let cases: Vec<_> = receipts.iter().map(|receipt| receipt.case_id).collect();
        People::of(&self.centre.data()).await?.close(&cases).await?;
        let mut templates = Vec::new();
        for case in cases {
            templates.push(Template::read(&self.store, case).await?);
        }
        Ok(templates)
    }

    /// Stores so many closed cases and measures what things cost then.
    async fn size(&mut self, templates: &[Template], stored: u32) -> anyhow::Result<Size> {
        let (began, before, copies) = (Instant::now(), self.databases_mib().await?, self.copies);
        self.seed(templates, i64::from(stored)).await?;
        let seeded_s = began.elapsed().as_secs_f64();
        let databases_mib = self.databases_mib().await?;
        let kib_per_case = (databases_mib - before) * 1024.0 / (self.copies - copies).max(1) as f64;
        self.progress.say("整理数据库", "tidying the store");
        tidy(&self.store).await?;
        rest::rest(&self.callers.operator, REST_WITHIN).await?;
        self.progress.say(&format!("已存 {stored} 件, 测量"), &format!("measuring with {stored} closed cases stored"));
        self.full_speed(WARM_UP.min(self.arguments.cases)).await?;
        let mut rounds = Vec::new();
        for _ in 0..self.arguments.rounds {
            rounds.push(self.full_speed(self.arguments.cases).await?);
        }
        let from: i64 = {
            let mut assignment = connect(&self.store, "assignment").await?;
            let pos = sqlx::query_scalar("SELECT pos FROM order_feed_head WHERE unit = $1")
                .bind(UNIT)
                .fetch_one(&mut assignment)
                .await?;
            assignment.close().await?;
            pos
        };
        let warm_up = self.arguments.single.min(WARM_UP / 10);
        let numbers = self.take(self.arguments.single + warm_up);
        let times = one_at_a_time(&self.callers, numbers, u64::try_from(from)?, warm_up).await?;
        let (scans, pages) = self.reads.measure(self.arguments.reads).await?;
        let middle = |figure: fn(&super::document::Ours) -> f64| median(rounds.iter().map(figure));
        Ok(Size {
            stored,
            databases_mib,
            kib_per_case,
            seeded_s,
            cpu_ms_per_case: middle(|ours| ours.cpu_ms_per_case),
            cpu: Spent {
                centre_ms: middle(|ours| ours.cpu.centre_ms),
                postgresql_ms: middle(|ours| ours.cpu.postgresql_ms),
                nats_ms: middle(|ours| ours.cpu.nats_ms),
                load_ms: middle(|ours| ours.cpu.load_ms),
                pgbench_ms: 0.0,
            },
            cases_per_s: middle(|ours| ours.cases_per_s),
            receipt: Spread::of(times.receipt)?,
            projected: Spread::of(times.both)?,
            clock_scans: scans,
            list_pages: pages,
        })
    }

    /// Copies until so many closed cases are stored, those that really went the way included.
    async fn seed(&mut self, templates: &[Template], stored: i64) -> anyhow::Result<()> {
        let (first, end) = (self.copies, stored - i64::from(TEMPLATES));
        let all = end - first;
        for (place, template) in (0_i64..).zip(templates) {
            let share = |place: i64| first + all * place / i64::from(TEMPLATES);
            let (from, to) = (share(place), share(place + 1));
            let progress = self.progress;
            let told = |done: i64| super::tell_share(progress, "写入副本", "copying", from - first + done, all);
            template.copy(&self.store, Extent::Everywhere, from..to, told).await?;
        }
        self.copies = end;
        if all > 0 {
            for (place, template) in (0_i64..).zip(templates) {
                self.reads.stored(template, first + all * place / i64::from(TEMPLATES)).await?;
            }
        }
        Ok(())
    }

    async fn full_speed(&mut self, cases: u32) -> anyhow::Result<super::document::Ours> {
        let numbers = self.take(cases);
        let full_speed = FullSpeed { callers: &self.callers, processes: self.processes };
        let ours = full_speed.run(self.arguments.clients, numbers).await?;
        Ok(ours)
    }

    fn take(&mut self, cases: u32) -> std::ops::Range<u32> {
        let numbers = self.next..self.next + cases;
        self.next = numbers.end;
        numbers
    }

    async fn databases_mib(&self) -> anyhow::Result<f64> {
        let mut admin = PgConnection::connect(&self.store.url("postgres")).await?;
        let bytes: i64 = sqlx::query_scalar(
            "SELECT sum(pg_database_size(datname))::bigint FROM pg_database WHERE datname LIKE 'xiezhi_%'",
        )
        .fetch_one(&mut admin)
        .await?;
        admin.close().await?;
        Ok(bytes as f64 / MIB)
    }

    /// A disk that fills up would end more than this measurement.
    fn room_for(&self, small: &Size) -> anyhow::Result<()> {
        let each = small.kib_per_case / 1024.0;
        // A little more, since pages split where keys come between others.
        let needed = each * f64::from(self.arguments.large - small.stored) * 1.15 + SPARE_MIB;
        let free = free_mib(self.centre.folder())?;
        if free < needed {
            bail!(
                "磁盘空间不足: 需约 {needed:.0} MiB, 剩 {free:.0} MiB, 请减小 --large / there is not enough room on the disk: some {needed:.0} MiB are needed, {free:.0} MiB are free; lower --large"
            );
        }
        self.progress.say(
            &format!("每件约 {:.1} KiB", each * 1024.0),
            &format!("a stored case takes some {:.1} KiB", each * 1024.0),
        );
        Ok(())
    }
}

/// What is free on the file system of a folder, as `df` says it.
fn free_mib(folder: &std::path::Path) -> anyhow::Result<f64> {
    let said = std::process::Command::new("df").arg("-Pk").arg(folder).output().context("df")?;
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    free_kib(&said).map(|kib| kib / 1024.0).with_context(|| format!("df: {said}"))
}

fn free_kib(said: &str) -> Option<f64> {
    said.lines().nth(1)?.split_ascii_whitespace().nth(3)?.parse().ok()
}

impl Document {
    fn new(small: Size, large: Size, machine: Machine) -> Self {
        let grown = |of: fn(&Size) -> &BTreeMap<&'static str, Spread>| -> BTreeMap<&'static str, f64> {
            let ratio =
                |(name, few): (&&'static str, &Spread)| Some((*name, of(&large).get(name)?.p50_ms / few.p50_ms));
            of(&small).iter().filter_map(ratio).collect()
        };
        let (scans, pages) = (grown(|size| &size.clock_scans), grown(|size| &size.list_pages));
        let most = |ratios: &BTreeMap<&'static str, f64>| ratios.values().copied().fold(0.0, f64::max);
        Self {
            ratio_cpu: large.cpu_ms_per_case / small.cpu_ms_per_case,
            ratio_latency: large.projected.p50_ms / small.projected.p50_ms,
            ratio_receipt: large.receipt.p50_ms / small.receipt.p50_ms,
            ratio_clock_scan: most(&scans),
            ratio_list_page: most(&pages),
            ratios: scans.into_iter().chain(pages).collect(),
            notes: machine.notes(),
            machine,
            small,
            large,
        }
    }

    fn table(&self) -> String {
        let stored = |size: &Size| format!("{} 件 / cases", size.stored);
        let mut table = Table::with_heading([
            "成本 / cost".to_owned(),
            stored(&self.small),
            stored(&self.large),
            "比 / ratio".to_owned(),
        ]);
        for column in 1..=3 {
            table = table.right(column);
        }
        let mut row = |name: &str, small: f64, large: f64| {
            table.row([name.to_owned(), format!("{small:.3}"), format!("{large:.3}"), format!("{:.3}", large / small)]);
        };
        row("每件 CPU / CPU for a case, ms", self.small.cpu_ms_per_case, self.large.cpu_ms_per_case);
        row("登记回执 / receipt p50, ms", self.small.receipt.p50_ms, self.large.receipt.p50_ms);
        row("登记至两者 / to both projections p50, ms", self.small.projected.p50_ms, self.large.projected.p50_ms);
        row("每秒件数 / cases a second", self.small.cases_per_s, self.large.cases_per_s);
        for of in [|size: &Size| size.clock_scans.clone(), |size: &Size| size.list_pages.clone()] {
            for (name, few) in of(&self.small) {
                let many = of(&self.large).get(name).map_or(0.0, |spread| spread.p50_ms);
                row(&format!("{name} p50, ms"), few.p50_ms, many);
            }
        }
        row("数据库 / databases, MiB", self.small.databases_mib, self.large.databases_mib);
        let mut text = format!("{}\n{}", self.machine.profile, table.render());
        for note in &self.notes {
            text.push_str(&format!("\n{note}\n"));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_df_says_is_read() {
        let said =
            "Filesystem 1024-blocks Used Available Capacity Mounted on\n/dev/vda 263174212 53000000 41943040 57% /\n";
        assert_eq!(free_kib(said), Some(41_943_040.0));
        assert_eq!(free_kib("df: no such file"), None);
    }
}
