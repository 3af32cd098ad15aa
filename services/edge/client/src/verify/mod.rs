//! 核验: the invariants of the bus and of the house, checked from outside through public APIs.

mod bus;
mod chain;
mod history;
mod house;
mod violation;

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use uuid::Uuid;
use xiezhi_proto::bus::v1::{AffectedKey, ParkedEvent};

use crate::centre::Centre;
use crate::refused::Error;
use crate::rest::{Look, Restless, rest};
use crate::{SERVICES, moment};

pub use chain::{Chain, Read};
pub use history::timeline;
pub use violation::Violation;

/// How many violations of one check are kept; the rest is counted.
const MOST_KEPT: usize = 100;

/// What to verify with.
#[derive(Debug, Clone)]
pub struct Options {
    /// How long the centre may take to come to rest (N12 allows 30 s after the last fault).
    pub rest_within: Duration,
    /// At most so many commands of a service, and so many cases, are asked about one by one; the report says how many were.
    pub most_asked: usize,
    /// Commands that clients know to be answered, by service: their own histories (N1).
    pub answered: BTreeMap<String, HashSet<Uuid>>,
}

impl Default for Options {
    fn default() -> Self {
        Self { rest_within: Duration::from_secs(30), most_asked: 5_000, answered: BTreeMap::new() }
    }
}

/// One invariant and what was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// The invariant, e.g. "N2".
    pub code: &'static str,
    /// How many things were looked at.
    pub counted: u64,
    /// How many do not hold.
    pub failed: u64,
    /// What does not hold, the first hundred.
    pub violations: Vec<Violation>,
}

impl Check {
    fn new(code: &'static str, counted: u64, mut violations: Vec<Violation>) -> Self {
        let failed = violations.len() as u64;
        violations.truncate(MOST_KEPT);
        Self { code, counted, failed, violations }
    }

    /// True where nothing was found.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.failed == 0
    }
}

/// An event that waits; not a violation, but always told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Parked {
    /// Who could not apply it.
    pub consumer: String,
    /// Who said it.
    pub producer: String,
    /// Its position.
    pub pos: i64,
    /// Its type.
    pub event_type: String,
    /// Why it waits.
    pub reason: String,
}

impl From<ParkedEvent> for Parked {
    fn from(parked: ParkedEvent) -> Self {
        Self {
            consumer: parked.consumer,
            producer: parked.producer,
            pos: parked.pos,
            event_type: parked.r#type,
            reason: parked.reason,
        }
    }
}

/// A case that waits for a person after a recovery; not a violation, but always told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Affected {
    /// Whose tables are meant.
    pub consumer: String,
    /// Whose events are meant.
    pub producer: String,
    /// The aggregate.
    pub key: String,
    /// Why a person is needed.
    pub reason: String,
}

impl From<AffectedKey> for Affected {
    fn from(case: AffectedKey) -> Self {
        Self { consumer: case.consumer, producer: case.producer, key: case.key, reason: case.reason }
    }
}

/// Everything a verification found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// What time it was in the centre.
    pub at: Option<Timestamp>,
    /// The checks, in the order of the invariants.
    pub checks: Vec<Check>,
    /// Events that wait.
    pub parked: Vec<Parked>,
    /// Cases that wait for a person after a recovery, over all services.
    pub affected: Vec<Affected>,
    /// Timers that fired more than five seconds late: during an outage, or while time was turned.
    pub late_timers: u64,
}

impl Report {
    /// True where every check holds.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.checks.iter().all(Check::holds)
    }
}

/// How long what looks wrong has to be put right before it counts.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// Checks a centre.
pub async fn verify(centre: &Centre, options: &Options) -> Result<Report, Error> {
    let (look, restless) = at_rest(centre, options.rest_within).await?;
    let wanted = remembered(&look);
    let mut found = Found { cursor_faults: restless, ..Found::default() };
    for (_, cursor) in look.cursors.iter().filter(|(consumer, _)| consumer == "supervision") {
        found.keys.heard(&cursor.producer, cursor.pos);
    }
    for service in SERVICES {
        let positions = wanted.get(service).cloned().unwrap_or_default();
        found.look_at_journal(centre, service, &look, positions, options).await?;
        found.look_at_timers(centre, service, &look).await?;
        let (compared, differences) = bus::stream(centre, service).await?;
        found.compared += compared;
        found.stream_faults.extend(differences);
        found.parked.extend(bus::parked(centre, service).await?.into_iter().map(Parked::from));
        found.affected.extend(bus::affected(centre, service).await?.into_iter().map(Affected::from));
    }
    let (chain, cursors) = bus::cursors(&look.cursors, &look.heads, &found.hashes);
    found.chain_faults.extend(chain);
    found.cursor_faults.extend(cursors);
    let house = House::look(centre, &mut found, &look, options).await?;
    Ok(found.report(&look, house))
}

