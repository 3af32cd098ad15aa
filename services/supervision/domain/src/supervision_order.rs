//! 督办单: a reminder, an urging or a supervision order, served on a unit.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use vocab::{CaseId, RuleCode, SupervisionOrderId, UnitCode, WorkOrderId};

use crate::clock::Clock;
use crate::heard::Deadline;
use crate::rulebook::RungKind;

/// 督办单: one rung of the ladder as it was served.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SupervisionOrder {
    /// Its id.
    pub id: SupervisionOrderId,
    /// The unit that is pressed.
    pub unit: UnitCode,
    /// What it does.
    pub rung: RungKind,
    /// The clock it is about.
    pub clock_kind: String,
    /// The work order it is about.
    pub order: Option<WorkOrderId>,
    /// The round.
    pub round: u32,
    /// When it was served.
    pub issued_at: Timestamp,
    /// The kinds of post it was served on.
    pub served_on: Vec<String>,
    /// Until when it must be answered, where it must.
    pub answer: Option<Deadline>,
    /// When it was answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answered_at: Option<Timestamp>,
    /// The account that answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answered_by: Option<String>,
}

/// The namespace of supervision orders' ids.
const NAMESPACE: Uuid = Uuid::from_u128(0x7869_657a_6869_4000_8000_7375_7065_7201);

/// The id of a rung of a clock and due date: the same each time the same decision is made, so that a second try makes no second order.
#[must_use]
pub fn id_of(case: CaseId, clock: &Clock, rung: &RuleCode) -> SupervisionOrderId {
    let Clock { round, kind, anchor_at, due_at, .. } = clock;
    let name = format!("{case}/{round}/{kind}/{anchor_at}/{due_at}/{rung}");
    SupervisionOrderId::new(Uuid::new_v5(&NAMESPACE, name.as_bytes()))
}
