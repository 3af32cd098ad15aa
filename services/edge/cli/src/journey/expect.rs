//! Whether an answer says what it must.

use std::collections::BTreeMap;

use serde_json::Value;

use super::Mismatch;
use super::path::find;

/// Checks every expectation; the first that does not hold is told with what there was.
pub fn check(answer: &Value, wanted: &BTreeMap<String, Value>) -> Result<(), Mismatch> {
    for (path, wanted) in wanted {
        let found = find(answer, path)?;
        if !holds(found, wanted)? {
            let shown = found.map_or_else(|| "nothing".to_owned(), ToString::to_string);
            return Err(Mismatch(format!("{path} should be {wanted}, is {shown}")));
        }
    }
    Ok(())
}

/// A mapping of conditions, or a plain value.
fn holds(found: Option<&Value>, wanted: &Value) -> Result<bool, Mismatch> {
    let Value::Object(conditions) = wanted else {
        return Ok(found.is_some_and(|found| same(found, wanted)) || (found.is_none() && wanted.is_null()));
    };
    for (condition, value) in conditions {
        let list = found.and_then(Value::as_array);
        let is = match condition.as_str() {
            "exists" => is_there(found) == value.as_bool().unwrap_or(true),
            "count" => list.map_or(0, Vec::len) as u64 == number(value)?,
            "min_count" => list.map_or(0, Vec::len) as u64 >= number(value)?,
            "min" => as_number(found).is_some_and(|found| Some(found) >= as_number(Some(value))),
            "max" => as_number(found).is_some_and(|found| Some(found) <= as_number(Some(value))),
            "not" => !found.is_some_and(|found| same(found, value)),
            "one_of" => {
                value.as_array().is_some_and(|all| all.iter().any(|one| found.is_some_and(|found| same(found, one))))
            }
            "contains" => contains(found, value),
            other => return Err(Mismatch(format!("{other:?} is no condition"))),
        };
        if !is {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Protobuf's JSON writes what was never set as empty text, nought or an empty list: none of it is there.
fn is_there(found: Option<&Value>) -> bool {
    match found {
        None | Some(Value::Null) => false,
        Some(Value::String(text)) => !text.is_empty() && !text.ends_with("_UNSPECIFIED"),
        Some(Value::Array(items)) => !items.is_empty(),
        Some(_) => true,
    }
}

fn contains(found: Option<&Value>, wanted: &Value) -> bool {
    match (found, wanted) {
        (Some(Value::Array(items)), wanted) => items.iter().any(|item| same(item, wanted)),
        (Some(Value::String(text)), Value::String(part)) => text.contains(part.as_str()),
        _ => false,
    }
}

fn number(value: &Value) -> Result<u64, Mismatch> {
    value.as_u64().ok_or_else(|| Mismatch(format!("{value} is no count")))
}

fn as_number(value: Option<&Value>) -> Option<f64> {
    match value? {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}

/// Equal as people write it: 64-bit numbers travel as text, enumerations may be written by their short code, and a list
/// stands for the same list in the same order.
pub fn same(found: &Value, wanted: &Value) -> bool {
    match (found, wanted) {
        (Value::String(found), Value::String(wanted)) => {
            found == wanted || (is_constant(found) && is_short_of(found, wanted))
        }
        (Value::String(text), Value::Number(number)) | (Value::Number(number), Value::String(text)) => {
            *text == number.to_string()
        }
        // 100 and 100.0 are one number.
        (Value::Number(found), Value::Number(wanted)) => found == wanted || found.as_f64() == wanted.as_f64(),
        (Value::Bool(flag), Value::String(text)) => *text == flag.to_string(),
        (Value::Array(found), Value::Array(wanted)) => {
            found.len() == wanted.len() && found.iter().zip(wanted).all(|(found, wanted)| same(found, wanted))
        }
        (found, wanted) => found == wanted,
    }
}

fn is_constant(text: &str) -> bool {
    text.contains('_')
        && text.chars().all(|letter| letter.is_ascii_uppercase() || letter.is_ascii_digit() || letter == '_')
}

fn is_short_of(constant: &str, short: &str) -> bool {
    let suffix = short.to_uppercase().replace('-', "_");
    !suffix.is_empty() && constant.strip_suffix(suffix.as_str()).is_some_and(|prefix| prefix.ends_with('_'))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failed test should panic

    use serde_json::json;

    use super::*;

    fn says(answer: &Value, yaml: &str) -> bool {
        check(answer, &serde_norway::from_str(yaml).unwrap()).is_ok()
    }

    #[test]
    fn values_are_compared_as_people_write_them() {
        let answer = json!({ "stage": "CASE_STAGE_ACCEPTED", "round": "2", "n": 3, "ok": true, "units": ["ZF", "HB"] });
        assert!(says(&answer, "{stage: accepted, round: 2, n: 3, ok: true, units: [ZF, HB]}"));
        assert!(says(&answer, "{stage: CASE_STAGE_ACCEPTED}"));
        assert!(says(&json!({ "percent": 100.0 }), "{percent: 100}"));
        assert!(!says(&json!({ "percent": 99.5 }), "{percent: 99}"));
        assert!(!says(&answer, "{stage: cepted}"), "a part of a word is another word");
        assert!(!says(&answer, "{stage: closed}"));
        assert!(!says(&answer, "{units: [HB, ZF]}"));
        assert!(!says(&answer, "{round: 3}"));
    }

    #[test]
    fn conditions_hold_or_not() {
        let answer =
            json!({ "list": [1, 2], "text": "JS-2026-000001", "empty": "", "kind": "KIND_UNSPECIFIED", "n": 5 });
        for yes in [
            "{list: {count: 2}}",
            "{list: {min_count: 1}}",
            "{list: {contains: 2}}",
            "{text: {exists: true, contains: JS-}}",
            "{empty: {exists: false}}",
            "{kind: {exists: false}}",
            "{missing: {exists: false}}",
            "{missing: null}",
            "{n: {min: 5, max: 5}}",
            "{n: {one_of: [4, 5]}}",
            "{n: {not: 6}}",
        ] {
            assert!(says(&answer, yes), "{yes}");
        }
        for no in ["{list: {count: 3}}", "{text: {exists: false}}", "{n: {min: 6}}", "{n: {not: 5}}", "{n: {typo: 1}}"]
        {
            assert!(!says(&answer, no), "{no}");
        }
    }

    #[test]
    fn what_was_found_is_told() {
        let wanted = BTreeMap::from([("a.b".to_owned(), json!(1))]);
        let told = check(&json!({ "a": { "b": 2 } }), &wanted).unwrap_err();
        assert_eq!(told.to_string(), "a.b should be 1, is 2");
        let told = check(&json!({}), &wanted).unwrap_err();
        assert_eq!(told.to_string(), "a.b should be 1, is nothing");
    }
}
