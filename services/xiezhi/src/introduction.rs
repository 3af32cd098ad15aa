//! What a centre that has just come up does and says: the pack comes into force, the journey is played, a person is
//! told how to go on.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use client::{Centre, ClientOptions, call};
use servers::DataDir;
use xiezhi_proto::intake::v1::ListCasesRequest;

use crate::{keys, leash, shell};

/// Remembers that a journey began in this centre, and which.
const BEGUN: &str = "journey-begun";
/// Remembers that the journey was played to its end: its name, and on the next line its first case.
const PLAYED: &str = "journey-played";

/// What is introduced.
pub struct Introduction<'a> {
    /// Where the centre keeps everything, as it was typed.
    pub data: &'a Path,
    /// The same directory, held by this process.
    pub directory: &'a DataDir,
    /// Where it answers.
    pub url: &'a str,
    /// True of a centre whose time can be turned.
    pub simulated: bool,
    /// The pack and where it was read, if there is one.
    pub pack: Option<&'a (PathBuf, pack::Pack)>,
    /// The journey that is asked for.
    pub journey: Option<&'a str>,
}

/// A journey that was played, and the case in which it can be read.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Story {
    journey: String,
    case_no: Option<String>,
}

impl Story {
    fn read(text: &str) -> Self {
        let mut lines = text.lines().map(|line| line.trim().to_owned());
        let journey = lines.next().unwrap_or_default();
        Self { journey, case_no: lines.next().filter(|case_no| !case_no.is_empty()) }
    }

    fn write(&self) -> String {
        format!("{}\n{}\n", self.journey, self.case_no.as_deref().unwrap_or_default())
    }
}

/// How far the journey of a centre has come.
#[derive(Debug, PartialEq, Eq)]
enum Progress {
    Fresh,
    HalfWay(String),
    Played(Story),
}

