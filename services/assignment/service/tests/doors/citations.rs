//! What units cite travels in events: an item of the lists, or a numbered article of a law the pack knows.

use tonic::Status;
use xiezhi_proto::assignment::v1 as proto;
use xiezhi_proto::assignment::v1::assignment_service_server::AssignmentService as _;
use xiezhi_proto::common::v1::{Citation, Duty, Role, Share};

use crate::house::*;

const NAME: &str = "举报人张三";

/// Everything a refusal says.
fn whole(status: &Status) -> String {
    format!("{status:?} {}", String::from_utf8_lossy(status.details()))
}

/// Citations that are refused, each with the field that is wrong within the citation.
fn free_text() -> Vec<(Citation, &'static str)> {
    vec![
        (article(NAME, "第八十三条"), "citation.law"),
        (article("文物保护法", NAME), "citation.article"),
        (article("文物保护法", &format!("第八十三条{NAME}")), "citation.article"),
        (article(&format!("文物保护法{NAME}"), "第八十三条"), "citation.law"),
        (article("文物保护法", ""), "citation.article"),
    ]
}

fn object(order: &proto::WorkOrder, citation: Citation) -> proto::ObjectToWorkOrderRequest {
    proto::ObjectToWorkOrderRequest {
        command_id: command(),
        work_order_id: order.work_order_id.clone(),
        citation: Some(citation),
        reason: "不属我单位".to_owned(),
    }
}

#[tokio::test]
async fn an_objection_cites_an_item_or_an_article_that_the_pack_knows() {
    let house = House::at("2026-03-02 09:00").await;
    let case = house.accepted(barbecue()).await;
    let order = house.order_of(case, "GA").await;
    for (citation, field) in free_text() {
        let refused = house.door.object_to_work_order(by(&unit("GA"), object(&order, citation))).await.unwrap_err();
        assert_eq!(fields(&refused), [field]);
        assert!(!whole(&refused).contains(NAME), "{}", whole(&refused));
    }
    let known = object(&order, article("噪声污染防治法", "第八十二条第一款"));
    house.door.object_to_work_order(by(&unit("GA"), known)).await.unwrap();
    let events = house.events(case).await;
    assert!(events.iter().all(|event| !String::from_utf8_lossy(&event.payload).contains(NAME)));
    assert_eq!(events.last().unwrap().type_name.rsplit('.').next(), Some("WorkOrderObjected"));
}

#[tokio::test]
async fn a_position_and_an_answer_cite_an_item_or_such_an_article() {
    let house = House::at("2026-03-02 09:00").await;
    let undecided = house.register(heritage()).await;
    let disputed = house.accepted(heritage()).await;
    let consultation_id = house.standing(disputed).await.consultation_id;
    let stance = proto::Stance::NotMine.into();
    let position = async |citation: Option<Citation>| {
        let request = proto::TakePositionRequest {
            command_id: command(),
            consultation_id: consultation_id.clone(),
            stance,
            citation,
            reason: "依据清单".to_owned(),
        };
        house.door.take_position(by(&unit("WL"), request)).await.map(|_| ())
    };
    let answer = async |citation: Option<Citation>| {
        let case_id = undecided.to_string();
        let request =
            proto::AnswerDiagnosisRequest { command_id: command(), case_id, stance, citation, reason: String::new() };
        house.door.answer_diagnosis(by(&unit("WL"), request)).await.map(|_| ())
    };
    for (citation, field) in free_text() {
        for refused in [position(Some(citation.clone())).await, answer(Some(citation.clone())).await] {
            let refused = refused.unwrap_err();
            assert_eq!(fields(&refused), [field]);
            assert!(!whole(&refused).contains(NAME));
        }
    }
    for refused in [position(None).await, answer(None).await] {
        assert_eq!(fields(&refused.unwrap_err()), ["citation"]);
    }
    position(Some(article("文物保护法", "第八十三条"))).await.unwrap();
    answer(Some(article("文物保护法", "第八十三条"))).await.unwrap();
}

#[tokio::test]
async fn a_ruling_names_each_share_whose_law_the_pack_does_not_know() {
    let house = House::at("2026-03-02 09:00").await;
    let case = house.accepted(heritage()).await;
    let consultation = house.standing(case).await.consultation_id;
    for who in ["WL", "ZF", "ZG"] {
        house.take_position(&consultation, who, proto::Stance::Shared).await.unwrap();
    }
    let share = |unit: &str, role: Role, citations: Vec<Citation>| Share {
        unit_code: unit.to_owned(),
        role: role.into(),
        duty: Duty::Punish.into(),
        citations,
    };
    let rule = async |supporting: Citation| {
        let request = proto::RuleRequest {
            command_id: command(),
            consultation_id: consultation.clone(),
            shares: vec![
                share("WL", Role::Lead, vec![cite("PI095")]),
                share("ZF", Role::Support, vec![cite("PI018"), supporting]),
            ],
            grounds: "依据".to_owned(),
            scope: 0,
        };
        house.door.rule(by(&centre(), request)).await
    };
    let refused = rule(article(NAME, "第八十三条")).await.unwrap_err();
    assert_eq!(fields(&refused), ["shares[1].citations[1].law"]);
    assert!(!whole(&refused).contains(NAME));
    assert_eq!(fields(&rule(article("文物保护法", NAME)).await.unwrap_err()), ["shares[1].citations[1].article"]);
    rule(article("文物保护法", "第八十三条")).await.unwrap();
    assert_eq!(house.standing(case).await.stage, "ruled");
}
