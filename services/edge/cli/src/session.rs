//! Finding a running centre and calling it as somebody.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use client::{Centre, ClientOptions, Credentials};
use ed25519_dalek::SigningKey;
use ed25519_dalek::pkcs8::DecodePrivateKey;
use futures::future::BoxFuture;
use jiff::Timestamp;
use pack::Pack;
use serde::{Deserialize, Serialize};
use tokio::sync::OnceCell;
use xiezhi_proto::bus::v1::GetBundleRequest;

use crate::Options;
use crate::failure::Failure;
use crate::files;
use crate::names::Names;
use crate::say::{Lang, Say, Word};

/// What one call may take where a whole stream or a long history is looked through.
const PATIENTLY: Duration = Duration::from_secs(600);
/// The name of the file in a data directory that says how to reach its centre.
pub const CENTRE_FILE: &str = "centre.json";

/// How to reach a centre that runs from a data directory: written by whoever starts it, readable by its owner alone.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CentreFile {
    /// e.g. `http://127.0.0.1:7000`.
    pub grpc_address: String,
    /// The operator's token.
    pub operator_token: String,
    /// "real" or "simulated".
    pub kind: String,
    /// When it was started, in real time.
    pub started_at: Timestamp,
    /// The authority of its certificate, where it speaks TLS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<PathBuf>,
}

impl std::fmt::Debug for CentreFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CentreFile")
            .field("grpc_address", &self.grpc_address)
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}

impl CentreFile {
    /// Reads the file of a data directory.
    pub fn read(data: &Path) -> Result<Self, Failure> {
        let path = data.join(CENTRE_FILE);
        let shown = path.display().to_string();
        let bytes = std::fs::read(&path).map_err(|_| {
            Failure::Hinted(Box::new(Say::CentreFileMissing { path: shown.clone() }), Word::UnreachableHint)
        })?;
        serde_json::from_slice(&bytes)
            .map_err(|error| Failure::Says(Say::CentreFileBroken { path: shown, why: error.to_string() }))
    }

    /// Writes the file of a data directory, whole or not at all, for its owner's eyes only.
    pub fn write(&self, data: &Path) -> std::io::Result<()> {
        use std::io::Write;
        let path = data.join(CENTRE_FILE);
        let fresh = data.join(format!("{CENTRE_FILE}.{}", std::process::id()));
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&fresh)?;
        file.write_all(&serde_json::to_vec_pretty(self)?)?;
        file.sync_all()?;
        std::fs::rename(fresh, path)
    }
}

/// Gives out tokens for the accounts of a pack: in a simulated centre, or from the signing key on the same machine.
pub trait Tokens: Send + Sync {
    /// A token with which this account can call, or why there is none.
    fn token<'a>(&'a self, account: &'a pack::Account) -> BoxFuture<'a, Result<String, String>>;
}

/// A centre, and as whom it is called.
pub struct Session {
    /// The centre.
    pub centre: Centre,
    /// The reader's language.
    pub lang: Lang,
    /// Gives out tokens for other accounts, where that is possible here.
    pub tokens: Option<Arc<dyn Tokens>>,
    names: OnceCell<Names>,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("centre", &self.centre).finish_non_exhaustive()
    }
}

impl Session {
    /// A session with a centre that is connected already.
    #[must_use]
    pub fn with(centre: Centre, lang: Lang, tokens: Option<Arc<dyn Tokens>>) -> Self {
        Self { centre, lang, tokens, names: OnceCell::new() }
    }

    /// Connects as the options say: a server's address or a data directory, a token, an account's key, or one of the pack's accounts.
    pub async fn open(options: &Options, tokens: Option<Arc<dyn Tokens>>) -> Result<Self, Failure> {
        Self::connect(client_options(options)?, options, tokens).await
    }

    /// The same for whoever asks what takes a centre with many cases minutes to answer.
    pub async fn open_patiently(options: &Options, tokens: Option<Arc<dyn Tokens>>) -> Result<Self, Failure> {
        let client = ClientOptions { call_timeout: PATIENTLY, ..client_options(options)? };
        Self::connect(client, options, tokens).await
    }

    async fn connect(
        client: ClientOptions,
        options: &Options,
        tokens: Option<Arc<dyn Tokens>>,
    ) -> Result<Self, Failure> {
        let centre = Centre::connect(client).await?;
        let session = Self::with(centre, options.lang(), tokens);
        match &options.as_account {
            Some(account) => session.acting_as(account).await,
            None => Ok(session),
        }
    }

    /// The same centre, called by one of the pack's accounts.
    pub async fn acting_as(self, account: &str) -> Result<Self, Failure> {
        let centre = self.centre_for(account).await?;
        Ok(Self { centre, ..self })
    }

    /// A connection for one of the pack's accounts.
    pub async fn centre_for(&self, account: &str) -> Result<Centre, Failure> {
        let names = self.names().await?;
        let pack = names.pack().ok_or(Failure::Says(Say::Just(Word::NoPack)))?;
        let known = pack.accounts.iter().find(|known| known.id.as_str() == account);
        let known = known.ok_or_else(|| Failure::Says(Say::NoAccount { account: account.to_owned() }))?;
        let refused = |why: String| Failure::Says(Say::CannotMint { account: account.to_owned(), why });
        let tokens = self.tokens.as_ref().ok_or_else(|| refused("--account, --key".to_owned()))?;
        let token = tokens.token(known).await.map_err(refused)?;
        Ok(self.centre.with_token(&token)?)
    }

