//! Reads: from the pool, each answer as the caller may see it.

use std::collections::BTreeMap;

use intake_domain::{Case, Seeker, Windows, candidates};
use kit::caller::{CallerKind, Granted};
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
        let shown = answer::case(&case, &members);
        Ok(if is_blind(&granted) {
            proto::GetCaseResponse { case: Some(answer::blinded(shown)), diagnosis: None }
        } else {
            proto::GetCaseResponse { case: Some(shown), diagnosis }
        })
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
        let blind = is_blind(&granted);
        let shown = |case: &Case| {
            let shown = answer::case(case, members.get(&case.id).map_or(&[][..], Vec::as_slice));
            if blind { answer::blinded(shown) } else { shown }
        };
        Ok(proto::ListCasesResponse { cases: cases.iter().map(shown).collect(), next_page_token })
    }
}

/// The roles of the centre that handle cases, and so may know which units do.
const HANDLES: [&str; 4] = ["window_clerk", "coordinator", "supervisor", "leader"];

/// True for whoever of the centre has no part in handling: a call-back is blind to who handled the case.
fn is_blind(granted: &Granted) -> bool {
    granted.caller.kind == CallerKind::Centre && !HANDLES.iter().any(|role| granted.caller.has_role(role))
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
        let found = candidates(seeker, neighbours.iter().map(AsRef::as_ref), Windows::default(), MOST_CANDIDATES);
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
