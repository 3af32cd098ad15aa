//! Every story of the pack, over the whole house, each ending with `xiezhi verify`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failed test should panic

use futures::StreamExt;
use testkit::{HouseOptions, repository};

/// A journey of the pack: its name and when it begins.
fn journeys() -> Vec<(String, String)> {
    let folder = repository().join("deploy/packs/jiashan/journeys");
    let mut found: Vec<(String, String)> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "yaml"))
        .map(|path| {
            let journey: serde_json::Value = serde_norway::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
            let begins: jiff::civil::DateTime = journey["start"].as_str().expect("a start").parse().unwrap();
            let begins = begins.in_tz("Asia/Shanghai").unwrap().timestamp().to_string();
            (path.file_stem().unwrap().to_string_lossy().into_owned(), begins)
        })
        .collect();
    found.sort();
    found
}

/// Plays one in a house of its own, and verifies the house afterwards.
async fn play(name: &str, begins: &str) -> anyhow::Result<()> {
    let house = HouseOptions::default().starting(begins).open().await?;
    house.run(&["journey", "run", name, "--here"]).await?.done()?;
    house.run(&["verify"]).await?.done()?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_journey_of_the_pack_ends_as_it_says_and_leaves_a_sound_centre() {
    let journeys = journeys();
    assert!(!journeys.is_empty());
    let played = futures::stream::iter(&journeys)
        .map(|(name, begins)| async move { play(name, begins).await.map_err(|error| format!("{name}: {error:#}")) });
    // A house is five services and two servers: more at once would only wait for each other.
    let results: Vec<Result<(), String>> = played.buffer_unordered(2).collect().await;
    let failed: Vec<String> = results.into_iter().filter_map(Result::err).collect();
    assert!(failed.is_empty(), "{} of {} journeys failed:\n{}", failed.len(), journeys.len(), failed.join("\n\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_journey_that_turns_time_plays_in_a_centre_of_its_own_and_can_be_repeated() {
    let house = HouseOptions::default().open().await.unwrap();
    for _ in 0..2 {
        house.run(&["journey", "run", "barbecue"]).await.unwrap().done().unwrap();
    }
    // The running centre saw nothing of it.
    let said = house.run(&["case", "list", "--output", "json"]).await.unwrap().done().unwrap();
    assert!(!said.contains("JS-2026-000001"), "{said}");
}
