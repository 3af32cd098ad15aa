//! The clock of a simulated centre can be turned forward. A real centre's cannot.

use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use sqlx::PgPool;
use uuid::Uuid;

use crate::corridor::unavailable;
use crate::refusal::Refusal;

/// "real" or "simulated", as the database was made.
pub(crate) async fn kind(pool: &PgPool) -> Result<String, Refusal> {
    sqlx::query_scalar!("SELECT kind FROM bus.clock").fetch_one(pool).await.map_err(unavailable)
}

/// Turns the clock to a moment. A repeat with the same id, and a moment that has passed, change nothing.
pub(crate) async fn turn(pool: &PgPool, turn_id: Uuid, to: Timestamp) -> Result<Timestamp, Refusal> {
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
                                ELSE GREATEST(offset_by, $2::timestamptz - now()) END,
               turn_id = $1
           RETURNING now() + offset_by AS "now!""#,
        turn_id,
        to.to_sqlx() as _
    )
    .fetch_one(pool)
    .await
    .map_err(unavailable)?;
    Ok(row.now.to_jiff())
}
