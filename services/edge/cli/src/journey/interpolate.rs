//! `${name}`: a value that was saved before.

use std::collections::BTreeMap;

use serde_json::Value;

use super::Mismatch;

/// Puts saved values into a document. A text that is nothing but `${name}` becomes the value itself, of whatever kind.
pub fn fill(document: &Value, saved: &BTreeMap<String, Value>) -> Result<Value, Mismatch> {
    Ok(match document {
        Value::String(text) => fill_text(text, saved)?,
        Value::Array(items) => Value::Array(items.iter().map(|item| fill(item, saved)).collect::<Result<_, _>>()?),
        Value::Object(fields) => {
            let filled = fields.iter().map(|(name, value)| {
                let name = text_of(&fill_text(name, saved)?);
                Ok((name, fill(value, saved)?))
            });
            Value::Object(filled.collect::<Result<_, Mismatch>>()?)
        }
        other => other.clone(),
    })
}

/// Puts saved values into a text that stays a text.
pub fn fill_plain(text: &str, saved: &BTreeMap<String, Value>) -> Result<String, Mismatch> {
    fill_text(text, saved).map(|value| text_of(&value))
}

fn fill_text(text: &str, saved: &BTreeMap<String, Value>) -> Result<Value, Mismatch> {
    let value_of = |name: &str| saved.get(name).ok_or_else(|| Mismatch(format!("nothing was saved as {name:?}")));
    if let Some(name) = text.strip_prefix("${").and_then(|rest| rest.strip_suffix('}'))
        && !name.contains("${")
    {
        return value_of(name).cloned();
    }
    let mut filled = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        let (name, after) = after.split_once('}').ok_or_else(|| Mismatch(format!("{text:?} has no }}")))?;
        filled.push_str(before);
        filled.push_str(&text_of(value_of(name)?));
        rest = after;
    }
    filled.push_str(rest);
    Ok(Value::String(filled))
}

fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failed test should panic

    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn saved() -> BTreeMap<String, Value> {
        BTreeMap::from([
            ("case".to_owned(), json!("c1")),
            ("round".to_owned(), json!(2)),
            ("units".to_owned(), json!(["ZF", "HB"])),
        ])
    }

    #[test]
    fn a_lone_name_keeps_its_kind_and_others_become_text() {
        let document =
            json!({ "a": "${case}", "b": ["${units}", "${round}"], "c": "round ${round} of ${case}", "d": 1 });
        let filled = fill(&document, &saved()).unwrap();
        assert_eq!(filled, json!({ "a": "c1", "b": [["ZF", "HB"], 2], "c": "round 2 of c1", "d": 1 }));
    }

    #[test]
    fn names_of_fields_are_filled_too() {
        let filled = fill(&json!({ "orders[case=${case}].id": 1 }), &saved()).unwrap();
        assert_eq!(filled, json!({ "orders[case=c1].id": 1 }));
    }

    #[test]
    fn a_name_nobody_saved_is_told() {
        assert_eq!(fill(&json!("${typo}"), &saved()).unwrap_err().to_string(), "nothing was saved as \"typo\"");
        assert!(fill(&json!("open ${case"), &saved()).is_err());
        assert_eq!(fill_plain("${round}", &saved()).unwrap(), "2");
    }

    proptest! {
        #[test]
        fn a_text_without_names_stays_as_it_is(text in "[^$]*") {
            prop_assert_eq!(fill(&json!(text), &BTreeMap::new()).unwrap(), json!(text));
        }

        #[test]
        fn two_names_side_by_side_are_both_filled(before in "[a-z]{0,5}", between in "[a-z]{0,5}") {
            let text = format!("{before}${{case}}{between}${{round}}");
            prop_assert_eq!(fill_plain(&text, &saved()).unwrap(), format!("{before}c1{between}2"));
        }
    }
}
