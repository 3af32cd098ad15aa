//! `pack …`: checking, publishing and comparing county packs.

use std::collections::BTreeMap;
use std::path::Path;

use bytes::Bytes;
use client::{SERVICES, call};
use pack::Pack;
use serde_json::{Value, json as object};
use xiezhi_proto::bus::v1::{GetBundleRequest, PublishBundleRequest};

use crate::county;
use crate::failure::{Failure, mistake_line, mistakes_json};
use crate::say::{Lang, Say, Word};
use crate::screen::{Answer, Table};
use crate::session::Session;

fn unreadable(error: impl std::fmt::Display) -> Failure {
    Failure::Says(Say::PackUnreadable { why: error.to_string() })
}

/// `pack check`: every mistake at once.
pub fn check(directory: &Path, lang: Lang) -> Result<Answer, Failure> {
    match county::read(directory)? {
        Ok(pack) => {
            let hash = pack.hash().map_err(unreadable)?;
            let json = object!({ "hash": hash, "mistakes": [] });
            Ok(Answer::new(json, Say::PackFine { hash }.text(lang)))
        }
        Err(mistakes) => {
            let mut text = String::new();
            for mistake in &mistakes {
                text.push_str(&format!("{}\n", mistake_line(mistake, lang)));
            }
            text.push_str(&Say::PackMistakes { count: mistakes.len() }.text(lang));
            let json = object!({ "mistakes": mistakes_json(&mistakes) });
            Ok(Answer { holds: false, ..Answer::new(json, text) })
        }
    }
}

/// `pack apply`, of a pack that was read and is sound.
pub async fn apply(session: &Session, pack: &Pack) -> Result<Answer, Failure> {
    let hash = publish(session, pack).await?;
    let (hash, said) = match hash {
        Published::Fresh(hash) => (hash.clone(), Say::PackApplied { hash }),
        Published::Same(hash) => (hash.clone(), Say::PackSame { hash }),
    };
    Ok(Answer::new(object!({ "hash": hash }), said.text(session.lang)))
}

/// Whether publishing changed anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Published {
    /// The pack came into force in at least one service.
    Fresh(String),
    /// Every service had it already.
    Same(String),
}

/// Puts a pack in force in all five services, each by one command; a service that has it is left alone.
pub async fn publish(session: &Session, pack: &Pack) -> Result<Published, Failure> {
    let centre = &session.centre;
    let bytes: Bytes = pack.canonical_bytes().map_err(unreadable)?.into();
    let hash = pack.hash().map_err(unreadable)?;
    let mut fresh = false;
    for service in SERVICES {
        let request = GetBundleRequest { service: service.to_owned() };
        let current = centre.read(|| call!(centre.bus(service).get_bundle(request.clone()))).await?;
        if hex::encode(&current.sha256) == hash {
            continue;
        }
        let stored = client::blob::upload(centre, service, bytes.clone()).await?;
        let (service_name, sha256) = (service.to_owned(), stored.sha256);
        centre
            .command(|command_id| {
                let (service_name, sha256) = (service_name.clone(), sha256.clone());
                let request = PublishBundleRequest { service: service_name, command_id, sha256 };
                call!(centre.bus(service).publish_bundle(request))
            })
            .await?;
        fresh = true;
    }
    Ok(if fresh { Published::Fresh(hash) } else { Published::Same(hash) })
}

/// `pack diff` between two directories; needs no centre.
pub fn diff_directories(directory: &Path, against: &Path, lang: Lang) -> Result<Answer, Failure> {
    diff(&county::sound(against)?, &county::sound(directory)?, lang)
}

/// `pack diff` with the pack in force.
pub async fn diff_in_force(session: &Session, directory: &Path) -> Result<Answer, Failure> {
    diff(session.pack().await?, &county::sound(directory)?, session.lang)
}

/// One entry that differs.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
struct Change {
    part: String,
    entry: String,
    change: &'static str,
}

