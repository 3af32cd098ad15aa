//! Codes: the short words of the county pack. They are checked once, when read, and trusted afterwards.

use std::fmt;
use std::str::FromStr;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::Malformed;

/// The longest code, in bytes.
pub const MAX_CODE_BYTES: usize = 64;

fn check_code(kind: &'static str, text: &str) -> Result<(), Malformed> {
    let wrong = |reason| Err(Malformed::new(kind, reason));
    if text.is_empty() {
        return wrong("it is empty");
    }
    if text.len() > MAX_CODE_BYTES {
        return wrong("it is longer than 64 characters");
    }
    if !text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-')) {
        return wrong("only A-Z, a-z, 0-9, '.', '_' and '-' are allowed");
    }
    Ok(())
}

fn check_region(kind: &'static str, text: &str) -> Result<(), Malformed> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    if digits && matches!(text.len(), 9 | 12) {
        return Ok(());
    }
    Err(Malformed::new(kind, "a town has 9 digits, a village 12"))
}

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident => $kind:literal, $check:ident;)+) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Checks and wraps the text.
            pub fn new(text: impl Into<String>) -> Result<Self, Malformed> {
                let text = text.into();
                $check($kind, &text)?;
                Ok(Self(text))
            }

            /// The text inside.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = Malformed;

            fn try_from(text: String) -> Result<Self, Malformed> {
                Self::new(text)
            }
        }

        impl From<$name> for String {
            fn from(code: $name) -> Self {
                code.0
            }
        }

        impl FromStr for $name {
            type Err = Malformed;

            fn from_str(text: &str) -> Result<Self, Malformed> {
                Self::new(text)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }
    )+};
}

codes! {
    /// 事项代码: what a complaint is about, from the catalogue, e.g. `noise.trade.night`.
    MatterCode => "matter code", check_code;
    /// 区划代码: a town (9 digits) or a village (12 digits).
    RegionCode => "region code", check_region;
    /// 单位代码: a department (`ZF`), a town government (`town-330421103`) or the centre.
    UnitCode => "unit code", check_code;
    /// 岗位代码: a post within a unit.
    PostCode => "post code", check_code;
    /// 人员代码: a person who works for a unit; never a complainant.
    PersonCode => "person code", check_code;
    /// 账号代码: an account that may call the centre.
    AccountCode => "account code", check_code;
    /// 权力事项代码: one entry of the power list or of the responsibility list.
    PowerItemCode => "power item code", check_code;
    /// 规则代码: a clock rule, a boundary rule or any other rule of the pack.
    RuleCode => "rule code", check_code;
    /// 事实代码: a fact of the catalogue, e.g. `premises.licensed`.
    FactCode => "fact code", check_code;
    /// 对象类型代码: what kind of premises or thing the act happened at.
    ObjectTypeCode => "object type code", check_code;
    /// 资源代码: a vehicle, an instrument or a room.
    ResourceCode => "resource code", check_code;
    /// 文书模板代码: a document template.
    TemplateCode => "template code", check_code;
}

impl RegionCode {
    /// The town this place lies in: itself, or the first nine digits of a village's code.
    #[must_use]
    pub fn town(&self) -> Self {
        Self(self.0.chars().take(9).collect())
    }

    /// True of a village or community.
    #[must_use]
    pub fn is_village(&self) -> bool {
        self.0.len() == 12
    }

    /// The county, the first six digits.
    #[must_use]
    pub fn county(&self) -> &str {
        self.0.get(..6).unwrap_or_default()
    }

    /// True when this place is `other` or lies in it.
    #[must_use]
    pub fn is_within(&self, other: &Self) -> bool {
        self.0.starts_with(&other.0)
    }
}

impl UnitCode {
    /// The town government of a place: `town-` and the town's nine digits.
    #[must_use]
    pub fn town_of(region: &RegionCode) -> Self {
        Self(format!("town-{}", region.town()))
    }

    /// The town this unit governs, when it is a town government.
    #[must_use]
    pub fn governed_town(&self) -> Option<RegionCode> {
        RegionCode::new(self.0.strip_prefix("town-")?).ok()
    }
}

/// 依据: an article of a law, in the version meant.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Citation {
    /// The law's short Chinese name, e.g. `信访工作条例`.
    pub law: String,
    /// The article as the law numbers it, e.g. `第三十四条`; an agreement without articles says `全文`.
    pub article: String,
    /// The day the cited version was adopted, when known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version_date: Option<Date>,
}

impl fmt::Display for Citation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "《{}》{}", self.law, self.article)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failed test should panic
    use super::*;

    #[test]
    fn a_code_is_short_plain_text() {
        assert!(MatterCode::new("noise.trade.night").is_ok());
        for wrong in ["", "噪声", "a b", "a/b", "a\u{202e}b", &"x".repeat(65)] {
            assert!(MatterCode::new(wrong).is_err(), "{wrong:?}");
        }
        assert!(MatterCode::new("x".repeat(64)).is_ok());
        assert!(serde_json::from_str::<MatterCode>("\"a b\"").is_err());
    }

    #[test]
    fn a_village_lies_in_its_town_and_the_town_has_a_government() {
        let village = RegionCode::new("330421103201").unwrap();
        let town = village.town();
        assert_eq!(town.as_str(), "330421103");
        assert!(village.is_village() && !town.is_village());
        assert!(village.is_within(&town) && !town.is_within(&village));
        let unit = UnitCode::town_of(&village);
        assert_eq!(unit.as_str(), "town-330421103");
        assert_eq!(unit.governed_town(), Some(town));
        assert_eq!(UnitCode::new("ZF").unwrap().governed_town(), None);
        for wrong in ["", "330421", "3304211032011", "33042110a"] {
            assert!(RegionCode::new(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_error_does_not_repeat_what_was_put_in_place_of_a_code() {
        let error = RuleCode::new("欧阳某某").unwrap_err();
        assert!(!format!("{error} {error:?}").contains("欧阳"), "{error:?}");
    }
}
