//! `doctor`: what is wrong with the centre, in words, and what to do about it.

use std::collections::BTreeMap;
use std::time::Duration;

use client::rest::Look;
use client::{SERVICES, call, moment};
use jiff::Timestamp;
use xiezhi_proto::bus::v1 as bus;

use super::recovery;
use crate::failure::Failure;
use crate::say::finding::{Finding, Weight};
use crate::say::{Lang, Say, Word};
use crate::screen::Answer;
use crate::session::Session;

/// Between the two looks: what moves in between is only busy.
const BETWEEN_LOOKS: Duration = Duration::from_secs(3);
/// Clocks of services may be read so far apart.
const READ_APART_S: i64 = 5;
/// N7 allows a timer so much.
const FIRE_WITHIN_S: i64 = 5;
/// Below a tenth of the disk, or so many MiB, it is told.
const LOW_MIB: u64 = 2048;

/// What this machine knows of itself, where the centre runs on it.
#[derive(Debug, Clone, Default)]
pub struct Here {
    /// The directory, and free and whole MiB of its disk.
    pub disk: Option<(String, u64, u64)>,
    /// Servers by name, with the version of the program here, where there is one.
    pub servers: BTreeMap<String, Option<String>>,
    /// The major version that made the databases.
    pub data_version: Option<String>,
}

/// Looks twice and says what it found; the answer is no where something is wrong.
pub async fn run(session: &Session, here: Option<Here>) -> Result<Answer, Failure> {
    let mut found = machine(here.as_ref());
    let silent = silent(session).await;
    if silent.is_empty() {
        let first = Look::at(&session.centre).await?;
        tokio::time::sleep(BETWEEN_LOOKS).await;
        let second = Look::at(&session.centre).await?;
        found.extend(bus_of(&first, &second));
        found.extend(clocks(&second));
        found.extend(waiting(session).await?);
        found.extend(packs(session).await?);
    } else {
        found.extend(silent);
    }
    found.sort_by_key(|finding| std::cmp::Reverse(finding.weight()));
    answer(&found, here.as_ref(), session.lang)
}

fn answer(found: &[Finding], here: Option<&Here>, lang: Lang) -> Result<Answer, Failure> {
    let wrong = found.iter().filter(|finding| finding.weight() == Weight::Wrong).count();
    let mut text = String::new();
    for finding in found {
        let mark = if finding.weight() == Weight::Wrong { "✗" } else { "·" };
        text += &format!("{mark}  {}\n   → {}\n", finding.text(lang), finding.advice(lang));
    }
    for (server, version) in here.iter().flat_map(|here| &here.servers) {
        text += &format!("   {server} {}\n", version.as_deref().unwrap_or("?"));
    }
    let verdict = if wrong == 0 { Say::Just(Word::DoctorWell) } else { Say::DoctorWrong { count: wrong } };
    text += &format!("{}\n", verdict.text(lang));
    let told: Result<Vec<serde_json::Value>, Failure> = found.iter().map(json).collect();
    let json = serde_json::json!({
        "well": wrong == 0,
        "findings": told?,
        "servers": here.map(|here| &here.servers),
        "disk": here.and_then(|here| here.disk.as_ref()).map(|(path, free, of)| {
            serde_json::json!({ "path": path, "free_mib": free, "of_mib": of })
        }),
    });
    Ok(Answer { holds: wrong == 0, ..Answer::new(json, text) })
}

fn json(finding: &Finding) -> Result<serde_json::Value, Failure> {
    let broken = |error: serde_json::Error| Failure::Says(Say::AnswerBroken { why: error.to_string() });
    let mut told = serde_json::to_value(finding).map_err(broken)?;
    if let Some(told) = told.as_object_mut() {
        let both = |zh: String, en: String| serde_json::json!({ "zh": zh, "en": en });
        told.insert("wrong".to_owned(), (finding.weight() == Weight::Wrong).into());
        told.insert("says".to_owned(), both(finding.text(Lang::Zh), finding.text(Lang::En)));
        told.insert("advice".to_owned(), both(finding.advice(Lang::Zh), finding.advice(Lang::En)));
    }
    Ok(told)
}

fn machine(here: Option<&Here>) -> Vec<Finding> {
    let Some(here) = here else { return Vec::new() };
    let mut found = Vec::new();
    if let Some((path, free_mib, of_mib)) = &here.disk
        && (*free_mib < LOW_MIB || *free_mib < of_mib / 10)
    {
        let soon_full = *free_mib < LOW_MIB || *free_mib < of_mib / 50;
        found.push(Finding::DiskLow { path: path.clone(), free_mib: *free_mib, of_mib: *of_mib, soon_full });
    }
    for (server, version) in &here.servers {
        match (version, &here.data_version) {
            (None, _) => found.push(Finding::NoServer { server: server.clone() }),
            (Some(program), Some(data))
                if server == "PostgreSQL" && program.split('.').next() != Some(data.as_str()) =>
            {
                found.push(Finding::OtherVersion {
                    server: server.clone(),
                    data: data.clone(),
                    program: program.clone(),
                });
            }
            _ => {}
        }
    }
    found
}

