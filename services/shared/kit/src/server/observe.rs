//! One span and one figure for every RPC.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::LazyLock;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use axum::body::{Body, Bytes, HttpBody};
use axum::middleware::Next;
use http::{HeaderMap, Request, Response};
use http_body::{Frame, SizeHint};
use prost::Message;
use tonic::Code;
use tracing::{Instrument, Span};

use crate::metrics;
use crate::telemetry;

/// What the figures of RPCs that nobody declares are called, so that a caller cannot fill the house with names.
const OTHER: &str = "other";

/// Every method we know, and whether it answers with a stream.
static METHODS: LazyLock<HashMap<String, bool>> = LazyLock::new(methods);

fn methods() -> HashMap<String, bool> {
    let mut known = HashMap::new();
    for bytes in [xiezhi_proto::DESCRIPTORS, tonic_health::pb::FILE_DESCRIPTOR_SET] {
        let Ok(set) = prost_types::FileDescriptorSet::decode(bytes) else { continue };
        for file in &set.file {
            for service in &file.service {
                for method in &service.method {
                    known.insert(
                        format!("/{}.{}/{}", file.package(), service.name(), method.name()),
                        method.server_streaming(),
                    );
                }
            }
        }
    }
    known
}

/// Puts an RPC into a span that continues its caller's trace, and counts it when its answer has ended.
pub(super) async fn observe(request: Request<Body>, next: Next) -> Response<Body> {
    let (method, streams) = METHODS
        .get_key_value(request.uri().path())
        .map_or((OTHER, false), |(method, streams)| (method.as_str(), *streams));
    let span = tracing::info_span!(
        "rpc",
        otel.name = method.trim_start_matches('/'),
        otel.kind = "server",
        rpc.system.name = "grpc",
        rpc.method = method,
        rpc.response.status_code = tracing::field::Empty,
        otel.status_code = tracing::field::Empty,
    );
    telemetry::adopt_headers(&span, request.headers());
    let mut watch = Watch::begin(method, streams, span.clone());
    let response = next.run(request).instrument(span).await;
    if let Some(code) = code_in(response.headers()) {
        watch.end(code);
        return response;
    }
    response.map(|body| Body::new(Watched { inner: body, watch }))
}

fn code_in(headers: &HeaderMap) -> Option<Code> {
    headers.get("grpc-status").map(|value| Code::from_bytes(value.as_bytes()))
}

/// One RPC under way. One that is dropped before it ended was given up by its caller.
struct Watch {
    method: &'static str,
    streams: bool,
    began: Instant,
    span: Span,
    ended: bool,
}

impl Watch {
    fn begin(method: &'static str, streams: bool, span: Span) -> Self {
        if streams {
            metrics::gauge("xiezhi_rpc_streams_open", &[("method", method)]).add(1.0);
        }
        Self { method, streams, began: Instant::now(), span, ended: false }
    }

    fn end(&mut self, code: Code) {
        if std::mem::replace(&mut self.ended, true) {
            return;
        }
        let name = format!("{code:?}");
        metrics::counter("xiezhi_rpc_total", &[("method", self.method), ("code", &name)]).increment();
        if self.streams {
            metrics::gauge("xiezhi_rpc_streams_open", &[("method", self.method)]).add(-1.0);
        } else {
            metrics::histogram("xiezhi_rpc_seconds", &[("method", self.method)]).observe(self.began.elapsed());
        }
        self.span.record("rpc.response.status_code", name.as_str());
        // What a caller did wrong is no failure of ours.
        if matches!(code, Code::Unknown | Code::Internal | Code::DataLoss | Code::Unavailable | Code::DeadlineExceeded)
        {
            self.span.record("otel.status_code", "ERROR");
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.end(Code::Cancelled);
    }
}

/// The body of an answer whose code comes in its trailers.
struct Watched {
    inner: Body,
    watch: Watch,
}

impl HttpBody for Watched {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = self.get_mut();
        let frame = ready!(Pin::new(&mut this.inner).poll_frame(cx));
        match &frame {
            Some(Ok(frame)) => {
                if let Some(trailers) = frame.trailers_ref() {
                    this.watch.end(code_in(trailers).unwrap_or(Code::Unknown));
                }
            }
            Some(Err(_)) | None => this.watch.end(Code::Unknown),
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
