//! `bus …`: what waits behind the services, and how far each has heard the others.

use client::{SERVICES, call};
use xiezhi_proto::bus::v1 as bus;
use xiezhi_proto::bus::v1::{Cursor, DecideParkedRequest, ParkedDecision, ParkedEvent};

use super::{View, recovery};
use crate::args::{BusCommand, ParkedArgs, ParkedCommand};
use crate::failure::Failure;
use crate::reflect::json;
use crate::say::{Say, Word};
use crate::screen::{Answer, Screen, Table};
use crate::session::Session;

/// Does what a `bus` verb says.
pub async fn run(session: &Session, screen: &mut Screen, command: BusCommand) -> Result<Answer, Failure> {
    match command {
        BusCommand::Cursors => cursors(session).await,
        BusCommand::Recover(args) => recovery::recover(session, screen, &args).await,
        BusCommand::Diverged(command) => recovery::diverged(session, command).await,
        BusCommand::Parked(ParkedCommand::List { all }) => list(session, all).await,
        BusCommand::Parked(ParkedCommand::Retry(args)) => decide(session, &args, ParkedDecision::Retry).await,
        BusCommand::Parked(ParkedCommand::Skip(args)) => {
            screen.sure(format!("{} {}", Word::Skip.text(session.lang), args.event))?;
            decide(session, &args, ParkedDecision::Skip).await
        }
    }
}

async fn cursors(session: &Session) -> Result<Answer, Failure> {
    let centre = &session.centre;
    let mut found: Vec<Cursor> = Vec::new();
    for service in SERVICES {
        let request = bus::ListCursorsRequest { service: service.to_owned() };
        found.extend(centre.read(|| call!(centre.bus(service).list_cursors(request.clone()))).await?.cursors);
    }
    let words = [Word::ColumnConsumer, Word::ColumnProducer, Word::ColumnPos, Word::ColumnState];
    let mut table = Table::with_heading(words.map(|word| word.text(session.lang))).right(2);
    for cursor in &found {
        table.row([cursor.consumer.clone(), cursor.producer.clone(), cursor.pos.to_string(), cursor.state.clone()]);
    }
    let told = found.iter().map(json).collect::<Result<Vec<_>, _>>()?;
    Ok(Answer::new(serde_json::json!({ "cursors": told }), table.render()))
}

/// Every event over all services that waits.
pub async fn parked(session: &Session, include_decided: bool) -> Result<Vec<ParkedEvent>, Failure> {
    let centre = &session.centre;
    let mut found = Vec::new();
    for service in SERVICES {
        let pages = client::pages::pages(|page_token| async move {
            let request =
                bus::ListParkedRequest { service: service.to_owned(), page_size: 500, page_token, include_decided };
            let page = centre.read(|| call!(centre.bus(service).list_parked(request.clone()))).await?;
            Ok((page.parked, page.next_page_token))
        });
        found.extend(pages.await?);
    }
    Ok(found)
}

/// The name under which a parked event is retried or skipped.
pub fn name(event: &ParkedEvent) -> String {
    format!("{}/{}/{}", event.consumer, event.producer, event.pos)
}

async fn list(session: &Session, all: bool) -> Result<Answer, Failure> {
    let found = parked(session, all).await?;
    let view = View::of(session).await?;
    let words =
        [Word::ColumnId, Word::ColumnState, Word::ColumnName, Word::ColumnCount, Word::ColumnTime, Word::ColumnReason];
    let mut table = Table::with_heading(words.map(|word| word.text(view.lang)));
    for event in &found {
        let subject = xiezhi_proto::event_kind(&event.r#type).map_or(event.r#type.as_str(), |kind| kind.subject);
        table.row([
            name(event),
            view.word(&format!("parked.{}", event.state)).to_owned(),
            view.word(subject).to_owned(),
            event.attempts.to_string(),
            view.at(event.next_try_at.as_ref()),
            event.reason.clone(),
        ]);
    }
    let told = found.iter().map(json).collect::<Result<Vec<_>, _>>()?;
    let text = if found.is_empty() { Word::Nothing.text(view.lang).to_owned() } else { table.render() };
    Ok(Answer::new(serde_json::json!({ "parked": told }), text))
}

async fn decide(session: &Session, args: &ParkedArgs, decision: ParkedDecision) -> Result<Answer, Failure> {
    let centre = &session.centre;
    let event = parked(session, false).await?.into_iter().find(|event| name(event) == args.event);
    let event = event.ok_or_else(|| Failure::Says(Say::NothingNamed { name: args.event.clone() }))?;
    // A rebuilding consumer's name is its service's with an ending.
    let service = SERVICES.into_iter().find(|service| event.consumer.starts_with(service)).unwrap_or_default();
    let request = DecideParkedRequest {
        service: service.to_owned(),
        consumer: event.consumer,
        producer: event.producer,
        epoch: event.epoch,
        pos: event.pos,
        decision: decision.into(),
        why: args.why.clone(),
    };
    let done = centre.read(|| call!(centre.bus(service).decide_parked(request.clone()))).await?;
    Ok(Answer::new(json(&done)?, Say::Done { what: args.event.clone() }.text(session.lang)))
}
