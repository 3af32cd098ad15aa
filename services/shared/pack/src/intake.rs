//! 受理: grounds for declining, classes accepted without a clerk, ways of handling, documents.

use serde::{Deserialize, Serialize};
use vocab::{Channel, Citation, Condition, HandlingMode, MatterCode, RuleCode, TemplateCode, Track, Urgency};

use crate::Label;

/// 不予受理、不再受理代码: the grounds on which a complaint is not taken on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum DeclineCode {
    /// 诉讼、仲裁、复议等法定途径.
    D1,
    /// 人大、法院、检察院、监察机关职权.
    D2,
    /// 越级走访.
    D3,
    /// 已受理或者正在办理.
    D4,
    /// 不属本机关职权.
    D5,
    /// 逾期未申请复查复核.
    F1,
    /// 已经复核终结.
    F2,
}

impl DeclineCode {
    /// Every code.
    pub const ALL: &'static [Self] = &[Self::D1, Self::D2, Self::D3, Self::D4, Self::D5, Self::F1, Self::F2];

    /// The code as it is stored and sent.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::D1 => "D1",
            Self::D2 => "D2",
            Self::D3 => "D3",
            Self::D4 => "D4",
            Self::D5 => "D5",
            Self::F1 => "F1",
            Self::F2 => "F2",
        }
    }

    /// 不再受理: true of the final grounds.
    #[must_use]
    pub const fn is_final(self) -> bool {
        matches!(self, Self::F1 | Self::F2)
    }
}

/// 受理规则: one ground for declining, with everything the notice needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AcceptanceRule {
    /// The rule's own code.
    pub code: RuleCode,
    /// The ground.
    pub ground: DeclineCode,
    /// What it means.
    pub name: Label,
    /// The channels it concerns; empty means any.
    #[serde(default)]
    pub channels: Vec<Channel>,
    /// The facts that make it apply; all of them.
    pub conditions: Vec<Condition>,
    /// The article.
    pub citation: Citation,
    /// The notice that is served.
    pub notice: TemplateCode,
    /// The right route: where the complainant should go instead.
    pub route: Label,
    /// 去向代码: where a hand-over goes, e.g. `court`; empty when the complainant is only told.
    #[serde(default)]
    pub route_code: String,
    /// True when the matter is handed over with a receipt and may come back (诉访分离).
    #[serde(default)]
    pub hand_over: bool,
    /// True when a person must weigh the ground and record why, as with a good reason for a missed period.
    #[serde(default)]
    pub needs_person: bool,
}

/// 登记即受理: a class of cases that needs no clerk once its matter and facts are coded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoClerkClass {
    /// Its code.
    pub code: RuleCode,
    /// Every matter of the case must be among these.
    pub matters: Vec<MatterCode>,
    /// The channels; empty means any.
    #[serde(default)]
    pub channels: Vec<Channel>,
    /// The facts that must hold; all of them, and known.
    #[serde(default)]
    pub conditions: Vec<Condition>,
    /// The local document that allows it.
    pub source: String,
}

/// 认定情形: what a determination found, as far as the choice of a way of handling depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Finding {
    /// 单一主体.
    Sole,
    /// 主办加协办.
    LeadWithSupport,
    /// 职责交叉.
    Overlap,
    /// 监管盲区.
    Gap,
}

/// 办理方式规则: what one of the five ways of handling asks for. The first whose tests all hold is proposed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModeRule {
    /// Which way.
    pub mode: HandlingMode,
    /// The findings it is proposed for; empty means any.
    #[serde(default)]
    pub findings: Vec<Finding>,
    /// The degrees of urgency it is proposed for; empty means any.
    #[serde(default)]
    pub urgencies: Vec<Urgency>,
    /// The facts that must hold and be known for it to be proposed.
    #[serde(default)]
    pub conditions: Vec<Condition>,
    /// The track it usually takes.
    pub track: Track,
    /// What it is for.
    pub purpose: Label,
    /// The clocks it starts beside those of every case.
    pub clocks: Vec<RuleCode>,
    /// The steps that must be on record before closing, by code.
    pub steps: Vec<String>,
}

/// 途径规则: what one of the three tracks asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrackRule {
    /// Which track.
    pub track: Track,
    /// What it is for.
    pub purpose: Label,
    /// The clock of its work orders.
    pub order_clock: RuleCode,
    /// True when the unit must hand in a written report (办结报告).
    pub report_required: bool,
    /// True when supervision follows from dispatch on.
    pub supervised: bool,
}

/// 文书模板: a document with `{placeholders}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Template {
    /// Its code.
    pub code: TemplateCode,
    /// The title.
    pub title: Label,
    /// The body.
    pub body: Label,
    /// The articles it rests on.
    #[serde(default)]
    pub citations: Vec<Citation>,
}

impl Template {
    /// The placeholders of the Chinese and the English text together, each once, in order of appearance.
    #[must_use]
    pub fn placeholders(&self) -> Vec<&str> {
        let mut found = Vec::new();
        for text in [&self.title.zh, &self.body.zh, &self.title.en, &self.body.en] {
            for piece in text.split('{').skip(1) {
                if let Some((name, _)) = piece.split_once('}')
                    && !found.contains(&name)
                {
                    found.push(name);
                }
            }
        }
        found
    }
}
