//! Reading files entry by entry, so that one unreadable entry does not hide the next, and every mistake knows its line.

use std::collections::{BTreeMap, BTreeSet};

use serde::de::DeserializeOwned;

use super::words::{Mistake, cell_fault, holds_word, in_chinese, to_line, too_deep};
use crate::disk::Files;

/// A value and the lines it was read from.
#[derive(Debug, Clone)]
pub(crate) struct Located<T> {
    pub value: T,
    pub file: &'static str,
    pub first: u32,
    pub last: u32,
}

impl<T> Located<T> {
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Located<U> {
        Located { value: change(self.value), file: self.file, first: self.first, last: self.last }
    }
}

/// The files of a pack, what was read of them, and what was found wrong.
pub(crate) struct Reader<'files> {
    texts: BTreeMap<&'files str, &'files str>,
    asked: BTreeSet<&'static str>,
    /// Codes of entries that could not be read: a reference to them is no further mistake.
    broken: BTreeMap<&'static str, BTreeSet<String>>,
    pub mistakes: Vec<Mistake>,
}

impl<'files> Reader<'files> {
    pub fn new(files: &'files Files) -> Self {
        let mut reader =
            Self { texts: BTreeMap::new(), asked: BTreeSet::new(), broken: BTreeMap::new(), mistakes: Vec::new() };
        for (name, bytes) in files {
            match std::str::from_utf8(bytes) {
                Ok(text) => {
                    let text = text.strip_prefix('\u{FEFF}').unwrap_or(text);
                    if let Some(line) = too_deep(text) {
                        reader.texts.insert(name, "");
                        reader.say(name, line, "嵌套过深", "it is nested too deep");
                    } else {
                        reader.texts.insert(name, text);
                    }
                }
                Err(error) => {
                    let before = bytes.get(..error.valid_up_to()).unwrap_or_default();
                    let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
                    reader.texts.insert(name, "");
                    reader.say(name, to_line(line), "文件不是 UTF-8 编码", "the file is not UTF-8");
                }
            }
        }
        reader
    }

    pub fn say(&mut self, file: &str, line: u32, zh: impl Into<String>, en: impl Into<String>) {
        self.mistakes.push(Mistake { file: file.to_owned(), line, reason_zh: zh.into(), reason_en: en.into() });
    }

    /// A mistake about an entry; the line is the one that holds `token`, or the entry's first.
    pub fn blame<T>(&mut self, at: &Located<T>, token: &str, zh: impl Into<String>, en: impl Into<String>) {
        let line = self.line_of(at, token);
        self.say(at.file, line, zh, en);
    }

    /// A mistake about the part of an entry that begins with the `nth` line holding `token`, counted from 0.
    pub fn blame_nth<T>(
        &mut self,
        at: &Located<T>,
        token: &str,
        nth: usize,
        zh: impl Into<String>,
        en: impl Into<String>,
    ) {
        let line = self.line_of_nth(at, token, nth);
        self.say(at.file, line, zh, en);
    }

    fn line_of<T>(&self, at: &Located<T>, token: &str) -> u32 {
        self.line_of_nth(at, token, 0)
    }

    fn line_of_nth<T>(&self, at: &Located<T>, token: &str, nth: usize) -> u32 {
        let lines = self.texts.get(at.file).map_or("", |text| *text).lines().enumerate();
        let numbered = lines.map(|(place, line)| (to_line(place + 1), line));
        let mut within = numbered.filter(|(place, line)| {
            at.first <= *place && *place <= at.last && !token.is_empty() && holds_word(line, token)
        });
        within.nth(nth).map_or(at.first, |(place, _)| place)
    }

    /// Codes that must count as known although their entries could not be read.
    pub fn broken_codes(&self, file: &str) -> impl Iterator<Item = &String> {
        self.broken.get(file).into_iter().flatten()
    }

    /// Files nobody asked for; a mistyped name would otherwise be silently ignored.
    pub fn blame_strangers(&mut self) {
        let strangers: Vec<_> = self
            .texts
            .keys()
            .filter(|name| !self.asked.contains(**name) && !name.starts_with("journeys/"))
            .copied()
            .collect();
        for name in strangers {
            self.say(name, 1, "配置包中没有这样的文件, 请检查文件名", "a pack has no such file; check its name");
        }
    }

    pub fn journeys(&self) -> Vec<(&'files str, &'files str)> {
        let inside =
            |(name, text): (&&'files str, &&'files str)| name.starts_with("journeys/").then_some((*name, *text));
        self.texts.iter().filter_map(inside).collect()
    }

