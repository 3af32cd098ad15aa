//! Tokens and the guard: whoever is not known, not of this centre, no longer trusted or not entitled does not get through.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failed test should panic

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::body::Body;
use axum::extract::Request;
use axum::middleware::from_fn_with_state;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use http::{Response, StatusCode};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use kit::auth::guard::{self, Guard};
use kit::auth::token::{Claims, KeyPair, TokenError};
use kit::auth::{Issuer, Policies, Revocations, TokenSigner, TokenVerifier};
use kit::caller::{Access, Caller, CallerKind, Granted};
use serde_json::json;
use tonic::{Code, Status};
use tonic_types::StatusExt;
use tower::ServiceExt;
use uuid::Uuid;

const READ_STATE: &str = "/xiezhi.bus.v1.BusService/ListTimers";
const UPLOAD: &str = "/xiezhi.bus.v1.BlobService/UploadBlob";
const ISSUE_TOKEN: &str = "/xiezhi.assignment.v1.AccountService/IssueToken";
const ACKNOWLEDGE: &str = "/xiezhi.assignment.v1.AssignmentService/AcknowledgeWorkOrder";

fn issuer() -> Issuer {
    Issuer { centre: "c-1".to_owned(), simulated: true }
}

struct Keys {
    pair: KeyPair,
    signer: TokenSigner,
    verifier: TokenVerifier,
}

fn keys() -> Keys {
    let pair = KeyPair::generate().unwrap();
    let signer = TokenSigner::from_pem(&pair.private_pem, issuer()).unwrap();
    let verifier = TokenVerifier::new(&pair.public_pem, &issuer()).unwrap();
    Keys { pair, signer, verifier }
}

fn caller(kind: CallerKind, unit: &str, role: &str) -> Caller {
    Caller {
        account: format!("{unit}-1"),
        kind,
        unit: unit.to_owned(),
        person: "p-7".to_owned(),
        roles: BTreeSet::from([role.to_owned()]),
    }
}

fn handler() -> Caller {
    caller(CallerKind::Department, "ZF", "department_handler")
}

fn seconds(offset: i64) -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    now.checked_add_signed(offset).unwrap()
}

/// A good token's claims, to be spoilt one at a time.
fn claims() -> Claims {
    Claims {
        iss: issuer().to_string(),
        aud: "xiezhi".to_owned(),
        sub: "ZF-1".to_owned(),
        kind: CallerKind::Department,
        unit: "ZF".to_owned(),
        person: String::new(),
        roles: BTreeSet::from(["department_handler".to_owned()]),
        iat: seconds(-10),
        exp: seconds(300),
        jti: Uuid::now_v7(),
    }
}

fn signed(keys: &Keys, claims: &Claims) -> String {
    let key = EncodingKey::from_ed_pem(keys.pair.private_pem.as_bytes()).unwrap();
    jsonwebtoken::encode(&Header::new(Algorithm::EdDSA), claims, &key).unwrap()
}

#[test]
fn a_token_says_of_its_caller_what_was_signed() {
    let keys = keys();
    let issued = keys.signer.sign(&handler(), Duration::from_secs(60)).unwrap();
    let verified = keys.verifier.verify(&issued.token).unwrap();
    assert_eq!(verified.caller, handler());
    assert_eq!(verified.expires_at, issued.expires_at);
}

#[test]
fn no_token_lives_longer_than_a_quarter_of_an_hour() {
    let keys = keys();
    let issued = keys.signer.sign(&handler(), Duration::from_secs(86_400)).unwrap();
    assert!(issued.expires_at <= SystemTime::now() + Duration::from_secs(15 * 60));
    let greedy = Claims { iat: seconds(-10), exp: seconds(1000), ..claims() };
    assert_eq!(keys.verifier.verify(&signed(&keys, &greedy)), Err(TokenError::Times));
}

