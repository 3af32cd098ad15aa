//! 听取: what the producers said is applied by one loop, so that a case of which several speak is written once.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use crate::commands::callers_waiting;
use crate::corridor::{Corridor, Stopped};
use crate::ears::{Ears, Look};
use crate::envelope::Envelope;
use crate::patience::Patience;
use crate::service::Service;

/// The longest nap where nothing is held.
const NOTHING_COMES: Duration = Duration::from_secs(1);
/// So many events in one transaction are no crowd.
const FEW: usize = 4;
/// How long a crowd is gathered at least.
const GATHER: Duration = Duration::from_millis(10);
/// Nobody waits longer than this for company.
const LONGEST_REST: Duration = Duration::from_millis(250);
/// What concerns nobody here only moves the cursor; so long it waits for something that does.
const LINGER: Duration = Duration::from_millis(40);
/// For so many waiting callers one more of the last transaction's time is left to them.
const CALLERS_FOR_ONE: usize = 2;
/// But never more than so many.
const MOST_FOR_CALLERS: u32 = 16;
/// Nor longer than this: what waits becomes cheaper with its number, but not for ever.
const LONGEST_FOR_CALLERS: Duration = Duration::from_secs(2);
/// What has waited so long waits for no caller any more: a work order and its deadline are somebody's, too.
const MOST_LAG: Duration = Duration::from_secs(30);

/// How long to rest after a transaction: until the second moment, but once a whole batch is there only until the first.
///
/// An event that comes alone is taken at once. Under load a transaction for many costs little more than one for few, so many are
/// gathered; and while callers wait for an answer, the machine is theirs first.
fn rests(applied: usize, lag: Duration, took: Duration, callers: usize) -> (Duration, Duration) {
    if applied < FEW {
        return Default::default();
    }
    let callers = if lag < MOST_LAG { callers } else { 0 };
    let for_callers = took * u32::try_from(callers / CALLERS_FOR_ONE).unwrap_or(u32::MAX).min(MOST_FOR_CALLERS);
    let for_callers = for_callers.min(LONGEST_FOR_CALLERS);
    (for_callers, for_callers.max((GATHER + took * 2).min(LONGEST_REST)))
}

impl<S: Service> Corridor<S> {
    /// Applies what is heard until it is told to stop.
    pub(crate) async fn hear(self, ears: Ears, stop: CancellationToken) {
        let mut rest_until = (Instant::now(), Instant::now());
        let mut patience = Patience::default();
        let mut since: Option<Instant> = None;
        while !stop.is_cancelled() {
            let crowd = ears.len() > FEW;
            let look = ears.look(&patience, crowd);
            let pause = if look.count == 0 {
                since = None;
                look.wait.unwrap_or(NOTHING_COMES)
            } else {
                let came = *since.get_or_insert_with(Instant::now);
                let until = if look.full { rest_until.0 } else { rest_until.1 };
                let until = if crowd || self.concerns_us(&ears) { until } else { until.max(came + LINGER) };
                until.saturating_duration_since(Instant::now())
            };
            if look.count == 0 || !pause.is_zero() {
                tokio::select! {
                    () = stop.cancelled() => return,
                    // There may be more by now.
                    () = ears.arrived.notified() => {}
                    () = tokio::time::sleep(pause) => {}
                }
                continue;
            }
            since = None;
            let began = Instant::now();
            let (applied, lag) = self.hear_once(&ears, &look, &mut patience).await;
            let (least, most) = rests(applied, lag, began.elapsed(), callers_waiting());
            rest_until = (Instant::now() + least, Instant::now() + most);
        }
    }

    /// False where nothing of what is held is about anything this service keeps.
    fn concerns_us(&self, ears: &Ears) -> bool {
        let concerns = |event: &Arc<Envelope>| self.said(event).is_ok_and(|(keys, _)| !keys.heads.is_empty());
        ears.few(FEW).is_none_or(|held| held.iter().any(concerns))
    }

    /// One transaction over what is ripe; answers with how much was applied, and how long the first of it had waited.
    async fn hear_once(&self, ears: &Ears, look: &Look, patience: &mut Patience) -> (usize, Duration) {
        let (heard, offers) = ears.offers(look);
        let (mut count, mut lag) = (0, Duration::ZERO);
        let (mut done, mut failed) = (Vec::with_capacity(offers.len()), false);
        for (ear, (offer, applied)) in heard.into_iter().zip(offers.iter().zip(self.apply_together(&offers).await)) {
            match applied {
                Ok(applied) => {
                    count += offer.events.len().saturating_sub(applied.behind_gap.len());
                    lag = lag.max(applied.lag);
                    done.push(offer.until(applied.epoch, applied.pos));
                    // After the commit, the last for all before it. Where it is lost, or took along what waits behind a gap, a
                    // repeat is recognised by its position and what is missing is read from the journal.
                    if let Some(last) = ear.settle(&applied) {
                        let _ = last.ack().await;
                    }
                }
                Err(stopped) => {
                    if !matches!(stopped, Stopped::NoRules | Stopped::Raced) {
                        tracing::warn!(producer = ear.producer, ?stopped, "events wait for the store");
                    }
                    ear.offer_again();
                    failed = true;
                }
            }
        }
        // Only what was applied teaches anything; what failed is offered again.
        let (first, sequels) = ears.apart(&done);
        patience.note(&first, &sequels);
        if failed {
            tokio::time::sleep(Duration::from_millis(50 + u64::from(rand::random::<u8>()))).await;
        }
        (count, lag)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOOK: Duration = Duration::from_millis(100);

    #[test]
    fn an_event_alone_is_followed_by_no_rest_and_a_crowd_by_a_short_one() {
        assert_eq!(rests(1, Duration::ZERO, TOOK, 32), (Duration::ZERO, Duration::ZERO));
        assert_eq!(rests(100, Duration::ZERO, TOOK, 0), (Duration::ZERO, GATHER + TOOK * 2));
    }

    #[test]
    fn callers_come_first_but_not_for_ever() {
        assert_eq!(rests(100, Duration::ZERO, TOOK, 16).0, TOOK * 8);
        assert_eq!(rests(100, Duration::ZERO, TOOK, 1_000), (TOOK * 16, TOOK * 16));
        assert_eq!(rests(100, Duration::ZERO, TOOK * 10, 1_000).0, LONGEST_FOR_CALLERS);
        assert_eq!(rests(100, MOST_LAG, TOOK, 1_000), rests(100, Duration::ZERO, TOOK, 0));
    }
}
