//! Tokens: short-lived, signed with Ed25519, and bound to one centre and its kind of time.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ed25519_dalek::SigningKey;
use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::pkcs8::{EncodePrivateKey, EncodePublicKey};
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use rand::TryRngCore;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::caller::{Caller, CallerKind};
use crate::refusal::{Refusal, Sentence};

/// The longest life of a token.
pub const LONGEST_LIFE: Duration = Duration::from_secs(15 * 60);

/// So many tokens are remembered as checked; a centre has fewer accounts.
const REMEMBERED: usize = 4096;

/// Whom every token is for.
const AUDIENCE: &str = "xiezhi";

/// How far the clocks of two machines may differ.
const LEEWAY_SECONDS: u64 = 5;

/// No token of ours comes near this; what is longer is not worth a signature check.
const LONGEST_TOKEN: usize = 8 * 1024;

/// Who issues tokens: one centre, real or simulated. A token of a simulated centre opens nothing in a real one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issuer {
    /// The centre's id, made up once when it is created.
    pub centre: String,
    /// True where its time can be turned.
    pub simulated: bool,
}

impl fmt::Display for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "xiezhi:{}:{}", self.centre, if self.simulated { "simulated" } else { "real" })
    }
}

/// What a token says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// Who issued it.
    pub iss: String,
    /// Whom it is for.
    pub aud: String,
    /// The account.
    pub sub: String,
    /// What the account is.
    pub kind: CallerKind,
    /// The unit it belongs to.
    pub unit: String,
    /// The person, a code; empty for a machine.
    #[serde(default)]
    pub person: String,
    /// The account's roles.
    pub roles: BTreeSet<String>,
    /// When it was issued, in seconds since 1970.
    pub iat: u64,
    /// When it ends, in seconds since 1970.
    pub exp: u64,
    /// Its own id.
    pub jti: Uuid,
}

/// Why a token does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// There is none.
    #[error("no token was sent")]
    Missing,
    /// It is not a token, or not one that our key signed.
    #[error("the token is not one of ours")]
    Invalid,
    /// It is for somebody else, or of another centre.
    #[error("the token is for another centre")]
    Elsewhere,
    /// Its time is over.
    #[error("the token has expired")]
    Expired,
    /// It claims a longer life than tokens have, or was issued in the future.
    #[error("the token's times are not ones we give")]
    Times,
    /// Its account was disabled.
    #[error("the account is disabled")]
    Disabled,
}

impl From<TokenError> for Refusal {
    fn from(error: TokenError) -> Self {
        let (reason, zh) = match error {
            TokenError::Missing => ("bus.token_missing", "缺少令牌: 请在 authorization 中提供 Bearer 令牌"),
            TokenError::Invalid | TokenError::Times => ("bus.token_invalid", "令牌无效"),
            TokenError::Elsewhere => ("bus.token_elsewhere", "令牌属于另一个中心"),
            TokenError::Expired => ("bus.token_expired", "令牌已过期, 请重新领取"),
            TokenError::Disabled => ("bus.account_disabled", "账号已停用"),
        };
        Self::NotAuthenticated { reason, says: Sentence::new(zh, error.to_string()) }
    }
}

/// Why a key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The text is not an Ed25519 key in PEM form.
    #[error("not an Ed25519 key in PEM form (PKCS #8)")]
    NotAKey(#[source] jsonwebtoken::errors::Error),
    /// The system gave no randomness.
    #[error("the system gave no randomness for a new key")]
    NoRandomness(#[source] rand::rand_core::OsError),
    /// A new key could not be written as PEM.
    #[error("a new key could not be written as PEM: {0}")]
    Unwritable(String),
    /// No key was given at all.
    #[error("no public key was given")]
    None,
}

/// A new pair of keys in PEM form. The private half does not show in debug output.
#[derive(Clone)]
pub struct KeyPair {
    /// PKCS #8; only the token door and the operator hold it.
    pub private_pem: String,
    /// SubjectPublicKeyInfo; every service holds it.
    pub public_pem: String,
}

impl fmt::Debug for KeyPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyPair").field("public_pem", &self.public_pem).finish_non_exhaustive()
    }
}

impl KeyPair {
    /// Makes a new pair.
    pub fn generate() -> Result<Self, KeyError> {
        let mut seed = [0_u8; 32];
        rand::rngs::OsRng.try_fill_bytes(&mut seed).map_err(KeyError::NoRandomness)?;
        let key = SigningKey::from_bytes(&seed);
        let private = key.to_pkcs8_pem(LineEnding::LF).map_err(|error| KeyError::Unwritable(error.to_string()))?;
        let public = key
            .verifying_key()
            .to_public_key_pem(LineEnding::LF)
            .map_err(|error| KeyError::Unwritable(error.to_string()))?;
        Ok(Self { private_pem: private.to_string(), public_pem: public })
    }
}

/// A token and when it ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssuedToken {
    /// What the caller sends as `authorization: Bearer …`.
    pub token: String,
    /// When it ends.
    pub expires_at: SystemTime,
}

/// Signs tokens; only the token door and the operator's own tools hold one.
#[derive(Clone)]
pub struct TokenSigner {
    key: EncodingKey,
    issuer: Issuer,
}

impl fmt::Debug for TokenSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenSigner").field("issuer", &self.issuer).finish_non_exhaustive()
    }
}

