//! What only other services know and a complainant is to be told: the words of a reply, and the clocks.

use std::sync::OnceLock;
use std::time::Duration;

use kit::settings::Peers;
use tonic::transport::Channel;
use tonic::{Request, Status};
use vocab::CaseId;
use xiezhi_proto::assignment::v1 as assignment;
use xiezhi_proto::assignment::v1::assignment_service_client::AssignmentServiceClient;
use xiezhi_proto::supervision::v1 as supervision;
use xiezhi_proto::supervision::v1::supervision_service_client::SupervisionServiceClient;

/// Somebody waits at a screen: what does not come within this time is left out, and said to be.
const PATIENCE: Duration = Duration::from_secs(3);

/// The doors of assignment and supervision.
#[derive(Debug)]
pub struct Neighbours {
    peers: Peers,
    assignment: OnceLock<Channel>,
    supervision: OnceLock<Channel>,
}

impl Neighbours {
    /// Doors at these addresses; nothing is connected before it is asked for.
    #[must_use]
    pub fn new(peers: Peers) -> Self {
        Self { peers, assignment: OnceLock::new(), supervision: OnceLock::new() }
    }

    fn request<T>(&self, message: T) -> Request<T> {
        let mut request = self.peers.request(message);
        request.set_timeout(PATIENCE);
        request
    }

    fn channel(&self, service: &str, known: &OnceLock<Channel>) -> Result<Channel, Status> {
        if let Some(channel) = known.get() {
            return Ok(channel.clone());
        }
        let endpoint = self.peers.endpoint(service)?;
        Ok(known.get_or_init(|| endpoint.connect_lazy()).clone())
    }

    /// The handling unit's reply of a round; none where there is none.
    pub async fn reply(&self, head: CaseId, round: u32) -> Result<String, Status> {
        let mut door = AssignmentServiceClient::new(self.channel("assignment", &self.assignment)?);
        let request = assignment::GetReplyRequest { case_id: head.to_string(), round };
        match door.get_reply(self.request(request)).await {
            Ok(answer) => Ok(answer.into_inner().reply),
            Err(status) if status.code() == tonic::Code::NotFound => Ok(String::new()),
            Err(status) => Err(status),
        }
    }

    /// Every clock of a case.
    pub async fn clocks(&self, case: CaseId) -> Result<Vec<supervision::ClockView>, Status> {
        let mut door = SupervisionServiceClient::new(self.channel("supervision", &self.supervision)?);
        let request = supervision::ListClocksRequest { case_id: case.to_string() };
        match door.list_clocks(self.request(request)).await {
            Ok(answer) => Ok(answer.into_inner().clocks),
            // Registered a moment ago, and not heard of there yet.
            Err(status) if status.code() == tonic::Code::NotFound => Ok(Vec::new()),
            Err(status) => Err(status),
        }
    }
}
