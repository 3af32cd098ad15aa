//! 校验: whether the parts of a pack fit together. Nothing stops at the first mistake.

mod calendar;
mod catalogue;
mod lists;
mod organisation;
mod rules;
mod settings;

use std::collections::{BTreeMap, BTreeSet};

use crate::parse::{Draft, Located, Reader, file};
use crate::place::Fact;

/// Runs every check.
pub(crate) fn everything(draft: &Draft, reader: &mut Reader<'_>) {
    let known = Known::of(draft, reader);
    catalogue::check(draft, &known, reader);
    organisation::check(draft, &known, reader);
    lists::check(draft, &known, reader);
    rules::check(draft, &known, reader);
    settings::check(draft, &known, reader);
    calendar::check(draft, reader);
}

/// Every code that may be referred to. A code whose entry could not be read counts as known: that mistake is told already.
pub(crate) struct Known<'draft> {
    pub regions: BTreeSet<String>,
    pub units: BTreeSet<String>,
    pub persons: BTreeSet<String>,
    pub matters: BTreeSet<String>,
    pub object_types: BTreeSet<String>,
    pub facts: BTreeMap<String, Option<&'draft Fact>>,
    pub items: BTreeSet<String>,
    pub clocks: BTreeSet<String>,
    pub templates: BTreeSet<String>,
    pub event_classes: BTreeSet<String>,
    pub post_kinds: BTreeSet<String>,
}

impl<'draft> Known<'draft> {
    fn of(draft: &'draft Draft, reader: &Reader<'_>) -> Self {
        let mut regions = codes(&draft.towns, |town| town.code.as_str(), reader, file::TOWNS);
        regions.extend(codes(&draft.villages, |village| village.code.as_str(), reader, file::VILLAGES));
        let mut facts: BTreeMap<_, _> = reader.broken_codes(file::FACTS).map(|code| (code.clone(), None)).collect();
        facts.extend(draft.facts.iter().map(|fact| (fact.value.code.to_string(), Some(&fact.value))));
        let mut items = codes(&draft.power_items, |item| item.code.as_str(), reader, file::POWER_ITEMS);
        items.extend(codes(&draft.responsibility_items, |item| item.code.as_str(), reader, file::RESPONSIBILITY_ITEMS));
        Self {
            regions,
            units: codes(&draft.units, |unit| unit.code.as_str(), reader, file::UNITS),
            persons: codes(&draft.persons, |person| person.code.as_str(), reader, file::PERSONS),
            matters: codes(&draft.matters, |matter| matter.code.as_str(), reader, file::MATTERS),
            object_types: codes(&draft.object_types, |kind| kind.code.as_str(), reader, file::OBJECT_TYPES),
            facts,
            items,
            clocks: codes(&draft.clock_rules, |rule| rule.id.as_str(), reader, file::CLOCK_RULES),
            templates: codes(&draft.templates, |template| template.code.as_str(), reader, file::TEMPLATES),
            event_classes: codes(&draft.event_classes, |class| class.code.as_str(), reader, file::EVENT_CLASSES),
            post_kinds: draft.posts.iter().map(|post| post.value.kind.clone()).collect(),
        }
    }
}

fn codes<T>(entries: &[Located<T>], code: impl Fn(&T) -> &str, reader: &Reader<'_>, path: &str) -> BTreeSet<String> {
    let read = entries.iter().map(|entry| code(&entry.value).to_owned());
    read.chain(reader.broken_codes(path).cloned()).collect()
}

/// Says so when `code` is not among the known ones.
fn refer<T>(reader: &mut Reader<'_>, at: &Located<T>, known: &BTreeSet<String>, kind: (&str, &str), code: &str) {
    if !known.contains(code) {
        reader.blame(at, code, format!("没有{} {code}", kind.0), format!("there is no {} {code}", kind.1));
    }
}

/// Says so for every entry whose code an earlier one has.
fn unique<'entries, T: 'entries>(
    reader: &mut Reader<'_>,
    entries: impl IntoIterator<Item = &'entries Located<T>>,
    kind: (&str, &str),
    code: impl Fn(&T) -> String,
) {
    let mut seen = BTreeMap::new();
    for entry in entries {
        let code = code(&entry.value);
        if let Some(first) = seen.get(&code) {
            let zh = format!("{} {code} 重复, 第 {first} 行已有", kind.0);
            reader.blame(entry, &code, zh, format!("{} {code} is already on line {first}", kind.1));
        } else {
            seen.insert(code, entry.first);
        }
    }
}

/// Says so when a text meant for people is empty or hides something.
fn readable<T>(reader: &mut Reader<'_>, at: &Located<T>, what: (&str, &str), text: &str) {
    if let Err(problem) = vocab::text::prose(text, 4_000) {
        let zh = match problem {
            vocab::TextProblem::Empty => format!("{}不能为空", what.0),
            vocab::TextProblem::TooLong { max, .. } => format!("{}超过 {max} 个字", what.0),
            vocab::TextProblem::Hidden { code, .. } => {
                format!("{}含有不可见字符 U+{code:04X}", what.0)
            }
        };
        reader.blame(at, text, zh, format!("{}: {problem}", what.1));
    }
}
