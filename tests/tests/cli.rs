//! The commands that need no centre, word for word, and what a person reads when something is wrong.
//!
//! `XIEZHI_WRITE_GOLDEN=1` writes the expected texts anew; read the difference before you commit it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failed test should panic

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use testkit::{Said, program, repository, run_program};

async fn xiezhi(arguments: &[&str]) -> Said {
    run_program(&program().unwrap(), arguments, &[]).await.unwrap()
}

/// Compares with the text in `tests/golden`.
fn golden(name: &str, said: &Said) {
    let text = format!("exit {}\n--- stdout\n{}--- stderr\n{}", said.code.unwrap(), said.stdout, said.stderr);
    let path = repository().join("tests/golden").join(format!("{name}.txt"));
    if std::env::var_os("XIEZHI_WRITE_GOLDEN").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(text == expected, "{name} says otherwise now:\n{text}\n--- instead of\n{expected}");
}

fn pack() -> String {
    repository().join("deploy/packs/jiashan").display().to_string()
}

#[tokio::test]
async fn a_due_date_explains_itself() {
    let pack = pack();
    let over_the_holiday =
        ["clock", "due", "--from", "2026-09-30", "--amount", "5", "--unit", "workday", "--pack", &pack];
    golden("clock_due", &xiezhi(&over_the_holiday).await);
    golden("clock_due_en", &xiezhi(&[&over_the_holiday[..], &["--lang", "en"]].concat()).await);
    let json = xiezhi(&[&over_the_holiday[..], &["--output", "json"]].concat()).await;
    let document: serde_json::Value = serde_json::from_str(&json.stdout).expect("one JSON document on stdout");
    assert!(document.is_object() && json.stderr.is_empty(), "{json:?}");
}

#[tokio::test]
async fn what_cannot_be_counted_is_refused() {
    let said = xiezhi(&["clock", "due", "--from", "yesterday", "--amount", "5", "--unit", "workday"]).await;
    assert_eq!(said.code, Some(2), "{said:?}");
    golden("clock_due_wrong_day", &said);
    let said = xiezhi(&["clock", "due", "--from", "2026-09-30", "--amount", "5", "--unit", "fortnight"]).await;
    assert_eq!((said.code, said.stdout.as_str()), (Some(2), ""), "{said:?}");
}

#[tokio::test]
async fn a_sound_pack_is_said_to_be_sound_and_another_has_every_mistake_told() {
    let said = xiezhi(&["pack", "check", &pack()]).await;
    assert_eq!(said.code, Some(0), "{said:?}");
    let broken = tempfile::tempdir().unwrap();
    house_tests::files::copy(Path::new(&pack()), broken.path()).unwrap();
    let units = broken.path().join("organisation/units.csv");
    let text = std::fs::read_to_string(&units).unwrap();
    std::fs::write(&units, text.replace(",department,", ",ministry,")).unwrap();
    let said = xiezhi(&["pack", "check", &broken.path().display().to_string()]).await;
    assert_eq!(said.code, Some(1), "{said:?}");
    let told = format!("{}{}", said.stdout, said.stderr);
    let mistakes = told.matches("organisation/units.csv:").count();
    assert!(mistakes >= 10, "{told}");
    // Nobody has to have a centre to be told what is wrong with a pack.
    let said = xiezhi(&["pack", "apply", &broken.path().display().to_string()]).await;
    assert!(said.code == Some(1) && said.stdout.is_empty(), "{said:?}");
    assert_eq!(said.stderr.matches("organisation/units.csv:").count(), mistakes, "{said:?}");
}

#[tokio::test]
async fn without_a_centre_a_person_is_told_what_to_do() {
    golden("no_centre", &xiezhi(&["case", "list"]).await);
    golden("no_centre_en", &xiezhi(&["case", "list", "--lang", "en"]).await);
    let nobody = xiezhi(&["case", "list", "--server", "http://127.0.0.1:9", "--output", "json"]).await;
    assert_eq!(nobody.code, Some(1), "{nobody:?}");
    let document: serde_json::Value = serde_json::from_str(&nobody.stdout).expect("one JSON document on stdout");
    assert!(!document["error"]["says"]["zh"].as_str().unwrap().is_empty(), "{document}");
}

