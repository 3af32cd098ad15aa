//! Who gets which answer: what a unit may know, what a caller must not know, and what is wrong with a request.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failed test should panic

mod house;

use house::said::{deciding, march, reached, recording};
use house::{House, from, from_unit};
use tonic::{Code, Status};
use tonic_types::StatusExt;
use uuid::Uuid;
use xiezhi_proto::common::v1::Role;
use xiezhi_proto::evaluation::v1 as proto;
use xiezhi_proto::evaluation::v1::CallbackState;
use xiezhi_proto::evaluation::v1::evaluation_service_server::EvaluationService;

fn fields(status: &Status) -> Vec<String> {
    assert_eq!(status.code(), Code::InvalidArgument, "{status:?}");
    let violations = status.get_details_bad_request().unwrap().field_violations;
    violations.into_iter().map(|violation| violation.field).collect()
}

async fn facts(house: &House, account: &str, unit: &str) -> Vec<proto::CaseFact> {
    let request = proto::ListCaseFactsRequest { unit_code: unit.into(), ..Default::default() };
    house.door.list_case_facts(from(account, request)).await.unwrap().into_inner().facts
}

async fn callback_of(house: &House, case: Uuid) -> String {
    let listed = house.door.list_callbacks(from("evaluator", proto::ListCallbacksRequest::default())).await.unwrap();
    let found = listed.into_inner().callbacks.into_iter().find(|one| one.case_id == case.to_string());
    found.unwrap().callback_id
}

#[tokio::test]
async fn what_was_heard_in_any_order_opens_every_figure() {
    let house = House::open().await;
    // Assignment and supervision are heard before intake.
    let case = Uuid::now_v7();
    let order = house.dispatches(case, "ZF", Role::Lead, 1).await;
    house.acknowledges(case, order, "ZF", 3).await;
    house.handles(case, "ZF", 1, 9).await;
    house.breaches(case, "order.finish", 8).await;
    house.quiet().await;
    let early = facts(&house, "leader", "").await;
    assert_eq!((early.len(), early[0].case_no.as_str(), early[0].lead_unit.as_str()), (1, "", "ZF"));
    assert!(early[0].closed_at.is_none() && early[0].registered_at.is_none());
    let empty = house.door.get_rates(from("leader", march("ZF"))).await.unwrap().into_inner();
    assert_eq!((empty.units.len(), empty.units[0].closed), (1, 0));

    house.accepts(case, 7, None).await;
    house.closes(case, case, 1, 10).await;
    house.quiet().await;
    let fact = facts(&house, "leader", "ZF").await.pop().unwrap();
    assert_eq!((fact.case_no.as_str(), fact.orders, fact.breaches, fact.round), ("JS-2026-000007", 1, 1, 1));
    assert_eq!(fact.callback_state(), CallbackState::Drawn);
    let counted = house.door.get_rates(from("leader", march("ZF"))).await.unwrap().into_inner();
    assert_eq!((counted.units[0].closed, counted.units[0].rates[0].numerator), (1, 1));
}

#[tokio::test]
async fn a_case_counts_as_sent_back_once_an_objection_is_upheld() {
    let house = House::open().await;
    let case = Uuid::now_v7();
    let order = house.dispatches(case, "ZF", Role::Lead, 1).await;
    house.handles(case, "ZF", 1, 9).await;
    let hops = async || {
        house.quiet().await;
        facts(&house, "leader", "").await[0].hops
    };
    house.objects(case, order, 0, false).await;
    assert_eq!(hops().await, 0, "a rejected objection has moved nothing");
    house.objects(case, order, 0, true).await;
    assert_eq!(hops().await, 1);
    house.objects(case, order, 1, false).await;
    assert_eq!(hops().await, 1);
}

