//! The door, met by real clients: over plain loopback and TLS, by gRPC, gRPC-Web and HTTP, on good days and bad ones.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failed test should panic

use std::collections::BTreeSet;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::Stream;
use kit::auth::token::KeyPair;
use kit::auth::{Guard, Issuer, Policies, Revocations, TokenSigner, TokenVerifier};
use kit::caller::{Caller, CallerKind, Granted};
use kit::server::{LARGEST_MESSAGE, PeerCertificates, ServeError, ServerOptions, Serving, TlsFiles, serve};
use prost::Message;
use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair as CertificateKey};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_stream::StreamExt;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};
use tonic::{Code, Request, Response, Status, Streaming};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use tonic_types::StatusExt;
use xiezhi_proto::bus::v1::blob_service_client::BlobServiceClient;
use xiezhi_proto::bus::v1::blob_service_server::{BlobService, BlobServiceServer};
use xiezhi_proto::bus::v1::{DownloadBlobRequest, DownloadBlobResponse, UploadBlobRequest, UploadBlobResponse};

/// What a request asks this double to do, in place of naming a service.
const ONE: &str = "one";
const FOR_EVER: &str = "for ever";
const SILENT: &str = "silent";
const SLOW: &str = "slow";

/// A service that stands still, streams for ever or answers at once, as it is asked. It is the door that is tested.
#[derive(Clone, Default)]
struct Double;

type Chunks = Pin<Box<dyn Stream<Item = Result<DownloadBlobResponse, Status>> + Send>>;

#[tonic::async_trait]
impl BlobService for Double {
    type DownloadBlobStream = Chunks;

    async fn upload_blob(
        &self,
        request: Request<Streaming<UploadBlobRequest>>,
    ) -> Result<Response<UploadBlobResponse>, Status> {
        let mut stream = request.into_inner();
        let mut size_bytes = 0;
        while let Some(chunk) = stream.message().await? {
            size_bytes += chunk.chunk.len() as u64;
        }
        Ok(Response::new(UploadBlobResponse { sha256: Default::default(), media_type: String::new(), size_bytes }))
    }

    async fn download_blob(&self, request: Request<DownloadBlobRequest>) -> Result<Response<Chunks>, Status> {
        let granted = Granted::of(&request)?;
        let certificates = request.extensions().get::<PeerCertificates>().map_or(0, |shown| shown.0.len());
        let media_type = format!("{} {certificates}", granted.caller.account);
        let answer = move |_| Ok(DownloadBlobResponse { chunk: vec![1; 1000].into(), media_type: media_type.clone() });
        let chunks: Chunks = match request.get_ref().service.as_str() {
            ONE => Box::pin(tokio_stream::once(()).map(answer)),
            FOR_EVER => Box::pin(tokio_stream::iter(std::iter::repeat(())).map(answer)),
            SILENT => Box::pin(tokio_stream::once(()).map(answer).chain(tokio_stream::pending())),
            _ => {
                tokio::time::sleep(Duration::from_millis(600)).await;
                Box::pin(tokio_stream::once(()).map(answer))
            }
        };
        Ok(Response::new(chunks))
    }
}

/// A house with one door and its keys.
struct House {
    serving: Serving,
    signer: TokenSigner,
    revocations: Revocations,
}

async fn house_with(change: impl FnOnce(&mut ServerOptions)) -> House {
    let issuer = Issuer { centre: "c-1".to_owned(), simulated: true };
    let pair = KeyPair::generate().unwrap();
    let signer = TokenSigner::from_pem(&pair.private_pem, issuer.clone()).unwrap();
    let verifier = TokenVerifier::new(&pair.public_pem, &issuer).unwrap();
    let revocations = Revocations::new();
    let guard = Guard::new(verifier, Policies::embedded().unwrap(), revocations.clone())
        .looking_every(Duration::from_millis(100));
    let mut options = ServerOptions::at("127.0.0.1:0".parse().unwrap());
    change(&mut options);
    let rpc = tonic::service::Routes::new(BlobServiceServer::new(Double)).into_axum_router();
    let web = axum::Router::new().fallback(async || "console");
    let serving = serve(options, rpc, web, Arc::new(guard)).await.unwrap();
    House { serving, signer, revocations }
}

async fn house() -> House {
    house_with(|_| ()).await
}

impl House {
    async fn channel(&self) -> Channel {
        Endpoint::from_shared(self.serving.url()).unwrap().connect().await.unwrap()
    }

    async fn client(&self) -> BlobServiceClient<Channel> {
        BlobServiceClient::new(self.channel().await)
    }

