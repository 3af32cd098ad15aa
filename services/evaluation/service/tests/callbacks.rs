//! Call-backs through the doors, on a real store and a real nats-server.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failed test should panic

mod house;

use std::collections::BTreeSet;

use house::said::{at, deciding, march, reached, recording, unreached};
use house::{House, from, patiently};
use sha2::{Digest, Sha256};
use uuid::Uuid;
use xiezhi_proto::assignment::v1::AccountDisabled;
use xiezhi_proto::common::v1::Role;
use xiezhi_proto::evaluation::v1 as proto;
use xiezhi_proto::evaluation::v1::CallbackState;
use xiezhi_proto::evaluation::v1::evaluation_service_server::EvaluationService;
use xiezhi_proto::intake::v1::LinkKind;

async fn waiting(house: &House) -> Vec<proto::Callback> {
    let listed = house.door.list_callbacks(from("evaluator", proto::ListCallbacksRequest::default())).await.unwrap();
    listed.into_inner().callbacks
}

async fn tasks(house: &House) -> Vec<(String, String)> {
    let listed = house.door.list_open_tasks(from("service", proto::ListOpenTasksRequest::default())).await.unwrap();
    listed.into_inner().tasks.into_iter().map(|task| (task.case_id, task.task_code)).collect()
}

async fn record(house: &House, callback: &str, rating: proto::Rating) -> proto::Callback {
    let answer = house.door.record_callback(from("evaluator", recording(callback, rating))).await.unwrap();
    answer.into_inner().callback.unwrap()
}

fn of(listed: &[proto::Callback], case: Uuid) -> proto::Callback {
    listed.iter().find(|one| one.case_id == case.to_string()).unwrap().clone()
}

#[tokio::test]
async fn three_complainants_of_one_barbecue_are_called_each_by_itself_and_rate_its_lead() {
    let house = House::open().await;
    let head = house.registers(1).await;
    let members = [house.registers(2).await, house.registers(3).await];
    for (nth, member) in (2..).zip(members) {
        house.links(member, head, LinkKind::ClusterMember).await;
        house.accepts(member, nth, Some(head)).await;
    }
    house.accepts(head, 1, None).await;
    let lead = house.dispatches(head, "ZF", Role::Lead, 1).await;
    let support = house.dispatches(head, "HB", Role::Support, 1).await;
    house.acknowledges(head, lead, "ZF", 3).await;
    house.acknowledges(head, support, "HB", 5).await;
    house.handles(head, "ZF", 1, 40).await;
    for case in [head, members[0], members[1]] {
        house.closes(case, head, 1, 50).await;
    }
    house.quiet().await;

    let listed = waiting(&house).await;
    assert_eq!(listed.len(), 3);
    assert!(listed.windows(2).all(|pair| pair[0].draw.as_ref().unwrap().lot <= pair[1].draw.as_ref().unwrap().lot));
    assert_eq!(of(&listed, members[1]).case_no, "JS-2026-000003");
    assert_eq!(of(&listed, head).matter_codes, ["noise.trade.night"]);
    assert_eq!(tasks(&house).await.len(), 3);
    assert_eq!(house.timer(head, 1).await.as_deref(), Some("armed"));

    record(&house, &of(&listed, head).callback_id, reached(true, true, true)).await;
    record(&house, &of(&listed, members[0]).callback_id, reached(true, true, true)).await;
    let said = record(&house, &of(&listed, members[1]).callback_id, reached(false, false, false)).await;
    assert_eq!(said.state(), CallbackState::Recorded);
    assert_eq!(house.said_of(head).await, ["CallbackDrawn", "RatingGiven"]);
    assert_eq!(house.said_of(members[1]).await, ["CallbackDrawn", "RatingGiven", "RatingDissatisfied"]);
    assert_eq!(tasks(&house).await, []);
    assert_eq!(house.timer(head, 1).await.as_deref(), Some("cancelled"));

    let rates = house.door.get_rates(from("leader", march(""))).await.unwrap().into_inner();
    let units: Vec<&str> = rates.units.iter().map(|unit| unit.unit_code.as_str()).collect();
    assert_eq!(units, ["HB", "ZF"]);
    let zf = &rates.units[1];
    assert_eq!((zf.closed, zf.drawn, zf.reached, zf.responded, zf.waiting), (3, 3, 3, 2, 0));
    let lines: Vec<(u64, u64)> = zf.rates.iter().map(|rate| (rate.numerator, rate.denominator)).collect();
    assert_eq!(lines, [(1, 1), (2, 3), (2, 3)]);
    assert_eq!(zf.rates[0].name_zh, "响应率");
    assert!(zf.rates[2].numerator_zh.contains("满意") && zf.rates[2].denominator_en.contains("call-backs"));
    let composite = zf.composite_percent.unwrap();
    assert!((composite - (30.0 + 70.0 * 2.0 / 3.0)).abs() < 1e-9, "{composite}");
    // The supporting unit acknowledged an hour late.
    assert_eq!(
        (rates.units[0].closed, rates.units[0].rates[0].numerator, rates.units[0].rates[0].denominator),
        (0, 0, 1)
    );
}