/// What the bus showed, service by service.
#[derive(Default)]
struct Found {
    rows: u64,
    chain_faults: Vec<Violation>,
    hashes: BTreeMap<String, BTreeMap<i64, Vec<u8>>>,
    keys: history::Keys,
    asked: u64,
    command_faults: Vec<Violation>,
    cursor_faults: Vec<Violation>,
    timers: u64,
    late: u64,
    armed: HashSet<String>,
    timer_faults: Vec<Violation>,
    compared: u64,
    stream_faults: Vec<Violation>,
    parked: Vec<Parked>,
    affected: Vec<Affected>,
}

impl Found {
    async fn look_at_journal(
        &mut self,
        centre: &Centre,
        service: &str,
        look: &Look,
        wanted: BTreeSet<i64>,
        options: &Options,
    ) -> Result<(), Error> {
        let head = look.heads.get(service).cloned().unwrap_or_default();
        let keys = &mut self.keys;
        let read =
            bus::read_journal(centre, service, &head, wanted, |row| keys.note(service, row.pos, &row.key)).await?;
        let answered = options.answered.get(service).into_iter().flatten().copied();
        let mut asked = spread(read.commands.keys().copied().collect(), options.most_asked);
        asked.extend(answered.filter(|command| !read.commands.contains_key(command)));
        self.command_faults.extend(bus::commands(centre, service, &asked, &read.commands).await?);
        self.asked += asked.len() as u64;
        self.rows += read.rows;
        self.chain_faults.extend(read.violations);
        self.hashes.insert(service.to_owned(), read.hashes);
        Ok(())
    }

    async fn look_at_timers(&mut self, centre: &Centre, service: &str, look: &Look) -> Result<(), Error> {
        let timers = bus::timers(centre, service).await?;
        let now = look.clocks.get(service).and_then(|clock| moment(clock.now.as_ref()));
        self.timers += timers.len() as u64;
        self.late += bus::late(&timers) as u64;
        self.timer_faults.extend(bus::check_timers(service, &timers, now.unwrap_or(Timestamp::MIN)));
        self.armed.extend(bus::armed(timers));
        Ok(())
    }

    fn report(self, look: &Look, house: House) -> Report {
        Report {
            at: look.clocks.values().filter_map(|clock| moment(clock.now.as_ref())).min(),
            checks: vec![
                Check::new("N1", self.asked, self.command_faults),
                Check::new("N2", self.rows, self.chain_faults),
                Check::new("N3", look.cursors.len() as u64, self.cursor_faults),
                house.order,
                house.responsibility,
                house.attention,
                Check::new("N7", self.timers, self.timer_faults),
                Check::new("N10", self.compared, self.stream_faults),
            ],
            parked: self.parked,
            affected: self.affected,
            late_timers: self.late,
        }
    }
}

/// What the cases showed, over all services.
struct House {
    order: Check,
    responsibility: Check,
    attention: Check,
}

impl House {
    async fn look(centre: &Centre, found: &mut Found, look: &Look, options: &Options) -> Result<Self, Error> {
        let cases = house::cases(centre).await?;
        let ids = cases.iter().filter_map(|case| Uuid::parse_str(&case.case_id).ok()).collect();
        let ids = spread(ids, options.most_asked);
        let histories = history::histories(centre, &ids, &mut found.keys, &look.heads).await?;
        let (answered_for, mut responsibility) = house::responsibilities(centre, &cases).await?;
        let tasks = house::cases_with_tasks(centre).await?;
        let (open, mut attention) = house::attended(&cases, &found.armed, &tasks);
        if !responsibility.is_empty() || !attention.is_empty() {
            let (responsibility_again, attention_again) = Self::look_again(centre).await?;
            responsibility = still_wrong(&responsibility, responsibility_again);
            attention = still_wrong(&attention, attention_again);
        }
        Ok(Self {
            order: Check::new("N4", ids.len() as u64, histories),
            responsibility: Check::new("N5", answered_for, responsibility),
            attention: Check::new("N6", open, attention),
        })
    }