    /// A request with a token of the window clerk `account`, for `life`.
    fn by<T>(&self, account: &str, life: Duration, message: T) -> Request<T> {
        let caller = Caller {
            account: account.to_owned(),
            kind: CallerKind::Centre,
            unit: "centre".to_owned(),
            person: String::new(),
            roles: BTreeSet::from(["window_clerk".to_owned()]),
        };
        let token = self.signer.sign(&caller, life).unwrap().token;
        let mut request = Request::new(message);
        request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
        request
    }

    fn ask(&self, what: &str) -> Request<DownloadBlobRequest> {
        self.by("clerk-1", Duration::from_secs(60), wanted(what))
    }
}

fn wanted(what: &str) -> DownloadBlobRequest {
    DownloadBlobRequest { service: what.to_owned(), sha256: Default::default() }
}

fn reason(status: &Status) -> String {
    status.get_error_details().error_info().map(|info| info.reason.clone()).unwrap_or_default()
}

#[tokio::test]
async fn a_caller_with_a_right_gets_its_answer_and_the_handler_knows_who_it_is() {
    let house = house().await;
    let mut stream = house.client().await.download_blob(house.ask(ONE)).await.unwrap().into_inner();
    assert_eq!(stream.message().await.unwrap().unwrap().media_type, "clerk-1 0");
    assert_eq!(stream.message().await.unwrap(), None);
}

#[tokio::test]
async fn a_caller_without_a_token_meets_a_status_with_details() {
    let house = house().await;
    let refused = house.client().await.download_blob(wanted(ONE)).await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused)), (Code::Unauthenticated, "bus.token_missing".to_owned()));
    let details = refused.get_error_details();
    assert!(details.localized_message().unwrap().message.contains("令牌"));
}

/// The status a stream ends with, and how long it took.
async fn end_of(mut stream: Streaming<DownloadBlobResponse>) -> (Status, Duration) {
    let began = Instant::now();
    loop {
        match stream.message().await {
            Ok(Some(_)) => {}
            Ok(None) => panic!("the stream ended well"),
            Err(status) => return (status, began.elapsed()),
        }
    }
}

#[tokio::test]
async fn open_streams_of_a_disabled_account_end_whether_they_flow_or_wait() {
    let house = house().await;
    for kind in [FOR_EVER, SILENT] {
        let account = format!("clerk {kind}");
        let request = house.by(&account, Duration::from_secs(60), wanted(kind));
        let mut stream = house.client().await.download_blob(request).await.unwrap().into_inner();
        stream.message().await.unwrap().unwrap();
        let beside = house.client().await.download_blob(house.ask(SILENT)).await.unwrap().into_inner();
        house.revocations.push(account);
        let (status, took) = end_of(stream).await;
        assert_eq!(
            (status.code(), reason(&status)),
            (Code::Unauthenticated, "bus.account_disabled".to_owned()),
            "{kind}"
        );
        assert!(took < Duration::from_secs(5), "{kind} ended after {took:?}");
        let still = tokio::time::timeout(Duration::from_millis(300), end_of(beside)).await;
        assert!(still.is_err(), "another's stream goes on");
    }
}

#[tokio::test]
async fn a_stream_ends_with_its_token() {
    let house = house().await;
    let request = house.by("clerk-1", Duration::from_secs(2), wanted(SILENT));
    let stream = house.client().await.download_blob(request).await.unwrap().into_inner();
    let (status, _) = tokio::time::timeout(Duration::from_secs(5), end_of(stream)).await.unwrap();
    assert_eq!((status.code(), reason(&status)), (Code::Unauthenticated, "bus.token_expired".to_owned()));
}

#[tokio::test]
async fn an_upload_of_a_disabled_account_breaks_off() {
    let house = house().await;
    let first = UploadBlobRequest { service: String::new(), chunk: vec![1; 10].into() };
    let endless = tokio_stream::once(first).chain(tokio_stream::pending());
    let request = house.by("clerk-9", Duration::from_secs(60), endless);
    let mut client = house.client().await;
    let upload = tokio::spawn(async move { client.upload_blob(request).await });
    tokio::time::sleep(Duration::from_millis(150)).await;
    house.revocations.push("clerk-9");
    let ended = tokio::time::timeout(Duration::from_secs(5), upload).await.unwrap().unwrap();
    let status = ended.unwrap_err();
    assert_eq!((status.code(), reason(&status)), (Code::Unauthenticated, "bus.account_disabled".to_owned()));
}

