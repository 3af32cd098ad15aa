//! Who may know what, and what a request must look like.

use sqlx::Connection as _;
use tonic::Code;
use uuid::Uuid;
use xiezhi_proto::assignment::v1::AccountDisabled;
use xiezhi_proto::common::v1::Role;
use xiezhi_proto::intake::v1::NoticeKind;
use xiezhi_proto::supervision::v1 as proto;
use xiezhi_proto::supervision::v1::supervision_service_server::SupervisionService as _;

use crate::house::*;
use crate::words::*;

/// Two cases: one of ZF, one of HB.
async fn two_cases(house: &House) -> [Uuid; 2] {
    let cases = [Uuid::now_v7(), Uuid::now_v7()];
    for (number, (case, unit)) in (1..).zip(cases.iter().zip(["ZF", "HB"])) {
        house.intake.say(*case, registered(*case, number, "2026-03-02 09:00")).await;
        house.intake.say(*case, accepted(*case, number, "2026-03-02 10:00")).await;
        house.assignment.say(*case, dispatched(*case, 1, unit, Role::Lead, "2026-03-02 10:01")).await;
        house.assignment.say(*case, completed(*case, 1, unit, "2026-03-02 12:01")).await;
        house.assignment.say(*case, handled(*case, unit, "2026-03-02 12:02")).await;
        house.intake.say(*case, notice(*case, NoticeKind::Reply, 1, "2026-03-02 12:03")).await;
    }
    house.heard().await;
    cases
}

#[tokio::test]
async fn a_unit_sees_its_own_and_all_else_is_as_if_it_did_not_exist() {
    let house = House::at("2026-03-02 10:05").await;
    let [own, foreign] = two_cases(&house).await;
    let zf = department("ZF");
    for (case, expected) in [(own, Code::Ok), (foreign, Code::NotFound), (Uuid::now_v7(), Code::NotFound)] {
        let case_id = case.to_string();
        let code = |result: Result<(), tonic::Status>| result.map_or_else(|status| status.code(), |()| Code::Ok);
        let clocks = house.door.list_clocks(by(&zf, proto::ListClocksRequest { case_id: case_id.clone() })).await;
        assert_eq!(code(clocks.map(drop)), expected);
        let request = proto::GetTimelineRequest { case_id: case_id.clone(), ..Default::default() };
        assert_eq!(code(house.door.get_timeline(by(&zf, request)).await.map(drop)), expected);
        let request = proto::GetClosingProofRequest { case_id: case_id.clone(), round: 0 };
        assert_eq!(code(house.door.get_closing_proof(by(&zf, request)).await.map(drop)), expected);
    }
    let missing =
        house.door.list_clocks(by(&zf, proto::ListClocksRequest { case_id: Uuid::now_v7().to_string() })).await;
    let not_theirs = house.door.list_clocks(by(&zf, proto::ListClocksRequest { case_id: foreign.to_string() })).await;
    assert_eq!(missing.unwrap_err().message(), not_theirs.unwrap_err().message(), "the two cannot be told apart");
    let due = async |who: &kit::caller::Granted, unit: &str| {
        let request = proto::ListDueRequest { unit_code: unit.to_owned(), ..Default::default() };
        house.door.list_due(by(who, request)).await.unwrap().into_inner().clocks
    };
    assert!(!due(&centre(), "HB").await.is_empty());
    assert!(due(&zf, "").await.iter().all(|view| view.clock.as_ref().unwrap().holder_unit == "ZF"));
    assert!(due(&zf, "HB").await.is_empty());
    let closings = async |who: &kit::caller::Granted| {
        let answer = house.door.list_closings(by(who, proto::ListClosingsRequest::default())).await.unwrap();
        answer.into_inner().proofs.into_iter().map(|proof| proof.case_id).collect::<Vec<_>>()
    };
    assert_eq!(closings(&zf).await, [own.to_string()]);
    assert_eq!(closings(&centre()).await.len(), 2);
    assert_eq!(closings(&department("town-330421103")).await.len(), 2, "the town of the place may check");
    assert_eq!(closings(&department("town-330421104")).await.len(), 0);
}

