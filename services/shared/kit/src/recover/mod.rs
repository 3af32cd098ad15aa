//! Bringing a journal that was restored to an earlier time forward again: what is missing comes from its own stream, the tables
//! follow from it, and what cannot follow waits for a person.
//!
//! A decision that was made because of a neighbour's event or of a timer is made once more, at the moment and with the ids that
//! the journal tells, and must come to the same events. A decision of a command is put back from its events alone, where the
//! service can do that ([`Service::on_own_events`]). Everything is one transaction: it happens whole or not at all.

pub(crate) mod chain;
pub(crate) mod epoch;
pub(crate) mod gather;
mod origin;
mod redo;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use async_nats::jetstream;
use futures::StreamExt;
use uuid::Uuid;
use xiezhi_proto::bus::v1 as proto;

use crate::context::Rules;
use crate::corridor::{Corridor, Left, Stopped, unavailable};
use crate::doors::PeerJournal;
use crate::envelope::Envelope;
use crate::refusal::Refusal;
use crate::service::Service;
use crate::store::{self, Head};
use chain::End;
use gather::Outside;
use redo::{Heard, Redo};

/// Who recovers, and what may be given up.
#[derive(Debug, Clone)]
pub(crate) struct Wish {
    pub accept_loss: bool,
    pub by: String,
    pub why: String,
}

/// What will be done, before anything is written.
struct Plan {
    head: Head,
    imported: Vec<Envelope>,
    /// Where a new epoch must begin: the last common position and the last that anybody saw.
    lost: Option<(i64, i64)>,
    /// Keys of events that stand in the stream behind what is lost, with their positions.
    stranded: Vec<(Uuid, i64)>,
    heard: BTreeMap<&'static str, Heard>,
}

/// What a recovery came to.
#[derive(Debug, Default)]
pub(crate) struct Recovered {
    pub imported: u64,
    pub redone: u64,
    pub affected: u64,
    pub last_pos: i64,
    pub epoch: i32,
    pub base_pos: i64,
    pub mode: &'static str,
}

impl From<Recovered> for proto::RecoverJournalResponse {
    fn from(done: Recovered) -> Self {
        Self {
            imported: done.imported,
            redone: done.redone,
            affected: done.affected,
            last_pos: done.last_pos,
            epoch: done.epoch,
            base_pos: done.base_pos,
            mode: done.mode.to_owned(),
        }
    }
}

impl<S: Service> Corridor<S> {
    /// Recovers, or says why not; then nothing has changed.
    pub(crate) async fn recover(
        &self,
        jetstream: &jetstream::Context,
        peers: &PeerJournal,
        wish: Wish,
    ) -> Result<Recovered, Refusal> {
        let plan = self.plan(jetstream, peers, &wish).await?;
        let corridor = self.clone();
        // Its own task, like every transaction of the corridor.
        let task = tokio::spawn(async move { corridor.carry_out(plan, &wish).await });
        let done = task.await.map_err(|error| Refusal::Internal(error.to_string()))?;
        let done = done.map_err(|stopped| self.refuse(stopped))?;
        tracing::warn!(
            service = S::NAME,
            imported = done.imported,
            redone = done.redone,
            affected = done.affected,
            epoch = done.epoch,
            "the journal was recovered"
        );
        self.committed(Left { events: true, timers: true, waiting: true, ..Left::default() });
        Ok(done)
    }

    async fn plan(&self, jetstream: &jetstream::Context, peers: &PeerJournal, wish: &Wish) -> Result<Plan, Refusal> {
        let head = store::head(self.pool()).await.map_err(unavailable)?;
        if !head.rolled_back {
            return Err(Refusal::forbidden(
                "bus.not_rolled_back",
                "该服务的日志完整, 无需恢复",
                "this journal is whole, there is nothing to recover",
            ));
        }
        let Outside { beyond, seen, differs_at } =
            gather::outside(jetstream, peers, self.pool(), S::NAME, &head).await?;
        let named: Vec<(Uuid, i64)> = beyond.iter().map(|event| (event.key, event.pos)).collect();
        let (imported, lost) = match differs_at {
            Some(pos) => (Vec::new(), Some((refused_unless(wish, contradicts(pos), pos)?, seen.max(head.last_pos)))),
            None => match chain::walk(head.last_pos, &head.last_hash, beyond, seen) {
                (imported, End::Whole) => (imported, None),
                (imported, End::Changed(pos)) => (imported, Some((refused_unless(wish, changed(pos), pos)?, seen))),
                (imported, End::Missing(pos)) => {
                    (imported, Some((refused_unless(wish, nowhere(pos, seen), pos)?, seen)))
                }
            },
        };
        let end = imported.last().map_or(head.last_pos, |event| event.pos);
        let stranded = named.into_iter().filter(|(_, pos)| lost.is_some() && *pos > end).collect();
        let heard = self.heard_before(peers, &imported).await?;
        Ok(Plan { head, imported, lost, stranded, heard })
    }

