//! Cases and all that is written with them, in one statement: a registration is ten rows in eight tables, and each statement more
//! would cost it as much as a row of its own.

use intake_domain::Case;
use jiff_sqlx::{Timestamp, ToSqlx};
use kit::columns::{column, number};
use kit::service::{StoreError, Tx};
use serde_json::Value;
use uuid::Uuid;

use super::open_task;
use crate::unit::{MaskedText, Notice, Unit};

/// Writes changed cases with who may see them, and what a registration or a notice adds.
pub async fn write(tx: &mut Tx, unit: &Unit) -> Result<(), StoreError> {
    let cases = CaseColumns::of(unit.cases.changed().map(|(_, case)| case))?;
    let problems = ProblemColumns::of(unit);
    let notices = unit.notices.rows();
    let texts: Vec<(Uuid, &MaskedText)> = unit.texts.changed().map(|(id, text)| (id.uuid(), text)).collect();
    let complainants = unit.complainants.rows();
    let digests = unit.digests.rows();
    let (years, last): (Vec<i16>, Vec<i64>) = unit.counters.changed().map(|(year, last)| (*year, *last)).unzip();
    let nothing = cases.ids.is_empty() && problems.cases.is_empty() && notices.is_empty() && texts.is_empty();
    if nothing && complainants.is_empty() && digests.is_empty() && years.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "WITH complainants AS (
           INSERT INTO complainant (id, wrapped_key, identity, title, body, created_at)
           SELECT * FROM UNNEST($1::uuid[], $2::bytea[], $3::bytea[], $4::bytea[], $5::bytea[], $6::timestamptz[])),
         digests AS (
           INSERT INTO complainant_digest (digest, case_id) SELECT * FROM UNNEST($7::bytea[], $8::uuid[])),
         texts AS (
           INSERT INTO case_text (case_id, wrapped_key, masked_title, masked_body)
           SELECT * FROM UNNEST($9::uuid[], $10::bytea[], $11::bytea[], $12::bytea[])
           ON CONFLICT (case_id) DO UPDATE
           SET wrapped_key = excluded.wrapped_key, masked_title = excluded.masked_title, masked_body = excluded.masked_body),
         problems AS (
           INSERT INTO problem (town, matter, registered_at, case_id)
           SELECT * FROM UNNEST($13::text[], $14::text[], $15::timestamptz[], $16::uuid[])),
         notices AS (
           INSERT INTO notice (id, case_id, kind, round, delivery, template, content, served_at)
           SELECT * FROM UNNEST($17::uuid[], $18::uuid[], $19::text[], $20::int[], $21::text[], $22::text[], $23::jsonb[],
                                $24::timestamptz[])),
         counters AS (
           UPDATE case_counter c SET last = n.last
           FROM UNNEST($25::smallint[], $26::bigint[]) AS n (year, last)
           WHERE c.year = n.year),
         shown AS (SELECT * FROM UNNEST($27::uuid[], $28::text[]) AS s (case_id, unit)),
         gone AS (
           DELETE FROM case_unit u WHERE u.case_id = ANY($29)
             AND NOT EXISTS (SELECT FROM shown s WHERE s.case_id = u.case_id AND s.unit = u.unit)),
         units AS (
           INSERT INTO case_unit (case_id, unit) SELECT case_id, unit FROM shown ON CONFLICT DO NOTHING)
         INSERT INTO cases (id, number, tracking_code, stage, stage_since, round, region, object_type, matters, channel,
                            registered_at, complainant_id, head_id, sealed_from, open_task, state)
         SELECT * FROM UNNEST($29::uuid[], $30::text[], $31::text[], $32::text[], $33::timestamptz[], $34::int[], $35::text[],
                              $36::text[], $37::jsonb[], $38::text[], $39::timestamptz[], $40::uuid[], $41::uuid[],
                              $42::text[], $43::text[], $44::bytea[])
         ON CONFLICT (id) DO UPDATE
         SET stage = excluded.stage, stage_since = excluded.stage_since, round = excluded.round,
             head_id = excluded.head_id, open_task = excluded.open_task, state = excluded.state",
        &column(complainants, |row| row.id),
        &column(complainants, |row| row.wrapped_key.clone()),
        &column(complainants, |row| row.identity.clone()),
        &column(complainants, |row| row.title.clone()),
        &column(complainants, |row| row.body.clone()),
        &column(complainants, |row| row.created_at.to_sqlx()) as _,
        &column(digests, |row| row.digest.clone()),
        &column(digests, |row| row.case_id.uuid()),
        &column(&texts, |(id, _)| *id),
        &column(&texts, |(_, text)| text.wrapped_key.clone()),
        &column(&texts, |(_, text)| text.title.clone()),
        &column(&texts, |(_, text)| text.body.clone()),
        &problems.towns,
        &problems.matters,
        &problems.registered as _,
        &problems.cases,
        &column(notices, |row| row.id.uuid()),
        &column(notices, |row| row.case_id.uuid()),
        &column(notices, |row| row.kind.as_str().to_owned()),
        &column(notices, |row| number(row.round)),
        &column(notices, |row| row.delivery.as_str().to_owned()),
        &column(notices, |row| row.template.clone()),
        &contents(notices)?,
        &column(notices, |row| row.served_at.to_sqlx()) as _,
        &years,
        &last,
        &cases.shown,
        &cases.units,
        &cases.ids,
        &cases.numbers,
        &cases.trackings,
        &cases.stages,
        &cases.since as _,
        &cases.rounds,
        &cases.regions,
        &cases.object_types,
        &cases.matters,
        &cases.channels,
        &cases.registered as _,
        &cases.complainants,
        &cases.heads as _,
        &cases.sealed as _,
        &cases.tasks as _,
        &cases.states
    )
    .execute(tx)
    .await?;
    Ok(())
}

