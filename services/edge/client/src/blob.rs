//! Files, in and out, in chunks.

use bytes::Bytes;
use sha2::{Digest, Sha256};
use xiezhi_proto::bus::v1::{DownloadBlobRequest, UploadBlobRequest};
use xiezhi_proto::common::v1::BlobRef;

use crate::centre::Centre;
use crate::refused::Error;

/// How much travels at once, in bytes.
const CHUNK_BYTES: usize = 64 * 1024;

/// Stores a file with a service and gives the reference that requests cite. A repeat stores nothing twice.
pub async fn upload(centre: &Centre, service: &str, bytes: impl Into<Bytes>) -> Result<BlobRef, Error> {
    let bytes = bytes.into();
    let chunks = chunks(service, &bytes);
    let stored = centre
        .read(|| {
            let mut blobs = centre.blobs(service);
            let chunks = chunks.clone();
            async move { blobs.upload_blob(futures::stream::iter(chunks)).await }
        })
        .await?;
    if stored.sha256.as_ref() != Sha256::digest(&bytes).as_slice() {
        return Err(Error::Broken("the stored file is not the one that was sent".to_owned()));
    }
    Ok(BlobRef { sha256: stored.sha256, media_type: stored.media_type, size_bytes: stored.size_bytes })
}

/// Cloning a chunk copies no bytes, so a second try costs nothing.
fn chunks(service: &str, bytes: &Bytes) -> Vec<UploadBlobRequest> {
    let mut chunks = vec![UploadBlobRequest { service: service.to_owned(), chunk: Bytes::new() }];
    let mut rest = bytes.clone();
    while !rest.is_empty() {
        let chunk = rest.split_to(CHUNK_BYTES.min(rest.len()));
        chunks.push(UploadBlobRequest { service: service.to_owned(), chunk });
    }
    // The first chunk names the service; it carries bytes where there are any.
    if chunks.len() > 1 {
        chunks.remove(0);
    }
    chunks
}

/// Reads a file back and checks that it is the one that was asked for.
pub async fn download(centre: &Centre, service: &str, sha256: &[u8]) -> Result<Vec<u8>, Error> {
    let request = DownloadBlobRequest { service: service.to_owned(), sha256: Bytes::copy_from_slice(sha256) };
    let mut stream = centre.read(|| crate::call!(centre.blobs(service).download_blob(request.clone()))).await?;
    let mut bytes = Vec::new();
    while let Some(chunk) = stream.message().await? {
        bytes.extend_from_slice(&chunk.chunk);
    }
    if Sha256::digest(&bytes).as_slice() != sha256 {
        return Err(Error::Broken(format!("the file {} came with other bytes", hex::encode(sha256))));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_travels_in_chunks_that_make_it_whole_again() {
        let bytes = Bytes::from((0..200_000_u32).map(|n| (n % 251) as u8).collect::<Vec<_>>());
        let chunks = chunks("intake", &bytes);
        assert_eq!(chunks.len(), 4);
        assert!(chunks.iter().all(|chunk| chunk.service == "intake" && chunk.chunk.len() <= CHUNK_BYTES));
        let whole: Vec<u8> = chunks.iter().flat_map(|chunk| chunk.chunk.to_vec()).collect();
        assert_eq!(whole, bytes);
    }

    #[test]
    fn an_empty_file_still_names_its_service() {
        let chunks = chunks("intake", &Bytes::new());
        assert_eq!(chunks.len(), 1);
        assert!(chunks[0].chunk.is_empty());
    }
}
