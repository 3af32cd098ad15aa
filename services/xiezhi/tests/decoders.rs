//! Every decoder that meets the outside, fed with right bytes that went wrong: it says no and nothing worse. The right bytes are
//! in `tests/corpus`; what goes wrong is the same in every run.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failed test should panic

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use intake::vault::Vault;
use jiff::Timestamp;
use kit::auth::token::{Issuer, KeyPair, TokenSigner, TokenVerifier};
use kit::caller::{Caller, CallerKind};
use kit::envelope::{self, Envelope};
use kit::service::{FiredTimer, Service};
use kit::texts::Texts;
use kit::{headers, paging};
use testkit::Mutator;
use uuid::Uuid;

/// The most that a decoder may make this process grow by, in MiB.
const MOST_MIB: u64 = 50;
/// Whoever measures this process's memory wants no other test at work in it.
static ALONE: Mutex<()> = Mutex::new(());

/// How much this process holds, while nobody else works in it.
struct Memory {
    _alone: MutexGuard<'static, ()>,
    before: u64,
}

impl Memory {
    fn look() -> Self {
        // A test that failed has told so itself.
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        // The peak so far is forgotten.
        std::fs::write("/proc/self/clear_refs", "5").unwrap();
        Self { _alone: alone, before: kib("VmRSS:") }
    }

    fn has_not_grown(self, what: &str) {
        let grown = kib("VmHWM:").saturating_sub(self.before) / 1024;
        assert!(grown < MOST_MIB, "{what} made the process grow by {grown} MiB");
    }
}

/// How often each right thing is spoilt.
const TIMES: u64 = 40;

fn corpus(kind: &str) -> BTreeMap<String, Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/corpus").join(kind);
    let files: BTreeMap<String, Vec<u8>> = std::fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.unwrap().path())
        .map(|path: PathBuf| (path.file_stem().unwrap().to_string_lossy().into_owned(), std::fs::read(&path).unwrap()))
        .collect();
    assert!(!files.is_empty(), "{} is empty", folder.display());
    files
}

/// Each of these spoilt in many ways, with what it was made from.
fn spoilt(right: &BTreeMap<String, Vec<u8>>, seed: u64, times: u64) -> Vec<(String, Vec<u8>)> {
    let mut mutator = Mutator::new(seed);
    let others: Vec<&Vec<u8>> = right.values().collect();
    let mut made = Vec::new();
    for (name, bytes) in right {
        made.push((name.clone(), bytes.clone()));
        for _ in 0..times {
            let other = mutator.one_of(&others).copied().unwrap_or(bytes);
            made.push((name.clone(), mutator.mutate(bytes, other)));
        }
        for length in [0, 1, 9, 200, 5_000] {
            made.push((name.clone(), mutator.bytes(length)));
        }
    }
    made
}

fn kib(name: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    line.trim().trim_end_matches("kB").trim().parse().unwrap()
}

/// Decodes all of these; whatever is wrong with one, the decoder comes back, and memory does not grow.
fn outlives<T, E: Debug>(what: &str, inputs: &[(String, Vec<u8>)], decode: impl Fn(&str, &[u8]) -> Result<T, E>) {
    let memory = Memory::look();
    let mut read = 0;
    for (name, bytes) in inputs {
        match catch_unwind(AssertUnwindSafe(|| decode(name, bytes))) {
            Ok(Ok(_)) => read += 1,
            Ok(Err(error)) => {
                let said = format!("{error:?}");
                assert!(said.len() < 100_000, "{what} {name}: the refusal repeats what was sent");
            }
            Err(_) => panic!("{what} {name} panicked at {:?}", String::from_utf8_lossy(bytes)),
        }
    }
    assert!(read < inputs.len(), "{what}: nothing was refused, so nothing was wrong with any of {}", inputs.len());
    assert!(read > 0, "{what}: nothing was read, so the right bytes are not right");
    memory.has_not_grown(what);
}

fn event(type_name: &str, payload: &[u8]) -> Envelope {
    let at: Timestamp = "2026-03-02T01:00:00Z".parse().unwrap();
    Envelope {
        service: type_name.split('.').nth(1).unwrap_or("intake").to_owned(),
        epoch: 1,
        pos: 7,
        event_id: Uuid::from_u128(1),
        command_id: Some(Uuid::from_u128(2)),
        cause_id: None,
        actor: "centre.window1".to_owned(),
        traceparent: None,
        key: Uuid::from_u128(3),
        key_seq: 1,
        type_name: type_name.to_owned(),
        schema_ver: 1,
        occurred_at: at,
        recorded_at: at,
        payload: payload.to_vec(),
        hash: vec![7; 32],
    }
}

