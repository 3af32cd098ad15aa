//! Keyset paging: a token says where the last page ended, never how many rows to skip.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::refusal::Refusal;

/// Where a page ended, as text a client hands back unread.
pub fn encode_token<T: Serialize>(last: &T) -> String {
    // The keys of our pages are plain values; should one ever not serialise, the next page starts anew.
    serde_json::to_vec(last).map(|bytes| URL_SAFE_NO_PAD.encode(bytes)).unwrap_or_default()
}

/// Reads a token back; `None` for the first page.
pub fn decode_token<T: DeserializeOwned>(token: &str) -> Result<Option<T>, Refusal> {
    if token.is_empty() {
        return Ok(None);
    }
    URL_SAFE_NO_PAD
        .decode(token)
        .ok()
        .and_then(|bytes| serde_json::from_slice(&bytes).ok())
        .map(Some)
        .ok_or_else(|| Refusal::field("page_token", "is not one that this service gave out"))
}

/// The size of a page: the caller's wish, the default for 0, refused above the maximum.
pub fn page_size(requested: u32, default: u32, max: u32) -> Result<i64, Refusal> {
    match requested {
        0 => Ok(i64::from(default)),
        size if size <= max => Ok(i64::from(size)),
        size => Err(Refusal::field("page_size", format!("must be at most {max}, is {size}"))),
    }
}
