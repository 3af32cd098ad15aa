//! `xiezhi bench timers`: how late deadlines fire when very many are armed and very many come due at one moment.

use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use cli::screen::Table;
use client::rest;
use client::turn::{self, Turn};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use sqlx::{Connection, PgConnection};
use uuid::Uuid;

use super::Progress;
use super::callers::Callers;
use super::copies::{Extent, Template, connect, tidy};
use super::figures::Spread;
use super::machine::{Machine, Note};
use super::private::{Private, Store};
use crate::arguments::TimersArguments;

/// When the centre's time begins: a Monday morning without a holiday near.
const BEGINS: &str = "2026-03-02T01:00:00Z";
/// So long before the deadline the cases that are not to come due are registered, and everything is made ready: later
/// cases have later deadlines.
const EARLIER: SignedDuration = SignedDuration::from_mins(75);
/// The other deadline must be so much later, or it would come while the first is still being absorbed.
const APART: SignedDuration = SignedDuration::from_mins(30);
/// So long before the deadline time is let go.
const LEAD: SignedDuration = SignedDuration::from_secs(5);
/// How often it is asked how many still wait.
const LOOK_EVERY: Duration = Duration::from_millis(10);
/// How long the last may take.
const PATIENCE: Duration = Duration::from_secs(300);
const REST_WITHIN: Duration = Duration::from_secs(120);
/// The service that owns the statutory deadlines.
const SERVICE: &str = "supervision";

/// How late timers were, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
struct Late {
    #[serde(flatten)]
    spread: Spread,
    max_ms: f64,
}

impl Late {
    fn of(times: Vec<Duration>) -> anyhow::Result<Self> {
        let max_ms = times.iter().max().context("没有到期 / nothing came due")?.as_secs_f64() * 1000.0;
        Ok(Self { spread: Spread::of(times)?, max_ms })
    }
}

/// The whole measurement.
#[derive(Debug, Clone, Serialize)]
struct Document {
    /// How many timers were armed, those that came due included.
    armed: u32,
    /// How many came due at one moment.
    due: u32,
    /// How many fired, each once.
    fired: u64,
    /// From the moment they were due to the moment the service decided (`fired_at` − `due_at`).
    lateness: Late,
    /// From the moment they were due until somebody else saw that they had fired: the decision is on record.
    seen: Late,
    /// What supervision said about each of these cases when its timer fired.
    events_per_timer: i64,
    /// How long it took until every service had heard all of it, from the moment they were due.
    absorbed_s: f64,
    seeded_s: f64,
    machine: Machine,
    notes: Vec<Note>,
}

/// Runs the measurement in a simulated centre of its own and prints it.
pub async fn run(arguments: &TimersArguments, options: &cli::Options) -> anyhow::Result<()> {
    ensure!(arguments.due < arguments.armed, "--due 应小于 --armed / fewer timers can come due than are armed");
    let progress = Progress::new();
    progress.say("启动一个临时的模拟中心", "starting a simulated centre for the measurement");
    let centre = Private::start_simulated(arguments.pack.as_deref(), BEGINS).await?;
    let store = centre.store()?;
    let machine = Machine::look(&store, centre.folder()).await?;
    let bench = Bench { arguments, callers: Callers::connect(&centre.data(), 1).await?, store, progress };
    let mut supervision = connect(&bench.store, SERVICE).await?;
    let seeded = bench.seed(&mut supervision).await?;
    let document = bench.fire(&mut supervision, &seeded, machine).await?;
    supervision.close().await?;
    super::print(options.output, &document, &document.table())
}

struct Bench<'a> {
    arguments: &'a TimersArguments,
    callers: Callers,
    store: Store,
    progress: Progress,
}

/// What waits for its deadline.
struct Seeded {
    template: Uuid,
    due: Due,
    took: Duration,
}

/// When the one timer of a case is due, as a moment and as PostgreSQL writes it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Due {
    at: Timestamp,
    text: String,
}