fn keys<S: Service>(service: &S, event: &Envelope) -> Result<(), String> {
    service.read(event).map(|_| ()).map_err(|failed| failed.to_string())
}

#[test]
fn the_body_of_every_event_may_be_anything() {
    let texts = || Texts::new(&[7; 32], "test").unwrap();
    let intake = intake::Intake::new(Vault::new(&[7; 32]).unwrap());
    let (assignment, scheduling) = (assignment::Assignment::new(texts()), scheduling::Scheduling::new(texts()));
    let (supervision, evaluation) = (supervision::Supervision::new(texts()), evaluation::Evaluation::new(texts()));
    let right = corpus("events");
    let missing: Vec<&str> = xiezhi_proto::EVENTS
        .iter()
        .map(|kind| kind.type_name)
        .filter(|type_name| !right.contains_key(*type_name))
        .collect();
    assert_eq!(missing, Vec::<&str>::new(), "put an example of each event into tests/corpus/events");
    outlives("an event", &spoilt(&right, 1, TIMES), |type_name, payload| {
        let event = event(type_name, payload);
        // Each hears what it wants; what one of them cannot read is refused.
        keys(&intake, &event)?;
        keys(&assignment, &event)?;
        keys(&scheduling, &event)?;
        keys(&supervision, &event)?;
        keys(&evaluation, &event)
    });
    let timer = FiredTimer {
        key: Uuid::from_u128(3),
        kind: "no/such/timer/\u{202e}".to_owned(),
        generation: i32::MAX,
        rule: String::new(),
        anchor_at: Timestamp::MIN,
        due_at: Timestamp::MAX,
        late_by: jiff::SignedDuration::MIN,
    };
    assert!(assignment.keys_of_timer(&timer).heads.contains(&timer.key));
}

#[test]
fn an_envelope_may_be_anything() {
    let right =
        BTreeMap::from([("envelope".to_owned(), envelope::to_bytes(&event("xiezhi.intake.v1.CaseClosed", b"x")))]);
    outlives("an envelope", &spoilt(&right, 2, 2_000), |_, bytes| envelope::from_bytes(bytes));
}

#[test]
fn the_headers_of_an_event_may_say_anything() {
    let mut mutator = Mutator::new(3);
    let names = ["ce-id", "ce-source", "ce-time", "ce-partitionkey", "ce-sequence", "ce-epoch", "ce-keyseq", "ce-hash"];
    let more = ["ce-schemaver", "ce-actor", "ce-recorded", "ce-cause", "ce-command", "ce-type", "traceparent"];
    let names: Vec<&str> = names.into_iter().chain(more).collect();
    let (mut read, mut refused) = (0, 0);
    for round in 0..3_000 {
        let mut written = headers::write(&event("xiezhi.intake.v1.CaseClosed", b"x"), "330421");
        let name = names[round % names.len()];
        let right = written.get(name).map(|value| value.as_str().to_owned()).unwrap_or_default();
        let wrong =
            String::from_utf8_lossy(&mutator.mutate(right.as_bytes(), b"0199c0de-1234-7abc 2026-03-02")).into_owned();
        // What ends a header cannot stand in it.
        written.insert(name, wrong.replace(['\r', '\n'], " "));
        match catch_unwind(AssertUnwindSafe(|| headers::read(Some(&written), b"x"))) {
            Ok(Ok(_)) => read += 1,
            Ok(Err(_)) => refused += 1,
            Err(_) => panic!("{name}: {wrong:?}"),
        }
    }
    assert!(headers::read(None, b"x").is_err());
    assert!(read > 100 && refused > 100, "{read} were read and {refused} refused");
}

#[test]
fn a_packet_of_rows_may_be_anything() {
    use xiezhi_proto::bus::v1::{Row, Rows};
    let id = |id: u128| prost::bytes::Bytes::copy_from_slice(Uuid::from_u128(id).as_bytes());
    let row = |pos: i64| Row {
        pos,
        event_id: id(1),
        key: id(2),
        cause_id: id(3),
        key_seq: pos,
        r#type: "xiezhi.intake.v1.CaseClosed".to_owned(),
        schema_ver: 1,
        occurred_at_us: 1_800_000_000_000_000,
        recorded_at_us: 1_800_000_000_000_000,
        payload: vec![7; 40].into(),
        hash: vec![1; 32].into(),
        ..Row::default()
    };
    let rows = Rows { service: "intake".to_owned(), epoch: 1, rows: (1..=20).map(row).collect() };
    let mut written = headers::write(&event("xiezhi.intake.v1.CaseClosed", b"x"), "330421");
    written.insert("ce-type", "xiezhi.bus.v1.Rows");
    let bytes = prost::Message::encode_to_vec(&rows);
    assert_eq!(headers::read_all(Some(&written), &bytes).unwrap().len(), 20);
    let right = BTreeMap::from([("packet".to_owned(), bytes)]);
    outlives("a packet", &spoilt(&right, 6, 2_000), |_, bytes| headers::read_all(Some(&written), bytes));
}

