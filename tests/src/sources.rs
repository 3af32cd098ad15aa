//! Our own sources as a test reads them: words with their lines, without comments, and without what only tests see.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::{Context, anyhow};
use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};

/// What a word of code is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A name or keyword.
    Name,
    /// A string, number or character.
    Literal,
    /// Punctuation or a bracket.
    Mark,
}

/// One word of code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    /// As it is written.
    pub text: String,
    /// Its line, from 1.
    pub line: usize,
    /// What it is.
    pub kind: Kind,
}

/// A Rust file of ours.
#[derive(Debug, Clone)]
pub struct Source {
    /// Relative to the repository, with `/`.
    pub path: String,
    /// The whole text.
    pub text: String,
    /// The code that is shipped: no comments, no attributes of documentation, nothing below `#[cfg(test)]`.
    pub words: Vec<Word>,
    /// Modules in files of their own that only tests compile: `#[cfg(test)] mod samples;`.
    test_modules: Vec<String>,
}

impl Source {
    /// Reads a text as the file of this path.
    pub fn parse(path: &str, text: &str) -> anyhow::Result<Self> {
        let stream = TokenStream::from_str(text).map_err(|error| anyhow!("{path}: {error}"))?;
        let mut code = Code::default();
        if !only_for_tests(path) {
            code.take(stream);
        }
        Ok(Self { path: path.to_owned(), text: text.to_owned(), words: code.words, test_modules: code.test_modules })
    }

    /// The lines on which these words stand one after the other, e.g. `["Timestamp", ":", ":", "now"]`.
    #[must_use]
    pub fn lines_with(&self, wanted: &[&str]) -> Vec<usize> {
        self.words
            .windows(wanted.len())
            .filter(|window| window.iter().zip(wanted).all(|(word, wanted)| word.text == *wanted))
            .map(|window| window[0].line)
            .collect()
    }

    /// The lines on which a path or call written like `Timestamp::now` or `.unwrap(` stands.
    #[must_use]
    pub fn lines_saying(&self, code: &str) -> Vec<usize> {
        let mut wanted = Code::default();
        if let Ok(stream) = TokenStream::from_str(code.trim_end_matches('(')) {
            wanted.take(stream);
        }
        let mut wanted: Vec<&str> = wanted.words.iter().map(|word| word.text.as_str()).collect();
        if code.ends_with('(') {
            wanted.push("(");
        }
        self.lines_with(&wanted)
    }

    /// True where this name is used anywhere in the shipped code.
    #[must_use]
    pub fn names(&self, name: &str) -> bool {
        self.words.iter().any(|word| word.kind == Kind::Name && word.text == name)
    }
}

/// A file that only tests compile: in a `tests` or `examples` folder, or the module `tests.rs`.
fn only_for_tests(path: &str) -> bool {
    let mut parts = path.split('/');
    parts.any(|part| matches!(part, "tests" | "examples" | "benches" | "tests.rs"))
}

/// Code as it is being read.
#[derive(Default)]
struct Code {
    words: Vec<Word>,
    test_modules: Vec<String>,
}

impl Code {
    fn take(&mut self, stream: TokenStream) {
        let trees: Vec<TokenTree> = stream.into_iter().collect();
        let mut at = 0;
        while at < trees.len() {
            if let Some((attribute, next)) = attribute(&trees, at) {
                if is_for_tests(attribute) {
                    at = end_of_item(&trees, next);
                    self.test_modules.extend(module_elsewhere(&trees[next..at]));
                } else {
                    if !is_documentation(attribute) {
                        self.put("#", trees[at].span().start().line, Kind::Mark);
                        self.take_group(attribute);
                    }
                    at = next;
                }
                continue;
            }
            let line = trees[at].span().start().line;
            match &trees[at] {
                TokenTree::Group(group) => self.take_group(group),
                TokenTree::Ident(name) => self.put(&name.to_string(), line, Kind::Name),
                TokenTree::Literal(value) => self.put(&value.to_string(), line, Kind::Literal),
                TokenTree::Punct(mark) => self.put(&mark.to_string(), line, Kind::Mark),
            }
            at += 1;
        }
    }

