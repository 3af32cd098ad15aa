//! Commands through the corridor: whatever arrived while the last commit ran goes into the next one, and a repeat gets the
//! first answer.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, PoisonError};
use std::time::Duration;

use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};
use uuid::Uuid;

use crate::caller::Call;
use crate::context::{Cause, Context};
use crate::corridor::{Corridor, Decide, Job, Left, Stopped, mark, rollback, unpanicked};
use crate::refusal::Refusal;
use crate::seal;
use crate::service::{Keys, Merge, Service, Tx};
use crate::store::{self, StoredCommand};

/// How many commands one commit takes at most.
const GROUP: usize = 256;
/// How many groups are under way at once, in one process.
pub(crate) const WORKERS: usize = 2;
/// So long a group keeps the next one waiting before both are under way.
const LONGEST_TURN: Duration = Duration::from_millis(20);

/// Callers of this process who wait for an answer, whichever of its services they asked.
static CALLERS: AtomicUsize = AtomicUsize::new(0);

/// How many callers wait for an answer of this process.
pub(crate) fn callers_waiting() -> usize {
    CALLERS.load(Ordering::Relaxed)
}

/// One of them; gone when it is dropped, also with a call that was cancelled.
struct Waiting;

impl Waiting {
    fn begin() -> Self {
        CALLERS.fetch_add(1, Ordering::Relaxed);
        Self
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        CALLERS.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Commands have threads of their own: among hundreds of requests that are being read and answered, a group that waits for its
/// store would come last whenever the store has answered, and all of their callers with it.
fn threads() -> Handle {
    static THREADS: LazyLock<Option<Runtime>> = LazyLock::new(|| {
        let built = Builder::new_multi_thread().worker_threads(WORKERS).thread_name("commands").enable_all().build();
        built.inspect_err(|error| tracing::warn!(%error, "commands share the threads of all")).ok()
    });
    THREADS.as_ref().map_or_else(Handle::current, |threads| threads.handle().clone())
}

/// Held by the group that is being decided, until it is committed.
type Turn = Option<OwnedSemaphorePermit>;

impl<S: Service> Corridor<S> {
    /// Starts the workers. They live as long as the corridor does.
    pub(crate) fn take_commands(&self, jobs: mpsc::Receiver<Job<S>>) {
        let jobs = Arc::new(tokio::sync::Mutex::new(jobs));
        let turn = Arc::new(tokio::sync::Semaphore::new(1));
        for _ in 0..WORKERS {
            let (weak, jobs, turn) = (Arc::downgrade(&self.inner), Arc::clone(&jobs), Arc::clone(&turn));
            // Its own task: a dropped RPC never drops a future that is inside a transaction.
            threads().spawn(async move {
                let mut group = Vec::with_capacity(GROUP);
                loop {
                    let mut jobs = jobs.lock().await;
                    // While one group is decided and reaches the disk the next one gathers: few large groups cost less than many
                    // small ones. Behind a group that waits for a lock of others nobody waits long.
                    let turn = tokio::time::timeout(LONGEST_TURN, Arc::clone(&turn).acquire_owned()).await;
                    // Whatever arrived meanwhile goes into this one.
                    if jobs.recv_many(&mut group, GROUP).await == 0 {
                        return;
                    }
                    drop(jobs);
                    let Some(inner) = weak.upgrade() else { return };
                    Self { inner }.run(std::mem::take(&mut group), turn.ok().and_then(Result::ok)).await;
                }
            });
        }
    }

    /// Decides a command together with whatever else waits, and answers after its commit. A repeat gets the first answer.
    pub async fn command<M: prost::Message + Default>(
        &self,
        call: Call,
        keys: Keys<S::Needs>,
        decide: impl Fn(&mut S::Unit, &mut Context<S::Rules>) -> Result<M, Refusal> + Send + Sync + 'static,
    ) -> Result<M, Refusal> {
        let _waiting = Waiting::begin();
        let (answer, answered) = oneshot::channel();
        let decide: Decide<S> = Box::new(move |unit, cx| decide(unit, cx).map(|answer| answer.encode_to_vec()));
        self.inner.queue.try_send(Job { call, keys, decide, answer }).map_err(|_| Refusal::Overloaded)?;
        let bytes = answered.await.map_err(|_| Refusal::Unavailable("stopping".to_owned()))??;
        M::decode(bytes.as_slice()).map_err(|error| Refusal::Internal(error.to_string()))
    }

    async fn run(&self, jobs: Vec<Job<S>>, mut turn: Turn) {
        // Two commands of one id never share a transaction: the second must find the first one's answer.
        let mut waves: Vec<Vec<Job<S>>> = Vec::new();
        let mut seen: BTreeMap<Uuid, usize> = BTreeMap::new();
        for job in jobs {
            let wave = seen.entry(job.call.command_id).and_modify(|wave| *wave += 1).or_insert(0);
            if waves.len() <= *wave {
                waves.push(Vec::new());
            }
            if let Some(wave) = waves.get_mut(*wave) {
                wave.push(job);
            }
        }
        for wave in waves {
            let results = self.decide_group(&wave, turn.take()).await;
            for (job, result) in wave.into_iter().zip(results) {
                // A caller that went away has no use for the answer; it is stored for its repeat.
                let _ = job.answer.send(result);
            }
        }
    }

    async fn decide_group(&self, jobs: &[Job<S>], turn: Turn) -> Vec<Result<Vec<u8>, Refusal>> {
        // Whoever is run again goes on beside the others.
        let turn = std::sync::Mutex::new(turn);
        let take = || turn.lock().unwrap_or_else(PoisonError::into_inner).take();
        match self.with_retries(|| self.try_group(jobs, take())).await {
            Ok(results) => results,
            Err(Stopped::Constraint(..) | Stopped::Raced) if jobs.len() > 1 => {
                // One of them broke a constraint, or keeps losing; alone, each meets only its own.
                let mut results = Vec::with_capacity(jobs.len());
                for job in jobs {
                    let alone = self.with_retries(|| self.try_group(std::slice::from_ref(job), None)).await;
                    results.push(match alone {
                        Ok(mut one) => one.pop().unwrap_or_else(|| Err(Refusal::Internal("no answer".to_owned()))),
                        Err(stopped) => Err(self.refuse(stopped)),
                    });
                }
                results
            }
            Err(stopped) => {
                let refusal = self.refuse(stopped);
                jobs.iter().map(|_| Err(refusal.clone())).collect()
            }
        }
    }

    async fn try_group(&self, jobs: &[Job<S>], turn: Turn) -> Result<Vec<Result<Vec<u8>, Refusal>>, Stopped> {
        let mut tx = self.inner.commands.begin().await?;
        match self.group_in(&mut tx, jobs).await {
            Ok((results, Some(left))) => {
                tx.commit().await?;
                drop(turn);
                self.committed(left);
                Ok(results)
            }
            Ok((results, None)) => {
                tx.rollback().await?;
                Ok(results)
            }
            Err(stopped) => {
                // Explicitly, and before the connection goes back to the pool.
                let _ = tx.rollback().await;
                Err(stopped)
            }
        }
    }

    /// What each command is answered, and what is left to do where anything was written.
    async fn group_in(
        &self,
        tx: &mut Tx,
        jobs: &[Job<S>],
    ) -> Result<(Vec<Result<Vec<u8>, Refusal>>, Option<Left>), Stopped> {
        let ids: Vec<Uuid> = jobs.iter().map(|job| job.call.command_id).collect();
        let (moment, stored) = store::begin(tx, &ids).await?;
        let stored: BTreeMap<Uuid, StoredCommand> =
            stored.into_iter().map(|command| (command.command_id, command)).collect();
        let mut results: Vec<Option<Result<Vec<u8>, Refusal>>> = jobs
            .iter()
            .map(|job| stored.get(&job.call.command_id).map(|first| self.repeat(first, &job.call)))
            .collect();
        let fresh: Vec<usize> =
            results.iter().enumerate().filter(|(_, result)| result.is_none()).map(|(index, _)| index).collect();
        if fresh.is_empty() {
            return Ok((results.into_iter().flatten().collect(), None));
        }

        let opened = self.open_at(tx, moment).await?;
        let named: BTreeSet<Uuid> =
            fresh.iter().filter_map(|index| jobs.get(*index)).flat_map(|job| job.keys.heads.iter().copied()).collect();
        let fenced = self.fenced(tx, moment, &named).await?;
        let mut keys = Keys::<S::Needs>::default();
        for job in fresh.iter().filter_map(|index| jobs.get(*index)) {
            keys.heads.extend(job.keys.heads.iter().copied());
            keys.needs.merge(job.keys.needs.clone());
        }
        self.inner.service.widen(tx, &mut keys).await?;
        let mut heads = store::lock_known_heads(tx, &keys.heads).await?;
        for key in &keys.heads {
            // Named and new: where another replica makes it meanwhile, that is a lost race and nobody's mistake.
            heads.entry(*key).or_insert(0);
        }
        self.still_wide(tx, &keys).await?;
        let mut unit = self.inner.service.load(tx, &keys).await?;
        let mut commands = Vec::new();
        let mut context: Option<Context<S::Rules>> = None;
        for index in fresh {
            let (Some(job), Some(result)) = (jobs.get(index), results.get_mut(index)) else { continue };
            if !fenced.is_disjoint(&job.keys.heads) {
                *result = Some(Err(crate::affected::waits_for_a_person()));
                continue;
            }
            let cause = Cause::Command(job.call.clone());
            let cx = context
                .get_or_insert_with(|| Context::new(S::NAME, opened.moment.now, opened.rules.clone(), cause.clone()));
            cx.begin(cause);
            mark(&mut unit);
            let decided =
                unpanicked(|| (job.decide)(&mut unit, cx)).unwrap_or_else(|panic| Err(Refusal::Internal(panic)));
            let decided = decided.and_then(|response| Ok((self.keep(&job.call, &response)?, response)));
            *result = Some(match decided {
                Ok((command, response)) => {
                    commands.push(command);
                    Ok(response)
                }
                Err(refusal) => {
                    rollback(&mut unit);
                    cx.forget();
                    Err(refusal)
                }
            });
        }
        // A refusal may be the echo of the same command's success elsewhere, a moment ago: then its answer is there by now.
        let refused: Vec<Uuid> = jobs
            .iter()
            .zip(&results)
            .filter(|(_, result)| matches!(result, Some(Err(refusal)) if *refusal != Refusal::CommandReused))
            .map(|(job, _)| job.call.command_id)
            .collect();
        if !refused.is_empty() && !store::begin(tx, &refused).await?.1.is_empty() {
            return Err(Stopped::Raced);
        }
        let left = match context {
            Some(cx) if !commands.is_empty() => Some(self.write(tx, &heads, &unit, &cx, &commands).await?),
            _ => None,
        };
        Ok((results.into_iter().flatten().collect(), left))
    }

    /// An answer as it is kept for whoever repeats the command. It may hold what a person wrote, so a service that seals what it
    /// stores has its answers sealed, too.
    pub(crate) fn keep(&self, call: &Call, response: &[u8]) -> Result<StoredCommand, Refusal> {
        let sealed = |key| seal::seal(key, call.command_id.as_bytes(), response);
        let kept = self.inner.service.sealing_key().map_or_else(|| Ok(response.to_vec()), sealed);
        Ok(StoredCommand {
            command_id: call.command_id,
            caller: call.granted.caller.account.clone(),
            method: call.granted.method.clone(),
            request_hash: call.request_hash.to_vec(),
            response: kept.map_err(|error| Refusal::Internal(error.to_string()))?,
        })
    }

    /// The first answer again, if it is the same command; else a refusal.
    pub(crate) fn repeat(&self, first: &StoredCommand, call: &Call) -> Result<Vec<u8>, Refusal> {
        if first.method.is_empty() {
            return Err(crate::affected::answer_lost());
        }
        let same = first.request_hash == call.request_hash
            && first.caller == call.granted.caller.account
            && first.method == call.granted.method;
        if !same {
            return Err(Refusal::CommandReused);
        }
        let opened = |key| seal::open(key, first.command_id.as_bytes(), &first.response);
        let response = self.inner.service.sealing_key().map_or_else(|| Ok(first.response.clone()), opened);
        response.map_err(|error| Refusal::Internal(error.to_string()))
    }
}
