//! Reading another service's journal over gRPC: where a stream lost something, the journal has it.

use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use tonic::Status;
use xiezhi_proto::bus::v1::bus_service_client::BusServiceClient;
use xiezhi_proto::bus::v1::{Cursor, ListCursorsRequest, ReadJournalRequest};

use crate::envelope::Envelope;
use crate::settings::Peers;

/// How long a neighbour is given to say what it remembers.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(3);

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

impl PeerJournal {
    /// Where the neighbours' cursors on a service stand, of those neighbours that answer: each remembers a head of its chain.
    pub async fn cursors_on(&self, service: &str) -> Vec<Cursor> {
        let peers = self.peers.addresses.keys().filter(|peer| *peer != service);
        let asked = peers.map(|peer| async move {
            let asked = tokio::time::timeout(PATIENCE, self.cursors_of(peer)).await;
            match asked {
                Ok(Ok(cursors)) => cursors,
                Ok(Err(error)) => {
                    tracing::debug!(peer, %error, "a neighbour cannot be asked what it remembers");
                    Vec::new()
                }
                Err(_) => Vec::new(),
            }
        });
        let cursors = futures::future::join_all(asked).await;
        cursors.into_iter().flatten().filter(|cursor| cursor.producer == service).collect()
    }

    async fn cursors_of(&self, peer: &str) -> Result<Vec<Cursor>, Status> {
        let mut client = BusServiceClient::new(self.peers.endpoint(peer)?.connect().await.map_err(unreachable)?);
        let request = self.peers.request(ListCursorsRequest { service: peer.to_owned() });
        Ok(client.list_cursors(request).await?.into_inner().cursors)
    }

    /// When the current epoch of a service began: its latest such event, where there is one.
    pub async fn epochs(&self, service: &str) -> Result<Vec<Envelope>, Status> {
        let mut client = BusServiceClient::new(self.peers.endpoint(service)?.connect().await.map_err(unreachable)?);
        let key = crate::recover::epoch::key_of(service).to_string();
        let request = ReadJournalRequest { service: service.to_owned(), from_pos: 1, to_pos: 0, key };
        let events = client.read_journal(self.peers.request(request)).await?.into_inner();
        let events = events.and_then(|response| async move {
            let event = response.event.ok_or_else(|| Status::data_loss("an answer without an event"))?;
            Envelope::try_from(event).map_err(|error| Status::data_loss(error.to_string()))
        });
        events.try_collect().await
    }
}

fn unreachable(error: tonic::transport::Error) -> Status {
    Status::unavailable(error.to_string())
}
