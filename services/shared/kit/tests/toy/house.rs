//! Real servers of the test's own, and the toys started on them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_nats::jetstream;
use jiff::Timestamp;
use kit::caller::{Access, Call, Caller, CallerKind, Granted};
use kit::context::Arm;
use kit::corridor::Corridor;
use kit::doors::{BusDoor, BusNode, Nodes};
use kit::node::Loops;
use kit::refusal::Refusal;
use kit::service::{Keys, Service};
use kit::settings::{ClockKind, NatsAccess, Peers, Secrets};
use kit::{Settings, blob};
use sqlx::PgPool;
use sqlx::migrate::Migrator;
use tokio_util::sync::{CancellationToken, DropGuard};
use uuid::Uuid;
use xiezhi_proto::bus::v1 as proto;
use xiezhi_proto::bus::v1::bus_service_server::BusServiceServer;

use super::services::{Counted, Counter, Mirror, Nothing, PANIC};

static NO_TABLES: Migrator = Migrator::DEFAULT;
const PATIENCE: Duration = Duration::from_secs(20);

/// Waits until something is so; fails loudly where it never is.
pub async fn patiently(mut is_so: impl AsyncFnMut() -> bool, what: &str) {
    let began = Instant::now();
    while !is_so().await {
        assert!(began.elapsed() < PATIENCE, "waited in vain until {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A caller with every right.
pub fn granted(method: &str) -> Granted {
    Granted {
        caller: Caller {
            account: "tester".to_owned(),
            kind: CallerKind::Service,
            unit: "toy".to_owned(),
            person: String::new(),
            roles: BTreeSet::new(),
        },
        method: method.to_owned(),
        access: Access::Any,
    }
}

/// Servers of the test's own.
pub struct House {
    pub nats: testkit::Nats,
    /// Where a test breaks it on purpose; else the databases are on the run's shared server.
    pub postgres: Option<testkit::Postgres>,
    clock: ClockKind,
    databases: Mutex<BTreeMap<&'static str, String>>,
    listeners: Mutex<BTreeMap<&'static str, std::net::TcpListener>>,
    addresses: BTreeMap<String, String>,
}

impl House {
    pub async fn open() -> Self {
        Self::open_in(ClockKind::Simulated { start: None }).await
    }

    pub async fn open_in(clock: ClockKind) -> Self {
        let (mut listeners, mut addresses) = (BTreeMap::new(), BTreeMap::new());
        for name in ["counter", "mirror", "clerk"] {
            let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            listener.set_nonblocking(true).unwrap();
            addresses.insert(name.to_owned(), format!("http://{}", listener.local_addr().unwrap()));
            listeners.insert(name, listener);
        }
        Self {
            nats: testkit::fresh_nats().await.unwrap(),
            postgres: None,
            clock,
            databases: Mutex::default(),
            listeners: Mutex::new(listeners),
            addresses,
        }
    }

    /// With a PostgreSQL of the test's own, to be killed and started again.
    pub async fn open_on_own_postgres() -> Self {
        Self { postgres: Some(testkit::fresh_postgres().await.unwrap()), ..Self::open().await }
    }

    async fn fresh_database(&self, name: &str) -> String {
        let Some(postgres) = &self.postgres else { return testkit::fresh_database(name).await.unwrap() };
        let pool = PgPool::connect(&postgres.url("postgres")).await.unwrap();
        sqlx::query(sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}"))).execute(&pool).await.unwrap();
        pool.close().await;
        postgres.url(name)
    }

    /// What a backup of a toy's database holds now. The toy must not run.
    pub async fn back_up<S: Service>(&self) -> String {
        let (url, name) = self.named::<S>().await;
        let backup = format!("{name}_kept");
        Self::administer(&url, &[format!("CREATE DATABASE {backup} TEMPLATE {name}")]).await;
        backup
    }

    /// Puts a toy's database back to what a backup holds. The toy must not run.
    pub async fn restore<S: Service>(&self, backup: &str) {
        let (url, name) = self.named::<S>().await;
        let drop = format!("DROP DATABASE {name} WITH (FORCE)");
        Self::administer(&url, &[drop, format!("CREATE DATABASE {name} TEMPLATE {backup}")]).await;
    }

    async fn named<S: Service>(&self) -> (String, String) {
        let url = self.database::<S>().await;
        let (server, name) = url.rsplit_once('/').unwrap();
        (format!("{server}/postgres"), name.split('?').next().unwrap().to_owned())
    }

    async fn administer(url: &str, statements: &[String]) {
        let pool = PgPool::connect(url).await.unwrap();
        for statement in statements {
            // Sessions that were told to end may take a moment.
            let mut tries = 0;
            while let Err(error) = sqlx::query(sqlx::AssertSqlSafe(statement.clone())).execute(&pool).await {
                tries += 1;
                assert!(tries < 100, "{statement}: {error}");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
        pool.close().await;
    }

    async fn database<S: Service>(&self) -> String {
        if let Some(url) = self.databases.lock().unwrap().get(S::NAME) {
            return url.clone();
        }
        let url = self.fresh_database(S::NAME).await;
        kit::node::migrate::<S>(&url, &NO_TABLES, self.clock).await.unwrap();
        let pool = PgPool::connect(&url).await.unwrap();
        for table in [
            "CREATE TABLE total (key uuid PRIMARY KEY, total bigint NOT NULL)",
            "CREATE TABLE slip (id uuid PRIMARY KEY, key uuid NOT NULL, amount bigint NOT NULL)",
        ] {
            sqlx::query(table).execute(&pool).await.unwrap();
        }
        pool.close().await;
        self.databases.lock().unwrap().insert(S::NAME, url.clone());
        url
    }

    /// Starts a replica of a toy; the first brings its rules.
    pub async fn start<S: Service<Needs = Nothing>>(&self, service: S) -> Started<S> {
        let settings = Settings {
            database_url: self.database::<S>().await,
            max_connections: 8,
            nats: NatsAccess {
                url: self.nats.url(),
                user: String::new(),
                password: String::new(),
                inbox_prefix: String::new(),
                stream_replicas: 1,
                stream_max_bytes: 1 << 24,
            },
            clock: self.clock,
            peers: Peers { addresses: self.addresses.clone(), token: Arc::default() },
            region: "330421".to_owned(),
            secrets: Secrets::default(),
        };
        let node = kit::start(service, &settings).await.unwrap();
        let corridor = node.corridor.clone();
        let running = node.running(|_| {});
        let bus = Arc::clone(&running.bus);
        let bundle = blob::examine(b"toy rules".to_vec()).unwrap();
        bus.keep_blob(bundle.clone()).await.unwrap();
        bus.publish_bundle(call(Uuid::now_v7(), "publish"), bundle.sha256.to_vec())
            .await
            .or_else(|refusal| {
                // A restored database refuses everything until a person has looked.
                matches!(refusal, Refusal::Unavailable(_)).then(Default::default).ok_or(refusal)
            })
            .unwrap();
        // A restarted toy answers behind the same door.
        let listener = self.listeners.lock().unwrap().get(S::NAME).unwrap().try_clone().unwrap();
        let door_closed = CancellationToken::new();
        {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            let door = BusServiceServer::new(BusDoor::new(Nodes::new([Arc::clone(&bus)])));
            let closed = door_closed.clone().cancelled_owned();
            tokio::spawn(
                tonic::transport::Server::builder()
                    .add_service(door)
                    .serve_with_incoming_shutdown(tokio_stream::wrappers::TcpListenerStream::new(listener), closed),
            );
        }
        Started { corridor, bus, loops: running.loops, door: door_closed.drop_guard() }
    }

    pub async fn stream(&self) -> jetstream::stream::Stream {
        self.stream_of("EV_COUNTER").await
    }

    pub async fn stream_of(&self, name: &str) -> jetstream::stream::Stream {
        let client = async_nats::connect(self.nats.url()).await.unwrap();
        jetstream::new(client).get_stream(name).await.unwrap()
    }

    pub async fn stream_messages(&self) -> u64 {
        let client = async_nats::connect(self.nats.url()).await.unwrap();
        match jetstream::new(client).get_stream("EV_COUNTER").await {
            Ok(mut stream) => stream.info().await.unwrap().state.messages,
            Err(_) => 0,
        }
    }

    /// Counts one and waits until the stream has it: it travels in a message of its own.
    pub async fn count_alone(&self, counter: &Started<Counter>, command_id: Uuid, key: Uuid) {
        counter.add(command_id, key, 1).await.unwrap();
        let pos = counter.high_water().await.last_pos;
        patiently(async || self.told().await == pos, "it is published").await;
    }

    /// The last position the counter's stream holds.
    pub async fn told(&self) -> i64 {
        self.told_by("counter").await
    }

    /// The last position the stream of a toy holds.
    pub async fn told_by(&self, toy: &str) -> i64 {
        let stream = self.stream_of(&format!("EV_{}", toy.to_uppercase())).await;
        let Ok(message) = stream.get_last_raw_message_by_subject(&format!("ev.{toy}.>")).await else { return 0 };
        kit::headers::read_all(Some(&message.headers), &message.payload).unwrap().last().unwrap().pos
    }

    /// The positions each message of the stream holds, by its sequence.
    pub async fn positions(&self) -> Vec<(u64, Vec<i64>)> {
        let mut stream = self.stream().await;
        let last = stream.info().await.unwrap().state.last_sequence;
        let mut positions = Vec::new();
        for sequence in 1..=last {
            let Ok(message) = stream.get_raw_message(sequence).await else { continue };
            let events = kit::headers::read_all(Some(&message.headers), &message.payload).unwrap();
            positions.push((sequence, events.iter().map(|event| event.pos).collect()));
        }
        positions
    }

    pub async fn delete_messages(&self, sequences: &[u64]) {
        let stream = self.stream().await;
        for sequence in sequences {
            stream.delete_message(*sequence).await.unwrap();
        }
    }

    /// Sends every message of the stream once more, last first and without its id, so that the server stores them again.
    pub async fn replay_stream_backwards(&self) {
        let mut stream = self.stream().await;
        let last = stream.info().await.unwrap().state.last_sequence;
        let client = async_nats::connect(self.nats.url()).await.unwrap();
        let context = jetstream::new(client);
        for sequence in (1..=last).rev() {
            let Ok(message) = stream.get_raw_message(sequence).await else { continue };
            let mut headers = async_nats::HeaderMap::new();
            for (name, values) in message.headers.iter() {
                if name.to_string() != "Nats-Msg-Id" {
                    headers.insert(name.clone(), values.first().unwrap().clone());
                }
            }
            context.publish_with_headers(message.subject, headers, message.payload).await.unwrap().await.unwrap();
        }
    }

    /// What restoring an old backup does to the counter's journal.
    pub async fn roll_counter_back_to(&self, pos: i64) {
        let url = self.database::<Counter>().await;
        let pool = PgPool::connect(&url).await.unwrap();
        for statement in [
            "ALTER TABLE bus.journal DISABLE TRIGGER ALL".to_owned(),
            format!("DELETE FROM bus.journal WHERE id IN (SELECT id FROM bus.numbered WHERE pos > {pos})"),
            format!("DELETE FROM bus.numbered WHERE pos > {pos}"),
            format!(
                "UPDATE bus.node SET last_pos = {pos}, last_hash = (SELECT hash FROM bus.numbered WHERE pos = {pos})"
            ),
            "ALTER TABLE bus.journal ENABLE TRIGGER ALL".to_owned(),
        ] {
            sqlx::query(sqlx::AssertSqlSafe(statement)).execute(&pool).await.unwrap();
        }
        pool.close().await;
    }
}

pub fn call(command_id: Uuid, method: &str) -> Call {
    Call { command_id, granted: granted(method), request_hash: [0; 32], traceparent: None }
}

/// A running toy.
pub struct Started<S: Service> {
    pub corridor: Corridor<S>,
    pub bus: Arc<dyn BusNode>,
    loops: Loops,
    #[allow(dead_code)] // closes the door when the toy is dropped
    door: DropGuard,
}

impl<S: Service> Drop for Started<S> {
    fn drop(&mut self) {
        let loops = self.loops.clone();
        tokio::spawn(async move { loops.stop().await });
    }
}

impl<S: Service<Needs = Nothing>> Started<S> {
    pub async fn stop(self) {
        self.loops.stop().await;
        self.corridor.pool().close().await;
    }

    pub async fn total(&self, key: Uuid) -> i64 {
        sqlx::query_scalar("SELECT COALESCE((SELECT total FROM total WHERE key = $1), 0)")
            .bind(key)
            .fetch_one(self.corridor.pool())
            .await
            .unwrap()
    }

    pub async fn journalled(&self, key: Uuid) -> i64 {
        sqlx::query_scalar("SELECT count(*) FROM bus.journal WHERE key = $1")
            .bind(key)
            .fetch_one(self.corridor.pool())
            .await
            .unwrap()
    }

    /// The bus's mode. What was accepted before the relay looked at the stream may stay unnumbered behind the fence.
    pub async fn mode(&self) -> String {
        self.bus.high_water().await.unwrap().mode
    }

    pub async fn high_water(&self) -> proto::HighWaterResponse {
        patiently(async || self.bus.high_water().await.unwrap().unnumbered == 0, "all is numbered").await;
        self.bus.high_water().await.unwrap()
    }

    /// Recomputes the chain; returns the last position.
    pub async fn verify_chain(&self) -> i64 {
        use futures::StreamExt;
        let request =
            proto::ReadJournalRequest { service: S::NAME.to_owned(), from_pos: 1, to_pos: 0, key: String::new() };
        let mut events = self.bus.read_journal(request).unwrap();
        let (mut pos, mut hash) = (0, Vec::new());
        while let Some(event) = events.next().await {
            let event = kit::envelope::Envelope::try_from(event.unwrap().event.unwrap()).unwrap();
            pos += 1;
            assert_eq!(event.pos, pos, "positions are dense");
            assert_eq!(event.chained_hash(&hash).to_vec(), event.hash, "the chain holds at {pos}");
            hash = event.hash;
        }
        pos
    }

    pub async fn check_stream(&self) -> Option<proto::CheckStreamResponse> {
        self.bus.check_stream().await.ok()
    }

    pub async fn parked(&self) -> Vec<proto::ParkedEvent> {
        self.bus.parked(proto::ListParkedRequest::default()).await.unwrap().parked
    }

    pub async fn timers(&self) -> Vec<proto::Timer> {
        self.bus.timers(proto::ListTimersRequest { page_size: 1000, ..Default::default() }).await.unwrap().timers
    }

    pub async fn fired(&self) -> usize {
        self.timers().await.iter().filter(|timer| timer.state == "fired").count()
    }

    pub async fn try_turn(&self, to: Timestamp) -> Result<proto::TurnClockResponse, Refusal> {
        self.bus.turn(Uuid::now_v7(), to, None).await
    }

    pub async fn turn(&self, to: Timestamp) {
        self.try_turn(to).await.unwrap();
    }
}

impl Started<Counter> {
    /// Adds to a key; a negative amount is refused after it was tried.
    pub async fn add(&self, command_id: Uuid, key: Uuid, amount: i64) -> Result<i64, Refusal> {
        let mut call = call(command_id, "add");
        call.request_hash[..8].copy_from_slice(&amount.to_be_bytes());
        let answer = self
            .corridor
            .command(call, Keys::one(key), move |unit, cx| {
                let total = unit.add(key, amount);
                cx.emit(key, &Counted { amount });
                assert_ne!(amount, PANIC, "it was asked to");
                if amount < 0 {
                    return Err(Refusal::forbidden("toy.negative", "不行", "no"));
                }
                Ok(Counted { amount: total })
            })
            .await?;
        Ok(answer.amount)
    }

    /// Keeps every replica from giving positions, as if they were dead, until this toy is stopped.
    pub async fn hold_numbering(&self) {
        let pool = self.corridor.pool().clone();
        let (held, holding) = tokio::sync::oneshot::channel();
        tokio::spawn(async move {
            let mut tx = pool.begin().await.unwrap();
            sqlx::query("SELECT 1 FROM bus.node FOR UPDATE").execute(&mut *tx).await.unwrap();
            held.send(()).unwrap();
            tokio::time::sleep(Duration::from_secs(8)).await;
        });
        holding.await.unwrap();
    }

    /// Adds one to a key that holds one, and refuses any other.
    pub async fn add_once(&self, command_id: Uuid, key: Uuid) -> Result<i64, Refusal> {
        let answer = self
            .corridor
            .command(call(command_id, "add_once"), Keys::one(key), move |unit, cx| {
                let total = unit.add(key, 1);
                if total != 2 {
                    return Err(Refusal::forbidden("toy.twice", "不能再次", "not again"));
                }
                cx.emit(key, &Counted { amount: 1 });
                Ok(Counted { amount: total })
            })
            .await?;
        Ok(answer.amount)
    }

    /// Says something of a key that it does not name before.
    pub async fn add_unnamed(&self, key: Uuid) -> Result<i64, Refusal> {
        let answer = self
            .corridor
            .command(call(Uuid::now_v7(), "add_unnamed"), Keys::default(), move |unit, cx| {
                let total = unit.add(key, 1);
                cx.emit(key, &Counted { amount: 1 });
                Ok(Counted { amount: total })
            })
            .await?;
        Ok(answer.amount)
    }

    pub async fn arm(&self, key: Uuid, due_at: Timestamp) {
        self.corridor
            .command(call(Uuid::now_v7(), "arm"), Keys::one(key), move |unit, cx| {
                unit.add(key, 0);
                let arm = Arm {
                    rule: "toy".to_owned(),
                    anchor_at: cx.now(),
                    amount: 1,
                    unit: "hour",
                    calendar_version: 1,
                    due_at,
                };
                cx.arm(key, "ring", arm);
                Ok(Counted::default())
            })
            .await
            .unwrap();
    }
}

impl<S: Service> Started<S> {
    pub async fn cursor_state(&self) -> String {
        self.bus.cursors().await.unwrap().cursors.first().unwrap().state.clone()
    }
}

impl Started<Mirror> {
    pub async fn cursor(&self) -> (i64, Vec<u8>) {
        let cursors = self.bus.cursors().await.unwrap().cursors;
        let cursor = cursors.first().unwrap();
        (cursor.pos, cursor.seen_hash.to_vec())
    }

    pub async fn permit(&self, key: Uuid) {
        self.corridor
            .command(call(Uuid::now_v7(), "permit"), Keys::one(key), move |unit, _| {
                unit.add(key, 0);
                Ok(Counted::default())
            })
            .await
            .unwrap();
    }

    pub async fn skip(&self, pos: i64) {
        let request = proto::DecideParkedRequest {
            service: "mirror".to_owned(),
            consumer: "mirror".to_owned(),
            producer: "counter".to_owned(),
            epoch: 1,
            pos,
            decision: proto::ParkedDecision::Skip.into(),
            why: "a toy".to_owned(),
        };
        self.bus.decide_parked(request, "centre:tester".to_owned()).await.unwrap();
    }
}
