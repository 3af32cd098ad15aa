//! Child processes that listen to us, and that do not outlive us.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::{OpenOptionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};

use crate::watchdog::{LastWill, Watchdog};
use crate::{ServersError, What};

const LOOK_AGAIN: Duration = Duration::from_millis(10);
const NOBODY: u32 = 65534;
/// A log that grew beyond this is set aside at the next start.
const LOG_MAX: u64 = 32 << 20;

/// Who a server runs as. PostgreSQL refuses root, and containers often are root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Identity {
    /// As we are.
    Ours,
    /// In a user namespace of its own, where root looks like user 1000; files still belong to root outside.
    Namespace,
    /// The user nobody, where namespaces are forbidden; the data must belong to it.
    Nobody,
}

impl Identity {
    /// The best that works here for a program that refuses root.
    pub(crate) fn not_root() -> Result<Self, ServersError> {
        if !rustix::process::geteuid().is_root() {
            return Ok(Self::Ours);
        }
        let works = |mut command: Command| {
            command.arg("true").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            command.status().is_ok_and(|status| status.success())
        };
        [Self::Namespace, Self::Nobody]
            .into_iter()
            .find(|identity| identity.wrapper().is_some_and(works))
            .ok_or(ServersError::CannotDropRoot)
    }

    /// The command line, which ends in the program itself: nothing of ours stays between.
    pub(crate) fn command(self, program: &Path) -> Command {
        match self.wrapper() {
            None => Command::new(program),
            Some(mut wrapper) => {
                wrapper.arg(program);
                wrapper
            }
        }
    }

    fn wrapper(self) -> Option<Command> {
        let (program, arguments): (_, &[&str]) = match self {
            Self::Ours => return None,
            Self::Namespace => ("unshare", &["--user", "--map-user=1000", "--map-group=1000"]),
            Self::Nobody => ("setpriv", &["--reuid=65534", "--regid=65534", "--clear-groups"]),
        };
        let mut command = Command::new(program);
        command.args(arguments);
        Some(command)
    }

    /// Hands a file or directory to whom the program runs as.
    pub(crate) fn give(self, path: &Path) -> Result<(), ServersError> {
        match self {
            Self::Nobody => chown(path, Some(NOBODY), Some(NOBODY)).map_err(|error| ServersError::io(path, error)),
            _ => Ok(()),
        }
    }

    /// Makes sure that the program can be run and the directory entered at all.
    pub(crate) fn check_reach(self, paths: &[&Path]) -> Result<(), ServersError> {
        for path in paths {
            let Some(mut test) = self.wrapper() else {
                return Ok(());
            };
            let reached = test.args(["test", "-x"]).arg(path).stdin(Stdio::null()).status();
            if !reached.is_ok_and(|status| status.success()) {
                return Err(ServersError::Unreachable { path: (*path).to_owned() });
            }
        }
        Ok(())
    }
}

/// A running server and the watchdog that survives us.
#[derive(Debug)]
pub(crate) struct Running {
    what: What,
    child: Child,
    log: PathBuf,
    log_from: u64,
    watchdog: Watchdog,
}

