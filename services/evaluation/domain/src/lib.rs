//! 考核评价: what evaluation holds to be right. Pure: the scheme comes in as data, moments and lots as values; nothing here
//! waits, reads a clock or draws by itself.
//!
//! A [`CaseFile`] keeps what was heard of a case ([`ledger::Ledger`]) apart from what evaluation decided (its call-backs).
//! What one service says never changes what another has said, so the order in which two services' words arrive does not
//! matter. [`rates`] counts what the files say, and shows what it left out.

pub mod callback;
pub mod draw;
pub mod event;
pub mod file;
pub mod heard;
pub mod ledger;
pub mod rates;
pub mod refusal;
pub mod scheme;

pub use callback::{Answer, Attempt, Call, Callback, Command, Official, Opinion, Stage, State, Verdict};
pub use draw::{Draw, EventHash, Seed};
pub use event::Event;
pub use file::{CaseFile, OrderFact, RoundFact};
pub use heard::{Dispatch, End, Fact, Heard, OperationState};
pub use ledger::Ledger;
pub use rates::{OrderGroup, Rate, RateCode, RatingGroup, UnitRates, Weights};
pub use refusal::{NotHeard, Refusal};
pub use scheme::Scheme;
