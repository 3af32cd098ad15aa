//! What may be asked of an operation, and what then happened.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use vocab::{BlobRef, Duty, PersonCode, PowerItemCode, RuleCode, UnitCode};

use crate::{Plan, Terms};

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Actor {
    /// 联合执法中心: the centre, for everybody.
    Centre,
    /// A unit that takes part, for itself.
    Unit(UnitCode),
}

/// 现场认定: what a body found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Finding {
    /// 存在违法行为.
    Violation,
    /// 未发现违法行为.
    NoViolation,
    /// 当场改正.
    RectifiedOnSpot,
}

impl Finding {
    /// The word on the wire and in events.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Violation => "violation",
            Self::NoViolation => "no_violation",
            Self::RectifiedOnSpot => "rectified_on_spot",
        }
    }

    /// Reads the word.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Violation, Self::NoViolation, Self::RectifiedOnSpot].into_iter().find(|word| word.as_str() == text)
    }
}

/// 证据: a stored file, usable by every body that takes part (浙江省综合行政执法条例第十八条).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Evidence {
    /// Its SHA-256.
    pub blob: BlobRef,
    /// Its type.
    pub media_type: String,
    /// How many bytes it has.
    pub size_bytes: u64,
}

/// 现场检查记录: one entry; entries are added and never changed. Its words are kept beside it, never in events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inspection {
    /// The entry.
    pub id: Uuid,
    /// The unit that wrote it.
    pub unit: UnitCode,
    /// The forms that were filled in, codes.
    pub forms: Vec<RuleCode>,
    /// What each body found.
    pub findings: BTreeMap<UnitCode, Finding>,
    /// What was secured.
    pub evidence: Vec<Evidence>,
    /// When it was written.
    pub at: Timestamp,
}

/// 后续处理: what one body does afterwards, in its own name; there is no joint penalty.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FollowUp {
    /// The unit.
    pub unit: UnitCode,
    /// What it owes.
    pub duty: Duty,
    /// The items it will act on.
    pub items: Vec<PowerItemCode>,
    /// What it found.
    pub finding: Finding,
}

/// A follow-up as it is asked for: the finding may be left to the record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WantedFollowUp {
    /// The unit.
    pub unit: UnitCode,
    /// What it owes.
    pub duty: Duty,
    /// The items it will act on.
    pub items: Vec<PowerItemCode>,
    /// What it found; none where the record says it.
    pub finding: Option<Finding>,
}

/// A command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// 批准并排定: approve and fix in one decision.
    Approve {
        /// What is approved.
        terms: Terms,
        /// The plan that keeps it.
        plan: Plan,
        /// Until when the units confirm.
        confirm_by: Option<Timestamp>,
    },
    /// 不予批准.
    Reject {
        /// Why, a code.
        reason: RuleCode,
    },
    /// 确认参与.
    Confirm {
        /// The unit.
        unit: UnitCode,
    },
    /// 不参与.
    Decline {
        /// The unit.
        unit: UnitCode,
        /// Why, a code.
        reason: RuleCode,
    },
    /// 未答复: the time to confirm has run out.
    RecordSilence,
    /// 调整人员.
    ReplaceOfficers {
        /// The unit.
        unit: UnitCode,
        /// Who comes instead.
        officers: Vec<PersonCode>,
    },
    /// 改期.
    Reschedule {
        /// What the new plan keeps.
        terms: Terms,
        /// The new plan.
        plan: Plan,
        /// Why, a code.
        reason: RuleCode,
        /// Until when the units confirm.
        confirm_by: Option<Timestamp>,
    },
    /// 到场.
    CheckIn {
        /// The unit.
        unit: UnitCode,
        /// Who is there; assistants may be among them and are not counted.
        people: Vec<PersonCode>,
    },
    /// 开始行动.
    Start {
        /// Who says so: the lead or the centre.
        by: Actor,
    },
    /// 现场记录.
    Inspect {
        /// Who writes: a unit for itself, the lead and the centre for all.
        by: Actor,
        /// The entry.
        inspection: Inspection,
    },
    /// 结束行动.
    Conclude {
        /// Who says so: the lead or the centre.
        by: Actor,
        /// Each body's own follow-up.
        follow_ups: Vec<WantedFollowUp>,
    },
    /// 取消.
    Cancel {
        /// Why, a code.
        reason: RuleCode,
    },
    /// 催促: something about it is late or asked for again.
    Remind {
        /// Why: "overdue" or "closing_refused".
        reason: RuleCode,
    },
}

impl Command {
    /// What a refusal calls it, Chinese and English.
    #[must_use]
    pub const fn verb(&self) -> (&'static str, &'static str) {
        match self {
            Self::Approve { .. } => ("批准", "approved"),
            Self::Reject { .. } => ("不予批准", "rejected"),
            Self::Confirm { .. } => ("确认参与", "confirmed"),
            Self::Decline { .. } => ("不参与", "declined"),
            Self::RecordSilence => ("记录未答复", "recorded as unanswered"),
            Self::ReplaceOfficers { .. } => ("调整人员", "given other officers"),
            Self::Reschedule { .. } => ("改期", "rescheduled"),
            Self::CheckIn { .. } => ("到场登记", "checked in to"),
            Self::Start { .. } => ("开始", "started"),
            Self::Inspect { .. } => ("记录", "recorded"),
            Self::Conclude { .. } => ("结束", "concluded"),
            Self::Cancel { .. } => ("取消", "cancelled"),
            Self::Remind { .. } => ("催促", "reminded of"),
        }
    }
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// 批准.
    Approved,
    /// 排定.
    Fixed {
        /// What was approved.
        terms: Terms,
        /// The plan.
        plan: Plan,
        /// Until when the units confirm.
        confirm_by: Option<Timestamp>,
    },
    /// 不予批准.
    Rejected {
        /// Why.
        reason: RuleCode,
    },
    /// 改期.
    Rescheduled {
        /// What the new plan keeps.
        terms: Terms,
        /// The new plan.
        plan: Plan,
        /// Why.
        reason: RuleCode,
        /// Until when the units confirm.
        confirm_by: Option<Timestamp>,
    },
    /// 确认参与.
    Confirmed {
        /// The unit.
        unit: UnitCode,
    },
    /// 不参与.
    Declined {
        /// The unit.
        unit: UnitCode,
        /// Why.
        reason: RuleCode,
    },
    /// 未答复.
    Unanswered {
        /// The units that were silent.
        units: Vec<UnitCode>,
    },
    /// 人员调整.
    OfficersReplaced {
        /// The unit.
        unit: UnitCode,
        /// Who comes now.
        officers: Vec<PersonCode>,
    },
    /// 到场.
    CheckedIn {
        /// The unit.
        unit: UnitCode,
        /// Its officers who are there and count.
        officers: Vec<PersonCode>,
        /// Its assistants who are there.
        assistants: Vec<PersonCode>,
    },
    /// 行动开始.
    Started,
    /// 现场记录.
    Inspected(Inspection),
    /// 行动结束.
    Concluded {
        /// Each body's own follow-up.
        follow_ups: Vec<FollowUp>,
        /// All evidence secured.
        evidence: Vec<Evidence>,
    },
    /// 取消.
    Cancelled {
        /// Why.
        reason: RuleCode,
    },
    /// 催促.
    Reminded {
        /// The tasks that are open.
        tasks: Vec<String>,
        /// Why.
        reason: RuleCode,
    },
}
