//! 工单.

use assignment_domain::evidence::{Evidence, EvidenceFile};
use assignment_domain::file::Command;
use kit::caller::{Call, Granted};
use kit::paging::{decode_token, encode_token, page_size};
use kit::refusal::Refusal;
use kit::service::Keys;
use prost::Message;
use tonic::Request;
use uuid::Uuid;
use vocab::{BlobRef, CaseId, UnitCode, WorkOrderId};
use xiezhi_proto::assignment::v1 as wire;

use super::consultations::cut;
use super::{Door, asking, stored};
use crate::app::{About, act, cites_known_laws, keep_text, visible_order};
use crate::store::read as rows;
use crate::unit::Unit;
use crate::wire::{read, write};

/// A command on an order, with what its author wrote about it.
struct OnOrder {
    order: WorkOrderId,
    command: Command,
    kind: &'static str,
    text: String,
}

impl Door {
    /// Every command on an order goes the same way: its case is found, the caller's unit must hold it, the domain decides.
    async fn on_order<M: Message + Default + 'static>(
        &self,
        call: Call,
        on: OnOrder,
        answer: fn(wire::WorkOrder, &Unit, CaseId) -> M,
    ) -> Result<M, Refusal> {
        let granted = call.granted.clone();
        let case = self.case_of_order(on.order).await?;
        self.corridor
            .command(call, Keys::one(case.uuid()), move |unit, cx| {
                visible_order(unit, &granted, case, on.order)?;
                if let Command::Object { cited, .. } = &on.command {
                    cites_known_laws(cx, [("citation".to_owned(), cited)])?;
                }
                act(unit, cx, case, on.command.clone())?;
                let about = About { subject: on.order.uuid(), kind: on.kind };
                keep_text(unit, cx, &granted, case, about, &on.text);
                let (held, order) = visible_order(unit, &granted, case, on.order)?;
                let order = write::work_order(order, &held.file.case.case_no, Some(&held.file.case.facts));
                Ok(answer(order, unit, case))
            })
            .await
    }

    pub(super) async fn acknowledge(
        &self,
        request: Request<wire::AcknowledgeWorkOrderRequest>,
    ) -> Result<wire::AcknowledgeWorkOrderResponse, Refusal> {
        let call = Call::of(&request, &request.get_ref().command_id)?;
        let order: WorkOrderId = read::id("work_order_id", &request.get_ref().work_order_id)?;
        let on = OnOrder { order, command: Command::Acknowledge { order }, kind: "", text: String::new() };
        self.on_order(call, on, |order, _, _| wire::AcknowledgeWorkOrderResponse { work_order: Some(order) }).await
    }

    pub(super) async fn object(
        &self,
        request: Request<wire::ObjectToWorkOrderRequest>,
    ) -> Result<wire::ObjectToWorkOrderResponse, Refusal> {
        let call = Call::of(&request, &request.get_ref().command_id)?;
        let (about, cited) = read::object(request.into_inner())?;
        let order = about.order;
        let on = OnOrder { order, command: Command::Object { order, cited }, kind: "objection", text: about.text };
        self.on_order(call, on, |order, unit, case| wire::ObjectToWorkOrderResponse {
            work_order: Some(order),
            hops: unit.files.get(&case).map_or(0, |held| held.file.case.hops),
        })
        .await
    }

    pub(super) async fn decide_objection(
        &self,
        request: Request<wire::DecideObjectionRequest>,
    ) -> Result<wire::DecideObjectionResponse, Refusal> {
        let call = Call::of(&request, &request.get_ref().command_id)?;
        let (about, upheld) = read::decide_objection(request.into_inner())?;
        let order = about.order;
        let command = Command::DecideObjection { order, upheld };
        let on = OnOrder { order, command, kind: "objection_decision", text: about.text };
        self.on_order(call, on, |order, unit, case| {
            use assignment_domain::case::CaseStage;
            let consultation_id = match unit.files.get(&case).map(|held| &held.file.case.stage) {
                Some(CaseStage::Consulting { consultation }) => consultation.to_string(),
                _ => String::new(),
            };
            wire::DecideObjectionResponse { work_order: Some(order), consultation_id }
        })
        .await
    }

    pub(super) async fn report(
        &self,
        request: Request<wire::ReportProgressRequest>,
    ) -> Result<wire::ReportProgressResponse, Refusal> {
        let call = Call::of(&request, &request.get_ref().command_id)?;
        let about = read::report(request.into_inner())?;
        let order = about.order;
        let on = OnOrder { order, command: Command::Report { order }, kind: "report", text: about.text };
        self.on_order(call, on, |order, _, _| wire::ReportProgressResponse { work_order: Some(order) }).await
    }

    pub(super) async fn complete(
        &self,
        request: Request<wire::CompleteWorkOrderRequest>,
    ) -> Result<wire::CompleteWorkOrderResponse, Refusal> {
        let call = Call::of(&request, &request.get_ref().command_id)?;
        let (about, completion) = read::complete_order(request.into_inner())?;
        let evidence = self.evidence(&completion.hashes).await?;
        let order = about.order;
        let command = Command::CompleteOrder { order, outcome: completion.outcome, evidence };
        let on = OnOrder { order, command, kind: "completion", text: about.text };
        self.on_order(call, on, |order, _, _| wire::CompleteWorkOrderResponse { work_order: Some(order) }).await
    }

    pub(super) async fn reassign(
        &self,
        request: Request<wire::ReassignWorkOrderRequest>,
    ) -> Result<wire::ReassignWorkOrderResponse, Refusal> {
        let call = Call::of(&request, &request.get_ref().command_id)?;
        let (order, person, post) = read::reassign(request.get_ref())?;
        let on = OnOrder { order, command: Command::Reassign { order, person, post }, kind: "", text: String::new() };
        self.on_order(call, on, |order, _, _| wire::ReassignWorkOrderResponse { work_order: Some(order) }).await
    }

    /// The files a completion cites: each must be here, and of a type that can prove something.
    pub(super) async fn evidence(&self, hashes: &[Vec<u8>]) -> Result<Evidence, Refusal> {
        let known = kit::blob::list(self.corridor.pool(), hashes).await?;
        let mut files = Vec::with_capacity(hashes.len());
        for (nth, hash) in hashes.iter().enumerate() {
            let field = || format!("evidence_sha256[{nth}]");
            let info = known
                .iter()
                .find(|info| info.sha256 == *hash)
                .ok_or_else(|| Refusal::field(field(), "no such file has been uploaded to this service"))?;
            let digest: [u8; 32] =
                hash.as_slice().try_into().map_err(|_| Refusal::field(field(), "must have 32 bytes"))?;
            files.push(EvidenceFile {
                digest: BlobRef::new(digest),
                media_type: info.media_type.clone(),
                size_bytes: info.size_bytes.unsigned_abs(),
            });
        }
        Evidence::new(files).map_err(crate::refusal::refuse)
    }

    pub(super) async fn list_work_orders(
        &self,
        request: Request<wire::ListWorkOrdersRequest>,
    ) -> Result<wire::ListWorkOrdersResponse, Refusal> {
        let granted = Granted::of(&request)?;
        let request = request.into_inner();
        let case: Option<CaseId> = read::maybe_id("case_id", &request.case_id)?;
        let unit: Option<UnitCode> = read::maybe_id("unit_code", &request.unit_code)?;
        let limit = page_size(request.page_size, 50, 200)?;
        let filter = rows::OrderFilter {
            case: case.map(CaseId::uuid),
            unit: unit.map(String::from),
            open_only: request.open_only,
            after: decode_token::<Uuid>(&request.page_token)?,
            limit: limit + 1,
        };
        let mut orders = rows::list_orders(self.corridor.pool(), asking(&granted), &filter).await.map_err(stored)?;
        let next_page_token = cut(&mut orders, limit, |last| encode_token(&last.id.uuid()));
        let work_orders = self.with_cases(&granted, &orders).await?;
        Ok(wire::ListWorkOrdersResponse { work_orders, next_page_token })
    }

    pub(super) async fn get_work_order(
        &self,
        request: Request<wire::GetWorkOrderRequest>,
    ) -> Result<wire::GetWorkOrderResponse, Refusal> {
        let granted = Granted::of(&request)?;
        let id: WorkOrderId = read::id("work_order_id", &request.get_ref().work_order_id)?;
        let orders = rows::orders_by_id(self.corridor.pool(), asking(&granted), &[id.uuid()]).await.map_err(stored)?;
        let work_order =
            self.with_cases(&granted, &orders).await?.pop().ok_or(Refusal::NotFound { what: "work order" })?;
        let texts = self.texts(&granted, id.uuid()).await?;
        let texts = texts.into_iter().map(|text| write::work_text(text.kind, text.unit, text.body, text.at)).collect();
        Ok(wire::GetWorkOrderResponse { work_order: Some(work_order), texts })
    }

    /// Orders with the numbers and facts of their cases.
    pub(super) async fn with_cases(
        &self,
        granted: &Granted,
        orders: &[assignment_domain::order::WorkOrder],
    ) -> Result<Vec<wire::WorkOrder>, Refusal> {
        let ids: Vec<Uuid> = orders.iter().map(|order| order.case.uuid()).collect();
        let cases = rows::cases_by_id(self.corridor.pool(), asking(granted), &ids).await.map_err(stored)?;
        Ok(orders
            .iter()
            .map(|order| {
                let case = cases.iter().find(|case| case.id == order.case);
                let number = case.map(|case| case.case_no.as_str()).unwrap_or_default();
                write::work_order(order, number, case.map(|case| &case.facts))
            })
            .collect())
    }
}
