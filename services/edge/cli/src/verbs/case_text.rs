//! `case …`: what was written, and who may read it.

use std::path::Path;

use client::call;
use xiezhi_proto::intake::v1 as intake;
use xiezhi_proto::intake::v1::{Candidate, RevealPurpose};

use super::View;
use super::case::recorded;
use crate::args::{CaseArg, CaseCommand};
use crate::failure::Failure;
use crate::files;
use crate::reflect::json;
use crate::resolve;
use crate::say::{Lang, Say, Word, label};
use crate::screen::{Answer, Screen, Table};
use crate::session::Session;

/// Does what a `case` verb about texts says.
pub async fn run(session: &Session, screen: &mut Screen, command: CaseCommand) -> Result<Answer, Failure> {
    match command {
        CaseCommand::Candidates(case) => candidates(session, &case).await,
        CaseCommand::Text(case) => text(session, &case).await,
        CaseCommand::ConfirmText { case, title, body, body_file } => {
            confirm_text(session, screen, &case, title, body_or_file(body, body_file.as_deref())?).await
        }
        CaseCommand::Forget(case) => forget(session, screen, &case).await,
        CaseCommand::Notices(case) => notices(session, &case).await,
        CaseCommand::Reveal { case, purpose, reason, with_text } => {
            reveal(session, &case, purpose.0, reason, with_text).await
        }
        CaseCommand::Track { code } => track(session, code).await,
        // Every other verb is done beside the register and never comes here.
        _ => Err(Failure::Usage(Say::Just(Word::Usage))),
    }
}

async fn candidates(session: &Session, case: &CaseArg) -> Result<Answer, Failure> {
    let centre = &session.centre;
    let request = intake::ListClusterCandidatesRequest { case_id: resolve::case_id(session, &case.case).await? };
    let found = centre.read(|| call!(centre.intake().list_cluster_candidates(request.clone()))).await?;
    Ok(Answer::new(json(&found)?, render_candidates(&found.candidates, session.lang)))
}

/// Candidates, one a row, with why each is one.
pub fn render_candidates(candidates: &[Candidate], lang: Lang) -> String {
    if candidates.is_empty() {
        return format!("{}\n", Word::Nothing.text(lang));
    }
    let mut table = Table::new().indented(2);
    for candidate in candidates {
        let reasons: Vec<&str> = candidate.reasons().map(|reason| label(reason.as_str_name(), lang)).collect();
        table.row([
            candidate.case_no.clone(),
            label(candidate.kind().as_str_name(), lang).to_owned(),
            label(candidate.stage().as_str_name(), lang).to_owned(),
            reasons.join(" · "),
        ]);
    }
    table.render()
}

async fn text(session: &Session, case: &CaseArg) -> Result<Answer, Failure> {
    let centre = &session.centre;
    let request = intake::ReadMaskedTextRequest { case_id: resolve::case_id(session, &case.case).await? };
    let found = centre.read(|| call!(centre.intake().read_masked_text(request.clone()))).await?;
    let text = format!("{}\n\n{}\n", found.title, found.body);
    Ok(Answer::new(json(&found)?, text))
}

/// A body that was typed, or the one in a file.
pub fn body_or_file(body: Option<String>, file: Option<&Path>) -> Result<Option<String>, Failure> {
    let read = file.map(|path| files::read_text(path, files::TEXT_BYTES)).transpose()?;
    Ok(read.or(body))
}

async fn masked_text(session: &Session, case_id: &str) -> Result<(String, String), Failure> {
    let centre = &session.centre;
    let request = intake::ReadMaskedTextRequest { case_id: case_id.to_owned() };
    let stands = centre.read(|| call!(centre.intake().read_masked_text(request.clone()))).await?;
    Ok((stands.title, stands.body))
}

/// What is not corrected is confirmed as it stands: it is shown, and somebody says that it is right.
async fn confirm_text(
    session: &Session,
    screen: &mut Screen,
    case: &CaseArg,
    title: Option<String>,
    body: Option<String>,
) -> Result<Answer, Failure> {
    let centre = &session.centre;
    let case_id = resolve::case_id(session, &case.case).await?;
    let (masked_title, masked_body) = match (title, body) {
        (Some(title), Some(body)) => (title, body),
        (title, body) => {
            let stands = masked_text(session, &case_id).await?;
            let (title, body) = (title.unwrap_or_else(|| stands.0.clone()), body.unwrap_or_else(|| stands.1.clone()));
            screen.line(&format!("{title}\n\n{body}\n"));
            screen.ask(&Say::Just(Word::ConfirmText), Word::NeedsYesText)?;
            // While one person read, another may have corrected it.
            if masked_text(session, &case_id).await? != stands {
                return Err(Failure::Says(Say::Just(Word::TextChanged)));
            }
            (title, body)
        }
    };
    let request = intake::ConfirmMaskedTextRequest { command_id: String::new(), case_id, masked_title, masked_body };
    let done = centre
        .command(|command_id| {
            let request = intake::ConfirmMaskedTextRequest { command_id, ..request.clone() };
            call!(centre.intake().confirm_masked_text(request))
        })
        .await?;
    let what = Word::MaskedText.text(session.lang).to_owned();
    Ok(Answer::new(json(&done)?, Say::Done { what }.text(session.lang)))
}

