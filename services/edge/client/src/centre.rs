//! A connection to a centre: one channel, typed clients, one bearer for all of them.

use std::collections::BTreeMap;
use std::future::Future;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};
use tonic::{Response, Status};
use xiezhi_proto::assignment::v1::account_service_client::AccountServiceClient;
use xiezhi_proto::assignment::v1::assignment_service_client::AssignmentServiceClient;
use xiezhi_proto::bus::v1::blob_service_client::BlobServiceClient;
use xiezhi_proto::bus::v1::bus_service_client::BusServiceClient;
use xiezhi_proto::evaluation::v1::evaluation_service_client::EvaluationServiceClient;
use xiezhi_proto::intake::v1::case_service_client::CaseServiceClient;
use xiezhi_proto::scheduling::v1::officer_service_client::OfficerServiceClient;
use xiezhi_proto::scheduling::v1::operation_service_client::OperationServiceClient;
use xiezhi_proto::supervision::v1::supervision_service_client::SupervisionServiceClient;

use crate::account::{self, Renewal};
use crate::bearer::Bearer;
use crate::options::{ClientOptions, Credentials, Tls};
use crate::orders::Orders;
use crate::refused::Error;
use crate::retry::{Retry, new_command_id};

/// The largest answer a client takes, in bytes; the centre's own limit for requests is smaller.
const LARGEST_ANSWER_BYTES: usize = 16 * 1024 * 1024;

/// What a typed client of a centre talks through.
pub type Door = InterceptedService<Channel, Bearer>;

/// 联合执法中心: a centre, as its callers see it. Clones share connection and token.
#[derive(Debug, Clone)]
pub struct Centre {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    channel: Channel,
    services: BTreeMap<String, Channel>,
    bearer: Bearer,
    retry: Retry,
    renewal: Option<Renewal>,
}

impl Centre {
    /// Connects lazily: the first call opens the connection, and every later one opens it again where it broke.
    pub async fn connect(options: ClientOptions) -> Result<Self, Error> {
        let channel = channel(&options.address, &options)?;
        let mut services = BTreeMap::new();
        for (service, address) in &options.services {
            services.insert(service.clone(), self::channel(address, &options)?);
        }
        let (bearer, retry) = (Bearer::default(), Retry::default());
        let renewal = match options.credentials {
            Credentials::None => None,
            Credentials::Token(token) => {
                bearer.set(&token).map_err(|_| Error::Token)?;
                None
            }
            Credentials::AccountKey { account, key } => {
                let door = services.get("assignment").unwrap_or(&channel).clone();
                Some(account::keep(door, account, Some(*key), retry, bearer.clone()).await?)
            }
            Credentials::Certificate { account } => {
                let door = services.get("assignment").unwrap_or(&channel).clone();
                Some(account::keep(door, account, None, retry, bearer.clone()).await?)
            }
        };
        Ok(Self { inner: Arc::new(Inner { channel, services, bearer, retry, renewal }) })
    }

