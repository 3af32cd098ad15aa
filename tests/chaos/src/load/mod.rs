//! A steady load of all kinds of commands: clients who play whole stories, each drawn from the seed, until they are told to stop.

mod case;
mod counter;
mod curious;
mod operation;
mod quarrel;

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::bail;
use prost::Message;
use xiezhi_proto::common::v1::{CaseFacts, Channel, Fact, Urgency};
use xiezhi_proto::intake::v1::{Complainant, RegisterCaseRequest};

use crate::people::{Outcome, People};
use crate::random::Chance;

/// The window clerk.
pub const CLERK: &str = "centre.window1";
/// The coordinator.
pub const COORDINATOR: &str = "centre.coordinator";
/// Who rules and approves.
pub const LEADER: &str = "centre.leader";
/// The second unit that checks a closing.
pub const SUPERVISOR: &str = "centre.supervisor";
/// Who calls back.
pub const EVALUATOR: &str = "centre.evaluator";
/// The longest a story waits for something to be heard.
const PATIENCE: Duration = Duration::from_secs(60);
const LOOK_AGAIN: Duration = Duration::from_millis(250);

/// The kinds of stories and how often each is told, of a hundred.
const STORIES: &[(Story, u64)] = &[
    (Story::Street, 42),
    (Story::Objection, 10),
    (Story::Quarrel, 12),
    (Story::Operation, 10),
    (Story::Counter, 12),
    (Story::Officers, 4),
    (Story::Curious, 10),
];

/// What one client does from beginning to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Story {
    /// A small street matter, from the call to the call-back.
    Street,
    /// A unit says that an order is not its own.
    Objection,
    /// Three units with an item each: positions, a ruling, and a second return that must be refused.
    Quarrel,
    /// A nuisance that several bodies end together.
    Operation,
    /// What a counter does besides: decline, hand over, return, withdraw, join, reveal.
    Counter,
    /// An officer is ill and well again.
    Officers,
    /// A department looks for what is not its own.
    Curious,
}

/// Everybody who plays, and how far they have come.
#[derive(Debug)]
pub struct Load {
    people: Arc<People>,
    stop: Arc<AtomicBool>,
    told: Arc<Mutex<BTreeMap<(Story, bool), u64>>>,
    why: Arc<Mutex<BTreeMap<String, u64>>>,
    /// Clients that are in the middle of a story.
    busy: Arc<AtomicU64>,
    tasks: Mutex<Vec<tokio::task::JoinHandle<()>>>,
}

/// One client.
pub(crate) struct Teller {
    pub people: Arc<People>,
    pub chance: Chance,
    stories: Vec<Story>,
    stop: Arc<AtomicBool>,
}

impl Load {
    /// So many clients begin; each rests a little between two stories.
    pub fn start(people: Arc<People>, options: &crate::run::Options) -> Self {
        let pause = options.pause;
        let load = Self {
            people,
            stop: Arc::default(),
            told: Arc::default(),
            why: Arc::default(),
            busy: Arc::default(),
            tasks: Mutex::default(),
        };
        for client in 0..options.clients {
            let teller = Teller {
                people: Arc::clone(&load.people),
                chance: Chance::of_part(options.seed, 1000 + client),
                stories: options.stories.clone(),
                stop: Arc::clone(&load.stop),
            };
            let task = tokio::spawn(load.tell(teller, pause));
            load.tasks.lock().unwrap_or_else(PoisonError::into_inner).push(task);
        }
        load
    }

    fn tell(&self, mut teller: Teller, pause: Duration) -> impl Future<Output = ()> + use<> {
        let (told, why, busy) = (Arc::clone(&self.told), Arc::clone(&self.why), Arc::clone(&self.busy));
        async move {
            while !teller.stop.load(Ordering::SeqCst) {
                let story = teller.draw();
                busy.fetch_add(1, Ordering::SeqCst);
                let ended = teller.tell(story).await;
                busy.fetch_sub(1, Ordering::SeqCst);
                *told.lock().unwrap_or_else(PoisonError::into_inner).entry((story, ended.is_ok())).or_default() += 1;
                if let Err(error) = ended {
                    *why.lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .entry(format!("{story:?}: {error:#}"))
                        .or_default() += 1;
                }
                tokio::time::sleep(pause).await;
            }
        }
    }

