//! 规则与组织: what the county pack sets for finding who is responsible, and who answers for a unit.

use std::collections::BTreeMap;

use jiff::Timestamp;
use vocab::{
    Calendar, CaseFacts, ClockRule, Condition, HandlingMode, PersonCode, PostCode, Track, Truth, UnitCode, Urgency,
};

use crate::deadline::Deadline;
use crate::order::Assignee;
use crate::proof::Determination;
use crate::refusal::Refusal;

/// 认定情形: the outcomes as far as the choice of a way of handling depends on them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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

impl From<&Determination> for Finding {
    fn from(outcome: &Determination) -> Self {
        match outcome {
            Determination::Sole { .. } => Self::Sole,
            Determination::LeadWithSupport { .. } => Self::LeadWithSupport,
            Determination::Overlap { .. } => Self::Overlap,
            Determination::Gap => Self::Gap,
        }
    }
}

/// 办理方式: when a way of handling is proposed; the first whose tests all hold is.
#[derive(Debug, Clone)]
pub struct Handling {
    /// Which way.
    pub mode: HandlingMode,
    /// On which track.
    pub track: Track,
    /// For which findings; empty means any.
    pub findings: Vec<Finding>,
    /// For which urgencies; empty means any.
    pub urgencies: Vec<Urgency>,
    /// The facts that must hold and be known.
    pub conditions: Vec<Condition>,
}

/// 规则: clocks and limits of one county, and its posts.
#[derive(Debug, Clone)]
pub struct Policy {
    /// 门诊答复期限.
    pub triage: ClockRule,
    /// 会商表态期限.
    pub answer: ClockRule,
    /// 裁定期限.
    pub ruling: ClockRule,
    /// 异议期限.
    pub objection: ClockRule,
    /// 异议审查期限.
    pub objection_decision: ClockRule,
    /// 签收期限.
    pub acknowledge: ClockRule,
    /// 工单办理期限, by track.
    pub orders: BTreeMap<Track, ClockRule>,
    /// 办理方式, in the order of proposal.
    pub handlings: Vec<Handling>,
    /// The calendar.
    pub calendar: Calendar,
    /// How often a case may be sent back; an objection that is rejected sends nothing back.
    pub hop_budget: u32,
    /// How long a precedent routes like cases at most.
    pub precedent_months: u32,
    /// Who answers for each unit's orders, the first choice first. A unit that is not here does not exist.
    pub posts: BTreeMap<UnitCode, Vec<Assignee>>,
}

impl Policy {
    /// True where the unit exists.
    #[must_use]
    pub fn knows(&self, unit: &UnitCode) -> bool {
        self.posts.contains_key(unit)
    }

    /// Who answers for a new order of the unit.
    pub fn assignee(&self, unit: &UnitCode) -> Result<Assignee, Refusal> {
        let posts = self.posts.get(unit).ok_or_else(|| Refusal::UnknownUnit { unit: unit.clone() })?;
        posts.first().cloned().ok_or_else(|| Refusal::NoPost { unit: unit.clone() })
    }

    /// The person of the unit in that post, or in its first.
    pub fn person(&self, unit: &UnitCode, person: &PersonCode, post: Option<&PostCode>) -> Result<Assignee, Refusal> {
        self.posts
            .get(unit)
            .into_iter()
            .flatten()
            .find(|assignee| assignee.person == *person && post.is_none_or(|post| assignee.post == *post))
            .cloned()
            .ok_or_else(|| Refusal::NotOfTheUnit { person: person.clone() })
    }

    /// Counts a rule from a moment.
    pub fn deadline(&self, rule: &ClockRule, anchor_at: Timestamp) -> Result<Deadline, Refusal> {
        Ok(Deadline::by(rule, anchor_at, &self.calendar)?)
    }

    /// How a case with this outcome would usually be handled, and on which track; the clerk may choose otherwise.
    #[must_use]
    pub fn handling(&self, outcome: &Determination, facts: &CaseFacts) -> Option<(HandlingMode, Track)> {
        let finding = Finding::from(outcome);
        self.handlings
            .iter()
            .find(|handling| {
                (handling.findings.is_empty() || handling.findings.contains(&finding))
                    && (handling.urgencies.is_empty() || handling.urgencies.contains(&facts.urgency))
                    && Condition::all_hold(&handling.conditions, &facts.declared) == Truth::Yes
            })
            .map(|handling| (handling.mode, handling.track))
    }

    /// The clock of an order on a track.
    #[must_use]
    pub fn order_rule(&self, track: Track) -> &ClockRule {
        // Every track has one in a checked pack; the shortest known clock is the safe answer where one is missing.
        self.orders.get(&track).unwrap_or(&self.acknowledge)
    }
}
