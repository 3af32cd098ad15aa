//! What is wrong is refused with a clear status and details; nothing is half written and nothing is lost.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failed test should panic

use std::collections::BTreeSet;

use client::{Centre, Refused, call, new_command_id};
use house_tests::desk::{CLERK, COORDINATOR, Complaint, Desk, facts};
use testkit::House;
use tokio::sync::{OnceCell, RwLock};
use tonic::{Code, Status};
use xiezhi_proto::assignment::v1::{
    AcknowledgeWorkOrderRequest, CompleteWorkOrderRequest, GetDeterminationRequest, GetWorkOrderRequest,
    ListWorkOrdersRequest, Outcome, ReportProgressRequest,
};
use xiezhi_proto::bus::v1::FindCommandRequest;
use xiezhi_proto::common::v1::{Channel, Fact};
use xiezhi_proto::intake::v1::{
    AcceptCaseRequest, Complainant, GetCaseRequest, ListCasesRequest, ReadMaskedTextRequest, ReceiptRouteRequest,
    RegisterCaseRequest,
};
use xiezhi_proto::supervision::v1::{GetTimelineRequest, ListClocksRequest};

/// Whoever verifies the house wants nobody else at work in it.
static AT_WORK: RwLock<()> = RwLock::const_new(());

/// One house for the whole file; its leash ends it with this process.
async fn house() -> &'static House {
    static HOUSE: OnceCell<House> = OnceCell::const_new();
    HOUSE.get_or_init(|| async { House::start().await.expect("a house") }).await
}

async fn desk() -> Desk<'static> {
    Desk::at(house().await).await.expect("a desk")
}

fn refused(status: &Status) -> Refused {
    Refused::from(status)
}

/// The fields that a refusal names.
fn fields(status: &Status) -> BTreeSet<String> {
    refused(status).violations.into_iter().map(|violation| violation.field).collect()
}

async fn register(clerk: &Centre, request: RegisterCaseRequest) -> Result<String, Status> {
    clerk.intake().register_case(request).await.map(|answer| answer.into_inner().case_id)
}

/// Asserts that the request is refused for these fields, in both languages, and had no effect at all.
async fn refuses(desk: &Desk<'_>, request: RegisterCaseRequest, wanted: &[&str]) {
    let clerk = desk.as_account(CLERK).await.unwrap();
    let command_id = request.command_id.clone();
    let status = register(&clerk, request).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument, "{status:?}");
    let named = fields(&status);
    for field in wanted {
        assert!(named.iter().any(|name| name.starts_with(field)), "{field} is not among {named:?}");
    }
    let said = refused(&status);
    assert_eq!(said.reason, "bus.invalid_argument");
    assert!(!said.says.zh.is_empty() && said.says.zh != said.says.en, "{said:?}");
    assert!(said.violations.iter().all(|violation| !violation.description.is_empty()));
    had_no_effect(desk, "intake", &command_id).await;
}

async fn had_no_effect(desk: &Desk<'_>, service: &str, command_id: &str) {
    if uuid::Uuid::parse_str(command_id).is_err() {
        return;
    }
    let request = FindCommandRequest { service: service.to_owned(), command_id: command_id.to_owned() };
    let found = desk.operator().bus(service).find_command(request).await.unwrap().into_inner();
    assert!(!found.answered && found.events == 0, "a refused command left {found:?}");
}

