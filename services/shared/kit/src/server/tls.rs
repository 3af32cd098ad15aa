//! TLS for a door: certificates from files, client certificates where an authority for them is named.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use tokio_rustls::TlsAcceptor;
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

/// Where a door's certificate is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate and those between it and its authority, PEM.
    pub certificate: PathBuf,
    /// Its private key, PEM.
    pub key: PathBuf,
    /// The authority of client certificates, PEM. A client may still come without one; one it shows must be of this authority.
    pub client_authority: Option<PathBuf>,
}

/// Why TLS cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file holds no certificate or key in PEM form, or cannot be read.
    #[error("{file} cannot be read as PEM")]
    Pem {
        /// The file.
        file: String,
        /// What is wrong with it.
        #[source]
        source: rustls::pki_types::pem::Error,
    },
    /// A file holds no certificate.
    #[error("{0} holds no certificate")]
    Empty(String),
    /// The certificate and the key do not belong together, or are of a kind we do not take.
    #[error("the certificate or its key cannot be used")]
    Unusable(#[from] rustls::Error),
    /// The authority of clients cannot be used.
    #[error("the authority of client certificates cannot be used: {0}")]
    Authority(String),
}

/// The certificates a client has shown and that were checked; beside every request of its connection.
#[derive(Debug, Clone)]
pub struct PeerCertificates(pub Arc<Vec<CertificateDer<'static>>>);

/// The longest a certificate may count, as it says itself: a stolen one must not open the door for years. There is no list of
/// revoked ones; whoever lost one has the account disabled, or given another name.
const LONGEST_LIFE: Duration = Duration::from_secs(31 * 24 * 60 * 60);

impl PeerCertificates {
    /// True where the client's own certificate is this account's of this centre, `spiffe://<centre>/account/<account>`, and
    /// counts now. That its authority signed it was checked when the connection was made; but an authority may serve more
    /// than one centre, and a connection may outlive a certificate.
    #[must_use]
    pub fn names_account(&self, centre: &str, account: &str) -> bool {
        let Some((_, certificate)) = self.0.first().and_then(|der| X509Certificate::from_der(der).ok()) else {
            return false;
        };
        let validity = certificate.validity();
        let life = validity.not_after.timestamp().saturating_sub(validity.not_before.timestamp());
        let is_short = u64::try_from(life).is_ok_and(|life| life <= LONGEST_LIFE.as_secs());
        let wanted = format!("spiffe://{centre}/account/{account}");
        let names = certificate.subject_alternative_name().ok().flatten();
        is_short
            && validity.is_valid()
            && names.is_some_and(|names| {
                names.value.general_names.iter().any(|name| matches!(name, GeneralName::URI(uri) if *uri == wanted))
            })
    }
}

/// Reads the files and makes what accepts TLS connections: TLS 1.2 and 1.3, HTTP/2 and HTTP/1.1.
pub(super) fn acceptor(files: &TlsFiles) -> Result<TlsAcceptor, TlsError> {
    let chain = certificates(&files.certificate)?;
    let key = PrivateKeyDer::from_pem_file(&files.key).map_err(|source| pem(&files.key, source))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder =
        rustls::ServerConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions()?;
    let builder = match &files.client_authority {
        None => builder.with_no_client_auth(),
        Some(authority) => {
            let mut roots = RootCertStore::empty();
            for certificate in certificates(authority)? {
                roots.add(certificate)?;
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
                .allow_unauthenticated()
                .build()
                .map_err(|error| TlsError::Authority(error.to_string()))?;
            builder.with_client_cert_verifier(verifier)
        }
    };
    let mut config = builder.with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let found = CertificateDer::pem_file_iter(file)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|source| pem(file, source))?;
    if found.is_empty() {
        return Err(TlsError::Empty(file.display().to_string()));
    }
    Ok(found)
}

fn pem(file: &Path, source: rustls::pki_types::pem::Error) -> TlsError {
    TlsError::Pem { file: file.display().to_string(), source }
}
