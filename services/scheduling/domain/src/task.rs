//! 待办: what somebody still has to do about an operation.

use jiff::Timestamp;
use vocab::UnitCode;

use crate::operation::{Answer, Fixed, Operation, Stage};

/// 待办事项.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    /// What: "operation.approve", "participation.confirm", "participation.resolve", "operation.check_in",
    /// "operation.start", "operation.reschedule" or "operation.conclude".
    pub code: &'static str,
    /// Whose it is; none for the centre.
    pub unit: Option<UnitCode>,
    /// Since when.
    pub since: Timestamp,
    /// Until when, if there is a time.
    pub due_at: Option<Timestamp>,
}

/// What is open at an operation. Only one that is over has nothing open.
#[must_use]
pub fn open_tasks(operation: &Operation) -> Vec<Task> {
    match &operation.stage {
        Stage::Proposed { answer_by } => {
            vec![Task { code: "operation.approve", unit: None, since: operation.proposed_at, due_at: *answer_by }]
        }
        Stage::Fixed(fixed) => of_fixed(operation, fixed),
        Stage::Started(started) => vec![Task {
            code: "operation.conclude",
            unit: operation.lead().cloned(),
            since: started.started_at,
            due_at: Some(started.plan.span.until),
        }],
        Stage::Rejected { .. } | Stage::Concluded(_) | Stage::Cancelled { .. } => Vec::new(),
    }
}

fn of_fixed(operation: &Operation, fixed: &Fixed) -> Vec<Task> {
    let mut tasks = Vec::new();
    for (unit, answer) in &fixed.answers {
        if fixed.arrivals.contains_key(unit) {
            continue;
        }
        let (code, holder, since, due_at) = match answer {
            Answer::Asked => ("participation.confirm", Some(unit.clone()), fixed.asked_at, fixed.confirm_by),
            Answer::Declined { at, .. } | Answer::Silent { at } => ("participation.resolve", None, *at, None),
            Answer::Confirmed { at } => ("operation.check_in", Some(unit.clone()), *at, Some(fixed.plan.span.until)),
        };
        tasks.push(Task { code, unit: holder, since, due_at });
    }
    tasks.push(Task {
        code: "operation.start",
        unit: operation.lead().cloned(),
        since: fixed.approved_at,
        due_at: Some(fixed.plan.span.until),
    });
    tasks
}