/// The services that do not answer at all.
async fn silent(session: &Session) -> Vec<Finding> {
    let asked = SERVICES.map(|service| async move {
        let request = bus::HighWaterRequest { service: service.to_owned() };
        match session.centre.bus(service).high_water(request).await {
            Ok(_) => None,
            Err(status) => Some(Finding::Silent { service: service.to_owned(), why: status.message().to_owned() }),
        }
    });
    futures::future::join_all(asked).await.into_iter().flatten().collect()
}

/// Journals, relays and readers, from two looks.
fn bus_of(first: &Look, second: &Look) -> Vec<Finding> {
    let mut found = Vec::new();
    for (service, head) in &second.heads {
        let before = first.heads.get(service).cloned().unwrap_or_default();
        let service = service.clone();
        if head.mode == "rolled_back" {
            found.push(Finding::RolledBack { service, last: head.last_pos });
            continue;
        }
        let lag = head.last_pos - head.published_pos;
        let lagged = before.last_pos - before.published_pos;
        if lag > 0 && lagged > 0 && head.published_pos == before.published_pos {
            found.push(Finding::RelayStuck { service: service.clone(), lag });
        } else if lag > 0 && lagged > 0 {
            found.push(Finding::RelayBehind { service: service.clone(), lag });
        }
        if head.unnumbered > 0 && before.unnumbered > 0 && head.last_pos == before.last_pos {
            found.push(Finding::Unnumbered { service, rows: head.unnumbered });
        }
    }
    for (_, cursor) in &second.cursors {
        let same = |(_, earlier): &&(String, bus::Cursor)| {
            earlier.consumer == cursor.consumer && earlier.producer == cursor.producer
        };
        let earlier = first.cursors.iter().find(same).map_or(0, |(_, earlier)| earlier.pos);
        let heard_by_then = first.heads.get(&cursor.producer).map_or(0, |head| head.last_pos);
        let head = second.heads.get(&cursor.producer).map_or(0, |head| head.last_pos);
        let (consumer, producer, pos) = (cursor.consumer.clone(), cursor.producer.clone(), cursor.pos);
        if cursor.state == "diverged" {
            found.push(Finding::Diverged { consumer, producer });
        } else if pos < heard_by_then && pos == earlier {
            found.push(Finding::CursorStuck { consumer, producer, pos, head });
        } else if pos < heard_by_then {
            found.push(Finding::CursorBehind { consumer, producer, lag: head - pos });
        }
    }
    found
}

/// Time: in doubt, apart, or not acted on.
fn clocks(look: &Look) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut times: Vec<(Timestamp, &String)> = Vec::new();
    for (service, clock) in &look.clocks {
        if clock.suspect {
            found.push(Finding::ClockSuspect { service: service.clone() });
        }
        let Some(now) = moment(clock.now.as_ref()) else { continue };
        times.push((now, service));
        let late = moment(clock.earliest_due_at.as_ref()).map_or(0, |due| now.duration_since(due).as_secs());
        let fires = !clock.suspect && look.heads.get(service).is_none_or(|head| head.mode != "rolled_back");
        if late > FIRE_WITHIN_S && fires {
            found.push(Finding::Overdue { service: service.clone(), seconds: late });
        }
    }
    if let (Some((last, ahead)), Some((first, behind))) = (times.iter().max(), times.iter().min()) {
        let seconds = last.duration_since(*first).as_secs();
        if seconds > READ_APART_S {
            let (ahead, behind) = ((*ahead).clone(), (*behind).clone());
            found.push(Finding::ClocksApart { ahead, behind, seconds });
        }
    }
    found
}

/// Parked events by case, and what a recovery left for people.
async fn waiting(session: &Session) -> Result<Vec<Finding>, Failure> {
    let mut found = Vec::new();
    for event in super::bus::parked(session, false).await? {
        let (name, cases, reason) = (super::bus::name(&event), event.keys, event.reason);
        if event.next_try_at.is_none() && event.state == "waiting" {
            found.push(Finding::Parked { event: name, cases, reason });
        } else if event.state == "waiting" {
            found.push(Finding::Waiting { event: name, cases, reason });
        }
    }
    let mut affected: BTreeMap<(String, String), usize> = BTreeMap::new();
    for case in recovery::affected(session, false).await? {
        *affected.entry((case.consumer, case.producer)).or_default() += 1;
    }
    found.extend(affected.into_iter().map(|((consumer, producer), count)| Finding::Affected {
        consumer,
        producer,
        count,
    }));
    Ok(found)
}

