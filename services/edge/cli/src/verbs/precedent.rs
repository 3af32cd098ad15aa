//! `precedent …`: rulings that route like cases.

use client::call;
use xiezhi_proto::assignment::v1::{ListPrecedentsRequest, ListPrecedentsResponse, Precedent};

use super::View;
use crate::args::PrecedentCommand;
use crate::failure::Failure;
use crate::paged::{self, Listed};
use crate::reflect::json;
use crate::say::{Say, Word};
use crate::screen::{Answer, Table};
use crate::session::Session;

/// Does what a `precedent` verb says.
pub async fn run(session: &Session, command: PrecedentCommand) -> Result<Answer, Failure> {
    let PrecedentCommand::List { active, matter, limit } = command;
    let centre = &session.centre;
    let asked = ListPrecedentsRequest { active_only: active, matter_code: matter, ..ListPrecedentsRequest::default() };
    let listed = paged::up_to(limit.limit, 200, |page_size, page_token| {
        let request = ListPrecedentsRequest { page_size, page_token, ..asked.clone() };
        async move {
            let page = centre.read(|| call!(centre.assignment().list_precedents(request.clone()))).await?;
            Ok((page.precedents, page.next_page_token))
        }
    });
    let Listed { items: precedents, next_page_token } = listed.await?;
    let page = ListPrecedentsResponse { precedents, next_page_token };
    let view = View::of(session).await?;
    let rows = render(&page.precedents, &view);
    let text = paged::shown(&rows, page.precedents.is_empty(), &page.next_page_token, view.lang);
    Ok(Answer::new(json(&page)?, text))
}

fn render(precedents: &[Precedent], view: &View<'_>) -> String {
    let words = [
        Word::ColumnId,
        Word::ColumnMatter,
        Word::ColumnPlace,
        Word::ColumnUnit,
        Word::ColumnItem,
        Word::ColumnTime,
        Word::ColumnValidity,
        Word::ColumnState,
    ];
    let mut table = Table::with_heading(words.map(|word| word.text(view.lang)));
    for precedent in precedents {
        let place = match precedent.region_code.as_str() {
            "" => view.word("PRECEDENT_SCOPE_COUNTY"),
            town => view.names.region(town),
        };
        let state = match precedent.expired_because.as_str() {
            "" => view.word("precedent.active").to_owned(),
            why => view.word(&format!("precedent.{why}")).to_owned(),
        };
        let valid = match precedent.valid_to.as_str() {
            "" => String::new(),
            to => view.say(&Say::Until { day: to.to_owned() }),
        };
        table.row([
            precedent.precedent_id.clone(),
            view.names.matters(&precedent.matter_codes),
            place.to_owned(),
            holders(precedent, view),
            precedent.item_codes.join(" · "),
            view.at(precedent.known_from.as_ref()),
            valid,
            state,
        ]);
    }
    table.render()
}

/// Who owes what; "town" is whichever town the case lies in.
fn holders(precedent: &Precedent, view: &View<'_>) -> String {
    let shares = precedent.shares.iter().map(|share| {
        let unit = match share.unit_code.as_str() {
            "town" => Word::TownOfThePlace.text(view.lang),
            unit => view.names.unit(unit),
        };
        format!("{unit} {}", view.word(share.duty().as_str_name()))
    });
    shares.collect::<Vec<_>>().join(" · ")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failed test should panic

    use client::proto_time;
    use xiezhi_proto::common::v1::{Duty, Share};

    use super::*;
    use crate::names::Names;
    use crate::say::Lang;

    #[test]
    fn precedents_say_what_they_route_where_to_whom_and_whether_still() {
        let share =
            |unit: &str, duty: Duty| Share { unit_code: unit.to_owned(), duty: duty.into(), ..Share::default() };
        let routes = Precedent {
            precedent_id: "p1".to_owned(),
            matter_codes: vec!["fume.barbecue".to_owned()],
            region_code: "330421103".to_owned(),
            shares: vec![share("ZF", Duty::Punish), share("town", Duty::Rectify)],
            item_codes: vec!["PI012".to_owned()],
            known_from: Some(proto_time("2026-03-02T04:00:00Z".parse().unwrap())),
            valid_to: "2026-08-14".to_owned(),
            ..Precedent::default()
        };
        let expired = Precedent {
            precedent_id: "p2".to_owned(),
            region_code: String::new(),
            valid_to: String::new(),
            expired_because: "item_ended".to_owned(),
            ..routes.clone()
        };
        let names = Names::default();
        let view = View { lang: Lang::Zh, names: &names, now: "2026-03-20T01:00:00Z".parse().unwrap() };
        let expected = "\
编号  事项           地点       单位                             事项编码  时间           有效期         状态
p1    fume.barbecue  330421103  ZF 处罚 · 属地镇（街道） 整改  PI012     3月02日 12:00  至 2026-08-14  有效
p2    fume.barbecue  全县       ZF 处罚 · 属地镇（街道） 整改  PI012     3月02日 12:00                 事项已失效
";
        let same = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(same(&render(&[routes, expired], &view)), same(expected));
    }
}
