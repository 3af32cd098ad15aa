//! 一座多副本的中心: two processes of every service over one PostgreSQL and NATS, each behind links of our own.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use house_tests::ingress::Ingress;
use kit::auth::token::KeyPair;
use rustix::process::Signal;
use servers::{Binaries, Postgres, PostgresOptions};
use sqlx::{Connection as _, PgConnection};
use testkit::{program, repository, run_program};

use crate::nats::Nats;
use crate::proxy::Link;
use crate::replica::{Replica, replica, service_password, shared_variables};
use crate::undertaker::{Undertaker, family, signal};

/// The services, in the order in which a complaint meets them.
pub const SERVICES: [&str; 5] = client::SERVICES;
/// When the centre's time begins: a Monday morning without a holiday near.
pub const BEGINS: &str = "2026-03-02T01:00:00Z";
/// Longer than a start on a busy machine takes.
const START_WITHIN: Duration = Duration::from_secs(120);
/// How often it is looked after the processes.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// How a centre is to be.
#[derive(Debug, Clone)]
pub struct CentreOptions {
    /// Where everything is kept.
    pub folder: PathBuf,
    /// What chance in the links comes from.
    pub seed: u64,
    /// How many nodes NATS has: 1 or 3.
    pub nats_nodes: usize,
    /// More variables for every process of a service, e.g. a mutant's name.
    pub variables: Vec<(String, String)>,
}

/// Everything that runs.
#[derive(Debug)]
pub struct Centre {
    /// Where everything is kept.
    pub folder: PathBuf,
    /// The processes of the services.
    pub replicas: Vec<Replica>,
    /// Where callers go.
    pub ingress: Ingress,
    /// PostgreSQL.
    pub postgres: tokio::sync::Mutex<Postgres>,
    /// Its administrator's URL of a database, past every link.
    pub postgres_port: u16,
    password: String,
    /// NATS.
    pub nats: tokio::sync::Mutex<Nats>,
    /// Who ends what outlives us.
    pub undertaker: Arc<Undertaker>,
    /// The centre's id and the key that signs tokens.
    pub issuer: (String, String),
    variables: Vec<(String, String)>,
    closing: AtomicBool,
}

impl Centre {
    /// Starts servers and services, and puts the pack of a chaos run in force.
    pub async fn start(options: CentreOptions) -> anyhow::Result<Arc<Self>> {
        let CentreOptions { folder, seed, nats_nodes, variables } = options;
        let undertaker = Arc::new(Undertaker::start()?);
        let binaries = Binaries::find(None)?;
        let password = uuid::Uuid::new_v4().simple().to_string();
        let directory = folder.join("postgresql");
        std::fs::create_dir_all(&directory)?;
        let postgres = PostgresOptions {
            binaries: binaries.clone(),
            directory,
            password: password.clone(),
            port: None,
            // Processes are killed, the machine is not: what PostgreSQL wrote is there whether or not it reached the disk.
            fsync: false,
            throw_away: false,
        };
        let nats = Nats::start(binaries.nats_server, folder.clone(), Arc::clone(&undertaker), &SERVICES, nats_nodes);
        let (postgres, nats) = tokio::join!(Postgres::start(postgres), nats);
        let (postgres, nats) = (postgres?, nats?);
        let ingress = Ingress::start().await?;
        let postgres_port = postgres.port();
        let id = uuid::Uuid::now_v7().to_string();
        let keys = KeyPair::generate()?;
        for (name, text) in [
            ("signing-key.pem", &keys.private_pem),
            ("verifying-key.pem", &keys.public_pem),
            ("centre-id", &format!("{id}:simulated")),
        ] {
            std::fs::write(folder.join(name), text)?;
        }
        let mut common = shared_variables(&folder, &id, &ingress, nats_nodes);
        common.extend(variables);
        let mut replicas = Vec::new();
        for (place, (service, number)) in
            SERVICES.into_iter().flat_map(|service| [(service, 1), (service, 2)]).enumerate()
        {
            let seed = seed ^ (place as u64).wrapping_mul(0x0100_0000_01B3);
            replicas.push(replica(service, number, &postgres, &nats, seed).await?);
        }
        let centre = Arc::new(Self {
            folder,
            replicas,
            ingress,
            postgres: tokio::sync::Mutex::new(postgres),
            postgres_port,
            password,
            nats: tokio::sync::Mutex::new(nats),
            undertaker,
            issuer: (id, keys.private_pem),
            variables: common,
            closing: AtomicBool::new(false),
        });
        centre.open().await?;
        Ok(centre)
    }

