//! `xiezhi up --detach`: starts the centre again in the background and waits until it is ready.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, bail};
use servers::DataDir;

use crate::up::said;

/// Where a centre in the background writes.
const LOG: &str = "up.log";
/// Tells the process in the background who started it, and so which log is its own.
const STARTER: &str = "XIEZHI_STARTER";
/// The last line of a start that went well, for the one who waits for it.
pub const READY: &str = "xiezhi: ready";
/// How often the log is looked at again.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// Starts a process of our own kind with the same words and tells what it says until it is ready.
pub async fn start(data: &Path) -> anyhow::Result<()> {
    // The directory becomes ours before a log lies in it: a directory of somebody else's is refused.
    drop(DataDir::open(data).map_err(said)?);
    // A log of our own: another start may be under way, and what a killed centre left running may still write to the old one.
    let own = log_of(std::process::id(), data);
    let _ = std::fs::remove_file(&own);
    let out = OpenOptions::new()
        .create_new(true)
        .append(true)
        .read(true)
        .open(&own)
        .with_context(|| format!("{} 无法写入 / cannot be written", own.display()))?;
    let words = std::env::args_os().skip(1).filter(|word| word != "--detach");
    let mut child = Command::new(std::env::current_exe()?)
        .args(words)
        .env(STARTER, std::process::id().to_string())
        .stdin(Stdio::null())
        .stderr(Stdio::from(out.try_clone()?))
        .stdout(Stdio::from(out.try_clone()?))
        .spawn()?;
    let mut log = Log { file: out, read: 0, rest: Vec::new() };
    loop {
        // Asked before the log is read: what a process said before it ended is told.
        let ended = child.try_wait()?;
        for line in log.lines()? {
            if line == READY {
                eprintln!("后台运行, 日志 {} / in the background, log {0}", data.join(LOG).display());
                return Ok(());
            }
            println!("{line}");
        }
        if let Some(status) = ended {
            return gone(status, child.id(), &own, data);
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

/// Where a start writes before the directory is its own.
fn log_of(starter: u32, data: &Path) -> PathBuf {
    data.join(format!("{LOG}.{starter}"))
}

/// Makes the log of this process the directory's, where it was started in the background and now holds the directory.
pub fn put_own_in_place(data: &Path) {
    let starter = std::env::var(STARTER).ok().and_then(|pid| pid.parse().ok());
    if let Some(starter) = starter {
        put_in_place(&log_of(starter, data), data);
    }
}

fn put_in_place(own: &Path, data: &Path) {
    if let Err(error) = std::fs::rename(own, data.join(LOG)) {
        tracing::warn!(%error, log = %own.display(), "the log stays where it is");
    }
}

/// The process ended before it was ready. Its log takes the place of the last start's, which says that all is well, unless
/// somebody else has held the directory since we looked at it: then it is nobody's, and told already. The lock itself is not
/// asked: to ask for it is to hold it for a moment, in which a centre that starts finds it taken.
fn gone(status: ExitStatus, child: u32, own: &Path, data: &Path) -> anyhow::Result<()> {
    if own.exists() {
        let is_ours = DataDir::last_holder(data).is_some_and(|pid| [child, std::process::id()].contains(&pid));
        if !is_ours {
            let _ = std::fs::remove_file(own);
            bail!("中心未能启动 ({status}), 原因见上文 / the centre did not start, the reason stands above");
        }
        put_in_place(own, data);
    }
    let log: PathBuf = data.join(LOG);
    if status.success() {
        bail!("中心在就绪之前被停止, 见 {0} / the centre was told to end before it was ready, see {0}", log.display());
    }
    bail!("中心未能启动 ({status}), 见 {0} / the centre did not start, see {0}", log.display())
}

/// A log that grows, read through its own handle: whatever becomes of its name, these are our child's words.
struct Log {
    file: File,
    read: u64,
    rest: Vec<u8>,
}

impl Log {
    /// Every line that has been finished since the last look.
    fn lines(&mut self) -> std::io::Result<Vec<String>> {
        let mut buffer = [0_u8; 8192];
        loop {
            // At a place of our own: the writer shares the handle's.
            let read = self.file.read_at(&mut buffer, self.read)?;
            let Some(fresh) = buffer.get(..read).filter(|fresh| !fresh.is_empty()) else { break };
            self.rest.extend_from_slice(fresh);
            self.read += fresh.len() as u64;
        }
        let whole = self.rest.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        let told: Vec<u8> = self.rest.drain(..whole).collect();
        Ok(String::from_utf8_lossy(&told).lines().map(str::to_owned).collect())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failed test should panic

    use std::io::Write;

    use super::*;

    #[test]
    fn a_log_is_read_line_by_line_also_when_its_name_is_anothers() {
        let path = std::env::temp_dir().join(format!("xiezhi-{}.log", uuid::Uuid::now_v7()));
        let file = OpenOptions::new().create_new(true).append(true).read(true).open(&path).unwrap();
        let mut writer = file.try_clone().unwrap();
        let mut log = Log { file, read: 0, rest: Vec::new() };
        writer.write_all("一\n二".as_bytes()).unwrap();
        assert_eq!(log.lines().unwrap(), ["一"]);
        std::fs::write(path.with_extension("other"), "not ours\n").unwrap();
        std::fs::rename(path.with_extension("other"), &path).unwrap();
        writer.write_all("三\n".as_bytes()).unwrap();
        assert_eq!(log.lines().unwrap(), ["二三"]);
        assert_eq!(log.lines().unwrap(), [""; 0]);
        std::fs::remove_file(path).unwrap();
    }
}
