//! Files in and out, in chunks.

use std::pin::Pin;

use futures::Stream;
use tonic::{Request, Response, Status, Streaming};
use xiezhi_proto::bus::v1::blob_service_server::BlobService;
use xiezhi_proto::bus::v1::{DownloadBlobRequest, DownloadBlobResponse, UploadBlobRequest, UploadBlobResponse};

use super::Nodes;
use crate::blob;
use crate::caller::Granted;
use crate::refusal::Refusal;

/// How much of a file travels in one message.
const CHUNK: usize = 64 * 1024;

/// The door for files.
pub struct BlobDoor {
    nodes: Nodes,
}

impl BlobDoor {
    /// A door to the files of these services.
    pub fn new(nodes: Nodes) -> Self {
        Self { nodes }
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
        let mut chunks = request.into_inner();
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
        let chunks: Vec<Result<DownloadBlobResponse, Status>> = found
            .bytes
            .chunks(CHUNK)
            .enumerate()
            .map(|(index, chunk)| {
                let media_type = if index == 0 { found.media_type.clone() } else { String::new() };
                Ok(DownloadBlobResponse { chunk: chunk.to_vec().into(), media_type })
            })
            .collect();
        Ok(Response::new(Box::pin(futures::stream::iter(chunks))))
    }
}
