//! `callback …` and `rates …`: what the complainants say.

use client::call;
use xiezhi_proto::evaluation::v1 as evaluation;
use xiezhi_proto::evaluation::v1::{Callback, CallbackState, GetRatesResponse, Rate, Rating};

use super::View;
use super::case::recorded;
use crate::args::{CallbackCommand, RatesCommand};
use crate::failure::Failure;
use crate::paged::{self, Listed};
use crate::reflect::json;
use crate::resolve;
use crate::say::{Lang, Word};
use crate::screen::{Answer, Table};
use crate::session::Session;

/// Does what a `callback` verb says.
pub async fn callback(session: &Session, command: CallbackCommand) -> Result<Answer, Failure> {
    let centre = &session.centre;
    match command {
        CallbackCommand::List { state, limit } => {
            let state = state.map_or(0, |state| state.0);
            let listed = paged::up_to(limit.limit, 200, |page_size, page_token| async move {
                let request = evaluation::ListCallbacksRequest { state, page_size, page_token };
                let page = centre.read(|| call!(centre.evaluation().list_callbacks(request.clone()))).await?;
                Ok((page.callbacks, page.next_page_token))
            });
            let Listed { items: callbacks, next_page_token } = listed.await?;
            let page = evaluation::ListCallbacksResponse { callbacks, next_page_token };
            let view = View::of(session).await?;
            let rows = render_callbacks(&page.callbacks, &view);
            let text = paged::shown(&rows, page.callbacks.is_empty(), &page.next_page_token, view.lang);
            Ok(Answer::new(json(&page)?, text))
        }
        CallbackCommand::Show { callback } => {
            let request = evaluation::GetCallbackRequest { callback_id: callback };
            let found = centre.read(|| call!(centre.evaluation().get_callback(request.clone()))).await?;
            let view = View::of(session).await?;
            let text = found.callback.as_ref().map(|callback| render_callback(callback, &view)).unwrap_or_default();
            Ok(Answer::new(json(&found)?, text))
        }
        CallbackCommand::Record { callback, unreached, responded, resolved, satisfied } => {
            let rating = Rating { reached: !unreached, responded, resolved, satisfied };
            let callback_id = resolve::callback_id(session, &callback, CallbackState::Drawn).await?;
            let done = centre
                .command(|command_id| {
                    let (callback_id, rating) = (callback_id.clone(), Some(rating));
                    let request = evaluation::RecordCallbackRequest { command_id, callback_id, rating };
                    call!(centre.evaluation().record_callback(request))
                })
                .await?;
            recorded(session, &done, "evaluation.rating.given")
        }
        CallbackCommand::Adjudicate { callback, upheld, reason } => {
            let callback_id = resolve::callback_id(session, &callback, CallbackState::Adjudication).await?;
            let done = centre
                .command(|command_id| {
                    let (callback_id, reason) = (callback_id.clone(), reason.clone());
                    let request = evaluation::DecideAdjudicationRequest { command_id, callback_id, upheld, reason };
                    call!(centre.evaluation().decide_adjudication(request))
                })
                .await?;
            recorded(session, &done, "evaluation.adjudication.decided")
        }
    }
}

fn render_callbacks(callbacks: &[Callback], view: &View<'_>) -> String {
    let words =
        [Word::ColumnCase, Word::ColumnRound, Word::ColumnMatter, Word::ColumnState, Word::ColumnDue, Word::ColumnId];
    let mut table = Table::with_heading(words.map(|word| word.text(view.lang)));
    for callback in callbacks {
        table.row([
            callback.case_no.clone(),
            callback.round.to_string(),
            view.names.matters(&callback.matter_codes),
            view.word(callback.state().as_str_name()).to_owned(),
            view.deadline(callback.deadline.as_ref()),
            callback.callback_id.clone(),
        ]);
    }
    table.render()
}

/// The call-back as it is listed, then every try and what the complainant said.
fn render_callback(callback: &Callback, view: &View<'_>) -> String {
    let mut text = render_callbacks(std::slice::from_ref(callback), view);
    let unreached = view.word("CALLBACK_STATE_UNREACHED");
    for attempt in &callback.attempts {
        text.push_str(&format!("  {}  {unreached}\n", view.at(Some(attempt))));
    }
    // Where nobody was reached, the last try says so already.
    if let Some(rating) = callback.rating.as_ref().filter(|rating| rating.reached) {
        text.push_str(&format!("  {}  {}\n", view.at(callback.given_at.as_ref()), said(rating, view)));
    }
    text
}

