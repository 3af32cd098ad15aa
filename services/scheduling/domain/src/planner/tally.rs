//! Counting what stood in the way of each slot, so that a refusal can be explained without a second search.

use std::collections::BTreeMap;

use jiff::Timestamp;
use vocab::{Citation, ResourceCode, RuleCode, UnitCode};

use super::obstacle::Obstacle;
use super::{Requirements, Search};
use crate::{ForbiddenSlot, Span, Words};

struct ForbiddenTally {
    citation: Citation,
    reason: Words,
    slots: u32,
    first: Timestamp,
    otherwise_free: u32,
}

struct ShortTally {
    slots: u32,
    best: usize,
    best_at: Span,
}

/// What was met so far.
pub(super) struct Tally {
    seen: u32,
    outside_hours: u32,
    allowed: u32,
    forbidden: BTreeMap<RuleCode, ForbiddenTally>,
    short: BTreeMap<UnitCode, ShortTally>,
    things: BTreeMap<ResourceCode, u32>,
    vehicles: Option<(u32, usize)>,
    minutes: u32,
}

impl Tally {
    pub(super) fn new(requirements: &Requirements) -> Self {
        Self {
            seen: 0,
            outside_hours: 0,
            allowed: 0,
            forbidden: BTreeMap::new(),
            short: BTreeMap::new(),
            things: BTreeMap::new(),
            vehicles: None,
            minutes: requirements.terms.minutes,
        }
    }

    pub(super) fn seen(&mut self) {
        self.seen += 1;
    }

    pub(super) fn outside_hours(&mut self) {
        self.outside_hours += 1;
    }

    pub(super) fn allowed(&mut self) {
        self.allowed += 1;
    }

    pub(super) fn forbidden(&mut self, rules: &[&ForbiddenSlot], span: Span, otherwise_free: bool) {
        for rule in rules {
            let tally = self.forbidden.entry(rule.code.clone()).or_insert_with(|| ForbiddenTally {
                citation: rule.citation.clone(),
                reason: rule.reason.clone(),
                slots: 0,
                first: span.from,
                otherwise_free: 0,
            });
            tally.slots += 1;
            tally.otherwise_free += u32::from(otherwise_free);
        }
    }

    pub(super) fn short(&mut self, unit: &UnitCode, free: usize, span: Span) {
        let tally = self.short.entry(unit.clone()).or_insert(ShortTally { slots: 0, best: free, best_at: span });
        tally.slots += 1;
        if free > tally.best {
            (tally.best, tally.best_at) = (free, span);
        }
    }

    pub(super) fn thing_taken(&mut self, code: &ResourceCode) {
        *self.things.entry(code.clone()).or_default() += 1;
    }

    pub(super) fn few_vehicles(&mut self, free: usize) {
        let (slots, best) = self.vehicles.unwrap_or((0, 0));
        self.vehicles = Some((slots + 1, best.max(free)));
    }

    pub(super) fn obstacles(
        &self,
        search: &Search<'_>,
        from: Timestamp,
        until: Timestamp,
        found: bool,
    ) -> Vec<Obstacle> {
        let mut obstacles = Vec::new();
        if self.seen == 0 {
            let wish = search.requirements.starts_at.filter(|start| *start < from || until <= *start);
            obstacles.push(match wish {
                Some(starts_at) => Obstacle::WishOutside { starts_at },
                None => Obstacle::NoRoom { minutes: self.minutes },
            });
        }
        if self.outside_hours > 0 {
            let hours = search.requirements.terms.hours;
            obstacles.push(Obstacle::OutsideHours { hours, slots: self.outside_hours });
        }
        obstacles.extend(self.forbidden.iter().map(|(rule, tally)| Obstacle::Forbidden {
            rule: rule.clone(),
            citation: tally.citation.clone(),
            reason: tally.reason.clone(),
            slots: tally.slots,
            first: tally.first,
            otherwise_free: tally.otherwise_free,
        }));
        obstacles.extend(self.shortages(search));
        obstacles
            .extend(self.things.iter().map(|(code, slots)| Obstacle::ThingTaken { code: code.clone(), slots: *slots }));
        if let Some((slots, best)) = self.vehicles {
            let needed = search.requirements.terms.vehicles;
            obstacles.push(Obstacle::FewVehicles { needed, best: u32::try_from(best).unwrap_or(u32::MAX), slots });
        }
        let sometimes = |tally: &ShortTally| tally.slots < self.allowed;
        if !found && self.short.len() > 1 && self.short.values().all(sometimes) {
            obstacles.push(Obstacle::NeverTogether { units: self.short.keys().cloned().collect() });
        }
        obstacles
    }

    fn shortages(&self, search: &Search<'_>) -> Vec<Obstacle> {
        let pick = search.pick();
        let bodies = search.requirements.bodies.iter();
        bodies
            .filter_map(|body| {
                let tally = self.short.get(&body.unit)?;
                let mut bars: BTreeMap<String, u32> = BTreeMap::new();
                for (_, bar) in pick.bars(&body.unit, &tally.best_at) {
                    *bars.entry(bar.code().to_owned()).or_default() += 1;
                }
                Some(Obstacle::Short {
                    unit: body.unit.clone(),
                    name: body.name.clone(),
                    needed: search.requirements.min_certified,
                    best: u32::try_from(tally.best).unwrap_or(u32::MAX),
                    slots: tally.slots,
                    always: tally.slots == self.allowed,
                    bars: bars.into_iter().collect(),
                })
            })
            .collect()
    }
}