#[tokio::test]
async fn a_wrong_command_line_ends_with_two_and_a_question_for_help_with_nothing() {
    for wrong in [&["case", "eat"][..], &["nonsense"], &["case", "show"], &["up", "--start", "2026-03-02T01:00:00Z"]] {
        let said = xiezhi(wrong).await;
        assert_eq!((said.code, said.stdout.as_str()), (Some(2), ""), "{wrong:?}: {said:?}");
        assert!(!said.stderr.is_empty());
    }
    for asked in [&["--help"][..], &["case", "--help"], &["up", "--help"], &["--version"]] {
        let said = xiezhi(asked).await;
        assert_eq!((said.code, said.stderr.as_str()), (Some(0), ""), "{asked:?}: {said:?}");
    }
    let said = xiezhi(&["completions", "bash"]).await;
    assert!(said.code == Some(0) && said.stdout.contains("work-order"), "{said:?}");
}

/// The words after `xiezhi` in the texts of our sources, as people read them in hints.
fn commands_in_hints() -> Vec<(String, Vec<String>)> {
    let is_verb = |word: &&str| {
        word.starts_with(|letter: char| letter.is_ascii_lowercase())
            && word.chars().all(|letter| letter.is_ascii_lowercase() || letter == '-')
    };
    let mut found = Vec::new();
    for source in house_tests::sources::rust("services").unwrap() {
        // Bytes are read by no person, and the test kit has no operator.
        let texts = source.words.iter().filter(|word| word.text.starts_with('"'));
        for text in texts.filter(|_| !source.path.starts_with("services/shared/testkit/")) {
            for rest in text.text.split("xiezhi ").skip(1) {
                let words = rest.split([' ', ')', '"', '\\', ',', ';', '）', '。', '，', '；']).take_while(is_verb);
                let words: Vec<String> = words.take(3).map(str::to_owned).collect();
                if !words.is_empty() {
                    found.push((format!("{}:{}", source.path, text.line), words));
                }
            }
        }
    }
    found
}

/// Every command is asked for its help; what stands behind a whole command is an argument or prose.
#[tokio::test]
async fn every_command_that_a_hint_names_exists() {
    let hints = commands_in_hints();
    assert!(hints.len() >= 12, "only {hints:?}");
    let mut wrong = Vec::new();
    let mut places: BTreeMap<Vec<String>, String> = BTreeMap::new();
    for (place, words) in hints {
        places.entry(words).or_insert(place);
    }
    for (words, place) in places {
        let mut typed: Vec<&str> = Vec::new();
        for word in &words {
            typed.push(word);
            let said = xiezhi(&[&typed[..], &["--help"]].concat()).await;
            if said.code != Some(0) {
                wrong.push(format!("{place}: xiezhi {}", typed.join(" ")));
            }
            if said.code != Some(0) || !said.stdout.contains("\n命令:\n") {
                typed.clear();
                break;
            }
        }
        if !typed.is_empty() {
            wrong.push(format!("{place}: xiezhi {} is only the beginning of a command", typed.join(" ")));
        }
    }
    assert_eq!(wrong, [""; 0]);
}

#[tokio::test]
async fn a_folder_without_a_centre_has_no_tokens_and_nothing_to_stop() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().display().to_string();
    let said = xiezhi(&["token", "issue", "operator", "--data", &data]).await;
    assert_eq!((said.code, said.stdout.as_str()), (Some(1), ""), "{said:?}");
    assert!(said.stderr.contains(&data), "{said:?}");
    let said = xiezhi(&["down", "--data", &data]).await;
    assert!(said.code == Some(0) && said.stderr.contains(&data), "{said:?}");
    std::fs::write(folder.path().join("thesis.txt"), "mine").unwrap();
    let said = xiezhi(&["up", "--simulated", "--data", &data]).await;
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(!folder.path().join("postgres").exists(), "somebody else's folder was used");
}

