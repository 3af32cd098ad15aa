//! Where protobuf meets the domain, and nowhere else: events heard, events said, answers given.

mod details;
mod entry;
mod heard;
mod said;
mod view;

pub use details::cases_of;
pub use entry::{cases_named, entry_for_unit, entry_view, forget_cases};
pub use heard::Report;
pub use said::say;
pub use view::{Labels, case_id, clock_view, order_view, proof_view, reason_code, task_view};
