//! Short names for things: a case by its number, an order by case and unit.

use std::collections::{BTreeSet, HashMap};

use futures::stream::{self, StreamExt, TryStreamExt};
use uuid::Uuid;
use xiezhi_proto::assignment::v1::{
    Consultation, ListConsultationsRequest, ListOpenTasksRequest, ListWorkOrdersRequest, WorkOrder,
};
use xiezhi_proto::evaluation::v1::{CallbackState, ListCallbacksRequest};
use xiezhi_proto::intake::v1::{Case, GetCaseRequest, GetCaseResponse};
use xiezhi_proto::scheduling::v1::{ListOperationsRequest, Operation, OperationStage};

use crate::failure::Failure;
use crate::say::Say;
use crate::session::Session;

/// How many cases are asked for at once.
const AT_ONCE: usize = 8;

fn is_uuid(name: &str) -> bool {
    Uuid::parse_str(name).is_ok()
}

/// A case with its diagnosis, by number or UUID.
pub async fn case_and_diagnosis(session: &Session, name: &str) -> Result<GetCaseResponse, Failure> {
    let centre = &session.centre;
    let request = if is_uuid(name) {
        GetCaseRequest { case_id: name.to_owned(), case_no: String::new() }
    } else {
        GetCaseRequest { case_id: String::new(), case_no: name.to_uppercase() }
    };
    Ok(centre.read(|| client::call!(centre.intake().get_case(request.clone()))).await?)
}

/// A case, by number or UUID.
pub async fn case(session: &Session, name: &str) -> Result<Case, Failure> {
    let found = case_and_diagnosis(session, name).await?.case;
    found.ok_or_else(|| Failure::Says(Say::AnswerBroken { why: "a case without a case".to_owned() }))
}

/// A case's UUID, without asking where it is given.
pub async fn case_id(session: &Session, name: &str) -> Result<String, Failure> {
    if is_uuid(name) { Ok(name.to_owned()) } else { Ok(case(session, name).await?.case_id) }
}

/// The numbers of cases by their UUIDs, as people know them; none for a case that the caller may not know of.
pub async fn case_numbers(
    session: &Session,
    case_ids: impl IntoIterator<Item = String>,
) -> Result<HashMap<String, String>, Failure> {
    let once: BTreeSet<String> = case_ids.into_iter().collect();
    let found = stream::iter(once).map(|case_id| async move {
        match case(session, &case_id).await {
            Ok(case) => Ok(Some((case_id, case.case_no))),
            Err(failure) if failure.is_out_of_sight() => Ok(None),
            Err(failure) => Err(failure),
        }
    });
    found.buffer_unordered(AT_ONCE).try_filter_map(|named| async move { Ok(named) }).try_collect().await
}

/// A work order's UUID: given as such, or as the one order of a unit in a case, an open one before closed ones.
pub async fn order_id(session: &Session, name: &str) -> Result<String, Failure> {
    if is_uuid(name) {
        return Ok(name.to_owned());
    }
    let Some((case, unit)) = name.split_once('/') else {
        return Err(Failure::Says(Say::NothingNamed { name: name.to_owned() }));
    };
    let centre = &session.centre;
    let request = ListWorkOrdersRequest {
        case_id: case_id(session, case).await?,
        unit_code: unit.to_owned(),
        page_size: 200,
        ..ListWorkOrdersRequest::default()
    };
    let page = centre.read(|| client::call!(centre.assignment().list_work_orders(request.clone()))).await?;
    let (open, closed): (Vec<WorkOrder>, Vec<WorkOrder>) =
        page.work_orders.into_iter().partition(|order| order.closed_at.is_none());
    let fitting = if open.is_empty() { closed } else { open };
    one(name, fitting.into_iter().map(|order| order.work_order_id))
}

