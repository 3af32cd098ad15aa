//! The county pack as intake reads it: which codes exist, which grounds decline, which classes need no clerk, what notices say.

use std::collections::{BTreeMap, BTreeSet};

use intake_domain::{Acceptance, Case, Ground};
use jiff::civil::Date;
use kit::refusal::Violation;
use pack::{DeclineCode, FactKind, Label, NoClerkClass, Pack, Template};
use vocab::calendar::day_of;
use vocab::{
    Applies, CaseFacts, Citation, ClockRule, Condition, FactCode, FactValue, Holder, Lang, MatterCode, ObjectTypeCode,
    RegionCode, RuleCode, TemplateCode, Truth, UnitCode,
};

/// The earliest day of an act that is taken down; before it nobody's list says anything.
const EARLIEST_ACT: Date = jiff::civil::date(1990, 1, 1);

/// 受理规则 with all that its notice needs.
#[derive(Debug, Clone)]
pub struct GroundRule {
    /// The ground.
    pub ground: Ground,
    /// What it means.
    pub name: Label,
    /// The notice that is served.
    pub notice: TemplateCode,
    /// The right route.
    pub route: Label,
}

/// The rules in force, indexed.
#[derive(Debug)]
pub struct Rules {
    pack: Pack,
    grounds: BTreeMap<RuleCode, GroundRule>,
    matters: BTreeMap<MatterCode, Label>,
    parents: BTreeSet<MatterCode>,
    regions: BTreeSet<RegionCode>,
    object_types: BTreeSet<ObjectTypeCode>,
    facts: BTreeMap<FactCode, (FactKind, Vec<String>)>,
    units: BTreeMap<UnitCode, Label>,
}

impl Rules {
    /// Reads a bundle; it was checked as a whole when it was made.
    pub fn parse(bytes: &[u8]) -> Result<Self, Vec<String>> {
        Pack::from_canonical(bytes).map(Self::new).map_err(|error| vec![error.to_string()])
    }

    /// Indexes a pack.
    #[must_use]
    pub fn new(pack: Pack) -> Self {
        let label = |zh: &str, en: &str| Label { zh: zh.to_owned(), en: en.to_owned() };
        let towns = pack.towns.iter().map(|town| town.code.clone());
        Self {
            grounds: pack.acceptance_rules.iter().map(|rule| (rule.code.clone(), ground_rule(rule))).collect(),
            matters: pack.matters.iter().map(|m| (m.code.clone(), label(&m.zh, &m.en))).collect(),
            parents: pack.matters.iter().filter_map(|matter| matter.parent.clone()).collect(),
            regions: towns.chain(pack.villages.iter().map(|village| village.code.clone())).collect(),
            object_types: pack.object_types.iter().map(|kind| kind.code.clone()).collect(),
            facts: pack.facts.iter().map(|fact| (fact.code.clone(), (fact.kind, fact.values.clone()))).collect(),
            units: pack.units.iter().map(|u| (u.code.clone(), label(&u.name, &u.name_en))).collect(),
            pack,
        }
    }

    /// What case numbers begin with.
    #[must_use]
    pub fn case_prefix(&self) -> &str {
        &self.pack.county.case_prefix
    }

    /// The pack itself.
    #[must_use]
    pub fn pack(&self) -> &Pack {
        &self.pack
    }

    /// Every coded fact that the catalogues do not know, with its field; an act in the future has not happened.
    #[must_use]
    pub fn check_facts(&self, facts: &CaseFacts, today: Date) -> Vec<Violation> {
        let mut wrong = Vec::new();
        let mut say = |field: String, description: &str| {
            wrong.push(Violation { field, description: description.to_owned() });
        };
        for (nth, matter) in facts.matters.iter().enumerate() {
            let field = format!("facts.matter_codes[{nth}]");
            if !self.matters.contains_key(matter) {
                say(field, "is not in the catalogue of matters");
            } else if self.parents.contains(matter) {
                say(field, "is a group of matters; name the matter itself");
            }
        }
        if !self.regions.contains(&facts.region) {
            say("facts.region_code".to_owned(), "is not a town, village or community of this county");
        }
        if !self.object_types.contains(&facts.object_type) {
            say("facts.object_type".to_owned(), "is not in the catalogue of object types");
        }
        if facts.act_on > today {
            say("facts.act_on".to_owned(), "lies in the future");
        } else if facts.act_on < EARLIEST_ACT {
            say("facts.act_on".to_owned(), "lies before 1990-01-01");
        }
        wrong.extend(self.check_declared("facts.declared", &facts.declared));
        wrong
    }

