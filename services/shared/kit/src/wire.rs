//! Small conversions between protobuf's well-known types and ours, used by every service's `wire.rs`.

use jiff::Timestamp;

/// A timestamp in protobuf's form.
pub fn to_proto_time(at: Timestamp) -> prost_types::Timestamp {
    let nanos = at.subsec_nanosecond();
    let mut seconds = at.as_second();
    let mut nanos = nanos;
    // protobuf counts the fraction forward from the second, jiff keeps the sign.
    if nanos < 0 {
        seconds -= 1;
        nanos += 1_000_000_000;
    }
    prost_types::Timestamp { seconds, nanos }
}

/// A timestamp from protobuf's form, cut to microseconds as the store keeps them.
pub fn from_proto_time(time: Option<prost_types::Timestamp>) -> Result<Timestamp, String> {
    let time = time.ok_or_else(|| "a time is missing".to_owned())?;
    if !(0..1_000_000_000).contains(&time.nanos) {
        return Err(format!("{} nanoseconds are out of range", time.nanos));
    }
    Timestamp::new(time.seconds, time.nanos / 1000 * 1000).map_err(|error| error.to_string())
}
