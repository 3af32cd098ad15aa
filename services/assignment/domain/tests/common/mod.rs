//! A small county for tests: three departments, one town, a calendar without holidays but the National Day of 2026.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failed test should panic
#![allow(dead_code)] // each test file uses its own part

pub mod case;

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};

use assignment_domain::evidence::{Evidence, EvidenceFile};
use assignment_domain::file::Setting;
use assignment_domain::list::{BoundaryRule, ItemKind, ListItem, Lists, Recorded};
use assignment_domain::order::Assignee;
use assignment_domain::policy::Policy;
use assignment_domain::precedent::Precedent;
use jiff::Timestamp;
use uuid::Uuid;
use vocab::{
    Applies, BlobRef, Body, Calendar, CalendarDay, CaseFacts, Channel, Citation, ClockRule, Duty, FactValue, Holder,
    Scope, Session, Track, Unit, UnitCode, Urgency, Validity,
};

pub const TOWN: &str = "330421103";

pub fn at(text: &str) -> Timestamp {
    format!("{text}+08:00").parse().unwrap()
}

pub fn validity(from: &str, to: Option<&str>) -> Validity {
    Validity { from: from.parse().unwrap(), to: to.map(|to| to.parse().unwrap()) }
}

pub fn citation() -> Citation {
    Citation { law: "噪声污染防治法".into(), article: "第八十二条".into(), version_date: None }
}

pub fn facts(matters: &[&str]) -> CaseFacts {
    CaseFacts {
        matters: matters.iter().map(|matter| matter.parse().unwrap()).collect(),
        region: "330421103201".parse().unwrap(),
        object_type: "stall".parse().unwrap(),
        declared: BTreeMap::new(),
        act_on: "2026-03-01".parse().unwrap(),
        channel: Channel::Phone,
        urgency: Urgency::Normal,
    }
}

pub fn declared(mut facts: CaseFacts, fact: &str, value: bool) -> CaseFacts {
    facts.declared.insert(fact.parse().unwrap(), FactValue::Bool(value));
    facts
}

pub fn item(code: &str, holder: &str, matters: &[&str], duties: &[Duty]) -> ListItem {
    ListItem {
        kind: if code.starts_with('P') { ItemKind::Power } else { ItemKind::Responsibility },
        code: code.parse().unwrap(),
        zh: format!("事项{code}"),
        en: String::new(),
        holder: Body::try_from(holder.to_owned()).unwrap(),
        towns: Scope::default(),
        matters: matters.iter().map(|matter| matter.parse().unwrap()).collect(),
        object_types: BTreeSet::new(),
        conditions: Vec::new(),
        duties: duties.iter().copied().collect(),
        citation: citation(),
        source: "样例".into(),
        validity: validity("2020-01-01", None),
        recorded: Recorded::since(at("2025-01-01T00:00")),
    }
}

pub fn boundary(code: &str, place: u32, any_of: &[&str], lead: &str, support: &[&str]) -> BoundaryRule {
    BoundaryRule {
        code: code.parse().unwrap(),
        place,
        zh: "边界".into(),
        en: "boundary".into(),
        all_of: BTreeSet::new(),
        any_of: any_of.iter().map(|matter| matter.parse().unwrap()).collect(),
        object_types: BTreeSet::new(),
        conditions: Vec::new(),
        towns: Scope::default(),
        lead: Body::try_from(lead.to_owned()).unwrap(),
        support: support.iter().map(|body| Body::try_from((*body).to_owned()).unwrap()).collect(),
        source: "会议纪要".into(),
        validity: validity("2020-01-01", None),
        recorded: Recorded::since(at("2025-01-01T00:00")),
    }
}

fn rule(id: &str, amount: u32, unit: Unit) -> ClockRule {
    ClockRule {
        id: id.parse().unwrap(),
        zh: id.into(),
        en: id.into(),
        amount,
        unit,
        citation: citation(),
        roll_last_day: true,
        anchor: "assignment.work_order.dispatched".into(),
        stops: Vec::new(),
        pausable: Vec::new(),
        extension: None,
        warn_before: Vec::new(),
        holder: Holder::Handler,
        profile: "T".into(),
        active: true,
        applies: Applies::default(),
        validity: validity("2020-01-01", None),
        note: String::new(),
    }
}

fn national_day() -> BTreeMap<jiff::civil::Date, CalendarDay> {
    let day = |day: &str, working: bool| (day.parse().unwrap(), CalendarDay { working, source: "国庆节".into() });
    let mut days: BTreeMap<_, _> = (1..=7).map(|nth| day(&format!("2026-10-0{nth}"), false)).collect();
    days.extend([day("2026-10-10", true)]);
    days
}

pub fn policy() -> Policy {
    let assignee = |unit: &str, nth: u32| Assignee {
        person: format!("{unit}-P{nth}").parse().unwrap(),
        post: format!("{unit}-post{nth}").parse().unwrap(),
    };
    let units = ["ZF", "HB", "GA", "SJ", "WL", "centre", "town-330421103"];
    Policy {
        triage: rule("consultation.triage", 4, Unit::Hour),
        answer: rule("consultation.answer", 1, Unit::Workday),
        ruling: rule("consultation.ruling", 3, Unit::Workday),
        objection: rule("order.object", 5, Unit::Workday),
        objection_decision: rule("order.objection_decide", 3, Unit::Workday),
        acknowledge: rule("order.acknowledge", 4, Unit::Hour),
        orders: Track::ALL.iter().map(|track| (*track, rule("order.finish", 10, Unit::Workday))).collect(),
        handlings: Vec::new(),
        calendar: Calendar {
            version: 1,
            days: national_day(),
            provisional_from: None,
            sessions: vec![Session { from: "08:30".parse().unwrap(), to: "17:00".parse().unwrap() }],
        },
        hop_budget: 2,
        precedent_months: 24,
        posts: units
            .iter()
            .map(|unit| (UnitCode::new(*unit).unwrap(), vec![assignee(unit, 1), assignee(unit, 2)]))
            .collect(),
    }
}

/// Everything a decision is made with, kept so that a test can change one thing.
pub struct County {
    pub policy: Policy,
    pub lists: Lists,
    pub precedents: Vec<Precedent>,
    pub at: Timestamp,
    ids: Cell<u128>,
}

impl County {
    pub fn new(items: Vec<ListItem>, rules: Vec<BoundaryRule>) -> Self {
        Self {
            policy: policy(),
            lists: Lists::new(items, rules),
            precedents: Vec::new(),
            at: at("2026-03-02T09:00"),
            ids: Cell::new(1),
        }
    }

    pub fn with<T>(&self, decide: impl FnOnce(&Setting<'_>) -> T) -> T {
        decide(&Setting {
            at: self.at,
            policy: &self.policy,
            lists: &self.lists,
            precedents: &self.precedents,
            new_id: &|| {
                self.ids.set(self.ids.get() + 1);
                Uuid::from_u128(self.ids.get())
            },
        })
    }
}

pub fn unit(code: &str) -> UnitCode {
    code.parse().unwrap()
}

pub fn photo(byte: u8) -> EvidenceFile {
    EvidenceFile { digest: BlobRef::new([byte; 32]), media_type: "image/jpeg".into(), size_bytes: 10 }
}

pub fn evidence() -> Evidence {
    Evidence::new(vec![photo(1)]).unwrap()
}
