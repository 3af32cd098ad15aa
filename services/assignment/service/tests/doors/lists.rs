//! The lists: published, read as they stood, and asked what they would say.

use prost::Message as _;
use tonic::Code;
use uuid::Uuid;
use xiezhi_proto::assignment::v1 as proto;
use xiezhi_proto::assignment::v1::assignment_service_server::AssignmentService as _;

use crate::house::*;

/// `PI018` passes from the enforcement bureau to the housing bureau.
fn transferred() -> pack::Pack {
    let mut pack = jiashan();
    let item = pack.power_items.iter_mut().find(|item| item.code.as_str() == "PI018").unwrap();
    item.holdings.last_mut().unwrap().holder = vocab::Body::Unit("ZJ".parse().unwrap());
    pack
}

async fn determine(house: &House, known_at: Option<&str>) -> proto::DetermineResponse {
    let request =
        proto::DetermineRequest { facts: Some(heritage()), valid_on: String::new(), known_at: known_at.map(wire_time) };
    house.door.determine(by(&unit("ZF"), request)).await.unwrap().into_inner()
}

#[tokio::test]
async fn a_past_decision_is_derived_again_byte_for_byte_from_the_list_as_it_stood() {
    let house = House::at("2026-03-02 09:00").await;
    let case = house.accepted(heritage()).await;
    let request = proto::GetDeterminationRequest { case_id: case.to_string(), determination_id: String::new() };
    let decided = house.door.get_determination(by(&centre(), request)).await.unwrap().into_inner();
    house.turn("2026-03-05 09:00").await;
    house.publish(&transferred()).await.unwrap();
    house.turn("2026-03-06 09:00").await;
    let again = proto::DetermineRequest {
        facts: Some(heritage()),
        valid_on: String::new(),
        known_at: decided.result.clone().unwrap().proof.unwrap().known_at,
    };
    let again = house.door.determine(by(&centre(), again)).await.unwrap().into_inner();
    assert_eq!(again.proof_sha256, decided.proof_sha256);
    assert_eq!(again.result, decided.result);
    let contenders = async |known_at| determine(&house, known_at).await.result.unwrap().contender_units;
    assert_eq!(contenders(Some("2026-03-04 09:00")).await, ["WL", "ZF", "ZG"]);
    assert_eq!(contenders(None).await, ["WL", "ZG", "ZJ"]);
}

#[tokio::test]
async fn what_if_changes_nothing_and_says_why() {
    let house = House::at("2026-03-02 09:00").await;
    let before = house.assignment.bus.high_water().await.unwrap();
    let answer = determine(&house, None).await.result.unwrap();
    assert_eq!(answer.kind(), proto::DeterminationKind::Overlap);
    let proof = answer.proof.unwrap();
    let item = proof.matched.iter().find(|item| item.unit_code == "WL").unwrap();
    let article = item.citation.as_ref().unwrap();
    assert_eq!((article.law.as_str(), article.version_date.as_str()), ("文物保护法", "2024-11-08"));
    assert!(proof.near_misses.iter().any(|near| {
        near.reason() == proto::MissReason::Validity && near.item.as_ref().unwrap().item_code == "PI095.old"
    }));
    let after = house.assignment.bus.high_water().await.unwrap();
    assert_eq!((before.last_pos, after.unnumbered), (after.last_pos, 0));
    let future = proto::DetermineRequest {
        facts: Some(heritage()),
        valid_on: String::new(),
        known_at: Some(wire_time("2027-01-01 00:00")),
    };
    let refused = house.door.determine(by(&unit("ZF"), future)).await.unwrap_err();
    assert_eq!(fields(&refused), ["known_at"]);
}

