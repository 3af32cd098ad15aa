//! What scheduling does when its neighbours, or its own clocks, say something.

use uuid::Uuid;
use xiezhi_proto::assignment::v1::{AccountDisabled, WorkOrderWithdrawn};
use xiezhi_proto::bus::v1 as bus;
use xiezhi_proto::common::v1::Deadline;
use xiezhi_proto::intake::v1::{CaseClosed, CaseReopened, CaseWithdrawn};
use xiezhi_proto::scheduling::v1 as proto;
use xiezhi_proto::scheduling::v1::operation_service_server::OperationService as _;
use xiezhi_proto::supervision::v1::{Clock, ClocksMoved, ClosingRefused};

use crate::house::*;

/// Waits until scheduling has heard all a neighbour has said.
async fn heard<S: kit::service::Service>(house: &House, neighbour: &Running<S>) {
    patiently(async || neighbour.bus.high_water().await.unwrap().unnumbered == 0, "all is numbered").await;
    let last = neighbour.bus.high_water().await.unwrap().last_pos;
    let reached = async || {
        let cursors = house.scheduling.bus.cursors().await.unwrap().cursors;
        cursors.iter().any(|cursor| cursor.producer == S::NAME && cursor.pos >= last)
    };
    patiently(reached, "all is heard").await;
    let parked = house.scheduling.bus.parked(bus::ListParkedRequest::default()).await.unwrap().parked;
    assert_eq!(parked, vec![], "nothing is parked");
}

#[tokio::test]
async fn an_escalation_proposes_once_and_may_be_made_again_after_a_rejection() {
    let house = House::at("2026-03-04 10:00").await;
    let assignment = house.neighbour(Assignment).await;
    let case = Uuid::now_v7();
    let proposed = house.proposed(&assignment, case, &["ZF", "HB"]).await;
    assignment.say(case, escalation(case, &["HB", "ZF"], 1)).await;
    heard(&house, &assignment).await;
    assert_eq!(house.list(case, &[]).await.len(), 1, "while one is open, another escalation proposes nothing");
    let reject = proto::RejectOperationRequest {
        command_id: command(),
        operation_id: proposed.operation_id.clone(),
        reason_code: "not_needed".to_owned(),
        words: "单个部门可办".to_owned(),
    };
    house.operations.reject_operation(by(&centre(), reject)).await.unwrap();
    assert_eq!(house.event_names(&proposed.operation_id).await, ["OperationProposed", "OperationRejected"]);
    let second = house.proposed(&assignment, case, &["ZF", "HB"]).await;
    assert_ne!(second.operation_id, proposed.operation_id);
}

#[tokio::test]
async fn a_withdrawn_case_cancels_its_operation_and_a_late_escalation_proposes_nothing() {
    let house = House::at("2026-03-04 10:00").await;
    let (assignment, intake) = (house.neighbour(Assignment).await, house.neighbour(Intake).await);
    let case = Uuid::now_v7();
    let proposed = house.proposed(&assignment, case, &["ZF", "HB"]).await;
    house.approve(&proposed.operation_id, None, None).await.unwrap();
    let withdrawn =
        |case: Uuid| CaseWithdrawn { case_id: case.to_string(), withdrawn_at: Some(wire_time("2026-03-04 10:00")) };
    intake.say(case, withdrawn(case)).await;
    let cancelled = house.operation_of(case, proto::OperationStage::Cancelled).await;
    assert_eq!(cancelled.reason_code, "case_withdrawn");
    let bookings = house.operations.list_bookings(by(&centre(), proto::ListBookingsRequest::default())).await.unwrap();
    assert_eq!(bookings.into_inner().bookings, vec![]);

    let overtaken = Uuid::now_v7();
    intake.say(overtaken, withdrawn(overtaken)).await;
    heard(&house, &intake).await;
    assignment.say(overtaken, escalation(overtaken, &["ZF"], 1)).await;
    heard(&house, &assignment).await;
    assert_eq!(house.list(overtaken, &[]).await, vec![]);
}

