//! How to reach a centre, and as whom.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use ed25519_dalek::SigningKey;

/// As whom the client calls.
#[derive(Clone)]
pub enum Credentials {
    /// Nobody: only the doors that ask for no token open.
    None,
    /// A token somebody else renews.
    Token(String),
    /// 账号密钥: an account and its Ed25519 key; the client signs the centre's challenge and renews its token by itself.
    AccountKey {
        /// The account.
        account: String,
        /// Its private key.
        key: Box<SigningKey>,
    },
    /// 客户端证书: the certificate of [`Tls::identity`] names this account; the client renews its token with it by itself.
    Certificate {
        /// The account.
        account: String,
    },
}

impl std::fmt::Debug for Credentials {
    // Neither a token nor a key may reach a log.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::None => f.write_str("None"),
            Self::Token(_) => f.write_str("Token"),
            Self::AccountKey { account, .. } => {
                f.debug_struct("AccountKey").field("account", account).finish_non_exhaustive()
            }
            Self::Certificate { account } => f.debug_struct("Certificate").field("account", account).finish(),
        }
    }
}

/// The files of TLS, all PEM.
#[derive(Debug, Clone, Default)]
pub struct Tls {
    /// The authority that signed the centre's certificate; the system's own where it is absent.
    pub ca: Option<PathBuf>,
    /// This client's certificate and key, where the centre asks for one.
    pub identity: Option<(PathBuf, PathBuf)>,
    /// The name in the centre's certificate, where it differs from the address.
    pub domain: Option<String>,
}

/// Everything a connection needs.
#[derive(Debug, Clone)]
pub struct ClientOptions {
    /// e.g. `http://127.0.0.1:7000` on the same machine, `https://…` anywhere else.
    pub address: String,
    /// Addresses of single services, where they do not share one.
    pub services: BTreeMap<String, String>,
    /// As whom.
    pub credentials: Credentials,
    /// TLS; ignored for `http://`.
    pub tls: Tls,
    /// How long one call may take.
    pub call_timeout: Duration,
    /// How long to wait for a connection.
    pub connect_timeout: Duration,
}

impl ClientOptions {
    /// A centre at this address, called by nobody in particular.
    #[must_use]
    pub fn new(address: impl Into<String>) -> Self {
        Self {
            address: address.into(),
            services: BTreeMap::new(),
            credentials: Credentials::None,
            tls: Tls::default(),
            call_timeout: Duration::from_secs(15),
            connect_timeout: Duration::from_secs(5),
        }
    }

    /// Calls with a token.
    #[must_use]
    pub fn token(mut self, token: impl Into<String>) -> Self {
        self.credentials = Credentials::Token(token.into());
        self
    }

    /// Calls as an account, with its key.
    #[must_use]
    pub fn account(mut self, account: impl Into<String>, key: SigningKey) -> Self {
        self.credentials = Credentials::AccountKey { account: account.into(), key: Box::new(key) };
        self
    }

    /// Calls as the account that the certificate of [`Tls::identity`] names.
    #[must_use]
    pub fn certified(mut self, account: impl Into<String>) -> Self {
        self.credentials = Credentials::Certificate { account: account.into() };
        self
    }
}
