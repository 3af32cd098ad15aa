//! `OperationService`: each RPC in a few lines.

use kit::blob;
use kit::caller::{Call, Granted};
use kit::refusal::Refusal;
use kit::service::Keys;
use scheduling_domain::command::Evidence;
use tonic::{Request, Response, Status};
use xiezhi_proto::scheduling::v1 as proto;
use xiezhi_proto::scheduling::v1::operation_service_server::OperationService;

use super::OperationDoor;
use crate::DOUBLE_BOOKED;
use crate::app::{self, Cx, planning};
use crate::unit::{Needs, Unit};
use crate::wire::{read, write};

/// How often a plan is made anew after it lost somebody to another.
const PLANNING_TRIES: u32 = 4;

#[tonic::async_trait]
impl OperationService for OperationDoor {
    async fn list_operations(
        &self,
        request: Request<proto::ListOperationsRequest>,
    ) -> Result<Response<proto::ListOperationsResponse>, Status> {
        let granted = Granted::of(&request)?;
        Ok(Response::new(self.page_of_operations(&granted, request.get_ref()).await?))
    }

    async fn get_operation(
        &self,
        request: Request<proto::GetOperationRequest>,
    ) -> Result<Response<proto::GetOperationResponse>, Status> {
        let granted = Granted::of(&request)?;
        let id = read::operation_id(&request.get_ref().operation_id)?;
        Ok(Response::new(self.one_operation(&granted, id).await?))
    }

    async fn preview_plan(
        &self,
        request: Request<proto::PreviewPlanRequest>,
    ) -> Result<Response<proto::PreviewPlanResponse>, Status> {
        let granted = Granted::of(&request)?;
        let asked = request.get_ref();
        let id = read::operation_id(&asked.operation_id)?;
        let wish = read::wish(asked.terms.as_ref(), asked.not_before.as_ref(), asked.starts_at.as_ref())?;
        Ok(Response::new(self.preview(&granted, id, &wish).await?))
    }

    async fn approve_operation(
        &self,
        request: Request<proto::ApproveOperationRequest>,
    ) -> Result<Response<proto::ApproveOperationResponse>, Status> {
        let call = Call::of(&request, &request.get_ref().command_id)?;
        let asked = request.get_ref();
        let id = read::operation_id(&asked.operation_id)?;
        let wish = read::wish(asked.terms.as_ref(), asked.not_before.as_ref(), asked.starts_at.as_ref())?;
        let keys = self.planning_keys(id, &wish).await?;
        let decide = move |unit: &mut Unit, cx: &mut Cx| {
            let operation = planning::approve(unit, cx, id, &wish)?;
            Ok(proto::ApproveOperationResponse { operation: Some(write::decided(unit, &operation)) })
        };
        Ok(Response::new(self.planned(call, keys, decide).await?))
    }

    async fn reject_operation(
        &self,
        request: Request<proto::RejectOperationRequest>,
    ) -> Result<Response<proto::RejectOperationResponse>, Status> {
        let call = Call::of(&request, &request.get_ref().command_id)?;
        let asked = request.get_ref();
        let asked = read::reasoned(&asked.operation_id, &asked.reason_code, &asked.words)?;
        let keys = Keys::one(asked.operation.uuid());
        let decide = move |unit: &mut _, cx: &mut _| {
            let operation = app::reject(unit, cx, &asked)?;
            Ok(proto::RejectOperationResponse { operation: Some(write::decided(unit, &operation)) })
        };
        Ok(Response::new(self.corridor.command(call, keys, decide).await?))
    }

    async fn confirm_participation(
        &self,
        request: Request<proto::ConfirmParticipationRequest>,
    ) -> Result<Response<proto::ConfirmParticipationResponse>, Status> {
        let call = Call::of(&request, &request.get_ref().command_id)?;
        let asked = request.get_ref();
        let asked = read::attending(&asked.operation_id, &asked.unit_code, &[])?;
        let keys = Keys::one(asked.operation.uuid());
        let decide = move |unit: &mut _, cx: &mut _| {
            let operation = app::confirm(unit, cx, &asked)?;
            Ok(proto::ConfirmParticipationResponse { operation: Some(write::decided(unit, &operation)) })
        };
        Ok(Response::new(self.corridor.command(call, keys, decide).await?))
    }

