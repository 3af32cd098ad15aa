//! Both servers together, as `xiezhi up` runs them.

use std::convert::Infallible;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::nats::{Account, OBSERVER};
use crate::{Binaries, DataDir, Nats, NatsLogin, NatsOptions, Postgres, PostgresOptions, ServersError};

/// The services that have a NATS user each.
const SERVICES: [&str; 5] = ["intake", "assignment", "scheduling", "supervision", "evaluation"];
const LOOK_AGAIN: Duration = Duration::from_millis(200);
const RESTART_TRIES: u32 = 5;

/// How the private servers of a centre are run.
#[derive(Debug, Clone)]
pub struct LocalOptions {
    /// Where everything is kept.
    pub data_dir: PathBuf,
    /// Where the programs are, if not in the usual places.
    pub servers_dir: Option<PathBuf>,
    /// Writes reach the disk before they are answered; false for throw-away centres only.
    pub fsync: bool,
}

/// 本机服务器: the private PostgreSQL and nats-server of a centre on one machine.
///
/// Dropped without `stop`, and also when the process dies, a watchdog stops both.
#[derive(Debug)]
pub struct LocalServers {
    data_dir: DataDir,
    postgres: Postgres,
    nats: Nats,
}

impl LocalServers {
    /// Takes the directory and starts both servers on free ports, the same as last time where they are still free.
    pub async fn start(options: LocalOptions) -> Result<Self, ServersError> {
        let binaries = Binaries::find(options.servers_dir.as_deref())?;
        let data_dir = DataDir::open(&options.data_dir)?;
        let postgres = Postgres::start(PostgresOptions {
            binaries: binaries.clone(),
            directory: data_dir.path().to_owned(),
            password: data_dir.secret("postgres")?,
            port: data_dir.port("postgres")?,
            fsync: options.fsync,
            throw_away: false,
        });
        let mut accounts = Vec::new();
        for user in SERVICES.into_iter().chain([OBSERVER]) {
            accounts.push(Account { user: user.to_owned(), password: data_dir.secret(&format!("nats.{user}"))? });
        }
        let nats = Nats::start(NatsOptions {
            binaries,
            directory: data_dir.path().to_owned(),
            accounts,
            port: data_dir.port("nats")?,
            throw_away: false,
        });
        let (postgres, nats) = tokio::join!(postgres, nats);
        let (postgres, nats) = match (postgres, nats) {
            (Ok(postgres), Ok(nats)) => (postgres, nats),
            (Err(error), Ok(nats)) => {
                nats.stop().await;
                return Err(error);
            }
            (Ok(postgres), Err(error)) => {
                postgres.stop().await;
                return Err(error);
            }
            (Err(error), Err(_)) => return Err(error),
        };
        let servers = Self { data_dir, postgres, nats };
        servers.remember_ports()?;
        Ok(servers)
    }

    /// The directory, locked while the servers run.
    #[must_use]
    pub fn data_dir(&self) -> &DataDir {
        &self.data_dir
    }

    /// The administrator's URL, of the database `postgres`.
    #[must_use]
    pub fn postgres_admin_url(&self) -> String {
        self.postgres.url("postgres")
    }

    /// What a service (or `observer`) connects to NATS with.
    pub fn nats_login(&self, user: &str) -> Result<NatsLogin, ServersError> {
        self.nats.login(user)
    }

    /// Starts a server again whenever it ends by itself; returns only when it cannot be started any more.
    pub async fn keep(&mut self) -> Result<Infallible, ServersError> {
        loop {
            tokio::time::sleep(LOOK_AGAIN).await;
            if !self.postgres.is_alive() {
                patiently(async || self.postgres.restart().await).await?;
                self.remember_ports()?;
            }
            if !self.nats.is_alive() {
                patiently(async || self.nats.restart().await).await?;
                self.remember_ports()?;
            }
        }
    }

    /// Stops both in order: first the transport, then the truth. Gives the directory free.
    pub async fn stop(self) {
        self.nats.stop().await;
        self.postgres.stop().await;
    }

    fn remember_ports(&self) -> Result<(), ServersError> {
        self.data_dir.remember_port("postgres", self.postgres.port())?;
        self.data_dir.remember_port("nats", self.nats.port())
    }
}

/// Tries again with growing pauses: a full disk or a busy machine may get better.
async fn patiently(mut start: impl AsyncFnMut() -> Result<(), ServersError>) -> Result<(), ServersError> {
    let began = Instant::now();
    let mut tries = 0;
    loop {
        match start().await {
            Ok(()) => return Ok(()),
            Err(error) if tries >= RESTART_TRIES || began.elapsed() > Duration::from_secs(300) => {
                return Err(error);
            }
            Err(_) => {
                tries += 1;
                tokio::time::sleep(Duration::from_millis(200 << tries)).await;
            }
        }
    }
}
