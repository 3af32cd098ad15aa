//! The door for people and departments.

mod timeline;

use kit::caller::{Access, Call, Granted};
use kit::corridor::Corridor;
use kit::paging::{decode_token, encode_token, page_size};
use kit::refusal::{Checks, Refusal};
use kit::service::Keys;
use kit::wire::{from_proto_time, to_proto_time};
use supervision_domain::Case;
use tonic::{Request, Response, Status};
use vocab::{CaseId, UnitCode, WorkOrderId};
use xiezhi_proto::supervision::v1 as proto;
use xiezhi_proto::supervision::v1::supervision_service_server::SupervisionService;

use crate::refuse::no_case;
use crate::store::Reading;
use crate::store::lists::{self, ClosingFilter, ClosingKey, DueKey, OrderFilter, OrderKey, Task};
use crate::unit::{Needs, knowers, town};
use crate::{Supervision, app, store, wire};

/// 督查的门.
#[derive(Clone)]
pub struct Door {
    corridor: Corridor<Supervision>,
}

type Answer<T> = Result<Response<T>, Status>;

impl Door {
    /// A door to this corridor.
    pub fn new(corridor: Corridor<Supervision>) -> Self {
        Self { corridor }
    }

    /// Begins reading as the caller may: a unit behind the second wall.
    async fn begin(&self, granted: &Granted) -> Result<Reading, Refusal> {
        store::begin(self.corridor.pool(), confined(granted)).await
    }

    /// A case the caller may know of; every other is answered as if it did not exist.
    async fn case(&self, tx: &mut Reading, granted: &Granted, id: CaseId) -> Result<Case, Refusal> {
        let case = store::find_case(tx, id).await?.ok_or_else(no_case)?;
        if granted.covers(knowers(&case).iter().map(UnitCode::as_str)) { Ok(case) } else { Err(no_case()) }
    }

    /// Adds to extended clocks why they were, as far as the caller may see.
    async fn give_reasons<'v>(
        &self,
        granted: &Granted,
        clocks: impl IntoIterator<Item = &'v mut proto::ClockView> + Send,
    ) -> Result<(), Refusal> {
        let mut extended: Vec<_> = clocks.into_iter().filter(|clock| clock.extension.is_some()).collect();
        if extended.is_empty() {
            return Ok(());
        }
        let cases = extended.iter().map(|clock| wire::case_id(&clock.case_id).map(CaseId::uuid));
        let cases = cases.collect::<Result<Vec<_>, Refusal>>()?;
        let rows = lists::reasons(&mut *self.begin(granted).await?, self.corridor.service().texts(), &cases).await?;
        for (clock, case) in extended.iter_mut().zip(cases) {
            let kind = clock.clock.as_ref().map(|clock| clock.kind.clone()).unwrap_or_default();
            let row =
                rows.iter().find(|row| row.case == case && row.round.unsigned_abs() == clock.round && row.kind == kind);
            if let (Some(extension), Some(row)) = (clock.extension.as_mut(), row) {
                extension.reason.clone_from(&row.words);
            }
        }
        Ok(())
    }

    async fn proofs(&self, mut tx: Reading, keys: &[ClosingKey]) -> Result<Vec<proto::ClosingProof>, Refusal> {
        let ids: Vec<_> = keys.iter().map(|key| key.case).collect();
        let cases = store::find_cases(&mut tx, &ids).await?;
        // One connection at a time: readers that wait for a second one would starve each other.
        drop(tx);
        let members = store::find_members(self.corridor.pool(), &ids).await?;
        let proof = |key: &ClosingKey| {
            let case = cases.get(&key.case)?;
            let (round, attempt) = (key.round.unsigned_abs(), key.attempt.unsigned_abs());
            let closing = case.closings.iter().find(|closing| closing.round == round && closing.attempt == attempt)?;
            let members = members.get(&case.id).map(Vec::as_slice).unwrap_or_default();
            Some(wire::proof_view(case, closing, members))
        };
        Ok(keys.iter().filter_map(proof).collect())
    }
}

/// The unit whose own the caller may see; none where it may see everything.
fn confined(granted: &Granted) -> Option<&str> {
    match granted.access {
        Access::Any => None,
        Access::Own => Some(&granted.caller.unit),
    }
}