    async fn decline_participation(
        &self,
        request: Request<proto::DeclineParticipationRequest>,
    ) -> Result<Response<proto::DeclineParticipationResponse>, Status> {
        let call = Call::of(&request, &request.get_ref().command_id)?;
        let asked = request.get_ref();
        let named = read::maybe_code("unit_code", &asked.unit_code)?;
        let asked = read::reasoned(&asked.operation_id, &asked.reason_code, &asked.words)?;
        let keys = Keys::one(asked.operation.uuid());
        let decide = move |unit: &mut _, cx: &mut _| {
            let operation = app::decline(unit, cx, &asked, named.as_ref())?;
            Ok(proto::DeclineParticipationResponse { operation: Some(write::decided(unit, &operation)) })
        };
        Ok(Response::new(self.corridor.command(call, keys, decide).await?))
    }

    async fn replace_officers(
        &self,
        request: Request<proto::ReplaceOfficersRequest>,
    ) -> Result<Response<proto::ReplaceOfficersResponse>, Status> {
        let call = Call::of(&request, &request.get_ref().command_id)?;
        let asked = request.get_ref();
        let asked = read::attending(&asked.operation_id, &asked.unit_code, &asked.officer_codes)?;
        let keys = Keys::one(asked.operation.uuid());
        let decide = move |unit: &mut _, cx: &mut _| {
            let operation = planning::replace_officers(unit, cx, &asked)?;
            Ok(proto::ReplaceOfficersResponse { operation: Some(write::decided(unit, &operation)) })
        };
        Ok(Response::new(self.corridor.command(call, keys, decide).await?))
    }

    async fn reschedule_operation(
        &self,
        request: Request<proto::RescheduleOperationRequest>,
    ) -> Result<Response<proto::RescheduleOperationResponse>, Status> {
        let call = Call::of(&request, &request.get_ref().command_id)?;
        let asked = request.get_ref();
        let wish = read::wish(asked.terms.as_ref(), asked.not_before.as_ref(), asked.starts_at.as_ref())?;
        let asked = read::reasoned(&asked.operation_id, &asked.reason_code, &asked.words)?;
        let keys = self.planning_keys(asked.operation, &wish).await?;
        let decide = move |unit: &mut Unit, cx: &mut Cx| {
            let operation = planning::reschedule(unit, cx, &asked, &wish)?;
            Ok(proto::RescheduleOperationResponse { operation: Some(write::decided(unit, &operation)) })
        };
        Ok(Response::new(self.planned(call, keys, decide).await?))
    }

    async fn check_in(
        &self,
        request: Request<proto::CheckInRequest>,
    ) -> Result<Response<proto::CheckInResponse>, Status> {
        let call = Call::of(&request, &request.get_ref().command_id)?;
        let asked = request.get_ref();
        let asked = read::attending(&asked.operation_id, &asked.unit_code, &asked.officer_codes)?;
        let keys = Keys::one(asked.operation.uuid());
        let decide = move |unit: &mut _, cx: &mut _| {
            let operation = app::check_in(unit, cx, &asked)?;
            Ok(proto::CheckInResponse { operation: Some(write::decided(unit, &operation)) })
        };
        Ok(Response::new(self.corridor.command(call, keys, decide).await?))
    }

    async fn start_operation(
        &self,
        request: Request<proto::StartOperationRequest>,
    ) -> Result<Response<proto::StartOperationResponse>, Status> {
        let call = Call::of(&request, &request.get_ref().command_id)?;
        let id = read::operation_id(&request.get_ref().operation_id)?;
        let decide = move |unit: &mut _, cx: &mut _| {
            let operation = app::start(unit, cx, id)?;
            Ok(proto::StartOperationResponse { operation: Some(write::decided(unit, &operation)) })
        };
        Ok(Response::new(self.corridor.command(call, Keys::one(id.uuid()), decide).await?))
    }

