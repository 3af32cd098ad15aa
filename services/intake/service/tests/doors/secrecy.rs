//! 信息库: who complained is in the vault and nowhere else, leaves only after the audit, and can be destroyed.

use sqlx::{AssertSqlSafe, Row};
use tonic::Code;
use xiezhi_proto::intake::v1 as proto;
use xiezhi_proto::intake::v1::case_service_server::CaseService as _;

use crate::house::*;

fn reveal(case_id: &str) -> proto::RevealContactRequest {
    proto::RevealContactRequest {
        command_id: command(),
        case_id: case_id.to_owned(),
        purpose: proto::RevealPurpose::Callback.into(),
        reason: "电话回访满意度".to_owned(),
        with_text: false,
    }
}

/// Every row of every table of the database, as text, so that bytes show as hexadecimal digits.
async fn dump(house: &House) -> Vec<(String, String)> {
    let tables = sqlx::query(
        "SELECT format('%I.%I', table_schema, table_name) AS name FROM information_schema.tables
         WHERE table_schema IN ('public', 'bus') AND table_type = 'BASE TABLE'",
    )
    .fetch_all(house.pool())
    .await
    .unwrap();
    let mut rows = Vec::new();
    for table in tables {
        let name: String = table.get("name");
        let statement = AssertSqlSafe(format!("SELECT t::text AS row FROM {name} t"));
        for row in sqlx::query(statement).fetch_all(house.pool()).await.unwrap() {
            rows.push((name.clone(), row.get::<String, _>("row")));
        }
    }
    rows
}

/// The ways in which a word could show in a dump.
fn forms(word: &str) -> Vec<String> {
    use base64::Engine as _;
    use sha2::Digest as _;
    vec![
        word.to_owned(),
        hex::encode(word),
        base64::engine::general_purpose::STANDARD_NO_PAD.encode(word),
        hex::encode(sha2::Sha256::digest(word)),
    ]
}

#[tokio::test]
async fn no_word_of_a_complainant_is_anywhere_outside_the_vault_and_none_readable_inside() {
    let house = House::open().await;
    let neighbour = house.neighbour(Assignment).await;
    let mut request = barbecue("金丝雀", "13912345678");
    let complainant = request.complainant.as_mut().unwrap();
    complainant.id_number = "33042119770707123X".to_owned();
    complainant.address = "魏塘街道金丝雀弄77号".to_owned();
    request.title = "金丝雀弄的油烟".to_owned();
    let case = house.register(request).await.case_id;
    house.declare(&case, &[("noise.over_standard", "true")]).await.unwrap();
    house.accept(&case).await.unwrap();
    let asked = proto::RevealContactRequest { with_text: true, ..reveal(&case) };
    let opened = house.doors.reveal_contact(by(&clerk(), asked)).await.unwrap().into_inner();
    assert_eq!(opened.complainant.unwrap().phone, "13912345678", "the vault itself can read it");
    assert_eq!(opened.title, "金丝雀弄的油烟");
    house.heard(&neighbour).await;
    let dump = dump(&house).await;
    assert!(
        dump.iter().any(|(table, _)| table == "bus.command") && dump.iter().any(|(table, _)| table == "bus.journal")
    );
    for word in
        ["金丝雀", "13912345678", "33042119770707123X", "魏塘街道金丝雀弄77号", "烧烤摊油烟很大", "电话回访满意度"]
    {
        for form in forms(word) {
            let found: Vec<&(String, String)> = dump.iter().filter(|(_, row)| row.contains(&form)).collect();
            assert!(found.is_empty(), "{word} shows as {form} in {found:?}");
        }
    }
    let masked = proto::ReadMaskedTextRequest { case_id: case };
    let masked = house.doors.read_masked_text(by(&clerk(), masked)).await.unwrap().into_inner();
    assert!(!masked.body.contains("金丝雀") && masked.body.contains("烧烤摊油烟很大"), "{}", masked.body);
    assert!(!masked.body.contains("13912345678") && !masked.confirmed);
}

