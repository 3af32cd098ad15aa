//! 耐心: how long what one producer said waits for its sequel, so that both are written at once.

use std::collections::HashSet;
use std::time::Duration;

use uuid::Uuid;

/// Where little happens nobody waits longer for a sequel than it usually takes to come.
const QUIET: Duration = Duration::from_millis(15);
/// The shortest under load.
const SHORTEST: Duration = Duration::from_millis(50);
/// The longest: whoever makes the sequels is far behind.
const LONGEST: Duration = Duration::from_secs(5);
/// So many keys that were let go without their sequel are remembered.
const REMEMBERED: usize = 4096;

/// Learns under load: it grows where sequels come after all, and shrinks where they do not.
#[derive(Debug)]
pub(crate) struct Patience {
    under_load: Duration,
    /// Keys whose event was let go before its sequel came.
    let_go: Keys,
    /// Keys whose sequel was applied first: what is still to come of them waits for nothing.
    early: Keys,
}

/// The last keys, so many at least and twice as many at most.
#[derive(Debug, Default)]
struct Keys {
    newer: HashSet<Uuid>,
    older: HashSet<Uuid>,
}

impl Keys {
    fn remember(&mut self, key: Uuid) {
        self.newer.insert(key);
        if self.newer.len() >= REMEMBERED {
            self.older = std::mem::take(&mut self.newer);
        }
    }

    fn contains(&self, key: &Uuid) -> bool {
        self.newer.contains(key) || self.older.contains(key)
    }

    fn forget(&mut self, key: &Uuid) -> bool {
        // In both where it was remembered again.
        let (newer, older) = (self.newer.remove(key), self.older.remove(key));
        newer || older
    }
}

impl Default for Patience {
    fn default() -> Self {
        Self { under_load: SHORTEST, let_go: Keys::default(), early: Keys::default() }
    }
}

impl Patience {
    /// How long an event waits for its sequel.
    pub fn lasts(&self, crowd: bool) -> Duration {
        if crowd { self.under_load } else { QUIET }
    }

    /// True of a key whose sequel is there already.
    pub fn has_sequel(&self, key: &Uuid) -> bool {
        self.early.contains(key)
    }

    /// What was just applied: the keys of first events and of sequels.
    pub fn note(&mut self, first: &HashSet<Uuid>, sequels: &HashSet<Uuid>) {
        let mut regretted = 0;
        for key in sequels.difference(first) {
            match self.let_go.forget(key) {
                true => regretted += 1,
                false => self.early.remember(*key),
            }
        }
        let mut alone = 0;
        for key in first.difference(sequels) {
            if !self.early.forget(key) {
                alone += 1;
                self.let_go.remember(*key);
            }
        }
        if regretted * 2 > sequels.len() {
            self.under_load = (self.under_load * 2).min(LONGEST);
        } else if alone > 0 && regretted == 0 {
            self.under_load = (self.under_load / 2).max(SHORTEST);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(range: std::ops::Range<u128>) -> HashSet<Uuid> {
        range.map(Uuid::from_u128).collect()
    }

    fn none() -> HashSet<Uuid> {
        HashSet::new()
    }

    #[test]
    fn it_grows_while_sequels_come_too_late_and_shrinks_where_none_come() {
        let mut patience = Patience::default();
        for round in 0..20_u128 {
            patience.note(&keys(round * 10..round * 10 + 10), &keys(round.saturating_sub(1) * 10..round * 10));
        }
        assert_eq!(patience.lasts(true), LONGEST);
        // Quiet times do not learn from it.
        assert_eq!(patience.lasts(false), QUIET);
        for round in 100..120 {
            patience.note(&keys(round * 10..round * 10 + 10), &none());
        }
        assert_eq!(patience.lasts(true), SHORTEST);
    }

    #[test]
    fn what_others_say_of_old_cases_teaches_nothing() {
        let mut patience = Patience::default();
        for _ in 0..20 {
            patience.note(&none(), &keys(0..50));
        }
        assert_eq!(patience.lasts(true), SHORTEST);
    }

    #[test]
    fn what_comes_after_its_sequel_waits_for_nothing_and_teaches_nothing() {
        let mut patience = Patience::default();
        patience.note(&none(), &keys(0..50));
        assert!(patience.has_sequel(&Uuid::from_u128(7)));
        patience.note(&keys(0..50), &none());
        assert!(!patience.has_sequel(&Uuid::from_u128(7)));
        patience.note(&none(), &keys(0..50));
        assert_eq!(patience.lasts(true), SHORTEST);
    }

    #[test]
    fn it_remembers_so_many_and_no_more() {
        let mut patience = Patience::default();
        for round in 0..100 {
            patience.note(&keys(round * 100..round * 100 + 100), &keys(50_000 + round * 100..50_100 + round * 100));
        }
        for keys in [&patience.let_go, &patience.early] {
            assert!(keys.newer.len() < REMEMBERED && keys.older.len() <= REMEMBERED);
        }
    }

    #[test]
    fn a_key_that_was_forgotten_and_comes_again_is_remembered_again() {
        let mut keys = Keys::default();
        for nth in 0..3 * REMEMBERED as u128 {
            keys.remember(Uuid::from_u128(nth));
            assert!(keys.forget(&Uuid::from_u128(nth)) && !keys.forget(&Uuid::from_u128(nth)));
            keys.remember(Uuid::from_u128(nth));
            assert!(keys.contains(&Uuid::from_u128(nth)));
        }
        assert!(!keys.contains(&Uuid::from_u128(0)));
    }
}
