//! The door for other services: what evaluation does when it hears of something.

use kit::context::Context;
use kit::envelope::Envelope;
use kit::service::{Failed, Keys};

use crate::rules::Rules;
use crate::unit::{Needs, Unit};
use crate::{app, wire};

/// The cases an event is about; none where it does not count here.
pub fn keys_of(event: &Envelope) -> Result<Keys<Needs>, Failed> {
    Ok(Keys::many(wire::heard(event)?.into_iter().map(|(case, _)| case.uuid())))
}

/// Takes its facts in.
pub fn on_event(unit: &mut Unit, cx: &mut Context<Rules>, event: &Envelope) -> Result<(), Failed> {
    if let Some(account) = wire::disabled_account(event)? {
        cx.revoke(account);
    }
    for (case, heard) in wire::heard(event)? {
        app::hear(unit, cx, case, &heard)?;
    }
    Ok(())
}
