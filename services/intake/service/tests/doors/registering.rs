//! 登记: numbers, repeats, candidates, and classes that need no clerk.

use std::collections::BTreeSet;

use tonic::Code;
use xiezhi_proto::common::v1::Channel;
use xiezhi_proto::intake::v1 as proto;
use xiezhi_proto::intake::v1::case_service_server::CaseService as _;

use crate::house::*;

#[tokio::test]
async fn a_complaint_gets_its_number_its_tracking_code_and_says_so() {
    let house = House::open().await;
    let first = house.register(barbecue("陈某某", "13805730001")).await;
    let second = house.register(barbecue("李某某", "13805730002")).await;
    assert_eq!((first.case_no.as_str(), second.case_no.as_str()), ("JS-2026-000001", "JS-2026-000002"));
    assert_ne!(first.tracking_code, second.tracking_code);
    assert!(!first.accepted && !first.mask_confirmed);
    assert_eq!(house.event_names(&first.case_id).await, ["CaseRegistered"]);
    let event: proto::CaseRegistered = house.events(&first.case_id).await[0].body().unwrap();
    assert_eq!((event.case_no.as_str(), event.receiving_unit.as_str()), ("JS-2026-000001", "centre"));
    assert_eq!(event.facts, house.case(&first.case_id).await.facts);
    assert_eq!(event.pack_hash.len(), 32);

    let asked = proto::GetCaseRequest { case_id: String::new(), case_no: "JS-2026-000002".to_owned() };
    let found = house.doors.get_case(by(&clerk(), asked)).await.unwrap().into_inner();
    assert_eq!(found.case.unwrap().case_id, second.case_id);
}

#[tokio::test]
async fn a_repeat_gets_the_first_answer_and_another_request_under_its_id_is_refused() {
    let house = House::open().await;
    let request = barbecue("陈某某", "13805730001");
    let first = house.register(request.clone()).await;
    assert_eq!(house.register(request.clone()).await, first);
    let other = proto::RegisterCaseRequest { title: "别的事".to_owned(), ..request };
    let refused = house.doors.register_case(by(&clerk(), other)).await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::AlreadyExists, "bus.command_reused"));
    assert_eq!(house.register(barbecue("李某某", "13805730002")).await.case_no, "JS-2026-000002");
}

#[tokio::test]
async fn numbers_have_no_gap_though_many_register_at_once_on_two_replicas_and_some_are_refused() {
    let house = House::open().await;
    let (_replica, doors) = house.replica().await;
    let one = async |nth: usize| {
        let mut request = barbecue("陈某某", &format!("1380573{nth:04}"));
        if nth.is_multiple_of(5) {
            request.facts.as_mut().unwrap().matter_codes = vec!["no.such.matter".to_owned()];
        }
        let doors = if nth.is_multiple_of(2) { &house.doors } else { &doors };
        doors.register_case(by(&clerk(), request)).await.map(|answer| answer.into_inner().case_no)
    };
    let answers = futures::future::join_all((0..100).map(one)).await;
    let (done, refused): (Vec<_>, Vec<_>) = answers.into_iter().partition(Result::is_ok);
    assert!(refused.into_iter().all(|refusal| refusal.unwrap_err().code() == Code::InvalidArgument));
    let numbers: BTreeSet<String> = done.into_iter().map(Result::unwrap).collect();
    let expected: BTreeSet<String> = (1..=80).map(|nth| format!("JS-2026-{nth:06}")).collect();
    assert_eq!(numbers, expected);
}

#[tokio::test]
async fn the_number_follows_the_year_of_beijing() {
    let house = House::open().await;
    house.turn("2026-12-31 23:59").await;
    assert_eq!(house.register(barbecue("陈某某", "13805730001")).await.case_no, "JS-2026-000001");
    house.turn("2027-01-01 00:01").await;
    assert_eq!(house.register(barbecue("陈某某", "13805730001")).await.case_no, "JS-2027-000001");
}

