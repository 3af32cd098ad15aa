//! `xiezhi down`: ends the centre of a data directory and waits until it is gone.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use servers::DataDir;

/// Longer than a service needs to finish what it is committing.
const PATIENCE: Duration = Duration::from_secs(30);

/// Asks the process that holds the directory to end.
pub fn run(data: &Path) -> anyhow::Result<()> {
    let Some(pid) = DataDir::holder(data) else {
        eprintln!("{} 没有运行中的中心 / no centre runs in {}", data.display(), data.display());
        return Ok(());
    };
    let sent = std::process::Command::new("kill")
        .args(["-TERM", &pid.to_string()])
        .status()
        .context("kill 无法执行 / kill cannot be run")?;
    if !sent.success() {
        bail!("无法停止进程 {pid}, 请用启动它的用户执行 / process {pid} cannot be stopped, be the user who started it");
    }
    let began = Instant::now();
    while DataDir::holder(data).is_some() {
        if began.elapsed() > PATIENCE {
            bail!("进程 {pid} 在 {} 秒内未结束 / process {pid} did not end within {0} s", PATIENCE.as_secs());
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    eprintln!("已停止 / stopped");
    Ok(())
}