#[tokio::test]
async fn an_identity_is_opened_for_a_purpose_with_a_reason_and_after_its_entry_in_the_audit() {
    let house = House::open().await;
    let case = house.register(barbecue("陈某某", "13805730001")).await.case_id;
    let unsaid = proto::RevealContactRequest { purpose: 0, reason: "  x ".to_owned(), ..reveal(&case) };
    let refused = house.doors.reveal_contact(by(&clerk(), unsaid)).await.unwrap_err();
    assert_eq!(fields(&refused), ["purpose", "reason"]);
    let opened = house.doors.reveal_contact(by(&clerk(), reveal(&case))).await.unwrap().into_inner();
    assert_eq!(opened.complainant.unwrap().name, "陈某某");
    assert!(opened.title.is_empty() && opened.body.is_empty(), "the text was not asked for");
    let names = house.event_names(&case).await;
    assert_eq!(names, ["CaseRegistered", "ContactRevealed"]);
    let said: proto::ContactRevealed = house.events(&case).await[1].body().unwrap();
    assert_eq!((said.account_id.as_str(), said.purpose.as_str()), ("clerk", "callback"));
    let listed = house.doors.list_reveals(by(&clerk(), proto::ListRevealsRequest::default())).await.unwrap();
    let entry = listed.into_inner().reveals.remove(0);
    assert_eq!((entry.reveal_id, entry.reason.as_str()), (opened.reveal_id, "电话回访满意度"));
    let changed = sqlx::query("UPDATE reveal SET account = 'nobody'").execute(house.pool()).await.unwrap_err();
    assert!(changed.to_string().contains("insert-only"));
}

#[tokio::test]
async fn where_the_audit_cannot_be_written_nothing_leaves() {
    let house = House::open().await;
    let case = house.register(barbecue("陈某某", "13805730001")).await.case_id;
    sqlx::query("ALTER TABLE reveal ADD CONSTRAINT full_disk CHECK (false) NOT VALID")
        .execute(house.pool())
        .await
        .unwrap();
    let refused = house.doors.reveal_contact(by(&clerk(), reveal(&case))).await.unwrap_err();
    assert_eq!(refused.code(), Code::Internal);
    assert_eq!(house.event_names(&case).await, ["CaseRegistered"]);
}

#[tokio::test]
async fn the_fifty_first_identity_of_a_day_stays_closed() {
    let house = House::open().await;
    let case = house.register(barbecue("陈某某", "13805730001")).await.case_id;
    let open = async || house.doors.reveal_contact(by(&clerk(), reveal(&case))).await;
    let answers = futures::future::join_all((0..60).map(|_| open())).await;
    let (opened, refused): (Vec<_>, Vec<_>) = answers.into_iter().partition(Result::is_ok);
    assert_eq!((opened.len(), refused.len()), (50, 10));
    assert!(refused.into_iter().all(|refused| reason(&refused.unwrap_err()) == "intake.reveal_limit"));
    let colleague = caller(kit::caller::CallerKind::Centre, "colleague", "centre");
    house.doors.reveal_contact(by(&colleague, reveal(&case))).await.unwrap();
    house.turn("2026-03-03 00:01").await;
    assert!(open().await.is_ok(), "another day, another count");
}

#[tokio::test]
async fn a_replica_with_another_key_does_not_start_and_writes_nothing_nobody_opens() {
    let house = House::open().await;
    let said = house.refused_replica([0x77; 32]).await;
    assert!(said.contains("密钥") && said.contains("original key"), "{said}");
    let (_replica, doors) = house.replica().await;
    let registered = doors.register_case(by(&clerk(), barbecue("陈某某", "13805730001"))).await.unwrap().into_inner();
    assert_eq!(house.case(&registered.case_id).await.case_no, registered.case_no);
}

#[tokio::test]
async fn a_repeat_opens_again_for_ten_minutes_without_a_second_entry() {
    let house = House::open().await;
    let case = house.register(barbecue("陈某某", "13805730001")).await.case_id;
    let request = reveal(&case);
    let first = house.doors.reveal_contact(by(&clerk(), request.clone())).await.unwrap().into_inner();
    let again = house.doors.reveal_contact(by(&clerk(), request.clone())).await.unwrap().into_inner();
    assert_eq!(first, again);
    let entries: i64 = sqlx::query_scalar("SELECT count(*) FROM reveal").fetch_one(house.pool()).await.unwrap();
    assert_eq!(entries, 1);
    house.turn("2026-03-02 10:30").await;
    let late = house.doors.reveal_contact(by(&clerk(), request)).await.unwrap_err();
    assert_eq!(reason(&late), "intake.reveal_expired");
}

