//! 流程剧本: a story of steps that runs through the public API.

use serde::{Deserialize, Serialize};

/// 剧本: kept as written; whoever runs it understands its steps.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Journey {
    /// The file's name without its ending, e.g. `t01-barbecue`.
    pub name: String,
    /// The document: a mapping with `title` and `steps`.
    pub document: serde_json::Value,
}

impl Journey {
    /// The title in Chinese, or the name when the document has none.
    #[must_use]
    pub fn title_zh(&self) -> &str {
        self.document
            .pointer("/title/zh")
            .or_else(|| self.document.get("title"))
            .and_then(serde_json::Value::as_str)
            .unwrap_or(&self.name)
    }

    /// The steps, in order.
    #[must_use]
    pub fn steps(&self) -> &[serde_json::Value] {
        self.document.get("steps").and_then(serde_json::Value::as_array).map_or(&[], Vec::as_slice)
    }
}
