//! 查阅: the entry in the audit, before anything leaves.

use intake_domain::{DAILY_REVEALS, Purpose};
use kit::context::Context;
use kit::refusal::Refusal;
use uuid::Uuid;
use vocab::CaseId;

use super::{find, granted};
use crate::rules::Rules;
use crate::unit::{Reveal, Unit};
use crate::wire;

/// A request to open an identity, its reason sealed.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// The entry's id.
    pub id: Uuid,
    /// The case.
    pub case: CaseId,
    /// What for.
    pub purpose: Purpose,
    /// Why, sealed.
    pub reason: Vec<u8>,
    /// True where the text is needed too.
    pub with_text: bool,
}

/// Writes the entry. Only when it is committed may the identity be read.
pub fn audit(unit: &mut Unit, cx: &mut Context<Rules>, wanted: &Wanted) -> Result<Uuid, Refusal> {
    let caller = granted(cx)?;
    let case = find(unit, &caller, wanted.case)?;
    if case.forgotten_at.is_some() {
        return Err(forgotten(case.number.as_str()));
    }
    let account = caller.caller.account;
    let used = unit
        .quotas
        .get(&account)
        .copied()
        .ok_or_else(|| Refusal::Internal("the account's count is not locked".to_owned()))?;
    if used >= DAILY_REVEALS {
        tracing::warn!(account = %account, "an account reached its daily limit of opened identities");
        return Err(Refusal::forbidden(
            "intake.reveal_limit",
            format!("该账号今日查阅已达 {DAILY_REVEALS} 次上限"),
            format!("this account has opened {DAILY_REVEALS} identities today, the most it may"),
        )
        .with_hint("请明日再试或请他人办理", "try again tomorrow or ask a colleague"));
    }
    unit.quotas.put(account.clone(), used + 1);
    let reveal = Reveal {
        id: wanted.id,
        case_id: case.id,
        account,
        unit: caller.caller.unit,
        purpose: wanted.purpose,
        reason: wanted.reason.clone(),
        with_text: wanted.with_text,
        at: cx.now(),
    };
    wire::event::revealed(cx, &reveal);
    unit.reveals.push(reveal);
    Ok(wanted.id)
}

/// The complainant's key is gone.
#[must_use]
pub fn forgotten(number: &str) -> Refusal {
    Refusal::forbidden(
        "intake.forgotten",
        format!("{number} 的信访人信息已按规定删除"),
        format!("the complainant of {number} was forgotten as the law demands"),
    )
}