#[test]
fn a_token_of_another_key_centre_kind_of_time_or_audience_is_refused() {
    let ours = keys();
    assert_eq!(ours.verifier.verify(&signed(&keys(), &claims())), Err(TokenError::Invalid));
    for other in ["xiezhi:c-2:simulated", "xiezhi:c-1:real", ""] {
        let claims = Claims { iss: other.to_owned(), ..claims() };
        assert_eq!(ours.verifier.verify(&signed(&ours, &claims)), Err(TokenError::Elsewhere), "{other}");
    }
    let claims = Claims { aud: "somebody-else".to_owned(), ..claims() };
    assert_eq!(ours.verifier.verify(&signed(&ours, &claims)), Err(TokenError::Elsewhere));
}

#[test]
fn a_token_whose_time_is_over_or_not_yet_come_is_refused() {
    let keys = keys();
    let over = Claims { iat: seconds(-600), exp: seconds(-30), ..claims() };
    assert_eq!(keys.verifier.verify(&signed(&keys, &over)), Err(TokenError::Expired));
    let to_come = Claims { iat: seconds(60), exp: seconds(120), ..claims() };
    assert_eq!(keys.verifier.verify(&signed(&keys, &to_come)), Err(TokenError::Times));
    let backwards = Claims { iat: seconds(4), exp: seconds(2), ..claims() };
    assert_eq!(keys.verifier.verify(&signed(&keys, &backwards)), Err(TokenError::Times));
}

#[test]
fn a_token_that_was_good_before_is_still_refused_once_its_time_is_over() {
    let keys = keys();
    let issued = keys.signer.sign(&handler(), Duration::from_secs(1)).unwrap();
    assert!(keys.verifier.verify(&issued.token).is_ok());
    assert!(keys.verifier.verify(&issued.token).is_ok(), "and again, from memory");
    // A second of life and the seconds that two clocks may differ.
    std::thread::sleep(Duration::from_millis(7100));
    assert_eq!(keys.verifier.verify(&issued.token), Err(TokenError::Expired));
}

#[test]
fn nobody_can_be_anonymous_by_token_and_nobody_can_be_nobody() {
    let keys = keys();
    let anonymous = Claims { kind: CallerKind::Anonymous, ..claims() };
    assert_eq!(keys.verifier.verify(&signed(&keys, &anonymous)), Err(TokenError::Invalid));
    let nobody = Claims { sub: String::new(), ..claims() };
    assert_eq!(keys.verifier.verify(&signed(&keys, &nobody)), Err(TokenError::Invalid));
}

/// A token put together by hand, with whatever header and signature a forger likes.
fn forged(header: &serde_json::Value, signature: &[u8]) -> String {
    let part = |bytes: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(bytes);
    format!(
        "{}.{}.{}",
        part(header.to_string().as_bytes()),
        part(&serde_json::to_vec(&claims()).unwrap()),
        part(signature)
    )
}

#[test]
fn the_algorithm_and_the_key_are_ours_to_choose() {
    let keys = keys();
    let none = forged(&json!({"alg": "none", "typ": "JWT"}), b"");
    assert_eq!(keys.verifier.verify(&none), Err(TokenError::Invalid));
    // The public key, which everybody has, used as if it were a shared secret.
    let secret = EncodingKey::from_secret(keys.pair.public_pem.as_bytes());
    let confused = jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims(), &secret).unwrap();
    assert_eq!(keys.verifier.verify(&confused), Err(TokenError::Invalid));
    let linked = forged(&json!({"alg": "EdDSA", "kid": "x", "jku": "http://127.0.0.1:1/keys"}), &[7; 64]);
    assert_eq!(keys.verifier.verify(&linked), Err(TokenError::Invalid));
}