#[tokio::test]
async fn whom_a_ruling_names_leads_with_the_order_it_has() {
    let house = House::open().await;
    let case = house.registers(1).await;
    house.dispatches(case, "ZF", Role::Lead, 1).await;
    house.dispatches(case, "HB", Role::Support, 1).await;
    house.rules(case, "HB", 1, 5).await;
    house.quiet().await;
    assert_eq!(facts(&house, "leader", "").await[0].lead_unit, "HB");
}

#[tokio::test]
async fn whoever_makes_the_call_does_not_learn_who_handled_the_case() {
    let house = House::open().await;
    let case = house.a_closed_case(1, "ZF").await;
    let seen = facts(&house, "evaluator", "").await;
    assert_eq!((seen.len(), seen[0].lead_unit.as_str()), (1, ""));
    assert!(facts(&house, "evaluator", "ZF").await.is_empty());
    assert_eq!(facts(&house, "leader", "ZF").await.len(), 1);
    // The whole answer about the call-back names no unit.
    let callback = callback_of(&house, case).await;
    let request = proto::GetCallbackRequest { callback_id: callback.clone() };
    let found = house.door.get_callback(from("evaluator", request)).await.unwrap().into_inner();
    assert!(!format!("{found:?}").contains("ZF"), "{found:?}");
    house.door.record_callback(from("evaluator", recording(&callback, reached(true, true, true)))).await.unwrap();
    assert_eq!(facts(&house, "evaluator", "ZF").await.len(), 1);
}

#[tokio::test]
async fn a_unit_gets_its_own_rates_and_of_others_not_even_that_they_exist() {
    let house = House::open().await;
    for (nth, unit) in (1..).zip(["ZF", "HB"]) {
        house.a_closed_case(nth, unit).await;
    }
    let own = house.door.get_rates(from_unit("ZF", march(""))).await.unwrap().into_inner();
    let units: Vec<&str> = own.units.iter().map(|unit| unit.unit_code.as_str()).collect();
    assert_eq!(units, ["ZF"]);
    let foreign = house.door.get_rates(from_unit("ZF", march("HB"))).await.unwrap_err();
    let missing = house.door.get_rates(from("leader", march("XX"))).await.unwrap_err();
    assert_eq!((foreign.code(), foreign.message()), (Code::NotFound, missing.message()));
    let told = |status: &Status| {
        let info = status.get_details_error_info().unwrap();
        (info.reason, info.metadata)
    };
    assert_eq!(told(&foreign), told(&missing));
    let all = house.door.get_rates(from("leader", march(""))).await.unwrap().into_inner();
    assert_eq!(all.units.len(), 2);
}

#[tokio::test]
async fn only_rounds_that_were_closed_in_the_period_are_counted() {
    let house = House::open().await;
    house.a_closed_case(1, "ZF").await;
    for (from_day, to_day, closed) in
        [("2026-03-02", "2026-03-02", 1), ("2026-03-03", "2026-03-31", 0), ("2026-02-01", "2026-03-01", 0)]
    {
        let request = proto::GetRatesRequest { unit_code: "ZF".into(), from: from_day.into(), to: to_day.into() };
        let rates = house.door.get_rates(from("leader", request)).await.unwrap().into_inner();
        assert_eq!(rates.units[0].closed, closed, "{from_day} to {to_day}");
    }
}