impl Bench<'_> {
    async fn seed(&self, supervision: &mut PgConnection) -> anyhow::Result<Seeded> {
        self.progress.say("登记样本案件", "registering the cases to copy");
        let soon = self.callers.register_one(0).await?.case_id;
        self.rest().await?;
        let due = due_of(supervision, soon).await?;
        self.turn(due.at - EARLIER).await?;
        let later = self.callers.register_one(1).await?.case_id;
        self.rest().await?;
        let after = due_of(supervision, later).await?;
        ensure!(due_of(supervision, soon).await? == due, "样本的期限移动了 / the deadline to be measured has moved");
        self.progress.say(
            &format!("期限 {}, 其余 {}", due.text, after.text),
            &format!("the deadline is {}, that of the rest {}", due.text, after.text),
        );
        ensure!(
            after.at >= due.at + APART,
            "后登记的案件期限不够晚 / the deadline of the rest is not late enough: {} and {}",
            due.text,
            after.text
        );
        let began = Instant::now();
        // With the two that were really registered, exactly so many are due and so many are armed.
        let copies = i64::from(self.arguments.due) - 1;
        let all = i64::from(self.arguments.armed) - 2;
        self.copy(soon, Extent::Everywhere, 0..copies).await?;
        self.copy(later, Extent::Clocks, copies..all).await?;
        self.progress.say("整理数据库", "tidying the store");
        tidy(&self.store).await?;
        Ok(Seeded { template: soon, due, took: began.elapsed() })
    }

    async fn copy(&self, case_id: Uuid, extent: Extent, numbers: std::ops::Range<i64>) -> anyhow::Result<()> {
        let count = numbers.end - numbers.start;
        if count <= 0 {
            return Ok(());
        }
        let template = Template::read(&self.store, case_id).await?;
        let told = |done: i64| super::tell_share(self.progress, "写入副本", "copying", done, count);
        template.copy(&self.store, extent, numbers, told).await
    }

    async fn fire(
        &self,
        supervision: &mut PgConnection,
        seeded: &Seeded,
        machine: Machine,
    ) -> anyhow::Result<Document> {
        let due = &seeded.due;
        let waiting = count_armed(supervision, &due.text).await?;
        ensure!(
            waiting.still == i64::from(self.arguments.due),
            "到期 {} 个, 应为 {} / are due, not as many as asked for",
            waiting.still,
            self.arguments.due
        );
        let armed: i64 = sqlx::query_scalar("SELECT count(*) FROM bus.timer WHERE state = 'armed'")
            .fetch_one(&mut *supervision)
            .await?;
        ensure!(armed == i64::from(self.arguments.armed), "已设 {armed} 个, 应为 {} / are armed", self.arguments.armed);
        self.turn(due.at - LEAD).await?;
        self.progress.say("等待到期", "waiting for the deadline");
        let seen = watch(supervision, due, i64::from(self.arguments.due)).await?;
        let lateness = fired(supervision, due, self.arguments.due).await?;
        self.progress.say("等待各服务听到", "waiting until everybody has heard");
        self.rest().await?;
        let absorbed = rest::now(&self.callers.operator).await?.duration_since(due.at);
        let events_per_timer = events(supervision, seeded, self.arguments.due).await?;
        self.nothing_parked().await?;
        Ok(Document {
            armed: self.arguments.armed,
            due: self.arguments.due,
            fired: lateness.len() as u64,
            lateness: Late::of(lateness)?,
            seen: Late::of(seen)?,
            events_per_timer,
            absorbed_s: absorbed.as_secs_f64(),
            seeded_s: seeded.took.as_secs_f64(),
            notes: machine.notes(),
            machine,
        })
    }

    async fn rest(&self) -> anyhow::Result<()> {
        rest::rest(&self.callers.operator, REST_WITHIN).await?;
        Ok(())
    }

    async fn turn(&self, to: Timestamp) -> anyhow::Result<()> {
        let turn = Turn { rest_within: REST_WITHIN, ..Turn::to(to) };
        turn::turn(&self.callers.operator, turn, |_| {}).await?;
        Ok(())
    }

    /// What the timers' events caused was understood by everybody.
    async fn nothing_parked(&self) -> anyhow::Result<()> {
        for service in client::SERVICES {
            let mut connection = connect(&self.store, service).await?;
            let parked: i64 = sqlx::query_scalar("SELECT count(*) FROM bus.parked").fetch_one(&mut connection).await?;
            connection.close().await?;
            ensure!(parked == 0, "{service} 搁置了 {parked} 个事件 / put events aside");
        }
        Ok(())
    }
}

async fn due_of(supervision: &mut PgConnection, case_id: Uuid) -> anyhow::Result<Due> {
    let (micros, text): (i64, String) = sqlx::query_as(
        "SELECT (extract(epoch FROM due_at) * 1000000)::bigint, due_at::text FROM bus.timer
         WHERE key = $1 AND state = 'armed'",
    )
    .bind(case_id)
    .fetch_optional(supervision)
    .await?
    .with_context(|| format!("案件 {case_id} 没有期限 / has no timer"))?;
    Ok(Due { at: Timestamp::from_microsecond(micros)?, text })
}

