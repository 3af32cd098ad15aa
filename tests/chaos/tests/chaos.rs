//! About three minutes with a fixed seed: every fault that needs neither a mount nor a cluster once, in an order that the seed
//! draws, half of them over each other. Longer runs with other seeds are `scripts/chaos`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failed test should panic

use std::time::Duration;

use chaos::faults::{Choice, Fault};
use chaos::run::{Options, run};

const FAULTS: [&str; 21] = [
    "kill",
    "kill-service",
    "freeze",
    "postgres-kill",
    "postgres-freeze",
    "nats-kill",
    "nats-wipe",
    "nats-lose",
    "half-open",
    "slow-network",
    "replay",
    "reorder",
    "triple",
    "slow-consumer",
    "poison",
    "hostile",
    "oversize",
    "retry-storm",
    "cancel",
    "contention",
    "rolling",
];

#[tokio::test(flavor = "multi_thread")]
async fn every_invariant_holds_over_every_fault_of_a_fixed_seed() {
    let only = FAULTS.map(|name| Fault::named(name).expect("a fault of this name")).to_vec();
    let options = Options { only, choice: Choice::EachOnce, ..Options::new(2026, Duration::from_secs(60)) };
    let report = run(&options).await.unwrap();
    assert!(report.holds(), "{report:#?}");
    assert_eq!(report.faults.values().sum::<u64>(), FAULTS.len() as u64, "{report:#?}");
    assert_eq!(report.faults_failed, Vec::<String>::new());
    assert!(report.commands() > 50, "too little was going on: {report:#?}");
}
