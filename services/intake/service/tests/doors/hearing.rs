//! What the neighbours say, and what the accepting clerk sees of it.

use xiezhi_proto::assignment::v1 as assignment;
use xiezhi_proto::common::v1::{Citation, Duty, HandlingMode, Role, Share, Track};
use xiezhi_proto::intake::v1 as proto;
use xiezhi_proto::intake::v1::case_service_server::CaseService as _;

use xiezhi_proto::supervision::v1::{Clock, ClocksExtended};

use crate::house::*;

fn diagnosis(case_id: &str) -> assignment::DiagnosisMade {
    let article = Citation {
        law: "大气污染防治法".to_owned(),
        article: "第八十一条".to_owned(),
        version_date: String::new(),
        item_code: "PI012".to_owned(),
    };
    assignment::DiagnosisMade {
        case_id: case_id.to_owned(),
        kind: assignment::DeterminationKind::LeadWithSupport.into(),
        shares: vec![
            Share {
                unit_code: "ZF".to_owned(),
                role: Role::Lead.into(),
                duty: Duty::Punish.into(),
                citations: vec![article.clone()],
            },
            Share {
                unit_code: "HB".to_owned(),
                role: Role::Support.into(),
                duty: Duty::Identify.into(),
                citations: vec![],
            },
        ],
        missing_facts: vec!["noise.over_standard".to_owned()],
        positions: vec![assignment::Position {
            unit_code: "GA".to_owned(),
            stance: assignment::Stance::Silent.into(),
            citation: None,
            taken_at: Some(words::write::time(at("2026-03-02 11:00"))),
        }],
        mode: HandlingMode::Joint.into(),
        track: Track::Supervised.into(),
        made_at: Some(words::write::time(at("2026-03-02 11:00"))),
    }
}

#[tokio::test]
async fn the_diagnosis_is_shown_to_the_clerk_and_suggests_how_to_handle() {
    let house = House::open().await;
    let neighbour = house.neighbour(Assignment).await;
    let case = house.register(barbecue("陈某某", "13805730001")).await.case_id;
    neighbour.say(&case, diagnosis(&case)).await;
    house.heard(&neighbour).await;
    let request = proto::GetCaseRequest { case_id: case.clone(), case_no: String::new() };
    let shown = house.doors.get_case(by(&clerk(), request)).await.unwrap().into_inner();
    assert_eq!(shown.diagnosis, Some(diagnosis(&case)));
    assert_eq!(shown.case.unwrap().participant_units, ["GA", "HB", "ZF"]);
    house.accept(&case).await.unwrap();
    let accepted = house.case(&case).await;
    assert_eq!((accepted.mode(), accepted.track()), (HandlingMode::Joint, Track::Supervised));
    let notice = house.notices(&case).await.remove(0);
    assert!(notice.body_zh.contains(&jiashan().unit(&"ZF".parse().unwrap()).unwrap().name), "{}", notice.body_zh);
    assert!(!notice.body_zh.contains("____"), "every blank is filled: {}", notice.body_zh);
}

