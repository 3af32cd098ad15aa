//! Whoever must not outlive us: a shell that ends every process it was told of once we are gone, however we went.

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Mutex, PoisonError};

use rustix::process::{Pid, Signal};

/// It reads "+ pid" and "- pid", and kills what is left when its input ends; what is stopped dies as well.
const SHELL: &str = r#"
pids=
while read -r sign pid; do
  kept=
  for one in $pids; do [ "$one" = "$pid" ] || kept="$kept $one"; done
  pids=$kept
  [ "$sign" = + ] && pids="$pids $pid"
done
for pid in $pids; do kill -KILL "$pid" 2>/dev/null; done
exit 0
"#;

/// The shell and our end of its input.
#[derive(Debug)]
pub struct Undertaker {
    shell: Mutex<Child>,
    words: Mutex<Option<ChildStdin>>,
}

impl Undertaker {
    /// Starts the shell.
    pub fn start() -> anyhow::Result<Self> {
        let mut command = Command::new("sh");
        command.args(["-c", SHELL, "chaos-undertaker"]).current_dir("/").process_group(0);
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut shell = command.spawn()?;
        let words = Mutex::new(shell.stdin.take());
        Ok(Self { shell: Mutex::new(shell), words })
    }

    /// This process must not outlive us.
    pub fn watch(&self, pid: u32) {
        self.say('+', pid);
    }

    /// This process has ended; its number may be somebody else's soon.
    pub fn forget(&self, pid: u32) {
        self.say('-', pid);
    }

    fn say(&self, sign: char, pid: u32) {
        if let Some(words) = self.words.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            // A shell that is gone can do nothing for us; whoever stops the run stops its processes anyway.
            let _ = writeln!(words, "{sign} {pid}");
        }
    }
}

impl Drop for Undertaker {
    fn drop(&mut self) {
        drop(self.words.lock().unwrap_or_else(PoisonError::into_inner).take());
        let _ = self.shell.lock().unwrap_or_else(PoisonError::into_inner).wait();
    }
}

/// Sends a signal to a process; false where there is none.
pub fn signal(pid: u32, signal: Signal) -> bool {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    pid.is_some_and(|pid| rustix::process::kill_process(pid, signal).is_ok())
}

/// A process and everything it has started, as `/proc` tells it now.
#[must_use]
pub fn family(root: u32) -> Vec<u32> {
    let parents: Vec<(u32, u32)> = std::fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let pid: u32 = entry.file_name().to_str()?.parse().ok()?;
            let stat = std::fs::read_to_string(entry.path().join("stat")).ok()?;
            // The name stands in parentheses and may hold anything; what follows the last one is regular.
            let parent = stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()?;
            Some((pid, parent))
        })
        .collect();
    let mut found = vec![root];
    let mut next = 0;
    while let Some(one) = found.get(next).copied() {
        found.extend(parents.iter().filter(|(_, parent)| *parent == one).map(|(pid, _)| *pid));
        next += 1;
    }
    found
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failed test should panic
    use super::*;

    #[test]
    fn who_was_named_dies_with_us_even_when_stopped_and_who_was_let_go_lives() {
        let undertaker = Undertaker::start().unwrap();
        let sleeper = || Command::new("sleep").arg("60").spawn().unwrap();
        let (mut stopped, mut free) = (sleeper(), sleeper());
        undertaker.watch(stopped.id());
        undertaker.watch(free.id());
        undertaker.forget(free.id());
        assert!(signal(stopped.id(), Signal::STOP));
        drop(undertaker);
        assert!(!stopped.wait().unwrap().success());
        assert!(free.try_wait().unwrap().is_none());
        free.kill().unwrap();
        free.wait().unwrap();
    }

    #[test]
    fn a_family_is_found_over_its_generations() {
        let mut shell = Command::new("sh").args(["-c", "sleep 60; true"]).spawn().unwrap();
        std::thread::sleep(std::time::Duration::from_millis(200));
        let found = family(shell.id());
        assert!(found.len() == 2, "{found:?}");
        for pid in found {
            signal(pid, Signal::KILL);
        }
        shell.wait().unwrap();
    }
}
