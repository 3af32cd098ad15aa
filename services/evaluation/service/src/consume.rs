//! The door for other services: what evaluation does when it hears of something.

use kit::context::Context;
use kit::envelope::Envelope;
use kit::service::{Failed, Keys};

use crate::app;
use crate::rules::Rules;
use crate::unit::{Needs, Unit};
use crate::wire::Report;

/// What an event says, and the cases it is about; none where it does not count here.
pub fn read(event: &Envelope) -> Result<(Keys<Needs>, Report), Failed> {
    let report = Report::of(event)?;
    Ok((Keys::many(report.facts.iter().map(|(case, _)| case.uuid())), report))
}

/// Takes its facts in.
pub fn on_event(unit: &mut Unit, cx: &mut Context<Rules>, report: &Report) -> Result<(), Failed> {
    if let Some(account) = &report.disabled_account {
        cx.revoke(account.clone());
    }
    for (case, heard) in &report.facts {
        app::hear(unit, cx, *case, heard)?;
    }
    Ok(())
}
