//! What a measurement costs: the processor time of every process that takes part, as `/proc` counts it.

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use anyhow::Context;
use serde::Serialize;

/// `/proc` counts in ticks of this length on every architecture Linux knows today (`USER_HZ`).
const TICK_MS: f64 = 10.0;

/// Processor time in milliseconds, user and system together, by who spent it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Spent {
    /// The process that runs the five services.
    pub centre_ms: f64,
    /// PostgreSQL with all its processes, also those that have ended.
    pub postgresql_ms: f64,
    /// nats-server.
    pub nats_ms: f64,
    /// This process: the load generator and the watch over the cursors.
    pub load_ms: f64,
    /// Children of this process that have ended: pgbench.
    pub pgbench_ms: f64,
}

impl Spent {
    /// What has been spent since an earlier look.
    #[must_use]
    pub fn since(self, earlier: Self) -> Self {
        Self {
            centre_ms: self.centre_ms - earlier.centre_ms,
            postgresql_ms: self.postgresql_ms - earlier.postgresql_ms,
            nats_ms: self.nats_ms - earlier.nats_ms,
            load_ms: self.load_ms - earlier.load_ms,
            pgbench_ms: self.pgbench_ms - earlier.pgbench_ms,
        }
    }

    /// What our whole path costs: everything but pgbench.
    #[must_use]
    pub fn ours_ms(self) -> f64 {
        self.centre_ms + self.postgresql_ms + self.nats_ms + self.load_ms
    }

    /// What the store's limit costs: pgbench and the server it talks to.
    #[must_use]
    pub fn limit_ms(self) -> f64 {
        self.postgresql_ms + self.pgbench_ms
    }

    /// The same for one of so many.
    #[must_use]
    pub fn each_of(self, count: u64) -> Self {
        let each = |spent: f64| spent / (count.max(1) as f64);
        Self {
            centre_ms: each(self.centre_ms),
            postgresql_ms: each(self.postgresql_ms),
            nats_ms: each(self.nats_ms),
            load_ms: each(self.load_ms),
            pgbench_ms: each(self.pgbench_ms),
        }
    }
}

/// Waits until processes that have just ended are in their parents' accounts.
pub async fn settle() {
    tokio::time::sleep(Duration::from_millis(100)).await;
}

/// Looks at the processes of a centre that is this process's child.
#[derive(Debug, Clone, Copy)]
pub struct Processes {
    centre: u32,
}

impl Processes {
    /// The family of this process.
    #[must_use]
    pub fn of(centre: u32) -> Self {
        Self { centre }
    }

    /// Everybody's process ids, the centre's own first.
    pub fn members(self) -> anyhow::Result<Vec<(Account, u32)>> {
        let seen = everybody()?;
        Ok(members(self.centre, &seen).into_iter().map(|(account, process)| (account, process.id)).collect())
    }

    /// What everybody has spent so far.
    pub fn look(self) -> anyhow::Result<Spent> {
        let seen = everybody()?;
        let us = std::process::id();
        let ours = seen.iter().find(|process| process.id == us).context("/proc/self")?;
        let spent = Spent {
            load_ms: ours.own_ticks as f64 * TICK_MS,
            pgbench_ms: ours.ended_ticks as f64 * TICK_MS,
            ..Spent::default()
        };
        Ok(family(self.centre, &seen, spent))
    }
}

fn everybody() -> anyhow::Result<Vec<Process>> {
    let mut seen = Vec::new();
    for entry in fs::read_dir("/proc").context("/proc 无法读取 / cannot be read")?.flatten() {
        // A process may end between being listed and being read.
        if let Ok(text) = fs::read_to_string(entry.path().join("stat")) {
            seen.extend(Process::parse(&text));
        }
    }
    Ok(seen)
}

/// One line of `/proc/<id>/stat`.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Process {
    id: u32,
    parent: u32,
    name: String,
    /// Its own time.
    own_ticks: u64,
    /// The time of its children that it has waited for, and of theirs.
    ended_ticks: u64,
}

