//! Small checks on text written by people.

use serde::{Deserialize, Serialize};

/// 界面语言: the language a reader wants; Chinese unless told otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lang {
    /// 中文.
    #[default]
    Zh,
    /// English.
    En,
}

/// Why a text is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TextProblem {
    /// Nothing but white space.
    #[error("the text is empty")]
    Empty,
    /// More characters than allowed.
    #[error("the text has {chars} characters, {max} are allowed")]
    TooLong {
        /// How many there are.
        chars: usize,
        /// How many may be.
        max: usize,
    },
    /// A character that hides, reorders or controls what a reader sees.
    #[error("character U+{code:04X} at position {position} is not allowed here")]
    Hidden {
        /// The character's code point.
        code: u32,
        /// Its place, counted in characters from 0.
        position: usize,
    },
}

/// True of characters that reorder or hide text: directional marks, overrides and isolates, zero-width ones, the byte order mark.
#[must_use]
pub fn is_hidden(character: char) -> bool {
    matches!(
        character,
        '\u{00AD}' | '\u{061C}' | '\u{180E}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}'
            | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFB}' | '\u{E0000}'..='\u{E007F}'
    )
}

/// Checks the length in characters, not bytes: 100 汉字 are 100.
pub fn max_chars(text: &str, max: usize) -> Result<(), TextProblem> {
    // A character has at most four bytes: a text this short cannot have too many, one that long must.
    if text.len() <= max {
        return Ok(());
    }
    let chars = text.chars().count();
    if chars > max { Err(TextProblem::TooLong { chars, max }) } else { Ok(()) }
}

/// Checks a name, title or code-like line: not empty, not too long, no control or hidden character.
pub fn name(text: &str, max: usize) -> Result<(), TextProblem> {
    if text.trim().is_empty() {
        return Err(TextProblem::Empty);
    }
    max_chars(text, max)?;
    refuse(text, |character| character.is_control() || is_hidden(character))
}

/// Checks a longer text: as a name, but line breaks and tabs are welcome.
pub fn prose(text: &str, max: usize) -> Result<(), TextProblem> {
    if text.trim().is_empty() {
        return Err(TextProblem::Empty);
    }
    max_chars(text, max)?;
    refuse(text, |character| {
        (character.is_control() && !matches!(character, '\n' | '\r' | '\t')) || is_hidden(character)
    })
}

fn refuse(text: &str, is_bad: impl Fn(char) -> bool) -> Result<(), TextProblem> {
    match text.chars().enumerate().find(|(_, character)| is_bad(*character)) {
        Some((position, character)) => Err(TextProblem::Hidden { code: character.into(), position }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failed test should panic
    use super::*;

    #[test]
    fn length_counts_characters() {
        assert!(max_chars(&"夜".repeat(100), 100).is_ok());
        assert_eq!(max_chars(&"夜".repeat(101), 100), Err(TextProblem::TooLong { chars: 101, max: 100 }));
    }

    #[test]
    fn a_name_that_reads_differently_than_it_is_gets_refused() {
        assert!(name("陈 某某·阿依古丽", 50).is_ok());
        assert_eq!(name("  ", 50), Err(TextProblem::Empty));
        for bad in ["张\u{202E}三", "张\u{200B}三", "张\n三", "\u{FEFF}张三", "张\u{0007}三"] {
            assert!(matches!(name(bad, 50), Err(TextProblem::Hidden { .. })), "{bad:?}");
        }
        assert!(prose("第一行\n第二行\t尾", 50).is_ok());
        assert!(prose("第一行\u{2066}x", 50).is_err());
    }
}
