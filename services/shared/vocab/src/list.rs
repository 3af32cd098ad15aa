//! 清单用语: validity, area and typed conditions, shared by everything that is listed in a county pack.

use std::collections::BTreeMap;
use std::fmt;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::{FactCode, FactValue, Malformed, RegionCode, UnitCode};

/// 有效期: the days on which an entry applies, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Validity {
    /// The first day.
    pub from: Date,
    /// The last day; none means until further notice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Date>,
}

impl Validity {
    /// True when the entry applies on that day.
    #[must_use]
    pub fn covers(&self, day: Date) -> bool {
        self.from <= day && self.to.is_none_or(|last| day <= last)
    }

    /// True when both apply on some same day.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        self.to.is_none_or(|last| other.from <= last) && other.to.is_none_or(|last| self.from <= last)
    }

    /// True when the last day is not before the first.
    #[must_use]
    pub fn is_ordered(&self) -> bool {
        self.to.is_none_or(|last| self.from <= last)
    }
}

/// 适用区域: the whole county when no place is named, else the named towns or villages.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Scope {
    /// The towns (or villages); empty means the whole county.
    pub regions: Vec<RegionCode>,
}

impl Scope {
    /// True when the place lies in the area.
    #[must_use]
    pub fn covers(&self, region: &RegionCode) -> bool {
        self.regions.is_empty() || self.regions.iter().any(|area| region.is_within(area))
    }

    /// True when some place lies in both areas.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        self.regions.is_empty()
            || other.regions.is_empty()
            || self
                .regions
                .iter()
                .any(|mine| other.regions.iter().any(|theirs| mine.is_within(theirs) || theirs.is_within(mine)))
    }

    /// True of the whole county.
    #[must_use]
    pub fn is_county(&self) -> bool {
        self.regions.is_empty()
    }
}

/// 持有单位: a unit named by its code, or whichever town government the place lies in, written `town`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Body {
    /// 属地镇（街道）: the town government of the place of the problem.
    Town,
    /// This unit.
    Unit(UnitCode),
}

impl Body {
    /// The unit that is meant for a problem at this place.
    #[must_use]
    pub fn at(&self, region: &RegionCode) -> UnitCode {
        match self {
            Self::Town => UnitCode::town_of(region),
            Self::Unit(unit) => unit.clone(),
        }
    }
}

impl TryFrom<String> for Body {
    type Error = Malformed;

    fn try_from(text: String) -> Result<Self, Malformed> {
        if text == "town" { Ok(Self::Town) } else { UnitCode::new(text).map(Self::Unit) }
    }
}

impl From<Body> for String {
    fn from(body: Body) -> Self {
        body.to_string()
    }
}

impl fmt::Display for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Town => f.write_str("town"),
            Self::Unit(unit) => unit.fmt(f),
        }
    }
}

/// 条件运算: how a condition compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operator {
    /// The fact has this value.
    Is,
    /// The fact is known and has another value.
    IsNot,
    /// The fact has one of these values.
    In,
    /// The fact is known and has none of these values.
    NotIn,
}

/// 条件值: one value, or the list that `in` and `not_in` compare with.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Operand {
    /// One value.
    One(FactValue),
    /// Several values.
    Many(Vec<FactValue>),
}

/// 条件: one row of a typed table — fact, operator, value.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Condition {
    /// The fact asked about.
    pub fact: FactCode,
    /// How it compares.
    pub operator: Operator,
    /// With what.
    pub value: Operand,
}

/// 判断结果: a condition on a fact nobody has declared is unknown, and becomes a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Truth {
    /// It holds.
    Yes,
    /// It does not hold.
    No,
    /// The fact is missing.
    Unknown,
}

impl Condition {
    /// Looks the fact up among what was declared.
    #[must_use]
    pub fn holds(&self, declared: &BTreeMap<FactCode, FactValue>) -> Truth {
        let Some(found) = declared.get(&self.fact) else {
            return Truth::Unknown;
        };
        let is_listed = match &self.value {
            Operand::One(value) => value == found,
            Operand::Many(values) => values.contains(found),
        };
        let wanted = matches!(self.operator, Operator::Is | Operator::In);
        if is_listed == wanted { Truth::Yes } else { Truth::No }
    }

