//! `xiezhi bench replay`: evaluation's memory is emptied and made again from the journals of the others.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use cli::screen::Table;
use client::{call, rest};
use serde::Serialize;
use servers::{LocalOptions, LocalServers};
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use xiezhi_proto::bus::v1::ListCursorsRequest;

use super::Progress;
use super::belongings::DATABASES;
use super::callers::Callers;
use super::copies::{connect, run as execute};
use super::figures::{median, per_second};
use super::full_speed::{FullSpeed, REST_WITHIN};
use super::limit::{Limit, Reached, Work};
use super::machine::{Machine, Note};
use super::private::{Private, Store};
use super::usage::Processes;
use super::watch::{Watch, heads};
use crate::arguments::ReplayArguments;

/// The service whose memory is made again: it only listens.
const SERVICE: &str = "evaluation";
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// One round: the limit, then the replay.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
struct Round {
    /// Cases a second, from the first event that was applied until the last was.
    cases_per_s: f64,
    /// Events a second in the same time.
    events_per_s: f64,
    /// How many events were applied.
    events: i64,
    /// How many of them were read from journals; the others came from the streams.
    from_journals: u64,
    /// How long it took until the gap was believed and the first event was applied, in seconds; not counted above.
    waited_s: f64,
    /// Processor time for a case, the services and PostgreSQL together.
    cpu_ms_per_case: f64,
    /// The store's limit in groups of fifty.
    limit: Reached,
    /// `cases_per_s` to the limit's.
    ratio_replay: f64,
}

/// The whole measurement. Every figure outside `rounds` is the median over the rounds.
#[derive(Debug, Clone, Serialize)]
struct Document {
    /// How many cases were told again.
    cases: u32,
    cases_per_s: f64,
    events_per_s: f64,
    ratio_replay: f64,
    /// True where every row that was made again is what it had been. Otherwise the measurement fails.
    same: bool,
    rounds: Vec<Round>,
    machine: Machine,
    notes: Vec<Note>,
}

/// Runs the measurement in a centre of its own and prints it.
pub async fn run(arguments: &ReplayArguments, options: &cli::Options) -> anyhow::Result<()> {
    let progress = Progress::new();
    progress.say("启动一个临时中心", "starting a centre for the measurement");
    let mut centre = Private::start(arguments.pack.as_deref()).await?;
    let store = centre.store()?;
    let machine = Machine::look(&store, centre.folder()).await?;
    progress.say("登记案件", "registering cases");
    {
        let callers = Callers::connect(&centre.data(), arguments.clients).await?;
        let full_speed = FullSpeed { callers: &callers, processes: Processes::of(centre.process()) };
        full_speed.run(arguments.clients, 0..arguments.cases).await?;
    }
    let before = fingerprints(&store).await?;
    let limit = Limit::prepare(store, centre.folder(), Processes::of(centre.process())).await?;
    let mut rounds = Vec::new();
    for number in 1..=arguments.rounds {
        let of = arguments.rounds;
        progress
            .say(&format!("第 {number}/{of} 轮, 数据库极限"), &format!("round {number} of {of}, the store's limit"));
        let reached = limit.of(Processes::of(centre.process())).run(Work::Grouped, arguments.seconds).await?;
        progress.say("清空后由日志重建", "emptying it, and making it again from the journals");
        rounds.push(replay(&mut centre, arguments.cases, reached).await?);
        let after = fingerprints(&centre.store()?).await?;
        ensure!(after == before, "重建结果不同 / what was made again differs:\n{before:#?}\n{after:#?}");
    }
    let document = Document::new(arguments.cases, rounds, machine);
    super::print(options.output, &document, &document.table())
}

async fn replay(centre: &mut Private, cases: u32, limit: Reached) -> anyhow::Result<Round> {
    centre.halt().await?;
    let options = LocalOptions { data_dir: centre.data(), servers_dir: None, fsync: true };
    let servers = LocalServers::start(options).await.map_err(crate::up::said)?;
    let emptied = empty(&centre.store()?).await;
    servers.stop().await;
    emptied?;
    centre.resume().await?;
    let store = centre.store()?;
    let callers = Callers::connect(&centre.data(), 1).await?;
    let operator = &callers.operator;
    let (heads, _) = heads(operator).await?;
    let processes = Processes::of(centre.process());
    let watch = Watch::start(operator, [(SERVICE, LOOK_EVERY)]);
    let mut connection = connect(&store, SERVICE).await?;
    let spent = processes.look()?;
    execute(&mut connection, "UPDATE bus.cursor SET state = 'running'".to_owned()).await?;
    let let_go = Instant::now();
    connection.close().await?;
    watch.absorbed().await?;
    let spent = processes.look()?.since(spent);
    let heard = watch.finish()?;
    let last = heard.all_heard(&heads).context("游标未到 / a cursor is not where it was seen")?;
    // The look before the one that saw the first movement: so no time is too short.
    let first = heard.last_at_rest(SERVICE).unwrap_or(let_go).max(let_go);
    rest::rest(operator, REST_WITHIN).await?;
    let request = ListCursorsRequest { service: SERVICE.to_owned() };
    let cursors = operator.read(|| call!(operator.bus(SERVICE).list_cursors(request.clone()))).await?.cursors;
    let events: i64 = cursors.iter().map(|cursor| cursor.pos).sum();
    let took = last.saturating_duration_since(first);
    let cases_per_s = per_second(cases as usize, took);
    Ok(Round {
        cases_per_s,
        events_per_s: per_second(usize::try_from(events)?, took),
        events,
        from_journals: cursors.iter().map(|cursor| cursor.repaired).max().unwrap_or(0),
        waited_s: first.saturating_duration_since(let_go).as_secs_f64(),
        cpu_ms_per_case: (spent.centre_ms + spent.postgresql_ms) / f64::from(cases),
        limit,
        ratio_replay: cases_per_s / limit.cases_per_s,
    })
}

