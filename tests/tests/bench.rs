//! `xiezhi bench`: the harness itself, on few cases. How fast anything is, is no business of a test's.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failed test should panic

use std::os::unix::fs::PermissionsExt;

use serde_json::Value;
use testkit::{program, run_program};

/// The figures that have to be more than nothing, under every name that others rely on.
const FIGURES: [&str; 8] = [
    "receipts_per_s",
    "cases_per_s",
    "p50_ms",
    "p99_ms",
    "cpu_ms_per_case",
    "ratio_receipts",
    "ratio_pipeline",
    "ratio_cpu",
];

/// A folder for temporary files. PostgreSQL may run as somebody else and must be able to enter it.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    folder
}

async fn measure(arguments: &[&str], folder: &std::path::Path) -> Value {
    let folder = folder.display().to_string();
    let said = run_program(&program().unwrap(), arguments, &[("TMPDIR", &folder)]).await.unwrap();
    assert_eq!(said.code, Some(0), "{}\n{}", said.stdout, said.stderr);
    serde_json::from_str(&said.stdout).expect("one JSON document on stdout and talk on stderr")
}

fn positive(object: &Value, name: &str) -> f64 {
    let figure = object[name].as_f64().unwrap_or_else(|| panic!("{name} is missing: {object:#}"));
    assert!(figure.is_finite() && figure > 0.0, "{name} is {figure}: {object:#}");
    figure
}

#[tokio::test]
async fn the_whole_path_is_measured_against_the_store_in_a_centre_that_is_gone_afterwards() {
    let folder = folder();
    let arguments = ["bench", "pipeline", "--cases", "60", "--clients", "4", "--rounds", "1", "--seconds", "1"];
    let document = measure(&[&arguments[..], &["--output", "json"]].concat(), folder.path()).await;

    let rounds = document["rounds"].as_array().unwrap();
    assert_eq!((rounds.len(), &document["cases"], &document["clients"]), (1, &60.into(), &4.into()));
    for object in [&document, &rounds[0]] {
        let figures = FIGURES.map(|name| positive(object, name));
        assert!(figures[0] >= figures[1], "the last case is absorbed after the last receipt: {object:#}");
        assert!(figures[2] <= figures[3], "{object:#}");
    }
    let round = &rounds[0];
    assert_eq!(round["cases"], 60, "the warm-up is not counted");
    for work in ["register", "pipeline", "grouped"] {
        for figure in ["cases", "cases_per_s", "cpu_ms_per_case"] {
            positive(&round["limit"][work], figure);
        }
    }
    let register = positive(&round["limit"]["register"], "cases_per_s");
    let ratio = positive(round, "receipts_per_s") / register;
    assert!((ratio - positive(round, "ratio_receipts")).abs() < 1e-9, "{round:#}");
    let shares = ["centre_ms", "postgresql_ms", "nats_ms", "load_ms"].map(|name| round["cpu"][name].as_f64().unwrap());
    assert!((shares.iter().sum::<f64>() - positive(round, "cpu_ms_per_case")).abs() < 1e-6, "{round:#}");
    assert!(shares[0] > 0.0 && shares[1] > 0.0, "nobody's time was found: {round:#}");
    assert!(positive(&round["receipt"], "p50_ms") <= positive(round, "p99_ms"), "a receipt comes first: {round:#}");

    let machine = &document["machine"];
    assert!(machine["cores"].as_u64() > Some(0) && machine["memory_mib"].as_u64() > Some(0), "{machine:#}");
    assert_eq!(machine["fsync"], true);
    let warned =
        document["notes"].as_array().unwrap().iter().any(|note| note["en"].as_str().unwrap().contains("release"));
    assert_eq!(warned, machine["profile"] == "debug", "{document:#}");

    assert_eq!(document["holds"], true);
    let checks = document["verification"]["checks"].as_array().unwrap();
    assert!(checks.len() >= 8 && checks.iter().all(|check| check["failed"] == 0), "{checks:#?}");
    let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().flatten().map(|entry| entry.path()).collect();
    assert!(left.is_empty(), "the centre's folder is left: {left:?}");
}

#[tokio::test]
async fn one_case_at_a_time_reaches_the_desk_and_the_projections_after_its_receipt() {
    let folder = folder();
    let document = measure(&["bench", "latency", "--cases", "5", "--output", "json"], folder.path()).await;
    assert_eq!(document["cases"], 5);
    let receipt = positive(&document["receipt"], "p50_ms");
    for later in ["dispatch", "supervision", "evaluation"] {
        assert!(positive(&document[later], "p50_ms") >= receipt, "{later} before the receipt: {document:#}");
    }
    assert!(positive(&document, "p50_ms") >= positive(&document["supervision"], "p50_ms"), "{document:#}");
    assert!(positive(&document, "p50_ms") >= positive(&document["evaluation"], "p50_ms"), "{document:#}");
}