#[tokio::test]
async fn a_complainant_is_told_of_more_time_for_the_case_and_not_of_an_orders() {
    let house = House::open().await;
    let neighbour = house.neighbour(Supervision).await;
    let case = house.register(barbecue("陈某某", "13805730001")).await.case_id;
    house.accept(&case).await.unwrap();
    let clock = |rule: &str, work_order_id: &str| Clock {
        kind: if work_order_id.is_empty() { rule.to_owned() } else { format!("{rule}/{work_order_id}") },
        deadline: Some(xiezhi_proto::common::v1::Deadline {
            rule: rule.to_owned(),
            anchor_at: Some(words::write::time(at("2026-03-02 11:00"))),
            due_at: Some(words::write::time(at("2026-05-20 23:59"))),
            calendar_version: 1,
            citation: None,
        }),
        holder_unit: "ZF".to_owned(),
        work_order_id: work_order_id.to_owned(),
    };
    let extended =
        |clock: Clock| ClocksExtended { case_id: case.clone(), clocks: vec![clock], approved_by: "ZF.head".to_owned() };
    neighbour.say(&case, extended(clock("order.finish", &command()))).await;
    neighbour.say(&case, extended(clock("petition.finish", ""))).await;
    house.heard(&neighbour).await;
    let notices = house.notices(&case).await;
    let kinds: Vec<_> = notices.iter().map(proto::Notice::kind).collect();
    assert_eq!(kinds, [proto::NoticeKind::Acceptance, proto::NoticeKind::Extension]);
    let told = &notices[1];
    assert!(
        told.body_zh.contains("2026年5月20日") && told.body_zh.contains("综合行政执法局负责人"),
        "{}",
        told.body_zh
    );
    assert!(told.body_en.contains("2026-05-20"), "{}", told.body_en);
    assert!(!told.body_zh.contains("____"), "every blank is filled: {}", told.body_zh);
    assert!(told.citations.iter().any(|cited| cited.article == "第三十四条"), "{:?}", told.citations);
}

#[tokio::test]
async fn whoever_reads_a_notice_hears_that_the_words_of_the_reply_are_missing() {
    let house = House::open().await;
    let neighbour = house.neighbour(Assignment).await;
    let case = house.register(barbecue("陈某某", "13805730001")).await.case_id;
    house.accept(&case).await.unwrap();
    let list = async || {
        let request = proto::ListNoticesRequest { case_id: case.clone() };
        house.doors.list_notices(by(&clerk(), request)).await.unwrap().into_inner()
    };
    assert!(!list().await.incomplete, "there is no reply yet");
    let handled = assignment::CaseHandled {
        case_id: case.clone(),
        lead_unit: "ZF".to_owned(),
        conclusion: "explained".to_owned(),
        handled_at: Some(words::write::time(at("2026-03-03 10:00"))),
        round: 1,
        ..Default::default()
    };
    neighbour.say(&case, handled).await;
    house.heard(&neighbour).await;
    // This house knows no way to assignment, which keeps the words.
    let listed = list().await;
    assert!(listed.incomplete);
    for notice in listed.notices {
        let request = proto::GetNoticeRequest { notice_id: notice.notice_id.clone() };
        let read = house.doors.get_notice(by(&clerk(), request)).await.unwrap().into_inner();
        assert_eq!(read.incomplete, notice.kind() == proto::NoticeKind::Reply, "{notice:?}");
        assert_eq!(read.notice, Some(notice));
    }
}

#[tokio::test]
async fn departments_see_what_they_have_a_share_in_and_nothing_else() {
    let house = House::open().await;
    let neighbour = house.neighbour(Assignment).await;
    let shared = house.register(barbecue("陈某某", "13805730001")).await.case_id;
    let member = house.register(barbecue("李某某", "13805730002")).await.case_id;
    let foreign = house.register(barbecue("王某某", "13805730003")).await.case_id;
    house.link(&member, &shared, proto::LinkKind::ClusterMember).await.unwrap();
    let opened = assignment::ConsultationOpened {
        case_id: shared.clone(),
        consultation_id: command(),
        unit_codes: vec!["HB".to_owned()],
        answer_deadline: None,
    };
    neighbour.say(&shared, opened).await;
    house.heard(&neighbour).await;
    let read = async |unit: &str, case: &str| {
        let request = proto::ReadMaskedTextRequest { case_id: case.to_owned() };
        house.doors.read_masked_text(by(&department(unit), request)).await
    };
    assert!(read("HB", &shared).await.is_ok() && read("HB", &member).await.is_ok());
    let missing = read("HB", &command()).await.unwrap_err();
    for refused in [read("HB", &foreign).await, read("ZF", &shared).await] {
        let refused = refused.unwrap_err();
        assert_eq!((refused.code(), refused.message()), (missing.code(), missing.message()), "as if it were not there");
    }
    let list = async |unit: &str| {
        let page = house.doors.list_cases(by(&department(unit), proto::ListCasesRequest::default())).await.unwrap();
        page.into_inner().cases.len()
    };
    assert_eq!((list("HB").await, list("ZF").await), (2, 0));
    let facts = |unit: &str| {
        let declared = declared(&[("noise.over_standard", "true")]);
        by(&department(unit), proto::AddCaseFactsRequest { command_id: command(), case_id: shared.clone(), declared })
    };
    house.doors.add_case_facts(facts("HB")).await.unwrap();
    assert_eq!(house.doors.add_case_facts(facts("ZF")).await.unwrap_err().code(), tonic::Code::NotFound);
}

