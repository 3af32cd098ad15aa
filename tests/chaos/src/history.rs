//! What the clients themselves know: every command they sent and every answer they got, in a file of JSON lines.

use std::collections::{BTreeMap, HashSet};
use std::io::Write;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::Serialize;
use uuid::Uuid;

/// A command as it was sent, so that it can be sent again.
#[derive(Debug, Clone)]
pub struct Command {
    /// Who sent it.
    pub account: String,
    /// The door, e.g. `/xiezhi.intake.v1.CaseService/RegisterCase`.
    pub path: &'static str,
    /// Its id.
    pub command_id: Uuid,
    /// The request.
    pub request: Vec<u8>,
}

impl Command {
    /// The service it is meant for.
    #[must_use]
    pub fn service(&self) -> &'static str {
        self.path.trim_start_matches("/xiezhi.").split('.').next().unwrap_or_default()
    }

    /// The door's name alone.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.path.rsplit('/').next().unwrap_or_default()
    }
}

/// How a command ended, as its client saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// It was carried out, and this is the answer.
    Done(Vec<u8>),
    /// It was refused for good, for this reason.
    Refused(String),
    /// Nobody answered in time: it may have been carried out.
    Unknown(String),
}

/// One line of the file.
#[derive(Serialize)]
struct Line<'a> {
    at_ms: u128,
    what: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    account: &'a str,
    command: &'a str,
    command_id: Uuid,
    #[serde(skip_serializing_if = "Option::is_none")]
    request: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    answer: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    tries: u32,
}

/// The history of all clients of a run.
#[derive(Debug)]
pub struct History {
    began: Instant,
    file: Mutex<std::io::BufWriter<std::fs::File>>,
    known: Mutex<Known>,
}

/// A command that was carried out.
#[derive(Debug)]
struct Done {
    command: Command,
    answer: Vec<u8>,
    at: Instant,
}

#[derive(Debug, Default)]
struct Known {
    done: Vec<Done>,
    restored: Vec<(&'static str, Instant, Instant)>,
    refused_late: Vec<Command>,
    unknown: u64,
    refused: BTreeMap<String, u64>,
    by_name: BTreeMap<&'static str, u64>,
    broken: Vec<String>,
    secrets: HashSet<String>,
    left_to_persons: HashSet<String>,
}

impl History {
    /// A history in a new file.
    pub fn create(file: &Path) -> anyhow::Result<Self> {
        let file = std::io::BufWriter::new(std::fs::File::create(file)?);
        Ok(Self { began: Instant::now(), file: Mutex::new(file), known: Mutex::default() })
    }

    /// A command is about to be sent.
    pub fn sent(&self, command: &Command) {
        self.line(command, "sent", Some(hex::encode(&command.request)), None, None, 0);
    }

    /// A command has ended; it was sent so many times, and before the last time perhaps without an answer.
    pub fn ended(&self, command: &Command, ending: &Ending, tries: u32) {
        let mut known = self.known();
        match ending {
            Ending::Done(answer) => {
                *known.by_name.entry(command.name()).or_default() += 1;
                let (command, answer) = (command.clone(), answer.clone());
                known.done.push(Done { command, answer, at: Instant::now() });
            }
            Ending::Refused(reason) => {
                *known.refused.entry(format!("{} {reason}", command.name())).or_default() += 1;
                if tries > 1 {
                    known.refused_late.push(command.clone());
                }
            }
            Ending::Unknown(_) => known.unknown += 1,
        }
        drop(known);
        match ending {
            Ending::Done(answer) => self.line(command, "done", None, Some(hex::encode(answer)), None, tries),
            Ending::Refused(reason) => self.line(command, "refused", None, None, Some(reason), tries),
            Ending::Unknown(reason) => self.line(command, "unknown", None, None, Some(reason), tries),
        }
    }

    /// A client saw something that must never be.
    pub fn broke(&self, what: String) {
        let at = self.began.elapsed().as_secs_f64();
        let mut known = self.known();
        // What is seen again at every look is told once.
        if !known.broken.iter().any(|told| told.starts_with(&what)) {
            known.broken.push(format!("{what} (at {at:.1} s)"));
        }
    }

