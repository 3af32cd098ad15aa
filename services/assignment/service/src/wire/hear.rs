//! What neighbours said, as the domain's types.

use std::collections::BTreeMap;

use assignment_domain::deadline::Deadline;
use assignment_domain::file::FollowUp;
use assignment_domain::order::Pressed;
use vocab::{RuleCode, WorkOrderId};
use words::{Mistakes, read};
use xiezhi_proto::scheduling::v1 as scheduling;
use xiezhi_proto::supervision::v1 as supervision;

/// 后续处置, as scheduling concluded it.
pub fn follow_up(message: &scheduling::FollowUp) -> Result<FollowUp, Mistakes> {
    let items =
        message.power_item_codes.iter().map(|item| read::word("power_item_codes", item)).collect::<Result<_, _>>()?;
    Ok(FollowUp {
        unit: read::word("unit_code", &message.unit_code)?,
        duty: read::duty(message.duty).map_err(|error| error.within("duty"))?,
        items,
    })
}

/// The rule and the order behind the kind of a clock: "<rule>" for the case's own, "<rule>/<order>" for an order's.
pub fn clock_kind(kind: &str) -> (&str, Option<WorkOrderId>) {
    match kind.split_once('/') {
        Some((rule, order)) => (rule, order.parse().ok()),
        None => (kind, None),
    }
}

/// The case's own clocks among these, with their due dates.
pub fn case_clocks(clocks: &[supervision::Clock]) -> Result<BTreeMap<String, jiff::Timestamp>, Mistakes> {
    clocks
        .iter()
        .filter(|clock| clock.work_order_id.is_empty() && clock_kind(&clock.kind).1.is_none())
        .map(|clock| {
            let deadline = read::deadline(clock.deadline.as_ref()).map_err(|error| error.within("deadline"))?;
            Ok((clock.kind.clone(), deadline.due_at))
        })
        .collect()
}

/// The new deadlines of orders among changed clocks; rule and amount stay those of the order's own rule where they agree.
pub fn changed_orders(clocks: &[supervision::Clock]) -> Result<BTreeMap<WorkOrderId, ChangedDeadline>, Mistakes> {
    clocks
        .iter()
        .filter(|clock| !clock.work_order_id.is_empty())
        .map(|clock| {
            let order = read::word("work_order_id", &clock.work_order_id)?;
            let deadline = read::deadline(clock.deadline.as_ref()).map_err(|error| error.within("deadline"))?;
            let changed = ChangedDeadline {
                rule: deadline.rule,
                due_at: deadline.due_at,
                calendar_version: deadline.calendar_version,
            };
            Ok((order, changed))
        })
        .collect()
}

/// A deadline as supervision changed it.
#[derive(Debug, Clone)]
pub struct ChangedDeadline {
    /// Its rule; an order has several clocks and only that of its completion is the order's deadline.
    pub rule: RuleCode,
    /// Its new due date.
    pub due_at: jiff::Timestamp,
    /// The calendar it was counted with.
    pub calendar_version: u32,
}

impl ChangedDeadline {
    /// The order's deadline as it now is, where it is the one that changed.
    pub fn of(&self, deadline: &Deadline) -> Option<Deadline> {
        (self.rule == deadline.rule).then(|| Deadline {
            due_at: self.due_at,
            calendar_version: self.calendar_version,
            ..deadline.clone()
        })
    }
}

/// 督办, as supervision issued it.
pub fn pressed(message: &supervision::SupervisionOrderIssued) -> Result<Pressed, Mistakes> {
    let rung = match supervision::Rung::try_from(message.rung) {
        Ok(supervision::Rung::Remind) => "remind",
        Ok(supervision::Rung::Urge) => "urge",
        Ok(supervision::Rung::SupervisionOrder) => "supervision_order",
        Ok(supervision::Rung::Unspecified) | Err(_) => return Err(Mistakes::one("rung", "must be said")),
    };
    let answer_by = message
        .answer_deadline
        .as_ref()
        .map(|deadline| read::deadline(Some(deadline)).map_err(|error| error.within("answer_deadline")))
        .transpose()?;
    Ok(Pressed {
        order: read::word("supervision_order_id", &message.supervision_order_id)?,
        rung: rung.to_owned(),
        answer_by: answer_by.map(|deadline| deadline.due_at),
        issued_at: read::time("issued_at", message.issued_at.as_ref())?,
        answered_at: None,
    })
}
