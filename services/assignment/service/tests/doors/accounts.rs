//! Accounts and the token door.

use ed25519_dalek::{Signer as _, SigningKey};
use kit::server::PeerCertificates;
use tonic::{Code, Request, Status};
use xiezhi_proto::assignment::v1 as proto;
use xiezhi_proto::assignment::v1::account_service_server::AccountService as _;

use crate::house::*;

fn key() -> SigningKey {
    SigningKey::from_bytes(&[7; 32])
}

async fn register(house: &House, account: &str, key: &[u8]) -> Result<(), Status> {
    let request = proto::RegisterAccountKeyRequest {
        command_id: command(),
        account_id: account.to_owned(),
        public_key: key.to_vec().into(),
    };
    house.tokens.register_account_key(by(&centre(), request)).await.map(|_| ())
}

async fn challenge(house: &House, account: &str) -> Vec<u8> {
    let request = proto::CreateChallengeRequest { account_id: account.to_owned() };
    house.tokens.create_challenge(Request::new(request)).await.unwrap().into_inner().challenge.to_vec()
}

async fn token(house: &House, account: &str, challenge: &[u8], key: &SigningKey) -> Result<String, Status> {
    let request = proto::IssueTokenRequest {
        account_id: account.to_owned(),
        challenge: challenge.to_vec().into(),
        signature: key.sign(challenge).to_bytes().to_vec().into(),
    };
    Ok(house.tokens.issue_token(Request::new(request)).await?.into_inner().token)
}

#[tokio::test]
async fn a_signed_challenge_is_worth_one_token_that_says_who_the_pack_says_it_is() {
    let house = House::at("2026-03-02 09:00").await;
    let pack = jiashan();
    let account = pack.accounts.iter().find(|account| account.unit.as_str() == "ZF").unwrap();
    let id = account.id.as_str();
    let early = challenge(&house, id).await;
    assert_eq!(token(&house, id, &early, &key()).await.unwrap_err().code(), Code::Unauthenticated, "no key yet");
    register(&house, id, key().verifying_key().as_bytes()).await.unwrap();
    let first = challenge(&house, id).await;
    let issued = token(&house, id, &first, &key()).await.unwrap();
    let verified = house.verifier.verify(&issued).unwrap();
    assert_eq!((verified.caller.account.as_str(), verified.caller.unit.as_str()), (id, "ZF"));
    assert!(account.roles.iter().all(|role| verified.caller.has_role(role.as_str())));
    let again = token(&house, id, &first, &key()).await.unwrap_err();
    assert_eq!((again.code(), reason(&again).as_str()), (Code::Unauthenticated, "assignment.challenge_failed"));
}

/// What a connection shows whose client has a certificate with this name in it, for so many days from (or until) yesterday.
fn certificate(uri: &str, days: i64) -> PeerCertificates {
    let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
    params.subject_alt_names = vec![rcgen::SanType::URI(uri.try_into().unwrap())];
    let yesterday = std::time::SystemTime::now() - std::time::Duration::from_secs(24 * 60 * 60);
    let span = std::time::Duration::from_secs(days.unsigned_abs() * 24 * 60 * 60);
    let (from, until) = if days < 0 { (yesterday - span, yesterday) } else { (yesterday, yesterday + span) };
    (params.not_before, params.not_after) = (from.into(), until.into());
    let certificate = params.self_signed(&rcgen::KeyPair::generate().unwrap()).unwrap();
    PeerCertificates(vec![certificate.der().clone()].into())
}

