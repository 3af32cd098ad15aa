//! What a centre that has just come up does and says: the pack comes into force, the journey is played, a person is
//! told how to go on.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, bail};

use crate::{keys, shell};

/// Remembers that a journey began in this centre, and which.
const BEGUN: &str = "journey-begun";
/// Remembers that the journey was played to its end.
const PLAYED: &str = "journey-played";

/// What is introduced.
pub struct Introduction<'a> {
    /// Where the centre keeps everything.
    pub data: &'a Path,
    /// Where it answers.
    pub url: &'a str,
    /// True of a centre whose time can be turned.
    pub simulated: bool,
    /// When its time began, where that was said.
    pub start: Option<jiff::Timestamp>,
    /// The pack and where it was read, if there is one.
    pub pack: Option<&'a (PathBuf, pack::Pack)>,
    /// The journey that is asked for.
    pub journey: Option<&'a str>,
}

/// How far the journey of a centre has come.
#[derive(Debug, PartialEq, Eq)]
enum Progress {
    Fresh,
    HalfWay(String),
    Played,
}

/// A centre from before there was a mark for the beginning has one for the end alone.
fn progress(data: &Path) -> anyhow::Result<Progress> {
    if data.join(PLAYED).exists() {
        return Ok(Progress::Played);
    }
    match std::fs::read_to_string(data.join(BEGUN)) {
        Ok(name) => Ok(Progress::HalfWay(name)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Progress::Fresh),
        Err(error) => Err(error).with_context(|| cannot_read(&data.join(BEGUN))),
    }
}

fn cannot_read(path: &Path) -> String {
    format!("{} 无法读取 / cannot be read", path.display())
}

/// Leaves a mark that is on the disk before anything else happens.
fn mark(data: &Path, name: &str, journey: &str) -> anyhow::Result<()> {
    use std::io::Write;
    let path = data.join(name);
    let write = || {
        let mut file = std::fs::File::create(&path)?;
        file.write_all(journey.as_bytes())?;
        file.sync_all()?;
        std::fs::File::open(data)?.sync_all()
    };
    write().with_context(|| format!("{} 无法写入 / cannot be written", path.display()))
}

/// Puts the pack in force and plays the journey once, both as calls from outside, and says what to do next.
pub async fn introduce(new: &Introduction<'_>, step: &impl Fn(&str, &str)) -> anyhow::Result<()> {
    let Some((folder, pack)) = new.pack else {
        println!("地址  {}", new.url);
        return Ok(());
    };
    step("发布规则包", "putting the county pack in force");
    keys::remember_pack(new.data, &pack.canonical_bytes()?)?;
    own_verb(new.data, &["pack", "apply", &folder.to_string_lossy()]).await?;
    if let Some(journey) = new.journey {
        play(new, journey, &pack.county.case_prefix, step).await?;
    }
    let (program, data) = (shell::word(&program_for_people()), shell::word(&new.data.to_string_lossy()));
    let kind = if new.simulated { "模拟中心 / simulated centre" } else { "真实中心 / real centre" };
    println!("地址  {}   ({kind})", new.url);
    println!("试试  {program} case list --data {data}");
    println!("      {program} verify --data {data}");
    println!("      {program} clock due --from 2026-09-30 --amount 5 --unit workday");
    Ok(())
}

/// Plays the journey in a centre that has seen none, and shows what came of it. One that began and did not end is never
/// played again: its first half is in the register already.
async fn play(
    new: &Introduction<'_>,
    journey: &str,
    case_prefix: &str,
    step: &impl Fn(&str, &str),
) -> anyhow::Result<()> {
    match progress(new.data)? {
        Progress::Fresh => {
            step("演示流程", "playing the journey");
            mark(new.data, BEGUN, journey)?;
            own_verb(new.data, &["journey", "run", journey, "--here"]).await?;
            mark(new.data, PLAYED, journey)?;
        }
        Progress::HalfWay(begun) => {
            eprintln!("{}", half_way(&begun, new.data));
            return Ok(());
        }
        Progress::Played => {}
    }
    let first = format!("{case_prefix}-{}-000001", year_of(new.start));
    own_verb(new.data, &["case", "timeline", &first]).await?;
    println!();
    Ok(())
}

fn half_way(journey: &str, data: &Path) -> String {
    let data = shell::word(&data.to_string_lossy());
    format!(
        "上次演示流程 {journey} 中途停止, 不再重放, 中心按已有数据运行; 要从头演示, 请换一个目录 (scripts/up --data 另一目录), 或者停止中心后删除 {data} / \
         the earlier demonstration {journey} stopped half way and is not played again, the centre is up with what there is; to start afresh choose another folder (scripts/up --data OTHER), or stop the centre and remove {data}"
    )
}

/// The year in which the centre's time began.
fn year_of(start: Option<jiff::Timestamp>) -> i16 {
    start.unwrap_or_else(jiff::Timestamp::now).to_zoned(jiff::tz::TimeZone::fixed(jiff::tz::offset(8))).year()
}

/// How a person would call this program from where they are.
fn program_for_people() -> String {
    std::env::args().next().unwrap_or_else(|| "xiezhi".to_owned())
}

/// Runs one of our own verbs as a process of its own, through the public door.
async fn own_verb(data: &Path, words: &[&str]) -> anyhow::Result<()> {
    let program = std::env::current_exe().context("找不到自己的程序 / the program's own path")?;
    let status = tokio::process::Command::new(program)
        .args(words)
        .arg("--data")
        .arg(data)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .status()
        .await?;
    if !status.success() {
        bail!("xiezhi {} 未成功 / did not succeed", words.join(" "));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failed test should panic

    use super::*;

    #[test]
    fn a_journey_is_fresh_then_half_way_then_played() {
        let data = std::env::temp_dir().join(format!("xiezhi-{}", uuid::Uuid::now_v7()));
        std::fs::create_dir(&data).unwrap();
        assert_eq!(progress(&data).unwrap(), Progress::Fresh);
        mark(&data, BEGUN, "barbecue").unwrap();
        assert_eq!(progress(&data).unwrap(), Progress::HalfWay("barbecue".to_owned()));
        mark(&data, PLAYED, "barbecue").unwrap();
        assert_eq!(progress(&data).unwrap(), Progress::Played);
        std::fs::remove_dir_all(&data).unwrap();
    }
}
