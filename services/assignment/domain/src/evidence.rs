//! 证据: files that prove a completion; at least one, each of a type that can prove something.

use serde::{Deserialize, Serialize};
use vocab::BlobRef;

use crate::refusal::Refusal;

/// The most files one completion may cite.
pub const MAX_EVIDENCE: usize = 20;

/// What a file's bytes were found to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EvidenceFile {
    /// Its digest.
    pub digest: BlobRef,
    /// Its type, found by looking at its bytes.
    pub media_type: String,
    /// How many bytes it has.
    pub size_bytes: u64,
}

/// 证据: never empty.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<EvidenceFile>", into = "Vec<EvidenceFile>")]
pub struct Evidence(Vec<EvidenceFile>);

impl Evidence {
    /// Checks number and types.
    pub fn new(files: Vec<EvidenceFile>) -> Result<Self, Refusal> {
        let is_twice = files
            .iter()
            .enumerate()
            .any(|(place, file)| files.iter().take(place).any(|earlier| earlier.digest == file.digest));
        if files.is_empty() || files.len() > MAX_EVIDENCE || is_twice {
            return Err(Refusal::EvidenceCount { max: MAX_EVIDENCE });
        }
        match files.iter().find(|file| !proves(&file.media_type)) {
            Some(file) => Err(Refusal::NotEvidence { media_type: file.media_type.clone() }),
            None => Ok(Self(files)),
        }
    }

    /// The files.
    #[must_use]
    pub fn files(&self) -> &[EvidenceFile] {
        &self.0
    }
}

impl TryFrom<Vec<EvidenceFile>> for Evidence {
    type Error = Refusal;

    fn try_from(files: Vec<EvidenceFile>) -> Result<Self, Refusal> {
        Self::new(files)
    }
}

impl From<Evidence> for Vec<EvidenceFile> {
    fn from(evidence: Evidence) -> Self {
        evidence.0
    }
}

/// True of pictures, sound, video and documents; a file nobody could recognise proves nothing.
#[must_use]
pub fn proves(media_type: &str) -> bool {
    let kind = media_type.split(';').next().unwrap_or_default().trim();
    ["image/", "video/", "audio/"].iter().any(|prefix| kind.starts_with(prefix))
        || matches!(
            kind,
            "application/pdf"
                | "application/ofd"
                | "application/msword"
                | "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
                | "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
                | "text/plain"
        )
}
