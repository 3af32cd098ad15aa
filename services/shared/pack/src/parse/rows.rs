//! How the tables are written as CSV: short cells, lists separated by `;`.

use std::str::FromStr;

use jiff::civil::Date;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use vocab::{
    AccountCode, CalendarDay, FactCode, MatterCode, ObjectTypeCode, PersonCode, PostCode, RegionCode, ResourceCode,
    UnitCode,
};

use crate::operations::ResourceKind;
use crate::organisation::{Account, AccountKind, AccountRole, Certificate, Officer, OrganisationUnit, UnitKind};
use crate::place::{Fact, FactKind, Matter};
use crate::{ObjectType, Resource};

fn listed<'de, T: FromStr<Err: std::fmt::Display>, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<T>, D::Error> {
    let text = String::deserialize(deserializer)?;
    let items = text.split(';').map(str::trim).filter(|item| !item.is_empty());
    // A pack's own words may be repeated: they are no person's, and one of several has to be found.
    items.map(|item| item.parse().map_err(|error| D::Error::custom(format!("“{item}” {error}")))).collect()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct UnitRow {
    pub code: UnitCode,
    pub name: String,
    pub name_en: String,
    pub standard_name: String,
    #[serde(deserialize_with = "listed")]
    pub aliases: Vec<String>,
    pub kind: UnitKind,
    pub parent: Option<UnitCode>,
    pub enforcing: bool,
    pub region: Option<RegionCode>,
    pub field_zh: String,
}

impl From<UnitRow> for OrganisationUnit {
    fn from(row: UnitRow) -> Self {
        Self {
            code: row.code,
            name: row.name,
            name_en: row.name_en,
            standard_name: row.standard_name,
            aliases: row.aliases,
            kind: row.kind,
            parent: row.parent,
            enforcing: row.enforcing,
            region: row.region,
            field_zh: row.field_zh,
        }
    }
}

/// A post's person may be missing in the file; that is a mistake of its own, with its own words.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PostRow {
    pub code: PostCode,
    pub unit: UnitCode,
    pub kind: String,
    pub title_zh: String,
    pub title_en: String,
    pub person: Option<PersonCode>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AccountRow {
    pub id: AccountCode,
    pub unit: UnitCode,
    pub kind: AccountKind,
    pub person: Option<PersonCode>,
    #[serde(deserialize_with = "listed")]
    pub roles: Vec<AccountRole>,
}

impl From<AccountRow> for Account {
    fn from(row: AccountRow) -> Self {
        Self { id: row.id, unit: row.unit, kind: row.kind, person: row.person, roles: row.roles }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OfficerRow {
    pub person: PersonCode,
    pub unit: UnitCode,
    pub certificate: Option<String>,
    pub valid_from: Option<Date>,
    pub valid_to: Option<Date>,
    pub auxiliary: bool,
}

impl OfficerRow {
    /// The officer, or nothing when a certificate lacks its dates.
    pub fn read(&self) -> Option<Officer> {
        let certificate = match (&self.certificate, self.valid_from, self.valid_to) {
            (Some(number), Some(valid_from), Some(valid_to)) => {
                Some(Certificate { number: number.clone(), valid_from, valid_to })
            }
            (None, None, None) => None,
            _ => return None,
        };
        Some(Officer { person: self.person.clone(), unit: self.unit.clone(), certificate, auxiliary: self.auxiliary })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ResourceRow {
    pub code: ResourceCode,
    pub kind: ResourceKind,
    pub name: String,
    pub unit: UnitCode,
    pub capacity: u32,
    pub calibrated_to: Option<Date>,
}

impl From<ResourceRow> for Resource {
    fn from(row: ResourceRow) -> Self {
        Self {
            code: row.code,
            kind: row.kind,
            name: row.name,
            unit: row.unit,
            capacity: row.capacity,
            calibrated_to: row.calibrated_to,
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MatterRow {
    pub code: MatterCode,
    pub zh: String,
    pub en: String,
    pub parent: Option<MatterCode>,
    pub event_class: String,
    pub gap_note: String,
}

impl From<MatterRow> for Matter {
    fn from(row: MatterRow) -> Self {
        Self {
            code: row.code,
            zh: row.zh,
            en: row.en,
            parent: row.parent,
            event_class: row.event_class,
            gap_note: row.gap_note,
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ObjectTypeRow {
    pub code: ObjectTypeCode,
    pub zh: String,
    pub en: String,
}

impl From<ObjectTypeRow> for ObjectType {
    fn from(row: ObjectTypeRow) -> Self {
        Self { code: row.code, zh: row.zh, en: row.en }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FactRow {
    pub code: FactCode,
    pub zh: String,
    pub en: String,
    pub kind: FactKind,
    #[serde(deserialize_with = "listed")]
    pub values: Vec<String>,
    pub question_zh: String,
    pub question_en: String,
}

impl From<FactRow> for Fact {
    fn from(row: FactRow) -> Self {
        Self {
            code: row.code,
            zh: row.zh,
            en: row.en,
            kind: row.kind,
            values: row.values,
            question_zh: row.question_zh,
            question_en: row.question_en,
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CalendarDayRow {
    pub date: Date,
    pub working: bool,
    pub source: String,
}

impl CalendarDayRow {
    pub fn day(&self) -> CalendarDay {
        CalendarDay { working: self.working, source: self.source.clone() }
    }
}
