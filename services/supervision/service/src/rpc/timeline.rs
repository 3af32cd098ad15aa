//! 时间线: what happened to a case, as far as the reader may know of it.

use std::collections::BTreeSet;

use kit::caller::Granted;
use kit::paging::{decode_token, page_size};
use kit::refusal::Refusal;
use supervision_domain::Case;
use vocab::CaseId;
use xiezhi_proto::supervision::v1 as proto;

use super::{Door, confined, split, token};
use crate::store::Reading;
use crate::store::timeline::{self as rows, Happened, TimelineKey};
use crate::wire;

impl Door {
    pub(super) async fn timeline(
        &self,
        granted: &Granted,
        request: &proto::GetTimelineRequest,
    ) -> Result<proto::GetTimelineResponse, Refusal> {
        let size = page_size(request.page_size, 200, 500)?;
        let after: Option<TimelineKey> = decode_token(&request.page_token)?;
        let id = wire::case_id(&request.case_id)?;
        let mut tx = self.begin(granted).await?;
        let happened = rows::timeline(&mut tx, id.uuid(), after.as_ref(), size + 1).await?;
        // Read after the rows: it knows every clock they speak of, and so which of them are another unit's.
        let case = self.case(&mut tx, granted, id).await?;
        let (happened, more) = split(happened, size);
        let next_page_token = token(more, happened.last().map(|row| &row.key));
        let entries = match confined(granted) {
            Some(unit) => told_to(&mut tx, unit, &case, happened).await?,
            None => happened.into_iter().flat_map(|row| row.facts).map(wire::entry_view).collect(),
        };
        Ok(proto::GetTimelineResponse { entries, next_page_token })
    }
}

/// What a unit with a share in the case is told: nothing of what is between others and their supervisor, and no id of a case
/// that it does not know.
async fn told_to(
    tx: &mut Reading,
    unit: &str,
    case: &Case,
    happened: Vec<Happened>,
) -> Result<Vec<proto::TimelineEntry>, Refusal> {
    let others = case.clocks.iter().filter(|clock| !clock.is_shown_to(unit)).map(|clock| clock.kind.as_str()).collect();
    let facts = happened.into_iter().flat_map(|row| row.facts);
    let mut entries: Vec<_> = facts.filter_map(|fact| wire::entry_for_unit(fact, unit, &others)).collect();
    let named: Vec<_> = wire::cases_named(&entries).into_iter().map(CaseId::uuid).collect();
    let mut known: BTreeSet<CaseId> = rows::known_cases(tx, unit, &named).await?;
    known.insert(case.id);
    // Whoever handles a head handles its members' complaints.
    known.extend(&case.ledger.members);
    wire::forget_cases(&mut entries, &known);
    Ok(entries)
}
