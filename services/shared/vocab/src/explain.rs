//! 到期说明: a due date in words, for the clerk, the complainant and the court.

use std::fmt::Write as _;

use jiff::Timestamp;
use jiff::civil::{Date, Weekday};

use crate::calendar::BEIJING;
use crate::clock::{DueDate, ExplainStep, Holder, Unit};
use crate::{Lang, text};

impl Unit {
    /// The code, as data writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Minute => "minute",
            Self::Hour => "hour",
            Self::Workhour => "workhour",
            Self::Day => "day",
            Self::Workday => "workday",
        }
    }

    /// The Chinese word, after a number.
    #[must_use]
    pub const fn zh(self) -> &'static str {
        match self {
            Self::Minute => "分钟",
            Self::Hour => "小时",
            Self::Workhour => "个工作小时",
            Self::Day => "日",
            Self::Workday => "个工作日",
        }
    }

    /// The English word, after a number.
    #[must_use]
    pub const fn en(self) -> &'static str {
        match self {
            Self::Minute => "minutes",
            Self::Hour => "hours",
            Self::Workhour => "working hours",
            Self::Day => "days",
            Self::Workday => "working days",
        }
    }
}

impl std::fmt::Display for Unit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for Unit {
    type Err = crate::Malformed;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "minute" => Ok(Self::Minute),
            "hour" => Ok(Self::Hour),
            "workhour" => Ok(Self::Workhour),
            "day" => Ok(Self::Day),
            "workday" => Ok(Self::Workday),
            _ => Err(crate::Malformed::new("unit", "one of minute, hour, workhour, day, workday")),
        }
    }
}

impl Holder {
    /// The code, as data writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Centre => "centre",
            Self::Desk => "desk",
            Self::Lead => "lead",
            Self::Handler => "handler",
            Self::Complainant => "complainant",
            Self::Superior => "superior",
        }
    }

    /// The Chinese word.
    #[must_use]
    pub const fn zh(self) -> &'static str {
        match self {
            Self::Centre => "联合执法中心",
            Self::Desk => "接待窗口",
            Self::Lead => "主办单位",
            Self::Handler => "承办单位",
            Self::Complainant => "信访人",
            Self::Superior => "上级机关",
        }
    }
}

impl ExplainStep {
    /// The step in the reader's language, one sentence without a full stop.
    #[must_use]
    pub fn say(&self, lang: Lang) -> String {
        match lang {
            text::Lang::Zh => self.zh(),
            text::Lang::En => self.en(),
        }
    }

    /// The step in Chinese.
    #[must_use]
    pub fn zh(&self) -> String {
        match self {
            Self::Anchored { at, .. } => format!("{}起算事由发生, 当日不计入 (民法典第二百零一条)", minute_zh(*at)),
            Self::Ruled { amount, unit, citation } => format!("期限 {amount} {}, 依据{citation}", unit.zh()),
            Self::FirstDay { on } => format!("自 {} 起计算", day_zh(*on)),
            Self::Skipped { from, to, source } if source.is_empty() => {
                format!("{}为周末, 不计入", span_zh(*from, *to))
            }
            Self::Skipped { from, to, source } => {
                format!("{}放假 ({source}), 不计入", span_zh(*from, *to))
            }
            Self::MadeUp { on, source } => format!("{} 调休上班 ({source}), 计入", day_zh(*on)),
            Self::Paused { reason, from, until } => {
                format!("{}至{}中止计算 ({reason})", minute_zh(*from), minute_zh(*until))
            }
            Self::Extended { amount, unit, citation } => format!("延长 {amount} {}, 依据{citation}", unit.zh()),
            Self::Reached { on } => format!("期间的最后一日为 {}", day_zh(*on)),
            Self::Rolled { from, to } => {
                format!("{} 为休息日, 顺延至 {} (民法典第二百零三条)", day_zh(*from), day_zh(*to))
            }
            Self::Provisional { from } => {
                format!("{} 起的放假安排尚未公布, 到期日暂定", day_zh(*from))
            }
            Self::Ends { at } => format!("到期时间 {}", minute_zh(*at)),
        }
    }

