//! Reading another service's journal over gRPC: where a stream lost something, the journal has it.

use std::time::Duration;

use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use tonic::metadata::MetadataValue;
use tonic::transport::{Channel, ClientTlsConfig, Endpoint};
use tonic::{Request, Status};
use xiezhi_proto::bus::v1::ReadJournalRequest;
use xiezhi_proto::bus::v1::bus_service_client::BusServiceClient;

use crate::envelope::Envelope;
use crate::settings::Peers;

/// The other services' journals.
#[derive(Debug, Clone)]
pub struct PeerJournal {
    peers: Peers,
}

impl PeerJournal {
    /// Journals at these addresses.
    pub fn new(peers: Peers) -> Self {
        Self { peers }
    }

    async fn channel(&self, service: &str) -> Result<Channel, Status> {
        let address = self
            .peers
            .addresses
            .get(service)
            .ok_or_else(|| Status::unavailable(format!("no address is known for {service}")))?;
        let mut endpoint = Endpoint::from_shared(address.clone())
            .map_err(|error| Status::unavailable(error.to_string()))?
            .connect_timeout(Duration::from_secs(2))
            .timeout(Duration::from_secs(30))
            .http2_keep_alive_interval(Duration::from_secs(5))
            .keep_alive_timeout(Duration::from_secs(5));
        if address.starts_with("https:") {
            endpoint = endpoint
                .tls_config(ClientTlsConfig::new().with_enabled_roots())
                .map_err(|error| Status::unavailable(error.to_string()))?;
        }
        endpoint.connect().await.map_err(|error| Status::unavailable(error.to_string()))
    }

    /// Numbered events of a service from one position to another (0: to the end), in order.
    pub async fn read(
        &self,
        service: &str,
        from_pos: i64,
        to_pos: i64,
    ) -> Result<BoxStream<'static, Result<Envelope, Status>>, Status> {
        let mut client = BusServiceClient::new(self.channel(service).await?);
        let mut request =
            Request::new(ReadJournalRequest { service: service.to_owned(), from_pos, to_pos, key: String::new() });
        let token = self.peers.token.read().map(|token| token.clone()).unwrap_or_default();
        if let Ok(value) = MetadataValue::try_from(format!("Bearer {token}")) {
            request.metadata_mut().insert("authorization", value);
        }
        let events = client.read_journal(request).await?.into_inner();
        let events = events.and_then(|response| async move {
            let event = response.event.ok_or_else(|| Status::data_loss("an answer without an event"))?;
            Envelope::try_from(event).map_err(|error| Status::data_loss(error.to_string()))
        });
        Ok(events.boxed())
    }
}
