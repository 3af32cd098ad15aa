//! One process of a service, and what it goes through.

use std::path::Path;
use std::process::Child;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use house_tests::ingress::Ingress;
use rustix::process::Signal;
use servers::Postgres;

use crate::centre::SERVICES;
use crate::nats::{Nats, free_port};
use crate::proxy::Link;
use crate::undertaker::signal;

/// One process of a service, and what it goes through.
#[derive(Debug)]
pub struct Replica {
    /// The service.
    pub service: &'static str,
    /// 1 or 2.
    pub number: usize,
    /// Where it answers.
    pub port: u16,
    /// Between it and PostgreSQL.
    pub database: Link,
    /// Between it and each node of NATS.
    pub nats: Vec<Link>,
    pub(crate) variables: Vec<(String, String)>,
    process: Mutex<Option<Child>>,
    /// False while a fault holds it down.
    pub wanted: AtomicBool,
    /// How often it was started.
    pub starts: AtomicU64,
    /// How often it ended without being told to.
    pub unexpected: AtomicU64,
}

impl Replica {
    /// Its name, e.g. `intake-1`.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{}-{}", self.service, self.number)
    }

    /// Its process, where it has one.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.process().as_ref().map(Child::id)
    }

    /// Sends it a signal; false where there is no process.
    pub fn signal(&self, what: Signal) -> bool {
        self.pid().is_some_and(|pid| signal(pid, what))
    }

    /// Ends it without a word and holds it down until it is wanted again.
    pub fn kill(&self) {
        self.wanted.store(false, Ordering::SeqCst);
        if let Some(process) = self.process().as_mut() {
            let _ = process.kill();
        }
    }

    /// True while its process lives.
    #[must_use]
    pub fn lives(&self) -> bool {
        self.process().as_mut().is_some_and(|process| matches!(process.try_wait(), Ok(None)))
    }

    pub(crate) fn process(&self) -> std::sync::MutexGuard<'_, Option<Child>> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The services' own roles have one password, so that a process need not be the administrator.
pub(crate) fn service_password() -> &'static str {
    static PASSWORD: std::sync::OnceLock<String> = std::sync::OnceLock::new();
    PASSWORD.get_or_init(|| uuid::Uuid::new_v4().simple().to_string())
}

/// What every process is told.
pub(crate) fn shared_variables(folder: &Path, id: &str, ingress: &Ingress, nats_nodes: usize) -> Vec<(String, String)> {
    let file = |name: &str| folder.join(name).display().to_string();
    let peers: Vec<String> = SERVICES.iter().map(|service| format!("{service}={}", ingress.url())).collect();
    let variables = [
        ("XIEZHI_CENTRE_ID", id.to_owned()),
        ("XIEZHI_SIMULATED", "true".to_owned()),
        ("XIEZHI_SIGNING_KEY_FILE", file("signing-key.pem")),
        ("XIEZHI_VERIFYING_KEY_FILE", file("verifying-key.pem")),
        ("XIEZHI_VAULT_KEY", "5a".repeat(32)),
        ("XIEZHI_TEXT_KEY", "7e".repeat(32)),
        ("XIEZHI_PEERS", peers.join(",")),
        ("XIEZHI_NATS_REPLICAS", nats_nodes.to_string()),
    ];
    variables.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// A process of a service, with links of its own, that does not run yet.
pub(crate) async fn replica(
    service: &'static str,
    number: usize,
    postgres: &Postgres,
    nats: &Nats,
    seed: u64,
) -> anyhow::Result<Replica> {
    let database = Link::open(postgres.port(), seed).await?;
    let mut links = Vec::new();
    for (node, port) in nats.ports().into_iter().enumerate() {
        links.push(Link::open(port, seed ^ (node as u64 + 1)).await?);
    }
    let port = free_port()?;
    let urls: Vec<String> = links.iter().map(|link| format!("nats://127.0.0.1:{}", link.port())).collect();
    let upper = service.to_uppercase();
    let password = service_password();
    let url = format!("postgres://xiezhi_{service}:{password}@127.0.0.1:{}/xiezhi_{service}", database.port());
    let variables = vec![
        (format!("XIEZHI_{upper}_DATABASE_URL"), url),
        (format!("XIEZHI_{upper}_NATS_PASSWORD"), nats.password(service)?.to_owned()),
        ("XIEZHI_NATS_URL".to_owned(), urls.join(",")),
        ("XIEZHI_LISTEN".to_owned(), format!("127.0.0.1:{port}")),
    ];
    Ok(Replica {
        service,
        number,
        port,
        database,
        nats: links,
        variables,
        process: Mutex::new(None),
        wanted: AtomicBool::new(true),
        starts: AtomicU64::new(0),
        unexpected: AtomicU64::new(0),
    })
}
