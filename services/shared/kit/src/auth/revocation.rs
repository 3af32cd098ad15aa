//! 停用: accounts whose tokens no longer count, although their time is not over.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::{Duration, Instant};

use futures::future::BoxFuture;
use tracing::warn;

use crate::auth::token::LONGEST_LIFE;

/// How often the sources are asked; with the fence's own beat a stream ends well within a minute.
pub const REFRESH_EVERY: Duration = Duration::from_secs(5);

/// Somewhere that knows which accounts are disabled: the store of one service.
pub trait RevocationSource: Send + Sync + 'static {
    /// The accounts whose tokens no longer count.
    fn accounts(&self) -> BoxFuture<'_, Result<Vec<String>, crate::refusal::Refusal>>;
}

/// The accounts that are disabled, shared by every door of a process. Clones see the same set.
#[derive(Debug, Clone, Default)]
pub struct Revocations(Arc<RwLock<Known>>);

#[derive(Debug, Default)]
struct Known {
    /// What each source said last; a source that cannot be reached keeps what it said.
    heard: Vec<HashSet<String>>,
    /// Told directly, with the moment after which the account's last token is over and its source has long spoken.
    pushed: HashMap<String, Instant>,
}

impl Revocations {
    /// Nobody is disabled yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// True where tokens of the account do not count.
    pub fn contains(&self, account: &str) -> bool {
        let known = self.read();
        known.pushed.contains_key(account) || known.heard.iter().any(|source| source.contains(account))
    }

    /// Disables an account at once, before any source has said so.
    pub fn push(&self, account: impl Into<String>) {
        self.write().pushed.insert(account.into(), Instant::now() + LONGEST_LIFE);
    }

    /// Takes what one source says now in place of what it said before.
    pub fn heard(&self, source: usize, accounts: impl IntoIterator<Item = String>) {
        let accounts = accounts.into_iter().collect();
        let mut known = self.write();
        if known.heard.len() <= source {
            known.heard.resize_with(source + 1, HashSet::new);
        }
        if let Some(place) = known.heard.get_mut(source) {
            *place = accounts;
        }
        let now = Instant::now();
        known.pushed.retain(|_, until| *until > now);
    }

    /// Asks every source, once.
    pub async fn refresh(&self, sources: &[Arc<dyn RevocationSource>]) {
        for (number, source) in sources.iter().enumerate() {
            match source.accounts().await {
                Ok(accounts) => self.heard(number, accounts),
                Err(error) => {
                    warn!(%error, source = number, "disabled accounts could not be read, the last known ones stand")
                }
            }
        }
    }

    /// Asks every source again and again until it is dropped or aborted.
    pub async fn keep_fresh(self, sources: Vec<Arc<dyn RevocationSource>>, every: Duration) {
        let mut beat = tokio::time::interval(every);
        beat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            beat.tick().await;
            self.refresh(&sources).await;
        }
    }

    // A thread that panicked while it held the lock left a set that is still whole.
    fn read(&self) -> RwLockReadGuard<'_, Known> {
        self.0.read().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Known> {
        self.0.write().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_source_forgets_another_may_still_say() {
        let revocations = Revocations::new();
        revocations.heard(0, ["zf-1".to_owned()]);
        revocations.heard(1, ["zf-1".to_owned(), "hb-1".to_owned()]);
        revocations.heard(0, []);
        assert!(revocations.contains("zf-1"));
        revocations.heard(1, []);
        assert!(!revocations.contains("zf-1"));
    }

    #[test]
    fn a_pushed_account_stays_disabled_although_no_source_names_it_yet() {
        let revocations = Revocations::new();
        revocations.clone().push("zf-1");
        revocations.heard(0, []);
        assert!(revocations.contains("zf-1"));
        assert!(!revocations.contains("zf-2"));
    }
}
