//! `closing …` and `supervision-order …`: what supervision asks of people.

use client::call;
use xiezhi_proto::assignment::v1::ListWorkOrdersRequest;
use xiezhi_proto::supervision::v1 as supervision;
use xiezhi_proto::supervision::v1::{ClosingProof, SupervisionOrder};

use super::View;
use super::case::recorded;
use crate::args::{ClosingCommand, SupervisionOrderCommand};
use crate::failure::Failure;
use crate::paged::{self, Listed};
use crate::reflect::json;
use crate::resolve;
use crate::say::{Lang, Say, Word};
use crate::screen::{Answer, Table};
use crate::session::Session;

/// Does what a `closing` verb says.
pub async fn run(session: &Session, command: ClosingCommand) -> Result<Answer, Failure> {
    let centre = &session.centre;
    match command {
        ClosingCommand::List { state, limit } => {
            let state = state.map_or(0, |state| state.0);
            let listed = paged::up_to(limit.limit, 200, |page_size, page_token| async move {
                let request = supervision::ListClosingsRequest { state, page_size, page_token };
                let page = centre.read(|| call!(centre.supervision().list_closings(request.clone()))).await?;
                Ok((page.proofs, page.next_page_token))
            });
            let Listed { items: proofs, next_page_token } = listed.await?;
            let page = supervision::ListClosingsResponse { proofs, next_page_token };
            let view = View::of(session).await?;
            let rows = render_list(&page.proofs, &view);
            let text = paged::shown(&rows, page.proofs.is_empty(), &page.next_page_token, view.lang);
            Ok(Answer::new(json(&page)?, text))
        }
        ClosingCommand::Show(case) => {
            let case_id = resolve::case_id(session, &case.case).await?;
            let request = supervision::GetClosingProofRequest { case_id, round: 0 };
            let found = centre.read(|| call!(centre.supervision().get_closing_proof(request.clone()))).await?;
            shown(session, json(&found)?, found.proof.as_ref()).await
        }
        ClosingCommand::Approve(case) => {
            let case_id = resolve::case_id(session, &case.case).await?;
            let done = centre
                .command(|command_id| {
                    let case_id = case_id.clone();
                    call!(
                        centre
                            .supervision()
                            .approve_closing(supervision::ApproveClosingRequest { command_id, case_id })
                    )
                })
                .await?;
            shown(session, json(&done)?, done.proof.as_ref()).await
        }
        ClosingCommand::Refuse { case, order, reason } => {
            let case_id = resolve::case_id(session, &case.case).await?;
            let request = supervision::RefuseClosingRequest {
                command_id: String::new(),
                work_order_id: completed_order(session, &case_id, &order).await?,
                case_id,
                reason_code: reason,
            };
            let done = centre
                .command(|command_id| {
                    let request = supervision::RefuseClosingRequest { command_id, ..request.clone() };
                    call!(centre.supervision().refuse_closing(request))
                })
                .await?;
            shown(session, json(&done)?, done.proof.as_ref()).await
        }
    }
}

/// The last completed order of a unit in a case, or the UUID itself.
async fn completed_order(session: &Session, case_id: &str, name: &str) -> Result<String, Failure> {
    if uuid::Uuid::parse_str(name).is_ok() {
        return Ok(name.to_owned());
    }
    let centre = &session.centre;
    let request = ListWorkOrdersRequest {
        case_id: case_id.to_owned(),
        unit_code: name.to_owned(),
        page_size: 200,
        ..ListWorkOrdersRequest::default()
    };
    let page = centre.read(|| call!(centre.assignment().list_work_orders(request.clone()))).await?;
    let last = page.work_orders.into_iter().rfind(|order| order.closed_at.is_some());
    last.map(|order| order.work_order_id).ok_or_else(|| Failure::Says(Say::NothingNamed { name: name.to_owned() }))
}

async fn shown(session: &Session, json: serde_json::Value, proof: Option<&ClosingProof>) -> Result<Answer, Failure> {
    let view = View::of(session).await?;
    Ok(Answer::new(json, proof.map(|proof| render(proof, &view)).unwrap_or_default()))
}

fn case_name(proof: &ClosingProof) -> &str {
    if proof.case_no.is_empty() { &proof.case_id } else { &proof.case_no }
}

