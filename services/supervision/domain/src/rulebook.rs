//! 规则: the county's clock rules, calendar and ladder, as this service needs them.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::civil::Time;
use vocab::calendar::{BEIJING, following, moment};
use vocab::{Calendar, CaseFacts, ClockError, ClockRule, HandlingMode, OutOfCalendar, RuleCode, Track, Unit, UnitCode};

/// 阶梯种类: what a rung does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RungKind {
    /// 提醒.
    Remind,
    /// 催办.
    Urge,
    /// 督办单.
    SupervisionOrder,
}

impl RungKind {
    /// The code.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Remind => "remind",
            Self::Urge => "urge",
            Self::SupervisionOrder => "supervision_order",
        }
    }
}

/// Whether a rung stands before or after the due date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RungSide {
    /// Before.
    Before,
    /// After.
    After,
}

/// 阶梯一级: one rung of the ladder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rung {
    /// Its code.
    pub code: RuleCode,
    /// What it does.
    pub kind: RungKind,
    /// How far from the due date.
    pub amount: u32,
    /// Counted in.
    pub unit: Unit,
    /// Before or after.
    pub side: RungSide,
    /// The kinds of post it is served on.
    pub served_on: Vec<String>,
    /// The clock rule of the answer, for a supervision order.
    pub answer_rule: Option<RuleCode>,
}

/// 静默时段: when nothing is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quiet {
    /// From this time of day …
    pub from: Time,
    /// … to this one, over midnight when it is the earlier.
    pub to: Time,
    /// True when nothing is served on days that are not worked either.
    pub non_working_days: bool,
}

/// 督办阶梯: remind, urge, order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ladder {
    /// The rungs, from the earliest to the latest.
    pub rungs: Vec<Rung>,
    /// When nothing is served.
    pub quiet: Quiet,
}

/// The rules in force.
#[derive(Debug, Clone)]
pub struct RuleBook {
    rules: BTreeMap<RuleCode, ClockRule>,
    /// Rules that only cases handled in certain ways have.
    mode_bound: BTreeMap<RuleCode, BTreeSet<HandlingMode>>,
    /// Rules whose due dates another service counts and sends.
    adopted: BTreeSet<RuleCode>,
    /// Which days are worked.
    pub calendar: Calendar,
    /// The ladder.
    pub ladder: Ladder,
    /// The centre's own unit code: it owes what nobody else does yet.
    pub centre: UnitCode,
}

impl RuleBook {
    /// Rules by their codes; `mode_bound` names the clocks that only certain ways of handling start, `adopted` those that come
    /// with their due dates.
    #[must_use]
    pub fn new(
        rules: impl IntoIterator<Item = ClockRule>,
        mode_bound: BTreeMap<RuleCode, BTreeSet<HandlingMode>>,
        adopted: BTreeSet<RuleCode>,
        calendar: Calendar,
        ladder: Ladder,
        centre: UnitCode,
    ) -> Self {
        let rules = rules.into_iter().map(|rule| (rule.id.clone(), rule)).collect();
        Self { rules, mode_bound, adopted, calendar, ladder, centre }
    }

    /// The rule with this code.
    #[must_use]
    pub fn rule(&self, code: &RuleCode) -> Option<&ClockRule> {
        self.rules.get(code)
    }

    /// True of a rule whose due dates another service counts and sends.
    #[must_use]
    pub fn is_adopted(&self, code: &RuleCode) -> bool {
        self.adopted.contains(code)
    }

    /// The active rules.
    pub fn active(&self) -> impl Iterator<Item = &ClockRule> {
        self.rules.values().filter(|rule| rule.active)
    }

    /// True when a case like this has the rule's clock.
    #[must_use]
    pub fn applies(
        &self,
        rule: &ClockRule,
        facts: &CaseFacts,
        mode: Option<HandlingMode>,
        track: Option<Track>,
    ) -> bool {
        let applies = &rule.applies;
        let by_mode = self.mode_bound.get(&rule.id).is_none_or(|modes| mode.is_some_and(|mode| modes.contains(&mode)));
        by_mode
            && (applies.channels.is_empty() || applies.channels.contains(&facts.channel))
            && (applies.urgencies.is_empty() || applies.urgencies.contains(&facts.urgency))
            && (applies.modes.is_empty() || mode.is_some_and(|mode| applies.modes.contains(&mode)))
            && (applies.tracks.is_empty() || track.is_some_and(|track| applies.tracks.contains(&track)))
            && applies.facts.iter().all(|(code, value)| facts.declared.get(code) == Some(value))
    }

    /// The moment itself when something may be served then, else the next one at which it may.
    pub fn allowed_from(&self, at: Timestamp) -> Result<Timestamp, OutOfCalendar> {
        let quiet = self.ladder.quiet;
        let local = BEIJING.to_datetime(at);
        let (mut day, mut time) = (local.date(), local.time());
        loop {
            if quiet.non_working_days && !self.calendar.is_workday(day) {
                day = self.calendar.next_workday(day)?;
                time = Time::MIN;
            }
            let over_midnight = quiet.from > quiet.to;
            let quiet_now = if over_midnight {
                time >= quiet.from || time < quiet.to
            } else {
                quiet.from <= time && time < quiet.to
            };
            if !quiet_now {
                break;
            }
            if over_midnight && time >= quiet.from {
                day = following(day)?;
            }
            time = quiet.to;
        }
        moment(day, time)
    }

    /// The moment a rung stands at for a due date, moved out of the quiet hours.
    pub fn rung_at(&self, rung: &Rung, due_at: Timestamp) -> Result<Timestamp, ClockError> {
        let at = match rung.side {
            RungSide::Before => vocab::before(due_at, rung.amount, rung.unit, &self.calendar)?,
            // "0 after" is the first moment that is late, not the morning of the last day.
            RungSide::After => vocab::after(due_at, rung.amount, rung.unit, &self.calendar)?.max(just_after(due_at)),
        };
        Ok(self.allowed_from(at)?)
    }
}

/// The first moment our stores can tell from this one.
#[must_use]
pub fn just_after(at: Timestamp) -> Timestamp {
    at.checked_add(jiff::SignedDuration::from_micros(1)).unwrap_or(at)
}