#[tokio::test]
async fn the_database_itself_shows_a_unit_its_own_cases_and_no_others() {
    let house = House::open().await;
    let neighbour = house.neighbour(Assignment).await;
    let shared = house.register(barbecue("陈某某", "13805730001")).await.case_id;
    house.register(barbecue("李某某", "13805730002")).await;
    let accused = proto::RegisterCaseRequest { accused_unit: "HB".to_owned(), ..barbecue("王某某", "13805730003") };
    let accused = house.register(accused).await.case_id;
    for case in [&shared, &accused] {
        neighbour.say(case, diagnosis(case)).await;
    }
    house.heard(&neighbour).await;
    let seen = async |setting: &str| {
        let mut tx = house.pool().begin().await.unwrap();
        sqlx::query("SELECT set_config('xiezhi.unit', $1, true)").bind(setting).execute(&mut *tx).await.unwrap();
        sqlx::query("SET LOCAL ROLE intake_department").execute(&mut *tx).await.unwrap();
        let seen: i64 = sqlx::query_scalar("SELECT count(*) FROM cases").fetch_one(&mut *tx).await.unwrap();
        let vault = sqlx::query("SELECT * FROM complainant").execute(&mut *tx).await;
        assert!(vault.unwrap_err().to_string().contains("permission denied"));
        seen
    };
    assert_eq!((seen("").await, seen("ZF").await, seen("HB").await, seen("SJ").await), (0, 2, 1, 0));
    let all: i64 = sqlx::query_scalar("SELECT count(*) FROM cases").fetch_one(house.pool()).await.unwrap();
    assert_eq!(all, 3, "afterwards the same connections see everything again");
}

#[tokio::test]
async fn who_was_asked_about_a_member_itself_still_sees_it_under_another_head() {
    let house = House::open().await;
    let neighbour = house.neighbour(Assignment).await;
    let mut cases = Vec::new();
    for nth in 1..=4 {
        cases.push(house.register(barbecue("陈某某", &format!("1380573000{nth}"))).await.case_id);
    }
    let [wrong, right, early, late] = cases.try_into().unwrap();
    let asked = async |case: &String, unit: &str| {
        let opened = assignment::ConsultationOpened {
            case_id: case.clone(),
            consultation_id: command(),
            unit_codes: vec![unit.to_owned()],
            answer_deadline: None,
        };
        neighbour.say(case, opened).await;
        house.heard(&neighbour).await;
    };
    let link = async |member: &String, head: &String| {
        house.link(member, head, proto::LinkKind::ClusterMember).await.unwrap();
    };
    asked(&wrong, "SJ").await;
    asked(&right, "ZF").await;
    asked(&early, "HB").await;
    link(&early, &wrong).await;
    link(&late, &wrong).await;
    asked(&late, "HB").await;
    asked(&wrong, "WL").await;
    link(&early, &right).await;
    link(&late, &right).await;
    for member in [&early, &late] {
        let seen = async |unit: &str| {
            let request = proto::GetCaseRequest { case_id: member.clone(), case_no: String::new() };
            house.doors.get_case(by(&department(unit), request)).await.is_ok()
        };
        assert_eq!((seen("HB").await, seen("ZF").await), (true, true));
        assert_eq!((seen("SJ").await, seen("WL").await), (false, false), "they had to do with the wrong head alone");
        assert_eq!(house.case(member).await.participant_units, ["HB", "ZF"]);
    }
}

