//! At rest: the moment at which everything that was said has been heard, and nothing more is about to be said.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::future::try_join_all;
use jiff::Timestamp;
use tokio::time::Instant;
use xiezhi_proto::bus::v1::{Cursor, GetClockRequest, GetClockResponse, HighWaterResponse, ListCursorsRequest};

use crate::centre::Centre;
use crate::refused::Error;
use crate::{SERVICES, journal, moment};

/// How often a moving centre is looked at again, at first and at last.
const LOOK_AGAIN: (Duration, Duration) = (Duration::from_millis(10), Duration::from_millis(160));

/// What keeps a centre from being at rest.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(tag = "why", rename_all = "snake_case")]
pub enum Unrest {
    /// A service still has something to number, to publish, to try again or to fire.
    Busy {
        /// The service.
        service: String,
    },
    /// A consumer has not heard everything.
    Behind {
        /// Who listens.
        consumer: String,
        /// Who spoke.
        producer: String,
        /// How far it has come.
        pos: i64,
        /// How far the journal goes.
        head: i64,
    },
    /// A service has said something that has no number yet.
    Speaking {
        /// The service.
        service: String,
    },
}

impl std::fmt::Display for Unrest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Busy { service } => write!(f, "{service} is busy"),
            Self::Behind { consumer, producer, pos, head } => {
                write!(f, "{consumer} has heard {pos} of {head} from {producer}")
            }
            Self::Speaking { service } => write!(f, "{service} speaks"),
        }
    }
}

/// One look at all five services.
#[derive(Debug, Clone, Default)]
pub struct Look {
    /// Every cursor, by the service that keeps it; read first.
    pub cursors: Vec<(String, Cursor)>,
    /// Each service's clock; read after the cursors.
    pub clocks: BTreeMap<String, GetClockResponse>,
    /// How far each journal goes; read last.
    pub heads: BTreeMap<String, HighWaterResponse>,
}

impl Look {
    /// Looks once. The order of the reads is the point: journals only grow, so a cursor that was read first and stands at the
    /// head that was read last had heard all there was, and between the two nobody said anything: a timer that fired while
    /// the clocks were read has left a row.
    pub async fn at(centre: &Centre) -> Result<Self, Error> {
        let cursors = try_join_all(SERVICES.map(|service| async move {
            let request = ListCursorsRequest { service: service.to_owned() };
            let answer = centre.read(|| crate::call!(centre.bus(service).list_cursors(request.clone()))).await?;
            Ok::<_, Error>(answer.cursors.into_iter().map(move |cursor| (service.to_owned(), cursor)))
        }))
        .await?;
        let clocks = clocks(centre).await?;
        let heads = heads(centre).await?;
        Ok(Self { cursors: cursors.into_iter().flatten().collect(), clocks, heads })
    }

    /// What moves; nothing where the centre is at rest.
    #[must_use]
    pub fn unrest(&self) -> Vec<Unrest> {
        let mut found = Vec::new();
        for (service, clock) in &self.clocks {
            if !clock.quiet {
                found.push(Unrest::Busy { service: service.clone() });
            }
        }
        for (_, cursor) in &self.cursors {
            let head = self.heads.get(&cursor.producer).map_or(0, |head| head.last_pos);
            if cursor.pos < head {
                found.push(Unrest::Behind {
                    consumer: cursor.consumer.clone(),
                    producer: cursor.producer.clone(),
                    pos: cursor.pos,
                    head,
                });
            }
        }
        for (service, head) in &self.heads {
            if head.unnumbered > 0 {
                found.push(Unrest::Speaking { service: service.clone() });
            }
        }
        found
    }
}

async fn heads(centre: &Centre) -> Result<BTreeMap<String, HighWaterResponse>, Error> {
    let heads = try_join_all(SERVICES.map(|service| async move {
        journal::high_water(centre, service).await.map(|head| (service.to_owned(), head))
    }));
    Ok(heads.await?.into_iter().collect())
}

