//! Why a command did not do what it was asked.

use client::rest::Restless;
use client::turn::TurnError;
use client::{Error as ClientError, Refused};
use pack::Mistake;
use serde_json::json;
use tonic::Code;

use crate::reflect::Unreadable;
use crate::say::{Lang, Say, Word};

/// Everything that ends a command early.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The centre said no, or the call failed.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// We say no ourselves.
    #[error("{}", .0.text(Lang::En))]
    Says(Say),
    /// We say no ourselves and know what to do instead.
    #[error("{}", .0.text(Lang::En))]
    Hinted(Box<Say>, Word),
    /// The command line is wrong.
    #[error("{}", .0.text(Lang::En))]
    Usage(Say),
    /// A pack has mistakes.
    #[error("{} mistakes", .0.len())]
    Mistakes(Vec<Mistake>),
    /// A journey stopped.
    #[error("journey {name} stopped at step {step}")]
    Stopped {
        /// Its name.
        name: String,
        /// The step, from 1.
        step: usize,
        /// Why.
        #[source]
        why: Box<Failure>,
    },
}

impl Failure {
    /// The exit code: 1 for refused, 2 for a command line that is wrong.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(_) => 2,
            _ => 1,
        }
    }

    /// True where the caller may not do what was asked.
    #[must_use]
    pub fn is_not_permitted(&self) -> bool {
        self.is_refused_with(&[Code::PermissionDenied])
    }

    /// True where the caller may not know of what was asked for: that is answered like something that is not there.
    #[must_use]
    pub fn is_out_of_sight(&self) -> bool {
        self.is_refused_with(&[Code::PermissionDenied, Code::NotFound])
    }

    fn is_refused_with(&self, codes: &[Code]) -> bool {
        matches!(self, Self::Client(error) if error.refused().is_some_and(|refused| codes.contains(&refused.grpc_code())))
    }

    /// The error as a person reads it: what, why, what next.
    #[must_use]
    pub fn text(&self, lang: Lang) -> String {
        let mut lines = vec![line(Word::Error, lang, &self.what(lang))];
        if let Some(refused) = self.refused() {
            for violation in &refused.violations {
                lines.push(format!("      {}: {}", violation.field, violation.description));
            }
        }
        if let Self::Mistakes(mistakes) = self {
            lines.extend(mistakes.iter().map(|mistake| format!("      {}", mistake_line(mistake, lang))));
        }
        if let Some(hint) = self.hint(lang) {
            lines.push(line(Word::Hint, lang, &hint));
        }
        lines.push(String::new());
        lines.join("\n")
    }

    /// The error as one JSON document.
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        match self.refused() {
            Some(refused) if !matches!(self, Self::Stopped { .. }) => json!({ "error": refused }),
            refused => json!({ "error": {
                "says": { "zh": self.what(Lang::Zh), "en": self.what(Lang::En) },
                "refused": refused,
                "hint": self.hint(Lang::Zh).zip(self.hint(Lang::En)).map(|(zh, en)| json!({ "zh": zh, "en": en })),
                "mistakes": self.mistakes().map(mistakes_json),
            } }),
        }
    }

    fn mistakes(&self) -> Option<&[Mistake]> {
        if let Self::Mistakes(mistakes) = self { Some(mistakes) } else { None }
    }

    fn refused(&self) -> Option<&Refused> {
        match self {
            Self::Client(error) => error.refused(),
            Self::Stopped { why, .. } => why.refused(),
            _ => None,
        }
    }

    fn what(&self, lang: Lang) -> String {
        match self {
            Self::Client(ClientError::Refused(refused)) if refused.on_the_way => {
                Say::Unreachable { why: refused.says.en.clone() }.text(lang)
            }
            Self::Client(ClientError::Refused(refused)) => said(refused, lang),
            Self::Client(ClientError::Broken(why)) => Say::AnswerBroken { why: why.clone() }.text(lang),
            Self::Client(ClientError::File { path, source }) => {
                Say::FileUnreadable { path: path.clone(), why: source.to_string() }.text(lang)
            }
            Self::Client(error) => Say::Unreachable { why: error.to_string() }.text(lang),
            Self::Says(say) | Self::Usage(say) => say.text(lang),
            Self::Mistakes(mistakes) => Say::PackMistakes { count: mistakes.len() }.text(lang),
            Self::Hinted(say, _) => say.text(lang),
            Self::Stopped { name, step, why } => {
                Say::JourneyFailed { name: name.clone(), step: *step, why: why.what(lang) }.text(lang)
            }
        }
    }

    fn hint(&self, lang: Lang) -> Option<String> {
        match self {
            Self::Client(ClientError::Refused(refused)) if refused.on_the_way => {
                Some(Word::UnreachableHint.text(lang).to_owned())
            }
            Self::Client(error) => error.refused().and_then(|refused| refused.hint.as_ref()).map(|hint| match lang {
                Lang::Zh => hint.zh.clone(),
                Lang::En => hint.en.clone(),
            }),
            Self::Hinted(_, hint) => Some(hint.text(lang).to_owned()),
            Self::Stopped { why, .. } => why.hint(lang),
            Self::Says(_) | Self::Usage(_) | Self::Mistakes(_) => None,
        }
    }
}

/// A mistake of a pack as a person finds it: file, line, reason.
#[must_use]
pub fn mistake_line(mistake: &Mistake, lang: Lang) -> String {
    let reason = if lang == Lang::Zh { &mistake.reason_zh } else { &mistake.reason_en };
    format!("{}:{}: {reason}", mistake.file, mistake.line)
}

/// Mistakes of a pack as machines read them.
#[must_use]
pub fn mistakes_json(mistakes: &[Mistake]) -> serde_json::Value {
    let told = mistakes.iter().map(|mistake| {
        json!({
            "file": mistake.file,
            "line": mistake.line,
            "reason": { "zh": mistake.reason_zh, "en": mistake.reason_en },
        })
    });
    told.collect()
}