/// A journey that stands still between its first case and its third, until somebody else registers the second.
const STANDS_STILL: &str = r#"
title: {zh: 停在中间, en: stands still half way}
start: "2026-03-02 08:55"
given: {first: 第一件, third: 第三件}
steps:
  - as: centre.window1
    call: intake.CaseService/RegisterCase
    with:
      title: ${first}
      body: 塘东街口露天烧烤, 油烟直接飘进楼上住户.
      facts:
        matter_codes: [fume.barbecue.open_air]
        region_code: "330421103"
        object_type: stall
        act_on: ${today}
        channel: phone
        urgency: normal
  - as: centre.window1
    wait_until:
      call: intake.CaseService/ListCases
      expect: {cases: {min_count: 2}}
      within: 600s
  - as: centre.window1
    call: intake.CaseService/RegisterCase
    with:
      title: ${third}
      body: 楼下露天烧烤油烟熏人, 希望尽快处理.
      facts:
        matter_codes: [fume.barbecue.open_air]
        region_code: "330421103"
        object_type: stall
        act_on: ${today}
        channel: web
        urgency: normal
"#;

/// A folder with spaces in its name, whose centre ends with the test.
struct Folder {
    place: tempfile::TempDir,
    pack: String,
}

impl Folder {
    fn new() -> Self {
        let place = tempfile::Builder::new().prefix("xiezhi it's a centre ").tempdir().unwrap();
        Self { place, pack: pack() }
    }

    /// With a pack that has [`STANDS_STILL`] beside its other journeys.
    fn standing_still() -> Self {
        let mut folder = Self::new();
        let own = folder.place.path().join("pack");
        house_tests::files::copy(Path::new(&folder.pack), &own).unwrap();
        std::fs::write(own.join("journeys/stands_still.yaml"), STANDS_STILL).unwrap();
        folder.pack = own.display().to_string();
        folder
    }

    /// Not the temporary directory itself: a centre makes its own.
    fn data(&self) -> String {
        self.place.path().join("data of ours").display().to_string()
    }

    fn file(&self, name: &str) -> String {
        std::fs::read_to_string(Path::new(&self.data()).join(name)).unwrap_or_default()
    }

    async fn up(&self, more: &[&str]) -> Said {
        let data = self.data();
        let up = ["up", "--simulated", "--no-fsync", "--detach", "--data", &data];
        xiezhi(&[&up[..], more].concat()).await
    }

    async fn play(&self, journey: &str) -> Said {
        self.up(&["--pack", &self.pack, "--journey", journey]).await
    }

    async fn down(&self) {
        let said = xiezhi(&["down", "--data", &self.data()]).await;
        assert_eq!(said.code, Some(0), "{said:?}");
    }

    async fn cases(&self) -> usize {
        let said = xiezhi(&["case", "list", "--data", &self.data(), "--output", "json"]).await.done().unwrap();
        serde_json::from_str::<serde_json::Value>(&said).unwrap()["cases"].as_array().map_or(0, Vec::len)
    }

