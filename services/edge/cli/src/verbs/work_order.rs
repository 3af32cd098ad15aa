//! `work-order …`: each unit's share of a case.

use std::path::PathBuf;

use bytes::Bytes;
use client::call;
use xiezhi_proto::assignment::v1 as assignment;
use xiezhi_proto::assignment::v1::WorkOrder;

use super::View;
use crate::args::{OrderArg, WorkOrderCommand};
use crate::failure::Failure;
use crate::paged::{self, Listed};
use crate::reflect::json;
use crate::say::{Say, Word, label};
use crate::screen::{Answer, Screen, Table};
use crate::session::Session;
use crate::verbs::case::recorded;
use crate::{files, parse, resolve};

/// Does what a `work-order` verb says.
pub async fn run(session: &Session, screen: &mut Screen, command: WorkOrderCommand) -> Result<Answer, Failure> {
    match command {
        WorkOrderCommand::List { case, unit, open, limit } => {
            list(session, case, unit.unwrap_or_default(), open, limit.limit).await
        }
        WorkOrderCommand::Show(order) => show(session, &order).await,
        WorkOrderCommand::Watch { unit, after, limit } => super::watch::run(session, screen, &unit, after, limit).await,
        WorkOrderCommand::Reassign { order, person, post } => reassign(session, &order, person, post).await,
        WorkOrderCommand::Acknowledge(order) => acknowledge(session, &order).await,
        WorkOrderCommand::Object { order, citation, reason } => {
            let citation = parse::citation(&citation);
            object(session, &order, citation, reason).await
        }
        WorkOrderCommand::DecideObjection { order, upheld, grounds } => {
            decide_objection(session, &order, upheld, grounds).await
        }
        WorkOrderCommand::SettleFollowUp { follow_up, reason, operation, to, items } => {
            super::follow_up::settle(session, &follow_up, operation, reason.0, to.unwrap_or_default(), items).await
        }
        WorkOrderCommand::Report { order, text } => report(session, &order, text).await,
        WorkOrderCommand::Complete { order, outcome, evidence, note } => {
            complete(session, &order, outcome.0, &evidence, note).await
        }
        WorkOrderCommand::Escalate { case, ground, reason, invite } => {
            escalate(session, &case.case, ground, reason, invite).await
        }
        WorkOrderCommand::CompleteCase { case, conclusion, reply } => {
            complete_case(session, &case.case, conclusion, reply).await
        }
    }
}

async fn list(
    session: &Session,
    case: Option<String>,
    unit_code: String,
    open_only: bool,
    limit: u32,
) -> Result<Answer, Failure> {
    let centre = &session.centre;
    let case_id = match case {
        Some(case) => resolve::case_id(session, &case).await?,
        None => String::new(),
    };
    let asked = assignment::ListWorkOrdersRequest {
        case_id,
        unit_code,
        open_only,
        ..assignment::ListWorkOrdersRequest::default()
    };
    let listed = paged::up_to(limit, 200, |page_size, page_token| {
        let request = assignment::ListWorkOrdersRequest { page_size, page_token, ..asked.clone() };
        async move {
            let page = centre.read(|| call!(centre.assignment().list_work_orders(request.clone()))).await?;
            Ok((page.work_orders, page.next_page_token))
        }
    });
    let Listed { items: work_orders, next_page_token } = listed.await?;
    let page = assignment::ListWorkOrdersResponse { work_orders, next_page_token };
    let view = View::of(session).await?;
    let rows = render_list(&page.work_orders, &view);
    let text = paged::shown(&rows, page.work_orders.is_empty(), &page.next_page_token, view.lang);
    Ok(Answer::new(json(&page)?, text))
}

/// The short name of an order, as every verb takes it; the case's UUID for the moment in which its number is not known.
pub fn short_name(order: &WorkOrder) -> String {
    let case = if order.case_no.is_empty() { &order.case_id } else { &order.case_no };
    format!("{case}/{}", order.unit_code)
}

fn duties(order: &WorkOrder, view: &View<'_>) -> String {
    let duties: Vec<&str> = order.duties().map(|duty| view.word(duty.as_str_name())).collect();
    duties.join(" · ")
}

fn render_list(orders: &[WorkOrder], view: &View<'_>) -> String {
    let words = [
        Word::ColumnOrder,
        Word::ColumnUnit,
        Word::ColumnRole,
        Word::ColumnDuty,
        Word::ColumnPerson,
        Word::ColumnStage,
        Word::ColumnDue,
    ];
    let mut table = Table::with_heading(words.map(|word| word.text(view.lang)));
    for order in orders {
        let due = if order.closed_at.is_some() { String::new() } else { view.deadline(order.deadline.as_ref()) };
        table.row([
            short_name(order),
            view.names.unit(&order.unit_code).to_owned(),
            view.word(order.role().as_str_name()).to_owned(),
            duties(order, view),
            view.names.person(&order.person_code).to_owned(),
            view.word(order.stage().as_str_name()).to_owned(),
            due,
        ]);
    }
    table.render()
}

