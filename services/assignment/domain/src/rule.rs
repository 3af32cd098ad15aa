//! 裁定: the checks a ruling must pass, and the precedent it becomes.

use std::collections::BTreeSet;

use jiff::ToSpan;
use vocab::{Body, Duty, PowerItemCode, Role, UnitCode, Validity};

use crate::act::Work;
use crate::case::{CaseStage, Decision, DecisionSource};
use crate::consultation::ConsultationCommand;
use crate::determine::in_order;
use crate::file::{AskedShare, Event, Reach, Ruling, RulingIds};
use crate::list::Recorded;
use crate::order::WithdrawnBecause;
use crate::precedent::{Precedent, RoutedShare, relevant_facts};
use crate::refusal::Refusal;
use crate::share::Share;

impl Work<'_, '_> {
    pub(crate) fn rule(&mut self, asked: Vec<AskedShare>, reach: Reach) -> Result<(), Refusal> {
        let shares = self.checked(asked)?;
        let ids = RulingIds { ruling: (self.s.new_id)().into(), precedent: (self.s.new_id)().into() };
        let precedent = self.precedent(&ids, &shares, reach);
        self.consultation(ConsultationCommand::Rule { ruling: ids.ruling })?;
        let consultation = match &self.file.case.stage {
            CaseStage::Consulting { consultation } => *consultation,
            stage => return Err(Refusal::OutOfTurn { thing: "case", stage: stage.name(), verb: "ruled" }),
        };
        let ruling = Ruling { id: ids.ruling, consultation, shares: shares.clone(), precedent };
        self.say(Event::Ruled(Box::new(ruling)));
        self.file.case.sent_back.clear();
        let decision = Decision { source: DecisionSource::Ruling { id: ids.ruling }, shares };
        self.dispatch(&decision, WithdrawnBecause::Ruled)?;
        self.file.case.stage = CaseStage::Decided { decision };
        Ok(())
    }

    /// One lead, no one twice, every item known, and nothing handed down to a town that its own list does not hold.
    fn checked(&self, asked: Vec<AskedShare>) -> Result<Vec<Share>, Refusal> {
        let mut shares = Vec::with_capacity(asked.len());
        let mut seen: BTreeSet<(UnitCode, Duty)> = BTreeSet::new();
        for share in asked {
            if !self.s.policy.knows(&share.unit) {
                return Err(Refusal::UnknownUnit { unit: share.unit });
            }
            if !seen.insert((share.unit.clone(), share.duty)) {
                return Err(Refusal::NamedTwice { unit: share.unit });
            }
            let grounds =
                share.cited.iter().map(|cited| cited.ground(self.s.lists)).collect::<Result<BTreeSet<_>, _>>()?;
            let share =
                Share { unit: share.unit, role: share.role, duty: share.duty, grounds: grounds.into_iter().collect() };
            self.is_within_the_towns_list(&share)?;
            shares.push(share);
        }
        let leads: BTreeSet<&UnitCode> =
            shares.iter().filter(|share| share.role == Role::Lead).map(|share| &share.unit).collect();
        if leads.len() != 1 {
            return Err(Refusal::LeadCount { count: leads.len() });
        }
        if let Some(share) = shares.iter().find(|share| share.role == Role::Support && leads.contains(&share.unit)) {
            return Err(Refusal::NamedTwice { unit: share.unit.clone() });
        }
        Ok(in_order(shares))
    }

    pub(crate) fn is_within_the_towns_list(&self, share: &Share) -> Result<(), Refusal> {
        // Helping is everyone's duty; all else a town does only by its own list.
        if share.unit.governed_town().is_none() || share.duty == Duty::Assist {
            return Ok(());
        }
        let facts = &self.file.case.facts;
        let holds = share.grounds.iter().filter_map(|ground| ground.item.as_ref()).any(|item| {
            self.s.lists.rows_of(item).any(|row| {
                row.holder.at(&facts.region) == share.unit
                    && row.towns.covers(&facts.region)
                    && row.validity.covers(facts.act_on)
            })
        });
        if holds { Ok(()) } else { Err(Refusal::TownNotListed { unit: share.unit.clone() }) }
    }

    fn precedent(&self, ids: &RulingIds, shares: &[Share], reach: Reach) -> Precedent {
        let facts = &self.file.case.facts;
        let proof = self.proof();
        let cited = shares.iter().flat_map(|share| &share.grounds).filter_map(|ground| ground.item.clone());
        let rests_on: BTreeSet<PowerItemCode> =
            cited.chain(proof.matched.iter().map(|item| item.item.clone())).collect();
        let town = UnitCode::town_of(&facts.region);
        let shares = shares
            .iter()
            .map(|share| RoutedShare {
                body: if share.unit == town { Body::Town } else { Body::Unit(share.unit.clone()) },
                role: share.role,
                duty: share.duty,
                grounds: share.grounds.clone(),
            })
            .collect();
        Precedent {
            id: ids.precedent,
            ruling: ids.ruling,
            case: self.file.case.id,
            matters: facts.matters.iter().cloned().collect(),
            region: matches!(reach, Reach::Town).then(|| facts.region.town()),
            object_type: facts.object_type.clone(),
            facts: relevant_facts(facts, self.s.lists),
            shares,
            validity: self.precedent_validity(&rests_on),
            rests_on,
            recorded: Recorded::since(self.s.at),
            expired_because: None,
        }
    }

    /// As long as every item it rests on is valid, and no longer than the pack allows.
    fn precedent_validity(&self, rests_on: &BTreeSet<PowerItemCode>) -> Validity {
        let facts = &self.file.case.facts;
        let ruled_on = vocab::calendar::day_of(self.s.at);
        let longest = ruled_on.checked_add(i64::from(self.s.policy.precedent_months).months()).unwrap_or(ruled_on);
        let rows = rests_on.iter().flat_map(|item| self.s.lists.rows_of(item));
        rows.filter(|row| row.validity.covers(facts.act_on) && row.towns.covers(&facts.region)).fold(
            Validity { from: facts.act_on.min(ruled_on), to: Some(longest) },
            |validity, row| Validity { from: validity.from, to: validity.to.min(row.validity.to.or(validity.to)) },
        )
    }
}
