//! The door for time: what follows when one of the service's own clocks runs out.

use kit::service::{Failed, FiredTimer};
use scheduling_domain::Command;
use scheduling_domain::operation::OVERDUE;
use vocab::{OperationId, RuleCode};

use crate::app::{self, Cx};
use crate::unit::Unit;

/// Decides a timer that came due. One that no longer matters was cancelled with what it was for.
pub fn on_timer(unit: &mut Unit, cx: &mut Cx, timer: &FiredTimer) -> Result<(), Failed> {
    let Some(operation) = unit.operations.get(&OperationId::new(timer.key)).cloned() else {
        return Err(Failed::Broken(format!("a timer for operation {}, which does not exist", timer.key)));
    };
    let command = match timer.kind.as_str() {
        app::CONFIRM => Command::RecordSilence,
        app::PROPOSAL_ANSWER | app::SLOT_END => {
            let reason = RuleCode::new(OVERDUE).map_err(|error| Failed::Broken(error.to_string()))?;
            Command::Remind { reason }
        }
        other => return Err(Failed::Broken(format!("a timer of unknown kind {other:?}"))),
    };
    app::step(unit, cx, &operation, &command).map(|_| ()).map_err(|refusal| Failed::Broken(refusal.to_string()))
}
