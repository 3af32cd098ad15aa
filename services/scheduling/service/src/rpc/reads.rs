//! Pages and single operations, read without the corridor.

use std::collections::BTreeMap;

use jiff::Timestamp;
use kit::caller::Granted;
use kit::paging;
use kit::refusal::Refusal;
use kit::service::Keys;
use scheduling_domain::{Operation, task};
use uuid::Uuid;
use vocab::{CaseId, OperationId, UnitCode};
use xiezhi_proto::scheduling::v1 as proto;

use super::{OperationDoor, narrowed, unread};
use crate::app::planning;
use crate::store::{self, BookingFilter, BookingKey, OperationFilter, Reading};
use crate::wire::read::{self, Wish};
use crate::wire::write;

/// Cuts a page to its size; true where there is more.
fn cut<T>(found: &mut Vec<T>, limit: i64) -> bool {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = found.len() > limit;
    found.truncate(limit);
    more
}

impl OperationDoor {
    pub(super) async fn page_of_operations(
        &self,
        granted: &Granted,
        asked: &proto::ListOperationsRequest,
    ) -> Result<proto::ListOperationsResponse, Refusal> {
        let limit = paging::page_size(asked.page_size, 50, 200)?;
        let case: Option<CaseId> = read::maybe_code("case_id", &asked.case_id)?;
        read::maybe_code::<UnitCode>("unit_code", &asked.unit_code)?;
        let filter = OperationFilter {
            case: case.map(CaseId::uuid),
            units: narrowed(granted, &asked.unit_code),
            stages: read::stages(&asked.stages)?,
            from: read::maybe_time("from", asked.from.as_ref())?,
            until: read::maybe_time("until", asked.until.as_ref())?,
            after: paging::decode_token(&asked.page_token)?,
            limit: limit + 1,
        };
        let mut tx = self.reading(granted).await?;
        let mut found = store::list_operations(&mut tx, &filter).await.map_err(unread)?;
        let more = cut(&mut found, limit);
        let last = found.last().filter(|_| more);
        let next_page_token = last.map(|last| paging::encode_token(&(last.proposed_at, last.id.uuid())));
        let ends = ends(&mut tx, &found).await?;
        Ok(proto::ListOperationsResponse {
            operations: found.iter().map(|one| write::operation(one, end_of(one, &ends))).collect(),
            next_page_token: next_page_token.unwrap_or_default(),
        })
    }

    pub(super) async fn one_operation(
        &self,
        granted: &Granted,
        id: OperationId,
    ) -> Result<proto::GetOperationResponse, Refusal> {
        let mut tx = self.reading(granted).await?;
        let operation = self.find(&mut tx, granted, id).await?;
        let ends = ends(&mut tx, std::slice::from_ref(&operation)).await?;
        let written = store::list_written(&mut tx, self.corridor.service().texts(), id).await.map_err(unread)?;
        let (record, remarks): (Vec<_>, Vec<_>) = written.into_iter().partition(|row| row.verb == "inspect");
        let words: BTreeMap<Uuid, String> = record.into_iter().map(|row| (row.id, row.words)).collect();
        Ok(proto::GetOperationResponse {
            operation: Some(write::operation(&operation, end_of(&operation, &ends))),
            inspections: write::inspections(&operation, &words),
            remarks: remarks.into_iter().map(write::remark).collect(),
        })
    }

    pub(super) async fn preview(
        &self,
        granted: &Granted,
        id: OperationId,
        wish: &Wish,
    ) -> Result<proto::PreviewPlanResponse, Refusal> {
        self.find(&mut self.reading(granted).await?, granted, id).await?;
        let keys: Keys<_> = self.planning_keys(id, wish).await?;
        let mut connection = self.corridor.pool().acquire().await.map_err(kit::corridor::unavailable)?;
        let unit = store::load(&mut connection, &keys).await.map_err(unread)?;
        drop(connection);
        let (now, rules) = (self.corridor.now().await?, self.corridor.rules().await?);
        let operation = unit.operations.get(&id).ok_or(Refusal::NotFound { what: "operation" })?;
        let (_, planned) = planning::plan(&unit, &rules.content, now, operation, wish)?;
        Ok(write::preview(operation, &planned))
    }

