//! N9: what evaluation counts, against a fresh fold of the journals and against what clients know.

use std::collections::BTreeSet;

use client::{Centre as Connection, call};
use prost::{Message, Name};
use xiezhi_proto::evaluation::v1::{CaseFact, GetRatesRequest, ListCaseFactsRequest};
use xiezhi_proto::intake::v1::CaseClosed;

use crate::people::People;

/// The month in which every run takes place.
const MONTH: (&str, &str) = ("2026-03-01", "2026-03-31");

/// How many cases were compared, and what differs.
pub async fn compare(operator: &Connection, people: &People) -> anyhow::Result<(u64, Vec<String>)> {
    let closed = closed(operator).await?;
    let evaluator = people.patiently_at(crate::load::EVALUATOR)?;
    let facts = facts(&evaluator).await?;
    let mut found = Vec::new();
    let told: BTreeSet<(String, u32)> =
        facts.iter().filter(|fact| fact.closed_at.is_some()).map(|fact| (fact.case_id.clone(), fact.round)).collect();
    found.extend(
        closed
            .difference(&told)
            .map(|(case, round)| format!("round {round} of {case} is closed and evaluation does not count it")),
    );
    found.extend(
        told.difference(&closed)
            .map(|(case, round)| format!("evaluation counts round {round} of {case}, which is not closed")),
    );

    let rated = facts.iter().filter(|fact| fact.rating.is_some()).count() as u64;
    let answered = people.history.by_name().get("RecordCallback").copied().unwrap_or_default();
    // A command that nobody answered may have been carried out.
    // What was rated in a case that a recovery left to a person is known to that person alone.
    let left = people.history.left_to_persons().len() as u64;
    if rated + left < answered || rated > answered + people.history.unknown() {
        found.push(format!("clients gave {answered} ratings and evaluation knows {rated}"));
    }

    let request = GetRatesRequest { from: MONTH.0.to_owned(), to: MONTH.1.to_owned(), ..GetRatesRequest::default() };
    let rates = evaluator.read(|| call!(evaluator.evaluation().get_rates(request.clone()))).await?;
    let counted: u64 = rates.units.iter().map(|unit| unit.closed).sum::<u64>() + rates.excluded.len() as u64;
    if counted != closed.len() as u64 {
        found.push(format!("{} rounds are closed and the rates count {counted}", closed.len()));
    }
    Ok((closed.len() as u64, found))
}

/// Every round that intake says is closed.
async fn closed(operator: &Connection) -> anyhow::Result<BTreeSet<(String, u32)>> {
    let head = client::journal::high_water(operator, "intake").await?;
    let mut closed = BTreeSet::new();
    if head.last_pos == 0 {
        return Ok(closed);
    }
    let mut events = client::journal::read(operator, "intake", 1..=head.last_pos).await?;
    while let Some(event) = events.next().await? {
        for fact in client::journal::facts(&event)? {
            if fact.type_name == CaseClosed::full_name() {
                let body = CaseClosed::decode(fact.payload)?;
                closed.insert((body.case_id, body.round));
            }
        }
    }
    Ok(closed)
}

async fn facts(evaluator: &Connection) -> anyhow::Result<Vec<CaseFact>> {
    let facts = client::pages::pages(|page_token| async move {
        let request = ListCaseFactsRequest {
            from: MONTH.0.to_owned(),
            to: MONTH.1.to_owned(),
            page_size: 500,
            page_token,
            ..ListCaseFactsRequest::default()
        };
        let page = evaluator.read(|| call!(evaluator.evaluation().list_case_facts(request.clone()))).await?;
        Ok((page.facts, page.next_page_token))
    });
    Ok(facts.await?)
}
