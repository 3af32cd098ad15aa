//! On the spot: roll call, start, record, conclusion. The hard rules are checked again at the minute of check-in.

use std::collections::BTreeSet;

use jiff::SignedDuration;
use vocab::{PersonCode, UnitCode};

use super::decide::forbidden;
use super::{Fixed, Ground, Operation, Started};
use crate::command::{Actor, Event, Evidence, FollowUp, Inspection, WantedFollowUp};
use crate::{Bar, Breach, Refusal, Span, crew};

/// The slot is open: not too early for a roll call and not over.
fn in_slot(fixed: &Fixed, ground: Ground<'_>) -> Result<(), Refusal> {
    let early = SignedDuration::from_mins(i64::from(ground.check_in_opens_minutes));
    let opens_at = fixed.plan.span.from.checked_sub(early).unwrap_or(fixed.plan.span.from);
    if ground.at < opens_at {
        return Err(Refusal::TooEarly { opens_at });
    }
    if fixed.plan.span.until <= ground.at {
        return Err(Refusal::SlotOver { ended_at: fixed.plan.span.until });
    }
    Ok(())
}

impl Operation {
    pub(super) fn check_in(
        &self,
        fixed: &Fixed,
        unit: &UnitCode,
        people: &[PersonCode],
        ground: Ground<'_>,
    ) -> Result<Vec<Event>, Refusal> {
        let Some(crew) = fixed.plan.crew(unit) else {
            return Err(Refusal::NotParticipant { unit: unit.clone() });
        };
        in_slot(fixed, ground)?;
        if fixed.arrivals.contains_key(unit) {
            return Err(Refusal::AlreadyHere { unit: unit.clone() });
        }
        // From this minute to the planned end: a certificate that runs out at midnight does not carry a night operation.
        let span = Span { from: ground.at, until: fixed.plan.span.until };
        let needed = if crew.enforcing { ground.min_certified } else { 0 };
        let roster = &ground.means.officers;
        let is_assistant = |code: &PersonCode| roster.get(code).is_some_and(|person| person.auxiliary);
        let mut breaches = crew::breaches(unit, people, needed, roster, &span, &fixed.terms.recused, true);
        if crew.enforcing {
            let unplanned = people.iter().filter(|code| !crew.officers.contains(code) && !is_assistant(code));
            let known = unplanned.filter(|code| roster.get(code).is_some_and(|person| person.unit == *unit));
            breaches.extend(known.map(|code| Breach::Person { code: code.clone(), bar: Bar::NotPlanned }));
        } else {
            breaches.retain(concerns_everybody);
        }
        if !breaches.is_empty() {
            return Err(Refusal::HardRules(breaches));
        }
        let (assistants, officers) = people.iter().cloned().partition(is_assistant);
        Ok(vec![Event::CheckedIn { unit: unit.clone(), officers, assistants }])
    }

    pub(super) fn may_start(&self, fixed: &Fixed, by: &Actor, ground: Ground<'_>) -> Result<Vec<Event>, Refusal> {
        self.lead_only(by)?;
        in_slot(fixed, ground)?;
        let absent = |crew: &&crate::Crew| crew.enforcing && !fixed.arrivals.contains_key(&crew.unit);
        let missing: Vec<UnitCode> = fixed.plan.crews.iter().filter(absent).map(|crew| crew.unit.clone()).collect();
        if !missing.is_empty() {
            return Err(Refusal::NotAllHere { missing });
        }
        let span = Span { from: ground.at, until: fixed.plan.span.until };
        match ground.law.forbidding(&span, fixed.terms.kind, fixed.terms.urgent).first() {
            Some(rule) => Err(forbidden(rule)),
            None => Ok(vec![Event::Started]),
        }
    }

    pub(super) fn inspect(&self, by: &Actor, inspection: &Inspection) -> Result<Vec<Event>, Refusal> {
        let stranger = |unit: &&UnitCode| self.participant(unit).is_none();
        if let Some(unit) = inspection.findings.keys().find(stranger) {
            return Err(Refusal::NotParticipant { unit: unit.clone() });
        }
        if let Actor::Unit(unit) = by {
            if stranger(&unit) {
                return Err(Refusal::NotParticipant { unit: unit.clone() });
            }
            let leads = self.lead() == Some(unit);
            if !leads && inspection.findings.keys().any(|found| found != unit) {
                return Err(Refusal::OwnFindingsOnly);
            }
        }
        Ok(vec![Event::Inspected(inspection.clone())])
    }

    /// There is no joint penalty: each follow-up is one body's own, within the duties and items it came with.
    pub(super) fn follow_ups(&self, started: &Started, wanted: &[WantedFollowUp]) -> Result<Vec<Event>, Refusal> {
        if started.record.is_empty() {
            return Err(Refusal::NoRecord);
        }
        let mut seen = BTreeSet::new();
        let mut follow_ups = Vec::with_capacity(wanted.len());
        for follow_up in wanted {
            let unit = &follow_up.unit;
            if !seen.insert((unit.clone(), follow_up.duty)) {
                return Err(Refusal::FollowUpTwice { unit: unit.clone() });
            }
            follow_ups.push(self.follow_up(started, follow_up)?);
        }
        let evidence: BTreeSet<&Evidence> = started.record.iter().flat_map(|entry| &entry.evidence).collect();
        Ok(vec![Event::Concluded { follow_ups, evidence: evidence.into_iter().cloned().collect() }])
    }

    fn follow_up(&self, started: &Started, wanted: &WantedFollowUp) -> Result<FollowUp, Refusal> {
        let unit = wanted.unit.clone();
        let Some(participant) = self.participant(&unit) else { return Err(Refusal::NotParticipant { unit }) };
        if !participant.duties.contains(&wanted.duty) {
            return Err(Refusal::DutyNotOwed { unit, duty: wanted.duty });
        }
        if let Some(item) = wanted.items.iter().find(|item| !participant.items.contains(item)) {
            return Err(Refusal::ItemNotOwed { unit, item: item.clone() });
        }
        let finding = match (wanted.finding, started.finding_of(&unit)) {
            (Some(said), Some(recorded)) if said != recorded => return Err(Refusal::FindingDiffers { unit }),
            (Some(finding), _) | (None, Some(finding)) => finding,
            (None, None) => return Err(Refusal::FindingMissing { unit }),
        };
        Ok(FollowUp { unit, duty: wanted.duty, items: wanted.items.clone(), finding })
    }
}

/// A unit that does not enforce sends whom it likes, as long as they are its own.
fn concerns_everybody(breach: &Breach) -> bool {
    matches!(breach, Breach::Person { bar: Bar::Unknown | Bar::OtherUnit | Bar::Twice, .. })
}
