//! A case from its registration to its closing, as supervision sees it.

use uuid::Uuid;
use xiezhi_proto::common::v1::Role;
use xiezhi_proto::evaluation::v1 as evaluation;
use xiezhi_proto::intake::v1::{LinkKind, NoticeKind};
use xiezhi_proto::supervision::v1 as proto;
use xiezhi_proto::supervision::v1::supervision_service_server::SupervisionService as _;

use crate::house::*;
use crate::words::*;

/// Registered with one more complainant, accepted, given to ZF with HB's support.
async fn given(house: &House) -> (Uuid, Uuid) {
    let (head, member) = (Uuid::now_v7(), Uuid::now_v7());
    house.intake.say(head, registered(head, 1, "2026-03-02 09:00")).await;
    house.intake.say(member, registered(member, 2, "2026-03-02 09:10")).await;
    house.intake.say(member, linked(member, head, LinkKind::ClusterMember, "2026-03-02 09:20")).await;
    house.assignment.say(head, diagnosed(head, "2026-03-02 09:50")).await;
    for (case, number) in [(head, 1), (member, 2)] {
        house.intake.say(case, accepted(case, number, "2026-03-02 10:00")).await;
        house.intake.say(case, notice(case, NoticeKind::Acceptance, 1, "2026-03-02 10:00")).await;
    }
    for (number, unit, role) in [(1, "ZF", Role::Lead), (2, "HB", Role::Support)] {
        house.assignment.say(head, dispatched(head, number, unit, role, "2026-03-02 10:01")).await;
        house.assignment.say(head, acknowledged(head, number, unit, "2026-03-02 11:00")).await;
    }
    house.heard().await;
    (head, member)
}

async fn done(house: &House, head: Uuid, members: &[Uuid]) {
    for (number, unit) in [(1, "ZF"), (2, "HB")] {
        house.assignment.say(head, completed(head, number, unit, "2026-03-05 15:00")).await;
    }
    house.assignment.say(head, handled(head, "ZF", "2026-03-05 16:00")).await;
    for case in members.iter().chain([&head]) {
        house.intake.say(*case, notice(*case, NoticeKind::Reply, 1, "2026-03-05 16:01")).await;
    }
    house.heard().await;
}

#[tokio::test]
async fn a_case_has_its_clocks_each_with_its_reasons() {
    let house = House::at("2026-03-02 10:05").await;
    let (head, member) = given(&house).await;
    let clocks = house.clocks(head).await;
    let state = |kind: &str| clocks[kind].state();
    for stopped in ["intake.decide", "intake.inform", "consultation.triage"] {
        assert_eq!(state(stopped), proto::ClockState::Stopped, "{stopped}");
    }
    for running in ["petition.duty", "reply.first", "mode.assisted"] {
        assert_eq!(state(running), proto::ClockState::Running, "{running}");
        assert_eq!(clocks[running].clock.as_ref().unwrap().holder_unit, "ZF", "{running}");
    }
    assert!(!clocks.contains_key("petition.finish"), "the sixty days are for investigated petitions only");
    assert!(!clocks.contains_key("intake.urgent") && !clocks.contains_key("mode.fast"));
    let finish = &clocks[&format!("order.finish/{}", order(head, 2))];
    assert_eq!(finish.clock.as_ref().unwrap().holder_unit, "HB");
    // Ten working days after 2 March 2026.
    let due = finish.clock.as_ref().unwrap().deadline.clone().unwrap();
    assert_eq!(due.due_at.unwrap().seconds, at("2026-03-17 00:00").as_second() - 1);
    let zh: Vec<String> = finish.explanation.iter().map(|step| step.zh.clone()).collect();
    assert!(zh[0].contains("2026年3月2日") && zh.iter().any(|step| step.contains("周末")), "{zh:?}");
    assert!(finish.explanation.last().unwrap().en.contains("due by Mon 2026-03-16 24:00"), "{:?}", finish.explanation);
    // The member's own clocks stop with the link or are pressed through the head.
    let member = house.clocks(member).await;
    assert_eq!(member["intake.decide"].state(), proto::ClockState::Stopped);
    assert!(!member.contains_key("petition.duty"));
}

