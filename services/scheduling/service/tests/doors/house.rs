//! One scheduling service with its neighbours' voices, in simulated time.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use kit::caller::{Access, Call, Caller, CallerKind, Granted};
use kit::context::Context;
use kit::corridor::Corridor;
use kit::doors::BusNode;
use kit::envelope::Envelope;
use kit::node::Loops;
use kit::service::{Failed, FiredTimer, Keys, Service, StoreError, Tx};
use kit::settings::{ClockKind, NatsAccess, Peers, Secrets};
use kit::unit::Savepoint;
use kit::{Settings, blob};
use prost::Message;
use scheduling::rpc::{OfficerDoor, OperationDoor};
use scheduling::{MIGRATOR, Scheduling};
use sha2::Digest as _;
use sqlx::migrate::Migrator;
use tonic::{Request, Status};
use tonic_types::StatusExt as _;
use uuid::Uuid;
use vocab::calendar::moment;
use xiezhi_proto::assignment::v1::{CaseEscalated, EscalatedParticipant};
use xiezhi_proto::bus::v1 as bus;
use xiezhi_proto::common::v1::{CaseFacts, Channel, Duty, Role};
use xiezhi_proto::scheduling::v1 as proto;
use xiezhi_proto::scheduling::v1::operation_service_server::OperationService as _;

static NO_TABLES: Migrator = Migrator::DEFAULT;

