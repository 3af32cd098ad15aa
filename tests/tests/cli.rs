//! The commands that need no centre, word for word, and what a person reads when something is wrong.
//!
//! `XIEZHI_WRITE_GOLDEN=1` writes the expected texts anew; read the difference before you commit it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failed test should panic

use std::path::Path;

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
    assert!(told.matches("organisation/units.csv:").count() >= 10, "{told}");
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
