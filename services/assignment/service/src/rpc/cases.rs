//! 主办单位与案件: escalation, the end of handling, and what stands for a case.

use assignment_domain::case::CaseStage;
use assignment_domain::file::Command;
use assignment_domain::order::OrderStage;
use kit::caller::{Call, Granted};
use kit::paging::{decode_token, encode_token, page_size};
use kit::refusal::Refusal;
use kit::service::Keys;
use tonic::Request;
use uuid::Uuid;
use vocab::{CaseId, UnitCode};
use words::write::time;
use xiezhi_proto::assignment::v1 as wire;

use super::consultations::cut;
use super::{Door, asking, stored};
use crate::app::{About, act, keep_text, unit_of, visible};
use crate::store::read as rows;
use crate::wire::{read, write};

impl Door {
    pub(super) async fn escalate(
        &self,
        request: Request<wire::EscalateCaseRequest>,
    ) -> Result<wire::EscalateCaseResponse, Refusal> {
        let call = Call::of(&request, &request.get_ref().command_id)?;
        let granted = call.granted.clone();
        let asked = read::escalate(request.into_inner())?;
        let who = unit_of(&granted)?;
        let case = asked.case;
        self.corridor
            .command(call, Keys::one(case.uuid()), move |unit, cx| {
                visible(unit, &granted, case)?;
                let command =
                    Command::Escalate { unit: who.clone(), ground: asked.ground, invited: asked.invited.clone() };
                act(unit, cx, case, command)?;
                let held = visible(unit, &granted, case)?;
                let round = held.file.case.round;
                let order = held
                    .file
                    .orders
                    .values()
                    .find(|order| {
                        order.round == round
                            && order.unit == who
                            && matches!(order.stage, OrderStage::Acknowledged { .. })
                    })
                    .map(|order| order.id)
                    .ok_or(Refusal::NotFound { what: "work order" })?;
                let about = About { subject: order.uuid(), kind: "escalation" };
                keep_text(unit, cx, &granted, case, about, &asked.reason);
                Ok(wire::EscalateCaseResponse { work_order_id: order.to_string(), escalated_at: Some(time(cx.now())) })
            })
            .await
    }

    pub(super) async fn complete_case(
        &self,
        request: Request<wire::CompleteCaseRequest>,
    ) -> Result<wire::CompleteCaseResponse, Refusal> {
        let call = Call::of(&request, &request.get_ref().command_id)?;
        let granted = call.granted.clone();
        let asked = read::complete_case(request.into_inner())?;
        let who = unit_of(&granted)?;
        let own = match &asked.own {
            Some(own) => Some((own.outcome, self.evidence(&own.hashes).await?)),
            None => None,
        };
        let case = asked.case;
        self.corridor
            .command(call, Keys::one(case.uuid()), move |unit, cx| {
                visible(unit, &granted, case)?;
                let command =
                    Command::CompleteCase { unit: who.clone(), conclusion: asked.conclusion, own: own.clone() };
                act(unit, cx, case, command)?;
                let about = |kind| About { subject: case.uuid(), kind };
                keep_text(unit, cx, &granted, case, about("reply"), &asked.reply);
                // Beside its words: the case knows what it came to only until it goes on.
                keep_text(unit, cx, &granted, case, about(CONCLUSION), asked.conclusion.as_str());
                let round = unit.files.get(&case).map_or(1, |held| held.file.case.round);
                Ok(wire::CompleteCaseResponse { handled_at: Some(time(cx.now())), round })
            })
            .await
    }

    pub(super) async fn get_reply(
        &self,
        request: Request<wire::GetReplyRequest>,
    ) -> Result<wire::GetReplyResponse, Refusal> {
        let granted = Granted::of(&request)?;
        let request = request.into_inner();
        let case: CaseId = read::id("case_id", &request.case_id)?;
        self.case(&granted, case).await?;
        let texts = self.texts(&granted, case.uuid()).await?;
        let wanted = i64::from(request.round);
        let at = request
            .handled_at
            .as_ref()
            .map(|at| words::read::time("handled_at", Some(at)))
            .transpose()
            .map_err(read::refuse)?;
        let reply = texts
            .iter()
            .rev()
            .filter(|text| text.kind == "reply" && (wanted == 0 || i64::from(text.round) == wanted))
            .find(|text| at.is_none_or(|at| text.at == at))
            .ok_or(Refusal::NotFound { what: "reply" })?;
        let conclusion = texts
            .iter()
            .rfind(|text| text.kind == CONCLUSION && text.round == reply.round && text.at == reply.at)
            .map_or_else(String::new, |text| text.body.clone());
        Ok(wire::GetReplyResponse {
            lead_unit: reply.unit.clone(),
            conclusion,
            reply: reply.body.clone(),
            round: reply.round.unsigned_abs(),
            written_at: Some(time(reply.at)),
        })
    }

