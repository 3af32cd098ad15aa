//! What a department's system links to: it connects to a centre, renews its own right to call, follows its work orders
//! over every interruption, repeats a command safely, and can check from outside that nothing was lost.

/// One call of a typed client, as [`Centre::read`] and [`Centre::command`] want it: the client and the request are its own.
///
/// `centre.command(|command_id| client::call!(centre.assignment().acknowledge_work_order(request(command_id))))`
#[macro_export]
macro_rules! call {
    ($centre:ident.$door:ident($($of:expr),*).$method:ident($request:expr)) => {{
        let mut client = $centre.$door($($of),*);
        let request = $request;
        async move { client.$method(request).await }
    }};
}

mod account;
mod bearer;
pub mod blob;
mod centre;
pub mod journal;
mod options;
mod orders;
pub mod pages;
mod refused;
pub mod rest;
mod retry;
pub mod turn;
pub mod verify;

pub use bearer::Bearer;
pub use centre::{Centre, Door};
pub use options::{ClientOptions, Credentials, Tls};
pub use orders::{OrderChange, Orders};
pub use refused::{Error, Refused, Sentences, Violation};
pub use retry::{Retry, new_command_id};

/// The five services, in the order in which a complaint meets them.
pub const SERVICES: [&str; 5] = ["intake", "assignment", "scheduling", "supervision", "evaluation"];

/// A protobuf time as a moment; none where it is absent or no moment.
#[must_use]
pub fn moment(time: Option<&prost_types::Timestamp>) -> Option<jiff::Timestamp> {
    let time = time?;
    jiff::Timestamp::new(time.seconds, time.nanos).ok()
}

/// A moment as a protobuf time.
#[must_use]
pub fn proto_time(at: jiff::Timestamp) -> prost_types::Timestamp {
    // A moment before 1970 keeps its nanoseconds positive, as protobuf wants them.
    let whole = at.as_nanosecond();
    let seconds = i64::try_from(whole.div_euclid(1_000_000_000)).unwrap_or(i64::MAX);
    let nanos = i32::try_from(whole.rem_euclid(1_000_000_000)).unwrap_or(0);
    prost_types::Timestamp { seconds, nanos }
}