    async fn open(self: &Arc<Self>) -> anyhow::Result<()> {
        let admin = self.admin_url("postgres");
        let mut migrate = self.variables.clone();
        migrate.push(("XIEZHI_DATABASE_URL".to_owned(), admin));
        migrate.push(("XIEZHI_DATABASE_PASSWORD".to_owned(), service_password().to_owned()));
        self.run_with(&["migrate", "--simulated", "--start", BEGINS], &migrate).await?;
        tokio::spawn(keep(Arc::downgrade(self)));
        let began = Instant::now();
        for replica in &self.replicas {
            self.ingress.add(replica.service, &format!("http://127.0.0.1:{}", replica.port))?;
        }
        while !self.replicas.iter().all(|replica| is_ready(&self.folder, replica)) {
            ensure!(began.elapsed() < START_WITHIN, "the services did not start; see {}", self.folder.display());
            tokio::time::sleep(LOOK_EVERY).await;
        }
        let data = self.folder.display().to_string();
        let token = self.run(&["token", "issue", "operator", "--data", &data]).await?;
        let file = serde_json::json!({
            "grpc_address": self.ingress.url(),
            "operator_token": token.trim(),
            "kind": "simulated",
            "started_at": jiff::Timestamp::now().to_string(),
        });
        std::fs::write(self.folder.join("centre.json"), file.to_string())?;
        let pack = crate::pack::write(&repository().join("deploy/packs/jiashan"), &self.folder.join("pack"))?;
        self.run(&["pack", "apply", &pack.display().to_string(), "--data", &data]).await?;
        Ok(())
    }

    /// The administrator's URL of one of the databases.
    #[must_use]
    pub fn admin_url(&self, database: &str) -> String {
        format!("postgres://postgres:{}@127.0.0.1:{}/{database}", self.password, self.postgres_port)
    }

    /// Runs a command of the program with this centre's settings; what it printed, or why it was refused.
    pub async fn run(&self, arguments: &[&str]) -> anyhow::Result<String> {
        self.run_with(arguments, &self.variables).await
    }

    async fn run_with(&self, arguments: &[&str], variables: &[(String, String)]) -> anyhow::Result<String> {
        let variables: Vec<(&str, &str)> =
            variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        run_program(&program()?, arguments, &variables).await?.done()
    }

    /// Does something to a service's database as its administrator.
    pub async fn tamper(&self, service: &str, statement: &'static str) -> anyhow::Result<()> {
        let mut session = PgConnection::connect(&self.admin_url(&format!("xiezhi_{service}"))).await?;
        sqlx::raw_sql(statement).execute(&mut session).await?;
        session.close().await?;
        Ok(())
    }

    /// The processes of one service.
    pub fn of_service(&self, service: &str) -> impl Iterator<Item = &Replica> {
        self.replicas.iter().filter(move |replica| replica.service == service)
    }

    /// Every link, of every process.
    pub fn links(&self) -> impl Iterator<Item = &Link> {
        self.replicas.iter().flat_map(|replica| replica.nats.iter().chain([&replica.database]))
    }

    /// What the processes have logged, by name.
    pub fn logs(&self) -> anyhow::Result<BTreeMap<String, String>> {
        let mut logs = BTreeMap::new();
        for replica in &self.replicas {
            let text = std::fs::read(log(&self.folder, &replica.name()))?;
            logs.insert(replica.name(), String::from_utf8_lossy(&text).into_owned());
        }
        Ok(logs)
    }

    /// The postmaster and its children.
    #[must_use]
    pub fn postgres_family(&self) -> Vec<u32> {
        let file = self.folder.join("postgresql/postgres/postmaster.pid");
        let pid = std::fs::read_to_string(file).ok().and_then(|text| text.lines().next()?.trim().parse().ok());
        pid.map(family).unwrap_or_default()
    }

