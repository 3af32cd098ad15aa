//! Where protobuf meets domain: requests become commands with every mistake named, decisions become answers and events.

pub mod answer;
pub mod complaint;
pub mod event;
pub mod heard;
pub mod own;
pub mod request;

use kit::refusal::{Checks, Refusal};
use words::Mistakes;

/// Notes every mistake of a common message below a field.
fn note<T>(checks: &mut Checks, field: &str, result: Result<T, Mistakes>) -> Option<T> {
    match result {
        Ok(value) => Some(value),
        Err(mistakes) => {
            for mistake in mistakes.within(field) {
                checks.wrong(mistake.field, mistake.reason);
            }
            None
        }
    }
}

/// Mistakes of common messages as a refusal.
pub fn invalid(mistakes: Mistakes) -> Refusal {
    let mut checks = Checks::new();
    for mistake in mistakes {
        checks.wrong(mistake.field, mistake.reason);
    }
    match checks.done() {
        Err(refusal) => refusal,
        Ok(()) => Refusal::Internal("a mistake without a field".to_owned()),
    }
}
