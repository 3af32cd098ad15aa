//! 县域配置包: everything a county or a lawyer may change — places, units, lists, rules, calendar, templates — typed,
//! checked as a whole, and named by the hash of its content. Parsing works on bytes in memory; only [`disk`] reads files.

mod check;
pub mod disk;
pub mod intake;
pub mod journey;
pub mod lists;
pub mod operations;
pub mod organisation;
mod parse;
pub mod place;
pub mod rules;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use vocab::{Calendar, ClockRule, Lang, MatterCode, RegionCode, RuleCode, TemplateCode, UnitCode};

pub use intake::{AcceptanceRule, DeclineCode, Finding, ModeRule, NoClerkClass, Template, TrackRule};
pub use journey::Journey;
pub use lists::{BoundaryRule, Holding, KeptDuty, PowerItem, ResponsibilityItem, Transfer};
pub use operations::{Check, DayFilter, ForbiddenSlot, MatterHours, OperationSettings, Resource, ResourceKind};
pub use organisation::{
    Account, AccountKind, AccountRole, Certificate, Officer, OrganisationUnit, Person, Post, UnitKind,
};
pub use parse::{Mistake, parse};
pub use place::{County, EventClass, Fact, FactKind, Matter, ObjectType, Town, Village};
pub use rules::{
    Agreement, Assessment, AssessmentItem, CallbackScheme, ConsultationSettings, GradeBand, Ladder, QuietHours,
    RateDefinition, Rung, RungKind, RungSide, UnitGroup,
};

/// 配置包: one county's whole configuration, valid as a whole.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pack {
    /// 县.
    pub county: County,
    /// 镇（街道）.
    pub towns: Vec<Town>,
    /// 村（社区）.
    pub villages: Vec<Village>,
    /// 部门、镇政府、中心.
    pub units: Vec<OrganisationUnit>,
    /// 岗位.
    pub posts: Vec<Post>,
    /// 人员.
    pub persons: Vec<Person>,
    /// 账号.
    pub accounts: Vec<Account>,
    /// 执法人员与辅助人员.
    pub officers: Vec<Officer>,
    /// 车辆、仪器、房间.
    pub resources: Vec<Resource>,
    /// 事件大类.
    pub event_classes: Vec<EventClass>,
    /// 事项目录.
    pub matters: Vec<Matter>,
    /// 对象类型.
    pub object_types: Vec<ObjectType>,
    /// 事实目录.
    pub facts: Vec<Fact>,
    /// 权力清单.
    pub power_items: Vec<PowerItem>,
    /// 责任清单.
    pub responsibility_items: Vec<ResponsibilityItem>,
    /// 职责边界规则.
    pub boundary_rules: Vec<BoundaryRule>,
    /// 不予受理与不再受理规则.
    pub acceptance_rules: Vec<AcceptanceRule>,
    /// 登记即受理的类别.
    pub no_clerk: Vec<NoClerkClass>,
    /// 五办.
    pub modes: Vec<ModeRule>,
    /// 三种途径.
    pub tracks: Vec<TrackRule>,
    /// 期限规则, those of every profile; [`Pack::active_clock_rules`] gives the ones in use.
    pub clock_rules: Vec<ClockRule>,
    /// 工作日历.
    pub calendar: Calendar,
    /// 督办阶梯.
    pub ladder: Ladder,
    /// 会商设置.
    pub consultation: ConsultationSettings,
    /// 协作配合协议.
    pub agreements: Vec<Agreement>,
    /// 回访方案.
    pub callback: CallbackScheme,
    /// 考核方案.
    pub assessment: Assessment,
    /// 文书模板.
    pub templates: Vec<Template>,
    /// 联合执法设置.
    pub operations: OperationSettings,
    /// 流程剧本.
    pub journeys: Vec<Journey>,
}

/// Why a pack cannot be read back or written as one document.
#[derive(Debug, thiserror::Error)]
pub enum CanonicalError {
    /// The bytes are not the canonical document of a pack.
    #[error("the bytes are not a pack: {0}")]
    Unreadable(#[source] serde_json::Error),
    /// The pack cannot be written as JSON.
    #[error("the pack cannot be written: {0}")]
    Unwritable(#[source] serde_json::Error),
}

impl Pack {
    /// The one document that stands for this pack: JSON with fields in a fixed order, the same bytes for the same content.
    pub fn canonical_bytes(&self) -> Result<Vec<u8>, CanonicalError> {
        serde_json::to_vec(self).map_err(CanonicalError::Unwritable)
    }

    /// The SHA-256 of the canonical document in hexadecimal: the version every event cites.
    pub fn hash(&self) -> Result<String, CanonicalError> {
        Ok(hash_of(&self.canonical_bytes()?))
    }

    /// Reads a canonical document; it was checked when it was made, so only its shape is checked here.
    pub fn from_canonical(bytes: &[u8]) -> Result<Self, CanonicalError> {
        serde_json::from_slice(bytes).map_err(CanonicalError::Unreadable)
    }

    /// The unit with this code.
    #[must_use]
    pub fn unit(&self, code: &UnitCode) -> Option<&OrganisationUnit> {
        self.units.iter().find(|unit| unit.code == *code)
    }

    /// The coordination centre.
    #[must_use]
    pub fn centre(&self) -> Option<&OrganisationUnit> {
        self.units.iter().find(|unit| unit.kind == UnitKind::Centre)
    }

    /// The posts of a unit.
    pub fn posts_of<'pack>(&'pack self, unit: &UnitCode) -> impl Iterator<Item = &'pack Post> {
        let unit = unit.clone();
        self.posts.iter().filter(move |post| post.unit == unit)
    }

    /// The matter with this code.
    #[must_use]
    pub fn matter(&self, code: &MatterCode) -> Option<&Matter> {
        self.matters.iter().find(|matter| matter.code == *code)
    }

    /// The clock rule with this code.
    #[must_use]
    pub fn clock_rule(&self, id: &RuleCode) -> Option<&ClockRule> {
        self.clock_rules.iter().find(|rule| rule.id == *id)
    }

    /// The clock rules this county uses.
    pub fn active_clock_rules(&self) -> impl Iterator<Item = &ClockRule> {
        self.clock_rules.iter().filter(|rule| rule.active)
    }

    /// The template with this code.
    #[must_use]
    pub fn template(&self, code: &TemplateCode) -> Option<&Template> {
        self.templates.iter().find(|template| template.code == *code)
    }

    /// The name of a town, or of a village with its town's before it.
    #[must_use]
    pub fn region_name(&self, code: &RegionCode) -> Option<String> {
        let town = self.towns.iter().find(|town| town.code == code.town())?;
        if !code.is_village() {
            return Some(town.name.clone());
        }
        let village = self.villages.iter().find(|village| village.code == *code)?;
        Some(format!("{}{}", town.name, village.name))
    }
}

/// The hash of a canonical document.
#[must_use]
pub fn hash_of(canonical: &[u8]) -> String {
    hex::encode(Sha256::digest(canonical))
}

/// 双语文字: one text in Chinese and English.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Label {
    /// Chinese.
    pub zh: String,
    /// English.
    pub en: String,
}

impl Label {
    /// The text in the reader's language.
    #[must_use]
    pub fn get(&self, lang: Lang) -> &str {
        match lang {
            Lang::Zh => &self.zh,
            Lang::En => &self.en,
        }
    }
}
