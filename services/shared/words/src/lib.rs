//! 用语转换: between the contract's common messages (`xiezhi.common.v1`) and the words of `vocab`.
//! [`read`] takes a message apart and names every mistake with its field; [`write`] puts one together and cannot fail.

mod article;
pub mod read;
pub mod write;

use std::fmt;

use jiff::Timestamp;
use vocab::{Citation, Duty, PowerItemCode, Role, RuleCode, UnitCode};

/// One thing that is wrong with one field of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// The field's path from where reading began, e.g. `matter_codes[0]`; empty where the whole message is meant.
    pub field: String,
    /// What is wrong with it, in English; never the value of a field that may be personal.
    pub reason: String,
}

/// Every mistake of a message at once.
#[derive(Debug, Clone, PartialEq, Eq, Default, thiserror::Error)]
pub struct Mistakes(pub Vec<Mistake>);

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (nth, mistake) in self.0.iter().enumerate() {
            if nth > 0 {
                f.write_str("; ")?;
            }
            write!(f, "{}: {}", mistake.field, mistake.reason)?;
        }
        Ok(())
    }
}

impl Mistakes {
    /// One mistake.
    #[must_use]
    pub fn one(field: impl Into<String>, reason: impl Into<String>) -> Self {
        Self(vec![Mistake { field: field.into(), reason: reason.into() }])
    }

    /// The same mistakes, seen from the message that holds this one: `facts` before `region_code` gives `facts.region_code`.
    #[must_use]
    pub fn within(self, outer: &str) -> Self {
        let prefixed = |mistake: Mistake| Mistake {
            field: if mistake.field.is_empty() { outer.to_owned() } else { format!("{outer}.{}", mistake.field) },
            reason: mistake.reason,
        };
        Self(self.0.into_iter().map(prefixed).collect())
    }

    /// Keeps a value, or notes why there is none and goes on.
    pub fn keep<T>(&mut self, result: Result<T, Self>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(mistakes) => {
                self.0.extend(mistakes.0);
                None
            }
        }
    }
}

impl IntoIterator for Mistakes {
    type Item = Mistake;
    type IntoIter = std::vec::IntoIter<Mistake>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

/// 依据: an article and, where one cites it, the item of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cited {
    /// The article.
    pub citation: Citation,
    /// The power or responsibility item.
    pub item: Option<PowerItemCode>,
}

/// 份额: who owes what in a case, as a message says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Share {
    /// The department or town.
    pub unit: UnitCode,
    /// The part it plays.
    pub role: Role,
    /// What it owes.
    pub duty: Duty,
    /// What that rests on.
    pub citations: Vec<Cited>,
}

/// 期限: a due date and what it was counted from, as a message says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deadline {
    /// The rule.
    pub rule: RuleCode,
    /// What the rule counts from.
    pub anchor_at: Timestamp,
    /// The last moment that is still in time.
    pub due_at: Timestamp,
    /// The calendar's version it was counted with.
    pub calendar_version: u32,
    /// The article that sets it.
    pub citation: Option<Citation>,
}

/// A stored file, as a message refers to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blob {
    /// Its SHA-256.
    pub digest: vocab::BlobRef,
    /// The type found by looking at the bytes; empty where it was not said.
    pub media_type: String,
    /// How many bytes it has; 0 where it was not said.
    pub size_bytes: u64,
}
