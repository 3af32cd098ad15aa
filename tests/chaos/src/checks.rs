//! What must hold after a run, seen from outside: the invariants of the bus and of the house, and the clients' own histories.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use aho_corasick::AhoCorasick;
use anyhow::Context;
use client::{Centre as Connection, call, moment};
use futures::stream::{self, StreamExt};
use serde::Serialize;
use sqlx::{Connection as _, PgConnection};
use uuid::Uuid;
use xiezhi_proto::bus::v1::FindCommandRequest;
use xiezhi_proto::scheduling::v1::{Booking, ListBookingsRequest};

use crate::centre::{Centre, SERVICES};
use crate::history::Ending;
use crate::people::People;

/// N12: so long the centre has after the last fault.
pub const LIVE_WITHIN: Duration = Duration::from_secs(30);
/// How many commands are repeated at once.
const AT_ONCE: usize = 16;
/// So long a repeat shows a complainant's contact again: ten minutes, of which a client may have tried for two until it was answered.
const SHOWN_FOR: Duration = Duration::from_secs(600 - 120);
/// How many of one kind are told.
const MOST_TOLD: usize = 100;

/// Everything that was looked at and everything that does not hold.
#[derive(Debug, Default, Serialize)]
pub struct Findings {
    /// What was counted, by name.
    pub counted: BTreeMap<String, u64>,
    /// What does not hold.
    pub violations: Vec<String>,
    /// How long the centre took to come to rest, in milliseconds.
    pub rest_ms: u64,
}

impl Findings {
    fn found(&mut self, code: &str, what: impl IntoIterator<Item = String>) {
        let mut left = 0;
        for (index, what) in what.into_iter().enumerate() {
            if index < MOST_TOLD {
                self.violations.push(format!("{code}: {what}"));
            } else {
                left += 1;
            }
        }
        if left > 0 {
            self.violations.push(format!("{code}: {left} more"));
        }
    }
}

/// Checks everything. Nothing may be changing the centre but its own timers.
pub async fn check(centre: &Centre, people: &Arc<People>) -> anyhow::Result<Findings> {
    let mut findings = Findings::default();
    let operator = people.patiently_at("operator")?;
    let began = Instant::now();
    // N12 first: only a centre that has come to rest is looked at as a whole.
    let rest = client::rest::rest(&operator, LIVE_WITHIN).await;
    findings.rest_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    if let Err(error) = rest {
        findings.found("N12", [format!("{error}")]);
    }
    invariants(&operator, people, &mut findings).await.context("N1 to N7 and N10")?;
    histories(people, &mut findings).await.context("N1: repeats")?;
    refused_after_all(&operator, people, &mut findings).await.context("N1: refusals")?;
    restored(&operator, people, &mut findings).await.context("N1 over a restore")?;
    bookings(&people.patiently_at(crate::load::COORDINATOR)?, &mut findings).await.context("N8")?;
    let (compared, differences) = crate::scores::compare(&operator, people).await.context("N9")?;
    findings.counted.insert("N9".to_owned(), compared);
    findings.found("N9", differences);
    secrets(centre, people, &mut findings).await.context("N11")?;
    findings.counted.insert("seconds_of_checking".to_owned(), began.elapsed().as_secs());
    logs(centre, &mut findings)?;
    excuse(people, &mut findings);
    findings.violations.extend(people.history.broken());
    Ok(findings)
}

/// What `xiezhi verify` checks, with the clients' histories: N1 to N7 and N10.
async fn invariants(operator: &Connection, people: &People, findings: &mut Findings) -> anyhow::Result<()> {
    let mut answered: BTreeMap<String, HashSet<Uuid>> = BTreeMap::new();
    for (command, _) in people.history.done() {
        answered.entry(command.service().to_owned()).or_default().insert(command.command_id);
    }
    let options = client::verify::Options { rest_within: LIVE_WITHIN, most_asked: 20_000, answered };
    let report = client::verify::verify(operator, &options).await?;
    for check in &report.checks {
        findings.counted.insert(check.code.to_owned(), check.counted);
        findings.found(check.code, check.violations.iter().map(ToString::to_string));
    }
    findings.counted.insert("late_timers".to_owned(), report.late_timers);
    findings.found("parked", report.parked.iter().map(|parked| format!("{parked:?}")));
    Ok(())
}

/// N1: the repeat of every answered command gives the first answer, byte for byte.
async fn histories(people: &Arc<People>, findings: &mut Findings) -> anyhow::Result<()> {
    let done = people.history.done();
    findings.counted.insert("repeated".to_owned(), done.len() as u64);
    let differing: Vec<Option<String>> = stream::iter(done)
        .map(|(command, answer)| async move {
            for _ in 0..20 {
                match people.send(&command).await {
                    Ok(Ending::Done(again)) if again == answer => return None,
                    // What a clerk was shown for ten minutes is shown to nobody after them, not even as a repeat.
                    Ok(Ending::Refused(reason))
                        if reason == "intake.reveal_expired"
                            && people.history.age(command.command_id).is_some_and(|age| age >= SHOWN_FOR) =>
                    {
                        return None;
                    }
                    Ok(Ending::Unknown(_)) => tokio::time::sleep(Duration::from_millis(300)).await,
                    other => {
                        return Some(format!(
                            "{} {} was answered otherwise: {other:?}",
                            command.name(),
                            command.command_id
                        ));
                    }
                }
            }
            Some(format!("{} {} is not answered any more", command.name(), command.command_id))
        })
        .buffer_unordered(AT_ONCE)
        .collect()
        .await;
    findings.found("N1", differing.into_iter().flatten());
    Ok(())
}

