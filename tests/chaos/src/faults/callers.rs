//! Faults that come from callers: too many, too large, broken, gone before they are answered, all at one thing.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures::stream::{self, StreamExt};
use prost::Message;
use sqlx::{Connection, PgConnection};
use tonic::{Code, Status};
use xiezhi_proto::common::v1::{Channel, Fact};
use xiezhi_proto::intake::v1::{
    AddCaseFactsRequest, AddCaseFactsResponse, ListCasesRequest, RegisterCaseRequest, RegisterCaseResponse,
};

use super::{Thrower, Told, last};
use crate::load::{CLERK, facts};
use crate::people::Outcome;
use crate::random::Chance;

const REGISTER: &str = "/xiezhi.intake.v1.CaseService/RegisterCase";
const LIST: &str = "/xiezhi.intake.v1.CaseService/ListCases";
const ADD_FACTS: &str = "/xiezhi.intake.v1.CaseService/AddCaseFacts";
/// Doors that strangers' bytes are thrown at, one of each service.
const DOORS: &[&str] = &[
    REGISTER,
    ADD_FACTS,
    "/xiezhi.assignment.v1.AssignmentService/CompleteWorkOrder",
    "/xiezhi.scheduling.v1.OperationService/ApproveOperation",
    "/xiezhi.supervision.v1.SupervisionService/ExtendClock",
    "/xiezhi.evaluation.v1.EvaluationService/RecordCallback",
];

impl Thrower {
    /// 20: every command is sent three times at once, over both processes.
    pub(super) async fn triple(&self, lasts: Duration) -> Told {
        let before = self.people.tripled_per_mille.swap(1000, Ordering::Relaxed);
        last(lasts).await;
        self.people.tripled_per_mille.store(before, Ordering::Relaxed);
        Ok("every command three times".to_owned())
    }

