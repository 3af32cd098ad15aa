//! After the database was set back: what clerks decided, put back from what intake said of it.
//!
//! The vault is not in any event. A case that was registered after the backup comes back with its number and its facts, and like
//! one whose complainant was forgotten: identity and words must be taken again.

use intake_domain::{Case, CaseNumber, Event, Stage, TrackingCode};
use kit::context::Context;
use kit::envelope::Envelope;
use kit::service::{Failed, Keys, Recalled};
use uuid::Uuid;
use vocab::{CaseId, UnitCode};
use words::read;
use xiezhi_proto::Event as _;
use xiezhi_proto::intake::v1 as proto;

use super::carry;
use crate::rules::Rules;
use crate::unit::{Complainant, Forgotten, Needs, Unit};
use crate::wire::own::{broken, happened, word};

/// What is missing from a case that was registered after the backup.
const WITHOUT_WORDS: &str = "registered after the backup: the complainant's identity, the words and the tracking code were in the \
                             vault alone and are lost; ask the complainant again";

/// The cases these events are about, and the year's counter where one of them was registered.
pub fn keys_of(events: &[Envelope]) -> Keys<Needs> {
    let numbers = events.iter().filter(|event| event.type_name == proto::CaseRegistered::TYPE).count();
    let needs = Needs { numbers: u32::try_from(numbers).unwrap_or(u32::MAX), ..Needs::default() };
    Keys::many(events.iter().map(|event| event.key)).and(needs)
}

/// Puts one command's decision back. What its events do not tell is refused as a whole.
pub fn recall(unit: &mut Unit, cx: &mut Context<Rules>, events: &[Envelope]) -> Result<Recalled, Failed> {
    let mut recalled = Recalled::Whole;
    for event in events {
        if event.type_name == proto::CaseRegistered::TYPE {
            register(unit, &event.body()?)?;
            recalled = Recalled::Partly(WITHOUT_WORDS);
            continue;
        }
        let id = CaseId::new(event.key);
        let case = unit.cases.get(&id).cloned().ok_or_else(|| Failed::Broken(format!("case {id} is not here")))?;
        let happened = happened(event, cx.now())?;
        if let Event::Forgotten = happened {
            unit.forgotten.push(Forgotten { complainant: case.complainant, case_id: id });
        }
        carry(unit, cx, case, &[happened]);
    }
    Ok(recalled)
}

fn register(unit: &mut Unit, body: &proto::CaseRegistered) -> Result<(), Failed> {
    if body.sealed {
        // From whom it is sealed was never said: shown again it might be shown to the accused.
        return Err(Failed::Broken("a sealed case, and from whom is not told".to_owned()));
    }
    let number: CaseNumber = word("case_no", &body.case_no)?;
    let at = read::time("registered_at", body.registered_at.as_ref()).map_err(broken)?;
    let complainant: Uuid = word("complainant_ref", &body.complainant_ref)?;
    let id: CaseId = word("case_id", &body.case_id)?;
    let case = Case {
        id,
        number: number.clone(),
        // Sixty bits of the case's own random ones: the paper the complainant holds does not open it any more.
        tracking: TrackingCode::from_bits(id.uuid().as_u64_pair().1.rotate_left(7)),
        facts: read::facts(body.facts.as_ref()).map_err(broken)?,
        registered_at: at,
        receiving_unit: UnitCode::new(body.receiving_unit.as_str())
            .map_err(|error| Failed::Broken(error.to_string()))?,
        complainant,
        sealed_from: None,
        without_clerk: body.without_clerk,
        mask_confirmed: false,
        link: None,
        participants: Default::default(),
        inherited: Default::default(),
        suggestion: None,
        complainant_left_at: None,
        extension: None,
        forgotten_at: Some(at),
        stage: Stage::Registered { since: at },
    };
    count(unit, &number)?;
    let nothing = Vec::new;
    unit.complainants.push(Complainant {
        id: complainant,
        wrapped_key: nothing(),
        identity: nothing(),
        title: nothing(),
        body: nothing(),
        created_at: at,
    });
    unit.forgotten.push(Forgotten { complainant, case_id: id });
    unit.problems.push(id);
    unit.cases.put(id, case);
    Ok(())
}

/// No number is given twice.
fn count(unit: &mut Unit, number: &CaseNumber) -> Result<(), Failed> {
    let mut parts = number.as_str().rsplit('-');
    let nth = parts.next().and_then(|nth| nth.parse::<i64>().ok());
    let year = parts.next().and_then(|year| year.parse::<i16>().ok());
    let (Some(nth), Some(year)) = (nth, year) else {
        return Err(Failed::Broken(format!("{number} cannot be counted")));
    };
    let last = unit.counters.get(&year).copied();
    // Of a year that is over no number is given any more.
    if let Some(last) = last.filter(|last| *last < nth) {
        unit.counters.put(year, nth.max(last));
    }
    Ok(())
}
