//! A private nats-server.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use rustix::process::Signal;
use serde::Deserialize;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::TcpStream;

use crate::data_dir::{self, random_secret};
use crate::ports::Wish;
use crate::process::{self, Manner, Running};
use crate::watchdog::LastWill;
use crate::{Binaries, ServersError, What};

mod config;

pub use config::{Account, DURABLES, OBSERVER, inbox_prefix};

const PATIENCE: Duration = Duration::from_secs(60);
const PORT_TRIES: usize = 5;
/// The most the stream store takes. The same at every start: a store that shrank below what its streams were promised
/// would not give them back.
const FILE_STORE_MAX: u64 = 2 << 30;
/// 流的上限: the most one service's stream should hold on one machine, so that all five fit into the store with room to spare.
pub const STREAM_MAX_BYTES: i64 = 256 << 20;

/// 登录信息: what a client needs to connect as one user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NatsLogin {
    /// Where.
    pub url: String,
    /// The user's name: the service's.
    pub user: String,
    /// Its password.
    pub password: String,
    /// The only inbox it may listen to.
    pub inbox_prefix: String,
}

/// How a private nats-server is run.
#[derive(Debug, Clone)]
pub struct NatsOptions {
    /// The programs.
    pub binaries: Binaries,
    /// The parent of the store and of the log.
    pub directory: PathBuf,
    /// Who may connect; nobody in the list means everybody may do everything, which is for tests of the bus alone.
    pub accounts: Vec<Account>,
    /// The port wanted, if it is free.
    pub port: Option<u16>,
    /// The whole directory is removed when the process that started it dies.
    pub throw_away: bool,
}

/// A private nats-server that runs, with JetStream, reachable on loopback.
#[derive(Debug)]
pub struct Nats {
    options: NatsOptions,
    port: u16,
    running: Running,
}

impl Nats {
    /// Ends leftovers of an earlier run, writes the configuration and starts the server.
    pub async fn start(options: NatsOptions) -> Result<Self, ServersError> {
        let home = home(&options.directory)?;
        process::end_leftovers(&home, "nats-server", Manner::Gently).await;
        let (port, running) = run(&options, &home, Wish::Preferably(options.port)).await?;
        Ok(Self { options, port, running })
    }

    /// The server's address without a user.
    #[must_use]
    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// What a user of this name connects with.
    pub fn login(&self, user: &str) -> Result<NatsLogin, ServersError> {
        let account = self.options.accounts.iter().find(|account| account.user == user);
        let account = account.ok_or_else(|| ServersError::UnknownUser { user: user.to_owned() })?;
        Ok(NatsLogin {
            url: self.url(),
            user: account.user.clone(),
            password: account.password.clone(),
            inbox_prefix: inbox_prefix(user),
        })
    }

    /// The port it listens on.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// True while the server process lives.
    pub fn is_alive(&mut self) -> bool {
        self.running.is_alive()
    }

    /// What the server has written to its log since it was started; refused publishes are named there.
    #[must_use]
    pub fn words(&self) -> String {
        self.running.words()
    }

    /// Ends the server at once and without warning, as a crash would; its store stays.
    pub fn kill(&mut self) {
        self.running.kill();
    }

    /// Starts the server again on the same port and store.
    pub async fn restart(&mut self) -> Result<(), ServersError> {
        if self.running.is_alive() {
            self.end().await;
        }
        self.running.dismiss_watchdog();
        let home = home(&self.options.directory)?;
        (self.port, self.running) = run(&self.options, &home, Wish::Only(self.port)).await?;
        Ok(())
    }

    /// Kills the server, removes everything JetStream has stored, and starts it again.
    pub async fn wipe(&mut self) -> Result<(), ServersError> {
        self.kill();
        let store = self.options.directory.join("nats").join("store");
        fs::remove_dir_all(&store).map_err(|error| ServersError::io(&store, error))?;
        self.restart().await
    }

    /// Lets the server say good-bye and stops it.
    pub async fn stop(mut self) {
        self.end().await;
        self.running.dismiss_watchdog();
        if self.options.throw_away {
            let _ = fs::remove_dir_all(&self.options.directory);
        }
    }

    async fn end(&mut self) {
        self.running.signal(Signal::TERM);
        if !self.running.ended_within(Duration::from_secs(15)).await {
            self.running.kill();
        }
    }
}

fn home(directory: &Path) -> Result<PathBuf, ServersError> {
    let home = directory.join("nats");
    let made = DirBuilder::new().recursive(true).mode(0o700).create(&home);
    made.map_err(|error| ServersError::io(&home, error))?;
    Ok(home)
}

async fn run(options: &NatsOptions, home: &Path, mut wish: Wish) -> Result<(u16, Running), ServersError> {
    let log = options.directory.join("nats.log");
    let file = home.join("nats.conf");
    let mut tries = 0;
    loop {
        let port = wish.port()?;
        // By its name we know our server from another that took the port before it.
        let name = format!("xiezhi-{}", random_secret());
        let text = config::render(&name, port, &home.join("store"), FILE_STORE_MAX, &options.accounts);
        data_dir::write_private(&file, text.as_bytes())?;
        let mut command = Command::new(&options.binaries.nats_server);
        command.arg("-c").arg(&file);
        let will = LastWill {
            signal: if options.throw_away { "KILL" } else { "TERM" },
            remove: options.throw_away.then(|| options.directory.clone()),
        };
        let mut running = Running::spawn(What::Nats, command, home, &log, &will)?;
        match running.wait_ready(home, PATIENCE, async || answers_as(port, &name).await).await {
            Ok(()) => return Ok((port, running)),
            Err(error) => {
                running.dismiss_watchdog();
                // Somebody may have taken the port between our look and the server's: look again.
                let next = wish.after_losing().filter(|_| process::says_port_taken(&running.words()));
                match next {
                    Some(next) if tries < PORT_TRIES => (wish, tries) = (next, tries + 1),
                    _ => return Err(error),
                }
            }
        }
    }
}

/// The first line a nats-server says tells who it is.
async fn answers_as(port: u16, name: &str) -> bool {
    #[derive(Deserialize)]
    struct Info {
        server_name: String,
    }
    let read = async {
        let stream = TcpStream::connect(("127.0.0.1", port)).await?;
        let mut line = String::new();
        BufReader::new(stream).read_line(&mut line).await?;
        Ok::<_, io::Error>(line)
    };
    match tokio::time::timeout(Duration::from_secs(1), read).await {
        Ok(Ok(line)) => line
            .strip_prefix("INFO ")
            .and_then(|json| serde_json::from_str::<Info>(json).ok())
            .is_some_and(|info| info.server_name == name),
        _ => false,
    }
}
