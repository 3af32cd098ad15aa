//! A simulated centre for one journey: a process of our own kind with a folder of its own, gone when it is dropped.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use client::{Centre, ClientOptions, blob};
use futures::future::BoxFuture;
use jiff::Timestamp;
use xiezhi_proto::bus::v1::PublishBundleRequest;

use crate::centre::SERVICES;
use crate::keys::{self, Minter};

/// How long a centre may take to start.
const PATIENCE: Duration = Duration::from_secs(60);

/// Starts throw-away centres.
#[derive(Debug)]
pub struct Starter;

/// Ends the process and clears its folder when it is dropped.
pub struct Keep {
    /// The process that runs the centre.
    pub child: Child,
    /// The folder that goes with it.
    pub folder: PathBuf,
}

impl Drop for Keep {
    fn drop(&mut self) {
        // Its servers end with it: they watch for its death.
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status();
        }
        let began = Instant::now();
        while matches!(self.child.try_wait(), Ok(None)) && began.elapsed() < Duration::from_secs(15) {
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

impl cli::StartThrowAway for Starter {
    fn start<'a>(
        &'a self,
        pack: &'a pack::Pack,
        at: Option<Timestamp>,
    ) -> BoxFuture<'a, Result<cli::ThrowAway, String>> {
        Box::pin(async move { start(pack, at).await.map_err(|error| format!("{error:#}")) })
    }
}

async fn start(pack: &pack::Pack, at: Option<Timestamp>) -> anyhow::Result<cli::ThrowAway> {
    let folder = std::env::temp_dir().join(format!("xiezhi-{}", uuid::Uuid::now_v7()));
    std::fs::create_dir(&folder).with_context(|| format!("{} 无法建立 / cannot be made", folder.display()))?;
    let log = std::fs::File::create(folder.join("up.log"))?;
    // A centre takes an empty folder only, so its data lies beside its log.
    let data = folder.join("centre");
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["up", "--simulated", "--no-fsync", "--data"]).arg(&data);
    if let Some(at) = at {
        command.args(["--start", &at.to_string()]);
    }
    let child = command.stdin(Stdio::null()).stderr(log.try_clone()?).stdout(log).spawn()?;
    let mut keep = Keep { child, folder };
    let began = Instant::now();
    let file = loop {
        if let Ok(file) = cli::CentreFile::read(&data) {
            break file;
        }
        if keep.child.try_wait()?.is_some() || began.elapsed() > PATIENCE {
            let said = std::fs::read_to_string(keep.folder.join("up.log")).unwrap_or_default();
            bail!("一次性中心未能启动 / the throw-away centre did not start:\n{said}");
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    let centre = Centre::connect(ClientOptions::new(file.grpc_address).token(file.operator_token)).await?;
    let canonical = pack.canonical_bytes()?;
    keys::remember_pack(&data, &canonical)?;
    for service in SERVICES {
        let bundle = blob::upload(&centre, service, canonical.clone()).await?;
        centre
            .command(|command_id| {
                let mut bus = centre.bus(service);
                let request =
                    PublishBundleRequest { service: service.to_owned(), command_id, sha256: bundle.sha256.clone() };
                async move { bus.publish_bundle(request).await }
            })
            .await?;
    }
    let tokens = Arc::new(Minter::open(&data)?);
    Ok(cli::ThrowAway { centre, tokens, keep: Box::new(keep) })
}
