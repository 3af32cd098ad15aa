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
    let arguments = ["bench", "latency", "--cases", "5", "--saturation", "20", "--seconds", "1", "--clients", "2"];
    let document = measure(&[&arguments[..], &["--output", "json"]].concat(), folder.path()).await;
    assert_eq!(document["cases"], 5);
    assert_eq!(document["saturation_cases_per_s"], 20.0);
    let loads = document["loads"].as_array().unwrap();
    assert_eq!(loads.iter().map(|load| positive(load, "offered_per_s")).collect::<Vec<_>>(), [4.0, 10.0]);
    assert_eq!(positive(&document, "receipt_p99_at_20_ms"), positive(&loads[0]["receipt"], "p99_ms"));
    assert_eq!(positive(&document, "end_to_end_p99_at_50_ms"), positive(&loads[1]["projected"], "p99_ms"));
    for load in loads {
        assert!(positive(load, "cases") >= 1.0, "{load:#}");
        assert!(positive(&load["projected"], "p50_ms") >= positive(&load["receipt"], "p50_ms"), "{load:#}");
    }
    let receipt = positive(&document["receipt"], "p50_ms");
    for later in ["dispatch", "supervision", "evaluation"] {
        assert!(positive(&document[later], "p50_ms") >= receipt, "{later} before the receipt: {document:#}");
    }
    assert!(positive(&document, "p50_ms") >= positive(&document["supervision"], "p50_ms"), "{document:#}");
    assert!(positive(&document, "p50_ms") >= positive(&document["evaluation"], "p50_ms"), "{document:#}");
}

#[tokio::test]
async fn what_a_centre_holds_is_measured_at_rest_and_under_load() {
    let folder = folder();
    let arguments = ["bench", "memory", "--cases", "20", "--clients", "2", "--settle", "0", "--output", "json"];
    let document = measure(&arguments, folder.path()).await;
    let (idle, load) = (positive(&document, "idle_mib"), positive(&document, "load_mib"));
    assert!(idle > 5.0 && load >= idle * 0.5 && positive(&document, "peak_mib") >= load, "{document:#}");
    for who in ["centre", "postgresql", "nats"] {
        for when in ["idle", "load", "after"] {
            positive(&document[when][who], "rss_mib");
        }
    }
    assert_eq!((document["idle"]["centre"]["rss_mib"].as_f64(), document["cases"].as_u64()), (Some(idle), Some(20)));
}

#[tokio::test]
async fn deadlines_that_come_due_at_one_moment_fire_once_each_and_none_too_early() {
    let folder = folder();
    let document =
        measure(&["bench", "timers", "--armed", "40", "--due", "15", "--output", "json"], folder.path()).await;
    assert_eq!((&document["armed"], &document["due"], &document["fired"]), (&40.into(), &15.into(), &15.into()));
    for kind in ["lateness", "seen"] {
        let late = &document[kind];
        let figures = ["p50_ms", "p99_ms", "max_ms"].map(|name| late[name].as_f64().unwrap());
        assert!(figures[0] >= 0.0 && figures.is_sorted(), "{late:#}");
    }
    assert!(positive(&document, "events_per_timer") >= 1.0, "{document:#}");
    assert!(positive(&document["seen"], "max_ms") >= document["lateness"]["max_ms"].as_f64().unwrap(), "{document:#}");
}

#[tokio::test]
async fn stored_cases_are_whole_and_what_they_cost_is_compared() {
    let folder = folder();
    let arguments = ["bench", "growth", "--small", "20", "--large", "200", "--cases", "6", "--rounds", "1"];
    let more = ["--single", "1", "--reads", "2", "--clients", "2", "--output", "json"];
    let document = measure(&[&arguments[..], &more].concat(), folder.path()).await;
    assert_eq!((&document["small"]["stored"], &document["large"]["stored"]), (&20.into(), &200.into()));
    assert!(positive(&document["large"], "databases_mib") > positive(&document["small"], "databases_mib"));
    let kib = positive(&document["large"], "kib_per_case");
    assert!((1.0..1000.0).contains(&kib), "a case takes {kib} KiB");
    let ratio = |name: &str, of: &dyn Fn(&Value) -> f64| {
        let wanted = of(&document["large"]) / of(&document["small"]);
        assert!((positive(&document, name) - wanted).abs() < 1e-9, "{name}: {document:#}");
    };
    ratio("ratio_cpu", &|size| positive(size, "cpu_ms_per_case"));
    ratio("ratio_latency", &|size| positive(&size["projected"], "p50_ms"));
    ratio("ratio_receipt", &|size| positive(&size["receipt"], "p50_ms"));
    for (name, of) in [("ratio_clock_scan", "clock_scans"), ("ratio_list_page", "list_pages")] {
        let read = document["small"][of].as_object().unwrap();
        assert!(read.len() >= 3, "{read:#?}");
        let worst = read.keys().map(|key| positive(&document["ratios"], key)).fold(0.0, f64::max);
        assert!((positive(&document, name) - worst).abs() < 1e-9, "{name}: {document:#}");
    }
}

#[tokio::test]
async fn evaluation_is_made_again_from_the_journals_and_is_what_it_was() {
    let folder = folder();
    let arguments = ["bench", "replay", "--cases", "20", "--clients", "2", "--rounds", "2", "--seconds", "1"];
    let document = measure(&[&arguments[..], &["--output", "json"]].concat(), folder.path()).await;
    assert_eq!((&document["cases"], &document["same"]), (&20.into(), &true.into()));
    let rounds = document["rounds"].as_array().unwrap();
    assert_eq!(rounds.len(), 2);
    for round in rounds {
        let ratio = positive(round, "cases_per_s") / positive(&round["limit"], "cases_per_s");
        assert!((ratio - positive(round, "ratio_replay")).abs() < 1e-9, "{round:#}");
        assert!(positive(round, "from_journals") >= 20.0 && positive(round, "events") >= 40.0, "{round:#}");
    }
    positive(&document, "ratio_replay");
}
