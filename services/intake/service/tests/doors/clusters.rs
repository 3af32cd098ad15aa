//! 同一问题: one head, many complainants, each told and closed.

use xiezhi_proto::assignment::v1::CaseHandled;
use xiezhi_proto::evaluation::v1::{AdjudicationDecided, RatingDissatisfied};
use xiezhi_proto::intake::v1 as proto;
use xiezhi_proto::intake::v1::case_service_server::CaseService as _;
use xiezhi_proto::supervision::v1::ClosingApproved;

use crate::house::*;

fn handled(case_id: &str, round: u32) -> CaseHandled {
    CaseHandled {
        case_id: case_id.to_owned(),
        lead_unit: "ZF".to_owned(),
        conclusion: "supported".to_owned(),
        work_order_ids: Vec::new(),
        evidence: Vec::new(),
        handled_at: Some(words::write::time(at("2026-03-10 10:00"))),
        round,
    }
}

fn approved(case_id: &str, round: u32) -> ClosingApproved {
    ClosingApproved {
        case_id: case_id.to_owned(),
        checks: Vec::new(),
        checked_by_unit: "town-330421103".to_owned(),
        approved_at: Some(words::write::time(at("2026-03-11 10:00"))),
        round,
    }
}

fn dissatisfied(case_id: &str, round: u32) -> RatingDissatisfied {
    RatingDissatisfied {
        callback_id: command(),
        case_id: case_id.to_owned(),
        round,
        given_at: Some(words::write::time(at("2026-03-12 10:00"))),
    }
}

/// Three complainants of one problem; the second and third follow the first.
async fn three(house: &House) -> [String; 3] {
    let mut ids = Vec::new();
    for nth in 1..=3 {
        ids.push(house.register(barbecue("陈某某", &format!("1380573000{nth}"))).await.case_id);
    }
    for later in &ids[1..] {
        house.link(later, &ids[0], proto::LinkKind::ClusterMember).await.unwrap();
    }
    ids.try_into().unwrap()
}

#[tokio::test]
async fn members_are_accepted_answered_and_closed_with_their_head_each_with_its_own_notices() {
    let house = House::open().await;
    let (assignment, supervision) = (house.neighbour(Assignment).await, house.neighbour(Supervision).await);
    let ids = three(&house).await;
    assert_eq!(house.case(&ids[0]).await.member_case_ids, ids[1..]);
    let done = house.accept(&ids[0]).await.unwrap();
    assert_eq!(done.accepted_case_ids, ids);
    assignment.say(&ids[0], handled(&ids[0], 1)).await;
    house.heard(&assignment).await;
    supervision.say(&ids[0], approved(&ids[0], 1)).await;
    house.heard(&supervision).await;
    for (nth, id) in ids.iter().enumerate() {
        assert_eq!(house.stage(id).await, proto::CaseStage::Closed);
        let names = house.event_names(id).await;
        let names: Vec<&str> = names.iter().map(String::as_str).filter(|name| *name != "CaseLinked").collect();
        assert_eq!(names, ["CaseRegistered", "CaseAccepted", "NoticeServed", "NoticeServed", "CaseClosed"]);
        let events = house.events(id).await;
        let closed: proto::CaseClosed = events.last().unwrap().body().unwrap();
        assert_eq!((closed.head_case_id.as_str(), closed.round), (ids[0].as_str(), 1));
        let accepted = events.iter().find(|event| event.type_name.ends_with("CaseAccepted")).unwrap();
        let accepted: proto::CaseAccepted = accepted.body().unwrap();
        assert_eq!(accepted.head_case_id, if nth == 0 { "" } else { &ids[0] });
        let kinds: Vec<_> = house.notices(id).await.iter().map(proto::Notice::kind).collect();
        assert_eq!(kinds, [proto::NoticeKind::Acceptance, proto::NoticeKind::Reply]);
    }
}

