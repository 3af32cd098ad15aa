//! Finding a value in an answer: `work_orders[unit_code=HB].work_order_id`, `entries[-1].code`, `case.stage`.

use serde_json::Value;

use super::Mismatch;
use super::expect::same;

/// The value at a path; none where the path leads nowhere.
pub fn find<'a>(root: &'a Value, path: &str) -> Result<Option<&'a Value>, Mismatch> {
    let mut value = root;
    for part in parts(path)? {
        let next = match part {
            Part::Field(name) => value.get(name),
            Part::Place(place) => {
                let length = value.as_array().map_or(0, Vec::len);
                let place =
                    if place < 0 { length.checked_sub(place.unsigned_abs()) } else { usize::try_from(place).ok() };
                place.and_then(|place| value.get(place))
            }
            Part::Where(field, wanted) => {
                let wanted = Value::String(wanted.to_owned());
                let fits = |item: &&Value| find(item, field).ok().flatten().is_some_and(|found| same(found, &wanted));
                value.as_array().and_then(|items| items.iter().find(fits))
            }
        };
        match next {
            Some(next) => value = next,
            None => return Ok(None),
        }
    }
    Ok(Some(value))
}

#[derive(Debug, PartialEq, Eq)]
enum Part<'a> {
    Field(&'a str),
    Place(isize),
    Where(&'a str, &'a str),
}

fn parts(path: &str) -> Result<Vec<Part<'_>>, Mismatch> {
    let wrong = || Mismatch(format!("{path:?} is no path"));
    let mut parts = Vec::new();
    let mut rest = path;
    while !rest.is_empty() {
        if let Some(inside) = rest.strip_prefix('[') {
            let (inside, after) = inside.split_once(']').ok_or_else(wrong)?;
            parts.push(match inside.split_once('=') {
                Some((field, wanted)) => Part::Where(field.trim(), wanted.trim()),
                None => Part::Place(inside.trim().parse().map_err(|_| wrong())?),
            });
            rest = after.strip_prefix('.').unwrap_or(after);
        } else {
            let end = rest.find(['.', '[']).unwrap_or(rest.len());
            let (field, after) = rest.split_at(end);
            if field.is_empty() {
                return Err(wrong());
            }
            parts.push(Part::Field(field));
            rest = after.strip_prefix('.').unwrap_or(after);
        }
    }
    Ok(parts)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failed test should panic

    use serde_json::json;

    use super::*;

    #[test]
    fn paths_lead_through_fields_places_and_conditions() {
        let answer = json!({ "case": { "stage": "X" }, "orders": [
            { "unit": "ZF", "id": "1" }, { "unit": "HB", "id": "2", "person": { "code": "p" } },
        ] });
        let at = |path: &str| find(&answer, path).unwrap().cloned();
        assert_eq!(at("case.stage"), Some(json!("X")));
        assert_eq!(at("orders[0].id"), Some(json!("1")));
        assert_eq!(at("orders[-1].id"), Some(json!("2")));
        assert_eq!(at("orders[unit=HB].person.code"), Some(json!("p")));
        assert_eq!(at("orders[person.code=p].unit"), Some(json!("HB")));
        assert_eq!(at("orders[7].id"), None);
        assert_eq!(at("orders[-7].id"), None);
        assert_eq!(at("orders[unit=GA].id"), None);
        assert_eq!(at("nothing.at.all"), None);
        assert_eq!(at(""), Some(answer.clone()));
        assert!(find(&answer, "orders[x").is_err());
        assert!(find(&answer, "orders[x].id").is_err());
        assert!(find(&answer, ".case").is_err());
    }
}
