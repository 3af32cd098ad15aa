//! `diagnosis …`, `determination …`, `consultation …`: who is responsible, and why.

use client::call;
use xiezhi_proto::assignment::v1 as assignment;
use xiezhi_proto::assignment::v1::{Consultation, DeterminationResult, Diagnosis, StatedPosition};

use super::View;
use crate::args::{ConsultationCommand, DeterminationCommand, DiagnosisCommand};
use crate::failure::Failure;
use crate::paged::{self, Listed};
use crate::reflect::json;
use crate::say::{Lang, Say, Word};
use crate::screen::{Answer, Table};
use crate::session::Session;
use crate::{parse, resolve};

/// Does what a `diagnosis` verb says.
pub async fn diagnosis(session: &Session, command: DiagnosisCommand) -> Result<Answer, Failure> {
    let centre = &session.centre;
    match command {
        DiagnosisCommand::Show(case) => {
            let request = assignment::GetDiagnosisRequest { case_id: resolve::case_id(session, &case.case).await? };
            let found = centre.read(|| call!(centre.assignment().get_diagnosis(request.clone()))).await?;
            let view = View::of(session).await?;
            let text = found.diagnosis.as_ref().map(|diagnosis| render_diagnosis(diagnosis, &view)).unwrap_or_default();
            Ok(Answer::new(json(&found)?, text))
        }
        DiagnosisCommand::Answer { case, stance, citation, reason } => {
            let request = assignment::AnswerDiagnosisRequest {
                command_id: String::new(),
                case_id: resolve::case_id(session, &case.case).await?,
                stance: stance.0,
                citation: parse::citation(&citation),
                reason,
            };
            let done = centre
                .command(|command_id| {
                    let request = assignment::AnswerDiagnosisRequest { command_id, ..request.clone() };
                    call!(centre.assignment().answer_diagnosis(request))
                })
                .await?;
            let view = View::of(session).await?;
            let text = done.diagnosis.as_ref().map(|diagnosis| render_diagnosis(diagnosis, &view)).unwrap_or_default();
            Ok(Answer::new(json(&done)?, text))
        }
        DiagnosisCommand::Make { case, note } => {
            let case_id = resolve::case_id(session, &case.case).await?;
            let request = assignment::MakeDiagnosisRequest { command_id: String::new(), case_id, note };
            let done = centre
                .command(|command_id| {
                    let request = assignment::MakeDiagnosisRequest { command_id, ..request.clone() };
                    call!(centre.assignment().make_diagnosis(request))
                })
                .await?;
            let view = View::of(session).await?;
            let text = done.diagnosis.as_ref().map(|diagnosis| render_diagnosis(diagnosis, &view)).unwrap_or_default();
            Ok(Answer::new(json(&done)?, text))
        }
    }
}

fn render_diagnosis(diagnosis: &Diagnosis, view: &View<'_>) -> String {
    let mut head = vec![view.word(diagnosis.kind().as_str_name()).to_owned()];
    if diagnosis.made_at.is_some() {
        head.push(view.at(diagnosis.made_at.as_ref()));
    } else {
        head.push(format!("{} {}", Word::AnswerBy.text(view.lang), view.deadline(diagnosis.answer_deadline.as_ref())));
    }
    let mut text = format!("{}\n", head.join("    "));
    section(&mut text, Word::Shares, &view.shares(&diagnosis.shares), view.lang);
    section(&mut text, Word::Positions, &positions(&diagnosis.positions, &diagnosis.asked_units, view), view.lang);
    section(&mut text, Word::MissingFacts, &missing(&diagnosis.missing_facts, view), view.lang);
    text
}

/// A heading and what stands under it; nothing where nothing does.
fn section(text: &mut String, heading: Word, body: &str, lang: Lang) {
    if !body.is_empty() {
        text.push_str(&format!("{}\n{body}", heading.text(lang)));
    }
}

fn missing(facts: &[assignment::MissingFact], view: &View<'_>) -> String {
    let mut table = Table::new().indented(2);
    for fact in facts {
        let question = if view.lang == Lang::Zh { &fact.question_zh } else { &fact.question_en };
        table.row([fact.code.clone(), question.clone()]);
    }
    table.render()
}