#[tokio::test]
async fn a_publication_ends_what_changed_and_keeps_what_it_was() {
    let house = House::at("2026-03-02 09:00").await;
    let list = async |known_at: Option<&str>| {
        let request = proto::ListPowerItemsRequest {
            valid_on: "2026-03-02".to_owned(),
            known_at: known_at.map(wire_time),
            matter_code: "heritage.illegal_building".to_owned(),
            kind: proto::ItemKind::Power.into(),
            ..Default::default()
        };
        let items = house.door.list_power_items(by(&unit("SJ"), request)).await.unwrap().into_inner().items;
        items.into_iter().map(|item| format!("{} {}", item.item_code, item.unit_code)).collect::<Vec<_>>()
    };
    assert_eq!(list(None).await, ["PI018 ZF", "PI095 WL", "PI097 ZG"]);
    house.turn("2026-03-03 09:00").await;
    let revision = house.publish(&transferred()).await.unwrap();
    assert_eq!(house.publish(&transferred()).await.unwrap(), revision, "the same pack again is no publication");
    assert_eq!(list(None).await, ["PI018 ZJ", "PI095 WL", "PI097 ZG"]);
    assert_eq!(list(Some("2026-03-02 23:00")).await, ["PI018 ZF", "PI095 WL", "PI097 ZG"]);
    let published = house.events(assignment::publish::LISTS).await;
    let published: Vec<proto::ListPublished> = published
        .into_iter()
        .filter(|event| event.type_name.ends_with("ListPublished"))
        .map(|event| proto::ListPublished::decode(event.payload.as_slice()).unwrap())
        .collect();
    let changes: Vec<_> = published.iter().map(|one| (one.revision, one.items_added > 100, one.items_ended)).collect();
    assert_eq!(changes, [(1, true, 0), (2, false, 1)]);
}

#[tokio::test]
async fn a_pack_that_gives_one_item_twice_is_refused_whole() {
    let house = House::at("2026-03-02 09:00").await;
    let mut pack = jiashan();
    let item = pack.power_items.iter_mut().find(|item| item.code.as_str() == "PI018").unwrap();
    let twice = item.holdings.last().cloned().unwrap();
    item.holdings.push(twice);
    let refused = tonic::Status::from(house.publish(&pack).await.unwrap_err());
    assert_eq!(refused.code(), Code::InvalidArgument);
    assert!(format!("{refused:?}").contains("PI018"));
    assert_eq!(house.events(assignment::publish::LISTS).await.len(), 2, "nothing was published by it");
}

#[tokio::test]
async fn the_store_itself_refuses_an_item_twice_in_the_same_hands() {
    let house = House::at("2026-03-02 09:00").await;
    let copy = "INSERT INTO list_item (id, kind, code, holder, towns, valid, recorded, content)
                SELECT $1, kind, code, holder, towns, valid, recorded, content FROM list_item WHERE code = 'PI018' LIMIT 1";
    let refused = sqlx::query(copy).bind(Uuid::now_v7()).execute(house.assignment.corridor.pool()).await.unwrap_err();
    let sqlx::Error::Database(refused) = refused else { panic!("{refused}") };
    assert_eq!(refused.constraint(), Some("list_item_says_one_thing"));
}

#[tokio::test]
async fn pages_follow_each_other_without_gap_or_repeat() {
    let house = House::at("2026-03-02 09:00").await;
    let (mut seen, mut token) = (Vec::new(), String::new());
    loop {
        let request = proto::ListPowerItemsRequest { page_size: 37, page_token: token, ..Default::default() };
        let page = house.door.list_power_items(by(&unit("SJ"), request)).await.unwrap().into_inner();
        seen.extend(page.items.into_iter().map(|item| (item.item_code, item.unit_code, item.valid_from, item.kind)));
        token = page.next_page_token;
        if token.is_empty() {
            break;
        }
    }
    let all: std::collections::BTreeSet<_> = seen.iter().cloned().collect();
    assert_eq!(all.len(), seen.len());
    assert!(seen.len() > 150, "{}", seen.len());
    let request = proto::ListPowerItemsRequest { page_token: "not one of ours".to_owned(), ..Default::default() };
    let refused = house.door.list_power_items(by(&unit("SJ"), request)).await.unwrap_err();
    assert_eq!(fields(&refused), ["page_token"]);
}

#[tokio::test]
async fn who_leaves_a_post_hands_the_open_orders_over() {
    let house = House::at("2026-03-02 09:00").await;
    let case = house.accepted(barbecue()).await;
    let before = house.order_of(case, "ZF").await;
    let mut pack = jiashan();
    let post = pack.posts.iter_mut().find(|post| post.code.as_str() == before.post_code).unwrap();
    let successor = pack
        .persons
        .iter()
        .find(|person| person.unit.as_str() == "ZF" && person.code.as_str() != before.person_code)
        .unwrap();
    post.person = successor.code.clone();
    house.publish(&pack).await.unwrap();
    let after = house.order_of(case, "ZF").await;
    assert_eq!((after.post_code, after.person_code), (before.post_code, successor.code.to_string()));
    assert_eq!((after.stage, after.deadline), (before.stage, before.deadline));
}
