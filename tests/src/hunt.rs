//! 金丝雀: unique names, numbers and words, and the hunt for them in everything a centre leaves behind.

use std::collections::BTreeMap;
use std::path::Path;

use aho_corasick::AhoCorasick;
use anyhow::Context;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use futures::TryStreamExt;
use sha2::{Digest, Sha256};
use sqlx::postgres::{PgConnectOptions, PgPoolCopyExt, PgPoolOptions};
use testkit::House;

/// Where something was found.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Found {
    /// Where it lay.
    pub place: String,
    /// What it is, e.g. "phone of 12".
    pub canary: String,
    /// In which form, e.g. "base64".
    pub form: String,
}

/// Everything that is looked for, in every form in which it could travel.
#[derive(Debug)]
pub struct Hunt {
    names: Vec<(String, String)>,
    search: AhoCorasick,
}

impl Hunt {
    /// A hunt for these canaries: what each is called, and its text.
    pub fn for_all<'a>(canaries: impl IntoIterator<Item = (&'a str, &'a str)>) -> anyhow::Result<Self> {
        let mut needles: BTreeMap<Vec<u8>, (String, String)> = BTreeMap::new();
        for (name, text) in canaries {
            for (form, bytes) in forms(text) {
                needles.entry(bytes).or_insert_with(|| (name.to_owned(), form.to_owned()));
            }
        }
        let (patterns, names): (Vec<Vec<u8>>, Vec<(String, String)>) = needles.into_iter().unzip();
        Ok(Self { names, search: AhoCorasick::new(patterns)? })
    }

    /// What lies here; each canary is told once for a place.
    #[must_use]
    pub fn in_bytes(&self, place: &str, bytes: &[u8]) -> Vec<Found> {
        let mut found: Vec<Found> = self
            .search
            .find_overlapping_iter(bytes)
            .filter_map(|hit| self.names.get(hit.pattern().as_usize()))
            .map(|(canary, form)| Found { place: place.to_owned(), canary: canary.clone(), form: form.clone() })
            .collect();
        found.sort();
        found.dedup();
        found
    }
}

/// The forms in which a text could hide.
fn forms(text: &str) -> Vec<(&'static str, Vec<u8>)> {
    let bytes = text.as_bytes();
    let mut forms = vec![("plain", bytes.to_vec())];
    let mut add = |form, bytes: Vec<u8>| {
        // A shorter needle would be found by chance.
        if bytes.len() >= 9 {
            forms.push((form, bytes));
        }
    };
    let percent: String = bytes.iter().map(|byte| format!("%{byte:02X}")).collect();
    add("url-encoded", percent.clone().into_bytes());
    add("url-encoded", percent.to_lowercase().into_bytes());
    let hexadecimal = hex::encode(bytes);
    add("hexadecimal", hexadecimal.to_uppercase().into_bytes());
    add("hexadecimal", hexadecimal.into_bytes());
    for before in 0..3 {
        // What stands before shifts the groups of three; the first and last characters belong to the neighbours as well.
        let shifted = [vec![0_u8; before], bytes.to_vec()].concat();
        for encoded in [STANDARD_NO_PAD.encode(&shifted), URL_SAFE_NO_PAD.encode(&shifted)] {
            let kept = encoded.get(if before == 0 { 0 } else { before + 1 }..encoded.len() - 1).unwrap_or_default();
            add("base64", kept.as_bytes().to_vec());
        }
    }
    add("utf-16", text.encode_utf16().flat_map(u16::to_le_bytes).collect());
    add("utf-16", text.encode_utf16().flat_map(u16::to_be_bytes).collect());
    if !text.is_ascii() {
        let escaped = |upper: bool| -> String {
            let one = |unit: u16| if upper { format!("\\u{unit:04X}") } else { format!("\\u{unit:04x}") };
            text.encode_utf16().map(one).collect()
        };
        add("escaped", escaped(true).into_bytes());
        add("escaped", escaped(false).into_bytes());
    }
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    if digits.len() >= 9 {
        add("digits", digits.clone().into_bytes());
        add("spaced", format!("{} {} {}", &digits[..3], &digits[3..7], &digits[7..]).into_bytes());
        add("spaced", format!("{}-{}-{}", &digits[..3], &digits[3..7], &digits[7..]).into_bytes());
        add("hashed", Sha256::digest(&digits).to_vec());
    }
    let hash = Sha256::digest(bytes);
    add("hashed", hash.to_vec());
    add("hashed", hex::encode(hash).into_bytes());
    forms
}

