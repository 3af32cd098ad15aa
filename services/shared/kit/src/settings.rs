//! What a service must be told before it can start. Where it comes from (flags, environment, a file) is the binary's business.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use tonic::metadata::MetadataValue;
use tonic::transport::{ClientTlsConfig, Endpoint};
use tonic::{Request, Status};

/// How to reach NATS as one service.
#[derive(Debug, Clone)]
pub struct NatsAccess {
    /// e.g. `nats://127.0.0.1:4222`; the nodes of a cluster with commas between them.
    pub url: String,
    /// The service's own user; empty where the server asks for none.
    pub user: String,
    /// Its password.
    pub password: String,
    /// The prefix of its inbox subjects, which its account may subscribe to.
    pub inbox_prefix: String,
    /// How many copies a stream keeps: 1 on one machine, 3 in a cluster.
    pub stream_replicas: usize,
    /// The most bytes a stream may hold, well below the disk.
    pub stream_max_bytes: i64,
}

/// What kind of time a centre lives in; written once, when its database is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClockKind {
    /// The database's own time.
    Real,
    /// Time that can be turned forward: demonstration, journeys, training.
    Simulated {
        /// What time it is when the centre is made; `None` for now.
        start: Option<Timestamp>,
    },
}

/// Where the other services answer, for repairs of gaps and for what only they know: a gRPC address each, e.g. `http://127.0.0.1:7001`.
#[derive(Debug, Clone, Default)]
pub struct Peers {
    /// Service name to address.
    pub addresses: BTreeMap<String, String>,
    /// The token a service shows to its peers; renewed by whoever holds the signing key.
    pub token: std::sync::Arc<std::sync::RwLock<String>>,
}

impl Peers {
    /// How to reach a service. Nothing is connected yet.
    pub fn endpoint(&self, service: &str) -> Result<Endpoint, Status> {
        let address = self
            .addresses
            .get(service)
            .ok_or_else(|| Status::unavailable(format!("no address is known for {service}")))?;
        let endpoint = Endpoint::from_shared(address.clone())
            .map_err(|error| Status::unavailable(error.to_string()))?
            .connect_timeout(Duration::from_secs(2))
            .timeout(Duration::from_secs(30))
            .http2_keep_alive_interval(Duration::from_secs(5))
            .keep_alive_timeout(Duration::from_secs(5));
        if !address.starts_with("https:") {
            return Ok(endpoint);
        }
        let tls = ClientTlsConfig::new().with_enabled_roots();
        endpoint.tls_config(tls).map_err(|error| Status::unavailable(error.to_string()))
    }

    /// A request that says which service asks.
    pub fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        let token = self.token.read().map(|token| token.clone()).unwrap_or_default();
        if let Ok(value) = MetadataValue::try_from(format!("Bearer {token}")) {
            request.metadata_mut().insert("authorization", value);
        }
        request
    }
}

/// All of it.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The service's own database, as its own role.
    pub database_url: String,
    /// At most this many connections for decisions, and half as many for reads; 4 to 8 are faster than 64.
    pub max_connections: u32,
    /// NATS.
    pub nats: NatsAccess,
    /// The centre's kind of time.
    pub clock: ClockKind,
    /// The other services.
    pub peers: Peers,
    /// Names the county in `ce-source`, e.g. "330421".
    pub region: String,
    /// The service's own secrets by name, e.g. the vault's master key; never logged.
    pub secrets: Secrets,
}

/// Secrets by name. Their values do not show in debug output.
#[derive(Clone, Default)]
pub struct Secrets(BTreeMap<String, Vec<u8>>);

impl Secrets {
    /// Adds one.
    #[must_use]
    pub fn with(mut self, name: &str, value: Vec<u8>) -> Self {
        self.0.insert(name.to_owned(), value);
        self
    }

    /// Finds one.
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        self.0.get(name).map(Vec::as_slice)
    }
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.0.keys()).finish()
    }
}
