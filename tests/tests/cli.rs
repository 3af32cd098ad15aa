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
                let words = rest.split([' ', ')', '"', '\\', ',', ';']).take_while(is_verb);
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

/// A folder with spaces in its name, whose centre ends with the test.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::Builder::new().prefix("xiezhi it's a centre ").tempdir().unwrap())
    }

    /// Not the temporary directory itself: a centre makes its own.
    fn data(&self) -> String {
        self.0.path().join("data of ours").display().to_string()
    }

    fn file(&self, name: &str) -> String {
        std::fs::read_to_string(Path::new(&self.data()).join(name)).unwrap_or_default()
    }

    async fn up(&self) -> Said {
        let (pack, data) = (pack(), self.data());
        let up = ["up", "--simulated", "--no-fsync", "--pack", &pack, "--journey", "barbecue", "--detach"];
        xiezhi(&[&up[..], &["--data", &data]].concat()).await
    }

    async fn down(&self) {
        let said = xiezhi(&["down", "--data", &self.data()]).await;
        assert_eq!(said.code, Some(0), "{said:?}");
    }

    async fn cases(&self) -> usize {
        let said = xiezhi(&["case", "list", "--data", &self.data(), "--output", "json"]).await.done().unwrap();
        serde_json::from_str::<serde_json::Value>(&said).unwrap()["cases"].as_array().map_or(0, Vec::len)
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
    let first = folder.up().await;
    assert!(first.code == Some(0) && first.stdout.contains("playing the journey"), "{first:?}");
    let cases = folder.cases().await;
    folder.down().await;
    let second = folder.up().await;
    assert!(second.code == Some(0) && !second.stdout.contains("playing the journey"), "{second:?}");
    assert!(second.stdout.contains("回访评价"), "the story is told again: {second:?}");
    assert_eq!(folder.cases().await, cases);
    for line in second.stdout.lines().skip_while(|line| !line.starts_with("试试")).take(2) {
        let typed = line.trim_start_matches("试试").trim();
        let pasted = std::process::Command::new("sh").args(["-c", typed]).output().unwrap();
        assert!(pasted.status.success() && !pasted.stdout.is_empty(), "{typed}: {pasted:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_centre_that_was_killed_in_the_middle_of_its_journey_comes_up_again_and_says_so() {
    let folder = Folder::new();
    let (first, ()) = tokio::join!(folder.up(), async {
        let began = Instant::now();
        while !folder.file("up.log").contains("第 9/") {
            assert!(began.elapsed() < Duration::from_secs(120), "{}", folder.file("up.log"));
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let pid = folder.file("xiezhi.lock").trim().to_owned();
        let killed = std::process::Command::new("kill").args(["-KILL", &pid]).status().unwrap();
        assert!(killed.success(), "{pid}");
    });
    assert_eq!(first.code, Some(1), "{first:?}");
    let second = folder.up().await;
    assert_eq!(second.code, Some(0), "{second:?}");
    let told = second.stdout.lines().find(|line| line.contains("中途停止")).unwrap_or_default();
    assert!(told.contains("stopped half way") && told.contains(&folder.data().replace('\'', r"'\''")), "{second:?}");
    assert!(!second.stdout.contains("playing the journey"), "it was played again: {second:?}");
    assert!(folder.cases().await > 0, "what there was is still there");
}
