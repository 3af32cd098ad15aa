//! What only other services know and a complainant is to be told: the words of a reply, and the clocks.

use std::sync::OnceLock;
use std::time::Duration;

use jiff::Timestamp;
use kit::settings::Peers;
use tokio::sync::Semaphore;
use tonic::Status;
use tonic::transport::Channel;
use vocab::CaseId;
use words::write;
use xiezhi_proto::assignment::v1 as assignment;
use xiezhi_proto::assignment::v1::assignment_service_client::AssignmentServiceClient;
use xiezhi_proto::supervision::v1 as supervision;
use xiezhi_proto::supervision::v1::supervision_service_client::SupervisionServiceClient;

/// Somebody waits at a screen: what does not come within this time is left out, and said to be.
const PATIENCE: Duration = Duration::from_secs(3);
/// At most so many questions are open at once. The public may ask as often as it likes; neighbours that do not answer must not
/// hold up the counter.
const OPEN_QUESTIONS: usize = 64;

/// The doors of assignment and supervision.
#[derive(Debug)]
pub struct Neighbours {
    peers: Peers,
    assignment: OnceLock<Channel>,
    supervision: OnceLock<Channel>,
    questions: Semaphore,
}

impl Neighbours {
    /// Doors at these addresses; nothing is connected before it is asked for.
    #[must_use]
    pub fn new(peers: Peers) -> Self {
        let questions = Semaphore::new(OPEN_QUESTIONS);
        Self { peers, assignment: OnceLock::new(), supervision: OnceLock::new(), questions }
    }

    fn channel(&self, service: &str, known: &OnceLock<Channel>) -> Result<Channel, Status> {
        if let Some(channel) = known.get() {
            return Ok(channel.clone());
        }
        let endpoint = self.peers.endpoint(service)?;
        Ok(known.get_or_init(|| endpoint.connect_lazy()).clone())
    }

    /// One question. The time counts from here, connecting included; where too many are open it is refused at once, for there is
    /// no line. What is not known there (yet) is answered by nothing.
    async fn ask<T: Default>(
        &self,
        question: impl Future<Output = Result<tonic::Response<T>, Status>>,
    ) -> Result<T, Status> {
        let Ok(_open) = self.questions.try_acquire() else {
            return Err(Status::resource_exhausted("too many questions are open"));
        };
        match tokio::time::timeout(PATIENCE, question).await {
            Ok(Ok(answer)) => Ok(answer.into_inner()),
            Ok(Err(status)) if status.code() == tonic::Code::NotFound => Ok(T::default()),
            Ok(Err(status)) => Err(status),
            Err(_) => Err(Status::deadline_exceeded("no answer in time")),
        }
    }

    /// The handling unit's words in the answer of a moment; empty where there are none.
    pub async fn reply(&self, head: CaseId, round: u32, handled_at: Option<Timestamp>) -> Result<String, Status> {
        let mut door = AssignmentServiceClient::new(self.channel("assignment", &self.assignment)?);
        let handled_at = handled_at.map(write::time);
        let request = assignment::GetReplyRequest { case_id: head.to_string(), round, handled_at };
        Ok(self.ask(door.get_reply(self.peers.request(request))).await?.reply)
    }

    /// Every clock of a case.
    pub async fn clocks(&self, case: CaseId) -> Result<Vec<supervision::ClockView>, Status> {
        let mut door = SupervisionServiceClient::new(self.channel("supervision", &self.supervision)?);
        let request = supervision::ListClocksRequest { case_id: case.to_string() };
        Ok(self.ask(door.list_clocks(self.peers.request(request))).await?.clocks)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failed test should panic
    use super::*;

    /// Takes connections and never says a word.
    async fn silent() -> (tokio::net::TcpListener, Peers) {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let addresses = ["assignment", "supervision"].map(|service| (service.to_owned(), address.clone()));
        (listener, Peers { addresses: addresses.into(), ..Peers::default() })
    }

    #[tokio::test(start_paused = true)]
    async fn a_neighbour_that_says_nothing_holds_up_nobody_for_long() {
        let (_listener, peers) = silent().await;
        let neighbours = Neighbours::new(peers);
        let case = CaseId::new(uuid::Uuid::from_u128(1));
        let asked = futures::future::join_all((0..200).map(|_| neighbours.clocks(case)));
        let began = tokio::time::Instant::now();
        let answers = asked.await;
        assert!(began.elapsed() < PATIENCE * 2, "{:?}", began.elapsed());
        let code = |wanted| answers.iter().filter(|answer| answer.as_ref().unwrap_err().code() == wanted).count();
        assert_eq!(code(tonic::Code::ResourceExhausted), 200 - OPEN_QUESTIONS);
        assert_eq!(answers.len() - code(tonic::Code::ResourceExhausted), OPEN_QUESTIONS);
        // Whoever gave up gave its place back.
        assert_eq!(neighbours.questions.available_permits(), OPEN_QUESTIONS);
    }
}