/// The tables of what evaluation remembers of cases.
fn tables() -> impl Iterator<Item = &'static str> {
    let of = DATABASES.iter().find(|(service, _)| *service == SERVICE).map(|(_, tables)| *tables).unwrap_or_default();
    of.iter().map(|belongings| belongings.table).filter(|table| table.starts_with("public."))
}

/// Forgets every case, and that anything was ever heard; the cursors wait until they are let go. What evaluation itself has
/// said stays: it said nothing about these cases, and its journal is nobody's projection.
async fn empty(store: &Store) -> anyhow::Result<()> {
    let mut connection = connect(store, SERVICE).await?;
    let said: i64 = sqlx::query_scalar("SELECT count(*) FROM bus.journal WHERE key IN (SELECT id FROM case_file)")
        .fetch_one(&mut connection)
        .await?;
    ensure!(said == 0, "考核评价已就案件发言 / evaluation has said something about these cases and cannot be emptied");
    let all: Vec<&str> = tables().collect();
    let forget = format!(
        "BEGIN;
         DELETE FROM bus.timer WHERE key IN (SELECT id FROM case_file);
         DELETE FROM bus.head WHERE seq = 0 OR key IN (SELECT id FROM case_file);
         DELETE FROM bus.parked;
         TRUNCATE {};
         UPDATE bus.cursor SET epoch = 1, pos = 0, seen_hash = NULL, state = 'paused';
         COMMIT;
         VACUUM (ANALYZE);
         CHECKPOINT",
        all.join(", ")
    );
    for statement in forget.split(';') {
        execute(&mut connection, statement.to_owned()).await?;
    }
    Ok(connection.close().await?)
}

/// What stands in each table, whatever the order of its rows.
async fn fingerprints(store: &Store) -> anyhow::Result<BTreeMap<&'static str, (i64, String)>> {
    let mut connection: PgConnection = connect(store, SERVICE).await?;
    let mut found = BTreeMap::new();
    for table in tables() {
        let look = format!(
            "SELECT count(*), COALESCE(md5(string_agg(md5(t::text), '' ORDER BY md5(t::text))), '') FROM {table} t"
        );
        found.insert(table, sqlx::query_as(AssertSqlSafe(look)).fetch_one(&mut connection).await?);
    }
    connection.close().await?;
    Ok(found)
}

impl Document {
    fn new(cases: u32, rounds: Vec<Round>, machine: Machine) -> Self {
        let middle = |figure: fn(&Round) -> f64| median(rounds.iter().map(figure));
        Self {
            cases,
            cases_per_s: middle(|round| round.cases_per_s),
            events_per_s: middle(|round| round.events_per_s),
            ratio_replay: middle(|round| round.ratio_replay),
            same: true,
            notes: machine.notes(),
            rounds,
            machine,
        }
    }

    fn table(&self) -> String {
        let heading =
            ["轮 / round", "件每秒 / cases a second", "事件每秒 / events a second", "极限 / limit", "比 / ratio"];
        let mut table = Table::with_heading(heading);
        for column in 1..=4 {
            table = table.right(column);
        }
        for (number, round) in (1..).zip(&self.rounds) {
            table.row([
                number.to_string(),
                format!("{:.0}", round.cases_per_s),
                format!("{:.0}", round.events_per_s),
                format!("{:.0}", round.limit.cases_per_s),
                format!("{:.3}", round.ratio_replay),
            ]);
        }
        let mut text = format!(
            "{} 件由日志重建, 与原来相同 / cases made again from the journals, the same as before; {}\n中位数 / medians: {:.0}, {:.3}\n{}",
            self.cases,
            self.machine.profile,
            self.cases_per_s,
            self.ratio_replay,
            table.render()
        );
        for note in &self.notes {
            text.push_str(&format!("\n{note}\n"));
        }
        text
    }
}