#[tokio::test]
async fn dissatisfied_twice_goes_to_a_panel_of_somebody_else_and_is_left_out_openly() {
    let house = House::open().await;
    let case = house.a_closed_case(1, "ZF").await;
    let first = of(&waiting(&house).await, case).callback_id;
    record(&house, &first, reached(true, false, false)).await;
    house.reopens(case, 2, 20).await;
    house.dispatches(case, "ZF", Role::Lead, 2).await;
    house.handles(case, "ZF", 2, 30).await;
    house.closes(case, case, 2, 31).await;
    house.quiet().await;
    let second = of(&waiting(&house).await, case).callback_id;
    assert_ne!(first, second);
    let said = record(&house, &second, reached(true, false, false)).await;
    assert_eq!(said.state(), CallbackState::Adjudication);
    assert_eq!(tasks(&house).await, [(case.to_string(), "adjudication.decide".to_owned())]);

    let refused = house.door.decide_adjudication(from("evaluator", deciding(&second, false))).await.unwrap_err();
    assert_eq!(refused.code(), tonic::Code::FailedPrecondition);
    let decided = house.door.decide_adjudication(from("leader", deciding(&second, false))).await.unwrap().into_inner();
    assert_eq!(decided.callback.unwrap().state(), CallbackState::Excluded);
    assert_eq!(tasks(&house).await, []);
    let said =
        ["CallbackDrawn", "RatingGiven", "RatingDissatisfied", "CallbackDrawn", "RatingGiven", "AdjudicationDecided"];
    assert_eq!(house.said_of(case).await, said);
    let again = house.door.decide_adjudication(from("leader", deciding(&second, true))).await.unwrap_err();
    assert_eq!(again.code(), tonic::Code::FailedPrecondition);

    let rates = house.door.get_rates(from("leader", march("ZF"))).await.unwrap().into_inner();
    let zf = &rates.units[0];
    assert_eq!((zf.closed, zf.reached, zf.excluded), (1, 1, 1));
    assert_eq!((zf.rates[2].numerator, zf.rates[2].denominator), (0, 1));
    // The second round's order was never acknowledged; a panel does not change that.
    assert_eq!((zf.rates[0].numerator, zf.rates[0].denominator), (1, 2));
    assert_eq!(rates.excluded.len(), 1);
    let left_out = &rates.excluded[0];
    assert_eq!((left_out.round, left_out.unit_code.as_str()), (2, "ZF"));
    assert_eq!(left_out.reason_code, "adjudication_not_upheld");
    assert!(left_out.reason.contains("法律依据") && left_out.decided_at.is_some());
    let stored: Vec<Vec<u8>> =
        sqlx::query_scalar("SELECT reason FROM adjudication UNION ALL SELECT response FROM bus.command")
            .fetch_all(house.evaluation.corridor.pool())
            .await
            .unwrap();
    let words = "法律依据".as_bytes();
    let readable = |row: &Vec<u8>| row.windows(words.len()).any(|part| part == words);
    assert!(stored.len() > 1 && !stored.iter().any(readable), "a panel's words lie sealed");
}

#[tokio::test]
async fn nobody_answers_three_times_and_the_case_stays_in_the_count() {
    let house = House::open().await;
    let case = house.a_closed_case(1, "ZF").await;
    let callback = of(&waiting(&house).await, case).callback_id;
    let request = recording(&callback, unreached());
    for _ in 0..3 {
        // A repeat gets the first answer and is no second call.
        let answer = house.door.record_callback(from("evaluator", request.clone())).await.unwrap().into_inner();
        assert_eq!(answer.callback.unwrap().attempts.len(), 1);
    }
    let other = proto::RecordCallbackRequest { rating: Some(reached(true, true, true)), ..request };
    let conflict = house.door.record_callback(from("evaluator", other)).await.unwrap_err();
    assert_eq!(conflict.code(), tonic::Code::AlreadyExists);
    assert_eq!(record(&house, &callback, unreached()).await.state(), CallbackState::Drawn);
    let last = record(&house, &callback, unreached()).await;
    assert_eq!((last.state(), last.attempts.len()), (CallbackState::Unreached, 3));
    assert_eq!(last.rating, Some(unreached()));
    let said = ["CallbackDrawn", "CallbackAttempted", "CallbackAttempted", "CallbackAttempted", "RatingGiven"];
    assert_eq!(house.said_of(case).await, said);
    let rates = house.door.get_rates(from("leader", march("ZF"))).await.unwrap().into_inner();
    let zf = &rates.units[0];
    assert_eq!((zf.closed, zf.drawn, zf.unreached, zf.reached), (1, 1, 1, 0));
    assert_eq!((zf.rates[2].denominator, zf.rates[2].percent, zf.composite_percent), (0, None, None));
}