async fn show(session: &Session, order: &OrderArg) -> Result<Answer, Failure> {
    let centre = &session.centre;
    let request = assignment::GetWorkOrderRequest { work_order_id: resolve::order_id(session, &order.order).await? };
    let found = centre.read(|| call!(centre.assignment().get_work_order(request.clone()))).await?;
    let view = View::of(session).await?;
    let text = found.work_order.as_ref().map(|order| render(order, &found.texts, &view)).unwrap_or_default();
    Ok(Answer::new(json(&found)?, text))
}

fn render(order: &WorkOrder, texts: &[assignment::WorkText], view: &View<'_>) -> String {
    let mut text = format!(
        "{}    {}    {}    {}\n",
        short_name(order),
        view.names.unit(&order.unit_code),
        view.word(order.stage().as_str_name()),
        if order.closed_at.is_some() { String::new() } else { view.deadline(order.deadline.as_ref()) }
    );
    let words = if view.lang == crate::say::Lang::Zh { &order.duty_text_zh } else { &order.duty_text_en };
    let who = [
        view.word(order.role().as_str_name()).to_owned(),
        duties(order, view),
        view.names.person(&order.person_code).to_owned(),
        words.clone(),
    ];
    text.push_str(&format!("  {}\n", who.join(" · ")));
    for citation in &order.citations {
        text.push_str(&format!("  {}\n", view.citation(citation)));
    }
    for (heading, at) in [
        (WORK_ORDER_DISPATCHED, order.dispatched_at.as_ref()),
        (WORK_ORDER_ACKNOWLEDGED, order.acknowledged_at.as_ref()),
        (order.stage().as_str_name(), order.closed_at.as_ref()),
    ] {
        if at.is_some() {
            text.push_str(&format!("  {}  {}\n", view.at(at), view.word(heading)));
        }
    }
    if !order.evidence.is_empty() {
        let mut table = Table::new().indented(2);
        for blob in &order.evidence {
            table.row([hex::encode(&blob.sha256), blob.media_type.clone(), blob.size_bytes.to_string()]);
        }
        text.push_str(&format!("{}\n{}", Word::Evidence.text(view.lang), table.render()));
    }
    if !texts.is_empty() {
        let mut table = Table::new().indented(2);
        for written in texts {
            table.row([
                view.at(written.written_at.as_ref()),
                view.names.unit(&written.unit_code).to_owned(),
                written.text.clone(),
            ]);
        }
        text.push_str(&format!("{}\n{}", Word::Texts.text(view.lang), table.render()));
    }
    text
}

const WORK_ORDER_DISPATCHED: &str = "WORK_ORDER_STAGE_DISPATCHED";
const WORK_ORDER_ACKNOWLEDGED: &str = "WORK_ORDER_STAGE_ACKNOWLEDGED";

async fn acknowledge(session: &Session, order: &OrderArg) -> Result<Answer, Failure> {
    let centre = &session.centre;
    let work_order_id = resolve::order_id(session, &order.order).await?;
    let done = centre
        .command(|command_id| {
            let work_order_id = work_order_id.clone();
            let request = assignment::AcknowledgeWorkOrderRequest { command_id, work_order_id };
            call!(centre.assignment().acknowledge_work_order(request))
        })
        .await?;
    recorded(session, &done, "assignment.work_order.acknowledged")
}

async fn reassign(
    session: &Session,
    order: &OrderArg,
    person_code: String,
    post_code: String,
) -> Result<Answer, Failure> {
    let centre = &session.centre;
    let work_order_id = resolve::order_id(session, &order.order).await?;
    let request =
        assignment::ReassignWorkOrderRequest { command_id: String::new(), work_order_id, person_code, post_code };
    let done = centre
        .command(|command_id| {
            let request = assignment::ReassignWorkOrderRequest { command_id, ..request.clone() };
            call!(centre.assignment().reassign_work_order(request))
        })
        .await?;
    let view = View::of(session).await?;
    Ok(Answer::new(json(&done)?, done.work_order.as_ref().map(|order| render(order, &[], &view)).unwrap_or_default()))
}

async fn object(
    session: &Session,
    order: &OrderArg,
    citation: Option<xiezhi_proto::common::v1::Citation>,
    reason: String,
) -> Result<Answer, Failure> {
    let centre = &session.centre;
    let request = assignment::ObjectToWorkOrderRequest {
        command_id: String::new(),
        work_order_id: resolve::order_id(session, &order.order).await?,
        citation,
        reason,
    };
    let done = centre
        .command(|command_id| {
            let request = assignment::ObjectToWorkOrderRequest { command_id, ..request.clone() };
            call!(centre.assignment().object_to_work_order(request))
        })
        .await?;
    recorded(session, &done, "assignment.work_order.objected")
}

