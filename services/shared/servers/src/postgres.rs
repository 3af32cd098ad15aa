//! A private PostgreSQL.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use rustix::process::Signal;

use crate::ports::Wish;
use crate::process::{self, Identity, Manner, Running};
use crate::watchdog::LastWill;
use crate::{Binaries, ServersError, What, data_dir};

/// Recovery after a crash replays the log first; that may take a while on a slow disk.
const PATIENCE: Duration = Duration::from_secs(180);
const PORT_TRIES: usize = 5;

/// How a private PostgreSQL is run.
#[derive(Debug, Clone)]
pub struct PostgresOptions {
    /// The programs.
    pub binaries: Binaries,
    /// The parent of the cluster's directory and of its log.
    pub directory: PathBuf,
    /// The superuser's password.
    pub password: String,
    /// The port wanted, if it is free.
    pub port: Option<u16>,
    /// Writes reach the disk before they are answered; false for throw-away clusters only.
    pub fsync: bool,
    /// The whole directory is removed when the process that started it dies.
    pub throw_away: bool,
}

/// A private PostgreSQL that runs, reachable on loopback with a password alone.
#[derive(Debug)]
pub struct Postgres {
    options: PostgresOptions,
    identity: Identity,
    port: u16,
    running: Running,
}

impl Postgres {
    /// Makes the cluster if there is none yet, ends leftovers of an earlier run, and starts the server.
    pub async fn start(options: PostgresOptions) -> Result<Self, ServersError> {
        let identity = Identity::not_root()?;
        identity.give(&options.directory)?;
        identity.check_reach(&[&options.directory, &options.binaries.postgres])?;
        let cluster = options.directory.join("postgres");
        if cluster.is_dir() {
            process::end_leftovers(&cluster, "postgres", Manner::Gently).await;
        } else {
            create(&options, identity, &cluster).await?;
        }
        let (port, running) = run(&options, identity, &cluster, Wish::Preferably(options.port)).await?;
        Ok(Self { options, identity, port, running })
    }

    /// The superuser's URL of a database.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        format!("postgres://postgres:{}@127.0.0.1:{}/{database}", self.options.password, self.port)
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

    /// Ends the server at once and without warning, as a crash would; its data stays.
    pub async fn kill(&mut self) {
        self.running.kill();
        // The postmaster's own children notice its death by themselves, but not at once.
        process::end_leftovers(&self.cluster(), "postgres", Manner::AtOnce).await;
    }

    /// Starts the server again on the same port and data.
    pub async fn restart(&mut self) -> Result<(), ServersError> {
        if self.running.is_alive() {
            self.end().await;
        }
        self.running.dismiss_watchdog();
        process::end_leftovers(&self.cluster(), "postgres", Manner::Gently).await;
        (self.port, self.running) = run(&self.options, self.identity, &self.cluster(), Wish::Only(self.port)).await?;
        Ok(())
    }

    /// Ends open sessions, writes everything and stops.
    pub async fn stop(mut self) {
        self.end().await;
        self.running.dismiss_watchdog();
        if self.options.throw_away {
            let _ = fs::remove_dir_all(&self.options.directory);
        }
    }

    async fn end(&mut self) {
        self.running.signal(Signal::INT);
        if !self.running.ended_within(Duration::from_secs(30)).await {
            self.running.signal(Signal::QUIT);
            if !self.running.ended_within(Duration::from_secs(5)).await {
                self.running.kill();
            }
        }
    }

    fn cluster(&self) -> PathBuf {
        self.options.directory.join("postgres")
    }
}

/// Makes the cluster under another name first: what has the final name is complete.
async fn create(options: &PostgresOptions, identity: Identity, cluster: &Path) -> Result<(), ServersError> {
    let partial = options.directory.join("postgres.partial");
    let wrong = |error| ServersError::io(&partial, error);
    match fs::remove_dir_all(&partial) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(wrong(error)),
        _ => {}
    }
    DirBuilder::new().mode(0o700).create(&partial).map_err(wrong)?;
    identity.give(&partial)?;
    let password_file = options.directory.join("postgres.password");
    data_dir::write_private(&password_file, options.password.as_bytes())?;
    identity.give(&password_file)?;

    let mut command = identity.command(&options.binaries.initdb);
    process::keep_environment_small(&mut command);
    command.arg("-D").arg(&partial).args(["-U", "postgres", "-A", "scram-sha-256", "-E", "UTF8", "--locale=C.UTF-8"]);
    command.arg("--pwfile").arg(&password_file);
    if !options.fsync {
        command.arg("--no-sync");
    }
    command.current_dir(&options.directory).stdin(Stdio::null());
    let output = tokio::task::spawn_blocking(move || command.output()).await;
    let _ = fs::remove_file(&password_file);
    let output = output.map_err(|error| wrong(io::Error::other(error)))?.map_err(wrong)?;
    if !output.status.success() {
        let words = String::from_utf8_lossy(&output.stderr).into_owned();
        if process::says_disk_full(&words) {
            return Err(ServersError::DiskFull { path: options.directory.clone() });
        }
        let log = options.directory.join("initdb.log");
        let _ = fs::write(&log, &words);
        return Err(ServersError::Failed { what: What::Postgres, said: process::last_line(&words), log });
    }
    fs::rename(&partial, cluster).map_err(wrong)
}

async fn run(
    options: &PostgresOptions,
    identity: Identity,
    cluster: &Path,
    mut wish: Wish,
) -> Result<(u16, Running), ServersError> {
    let log = options.directory.join("postgres.log");
    let mut tries = 0;
    loop {
        let port = wish.port()?;
        // Leftovers are gone, so a pid file is stale; its number may meanwhile be a stranger's, which PostgreSQL would respect.
        let pid_file = cluster.join("postmaster.pid");
        match fs::remove_file(&pid_file) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(ServersError::io(&pid_file, error));
            }
            _ => {}
        }
        let will = LastWill {
            signal: if options.throw_away { "QUIT" } else { "INT" },
            remove: options.throw_away.then(|| options.directory.clone()),
        };
        let command = command(options, identity, cluster, port);
        let mut running = Running::spawn(What::Postgres, command, cluster, &log, &will)?;
        let pid = running.id();
        match running.wait_ready(cluster, PATIENCE, async || is_ready(&pid_file, pid)).await {
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

fn command(options: &PostgresOptions, identity: Identity, cluster: &Path, port: u16) -> std::process::Command {
    let mut command = identity.command(&options.binaries.postgres);
    command.arg("-D").arg(cluster).arg("-p").arg(port.to_string());
    let mut set = |name: &str, value: &str| {
        command.arg("-c").arg(format!("{name}={value}"));
    };
    set("listen_addresses", "127.0.0.1");
    set("unix_socket_directories", "");
    set("max_connections", "200");
    set("timezone", "UTC");
    set("log_timezone", "UTC");
    set("lc_messages", "C");
    // The detail of an error may quote a row, and rows hold what a log must not.
    set("log_error_verbosity", "terse");
    set("log_min_error_statement", "panic");
    if !options.fsync {
        set("fsync", "off");
        set("full_page_writes", "off");
    }
    command
}

/// The eighth line of the pid file says so once connections are accepted.
fn is_ready(pid_file: &Path, pid: u32) -> bool {
    let Ok(text) = fs::read_to_string(pid_file) else {
        return false;
    };
    let lines: Vec<&str> = text.lines().collect();
    lines.first().is_some_and(|line| line.trim() == pid.to_string())
        && lines.get(7).is_some_and(|line| line.trim() == "ready")
}
