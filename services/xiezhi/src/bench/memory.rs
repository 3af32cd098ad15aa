//! `xiezhi bench memory`: how much memory a centre holds, at rest and while cases come as fast as they can.

use std::cell::Cell;
use std::fs;
use std::time::Duration;

use anyhow::Context;
use cli::screen::Table;
use client::{SERVICES, rest};
use serde::Serialize;

use super::Progress;
use super::callers::Callers;
use super::machine::{Machine, Note};
use super::private::Private;
use super::usage::{Account, Processes};
use super::watch::Watch;
use crate::arguments::MemoryArguments;

/// How often memory is looked at under load.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// How often cursors are read under load.
const CURSORS_EVERY: Duration = Duration::from_millis(50);
const PATIENCE: Duration = Duration::from_secs(120);
const KIB_IN_MIB: f64 = 1024.0;

/// What processes hold, in MiB.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
struct Held {
    /// Resident: every page that is mapped and in memory, also those shared with others (`VmRSS`).
    rss_mib: f64,
    /// The same with each shared page divided among those who share it (`Pss`); none where the system does not tell.
    pss_mib: Option<f64>,
}

impl Held {
    fn and(self, other: Self) -> Self {
        Self {
            rss_mib: self.rss_mib + other.rss_mib,
            pss_mib: self.pss_mib.zip(other.pss_mib).map(|(one, two)| one + two),
        }
    }

    fn most(self, other: Self) -> Self {
        Self {
            rss_mib: self.rss_mib.max(other.rss_mib),
            pss_mib: self.pss_mib.zip(other.pss_mib).map(|(one, two)| one.max(two)),
        }
    }
}

/// What everybody holds at one moment, or at most.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
struct Everybody {
    /// The process that runs the five services.
    centre: Held,
    /// PostgreSQL; resident pages of its shared memory count once for each of its processes.
    postgresql: Held,
    /// nats-server.
    nats: Held,
}

impl Everybody {
    fn look(processes: Processes) -> anyhow::Result<Self> {
        let mut found = Self { centre: NOTHING, postgresql: NOTHING, nats: NOTHING };
        for (account, id) in processes.members()? {
            let of = match account {
                Account::Centre => &mut found.centre,
                Account::Postgresql => &mut found.postgresql,
                Account::Nats => &mut found.nats,
            };
            // A connection's process may end between being listed and being read.
            if let Some(held) = held(id) {
                *of = of.and(held);
            }
        }
        Ok(found)
    }

    fn most(self, other: Self) -> Self {
        Self {
            centre: self.centre.most(other.centre),
            postgresql: self.postgresql.most(other.postgresql),
            nats: self.nats.most(other.nats),
        }
    }
}

const NOTHING: Held = Held { rss_mib: 0.0, pss_mib: Some(0.0) };

/// The whole measurement.
#[derive(Debug, Clone, Serialize)]
struct Document {
    /// Our processes at rest, resident.
    idle_mib: f64,
    /// Our processes under load, resident, at most.
    load_mib: f64,
    /// The most our process has ever held, its start and the pack included (`VmHWM`).
    peak_mib: f64,
    /// How many cases the load was.
    cases: u32,
    /// By how many callers at once.
    clients: u32,
    /// How long the centre had been at rest before it counted as idle, in seconds.
    settled_s: u32,
    idle: Everybody,
    load: Everybody,
    /// When everything is absorbed and the centre has been at rest as long again.
    after: Everybody,
    machine: Machine,
    notes: Vec<Note>,
}

/// Runs the measurement in a centre of its own and prints it.
pub async fn run(arguments: &MemoryArguments, options: &cli::Options) -> anyhow::Result<()> {
    let progress = Progress::new();
    progress.say("启动一个临时中心", "starting a centre for the measurement");
    let centre = Private::start(arguments.pack.as_deref()).await?;
    let machine = Machine::look(&centre.store()?, centre.folder()).await?;
    let processes = Processes::of(centre.process());
    let callers = Callers::connect(&centre.data(), arguments.clients).await?;
    let settle = Duration::from_secs(u64::from(arguments.settle));
    progress.say("等待静止", "waiting until it is at rest");
    let idle = at_rest(&callers, processes, settle).await?;
    progress.say("全速登记", "registering at full speed");
    let load = under_load(&callers, processes, arguments).await?;
    progress.say("等待静止", "waiting until it is at rest");
    let after = at_rest(&callers, processes, settle).await?;
    let document = Document {
        idle_mib: idle.centre.rss_mib,
        load_mib: load.centre.rss_mib,
        // The system counts the peak a little less exactly than what is held now.
        peak_mib: peak(centre.process()).context("VmHWM")?.max(load.centre.rss_mib),
        cases: arguments.cases,
        clients: arguments.clients,
        settled_s: arguments.settle,
        idle,
        load,
        after,
        notes: machine.notes(),
        machine,
    };
    super::print(options.output, &document, &document.table())
}

