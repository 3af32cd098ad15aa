//! 后续处置: what an operation leaves to units is heard, seen and waited for, whatever is known of them.

use kit::envelope::Envelope;
use tonic_types::StatusExt as _;
use uuid::Uuid;
use xiezhi_proto::Event as _;
use xiezhi_proto::assignment::v1 as proto;
use xiezhi_proto::assignment::v1::FollowUpSettled;
use xiezhi_proto::assignment::v1::assignment_service_server::AssignmentService as _;
use xiezhi_proto::common::v1::Duty;
use xiezhi_proto::intake::v1::CaseWithdrawn;
use xiezhi_proto::scheduling::v1::{FollowUp, OperationConcluded};

use crate::house::*;

fn follow_up(unit: &str, item: &str) -> FollowUp {
    FollowUp {
        unit_code: unit.to_owned(),
        duty: Duty::Punish.into(),
        power_item_codes: vec![item.to_owned()],
        finding_code: "violation".to_owned(),
    }
}

/// An operation for these cases is over; answers its id.
async fn concluded(house: &House, cases: &[Uuid], follow_ups: Vec<FollowUp>) -> Uuid {
    let scheduling = house.neighbour(Scheduling).await;
    let operation = Uuid::now_v7();
    let event = OperationConcluded {
        operation_id: operation.to_string(),
        case_ids: cases.iter().map(ToString::to_string).collect(),
        follow_ups,
        ..Default::default()
    };
    scheduling.say(operation, event).await;
    house.heard(&scheduling).await;
    operation
}

/// The pack without anybody in this unit.
fn without_posts(unit: &str) -> pack::Pack {
    let mut pack = jiashan();
    pack.posts.retain(|post| post.unit.as_str() != unit);
    pack
}

/// Finishes every open order of a case.
async fn finish_all(house: &House, case: Uuid) {
    for order in house.open_orders(case).await {
        house.finish(case, &order.unit_code).await;
    }
}

#[tokio::test]
async fn a_case_waits_for_the_unit_that_has_nobody_until_its_post_is_filled() {
    let house = House::with("2026-03-02 09:00", without_posts("WL")).await;
    let case = house.accepted(barbecue()).await;
    let operation = concluded(&house, &[case], vec![follow_up("WL", "PI095")]).await;
    finish_all(&house, case).await;
    assert_eq!(house.tasks(case).await, ["follow_up.dispatch centre"], "the lead is not told to reply yet");
    let tasks = proto::ListOpenTasksRequest { case_id: case.to_string(), ..Default::default() };
    let tasks = house.door.list_open_tasks(by(&centre(), tasks)).await.unwrap().into_inner().tasks;
    assert_eq!(tasks[0].reference_id, operation.to_string());
    let refused = house.complete_case(case, "ZF").await.unwrap_err();
    assert_eq!(reason(&refused), "assignment.follow_ups_waiting");
    assert!(says(&refused).contains("WL"), "{}", says(&refused));

    house.publish(&jiashan()).await.unwrap();
    let order = house.order_of(case, "WL").await;
    assert_eq!(order.operation_id, operation.to_string());
    assert_eq!(house.tasks(case).await, ["order.acknowledge WL"]);
    house.finish(case, "WL").await;
    house.complete_case(case, "ZF").await.unwrap();
    assert_eq!(house.tasks(case).await, Vec::<String>::new());
}