impl Running {
    /// Starts the program with `home` as its working directory, by which leftovers are recognised later.
    pub(crate) fn spawn(
        what: What,
        mut command: Command,
        home: &Path,
        log: &Path,
        will: &LastWill,
    ) -> Result<Self, ServersError> {
        let (file, log_from) = open_log(log)?;
        let copy = file.try_clone().map_err(|error| ServersError::io(log, error))?;
        keep_environment_small(&mut command);
        // A process group of its own: Ctrl-C in a terminal is for us, and we stop the servers in order.
        command.current_dir(home).process_group(0).stdin(Stdio::null()).stdout(file).stderr(copy);
        let mut child = command.spawn().map_err(|error| ServersError::io(Path::new(command.get_program()), error))?;
        match Watchdog::over(child.id(), home, will) {
            Ok(watchdog) => Ok(Self { what, child, log: log.to_owned(), log_from, watchdog }),
            Err(error) => {
                let _ = child.kill();
                let _ = child.wait();
                Err(error)
            }
        }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// True while the process lives.
    pub(crate) fn is_alive(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// What it has written since it was started.
    pub(crate) fn words(&self) -> String {
        let mut text = Vec::new();
        let read = File::open(&self.log).and_then(|mut log| {
            log.seek(SeekFrom::Start(self.log_from))?;
            log.read_to_end(&mut text)
        });
        if read.is_err() {
            return String::new();
        }
        String::from_utf8_lossy(&text).into_owned()
    }

    /// Waits until `ready` says so; an early end or too long a wait is an error with the server's own last words.
    pub(crate) async fn wait_ready(
        &mut self,
        home: &Path,
        patience: Duration,
        mut ready: impl AsyncFnMut() -> bool,
    ) -> Result<(), ServersError> {
        let began = Instant::now();
        loop {
            if !self.is_alive() {
                return Err(self.why_it_ended(home));
            }
            if ready().await {
                return Ok(());
            }
            if began.elapsed() > patience {
                let slow = ServersError::Slow { what: self.what, seconds: patience.as_secs(), log: self.log.clone() };
                self.kill();
                return Err(slow);
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    fn why_it_ended(&self, home: &Path) -> ServersError {
        let words = self.words();
        if says_disk_full(&words) {
            return ServersError::DiskFull { path: home.to_owned() };
        }
        if words.contains("incompatible with server") {
            return ServersError::OtherVersion { path: home.to_owned() };
        }
        ServersError::Failed { what: self.what, said: last_line(&words), log: self.log.clone() }
    }

    pub(crate) fn signal(&self, signal: Signal) {
        send(self.child.id(), signal);
    }

    /// Waits for the end; false when it takes longer.
    pub(crate) async fn ended_within(&mut self, patience: Duration) -> bool {
        let began = Instant::now();
        while self.is_alive() {
            if began.elapsed() > patience {
                return false;
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
        true
    }

    /// Ends it at once, as a power cut would.
    pub(crate) fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// The server has been ended on purpose: nothing is left to be watched, nothing is removed.
    pub(crate) fn dismiss_watchdog(&mut self) {
        self.watchdog.dismiss();
    }
}

/// How hard leftovers are ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manner {
    /// Asked first, then told.
    Gently,
    /// As a power cut would.
    AtOnce,
}

/// Ends servers that a killed centre left behind, also those that lost their parent process alone.
pub(crate) async fn end_leftovers(home: &Path, program: &str, manner: Manner) {
    let rounds: &[(Signal, u64)] = match manner {
        Manner::Gently => &[(Signal::INT, 5), (Signal::QUIT, 3), (Signal::KILL, 10)],
        Manner::AtOnce => &[(Signal::KILL, 10)],
    };
    for (signal, seconds) in rounds {
        let began = Instant::now();
        for pid in leftovers(home, program) {
            send(pid, *signal);
        }
        while began.elapsed() < Duration::from_secs(*seconds) {
            if leftovers(home, program).is_empty() {
                return;
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }
}

fn leftovers(home: &Path, program: &str) -> Vec<u32> {
    let (Ok(home), Ok(processes)) = (fs::canonicalize(home), fs::read_dir("/proc")) else {
        return Vec::new();
    };
    processes
        .flatten()
        .filter(|entry| fs::read_link(entry.path().join("cwd")).is_ok_and(|cwd| cwd == home))
        .filter(|entry| fs::read_to_string(entry.path().join("comm")).is_ok_and(|comm| comm.trim() == program))
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect()
}

fn send(pid: u32, signal: Signal) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        let _ = rustix::process::kill_process(pid, signal);
    }
}

/// Our environment may hold keys and passwords that are no business of a server's.
pub(crate) fn keep_environment_small(command: &mut Command) {
    command.env_clear().env("LC_ALL", "C.UTF-8").env("TZ", "UTC");
    for name in ["PATH", "HOME", "TMPDIR", "LD_LIBRARY_PATH"] {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
}

fn open_log(path: &Path) -> Result<(File, u64), ServersError> {
    let wrong = |error| ServersError::io(path, error);
    if fs::metadata(path).is_ok_and(|log| log.len() > LOG_MAX) {
        let mut aside = path.as_os_str().to_owned();
        aside.push(".1");
        fs::rename(path, aside).map_err(wrong)?;
    }
    let file = OpenOptions::new().create(true).append(true).mode(0o600).open(path).map_err(wrong)?;
    let length = file.metadata().map_err(wrong)?.len();
    Ok((file, length))
}

pub(crate) fn says_disk_full(words: &str) -> bool {
    let words = words.to_lowercase();
    ["no space left on device", "disk quota exceeded"].iter().any(|phrase| words.contains(phrase))
}

pub(crate) fn says_port_taken(words: &str) -> bool {
    words.to_lowercase().contains("address already in use")
}

pub(crate) fn last_line(words: &str) -> String {
    let meant = |line: &&&str| ["FATAL", "[FTL]", "ERROR", "error:", "cannot"].iter().any(|mark| line.contains(mark));
    let lines: Vec<&str> = words.lines().filter(|line| !line.trim().is_empty()).collect();
    let line = lines.iter().rev().find(meant).or_else(|| lines.last()).copied().unwrap_or("no message");
    line.trim().to_owned()
}
