//! Values of the contract's enumerations, as people type them.

use clap::builder::{PossibleValuesParser, TypedValueParser};

use crate::reflect;

/// One value of an enumeration, by its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Choice(pub i32);

/// Reads a value of this enumeration, e.g. `xiezhi.common.v1.Channel`; every value shows in help and completions.
#[must_use]
pub fn choice(kind: &'static str) -> impl TypedValueParser<Value = Choice> {
    choice_but(kind, &[])
}

/// The same without the values that only a service says, e.g. what ends by itself.
#[must_use]
pub fn choice_but(kind: &'static str, not: &[&str]) -> impl TypedValueParser<Value = Choice> {
    // A name that the contract does not have leaves nothing to choose from, and the tests notice.
    let mut values = reflect::enumeration(kind).map(|kind| reflect::choices(&kind)).unwrap_or_default();
    values.retain(|(name, _)| !not.contains(&name.as_str()));
    let names: Vec<String> = values.iter().map(|(name, _)| name.clone()).collect();
    PossibleValuesParser::new(names).map(move |typed| {
        let number = values.iter().find(|(name, _)| *name == typed).map_or(0, |(_, number)| *number);
        Choice(number)
    })
}
