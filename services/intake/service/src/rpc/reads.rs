//! Reads: from the pool, each answer as the caller may see it.

use std::collections::BTreeMap;

use intake_domain::{Case, Seeker, Windows, candidates};
use kit::caller::Granted;
use kit::paging::{decode_token, encode_token, page_size};
use kit::refusal::Refusal;
use prost::Message as _;
use tonic::Request;
use uuid::Uuid;
use vocab::CaseId;
use xiezhi_proto::assignment::v1::DiagnosisMade;
use xiezhi_proto::intake::v1 as proto;

use super::{Answers, Doors, asking, shown, unread};
use crate::error::NO_CASE;
use crate::store::read;
use crate::wire::request::{self as wire, CaseName};
use crate::{seal, wire::answer};

/// How many candidates one answer names.
const MOST_CANDIDATES: usize = 20;
const NO_NOTICE: Refusal = Refusal::NotFound { what: "notice" };

impl Answers<proto::GetCaseRequest> for Doors {
    type Answer = proto::GetCaseResponse;

    async fn answer_to(&self, request: Request<proto::GetCaseRequest>) -> Result<Self::Answer, Refusal> {
        let granted = Granted::of(&request)?;
        let found = match wire::case_name(request.get_ref())? {
            CaseName::Id(id) => read::find_case(self.pool(), asking(&granted), id).await,
            CaseName::Number(number) => read::find_by_number(self.pool(), asking(&granted), &number).await,
        };
        let case = shown(&granted, found.map_err(unread)?)?;
        let members = read::members_of(self.pool(), asking(&granted), &[case.id.uuid()]).await.map_err(unread)?;
        let members: Vec<CaseId> = members.into_iter().map(|(_, member)| member).collect();
        let diagnosis = read::find_diagnosis(self.pool(), case.id).await.map_err(unread)?;
        let diagnosis = diagnosis
            .map(|body| DiagnosisMade::decode(body.as_slice()))
            .transpose()
            .map_err(|error| Refusal::Internal(error.to_string()))?;
        Ok(proto::GetCaseResponse { case: Some(answer::case(&case, &members)), diagnosis })
    }
}

impl Answers<proto::ListCasesRequest> for Doors {
    type Answer = proto::ListCasesResponse;

    async fn answer_to(&self, request: Request<proto::ListCasesRequest>) -> Result<Self::Answer, Refusal> {
        let granted = Granted::of(&request)?;
        let request = request.get_ref();
        let size = page_size(request.page_size, 50, 200)?;
        let after: Option<Uuid> = decode_token(&request.page_token)?;
        let filter = wire::filter(request)?;
        let mut cases =
            read::list_cases(self.pool(), asking(&granted), &filter, after, size + 1).await.map_err(unread)?;
        let next_page_token = next_page(&mut cases, size, |case| case.id.uuid());
        let ids: Vec<Uuid> = cases.iter().map(|case| case.id.uuid()).collect();
        let mut members: BTreeMap<CaseId, Vec<CaseId>> = BTreeMap::new();
        for (head, member) in read::members_of(self.pool(), asking(&granted), &ids).await.map_err(unread)? {
            members.entry(head).or_default().push(member);
        }
        let shown = |case: &Case| answer::case(case, members.get(&case.id).map_or(&[][..], Vec::as_slice));
        Ok(proto::ListCasesResponse { cases: cases.iter().map(shown).collect(), next_page_token })
    }
}

/// Cuts the one row too many that says there is another page, and names where it begins.
pub(super) fn next_page<T>(rows: &mut Vec<T>, size: i64, key: impl Fn(&T) -> Uuid) -> String {
    let size = usize::try_from(size).unwrap_or(usize::MAX);
    if rows.len() <= size {
        return String::new();
    }
    rows.truncate(size);
    rows.last().map(|last| encode_token(&key(last))).unwrap_or_default()
}

impl Answers<proto::ListClusterCandidatesRequest> for Doors {
    type Answer = proto::ListClusterCandidatesResponse;

