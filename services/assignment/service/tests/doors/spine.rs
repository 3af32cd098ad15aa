//! The barbecue, all the way: diagnosis, determination, orders, operation, follow-ups, reply.

use prost::Message as _;
use tokio_stream::StreamExt as _;
use tonic::Code;
use uuid::Uuid;
use xiezhi_proto::assignment::v1 as proto;
use xiezhi_proto::assignment::v1::assignment_service_server::AssignmentService as _;
use xiezhi_proto::common::v1::{Duty, Role};
use xiezhi_proto::intake::v1::{CaseClosed, CaseLinked, CaseReopened, LinkKind};
use xiezhi_proto::scheduling::v1::{FollowUp, OperationConcluded, OperationProposed};
use xiezhi_proto::supervision::v1::ClosingRefused;

use crate::house::*;

fn escalate(case: Uuid) -> proto::EscalateCaseRequest {
    proto::EscalateCaseRequest {
        command_id: command(),
        case_id: case.to_string(),
        ground_code: "several_duties".to_owned(),
        reason: "油烟与噪声分属多家, 单独处置反复回潮".to_owned(),
        invited_units: Vec::new(),
    }
}

#[tokio::test]
async fn the_barbecue_is_diagnosed_determined_worked_on_and_replied_to() {
    let house = House::at("2026-03-02 09:00").await;
    let case = house.register(barbecue()).await;
    assert!(house.tasks(case).await.contains(&"diagnosis.answer ZF".to_owned()));
    let answer = proto::AnswerDiagnosisRequest {
        command_id: command(),
        case_id: case.to_string(),
        stance: proto::Stance::Mine.into(),
        citation: Some(cite("PI003.old")),
        reason: "属我局职责".to_owned(),
    };
    house.door.answer_diagnosis(by(&unit("ZF"), answer)).await.unwrap();
    let make = proto::MakeDiagnosisRequest { command_id: command(), case_id: case.to_string(), note: String::new() };
    let diagnosis = house.door.make_diagnosis(by(&centre(), make)).await.unwrap().into_inner().diagnosis.unwrap();
    assert_eq!(diagnosis.kind(), proto::DeterminationKind::LeadWithSupport);
    let stance = |unit: &str| {
        let stated = diagnosis.positions.iter().filter_map(|stated| stated.position.as_ref());
        stated.clone().find(|position| position.unit_code == unit).map(|position| position.stance())
    };
    assert_eq!((stance("ZF"), stance("HB")), (Some(proto::Stance::Mine), Some(proto::Stance::Silent)));

    house.accept(case, barbecue()).await;
    let standing = house.standing(case).await;
    assert_eq!(standing.stage, "determined");
    let orders = house.open_orders(case).await;
    let units: Vec<&str> = orders.iter().map(|order| order.unit_code.as_str()).collect();
    assert_eq!(units.first(), Some(&"ZF"), "{units:?}");
    for expected in ["HB", "GA", "SJ", "town-330421103"] {
        assert!(units.contains(&expected), "{expected} of {units:?}");
    }
    for order in &orders {
        assert!(!order.person_code.is_empty() && !order.post_code.is_empty() && !order.duty_text_zh.is_empty());
        assert!(order.deadline.as_ref().unwrap().due_at.is_some());
    }

    let lead = house.order_of(case, "ZF").await;
    house.acknowledge(&lead).await.unwrap();
    house.door.escalate_case(by(&unit("ZF"), escalate(case))).await.unwrap();
    assert_eq!(reason(&house.complete_case(case, "ZF").await.unwrap_err()), "assignment.operation_open");

    let scheduling = house.neighbour(Scheduling).await;
    let operation = Uuid::now_v7();
    let case_ids = vec![case.to_string()];
    let proposed =
        OperationProposed { operation_id: operation.to_string(), case_ids: case_ids.clone(), ..Default::default() };
    scheduling.say(operation, proposed).await;
    house.heard(&scheduling).await;
    assert_eq!(house.standing(case).await.operation_id, operation.to_string());
    let follow_up = |unit: &str, duty: Duty, item: &str| FollowUp {
        unit_code: unit.to_owned(),
        duty: duty.into(),
        power_item_codes: vec![item.to_owned()],
        finding_code: "violation".to_owned(),
    };
    let concluded = OperationConcluded {
        operation_id: operation.to_string(),
        case_ids,
        follow_ups: vec![follow_up("ZF", Duty::Punish, "PI003.old"), follow_up("SJ", Duty::Assist, "RI002")],
        ..Default::default()
    };
    scheduling.say(operation, concluded).await;
    house.heard(&scheduling).await;
    let follow = house.order_of(case, "ZF").await;
    assert_eq!((follow.operation_id.as_str(), follow.role()), (operation.to_string().as_str(), Role::Lead));

    let refused = house.complete_case(case, "ZF").await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::FailedPrecondition, "assignment.orders_open"));
    for order in house.open_orders(case).await {
        house.finish(case, &order.unit_code).await;
    }
    assert_eq!(house.tasks(case).await, ["case.complete ZF"]);
    house.complete_case(case, "ZF").await.unwrap();
    assert_eq!(house.standing(case).await.stage, "handled");
    assert_eq!(house.tasks(case).await, Vec::<String>::new());
    let reply = proto::GetReplyRequest { case_id: case.to_string(), round: 0, handled_at: None };
    let reply = house.door.get_reply(by(&centre(), reply)).await.unwrap().into_inner();
    assert_eq!((reply.lead_unit.as_str(), reply.conclusion.as_str()), ("ZF", "supported"));
    assert!(reply.reply.contains("已依法处理"));

    let names = house.event_names(case).await;
    assert_eq!(&names[..2], ["DiagnosisMade", "DeterminationMade"]);
    assert_eq!(names.last().unwrap(), "CaseHandled");
    let events = house.events(case).await;
    let handled = proto::CaseHandled::decode(events.last().unwrap().payload.as_slice()).unwrap();
    assert_eq!(handled.evidence.len(), 1, "the same file is named once");
    assert!(handled.work_order_ids.len() >= 5);
    for event in events {
        let body = String::from_utf8_lossy(&event.payload).into_owned();
        assert!(
            !body.contains("已依法处理") && !body.contains("反复回潮") && !body.contains("属我局职责"),
            "{}",
            event.type_name
        );
    }
}