#[tokio::test]
async fn a_case_closes_on_the_proof_of_a_second_unit() {
    let house = House::at("2026-03-02 10:05").await;
    let (head, member) = given(&house).await;
    let missing = house.approve(&centre(), head).await.unwrap_err();
    assert_eq!(missing.code(), tonic::Code::NotFound);
    done(&house, head, &[]).await;
    let proof = house.proof(head).await;
    assert_eq!(proof.state(), proto::ClosingState::Checking);
    assert_eq!(proof.member_case_ids, [member.to_string()]);
    let refused = house.approve(&centre(), head).await.unwrap_err();
    assert_eq!(reason(&refused), "supervision.checks_missing");
    assert!(house.tasks().await.is_empty());
    house.intake.say(member, notice(member, NoticeKind::Reply, 1, "2026-03-05 16:02")).await;
    house.heard().await;
    let proof = house.proof(head).await;
    assert_eq!(proof.state(), proto::ClosingState::AwaitingSecondUnit);
    let tasks = house.tasks().await;
    assert_eq!(tasks.iter().map(|task| task.task_code.as_str()).collect::<Vec<_>>(), ["closing.check"]);
    for handler in ["ZF", "HB"] {
        let refused = house.approve(&department(handler), head).await.unwrap_err();
        assert_eq!(reason(&refused), "supervision.handled_it", "{handler}");
    }
    let foreign = house.approve(&department("SJ"), head).await.unwrap_err();
    assert_eq!(foreign.code(), tonic::Code::NotFound);
    // The town of the place holds no share here, so it may check.
    let approved = house.approve(&department("town-330421103"), head).await.unwrap();
    assert_eq!(approved.state(), proto::ClosingState::Approved);
    assert_eq!(approved.checked_by_unit, "town-330421103");
    assert!(approved.findings.iter().all(|finding| finding.check.as_ref().unwrap().holds));
    let twice = house.approve(&centre(), head).await.unwrap_err();
    assert_eq!(reason(&twice), "supervision.closing_decided");
    assert_eq!(house.clocks(head).await["closing.check"].state(), proto::ClockState::Stopped);
    for case in [head, member] {
        house.intake.say(case, closed(case, 1, "2026-03-06 09:00")).await;
    }
    house.heard().await;
    assert!(house.clocks(head).await.values().all(|clock| clock.state() == proto::ClockState::Stopped));
    let armed = house
        .supervision
        .bus
        .timers(xiezhi_proto::bus::v1::ListTimersRequest { armed_only: true, ..Default::default() });
    assert_eq!(armed.await.unwrap().timers, vec![], "a closed case waits for nothing");
}

#[tokio::test]
async fn a_refused_closing_sends_a_share_back_and_begins_again() {
    let house = House::at("2026-03-02 10:05").await;
    let (head, member) = given(&house).await;
    done(&house, head, &[member]).await;
    let refuse = |order: Uuid, reason: &str| proto::RefuseClosingRequest {
        command_id: command(),
        case_id: head.to_string(),
        work_order_id: order.to_string(),
        reason_code: reason.to_owned(),
    };
    let bad = house.door.refuse_closing(by(&centre(), refuse(order(head, 2), "because"))).await.unwrap_err();
    assert_eq!(fields(&bad), ["reason_code"]);
    let none = house.door.refuse_closing(by(&centre(), refuse(Uuid::now_v7(), "procedure"))).await.unwrap_err();
    assert_eq!(reason(&none), "supervision.not_a_share");
    let answer =
        house.door.refuse_closing(by(&centre(), refuse(order(head, 2), "evidence_insufficient"))).await.unwrap();
    let proof = answer.into_inner().proof.unwrap();
    assert_eq!(proof.returned_work_order_id, order(head, 2).to_string());
    assert!(house.tasks().await.is_empty());
    house.assignment.say(head, dispatched(head, 3, "HB", Role::Support, "2026-03-06 10:00")).await;
    house.assignment.say(head, completed(head, 3, "HB", "2026-03-09 10:00")).await;
    house.assignment.say(head, handled(head, "ZF", "2026-03-09 11:00")).await;
    house.heard().await;
    let proof = house.proof(head).await;
    assert_eq!((proof.attempt, proof.state()), (2, proto::ClosingState::AwaitingSecondUnit));
    let listed = |state: proto::ClosingState| {
        let door = house.door.clone();
        async move {
            let request = proto::ListClosingsRequest { state: state.into(), ..Default::default() };
            door.list_closings(by(&centre(), request)).await.unwrap().into_inner().proofs
        }
    };
    assert_eq!(listed(proto::ClosingState::Refused).await.len(), 1);
    assert_eq!(listed(proto::ClosingState::AwaitingSecondUnit).await.len(), 1);
    assert_eq!(listed(proto::ClosingState::Checking).await.len(), 0);
    house.approve(&centre(), head).await.unwrap();
    assert_eq!(listed(proto::ClosingState::Approved).await.len(), 1);
}

