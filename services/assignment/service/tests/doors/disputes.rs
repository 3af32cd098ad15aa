//! Overlaps, objections, rulings and precedents.

use kit::caller::Granted;
use tonic::{Code, Status};
use uuid::Uuid;
use xiezhi_proto::Event as _;
use xiezhi_proto::assignment::v1 as proto;
use xiezhi_proto::assignment::v1::WorkOrderObjectionDecided as ObjectionDecided;
use xiezhi_proto::assignment::v1::assignment_service_server::AssignmentService as _;
use xiezhi_proto::common::v1::{Duty, Role, Share};
use xiezhi_proto::intake::v1::CaseWithdrawn;

use crate::house::*;

fn share(unit: &str, role: Role, duty: Duty, item: &str) -> Share {
    Share { unit_code: unit.to_owned(), role: role.into(), duty: duty.into(), citations: vec![cite(item)] }
}

fn ruling(consultation: &str, shares: Vec<Share>) -> proto::RuleRequest {
    proto::RuleRequest {
        command_id: command(),
        consultation_id: consultation.to_owned(),
        shares,
        grounds: "文物保护法第八十三条已有明确规定".to_owned(),
        scope: proto::PrecedentScope::County.into(),
    }
}

fn heritage_shares() -> Vec<Share> {
    vec![
        share("WL", Role::Lead, Duty::Punish, "PI095"),
        share("ZF", Role::Support, Duty::Assist, "PI018"),
        share("ZG", Role::Support, Duty::Identify, "PI097"),
    ]
}

async fn object(house: &House, order: &proto::WorkOrder) -> Result<proto::ObjectToWorkOrderResponse, Status> {
    let request = proto::ObjectToWorkOrderRequest {
        command_id: command(),
        work_order_id: order.work_order_id.clone(),
        citation: Some(cite("PI018")),
        reason: "不属我单位".to_owned(),
    };
    Ok(house.door.object_to_work_order(by(&unit(&order.unit_code), request)).await?.into_inner())
}

async fn decide(house: &House, order: &proto::WorkOrder, upheld: bool) -> proto::DecideObjectionResponse {
    let request = proto::DecideObjectionRequest {
        command_id: command(),
        work_order_id: order.work_order_id.clone(),
        upheld,
        grounds: "经审查".to_owned(),
    };
    house.door.decide_objection(by(&centre(), request)).await.unwrap().into_inner()
}

/// Rules on a heritage case; answers its id and the ruling.
async fn ruled(house: &House) -> (Uuid, proto::RuleResponse) {
    let case = house.accepted(heritage()).await;
    let consultation = house.standing(case).await.consultation_id;
    for who in ["WL", "ZF", "ZG"] {
        house.take_position(&consultation, who, proto::Stance::Shared).await.unwrap();
    }
    let ruled = house.door.rule(by(&centre(), ruling(&consultation, heritage_shares()))).await.unwrap().into_inner();
    (case, ruled)
}

#[tokio::test]
async fn an_overlap_is_consulted_ruled_and_routes_the_next_like_case_until_its_item_ends() {
    let house = House::at("2026-03-02 09:00").await;
    let case = house.accepted(heritage()).await;
    let standing = house.standing(case).await;
    assert_eq!((standing.stage.as_str(), standing.timer_armed), ("consulting", true));
    assert!(house.open_orders(case).await.is_empty());
    let consultation = standing.consultation_id;
    let request = proto::GetConsultationRequest { consultation_id: consultation.clone() };
    let asked = house.door.get_consultation(by(&unit("WL"), request.clone())).await.unwrap().into_inner();
    assert_eq!(asked.consultation.unwrap().asked_units, ["WL", "ZF", "ZG"]);
    let outside = house.door.get_consultation(by(&unit("SJ"), request)).await.unwrap_err();
    assert_eq!(outside.code(), Code::NotFound);

    let (_, first) = {
        for who in ["WL", "ZF"] {
            house.take_position(&consultation, who, proto::Stance::NotMine).await.unwrap();
        }
        let early = house.door.rule(by(&centre(), ruling(&consultation, heritage_shares()))).await.unwrap_err();
        assert_eq!(reason(&early), "assignment.answers_outstanding");
        assert!(says(&early).contains("ZG"));
        house.take_position(&consultation, "ZG", proto::Stance::Mine).await.unwrap();
        let ruled = house.door.rule(by(&centre(), ruling(&consultation, heritage_shares()))).await.unwrap();
        (case, ruled.into_inner())
    };
    assert_eq!(first.work_order_ids.len(), 3);
    assert_eq!(house.standing(case).await.ruling_id, first.ruling_id);
    let wl = house.order_of(case, "WL").await;
    assert_eq!(reason(&object(&house, &wl).await.unwrap_err()), "assignment.ruled_already");

    let next = house.accepted(heritage()).await;
    let determined = proto::GetDeterminationRequest { case_id: next.to_string(), determination_id: String::new() };
    let determined = house.door.get_determination(by(&centre(), determined)).await.unwrap().into_inner();
    assert_eq!(determined.result.unwrap().proof.unwrap().precedent_id, first.precedent_id);
    assert_eq!(house.standing(next).await.stage, "determined");
    assert_eq!(house.order_of(next, "WL").await.role(), Role::Lead);

    // The item the ruling rests on passes to another body: the precedent expires, the next case is disputed again.
    let mut pack = jiashan();
    let item = pack.power_items.iter_mut().find(|item| item.code.as_str() == "PI018").unwrap();
    let transferred = item.holdings.last_mut().unwrap();
    transferred.holder = vocab::Body::Unit("ZJ".parse().unwrap());
    house.publish(&pack).await.unwrap();
    let precedents = proto::ListPrecedentsRequest { active_only: false, ..Default::default() };
    let precedents = house.door.list_precedents(by(&unit("ZF"), precedents)).await.unwrap().into_inner().precedents;
    assert_eq!(precedents[0].expired_because, "item_ended");
    let third = house.accepted(heritage()).await;
    assert_eq!(house.standing(third).await.stage, "consulting");
}