    /// What a door says to these bytes. Where the way to it breaks, as it does under another fault, it is asked again; a door that
    /// these bytes break never says anything.
    async fn answer(&self, path: &'static str, bytes: Vec<u8>) -> anyhow::Result<Result<Vec<u8>, Status>> {
        let mut answer = self.people.call(CLERK, path, bytes.clone()).await?;
        for _ in 0..60 {
            if !answer.as_ref().is_err_and(|status| status.message() == "transport error") {
                break;
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
            answer = self.people.call(CLERK, path, bytes.clone()).await?;
        }
        Ok(answer)
    }

    /// 30: bytes that are no request: random, nested without end, of a length that is a lie, no text where text belongs.
    pub(super) async fn hostile(&self, chance: &mut Chance) -> Told {
        let before = self.memory()?;
        let (mut thrown, mut odd) = (0, Vec::new());
        for path in DOORS {
            for bytes in [random(chance), nested(), lying(), no_text(), unknown_fields()] {
                thrown += 1;
                match self.answer(path, bytes).await? {
                    Ok(_) => odd.push(format!("{path} took it")),
                    Err(status) if matches!(status.code(), Code::Unknown | Code::DataLoss) => {
                        odd.push(format!("{path}: {status:?}"))
                    }
                    Err(_) => {}
                }
            }
        }
        for one in &odd {
            self.people.history.broke(format!("hostile bytes: {one}"));
        }
        let grown = self.memory()?.saturating_sub(before);
        // Each process is allowed 50 MiB.
        if grown > 50 * self.centre.replicas.len() as u64 {
            self.people.history.broke(format!("memory grew by {grown} MiB over hostile bytes"));
        }
        Ok(format!("{thrown} requests, memory +{grown} MiB"))
    }

    /// 31: five megabytes, a text of a hundred thousand characters, ten thousand facts: refused before any work.
    pub(super) async fn oversize(&self) -> Told {
        let request = |body: String, facts_more: usize| {
            let mut coded = facts(&["road.occupation"], "330421103", "public_place", Channel::Phone, &[]);
            let fact = Fact { code: "time.night".to_owned(), value: "true".to_owned() };
            coded.declared = vec![fact; facts_more];
            RegisterCaseRequest {
                command_id: client::new_command_id(),
                title: "过长".to_owned(),
                body,
                facts: Some(coded),
                ..RegisterCaseRequest::default()
            }
        };
        for (what, request) in [
            ("5 MiB", request("x".repeat(5 << 20), 0)),
            ("100 000 characters", request("长".repeat(100_000), 0)),
            ("10 000 facts", request("多".to_owned(), 10_000)),
        ] {
            let answer = self.people.call(CLERK, REGISTER, request.encode_to_vec()).await?;
            if answer.is_ok() {
                self.people.history.broke(format!("oversize: {what} were taken"));
            }
        }
        Ok("three requests refused".to_owned())
    }

    /// 32: many more callers than the centre can serve; it sheds, and registers all the same.
    pub(super) async fn overload(&self, lasts: Duration) -> Told {
        let answered = self.crowd(150, lasts);
        let registered = self.register_in_parallel(100, lasts);
        let (answered, registered) = tokio::join!(answered, registered);
        Ok(format!("{} reads answered, {} cases registered meanwhile", answered?, registered?))
    }

    async fn register_in_parallel(&self, callers: u64, lasts: Duration) -> anyhow::Result<u64> {
        let (began, registered) = (Instant::now(), AtomicU64::new(0));
        let calls = (0..callers).map(|_| async {
            while began.elapsed() < lasts {
                let case = self.register().await?;
                if let Outcome::Done(_) = case {
                    registered.fetch_add(1, Ordering::Relaxed);
                }
            }
            Ok::<_, anyhow::Error>(())
        });
        futures::future::try_join_all(calls).await?;
        Ok(registered.into_inner())
    }

    async fn register(&self) -> anyhow::Result<Outcome<RegisterCaseResponse>> {
        self.people
            .command(CLERK, REGISTER, |command_id| {
                let facts = facts(&["drainage.misconnection"], "330421001", "dwelling", Channel::Visit, &[]);
                RegisterCaseRequest {
                    command_id,
                    title: "排水沟被堵".to_owned(),
                    body: "请尽快处理".to_owned(),
                    facts: Some(facts),
                    ..RegisterCaseRequest::default()
                }
                .encode_to_vec()
            })
            .await
    }

    /// Readers who ask again the moment they are answered or refused; how many answers they got.
    pub(super) fn crowd(&self, callers: u64, lasts: Duration) -> impl Future<Output = anyhow::Result<u64>> + use<> {
        let people = Arc::clone(&self.people);
        async move {
            let (began, answered) = (Instant::now(), AtomicU64::new(0));
            let request = ListCasesRequest { page_size: 20, ..ListCasesRequest::default() }.encode_to_vec();
            let calls = (0..callers).map(|_| async {
                while began.elapsed() < lasts {
                    if people.call(CLERK, LIST, request.clone()).await?.is_ok() {
                        answered.fetch_add(1, Ordering::Relaxed);
                    } else {
                        tokio::time::sleep(Duration::from_millis(50)).await;
                    }
                }
                Ok::<_, anyhow::Error>(())
            });
            futures::future::try_join_all(calls).await?;
            Ok(answered.into_inner())
        }
    }

    /// 34: callers who hang up before they are answered leave nothing behind.
    pub(super) async fn cancel(&self, chance: &mut Chance) -> Told {
        let waits: Vec<u64> = (0..1_000).map(|_| chance.below(20_000)).collect();
        let request = ListCasesRequest { page_size: 50, ..ListCasesRequest::default() }.encode_to_vec();
        let hung_up = stream::iter(waits)
            .map(|micros| {
                let (people, request) = (Arc::clone(&self.people), request.clone());
                async move {
                    let call = people.call(CLERK, LIST, request);
                    tokio::time::timeout(Duration::from_micros(micros), call).await.is_err()
                }
            })
            .buffer_unordered(32)
            .filter(|hung_up| std::future::ready(*hung_up))
            .count()
            .await;
        // Other faults may be going on, so only what stands much longer than any work takes is left behind.
        let mut store = PgConnection::connect(&self.centre.admin_url("postgres")).await?;
        let mut idle = 0;
        for _ in 0..30 {
            (idle,) = sqlx::query_as(
                "SELECT count(*) FROM pg_stat_activity
                 WHERE datname LIKE 'xiezhi_%' AND state LIKE 'idle in transaction%' AND state_change < now() - interval '12 s'",
            )
            .fetch_one(&mut store)
            .await?;
            if idle == 0_i64 {
                return Ok(format!("{hung_up} of 1000 hung up"));
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        self.people.history.broke(format!("{idle} sessions stand in a transaction after callers hung up"));
        Ok(format!("{idle} sessions left in a transaction"))
    }

    /// 35: 64 callers change one case at once; each is answered, none meets a deadlock.
    pub(super) async fn contention(&self, chance: &mut Chance) -> Told {
        let Outcome::Done(case) = self.register().await? else { anyhow::bail!("no case to contend for") };
        let offset = chance.below(1000);
        let calls = (0..64).map(|number| {
            let case_id = case.case_id.clone();
            self.people.command::<AddCaseFactsResponse>(CLERK, ADD_FACTS, move |command_id| {
                let value = if (number + offset).is_multiple_of(2) { "true" } else { "false" };
                let declared = vec![Fact { code: "time.night".to_owned(), value: value.to_owned() }];
                AddCaseFactsRequest { command_id, case_id, declared }.encode_to_vec()
            })
        });
        let outcomes = futures::future::try_join_all(calls).await?;
        let done = outcomes.iter().filter(|outcome| matches!(outcome, Outcome::Done(_))).count();
        let unknown = outcomes.iter().filter(|outcome| matches!(outcome, Outcome::Unknown)).count();
        if unknown > 0 {
            self.people.history.broke(format!("{unknown} of 64 callers who changed one case were never answered"));
        }
        Ok(format!("{done} of 64 carried out, the others refused"))
    }
}

fn random(chance: &mut Chance) -> Vec<u8> {
    (0..chance.between(1, 2_000)).map(|_| u8::try_from(chance.below(256)).unwrap_or_default()).collect()
}

/// A message in a message, ten thousand deep.
fn nested() -> Vec<u8> {
    let mut bytes = Vec::new();
    for _ in 0..10_000 {
        let mut outer = vec![0x3a];
        let mut length = bytes.len();
        while length >= 0x80 {
            outer.push(u8::try_from(length & 0x7f).unwrap_or_default() | 0x80);
            length >>= 7;
        }
        outer.push(u8::try_from(length).unwrap_or_default());
        outer.extend_from_slice(&bytes);
        bytes = outer;
        if bytes.len() > 40_000 {
            break;
        }
    }
    bytes
}

/// A text that says it is four gigabytes long.
fn lying() -> Vec<u8> {
    vec![0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f, b'x']
}

/// Bytes that are not UTF-8 where text belongs.
fn no_text() -> Vec<u8> {
    vec![0x0a, 0x04, 0xff, 0xfe, 0xfd, 0xfc]
}

/// Nearly a megabyte of fields that nobody knows.
fn unknown_fields() -> Vec<u8> {
    [0xfa, 0x3f, 0x04, 1, 2, 3, 4].repeat(120_000)
}