/// A centre from before there was a mark for the beginning has one for the end alone, and that without its case.
fn progress(directory: &DataDir) -> anyhow::Result<Progress> {
    let read = |name: &str| -> anyhow::Result<Option<String>> {
        let bytes = directory.read(name).with_context(|| cannot_read(&directory.path().join(name)))?;
        Ok(bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
    };
    if let Some(story) = read(PLAYED)? {
        return Ok(Progress::Played(Story::read(&story)));
    }
    // An empty mark was being made when its process died, and before a mark is made nothing is played.
    Ok(read(BEGUN)?.filter(|name| !name.trim().is_empty()).map_or(Progress::Fresh, Progress::HalfWay))
}

fn cannot_read(path: &Path) -> String {
    format!("{} 无法读取 / cannot be read", path.display())
}

/// Leaves a mark that is on the disk, whole, before anything else happens.
fn mark(directory: &DataDir, name: &str, text: &str) -> anyhow::Result<()> {
    let cannot = || format!("{} 无法写入 / cannot be written", directory.path().join(name).display());
    directory.write_private(name, text.as_bytes()).with_context(cannot)?;
    // The file is there for certain once its folder is written too.
    std::fs::File::open(directory.path()).and_then(|folder| folder.sync_all()).with_context(cannot)
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
        play(new, journey, step).await?;
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
/// played again: its first half is in the register already. Nor is another one: two stories in one centre's time mix.
async fn play(new: &Introduction<'_>, journey: &str, step: &impl Fn(&str, &str)) -> anyhow::Result<()> {
    let story = match progress(new.directory)? {
        Progress::Fresh => {
            step("演示流程", "playing the journey");
            let before = as_far_as_known(newest_case(new.data).await);
            mark(new.directory, BEGUN, journey)?;
            own_verb(new.data, &["journey", "run", journey, "--here"]).await?;
            remember(new.directory, journey, first_case(new.data, before.as_deref())).await
        }
        Progress::HalfWay(begun) => {
            eprintln!("{}", half_way(&begun, new.data));
            return Ok(());
        }
        Progress::Played(mut story) => {
            if story.journey != journey {
                eprintln!("{}", another(&story.journey, journey));
            }
            if story.case_no.is_none() {
                // Whoever plays a journey plays it in a new centre: its first case is the oldest there is.
                story.case_no = as_far_as_known(first_case(new.data, None).await);
            }
            story
        }
    };
    tell(new.data, &story).await;
    Ok(())
}

/// Marks a journey as played, and then looks for its first case: whatever comes of that, it is not played again.
async fn remember(
    directory: &DataDir,
    journey: &str,
    find: impl Future<Output = anyhow::Result<Option<String>>>,
) -> Story {
    let mut story = Story { journey: journey.to_owned(), case_no: None };
    let marked = |story: &Story| {
        if let Err(error) = mark(directory, PLAYED, &story.write()) {
            eprintln!(
                "流程 {journey} 已演示, 但未能记下, 中心照常运行 / journey {journey} was played, which could not be noted; the centre is up all the same: {error:#}"
            );
        }
    };
    marked(&story);
    story.case_no = as_far_as_known(find.await);
    if story.case_no.is_some() {
        marked(&story);
    }
    story
}

/// A case of the register, if it could be read. It is only for talk: a centre is up without it.
fn as_far_as_known(case_no: anyhow::Result<Option<String>>) -> Option<String> {
    case_no.unwrap_or_else(|error| {
        eprintln!(
            "登记册暂时未能读取, 中心照常运行 / the register could not be read just now, the centre is up all the same: {error:#}"
        );
        None
    })
}

/// Shows the story's timeline. It is only talk: a centre that cannot tell it is up all the same.
async fn tell(data: &Path, story: &Story) {
    let Some(case_no) = &story.case_no else { return };
    match own_verb(data, &["case", "timeline", case_no]).await {
        Ok(()) => println!(),
        Err(error) => eprintln!(
            "流程 {0} 的时间线未能显示, 中心照常运行 / the timeline of {0} could not be shown, the centre is up all the same: {error:#}",
            story.journey
        ),
    }
}

fn half_way(journey: &str, data: &Path) -> String {
    let data = shell::word(&data.to_string_lossy());
    format!(
        "上次演示流程 {journey} 中途停止, 不再重放, 中心按已有数据运行; 要从头演示, 请换一个目录 (scripts/up --data 另一目录), 或者停止中心后删除 {data} / \
         the earlier demonstration {journey} stopped half way and is not played again, the centre is up with what there is; to start afresh choose another folder (scripts/up --data OTHER), or stop the centre and remove {data}"
    )
}

fn another(played: &str, asked: &str) -> String {
    format!(
        "该中心已演示过 {played}, 不再演示 {asked}, 以下是 {played} 的时间线; 要演示 {asked}, 请换一个目录 (--data) / \
         this centre has played {played} and does not play {asked}, what follows is the timeline of {played}; to see {asked} choose another folder (--data)"
    )
}

/// The newest case, if there is any.
async fn newest_case(data: &Path) -> anyhow::Result<Option<String>> {
    Ok(Register::of(data).await?.page(1, String::new()).await?.0.into_iter().next())
}

/// The oldest case that came after this one; of all, where there was none.
async fn first_case(data: &Path, before: Option<&str>) -> anyhow::Result<Option<String>> {
    Register::of(data).await?.first_after(before).await
}

/// The centre's register, read through its public door, with a token of 15 minutes: opened anew for every question, since a
/// journey may take longer.
struct Register {
    centre: Centre,
}

impl Register {
    async fn of(data: &Path) -> anyhow::Result<Self> {
        let file = cli::CentreFile::read(data).map_err(|failure| anyhow::anyhow!("{failure}"))?;
        let centre = Centre::connect(ClientOptions::new(file.grpc_address).token(file.operator_token)).await?;
        Ok(Self { centre })
    }

    /// A page of case numbers, newest first, and where the next begins.
    async fn page(&self, page_size: u32, page_token: String) -> anyhow::Result<(Vec<String>, String)> {
        let request = ListCasesRequest { page_size, page_token, ..ListCasesRequest::default() };
        let centre = &self.centre;
        let page = centre.read(|| call!(centre.intake().list_cases(request.clone()))).await?;
        Ok((page.cases.into_iter().map(|case| case.case_no).collect(), page.next_page_token))
    }

    async fn first_after(&self, before: Option<&str>) -> anyhow::Result<Option<String>> {
        let (mut first, mut token) = (None, String::new());
        loop {
            let (cases, next) = self.page(200, token).await?;
            for case_no in cases {
                if Some(case_no.as_str()) == before {
                    return Ok(first);
                }
                first = Some(case_no);
            }
            if next.is_empty() {
                return Ok(first);
            }
            token = next;
        }
    }
}

/// How a person would call this program from where they are.
fn program_for_people() -> String {
    std::env::args().next().unwrap_or_else(|| "xiezhi".to_owned())
}

/// Runs one of our own verbs as a process of its own, through the public door. It ends when we do.
async fn own_verb(data: &Path, words: &[&str]) -> anyhow::Result<()> {
    let program = std::env::current_exe().context("找不到自己的程序 / the program's own path")?;
    let mut child = leash::spawn(tokio::process::Command::new(program).args(words).arg("--data").arg(data))?;
    // `Child::wait` would let go of the leash first.
    let held = child.stdin.take();
    let status = child.wait().await;
    drop(held);
    if !status?.success() {
        bail!("xiezhi {} 未成功 / did not succeed", words.join(" "));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failed test should panic

    use super::*;

    /// A directory of a centre that is gone with the test.
    struct Folder(PathBuf, DataDir);

    impl Folder {
        fn new() -> Self {
            let path = std::env::temp_dir().join(format!("xiezhi-{}", uuid::Uuid::now_v7()));
            let directory = DataDir::open(&path).unwrap();
            Self(path, directory)
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn a_journey_is_fresh_then_half_way_then_played() {
        let folder = Folder::new();
        assert_eq!(progress(&folder.1).unwrap(), Progress::Fresh);
        mark(&folder.1, BEGUN, "barbecue").unwrap();
        assert_eq!(progress(&folder.1).unwrap(), Progress::HalfWay("barbecue".to_owned()));
        let story = Story { journey: "barbecue".to_owned(), case_no: Some("JS-2026-000001".to_owned()) };
        mark(&folder.1, PLAYED, &story.write()).unwrap();
        assert_eq!(progress(&folder.1).unwrap(), Progress::Played(story));
    }

    #[tokio::test]
    async fn a_journey_counts_as_played_before_its_case_is_looked_for_and_without_it() {
        let folder = Folder::new();
        let story =
            |case_no: Option<&str>| Story { journey: "barbecue".to_owned(), case_no: case_no.map(str::to_owned) };
        let unread = async {
            assert_eq!(progress(&folder.1).unwrap(), Progress::Played(story(None)), "not marked yet");
            Err(anyhow::anyhow!("the token is over"))
        };
        assert_eq!(remember(&folder.1, "barbecue", unread).await, story(None));
        assert_eq!(progress(&folder.1).unwrap(), Progress::Played(story(None)));
        let found = async { Ok(Some("JS-2026-000001".to_owned())) };
        assert_eq!(remember(&folder.1, "barbecue", found).await, story(Some("JS-2026-000001")));
        assert_eq!(progress(&folder.1).unwrap(), Progress::Played(story(Some("JS-2026-000001"))));
    }

    #[test]
    fn a_mark_without_a_word_is_of_a_journey_that_never_began() {
        let folder = Folder::new();
        std::fs::write(folder.0.join(BEGUN), "").unwrap();
        assert_eq!(progress(&folder.1).unwrap(), Progress::Fresh);
    }

    #[test]
    fn a_story_without_a_case_reads_back_as_such() {
        let story = Story { journey: "heritage".to_owned(), case_no: None };
        assert_eq!(Story::read(&story.write()), story);
        assert_eq!(Story::read("heritage"), story, "as it was written before cases were kept");
    }
}