/// Every table of every database of a house, as the store keeps it: name and bytes.
pub async fn tables(house: &House) -> anyhow::Result<Vec<(String, Vec<u8>)>> {
    let mut tables = Vec::new();
    for database in ["intake", "assignment", "scheduling", "supervision", "evaluation"] {
        let url = house.postgres_url(&format!("xiezhi_{database}"))?;
        let options: PgConnectOptions = url.parse()?;
        let pool = PgPoolOptions::new().max_connections(1).connect_with(options).await?;
        let names: Vec<(String,)> = sqlx::query_as(
            "SELECT format('%I.%I', table_schema, table_name) FROM information_schema.tables
             WHERE table_type = 'BASE TABLE' AND table_schema NOT IN ('pg_catalog', 'information_schema') ORDER BY 1",
        )
        .fetch_all(&pool)
        .await?;
        for (name,) in names {
            // The binary form shows texts, JSON and byte strings as they are, whatever the column.
            let mut rows = pool.copy_out_raw(&format!("COPY {name} TO STDOUT (FORMAT binary)")).await?;
            let mut bytes = Vec::new();
            while let Some(chunk) = rows.try_next().await? {
                bytes.extend_from_slice(&chunk);
            }
            tables.push((format!("{database}: {name}"), bytes));
        }
        pool.close().await;
    }
    Ok(tables)
}

/// Every message in every stream of a house, with its headers: subject and bytes.
pub async fn messages(house: &House) -> anyhow::Result<Vec<(String, Vec<u8>)>> {
    let login = house.nats_login("observer")?;
    let client = async_nats::ConnectOptions::with_user_and_password(login.user, login.password)
        .custom_inbox_prefix(login.inbox_prefix)
        .connect(login.url)
        .await?;
    let jetstream = async_nats::jetstream::new(client);
    let mut messages = Vec::new();
    for service in ["INTAKE", "ASSIGNMENT", "SCHEDULING", "SUPERVISION", "EVALUATION"] {
        let mut stream = jetstream.get_stream(format!("EV_{service}")).await?;
        let state = stream.info().await?.state.clone();
        if state.messages == 0 {
            continue;
        }
        for sequence in state.first_sequence..=state.last_sequence {
            let message = stream.get_raw_message(sequence).await?;
            let mut bytes = message.payload.to_vec();
            for (name, values) in message.headers.iter() {
                for value in values {
                    bytes.extend_from_slice(format!("\n{name}: {}", value.as_str()).as_bytes());
                }
            }
            messages.push((message.subject.to_string(), bytes));
        }
    }
    Ok(messages)
}

/// Every file below a folder: its path in there and its bytes.
pub fn files(folder: &Path) -> anyhow::Result<Vec<(String, Vec<u8>)>> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(&next).with_context(|| next.display().to_string())? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if let Ok(bytes) = std::fs::read(&path) {
                // What vanishes while we look (a server tidies up) is looked for in vain, which is what we want.
                let name = path.strip_prefix(folder).unwrap_or(&path).display().to_string();
                found.push((name, bytes));
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failed test should panic
    use super::*;

    const NAME: &str = "欧阳鹮堃";
    const PHONE: &str = "139-7788-9901";

    fn seen(bytes: &[u8]) -> Vec<String> {
        let hunt = Hunt::for_all([("name", NAME), ("phone", PHONE)]).unwrap();
        hunt.in_bytes("here", bytes).into_iter().map(|found| format!("{} {}", found.canary, found.form)).collect()
    }

    #[test]
    fn a_canary_is_found_in_every_form() {
        assert_eq!(seen(format!("{{\"name\":\"{NAME}\"}}").as_bytes()), ["name plain"]);
        assert_eq!(seen(b"?name=%E6%AC%A7%E9%98%B3%E9%B9%AE%E5%A0%83"), ["name url-encoded"]);
        assert_eq!(seen(b"\\u6b27\\u9633\\u9e6e\\u5803"), ["name escaped"]);
        for before in ["", "a", "ab", "abc"] {
            for text in [NAME, PHONE] {
                let around = format!("{before}{text}, and more");
                for encoded in [STANDARD_NO_PAD.encode(&around), URL_SAFE_NO_PAD.encode(&around)] {
                    assert_eq!(seen(encoded.as_bytes()).len(), 1, "{text} after {before:?}");
                }
            }
        }
        assert_eq!(seen(hex::encode(NAME).as_bytes()), ["name hexadecimal"]);
        assert_eq!(seen(b"call 13977889901 now"), ["phone digits"]);
        assert_eq!(seen(b"call 139 7788 9901 now"), ["phone spaced"]);
        assert_eq!(seen(&Sha256::digest("13977889901")), ["phone hashed"]);
        assert_eq!(seen(hex::encode(Sha256::digest(NAME)).as_bytes()), ["name hashed"]);
    }

    #[test]
    fn what_is_no_canary_is_let_pass() {
        assert!(seen("欧阳先生 13977889902 139-7788-990".as_bytes()).is_empty());
    }
}
