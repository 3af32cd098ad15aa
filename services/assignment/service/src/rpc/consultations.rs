//! 会商、裁定、先例.

use std::collections::BTreeSet;

use assignment_domain::file::Command;
use kit::caller::{Call, Granted};
use kit::paging::{decode_token, encode_token, page_size};
use kit::refusal::Refusal;
use kit::service::Keys;
use tonic::Request;
use uuid::Uuid;
use vocab::{CaseId, ConsultationId, MatterCode, WorkOrderId};
use xiezhi_proto::assignment::v1 as wire;

use super::{Door, asking, stored};
use crate::app::{About, act, cites_known_laws, keep_text, unit_of, visible};
use crate::store::read as rows;
use crate::wire::{read, write};

impl Door {
    pub(super) async fn take_position(
        &self,
        request: Request<wire::TakePositionRequest>,
    ) -> Result<wire::TakePositionResponse, Refusal> {
        let call = Call::of(&request, &request.get_ref().command_id)?;
        let granted = call.granted.clone();
        let stated = read::take_position(request.into_inner())?;
        let who = unit_of(&granted)?;
        let case = self.case_of_consultation(stated.of).await?;
        self.corridor
            .command(call, Keys::one(case.uuid()), move |unit, cx| {
                let held = visible(unit, &granted, case).map_err(|_| Refusal::NotFound { what: "consultation" })?;
                let asked = held.file.consultation.iter().flat_map(|consultation| &consultation.asked);
                if !granted.covers(asked.map(vocab::UnitCode::as_str)) {
                    return Err(Refusal::NotFound { what: "consultation" });
                }
                cites_known_laws(cx, [("citation".to_owned(), &stated.cited)])?;
                let command = Command::TakePosition {
                    consultation: stated.of,
                    unit: who.clone(),
                    stance: stated.stance,
                    cited: stated.cited.clone(),
                };
                act(unit, cx, case, command)?;
                let about = About { subject: stated.of.uuid(), kind: "position" };
                keep_text(unit, cx, &granted, case, about, &stated.reason);
                let now = unit.files.get(&case).and_then(|held| held.file.consultation.as_ref());
                let reasons = [(who.to_string(), stated.reason.clone())].into();
                Ok(wire::TakePositionResponse { consultation: now.map(|now| write::consultation(now, &reasons)) })
            })
            .await
    }

    pub(super) async fn get_consultation(
        &self,
        request: Request<wire::GetConsultationRequest>,
    ) -> Result<wire::GetConsultationResponse, Refusal> {
        let granted = Granted::of(&request)?;
        let id: ConsultationId = read::id("consultation_id", &request.get_ref().consultation_id)?;
        let found = rows::find_consultation(self.corridor.pool(), asking(&granted), id).await.map_err(stored)?;
        let found = found
            .filter(|found| granted.covers(found.asked.iter().map(vocab::UnitCode::as_str)))
            .ok_or(Refusal::NotFound { what: "consultation" })?;
        let reasons = self.reasons(&granted, id.uuid(), "position").await?;
        Ok(wire::GetConsultationResponse { consultation: Some(write::consultation(&found, &reasons)) })
    }

    pub(super) async fn list_consultations(
        &self,
        request: Request<wire::ListConsultationsRequest>,
    ) -> Result<wire::ListConsultationsResponse, Refusal> {
        let granted = Granted::of(&request)?;
        let request = request.into_inner();
        let case: Option<CaseId> = read::maybe_id("case_id", &request.case_id)?;
        let limit = page_size(request.page_size, 50, 200)?;
        let filter = rows::ConsultationFilter {
            case: case.map(CaseId::uuid),
            unit: asking(&granted).map(str::to_owned),
            open_only: request.open_only,
            before: decode_token::<Uuid>(&request.page_token)?,
            limit: limit + 1,
        };
        let found = rows::list_consultations(self.corridor.pool(), asking(&granted), &filter).await;
        let mut found = found.map_err(stored)?;
        let next_page_token = cut(&mut found, limit, |last| encode_token(&last.id.uuid()));
        let nothing = write::Reasons::new();
        let consultations = found.iter().map(|found| write::consultation(found, &nothing)).collect();
        Ok(wire::ListConsultationsResponse { consultations, next_page_token })
    }

    pub(super) async fn rule(&self, request: Request<wire::RuleRequest>) -> Result<wire::RuleResponse, Refusal> {
        let call = Call::of(&request, &request.get_ref().command_id)?;
        let granted = call.granted.clone();
        let asked = read::rule(request.into_inner())?;
        let case = self.case_of_consultation(asked.consultation).await?;
        self.corridor
            .command(call, Keys::one(case.uuid()), move |unit, cx| {
                let before: BTreeSet<WorkOrderId> =
                    visible(unit, &granted, case)?.file.orders.keys().copied().collect();
                cites_known_laws(cx, asked.cited())?;
                let command = Command::Rule {
                    consultation: asked.consultation,
                    shares: asked.shares.clone(),
                    reach: asked.reach,
                };
                act(unit, cx, case, command)?;
                let about = About { subject: asked.consultation.uuid(), kind: "ruling" };
                keep_text(unit, cx, &granted, case, about, &asked.grounds);
                let ruling = unit.rulings.rows().iter().rev().find(|row| row.consultation == asked.consultation.uuid());
                let ruling = ruling.ok_or_else(|| Refusal::Internal("a ruling left no trace".to_owned()))?;
                let orders = unit.files.get(&case).into_iter().flat_map(|held| held.file.orders.keys());
                Ok(wire::RuleResponse {
                    ruling_id: ruling.id.to_string(),
                    precedent_id: ruling.precedent.to_string(),
                    work_order_ids: orders.filter(|id| !before.contains(id)).map(ToString::to_string).collect(),
                })
            })
            .await
    }

    pub(super) async fn list_precedents(
        &self,
        request: Request<wire::ListPrecedentsRequest>,
    ) -> Result<wire::ListPrecedentsResponse, Refusal> {
        let granted = Granted::of(&request)?;
        let request = request.into_inner();
        let matter: Option<MatterCode> = read::maybe_id("matter_code", &request.matter_code)?;
        let limit = page_size(request.page_size, 50, 200)?;
        let before = decode_token::<Uuid>(&request.page_token)?;
        let matter = matter.as_ref().map(MatterCode::as_str);
        let found = rows::list_precedents(self.corridor.pool(), request.active_only, matter, before, limit + 1).await;
        let mut found = found.map_err(stored)?;
        let next_page_token = cut(&mut found, limit, |last| encode_token(&last.id.uuid()));
        // What a precedent says is for everybody whom it may route; which case it comes from, for whoever may know of that.
        let cases: Vec<Uuid> = found.iter().map(|precedent| precedent.case.uuid()).collect();
        let known = rows::known_cases(self.corridor.pool(), asking(&granted), &cases).await.map_err(stored)?;
        let precedents =
            found.iter().map(|precedent| write::precedent(precedent, known.contains(&precedent.case.uuid()))).collect();
        Ok(wire::ListPrecedentsResponse { precedents, next_page_token })
    }
}

/// Cuts a page that was read one row too long, and says where the next one begins.
pub(super) fn cut<T>(rows: &mut Vec<T>, limit: i64, token: impl Fn(&T) -> String) -> String {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    if rows.len() <= limit {
        return String::new();
    }
    rows.truncate(limit);
    rows.last().map(token).unwrap_or_default()
}