/// One and the same county pack everywhere.
async fn packs(session: &Session) -> Result<Vec<Finding>, Failure> {
    let mut found = Vec::new();
    let mut known: Option<(String, Vec<u8>)> = None;
    for service in SERVICES {
        let request = bus::GetBundleRequest { service: service.to_owned() };
        let centre = &session.centre;
        let bundle = centre.read(|| call!(centre.bus(service).get_bundle(request.clone()))).await?;
        if bundle.revision == 0 {
            found.push(Finding::NoPack { service: service.to_owned() });
            continue;
        }
        match &known {
            Some((one, sha256)) if *sha256 != bundle.sha256 => {
                found.push(Finding::PacksDiffer { one: one.clone(), other: service.to_owned() });
            }
            Some(_) => {}
            None => known = Some((service.to_owned(), bundle.sha256.to_vec())),
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failed test should panic

    use super::*;

    fn with_disk(free_mib: u64, of_mib: u64) -> Vec<Weight> {
        let here = Here { disk: Some(("/data".to_owned(), free_mib, of_mib)), ..Here::default() };
        machine(Some(&here)).iter().map(Finding::weight).collect()
    }

    #[test]
    fn a_disk_is_told_below_a_tenth_and_somebody_must_act_below_a_fiftieth_or_two_gib() {
        let gib = 1024;
        assert_eq!(with_disk(26 * gib, 250 * gib), []);
        assert_eq!(with_disk(13 * gib, 250 * gib), [Weight::Note]);
        assert_eq!(with_disk(4 * gib, 250 * gib), [Weight::Wrong]);
        assert_eq!(with_disk(gib, 4 * gib), [Weight::Wrong]);
        assert_eq!(with_disk(3 * gib, 20 * gib), []);
    }

    fn look(last: i64, published: i64, pos: i64, state: &str, mode: &str) -> Look {
        let head = bus::HighWaterResponse {
            last_pos: last,
            published_pos: published,
            mode: mode.to_owned(),
            ..Default::default()
        };
        let cursor = bus::Cursor {
            consumer: "supervision".to_owned(),
            producer: "intake".to_owned(),
            pos,
            state: state.to_owned(),
            ..Default::default()
        };
        Look {
            cursors: vec![("supervision".to_owned(), cursor)],
            heads: BTreeMap::from([("intake".to_owned(), head)]),
            ..Look::default()
        }
    }

    fn kinds(first: &Look, second: &Look) -> Vec<String> {
        let told = bus_of(first, second).into_iter();
        told.map(|finding| serde_json::to_value(finding).unwrap()["finding"].as_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn what_moves_is_busy_and_what_stands_is_stuck() {
        let well = look(9, 9, 9, "running", "normal");
        assert_eq!(kinds(&well, &well), [""; 0]);
        let stuck = look(9, 5, 4, "running", "normal");
        assert_eq!(kinds(&stuck, &stuck), ["relay_stuck", "cursor_stuck"]);
        let moved = look(20, 12, 8, "running", "normal");
        assert_eq!(kinds(&stuck, &moved), ["relay_behind", "cursor_behind"]);
        // What was said between the two looks is nobody's fault.
        assert_eq!(kinds(&well, &look(20, 9, 9, "running", "normal")), [""; 0]);
        assert_eq!(kinds(&well, &look(9, 9, 9, "diverged", "rolled_back")), ["rolled_back", "diverged"]);
    }

    #[test]
    fn the_answer_is_no_only_where_something_is_wrong() {
        let note = Finding::RelayBehind { service: "intake".to_owned(), lag: 3 };
        let wrong = Finding::RolledBack { service: "intake".to_owned(), last: 3 };
        assert!(answer(&[], None, Lang::Zh).unwrap().holds);
        assert!(answer(std::slice::from_ref(&note), None, Lang::Zh).unwrap().holds);
        let said = answer(&[note, wrong], None, Lang::En).unwrap();
        assert!(!said.holds);
        assert!(said.text.contains("xiezhi bus recover intake"), "{}", said.text);
        assert_eq!(said.json["findings"][1]["says"]["en"].as_str().map(str::is_empty), Some(false));
    }

    #[test]
    fn a_full_disk_and_another_version_are_told() {
        let here = Here {
            disk: Some(("/data".to_owned(), 100, 10_000)),
            servers: BTreeMap::from([
                ("PostgreSQL".to_owned(), Some("18.6".to_owned())),
                ("nats-server".to_owned(), None),
            ]),
            data_version: Some("17".to_owned()),
        };
        assert_eq!(machine(Some(&here)).len(), 3);
        let fine = Here { disk: Some(("/data".to_owned(), 50_000, 100_000)), ..Here::default() };
        assert!(machine(Some(&fine)).is_empty());
    }
}
