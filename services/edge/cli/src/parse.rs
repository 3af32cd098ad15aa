//! Small things people type: moments, facts, shares.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Time};
use vocab::calendar::BEIJING;
use xiezhi_proto::common::v1::{Citation, Duty, Fact, Role, Share};

use crate::args::CitationArgs;
use crate::failure::Failure;
use crate::say::Say;

/// A moment: RFC 3339, or a day with or without a time, in the county's time.
pub fn moment(text: &str) -> Result<Timestamp, Failure> {
    let text = text.trim();
    if let Ok(at) = text.parse::<Timestamp>() {
        return Ok(at);
    }
    let local = text
        .parse::<Date>()
        .ok()
        .filter(|_| text.len() == 10)
        .map(|day| day.to_datetime(Time::midnight()))
        .or_else(|| text.parse::<DateTime>().ok());
    local
        .and_then(|local| BEIJING.to_timestamp(local).ok())
        .ok_or_else(|| Failure::Usage(Say::NotAMoment { text: text.to_owned() }))
}

/// `code=value`.
pub fn fact(text: &str) -> Result<Fact, Failure> {
    match text.split_once('=') {
        Some((code, value)) if !code.is_empty() && !value.is_empty() => {
            Ok(Fact { code: code.to_owned(), value: value.to_owned() })
        }
        _ => Err(Failure::Usage(Say::NotAFact { text: text.to_owned() })),
    }
}

/// Several facts.
pub fn facts(texts: &[String]) -> Result<Vec<Fact>, Failure> {
    texts.iter().map(|text| fact(text)).collect()
}

/// `UNIT:DUTY:ITEM` with its parts; the item may be missing.
pub fn share_parts(text: &str) -> Result<(String, Duty, Option<String>), Failure> {
    let refused = || Failure::Usage(Say::NotAShare { text: text.to_owned() });
    let mut parts = text.splitn(3, ':');
    let (unit, duty, item) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default(), parts.next());
    let duty = Duty::from_str_name(&format!("DUTY_{}", duty.to_uppercase())).ok_or_else(refused)?;
    if unit.is_empty() || duty == Duty::Unspecified {
        return Err(refused());
    }
    Ok((unit.to_owned(), duty, item.map(str::to_owned)))
}

/// Shares; the unit that is named first leads.
pub fn shares(texts: &[String]) -> Result<Vec<Share>, Failure> {
    let parts = texts.iter().map(|text| share_parts(text)).collect::<Result<Vec<_>, _>>()?;
    let lead = parts.first().map(|(unit, _, _)| unit.clone()).unwrap_or_default();
    let share = |(unit_code, duty, item): (String, Duty, Option<String>)| Share {
        role: if unit_code == lead { Role::Lead } else { Role::Support }.into(),
        unit_code,
        duty: duty.into(),
        citations: item.map(|item_code| Citation { item_code, ..Citation::default() }).into_iter().collect(),
    };
    Ok(parts.into_iter().map(share).collect())
}

/// What a position cites; nothing where nothing was typed.
#[must_use]
pub fn citation(args: &CitationArgs) -> Option<Citation> {
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    let citation = Citation {
        law: text(&args.law),
        article: text(&args.article),
        version_date: String::new(),
        item_code: text(&args.item),
    };
    (citation != Citation::default()).then_some(citation)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failed test should panic

    use super::*;

    #[test]
    fn moments_are_the_countys_unless_they_say_otherwise() {
        assert_eq!(moment("2026-03-06").unwrap().to_string(), "2026-03-05T16:00:00Z");
        assert_eq!(moment("2026-03-06 20:00").unwrap().to_string(), "2026-03-06T12:00:00Z");
        assert_eq!(moment("2026-03-06T20:00:00Z").unwrap().to_string(), "2026-03-06T20:00:00Z");
        assert!(moment("tomorrow").is_err());
        assert!(moment("2026-02-30").is_err());
    }

    #[test]
    fn facts_have_a_code_and_a_value() {
        assert_eq!(fact("a.b=true").unwrap(), Fact { code: "a.b".to_owned(), value: "true".to_owned() });
        assert!(fact("a.b").is_err() && fact("=x").is_err() && fact("a=").is_err());
    }

    #[test]
    fn the_first_unit_of_the_shares_leads_with_all_it_owes() {
        let shares = shares(&["ZF:punish:PI012", "HB:identify", "ZF:rectify"].map(str::to_owned)).unwrap();
        assert_eq!(shares.iter().map(Share::role).collect::<Vec<_>>(), [Role::Lead, Role::Support, Role::Lead]);
        assert_eq!(shares[0].citations[0].item_code, "PI012");
        assert!(shares[1].citations.is_empty());
        assert!(super::shares(&["ZF:dance".to_owned()]).is_err());
        assert!(super::shares(&[":punish".to_owned()]).is_err());
    }
}
