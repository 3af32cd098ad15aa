//! Evaluation on a real store and a real nats-server, with four neighbours that say what a test tells them to say.
#![allow(dead_code)] // each test file uses its own part of it

pub mod said;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use evaluation::{Door, Evaluation};
use kit::caller::{Access, Call, Caller, CallerKind, Granted};
use kit::context::Context;
use kit::corridor::Corridor;
use kit::doors::BusNode;
use kit::envelope::Envelope;
use kit::node::Loops;
use kit::service::{Failed, FiredTimer, Keys, Service, StoreError, Tx};
use kit::settings::{ClockKind, NatsAccess, Peers, Secrets};
use kit::unit::{Savepoint, Unit};
use kit::{Settings, blob};
use sqlx::migrate::Migrator;
use tonic::Request;
use uuid::Uuid;
use xiezhi_proto::bus::v1::PublishBundleResponse;

static NO_TABLES: Migrator = Migrator::DEFAULT;
const PATIENCE: Duration = Duration::from_secs(30);

/// Nothing to load, nothing to keep.
#[derive(Default)]
pub struct Nothing;

impl Unit for Nothing {
    fn tables(&mut self) -> Vec<&mut dyn Savepoint> {
        Vec::new()
    }
}

macro_rules! neighbours {
    ($($name:ident: $service:literal),+) => {$(
        /// A neighbour that journals what it is told.
        pub struct $name;

        impl Service for $name {
            const NAME: &'static str = $service;
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

neighbours!(Intake: "intake", Assignment: "assignment", Scheduling: "scheduling", Supervision: "supervision");

/// A running service.
pub struct Started<S: Service> {
    pub corridor: Corridor<S>,
    pub bus: Arc<dyn BusNode>,
    loops: Loops,
}

impl<S: Service> Drop for Started<S> {
    fn drop(&mut self) {
        let loops = self.loops.clone();
        tokio::spawn(async move { loops.stop().await });
    }
}

impl<S: Service<Unit = Nothing, Needs = (), Rules = ()>> Started<S> {
    /// Says something about a case.
    pub async fn say(&self, key: Uuid, event: impl xiezhi_proto::Event + 'static) {
        let call = Call {
            command_id: Uuid::now_v7(),
            granted: granted("say", "tester", &[]),
            request_hash: [0; 32],
            traceparent: None,
        };
        let said = self.corridor.command(call, Keys::one(key), move |_, cx| {
            cx.emit(key, &event);
            Ok(PublishBundleResponse::default())
        });
        said.await.unwrap();
    }
}

impl<S: Service> Started<S> {
    /// How far its journal is numbered, once all of it is.
    pub async fn last_pos(&self) -> i64 {
        patiently(async || self.bus.high_water().await.unwrap().unnumbered == 0, "all is numbered").await;
        self.bus.high_water().await.unwrap().last_pos
    }
}

/// A caller's grant.
pub fn granted(method: &str, account: &str, roles: &[&str]) -> Granted {
    Granted {
        caller: Caller {
            account: account.to_owned(),
            kind: CallerKind::Centre,
            unit: "centre".to_owned(),
            person: format!("person-of-{account}"),
            roles: roles.iter().map(|role| (*role).to_owned()).collect::<BTreeSet<_>>(),
        },
        method: method.to_owned(),
        access: Access::Any,
    }
}

/// A request of somebody of the centre, who has the role of that name.
pub fn from<T>(account: &str, message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.extensions_mut().insert(granted(std::any::type_name::<T>(), account, &[account]));
    request
}

/// A request of a department, which may know of its own only.
pub fn from_unit<T>(unit: &str, message: T) -> Request<T> {
    let mut granted = granted(std::any::type_name::<T>(), unit, &["department_handler"]);
    granted.caller.kind = CallerKind::Department;
    granted.caller.unit = unit.to_owned();
    granted.access = Access::Own;
    let mut request = Request::new(message);
    request.extensions_mut().insert(granted);
    request
}

/// Waits until something is so; fails loudly where it never is.
pub async fn patiently(mut is_so: impl AsyncFnMut() -> bool, what: &str) {
    let began = Instant::now();
    while !is_so().await {
        assert!(began.elapsed() < PATIENCE, "waited in vain until {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The county's pack, which draws as many of a thousand cases as it is told.
fn pack_that_draws(per_mille: u32) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../deploy/packs/jiashan");
    let files = pack::disk::files_from_dir(&folder).unwrap();
    let mut pack = pack::parse(&files).unwrap();
    pack.callback.draw_per_mille = per_mille;
    pack.canonical_bytes().unwrap()
}

/// The house: evaluation and its neighbours.
pub struct House {
    pub door: Door,
    pub evaluation: Started<Evaluation>,
    pub intake: Started<Intake>,
    pub assignment: Started<Assignment>,
    pub scheduling: Started<Scheduling>,
    pub supervision: Started<Supervision>,
    _nats: testkit::Nats,
}

async fn started<S: Service>(service: S, nats: &str, migrator: &Migrator, rules: Vec<u8>) -> Started<S> {
    let clock = ClockKind::Simulated { start: Some(said::at(0)) };
    let database_url = testkit::fresh_database(S::NAME).await.unwrap();
    kit::node::migrate::<S>(&database_url, migrator, clock).await.unwrap();
    let settings = Settings {
        database_url,
        max_connections: if S::HEARS.is_empty() { 2 } else { 5 },
        nats: NatsAccess {
            url: nats.to_owned(),
            user: String::new(),
            password: String::new(),
            inbox_prefix: String::new(),
            stream_replicas: 1,
            stream_max_bytes: 1 << 24,
        },
        clock,
        peers: Peers { addresses: BTreeMap::new(), token: Arc::default() },
        region: "330421".to_owned(),
        secrets: Secrets::default(),
    };
    let node = kit::start(service, &settings).await.unwrap();
    let corridor = node.corridor.clone();
    let running = node.running(|_| {});
    let started = Started { corridor, bus: running.bus, loops: running.loops };
    let bundle = blob::examine(rules).unwrap();
    started.bus.keep_blob(bundle.clone()).await.unwrap();
    let call = Call {
        command_id: Uuid::now_v7(),
        granted: granted("publish", "tester", &[]),
        request_hash: [0; 32],
        traceparent: None,
    };
    started.bus.publish_bundle(call, bundle.sha256.to_vec()).await.unwrap();
    started
}

/// What seals the texts of the service under test.
fn texts() -> kit::texts::Texts {
    kit::texts::Texts::new(&[7; 32], "evaluation").unwrap()
}

impl House {
    /// A house whose pack draws every case.
    pub async fn open() -> Self {
        Self::that_draws(1000).await
    }

    /// A house whose pack draws this share.
    pub async fn that_draws(per_mille: u32) -> Self {
        let nats = testkit::fresh_nats().await.unwrap();
        let url = nats.url();
        let rules = || b"nothing".to_vec();
        let (evaluation, intake, assignment, scheduling, supervision) = tokio::join!(
            started(Evaluation::new(texts()), &url, &evaluation::MIGRATOR, pack_that_draws(per_mille)),
            started(Intake, &url, &NO_TABLES, rules()),
            started(Assignment, &url, &NO_TABLES, rules()),
            started(Scheduling, &url, &NO_TABLES, rules()),
            started(Supervision, &url, &NO_TABLES, rules()),
        );
        let door = Door::new(evaluation.corridor.clone());
        Self { door, evaluation, intake, assignment, scheduling, supervision, _nats: nats }
    }

    /// Waits until evaluation has heard everything that was said.
    pub async fn quiet(&self) {
        let said = [
            ("intake", self.intake.last_pos().await),
            ("assignment", self.assignment.last_pos().await),
            ("scheduling", self.scheduling.last_pos().await),
            ("supervision", self.supervision.last_pos().await),
        ];
        let heard = async || {
            let cursors = self.evaluation.bus.cursors().await.unwrap().cursors;
            said.iter().all(|(name, pos)| cursors.iter().any(|one| one.producer == *name && one.pos >= *pos))
        };
        patiently(heard, "evaluation has heard everything").await;
    }

    /// The types of the events evaluation said of a case, in order.
    pub async fn said_of(&self, case: Uuid) -> Vec<String> {
        use prost::{Message as _, Name as _};
        use xiezhi_proto::bus::v1::Facts;
        let rows: Vec<(String, Vec<u8>)> =
            sqlx::query_as("SELECT type, payload FROM bus.journal WHERE key = $1 ORDER BY key_seq")
                .bind(case)
                .fetch_all(self.evaluation.corridor.pool())
                .await
                .unwrap();
        let types = rows.into_iter().flat_map(|(name, payload)| {
            if name != Facts::full_name() {
                return vec![name];
            }
            Facts::decode(payload.as_slice()).unwrap().facts.into_iter().map(|fact| fact.r#type).collect()
        });
        types.map(|name| name.rsplit('.').next().unwrap().to_owned()).collect()
    }

    /// The state of the timer of a round's call-back.
    pub async fn timer(&self, case: Uuid, round: u32) -> Option<String> {
        sqlx::query_scalar("SELECT state FROM bus.timer WHERE key = $1 AND kind = $2")
            .bind(case)
            .bind(format!("callback.finish/{round}"))
            .fetch_optional(self.evaluation.corridor.pool())
            .await
            .unwrap()
    }
}