#[tokio::test]
async fn earlier_cases_are_named_with_reasons() {
    let house = House::open().await;
    let first = house.register(barbecue("陈某某", "138 0573 0001")).await;
    assert_eq!(first.candidates, vec![]);
    let same_person = house.register(barbecue("陈某某", "+86-13805730001")).await;
    let found = &same_person.candidates[0];
    assert_eq!((found.case_id.as_str(), found.kind()), (first.case_id.as_str(), proto::LinkKind::Duplicate));
    assert!(found.reasons.contains(&proto::CandidateReason::SameComplainant.into()));
    let same_problem = house.register(barbecue("李某某", "13805730002")).await;
    let kinds: Vec<_> = same_problem.candidates.iter().map(proto::Candidate::kind).collect();
    assert_eq!(kinds, [proto::LinkKind::ClusterMember; 2]);
    let other = proto::RegisterCaseRequest {
        facts: Some(facts("parking.road", Channel::Letter)),
        ..barbecue("王某某", "13805730003")
    };
    assert_eq!(house.register(other).await.candidates, vec![]);

    let asked = proto::ListClusterCandidatesRequest { case_id: same_problem.case_id };
    let later = house.doors.list_cluster_candidates(by(&clerk(), asked)).await.unwrap().into_inner();
    assert_eq!(later.candidates, same_problem.candidates);
}

#[tokio::test]
async fn complaints_that_arrive_together_see_each_other() {
    let house = House::open().await;
    let one = async |nth: usize| house.register(barbecue("陈某某", &format!("1380573{nth:04}"))).await;
    let answers = futures::future::join_all((0..20).map(one)).await;
    let mut ids: Vec<String> = answers.iter().map(|answer| answer.case_id.clone()).collect();
    ids.sort();
    let asked = proto::ListClusterCandidatesRequest { case_id: ids.last().unwrap().clone() };
    let found = house.doors.list_cluster_candidates(by(&clerk(), asked)).await.unwrap().into_inner();
    assert_eq!(found.candidates.len(), 19);
}

#[tokio::test]
async fn a_class_the_county_names_is_accepted_in_the_same_breath() {
    let house = House::open().await;
    let parking = |phone: &str, channel| proto::RegisterCaseRequest {
        facts: Some(facts("parking.road", channel)),
        ..barbecue("陈某某", phone)
    };
    let done = house.register(parking("13805730001", Channel::GridPatrol)).await;
    assert!(done.accepted);
    assert_eq!(house.event_names(&done.case_id).await, ["CaseRegistered", "CaseAccepted", "NoticeServed"]);
    let registered: proto::CaseRegistered = house.events(&done.case_id).await[0].body().unwrap();
    let accepted: proto::CaseAccepted = house.events(&done.case_id).await[1].body().unwrap();
    assert!(registered.without_clerk && accepted.without_clerk && house.case(&done.case_id).await.without_clerk);
    assert_eq!(house.notices(&done.case_id).await.len(), 1);

    let visit = house.register(parking("13805730002", Channel::Visit)).await;
    assert!(!visit.accepted, "a visitor talks to a clerk");
    let again = house.register(parking("13805730001", Channel::GridPatrol)).await;
    assert!(!again.accepted, "the same complainant again is a clerk's question");
    let accused =
        proto::RegisterCaseRequest { accused_unit: "ZF".to_owned(), ..parking("13805730003", Channel::GridPatrol) };
    assert!(!house.register(accused).await.accepted, "so is an accusation");
}

#[tokio::test]
async fn a_patrols_finding_needs_no_complainant() {
    let house = House::open().await;
    let mut request = barbecue("", "");
    request.complainant = None;
    request.body = "巡查发现夜间烧烤".to_owned();
    let done = house.register(request).await;
    assert_eq!(house.stage(&done.case_id).await, proto::CaseStage::Registered);
}