impl Process {
    /// The name stands in brackets and may hold brackets and blanks itself.
    fn parse(text: &str) -> Option<Self> {
        let (head, tail) = text.rsplit_once(')')?;
        let (id, name) = head.split_once('(')?;
        let fields: Vec<&str> = tail.split_ascii_whitespace().collect();
        let number = |place: usize| fields.get(place)?.parse::<u64>().ok();
        Some(Self {
            id: id.trim().parse().ok()?,
            parent: fields.get(1)?.parse().ok()?,
            name: name.to_owned(),
            own_ticks: number(11)? + number(12)?,
            ended_ticks: number(13)? + number(14)?,
        })
    }
}

/// In whose account a process is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Account {
    /// The services.
    Centre,
    /// PostgreSQL with all its processes.
    Postgresql,
    /// nats-server.
    Nats,
}

/// Adds what a centre and everything below it has spent.
fn family(centre: u32, seen: &[Process], mut spent: Spent) -> Spent {
    for (account, process) in members(centre, seen) {
        let ms = (process.own_ticks + process.ended_ticks) as f64 * TICK_MS;
        match account {
            Account::Centre => spent.centre_ms += ms,
            Account::Postgresql => spent.postgresql_ms += ms,
            Account::Nats => spent.nats_ms += ms,
        }
    }
    spent
}

/// A centre and everything below it, each once.
fn members(centre: u32, seen: &[Process]) -> Vec<(Account, &Process)> {
    let mut found = Vec::new();
    let mut children: BTreeMap<u32, Vec<&Process>> = BTreeMap::new();
    for process in seen {
        children.entry(process.parent).or_default().push(process);
    }
    let mut waiting: Vec<(&Process, Account)> =
        seen.iter().filter(|process| process.id == centre).map(|process| (process, Account::Centre)).collect();
    while let Some((process, account)) = waiting.pop() {
        let account = match (account, process.name.as_str()) {
            (Account::Centre, "postgres") => Account::Postgresql,
            (Account::Centre, "nats-server") => Account::Nats,
            (account, _) => account,
        };
        found.push((account, process));
        waiting.extend(children.get(&process.id).into_iter().flatten().map(|child| (*child, account)));
    }
    found
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failed test should panic

    use super::*;

    fn process(id: u32, parent: u32, name: &str, own_ticks: u64, ended_ticks: u64) -> Process {
        Process { id, parent, name: name.to_owned(), own_ticks, ended_ticks }
    }

    #[test]
    fn a_line_of_proc_is_read_whatever_the_program_is_called() {
        let line = "4711 (odd) (name) S 17 4711 4711 0 -1 4194560 2103 55 0 0 120 30 7 3 20 0 9 0 8513";
        assert_eq!(Process::parse(line).unwrap(), process(4711, 17, "odd) (name", 150, 10));
        assert_eq!(Process::parse("4711 (short) S 17"), None);
    }

    #[test]
    fn everybody_below_a_centre_is_counted_once_in_the_right_account() {
        let seen = [
            process(1, 0, "init", 9999, 9999),
            process(10, 1, "xiezhi", 100, 5),
            process(11, 10, "postgres", 20, 40),
            process(12, 11, "postgres", 7, 0),
            process(13, 10, "nats-server", 30, 0),
            process(14, 10, "sh", 1, 0),
            process(20, 1, "postgres", 5000, 0),
        ];
        let spent = family(10, &seen, Spent::default());
        assert_eq!(spent, Spent { centre_ms: 1060.0, postgresql_ms: 670.0, nats_ms: 300.0, ..Spent::default() });
        assert_eq!((spent.ours_ms(), spent.limit_ms()), (2030.0, 670.0));
    }

    #[test]
    fn the_time_of_this_very_process_is_found() {
        let began = std::time::Instant::now();
        let before = Processes::of(std::process::id()).look().unwrap();
        while began.elapsed() < std::time::Duration::from_millis(80) {
            std::hint::black_box(began.elapsed());
        }
        let spent = Processes::of(std::process::id()).look().unwrap().since(before);
        assert!(spent.load_ms >= 10.0, "{spent:?}");
    }
}
