//! The centre's keys and its operator: what lies in the data directory and opens it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use futures::future::BoxFuture;
use kit::auth::token::{Issuer, KeyPair, TokenSigner};
use kit::caller::{Caller, CallerKind};

/// How long a token lives at most.
pub const TOKEN_LIFE: Duration = Duration::from_secs(15 * 60);
const PRIVATE: &str = "signing-key.pem";
const PUBLIC: &str = "verifying-key.pem";
const CENTRE: &str = "centre-id";
const PACK: &str = "pack.json";

/// Signs tokens for the accounts of a centre on this machine.
pub struct Minter {
    signer: TokenSigner,
    data: PathBuf,
}

/// The keys of a centre, made where there are none yet.
pub struct CentreKeys {
    /// The private half; only the token door and the operator use it.
    pub private_pem: String,
    /// The public half.
    pub public_pem: String,
    /// Who issues tokens.
    pub issuer: Issuer,
}

impl CentreKeys {
    /// The keys in a data directory that is locked by this process.
    pub fn ensure(data: &servers::DataDir, simulated: bool) -> anyhow::Result<Self> {
        let read =
            |name: &str| -> anyhow::Result<Option<String>> { Ok(data.read(name)?.map(String::from_utf8).transpose()?) };
        let (private_pem, public_pem) = match (read(PRIVATE)?, read(PUBLIC)?) {
            (Some(private), Some(public)) => (private, public),
            _ => {
                let pair = KeyPair::generate()?;
                data.write_private(PUBLIC, pair.public_pem.as_bytes())?;
                data.write_private(PRIVATE, pair.private_pem.as_bytes())?;
                (pair.private_pem.clone(), pair.public_pem.clone())
            }
        };
        let centre = match read(CENTRE)? {
            Some(centre) => centre,
            None => {
                let kind = if simulated { "simulated" } else { "real" };
                let centre = format!("{}:{kind}", uuid::Uuid::now_v7());
                data.write_private(CENTRE, centre.as_bytes())?;
                centre
            }
        };
        Ok(Self { private_pem, public_pem, issuer: issuer(&centre)? })
    }
}

fn issuer(centre: &str) -> anyhow::Result<Issuer> {
    let (centre, kind) = centre.trim().split_once(':').context("the centre's id cannot be read")?;
    Ok(Issuer { centre: centre.to_owned(), simulated: kind == "simulated" })
}

/// Keeps the accounts of the pack that is in force beside the key, for the operator's tokens.
pub fn remember_pack(data: &Path, canonical: &[u8]) -> anyhow::Result<()> {
    std::fs::write(data.join(PACK), canonical).context("the pack's accounts could not be kept")
}

/// Tokens for the CLI, where the data directory holds the centre's key.
pub fn tokens(data: &Path) -> Option<Arc<dyn cli::Tokens>> {
    Minter::open(data).ok().map(|minter| Arc::new(minter) as Arc<dyn cli::Tokens>)
}

impl cli::Tokens for Minter {
    fn token<'a>(&'a self, account: &'a pack::Account) -> BoxFuture<'a, Result<String, String>> {
        let token = sign(&self.signer, &caller_of(account)).map_err(|error| format!("{error:#}"));
        Box::pin(std::future::ready(token))
    }
}

fn caller_of(account: &pack::Account) -> Caller {
    Caller {
        account: account.id.to_string(),
        kind: match account.kind {
            pack::AccountKind::Department => CallerKind::Department,
            pack::AccountKind::Town => CallerKind::Town,
            pack::AccountKind::Centre => CallerKind::Centre,
            pack::AccountKind::Service => CallerKind::Service,
        },
        unit: account.unit.to_string(),
        person: account.person.as_ref().map(ToString::to_string).unwrap_or_default(),
        roles: account.roles.iter().map(|role| role.as_str().to_owned()).collect(),
    }
}

impl Minter {
    /// A minter over a centre's data directory.
    pub fn open(data: &Path) -> anyhow::Result<Self> {
        let read = |name: &str| {
            std::fs::read_to_string(data.join(name))
                .with_context(|| format!("{} 中没有中心的密钥 / no centre's key in {}", data.display(), data.display()))
        };
        let signer = TokenSigner::from_pem(&read(PRIVATE)?, issuer(&read(CENTRE)?)?)?;
        Ok(Self { signer, data: data.to_owned() })
    }

    /// A token for an account of the pack, or for the operator.
    pub fn mint(&self, account: &str) -> anyhow::Result<String> {
        let caller = if account == "operator" { operator() } else { self.account(account)? };
        sign(&self.signer, &caller)
    }

    fn account(&self, id: &str) -> anyhow::Result<Caller> {
        let bytes = std::fs::read(self.data.join(PACK))
            .context("尚未发布规则包, 没有账号 / no pack is in force, so there are no accounts")?;
        let pack = pack::Pack::from_canonical(&bytes)?;
        let account = pack
            .accounts
            .iter()
            .find(|account| account.id.as_str() == id)
            .with_context(|| format!("规则包中没有账号 {id} / no account {id} in the pack"))?;
        Ok(caller_of(account))
    }
}

/// The operator of the centre: may look after the bus, the rules and the clock, and reads no case.
pub fn operator() -> Caller {
    Caller {
        account: "operator".to_owned(),
        kind: CallerKind::Service,
        unit: "centre".to_owned(),
        person: String::new(),
        roles: BTreeSet::from(["operator".to_owned()]),
    }
}

/// A service as its peers see it.
pub fn service(name: &str) -> Caller {
    Caller {
        account: format!("service-{name}"),
        kind: CallerKind::Service,
        unit: name.to_owned(),
        person: String::new(),
        roles: BTreeSet::from(["service".to_owned()]),
    }
}

/// Signs a token that lives as long as tokens may.
pub fn sign(signer: &TokenSigner, caller: &Caller) -> anyhow::Result<String> {
    Ok(signer.sign(caller, TOKEN_LIFE)?.token)
}