    /// Every declared fact that the catalogue does not know, or not with this value.
    #[must_use]
    pub fn check_declared(&self, field: &str, declared: &BTreeMap<FactCode, FactValue>) -> Vec<Violation> {
        let wrong = |(code, value): (&FactCode, &FactValue)| {
            let description = match (self.facts.get(code), value) {
                (None, _) => format!("fact {code} is not in the catalogue"),
                (Some((FactKind::Bool, _)), FactValue::Code(_)) => format!("fact {code} is true or false"),
                (Some((FactKind::Code, values)), value) if !values.contains(&value.to_string()) => {
                    format!("fact {code} is one of {}", values.join(", "))
                }
                _ => return None,
            };
            Some(Violation { field: field.to_owned(), description })
        };
        declared.iter().filter_map(wrong).collect()
    }

    /// The ground with this code.
    #[must_use]
    pub fn ground(&self, code: &RuleCode) -> Option<&GroundRule> {
        self.grounds.get(code)
    }

    /// The class that lets a case through without a clerk, if one does: matter and facts coded, every condition known to hold.
    #[must_use]
    pub fn needs_no_clerk(&self, facts: &CaseFacts) -> Option<&NoClerkClass> {
        self.pack.no_clerk.iter().find(|class| {
            facts.matters.iter().all(|matter| class.matters.contains(matter))
                && (class.channels.is_empty() || class.channels.contains(&facts.channel))
                && Condition::all_hold(&class.conditions, &facts.declared) == Truth::Yes
        })
    }

    /// The day by which an accepted case is to be answered: the earliest of the lead's clocks that start at acceptance.
    #[must_use]
    pub fn answer_due(&self, case: &Case, acceptance: &Acceptance) -> Option<Date> {
        let starts = |rule: &&ClockRule| {
            rule.anchor == "intake.case.accepted"
                && rule.holder == Holder::Lead
                && rule.validity.covers(day_of(acceptance.at))
                && applies(&rule.applies, &case.facts, acceptance)
        };
        self.pack
            .active_clock_rules()
            .filter(starts)
            .filter_map(|rule| vocab::due(rule, acceptance.at, &self.pack.calendar, &[]).ok())
            .map(|due| due.rolled_on)
            .min()
    }

    /// The article that lets a clock run longer.
    #[must_use]
    pub fn extension_citation(&self, rule: &RuleCode) -> Option<Citation> {
        Some(self.pack.clock_rule(rule)?.extension.as_ref()?.citation.clone())
    }

    /// The template with this code.
    #[must_use]
    pub fn template(&self, code: &TemplateCode) -> Option<&Template> {
        self.pack.template(code)
    }

    /// True where the pack has such a unit.
    #[must_use]
    pub fn has_unit(&self, unit: &UnitCode) -> bool {
        self.units.contains_key(unit)
    }

    /// A unit's name; its code where the pack has no name for it.
    #[must_use]
    pub fn unit_name(&self, unit: &UnitCode, lang: Lang) -> String {
        self.units.get(unit).map_or_else(|| unit.to_string(), |label| label.get(lang).to_owned())
    }

    /// The names of a case's matters.
    #[must_use]
    pub fn matter_names(&self, facts: &CaseFacts, lang: Lang) -> String {
        let names = facts.matters.iter().map(|matter| match self.matters.get(matter) {
            Some(label) => label.get(lang).to_owned(),
            None => matter.to_string(),
        });
        names.collect::<Vec<_>>().join(match lang {
            Lang::Zh => "、",
            Lang::En => ", ",
        })
    }
}

fn applies(applies: &Applies, facts: &CaseFacts, acceptance: &Acceptance) -> bool {
    fn any<T: PartialEq>(list: &[T], word: &T) -> bool {
        list.is_empty() || list.contains(word)
    }
    any(&applies.channels, &facts.channel)
        && any(&applies.urgencies, &facts.urgency)
        && any(&applies.modes, &acceptance.mode)
        && any(&applies.tracks, &acceptance.track)
        && applies.facts.iter().all(|(fact, value)| facts.declared.get(fact) == Some(value))
}

fn ground_rule(rule: &pack::AcceptanceRule) -> GroundRule {
    let personal = matches!(rule.ground, DeclineCode::D3 | DeclineCode::D4 | DeclineCode::F1 | DeclineCode::F2);
    GroundRule {
        ground: Ground {
            rule: rule.code.clone(),
            code: rule.ground.as_str().to_owned(),
            channels: rule.channels.clone(),
            conditions: rule.conditions.clone(),
            citation: rule.citation.clone(),
            route_code: rule.route_code.clone(),
            hand_over: rule.hand_over,
            needs_person: rule.needs_person,
            personal,
        },
        name: rule.name.clone(),
        notice: rule.notice.clone(),
        route: rule.route.clone(),
    }
}