#[tokio::test]
async fn a_certificate_that_names_the_account_is_worth_a_token_and_no_other_is() {
    let house = House::at("2026-03-02 09:00").await;
    let ask = async |account: &str, shown: Option<PeerCertificates>| {
        let request = proto::IssueTokenRequest { account_id: account.to_owned(), ..Default::default() };
        let mut request = Request::new(request);
        if let Some(shown) = shown {
            request.extensions_mut().insert(shown);
        }
        house.tokens.issue_token(request).await.map(|issued| issued.into_inner().token)
    };
    let ours = "spiffe://c-1/account/ZF.handler".to_owned();
    let issued = ask("ZF.handler", Some(certificate(&ours, 30))).await.unwrap();
    assert_eq!(house.verifier.verify(&issued).unwrap().caller.account, "ZF.handler");
    let nobodys = ours.replace("ZF.handler", "nobody");
    for (account, shown) in [
        ("ZF.handler", None),
        ("HB.handler", Some(certificate(&ours, 30))),
        ("ZF.handler", Some(certificate(&ours, -30))),
        ("ZF.handler", Some(certificate(&ours, 365))),
        ("ZF.handler", Some(certificate(&ours.replace("spiffe", "https"), 30))),
        ("ZF.handler", Some(certificate("spiffe://another.county/account/ZF.handler", 30))),
        ("ZF.handler", Some(certificate("spiffe:///account/ZF.handler", 30))),
        ("ZF.handler", Some(certificate(&format!("{ours}/account/ZF.handler"), 30))),
        ("nobody", Some(certificate(&nobodys, 30))),
    ] {
        let refused = ask(account, shown).await.unwrap_err();
        assert_eq!(reason(&refused), "assignment.challenge_failed", "{account}");
    }
}

#[tokio::test]
async fn nothing_but_the_right_key_on_the_right_challenge_opens_the_door() {
    let house = House::at("2026-03-02 09:00").await;
    let pack = jiashan();
    let ids: Vec<&str> = pack.accounts.iter().map(|account| account.id.as_str()).take(2).collect();
    let (mine, other) = (ids[0], ids[1]);
    register(&house, mine, key().verifying_key().as_bytes()).await.unwrap();
    let wrong_key = challenge(&house, mine).await;
    let of_other = challenge(&house, other).await;
    for (account, challenge, key) in [
        (mine, wrong_key.as_slice(), SigningKey::from_bytes(&[8; 32])),
        (mine, of_other.as_slice(), key()),
        (mine, b"made up".as_slice(), key()),
        ("nobody", wrong_key.as_slice(), key()),
    ] {
        let refused = token(&house, account, challenge, &key).await.unwrap_err();
        assert_eq!(reason(&refused), "assignment.challenge_failed");
    }
    assert_eq!(fields(&register(&house, mine, &[1; 5]).await.unwrap_err()), ["public_key"]);
    assert_eq!(fields(&register(&house, mine, &[0; 32]).await.unwrap_err()), ["public_key"]);
    let missing = register(&house, "nobody", key().verifying_key().as_bytes()).await.unwrap_err();
    assert_eq!(missing.code(), Code::NotFound);
}

#[tokio::test]
async fn a_disabled_account_gets_no_token_and_everyone_hears_of_it() {
    let house = House::at("2026-03-02 09:00").await;
    let pack = jiashan();
    let id = pack.accounts[0].id.as_str();
    register(&house, id, key().verifying_key().as_bytes()).await.unwrap();
    let disable = || proto::DisableAccountRequest { command_id: command(), account_id: id.to_owned() };
    house.tokens.disable_account(by(&centre(), disable())).await.unwrap();
    assert_eq!(house.assignment.bus.revoked().await.unwrap(), [id]);
    assert_eq!(house.event_names(assignment::publish::account_key(id)).await, ["AccountDisabled"]);
    let challenge = challenge(&house, id).await;
    assert_eq!(token(&house, id, &challenge, &key()).await.unwrap_err().code(), Code::Unauthenticated);
    let again = house.tokens.disable_account(by(&centre(), disable())).await.unwrap_err();
    assert_eq!(reason(&again), "assignment.out_of_turn");
    let enrol = register(&house, id, key().verifying_key().as_bytes()).await.unwrap_err();
    assert_eq!(reason(&enrol), "assignment.out_of_turn");
    // A new pack that still names it does not bring it back; one that no longer names another disables that one too.
    let mut next = jiashan();
    let gone = next.accounts.pop().unwrap().id;
    house.publish(&next).await.unwrap();
    let mut revoked = house.assignment.bus.revoked().await.unwrap();
    revoked.sort();
    let mut expected = vec![id.to_owned(), gone.to_string()];
    expected.sort();
    assert_eq!(revoked, expected);
}
