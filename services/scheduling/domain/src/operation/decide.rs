//! Every legal move, in one table. What is not listed is refused.

use vocab::{PersonCode, RuleCode, UnitCode};

use super::{Answer, Fixed, Ground, Operation, Stage, Started};
use crate::command::{Actor, Command, Event};
use crate::{Bar, Breach, Plan, Refusal, Span, Subject, Terms, Words, crew, planner, task};

impl Operation {
    /// Decides a command: what then happened, or why not. An empty answer means it was so already.
    pub fn decide(&self, command: &Command, ground: Ground<'_>) -> Result<Vec<Event>, Refusal> {
        match (&self.stage, command) {
            (Stage::Proposed { .. }, Command::Approve { terms, plan, confirm_by }) => {
                self.fits(terms, plan, ground)?;
                let (terms, plan, confirm_by) = (terms.clone(), plan.clone(), *confirm_by);
                Ok(vec![Event::Approved, Event::Fixed { terms, plan, confirm_by }])
            }
            (Stage::Proposed { .. }, Command::Reject { reason }) => {
                Ok(vec![Event::Rejected { reason: reason.clone() }])
            }
            (Stage::Fixed(fixed), Command::Confirm { unit }) => self.confirm(fixed, unit),
            (Stage::Fixed(fixed), Command::Decline { unit, reason }) => self.decline(fixed, unit, reason),
            (Stage::Fixed(fixed), Command::RecordSilence) => Ok(silence(fixed)),
            (Stage::Fixed(fixed), Command::ReplaceOfficers { unit, officers }) => {
                self.replace(fixed, unit, officers, ground)
            }
            (Stage::Fixed(_), Command::Reschedule { terms, plan, reason, confirm_by }) => {
                self.fits(terms, plan, ground)?;
                let (terms, plan, confirm_by) = (terms.clone(), plan.clone(), *confirm_by);
                Ok(vec![Event::Rescheduled { terms, plan, reason: reason.clone(), confirm_by }])
            }
            (Stage::Fixed(fixed), Command::CheckIn { unit, people }) => self.check_in(fixed, unit, people, ground),
            (Stage::Fixed(fixed), Command::Start { by }) => self.may_start(fixed, by, ground),
            (Stage::Started(_), Command::Inspect { by, inspection }) => self.inspect(by, inspection),
            (Stage::Started(started), Command::Conclude { by, follow_ups }) => {
                self.lead_only(by)?;
                self.follow_ups(started, follow_ups)
            }
            (Stage::Proposed { .. } | Stage::Fixed(_) | Stage::Started(_), Command::Cancel { reason }) => {
                Ok(vec![Event::Cancelled { reason: reason.clone() }])
            }
            (Stage::Proposed { .. } | Stage::Fixed(_) | Stage::Started(_), Command::Remind { reason }) => {
                let tasks = task::open_tasks(self).into_iter().map(|task| task.code.to_owned()).collect();
                Ok(vec![Event::Reminded { tasks, reason: reason.clone() }])
            }
            (stage, command) => Err(Refusal::OutOfTurn { stage: stage.name(), verb: command.verb() }),
        }
    }

    /// Whether a plan can be made for it at all: while it is proposed or fixed.
    pub fn plannable(&self) -> Result<(), Refusal> {
        match self.stage {
            Stage::Proposed { .. } | Stage::Fixed(_) => Ok(()),
            _ => Err(Refusal::OutOfTurn { stage: self.stage.name(), verb: ("排期", "planned") }),
        }
    }

    fn takes_part(&self, unit: &UnitCode) -> Result<(), Refusal> {
        match self.participant(unit) {
            Some(_) => Ok(()),
            None => Err(Refusal::NotParticipant { unit: unit.clone() }),
        }
    }

    pub(super) fn lead_only(&self, by: &Actor) -> Result<(), Refusal> {
        let (Actor::Unit(unit), Some(lead)) = (by, self.lead()) else { return Ok(()) };
        self.takes_part(unit)?;
        if unit == lead { Ok(()) } else { Err(Refusal::LeadOnly { lead: lead.clone() }) }
    }