#[test]
fn a_token_may_be_anything_and_only_ours_counts() {
    let pair = KeyPair::generate().unwrap();
    let issuer = Issuer { centre: "test".to_owned(), simulated: true };
    let signer = TokenSigner::from_pem(&pair.private_pem, issuer.clone()).unwrap();
    let caller = Caller {
        account: "centre.window1".to_owned(),
        kind: CallerKind::Centre,
        unit: "centre".to_owned(),
        person: String::new(),
        roles: ["window_clerk".to_owned()].into(),
    };
    let token = signer.sign(&caller, std::time::Duration::from_secs(600)).unwrap().token;
    let verifier = TokenVerifier::new(&pair.public_pem, &issuer).unwrap();
    let mut right = corpus("tokens");
    right.insert("ours".to_owned(), token.clone().into_bytes());
    outlives("a token", &spoilt(&right, 4, 400), |_, bytes| {
        let text = String::from_utf8_lossy(bytes);
        let verified = verifier.verify(&text);
        assert!(verified.is_err() || text == token, "{text:?} counts");
        verified
    });
}

#[test]
fn the_token_of_a_page_may_be_anything() {
    let at: Timestamp = "2026-03-02T01:00:00Z".parse().unwrap();
    let right =
        BTreeMap::from([("page".to_owned(), paging::encode_token(&(at, Uuid::from_u128(9), 7_i64)).into_bytes())]);
    outlives("a page's token", &spoilt(&right, 5, 2_000), |_, bytes| {
        paging::decode_token::<(Timestamp, Uuid, i64)>(&String::from_utf8_lossy(bytes))
            .map_err(|error| error.to_string())
    });
}

fn county() -> pack::disk::Files {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/packs/jiashan");
    pack::disk::files_from_dir(&folder).unwrap()
}

#[test]
fn every_file_of_a_pack_may_be_anything() {
    let right = county();
    let mut mutator = Mutator::new(6);
    let memory = Memory::look();
    let names: Vec<String> = right.keys().cloned().collect();
    // One file at a time at first, each of them; then all at once.
    for round in 0..names.len() + 6 {
        let mut files = right.clone();
        for (place, (name, bytes)) in files.iter_mut().enumerate() {
            if place == round || round >= names.len() {
                let other = &right[&names[mutator.below(names.len())]];
                *bytes = mutator.mutate(bytes, other);
                assert!(!name.is_empty());
            }
        }
        let parsed = catch_unwind(AssertUnwindSafe(|| pack::parse(&files)));
        let Ok(parsed) = parsed else { panic!("round {round}, {:?}: a panic", names.get(round)) };
        if let Err(mistakes) = parsed {
            let told = mistakes.iter().all(|mistake| !mistake.file.is_empty() && !mistake.reason_en.is_empty());
            assert!(!mistakes.is_empty() && told, "{mistakes:?}");
        }
    }
    for (name, bytes) in corpus("packs") {
        // Each lies in place of a file that is there, by the end of its name.
        for file in names.iter().filter(|file| file.ends_with(name.rsplit('-').next().unwrap_or_default())).take(4) {
            let mut files = right.clone();
            files.insert(file.clone(), bytes.clone());
            let parsed = catch_unwind(AssertUnwindSafe(|| pack::parse(&files)));
            let mistakes = parsed.unwrap_or_else(|_| panic!("{name} as {file}: a panic"));
            assert!(mistakes.is_err(), "{name} as {file} was taken for right");
        }
    }
    memory.has_not_grown("packs");
}

#[test]
fn a_pack_that_was_put_in_force_may_be_stored_wrong() {
    let right = pack::parse(&county()).unwrap().canonical_bytes().unwrap();
    let right = BTreeMap::from([("pack".to_owned(), right)]);
    outlives("a stored pack", &spoilt(&right, 7, 12), |_, bytes| {
        pack::Pack::from_canonical(bytes).map_err(|error| error.to_string())
    });
}

#[test]
fn a_journey_may_be_anything() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/packs/jiashan/journeys");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let right: BTreeMap<String, Vec<u8>> =
        files.map(|path| (path.display().to_string(), std::fs::read(path).unwrap())).collect();
    outlives("a journey", &spoilt(&right, 8, 30), |_, bytes| {
        let document: serde_json::Value = serde_norway::from_slice(bytes).map_err(|error| error.to_string())?;
        cli::journey::Journey::of(&document).map_err(|error| error.to_string())
    });
}
