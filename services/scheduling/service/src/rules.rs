//! The county pack as scheduling reads it: officers, things, hours and law, indexed once.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use kit::context::Arm;
use pack::{Pack, UnitKind};
use scheduling_domain::{
    Body, Certificate, ForbiddenSlot, Hours, LegalCalendar, Officer, Resource, ResourceKind, Words,
};
use vocab::{Citation, ClockRule, Holder, MatterCode, PersonCode, ResourceCode, RuleCode, UnitCode, Validity, clock};

/// How long before its start a roll call opens.
const CHECK_IN_OPENS_MINUTES: u32 = 120;

/// 单位: what a plan must know of a unit.
#[derive(Debug, Clone)]
pub struct UnitEntry {
    /// Its name.
    pub name: Words,
    /// True of a body that enforces in its own name.
    pub enforcing: bool,
}

/// The rules in force.
#[derive(Debug)]
pub struct Rules {
    /// Every unit by code.
    pub units: BTreeMap<UnitCode, UnitEntry>,
    /// The centre's own code.
    pub centre: Option<UnitCode>,
    /// Everybody on the county's roster, as the pack says.
    pub officers: BTreeMap<PersonCode, Officer>,
    /// Vehicles, instruments, rooms.
    pub resources: BTreeMap<ResourceCode, Resource>,
    /// The calendar and what the law forbids when.
    pub law: LegalCalendar,
    /// How many certified officers each enforcing body sends.
    pub min_certified: u32,
    /// Slots begin at multiples of so many minutes.
    pub grid_minutes: u32,
    /// How long an operation takes unless its plan says otherwise.
    pub default_minutes: u32,
    /// How much time participants have between being told and the start.
    pub lead_minutes: u32,
    /// How far ahead the planner looks.
    pub horizon_days: u32,
    /// How long before its start a roll call opens.
    pub check_in_opens_minutes: u32,
    hours: Vec<(Vec<MatterCode>, Hours)>,
    parents: BTreeMap<MatterCode, MatterCode>,
    confirm: Option<ClockRule>,
    decide: Option<ClockRule>,
}

/// Which of the service's own clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clock {
    /// 批准: somebody decides about a proposal.
    Decide,
    /// 确认: the units confirm.
    Confirm,
}

impl Rules {
    /// Reads a pack in its canonical form.
    pub fn parse(bytes: &[u8]) -> Result<Self, Vec<String>> {
        let pack = Pack::from_canonical(bytes).map_err(|error| vec![error.to_string()])?;
        Ok(Self::of(pack))
    }

    /// Indexes a pack.
    #[must_use]
    pub fn of(pack: Pack) -> Self {
        let settings = &pack.operations;
        let active = |id: &RuleCode| pack.clock_rule(id).filter(|rule| rule.active).cloned();
        let named = |id: &str| RuleCode::new(id).ok().and_then(|id| active(&id));
        let hours = settings.matter_hours.iter().map(|entry| {
            let hours = Hours::Daily { from: entry.from, to: entry.to };
            (entry.matters.clone(), hours)
        });
        Self {
            units: pack.units.iter().map(unit_entry).collect(),
            centre: pack.units.iter().find(|unit| unit.kind == UnitKind::Centre).map(|unit| unit.code.clone()),
            officers: pack.officers.iter().map(|entry| (entry.person.clone(), officer(entry))).collect(),
            resources: pack.resources.iter().map(|entry| (entry.code.clone(), resource(entry))).collect(),
            min_certified: settings.min_certified_officers,
            grid_minutes: settings.slot_minutes,
            default_minutes: settings.default_minutes,
            lead_minutes: settings.lead_minutes,
            horizon_days: settings.horizon_days,
            check_in_opens_minutes: CHECK_IN_OPENS_MINUTES,
            hours: hours.collect(),
            parents: pack
                .matters
                .iter()
                .filter_map(|matter| Some((matter.code.clone(), matter.parent.clone()?)))
                .collect(),
            confirm: active(&settings.confirm_rule).or_else(|| fallback("operation.confirm")),
            decide: named("proposal.decide").or_else(|| fallback("proposal.decide")),
            law: LegalCalendar {
                forbidden: settings.forbidden_slots.iter().map(forbidden).collect(),
                calendar: pack.calendar,
            },
        }
    }

    /// The hours in which these matters can be met with: those of the first that has any, else office hours.
    #[must_use]
    pub fn hours_of(&self, matters: &[MatterCode]) -> Hours {
        let of_one = |matter: &MatterCode| {
            let lineage = self.lineage(matter);
            let entry = self.hours.iter().find(|(named, _)| named.iter().any(|one| lineage.contains(one)));
            entry.map(|(_, hours)| *hours)
        };
        matters.iter().find_map(of_one).unwrap_or(Hours::Office)
    }

    /// A matter with everything it is a kind of, by the catalogue and by its code.
    fn lineage(&self, matter: &MatterCode) -> BTreeSet<MatterCode> {
        let mut lineage = BTreeSet::new();
        let mut open = vec![matter.clone()];
        while let Some(one) = open.pop() {
            let shorter = one.as_str().rsplit_once('.').and_then(|(shorter, _)| MatterCode::new(shorter).ok());
            let parent = self.parents.get(&one).cloned();
            if lineage.insert(one) {
                open.extend(shorter.into_iter().chain(parent));
            }
        }
        lineage
    }

