//! What clerks decide, and what they are refused.

use tonic::Code;
use xiezhi_proto::common::v1::{Channel, HandlingMode};
use xiezhi_proto::intake::v1 as proto;
use xiezhi_proto::intake::v1::case_service_server::CaseService as _;

use crate::house::*;

fn decline(case_id: &str, rule: &str, considered: &str) -> proto::DeclineCaseRequest {
    proto::DeclineCaseRequest {
        command_id: command(),
        case_id: case_id.to_owned(),
        rule_code: rule.to_owned(),
        considered: considered.to_owned(),
    }
}

fn route(case_id: &str, rule: &str) -> proto::RouteAwayCaseRequest {
    proto::RouteAwayCaseRequest {
        command_id: command(),
        case_id: case_id.to_owned(),
        rule_code: rule.to_owned(),
        considered: String::new(),
    }
}

#[tokio::test]
async fn an_accepted_case_has_its_notice_and_cannot_be_accepted_again() {
    let house = House::open().await;
    let case = house.register(barbecue("陈某某", "13805730001")).await;
    let request = proto::AcceptCaseRequest {
        command_id: command(),
        case_id: case.case_id.clone(),
        mode: HandlingMode::Joint.into(),
        track: 0,
    };
    let done = house.doors.accept_case(by(&clerk(), request)).await.unwrap().into_inner();
    assert_eq!(done.accepted_case_ids, std::slice::from_ref(&case.case_id));
    let now = house.case(&case.case_id).await;
    assert_eq!((now.stage(), now.mode(), now.round), (proto::CaseStage::Accepted, HandlingMode::Joint, 1));
    assert_eq!(house.event_names(&case.case_id).await, ["CaseRegistered", "CaseAccepted", "NoticeServed"]);
    let notice = house.notices(&case.case_id).await.remove(0);
    assert_eq!(
        (notice.notice_id.as_str(), notice.kind()),
        (done.notice_ids[0].as_str(), proto::NoticeKind::Acceptance)
    );
    assert!(notice.body_zh.contains(&case.case_no) && notice.body_en.contains(&case.case_no), "{notice:?}");
    assert!(!notice.body_zh.contains('{') && !notice.body_zh.contains("陈某某"));
    let refused = house.accept(&case.case_id).await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::FailedPrecondition, "intake.out_of_turn"));
}

#[tokio::test]
async fn a_declined_case_has_ground_article_notice_and_right_route() {
    let house = House::open().await;
    let visit = proto::RegisterCaseRequest {
        facts: Some(facts("fume.barbecue.open_air", Channel::Visit)),
        ..barbecue("陈某某", "13805730001")
    };
    let case = house.register(visit).await;
    let refused = house.doors.decline_case(by(&clerk(), decline(&case.case_id, "D3", ""))).await.unwrap_err();
    assert_eq!(reason(&refused), "intake.facts_missing", "what is not known is asked for, not guessed");
    house.declare(&case.case_id, &[("visit.level_skipping", "true")]).await.unwrap();
    let done = house.doors.decline_case(by(&clerk(), decline(&case.case_id, "D3", ""))).await.unwrap().into_inner();
    assert_eq!((done.ground.as_str(), done.citation.unwrap().article.as_str()), ("D3", "第二十条"));
    assert!(!done.route_zh.is_empty() && !done.route_en.is_empty());
    let names = house.event_names(&case.case_id).await;
    assert_eq!(names, ["CaseRegistered", "CaseFactsAdded", "CaseDeclined", "NoticeServed"]);
    let notice = house.notices(&case.case_id).await.remove(0);
    assert!(notice.body_zh.contains("第二十条") && notice.body_zh.contains(&done.route_zh), "{}", notice.body_zh);
    assert_eq!(reason(&house.accept(&case.case_id).await.unwrap_err()), "intake.out_of_turn");
}

