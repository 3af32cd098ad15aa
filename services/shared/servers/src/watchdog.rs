//! What is left to do when we die.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};

use crate::ServersError;

/// What happens to a server, and to its files, when we die without stopping it.
#[derive(Debug, Clone)]
pub(crate) struct LastWill {
    /// The signal that ends it.
    pub(crate) signal: &'static str,
    /// A throw-away directory that goes with it.
    pub(crate) remove: Option<PathBuf>,
}

/// A shell that waits for the end of a pipe only we hold. When we die, even by `kill -9`, it ends the server.
/// (The kernel's parent-death signal would need unsafe code and follows threads, not processes.)
#[derive(Debug)]
pub(crate) struct Watchdog {
    shell: Child,
    leash: Option<ChildStdin>,
}

const WATCHDOG: &str = r#"
# A directory that somebody removed meanwhile is still where the server works.
is_ours() { case "$(readlink "/proc/$1/cwd")" in "$2" | "$2 (deleted)") ;; *) false ;; esac; }
while read -r _; do :; done
if is_ours "$1" "$2"; then kill -s "$3" "$1"; fi
if [ -n "$4" ]; then
  tries=0
  while is_ours "$1" "$2" && [ $tries -lt 100 ]; do sleep 0.05; tries=$((tries + 1)); done
  rm -rf "$4"
fi
"#;

impl Watchdog {
    /// Sets one over the server that works in `home`.
    pub(crate) fn over(pid: u32, home: &Path, will: &LastWill) -> Result<Self, ServersError> {
        // The kernel shows resolved paths, so ours must be resolved too.
        let home = fs::canonicalize(home).map_err(|error| ServersError::io(home, error))?;
        let mut command = Command::new("sh");
        command.args(["-c", WATCHDOG, "xiezhi-watchdog"]).arg(pid.to_string()).arg(home).arg(will.signal);
        command.arg(will.remove.as_deref().unwrap_or(Path::new("")));
        command.process_group(0).current_dir("/").stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut shell = command.spawn().map_err(|error| ServersError::io(Path::new("sh"), error))?;
        let leash = shell.stdin.take();
        Ok(Self { shell, leash })
    }

    /// Ends it without any consequence for the server.
    pub(crate) fn dismiss(&mut self) {
        let _ = self.shell.kill();
        let _ = self.shell.wait();
        self.leash = None;
    }
}
