//! The clock of a simulated centre can be turned forward, a real centre's cannot. Neither may jump by itself.

use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use jiff_sqlx::ToSqlx;
use sqlx::{PgExecutor, PgPool};
use uuid::Uuid;

use crate::corridor::unavailable;
use crate::refusal::Refusal;

/// "real" or "simulated", as the database was made.
pub(crate) async fn kind(pool: &PgPool) -> Result<String, Refusal> {
    sqlx::query_scalar!("SELECT kind FROM bus.clock").fetch_one(pool).await.map_err(unavailable)
}

/// Turns the clock so that it is `to` at the real moment `as_of`. A repeat with the same id, and a moment that has
/// passed, change nothing.
pub(crate) async fn turn(
    pool: &PgPool,
    turn_id: Uuid,
    to: Timestamp,
    as_of: Option<Timestamp>,
) -> Result<Timestamp, Refusal> {
    if kind(pool).await? != "simulated" {
        return Err(Refusal::forbidden(
            "bus.real_clock",
            "这是真实运行的中心, 时间不能调整",
            "this centre runs in real time; its clock cannot be turned",
        ));
    }
    let row = sqlx::query!(
        r#"UPDATE bus.clock
           SET offset_by = CASE WHEN turn_id IS NOT DISTINCT FROM $1 THEN offset_by
                                ELSE GREATEST(offset_by, $2::timestamptz - COALESCE($3::timestamptz, now())) END,
               turn_id = $1
           RETURNING now() + offset_by AS "now!""#,
        turn_id,
        to.to_sqlx() as _,
        as_of.map(ToSqlx::to_sqlx) as _
    )
    .fetch_one(pool)
    .await
    .map_err(unavailable)?;
    Ok(row.now.to_jiff())
}

/// How far the wall clock may run ahead of the monotonic one before nobody believes it.
const LARGEST_JUMP: SignedDuration = SignedDuration::from_mins(5);

/// 时钟守护: compares the wall clock with the monotonic one, look by look. A jump forward stops every timer until a
/// person confirms the time; a jump backward only delays them.
#[derive(Debug, Default)]
pub(crate) struct ClockGuard {
    last: Option<(Instant, Timestamp)>,
    /// A jump that was seen and could not be written down yet.
    pub unwritten: bool,
}

impl ClockGuard {
    /// True where the wall clock jumped forward since the last look.
    pub fn jumped(&mut self, monotonic: Instant, wall: Timestamp) -> bool {
        let before = self.last.replace((monotonic, wall));
        before.is_some_and(|(then, wall_then)| {
            let passed = monotonic.saturating_duration_since(then);
            wall.duration_since(wall_then) - to_signed(passed) > LARGEST_JUMP
        })
    }
}

fn to_signed(duration: Duration) -> SignedDuration {
    SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX)
}

/// The database's own time, without any offset, and whether it is under suspicion.
pub(crate) async fn wall(store: impl PgExecutor<'_>) -> Result<(Timestamp, bool), sqlx::Error> {
    let row =
        sqlx::query!(r#"SELECT clock_timestamp() AS "wall!", suspect_since IS NOT NULL AS "suspect!" FROM bus.clock"#)
            .fetch_one(store)
            .await?;
    Ok((row.wall.to_jiff(), row.suspect))
}

/// From now on no timer fires, in any replica.
pub(crate) async fn suspect(store: impl PgExecutor<'_>) -> Result<(), sqlx::Error> {
    sqlx::query!("UPDATE bus.clock SET suspect_since = now() WHERE suspect_since IS NULL").execute(store).await?;
    Ok(())
}

/// A person has looked at the time and found it right.
pub(crate) async fn confirm(pool: &PgPool) -> Result<(), Refusal> {
    sqlx::query!("UPDATE bus.clock SET suspect_since = NULL").execute(pool).await.map_err(unavailable)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failed test should panic
    use super::*;

    #[test]
    fn only_a_jump_forward_is_suspect() {
        let (start, noon) = (Instant::now(), Timestamp::UNIX_EPOCH);
        let at = |seconds| start + Duration::from_secs(seconds);
        let wall = |seconds| noon + SignedDuration::from_secs(seconds);
        let mut guard = ClockGuard::default();
        assert!(!guard.jumped(at(0), wall(0)), "the first look has nothing to compare with");
        assert!(!guard.jumped(at(3600), wall(3600)), "an hour's sleep is no jump");
        assert!(!guard.jumped(at(3601), wall(3601 + 299)), "a little drift is borne");
        assert!(guard.jumped(at(3602), wall(3602 + 299 + 302)), "five minutes at once are not");
        assert!(!guard.jumped(at(3603), wall(0)), "backward only delays");
    }
}