#[tokio::test]
async fn a_ground_that_does_not_hold_or_is_another_kind_is_refused() {
    let house = House::open().await;
    let case = house.register(barbecue("陈某某", "13805730001")).await;
    house
        .declare(&case.case_id, &[("petition.other_power", "false"), ("petition.procedure", "litigation")])
        .await
        .unwrap();
    for (rule, expected) in [("D3", "intake.ground_fails"), ("D2", "intake.hand_over_required")] {
        let refused = house.doors.decline_case(by(&clerk(), decline(&case.case_id, rule, ""))).await.unwrap_err();
        assert_eq!(reason(&refused), expected, "{rule}");
    }
    let refused = house.doors.route_away_case(by(&clerk(), route(&case.case_id, "D2"))).await.unwrap_err();
    assert_eq!(reason(&refused), "intake.ground_fails");
    let refused = house.doors.route_away_case(by(&clerk(), route(&case.case_id, "D3"))).await.unwrap_err();
    assert_eq!(reason(&refused), "intake.no_hand_over");
    let refused = house.doors.decline_case(by(&clerk(), decline(&case.case_id, "NONE", ""))).await.unwrap_err();
    assert_eq!((refused.code(), fields(&refused)), (Code::InvalidArgument, vec!["rule_code".to_owned()]));
    assert_eq!(house.stage(&case.case_id).await, proto::CaseStage::Registered);
}

#[tokio::test]
async fn a_ground_that_a_person_must_weigh_needs_that_persons_record() {
    let house = House::open().await;
    let rule = jiashan().acceptance_rules.into_iter().find(|rule| rule.needs_person && !rule.hand_over);
    let rule = rule.expect("the pack has a ground that a person weighs").code.to_string();
    let case = house.register(barbecue("陈某某", "13805730001")).await;
    let refused = house.doors.decline_case(by(&clerk(), decline(&case.case_id, &rule, ""))).await.unwrap_err();
    assert_eq!(reason(&refused), "intake.needs_person");
    let short = house.doors.decline_case(by(&clerk(), decline(&case.case_id, &rule, "无"))).await.unwrap_err();
    assert_eq!(fields(&short), ["considered"]);
    let words = "逾期三个月, 经询问无正当理由";
    house.doors.decline_case(by(&clerk(), decline(&case.case_id, &rule, words))).await.unwrap();
    assert_eq!(house.stage(&case.case_id).await, proto::CaseStage::Declined);
}

#[tokio::test]
async fn a_matter_of_the_courts_is_handed_over_signed_for_and_may_come_back() {
    let house = House::open().await;
    let case = house.register(barbecue("陈某某", "13805730001")).await;
    house.declare(&case.case_id, &[("petition.procedure", "litigation")]).await.unwrap();
    house.doors.route_away_case(by(&clerk(), route(&case.case_id, "D1.court"))).await.unwrap();
    let tasks = house.doors.list_open_tasks(by(&clerk(), proto::ListOpenTasksRequest::default())).await.unwrap();
    assert_eq!(tasks.into_inner().tasks[0].task_code, "intake.receipt");
    let receipt = |number: &str| proto::ReceiptRouteRequest {
        command_id: command(),
        case_id: case.case_id.clone(),
        receipt_no: number.to_owned(),
        receipted_at: None,
    };
    let words = house.doors.receipt_route(by(&clerk(), receipt("已收到, 转陈某某"))).await.unwrap_err();
    assert_eq!(fields(&words), ["receipt_no"], "a number travels in an event, a sentence does not");
    house.doors.receipt_route(by(&clerk(), receipt("(2026)浙0421收12号"))).await.unwrap();
    assert_eq!(house.case(&case.case_id).await.receipt_no, "(2026)浙0421收12号");
    let tasks = house.doors.list_open_tasks(by(&clerk(), proto::ListOpenTasksRequest::default())).await.unwrap();
    assert!(tasks.into_inner().tasks.is_empty(), "nothing waits for a person here now");
    let back = proto::ReturnCaseFromRouteRequest {
        command_id: command(),
        case_id: case.case_id.clone(),
        reason: proto::ReturnReason::NotFiled.into(),
    };
    house.doors.return_case_from_route(by(&clerk(), back)).await.unwrap();
    house.accept(&case.case_id).await.unwrap();
    let names = house.event_names(&case.case_id).await;
    assert_eq!(
        names[1..],
        [
            "CaseFactsAdded",
            "CaseRoutedAway",
            "NoticeServed",
            "CaseRouteReceipted",
            "CaseReturnedFromRoute",
            "CaseAccepted",
            "NoticeServed"
        ]
    );
    let routed: proto::CaseRoutedAway = house.events(&case.case_id).await[2].body().unwrap();
    assert_eq!(routed.route_code, "court");
}