    /// All conditions together: one that fails decides, else one that is unknown.
    #[must_use]
    pub fn all_hold(conditions: &[Self], declared: &BTreeMap<FactCode, FactValue>) -> Truth {
        conditions.iter().fold(Truth::Yes, |so_far, condition| match (so_far, condition.holds(declared)) {
            (Truth::No, _) | (_, Truth::No) => Truth::No,
            (Truth::Unknown, _) | (_, Truth::Unknown) => Truth::Unknown,
            (Truth::Yes, Truth::Yes) => Truth::Yes,
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failed test should panic
    use super::*;

    fn validity(from: &str, to: Option<&str>) -> Validity {
        Validity { from: from.parse().unwrap(), to: to.map(|day| day.parse().unwrap()) }
    }

    fn condition(operator: Operator, value: Operand) -> Condition {
        Condition { fact: "time.night".parse().unwrap(), operator, value }
    }

    #[test]
    fn the_old_law_ends_the_day_before_the_new_one_begins() {
        let old = validity("2022-06-05", Some("2026-08-14"));
        let new = validity("2026-08-15", None);
        assert!(!old.overlaps(&new) && !new.overlaps(&old));
        assert!(old.covers("2026-08-14".parse().unwrap()) && !old.covers("2026-08-15".parse().unwrap()));
        assert!(new.covers("2026-08-15".parse().unwrap()));
        assert!(validity("2020-01-01", None).overlaps(&old));
        assert!(!validity("2020-01-02", Some("2020-01-01")).is_ordered());
    }

    #[test]
    fn an_area_covers_its_villages() {
        let town = Scope { regions: vec!["330421103".parse().unwrap()] };
        assert!(town.covers(&"330421103201".parse().unwrap()));
        assert!(!town.covers(&"330421104".parse().unwrap()));
        assert!(Scope::default().covers(&"330421104".parse().unwrap()));
        assert!(town.overlaps(&Scope { regions: vec!["330421103201".parse().unwrap()] }));
        assert!(!town.overlaps(&Scope { regions: vec!["330421104".parse().unwrap()] }));
    }

    #[test]
    fn a_missing_fact_is_unknown_and_never_false() {
        let yes = Operand::One(FactValue::Bool(true));
        let night = condition(Operator::Is, yes.clone());
        let not_night = condition(Operator::IsNot, yes);
        let none = BTreeMap::new();
        assert_eq!(night.holds(&none), Truth::Unknown);
        assert_eq!(not_night.holds(&none), Truth::Unknown);
        let declared = BTreeMap::from([("time.night".parse().unwrap(), FactValue::Bool(true))]);
        assert_eq!(night.holds(&declared), Truth::Yes);
        assert_eq!(not_night.holds(&declared), Truth::No);
        let other = Condition { fact: "other".parse().unwrap(), ..night.clone() };
        assert_eq!(Condition::all_hold(&[night.clone(), other.clone()], &declared), Truth::Unknown);
        assert_eq!(Condition::all_hold(&[other, not_night], &declared), Truth::No);
        assert_eq!(Condition::all_hold(&[], &declared), Truth::Yes);
    }

    #[test]
    fn a_list_of_values_is_compared_as_a_set() {
        let values = Operand::Many(vec![FactValue::Code("bar".into()), FactValue::Code("ktv".into())]);
        let declared = BTreeMap::from([("time.night".parse().unwrap(), FactValue::Code("ktv".into()))]);
        assert_eq!(condition(Operator::In, values.clone()).holds(&declared), Truth::Yes);
        assert_eq!(condition(Operator::NotIn, values).holds(&declared), Truth::No);
    }

    #[test]
    fn a_body_is_a_unit_or_the_town_of_the_place() {
        let place: RegionCode = "330421103201".parse().unwrap();
        let town: Body = serde_json::from_str("\"town\"").unwrap();
        assert_eq!(town.at(&place).as_str(), "town-330421103");
        let unit: Body = serde_json::from_str("\"ZF\"").unwrap();
        assert_eq!(unit.at(&place).as_str(), "ZF");
        assert_eq!(serde_json::to_string(&unit).unwrap(), "\"ZF\"");
    }
}
