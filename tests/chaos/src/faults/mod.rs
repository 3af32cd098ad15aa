//! The faults, by the numbers of the design's list, and the schedule that a seed gives.

mod callers;
mod servers;
mod services;
mod store;
mod stream;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::Serialize;
use uuid::Uuid;

use crate::centre::Centre;
use crate::people::People;
use crate::random::Chance;

/// What a fault needs to be thrown at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    /// Nothing.
    Nothing,
    /// Three nodes of NATS.
    Cluster,
    /// The right to mount a small file system, which was made before the servers started.
    Mount,
    /// libfaketime.
    FakeTime,
}

/// One kind of fault.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Fault {
    /// Its number in the list.
    pub number: u8,
    /// What `--fault` calls it.
    pub name: &'static str,
    /// How long it lasts, in seconds.
    pub seconds: (u64, u64),
    /// How often it is drawn; 0 where it is thrown by name alone.
    pub weight: u64,
    #[serde(skip)]
    needs: Needs,
}

const fn fault(number: u8, name: &'static str, seconds: (u64, u64), weight: u64) -> Fault {
    Fault { number, name, seconds, weight, needs: Needs::Nothing }
}

const fn needing(needs: Needs, fault: Fault) -> Fault {
    Fault { needs, ..fault }
}

/// Every fault there is.
pub const FAULTS: &[Fault] = &[
    fault(1, "kill", (1, 3), 12),
    fault(2, "kill-service", (8, 30), 4),
    fault(4, "freeze", (12, 20), 4),
    fault(5, "postgres-kill", (1, 3), 4),
    fault(6, "postgres-freeze", (8, 15), 3),
    fault(7, "nats-kill", (2, 12), 4),
    fault(8, "nats-wipe", (1, 4), 4),
    fault(9, "nats-lose", (3, 5), 5),
    needing(Needs::Cluster, fault(12, "nats-leader", (5, 15), 10)),
    needing(Needs::Mount, fault(14, "nats-full", (5, 12), 0)),
    needing(Needs::Mount, fault(15, "postgres-full", (5, 10), 0)),
    fault(16, "half-open", (10, 25), 5),
    fault(17, "slow-network", (8, 15), 5),
    fault(17, "broken-network", (8, 12), 3),
    fault(18, "replay", (1, 2), 4),
    fault(19, "reorder", (1, 2), 4),
    fault(20, "triple", (4, 8), 4),
    fault(21, "slow-consumer", (8, 15), 3),
    fault(22, "poison", (4, 8), 3),
    needing(Needs::FakeTime, fault(24, "clock-jump", (8, 15), 2)),
    fault(25, "outage", (15, 40), 2),
    fault(27, "restore-consumer", (12, 20), 0),
    fault(28, "restore-producer", (12, 20), 0),
    fault(30, "hostile", (1, 2), 3),
    fault(31, "oversize", (1, 2), 2),
    fault(32, "overload", (5, 10), 3),
    fault(33, "retry-storm", (3, 6), 2),
    fault(34, "cancel", (3, 5), 3),
    fault(35, "contention", (2, 4), 3),
    fault(36, "rolling", (5, 10), 3),
    fault(39, "tamper", (1, 2), 0),
];

/// A fault at its moment.
#[derive(Debug, Clone, Serialize)]
pub struct Planned {
    /// When, in milliseconds after the load began.
    pub at_ms: u64,
    /// What.
    pub fault: Fault,
    /// How long it lasts, in milliseconds.
    pub lasts_ms: u64,
    /// What chance within it comes from: the target, the messages, the number of callers.
    pub seed: u64,
}

/// What is there to throw faults with.
#[derive(Debug, Clone, Copy, Default)]
pub struct Means {
    /// NATS has three nodes.
    pub cluster: bool,
    /// Both stores lie on small file systems of their own.
    pub mount: bool,
    /// libfaketime is there.
    pub fake_time: bool,
}

