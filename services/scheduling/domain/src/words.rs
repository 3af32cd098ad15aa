//! One sentence in both languages, and how moments are written in it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use vocab::Lang;
use vocab::calendar::BEIJING;

/// 双语句子: a sentence in Chinese and English.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub struct Words {
    /// Chinese.
    pub zh: String,
    /// English.
    pub en: String,
}

impl Words {
    /// Both languages at once.
    pub fn new(zh: impl Into<String>, en: impl Into<String>) -> Self {
        Self { zh: zh.into(), en: en.into() }
    }

    /// The sentence in the reader's language.
    #[must_use]
    pub fn get(&self, lang: Lang) -> &str {
        match lang {
            Lang::Zh => &self.zh,
            Lang::En => &self.en,
        }
    }

    /// Several sentences as one.
    #[must_use]
    pub fn joined<'words>(parts: impl IntoIterator<Item = &'words Self>) -> Self {
        let (zh, en): (Vec<&str>, Vec<&str>) =
            parts.into_iter().map(|part| (part.zh.as_str(), part.en.as_str())).unzip();
        Self::new(zh.join("; "), en.join("; "))
    }
}

/// A moment in Chinese, to the minute in Beijing time.
#[must_use]
pub fn minute_zh(at: Timestamp) -> String {
    let local = BEIJING.to_datetime(at);
    format!("{}年{}月{}日 {:02}:{:02}", local.year(), local.month(), local.day(), local.hour(), local.minute())
}

/// A moment in English, to the minute in Beijing time.
#[must_use]
pub fn minute_en(at: Timestamp) -> String {
    let local = BEIJING.to_datetime(at);
    format!("{} {:02}:{:02}", local.date(), local.hour(), local.minute())
}