fn line(prefix: Word, lang: Lang, text: &str) -> String {
    format!("{}  {text}", prefix.text(lang))
}

fn said(refused: &Refused, lang: Lang) -> String {
    let says = match lang {
        Lang::Zh => &refused.says.zh,
        Lang::En => &refused.says.en,
    };
    let reason = if refused.reason.is_empty() { &refused.code } else { &refused.reason };
    format!("{says} ({reason})")
}

impl From<Unreadable> for Failure {
    fn from(error: Unreadable) -> Self {
        Self::Says(Say::AnswerBroken { why: error.to_string() })
    }
}

impl From<TurnError> for Failure {
    fn from(error: TurnError) -> Self {
        match error {
            TurnError::Client(error) => Self::Client(error),
            // The source names what kept moving; the sentence around it says only where the turn stopped.
            TurnError::Restless { at, source } => Self::Says(Say::CannotTurn { why: format!("{at}: {source}") }),
            other => Self::Says(Say::CannotTurn { why: other.to_string() }),
        }
    }
}

impl From<Restless> for Failure {
    fn from(error: Restless) -> Self {
        match error {
            Restless::Client(error) => Self::Client(error),
            still => Self::Says(Say::CannotTurn { why: still.to_string() }),
        }
    }
}

impl From<tonic::Status> for Failure {
    fn from(status: tonic::Status) -> Self {
        Self::Client(status.into())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use tonic::Status;
    use tonic_types::{ErrorDetails, StatusExt};

    use super::*;

    fn out_of_turn() -> Failure {
        let metadata = HashMap::from(
            [
                ("zh", "JS-2026-000123 已受理, 不能再次受理"),
                ("en", "JS-2026-000123 is accepted and cannot be accepted again"),
                ("hint_zh", "xiezhi case show JS-2026-000123"),
                ("hint_en", "xiezhi case show JS-2026-000123"),
            ]
            .map(|(key, value)| (key.to_owned(), value.to_owned())),
        );
        let mut details = ErrorDetails::new();
        details.set_error_info("intake.out_of_turn", "xiezhi", metadata);
        Failure::from(Status::with_error_details(Code::FailedPrecondition, "accepted", details))
    }

    #[test]
    fn a_refusal_says_what_why_and_what_next() {
        let zh =
            "错误  JS-2026-000123 已受理, 不能再次受理 (intake.out_of_turn)\n提示  xiezhi case show JS-2026-000123\n";
        assert_eq!(out_of_turn().text(Lang::Zh), zh);
        let en = "error  JS-2026-000123 is accepted and cannot be accepted again (intake.out_of_turn)\nhint  xiezhi case show JS-2026-000123\n";
        assert_eq!(out_of_turn().text(Lang::En), en);
        assert_eq!(out_of_turn().exit_code(), 1);
    }

    #[test]
    fn a_refusal_is_json_for_machines() {
        let json = out_of_turn().json();
        assert_eq!(json["error"]["reason"], "intake.out_of_turn");
        assert_eq!(json["error"]["code"], "FAILED_PRECONDITION");
    }

    #[test]
    fn every_wrong_field_has_its_line() {
        let mut details = ErrorDetails::new();
        details.set_bad_request(vec![
            tonic_types::FieldViolation::new("title", "must not be empty"),
            tonic_types::FieldViolation::new("facts.act_on", "is no day"),
        ]);
        let failure = Failure::from(Status::with_error_details(Code::InvalidArgument, "two mistakes", details));
        let text = failure.text(Lang::En);
        assert!(text.contains("\n      title: must not be empty\n      facts.act_on: is no day\n"), "{text}");
    }

    #[test]
    fn a_centre_that_does_not_answer_is_told_with_what_to_do() {
        let broken = std::io::Error::new(std::io::ErrorKind::ConnectionRefused, "refused");
        let failure = Failure::from(Status::from_error(Box::new(broken)));
        assert!(failure.text(Lang::Zh).contains("scripts/up"));
    }

    #[test]
    fn every_mistake_of_a_pack_is_told() {
        let mistake = |line| Mistake {
            file: "units.csv".to_owned(),
            line,
            reason_zh: "没有这种单位".to_owned(),
            reason_en: "no such unit".to_owned(),
        };
        let failure = Failure::Mistakes(vec![mistake(2), mistake(9)]);
        let zh = "错误  配置包有 2 处错误\n      units.csv:2: 没有这种单位\n      units.csv:9: 没有这种单位\n";
        assert_eq!(failure.text(Lang::Zh), zh);
        assert_eq!(failure.json()["error"]["mistakes"][1]["line"], 9);
    }

    #[test]
    fn only_what_is_refused_for_good_and_for_this_caller_is_out_of_sight() {
        let failure = |code| Failure::from(Status::new(code, "no"));
        assert!(
            failure(Code::PermissionDenied).is_not_permitted() && failure(Code::PermissionDenied).is_out_of_sight()
        );
        assert!(!failure(Code::NotFound).is_not_permitted() && failure(Code::NotFound).is_out_of_sight());
        for code in [Code::Unavailable, Code::Unauthenticated, Code::Internal, Code::FailedPrecondition] {
            assert!(!failure(code).is_not_permitted() && !failure(code).is_out_of_sight(), "{code:?}");
        }
        assert!(!Failure::Says(Say::Just(Word::NoPack)).is_out_of_sight());
    }

    #[test]
    fn a_wrong_command_line_ends_with_two() {
        assert_eq!(Failure::Usage(Say::NotAMoment { text: "x".to_owned() }).exit_code(), 2);
    }
}