#[tokio::test]
async fn a_dissatisfied_member_reopens_itself_and_the_head_and_nobody_who_was_satisfied() {
    let house = House::open().await;
    let (assignment, supervision) = (house.neighbour(Assignment).await, house.neighbour(Supervision).await);
    let evaluation = house.neighbour(Evaluation).await;
    let ids = three(&house).await;
    house.accept(&ids[0]).await.unwrap();
    assignment.say(&ids[0], handled(&ids[0], 1)).await;
    house.heard(&assignment).await;
    supervision.say(&ids[0], approved(&ids[0], 1)).await;
    house.heard(&supervision).await;

    evaluation.say(&ids[1], dissatisfied(&ids[1], 1)).await;
    house.heard(&evaluation).await;
    let rounds = async || {
        let mut rounds = Vec::new();
        for id in &ids {
            let case = house.case(id).await;
            rounds.push((case.stage(), case.round));
        }
        rounds
    };
    use proto::CaseStage::{Accepted, Closed, Handled};
    assert_eq!(rounds().await, [(Accepted, 2), (Accepted, 2), (Closed, 1)]);
    let reopened: proto::CaseReopened = house.events(&ids[1]).await.last().unwrap().body().unwrap();
    assert_eq!((reopened.head_case_id.as_str(), reopened.round), (ids[0].as_str(), 2));

    assignment.say(&ids[0], handled(&ids[0], 2)).await;
    house.heard(&assignment).await;
    assert_eq!(rounds().await, [(Handled, 2), (Handled, 2), (Closed, 1)]);
    // The third is called back late: it gets the answer that is there already.
    evaluation.say(&ids[2], dissatisfied(&ids[2], 1)).await;
    house.heard(&evaluation).await;
    assert_eq!(rounds().await, [(Handled, 2); 3]);
    supervision.say(&ids[0], approved(&ids[0], 2)).await;
    house.heard(&supervision).await;
    assert_eq!(rounds().await, [(Closed, 2); 3]);
    // Said once more for a round that is over, nothing happens.
    evaluation.say(&ids[1], dissatisfied(&ids[1], 1)).await;
    let panel = |upheld| AdjudicationDecided {
        case_id: ids[1].clone(),
        callback_id: command(),
        upheld,
        decided_at: Some(words::write::time(at("2026-03-20 10:00"))),
    };
    evaluation.say(&ids[1], panel(false)).await;
    house.heard(&evaluation).await;
    assert_eq!(rounds().await, [(Closed, 2); 3]);
    evaluation.say(&ids[1], panel(true)).await;
    house.heard(&evaluation).await;
    assert_eq!(rounds().await, [(Accepted, 3), (Accepted, 3), (Closed, 2)]);
}

#[tokio::test]
async fn who_joins_late_is_told_what_was_said_already() {
    let house = House::open().await;
    let assignment = house.neighbour(Assignment).await;
    let head = house.register(barbecue("陈某某", "13805730001")).await.case_id;
    let second = house.register(barbecue("李某某", "13805730002")).await.case_id;
    let third = house.register(barbecue("王某某", "13805730003")).await.case_id;
    house.accept(&head).await.unwrap();
    assert!(house.link(&second, &head, proto::LinkKind::ClusterMember).await.unwrap());
    assignment.say(&head, handled(&head, 1)).await;
    house.heard(&assignment).await;
    assert!(house.link(&third, &head, proto::LinkKind::ClusterMember).await.unwrap());
    for id in [&head, &second, &third] {
        assert_eq!(house.stage(id).await, proto::CaseStage::Handled);
        assert_eq!(house.notices(id).await.len(), 2);
    }
}

