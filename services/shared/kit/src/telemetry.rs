//! What is seen of us while we run: log lines, spans, and the trace context that crosses every border.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use opentelemetry::global;
use opentelemetry::propagation::{Extractor, Injector};
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::WithExportConfig;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

/// The header of W3C trace context.
const TRACEPARENT: &str = "traceparent";

/// What is logged where `RUST_LOG` says nothing else.
const DEFAULT_FILTER: &str =
    "info,sqlx=warn,hyper=warn,h2=warn,tower=warn,async_nats=warn,opentelemetry=warn,opentelemetry_sdk=warn";

/// How long the last spans may take to leave when the process ends.
const FLUSH_WITHIN: Duration = Duration::from_secs(3);

/// How a process logs and traces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TelemetryOptions {
    /// The name spans carry as `service.name`.
    pub name: String,
    /// Where spans go by OTLP over gRPC; nowhere where it is absent.
    pub otlp_endpoint: Option<String>,
    /// True for JSON lines, false for lines a person reads.
    pub json: bool,
}

impl TelemetryOptions {
    /// A process of this name, with the endpoint of `OTEL_EXPORTER_OTLP_ENDPOINT` where that is set.
    pub fn from_environment(name: impl Into<String>, json: bool) -> Self {
        let otlp_endpoint =
            std::env::var("OTEL_EXPORTER_OTLP_ENDPOINT").ok().filter(|endpoint| !endpoint.trim().is_empty());
        Self { name: name.into(), otlp_endpoint, json }
    }
}

/// Whether spans of this process go anywhere.
static EXPORTS: AtomicBool = AtomicBool::new(false);

/// Why telemetry could not be started.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The address of the collector is not one.
    #[error("cannot export spans to {endpoint}")]
    Exporter {
        /// The address as it was given.
        endpoint: String,
        /// What the exporter said.
        #[source]
        source: opentelemetry_otlp::ExporterBuildError,
    },
    /// Another subscriber was installed before.
    #[error("telemetry was started twice in one process")]
    Twice(#[from] tracing_subscriber::util::TryInitError),
}

/// Sends the last spans away when it is dropped; `main` keeps it.
#[derive(Debug)]
#[must_use = "spans are lost where the guard is dropped at once"]
pub struct TelemetryGuard {
    provider: Option<SdkTracerProvider>,
}

impl TelemetryGuard {
    /// Sends away what waits, for a test that looks at once.
    pub fn flush(&self) {
        if let Some(provider) = &self.provider
            && let Err(error) = provider.force_flush()
        {
            tracing::warn!(%error, "spans could not be sent");
        }
    }
}

impl Drop for TelemetryGuard {
    fn drop(&mut self) {
        if let Some(provider) = &self.provider {
            // The process ends; a collector that is gone must not hold it up, and nobody is left to tell.
            let _ = provider.shutdown_with_timeout(FLUSH_WITHIN);
        }
    }
}

/// Starts logs and, where there is an endpoint, traces. Call it once, inside the runtime, first thing in `main`.
///
/// Log lines go to stderr, so that stdout belongs to answers.
pub fn init(options: &TelemetryOptions) -> Result<TelemetryGuard, TelemetryError> {
    global::set_text_map_propagator(TraceContextPropagator::new());
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(DEFAULT_FILTER));
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let lines = if options.json {
        lines.json().flatten_event(true).with_current_span(true).with_span_list(false).boxed()
    } else {
        lines.with_target(false).boxed()
    };
    let provider = options.otlp_endpoint.as_deref().map(|to| provider(&options.name, to)).transpose()?;
    let spans = provider
        .as_ref()
        .map(|provider| tracing_opentelemetry::layer().with_tracer(provider.tracer("xiezhi")).with_filter(own_spans()));
    EXPORTS.store(provider.is_some(), Ordering::Relaxed);
    tracing_subscriber::registry().with(spans).with(lines.with_filter(filter)).try_init()?;
    Ok(TelemetryGuard { provider })
}

/// Spans worth a collector's room: ours, whatever the log lines are filtered to. The transport's own would trace the export itself.
fn own_spans() -> EnvFilter {
    EnvFilter::new(
        "info,hyper=off,h2=off,tower=off,tonic=off,sqlx=off,async_nats=off,opentelemetry=off,opentelemetry_sdk=off",
    )
}

fn provider(name: &str, endpoint: &str) -> Result<SdkTracerProvider, TelemetryError> {
    let exporter = opentelemetry_otlp::SpanExporter::builder()
        .with_tonic()
        .with_endpoint(endpoint)
        .with_timeout(FLUSH_WITHIN)
        .build()
        .map_err(|source| TelemetryError::Exporter { endpoint: endpoint.to_owned(), source })?;
    let resource = Resource::builder().with_service_name(name.to_owned()).build();
    Ok(SdkTracerProvider::builder().with_resource(resource).with_batch_exporter(exporter).build())
}

