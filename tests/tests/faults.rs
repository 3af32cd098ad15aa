//! Crashes and losses: whatever happens to process or stream, every answered command had its effect, once.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failed test should panic

use std::collections::{BTreeSet, HashSet};
use std::time::Duration;

use client::{call, verify};
use house_tests::desk::{CLERK, Complaint, Desk};
use testkit::House;
use xiezhi_proto::intake::v1::{CaseStage, RegisterCaseRequest, RegisterCaseResponse};

/// Registers all of these at once; what is answered, is answered.
async fn register_all(desk: &Desk<'_>, requests: &[RegisterCaseRequest]) -> Vec<Option<RegisterCaseResponse>> {
    let clerk = desk.as_account(CLERK).await.unwrap();
    let calls = requests.iter().map(|request| {
        let mut door = clerk.intake();
        async move { door.register_case(request.clone()).await.ok().map(tonic::Response::into_inner) }
    });
    futures::future::join_all(calls).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_centre_killed_in_the_middle_of_its_work_keeps_every_answer_and_finishes() {
    let mut house = House::start().await.unwrap();
    let requests: Vec<RegisterCaseRequest> = (0..200).map(|_| Complaint::simple().request()).collect();

    // Killed while two hundred receipts are under way: some are answered, some are not, none is half there.
    let process = house.process().unwrap();
    let answered = {
        let desk = Desk::at(&house).await.unwrap();
        desk.as_account(CLERK).await.unwrap();
        let killer = tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(60)).await;
            std::process::Command::new("kill").args(["-KILL", &process.to_string()]).status().unwrap();
        });
        let answered = register_all(&desk, &requests).await;
        killer.await.unwrap();
        answered
    };
    house.kill().await.unwrap();
    house.restart().await.unwrap();

    let desk = Desk::at(&house).await.unwrap();
    let repeated = register_all(&desk, &requests).await;
    for (first, again) in answered.iter().zip(&repeated) {
        let again = again.as_ref().expect("a repeat is answered");
        assert!(first.as_ref().is_none_or(|first| first == again), "{first:?} became {again:?}");
    }
    let mut numbers: Vec<&str> = repeated.iter().flatten().map(|case| case.case_no.as_str()).collect();
    numbers.sort_unstable();
    let wanted: Vec<String> = (1..=200).map(|number| format!("JS-2026-{number:06}")).collect();
    assert_eq!(numbers, wanted, "numbers are gap-free and nobody's twice");
    let answered = requests.iter().map(|request| request.command_id.parse().unwrap());
    let history = [("intake".to_owned(), answered.collect::<HashSet<_>>())];
    desk.verify_with(verify::Options { answered: history.into(), ..Default::default() }).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_case_is_finished_though_the_centre_is_killed_after_every_step() {
    let mut house = House::start().await.unwrap();
    let case_id = Desk::at(&house).await.unwrap().register(&Complaint::simple()).await.unwrap().case_id;
    crash(&mut house).await;
    {
        let desk = Desk::at(&house).await.unwrap();
        desk.rest().await.unwrap();
        let orders = desk.orders(&case_id).await.unwrap();
        let units: BTreeSet<&str> = orders.iter().map(|order| order.unit_code.as_str()).collect();
        assert_eq!(units.len(), orders.len(), "an order was dispatched twice: {orders:#?}");
        desk.handle(&case_id, "箱体已更换").await.unwrap();
    }
    crash(&mut house).await;
    {
        let desk = Desk::at(&house).await.unwrap();
        desk.rest().await.unwrap();
        assert_eq!(desk.case(&case_id).await.unwrap().stage(), CaseStage::Handled);
        desk.close(&case_id).await.unwrap();
    }
    crash(&mut house).await;
    {
        let desk = Desk::at(&house).await.unwrap();
        desk.rest().await.unwrap();
        desk.call_back(&case_id, false).await.unwrap();
        assert_eq!(desk.case(&case_id).await.unwrap().round, 2, "a dissatisfied complainant reopens the case");
    }
    crash(&mut house).await;
    let desk = Desk::at(&house).await.unwrap();
    desk.verify().await.unwrap();
}

async fn crash(house: &mut House) {
    house.kill().await.unwrap();
    house.restart().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wiped_stream_store_is_filled_again_from_the_journals() {
    let mut house = House::start().await.unwrap();
    let (open, closed) = {
        let desk = Desk::at(&house).await.unwrap();
        let open = desk.register(&Complaint::simple()).await.unwrap().case_id;
        let closed = desk.register(&Complaint::simple()).await.unwrap().case_id;
        desk.handle(&closed, "箱体已更换").await.unwrap();
        desk.close(&closed).await.unwrap();
        (open, closed)
    };
    // Killed rather than stopped: what was in flight is lost with the store.
    let late = {
        let desk = Desk::at(&house).await.unwrap();
        desk.register(&Complaint::simple()).await.unwrap().case_id
    };
    house.kill().await.unwrap();
    house.wipe_jetstream().unwrap();
    house.restart().await.unwrap();

    let desk = Desk::at(&house).await.unwrap();
    desk.verify().await.unwrap();
    desk.call_back(&closed, true).await.unwrap();
    for case_id in [open, late] {
        desk.handle(&case_id, "箱体已更换").await.unwrap();
        desk.close(&case_id).await.unwrap();
    }
    desk.verify().await.unwrap();
    let streamed = house_tests::hunt::messages(&house).await.unwrap();
    // Alone or in a packet: its name is there in either.
    let registers = |bytes: &[u8]| String::from_utf8_lossy(bytes).contains("xiezhi.intake.v1.CaseRegistered");
    assert!(streamed.iter().any(|(subject, bytes)| subject.starts_with("ev.intake.") && registers(bytes)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_centre_that_is_asked_to_end_ends_well_and_begins_where_it_stopped() {
    let mut house = House::start().await.unwrap();
    let desk = Desk::at(&house).await.unwrap();
    let case_id = desk.register(&Complaint::simple()).await.unwrap().case_id;
    drop(desk);
    assert!(house.stop().await.unwrap().success());
    house.restart().await.unwrap();
    let desk = Desk::at(&house).await.unwrap();
    assert_eq!(desk.case(&case_id).await.unwrap().stage(), CaseStage::Accepted);
    let clerk = desk.as_account(CLERK).await.unwrap();
    let request = Complaint::simple().request();
    clerk.read(|| call!(clerk.intake().register_case(request.clone()))).await.unwrap();
    desk.verify().await.unwrap();
}
