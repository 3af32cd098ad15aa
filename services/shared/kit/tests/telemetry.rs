//! One trace over a border: a caller's span, the door's span beneath it, and the header the journal keeps, as a collector sees them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failed test should panic

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use kit::auth::token::KeyPair;
use kit::auth::{Guard, Issuer, Policies, Revocations, TokenSigner, TokenVerifier};
use kit::caller::{Caller, CallerKind};
use kit::server::{ServerOptions, serve};
use kit::telemetry::{self, TelemetryOptions};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{TraceService, TraceServiceServer};
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use opentelemetry_proto::tonic::trace::v1::Span;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Request, Response, Status, Streaming};
use tracing::Instrument;
use xiezhi_proto::bus::v1::blob_service_client::BlobServiceClient;
use xiezhi_proto::bus::v1::blob_service_server::{BlobService, BlobServiceServer};
use xiezhi_proto::bus::v1::{DownloadBlobRequest, DownloadBlobResponse, UploadBlobRequest, UploadBlobResponse};

/// A collector that keeps what it is sent.
#[derive(Clone, Default)]
struct Collector(Arc<Mutex<Vec<Span>>>);

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let spans = request.into_inner().resource_spans.into_iter().flat_map(|resource| resource.scope_spans);
        self.0.lock().unwrap().extend(spans.flat_map(|scope| scope.spans));
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

/// Answers an upload with the trace context that a journal row would keep.
struct Double;

#[tonic::async_trait]
impl BlobService for Double {
    type DownloadBlobStream = tokio_stream::Empty<Result<DownloadBlobResponse, Status>>;

    async fn upload_blob(
        &self,
        _request: Request<Streaming<UploadBlobRequest>>,
    ) -> Result<Response<UploadBlobResponse>, Status> {
        let media_type = telemetry::current_traceparent().unwrap_or_default();
        Ok(Response::new(UploadBlobResponse { media_type, ..UploadBlobResponse::default() }))
    }

    async fn download_blob(
        &self,
        _request: Request<DownloadBlobRequest>,
    ) -> Result<Response<Self::DownloadBlobStream>, Status> {
        Err(Status::unimplemented("not asked here"))
    }
}

async fn collector() -> (Collector, String) {
    let collector = Collector::default();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let service = TraceServiceServer::new(collector.clone());
    tokio::spawn(
        tonic::transport::Server::builder().add_service(service).serve_with_incoming(TcpListenerStream::new(listener)),
    );
    (collector, endpoint)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trace_goes_from_the_caller_through_the_door_into_what_is_written_down() {
    let (collector, endpoint) = collector().await;
    let options = TelemetryOptions { name: "house".to_owned(), otlp_endpoint: Some(endpoint), json: true };
    let telemetry = telemetry::init(&options).unwrap();

    let issuer = Issuer { centre: "c-1".to_owned(), simulated: true };
    let pair = KeyPair::generate().unwrap();
    let verifier = TokenVerifier::new(&pair.public_pem, &issuer).unwrap();
    let guard = Arc::new(Guard::new(verifier, Policies::embedded().unwrap(), Revocations::new()));
    let rpc = tonic::service::Routes::new(BlobServiceServer::new(Double)).into_axum_router();
    let options = ServerOptions::at("127.0.0.1:0".parse().unwrap());
    let serving = serve(options, rpc, axum::Router::new(), guard).await.unwrap();

    let caller = Caller {
        account: "canary-account".to_owned(),
        kind: CallerKind::Centre,
        unit: "centre".to_owned(),
        person: "canary-person".to_owned(),
        roles: BTreeSet::from(["window_clerk".to_owned()]),
    };
    let token =
        TokenSigner::from_pem(&pair.private_pem, issuer).unwrap().sign(&caller, Duration::from_secs(60)).unwrap();
    let span = tracing::info_span!("department.call");
    let written = async {
        let mut client = BlobServiceClient::connect(serving.url()).await.unwrap();
        let mut request = Request::new(tokio_stream::empty());
        request.metadata_mut().insert("authorization", format!("Bearer {}", token.token).parse().unwrap());
        telemetry::inject(request.metadata_mut());
        client.upload_blob(request).await.unwrap().into_inner().media_type
    }
    .instrument(span)
    .await;
    serving.shutdown().await;
    tokio::task::spawn_blocking(move || drop(telemetry)).await.unwrap();

    let spans = collector.0.lock().unwrap().clone();
    let named =
        |name: &str| spans.iter().find(|span| span.name == name).unwrap_or_else(|| panic!("{name} in {spans:#?}"));
    let (call, door) = (named("department.call"), named("xiezhi.bus.v1.BlobService/UploadBlob"));
    assert_eq!(door.trace_id, call.trace_id, "one trace");
    assert_eq!(door.parent_span_id, call.span_id, "the door's span lies beneath the caller's");
    assert_eq!(
        written,
        format!("00-{}-{}-01", hex(&door.trace_id), hex(&door.span_id)),
        "and the journal would continue it"
    );
    let seen = format!("{spans:?}");
    assert!(!seen.contains("canary") && !seen.contains(&token.token), "no caller and no token in a span");
}