impl Fault {
    /// The fault of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        FAULTS.iter().find(|fault| fault.name == name).copied()
    }

    /// Why it cannot be thrown; none where it can.
    #[must_use]
    pub fn missing(&self, means: Means) -> Option<&'static str> {
        match self.needs {
            Needs::Cluster if !means.cluster => Some("它需要 --cluster / it needs --cluster"),
            Needs::Mount if !means.mount => {
                Some("它需要挂载小文件系统的权限 (root) / it needs the right to mount a small file system (root)")
            }
            Needs::FakeTime if !means.fake_time => Some("它需要 libfaketime / it needs libfaketime"),
            _ => None,
        }
    }
}

/// How faults are chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// Drawn again and again, by weight, until the time is over.
    Drawn,
    /// Each once, as short as it may be, in an order that is drawn.
    EachOnce,
}

/// Each of these faults once; the length follows from them.
#[must_use]
pub fn each_once(seed: u64, only: &[Fault], means: Means) -> Vec<Planned> {
    let mut chance = Chance::of_part(seed, 2);
    let mut left: Vec<Fault> = only.iter().filter(|fault| fault.missing(means).is_none()).copied().collect();
    let mut planned = Vec::new();
    let mut at_ms = 2_000;
    while !left.is_empty() {
        let index = usize::try_from(chance.below(left.len() as u64)).unwrap_or_default();
        let fault = left.swap_remove(index);
        let lasts_ms = fault.seconds.0 * 1000;
        planned.push(Planned { at_ms, fault, lasts_ms, seed: chance.next() });
        let gap = if chance.per_mille(500) { lasts_ms / 2 } else { lasts_ms };
        at_ms += gap + chance.between(200, 1_200);
    }
    planned
}

/// The schedule of a run: the same seed, length, choice and means give the same schedule.
#[must_use]
pub fn schedule(seed: u64, length: Duration, only: &[Fault], means: Means) -> Vec<Planned> {
    let mut chance = Chance::of_part(seed, 1);
    let chosen = |fault: &&Fault| {
        let asked = if only.is_empty() { fault.weight > 0 } else { only.iter().any(|one| one.name == fault.name) };
        asked && fault.missing(means).is_none()
    };
    let candidates: Vec<Fault> = FAULTS.iter().filter(chosen).copied().collect();
    let total: u64 = candidates.iter().map(|fault| fault.weight.max(1)).sum();
    let length_ms = u64::try_from(length.as_millis()).unwrap_or(u64::MAX);
    let mut planned = Vec::new();
    let mut at_ms = 3_000;
    let mut too_long = 0;
    while !candidates.is_empty() {
        let mut drawn = chance.below(total);
        let fault = candidates.iter().find(|fault| {
            let here = drawn < fault.weight.max(1);
            drawn = drawn.saturating_sub(fault.weight.max(1));
            here
        });
        let Some(fault) = fault.copied() else { break };
        let lasts_ms = chance.between(fault.seconds.0 * 1000, fault.seconds.1 * 1000);
        let seed = chance.next();
        if at_ms + lasts_ms > length_ms {
            // A shorter one may still fit.
            too_long += 1;
            if too_long > 20 {
                break;
            }
            continue;
        }
        planned.push(Planned { at_ms, fault, lasts_ms, seed });
        // Half of them begin before the one before has ended.
        let gap = if chance.per_mille(500) { lasts_ms / 2 } else { lasts_ms };
        at_ms += gap + chance.between(500, 3_000);
    }
    planned
}

/// Who throws.
#[derive(Debug)]
pub struct Thrower {
    /// The centre.
    pub centre: Arc<Centre>,
    /// Its callers.
    pub people: Arc<People>,
    /// Keys of events that nobody can read, which wait for a person.
    poisoned: Mutex<Vec<Uuid>>,
    /// One database at a time is put back to an earlier time, and one row at a time is forged.
    restoring: tokio::sync::Mutex<()>,
}

/// What a fault says of itself when it is over.
pub type Told = anyhow::Result<String>;

impl Thrower {
    /// Somebody who throws at this centre.
    #[must_use]
    pub fn new(centre: Arc<Centre>, people: Arc<People>) -> Self {
        Self { centre, people, poisoned: Mutex::default(), restoring: tokio::sync::Mutex::default() }
    }