#[tokio::test]
async fn closing_ends_a_round_and_reopening_begins_the_next() {
    let house = House::at("2026-03-04 10:00").await;
    let (assignment, intake) = (house.neighbour(Assignment).await, house.neighbour(Intake).await);
    let case = Uuid::now_v7();
    house.proposed(&assignment, case, &["ZF"]).await;
    let case_id = case.to_string();
    let closed = CaseClosed { case_id: case_id.clone(), closed_at: None, head_case_id: case_id.clone(), round: 1 };
    intake.say(case, closed).await;
    assert_eq!(house.operation_of(case, proto::OperationStage::Cancelled).await.reason_code, "case_closed");
    // The next round's escalation counts, even where it overtakes the reopening.
    assignment.say(case, escalation(case, &["ZF"], 2)).await;
    let next = house.operation_of(case, proto::OperationStage::Proposed).await;
    assert_eq!(next.round, 2);
    let reopened = CaseReopened { case_id: case_id.clone(), head_case_id: case_id, round: 2, ..Default::default() };
    intake.say(case, reopened).await;
    heard(&house, &intake).await;
    assert_eq!(house.list(case, &[proto::OperationStage::Proposed]).await.len(), 1);
}

#[tokio::test]
async fn a_withdrawn_order_takes_the_ground_from_the_operation_it_asked_for() {
    let house = House::at("2026-03-04 10:00").await;
    let assignment = house.neighbour(Assignment).await;
    let case = Uuid::now_v7();
    let proposed = house.proposed(&assignment, case, &["ZF", "HB"]).await;
    let withdrawn = |work_order_id: String| WorkOrderWithdrawn {
        work_order_id,
        case_id: case.to_string(),
        unit_code: "ZF".to_owned(),
        reason_code: "objection_upheld".to_owned(),
        withdrawn_at: None,
    };
    assignment.say(case, withdrawn(Uuid::now_v7().to_string())).await;
    heard(&house, &assignment).await;
    assert_eq!(house.list(case, &[proto::OperationStage::Proposed]).await.len(), 1, "another order");
    assignment.say(case, withdrawn(proposed.work_order_id)).await;
    let cancelled = house.operation_of(case, proto::OperationStage::Cancelled).await;
    assert_eq!(cancelled.reason_code, "work_order_withdrawn");
}

#[tokio::test]
async fn the_statutory_end_moves_with_its_clock_and_bounds_the_plan() {
    let house = House::at("2026-03-04 10:00").await;
    let (assignment, supervision) = (house.neighbour(Assignment).await, house.neighbour(Supervision).await);
    let case = Uuid::now_v7();
    let moved = |case: Uuid, kind: &str, work_order: &str, due: &str| ClocksMoved {
        case_id: case.to_string(),
        clocks: vec![Clock {
            kind: kind.to_owned(),
            deadline: Some(Deadline { rule: kind.to_owned(), due_at: Some(wire_time(due)), ..Default::default() }),
            holder_unit: "ZF".to_owned(),
            work_order_id: work_order.to_owned(),
        }],
    };
    let proposed = house.proposed(&assignment, case, &["ZF", "HB"]).await;
    supervision.say(case, moved(case, "order.finish/x", "x", "2026-03-05 00:00")).await;
    supervision.say(case, moved(case, "petition.finish", "", "2026-03-04 22:00")).await;
    supervision.say(Uuid::now_v7(), moved(Uuid::now_v7(), "petition.finish", "", "2026-03-05 00:00")).await;
    heard(&house, &supervision).await;
    let known = house.get(&proposed.operation_id).await.operation.unwrap();
    assert_eq!(known.finish_by, Some(wire_time("2026-03-04 22:00")));
    // 20:00 to 23:00 would end after it: the plan is made all the same, and says so.
    let fixed = house.approve(&proposed.operation_id, None, None).await.unwrap();
    assert!(fixed.plan.unwrap().after_deadline);
}

