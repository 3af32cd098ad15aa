//! Officers: certificates recorded by hand, suspensions, and the roster a new pack brings.

use kit::refusal::Refusal;
use scheduling_domain::{Certificate, Officer};
use vocab::PersonCode;

use super::Cx;
use crate::unit::Unit;
use crate::wire::events;

fn seen(unit: &Unit, cx: &Cx, code: &PersonCode) -> Result<Officer, Refusal> {
    let covers = |officer: &&Officer| {
        officer.listed && cx.call().is_none_or(|call| call.granted.covers([officer.unit.as_str()]))
    };
    unit.officers.get(code).filter(covers).cloned().ok_or(Refusal::NotFound { what: "officer" })
}

fn keep(unit: &mut Unit, cx: &mut Cx, officer: Officer, reason_code: &str) -> Officer {
    events::say_officer(cx, &officer, reason_code);
    unit.officers.put(officer.code.clone(), officer.clone());
    officer
}

/// 登记执法证. It stands until the pack names another number.
pub fn record_certificate(
    unit: &mut Unit,
    cx: &mut Cx,
    code: &PersonCode,
    certificate: &Certificate,
) -> Result<Officer, Refusal> {
    let mut officer = seen(unit, cx, code)?;
    if officer.auxiliary {
        return Err(Refusal::forbidden(
            "scheduling.auxiliary",
            format!("{code} 为辅助人员, 不能持有执法证"),
            format!("{code} is an assistant and cannot hold a certificate"),
        ));
    }
    if officer.certificate.as_ref() == Some(certificate) {
        return Ok(officer);
    }
    let by_pack = cx.rules().officers.get(code).and_then(|listed| listed.certificate.as_ref());
    officer.recorded_over = Some(by_pack.map(|listed| listed.number.clone()).unwrap_or_default());
    officer.certificate = Some(certificate.clone());
    Ok(keep(unit, cx, officer, "certificate_recorded"))
}

/// 暂停执法.
pub fn suspend(unit: &mut Unit, cx: &mut Cx, code: &PersonCode, reason: &str) -> Result<Officer, Refusal> {
    let mut officer = seen(unit, cx, code)?;
    if officer.suspended_since.is_some() {
        return Ok(officer);
    }
    officer.suspended_since = Some(cx.now());
    Ok(keep(unit, cx, officer, reason))
}

/// 恢复执法.
pub fn reinstate(unit: &mut Unit, cx: &mut Cx, code: &PersonCode) -> Result<Officer, Refusal> {
    let mut officer = seen(unit, cx, code)?;
    if officer.suspended_since.is_none() {
        return Ok(officer);
    }
    officer.suspended_since = None;
    Ok(keep(unit, cx, officer, "reinstated"))
}

/// A new pack's roster takes effect: who is new is added, who is gone is no longer listed. A certificate that was recorded by
/// hand stands while the pack still names the number it was recorded over; suspensions stand.
pub fn take_roster(unit: &mut Unit, cx: &Cx) {
    let rules = cx.rules();
    for listed in rules.officers.values() {
        let known = unit.officers.get(&listed.code);
        let merged = known.map_or_else(|| listed.clone(), |known| merge(known, listed));
        if known != Some(&merged) {
            unit.officers.put(listed.code.clone(), merged);
        }
    }
    let gone: Vec<Officer> = unit
        .officers
        .iter()
        .filter(|(code, officer)| officer.listed && !rules.officers.contains_key(*code))
        .map(|(_, officer)| Officer { listed: false, ..officer.clone() })
        .collect();
    for officer in gone {
        unit.officers.put(officer.code.clone(), officer);
    }
}

fn merge(known: &Officer, listed: &Officer) -> Officer {
    let number = listed.certificate.as_ref().map(|certificate| certificate.number.as_str()).unwrap_or_default();
    let stands = !listed.auxiliary && known.recorded_over.as_deref() == Some(number);
    Officer {
        certificate: if stands { known.certificate.clone() } else { listed.certificate.clone() },
        recorded_over: known.recorded_over.clone().filter(|_| stands),
        suspended_since: known.suspended_since,
        ..listed.clone()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failed test should panic
    use super::*;

    fn officer(number: &str, valid_to: &str) -> Officer {
        Officer {
            code: "ZF-1".parse().unwrap(),
            unit: "ZF".parse().unwrap(),
            certificate: Some(Certificate {
                number: number.to_owned(),
                valid_from: "2024-01-01".parse().unwrap(),
                valid_to: valid_to.parse().unwrap(),
            }),
            auxiliary: false,
            suspended_since: None,
            listed: true,
            recorded_over: None,
        }
    }

    #[test]
    fn what_was_recorded_by_hand_stands_until_the_pack_names_another_certificate() {
        let by_hand = Officer { recorded_over: Some("A".to_owned()), ..officer("A", "2026-03-01") };
        assert_eq!(merge(&by_hand, &officer("A", "2027-12-31")), by_hand);
        let renewed = officer("B", "2029-12-31");
        assert_eq!(merge(&by_hand, &renewed), renewed);
        let suspended = Officer { suspended_since: Some(jiff::Timestamp::UNIX_EPOCH), ..officer("A", "2026-12-31") };
        assert!(merge(&suspended, &renewed).suspended_since.is_some());
        let auxiliary = Officer { certificate: None, auxiliary: true, ..officer("A", "2026-12-31") };
        assert_eq!(merge(&by_hand, &auxiliary).certificate, None);
    }
}
