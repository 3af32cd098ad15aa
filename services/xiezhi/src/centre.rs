//! Putting services together behind one port.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use kit::auth::revocation::{REFRESH_EVERY, RevocationSource};
use kit::auth::{Guard, Policies, Revocations, TokenVerifier};
use kit::doors::{BlobDoor, BusDoor, BusNode, Nodes};
use kit::server::{ServerOptions, Serving, TlsFiles};
use kit::{Running, Settings};
use tonic::service::RoutesBuilder;
use xiezhi_proto::bus::v1::blob_service_server::BlobServiceServer;
use xiezhi_proto::bus::v1::bus_service_server::BusServiceServer;

/// The services, in the order in which a complaint meets them.
pub const SERVICES: [&str; 5] = ["intake", "assignment", "scheduling", "supervision", "evaluation"];

/// Services that run and answer.
pub struct Centre {
    serving: Serving,
    running: Vec<kit::node::Loops>,
    fresh: tokio::task::JoinHandle<()>,
}

/// Where a centre answers, and who may enter.
pub struct Door {
    /// The address; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The certificate; absent only on loopback.
    pub tls: Option<TlsFiles>,
    /// Checks tokens.
    pub verifier: TokenVerifier,
}

/// A service's disabled accounts.
struct Disabled(Arc<dyn BusNode>);

impl RevocationSource for Disabled {
    fn accounts(&self) -> futures::future::BoxFuture<'_, Result<Vec<String>, kit::refusal::Refusal>> {
        Box::pin(self.0.revoked())
    }
}

/// Starts one service's loops.
pub async fn start_service(service: &str, settings: &Settings) -> anyhow::Result<Running> {
    let started = match service {
        "intake" => intake::start(settings).await,
        "assignment" => assignment::start(settings).await,
        "scheduling" => scheduling::start(settings).await,
        "supervision" => supervision::start(settings).await,
        "evaluation" => evaluation::start(settings).await,
        other => anyhow::bail!("没有服务 {other} / no service {other}"),
    };
    started.with_context(|| format!("{service} 未能启动 / {service} did not start"))
}

impl Centre {
    /// Opens the door of these services.
    pub async fn open(services: Vec<Running>, door: Door) -> anyhow::Result<Self> {
        let revocations = Revocations::new();
        let sources: Vec<Arc<dyn RevocationSource>> = services
            .iter()
            .map(|service| Arc::new(Disabled(Arc::clone(&service.bus))) as Arc<dyn RevocationSource>)
            .collect();
        revocations.refresh(&sources).await;
        let fresh = tokio::spawn(revocations.clone().keep_fresh(sources, REFRESH_EVERY));
        let guard = Arc::new(Guard::new(door.verifier, Policies::embedded()?, revocations));

        let nodes = Nodes::new(services.iter().map(|service| Arc::clone(&service.bus)));
        let mut routes = RoutesBuilder::default();
        routes
            .add_service(BusServiceServer::new(BusDoor::new(nodes.clone())))
            .add_service(BlobServiceServer::new(BlobDoor::new(nodes)));
        let mut running = Vec::new();
        for service in services {
            (service.doors)(&mut routes);
            running.push(service.loops);
        }
        let options = ServerOptions { tls: door.tls, ..ServerOptions::at(door.listen) };
        let serving = kit::server::serve(options, routes.routes().into_axum_router(), axum::Router::new(), guard)
            .await
            .map_err(|error| anyhow::anyhow!("{} / {}", error.says().zh, error.says().en))?;
        Ok(Self { serving, running, fresh })
    }

    /// What a client connects to.
    pub fn url(&self) -> String {
        self.serving.url()
    }

    /// The address with the port it really has.
    pub fn address(&self) -> SocketAddr {
        self.serving.local_addr()
    }

    /// Lets what is under way finish, then ends every loop.
    pub async fn close(self) {
        self.fresh.abort();
        self.serving.shutdown().await;
        for loops in &self.running {
            if tokio::time::timeout(Duration::from_secs(10), loops.stop()).await.is_err() {
                tracing::warn!("a loop did not end in time; what it had not committed is done again at the next start");
            }
        }
    }
}
