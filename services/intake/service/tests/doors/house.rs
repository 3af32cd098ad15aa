//! One intake service with its neighbours' voices, in simulated time.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use intake::rpc::Doors;
use intake::vault::Vault;
use intake::{Intake, MIGRATOR};
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
use sqlx::PgPool;
use sqlx::migrate::Migrator;
use tonic::{Request, Status};
use tonic_types::StatusExt as _;
use uuid::Uuid;
use vocab::calendar::moment;
use xiezhi_proto::bus::v1 as bus;
use xiezhi_proto::common::v1::{CaseFacts, Channel, Fact};
use xiezhi_proto::intake::v1 as proto;
use xiezhi_proto::intake::v1::case_service_server::CaseService as _;

static NO_TABLES: Migrator = Migrator::DEFAULT;
/// The master key of every test's vault.
pub const MASTER_KEY: [u8; 32] = [7; 32];

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

/// Somebody who calls.
pub fn caller(kind: CallerKind, account: &str, unit: &str) -> Granted {
    Granted {
        caller: Caller {
            account: account.to_owned(),
            kind,
            unit: unit.to_owned(),
            person: String::new(),
            roles: BTreeSet::new(),
        },
        method: "test".to_owned(),
        access: if kind == CallerKind::Centre { Access::Any } else { Access::Own },
    }
}

pub fn clerk() -> Granted {
    let mut clerk = caller(CallerKind::Centre, "clerk", "centre");
    clerk.caller.roles.insert("window_clerk".to_owned());
    clerk
}

pub fn department(unit: &str) -> Granted {
    caller(CallerKind::Department, &format!("{unit}-account"), unit)
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

/// The fields a refusal complains of.
pub fn fields(status: &Status) -> Vec<String> {
    let violations = status.get_details_bad_request().map(|bad| bad.field_violations).unwrap_or_default();
    violations.into_iter().map(|violation| violation.field).collect()
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

voices! { Assignment => "assignment", Supervision => "supervision", Evaluation => "evaluation" }

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
    pub async fn say<E: xiezhi_proto::Event + Clone + 'static>(&self, key: &str, event: E) {
        let key: Uuid = key.parse().unwrap();
        let decide = move |_: &mut S::Unit, cx: &mut Context<S::Rules>| {
            cx.emit(key, &event);
            Ok(bus::HighWaterRequest::default())
        };
        self.corridor.command(call(clerk()), Keys::one(key), decide).await.unwrap();
    }
}

/// Servers and one intake service, with the pack `jiashan` in force.
pub struct House {
    nats: testkit::Nats,
    url: String,
    start: Timestamp,
    bundle: Vec<u8>,
    pub intake: Running<Intake>,
    pub doors: Doors,
}

pub fn jiashan() -> pack::Pack {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../deploy/packs/jiashan");
    let files = pack::disk::files_from_dir(&folder).unwrap();
    pack::parse(&files).unwrap_or_else(|mistakes| panic!("{mistakes:#?}"))
}

fn service() -> Intake {
    Intake::new(Vault::new(&MASTER_KEY).unwrap())
}

impl House {
    /// A house whose clock begins on a Monday morning.
    pub async fn open() -> Self {
        let start = at("2026-03-02 09:00");
        let nats = testkit::fresh_nats().await.unwrap();
        let url = testkit::fresh_database("intake").await.unwrap();
        let clock = ClockKind::Simulated { start: Some(start) };
        kit::node::migrate::<Intake>(&url, &MIGRATOR, clock).await.unwrap();
        let bundle = jiashan().canonical_bytes().unwrap();
        let intake = start_service(service(), &settings(&nats, url.clone(), start), &bundle).await;
        let doors =
            Doors::new(intake.corridor.clone(), intake::neighbours::Neighbours::new(kit::settings::Peers::default()));
        Self { nats, url, start, bundle, intake, doors }
    }

    /// Another process of the same service.
    pub async fn replica(&self) -> (Running<Intake>, Doors) {
        let intake = start_service(service(), &settings(&self.nats, self.url.clone(), self.start), &self.bundle).await;
        let doors =
            Doors::new(intake.corridor.clone(), intake::neighbours::Neighbours::new(kit::settings::Peers::default()));
        (intake, doors)
    }

    /// Why another process with this master key does not start.
    pub async fn refused_replica(&self, key: [u8; 32]) -> String {
        let settings = settings(&self.nats, self.url.clone(), self.start);
        let Err(refused) = kit::start(Intake::new(Vault::new(&key).unwrap()), &settings).await else {
            panic!("it started");
        };
        refused.to_string()
    }

    /// A neighbour.
    pub async fn neighbour<S: Service<Needs = ()>>(&self, voice: S) -> Running<S> {
        let url = testkit::fresh_database(S::NAME).await.unwrap();
        kit::node::migrate::<S>(&url, &NO_TABLES, ClockKind::Simulated { start: Some(self.start) }).await.unwrap();
        start_service(voice, &settings(&self.nats, url, self.start), b"no rules").await
    }

    /// Turns the clock.
    pub async fn turn(&self, to: &str) {
        self.intake.bus.turn(Uuid::now_v7(), at(to), None).await.unwrap();
    }

    /// The database, for looking where no door leads.
    pub fn pool(&self) -> &PgPool {
        self.intake.corridor.pool()
    }

