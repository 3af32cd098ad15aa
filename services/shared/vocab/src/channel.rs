//! The closed lists of words: how a complaint comes in, how it is handled, who does what in it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{Lang, Malformed};

macro_rules! words {
    ($($(#[$doc:meta])* $name:ident ($kind:literal) { $($(#[$variant_doc:meta])* $variant:ident => $code:literal, $zh:literal, $en:literal;)+ })+) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum $name {
            $($(#[$variant_doc])* $variant,)+
        }

        impl $name {
            /// Every word of the list, in order.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The code, as it is stored and sent.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $code),+ }
            }

            /// The Chinese word shown on screens.
            #[must_use]
            pub const fn zh(self) -> &'static str {
                match self { $(Self::$variant => $zh),+ }
            }

            /// The English word shown on screens.
            #[must_use]
            pub const fn en(self) -> &'static str {
                match self { $(Self::$variant => $en),+ }
            }

            /// The word in the reader's language.
            #[must_use]
            pub const fn label(self, lang: Lang) -> &'static str {
                match lang { Lang::Zh => self.zh(), Lang::En => self.en() }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl FromStr for $name {
            type Err = Malformed;

            fn from_str(text: &str) -> Result<Self, Malformed> {
                match text {
                    $($code => Ok(Self::$variant),)+
                    _ => Err(Malformed::new($kind, "not in the list")),
                }
            }
        }
    )+};
}

words! {
    /// 渠道: how a complaint reached the centre.
    Channel ("channel") {
        /// 来信.
        Letter => "letter", "来信", "letter";
        /// 来访.
        Visit => "visit", "来访", "visit";
        /// 网上投诉.
        Web => "web", "网上投诉", "web";
        /// 来电.
        Phone => "phone", "来电", "phone";
        /// 网格巡查.
        GridPatrol => "grid_patrol", "网格巡查", "grid patrol";
        /// 网络舆情.
        Opinion => "opinion", "网络舆情", "online opinion";
        /// 上级转送.
        Transfer => "transfer", "转送交办", "transferred in";
    }

    /// 紧急程度: how soon someone must look at it.
    Urgency ("urgency") {
        /// 一般.
        Normal => "normal", "一般", "normal";
        /// 紧急.
        Urgent => "urgent", "紧急", "urgent";
        /// 重大.
        Major => "major", "重大", "major";
    }

    /// 五办: the five ways of handling a matter.
    HandlingMode ("handling mode") {
        /// 快办.
        Fast => "fast", "快办", "fast";
        /// 细办.
        Careful => "careful", "细办", "careful";
        /// 专办.
        Dedicated => "dedicated", "专办", "dedicated";
        /// 协办.
        Assisted => "assisted", "协办", "assisted";
        /// 联办.
        Joint => "joint", "联办", "joint";
    }

    /// 办理途径: the three tracks a matter may be sent on.
    Track ("track") {
        /// 简易直办.
        Direct => "direct", "简易直办", "handled directly";
        /// 单独交办.
        Assigned => "assigned", "单独交办", "assigned";
        /// 复杂督办.
        Supervised => "supervised", "复杂督办", "supervised";
    }

    /// 职责环节: the part of the work a unit answers for.
    Duty ("duty") {
        /// 调查.
        Investigate => "investigate", "调查", "investigate";
        /// 认定.
        Identify => "identify", "认定", "identify";
        /// 处罚.
        Punish => "punish", "处罚", "punish";
        /// 整改.
        Rectify => "rectify", "整改", "rectify";
        /// 协助.
        Assist => "assist", "协助", "assist";
    }

    /// 主办协办: a unit's role on a case.
    Role ("role") {
        /// 主办.
        Lead => "lead", "主办", "lead";
        /// 协办.
        Support => "support", "协办", "support";
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failed test should panic
    use super::*;

    #[test]
    fn each_word_has_one_code_for_text_and_json() {
        for word in Channel::ALL {
            assert_eq!(word.as_str().parse::<Channel>().unwrap(), *word);
            assert_eq!(serde_json::to_string(word).unwrap(), format!("\"{}\"", word.as_str()));
            assert!(!word.zh().is_ascii() && word.en().is_ascii());
        }
        for word in HandlingMode::ALL {
            assert_eq!(serde_json::to_string(word).unwrap(), format!("\"{}\"", word.as_str()));
        }
        for word in Duty::ALL {
            assert_eq!(serde_json::to_string(word).unwrap(), format!("\"{}\"", word.as_str()));
        }
        assert!("Letter".parse::<Channel>().is_err());
        assert_eq!(Role::Lead.label(Lang::Zh), "主办");
    }
}
