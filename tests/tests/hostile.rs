//! What comes from outside and is meant to hurt: a clear refusal, no panic, no memory that grows, and a door that stays open.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failed test should panic

use std::time::Duration;

use client::Centre;
use futures::{StreamExt, TryStreamExt};
use house_tests::authorisation::callers::{Caller, everybody};
use house_tests::authorisation::{Answer, send};
use house_tests::contract::{Contract, service_of};
use house_tests::desk::{CLERK, Complaint, Desk};
use house_tests::hostile::{Memory, attacks, check};
use prost_reflect::MethodDescriptor;
use testkit::{House, Mutator};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{Mutex, OnceCell};
use tonic::Code;
use uuid::Uuid;
use xiezhi_proto::intake::v1::ListCasesRequest;

/// The most that hostile input may make the house grow by.
const MOST_MIB: f64 = 50.0;
/// So many requests are under way at once.
const AT_ONCE: usize = 6;
/// How long a connection that sent rubbish may be kept waiting for an answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(15);

/// Whoever measures the house's memory wants nobody else at work in it.
static ALONE: Mutex<()> = Mutex::const_new(());

/// One house for the whole file; its leash ends it with this process.
async fn house() -> &'static House {
    static HOUSE: OnceCell<House> = OnceCell::const_new();
    HOUSE.get_or_init(|| async { House::start().await.expect("a house") }).await
}

/// A house before it is attacked.
struct Whole {
    house: &'static House,
    memory: Memory,
}

impl Whole {
    async fn house() -> Self {
        let house = house().await;
        works(house).await;
        Self { house, memory: Memory::of(house.process().unwrap()).unwrap() }
    }

    /// Nobody panicked, nothing grew, and a complaint is taken and goes its way as before.
    async fn is_unhurt(&self) {
        let grown = self.memory.grown_mib().unwrap();
        let logs = self.house.logs();
        let panic = logs.lines().find(|line| line.contains("panicked at") || line.contains("stack overflow"));
        assert_eq!(panic, None, "somebody panicked");
        println!("the house grew by {grown:.1} MiB");
        assert!(grown < MOST_MIB, "the house grew by {grown:.1} MiB");
        works(self.house).await;
    }
}

async fn works(house: &House) {
    let desk = Desk::at(house).await.unwrap();
    let case = desk.register(&Complaint::simple()).await.unwrap();
    desk.rest().await.unwrap();
    assert!(!desk.orders(&case.case_id).await.unwrap().is_empty(), "the case went no further");
}

/// Whoever may call a method, so that its handler is met and not only the guard.
async fn somebody<'a>(callers: &'a [Caller], method: &MethodDescriptor) -> &'a Centre {
    for caller in callers {
        let answer = send(&caller.centre, method, Vec::new()).await.unwrap();
        if !matches!(answer.code, Code::PermissionDenied | Code::Unauthenticated) {
            return &caller.centre;
        }
    }
    panic!("nobody may call {}", method.full_name());
}

#[tokio::test(flavor = "multi_thread")]
async fn every_rpc_answers_hostile_bytes_with_a_clear_refusal() {
    let _alone = ALONE.lock().await;
    let whole = Whole::house().await;
    let desk = Desk::at(whole.house).await.unwrap();
    let callers = everybody(whole.house, desk.operator()).await.unwrap();
    let methods = Contract::load().unwrap().methods();
    assert!(methods.len() > 80, "only {} RPCs were found", methods.len());
    let mut sent = 0;
    for (seed, method) in (1..).zip(&methods) {
        let centre = somebody(&callers, method).await;
        let watches = method.name().starts_with("Watch");
        let attacks = attacks(&method.input(), &mut Mutator::new(seed));
        sent += attacks.len();
        let answers = futures::stream::iter(attacks.into_iter().map(|attack| async move {
            // A watch has no end; what it says to bytes it can read is waited for once a request.
            if watches && attack.name.starts_with("spoilt") {
                return anyhow::Ok(());
            }
            let answer: Answer = send(centre, method, attack.body.clone()).await?;
            check(&attack, &answer).map_err(|error| error.context(method.full_name().to_owned()))
        }));
        answers.buffer_unordered(AT_ONCE).try_collect::<Vec<()>>().await.unwrap();
    }
    assert!(sent > 2_000, "only {sent} requests were sent");
    whole.is_unhurt().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_with_anything_changed_opens_nothing() {
    let _alone = ALONE.lock().await;
    let whole = Whole::house().await;
    let desk = Desk::at(whole.house).await.unwrap();
    let token = whole.house.token(CLERK).await.unwrap();
    let other = whole.house.token("ZF.handler").await.unwrap();
    let mut mutator = Mutator::new(11);
    let mut refused = 0;
    for _ in 0..300 {
        let spoilt = String::from_utf8_lossy(&mutator.mutate(token.as_bytes(), other.as_bytes())).into_owned();
        // What no header can carry does not leave the client.
        let Ok(forger) = desk.operator().with_token(&spoilt) else { continue };
        if spoilt == token {
            continue;
        }
        let status = forger.intake().list_cases(ListCasesRequest::default()).await.unwrap_err();
        assert_eq!(status.code(), Code::Unauthenticated, "{spoilt:?}: {status:?}");
        refused += 1;
    }
    assert!(refused > 100, "{refused}");
    whole.is_unhurt().await;
}

/// Sends bytes to the port and takes what comes until the other side has said all it will say. Whoever sends rubbish says that
/// nothing more will come; to a request that is one, that would mean its caller is gone.
async fn talk(address: &str, bytes: &[u8], is_request: bool) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).await.unwrap();
    // The other side may close before everything is written; that is an answer as well.
    let _ = stream.write_all(bytes).await;
    if !is_request {
        let _ = stream.shutdown().await;
    }
    let mut answer = Vec::new();
    let mut stream = stream.take(1 << 20);
    let done = tokio::time::timeout(ANSWER_WITHIN, stream.read_to_end(&mut answer)).await;
    assert!(done.is_ok(), "nobody answered or hung up on {:?}", String::from_utf8_lossy(&bytes[..bytes.len().min(80)]));
    answer
}