#[tokio::test]
async fn silence_is_recorded_by_the_timer_and_the_centre_may_rule() {
    let house = House::at("2026-03-02 09:00").await;
    let case = house.accepted(heritage()).await;
    let consultation = house.standing(case).await.consultation_id;
    house.take_position(&consultation, "WL", proto::Stance::Mine).await.unwrap();
    house.turn("2026-03-03 18:00").await;
    let request = proto::GetConsultationRequest { consultation_id: consultation.clone() };
    let now = house.door.get_consultation(by(&centre(), request)).await.unwrap().into_inner().consultation.unwrap();
    assert_eq!(now.stage(), proto::ConsultationStage::Answered);
    let silent = now.positions.iter().filter_map(|stated| stated.position.as_ref());
    let silent: Vec<&str> = silent
        .filter(|position| position.stance() == proto::Stance::Silent)
        .map(|position| position.unit_code.as_str())
        .collect();
    assert_eq!(silent, ["ZF", "ZG"]);
    assert!(house.standing(case).await.timer_armed, "the ruling has a clock of its own");
    let late = house.take_position(&consultation, "ZF", proto::Stance::Mine).await.unwrap_err();
    assert_eq!(reason(&late), "assignment.out_of_turn");
    house.door.rule(by(&centre(), ruling(&consultation, heritage_shares()))).await.unwrap();
    let again = house.door.rule(by(&centre(), ruling(&consultation, heritage_shares()))).await.unwrap_err();
    assert_eq!(reason(&again), "assignment.out_of_turn");
}

#[tokio::test]
async fn a_bounce_is_counted_ruled_upon_and_ends_there() {
    let house = House::at("2026-03-02 09:00").await;
    let case = house.accepted(barbecue()).await;
    let sj = house.order_of(case, "SJ").await;
    let answer = object(&house, &sj).await.unwrap();
    assert_eq!((answer.hops, answer.work_order.unwrap().stage()), (0, proto::WorkOrderStage::Objected));
    let rejected = decide(&house, &sj, false).await;
    assert_eq!(rejected.consultation_id, "");
    assert_eq!(reason(&object(&house, &sj).await.unwrap_err()), "assignment.objection_decided");

    let ga = house.order_of(case, "GA").await;
    object(&house, &ga).await.unwrap();
    let upheld = decide(&house, &ga, true).await;
    assert_eq!(upheld.work_order.unwrap().stage(), proto::WorkOrderStage::Withdrawn);
    let standing = house.standing(case).await;
    assert_eq!((standing.stage.as_str(), standing.hops), ("consulting", 1));
    assert_eq!(standing.consultation_id, upheld.consultation_id);
    let decided = house.events(case).await.into_iter().filter(|event| event.type_name == ObjectionDecided::TYPE);
    let decided: Vec<ObjectionDecided> = decided.map(|event| event.body().unwrap()).collect();
    let decided: Vec<(bool, u32)> = decided.into_iter().map(|body| (body.upheld, body.hops)).collect();
    assert_eq!(decided, [(false, 0), (true, 1)]);
    // The others go on meanwhile.
    let zf = house.order_of(case, "ZF").await;
    house.acknowledge(&zf).await.unwrap();

    let request = proto::GetConsultationRequest { consultation_id: upheld.consultation_id.clone() };
    let asked = house.door.get_consultation(by(&centre(), request)).await.unwrap().into_inner().consultation.unwrap();
    for who in &asked.asked_units {
        house.take_position(&upheld.consultation_id, who, proto::Stance::Shared).await.unwrap();
    }
    let shares =
        vec![share("ZF", Role::Lead, Duty::Punish, "PI003.old"), share("HB", Role::Support, Duty::Identify, "RI001")];
    house.door.rule(by(&centre(), ruling(&upheld.consultation_id, shares))).await.unwrap();
    let units: Vec<String> = house.open_orders(case).await.into_iter().map(|order| order.unit_code).collect();
    assert_eq!(units.len(), 2, "{units:?}");
    let hb = house.order_of(case, "HB").await;
    assert_eq!(reason(&object(&house, &hb).await.unwrap_err()), "assignment.ruled_already");
}