#[tokio::test]
async fn a_request_above_the_largest_is_refused_with_its_field_and_the_connection_goes_on() {
    let house = house().await;
    let mut client = house.client().await;
    for size in [LARGEST_MESSAGE + 1, 20 * LARGEST_MESSAGE] {
        let large = UploadBlobRequest { service: String::new(), chunk: vec![1; size].into() };
        let request = house.by("clerk-1", Duration::from_secs(60), tokio_stream::once(large));
        let refused = client.upload_blob(request).await.unwrap_err();
        assert_eq!((refused.code(), reason(&refused)), (Code::InvalidArgument, "bus.invalid_argument".to_owned()));
        let details = refused.get_error_details();
        assert!(details.bad_request().unwrap().field_violations[0].description.contains("BlobService"));
    }
    let half = UploadBlobRequest { service: String::new(), chunk: vec![1; LARGEST_MESSAGE / 2].into() };
    let many = tokio_stream::iter(vec![half; 6]);
    let answer = client.upload_blob(house.by("clerk-1", Duration::from_secs(60), many)).await.unwrap();
    assert_eq!(answer.into_inner().size_bytes, 3 * LARGEST_MESSAGE as u64);
}

#[tokio::test]
async fn what_is_too_much_is_shed_and_health_still_answers() {
    let house = house_with(|options| options.most_at_once = 1).await;
    let mut client = house.client().await;
    let slow = tokio::spawn({
        let (mut client, request) = (client.clone(), house.ask(SLOW));
        async move { client.download_blob(request).await }
    });
    tokio::time::sleep(Duration::from_millis(150)).await;
    let shed = client.download_blob(house.ask(ONE)).await.unwrap_err();
    assert_eq!((shed.code(), reason(&shed)), (Code::ResourceExhausted, "bus.overloaded".to_owned()));
    assert!(shed.get_error_details().retry_info().is_some());
    HealthClient::new(house.channel().await).check(HealthCheckRequest::default()).await.unwrap();
    slow.await.unwrap().unwrap();
    client.download_blob(house.ask(ONE)).await.unwrap();
}

#[tokio::test]
async fn what_takes_longer_than_its_caller_waits_is_ended_here_too() {
    let house = house().await;
    // By hand, because a stock client gives up by itself first.
    let request = house.ask(SLOW);
    let token = request.metadata().get("authorization").unwrap().to_str().unwrap().to_owned();
    let head = format!(
        "POST /xiezhi.bus.v1.BlobService/DownloadBlob HTTP/1.1\r\ncontent-type: application/grpc-web+proto\r\n\
         authorization: {token}\r\ngrpc-timeout: 100m"
    );
    let message = request.get_ref().encode_to_vec();
    let mut body = vec![0, 0, 0, 0, u8::try_from(message.len()).unwrap()];
    body.extend(message);
    let answer = http(&house, &head, &body).await;
    assert!(answer.contains("grpc-status: 4") || answer.contains("grpc-status:4"), "{answer}");
}

#[tokio::test]
async fn health_and_the_contract_are_open_and_what_is_not_in_it_does_not_exist() {
    let house = house().await;
    let channel = house.channel().await;
    HealthClient::new(channel.clone()).check(HealthCheckRequest::default()).await.unwrap();
    let mut reflection =
        tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient::new(channel.clone());
    let question = tonic_reflection::pb::v1::ServerReflectionRequest {
        host: String::new(),
        message_request: Some(
            tonic_reflection::pb::v1::server_reflection_request::MessageRequest::FileContainingSymbol(
                "xiezhi.bus.v1.BlobService".to_owned(),
            ),
        ),
    };
    let mut answers = reflection.server_reflection_info(tokio_stream::once(question)).await.unwrap().into_inner();
    let answer = answers.message().await.unwrap().unwrap().message_response.unwrap();
    assert!(
        matches!(
            answer,
            tonic_reflection::pb::v1::server_reflection_response::MessageResponse::FileDescriptorResponse(_)
        ),
        "{answer:?}"
    );
    let mut grpc = tonic::client::Grpc::new(channel);
    grpc.ready().await.unwrap();
    let codec = tonic_prost::ProstCodec::<DownloadBlobRequest, DownloadBlobResponse>::default();
    let path = http::uri::PathAndQuery::from_static("/xiezhi.bus.v1.BlobService/Burn");
    let refused = grpc.unary(house.ask(ONE), path, codec).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unimplemented);
}

