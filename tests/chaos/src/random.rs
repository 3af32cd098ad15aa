//! Chance that can be told again: the same seed gives the same schedule, whatever version of whatever library is used.

/// A generator of numbers (SplitMix64).
#[derive(Debug, Clone)]
pub struct Chance(u64);

impl Chance {
    /// Chance from a seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Chance of its own for one part of a run, so that what another part draws does not change it.
    #[must_use]
    pub fn of_part(seed: u64, part: u64) -> Self {
        let mut chance = Self(seed ^ part.wrapping_mul(0xD6E8_FEB8_6659_FD93));
        chance.next();
        chance
    }

    /// The next number.
    #[allow(clippy::should_implement_trait)] // it never ends, so it is no iterator
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`; 0 where the bound is 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        if bound == 0 { 0 } else { self.next() % bound }
    }

    /// A number from `low` to `high`, both among them.
    pub fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high.saturating_sub(low) + 1)
    }

    /// True so many times in a thousand.
    pub fn per_mille(&mut self, often: u64) -> bool {
        self.below(1000) < often
    }

    /// One of these; none where there are none.
    pub fn pick<'a, T>(&mut self, of: &'a [T]) -> Option<&'a T> {
        let index = usize::try_from(self.below(of.len() as u64)).unwrap_or_default();
        of.get(index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_tells_the_same_story_and_another_seed_another() {
        let told =
            |seed| (0..50).map(|_| 0).scan(Chance::new(seed), |chance, _| Some(chance.next())).collect::<Vec<_>>();
        assert_eq!(told(7), told(7));
        assert_ne!(told(7), told(8));
        assert_eq!(told(0).first(), Some(&0xE220_A839_7B1D_CDAF), "SplitMix64 as its author published it");
    }

    #[test]
    fn numbers_stay_within_their_bounds() {
        let mut chance = Chance::of_part(3, 4);
        for _ in 0..1000 {
            assert!((5..=9).contains(&chance.between(5, 9)));
        }
        assert_eq!(chance.below(0), 0);
        assert_eq!(chance.pick::<u8>(&[]), None);
    }
}
