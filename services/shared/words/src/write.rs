//! From our words to the contract's.

use jiff::Timestamp;
use vocab::{Channel, Citation, DueDate, Duty, HandlingMode, PowerItemCode, Role, Track, Urgency};
use xiezhi_proto::common::v1 as wire;

use crate::{Blob, Cited, Deadline, Share};

macro_rules! write_word {
    ($($(#[$doc:meta])* $name:ident: $ours:ident { $($word:ident),+ })+) => {$(
        $(#[$doc])*
        #[must_use]
        pub fn $name(word: $ours) -> i32 {
            match word { $($ours::$word => wire::$ours::$word.into()),+ }
        }
    )+};
}

write_word! {
    /// 渠道.
    channel: Channel { Letter, Visit, Web, Phone, GridPatrol, Opinion, Transfer }
    /// 紧急程度.
    urgency: Urgency { Normal, Urgent, Major }
    /// 办理方式.
    mode: HandlingMode { Fast, Careful, Dedicated, Assisted, Joint }
    /// 办理轨道.
    track: Track { Direct, Assigned, Supervised }
    /// 职责.
    duty: Duty { Investigate, Identify, Punish, Rectify, Assist }
    /// 主办协办.
    role: Role { Lead, Support }
}

/// 编码事实.
#[must_use]
pub fn facts(facts: &vocab::CaseFacts) -> wire::CaseFacts {
    wire::CaseFacts {
        matter_codes: facts.matters.iter().map(ToString::to_string).collect(),
        region_code: facts.region.to_string(),
        object_type: facts.object_type.to_string(),
        declared: facts
            .declared
            .iter()
            .map(|(code, value)| wire::Fact { code: code.to_string(), value: value.to_string() })
            .collect(),
        act_on: facts.act_on.to_string(),
        channel: channel(facts.channel),
        urgency: urgency(facts.urgency),
    }
}

/// 依据 of an article alone.
#[must_use]
pub fn citation(citation: &Citation) -> wire::Citation {
    item_citation(citation, None)
}

/// 依据 of an article and the item of a list that cites it.
#[must_use]
pub fn item_citation(citation: &Citation, item: Option<&PowerItemCode>) -> wire::Citation {
    wire::Citation {
        law: citation.law.clone(),
        article: citation.article.clone(),
        version_date: citation.version_date.map(|day| day.to_string()).unwrap_or_default(),
        item_code: item.map(ToString::to_string).unwrap_or_default(),
    }
}

/// 依据 as it was read.
#[must_use]
pub fn cited(cited: &Cited) -> wire::Citation {
    item_citation(&cited.citation, cited.item.as_ref())
}

/// 份额.
#[must_use]
pub fn share(share: &Share) -> wire::Share {
    wire::Share {
        unit_code: share.unit.to_string(),
        role: role(share.role),
        duty: duty(share.duty),
        citations: share.citations.iter().map(cited).collect(),
    }
}

/// 期限.
#[must_use]
pub fn deadline(deadline: &Deadline) -> wire::Deadline {
    wire::Deadline {
        rule: deadline.rule.to_string(),
        anchor_at: Some(time(deadline.anchor_at)),
        due_at: Some(time(deadline.due_at)),
        calendar_version: deadline.calendar_version,
        citation: deadline.citation.as_ref().map(citation),
    }
}

/// 期限 as it was just counted.
#[must_use]
pub fn due_date(due: &DueDate, anchor_at: Timestamp, citation: &Citation) -> wire::Deadline {
    deadline(&Deadline {
        rule: due.rule.clone(),
        anchor_at,
        due_at: due.due_at,
        calendar_version: due.calendar_version,
        citation: Some(citation.clone()),
    })
}

/// A stored file.
#[must_use]
pub fn blob(blob: &Blob) -> wire::BlobRef {
    wire::BlobRef {
        sha256: blob.digest.digest().to_vec().into(),
        media_type: blob.media_type.clone(),
        size_bytes: blob.size_bytes,
    }
}

/// A moment.
#[must_use]
pub fn time(at: Timestamp) -> prost_types::Timestamp {
    let (mut seconds, mut nanos) = (at.as_second(), at.subsec_nanosecond());
    // protobuf counts the fraction forward from the second, jiff keeps the sign.
    if nanos < 0 {
        seconds -= 1;
        nanos += 1_000_000_000;
    }
    prost_types::Timestamp { seconds, nanos }
}
