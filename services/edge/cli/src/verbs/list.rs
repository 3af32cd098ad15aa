//! `list …`: the power and responsibility lists.

use client::call;
use xiezhi_proto::assignment::v1::{ListPowerItemsRequest, ListPowerItemsResponse};

use super::View;
use crate::args::ListCommand;
use crate::failure::Failure;
use crate::paged::{self, Listed};
use crate::reflect::json;
use crate::say::{Lang, Say, Word};
use crate::screen::{Answer, Table};
use crate::session::Session;

/// Does what a `list` verb says.
pub async fn run(session: &Session, command: ListCommand) -> Result<Answer, Failure> {
    let ListCommand::Show { matter, unit, on, kind, limit } = command;
    let centre = &session.centre;
    let request = ListPowerItemsRequest {
        valid_on: on,
        matter_code: matter,
        unit_code: unit,
        kind: kind.map_or(0, |kind| kind.0),
        ..ListPowerItemsRequest::default()
    };
    let listed = paged::up_to(limit.limit, 500, |page_size, page_token| {
        let request = ListPowerItemsRequest { page_size, page_token, ..request.clone() };
        async move {
            let page = centre.read(|| call!(centre.assignment().list_power_items(request.clone()))).await?;
            Ok((page.items, page.next_page_token))
        }
    });
    let Listed { items, next_page_token } = listed.await?;
    let page = ListPowerItemsResponse { items, next_page_token };
    let view = View::of(session).await?;
    let words = [Word::ColumnItem, Word::ColumnName, Word::ColumnUnit, Word::ColumnCitation, Word::ColumnValidity];
    let mut table = Table::with_heading(words.map(|word| word.text(view.lang)));
    for item in &page.items {
        let name = if view.lang == Lang::Zh || item.name_en.is_empty() { &item.name_zh } else { &item.name_en };
        let citation = item.citation.clone().unwrap_or_default();
        let article = xiezhi_proto::common::v1::Citation { item_code: String::new(), ..citation };
        table.row([
            item.item_code.clone(),
            name.clone(),
            view.names.unit(&item.unit_code).to_owned(),
            view.citation(&article),
            view.say(&Say::ValidFromTo { from: item.valid_from.clone(), to: item.valid_to.clone() }),
        ]);
    }
    let text = paged::shown(&table.render(), page.items.is_empty(), &page.next_page_token, view.lang);
    Ok(Answer::new(json(&page)?, text))
}