    /// A case is read before its decisions, timers and tasks, and others may write in between: what is wrong is wrong a
    /// moment later as well.
    async fn look_again(centre: &Centre) -> Result<(Vec<Violation>, Vec<Violation>), Error> {
        tokio::time::sleep(LOOK_AGAIN).await;
        let cases = house::cases(centre).await?;
        let (_, responsibility) = house::responsibilities(centre, &cases).await?;
        let mut armed = HashSet::new();
        for service in SERVICES {
            armed.extend(bus::armed(bus::armed_timers(centre, service).await?));
        }
        let tasks = house::cases_with_tasks(centre).await?;
        let (_, attention) = house::attended(&cases, &armed, &tasks);
        Ok((responsibility, attention))
    }
}

/// What a second look at one invariant says of the cases that were wrong at the first: a case may be wrong in another way by
/// then, and is wrong all the same.
fn still_wrong(first: &[Violation], again: Vec<Violation>) -> Vec<Violation> {
    let wrong: HashSet<Uuid> = first.iter().filter_map(Violation::case_id).collect();
    again.into_iter().filter(|violation| violation.case_id().is_some_and(|case_id| wrong.contains(&case_id))).collect()
}

/// At most so many, evenly over the whole.
fn spread(all: Vec<Uuid>, most: usize) -> Vec<Uuid> {
    let step = all.len().div_ceil(most.max(1)).max(1);
    all.into_iter().step_by(step).collect()
}

/// The centre at rest, or as it is when the time to wait is over, with what still moved.
async fn at_rest(centre: &Centre, within: Duration) -> Result<(Look, Vec<Violation>), Error> {
    match rest(centre, within).await {
        Ok(look) => Ok((look, Vec::new())),
        Err(Restless::Client(error)) => Err(error),
        Err(Restless::StillMoving { unrest, .. }) => {
            let moving = unrest.iter().map(|unrest| Violation::Restless { what: unrest.to_string() }).collect();
            Ok((Look::at(centre).await?, moving))
        }
    }
}

/// The positions of each journal whose hashes neighbours remember.
fn remembered(look: &Look) -> BTreeMap<String, BTreeSet<i64>> {
    let mut wanted: BTreeMap<String, BTreeSet<i64>> = BTreeMap::new();
    for (_, cursor) in &look.cursors {
        wanted.entry(cursor.producer.clone()).or_default().insert(cursor.pos);
    }
    wanted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_is_spread_over_the_whole_and_no_larger_than_allowed() {
        let all: Vec<Uuid> = (0..1000).map(Uuid::from_u128).collect();
        let some = spread(all.clone(), 100);
        assert_eq!(some.len(), 100);
        assert!(some.last().is_some_and(|last| last.as_u128() >= 900));
        assert_eq!(spread(all.clone(), 1000), all);
        assert!(spread(all, 0).len() == 1);
    }

    #[test]
    fn a_case_that_is_wrong_in_another_way_at_the_second_look_is_still_wrong() {
        let case_id = Uuid::from_u128;
        let unattended = |id, stage: &str| Violation::Unattended { case_id: case_id(id), stage: stage.to_owned() };
        let first = [unattended(1, "registered"), unattended(2, "accepted")];
        let again = vec![unattended(1, "accepted"), unattended(3, "registered")];
        assert_eq!(still_wrong(&first, again), [unattended(1, "accepted")], "2 was put right, 3 is only seen once");
        let nobody = Violation::NobodyResponsible { case_id: case_id(1) };
        let twice = Violation::ResponsibleTwice { case_id: case_id(1), decisions: 2 };
        assert_eq!(still_wrong(&[nobody], vec![twice.clone()]), [twice]);
    }

    #[test]
    fn a_check_keeps_some_violations_and_counts_all() {
        let found = (0..250).map(|pos| Violation::HashDiffers { service: "intake".to_owned(), pos }).collect();
        let check = Check::new("N2", 300, found);
        assert_eq!((check.failed, check.violations.len(), check.holds()), (250, MOST_KEPT, false));
    }
}