/// Every service's clock.
pub async fn clocks(centre: &Centre) -> Result<BTreeMap<String, GetClockResponse>, Error> {
    let clocks = try_join_all(SERVICES.map(|service| async move {
        let request = GetClockRequest { service: service.to_owned() };
        centre
            .read(|| crate::call!(centre.bus(service).get_clock(request.clone())))
            .await
            .map(|clock| (service.to_owned(), clock))
    }));
    Ok(clocks.await?.into_iter().collect())
}

/// What time it is in the centre: the service that is furthest back counts.
pub async fn now(centre: &Centre) -> Result<Timestamp, Error> {
    clocks(centre)
        .await?
        .values()
        .filter_map(|clock| moment(clock.now.as_ref()))
        .min()
        .ok_or_else(|| Error::Broken("no service says what time it is".to_owned()))
}

/// The centre did not come to rest in time, or could not be asked.
#[derive(Debug, thiserror::Error)]
pub enum Restless {
    /// Something kept moving.
    #[error("after {} s the centre still moves: {}", .waited.as_secs(), .unrest.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    StillMoving {
        /// How long it was watched.
        waited: Duration,
        /// What moved at the end.
        unrest: Vec<Unrest>,
    },
    /// A service did not answer.
    #[error(transparent)]
    Client(#[from] Error),
}

/// Waits until the centre is at rest, at most so long.
pub async fn rest(centre: &Centre, within: Duration) -> Result<Look, Restless> {
    let start = Instant::now();
    let (mut pause, longest) = LOOK_AGAIN;
    loop {
        let look = Look::at(centre).await?;
        let unrest = look.unrest();
        if unrest.is_empty() {
            return Ok(look);
        }
        if start.elapsed() >= within {
            return Err(Restless::StillMoving { waited: start.elapsed(), unrest });
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(longest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(last_pos: i64) -> HighWaterResponse {
        HighWaterResponse { last_pos, ..HighWaterResponse::default() }
    }

    fn heard(consumer: &str, producer: &str, pos: i64) -> (String, Cursor) {
        let cursor = Cursor { consumer: consumer.to_owned(), producer: producer.to_owned(), pos, ..Cursor::default() };
        (consumer.to_owned(), cursor)
    }

    fn still() -> Look {
        let quiet = GetClockResponse { quiet: true, ..GetClockResponse::default() };
        Look {
            heads: [("intake".to_owned(), head(7))].into(),
            cursors: vec![heard("supervision", "intake", 7)],
            clocks: [("intake".to_owned(), quiet)].into(),
        }
    }

    #[test]
    fn a_centre_that_has_heard_everything_is_at_rest() {
        assert_eq!(still().unrest(), []);
    }

    #[test]
    fn a_consumer_that_is_behind_is_named() {
        let look = Look { cursors: vec![heard("supervision", "intake", 6)], ..still() };
        assert_eq!(look.unrest().len(), 1);
        assert_eq!(look.unrest()[0].to_string(), "supervision has heard 6 of 7 from intake");
    }

    #[test]
    fn an_event_said_during_the_look_is_noticed() {
        let look = Look { heads: [("intake".to_owned(), head(8))].into(), ..still() };
        assert!(matches!(look.unrest()[..], [Unrest::Behind { pos: 7, head: 8, .. }]), "the cursor was read before");
    }

    #[test]
    fn a_row_without_a_number_is_noticed() {
        let unnumbered = HighWaterResponse { unnumbered: 1, ..head(7) };
        let look = Look { heads: [("intake".to_owned(), unnumbered)].into(), ..still() };
        assert_eq!(look.unrest(), [Unrest::Speaking { service: "intake".to_owned() }]);
    }

    #[test]
    fn a_busy_service_is_noticed() {
        let look = Look { clocks: [("intake".to_owned(), GetClockResponse::default())].into(), ..still() };
        assert_eq!(look.unrest(), [Unrest::Busy { service: "intake".to_owned() }]);
    }
}
