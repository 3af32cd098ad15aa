//! 法定期限: rules of how long something may take, and the day on which it is due.

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::list::Validity;
use crate::{Channel, Citation, FactCode, FactValue, HandlingMode, RuleCode, Track, Urgency};

/// The longest period a rule may set, in its unit.
pub const MAX_AMOUNT: u32 = 10_000;

/// 期限单位: what a period is counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// 分钟: minutes, day and night.
    Minute,
    /// 小时: hours, day and night.
    Hour,
    /// 工作小时: hours within office hours.
    Workhour,
    /// 日: calendar days.
    Day,
    /// 工作日: working days.
    Workday,
}

/// 义务人: who must act before a clock runs out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Holder {
    /// 联合执法中心: the centre itself.
    Centre,
    /// 接待窗口: the desk that received the complaint.
    Desk,
    /// 主办单位: the unit that leads.
    Lead,
    /// 承办单位: each unit that holds a work order, a letter or an order.
    Handler,
    /// 信访人: the complainant.
    Complainant,
    /// 上级机关: the superior body that decides a dispute.
    Superior,
}

/// 延长: a lawful extension.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Extension {
    /// The longest extension.
    pub max_amount: u32,
    /// What it is counted in.
    pub unit: Unit,
    /// How often; the law allows once.
    pub times: u32,
    /// The kind of post that may approve it, e.g. `unit_head`.
    pub approver: String,
    /// The article that allows it.
    pub citation: Citation,
}

/// 预警: how long before the end a warning is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WarnBefore {
    /// How many.
    pub amount: u32,
    /// Of what.
    pub unit: Unit,
}

/// 适用范围: which cases a clock belongs to; an empty list means any.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Applies {
    /// Ways in.
    pub channels: Vec<Channel>,
    /// Ways of handling.
    pub modes: Vec<HandlingMode>,
    /// Tracks.
    pub tracks: Vec<Track>,
    /// Degrees of urgency.
    pub urgencies: Vec<Urgency>,
    /// Facts that must be declared with these values.
    pub facts: std::collections::BTreeMap<FactCode, FactValue>,
}

/// 期限规则: one statutory period, as data with its article.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClockRule {
    /// Its code, e.g. `xf.finish`.
    pub id: RuleCode,
    /// Chinese name.
    pub zh: String,
    /// English name.
    pub en: String,
    /// How many units.
    pub amount: u32,
    /// Which unit.
    pub unit: Unit,
    /// The article that sets it.
    pub citation: Citation,
    /// True when a last day that is not worked moves to the next working day (民法典 203).
    pub roll_last_day: bool,
    /// The event that starts it, e.g. `intake.case.accepted`.
    pub anchor: String,
    /// The events that stop it.
    pub stops: Vec<String>,
    /// The reasons for which it may pause; a closed list, often empty.
    #[serde(default)]
    pub pausable: Vec<String>,
    /// How it may be extended, if at all.
    #[serde(default)]
    pub extension: Option<Extension>,
    /// When to warn.
    #[serde(default)]
    pub warn_before: Vec<WarnBefore>,
    /// Who must act.
    pub holder: Holder,
    /// The rule profile it belongs to, e.g. `XF2022`; several may exist, a county runs one of each family.
    pub profile: String,
    /// False of a rule kept for reference or for another profile.
    pub active: bool,
    /// Which cases it belongs to.
    #[serde(default)]
    pub applies: Applies,
    /// When the rule itself is in force.
    pub validity: Validity,
    /// Doubts about the rule, for the lawyer who corrects it.
    #[serde(default)]
    pub note: String,
}

/// 中止: a stretch of time that does not count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pause {
    /// One of the rule's pausable reasons.
    pub reason: String,
    /// From when.
    pub from: Timestamp,
    /// Until when; none while it lasts.
    pub until: Option<Timestamp>,
}

