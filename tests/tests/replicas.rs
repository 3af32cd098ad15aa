//! Every service as two separate processes over shared servers: one journey, and what follows when half of them die.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failed test should panic

use std::path::PathBuf;

use house_tests::replicas::Replicas;
use testkit::repository;

/// When the barbecue journey begins, as its file says.
fn barbecue() -> (PathBuf, String) {
    let file = repository().join("deploy/packs/jiashan/journeys/barbecue.yaml");
    let journey: serde_json::Value = serde_norway::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
    let begins = journey["start"].as_str().expect("the journey says when it begins");
    let begins: jiff::civil::DateTime = begins.parse().unwrap();
    (file, begins.in_tz("Asia/Shanghai").unwrap().timestamp().to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_journey_goes_its_way_over_two_processes_of_each_service_and_over_one_when_the_other_dies() {
    let (_, begins) = barbecue();
    let mut centre = Replicas::start(&begins, 2).await.unwrap();
    let data = centre.data();
    centre.run(&["journey", "run", "barbecue", "--here", "--data", &data]).await.unwrap().done().unwrap();
    centre.run(&["verify", "--data", &data]).await.unwrap().done().unwrap();

    // Both replicas of each service have worked: the ingress lets them take turns.
    let served = centre.ingress.served();
    assert_eq!(served.len(), 10, "{served:?}");
    assert!(served.values().all(|calls| *calls > 3), "{served:?}");

    // One of each dies without a word. Nothing is lost, and the rest goes on.
    centre.kill_first_of_each().unwrap();
    let register = [
        "case",
        "register",
        "--as",
        "centre.window1",
        "--title",
        "垃圾箱损坏",
        "--body",
        "路口的垃圾箱被撞坏",
        "--matter",
        "appearance.sanitation_facility",
        "--region",
        "330421103",
        "--object",
        "public_place",
        "--on",
        "2026-03-02",
        "--channel",
        "phone",
        "--output",
        "json",
        "--data",
        &data,
    ];
    let said = centre.run(&register).await.unwrap().done().unwrap();
    let registered: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!(registered["accepted"], true, "{registered}");
    centre.run(&["verify", "--data", &data]).await.unwrap().done().unwrap();
    let log = centre.logs().unwrap();
    assert!(!log.contains("panicked"), "{log}");
}
