//! Who complained, and what they wrote, is nowhere but in intake's vault, sealed.
//!
//! Cases with names, numbers, homes and words that exist nowhere else go their whole way, through answers and refusals.
//! Then everything the centre leaves behind is searched: every table of every database (the vault's own too: it must
//! hold nothing that can be read), every message, every file, the log, the figures, the traces, the refusals, and what
//! departments and the operator were shown.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failed test should panic

use std::time::Duration;

use client::{Centre, call, new_command_id};
use house_tests::collector::Collector;
use house_tests::desk::{ADMINISTRATOR, CLERK, Complaint, Desk, EVALUATOR, SUPERVISOR, facts};
use house_tests::hunt::{self, Found, Hunt};
use prost::Message;
use testkit::{House, HouseOptions};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use xiezhi_proto::assignment::v1::{GetWorkOrderRequest, ListWorkOrdersRequest};
use xiezhi_proto::common::v1::Channel;
use xiezhi_proto::intake::v1::{
    AcceptCaseRequest, Complainant, ConfirmMaskedTextRequest, DeclineCaseRequest, ForgetComplainantRequest,
    GetByTrackingCodeRequest, GetCaseRequest, LinkCasesRequest, LinkKind, ListCasesRequest, ListNoticesRequest,
    ListRevealsRequest, ReadMaskedTextRequest, RegisterCaseResponse, RevealContactRequest, RevealPurpose,
    RouteAwayCaseRequest, WithdrawCaseRequest,
};

/// How many complaints are registered at full speed, beside those that go their whole way.
const CROWD: u32 = 300;

/// One person who exists nowhere else.
#[derive(Debug, Clone)]
struct Person {
    number: u32,
    name: String,
    phone: String,
    id_number: String,
    address: String,
    /// A word that only this person would write.
    word: String,
}

impl Person {
    fn new(number: u32) -> Self {
        // Rare characters, so that nothing in a pack, a law or a log can be mistaken for a person.
        let rare = |base: u32, number: u32| char::from_u32(base + number).unwrap();
        let (tens, ones) = (number / 64, number % 64);
        let pair = |base: u32| format!("{}{}", rare(base, tens), rare(base + 64, ones));
        Self {
            number,
            name: format!("欧阳{}", pair(0x9F20)),
            phone: format!("139{:08}", 60_210_000 + number),
            id_number: format!("330421{:08}{:04}", 19_700_000 + number, 7_000 + number),
            address: format!("{}弄{}号{}室", pair(0x9C80), 9_100 + number, 8_200 + number),
            word: format!("{}{}", pair(0x4DA0 - 0x400), pair(0x9D30)),
        }
    }

    fn complaint(&self, matter: &str, object: &str, channel: Channel, declared: &[(&str, &str)]) -> Complaint {
        Complaint {
            complainant: Some(Complainant {
                name: self.name.clone(),
                phone: self.phone.clone(),
                id_number: self.id_number.clone(),
                address: self.address.clone(),
            }),
            title: format!("{}反映的问题 {}", self.name, self.word),
            body: format!(
                "我叫{}, 住{}, 电话{}, 身份证{}。{}每天夜里吵得无法入睡, 请联系我本人。",
                self.name, self.address, self.phone, self.id_number, self.word
            ),
            facts: facts(matter, object, channel, declared),
        }
    }

    fn simple(&self) -> Complaint {
        self.complaint("appearance.sanitation_facility", "public_place", Channel::Phone, &[])
    }

    /// What identifies the person, by name of the canary.
    fn identity(&self) -> Vec<(String, String)> {
        let one = |what: &str, text: &str| (format!("{what} of {}", self.number), text.to_owned());
        vec![
            one("name", &self.name),
            one("phone", &self.phone),
            one("id number", &self.id_number),
            one("address", &self.address),
        ]
    }