/// A consultation: by its UUID, or the one of a case, an open one before others.
pub async fn consultation_id(session: &Session, name: &str) -> Result<String, Failure> {
    if is_uuid(name) {
        return Ok(name.to_owned());
    }
    let centre = &session.centre;
    let case_id = case_id(session, name).await?;
    let request = ListConsultationsRequest { case_id, page_size: 200, ..ListConsultationsRequest::default() };
    let page = centre.read(|| client::call!(centre.assignment().list_consultations(request.clone()))).await?;
    let (open, others): (Vec<Consultation>, Vec<Consultation>) =
        page.consultations.into_iter().partition(|consultation| consultation.ruling_id.is_empty());
    let fitting = if open.is_empty() { others } else { open };
    one(name, fitting.into_iter().map(|consultation| consultation.consultation_id))
}

/// An operation: by its UUID, or the one of a case, one that goes on before others.
pub async fn operation_id(session: &Session, name: &str) -> Result<String, Failure> {
    if is_uuid(name) {
        return Ok(name.to_owned());
    }
    let centre = &session.centre;
    let case_id = case_id(session, name).await?;
    let request = ListOperationsRequest { case_id, page_size: 200, ..ListOperationsRequest::default() };
    let page = centre.read(|| client::call!(centre.scheduling().list_operations(request.clone()))).await?;
    let goes_on = |operation: &Operation| {
        matches!(operation.stage(), OperationStage::Proposed | OperationStage::Fixed | OperationStage::Started)
    };
    let (open, others): (Vec<Operation>, Vec<Operation>) = page.operations.into_iter().partition(goes_on);
    let fitting = if open.is_empty() { others } else { open };
    one(name, fitting.into_iter().map(|operation| operation.operation_id))
}

/// The operation that left a case a follow-up which cannot be sent, as the centre's open tasks name it; `name` is what a
/// person typed.
pub async fn waiting_operation(session: &Session, name: &str, case_id: &str) -> Result<String, Failure> {
    let centre = &session.centre;
    let request =
        ListOpenTasksRequest { case_id: case_id.to_owned(), page_size: 200, ..ListOpenTasksRequest::default() };
    let page = centre.read(|| client::call!(centre.assignment().list_open_tasks(request.clone()))).await?;
    let waiting = page.tasks.into_iter().filter(|task| task.task_code == "follow_up.dispatch");
    // One operation may have left something to several units, each a task.
    let operations: BTreeSet<String> = waiting.map(|task| task.reference_id).collect();
    one(name, operations)
}

/// A call-back: by its UUID, or the one of a case that waits to be made or decided.
pub async fn callback_id(session: &Session, name: &str, state: CallbackState) -> Result<String, Failure> {
    if is_uuid(name) {
        return Ok(name.to_owned());
    }
    let centre = &session.centre;
    let case_id = case_id(session, name).await?;
    let waiting = client::pages::pages(|page_token| async move {
        let request = ListCallbacksRequest { state: state.into(), page_size: 200, page_token };
        let page = centre.read(|| client::call!(centre.evaluation().list_callbacks(request.clone()))).await?;
        Ok((page.callbacks, page.next_page_token))
    })
    .await?;
    let fitting = waiting.into_iter().filter(|callback| callback.case_id == case_id);
    one(name, fitting.map(|callback| callback.callback_id))
}

/// Exactly one, or a refusal that names what there is.
pub fn one(name: &str, ids: impl IntoIterator<Item = String>) -> Result<String, Failure> {
    let ids: Vec<String> = ids.into_iter().collect();
    match ids.as_slice() {
        [id] => Ok(id.clone()),
        [] => Err(Failure::Says(Say::NothingNamed { name: name.to_owned() })),
        several => Err(Failure::Says(Say::SeveralNamed { name: name.to_owned(), ids: several.join(", ") })),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_name_means_exactly_one_thing() {
        let ids = |many: &[&str]| many.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>();
        assert_eq!(one("a", ids(&["1"])).ok(), Some("1".to_owned()));
        assert!(matches!(one("a", ids(&[])), Err(Failure::Says(Say::NothingNamed { .. }))));
        assert!(matches!(one("a", ids(&["1", "2"])), Err(Failure::Says(Say::SeveralNamed { .. }))));
    }
}
