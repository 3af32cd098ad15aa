//! `BusService`: the door to the buses of this process.

use std::pin::Pin;

use futures::Stream;
use tonic::{Request, Response, Status};
use uuid::Uuid;
use xiezhi_proto::bus::v1 as proto;
use xiezhi_proto::bus::v1::bus_service_server::BusService;

use super::Nodes;
use crate::caller::{Call, Granted};
use crate::refusal::{Checks, Refusal};
use crate::wire::from_proto_time;

/// The door to the buses of this process.
pub struct BusDoor {
    nodes: Nodes,
}

impl BusDoor {
    /// A door to the buses of these services.
    pub fn new(nodes: Nodes) -> Self {
        Self { nodes }
    }
}

pub(super) fn key_of(field: &str, text: &str) -> Result<Option<Uuid>, Refusal> {
    if text.is_empty() {
        return Ok(None);
    }
    Uuid::parse_str(text).map(Some).map_err(|_| Refusal::field(field, "must be a UUID or empty"))
}

fn uuid_of(field: &str, text: &str) -> Result<Uuid, Refusal> {
    key_of(field, text)?.ok_or_else(|| Refusal::field(field, "must be a UUID"))
}

#[tonic::async_trait]
impl BusService for BusDoor {
    type ReadJournalStream = Pin<Box<dyn Stream<Item = Result<proto::ReadJournalResponse, Status>> + Send>>;

    async fn high_water(
        &self,
        request: Request<proto::HighWaterRequest>,
    ) -> Result<Response<proto::HighWaterResponse>, Status> {
        Ok(Response::new(self.nodes.find(&request.get_ref().service)?.high_water().await?))
    }

    async fn read_journal(
        &self,
        request: Request<proto::ReadJournalRequest>,
    ) -> Result<Response<Self::ReadJournalStream>, Status> {
        let request = request.into_inner();
        Ok(Response::new(self.nodes.find(&request.service)?.read_journal(request)?))
    }

    async fn list_cursors(
        &self,
        request: Request<proto::ListCursorsRequest>,
    ) -> Result<Response<proto::ListCursorsResponse>, Status> {
        Ok(Response::new(self.nodes.find(&request.get_ref().service)?.cursors().await?))
    }

    async fn list_parked(
        &self,
        request: Request<proto::ListParkedRequest>,
    ) -> Result<Response<proto::ListParkedResponse>, Status> {
        let request = request.into_inner();
        Ok(Response::new(self.nodes.find(&request.service)?.parked(request).await?))
    }

    async fn decide_parked(
        &self,
        request: Request<proto::DecideParkedRequest>,
    ) -> Result<Response<proto::DecideParkedResponse>, Status> {
        let by = Granted::of(&request)?.caller.actor();
        let request = request.into_inner();
        let mut checks = Checks::new();
        checks.text("why", &request.why, 1, 500, true);
        if request.decision() == proto::ParkedDecision::Unspecified {
            checks.wrong("decision", "must be retry or skip");
        }
        checks.done()?;
        let node = self.nodes.find(&request.service)?;
        node.decide_parked(request, by).await?;
        Ok(Response::new(proto::DecideParkedResponse {}))
    }

    async fn recover_journal(
        &self,
        request: Request<proto::RecoverJournalRequest>,
    ) -> Result<Response<proto::RecoverJournalResponse>, Status> {
        let by = Granted::of(&request)?.caller.actor();
        let request = request.into_inner();
        let mut checks = Checks::new();
        // Only what gives something up must say why.
        checks.text("why", &request.why, usize::from(request.accept_loss), 500, true);
        checks.done()?;
        let node = self.nodes.find(&request.service)?;
        Ok(Response::new(node.recover(request, by).await?))
    }

    async fn list_affected(
        &self,
        request: Request<proto::ListAffectedRequest>,
    ) -> Result<Response<proto::ListAffectedResponse>, Status> {
        let request = request.into_inner();
        Ok(Response::new(self.nodes.find(&request.service)?.affected(request).await?))
    }

    async fn settle_affected(
        &self,
        request: Request<proto::SettleAffectedRequest>,
    ) -> Result<Response<proto::SettleAffectedResponse>, Status> {
        let by = Granted::of(&request)?.caller.actor();
        let request = request.into_inner();
        let mut checks = Checks::new();
        checks.text("why", &request.why, 1, 500, true);
        checks.done()?;
        let key = uuid_of("key", &request.key)?;
        let node = self.nodes.find(&request.service)?;
        let which = (request.producer, request.epoch, key);
        Ok(Response::new(node.settle_affected(which, by, request.why).await?))
    }

    async fn list_timers(
        &self,
        request: Request<proto::ListTimersRequest>,
    ) -> Result<Response<proto::ListTimersResponse>, Status> {
        let request = request.into_inner();
        Ok(Response::new(self.nodes.find(&request.service)?.timers(request).await?))
    }

    async fn find_command(
        &self,
        request: Request<proto::FindCommandRequest>,
    ) -> Result<Response<proto::FindCommandResponse>, Status> {
        let request = request.into_inner();
        let id = uuid_of("command_id", &request.command_id)?;
        Ok(Response::new(self.nodes.find(&request.service)?.command(id).await?))
    }

    async fn check_stream(
        &self,
        request: Request<proto::CheckStreamRequest>,
    ) -> Result<Response<proto::CheckStreamResponse>, Status> {
        Ok(Response::new(self.nodes.find(&request.get_ref().service)?.check_stream().await?))
    }

    async fn get_clock(
        &self,
        request: Request<proto::GetClockRequest>,
    ) -> Result<Response<proto::GetClockResponse>, Status> {
        Ok(Response::new(self.nodes.find(&request.get_ref().service)?.clock().await?))
    }

    async fn turn_clock(
        &self,
        request: Request<proto::TurnClockRequest>,
    ) -> Result<Response<proto::TurnClockResponse>, Status> {
        let request = request.into_inner();
        let turn_id = uuid_of("turn_id", &request.turn_id)?;
        let to = from_proto_time(request.to).map_err(|error| Refusal::field("to", error))?;
        let as_of = request.as_of.map(|at| from_proto_time(Some(at))).transpose();
        let as_of = as_of.map_err(|error| Refusal::field("as_of", error))?;
        Ok(Response::new(self.nodes.find(&request.service)?.turn(turn_id, to, as_of).await?))
    }

    async fn confirm_clock(
        &self,
        request: Request<proto::ConfirmClockRequest>,
    ) -> Result<Response<proto::ConfirmClockResponse>, Status> {
        self.nodes.find(&request.get_ref().service)?.confirm_clock().await?;
        Ok(Response::new(proto::ConfirmClockResponse {}))
    }

    async fn publish_bundle(
        &self,
        request: Request<proto::PublishBundleRequest>,
    ) -> Result<Response<proto::PublishBundleResponse>, Status> {
        let call = Call::of(&request, &request.get_ref().command_id)?;
        let request = request.into_inner();
        if request.sha256.len() != 32 {
            return Err(Refusal::field("sha256", "must have 32 bytes").into());
        }
        let node = self.nodes.find(&request.service)?;
        Ok(Response::new(node.publish_bundle(call, request.sha256.to_vec()).await?))
    }

    async fn get_bundle(
        &self,
        request: Request<proto::GetBundleRequest>,
    ) -> Result<Response<proto::GetBundleResponse>, Status> {
        Ok(Response::new(self.nodes.find(&request.get_ref().service)?.bundle().await?))
    }
}
