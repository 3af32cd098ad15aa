//! 期限: supervision owns every clock; orders follow theirs, and the case remembers when it must be finished.

use std::collections::BTreeMap;

use assignment_domain::deadline::Deadline;
use assignment_domain::file::Command;
use assignment_domain::order::DeadlineState;
use jiff::Timestamp;
use kit::service::Failed;
use vocab::{CaseId, RuleCode, WorkOrderId};
use xiezhi_proto::supervision::v1::Clock;

use super::{broken, follow};
use crate::app::Cx;
use crate::rules::Rules;
use crate::unit::Unit;
use crate::wire::hear::{case_clocks, changed_orders, clock_kind};

/// The facts that end a case's handling; a clock that one of them stops bounds what may still be planned.
const ENDS: &[&str] = &["assignment.case.handled", "intake.case.closed"];

/// True of a clock that ends with the handling of its case.
fn bounds_the_handling(rules: &Rules, kind: &str) -> bool {
    let rule = RuleCode::new(kind).ok().and_then(|rule| rules.pack.clock_rule(&rule));
    rule.is_some_and(|rule| rule.stops.iter().any(|event| ENDS.contains(&event.as_str())))
}

/// 计时开始: orders know their own deadlines already. It needs nothing of the case, which may not be loaded.
pub fn run(unit: &mut Unit, cx: &mut Cx, case: CaseId, clocks: &[Clock]) -> Result<(), Failed> {
    let running: BTreeMap<String, Timestamp> = case_clocks(clocks).map_err(broken)?;
    for (kind, due_at) in running.into_iter().filter(|(kind, _)| bounds_the_handling(cx.rules(), kind)) {
        unit.see_clock(case, kind, Some(due_at));
    }
    Ok(())
}

/// 延期、调整: new due dates.
pub fn change(unit: &mut Unit, cx: &mut Cx, case: CaseId, clocks: &[Clock]) -> Result<(), Failed> {
    run(unit, cx, case, clocks)?;
    for (order, changed) in changed_orders(clocks).map_err(broken)? {
        let deadline = deadline_of(unit, case, order)?;
        let Some(to) = deadline.and_then(|deadline| changed.of(&deadline)) else { continue };
        follow(unit, cx, case, Command::ChangeDeadline { order, to })?;
    }
    Ok(())
}

/// 预警、超期、中止 of the deadlines of orders.
pub fn see(unit: &mut Unit, cx: &mut Cx, case: CaseId, clocks: &[Clock], state: &DeadlineState) -> Result<(), Failed> {
    for clock in clocks {
        let (rule, Some(order)) = clock_kind(&clock.kind) else { continue };
        let is_its_deadline = deadline_of(unit, case, order)?.is_some_and(|deadline| deadline.rule.as_str() == rule);
        if is_its_deadline {
            follow(unit, cx, case, Command::SeeDeadline { order, state: state.clone() })?;
        }
    }
    Ok(())
}

/// 停止、中止 of the case's own clocks.
pub fn stop<'k>(unit: &mut Unit, case: CaseId, kinds: impl Iterator<Item = &'k str>) {
    for kind in kinds.filter(|kind| clock_kind(kind).1.is_none()) {
        unit.see_clock(case, kind.to_owned(), None);
    }
}

fn deadline_of(unit: &Unit, case: CaseId, order: WorkOrderId) -> Result<Option<Deadline>, Failed> {
    let held = unit.files.get(&case).ok_or_else(|| Failed::NotYet(format!("case {case} is not known yet")))?;
    Ok(held.file.orders.get(&order).map(|order| order.deadline.clone()))
}