/// How many timers of a deadline still wait, and how long ago the deadline was.
struct Waiting {
    still: i64,
    since_micros: i64,
}

async fn count_armed(supervision: &mut PgConnection, due: &str) -> anyhow::Result<Waiting> {
    let (still, since_micros) = sqlx::query_as(
        "SELECT count(*), (extract(epoch FROM bus.now() - $1::timestamptz) * 1000000)::bigint
         FROM bus.timer WHERE state = 'armed' AND due_at <= $1::timestamptz",
    )
    .bind(due)
    .fetch_one(supervision)
    .await?;
    Ok(Waiting { still, since_micros })
}

/// Looks again and again how many still wait; each counts from the look that first missed it, so no time is too short.
async fn watch(supervision: &mut PgConnection, due: &Due, count: i64) -> anyhow::Result<Vec<Duration>> {
    let (began, mut before, mut seen) = (Instant::now(), count, Vec::new());
    loop {
        let Waiting { still, since_micros } = count_armed(supervision, &due.text).await?;
        if still < before {
            let late = Duration::from_micros(
                u64::try_from(since_micros).context("提前触发 / a timer fired before it was due")?,
            );
            seen.extend((still..before).map(|_| late));
            before = still;
        }
        if still == 0 {
            return Ok(seen);
        }
        if began.elapsed() > PATIENCE {
            bail!("{PATIENCE:?} 后仍有 {still} 个未触发 / have not fired after so long");
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// By how much each timer of the deadline was late. Each must have fired, and once.
async fn fired(supervision: &mut PgConnection, due: &Due, count: u32) -> anyhow::Result<Vec<Duration>> {
    let rows: Vec<(Uuid, i64, i64)> = sqlx::query_as(
        "SELECT key, count(*), max((extract(epoch FROM fired_at - due_at) * 1000000)::bigint) FROM bus.timer
         WHERE due_at = $1::timestamptz AND state = 'fired' GROUP BY key",
    )
    .bind(&due.text)
    .fetch_all(supervision)
    .await?;
    let once = rows.iter().filter(|(_, times, _)| *times == 1).count();
    ensure!(
        rows.len() == count as usize && once == rows.len(),
        "{count} 个中触发 {} 个, 恰好一次的 {once} 个 / fired, and so many of them once",
        rows.len()
    );
    rows.into_iter()
        .map(|(key, _, micros)| {
            let micros = u64::try_from(micros);
            Ok(Duration::from_micros(micros.with_context(|| format!("{key} 提前触发 / fired before it was due"))?))
        })
        .collect()
}

/// How many events each firing was: as many for a copy as for the case that was really registered, and at least one.
async fn events(supervision: &mut PgConnection, seeded: &Seeded, count: u32) -> anyhow::Result<i64> {
    let rows: Vec<(Uuid, i64)> = sqlx::query_as(
        "SELECT key, count(*) FROM bus.journal
         WHERE recorded_at >= $1::timestamptz
           AND key IN (SELECT key FROM bus.timer WHERE due_at = $1::timestamptz AND state = 'fired')
         GROUP BY key",
    )
    .bind(&seeded.due.text)
    .fetch_all(supervision)
    .await?;
    let wanted = rows.iter().find(|(key, _)| *key == seeded.template).map_or(0, |(_, events)| *events);
    let same = rows.iter().filter(|(_, events)| *events == wanted).count();
    ensure!(
        wanted > 0 && same == count as usize,
        "{count} 个中 {same} 个与样本同样有 {wanted} 个事件 / of them said as much as the case that was really registered"
    );
    Ok(wanted)
}

impl Document {
    fn table(&self) -> String {
        let mut table = Table::with_heading(["迟到 ms / lateness, ms", "p50", "p99", "max"]).right(1).right(2).right(3);
        for (name, late) in [("决定 / decided", self.lateness), ("可见 / seen by others", self.seen)] {
            let of = |ms: f64| format!("{ms:.1}");
            table.row([name.to_owned(), of(late.spread.p50_ms), of(late.spread.p99_ms), of(late.max_ms)]);
        }
        let mut text = format!(
            "已设 {} 个, 同时到期 {} 个, 各触发一次 / armed, due at one moment, each fired once; {}\n每个 {} 个事件, {:.1} 秒后各服务都已听到 / events each, heard by everybody after so many seconds\n{}",
            self.armed,
            self.due,
            self.machine.profile,
            self.events_per_timer,
            self.absorbed_s,
            table.render()
        );
        for note in &self.notes {
            text.push_str(&format!("\n{note}\n"));
        }
        text
    }
}
