//! 会商: the units concerned say whose the matter is, silence is recorded, and the centre rules.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use vocab::{CaseId, ConsultationId, RulingId, UnitCode, WorkOrderId};

use crate::Step;
use crate::deadline::Deadline;
use crate::refusal::Refusal;
use crate::share::Ground;

/// 态度: what a unit says of a matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stance {
    /// 属于本部门.
    Mine,
    /// 不属于本部门.
    NotMine,
    /// 共同职责.
    Shared,
}

/// 意见: a position with what it cites, or silence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "said", rename_all = "snake_case")]
pub enum Position {
    /// The unit took a position.
    Taken {
        /// What it says.
        stance: Stance,
        /// What it cites.
        ground: Ground,
        /// When.
        at: Timestamp,
    },
    /// 未答复: it said nothing in time.
    Silent {
        /// When its time ended.
        at: Timestamp,
    },
}

/// 会商原因: why a consultation was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "cause", rename_all = "snake_case")]
pub enum Cause {
    /// 职责交叉.
    Overlap,
    /// 监管盲区.
    Gap,
    /// 异议成立.
    Objection {
        /// The order.
        order: WorkOrderId,
    },
}

impl Cause {
    /// The code, as it is sent.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Overlap => "overlap",
            Self::Gap => "gap",
            Self::Objection { .. } => "objection",
        }
    }
}

/// 会商阶段.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "stage", rename_all = "snake_case")]
pub enum ConsultationStage {
    /// 征求意见: units may answer.
    Open,
    /// 待裁定: all have answered or their time is over.
    Answered {
        /// Until when the centre rules; counted anew when it is missed, so that a timer is always armed.
        rule_by: Deadline,
    },
    /// 已裁定.
    Ruled {
        /// The ruling.
        ruling: RulingId,
        /// When.
        at: Timestamp,
    },
    /// 已撤销: new facts settled it, or the case ended.
    Withdrawn {
        /// When.
        at: Timestamp,
    },
}

impl ConsultationStage {
    /// The stage's name, as it is stored and said.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Answered { .. } => "answered",
            Self::Ruled { .. } => "ruled",
            Self::Withdrawn { .. } => "withdrawn",
        }
    }
}

/// 会商.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Consultation {
    /// Its id.
    pub id: ConsultationId,
    /// The case.
    pub case: CaseId,
    /// Why it was opened.
    pub cause: Cause,
    /// The units that are asked.
    pub asked: BTreeSet<UnitCode>,
    /// What they said.
    pub positions: BTreeMap<UnitCode, Position>,
    /// Until when they may answer.
    pub answer_by: Deadline,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// True of an urgent case, where the centre may rule before everyone has answered.
    pub urgent: bool,
    /// Where it stands.
    pub stage: ConsultationStage,
}

/// What can be asked of a consultation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConsultationCommand {
    /// 表态.
    Take {
        /// Who.
        unit: UnitCode,
        /// What it says.
        stance: Stance,
        /// What it cites.
        ground: Ground,
        /// The ruling's deadline, if this is the last answer.
        rule_by: Deadline,
    },
    /// 期满: the time to answer is over.
    EndAnswers {
        /// The ruling's deadline.
        rule_by: Deadline,
    },
    /// 裁定逾期: the centre has not ruled in time; its clock starts again.
    Remind {
        /// The next deadline.
        rule_by: Deadline,
    },
    /// 裁定.
    Rule {
        /// The ruling.
        ruling: RulingId,
    },
    /// 撤销.
    Withdraw,
}

impl ConsultationCommand {
    /// The verb, for a refusal.
    #[must_use]
    pub const fn verb(&self) -> &'static str {
        match self {
            Self::Take { .. } => "answered",
            Self::EndAnswers { .. } => "ended",
            Self::Remind { .. } => "reminded of",
            Self::Rule { .. } => "ruled",
            Self::Withdraw => "withdrawn",
        }
    }
}

/// What happened to a consultation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConsultationEvent {
    /// A position was taken.
    Answered,
    /// The time to answer ended.
    AnswersEnded,
    /// The centre is late.
    Reminded,
    /// It was ruled.
    Ruled,
    /// It was withdrawn.
    Withdrawn,
}

impl Consultation {
    /// True while it is neither ruled nor withdrawn.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        matches!(self.stage, ConsultationStage::Open | ConsultationStage::Answered { .. })
    }

    /// Who has not answered.
    #[must_use]
    pub fn outstanding(&self) -> Vec<UnitCode> {
        self.asked.iter().filter(|unit| !self.positions.contains_key(*unit)).cloned().collect()
    }

    /// Every legal move, in one table. What is not listed is refused.
    pub fn decide(
        &self,
        command: ConsultationCommand,
        at: Timestamp,
    ) -> Result<Step<Self, ConsultationEvent>, Refusal> {
        use ConsultationCommand as C;
        use ConsultationStage as S;
        let verb = command.verb();
        let mut next = self.clone();
        let (stage, event) = match (&self.stage, command) {
            (S::Open, C::Take { unit, stance, ground, rule_by }) => {
                if !self.asked.contains(&unit) {
                    return Err(Refusal::NotAsked { unit });
                }
                next.positions.insert(unit, Position::Taken { stance, ground, at });
                let all = next.outstanding().is_empty();
                (if all { S::Answered { rule_by } } else { S::Open }, ConsultationEvent::Answered)
            }
            (S::Open, C::EndAnswers { rule_by }) => {
                let due_at = self.answer_by.due_at;
                for unit in self.outstanding() {
                    next.positions.insert(unit, Position::Silent { at: due_at });
                }
                (S::Answered { rule_by }, ConsultationEvent::AnswersEnded)
            }
            (S::Open, C::Rule { .. }) if !self.urgent && !self.outstanding().is_empty() => {
                return Err(Refusal::AnswersOutstanding { units: self.outstanding() });
            }
            (S::Open | S::Answered { .. }, C::Rule { ruling }) => (S::Ruled { ruling, at }, ConsultationEvent::Ruled),
            (S::Answered { .. }, C::Remind { rule_by }) => (S::Answered { rule_by }, ConsultationEvent::Reminded),
            (S::Open | S::Answered { .. }, C::Withdraw) => (S::Withdrawn { at }, ConsultationEvent::Withdrawn),
            (stage, _) => {
                return Err(Refusal::OutOfTurn { thing: "consultation", stage: stage.name(), verb });
            }
        };
        next.stage = stage;
        Ok(Step { next, event })
    }
}