#[tokio::test]
async fn an_objection_is_accepted_on_the_fifth_working_day_over_national_day_and_not_on_the_sixth() {
    let house = House::at("2026-09-29 10:00").await;
    let case = house.accepted(barbecue()).await;
    house.turn("2026-10-12 17:00").await;
    let ga = house.order_of(case, "GA").await;
    object(&house, &ga).await.unwrap();
    house.turn("2026-10-13 09:00").await;
    let sj = house.order_of(case, "SJ").await;
    let late = object(&house, &sj).await.unwrap_err();
    assert_eq!(reason(&late), "assignment.objection_too_late");
    assert!(says(&late).contains("2026-10-12"), "{}", says(&late));
}

#[tokio::test]
async fn a_withdrawn_case_takes_its_consultation_and_its_orders_back() {
    let house = House::at("2026-03-02 09:00").await;
    let withdrawn = |case: Uuid| CaseWithdrawn { case_id: case.to_string(), withdrawn_at: None };
    let disputed = house.accepted(heritage()).await;
    let consultation = house.standing(disputed).await.consultation_id;
    let worked_on = house.accepted(barbecue()).await;
    for case in [disputed, worked_on] {
        house.intake.say(case, withdrawn(case)).await;
    }
    house.heard(&house.intake).await;
    assert!(house.open_orders(worked_on).await.is_empty());
    for case in [disputed, worked_on] {
        assert_eq!(house.standing(case).await.stage, "ended");
        assert_eq!(house.tasks(case).await, Vec::<String>::new());
    }
    let late = house.take_position(&consultation, "WL", proto::Stance::Mine).await.unwrap_err();
    assert_eq!(reason(&late), "assignment.out_of_turn");
    let request = proto::ListConsultationsRequest { case_id: disputed.to_string(), ..Default::default() };
    let listed = house.door.list_consultations(by(&unit("ZF"), request)).await.unwrap().into_inner().consultations;
    assert_eq!(listed[0].stage(), proto::ConsultationStage::Withdrawn);
}

#[tokio::test]
async fn a_precedent_says_to_everybody_what_it_says_and_to_those_concerned_which_case_it_comes_from() {
    let house = House::at("2026-03-02 09:00").await;
    let (case, ruled) = ruled(&house).await;
    let list = async |who: Granted| {
        let request = proto::ListPrecedentsRequest::default();
        let answer = house.door.list_precedents(by(&who, request)).await.unwrap().into_inner();
        let [precedent] = answer.precedents.try_into().unwrap();
        precedent
    };
    let whole: proto::Precedent = list(centre()).await;
    assert_eq!(
        (whole.case_id.as_str(), whole.ruling_id.as_str()),
        (case.to_string().as_str(), ruled.ruling_id.as_str())
    );
    assert_eq!(list(unit("ZG")).await, whole);
    for foreign in ["SJ", "town-330421104"] {
        let said: proto::Precedent = list(unit(foreign)).await;
        assert_eq!(said, proto::Precedent { case_id: String::new(), ruling_id: String::new(), ..whole.clone() });
        assert_eq!((said.precedent_id.as_str(), said.shares.len()), (ruled.precedent_id.as_str(), 3));
    }
}

#[tokio::test]
async fn a_reader_elsewhere_sees_rulings_of_its_own_only() {
    let house = House::at("2026-03-02 09:00").await;
    let (case, _) = ruled(&house).await;
    let request = proto::GetDeterminationRequest { case_id: case.to_string(), determination_id: String::new() };
    let ours = house.door.get_determination(by(&unit("ZG"), request.clone())).await.unwrap().into_inner();
    assert_eq!(ours.shares_in_force.len(), 3);
    let foreign = house.door.get_determination(by(&unit("SJ"), request)).await.unwrap_err();
    let request =
        proto::GetDeterminationRequest { case_id: Uuid::now_v7().to_string(), determination_id: String::new() };
    let missing = house.door.get_determination(by(&unit("SJ"), request)).await.unwrap_err();
    assert_eq!((foreign.code(), foreign.message()), (missing.code(), missing.message()));
}
