//! What a person or a machine sees: answers on stdout, talk on stderr.

pub mod table;
pub mod time;

use std::io::{BufRead, IsTerminal, Write};

use serde_json::Value;

pub use table::Table;

use crate::failure::Failure;
use crate::say::{Lang, Say, Word};

/// How answers are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Output {
    /// For people.
    #[default]
    Text,
    /// One JSON document.
    Json,
}

/// What a command found or did.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// For people; ends with a line break.
    pub text: String,
    /// For machines.
    pub json: Value,
    /// False where the question was answered with no: the exit code is then 1.
    pub holds: bool,
}

impl Answer {
    /// An answer in both forms.
    #[must_use]
    pub fn new(json: Value, text: impl Into<String>) -> Self {
        let mut text = text.into();
        if !text.is_empty() && !text.ends_with('\n') {
            text.push('\n');
        }
        Self { text, json, holds: true }
    }

    /// The end of an answer whose parts were printed as they came.
    #[must_use]
    pub fn told() -> Self {
        Self { text: String::new(), json: Value::Null, holds: true }
    }
}

/// Where answers and talk go.
pub struct Screen {
    /// The reader's language.
    pub lang: Lang,
    /// How answers are printed.
    pub output: Output,
    /// True where every question is answered with yes beforehand.
    pub yes: bool,
    out: Box<dyn Write + Send>,
    talk: Box<dyn Write + Send>,
}

impl std::fmt::Debug for Screen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Screen").field("lang", &self.lang).field("output", &self.output).finish_non_exhaustive()
    }
}

impl Screen {
    /// The process's own stdout and stderr.
    #[must_use]
    pub fn standard(lang: Lang, output: Output, yes: bool) -> Self {
        Self::of(lang, output, yes, Box::new(std::io::stdout()), Box::new(std::io::stderr()))
    }

    /// Any two places to write to.
    #[must_use]
    pub fn of(lang: Lang, output: Output, yes: bool, out: Box<dyn Write + Send>, talk: Box<dyn Write + Send>) -> Self {
        Self { lang, output, yes, out, talk }
    }

    /// Prints one of many answers that come over time: for machines one document a line.
    pub fn part(&mut self, answer: &Answer) -> std::io::Result<()> {
        match self.output {
            Output::Text => self.out.write_all(answer.text.as_bytes())?,
            Output::Json => {
                serde_json::to_writer(&mut self.out, &answer.json)?;
                self.out.write_all(b"\n")?;
            }
        }
        self.out.flush()
    }

    /// Prints an answer.
    pub fn answer(&mut self, answer: &Answer) -> std::io::Result<()> {
        if answer.json.is_null() {
            return self.out.flush();
        }
        match self.output {
            Output::Text => self.out.write_all(answer.text.as_bytes())?,
            Output::Json => {
                serde_json::to_writer_pretty(&mut self.out, &answer.json)?;
                self.out.write_all(b"\n")?;
            }
        }
        self.out.flush()
    }

    /// Prints why a command failed; a machine finds it on stdout, as it finds answers.
    pub fn failure(&mut self, failure: &Failure) -> std::io::Result<()> {
        if self.output == Output::Json {
            serde_json::to_writer_pretty(&mut self.out, &failure.json())?;
            self.out.write_all(b"\n")?;
            self.out.flush()?;
        }
        self.talk.write_all(failure.text(self.lang).as_bytes())?;
        self.talk.flush()
    }

    /// Says something that is not the answer.
    pub fn say(&mut self, say: &Say) {
        self.line(&say.text(self.lang));
    }

    /// Prints a line that is not the answer.
    pub fn line(&mut self, line: &str) {
        // Nobody reads stderr any more: no reason to stop.
        let _ = writeln!(self.talk, "{line}");
    }

    /// Asks before something that cannot be undone; without a person there, it must have been said beforehand.
    pub fn sure(&mut self, what: String) -> Result<(), Failure> {
        if self.yes {
            return Ok(());
        }
        if !std::io::stdin().is_terminal() {
            return Err(Failure::Usage(Say::Just(Word::NeedsYes)));
        }
        let question = Say::Sure { what }.text(self.lang);
        let _ = write!(self.talk, "{question}").and_then(|()| self.talk.flush());
        let mut line = String::new();
        let read = std::io::stdin().lock().read_line(&mut line);
        match (read, line.trim().to_lowercase().as_str()) {
            (Ok(_), "y" | "yes" | "是") => Ok(()),
            _ => Err(Failure::Says(Say::Just(Word::NotDone))),
        }
    }
}
