//! One supervision service with its neighbours' voices, in simulated time.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use kit::caller::{Access, Call, Caller, CallerKind, Granted};
use kit::context::Context;
use kit::corridor::Corridor;
use kit::doors::{BusDoor, BusNode, Nodes};
use kit::envelope::Envelope;
use kit::node::Loops;
use kit::service::{Failed, FiredTimer, Keys, Service, StoreError, Tx};
use kit::settings::{ClockKind, NatsAccess, Peers, Secrets};
use kit::unit::Savepoint;
use kit::{Settings, blob};
use sqlx::migrate::Migrator;
use supervision::rpc::Door;
use supervision::{MIGRATOR, Supervision};
use tonic::{Request, Status};
use tonic_types::StatusExt as _;
use uuid::Uuid;
use vocab::calendar::moment;
use xiezhi_proto::bus::v1 as bus;
use xiezhi_proto::bus::v1::bus_service_server::BusServiceServer;
use xiezhi_proto::supervision::v1 as proto;
use xiezhi_proto::supervision::v1::supervision_service_server::SupervisionService as _;

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
            account: format!("{unit}.account"),
            kind,
            unit: unit.to_owned(),
            person: format!("{unit}-P01"),
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

voices! { Intake => "intake", Assignment => "assignment", Scheduling => "scheduling", Evaluation => "evaluation" }

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

/// Servers and one supervision service, with the pack `jiashan` in force, and the neighbours it hears.
pub struct House {
    nats: testkit::Nats,
    url: String,
    start: Timestamp,
    bundle: Vec<u8>,
    journals: String,
    pub supervision: Running<Supervision>,
    pub door: Door,
    pub intake: Running<Intake>,
    pub assignment: Running<Assignment>,
    pub scheduling: Running<Scheduling>,
}

/// Jiashan's rules; reading them takes a while, so they are read once.
pub static JIASHAN: LazyLock<pack::Pack> = LazyLock::new(|| {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../deploy/packs/jiashan");
    let files = pack::disk::files_from_dir(&folder).unwrap();
    pack::parse(&files).unwrap_or_else(|mistakes| panic!("{mistakes:#?}"))
});

impl House {
    /// A house whose clock begins at this moment.
    pub async fn at(now: &str) -> Self {
        let start = at(now);
        let nats = testkit::fresh_nats().await.unwrap();
        let url = testkit::fresh_database("supervision").await.unwrap();
        kit::node::migrate::<Supervision>(&url, &MIGRATOR, ClockKind::Simulated { start: Some(start) }).await.unwrap();
        let bundle = JIASHAN.canonical_bytes().unwrap();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let journals = format!("http://{}", listener.local_addr().unwrap());
        let supervision =
            start_service(Supervision::new(texts()), &settings(&nats, url.clone(), start, &journals), &bundle).await;
        let door = Door::new(supervision.corridor.clone());
        let intake = neighbour(Intake, &nats, start).await;
        let assignment = neighbour(Assignment, &nats, start).await;
        let scheduling = neighbour(Scheduling, &nats, start).await;
        // What the transport loses is read again in the neighbours' journals.
        let nodes = Nodes::new([&intake.bus, &assignment.bus, &scheduling.bus].map(Arc::clone));
        tokio::spawn(
            tonic::transport::Server::builder()
                .add_service(BusServiceServer::new(BusDoor::new(nodes)))
                .serve_with_incoming(tokio_stream::wrappers::TcpListenerStream::new(listener)),
        );
        Self { nats, url, start, bundle, journals, supervision, door, intake, assignment, scheduling }
    }

    /// True where these words lie readable in a case's state, in what units wrote, or in an answer that is kept for a repeat.
    pub async fn stores(&self, words: &str) -> bool {
        use sqlx::Connection as _;
        let mut connection = sqlx::PgConnection::connect(&self.url).await.unwrap();
        let rows: Vec<Vec<u8>> = sqlx::query_scalar(
            "SELECT body FROM supervision_answer UNION ALL SELECT words FROM clock_reason
                 UNION ALL SELECT response FROM bus.command UNION ALL SELECT state FROM case_file",
        )
        .fetch_all(&mut connection)
        .await
        .unwrap();
        assert!(rows.len() > 2, "something was written");
        rows.iter().any(|row| row.windows(words.len()).any(|part| part == words.as_bytes()))
    }

    /// Another process of the same service.
    pub async fn replica(&self) -> Running<Supervision> {
        start_service(
            Supervision::new(texts()),
            &settings(&self.nats, self.url.clone(), self.start, &self.journals),
            &self.bundle,
        )
        .await
    }

    /// Puts another pack in force.
    pub async fn publish(&self, pack: &pack::Pack) {
        publish(&self.supervision.bus, &pack.canonical_bytes().unwrap()).await;
    }

    /// The neighbour that has not spoken before.
    pub async fn evaluation(&self) -> Running<Evaluation> {
        neighbour(Evaluation, &self.nats, self.start).await
    }

    /// The database's address, for a look behind the doors.
    pub fn database(&self) -> &str {
        &self.url
    }