    async fn answer_to(&self, request: Request<proto::ListClusterCandidatesRequest>) -> Result<Self::Answer, Refusal> {
        let granted = Granted::of(&request)?;
        let case = self.find_shown(&granted, wire::case_id("case_id", &request.get_ref().case_id)?).await?;
        let neighbours = read::list_neighbours(self.pool(), &case).await.map_err(unread)?;
        let seeker = Seeker { id: case.id, facts: &case.facts, registered_at: case.registered_at };
        let found = candidates(seeker, &neighbours, Windows::default(), MOST_CANDIDATES);
        Ok(proto::ListClusterCandidatesResponse { candidates: found.iter().map(answer::candidate).collect() })
    }
}

impl Answers<proto::ReadMaskedTextRequest> for Doors {
    type Answer = proto::ReadMaskedTextResponse;

    async fn answer_to(&self, request: Request<proto::ReadMaskedTextRequest>) -> Result<Self::Answer, Refusal> {
        let granted = Granted::of(&request)?;
        let case = self.find_shown(&granted, wire::case_id("case_id", &request.get_ref().case_id)?).await?;
        let sealed = read::find_text(self.pool(), case.id).await.map_err(unread)?.ok_or(NO_CASE)?;
        let words = seal::open_text(self.corridor.service().vault(), case.id, &sealed)?;
        Ok(proto::ReadMaskedTextResponse { title: words.title, body: words.body, confirmed: case.mask_confirmed })
    }
}

impl Answers<proto::GetByTrackingCodeRequest> for Doors {
    type Answer = proto::GetByTrackingCodeResponse;

    async fn answer_to(&self, request: Request<proto::GetByTrackingCodeRequest>) -> Result<Self::Answer, Refusal> {
        let code = wire::tracking_code(&request.get_ref().tracking_code)?;
        let case = read::find_by_tracking(self.pool(), &code).await.map_err(unread)?.ok_or(NO_CASE)?;
        let notices = read::list_notices(self.pool(), case.id).await.map_err(unread)?;
        Ok(answer::progress(&case, &notices))
    }
}

impl Answers<proto::ListNoticesRequest> for Doors {
    type Answer = proto::ListNoticesResponse;

    async fn answer_to(&self, request: Request<proto::ListNoticesRequest>) -> Result<Self::Answer, Refusal> {
        let granted = Granted::of(&request)?;
        let case = self.find_shown(&granted, wire::case_id("case_id", &request.get_ref().case_id)?).await?;
        let notices = read::list_notices(self.pool(), case.id).await.map_err(unread)?;
        Ok(proto::ListNoticesResponse { notices: notices.iter().map(answer::notice).collect() })
    }
}

impl Answers<proto::GetNoticeRequest> for Doors {
    type Answer = proto::GetNoticeResponse;

    async fn answer_to(&self, request: Request<proto::GetNoticeRequest>) -> Result<Self::Answer, Refusal> {
        let granted = Granted::of(&request)?;
        let id = wire::notice_id(&request.get_ref().notice_id)?;
        let notice = read::find_notice(self.pool(), id).await.map_err(unread)?.ok_or(NO_NOTICE)?;
        // A notice of a foreign case is missing like one that never was.
        self.find_shown(&granted, notice.case_id).await.map_err(|refusal| match refusal {
            Refusal::NotFound { .. } => NO_NOTICE,
            other => other,
        })?;
        Ok(proto::GetNoticeResponse { notice: Some(answer::notice(&notice)) })
    }
}

impl Answers<proto::ListOpenTasksRequest> for Doors {
    type Answer = proto::ListOpenTasksResponse;

    async fn answer_to(&self, request: Request<proto::ListOpenTasksRequest>) -> Result<Self::Answer, Refusal> {
        Granted::of(&request)?;
        let request = request.get_ref();
        let size = page_size(request.page_size, 100, 500)?;
        let after: Option<Uuid> = decode_token(&request.page_token)?;
        let mut tasks = read::list_open_tasks(self.pool(), after, size + 1).await.map_err(unread)?;
        let next_page_token = next_page(&mut tasks, size, |task| task.id);
        Ok(proto::ListOpenTasksResponse { tasks: tasks.into_iter().map(answer::open_task).collect(), next_page_token })
    }
}
