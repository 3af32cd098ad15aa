//! What intake remembers: all of its SQL.

mod cases;
mod flush;
mod load;
pub mod read;

pub use flush::flush;
pub use load::{load, widen};

use intake_domain::{Case, StageName};
use kit::service::StoreError;

/// The state column as the domain's type.
fn case_of(id: uuid::Uuid, state: Vec<u8>) -> Result<Case, StoreError> {
    kit::state::unpack(&state).map_err(|error| StoreError::Unreadable {
        table: "cases",
        id: id.to_string(),
        reason: error.to_string(),
    })
}

/// The task a case waits for a person with, if any; the CHECK of the table says the same.
fn open_task(case: &Case) -> Option<&'static str> {
    match &case.stage {
        intake_domain::Stage::Registered { .. } => Some(TASK_DECIDE),
        intake_domain::Stage::RoutedAway { receipt: None, .. } => Some(TASK_RECEIPT),
        _ => None,
    }
}

/// Accept, decline or route away.
pub const TASK_DECIDE: &str = "intake.decide";
/// The other authority has not signed yet.
pub const TASK_RECEIPT: &str = "intake.receipt";

fn stage_of(code: &str, id: uuid::Uuid) -> Result<StageName, StoreError> {
    StageName::parse(code).ok_or_else(|| StoreError::Unreadable {
        table: "cases",
        id: id.to_string(),
        reason: format!("stage {code}"),
    })
}