fn sound() -> RegisterCaseRequest {
    Complaint::simple().request()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_mistake_of_a_request_is_named_at_once() {
    let _busy = AT_WORK.read().await;
    let desk = desk().await;
    let mut request = sound();
    request.title = String::new();
    request.body = String::new();
    request.facts = Some(facts("no.such.matter", "no_such_object", Channel::Unspecified, &[]));
    refuses(&desk, request, &["title", "body", "facts"]).await;
    refuses(&desk, RegisterCaseRequest { facts: None, ..sound() }, &["facts"]).await;
    refuses(&desk, RegisterCaseRequest { command_id: "eins".to_owned(), ..sound() }, &["command_id"]).await;
    refuses(&desk, RegisterCaseRequest { command_id: uuid::Uuid::nil().to_string(), ..sound() }, &["command_id"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn codes_that_the_pack_does_not_know_are_refused() {
    let _busy = AT_WORK.read().await;
    let desk = desk().await;
    let with = |change: &dyn Fn(&mut xiezhi_proto::common::v1::CaseFacts)| {
        let mut request = sound();
        change(request.facts.as_mut().unwrap());
        request
    };
    let fact = |code: &str, value: &str| Fact { code: code.to_owned(), value: value.to_owned() };
    refuses(&desk, with(&|facts| facts.matter_codes = vec!["no.such.matter".to_owned()]), &["facts"]).await;
    refuses(&desk, with(&|facts| facts.matter_codes.clear()), &["facts"]).await;
    refuses(&desk, with(&|facts| facts.region_code = "330421999".to_owned()), &["facts"]).await;
    refuses(&desk, with(&|facts| facts.region_code = "Xitang".to_owned()), &["facts"]).await;
    refuses(&desk, with(&|facts| facts.object_type = "spaceship".to_owned()), &["facts"]).await;
    refuses(&desk, with(&|facts| facts.declared = vec![fact("no.such.fact", "true")]), &["facts"]).await;
    refuses(&desk, with(&|facts| facts.declared = vec![fact("time.night", "perhaps")]), &["facts"]).await;
    let twice = vec![fact("time.night", "true"), fact("time.night", "false")];
    refuses(&desk, with(&|facts| facts.declared = twice.clone()), &["facts"]).await;
    refuses(&desk, RegisterCaseRequest { accused_unit: "NOBODY".to_owned(), ..sound() }, &["accused_unit"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn impossible_times_are_refused() {
    let _busy = AT_WORK.read().await;
    let desk = desk().await;
    for day in ["2026-02-30", "30.02.2026", "2026-3-2", "2027-01-01", "1066-10-14T", ""] {
        let mut request = sound();
        request.facts.as_mut().unwrap().act_on = day.to_owned();
        refuses(&desk, request, &["facts.act_on"]).await;
    }
    let clerk = desk.as_account(CLERK).await.unwrap();
    for time in [
        prost_types::Timestamp { seconds: 1, nanos: -1 },
        prost_types::Timestamp { seconds: i64::MAX, nanos: 0 },
        prost_types::Timestamp { seconds: 4_000_000_000_000, nanos: 0 },
    ] {
        let request = ListCasesRequest { registered_from: Some(time), ..Default::default() };
        let status = clerk.intake().list_cases(request).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument, "{time:?}: {status:?}");
        assert!(fields(&status).contains("registered_from"), "{:?}", fields(&status));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn names_numbers_and_texts_have_their_form_and_their_length() {
    let _busy = AT_WORK.read().await;
    let desk = desk().await;
    let by = |change: &dyn Fn(&mut Complainant)| {
        let mut request = sound();
        change(request.complainant.as_mut().unwrap());
        request
    };
    refuses(&desk, by(&|who| who.phone = "not a number".to_owned()), &["complainant.phone"]).await;
    refuses(&desk, by(&|who| who.phone = "1".repeat(400)), &["complainant.phone"]).await;
    refuses(&desk, by(&|who| who.id_number = "33042119800101123X!".to_owned()), &["complainant.id_number"]).await;
    refuses(&desk, by(&|who| who.name = "名".repeat(51)), &["complainant.name"]).await;
    refuses(&desk, by(&|who| who.address = "路".repeat(201)), &["complainant.address"]).await;
    refuses(&desk, by(&|who| who.name = "王\u{0}明".to_owned()), &["complainant.name"]).await;
    refuses(&desk, RegisterCaseRequest { title: "题".repeat(201), ..sound() }, &["title"]).await;
    refuses(&desk, RegisterCaseRequest { title: "题\u{7}目".to_owned(), ..sound() }, &["title"]).await;
    // A text of 100,000 characters is under a mebibyte and still far too long to be read.
    refuses(&desk, RegisterCaseRequest { body: "噪".repeat(100_000), ..sound() }, &["body"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_above_one_mebibyte_is_refused_before_it_is_read() {
    let _busy = AT_WORK.read().await;
    let desk = desk().await;
    let clerk = desk.as_account(CLERK).await.unwrap();
    let request = RegisterCaseRequest { body: "a".repeat(1_100_000), ..sound() };
    let command_id = request.command_id.clone();
    let status = register(&clerk, request).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument, "{status:?}");
    assert!(status.message().len() < 1_000, "the refusal repeats the request");
    had_no_effect(&desk, "intake", &command_id).await;
    // The connection is not hurt: the next request is answered.
    register(&clerk, sound()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_that_are_no_message_are_refused_and_the_door_stays_open() {
    let _busy = AT_WORK.read().await;
    let desk = desk().await;
    let clerk = desk.as_account(CLERK).await.unwrap();
    for bytes in [vec![0xff; 40], vec![0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f], b"GET / HTTP/1.1".to_vec()] {
        let mut raw = tonic::client::Grpc::new(clerk.door("intake"));
        raw.ready().await.unwrap();
        let path = http::uri::PathAndQuery::from_static("/xiezhi.intake.v1.CaseService/RegisterCase");
        let answer = raw.unary(tonic::Request::new(bytes.clone()), path, house_tests::raw::RawCodec).await;
        let status = answer.unwrap_err();
        assert!(matches!(status.code(), Code::Internal | Code::InvalidArgument), "{bytes:?}: {status:?}");
    }
    register(&clerk, sound()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_that_is_none_is_a_mistake_and_an_unknown_one_is_not_found() {
    let _busy = AT_WORK.read().await;
    let desk = desk().await;
    let clerk = desk.as_account(CLERK).await.unwrap();
    let show = |case_id: String, case_no: &str| GetCaseRequest { case_id, case_no: case_no.to_owned() };
    let status = clerk.intake().get_case(show("x".to_owned(), "")).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument, "{status:?}");
    assert_eq!(clerk.intake().get_case(show(String::new(), "")).await.unwrap_err().code(), Code::InvalidArgument);
    for request in [show(new_command_id(), ""), show(String::new(), "JS-2026-999999")] {
        let status = clerk.intake().get_case(request).await.unwrap_err();
        assert_eq!(status.code(), Code::NotFound, "{status:?}");
        assert_eq!(refused(&status).reason, "bus.not_found");
    }
    let accept = AcceptCaseRequest { command_id: new_command_id(), case_id: new_command_id(), ..Default::default() };
    assert_eq!(clerk.intake().accept_case(accept).await.unwrap_err().code(), Code::NotFound);
    let receipt = ReceiptRouteRequest {
        command_id: new_command_id(),
        case_id: new_command_id(),
        receipt_no: "1".to_owned(),
        receipted_at: None,
    };
    assert_eq!(clerk.intake().receipt_route(receipt).await.unwrap_err().code(), Code::NotFound);
}

/// Everything a caller can see of a refusal, but for the id that it asked with.
fn visible(status: &Status, asked: &str) -> (Code, String, String) {
    let details = format!("{:?} {} bytes", refused(status), status.details().len());
    (status.code(), status.message().replace(asked, "ID"), details.replace(asked, "ID"))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_belongs_to_others_is_answered_like_what_does_not_exist() {
    let _busy = AT_WORK.read().await;
    let desk = desk().await;
    let case = desk.register(&Complaint::simple()).await.unwrap();
    desk.rest().await.unwrap();
    let order = desk.orders(&case.case_id).await.unwrap().remove(0);
    assert_ne!(order.unit_code, "WJ");
    let stranger = desk.as_account("WJ.handler").await.unwrap();
    let own = client::blob::upload(&stranger, "assignment", house_tests::desk::picture("WJ")).await.unwrap().sha256;
    let ids = [(case.case_id.clone(), order.work_order_id.clone()), (new_command_id(), new_command_id())];
    let mut answers: Vec<Vec<(Code, String, String)>> = Vec::new();
    for (case_id, work_order_id) in ids {
        let s = &stranger;
        let (case_id, id) = (case_id.as_str(), work_order_id.as_str());
        let (of_case, of_order) = (|| case_id.to_owned(), || id.to_owned());
        let mut seen = Vec::new();
        let mut see = |asked: &str, status: Status| seen.push(visible(&status, asked));
        see(
            case_id,
            s.intake().get_case(GetCaseRequest { case_id: of_case(), ..Default::default() }).await.unwrap_err(),
        );
        see(case_id, s.intake().read_masked_text(ReadMaskedTextRequest { case_id: of_case() }).await.unwrap_err());
        let determination = GetDeterminationRequest { case_id: of_case(), ..Default::default() };
        see(case_id, s.assignment().get_determination(determination).await.unwrap_err());
        see(case_id, s.supervision().list_clocks(ListClocksRequest { case_id: of_case() }).await.unwrap_err());
        let timeline = GetTimelineRequest { case_id: of_case(), ..Default::default() };
        see(case_id, s.supervision().get_timeline(timeline).await.unwrap_err());
        see(id, s.assignment().get_work_order(GetWorkOrderRequest { work_order_id: of_order() }).await.unwrap_err());
        let acknowledge = AcknowledgeWorkOrderRequest { command_id: new_command_id(), work_order_id: of_order() };
        see(id, s.assignment().acknowledge_work_order(acknowledge).await.unwrap_err());
        let report =
            ReportProgressRequest { command_id: new_command_id(), work_order_id: of_order(), report: "x".to_owned() };
        see(id, s.assignment().report_progress(report).await.unwrap_err());
        let complete = CompleteWorkOrderRequest {
            command_id: new_command_id(),
            work_order_id: of_order(),
            outcome: Outcome::Rectified.into(),
            evidence_sha256: vec![own.clone()],
            note: String::new(),
        };
        see(id, s.assignment().complete_work_order(complete).await.unwrap_err());
        assert!(seen.iter().all(|(code, ..)| *code == Code::NotFound), "{seen:#?}");
        answers.push(seen);
    }
    assert_eq!(answers[0], answers[1], "a foreign thing can be told from a missing one");

    // Lists of others' things are empty, by filter and without.
    for (case_id, unit_code) in [(case.case_id.clone(), String::new()), (String::new(), order.unit_code.clone())] {
        let request = ListWorkOrdersRequest { case_id, unit_code, ..Default::default() };
        match stranger.assignment().list_work_orders(request).await {
            Ok(answer) => assert!(answer.into_inner().work_orders.is_empty()),
            Err(status) => assert!(matches!(status.code(), Code::NotFound | Code::InvalidArgument), "{status:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_command_gets_the_first_answer_and_a_reused_id_is_refused() {
    let _busy = AT_WORK.read().await;
    let desk = desk().await;
    let clerk = desk.as_account(CLERK).await.unwrap();
    let request = sound();
    let first = clerk.intake().register_case(request.clone()).await.unwrap().into_inner();
    let again = clerk.intake().register_case(request.clone()).await.unwrap().into_inner();
    assert_eq!(first, again);

    let other = RegisterCaseRequest { title: "另一件事".to_owned(), ..request.clone() };
    let status = register(&clerk, other).await.unwrap_err();
    assert_eq!((status.code(), refused(&status).reason.as_str()), (Code::AlreadyExists, "bus.command_reused"));

    // The same id on another RPC is another request, too.
    let accept = AcceptCaseRequest { command_id: request.command_id, case_id: first.case_id, ..Default::default() };
    let status = clerk.intake().accept_case(accept).await.unwrap_err();
    assert_eq!(status.code(), Code::AlreadyExists, "{status:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn sixty_four_callers_with_one_command_make_one_case() {
    let _alone = AT_WORK.write().await;
    let desk = desk().await;
    let clerk = desk.as_account(CLERK).await.unwrap();
    let request = sound();
    let calls = (0..64).map(|_| register(&clerk, request.clone()));
    let answers = futures::future::join_all(calls).await;
    let cases: BTreeSet<String> = answers.into_iter().map(Result::unwrap).collect();
    assert_eq!(cases.len(), 1, "{cases:?}");
    desk.verify().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_have_a_size_and_a_token_of_ours() {
    let _busy = AT_WORK.read().await;
    let desk = desk().await;
    let clerk = desk.as_account(CLERK).await.unwrap();
    for (page_size, page_token) in [(100_000, ""), (10, "gibberish"), (10, "AAAA"), (10, "\u{4e00}")] {
        let request = ListCasesRequest { page_size, page_token: page_token.to_owned(), ..Default::default() };
        let status = clerk.intake().list_cases(request).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument, "{page_size} {page_token:?}: {status:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_is_known_or_refused_and_may_do_what_its_role_may() {
    let _busy = AT_WORK.read().await;
    let desk = desk().await;
    let request = ListCasesRequest::default();
    let nobody = Centre::connect(client::ClientOptions::new(house().await.address())).await.unwrap();
    assert_eq!(nobody.intake().list_cases(request.clone()).await.unwrap_err().code(), Code::Unauthenticated);
    let token = house().await.token(CLERK).await.unwrap();
    let (head, tail) = token.rsplit_once('.').unwrap();
    let mut forged: Vec<char> = tail.chars().collect();
    forged[10] = if forged[10] == 'A' { 'B' } else { 'A' };
    for token in [format!("{head}.{}", forged.into_iter().collect::<String>()), format!("{head}."), "x".to_owned()] {
        let forger = desk.operator().with_token(&token).unwrap();
        let status = forger.intake().list_cases(request.clone()).await.unwrap_err();
        assert_eq!(status.code(), Code::Unauthenticated, "{status:?}");
        assert!(!format!("{status:?}").contains(&token) || token.len() < 4, "the refusal repeats the token");
    }
    let handler = desk.as_account("ZF.handler").await.unwrap();
    let status = register(&handler, sound()).await.unwrap_err();
    assert_eq!((status.code(), refused(&status).reason.as_str()), (Code::PermissionDenied, "bus.not_permitted"));
    let coordinator = desk.as_account(COORDINATOR).await.unwrap();
    let request = AcknowledgeWorkOrderRequest { command_id: new_command_id(), work_order_id: new_command_id() };
    let status = coordinator.assignment().acknowledge_work_order(request).await.unwrap_err();
    assert_eq!(status.code(), Code::PermissionDenied, "{status:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_out_of_turn_is_refused_with_a_reason_and_what_to_do() {
    let _busy = AT_WORK.read().await;
    let desk = desk().await;
    let case = desk.register(&Complaint::simple()).await.unwrap();
    let clerk = desk.as_account(CLERK).await.unwrap();
    let command_id = new_command_id();
    let accept = AcceptCaseRequest { command_id: command_id.clone(), case_id: case.case_id, ..Default::default() };
    let status = clerk.intake().accept_case(accept).await.unwrap_err();
    let said = refused(&status);
    assert_eq!((status.code(), said.reason.as_str()), (Code::FailedPrecondition, "intake.out_of_turn"));
    assert!(said.says.zh.chars().any(|c| c > '\u{4e00}') && said.says.en.is_ascii(), "{said:?}");
    assert!(said.hint.is_some(), "{said:?}");
    had_no_effect(&desk, "intake", &command_id).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn evidence_must_be_there_and_be_what_it_claims() {
    let _busy = AT_WORK.read().await;
    let desk = desk().await;
    let case = desk.register(&Complaint::simple()).await.unwrap();
    desk.rest().await.unwrap();
    let order = desk.orders(&case.case_id).await.unwrap().remove(0);
    let handler = desk.as_account(&format!("{}.handler", order.unit_code)).await.unwrap();
    let work_order_id = order.work_order_id.clone();
    let acknowledge = AcknowledgeWorkOrderRequest { command_id: new_command_id(), work_order_id };
    handler.assignment().acknowledge_work_order(acknowledge).await.unwrap();
    let program = client::blob::upload(&handler, "assignment", b"\x7fELF\x02\x01\x01 not evidence".to_vec()).await;
    let mut attempts: Vec<Vec<bytes::Bytes>> = vec![vec![], vec![vec![1; 32].into()], vec![vec![1; 5].into()]];
    attempts.extend(program.ok().map(|stored| vec![stored.sha256]));
    for evidence_sha256 in attempts {
        let command_id = new_command_id();
        let request = CompleteWorkOrderRequest {
            command_id: command_id.clone(),
            work_order_id: order.work_order_id.clone(),
            outcome: Outcome::Rectified.into(),
            evidence_sha256,
            note: String::new(),
        };
        let status = handler.assignment().complete_work_order(request).await.unwrap_err();
        assert!(matches!(status.code(), Code::InvalidArgument | Code::FailedPrecondition), "{status:?}");
        had_no_effect(&desk, "assignment", &command_id).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pack_with_mistakes_is_told_all_of_them_and_the_old_one_stays_in_force() {
    let _alone = AT_WORK.write().await;
    let house = house().await;
    let desk = desk().await;
    let good = testkit::repository().join("deploy/packs/jiashan");
    let broken = tempfile::tempdir().unwrap();
    house_tests::files::copy(&good, broken.path()).unwrap();
    let towns = broken.path().join("places/towns.csv");
    let text = std::fs::read_to_string(&towns).unwrap();
    std::fs::write(&towns, text.replace("330421103", "3304211o3")).unwrap();
    let units = broken.path().join("organisation/units.csv");
    let text = std::fs::read_to_string(&units).unwrap();
    std::fs::write(&units, text.replace(",department,", ",ministry,")).unwrap();
    let directory = broken.path().display().to_string();
    for command in ["check", "apply"] {
        let said = house.run(&["pack", command, &directory]).await.unwrap();
        assert_eq!(said.code, Some(1), "{said:?}");
        let all = format!("{}{}", said.stdout, said.stderr);
        assert!(all.contains(".yaml:") || all.contains(".csv:"), "no file and line in {all}");
        if command == "check" {
            assert!(all.contains("units.csv") && all.lines().count() >= 10, "only\n{all}");
        }
    }
    // The old rules still stand.
    desk.register(&Complaint::simple()).await.unwrap();
    let mut request = sound();
    request.facts = Some(facts("noise.trade.night", "bar", Channel::Phone, &[("time.night", "true")]));
    let clerk = desk.as_account(CLERK).await.unwrap();
    clerk.read(|| call!(clerk.intake().register_case(request.clone()))).await.unwrap();
    desk.verify().await.unwrap();
}
