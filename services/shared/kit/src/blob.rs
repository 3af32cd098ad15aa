//! Files by their content: evidence, proofs, bundles. A file's type is what its bytes say, never what a caller says.

use sha2::{Digest, Sha256};
use sqlx::PgPool;

use crate::context::Blob;
use crate::corridor::unavailable;
use crate::refusal::Refusal;
use crate::store;

/// The most bytes a file may have.
pub const MAX_BYTES: usize = 32 * 1024 * 1024;

/// The type of a file, by its first bytes; `None` for what we do not take.
pub fn media_type(bytes: &[u8]) -> Option<&'static str> {
    let starts = |magic: &[u8]| bytes.starts_with(magic);
    if starts(b"\xff\xd8\xff") {
        return Some("image/jpeg");
    }
    if starts(b"\x89PNG\r\n\x1a\n") {
        return Some("image/png");
    }
    if starts(b"%PDF-") {
        return Some("application/pdf");
    }
    if bytes.get(4..8) == Some(b"ftyp") {
        return Some("video/mp4");
    }
    if starts(b"RIFF") && bytes.get(8..12) == Some(b"WAVE") {
        return Some("audio/wav");
    }
    if starts(b"PK\x03\x04") {
        return Some("application/zip");
    }
    let text = std::str::from_utf8(bytes).ok()?;
    if text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t')) {
        return None;
    }
    match text.trim_start().chars().next() {
        None => None,
        Some('{' | '[') if serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok() => Some("application/json"),
        Some(_) => Some("text/plain"),
    }
}

/// Looks at a file's bytes and names it by them.
pub fn examine(bytes: Vec<u8>) -> Result<Blob, Refusal> {
    if bytes.is_empty() {
        return Err(Refusal::field("chunk", "the file is empty"));
    }
    let media_type = media_type(&bytes)
        .ok_or_else(|| Refusal::field("chunk", "neither JPEG, PNG, PDF, MP4, WAV, ZIP, JSON nor plain text"))?;
    let sha256 = Sha256::digest(&bytes).into();
    Ok(Blob { sha256, bytes, media_type: media_type.to_owned() })
}

/// Stores a file; the same bytes are stored once.
pub async fn keep(pool: &PgPool, blob: &Blob) -> Result<(), Refusal> {
    let mut connection = pool.acquire().await.map_err(unavailable)?;
    store::insert_blobs(&mut connection, std::slice::from_ref(blob)).await.map_err(unavailable)
}

/// A stored file.
pub async fn find(pool: &PgPool, sha256: &[u8]) -> Result<Option<Blob>, Refusal> {
    let row = sqlx::query!("SELECT sha256, bytes, media_type FROM bus.blob WHERE sha256 = $1", sha256)
        .fetch_optional(pool)
        .await
        .map_err(unavailable)?;
    row.map(|row| {
        let sha256 = <[u8; 32]>::try_from(row.sha256.as_slice())
            .map_err(|_| Refusal::Internal("a blob's name is not a hash".to_owned()))?;
        Ok(Blob { sha256, bytes: row.bytes, media_type: row.media_type })
    })
    .transpose()
}

/// What is known of a stored file without reading it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlobInfo {
    /// SHA-256 of its bytes.
    pub sha256: Vec<u8>,
    /// Its type.
    pub media_type: String,
    /// How many bytes it has.
    pub size_bytes: i64,
}

/// Which of these files are stored. Files are uploaded before a command cites them, and never deleted, so a read suffices.
pub async fn list(pool: &PgPool, hashes: &[Vec<u8>]) -> Result<Vec<BlobInfo>, Refusal> {
    sqlx::query_as!(
        BlobInfo,
        r#"SELECT sha256, media_type, octet_length(bytes)::bigint AS "size_bytes!" FROM bus.blob WHERE sha256 = ANY($1)"#,
        hashes
    )
    .fetch_all(pool)
    .await
    .map_err(unavailable)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failed test should panic
    use super::*;

    #[test]
    fn a_file_is_what_its_bytes_say() {
        assert_eq!(media_type(b"\xff\xd8\xff\xe0rest"), Some("image/jpeg"));
        assert_eq!(media_type("现场笔录".as_bytes()), Some("text/plain"));
        assert_eq!(media_type(b"{\"a\": 1}"), Some("application/json"));
        assert_eq!(media_type(b"MZ\x90\x00"), None);
        assert_eq!(media_type(b"\x7fELF\x02"), None);
    }

    #[test]
    fn an_empty_file_is_refused() {
        assert!(examine(Vec::new()).is_err());
    }
}