    fn take_group(&mut self, group: &Group) {
        let (open, close) = match group.delimiter() {
            Delimiter::Parenthesis => ("(", ")"),
            Delimiter::Brace => ("{", "}"),
            Delimiter::Bracket => ("[", "]"),
            Delimiter::None => ("", ""),
        };
        self.put(open, group.span_open().start().line, Kind::Mark);
        self.take(group.stream());
        self.put(close, group.span_close().end().line, Kind::Mark);
    }

    fn put(&mut self, text: &str, line: usize, kind: Kind) {
        self.words.push(Word { text: text.to_owned(), line, kind });
    }
}

/// The name in `mod name;`, whose text is in a file of its own.
fn module_elsewhere(item: &[TokenTree]) -> Option<String> {
    let [.., TokenTree::Ident(keyword), TokenTree::Ident(name), TokenTree::Punct(end)] = item else { return None };
    (keyword == "mod" && end.as_char() == ';').then(|| name.to_string())
}

/// The attribute that begins here, and where it ends.
fn attribute(trees: &[TokenTree], at: usize) -> Option<(&Group, usize)> {
    let TokenTree::Punct(hash) = trees.get(at)? else { return None };
    if hash.as_char() != '#' {
        return None;
    }
    let mut next = at + 1;
    if matches!(trees.get(next)?, TokenTree::Punct(mark) if mark.as_char() == '!') {
        next += 1;
    }
    match trees.get(next)? {
        TokenTree::Group(group) if group.delimiter() == Delimiter::Bracket => Some((group, next + 1)),
        _ => None,
    }
}

fn is_documentation(attribute: &Group) -> bool {
    matches!(attribute.stream().into_iter().next(), Some(TokenTree::Ident(name)) if name == "doc")
}

/// `#[cfg(test)]`, `#[cfg(any(test, …))]`, `#[test]`, `#[tokio::test]` and their like, but not `#[cfg(not(test))]`.
fn is_for_tests(attribute: &Group) -> bool {
    let text: String = attribute.stream().to_string().split_whitespace().collect();
    let condition = text.starts_with("cfg(") && !text.contains("not(");
    let says_test = text.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == "test");
    says_test && (condition || text == "test" || text.contains("::test"))
}

/// Behind the item that begins here: after its braces or its semicolon.
fn end_of_item(trees: &[TokenTree], from: usize) -> usize {
    let mut at = from;
    while at < trees.len() {
        if let Some((_, next)) = attribute(trees, at) {
            at = next;
            continue;
        }
        let ends = match &trees[at] {
            TokenTree::Group(group) => group.delimiter() == Delimiter::Brace,
            TokenTree::Punct(mark) => mark.as_char() == ';',
            _ => false,
        };
        at += 1;
        if ends {
            break;
        }
    }
    at
}

/// The repository.
#[must_use]
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_owned()
}

/// Every file below a folder of the repository whose name ends so, sorted; empty where the folder is missing.
pub fn files(folder: &str, endings: &[&str]) -> anyhow::Result<Vec<String>> {
    let root = root();
    let mut found = Vec::new();
    collect(&root.join(folder), &mut |path| {
        if endings.iter().any(|ending| path.to_string_lossy().ends_with(ending))
            && let Ok(relative) = path.strip_prefix(&root)
        {
            found.push(relative.to_string_lossy().replace('\\', "/"));
        }
    })?;
    found.sort();
    Ok(found)
}

fn collect(folder: &Path, take: &mut impl FnMut(&Path)) -> anyhow::Result<()> {
    if !folder.exists() {
        return Ok(());
    }
    for entry in std::fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() {
            if name != "target" && !name.starts_with('.') {
                collect(&path, take)?;
            }
        } else {
            take(&path);
        }
    }
    Ok(())
}