fn web_request(path: &str, kind: &str, token: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: x\r\ncontent-type: {kind}\r\nauthorization: Bearer {token}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_port_outlives_whatever_is_said_to_it() {
    let _alone = ALONE.lock().await;
    let whole = Whole::house().await;
    let address = whole.house.address().strip_prefix("http://").unwrap().to_owned();
    let token = whole.house.token(CLERK).await.unwrap();
    let path = "/xiezhi.intake.v1.CaseService/ListCases";
    let frame = |flag: u8, length: u32, body: &[u8]| [&[flag][..], &length.to_be_bytes(), body].concat();
    let rubbish = vec![
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\xff\xff\xff\x04\x00\x00\x00\x00\x00".to_vec(),
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x04\x00\x00\x00\x00\x00\x00".to_vec(),
        [b"GET / HTTP/1.1\r\nhost: ".to_vec(), vec![b'x'; 200_000]].concat(),
        [b"GET / HTTP/1.1\r\n".to_vec(), b"a: b\r\n".repeat(20_000), b"\r\n".to_vec()].concat(),
        format!("POST {path} HTTP/1.1\r\nhost: x\r\ncontent-length: 18446744073709551615\r\n\r\n").into_bytes(),
        format!("POST {path} HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nfffffffffffffffff\r\n")
            .into_bytes(),
    ];
    let mut said: Vec<(Vec<u8>, bool)> = rubbish.into_iter().map(|bytes| (bytes, false)).collect();
    for kind in ["application/grpc-web+proto", "application/grpc-web-text", "application/grpc", "application/json", "x"]
    {
        for body in [
            frame(0, u32::MAX, b""),
            frame(0, 1_000_000, b"short"),
            frame(1, 3, b"abc"),
            frame(7, 3, b"abc"),
            frame(0x80, 4, b"a: b"),
            b"AAAAAAM=!!not base64".to_vec(),
            Vec::new(),
        ] {
            said.push((web_request(path, kind, &token, &body), true));
        }
    }
    let mut mutator = Mutator::new(5);
    let sensible = web_request(path, "application/grpc-web+proto", &token, &frame(0, 2, b"\x08\x0a"));
    for _ in 0..80 {
        said.push((mutator.mutate(&sensible, b"HTTP/2.0 \r\n\r\n"), false));
        let length = mutator.below(400);
        said.push((mutator.bytes(length), false));
    }
    futures::stream::iter(said.iter().map(|(bytes, is_request)| talk(&address, bytes, *is_request)))
        .buffer_unordered(AT_ONCE)
        .for_each(|_| async {})
        .await;
    // The same request unspoilt is answered, so the spoilt ones were near enough to mean something.
    let answer = String::from_utf8_lossy(&talk(&address, &sensible, true).await).into_owned();
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("grpc-status:0"), "{answer}");
    whole.is_unhurt().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn forged_and_spoilt_events_in_a_stream_change_nothing() {
    let _alone = ALONE.lock().await;
    let whole = Whole::house().await;
    let desk = Desk::at(whole.house).await.unwrap();
    // Whoever holds a service's account can write into its stream; what is there must still be in its journal to count.
    let login = whole.house.nats_login("intake").unwrap();
    let options = async_nats::ConnectOptions::with_user_and_password(login.user, login.password)
        .custom_inbox_prefix(login.inbox_prefix);
    let nats = options.connect(&login.url).await.unwrap();
    let jetstream = async_nats::jetstream::new(nats);
    let head = client::journal::high_water(desk.operator(), "intake").await.unwrap();
    let mut last = client::journal::read(desk.operator(), "intake", head.last_pos..=head.last_pos).await.unwrap();
    let last = last.next().await.unwrap().unwrap();
    let mut mutator = Mutator::new(23);
    for number in 0..120 {
        let key = Uuid::now_v7().to_string();
        let mut headers = async_nats::HeaderMap::new();
        let values = [
            ("ce-specversion", "1.0".to_owned()),
            ("ce-id", Uuid::now_v7().to_string()),
            ("ce-source", "/330421/intake".to_owned()),
            ("ce-type", last.r#type.clone()),
            ("ce-time", "2026-03-02T01:00:00Z".to_owned()),
            ("ce-partitionkey", key.clone()),
            ("ce-sequence", (head.last_pos + 1 + number).to_string()),
            ("ce-epoch", head.epoch.to_string()),
            ("ce-keyseq", "1".to_owned()),
            ("ce-hash", "00".repeat(32)),
            ("ce-schemaver", "1".to_owned()),
            ("ce-actor", "centre.window1".to_owned()),
            ("ce-recorded", "2026-03-02T01:00:00Z".to_owned()),
        ];
        let spoilt = mutator.below(values.len() + 4);
        for (place, (name, value)) in values.into_iter().enumerate() {
            let value = match place == spoilt {
                true => String::from_utf8_lossy(&mutator.mutate(value.as_bytes(), b"9")).into_owned(),
                false => value,
            };
            headers.insert(name, value.replace(['\r', '\n', '\0'], " "));
        }
        let body = match number % 4 {
            0 => mutator.bytes(200),
            1 => vec![0xff; 200_000],
            _ => mutator.mutate(&last.payload, b"\x0a\xff\xff\xff\xff\x0f"),
        };
        let subject = format!("ev.intake.case.registered.{key}");
        jetstream.publish_with_headers(subject, headers, body.into()).await.unwrap().await.unwrap();
    }
    // A complaint is said in the journal at a position that a forged event claims.
    works(whole.house).await;
    for service in client::SERVICES {
        let request = xiezhi_proto::bus::v1::ListParkedRequest { service: service.to_owned(), ..Default::default() };
        let parked = desk.operator().bus(service).list_parked(request).await.unwrap().into_inner();
        assert!(parked.parked.is_empty(), "{service} believed a forged event: {:#?}", parked.parked);
    }
    whole.is_unhurt().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_line_that_is_wrong_is_told_so_and_nothing_worse() {
    let long = "9".repeat(5_000);
    let nowhere = tempfile::tempdir().unwrap();
    let packs = testkit::repository().join("tests/corpus/packs").display().to_string();
    let empty = nowhere.path().display().to_string();
    let lines: &[&[&str]] = &[
        &["clock", "due", "--from", "2026-02-30", "--amount", "5", "--unit", "workday"],
        &["clock", "due", "--from", "-262144-01-01", "--amount", "5", "--unit", "day"],
        &["clock", "due", "--from", "9999-12-30", "--amount", "4294967295", "--unit", "workday"],
        &["clock", "due", "--from", "2026-03-02", "--amount", &long, "--unit", "day"],
        &["clock", "due", "--from", "2026-03-02", "--amount", "1", "--unit", "\u{202e}fortnight"],
        &["pack", "check", &packs],
        &["pack", "check", "/dev/null"],
        &["case", "list", "--server", "http://[::1]:99999"],
        &["case", "list", "--server", "ftp://\u{1f9ff}"],
        &["case", "list", "--data", "/dev/null"],
        &["case", "list", "--data", &empty, "--token", &long],
        &["token", "issue", &long, "--data", &empty],
        &["bench", "latency", "--saturation", "NaN"],
        &["bench", "timers", "--armed", "-1"],
        &["serve", "all", "--config", "/dev/zero/x"],
        &[&long],
        &[],
    ];
    let program = testkit::program().unwrap();
    for line in lines {
        let said = testkit::run_program(&program, line, &[("XIEZHI_DATA", &empty)]).await.unwrap();
        let told = format!("{}{}", said.stdout, said.stderr);
        assert!(matches!(said.code, Some(1 | 2)), "{line:?} ended with {:?}: {told}", said.code);
        assert!(!told.contains("panicked") && !told.trim().is_empty(), "{line:?}: {told}");
    }
}

#[test]
fn every_package_of_the_contract_is_attacked() {
    let contract = Contract::load().unwrap();
    let attacked: std::collections::BTreeSet<String> =
        contract.methods().iter().map(|method| service_of(method.parent_service().package_name()).to_owned()).collect();
    for service in client::SERVICES {
        assert!(attacked.contains(service), "{service} is not among {attacked:?}");
    }
}
