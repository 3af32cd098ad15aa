//! What happened to a case, page by page, and which other cases a reader of it knows.

use std::collections::BTreeSet;

use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use kit::corridor::unavailable;
use kit::envelope::Envelope;
use kit::refusal::Refusal;
use kit::service::Tx;
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use vocab::CaseId;

/// Where a page of a timeline ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimelineKey {
    /// When it happened, or what its service said before where that was later.
    pub at: Timestamp,
    /// Who said it.
    pub service: String,
    /// Where in its journal.
    pub pos: i64,
}

/// A row of a timeline: what one transaction said of the case.
#[derive(Debug, Clone)]
pub struct Happened {
    /// Where it stands in the timeline.
    pub key: TimelineKey,
    /// What was said, fact by fact; the epoch is 0 for our own.
    pub facts: Vec<Envelope>,
}

/// What happened to a case, in the order of time: what was heard, and what supervision itself said. What one service said stays
/// in the order of its journal: a decision that waited for the one before may have begun earlier.
pub async fn timeline(
    tx: &mut Tx,
    case: Uuid,
    after: Option<&TimelineKey>,
    limit: i64,
) -> Result<Vec<Happened>, Refusal> {
    let rows = sqlx::query!(
        r#"SELECT occurred_at AS "occurred_at!: jiff_sqlx::Timestamp", shown_at AS "shown_at!: jiff_sqlx::Timestamp",
                  service AS "service!", epoch AS "epoch!", pos AS "pos!",
                  event_id AS "event_id!", type AS "type_name!", recorded_at AS "recorded_at!: jiff_sqlx::Timestamp",
                  actor AS "actor!", traceparent AS "traceparent?", payload AS "payload!"
           FROM (
             SELECT occurred_at, max(occurred_at) OVER (PARTITION BY service ORDER BY epoch, pos) AS shown_at,
                    service, epoch, pos, event_id, type, recorded_at, actor, traceparent, payload
             FROM timeline
             WHERE case_id = $1
             UNION ALL
             SELECT occurred_at, max(occurred_at) OVER (ORDER BY key_seq) AS shown_at,
                    'supervision', 0, id, event_id, type, recorded_at, actor, traceparent, payload
             FROM bus.journal
             WHERE key = $1
               AND EXISTS (SELECT FROM case_file f WHERE f.id = $1)
           ) AS happened
           WHERE $2::timestamptz IS NULL OR (shown_at, service, pos) > ($2, $3, $4)
           ORDER BY shown_at, service, pos
           LIMIT $5"#,
        case,
        after.map(|key| key.at.to_sqlx()) as _,
        after.map(|key| key.service.as_str()),
        after.map(|key| key.pos),
        limit
    )
    .fetch_all(tx)
    .await
    .map_err(unavailable)?;
    rows.into_iter()
        .map(|row| {
            let key = TimelineKey { at: row.shown_at.to_jiff(), service: row.service, pos: row.pos };
            let said = Envelope {
                service: key.service.clone(),
                epoch: row.epoch,
                pos: key.pos,
                event_id: row.event_id,
                command_id: None,
                cause_id: None,
                actor: row.actor,
                traceparent: row.traceparent,
                key: case,
                key_seq: 0,
                type_name: row.type_name,
                // Not kept: an entry shows what the contract of today reads in the body.
                schema_ver: 0,
                occurred_at: row.occurred_at.to_jiff(),
                recorded_at: row.recorded_at.to_jiff(),
                payload: row.payload,
                hash: Vec::new(),
            };
            let facts = said.facts().map_err(|error| super::internal(super::unreadable("timeline", case, error)))?;
            Ok(Happened { key, facts })
        })
        .collect()
}

/// Which of these cases a unit may know of.
pub async fn known_cases(tx: &mut Tx, unit: &str, cases: &[Uuid]) -> Result<BTreeSet<CaseId>, Refusal> {
    let known =
        sqlx::query_scalar!("SELECT case_id FROM case_unit WHERE unit_code = $1 AND case_id = ANY($2)", unit, cases)
            .fetch_all(tx)
            .await
            .map_err(unavailable)?;
    Ok(known.into_iter().map(CaseId::new).collect())
}