#[tokio::test]
async fn what_a_person_weighed_is_read_with_the_text_and_only_so() {
    let house = House::open().await;
    let rule = jiashan().acceptance_rules.into_iter().find(|rule| rule.needs_person && !rule.hand_over).unwrap();
    let case = house.register(barbecue("陈某某", "13805730001")).await.case_id;
    let decline = proto::DeclineCaseRequest {
        command_id: command(),
        case_id: case.clone(),
        rule_code: rule.code.to_string(),
        considered: "陈某某逾期三个月, 无正当理由".to_owned(),
    };
    house.doors.decline_case(by(&clerk(), decline)).await.unwrap();
    let asked = proto::RevealContactRequest { with_text: true, ..reveal(&case) };
    let opened = house.doors.reveal_contact(by(&clerk(), asked)).await.unwrap().into_inner();
    assert_eq!(opened.considered, ["陈某某逾期三个月, 无正当理由"]);
    let dump = dump(&house).await;
    assert!(!dump.iter().any(|(_, row)| row.contains("无正当理由")));
}

#[tokio::test]
async fn a_forgotten_complainant_is_gone_and_the_case_stays() {
    let house = House::open().await;
    let case = house.register(barbecue("陈某某", "13805730001")).await.case_id;
    let forget = || proto::ForgetComplainantRequest { command_id: command(), case_id: case.clone() };
    let early = house.doors.forget_complainant(by(&clerk(), forget())).await.unwrap_err();
    assert_eq!(reason(&early), "intake.out_of_turn");
    let withdraw = proto::WithdrawCaseRequest { command_id: command(), case_id: case.clone() };
    house.doors.withdraw_case(by(&clerk(), withdraw)).await.unwrap();
    house.doors.forget_complainant(by(&clerk(), forget())).await.unwrap();
    let kept: i64 =
        sqlx::query_scalar("SELECT count(*) FROM complainant WHERE num_nulls(wrapped_key, identity, title, body) < 4")
            .fetch_one(house.pool())
            .await
            .unwrap();
    let hashes: i64 =
        sqlx::query_scalar("SELECT count(*) FROM complainant_digest").fetch_one(house.pool()).await.unwrap();
    assert_eq!((kept, hashes), (0, 0));
    let gone = house.doors.reveal_contact(by(&clerk(), reveal(&case))).await.unwrap_err();
    assert_eq!(reason(&gone), "intake.forgotten");
    assert!(house.case(&case).await.complainant_forgotten);
    let masked = proto::ReadMaskedTextRequest { case_id: case.clone() };
    assert!(house.doors.read_masked_text(by(&clerk(), masked)).await.is_ok(), "what names nobody stays");
    assert_eq!(house.register(barbecue("陈某某", "13805730001")).await.candidates, vec![], "nobody is found again");
    assert_eq!(house.event_names(&case).await.last().unwrap(), "ComplainantForgotten");
}

#[tokio::test]
async fn a_clerk_confirms_the_masked_text() {
    let house = House::open().await;
    let case = house.register(barbecue("陈某某", "13805730001")).await.case_id;
    let confirm = proto::ConfirmMaskedTextRequest {
        command_id: command(),
        case_id: case.clone(),
        masked_title: "烧烤油烟".to_owned(),
        masked_body: "某户反映每晚油烟".to_owned(),
    };
    house.doors.confirm_masked_text(by(&clerk(), confirm)).await.unwrap();
    let request = proto::ReadMaskedTextRequest { case_id: case };
    let read = house.doors.read_masked_text(by(&clerk(), request)).await.unwrap().into_inner();
    assert_eq!((read.title.as_str(), read.body.as_str(), read.confirmed), ("烧烤油烟", "某户反映每晚油烟", true));
    let mut given = barbecue("李某某", "13805730002");
    (given.masked_title, given.masked_body) = ("油烟".to_owned(), "油烟很大".to_owned());
    assert!(house.register(given).await.mask_confirmed);
}
