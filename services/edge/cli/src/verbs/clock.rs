//! `clock …`: clocks of cases, the time of a simulated centre, and due dates without a centre.

use std::path::PathBuf;

use client::call;
use client::turn::{Turn, turn};
use pack::Pack;
use serde_json::json as object;
use vocab::{Citation, ClockRule, Holder, Lang as VocabLang, RuleCode, Unit, Validity};
use xiezhi_proto::bus::v1::ConfirmClockRequest;
use xiezhi_proto::supervision::v1 as supervision;
use xiezhi_proto::supervision::v1::ClockView;

use super::View;
use crate::args::{CaseArg, ClockCommand, DueArgs, LimitArg};
use crate::failure::Failure;
use crate::paged::{self, Listed};
use crate::reflect::json;
use crate::say::{Lang, Say, Word, label};
use crate::screen::{Answer, Screen, Table, time};
use crate::session::Session;
use crate::span::Span;
use crate::{county, parse, resolve};

/// Does what a `clock` verb says.
pub async fn run(session: &Session, screen: &mut Screen, command: ClockCommand) -> Result<Answer, Failure> {
    match command {
        ClockCommand::List { unit, limit } => list(session, unit, &limit).await,
        ClockCommand::Show(case) => show(session, &case).await,
        ClockCommand::Now => now(session).await,
        ClockCommand::Confirm => confirm(session, screen).await,
        ClockCommand::Turn { to, by } => turn_to(session, screen, to, by).await,
        ClockCommand::Due(args) => due(&args, session.lang),
        changed => super::clock_change::run(session, changed).await,
    }
}

async fn list(session: &Session, unit: Option<String>, limit: &LimitArg) -> Result<Answer, Failure> {
    let centre = &session.centre;
    let request =
        supervision::ListDueRequest { unit_code: unit.unwrap_or_default(), ..supervision::ListDueRequest::default() };
    let listed = paged::up_to(limit.limit, 500, |page_size, page_token| {
        let request = supervision::ListDueRequest { page_size, page_token, ..request.clone() };
        async move {
            let page = centre.read(|| call!(centre.supervision().list_due(request.clone()))).await?;
            Ok((page.clocks, page.next_page_token))
        }
    });
    let Listed { items: clocks, next_page_token } = listed.await?;
    let page = supervision::ListDueResponse { clocks, next_page_token };
    let view = View::of(session).await?;
    let words = [Word::ColumnCase, Word::ColumnClock, Word::ColumnUnit, Word::ColumnState, Word::ColumnDue];
    let mut table = Table::with_heading(words.map(|word| word.text(view.lang)));
    for clock in &page.clocks {
        let owed = clock.clock.clone().unwrap_or_default();
        table.row([
            clock.case_no.clone(),
            name(clock, &view),
            view.names.unit(&owed.holder_unit).to_owned(),
            view.word(clock.state().as_str_name()).to_owned(),
            view.deadline(owed.deadline.as_ref()),
        ]);
    }
    let text = paged::shown(&table.render(), page.clocks.is_empty(), &page.next_page_token, view.lang);
    Ok(Answer::new(json(&page)?, text))
}

/// The name of its rule.
pub fn name(clock: &ClockView, view: &View<'_>) -> String {
    let name = clock.name.clone().unwrap_or_default();
    if view.lang == Lang::Zh { name.zh } else { name.en }
}

async fn show(session: &Session, case: &CaseArg) -> Result<Answer, Failure> {
    let centre = &session.centre;
    let request = supervision::ListClocksRequest { case_id: resolve::case_id(session, &case.case).await? };
    let found = centre.read(|| call!(centre.supervision().list_clocks(request.clone()))).await?;
    let view = View::of(session).await?;
    let mut text = String::new();
    for clock in &found.clocks {
        text.push_str(&render(clock, &view));
    }
    if found.clocks.is_empty() {
        text.push_str(Word::Nothing.text(view.lang));
    }
    Ok(Answer::new(json(&found)?, text))
}

