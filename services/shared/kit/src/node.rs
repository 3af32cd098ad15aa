//! A running service: its pool, its loops, its doors.

use std::pin::Pin;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use sqlx::PgPool;
use sqlx::migrate::Migrator;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tonic::service::RoutesBuilder;

use crate::connections::Connections;
use crate::consumer::{self, Consumer};
use crate::corridor::Corridor;
use crate::doors::{BusNode, LocalNode, PeerJournal};
use crate::ears::Ears;
use crate::relay::Relay;
use crate::service::Service;
use crate::settings::{ClockKind, Settings};
use crate::{commands, key_check, nats, store};

/// The bus's own tables.
static MIGRATOR: Migrator = sqlx::migrate!("./migrations");

/// A service whose loops run.
pub struct Node<S: Service> {
    /// The way in which its state changes.
    pub corridor: Corridor<S>,
    bus: Arc<dyn BusNode>,
    loops: Loops,
}

/// The tasks of a service, and the way to end them.
#[derive(Debug, Clone, Default)]
pub struct Loops {
    tracker: TaskTracker,
    stop: CancellationToken,
}

/// What the binary needs of a running service, whatever its kind.
pub struct Running {
    /// The service's name.
    pub name: &'static str,
    /// Its bus, for the doors that all services share.
    pub bus: Arc<dyn BusNode>,
    /// Adds its own doors to a port.
    pub doors: Box<dyn FnOnce(&mut RoutesBuilder) + Send>,
    /// Its loops.
    pub loops: Loops,
}

/// A service that is being started. Boxed, so that all its machinery is compiled once, in its own crate, and not again in
/// everything that starts it.
pub type Starting<'s> = Pin<Box<dyn Future<Output = anyhow::Result<Running>> + Send + 's>>;

impl Loops {
    /// Tells every loop to stop and waits until each has finished what it was committing.
    pub async fn stop(&self) {
        self.stop.cancel();
        self.tracker.close();
        self.tracker.wait().await;
    }

    /// Runs a task that ends with the others; it is told by the token.
    pub fn spawn<F: Future<Output = ()> + Send + 'static>(&self, task: impl FnOnce(CancellationToken) -> F) {
        self.tracker.spawn(task(self.stop.child_token()));
    }
}

impl<S: Service> Node<S> {
    /// Names the doors this service opens.
    pub fn running(self, doors: impl FnOnce(&mut RoutesBuilder) + Send + 'static) -> Running {
        Running { name: S::NAME, bus: self.bus, doors: Box::new(doors), loops: self.loops }
    }

    /// The service's loops, for one of its own.
    pub fn loops(&self) -> &Loops {
        &self.loops
    }
}

/// So many connections the loops of a service have at least: one that numbers, one that hears, one beside them.
const FEWEST: usize = 3;

/// Decisions run the same few statements over sets of keys. Planning one takes longer than running it, so it is planned once;
/// and because it is, its plan must not depend on how empty a table was at that moment.
const SAME_PLAN: [(&str, &str); 3] =
    [("plan_cache_mode", "force_generic_plan"), ("enable_seqscan", "off"), ("jit", "off")];

fn connect_options(url: &str, service: &str) -> anyhow::Result<PgConnectOptions> {
    Ok(PgConnectOptions::from_str(url)
        .context("the database's address cannot be read")?
        .application_name(service)
        .options([
            ("idle_in_transaction_session_timeout", "10s"),
            ("lock_timeout", "3s"),
            ("statement_timeout", "15s"),
            ("tcp_user_timeout", "10000"),
            // A ROLLBACK where there is nothing to roll back is no news.
            ("client_min_messages", "error"),
        ]))
}

/// Brings a service's database to this version: the bus's tables first, then the service's own. Run by the owner's role.
pub async fn migrate<S: Service>(database_url: &str, migrator: &Migrator, clock: ClockKind) -> anyhow::Result<()> {
    // Migrations may take longer than a command may.
    let options = PgConnectOptions::from_str(database_url).context("the database's address cannot be read")?;
    let pool =
        PgPoolOptions::new().max_connections(1).connect_with(options).await.context("the database does not answer")?;
    MIGRATOR.run(&pool).await.context("the bus's tables")?;
    migrator.run(&pool).await.with_context(|| format!("the tables of {}", S::NAME))?;
    store::init(&pool, S::NAME, clock).await.context("the bus's first rows")?;
    pool.close().await;
    Ok(())
}

async fn connect(settings: &Settings, service: &str, options: PgPoolOptions) -> anyhow::Result<PgPool> {
    options
        .acquire_timeout(Duration::from_secs(5))
        .connect_with(connect_options(&settings.database_url, service)?)
        .await
        .with_context(|| format!("the database of {service} does not answer"))
}

/// Reads through the doors may be dropped with their RPC, and one that is dropped inside `begin()` leaves its session in a
/// transaction: the next borrower must not work in it. Decisions have tasks of their own and are never dropped.
fn of_reads(settings: &Settings) -> PgPoolOptions {
    // The ROLLBACK finds out whether the server is still there; nobody need ask it first.
    let options = PgPoolOptions::new().max_connections(settings.max_connections.div_ceil(2)).test_before_acquire(false);
    options.before_acquire(|connection, _| {
        Box::pin(async move {
            sqlx::raw_sql("ROLLBACK").execute(connection).await?;
            Ok(true)
        })
    })
}

/// Starts a service over a database that is migrated: its corridor and every loop.
pub async fn start<S: Service>(service: S, settings: &Settings) -> anyhow::Result<Node<S>> {
    let work = connect_options(&settings.database_url, S::NAME)?.options(SAME_PLAN);
    // Those of commands are counted among them.
    let most = settings.max_connections as usize;
    let work = Connections::new(work, most.saturating_sub(commands::WORKERS).max(FEWEST));
    let reads = connect(settings, S::NAME, of_reads(settings)).await?;
    if let Some(key) = service.sealing_key() {
        key_check::prove(&reads, key).await?;
    }
    consumer::ensure_cursors(&reads, S::NAME, S::HEARS).await.context("the cursors")?;
    let client = nats::connect(&settings.nats, S::NAME).await.context("NATS")?;
    let corridor = Corridor::new(service, work, reads);
    let loops = Loops::default();
    let relay = Relay {
        corridor: corridor.clone(),
        client: client.clone(),
        access: settings.nats.clone(),
        region: settings.region.clone(),
        peers: PeerJournal::new(settings.peers.clone()),
    };
    relay.first_look().await;
    loops.spawn(|stop| relay.run(stop));
    let ears = Ears::of(S::HEARS, S::SEQUELS);
    for ear in &ears.each {
        let consumer = Consumer {
            corridor: corridor.clone(),
            client: client.clone(),
            producer: ear.producer,
            journal: PeerJournal::new(settings.peers.clone()),
            ear: Arc::clone(ear),
        };
        loops.spawn(|stop| consumer.run(stop));
    }
    let hearing = corridor.clone();
    loops.spawn(|stop| hearing.hear(ears, stop));
    let (parked, ticking) = (corridor.clone(), corridor.clone());
    loops.spawn(|stop| parked.retry_parked(stop));
    loops.spawn(|stop| ticking.tick(stop));
    let bus =
        Arc::new(LocalNode { corridor: corridor.clone(), client, peers: PeerJournal::new(settings.peers.clone()) });
    Ok(Node { corridor, bus, loops })
}
