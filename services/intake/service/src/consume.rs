//! The door for other services.

use kit::envelope::Envelope;
use kit::service::{Failed, Keys};

use crate::unit::Needs;
use crate::wire::heard::{Heard, heard};

/// The services whose events intake hears.
pub const HEARS: &[&str] = &["assignment", "supervision", "evaluation"];

/// What an event says, and the heads it touches: its case, and because what is said of a head concerns its members, the whole
/// cluster.
pub fn read(envelope: &Envelope) -> Result<(Keys<Needs>, Heard), Failed> {
    let heard = heard(envelope)?;
    let keys = match &heard {
        Heard::Diagnosis { case, .. }
        | Heard::Involved { case, .. }
        | Heard::Handled { case, .. }
        | Heard::Extended { case, .. }
        | Heard::ClosingApproved { case, .. }
        | Heard::Reopen { case, .. } => cluster(case.uuid()),
        Heard::AccountDisabled { .. } | Heard::Nothing => Keys::default(),
    };
    Ok((keys, heard))
}

/// A case with its whole cluster.
#[must_use]
pub fn cluster(case: uuid::Uuid) -> Keys<Needs> {
    Keys::one(case).and(Needs { clusters: [case].into(), ..Needs::default() })
}