    /// No client begins another story or waits for anything new. Commands that were sent are still repeated until somebody
    /// answers; answers true where all have ended in time.
    pub async fn stop(&self, within: Duration) -> bool {
        self.stop.store(true, Ordering::SeqCst);
        let began = Instant::now();
        let tasks = std::mem::take(&mut *self.tasks.lock().unwrap_or_else(PoisonError::into_inner));
        for mut task in tasks {
            let left = within.saturating_sub(began.elapsed());
            if tokio::time::timeout(left, &mut task).await.is_err() {
                task.abort();
                return false;
            }
        }
        true
    }

    /// How many stories came to their end, and how many were broken off.
    #[must_use]
    pub fn told(&self) -> BTreeMap<(Story, bool), u64> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Why stories were broken off.
    #[must_use]
    pub fn why(&self) -> BTreeMap<String, u64> {
        self.why.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Teller {
    fn draw(&mut self) -> Story {
        if let Some(story) = self.chance.pick(&self.stories) {
            return *story;
        }
        let mut left = self.chance.below(100);
        for (story, often) in STORIES {
            if left < *often {
                return *story;
            }
            left -= often;
        }
        Story::Street
    }

    async fn tell(&mut self, story: Story) -> anyhow::Result<()> {
        match story {
            Story::Street => self.street(false).await,
            Story::Objection => self.street(true).await,
            Story::Quarrel => self.quarrel().await,
            Story::Operation => self.operation().await,
            Story::Counter => self.counter().await,
            Story::Officers => self.officers().await,
            Story::Curious => self.curious().await,
        }
    }

    /// A command of somebody, repeated until it is answered.
    pub async fn say<Q: Message, A: Message + Default>(
        &self,
        account: &str,
        path: &'static str,
        request: impl FnOnce(String) -> Q,
    ) -> anyhow::Result<Outcome<A>> {
        self.people.command(account, path, |command_id| request(command_id).encode_to_vec()).await
    }

    /// Looks again and again until there is something to see.
    pub async fn wait<T, F: Future<Output = anyhow::Result<Option<T>>>>(
        &self,
        what: &'static str,
        mut look: impl FnMut() -> F,
    ) -> anyhow::Result<T> {
        let began = Instant::now();
        loop {
            if self.stop.load(Ordering::SeqCst) {
                bail!("the run is over");
            }
            if let Ok(Some(found)) = look().await {
                return Ok(found);
            }
            if began.elapsed() > PATIENCE {
                bail!("waited in vain for {what}");
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    /// Breaks a story off where the run is over.
    pub fn go_on(&self) -> anyhow::Result<()> {
        if self.stop.load(Ordering::SeqCst) {
            bail!("the run is over");
        }
        Ok(())
    }

    /// A complainant nobody else is, known to the vault alone.
    pub fn complainant(&mut self) -> Complainant {
        let number = self.chance.below(100_000_000);
        let (name, phone) = (format!("沈某{number:08}"), format!("139{number:08}"));
        self.people.history.secret(&name);
        self.people.history.secret(&phone);
        Complainant { name, phone, ..Complainant::default() }
    }

    /// A complaint with these facts.
    pub fn complaint(&mut self, command_id: String, title: &str, facts: CaseFacts) -> RegisterCaseRequest {
        RegisterCaseRequest {
            command_id,
            complainant: Some(self.complainant()),
            title: title.to_owned(),
            body: format!("{title}, 请尽快处理。"),
            facts: Some(facts),
            ..RegisterCaseRequest::default()
        }
    }

    /// One of the county's towns.
    pub fn town(&mut self) -> &'static str {
        const TOWNS: [&str; 9] = [
            "330421001",
            "330421002",
            "330421003",
            "330421102",
            "330421103",
            "330421105",
            "330421107",
            "330421111",
            "330421112",
        ];
        self.chance.pick(&TOWNS).copied().unwrap_or("330421103")
    }
}

/// Coded facts of an act of the day before.
pub(crate) fn facts(
    matters: &[&str],
    region: &str,
    object: &str,
    channel: Channel,
    declared: &[(&str, &str)],
) -> CaseFacts {
    let declared = declared.iter().map(|(code, value)| Fact { code: (*code).to_owned(), value: (*value).to_owned() });
    CaseFacts {
        matter_codes: matters.iter().map(|matter| (*matter).to_owned()).collect(),
        region_code: region.to_owned(),
        object_type: object.to_owned(),
        declared: declared.collect(),
        act_on: "2026-03-01".to_owned(),
        channel: channel.into(),
        urgency: Urgency::Normal.into(),
    }
}
