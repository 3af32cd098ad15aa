//! Requests, read: every mistake at once.

use evaluation_domain::{Answer, Opinion, State};
use jiff::civil::Date;
use jiff::{Timestamp, ToSpan};
use kit::refusal::{Checks, Refusal};
use vocab::{CallbackId, UnitCode};
use words::read;
use xiezhi_proto::evaluation::v1 as proto;

use crate::store::read::Period;

/// The longest period the rates may be asked for, in years.
const LONGEST_YEARS: i32 = 10;

/// A request without a mistake has all its values.
fn done<T>(checks: Checks, value: Option<T>) -> Result<T, Refusal> {
    checks.done()?;
    value.ok_or_else(|| Refusal::Internal("a value without a mistake was not parsed".to_owned()))
}

/// The call-back a request names.
pub fn callback_id(text: &str) -> Result<CallbackId, Refusal> {
    text.parse().map_err(|error: vocab::Malformed| Refusal::field("callback_id", error.to_string()))
}

/// A call to record.
#[derive(Debug, Clone, Copy)]
pub struct Recording {
    /// The call-back.
    pub callback: CallbackId,
    /// What came of it.
    pub answer: Answer,
}

/// Who was not reached has no opinion.
pub fn recording(request: &proto::RecordCallbackRequest) -> Result<Recording, Refusal> {
    let mut checks = Checks::new();
    let callback = checks.parsed("callback_id", request.callback_id.parse::<CallbackId>());
    let Some(rating) = request.rating else {
        checks.wrong("rating", "must be said");
        return done(checks, None);
    };
    let opinion = Opinion { responded: rating.responded, resolved: rating.resolved, satisfied: rating.satisfied };
    if !rating.reached {
        for (field, said) in [
            ("rating.responded", rating.responded),
            ("rating.resolved", rating.resolved),
            ("rating.satisfied", rating.satisfied),
        ] {
            if said {
                checks.wrong(field, "must be false where nobody was reached");
            }
        }
    }
    let answer = if rating.reached { Answer::Reached(opinion) } else { Answer::NotReached };
    done(checks, callback.map(|callback| Recording { callback, answer }))
}

/// An adjudication to decide.
#[derive(Debug, Clone)]
pub struct Adjudicating {
    /// The call-back.
    pub callback: CallbackId,
    /// True where the complainant is right.
    pub upheld: bool,
    /// The panel's words.
    pub reason: String,
}

/// The panel's words are part of the decision.
pub fn adjudicating(request: &proto::DecideAdjudicationRequest) -> Result<Adjudicating, Refusal> {
    let mut checks = Checks::new();
    let callback = checks.parsed("callback_id", request.callback_id.parse::<CallbackId>());
    let reason = request.reason.trim();
    checks.text("reason", reason, 5, 2000, true);
    let parts = callback.map(|callback| Adjudicating { callback, upheld: request.upheld, reason: reason.to_owned() });
    done(checks, parts)
}

/// The state a list is asked for; those that wait where it was not said.
pub fn state_asked(state: i32) -> Result<&'static str, Refusal> {
    use proto::CallbackState as Asked;
    let state = match Asked::try_from(state) {
        Ok(Asked::Unspecified | Asked::Drawn) => State::Drawn,
        Ok(Asked::Recorded) => State::Recorded,
        Ok(Asked::Unreached) => State::Unreached,
        Ok(Asked::Adjudication) => State::Adjudication,
        Ok(Asked::Upheld) => State::Upheld,
        Ok(Asked::Excluded) => State::Excluded,
        Ok(Asked::Lapsed) => State::Lapsed,
        Err(_) => return Err(Refusal::field("state", format!("{state} is not in the list"))),
    };
    Ok(state.as_str())
}

/// The first moment of a day.
fn start_of(day: Date) -> Result<Timestamp, String> {
    vocab::calendar::moment(day, jiff::civil::Time::MIN).map_err(|error| error.to_string())
}

/// The first moment after a day.
fn end_of(day: Date) -> Result<Timestamp, String> {
    let next = day.checked_add(1.day()).map_err(|error| error.to_string())?;
    start_of(next)
}

fn day(checks: &mut Checks, field: &str, text: &str) -> Option<Date> {
    match read::date(field, text) {
        Ok(day) => Some(day),
        Err(mistakes) => {
            for mistake in mistakes {
                checks.wrong(mistake.field, mistake.reason);
            }
            None
        }
    }
}

fn maybe_day(checks: &mut Checks, field: &str, text: &str) -> Option<Date> {
    if text.is_empty() { None } else { day(checks, field, text) }
}

fn unit(checks: &mut Checks, code: &str) -> Option<UnitCode> {
    if code.is_empty() { None } else { checks.parsed("unit_code", UnitCode::new(code)) }
}

/// The moments between two days, both of them included.
fn period(checks: &mut Checks, from: Option<Date>, to: Option<Date>) -> Period {
    if let (Some(from), Some(to)) = (from, to) {
        if to < from {
            checks.wrong("to", "must not be before from");
        } else if from.checked_add(LONGEST_YEARS.years()).is_ok_and(|last| to > last) {
            checks.wrong("to", format!("must be at most {LONGEST_YEARS} years after from"));
        }
    }
    let from = from.and_then(|day| checks.parsed("from", start_of(day)));
    let until = to.and_then(|day| checks.parsed("to", end_of(day)));
    Period { from, until }
}

/// Which rates are asked for.
#[derive(Debug, Clone)]
pub struct RatesAsked {
    /// Only this unit's.
    pub unit: Option<UnitCode>,
    /// When the rounds were closed.
    pub period: Period,
}

/// Rates are of a period: both its days must be said.
pub fn rates_asked(request: &proto::GetRatesRequest) -> Result<RatesAsked, Refusal> {
    let mut checks = Checks::new();
    let unit = unit(&mut checks, &request.unit_code);
    let from = day(&mut checks, "from", &request.from);
    let to = day(&mut checks, "to", &request.to);
    let period = period(&mut checks, from, to);
    done(checks, Some(RatesAsked { unit, period }))
}

/// Which case facts are asked for.
#[derive(Debug, Clone)]
pub struct FactsAsked {
    /// Only cases this unit led.
    pub unit: Option<UnitCode>,
    /// When the rounds were closed.
    pub period: Period,
}

/// Either day may be left open.
pub fn facts_asked(request: &proto::ListCaseFactsRequest) -> Result<FactsAsked, Refusal> {
    let mut checks = Checks::new();
    let unit = unit(&mut checks, &request.unit_code);
    let from = maybe_day(&mut checks, "from", &request.from);
    let to = maybe_day(&mut checks, "to", &request.to);
    let period = period(&mut checks, from, to);
    done(checks, Some(FactsAsked { unit, period }))
}