#[tokio::test]
async fn clusters_that_make_no_sense_are_refused() {
    let house = House::open().await;
    let ids = three(&house).await;
    let other = house.register(barbecue("赵某某", "13805730009")).await.case_id;
    let cluster = proto::LinkKind::ClusterMember;
    for (later, head, kind, expected) in [
        (&ids[0], &other, cluster, "intake.not_later"),
        (&other, &ids[1], cluster, "intake.not_a_head"),
        (&other, &ids[0], proto::LinkKind::Repeat, "intake.repeat_of_open"),
        (&other, &other, cluster, "intake.itself"),
    ] {
        assert_eq!(reason(&house.link(later, head, kind).await.unwrap_err()), expected);
    }
    assert_eq!(reason(&house.accept(&ids[1]).await.unwrap_err()), "intake.follows_head");
    assert_eq!(
        reason(&house.declare(&ids[1], &[("noise.over_standard", "true")]).await.unwrap_err()),
        "intake.follows_head"
    );
    let missing = house.link(&command(), &ids[0], cluster).await.unwrap_err();
    assert_eq!(missing.code(), tonic::Code::NotFound);
    let unsaid = house.link(&other, &ids[0], proto::LinkKind::Unspecified).await.unwrap_err();
    assert_eq!(fields(&unsaid), ["kind"]);
}

#[tokio::test]
async fn a_head_whose_complainant_leaves_goes_on_for_the_others() {
    let house = House::open().await;
    let ids = three(&house).await;
    let withdraw = |id: &str| proto::WithdrawCaseRequest { command_id: command(), case_id: id.to_owned() };
    let head = house.doors.withdraw_case(by(&clerk(), withdraw(&ids[0]))).await.unwrap().into_inner();
    assert!(!head.ended);
    assert!(house.case(&ids[0]).await.complainant_left_at.is_some());
    for member in &ids[1..] {
        assert!(house.doors.withdraw_case(by(&clerk(), withdraw(member))).await.unwrap().into_inner().ended);
    }
    let head = house.doors.withdraw_case(by(&clerk(), withdraw(&ids[0]))).await.unwrap().into_inner();
    assert!(head.ended, "nobody is left to go on for");
}

#[tokio::test]
async fn a_member_is_handled_again_though_the_heads_complainant_left_in_between() {
    let house = House::open().await;
    let (assignment, supervision) = (house.neighbour(Assignment).await, house.neighbour(Supervision).await);
    let evaluation = house.neighbour(Evaluation).await;
    let ids = three(&house).await;
    house.accept(&ids[0]).await.unwrap();
    assignment.say(&ids[0], handled(&ids[0], 1)).await;
    house.heard(&assignment).await;
    supervision.say(&ids[0], approved(&ids[0], 1)).await;
    house.heard(&supervision).await;
    evaluation.say(&ids[0], dissatisfied(&ids[0], 1)).await;
    house.heard(&evaluation).await;
    let withdraw = proto::WithdrawCaseRequest { command_id: command(), case_id: ids[0].clone() };
    assert!(!house.doors.withdraw_case(by(&clerk(), withdraw)).await.unwrap().into_inner().ended);
    evaluation.say(&ids[1], dissatisfied(&ids[1], 1)).await;
    house.heard(&evaluation).await;
    let member = house.case(&ids[1]).await;
    assert_eq!((member.stage(), member.round), (proto::CaseStage::Accepted, 2));
    assert_eq!(house.stage(&ids[0]).await, proto::CaseStage::Accepted);
}

#[tokio::test]
async fn joining_and_answering_at_once_leaves_nobody_without_an_answer() {
    let house = House::open().await;
    let (_replica, doors) = house.replica().await;
    let assignment = house.neighbour(Assignment).await;
    let head = house.register(barbecue("陈某某", "13805730001")).await.case_id;
    house.accept(&head).await.unwrap();
    let mut members = Vec::new();
    for nth in 10..30 {
        members.push(house.register(barbecue("陈某某", &format!("138057300{nth}"))).await.case_id);
    }
    let link = async |member: &String| {
        let request = proto::LinkCasesRequest {
            command_id: command(),
            case_id: member.clone(),
            head_case_id: head.clone(),
            kind: proto::LinkKind::ClusterMember.into(),
        };
        doors.link_cases(by(&clerk(), request)).await.unwrap();
    };
    let links = futures::future::join_all(members.iter().map(link));
    tokio::join!(links, assignment.say(&head, handled(&head, 1)));
    house.heard(&assignment).await;
    for member in &members {
        assert_eq!(house.stage(member).await, proto::CaseStage::Handled);
        assert_eq!(house.notices(member).await.len(), 2);
    }
}
