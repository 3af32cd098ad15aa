//! The door for people and departments.

use kit::caller::{Access, Call, Granted};
use kit::corridor::Corridor;
use kit::paging::{decode_token, encode_token, page_size};
use kit::refusal::Refusal;
use kit::service::Keys;
use tonic::{Request, Response, Status};
use vocab::{CallbackId, CaseId, UnitCode};
use xiezhi_proto::evaluation::v1 as proto;
use xiezhi_proto::evaluation::v1::evaluation_service_server::EvaluationService;

use crate::refuse::no_callback;
use crate::rules::Rules;
use crate::store::read::{self, CallbackKey, FactFilter, FactKey, Task};
use crate::{Evaluation, app, wire};

/// 考核评价的门.
pub struct Door {
    corridor: Corridor<Evaluation>,
}

type Answer<T> = Result<Response<T>, Status>;

impl Door {
    /// A door to this corridor.
    pub fn new(corridor: Corridor<Evaluation>) -> Self {
        Self { corridor }
    }

    async fn case_of(&self, callback: CallbackId) -> Result<CaseId, Refusal> {
        read::case_of_callback(self.corridor.pool(), callback).await?.ok_or_else(no_callback)
    }
}

/// A page one longer than asked for tells whether there is another.
fn split<T>(mut rows: Vec<T>, size: i64) -> (Vec<T>, bool) {
    let size = usize::try_from(size).unwrap_or(usize::MAX);
    let more = rows.len() > size;
    rows.truncate(size);
    (rows, more)
}

fn token<K: serde::Serialize>(more: bool, last: Option<&K>) -> String {
    last.filter(|_| more).map(encode_token).unwrap_or_default()
}

fn no_unit() -> Refusal {
    Refusal::NotFound { what: "unit" }
}

/// The unit whose rates a caller gets: a unit sees its own, and every other as if it did not exist.
fn unit_asked(granted: &Granted, asked: Option<UnitCode>, rules: &Rules) -> Result<Option<UnitCode>, Refusal> {
    match (granted.access, asked) {
        (Access::Any, None) => Ok(None),
        (Access::Any, Some(unit)) if rules.has_unit(&unit) => Ok(Some(unit)),
        (Access::Any, Some(_)) => Err(no_unit()),
        (Access::Own, asked) => {
            let own = UnitCode::new(granted.caller.unit.as_str()).map_err(|_| no_unit())?;
            if asked.is_none_or(|unit| unit == own) { Ok(Some(own)) } else { Err(no_unit()) }
        }
    }
}

#[tonic::async_trait]
impl EvaluationService for Door {
    async fn list_callbacks(
        &self,
        request: Request<proto::ListCallbacksRequest>,
    ) -> Answer<proto::ListCallbacksResponse> {
        Granted::of(&request)?;
        let request = request.into_inner();
        let size = page_size(request.page_size, 50, 200)?;
        let after: Option<CallbackKey> = decode_token(&request.page_token)?;
        let state = wire::state_asked(request.state)?;
        let rows = read::list_callbacks(self.corridor.pool(), state, after.as_ref(), size + 1).await?;
        let (page, more) = split(rows, size);
        let cases: Vec<_> = page.iter().map(|key| key.case).collect();
        let files = read::find_files(self.corridor.pool(), &cases).await?;
        let next = token(more, page.last());
        let page = page.iter().map(|key| (key.case, key.id));
        Ok(Response::new(wire::callbacks_listed(page, &files, next)))
    }

    async fn get_callback(&self, request: Request<proto::GetCallbackRequest>) -> Answer<proto::GetCallbackResponse> {
        Granted::of(&request)?;
        let id = wire::callback_id(&request.get_ref().callback_id)?;
        let case = self.case_of(id).await?.uuid();
        let files = read::find_files(self.corridor.pool(), &[case]).await?;
        Ok(Response::new(wire::callback_found(files.get(&case), id)?))
    }

    async fn record_callback(
        &self,
        request: Request<proto::RecordCallbackRequest>,
    ) -> Answer<proto::RecordCallbackResponse> {
        let call = Call::of(&request, &request.get_ref().command_id)?;
        let asked = wire::recording(request.get_ref())?;
        let case = self.case_of(asked.callback).await?;
        let answer = self
            .corridor
            .command(call, Keys::one(case.uuid()), move |unit, cx| {
                let file = app::record(unit, cx, case, asked.callback, asked.answer)?;
                Ok(wire::recorded(&file, asked.callback))
            })
            .await?;
        Ok(Response::new(answer))
    }

    async fn decide_adjudication(
        &self,
        request: Request<proto::DecideAdjudicationRequest>,
    ) -> Answer<proto::DecideAdjudicationResponse> {
        let call = Call::of(&request, &request.get_ref().command_id)?;
        let asked = wire::adjudicating(request.get_ref())?;
        let case = self.case_of(asked.callback).await?;
        let answer = self
            .corridor
            .command(call, Keys::one(case.uuid()), move |unit, cx| {
                let file = app::adjudicate(unit, cx, case, asked.callback, asked.upheld, &asked.reason)?;
                Ok(wire::adjudicated(&file, asked.callback))
            })
            .await?;
        Ok(Response::new(answer))
    }

    async fn get_rates(&self, request: Request<proto::GetRatesRequest>) -> Answer<proto::GetRatesResponse> {
        let granted = Granted::of(&request)?;
        let asked = wire::rates_asked(request.get_ref())?;
        let rules = self.corridor.rules().await?.content;
        let unit = unit_asked(&granted, asked.unit, &rules)?;
        let (pool, code) = (self.corridor.pool(), unit.as_ref().map(UnitCode::as_str));
        let ratings = read::rating_groups(pool, code, asked.period).await?;
        let orders = read::order_groups(pool, code, asked.period).await?;
        let texts = self.corridor.service().texts();
        let excluded = read::list_excluded(pool, texts, code, asked.period).await?;
        let at = self.corridor.now().await?;
        Ok(Response::new(wire::rates_told(unit.as_ref(), &ratings, &orders, excluded, &rules, at)))
    }

    async fn list_case_facts(
        &self,
        request: Request<proto::ListCaseFactsRequest>,
    ) -> Answer<proto::ListCaseFactsResponse> {
        let granted = Granted::of(&request)?;
        let request = request.into_inner();
        let size = page_size(request.page_size, 100, 500)?;
        let after: Option<FactKey> = decode_token(&request.page_token)?;
        let asked = wire::facts_asked(&request)?;
        let filter = FactFilter {
            unit: asked.unit.map(|unit| unit.to_string()),
            period: asked.period,
            blind: granted.caller.has_role("evaluator"),
        };
        let rows = read::list_facts(self.corridor.pool(), &filter, after.as_ref(), size + 1).await?;
        let (page, more) = split(rows, size);
        let cases: Vec<_> = page.iter().map(|key| key.case).collect();
        let files = read::find_files(self.corridor.pool(), &cases).await?;
        let next = token(more, page.last());
        Ok(Response::new(wire::facts_listed(&page, &files, next)))
    }

    async fn list_open_tasks(
        &self,
        request: Request<proto::ListOpenTasksRequest>,
    ) -> Answer<proto::ListOpenTasksResponse> {
        Granted::of(&request)?;
        let request = request.into_inner();
        let size = page_size(request.page_size, 200, 1000)?;
        let after: Option<Task> = decode_token(&request.page_token)?;
        let rows = read::list_tasks(self.corridor.pool(), after.as_ref(), size + 1).await?;
        let (page, more) = split(rows, size);
        let next = token(more, page.last());
        Ok(Response::new(wire::tasks_listed(page, next)))
    }
}
