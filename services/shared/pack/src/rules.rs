//! Settings of consultation, supervision, call-back and assessment.

use jiff::civil::{Date, Time};
use serde::{Deserialize, Serialize};
use vocab::{Citation, RuleCode, UnitCode, clock};

use crate::Label;

/// 阶梯一级的方向: whether a rung stands before or after the due date.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RungSide {
    /// Before it is due.
    Before,
    /// After it was due.
    After,
}

/// 阶梯一级的种类: what a rung does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RungKind {
    /// 提醒.
    Remind,
    /// 催办.
    Urge,
    /// 督办单.
    SupervisionOrder,
}

/// 阶梯一级: one rung of the ladder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rung {
    /// Its code.
    pub code: RuleCode,
    /// What it does.
    pub kind: RungKind,
    /// How far from the due date; 0 is the due date itself.
    pub amount: u32,
    /// Counted in.
    pub unit: clock::Unit,
    /// Before or after.
    pub side: RungSide,
    /// The kinds of post it is served on.
    pub serve_on: Vec<String>,
    /// The clock rule of the answer, for a supervision order.
    #[serde(default)]
    pub answer_rule: Option<RuleCode>,
}

/// 静默时段: when nothing is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QuietHours {
    /// From this time of day …
    pub from: Time,
    /// … to this one, over midnight when it is the earlier.
    pub to: Time,
    /// True when nothing is served on days that are not worked either.
    pub non_working_days: bool,
}

impl QuietHours {
    /// True when a time of day is quiet.
    #[must_use]
    pub fn covers(&self, time: Time) -> bool {
        if self.from <= self.to { self.from <= time && time < self.to } else { time >= self.from || time < self.to }
    }
}

/// 督办阶梯: remind, urge, order; nothing at night, nothing after closing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ladder {
    /// The rungs, from the earliest to the latest.
    pub rungs: Vec<Rung>,
    /// When nothing is served.
    pub quiet: QuietHours,
}

/// 会商设置: the clocks and limits of finding who is responsible. The periods themselves are clock rules.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConsultationSettings {
    /// 门诊: how long diagnosis at acceptance may take.
    pub triage_rule: RuleCode,
    /// 会商: how long a department has to state its position.
    pub answer_rule: RuleCode,
    /// 裁定: how long the centre has to rule once positions are in.
    pub ruling_rule: RuleCode,
    /// 异议: how long a unit may object to a work order.
    pub objection_rule: RuleCode,
    /// 异议答复: how long the centre has to decide an objection.
    pub objection_decision_rule: RuleCode,
    /// 签收: how long a unit has to acknowledge a work order.
    pub acknowledge_rule: RuleCode,
    /// How often a case may change hands before the alarm.
    pub hop_budget: u32,
    /// How long a precedent routes like cases at most, in months, if no list changes before.
    pub precedent_months: u32,
}

/// 协作配合协议: what units have promised to answer each other, and in what time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Agreement {
    /// Its code.
    pub code: RuleCode,
    /// What it is about.
    pub name: Label,
    /// Who asks.
    pub asking: Vec<UnitCode>,
    /// Who answers.
    pub answering: Vec<UnitCode>,
    /// In what time.
    pub answer_rule: RuleCode,
    /// Since when.
    pub since: Date,
}

/// 率的定义: a rate with an explicit numerator and denominator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RateDefinition {
    /// `response`, `resolution` or `satisfaction`.
    pub code: String,
    /// Its name.
    pub name: Label,
    /// What is counted above the line.
    pub numerator: Label,
    /// What is counted below the line.
    pub denominator: Label,
    /// Its weight in the composite, in hundredths.
    pub weight_percent: u32,
}

/// 回访方案: who is asked after closing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CallbackScheme {
    /// How many of a thousand closed cases are drawn; 1000 is every case.
    pub draw_per_mille: u32,
    /// How long a call-back may take.
    pub rule: RuleCode,
    /// How often a complainant is tried before it counts as no answer.
    pub attempts: u32,
    /// The three rates.
    pub rates: Vec<RateDefinition>,
    /// The article or document behind it.
    pub citation: Citation,
}

/// 考核组: units compared with each other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UnitGroup {
    /// Its code.
    pub code: String,
    /// Its name.
    pub name: Label,
    /// The units.
    pub units: Vec<UnitCode>,
}

/// 考核项目: one weighted item of a scheme.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AssessmentItem {
    /// Its code.
    pub code: String,
    /// Its name.
    pub name: Label,
    /// The declared measure it scores, e.g. `rate.satisfaction`.
    pub measure: String,
    /// Points for reaching the target.
    pub weight_points: u32,
    /// The target, in hundredths.
    pub target_percent: u32,
}

/// 等次: a grade of the total.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GradeBand {
    /// From this many points.
    pub from_points: u32,
    /// Its name.
    pub name: Label,
}

/// 考核方案: a hundred points per unit group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Assessment {
    /// Its code and year.
    pub code: RuleCode,
    /// The groups.
    pub groups: Vec<UnitGroup>,
    /// The items; their points make a hundred.
    pub items: Vec<AssessmentItem>,
    /// The grades, best first.
    pub bands: Vec<GradeBand>,
}
