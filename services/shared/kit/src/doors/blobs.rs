//! Files in and out, in chunks.

use std::pin::Pin;
use std::time::Duration;

use futures::Stream;
use tokio::sync::Semaphore;
use tonic::{Request, Response, Status, Streaming};
use xiezhi_proto::bus::v1::blob_service_server::BlobService;
use xiezhi_proto::bus::v1::{DownloadBlobRequest, DownloadBlobResponse, UploadBlobRequest, UploadBlobResponse};

use super::Nodes;
use crate::blob;
use crate::caller::Granted;
use crate::refusal::Refusal;

/// How many files come in at once; each is held in memory until its last byte.
const UPLOADS: usize = 8;
/// How long one upload may take.
const UPLOAD_PATIENCE: Duration = Duration::from_secs(60);
/// How much of a file travels in one message.
const CHUNK: usize = 64 * 1024;

/// The door for files.
pub struct BlobDoor {
    nodes: Nodes,
    room: Semaphore,
}

impl BlobDoor {
    /// A door to the files of these services.
    pub fn new(nodes: Nodes) -> Self {
        Self { nodes, room: Semaphore::new(UPLOADS) }
    }
}

impl BlobDoor {
    async fn receive(&self, mut chunks: Streaming<UploadBlobRequest>) -> Result<(String, Vec<u8>), Status> {
        let mut service = String::new();
        let mut bytes = Vec::new();
        while let Some(part) = chunks.message().await? {
            if service.is_empty() {
                service = part.service;
                self.nodes.find(&service)?;
            }
            if bytes.len() + part.chunk.len() > blob::MAX_BYTES {
                return Err(Refusal::field("chunk", format!("a file has at most {} bytes", blob::MAX_BYTES)).into());
            }
            bytes.extend_from_slice(&part.chunk);
        }
        Ok((service, bytes))
    }
}

#[tonic::async_trait]
impl BlobService for BlobDoor {
    type DownloadBlobStream = Pin<Box<dyn Stream<Item = Result<DownloadBlobResponse, Status>> + Send>>;

    async fn upload_blob(
        &self,
        request: Request<Streaming<UploadBlobRequest>>,
    ) -> Result<Response<UploadBlobResponse>, Status> {
        Granted::of(&request)?;
        let _place = self.room.try_acquire().map_err(|_| Refusal::Overloaded)?;
        let chunks = request.into_inner();
        let (service, bytes) = tokio::time::timeout(UPLOAD_PATIENCE, self.receive(chunks))
            .await
            .map_err(|_| Refusal::field("chunk", "the file did not arrive within a minute"))??;
        let node = self.nodes.find(&service)?;
        let found = blob::examine(bytes)?;
        let answer = UploadBlobResponse {
            sha256: found.sha256.to_vec().into(),
            media_type: found.media_type.clone(),
            size_bytes: found.bytes.len() as u64,
        };
        node.keep_blob(found).await?;
        Ok(Response::new(answer))
    }

    async fn download_blob(
        &self,
        request: Request<DownloadBlobRequest>,
    ) -> Result<Response<Self::DownloadBlobStream>, Status> {
        let request = request.into_inner();
        let node = self.nodes.find(&request.service)?;
        let Some(found) = node.find_blob(request.sha256.to_vec()).await? else {
            return Err(Refusal::NotFound { what: "blob" }.into());
        };
        let bytes = bytes::Bytes::from(found.bytes);
        let starts = (0..bytes.len()).step_by(CHUNK);
        let chunks = starts.map(move |start| {
            let chunk = bytes.slice(start..bytes.len().min(start + CHUNK));
            let media_type = if start == 0 { found.media_type.clone() } else { String::new() };
            Ok(DownloadBlobResponse { chunk, media_type })
        });
        Ok(Response::new(Box::pin(futures::stream::iter(chunks))))
    }
}
