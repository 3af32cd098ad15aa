//! Answers, in the contract's words. A call-back's answer never says who handled the case.

use std::collections::BTreeMap;

use evaluation_domain::{
    Answer, CaseFile, Draw, OperationState, OrderGroup, Rate, RatingGroup, State, UnitRates, rates,
};
use jiff::Timestamp;
use kit::refusal::Refusal;
use kit::wire::to_proto_time;
use uuid::Uuid;
use vocab::{CallbackId, UnitCode};
use words::{Deadline, write};
use xiezhi_proto::evaluation::v1 as proto;

use super::said;
use crate::refuse::no_callback;
use crate::rules::Rules;
use crate::store::read::{Excluded, FactKey, Task};

fn state(state: State) -> proto::CallbackState {
    match state {
        State::Drawn => proto::CallbackState::Drawn,
        State::Recorded => proto::CallbackState::Recorded,
        State::Unreached => proto::CallbackState::Unreached,
        State::Adjudication => proto::CallbackState::Adjudication,
        State::Upheld => proto::CallbackState::Upheld,
        State::Excluded => proto::CallbackState::Excluded,
        State::Lapsed => proto::CallbackState::Lapsed,
    }
}

fn draw(draw: &Draw) -> proto::Draw {
    proto::Draw {
        service: draw.seed.service.clone(),
        epoch: draw.seed.epoch,
        pos: draw.seed.pos,
        event_hash: draw.seed.hash.0.to_vec().into(),
        lot: draw.lot,
        draw_per_mille: draw.per_mille,
    }
}

/// What a call-back found out: an opinion, or that nobody could be reached.
fn rating(callback: &evaluation_domain::Callback) -> Option<proto::Rating> {
    match (callback.call(), callback.state()) {
        (Some(call), _) => Some(said::rating(Answer::Reached(call.opinion))),
        (None, State::Unreached) => Some(said::rating(Answer::NotReached)),
        (None, _) => None,
    }
}

fn callback(file: &CaseFile, id: CallbackId) -> Option<proto::Callback> {
    let callback = file.callback(id)?;
    let deadline = &callback.deadline;
    Some(proto::Callback {
        callback_id: id.to_string(),
        case_id: file.id.to_string(),
        case_no: file.ledger.case_no.clone().unwrap_or_default(),
        round: callback.round,
        matter_codes: file.ledger.matters.iter().map(ToString::to_string).collect(),
        state: state(callback.state()).into(),
        drawn_at: Some(to_proto_time(callback.drawn_at)),
        deadline: Some(write::deadline(&Deadline {
            rule: deadline.rule.clone(),
            anchor_at: deadline.anchor_at,
            due_at: deadline.due_at,
            calendar_version: deadline.calendar_version,
            citation: Some(deadline.citation.clone()),
        })),
        overdue: callback.overdue,
        attempts: callback.attempts.iter().map(|attempt| to_proto_time(attempt.at)).collect(),
        rating: rating(callback),
        given_at: callback.ended_at().map(to_proto_time),
        draw: file.lots.get(&callback.round).map(draw),
    })
}

/// A call-back that was asked for.
pub fn callback_found(file: Option<&CaseFile>, id: CallbackId) -> Result<proto::GetCallbackResponse, Refusal> {
    let found = file.and_then(|file| callback(file, id)).ok_or_else(no_callback)?;
    Ok(proto::GetCallbackResponse { callback: Some(found) })
}

/// A page of call-backs, in the order of the draw.
pub fn callbacks_listed(
    page: impl IntoIterator<Item = (Uuid, Uuid)>,
    files: &BTreeMap<Uuid, CaseFile>,
    next_page_token: String,
) -> proto::ListCallbacksResponse {
    let found = |(case, id): (Uuid, Uuid)| callback(files.get(&case)?, CallbackId::new(id));
    proto::ListCallbacksResponse { callbacks: page.into_iter().filter_map(found).collect(), next_page_token }
}

/// A call that is on record.
pub fn recorded(file: &CaseFile, id: CallbackId) -> proto::RecordCallbackResponse {
    proto::RecordCallbackResponse { callback: callback(file, id) }
}

/// An adjudication that is decided.
pub fn adjudicated(file: &CaseFile, id: CallbackId) -> proto::DecideAdjudicationResponse {
    proto::DecideAdjudicationResponse { callback: callback(file, id) }
}