    /// The same connection for another caller, with a token of its own.
    pub fn with_token(&self, token: &str) -> Result<Self, Error> {
        let bearer = Bearer::default();
        bearer.set(token).map_err(|_| Error::Token)?;
        let inner = &self.inner;
        let (channel, services) = (inner.channel.clone(), inner.services.clone());
        let inner = Inner { channel, services, bearer, retry: inner.retry, renewal: None };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Uses another token from now on, in every client that was ever taken from this centre.
    pub fn use_token(&self, token: &str) -> Result<(), Error> {
        self.inner.bearer.set(token).map_err(|_| Error::Token)
    }

    /// What typed clients of a service's package talk through.
    #[must_use]
    pub fn door(&self, service: &str) -> Door {
        let channel = self.inner.services.get(service).unwrap_or(&self.inner.channel);
        InterceptedService::new(channel.clone(), self.inner.bearer.clone())
    }

    /// The bus's doors of one service; its requests name the service all the same.
    #[must_use]
    pub fn bus(&self, service: &str) -> BusServiceClient<Door> {
        BusServiceClient::new(self.door(service)).max_decoding_message_size(LARGEST_ANSWER_BYTES)
    }

    /// The doors for files of one service.
    #[must_use]
    pub fn blobs(&self, service: &str) -> BlobServiceClient<Door> {
        BlobServiceClient::new(self.door(service)).max_decoding_message_size(LARGEST_ANSWER_BYTES)
    }

    /// 受理.
    #[must_use]
    pub fn intake(&self) -> CaseServiceClient<Door> {
        CaseServiceClient::new(self.door("intake")).max_decoding_message_size(LARGEST_ANSWER_BYTES)
    }

    /// 责任认定.
    #[must_use]
    pub fn assignment(&self) -> AssignmentServiceClient<Door> {
        AssignmentServiceClient::new(self.door("assignment")).max_decoding_message_size(LARGEST_ANSWER_BYTES)
    }

    /// 账号.
    #[must_use]
    pub fn accounts(&self) -> AccountServiceClient<Door> {
        AccountServiceClient::new(self.door("assignment"))
    }

    /// 联合执法.
    #[must_use]
    pub fn scheduling(&self) -> OperationServiceClient<Door> {
        OperationServiceClient::new(self.door("scheduling")).max_decoding_message_size(LARGEST_ANSWER_BYTES)
    }

    /// 执法人员.
    #[must_use]
    pub fn officers(&self) -> OfficerServiceClient<Door> {
        OfficerServiceClient::new(self.door("scheduling"))
    }

    /// 督查.
    #[must_use]
    pub fn supervision(&self) -> SupervisionServiceClient<Door> {
        SupervisionServiceClient::new(self.door("supervision")).max_decoding_message_size(LARGEST_ANSWER_BYTES)
    }

    /// 考核评价.
    #[must_use]
    pub fn evaluation(&self) -> EvaluationServiceClient<Door> {
        EvaluationServiceClient::new(self.door("evaluation")).max_decoding_message_size(LARGEST_ANSWER_BYTES)
    }

    /// The caller's own work orders from the very first on; see [`Centre::orders_after`].
    #[must_use]
    pub fn orders(&self) -> Orders {
        self.orders_after("", 0)
    }

    /// A unit's work orders after a position, with everything that happened since. An empty unit is the caller's own.
    #[must_use]
    pub fn orders_after(&self, unit_code: &str, position: u64) -> Orders {
        Orders::new(self.clone(), unit_code.to_owned(), position)
    }

    /// True where the token renews itself.
    #[must_use]
    pub fn renews(&self) -> bool {
        self.inner.renewal.is_some()
    }

    /// How commands are repeated.
    #[must_use]
    pub fn retry(&self) -> Retry {
        self.inner.retry
    }

    /// Sends a command, again and again under one `command_id` while the centre cannot be reached, within bounds.
    pub async fn command<T, F, Fut>(&self, mut call: F) -> Result<T, Error>
    where
        F: FnMut(String) -> Fut,
        Fut: Future<Output = Result<Response<T>, Status>>,
    {
        let command_id = new_command_id();
        self.inner.retry.run(|| call(command_id.clone())).await
    }

    /// Reads something, again while the centre cannot be reached, within the same bounds.
    pub async fn read<T, F, Fut>(&self, call: F) -> Result<T, Error>
    where
        F: FnMut() -> Fut,
        Fut: Future<Output = Result<Response<T>, Status>>,
    {
        self.inner.retry.run(call).await
    }
}

fn channel(address: &str, options: &ClientOptions) -> Result<Channel, Error> {
    let refused = |source| Error::Address { address: address.to_owned(), source };
    let mut endpoint = Endpoint::from_shared(address.to_owned())
        .map_err(refused)?
        .connect_timeout(options.connect_timeout)
        .timeout(options.call_timeout)
        .tcp_nodelay(true)
        .http2_keep_alive_interval(Duration::from_secs(20))
        .keep_alive_timeout(Duration::from_secs(10))
        .keep_alive_while_idle(true);
    if address.starts_with("https://") {
        endpoint = endpoint.tls_config(tls(&options.tls)?).map_err(refused)?;
    }
    Ok(endpoint.connect_lazy())
}

fn tls(files: &Tls) -> Result<ClientTlsConfig, Error> {
    let mut config = ClientTlsConfig::new();
    if let Some(ca) = &files.ca {
        config = config.ca_certificate(Certificate::from_pem(pem(ca)?));
    }
    if let Some((certificate, key)) = &files.identity {
        config = config.identity(Identity::from_pem(pem(certificate)?, pem(key)?));
    }
    if let Some(domain) = &files.domain {
        config = config.domain_name(domain.clone());
    }
    Ok(config)
}

fn pem(path: &Path) -> Result<Vec<u8>, Error> {
    std::fs::read(path).map_err(|source| Error::File { path: path.display().to_string(), source })
}