#[tokio::test]
async fn a_call_that_is_not_made_in_time_is_late_and_still_to_be_made() {
    let house = House::open().await;
    let case = house.a_closed_case(1, "ZF").await;
    let before = of(&waiting(&house).await, case);
    let due = before.deadline.unwrap();
    assert_eq!((due.rule.as_str(), before.overdue), ("callback.finish", false));
    // Closed on Monday: the fifth working day is the next Monday, to its end.
    assert_eq!(due.due_at.unwrap().seconds, at(0).as_second() + 7 * 86_400 + 15 * 3_600 - 1);
    house.evaluation.bus.turn(Uuid::now_v7(), at(24 * 9), None).await.unwrap();
    patiently(async || of(&waiting(&house).await, case).overdue, "the call-back is late").await;
    assert_eq!(house.timer(case, 1).await.as_deref(), Some("fired"));
    let answer = record(&house, &before.callback_id, reached(true, true, true)).await;
    assert!(answer.overdue && answer.state() == CallbackState::Recorded);
}

#[tokio::test]
async fn a_case_that_is_taken_up_again_is_not_asked_about_the_round_before() {
    let house = House::open().await;
    let case = house.a_closed_case(1, "ZF").await;
    let callback = of(&waiting(&house).await, case).callback_id;
    house.reopens(case, 2, 20).await;
    house.quiet().await;
    assert_eq!(waiting(&house).await, []);
    assert_eq!(house.timer(case, 1).await.as_deref(), Some("cancelled"));
    let refused = house.door.record_callback(from("evaluator", recording(&callback, unreached()))).await.unwrap_err();
    assert_eq!(refused.code(), tonic::Code::FailedPrecondition);
    let found = proto::GetCallbackRequest { callback_id: callback };
    let found = house.door.get_callback(from("evaluator", found)).await.unwrap().into_inner().callback.unwrap();
    assert_eq!(found.state(), CallbackState::Lapsed);
    let rates = house.door.get_rates(from("leader", march("ZF"))).await.unwrap().into_inner();
    assert_eq!((rates.units[0].closed, rates.units[0].lapsed), (1, 1));
}

#[tokio::test]
async fn anybody_can_draw_again_and_gets_the_same_cases_in_the_same_order() {
    let house = House::that_draws(500).await;
    let mut cases = Vec::new();
    for nth in 1..=24 {
        let case = house.registers(nth).await;
        house.closes(case, case, 1, 10).await;
        cases.push(case);
    }
    house.quiet().await;
    // From the journal of intake alone.
    let mut wanted = Vec::new();
    for case in &cases {
        let hash: Vec<u8> = sqlx::query_scalar(
            "SELECT n.hash FROM bus.numbered n JOIN bus.journal j ON j.id = n.id
             WHERE j.key = $1 AND j.type = 'xiezhi.intake.v1.CaseClosed'",
        )
        .bind(case)
        .fetch_one(house.intake.corridor.pool())
        .await
        .unwrap();
        let digest = Sha256::new()
            .chain_update(b"xiezhi.callback.draw")
            .chain_update(&hash)
            .chain_update(case.as_bytes())
            .chain_update(1_u32.to_be_bytes())
            .finalize();
        let lot = u64::from_be_bytes(digest[..8].try_into().unwrap()) & (u64::MAX >> 1);
        if lot % 1000 < 500 {
            wanted.push((lot, case.to_string()));
        }
    }
    wanted.sort_unstable();
    let mut drawn = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = proto::ListCallbacksRequest { state: 0, page_size: 5, page_token: page_token.clone() };
        let page = house.door.list_callbacks(from("evaluator", request)).await.unwrap().into_inner();
        drawn.extend(page.callbacks.into_iter().map(|one| (one.draw.unwrap().lot, one.case_id)));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert_eq!(drawn, wanted);
    // Whom the lot did not fall on is on record with its lot as well.
    let facts = house.door.list_case_facts(from("leader", proto::ListCaseFactsRequest::default())).await.unwrap();
    let facts = facts.into_inner().facts;
    assert_eq!(facts.len(), cases.len());
    for fact in facts {
        let draw = fact.draw.clone().unwrap();
        assert_eq!(fact.callback_state() == CallbackState::Drawn, draw.lot % 1000 < u64::from(draw.draw_per_mille));
    }
}

#[tokio::test]
async fn a_duplicate_is_not_called_and_a_repeat_is() {
    let house = House::open().await;
    let first = house.a_closed_case(1, "ZF").await;
    let (duplicate, repeat) = (house.registers(2).await, house.registers(3).await);
    house.links(duplicate, first, LinkKind::Duplicate).await;
    house.links(repeat, first, LinkKind::Repeat).await;
    house.closes(duplicate, first, 1, 10).await;
    house.closes(repeat, repeat, 1, 10).await;
    house.quiet().await;
    let called: BTreeSet<String> = waiting(&house).await.into_iter().map(|one| one.case_id).collect();
    assert_eq!(called, BTreeSet::from([first.to_string(), repeat.to_string()]));
}

#[tokio::test]
async fn a_disabled_account_counts_no_more_here() {
    let house = House::open().await;
    let account = Uuid::now_v7();
    let disabled = AccountDisabled { account_id: "ZF-client".into(), disabled_at: None };
    house.assignment.say(account, disabled).await;
    house.quiet().await;
    assert_eq!(house.evaluation.bus.revoked().await.unwrap(), ["ZF-client"]);
}
