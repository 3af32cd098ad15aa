//! Reading another service's journal over gRPC: where a stream lost something, the journal has it.

use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use tonic::Status;
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

    /// Numbered events of a service from one position to another (0: to the end), in order.
    pub async fn read(
        &self,
        service: &str,
        from_pos: i64,
        to_pos: i64,
    ) -> Result<BoxStream<'static, Result<Envelope, Status>>, Status> {
        let mut client = BusServiceClient::new(self.peers.endpoint(service)?.connect().await.map_err(unreachable)?);
        let request = ReadJournalRequest { service: service.to_owned(), from_pos, to_pos, key: String::new() };
        let events = client.read_journal(self.peers.request(request)).await?.into_inner();
        let events = events.and_then(|response| async move {
            let event = response.event.ok_or_else(|| Status::data_loss("an answer without an event"))?;
            Envelope::try_from(event).map_err(|error| Status::data_loss(error.to_string()))
        });
        Ok(events.boxed())
    }
}

fn unreachable(error: tonic::transport::Error) -> Status {
    Status::unavailable(error.to_string())
}
