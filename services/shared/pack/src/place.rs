//! The county, its places, and the catalogues a complaint is coded with.

use serde::{Deserialize, Serialize};
use vocab::{FactCode, MatterCode, ObjectTypeCode, RegionCode, UnitCode};

/// 县: the county this pack belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct County {
    /// Six digits, e.g. `330421`.
    pub code: String,
    /// Chinese name.
    pub zh: String,
    /// English name.
    pub en: String,
    /// What case numbers begin with, e.g. `JS` in `JS-2026-000123`.
    pub case_prefix: String,
    /// The time zone's name; days are counted in Beijing time.
    pub zone: String,
    /// The rule profile in use, e.g. `XF2022`.
    pub profile: String,
    /// A sentence on what in this pack is sample data.
    #[serde(default)]
    pub note: String,
}

/// 镇（街道）: a town or street.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Town {
    /// Nine digits.
    pub code: RegionCode,
    /// Chinese name.
    pub name: String,
    /// Name in Latin letters.
    pub name_en: String,
    /// 镇 or 街道.
    pub kind: String,
}

impl Town {
    /// The town government.
    #[must_use]
    pub fn unit(&self) -> UnitCode {
        UnitCode::town_of(&self.code)
    }
}

/// 村（社区）: a village or community.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Village {
    /// Twelve digits.
    pub code: RegionCode,
    /// Chinese name.
    pub name: String,
    /// 村 or 社区.
    pub kind: String,
}

/// 事件大类: a class under which matters are counted and analysed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EventClass {
    /// Its code.
    pub code: String,
    /// Chinese name.
    pub zh: String,
    /// English name.
    pub en: String,
}

/// 事项: something a complaint can be about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Matter {
    /// Its code, e.g. `noise.trade.night`.
    pub code: MatterCode,
    /// Chinese name.
    pub zh: String,
    /// English name.
    pub en: String,
    /// The matter this one is a kind of; a parent groups, cases carry leaves.
    #[serde(default)]
    pub parent: Option<MatterCode>,
    /// The class it is counted in.
    pub event_class: String,
    /// 已知盲区: why nobody on any list answers for it; empty of all others.
    #[serde(default)]
    pub gap_note: String,
}

/// 对象类型: a kind of premises or thing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ObjectType {
    /// Its code.
    pub code: ObjectTypeCode,
    /// Chinese name.
    pub zh: String,
    /// English name.
    pub en: String,
}

/// 事实类型: what values a fact takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FactKind {
    /// Yes or no.
    Bool,
    /// One of a list of codes.
    Code,
}

/// 事实: something a determination may depend on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fact {
    /// Its code, e.g. `premises.licensed`.
    pub code: FactCode,
    /// Chinese name.
    pub zh: String,
    /// English name.
    pub en: String,
    /// What values it takes.
    pub kind: FactKind,
    /// The codes it may have, when it is one of a list.
    #[serde(default)]
    pub values: Vec<String>,
    /// The question asked when it is missing, in Chinese.
    pub question_zh: String,
    /// The same in English.
    pub question_en: String,
}
