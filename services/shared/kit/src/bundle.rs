//! Rules as data: a bundle is uploaded as a blob, checked whole, and put in force by one command.

use std::collections::BTreeMap;

use jiff_sqlx::ToSqlx;
use uuid::Uuid;
use xiezhi_proto::bus::v1::{BundlePublished, PublishBundleResponse};

use crate::blob;
use crate::caller::Call;
use crate::context::{Cause, Context, Rules};
use crate::corridor::{Corridor, Left, Stopped};
use crate::refusal::{Refusal, Violation};
use crate::service::{Service, Tx};
use crate::store;

/// The namespace of the keys under which services say that their rules changed.
const BUNDLES: Uuid = Uuid::from_u128(0x7869_657a_6869_4000_8000_6275_6e64_0001);

/// The key of a service's own events about its rules.
pub fn rules_key(service: &str) -> Uuid {
    Uuid::new_v5(&BUNDLES, service.as_bytes())
}

impl<S: Service> Corridor<S> {
    /// Puts a stored bundle in force. The same bundle again changes nothing.
    pub(crate) async fn publish_bundle(&self, call: &Call, sha256: &[u8]) -> Result<PublishBundleResponse, Refusal> {
        let Some(bundle) = blob::find(self.pool(), sha256).await? else {
            return Err(Refusal::field("sha256", "no such bundle has been uploaded to this service"));
        };
        let parsed = S::parse_rules(&bundle.bytes).map_err(|mistakes| {
            Refusal::Invalid(
                mistakes
                    .into_iter()
                    .map(|mistake| Violation { field: "bundle".to_owned(), description: mistake })
                    .collect(),
            )
        })?;
        let parsed = std::sync::Arc::new(parsed);
        let (corridor, call) = (self.clone(), call.clone());
        let sha256 = bundle.sha256;
        // Its own task, like every transaction of the corridor.
        let task = tokio::spawn(async move {
            corridor.with_retries(|| corridor.publish_once(&call, sha256, std::sync::Arc::clone(&parsed))).await
        });
        match task.await {
            Ok(Ok(answer)) => answer,
            Ok(Err(stopped)) => {
                tracing::warn!(?stopped, "the bundle was not published");
                Err(match stopped {
                    Stopped::Constraint(name, _) => self.service().explain(&name).unwrap_or(Refusal::Internal(name)),
                    _ => Refusal::Unavailable("store".to_owned()),
                })
            }
            Err(error) => Err(Refusal::Internal(error.to_string())),
        }
    }

    async fn publish_once(
        &self,
        call: &Call,
        sha256: [u8; 32],
        parsed: std::sync::Arc<S::Rules>,
    ) -> Result<Result<PublishBundleResponse, Refusal>, Stopped> {
        let mut tx = self.inner.work.begin().await?;
        match self.publish_in(&mut tx, call, sha256, parsed).await {
            Ok(Ok((answer, left))) => {
                tx.commit().await?;
                // Whatever it changed, every loop looks.
                self.committed(Left { events: true, timers: true, waiting: true, ..left });
                Ok(Ok(answer))
            }
            Ok(Err(refusal)) => {
                tx.rollback().await?;
                Ok(Err(refusal))
            }
            Err(stopped) => {
                let _ = tx.rollback().await;
                Err(stopped)
            }
        }
    }

    async fn publish_in(
        &self,
        tx: &mut Tx,
        call: &Call,
        sha256: [u8; 32],
        parsed: std::sync::Arc<S::Rules>,
    ) -> Result<Result<(PublishBundleResponse, Left), Refusal>, Stopped> {
        // One publication at a time, and no decision under the old rules beside it: every decision reads this table first.
        sqlx::query!("LOCK TABLE bus.bundle IN ACCESS EXCLUSIVE MODE").execute(&mut *tx).await?;
        let (moment, mut stored) = store::begin(tx, &[call.command_id]).await?;
        if let Some(first) = stored.pop() {
            let answer = self.repeat(&first, call).and_then(|bytes| {
                prost::Message::decode(bytes.as_slice())
                    .map_err(|error: prost::DecodeError| Refusal::Internal(error.to_string()))
            });
            return Ok(answer.map(|answer| (answer, Left::default())));
        }
        let before = match self.open_at(tx, moment).await {
            Ok(opened) => Some(opened.rules),
            Err(Stopped::NoRules) => None,
            Err(stopped) => return Err(stopped),
        };
        let answer = |revision: i64| PublishBundleResponse { revision: revision.unsigned_abs() };
        // Kept for whoever repeats the command.
        let kept = |answer: &PublishBundleResponse| self.keep(call, &prost::Message::encode_to_vec(answer));
        if let Some(same) = before.as_ref().filter(|rules| rules.sha256 == sha256) {
            let answer = answer(same.revision);
            let command = match kept(&answer) {
                Ok(command) => command,
                Err(refusal) => return Ok(Err(refusal)),
            };
            let at = (S::NAME, moment.now);
            if store::append(tx, at, &BTreeMap::new(), &[command], &[], None).await?.answered != 1 {
                return Err(Stopped::Raced);
            }
            return Ok(Ok((answer, Left::default())));
        }
        let revision = moment.revision + 1;
        sqlx::query!(
            "INSERT INTO bus.bundle (revision, sha256, published_at, published_by) VALUES ($1, $2, $3, $4)",
            revision,
            &sha256[..],
            moment.now.to_sqlx() as _,
            call.granted.caller.actor()
        )
        .execute(&mut *tx)
        .await?;
        let mut keys = self.service().keys_of_rules(&parsed);
        let key = rules_key(S::NAME);
        keys.heads.insert(key);
        let rules = Rules { content: parsed, sha256, revision };
        let (heads, mut unit) = self.lock_and_load(tx, &keys).await?;
        let mut cx = Context::new(S::NAME, moment.now, rules, Cause::Command(call.clone()));
        cx.emit(key, &BundlePublished { sha256: sha256.to_vec().into(), revision: revision.unsigned_abs() });
        let before = before.as_ref().map(|rules| rules.content.as_ref());
        if let Err(refusal) = self.service().on_rules(&mut unit, &mut cx, before) {
            return Ok(Err(refusal));
        }
        let answer = answer(revision);
        let command = match kept(&answer) {
            Ok(command) => command,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let left = self.write(tx, &heads, &unit, &cx, &[command]).await?;
        Ok(Ok((answer, left)))
    }
}
