//! Where protobuf meets the domain, and nowhere else.

pub mod events;
pub mod heard;
pub mod read;
pub mod write;

use kit::refusal::{Refusal, Violation};
use words::Mistakes;

/// Every mistake of a request as field violations.
pub fn invalid(mistakes: Mistakes) -> Refusal {
    let violation = |mistake: words::Mistake| Violation { field: mistake.field, description: mistake.reason };
    Refusal::Invalid(mistakes.into_iter().map(violation).collect())
}

/// The domain's refusal as a caller hears it. A unit without a part is answered as if the operation did not exist.
pub fn refused(refusal: &scheduling_domain::Refusal) -> Refusal {
    let says = refusal.say();
    let answer = Refusal::forbidden(refusal.reason(), says.zh, says.en);
    match refusal {
        scheduling_domain::Refusal::HardRules(_) => answer.with_hint(
            "调整人员后再试 (xiezhi operation replace-officers)",
            "replace officers and try again (xiezhi operation replace-officers)",
        ),
        scheduling_domain::Refusal::SlotOver { .. } | scheduling_domain::Refusal::ForbiddenNow(_) => {
            answer.with_hint("改期 (xiezhi operation reschedule)", "reschedule it (xiezhi operation reschedule)")
        }
        _ => answer,
    }
}