async fn decide_objection(
    session: &Session,
    order: &OrderArg,
    upheld: bool,
    grounds: String,
) -> Result<Answer, Failure> {
    let centre = &session.centre;
    let work_order_id = resolve::order_id(session, &order.order).await?;
    let request = assignment::DecideObjectionRequest { command_id: String::new(), work_order_id, upheld, grounds };
    let done = centre
        .command(|command_id| {
            let request = assignment::DecideObjectionRequest { command_id, ..request.clone() };
            call!(centre.assignment().decide_objection(request))
        })
        .await?;
    recorded(session, &done, "assignment.work_order.objection_decided")
}

async fn report(session: &Session, order: &OrderArg, report: String) -> Result<Answer, Failure> {
    let centre = &session.centre;
    let work_order_id = resolve::order_id(session, &order.order).await?;
    let done = centre
        .command(|command_id| {
            let (work_order_id, report) = (work_order_id.clone(), report.clone());
            call!(centre.assignment().report_progress(assignment::ReportProgressRequest {
                command_id,
                work_order_id,
                report
            }))
        })
        .await?;
    recorded(session, &done, "assignment.work_order.reported")
}

/// Uploads files to a service and gives their fingerprints.
pub async fn upload(session: &Session, service: &str, files: &[PathBuf]) -> Result<Vec<Bytes>, Failure> {
    let mut stored = Vec::new();
    for path in files {
        let bytes = files::read(path, files::EVIDENCE_BYTES)?;
        stored.push(client::blob::upload(&session.centre, service, bytes).await?.sha256);
    }
    Ok(stored)
}

async fn complete(
    session: &Session,
    order: &OrderArg,
    outcome: i32,
    evidence: &[PathBuf],
    note: String,
) -> Result<Answer, Failure> {
    let centre = &session.centre;
    let request = assignment::CompleteWorkOrderRequest {
        command_id: String::new(),
        work_order_id: resolve::order_id(session, &order.order).await?,
        outcome,
        evidence_sha256: upload(session, "assignment", evidence).await?,
        note,
    };
    let done = centre
        .command(|command_id| {
            let request = assignment::CompleteWorkOrderRequest { command_id, ..request.clone() };
            call!(centre.assignment().complete_work_order(request))
        })
        .await?;
    recorded(session, &done, "assignment.work_order.completed")
}

async fn escalate(
    session: &Session,
    case: &str,
    ground_code: String,
    reason: String,
    invited_units: Vec<String>,
) -> Result<Answer, Failure> {
    let centre = &session.centre;
    let request = assignment::EscalateCaseRequest {
        command_id: String::new(),
        case_id: resolve::case_id(session, case).await?,
        ground_code,
        reason,
        invited_units,
    };
    let done = centre
        .command(|command_id| {
            let request = assignment::EscalateCaseRequest { command_id, ..request.clone() };
            call!(centre.assignment().escalate_case(request))
        })
        .await?;
    recorded(session, &done, "assignment.case.escalated")
}

async fn complete_case(session: &Session, case: &str, conclusion: String, reply: String) -> Result<Answer, Failure> {
    let centre = &session.centre;
    let request = assignment::CompleteCaseRequest {
        command_id: String::new(),
        case_id: resolve::case_id(session, case).await?,
        conclusion,
        reply,
        ..assignment::CompleteCaseRequest::default()
    };
    let done = centre
        .command(|command_id| {
            let request = assignment::CompleteCaseRequest { command_id, ..request.clone() };
            call!(centre.assignment().complete_case(request))
        })
        .await?;
    let what = label("assignment.case.handled", session.lang).to_owned();
    Ok(Answer::new(json(&done)?, Say::Done { what }.text(session.lang)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failed test should panic

    use client::proto_time;
    use xiezhi_proto::assignment::v1::WorkOrderStage;
    use xiezhi_proto::common::v1::{Deadline, Duty, Role};

    use super::*;
    use crate::names::Names;
    use crate::say::Lang;

    #[test]
    fn orders_are_listed_with_whom_what_and_until_when() {
        let due = Deadline { due_at: Some(proto_time("2026-03-17T15:59:59Z".parse().unwrap())), ..Deadline::default() };
        let order = WorkOrder {
            case_no: "JS-2026-000123".to_owned(),
            unit_code: "HB".to_owned(),
            role: Role::Support.into(),
            duties: vec![Duty::Identify.into(), Duty::Assist.into()],
            person_code: "HB-P03".to_owned(),
            stage: WorkOrderStage::Acknowledged.into(),
            deadline: Some(due),
            ..WorkOrder::default()
        };
        let closed = WorkOrder {
            stage: WorkOrderStage::Completed.into(),
            closed_at: Some(proto_time("2026-03-10T15:59:59Z".parse().unwrap())),
            ..order.clone()
        };
        let names = Names::default();
        let view = View { lang: Lang::Zh, names: &names, now: "2026-03-20T01:00:00Z".parse().unwrap() };
        let expected = "\
工单               单位  角色  职责         承办人  阶段    期限
JS-2026-000123/HB  HB    协办  认定 · 协助  HB-P03  已签收  3月17日 (超期 3 天)
JS-2026-000123/HB  HB    协办  认定 · 协助  HB-P03  已办结
";
        assert_eq!(render_list(&[order, closed], &view), expected);
    }
}