fn contents(notices: &[Notice]) -> Result<Vec<Value>, StoreError> {
    let content = |notice: &Notice| {
        serde_json::to_value(&notice.content).map_err(|error| StoreError::Unreadable {
            table: "notice",
            id: notice.id.to_string(),
            reason: error.to_string(),
        })
    };
    notices.iter().map(content).collect()
}

/// The rows of `cases`, column by column, and of `case_unit`.
#[derive(Default)]
struct CaseColumns {
    ids: Vec<Uuid>,
    numbers: Vec<String>,
    trackings: Vec<String>,
    stages: Vec<String>,
    since: Vec<Timestamp>,
    rounds: Vec<i32>,
    regions: Vec<String>,
    object_types: Vec<String>,
    matters: Vec<Value>,
    channels: Vec<String>,
    registered: Vec<Timestamp>,
    complainants: Vec<Uuid>,
    heads: Vec<Option<Uuid>>,
    sealed: Vec<Option<String>>,
    tasks: Vec<Option<String>>,
    states: Vec<Vec<u8>>,
    /// Cases, once for each unit that may see them.
    shown: Vec<Uuid>,
    /// The units, in step with the cases.
    units: Vec<String>,
}

impl CaseColumns {
    fn of<'a>(cases: impl Iterator<Item = &'a Case>) -> Result<Self, StoreError> {
        let mut columns = Self::default();
        for case in cases {
            let unreadable =
                |reason: String| StoreError::Unreadable { table: "cases", id: case.id.to_string(), reason };
            let matters = serde_json::to_value(&case.facts.matters).map_err(|error| unreadable(error.to_string()))?;
            let state = kit::state::pack(case).map_err(|error| unreadable(error.to_string()))?;
            columns.ids.push(case.id.uuid());
            columns.numbers.push(case.number.to_string());
            columns.trackings.push(case.tracking.as_str().to_owned());
            columns.stages.push(case.stage.name().as_str().to_owned());
            columns.since.push(case.stage.since().to_sqlx());
            columns.rounds.push(number(case.stage.round()));
            columns.regions.push(case.facts.region.to_string());
            columns.object_types.push(case.facts.object_type.to_string());
            columns.matters.push(matters);
            columns.channels.push(case.facts.channel.to_string());
            columns.registered.push(case.registered_at.to_sqlx());
            columns.complainants.push(case.complainant);
            columns.heads.push(case.follows().map(Uuid::from));
            columns.sealed.push(case.sealed_from.as_ref().map(ToString::to_string));
            columns.tasks.push(open_task(case).map(str::to_owned));
            columns.states.push(state);
            let mut shown = case.units();
            shown.insert(&case.receiving_unit);
            for unit in shown {
                columns.shown.push(case.id.uuid());
                columns.units.push(unit.to_string());
            }
        }
        Ok(columns)
    }
}

/// The rows of `problem`, column by column: one for each matter of a new case.
#[derive(Default)]
struct ProblemColumns {
    towns: Vec<String>,
    matters: Vec<String>,
    registered: Vec<Timestamp>,
    cases: Vec<Uuid>,
}

impl ProblemColumns {
    fn of(unit: &Unit) -> Self {
        let mut columns = Self::default();
        for case in unit.problems.rows().iter().filter_map(|id| unit.cases.get(id)) {
            for matter in &case.facts.matters {
                columns.towns.push(case.facts.region.town().to_string());
                columns.matters.push(matter.to_string());
                columns.registered.push(case.registered_at.to_sqlx());
                columns.cases.push(case.id.uuid());
            }
        }
        columns
    }
}