#[tokio::test]
async fn an_operation_that_names_what_is_not_known_here_parks_nothing_and_is_seen_by_the_centre() {
    let house = House::at("2026-03-02 09:00").await;
    let open = house.accepted(barbecue()).await;
    let handled = house.accepted(barbecue()).await;
    finish_all(&house, handled).await;
    house.complete_case(handled, "ZF").await.unwrap();
    let withdrawn = house.accepted(barbecue()).await;
    house.intake.say(withdrawn, CaseWithdrawn { case_id: withdrawn.to_string(), withdrawn_at: None }).await;
    house.heard(&house.intake).await;
    let cases = [open, handled, withdrawn];
    concluded(&house, &cases, vec![follow_up("XX", "PI095"), follow_up("WL", "PI999")]).await;
    for (case, expected) in [(open, 1), (handled, 1), (withdrawn, 0)] {
        let tasks = house.tasks(case).await;
        let waiting = tasks.iter().filter(|task| *task == "follow_up.dispatch centre");
        assert_eq!(waiting.count(), expected, "{tasks:?}");
    }
    assert_eq!(house.standing(handled).await.stage, "handled", "nothing could be sent yet");
    let over = |unit: &str| (unit.to_owned(), String::new(), proto::SettlingReason::CaseEnded);
    assert_eq!(settled(&house, withdrawn).await, [over("WL"), over("XX")]);
    // The case goes on: what is said of it next is heard, and what waited ends with it.
    house.intake.say(open, CaseWithdrawn { case_id: open.to_string(), withdrawn_at: None }).await;
    house.heard(&house.intake).await;
    assert_eq!((house.standing(open).await.stage.as_str(), house.tasks(open).await), ("ended", vec![]));
    assert_eq!(settled(&house, open).await, [over("WL"), over("XX")]);
}

/// What was said of follow-ups that wait no longer: whose they were, who takes them, and why.
async fn settled(house: &House, case: Uuid) -> Vec<(String, String, proto::SettlingReason)> {
    let events = house.events(case).await.into_iter().filter(|event| event.type_name == FollowUpSettled::TYPE);
    let told = |event: Envelope| {
        let body: FollowUpSettled = event.body().unwrap();
        let reason = body.reason();
        (body.unit_code, body.to_unit_code, reason)
    };
    events.map(told).collect()
}

/// The centre settles what an operation left to a unit.
async fn settle(
    house: &House,
    case: Uuid,
    operation: Uuid,
    whose: &str,
    to: Option<(&str, &str)>,
) -> Result<String, tonic::Status> {
    let request = proto::SettleFollowUpRequest {
        command_id: command(),
        case_id: case.to_string(),
        operation_id: operation.to_string(),
        unit_code: whose.to_owned(),
        reason: proto::SettlingReason::ItemNotListed.into(),
        to_unit_code: to.map(|(unit, _)| unit.to_owned()).unwrap_or_default(),
        item_codes: to.map(|(_, item)| item.to_owned()).into_iter().collect(),
    };
    Ok(house.door.settle_follow_up(by(&centre(), request)).await?.into_inner().work_order_id)
}

#[tokio::test]
async fn the_centre_ends_a_follow_up_that_cannot_be_sent_or_gives_it_to_another_unit() {
    let house = House::at("2026-03-02 09:00").await;
    let case = house.accepted(barbecue()).await;
    let operation = concluded(&house, &[case], vec![follow_up("XX", "PI095"), follow_up("WL", "PI999")]).await;
    finish_all(&house, case).await;
    let refused = house.complete_case(case, "ZF").await.unwrap_err();
    assert_eq!(reason(&refused), "assignment.follow_ups_waiting");

    let field = |status: tonic::Status| {
        assert_eq!(status.code(), tonic::Code::InvalidArgument, "{status:?}");
        status.get_details_bad_request().unwrap().field_violations[0].field.clone()
    };
    let gone = settle(&house, case, operation, "WL", Some(("YY", "PI095"))).await.unwrap_err();
    assert_eq!(field(gone), "to_unit_code");
    let unlisted = settle(&house, case, operation, "WL", Some(("WL", "PI998"))).await.unwrap_err();
    assert_eq!(field(unlisted), "item_codes");
    let nobody = settle(&house, case, operation, "HB", None).await.unwrap_err();
    assert_eq!(nobody.code(), tonic::Code::NotFound);

    // WL takes its own on an item that is on the lists; XX there is none, and nobody takes its part.
    let order = settle(&house, case, operation, "WL", Some(("WL", "PI095"))).await.unwrap();
    let wl = house.order_of(case, "WL").await;
    assert_eq!((&wl.work_order_id, wl.citations[0].item_code.as_str()), (&order, "PI095"));
    assert_eq!(settle(&house, case, operation, "XX", None).await.unwrap(), "");
    let why = proto::SettlingReason::ItemNotListed;
    let said = [("WL".to_owned(), "WL".to_owned(), why), ("XX".to_owned(), String::new(), why)];
    assert_eq!(settled(&house, case).await, said);
    house.finish(case, "WL").await;
    assert_eq!(house.tasks(case).await, ["case.complete ZF"]);
    house.complete_case(case, "ZF").await.unwrap();
    // A case that is over has none.
    house.intake.say(case, CaseWithdrawn { case_id: case.to_string(), withdrawn_at: None }).await;
    house.heard(&house.intake).await;
    let over = settle(&house, case, operation, "WL", None).await.unwrap_err();
    assert_eq!(reason(&over), "assignment.out_of_turn");
    assert!(says(&over).contains("案件已终结, 不能了结后续处置"), "{}", says(&over));
}

