//! 编码事实: what is known of a case in coded form; never free text written by a person.

use std::collections::BTreeMap;
use std::fmt;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::{Channel, FactCode, Malformed, MatterCode, ObjectTypeCode, RegionCode, Urgency};

/// How many matters one case may carry.
pub const MAX_MATTERS: usize = 16;
/// How many facts one case may declare.
pub const MAX_FACTS: usize = 64;

/// 事实值: yes or no, or a short code from the fact's own list.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(untagged)]
pub enum FactValue {
    /// Yes or no.
    Bool(bool),
    /// One of the codes the catalogue lists for the fact.
    Code(String),
}

impl FactValue {
    /// Reads `true`, `false` or a code; the way facts are written in files and on the command line.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        match text {
            "true" => Ok(Self::Bool(true)),
            "false" => Ok(Self::Bool(false)),
            code => FactCode::new(code).map(|code| Self::Code(code.into())),
        }
    }
}

impl fmt::Display for FactValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(value) => value.fmt(f),
            Self::Code(code) => f.write_str(code),
        }
    }
}

/// 案件事实: the coded facts a determination is made from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaseFacts {
    /// What it is about; at least one, none twice, the main one first.
    pub matters: Vec<MatterCode>,
    /// Where the problem is (never the complainant's home as such).
    pub region: RegionCode,
    /// What kind of premises or thing it happened at.
    pub object_type: ObjectTypeCode,
    /// What was declared or found, by the catalogue's codes; a fact that is missing is unknown, not false.
    pub declared: BTreeMap<FactCode, FactValue>,
    /// The day of the act, which decides the law that applies.
    pub act_on: Date,
    /// How it came in.
    pub channel: Channel,
    /// How soon someone must look at it.
    pub urgency: Urgency,
}

/// Why coded facts are refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FactsProblem {
    /// No matter was named.
    #[error("a case needs at least one matter")]
    NoMatter,
    /// Too many matters.
    #[error("a case carries {count} matters, {MAX_MATTERS} are allowed")]
    TooManyMatters {
        /// How many there are.
        count: usize,
    },
    /// The same matter twice.
    #[error("matter {0} is named twice")]
    Twice(MatterCode),
    /// Too many facts.
    #[error("a case declares {count} facts, {MAX_FACTS} are allowed")]
    TooManyFacts {
        /// How many there are.
        count: usize,
    },
    /// A value that is not a short code.
    #[error("fact {fact} has a value that is not a code")]
    Value {
        /// Which fact.
        fact: FactCode,
    },
}

impl CaseFacts {
    /// Checks the shape; whether the codes exist is the catalogue's question.
    pub fn check(&self) -> Result<(), FactsProblem> {
        if self.matters.is_empty() {
            return Err(FactsProblem::NoMatter);
        }
        if self.matters.len() > MAX_MATTERS {
            return Err(FactsProblem::TooManyMatters { count: self.matters.len() });
        }
        for (place, matter) in self.matters.iter().enumerate() {
            if self.matters.iter().take(place).any(|earlier| earlier == matter) {
                return Err(FactsProblem::Twice(matter.clone()));
            }
        }
        if self.declared.len() > MAX_FACTS {
            return Err(FactsProblem::TooManyFacts { count: self.declared.len() });
        }
        for (fact, value) in &self.declared {
            if matches!(value, FactValue::Code(code) if FactCode::new(code.as_str()).is_err()) {
                return Err(FactsProblem::Value { fact: fact.clone() });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failed test should panic
    use super::*;

    fn barbecue() -> CaseFacts {
        CaseFacts {
            matters: vec!["fume.barbecue.open_air".parse().unwrap(), "noise.trade.night".parse().unwrap()],
            region: "330421103".parse().unwrap(),
            object_type: "stall".parse().unwrap(),
            declared: BTreeMap::from([("premises.licensed".parse().unwrap(), FactValue::Bool(false))]),
            act_on: "2026-03-01".parse().unwrap(),
            channel: Channel::Phone,
            urgency: Urgency::Normal,
        }
    }

    #[test]
    fn facts_read_back_from_json() {
        let facts = barbecue();
        assert_eq!(facts.check(), Ok(()));
        let json = serde_json::to_string(&facts).unwrap();
        assert_eq!(serde_json::from_str::<CaseFacts>(&json).unwrap(), facts);
        assert!(json.contains("\"premises.licensed\":false"));
    }

    #[test]
    fn a_case_is_about_something_once_and_in_codes() {
        let mut facts = barbecue();
        facts.matters.push("noise.trade.night".parse().unwrap());
        assert!(matches!(facts.check(), Err(FactsProblem::Twice(_))));
        facts.matters.clear();
        assert_eq!(facts.check(), Err(FactsProblem::NoMatter));
        let mut facts = barbecue();
        facts.declared.insert("a".parse().unwrap(), FactValue::Code("自由文本".into()));
        assert!(matches!(facts.check(), Err(FactsProblem::Value { .. })));
    }

    #[test]
    fn a_value_is_read_the_way_it_is_written() {
        for text in ["true", "false", "night"] {
            assert_eq!(FactValue::parse(text).unwrap().to_string(), text);
        }
        assert!(FactValue::parse("any words").is_err());
    }
}
