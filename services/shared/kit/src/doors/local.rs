//! What the bus of a service of this process answers.

use futures::StreamExt;
use futures::stream::BoxStream;
use tonic::Status;
use uuid::Uuid;
use xiezhi_proto::bus::v1 as proto;

use super::bus::key_of;
use super::{BusNode, PeerJournal, stream};
use crate::caller::Call;
use crate::context::Blob;
use crate::corridor::{Corridor, unavailable};
use crate::paging;
use crate::recover::Wish;
use crate::refusal::Refusal;
use crate::service::Service;
use crate::wire::to_proto_time;
use crate::{blob, clock, nats, store};

/// How many journal rows are read at once while streaming.
const READ: i64 = 256;

/// A service of this process.
pub(crate) struct LocalNode<S: Service> {
    pub corridor: Corridor<S>,
    pub client: async_nats::Client,
    pub peers: PeerJournal,
}

#[tonic::async_trait]
impl<S: Service> BusNode for LocalNode<S> {
    fn name(&self) -> &'static str {
        S::NAME
    }

    async fn high_water(&self) -> Result<proto::HighWaterResponse, Refusal> {
        let pool = self.corridor.pool();
        // Counted before the head is read: a row that is numbered in between is then in the head, and never in neither.
        let unnumbered = store::count_unnumbered(pool).await.map_err(unavailable)?;
        let head = store::head(pool).await.map_err(unavailable)?;
        Ok(proto::HighWaterResponse {
            epoch: head.epoch,
            last_pos: head.last_pos,
            last_hash: head.last_hash.into(),
            unnumbered,
            published_pos: head.published_pos,
            mode: head.mode,
        })
    }

    fn read_journal(
        &self,
        request: proto::ReadJournalRequest,
    ) -> Result<BoxStream<'static, Result<proto::ReadJournalResponse, Status>>, Refusal> {
        if request.from_pos < 1 || request.to_pos < 0 {
            return Err(Refusal::field("from_pos", "positions begin at 1"));
        }
        let key = key_of("key", &request.key)?;
        let to = if request.to_pos == 0 { i64::MAX } else { request.to_pos };
        let pool = self.corridor.pool().clone();
        let pages = futures::stream::try_unfold(Some(request.from_pos), move |from| {
            let pool = pool.clone();
            async move {
                let Some(from) = from else { return Ok(None) };
                let page = store::read_journal(&pool, S::NAME, from, to, key, READ).await.map_err(unavailable)?;
                let next = (page.len() as i64 == READ).then(|| page.last().map(|event| event.pos + 1)).flatten();
                Ok::<_, Status>(Some((page, next)))
            }
        });
        let events = pages.flat_map(|page| match page {
            Ok(page) => futures::stream::iter(page)
                .map(|event| Ok(proto::ReadJournalResponse { event: Some(proto::Envelope::from(&event)) }))
                .boxed(),
            Err(status) => futures::stream::iter([Err(status)]).boxed(),
        });
        Ok(events.boxed())
    }

    async fn cursors(&self) -> Result<proto::ListCursorsResponse, Refusal> {
        let rows = sqlx::query!(
            "SELECT consumer, producer, epoch, pos, state, seen_hash FROM bus.cursor ORDER BY consumer, producer"
        )
        .fetch_all(self.corridor.pool())
        .await
        .map_err(unavailable)?;
        let repaired = self.corridor.inner.repaired.load(std::sync::atomic::Ordering::Relaxed);
        Ok(proto::ListCursorsResponse {
            cursors: rows
                .into_iter()
                .map(|row| proto::Cursor {
                    consumer: row.consumer,
                    producer: row.producer,
                    epoch: row.epoch,
                    pos: row.pos,
                    state: row.state,
                    seen_hash: row.seen_hash.unwrap_or_default().into(),
                    repaired,
                })
                .collect(),
        })
    }

    async fn parked(&self, request: proto::ListParkedRequest) -> Result<proto::ListParkedResponse, Refusal> {
        let size = paging::page_size(request.page_size, 100, 500)?;
        let (producer, epoch, pos): (String, i32, i64) = paging::decode_token(&request.page_token)?.unwrap_or_default();
        let rows = sqlx::query!(
            "SELECT consumer, producer, epoch, pos, event, keys, reason, attempts, state, next_try_at FROM bus.parked
             WHERE consumer = $1 AND (producer, epoch, pos) > ($2, $3, $4)
               AND ($5 OR state IN ('waiting', 'behind'))
             ORDER BY producer, epoch, pos LIMIT $6",
            S::NAME,
            producer,
            epoch,
            pos,
            request.include_decided,
            size
        )
        .fetch_all(self.corridor.pool())
        .await
        .map_err(unavailable)?;
        let next_page_token = match rows.last() {
            Some(last) if rows.len() as i64 == size => paging::encode_token(&(&last.producer, last.epoch, last.pos)),
            _ => String::new(),
        };
        let parked = rows
            .into_iter()
            .map(|row| proto::ParkedEvent {
                r#type: type_of(&row.event),
                consumer: row.consumer,
                producer: row.producer,
                epoch: row.epoch,
                pos: row.pos,
                keys: row.keys.iter().map(Uuid::to_string).collect(),
                reason: row.reason,
                attempts: row.attempts,
                state: row.state,
                next_try_at: row.next_try_at.map(|at| to_proto_time(at.to_jiff())),
            })
            .collect();
        Ok(proto::ListParkedResponse { parked, next_page_token })
    }

    async fn decide_parked(&self, request: proto::DecideParkedRequest, by: String) -> Result<(), Refusal> {
        if request.consumer != S::NAME {
            return Err(Refusal::NotFound { what: "parked event" });
        }
        let skip = request.decision() == proto::ParkedDecision::Skip;
        let corridor = self.corridor.clone();
        // Its own task, like every transaction of the corridor.
        let decided = tokio::spawn(async move {
            let row = (request.producer.as_str(), request.epoch, request.pos);
            corridor.decide_parked_by_hand(row, skip, &by, &request.why).await
        });
        let found = decided.await.map_err(|error| Refusal::Internal(error.to_string()))?.map_err(unavailable)?;
        if found { Ok(()) } else { Err(Refusal::NotFound { what: "parked event" }) }
    }

    async fn recover(
        &self,
        request: proto::RecoverJournalRequest,
        by: String,
    ) -> Result<proto::RecoverJournalResponse, Refusal> {
        let wish = Wish { accept_loss: request.accept_loss, by, why: request.why };
        let done = self.corridor.recover(&nats::jetstream(&self.client), &self.peers, wish).await?;
        Ok(done.into())
    }

    async fn affected(&self, request: proto::ListAffectedRequest) -> Result<proto::ListAffectedResponse, Refusal> {
        self.corridor.list_affected(request).await
    }

    async fn settle_affected(
        &self,
        which: (String, i32, Uuid),
        by: String,
        why: String,
    ) -> Result<proto::SettleAffectedResponse, Refusal> {
        let left = self.corridor.settle_affected(which, by, why).await?;
        Ok(proto::SettleAffectedResponse { left })
    }

    async fn timers(&self, request: proto::ListTimersRequest) -> Result<proto::ListTimersResponse, Refusal> {
        let size = paging::page_size(request.page_size, 200, 1000)?;
        let key = key_of("key", &request.key)?;
        let (after_key, kind, generation): (Uuid, String, i32) =
            paging::decode_token(&request.page_token)?.unwrap_or_default();
        let rows = sqlx::query!(
            "SELECT key, kind, gen AS generation, rule, anchor_at, due_at, state, fired_at FROM bus.timer
             WHERE ($1::uuid IS NULL OR key = $1) AND (NOT $2 OR state = 'armed') AND (key, kind, gen) > ($3, $4, $5)
             ORDER BY key, kind, gen LIMIT $6",
            key,
            request.armed_only,
            after_key,
            kind,
            generation,
            size
        )
        .fetch_all(self.corridor.pool())
        .await
        .map_err(unavailable)?;
        let next_page_token = match rows.last() {
            Some(last) if rows.len() as i64 == size => paging::encode_token(&(last.key, &last.kind, last.generation)),
            _ => String::new(),
        };
        let timers = rows
            .into_iter()
            .map(|row| proto::Timer {
                key: row.key.to_string(),
                kind: row.kind,
                r#gen: row.generation,
                rule: row.rule,
                anchor_at: Some(to_proto_time(row.anchor_at.to_jiff())),
                due_at: Some(to_proto_time(row.due_at.to_jiff())),
                state: row.state,
                fired_at: row.fired_at.map(|at| to_proto_time(at.to_jiff())),
            })
            .collect();
        Ok(proto::ListTimersResponse { timers, next_page_token })
    }

    async fn command(&self, command_id: Uuid) -> Result<proto::FindCommandResponse, Refusal> {
        let pool = self.corridor.pool();
        let method = sqlx::query_scalar!("SELECT method FROM bus.command WHERE command_id = $1", command_id)
            .fetch_optional(pool)
            .await
            .map_err(unavailable)?;
        let rows = sqlx::query_scalar!(
            r#"SELECT n.pos AS "pos?" FROM bus.journal j LEFT JOIN bus.numbered n USING (id)
               WHERE j.command_id = $1 ORDER BY j.id"#,
            command_id
        )
        .fetch_all(pool)
        .await
        .map_err(unavailable)?;
        Ok(proto::FindCommandResponse {
            answered: method.is_some(),
            // A row without a method stands for an answer that went with the database.
            answer_lost: method.as_ref().is_some_and(String::is_empty),
            method: method.unwrap_or_default(),
            events: u32::try_from(rows.len()).unwrap_or(u32::MAX),
            positions: rows.into_iter().flatten().collect(),
        })
    }

    async fn check_stream(&self) -> Result<proto::CheckStreamResponse, Refusal> {
        stream::check::<S>(&self.client, self.corridor.pool()).await
    }

    async fn clock(&self) -> Result<proto::GetClockResponse, Refusal> {
        let pool = self.corridor.pool();
        let (now, due) = store::next_due(pool, &[]).await.map_err(unavailable)?;
        let unnumbered = store::count_unnumbered(pool).await.map_err(unavailable)?;
        let head = store::head(pool).await.map_err(unavailable)?;
        let soon = sqlx::query_scalar!(
            r#"SELECT EXISTS (SELECT 1 FROM bus.parked WHERE consumer = $1 AND state = 'waiting'
                              AND next_try_at <= now() + interval '3 s' AND attempts < 5) AS "soon!""#,
            S::NAME
        )
        .fetch_one(pool)
        .await
        .map_err(unavailable)?;
        let quiet = unnumbered == 0 && head.published_pos >= head.last_pos && !soon && due.is_none_or(|due| due > now);
        Ok(proto::GetClockResponse {
            now: Some(to_proto_time(now)),
            kind: clock::kind(pool).await?,
            earliest_due_at: due.map(to_proto_time),
            quiet,
            suspect: clock::wall(pool).await.map_err(unavailable)?.1,
        })
    }

    async fn turn(
        &self,
        turn_id: Uuid,
        to: jiff::Timestamp,
        as_of: Option<jiff::Timestamp>,
    ) -> Result<proto::TurnClockResponse, Refusal> {
        let now = clock::turn(self.corridor.pool(), turn_id, to, as_of).await?;
        self.corridor.inner.wakes.tick.notify_one();
        Ok(proto::TurnClockResponse { now: Some(to_proto_time(now)) })
    }

    async fn confirm_clock(&self) -> Result<(), Refusal> {
        clock::confirm(self.corridor.pool()).await
    }

    async fn publish_bundle(&self, call: Call, sha256: Vec<u8>) -> Result<proto::PublishBundleResponse, Refusal> {
        self.corridor.publish_bundle(&call, &sha256).await
    }

    async fn bundle(&self) -> Result<proto::GetBundleResponse, Refusal> {
        let row = sqlx::query!("SELECT sha256, revision, published_at FROM bus.bundle ORDER BY revision DESC LIMIT 1")
            .fetch_optional(self.corridor.pool())
            .await
            .map_err(unavailable)?;
        Ok(row.map_or_else(proto::GetBundleResponse::default, |row| proto::GetBundleResponse {
            sha256: row.sha256.into(),
            revision: row.revision.unsigned_abs(),
            published_at: Some(to_proto_time(row.published_at.to_jiff())),
        }))
    }

    async fn keep_blob(&self, blob: Blob) -> Result<(), Refusal> {
        blob::keep(self.corridor.pool(), &blob).await
    }

    async fn find_blob(&self, sha256: Vec<u8>) -> Result<Option<Blob>, Refusal> {
        blob::find(self.corridor.pool(), &sha256).await
    }

    async fn revoked(&self) -> Result<Vec<String>, Refusal> {
        store::list_revoked(self.corridor.pool()).await.map_err(unavailable)
    }
}

/// The type of a stored event; of several facts the first one's.
fn type_of(event: &[u8]) -> String {
    let facts = crate::envelope::from_bytes(event).and_then(crate::envelope::Envelope::facts).unwrap_or_default();
    facts.into_iter().next().map(|fact| fact.type_name).unwrap_or_default()
}