/// The text of a file of the repository.
pub fn text(path: &str) -> anyhow::Result<String> {
    std::fs::read_to_string(root().join(path)).with_context(|| path.to_owned())
}

/// Every Rust file below a folder of the repository.
pub fn rust(folder: &str) -> anyhow::Result<Vec<Source>> {
    let mut all = Vec::new();
    for path in files(folder, &[".rs"])? {
        all.push(Source::parse(&path, &text(&path)?)?);
    }
    let only_tests: Vec<String> = all.iter().flat_map(test_files).collect();
    for source in &mut all {
        let stem = source.path.trim_end_matches(".rs");
        if only_tests.iter().any(|file| stem == file || stem.starts_with(&format!("{file}/"))) {
            source.words.clear();
        }
    }
    Ok(all)
}

/// Where the modules lie that only tests compile, without `.rs`.
fn test_files(source: &Source) -> Vec<String> {
    let (folder, name) = source.path.rsplit_once('/').unwrap_or(("", &source.path));
    let inside = match name {
        "lib.rs" | "main.rs" | "mod.rs" => folder.to_owned(),
        _ => source.path.trim_end_matches(".rs").to_owned(),
    };
    source.test_modules.iter().map(|module| format!("{inside}/{module}")).collect()
}

/// The words of a name: `WorkOrder`, `work_order` and `WORK_ORDER` are all `work`, `order`.
#[must_use]
pub fn words_of(name: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for part in name.split('_').filter(|part| !part.is_empty()) {
        let capitals = part.chars().all(|c| !c.is_lowercase());
        let mut word = String::new();
        for letter in part.chars() {
            if letter.is_uppercase() && !capitals && !word.is_empty() {
                words.push(std::mem::take(&mut word));
            }
            word.extend(letter.to_lowercase());
        }
        words.push(word);
    }
    words
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failed test should panic
    use super::*;

    const SAMPLE: &str = r##"
//! Speaks of Timestamp::now and `.unwrap()`.
/// Also SystemTime.
fn shipped() { let said = "Timestamp::now"; call(said); } // rand::random
#[cfg(not(test))]
fn shipped_too() { clock::now() }
#[cfg(test)] #[rustfmt::skip]
mod tests { fn f() { Timestamp::now().unwrap(); } }
#[tokio::test]
async fn a_test() { x.unwrap() }
fn last() { value.unwrap() }
"##;

    #[test]
    fn comments_strings_and_tests_are_not_code() {
        let source = Source::parse("a/src/b.rs", SAMPLE).unwrap();
        assert_eq!(source.lines_saying("Timestamp::now"), Vec::<usize>::new());
        assert_eq!(source.lines_saying(".unwrap("), vec![11]);
        assert_eq!(source.lines_saying("clock::now"), vec![6]);
        assert!(!source.names("SystemTime") && !source.names("rand") && source.names("shipped"));
    }

    #[test]
    fn a_module_that_only_tests_compile_is_known_by_its_file() {
        let source = Source::parse("a/src/b.rs", "#[cfg(test)]\nmod samples;\nmod shipped;").unwrap();
        assert_eq!(test_files(&source), ["a/src/b/samples"]);
    }

    #[test]
    fn a_file_of_tests_ships_nothing() {
        assert!(Source::parse("a/tests/b.rs", SAMPLE).unwrap().words.is_empty());
        assert!(Source::parse("a/src/tests.rs", SAMPLE).unwrap().words.is_empty());
    }

    #[test]
    fn a_name_falls_into_its_words() {
        for name in ["WorkOrder", "work_order", "WORK_ORDER"] {
            assert_eq!(words_of(name), ["work", "order"]);
        }
        assert_eq!(words_of("lowercase"), ["lowercase"]);
    }
}
