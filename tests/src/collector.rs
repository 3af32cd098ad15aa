//! A collector of traces inside the test: whatever a centre exports by OTLP ends up here.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::bail;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{TraceService, TraceServiceServer};
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use tonic::{Request, Response, Status};

/// Everything that was exported.
#[derive(Debug, Default)]
struct Kept {
    spans: Vec<Span>,
    raw: Vec<u8>,
}

/// An OTLP receiver on loopback; it ends when it is dropped.
#[derive(Debug)]
pub struct Collector {
    address: SocketAddr,
    kept: Arc<Mutex<Kept>>,
    task: tokio::task::JoinHandle<()>,
}

#[derive(Debug, Clone)]
struct Door(Arc<Mutex<Kept>>);

#[tonic::async_trait]
impl TraceService for Door {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let request = request.into_inner();
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.raw.extend_from_slice(&request.encode_to_vec());
        let scopes = request.resource_spans.into_iter().flat_map(|resource| resource.scope_spans);
        kept.spans.extend(scopes.flat_map(|scope| scope.spans));
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

impl Collector {
    /// Listens on a free port.
    pub async fn start() -> anyhow::Result<Self> {
        let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let kept: Arc<Mutex<Kept>> = Arc::default();
        let door = TraceServiceServer::new(Door(Arc::clone(&kept))).max_decoding_message_size(64 << 20);
        let incoming = tonic::transport::server::TcpIncoming::from(listener);
        let task = tokio::spawn(async move {
            // It ends with its task; a test that misses spans says so itself.
            let _ = tonic::transport::Server::builder().add_service(door).serve_with_incoming(incoming).await;
        });
        Ok(Self { address, kept, task })
    }

    /// What `OTEL_EXPORTER_OTLP_ENDPOINT` must say.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Every byte that came in, with attributes and events of spans.
    #[must_use]
    pub fn raw(&self) -> Vec<u8> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).raw.clone()
    }

    /// The spans of one trace so far.
    #[must_use]
    pub fn trace(&self, trace_id: &[u8]) -> Trace {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        Trace { spans: kept.spans.iter().filter(|span| span.trace_id == trace_id).cloned().collect() }
    }

    /// Waits until the trace has spans of all these names, and hands it out.
    pub async fn trace_with(&self, trace_id: &[u8], names: &[&str], within: Duration) -> anyhow::Result<Trace> {
        let began = Instant::now();
        loop {
            let trace = self.trace(trace_id);
            let missing: Vec<&str> = names.iter().copied().filter(|name| trace.named(name).is_none()).collect();
            if missing.is_empty() {
                return Ok(trace);
            }
            if began.elapsed() > within {
                let have: Vec<&str> = trace.spans.iter().map(|span| span.name.as_str()).collect();
                bail!("the trace has no {missing:?} after {within:?}; it has {have:?}");
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The spans of one trace.
#[derive(Debug, Clone)]
pub struct Trace {
    /// In the order in which they came in.
    pub spans: Vec<Span>,
}

impl Trace {
    /// The first span of this name.
    #[must_use]
    pub fn named(&self, name: &str) -> Option<&Span> {
        self.spans.iter().find(|span| span.name == name)
    }

    /// The spans from this one up to the one whose parent is not ours, by name.
    #[must_use]
    pub fn ancestry(&self, span: &Span) -> Vec<(String, Vec<u8>)> {
        let by_id: BTreeMap<&[u8], &Span> = self.spans.iter().map(|span| (span.span_id.as_slice(), span)).collect();
        let mut line = vec![(span.name.clone(), span.parent_span_id.clone())];
        let mut next = by_id.get(span.parent_span_id.as_slice());
        while let Some(parent) = next.filter(|_| line.len() <= self.spans.len()) {
            line.push((parent.name.clone(), parent.parent_span_id.clone()));
            next = by_id.get(parent.parent_span_id.as_slice());
        }
        line
    }
}
