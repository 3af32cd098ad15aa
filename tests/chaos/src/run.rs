//! One run from beginning to end: a centre, a load, a schedule, a verdict.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use futures::stream::{FuturesUnordered, StreamExt};
use serde::Serialize;
use serde_json::json;

use crate::centre::{Centre, CentreOptions};
use crate::checks::{self, Findings};
use crate::faults::{Choice, Fault, Means, Planned, Thrower, each_once, schedule};
use crate::history::History;
use crate::load::{Load, Story};
use crate::people::People;

/// How long clients may take to end their stories once the faults are over.
const END_WITHIN: Duration = Duration::from_secs(45);

/// What to do.
#[derive(Debug, Clone)]
pub struct Options {
    /// What the schedule and the load follow from.
    pub seed: u64,
    /// How long the load lasts.
    pub length: Duration,
    /// These faults alone; all of them where there are none.
    pub only: Vec<Fault>,
    /// NATS as a cluster of three.
    pub cluster: bool,
    /// How many clients there are.
    pub clients: u64,
    /// These stories alone; all of them where there are none.
    pub stories: Vec<Story>,
    /// How long each rests between two stories.
    pub pause: Duration,
    /// More variables for every process of a service.
    pub variables: Vec<(String, String)>,
    /// Where the folder of the run is made.
    pub parent: PathBuf,
    /// Kept also where everything holds.
    pub keep: bool,
    /// Says less.
    pub quiet: bool,
    /// How faults are chosen.
    pub choice: Choice,
    /// Ends as soon as something is seen that must never be.
    pub until_broken: bool,
    /// What is done to a service's database before the load begins, as its administrator: service and statement.
    pub tampering: Option<(&'static str, &'static str)>,
}

impl Options {
    /// A run of this seed and length, with every fault.
    #[must_use]
    pub fn new(seed: u64, length: Duration) -> Self {
        Self {
            seed,
            length,
            only: Vec::new(),
            cluster: false,
            clients: 8,
            stories: Vec::new(),
            pause: Duration::from_millis(200),
            variables: Vec::new(),
            parent: std::env::temp_dir(),
            keep: false,
            quiet: false,
            choice: Choice::Drawn,
            until_broken: false,
            tampering: None,
        }
    }
}

/// What a run came to.
#[derive(Debug, Serialize)]
pub struct Report {
    /// The seed.
    pub seed: u64,
    /// Commands that were answered, by name.
    pub acknowledged: BTreeMap<String, u64>,
    /// Commands that were refused, by name and reason.
    pub refused: BTreeMap<String, u64>,
    /// Commands nobody answered in time.
    pub unknown: u64,
    /// Faults that were thrown, by name.
    pub faults: BTreeMap<String, u64>,
    /// Faults that could not be thrown as planned, and why.
    pub faults_failed: Vec<String>,
    /// Events that readers took from a journal because the stream had lost them.
    pub repairs: u64,
    /// How often processes ended without being told to.
    pub unexpected_ends: u64,
    /// What was checked and found.
    pub findings: Findings,
    /// Everything needed to tell it again; gone where all was well.
    pub folder: PathBuf,
}

impl Report {
    /// True where nothing is wrong.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.findings.violations.is_empty()
    }

    /// How many commands were answered.
    #[must_use]
    pub fn commands(&self) -> u64 {
        self.acknowledged.values().sum()
    }
}

/// Plays a run. Says what it does on stderr.
pub async fn run(options: &Options) -> anyhow::Result<Report> {
    let folder = folder(options)?;
    let mounts = crate::mounts::Mounts::over(&folder, options);
    let played = play(options, &folder, mounts.are_there()).await;
    drop(mounts);
    let report = played.inspect_err(|_| say(options, &format!("保留 / kept: {}", folder.display())))?;
    std::fs::write(folder.join("report.json"), serde_json::to_vec_pretty(&report)?)?;
    if report.holds() && !options.keep {
        std::fs::remove_dir_all(&folder)?;
    }
    Ok(report)
}

fn folder(options: &Options) -> anyhow::Result<PathBuf> {
    let prefix = format!("xiezhi-chaos-{}-", options.seed);
    let folder = tempfile::Builder::new().prefix(&prefix).tempdir_in(&options.parent)?.keep();
    // PostgreSQL may have to run as somebody else, who must be able to enter.
    let mut permissions = std::fs::metadata(&folder)?.permissions();
    std::os::unix::fs::PermissionsExt::set_mode(&mut permissions, 0o711);
    std::fs::set_permissions(&folder, permissions)?;
    Ok(folder)
}