/// A clock, and below it how its due date was counted.
pub fn render(clock: &ClockView, view: &View<'_>) -> String {
    let owed = clock.clock.clone().unwrap_or_default();
    let due = if clock.stopped_at.is_some() {
        view.at(clock.stopped_at.as_ref())
    } else {
        view.deadline(owed.deadline.as_ref())
    };
    let head = [
        name(clock, view),
        owed.kind.clone(),
        view.names.unit(&owed.holder_unit).to_owned(),
        view.word(clock.state().as_str_name()).to_owned(),
        due,
    ];
    let mut text = format!("{}\n", head.join("    "));
    for step in &clock.explanation {
        text.push_str(&format!("  {}\n", if view.lang == Lang::Zh { &step.zh } else { &step.en }));
    }
    text
}

async fn now(session: &Session) -> Result<Answer, Failure> {
    let clocks = client::rest::clocks(&session.centre).await?;
    let lang = session.lang;
    let words = [Word::ColumnService, Word::ColumnTime, Word::ColumnState, Word::ColumnDue];
    let mut table = Table::with_heading(words.map(|word| word.text(lang)));
    let mut told = serde_json::Map::new();
    for service in client::SERVICES {
        let Some(clock) = clocks.get(service) else { continue };
        let now = client::moment(clock.now.as_ref()).unwrap_or_default();
        let due = client::moment(clock.earliest_due_at.as_ref());
        let kind = label(&format!("clock.{}", clock.kind), lang).to_owned();
        let state = if clock.suspect { format!("{kind} · {}", Word::ClockSuspect.text(lang)) } else { kind };
        table.row([
            label(&format!("service.{service}"), lang).to_owned(),
            time::moment(now, now, lang),
            state,
            due.map_or_else(String::new, |due| time::moment(due, now, lang)),
        ]);
        told.insert(service.to_owned(), json(clock)?);
    }
    Ok(Answer::new(object!({ "clocks": told }), table.render()))
}

/// Every service whose clock stopped its timers after a jump.
async fn confirm(session: &Session, screen: &mut Screen) -> Result<Answer, Failure> {
    let centre = &session.centre;
    let clocks = client::rest::clocks(centre).await?;
    let is_suspect = |service: &&str| clocks.get(*service).is_some_and(|clock| clock.suspect);
    let suspect: Vec<&str> = client::SERVICES.into_iter().filter(is_suspect).collect();
    if suspect.is_empty() {
        return Ok(Answer::new(object!({ "confirmed": suspect }), Word::Nothing.text(session.lang)));
    }
    // What is overdue by the new time fires at once and cannot be called back.
    let what = format!("{} {}", Word::ConfirmTime.text(session.lang), suspect.join(" "));
    screen.sure(what.clone())?;
    for service in &suspect {
        let service = *service;
        let request = ConfirmClockRequest { service: service.to_owned() };
        centre.read(|| call!(centre.bus(service).confirm_clock(request.clone()))).await?;
    }
    Ok(Answer::new(object!({ "confirmed": suspect }), Say::Done { what }.text(session.lang)))
}

async fn turn_to(
    session: &Session,
    screen: &mut Screen,
    to: Option<String>,
    by: Option<String>,
) -> Result<Answer, Failure> {
    let now = session.now().await?;
    let to = match (to, by) {
        (Some(to), _) => parse::moment(&to)?,
        (None, Some(by)) => Span::parse(&by)?.after(now, &session.pack().await?.calendar)?,
        (None, None) => return Err(Failure::Usage(Say::Just(Word::Usage))),
    };
    let lang = session.lang;
    let turned =
        turn(&session.centre, Turn::to(to), |at| screen.say(&Say::TurnStop { at: time::moment(at, to, lang) })).await?;
    let said = Say::Turned { now: time::moment(turned.now, turned.from, lang), steps: turned.steps };
    let json = object!({ "from": turned.from, "now": turned.now, "steps": turned.steps });
    Ok(Answer::new(json, said.text(lang)))
}

