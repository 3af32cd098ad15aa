//! 拨钟: turning the time of a simulated centre so that no clock jumps over another.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::future::try_join_all;
use jiff::Timestamp;
use uuid::Uuid;
use xiezhi_proto::bus::v1::{GetClockResponse, TurnClockRequest};

use crate::centre::Centre;
use crate::refused::Error;
use crate::rest::{Restless, clocks, rest};
use crate::{moment, proto_time};

/// No turn takes more steps; a centre that arms a timer for every moment would otherwise never arrive.
const MOST_STEPS: u32 = 100_000;

/// A turn of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Turn {
    /// A repeat with the same id changes nothing that the first has done.
    pub id: Uuid,
    /// The wanted moment.
    pub to: Timestamp,
    /// How long the centre may take to come to rest after each step.
    pub rest_within: Duration,
}

impl Turn {
    /// A turn to this moment, with an id of its own.
    #[must_use]
    pub fn to(to: Timestamp) -> Self {
        Self { id: Uuid::now_v7(), to, rest_within: Duration::from_secs(60) }
    }
}

/// What a turn did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Turned {
    /// What time it was.
    pub from: Timestamp,
    /// What time it is.
    pub now: Timestamp,
    /// At how many moments it stopped on the way.
    pub steps: u32,
}

/// Why the time was not turned, or not all the way.
#[derive(Debug, thiserror::Error)]
pub enum TurnError {
    /// Real time is nobody's to turn.
    #[error("{service} lives in real time, which cannot be turned")]
    Real {
        /// The service.
        service: String,
    },
    /// The centre did not come to rest after a step.
    #[error("the turn stopped at {at}")]
    Restless {
        /// What time it was.
        at: Timestamp,
        /// What moved.
        #[source]
        source: Restless,
    },
    /// There was always another timer.
    #[error("the turn stopped at {at} after {steps} steps")]
    Endless {
        /// What time it was.
        at: Timestamp,
        /// How many steps were taken.
        steps: u32,
    },
    /// A service did not answer, or refused.
    #[error(transparent)]
    Client(#[from] Error),
}

/// Turns time to a moment: to the earliest due time over all five services, waits until all are at rest, and again, until
/// the wanted moment. `on_step` hears of each stop.
pub async fn turn(centre: &Centre, turn: Turn, mut on_step: impl FnMut(Timestamp)) -> Result<Turned, TurnError> {
    let from = settled(centre, turn, Timestamp::MIN).await?.now;
    let (mut now, mut steps) = (from, 0);
    while now < turn.to {
        if steps >= MOST_STEPS {
            return Err(TurnError::Endless { at: now, steps });
        }
        let stand = settled(centre, turn, now).await?;
        let next = stand.earliest_due.filter(|due| *due > stand.now).map_or(turn.to, |due| due.min(turn.to));
        all_to(centre, turn.id, next).await?;
        on_step(next);
        steps += 1;
        now = settled(centre, turn, next).await?.now;
    }
    Ok(Turned { from, now, steps })
}

/// Where the clocks stand.
struct Stand {
    now: Timestamp,
    earliest_due: Option<Timestamp>,
}

async fn settled(centre: &Centre, turn: Turn, at: Timestamp) -> Result<Stand, TurnError> {
    // A real centre is told so before anything waits.
    simulated(&clocks(centre).await?)?;
    let look = rest(centre, turn.rest_within).await.map_err(|source| TurnError::Restless { at, source })?;
    stand(&look.clocks)
}

fn simulated(clocks: &BTreeMap<String, GetClockResponse>) -> Result<(), TurnError> {
    match clocks.iter().find(|(_, clock)| clock.kind != "simulated") {
        Some((service, _)) => Err(TurnError::Real { service: service.clone() }),
        None => Ok(()),
    }
}

fn stand(clocks: &BTreeMap<String, GetClockResponse>) -> Result<Stand, TurnError> {
    let now = clocks.values().filter_map(|clock| moment(clock.now.as_ref())).min();
    let now = now.ok_or_else(|| Error::Broken("no service says what time it is".to_owned()))?;
    let earliest_due = clocks.values().filter_map(|clock| moment(clock.earliest_due_at.as_ref())).min();
    Ok(Stand { now, earliest_due })
}

async fn all_to(centre: &Centre, turn_id: Uuid, to: Timestamp) -> Result<(), Error> {
    // Each stop has an id of its own that follows from the turn's, so a repeated turn repeats its stops.
    let step_id = Uuid::new_v5(&turn_id, to.to_string().as_bytes());
    // One real moment for all five, so that their clocks agree however long each call takes.
    let as_of = Timestamp::now();
    try_join_all(crate::SERVICES.map(|service| async move {
        let request = TurnClockRequest {
            service: service.to_owned(),
            turn_id: step_id.to_string(),
            to: Some(proto_time(to)),
            as_of: Some(proto_time(as_of)),
        };
        centre.read(|| crate::call!(centre.bus(service).turn_clock(request.clone()))).await
    }))
    .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failed test should panic

    use super::*;

    fn clock(now: &str, due: Option<&str>, kind: &str) -> GetClockResponse {
        let time = |text: &str| proto_time(text.parse().unwrap());
        GetClockResponse {
            now: Some(time(now)),
            earliest_due_at: due.map(time),
            kind: kind.to_owned(),
            quiet: true,
            ..GetClockResponse::default()
        }
    }

    #[test]
    fn the_earliest_timer_of_any_service_is_the_next_stop() {
        let clocks = BTreeMap::from([
            ("intake".to_owned(), clock("2026-03-02T04:00:00Z", None, "simulated")),
            ("assignment".to_owned(), clock("2026-03-02T04:00:01Z", Some("2026-03-03T09:00:00Z"), "simulated")),
            ("supervision".to_owned(), clock("2026-03-02T04:00:02Z", Some("2026-03-02T16:00:00Z"), "simulated")),
        ]);
        let stand = stand(&clocks).unwrap();
        assert_eq!(stand.now.to_string(), "2026-03-02T04:00:00Z");
        assert_eq!(stand.earliest_due.unwrap().to_string(), "2026-03-02T16:00:00Z");
    }

    #[test]
    fn real_time_is_not_turned() {
        let clocks = BTreeMap::from([("intake".to_owned(), clock("2026-03-02T04:00:00Z", None, "real"))]);
        assert!(matches!(simulated(&clocks), Err(TurnError::Real { service }) if service == "intake"));
    }
}
