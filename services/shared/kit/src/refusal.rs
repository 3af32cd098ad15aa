//! Saying no: every refusal a caller can meet, as a gRPC status with `google.rpc` details.

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

/// One mistake in one field of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The field's path, e.g. `facts.matter_codes[0]`.
    pub field: String,
    /// What is wrong with it, in English.
    pub description: String,
}

/// A sentence in both of our users' languages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sentence {
    /// Chinese, the default.
    pub zh: String,
    /// English.
    pub en: String,
}

impl Sentence {
    /// Both languages at once.
    pub fn new(zh: impl Into<String>, en: impl Into<String>) -> Self {
        Self { zh: zh.into(), en: en.into() }
    }
}

/// Why a call was not carried out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The request itself is wrong; every mistake at once.
    #[error("the request has {} mistakes", .0.len())]
    Invalid(Vec<Violation>),
    /// No such thing, or none that this caller may know of: both are answered alike.
    #[error("{what} not found")]
    NotFound {
        /// What was asked for, e.g. "case".
        what: &'static str,
    },
    /// The state of things, or a rule, forbids it.
    #[error("{reason}: {}", .says.en)]
    Forbidden {
        /// Stable, e.g. `intake.out_of_turn`.
        reason: &'static str,
        /// What a clerk can be told.
        says: Sentence,
        /// What to do instead; a command or a sentence.
        hint: Option<Sentence>,
    },
    /// The caller has no right to this action.
    #[error("not permitted: {action}")]
    NotPermitted {
        /// The declared action.
        action: String,
    },
    /// Nobody is known to have called: no token, or one that does not count.
    #[error("not authenticated: {reason}")]
    NotAuthenticated {
        /// Stable, e.g. `bus.token_expired`.
        reason: &'static str,
        /// What is wrong with the token; never the token.
        says: Sentence,
    },
    /// The same `command_id` was used for something else.
    #[error("the command id was used for another request")]
    CommandReused,
    /// The store or a peer cannot be reached; the caller tries again with the same `command_id`.
    #[error("unavailable: {0}")]
    Unavailable(String),
    /// Too much at once; the caller tries again later.
    #[error("overloaded")]
    Overloaded,
    /// Our own mistake; logged where it stops.
    #[error("internal: {0}")]
    Internal(String),
}

impl Refusal {
    /// One mistake in one field.
    pub fn field(field: impl Into<String>, description: impl Into<String>) -> Self {
        Self::Invalid(vec![Violation { field: field.into(), description: description.into() }])
    }

    /// A rule says no.
    pub fn forbidden(reason: &'static str, zh: impl Into<String>, en: impl Into<String>) -> Self {
        Self::Forbidden { reason, says: Sentence::new(zh, en), hint: None }
    }

    /// Adds what to do instead.
    #[must_use]
    pub fn with_hint(self, zh: impl Into<String>, en: impl Into<String>) -> Self {
        match self {
            Self::Forbidden { reason, says, .. } => Self::Forbidden { reason, says, hint: Some(Sentence::new(zh, en)) },
            other => other,
        }
    }

    fn code(&self) -> Code {
        match self {
            Self::Invalid(_) => Code::InvalidArgument,
            Self::NotFound { .. } => Code::NotFound,
            Self::Forbidden { .. } => Code::FailedPrecondition,
            Self::NotPermitted { .. } => Code::PermissionDenied,
            Self::NotAuthenticated { .. } => Code::Unauthenticated,
            Self::CommandReused => Code::AlreadyExists,
            Self::Unavailable(_) => Code::Unavailable,
            Self::Overloaded => Code::ResourceExhausted,
            Self::Internal(_) => Code::Internal,
        }
    }

    fn reason(&self) -> &str {
        match self {
            Self::Invalid(_) => "bus.invalid_argument",
            Self::NotFound { .. } => "bus.not_found",
            Self::Forbidden { reason, .. } | Self::NotAuthenticated { reason, .. } => reason,
            Self::NotPermitted { .. } => "bus.not_permitted",
            Self::CommandReused => "bus.command_reused",
            Self::Unavailable(_) => "bus.unavailable",
            Self::Overloaded => "bus.overloaded",
            Self::Internal(_) => "bus.internal",
        }
    }