/// One HTTP/1.1 exchange by hand; the whole answer as it came.
async fn http(house: &House, head: &str, body: &[u8]) -> String {
    let mut stream = tokio::net::TcpStream::connect(house.serving.local_addr()).await.unwrap();
    let request = format!("{head}\r\nhost: localhost\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", body.len());
    stream.write_all(request.as_bytes()).await.unwrap();
    stream.write_all(body).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn browsers_and_figures_come_in_by_the_same_port() {
    let house = house().await;
    house.client().await.download_blob(house.ask(ONE)).await.unwrap().into_inner().message().await.unwrap();
    assert!(http(&house, "GET /cases/1 HTTP/1.1", b"").await.ends_with("console"));
    assert!(http(&house, "GET /healthz HTTP/1.1", b"").await.ends_with("ok\n"));
    // A message of no bytes: a flag and the length 0.
    let web = "HTTP/1.1\r\ncontent-type: application/grpc-web+proto\r\naccept: application/grpc-web+proto";
    let answer = http(&house, &format!("POST /grpc.health.v1.Health/Check {web}"), &[0; 5]).await;
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("grpc-status:0"), "{answer}");
    let refused = http(&house, &format!("POST /xiezhi.bus.v1.BlobService/DownloadBlob {web}"), &[0; 5]).await;
    assert!(refused.contains("grpc-status: 16") || refused.contains("grpc-status:16"), "{refused}");
    let figures = http(&house, "GET /metrics HTTP/1.1", b"").await;
    for expected in [
        "# TYPE xiezhi_rpc_total counter",
        "xiezhi_rpc_total{code=\"Ok\",method=\"/grpc.health.v1.Health/Check\"} ",
        "xiezhi_rpc_total{code=\"Unauthenticated\",method=\"/xiezhi.bus.v1.BlobService/DownloadBlob\"} ",
        "xiezhi_rpc_seconds_count{method=\"/grpc.health.v1.Health/Check\"} ",
        "xiezhi_connections ",
    ] {
        assert!(figures.contains(expected), "{expected} is not in\n{figures}");
    }
}

#[tokio::test]
async fn plain_text_is_for_loopback_alone() {
    let issuer = Issuer { centre: "c-1".to_owned(), simulated: true };
    let verifier = TokenVerifier::new(&KeyPair::generate().unwrap().public_pem, &issuer).unwrap();
    let guard = Arc::new(Guard::new(verifier, Policies::embedded().unwrap(), Revocations::new()));
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:443"] {
        let options = ServerOptions::at(address.parse().unwrap());
        let refused = serve(options, axum::Router::new(), axum::Router::new(), Arc::clone(&guard)).await.unwrap_err();
        assert!(matches!(refused, ServeError::PlainText(_)), "{refused}");
        assert!(refused.says().zh.contains("TLS") && refused.says().en.contains("TLS"));
    }
}

#[tokio::test]
async fn a_taken_port_is_said_with_its_address() {
    let house = house().await;
    let address = house.serving.local_addr();
    let issuer = Issuer { centre: "c-1".to_owned(), simulated: true };
    let verifier = TokenVerifier::new(&KeyPair::generate().unwrap().public_pem, &issuer).unwrap();
    let guard = Arc::new(Guard::new(verifier, Policies::embedded().unwrap(), Revocations::new()));
    let refused = serve(ServerOptions::at(address), axum::Router::new(), axum::Router::new(), guard).await.unwrap_err();
    assert!(refused.says().zh.contains(&address.to_string()), "{refused}");
}

/// An authority with certificates of a server on this machine and of a client, as files.
struct Papers {
    folder: tempfile::TempDir,
    authority: String,
    client: (String, String),
}

impl Papers {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let key = CertificateKey::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = params.self_signed(&key).unwrap().pem();
        let issuer = rcgen::Issuer::new(params, key);
        let issue = |name: &str| {
            let key = CertificateKey::generate().unwrap();
            let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
            (params.signed_by(&key, &issuer).unwrap().pem(), key.serialize_pem())
        };
        let server = issue("localhost");
        let client = issue("zf.example");
        for (name, text) in [("server.pem", &server.0), ("server.key", &server.1), ("authority.pem", &authority)] {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        Self { folder, authority, client }
    }

    fn files(&self) -> TlsFiles {
        let path = |name: &str| self.folder.path().join(name);
        TlsFiles {
            certificate: path("server.pem"),
            key: path("server.key"),
            client_authority: Some(path("authority.pem")),
        }
    }
}

async fn over_tls(house: &House, tls: ClientTlsConfig) -> Result<BlobServiceClient<Channel>, tonic::transport::Error> {
    let url = format!("https://localhost:{}", house.serving.local_addr().port());
    Ok(BlobServiceClient::new(Endpoint::from_shared(url)?.tls_config(tls)?.connect().await?))
}

