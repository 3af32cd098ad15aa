//! The door for other services: what they say changes the case it is about, and stands in its timeline.

use std::sync::Arc;

use kit::context::Context;
use kit::envelope::Envelope;
use kit::service::{Failed, Keys};

use crate::app::{failed, settle};
use crate::rules::Rules;
use crate::unit::{Needs, Unit};
use crate::wire::{self, Report};

/// What an event says, and the cases it changes; what only stands in a timeline locks nothing.
pub fn read(event: &Envelope) -> Result<(Keys<Needs>, Report), Failed> {
    let report = Report::of(event)?;
    Ok((Keys::many(report.facts.iter().map(|(case, _)| case.uuid())), report))
}

/// Takes an event in.
pub fn on_event(unit: &mut Unit, cx: &mut Context<Rules>, report: &Report) -> Result<(), Failed> {
    if let Some(account) = &report.disabled_account {
        cx.revoke(account.clone());
        return Ok(());
    }
    let rules = Arc::clone(cx.rules());
    for (case, heard) in &report.facts {
        let mut case = unit.case(*case);
        let events = case.hear(heard, &rules.book).map_err(failed)?;
        settle(unit, cx, case, &events).map_err(failed)?;
    }
    if let Some(event) = cx.event() {
        for case in wire::cases_of(&event.type_name, &event.payload) {
            unit.timeline.push((case, Arc::clone(event)));
        }
    }
    Ok(())
}
