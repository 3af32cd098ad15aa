//! 后续处置了结, as it is asked for.

use assignment_domain::case::SettlingReason;
use assignment_domain::file::Taker;
use kit::refusal::Refusal;
use vocab::{CaseId, OperationId, UnitCode};
use words::read;
use xiezhi_proto::assignment::v1 as wire;

use super::Reading;

/// The most items on which a unit takes a follow-up.
const MAX_ITEMS: usize = 20;

/// 后续处置了结.
#[derive(Debug, Clone)]
pub struct AskedSettling {
    /// The case.
    pub case: CaseId,
    /// The operation that left it.
    pub operation: OperationId,
    /// For whom it was meant.
    pub unit: UnitCode,
    /// Who takes it.
    pub to: Option<Taker>,
    /// Why.
    pub reason: SettlingReason,
}

/// 后续处置了结.
pub fn settle_follow_up(request: &wire::SettleFollowUpRequest) -> Result<AskedSettling, Refusal> {
    let mut reading = Reading::default();
    let case = reading.word("case_id", &request.case_id);
    let operation = reading.word("operation_id", &request.operation_id);
    let unit = reading.word("unit_code", &request.unit_code);
    let reason = match wire::SettlingReason::try_from(request.reason) {
        Ok(wire::SettlingReason::ItemNotListed) => Some(SettlingReason::ItemNotListed),
        Ok(wire::SettlingReason::NobodyToAnswer) => Some(SettlingReason::NobodyToAnswer),
        Ok(wire::SettlingReason::DoneOtherwise) => Some(SettlingReason::DoneOtherwise),
        Ok(wire::SettlingReason::NotNeeded) => Some(SettlingReason::NotNeeded),
        Ok(wire::SettlingReason::Unspecified | wire::SettlingReason::CaseLinked | wire::SettlingReason::CaseEnded)
        | Err(_) => {
            reading.0.wrong("reason", "must be ITEM_NOT_LISTED, NOBODY_TO_ANSWER, DONE_OTHERWISE or NOT_NEEDED");
            None
        }
    };
    let to: Option<UnitCode> = reading.keep("", read::maybe_word("to_unit_code", &request.to_unit_code)).flatten();
    if request.item_codes.len() > MAX_ITEMS {
        reading.0.wrong("item_codes", format!("must be at most {MAX_ITEMS}"));
    }
    if to.is_none() && !request.item_codes.is_empty() {
        reading.0.wrong("item_codes", "are for the unit that takes it, and none does");
    }
    let items = request.item_codes.iter().enumerate();
    let items = items.filter_map(|(nth, item)| reading.word(&format!("item_codes[{nth}]"), item)).collect();
    let to = to.map(|unit| Taker { unit, items });
    let read = (|| Some(AskedSettling { case: case?, operation: operation?, unit: unit?, to, reason: reason? }))();
    reading.done(read)
}
