//! What a mistake is, and how the readers' own complaints are put into words.

use std::fmt;

/// 错误: one mistake in a pack, with the line a person has to look at.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mistake {
    /// The file, relative to the pack.
    pub file: String,
    /// The line, counted from 1.
    pub line: u32,
    /// What is wrong, in Chinese.
    pub reason_zh: String,
    /// What is wrong, in English.
    pub reason_en: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file, self.line, self.reason_zh)
    }
}

/// The YAML reader takes quadratic time on brackets that never close, so such a file is refused before it is read.
pub(super) fn too_deep(text: &str) -> Option<u32> {
    let mut depth = 0_i32;
    for (place, line) in text.lines().enumerate() {
        for byte in line.bytes() {
            match byte {
                b'[' | b'{' => depth += 1,
                b']' | b'}' => depth -= 1,
                _ => {}
            }
            if depth > MAX_DEPTH {
                return Some(to_line(place + 1));
            }
        }
    }
    None
}

const MAX_DEPTH: i32 = 200;

pub(super) fn cell_fault(error: &csv::Error, headers: &csv::StringRecord) -> (String, String) {
    let csv::ErrorKind::Deserialize { err, .. } = error.kind() else {
        return ("该行无法读取".to_owned(), error.to_string());
    };
    let reason = err.kind().to_string();
    let column = err.field().and_then(|place| headers.get(usize::try_from(place).ok()?));
    match column {
        Some(column) => (format!("列 {column}: {}", in_chinese(&reason)), format!("column {column}: {reason}")),
        None => (in_chinese(&reason), reason),
    }
}

/// The reader's own messages are English; the usual ones are said in Chinese, the rest are quoted.
pub(super) fn in_chinese(reason: &str) -> String {
    let quoted = |text: &str| text.split('`').nth(1).unwrap_or_default().to_owned();
    if let Some(at) = reason.find("missing field") {
        return format!("缺少字段 {}", quoted(reason.get(at..).unwrap_or_default()));
    }
    if let Some(at) = reason.find("unknown field") {
        return format!("没有字段 {}", quoted(reason.get(at..).unwrap_or_default()));
    }
    if let Some(at) = reason.find("unknown variant") {
        return format!("没有取值 {}", quoted(reason.get(at..).unwrap_or_default()));
    }
    if let Some(at) = reason.find("duplicate field") {
        return format!("字段 {} 重复", quoted(reason.get(at..).unwrap_or_default()));
    }
    format!("内容不符合格式 ({reason})")
}

pub(super) fn holds_word(line: &str, token: &str) -> bool {
    let is_code = |character: char| character.is_ascii_alphanumeric() || matches!(character, '.' | '_' | '-');
    line.match_indices(token).any(|(at, _)| {
        let before = line.get(..at).and_then(|text| text.chars().next_back());
        let after = line.get(at + token.len()..).and_then(|text| text.chars().next());
        !before.is_some_and(is_code) && !after.is_some_and(is_code)
    })
}

pub(crate) fn to_line(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
