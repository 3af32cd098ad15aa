//! `xiezhi backup` and `xiezhi restore`: a whole centre on one machine, copied and put back. `deploy/` and `docs/bus.md` say
//! what takes their place where servers stand elsewhere.

use std::path::Path;
use std::time::Instant;

use anyhow::Context;
use serde_json::{Value, json};
use servers::{Binaries, DataDir, What, backup};

use crate::arguments::{BackupArguments, RestoreArguments};
use crate::shell;
use crate::up::said;

/// What a backup says of itself.
const NOTE: &str = "backup.json";
/// The form of a backup; a later one may be another.
const FORM: u64 = 1;

/// Copies the centre of a data directory, running or not.
pub async fn back_up(arguments: BackupArguments, data: &Path, output: cli::Output) -> anyhow::Result<()> {
    let began = Instant::now();
    // All that was answered before this moment is in the backup.
    let from = jiff::Timestamp::now();
    let running = DataDir::holder(data).is_some();
    let copied = backup::back_up(data, &arguments.out, None).await.map_err(said)?;
    let binaries = Binaries::find(None).map_err(said)?;
    let note = json!({
        "form": FORM,
        "holds_all_until": from.to_string(),
        "finished_at": jiff::Timestamp::now().to_string(),
        "while_running": running,
        "bytes": copied.bytes,
        "files": copied.files,
        "xiezhi": env!("CARGO_PKG_VERSION"),
        "postgresql": backup::version(&binaries, What::Postgres),
        "took_seconds": began.elapsed().as_secs_f64(),
    });
    let path = arguments.out.join(NOTE);
    std::fs::write(&path, serde_json::to_vec_pretty(&note)?)
        .with_context(|| format!("{} 无法写入 / cannot be written", path.display()))?;
    let place = shell::word(&arguments.out.to_string_lossy());
    tell(output, &note, || {
        format!(
            "已备份到 {place}: {:.1} MiB, {:.1} 秒, 含 {from} 之前答复的一切; 其中有密钥, 请妥善保管 / backed up: everything answered \
             before that moment is in it, and so are the centre's keys: keep it safe",
            copied.bytes as f64 / 1048576.0,
            began.elapsed().as_secs_f64(),
        )
    });
    Ok(())
}

/// Puts a backup into a new data directory.
pub fn restore(arguments: &RestoreArguments, data: &Path, output: cli::Output) -> anyhow::Result<()> {
    let began = Instant::now();
    let path = arguments.from.join(NOTE);
    let note: Value = std::fs::read(&path)
        .map_err(anyhow::Error::from)
        .and_then(|bytes| Ok(serde_json::from_slice(&bytes)?))
        .with_context(|| format!("{} 不是一份完整的备份 / is not a whole backup", arguments.from.display()))?;
    anyhow::ensure!(
        note.get("form").and_then(Value::as_u64) == Some(FORM),
        "备份的格式不认识, 请用备份时的版本恢复 / the backup has another form; restore it with the version that made it"
    );
    let copied = backup::restore(&arguments.from, data, arguments.streams.as_deref(), None).map_err(said)?;
    let until = note.get("holds_all_until").and_then(Value::as_str).unwrap_or("?").to_owned();
    let told = json!({
        "holds_all_until": until,
        "bytes": copied.bytes,
        "took_seconds": began.elapsed().as_secs_f64(),
        "with_streams": arguments.streams.is_some(),
    });
    let place = shell::word(&data.to_string_lossy());
    tell(output, &told, || {
        let next = match arguments.streams {
            Some(_) => {
                "; 启动后 xiezhi doctor 会指出要执行哪些 xiezhi bus recover / after the start xiezhi doctor names the services to recover"
            }
            None => "",
        };
        format!(
            "已恢复到 {place}, 截至 {until}, {:.1} 秒; 启动: xiezhi up --data {place}{next} / restored as of that moment; \
             start it with the line above, and never beside the old one",
            began.elapsed().as_secs_f64(),
        )
    });
    Ok(())
}

fn tell(output: cli::Output, json: &Value, text: impl Fn() -> String) {
    match output {
        cli::Output::Json => println!("{json:#}"),
        cli::Output::Text => println!("{}", text()),
    }
}