    /// What codes are called in this county.
    pub async fn names(&self) -> Result<&Names, Failure> {
        self.names
            .get_or_try_init(|| async {
                match find_pack(&self.centre).await {
                    Ok(Some(pack)) => Ok(Names::of(pack, self.lang)),
                    Ok(None) => Ok(Names::default()),
                    // Whoever may not read the pack still reads its own orders, with codes in place of names.
                    Err(failure) if failure.is_not_permitted() => Ok(Names::default()),
                    Err(failure) => Err(failure),
                }
            })
            .await
    }

    /// The pack that is in force.
    pub async fn pack(&self) -> Result<&Pack, Failure> {
        self.names().await?.pack().ok_or(Failure::Says(Say::Just(Word::NoPack)))
    }

    /// What time it is in the centre.
    pub async fn now(&self) -> Result<Timestamp, Failure> {
        Ok(client::rest::now(&self.centre).await?)
    }
}

/// The pack in force, where there is one; its bytes are the ones its hash names.
pub async fn find_pack(centre: &Centre) -> Result<Option<Pack>, Failure> {
    let request = GetBundleRequest { service: "intake".to_owned() };
    let bundle = centre.read(|| client::call!(centre.bus("intake").get_bundle(request.clone()))).await?;
    if bundle.sha256.is_empty() {
        return Ok(None);
    }
    let bytes = client::blob::download(centre, "intake", &bundle.sha256).await?;
    let pack =
        Pack::from_canonical(&bytes).map_err(|error| Failure::Says(Say::PackUnreadable { why: error.to_string() }))?;
    Ok(Some(pack))
}

fn client_options(options: &Options) -> Result<ClientOptions, Failure> {
    let file = match (&options.server, &options.data) {
        (Some(_), None) => None,
        (_, Some(data)) => Some(CentreFile::read(data)?),
        (None, None) => {
            return Err(Failure::Hinted(Box::new(Say::Just(Word::NoCentre)), Word::NoCentreHint));
        }
    };
    let address = options.server.clone().or_else(|| file.as_ref().map(|file| file.grpc_address.clone()));
    let mut client = ClientOptions::new(address.unwrap_or_default());
    client.tls.ca = options.ca.clone().or_else(|| file.as_ref().and_then(|file| file.ca_file.clone()));
    client.credentials = match (&options.token, &options.account, &options.key) {
        (Some(token), _, _) => Credentials::Token(token.clone()),
        (None, Some(account), Some(key)) => {
            Credentials::AccountKey { account: account.clone(), key: Box::new(read_key(key)?) }
        }
        (None, Some(_), None) | (None, None, Some(_)) => {
            return Err(Failure::Usage(Say::Just(Word::AccountNeedsKey)));
        }
        (None, None, None) => file.map_or(Credentials::None, |file| Credentials::Token(file.operator_token)),
    };
    Ok(client)
}

/// An Ed25519 private key: PKCS #8 in PEM, or 64 hexadecimal digits.
pub fn read_key(path: &Path) -> Result<SigningKey, Failure> {
    let shown = path.display().to_string();
    let text = files::read_text(path, files::TEXT_BYTES)?;
    let unusable = || Failure::Says(Say::KeyUnusable { path: shown.clone() });
    if text.contains("-----BEGIN") {
        return SigningKey::from_pkcs8_pem(&text).map_err(|_| unusable());
    }
    let bytes = hex::decode(text.trim()).map_err(|_| unusable())?;
    let bytes: [u8; 32] = bytes.try_into().map_err(|_| unusable())?;
    Ok(SigningKey::from_bytes(&bytes))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failed test should panic

    use super::*;

    fn file() -> CentreFile {
        CentreFile {
            grpc_address: "http://127.0.0.1:7000".to_owned(),
            operator_token: "s3cret".to_owned(),
            kind: "simulated".to_owned(),
            started_at: "2026-03-02T04:00:00Z".parse().unwrap(),
            ca_file: None,
        }
    }

    #[test]
    fn a_centres_file_reads_back_and_is_its_owners_alone() {
        let data = tempfile::tempdir().unwrap();
        file().write(data.path()).unwrap();
        assert_eq!(CentreFile::read(data.path()).unwrap(), file());
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = std::fs::metadata(data.path().join(CENTRE_FILE)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        assert!(!format!("{:?}", file()).contains("s3cret"));
    }

    #[test]
    fn a_directory_without_a_centre_says_what_to_do() {
        let data = tempfile::tempdir().unwrap();
        let text = CentreFile::read(data.path()).unwrap_err().text(Lang::Zh);
        assert!(text.contains("scripts/up"), "{text}");
        std::fs::write(data.path().join(CENTRE_FILE), b"{").unwrap();
        assert!(CentreFile::read(data.path()).unwrap_err().text(Lang::Zh).contains("读不懂"));
    }

    #[test]
    fn a_key_is_pem_or_hexadecimal() {
        let data = tempfile::tempdir().unwrap();
        let path = data.path().join("key");
        std::fs::write(&path, format!("{}\n", "07".repeat(32))).unwrap();
        assert_eq!(read_key(&path).unwrap().to_bytes(), [7; 32]);
        std::fs::write(&path, "not a key").unwrap();
        assert!(read_key(&path).is_err());
    }
}