/// What a complainant said of a round of handling.
fn said(rating: &Rating, view: &View<'_>) -> String {
    if !rating.reached {
        return view.word("CALLBACK_STATE_UNREACHED").to_owned();
    }
    let word = |holds: bool, yes: Word, no: Word| if holds { yes } else { no }.text(view.lang);
    [
        word(rating.responded, Word::Responded, Word::NotResponded),
        word(rating.resolved, Word::Resolved, Word::NotResolved),
        word(rating.satisfied, Word::Satisfied, Word::NotSatisfied),
    ]
    .join(" · ")
}

/// The rounds behind the rates.
async fn rated_cases(
    session: &Session,
    asked: &evaluation::ListCaseFactsRequest,
    limit: u32,
) -> Result<Answer, Failure> {
    let centre = &session.centre;
    let listed = paged::up_to(limit, 500, |page_size, page_token| {
        let request = evaluation::ListCaseFactsRequest { page_size, page_token, ..asked.clone() };
        async move {
            let page = centre.read(|| call!(centre.evaluation().list_case_facts(request.clone()))).await?;
            Ok((page.facts, page.next_page_token))
        }
    });
    let Listed { items: facts, next_page_token } = listed.await?;
    let page = evaluation::ListCaseFactsResponse { facts, next_page_token };
    let view = View::of(session).await?;
    let rows = render_rated(&page.facts, &view);
    let text = paged::shown(&rows, page.facts.is_empty(), &page.next_page_token, view.lang);
    Ok(Answer::new(json(&page)?, text))
}

fn render_rated(facts: &[evaluation::CaseFact], view: &View<'_>) -> String {
    let words = [
        Word::ColumnCase,
        Word::ColumnRound,
        Word::ColumnUnit,
        Word::ColumnMatter,
        Word::ColumnClosed,
        Word::ColumnOrders,
        Word::ColumnBreaches,
        Word::ColumnState,
        Word::ColumnResult,
    ];
    let mut table = Table::with_heading(words.map(|word| word.text(view.lang))).right(5).right(6);
    let not_closed = || Word::NotClosed.text(view.lang).to_owned();
    for fact in facts {
        let state = match fact.callback_state() {
            CallbackState::Unspecified => String::new(),
            state => view.word(state.as_str_name()).to_owned(),
        };
        table.row([
            if fact.case_no.is_empty() { fact.case_id.clone() } else { fact.case_no.clone() },
            fact.round.to_string(),
            view.names.unit(&fact.lead_unit).to_owned(),
            view.names.matters(&fact.matter_codes),
            fact.closed_at.as_ref().map_or_else(not_closed, |at| view.at(Some(at))),
            fact.orders.to_string(),
            fact.breaches.to_string(),
            state,
            fact.rating.as_ref().map(|rating| said(rating, view)).unwrap_or_default(),
        ]);
    }
    table.render()
}

/// Does what a `rates` verb says.
pub async fn rates(session: &Session, command: RatesCommand) -> Result<Answer, Failure> {
    let centre = &session.centre;
    let request = match command {
        RatesCommand::Show { unit, from, to } => evaluation::GetRatesRequest { unit_code: unit, from, to },
        RatesCommand::Cases { unit, from, to, limit } => {
            let asked = evaluation::ListCaseFactsRequest { unit_code: unit, from, to, ..Default::default() };
            return rated_cases(session, &asked, limit.limit).await;
        }
    };
    let found = centre.read(|| call!(centre.evaluation().get_rates(request.clone()))).await?;
    let view = View::of(session).await?;
    Ok(Answer::new(json(&found)?, render_rates(&found, &view)))
}

/// Every figure with what stands above and below its line, and everything that was left out.
fn render_rates(found: &GetRatesResponse, view: &View<'_>) -> String {
    if found.units.is_empty() {
        return Word::Nothing.text(view.lang).to_owned();
    }
    let words =
        [Word::ColumnUnit, Word::ColumnRate, Word::ColumnNumerator, Word::ColumnDenominator, Word::ColumnPercent];
    let mut table = Table::with_heading(words.map(|word| word.text(view.lang))).right(2).right(3).right(4);
    for unit in &found.units {
        for (place, rate) in unit.rates.iter().enumerate() {
            let name = if place == 0 { view.names.unit(&unit.unit_code) } else { "" };
            table.row([
                name.to_owned(),
                view.word(&format!("rate.{}", rate.code)).to_owned(),
                rate.numerator.to_string(),
                rate.denominator.to_string(),
                percent(rate),
            ]);
        }
    }
    let mut text = table.render();
    let mut seen = Vec::new();
    for rate in found.units.iter().flat_map(|unit| &unit.rates).filter(|rate| !seen_before(&mut seen, &rate.code)) {
        let (above, below) = match view.lang {
            Lang::Zh => (&rate.numerator_zh, &rate.denominator_zh),
            Lang::En => (&rate.numerator_en, &rate.denominator_en),
        };
        text.push_str(&format!("  {} = {above} / {below}\n", view.word(&format!("rate.{}", rate.code))));
    }
    if !found.excluded.is_empty() {
        text.push_str(&format!("{}\n", Word::Excluded.text(view.lang)));
        let mut table = Table::new().indented(2);
        for excluded in &found.excluded {
            table.row([
                excluded.case_no.clone(),
                view.names.unit(&excluded.unit_code).to_owned(),
                view.at(excluded.decided_at.as_ref()),
                excluded.reason.clone(),
            ]);
        }
        text.push_str(&table.render());
    }
    text
}