#[tokio::test]
async fn the_second_wall_stands_where_the_first_one_is_forgotten() {
    let house = House::at("2026-03-02 10:05").await;
    two_cases(&house).await;
    let mut connection = sqlx::PgConnection::connect(house.database()).await.unwrap();
    let counts = async |connection: &mut sqlx::PgConnection, unit: Option<&str>| {
        let mut tx = connection.begin().await.unwrap();
        sqlx::query("SELECT set_config('role', 'supervision_department', true)").execute(&mut *tx).await.unwrap();
        if let Some(unit) = unit {
            sqlx::query("SELECT set_config('xiezhi.unit', $1, true)").bind(unit).execute(&mut *tx).await.unwrap();
        }
        let mut counts = Vec::new();
        for statement in [
            "SELECT count(*) FROM case_file",
            "SELECT count(*) FROM clock",
            "SELECT count(*) FROM closing",
            "SELECT count(*) FROM timeline",
            "SELECT count(*) FROM supervision_order",
        ] {
            counts.push(sqlx::query_scalar::<_, i64>(statement).fetch_one(&mut *tx).await.unwrap());
        }
        tx.rollback().await.unwrap();
        counts
    };
    assert_eq!(counts(&mut connection, None).await, [0, 0, 0, 0, 0], "without the setting there is nothing");
    let zf = counts(&mut connection, Some("ZF")).await;
    assert_eq!((zf[0], zf[2]), (1, 1));
    let clocks: i64 = sqlx::query_scalar("SELECT count(*) FROM clock").fetch_one(&mut connection).await.unwrap();
    assert!(zf[1] > 0 && zf[1] < clocks, "half of what the owner sees: {} of {clocks}", zf[1]);
    assert_eq!(counts(&mut connection, Some("SJ")).await, [0, 0, 0, 0, 0]);
}

#[tokio::test]
async fn every_mistake_of_a_request_is_named() {
    let house = House::at("2026-03-02 10:05").await;
    let bad =
        proto::ExtendClockRequest { command_id: command(), case_id: "JS-2026-000001".to_owned(), ..Default::default() };
    let status = house.door.extend_clock(by(&centre(), bad)).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    assert_eq!(fields(&status), ["case_id", "kind", "reason", "amount"]);
    let bad = proto::ApproveClosingRequest { command_id: "first".to_owned(), case_id: Uuid::now_v7().to_string() };
    let status = house.door.approve_closing(by(&centre(), bad)).await.unwrap_err();
    assert_eq!(fields(&status), ["command_id"]);
    let bad = proto::AnswerSupervisionOrderRequest {
        command_id: command(),
        supervision_order_id: "x".to_owned(),
        answer: "长".repeat(5001),
    };
    let status = house.door.answer_supervision_order(by(&department("ZF"), bad)).await.unwrap_err();
    assert_eq!(fields(&status), ["answer", "supervision_order_id"]);
    let bad = proto::GetTimelineRequest { case_id: Uuid::now_v7().to_string(), page_size: 501, ..Default::default() };
    assert_eq!(fields(&house.door.get_timeline(by(&centre(), bad)).await.unwrap_err()), ["page_size"]);
    let bad = proto::ListDueRequest { page_token: "nonsense".to_owned(), ..Default::default() };
    assert_eq!(fields(&house.door.list_due(by(&centre(), bad)).await.unwrap_err()), ["page_token"]);
    let unknown = proto::PauseClockRequest {
        command_id: command(),
        case_id: Uuid::now_v7().to_string(),
        kind: "reply.first".to_owned(),
        reason_code: "hearing".to_owned(),
    };
    assert_eq!(house.door.pause_clock(by(&centre(), unknown)).await.unwrap_err().code(), Code::NotFound);
    let unguarded = tonic::Request::new(proto::ListOpenTasksRequest::default());
    assert_eq!(house.door.list_open_tasks(unguarded).await.unwrap_err().code(), Code::PermissionDenied);
}

#[tokio::test]
async fn pages_meet_and_hold_everything_once() {
    let house = House::at("2026-03-02 10:05").await;
    two_cases(&house).await;
    let all = async |page_size: u32| {
        let mut kinds = Vec::new();
        let mut page_token = String::new();
        loop {
            let request = proto::ListDueRequest { page_size, page_token, ..Default::default() };
            let answer = house.door.list_due(by(&centre(), request)).await.unwrap().into_inner();
            kinds.extend(answer.clocks.into_iter().map(|view| (view.case_id, view.clock.unwrap().kind)));
            page_token = answer.next_page_token;
            if page_token.is_empty() {
                return kinds;
            }
        }
    };
    let whole = all(500).await;
    assert!(whole.len() >= 4);
    assert_eq!(all(1).await, whole);
    let soon = proto::ListDueRequest { before: Some(wire_time("2026-03-02 23:00")), ..Default::default() };
    let soon = house.door.list_due(by(&centre(), soon)).await.unwrap().into_inner().clocks;
    assert!(soon.len() < whole.len());
}

#[tokio::test]
async fn a_disabled_account_is_known_here_too() {
    let house = House::at("2026-03-02 10:05").await;
    let key = Uuid::now_v7();
    let disabled =
        AccountDisabled { account_id: "ZF.handler2".to_owned(), disabled_at: Some(wire_time("2026-03-02 10:00")) };
    house.assignment.say(key, disabled).await;
    house.heard().await;
    let mut connection = sqlx::PgConnection::connect(house.database()).await.unwrap();
    let revoked: Vec<String> =
        sqlx::query_scalar("SELECT account FROM bus.revoked").fetch_all(&mut connection).await.unwrap();
    assert_eq!(revoked, ["ZF.handler2"]);
}
