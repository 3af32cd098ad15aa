//! Bad input: a clear status with every mistake at once, nothing half written.

use tonic::Code;
use uuid::Uuid;
use xiezhi_proto::scheduling::v1 as proto;
use xiezhi_proto::scheduling::v1::officer_service_server::OfficerService as _;
use xiezhi_proto::scheduling::v1::operation_service_server::OperationService as _;

use crate::house::*;

#[tokio::test]
async fn every_mistake_of_a_request_is_named_at_once() {
    let house = House::at("2026-03-04 10:00").await;
    let request = proto::ApproveOperationRequest {
        command_id: command(),
        operation_id: Uuid::now_v7().to_string(),
        terms: Some(proto::PlanTerms {
            kind: 99,
            duration_minutes: 3,
            hours: Some(proto::PlanHours { from: "25:00".to_owned(), to: "八点".to_owned() }),
            vehicles: Some(1000),
            resource_codes: vec!["car 1".to_owned()],
            ..Default::default()
        }),
        not_before: Some(prost_types::Timestamp { seconds: i64::MAX, nanos: 0 }),
        starts_at: Some(prost_types::Timestamp { seconds: 0, nanos: -1 }),
    };
    let status = house.operations.approve_operation(by(&centre(), request)).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    let expected = [
        "not_before",
        "starts_at",
        "terms.kind",
        "terms.duration_minutes",
        "terms.vehicles",
        "terms.hours.from",
        "terms.hours.to",
        "terms.resource_codes[0]",
    ];
    assert_eq!(fields(&status), expected);

    let request = proto::RecordInspectionRequest {
        command_id: command(),
        operation_id: "JS-2026-000001".to_owned(),
        form_codes: vec!["表".to_owned()],
        findings: vec![
            proto::UnitFinding { unit_code: "ZF".to_owned(), finding_code: "guilty".to_owned() },
            proto::UnitFinding { unit_code: String::new(), finding_code: "violation".to_owned() },
        ],
        evidence_sha256: vec![vec![1, 2, 3].into()],
        words: "长".repeat(10_001),
        unit_code: "一".to_owned(),
    };
    let status = house.operations.record_inspection(by(&centre(), request)).await.unwrap_err();
    let expected = [
        "operation_id",
        "unit_code",
        "form_codes[0]",
        "findings[0].finding_code",
        "findings[1].unit_code",
        "evidence_sha256[0]",
        "words",
    ];
    assert_eq!(fields(&status), expected);
}

