//! 纪元: what was lost for good ends an epoch. Its producer says where the common part ends; a reader who has heard more of what
//! is lost goes on only when a person has settled every case that rests on it.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;
use xiezhi_proto::Event;
use xiezhi_proto::bus::v1::EpochStarted;

use super::Wish;
use crate::corridor::{Corridor, Stopped};
use crate::doors::PeerJournal;
use crate::envelope::Envelope;
use crate::service::{Service, Tx};
use crate::store::{self, Affected};

/// The namespace of the keys under which services say that an epoch began.
const EPOCHS: Uuid = Uuid::from_u128(0x7869_657a_6869_4000_8000_6570_6f63_0001);

/// The key of a service's own events about its epochs.
pub(crate) fn key_of(service: &str) -> Uuid {
    Uuid::new_v5(&EPOCHS, service.as_bytes())
}

/// Begins an epoch: its event is the first of it, numbered at once.
pub(super) async fn begin(
    tx: &mut Tx,
    service: &'static str,
    (epoch, last_pos, hash): (&mut i32, &mut i64, &mut Vec<u8>),
    base_pos: i64,
    lost_pos: i64,
    wish: &Wish,
) -> Result<(), Stopped> {
    let moment = store::moment(tx).await?;
    let key = key_of(service);
    let seq = store::key_seq(tx, key).await?;
    *epoch += 1;
    *last_pos += 1;
    let body = EpochStarted { base_pos, epoch: *epoch, lost_pos };
    let mut event = Envelope {
        service: service.to_owned(),
        epoch: *epoch,
        pos: *last_pos,
        event_id: Uuid::now_v7(),
        command_id: None,
        cause_id: None,
        actor: wish.by.clone(),
        traceparent: None,
        key,
        key_seq: seq + 1,
        type_name: EpochStarted::TYPE.to_owned(),
        schema_ver: EpochStarted::SCHEMA_VERSION,
        occurred_at: moment.now,
        recorded_at: moment.now,
        payload: prost::Message::encode_to_vec(&body),
        hash: Vec::new(),
    };
    event.hash = event.chained_hash(hash).to_vec();
    hash.clone_from(&event.hash);
    store::import(tx, &event).await?;
    tracing::error!(service, base_pos, lost_pos, why = %wish.why, "events are lost for good: a new epoch begins");
    Ok(())
}

/// A reader whose every affected case is settled goes on from the last common position. It keeps it where it diverged.
pub(crate) async fn go_on(tx: &mut Tx, consumer: &str, producer: &str) -> Result<(), Stopped> {
    sqlx::query!(
        "UPDATE bus.cursor SET state = 'running', updated_at = now()
         WHERE consumer = $1 AND producer = $2 AND state = 'diverged'",
        consumer,
        producer
    )
    .execute(tx)
    .await?;
    Ok(())
}

impl<S: Service> Corridor<S> {
    /// The producer is in a later epoch than our cursor. Where we have heard nothing that is lost, the journal leads across and
    /// answers true; else the cursor diverges, and what rests on the lost events is listed.
    pub(crate) async fn may_cross(&self, producer: &str, peers: &PeerJournal) -> Result<bool, Stopped> {
        let cursor = self.cursor(producer).await?;
        if cursor.state == "diverged" {
            return Ok(false);
        }
        let events = match peers.epochs(producer).await {
            Ok(events) => events,
            Err(error) => {
                tracing::debug!(producer, %error, "its epochs cannot be read now");
                return Ok(false);
            }
        };
        let started = events.iter().filter_map(|event| event.body::<EpochStarted>().ok());
        let Some(started) = started.filter(|started| started.epoch > cursor.epoch).min_by_key(|started| started.epoch)
        else {
            return Ok(false);
        };
        if cursor.pos <= started.base_pos {
            return Ok(true);
        }
        self.diverge(producer, &cursor, &started, peers).await?;
        Ok(false)
    }

    async fn diverge(
        &self,
        producer: &str,
        cursor: &crate::apply::Cursor,
        started: &EpochStarted,
        peers: &PeerJournal,
    ) -> Result<(), Stopped> {
        // What the producer's journal still has is not lost.
        let Some(common) = self.last_common(producer, started.base_pos, peers).await else { return Ok(()) };
        let mut tx = self.inner.work.begin().await?;
        let diverged = async {
            let mut keys = store::parked_after(&mut tx, S::NAME, producer, started.base_pos).await?;
            keys.extend(common.resting);
            // Where nothing names a case, a person must know of it all the same.
            if keys.is_empty() {
                keys.insert(key_of(producer));
            }
            let reason = format!(
                "{producer} lost its events {} to {} of epoch {}; what was heard of them stands here",
                started.base_pos + 1,
                cursor.pos,
                cursor.epoch
            );
            let found = Affected { from_pos: started.base_pos + 1, to_pos: cursor.pos, reason, blocking: false };
            let affected: BTreeMap<Uuid, Affected> = keys.into_iter().map(|key| (key, found.clone())).collect();
            store::insert_affected(&mut tx, producer, cursor.epoch, &affected).await?;
            store::move_cursor(&mut tx, (S::NAME, producer), common.epoch, started.base_pos, common.hash.as_deref()).await?;
            crate::parked::set_diverged(&mut *tx, S::NAME, producer).await?;
            tracing::error!(producer, affected = affected.len(), %found.reason, "its cursor diverged: a person must look");
            Ok::<_, Stopped>(())
        }
        .await;
        match diverged {
            Ok(()) => Ok(tx.commit().await?),
            Err(stopped) => {
                let _ = tx.rollback().await;
                Err(stopped)
            }
        }
    }

    /// The last position both know, and our own cases that rest on events which no journal has any more.
    async fn last_common(&self, producer: &str, base_pos: i64, peers: &PeerJournal) -> Option<Common> {
        use futures::TryStreamExt;
        let base: Vec<Envelope> = match base_pos {
            0 => Vec::new(),
            pos => peers.read(producer, pos, pos).await.ok()?.try_collect().await.ok()?,
        };
        let base = base.into_iter().next();
        let since = base.as_ref().map_or(jiff::Timestamp::UNIX_EPOCH, |event| event.recorded_at);
        let caused = store::caused(self.pool(), since).await;
        let caused =
            caused.inspect_err(|error| tracing::warn!(producer, %error, "what rests on it cannot be read")).ok()?;
        let mut causes: BTreeSet<Uuid> = caused.iter().map(|(_, cause)| *cause).collect();
        // Every neighbour is asked for what it said since: what nobody said is lost.
        for heard in S::HEARS {
            let mut events = peers.read(heard, 1, 0).await.ok()?;
            while let Some(event) = events.try_next().await.ok()? {
                for fact in event.facts().unwrap_or_default() {
                    causes.remove(&fact.event_id);
                }
            }
        }
        let resting = caused.into_iter().filter(|(_, cause)| causes.contains(cause)).map(|(key, _)| key).collect();
        Some(Common {
            epoch: base.as_ref().map_or(1, |event| event.epoch),
            hash: base.map(|event| event.hash),
            resting,
        })
    }
}

struct Common {
    epoch: i32,
    hash: Option<Vec<u8>>,
    resting: BTreeSet<Uuid>,
}
