//! 排期: the earliest lawful slot in which everybody and everything is free, or what stands in its way.
//!
//! The first version walks the grid; an optimiser may take its place behind [`earliest_slot`] without anyone noticing.

mod obstacle;
#[cfg(test)]
pub(crate) mod samples;
mod tally;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use vocab::calendar::{BEIJING, day_of};
use vocab::{OperationId, PersonCode, ResourceCode, UnitCode};

use crate::{Bar, Booking, Crew, LegalCalendar, Officer, Plan, Roster, Span, Subject, Terms, Words};

pub use obstacle::{Infeasible, Obstacle};
use tally::Tally;

/// The most slots one search looks at; a year of half hours.
const MAX_SLOTS: usize = 20_000;

/// 资源类型.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResourceKind {
    /// 车辆.
    Vehicle,
    /// 仪器.
    Instrument,
    /// 房间.
    Room,
}

/// 资源: something that can be held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resource {
    /// Its code.
    pub code: ResourceCode,
    /// What it is.
    pub kind: ResourceKind,
    /// The unit it belongs to.
    pub unit: UnitCode,
    /// The last day its calibration is valid, for instruments.
    pub calibrated_to: Option<Date>,
}

/// 参与单位, as a plan must provide for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Body {
    /// The unit.
    pub unit: UnitCode,
    /// Its name, for explanations.
    pub name: Words,
    /// True of a body that enforces in its own name and so sends certified officers.
    pub enforcing: bool,
}

/// 要求: what a plan must fulfil.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requirements {
    /// The operation; what it holds already does not stand in its own way.
    pub operation: OperationId,
    /// Who takes part, the lead first.
    pub bodies: Vec<Body>,
    /// What was, or is to be, approved.
    pub terms: Terms,
    /// How many certified officers each enforcing body sends.
    pub min_certified: u32,
    /// Slots begin at multiples of so many minutes.
    pub grid_minutes: u32,
    /// A wish for exactly this start; none leaves the choice to the planner.
    pub starts_at: Option<Timestamp>,
}

/// 可用力量: everybody and everything the planner may choose from, and what is taken.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Means {
    /// The officers of the units that take part.
    pub officers: Roster,
    /// Vehicles and instruments of those units and of the centre.
    pub resources: BTreeMap<ResourceCode, Resource>,
    /// What is held in the window.
    pub bookings: Vec<Booking>,
}

/// Finds the earliest slot between two moments in which the law, the hours, the officers and the things all agree.
/// The choice is deterministic: those with the fewest bookings, then by code.
pub fn earliest_slot(
    requirements: &Requirements,
    means: &Means,
    law: &LegalCalendar,
    from: Timestamp,
    until: Timestamp,
) -> Result<Plan, Infeasible> {
    let search = Search { requirements, means, law, taken: taken(requirements.operation, means) };
    let mut tally = Tally::new(requirements);
    for span in search.slots(from, until) {
        if let Some(mut plan) = search.try_slot(span, &mut tally) {
            plan.passed_over = tally.obstacles(&search, from, until, true);
            return Ok(plan);
        }
    }
    let obstacles = tally.obstacles(&search, from, until, false);
    Err(Infeasible { from, until, obstacles })
}

/// Chooses a unit's officers for a span: first those who are wanted and can come, then whoever is least booked.
/// What is missing is answered as the bars of those who cannot.
pub fn choose_officers(
    unit: &UnitCode,
    wanted: &[PersonCode],
    needed: u32,
    requirements: &Requirements,
    means: &Means,
    span: &Span,
) -> Result<Vec<PersonCode>, Vec<(PersonCode, Bar)>> {
    let taken = taken(requirements.operation, means);
    let pick = Pick { requirements, means, taken: &taken };
    let mut free = pick.free_officers(unit, span);
    free.sort_by_key(|officer| (!wanted.contains(&officer.code), pick.load(&officer.code), officer.code.clone()));
    let needed = usize::try_from(needed).unwrap_or(usize::MAX);
    if free.len() < needed {
        return Err(pick.bars(unit, span));
    }
    let mut chosen: Vec<PersonCode> = free.into_iter().take(needed).map(|officer| officer.code.clone()).collect();
    chosen.sort();
    Ok(chosen)
}

/// Who and what is held by other operations, and when.
type Taken<'means> = BTreeMap<&'means Subject, Vec<Span>>;

