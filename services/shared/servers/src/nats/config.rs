//! The configuration of nats-server, and in it who may say and hear what.
//!
//! The same rules stand in `deploy/nats/nats.conf` for an installation on several machines; a test compares the two.

use std::fmt::Write as _;
use std::path::Path;

/// Reads everything that is public inside the centre and writes nothing: monitoring, stock clients.
pub const OBSERVER: &str = "observer";

/// The durable consumers a service may have on any stream, after its own name: the one that works, and the one that
/// rebuilds a projection beside it. An exact list: NATS has no pattern for a part of a name.
pub const DURABLES: [&str; 2] = ["", "-rebuild"];

/// 账户: a user of the private nats-server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// The service's name, or `observer`.
    pub user: String,
    /// Its password, random and kept in a file only the owner can read.
    pub password: String,
}

/// The inbox that a user alone may listen to.
#[must_use]
pub fn inbox_prefix(user: &str) -> String {
    format!("_INBOX_{user}")
}

/// What a user may publish and subscribe; whatever is not listed is refused, purging and deleting streams included.
pub(super) fn permissions(user: &str) -> (Vec<String>, Vec<String>) {
    let inbox = format!("{}.>", inbox_prefix(user));
    if user == OBSERVER {
        let publish = ["$JS.API.INFO", "$JS.API.STREAM.NAMES", "$JS.API.STREAM.INFO.*", "$JS.API.STREAM.MSG.GET.*"];
        return (publish.map(str::to_owned).to_vec(), vec!["ev.>".to_owned(), "hw.*".to_owned(), inbox]);
    }
    let stream = format!("EV_{}", user.to_uppercase());
    let mut publish = vec![
        format!("ev.{user}.>"),
        format!("hw.{user}"),
        "$JS.API.INFO".to_owned(),
        "$JS.API.STREAM.INFO.*".to_owned(),
        format!("$JS.API.STREAM.CREATE.{stream}"),
        format!("$JS.API.STREAM.UPDATE.{stream}"),
        format!("$JS.API.STREAM.MSG.GET.{stream}"),
        format!("$JS.API.DIRECT.GET.{stream}"),
        format!("$JS.API.DIRECT.GET.{stream}.>"),
    ];
    for suffix in DURABLES {
        let durable = format!("{user}{suffix}");
        publish.extend([
            format!("$JS.API.CONSUMER.CREATE.*.{durable}"),
            format!("$JS.API.CONSUMER.CREATE.*.{durable}.>"),
            format!("$JS.API.CONSUMER.DURABLE.CREATE.*.{durable}"),
            format!("$JS.API.CONSUMER.INFO.*.{durable}"),
            format!("$JS.API.CONSUMER.MSG.NEXT.*.{durable}"),
            format!("$JS.API.CONSUMER.DELETE.*.{durable}"),
            format!("$JS.ACK.*.{durable}.>"),
        ]);
    }
    (publish, vec![inbox, "hw.*".to_owned()])
}

pub(super) fn render(name: &str, port: u16, store: &Path, room: u64, accounts: &[Account]) -> String {
    let store = quoted(&store.display().to_string());
    let mut text = format!(
        "# Written at every start: changes here are lost.\n\
         server_name: {name}\n\
         host: \"127.0.0.1\"\n\
         port: {port}\n\
         jetstream {{\n  store_dir: {store}\n  max_file_store: {room}\n  max_memory_store: 64MB\n  sync_interval: 1s\n}}\n"
    );
    if !accounts.is_empty() {
        text.push_str("accounts {\n  XIEZHI {\n    jetstream: enabled\n    users: [\n");
        for account in accounts {
            user_block(&mut text, account);
        }
        text.push_str("    ]\n  }\n}\n");
    }
    text
}

fn user_block(text: &mut String, account: &Account) {
    let (publish, subscribe) = permissions(&account.user);
    let list = |subjects: &[String]| subjects.iter().map(|subject| quoted(subject)).collect::<Vec<_>>().join(", ");
    // Writing into a string cannot fail.
    let _ = write!(
        text,
        "      {{ user: {}, password: {}, permissions: {{\n        publish: {{ allow: [{}] }}\n        subscribe: {{ allow: [{}] }}\n      }} }}\n",
        quoted(&account.user),
        quoted(&account.password),
        list(&publish),
        list(&subscribe),
    );
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failed test should panic
    use super::*;

    #[test]
    fn one_machine_and_several_give_every_user_the_same_rights() {
        let deployed = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../deploy/nats/nats.conf"));
        let deployed = deployed.unwrap();
        let users = ["intake", "assignment", "scheduling", "supervision", "evaluation", OBSERVER];
        for user in users {
            let mut ours = String::new();
            user_block(&mut ours, &Account { user: user.to_owned(), password: String::new() });
            let variable = format!("password: $XIEZHI_NATS_PASSWORD_{}", user.to_uppercase());
            let ours = ours.replace("password: \"\"", &variable);
            assert!(deployed.contains(&ours), "deploy/nats/nats.conf should hold\n{ours}");
        }
        assert_eq!(deployed.matches("user: ").count(), users.len());
    }

    #[test]
    fn a_quote_in_a_path_stays_inside_its_string() {
        assert_eq!(quoted(r#"/a "b"\c"#), r#""/a \"b\"\\c""#);
    }
}
