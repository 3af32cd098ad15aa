//! 查阅: opening an identity is for a purpose, with a reason, and not without end.

use serde::{Deserialize, Serialize};

/// How many identities one account may open in a day.
pub const DAILY_REVEALS: i32 = 50;
/// How short a reason may be, in characters.
pub const MIN_REASON_CHARS: usize = 4;
/// How long a reason may be, in characters.
pub const MAX_REASON_CHARS: usize = 500;
/// For how long a repeated request gets the identity without a second entry in the audit, in minutes.
pub const REPEAT_MINUTES: i64 = 10;

/// 用途: what an identity is opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// 回访.
    Callback,
    /// 送达.
    ServeNotice,
    /// 核实情况.
    VerifyFacts,
    /// 接待来访.
    Reception,
    /// 紧急情况.
    Emergency,
}

impl Purpose {
    /// Every purpose.
    pub const ALL: &'static [Self] =
        &[Self::Callback, Self::ServeNotice, Self::VerifyFacts, Self::Reception, Self::Emergency];

    /// The code, as it is stored and sent.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Callback => "callback",
            Self::ServeNotice => "serve_notice",
            Self::VerifyFacts => "verify_facts",
            Self::Reception => "reception",
            Self::Emergency => "emergency",
        }
    }

    /// The purpose with this code.
    #[must_use]
    pub fn parse(code: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|purpose| purpose.as_str() == code)
    }
}