fn taken(own: OperationId, means: &Means) -> Taken<'_> {
    let mut taken: Taken<'_> = BTreeMap::new();
    for booking in means.bookings.iter().filter(|booking| booking.holds() && booking.operation != own) {
        taken.entry(&booking.subject).or_default().push(booking.span);
    }
    taken
}

struct Search<'a> {
    requirements: &'a Requirements,
    means: &'a Means,
    law: &'a LegalCalendar,
    taken: Taken<'a>,
}

impl Search<'_> {
    fn pick(&self) -> Pick<'_> {
        Pick { requirements: self.requirements, means: self.means, taken: &self.taken }
    }

    /// The wished slot alone, or every slot of the grid, earliest first.
    fn slots(&self, from: Timestamp, until: Timestamp) -> Vec<Span> {
        let minutes = self.requirements.terms.minutes;
        if let Some(start) = self.requirements.starts_at {
            let wished = Span::lasting(start, minutes).filter(|span| from <= start && span.until <= until);
            return wished.into_iter().collect();
        }
        let step = SignedDuration::from_mins(i64::from(self.requirements.grid_minutes.max(1)));
        let mut slots = Vec::new();
        let mut next = on_grid(from, self.requirements.grid_minutes.max(1));
        while let Some(start) = next.filter(|start| *start < until && slots.len() < MAX_SLOTS) {
            match Span::lasting(start, minutes) {
                Some(span) if span.until <= until => slots.push(span),
                _ => break,
            }
            next = start.checked_add(step).ok();
        }
        slots
    }

    fn try_slot(&self, span: Span, tally: &mut Tally) -> Option<Plan> {
        let terms = &self.requirements.terms;
        tally.seen();
        if !terms.hours.allow(&span, &self.law.calendar) {
            tally.outside_hours();
            return None;
        }
        let pick = self.pick();
        let forbidding = self.law.forbidding(&span, terms.kind, terms.urgent);
        if !forbidding.is_empty() {
            let otherwise_free = pick.crews(&span, None).is_some() && pick.resources(&span, None).is_some();
            tally.forbidden(&forbidding, span, otherwise_free);
            return None;
        }
        tally.allowed();
        let crews = pick.crews(&span, Some(tally));
        let resources = pick.resources(&span, Some(tally));
        Some(Plan { span, crews: crews?, resources: resources?, passed_over: Vec::new(), after_deadline: false })
    }
}

/// Choosing for one span.
struct Pick<'a> {
    requirements: &'a Requirements,
    means: &'a Means,
    taken: &'a Taken<'a>,
}

