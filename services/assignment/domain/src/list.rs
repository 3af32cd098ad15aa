//! 权责清单: the lists as rows with two times — when an entry is valid, and when we held it to be on the list.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use vocab::{Body, Citation, Condition, Duty, MatterCode, ObjectTypeCode, PowerItemCode, RuleCode, Scope, Validity};

/// 记录时间: from when to when the list held an entry; the end itself no longer counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Recorded {
    /// Since when.
    pub from: Timestamp,
    /// Until when; none while it stands.
    pub until: Option<Timestamp>,
}

impl Recorded {
    /// On the list since that moment.
    #[must_use]
    pub fn since(from: Timestamp) -> Self {
        Self { from, until: None }
    }

    /// True where the list held the entry at that moment.
    #[must_use]
    pub fn covers(&self, at: Timestamp) -> bool {
        self.from <= at && self.until.is_none_or(|until| at < until)
    }
}

/// 事项来源: which list an entry stands on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ItemKind {
    /// 权力清单.
    Power,
    /// 责任清单.
    Responsibility,
    /// 保留职责: what the former holder of a transferred power keeps.
    KeptDuty,
}

impl ItemKind {
    /// The code, as it is stored.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Power => "power",
            Self::Responsibility => "responsibility",
            Self::KeptDuty => "kept_duty",
        }
    }
}

/// 清单条目: an item in the hands of one holder, for a place and a time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListItem {
    /// Which list.
    pub kind: ItemKind,
    /// The item.
    pub code: PowerItemCode,
    /// Chinese name.
    pub zh: String,
    /// English name; may be empty.
    pub en: String,
    /// Who holds it.
    pub holder: Body,
    /// Where.
    pub towns: Scope,
    /// The matters it covers.
    pub matters: BTreeSet<MatterCode>,
    /// The kinds of object; empty means any.
    pub object_types: BTreeSet<ObjectTypeCode>,
    /// The facts that must hold; all of them.
    pub conditions: Vec<Condition>,
    /// What it obliges to.
    pub duties: BTreeSet<Duty>,
    /// The article.
    pub citation: Citation,
    /// The document that gives it to the holder.
    pub source: String,
    /// When the article is in force and the holder holds it.
    pub validity: Validity,
    /// When the list held it.
    pub recorded: Recorded,
}

/// 条目标识: what makes two rows the same entry in two revisions of the list.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ItemKey {
    /// Which list.
    pub kind: ItemKind,
    /// The item.
    pub code: PowerItemCode,
    /// Who holds it.
    pub holder: Body,
    /// Where, in order.
    pub towns: Scope,
    /// The first day it is valid.
    pub from: jiff::civil::Date,
}

impl ListItem {
    /// What makes this row the same entry as another revision's.
    #[must_use]
    pub fn key(&self) -> ItemKey {
        let mut towns = self.towns.clone();
        towns.regions.sort();
        ItemKey {
            kind: self.kind,
            code: self.code.clone(),
            holder: self.holder.clone(),
            towns,
            from: self.validity.from,
        }
    }

    /// True where both say the same, whenever they were recorded.
    #[must_use]
    pub fn says_the_same(&self, other: &Self) -> bool {
        Self { recorded: other.recorded, ..self.clone() } == *other
    }

    /// True where both decide the same cases in the same way: names and sources may differ.
    #[must_use]
    pub fn is_same_in_law(&self, other: &Self) -> bool {
        let renamed = Self { zh: other.zh.clone(), en: other.en.clone(), source: other.source.clone(), ..self.clone() };
        renamed.says_the_same(other)
    }

    /// True where two entries of one item, holder and place are valid on some same day.
    #[must_use]
    pub fn clashes_with(&self, other: &Self) -> bool {
        let (mine, theirs) = (self.key(), other.key());
        mine.kind == theirs.kind
            && mine.code == theirs.code
            && mine.holder == theirs.holder
            && mine.towns == theirs.towns
            && self.validity.overlaps(&other.validity)
    }
}

/// 边界规则: how an overlap is split; the first that applies decides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BoundaryRule {
    /// Its code.
    pub code: RuleCode,
    /// Its place in the file; the lowest that applies decides.
    pub place: u32,
    /// Chinese name.
    pub zh: String,
    /// English name.
    pub en: String,
    /// Matters that must all be among the case's.
    pub all_of: BTreeSet<MatterCode>,
    /// Matters of which one must be among the case's; empty asks nothing.
    pub any_of: BTreeSet<MatterCode>,
    /// The kinds of object; empty means any.
    pub object_types: BTreeSet<ObjectTypeCode>,
    /// The facts that must hold; all of them.
    pub conditions: Vec<Condition>,
    /// Where.
    pub towns: Scope,
    /// Who leads.
    pub lead: Body,
    /// Who supports.
    pub support: Vec<Body>,
    /// Which document says so.
    pub source: String,
    /// When.
    pub validity: Validity,
    /// When the list held it.
    pub recorded: Recorded,
}