fn seen_before(seen: &mut Vec<String>, code: &str) -> bool {
    let before = seen.iter().any(|known| known == code);
    if !before {
        seen.push(code.to_owned());
    }
    before
}

/// A rate with its interval; a dash where there is nothing to divide by.
fn percent(rate: &Rate) -> String {
    match (rate.percent, rate.low_percent, rate.high_percent) {
        (Some(percent), Some(low), Some(high)) => format!("{percent:.1}% ({low:.0}–{high:.0})"),
        (Some(percent), _, _) => format!("{percent:.1}%"),
        (None, _, _) => "–".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failed test should panic

    use xiezhi_proto::evaluation::v1::UnitRates;

    use super::*;
    use crate::names::Names;

    fn at(text: &str) -> Option<prost_types::Timestamp> {
        Some(client::proto_time(text.parse().unwrap()))
    }

    #[test]
    fn a_call_that_reached_nobody_is_told_once_a_try() {
        let callback = Callback {
            callback_id: "c".to_owned(),
            case_no: "JS-2026-000001".to_owned(),
            round: 1,
            state: CallbackState::Unreached.into(),
            attempts: vec![at("2026-03-19T01:00:00Z").unwrap(), at("2026-03-20T01:00:00Z").unwrap()],
            rating: Some(Rating { reached: false, ..Rating::default() }),
            given_at: at("2026-03-20T01:00:00Z"),
            ..Callback::default()
        };
        let names = Names::default();
        let view = View { lang: Lang::Zh, names: &names, now: "2026-03-20T01:00:00Z".parse().unwrap() };
        let expected = "\
案号            轮次  事项  状态    期限  编号
JS-2026-000001  1           未接通        c
  3月19日 09:00  未接通
  3月20日 09:00  未接通
";
        assert_eq!(render_callback(&callback, &view), expected);
    }

    #[test]
    fn a_round_that_goes_on_is_not_taken_for_one_that_ended() {
        let round = |closed_at| evaluation::CaseFact {
            case_no: "JS-2026-000001".to_owned(),
            round: 1,
            lead_unit: "ZF".to_owned(),
            closed_at,
            ..evaluation::CaseFact::default()
        };
        let names = Names::default();
        let view = View { lang: Lang::En, names: &names, now: "2026-03-20T01:00:00Z".parse().unwrap() };
        let told = render_rated(&[round(None), round(at("2026-03-19T01:00:00Z"))], &view);
        let lines: Vec<&str> = told.lines().skip(1).collect();
        assert!(lines[0].contains("not closed yet") && lines[1].contains("19 Mar 09:00"), "{told}");
    }

    #[test]
    fn every_rate_shows_its_numerator_and_denominator() {
        let rate = |code: &str, numerator, denominator, percent| Rate {
            code: code.to_owned(),
            numerator_zh: "分子说明".to_owned(),
            denominator_zh: "分母说明".to_owned(),
            numerator,
            denominator,
            percent,
            ..Rate::default()
        };
        let found = GetRatesResponse {
            units: vec![UnitRates {
                unit_code: "ZF".to_owned(),
                rates: vec![rate("response", 3, 3, Some(100.0)), rate("satisfaction", 0, 0, None)],
                ..UnitRates::default()
            }],
            ..GetRatesResponse::default()
        };
        let names = Names::default();
        let view = View { lang: Lang::Zh, names: &names, now: "2026-03-20T01:00:00Z".parse().unwrap() };
        let expected = "\
单位  比率    分子  分母  百分比
ZF    响应率     3     3  100.0%
      满意率     0     0       –
  响应率 = 分子说明 / 分母说明
  满意率 = 分子说明 / 分母说明
";
        assert_eq!(render_rates(&found, &view), expected);
    }
}
