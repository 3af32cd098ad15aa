//! 执法人员: the hard rules about people. At least two certified officers for each enforcing body (行政处罚法第四十二条,
//! 行政强制法第十八条), the certificate valid on the day, nobody with an interest in the matter, assistants never counted.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use vocab::{PersonCode, UnitCode};

use crate::{Span, Words};

/// 执法证.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Certificate {
    /// Its number.
    pub number: String,
    /// The first day it is valid.
    pub valid_from: Date,
    /// The last day it is valid.
    pub valid_to: Date,
}

/// 执法人员或辅助人员, with the certificate as it now stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Officer {
    /// The person.
    pub code: PersonCode,
    /// The unit in whose name the person acts.
    pub unit: UnitCode,
    /// The certificate; assistants have none.
    #[serde(default)]
    pub certificate: Option<Certificate>,
    /// 辅助人员: can never count as an officer.
    pub auxiliary: bool,
    /// Since when the person is suspended from enforcement, if so.
    #[serde(default)]
    pub suspended_since: Option<jiff::Timestamp>,
    /// False of someone the county's pack no longer lists.
    #[serde(default = "listed")]
    pub listed: bool,
    /// The number the pack named when the certificate was last recorded by hand; a new number in the pack ends the record.
    #[serde(default)]
    pub recorded_over: Option<String>,
}

const fn listed() -> bool {
    true
}

/// 名册: everybody a decision may look at.
pub type Roster = BTreeMap<PersonCode, Officer>;

/// 障碍: why a person cannot act as an officer here and now.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "bar", rename_all = "snake_case")]
pub enum Bar {
    /// Nobody of that code.
    Unknown,
    /// Of another unit.
    OtherUnit,
    /// 辅助人员.
    Auxiliary,
    /// No certificate at all.
    NoCertificate,
    /// The certificate is not valid yet.
    NotYetValid {
        /// Its first day.
        from: Date,
    },
    /// The certificate has run out.
    Expired {
        /// Its last day.
        on: Date,
    },
    /// 暂停执法.
    Suspended,
    /// 回避.
    Recused,
    /// In another operation at that time.
    Booked,
    /// Not among those the plan names.
    NotPlanned,
    /// Named twice.
    Twice,
}

impl Bar {
    /// The word on the wire.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::OtherUnit => "other_unit",
            Self::Auxiliary => "auxiliary",
            Self::NoCertificate => "no_certificate",
            Self::NotYetValid { .. } => "not_yet_valid",
            Self::Expired { .. } => "expired",
            Self::Suspended => "suspended",
            Self::Recused => "recused",
            Self::Booked => "booked",
            Self::NotPlanned => "not_planned",
            Self::Twice => "twice",
        }
    }

    /// In words, after a person's code.
    #[must_use]
    pub fn say(&self) -> Words {
        match self {
            Self::Unknown => Words::new("不在执法人员名册中", "is not on the roster"),
            Self::OtherUnit => Words::new("不属于该单位", "belongs to another unit"),
            Self::Auxiliary => {
                Words::new("为辅助人员, 不计入执法人员", "is an assistant and never counts as an officer")
            }
            Self::NoCertificate => Words::new("没有执法证", "has no certificate"),
            Self::NotYetValid { from } => {
                Words::new(format!("执法证自 {from} 起方有效"), format!("has a certificate valid only from {from}"))
            }
            Self::Expired { on } => {
                Words::new(format!("执法证已于 {on} 到期"), format!("has a certificate that was valid until {on}"))
            }
            Self::Suspended => Words::new("已暂停执法", "is suspended from enforcement"),
            Self::Recused => Words::new("应当回避", "must recuse"),
            Self::Booked => Words::new("该时段已有其他行动", "is in another operation at that time"),
            Self::NotPlanned => {
                Words::new("未列入行动方案, 请先调整人员", "is not in the plan; replace officers first")
            }
            Self::Twice => Words::new("重复列出", "is named twice"),
        }
    }
}

impl Officer {
    /// What keeps the person from acting as an officer on every day of the span, apart from other operations.
    #[must_use]
    pub fn bar_during(&self, span: &Span) -> Option<Bar> {
        span.days().into_iter().find_map(|day| self.bar_on(day))
    }

    /// What keeps the person from acting as an officer on a day.
    #[must_use]
    pub fn bar_on(&self, day: Date) -> Option<Bar> {
        if !self.listed {
            return Some(Bar::Unknown);
        }
        if self.auxiliary {
            return Some(Bar::Auxiliary);
        }
        if self.suspended_since.is_some() {
            return Some(Bar::Suspended);
        }
        match &self.certificate {
            None => Some(Bar::NoCertificate),
            Some(certificate) if day < certificate.valid_from => {
                Some(Bar::NotYetValid { from: certificate.valid_from })
            }
            Some(certificate) if certificate.valid_to < day => Some(Bar::Expired { on: certificate.valid_to }),
            Some(_) => None,
        }
    }
}

/// 违反硬性规定: one thing that is wrong with a crew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Breach {
    /// A person who cannot act.
    Person {
        /// Who.
        code: PersonCode,
        /// Why.
        bar: Bar,
    },
    /// Too few who count.
    TooFew {
        /// The enforcing body.
        unit: UnitCode,
        /// How many the law asks for.
        needed: u32,
        /// How many count.
        certified: u32,
    },
}

impl Breach {
    /// In words.
    #[must_use]
    pub fn say(&self) -> Words {
        match self {
            Self::Person { code, bar } => {
                let bar = bar.say();
                Words::new(format!("{code} {}", bar.zh), format!("{code} {}", bar.en))
            }
            Self::TooFew { unit, needed, certified } => Words::new(
                format!("{unit} 须有不少于 {needed} 名持有效执法证的执法人员, 现有 {certified} 名"),
                format!("{unit} must have at least {needed} certified officers, {certified} count"),
            ),
        }
    }
}

/// Checks people against every rule that does not need the other operations. Assistants may come along where
/// `with_assistants` says so; they are never counted.
#[must_use]
pub fn breaches(
    unit: &UnitCode,
    people: &[PersonCode],
    needed: u32,
    roster: &Roster,
    span: &Span,
    recused: &BTreeSet<PersonCode>,
    with_assistants: bool,
) -> Vec<Breach> {
    let mut found = Vec::new();
    let mut seen = BTreeSet::new();
    let mut certified = 0;
    for code in people {
        let bar = if seen.insert(code) { bar_of(unit, code, roster, span, recused) } else { Some(Bar::Twice) };
        match bar {
            None => certified += 1,
            Some(Bar::Auxiliary) if with_assistants => {}
            Some(bar) => found.push(Breach::Person { code: code.clone(), bar }),
        }
    }
    if certified < needed {
        found.push(Breach::TooFew { unit: unit.clone(), needed, certified });
    }
    found
}

fn bar_of(
    unit: &UnitCode,
    code: &PersonCode,
    roster: &Roster,
    span: &Span,
    recused: &BTreeSet<PersonCode>,
) -> Option<Bar> {
    let Some(officer) = roster.get(code) else { return Some(Bar::Unknown) };
    if officer.unit != *unit {
        return Some(Bar::OtherUnit);
    }
    if recused.contains(code) {
        return Some(Bar::Recused);
    }
    officer.bar_during(span)
}
