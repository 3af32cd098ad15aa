//! The bus's own doors: journal, cursors, parked events, timers, clock, bundles and files of every service in this process.

mod blobs;
mod bus;
mod local;
mod peer;
mod stream;

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::stream::BoxStream;
use tonic::Status;
use xiezhi_proto::bus::v1 as proto;

use crate::caller::Call;
use crate::context::Blob;
use crate::refusal::Refusal;

pub use blobs::BlobDoor;
pub use bus::BusDoor;
pub(crate) use local::LocalNode;
pub use peer::PeerJournal;

/// One service's bus as the doors see it; the doors serve several services from one port.
#[tonic::async_trait]
pub trait BusNode: Send + Sync + 'static {
    /// The service's name.
    fn name(&self) -> &'static str;
    /// How far the journal is numbered.
    async fn high_water(&self) -> Result<proto::HighWaterResponse, Refusal>;
    /// Numbered events in order.
    fn read_journal(
        &self,
        request: proto::ReadJournalRequest,
    ) -> Result<BoxStream<'static, Result<proto::ReadJournalResponse, Status>>, Refusal>;
    /// How far this service's consumers have come.
    async fn cursors(&self) -> Result<proto::ListCursorsResponse, Refusal>;
    /// Parked events.
    async fn parked(&self, request: proto::ListParkedRequest) -> Result<proto::ListParkedResponse, Refusal>;
    /// A person decides a parked event.
    async fn decide_parked(&self, request: proto::DecideParkedRequest, by: String) -> Result<(), Refusal>;
    /// Timers.
    async fn timers(&self, request: proto::ListTimersRequest) -> Result<proto::ListTimersResponse, Refusal>;
    /// Whether a command was answered.
    async fn command(&self, command_id: uuid::Uuid) -> Result<proto::FindCommandResponse, Refusal>;
    /// Compares stream and journal.
    async fn check_stream(&self) -> Result<proto::CheckStreamResponse, Refusal>;
    /// Brings a journal that was restored to an earlier time forward.
    async fn recover(
        &self,
        request: proto::RecoverJournalRequest,
        by: String,
    ) -> Result<proto::RecoverJournalResponse, Refusal>;
    /// Cases that wait for a person after a recovery.
    async fn affected(&self, request: proto::ListAffectedRequest) -> Result<proto::ListAffectedResponse, Refusal>;
    /// A person has put one of them right.
    async fn settle_affected(
        &self,
        which: (String, i32, uuid::Uuid),
        by: String,
        why: String,
    ) -> Result<proto::SettleAffectedResponse, Refusal>;
    /// What time it is.
    async fn clock(&self) -> Result<proto::GetClockResponse, Refusal>;
    /// Turns the clock of a simulated centre.
    async fn turn(
        &self,
        turn_id: uuid::Uuid,
        to: jiff::Timestamp,
        as_of: Option<jiff::Timestamp>,
    ) -> Result<proto::TurnClockResponse, Refusal>;
    /// A person has found the time right.
    async fn confirm_clock(&self) -> Result<(), Refusal>;
    /// Puts a bundle in force.
    async fn publish_bundle(&self, call: Call, sha256: Vec<u8>) -> Result<proto::PublishBundleResponse, Refusal>;
    /// The bundle in force.
    async fn bundle(&self) -> Result<proto::GetBundleResponse, Refusal>;
    /// Stores a file.
    async fn keep_blob(&self, blob: Blob) -> Result<(), Refusal>;
    /// Reads a file.
    async fn find_blob(&self, sha256: Vec<u8>) -> Result<Option<Blob>, Refusal>;
    /// Accounts whose tokens no longer count.
    async fn revoked(&self) -> Result<Vec<String>, Refusal>;
}

/// The services of this process, by name.
#[derive(Clone, Default)]
pub struct Nodes(Arc<BTreeMap<&'static str, Arc<dyn BusNode>>>);

impl Nodes {
    /// Several services behind one port.
    pub fn new(nodes: impl IntoIterator<Item = Arc<dyn BusNode>>) -> Self {
        Self(Arc::new(nodes.into_iter().map(|node| (node.name(), node)).collect()))
    }

    /// The service a request means.
    fn find(&self, service: &str) -> Result<&Arc<dyn BusNode>, Refusal> {
        self.0.get(service).ok_or_else(|| {
            let here: Vec<&str> = self.0.keys().copied().collect();
            Refusal::field("service", format!("must be one of {}", here.join(", ")))
        })
    }

    /// Every service of this process.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<dyn BusNode>> {
        self.0.values()
    }
}
