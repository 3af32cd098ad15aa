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
                let fields: Vec<String> = within(MOST_NAMED, violations, |v| short(&v.field), String::len);
                let more = if fields.len() < violations.len() { ", ..." } else { "" };
                let fields = fields.join(", ");
                Sentence::new(format!("请求有误: {fields}{more}"), format!("invalid request: {fields}{more}"))
            }
            Self::NotFound { what } => Sentence::new(format!("没有找到: {what}"), format!("not found: {what}")),
            Self::Forbidden { says, .. } | Self::NotAuthenticated { says, .. } => {
                Sentence::new(short(&says.zh), short(&says.en))
            }
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

/// A refusal travels in headers, which callers take in up to 16 KiB: whoever sends ten thousand mistakes is told of the first.
/// So many bytes of them stand in the details.
const MOST_TOLD: usize = 3_000;
/// So many bytes of fields are named in the sentence.
const MOST_NAMED: usize = 500;
/// The longest text in a refusal, in characters. What a caller sent is not sent back at length.
const LONGEST: usize = 160;

fn short(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// The first of these that together stay within so many bytes; one at least.
fn within<T>(bytes: usize, all: &[Violation], of: impl Fn(&Violation) -> T, size: impl Fn(&T) -> usize) -> Vec<T> {
    let mut left = bytes;
    let mut taken = Vec::new();
    for made in all.iter().map(of) {
        let size = size(&made);
        if size > left && !taken.is_empty() {
            break;
        }
        left = left.saturating_sub(size);
        taken.push(made);
    }
    taken
}

/// The mistakes a caller is told of, and how many more there are.
fn told(violations: &[Violation]) -> Vec<tonic_types::FieldViolation> {
    let of = |v: &Violation| tonic_types::FieldViolation::new(short(&v.field), short(&v.description));
    let size = |told: &tonic_types::FieldViolation| told.field.len() + told.description.len();
    let mut told = within(MOST_TOLD, violations, of, size);
    let more = violations.len() - told.len();
    if more > 0 {
        told.push(tonic_types::FieldViolation::new("request", format!("has {more} more mistakes")));
    }
    told
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
            metadata.insert("hint_zh".to_owned(), short(&hint.zh));
            metadata.insert("hint_en".to_owned(), short(&hint.en));
        }
        details.set_error_info(refusal.reason(), DOMAIN, metadata);
        details.set_localized_message("zh-CN", says.zh);
        if let Refusal::Invalid(violations) = &refusal {
            details.set_bad_request(told(violations));
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failed test should panic

    use super::*;

    fn mistakes(count: usize, text: &str) -> Status {
        let violation = |number| Violation { field: format!("facts[{number}].{text}"), description: text.to_owned() };
        Refusal::Invalid((0..count).map(violation).collect()).into()
    }

    #[test]
    fn ten_thousand_mistakes_fit_into_the_headers_of_an_answer() {
        for text in ["is not one of ours".to_owned(), "噪".repeat(1_000)] {
            let status = mistakes(10_000, &text);
            let told = status.get_error_details().bad_request().unwrap().field_violations.clone();
            let more = 10_000 - (told.len() - 1);
            assert_eq!(told.last().unwrap().description, format!("has {more} more mistakes"));
            let answer = status.into_http::<()>();
            let size: usize = answer.headers().iter().map(|(name, value)| name.as_str().len() + value.len() + 32).sum();
            assert!(size < 14 * 1024, "{size} bytes of headers");
        }
    }

    #[test]
    fn a_long_sentence_about_what_somebody_sent_is_cut() {
        let says = Sentence::new("噪".repeat(5_000), "W".repeat(5_000));
        let status = Status::from(Refusal::Forbidden { reason: "bus.test", says, hint: None });
        assert!(status.message().len() < 200, "{}", status.message());
    }

    #[test]
    fn a_few_mistakes_are_told_in_full() {
        let status = mistakes(3, "x");
        assert_eq!(status.get_error_details().bad_request().unwrap().field_violations.len(), 3);
        assert_eq!(status.message(), "invalid request: facts[0].x, facts[1].x, facts[2].x");
    }
}