fn diff(old: &Pack, new: &Pack, lang: Lang) -> Result<Answer, Failure> {
    let changes =
        changes(&serde_json::to_value(old).map_err(unreadable)?, &serde_json::to_value(new).map_err(unreadable)?);
    let mut table = Table::new();
    for change in &changes {
        let mark = match change.change {
            "added" => "+",
            "removed" => "-",
            _ => "~",
        };
        table.row([mark, &change.part, &change.entry]);
    }
    let text = if changes.is_empty() { Word::Nothing.text(lang).to_owned() } else { table.render() };
    Ok(Answer::new(object!({ "changes": changes }), text))
}

/// Compares the parts of two packs entry by entry; entries are known by their code, settings by their name.
fn changes(old: &Value, new: &Value) -> Vec<Change> {
    let empty = serde_json::Map::new();
    let (old, new) = (old.as_object().unwrap_or(&empty), new.as_object().unwrap_or(&empty));
    let mut found = Vec::new();
    for (part, after) in new {
        let before = entries(old.get(part).unwrap_or(&Value::Null));
        let after = entries(after);
        for (entry, value) in &after {
            match before.get(entry) {
                None => found.push(change(part, entry, "added")),
                Some(known) if known != value => found.push(change(part, entry, "changed")),
                Some(_) => {}
            }
        }
        for entry in before.keys().filter(|entry| !after.contains_key(*entry)) {
            found.push(change(part, entry, "removed"));
        }
    }
    // The order the parts come in is the serializer's, and no reader's.
    found.sort_by(|one, other| (&one.part, &one.entry).cmp(&(&other.part, &other.entry)));
    found
}

fn change(part: &str, entry: &str, change: &'static str) -> Change {
    Change { part: part.to_owned(), entry: entry.to_owned(), change }
}

fn entries(part: &Value) -> BTreeMap<String, Value> {
    match part {
        Value::Array(items) => {
            items.iter().enumerate().map(|(place, item)| (entry_name(item, place), item.clone())).collect()
        }
        Value::Object(settings) => settings.iter().map(|(name, value)| (name.clone(), value.clone())).collect(),
        Value::Null => BTreeMap::new(),
        single => BTreeMap::from([(String::new(), single.clone())]),
    }
}

fn entry_name(item: &Value, place: usize) -> String {
    let code = ["code", "id", "person", "name", "mode", "track"].iter().find_map(|key| item.get(key)?.as_str());
    code.map_or_else(|| (place + 1).to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failed test should panic

    use super::*;

    #[test]
    fn a_pack_compared_with_itself_has_not_changed() {
        let pack = county::sound(Path::new(county::DEFAULT)).unwrap();
        let answer = diff(&pack, &pack, Lang::Zh).unwrap();
        assert_eq!(answer.json["changes"], object!([]));
        assert_eq!(answer.text, "没有\n");
    }

    #[test]
    fn what_came_went_and_changed_is_told_by_code() {
        let old = object!({ "units": [{ "code": "A", "x": 1 }, { "code": "B" }], "ladder": { "quiet": 1 } });
        let new = object!({ "units": [{ "code": "A", "x": 2 }, { "code": "C" }], "ladder": { "quiet": 2 } });
        let told: Vec<(String, String, &str)> =
            changes(&old, &new).into_iter().map(|change| (change.part, change.entry, change.change)).collect();
        let row = |part: &str, entry: &str, change| (part.to_owned(), entry.to_owned(), change);
        let expected = [
            row("ladder", "quiet", "changed"),
            row("units", "A", "changed"),
            row("units", "B", "removed"),
            row("units", "C", "added"),
        ];
        assert_eq!(told, expected);
    }

    #[test]
    fn a_sound_pack_is_told_with_its_hash() {
        let answer = check(Path::new(county::DEFAULT), Lang::En).unwrap();
        assert!(answer.holds);
        assert_eq!(answer.json["hash"].as_str().map(str::len), Some(64));
    }
}
