//! Cases that wait for a person after a recovery: how they are told, and how they are settled.

use uuid::Uuid;
use xiezhi_proto::bus::v1 as proto;

use crate::corridor::{Corridor, Left, Stopped, unavailable};
use crate::paging;
use crate::recover::epoch;
use crate::refusal::Refusal;
use crate::service::Service;
use crate::store;

/// Nothing is decided about a case whose tables could not follow its journal.
pub(crate) fn waits_for_a_person() -> Refusal {
    Refusal::forbidden(
        "bus.affected",
        "数据库恢复后, 该事项尚待人工核对",
        "after the database was restored, this case waits for a person to put it right",
    )
    .with_hint("xiezhi bus diverged list", "xiezhi bus diverged list")
}

/// A command that was carried out, and whose answer went with the database.
pub(crate) fn answer_lost() -> Refusal {
    Refusal::forbidden(
        "bus.answer_lost",
        "该命令在数据库恢复之前已执行, 结果仍在, 回执已丢失, 请勿重复提交",
        "this command was carried out before the database was restored; its effect stands and its answer is lost",
    )
}

impl<S: Service> Corridor<S> {
    /// The cases that wait, page by page.
    pub(crate) async fn list_affected(
        &self,
        request: proto::ListAffectedRequest,
    ) -> Result<proto::ListAffectedResponse, Refusal> {
        let size = paging::page_size(request.page_size, 100, 500)?;
        let (producer, epoch, key): (String, i32, Uuid) =
            paging::decode_token(&request.page_token)?.unwrap_or_default();
        let rows = sqlx::query!(
            "SELECT producer, epoch, key, from_pos, to_pos, reason, blocking, state, decided_by, decided_why
             FROM bus.affected
             WHERE (producer, epoch, key) > ($1, $2, $3) AND ($4 OR state = 'open')
             ORDER BY producer, epoch, key LIMIT $5",
            producer,
            epoch,
            key,
            request.include_settled,
            size
        )
        .fetch_all(self.pool())
        .await
        .map_err(unavailable)?;
        let next_page_token = match rows.last() {
            Some(last) if rows.len() as i64 == size => paging::encode_token(&(&last.producer, last.epoch, last.key)),
            _ => String::new(),
        };
        let affected = rows
            .into_iter()
            .map(|row| proto::AffectedKey {
                consumer: S::NAME.to_owned(),
                producer: row.producer,
                epoch: row.epoch,
                key: row.key.to_string(),
                from_pos: row.from_pos,
                to_pos: row.to_pos,
                reason: row.reason,
                blocking: row.blocking,
                state: row.state,
                decided_by: row.decided_by.unwrap_or_default(),
                decided_why: row.decided_why.unwrap_or_default(),
            })
            .collect();
        Ok(proto::ListAffectedResponse { affected, next_page_token })
    }

    /// A person has put a case right. With the last one the bus goes on as before.
    pub(crate) async fn settle_affected(
        &self,
        (producer, epoch, key): (String, i32, Uuid),
        by: String,
        why: String,
    ) -> Result<u64, Refusal> {
        let corridor = self.clone();
        // Its own task, like every transaction of the corridor.
        let task = tokio::spawn(async move {
            corridor.with_retries(|| corridor.settle_once((&producer, epoch, key), &by, &why)).await
        });
        let done = task.await.map_err(|error| Refusal::Internal(error.to_string()))?;
        let left = done.map_err(|stopped| self.refuse(stopped))?.ok_or(Refusal::NotFound { what: "affected case" })?;
        self.committed(Left { events: true, timers: true, waiting: true, ..Left::default() });
        Ok(left)
    }

    async fn settle_once(&self, row: (&str, i32, Uuid), by: &str, why: &str) -> Result<Option<u64>, Stopped> {
        let mut tx = self.inner.work.begin().await?;
        let settled = async {
            if !store::settle(&mut tx, row, by, why).await? {
                return Ok(None);
            }
            let left = store::count_open(&mut *tx, row.0).await?;
            if row.0 == S::NAME {
                if store::count_blocking(&mut *tx, row.0).await? > 0 {
                    return Ok(Some(left.unsigned_abs()));
                }
                store::end_mending(&mut tx).await?;
            } else if left == 0 {
                epoch::go_on(&mut tx, S::NAME, row.0).await?;
            }
            Ok::<_, Stopped>(Some(left.unsigned_abs()))
        }
        .await;
        match settled {
            Ok(left) => {
                tx.commit().await?;
                Ok(left)
            }
            Err(stopped) => {
                let _ = tx.rollback().await;
                Err(stopped)
            }
        }
    }
}
