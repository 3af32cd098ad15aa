//! Playing a journey: every step in order, each as the party it names.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use client::turn::{Turn, turn};
use client::{Centre, Refused};
use jiff::Timestamp;
use prost_reflect::{DynamicMessage, MethodDescriptor};
use serde_json::Value;
use tokio::time::Instant;
use tonic::Request;
use uuid::Uuid;

use super::model::{ExpectEvent, ExpectRefused, Journey, Step, TurnTo, WaitUntil, duration};
use super::path::find;
use super::{Mismatch, expect, interpolate, request};
use crate::failure::Failure;
use crate::parse;
use crate::reflect::{self, DynamicCodec};
use crate::say::Say;
use crate::screen::time;
use crate::session::Session;
use crate::span::Span;

/// How often something that is waited for is looked at again.
const LOOK_AGAIN: Duration = Duration::from_millis(30);

/// A token lives 15 minutes; a longer journey gets new ones in time.
const TOKEN_USED_FOR: Duration = Duration::from_secs(300);

/// Hears what a journey does while it does it.
pub trait Watcher {
    /// A step begins: its number from 1, of how many, and what it is.
    fn step(&mut self, step: usize, of: usize, what: &str);
    /// A comment of the journey.
    fn says(&mut self, text: &str);
}

/// What a journey left behind.
#[derive(Debug, Clone, Default)]
pub struct Outcome {
    /// How many steps were played.
    pub steps: usize,
    /// Everything that was saved.
    pub saved: BTreeMap<String, Value>,
    /// Every command that was answered, by service: the client's own history for N1.
    pub answered: BTreeMap<String, HashSet<Uuid>>,
}

/// Plays one journey on one centre.
struct Player<'a> {
    session: &'a Session,
    parties: HashMap<String, (Centre, Instant)>,
    outcome: Outcome,
}

/// A step that failed: its number from 1 and why.
#[derive(Debug)]
pub struct Stopped {
    /// The step, from 1.
    pub step: usize,
    /// Why.
    pub why: Failure,
}

/// Plays a journey to its end, or to the first step that does not go as it says.
pub async fn play(session: &Session, journey: &Journey, watcher: &mut dyn Watcher) -> Result<Outcome, Stopped> {
    let outcome = Outcome { saved: journey.given.clone(), ..Outcome::default() };
    let mut player = Player { session, parties: HashMap::new(), outcome };
    let of = journey.steps.len();
    for (place, step) in journey.steps.iter().enumerate() {
        let number = place + 1;
        if let Some(text) = &step.say {
            watcher.says(text.get(session.lang));
        }
        let tell = &mut |what: &str| watcher.step(number, of, what);
        player.rounds(step, tell).await.map_err(|why| Stopped { step: number, why })?;
        player.outcome.steps = number;
    }
    Ok(player.outcome)
}

/// A step in a few words.
fn what(step: &Step) -> Option<String> {
    let party = step.party.as_deref().unwrap_or("operator");
    let call = step.call.as_ref().map(|method| format!("{party}  {method}"));
    let event = step.expect_event.as_ref().map(|event| event.subject.clone());
    let wait = step.wait_until.as_ref().map(|wait| format!("{party}  … {}", wait.call));
    let turn = step
        .turn
        .as_ref()
        .map(|turn| format!("→ {}", turn.to.as_ref().or(turn.by.as_ref()).cloned().unwrap_or_default()));
    call.or(event).or(wait).or(turn).or_else(|| step.rest.as_ref().map(|within| format!("… {within}")))
}

impl From<Mismatch> for Failure {
    fn from(mismatch: Mismatch) -> Self {
        Self::Says(Say::Mismatch { why: mismatch.0 })
    }
}

