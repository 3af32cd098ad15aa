//! From the contract's words to ours, every mistake at once.

use std::collections::BTreeMap;
use std::str::FromStr;

use jiff::Timestamp;
use jiff::civil::Date;
use vocab::{Channel, Citation, Duty, FactCode, FactValue, HandlingMode, MatterCode, Role, Track, Urgency};
use xiezhi_proto::common::v1 as wire;

use crate::article::is_article;
use crate::{Blob, Cited, Deadline, Mistakes, Share};

/// The longest name of a law or an article, in characters.
const MAX_CITATION_CHARS: usize = 100;

macro_rules! read_word {
    ($($(#[$doc:meta])* $name:ident, $maybe:ident: $ours:ident { $($word:ident),+ })+) => {$(
        $(#[$doc])*
        pub fn $name(value: i32) -> Result<$ours, Mistakes> {
            $maybe(value)?.ok_or_else(|| Mistakes::one("", "must be said"))
        }

        $(#[$doc])*
        /// `None` where it was not said.
        pub fn $maybe(value: i32) -> Result<Option<$ours>, Mistakes> {
            match wire::$ours::try_from(value) {
                Ok(wire::$ours::Unspecified) => Ok(None),
                $(Ok(wire::$ours::$word) => Ok(Some($ours::$word)),)+
                Err(_) => Err(Mistakes::one("", format!("{value} is not in the list"))),
            }
        }
    )+};
}

read_word! {
    /// 渠道.
    channel, maybe_channel: Channel { Letter, Visit, Web, Phone, GridPatrol, Opinion, Transfer }
    /// 紧急程度.
    urgency, maybe_urgency: Urgency { Normal, Urgent, Major }
    /// 办理方式.
    mode, maybe_mode: HandlingMode { Fast, Careful, Dedicated, Assisted, Joint }
    /// 办理轨道.
    track, maybe_track: Track { Direct, Assigned, Supervised }
    /// 职责.
    duty, maybe_duty: Duty { Investigate, Identify, Punish, Rectify, Assist }
    /// 主办协办.
    role, maybe_role: Role { Lead, Support }
}

/// An id or a code, e.g. `read::word::<CaseId>("case_id", &text)`.
pub fn word<T: FromStr<Err: std::fmt::Display>>(field: &str, text: &str) -> Result<T, Mistakes> {
    text.parse().map_err(|error: T::Err| Mistakes::one(field, error.to_string()))
}

/// An id or a code that may be left empty.
pub fn maybe_word<T: FromStr<Err: std::fmt::Display>>(field: &str, text: &str) -> Result<Option<T>, Mistakes> {
    if text.is_empty() { Ok(None) } else { word(field, text).map(Some) }
}

/// A day written `YYYY-MM-DD`.
pub fn date(field: &str, text: &str) -> Result<Date, Mistakes> {
    // Date's own parser would also take a date with a time behind it.
    if text.len() != 10 {
        return Err(Mistakes::one(field, "must be a day written YYYY-MM-DD"));
    }
    text.parse().map_err(|_| Mistakes::one(field, "must be a day written YYYY-MM-DD"))
}

/// A moment that must be there, cut to microseconds as the stores keep them.
pub fn time(field: &str, time: Option<&prost_types::Timestamp>) -> Result<Timestamp, Mistakes> {
    let time = time.ok_or_else(|| Mistakes::one(field, "must be said"))?;
    if !(0..1_000_000_000).contains(&time.nanos) {
        return Err(Mistakes::one(field, "its nanoseconds are out of range"));
    }
    Timestamp::new(time.seconds, time.nanos / 1000 * 1000).map_err(|_| Mistakes::one(field, "it is out of range"))
}

/// 编码事实: shape only; whether the codes exist is the catalogue's question.
pub fn facts(message: Option<&wire::CaseFacts>) -> Result<vocab::CaseFacts, Mistakes> {
    let message = message.ok_or_else(|| Mistakes::one("", "must be said"))?;
    let mut mistakes = Mistakes::default();
    let matters: Vec<MatterCode> = message
        .matter_codes
        .iter()
        .enumerate()
        .filter_map(|(nth, code)| mistakes.keep(word(&format!("matter_codes[{nth}]"), code)))
        .collect();
    let region = mistakes.keep(word("region_code", &message.region_code));
    let object_type = mistakes.keep(word("object_type", &message.object_type));
    let declared = declared(&message.declared, &mut mistakes);
    let act_on = mistakes.keep(date("act_on", &message.act_on));
    let channel = mistakes.keep(channel(message.channel).map_err(|error| error.within("channel")));
    let urgency = mistakes.keep(maybe_urgency(message.urgency).map_err(|error| error.within("urgency")));
    let (Some(region), Some(object_type), Some(act_on), Some(channel), Some(urgency)) =
        (region, object_type, act_on, channel, urgency)
    else {
        return Err(mistakes);
    };
    let facts = vocab::CaseFacts {
        matters,
        region,
        object_type,
        declared,
        act_on,
        channel,
        urgency: urgency.unwrap_or(Urgency::Normal),
    };
    if mistakes.0.is_empty() {
        match facts.check() {
            Ok(()) => return Ok(facts),
            Err(problem) => mistakes.0.extend(Mistakes::one("", problem.to_string()).0),
        }
    }
    Err(mistakes)
}

/// 已知事实: each code at most once.
pub fn declared(facts: &[wire::Fact], mistakes: &mut Mistakes) -> BTreeMap<FactCode, FactValue> {
    let mut declared = BTreeMap::new();
    for (nth, fact) in facts.iter().enumerate() {
        let field = format!("declared[{nth}]");
        let code = mistakes.keep(word::<FactCode>(&format!("{field}.code"), &fact.code));
        let value = FactValue::parse(&fact.value)
            .map_err(|_| Mistakes::one(format!("{field}.value"), "must be true, false or a code"));
        if let (Some(code), Some(value)) = (code, mistakes.keep(value))
            && declared.insert(code, value).is_some()
        {
            mistakes.0.extend(Mistakes::one(field, "this fact is declared twice").0);
        }
    }
    declared
}

/// 依据.
pub fn citation(message: &wire::Citation) -> Result<Cited, Mistakes> {
    let mut mistakes = Mistakes::default();
    for (field, text) in [("law", &message.law), ("article", &message.article)] {
        let checked = vocab::text::name(text, MAX_CITATION_CHARS);
        mistakes.keep(checked.map_err(|error| Mistakes::one(field, error.to_string())));
    }
    let version_date =
        if message.version_date.is_empty() { None } else { mistakes.keep(date("version_date", &message.version_date)) };
    let item = mistakes.keep(maybe_word("item_code", &message.item_code)).flatten();
    if !mistakes.0.is_empty() {
        return Err(mistakes);
    }
    let citation = Citation { law: message.law.clone(), article: message.article.clone(), version_date };
    Ok(Cited { citation, item })
}

/// 法条引用: a law's name and the number of one of its articles. The law is still to be looked up by who knows the laws.
pub fn article(message: &wire::Citation) -> Result<Citation, Mistakes> {
    let mut mistakes = Mistakes::default();
    let cited = mistakes.keep(citation(message));
    if !is_article(&message.article) {
        mistakes.0.retain(|mistake| mistake.field != "article");
        let reason =
            "must be the number of an article, e.g. 第八十三条 or 第十条第一款; 全文 for a document without any";
        mistakes.0.extend(Mistakes::one("article", reason).0);
    }
    cited.filter(|_| mistakes.0.is_empty()).map(|cited| cited.citation).ok_or(mistakes)
}

/// 份额.
pub fn share(message: &wire::Share) -> Result<Share, Mistakes> {
    let mut mistakes = Mistakes::default();
    let unit = mistakes.keep(word("unit_code", &message.unit_code));
    let role = mistakes.keep(role(message.role).map_err(|error| error.within("role")));
    let duty = mistakes.keep(duty(message.duty).map_err(|error| error.within("duty")));
    let citations = message
        .citations
        .iter()
        .enumerate()
        .filter_map(|(nth, cited)| {
            mistakes.keep(citation(cited).map_err(|error| error.within(&format!("citations[{nth}]"))))
        })
        .collect();
    match (unit, role, duty) {
        (Some(unit), Some(role), Some(duty)) if mistakes.0.is_empty() => Ok(Share { unit, role, duty, citations }),
        _ => Err(mistakes),
    }
}

/// 期限.
pub fn deadline(message: Option<&wire::Deadline>) -> Result<Deadline, Mistakes> {
    let message = message.ok_or_else(|| Mistakes::one("", "must be said"))?;
    let mut mistakes = Mistakes::default();
    let rule = mistakes.keep(word("rule", &message.rule));
    let anchor_at = mistakes.keep(time("anchor_at", message.anchor_at.as_ref()));
    let due_at = mistakes.keep(time("due_at", message.due_at.as_ref()));
    let cited = message
        .citation
        .as_ref()
        .and_then(|cited| mistakes.keep(citation(cited).map_err(|error| error.within("citation"))));
    match (rule, anchor_at, due_at) {
        (Some(rule), Some(anchor_at), Some(due_at)) if mistakes.0.is_empty() => Ok(Deadline {
            rule,
            anchor_at,
            due_at,
            calendar_version: message.calendar_version,
            citation: cited.map(|cited| cited.citation),
        }),
        _ => Err(mistakes),
    }
}

/// A stored file.
pub fn blob(message: &wire::BlobRef) -> Result<Blob, Mistakes> {
    let digest: [u8; 32] =
        message.sha256.as_ref().try_into().map_err(|_| Mistakes::one("sha256", "must have 32 bytes"))?;
    Ok(Blob {
        digest: vocab::BlobRef::new(digest),
        media_type: message.media_type.clone(),
        size_bytes: message.size_bytes,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failed test should panic
    use proptest::prelude::*;

    use super::*;
    use crate::write;

    fn barbecue() -> vocab::CaseFacts {
        vocab::CaseFacts {
            matters: vec!["noise.trade.night".parse().unwrap(), "fume.barbecue".parse().unwrap()],
            region: "330421103201".parse().unwrap(),
            object_type: "catering".parse().unwrap(),
            declared: BTreeMap::from([
                ("premises.licensed".parse().unwrap(), FactValue::Bool(false)),
                ("premises.zone".parse().unwrap(), FactValue::Code("heritage".into())),
            ]),
            act_on: "2026-03-01".parse().unwrap(),
            channel: Channel::Phone,
            urgency: Urgency::Normal,
        }
    }

    #[test]
    fn facts_read_back_as_they_were_written() {
        assert_eq!(facts(Some(&write::facts(&barbecue()))).unwrap(), barbecue());
    }

    #[test]
    fn every_word_reads_back_as_it_was_written() {
        for word in Channel::ALL {
            assert_eq!(channel(write::channel(*word)).unwrap(), *word);
        }
        for word in Urgency::ALL {
            assert_eq!(urgency(write::urgency(*word)).unwrap(), *word);
        }
        for word in HandlingMode::ALL {
            assert_eq!(mode(write::mode(*word)).unwrap(), *word);
        }
        for word in Track::ALL {
            assert_eq!(track(write::track(*word)).unwrap(), *word);
        }
        for word in Duty::ALL {
            assert_eq!(duty(write::duty(*word)).unwrap(), *word);
        }
        for word in Role::ALL {
            assert_eq!(role(write::role(*word)).unwrap(), *word);
        }
        assert_eq!(maybe_mode(0).unwrap(), None);
        assert!(mode(0).is_err() && mode(99).is_err());
    }

    #[test]
    fn all_mistakes_are_named_at_once_with_their_fields() {
        let mut message = write::facts(&barbecue());
        message.matter_codes[1] = "噪声".to_owned();
        message.region_code = "1".to_owned();
        message.act_on = "2026-02-30".to_owned();
        message.channel = 0;
        message.declared[0].value = "自由文本".to_owned();
        let mistakes = facts(Some(&message)).unwrap_err().within("facts");
        let fields: Vec<&str> = mistakes.0.iter().map(|mistake| mistake.field.as_str()).collect();
        assert_eq!(
            fields,
            ["facts.matter_codes[1]", "facts.region_code", "facts.declared[0].value", "facts.act_on", "facts.channel"]
        );
        assert!(!mistakes.to_string().contains("自由文本"));
        assert!(facts(None).is_err());
    }

    #[test]
    fn a_fact_is_declared_once() {
        let mut message = write::facts(&barbecue());
        message.declared.push(message.declared[0].clone());
        let mistakes = facts(Some(&message)).unwrap_err();
        assert_eq!(mistakes.0[0].field, "declared[2]");
    }

    #[test]
    fn shares_and_deadlines_read_back_as_they_were_written() {
        let cited = Cited {
            citation: Citation {
                law: "信访工作条例".into(),
                article: "第三十四条".into(),
                version_date: Some("2022-05-01".parse().unwrap()),
            },
            item: Some("ZF-0012".parse().unwrap()),
        };
        let ours =
            Share { unit: "ZF".parse().unwrap(), role: Role::Lead, duty: Duty::Punish, citations: vec![cited.clone()] };
        assert_eq!(share(&write::share(&ours)).unwrap(), ours);
        let due = Deadline {
            rule: "order.finish".parse().unwrap(),
            anchor_at: "2026-03-02T04:00:00Z".parse().unwrap(),
            due_at: "2026-03-17T15:59:59.999999Z".parse().unwrap(),
            calendar_version: 3,
            citation: Some(cited.citation),
        };
        assert_eq!(deadline(Some(&write::deadline(&due))).unwrap(), due);
    }

    proptest! {
        #[test]
        fn a_moment_reads_back_to_the_microsecond(micros in -2_000_000_000_000_000_i64..4_000_000_000_000_000) {
            let at = Timestamp::from_microsecond(micros).unwrap();
            prop_assert_eq!(time("at", Some(&write::time(at))).unwrap(), at);
        }
    }
}
