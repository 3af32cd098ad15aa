//! Bad input: every mistake named with its field, nothing half-written.

use tonic::Code;
use xiezhi_proto::common::v1::Channel;
use xiezhi_proto::intake::v1 as proto;
use xiezhi_proto::intake::v1::case_service_server::CaseService as _;

use crate::house::*;

async fn refused(house: &House, request: proto::RegisterCaseRequest) -> Vec<String> {
    let refused = house.doors.register_case(by(&clerk(), request)).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    fields(&refused)
}

#[tokio::test]
async fn a_complaint_with_mistakes_is_refused_with_all_of_them() {
    let house = House::open().await;
    let mut request = barbecue("张\u{202E}三", "电话");
    request.title = "夜".repeat(201);
    request.body = "油烟\0很大".to_owned();
    request.complainant.as_mut().unwrap().id_number = "12 34".to_owned();
    request.facts.as_mut().unwrap().act_on = "2026-02-30".to_owned();
    assert_eq!(
        refused(&house, request).await,
        ["complainant.name", "complainant.phone", "complainant.id_number", "title", "body", "facts.act_on"]
    );
    let mut unknown = barbecue("陈某某", "13805730001");
    unknown.facts = Some(facts("no.such.matter", Channel::Phone));
    let facts = unknown.facts.as_mut().unwrap();
    facts.matter_codes.push("fume".to_owned());
    facts.region_code = "330421999".to_owned();
    facts.object_type = "rocket".to_owned();
    facts.act_on = "2026-03-03".to_owned();
    facts.declared = declared(&[("no.such.fact", "true")]);
    unknown.accused_unit = "NOBODY".to_owned();
    assert_eq!(
        refused(&house, unknown).await,
        [
            "facts.matter_codes[0]",
            "facts.matter_codes[1]",
            "facts.region_code",
            "facts.object_type",
            "facts.act_on",
            "facts.declared",
            "accused_unit"
        ]
    );
    assert_eq!(
        house.register(barbecue("陈某某", "13805730001")).await.case_no,
        "JS-2026-000001",
        "no number was used up"
    );
    for table in ["cases", "complainant", "case_text"] {
        let count = sqlx::AssertSqlSafe(format!("SELECT count(*) FROM {table}"));
        let rows: i64 = sqlx::query_scalar(count).fetch_one(house.pool()).await.unwrap();
        assert_eq!(rows, 1, "{table}");
    }
}

#[tokio::test]
async fn long_texts_are_counted_in_characters_and_refused_above_the_limit() {
    let house = House::open().await;
    let long =
        |chars: usize| proto::RegisterCaseRequest { body: "噪".repeat(chars), ..barbecue("陈某某", "13805730001") };
    assert_eq!(refused(&house, long(100_000)).await, ["body"]);
    assert_eq!(refused(&house, long(20_001)).await, ["body"]);
    house.register(long(20_000)).await;
    assert_eq!(refused(&house, long(0)).await, ["body"]);
}

#[tokio::test]
async fn what_a_refusal_says_never_repeats_what_a_person_wrote() {
    let house = House::open().await;
    let mut request = barbecue("金丝雀\u{0007}", "13912345678;");
    request.title = "金丝雀".repeat(100);
    let refused = house.doors.register_case(by(&clerk(), request)).await.unwrap_err();
    let said = format!("{refused:?} {}", String::from_utf8_lossy(refused.details()));
    assert!(!said.contains("金丝雀") && !said.contains("13912345678"), "{said}");
}

#[tokio::test]
async fn ids_that_are_none_and_ids_of_nothing_are_told_apart() {
    let house = House::open().await;
    let get = async |case_id: &str, case_no: &str| {
        let request = proto::GetCaseRequest { case_id: case_id.to_owned(), case_no: case_no.to_owned() };
        house.doors.get_case(by(&clerk(), request)).await.unwrap_err()
    };
    assert_eq!(fields(&get("not an id", "").await), ["case_id"]);
    assert_eq!(fields(&get("", "JS-1").await), ["case_no"]);
    assert_eq!(fields(&get("", "").await), ["case_id"]);
    assert_eq!(fields(&get(&command(), "JS-2026-000001").await), ["case_no"]);
    assert_eq!(get(&command(), "").await.code(), Code::NotFound);
    assert_eq!(get("", "JS-2026-000001").await.code(), Code::NotFound);
    let accept = proto::AcceptCaseRequest { command_id: "x".to_owned(), case_id: command(), ..Default::default() };
    assert_eq!(fields(&house.doors.accept_case(by(&clerk(), accept)).await.unwrap_err()), ["command_id"]);
    assert_eq!(house.accept(&command()).await.unwrap_err().code(), Code::NotFound);
}

#[tokio::test]
async fn facts_that_the_catalogue_does_not_know_are_not_added() {
    let house = House::open().await;
    let case = house.register(barbecue("陈某某", "13805730001")).await.case_id;
    for (facts, field) in [
        (vec![], "declared"),
        (vec![("noise.over_standard", "maybe")], "declared"),
        (vec![("no.such.fact", "true")], "declared"),
        (vec![("noise.over_standard", "很吵")], "declared[0].value"),
    ] {
        assert_eq!(fields(&house.declare(&case, &facts).await.unwrap_err()), [field], "{facts:?}");
    }
    house.declare(&case, &[("noise.over_standard", "true")]).await.unwrap();
    house.declare(&case, &[("noise.over_standard", "true")]).await.unwrap();
    assert_eq!(house.event_names(&case).await, ["CaseRegistered", "CaseFactsAdded"], "said twice is said once");
}