#[tokio::test]
async fn silence_is_recorded_and_an_operation_that_is_not_over_is_pressed_for() {
    let house = House::at("2026-03-04 10:00").await;
    let (assignment, supervision) = (house.neighbour(Assignment).await, house.neighbour(Supervision).await);
    let case = Uuid::now_v7();
    let proposed = house.proposed(&assignment, case, &["ZF", "HB"]).await;
    let tasks = async || {
        let request = proto::ListOpenTasksRequest { case_id: case.to_string(), ..Default::default() };
        house.operations.list_open_tasks(by(&centre(), request)).await.unwrap().into_inner().tasks
    };
    let open = tasks().await;
    assert_eq!(open.len(), 1);
    assert_eq!((open[0].task_code.as_str(), open[0].unit_code.as_str()), ("operation.approve", "centre"));
    let fixed = house.approve(&proposed.operation_id, None, None).await.unwrap();
    let confirm = proto::ConfirmParticipationRequest {
        command_id: command(),
        operation_id: fixed.operation_id.clone(),
        unit_code: "ZF".to_owned(),
    };
    house.operations.confirm_participation(by(&centre(), confirm)).await.unwrap();
    house.turn("2026-03-04 19:00").await;
    let recorded = async || house.event_names(&fixed.operation_id).await.contains(&"ParticipantUnanswered".to_owned());
    patiently(recorded, "the silence is recorded").await;
    let events = house.events(&fixed.operation_id).await;
    let silent: proto::ParticipantUnanswered = events.last().unwrap().body().unwrap();
    assert_eq!(silent.unit_codes, ["HB"]);
    assert_eq!(silent.due_at, fixed.confirm_by);
    assert!(tasks().await.iter().any(|task| task.task_code == "participation.resolve" && task.unit_code == "centre"));
    let own = proto::ListOpenTasksRequest::default();
    let own = house.operations.list_open_tasks(by(&department("ZF"), own)).await.unwrap().into_inner().tasks;
    assert!(!own.is_empty() && own.iter().all(|task| task.unit_code == "ZF"));

    house.turn("2026-03-04 23:30").await;
    let reminded = async || {
        let names = house.event_names(&fixed.operation_id).await;
        names.iter().filter(|name| *name == "OperationReminded").count()
    };
    patiently(async || reminded().await == 1, "the slot's end is noticed").await;
    let open = tasks().await;
    assert!(open.iter().any(|task| task.overdue && task.task_code == "operation.start"));
    assert!(open.iter().all(|task| !task.pressed), "late is not yet pressed for");
    let late = house.check_in(&fixed.operation_id, "ZF", &["ZF-O01", "ZF-O02"]).await.unwrap_err();
    assert_eq!(reason(&late), "scheduling.slot_over");

    let refused = ClosingRefused {
        case_id: case.to_string(),
        reason_code: "operation_open".to_owned(),
        round: 1,
        ..Default::default()
    };
    supervision.say(case, refused).await;
    patiently(async || reminded().await == 2, "the refused closing presses").await;
    assert!(tasks().await.iter().all(|task| task.pressed));
}

#[tokio::test]
async fn a_disabled_account_counts_no_more_and_published_lists_park_nothing() {
    let house = House::at("2026-03-04 10:00").await;
    let assignment = house.neighbour(Assignment).await;
    let key = Uuid::now_v7();
    assignment.say(key, AccountDisabled { account_id: "hb-handler".to_owned(), disabled_at: None }).await;
    assignment.say(key, xiezhi_proto::assignment::v1::OrganisationPublished::default()).await;
    assignment.say(key, xiezhi_proto::assignment::v1::ListPublished::default()).await;
    heard(&house, &assignment).await;
    assert_eq!(house.scheduling.bus.revoked().await.unwrap(), ["hb-handler"]);
}
