//! 县域配置包: the pack as assignment reads it — lists as rows, clocks and posts as a policy.

use std::collections::{BTreeMap, BTreeSet};

use assignment_domain::account::{Account, AccountKind};
use assignment_domain::list::{BoundaryRule, ItemKind, ListItem, Lists, Recorded};
use assignment_domain::order::Assignee;
use assignment_domain::policy::{Finding, Handling, Policy};
use jiff::Timestamp;
use pack::{Matter, Pack};
use vocab::{Body, ClockRule, MatterCode, RuleCode, Track, UnitCode, Validity};

/// The pack with its indexes.
#[derive(Debug)]
pub struct Rules {
    /// The pack.
    pub pack: Pack,
    /// Clocks, limits, posts.
    pub policy: Policy,
    /// The lists as they are now; their record time begins with time itself, for whoever asks now.
    pub lists: Lists,
    /// 法规: every law and document that the pack cites or rests on anywhere. What units cite is one of these.
    pub laws: BTreeSet<String>,
    /// The centre's own code.
    pub centre: UnitCode,
}

impl Rules {
    /// Reads a bundle; every mistake at once.
    pub fn parse(bytes: &[u8]) -> Result<Self, Vec<String>> {
        let pack = Pack::from_canonical(bytes).map_err(|error| vec![error.to_string()])?;
        Self::of(pack)
    }

    /// Builds the indexes of a pack.
    pub fn of(pack: Pack) -> Result<Self, Vec<String>> {
        let mut mistakes = Vec::new();
        let policy = policy(&pack, &mut mistakes);
        let lists = Lists::new(items(&pack), boundary_rules(&pack));
        for (first, second) in lists.clashes() {
            mistakes.push(format!(
                "{} {} of {}: valid from {} overlaps the entry valid from {}",
                first.kind.as_str(),
                first.code,
                first.holder,
                first.validity.from,
                second.validity.from
            ));
        }
        let centre = pack.centre().map(|unit| unit.code.clone());
        if centre.is_none() {
            mistakes.push("the pack names no centre".to_owned());
        }
        let laws = laws(&pack, &mut mistakes);
        match (policy, centre) {
            (Some(policy), Some(centre)) if mistakes.is_empty() => Ok(Self { policy, lists, laws, centre, pack }),
            _ => Err(mistakes),
        }
    }

    /// The accounts of the pack, without keys.
    pub fn accounts(&self) -> impl Iterator<Item = Account> {
        self.pack.accounts.iter().map(|account| Account {
            id: account.id.clone(),
            unit: account.unit.clone(),
            kind: match account.kind {
                pack::AccountKind::Department => AccountKind::Department,
                pack::AccountKind::Town => AccountKind::Town,
                pack::AccountKind::Centre => AccountKind::Centre,
                pack::AccountKind::Service => AccountKind::Service,
            },
            person: account.person.clone(),
            roles: account.roles.iter().map(|role| role.as_str().to_owned()).collect(),
            public_key: None,
            disabled_at: None,
        })
    }

    /// The question asked for a missing fact, in Chinese and in English.
    pub fn question(&self, code: &vocab::FactCode) -> (String, String) {
        self.pack
            .facts
            .iter()
            .find(|fact| fact.code == *code)
            .map(|fact| (fact.question_zh.clone(), fact.question_en.clone()))
            .unwrap_or_default()
    }
}

/// The laws of every citation of the pack, wherever it stands, and the documents that give powers or split overlaps.
fn laws(pack: &Pack, mistakes: &mut Vec<String>) -> BTreeSet<String> {
    let transfers = pack.power_items.iter().filter_map(|item| item.transfer.as_ref());
    let holdings = pack.power_items.iter().flat_map(|item| &item.holdings);
    let documents = pack.boundary_rules.iter().map(|rule| &rule.source);
    let documents = documents.chain(transfers.map(|transfer| &transfer.basis));
    let mut laws: BTreeSet<String> = documents.chain(holdings.map(|holding| &holding.source)).cloned().collect();
    match serde_json::to_value(pack) {
        Ok(pack) => cited_laws(&pack, &mut laws),
        Err(error) => mistakes.push(format!("the pack cannot be searched for the laws it cites: {error}")),
    }
    laws
}

