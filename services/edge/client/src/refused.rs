//! Why a call was not carried out, read back from `google.rpc` details.

use std::error::Error as _;
use std::time::Duration;

use serde::Serialize;
use tonic::{Code, Status};
use tonic_types::StatusExt;

/// The same sentence in both of our users' languages.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Sentences {
    /// Chinese.
    pub zh: String,
    /// English.
    pub en: String,
}

/// One mistake in one field of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Violation {
    /// The field's path, e.g. `facts.matter_codes[0]`.
    pub field: String,
    /// What is wrong with it.
    pub description: String,
}

/// A refusal of the centre, or a call that never arrived.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Refused {
    /// The gRPC code in words, e.g. `FAILED_PRECONDITION`.
    pub code: String,
    /// Stable, e.g. `intake.out_of_turn`; empty where the centre gave none.
    pub reason: String,
    /// What a person can be told.
    pub says: Sentences,
    /// What to do instead.
    pub hint: Option<Sentences>,
    /// Every mistake of the request.
    pub violations: Vec<Violation>,
    /// True where the call failed on the way, so nobody knows whether it was carried out.
    pub on_the_way: bool,
    /// When the centre would like to be asked again, in milliseconds.
    pub retry_after_ms: Option<u64>,
    #[serde(skip)]
    grpc: Code,
}

impl Refused {
    /// The gRPC code.
    #[must_use]
    pub fn grpc_code(&self) -> Code {
        self.grpc
    }

    /// True where the same command, with the same id, may succeed a moment later.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        self.on_the_way
            || matches!(
                self.grpc,
                Code::Unavailable | Code::DeadlineExceeded | Code::ResourceExhausted | Code::Aborted | Code::Cancelled
            )
    }

    /// True where the token was missing or no longer valid.
    #[must_use]
    pub fn is_unauthenticated(&self) -> bool {
        self.grpc == Code::Unauthenticated
    }

    /// How long the centre asked to wait.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after_ms.map(Duration::from_millis)
    }
}

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.says.en)?;
        if !self.reason.is_empty() {
            write!(f, " ({})", self.reason)?;
        }
        for violation in &self.violations {
            write!(f, "; {}: {}", violation.field, violation.description)?;
        }
        Ok(())
    }
}

impl std::error::Error for Refused {}

impl From<&Status> for Refused {
    fn from(status: &Status) -> Self {
        let details = status.get_error_details();
        let info = details.error_info();
        let of_info = |key: &str| info.and_then(|info| info.metadata.get(key)).cloned();
        let message = status.message();
        let says = Sentences {
            zh: of_info("zh").unwrap_or_else(|| message.to_owned()),
            en: of_info("en").unwrap_or_else(|| message.to_owned()),
        };
        let hint = of_info("hint_zh").zip(of_info("hint_en")).map(|(zh, en)| Sentences { zh, en });
        let violations = details.bad_request().map_or_else(Vec::new, |request| {
            request
                .field_violations
                .iter()
                .map(|violation| Violation {
                    field: violation.field.clone(),
                    description: violation.description.clone(),
                })
                .collect()
        });
        let retry_after_ms = details
            .retry_info()
            .and_then(|info| info.retry_delay)
            .map(|delay| u64::try_from(delay.as_millis()).unwrap_or(u64::MAX));
        Self {
            code: code_name(status.code()).to_owned(),
            reason: info.map(|info| info.reason.clone()).unwrap_or_default(),
            says,
            hint,
            violations,
            // A status that came over the wire has no source; one with a source was made on this side.
            on_the_way: status.source().is_some(),
            retry_after_ms,
            grpc: status.code(),
        }
    }
}

/// A gRPC code in the words of its specification.
fn code_name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}

/// Whatever can go wrong between a client and a centre.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The centre said no, or the call failed on the way.
    #[error(transparent)]
    Refused(Box<Refused>),
    /// The address is not one, or TLS cannot be set up for it.
    #[error("cannot connect to {address}")]
    Address {
        /// The address as it was given.
        address: String,
        /// What the transport said.
        #[source]
        source: tonic::transport::Error,
    },
    /// A file cannot be read.
    #[error("cannot read {path}")]
    File {
        /// The file.
        path: String,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The token is not one that can be sent.
    #[error("the token holds characters that cannot be sent")]
    Token,
    /// The centre's answer does not hold together.
    #[error("the centre's answer does not hold together: {0}")]
    Broken(String),
}

impl From<Status> for Error {
    fn from(status: Status) -> Self {
        Self::Refused(Box::new(Refused::from(&status)))
    }
}

impl Error {
    /// The refusal, where it is one.
    #[must_use]
    pub fn refused(&self) -> Option<&Refused> {
        match self {
            Self::Refused(refused) => Some(refused),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failed test should panic

    use std::collections::HashMap;

    use tonic_types::{ErrorDetails, FieldViolation};

    use super::*;

    #[test]
    fn a_refusal_keeps_reason_both_languages_and_hint() {
        let metadata = HashMap::from(
            [("zh", "已受理"), ("en", "already accepted"), ("hint_zh", "查看"), ("hint_en", "look")]
                .map(|(key, value)| (key.to_owned(), value.to_owned())),
        );
        let mut details = ErrorDetails::new();
        details.set_error_info("intake.out_of_turn", "xiezhi", metadata);
        let refused = Refused::from(&Status::with_error_details(Code::FailedPrecondition, "already accepted", details));
        assert_eq!(refused.reason, "intake.out_of_turn");
        assert_eq!(refused.says.zh, "已受理");
        assert_eq!(refused.hint.as_ref().map(|hint| hint.en.as_str()), Some("look"));
        assert_eq!(refused.code, "FAILED_PRECONDITION");
        assert!(!refused.is_transient());
    }

    #[test]
    fn every_mistake_of_a_request_comes_through() {
        let mut details = ErrorDetails::new();
        details.set_bad_request(vec![FieldViolation::new("a", "is empty"), FieldViolation::new("b[1]", "is long")]);
        let refused = Refused::from(&Status::with_error_details(Code::InvalidArgument, "two mistakes", details));
        assert_eq!(refused.violations.len(), 2);
        assert_eq!(refused.violations[1].field, "b[1]");
    }

    #[test]
    fn a_status_without_details_still_says_what_it_says() {
        let refused = Refused::from(&Status::unavailable("gone"));
        assert_eq!((refused.says.zh.as_str(), refused.reason.as_str()), ("gone", ""));
        assert!(refused.is_transient());
        assert!(!refused.on_the_way);
    }

    #[test]
    fn an_error_of_the_transport_is_known_to_be_on_the_way() {
        let broken = std::io::Error::new(std::io::ErrorKind::BrokenPipe, "broken pipe");
        let status = Status::from_error(Box::new(broken));
        assert!(Refused::from(&status).on_the_way);
        assert!(Refused::from(&status).is_transient());
    }
}