    fn canaries(&self) -> Vec<(String, String)> {
        let mut canaries = self.identity();
        canaries.push((format!("word of {}", self.number), self.word.clone()));
        canaries
    }
}

fn hunt_for(canaries: &[(String, String)]) -> Hunt {
    Hunt::for_all(canaries.iter().map(|(name, text)| (name.as_str(), text.as_str()))).unwrap()
}

/// Everything callers were shown, to be searched in the end.
#[derive(Debug, Default)]
struct Shown(Vec<(String, Vec<u8>)>);

impl Shown {
    fn answer(&mut self, what: &str, answer: &impl Message) {
        self.0.push((what.to_owned(), answer.encode_to_vec()));
    }

    fn refusal<T>(&mut self, what: &str, answer: Result<T, tonic::Status>) {
        let status = answer.err().unwrap_or_else(|| panic!("{what} was not refused"));
        self.0.push((what.to_owned(), [format!("{status:?}").as_bytes(), status.details()].concat()));
    }

    fn text(&mut self, what: &str, text: &str) {
        self.0.push((what.to_owned(), text.as_bytes().to_vec()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_canary_leaves_the_vault() {
    let collector = Collector::start().await.unwrap();
    let mut house = HouseOptions::default()
        .with_variable("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.endpoint())
        .with_variable("RUST_LOG", "debug")
        .open()
        .await
        .unwrap();
    let people: Vec<Person> = (0..CROWD + 20).map(Person::new).collect();
    let mut shown = Shown::default();
    let whole_way = {
        let desk = Desk::at(&house).await.unwrap();
        crowd(&desk, &people[20..]).await;
        let whole_way = whole_way(&desk, &people[0], &mut shown).await;
        other_ways(&desk, &people, &mut shown).await;
        refusals(&desk, &people[10], &mut shown).await;
        views(&house, &desk, &whole_way, &mut shown).await;
        desk.verify().await.unwrap();
        whole_way
    };
    shown.text("/metrics", &get(house.address(), "/metrics").await);

    let canaries: Vec<(String, String)> = people.iter().flat_map(Person::canaries).collect();
    let hunt = hunt_for(&canaries);
    let mut found: Vec<Found> = Vec::new();
    let mut searched = 0_usize;
    let mut search = |place: &str, bytes: &[u8]| {
        searched += bytes.len();
        found.extend(hunt.in_bytes(place, bytes));
    };
    let tables = hunt::tables(&house).await.unwrap();
    tables.iter().for_each(|(name, bytes)| search(name, bytes));
    let messages = hunt::messages(&house).await.unwrap();
    messages.iter().for_each(|(subject, bytes)| search(subject, bytes));
    shown.0.iter().for_each(|(what, bytes)| search(what, bytes));
    search("the log", house.logs().as_bytes());

    // Once stopped, what was only in memory is written or gone: spans are sent, pages are on the disk.
    assert!(house.stop().await.unwrap().success());
    search("the log", house.logs().as_bytes());
    search("the traces", &collector.raw());
    let files = hunt::files(house.data()).unwrap();
    files.iter().for_each(|(name, bytes)| search(name, bytes));
    assert!(found.is_empty(), "{} canaries left the vault: {:#?}", found.len(), &found[..found.len().min(40)]);

    // The hunt did search: what may be everywhere is found everywhere.
    let number = whole_way.case_no.as_str();
    let id = uuid::Uuid::parse_str(&whole_way.case_id).unwrap();
    let has = |bytes: &[u8], needle: &[u8]| bytes.windows(needle.len()).any(|window| window == needle);
    for service in ["intake", "assignment", "scheduling", "supervision", "evaluation"] {
        let mine = tables.iter().filter(|(name, _)| name.starts_with(service));
        assert!(
            mine.clone().any(|(_, bytes)| has(bytes, id.as_bytes()) || has(bytes, whole_way.case_id.as_bytes())),
            "{service} knows nothing of the case"
        );
    }
    assert!(messages.iter().any(|(_, bytes)| has(bytes, number.as_bytes())), "no message names the case");
    let told: usize = messages.iter().map(|(_, bytes)| bytes.len()).sum();
    assert!(told > people.len() * 500, "only {told} bytes of messages");
    assert!(files.iter().any(|(_, bytes)| has(bytes, number.as_bytes())), "no file names the case");
    assert!(!collector.raw().is_empty() && house.logs().lines().count() > 50, "traces or log are empty");
    assert!(searched > 20_000_000, "only {searched} bytes were searched");
}

/// Many at once: groups of receipts share a transaction.
async fn crowd(desk: &Desk<'_>, people: &[Person]) {
    let clerk = desk.as_account(CLERK).await.unwrap();
    let calls = people.iter().map(|person| {
        let mut door = clerk.intake();
        let request = person.simple().request();
        async move { door.register_case(request).await.unwrap() }
    });
    futures::future::join_all(calls).await;
    desk.rest().await.unwrap();
}

/// Registered, masked, handled, closed, called back, dissatisfied, handled again, satisfied, forgotten.
async fn whole_way(desk: &Desk<'_>, person: &Person, shown: &mut Shown) -> RegisterCaseResponse {
    let case = desk.register(&person.simple()).await.unwrap();
    shown.answer("the answer to a registration", &case);
    let id = case.case_id.as_str();
    // A department is shown a case once it is asked about it.
    desk.rest().await.unwrap();
    let handler = desk.as_account("ZF.handler").await.unwrap();
    let masked = handler
        .read(|| call!(handler.intake().read_masked_text(ReadMaskedTextRequest { case_id: id.to_owned() })))
        .await
        .unwrap();
    // Without a clerk's help the machine takes the person out; the words about the matter stay for the handler.
    let identity = hunt_for(&person.identity());
    let leaks = identity.in_bytes("the masked text", format!("{} {}", masked.title, masked.body).as_bytes());
    assert!(leaks.is_empty(), "{leaks:?} in {masked:?}");
    assert!(masked.body.contains("无法入睡"), "{masked:?}");
    let clerk = desk.as_account(CLERK).await.unwrap();
    clerk
        .command(|command_id| {
            let request = ConfirmMaskedTextRequest {
                command_id,
                case_id: id.to_owned(),
                masked_title: "反映噪声问题".to_owned(),
                masked_body: "每天夜里吵得无法入睡。".to_owned(),
            };
            call!(clerk.intake().confirm_masked_text(request))
        })
        .await
        .unwrap();
    desk.handle(id, "已现场处置").await.unwrap();
    desk.close(id).await.unwrap();
    told(desk, &case, shown).await;
    reveal(desk, id, person).await;
    desk.call_back(id, false).await.unwrap();
    let notes = format!("与{}见面, {}, 已再次处置", person.name, person.word);
    desk.handle_noting(id, &notes, "已再次处置").await.unwrap();
    noted(desk, id, &notes).await;
    desk.close(id).await.unwrap();
    desk.call_back(id, true).await.unwrap();
    let administrator = desk.as_account(ADMINISTRATOR).await.unwrap();
    administrator
        .command(|command_id| {
            let request = ForgetComplainantRequest { command_id, case_id: id.to_owned() };
            call!(administrator.intake().forget_complainant(request))
        })
        .await
        .unwrap();
    desk.rest().await.unwrap();
    // Whoever was forgotten is told no more what was written to them.
    let request = GetByTrackingCodeRequest { tracking_code: case.tracking_code.clone() };
    let progress = administrator.intake().get_by_tracking_code(request).await.unwrap().into_inner();
    assert!(
        progress.notices.len() > 2 && progress.notices.iter().all(|notice| notice.reply.is_empty()),
        "{progress:?}"
    );
    case
}

/// What the complainant reads under the tracking code: the handling unit's own words, and every clock with its article.
async fn told(desk: &Desk<'_>, case: &RegisterCaseResponse, shown: &mut Shown) {
    let clerk = desk.as_account(CLERK).await.unwrap();
    let request = GetByTrackingCodeRequest { tracking_code: case.tracking_code.clone() };
    let progress = clerk.intake().get_by_tracking_code(request).await.unwrap().into_inner();
    let reply = progress.notices.iter().find(|notice| !notice.reply.is_empty()).expect("the reply has its words");
    assert!(reply.reply.contains("已现场处置"), "{reply:?}");
    assert!(!progress.incomplete && !progress.clocks.is_empty(), "{progress:?}");
    for clock in &progress.clocks {
        let cited = clock.deadline.as_ref().and_then(|deadline| deadline.citation.as_ref());
        assert!(cited.is_some_and(|cited| !cited.article.is_empty()), "{clock:?}");
        assert!(!clock.holder_zh.is_empty() && !clock.name_zh.is_empty(), "{clock:?}");
    }
    shown.answer("progress of a closed case", &progress);
    // Who calls back does not learn who handled the case.
    let evaluator = desk.as_account(EVALUATOR).await.unwrap();
    let request = GetCaseRequest { case_id: case.case_id.clone(), case_no: String::new() };
    let seen = evaluator.intake().get_case(request).await.unwrap().into_inner();
    assert!(seen.diagnosis.is_none() && seen.case.unwrap().participant_units.is_empty());
    let request = ListNoticesRequest { case_id: case.case_id.clone() };
    let refused = evaluator.intake().list_notices(request).await.unwrap_err();
    assert_eq!(refused.code(), tonic::Code::PermissionDenied);
}

/// Whoever holds an order reads what was written with it; the hunt shows that nobody else does.
async fn noted(desk: &Desk<'_>, case_id: &str, notes: &str) {
    let handler = desk.as_account("ZF.handler").await.unwrap();
    let orders = ListWorkOrdersRequest { case_id: case_id.to_owned(), ..Default::default() };
    let orders = handler.assignment().list_work_orders(orders).await.unwrap().into_inner().work_orders;
    let mut texts = Vec::new();
    for order in orders {
        let request = GetWorkOrderRequest { work_order_id: order.work_order_id };
        texts.extend(handler.assignment().get_work_order(request).await.unwrap().into_inner().texts);
    }
    for kind in ["report", "completion"] {
        let kept = texts.iter().any(|text| text.kind == kind && text.text.contains(notes));
        assert!(kept, "no {kind} of {texts:?}");
    }
}

/// The evaluator is shown whom to call, for a reason, and the audit says so; the reason is a person's words, too.
async fn reveal(desk: &Desk<'_>, case_id: &str, person: &Person) {
    let evaluator = desk.as_account(EVALUATOR).await.unwrap();
    let answer = evaluator
        .command(|command_id| {
            let request = RevealContactRequest {
                command_id,
                case_id: case_id.to_owned(),
                purpose: RevealPurpose::Callback.into(),
                reason: format!("回访 {} {}", person.name, person.word),
                with_text: true,
            };
            call!(evaluator.intake().reveal_contact(request))
        })
        .await
        .unwrap();
    let who = answer.complainant.unwrap();
    assert_eq!((who.name, who.phone), (person.name.clone(), person.phone.clone()), "the vault gives back what it took");
    assert!(answer.body.contains(&person.word));
    let supervisor = desk.as_account(SUPERVISOR).await.unwrap();
    let request = ListRevealsRequest { case_id: case_id.to_owned(), ..Default::default() };
    let audit = supervisor.read(|| call!(supervisor.intake().list_reveals(request.clone()))).await.unwrap();
    assert_eq!(audit.reveals.len(), 1, "{audit:?}");
}

/// Duplicates and clusters, declined, routed away, withdrawn; a clerk's weighing carries the person's own words.
async fn other_ways(desk: &Desk<'_>, people: &[Person], shown: &mut Shown) {
    let clerk = desk.as_account(CLERK).await.unwrap();
    let noise =
        |person: &Person| person.complaint("noise.trade.night", "bar", Channel::Visit, &[("time.night", "true")]);
    let head = desk.register(&noise(&people[1])).await.unwrap();
    let member = desk.register(&noise(&people[2])).await.unwrap();
    let again = desk.register(&noise(&people[1])).await.unwrap();
    for answer in [&head, &member, &again] {
        shown.answer("the answer to a registration", answer);
    }
    for (case, kind) in [(&member, LinkKind::ClusterMember), (&again, LinkKind::Duplicate)] {
        let request = LinkCasesRequest {
            command_id: new_command_id(),
            case_id: case.case_id.clone(),
            head_case_id: head.case_id.clone(),
            kind: kind.into(),
        };
        clerk.intake().link_cases(request).await.unwrap();
    }
    let accept =
        AcceptCaseRequest { command_id: new_command_id(), case_id: head.case_id.clone(), ..Default::default() };
    clerk.intake().accept_case(accept).await.unwrap();

    let declined = people[3].complaint(
        "noise.trade.night",
        "bar",
        Channel::Visit,
        &[("time.night", "true"), ("visit.level_skipping", "true")],
    );
    let declined = desk.register(&declined).await.unwrap();
    let considered = format!("{}坚持认为{}", people[3].name, people[3].word);
    let request = DeclineCaseRequest {
        command_id: new_command_id(),
        case_id: declined.case_id.clone(),
        rule_code: "D3".to_owned(),
        considered: considered.clone(),
    };
    shown.answer("the answer to a refusal", clerk.intake().decline_case(request).await.unwrap().get_ref());

    let routed = people[4].complaint(
        "noise.trade.night",
        "bar",
        Channel::Letter,
        &[("time.night", "true"), ("petition.procedure", "litigation")],
    );
    let routed = desk.register(&routed).await.unwrap();
    let request = RouteAwayCaseRequest {
        command_id: new_command_id(),
        case_id: routed.case_id.clone(),
        rule_code: "D1.court".to_owned(),
        considered,
    };
    shown.answer("the answer to a hand-over", clerk.intake().route_away_case(request).await.unwrap().get_ref());

    let withdrawn = desk.register(&noise(&people[5])).await.unwrap();
    let request = WithdrawCaseRequest { command_id: new_command_id(), case_id: withdrawn.case_id.clone() };
    clerk.intake().withdraw_case(request).await.unwrap();
    desk.rest().await.unwrap();
    for case in [&head, &declined, &routed] {
        let notices = ListNoticesRequest { case_id: case.case_id.clone() };
        shown.answer("notices", clerk.intake().list_notices(notices).await.unwrap().get_ref());
        let progress = GetByTrackingCodeRequest { tracking_code: case.tracking_code.clone() };
        shown.answer("progress", clerk.intake().get_by_tracking_code(progress).await.unwrap().get_ref());
    }
}

/// Every refusal that a request with a person in it can meet.
async fn refusals(desk: &Desk<'_>, person: &Person, shown: &mut Shown) {
    let clerk = desk.as_account(CLERK).await.unwrap();
    let with = |change: &dyn Fn(&mut Complainant)| {
        let mut request = person.simple().request();
        change(request.complainant.as_mut().unwrap());
        request
    };
    let wrong = [
        with(&|who| who.phone.push_str(" (家)")),
        with(&|who| who.name = person.name.repeat(30)),
        with(&|who| who.id_number.push_str("!!")),
        with(&|who| who.address = person.address.repeat(40)),
        with(&|who| who.name.push('\u{7}')),
    ];
    for request in wrong {
        shown.refusal("a wrong identity", clerk.intake().register_case(request).await);
    }
    let mut request = person.simple().request();
    request.title = person.name.repeat(80);
    request.body = person.word.repeat(10_000);
    request.masked_title = person.name.repeat(80);
    shown.refusal("a text that is too long", clerk.intake().register_case(request).await);
    // Codes are where a person's data does not belong; whoever puts it there is told so, without hearing it again.
    let mut request = person.simple().request();
    let facts = request.facts.as_mut().unwrap();
    facts.matter_codes = vec![person.phone.clone()];
    facts.object_type = person.name.clone();
    facts.region_code = person.id_number.clone();
    facts.act_on = person.phone.clone();
    facts.declared = vec![xiezhi_proto::common::v1::Fact { code: person.name.clone(), value: person.phone.clone() }];
    request.accused_unit = person.name.clone();
    request.command_id = person.id_number.clone();
    shown.refusal("a person in place of codes", clerk.intake().register_case(request).await);
    let request = GetCaseRequest { case_id: String::new(), case_no: person.phone.clone() };
    shown.refusal("a person in place of a number", clerk.intake().get_case(request).await);
    let request = ListCasesRequest { page_token: person.phone.clone(), ..Default::default() };
    shown.refusal("a person in place of a token", clerk.intake().list_cases(request).await);
    let request = GetByTrackingCodeRequest { tracking_code: person.phone.clone() };
    shown.refusal("a person in place of a tracking code", clerk.intake().get_by_tracking_code(request).await);

    let request = person.simple().request();
    clerk.intake().register_case(request.clone()).await.unwrap();
    let mut reused = request;
    reused.title.push_str(&person.word);
    shown.refusal("a reused command", clerk.intake().register_case(reused.clone()).await);
    let handler = desk.as_account("ZF.handler").await.unwrap();
    shown.refusal("a caller without the right", handler.intake().register_case(reused.clone()).await);
    let nobody = desk.operator().with_token("nobody").unwrap();
    shown.refusal("a caller nobody knows", nobody.intake().register_case(reused).await);
}

/// What departments, the operator and the program's own commands show of these cases.
async fn views(house: &House, desk: &Desk<'_>, case: &RegisterCaseResponse, shown: &mut Shown) {
    let handler = desk.as_account("ZF.handler").await.unwrap();
    for centre in [&handler, desk.operator()] {
        see(centre, &case.case_id, shown).await;
    }
    for command in [
        &["case", "list", "--output", "json"][..],
        &["case", "show", case.case_no.as_str()],
        &["case", "timeline", case.case_no.as_str(), "--all"],
        &["work-order", "list", "--output", "json"],
        &["bus", "parked", "list", "--all"],
        &["verify", "--output", "json"],
    ] {
        let said = house.run(command).await.unwrap();
        shown.text(&format!("xiezhi {}", command.join(" ")), &format!("{}{}", said.stdout, said.stderr));
    }
}

async fn see(centre: &Centre, case_id: &str, shown: &mut Shown) {
    let request = GetCaseRequest { case_id: case_id.to_owned(), case_no: String::new() };
    shown.answer("a case", centre.intake().get_case(request).await.unwrap().get_ref());
    let request = ListCasesRequest { page_size: 200, ..Default::default() };
    shown.answer("cases", centre.intake().list_cases(request).await.unwrap().get_ref());
    let request =
        xiezhi_proto::supervision::v1::GetTimelineRequest { case_id: case_id.to_owned(), ..Default::default() };
    shown.answer("a timeline", centre.supervision().get_timeline(request).await.unwrap().get_ref());
}

/// A page over plain HTTP.
async fn get(address: &str, path: &str) -> String {
    let host = address.trim_start_matches("http://");
    let mut stream = tokio::net::TcpStream::connect(host).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    tokio::time::timeout(Duration::from_secs(10), stream.read_to_end(&mut answer)).await.unwrap().unwrap();
    let text = String::from_utf8_lossy(&answer).into_owned();
    assert!(text.starts_with("HTTP/1.1 200"), "{text}");
    assert!(text.contains("xiezhi_rpc_total"), "{text}");
    text
}