fn rate(rate: &Rate, rules: &Rules) -> proto::Rate {
    let (low, high) = rate.interval_percent().unzip();
    let mut view = proto::Rate {
        code: rate.code.as_str().to_owned(),
        numerator: rate.numerator,
        denominator: rate.denominator,
        percent: rate.percent(),
        low_percent: low,
        high_percent: high,
        ..proto::Rate::default()
    };
    if let Some(defined) = rules.rate(rate.code) {
        view.numerator_zh.clone_from(&defined.numerator.zh);
        view.numerator_en.clone_from(&defined.numerator.en);
        view.denominator_zh.clone_from(&defined.denominator.zh);
        view.denominator_en.clone_from(&defined.denominator.en);
        view.name_zh.clone_from(&defined.name.zh);
        view.name_en.clone_from(&defined.name.en);
        view.weight_percent = defined.weight_percent;
    }
    view
}

fn unit_rates(unit: &UnitRates, rules: &Rules) -> proto::UnitRates {
    proto::UnitRates {
        unit_code: unit.unit.to_string(),
        closed: unit.closed,
        drawn: unit.drawn,
        waiting: unit.waiting,
        unreached: unit.unreached,
        reached: unit.reached,
        excluded: unit.excluded,
        rates: unit.rates.iter().map(|one| rate(one, rules)).collect(),
        lapsed: unit.lapsed,
        responded: unit.responded,
        composite_percent: unit.composite_percent,
    }
}

/// The three rates. A unit that was asked for by name and had nothing is shown with nothing.
pub fn rates_told(
    asked: Option<&UnitCode>,
    ratings: &[RatingGroup],
    orders: &[OrderGroup],
    excluded: Vec<Excluded>,
    rules: &Rules,
    at: Timestamp,
) -> proto::GetRatesResponse {
    let weights = rules.scheme.weights;
    let mut units = rates::three_rates(ratings, orders, weights);
    if let (Some(unit), true) = (asked, units.is_empty()) {
        units.push(rates::nothing(unit.clone(), weights));
    }
    let left_out = |one: Excluded| proto::ExcludedCase {
        case_id: one.case.to_string(),
        case_no: one.case_no.unwrap_or_default(),
        round: one.round.unsigned_abs(),
        unit_code: one.unit.unwrap_or_default(),
        reason_code: "adjudication_not_upheld".to_owned(),
        reason: one.reason,
        decided_at: Some(to_proto_time(one.decided_at.to_jiff())),
    };
    proto::GetRatesResponse {
        units: units.iter().map(|unit| unit_rates(unit, rules)).collect(),
        excluded: excluded.into_iter().map(left_out).collect(),
        at: Some(to_proto_time(at)),
    }
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

fn case_fact(file: &CaseFile, key: &FactKey) -> Option<proto::CaseFact> {
    let number = key.round.unsigned_abs();
    let round = file.rounds().into_iter().find(|round| round.round == number)?;
    let ledger = &file.ledger;
    let found = file.callbacks.get(&number);
    let took_place = |state: &&OperationState| matches!(state, OperationState::Started | OperationState::Concluded);
    Some(proto::CaseFact {
        case_id: file.id.to_string(),
        case_no: ledger.case_no.clone().unwrap_or_default(),
        head_case_id: round.head.to_string(),
        round: number,
        lead_unit: key.unit.clone().unwrap_or_default(),
        matter_codes: ledger.matters.iter().map(ToString::to_string).collect(),
        region_code: ledger.region.as_ref().map(ToString::to_string).unwrap_or_default(),
        registered_at: ledger.registered_at.map(to_proto_time),
        accepted_at: ledger.accepted_at.map(to_proto_time),
        closed_at: round.closed_at.map(to_proto_time),
        hops: ledger.hops,
        orders: count(ledger.orders_of(number)),
        breaches: count(ledger.breaches_of(number)),
        callback_state: found.map_or(proto::CallbackState::Unspecified, |found| state(found.state())).into(),
        rating: found.and_then(rating),
        draw: file.lots.get(&number).map(draw),
        operations: count(ledger.operations.values().filter(took_place).count()),
    })
}

/// A page of case facts, in the order of case and round.
pub fn facts_listed(
    page: &[FactKey],
    files: &BTreeMap<Uuid, CaseFile>,
    next_page_token: String,
) -> proto::ListCaseFactsResponse {
    let facts = page.iter().filter_map(|key| case_fact(files.get(&key.case)?, key)).collect();
    proto::ListCaseFactsResponse { facts, next_page_token }
}

/// A page of open tasks, by case.
pub fn tasks_listed(page: Vec<Task>, next_page_token: String) -> proto::ListOpenTasksResponse {
    let task = |task: Task| proto::OpenTask {
        case_id: task.case.to_string(),
        task_code: task.code,
        callback_id: task.callback.to_string(),
        since: Some(to_proto_time(task.since)),
    };
    proto::ListOpenTasksResponse { tasks: page.into_iter().map(task).collect(), next_page_token }
}
