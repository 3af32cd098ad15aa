//! Planning inside a decision: what was wished, what the rules say, and the earliest slot that keeps both.

use jiff::{SignedDuration, Timestamp};
use kit::refusal::Refusal;
use scheduling_domain::operation::Stage;
use scheduling_domain::{
    Command, Infeasible, Kind, Means, Operation, Plan, Requirements, ResourceKind, Terms, earliest_slot, planner,
};
use vocab::RuleCode;

use super::{Cx, finish_by, means, seen, step};
use crate::rules::{Clock, Rules};
use crate::unit::Unit;
use crate::wire;
use crate::wire::read::{Attending, Reasoned, Wish};

/// How far ahead a wish may lie.
const FURTHEST_DAYS: i64 = 366;

/// The stretch of time in which bookings matter for a wish; refuses a wish that lies too far ahead.
pub fn window(wish: &Wish, now: Timestamp, rules: &Rules) -> Result<(Timestamp, Timestamp), Refusal> {
    let furthest = later(now, SignedDuration::from_hours(24 * FURTHEST_DAYS));
    for (field, moment) in [("not_before", wish.not_before), ("starts_at", wish.starts_at)] {
        if moment.is_some_and(|moment| furthest < moment) {
            return Err(Refusal::field(field, "must lie within a year from now"));
        }
    }
    let first = now.max(wish.not_before.unwrap_or(now)).max(wish.starts_at.unwrap_or(now));
    // A margin: the decision is taken a little later than the hint is given, and a slot may reach beyond the horizon.
    Ok((now, later(first, SignedDuration::from_hours(24 * (i64::from(rules.horizon_days) + 3)))))
}

fn later(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.checked_add(by).unwrap_or(Timestamp::MAX)
}

/// What a plan must fulfil: those who take part less those left out, under the terms wished, in force, or by default.
fn requirements(operation: &Operation, wish: &Wish, means: &Means, rules: &Rules) -> Result<Requirements, Refusal> {
    let in_force = match &operation.stage {
        Stage::Fixed(fixed) => fixed.terms.clone(),
        _ => defaults(operation, means, rules),
    };
    let mut left_out = std::collections::BTreeSet::new();
    let terms = match &wish.terms {
        None => in_force,
        Some(wished) => {
            left_out.clone_from(&wished.leave_out);
            Terms {
                kind: wished.kind,
                urgent: wished.urgent,
                minutes: wished.minutes.unwrap_or(in_force.minutes),
                hours: wished.hours.unwrap_or(in_force.hours),
                vehicles: wished.vehicles.unwrap_or(in_force.vehicles),
                resources: wished.resources.clone(),
                recused: wished.recused.union(&in_force.recused).cloned().collect(),
            }
        }
    };
    if let Some(stranger) = left_out.iter().find(|unit| operation.participant(unit).is_none()) {
        return Err(Refusal::field("terms.leave_out_unit_codes", format!("{stranger} takes no part in it")));
    }
    let stays = operation.participants.iter().filter(|participant| !left_out.contains(&participant.unit));
    Ok(Requirements {
        operation: operation.id,
        bodies: stays.map(|participant| rules.body(&participant.unit)).collect(),
        terms,
        min_certified: rules.min_certified,
        grid_minutes: rules.grid_minutes,
        starts_at: wish.starts_at,
    })
}

fn defaults(operation: &Operation, means: &Means, rules: &Rules) -> Terms {
    let can_drive = means.resources.values().any(|resource| resource.kind == ResourceKind::Vehicle);
    Terms {
        kind: Kind::Inspection,
        urgent: false,
        minutes: rules.default_minutes,
        hours: rules.hours_of(&operation.matters),
        vehicles: u32::from(can_drive),
        resources: Vec::new(),
        recused: std::collections::BTreeSet::default(),
    }
}

/// A plan, or why there is none, and the terms it keeps. A slot before the case's statutory end goes before a later one.
pub fn plan(
    unit: &Unit,
    rules: &Rules,
    now: Timestamp,
    operation: &Operation,
    wish: &Wish,
) -> Result<(Terms, Result<Plan, Infeasible>), Refusal> {
    operation.plannable().map_err(|refusal| wire::refused(&refusal))?;
    let means = means(unit, rules, operation);
    let wanted = requirements(operation, wish, &means, rules)?;
    let told = match wish.starts_at {
        // A person who names the hour answers for the notice it leaves.
        Some(_) => now,
        None => later(now, SignedDuration::from_mins(i64::from(rules.lead_minutes))),
    };
    let from = told.max(wish.not_before.unwrap_or(told));
    let first = from.max(wish.starts_at.unwrap_or(from));
    let until = later(first, SignedDuration::from_hours(24 * i64::from(rules.horizon_days)));
    let deadline = finish_by(unit, operation);
    let in_time = deadline.map_or(until, |deadline| deadline.min(until));
    let found = earliest_slot(&wanted, &means, &rules.law, from, in_time);
    let found = match found {
        Err(_) if in_time < until => {
            earliest_slot(&wanted, &means, &rules.law, from, until).map(|plan| Plan { after_deadline: true, ..plan })
        }
        found => found,
    };
    Ok((wanted.terms, found))
}

