//! 账号密钥与证书: an account proves itself with its key or its certificate and keeps its token fresh for as long as the centre is held.

use std::sync::Arc;
use std::time::Duration;

use ed25519_dalek::{Signer, SigningKey};
use jiff::Timestamp;
use tonic::transport::Channel;
use xiezhi_proto::assignment::v1::account_service_client::AccountServiceClient;
use xiezhi_proto::assignment::v1::{CreateChallengeRequest, IssueTokenRequest, IssueTokenResponse};

use crate::bearer::Bearer;
use crate::moment;
use crate::refused::Error;
use crate::retry::Retry;

/// A token is renewed when this part of its life is over, so that several tries fit into the rest.
const RENEW_AFTER: f64 = 0.6;

/// The shortest and the longest pause between two renewals that failed.
const TRY_AGAIN: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(15));

/// Renews until it is dropped.
#[derive(Debug)]
pub(crate) struct Renewal {
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Renewal {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Who renews, and where.
#[derive(Clone)]
struct Holder {
    doors: AccountServiceClient<Channel>,
    account: String,
    /// None where the connection's certificate proves the account.
    key: Option<Arc<SigningKey>>,
    retry: Retry,
}

/// Gets a first token, so that a key that does not fit is told at once, and goes on renewing it.
pub(crate) async fn keep(
    channel: Channel,
    account: String,
    key: Option<SigningKey>,
    retry: Retry,
    bearer: Bearer,
) -> Result<Renewal, Error> {
    let holder = Holder { doors: AccountServiceClient::new(channel), account, key: key.map(Arc::new), retry };
    let mut wait = holder.renew(&bearer).await?;
    let task = tokio::spawn(async move {
        let mut failed_wait = TRY_AGAIN.0;
        loop {
            tokio::time::sleep(wait).await;
            match holder.renew(&bearer).await {
                Ok(next) => (wait, failed_wait) = (next, TRY_AGAIN.0),
                Err(error) => {
                    tracing::warn!(account = %holder.account, %error, "the token could not be renewed");
                    wait = failed_wait;
                    failed_wait = (failed_wait * 2).min(TRY_AGAIN.1);
                }
            }
        }
    });
    Ok(Renewal { task })
}

impl Holder {
    /// Trades a signed challenge for a token and says how long until the next.
    async fn renew(&self, bearer: &Bearer) -> Result<Duration, Error> {
        let issued = self.retry.run(|| self.issue()).await?;
        bearer.set(&issued.token).map_err(|_| Error::Token)?;
        Ok(renew_in(Timestamp::now(), moment(issued.expires_at.as_ref())))
    }

    async fn issue(&self) -> Result<tonic::Response<IssueTokenResponse>, tonic::Status> {
        let mut doors = self.doors.clone();
        let account_id = self.account.clone();
        let Some(key) = &self.key else {
            return doors.issue_token(IssueTokenRequest { account_id, ..IssueTokenRequest::default() }).await;
        };
        let asked = doors.create_challenge(CreateChallengeRequest { account_id: account_id.clone() }).await?;
        let challenge = asked.into_inner().challenge;
        let signature = key.sign(&challenge).to_bytes().to_vec().into();
        doors.issue_token(IssueTokenRequest { account_id, challenge, signature }).await
    }
}

/// How long to wait: tokens live by real time, whatever time a simulated centre shows.
fn renew_in(now: Timestamp, expires_at: Option<Timestamp>) -> Duration {
    let life = expires_at.map_or(Duration::ZERO, |end| end.duration_since(now).try_into().unwrap_or(Duration::ZERO));
    life.mul_f64(RENEW_AFTER).max(TRY_AGAIN.0)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failed test should panic

    use super::*;

    #[test]
    fn a_token_is_renewed_well_before_it_ends() {
        let now: Timestamp = "2026-03-02T04:00:00Z".parse().unwrap();
        let end: Timestamp = "2026-03-02T04:15:00Z".parse().unwrap();
        assert_eq!(renew_in(now, Some(end)), Duration::from_secs(9 * 60));
    }

    #[test]
    fn a_token_that_is_over_or_endless_is_renewed_in_a_second() {
        let now: Timestamp = "2026-03-02T04:00:00Z".parse().unwrap();
        assert_eq!(renew_in(now, None), TRY_AGAIN.0);
        assert_eq!(renew_in(now, "2026-03-02T03:00:00Z".parse().ok()), TRY_AGAIN.0);
    }
}
