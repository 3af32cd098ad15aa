//! Names for codes, from the county pack that is in force.

use std::collections::BTreeMap;

use pack::Pack;

use crate::say::{Lang, Word};

/// What codes are called; a code without a name is shown as it is.
#[derive(Debug, Clone, Default)]
pub struct Names {
    pack: Option<Box<Pack>>,
    units: BTreeMap<String, String>,
    persons: BTreeMap<String, String>,
    regions: BTreeMap<String, String>,
    catalogue: BTreeMap<String, String>,
    facts: BTreeMap<String, String>,
    rules: BTreeMap<String, String>,
    items: BTreeMap<String, String>,
    resources: BTreeMap<String, String>,
}

impl Names {
    /// The names of a pack in a language.
    #[must_use]
    pub fn of(pack: Pack, lang: Lang) -> Self {
        let pick = |zh: &str, en: &str| if lang == Lang::Zh || en.is_empty() { zh.to_owned() } else { en.to_owned() };
        let catalogue = pack
            .matters
            .iter()
            .map(|matter| (matter.code.to_string(), pick(&matter.zh, &matter.en)))
            .chain(pack.object_types.iter().map(|kind| (kind.code.to_string(), pick(&kind.zh, &kind.en))))
            .collect();
        let mut units: BTreeMap<String, String> =
            pack.units.iter().map(|unit| (unit.code.to_string(), pick(&unit.name, &unit.name_en))).collect();
        // The lists say "town" for the town government of whichever place it is.
        units.insert("town".to_owned(), Word::TownOfThePlace.text(lang).to_owned());
        let powers = pack.power_items.iter().map(|item| (item.code.to_string(), pick(&item.zh, &item.en)));
        let responsibilities =
            pack.responsibility_items.iter().map(|item| (item.code.to_string(), pick(&item.zh, &item.en)));
        Self {
            units,
            persons: pack.persons.iter().map(|person| (person.code.to_string(), person.name.clone())).collect(),
            regions: regions(&pack, lang),
            catalogue,
            facts: pack.facts.iter().map(|fact| (fact.code.to_string(), pick(&fact.zh, &fact.en))).collect(),
            rules: pack.clock_rules.iter().map(|rule| (rule.id.to_string(), pick(&rule.zh, &rule.en))).collect(),
            items: powers.chain(responsibilities).collect(),
            resources: pack.resources.iter().map(|thing| (thing.code.to_string(), thing.name.clone())).collect(),
            pack: Some(Box::new(pack)),
        }
    }

    /// The pack itself, where the centre has one.
    #[must_use]
    pub fn pack(&self) -> Option<&Pack> {
        self.pack.as_deref()
    }

    /// A unit's name.
    #[must_use]
    pub fn unit<'a>(&'a self, code: &'a str) -> &'a str {
        self.units.get(code).map_or(code, String::as_str)
    }

    /// Units' names, with dots between them.
    #[must_use]
    pub fn units<T: AsRef<str>>(&self, codes: impl IntoIterator<Item = T>) -> String {
        let names: Vec<String> = codes.into_iter().map(|code| self.unit(code.as_ref()).to_owned()).collect();
        names.join(" · ")
    }

    /// A person's name.
    #[must_use]
    pub fn person<'a>(&'a self, code: &'a str) -> &'a str {
        self.persons.get(code).map_or(code, String::as_str)
    }

    /// Persons' names.
    #[must_use]
    pub fn persons<T: AsRef<str>>(&self, codes: impl IntoIterator<Item = T>) -> String {
        let names: Vec<String> = codes.into_iter().map(|code| self.person(code.as_ref()).to_owned()).collect();
        names.join(" ")
    }

    /// A town or a village.
    #[must_use]
    pub fn region<'a>(&'a self, code: &'a str) -> &'a str {
        self.regions.get(code).map_or(code, String::as_str)
    }

    /// A matter or a kind of object.
    #[must_use]
    pub fn matter<'a>(&'a self, code: &'a str) -> &'a str {
        self.catalogue.get(code).map_or(code, String::as_str)
    }

    /// Matters, with dots between them.
    #[must_use]
    pub fn matters(&self, codes: &[String]) -> String {
        let names: Vec<&str> = codes.iter().map(|code| self.matter(code)).collect();
        names.join(" · ")
    }

    /// A fact of the catalogue.
    #[must_use]
    pub fn fact<'a>(&'a self, code: &'a str) -> &'a str {
        self.facts.get(code).map_or(code, String::as_str)
    }

    /// A clock by its kind: the rule's name, whatever order it belongs to.
    #[must_use]
    pub fn clock<'a>(&'a self, kind: &'a str) -> &'a str {
        let rule = kind.split('/').next().unwrap_or(kind);
        self.rules.get(rule).map_or(rule, String::as_str)
    }

    /// A vehicle, an instrument or a room.
    #[must_use]
    pub fn resource<'a>(&'a self, code: &'a str) -> &'a str {
        self.resources.get(code).map_or(code, String::as_str)
    }

    /// An item of the lists.
    #[must_use]
    pub fn item<'a>(&'a self, code: &'a str) -> &'a str {
        self.items.get(code).map_or(code, String::as_str)
    }
}

/// Towns by their own name, villages with their town's before it; villages have no English name.
fn regions(pack: &Pack, lang: Lang) -> BTreeMap<String, String> {
    let in_chinese = |code| pack.region_name(code).map(|name| (code.to_string(), name));
    let villages = pack.villages.iter().filter_map(|village| in_chinese(&village.code));
    let towns = pack.towns.iter().map(|town| {
        let name = if lang == Lang::Zh || town.name_en.is_empty() { &town.name } else { &town.name_en };
        (town.code.to_string(), name.clone())
    });
    villages.chain(towns).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_without_a_name_is_shown_as_it_is() {
        let names = Names::default();
        assert_eq!(names.unit("ZF"), "ZF");
        assert_eq!(names.units(["ZF", "HB"]), "ZF · HB");
        assert_eq!(names.clock("order.finish/0199"), "order.finish");
    }
}