    /// A plan has the lead, knows no stranger, keeps the law, and its people break no hard rule.
    fn fits(&self, terms: &Terms, plan: &Plan, ground: Ground<'_>) -> Result<(), Refusal> {
        if let Some(lead) = self.lead().filter(|lead| plan.crew(lead).is_none()) {
            return Err(Refusal::PlanDoesNotFit { unit: lead.clone() });
        }
        if let Some(stranger) = plan.crews.iter().find(|crew| self.participant(&crew.unit).is_none()) {
            return Err(Refusal::PlanDoesNotFit { unit: stranger.unit.clone() });
        }
        if let Some(rule) = ground.law.forbidding(&plan.span, terms.kind, terms.urgent).first() {
            return Err(forbidden(rule));
        }
        let mut breaches = planner::breaches_of(plan, ground.min_certified, terms, &ground.means.officers);
        breaches.extend(plan.crews.iter().flat_map(|crew| self.booked_elsewhere(&crew.officers, &plan.span, ground)));
        if breaches.is_empty() { Ok(()) } else { Err(Refusal::HardRules(breaches)) }
    }

    fn booked_elsewhere(&self, people: &[PersonCode], span: &Span, ground: Ground<'_>) -> Vec<Breach> {
        let is_taken = |code: &&PersonCode| {
            let subject = Subject::Officer((*code).clone());
            let others = ground.means.bookings.iter().filter(|held| held.holds() && held.operation != self.id);
            others.filter(|held| held.subject == subject).any(|held| held.span.overlaps(span))
        };
        let breach = |code: &PersonCode| Breach::Person { code: code.clone(), bar: Bar::Booked };
        people.iter().filter(is_taken).map(breach).collect()
    }

    fn confirm(&self, fixed: &Fixed, unit: &UnitCode) -> Result<Vec<Event>, Refusal> {
        self.takes_part(unit)?;
        Ok(match fixed.answers.get(unit) {
            Some(Answer::Confirmed { .. }) => Vec::new(),
            _ => vec![Event::Confirmed { unit: unit.clone() }],
        })
    }

    fn decline(&self, fixed: &Fixed, unit: &UnitCode, reason: &RuleCode) -> Result<Vec<Event>, Refusal> {
        self.takes_part(unit)?;
        if fixed.arrivals.contains_key(unit) {
            return Err(Refusal::AlreadyHere { unit: unit.clone() });
        }
        Ok(vec![Event::Declined { unit: unit.clone(), reason: reason.clone() }])
    }

    fn replace(
        &self,
        fixed: &Fixed,
        unit: &UnitCode,
        officers: &[PersonCode],
        ground: Ground<'_>,
    ) -> Result<Vec<Event>, Refusal> {
        let Some(crew) = fixed.plan.crew(unit) else {
            return Err(Refusal::NotParticipant { unit: unit.clone() });
        };
        if fixed.arrivals.contains_key(unit) {
            return Err(Refusal::AlreadyHere { unit: unit.clone() });
        }
        let needed = if crew.enforcing { ground.min_certified } else { 0 };
        let (roster, span, recused) = (&ground.means.officers, &fixed.plan.span, &fixed.terms.recused);
        let mut breaches = crew::breaches(unit, officers, needed, roster, span, recused, false);
        breaches.extend(self.booked_elsewhere(officers, span, ground));
        if !breaches.is_empty() {
            return Err(Refusal::HardRules(breaches));
        }
        let mut officers = officers.to_vec();
        officers.sort();
        if officers == crew.officers {
            return Ok(Vec::new());
        }
        Ok(vec![Event::OfficersReplaced { unit: unit.clone(), officers }])
    }
}

pub(super) fn forbidden(rule: &crate::ForbiddenSlot) -> Refusal {
    Refusal::ForbiddenNow(Words::new(
        format!("{} ({})", rule.reason.zh, rule.citation),
        format!("{} ({})", rule.reason.en, rule.citation),
    ))
}

fn silence(fixed: &Fixed) -> Vec<Event> {
    let is_silent = |(unit, answer): (&UnitCode, &Answer)| {
        (*answer == Answer::Asked && !fixed.arrivals.contains_key(unit)).then(|| unit.clone())
    };
    let units: Vec<UnitCode> = fixed.answers.iter().filter_map(is_silent).collect();
    if units.is_empty() { Vec::new() } else { vec![Event::Unanswered { units }] }
}

impl Started {
    /// What a body found, as last recorded.
    #[must_use]
    pub fn finding_of(&self, unit: &UnitCode) -> Option<crate::Finding> {
        self.record.iter().rev().find_map(|entry| entry.findings.get(unit).copied())
    }
}
