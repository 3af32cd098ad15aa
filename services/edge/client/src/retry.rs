//! Repeating a command safely: the same id, a little later, and not for ever.

use std::future::Future;
use std::time::Duration;

use rand::Rng;
use tokio::time::Instant;
use tonic::{Response, Status};
use uuid::Uuid;

use crate::refused::Error;

/// A new id for a command. It stays the same for as long as the command is repeated.
#[must_use]
pub fn new_command_id() -> String {
    Uuid::now_v7().to_string()
}

/// How often and how long a command is repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retry {
    /// At most so many tries.
    pub attempts: u32,
    /// How long the first pause is at most; each later one is twice as long.
    pub first_wait: Duration,
    /// No pause is longer.
    pub longest_wait: Duration,
    /// After this long nothing is tried again.
    pub give_up_after: Duration,
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            attempts: 8,
            first_wait: Duration::from_millis(50),
            longest_wait: Duration::from_secs(3),
            give_up_after: Duration::from_secs(30),
        }
    }
}

impl Retry {
    /// Calls until it is answered, refused for good, or the bound is reached; the last error is the one that is told.
    pub async fn run<T, F, Fut>(&self, mut call: F) -> Result<T, Error>
    where
        F: FnMut() -> Fut,
        Fut: Future<Output = Result<Response<T>, Status>>,
    {
        let end = Instant::now() + self.give_up_after;
        let mut attempt = 1;
        loop {
            let error = match call().await {
                Ok(response) => return Ok(response.into_inner()),
                Err(status) => Error::from(status),
            };
            let Some(refused) = error.refused().filter(|refused| refused.is_transient()) else {
                return Err(error);
            };
            let wait = self.wait(attempt).max(refused.retry_after().unwrap_or_default());
            if attempt >= self.attempts || Instant::now() + wait > end {
                return Err(error);
            }
            tracing::debug!(attempt, reason = %refused, "trying again");
            tokio::time::sleep(wait).await;
            attempt += 1;
        }
    }

    /// The pause after a try: doubled each time, and shortened at random so that many clients do not come back at once.
    #[must_use]
    pub fn wait(&self, attempt: u32) -> Duration {
        let doubled = self.first_wait.saturating_mul(1 << attempt.saturating_sub(1).min(16));
        doubled.min(self.longest_wait).mul_f64(rand::rng().random_range(0.5..=1.0))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failed test should panic

    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    fn quick() -> Retry {
        Retry { first_wait: Duration::from_millis(1), longest_wait: Duration::from_millis(2), ..Retry::default() }
    }

    async fn failing_first(times: u32, status: fn() -> Status) -> (Result<u32, Error>, u32) {
        let calls = AtomicU32::new(0);
        let answer = quick()
            .run(|| async {
                let call = calls.fetch_add(1, Ordering::SeqCst) + 1;
                if call <= times { Err(status()) } else { Ok(Response::new(call)) }
            })
            .await;
        (answer, calls.into_inner())
    }

    #[tokio::test]
    async fn what_is_unavailable_is_tried_again_until_it_answers() {
        let (answer, calls) = failing_first(3, || Status::unavailable("restarting")).await;
        assert_eq!((answer.unwrap(), calls), (4, 4));
    }

    #[tokio::test]
    async fn a_refusal_is_never_repeated() {
        let (answer, calls) = failing_first(3, || Status::failed_precondition("closed")).await;
        assert!(answer.is_err());
        assert_eq!(calls, 1);
    }

    #[tokio::test]
    async fn the_number_of_tries_is_bounded() {
        let (answer, calls) = failing_first(u32::MAX, || Status::deadline_exceeded("slow")).await;
        assert!(answer.is_err());
        assert_eq!(calls, quick().attempts);
    }

    #[tokio::test]
    async fn the_time_of_trying_is_bounded() {
        let retry = Retry { give_up_after: Duration::ZERO, ..quick() };
        let calls = AtomicU32::new(0);
        let answer: Result<(), _> = retry
            .run(|| async {
                calls.fetch_add(1, Ordering::SeqCst);
                Err(Status::unavailable("gone"))
            })
            .await;
        assert!(answer.is_err());
        assert_eq!(calls.into_inner(), 1);
    }

    #[test]
    fn pauses_grow_and_have_a_ceiling() {
        let retry = Retry::default();
        assert!(retry.wait(1) <= Duration::from_millis(50));
        assert!(retry.wait(4) >= Duration::from_millis(200));
        assert!(retry.wait(60) <= retry.longest_wait);
    }
}
