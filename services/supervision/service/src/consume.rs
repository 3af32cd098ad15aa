//! The door for other services: what they say changes the case it is about, and stands in its timeline.

use kit::context::Context;
use kit::envelope::Envelope;
use kit::service::{Failed, Keys};

use crate::app::{failed, settle};
use crate::rules::Rules;
use crate::unit::{Needs, Unit};
use crate::wire;

/// The cases an event changes; what only stands in a timeline locks nothing.
pub fn keys_of(event: &Envelope) -> Result<Keys<Needs>, Failed> {
    let heard = wire::heard(event)?;
    Ok(Keys::many(heard.into_iter().map(|(case, _)| case.uuid())))
}

/// Takes an event in.
pub fn on_event(unit: &mut Unit, cx: &mut Context<Rules>, event: &Envelope) -> Result<(), Failed> {
    if let Some(account) = wire::disabled_account(event)? {
        cx.revoke(account);
        return Ok(());
    }
    let rules = std::sync::Arc::clone(cx.rules());
    for (case, heard) in wire::heard(event)? {
        let mut case = unit.case(case);
        let events = case.hear(&heard, &rules.book).map_err(failed)?;
        settle(unit, cx, case, &events).map_err(failed)?;
    }
    for case in wire::cases_of(&event.type_name, &event.payload) {
        unit.timeline.push((case, event.clone()));
    }
    Ok(())
}
