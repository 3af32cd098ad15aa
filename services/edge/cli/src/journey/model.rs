//! What a journey may say.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use crate::failure::Failure;
use crate::say::{Lang, Say};

/// 剧本: a title, perhaps the moment at which its own centre begins, and steps.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Journey {
    /// What it shows.
    pub title: Text,
    /// The moment at which a centre of its own begins, Beijing time.
    #[serde(default)]
    pub start: Option<String>,
    /// Values that are known from the beginning.
    #[serde(default)]
    pub given: BTreeMap<String, Value>,
    /// The steps, in order.
    pub steps: Vec<Step>,
}

/// A text in both languages.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Text {
    /// Chinese.
    pub zh: String,
    /// English.
    pub en: String,
}

impl Text {
    /// The text in a language.
    #[must_use]
    pub fn get(&self, lang: Lang) -> &str {
        match lang {
            Lang::Zh => &self.zh,
            Lang::En => &self.en,
        }
    }
}

/// 步骤: one thing that is said, done, waited for or expected.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Step {
    /// A comment that is printed.
    pub say: Option<Text>,
    /// Does the step once for each value: a name and its values; several names go side by side.
    pub each: BTreeMap<String, Value>,
    /// The account that calls; the operator where it is left out.
    #[serde(rename = "as")]
    pub party: Option<String>,
    /// The RPC, e.g. `intake.CaseService/RegisterCase`.
    pub call: Option<String>,
    /// The request.
    pub with: Option<Value>,
    /// Values of the answer to keep: name and path.
    pub save: BTreeMap<String, String>,
    /// What the answer must say: path and expectation.
    pub expect: BTreeMap<String, Value>,
    /// The refusal that must come instead of an answer.
    pub expect_refused: Option<ExpectRefused>,
    /// An event that must be in its producer's journal.
    pub expect_event: Option<ExpectEvent>,
    /// A call that is repeated until its answer says what is expected.
    pub wait_until: Option<WaitUntil>,
    /// Time to turn.
    pub turn: Option<TurnTo>,
    /// Waits until the centre is at rest, at most so long, e.g. `30s`.
    pub rest: Option<String>,
}

/// 拒绝: the refusal that must come.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExpectRefused {
    /// The gRPC code, e.g. `FAILED_PRECONDITION`; any where it is left out.
    #[serde(default)]
    pub code: Option<String>,
    /// The stable reason, e.g. `assignment.ruled_already`: a refusal for another reason is not the one that was meant.
    pub reason: String,
    /// What the person must be told, a part of the Chinese or the English sentence; anything where it is left out.
    #[serde(default)]
    pub says: Option<String>,
}

/// 事件: an event that must come.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExpectEvent {
    /// Its subject, e.g. `intake.case.accepted`.
    #[serde(rename = "type")]
    pub subject: String,
    /// Its key: the case's, or the operation's, UUID.
    #[serde(alias = "key")]
    pub case: String,
    /// What its body must say.
    #[serde(default)]
    pub with: BTreeMap<String, Value>,
    /// Values of its body to keep.
    #[serde(default)]
    pub save: BTreeMap<String, String>,
    /// At least so many of them.
    #[serde(default = "one")]
    pub count: usize,
    /// How long to wait for it, e.g. `10s`.
    #[serde(default = "ten_seconds")]
    pub within: String,
}

/// 等待: a call that is repeated.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WaitUntil {
    /// The RPC.
    pub call: String,
    /// The request.
    #[serde(default)]
    pub with: Option<Value>,
    /// What the answer must say in the end.
    #[serde(default)]
    pub expect: BTreeMap<String, Value>,
    /// Values of that answer to keep.
    #[serde(default)]
    pub save: BTreeMap<String, String>,
    /// How long, e.g. `10s`.
    #[serde(default = "ten_seconds")]
    pub within: String,
}

/// 拨钟: to a moment, or by a span.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TurnTo {
    /// To this moment, Beijing time.
    #[serde(default)]
    pub to: Option<String>,
    /// By so much, e.g. `2 workdays`.
    #[serde(default)]
    pub by: Option<String>,
}

fn one() -> usize {
    1
}

fn ten_seconds() -> String {
    "10s".to_owned()
}

impl Journey {
    /// Reads a journey from its document.
    pub fn of(document: &Value) -> Result<Self, Failure> {
        let journey = Self::deserialize(document).map_err(|error| broken(error.to_string()))?;
        journey.check()?;
        Ok(journey)
    }

    /// Reads a journey from YAML.
    pub fn from_yaml(text: &str) -> Result<Self, Failure> {
        let document: Value = serde_norway::from_str(text).map_err(|error| broken(error.to_string()))?;
        Self::of(&document)
    }

