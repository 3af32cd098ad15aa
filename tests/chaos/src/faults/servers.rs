//! Faults of PostgreSQL and NATS as processes, and of the disks under them.

use std::io::Write;
use std::time::Duration;

use anyhow::Context;
use rustix::process::Signal;

use super::{Thrower, Told, last};
use crate::random::Chance;
use crate::undertaker::signal;

impl Thrower {
    /// 5: the database dies with everything it was doing.
    pub(super) async fn postgres_kill(&self, lasts: Duration) -> Told {
        let mut postgres = self.centre.postgres.lock().await;
        postgres.kill().await;
        last(lasts).await;
        postgres.restart().await?;
        Ok("killed and recovered".to_owned())
    }

    /// 6: the database stops answering and goes on later.
    pub(super) async fn postgres_freeze(&self, lasts: Duration) -> Told {
        let _held = self.centre.postgres.lock().await;
        let family = self.centre.postgres_family();
        for pid in &family {
            // Should we die meanwhile, what stands still must not be left behind.
            self.centre.undertaker.watch(*pid);
            signal(*pid, Signal::STOP);
        }
        last(lasts).await;
        for pid in &family {
            signal(*pid, Signal::CONT);
            self.centre.undertaker.forget(*pid);
        }
        Ok(format!("{} processes", family.len()))
    }

    /// 7 and 8: the transport dies, and may have forgotten everything when it comes back.
    pub(super) async fn nats_kill(&self, lasts: Duration, wipe: bool) -> Told {
        let mut nats = self.centre.nats.lock().await;
        for node in 0..nats.count() {
            nats.kill(node)?;
        }
        if wipe {
            for node in 0..nats.count() {
                nats.wipe(node)?;
            }
        }
        last(lasts).await;
        for node in 0..nats.count() {
            nats.restart(node).await?;
        }
        Ok(if wipe { "killed and wiped".to_owned() } else { "killed".to_owned() })
    }

    /// 12: the node that leads dies; one time in three a second one dies with it, and nothing can be published.
    pub(super) async fn nats_leader(&self, chance: &mut Chance, lasts: Duration) -> Told {
        let mut nats = self.centre.nats.lock().await;
        let leader = self.leader(&nats).await.unwrap_or(0);
        let two = chance.per_mille(333);
        let second = (leader + 1) % nats.count();
        nats.kill(leader)?;
        if two {
            nats.kill(second)?;
        }
        last(lasts).await;
        nats.restart(leader).await?;
        if two {
            nats.restart(second).await?;
        }
        Ok(if two { format!("node {leader} and node {second}") } else { format!("node {leader}") })
    }

    /// The node that leads the stream of intake.
    async fn leader(&self, nats: &crate::nats::Nats) -> anyhow::Result<usize> {
        let jetstream = async_nats::jetstream::new(nats.mighty().await?);
        let info = jetstream.get_stream("EV_INTAKE").await?.cached_info().cluster.clone();
        let leader = info.and_then(|cluster| cluster.leader).context("nobody leads")?;
        Ok(leader.trim_start_matches("node-").parse()?)
    }

    /// 33: both come back at one moment, to a crowd that has waited for them.
    pub(super) async fn retry_storm(&self, lasts: Duration) -> Told {
        let crowd = self.crowd(200, lasts + Duration::from_secs(4));
        let (postgres, nats) = tokio::join!(self.postgres_kill(lasts), self.nats_kill(lasts, false));
        postgres?;
        nats?;
        let answered = crowd.await?;
        Ok(format!("200 clients at the door, {answered} answers"))
    }

    /// 14 and 15: the small file system under a store is filled to the last byte, and emptied again.
    pub(super) async fn full(&self, folder: &str, lasts: Duration) -> Told {
        let ballast = self.centre.folder.join(folder).join("ballast");
        let mut file = std::fs::File::create(&ballast)?;
        let block = vec![0_u8; 1 << 20];
        let mut written = 0_u64;
        // Until not even a small block fits.
        for size in [block.len(), 4096] {
            while file.write_all(block.get(..size).unwrap_or(&block)).is_ok() {
                written += size as u64;
            }
        }
        last(lasts).await;
        drop(file);
        std::fs::remove_file(&ballast)?;
        // The runbook: free space, then start what gave up.
        let mut nats = self.centre.nats.lock().await;
        if folder.starts_with("nats") {
            nats.restart(0).await?;
        }
        let mut postgres = self.centre.postgres.lock().await;
        if !postgres.is_alive() {
            postgres.restart().await?;
        }
        Ok(format!("{folder} had {} MiB left", written >> 20))
    }
}