/// The W3C header of the current span, for the journal, a message or a call; none where nothing is traced.
pub fn current_traceparent() -> Option<String> {
    let context = Span::current().context();
    let mut carrier = HashMap::new();
    global::get_text_map_propagator(|propagator| propagator.inject_context(&context, &mut carrier));
    carrier.remove(TRACEPARENT)
}

/// Makes a span the child of the trace context it was handed.
///
/// A span keeps the parent it has when it is first entered, so adopt before that: make the span, adopt, then `instrument`.
pub fn adopt(span: &Span, traceparent: Option<&str>) {
    let Some(traceparent) = traceparent else { return };
    let carrier = HashMap::from([(TRACEPARENT.to_owned(), traceparent.to_owned())]);
    set_parent(span, &carrier);
}

/// A span that follows a trace, for what is done thousands of times a second: where nobody collects spans, none is made.
pub(crate) fn followed(traceparent: Option<&str>, make: impl FnOnce() -> Span) -> Span {
    if !EXPORTS.load(Ordering::Relaxed) {
        return Span::none();
    }
    let span = make();
    adopt(&span, traceparent);
    span
}

/// Makes a span the child of the trace context in a request's headers.
pub fn adopt_headers(span: &Span, headers: &http::HeaderMap) {
    set_parent(span, &Headers(headers));
}

fn set_parent(span: &Span, carrier: &dyn Extractor) {
    let parent = global::get_text_map_propagator(|propagator| propagator.extract(carrier));
    // The one error says that the span was entered before: the trace would split here, nothing else is harmed.
    if span.set_parent(parent).is_err() {
        tracing::debug!("a span was entered before it was given its parent");
    }
}

/// Puts the current trace context into the metadata of an outgoing call.
pub fn inject(metadata: &mut tonic::metadata::MetadataMap) {
    let context = Span::current().context();
    global::get_text_map_propagator(|propagator| propagator.inject_context(&context, &mut Metadata(metadata)));
}

struct Headers<'a>(&'a http::HeaderMap);

impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).and_then(|value| value.to_str().ok())
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(http::HeaderName::as_str).collect()
    }
}

struct Metadata<'a>(&'a mut tonic::metadata::MetadataMap);

impl Injector for Metadata<'_> {
    fn set(&mut self, key: &str, value: String) {
        let key = tonic::metadata::MetadataKey::from_bytes(key.as_bytes());
        if let (Ok(key), Ok(value)) = (key, value.parse()) {
            self.0.insert::<_>(key, value);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failed test should panic

    use super::*;

    const GIVEN: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    /// Spans without a collector: a provider that exports nowhere.
    fn traced<T>(test: impl FnOnce() -> T) -> T {
        global::set_text_map_propagator(TraceContextPropagator::new());
        let provider = SdkTracerProvider::builder().build();
        let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("test"));
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), test)
    }

    #[test]
    fn a_span_that_adopts_a_context_carries_its_trace_on() {
        let header = traced(|| {
            let span = tracing::info_span!("consume");
            adopt(&span, Some(GIVEN));
            span.in_scope(current_traceparent)
        });
        let header = header.unwrap();
        assert_eq!(header[..36], GIVEN[..36], "the same trace");
        assert_ne!(header, GIVEN, "another span of it");
    }

    #[test]
    fn a_span_that_adopts_rubbish_begins_a_trace_of_its_own() {
        let header = traced(|| {
            let span = tracing::info_span!("consume");
            adopt(&span, Some("00-zz-\u{7f}"));
            span.in_scope(current_traceparent)
        });
        assert_eq!(header.unwrap().len(), GIVEN.len());
    }

    #[test]
    fn headers_and_metadata_carry_the_same_context() {
        traced(|| {
            let mut headers = http::HeaderMap::new();
            headers.insert(TRACEPARENT, GIVEN.parse().unwrap());
            let span = tracing::info_span!("rpc");
            adopt_headers(&span, &headers);
            span.in_scope(|| {
                let mut metadata = tonic::metadata::MetadataMap::new();
                inject(&mut metadata);
                let sent = metadata.get(TRACEPARENT).unwrap().to_str().unwrap().to_owned();
                assert_eq!(Some(sent), current_traceparent());
            });
        });
    }

    #[test]
    fn without_a_trace_there_is_no_header() {
        let none = tracing::subscriber::with_default(tracing_subscriber::registry(), current_traceparent);
        assert_eq!(none, None);
    }
}