    /// True where a step turns time, so that the centre must be simulated.
    #[must_use]
    pub fn turns_time(&self) -> bool {
        self.steps.iter().any(|step| step.turn.is_some())
    }

    /// Every mistake that can be seen without a centre, with the step it is in.
    fn check(&self) -> Result<(), Failure> {
        for (place, step) in self.steps.iter().enumerate() {
            if let Err(why) = step.check() {
                return Err(broken(format!("{}: {why}", place + 1)));
            }
        }
        Ok(())
    }
}

fn broken(why: String) -> Failure {
    Failure::Says(Say::JourneyBroken { why })
}

impl Step {
    fn check(&self) -> Result<(), String> {
        let actions = [
            self.call.is_some(),
            self.expect_event.is_some(),
            self.wait_until.is_some(),
            self.turn.is_some(),
            self.rest.is_some(),
        ];
        let actions = actions.into_iter().filter(|is| *is).count();
        if actions > 1 {
            return Err("call, expect_event, wait_until, turn and rest are steps of their own".to_owned());
        }
        if actions == 0 && self.say.is_none() {
            return Err("a step says or does something".to_owned());
        }
        if self.call.is_none() && (self.with.is_some() || self.expect_refused.is_some() || !self.expect.is_empty()) {
            return Err("with, expect and expect_refused belong to a call".to_owned());
        }
        if self.expect_refused.is_some() && (!self.expect.is_empty() || !self.save.is_empty()) {
            return Err("a refusal has no answer to expect or to save".to_owned());
        }
        for method in self.call.iter().chain(self.wait_until.iter().map(|wait| &wait.call)) {
            crate::reflect::method(method).map_err(|error| error.to_string())?;
        }
        if let Some(event) = &self.expect_event
            && !xiezhi_proto::EVENTS.iter().any(|known| known.subject == event.subject)
        {
            return Err(format!("the contract has no event {}", event.subject));
        }
        if let Some(turn) = &self.turn
            && turn.to.is_some() == turn.by.is_some()
        {
            return Err("turn wants either to or by".to_owned());
        }
        let mut lengths = self.each.values().filter_map(Value::as_array).map(Vec::len);
        let first = lengths.next();
        if lengths.any(|length| Some(length) != first) {
            return Err("the lists of each are of different length".to_owned());
        }
        let bounds = [
            self.rest.as_deref(),
            self.wait_until.as_ref().map(|wait| wait.within.as_str()),
            self.expect_event.as_ref().map(|event| event.within.as_str()),
        ];
        for bound in bounds.into_iter().flatten() {
            duration(bound)?;
        }
        Ok(())
    }
}

/// A bound such as `10s` or `2m`.
pub fn duration(text: &str) -> Result<Duration, String> {
    use crate::span::Span;
    match Span::parse(text) {
        Ok(Span::Exact(span)) => Duration::try_from(span).map_err(|error| error.to_string()),
        _ => Err(format!("{text} is no bound; write 10s")),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failed test should panic

    use super::*;

    fn steps(yaml: &str) -> Result<Journey, Failure> {
        Journey::from_yaml(&format!("title: {{zh: 题, en: title}}\nsteps:\n{yaml}"))
    }

    #[test]
    fn a_journey_reads_from_yaml() {
        let journey = steps(
            "- as: centre.window1\n  call: intake.CaseService/RegisterCase\n  with: {title: x}\n  save: {case: case_id}\n- turn: {by: 2 workdays}\n",
        )
        .unwrap();
        assert_eq!(journey.steps[0].party.as_deref(), Some("centre.window1"));
        assert!(journey.turns_time());
    }

    #[test]
    fn mistakes_are_found_before_anything_is_called() {
        for wrong in [
            "- {}\n",
            "- call: intake.CaseService/NoSuch\n",
            "- call: intake.CaseService/GetCase\n  turn: {by: 1d}\n",
            "- turn: {by: 1d, to: 2026-03-02}\n",
            "- with: {a: b}\n  say: {zh: 题, en: t}\n",
            "- expect_event: {type: no.such.event, case: x}\n",
            "- rest: soon\n",
            "- call: intake.CaseService/GetCase\n  expect_refused: {reason: bus.not_found}\n  save: {a: b}\n",
            "- call: intake.CaseService/GetCase\n  expect_refused: {}\n",
            "- typo: 1\n",
            "- rest: 1s\n  each: {a: [1], b: [1, 2]}\n",
        ] {
            assert!(steps(wrong).is_err(), "{wrong}");
        }
    }
}
