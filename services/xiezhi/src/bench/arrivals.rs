//! Arrivals at a steady rate that know nothing of each other, as callers who do not wait for one another make them.

use std::time::Duration;

/// When each of so many arrivals comes, counted from the beginning: their distances are exponentially distributed, so that
/// the arrivals are a Poisson process. One seed always gives the same moments.
pub fn poisson(seed: u64, per_second: f64, within: Duration) -> Vec<Duration> {
    let mut chance = Chance(seed);
    let mut at = 0.0;
    let mut moments = Vec::new();
    loop {
        at -= (1.0 - chance.unit()).ln() / per_second;
        if !at.is_finite() || at >= within.as_secs_f64() {
            return moments;
        }
        moments.push(Duration::from_secs_f64(at));
    }
}

/// SplitMix64: small, well known, and the same on every machine.
struct Chance(u64);

impl Chance {
    /// At least 0 and below 1.
    fn unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((bits ^ (bits >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrivals_come_at_their_rate_in_order_and_the_same_way_again() {
        let moments = poisson(7, 100.0, Duration::from_secs(100));
        assert!((9_700..10_300).contains(&moments.len()), "{} in 100 s at 100 a second", moments.len());
        assert!(moments.is_sorted());
        assert_eq!(moments, poisson(7, 100.0, Duration::from_secs(100)));
        assert_ne!(moments, poisson(8, 100.0, Duration::from_secs(100)));
    }

    #[test]
    fn distances_are_spread_as_those_of_independent_arrivals_are() {
        let moments = poisson(1, 10.0, Duration::from_secs(1000));
        let mut before = Duration::ZERO;
        let distances: Vec<f64> = moments
            .iter()
            .map(|at| {
                let distance = (*at - before).as_secs_f64();
                before = *at;
                distance
            })
            .collect();
        let mean = distances.iter().sum::<f64>() / distances.len() as f64;
        let variance = distances.iter().map(|d| (d - mean).powi(2)).sum::<f64>() / distances.len() as f64;
        assert!((mean - 0.1).abs() < 0.005, "{mean}");
        assert!((variance.sqrt() / mean - 1.0).abs() < 0.05, "an exponential distance varies by its mean");
    }

    #[test]
    fn nothing_arrives_at_no_rate() {
        assert!(poisson(1, 0.0, Duration::from_secs(1)).is_empty());
    }
}