#[tokio::test]
async fn the_timeline_tells_what_all_five_services_said() {
    let house = House::at("2026-03-02 10:05").await;
    let (head, member) = given(&house).await;
    let operation = Uuid::now_v7();
    house.scheduling.say(operation, proposed(operation, head, &["GA"], "2026-03-03 10:00")).await;
    house.scheduling.say(operation, checked_in(operation, head, "GA", "2026-03-04 20:00")).await;
    house.scheduling.say(operation, concluded(operation, head, "2026-03-04 23:00")).await;
    done(&house, head, &[member]).await;
    house.approve(&centre(), head).await.unwrap();
    let evaluation = house.evaluation().await;
    let given_at = Some(wire_time("2026-03-09 10:00"));
    let rating = evaluation::RatingGiven {
        callback_id: Uuid::now_v7().to_string(),
        case_id: head.to_string(),
        given_at,
        ..Default::default()
    };
    evaluation.say(head, rating).await;
    heard(&house.supervision, &evaluation).await;
    let timeline = house.timeline(head).await;
    let codes: Vec<&str> = timeline.iter().map(|entry| entry.code.as_str()).collect();
    for code in [
        "intake.case.registered",
        "intake.case.linked",
        "intake.case.accepted",
        "intake.notice.served",
        "assignment.diagnosis.made",
        "assignment.work_order.dispatched",
        "assignment.case.handled",
        "scheduling.operation.proposed",
        "scheduling.participant.checked_in",
        "scheduling.operation.concluded",
        "supervision.clocks.started",
        "supervision.clocks.stopped",
        "supervision.closing.approved",
        "evaluation.rating.given",
    ] {
        assert!(codes.contains(&code), "{code} is missing from {codes:?}");
    }
    let services: std::collections::BTreeSet<&str> = timeline.iter().map(|entry| entry.service.as_str()).collect();
    assert_eq!(services.len(), 5);
    assert!(timeline.windows(2).all(|pair| moment_of(&pair[0]) <= moment_of(&pair[1])), "in the order of time");
    let checked_in = timeline.iter().find(|entry| entry.code == "scheduling.participant.checked_in").unwrap();
    assert_eq!(checked_in.unit_codes, ["GA"]);
    let officers = checked_in.details.iter().find(|detail| detail.name == "officer_codes").unwrap();
    assert_eq!(officers.values, ["GA-O01", "GA-O02"]);
    // A page at a time tells the same.
    let mut pages = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = proto::GetTimelineRequest { case_id: head.to_string(), page_size: 3, page_token };
        let answer = house.door.get_timeline(by(&centre(), request)).await.unwrap().into_inner();
        pages.extend(answer.entries);
        page_token = answer.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert_eq!(pages, timeline);
}

fn moment_of(entry: &proto::TimelineEntry) -> (i64, i32) {
    entry.at.map(|at| (at.seconds, at.nanos)).unwrap()
}

#[tokio::test]
async fn whoever_speaks_first_is_heard_first_and_the_clocks_are_the_same() {
    let house = House::at("2026-03-02 10:05").await;
    let case = Uuid::now_v7();
    house.assignment.say(case, dispatched(case, 1, "ZF", Role::Lead, "2026-03-02 10:01")).await;
    house.assignment.say(case, acknowledged(case, 1, "ZF", "2026-03-02 11:00")).await;
    house.heard().await;
    let early = house.clocks(case).await;
    assert_eq!(early.len(), 2, "an unknown case is no poison");
    house.intake.say(case, registered(case, 1, "2026-03-02 09:00")).await;
    house.intake.say(case, accepted(case, 1, "2026-03-02 10:00")).await;
    house.heard().await;
    let clocks = house.clocks(case).await;
    assert_eq!(clocks["reply.first"].clock.as_ref().unwrap().holder_unit, "ZF");
    assert_eq!(clocks[&format!("order.acknowledge/{}", order(case, 1))].state(), proto::ClockState::Stopped);
}
