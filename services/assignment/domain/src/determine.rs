//! 责任认定: matter, place, time and object against the lists. Pure: the same question has the same answer and proof.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::civil::Date;
use vocab::{CaseFacts, Condition, Duty, FactCode, Role, Truth, UnitCode};

use crate::list::{BoundaryRule, ItemKind, ListItem, Lists};
use crate::precedent::Precedent;
use crate::proof::{Basis, Determination, MatchedItem, Miss, NearMiss, Proof};
use crate::share::{Ground, Share, by_weight, weight};

/// 基准时点: the day an item must be valid on, and the moment at which the list is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AsOf {
    /// Usually the day of the act.
    pub valid_on: Date,
    /// Now, or the moment of an earlier decision.
    pub known_at: Timestamp,
}

/// Matches a case with the lists and says who is responsible, and why.
#[must_use]
pub fn determine(facts: &CaseFacts, lists: &Lists, precedents: &[Precedent], as_of: AsOf) -> Proof {
    let found = Found::among(facts, lists, as_of);
    let known = Question { facts, lists, precedents, as_of };
    let certain: Vec<&MatchedItem> = found.matched.iter().collect();
    let (answer, basis) = known.answer(&certain, &BTreeSet::new());
    let missing_facts = known.missing(&found, &answer);
    Proof {
        facts: facts.clone(),
        valid_on: as_of.valid_on,
        known_at: as_of.known_at,
        matched: found.matched,
        near_misses: found.near,
        basis,
        missing_facts,
        answer,
    }
}

/// What of the lists touches the case.
struct Found {
    matched: Vec<MatchedItem>,
    near: Vec<NearMiss>,
}

impl Found {
    fn among(facts: &CaseFacts, lists: &Lists, as_of: AsOf) -> Self {
        let (mut matched, mut near) = (Vec::new(), Vec::new());
        for item in lists.touching(&facts.matters).filter(|item| item.recorded.covers(as_of.known_at)) {
            let misses = misses(item, facts, as_of.valid_on);
            let as_matched = MatchedItem {
                unit: item.holder.at(&facts.region),
                kind: item.kind,
                item: item.code.clone(),
                zh: item.zh.clone(),
                duties: item.duties.clone(),
                citation: item.citation.clone(),
                matters: facts.matters.iter().filter(|matter| item.matters.contains(matter)).cloned().collect(),
                validity: item.validity,
                source: item.source.clone(),
            };
            let mut misses = misses.into_iter();
            match (misses.next(), misses.next()) {
                (None, _) => matched.push(as_matched),
                (Some(miss), None) => near.push(NearMiss { item: as_matched, miss }),
                (Some(_), Some(_)) => {}
            }
        }
        matched.sort();
        near.sort();
        Self { matched, near }
    }
}

/// Everything for which an item about the matter does not match.
fn misses(item: &ListItem, facts: &CaseFacts, day: Date) -> Vec<Miss> {
    let mut misses = Vec::new();
    if !item.towns.covers(&facts.region) {
        misses.push(Miss::Region);
    }
    if !item.object_types.is_empty() && !item.object_types.contains(&facts.object_type) {
        misses.push(Miss::ObjectType);
    }
    if !item.validity.covers(day) {
        misses.push(Miss::Validity);
    }
    let those = |wanted: Truth| -> BTreeSet<FactCode> {
        item.conditions
            .iter()
            .filter(|condition| condition.holds(&facts.declared) == wanted)
            .map(|condition| condition.fact.clone())
            .collect()
    };
    match Condition::all_hold(&item.conditions, &facts.declared) {
        Truth::Yes => {}
        Truth::No => misses.push(Miss::Fact { facts: those(Truth::No) }),
        Truth::Unknown => misses.push(Miss::FactUnknown { facts: those(Truth::Unknown) }),
    }
    misses
}

/// One question to the lists; asked again with facts assumed, to find out which missing ones matter.
struct Question<'q> {
    facts: &'q CaseFacts,
    lists: &'q Lists,
    precedents: &'q [Precedent],
    as_of: AsOf,
}

