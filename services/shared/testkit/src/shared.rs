//! Servers that many tests share.

use anyhow::Context;
use servers::{Nats, Postgres};
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tokio::sync::OnceCell;
use uuid::Uuid;

use crate::{fresh_nats, fresh_postgres};

/// One PostgreSQL and one nats-server, both without any test's data at first.
#[derive(Debug)]
pub struct Servers {
    admin_url: String,
    nats_url: String,
    /// Kept alive; when this process ends, their watchdogs end them and remove their files.
    _started_here: Option<(Postgres, Nats)>,
}

impl Servers {
    /// The servers `scripts/test` names in `XIEZHI_TEST_DATABASE_URL` and `XIEZHI_TEST_NATS_URL`, else this process's own.
    pub async fn shared() -> anyhow::Result<&'static Self> {
        static SHARED: OnceCell<Servers> = OnceCell::const_new();
        SHARED.get_or_try_init(Self::find_or_start).await
    }

    /// The administrator's URL, of the database `postgres`.
    #[must_use]
    pub fn admin_url(&self) -> &str {
        &self.admin_url
    }

    /// The nats-server's URL: no accounts, everybody may do everything.
    #[must_use]
    pub fn nats_url(&self) -> &str {
        &self.nats_url
    }

    async fn find_or_start() -> anyhow::Result<Self> {
        let named = |name: &str| std::env::var(name).ok().filter(|url| !url.is_empty());
        if let (Some(admin_url), Some(nats_url)) = (named("XIEZHI_TEST_DATABASE_URL"), named("XIEZHI_TEST_NATS_URL")) {
            return Ok(Self { admin_url, nats_url, _started_here: None });
        }
        let (postgres, nats) = tokio::try_join!(fresh_postgres(), fresh_nats())?;
        Ok(Self { admin_url: postgres.url("postgres"), nats_url: nats.url(), _started_here: Some((postgres, nats)) })
    }
}

/// Makes an empty database whose name begins with `name` and is nobody else's; answers its URL.
pub async fn fresh_database(name: &str) -> anyhow::Result<String> {
    let admin_url = Servers::shared().await?.admin_url();
    let database = format!("{name}_{}", Uuid::now_v7().simple());
    let mut admin = PgConnection::connect(admin_url).await.context("the test PostgreSQL does not answer")?;
    sqlx::query(AssertSqlSafe(format!("CREATE DATABASE \"{database}\""))).execute(&mut admin).await?;
    admin.close().await?;
    with_database(admin_url, &database)
}

/// The shared nats-server's URL. Its streams are everybody's: a test that needs its own takes `fresh_nats`.
pub async fn nats() -> anyhow::Result<String> {
    Ok(Servers::shared().await?.nats_url().to_owned())
}

fn with_database(url: &str, database: &str) -> anyhow::Result<String> {
    let (address, options) = url.split_once('?').map_or((url, None), |(address, options)| (address, Some(options)));
    let after_scheme = address.find("://").context("the database URL has no scheme")? + 3;
    let end = address[after_scheme..].find('/').map_or(address.len(), |slash| after_scheme + slash);
    let options = options.map_or_else(String::new, |options| format!("?{options}"));
    Ok(format!("{}/{database}{options}", &address[..end]))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failed test should panic
    use super::*;

    #[test]
    fn the_database_of_a_url_is_replaced_and_the_rest_kept() {
        for (given, wanted) in [
            ("postgres://p@h:1/postgres", "postgres://p@h:1/new"),
            ("postgres://p:w@h:1", "postgres://p:w@h:1/new"),
            ("postgres://p@h/x?sslmode=disable", "postgres://p@h/new?sslmode=disable"),
        ] {
            assert_eq!(with_database(given, "new").unwrap(), wanted);
        }
    }

    #[tokio::test]
    async fn two_fresh_databases_are_two() {
        let (one, other) = (fresh_database("same").await.unwrap(), fresh_database("same").await.unwrap());
        let mut one = PgConnection::connect(&one).await.unwrap();
        let mut other = PgConnection::connect(&other).await.unwrap();
        sqlx::query("CREATE TABLE mine (id int)").execute(&mut one).await.unwrap();
        sqlx::query("SELECT * FROM mine").execute(&mut other).await.unwrap_err();
    }
}
