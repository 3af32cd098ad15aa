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
        Some(status) => Status::from(Refusal::field(field_of(status.message()), status.message())).into_http(),
        None => response,
    }
}

fn is_unreadable(status: &Status) -> bool {
    status.code() == Code::Internal && UNREADABLE.iter().any(|begin| status.message().starts_with(begin))
}

/// The field that could not be read, from the outside in, where the library names it: it says `Inner.text: Outer.inner: why`.
fn field_of(message: &str) -> String {
    let (_, names) = message.split_once(": ").unwrap_or_default();
    let is_name =
        |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    let named = |part: &'_ str| part.split_once('.').is_some_and(|(message, field)| is_name(message) && is_name(field));
    let mut path: Vec<&str> = names.split(": ").take_while(|part| named(part)).collect();
    path.reverse();
    let path: Vec<&str> = path.into_iter().filter_map(|part| Some(part.split_once('.')?.1)).collect();
    if path.is_empty() { "request".to_owned() } else { path.join(".") }
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

    #[test]
    fn the_field_is_named_where_it_is_known() {
        let said = |rest: &str| field_of(&format!("failed to decode Protobuf message: {rest}"));
        assert_eq!(said("RegisterCaseRequest.title: invalid string value: data is not UTF-8 encoded"), "title");
        let inner = "CaseFacts.region_code: RegisterCaseRequest.facts: invalid string value: data is not UTF-8 encoded";
        assert_eq!(said(inner), "facts.region_code");
        assert_eq!(said("invalid varint"), "request");
        assert_eq!(field_of("Unexpected EOF decoding stream."), "request");
    }
}