async fn at_rest(callers: &Callers, processes: Processes, settle: Duration) -> anyhow::Result<Everybody> {
    rest::rest(&callers.operator, PATIENCE).await?;
    tokio::time::sleep(settle).await;
    Everybody::look(processes)
}

/// The most that was held while cases came as fast as they could and until all were absorbed.
async fn under_load(callers: &Callers, processes: Processes, arguments: &MemoryArguments) -> anyhow::Result<Everybody> {
    let most = Cell::new(Everybody::look(processes)?);
    let look = async {
        loop {
            let now = Everybody::look(processes)?;
            most.set(most.get().most(now));
            tokio::time::sleep(LOOK_EVERY).await;
        }
    };
    let work = async {
        let watch = Watch::start(&callers.operator, SERVICES.map(|service| (service, CURSORS_EVERY)));
        callers.register_all(arguments.clients, 0..arguments.cases).await?;
        watch.absorbed().await?;
        anyhow::Ok(())
    };
    tokio::select! {
        failed = look => { let failed: anyhow::Result<()> = failed; failed? }
        done = work => done?,
    }
    Ok(most.get())
}

fn held(id: u32) -> Option<Held> {
    let status = fs::read_to_string(format!("/proc/{id}/status")).ok()?;
    let rollup = fs::read_to_string(format!("/proc/{id}/smaps_rollup")).unwrap_or_default();
    Some(Held { rss_mib: mib(&status, "VmRSS:")?, pss_mib: mib(&rollup, "Pss:") })
}

fn peak(id: u32) -> Option<f64> {
    mib(&fs::read_to_string(format!("/proc/{id}/status")).ok()?, "VmHWM:")
}

/// A line such as `VmRSS:  1024 kB`, in MiB.
fn mib(text: &str, name: &str) -> Option<f64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<f64>().ok()? / KIB_IN_MIB)
}

impl Document {
    fn table(&self) -> String {
        let heading = ["内存 MiB / memory, MiB", "静止 / idle", "负荷最高 / load, at most", "之后静止 / idle again"];
        let mut table = Table::with_heading(heading).right(1).right(2).right(3);
        let of = |name: &str, of: fn(&Everybody) -> f64| {
            [
                name.to_owned(),
                format!("{:.1}", of(&self.idle)),
                format!("{:.1}", of(&self.load)),
                format!("{:.1}", of(&self.after)),
            ]
        };
        let shared = |held: Held| held.pss_mib.unwrap_or_default();
        table.row(of("中心 / centre, RSS", |all| all.centre.rss_mib));
        table.row(of("PostgreSQL, RSS", |all| all.postgresql.rss_mib));
        table.row(of("NATS, RSS", |all| all.nats.rss_mib));
        if self.idle.centre.pss_mib.is_some() {
            for (name, held) in [
                ("中心 / centre, PSS", [self.idle.centre, self.load.centre, self.after.centre]),
                ("PostgreSQL, PSS", [self.idle.postgresql, self.load.postgresql, self.after.postgresql]),
                ("NATS, PSS", [self.idle.nats, self.load.nats, self.after.nats]),
            ] {
                let [idle, load, after] = held.map(|held| format!("{:.1}", shared(held)));
                table.row([name.to_owned(), idle, load, after]);
            }
        }
        let mut text = format!(
            "{} 件, {} 个调用方 / cases, callers; {}; 启动至今最高 / peak since the start {:.1} MiB\n{}",
            self.cases,
            self.clients,
            self.machine.profile,
            self.peak_mib,
            table.render()
        );
        for note in &self.notes {
            text.push_str(&format!("\n{note}\n"));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failed test should panic

    use super::*;

    #[test]
    fn lines_of_proc_are_read_in_mebibytes() {
        assert_eq!(mib("Name: x\nVmRSS:\t   2048 kB\n", "VmRSS:"), Some(2.0));
        assert_eq!(mib("VmRSS: much", "VmRSS:"), None);
    }

    #[test]
    fn this_process_holds_something_and_once_held_more_or_the_same() {
        let us = std::process::id();
        let now = held(us).unwrap();
        assert!(now.rss_mib > 1.0 && peak(us).unwrap() >= now.rss_mib, "{now:?}");
        assert!(now.pss_mib.is_none_or(|pss| pss > 0.0 && pss <= now.rss_mib + 0.1), "{now:?}");
    }

    #[test]
    fn the_most_is_the_most_of_each() {
        let held = |rss_mib, pss_mib| Held { rss_mib, pss_mib };
        assert_eq!(held(3.0, Some(1.0)).most(held(2.0, Some(4.0))), held(3.0, Some(4.0)));
        assert_eq!(held(3.0, None).and(held(2.0, Some(4.0))), held(5.0, None));
    }
}
