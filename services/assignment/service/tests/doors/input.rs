//! Bad input: a clear status with details, and nothing half-written.

use tonic::Code;
use uuid::Uuid;
use xiezhi_proto::assignment::v1 as proto;
use xiezhi_proto::assignment::v1::assignment_service_server::AssignmentService as _;
use xiezhi_proto::common::v1::{Duty, Role, Share};

use crate::house::*;

#[tokio::test]
async fn every_mistake_of_a_request_is_named_at_once() {
    let house = House::at("2026-03-02 09:00").await;
    let request = proto::RuleRequest {
        command_id: command(),
        consultation_id: "x".to_owned(),
        shares: vec![Share { unit_code: "Z F".to_owned(), ..Default::default() }],
        grounds: "字".repeat(4001),
        scope: 9,
    };
    let refused = house.door.rule(by(&centre(), request)).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    let expected = [
        "consultation_id",
        "shares[0].unit_code",
        "shares[0].role",
        "shares[0].duty",
        "shares[0].citations",
        "grounds",
        "scope",
    ];
    assert_eq!(fields(&refused), expected);
    let bad_id = proto::AcknowledgeWorkOrderRequest { command_id: "1".to_owned(), work_order_id: command() };
    let refused = house.door.acknowledge_work_order(by(&unit("ZF"), bad_id)).await.unwrap_err();
    assert_eq!(fields(&refused), ["command_id"]);
}

#[tokio::test]
async fn a_completion_needs_evidence_that_is_here_and_proves_something() {
    let house = House::at("2026-03-02 09:00").await;
    let case = house.accepted(barbecue()).await;
    let order = house.order_of(case, "ZF").await;
    house.acknowledge(&order).await.unwrap();
    let complete = async |evidence: Vec<Vec<u8>>| {
        let request = proto::CompleteWorkOrderRequest {
            command_id: command(),
            work_order_id: order.work_order_id.clone(),
            outcome: proto::Outcome::Punished.into(),
            evidence_sha256: evidence.into_iter().map(Into::into).collect(),
            note: String::new(),
        };
        house.door.complete_work_order(by(&unit("ZF"), request)).await.unwrap_err()
    };
    assert_eq!(fields(&complete(vec![]).await), ["evidence_sha256"]);
    assert_eq!(fields(&complete(vec![vec![1; 5]]).await), ["evidence_sha256[0]"]);
    assert_eq!(fields(&complete(vec![vec![1; 32]]).await), ["evidence_sha256[0]"]);
    let json = house.upload("{\"a\": 1}").await;
    let refused = complete(vec![json]).await;
    assert_eq!(fields(&refused), ["evidence_sha256"]);
    let photo = house.upload("笔录").await;
    assert_eq!(fields(&complete(vec![photo.clone(), photo]).await), ["evidence_sha256"]);
    assert_eq!(house.order_of(case, "ZF").await.stage(), proto::WorkOrderStage::Acknowledged);
}

#[tokio::test]
async fn unknown_items_units_and_persons_are_named() {
    let house = House::at("2026-03-02 09:00").await;
    let case = house.accepted(heritage()).await;
    let consultation = house.standing(case).await.consultation_id;
    for who in ["WL", "ZF", "ZG"] {
        house.take_position(&consultation, who, proto::Stance::Shared).await.unwrap();
    }
    let rule = async |unit: &str, item: &str| {
        let share = Share {
            unit_code: unit.to_owned(),
            role: Role::Lead.into(),
            duty: Duty::Punish.into(),
            citations: vec![cite(item)],
        };
        let request = proto::RuleRequest {
            command_id: command(),
            consultation_id: consultation.clone(),
            shares: vec![share],
            grounds: "依据".to_owned(),
            scope: 0,
        };
        house.door.rule(by(&centre(), request)).await
    };
    assert_eq!(fields(&rule("WL", "PI999").await.unwrap_err()), ["citation.item_code"]);
    assert_eq!(fields(&rule("XX", "PI095").await.unwrap_err()), ["unit_code"]);
    // A county duty must not be handed down to a town whose list does not hold it.
    assert_eq!(reason(&rule("town-330421103", "PI095").await.unwrap_err()), "assignment.town_not_listed");
    rule("WL", "PI095").await.unwrap();
    let order = house.order_of(case, "WL").await;
    let reassign = async |person: &str| {
        let request = proto::ReassignWorkOrderRequest {
            command_id: command(),
            work_order_id: order.work_order_id.clone(),
            person_code: person.to_owned(),
            post_code: String::new(),
        };
        house.door.reassign_work_order(by(&unit("WL"), request)).await
    };
    assert_eq!(fields(&reassign("centre-P01").await.unwrap_err()), ["person_code"]);
    let colleague = jiashan();
    let unit_code = "WL".parse().unwrap();
    let colleague = colleague.posts_of(&unit_code).find(|post| post.person.as_str() != order.person_code).unwrap();
    let moved = reassign(colleague.person.as_str()).await.unwrap().into_inner().work_order.unwrap();
    assert_eq!(moved.person_code, colleague.person.as_str());
}

#[tokio::test]
async fn one_command_id_means_one_request() {
    let house = House::at("2026-03-02 09:00").await;
    let case = house.accepted(barbecue()).await;
    let order = house.order_of(case, "ZF").await;
    let command_id = command();
    let acknowledge = proto::AcknowledgeWorkOrderRequest {
        command_id: command_id.clone(),
        work_order_id: order.work_order_id.clone(),
    };
    house.door.acknowledge_work_order(by(&unit("ZF"), acknowledge)).await.unwrap();
    let report =
        proto::ReportProgressRequest { command_id, work_order_id: order.work_order_id, report: "已到场".to_owned() };
    let refused = house.door.report_progress(by(&unit("ZF"), report)).await.unwrap_err();
    assert_eq!(refused.code(), Code::AlreadyExists);
}

#[tokio::test]
async fn an_operation_of_a_case_not_heard_of_yet_waits_for_it() {
    use xiezhi_proto::bus::v1 as bus;
    use xiezhi_proto::scheduling::v1::OperationProposed;
    let house = House::at("2026-03-02 09:00").await;
    let scheduling = house.neighbour(Scheduling).await;
    let (case, operation) = (Uuid::now_v7(), Uuid::now_v7());
    let case_ids = vec![case.to_string()];
    let proposed = OperationProposed { operation_id: operation.to_string(), case_ids, ..Default::default() };
    scheduling.say(operation, proposed).await;
    let waits = async || {
        let parked = house.assignment.bus.parked(bus::ListParkedRequest::default()).await.unwrap().parked;
        parked.len() == 1 && parked[0].state == "waiting"
    };
    patiently(waits, "the event waits").await;
    let registered = xiezhi_proto::intake::v1::CaseAccepted {
        case_id: case.to_string(),
        facts: Some(barbecue()),
        accepted_at: Some(wire_time("2026-03-02 12:00")),
        ..Default::default()
    };
    house.intake.say(case, registered).await;
    patiently(
        async || {
            let request = proto::ListResponsibilitiesRequest { case_id: case.to_string(), ..Default::default() };
            let found = house.door.list_responsibilities(by(&centre(), request)).await.unwrap().into_inner();
            found.responsibilities.first().is_some_and(|found| found.operation_id == operation.to_string())
        },
        "the operation is known",
    )
    .await;
}
