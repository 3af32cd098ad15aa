//! 先例: a ruling kept to route the next like case, until an item it rests on ends.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use vocab::{
    Body, CaseFacts, CaseId, Duty, FactCode, FactValue, MatterCode, ObjectTypeCode, PowerItemCode, PrecedentId,
    RegionCode, Role, RulingId, Validity,
};

use crate::list::{BoundaryRule, Lists, Recorded};
use crate::share::{Ground, Share};

/// 先例份额: a share that may mean the town of whatever place the next case has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoutedShare {
    /// Who owes it.
    pub body: Body,
    /// The part it plays.
    pub role: Role,
    /// What it owes.
    pub duty: Duty,
    /// What it rests on.
    pub grounds: Vec<Ground>,
}

/// 失效原因: why a precedent no longer routes cases.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Expiry {
    /// An item it rests on ended or changed.
    ItemEnded,
    /// A boundary rule was published that decides the same cases.
    BoundaryRulePublished,
}

impl Expiry {
    /// The code, as it is sent.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ItemEnded => "item_ended",
            Self::BoundaryRulePublished => "boundary_rule_published",
        }
    }
}

/// 先例.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Precedent {
    /// Its id.
    pub id: PrecedentId,
    /// The ruling it was.
    pub ruling: RulingId,
    /// The case it was made for.
    pub case: CaseId,
    /// The matters a like case is about: all of them and no other.
    pub matters: BTreeSet<MatterCode>,
    /// The town it reaches; none means the whole county.
    pub region: Option<RegionCode>,
    /// The kind of object.
    pub object_type: ObjectTypeCode,
    /// The facts a like case shares.
    pub facts: BTreeMap<FactCode, FactValue>,
    /// Who owes what.
    pub shares: Vec<RoutedShare>,
    /// The items it rests on.
    pub rests_on: BTreeSet<PowerItemCode>,
    /// The days of acts it may route.
    pub validity: Validity,
    /// When it routed cases.
    pub recorded: Recorded,
    /// Why it no longer does.
    pub expired_because: Option<Expiry>,
}

impl Precedent {
    /// True where the cases are alike but for facts, and the precedent routed cases at that moment.
    #[must_use]
    pub fn resembles(&self, facts: &CaseFacts, day: jiff::civil::Date, known_at: Timestamp) -> bool {
        self.recorded.covers(known_at)
            && self.validity.covers(day)
            && self.object_type == facts.object_type
            && self.region.as_ref().is_none_or(|region| facts.region.is_within(region))
            && self.matters.len() == facts.matters.len()
            && facts.matters.iter().all(|matter| self.matters.contains(matter))
    }

    /// Facts of the precedent that the case lacks; none where one is declared otherwise, for then nothing could make it match.
    #[must_use]
    pub fn open_facts(&self, declared: &BTreeMap<FactCode, FactValue>) -> Option<BTreeSet<FactCode>> {
        let mut open = BTreeSet::new();
        for (fact, value) in &self.facts {
            match declared.get(fact) {
                Some(found) if found == value => {}
                Some(_) => return None,
                None => {
                    open.insert(fact.clone());
                }
            }
        }
        Some(open)
    }

    /// Who owes what at a place.
    #[must_use]
    pub fn shares_at(&self, region: &RegionCode) -> Vec<Share> {
        self.shares
            .iter()
            .map(|share| Share {
                unit: share.body.at(region),
                role: share.role,
                duty: share.duty,
                grounds: share.grounds.clone(),
            })
            .collect()
    }

    /// True where a newly published rule decides the same cases, so that the written rule takes over.
    #[must_use]
    pub fn yields_to(&self, rule: &BoundaryRule) -> bool {
        let place = self.region.as_ref();
        rule.validity.overlaps(&self.validity)
            && (rule.object_types.is_empty() || rule.object_types.contains(&self.object_type))
            && place.is_none_or(|region| rule.towns.covers(region))
            && rule.all_of.iter().all(|matter| self.matters.contains(matter))
            && (rule.any_of.is_empty() || rule.any_of.iter().any(|matter| self.matters.contains(matter)))
            && vocab::Condition::all_hold(&rule.conditions, &self.facts) == vocab::Truth::Yes
    }

    /// Ends it.
    #[must_use]
    pub fn expired(mut self, because: Expiry, at: Timestamp) -> Self {
        self.recorded.until = Some(at);
        self.expired_because = Some(because);
        self
    }
}

/// 相关事实: what is declared of the facts that any item or rule about these matters asks for.
#[must_use]
pub fn relevant_facts(facts: &CaseFacts, lists: &Lists) -> BTreeMap<FactCode, FactValue> {
    let items = lists.touching(&facts.matters).flat_map(|item| &item.conditions);
    let rules = lists
        .rules()
        .iter()
        .filter(|rule| {
            let matters = rule.matters();
            matters.is_empty() || facts.matters.iter().any(|matter| matters.contains(matter))
        })
        .flat_map(|rule| &rule.conditions);
    let asked: BTreeSet<&FactCode> = items.chain(rules).map(|condition| &condition.fact).collect();
    facts
        .declared
        .iter()
        .filter(|(fact, _)| asked.contains(fact))
        .map(|(fact, value)| (fact.clone(), value.clone()))
        .collect()
}