#[tokio::test]
async fn requests_of_many_units_at_once_never_mix() {
    let house = House::open().await;
    let neighbour = house.neighbour(Assignment).await;
    let units = ["ZF", "HB", "GA", "SJ"];
    let mut own = Vec::new();
    for (nth, unit) in units.iter().enumerate() {
        let case = house.register(barbecue("陈某某", &format!("1380573000{nth}"))).await.case_id;
        let opened = assignment::ConsultationOpened {
            case_id: case.clone(),
            consultation_id: command(),
            unit_codes: vec![(*unit).to_owned()],
            answer_deadline: None,
        };
        neighbour.say(&case, opened).await;
        own.push(case);
    }
    house.heard(&neighbour).await;
    let list = async |nth: usize| {
        let granted = department(units[nth % 4]);
        let page = house.doors.list_cases(by(&granted, proto::ListCasesRequest::default())).await.unwrap();
        let seen: Vec<String> = page.into_inner().cases.into_iter().map(|case| case.case_id).collect();
        assert_eq!(seen, std::slice::from_ref(&own[nth % 4]));
    };
    for round in 0..10 {
        futures::future::join_all((0..100).map(|nth| list(round * 100 + nth))).await;
    }
}

#[tokio::test]
async fn the_accused_unit_never_sees_its_case_even_when_it_gets_a_share() {
    let house = House::open().await;
    let neighbour = house.neighbour(Assignment).await;
    let accused = proto::RegisterCaseRequest { accused_unit: "ZF".to_owned(), ..barbecue("陈某某", "13805730001") };
    let case = house.register(accused).await.case_id;
    neighbour.say(&case, diagnosis(&case)).await;
    house.heard(&neighbour).await;
    let get = async |unit: &str| {
        let request = proto::GetCaseRequest { case_id: case.clone(), case_no: String::new() };
        house.doors.get_case(by(&department(unit), request)).await
    };
    assert_eq!(get("ZF").await.unwrap_err().code(), tonic::Code::NotFound);
    assert!(get("HB").await.unwrap().into_inner().case.unwrap().sealed);
    let page = house.doors.list_cases(by(&department("ZF"), proto::ListCasesRequest::default())).await.unwrap();
    assert!(page.into_inner().cases.is_empty());
}

#[tokio::test]
async fn what_comes_for_a_case_that_has_ended_has_no_effect_and_is_not_parked() {
    let house = House::open().await;
    let neighbour = house.neighbour(Assignment).await;
    let case = house.register(barbecue("陈某某", "13805730001")).await.case_id;
    let withdraw = proto::WithdrawCaseRequest { command_id: command(), case_id: case.clone() };
    house.doors.withdraw_case(by(&clerk(), withdraw)).await.unwrap();
    neighbour.say(&case, diagnosis(&case)).await;
    let handled = assignment::CaseHandled {
        case_id: case.clone(),
        lead_unit: "ZF".to_owned(),
        conclusion: "explained".to_owned(),
        handled_at: Some(words::write::time(at("2026-03-03 10:00"))),
        round: 1,
        ..Default::default()
    };
    neighbour.say(&case, handled).await;
    house.heard(&neighbour).await;
    assert_eq!(house.stage(&case).await, proto::CaseStage::Withdrawn);
    assert_eq!(house.event_names(&case).await, ["CaseRegistered", "CaseWithdrawn"]);
}

#[tokio::test]
async fn a_disabled_account_is_revoked_here_too() {
    let house = House::open().await;
    let neighbour = house.neighbour(Assignment).await;
    let disabled = assignment::AccountDisabled {
        account_id: "ZF-account".to_owned(),
        disabled_at: Some(words::write::time(at("2026-03-02 10:00"))),
    };
    neighbour.say(&command(), disabled).await;
    house.heard(&neighbour).await;
    let revoked: Vec<String> =
        sqlx::query_scalar("SELECT account FROM bus.revoked").fetch_all(house.pool()).await.unwrap();
    assert_eq!(revoked, ["ZF-account"]);
}