/// `clock due`.
pub fn due(args: &DueArgs, lang: Lang) -> Result<Answer, Failure> {
    let pack = county::sound(&args.pack.clone().unwrap_or_else(|| PathBuf::from(county::DEFAULT)))?;
    let rule = rule(args, &pack)?;
    let anchor_at = parse::moment(&args.from)?;
    let due = vocab::due(&rule, anchor_at, &pack.calendar, &[])
        .map_err(|error| Failure::Says(Say::CannotCount { why: error.to_string() }))?;
    let steps = |lang: VocabLang| due.explanation.iter().map(|step| step.say(lang)).collect::<Vec<_>>();
    let json = object!({
        "from": args.from,
        "rule": args.rule,
        "amount": rule.amount,
        "unit": rule.unit.as_str(),
        "due": due.rolled_on.to_string(),
        "due_at": due.due_at,
        "raw_on": due.raw_on.to_string(),
        "rolled_on": due.rolled_on.to_string(),
        "provisional": due.provisional,
        "calendar_version": due.calendar_version,
        "explanation": { "zh": steps(VocabLang::Zh), "en": steps(VocabLang::En) },
    });
    let text = format!("{}\n{}", due_line(&due), due.explain(lang));
    Ok(Answer::new(json, text))
}

/// The due date alone on the first line: a day for days, a minute for hours and minutes.
fn due_line(due: &vocab::DueDate) -> String {
    let local = time::local(due.due_at);
    if local.hour() == 23 && local.minute() == 59 && local.second() == 59 {
        return due.rolled_on.to_string();
    }
    format!("{} {:02}:{:02}", local.date(), local.hour(), local.minute())
}

/// The pack's rule, with the amount and unit that were typed in place of its own; or a rule made of those alone.
fn rule(args: &DueArgs, pack: &Pack) -> Result<ClockRule, Failure> {
    let mut rule = match &args.rule {
        Some(id) => pack
            .clock_rules
            .iter()
            .find(|rule| rule.id.as_str() == id)
            .cloned()
            .ok_or_else(|| Failure::Says(Say::NoRule { rule: id.clone() }))?,
        None => plain_rule()?,
    };
    rule.amount = args.amount.unwrap_or(rule.amount);
    rule.unit = args.unit.unwrap_or(rule.unit);
    Ok(rule)
}

/// A period as the Civil Code counts it: the day of the event does not count, a last day off moves on.
fn plain_rule() -> Result<ClockRule, Failure> {
    let malformed = |error: vocab::Malformed| Failure::Says(Say::CannotCount { why: error.to_string() });
    Ok(ClockRule {
        id: RuleCode::new("plain").map_err(malformed)?,
        zh: "期间".to_owned(),
        en: "period".to_owned(),
        amount: 0,
        unit: Unit::Day,
        citation: Citation { law: "民法典".to_owned(), article: "第二百条".to_owned(), version_date: None },
        roll_last_day: true,
        anchor: String::new(),
        stops: Vec::new(),
        pausable: Vec::new(),
        extension: None,
        warn_before: Vec::new(),
        holder: Holder::Handler,
        profile: String::new(),
        active: true,
        applies: vocab::Applies::default(),
        validity: Validity { from: jiff::civil::Date::constant(2021, 1, 1), to: None },
        note: String::new(),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failed test should panic

    use super::*;

    fn args(from: &str, amount: Option<u32>, unit: Option<Unit>, rule: Option<&str>) -> DueArgs {
        DueArgs { from: from.to_owned(), amount, unit, rule: rule.map(str::to_owned), pack: None }
    }

    #[test]
    fn a_due_date_over_national_day_skips_it_and_counts_the_make_up_day() {
        // 2026: 1 to 7 October are off, 20 September and 10 October are worked.
        let answer = due(&args("2026-09-30", Some(5), Some(Unit::Workday), None), Lang::Zh).unwrap();
        assert_eq!(answer.json["due"], "2026-10-13");
        assert!(answer.text.starts_with("2026-10-13\n1. "), "{}", answer.text);
    }

    #[test]
    fn a_rule_of_the_pack_brings_amount_unit_and_article() {
        let answer = due(&args("2026-03-02", None, None, Some("intake.inform")), Lang::Zh).unwrap();
        assert_eq!(answer.json["amount"], 15);
        assert_eq!(answer.json["due"], "2026-03-17");
        assert!(answer.text.contains("信访工作条例"), "{}", answer.text);
        assert!(due(&args("2026-03-02", None, None, Some("no.such.rule")), Lang::Zh).is_err());
    }

    #[test]
    fn hours_end_at_a_minute() {
        let answer = due(&args("2026-03-02 10:00", Some(24), Some(Unit::Hour), None), Lang::En).unwrap();
        assert!(answer.text.starts_with("2026-03-03 10:00\n"), "{}", answer.text);
    }
}
