//! The guard before every RPC: token, disabled accounts, policy. What passes carries its [`Granted`].

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::middleware::Next;
use http::{HeaderMap, Request, Response, header};
use tonic::Status;
use tracing::info;

use crate::auth::fence::{self, Fence, LOOK_EVERY};
use crate::auth::policy::Policies;
use crate::auth::revocation::Revocations;
use crate::auth::token::{TokenError, TokenVerifier, Verified};
use crate::caller::{Access, Caller, Granted};
use crate::refusal::Refusal;

/// RPCs that say nothing about anybody: health and the contract itself.
const OPEN_PREFIXES: &[&str] = &["/grpc.health.v1.Health/", "/grpc.reflection.v1.ServerReflection/"];

/// What the guard knows.
#[derive(Debug)]
pub struct Guard {
    verifier: TokenVerifier,
    policies: Policies,
    revocations: Revocations,
    look_every: Duration,
    action_of: fn(&str) -> Option<&'static str>,
}

/// What became of a request at the guard.
#[derive(Debug)]
enum Passage {
    /// It goes on, with this grant, inside this fence.
    Granted(Granted, Option<Fence>),
    /// It needs no grant.
    Open,
}

impl Guard {
    /// A guard over the contract's own actions.
    pub fn new(verifier: TokenVerifier, policies: Policies, revocations: Revocations) -> Self {
        Self { verifier, policies, revocations, look_every: LOOK_EVERY, action_of: xiezhi_proto::action_of }
    }

    /// Looks at open streams this often; a test cannot wait.
    #[must_use]
    pub fn looking_every(self, look_every: Duration) -> Self {
        Self { look_every, ..self }
    }

    /// The disabled accounts it knows of; clones see the same set.
    pub fn revocations(&self) -> &Revocations {
        &self.revocations
    }

    /// The policies it asks.
    pub fn policies(&self) -> &Policies {
        &self.policies
    }

    /// Who sent these headers.
    pub fn caller(&self, headers: &HeaderMap) -> Result<Verified, TokenError> {
        let value = headers.get(header::AUTHORIZATION).ok_or(TokenError::Missing)?;
        let value = value.to_str().map_err(|_| TokenError::Invalid)?;
        let (scheme, token) = value.split_once(' ').ok_or(TokenError::Invalid)?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(TokenError::Invalid);
        }
        let verified = self.verifier.verify(token.trim())?;
        if self.revocations.contains(&verified.caller.account) {
            return Err(TokenError::Disabled);
        }
        Ok(verified)
    }

    fn admit(&self, path: &str, headers: &HeaderMap) -> Result<Passage, Status> {
        if OPEN_PREFIXES.iter().any(|open| path.starts_with(open)) {
            return Ok(Passage::Open);
        }
        let Some(action) = (self.action_of)(path) else {
            return Err(unknown(path));
        };
        let verified = match self.caller(headers) {
            Ok(verified) => verified,
            // Whoever comes to renew a token may well bring one that is over.
            Err(_) if self.policies.is_public(action) => return Ok(anonymous(path)),
            Err(error) => return Err(Refusal::from(error).into()),
        };
        let fence = Fence::new(&verified, &self.revocations, self.look_every);
        match self.policies.access(&verified.caller, action) {
            Some(access) => {
                let granted = Granted { caller: verified.caller, method: path.to_owned(), access };
                Ok(Passage::Granted(granted, Some(fence)))
            }
            None => {
                info!(action, account = %verified.caller.account, unit = %verified.caller.unit, "refused {action}");
                Err(Refusal::NotPermitted { action: action.to_owned() }.into())
            }
        }
    }
}

/// Nobody's own is nothing: the handler of a public RPC asks for its own secret, a tracking code or a signature.
fn anonymous(path: &str) -> Passage {
    let caller = Caller::anonymous();
    Passage::Granted(Granted { caller, method: path.to_owned(), access: Access::Own }, None)
}

/// An RPC that the contract does not have, or that declares no action: nobody may call it.
fn unknown(path: &str) -> Status {
    if xiezhi_proto::ACTIONS.iter().any(|(declared, _)| *declared == path) {
        return Refusal::NotPermitted { action: path.to_owned() }.into();
    }
    Status::unimplemented(format!("没有此接口 no such RPC: {path}"))
}

/// The guard as a layer: `router.layer(axum::middleware::from_fn_with_state(guard, guard::stand))`.
pub async fn stand(State(guard): State<Arc<Guard>>, mut request: Request<Body>, next: Next) -> Response<Body> {
    // Only the guard says who is granted what; nothing that came along is believed.
    request.extensions_mut().remove::<Granted>();
    match guard.admit(request.uri().path(), request.headers()) {
        Err(status) => status.into_http(),
        Ok(Passage::Open) => next.run(request).await,
        Ok(Passage::Granted(granted, fence)) => {
            request.extensions_mut().insert(granted);
            let Some(fence) = fence else { return next.run(request).await };
            let within = fence.clone();
            let request = request.map(|body| fence::request(body, within));
            next.run(request).await.map(|body| fence::response(body, fence))
        }
    }
}
