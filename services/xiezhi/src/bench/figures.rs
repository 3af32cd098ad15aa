//! The arithmetic of measurements: shares of a distribution, medians, rates.

use std::time::Duration;

use anyhow::Context;
use serde::Serialize;

/// Half of the values are at most `p50_ms`, ninety-nine of a hundred at most `p99_ms`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Spread {
    /// The median, in milliseconds.
    pub p50_ms: f64,
    /// The hundredth that is worst begins here, in milliseconds.
    pub p99_ms: f64,
}

impl Spread {
    /// The spread of these times; none of nothing.
    pub fn of(mut times: Vec<Duration>) -> anyhow::Result<Self> {
        times.sort_unstable();
        let at = |share: f64| -> anyhow::Result<f64> {
            let index = ((times.len() as f64 * share).ceil() as usize).clamp(1, times.len().max(1)) - 1;
            Ok(times.get(index).context("没有测量值 / nothing was measured")?.as_secs_f64() * 1000.0)
        };
        Ok(Self { p50_ms: at(0.50)?, p99_ms: at(0.99)? })
    }
}

/// The middle value, or the mean of the two in the middle; 0 of nothing.
#[must_use]
pub fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    let upper = values.get(middle).copied().unwrap_or(0.0);
    match values.len() % 2 {
        0 => values.get(middle.wrapping_sub(1)).map_or(upper, |lower| (lower + upper) / 2.0),
        _ => upper,
    }
}

/// How many a second.
#[must_use]
pub fn per_second(count: usize, within: Duration) -> f64 {
    count as f64 / within.as_secs_f64().max(f64::MIN_POSITIVE)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failed test should panic

    use super::*;

    #[test]
    fn the_ninety_ninth_of_a_hundred_is_the_p99() {
        let spread = Spread::of((1..=100).rev().map(Duration::from_millis).collect()).unwrap();
        assert_eq!(spread, Spread { p50_ms: 50.0, p99_ms: 99.0 });
        let one = Spread::of(vec![Duration::from_millis(7)]).unwrap();
        assert_eq!(one, Spread { p50_ms: 7.0, p99_ms: 7.0 });
        assert!(Spread::of(Vec::new()).is_err());
    }

    #[test]
    fn a_median_is_in_the_middle() {
        assert_eq!(median([3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median([4.0, 1.0, 2.0, 3.0]), 2.5);
        assert_eq!(median([]), 0.0);
    }

    #[test]
    fn a_rate_is_a_count_over_a_time() {
        assert_eq!(per_second(30, Duration::from_secs(2)), 15.0);
    }
}
