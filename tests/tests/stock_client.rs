//! Clients that share no code with us: stock gRPC and stock NATS in Python, from the contract alone.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failed test should panic

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use house_tests::desk::{CLERK, Desk};
use serde_json::{Value, json};
use testkit::{House, repository};
use tokio::io::AsyncWriteExt;

/// Stubs are made, a case is registered and worked on: a minute on a busy machine.
const WITHIN: Duration = Duration::from_secs(180);

fn python() -> PathBuf {
    let named = std::env::var_os("XIEZHI_TEST_PYTHON").filter(|named| !named.is_empty()).map(PathBuf::from);
    let python = named.unwrap_or_else(|| repository().join(".local/venv/bin/python"));
    assert!(python.is_file(), "no Python with stock clients at {}: run scripts/test once", python.display());
    python
}

async fn run(asked: Value) -> Value {
    let mut python = tokio::process::Command::new(python())
        .arg(repository().join("tests/stock/department.py"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut stdin = python.stdin.take().unwrap();
    stdin.write_all(asked.to_string().as_bytes()).await.unwrap();
    drop(stdin);
    let output = tokio::time::timeout(WITHIN, python.wait_with_output()).await.expect("Python ends").unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stock_client_registers_a_case_watches_its_order_and_completes_it() {
    let house = House::start().await.unwrap();
    let login = house.nats_login("observer").unwrap();
    let stubs = tempfile::tempdir().unwrap();
    let asked = json!({
        "address": house.address(),
        "proto": repository().join("proto"),
        "stubs": stubs.path(),
        "clerk": house.token(CLERK).await.unwrap(),
        "handler": house.token("ZF.system").await.unwrap(),
        "nats": {
            "url": login.url, "user": login.user, "password": login.password, "inbox_prefix": login.inbox_prefix,
        },
        "register": {
            "complainant": {"name": "王小明", "phone": "13700000001"},
            "title": "垃圾箱损坏",
            "body": "路口的垃圾箱被撞坏, 请尽快处理。",
            "facts": {
                "matter_codes": ["appearance.sanitation_facility"], "region_code": "330421103",
                "object_type": "public_place", "act_on": "2026-03-01",
                "channel": "CHANNEL_PHONE", "urgency": "URGENCY_NORMAL",
            },
        },
    });
    let answer = run(asked).await;

    assert_eq!(answer["refused"]["code"], "INVALID_ARGUMENT");
    assert_eq!(answer["refused"]["reason"], "bus.invalid_argument");
    let fields: Vec<&str> = answer["refused"]["fields"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    assert!(fields.contains(&"title") && fields.contains(&"body"), "{fields:?}");

    let case_id = answer["case"]["case_id"].as_str().unwrap();
    assert_eq!(answer["case"]["case_no"], "JS-2026-000001");
    assert_eq!(answer["work"]["media_type"], "image/png");
    assert_eq!(answer["work"]["order"]["stage"], "WORK_ORDER_STAGE_COMPLETED");
    assert_eq!(answer["work"]["positions"][0], 1, "the feed begins at its beginning");
    is_a_cloud_event(&answer["registered"], "intake", "xiezhi.intake.v1.CaseRegistered", case_id);
    is_a_cloud_event(&answer["completed"], "assignment", "xiezhi.assignment.v1.WorkOrderCompleted", case_id);
    assert_eq!(answer["registered"]["body"]["case_no"], "JS-2026-000001");
    assert_eq!(answer["completed"]["body"]["unit_code"], "ZF");

    let desk = Desk::at(&house).await.unwrap();
    desk.verify().await.unwrap();
}

/// CloudEvents 1.0 in binary mode, with the extensions the journal's readers need.
fn is_a_cloud_event(event: &Value, service: &str, kind: &str, case_id: &str) {
    let header = |name: &str| event["headers"][name].as_str().unwrap_or_else(|| panic!("{name} is missing in {event}"));
    assert_eq!(header("ce-specversion"), "1.0");
    assert_eq!(event["type"], kind);
    assert!([kind, "xiezhi.bus.v1.Facts"].contains(&header("ce-type")), "{event}");
    assert_eq!(header("ce-source"), format!("/330421/{service}"));
    assert_eq!(header("ce-subject"), case_id);
    assert_eq!(header("ce-partitionkey"), case_id);
    assert_eq!(header("content-type"), "application/protobuf");
    assert!(uuid::Uuid::parse_str(header("ce-id")).is_ok(), "{event}");
    assert!(header("ce-time").parse::<jiff::Timestamp>().is_ok(), "{event}");
    assert!(header("ce-sequence").parse::<i64>().unwrap() >= 1);
    assert_eq!(header("Nats-Msg-Id"), format!("{service}/{}/{}", header("ce-epoch"), header("ce-sequence")));
    assert_eq!(hex_length(header("ce-hash")), 32, "{event}");
    assert_eq!(event["body"]["case_id"], case_id);
}

fn hex_length(text: &str) -> usize {
    hex::decode(text).map_or(0, |bytes| bytes.len())
}