fn render_list(proofs: &[ClosingProof], view: &View<'_>) -> String {
    let words = [Word::ColumnCase, Word::ColumnRound, Word::ColumnState, Word::ColumnUnit, Word::ColumnTime];
    let mut table = Table::with_heading(words.map(|word| word.text(view.lang)));
    for proof in proofs {
        table.row([
            case_name(proof).to_owned(),
            proof.round.to_string(),
            view.word(proof.state().as_str_name()).to_owned(),
            view.names.unit(&proof.lead_unit).to_owned(),
            view.at(proof.handled_at.as_ref()),
        ]);
    }
    table.render()
}

fn render(proof: &ClosingProof, view: &View<'_>) -> String {
    let mut text = format!(
        "{}    {}    {}\n",
        case_name(proof),
        view.word(proof.state().as_str_name()),
        view.say(&Say::Leads { unit: view.names.unit(&proof.lead_unit).to_owned() })
    );
    let mut table = Table::new().indented(2);
    for finding in &proof.findings {
        let check = finding.check.clone().unwrap_or_default();
        let says = finding.says.clone().unwrap_or_default();
        table.row([
            if check.holds { "✓" } else { "✗" }.to_owned(),
            view.word(&format!("check.{}", check.code)).to_owned(),
            if view.lang == Lang::Zh { says.zh } else { says.en },
        ]);
    }
    text.push_str(&table.render());
    text
}

/// Does what a `supervision-order` verb says.
pub async fn supervision_order(session: &Session, command: SupervisionOrderCommand) -> Result<Answer, Failure> {
    let centre = &session.centre;
    match command {
        SupervisionOrderCommand::List { case, unit, unanswered, limit } => {
            let case_id = match case {
                Some(case) => resolve::case_id(session, &case).await?,
                None => String::new(),
            };
            let request = supervision::ListSupervisionOrdersRequest {
                case_id,
                unit_code: unit.unwrap_or_default(),
                unanswered_only: unanswered,
                ..supervision::ListSupervisionOrdersRequest::default()
            };
            let listed = paged::up_to(limit.limit, 500, |page_size, page_token| {
                let request = supervision::ListSupervisionOrdersRequest { page_size, page_token, ..request.clone() };
                async move {
                    let page =
                        centre.read(|| call!(centre.supervision().list_supervision_orders(request.clone()))).await?;
                    Ok((page.supervision_orders, page.next_page_token))
                }
            });
            let Listed { items: supervision_orders, next_page_token } = listed.await?;
            let page = supervision::ListSupervisionOrdersResponse { supervision_orders, next_page_token };
            let view = View::of(session).await?;
            let rows = render_orders(&page.supervision_orders, &view);
            let text = paged::shown(&rows, page.supervision_orders.is_empty(), &page.next_page_token, view.lang);
            Ok(Answer::new(json(&page)?, text))
        }
        SupervisionOrderCommand::Answer { supervision_order, text } => {
            let request = supervision::AnswerSupervisionOrderRequest {
                command_id: String::new(),
                supervision_order_id: supervision_order,
                answer: text,
            };
            let done = centre
                .command(|command_id| {
                    let request = supervision::AnswerSupervisionOrderRequest { command_id, ..request.clone() };
                    call!(centre.supervision().answer_supervision_order(request))
                })
                .await?;
            recorded(session, &done, "supervision.supervision_order.answered")
        }
    }
}

fn render_orders(orders: &[SupervisionOrder], view: &View<'_>) -> String {
    let words = [
        Word::ColumnId,
        Word::ColumnRung,
        Word::ColumnCase,
        Word::ColumnUnit,
        Word::ColumnClock,
        Word::ColumnTime,
        Word::ColumnDue,
    ];
    let mut table = Table::with_heading(words.map(|word| word.text(view.lang)));
    for order in orders {
        let due = if order.answered_at.is_some() {
            view.word("supervision.supervision_order.answered").to_owned()
        } else {
            view.deadline(order.answer_deadline.as_ref())
        };
        table.row([
            order.supervision_order_id.clone(),
            view.word(order.rung().as_str_name()).to_owned(),
            order.case_no.clone(),
            view.names.unit(&order.unit_code).to_owned(),
            view.names.clock(&order.clock_kind).to_owned(),
            view.at(order.issued_at.as_ref()),
            due,
        ]);
    }
    table.render()
}
