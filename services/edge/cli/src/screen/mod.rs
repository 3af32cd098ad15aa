//! What a person or a machine sees: answers on stdout, talk on stderr.

pub mod clean;
pub mod table;
pub mod time;

use std::io::{BufRead, IsTerminal, Write};

use serde_json::Value;

pub use table::Table;

use clean::{clean, escaped};

use crate::failure::Failure;
use crate::say::{Lang, Say, Word};

/// How answers are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Output {
    /// For people.
    #[default]
    Text,
    /// One JSON document; where answers come over time, one a line.
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
    /// True where a machine reads line by line, because answers come over time.
    pub is_stream: bool,
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
        Self { lang, output, yes, is_stream: false, out, talk }
    }

    /// Prints one of many answers that come over time: for machines one document a line.
    pub fn part(&mut self, answer: &Answer) -> std::io::Result<()> {
        match self.output {
            Output::Text => self.out.write_all(clean(&answer.text).as_bytes())?,
            Output::Json => self.document(&answer.json, true)?,
        }
        self.out.flush()
    }

    /// Prints an answer.
    pub fn answer(&mut self, answer: &Answer) -> std::io::Result<()> {
        if answer.json.is_null() {
            return self.out.flush();
        }
        match self.output {
            Output::Text => self.out.write_all(clean(&answer.text).as_bytes())?,
            Output::Json => self.document(&answer.json, self.is_stream)?,
        }
        self.out.flush()
    }

    /// Prints why a command failed; a machine finds it on stdout, as it finds answers.
    pub fn failure(&mut self, failure: &Failure) -> std::io::Result<()> {
        if self.output == Output::Json {
            self.document(&failure.json(), self.is_stream)?;
            self.out.flush()?;
        }
        self.talk.write_all(clean(&failure.text(self.lang)).as_bytes())?;
        self.talk.flush()
    }

    fn document(&mut self, json: &Value, in_one_line: bool) -> std::io::Result<()> {
        let text = if in_one_line { serde_json::to_string(json) } else { serde_json::to_string_pretty(json) }?;
        self.out.write_all(escaped(&text).as_bytes())?;
        self.out.write_all(b"\n")
    }

    /// Says something that is not the answer.
    pub fn say(&mut self, say: &Say) {
        self.line(&say.text(self.lang));
    }

    /// Prints a line that is not the answer.
    pub fn line(&mut self, line: &str) {
        // Nobody reads stderr any more: no reason to stop.
        let _ = writeln!(self.talk, "{}", clean(line));
    }

    /// Asks before something that cannot be undone; without a person there, it must have been said beforehand.
    pub fn sure(&mut self, what: String) -> Result<(), Failure> {
        self.ask(&Say::Sure { what }, Word::NeedsYes)
    }

    /// Asks a question that ends what is done where the answer is not yes; `unasked` is said where nobody is there to ask.
    pub fn ask(&mut self, question: &Say, unasked: Word) -> Result<(), Failure> {
        if self.yes {
            return Ok(());
        }
        if !std::io::stdin().is_terminal() {
            return Err(Failure::Usage(Say::Just(unasked)));
        }
        let question = clean(&question.text(self.lang));
        let _ = write!(self.talk, "{question}").and_then(|()| self.talk.flush());
        let mut line = String::new();
        let read = std::io::stdin().lock().read_line(&mut line);
        match (read, line.trim().to_lowercase().as_str()) {
            (Ok(_), "y" | "yes" | "是") => Ok(()),
            _ => Err(Failure::Says(Say::Just(Word::NotDone))),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failed test should panic

    use std::sync::{Arc, Mutex};

    use super::*;

    /// What was written, also after the screen has it.
    #[derive(Clone, Default)]
    struct Paper(Arc<Mutex<Vec<u8>>>);

    impl Write for Paper {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    impl Paper {
        fn text(&self) -> String {
            String::from_utf8(std::mem::take(&mut self.0.lock().unwrap())).unwrap()
        }
    }

    fn screen(output: Output) -> (Screen, Paper, Paper) {
        let (out, talk) = (Paper::default(), Paper::default());
        (Screen::of(Lang::Zh, output, false, Box::new(out.clone()), Box::new(talk.clone())), out, talk)
    }

    #[test]
    fn whatever_is_printed_leaves_the_terminal_as_it_is() {
        const NASTY: &str = "已答复\u{1b}]0;x\u{7}\u{9b}2J\u{202e}完";
        let shows = |text: &str| {
            assert!(text.contains("已答复"), "{text}");
            assert!(
                text.chars().all(|letter| letter == '\n' || !letter.is_control() && letter != '\u{202e}'),
                "{text:?}"
            );
        };
        let answer = Answer::new(serde_json::json!({ "reply": NASTY }), NASTY);
        let failure = Failure::Says(Say::NothingNamed { name: NASTY.to_owned() });
        for output in [Output::Text, Output::Json] {
            let (mut screen, out, talk) = screen(output);
            screen.answer(&answer).unwrap();
            shows(&out.text());
            screen.part(&answer).unwrap();
            shows(&out.text());
            screen.line(NASTY);
            shows(&talk.text());
            screen.say(&Say::NothingNamed { name: NASTY.to_owned() });
            shows(&talk.text());
            screen.failure(&failure).unwrap();
            shows(&talk.text());
        }
    }

    #[test]
    fn what_comes_over_time_is_one_document_a_line_and_so_is_its_failure() {
        let (mut screen, out, _) = screen(Output::Json);
        let answer = Answer::new(serde_json::json!({ "position": 1, "work_order": { "case_no": "JS" } }), "");
        let failure = Failure::Says(Say::NothingNamed { name: "ZF".to_owned() });
        screen.is_stream = true;
        screen.part(&answer).unwrap();
        screen.failure(&failure).unwrap();
        let text = out.text();
        let documents: Vec<serde_json::Value> =
            text.lines().map(|line| serde_json::from_str(line).expect("a document a line")).collect();
        assert_eq!(documents, [answer.json.clone(), failure.json()]);
        screen.is_stream = false;
        screen.failure(&failure).unwrap();
        let whole = out.text();
        assert!(whole.lines().count() > 1, "{whole}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&whole).unwrap(), failure.json());
    }
}