async fn forget(session: &Session, screen: &mut Screen, case: &CaseArg) -> Result<Answer, Failure> {
    let event = "intake.complainant.forgotten";
    screen.sure(format!("{} {}", label(event, session.lang), case.case))?;
    let centre = &session.centre;
    let case_id = resolve::case_id(session, &case.case).await?;
    let done = centre
        .command(|command_id| {
            let request = intake::ForgetComplainantRequest { command_id, case_id: case_id.clone() };
            call!(centre.intake().forget_complainant(request))
        })
        .await?;
    recorded(session, &done, event)
}

async fn notices(session: &Session, case: &CaseArg) -> Result<Answer, Failure> {
    let centre = &session.centre;
    let request = intake::ListNoticesRequest { case_id: resolve::case_id(session, &case.case).await? };
    let found = centre.read(|| call!(centre.intake().list_notices(request.clone()))).await?;
    let view = View::of(session).await?;
    let mut text = String::new();
    for notice in &found.notices {
        let (title, body) = match session.lang {
            Lang::Zh => (&notice.title_zh, &notice.body_zh),
            Lang::En => (&notice.title_en, &notice.body_en),
        };
        text.push_str(&format!(
            "{}  {}  {}\n{}\n\n",
            view.at(notice.served_at.as_ref()),
            title,
            view.word(notice.delivery().as_str_name()),
            body
        ));
        if !notice.reply.is_empty() {
            text.truncate(text.trim_end().len());
            text.push_str(&format!("\n  {}\n\n", notice.reply.replace('\n', "\n  ")));
        }
    }
    if found.notices.is_empty() {
        text = Word::Nothing.text(session.lang).to_owned();
    }
    if found.incomplete {
        text.push_str(&format!("{}\n", Word::NotAllOfIt.text(session.lang)));
    }
    Ok(Answer::new(json(&found)?, text))
}

async fn reveal(
    session: &Session,
    case: &CaseArg,
    purpose: i32,
    reason: String,
    with_text: bool,
) -> Result<Answer, Failure> {
    let centre = &session.centre;
    let request = intake::RevealContactRequest {
        command_id: String::new(),
        case_id: resolve::case_id(session, &case.case).await?,
        purpose: RevealPurpose::try_from(purpose).unwrap_or_default().into(),
        reason,
        with_text,
    };
    let found = centre
        .command(|command_id| {
            call!(centre.intake().reveal_contact(intake::RevealContactRequest { command_id, ..request.clone() }))
        })
        .await?;
    let complainant = found.complainant.clone().unwrap_or_default();
    let mut table = Table::new();
    table.row([complainant.name, complainant.phone, complainant.id_number, complainant.address]);
    let mut text = table.render();
    for part in [&found.title, &found.body] {
        if !part.is_empty() {
            text.push_str(&format!("{part}\n"));
        }
    }
    text.push_str(&Say::Revealed { reveal: found.reveal_id.clone() }.text(session.lang));
    Ok(Answer::new(json(&found)?, text))
}

async fn track(session: &Session, tracking_code: String) -> Result<Answer, Failure> {
    let centre = &session.centre;
    let request = intake::GetByTrackingCodeRequest { tracking_code };
    let found = centre.read(|| call!(centre.intake().get_by_tracking_code(request.clone()))).await?;
    let view = View::of(session).await?;
    let mut text = format!(
        "{}    {}    {}\n",
        found.case_no,
        view.word(found.stage().as_str_name()),
        view.at(found.stage_since.as_ref())
    );
    let mut table = Table::new().indented(2);
    for notice in &found.notices {
        table.row([view.at(notice.served_at.as_ref()), view.word(notice.kind().as_str_name()).to_owned()]);
    }
    text.push_str(&table.render());
    let mut clocks = Table::new().indented(2);
    for clock in &found.clocks {
        let (name, holder) = match session.lang {
            Lang::Zh => (&clock.name_zh, &clock.holder_zh),
            Lang::En => (&clock.name_en, &clock.holder_en),
        };
        let deadline = clock.deadline.clone().unwrap_or_default();
        clocks.row([
            view.at(deadline.due_at.as_ref()),
            view.word(clock.state().as_str_name()).to_owned(),
            name.clone(),
            holder.clone(),
            deadline.citation.map(|cited| format!("{} {}", cited.law, cited.article)).unwrap_or_default(),
        ]);
    }
    text.push_str(&clocks.render());
    for notice in found.notices.iter().filter(|notice| !notice.reply.is_empty()) {
        text.push_str(&format!("{}\n", notice.reply));
    }
    if found.incomplete {
        text.push_str(&format!("{}\n", Word::NotAllOfIt.text(session.lang)));
    }
    Ok(Answer::new(json(&found)?, text))
}
