//! Servers of a test's own, to be killed, wiped and started again.

use servers::nats::{Account, OBSERVER};
use servers::{Binaries, Nats, NatsOptions, Postgres, PostgresOptions, ServersError};
use uuid::Uuid;

/// A new, empty PostgreSQL (`fsync` off) with `kill`, `restart` and `stop`; it goes when the test process ends.
pub async fn fresh_postgres() -> anyhow::Result<Postgres> {
    let options = PostgresOptions {
        binaries: binaries()?,
        directory: tempfile::Builder::new().prefix("xiezhi-postgres-").tempdir()?.keep(),
        password: Uuid::new_v4().simple().to_string(),
        port: None,
        fsync: false,
        throw_away: true,
    };
    Postgres::start(options).await.map_err(spoken)
}

/// A new nats-server where everybody may do everything, with `kill`, `wipe`, `restart` and `stop`.
pub async fn fresh_nats() -> anyhow::Result<Nats> {
    start_nats(Vec::new()).await
}

/// A new nats-server with the permissions of a real centre: a user per service named, and `observer`.
pub async fn fresh_nats_with_accounts(services: &[&str]) -> anyhow::Result<Nats> {
    let account = |user: &&str| Account { user: (*user).to_owned(), password: Uuid::new_v4().simple().to_string() };
    start_nats(services.iter().chain([&OBSERVER]).map(account).collect()).await
}

async fn start_nats(accounts: Vec<Account>) -> anyhow::Result<Nats> {
    let directory = tempfile::Builder::new().prefix("xiezhi-nats-").tempdir()?.keep();
    let options = NatsOptions { binaries: binaries()?, directory, accounts, port: None, throw_away: true };
    Nats::start(options).await.map_err(spoken)
}

fn binaries() -> anyhow::Result<Binaries> {
    Binaries::find(None).map_err(spoken)
}

/// A developer reads the sentence that says what to do, not only the cause.
fn spoken(error: ServersError) -> anyhow::Error {
    let sentence = error.sentence(vocab::text::Lang::En);
    anyhow::Error::new(error).context(sentence)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failed test should panic
    use super::*;
    use async_nats::jetstream::{self, stream};
    use sqlx::{Connection, PgConnection};

    #[tokio::test]
    async fn what_was_committed_survives_a_killed_postgres() {
        let mut postgres = fresh_postgres().await.unwrap();
        let mut session = PgConnection::connect(&postgres.url("postgres")).await.unwrap();
        sqlx::query("CREATE TABLE kept (id int)").execute(&mut session).await.unwrap();
        postgres.kill().await;
        assert!(sqlx::query("SELECT * FROM kept").execute(&mut session).await.is_err());
        postgres.restart().await.unwrap();
        let mut session = PgConnection::connect(&postgres.url("postgres")).await.unwrap();
        sqlx::query("SELECT * FROM kept").execute(&mut session).await.unwrap();
        postgres.stop().await;
    }

    #[tokio::test]
    async fn a_stream_survives_a_killed_nats_server_but_not_a_wiped_one() {
        let mut nats = fresh_nats().await.unwrap();
        let streams = async |url: String| {
            let client = async_nats::connect(url).await.unwrap();
            jetstream::new(client).get_stream("EV_TEST").await.is_ok()
        };
        let client = async_nats::connect(nats.url()).await.unwrap();
        let wanted =
            stream::Config { name: "EV_TEST".to_owned(), subjects: vec!["ev.test.>".to_owned()], ..Default::default() };
        jetstream::new(client).create_stream(wanted).await.unwrap();
        nats.kill();
        nats.restart().await.unwrap();
        assert!(streams(nats.url()).await);
        nats.wipe().await.unwrap();
        assert!(!streams(nats.url()).await);
        nats.stop().await;
    }
}