impl Player<'_> {
    /// Does a step as often as it says, each time with the next values.
    async fn rounds(&mut self, step: &Step, tell: &mut dyn FnMut(&str)) -> Result<(), Failure> {
        let mut lists = Vec::new();
        for (name, values) in &step.each {
            let values = interpolate::fill(values, &self.outcome.saved)?;
            let list = values.as_array().ok_or_else(|| Mismatch(format!("each: {name} is no list")))?;
            lists.push((name, list.clone()));
        }
        let rounds = lists.first().map_or(1, |(_, list)| list.len());
        for round in 0..rounds {
            for (name, list) in &lists {
                let value = list.get(round).cloned().ok_or_else(|| Mismatch(format!("each: {name} is too short")))?;
                self.outcome.saved.insert((*name).clone(), value);
            }
            self.step(step, tell).await?;
        }
        Ok(())
    }

    async fn step(&mut self, step: &Step, tell: &mut dyn FnMut(&str)) -> Result<(), Failure> {
        self.know_the_day().await?;
        if let Some(what) = what(step) {
            tell(&interpolate::fill_plain(&what, &self.outcome.saved)?);
        }
        let party = step.party.as_ref().map(|party| interpolate::fill_plain(party, &self.outcome.saved)).transpose()?;
        let party = party.as_deref();
        if let Some(method) = &step.call {
            return self.call_step(step, party, method).await;
        }
        if let Some(event) = &step.expect_event {
            return self.event(event).await;
        }
        if let Some(wait) = &step.wait_until {
            return self.wait_until(party, wait).await;
        }
        if let Some(to) = &step.turn {
            return self.turn(to).await;
        }
        if let Some(within) = &step.rest {
            client::rest::rest(&self.session.centre, duration(within).map_err(Mismatch)?).await?;
        }
        Ok(())
    }

    /// `${now}` and `${today}` are the centre's own.
    async fn know_the_day(&mut self) -> Result<(), Failure> {
        let now = self.session.now().await?;
        self.outcome.saved.insert("now".to_owned(), Value::String(now.to_string()));
        let today = time::local(now).date().to_string();
        self.outcome.saved.insert("today".to_owned(), Value::String(today));
        Ok(())
    }

    async fn call_step(&mut self, step: &Step, party: Option<&str>, method: &str) -> Result<(), Failure> {
        let answer = self.call(party, method, step.with.as_ref()).await;
        match (answer, &step.expect_refused) {
            (Ok(answer), None) => {
                let wanted = self.filled(&step.expect)?;
                expect::check(&answer, &wanted)?;
                self.save(&answer, &step.save)
            }
            (Ok(_), Some(_)) => Err(Mismatch(format!("{method} should be refused, was answered")).into()),
            (Err(Failure::Client(client::Error::Refused(refused))), Some(wanted)) => {
                Ok(is_the_refusal(&refused, wanted)?)
            }
            (Err(failure), _) => Err(failure),
        }
    }

    /// Calls an RPC by its name and gives the answer as JSON.
    async fn call(&mut self, party: Option<&str>, method: &str, with: Option<&Value>) -> Result<Value, Failure> {
        let descriptor = reflect::method(method)?;
        let service = method.split('.').next().unwrap_or_default().to_owned();
        let centre = self.party(party).await?;
        let written = interpolate::fill(with.unwrap_or(&Value::Null), &self.outcome.saved)?;
        let written = uploaded(&centre, &service, written).await?;
        let command_id = client::new_command_id();
        let message = request::build(&descriptor, written, &command_id)?;
        let is_command = descriptor.input().get_field_by_name("command_id").is_some();
        let sent_id = message.get_field_by_name("command_id").and_then(|id| id.as_str().map(str::to_owned));
        let answer = unary(&centre, &service, &descriptor, &message).await?;
        if is_command && let Some(id) = sent_id.and_then(|id| Uuid::parse_str(&id).ok()) {
            self.outcome.answered.entry(service).or_default().insert(id);
        }
        Ok(reflect::dynamic_json(&answer)?)
    }

    async fn party(&mut self, party: Option<&str>) -> Result<Centre, Failure> {
        let Some(account) = party.filter(|account| *account != "operator") else {
            return Ok(self.session.centre.clone());
        };
        if let Some((centre, since)) = self.parties.get(account)
            && since.elapsed() < TOKEN_USED_FOR
        {
            return Ok(centre.clone());
        }
        let centre = self.session.centre_for(account).await?;
        self.parties.insert(account.to_owned(), (centre.clone(), Instant::now()));
        Ok(centre)
    }

    fn filled(&self, wanted: &BTreeMap<String, Value>) -> Result<BTreeMap<String, Value>, Mismatch> {
        let fill = |(path, value): (&String, &Value)| {
            let path = interpolate::fill_plain(path, &self.outcome.saved)?;
            Ok((path, interpolate::fill(value, &self.outcome.saved)?))
        };
        wanted.iter().map(fill).collect()
    }

    fn save(&mut self, answer: &Value, save: &BTreeMap<String, String>) -> Result<(), Failure> {
        for (name, path) in save {
            let name = interpolate::fill_plain(name, &self.outcome.saved)?;
            let path = interpolate::fill_plain(path, &self.outcome.saved)?;
            let value = find(answer, &path)?.ok_or_else(|| Mismatch(format!("{path} leads nowhere")))?;
            self.outcome.saved.insert(name, value.clone());
        }
        Ok(())
    }

    async fn wait_until(&mut self, party: Option<&str>, wait: &WaitUntil) -> Result<(), Failure> {
        let end = Instant::now() + duration(&wait.within).map_err(Mismatch)?;
        let wanted = self.filled(&wait.expect)?;
        loop {
            // What is not known yet is answered like what does not exist.
            let failed = match self.call(party, &wait.call, wait.with.as_ref()).await {
                Ok(answer) => match expect::check(&answer, &wanted) {
                    Ok(()) => return self.save(&answer, &wait.save),
                    Err(mismatch) => Failure::from(mismatch),
                },
                Err(failure) => failure,
            };
            if Instant::now() >= end {
                return Err(failed);
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    async fn event(&mut self, wanted: &ExpectEvent) -> Result<(), Failure> {
        let end = Instant::now() + duration(&wanted.within).map_err(Mismatch)?;
        let key = interpolate::fill_plain(&wanted.case, &self.outcome.saved)?;
        let key = Uuid::parse_str(&key).map_err(|_| Mismatch(format!("{key:?} is no UUID")))?;
        let with = self.filled(&wanted.with)?;
        loop {
            let mut fitting = Vec::new();
            for body in self.bodies(&wanted.subject, key).await? {
                if expect::check(&body, &with).is_ok() {
                    fitting.push(body);
                }
            }
            if let Some(last) = fitting.last().filter(|_| fitting.len() >= wanted.count) {
                return self.save(last, &wanted.save);
            }
            if Instant::now() >= end {
                let told = format!("{} of {key}: {} of {} came", wanted.subject, fitting.len(), wanted.count);
                return Err(Mismatch(told).into());
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    /// The bodies of a key's events of one subject, from the producer's own journal.
    async fn bodies(&self, subject: &str, key: Uuid) -> Result<Vec<Value>, Failure> {
        let service = subject.split('.').next().unwrap_or_default();
        let kind = xiezhi_proto::EVENTS.iter().find(|kind| kind.subject == subject);
        let mut events = client::journal::read_key(&self.session.centre, service, key, 1).await?;
        let mut bodies = Vec::new();
        while let Some(event) = events.next().await? {
            for fact in client::journal::facts(&event)? {
                if kind.is_some_and(|kind| kind.type_name == fact.type_name) {
                    bodies.push(reflect::event_json(&fact.type_name, &fact.payload)?);
                }
            }
        }
        Ok(bodies)
    }

    async fn turn(&mut self, to: &TurnTo) -> Result<(), Failure> {
        let to = match (&to.to, &to.by) {
            (Some(to), _) => parse::moment(&interpolate::fill_plain(to, &self.outcome.saved)?)?,
            (None, Some(by)) => {
                let now: Timestamp = self.session.now().await?;
                let by = Span::parse(&interpolate::fill_plain(by, &self.outcome.saved)?)?;
                by.after(now, &self.session.pack().await?.calendar)?
            }
            (None, None) => return Ok(()),
        };
        turn(&self.session.centre, Turn::to(to), |_| {}).await?;
        Ok(())
    }
}

fn is_the_refusal(refused: &Refused, wanted: &ExpectRefused) -> Result<(), Mismatch> {
    if refused.on_the_way {
        return Err(Mismatch(refused.to_string()));
    }
    let code = wanted.code.as_ref().is_none_or(|code| *code == refused.code);
    let told = |part: &String| refused.says.zh.contains(part.as_str()) || refused.says.en.contains(part.as_str());
    if code && wanted.reason == refused.reason && wanted.says.as_ref().is_none_or(told) {
        return Ok(());
    }
    let [code, says] = [&wanted.code, &wanted.says].map(|part| part.as_deref().unwrap_or("*"));
    Err(Mismatch(format!(
        "should be refused with {code} {} and say {says}, was refused with {} {}: {refused}",
        wanted.reason, refused.code, refused.reason
    )))
}

/// Sends one request and waits for its answer; what failed on the way is sent again under the same id.
async fn unary(
    centre: &Centre,
    service: &str,
    method: &MethodDescriptor,
    message: &DynamicMessage,
) -> Result<DynamicMessage, Failure> {
    let path = format!("/{}/{}", method.parent_service().full_name(), method.name());
    let path: http::uri::PathAndQuery =
        path.parse().map_err(|_| Mismatch(format!("{} is no path", method.full_name())))?;
    let answer = centre.read(|| {
        let mut door = tonic::client::Grpc::new(centre.door(service));
        let (path, message, method) = (path.clone(), message.clone(), method.clone());
        async move {
            door.ready().await.map_err(|error| tonic::Status::from_error(error.into()))?;
            door.unary(Request::new(message), path, DynamicCodec { method }).await
        }
    });
    Ok(answer.await?)
}

/// Replaces every `upload: {text | base64 | repeat}` by the fingerprint of the stored file.
async fn uploaded(centre: &Centre, service: &str, written: Value) -> Result<Value, Failure> {
    let mut wanted = Vec::new();
    uploads(&written, &mut wanted)?;
    let mut stored = Vec::new();
    for bytes in wanted {
        let blob = client::blob::upload(centre, service, bytes).await?;
        stored.push(STANDARD.encode(&blob.sha256));
    }
    let mut stored = stored.into_iter();
    Ok(replaced(written, &mut stored))
}

fn as_upload(value: &Value) -> Option<&Value> {
    value.as_object().filter(|fields| fields.len() == 1).and_then(|fields| fields.get("upload"))
}

fn uploads(value: &Value, found: &mut Vec<Vec<u8>>) -> Result<(), Mismatch> {
    if let Some(upload) = as_upload(value) {
        found.push(file_bytes(upload)?);
        return Ok(());
    }
    match value {
        Value::Array(items) => items.iter().try_for_each(|item| uploads(item, found)),
        Value::Object(fields) => fields.values().try_for_each(|item| uploads(item, found)),
        _ => Ok(()),
    }
}

fn file_bytes(upload: &Value) -> Result<Vec<u8>, Mismatch> {
    let text = |name: &str| upload.get(name).and_then(Value::as_str);
    match (text("text"), text("base64")) {
        (Some(text), None) => Ok(text.as_bytes().to_vec()),
        (None, Some(encoded)) => STANDARD.decode(encoded).map_err(|error| Mismatch(format!("upload: {error}"))),
        _ => Err(Mismatch("upload wants text or base64".to_owned())),
    }
}

fn replaced(value: Value, stored: &mut impl Iterator<Item = String>) -> Value {
    if as_upload(&value).is_some() {
        return stored.next().map_or(Value::Null, Value::String);
    }
    match value {
        Value::Array(items) => Value::Array(items.into_iter().map(|item| replaced(item, stored)).collect()),
        Value::Object(fields) => {
            Value::Object(fields.into_iter().map(|(name, item)| (name, replaced(item, stored))).collect())
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failed test should panic

    use serde_json::json;
    use tonic::Status;

    use super::*;

    #[test]
    fn files_are_taken_out_of_a_request_and_their_fingerprints_put_in() {
        let written = json!({ "a": [{ "upload": { "text": "one" } }, { "upload": { "base64": "dHdv" } }], "b": 1 });
        let mut found = Vec::new();
        uploads(&written, &mut found).unwrap();
        assert_eq!(found, [b"one".to_vec(), b"two".to_vec()]);
        let mut stored = ["1", "2"].map(str::to_owned).into_iter();
        assert_eq!(replaced(written, &mut stored), json!({ "a": ["1", "2"], "b": 1 }));
        assert!(uploads(&json!({ "upload": {} }), &mut found).is_err());
    }

    #[test]
    fn a_refusal_must_be_the_one_that_was_named() {
        let refused = Refused::from(&Status::not_found("no such case"));
        let wanted = |code: &str, reason: &str, says: Option<&str>| {
            let (code, reason) = (Some(code.to_owned()), reason.to_owned());
            ExpectRefused { code, reason, says: says.map(str::to_owned) }
        };
        let reason = refused.reason.as_str();
        assert_eq!(is_the_refusal(&refused, &wanted("NOT_FOUND", reason, Some("such case"))), Ok(()));
        assert!(is_the_refusal(&refused, &wanted("ALREADY_EXISTS", reason, None)).is_err());
        assert!(is_the_refusal(&refused, &wanted("NOT_FOUND", "another.reason", None)).is_err());
        assert!(is_the_refusal(&refused, &wanted("NOT_FOUND", reason, Some("such order"))).is_err());
        let broken = std::io::Error::new(std::io::ErrorKind::BrokenPipe, "gone");
        let on_the_way = Refused::from(&Status::from_error(Box::new(broken)));
        let any = ExpectRefused { code: None, reason: on_the_way.reason.clone(), says: None };
        assert!(is_the_refusal(&on_the_way, &any).is_err(), "a centre that is gone has not refused");
    }
}
