//! Nobody and nothing is in two places at once, whatever two planners think at the same time.

use std::collections::BTreeMap;

use kit::refusal::Refusal;
use kit::service::Keys;
use scheduling::rpc::OperationDoor;
use scheduling_domain::{Booking, BookingState, Span, Subject};
use uuid::Uuid;
use vocab::OperationId;
use xiezhi_proto::scheduling::v1 as proto;
use xiezhi_proto::scheduling::v1::operation_service_server::OperationService as _;

use crate::house::*;

/// Every booking that holds, by subject; panics where two of one subject overlap.
async fn held(house: &House) -> BTreeMap<String, Vec<(i64, i64)>> {
    let request =
        proto::ListBookingsRequest { from: Some(wire_time("2026-03-01 00:00")), page_size: 500, ..Default::default() };
    let bookings = house.operations.list_bookings(by(&centre(), request)).await.unwrap().into_inner().bookings;
    let mut held: BTreeMap<String, Vec<(i64, i64)>> = BTreeMap::new();
    for booking in bookings {
        let span = (booking.starts_at.unwrap().seconds, booking.ends_at.unwrap().seconds);
        let spans = held.entry(format!("{}/{}", booking.subject_kind, booking.subject_code)).or_default();
        assert!(spans.iter().all(|other| span.1 <= other.0 || other.1 <= span.0), "{} twice", booking.subject_code);
        spans.push(span);
    }
    held
}

#[tokio::test]
async fn two_replicas_approving_at_once_never_book_anybody_twice() {
    let house = House::at("2026-03-04 10:00").await;
    let other = house.replica().await;
    let doors = [house.operations.clone(), OperationDoor::new(other.corridor.clone())];
    let assignment = house.neighbour(Assignment).await;
    let mut approved = 0;
    let mut refused = Vec::new();
    for round in 0..4 {
        let mut operations = Vec::new();
        for _ in 0..4 {
            operations.push(house.proposed(&assignment, Uuid::now_v7(), &["ZF", "GA"]).await.operation_id);
        }
        // Four times everybody's officers at one and the same hour: there are not enough for all.
        let start = format!("2026-03-{:02} 20:00", 6 + round);
        let approvals = operations.iter().enumerate().map(|(nth, operation_id)| {
            let request = proto::ApproveOperationRequest {
                command_id: command(),
                operation_id: operation_id.clone(),
                starts_at: Some(wire_time(&start)),
                ..Default::default()
            };
            let door = doors[nth % 2].clone();
            async move { door.approve_operation(by(&centre(), request)).await }
        });
        for answer in futures::future::join_all(approvals).await {
            match answer {
                Ok(_) => approved += 1,
                Err(status) => refused.push(reason(&status)),
            }
        }
    }
    assert!(approved >= 4, "at least one of each round is fixed");
    for reason in &refused {
        assert!(["scheduling.double_booked", "scheduling.infeasible"].contains(&reason.as_str()), "{reason}");
    }
    let held = held(&house).await;
    assert!(held.keys().any(|subject| subject.starts_with("resource/")));
    assert_eq!(held.values().map(Vec::len).sum::<usize>(), approved * 5, "four officers and a vehicle each");
}

#[tokio::test]
async fn whoever_loses_a_race_is_planned_anew_with_what_is_left() {
    let house = House::at("2026-03-04 10:00").await;
    let other = house.replica().await;
    let doors = [house.operations.clone(), OperationDoor::new(other.corridor.clone())];
    let assignment = house.neighbour(Assignment).await;
    for day in 6..12 {
        let mut approvals = Vec::new();
        for door in &doors {
            let operation = house.proposed(&assignment, Uuid::now_v7(), &["ZF"]).await;
            let request = proto::ApproveOperationRequest {
                command_id: command(),
                operation_id: operation.operation_id,
                starts_at: Some(wire_time(&format!("2026-03-{day:02} 20:00"))),
                ..Default::default()
            };
            approvals.push(async move { door.approve_operation(by(&centre(), request)).await });
        }
        // There are officers and vehicles enough for both.
        futures::future::try_join_all(approvals).await.unwrap();
    }
    assert_eq!(held(&house).await.values().map(Vec::len).sum::<usize>(), 12 * 3);
}