#[tokio::test]
async fn every_mistake_of_a_settling_is_named_at_once() {
    let house = House::at("2026-03-02 09:00").await;
    let request = proto::SettleFollowUpRequest {
        command_id: command(),
        reason: proto::SettlingReason::CaseEnded.into(),
        item_codes: vec!["PI095".to_owned()],
        ..Default::default()
    };
    let refused = house.door.settle_follow_up(by(&centre(), request)).await.unwrap_err();
    let fields = refused.get_details_bad_request().unwrap().field_violations.into_iter().map(|wrong| wrong.field);
    assert_eq!(fields.collect::<Vec<_>>(), ["case_id", "operation_id", "unit_code", "reason", "item_codes"]);
}

#[tokio::test]
async fn a_case_that_was_answered_goes_on_once_its_follow_up_can_be_sent() {
    let house = House::with("2026-03-02 09:00", without_posts("WL")).await;
    let case = house.accepted(barbecue()).await;
    finish_all(&house, case).await;
    house.complete_case(case, "ZF").await.unwrap();
    concluded(&house, &[case], vec![follow_up("WL", "PI095")]).await;
    assert_eq!(house.standing(case).await.stage, "handled");
    house.publish(&jiashan()).await.unwrap();
    assert_eq!(house.standing(case).await.stage, "determined");
    assert_eq!(reason(&house.complete_case(case, "ZF").await.unwrap_err()), "assignment.orders_open");
    house.finish(case, "WL").await;
    house.complete_case(case, "ZF").await.unwrap();
    let handled = house.event_names(case).await.into_iter().filter(|name| name == "CaseHandled").count();
    assert_eq!(handled, 2);
}

/// The pack in which the orders of a unit have another first choice.
fn with_another_handler(mut pack: pack::Pack, order: &proto::WorkOrder) -> pack::Pack {
    pack.posts.retain(|post| post.person.as_str() != order.person_code);
    assert!(pack.posts.iter().any(|post| post.unit.as_str() == order.unit_code));
    pack
}

#[tokio::test]
async fn a_publication_in_which_one_unit_gets_its_follow_up_and_another_a_new_handler_is_not_refused() {
    let house = House::at("2026-03-02 09:00").await;
    let case = house.accepted(barbecue()).await;
    let (zf, hb) = (house.order_of(case, "ZF").await, house.order_of(case, "HB").await);
    assert!(zf.work_order_id < hb.work_order_id);
    house.publish(&without_posts("HB")).await.unwrap();
    concluded(&house, &[case], vec![follow_up("HB", "PI095")]).await;
    assert!(house.tasks(case).await.contains(&"follow_up.dispatch centre".to_owned()));
    house.publish(&with_another_handler(with_another_handler(jiashan(), &zf), &hb)).await.unwrap();
    let (now_zf, now_hb) = (house.order_of(case, "ZF").await, house.order_of(case, "HB").await);
    assert_eq!(now_zf.work_order_id, zf.work_order_id);
    assert_ne!(now_zf.person_code, zf.person_code);
    assert_ne!((now_hb.work_order_id, &now_hb.person_code), (hb.work_order_id, &hb.person_code));
    assert!(!now_hb.operation_id.is_empty());
}