#[tokio::test]
async fn over_tls_the_server_proves_itself_and_a_client_may_too() {
    let papers = Papers::new();
    let house = house_with(|options| options.tls = Some(papers.files())).await;
    assert!(house.serving.url().starts_with("https://"));
    let trusting =
        || ClientTlsConfig::new().ca_certificate(Certificate::from_pem(&papers.authority)).domain_name("localhost");

    let mut client = over_tls(&house, trusting()).await.unwrap();
    let mut stream = client.download_blob(house.ask(ONE)).await.unwrap().into_inner();
    assert_eq!(stream.message().await.unwrap().unwrap().media_type, "clerk-1 0");

    let shown = trusting().identity(Identity::from_pem(&papers.client.0, &papers.client.1));
    let mut client = over_tls(&house, shown).await.unwrap();
    let mut stream = client.download_blob(house.ask(ONE)).await.unwrap().into_inner();
    assert_eq!(stream.message().await.unwrap().unwrap().media_type, "clerk-1 1");
}

#[tokio::test]
async fn over_tls_neither_side_takes_papers_of_another_authority() {
    let (papers, others) = (Papers::new(), Papers::new());
    let house = house_with(|options| options.tls = Some(papers.files())).await;
    let distrusting =
        ClientTlsConfig::new().ca_certificate(Certificate::from_pem(&others.authority)).domain_name("localhost");
    assert!(over_tls(&house, distrusting).await.is_err());

    let forged = ClientTlsConfig::new()
        .ca_certificate(Certificate::from_pem(&papers.authority))
        .domain_name("localhost")
        .identity(Identity::from_pem(&others.client.0, &others.client.1));
    // With TLS 1.3 a refused client connects and learns of it by its first call.
    let called = match over_tls(&house, forged).await {
        Err(_) => return,
        Ok(mut client) => client.download_blob(house.ask(ONE)).await,
    };
    assert!(called.is_err());

    let plain = Endpoint::from_shared(format!("http://{}", house.serving.local_addr())).unwrap().connect().await;
    let refused = match plain {
        Err(_) => return,
        Ok(channel) => BlobServiceClient::new(channel).download_blob(house.ask(ONE)).await,
    };
    assert!(refused.is_err());
}

#[tokio::test]
async fn files_that_are_no_certificates_are_named() {
    let papers = Papers::new();
    std::fs::write(papers.folder.path().join("server.pem"), "nothing").unwrap();
    let issuer = Issuer { centre: "c-1".to_owned(), simulated: true };
    let verifier = TokenVerifier::new(&KeyPair::generate().unwrap().public_pem, &issuer).unwrap();
    let guard = Arc::new(Guard::new(verifier, Policies::embedded().unwrap(), Revocations::new()));
    let mut options = ServerOptions::at("127.0.0.1:0".parse().unwrap());
    options.tls = Some(papers.files());
    let refused =
        serve(options.clone(), axum::Router::new(), axum::Router::new(), Arc::clone(&guard)).await.unwrap_err();
    assert!(refused.says().en.contains("TLS") && refused.says().zh.contains("server.pem"), "{:?}", refused.says());
    options.tls = Some(TlsFiles { key: Path::new("/nowhere/at/all").to_owned(), ..Papers::new().files() });
    assert!(serve(options, axum::Router::new(), axum::Router::new(), guard).await.is_err());
}

#[tokio::test]
async fn a_house_that_closes_finishes_what_is_under_way_and_cuts_what_never_ends() {
    let house = house_with(|options| options.drain = Duration::from_millis(1500)).await;
    let mut client = house.client().await;
    let slow = tokio::spawn({
        let (mut client, request) = (client.clone(), house.ask(SLOW));
        async move { client.download_blob(request).await?.into_inner().message().await }
    });
    let endless = client.download_blob(house.ask(SILENT)).await.unwrap().into_inner();
    tokio::time::sleep(Duration::from_millis(100)).await;
    let address = house.serving.local_addr();
    let began = Instant::now();
    house.serving.shutdown().await;
    let took = began.elapsed();
    assert!(took >= Duration::from_millis(1400) && took < Duration::from_secs(4), "{took:?}");
    assert!(slow.await.unwrap().unwrap().is_some(), "it was under way and has its answer");
    assert!(end_of(endless).await.0.code() != Code::Ok);
    assert!(tokio::net::TcpStream::connect(address).await.is_err(), "nobody listens any more");
}
