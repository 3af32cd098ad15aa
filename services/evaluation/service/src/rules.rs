//! The county pack as evaluation uses it.

use std::collections::{BTreeMap, BTreeSet};

use evaluation_domain::{RateCode, Scheme, Weights};
use pack::{Pack, RateDefinition};
use vocab::UnitCode;

/// The rules in force: the scheme of call-backs, what each rate is called, and which units there are.
pub struct Rules {
    /// The scheme.
    pub scheme: Scheme,
    units: BTreeSet<UnitCode>,
    rates: BTreeMap<RateCode, RateDefinition>,
}

impl Rules {
    /// Reads a canonical pack.
    pub fn parse(bytes: &[u8]) -> Result<Self, Vec<String>> {
        let pack = Pack::from_canonical(bytes).map_err(|error| vec![error.to_string()])?;
        let callback = &pack.callback;
        let mut mistakes = Vec::new();
        let rule = pack.clock_rule(&callback.rule).cloned();
        if rule.is_none() {
            mistakes.push(format!("the pack has no clock rule {}", callback.rule));
        }
        let mut rates = BTreeMap::new();
        for code in RateCode::ALL {
            match callback.rates.iter().find(|rate| rate.code == code.as_str()) {
                Some(rate) => drop(rates.insert(code, rate.clone())),
                None => mistakes.push(format!("the pack does not define the rate {}", code.as_str())),
            }
        }
        let weight = |code| rates.get(&code).map_or(0, |rate| rate.weight_percent);
        let weights = Weights {
            response: weight(RateCode::Response),
            resolution: weight(RateCode::Resolution),
            satisfaction: weight(RateCode::Satisfaction),
        };
        match rule {
            Some(rule) if mistakes.is_empty() => Ok(Self {
                scheme: Scheme {
                    draw_per_mille: callback.draw_per_mille,
                    attempts: callback.attempts,
                    rule,
                    calendar: pack.calendar.clone(),
                    weights,
                },
                units: pack.units.iter().map(|unit| unit.code.clone()).collect(),
                rates,
            }),
            _ => Err(mistakes),
        }
    }

    /// True of a unit of the county.
    pub fn has_unit(&self, unit: &UnitCode) -> bool {
        self.units.contains(unit)
    }

    /// What a rate is called and what it counts.
    pub fn rate(&self, code: RateCode) -> Option<&RateDefinition> {
        self.rates.get(&code)
    }
}