/// 到期日: when a period ends, and why then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DueDate {
    /// The rule it was counted by.
    pub rule: RuleCode,
    /// The last instant that is in time; for days it is 24:00 of the last day, Beijing time, less a microsecond.
    pub due_at: Timestamp,
    /// The last day before it was moved off a day that is not worked; the internal alarm watches this one.
    pub raw_on: Date,
    /// The last day.
    pub rolled_on: Date,
    /// True when the calendar of some counted day may still change.
    pub provisional: bool,
    /// The calendar it was counted with.
    pub calendar_version: u32,
    /// The steps of the count, in order.
    pub explanation: Vec<ExplainStep>,
}

/// 计算步骤: one step of a count; `zh()` and `en()` say it in words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "snake_case")]
pub enum ExplainStep {
    /// The event that started it.
    Anchored {
        /// When it happened.
        at: Timestamp,
        /// Its day.
        on: Date,
    },
    /// The rule and its amount.
    Ruled {
        /// How many.
        amount: u32,
        /// Of what.
        unit: Unit,
        /// By which article.
        citation: Citation,
    },
    /// The day of the event does not count; counting begins here (民法典 201).
    FirstDay {
        /// The first day that counts.
        on: Date,
    },
    /// Days that are not worked do not count.
    Skipped {
        /// The first of them.
        from: Date,
        /// The last of them.
        to: Date,
        /// The festival, or nothing for weekends.
        source: String,
    },
    /// A weekend day that is worked counts.
    MadeUp {
        /// Which day.
        on: Date,
        /// The notice that says so.
        source: String,
    },
    /// Days, or for hours minutes, that did not count because the clock was paused.
    Paused {
        /// Why.
        reason: String,
        /// From when.
        from: Timestamp,
        /// Until when.
        until: Timestamp,
    },
    /// The extension that was granted.
    Extended {
        /// How many.
        amount: u32,
        /// Of what.
        unit: Unit,
        /// By which article.
        citation: Citation,
    },
    /// Where the count ends.
    Reached {
        /// The last day.
        on: Date,
    },
    /// The last day is not worked, so the next working day takes its place (民法典 203).
    Rolled {
        /// From this day.
        from: Date,
        /// To this one.
        to: Date,
    },
    /// From this day the yearly notice is not out, so the result may move.
    Provisional {
        /// The first such day.
        from: Date,
    },
    /// The result.
    Ends {
        /// The last instant that is in time.
        at: Timestamp,
    },
}

/// Why a due date cannot be given.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClockError {
    /// The clock stands still, so no day can be named yet.
    #[error("the clock has been paused since {from} ({reason})")]
    Paused {
        /// Why.
        reason: String,
        /// Since when.
        from: Timestamp,
    },
    /// A reason the rule does not list.
    #[error("rule {rule} does not pause for “{reason}”")]
    NotPausable {
        /// The rule.
        rule: RuleCode,
        /// The reason given.
        reason: String,
    },
    /// A pause that ends before it begins.
    #[error("a pause ends at {until}, before it begins at {from}")]
    PauseBackwards {
        /// Begin.
        from: Timestamp,
        /// End.
        until: Timestamp,
    },
    /// The rule knows no extension, or not one this long.
    #[error("rule {rule} allows no extension of {granted}")]
    ExtensionRefused {
        /// The rule.
        rule: RuleCode,
        /// What was asked for.
        granted: u32,
    },
    /// A period longer than any law has.
    #[error("a period of {amount} is longer than {MAX_AMOUNT}")]
    TooLong {
        /// The amount.
        amount: u32,
    },
    /// A unit that cannot follow the other one.
    #[error("a period in {first:?} cannot be extended in {second:?}")]
    UnitMismatch {
        /// The rule's unit.
        first: Unit,
        /// The extension's unit.
        second: Unit,
    },
    /// Office hours are needed and the calendar has none.
    #[error("the calendar has no office hours to count")]
    NoOfficeHours,
    /// Too far away.
    #[error(transparent)]
    OutOfCalendar(#[from] crate::OutOfCalendar),
}