impl Question<'_> {
    /// The answer where these items match and facts in `assumed` are taken to be as each rule wants them.
    fn answer(&self, matched: &[&MatchedItem], assumed: &BTreeSet<FactCode>) -> (Determination, Basis) {
        if let Some(precedent) = self.precedent(assumed) {
            let shares = precedent.shares_at(&self.facts.region);
            return (settled(shares), Basis::Precedent { precedent: precedent.id });
        }
        let contenders = contenders(matched);
        let mut each = contenders.iter();
        match (each.next(), each.next()) {
            (None, _) => (Determination::Gap, Basis::Lists),
            // A rule that names this very lead may name supporters that no item does.
            (Some(lead), None) => match self.rule(assumed).filter(|rule| rule.lead.at(&self.facts.region) == *lead) {
                Some(rule) => self.by_rule(matched, rule),
                None => (settled(shares(matched.iter().copied(), lead)), Basis::Lists),
            },
            (Some(_), Some(_)) => match self.rule(assumed) {
                Some(rule) => self.by_rule(matched, rule),
                None => (Determination::Overlap { contenders }, Basis::Lists),
            },
        }
    }

    fn by_rule(&self, matched: &[&MatchedItem], rule: &BoundaryRule) -> (Determination, Basis) {
        let basis = Basis::BoundaryRule { code: rule.code.clone(), source: rule.source.clone() };
        (settled(self.split(matched, rule)), basis)
    }

    /// The newest precedent that a like case follows.
    fn precedent(&self, assumed: &BTreeSet<FactCode>) -> Option<&Precedent> {
        self.precedents
            .iter()
            .filter(|precedent| precedent.resembles(self.facts, self.as_of.valid_on, self.as_of.known_at))
            .filter(|precedent| precedent.open_facts(&self.facts.declared).is_some_and(|open| open.is_subset(assumed)))
            // A ruling for the town is nearer to the case than one for the county.
            .max_by_key(|precedent| (precedent.region.is_some(), precedent.recorded.from, precedent.id))
    }

    /// The boundary rules that speak of this case, but for facts.
    fn rules(&self) -> impl Iterator<Item = &BoundaryRule> {
        let facts = self.facts;
        self.lists.rules().iter().filter(move |rule| {
            rule.recorded.covers(self.as_of.known_at)
                && rule.validity.covers(self.as_of.valid_on)
                && rule.towns.covers(&facts.region)
                && (rule.object_types.is_empty() || rule.object_types.contains(&facts.object_type))
                && rule.all_of.iter().all(|matter| facts.matters.contains(matter))
                && (rule.any_of.is_empty() || facts.matters.iter().any(|matter| rule.any_of.contains(matter)))
        })
    }

    /// The first boundary rule that applies.
    fn rule(&self, assumed: &BTreeSet<FactCode>) -> Option<&BoundaryRule> {
        self.rules().find(|rule| {
            rule.conditions.iter().all(|condition| match condition.holds(&self.facts.declared) {
                Truth::Yes => true,
                Truth::No => false,
                Truth::Unknown => assumed.contains(&condition.fact),
            })
        })
    }

    /// Splits an overlap by a rule: the named units take their parts; a unit the rule leaves out keeps only what the rule
    /// does not speak of.
    fn split(&self, matched: &[&MatchedItem], rule: &BoundaryRule) -> Vec<Share> {
        let region = &self.facts.region;
        let lead = rule.lead.at(region);
        let named: BTreeSet<UnitCode> =
            rule.support.iter().map(|body| body.at(region)).filter(|unit| *unit != lead).collect();
        let ruled = rule.matters();
        let is_outside = |item: &MatchedItem| {
            item.kind != ItemKind::Power
                || (!ruled.is_empty() && item.matters.iter().any(|matter| !ruled.contains(matter)))
        };
        let kept =
            matched.iter().copied().filter(|item| item.unit == lead || named.contains(&item.unit) || is_outside(item));
        let mut shares = shares(kept, &lead);
        let ground = Ground::document(&rule.source);
        // A unit that the rule names and no item does acts on the rule alone.
        let mut without_item = |unit: &UnitCode, role: Role, duty: Duty| {
            if !shares.iter().any(|share| share.unit == *unit) {
                let grounds = vec![ground.clone()];
                shares.push(Share { unit: unit.clone(), role, duty, grounds });
            }
        };
        without_item(&lead, Role::Lead, Duty::Investigate);
        for unit in &named {
            without_item(unit, Role::Support, Duty::Assist);
        }
        in_order(shares)
    }

    /// The facts that nobody has declared and that would change the answer if they were as an item, a rule or a precedent
    /// wants them.
    fn missing(&self, found: &Found, answer: &Determination) -> BTreeSet<FactCode> {
        let mut candidates: BTreeSet<BTreeSet<FactCode>> = BTreeSet::new();
        for near in &found.near {
            if let Miss::FactUnknown { facts } = &near.miss {
                candidates.insert(facts.clone());
            }
        }
        for rule in self.rules() {
            if Condition::all_hold(&rule.conditions, &self.facts.declared) == Truth::Unknown {
                candidates.insert(unknown_facts(&rule.conditions, self.facts));
            }
        }
        for precedent in self.precedents {
            if precedent.resembles(self.facts, self.as_of.valid_on, self.as_of.known_at)
                && let Some(open) = precedent.open_facts(&self.facts.declared)
                && !open.is_empty()
            {
                candidates.insert(open);
            }
        }
        candidates
            .into_iter()
            .filter(|assumed| {
                let with: Vec<&MatchedItem> = found
                    .matched
                    .iter()
                    .chain(found.near.iter().filter_map(|near| match &near.miss {
                        Miss::FactUnknown { facts } if facts.is_subset(assumed) => Some(&near.item),
                        _ => None,
                    }))
                    .collect();
                self.answer(&with, assumed).0 != *answer
            })
            .flatten()
            .collect()
    }
}

