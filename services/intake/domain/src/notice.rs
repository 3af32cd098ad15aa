//! 告知书: what a complainant is told, as a template with its blanks filled.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use vocab::Channel;

/// 告知书种类: what a notice says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoticeKind {
    /// 受理告知书.
    Acceptance,
    /// 不予受理告知书.
    Decline,
    /// 转送告知书.
    Route,
    /// 延期告知书.
    Extension,
    /// 答复.
    Reply,
}

impl NoticeKind {
    /// Every kind.
    pub const ALL: &'static [Self] = &[Self::Acceptance, Self::Decline, Self::Route, Self::Extension, Self::Reply];

    /// The code, as it is stored.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Acceptance => "acceptance",
            Self::Decline => "decline",
            Self::Route => "route",
            Self::Extension => "extension",
            Self::Reply => "reply",
        }
    }

    /// The kind with this code.
    #[must_use]
    pub fn parse(code: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.as_str() == code)
    }
}

/// 送达方式: how a notice reached the complainant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Delivery {
    /// 当场告知: handed over at the desk.
    OnTheSpot,
    /// 公众查询: readable under the tracking code from that moment.
    PublicQuery,
}

impl Delivery {
    /// The code, as it is stored.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OnTheSpot => "on_the_spot",
            Self::PublicQuery => "public_query",
        }
    }

    /// The way with this code.
    #[must_use]
    pub fn parse(code: &str) -> Option<Self> {
        [Self::OnTheSpot, Self::PublicQuery].into_iter().find(|way| way.as_str() == code)
    }

    /// A visitor who is told in the same breath is told at the desk (信访工作条例 art. 23: on the spot where that is possible).
    #[must_use]
    pub fn of(channel: Channel, in_the_same_breath: bool) -> Self {
        if channel == Channel::Visit && in_the_same_breath { Self::OnTheSpot } else { Self::PublicQuery }
    }
}

/// Fills the `{blanks}` of a template. A blank nobody knows the value of stays a visible line to write on, never a lie.
#[must_use]
pub fn fill(text: &str, values: &BTreeMap<&str, String>) -> String {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        filled.push_str(before);
        let Some((name, behind)) = after.split_once('}') else {
            filled.push('{');
            filled.push_str(after);
            return filled;
        };
        match values.get(name) {
            Some(value) => filled.push_str(value),
            None => filled.push_str("________"),
        }
        rest = behind;
    }
    filled.push_str(rest);
    filled
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failed test should panic
    use super::*;

    #[test]
    fn blanks_are_filled_and_unknown_ones_stay_open() {
        let values = BTreeMap::from([("case_no", "JS-2026-000001".to_owned())]);
        assert_eq!(fill("编号{case_no}, 承办{unit}。", &values), "编号JS-2026-000001, 承办________。");
        assert_eq!(fill("{case_no", &values), "{case_no");
        assert_eq!(fill("", &values), "");
        let braces = BTreeMap::from([("a", "{b}".to_owned()), ("b", "x".to_owned())]);
        assert_eq!(fill("{a}", &braces), "{b}", "a value is not a template");
    }

    #[test]
    fn codes_read_back() {
        for kind in NoticeKind::ALL {
            assert_eq!(NoticeKind::parse(kind.as_str()), Some(*kind));
        }
        for way in [Delivery::OnTheSpot, Delivery::PublicQuery] {
            assert_eq!(Delivery::parse(way.as_str()), Some(way));
        }
        assert_eq!(Delivery::of(Channel::Visit, true), Delivery::OnTheSpot);
        assert_eq!(Delivery::of(Channel::Visit, false), Delivery::PublicQuery);
        assert_eq!(Delivery::of(Channel::Phone, true), Delivery::PublicQuery);
    }
}