    /// What only a person can put right, once everything else is well again.
    pub async fn settle(&self) -> anyhow::Result<()> {
        let poisoned = std::mem::take(&mut *self.poisoned.lock().unwrap_or_else(PoisonError::into_inner));
        if poisoned.is_empty() {
            return Ok(());
        }
        // Whoever was down has to meet them first.
        let operator = self.people.at("operator")?;
        let _ = client::rest::rest(&operator, Duration::from_secs(20)).await;
        for key in poisoned {
            self.skip_parked(key).await?;
        }
        Ok(())
    }

    /// Throws a fault, and takes it back when its time is over.
    pub async fn throw(&self, planned: &Planned) -> Told {
        let mut chance = Chance::new(planned.seed);
        let lasts = Duration::from_millis(planned.lasts_ms);
        match planned.fault.name {
            "kill" => self.kill(&mut chance, lasts).await,
            "kill-service" => self.kill_service(&mut chance, lasts).await,
            "freeze" => self.freeze(&mut chance, lasts).await,
            "rolling" => self.rolling(lasts).await,
            "outage" => self.outage(lasts).await,
            "postgres-kill" => self.postgres_kill(lasts).await,
            "postgres-freeze" => self.postgres_freeze(lasts).await,
            "nats-kill" => self.nats_kill(lasts, false).await,
            "nats-wipe" => self.nats_kill(lasts, true).await,
            "nats-leader" => self.nats_leader(&mut chance, lasts).await,
            "nats-full" => self.full("nats-0/store", lasts).await,
            "postgres-full" => self.full("postgresql", lasts).await,
            "retry-storm" => self.retry_storm(lasts).await,
            "half-open" => self.half_open(&mut chance, lasts).await,
            "slow-network" => self.slow_network(lasts, 10).await,
            "broken-network" => self.slow_network(lasts, 40).await,
            "slow-consumer" => self.slow_consumer(&mut chance, lasts).await,
            "nats-lose" => self.lose(&mut chance, lasts).await,
            "replay" => self.replay(&mut chance).await,
            "reorder" => self.reorder(&mut chance).await,
            "poison" => self.poison(&mut chance, lasts).await,
            "restore-consumer" => self.restore(&mut chance, lasts, false).await,
            "restore-producer" => self.restore(&mut chance, lasts, true).await,
            "tamper" => self.tamper(&mut chance).await,
            "triple" => self.triple(lasts).await,
            "hostile" => self.hostile(&mut chance).await,
            "oversize" => self.oversize().await,
            "overload" => self.overload(lasts).await,
            "cancel" => self.cancel(&mut chance).await,
            "contention" => self.contention(&mut chance).await,
            other => anyhow::bail!("nobody knows how to throw {other}"),
        }
    }
}

/// Waits, and answers how long.
pub(crate) async fn last(lasts: Duration) -> Duration {
    let began = Instant::now();
    tokio::time::sleep(lasts).await;
    began.elapsed()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(seed: u64, only: &[Fault], means: Means) -> Vec<(u64, &'static str, u64)> {
        let planned = schedule(seed, Duration::from_secs(600), only, means);
        planned.iter().map(|planned| (planned.at_ms, planned.fault.name, planned.seed)).collect()
    }

    #[test]
    fn a_seed_tells_the_same_schedule_twice_and_another_seed_another() {
        let means = Means::default();
        assert_eq!(names(5, &[], means), names(5, &[], means));
        assert_ne!(names(5, &[], means), names(6, &[], means));
        assert!(names(5, &[], means).len() > 30);
    }

    #[test]
    fn what_cannot_be_thrown_is_not_planned_and_says_why() {
        let all: Vec<&str> = (0..20).flat_map(|seed| names(seed, &[], Means::default())).map(|told| told.1).collect();
        for fault in FAULTS {
            let planned = all.contains(&fault.name);
            assert_eq!(planned, fault.weight > 0 && fault.missing(Means::default()).is_none(), "{}", fault.name);
        }
        let everything = Means { cluster: true, mount: true, fake_time: true };
        assert!(FAULTS.iter().all(|fault| fault.missing(everything).is_none()));
    }

    #[test]
    fn a_fault_that_was_named_is_the_only_one() {
        let only = Fault::named("tamper").into_iter().collect::<Vec<_>>();
        assert!(names(1, &only, Means::default()).iter().all(|told| told.1 == "tamper"));
        assert!(Fault::named("nothing").is_none());
    }
}
