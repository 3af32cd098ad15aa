//! The door for people and departments: parse, ask the corridor, phrase the answer.

mod officers;
mod operations;
mod reads;

use kit::caller::{Access, Granted};
use kit::corridor::{Corridor, unavailable};
use kit::refusal::Refusal;
use kit::service::{Keys, StoreError};
use scheduling_domain::{Operation, Span};
use vocab::OperationId;

use crate::Scheduling;
use crate::app::planning;
use crate::store::{self, Reading};
use crate::unit::Needs;
use crate::wire::read::Wish;

/// 联合行动: the door of `OperationService`.
#[derive(Clone)]
pub struct OperationDoor {
    corridor: Corridor<Scheduling>,
}

/// 执法人员: the door of `OfficerService`.
#[derive(Clone)]
pub struct OfficerDoor {
    corridor: Corridor<Scheduling>,
}

impl OperationDoor {
    /// A door onto this corridor.
    #[must_use]
    pub fn new(corridor: Corridor<Scheduling>) -> Self {
        Self { corridor }
    }

    /// Begins reading as far as the caller may see.
    async fn reading(&self, granted: &Granted) -> Result<Reading, Refusal> {
        store::begin(self.corridor.pool(), own_unit(granted)).await.map_err(unread)
    }

    /// An operation as it stands, if the caller may know of it.
    async fn find(&self, tx: &mut Reading, granted: &Granted, id: OperationId) -> Result<Operation, Refusal> {
        let found = store::find_operation(tx, id).await.map_err(unread)?;
        found.filter(|operation| granted.covers(operation.units())).ok_or(Refusal::NotFound { what: "operation" })
    }

    /// The keys of a decision that plans: the operation, and every booking of the time in question.
    async fn planning_keys(&self, id: OperationId, wish: &Wish) -> Result<Keys<Needs>, Refusal> {
        let (now, rules) = (self.corridor.now().await?, self.corridor.rules().await?);
        let (from, until) = planning::window(wish, now, &rules.content)?;
        Ok(Keys::one(id.uuid()).and(Needs { window: Some(Span { from, until }), ..Needs::default() }))
    }
}

impl OfficerDoor {
    /// A door onto this corridor.
    #[must_use]
    pub fn new(corridor: Corridor<Scheduling>) -> Self {
        Self { corridor }
    }
}

/// A read that failed, as a caller hears it.
fn unread(error: StoreError) -> Refusal {
    match error {
        StoreError::Database(error) => unavailable(error),
        StoreError::Unreadable { .. } => {
            tracing::error!(%error, "the store holds what cannot be read");
            Refusal::Internal("store".to_owned())
        }
    }
}

/// The unit a caller is confined to; none where it may see everything.
fn own_unit(granted: &Granted) -> Option<&str> {
    (granted.access == Access::Own).then_some(granted.caller.unit.as_str())
}

/// The units a page is narrowed to: the one asked for, and the caller's own where it may see no more.
fn narrowed(granted: &Granted, asked: &str) -> Vec<String> {
    let own = own_unit(granted).map(str::to_owned);
    let asked = (!asked.is_empty()).then(|| asked.to_owned());
    own.into_iter().chain(asked).collect()
}