    fn text(&mut self, file: &'static str) -> Option<&'files str> {
        self.asked.insert(file);
        let text = self.texts.get(file).copied();
        if text.is_none() {
            self.say(file, 1, "缺少文件", "the file is missing");
        }
        text
    }

    /// A file that is one YAML document.
    pub fn document<T: DeserializeOwned>(&mut self, file: &'static str) -> Option<Located<T>> {
        let text = self.text(file)?;
        match serde_norway::from_str(text) {
            Ok(value) => Some(Located { value, file, first: 1, last: to_line(text.lines().count().max(1)) }),
            Err(error) => {
                self.unreadable(file, 0, &error);
                None
            }
        }
    }

    /// A file that is one YAML list; each entry begins with `- ` at the margin and is read by itself.
    pub fn list<T: DeserializeOwned>(&mut self, file: &'static str) -> Vec<Located<T>> {
        let Some(text) = self.text(file) else {
            return Vec::new();
        };
        let mut entries = Vec::new();
        for (first, chunk) in self.chunks(file, text) {
            let last = first + to_line(chunk.trim_end().lines().count().max(1)) - 1;
            match serde_norway::from_str::<Vec<T>>(chunk) {
                Ok(values) => entries.extend(values.into_iter().map(|value| Located { value, file, first, last })),
                Err(error) => {
                    self.unreadable(file, first - 1, &error);
                    self.remember_broken(file, chunk);
                }
            }
        }
        entries
    }

    fn chunks(&mut self, file: &'static str, text: &'files str) -> Vec<(u32, &'files str)> {
        let mut starts = Vec::new();
        let mut offset = 0;
        for (place, line) in text.split_inclusive('\n').enumerate() {
            let is_start = line.starts_with("- ") || line.trim_end() == "-";
            if is_start {
                starts.push((to_line(place + 1), offset));
            } else if starts.is_empty() && !line.trim().is_empty() && !line.starts_with('#') && line.trim() != "[]" {
                self.say(
                    file,
                    to_line(place + 1),
                    "这里应当是以“- ”开头的列表",
                    "a list is expected here, each entry beginning with “- ”",
                );
                return Vec::new();
            }
            offset += line.len();
        }
        let ends = starts.iter().skip(1).map(|(_, offset)| *offset).chain([text.len()]);
        let cut = |((line, from), to): (&(u32, usize), usize)| Some((*line, text.get(*from..to)?));
        starts.iter().zip(ends).filter_map(cut).collect()
    }

    fn remember_broken(&mut self, file: &'static str, chunk: &str) {
        for line in chunk.lines() {
            let line = line.trim_start_matches("- ").trim();
            let code = line.strip_prefix("code:").or_else(|| line.strip_prefix("id:"));
            if let Some(code) = code {
                let code = code.trim().trim_matches(['"', '\'']);
                self.broken.entry(file).or_default().insert(code.to_owned());
            }
        }
    }

    fn unreadable(&mut self, file: &'static str, lines_before: u32, error: &serde_norway::Error) {
        let line = error.location().map_or(1, |location| to_line(location.line()));
        let reason = error.to_string();
        let reason = reason.split(" at line ").next().unwrap_or_default();
        // Each entry is read as a list of one, which is no concern of the reader of the message.
        let reason = reason.trim_start_matches(".[0].").trim_start_matches(".[0]: ").trim_start_matches("[0].");
        self.say(file, lines_before + line.max(1), in_chinese(reason), reason);
    }

    /// A CSV file with a header row; each row is read by itself.
    pub fn rows<T: DeserializeOwned>(&mut self, file: &'static str) -> Vec<Located<T>> {
        let Some(text) = self.text(file) else {
            return Vec::new();
        };
        let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text.as_bytes());
        let headers = match reader.headers() {
            Ok(headers) => headers.clone(),
            Err(error) => {
                self.say(file, 1, "表头无法读取", format!("the header row cannot be read: {error}"));
                return Vec::new();
            }
        };
        let mut rows = Vec::new();
        for record in reader.records() {
            let record = match record {
                Ok(record) => record,
                Err(error) => {
                    let line = error.position().map_or(1, |position| position.line());
                    let found = match error.kind() {
                        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => (
                            format!("应有 {expected_len} 列, 实有 {len} 列"),
                            format!("{expected_len} columns are expected, {len} were found"),
                        ),
                        _ => ("该行无法读取".to_owned(), format!("the row cannot be read: {error}")),
                    };
                    self.say(file, to_line(usize::try_from(line).unwrap_or_default()), found.0, found.1);
                    continue;
                }
            };
            let first =
                record.position().map_or(1, |position| to_line(usize::try_from(position.line()).unwrap_or_default()));
            let last = first + to_line(record.iter().map(|cell| cell.matches('\n').count()).sum());
            match record.deserialize::<T>(Some(&headers)) {
                Ok(value) => rows.push(Located { value, file, first, last }),
                Err(error) => {
                    if let Some(code) = record.get(0) {
                        self.broken.entry(file).or_default().insert(code.to_owned());
                    }
                    let (zh, en) = cell_fault(&error, &headers);
                    self.say(file, first, zh, en);
                }
            }
        }
        rows
    }
}
