//! 账号与令牌.

use std::time::Duration;

use assignment_domain::account::{Account, AccountKind};
use ed25519_dalek::{Signature, VerifyingKey};
use kit::caller::{Call, Caller, CallerKind};
use kit::refusal::{Refusal, Sentence};
use kit::server::PeerCertificates;
use kit::service::Keys;
use rand::TryRngCore;
use tonic::{Request, Response, Status};
use vocab::AccountCode;
use words::write::time;
use xiezhi_proto::assignment::v1 as wire;
use xiezhi_proto::assignment::v1::account_service_server::AccountService;

use super::{TokenDoor, stored};
use crate::publish::{account_key, disable};
use crate::store::read as rows;
use crate::unit::Needs;
use crate::wire::read;

/// What every challenge begins with, so that a signature given here can mean nothing anywhere else.
const PREFIX: &[u8] = b"xiezhi token challenge v1\n";
/// How long a token counts.
const LIFE: Duration = Duration::from_secs(15 * 60);

impl TokenDoor {
    async fn challenge(&self, request: wire::CreateChallengeRequest) -> Result<wire::CreateChallengeResponse, Refusal> {
        let account: AccountCode = read::id("account_id", &request.account_id)?;
        let mut nonce = [0_u8; 32];
        rand::rngs::OsRng.try_fill_bytes(&mut nonce).map_err(|_| Refusal::Unavailable("no randomness".to_owned()))?;
        // An account that does not exist gets a challenge too: the answer tells nobody which accounts there are.
        let challenge = [PREFIX, account.as_str().as_bytes(), b"\n", &nonce].concat();
        let expires_at =
            rows::keep_challenge(self.corridor.pool(), &challenge, account.as_str()).await.map_err(stored)?;
        Ok(wire::CreateChallengeResponse { challenge: challenge.into(), expires_at: Some(time(expires_at)) })
    }

    async fn token(
        &self,
        request: wire::IssueTokenRequest,
        shown: Option<PeerCertificates>,
    ) -> Result<wire::IssueTokenResponse, Refusal> {
        let signer = self.signer.as_ref().ok_or_else(no_signer)?;
        let account: AccountCode = read::id("account_id", &request.account_id)?;
        let pool = self.corridor.pool();
        // Whoever signs no challenge may have shown a certificate when it connected.
        let is_certified = request.challenge.is_empty()
            && request.signature.is_empty()
            && shown.is_some_and(|certificates| certificates.names_account(&signer.issuer().centre, account.as_str()));
        // Taken first: a challenge is worth one attempt.
        let is_ours = rows::take_challenge(pool, &request.challenge, account.as_str()).await.map_err(stored)?;
        let known = rows::find_account(pool, account.as_str()).await.map_err(stored)?;
        let known = known
            .filter(|account| account.disabled_at.is_none())
            .filter(|account| is_certified || (is_ours && is_signed(account, &request.challenge, &request.signature)))
            .ok_or_else(not_proven)?;
        let issued = signer.sign(&caller(&known), LIFE)?;
        let expires_at =
            jiff::Timestamp::try_from(issued.expires_at).map_err(|error| Refusal::Internal(error.to_string()))?;
        Ok(wire::IssueTokenResponse { token: issued.token, expires_at: Some(time(expires_at)) })
    }

    async fn disable(
        &self,
        request: Request<wire::DisableAccountRequest>,
    ) -> Result<wire::DisableAccountResponse, Refusal> {
        let call = Call::of(&request, &request.get_ref().command_id)?;
        let id: AccountCode = read::id("account_id", &request.get_ref().account_id)?;
        self.corridor
            .command(call, keys(&id), move |unit, cx| {
                let account = unit.accounts.get(&id).cloned().ok_or(Refusal::NotFound { what: "account" })?;
                disable(unit, cx, account)?;
                Ok(wire::DisableAccountResponse { disabled_at: Some(time(cx.now())) })
            })
            .await
    }

    async fn register(
        &self,
        request: Request<wire::RegisterAccountKeyRequest>,
    ) -> Result<wire::RegisterAccountKeyResponse, Refusal> {
        let call = Call::of(&request, &request.get_ref().command_id)?;
        let id: AccountCode = read::id("account_id", &request.get_ref().account_id)?;
        let key: [u8; 32] = request
            .get_ref()
            .public_key
            .as_ref()
            .try_into()
            .map_err(|_| Refusal::field("public_key", "must have 32 bytes"))?;
        let is_sound = VerifyingKey::from_bytes(&key).is_ok_and(|key| !key.is_weak());
        if !is_sound {
            return Err(Refusal::field("public_key", "is not an Ed25519 public key"));
        }
        self.corridor
            .command(call, keys(&id), move |unit, cx| {
                let account = unit.accounts.get(&id).cloned().ok_or(Refusal::NotFound { what: "account" })?;
                let account = account.with_key(key).map_err(crate::refusal::refuse)?;
                unit.accounts.put(id.clone(), account);
                Ok(wire::RegisterAccountKeyResponse { registered_at: Some(time(cx.now())) })
            })
            .await
    }
}

fn keys(account: &AccountCode) -> Keys<Needs> {
    let needs = Needs { accounts: [account.to_string()].into(), ..Needs::default() };
    Keys::one(account_key(account.as_str())).and(needs)
}

fn is_signed(account: &Account, challenge: &[u8], signature: &[u8]) -> bool {
    let (Some(key), Ok(signature)) = (&account.public_key, Signature::from_slice(signature)) else {
        return false;
    };
    VerifyingKey::from_bytes(key).is_ok_and(|key| key.verify_strict(challenge, &signature).is_ok())
}

fn caller(account: &Account) -> Caller {
    Caller {
        account: account.id.to_string(),
        kind: match account.kind {
            AccountKind::Department => CallerKind::Department,
            AccountKind::Town => CallerKind::Town,
            AccountKind::Centre => CallerKind::Centre,
            AccountKind::Service => CallerKind::Service,
        },
        unit: account.unit.to_string(),
        person: account.person.as_ref().map(ToString::to_string).unwrap_or_default(),
        roles: account.roles.clone(),
    }
}

fn no_signer() -> Refusal {
    Refusal::Unavailable("this process issues no tokens".to_owned())
}

/// One answer for every way of failing, so that it tells nothing.
fn not_proven() -> Refusal {
    Refusal::NotAuthenticated {
        reason: "assignment.challenge_failed",
        says: Sentence::new("身份未能证明", "the account was not proven"),
    }
}

#[tonic::async_trait]
impl AccountService for TokenDoor {
    async fn create_challenge(
        &self,
        request: Request<wire::CreateChallengeRequest>,
    ) -> Result<Response<wire::CreateChallengeResponse>, Status> {
        Ok(Response::new(self.challenge(request.into_inner()).await?))
    }

    async fn issue_token(
        &self,
        request: Request<wire::IssueTokenRequest>,
    ) -> Result<Response<wire::IssueTokenResponse>, Status> {
        let shown = request.extensions().get::<PeerCertificates>().cloned();
        Ok(Response::new(self.token(request.into_inner(), shown).await?))
    }

    async fn disable_account(
        &self,
        request: Request<wire::DisableAccountRequest>,
    ) -> Result<Response<wire::DisableAccountResponse>, Status> {
        Ok(Response::new(self.disable(request).await?))
    }

    async fn register_account_key(
        &self,
        request: Request<wire::RegisterAccountKeyRequest>,
    ) -> Result<Response<wire::RegisterAccountKeyResponse>, Status> {
        Ok(Response::new(self.register(request).await?))
    }
}