/// Positions as they were taken; asked units without one are named too.
fn positions(stated: &[StatedPosition], asked: &[String], view: &View<'_>) -> String {
    let mut table = Table::new().indented(2);
    for stated in stated {
        let position = stated.position.clone().unwrap_or_default();
        table.row([
            view.names.unit(&position.unit_code).to_owned(),
            view.word(position.stance().as_str_name()).to_owned(),
            position.citation.as_ref().map(|citation| view.citation(citation)).unwrap_or_default(),
            stated.reason.clone(),
        ]);
    }
    let taken =
        |unit: &String| stated.iter().filter_map(|stated| stated.position.as_ref()).any(|p| p.unit_code == *unit);
    for unit in asked.iter().filter(|unit| !taken(unit)) {
        table.row([view.names.unit(unit).to_owned(), "…".to_owned()]);
    }
    table.render()
}

/// Does what a `determination` verb says.
pub async fn determination(session: &Session, command: DeterminationCommand) -> Result<Answer, Failure> {
    let case = match command {
        DeterminationCommand::Show(case) => case,
        DeterminationCommand::Try(args) => return super::reply::try_out(session, args).await,
    };
    let centre = &session.centre;
    let request = assignment::GetDeterminationRequest {
        case_id: resolve::case_id(session, &case.case).await?,
        determination_id: String::new(),
    };
    let found = centre.read(|| call!(centre.assignment().get_determination(request.clone()))).await?;
    let view = View::of(session).await?;
    let mut text = String::new();
    if let Some(result) = &found.result {
        text.push_str(&render_result(result, &view));
    }
    if !found.ruling_id.is_empty() {
        text.push_str(&format!("{}\n", view.say(&Say::RulingInForce { ruling: found.ruling_id.clone() })));
        text.push_str(&view.shares(&found.shares_in_force));
    }
    text.push_str(&view.say(&Say::ProofHash { hash: hex::encode(&found.proof_sha256) }));
    Ok(Answer::new(json(&found)?, text))
}

/// The proof for people: what the lists say, what matched, what nearly did, and what nobody knows.
pub fn render_result(result: &DeterminationResult, view: &View<'_>) -> String {
    let proof = result.proof.clone().unwrap_or_default();
    let mut text = format!(
        "{}    {}\n",
        view.word(result.kind().as_str_name()),
        view.say(&Say::ValidOn { day: proof.valid_on.clone() })
    );
    if !result.contender_units.is_empty() {
        text.push_str(&format!("  {}\n", view.names.units(&result.contender_units)));
    }
    section(&mut text, Word::Shares, &view.shares(&result.shares), view.lang);
    if !proof.boundary_rule_code.is_empty() {
        let rule = format!("{} {}", proof.boundary_rule_code, proof.boundary_rule_source);
        text.push_str(&format!("{}\n", view.say(&Say::BoundaryRule { rule })));
    }
    if !proof.precedent_id.is_empty() {
        text.push_str(&format!("{}\n", view.say(&Say::ByPrecedent { precedent: proof.precedent_id.clone() })));
    }
    let mut matched = Table::new().indented(2);
    for item in &proof.matched {
        matched.row(item_cells(item, view));
    }
    section(&mut text, Word::Matched, &matched.render(), view.lang);
    let mut missed = Table::new().indented(2);
    for miss in &proof.near_misses {
        let item = miss.item.clone().unwrap_or_default();
        let mut why = view.word(miss.reason().as_str_name()).to_owned();
        if !miss.fact_codes.is_empty() {
            let facts: Vec<&str> = miss.fact_codes.iter().map(|code| view.names.fact(code)).collect();
            why = format!("{why}: {}", facts.join(" · "));
        }
        missed.row([item.item_code.clone(), item.name.clone(), view.names.unit(&item.unit_code).to_owned(), why]);
    }
    section(&mut text, Word::NearMisses, &missed.render(), view.lang);
    section(&mut text, Word::MissingFacts, &missing(&proof.missing_facts, view), view.lang);
    text
}

fn item_cells(item: &assignment::MatchedItem, view: &View<'_>) -> [String; 5] {
    let citation = item.citation.as_ref().map(|citation| {
        // The item's own code stands in the first column already.
        let article = xiezhi_proto::common::v1::Citation { item_code: String::new(), ..citation.clone() };
        view.citation(&article)
    });
    [
        item.item_code.clone(),
        item.name.clone(),
        view.names.unit(&item.unit_code).to_owned(),
        citation.unwrap_or_default(),
        view.say(&Say::ValidFromTo { from: item.valid_from.clone(), to: item.valid_to.clone() }),
    ]
}

