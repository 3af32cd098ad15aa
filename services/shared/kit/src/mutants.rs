//! Deliberate defects, compiled only where somebody proves that the chaos suite finds them (feature `mutants`, which nothing
//! that is shipped turns on). One build holds all of them; `XIEZHI_MUTANT` names the one that lives in this process.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use sqlx::PgExecutor;
use uuid::Uuid;

use crate::service::Tx;

/// True where this defect lives here.
pub fn is(name: &str) -> bool {
    static CHOSEN: OnceLock<String> = OnceLock::new();
    CHOSEN.get_or_init(|| std::env::var("XIEZHI_MUTANT").unwrap_or_default()) == name
}

/// Commits what was done so far and goes on as if it were one transaction still.
pub(crate) async fn let_go(tx: &mut Tx) -> Result<(), sqlx::Error> {
    sqlx::raw_sql("COMMIT; BEGIN").execute(tx).await.map(|_| ())
}

/// What a relay that reads `id > last` never sees: rows that committed after a later one was numbered.
pub(crate) async fn forget_late(tx: &mut Tx) -> Result<(), sqlx::Error> {
    sqlx::query("DELETE FROM bus.unnumbered WHERE id < (SELECT max(id) FROM bus.numbered)")
        .execute(tx)
        .await
        .map(|_| ())
}

/// What is due by the clock of this process.
pub(crate) async fn due_keys(store: impl PgExecutor<'_>, limit: i64) -> Result<BTreeSet<Uuid>, sqlx::Error> {
    let keys: Vec<Uuid> =
        sqlx::query_scalar("SELECT key FROM bus.timer WHERE state = 'armed' AND due_at <= $1 ORDER BY due_at LIMIT $2")
            .bind(Timestamp::now().to_sqlx())
            .bind(limit)
            .fetch_all(store)
            .await?;
    Ok(keys.into_iter().collect())
}