#[tokio::test]
async fn the_store_itself_refuses_a_second_booking_that_overlaps() {
    let house = House::at("2026-03-04 10:00").await;
    let assignment = house.neighbour(Assignment).await;
    let mut ids = Vec::new();
    for _ in 0..2 {
        let operation = house.proposed(&assignment, Uuid::now_v7(), &["ZF"]).await.operation_id;
        ids.push(operation.parse::<OperationId>().unwrap());
    }
    let book = async |nth: usize, subject: Subject, from: &str, until: &str| {
        let id = ids[nth];
        let booking = Booking {
            operation: id,
            subject,
            unit: "ZF".parse().unwrap(),
            span: Span { from: at(from), until: at(until) },
            state: BookingState::Reserved,
        };
        let call = kit::caller::Call {
            command_id: Uuid::now_v7(),
            granted: centre(),
            request_hash: [0; 32],
            traceparent: None,
        };
        // A planner that looks at nothing.
        let decide = move |unit: &mut scheduling::unit::Unit, _: &mut _| {
            unit.bookings.put((id, booking.subject.clone()), booking.clone());
            Ok(proto::GetOperationRequest::default())
        };
        house.scheduling.corridor.command(call, Keys::one(id.uuid()), decide).await
    };
    let officer = Subject::Officer("ZF-O01".parse().unwrap());
    let car = Subject::Resource("car-ZF-1".parse().unwrap());
    for subject in [officer, car] {
        book(0, subject.clone(), "2026-03-06 20:00", "2026-03-06 23:00").await.unwrap();
        let twice = book(1, subject.clone(), "2026-03-06 22:30", "2026-03-06 23:30").await.unwrap_err();
        let Refusal::Forbidden { reason, says, hint } = twice else { panic!("{twice:?}") };
        assert_eq!(reason, "scheduling.double_booked");
        assert!(says.zh.contains("占用") && hint.is_some());
        book(1, subject.clone(), "2026-03-06 23:00", "2026-03-06 23:30").await.expect("one may follow the other");
    }
}

#[tokio::test]
async fn a_moved_or_cancelled_operation_frees_what_it_held() {
    let house = House::at("2026-03-04 10:00").await;
    let assignment = house.neighbour(Assignment).await;
    let proposed = house.proposed(&assignment, Uuid::now_v7(), &["ZF", "HB"]).await;
    house.approve(&proposed.operation_id, None, Some("2026-03-06 20:00")).await.unwrap();
    let move_it = proto::RescheduleOperationRequest {
        command_id: command(),
        operation_id: proposed.operation_id.clone(),
        reason_code: "weather".to_owned(),
        words: "暴雨".to_owned(),
        starts_at: Some(wire_time("2026-03-08 20:00")),
        ..Default::default()
    };
    let moved = house.operations.reschedule_operation(by(&centre(), move_it)).await.unwrap().into_inner();
    assert_eq!(moved.operation.unwrap().moves, 1);
    let spans = held(&house).await;
    let evening = (wire_time("2026-03-08 20:00").seconds, wire_time("2026-03-08 23:00").seconds);
    assert!(!spans.is_empty() && spans.values().all(|spans| *spans == [evening]));
    let cancel = proto::CancelOperationRequest {
        command_id: command(),
        operation_id: proposed.operation_id.clone(),
        reason_code: "weather".to_owned(),
        words: String::new(),
    };
    house.operations.cancel_operation(by(&centre(), cancel)).await.unwrap();
    assert!(held(&house).await.is_empty());
    let whole = house.get(&proposed.operation_id).await;
    assert_eq!(whole.remarks.len(), 1);
    assert_eq!((whole.remarks[0].verb.as_str(), whole.remarks[0].words.as_str()), ("reschedule", "暴雨"));
    let again = house.proposed(&assignment, Uuid::now_v7(), &["ZF", "HB"]).await;
    house.approve(&again.operation_id, None, Some("2026-03-08 20:00")).await.unwrap();
}