#[test]
fn a_token_that_was_touched_anywhere_is_refused() {
    let keys = keys();
    let token = signed(&keys, &claims());
    for place in (0..token.len()).step_by(7) {
        let mut bytes = token.clone().into_bytes();
        bytes[place] = if bytes[place] == b'A' { b'B' } else { b'A' };
        let touched = String::from_utf8(bytes).unwrap();
        assert!(keys.verifier.verify(&touched).is_err(), "byte {place}");
    }
}

#[test]
fn rubbish_is_refused_without_a_panic() {
    let keys = keys();
    let long = "a".repeat(1_000_000);
    for rubbish in ["", ".", "..", "a.b.c", "令牌", "eyJhbGciOiJFZERTQSJ9..", long.as_str()] {
        assert_eq!(keys.verifier.verify(rubbish), Err(TokenError::Invalid));
    }
}

#[test]
fn while_the_signing_key_changes_both_keys_count() {
    let (old, new) = (keys(), keys());
    let both = TokenVerifier::with_keys(&[&old.pair.public_pem, &new.pair.public_pem], &issuer()).unwrap();
    assert!(both.verify(&signed(&old, &claims())).is_ok());
    assert!(both.verify(&signed(&new, &claims())).is_ok());
    let over = Claims { iat: seconds(-600), exp: seconds(-30), ..claims() };
    assert_eq!(both.verify(&signed(&old, &over)), Err(TokenError::Expired));
    assert_eq!(both.verify(&signed(&new, &over)), Err(TokenError::Expired));
}

#[test]
fn private_keys_do_not_show() {
    let keys = keys();
    let secret = keys.pair.private_pem.lines().nth(1).unwrap().to_owned();
    assert!(!format!("{:?} {:?}", keys.pair, keys.signer).contains(&secret));
    assert!(TokenSigner::from_pem("not a key", issuer()).is_err());
    assert!(TokenVerifier::new("not a key", &issuer()).is_err());
}

/// A room behind the guard that answers with what it was told of its caller.
fn guarded(keys: &Keys, revocations: &Revocations) -> axum::Router {
    let guard = Guard::new(keys.verifier.clone(), Policies::embedded().unwrap(), revocations.clone());
    axum::Router::new()
        .fallback(async |request: Request| {
            let granted = request.extensions().get::<Granted>();
            granted.map_or("nobody".to_owned(), |granted| {
                format!("{} {:?} {}", granted.caller.account, granted.access, granted.method)
            })
        })
        .layer(from_fn_with_state(Arc::new(guard), guard::stand))
}

async fn ask(router: &axum::Router, path: &str, authorization: Option<&str>) -> Response<Body> {
    let mut request = Request::builder().uri(path);
    if let Some(authorization) = authorization {
        request = request.header("authorization", authorization);
    }
    router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap()
}

fn status(response: &Response<Body>) -> (Code, String) {
    assert_eq!(response.status(), StatusCode::OK, "a gRPC refusal is an HTTP success");
    let status = Status::from_header_map(response.headers()).expect("refused");
    let details = status.get_error_details();
    let reason = details.error_info().map(|info| info.reason.clone()).unwrap_or_default();
    (status.code(), reason)
}

async fn text(response: Response<Body>) -> String {
    String::from_utf8(axum::body::to_bytes(response.into_body(), 10_000).await.unwrap().to_vec()).unwrap()
}

fn bearer(keys: &Keys, caller: &Caller) -> String {
    format!("Bearer {}", keys.signer.sign(caller, Duration::from_secs(60)).unwrap().token)
}

#[tokio::test]
async fn what_passes_the_guard_carries_its_caller_and_how_far_the_right_reaches() {
    let keys = keys();
    let router = guarded(&keys, &Revocations::new());
    let own = ask(&router, ACKNOWLEDGE, Some(&bearer(&keys, &handler()))).await;
    assert_eq!(text(own).await, format!("ZF-1 {:?} {ACKNOWLEDGE}", Access::Own));
    let operator = caller(CallerKind::Service, "operator", "operator");
    let any = ask(&router, READ_STATE, Some(&bearer(&keys, &operator))).await;
    assert_eq!(text(any).await, format!("operator-1 {:?} {READ_STATE}", Access::Any));
}