impl Pick<'_> {
    fn is_taken(&self, subject: &Subject, span: &Span) -> bool {
        self.taken.get(subject).is_some_and(|spans| spans.iter().any(|held| held.overlaps(span)))
    }

    /// How often somebody is booked in the window.
    fn load(&self, code: &PersonCode) -> usize {
        self.taken.get(&Subject::Officer(code.clone())).map_or(0, Vec::len)
    }

    fn bar(&self, officer: &Officer, span: &Span) -> Option<Bar> {
        if self.requirements.terms.recused.contains(&officer.code) {
            return Some(Bar::Recused);
        }
        officer
            .bar_during(span)
            .or_else(|| self.is_taken(&Subject::Officer(officer.code.clone()), span).then_some(Bar::Booked))
    }

    fn of_unit(&self, unit: &UnitCode) -> impl Iterator<Item = &Officer> {
        self.means.officers.values().filter(move |officer| officer.unit == *unit && officer.listed)
    }

    fn free_officers(&self, unit: &UnitCode, span: &Span) -> Vec<&Officer> {
        self.of_unit(unit).filter(|officer| self.bar(officer, span).is_none()).collect()
    }

    fn bars(&self, unit: &UnitCode, span: &Span) -> Vec<(PersonCode, Bar)> {
        self.of_unit(unit).filter_map(|officer| Some((officer.code.clone(), self.bar(officer, span)?))).collect()
    }

    fn crews(&self, span: &Span, mut tally: Option<&mut Tally>) -> Option<Vec<Crew>> {
        let needed = usize::try_from(self.requirements.min_certified).unwrap_or(usize::MAX);
        let mut crews = Vec::with_capacity(self.requirements.bodies.len());
        for body in &self.requirements.bodies {
            let (unit, enforcing) = (body.unit.clone(), body.enforcing);
            if !enforcing {
                crews.push(Crew { unit, enforcing, officers: Vec::new() });
                continue;
            }
            let mut free = self.free_officers(&unit, span);
            if free.len() < needed {
                if let Some(tally) = tally.as_deref_mut() {
                    tally.short(&unit, free.len(), *span);
                }
                continue;
            }
            free.sort_by_key(|officer| (self.load(&officer.code), officer.code.clone()));
            let mut officers: Vec<_> = free.into_iter().take(needed).map(|officer| officer.code.clone()).collect();
            officers.sort();
            crews.push(Crew { unit, enforcing, officers });
        }
        (crews.len() == self.requirements.bodies.len()).then_some(crews)
    }

    /// The things asked for by name, then the least booked vehicles.
    fn resources(&self, span: &Span, mut tally: Option<&mut Tally>) -> Option<BTreeMap<ResourceCode, UnitCode>> {
        let terms = &self.requirements.terms;
        let mut chosen = BTreeMap::new();
        let mut missing = false;
        for code in &terms.resources {
            match self.means.resources.get(code).filter(|resource| self.is_usable(resource, span)) {
                Some(resource) => {
                    chosen.insert(code.clone(), resource.unit.clone());
                }
                None => {
                    missing = true;
                    if let Some(tally) = tally.as_deref_mut() {
                        tally.thing_taken(code);
                    }
                }
            }
        }
        let mut vehicles: Vec<&Resource> = self
            .means
            .resources
            .values()
            .filter(|resource| resource.kind == ResourceKind::Vehicle && !chosen.contains_key(&resource.code))
            .filter(|resource| self.is_usable(resource, span))
            .collect();
        vehicles.sort_by_key(|vehicle| {
            let load = self.taken.get(&Subject::Resource(vehicle.code.clone())).map_or(0, Vec::len);
            (load, vehicle.code.clone())
        });
        let named = self.vehicles_among(&chosen);
        let needed = usize::try_from(terms.vehicles).unwrap_or(usize::MAX).saturating_sub(named);
        if vehicles.len() < needed {
            missing = true;
            if let Some(tally) = tally {
                tally.few_vehicles(vehicles.len() + named);
            }
        }
        let more = vehicles.into_iter().take(needed).map(|vehicle| (vehicle.code.clone(), vehicle.unit.clone()));
        chosen.extend(more);
        (!missing).then_some(chosen)
    }

    fn vehicles_among(&self, chosen: &BTreeMap<ResourceCode, UnitCode>) -> usize {
        let is_vehicle = |code: &&ResourceCode| {
            self.means.resources.get(*code).is_some_and(|resource| resource.kind == ResourceKind::Vehicle)
        };
        chosen.keys().filter(is_vehicle).count()
    }

    fn is_usable(&self, resource: &Resource, span: &Span) -> bool {
        let calibrated = resource.calibrated_to.is_none_or(|last| span.days().iter().all(|day| *day <= last));
        calibrated && !self.is_taken(&Subject::Resource(resource.code.clone()), span)
    }
}

/// The first moment at or after this one whose minutes of the day are a multiple of the grid.
fn on_grid(from: Timestamp, grid_minutes: u32) -> Option<Timestamp> {
    let midnight = vocab::calendar::moment(day_of(from), jiff::civil::Time::midnight()).ok()?;
    let local = BEIJING.to_datetime(from);
    let passed = i64::from(local.hour()) * 60 + i64::from(local.minute());
    let into_minute = local.second() != 0 || local.subsec_nanosecond() != 0;
    let grid = i64::from(grid_minutes);
    let minutes = passed + i64::from(into_minute);
    let steps = minutes / grid + i64::from(minutes % grid != 0);
    midnight.checked_add(SignedDuration::from_mins(steps * grid)).ok()
}

/// The people of a plan who break a hard rule, whoever made the plan; empty of a good one.
#[must_use]
pub fn breaches_of(plan: &Plan, min_certified: u32, terms: &Terms, roster: &Roster) -> Vec<crate::Breach> {
    let mut everybody = BTreeSet::new();
    let mut found = Vec::new();
    for crew in &plan.crews {
        let needed = if crew.enforcing { min_certified } else { 0 };
        found.extend(crate::crew::breaches(
            &crew.unit,
            &crew.officers,
            needed,
            roster,
            &plan.span,
            &terms.recused,
            false,
        ));
        for code in &crew.officers {
            if !everybody.insert(code.clone()) {
                found.push(crate::Breach::Person { code: code.clone(), bar: Bar::Twice });
            }
        }
    }
    found
}
