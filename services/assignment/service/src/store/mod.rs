//! What is remembered: all the SQL of assignment.

mod cases;
mod flush;
mod load;
pub mod read;

pub use flush::flush;
pub use load::{load, widen};

use kit::service::StoreError;

/// Where what people wrote is sealed.
const TEXT_BODY: &str = "work_text.body";

/// Why a row does not read back.
fn unreadable(table: &'static str, id: impl ToString, reason: impl ToString) -> StoreError {
    StoreError::Unreadable { table, id: id.to_string(), reason: reason.to_string() }
}

/// A state as it was written.
fn state<T: serde::de::DeserializeOwned>(
    table: &'static str,
    id: impl ToString,
    state: serde_json::Value,
) -> Result<T, StoreError> {
    serde_json::from_value(state).map_err(|error| unreadable(table, id, error))
}

/// A state as bytes were written of it.
fn stored<T: serde::de::DeserializeOwned>(
    table: &'static str,
    id: impl ToString,
    state: &[u8],
) -> Result<T, StoreError> {
    kit::state::unpack(state).map_err(|error| unreadable(table, id, error))
}

/// A state as bytes.
fn bytes<T: serde::Serialize>(table: &'static str, id: impl ToString, value: &T) -> Result<Vec<u8>, StoreError> {
    kit::state::pack(value).map_err(|error| unreadable(table, id, error))
}

/// A state as it is written.
fn written<T: serde::Serialize>(
    table: &'static str,
    id: impl ToString,
    value: &T,
) -> Result<serde_json::Value, StoreError> {
    serde_json::to_value(value).map_err(|error| unreadable(table, id, error))
}