    pub async fn register(&self, request: proto::RegisterCaseRequest) -> proto::RegisterCaseResponse {
        self.doors.register_case(by(&clerk(), request)).await.unwrap().into_inner()
    }

    pub async fn case(&self, case_id: &str) -> proto::Case {
        let request = proto::GetCaseRequest { case_id: case_id.to_owned(), case_no: String::new() };
        self.doors.get_case(by(&clerk(), request)).await.unwrap().into_inner().case.unwrap()
    }

    pub async fn stage(&self, case_id: &str) -> proto::CaseStage {
        self.case(case_id).await.stage()
    }

    pub async fn accept(&self, case_id: &str) -> Result<proto::AcceptCaseResponse, Status> {
        let request =
            proto::AcceptCaseRequest { command_id: command(), case_id: case_id.to_owned(), ..Default::default() };
        Ok(self.doors.accept_case(by(&clerk(), request)).await?.into_inner())
    }

    pub async fn link(&self, later: &str, head: &str, kind: proto::LinkKind) -> Result<bool, Status> {
        let request = proto::LinkCasesRequest {
            command_id: command(),
            case_id: later.to_owned(),
            head_case_id: head.to_owned(),
            kind: kind.into(),
        };
        Ok(self.doors.link_cases(by(&clerk(), request)).await?.into_inner().accepted)
    }

    pub async fn notices(&self, case_id: &str) -> Vec<proto::Notice> {
        let request = proto::ListNoticesRequest { case_id: case_id.to_owned() };
        self.doors.list_notices(by(&clerk(), request)).await.unwrap().into_inner().notices
    }

    pub async fn declare(&self, case_id: &str, facts: &[(&str, &str)]) -> Result<(), Status> {
        let request = proto::AddCaseFactsRequest {
            command_id: command(),
            case_id: case_id.to_owned(),
            declared: declared(facts),
        };
        self.doors.add_case_facts(by(&clerk(), request)).await.map(drop)
    }

    /// The events of a key, in order.
    pub async fn events(&self, key: &str) -> Vec<Envelope> {
        use futures::StreamExt as _;
        patiently(async || self.intake.bus.high_water().await.unwrap().unnumbered == 0, "all is numbered").await;
        let request =
            bus::ReadJournalRequest { service: "intake".to_owned(), from_pos: 1, to_pos: 0, key: key.to_owned() };
        let events = self.intake.bus.read_journal(request).unwrap();
        let rows: Vec<_> =
            events.map(|event| Envelope::try_from(event.unwrap().event.unwrap()).unwrap()).collect().await;
        rows.into_iter().flat_map(|row| row.facts().unwrap()).collect()
    }

    /// The names of the events of a key, in order.
    pub async fn event_names(&self, key: &str) -> Vec<String> {
        let name = |event: Envelope| event.type_name.rsplit('.').next().unwrap().to_owned();
        self.events(key).await.into_iter().map(name).collect()
    }

    /// Waits until intake has heard all a neighbour has said, and understood it.
    pub async fn heard<S: Service>(&self, neighbour: &Running<S>) {
        patiently(async || neighbour.bus.high_water().await.unwrap().unnumbered == 0, "all is numbered").await;
        let last = neighbour.bus.high_water().await.unwrap().last_pos;
        let reached = async || {
            let cursors = self.intake.bus.cursors().await.unwrap().cursors;
            cursors.iter().any(|cursor| cursor.producer == S::NAME && cursor.pos >= last)
        };
        patiently(reached, "all is heard").await;
        let parked = self.intake.bus.parked(bus::ListParkedRequest::default()).await.unwrap().parked;
        assert_eq!(parked, vec![], "nothing is parked");
    }
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
    bus.publish_bundle(call(clerk()), bundle.sha256.to_vec()).await.unwrap();
    Running { corridor, bus, loops: running.loops }
}

pub fn declared(facts: &[(&str, &str)]) -> Vec<Fact> {
    facts.iter().map(|(code, value)| Fact { code: (*code).to_owned(), value: (*value).to_owned() }).collect()
}

/// A complaint about a barbecue, by somebody with this name and phone.
pub fn barbecue(name: &str, phone: &str) -> proto::RegisterCaseRequest {
    proto::RegisterCaseRequest {
        command_id: command(),
        complainant: Some(proto::Complainant {
            name: name.to_owned(),
            phone: phone.to_owned(),
            id_number: String::new(),
            address: "西塘镇朝南埭9号".to_owned(),
        }),
        title: "夜间烧烤油烟扰民".to_owned(),
        body: format!("我叫{name}, 电话{phone}, 住在西塘镇朝南埭9号。每晚十点以后烧烤摊油烟很大。"),
        facts: Some(facts("fume.barbecue.open_air", Channel::Phone)),
        ..Default::default()
    }
}

/// Coded facts of one matter in Xitang.
pub fn facts(matter: &str, channel: Channel) -> CaseFacts {
    CaseFacts {
        matter_codes: vec![matter.to_owned()],
        region_code: "330421103".to_owned(),
        object_type: "stall".to_owned(),
        declared: Vec::new(),
        act_on: "2026-03-01".to_owned(),
        channel: channel.into(),
        urgency: 0,
    }
}
