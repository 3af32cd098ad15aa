//! Where protobuf meets the domain, and nowhere else: events heard, events said, requests read, answers given.

mod asked;
mod heard;
mod said;
mod view;

pub use asked::{adjudicating, callback_id, facts_asked, rates_asked, recording, state_asked};
pub use heard::Report;
pub use said::say;
pub use view::{adjudicated, callback_found, callbacks_listed, facts_listed, rates_told, recorded, tasks_listed};
