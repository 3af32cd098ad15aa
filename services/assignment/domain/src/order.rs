//! 工单: one unit's share of a case. No order exists without person, post, duty and deadline (定人、定岗、定责、定时).

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use vocab::{CaseId, OperationId, Role, RulingId, SupervisionOrderId, UnitCode, WorkOrderId};

use crate::Step;
use crate::deadline::Deadline;
use crate::evidence::Evidence;
use crate::refusal::Refusal;
use crate::share::{Ground, Share};

pub use words::{Assignee, DeadlineState, Outcome, Pressed, Task, WithdrawnBecause};

mod words;

/// 工单阶段: a stage carries what is true in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "stage", rename_all = "snake_case")]
pub enum OrderStage {
    /// 已派单.
    Dispatched,
    /// 已签收.
    Acknowledged {
        /// When.
        at: Timestamp,
    },
    /// 异议中.
    Objected {
        /// What the unit cites.
        ground: Ground,
        /// When.
        at: Timestamp,
        /// When it had acknowledged the order before, if it had.
        acknowledged_at: Option<Timestamp>,
        /// Until when the centre decides.
        decide_by: Deadline,
    },
    /// 已办结.
    Completed {
        /// When it was acknowledged.
        acknowledged_at: Timestamp,
        /// When it was completed.
        at: Timestamp,
        /// What came of it.
        outcome: Outcome,
        /// The proof.
        evidence: Evidence,
    },
    /// 已撤单.
    Withdrawn {
        /// When.
        at: Timestamp,
        /// Why.
        because: WithdrawnBecause,
    },
}

/// A deliberate defect for proving the chaos suite: what was ruled or decided is returned all the same.
#[cfg(feature = "mutants")]
pub static TAKES_EVERY_RETURN: std::sync::atomic::AtomicBool = std::sync::atomic::AtomicBool::new(false);

impl OrderStage {
    /// The stage's name, as it is stored and said.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Dispatched => "dispatched",
            Self::Acknowledged { .. } => "acknowledged",
            Self::Objected { .. } => "objected",
            Self::Completed { .. } => "completed",
            Self::Withdrawn { .. } => "withdrawn",
        }
    }
}

/// 工单.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkOrder {
    /// Its id.
    pub id: WorkOrderId,
    /// The case.
    pub case: CaseId,
    /// Who owes it.
    pub unit: UnitCode,
    /// The part it plays.
    pub role: Role,
    /// What it owes.
    pub task: Task,
    /// Who answers for it.
    pub assignee: Assignee,
    /// Until when it must be completed.
    pub deadline: Deadline,
    /// Until when it must be acknowledged.
    pub acknowledge_by: Deadline,
    /// Until when it may be objected to.
    pub object_by: Deadline,
    /// What it rests on.
    pub grounds: Vec<Ground>,
    /// The operation it follows.
    pub operation: Option<OperationId>,
    /// The round of handling.
    pub round: u32,
    /// The ruling that binds it.
    pub ruling: Option<RulingId>,
    /// True once an objection to it was rejected.
    #[serde(default)]
    pub objection_rejected: bool,
    /// When it was dispatched.
    pub dispatched_at: Timestamp,
    /// When its unit last reported.
    #[serde(default)]
    pub reported_at: Option<Timestamp>,
    /// How it was pressed.
    #[serde(default)]
    pub pressed: Vec<Pressed>,
    /// How its deadline stands.
    #[serde(default)]
    pub deadline_state: DeadlineState,
    /// Where it stands.
    pub stage: OrderStage,
}

/// What can be asked of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OrderCommand {
    /// 签收.
    Acknowledge,
    /// 异议.
    Object {
        /// What the unit cites.
        ground: Ground,
        /// Until when the centre decides.
        decide_by: Deadline,
    },
    /// 异议成立.
    UpholdObjection,
    /// 异议不成立.
    RejectObjection,
    /// 进展报告.
    Report,
    /// 办结.
    Complete {
        /// What came of it.
        outcome: Outcome,
        /// The proof.
        evidence: Evidence,
    },
    /// 撤单.
    Withdraw {
        /// Why.
        because: WithdrawnBecause,
    },
    /// 改派.
    Reassign {
        /// To whom.
        to: Assignee,
    },
    /// 期限变更: supervision extended or moved the deadline.
    ChangeDeadline {
        /// The new one.
        to: Deadline,
    },
    /// 期限状态变化: warned, breached, paused.
    SeeDeadline {
        /// How it stands now.
        state: DeadlineState,
    },
    /// 督办.
    Press(Pressed),
    /// 督办回复: the unit answered.
    PressAnswered {
        /// Which supervision order.
        order: SupervisionOrderId,
        /// When.
        at: Timestamp,
    },
    /// 受决定约束: a new decision confirmed the order.
    Bind {
        /// The ruling, where it is one.
        ruling: Option<RulingId>,
        /// The part the unit plays under it.
        role: Role,
    },
}