#[tokio::test]
async fn without_a_good_token_nobody_passes() {
    let keys = keys();
    let router = guarded(&keys, &Revocations::new());
    let good = bearer(&keys, &handler());
    let token = good.strip_prefix("Bearer ").unwrap();
    let unauthenticated = |reason: &str| (Code::Unauthenticated, reason.to_owned());
    assert_eq!(status(&ask(&router, ACKNOWLEDGE, None).await), unauthenticated("bus.token_missing"));
    for wrong in ["", "Bearer", "Bearer ", token, &format!("Basic {token}"), &format!("{good}x")] {
        let answer = ask(&router, ACKNOWLEDGE, Some(wrong)).await;
        assert_eq!(status(&answer), unauthenticated("bus.token_invalid"), "{wrong}");
    }
    let lower = ask(&router, ACKNOWLEDGE, Some(&format!("bearer {token}"))).await;
    assert!(text(lower).await.starts_with("ZF-1"), "the scheme's case does not matter");
}

#[tokio::test]
async fn whoever_has_no_right_is_told_so_and_by_which_action() {
    let keys = keys();
    let router = guarded(&keys, &Revocations::new());
    let answer = ask(&router, READ_STATE, Some(&bearer(&keys, &handler()))).await;
    assert_eq!(status(&answer), (Code::PermissionDenied, "bus.not_permitted".to_owned()));
    let status = Status::from_header_map(answer.headers()).unwrap();
    assert!(status.message().contains("bus.state.read"), "{}", status.message());
}

#[tokio::test]
async fn an_account_that_was_disabled_is_refused_at_once() {
    let keys = keys();
    let revocations = Revocations::new();
    let router = guarded(&keys, &revocations);
    let good = bearer(&keys, &handler());
    assert!(text(ask(&router, UPLOAD, Some(&good)).await).await.starts_with("ZF-1"));
    revocations.push("ZF-1");
    let answer = ask(&router, UPLOAD, Some(&good)).await;
    assert_eq!(status(&answer), (Code::Unauthenticated, "bus.account_disabled".to_owned()));
}

#[tokio::test]
async fn the_way_to_a_new_token_is_open_to_whoever_brings_an_old_one() {
    let keys = keys();
    let router = guarded(&keys, &Revocations::new());
    let over = signed(&keys, &Claims { iat: seconds(-600), exp: seconds(-30), ..claims() });
    for authorization in [None, Some(format!("Bearer {over}"))] {
        let answer = ask(&router, ISSUE_TOKEN, authorization.as_deref()).await;
        assert_eq!(text(answer).await, format!("anonymous {:?} {ISSUE_TOKEN}", Access::Own));
    }
}

#[tokio::test]
async fn what_the_contract_does_not_have_is_nobodys_to_call() {
    let keys = keys();
    let router = guarded(&keys, &Revocations::new());
    let operator = bearer(&keys, &caller(CallerKind::Service, "operator", "operator"));
    for path in ["/xiezhi.bus.v1.BusService/Nothing", "/", "/xiezhi.bus.v1.BusService/ListTimers/"] {
        assert_eq!(status(&ask(&router, path, Some(&operator)).await).0, Code::Unimplemented, "{path}");
    }
}

#[tokio::test]
async fn a_grant_that_was_brought_along_is_not_believed() {
    let keys = keys();
    let router = guarded(&keys, &Revocations::new());
    let mut request = Request::builder().uri("/grpc.health.v1.Health/Check").body(Body::empty()).unwrap();
    request.extensions_mut().insert(Granted { caller: handler(), method: READ_STATE.to_owned(), access: Access::Any });
    assert_eq!(text(router.oneshot(request).await.unwrap()).await, "nobody");
}