    fn says(&self) -> Sentence {
        match self {
            Self::Invalid(violations) => {
                let fields: Vec<&str> = violations.iter().map(|v| v.field.as_str()).collect();
                Sentence::new(
                    format!("请求有误: {}", fields.join(", ")),
                    format!("invalid request: {}", fields.join(", ")),
                )
            }
            Self::NotFound { what } => Sentence::new(format!("没有找到: {what}"), format!("not found: {what}")),
            Self::Forbidden { says, .. } | Self::NotAuthenticated { says, .. } => says.clone(),
            Self::NotPermitted { action } => {
                Sentence::new(format!("没有权限: {action}"), format!("not permitted: {action}"))
            }
            Self::CommandReused => {
                Sentence::new("该 command_id 已用于另一请求", "this command_id was used for another request")
            }
            Self::Unavailable(_) => Sentence::new(
                "服务暂时不可用, 请用同一 command_id 重试",
                "temporarily unavailable; try again with the same command_id",
            ),
            Self::Overloaded => Sentence::new("请求过多, 请稍后重试", "too many requests; try again later"),
            // What went wrong inside is for the log, not for the caller.
            Self::Internal(_) => Sentence::new("内部错误", "internal error"),
        }
    }
}

/// The domain of every reason we give (`google.rpc.ErrorInfo`).
const DOMAIN: &str = "xiezhi";

impl From<crate::seal::SealError> for Refusal {
    fn from(error: crate::seal::SealError) -> Self {
        Self::Internal(error.to_string())
    }
}

impl From<Refusal> for Status {
    fn from(refusal: Refusal) -> Self {
        let says = refusal.says();
        let mut details = ErrorDetails::new();
        let mut metadata = std::collections::HashMap::new();
        metadata.insert("zh".to_owned(), says.zh.clone());
        metadata.insert("en".to_owned(), says.en.clone());
        if let Refusal::Forbidden { hint: Some(hint), .. } = &refusal {
            metadata.insert("hint_zh".to_owned(), hint.zh.clone());
            metadata.insert("hint_en".to_owned(), hint.en.clone());
        }
        details.set_error_info(refusal.reason(), DOMAIN, metadata);
        details.set_localized_message("zh-CN", says.zh);
        if let Refusal::Invalid(violations) = &refusal {
            details.set_bad_request(
                violations
                    .iter()
                    .map(|v| tonic_types::FieldViolation::new(v.field.clone(), v.description.clone()))
                    .collect::<Vec<_>>(),
            );
        }
        if matches!(refusal, Refusal::Unavailable(_) | Refusal::Overloaded) {
            details.set_retry_info(Some(std::time::Duration::from_millis(500)));
        }
        Status::with_error_details(refusal.code(), says.en, details)
    }
}

/// Collects every mistake of a request before it is refused as a whole.
#[derive(Debug, Default)]
pub struct Checks {
    violations: Vec<Violation>,
}

impl Checks {
    /// Nothing found yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Notes a mistake.
    pub fn wrong(&mut self, field: impl Into<String>, description: impl Into<String>) {
        self.violations.push(Violation { field: field.into(), description: description.into() });
    }

    /// Keeps a parsed value, or notes why it did not parse.
    pub fn parsed<T, E: std::fmt::Display>(&mut self, field: &str, result: Result<T, E>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(error) => {
                self.wrong(field, error.to_string());
                None
            }
        }
    }

    /// A text of `min..=max` characters without control characters (line breaks are allowed where `lines` is true).
    pub fn text(&mut self, field: &str, text: &str, min: usize, max: usize, lines: bool) {
        let count = text.chars().count();
        if count < min || count > max {
            self.wrong(field, format!("must have {min} to {max} characters, has {count}"));
        }
        if text.chars().any(|c| c.is_control() && !(lines && matches!(c, '\n' | '\r' | '\t'))) {
            self.wrong(field, "must not contain control characters");
        }
    }

    /// Refuses if anything was noted.
    pub fn done(self) -> Result<(), Refusal> {
        if self.violations.is_empty() { Ok(()) } else { Err(Refusal::Invalid(self.violations)) }
    }
}
