//! 联合执法: what a joint operation may use and what the law asks of it.

use jiff::civil::{Date, Time};
use serde::{Deserialize, Serialize};
use vocab::{Citation, DayKind, MatterCode, ResourceCode, RuleCode, UnitCode};

use crate::Label;

/// 资源类型: what kind of thing can be booked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResourceKind {
    /// 车辆.
    Vehicle,
    /// 仪器.
    Instrument,
    /// 房间.
    Room,
}

/// 资源: a vehicle, an instrument or a room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Resource {
    /// Its code.
    pub code: ResourceCode,
    /// What it is.
    pub kind: ResourceKind,
    /// Its Chinese name.
    pub name: String,
    /// The unit it belongs to.
    pub unit: UnitCode,
    /// Seats of a vehicle or places of a room; 1 for an instrument.
    pub capacity: u32,
    /// The last day its calibration is valid, for instruments.
    #[serde(default)]
    pub calibrated_to: Option<Date>,
}

/// 日期筛选: the kinds of day a slot rule speaks of; empty means every day.
pub type DayFilter = Vec<DayKind>;

/// 禁止时段: when something must not be done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ForbiddenSlot {
    /// Its code.
    pub code: RuleCode,
    /// True when only compulsory enforcement is forbidden, not inspection.
    pub compulsory_only: bool,
    /// The kinds of day; empty means every day.
    #[serde(default)]
    pub days: DayFilter,
    /// From this time of day …
    pub from: Time,
    /// … to this one, over midnight when it is the earlier; both equal means the whole day.
    pub to: Time,
    /// True when an urgent situation lifts it.
    pub lifted_when_urgent: bool,
    /// The article.
    pub citation: Citation,
    /// Why, in words.
    pub reason: Label,
}

impl ForbiddenSlot {
    /// True when the rule speaks of this kind of day and this time of day.
    #[must_use]
    pub fn covers(&self, day: DayKind, time: Time) -> bool {
        let on_day = self.days.is_empty() || self.days.contains(&day);
        on_day
            && match self.from.cmp(&self.to) {
                std::cmp::Ordering::Equal => true,
                std::cmp::Ordering::Less => self.from <= time && time < self.to,
                std::cmp::Ordering::Greater => time >= self.from || time < self.to,
            }
    }
}

/// 宜查时段: the hours in which a matter shows itself, e.g. a barbecue stall at night; others are planned in office hours.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MatterHours {
    /// The matters; each also stands for the matters below it (`noise.trade` for `noise.trade.night`).
    pub matters: Vec<MatterCode>,
    /// From this time of day …
    pub from: Time,
    /// … to this one, over midnight when it is the earlier.
    pub to: Time,
    /// Why, in words.
    pub reason: Label,
}

/// 现场要求: a duty prompted and checked while an operation runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Check {
    /// Its code.
    pub code: RuleCode,
    /// What must be done.
    pub name: Label,
    /// The article.
    pub citation: Citation,
}

/// 联合执法设置: the rules the planner keeps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OperationSettings {
    /// How many certified officers each enforcing body must send.
    pub min_certified_officers: u32,
    /// The article that says so.
    pub min_certified_citation: Citation,
    /// Slots begin at multiples of so many minutes.
    pub slot_minutes: u32,
    /// How long an operation takes unless its plan says otherwise.
    pub default_minutes: u32,
    /// How much time participants must have between being told and the start.
    pub lead_minutes: u32,
    /// How many days ahead the planner looks.
    pub horizon_days: u32,
    /// The clock in which participants confirm.
    pub confirm_rule: RuleCode,
    /// When a matter can be met with; matters that are not named are planned in office hours.
    #[serde(default)]
    pub matter_hours: Vec<MatterHours>,
    /// When what is forbidden.
    pub forbidden_slots: Vec<ForbiddenSlot>,
    /// What is prompted and checked on the spot.
    pub checks: Vec<Check>,
}