#[tokio::test]
async fn the_public_sees_stage_dates_and_notices_by_tracking_code_alone() {
    let house = House::open().await;
    let case = house.register(barbecue("陈某某", "13805730001")).await;
    house.accept(&case.case_id).await.unwrap();
    let asked = proto::GetByTrackingCodeRequest { tracking_code: case.tracking_code.to_lowercase().replace('-', " ") };
    let seen = house.doors.get_by_tracking_code(tonic::Request::new(asked)).await.unwrap().into_inner();
    assert_eq!(
        (seen.case_no.as_str(), seen.stage(), seen.notices.len()),
        (case.case_no.as_str(), proto::CaseStage::Accepted, 1)
    );
    assert!(!format!("{seen:?}").contains("陈某某"));
    let missing = proto::GetByTrackingCodeRequest { tracking_code: "0000-0000-0000".to_owned() };
    assert_eq!(
        house.doors.get_by_tracking_code(tonic::Request::new(missing)).await.unwrap_err().code(),
        Code::NotFound
    );
    let wrong = proto::GetByTrackingCodeRequest { tracking_code: "not a code".to_owned() };
    assert_eq!(
        fields(&house.doors.get_by_tracking_code(tonic::Request::new(wrong)).await.unwrap_err()),
        ["tracking_code"]
    );
}

#[tokio::test]
async fn pages_go_on_where_the_last_one_ended() {
    let house = House::open().await;
    for nth in 0..7 {
        house.register(barbecue("陈某某", &format!("1380573000{nth}"))).await;
    }
    let (mut seen, mut token) = (Vec::new(), String::new());
    loop {
        let request = proto::ListCasesRequest { page_size: 3, page_token: token, ..Default::default() };
        let page = house.doors.list_cases(by(&clerk(), request)).await.unwrap().into_inner();
        seen.extend(page.cases.into_iter().map(|case| case.case_no));
        token = page.next_page_token;
        if token.is_empty() {
            break;
        }
    }
    let expected: Vec<String> = (1..=7).rev().map(|nth| format!("JS-2026-{nth:06}")).collect();
    assert_eq!(seen, expected);
    let narrowed = proto::ListCasesRequest {
        region_code: "330421103".to_owned(),
        matter_code: "parking.road".to_owned(),
        ..Default::default()
    };
    assert!(house.doors.list_cases(by(&clerk(), narrowed)).await.unwrap().into_inner().cases.is_empty());
    let wrong = proto::ListCasesRequest { page_size: 201, ..Default::default() };
    assert_eq!(fields(&house.doors.list_cases(by(&clerk(), wrong)).await.unwrap_err()), ["page_size"]);
    let wrong = proto::ListCasesRequest { page_token: "x".to_owned(), ..Default::default() };
    assert_eq!(fields(&house.doors.list_cases(by(&clerk(), wrong)).await.unwrap_err()), ["page_token"]);
}

#[tokio::test]
async fn of_many_who_decide_at_once_one_wins() {
    let house = House::open().await;
    let (_replica, doors) = house.replica().await;
    let case = house.register(barbecue("陈某某", "13805730001")).await;
    let decide = async |nth: usize| {
        let doors = if nth.is_multiple_of(2) { &house.doors } else { &doors };
        let withdraw = proto::WithdrawCaseRequest { command_id: command(), case_id: case.case_id.clone() };
        doors.withdraw_case(by(&clerk(), withdraw)).await.is_ok()
    };
    let won = futures::future::join_all((0..64).map(decide)).await.into_iter().filter(|won| *won).count();
    assert_eq!(won, 1);
    assert_eq!(house.event_names(&case.case_id).await, ["CaseRegistered", "CaseWithdrawn"]);
}