    /// Others' events that must be heard again: from our cursors up to the last one that what comes back followed from.
    async fn heard_before(
        &self,
        peers: &PeerJournal,
        imported: &[Envelope],
    ) -> Result<BTreeMap<&'static str, Heard>, Refusal> {
        let facts = imported.iter().flat_map(|row| row.clone().facts().unwrap_or_default());
        let causes: BTreeSet<Uuid> = facts.filter_map(|fact| fact.cause_id).collect();
        let mut heard = BTreeMap::new();
        if causes.is_empty() {
            return Ok(heard);
        }
        let unreachable = |producer: &str, error: tonic::Status| {
            tracing::warn!(producer, %error, "its journal is needed and cannot be read");
            Refusal::Unavailable(format!("journal of {producer}"))
        };
        for producer in S::HEARS {
            let cursor = self.cursor(producer).await.map_err(unavailable)?;
            let mut events =
                peers.read(producer, cursor.pos + 1, 0).await.map_err(|error| unreachable(producer, error))?;
            let mut read = VecDeque::new();
            let mut needed = 0;
            while let Some(event) = events.next().await {
                let event = event.map_err(|error| unreachable(producer, error))?;
                // Whatever fact of a row caused something, the row was heard as one.
                let facts = event.clone().facts().unwrap_or_default();
                read.push_back(event);
                if facts.iter().any(|fact| causes.contains(&fact.event_id)) {
                    needed = read.len();
                }
            }
            read.truncate(needed);
            heard.insert(*producer, Heard { events: read, end: None });
        }
        Ok(heard)
    }

    async fn carry_out(&self, plan: Plan, wish: &Wish) -> Result<Recovered, Stopped> {
        let mut tx = self.inner.work.begin().await?;
        match self.carry_out_in(&mut tx, plan, wish).await {
            Ok(done) => {
                tx.commit().await?;
                Ok(done)
            }
            Err(stopped) => {
                let _ = tx.rollback().await;
                Err(stopped)
            }
        }
    }

    async fn carry_out_in(&self, tx: &mut crate::service::Tx, plan: Plan, wish: &Wish) -> Result<Recovered, Stopped> {
        let head = store::lock_node(tx).await?;
        if !head.rolled_back || head.last_pos != plan.head.last_pos || head.last_hash != plan.head.last_hash {
            return Err(Stopped::Raced);
        }
        store::make_room(tx, &plan.imported).await?;
        let mut known = BTreeSet::new();
        for event in &plan.imported {
            if store::import(tx, event).await? {
                // It was committed here with its effects; only its position was lost.
                known.insert(event.event_id);
            }
        }
        let mut done = Recovered {
            imported: plan.imported.len() as u64,
            last_pos: plan.imported.last().map_or(head.last_pos, |event| event.pos),
            epoch: plan.imported.last().map_or(head.epoch, |event| event.epoch),
            ..Recovered::default()
        };
        let mut hash = plan.imported.last().map_or_else(|| head.last_hash.clone(), |event| event.hash.clone());
        let mut affected = BTreeMap::new();
        if plan.imported.iter().any(|event| !known.contains(&event.event_id)) {
            let rules = self.rules_now(tx).await?;
            let mut redo = Redo::new(self, rules, &plan.imported, known, plan.heard);
            redo.run(tx).await?;
            done.redone = redo.redone;
            affected = redo.affected;
        }
        for (key, pos) in &plan.stranded {
            let found = affected.entry(*key).or_insert_with(|| store::Affected {
                from_pos: *pos,
                to_pos: *pos,
                reason: "its events stand in the stream behind others that are lost".to_owned(),
                blocking: true,
            });
            found.to_pos = found.to_pos.max(*pos);
        }
        if let Some((base_pos, lost_pos)) = plan.lost {
            let began =
                epoch::begin(tx, S::NAME, (&mut done.epoch, &mut done.last_pos, &mut hash), base_pos, lost_pos, wish);
            began.await?;
            done.base_pos = base_pos;
        }
        store::insert_affected(tx, S::NAME, done.epoch, &affected).await?;
        done.affected = affected.len() as u64;
        let blocked = affected.values().any(|found| found.blocking);
        done.mode = if blocked { "mending" } else { "normal" };
        let published = done.last_pos.min(plan.imported.last().map_or(head.published_pos, |event| event.pos));
        store::set_head(tx, done.epoch, done.last_pos, &hash, published, done.mode).await?;
        Ok(done)
    }

    async fn rules_now(&self, tx: &mut crate::service::Tx) -> Result<Rules<S::Rules>, Stopped> {
        let moment = store::moment(tx).await?;
        self.rules_of(tx, moment.revision).await
    }
}

/// The position before which everything is common, where the person gives up what comes after.
fn refused_unless(wish: &Wish, refusal: Refusal, pos: i64) -> Result<i64, Refusal> {
    if wish.accept_loss { Ok(pos - 1) } else { Err(refusal) }
}

fn changed(pos: i64) -> Refusal {
    Refusal::forbidden(
        "bus.chain_broken",
        format!("流中第 {pos} 条与哈希链不符, 日志未作任何改动"),
        format!("the stream's event at {pos} does not continue the hash chain; the journal was left untouched"),
    )
    .with_hint(LOSS_ZH, LOSS_EN)
}

fn nowhere(pos: i64, seen: i64) -> Refusal {
    Refusal::forbidden(
        "bus.events_missing",
        format!("第 {pos} 条在流中已不存在 (他方见过至第 {seen} 条), 日志未作任何改动"),
        format!("position {pos} is nowhere any more (others have seen up to {seen}); the journal was left untouched"),
    )
    .with_hint(LOSS_ZH, LOSS_EN)
}

fn contradicts(pos: i64) -> Refusal {
    Refusal::forbidden(
        "bus.journal_contradicts",
        format!("第 {pos} 条与他方所见不同: 恢复到早期后又写入了新事件, 日志未作任何改动"),
        format!(
            "position {pos} is not what others have seen: the restored journal went on by itself; it was left untouched"
        ),
    )
    .with_hint(LOSS_ZH, LOSS_EN)
}

const LOSS_ZH: &str = "确认丢失后: xiezhi bus recover SERVICE --accept-loss --why 原因";
const LOSS_EN: &str = "to go on without them: xiezhi bus recover SERVICE --accept-loss --why REASON";
