//! What other services say, as intake understands it.

use std::collections::BTreeSet;

use intake_domain::{Extension, Suggestion};
use jiff::Timestamp;
use kit::envelope::Envelope;
use kit::service::Failed;
use vocab::calendar::day_of;
use vocab::{CaseId, Role, UnitCode};
use words::{Mistakes, read};
use xiezhi_proto::Event as _;
use xiezhi_proto::{assignment::v1 as assignment, evaluation::v1 as evaluation, supervision::v1 as supervision};

/// An event intake acts on.
#[derive(Debug, Clone)]
pub enum Heard {
    /// The diagnosis at acceptance was made.
    Diagnosis {
        /// The case.
        case: CaseId,
        /// What it suggests.
        suggestion: Suggestion,
        /// The units it names or asked.
        units: BTreeSet<UnitCode>,
        /// The event's own body, for the clerk.
        body: Vec<u8>,
    },
    /// Units were asked or got a share.
    Involved {
        /// The case.
        case: CaseId,
        /// Which.
        units: BTreeSet<UnitCode>,
    },
    /// Every share is closed and the reply is written.
    Handled {
        /// The head.
        case: CaseId,
        /// The unit that answers for the whole.
        lead: UnitCode,
        /// `supported`, `explained` or `not_supported`.
        conclusion: String,
        /// When.
        at: Timestamp,
        /// The round.
        round: u32,
    },
    /// Clocks of the case itself got more time.
    Extended {
        /// The case.
        case: CaseId,
        /// Each clock's new last day.
        extensions: Vec<Extension>,
    },
    /// A second unit approved the closing.
    ClosingApproved {
        /// The head.
        case: CaseId,
        /// The round.
        round: u32,
    },
    /// A complainant is dissatisfied, or a panel upheld it.
    Reopen {
        /// The case.
        case: CaseId,
        /// The round that was rated; none where it was not said.
        rated: Option<u32>,
        /// The call-back.
        cause: String,
    },
    /// An account no longer counts.
    AccountDisabled {
        /// Which.
        account: String,
    },
    /// Nothing to do with intake.
    Nothing,
}

fn broken(mistakes: Mistakes) -> Failed {
    Failed::Broken(mistakes.to_string())
}

/// Reads an event; one that intake does not act on is `Nothing`.
pub fn heard(envelope: &Envelope) -> Result<Heard, Failed> {
    match envelope.type_name.as_str() {
        assignment::DiagnosisMade::TYPE => diagnosis(&envelope.body()?, &envelope.payload),
        assignment::ConsultationOpened::TYPE => {
            let body: assignment::ConsultationOpened = envelope.body()?;
            involved(&body.case_id, body.unit_codes.iter())
        }
        assignment::WorkOrderDispatched::TYPE => {
            let body: assignment::WorkOrderDispatched = envelope.body()?;
            involved(&body.case_id, [&body.unit_code])
        }
        assignment::CaseHandled::TYPE => handled(&envelope.body()?),
        supervision::ClocksExtended::TYPE => extended(&envelope.body()?),
        supervision::ClosingApproved::TYPE => {
            let body: supervision::ClosingApproved = envelope.body()?;
            let case = read::word("case_id", &body.case_id).map_err(broken)?;
            Ok(Heard::ClosingApproved { case, round: body.round })
        }
        evaluation::RatingDissatisfied::TYPE => {
            let body: evaluation::RatingDissatisfied = envelope.body()?;
            let case = read::word("case_id", &body.case_id).map_err(broken)?;
            Ok(Heard::Reopen { case, rated: Some(body.round), cause: body.callback_id })
        }
        evaluation::AdjudicationDecided::TYPE => {
            let body: evaluation::AdjudicationDecided = envelope.body()?;
            let case = read::word("case_id", &body.case_id).map_err(broken)?;
            Ok(if body.upheld { Heard::Reopen { case, rated: None, cause: body.callback_id } } else { Heard::Nothing })
        }
        assignment::AccountDisabled::TYPE => {
            let body: assignment::AccountDisabled = envelope.body()?;
            Ok(Heard::AccountDisabled { account: body.account_id })
        }
        _ => Ok(Heard::Nothing),
    }
}

fn involved<'a>(case: &str, units: impl IntoIterator<Item = &'a String>) -> Result<Heard, Failed> {
    let case = read::word("case_id", case).map_err(broken)?;
    let units: Result<BTreeSet<UnitCode>, Mistakes> =
        units.into_iter().map(|unit| read::word("unit_code", unit)).collect();
    Ok(Heard::Involved { case, units: units.map_err(broken)? })
}

fn diagnosis(body: &assignment::DiagnosisMade, payload: &[u8]) -> Result<Heard, Failed> {
    let read = || -> Result<Heard, Mistakes> {
        let shares: Vec<words::Share> = body.shares.iter().map(read::share).collect::<Result<_, _>>()?;
        let mut units: BTreeSet<UnitCode> = shares.iter().map(|share| share.unit.clone()).collect();
        for position in &body.positions {
            units.insert(read::word("positions.unit_code", &position.unit_code)?);
        }
        let suggestion = Suggestion {
            mode: read::maybe_mode(body.mode)?,
            track: read::maybe_track(body.track)?,
            lead: shares.iter().find(|share| share.role == Role::Lead).map(|share| share.unit.clone()),
            made_at: read::time("made_at", body.made_at.as_ref())?,
        };
        let case = read::word("case_id", &body.case_id)?;
        Ok(Heard::Diagnosis { case, suggestion, units, body: payload.to_vec() })
    };
    read().map_err(broken)
}

/// What concerns the complainant: the clocks of the case, which are called by their rule alone. Those of an order or of a
/// consultation are between the centre and its holder.
fn extended(body: &supervision::ClocksExtended) -> Result<Heard, Failed> {
    let one = |clock: &supervision::Clock| -> Result<Extension, Mistakes> {
        let deadline = read::deadline(clock.deadline.as_ref())?;
        let unit = read::word("holder_unit", &clock.holder_unit)?;
        Ok(Extension { rule: deadline.rule, unit, due_on: day_of(deadline.due_at) })
    };
    let read = || -> Result<Heard, Mistakes> {
        let own = body.clocks.iter().filter(|clock| !clock.kind.contains('/'));
        let case = read::word("case_id", &body.case_id)?;
        Ok(Heard::Extended { case, extensions: own.map(one).collect::<Result<_, _>>()? })
    };
    read().map_err(broken)
}

fn handled(body: &assignment::CaseHandled) -> Result<Heard, Failed> {
    let read = || -> Result<Heard, Mistakes> {
        if !["supported", "explained", "not_supported"].contains(&body.conclusion.as_str()) {
            return Err(Mistakes::one("conclusion", "is not in the list"));
        }
        Ok(Heard::Handled {
            case: read::word("case_id", &body.case_id)?,
            lead: read::word("lead_unit", &body.lead_unit)?,
            conclusion: body.conclusion.clone(),
            at: read::time("handled_at", body.handled_at.as_ref())?,
            round: body.round,
        })
    };
    read().map_err(broken)
}
