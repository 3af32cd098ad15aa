//! A request that is no message is its caller's mistake, and is told as one.
//!
//! The library that reads messages calls such bytes an internal error, as if the house were at fault: an operator would look
//! for a defect, and a caller would try again.

use axum::body::Body;
use axum::middleware::Next;
use http::{Request, Response};
use tonic::{Code, Status};

use crate::refusal::Refusal;

/// How the library begins what it says of bytes that cannot be read.
const UNREADABLE: [&str; 3] =
    ["failed to decode Protobuf message", "protocol error: received message with", "Unexpected EOF decoding stream"];

/// Tells a request that cannot be read as a mistake in the request.
pub(super) async fn tell(request: Request<Body>, next: Next) -> Response<Body> {
    let response = next.run(request).await;
    let said = Status::from_header_map(response.headers());
    match said.filter(is_unreadable) {
        // What exactly is wrong with the bytes helps whoever wrote the client; it repeats none of them.
        Some(status) => Status::from(Refusal::field("request", status.message())).into_http(),
        None => response,
    }
}

fn is_unreadable(status: &Status) -> bool {
    status.code() == Code::Internal && UNREADABLE.iter().any(|begin| status.message().starts_with(begin))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_read_is_told_from_what_went_wrong_in_the_house() {
        let reading = "failed to decode Protobuf message: GetCaseRequest.case_id: invalid string value";
        assert!(is_unreadable(&Status::internal(reading)));
        assert!(!is_unreadable(&Status::internal("内部错误 internal error")));
        assert!(!is_unreadable(&Status::unavailable(reading)));
    }
}
