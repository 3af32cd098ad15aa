//! The door of a process: gRPC, gRPC-Web and HTTP on one port, health, reflection and figures; TLS everywhere but on loopback.

mod connections;
mod limits;
mod observe;
mod tls;
mod unreadable;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::IntoResponse;
use axum::routing::get;
use http::{StatusCode, header};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;
use tonic_health::server::HealthReporter;
use tracing::info;

use crate::auth::guard::{self, Guard};
use crate::metrics;
use crate::refusal::Sentence;

pub use limits::LARGEST_MESSAGE;
pub use tls::{PeerCertificates, TlsError, TlsFiles};

/// Where and how to serve.
#[derive(Debug, Clone)]
pub struct ServerOptions {
    /// The address; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The certificate; absent only on loopback.
    pub tls: Option<TlsFiles>,
    /// At most this many RPCs are answered at once; the next is refused with RESOURCE_EXHAUSTED.
    pub most_at_once: usize,
    /// How long what is under way may take when the process ends.
    pub drain: Duration,
}

impl ServerOptions {
    /// An address with the usual limits and no certificate.
    pub fn at(listen: SocketAddr) -> Self {
        Self { listen, tls: None, most_at_once: 1024, drain: Duration::from_secs(10) }
    }
}

/// Why a door cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Plain text is for loopback alone.
    #[error("{0} can be reached by others, so it needs TLS: name a certificate and its key, or listen on 127.0.0.1")]
    PlainText(SocketAddr),
    /// The address is taken or not ours.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The certificate cannot be used.
    #[error("TLS cannot be served")]
    Tls(#[from] TlsError),
    /// The contract's own descriptors cannot be served.
    #[error("reflection cannot be served")]
    Reflection(#[from] tonic_reflection::server::Error),
}

impl ServeError {
    /// The same for a person, in both languages.
    pub fn says(&self) -> Sentence {
        let zh = match self {
            Self::PlainText(address) => {
                format!("{address} 可被其他机器访问, 必须使用 TLS: 请提供证书和私钥, 或改为监听 127.0.0.1")
            }
            Self::Listen { address, source } => format!("无法监听 {address}: {source}"),
            Self::Tls(error) => format!("无法启用 TLS: {error}"),
            Self::Reflection(_) => "接口描述无法读取".to_owned(),
        };
        Sentence::new(zh, self.to_string())
    }
}

/// An open door. It closes gracefully when this is dropped; [`Serving::shutdown`] also waits.
#[derive(Debug)]
pub struct Serving {
    address: SocketAddr,
    tls: bool,
    stop: CancellationToken,
    health: HealthReporter,
    task: JoinHandle<()>,
}

impl Serving {
    /// The address it listens on, with the port it really has.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// What a client connects to.
    pub fn url(&self) -> String {
        format!("{}://{}", if self.tls { "https" } else { "http" }, self.address)
    }

    /// Says of each service whether it is well (`grpc.health.v1`).
    pub fn health(&self) -> &HealthReporter {
        &self.health
    }

    /// Takes no more callers, lets what is under way finish, and returns when all is over.
    pub async fn shutdown(mut self) {
        self.health.set_service_status("", tonic_health::ServingStatus::NotServing).await;
        self.stop.cancel();
        // The one error is that the task panicked; then it is over as well.
        let _ = (&mut self.task).await;
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// Opens a door: `rpc` behind the guard, `web` (the console; may be empty) in front of it.
///
/// The health service, reflection, `/metrics` and `/healthz` are added here. Reflection shows the contract, which is no secret.
pub async fn serve(
    options: ServerOptions,
    rpc: axum::Router,
    web: axum::Router,
    guard: Arc<Guard>,
) -> Result<Serving, ServeError> {
    if options.tls.is_none() && !options.listen.ip().is_loopback() {
        return Err(ServeError::PlainText(options.listen));
    }
    let acceptor = options.tls.as_ref().map(tls::acceptor).transpose()?;
    let listen = |source| ServeError::Listen { address: options.listen, source };
    let listener = TcpListener::bind(options.listen).await.map_err(listen)?;
    let address = listener.local_addr().map_err(listen)?;
    let (health, health_door) = tonic_health::server::health_reporter();
    let rpc = Routes::from(rpc).add_service(health_door).add_service(reflection()?).into_axum_router();
    let stop = CancellationToken::new();
    let door =
        connections::Door { rpc: guarded(rpc, guard, options.most_at_once), web: with_figures(web, stop.clone()) };
    let tls = acceptor.is_some();
    let task = tokio::spawn(connections::accept(listener, acceptor, door, stop.clone(), options.drain));
    info!(%address, tls, "listening on {address}");
    Ok(Serving { address, tls, stop, health, task })
}

/// From the outside in: gRPC-Web becomes gRPC, the span begins, too much is shed, deadlines run, bytes that are no message are
/// told, sizes are read, the guard stands.
fn guarded(rpc: axum::Router, guard: Arc<Guard>, most_at_once: usize) -> axum::Router {
    let room = Arc::new(limits::Room::new(most_at_once));
    rpc.layer(from_fn_with_state(guard, guard::stand))
        .layer(from_fn(limits::size))
        .layer(from_fn(unreadable::tell))
        .layer(from_fn(limits::deadline))
        .layer(from_fn_with_state(room, limits::shed))
        .layer(from_fn(observe::observe))
        .layer(tonic_web::GrpcWebLayer::new())
}

fn with_figures(web: axum::Router, stop: CancellationToken) -> axum::Router {
    let figures = || async { ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], metrics::render()) };
    let alive = move || {
        let ending = stop.is_cancelled();
        async move {
            if ending { (StatusCode::SERVICE_UNAVAILABLE, "ending\n") } else { (StatusCode::OK, "ok\n") }
                .into_response()
        }
    };
    web.route("/metrics", get(figures)).route("/healthz", get(alive))
}

fn reflection() -> Result<
    tonic_reflection::server::v1::ServerReflectionServer<impl tonic_reflection::server::v1::ServerReflection>,
    tonic_reflection::server::Error,
> {
    tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(xiezhi_proto::DESCRIPTORS)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        .build_v1()
}
