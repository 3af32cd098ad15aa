//! How many statutory clocks need somebody now, for `/metrics`.

use std::time::Duration;

use kit::metrics;
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

use crate::store::lists;

/// Often enough for an alarm on a clock that is counted in days.
const EVERY: Duration = Duration::from_secs(15);

/// Looks at the clocks now and again until the service stops.
pub async fn watch(pool: PgPool, stop: CancellationToken) {
    loop {
        match lists::pressing(&pool).await {
            Ok(pressing) => {
                set("due_within_a_day", pressing.due_within_a_day);
                set("breached", pressing.breached);
            }
            // The figure stays as it was; that the store cannot be read is told by everything else.
            Err(error) => tracing::debug!(%error, "clocks could not be counted"),
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(EVERY) => {}
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "nobody has as many clocks as a float counts exactly")]
fn set(state: &str, count: i64) {
    metrics::gauge("xiezhi_clocks", &[("state", state)]).set(count as f64);
}
