//! Faults of what PostgreSQL has stored.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use client::call;
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use uuid::Uuid;
use xiezhi_proto::bus::v1::{
    DecideParkedRequest, ListAffectedRequest, ListParkedRequest, ParkedDecision, RecoverJournalRequest,
    SettleAffectedRequest,
};

use super::{Thrower, Told, last};
use crate::centre::SERVICES;
use crate::random::Chance;
use crate::replica::Replica;

impl Thrower {
    /// 22: an event that nobody can read, one of an unknown type, and a good one of the same case behind each. Then a person
    /// decides about what waits.
    pub(super) async fn poison(&self, chance: &mut Chance, lasts: Duration) -> Told {
        let key = Uuid::from_u128(u128::from(chance.next()) << 64 | u128::from(chance.next()));
        self.poisoned.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(key);
        let mut store = self.store("intake").await?;
        let unknown = "xiezhi.intake.v1.CaseRemembered";
        let unreadable = "xiezhi.intake.v1.CaseAccepted";
        for (sequence, (name, payload)) in
            [(unknown, b"?"), (unreadable, b"\xff"), (unknown, b"!")].into_iter().enumerate()
        {
            let mut tx = store.begin().await?;
            sqlx::query(
                "WITH head AS (
                   INSERT INTO bus.head (key, seq) VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET seq = $2 RETURNING seq
                 ), row AS (
                   INSERT INTO bus.journal (event_id, actor, key, key_seq, type, schema_ver, occurred_at, payload)
                   SELECT $3, 'chaos', $1, seq, $4, 1, bus.now(), $5 FROM head RETURNING id
                 )
                 INSERT INTO bus.unnumbered (id) SELECT id FROM row",
            )
            .bind(key)
            .bind(i64::try_from(sequence + 1)?)
            .bind(Uuid::now_v7())
            .bind(name)
            .bind(payload.as_slice())
            .execute(&mut *tx)
            .await?;
            tx.commit().await?;
        }
        last(lasts).await;
        let decided = self.skip_parked(key).await?;
        Ok(format!("{decided} events waited for a person, who let them go"))
    }

    /// Until nothing of this key waits any more; what waited behind is tried again by itself.
    pub(super) async fn skip_parked(&self, key: Uuid) -> anyhow::Result<usize> {
        let operator = self.people.at("operator")?;
        let mut decided = 0;
        for service in ["assignment", "supervision", "evaluation", "scheduling"] {
            for _ in 0..100 {
                let request =
                    ListParkedRequest { service: service.to_owned(), page_size: 500, ..ListParkedRequest::default() };
                let parked = operator.read(|| call!(operator.bus(service).list_parked(request.clone()))).await?.parked;
                let ours = parked.into_iter().filter(|event| event.keys.contains(&key.to_string()));
                let Some(event) = ours.min_by_key(|event| event.pos) else { break };
                let request = DecideParkedRequest {
                    service: service.to_owned(),
                    consumer: event.consumer.clone(),
                    producer: event.producer.clone(),
                    epoch: event.epoch,
                    pos: event.pos,
                    decision: ParkedDecision::Skip.into(),
                    why: "混沌试验 / chaos".to_owned(),
                };
                // Somebody else may have tried it again meanwhile; then it is looked for again.
                let done = operator.read(|| call!(operator.bus(service).decide_parked(request.clone()))).await;
                decided += usize::from(done.is_ok());
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
        Ok(decided)
    }

    /// 27 and 28: a service's database goes back to what it was some seconds ago. Where it had said more meanwhile, its fence
    /// trips, and the operator has it recovered from the stream.
    pub(super) async fn restore(&self, chance: &mut Chance, lasts: Duration, producer: bool) -> Told {
        let _alone = self.restoring.lock().await;
        // What intake's vault knows comes from a backup alone, so a restored intake is another story.
        let services: &[&'static str] =
            if producer { &["assignment", "scheduling", "supervision"] } else { &["evaluation"] };
        let service = chance.pick(services).copied().context("no service")?;
        let (database, backup) = (format!("xiezhi_{service}"), format!("backup_{service}"));
        self.down(service).await;
        let taken = self
            .as_administrator(
                service,
                &[
                    format!("DROP DATABASE IF EXISTS {backup}"),
                    format!("CREATE DATABASE {backup} TEMPLATE {database} OWNER {database}"),
                ],
            )
            .await;
        let from = Instant::now();
        self.up(service);
        taken?;
        last(lasts).await;
        self.down(service).await;
        let restored = self
            .as_administrator(
                service,
                &[
                    format!("DROP DATABASE IF EXISTS late_{service}"),
                    format!("ALTER DATABASE {database} RENAME TO late_{service}"),
                    format!("ALTER DATABASE {backup} RENAME TO {database}"),
                ],
            )
            .await;
        self.people.history.restored(service, from, Instant::now());
        self.up(service);
        restored?;
        let told = self.recover(service).await;
        if let Err(error) = &told {
            self.people.history.broke(format!("{service} could not be recovered: {error:#}"));
        }
        told
    }

    /// Nobody may be in a database that is copied or renamed; whoever looks in is shown out, as often as needed.
    async fn as_administrator(&self, service: &str, statements: &[String]) -> anyhow::Result<()> {
        let mut session = PgConnection::connect(&self.centre.admin_url("postgres")).await?;
        for statement in statements {
            let mut tries = 0;
            loop {
                let others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname LIKE '%' || $1";
                sqlx::query(others).bind(service).execute(&mut session).await?;
                match sqlx::raw_sql(AssertSqlSafe(statement.clone())).execute(&mut session).await {
                    Ok(_) => break,
                    Err(error) if tries > 40 => return Err(error.into()),
                    Err(_) => tries += 1,
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
        session.close().await?;
        Ok(())
    }

    /// What an operator does: looks whether the fence has tripped, recovers, and settles what waits for a person.
    async fn recover(&self, service: &'static str) -> Told {
        let operator = self.people.patiently_at("operator")?;
        let began = Instant::now();
        let mut tripped = false;
        // The fence is looked at when a process starts and whenever it publishes.
        while began.elapsed() < Duration::from_secs(20) {
            tripped =
                client::journal::high_water(&operator, service).await.is_ok_and(|head| head.mode == "rolled_back");
            if tripped {
                break;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        if !tripped {
            return Ok(format!("{service} had said nothing since; it caught up alone"));
        }
        let request = RecoverJournalRequest { service: service.to_owned(), ..RecoverJournalRequest::default() };
        let done = operator.read(|| call!(operator.bus(service).recover_journal(request.clone()))).await?;
        let settled = self.settle_affected(service).await?;
        Ok(format!(
            "{service}: {} events came back from the stream, {} decisions were made again, {settled} cases waited for a person",
            done.imported, done.redone
        ))
    }

    async fn settle_affected(&self, service: &str) -> anyhow::Result<usize> {
        let operator = self.people.at("operator")?;
        let request =
            ListAffectedRequest { service: service.to_owned(), page_size: 500, ..ListAffectedRequest::default() };
        let affected = operator.read(|| call!(operator.bus(service).list_affected(request.clone()))).await?.affected;
        for case in &affected {
            self.people.history.left_to_a_person(&case.key);
            let request = SettleAffectedRequest {
                service: service.to_owned(),
                producer: case.producer.clone(),
                epoch: case.epoch,
                key: case.key.clone(),
                why: "混沌试验 / chaos".to_owned(),
            };
            operator.read(|| call!(operator.bus(service).settle_affected(request.clone()))).await?;
        }
        Ok(affected.len())
    }

    /// 39: somebody who owns the database changes an old row; a verification must name it. Then it is put back.
    pub(super) async fn tamper(&self, chance: &mut Chance) -> Told {
        let _alone = self.restoring.lock().await;
        let service = chance.pick(&SERVICES).copied().context("no service")?;
        let mut store = self.store(service).await?;
        let (last_pos,): (i64,) = sqlx::query_as("SELECT last_pos FROM bus.node").fetch_one(&mut store).await?;
        ensure!(last_pos > 1, "{service} has said nothing yet");
        let pos = i64::try_from(chance.between(1, u64::try_from(last_pos)? - 1))?;
        let (id, payload): (i64, Vec<u8>) =
            sqlx::query_as("SELECT j.id, j.payload FROM bus.journal j JOIN bus.numbered n USING (id) WHERE n.pos = $1")
                .bind(pos)
                .fetch_one(&mut store)
                .await?;
        let mut forged = payload.clone();
        forged.push(0);
        write_behind_its_back(&mut store, id, &forged).await?;
        let operator = self.people.patiently_at("operator")?;
        let rest_within = Duration::from_secs(1);
        let options = client::verify::Options { most_asked: 10, rest_within, ..client::verify::Options::default() };
        let report = client::verify::verify(&operator, &options).await;
        write_behind_its_back(&mut store, id, &payload).await?;
        let named = report?.checks.into_iter().flat_map(|check| check.violations).any(|violation| {
            matches!(&violation, client::verify::Violation::HashDiffers { service: of, pos: at } if of == service && *at == pos)
        });
        if !named {
            self.people.history.broke(format!("N2: row {pos} of {service} was changed and nobody names it"));
        }
        Ok(format!("{service}: row {pos} changed, named and put back"))
    }

    async fn store(&self, service: &str) -> anyhow::Result<PgConnection> {
        Ok(PgConnection::connect(&self.centre.admin_url(&format!("xiezhi_{service}"))).await?)
    }

    /// Holds a service down.
    pub(super) async fn down(&self, service: &str) {
        self.centre.of_service(service).for_each(Replica::kill);
        // Its sessions end with it, though not at once.
        tokio::time::sleep(Duration::from_millis(300)).await;
    }

    /// Wants a service back.
    pub(super) fn up(&self, service: &str) {
        self.centre.of_service(service).for_each(|replica| replica.wanted.store(true, Ordering::SeqCst));
    }
}

/// As the owner of everything, past every trigger.
async fn write_behind_its_back(store: &mut PgConnection, id: i64, payload: &[u8]) -> anyhow::Result<()> {
    let mut tx = store.begin().await?;
    sqlx::raw_sql("SET LOCAL session_replication_role = replica").execute(&mut *tx).await?;
    sqlx::query("UPDATE bus.journal SET payload = $2 WHERE id = $1").bind(id).bind(payload).execute(&mut *tx).await?;
    tx.commit().await?;
    Ok(())
}
