//! `case reveals`: who opened whose identity, and why.

use std::collections::HashMap;

use client::call;
use xiezhi_proto::intake::v1::{ListRevealsRequest, ListRevealsResponse, Reveal};

use super::View;
use crate::args::RevealsArgs;
use crate::failure::Failure;
use crate::paged::{self, Listed};
use crate::reflect::json;
use crate::resolve;
use crate::say::Word;
use crate::screen::{Answer, Table};
use crate::session::Session;

/// The audit of opened identities, newest first.
pub async fn reveals(session: &Session, args: RevealsArgs) -> Result<Answer, Failure> {
    let centre = &session.centre;
    let case_id = match &args.of {
        Some(case) => resolve::case_id(session, case).await?,
        None => String::new(),
    };
    let account = args.by.unwrap_or_default();
    let listed = paged::up_to(args.limit.limit, 200, |page_size, page_token| {
        let (case_id, account) = (case_id.clone(), account.clone());
        let request = ListRevealsRequest { page_size, page_token, case_id, account };
        async move {
            let page = centre.read(|| call!(centre.intake().list_reveals(request.clone()))).await?;
            Ok((page.reveals, page.next_page_token))
        }
    });
    let Listed { items: reveals, next_page_token } = listed.await?;
    let page = ListRevealsResponse { reveals, next_page_token };
    let numbers = resolve::case_numbers(session, page.reveals.iter().map(|reveal| reveal.case_id.clone())).await?;
    let view = View::of(session).await?;
    let rows = render(&page.reveals, &numbers, &view);
    let text = paged::shown(&rows, page.reveals.is_empty(), &page.next_page_token, view.lang);
    Ok(Answer::new(json(&page)?, text))
}

fn render(reveals: &[Reveal], numbers: &HashMap<String, String>, view: &View<'_>) -> String {
    let words = [
        Word::ColumnTime,
        Word::ColumnAccount,
        Word::ColumnUnit,
        Word::ColumnCase,
        Word::ColumnPurpose,
        Word::ColumnText,
        Word::ColumnReason,
    ];
    let mut table = Table::with_heading(words.map(|word| word.text(view.lang)));
    for reveal in reveals {
        table.row([
            view.at(reveal.revealed_at.as_ref()),
            reveal.account.clone(),
            view.names.unit(&reveal.unit_code).to_owned(),
            numbers.get(&reveal.case_id).unwrap_or(&reveal.case_id).clone(),
            view.word(reveal.purpose().as_str_name()).to_owned(),
            if reveal.with_text { "✓" } else { "" }.to_owned(),
            reveal.reason.clone(),
        ]);
    }
    table.render()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::Names;
    use crate::say::Lang;

    #[test]
    fn a_case_is_told_by_its_number_where_that_may_be_known() {
        let reveal = |case_id: &str| Reveal {
            account: "centre.window1".to_owned(),
            case_id: case_id.to_owned(),
            reason: "电话回访".to_owned(),
            ..Reveal::default()
        };
        let names = Names::default();
        let view = View { lang: Lang::Zh, names: &names, now: jiff::Timestamp::UNIX_EPOCH };
        let numbers = HashMap::from([("c1".to_owned(), "JS-2026-000001".to_owned())]);
        let told = render(&[reveal("c1"), reveal("c2")], &numbers, &view);
        let lines: Vec<&str> = told.lines().skip(1).collect();
        assert!(lines[0].contains("JS-2026-000001") && !lines[0].contains("c1"), "{told}");
        assert!(lines[1].contains("c2"), "{told}");
    }
}