#[tokio::test]
async fn members_of_a_cluster_are_linked_and_only_the_head_is_worked_on() {
    let house = House::at("2026-03-02 09:00").await;
    let head = house.register(barbecue()).await;
    let member = house.register(barbecue()).await;
    let linked = CaseLinked {
        case_id: member.to_string(),
        head_case_id: head.to_string(),
        kind: LinkKind::ClusterMember.into(),
        linked_at: Some(wire_time("2026-03-02 09:30")),
        left_head_case_id: String::new(),
    };
    house.intake.say(member, linked).await;
    house.accept(head, barbecue()).await;
    let accepted = xiezhi_proto::intake::v1::CaseAccepted {
        case_id: member.to_string(),
        facts: Some(barbecue()),
        accepted_at: Some(wire_time("2026-03-02 12:00")),
        head_case_id: head.to_string(),
        ..Default::default()
    };
    house.intake.say(member, accepted).await;
    house.heard(&house.intake).await;
    assert!(!house.open_orders(head).await.is_empty());
    assert!(house.open_orders(member).await.is_empty());
    assert_eq!(house.tasks(member).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_refused_closing_a_closing_and_a_reopening_lead_back_to_the_same_shares() {
    let house = House::at("2026-03-02 09:00").await;
    let case = house.accepted(barbecue()).await;
    let units: Vec<String> = house.open_orders(case).await.into_iter().map(|order| order.unit_code).collect();
    for unit in &units {
        house.finish(case, unit).await;
    }
    house.complete_case(case, "ZF").await.unwrap();
    let supervision = house.neighbour(Supervision).await;
    let refused = ClosingRefused {
        case_id: case.to_string(),
        reason_code: "evidence".to_owned(),
        round: 1,
        ..Default::default()
    };
    supervision.say(case, refused).await;
    house.heard(&supervision).await;
    let back: Vec<String> = house.open_orders(case).await.into_iter().map(|order| order.unit_code).collect();
    assert_eq!(back, ["ZF"], "where no order is named, the lead's share goes back");
    house.finish(case, "ZF").await;
    house.complete_case(case, "ZF").await.unwrap();

    let case_id = case.to_string();
    let closed = CaseClosed { case_id: case_id.clone(), closed_at: None, head_case_id: case_id.clone(), round: 1 };
    house.intake.say(case, closed).await;
    // A dissatisfied member reopens the head.
    let reopened = CaseReopened {
        case_id: Uuid::now_v7().to_string(),
        head_case_id: case_id,
        round: 2,
        facts: Some(heritage()),
        ..Default::default()
    };
    house.intake.say(case, reopened).await;
    house.heard(&house.intake).await;
    let orders = house.open_orders(case).await;
    let again: std::collections::BTreeSet<String> = orders.iter().map(|order| order.unit_code.clone()).collect();
    assert_eq!(again, units.into_iter().collect());
    assert!(orders.iter().all(|order| order.round == 2));
    let reply = proto::GetReplyRequest { case_id: case.to_string(), round: 1, handled_at: None };
    let reply = house.door.get_reply(by(&centre(), reply)).await.unwrap().into_inner();
    assert_eq!((reply.round, reply.conclusion.as_str()), (1, "supported"), "an earlier round's is not forgotten");
}

#[tokio::test]
async fn each_answer_of_a_round_is_read_by_its_own_moment() {
    let house = House::at("2026-03-02 09:00").await;
    let case = house.accepted(barbecue()).await;
    for order in house.open_orders(case).await {
        house.finish(case, &order.unit_code).await;
    }
    let answer = async |reply: &str| {
        let request = proto::CompleteCaseRequest {
            command_id: command(),
            case_id: case.to_string(),
            conclusion: "supported".to_owned(),
            reply: reply.to_owned(),
            ..Default::default()
        };
        house.door.complete_case(by(&unit("ZF"), request)).await.unwrap().into_inner().handled_at.unwrap()
    };
    let first = answer("摊主已被责令改正.").await;
    let supervision = house.neighbour(Supervision).await;
    let refused = ClosingRefused {
        case_id: case.to_string(),
        reason_code: "evidence".to_owned(),
        round: 1,
        ..Default::default()
    };
    supervision.say(case, refused).await;
    house.heard(&supervision).await;
    house.turn("2026-03-03 10:00").await;
    house.finish(case, "ZF").await;
    let second = answer("摊主已搬离, 现场已复查.").await;
    assert!(second.seconds > first.seconds);

    let read = async |handled_at: Option<prost_types::Timestamp>| {
        let request = proto::GetReplyRequest { case_id: case.to_string(), round: 1, handled_at };
        house.door.get_reply(by(&centre(), request)).await.map(tonic::Response::into_inner)
    };
    for (at, words) in [(Some(first), "责令改正"), (Some(second), "搬离"), (None, "搬离")] {
        let reply = read(at).await.unwrap();
        assert!(reply.reply.contains(words), "{at:?}: {}", reply.reply);
        assert_eq!(reply.written_at, at.or(Some(second)));
    }
    let never = prost_types::Timestamp { seconds: first.seconds + 1, ..first };
    assert_eq!(read(Some(never)).await.unwrap_err().code(), Code::NotFound);
}

#[tokio::test]
async fn a_watcher_sees_every_change_once_and_resumes_where_it_stopped() {
    let house = House::at("2026-03-02 09:00").await;
    let watch = async |after: u64| {
        let request = proto::WatchWorkOrdersRequest { after_position: after, unit_code: String::new() };
        house.door.watch_work_orders(by(&unit("ZF"), request)).await.unwrap().into_inner()
    };
    let mut stream = watch(0).await;
    let case = house.accepted(barbecue()).await;
    let order = house.order_of(case, "ZF").await;
    let first = stream.next().await.unwrap().unwrap();
    assert_eq!((first.position, first.change_code.as_str()), (1, "dispatched"));
    assert_eq!(first.work_order.unwrap().work_order_id, order.work_order_id);
    house.acknowledge(&order).await.unwrap();
    house.complete(&order).await.unwrap();
    drop(stream);
    let mut resumed = watch(1).await;
    let seen = [resumed.next().await.unwrap().unwrap(), resumed.next().await.unwrap().unwrap()];
    assert_eq!(seen.each_ref().map(|change| change.position), [2, 3]);
    assert_eq!(seen.each_ref().map(|change| change.change_code.as_str()), ["acknowledged", "completed"]);
    let other = house.order_of(case, "GA").await;
    house.acknowledge(&other).await.unwrap();
    let nothing = tokio::time::timeout(std::time::Duration::from_millis(700), resumed.next()).await;
    assert!(nothing.is_err(), "another unit's changes are not ours");
}

#[tokio::test]
async fn a_repeated_command_gets_its_first_answer_and_acts_once() {
    let house = House::at("2026-03-02 09:00").await;
    let case = house.accepted(barbecue()).await;
    let order = house.order_of(case, "ZF").await;
    let request = proto::AcknowledgeWorkOrderRequest { command_id: command(), work_order_id: order.work_order_id };
    let first = house.door.acknowledge_work_order(by(&unit("ZF"), request.clone())).await.unwrap().into_inner();
    let second = house.door.acknowledge_work_order(by(&unit("ZF"), request.clone())).await.unwrap().into_inner();
    assert_eq!(first, second);
    let acknowledged = house.event_names(case).await.into_iter().filter(|name| name == "WorkOrderAcknowledged").count();
    assert_eq!(acknowledged, 1);
    let again = proto::AcknowledgeWorkOrderRequest { command_id: command(), ..request };
    let refused = house.door.acknowledge_work_order(by(&unit("ZF"), again)).await.unwrap_err();
    assert_eq!(reason(&refused), "assignment.out_of_turn");
    assert!(says(&refused).contains("已签收"), "{}", says(&refused));
}

/// The case's clocks are heard before the case is known as well as afterwards; the nearest that runs bounds what is asked for.
#[tokio::test]
async fn the_end_of_the_case_bounds_what_the_lead_asks_for() {
    use xiezhi_proto::common::v1::Deadline;
    use xiezhi_proto::supervision::v1::{Clock, ClocksPaused, ClocksStarted, ClocksStopped};
    let house = House::at("2026-03-02 09:00").await;
    let supervision = house.neighbour(Supervision).await;
    let first = house.accepted(barbecue()).await;
    let like = house.order_of(first, "ZF").await.deadline.unwrap();
    let clock = |case: Uuid, kind: &str, due: &str| {
        let deadline = Deadline { rule: kind.to_owned(), due_at: Some(wire_time(due)), ..like.clone() };
        let started = Clock {
            kind: kind.to_owned(),
            deadline: Some(deadline),
            holder_unit: "ZF".to_owned(),
            ..Default::default()
        };
        (case.to_string(), vec![started])
    };
    let finish_by = async |case: Uuid| {
        let order = house.order_of(case, "ZF").await;
        house.acknowledge(&order).await.unwrap();
        house.door.escalate_case(by(&unit("ZF"), escalate(case))).await.unwrap();
        let events = house.events(case).await;
        let told = events.iter().find(|event| event.type_name.ends_with(".CaseEscalated")).unwrap();
        proto::CaseEscalated::decode(told.payload.as_slice()).unwrap().finish_by
    };
    const FINISH: &str = "petition.finish";
    const DUTY: &str = "petition.duty";
    let (early, late) = ("2026-03-05 18:00", "2026-03-06 18:00");

    let started = |(case_id, clocks)| ClocksStarted { case_id, clocks };
    let case = first;
    supervision.say(case, started(clock(case, FINISH, early))).await;
    house.heard(&supervision).await;
    assert_eq!(finish_by(case).await, Some(wire_time(early)));

    // What stopped bounds nothing, and what stands still neither.
    let case = house.accepted(barbecue()).await;
    supervision.say(case, started(clock(case, FINISH, early))).await;
    supervision.say(case, started(clock(case, DUTY, late))).await;
    supervision
        .say(case, ClocksStopped { case_id: case.to_string(), kinds: vec![FINISH.to_owned()], ..Default::default() })
        .await;
    house.heard(&supervision).await;
    assert_eq!(finish_by(case).await, Some(wire_time(late)));

    // Supervision heard of the case first, and the clock stood still before the case was known here.
    let case = Uuid::now_v7();
    supervision.say(case, started(clock(case, FINISH, early))).await;
    supervision.say(case, started(clock(case, DUTY, late))).await;
    house.heard(&supervision).await;
    let (case_id, clocks) = clock(case, FINISH, early);
    let paused = ClocksPaused { case_id, clocks, reason_code: "identification".to_owned() };
    supervision.say(case, paused).await;
    house.accept(case, barbecue()).await;
    house.heard(&supervision).await;
    assert_eq!(finish_by(case).await, Some(wire_time(late)));
}

#[tokio::test]
async fn an_order_follows_what_supervision_says_of_its_deadline() {
    use xiezhi_proto::common::v1::Deadline;
    use xiezhi_proto::supervision::v1::{
        Clock, ClocksBreached, ClocksExtended, ClocksPaused, Rung, SupervisionOrderAnswered, SupervisionOrderIssued,
    };
    let house = House::at("2026-03-02 09:00").await;
    let case = house.accepted(barbecue()).await;
    let order = house.order_of(case, "ZF").await;
    let supervision = house.neighbour(Supervision).await;
    let deadline = order.deadline.clone().unwrap();
    let clock = |rule: &str, due: &str| Clock {
        kind: format!("{rule}/{}", order.work_order_id),
        deadline: Some(Deadline { rule: rule.to_owned(), due_at: Some(wire_time(due)), ..deadline.clone() }),
        holder_unit: "ZF".to_owned(),
        work_order_id: order.work_order_id.clone(),
    };
    let case_id = case.to_string();
    let now = async || {
        house.heard(&supervision).await;
        house.order_of(case, "ZF").await
    };
    let breached = |clocks| ClocksBreached { case_id: case_id.clone(), clocks, late_by_ms: 0 };
    supervision.say(case, breached(vec![clock("order.acknowledge", "2026-03-02 14:00")])).await;
    assert_eq!(now().await.deadline_state, "running", "the acknowledgement is another clock");
    supervision.say(case, breached(vec![clock(&deadline.rule, "2026-03-16 23:59")])).await;
    assert_eq!(now().await.deadline_state, "breached");
    let paused = ClocksPaused {
        case_id: case_id.clone(),
        clocks: vec![clock(&deadline.rule, "2026-03-16 23:59")],
        reason_code: "identification".to_owned(),
    };
    supervision.say(case, paused).await;
    assert_eq!(now().await.deadline_state, "paused");
    let extended = ClocksExtended {
        case_id: case_id.clone(),
        clocks: vec![clock(&deadline.rule, "2026-03-30 23:59")],
        approved_by: "ZF.head".to_owned(),
    };
    supervision.say(case, extended).await;
    let later = now().await;
    assert_eq!(later.deadline_state, "running");
    assert_eq!(later.deadline.unwrap().due_at, Some(wire_time("2026-03-30 23:59")));

    let supervision_order_id = Uuid::now_v7().to_string();
    let issued = SupervisionOrderIssued {
        supervision_order_id: supervision_order_id.clone(),
        case_id: case_id.clone(),
        unit_code: "ZF".to_owned(),
        rung: Rung::Urge.into(),
        work_order_id: order.work_order_id.clone(),
        issued_at: Some(wire_time("2026-03-17 09:00")),
        ..Default::default()
    };
    supervision.say(case, issued).await;
    let answered = SupervisionOrderAnswered {
        supervision_order_id: supervision_order_id.clone(),
        case_id,
        unit_code: "ZF".to_owned(),
        answered_at: Some(wire_time("2026-03-18 09:00")),
    };
    supervision.say(case, answered).await;
    let pressed = now().await.pressed;
    assert_eq!((pressed.len(), pressed[0].rung_code.as_str()), (1, "urge"));
    assert_eq!(pressed[0].supervision_order_id, supervision_order_id);
    assert_eq!(pressed[0].answered_at, Some(wire_time("2026-03-18 09:00")));
}