/// The unit a list is limited to: a unit sees its own, whatever it asks for; `None` where it asks for another's.
fn limited_to(granted: &Granted, asked: &str) -> Option<Option<String>> {
    let asked = (!asked.is_empty()).then(|| asked.to_owned());
    match granted.access {
        Access::Any => Some(asked),
        Access::Own if asked.as_ref().is_none_or(|unit| *unit == granted.caller.unit) => {
            Some(Some(granted.caller.unit.clone()))
        }
        Access::Own => None,
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

#[tonic::async_trait]
impl SupervisionService for Door {
    async fn list_clocks(&self, request: Request<proto::ListClocksRequest>) -> Answer<proto::ListClocksResponse> {
        let granted = Granted::of(&request)?;
        let id = wire::case_id(&request.get_ref().case_id)?;
        let case = self.case(&mut self.begin(&granted).await?, &granted, id).await?;
        let rules = self.corridor.rules().await?;
        let labels = wire::Labels { rules: &rules.content, explain: true };
        let unit = confined(&granted);
        let shown = case.clocks.iter().filter(|clock| unit.is_none_or(|unit| clock.is_shown_to(unit)));
        let mut clocks: Vec<_> = shown.map(|clock| wire::clock_view(&case, clock, &labels)).collect();
        self.give_reasons(&granted, &mut clocks).await?;
        let at = Some(to_proto_time(self.corridor.now().await?));
        Ok(Response::new(proto::ListClocksResponse { clocks, at }))
    }

    async fn list_due(&self, request: Request<proto::ListDueRequest>) -> Answer<proto::ListDueResponse> {
        let granted = Granted::of(&request)?;
        let request = request.into_inner();
        let size = page_size(request.page_size, 100, 500)?;
        let after: Option<DueKey> = decode_token(&request.page_token)?;
        let before = match request.before {
            Some(before) => Some(from_proto_time(Some(before)).map_err(|error| Refusal::field("before", error))?),
            None => None,
        };
        let Some(holder) = limited_to(&granted, &request.unit_code) else {
            return Ok(Response::new(proto::ListDueResponse::default()));
        };
        let mut tx = self.begin(&granted).await?;
        let rows = lists::due(&mut tx, holder.as_deref(), before, after.as_ref(), size + 1).await?;
        let (keys, more) = split(rows, size);
        let ids: Vec<_> = keys.iter().map(|key| key.case).collect();
        let cases = store::find_cases(&mut tx, &ids).await?;
        drop(tx);
        let rules = self.corridor.rules().await?;
        let labels = wire::Labels { rules: &rules.content, explain: false };
        let view = |key: &DueKey| {
            let case = cases.get(&key.case)?;
            let round = key.round.unsigned_abs();
            let clock = case.clocks.iter().find(|clock| clock.round == round && clock.kind == key.kind)?;
            Some(wire::clock_view(case, clock, &labels))
        };
        let mut clocks: Vec<_> = keys.iter().filter_map(view).collect();
        self.give_reasons(&granted, &mut clocks).await?;
        Ok(Response::new(proto::ListDueResponse { clocks, next_page_token: token(more, keys.last()) }))
    }

    async fn extend_clock(&self, request: Request<proto::ExtendClockRequest>) -> Answer<proto::ExtendClockResponse> {
        let call = Call::of(&request, &request.get_ref().command_id)?;
        let request = request.into_inner();
        let mut checks = Checks::new();
        let id = checks.parsed("case_id", request.case_id.parse::<CaseId>());
        kind(&mut checks, &request.kind);
        checks.text("reason", &request.reason, 5, 1000, true);
        if request.amount == 0 {
            checks.wrong("amount", "must be at least 1");
        }
        let id = done(checks, id)?;
        let answer = self
            .corridor
            .command(call, Keys::one(id.uuid()), move |unit, cx| {
                app::extend(unit, cx, id, &request.kind, request.amount, &request.reason)
            })
            .await?;
        Ok(Response::new(answer))
    }

    async fn pause_clock(&self, request: Request<proto::PauseClockRequest>) -> Answer<proto::PauseClockResponse> {
        let call = Call::of(&request, &request.get_ref().command_id)?;
        let granted = call.granted.clone();
        let request = request.into_inner();
        let mut checks = Checks::new();
        let id = checks.parsed("case_id", request.case_id.parse::<CaseId>());
        kind(&mut checks, &request.kind);
        checks.text("reason_code", &request.reason_code, 1, 64, false);
        let id = done(checks, id)?;
        let mut answer = self
            .corridor
            .command(call, Keys::one(id.uuid()), move |unit, cx| {
                app::pause(unit, cx, id, &request.kind, &request.reason_code)
            })
            .await?;
        self.give_reasons(&granted, &mut answer.clock).await?;
        Ok(Response::new(answer))
    }

    async fn resume_clock(&self, request: Request<proto::ResumeClockRequest>) -> Answer<proto::ResumeClockResponse> {
        let call = Call::of(&request, &request.get_ref().command_id)?;
        let granted = call.granted.clone();
        let request = request.into_inner();
        let mut checks = Checks::new();
        let id = checks.parsed("case_id", request.case_id.parse::<CaseId>());
        kind(&mut checks, &request.kind);
        let id = done(checks, id)?;
        let mut answer = self
            .corridor
            .command(call, Keys::one(id.uuid()), move |unit, cx| app::resume(unit, cx, id, &request.kind))
            .await?;
        self.give_reasons(&granted, &mut answer.clock).await?;
        Ok(Response::new(answer))
    }

    async fn list_supervision_orders(
        &self,
        request: Request<proto::ListSupervisionOrdersRequest>,
    ) -> Answer<proto::ListSupervisionOrdersResponse> {
        let granted = Granted::of(&request)?;
        let request = request.into_inner();
        let size = page_size(request.page_size, 100, 500)?;
        let after: Option<OrderKey> = decode_token(&request.page_token)?;
        let case = match request.case_id.as_str() {
            "" => None,
            text => Some(wire::case_id(text)?.uuid()),
        };
        let Some(unit) = limited_to(&granted, &request.unit_code) else {
            return Ok(Response::new(proto::ListSupervisionOrdersResponse::default()));
        };
        let filter = OrderFilter { case, unit, unanswered: request.unanswered_only };
        let mut tx = self.begin(&granted).await?;
        let rows = lists::orders(&mut tx, self.corridor.service().texts(), &filter, after.as_ref(), size + 1).await?;
        let (rows, more) = split(rows, size);
        let last = rows.last().map(|row| OrderKey { issued_at: row.order.issued_at, id: row.order.id.uuid() });
        let supervision_orders = rows
            .into_iter()
            .map(|row| wire::order_view(CaseId::new(row.case), row.case_no.as_deref(), &row.order, row.answer))
            .collect();
        Ok(Response::new(proto::ListSupervisionOrdersResponse {
            supervision_orders,
            next_page_token: token(more, last.as_ref()),
        }))
    }

    async fn answer_supervision_order(
        &self,
        request: Request<proto::AnswerSupervisionOrderRequest>,
    ) -> Answer<proto::AnswerSupervisionOrderResponse> {
        let call = Call::of(&request, &request.get_ref().command_id)?;
        let request = request.into_inner();
        let mut checks = Checks::new();
        checks.text("answer", &request.answer, 5, 5000, true);
        let order =
            checks.parsed("supervision_order_id", request.supervision_order_id.parse::<vocab::SupervisionOrderId>());
        let order = done(checks, order)?;
        let case = store::case_of_order(self.corridor.pool(), order)
            .await?
            .ok_or(Refusal::NotFound { what: "supervision order" })?;
        let answer = self
            .corridor
            .command(call, Keys::one(case.uuid()), move |unit, cx| app::answer(unit, cx, case, order, &request.answer))
            .await?;
        Ok(Response::new(answer))
    }

    async fn get_closing_proof(
        &self,
        request: Request<proto::GetClosingProofRequest>,
    ) -> Answer<proto::GetClosingProofResponse> {
        let granted = Granted::of(&request)?;
        let request = request.into_inner();
        let id = wire::case_id(&request.case_id)?;
        let missing = Refusal::NotFound { what: "closing" };
        let mut tx = self.begin(&granted).await?;
        let case = store::find_case(&mut tx, id).await?.ok_or(missing.clone())?;
        drop(tx);
        let (units, town) = (knowers(&case), town(&case));
        if !granted.covers(units.iter().chain(&town).map(UnitCode::as_str)) {
            return Err(missing.into());
        }
        let closing = case.closing(request.round).ok_or(missing)?;
        let members = store::find_members(self.corridor.pool(), &[id.uuid()]).await?;
        let members = members.get(&id).map(Vec::as_slice).unwrap_or_default();
        let proof = Some(wire::proof_view(&case, closing, members));
        Ok(Response::new(proto::GetClosingProofResponse { proof }))
    }

    async fn list_closings(&self, request: Request<proto::ListClosingsRequest>) -> Answer<proto::ListClosingsResponse> {
        let granted = Granted::of(&request)?;
        let request = request.into_inner();
        let size = page_size(request.page_size, 50, 200)?;
        let after: Option<ClosingKey> = decode_token(&request.page_token)?;
        let wanted = request.state();
        let (state, ready) = match wanted {
            proto::ClosingState::Unspecified => ("open", None),
            proto::ClosingState::Checking => ("open", Some(false)),
            proto::ClosingState::AwaitingSecondUnit => ("open", Some(true)),
            proto::ClosingState::Approved => ("approved", None),
            proto::ClosingState::Refused => ("refused", None),
        };
        let knower = confined(&granted).map(str::to_owned);
        let filter = ClosingFilter { state, ready, knower };
        let mut tx = self.begin(&granted).await?;
        let rows = lists::closings(&mut tx, &filter, after.as_ref(), size + 1).await?;
        let (keys, more) = split(rows, size);
        let mut proofs = self.proofs(tx, &keys).await?;
        if ready.is_some() {
            // Behind its wall a unit may not see each member; the proof itself does.
            proofs.retain(|proof| proof.state() == wanted);
        }
        Ok(Response::new(proto::ListClosingsResponse { proofs, next_page_token: token(more, keys.last()) }))
    }

    async fn approve_closing(
        &self,
        request: Request<proto::ApproveClosingRequest>,
    ) -> Answer<proto::ApproveClosingResponse> {
        let call = Call::of(&request, &request.get_ref().command_id)?;
        let id = wire::case_id(&request.get_ref().case_id)?;
        let answer = self.corridor.command(call, with_members(id), move |unit, cx| app::approve(unit, cx, id)).await?;
        Ok(Response::new(answer))
    }

    async fn refuse_closing(
        &self,
        request: Request<proto::RefuseClosingRequest>,
    ) -> Answer<proto::RefuseClosingResponse> {
        let call = Call::of(&request, &request.get_ref().command_id)?;
        let request = request.into_inner();
        let mut checks = Checks::new();
        let id = checks.parsed("case_id", request.case_id.parse::<CaseId>());
        let order = checks.parsed("work_order_id", request.work_order_id.parse::<WorkOrderId>());
        wire::reason_code(&mut checks, &request.reason_code);
        let (id, order) = done(checks, id.zip(order))?;
        let answer = self
            .corridor
            .command(call, with_members(id), move |unit, cx| app::send_back(unit, cx, id, order, &request.reason_code))
            .await?;
        Ok(Response::new(answer))
    }

    async fn get_timeline(&self, request: Request<proto::GetTimelineRequest>) -> Answer<proto::GetTimelineResponse> {
        let granted = Granted::of(&request)?;
        Ok(Response::new(self.timeline(&granted, request.get_ref()).await?))
    }

    async fn list_open_tasks(
        &self,
        request: Request<proto::ListOpenTasksRequest>,
    ) -> Answer<proto::ListOpenTasksResponse> {
        let granted = Granted::of(&request)?;
        let request = request.into_inner();
        let size = page_size(request.page_size, 200, 1000)?;
        let after: Option<Task> = decode_token(&request.page_token)?;
        let mut tx = self.begin(&granted).await?;
        let rows = lists::tasks(&mut tx, after.as_ref(), size + 1).await?;
        let (rows, more) = split(rows, size);
        let next_page_token = token(more, rows.last());
        let tasks = rows.into_iter().map(wire::task_view).collect();
        Ok(Response::new(proto::ListOpenTasksResponse { tasks, next_page_token }))
    }
}

fn with_members(id: CaseId) -> Keys<Needs> {
    Keys::one(id.uuid()).and(Needs { members_of: [id].into(), ..Needs::default() })
}

/// A clock's name: a rule's code, and for an order's clock the order behind a slash.
fn kind(checks: &mut Checks, kind: &str) {
    checks.text("kind", kind, 1, 128, false);
}

/// Refuses a request that has mistakes; every value was parsed then.
fn done<T>(checks: Checks, value: Option<T>) -> Result<T, Refusal> {
    checks.done()?;
    value.ok_or_else(|| Refusal::Internal("a value without a mistake was not parsed".to_owned()))
}
