//! 权责清单: who may do what, who must do what, and which rule splits an overlap.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use vocab::{
    Body, Citation, Condition, Duty, MatterCode, ObjectTypeCode, PowerItemCode, RuleCode, Scope, UnitCode, Validity,
};

/// 持有: who holds an item, where and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Holding {
    /// The unit, or `town` for the town government of the place.
    pub holder: Body,
    /// Where; the whole county unless towns are named.
    #[serde(default, skip_serializing_if = "Scope::is_county")]
    pub towns: Scope,
    /// When.
    pub validity: Validity,
    /// 来源: the law itself, or the local document that designates the holder.
    pub source: String,
}

/// 保留职责: the duty a former holder keeps after its penalty power moved (浙江省综合行政执法条例第十六条).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeptDuty {
    /// What it still does: supervision and technical support, coded `assist` or `identify`.
    pub duties: Vec<Duty>,
    /// The article.
    pub citation: Citation,
}

/// 划转: how an item came to its present holder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Transfer {
    /// The former holder.
    pub from: Body,
    /// The present one.
    pub to: Body,
    /// By which document.
    pub basis: String,
    /// Since when.
    pub since: Date,
    /// What the former holder keeps.
    pub kept: KeptDuty,
}

/// 权力事项: one entry of the power list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PowerItem {
    /// Its code, e.g. `PI012`.
    pub code: PowerItemCode,
    /// Chinese name.
    pub zh: String,
    /// English name, when there is one.
    #[serde(default)]
    pub en: String,
    /// The matters it covers.
    pub matters: Vec<MatterCode>,
    /// The kinds of object it covers; empty means any.
    #[serde(default)]
    pub object_types: Vec<ObjectTypeCode>,
    /// The facts that must hold; all of them.
    #[serde(default)]
    pub conditions: Vec<Condition>,
    /// The article.
    pub citation: Citation,
    /// When the article is in force; the day of the act decides.
    pub validity: Validity,
    /// What the holder does by it: usually investigate and punish.
    pub duties: Vec<Duty>,
    /// Who holds it here, by place and time.
    pub holdings: Vec<Holding>,
    /// True when the law leaves the holder to the local government.
    #[serde(default)]
    pub designated_by_government: bool,
    /// How it came to comprehensive enforcement or to a town, if it did.
    #[serde(default)]
    pub transfer: Option<Transfer>,
    /// The item of the new law that takes this one's place.
    #[serde(default)]
    pub replaced_by: Option<PowerItemCode>,
}

/// 责任事项: one entry of the responsibility list, what a unit must do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResponsibilityItem {
    /// Its code, e.g. `RI003`; power and responsibility items share one name space.
    pub code: PowerItemCode,
    /// Chinese name.
    pub zh: String,
    /// English name.
    pub en: String,
    /// The unit, or `town`.
    pub unit: Body,
    /// The matters it concerns.
    pub matters: Vec<MatterCode>,
    /// The kinds of object; empty means any.
    #[serde(default)]
    pub object_types: Vec<ObjectTypeCode>,
    /// The facts that must hold; all of them.
    #[serde(default)]
    pub conditions: Vec<Condition>,
    /// What the unit must do.
    pub duties: Vec<Duty>,
    /// Where; the whole county unless towns are named.
    #[serde(default, skip_serializing_if = "Scope::is_county")]
    pub towns: Scope,
    /// The article.
    pub citation: Citation,
    /// When.
    pub validity: Validity,
}

/// 边界规则: how an overlap is split; the first rule that applies decides, in the order of the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BoundaryRule {
    /// Its code.
    pub code: RuleCode,
    /// Chinese name.
    pub zh: String,
    /// English name.
    pub en: String,
    /// Matters that must all be among the case's.
    #[serde(default)]
    pub all_of: Vec<MatterCode>,
    /// Matters of which one must be among the case's; empty asks nothing.
    #[serde(default)]
    pub any_of: Vec<MatterCode>,
    /// The kinds of object; empty means any.
    #[serde(default)]
    pub object_types: Vec<ObjectTypeCode>,
    /// The facts that must hold; all of them.
    #[serde(default)]
    pub conditions: Vec<Condition>,
    /// Where; the whole county unless towns are named.
    #[serde(default, skip_serializing_if = "Scope::is_county")]
    pub towns: Scope,
    /// Who leads.
    pub lead: Body,
    /// Who supports.
    #[serde(default)]
    pub support: Vec<Body>,
    /// Which document says so.
    pub source: String,
    /// When.
    pub validity: Validity,
}

impl PowerItem {
    /// The holding in force for a place and a day.
    pub fn holdings_at<'item>(
        &'item self,
        region: &vocab::RegionCode,
        day: Date,
    ) -> impl Iterator<Item = &'item Holding> {
        let region = region.clone();
        self.holdings.iter().filter(move |holding| holding.validity.covers(day) && holding.towns.covers(&region))
    }

    /// Every unit that holds the item at a place on a day, each once.
    #[must_use]
    pub fn holders_at(&self, region: &vocab::RegionCode, day: Date) -> Vec<UnitCode> {
        let mut units: Vec<_> = self.holdings_at(region, day).map(|holding| holding.holder.at(region)).collect();
        units.sort();
        units.dedup();
        units
    }
}
