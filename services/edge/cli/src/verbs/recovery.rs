//! `bus recover`, `bus diverged …`: after a database was restored to an earlier time.

use client::{SERVICES, call};
use xiezhi_proto::bus::v1 as bus;
use xiezhi_proto::bus::v1::AffectedKey;

use super::View;
use crate::args::{DivergedArgs, DivergedCommand, RecoverArgs};
use crate::failure::Failure;
use crate::reflect::json;
use crate::say::{Say, Word};
use crate::screen::{Answer, Screen, Table};
use crate::session::Session;

/// Brings a service forward from its own stream; the answer says what came back and what waits for a person.
pub async fn recover(session: &Session, screen: &mut Screen, args: &RecoverArgs) -> Result<Answer, Failure> {
    if args.accept_loss {
        screen.sure(format!("{} {}", Word::AcceptLoss.text(session.lang), args.service))?;
    }
    let (centre, service) = (&session.centre, args.service.as_str());
    let request = bus::RecoverJournalRequest {
        service: service.to_owned(),
        accept_loss: args.accept_loss,
        why: args.why.clone().unwrap_or_default(),
    };
    let done = centre.read(|| call!(centre.bus(service).recover_journal(request.clone()))).await?;
    let told = Say::Recovered {
        service: View::service(service, session.lang).to_owned(),
        imported: done.imported,
        redone: done.redone,
        last: done.last_pos,
    };
    let mut text = told.text(session.lang) + "\n";
    if done.base_pos > 0 {
        text += &(Say::EpochBegan { epoch: done.epoch, base: done.base_pos }.text(session.lang) + "\n");
    }
    if done.affected > 0 {
        text += &(Say::Affected { count: done.affected }.text(session.lang) + "\n");
    }
    Ok(Answer::new(json(&done)?, text))
}

/// Does what a `bus diverged` verb says.
pub async fn diverged(session: &Session, command: DivergedCommand) -> Result<Answer, Failure> {
    match command {
        DivergedCommand::List { all } => list(session, all).await,
        DivergedCommand::Settle(args) => settle(session, &args).await,
    }
}

/// Every case over all services that waits for a person after a recovery.
pub async fn affected(session: &Session, include_settled: bool) -> Result<Vec<AffectedKey>, Failure> {
    let centre = &session.centre;
    let mut found = Vec::new();
    for service in SERVICES {
        let pages = client::pages::pages(|page_token| async move {
            let request =
                bus::ListAffectedRequest { service: service.to_owned(), page_size: 500, page_token, include_settled };
            let page = centre.read(|| call!(centre.bus(service).list_affected(request.clone()))).await?;
            Ok((page.affected, page.next_page_token))
        });
        found.extend(pages.await?);
    }
    Ok(found)
}

/// The name under which a case is settled.
fn name(case: &AffectedKey) -> String {
    format!("{}/{}/{}", case.consumer, case.producer, case.key)
}

async fn list(session: &Session, all: bool) -> Result<Answer, Failure> {
    let found = affected(session, all).await?;
    let words = [Word::ColumnId, Word::ColumnPos, Word::ColumnState, Word::ColumnReason];
    let mut table = Table::with_heading(words.map(|word| word.text(session.lang)));
    for case in &found {
        table.row([
            name(case),
            format!("{}/{}-{}", case.epoch, case.from_pos, case.to_pos),
            crate::say::label(&format!("affected.{}", case.state), session.lang).to_owned(),
            case.reason.clone(),
        ]);
    }
    let told = found.iter().map(json).collect::<Result<Vec<_>, _>>()?;
    let text = if found.is_empty() { Word::Nothing.text(session.lang).to_owned() } else { table.render() };
    Ok(Answer::new(serde_json::json!({ "affected": told }), text))
}

async fn settle(session: &Session, args: &DivergedArgs) -> Result<Answer, Failure> {
    let centre = &session.centre;
    let case = affected(session, false).await?.into_iter().find(|case| name(case) == args.case);
    let case = case.ok_or_else(|| Failure::Says(Say::NothingNamed { name: args.case.clone() }))?;
    let service = case.consumer.as_str();
    let request = bus::SettleAffectedRequest {
        service: service.to_owned(),
        producer: case.producer.clone(),
        epoch: case.epoch,
        key: case.key.clone(),
        why: args.why.clone(),
    };
    let done = centre.read(|| call!(centre.bus(service).settle_affected(request.clone()))).await?;
    Ok(Answer::new(json(&done)?, Say::Settled { what: args.case.clone(), left: done.left }.text(session.lang)))
}