/// Waits until something is so; fails loudly where it never is.
pub async fn patiently(mut is_so: impl AsyncFnMut() -> bool, what: &str) {
    let began = Instant::now();
    while !is_so().await {
        assert!(began.elapsed() < Duration::from_secs(20), "waited in vain until {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// `2026-03-06 20:00` in Beijing.
pub fn at(text: &str) -> Timestamp {
    let (day, time) = text.split_once(' ').unwrap();
    moment(day.parse().unwrap(), format!("{time}:00").parse().unwrap()).unwrap()
}

pub fn wire_time(text: &str) -> prost_types::Timestamp {
    words::write::time(at(text))
}

/// Somebody who calls.
pub fn caller(kind: CallerKind, unit: &str) -> Granted {
    Granted {
        caller: Caller {
            account: format!("{unit}-account"),
            kind,
            unit: unit.to_owned(),
            person: String::new(),
            roles: BTreeSet::new(),
        },
        method: "test".to_owned(),
        access: if kind == CallerKind::Centre { Access::Any } else { Access::Own },
    }
}

pub fn centre() -> Granted {
    caller(CallerKind::Centre, "centre")
}

pub fn department(unit: &str) -> Granted {
    caller(CallerKind::Department, unit)
}

/// A request as the guard lets it through.
pub fn by<T>(granted: &Granted, message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.extensions_mut().insert(granted.clone());
    request
}

pub fn command() -> String {
    Uuid::now_v7().to_string()
}

/// The stable reason of a refusal.
pub fn reason(status: &Status) -> String {
    status.get_details_error_info().map(|info| info.reason).unwrap_or_default()
}

/// What a refusal says in Chinese.
pub fn says(status: &Status) -> String {
    status.get_details_error_info().and_then(|info| info.metadata.get("zh").cloned()).unwrap_or_default()
}

/// The fields a refusal complains of.
pub fn fields(status: &Status) -> Vec<String> {
    let bad = status.get_details_bad_request().unwrap_or_else(|| panic!("{status:?}"));
    bad.field_violations.into_iter().map(|violation| violation.field).collect()
}

/// Nothing to remember.
#[derive(Default)]
pub struct Nothing;

impl kit::unit::Unit for Nothing {
    fn tables(&mut self) -> Vec<&mut dyn Savepoint> {
        Vec::new()
    }
}

macro_rules! voices {
    ($($voice:ident => $name:literal),+) => {$(
        /// A neighbour that says what a test has it say.
        pub struct $voice;

        impl Service for $voice {
            const NAME: &'static str = $name;
            const HEARS: &'static [&'static str] = &[];
            type Unit = Nothing;
            type Needs = ();
            type Rules = ();
            type Heard = ();

            fn parse_rules(_: &[u8]) -> Result<(), Vec<String>> {
                Ok(())
            }
            fn read(&self, _: &Envelope) -> Result<(Keys<()>, ()), Failed> {
                Ok((Keys::default(), ()))
            }
            async fn load(&self, _: &mut Tx, _: &Keys<()>) -> Result<Nothing, StoreError> {
                Ok(Nothing)
            }
            fn on_event(&self, _: &mut Nothing, _: &mut Context<()>, (): &()) -> Result<(), Failed> {
                Ok(())
            }
            fn on_timer(&self, _: &mut Nothing, _: &mut Context<()>, _: &FiredTimer) -> Result<(), Failed> {
                Ok(())
            }
            async fn flush(&self, _: &mut Tx, _: &Nothing) -> Result<(), StoreError> {
                Ok(())
            }
        }
    )+};
}

voices! { Assignment => "assignment", Intake => "intake", Supervision => "supervision" }

/// A running service of any kind.
pub struct Running<S: Service> {
    pub corridor: Corridor<S>,
    pub bus: Arc<dyn BusNode>,
    loops: Loops,
}

impl<S: Service> Drop for Running<S> {
    fn drop(&mut self) {
        let loops = self.loops.clone();
        tokio::spawn(async move { loops.stop().await });
    }
}

fn call(granted: Granted) -> Call {
    Call { command_id: Uuid::now_v7(), granted, request_hash: [0; 32], traceparent: None }
}

impl<S: Service<Needs = ()>> Running<S> {
    /// Has the neighbour say something.
    pub async fn say<E: xiezhi_proto::Event + Clone + 'static>(&self, key: Uuid, event: E) {
        let decide = move |_: &mut S::Unit, cx: &mut Context<S::Rules>| {
            cx.emit(key, &event);
            Ok(bus::HighWaterRequest::default())
        };
        self.corridor.command(call(centre()), Keys::one(key), decide).await.unwrap();
    }
}

/// Servers and one scheduling service, with the pack `jiashan` in force.
pub struct House {
    nats: testkit::Nats,
    url: String,
    start: Timestamp,
    bundle: Vec<u8>,
    pub scheduling: Running<Scheduling>,
    pub operations: OperationDoor,
    pub officers: OfficerDoor,
}

pub fn jiashan() -> pack::Pack {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../deploy/packs/jiashan");
    let mut files = pack::disk::files_from_dir(&folder).unwrap();
    // Journeys call this very service; they are checked where they run.
    files.retain(|name, _| !name.starts_with("journeys/"));
    pack::parse(&files).unwrap_or_else(|mistakes| panic!("{mistakes:#?}"))
}

impl House {
    /// A house whose clock begins at this moment.
    pub async fn at(now: &str) -> Self {
        let start = at(now);
        let nats = testkit::fresh_nats().await.unwrap();
        let url = testkit::fresh_database("scheduling").await.unwrap();
        let clock = ClockKind::Simulated { start: Some(start) };
        kit::node::migrate::<Scheduling>(&url, &MIGRATOR, clock).await.unwrap();
        let bundle = jiashan().canonical_bytes().unwrap();
        let scheduling = start_service(Scheduling::new(texts()), &settings(&nats, url.clone(), start), &bundle).await;
        let operations = OperationDoor::new(scheduling.corridor.clone());
        let officers = OfficerDoor::new(scheduling.corridor.clone());
        Self { nats, url, start, bundle, scheduling, operations, officers }
    }

    /// The service's database.
    pub fn database(&self) -> &str {
        &self.url
    }

    /// True where these words lie readable in what was written or in an answer that is kept.
    pub async fn stores(&self, words: &str) -> bool {
        use sqlx::Connection as _;
        let mut connection = sqlx::PgConnection::connect(&self.url).await.unwrap();
        let rows: Vec<Vec<u8>> =
            sqlx::query_scalar("SELECT words FROM written UNION ALL SELECT response FROM bus.command")
                .fetch_all(&mut connection)
                .await
                .unwrap();
        assert!(rows.len() > 1, "something was written");
        rows.iter().any(|row| row.windows(words.len()).any(|part| part == words.as_bytes()))
    }

    /// Another process of the same service.
    pub async fn replica(&self) -> Running<Scheduling> {
        start_service(Scheduling::new(texts()), &settings(&self.nats, self.url.clone(), self.start), &self.bundle).await
    }

    /// A neighbour.
    pub async fn neighbour<S: Service<Needs = ()>>(&self, voice: S) -> Running<S> {
        let url = testkit::fresh_database(S::NAME).await.unwrap();
        kit::node::migrate::<S>(&url, &NO_TABLES, ClockKind::Simulated { start: Some(self.start) }).await.unwrap();
        start_service(voice, &settings(&self.nats, url, self.start), b"no rules").await
    }

    /// Turns the clock.
    pub async fn turn(&self, to: &str) {
        self.scheduling.bus.turn(Uuid::now_v7(), at(to), None).await.unwrap();
    }

    /// Puts an operation on the table, as an escalation does.
    pub async fn proposed(&self, assignment: &Running<Assignment>, case: Uuid, units: &[&str]) -> proto::Operation {
        assignment.say(case, escalation(case, units, 1)).await;
        self.operation_of(case, proto::OperationStage::Proposed).await
    }

    /// Waits for an operation of a case in a stage.
    pub async fn operation_of(&self, case: Uuid, stage: proto::OperationStage) -> proto::Operation {
        patiently(async || !self.list(case, &[stage]).await.is_empty(), "the operation is there").await;
        self.list(case, &[stage]).await.remove(0)
    }

    pub async fn list(&self, case: Uuid, stages: &[proto::OperationStage]) -> Vec<proto::Operation> {
        let request = proto::ListOperationsRequest {
            case_id: case.to_string(),
            stages: stages.iter().map(|stage| (*stage).into()).collect(),
            ..Default::default()
        };
        self.operations.list_operations(by(&centre(), request)).await.unwrap().into_inner().operations
    }

    pub async fn get(&self, operation_id: &str) -> proto::GetOperationResponse {
        let request = proto::GetOperationRequest { operation_id: operation_id.to_owned() };
        self.operations.get_operation(by(&centre(), request)).await.unwrap().into_inner()
    }

    pub async fn approve(
        &self,
        operation_id: &str,
        terms: Option<proto::PlanTerms>,
        starts_at: Option<&str>,
    ) -> Result<proto::Operation, Status> {
        let request = proto::ApproveOperationRequest {
            command_id: command(),
            operation_id: operation_id.to_owned(),
            terms,
            not_before: None,
            starts_at: starts_at.map(wire_time),
        };
        let answer = self.operations.approve_operation(by(&centre(), request)).await?;
        Ok(answer.into_inner().operation.unwrap())
    }

    pub async fn check_in(&self, operation_id: &str, unit: &str, people: &[&str]) -> Result<proto::Operation, Status> {
        let request = proto::CheckInRequest {
            command_id: command(),
            operation_id: operation_id.to_owned(),
            unit_code: String::new(),
            officer_codes: people.iter().map(|code| (*code).to_owned()).collect(),
        };
        let answer = self.operations.check_in(by(&department(unit), request)).await?;
        Ok(answer.into_inner().operation.unwrap())
    }

    /// The events of a key, in order.
    pub async fn events(&self, key: &str) -> Vec<Envelope> {
        use futures::StreamExt as _;
        patiently(async || self.scheduling.bus.high_water().await.unwrap().unnumbered == 0, "all is numbered").await;
        let request =
            bus::ReadJournalRequest { service: "scheduling".to_owned(), from_pos: 1, to_pos: 0, key: key.to_owned() };
        let events = self.scheduling.bus.read_journal(request).unwrap();
        let rows: Vec<_> =
            events.map(|event| Envelope::try_from(event.unwrap().event.unwrap()).unwrap()).collect().await;
        rows.into_iter().flat_map(|row| row.facts().unwrap()).collect()
    }

    /// The names of the events of a key, in order.
    pub async fn event_names(&self, key: &str) -> Vec<String> {
        let name = |event: Envelope| event.type_name.rsplit('.').next().unwrap().to_owned();
        self.events(key).await.into_iter().map(name).collect()
    }

    /// Uploads evidence; answers its hash.
    pub async fn upload(&self, text: &str) -> Vec<u8> {
        let blob = blob::examine(text.as_bytes().to_vec()).unwrap();
        self.scheduling.bus.keep_blob(blob.clone()).await.unwrap();
        blob.sha256.to_vec()
    }
}

/// What seals the texts of the service under test.
fn texts() -> kit::texts::Texts {
    kit::texts::Texts::new(&[7; 32], "scheduling").unwrap()
}

fn settings(nats: &testkit::Nats, database_url: String, start: Timestamp) -> Settings {
    Settings {
        database_url,
        max_connections: 6,
        nats: NatsAccess {
            url: nats.url(),
            user: String::new(),
            password: String::new(),
            inbox_prefix: String::new(),
            stream_replicas: 1,
            stream_max_bytes: 1 << 24,
        },
        clock: ClockKind::Simulated { start: Some(start) },
        peers: Peers { addresses: BTreeMap::new(), token: Arc::default() },
        region: "330421".to_owned(),
        secrets: Secrets::default(),
    }
}

async fn start_service<S: Service>(service: S, settings: &Settings, bundle: &[u8]) -> Running<S> {
    let node = kit::start(service, settings).await.unwrap();
    let corridor = node.corridor.clone();
    let running = node.running(|_| {});
    let bus = Arc::clone(&running.bus);
    let bundle = blob::examine(bundle.to_vec()).unwrap();
    bus.keep_blob(bundle.clone()).await.unwrap();
    bus.publish_bundle(call(centre()), bundle.sha256.to_vec()).await.unwrap();
    Running { corridor, bus, loops: running.loops }
}

/// 提请联合执法 of a barbecue case.
pub fn escalation(case: Uuid, units: &[&str], round: u32) -> CaseEscalated {
    let participant = |(nth, unit): (usize, &&str)| EscalatedParticipant {
        unit_code: (*unit).to_owned(),
        role: if nth == 0 { Role::Lead } else { Role::Support }.into(),
        duties: if nth == 0 { vec![Duty::Investigate.into(), Duty::Punish.into()] } else { vec![Duty::Assist.into()] },
        power_item_codes: vec!["PI012".to_owned()],
    };
    CaseEscalated {
        case_id: case.to_string(),
        facts: Some(CaseFacts {
            matter_codes: vec!["fume.barbecue".to_owned()],
            region_code: "330421103".to_owned(),
            object_type: "catering".to_owned(),
            declared: Vec::new(),
            act_on: "2026-03-01".to_owned(),
            channel: Channel::Phone.into(),
            urgency: 0,
        }),
        participants: units.iter().enumerate().map(participant).collect(),
        ground_code: "several_duties".to_owned(),
        work_order_id: Uuid::from_u128(case.as_u128() ^ 1).to_string(),
        finish_by: Some(wire_time("2026-05-01 00:00")),
        escalated_at: Some(wire_time("2026-03-04 09:00")),
        round,
    }
}

/// The hash the corridor tells repeats by.
pub fn hash_of(message: &impl Message) -> [u8; 32] {
    sha2::Sha256::digest(message.encode_to_vec()).into()
}
