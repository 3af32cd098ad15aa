//! What falls due by itself, and what people decide about clocks.

use uuid::Uuid;
use xiezhi_proto::common::v1::Role;
use xiezhi_proto::intake::v1::NoticeKind;
use xiezhi_proto::supervision::v1 as proto;
use xiezhi_proto::supervision::v1::supervision_service_server::SupervisionService as _;

use crate::house::*;
use crate::words::*;

/// Accepted and given to ZF, which has acknowledged.
async fn given_to_zf(house: &House) -> Uuid {
    let case = Uuid::now_v7();
    house.intake.say(case, registered(case, 1, "2026-03-02 09:00")).await;
    house.assignment.say(case, diagnosed(case, "2026-03-02 09:50")).await;
    house.intake.say(case, accepted(case, 1, "2026-03-02 10:00")).await;
    house.intake.say(case, notice(case, NoticeKind::Acceptance, 1, "2026-03-02 10:00")).await;
    house.assignment.say(case, dispatched(case, 1, "ZF", Role::Lead, "2026-03-02 10:01")).await;
    house.assignment.say(case, acknowledged(case, 1, "ZF", "2026-03-02 11:00")).await;
    house.heard().await;
    case
}

#[tokio::test]
async fn the_ladder_is_climbed_rung_by_rung_and_the_order_is_answered() {
    let house = House::at("2026-03-02 10:05").await;
    let case = given_to_zf(&house).await;
    let kind = format!("order.finish/{}", order(case, 1));
    // Ten working days end on 16 March; the reminder comes one working day before, in office hours.
    house.turn("2026-03-13 08:29").await;
    assert_eq!(house.orders(case).await, vec![]);
    house.turn("2026-03-13 08:31").await;
    let orders = house.orders(case).await;
    assert_eq!(orders.len(), 1);
    assert_eq!((orders[0].rung(), orders[0].unit_code.as_str()), (proto::Rung::Remind, "ZF"));
    assert!(orders[0].answer_deadline.is_none());
    house.turn("2026-03-17 00:30").await;
    assert_eq!(house.clocks(case).await[&kind].state(), proto::ClockState::Breached);
    assert!(house.clocks(case).await[&kind].late);
    let about = |orders: &[proto::SupervisionOrder]| orders.iter().filter(|order| order.clock_kind == kind).count();
    assert_eq!(about(&house.orders(case).await), 1, "nobody is urged at night");
    house.turn("2026-03-17 08:00").await;
    assert_eq!(about(&house.orders(case).await), 2);
    house.turn("2026-03-19 12:00").await;
    let orders: Vec<_> = house.orders(case).await.into_iter().filter(|order| order.clock_kind == kind).collect();
    assert_eq!(
        orders.iter().map(proto::SupervisionOrder::rung).collect::<Vec<_>>(),
        [proto::Rung::SupervisionOrder, proto::Rung::Urge, proto::Rung::Remind]
    );
    assert_eq!(orders[0].served_on, ["unit_head"]);
    assert!(orders[0].answer_deadline.is_some());
    let tasks = house.tasks().await;
    let task = tasks.iter().find(|task| task.subject == orders[0].supervision_order_id).unwrap();
    assert_eq!((task.unit_code.as_str(), task.task_code.as_str()), ("ZF", "supervision_order.answer"));
    let answer = |id: &str| proto::AnswerSupervisionOrderRequest {
        command_id: command(),
        supervision_order_id: id.to_owned(),
        answer: "检测机构排期所致, 18 日已采样。".to_owned(),
    };
    let id = &orders[0].supervision_order_id;
    let foreign = house.door.answer_supervision_order(by(&department("HB"), answer(id))).await.unwrap_err();
    assert_eq!(foreign.code(), tonic::Code::NotFound);
    let unasked = house.door.answer_supervision_order(by(&department("ZF"), answer(&orders[1].supervision_order_id)));
    assert_eq!(reason(&unasked.await.unwrap_err()), "supervision.no_answer_asked");
    let answered = house.door.answer_supervision_order(by(&department("ZF"), answer(id))).await.unwrap().into_inner();
    let answered = answered.supervision_order.unwrap();
    assert_eq!(answered.answered_by, "ZF.account");
    assert!(answered.answer.contains("采样"));
    let twice = house.door.answer_supervision_order(by(&department("ZF"), answer(id))).await.unwrap_err();
    assert_eq!(reason(&twice), "supervision.answered");
    let seen = house.orders(case).await.into_iter().find(|order| order.supervision_order_id == *id).unwrap();
    assert!(seen.answer.contains("采样"));
    assert!(!house.stores("采样").await, "what units write lies sealed");
    assert!(house.tasks().await.iter().all(|task| task.subject != *id));
    // What people write never travels.
    assert!(
        house
            .timeline(case)
            .await
            .iter()
            .flat_map(|entry| &entry.details)
            .flat_map(|detail| &detail.values)
            .all(|value| !value.contains("采样"))
    );
}