    /// The step in English.
    #[must_use]
    pub fn en(&self) -> String {
        match self {
            Self::Anchored { at, .. } => {
                format!("it began at {}; that day does not count (Civil Code article 201)", minute_en(*at))
            }
            Self::Ruled { amount, unit, citation } => format!("the period is {amount} {} by {citation}", unit.en()),
            Self::FirstDay { on } => format!("counting begins on {}", day_en(*on)),
            Self::Skipped { from, to, source } if source.is_empty() => {
                format!("{} weekend, not counted", span_en(*from, *to))
            }
            Self::Skipped { from, to, source } => {
                format!("{} day off ({source}), not counted", span_en(*from, *to))
            }
            Self::MadeUp { on, source } => format!("{} is a make-up working day ({source}) and counts", day_en(*on)),
            Self::Paused { reason, from, until } => {
                format!("paused from {} until {} ({reason})", minute_en(*from), minute_en(*until))
            }
            Self::Extended { amount, unit, citation } => format!("extended by {amount} {} by {citation}", unit.en()),
            Self::Reached { on } => format!("the last day is {}", day_en(*on)),
            Self::Rolled { from, to } => {
                format!("{} is not worked, so {} takes its place (Civil Code article 203)", day_en(*from), day_en(*to))
            }
            Self::Provisional { from } => {
                format!("the holidays from {} on are not published yet, so this may move", day_en(*from))
            }
            Self::Ends { at } => format!("it is due by {}", minute_en(*at)),
        }
    }
}

impl DueDate {
    /// The whole count, one numbered line per step.
    #[must_use]
    pub fn explain(&self, lang: Lang) -> String {
        let mut lines = String::new();
        for (place, step) in self.explanation.iter().enumerate() {
            // Writing to a String cannot fail.
            let _ = writeln!(lines, "{}. {}", place + 1, step.say(lang));
        }
        lines
    }

    /// True when something done at this moment is too late.
    #[must_use]
    pub fn is_late(&self, at: Timestamp) -> bool {
        at > self.due_at
    }
}

fn day_zh(day: Date) -> String {
    let weekday = match day.weekday() {
        Weekday::Monday => '一',
        Weekday::Tuesday => '二',
        Weekday::Wednesday => '三',
        Weekday::Thursday => '四',
        Weekday::Friday => '五',
        Weekday::Saturday => '六',
        Weekday::Sunday => '日',
    };
    format!("{}年{}月{}日 (周{weekday})", day.year(), day.month(), day.day())
}

fn day_en(day: Date) -> String {
    format!("{} {day}", weekday_en(day))
}

fn weekday_en(day: Date) -> &'static str {
    match day.weekday() {
        Weekday::Monday => "Mon",
        Weekday::Tuesday => "Tue",
        Weekday::Wednesday => "Wed",
        Weekday::Thursday => "Thu",
        Weekday::Friday => "Fri",
        Weekday::Saturday => "Sat",
        Weekday::Sunday => "Sun",
    }
}

fn span_zh(from: Date, to: Date) -> String {
    if from == to { format!("{} ", day_zh(from)) } else { format!("{} 至 {} ", day_zh(from), day_zh(to)) }
}

fn span_en(from: Date, to: Date) -> String {
    if from == to { format!("{}:", day_en(from)) } else { format!("{} to {}:", day_en(from), day_en(to)) }
}

/// 24:00 is written as such, because the stored instant lies a microsecond before it.
fn minute_zh(at: Timestamp) -> String {
    let (day, time) = wall(at);
    format!("{} {time}", day_zh(day))
}

fn minute_en(at: Timestamp) -> String {
    let (day, time) = wall(at);
    format!("{} {time}", day_en(day))
}

fn wall(at: Timestamp) -> (Date, String) {
    let local = BEIJING.to_datetime(at);
    let is_end = local.hour() == 23 && local.minute() == 59 && local.second() == 59;
    let time = if is_end { "24:00".to_owned() } else { format!("{:02}:{:02}", local.hour(), local.minute()) };
    (local.date(), time)
}
