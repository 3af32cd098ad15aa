//! 极限: what the store alone can do with the same work, measured with pgbench on the very server the centre uses.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, bail};
use serde::Serialize;
use servers::Binaries;
use sqlx::{Connection, PgConnection};
use tokio::process::Command;

use super::private::Store;
use super::usage::{Processes, Spent, settle};

/// A database of the limit's own, so that nothing of a service is touched.
const DATABASE: &str = "xiezhi_limit";
const SCHEMA: &str = include_str!("../../../../deploy/bench/limit/schema.sql");
/// Threads of pgbench; it needs little, and what it takes the server lacks.
const THREADS: u32 = 2;
/// Seconds after which a run that has done nothing is given up.
const LONGEST: u32 = 60;
/// The first case's number: all have as many digits.
const FIRST: u64 = 1_000_000_000_000;

/// What pgbench is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work {
    /// The receipt alone.
    Register,
    /// One case from the counter to the statistics, one statement and one commit a step.
    Pipeline,
    /// The same, fifty cases in every commit.
    Grouped,
}

impl Work {
    /// Every work, in the order in which it is measured.
    pub const ALL: [Self; 3] = [Self::Register, Self::Pipeline, Self::Grouped];

    fn script(self) -> (&'static str, &'static str) {
        match self {
            Self::Register => ("register.sql", include_str!("../../../../deploy/bench/limit/register.sql")),
            Self::Pipeline => ("pipeline.sql", include_str!("../../../../deploy/bench/limit/pipeline.sql")),
            Self::Grouped => {
                ("pipeline_allb50.sql", include_str!("../../../../deploy/bench/limit/pipeline_allb50.sql"))
            }
        }
    }

    /// How many connections it is measured with: more would be slower.
    fn clients(self) -> u32 {
        match self {
            Self::Register => 32,
            Self::Pipeline | Self::Grouped => 8,
        }
    }

    /// How many cases one run of its script is.
    fn cases(self) -> u64 {
        match self {
            Self::Register | Self::Pipeline => 1,
            Self::Grouped => 50,
        }
    }
}

/// What the store reached.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Reached {
    /// How many cases were written.
    pub cases: u64,
    /// How many a second.
    pub cases_per_s: f64,
    /// Processor time of PostgreSQL and pgbench for each.
    pub cpu_ms_per_case: f64,
}

/// pgbench, ready to run against the centre's server.
pub struct Limit {
    pgbench: PathBuf,
    scripts: PathBuf,
    store: Store,
    processes: Processes,
}

impl Limit {
    /// Makes the database and writes the scripts into a folder.
    pub async fn prepare(store: Store, folder: &Path, processes: Processes) -> anyhow::Result<Self> {
        let binaries = Binaries::find(None).map_err(crate::up::said)?;
        let pgbench = binaries.postgres.with_file_name("pgbench");
        if !pgbench.is_file() {
            bail!(
                "{} 不存在, 请执行 scripts/servers 取得配套的 PostgreSQL / is not there; scripts/servers fetches the PostgreSQL that has it",
                pgbench.display()
            );
        }
        let scripts = folder.join("limit");
        fs::create_dir(&scripts)?;
        for work in Work::ALL {
            let (name, text) = work.script();
            fs::write(scripts.join(name), text)?;
        }
        let mut admin = PgConnection::connect(&store.url("postgres")).await?;
        sqlx::raw_sql("CREATE DATABASE xiezhi_limit").execute(&mut admin).await?;
        admin.close().await?;
        Ok(Self { pgbench, scripts, store, processes })
    }

    /// The same for a centre that was started again: other processes on the same port.
    #[must_use]
    pub fn of(&self, processes: Processes) -> Self {
        Self { pgbench: self.pgbench.clone(), scripts: self.scripts.clone(), store: self.store.clone(), processes }
    }

    /// Does one kind of work for so many seconds, on empty tables; longer where a busy machine takes all of them to connect.
    pub async fn run(&self, work: Work, mut seconds: u32) -> anyhow::Result<Reached> {
        loop {
            let (said, spent) = self.try_for(work, seconds).await?;
            let run = Run::read(&said).with_context(|| format!("pgbench 的输出无法读取 / cannot be read:\n{said}"))?;
            if run.transactions == 0 && seconds < LONGEST {
                seconds = (seconds * 2).min(LONGEST);
                continue;
            }
            if run.failed > 0 || run.transactions == 0 {
                bail!("pgbench 有事务失败 / transactions failed:\n{said}");
            }
            let cases = run.transactions * work.cases();
            return Ok(Reached {
                cases,
                cases_per_s: run.per_second * work.cases() as f64,
                cpu_ms_per_case: spent.limit_ms() / cases as f64,
            });
        }
    }

