//! The ingress of a distributed centre, as small as a test needs it: one address in front of every replica of every service.
//!
//! It sends a call where its package says. The bus's own doors are the same on every service and name the service they
//! mean in their request, so for those it reads the first message.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context;
use axum::Router;
use axum::body::Body;
use axum::extract::State;
use bytes::{Buf, Bytes, BytesMut};
use futures::StreamExt;
use http::{Request, Response};
use tonic::Status;
use tonic::transport::{Channel, Endpoint};
use tower::ServiceExt;

/// Replicas by service, with their addresses.
type Replicas = BTreeMap<String, Vec<(String, Channel)>>;

/// An address that reaches every service; it ends when it is dropped.
#[derive(Debug)]
pub struct Ingress {
    address: SocketAddr,
    shared: Arc<Shared>,
    task: tokio::task::JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Shared {
    replicas: Mutex<Replicas>,
    turn: AtomicUsize,
    served: Mutex<BTreeMap<String, u64>>,
}

impl Ingress {
    /// Listens on a free port; replicas come later.
    pub async fn start() -> anyhow::Result<Self> {
        let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let shared: Arc<Shared> = Arc::default();
        let router = Router::new().fallback(forward).with_state(Arc::clone(&shared));
        let task = tokio::spawn(async move {
            // It ends with its task; a caller that finds nobody says so itself.
            let _ = axum::serve(listener, router).await;
        });
        Ok(Self { address, shared, task })
    }

    /// Where callers go.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Adds a replica of a service.
    pub fn add(&self, service: &str, address: &str) -> anyhow::Result<()> {
        let channel = Endpoint::from_shared(address.to_owned())?.tcp_nodelay(true).connect_lazy();
        let mut replicas = self.shared.replicas.lock().unwrap_or_else(PoisonError::into_inner);
        replicas.entry(service.to_owned()).or_default().push((address.to_owned(), channel));
        Ok(())
    }

    /// Sends nobody to this replica any more.
    pub fn remove(&self, address: &str) {
        let mut replicas = self.shared.replicas.lock().unwrap_or_else(PoisonError::into_inner);
        for of_service in replicas.values_mut() {
            of_service.retain(|(one, _)| one != address);
        }
    }

    /// How many calls each replica got.
    #[must_use]
    pub fn served(&self) -> BTreeMap<String, u64> {
        self.shared.served.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Ingress {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Shared {
    /// The replicas of a service take turns.
    fn next(&self, service: &str) -> Option<Channel> {
        let replicas = self.replicas.lock().unwrap_or_else(PoisonError::into_inner);
        let of_service = replicas.get(service).filter(|of_service| !of_service.is_empty())?;
        let turn = self.turn.fetch_add(1, Ordering::Relaxed) % of_service.len();
        let (address, channel) = of_service.get(turn)?;
        *self.served.lock().unwrap_or_else(PoisonError::into_inner).entry(address.clone()).or_default() += 1;
        Some(channel.clone())
    }
}

async fn forward(State(shared): State<Arc<Shared>>, request: Request<Body>) -> Response<Body> {
    match pass_on(&shared, request).await {
        Ok(response) => response,
        Err(error) => Status::unavailable(format!("{error:#}")).into_http(),
    }
}

async fn pass_on(shared: &Shared, request: Request<Body>) -> anyhow::Result<Response<Body>> {
    let path = request.uri().path().to_owned();
    let package = path.trim_start_matches('/').split('.').nth(1).unwrap_or_default().to_owned();
    let (service, request) = if package == "bus" { named_inside(request).await? } else { (package, request) };
    let channel = shared.next(&service).with_context(|| format!("no replica for {path}"))?;
    let response = channel.oneshot(request.map(tonic::body::Body::new)).await?;
    Ok(response.map(Body::new))
}

/// The service that the first message names in its first field, and the request as it was.
async fn named_inside(request: Request<Body>) -> anyhow::Result<(String, Request<Body>)> {
    let (head, body) = request.into_parts();
    let mut rest = body.into_data_stream();
    let mut first = BytesMut::new();
    while first.len() < 7 || first.len() < 7 + usize::from(first.get(6).copied().unwrap_or_default()) {
        let Some(chunk) = rest.next().await else { break };
        first.extend_from_slice(&chunk?);
    }
    let first = first.freeze();
    let service = first_text(first.clone()).context("the request names no service")?;
    let whole = futures::stream::iter([Ok(first)]).chain(rest);
    Ok((service, Request::from_parts(head, Body::from_stream(whole))))
}

/// Field 1 of a message, a text shorter than 128 bytes, behind gRPC's prefix of five.
fn first_text(mut bytes: Bytes) -> Option<String> {
    if bytes.len() < 7 {
        return None;
    }
    bytes.advance(5);
    let (tag, length) = (bytes.get_u8(), usize::from(bytes.get_u8()));
    if tag != 0x0a || bytes.len() < length {
        return None;
    }
    String::from_utf8(bytes.split_to(length).to_vec()).ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failed test should panic
    use super::*;
    use prost::Message;
    use xiezhi_proto::bus::v1::{HighWaterRequest, UploadBlobRequest};

    fn framed(message: &impl Message) -> Bytes {
        let bytes = message.encode_to_vec();
        let mut framed = vec![0];
        framed.extend_from_slice(&u32::try_from(bytes.len()).unwrap().to_be_bytes());
        framed.extend_from_slice(&bytes);
        framed.into()
    }

    #[test]
    fn every_request_to_the_bus_names_its_service_first() {
        let high_water = HighWaterRequest { service: "intake".to_owned() };
        assert_eq!(first_text(framed(&high_water)).unwrap(), "intake");
        let upload = UploadBlobRequest { service: "assignment".to_owned(), chunk: vec![7; 9].into() };
        assert_eq!(first_text(framed(&upload)).unwrap(), "assignment");
        assert_eq!(first_text(framed(&HighWaterRequest::default())), None);
    }
}
