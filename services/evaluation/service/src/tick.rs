//! The door for time.

use kit::service::{Failed, FiredTimer};
use vocab::CaseId;

use crate::app;
use crate::unit::Unit;

/// The only timers here are those of call-backs that were not made in time.
pub fn on_timer(unit: &mut Unit, timer: &FiredTimer) -> Result<(), Failed> {
    let round = timer.kind.strip_prefix(app::TIMER).and_then(|round| round.parse().ok());
    let round = round.ok_or_else(|| Failed::Broken(format!("no timer of evaluation is called {}", timer.kind)))?;
    app::time_up(unit, CaseId::new(timer.key), round);
    Ok(())
}