    /// A unit as a plan must provide for it. A unit the pack does not know is taken to enforce, the stricter reading.
    #[must_use]
    pub fn body(&self, unit: &UnitCode) -> Body {
        match self.units.get(unit) {
            Some(entry) => Body { unit: unit.clone(), name: entry.name.clone(), enforcing: entry.enforcing },
            None => Body { unit: unit.clone(), name: Words::new(unit.as_str(), unit.as_str()), enforcing: true },
        }
    }

    /// What the units of an operation and the centre can lend.
    #[must_use]
    pub fn resources_for(&self, units: &BTreeSet<UnitCode>) -> BTreeMap<ResourceCode, Resource> {
        let lends =
            |resource: &Resource| units.contains(&resource.unit) || self.centre.as_ref() == Some(&resource.unit);
        self.resources
            .iter()
            .filter(|(_, resource)| lends(resource))
            .map(|(code, resource)| (code.clone(), resource.clone()))
            .collect()
    }

    /// The centre's own code.
    #[must_use]
    pub fn centre_code(&self) -> &str {
        self.centre.as_ref().map_or("centre", UnitCode::as_str)
    }

    /// A timer by one of the service's own clocks; none where the calendar cannot count so far.
    #[must_use]
    pub fn timer(&self, clock: Clock, anchor_at: Timestamp) -> Option<Arm> {
        let rule = match clock {
            Clock::Decide => self.decide.as_ref(),
            Clock::Confirm => self.confirm.as_ref(),
        }?;
        let due = match vocab::due(rule, anchor_at, &self.law.calendar, &[]) {
            Ok(due) => due,
            Err(error) => {
                tracing::warn!(%error, rule = %rule.id, "no due date can be counted for {}", rule.id);
                return None;
            }
        };
        Some(Arm {
            rule: rule.id.to_string(),
            anchor_at,
            amount: i32::try_from(rule.amount).unwrap_or(i32::MAX),
            unit: rule.unit.as_str(),
            calendar_version: i32::try_from(due.calendar_version).unwrap_or(i32::MAX),
            due_at: due.due_at,
        })
    }

    /// The calendar's version, for timers that follow a plan and no rule.
    #[must_use]
    pub fn calendar_version(&self) -> i32 {
        i32::try_from(self.law.calendar.version).unwrap_or(i32::MAX)
    }
}

fn unit_entry(unit: &pack::OrganisationUnit) -> (UnitCode, UnitEntry) {
    let name = Words::new(unit.name.clone(), unit.name_en.clone());
    (unit.code.clone(), UnitEntry { name, enforcing: unit.enforcing })
}

fn officer(entry: &pack::Officer) -> Officer {
    Officer {
        code: entry.person.clone(),
        unit: entry.unit.clone(),
        certificate: entry.certificate.as_ref().filter(|_| !entry.auxiliary).map(|certificate| Certificate {
            number: certificate.number.clone(),
            valid_from: certificate.valid_from,
            valid_to: certificate.valid_to,
        }),
        auxiliary: entry.auxiliary,
        suspended_since: None,
        listed: true,
        recorded_over: None,
    }
}

fn resource(entry: &pack::Resource) -> Resource {
    Resource {
        code: entry.code.clone(),
        kind: match entry.kind {
            pack::ResourceKind::Vehicle => ResourceKind::Vehicle,
            pack::ResourceKind::Instrument => ResourceKind::Instrument,
            pack::ResourceKind::Room => ResourceKind::Room,
        },
        unit: entry.unit.clone(),
        calibrated_to: entry.calibrated_to,
    }
}

fn forbidden(slot: &pack::ForbiddenSlot) -> ForbiddenSlot {
    ForbiddenSlot {
        code: slot.code.clone(),
        compulsory_only: slot.compulsory_only,
        days: slot.days.clone(),
        from: slot.from,
        to: slot.to,
        lifted_when_urgent: slot.lifted_when_urgent,
        citation: slot.citation.clone(),
        reason: Words::new(slot.reason.zh.clone(), slot.reason.en.clone()),
    }
}

/// A day of office hours, where a pack names no such clock: the centre's own practice, not a law.
fn fallback(id: &str) -> Option<ClockRule> {
    Some(ClockRule {
        id: RuleCode::new(id).ok()?,
        zh: "联合执法答复".to_owned(),
        en: "joint enforcement answer".to_owned(),
        amount: 8,
        unit: clock::Unit::Workhour,
        citation: Citation {
            law: "浙江省综合行政执法条例".to_owned(),
            article: "第十四条".to_owned(),
            version_date: None,
        },
        roll_last_day: true,
        anchor: "scheduling.operation.fixed".to_owned(),
        stops: Vec::new(),
        pausable: Vec::new(),
        extension: None,
        warn_before: Vec::new(),
        holder: Holder::Handler,
        profile: "centre".to_owned(),
        active: true,
        applies: clock::Applies::default(),
        validity: Validity { from: jiff::civil::Date::constant(2022, 1, 1), to: None },
        note: String::new(),
    })
}

/// True of the clock that ends the handling of the whole case, by its kind: a rule's code, without a work order behind it.
#[must_use]
pub fn finishes_case(kind: &str) -> bool {
    let own = ["callback.", "order.", "whistle."];
    (kind == "finish" || kind.ends_with(".finish")) && !own.iter().any(|prefix| kind.starts_with(prefix))
}
