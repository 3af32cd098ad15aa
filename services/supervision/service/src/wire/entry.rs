//! Entries of a timeline, and what a unit with a share in the case is told of them.

use std::collections::BTreeSet;

use kit::envelope::Envelope;
use kit::wire::to_proto_time;
use vocab::CaseId;
use xiezhi_proto::Audience;
use xiezhi_proto::supervision::v1 as proto;

use super::details::{Told, details, details_without_clocks};

/// One thing that happened, with all that was said.
pub fn entry_view(fact: Envelope) -> proto::TimelineEntry {
    let told = details(&fact.type_name, &fact.payload);
    entry(fact, told)
}

/// One thing that happened, as a unit may know of it: without the clocks that `others` alone owe. What only the centre may read is
/// nothing to a unit, nor is an event this version's contract does not know: it cannot say who may read it.
pub fn entry_for_unit(fact: Envelope, unit: &str, others: &BTreeSet<&str>) -> Option<proto::TimelineEntry> {
    let kind = xiezhi_proto::event_kind(&fact.type_name)?;
    let mut told = details_without_clocks(&fact.type_name, &fact.payload, others)?;
    let is_told = match kind.audience {
        Audience::Sharers => true,
        Audience::Centre => false,
        Audience::NamedUnits => told.units.iter().any(|named| named == unit),
    };
    if !is_told {
        return None;
    }
    // One reference over many cases would tell a department which of them one person brought.
    told.details.retain(|detail| detail.name != "complainant_ref");
    Some(entry(fact, told))
}

fn entry(fact: Envelope, told: Told) -> proto::TimelineEntry {
    let kind = xiezhi_proto::event_kind(&fact.type_name);
    let code = kind.map_or(fact.type_name.as_str(), |kind| kind.subject);
    proto::TimelineEntry {
        code: code.to_owned(),
        service: fact.service,
        at: Some(to_proto_time(fact.occurred_at)),
        recorded_at: Some(to_proto_time(fact.recorded_at)),
        actor: fact.actor,
        unit_codes: told.units,
        details: told.details,
        event_id: fact.event_id.to_string(),
        traceparent: fact.traceparent.unwrap_or_default(),
        epoch: fact.epoch,
        pos: fact.pos,
    }
}

/// True for a field that names a case: `case_id`, `case_ids`, `head_case_id` and their like, at whatever depth.
fn names_cases(detail: &proto::TimelineDetail) -> bool {
    let field = detail.name.rsplit('.').next().unwrap_or_default();
    field.ends_with("case_id") || field.ends_with("case_ids")
}

/// Every case that entries name.
pub fn cases_named(entries: &[proto::TimelineEntry]) -> BTreeSet<CaseId> {
    let details = entries.iter().flat_map(|entry| &entry.details).filter(|detail| names_cases(detail));
    details.flat_map(|detail| &detail.values).filter_map(|value| value.parse().ok()).collect()
}

/// Takes out of entries the ids of all cases but these.
pub fn forget_cases(entries: &mut [proto::TimelineEntry], known: &BTreeSet<CaseId>) {
    for entry in entries {
        for detail in entry.details.iter_mut().filter(|detail| names_cases(detail)) {
            detail.values.retain(|value| value.parse().is_ok_and(|case| known.contains(&case)));
        }
        entry.details.retain(|detail| !detail.values.is_empty());
    }
}