    async fn record_inspection(
        &self,
        request: Request<proto::RecordInspectionRequest>,
    ) -> Result<Response<proto::RecordInspectionResponse>, Status> {
        let call = Call::of(&request, &request.get_ref().command_id)?;
        let asked = read::record(request.get_ref())?;
        let evidence = self.evidence(&asked.evidence).await?;
        let keys = Keys::one(asked.operation.uuid());
        let decide = move |unit: &mut _, cx: &mut _| {
            let inspection = app::inspect(unit, cx, &asked, &evidence)?;
            Ok(proto::RecordInspectionResponse { inspection: Some(write::inspection(&inspection, &asked.words)) })
        };
        Ok(Response::new(self.corridor.command(call, keys, decide).await?))
    }

    async fn conclude_operation(
        &self,
        request: Request<proto::ConcludeOperationRequest>,
    ) -> Result<Response<proto::ConcludeOperationResponse>, Status> {
        let call = Call::of(&request, &request.get_ref().command_id)?;
        let asked = read::conclusion(request.get_ref())?;
        let keys = Keys::one(asked.operation.uuid());
        let decide = move |unit: &mut _, cx: &mut _| {
            let operation = app::conclude(unit, cx, &asked)?;
            Ok(proto::ConcludeOperationResponse { operation: Some(write::decided(unit, &operation)) })
        };
        Ok(Response::new(self.corridor.command(call, keys, decide).await?))
    }

    async fn cancel_operation(
        &self,
        request: Request<proto::CancelOperationRequest>,
    ) -> Result<Response<proto::CancelOperationResponse>, Status> {
        let call = Call::of(&request, &request.get_ref().command_id)?;
        let asked = request.get_ref();
        let asked = read::reasoned(&asked.operation_id, &asked.reason_code, &asked.words)?;
        let keys = Keys::one(asked.operation.uuid());
        let decide = move |unit: &mut _, cx: &mut _| {
            let operation = app::cancel(unit, cx, &asked)?;
            Ok(proto::CancelOperationResponse { operation: Some(write::decided(unit, &operation)) })
        };
        Ok(Response::new(self.corridor.command(call, keys, decide).await?))
    }

    async fn list_bookings(
        &self,
        request: Request<proto::ListBookingsRequest>,
    ) -> Result<Response<proto::ListBookingsResponse>, Status> {
        let granted = Granted::of(&request)?;
        Ok(Response::new(self.page_of_bookings(&granted, request.get_ref()).await?))
    }

    async fn list_open_tasks(
        &self,
        request: Request<proto::ListOpenTasksRequest>,
    ) -> Result<Response<proto::ListOpenTasksResponse>, Status> {
        let granted = Granted::of(&request)?;
        Ok(Response::new(self.page_of_tasks(&granted, request.get_ref()).await?))
    }
}

impl OperationDoor {
    /// Decides what plans. Where another approval took somebody a moment earlier, the store refuses and the plan is made
    /// anew with what is then free; a refusal is never stored, so the command may be decided again.
    async fn planned<M: prost::Message + Default>(
        &self,
        call: Call,
        keys: Keys<Needs>,
        decide: impl Fn(&mut Unit, &mut Cx) -> Result<M, Refusal> + Clone + Send + Sync + 'static,
    ) -> Result<M, Refusal> {
        let mut tries = 0;
        loop {
            match self.corridor.command(call.clone(), keys.clone(), decide.clone()).await {
                Err(Refusal::Forbidden { reason: DOUBLE_BOOKED, .. }) if tries < PLANNING_TRIES => tries += 1,
                answer => return answer,
            }
        }
    }

    /// Evidence that was uploaded before; what was not is a mistake of the request.
    async fn evidence(&self, cited: &[vocab::BlobRef]) -> Result<Vec<Evidence>, Refusal> {
        if cited.is_empty() {
            return Ok(Vec::new());
        }
        let hashes: Vec<Vec<u8>> = cited.iter().map(|blob| blob.digest().to_vec()).collect();
        let known = blob::list(self.corridor.pool(), &hashes).await?;
        cited
            .iter()
            .map(|cited| {
                let stored = known.iter().find(|stored| stored.sha256.as_slice() == cited.digest().as_slice());
                let stored = stored.ok_or_else(|| {
                    Refusal::field("evidence_sha256", format!("{cited} has not been uploaded to this service"))
                })?;
                Ok(Evidence {
                    blob: *cited,
                    media_type: stored.media_type.clone(),
                    size_bytes: u64::try_from(stored.size_bytes).unwrap_or_default(),
                })
            })
            .collect()
    }
}