fn unknown_facts(conditions: &[Condition], facts: &CaseFacts) -> BTreeSet<FactCode> {
    conditions
        .iter()
        .filter(|condition| condition.holds(&facts.declared) == Truth::Unknown)
        .map(|condition| condition.fact.clone())
        .collect()
}

/// Between whom the lead lies: the holders of the weightiest duty among the power items that match; where there is no
/// power item, among the other items. Who may only assist leads nothing.
fn contenders(matched: &[&MatchedItem]) -> BTreeSet<UnitCode> {
    let heaviest = |power: bool| {
        let those: Vec<(u8, &UnitCode)> = matched
            .iter()
            .filter(|item| (item.kind == ItemKind::Power) == power)
            .flat_map(|item| item.duties.iter().map(|duty| (weight(*duty), &item.unit)))
            .filter(|(weight, _)| *weight > 0)
            .collect();
        let most = those.iter().map(|(weight, _)| *weight).max();
        those
            .into_iter()
            .filter(|(weight, _)| Some(*weight) == most)
            .map(|(_, unit)| unit.clone())
            .collect::<BTreeSet<UnitCode>>()
    };
    let holders = heaviest(true);
    if holders.is_empty() { heaviest(false) } else { holders }
}

/// One share for each unit and duty, with every item that gives it.
fn shares<'item>(items: impl Iterator<Item = &'item MatchedItem>, lead: &UnitCode) -> Vec<Share> {
    let mut grounds: BTreeMap<(UnitCode, Duty), BTreeSet<Ground>> = BTreeMap::new();
    for item in items {
        for duty in &item.duties {
            grounds
                .entry((item.unit.clone(), *duty))
                .or_default()
                .insert(Ground { item: Some(item.item.clone()), citation: item.citation.clone() });
        }
    }
    let shares = grounds
        .into_iter()
        .map(|((unit, duty), grounds)| Share {
            role: if unit == *lead { Role::Lead } else { Role::Support },
            unit,
            duty,
            grounds: grounds.into_iter().collect(),
        })
        .collect();
    in_order(shares)
}

/// The lead first, then the others by code; the weightiest duty first.
#[must_use]
pub fn in_order(mut shares: Vec<Share>) -> Vec<Share> {
    shares.sort_by_key(|share| (share.role != Role::Lead, share.unit.clone(), std::cmp::Reverse(weight(share.duty))));
    shares
}

/// Names the outcome of settled shares.
#[must_use]
pub fn settled(shares: Vec<Share>) -> Determination {
    let shares = in_order(shares);
    let Some(lead) = crate::share::lead_of(&shares).cloned() else { return Determination::Gap };
    if shares.iter().all(|share| share.unit == lead) {
        Determination::Sole { lead, shares }
    } else {
        Determination::LeadWithSupport { lead, shares }
    }
}

/// The units that are asked what they say: those between whom it lies or who would share it, and where there are none
/// those whose item nearly matched, with the town of the place.
#[must_use]
pub fn to_ask(proof: &Proof) -> BTreeSet<UnitCode> {
    let mut units: BTreeSet<UnitCode> = match &proof.answer {
        Determination::Sole { shares, .. } | Determination::LeadWithSupport { shares, .. } => {
            shares.iter().map(|share| share.unit.clone()).collect()
        }
        Determination::Overlap { contenders } => contenders.clone(),
        Determination::Gap => proof.near_misses.iter().map(|near| near.item.unit.clone()).collect(),
    };
    if matches!(proof.answer, Determination::Gap) {
        units.insert(UnitCode::town_of(&proof.facts.region));
    }
    units
}

/// Duties of a unit, weightiest first, as a settled answer gives them.
#[must_use]
pub fn duties_of(shares: &[Share], unit: &UnitCode) -> Vec<Duty> {
    by_weight(shares.iter().filter(|share| share.unit == *unit).map(|share| share.duty))
}
