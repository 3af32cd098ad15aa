//! Accepting connections: TLS or plain, HTTP/2 or HTTP/1.1, and leaving gracefully.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::routing::future::RouteFuture;
use http::{Request, Response, header};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tonic::transport::server::TcpConnectInfo;
use tower::Service as _;
use tracing::{debug, warn};

use crate::metrics;
use crate::server::tls::PeerCertificates;

/// At most this many connections at once; the next waits in the backlog.
const MOST_CONNECTIONS: usize = 4096;
/// A TLS handshake, or the headers of a request of HTTP/1.1, take at most this long.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often an open connection of HTTP/2 is asked whether it is there.
const PING_EVERY: Duration = Duration::from_secs(10);
/// How long the answer may take.
const PING_ANSWER: Duration = Duration::from_secs(5);
/// Open RPCs of one connection.
const MOST_STREAMS: u32 = 100;
/// The largest headers of a request; a token fits many times.
const LARGEST_HEADERS: u32 = 32 * 1024;

/// The two rooms behind one door: RPCs, and everything a browser asks for.
#[derive(Debug, Clone)]
pub(super) struct Door {
    pub(super) rpc: axum::Router,
    pub(super) web: axum::Router,
}

/// One caller at the door.
#[derive(Clone)]
struct Visit {
    door: Door,
    info: TcpConnectInfo,
    certificates: Option<PeerCertificates>,
}

impl hyper::service::Service<Request<Incoming>> for Visit {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = RouteFuture<Infallible>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(self.info.clone());
        if let Some(certificates) = &self.certificates {
            request.extensions_mut().insert(certificates.clone());
        }
        let room = if is_rpc(&request) { &self.door.rpc } else { &self.door.web };
        // A router is always ready.
        room.clone().call(request)
    }
}

/// An RPC says so in its content type; paths of ours are RPCs whatever they say.
fn is_rpc(request: &Request<Body>) -> bool {
    let path = request.uri().path();
    path.starts_with("/xiezhi.")
        || path.starts_with("/grpc.")
        || request
            .headers()
            .get(header::CONTENT_TYPE)
            .is_some_and(|kind| kind.as_bytes().starts_with(b"application/grpc"))
}

/// Accepts until it is told to stop, then lets what is under way finish for `drain`, then cuts what is left.
pub(super) async fn accept(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    door: Door,
    stop: CancellationToken,
    drain: Duration,
) {
    let mut connections = JoinSet::new();
    let graceful = GracefulShutdown::new();
    let open = metrics::gauge("xiezhi_connections", &[]);
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => break,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept(), if connections.len() < MOST_CONNECTIONS => match accepted {
                Ok((stream, from)) => {
                    let visit = (stream, from, tls.clone(), door.clone(), graceful.watcher());
                    connections.spawn(serve_one(visit));
                }
                Err(error) => {
                    // No file handle is left, or the caller is gone already; either passes.
                    warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }
        }
        open.set(connections.len() as f64);
    }
    drop(listener);
    tokio::select! {
        () = graceful.shutdown() => {}
        () = tokio::time::sleep(drain) => debug!(left = connections.len(), "connections outlived the drain and are cut"),
    }
    connections.shutdown().await;
    open.set(0.0);
}

async fn serve_one((stream, from, tls, door, watcher): (TcpStream, SocketAddr, Option<TlsAcceptor>, Door, Watcher)) {
    if let Err(error) = stream.set_nodelay(true) {
        debug!(%error, "a connection was gone before it began");
        return;
    }
    let info = TcpConnectInfo { local_addr: stream.local_addr().ok(), remote_addr: Some(from) };
    let Some(tls) = tls else {
        return converse(stream, Visit { door, info, certificates: None }, watcher).await;
    };
    let stream = match tokio::time::timeout(PATIENCE, tls.accept(stream)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => return debug!(%error, %from, "a TLS handshake failed"),
        Err(_) => return debug!(%from, "a TLS handshake took too long"),
    };
    let certificates = stream.get_ref().1.peer_certificates();
    let certificates = certificates.map(|shown| {
        PeerCertificates(Arc::new(shown.iter().map(|certificate| certificate.clone().into_owned()).collect()))
    });
    converse(stream, Visit { door, info, certificates }, watcher).await;
}

async fn converse<IO>(stream: IO, visit: Visit, watcher: Watcher)
where
    IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(PATIENCE);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(PING_EVERY)
        .keep_alive_timeout(PING_ANSWER)
        .max_concurrent_streams(MOST_STREAMS)
        .max_header_list_size(LARGEST_HEADERS);
    let connection = builder.serve_connection(TokioIo::new(stream), visit).into_owned();
    if let Err(error) = watcher.watch(connection).await {
        debug!(%error, "a connection ended badly");
    }
}
