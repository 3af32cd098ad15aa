//! The corridor: a loaded unit, the domain's decision, and everything that follows from it — state, notices, events.

pub mod decide;
pub mod follow;
pub mod notices;
pub mod recall;
pub mod register;
pub mod reveal;

use intake_domain::{Case, Event};
use kit::caller::{Access, Granted};
use kit::context::Context;
use kit::refusal::Refusal;
use vocab::{CaseId, NoticeId};

use crate::error::NO_CASE;
use crate::rules::Rules;
use crate::unit::Unit;
use crate::wire;

/// A case as this caller may know of it; a foreign one is answered like a missing one.
pub fn find(unit: &Unit, granted: &Granted, id: CaseId) -> Result<Case, Refusal> {
    unit.cases.get(&id).filter(|case| may_know(granted, case)).cloned().ok_or(NO_CASE)
}

/// True where the caller may know of the case: the centre of all but what it is itself accused of; departments and towns of what they
/// have a share in.
#[must_use]
pub fn may_know(granted: &Granted, case: &Case) -> bool {
    let unit = granted.caller.unit.as_str();
    let is_accused = case.sealed_from.as_ref().is_some_and(|accused| accused.as_str() == unit);
    match granted.access {
        Access::Any => !is_accused,
        Access::Own => case.is_shown_to(unit),
    }
}

/// The grant of the command that is decided.
pub fn granted(cx: &Context<Rules>) -> Result<Granted, Refusal> {
    cx.call().map(|call| call.granted.clone()).ok_or_else(|| Refusal::Internal("a command without a caller".to_owned()))
}

/// Lets the events happen: the case changes, its notices are written, the others hear of it.
pub fn carry(unit: &mut Unit, cx: &mut Context<Rules>, case: Case, events: &[Event]) -> Case {
    let at = cx.now();
    let mut case = case;
    for event in events {
        case = case.apply(event, at);
        if let Event::NoticeServed { notice, kind, round } = event {
            let served = notices::write(cx.rules(), &case, *notice, *kind, *round, at);
            unit.notices.push(served);
        }
        wire::event::tell(cx, &case, event, at);
    }
    if !events.is_empty() {
        unit.cases.put(case.id, case.clone());
    }
    case
}

/// The cases that follow this one, in the order of their ids.
#[must_use]
pub fn followers(unit: &Unit, head: CaseId) -> Vec<Case> {
    unit.cases.iter().map(|(_, case)| case).filter(|case| case.follows() == Some(head)).cloned().collect()
}

/// An id for a notice that may be served.
#[must_use]
pub fn new_notice(cx: &Context<Rules>) -> NoticeId {
    NoticeId::new(cx.new_id())
}
