//! `callback …` and `rates …`: what the complainants say.

use client::call;
use xiezhi_proto::evaluation::v1 as evaluation;
use xiezhi_proto::evaluation::v1::{Callback, CallbackState, GetRatesResponse, Rate, Rating};

use super::case::recorded;
use super::{View, page_size};
use crate::args::{CallbackCommand, RatesCommand};
use crate::failure::Failure;
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
            let request = evaluation::ListCallbacksRequest {
                state: state.map_or(0, |state| state.0),
                page_size: page_size(limit.limit, 200),
                page_token: String::new(),
            };
            let page = centre.read(|| call!(centre.evaluation().list_callbacks(request.clone()))).await?;
            let view = View::of(session).await?;
            Ok(Answer::new(json(&page)?, render_callbacks(&page.callbacks, &view)))
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
    if callbacks.is_empty() {
        return Word::Nothing.text(view.lang).to_owned();
    }
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

/// Does what a `rates` verb says.
pub async fn rates(session: &Session, command: RatesCommand) -> Result<Answer, Failure> {
    let RatesCommand::Show { unit, from, to } = command;
    let centre = &session.centre;
    let request = evaluation::GetRatesRequest { unit_code: unit, from, to };
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
