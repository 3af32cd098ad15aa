//! The five databases and their roles, from one administrator's URL.

use std::str::FromStr;

use anyhow::Context;
use kit::settings::ClockKind;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection};

use crate::arguments::MigrateArguments;
use crate::centre::SERVICES;
use crate::configuration::Configuration;

/// Makes what is missing: a login role without any privilege beyond its own database, and that database.
pub async fn ensure(admin_url: &str, service: &str, password: &str) -> anyhow::Result<String> {
    let options = PgConnectOptions::from_str(admin_url).context("XIEZHI_DATABASE_URL 无法解析 / cannot be read")?;
    let mut admin = options.connect().await.context("PostgreSQL 无法连接 / PostgreSQL does not answer")?;
    let name = format!("xiezhi_{service}");
    // Department reads run as a role of their own, behind row-level security; only its service may take its place.
    let department = format!("{service}_department");
    // Identifiers are our own words; the password is hexadecimal. Neither can be a bound parameter here.
    anyhow::ensure!(
        password.chars().all(|c| c.is_ascii_alphanumeric()),
        "数据库口令只能由字母和数字组成 / a database password has letters and digits only"
    );
    execute(
        &mut admin,
        format!(
            "DO $$ BEGIN
               IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = '{name}') THEN CREATE ROLE {name} LOGIN; END IF;
               IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = '{department}') THEN
                 CREATE ROLE {department} NOLOGIN;
               END IF;
               ALTER ROLE {name} LOGIN PASSWORD '{password}';
               GRANT {department} TO {name};
             EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
             END $$"
        ),
    )
    .await?;
    let exists: Option<(i32,)> =
        sqlx::query_as("SELECT 1 FROM pg_database WHERE datname = $1").bind(&name).fetch_optional(&mut admin).await?;
    if exists.is_none() {
        execute(&mut admin, format!("CREATE DATABASE {name} OWNER {name}")).await?;
        execute(&mut admin, format!("REVOKE CONNECT ON DATABASE {name} FROM PUBLIC")).await?;
    }
    admin.close().await?;
    let url = PgConnectOptions::from_str(admin_url)?.username(&name).password(password).database(&name).to_url_lossy();
    Ok(url.to_string())
}

async fn execute(connection: &mut PgConnection, statement: String) -> anyhow::Result<()> {
    sqlx::raw_sql(AssertSqlSafe(statement)).execute(connection).await?;
    Ok(())
}

/// Brings one service's database to this version.
pub async fn migrate(service: &str, url: &str, clock: ClockKind) -> anyhow::Result<()> {
    use kit::node::migrate;
    match service {
        "intake" => migrate::<intake::Intake>(url, &intake::MIGRATOR, clock).await,
        "assignment" => migrate::<assignment::Assignment>(url, &assignment::MIGRATOR, clock).await,
        "scheduling" => migrate::<scheduling::Scheduling>(url, &scheduling::MIGRATOR, clock).await,
        "supervision" => migrate::<supervision::Supervision>(url, &supervision::MIGRATOR, clock).await,
        "evaluation" => migrate::<evaluation::Evaluation>(url, &evaluation::MIGRATOR, clock).await,
        other => anyhow::bail!("没有服务 {other} / no service {other}"),
    }
}

/// The URL of one service's database: its own, or derived from the administrator's.
pub async fn url_of(configuration: &Configuration, service: &str) -> anyhow::Result<String> {
    let own = format!("XIEZHI_{}_DATABASE_URL", service.to_uppercase());
    if let Some(url) = configuration.find(&own) {
        return Ok(url);
    }
    let admin = configuration.need("XIEZHI_DATABASE_URL", "管理员数据库地址", "the administrator's database URL")?;
    let password = configuration
        .find_secret("XIEZHI_DATABASE_PASSWORD")?
        .with_context(|| format!("缺少 {own} 或 XIEZHI_DATABASE_PASSWORD / one of them is needed"))?;
    ensure(&admin, service, &password).await
}

/// `xiezhi migrate`.
pub async fn migrate_all(arguments: MigrateArguments) -> anyhow::Result<()> {
    let configuration = Configuration::read(arguments.config.as_deref())?;
    let clock = if arguments.simulated { ClockKind::Simulated { start: arguments.start } } else { ClockKind::Real };
    for service in SERVICES {
        let url = url_of(&configuration, service).await?;
        migrate(service, &url, clock).await?;
        eprintln!("{service}  ✓");
    }
    Ok(())
}