    /// Heals every link, lets go on whatever stands still and wants everybody back.
    pub async fn heal(&self) -> anyhow::Result<()> {
        for pid in self.postgres_family() {
            signal(pid, Signal::CONT);
            self.undertaker.forget(pid);
        }
        for replica in &self.replicas {
            replica.signal(Signal::CONT);
            replica.wanted.store(true, Ordering::SeqCst);
        }
        self.links().for_each(Link::heal);
        let mut nats = self.nats.lock().await;
        for node in 0..nats.count() {
            nats.freeze(node, false)?;
            nats.ensure(node).await?;
        }
        let mut postgres = self.postgres.lock().await;
        if !postgres.is_alive() {
            postgres.restart().await?;
        }
        Ok(())
    }

    /// Ends everything.
    pub async fn close(&self) {
        self.closing.store(true, Ordering::SeqCst);
        for replica in &self.replicas {
            replica.kill();
        }
        for replica in &self.replicas {
            if let Some(mut process) = replica.process().take() {
                let _ = process.wait();
                self.undertaker.forget(process.id());
            }
        }
        let mut nats = self.nats.lock().await;
        for node in 0..nats.count() {
            let _ = nats.kill(node);
        }
        for pid in self.postgres_family() {
            signal(pid, Signal::CONT);
        }
        self.postgres.lock().await.kill().await;
    }

    fn start_replica(&self, replica: &Replica) -> anyhow::Result<()> {
        let name = replica.name();
        let file = |ending: &str| {
            std::fs::File::options().create(true).append(true).open(self.folder.join(format!("{name}.{ending}")))
        };
        let mut command = Command::new(program()?);
        command.args(["serve", replica.service]);
        alone(&mut command);
        command.envs(self.variables.iter().chain(&replica.variables).map(|(name, value)| (name, value)));
        command.env("NO_COLOR", "1").stdin(Stdio::null()).stdout(file("out")?).stderr(file("log")?);
        let process = command.spawn()?;
        self.undertaker.watch(process.id());
        replica.starts.fetch_add(1, Ordering::SeqCst);
        *replica.process() = Some(process);
        Ok(())
    }

    /// Takes leave of processes that have ended, and starts those that are wanted.
    fn look_after(&self, replica: &Replica) -> anyhow::Result<()> {
        let ended = {
            let mut process = replica.process();
            match process.as_mut().map(Child::try_wait) {
                Some(Ok(None)) => return Ok(()),
                Some(_) => process.take().map(|process| process.id()),
                None => None,
            }
        };
        if let Some(pid) = ended {
            self.undertaker.forget(pid);
            if replica.wanted.load(Ordering::SeqCst) {
                replica.unexpected.fetch_add(1, Ordering::SeqCst);
            }
        }
        if replica.wanted.load(Ordering::SeqCst) && !self.closing.load(Ordering::SeqCst) {
            self.start_replica(replica)?;
        }
        Ok(())
    }
}

/// What an orchestrator would do: whatever ends is started again while it is wanted.
async fn keep(centre: std::sync::Weak<Centre>) {
    let mut failed = 0;
    while let Some(centre) = centre.upgrade() {
        if centre.closing.load(Ordering::SeqCst) {
            return;
        }
        for replica in &centre.replicas {
            if let Err(error) = centre.look_after(replica) {
                failed += 1;
                if failed < 10 {
                    eprintln!("{}: {error:#}", replica.name());
                }
            }
        }
        drop(centre);
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

fn is_ready(folder: &Path, replica: &Replica) -> bool {
    let said = std::fs::read_to_string(folder.join(format!("{}.out", replica.name()))).unwrap_or_default();
    said.lines().any(|line| line.starts_with("http://"))
}

/// Where a process writes its log.
#[must_use]
pub fn log(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("{name}.log"))
}

/// Keeps settings in somebody's shell away from a process, and Ctrl-C to ourselves.
pub fn alone(command: &mut Command) {
    use std::os::unix::process::CommandExt;
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy().into_owned();
        if name.starts_with("XIEZHI_") || name.starts_with("OTEL_") || name == "RUST_LOG" || name.starts_with("PG") {
            command.env_remove(name);
        }
    }
    command.process_group(0);
}

/// A context for an error that names a file.
pub fn read(path: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(path).with_context(|| path.display().to_string())
}
