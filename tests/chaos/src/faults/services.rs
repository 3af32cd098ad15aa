//! Faults of the services' own processes.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use anyhow::Context;
use rustix::process::Signal;

use super::{Thrower, Told, last};
use crate::centre::SERVICES;
use crate::random::Chance;
use crate::replica::Replica;

/// A process that was asked to end has so long, whatever is under way.
const SHUTDOWN_WITHIN: Duration = Duration::from_secs(15);

impl Thrower {
    /// 1: a process dies without a word, and is started again a little later.
    pub(super) async fn kill(&self, chance: &mut Chance, lasts: Duration) -> Told {
        let replica = self.one(chance)?;
        replica.kill();
        last(lasts).await;
        replica.wanted.store(true, Ordering::SeqCst);
        Ok(replica.name())
    }

    /// 2: both processes of a service die; the others go on without it.
    pub(super) async fn kill_service(&self, chance: &mut Chance, lasts: Duration) -> Told {
        let service = chance.pick(&SERVICES).copied().unwrap_or("intake");
        self.centre.of_service(service).for_each(Replica::kill);
        last(lasts).await;
        self.centre.of_service(service).for_each(|replica| replica.wanted.store(true, Ordering::SeqCst));
        Ok(service.to_owned())
    }

    /// 4: a process stops in the middle of whatever it does and goes on much later, as if nothing had been.
    pub(super) async fn freeze(&self, chance: &mut Chance, lasts: Duration) -> Told {
        let replica = self.one(chance)?;
        replica.signal(Signal::STOP);
        last(lasts).await;
        replica.signal(Signal::CONT);
        Ok(replica.name())
    }

    /// 25: nobody is there while periods run out.
    pub(super) async fn outage(&self, lasts: Duration) -> Told {
        self.centre.replicas.iter().for_each(Replica::kill);
        last(lasts).await;
        self.centre.replicas.iter().for_each(|replica| replica.wanted.store(true, Ordering::SeqCst));
        Ok(format!("{} processes", self.centre.replicas.len()))
    }

    /// 36: one process after the other is asked to end, as in a new version's roll-out.
    pub(super) async fn rolling(&self, lasts: Duration) -> Told {
        let pause = lasts / u32::try_from(self.centre.replicas.len()).unwrap_or(10);
        let mut slowest = Duration::ZERO;
        for replica in &self.centre.replicas {
            let Some(pid) = replica.pid().filter(|pid| !is_stopped(*pid)) else { continue };
            replica.wanted.store(false, Ordering::SeqCst);
            let began = Instant::now();
            replica.signal(Signal::TERM);
            while replica.lives() && replica.pid() == Some(pid) {
                if began.elapsed() > SHUTDOWN_WITHIN && !is_stopped(pid) {
                    replica.kill();
                    replica.wanted.store(true, Ordering::SeqCst);
                    let name = replica.name();
                    self.people
                        .history
                        .broke(format!("{name} did not end within {SHUTDOWN_WITHIN:?} of being asked to"));
                    return Ok(format!("{name} was too slow"));
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            slowest = slowest.max(began.elapsed());
            replica.wanted.store(true, Ordering::SeqCst);
            last(pause).await;
        }
        Ok(format!("slowest {} ms", slowest.as_millis()))
    }

    /// 16: between one process and a server nothing arrives any more, and nobody is told.
    pub(super) async fn half_open(&self, chance: &mut Chance, lasts: Duration) -> Told {
        let replica = self.one(chance)?;
        let (to_nats, then_cut) = (chance.per_mille(500), chance.per_mille(500));
        let links: Vec<_> = if to_nats { replica.nats.iter().collect() } else { vec![&replica.database] };
        for link in &links {
            link.set(|manner| manner.silent = true);
        }
        last(lasts).await;
        for link in &links {
            if then_cut {
                link.cut();
            }
            link.heal();
        }
        let what = if to_nats { "NATS" } else { "PostgreSQL" };
        Ok(format!("{} to {what}{}", replica.name(), if then_cut { ", then cut" } else { "" }))
    }

    /// 17: every link is 200 ms long and breaks now and then, or all the time.
    pub(super) async fn slow_network(&self, lasts: Duration, resets_per_mille: u64) -> Told {
        for link in self.centre.links() {
            link.set(|manner| (manner.delay, manner.resets_per_mille) = (Duration::from_millis(200), resets_per_mille));
        }
        last(lasts).await;
        self.centre.links().for_each(crate::proxy::Link::heal);
        Ok(format!("200 ms, {resets_per_mille} of 1000 chunks reset"))
    }

    /// 21: one service is slow with everything it writes; the others do not wait for it.
    pub(super) async fn slow_consumer(&self, chance: &mut Chance, lasts: Duration) -> Told {
        let service = chance.pick(&SERVICES[1..]).copied().context("no service")?;
        let before = self.memory()?;
        for replica in self.centre.of_service(service) {
            replica.database.set(|manner| manner.delay = Duration::from_millis(350));
        }
        last(lasts).await;
        for replica in self.centre.of_service(service) {
            replica.database.heal();
        }
        let grown = self.memory()?.saturating_sub(before);
        if grown > 500 {
            self.people.history.broke(format!("memory grew by {grown} MiB while {service} was slow"));
        }
        Ok(format!("{service}, memory +{grown} MiB"))
    }

    fn one(&self, chance: &mut Chance) -> anyhow::Result<&Replica> {
        chance.pick(&self.centre.replicas).context("no process")
    }

    /// The memory of all processes, in MiB.
    pub(super) fn memory(&self) -> anyhow::Result<u64> {
        let mut pages = 0;
        for pid in self.centre.replicas.iter().filter_map(Replica::pid) {
            // One that ended this moment uses none.
            let text = std::fs::read_to_string(format!("/proc/{pid}/statm")).unwrap_or_default();
            pages += text.split_whitespace().nth(1).and_then(|number| number.parse::<u64>().ok()).unwrap_or_default();
        }
        Ok(pages * 4 / 1024)
    }
}

/// True of a process that another fault has stopped.
fn is_stopped(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(')').is_some_and(|(_, rest)| rest.trim_start().starts_with('T'))
}
