//! What stands in a plan's way, in words.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use vocab::{Citation, ResourceCode, RuleCode, UnitCode};

use crate::words::{minute_en, minute_zh};
use crate::{Hours, Words};

/// 障碍: one thing that kept slots from being used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "obstacle", rename_all = "snake_case")]
pub enum Obstacle {
    /// No slot of that length lies in the window at all.
    NoRoom {
        /// How long the operation takes.
        minutes: u32,
    },
    /// The wished start lies outside the window.
    WishOutside {
        /// The wish.
        starts_at: Timestamp,
    },
    /// Outside the hours in which the matter can be met with.
    OutsideHours {
        /// Those hours.
        hours: Hours,
        /// How many slots.
        slots: u32,
    },
    /// Forbidden by law.
    Forbidden {
        /// The rule of the pack.
        rule: RuleCode,
        /// The article.
        citation: Citation,
        /// Why, in words.
        reason: Words,
        /// How many slots.
        slots: u32,
        /// The first of them.
        first: Timestamp,
        /// In how many of them nothing but the law stood in the way.
        otherwise_free: u32,
    },
    /// A body has too few officers who can come.
    Short {
        /// The unit.
        unit: UnitCode,
        /// Its name.
        name: Words,
        /// How many it must send.
        needed: u32,
        /// How many could come at best in the slots where it was short.
        best: u32,
        /// In how many slots it was short.
        slots: u32,
        /// True where it was short in every slot the law and the hours leave.
        always: bool,
        /// Why its people cannot come, at the best of those slots: a bar's code and how many it keeps away.
        bars: Vec<(String, u32)>,
    },
    /// Something asked for by name is taken or not calibrated.
    ThingTaken {
        /// What.
        code: ResourceCode,
        /// In how many slots.
        slots: u32,
    },
    /// Too few vehicles.
    FewVehicles {
        /// How many are needed.
        needed: u32,
        /// How many were free at best.
        best: u32,
        /// In how many slots.
        slots: u32,
    },
    /// Each could come at some time, but never all at once.
    NeverTogether {
        /// The units that were short at one time or another.
        units: Vec<UnitCode>,
    },
}

fn bar_words(code: &str) -> (&'static str, &'static str) {
    match code {
        "auxiliary" => ("辅助人员不计入", "assistants do not count"),
        "no_certificate" => ("无执法证", "without a certificate"),
        "not_yet_valid" => ("执法证尚未生效", "certificate not valid yet"),
        "expired" => ("执法证届时已到期", "certificate expired by then"),
        "suspended" => ("暂停执法", "suspended"),
        "recused" => ("回避", "recused"),
        "booked" => ("已有其他行动", "booked elsewhere"),
        _ => ("不可用", "not available"),
    }
}

impl Obstacle {
    /// In words.
    #[must_use]
    pub fn say(&self) -> Words {
        match self {
            Self::NoRoom { minutes } => Words::new(
                format!("期间内容不下 {minutes} 分钟的行动"),
                format!("the window holds no slot of {minutes} minutes"),
            ),
            Self::WishOutside { starts_at } => Words::new(
                format!("指定的开始时间 {} 不在可排期间内", minute_zh(*starts_at)),
                format!("the wished start {} lies outside the window", minute_en(*starts_at)),
            ),
            Self::OutsideHours { hours, slots } => {
                let hours = hours.say();
                Words::new(
                    format!("{slots} 个时段不在宜查时段 ({}) 内", hours.zh),
                    format!("{slots} slots lie outside the hours of this matter ({})", hours.en),
                )
            }
            Self::Forbidden { citation, reason, slots, first, otherwise_free, .. } => Words::new(
                format!(
                    "{slots} 个时段 (自 {} 起) 为{citation}所禁: {}; 其中 {otherwise_free} 个别无障碍",
                    minute_zh(*first),
                    reason.zh
                ),
                format!(
                    "{slots} slots (from {}) are forbidden by {citation}: {}; {otherwise_free} of them had no other obstacle",
                    minute_en(*first),
                    reason.en
                ),
            ),
            Self::Short { .. } => self.say_short(),
            Self::ThingTaken { code, slots } => Words::new(
                format!("{code} 在 {slots} 个时段已被占用、不存在或检定过期"),
                format!("{code} is taken, unknown or out of calibration in {slots} slots"),
            ),
            Self::FewVehicles { needed, best, slots } => Words::new(
                format!("{slots} 个时段车辆不足: 需要 {needed} 辆, 至多 {best} 辆空闲"),
                format!("{slots} slots lack vehicles: {needed} needed, {best} free at best"),
            ),
            Self::NeverTogether { units } => {
                let units = units.iter().map(UnitCode::as_str).collect::<Vec<_>>().join(", ");
                Words::new(
                    format!("各单位各有可行时段, 但没有共同时段: {units}"),
                    format!("each could come at some time, but never together: {units}"),
                )
            }
        }
    }

    fn say_short(&self) -> Words {
        let Self::Short { unit, name, needed, best, slots, always, bars } = self else {
            return Words::default();
        };
        let why = |zh: bool| {
            bars.iter()
                .map(|(code, count)| {
                    let words = bar_words(code);
                    if zh { format!("{} {count} 人", words.0) } else { format!("{} {count}", words.1) }
                })
                .collect::<Vec<_>>()
                .join(", ")
        };
        let (every_zh, every_en) = if *always { ("每个", "every") } else { ("", "") };
        Words::new(
            format!(
                "{}({unit})须派 {needed} 名持证执法人员, 在{every_zh} {slots} 个时段至多 {best} 名可到 ({})",
                name.zh,
                why(true)
            ),
            format!(
                "{} ({unit}) must send {needed} certified officers; in {every_en} {slots} slots at most {best} could come ({})",
                name.en,
                why(false)
            ),
        )
    }
}

/// 无可行方案: what was tried and what stood in the way.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no feasible slot between {from} and {until}")]
pub struct Infeasible {
    /// The window's beginning.
    pub from: Timestamp,
    /// The window's end.
    pub until: Timestamp,
    /// Every obstacle met.
    pub obstacles: Vec<Obstacle>,
}

impl Infeasible {
    /// In words, all obstacles at once.
    #[must_use]
    pub fn say(&self) -> Words {
        let obstacles: Vec<Words> = self.obstacles.iter().map(Obstacle::say).collect();
        let joined = Words::joined(&obstacles);
        Words::new(
            format!("{} 至 {} 之间没有可行时段: {}", minute_zh(self.from), minute_zh(self.until), joined.zh),
            format!("no feasible slot from {} to {}: {}", minute_en(self.from), minute_en(self.until), joined.en),
        )
    }
}