fn infeasible(infeasible: &Infeasible) -> Refusal {
    let says = infeasible.say();
    Refusal::forbidden("scheduling.infeasible", says.zh, says.en).with_hint(
        "先试排再调整条件 (xiezhi operation preview)",
        "preview a plan and change the terms (xiezhi operation preview)",
    )
}

/// Until when the units confirm: by the rule, and never after the start.
fn confirm_by(rules: &Rules, now: Timestamp, plan: &Plan) -> Option<Timestamp> {
    rules.timer(Clock::Confirm, now).map(|arm| arm.due_at.min(plan.span.from))
}

/// 批准并排定.
pub fn approve(unit: &mut Unit, cx: &mut Cx, id: vocab::OperationId, wish: &Wish) -> Result<Operation, Refusal> {
    let operation = seen(unit, cx, id)?;
    let rules = std::sync::Arc::clone(cx.rules());
    let (terms, plan) = plan(unit, &rules, cx.now(), &operation, wish)?;
    let plan = plan.map_err(|refused| infeasible(&refused))?;
    let confirm_by = confirm_by(&rules, cx.now(), &plan);
    step(unit, cx, &operation, &Command::Approve { terms, plan, confirm_by })
}

/// 改期.
pub fn reschedule(unit: &mut Unit, cx: &mut Cx, asked: &Reasoned, wish: &Wish) -> Result<Operation, Refusal> {
    let operation = seen(unit, cx, asked.operation)?;
    let rules = std::sync::Arc::clone(cx.rules());
    let (terms, plan) = plan(unit, &rules, cx.now(), &operation, wish)?;
    let plan = plan.map_err(|refused| infeasible(&refused))?;
    let confirm_by = confirm_by(&rules, cx.now(), &plan);
    let reason: RuleCode = asked.reason.clone();
    let after = step(unit, cx, &operation, &Command::Reschedule { terms, plan, reason, confirm_by })?;
    let written = cx.new_id();
    super::keep_words(unit, cx, written, asked.operation, "reschedule", &asked.words);
    Ok(after)
}

/// 调整人员: those named, or the smallest change that makes the crew good again.
pub fn replace_officers(unit: &mut Unit, cx: &mut Cx, asked: &Attending) -> Result<Operation, Refusal> {
    let operation = seen(unit, cx, asked.operation)?;
    let body = super::acting_unit(&super::call_of(cx)?, asked.unit.as_ref())?;
    let rules = std::sync::Arc::clone(cx.rules());
    let crew = match &operation.stage {
        Stage::Fixed(fixed) => fixed.plan.crew(&body).filter(|_| asked.people.is_empty()).zip(Some(&fixed.plan)),
        _ => None,
    };
    let officers = match crew {
        Some((crew, plan)) if crew.enforcing => {
            let means = means(unit, &rules, &operation);
            let wanted = requirements(&operation, &Wish::default(), &means, &rules)?;
            let chosen =
                planner::choose_officers(&body, &crew.officers, rules.min_certified, &wanted, &means, &plan.span);
            chosen.map_err(|bars| nobody_left(&body, &bars))?
        }
        _ => asked.people.clone(),
    };
    step(unit, cx, &operation, &Command::ReplaceOfficers { unit: body, officers })
}

fn nobody_left(unit: &vocab::UnitCode, bars: &[(vocab::PersonCode, scheduling_domain::Bar)]) -> Refusal {
    let said: Vec<_> = bars
        .iter()
        .map(|(code, bar)| {
            let bar = bar.say();
            scheduling_domain::Words::new(format!("{code} {}", bar.zh), format!("{code} {}", bar.en))
        })
        .collect();
    let said = scheduling_domain::Words::joined(&said);
    Refusal::forbidden(
        "scheduling.too_few_officers",
        format!("{unit} 没有足够的持证执法人员可派: {}", said.zh),
        format!("{unit} has too few certified officers to send: {}", said.en),
    )
    .with_hint("改期 (xiezhi operation reschedule)", "reschedule it (xiezhi operation reschedule)")
}
