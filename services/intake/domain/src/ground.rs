//! 不予受理: grounds are rows of the county pack; here they are weighed against what is known of a case.

use serde::{Deserialize, Serialize};
use vocab::{CaseFacts, Channel, Citation, Condition, FactCode, RuleCode, Truth};

use crate::refusal::Refusal;

/// 受理规则: one ground for not taking a complaint on, as the pack has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ground {
    /// The rule.
    pub rule: RuleCode,
    /// The code a notice cites, e.g. `D2` or `F1`.
    pub code: String,
    /// The channels it concerns; empty means any.
    pub channels: Vec<Channel>,
    /// The facts that must hold.
    pub conditions: Vec<Condition>,
    /// The article.
    pub citation: Citation,
    /// Where a hand-over goes, e.g. `court`.
    pub route_code: String,
    /// True when the matter is handed over with a receipt and may come back (诉访分离).
    pub hand_over: bool,
    /// True when a person must weigh it and record why.
    pub needs_person: bool,
    /// True of a ground that is about the complainant, not the matter: it cannot be applied to a whole cluster at once.
    pub personal: bool,
}

/// A ground that was found to hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// The rule.
    pub rule: RuleCode,
    /// The code a notice cites.
    pub code: String,
    /// The article.
    pub citation: Citation,
    /// Where a hand-over goes, e.g. `court`; empty where nothing is handed over.
    #[serde(default)]
    pub route_code: String,
}

/// Whether what a person weighed is on record with this decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Considered {
    /// It is.
    OnRecord,
    /// Nothing was written.
    No,
}

impl Ground {
    /// Holds it for this case? A fact that is not known is asked for, never guessed; a ground that leaves the matter to a person
    /// needs that person's record, and with it stands on facts that are merely unknown.
    pub fn weigh(&self, facts: &CaseFacts, considered: Considered) -> Result<Verdict, Refusal> {
        let fails = || Refusal::GroundFails { rule: self.rule.clone() };
        if !self.channels.is_empty() && !self.channels.contains(&facts.channel) {
            return Err(fails());
        }
        if self.needs_person && considered == Considered::No {
            return Err(Refusal::NeedsPerson { rule: self.rule.clone() });
        }
        match Condition::all_hold(&self.conditions, &facts.declared) {
            Truth::No => Err(fails()),
            Truth::Unknown if !self.needs_person => {
                Err(Refusal::FactsMissing { rule: self.rule.clone(), missing: self.missing(facts) })
            }
            Truth::Unknown | Truth::Yes => Ok(Verdict {
                rule: self.rule.clone(),
                code: self.code.clone(),
                citation: self.citation.clone(),
                route_code: self.route_code.clone(),
            }),
        }
    }

    fn missing(&self, facts: &CaseFacts) -> Vec<FactCode> {
        let mut missing: Vec<FactCode> = self
            .conditions
            .iter()
            .filter(|condition| condition.holds(&facts.declared) == Truth::Unknown)
            .map(|condition| condition.fact.clone())
            .collect();
        missing.dedup();
        missing
    }
}
