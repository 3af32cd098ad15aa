//! `${name}`: a value that was saved before.

use std::collections::BTreeMap;

use serde_json::Value;

use super::Mismatch;
use super::path::find;

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

/// The innermost names come first, so that `${orders[unit_code=${unit}].id}` finds the order of whichever unit it is.
fn fill_text(text: &str, saved: &BTreeMap<String, Value>) -> Result<Value, Mismatch> {
    let mut text = text.to_owned();
    while let Some(first) = text.find("${") {
        let end = text[first..].find('}').map(|end| first + end);
        let end = end.ok_or_else(|| Mismatch(format!("{text:?} has no }}")))?;
        let start = text[..end].rfind("${").unwrap_or(first);
        let value = look_up(&text[start + 2..end], saved)?;
        if start == 0 && end + 1 == text.len() {
            return Ok(value.clone());
        }
        text.replace_range(start..=end, &text_of(value));
    }
    Ok(Value::String(text))
}

/// A saved value, or a part of one: `case`, `orders[0].id`.
fn look_up<'a>(name: &str, saved: &'a BTreeMap<String, Value>) -> Result<&'a Value, Mismatch> {
    let unknown = || Mismatch(format!("nothing was saved as {name:?}"));
    let end = name.find(['.', '[']).unwrap_or(name.len());
    let (root, path) = name.split_at(end);
    let root = saved.get(root).ok_or_else(unknown)?;
    find(root, path.strip_prefix('.').unwrap_or(path))?.ok_or_else(unknown)
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
    fn a_part_of_a_saved_value_is_found_by_another_saved_value() {
        let mut saved = saved();
        saved.insert("orders".to_owned(), json!([{ "unit": "ZF", "id": "1" }, { "unit": "HB", "id": "2" }]));
        saved.insert("unit".to_owned(), json!("HB"));
        let filled = |text: &str| fill(&json!(text), &saved).map_err(|mismatch| mismatch.0);
        assert_eq!(filled("${orders[unit=${unit}].id}"), Ok(json!("2")));
        assert_eq!(filled("${orders[0]}"), Ok(json!({ "unit": "ZF", "id": "1" })));
        assert_eq!(filled("order ${orders[unit=${unit}].id} of ${unit}"), Ok(json!("order 2 of HB")));
        assert!(filled("${orders[unit=GA].id}").is_err());
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