/// A citation is whatever has a law and an article: a new place for one needs nothing here.
fn cited_laws(value: &serde_json::Value, laws: &mut BTreeSet<String>) {
    match value {
        serde_json::Value::Object(fields) => {
            if let (Some(law), true) = (fields.get("law").and_then(|law| law.as_str()), fields.contains_key("article"))
            {
                laws.insert(law.to_owned());
            }
            fields.values().for_each(|field| cited_laws(field, laws));
        }
        serde_json::Value::Array(values) => values.iter().for_each(|value| cited_laws(value, laws)),
        _ => {}
    }
}

fn policy(pack: &Pack, mistakes: &mut Vec<String>) -> Option<Policy> {
    let mut rule = |what: &str, id: &RuleCode| -> Option<ClockRule> {
        let rule = pack.clock_rule(id).cloned();
        if rule.is_none() {
            mistakes.push(format!("{what}: there is no clock rule {id}"));
        }
        rule
    };
    let settings = &pack.consultation;
    let triage = rule("triage_rule", &settings.triage_rule);
    let answer = rule("answer_rule", &settings.answer_rule);
    let ruling = rule("ruling_rule", &settings.ruling_rule);
    let objection = rule("objection_rule", &settings.objection_rule);
    let objection_decision = rule("objection_decision_rule", &settings.objection_decision_rule);
    let acknowledge = rule("acknowledge_rule", &settings.acknowledge_rule);
    let orders: BTreeMap<Track, ClockRule> =
        pack.tracks.iter().filter_map(|track| Some((track.track, rule("order_clock", &track.order_clock)?))).collect();
    for track in Track::ALL {
        if !orders.contains_key(track) {
            mistakes.push(format!("track {track} has no clock for its orders"));
        }
    }
    Some(Policy {
        triage: triage?,
        answer: answer?,
        ruling: ruling?,
        objection: objection?,
        objection_decision: objection_decision?,
        acknowledge: acknowledge?,
        orders,
        handlings: handlings(pack),
        calendar: pack.calendar.clone(),
        hop_budget: settings.hop_budget,
        precedent_months: settings.precedent_months,
        posts: posts(pack),
    })
}

fn handlings(pack: &Pack) -> Vec<Handling> {
    let finding = |finding: &pack::Finding| match finding {
        pack::Finding::Sole => Finding::Sole,
        pack::Finding::LeadWithSupport => Finding::LeadWithSupport,
        pack::Finding::Overlap => Finding::Overlap,
        pack::Finding::Gap => Finding::Gap,
    };
    pack.modes
        .iter()
        .map(|mode| Handling {
            mode: mode.mode,
            track: mode.track,
            findings: mode.findings.iter().map(finding).collect(),
            urgencies: mode.urgencies.clone(),
            conditions: mode.conditions.clone(),
        })
        .collect()
}

/// Who answers for a unit's orders: a handler before a head, for heads answer for everything anyway.
fn posts(pack: &Pack) -> BTreeMap<UnitCode, Vec<Assignee>> {
    let rank = |kind: &str| match kind {
        "handler" => 0,
        "section_head" => 1,
        "squad_leader" => 2,
        "deputy_head" => 3,
        "unit_head" => 4,
        _ => 5,
    };
    pack.units
        .iter()
        .map(|unit| {
            let mut posts: Vec<_> = pack.posts_of(&unit.code).collect();
            posts.sort_by_key(|post| (rank(&post.kind), post.code.clone()));
            let assignees = posts
                .into_iter()
                .map(|post| Assignee { person: post.person.clone(), post: post.code.clone() })
                .collect();
            (unit.code.clone(), assignees)
        })
        .collect()
}

