//! The operator's screen over a real centre, after the barbecue: what people read, compared with what they should read.
//!
//! `XIEZHI_WRITE_GOLDEN=1 cargo test -p cli --test screen` writes the expected texts anew.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failed test should panic

use std::path::PathBuf;

use testkit::{House, HouseOptions};

/// One story, one house: every screen is looked at after it.
#[tokio::test(flavor = "multi_thread")]
async fn every_screen_shows_the_barbecue_as_people_read_it() {
    let house = HouseOptions::default().starting("2026-03-02T00:55:00Z").open().await.unwrap();
    house.run(&["journey", "run", "barbecue", "--here"]).await.unwrap().done().unwrap();
    let case = "JS-2026-000001";
    let mut differing = Vec::new();
    for (name, arguments) in [
        ("case-list", vec!["case", "list"]),
        ("case-show", vec!["case", "show", case]),
        ("case-show-en", vec!["case", "show", case, "--lang", "en"]),
        ("case-timeline", vec!["case", "timeline", case]),
        ("case-notices", vec!["case", "notices", case, "--as", "centre.window1"]),
        ("case-text", vec!["case", "text", case, "--as", "centre.window1"]),
        ("determination-show", vec!["determination", "show", case, "--as", "centre.coordinator"]),
        ("work-order-list", vec!["work-order", "list", "--case", case, "--as", "centre.coordinator"]),
        ("work-order-show", vec!["work-order", "show", "JS-2026-000001/GA", "--as", "GA.handler"]),
        ("operation-show", vec!["operation", "show", case, "--as", "centre.coordinator"]),
        ("closing-show", vec!["closing", "show", case, "--as", "centre.supervisor"]),
        ("callback-list", vec!["callback", "list", "--state", "recorded", "--as", "centre.evaluator"]),
        (
            "rates-show",
            vec!["rates", "show", "--from", "2026-03-01", "--to", "2026-03-31", "--as", "centre.supervisor"],
        ),
        ("list-show", vec!["list", "show", "--matter", "fume.barbecue.open_air", "--as", "centre.window1"]),
        ("bus-parked", vec!["bus", "parked", "list"]),
        ("clock-confirm", vec!["clock", "confirm"]),
        ("journey-list", vec!["journey", "list"]),
    ] {
        let said = house.run(&arguments).await.unwrap().done().unwrap();
        if !is_golden(name, &said) {
            differing.push(name);
        }
    }
    let refused = house.run(&["case", "accept", case, "--as", "centre.window1"]).await.unwrap();
    assert_eq!(refused.code, Some(1));
    if !is_golden("case-accept-refused", &refused.stderr) {
        differing.push("case-accept-refused");
    }
    machines_get_one_document(&house, case).await;
    assert_eq!(differing, [""; 0], "XIEZHI_WRITE_GOLDEN=1 writes them anew");
}

async fn machines_get_one_document(house: &House, case: &str) {
    let json = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
    let shown = house.run(&["case", "show", case, "--output", "json"]).await.unwrap().done().unwrap();
    assert_eq!(json(&shown)["case"]["case_no"], case);
    let verified = house.run(&["verify", "--output", "json"]).await.unwrap().done().unwrap();
    assert_eq!(json(&verified)["checks"].as_array().map(Vec::len), Some(8));
    let refused = house.run(&["case", "accept", case, "--as", "centre.window1", "--output", "json"]).await.unwrap();
    assert_eq!(refused.code, Some(1));
    assert_eq!(json(&refused.stdout)["error"]["reason"], "intake.out_of_turn");
    let usage = house.run(&["case", "shwo"]).await.unwrap();
    assert_eq!((usage.code, usage.stdout.as_str()), (Some(2), ""));
}

/// Compares a text with the expected one, line by line and in any order: what two services do at the same moment has none.
fn is_golden(name: &str, said: &str) -> bool {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(format!("{name}.txt"));
    let said = settled(said);
    if std::env::var_os("XIEZHI_WRITE_GOLDEN").is_some() {
        std::fs::write(&path, &said).unwrap();
        return true;
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    let sorted = |text: &str| {
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    let same = sorted(&said) == sorted(&expected);
    if !same {
        eprintln!("--- {name} should be\n{expected}--- is\n{said}");
    }
    same
}

/// Takes out what is different in every run: UUIDs, tracking codes and fingerprints.
fn settled(text: &str) -> String {
    let mut settled = String::new();
    for line in text.lines() {
        let words: Vec<String> =
            line.split(' ').map(|word| if is_random(word) { mask(word) } else { word.to_owned() }).collect();
        settled.push_str(&words.join(" "));
        settled.push('\n');
    }
    settled
}

fn is_random(word: &str) -> bool {
    let word = word.trim_end_matches(['。', ',', '.', ';']);
    let is_fingerprint = word.len() == 64 && word.chars().all(|letter| letter.is_ascii_hexdigit());
    is_fingerprint || uuid::Uuid::parse_str(word).is_ok() || is_tracking_code(word)
}

/// Fourteen letters and digits in three groups, as `DAX3-2V3G-11FZ`.
fn is_tracking_code(word: &str) -> bool {
    let groups: Vec<&str> = word.split('-').collect();
    groups.len() == 3
        && groups.iter().all(|group| group.len() == 4 && group.chars().all(|letter| letter.is_ascii_alphanumeric()))
}

/// As wide as before, so that columns stay where they were.
fn mask(word: &str) -> String {
    word.chars().map(|letter| if letter.is_ascii_alphanumeric() { '*' } else { letter }).collect()
}