    pub(super) async fn get_determination(
        &self,
        request: Request<wire::GetDeterminationRequest>,
    ) -> Result<wire::GetDeterminationResponse, Refusal> {
        let granted = Granted::of(&request)?;
        let request = request.into_inner();
        let case: CaseId = read::id("case_id", &request.case_id)?;
        let id: Option<vocab::DeterminationId> = read::maybe_id("determination_id", &request.determination_id)?;
        let known = self.case(&granted, case).await?;
        let missing = || Refusal::NotFound { what: "determination" };
        let pool = self.corridor.pool();
        let id = id.map(vocab::DeterminationId::uuid);
        let found = rows::find_determination(pool, asking(&granted), case, id).await.map_err(stored)?;
        let found = found.ok_or_else(missing)?;
        let blob = kit::blob::find(pool, &found.proof_sha256).await?.ok_or_else(missing)?;
        let proof = serde_json::from_slice(&blob.bytes)
            .map_err(|error| Refusal::Internal(format!("a proof does not read back: {error}")))?;
        let rules = self.corridor.rules().await?;
        let decision = match &known.stage {
            CaseStage::Consulting { .. } => None,
            stage => stage.decision(),
        };
        let ruling_id = decision.and_then(|decision| decision.ruling()).map(|id| id.to_string()).unwrap_or_default();
        Ok(wire::GetDeterminationResponse {
            case_id: case.to_string(),
            determination_id: found.id.to_string(),
            result: Some(write::result(&proof, &rules.content)),
            proof_sha256: found.proof_sha256.into(),
            list_revision: found.list_revision.unsigned_abs(),
            determined_at: Some(time(found.at)),
            ruling_id,
            shares_in_force: decision.map(|decision| write::shares(&decision.shares)).unwrap_or_default(),
        })
    }

    pub(super) async fn list_responsibilities(
        &self,
        request: Request<wire::ListResponsibilitiesRequest>,
    ) -> Result<wire::ListResponsibilitiesResponse, Refusal> {
        Granted::of(&request)?;
        let request = request.into_inner();
        let case: Option<CaseId> = read::maybe_id("case_id", &request.case_id)?;
        let limit = page_size(request.page_size, 100, 500)?;
        let after = decode_token::<Uuid>(&request.page_token)?;
        let found = rows::list_standings(self.corridor.pool(), case.map(CaseId::uuid), after, limit + 1).await;
        let mut found = found.map_err(stored)?;
        let next_page_token = cut(&mut found, limit, |last| encode_token(&last.case.id.uuid()));
        let responsibilities = found.iter().map(write::responsibility).collect();
        Ok(wire::ListResponsibilitiesResponse { responsibilities, next_page_token })
    }

    pub(super) async fn list_open_tasks(
        &self,
        request: Request<wire::ListOpenTasksRequest>,
    ) -> Result<wire::ListOpenTasksResponse, Refusal> {
        let granted = Granted::of(&request)?;
        let request = request.into_inner();
        let case: Option<CaseId> = read::maybe_id("case_id", &request.case_id)?;
        let unit: Option<UnitCode> = read::maybe_id("unit_code", &request.unit_code)?;
        let limit = page_size(request.page_size, 100, 500)?;
        let after = decode_token::<rows::TaskKey>(&request.page_token)?;
        let centre = self.corridor.rules().await?.content.centre.clone();
        let wanted = unit.map(|unit| if unit == centre { CENTRE.to_owned() } else { unit.to_string() });
        let own = asking(&granted).map(str::to_owned);
        if own.is_some() && wanted.is_some() && own != wanted {
            return Ok(wire::ListOpenTasksResponse::default());
        }
        let wanted = own.or(wanted);
        let (pool, case) = (self.corridor.pool(), case.map(CaseId::uuid));
        let found = rows::list_open_tasks(pool, asking(&granted), wanted.as_deref(), case, after, limit + 1);
        let mut found = found.await.map_err(stored)?;
        let next_page_token =
            cut(&mut found, limit, |last| encode_token(&(last.case, &last.task, &last.unit, last.reference)));
        let tasks = found
            .into_iter()
            .map(|mut task| {
                if task.unit == CENTRE {
                    task.unit = centre.to_string();
                }
                write::open_task(task)
            })
            .collect();
        Ok(wire::ListOpenTasksResponse { tasks, next_page_token })
    }
}

/// What kind of text says, as a code, what the lead's reply of the same moment comes to.
const CONCLUSION: &str = "conclusion";

/// What the store writes for the centre, whatever its code is.
const CENTRE: &str = "centre";