/// The rows of both lists, with the duties that former holders keep.
fn items(pack: &Pack) -> Vec<ListItem> {
    let below = Below::of(&pack.matters);
    // Nobody asks for a moment before this one; the store knows the true record time of each row.
    let recorded = Recorded::since(Timestamp::MIN);
    let mut items = Vec::new();
    for item in &pack.power_items {
        let row = |kind, holder: &Body, duties: &[vocab::Duty], validity| ListItem {
            kind,
            code: item.code.clone(),
            zh: item.zh.clone(),
            en: item.en.clone(),
            holder: holder.clone(),
            towns: vocab::Scope::default(),
            matters: below.all(&item.matters),
            object_types: item.object_types.iter().cloned().collect(),
            conditions: item.conditions.clone(),
            duties: duties.iter().copied().collect(),
            citation: item.citation.clone(),
            source: String::new(),
            validity,
            recorded,
        };
        for holding in &item.holdings {
            let Some(validity) = both(item.validity, holding.validity) else { continue };
            items.push(ListItem {
                towns: in_order(&holding.towns),
                source: holding.source.clone(),
                ..row(ItemKind::Power, &holding.holder, &item.duties, validity)
            });
        }
        if let Some(transfer) = &item.transfer
            && let Some(validity) = both(item.validity, Validity { from: transfer.since, to: None })
        {
            items.push(ListItem {
                citation: transfer.kept.citation.clone(),
                source: transfer.basis.clone(),
                ..row(ItemKind::KeptDuty, &transfer.from, &transfer.kept.duties, validity)
            });
        }
    }
    items.extend(pack.responsibility_items.iter().map(|item| ListItem {
        kind: ItemKind::Responsibility,
        code: item.code.clone(),
        zh: item.zh.clone(),
        en: item.en.clone(),
        holder: item.unit.clone(),
        towns: in_order(&item.towns),
        matters: below.all(&item.matters),
        object_types: item.object_types.iter().cloned().collect(),
        conditions: item.conditions.clone(),
        duties: item.duties.iter().copied().collect(),
        citation: item.citation.clone(),
        source: item.citation.to_string(),
        validity: item.validity,
        recorded,
    }));
    items
}

fn boundary_rules(pack: &Pack) -> Vec<BoundaryRule> {
    let below = Below::of(&pack.matters);
    pack.boundary_rules
        .iter()
        .zip(0_u32..)
        .map(|(rule, place)| BoundaryRule {
            code: rule.code.clone(),
            place,
            zh: rule.zh.clone(),
            en: rule.en.clone(),
            all_of: rule.all_of.iter().cloned().collect(),
            any_of: below.all(&rule.any_of),
            object_types: rule.object_types.iter().cloned().collect(),
            conditions: rule.conditions.clone(),
            towns: in_order(&rule.towns),
            lead: rule.lead.clone(),
            support: rule.support.clone(),
            source: rule.source.clone(),
            validity: rule.validity,
            recorded: Recorded::since(Timestamp::MIN),
        })
        .collect()
}

/// The days on which both hold, if there are any.
fn both(first: Validity, second: Validity) -> Option<Validity> {
    let to = match (first.to, second.to) {
        (Some(first), Some(second)) => Some(first.min(second)),
        (first, second) => first.or(second),
    };
    let both = Validity { from: first.from.max(second.from), to };
    both.is_ordered().then_some(both)
}

fn in_order(towns: &vocab::Scope) -> vocab::Scope {
    let mut towns = towns.clone();
    towns.regions.sort();
    towns.regions.dedup();
    towns
}

/// The matters below each matter: an item that covers a group covers its leaves.
struct Below<'pack>(BTreeMap<&'pack MatterCode, Vec<&'pack MatterCode>>);

impl<'pack> Below<'pack> {
    fn of(matters: &'pack [Matter]) -> Self {
        let mut below: BTreeMap<&MatterCode, Vec<&MatterCode>> = BTreeMap::new();
        for matter in matters {
            if let Some(parent) = &matter.parent {
                below.entry(parent).or_default().push(&matter.code);
            }
        }
        Self(below)
    }

    fn all(&self, matters: &[MatterCode]) -> BTreeSet<MatterCode> {
        let mut found = BTreeSet::new();
        let mut open: Vec<&MatterCode> = matters.iter().collect();
        while let Some(matter) = open.pop() {
            if found.insert(matter.clone()) {
                open.extend(self.0.get(matter).into_iter().flatten());
            }
        }
        found
    }
}