    /// Waits until the journey stands still: it has registered its first case and cannot go on by itself.
    async fn stands_still(&self) {
        let began = Instant::now();
        while !self.file("up.log").contains("第 2/3 步") {
            assert!(began.elapsed() < Duration::from_secs(120), "{}", self.file("up.log"));
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Logs of starts that should be gone.
    fn other_logs(&self) -> Vec<String> {
        let names = std::fs::read_dir(self.data()).unwrap();
        let names = names.filter_map(|entry| entry.unwrap().file_name().into_string().ok());
        names.filter(|name| name.starts_with("up.log.")).collect()
    }

    /// The processes that play a journey in this folder.
    fn players(&self) -> Vec<String> {
        let data = self.data();
        let processes = std::fs::read_dir("/proc").unwrap().filter_map(|entry| {
            let name = entry.ok()?.file_name().into_string().ok()?;
            let words = std::fs::read(format!("/proc/{name}/cmdline")).ok()?;
            let words = String::from_utf8_lossy(&words).replace('\0', " ");
            (words.contains("journey run") && words.contains(&data)).then_some(name)
        });
        processes.collect()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::process::Command::new(program().unwrap()).args(["down", "--data", &self.data()]).status();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_centre_that_starts_again_does_not_play_its_journey_again() {
    let folder = Folder::new();
    let first = folder.play("barbecue").await;
    assert!(first.code == Some(0) && first.stdout.contains("playing the journey"), "{first:?}");
    let cases = folder.cases().await;
    folder.down().await;
    let second = folder.play("barbecue").await;
    assert!(second.code == Some(0) && !second.stdout.contains("playing the journey"), "{second:?}");
    assert!(second.stdout.contains("回访评价"), "the story is told again: {second:?}");
    assert_eq!(folder.cases().await, cases);
    for line in second.stdout.lines().skip_while(|line| !line.starts_with("试试")).take(2) {
        let typed = line.trim_start_matches("试试").trim();
        let pasted = std::process::Command::new("sh").args(["-c", typed]).output().unwrap();
        assert!(pasted.status.success() && !pasted.stdout.is_empty(), "{typed}: {pasted:?}");
    }
    folder.down().await;
    // As if the case had not been found when the journey was over.
    std::fs::write(Path::new(&folder.data()).join("journey-played"), "barbecue\n\n").unwrap();
    // Another journey, and a start in another year, change nothing of what was played.
    let more = ["--pack", folder.pack.as_str(), "--journey", "heritage", "--start", "2031-01-02T00:00:00Z"];
    let third = folder.up(&more).await;
    assert!(third.code == Some(0) && !third.stdout.contains("playing the journey"), "{third:?}");
    let told = third.stdout.lines().find(|line| line.contains("heritage")).unwrap_or_default();
    assert!(told.contains("barbecue") && told.contains("does not play heritage"), "{third:?}");
    assert!(third.stdout.contains("回访评价"), "the story that was played is told: {third:?}");
    assert_eq!(folder.cases().await, cases);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_centre_that_was_killed_in_the_middle_of_its_journey_comes_up_again_and_says_so() {
    let folder = Folder::standing_still();
    let (first, ()) = tokio::join!(folder.play("stands_still"), async {
        folder.stands_still().await;
        assert_eq!(folder.players().len(), 1, "nobody plays");
        let pid = folder.file("xiezhi.lock").trim().to_owned();
        let killed = std::process::Command::new("kill").args(["-KILL", &pid]).status().unwrap();
        assert!(killed.success(), "{pid}");
    });
    assert_eq!(first.code, Some(1), "{first:?}");
    let began = Instant::now();
    while !folder.players().is_empty() {
        assert!(began.elapsed() < Duration::from_secs(2), "the journey outlives its centre");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let second = folder.play("stands_still").await;
    assert_eq!(second.code, Some(0), "{second:?}");
    let told = second.stdout.lines().find(|line| line.contains("中途停止")).unwrap_or_default();
    assert!(told.contains("stopped half way") && told.contains(&folder.data().replace('\'', r"'\''")), "{second:?}");
    assert!(!second.stdout.contains("playing the journey"), "it was played again: {second:?}");
    assert_eq!(folder.cases().await, 1, "what there was is still there");
    // What the journey waited for. Somebody who still played it would now register the third case.
    let data = folder.data();
    let register =
        ["case", "register", "--data", &data, "--as", "centre.window1", "--title", "第二件", "--channel", "phone"];
    let what = ["--body", "烟大声音大, 家里老人睡不着.", "--matter", "fume.barbecue.open_air", "--region", "330421103"];
    let registered = xiezhi(&[&register[..], &what[..]].concat()).await;
    assert_eq!(registered.code, Some(0), "{registered:?}");
    for _ in 0..20 {
        assert_eq!((folder.cases().await, folder.players()), (2, Vec::new()), "the old journey goes on");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_centre_that_is_told_to_end_in_the_middle_of_its_journey_ends_at_once() {
    let folder = Folder::standing_still();
    let (first, ()) = tokio::join!(folder.play("stands_still"), async {
        folder.stands_still().await;
        folder.down().await;
    });
    assert_eq!(first.code, Some(1), "it was never ready: {first:?}");
    assert!(first.stderr.contains("before it was ready"), "{first:?}");
    assert!(!folder.file("up.log").contains("xiezhi: ready"), "{}", folder.file("up.log"));
    assert_eq!(folder.players(), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_centres_that_start_at_once_in_the_background_one_is_up_and_the_other_says_why_not() {
    let folder = Folder::new();
    let both = tokio::join!(folder.up(&[]), folder.up(&[]));
    let (up, refused) = if both.0.code == Some(0) { both } else { (both.1, both.0) };
    assert_eq!((up.code, refused.code), (Some(0), Some(1)), "{up:?} {refused:?}");
    assert!(format!("{}{}", refused.stdout, refused.stderr).contains("already"), "{refused:?}");
    assert!(folder.file("up.log").contains("xiezhi: ready"), "the log is the running centre's");
    assert_eq!(folder.other_logs(), [""; 0]);
    folder.down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_that_fails_leaves_its_own_log_and_not_that_of_the_one_before() {
    let folder = Folder::new();
    let up = folder.up(&[]).await;
    assert!(up.code == Some(0) && folder.file("up.log").contains("xiezhi: ready"), "{up:?}");
    folder.down().await;
    std::fs::write(Path::new(&folder.data()).join("ports.json"), "{").unwrap();
    let failed = folder.up(&[]).await;
    assert!(failed.code == Some(1) && failed.stderr.contains("up.log"), "{failed:?}");
    let log = folder.file("up.log");
    assert!(log.contains("ports.json") && !log.contains("xiezhi: ready"), "{log}");
    assert_eq!(folder.other_logs(), [""; 0]);
}

#[tokio::test]
async fn a_journey_is_for_simulated_centres_alone() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("real").display().to_string();
    let said = xiezhi(&["up", "--pack", &pack(), "--journey", "barbecue", "--data", &data]).await;
    assert_eq!((said.code, said.stdout.as_str()), (Some(2), ""), "{said:?}");
    assert!(said.stderr.contains("--simulated"), "{said:?}");
    assert!(!Path::new(&data).exists(), "something was started");
    let help = xiezhi(&["up", "--help"]).await;
    assert!(help.stdout.contains("只用于模拟中心"), "{help:?}");
}

#[tokio::test]
async fn a_setting_that_does_not_read_is_refused_by_its_name() {
    let settings = [
        ("XIEZHI_NATS_URL", "nats://127.0.0.1:9"),
        ("XIEZHI_CENTRE_ID", "a"),
        ("XIEZHI_INTAKE_DATABASE_URL", "postgres://127.0.0.1:9/a"),
    ];
    for (name, value) in
        [("XIEZHI_NATS_STREAM_MAX_BYTES", "256 MB"), ("XIEZHI_NATS_REPLICAS", "-3"), ("XIEZHI_SIMULATED", "yes")]
    {
        let settings = [&settings[..], &[(name, value)]].concat();
        let said = run_program(&program().unwrap(), &["serve", "intake"], &settings).await.unwrap();
        assert_eq!((said.code, said.stdout.as_str()), (Some(1), ""), "{name}: {said:?}");
        assert!(said.stderr.contains(name) && said.stderr.contains(value), "{name}: {said:?}");
    }
}