    pub(super) async fn page_of_bookings(
        &self,
        granted: &Granted,
        asked: &proto::ListBookingsRequest,
    ) -> Result<proto::ListBookingsResponse, Refusal> {
        let limit = paging::page_size(asked.page_size, 100, 500)?;
        read::maybe_code::<UnitCode>("unit_code", &asked.unit_code)?;
        let subject: Option<vocab::PersonCode> = read::maybe_code("subject_code", &asked.subject_code)?;
        let units = narrowed(granted, &asked.unit_code);
        if units.iter().any(|unit| Some(unit) != units.first()) {
            return Ok(proto::ListBookingsResponse::default());
        }
        let from = match read::maybe_time("from", asked.from.as_ref())? {
            Some(from) => from,
            None => self.corridor.now().await?,
        };
        let filter = BookingFilter {
            units,
            subject: subject.map(|subject| subject.to_string()),
            from,
            until: read::maybe_time("until", asked.until.as_ref())?,
            with_released: asked.with_released,
            after: paging::decode_token(&asked.page_token)?,
            limit: limit + 1,
        };
        let mut found = store::list_bookings(&mut *self.reading(granted).await?, &filter).await.map_err(unread)?;
        let more = cut(&mut found, limit);
        let last = found.last().filter(|_| more).map(|last| {
            paging::encode_token(&BookingKey {
                starts_at: last.span.from,
                operation: last.operation.uuid(),
                kind: last.subject.kind().to_owned(),
                code: last.subject.code().to_owned(),
            })
        });
        Ok(proto::ListBookingsResponse {
            bookings: found.iter().map(write::booking).collect(),
            next_page_token: last.unwrap_or_default(),
        })
    }

    pub(super) async fn page_of_tasks(
        &self,
        granted: &Granted,
        asked: &proto::ListOpenTasksRequest,
    ) -> Result<proto::ListOpenTasksResponse, Refusal> {
        let limit = paging::page_size(asked.page_size, 100, 500)?;
        let case: Option<CaseId> = read::maybe_code("case_id", &asked.case_id)?;
        read::maybe_code::<UnitCode>("unit_code", &asked.unit_code)?;
        let own = narrowed(granted, "");
        let after: Option<Uuid> = paging::decode_token(&asked.page_token)?;
        let mut tx = self.reading(granted).await?;
        let mut found =
            store::list_unfinished(&mut tx, case.map(CaseId::uuid), &own, after, limit + 1).await.map_err(unread)?;
        drop(tx);
        let more = cut(&mut found, limit);
        let last = found.last().filter(|_| more).map(|last| paging::encode_token(&last.id.uuid()));
        let (now, rules) = (self.corridor.now().await?, self.corridor.rules().await?);
        let centre = rules.content.centre_code();
        let wanted = narrowed(granted, &asked.unit_code);
        let tasks = found.iter().flat_map(|operation| {
            task::open_tasks(operation).into_iter().flat_map(|task| write::tasks(operation, &task, centre, now))
        });
        Ok(proto::ListOpenTasksResponse {
            tasks: tasks.filter(|task| wanted.iter().all(|unit| *unit == task.unit_code)).collect(),
            next_page_token: last.unwrap_or_default(),
        })
    }
}

async fn ends(tx: &mut Reading, operations: &[Operation]) -> Result<BTreeMap<Uuid, Timestamp>, Refusal> {
    let cases: Vec<Uuid> = operations.iter().flat_map(|operation| &operation.cases).map(|case| case.uuid()).collect();
    let ends = store::finish_by(tx, &cases).await.map_err(unread)?;
    Ok(ends.into_iter().collect())
}

fn end_of(operation: &Operation, ends: &BTreeMap<Uuid, Timestamp>) -> Option<Timestamp> {
    operation.cases.iter().filter_map(|case| ends.get(&case.uuid()).copied()).min()
}
