//! A centre of the measurement's own: this program in a process of its own, with servers and a folder that go with it.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use serde::de::DeserializeOwned;

use crate::throw_away::Keep;
use crate::{detach, leash};

/// How long a centre may take to start, with a disk that is waited for.
const PATIENCE: Duration = Duration::from_secs(180);
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// How long its services and servers may take to stop.
const STOP_WITHIN: Duration = Duration::from_secs(60);

/// A centre as `xiezhi up` starts it, with every write on the disk. Dropped, it stops and its folder goes.
pub struct Private {
    keep: Keep,
    arguments: Vec<OsString>,
}

/// Where the centre's own PostgreSQL answers its administrator.
#[derive(Clone)]
pub struct Store {
    /// The port on loopback.
    pub port: u16,
    /// The superuser's password.
    pub password: String,
}

impl Store {
    /// The superuser's URL of a database.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        format!("postgres://postgres:{}@127.0.0.1:{}/{database}", self.password, self.port)
    }
}

impl Private {
    /// Starts a centre on the real clock with this pack in force (a folder, or the name of one inside this program) and waits
    /// until it is ready.
    pub async fn start(pack: Option<&Path>) -> anyhow::Result<Self> {
        Self::begin(pack, &[]).await
    }

    /// The same on a simulated clock that begins at this moment: it goes as fast as the real one, and can be turned.
    pub async fn start_simulated(pack: Option<&Path>, begins: &str) -> anyhow::Result<Self> {
        Self::begin(pack, &["--simulated", "--start", begins]).await
    }

    async fn begin(pack: Option<&Path>, more: &[&str]) -> anyhow::Result<Self> {
        let folder = std::env::temp_dir().join(format!("xiezhi-bench-{}", uuid::Uuid::now_v7()));
        fs::create_dir(&folder).with_context(|| format!("{} 无法建立 / cannot be made", folder.display()))?;
        let launched =
            arguments(&folder, pack, more).and_then(|arguments| Ok((launch(&folder, &arguments)?, arguments)));
        let mut started = match launched {
            Ok((child, arguments)) => Self { keep: Keep { child, folder }, arguments },
            Err(error) => {
                let _ = fs::remove_dir_all(&folder);
                return Err(error);
            }
        };
        started.ready().await?;
        Ok(started)
    }

    /// Where it keeps everything.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        data(&self.keep.folder)
    }

    /// A folder that is gone afterwards, for what a measurement must write down.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.keep.folder
    }

    /// The process that runs the services.
    #[must_use]
    pub fn process(&self) -> u32 {
        self.keep.child.id()
    }

    /// Its PostgreSQL.
    pub fn store(&self) -> anyhow::Result<Store> {
        let ports: BTreeMap<String, u16> = read(&self.data().join("ports.json"))?;
        let secrets: BTreeMap<String, String> = read(&self.data().join("secrets.json"))?;
        Ok(Store {
            port: ports.get("postgres").copied().context("PostgreSQL 的端口未知 / the port is not known")?,
            password: secrets.get("postgres").cloned().context("PostgreSQL 的口令未知 / the password is not known")?,
        })
    }

    /// Stops the services and their servers; everything they keep stays, and nobody holds it.
    pub async fn halt(&mut self) -> anyhow::Result<()> {
        let began = Instant::now();
        let process = self.process().to_string();
        Command::new("kill").args(["-TERM", &process]).status().context("kill")?;
        while self.keep.child.try_wait()?.is_none() {
            if began.elapsed() > STOP_WITHIN {
                bail!("中心未能停止 / the centre did not stop");
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
        Ok(())
    }

    /// Starts what was halted on what it keeps.
    pub async fn resume(&mut self) -> anyhow::Result<()> {
        self.keep.child = launch(&self.keep.folder, &self.arguments)?;
        self.ready().await
    }

    async fn ready(&mut self) -> anyhow::Result<()> {
        let (log, began) = (log(&self.keep.folder), Instant::now());
        loop {
            // Asked before the log is read: what a process said before it ended is told.
            let ended = self.keep.child.try_wait()?;
            let said = fs::read(&log).map(|said| String::from_utf8_lossy(&said).into_owned()).unwrap_or_default();
            if said.lines().any(|line| line == detach::READY) {
                return Ok(());
            }
            if ended.is_some() || began.elapsed() > PATIENCE {
                bail!("用于测量的中心未能启动 / the centre to be measured did not start:\n{said}");
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }
}

// A centre takes an empty folder only, so its data lies beside its log.
fn data(folder: &Path) -> PathBuf {
    folder.join("centre")
}

fn log(folder: &Path) -> PathBuf {
    folder.join("up.log")
}

fn arguments(folder: &Path, pack: Option<&Path>, more: &[&str]) -> anyhow::Result<Vec<OsString>> {
    let pack = pack_folder(pack.unwrap_or(Path::new(cli::county::DEFAULT)), folder)?;
    let mut arguments: Vec<OsString> =
        vec!["up".into(), "--data".into(), data(folder).into(), "--pack".into(), pack.into()];
    arguments.extend(more.iter().map(OsString::from));
    Ok(arguments)
}

fn launch(folder: &Path, arguments: &[OsString]) -> anyhow::Result<std::process::Child> {
    let log = File::create(log(folder))?;
    let mut command = Command::new(std::env::current_exe()?);
    // Settings of another centre in somebody's shell are not meant for this one.
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("XIEZHI_")) {
        if name != "XIEZHI_SERVERS_DIR" {
            command.env_remove(name);
        }
    }
    command.args(arguments);
    leash::tie(&mut command).stderr(log.try_clone()?).stdout(log);
    command.spawn().context("中心未能启动 / the centre cannot be started")
}

/// The pack's folder; one that travels inside this program is written down first.
fn pack_folder(named: &Path, folder: &Path) -> anyhow::Result<PathBuf> {
    if named.is_dir() {
        return Ok(std::path::absolute(named)?);
    }
    let files = cli::county::files(named).map_err(|failure| anyhow::anyhow!("{failure}"))?;
    let folder = folder.join("pack");
    for (name, bytes) in files {
        let path = folder.join(name);
        if let Some(above) = path.parent() {
            fs::create_dir_all(above)?;
        }
        fs::write(path, bytes)?;
    }
    Ok(folder)
}

fn read<T: DeserializeOwned>(path: &Path) -> anyhow::Result<T> {
    let cannot = || format!("{} 无法读取 / cannot be read", path.display());
    serde_json::from_slice(&fs::read(path).with_context(cannot)?).with_context(cannot)
}