impl TokenSigner {
    /// A signer with this Ed25519 key (PKCS #8, PEM).
    pub fn from_pem(private_pem: &str, issuer: Issuer) -> Result<Self, KeyError> {
        let key = EncodingKey::from_ed_pem(private_pem.as_bytes()).map_err(KeyError::NotAKey)?;
        Ok(Self { key, issuer })
    }

    /// Who it signs for.
    pub fn issuer(&self) -> &Issuer {
        &self.issuer
    }

    /// Signs a token for a caller; a wish for a longer life than tokens have is cut to it.
    pub fn sign(&self, caller: &Caller, life: Duration) -> Result<IssuedToken, Refusal> {
        let issued = seconds(SystemTime::now());
        let expires = issued + life.min(LONGEST_LIFE).as_secs();
        let claims = Claims {
            iss: self.issuer.to_string(),
            aud: AUDIENCE.to_owned(),
            sub: caller.account.clone(),
            kind: caller.kind,
            unit: caller.unit.clone(),
            person: caller.person.clone(),
            roles: caller.roles.clone(),
            iat: issued,
            exp: expires,
            jti: Uuid::now_v7(),
        };
        let token = jsonwebtoken::encode(&Header::new(Algorithm::EdDSA), &claims, &self.key)
            .map_err(|error| Refusal::Internal(format!("a token could not be signed: {error}")))?;
        Ok(IssuedToken { token, expires_at: UNIX_EPOCH + Duration::from_secs(expires) })
    }
}

/// What a token that counts says of its caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// The caller.
    pub caller: Caller,
    /// When the token ends.
    pub expires_at: SystemTime,
    /// The token's own id.
    pub token_id: Uuid,
}

/// Checks tokens with the issuer's public keys; every service holds one.
#[derive(Clone)]
pub struct TokenVerifier {
    keys: Vec<DecodingKey>,
    validation: Validation,
    /// Tokens that were found good, so that a caller's next call needs no signature check. Clones share them.
    checked: Arc<RwLock<HashMap<String, Verified>>>,
}

impl fmt::Debug for TokenVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenVerifier").field("issuer", &self.validation.iss).finish_non_exhaustive()
    }
}

impl TokenVerifier {
    /// A verifier for one public key (PEM).
    pub fn new(public_pem: &str, issuer: &Issuer) -> Result<Self, KeyError> {
        Self::with_keys(&[public_pem], issuer)
    }

    /// A verifier for several public keys, so that the signing key can change while tokens of the old one still live.
    pub fn with_keys(public_pems: &[&str], issuer: &Issuer) -> Result<Self, KeyError> {
        let keys = public_pems
            .iter()
            .map(|pem| DecodingKey::from_ed_pem(pem.as_bytes()).map_err(KeyError::NotAKey))
            .collect::<Result<Vec<_>, _>>()?;
        if keys.is_empty() {
            return Err(KeyError::None);
        }
        // The algorithm is ours to choose, never the token's.
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.set_issuer(&[issuer.to_string()]);
        validation.set_audience(&[AUDIENCE]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        validation.leeway = LEEWAY_SECONDS;
        Ok(Self { keys, validation, checked: Arc::default() })
    }

    /// Reads a token, or says why it does not count. Keys named or linked in its header are not looked at.
    pub fn verify(&self, token: &str) -> Result<Verified, TokenError> {
        if token.len() > LONGEST_TOKEN {
            return Err(TokenError::Invalid);
        }
        let now = SystemTime::now();
        let known = self.checked.read().unwrap_or_else(PoisonError::into_inner).get(token).cloned();
        if let Some(verified) = known.filter(|verified| now < verified.expires_at) {
            return Ok(verified);
        }
        let verified = self.check(token)?;
        let mut checked = self.checked.write().unwrap_or_else(PoisonError::into_inner);
        if checked.len() >= REMEMBERED {
            checked.retain(|_, verified| now < verified.expires_at);
        }
        if checked.len() < REMEMBERED {
            checked.insert(token.to_owned(), verified.clone());
        }
        Ok(verified)
    }

    fn check(&self, token: &str) -> Result<Verified, TokenError> {
        let mut last = TokenError::Invalid;
        for key in &self.keys {
            match jsonwebtoken::decode::<Claims>(token, key, &self.validation) {
                Ok(read) => return checked(read.claims),
                Err(error) => last = why(error.kind()),
            }
            // Only another signature is a reason to try another key.
            if last != TokenError::Invalid {
                break;
            }
        }
        Err(last)
    }
}

fn checked(claims: Claims) -> Result<Verified, TokenError> {
    let now = seconds(SystemTime::now());
    let life = claims.exp.checked_sub(claims.iat).ok_or(TokenError::Times)?;
    if claims.iat > now + LEEWAY_SECONDS || life > LONGEST_LIFE.as_secs() {
        return Err(TokenError::Times);
    }
    if claims.sub.is_empty() || claims.kind == CallerKind::Anonymous {
        return Err(TokenError::Invalid);
    }
    Ok(Verified {
        caller: Caller {
            account: claims.sub,
            kind: claims.kind,
            unit: claims.unit,
            person: claims.person,
            roles: claims.roles,
        },
        expires_at: UNIX_EPOCH + Duration::from_secs(claims.exp),
        token_id: claims.jti,
    })
}

fn why(kind: &ErrorKind) -> TokenError {
    match kind {
        ErrorKind::ExpiredSignature => TokenError::Expired,
        ErrorKind::InvalidIssuer | ErrorKind::InvalidAudience => TokenError::Elsewhere,
        _ => TokenError::Invalid,
    }
}

fn seconds(at: SystemTime) -> u64 {
    at.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