#[tokio::test]
async fn nothing_fires_after_closing() {
    let house = House::at("2026-03-02 10:05").await;
    let case = given_to_zf(&house).await;
    house.intake.say(case, closed(case, 1, "2026-03-03 09:00")).await;
    house.heard().await;
    let said = house.said(case).await;
    house.turn("2026-06-01 12:00").await;
    assert_eq!(house.said(case).await, said);
    assert_eq!(house.orders(case).await, vec![]);
}

#[tokio::test]
async fn one_event_tells_all_clocks_of_a_decision_and_each_timer_fires_once() {
    let house = House::at("2026-03-02 10:05").await;
    let replica = house.replica().await;
    let case = given_to_zf(&house).await;
    house.turn("2026-06-10 12:00").await;
    let timeline = house.timeline(case).await;
    let breached: Vec<&String> = timeline
        .iter()
        .filter(|entry| entry.code == "supervision.clocks.breached")
        .flat_map(|entry| &entry.details)
        .filter(|detail| detail.name == "clocks.kind")
        .flat_map(|detail| &detail.values)
        .collect();
    let once: std::collections::BTreeSet<_> = breached.iter().collect();
    assert_eq!(once.len(), breached.len(), "two replicas, each breach once: {breached:?}");
    for kind in ["reply.first", "mode.assisted", "petition.duty"] {
        assert!(breached.iter().any(|breached| *breached == kind), "{kind}");
    }
    let timers = replica.bus.timers(xiezhi_proto::bus::v1::ListTimersRequest { page_size: 1000, ..Default::default() });
    let timers = timers.await.unwrap().timers;
    for timer in timers.iter().filter(|timer| timer.state == "fired") {
        let seconds = |time: Option<prost_types::Timestamp>| time.unwrap().seconds;
        assert!(seconds(timer.fired_at) >= seconds(timer.due_at));
    }
    assert!(timers.iter().filter(|timer| timer.state == "armed").count() <= 1);
}

