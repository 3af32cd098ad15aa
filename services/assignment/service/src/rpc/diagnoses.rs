//! 门诊.

use assignment_domain::file::Command;
use kit::caller::{Call, Granted};
use kit::refusal::Refusal;
use kit::service::Keys;
use tonic::Request;
use vocab::CaseId;
use xiezhi_proto::assignment::v1 as wire;

use super::Door;
use crate::app::{About, act, cites_known_laws, keep_text, unit_of, visible};
use crate::unit::Unit;
use crate::wire::{read, write};

impl Door {
    pub(super) async fn answer_diagnosis(
        &self,
        request: Request<wire::AnswerDiagnosisRequest>,
    ) -> Result<wire::AnswerDiagnosisResponse, Refusal> {
        let call = Call::of(&request, &request.get_ref().command_id)?;
        let granted = call.granted.clone();
        let stated = read::answer_diagnosis(request.into_inner())?;
        let case = stated.of;
        let who = unit_of(&granted)?;
        self.corridor
            .command(call, Keys::one(case.uuid()), move |unit, cx| {
                visible(unit, &granted, case)?;
                cites_known_laws(cx, [("citation".to_owned(), &stated.cited)])?;
                let (stance, cited) = (stated.stance, stated.cited.clone());
                act(unit, cx, case, Command::AnswerDiagnosis { unit: who.clone(), stance, cited })?;
                let about = About { subject: case.uuid(), kind: "diagnosis" };
                keep_text(unit, cx, &granted, case, about, &stated.reason);
                let reasons = [(who.to_string(), stated.reason.clone())].into();
                Ok(wire::AnswerDiagnosisResponse { diagnosis: diagnosis(unit, case, cx.rules(), &reasons) })
            })
            .await
    }

    pub(super) async fn make_diagnosis(
        &self,
        request: Request<wire::MakeDiagnosisRequest>,
    ) -> Result<wire::MakeDiagnosisResponse, Refusal> {
        let call = Call::of(&request, &request.get_ref().command_id)?;
        let granted = call.granted.clone();
        let (case, note) = read::make_diagnosis(request.into_inner())?;
        self.corridor
            .command(call, Keys::one(case.uuid()), move |unit, cx| {
                visible(unit, &granted, case)?;
                act(unit, cx, case, Command::MakeDiagnosis)?;
                let about = About { subject: case.uuid(), kind: "diagnosis" };
                keep_text(unit, cx, &granted, case, about, &note);
                let reasons = write::Reasons::new();
                Ok(wire::MakeDiagnosisResponse { diagnosis: diagnosis(unit, case, cx.rules(), &reasons) })
            })
            .await
    }

    pub(super) async fn get_diagnosis(
        &self,
        request: Request<wire::GetDiagnosisRequest>,
    ) -> Result<wire::GetDiagnosisResponse, Refusal> {
        let granted = Granted::of(&request)?;
        let case: CaseId = read::id("case_id", &request.get_ref().case_id)?;
        let known = self.case(&granted, case).await?;
        let found = known.diagnosis.as_ref().ok_or(Refusal::NotFound { what: "diagnosis" })?;
        let rules = self.corridor.rules().await?;
        let reasons = self.reasons(&granted, case.uuid(), "diagnosis").await?;
        let diagnosis = Some(write::diagnosis(&known, found, &rules.content, &reasons));
        Ok(wire::GetDiagnosisResponse { diagnosis })
    }
}

fn diagnosis(
    unit: &Unit,
    case: CaseId,
    rules: &crate::rules::Rules,
    reasons: &write::Reasons,
) -> Option<wire::Diagnosis> {
    let file = &unit.files.get(&case)?.file;
    Some(write::diagnosis(&file.case, file.case.diagnosis.as_ref()?, rules, reasons))
}