impl BoundaryRule {
    /// True where both say the same, whenever they were recorded.
    #[must_use]
    pub fn says_the_same(&self, other: &Self) -> bool {
        Self { recorded: other.recorded, ..self.clone() } == *other
    }

    /// The matters the rule splits; empty means whatever the case is about.
    #[must_use]
    pub fn matters(&self) -> BTreeSet<&MatterCode> {
        self.all_of.iter().chain(&self.any_of).collect()
    }
}

/// 清单: both lists and the boundary rules, with a way from a matter to the items that touch it.
#[derive(Debug, Clone, Default)]
pub struct Lists {
    items: Vec<ListItem>,
    rules: Vec<BoundaryRule>,
    by_matter: BTreeMap<MatterCode, Vec<usize>>,
    by_code: BTreeMap<PowerItemCode, Vec<usize>>,
}

impl Lists {
    /// Puts the rows in a canonical order, so that the order in which they came decides nothing.
    #[must_use]
    pub fn new(mut items: Vec<ListItem>, mut rules: Vec<BoundaryRule>) -> Self {
        items.sort_by_cached_key(|item| (item.key(), item.recorded));
        rules.sort_by(|a, b| (a.place, &a.code, a.recorded).cmp(&(b.place, &b.code, b.recorded)));
        let mut by_matter: BTreeMap<MatterCode, Vec<usize>> = BTreeMap::new();
        let mut by_code: BTreeMap<PowerItemCode, Vec<usize>> = BTreeMap::new();
        for (place, item) in items.iter().enumerate() {
            by_code.entry(item.code.clone()).or_default().push(place);
            for matter in &item.matters {
                by_matter.entry(matter.clone()).or_default().push(place);
            }
        }
        Self { items, rules, by_matter, by_code }
    }

    /// Every row, in canonical order.
    #[must_use]
    pub fn items(&self) -> &[ListItem] {
        &self.items
    }

    /// The boundary rules, the first that applies first.
    #[must_use]
    pub fn rules(&self) -> &[BoundaryRule] {
        &self.rules
    }

    /// The rows that touch any of these matters, each once, in canonical order.
    pub fn touching<'list>(
        &'list self,
        matters: impl IntoIterator<Item = &'list MatterCode>,
    ) -> impl Iterator<Item = &'list ListItem> {
        let places: BTreeSet<usize> =
            matters.into_iter().filter_map(|matter| self.by_matter.get(matter)).flatten().copied().collect();
        places.into_iter().filter_map(|place| self.items.get(place))
    }

    /// The rows of one item.
    pub fn rows_of(&self, code: &PowerItemCode) -> impl Iterator<Item = &ListItem> {
        self.by_code.get(code).into_iter().flatten().filter_map(|place| self.items.get(*place))
    }

    /// True where the lists know the item.
    #[must_use]
    pub fn knows(&self, code: &PowerItemCode) -> bool {
        self.by_code.contains_key(code)
    }

    /// Pairs of rows of one item, holder and place that are valid on some same day: a mistake of whoever wrote the list.
    #[must_use]
    pub fn clashes(&self) -> Vec<(&ListItem, &ListItem)> {
        // Equal keys but for the first day stand beside each other in canonical order.
        self.items
            .windows(2)
            .filter_map(|pair| match pair {
                [first, second] if first.clashes_with(second) => Some((first, second)),
                _ => None,
            })
            .collect()
    }
}

/// 清单变更: what one publication changes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListChange<'list> {
    /// Rows of the store that end their record time now, by their place in the store's list.
    pub ended: Vec<usize>,
    /// New rows.
    pub added: Vec<&'list ListItem>,
    /// Items of which a row ended that decides cases otherwise now.
    pub changed_in_law: BTreeSet<PowerItemCode>,
}

/// Compares what the store holds with what is published.
#[must_use]
pub fn difference<'list>(stored: &[ListItem], published: &'list [ListItem]) -> ListChange<'list> {
    let wanted: BTreeMap<ItemKey, &ListItem> = published.iter().map(|item| (item.key(), item)).collect();
    let mut change = ListChange::default();
    let mut unchanged = BTreeSet::new();
    for (place, row) in stored.iter().enumerate() {
        let key = row.key();
        match wanted.get(&key) {
            Some(item) if item.says_the_same(row) => {
                unchanged.insert(key);
            }
            Some(item) => {
                change.ended.push(place);
                if !item.is_same_in_law(row) {
                    change.changed_in_law.insert(row.code.clone());
                }
            }
            None => {
                change.ended.push(place);
                change.changed_in_law.insert(row.code.clone());
            }
        }
    }
    change.added = wanted.into_iter().filter(|(key, _)| !unchanged.contains(key)).map(|(_, item)| item).collect();
    change
}