/// Does what a `consultation` verb says.
pub async fn consultation(session: &Session, command: ConsultationCommand) -> Result<Answer, Failure> {
    let centre = &session.centre;
    match command {
        ConsultationCommand::List { open, limit } => {
            let asked = assignment::ListConsultationsRequest {
                open_only: open,
                ..assignment::ListConsultationsRequest::default()
            };
            let listed = paged::up_to(limit.limit, 200, |page_size, page_token| {
                let request = assignment::ListConsultationsRequest { page_size, page_token, ..asked.clone() };
                async move {
                    let page = centre.read(|| call!(centre.assignment().list_consultations(request.clone()))).await?;
                    Ok((page.consultations, page.next_page_token))
                }
            });
            let Listed { items: consultations, next_page_token } = listed.await?;
            let page = assignment::ListConsultationsResponse { consultations, next_page_token };
            let view = View::of(session).await?;
            let rows = render_consultations(&page.consultations, &view);
            let text = paged::shown(&rows, page.consultations.is_empty(), &page.next_page_token, view.lang);
            Ok(Answer::new(json(&page)?, text))
        }
        ConsultationCommand::Show { consultation } => {
            let consultation_id = resolve::consultation_id(session, &consultation).await?;
            let request = assignment::GetConsultationRequest { consultation_id };
            let found = centre.read(|| call!(centre.assignment().get_consultation(request.clone()))).await?;
            let view = View::of(session).await?;
            let text = found.consultation.as_ref().map(|found| render_consultation(found, &view)).unwrap_or_default();
            Ok(Answer::new(json(&found)?, text))
        }
        ConsultationCommand::Position { consultation, stance, citation, reason } => {
            let request = assignment::TakePositionRequest {
                command_id: String::new(),
                consultation_id: resolve::consultation_id(session, &consultation).await?,
                stance: stance.0,
                citation: parse::citation(&citation),
                reason,
            };
            let done = centre
                .command(|command_id| {
                    let request = assignment::TakePositionRequest { command_id, ..request.clone() };
                    call!(centre.assignment().take_position(request))
                })
                .await?;
            let view = View::of(session).await?;
            let text = done.consultation.as_ref().map(|found| render_consultation(found, &view)).unwrap_or_default();
            Ok(Answer::new(json(&done)?, text))
        }
        ConsultationCommand::Rule { consultation, shares, grounds, scope } => {
            let request = assignment::RuleRequest {
                command_id: String::new(),
                consultation_id: resolve::consultation_id(session, &consultation).await?,
                shares: parse::shares(&shares)?,
                grounds,
                scope: scope.0,
            };
            let done = centre
                .command(|command_id| {
                    call!(centre.assignment().rule(assignment::RuleRequest { command_id, ..request.clone() }))
                })
                .await?;
            let said = Say::Ruled { ruling: done.ruling_id.clone(), orders: done.work_order_ids.len() };
            Ok(Answer::new(json(&done)?, said.text(session.lang)))
        }
    }
}

fn render_consultations(consultations: &[Consultation], view: &View<'_>) -> String {
    let words = [Word::ColumnConsultation, Word::ColumnState, Word::ColumnReason, Word::ColumnUnit, Word::ColumnDue];
    let mut table = Table::with_heading(words.map(|word| word.text(view.lang)));
    for consultation in consultations {
        table.row([
            consultation.consultation_id.clone(),
            view.word(consultation.stage().as_str_name()).to_owned(),
            view.word(&format!("cause.{}", consultation.cause_code)).to_owned(),
            view.names.units(&consultation.asked_units),
            view.deadline(consultation.ruling_deadline.as_ref().or(consultation.answer_deadline.as_ref())),
        ]);
    }
    table.render()
}

fn render_consultation(consultation: &Consultation, view: &View<'_>) -> String {
    let mut text = format!(
        "{}    {}    {}\n",
        consultation.consultation_id,
        view.word(consultation.stage().as_str_name()),
        view.deadline(consultation.ruling_deadline.as_ref().or(consultation.answer_deadline.as_ref()))
    );
    let stated = positions(&consultation.positions, &consultation.asked_units, view);
    section(&mut text, Word::Positions, &stated, view.lang);
    text
}
