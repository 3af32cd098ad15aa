//! One assignment service with its neighbours' voices, in simulated time.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use assignment::rpc::{Door, TokenDoor};
use assignment::{Assignment, MIGRATOR};
use jiff::Timestamp;
use kit::auth::{Issuer, TokenSigner, TokenVerifier, token::KeyPair};
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
use sqlx::migrate::Migrator;
use tonic::{Request, Status};
use tonic_types::StatusExt as _;
use uuid::Uuid;
use vocab::calendar::moment;
use xiezhi_proto::assignment::v1 as proto;
use xiezhi_proto::assignment::v1::assignment_service_server::AssignmentService as _;
use xiezhi_proto::bus::v1 as bus;
use xiezhi_proto::common::v1::{CaseFacts, Channel, Citation, Urgency};
use xiezhi_proto::intake::v1::{CaseAccepted, CaseRegistered};

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

voices! { Intake => "intake", Scheduling => "scheduling", Supervision => "supervision" }

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

pub fn call(granted: Granted) -> Call {
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

/// Servers and one assignment service, with the pack `jiashan` in force, and intake beside it.
pub struct House {
    nats: testkit::Nats,
    start: Timestamp,
    pub assignment: Running<Assignment>,
    pub intake: Running<Intake>,
    pub door: Door,
    pub tokens: TokenDoor,
    pub verifier: TokenVerifier,
}

pub fn jiashan() -> pack::Pack {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../deploy/packs/jiashan");
    let files = pack::disk::files_from_dir(&folder).unwrap();
    pack::parse(&files).unwrap_or_else(|mistakes| panic!("{mistakes:#?}"))
}

impl House {
    /// A house whose clock begins at this moment.
    pub async fn at(now: &str) -> Self {
        Self::with(now, jiashan()).await
    }

    /// The same with another pack.
    pub async fn with(now: &str, pack: pack::Pack) -> Self {
        let start = at(now);
        let nats = testkit::fresh_nats().await.unwrap();
        let url = testkit::fresh_database("assignment").await.unwrap();
        let clock = ClockKind::Simulated { start: Some(start) };
        kit::node::migrate::<Assignment>(&url, &MIGRATOR, clock).await.unwrap();
        let bundle = pack.canonical_bytes().unwrap();
        let assignment = start_service(Assignment::new(texts()), &settings(&nats, url, start), &bundle).await;
        let door = Door { corridor: assignment.corridor.clone() };
        let pair = KeyPair::generate().unwrap();
        let issuer = Issuer { centre: "c-1".to_owned(), simulated: true };
        let signer = TokenSigner::from_pem(&pair.private_pem, issuer.clone()).unwrap();
        let verifier = TokenVerifier::new(&pair.public_pem, &issuer).unwrap();
        let tokens = TokenDoor { corridor: assignment.corridor.clone(), signer: Some(signer) };
        let intake = neighbour(&nats, start, Intake).await;
        Self { nats, start, assignment, intake, door, tokens, verifier }
    }

    /// Another neighbour.
    pub async fn neighbour<S: Service<Needs = ()>>(&self, voice: S) -> Running<S> {
        neighbour(&self.nats, self.start, voice).await
    }

    /// Turns the clock, and waits until nothing is overdue.
    pub async fn turn(&self, to: &str) {
        self.assignment.bus.turn(Uuid::now_v7(), at(to), None).await.unwrap();
        let settled = async || {
            let request = bus::ListTimersRequest { armed_only: true, ..Default::default() };
            let timers = self.assignment.bus.timers(request).await.unwrap().timers;
            let now = wire_time(to);
            !timers.iter().any(|timer| timer.due_at.is_some_and(|due| due.seconds <= now.seconds))
        };
        patiently(settled, "every due timer has fired").await;
    }

    /// Puts another pack in force.
    pub async fn publish(&self, pack: &pack::Pack) -> Result<u64, kit::refusal::Refusal> {
        publish(&self.assignment.bus, &pack.canonical_bytes().unwrap()).await
    }

    /// Waits until assignment has heard all a neighbour has said, and nothing is parked.
    pub async fn heard<S: Service>(&self, neighbour: &Running<S>) {
        patiently(async || neighbour.bus.high_water().await.unwrap().unnumbered == 0, "all is numbered").await;
        let last = neighbour.bus.high_water().await.unwrap().last_pos;
        let reached = async || {
            let cursors = self.assignment.bus.cursors().await.unwrap().cursors;
            cursors.iter().any(|cursor| cursor.producer == S::NAME && cursor.pos >= last)
        };
        patiently(reached, "all is heard").await;
        let parked = self.assignment.bus.parked(bus::ListParkedRequest::default()).await.unwrap().parked;
        assert_eq!(parked, vec![], "nothing is parked");
    }

    /// Registers a case, as intake says it.
    pub async fn register(&self, facts: CaseFacts) -> Uuid {
        let case = Uuid::now_v7();
        let registered = CaseRegistered {
            case_id: case.to_string(),
            case_no: "JS-2026-000001".to_owned(),
            facts: Some(facts),
            ..Default::default()
        };
        self.intake.say(case, registered).await;
        self.heard(&self.intake).await;
        case
    }

    /// Accepts a case, as intake says it.
    pub async fn accept(&self, case: Uuid, facts: CaseFacts) {
        let accepted = CaseAccepted {
            case_id: case.to_string(),
            case_no: "JS-2026-000001".to_owned(),
            facts: Some(facts),
            accepted_at: Some(wire_time("2026-03-02 12:00")),
            ..Default::default()
        };
        self.intake.say(case, accepted).await;
        self.heard(&self.intake).await;
    }

    /// A case that was registered and accepted.
    pub async fn accepted(&self, facts: CaseFacts) -> Uuid {
        let case = self.register(facts.clone()).await;
        self.accept(case, facts).await;
        case
    }

    /// The orders of a case that are open, in the order of dispatch.
    pub async fn open_orders(&self, case: Uuid) -> Vec<proto::WorkOrder> {
        let request = proto::ListWorkOrdersRequest { case_id: case.to_string(), open_only: true, ..Default::default() };
        self.door.list_work_orders(by(&centre(), request)).await.unwrap().into_inner().work_orders
    }

    /// The open order of a unit.
    pub async fn order_of(&self, case: Uuid, unit: &str) -> proto::WorkOrder {
        let orders = self.open_orders(case).await;
        orders.into_iter().find(|order| order.unit_code == unit).unwrap_or_else(|| panic!("{unit} has no open order"))
    }

    pub async fn acknowledge(&self, order: &proto::WorkOrder) -> Result<proto::WorkOrder, Status> {
        let request =
            proto::AcknowledgeWorkOrderRequest { command_id: command(), work_order_id: order.work_order_id.clone() };
        let answer = self.door.acknowledge_work_order(by(&unit(&order.unit_code), request)).await?;
        Ok(answer.into_inner().work_order.unwrap())
    }

    pub async fn complete(&self, order: &proto::WorkOrder) -> Result<proto::WorkOrder, Status> {
        let request = proto::CompleteWorkOrderRequest {
            command_id: command(),
            work_order_id: order.work_order_id.clone(),
            outcome: proto::Outcome::Punished.into(),
            evidence_sha256: vec![self.upload("现场检查笔录").await.into()],
            note: "已责令改正".to_owned(),
        };
        let answer = self.door.complete_work_order(by(&unit(&order.unit_code), request)).await?;
        Ok(answer.into_inner().work_order.unwrap())
    }

    /// Acknowledges and completes the open order of a unit.
    pub async fn finish(&self, case: Uuid, who: &str) {
        let order = self.order_of(case, who).await;
        if order.acknowledged_at.is_none() {
            self.acknowledge(&order).await.unwrap();
        }
        self.complete(&order).await.unwrap();
    }

    pub async fn complete_case(&self, case: Uuid, lead: &str) -> Result<proto::CompleteCaseResponse, Status> {
        let request = proto::CompleteCaseRequest {
            command_id: command(),
            case_id: case.to_string(),
            conclusion: "supported".to_owned(),
            reply: "您反映的问题属实, 已依法处理.".to_owned(),
            ..Default::default()
        };
        Ok(self.door.complete_case(by(&unit(lead), request)).await?.into_inner())
    }

    pub async fn take_position(
        &self,
        consultation: &str,
        who: &str,
        stance: proto::Stance,
    ) -> Result<proto::Consultation, Status> {
        let request = proto::TakePositionRequest {
            command_id: command(),
            consultation_id: consultation.to_owned(),
            stance: stance.into(),
            citation: Some(cite("PI095")),
            reason: "依据清单".to_owned(),
        };
        let answer = self.door.take_position(by(&unit(who), request)).await?;
        Ok(answer.into_inner().consultation.unwrap())
    }

    /// What stands for a case.
    pub async fn standing(&self, case: Uuid) -> proto::Responsibility {
        let request = proto::ListResponsibilitiesRequest { case_id: case.to_string(), ..Default::default() };
        let answer = self.door.list_responsibilities(by(&centre(), request)).await.unwrap().into_inner();
        answer.responsibilities.into_iter().next().expect("the case stands for something")
    }

    /// The open tasks of a case as "task unit".
    pub async fn tasks(&self, case: Uuid) -> Vec<String> {
        let request = proto::ListOpenTasksRequest { case_id: case.to_string(), ..Default::default() };
        let tasks = self.door.list_open_tasks(by(&centre(), request)).await.unwrap().into_inner().tasks;
        tasks.into_iter().map(|task| format!("{} {}", task.task_code, task.unit_code)).collect()
    }

    /// The events of a key, in order.
    pub async fn events(&self, key: Uuid) -> Vec<Envelope> {
        use futures::StreamExt as _;
        patiently(async || self.assignment.bus.high_water().await.unwrap().unnumbered == 0, "all is numbered").await;
        let request =
            bus::ReadJournalRequest { service: "assignment".to_owned(), from_pos: 1, to_pos: 0, key: key.to_string() };
        let events = self.assignment.bus.read_journal(request).unwrap();
        let rows: Vec<_> =
            events.map(|event| Envelope::try_from(event.unwrap().event.unwrap()).unwrap()).collect().await;
        rows.into_iter().flat_map(|row| row.facts().unwrap()).collect()
    }

    /// The names of the events of a key, in order.
    pub async fn event_names(&self, key: Uuid) -> Vec<String> {
        let name = |event: Envelope| event.type_name.rsplit('.').next().unwrap().to_owned();
        self.events(key).await.into_iter().map(name).collect()
    }

    /// Uploads evidence; answers its hash.
    pub async fn upload(&self, text: &str) -> Vec<u8> {
        let blob = blob::examine(text.as_bytes().to_vec()).unwrap();
        self.assignment.bus.keep_blob(blob.clone()).await.unwrap();
        blob.sha256.to_vec()
    }
}

/// A unit's account: a town's where the code says so.
pub fn unit(code: &str) -> Granted {
    let kind = if code.starts_with("town-") { CallerKind::Town } else { CallerKind::Department };
    caller(kind, code)
}

pub fn cite(item: &str) -> Citation {
    Citation { item_code: item.to_owned(), ..Default::default() }
}

/// An article without an item.
pub fn article(law: &str, article: &str) -> Citation {
    Citation { law: law.to_owned(), article: article.to_owned(), ..Default::default() }
}

async fn neighbour<S: Service<Needs = ()>>(nats: &testkit::Nats, start: Timestamp, voice: S) -> Running<S> {
    let url = testkit::fresh_database(S::NAME).await.unwrap();
    kit::node::migrate::<S>(&url, &NO_TABLES, ClockKind::Simulated { start: Some(start) }).await.unwrap();
    start_service(voice, &settings(nats, url, start), b"no rules").await
}

pub fn settings(nats: &testkit::Nats, database_url: String, start: Timestamp) -> Settings {
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

async fn publish(bus: &Arc<dyn BusNode>, bytes: &[u8]) -> Result<u64, kit::refusal::Refusal> {
    let bundle = blob::examine(bytes.to_vec()).unwrap();
    bus.keep_blob(bundle.clone()).await.unwrap();
    Ok(bus.publish_bundle(call(centre()), bundle.sha256.to_vec()).await?.revision)
}

/// What seals the texts of the service under test.
fn texts() -> kit::texts::Texts {
    kit::texts::Texts::new(&[7; 32], "assignment").unwrap()
}

async fn start_service<S: Service>(service: S, settings: &Settings, bundle: &[u8]) -> Running<S> {
    let node = kit::start(service, settings).await.unwrap();
    let corridor = node.corridor.clone();
    let running = node.running(|_| {});
    let bus = Arc::clone(&running.bus);
    publish(&bus, bundle).await.unwrap();
    Running { corridor, bus, loops: running.loops }
}

/// A complaint in 西塘镇 on 1 March 2026.
pub fn facts(matters: &[&str], object_type: &str) -> CaseFacts {
    CaseFacts {
        matter_codes: matters.iter().map(|matter| (*matter).to_owned()).collect(),
        region_code: "330421103".to_owned(),
        object_type: object_type.to_owned(),
        declared: Vec::new(),
        act_on: "2026-03-01".to_owned(),
        channel: Channel::Phone.into(),
        urgency: Urgency::Normal.into(),
    }
}

/// 夜间烧烤油烟与噪声.
pub fn barbecue() -> CaseFacts {
    facts(&["fume.barbecue.open_air", "noise.trade.night"], "stall")
}

/// 古镇保护范围内违法建设.
pub fn heritage() -> CaseFacts {
    facts(&["heritage.illegal_building"], "dwelling")
}