/// N1 over a restored database: the answers are lost with it, the events came back from the stream, once.
async fn restored(operator: &Connection, people: &People, findings: &mut Findings) -> anyhow::Result<()> {
    for (command, _) in people.history.restored_over() {
        let service = command.service();
        let request = FindCommandRequest { service: service.to_owned(), command_id: command.command_id.to_string() };
        let found = operator.read(|| call!(operator.bus(service).find_command(request.clone()))).await?;
        let place =
            if found.answered || found.answer_lost { "kept_over_a_restore" } else { "forgotten_over_a_restore" };
        *findings.counted.entry(place.to_owned()).or_default() += 1;
        if !found.answered && !found.answer_lost {
            findings.found("N1", [format!("{} {} left no trace after a recovery", command.name(), command.command_id)]);
        }
    }
    Ok(())
}

/// N1: what a client was refused in the end had no effect at an earlier try.
async fn refused_after_all(operator: &Connection, people: &People, findings: &mut Findings) -> anyhow::Result<()> {
    let refused = people.history.refused_late();
    findings.counted.insert("refused_after_tries".to_owned(), refused.len() as u64);
    for command in refused {
        let request =
            FindCommandRequest { service: command.service().to_owned(), command_id: command.command_id.to_string() };
        let service = command.service();
        let found = operator.read(|| call!(operator.bus(service).find_command(request.clone()))).await?;
        if found.answered {
            findings
                .found("N1", [format!("{} {} was refused and yet carried out", command.name(), command.command_id)]);
        }
    }
    Ok(())
}

/// N8: nobody and nothing is in two operations at once.
async fn bookings(coordinator: &Connection, findings: &mut Findings) -> anyhow::Result<()> {
    let all = client::pages::pages(|page_token| async move {
        let request = ListBookingsRequest {
            from: Some(client::proto_time(jiff::Timestamp::UNIX_EPOCH)),
            page_size: 200,
            page_token,
            ..ListBookingsRequest::default()
        };
        let page = coordinator.read(|| call!(coordinator.scheduling().list_bookings(request.clone()))).await?;
        Ok((page.bookings, page.next_page_token))
    })
    .await?;
    findings.counted.insert("N8".to_owned(), all.len() as u64);
    findings.found("N8", overlaps(&all));
    Ok(())
}

fn overlaps(all: &[Booking]) -> Vec<String> {
    let mut of_subject: HashMap<(&str, &str), Vec<&Booking>> = HashMap::new();
    for booking in all {
        of_subject.entry((&booking.subject_kind, &booking.subject_code)).or_default().push(booking);
    }
    let mut found = Vec::new();
    for ((_, subject), mut bookings) in of_subject {
        bookings.sort_by_key(|booking| moment(booking.starts_at.as_ref()));
        for pair in bookings.windows(2) {
            let [first, second] = pair else { continue };
            if moment(first.ends_at.as_ref()) > moment(second.starts_at.as_ref()) {
                found.push(format!("{subject} is in {} and in {} at once", first.operation_id, second.operation_id));
            }
        }
    }
    found
}

/// N11: no complainant is named in a journal, a log, or a database beside the vault.
async fn secrets(centre: &Centre, people: &People, findings: &mut Findings) -> anyhow::Result<()> {
    let words: Vec<String> = people.history.secrets().into_iter().collect();
    findings.counted.insert("N11".to_owned(), words.len() as u64);
    let hunter = AhoCorasick::new(&words)?;
    let tell = |place: &str, at: aho_corasick::Match| {
        format!("{place} names a complainant: {}", words.get(at.pattern().as_usize()).map_or("?", String::as_str))
    };
    for (name, log) in centre.logs()? {
        findings.found("N11", hunter.find_iter(log.as_bytes()).map(|at| tell(&format!("the log of {name}"), at)));
    }
    for service in SERVICES {
        let mut session = PgConnection::connect(&centre.admin_url(&format!("xiezhi_{service}"))).await?;
        let rows: Vec<(i64, Vec<u8>, String)> =
            sqlx::query_as("SELECT id, payload, actor FROM bus.journal").fetch_all(&mut session).await?;
        *findings.counted.entry("events".to_owned()).or_default() += rows.len() as u64;
        for (id, payload, actor) in rows {
            let place = format!("event {id} of {service}");
            let hits = hunter.find_iter(&payload).chain(hunter.find_iter(actor.as_bytes()));
            findings.found("N11", hits.map(|at| tell(&place, at)));
        }
        session.close().await?;
    }
    Ok(())
}

/// A case that a recovery left to a person, and that nobody put right, may be as it is. Everything else counts.
fn excuse(people: &People, findings: &mut Findings) {
    let left = people.history.left_to_persons();
    let before = findings.violations.len();
    let is_excused = |found: &String| {
        let of_a_case = ["N4:", "N5:", "N6:"].iter().any(|code| found.starts_with(code));
        of_a_case && left.iter().any(|case_id| found.contains(case_id.as_str()))
    };
    findings.violations.retain(|found| !is_excused(found));
    if !left.is_empty() {
        findings.counted.insert("left_to_persons".to_owned(), left.len() as u64);
        findings.counted.insert("excused".to_owned(), (before - findings.violations.len()) as u64);
    }
}

/// Nothing panicked, and nothing was left standing in a transaction.
fn logs(centre: &Centre, findings: &mut Findings) -> anyhow::Result<()> {
    for (name, log) in centre.logs()? {
        findings
            .found("panic", log.lines().filter(|line| line.contains("panicked")).map(|line| format!("{name}: {line}")));
    }
    Ok(())
}