    /// A word that belongs into the vault and nowhere else.
    pub fn secret(&self, word: &str) {
        self.known().secrets.insert(word.to_owned());
    }

    /// What clients saw that must never be.
    #[must_use]
    pub fn broken(&self) -> Vec<String> {
        self.known().broken.clone()
    }

    /// After a recovery this case waited for a person, and nobody put it right: the run only said so.
    pub fn left_to_a_person(&self, case_id: &str) {
        self.known().left_to_persons.insert(case_id.to_owned());
    }

    /// Cases that a recovery left to persons.
    #[must_use]
    pub fn left_to_persons(&self) -> HashSet<String> {
        self.known().left_to_persons.clone()
    }

    /// Every word that belongs into the vault.
    #[must_use]
    pub fn secrets(&self) -> HashSet<String> {
        self.known().secrets.clone()
    }

    /// Every command that was answered, with its answer.
    #[must_use]
    pub fn done(&self) -> Vec<(Command, Vec<u8>)> {
        self.done_where(false)
    }

    /// How long ago a command was answered.
    #[must_use]
    pub fn age(&self, command_id: Uuid) -> Option<Duration> {
        self.known().done.iter().find(|done| done.command.command_id == command_id).map(|done| done.at.elapsed())
    }

    /// Commands that were answered while a database was younger than the one its service has now: their answers are lost with
    /// it, though not their events.
    #[must_use]
    pub fn restored_over(&self) -> Vec<(Command, Vec<u8>)> {
        self.done_where(true)
    }

    /// A service's database was put back to what it was at `from`.
    pub fn restored(&self, service: &'static str, from: Instant, to: Instant) {
        self.known().restored.push((service, from, to));
    }

    fn done_where(&self, lost: bool) -> Vec<(Command, Vec<u8>)> {
        let known = self.known();
        let is_lost = |done: &&Done| {
            known
                .restored
                .iter()
                .any(|(service, from, to)| *service == done.command.service() && (*from..=*to).contains(&done.at))
        };
        let wanted = known.done.iter().filter(|done| is_lost(done) == lost);
        wanted.map(|done| (done.command.clone(), done.answer.clone())).collect()
    }

    /// Commands that were refused in the end, after tries whose answer never came.
    #[must_use]
    pub fn refused_late(&self) -> Vec<Command> {
        self.known().refused_late.clone()
    }

    /// How many commands were answered, by name.
    #[must_use]
    pub fn by_name(&self) -> BTreeMap<&'static str, u64> {
        self.known().by_name.clone()
    }

    /// How many commands were refused, by name and reason.
    #[must_use]
    pub fn refused(&self) -> BTreeMap<String, u64> {
        self.known().refused.clone()
    }

    /// How many commands nobody answered.
    #[must_use]
    pub fn unknown(&self) -> u64 {
        self.known().unknown
    }

    /// How many commands were answered.
    #[must_use]
    pub fn count(&self) -> usize {
        self.known().done.len()
    }

    /// Writes what is still in memory.
    pub fn flush(&self) {
        let _ = self.file.lock().unwrap_or_else(PoisonError::into_inner).flush();
    }

    fn line(
        &self,
        command: &Command,
        what: &str,
        request: Option<String>,
        answer: Option<String>,
        reason: Option<&str>,
        tries: u32,
    ) {
        let line = Line {
            at_ms: self.began.elapsed().as_millis(),
            what,
            account: if what == "sent" { &command.account } else { "" },
            command: command.name(),
            command_id: command.command_id,
            request,
            answer,
            reason,
            tries,
        };
        if let Ok(text) = serde_json::to_string(&line) {
            // A history that cannot be written any more is missed at the end, not in the middle of a fault.
            let _ = writeln!(self.file.lock().unwrap_or_else(PoisonError::into_inner), "{text}");
        }
    }

    fn known(&self) -> std::sync::MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
