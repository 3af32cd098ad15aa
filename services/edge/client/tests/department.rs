//! The client against a real centre: the example acknowledges what arrives, a stream survives a crash, a command is carried out once.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failed test should panic

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use client::{Centre, ClientOptions, call};
use ed25519_dalek::SigningKey;
use testkit::House;
use xiezhi_proto::assignment::v1::{ListWorkOrdersRequest, RegisterAccountKeyRequest, WorkOrder};
use xiezhi_proto::common::v1::{CaseFacts, Channel, Urgency};
use xiezhi_proto::intake::v1::{RegisterCaseRequest, RegisterCaseResponse};

/// The account of a department's own system.
const ACCOUNT: &str = "ZF.system";

async fn centre(house: &House, account: &str) -> Centre {
    let token = house.token(account).await.unwrap();
    Centre::connect(ClientOptions::new(house.address()).token(token)).await.unwrap()
}

/// Enrols a key for the department's system; the administrator does it once.
async fn enrol(house: &House) -> SigningKey {
    let key = SigningKey::from_bytes(&[7; 32]);
    let administrator = centre(house, "centre.administrator").await;
    let public_key = key.verifying_key().to_bytes().to_vec();
    administrator
        .command(|command_id| {
            let (account_id, public_key) = (ACCOUNT.to_owned(), public_key.clone().into());
            call!(administrator.accounts().register_account_key(RegisterAccountKeyRequest {
                command_id,
                account_id,
                public_key
            }))
        })
        .await
        .unwrap();
    key
}

/// A matter of one holder, of a class that needs no clerk: it is dispatched as soon as it is registered.
fn graffiti(command_id: String) -> RegisterCaseRequest {
    RegisterCaseRequest {
        command_id,
        title: "电杆贴满小广告".to_owned(),
        body: "请清理".to_owned(),
        facts: Some(CaseFacts {
            matter_codes: vec!["appearance.graffiti".to_owned()],
            region_code: "330421103".to_owned(),
            object_type: "public_place".to_owned(),
            act_on: "2026-03-01".to_owned(),
            channel: Channel::Phone.into(),
            urgency: Urgency::Normal.into(),
            ..CaseFacts::default()
        }),
        ..RegisterCaseRequest::default()
    }
}

async fn register(clerk: &Centre) -> RegisterCaseResponse {
    clerk.command(|command_id| call!(clerk.intake().register_case(graffiti(command_id)))).await.unwrap()
}

async fn orders_of(coordinator: &Centre, case_id: &str) -> Vec<WorkOrder> {
    let request = ListWorkOrdersRequest { case_id: case_id.to_owned(), ..ListWorkOrdersRequest::default() };
    coordinator.read(|| call!(coordinator.assignment().list_work_orders(request.clone()))).await.unwrap().work_orders
}

/// The compiled example, beside the tests in the same target directory.
fn example() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let profile = test.parent().and_then(|deps| deps.parent()).unwrap();
    let example = profile.join("examples/department");
    assert!(example.is_file(), "cargo build -p client --example department comes first");
    example
}

struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_example_acknowledges_a_work_order_as_it_arrives() {
    let house = House::start().await.unwrap();
    let key = enrol(&house).await;
    let _example = Running(
        Command::new(example())
            .args([house.address(), ACCOUNT, &hex::encode(key.to_bytes())])
            .stdout(Stdio::null())
            .spawn()
            .unwrap(),
    );
    let clerk = centre(&house, "centre.window1").await;
    let coordinator = centre(&house, "centre.coordinator").await;
    let case = register(&clerk).await;
    for _ in 0..600 {
        let orders = orders_of(&coordinator, &case.case_id).await;
        if orders.iter().any(|order| order.acknowledged_at.is_some()) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("no work order was acknowledged:\n{}", house.logs());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_of_orders_goes_on_where_it_was_after_a_crash() {
    let mut house = House::start().await.unwrap();
    let key = enrol(&house).await;
    let options = ClientOptions::new(house.address()).account(ACCOUNT, key);
    let department = Centre::connect(options).await.unwrap();
    let mut orders = department.orders();
    let clerk = centre(&house, "centre.window1").await;

    let first = register(&clerk).await;
    let change = orders.next().await.unwrap();
    assert_eq!((change.position, change.change.as_str()), (1, "dispatched"));
    assert_eq!(change.order.case_id, first.case_id);

    house.kill().await.unwrap();
    house.restart().await.unwrap();
    let clerk = centre(&house, "centre.window1").await;
    let second = register(&clerk).await;
    let change = tokio::time::timeout(Duration::from_secs(60), orders.next()).await.unwrap().unwrap();
    assert_eq!(change.position, 2, "nothing twice, nothing left out");
    assert_eq!(change.order.case_id, second.case_id);

    let again = department.orders_after("", 1).next().await.unwrap();
    assert_eq!(again.position, 2, "a new stream starts where it is told to");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_is_repeated_is_carried_out_once() {
    let house = House::start().await.unwrap();
    let clerk = centre(&house, "centre.window1").await;
    let command_id = client::new_command_id();
    let once = clerk.intake().register_case(graffiti(command_id.clone())).await.unwrap().into_inner();
    let twice = clerk.intake().register_case(graffiti(command_id.clone())).await.unwrap().into_inner();
    assert_eq!(once, twice);
    let other = RegisterCaseRequest { title: "另一件".to_owned(), ..graffiti(command_id) };
    let refused = client::Error::from(clerk.intake().register_case(other).await.unwrap_err());
    assert_eq!(refused.refused().map(|refused| refused.reason.as_str()), Some("bus.command_reused"));
}

#[tokio::test(flavor = "multi_thread")]
async fn files_come_back_as_they_were_stored() {
    let house = House::start().await.unwrap();
    let handler = centre(&house, "ZF.handler").await;
    let operator = Centre::connect(ClientOptions::new(house.address()).token(house.operator_token().unwrap()));
    let operator = operator.await.unwrap();
    let file: Vec<u8> = "现场照片说明 ".repeat(20_000).into_bytes();
    let stored = client::blob::upload(&handler, "assignment", file.clone()).await.unwrap();
    assert_eq!((stored.size_bytes, stored.media_type.as_str()), (file.len() as u64, "text/plain"));
    let read = client::blob::download(&operator, "assignment", &stored.sha256).await.unwrap();
    assert_eq!(read, file);
    let missing = client::blob::download(&operator, "assignment", &[9; 32]).await.unwrap_err();
    assert_eq!(missing.refused().map(|refused| refused.code.as_str()), Some("NOT_FOUND"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sound_centre_verifies_and_a_forged_history_does_not() {
    let house = House::start().await.unwrap();
    let clerk = centre(&house, "centre.window1").await;
    let case = register(&clerk).await;
    let operator = Centre::connect(ClientOptions::new(house.address()).token(house.operator_token().unwrap()));
    let operator = operator.await.unwrap();
    let options = client::verify::Options::default();
    let report = client::verify::verify(&operator, &options).await.unwrap();
    assert!(report.holds(), "{report:#?}");
    assert!(report.checks.iter().all(|check| check.counted > 0), "{report:#?}");

    let made_up = uuid::Uuid::now_v7();
    let answered = [("intake".to_owned(), [made_up].into())].into();
    let report = client::verify::verify(&operator, &client::verify::Options { answered, ..options }).await.unwrap();
    let expected = client::verify::Violation::CommandUnknown { service: "intake".to_owned(), command_id: made_up };
    assert_eq!(report.checks[0].violations, [expected], "{} was registered", case.case_no);
}
