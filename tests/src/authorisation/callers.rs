//! Everybody who calls: live accounts of the pack in every role, the house's own machines, and those who only pretend.

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, ensure};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use client::Centre;
use ed25519_dalek::pkcs8::DecodePrivateKey;
use ed25519_dalek::{Signer, SigningKey};
use serde_json::{Value, json};
use testkit::House;

use super::{Matrix, Reach};

/// Every role, and of the units' roles several: who leads, who supports, the town of the place, and who has no share at all.
const ACCOUNTS: &[&str] = &[
    "centre.window1",
    "centre.coordinator",
    "centre.supervisor",
    "centre.evaluator",
    "centre.leader",
    "centre.administrator",
    "ZF.handler",
    "ZF.head",
    "ZF.o01",
    "GA.handler",
    "T103.head",
    "WJ.handler",
    "WJ.head",
    "WJ.o01",
    "T107.handler",
    "operator",
];

/// As what somebody calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// Nobody knows who it is.
    Nobody,
    /// In this role.
    Role(String),
    /// With a role that does not count in its kind of account.
    Misplaced,
}

/// What the policies promise somebody for an action.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Right {
    /// Everybody may.
    Public,
    /// Nobody is known to have called.
    Unknown,
    /// It may not.
    None,
    /// It may.
    Some(Reach),
}

/// Somebody who calls.
#[derive(Debug, Clone)]
pub struct Caller {
    /// As a failure names it.
    pub name: String,
    /// As what it calls.
    pub standing: Standing,
    /// Its unit.
    pub unit: String,
    /// The centre as it meets it.
    pub centre: Centre,
}

impl Caller {
    /// What the policies promise it for an action.
    pub fn right(&self, matrix: &Matrix, action: &str) -> anyhow::Result<Right> {
        Ok(match &self.standing {
            // What a policy forbids outweighs what another one opens.
            Standing::Misplaced => Right::None,
            _ if matrix.is_public(action)? => Right::Public,
            Standing::Nobody => Right::Unknown,
            Standing::Role(role) => matrix.reach(action, role)?.map_or(Right::None, Right::Some),
        })
    }
}

/// Everybody, with a token of its own.
pub async fn everybody(house: &House, operator: &Centre) -> anyhow::Result<Vec<Caller>> {
    let tokens = futures::future::join_all(ACCOUNTS.iter().map(|account| house.token(account))).await;
    let mut callers = Vec::new();
    let mut add = |name: &str, standing, unit: &str, token: &str| -> anyhow::Result<()> {
        let (name, unit) = (name.to_owned(), unit.to_owned());
        callers.push(Caller { name, standing, unit, centre: operator.with_token(token)? });
        Ok(())
    };
    let mut administrator = String::new();
    for (account, token) in ACCOUNTS.iter().zip(tokens) {
        let token = token?;
        let claims = claims(&token)?;
        let roles = claims["roles"].as_array().context("a token without roles")?;
        ensure!(roles.len() == 1, "{account} has the roles {roles:?}; which right comes from which could not be told");
        let role = roles[0].as_str().context("a role is a word")?.to_owned();
        add(account, Standing::Role(role), claims["unit"].as_str().context("a token without a unit")?, &token)?;
        if *account == "centre.administrator" {
            administrator = token;
        }
    }
    let mint = Mint::of(house)?;
    let service = mint.token("service-intake", "service", "intake", "service")?;
    add("a service", Standing::Role("service".to_owned()), "intake", &service)?;
    // The signature is right: it is the policies that must not fall for the role.
    let misplaced = mint.token("WJ.handler", "department", "WJ", "administrator")?;
    add("a department as administrator", Standing::Misplaced, "WJ", &misplaced)?;
    add("nobody", Standing::Nobody, "", "")?;
    add("a broken token", Standing::Nobody, "", &broken(&administrator)?)?;
    let stranger = Mint { key: SigningKey::from_bytes(&[7; 32]), issuer: mint.issuer };
    let forged = stranger.token("centre.administrator", "centre", "centre", "administrator")?;
    add("a forged token", Standing::Nobody, "", &forged)?;
    Ok(callers)
}

/// What a token says, read without a key.
fn claims(token: &str) -> anyhow::Result<Value> {
    let body = token.split('.').nth(1).context("a token has three parts")?;
    Ok(serde_json::from_slice(&URL_SAFE_NO_PAD.decode(body)?)?)
}

/// The token with one bit of its signature turned.
fn broken(token: &str) -> anyhow::Result<String> {
    let (said, signature) = token.rsplit_once('.').context("a token has three parts")?;
    let mut signature = URL_SAFE_NO_PAD.decode(signature)?;
    *signature.first_mut().context("an empty signature")? ^= 1;
    Ok(format!("{said}.{}", URL_SAFE_NO_PAD.encode(signature)))
}

/// Signs tokens for callers that no pack lists.
struct Mint {
    key: SigningKey,
    issuer: String,
}

impl Mint {
    /// With the key of this house.
    fn of(house: &House) -> anyhow::Result<Self> {
        let read = |name: &str| std::fs::read_to_string(house.data().join(name)).with_context(|| name.to_owned());
        let key = SigningKey::from_pkcs8_pem(&read("signing-key.pem")?)?;
        Ok(Self { key, issuer: format!("xiezhi:{}", read("centre-id")?.trim()) })
    }

    fn token(&self, account: &str, kind: &str, unit: &str, role: &str) -> anyhow::Result<String> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
        let claims = json!({
            "iss": self.issuer, "aud": "xiezhi", "sub": account, "kind": kind, "unit": unit, "person": "",
            "roles": [role], "iat": now, "exp": now + 600, "jti": uuid::Uuid::now_v7(),
        });
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let said = format!("{}.{}", part(&json!({"alg": "EdDSA", "typ": "JWT"})), part(&claims));
        let signature = self.key.sign(said.as_bytes());
        Ok(format!("{said}.{}", URL_SAFE_NO_PAD.encode(signature.to_bytes())))
    }
}
