//! The door for time: one timer per case waits for whatever falls due next.

use kit::context::Context;
use kit::service::{Failed, FiredTimer};
use vocab::CaseId;

use crate::app::{TIMER, failed, settle};
use crate::rules::Rules;
use crate::unit::Unit;

/// Something of a case has fallen due.
pub fn on_timer(unit: &mut Unit, cx: &mut Context<Rules>, timer: &FiredTimer) -> Result<(), Failed> {
    if timer.kind != TIMER {
        return Err(Failed::Broken(format!("no timer of supervision is called {}", timer.kind)));
    }
    let Some(mut case) = unit.cases.get(&CaseId::new(timer.key)).cloned() else {
        return Err(Failed::Broken(format!("a timer of case {}, of which nothing is known", timer.key)));
    };
    case.timer_at = None;
    let rules = std::sync::Arc::clone(cx.rules());
    let events = case.fire(&rules.book, cx.now()).map_err(failed)?;
    settle(unit, cx, case, &events).map_err(failed)
}
