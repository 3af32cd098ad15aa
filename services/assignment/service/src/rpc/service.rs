//! The RPCs, one line each.

use tonic::{Request, Response, Status};
use xiezhi_proto::assignment::v1 as wire;
use xiezhi_proto::assignment::v1::assignment_service_server::AssignmentService;

use super::Door;
use super::watch::Changes;

#[tonic::async_trait]
impl AssignmentService for Door {
    type WatchWorkOrdersStream = Changes;

    async fn watch_work_orders(
        &self,
        request: Request<wire::WatchWorkOrdersRequest>,
    ) -> Result<Response<Changes>, Status> {
        Ok(Response::new(self.watch(request).await?))
    }

    async fn answer_diagnosis(
        &self,
        request: Request<wire::AnswerDiagnosisRequest>,
    ) -> Result<Response<wire::AnswerDiagnosisResponse>, Status> {
        Ok(Response::new(Door::answer_diagnosis(self, request).await?))
    }

    async fn make_diagnosis(
        &self,
        request: Request<wire::MakeDiagnosisRequest>,
    ) -> Result<Response<wire::MakeDiagnosisResponse>, Status> {
        Ok(Response::new(Door::make_diagnosis(self, request).await?))
    }

    async fn get_diagnosis(
        &self,
        request: Request<wire::GetDiagnosisRequest>,
    ) -> Result<Response<wire::GetDiagnosisResponse>, Status> {
        Ok(Response::new(Door::get_diagnosis(self, request).await?))
    }

    async fn get_determination(
        &self,
        request: Request<wire::GetDeterminationRequest>,
    ) -> Result<Response<wire::GetDeterminationResponse>, Status> {
        Ok(Response::new(Door::get_determination(self, request).await?))
    }

    async fn determine(
        &self,
        request: Request<wire::DetermineRequest>,
    ) -> Result<Response<wire::DetermineResponse>, Status> {
        Ok(Response::new(Door::determine(self, request).await?))
    }

    async fn take_position(
        &self,
        request: Request<wire::TakePositionRequest>,
    ) -> Result<Response<wire::TakePositionResponse>, Status> {
        Ok(Response::new(Door::take_position(self, request).await?))
    }

    async fn get_consultation(
        &self,
        request: Request<wire::GetConsultationRequest>,
    ) -> Result<Response<wire::GetConsultationResponse>, Status> {
        Ok(Response::new(Door::get_consultation(self, request).await?))
    }

    async fn list_consultations(
        &self,
        request: Request<wire::ListConsultationsRequest>,
    ) -> Result<Response<wire::ListConsultationsResponse>, Status> {
        Ok(Response::new(Door::list_consultations(self, request).await?))
    }

    async fn rule(&self, request: Request<wire::RuleRequest>) -> Result<Response<wire::RuleResponse>, Status> {
        Ok(Response::new(Door::rule(self, request).await?))
    }

    async fn list_precedents(
        &self,
        request: Request<wire::ListPrecedentsRequest>,
    ) -> Result<Response<wire::ListPrecedentsResponse>, Status> {
        Ok(Response::new(Door::list_precedents(self, request).await?))
    }

    async fn list_work_orders(
        &self,
        request: Request<wire::ListWorkOrdersRequest>,
    ) -> Result<Response<wire::ListWorkOrdersResponse>, Status> {
        Ok(Response::new(Door::list_work_orders(self, request).await?))
    }

    async fn get_work_order(
        &self,
        request: Request<wire::GetWorkOrderRequest>,
    ) -> Result<Response<wire::GetWorkOrderResponse>, Status> {
        Ok(Response::new(Door::get_work_order(self, request).await?))
    }

    async fn acknowledge_work_order(
        &self,
        request: Request<wire::AcknowledgeWorkOrderRequest>,
    ) -> Result<Response<wire::AcknowledgeWorkOrderResponse>, Status> {
        Ok(Response::new(Door::acknowledge(self, request).await?))
    }

    async fn object_to_work_order(
        &self,
        request: Request<wire::ObjectToWorkOrderRequest>,
    ) -> Result<Response<wire::ObjectToWorkOrderResponse>, Status> {
        Ok(Response::new(Door::object(self, request).await?))
    }

    async fn decide_objection(
        &self,
        request: Request<wire::DecideObjectionRequest>,
    ) -> Result<Response<wire::DecideObjectionResponse>, Status> {
        Ok(Response::new(Door::decide_objection(self, request).await?))
    }

    async fn report_progress(
        &self,
        request: Request<wire::ReportProgressRequest>,
    ) -> Result<Response<wire::ReportProgressResponse>, Status> {
        Ok(Response::new(Door::report(self, request).await?))
    }

    async fn complete_work_order(
        &self,
        request: Request<wire::CompleteWorkOrderRequest>,
    ) -> Result<Response<wire::CompleteWorkOrderResponse>, Status> {
        Ok(Response::new(Door::complete(self, request).await?))
    }

    async fn escalate_case(
        &self,
        request: Request<wire::EscalateCaseRequest>,
    ) -> Result<Response<wire::EscalateCaseResponse>, Status> {
        Ok(Response::new(Door::escalate(self, request).await?))
    }

    async fn complete_case(
        &self,
        request: Request<wire::CompleteCaseRequest>,
    ) -> Result<Response<wire::CompleteCaseResponse>, Status> {
        Ok(Response::new(Door::complete_case(self, request).await?))
    }

    async fn get_reply(
        &self,
        request: Request<wire::GetReplyRequest>,
    ) -> Result<Response<wire::GetReplyResponse>, Status> {
        Ok(Response::new(Door::get_reply(self, request).await?))
    }

    async fn list_power_items(
        &self,
        request: Request<wire::ListPowerItemsRequest>,
    ) -> Result<Response<wire::ListPowerItemsResponse>, Status> {
        Ok(Response::new(Door::list_power_items(self, request).await?))
    }

    async fn list_responsibilities(
        &self,
        request: Request<wire::ListResponsibilitiesRequest>,
    ) -> Result<Response<wire::ListResponsibilitiesResponse>, Status> {
        Ok(Response::new(Door::list_responsibilities(self, request).await?))
    }

    async fn list_open_tasks(
        &self,
        request: Request<wire::ListOpenTasksRequest>,
    ) -> Result<Response<wire::ListOpenTasksResponse>, Status> {
        Ok(Response::new(Door::list_open_tasks(self, request).await?))
    }

    async fn reassign_work_order(
        &self,
        request: Request<wire::ReassignWorkOrderRequest>,
    ) -> Result<Response<wire::ReassignWorkOrderResponse>, Status> {
        Ok(Response::new(Door::reassign(self, request).await?))
    }

    async fn settle_follow_up(
        &self,
        request: Request<wire::SettleFollowUpRequest>,
    ) -> Result<Response<wire::SettleFollowUpResponse>, Status> {
        Ok(Response::new(Door::settle_follow_up(self, request).await?))
    }
}