impl OrderCommand {
    /// The verb, for a refusal.
    #[must_use]
    pub const fn verb(&self) -> &'static str {
        match self {
            Self::Acknowledge => "acknowledged",
            Self::Object { .. } => "objected to",
            Self::UpholdObjection | Self::RejectObjection => "decided upon",
            Self::Report => "reported on",
            Self::Complete { .. } => "completed",
            Self::Withdraw { .. } => "withdrawn",
            Self::Reassign { .. } => "reassigned",
            Self::ChangeDeadline { .. } => "given another deadline",
            Self::SeeDeadline { .. } => "watched",
            Self::Press(_) | Self::PressAnswered { .. } => "pressed",
            Self::Bind { .. } => "bound",
        }
    }
}

/// What happened to an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrderEvent {
    /// 派单.
    Dispatched,
    /// 签收.
    Acknowledged,
    /// 异议.
    Objected,
    /// 异议成立.
    ObjectionUpheld,
    /// 异议不成立.
    ObjectionRejected,
    /// 报告.
    Reported,
    /// 办结.
    Completed,
    /// 撤单.
    Withdrawn,
    /// 改派.
    Reassigned,
    /// 期限变更.
    DeadlineChanged,
    /// 期限状态变化.
    DeadlineSeen,
    /// 督办, or its answer.
    Pressed,
    /// 受决定约束.
    Bound,
}

impl OrderEvent {
    /// The code, as the feed carries it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Dispatched => "dispatched",
            Self::Acknowledged => "acknowledged",
            Self::Objected => "objected",
            Self::ObjectionUpheld => "objection_upheld",
            Self::ObjectionRejected => "objection_rejected",
            Self::Reported => "reported",
            Self::Completed => "completed",
            Self::Withdrawn => "withdrawn",
            Self::Reassigned => "reassigned",
            Self::DeadlineChanged => "deadline_changed",
            Self::DeadlineSeen => "deadline_seen",
            Self::Pressed => "pressed",
            Self::Bound => "bound",
        }
    }
}

