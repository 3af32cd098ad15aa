//! 耐心: how long what one producer said waits for its sequel, so that both are written at once.

use std::collections::{HashSet, VecDeque};
use std::time::Duration;

use uuid::Uuid;

/// Where little happens nobody waits longer for a sequel than it usually takes to come.
const QUIET: Duration = Duration::from_millis(15);
/// The shortest under load.
const SHORTEST: Duration = Duration::from_millis(50);
/// The longest: whoever makes the sequels is far behind.
const LONGEST: Duration = Duration::from_secs(10);
/// So many keys that were let go without their sequel are remembered.
const REMEMBERED: usize = 4096;

/// Learns under load: it grows where sequels come after all, and shrinks where they do not.
#[derive(Debug)]
pub(crate) struct Patience {
    under_load: Duration,
    let_go: VecDeque<Uuid>,
    known: HashSet<Uuid>,
}

impl Default for Patience {
    fn default() -> Self {
        Self { under_load: SHORTEST, let_go: VecDeque::new(), known: HashSet::new() }
    }
}

impl Patience {
    /// How long an event waits for its sequel.
    pub fn lasts(&self, crowd: bool) -> Duration {
        if crowd { self.under_load } else { QUIET }
    }

    /// What was just applied: keys whose event was let go without a sequel, and keys of sequels.
    pub fn note(&mut self, let_go: &[Uuid], sequels: &[Uuid]) {
        let regretted = sequels.iter().filter(|key| self.known.remove(*key)).count();
        if regretted * 2 > sequels.len() {
            self.under_load = (self.under_load * 2).min(LONGEST);
        } else if !let_go.is_empty() && regretted == 0 {
            self.under_load = (self.under_load / 2).max(SHORTEST);
        }
        for key in let_go {
            if self.known.insert(*key) {
                self.let_go.push_back(*key);
            }
        }
        while self.let_go.len() > REMEMBERED {
            if let Some(oldest) = self.let_go.pop_front() {
                self.known.remove(&oldest);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(range: std::ops::Range<u128>) -> Vec<Uuid> {
        range.map(Uuid::from_u128).collect()
    }

    #[test]
    fn it_grows_while_sequels_come_too_late_and_shrinks_where_none_come() {
        let mut patience = Patience::default();
        for round in 0..20 {
            patience.note(&keys(round * 10..round * 10 + 10), &keys(round.saturating_sub(1) * 10..round * 10));
        }
        assert_eq!(patience.lasts(true), LONGEST);
        // Quiet times do not learn from it.
        assert_eq!(patience.lasts(false), QUIET);
        for round in 100..120 {
            patience.note(&keys(round * 10..round * 10 + 10), &[]);
        }
        assert_eq!(patience.lasts(true), SHORTEST);
    }

    #[test]
    fn what_others_say_of_old_cases_teaches_nothing() {
        let mut patience = Patience::default();
        for _ in 0..20 {
            patience.note(&[], &keys(0..50));
        }
        assert_eq!(patience.lasts(true), SHORTEST);
    }

    #[test]
    fn it_remembers_so_many_and_no_more() {
        let mut patience = Patience::default();
        for round in 0..100 {
            patience.note(&keys(round * 100..round * 100 + 100), &[]);
        }
        assert!(patience.known.len() <= REMEMBERED && patience.let_go.len() <= REMEMBERED);
    }
}