#[tokio::test]
async fn impossible_times_pages_ids_and_certificates_are_refused() {
    let house = House::at("2026-03-04 10:00").await;
    let assignment = house.neighbour(Assignment).await;
    let proposed = house.proposed(&assignment, Uuid::now_v7(), &["ZF"]).await;
    let id = proposed.operation_id.clone();
    let too_far = house.approve(&id, None, Some("2028-01-01 10:00")).await.unwrap_err();
    assert_eq!(fields(&too_far), ["starts_at"]);
    let past = house.approve(&id, None, Some("2026-03-03 20:00")).await.unwrap_err();
    assert_eq!(reason(&past), "scheduling.infeasible");
    assert!(says(&past).contains("不在可排期间内"), "{}", says(&past));
    let nameless =
        proto::ApproveOperationRequest { command_id: "x".to_owned(), operation_id: id.clone(), ..Default::default() };
    let status = house.operations.approve_operation(by(&centre(), nameless)).await.unwrap_err();
    assert_eq!(fields(&status), ["command_id"]);
    let page = proto::ListOperationsRequest { page_size: 10_000, ..Default::default() };
    let status = house.operations.list_operations(by(&centre(), page)).await.unwrap_err();
    assert_eq!(fields(&status), ["page_size"]);
    let page = proto::ListOperationsRequest { page_token: "!".to_owned(), ..Default::default() };
    let status = house.operations.list_operations(by(&centre(), page)).await.unwrap_err();
    assert_eq!(fields(&status), ["page_token"]);
    let unit = proto::ConfirmParticipationRequest {
        command_id: command(),
        operation_id: id.clone(),
        unit_code: String::new(),
    };
    let status = house.operations.confirm_participation(by(&centre(), unit)).await.unwrap_err();
    assert_eq!(fields(&status), ["unit_code"], "the centre must say for whom");

    let certificate = |code: &str, from: &str, to: &str| proto::RecordCertificateRequest {
        command_id: command(),
        officer_code: code.to_owned(),
        certificate: Some(proto::Certificate {
            number: "ZJ1".to_owned(),
            valid_from: from.to_owned(),
            valid_to: to.to_owned(),
        }),
    };
    let status =
        house.officers.record_certificate(by(&centre(), certificate("ZF-O01", "2026-02-30", "2026-13-01"))).await;
    assert_eq!(fields(&status.unwrap_err()), ["certificate.valid_from", "certificate.valid_to"]);
    let status =
        house.officers.record_certificate(by(&centre(), certificate("ZF-O01", "2026-03-02", "2026-03-01"))).await;
    assert_eq!(fields(&status.unwrap_err()), ["certificate.valid_to"]);
    let status =
        house.officers.record_certificate(by(&centre(), certificate("nobody", "2026-03-01", "2026-03-02"))).await;
    assert_eq!(status.unwrap_err().code(), Code::NotFound);
    let status =
        house.officers.record_certificate(by(&centre(), certificate("ZF-A01", "2026-03-01", "2026-03-02"))).await;
    assert_eq!(reason(&status.unwrap_err()), "scheduling.auxiliary");
    let foreign = by(&department("HB"), certificate("ZF-O01", "2026-03-01", "2026-03-02"));
    assert_eq!(house.officers.record_certificate(foreign).await.unwrap_err().code(), Code::NotFound);
}

#[tokio::test]
async fn evidence_that_was_never_uploaded_is_named() {
    let house = House::at("2026-03-04 10:00").await;
    let request = proto::RecordInspectionRequest {
        command_id: command(),
        operation_id: Uuid::now_v7().to_string(),
        evidence_sha256: vec![hash_of(&proto::GetOperationRequest::default()).to_vec().into()],
        ..Default::default()
    };
    let status = house.operations.record_inspection(by(&centre(), request)).await.unwrap_err();
    assert_eq!(fields(&status), ["evidence_sha256"]);
}

#[tokio::test]
async fn pages_go_on_where_the_last_one_ended() {
    let house = House::at("2026-03-04 10:00").await;
    let assignment = house.neighbour(Assignment).await;
    let mut wanted = Vec::new();
    for _ in 0..5 {
        wanted.push(house.proposed(&assignment, Uuid::now_v7(), &["ZF"]).await.operation_id);
    }
    let (mut found, mut token) = (Vec::new(), String::new());
    loop {
        let request = proto::ListOperationsRequest { page_size: 2, page_token: token, ..Default::default() };
        let page = house.operations.list_operations(by(&centre(), request)).await.unwrap().into_inner();
        found.extend(page.operations.into_iter().map(|operation| operation.operation_id));
        token = page.next_page_token;
        if token.is_empty() {
            break;
        }
    }
    wanted.reverse();
    assert_eq!(found, wanted, "newest first, each once");
    let mut officers = Vec::new();
    loop {
        let request = proto::ListOfficersRequest {
            page_size: 7,
            page_token: token,
            unit_code: "ZF".to_owned(),
            ..Default::default()
        };
        let page = house.officers.list_officers(by(&centre(), request)).await.unwrap().into_inner();
        officers.extend(page.officers);
        token = page.next_page_token;
        if token.is_empty() {
            break;
        }
    }
    let listed = jiashan().officers.iter().filter(|officer| officer.unit.as_str() == "ZF").count();
    assert_eq!(officers.len(), listed);
    assert!(officers.iter().all(|officer| officer.eligible != officer.auxiliary));
}