async fn play(options: &Options, folder: &Path, mounted: bool) -> anyhow::Result<Report> {
    let means = Means { cluster: options.cluster, mount: mounted, fake_time: false };
    for fault in crate::faults::FAULTS
        .iter()
        .filter(|fault| options.only.is_empty() || options.only.iter().any(|one| one.name == fault.name))
    {
        if let Some(why) = fault.missing(means) {
            say(options, &format!("跳过 / skipped: {} {}: {why}", fault.number, fault.name));
        }
    }
    let planned = match options.choice {
        Choice::Drawn => schedule(options.seed, options.length, &options.only, means),
        Choice::EachOnce => each_once(options.seed, &options.only, means),
    };
    std::fs::write(folder.join("schedule.json"), serde_json::to_vec_pretty(&planned)?)?;
    say(options, &versions()?);
    for one in &planned {
        let line = format!(
            "  {:>6.1} s  {} {} ({:.1} s)",
            seconds(one.at_ms),
            one.fault.number,
            one.fault.name,
            seconds(one.lasts_ms)
        );
        say(options, &line);
    }
    let began = Instant::now();
    let centre = Centre::start(CentreOptions {
        folder: folder.to_owned(),
        seed: options.seed,
        nats_nodes: if options.cluster { 3 } else { 1 },
        variables: options.variables.clone(),
    })
    .await?;
    say(
        options,
        &format!(
            "种子 / seed {}; 就绪 / ready {:.1} s; {} 次故障 / faults",
            options.seed,
            began.elapsed().as_secs_f64(),
            planned.len()
        ),
    );
    let played = in_centre(options, &centre, planned).await;
    centre.close().await;
    played
}

async fn in_centre(options: &Options, centre: &Arc<Centre>, planned: Vec<Planned>) -> anyhow::Result<Report> {
    let history = Arc::new(History::create(&centre.folder.join("history.jsonl"))?);
    let people = Arc::new(People::of(centre, Arc::clone(&history)).await?);
    if let Some((service, statement)) = options.tampering {
        centre.tamper(service, statement).await?;
    }
    let load = Load::start(Arc::clone(&people), options);
    let watch = crate::watch::Watch::start(Arc::clone(centre), Arc::clone(&history));
    let thrower = Thrower::new(Arc::clone(centre), Arc::clone(&people));
    let (faults, faults_failed) = throw_all(options, &thrower, planned).await;
    centre.heal().await?;
    let all_ended = load.stop(END_WITHIN).await;
    thrower.settle().await?;
    let looks = watch.stop().await;
    if !all_ended {
        history.broke(format!("N12: a client was not answered within {END_WITHIN:?} of the last fault"));
    }
    let repairs = crate::watch::repairs(centre)?;
    let mut findings = checks::check(centre, &people).await?;
    findings.counted.insert("looks_meanwhile".to_owned(), looks);
    history.flush();
    let details = json!({ "stories": load.told().iter().map(|((story, ended), count)| json!([story_name(*story), ended, count])).collect::<Vec<_>>(), "broken_off": load.why() });
    std::fs::write(centre.folder.join("load.json"), serde_json::to_vec_pretty(&details)?)?;
    Ok(Report {
        seed: options.seed,
        acknowledged: history.by_name().into_iter().map(|(name, count)| (name.to_owned(), count)).collect(),
        refused: history.refused(),
        unknown: history.unknown(),
        faults,
        faults_failed,
        repairs,
        unexpected_ends: centre.replicas.iter().map(|replica| replica.unexpected.load(Ordering::SeqCst)).sum(),
        findings,
        folder: centre.folder.clone(),
    })
}

fn story_name(story: crate::load::Story) -> String {
    format!("{story:?}").to_lowercase()
}

/// Throws each fault at its moment, and waits until all are over and the load has had its time.
async fn throw_all(
    options: &Options,
    thrower: &Thrower,
    planned: Vec<Planned>,
) -> (BTreeMap<String, u64>, Vec<String>) {
    let began = Instant::now();
    let mut under_way: FuturesUnordered<_> = planned
        .into_iter()
        .map(|one| async move {
            tokio::time::sleep(Duration::from_millis(one.at_ms)).await;
            let told = thrower.throw(&one).await;
            (one, told)
        })
        .collect();
    let mut thrown: BTreeMap<String, u64> = BTreeMap::new();
    let mut failed = Vec::new();
    loop {
        let next = tokio::time::timeout(Duration::from_millis(500), under_way.next()).await;
        if options.until_broken && !thrower.people.history.broken().is_empty() {
            return (thrown, failed);
        }
        let (one, told) = match next {
            Ok(Some(over)) => over,
            Ok(None) => break,
            Err(_) => continue,
        };
        *thrown.entry(one.fault.name.to_owned()).or_default() += 1;
        match told {
            Ok(what) => say(
                options,
                &format!("  {:>6.1} s  {} {}: {what}", seconds(one.at_ms), one.fault.number, one.fault.name),
            ),
            Err(error) => {
                failed.push(format!("{} {} ({:.1} s): {error:#}", one.fault.number, one.fault.name, seconds(one.at_ms)))
            }
        }
    }
    tokio::time::sleep(options.length.saturating_sub(began.elapsed())).await;
    (thrown, failed)
}

#[allow(clippy::cast_precision_loss)] // a schedule is minutes long
fn seconds(ms: u64) -> f64 {
    ms as f64 / 1000.0
}

/// What runs: the program's version and the servers'.
fn versions() -> anyhow::Result<String> {
    let binaries = servers::Binaries::find(None)?;
    let of = |program: &Path| {
        let output = std::process::Command::new(program).arg("--version").output();
        output.map_or_else(|_| "?".to_owned(), |output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let programs = [testkit::program()?, binaries.postgres, binaries.nats_server];
    Ok(programs.iter().map(|program| of(program)).collect::<Vec<_>>().join(" · "))
}

/// Talk goes to stderr.
fn say(options: &Options, what: &str) {
    if !options.quiet {
        eprintln!("{what}");
    }
}