#[tokio::test]
async fn every_mistake_of_a_request_is_named_at_once_and_nothing_is_written() {
    let house = House::open().await;
    let case = house.a_closed_case(1, "ZF").await;
    let callback = callback_of(&house, case).await;

    let wrong = proto::Rating { reached: false, responded: true, resolved: false, satisfied: true };
    let request = recording("not-a-uuid", wrong);
    let refused = house.door.record_callback(from("evaluator", request)).await.unwrap_err();
    assert_eq!(fields(&refused), ["callback_id", "rating.responded", "rating.satisfied"]);
    let request = proto::RecordCallbackRequest { rating: None, ..recording(&callback, wrong) };
    let refused = house.door.record_callback(from("evaluator", request)).await.unwrap_err();
    assert_eq!(fields(&refused), ["rating"]);
    let request = proto::RecordCallbackRequest { command_id: "x".into(), ..recording(&callback, wrong) };
    let refused = house.door.record_callback(from("evaluator", request)).await.unwrap_err();
    assert_eq!(fields(&refused), ["command_id"]);

    for reason in ["", "  短  ", &"长".repeat(100_000), "控制\u{0}字符在里面"] {
        let request = proto::DecideAdjudicationRequest { reason: reason.into(), ..deciding(&callback, true) };
        let refused = house.door.decide_adjudication(from("leader", request)).await.unwrap_err();
        assert_eq!(fields(&refused), ["reason"]);
    }
    for (from_day, to_day, wanted) in [
        ("2026-02-30", "", vec!["from", "to"]),
        ("2026-03-31", "2026-03-01", vec!["to"]),
        ("1949-10-01", "2026-03-01", vec!["to"]),
        ("2026-03-01T00:00", "9999-12-31", vec!["from", "to"]),
    ] {
        let request = proto::GetRatesRequest { unit_code: String::new(), from: from_day.into(), to: to_day.into() };
        let refused = house.door.get_rates(from("leader", request)).await.unwrap_err();
        assert_eq!(fields(&refused), wanted, "{from_day} to {to_day}");
    }
    let request = proto::GetRatesRequest { unit_code: "综合执法局".into(), ..march("") };
    assert_eq!(fields(&house.door.get_rates(from("leader", request)).await.unwrap_err()), ["unit_code"]);

    let request = proto::ListCallbacksRequest { state: 99, ..Default::default() };
    assert_eq!(fields(&house.door.list_callbacks(from("evaluator", request)).await.unwrap_err()), ["state"]);
    let request = proto::ListCallbacksRequest { page_size: 201, ..Default::default() };
    assert_eq!(fields(&house.door.list_callbacks(from("evaluator", request)).await.unwrap_err()), ["page_size"]);
    let request = proto::ListOpenTasksRequest { page_token: "bm8".into(), ..Default::default() };
    assert_eq!(fields(&house.door.list_open_tasks(from("service", request)).await.unwrap_err()), ["page_token"]);

    let unknown = Uuid::now_v7().to_string();
    let refused = house.door.record_callback(from("evaluator", recording(&unknown, reached(true, true, true)))).await;
    assert_eq!(refused.unwrap_err().code(), Code::NotFound);
    let request = proto::GetCallbackRequest { callback_id: unknown };
    assert_eq!(house.door.get_callback(from("evaluator", request)).await.unwrap_err().code(), Code::NotFound);
    // A request that passed no guard has no caller.
    let nobody = tonic::Request::new(proto::ListCallbacksRequest::default());
    assert_eq!(house.door.list_callbacks(nobody).await.unwrap_err().code(), Code::PermissionDenied);
    assert_eq!(house.said_of(case).await, ["CallbackDrawn"]);
}

#[tokio::test]
async fn pages_of_facts_and_tasks_hold_everything_once() {
    let house = House::open().await;
    let mut cases = Vec::new();
    for nth in 1..=7 {
        let case = house.registers(nth).await;
        house.closes(case, case, 1, 10).await;
        cases.push(case.to_string());
    }
    house.quiet().await;
    let (mut listed, mut page_token) = (Vec::new(), String::new());
    loop {
        let request = proto::ListCaseFactsRequest { page_size: 3, page_token, ..Default::default() };
        let page = house.door.list_case_facts(from("leader", request)).await.unwrap().into_inner();
        listed.extend(page.facts.into_iter().map(|fact| fact.case_id));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert_eq!(listed, cases);
    let (mut listed, mut page_token) = (Vec::new(), String::new());
    loop {
        let request = proto::ListOpenTasksRequest { page_size: 2, page_token };
        let page = house.door.list_open_tasks(from("service", request)).await.unwrap().into_inner();
        listed.extend(page.tasks.into_iter().map(|task| task.case_id));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert_eq!(listed, cases);
}