impl WorkOrder {
    /// True while its unit has to do something about it.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        !matches!(self.stage, OrderStage::Completed { .. } | OrderStage::Withdrawn { .. })
    }

    /// True where it follows an operation and was not withdrawn: what it asks is done, or its unit goes on with it, or it is
    /// still to be decided whether its unit was right to object.
    #[must_use]
    pub const fn is_standing_follow_up(&self) -> bool {
        self.operation.is_some() && !matches!(self.stage, OrderStage::Withdrawn { .. })
    }

    /// True where it asks for what this share asks for: the same unit, a duty of it, and a ground of it. Which part the unit
    /// plays is not the question: it may have changed with a ruling, and the work is the same.
    #[must_use]
    pub fn owes(&self, share: &Share) -> bool {
        self.unit == share.unit
            && self.task.duties().any(|duty| duty == share.duty)
            && share.grounds.iter().any(|ground| self.grounds.contains(ground))
    }

    /// When it was acknowledged, if it was.
    #[must_use]
    pub const fn acknowledged_at(&self) -> Option<Timestamp> {
        match &self.stage {
            OrderStage::Acknowledged { at } => Some(*at),
            OrderStage::Objected { acknowledged_at, .. } => *acknowledged_at,
            OrderStage::Completed { acknowledged_at, .. } => Some(*acknowledged_at),
            OrderStage::Dispatched | OrderStage::Withdrawn { .. } => None,
        }
    }

    /// When it was completed or withdrawn, if it was.
    #[must_use]
    pub const fn closed_at(&self) -> Option<Timestamp> {
        match &self.stage {
            OrderStage::Completed { at, .. } | OrderStage::Withdrawn { at, .. } => Some(*at),
            _ => None,
        }
    }

    /// Every legal move, in one table. What is not listed is refused.
    pub fn decide(&self, command: OrderCommand, at: Timestamp) -> Result<Step<Self, OrderEvent>, Refusal> {
        use OrderCommand as C;
        use OrderStage as S;
        let verb = command.verb();
        let stay = self.stage.clone();
        let mut next = self.clone();
        let (stage, event) = match (&self.stage, command) {
            (S::Dispatched, C::Acknowledge) => (S::Acknowledged { at }, OrderEvent::Acknowledged),
            (S::Dispatched | S::Acknowledged { .. }, C::Object { ground, decide_by }) => {
                self.may_be_returned(at)?;
                let acknowledged_at = self.acknowledged_at();
                (S::Objected { ground, at, acknowledged_at, decide_by }, OrderEvent::Objected)
            }
            (S::Objected { .. }, C::UpholdObjection) => {
                (S::Withdrawn { at, because: WithdrawnBecause::ObjectionUpheld }, OrderEvent::ObjectionUpheld)
            }
            (S::Objected { acknowledged_at, .. }, C::RejectObjection) => {
                next.objection_rejected = true;
                let back = acknowledged_at.map_or(S::Dispatched, |at| S::Acknowledged { at });
                (back, OrderEvent::ObjectionRejected)
            }
            (S::Acknowledged { .. }, C::Report) => {
                next.reported_at = Some(at);
                (stay, OrderEvent::Reported)
            }
            (S::Acknowledged { at: acknowledged_at }, C::Complete { outcome, evidence }) => {
                let acknowledged_at = *acknowledged_at;
                (S::Completed { acknowledged_at, at, outcome, evidence }, OrderEvent::Completed)
            }
            (S::Dispatched | S::Acknowledged { .. } | S::Objected { .. }, C::Withdraw { because }) => {
                (S::Withdrawn { at, because }, OrderEvent::Withdrawn)
            }
            (S::Dispatched | S::Acknowledged { .. } | S::Objected { .. }, C::Reassign { to }) => {
                next.assignee = to;
                (stay, OrderEvent::Reassigned)
            }
            (S::Dispatched | S::Acknowledged { .. } | S::Objected { .. }, C::ChangeDeadline { to }) => {
                next.deadline = to;
                next.deadline_state = DeadlineState::Running;
                (stay, OrderEvent::DeadlineChanged)
            }
            (S::Dispatched | S::Acknowledged { .. } | S::Objected { .. }, C::SeeDeadline { state }) => {
                next.deadline_state = state;
                (stay, OrderEvent::DeadlineSeen)
            }
            (S::Dispatched | S::Acknowledged { .. } | S::Objected { .. }, C::Press(pressed)) => {
                next.pressed.push(pressed);
                (stay, OrderEvent::Pressed)
            }
            // An answer may come after the order was completed; it is the supervision order that is answered.
            (_, C::PressAnswered { order, at }) => {
                for pressed in next.pressed.iter_mut().filter(|pressed| pressed.order == order) {
                    pressed.answered_at = Some(at);
                }
                (stay, OrderEvent::Pressed)
            }
            // An objection is still to be decided under the new decision; what is decided about it holds for what is bound.
            (S::Dispatched | S::Acknowledged { .. } | S::Objected { .. }, C::Bind { ruling, role }) => {
                next.ruling = ruling.or(next.ruling);
                next.role = role;
                (stay, OrderEvent::Bound)
            }
            (stage, _) => {
                return Err(Refusal::OutOfTurn { thing: "work order", stage: stage.name(), verb });
            }
        };
        next.stage = stage;
        Ok(Step { next, event })
    }

    fn may_be_returned(&self, at: Timestamp) -> Result<(), Refusal> {
        #[cfg(feature = "mutants")]
        if TAKES_EVERY_RETURN.load(std::sync::atomic::Ordering::Relaxed) {
            return Ok(());
        }
        if self.ruling.is_some() {
            Err(Refusal::RuledAlready)
        } else if self.objection_rejected {
            Err(Refusal::ObjectionDecided)
        } else if !self.object_by.allows(at) {
            Err(Refusal::ObjectionTooLate { due_at: self.object_by.due_at })
        } else {
            Ok(())
        }
    }
}