    async fn try_for(&self, work: Work, seconds: u32) -> anyhow::Result<(String, Spent)> {
        let mut connection = PgConnection::connect(&self.store.url(DATABASE)).await?;
        sqlx::raw_sql(SCHEMA).execute(&mut connection).await?;
        connection.close().await?;
        self.checkpoint().await?;
        let before = self.processes.look()?;
        let output = self.command(work, seconds).output().await.context("pgbench")?;
        settle().await;
        let spent = self.processes.look()?.since(before);
        if !output.status.success() {
            let complained = String::from_utf8_lossy(&output.stderr);
            bail!("pgbench 未成功 / did not succeed ({}):\n{complained}", output.status);
        }
        Ok((String::from_utf8_lossy(&output.stdout).into_owned(), spent))
    }

    /// Writes out what earlier work has left to be written, so that nobody pays for another.
    pub async fn checkpoint(&self) -> anyhow::Result<()> {
        let mut admin = PgConnection::connect(&self.store.url("postgres")).await?;
        sqlx::raw_sql("CHECKPOINT").execute(&mut admin).await?;
        Ok(admin.close().await?)
    }

    fn command(&self, work: Work, seconds: u32) -> Command {
        let (clients, first) = (work.clients().to_string(), format!("first={FIRST}"));
        let (port, seconds) = (self.store.port.to_string(), seconds.to_string());
        let mut command = Command::new(&self.pgbench);
        // Of our environment only what a program needs to start: PG* variables in somebody's shell are not meant here.
        command.env_clear().env("LC_ALL", "C.UTF-8").env("PGPASSWORD", &self.store.password);
        for name in ["PATH", "LD_LIBRARY_PATH"] {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        command
            .args(["-n", "-M", "prepared", "-h", "127.0.0.1", "-p", &port, "-U", "postgres"])
            .args(["-c", &clients, "-j", &THREADS.to_string(), "-T", &seconds, "-D", "n=0", "-D", &first, "-f"])
            .arg(self.scripts.join(work.script().0))
            .arg(DATABASE)
            .stdin(Stdio::null())
            .kill_on_drop(true);
        command
    }
}

/// What pgbench says at its end.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Run {
    transactions: u64,
    failed: u64,
    per_second: f64,
}

impl Run {
    fn read(said: &str) -> Option<Self> {
        let after = |name: &str| {
            let rest = said.lines().find_map(|line| line.strip_prefix(name))?;
            rest.split_ascii_whitespace().next()
        };
        let transactions = after("number of transactions actually processed:")?.parse().ok()?;
        if transactions == 0 {
            // It says nothing more then.
            return Some(Self::default());
        }
        Some(Self {
            transactions,
            failed: after("number of failed transactions:")?.parse().ok()?,
            per_second: after("tps =")?.parse().ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_pgbench_says_is_read_back() {
        let said = "pgbench (18.0)\ntransaction type: pipeline.sql\nscaling factor: 1\nquery mode: prepared\n\
                    number of clients: 8\nnumber of threads: 2\nmaximum number of tries: 1\nduration: 5 s\n\
                    number of transactions actually processed: 16123\nnumber of failed transactions: 0 (0.000%)\n\
                    latency average = 2.480 ms\ninitial connection time = 21.5 ms\n\
                    tps = 3225.806452 (without initial connection time)\n";
        assert_eq!(Run::read(said), Some(Run { transactions: 16123, failed: 0, per_second: 3225.806452 }));
        let nothing = "duration: 1 s\nnumber of transactions actually processed: 0\n";
        assert_eq!(Run::read(nothing), Some(Run::default()), "it did not come so far as to say more");
        assert_eq!(Run::read("pgbench: error: connection failed"), None);
    }

    #[test]
    fn every_script_counts_its_cases_by_itself() {
        for work in Work::ALL {
            let (name, text) = work.script();
            let step = format!("\\set n :n + {}\n", work.cases());
            assert!(text.contains(&step), "{name} is not {} cases a run", work.cases());
        }
        assert_eq!(Work::Pipeline.script().1.matches(";\n").count(), 4, "four statements, four commits");
        assert_eq!(Work::Grouped.script().1.matches(";\n").count(), 4);
        assert_eq!(Work::Register.script().1.matches(";\n").count(), 1);
    }
}