#[tokio::test]
async fn an_extension_is_the_units_heads_alone_and_once() {
    let house = House::at("2026-03-02 10:05").await;
    let case = given_to_zf(&house).await;
    let kind = format!("order.finish/{}", order(case, 1));
    let ask = |kind: &str, amount: u32| proto::ExtendClockRequest {
        command_id: command(),
        case_id: case.to_string(),
        kind: kind.to_owned(),
        amount,
        reason: "需委托第三方检测油烟排放".to_owned(),
    };
    let mut handler = department("ZF");
    handler.caller.person = "ZF-P03".to_owned();
    let no = house.door.extend_clock(by(&handler, ask(&kind, 5))).await.unwrap_err();
    assert_eq!(reason(&no), "supervision.not_the_head");
    let no = house.door.extend_clock(by(&centre(), ask(&kind, 5))).await.unwrap_err();
    assert_eq!(reason(&no), "supervision.not_the_holder");
    let no = house.door.extend_clock(by(&department("HB"), ask(&kind, 5))).await.unwrap_err();
    assert_eq!(no.code(), tonic::Code::NotFound);
    let head = department("ZF");
    let no = house.door.extend_clock(by(&head, ask(&kind, 11))).await.unwrap_err();
    assert_eq!(reason(&no), "supervision.extension_too_long");
    let no = house.door.extend_clock(by(&head, ask("petition.duty", 5))).await.unwrap_err();
    assert_eq!(reason(&no), "supervision.not_extensible");
    let request = ask(&kind, 10);
    let granted = house.door.extend_clock(by(&head, request.clone())).await.unwrap().into_inner().clock.unwrap();
    // Twenty working days after 2 March: 5 April is a holiday and moved to Monday the 6th, so 31 March.
    let due = granted.clock.as_ref().unwrap().deadline.as_ref().unwrap().due_at.unwrap();
    assert_eq!(due.seconds, at("2026-03-31 00:00").as_second() - 1);
    assert_eq!(granted.extension.as_ref().unwrap().reason, request.reason);
    assert!(!granted.extension.as_ref().unwrap().notice_served);
    // The same command again gets the first answer; another is refused.
    let again = house.door.extend_clock(by(&head, request)).await.unwrap().into_inner().clock.unwrap();
    assert_eq!(again, granted);
    let no = house.door.extend_clock(by(&head, ask(&kind, 1))).await.unwrap_err();
    assert_eq!(reason(&no), "supervision.extended_before");
    assert_eq!(house.said(case).await.iter().filter(|said| *said == "clocks.extended").count(), 1);
    house.intake.say(case, notice(case, NoticeKind::Extension, 1, "2026-03-02 12:00")).await;
    house.heard().await;
    let listed = house.clocks(case).await[&kind].extension.clone().unwrap();
    assert!(listed.notice_served && listed.reason.contains("第三方检测"), "{listed:?}");
    assert!(!house.stores("第三方检测").await, "what a head writes lies sealed");
}

#[tokio::test]
async fn a_clock_pauses_only_for_what_its_rule_lists() {
    let house = House::at("2026-03-02 10:05").await;
    let case = given_to_zf(&house).await;
    let pause = proto::PauseClockRequest {
        command_id: command(),
        case_id: case.to_string(),
        kind: "reply.first".to_owned(),
        reason_code: "hearing".to_owned(),
    };
    let no = house.door.pause_clock(by(&centre(), pause)).await.unwrap_err();
    assert_eq!(reason(&no), "supervision.not_pausable");
    let resume =
        proto::ResumeClockRequest { command_id: command(), case_id: case.to_string(), kind: "reply.first".to_owned() };
    let no = house.door.resume_clock(by(&centre(), resume)).await.unwrap_err();
    assert_eq!(reason(&no), "supervision.clock_not_paused");
}

#[tokio::test]
async fn a_new_calendar_moves_what_runs_and_the_timer_with_it() {
    let house = House::at("2026-03-02 10:05").await;
    let case = given_to_zf(&house).await;
    let kind = format!("order.finish/{}", order(case, 1));
    let due = async || house.clocks(case).await[&kind].clock.clone().unwrap().deadline.unwrap().due_at.unwrap().seconds;
    assert_eq!(due().await, at("2026-03-17 00:00").as_second() - 1);
    let mut pack = JIASHAN.clone();
    pack.calendar.version += 1;
    let day_off = vocab::CalendarDay { working: false, source: "样例放假".to_owned() };
    pack.calendar.days.insert(jiff::civil::date(2026, 3, 11), day_off);
    house.publish(&pack).await;
    assert_eq!(due().await, at("2026-03-18 00:00").as_second() - 1);
    let said = house.said(case).await;
    assert_eq!(said.iter().filter(|said| *said == "clocks.moved").count(), 1);
    house.turn("2026-03-17 12:00").await;
    assert_eq!(house.clocks(case).await[&kind].state(), proto::ClockState::Running);
    house.turn("2026-03-18 00:10").await;
    assert_eq!(house.clocks(case).await[&kind].state(), proto::ClockState::Breached);
}