    /// Turns the clock, stepping on whatever falls due in between, as the centre does.
    pub async fn turn(&self, to: &str) {
        let to = at(to);
        loop {
            let clock = self.supervision.bus.clock().await.unwrap();
            let due = clock.earliest_due_at.and_then(|due| kit::wire::from_proto_time(Some(due)).ok());
            let now = kit::wire::from_proto_time(clock.now).unwrap();
            match due.filter(|due| *due <= to) {
                Some(due) if due > now => {
                    self.supervision.bus.turn(Uuid::now_v7(), due, None).await.unwrap();
                }
                Some(_) => tokio::time::sleep(Duration::from_millis(10)).await,
                None => break,
            }
        }
        self.supervision.bus.turn(Uuid::now_v7(), to, None).await.unwrap();
    }

    /// Waits until supervision has heard all that its neighbours have said, and nothing of it is parked.
    pub async fn heard(&self) {
        heard(&self.supervision, &self.intake).await;
        heard(&self.supervision, &self.assignment).await;
        heard(&self.supervision, &self.scheduling).await;
    }

    pub async fn clocks(&self, case: Uuid) -> BTreeMap<String, proto::ClockView> {
        let request = proto::ListClocksRequest { case_id: case.to_string() };
        let answer = self.door.list_clocks(by(&centre(), request)).await.unwrap().into_inner();
        answer.clocks.into_iter().map(|view| (view.clock.clone().unwrap().kind, view)).collect()
    }

    pub async fn timeline(&self, case: Uuid) -> Vec<proto::TimelineEntry> {
        let request = proto::GetTimelineRequest { case_id: case.to_string(), page_size: 500, ..Default::default() };
        self.door.get_timeline(by(&centre(), request)).await.unwrap().into_inner().entries
    }

    pub async fn proof(&self, case: Uuid) -> proto::ClosingProof {
        let request = proto::GetClosingProofRequest { case_id: case.to_string(), round: 0 };
        self.door.get_closing_proof(by(&centre(), request)).await.unwrap().into_inner().proof.unwrap()
    }

    pub async fn orders(&self, case: Uuid) -> Vec<proto::SupervisionOrder> {
        let request = proto::ListSupervisionOrdersRequest { case_id: case.to_string(), ..Default::default() };
        self.door.list_supervision_orders(by(&centre(), request)).await.unwrap().into_inner().supervision_orders
    }

    pub async fn tasks(&self) -> Vec<proto::OpenTask> {
        let request = proto::ListOpenTasksRequest::default();
        self.door.list_open_tasks(by(&centre(), request)).await.unwrap().into_inner().tasks
    }

    pub async fn approve(&self, who: &Granted, case: Uuid) -> Result<proto::ClosingProof, Status> {
        let request = proto::ApproveClosingRequest { command_id: command(), case_id: case.to_string() };
        Ok(self.door.approve_closing(by(who, request)).await?.into_inner().proof.unwrap())
    }

    /// The names of supervision's own events of a case, in order.
    pub async fn said(&self, case: Uuid) -> Vec<String> {
        let own = self.timeline(case).await.into_iter().filter(|entry| entry.service == "supervision");
        own.map(|entry| entry.code.trim_start_matches("supervision.").to_owned()).collect()
    }
}

/// Waits until all a neighbour has said is heard.
pub async fn heard<S: Service>(supervision: &Running<Supervision>, neighbour: &Running<S>) {
    patiently(async || neighbour.bus.high_water().await.unwrap().unnumbered == 0, "all is numbered").await;
    let last = neighbour.bus.high_water().await.unwrap().last_pos;
    let reached = async || {
        let cursors = supervision.bus.cursors().await.unwrap().cursors;
        cursors.iter().any(|cursor| cursor.producer == S::NAME && cursor.pos >= last)
    };
    patiently(reached, "all is heard").await;
    let parked = supervision.bus.parked(bus::ListParkedRequest::default()).await.unwrap().parked;
    assert_eq!(parked, vec![], "nothing is parked");
}

async fn neighbour<S: Service<Needs = ()>>(voice: S, nats: &testkit::Nats, start: Timestamp) -> Running<S> {
    let url = testkit::fresh_database(S::NAME).await.unwrap();
    kit::node::migrate::<S>(&url, &NO_TABLES, ClockKind::Simulated { start: Some(start) }).await.unwrap();
    start_service(voice, &settings(nats, url, start, ""), b"no rules").await
}

fn settings(nats: &testkit::Nats, database_url: String, start: Timestamp, journals: &str) -> Settings {
    let addresses = ["intake", "assignment", "scheduling"].map(|name| (name.to_owned(), journals.to_owned()));
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
        peers: Peers { addresses: BTreeMap::from(addresses), token: Arc::default() },
        region: "330421".to_owned(),
        secrets: Secrets::default(),
    }
}

/// What seals the texts of the service under test.
fn texts() -> kit::texts::Texts {
    kit::texts::Texts::new(&[7; 32], "supervision").unwrap()
}

async fn start_service<S: Service>(service: S, settings: &Settings, bundle: &[u8]) -> Running<S> {
    let node = kit::start(service, settings).await.unwrap();
    let corridor = node.corridor.clone();
    let running = node.running(|_| {});
    let bus = Arc::clone(&running.bus);
    publish(&bus, bundle).await;
    Running { corridor, bus, loops: running.loops }
}

async fn publish(bus: &Arc<dyn BusNode>, bundle: &[u8]) {
    let bundle = blob::examine(bundle.to_vec()).unwrap();
    bus.keep_blob(bundle.clone()).await.unwrap();
    bus.publish_bundle(call(centre()), bundle.sha256.to_vec()).await.unwrap();
}
