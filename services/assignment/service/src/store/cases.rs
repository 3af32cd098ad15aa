//! Cases with their orders, determinations and what units hear of it, in one statement: a decision writes all of them.

use assignment_domain::case::{Case, CaseStage, DecisionSource};
use assignment_domain::file::CaseFile;
use assignment_domain::order::{OrderStage, WorkOrder};
use jiff_sqlx::{Timestamp, ToSqlx};
use kit::columns::{column, number};
use kit::service::{StoreError, Tx};
use serde_json::Value;
use uuid::Uuid;

use super::{bytes, written};
use crate::unit::{Held, Unit};

/// Writes changed files, new determinations, and new entries of feeds. The head of each unit's feed is locked until the commit, in
/// the order of units, so that numbers appear in their order and without gaps.
pub async fn write(tx: &mut Tx, unit: &Unit, held: &[&Held]) -> Result<(), StoreError> {
    let (determinations, feed) = (unit.determinations.rows(), unit.feed.rows());
    if held.is_empty() && determinations.is_empty() && feed.is_empty() {
        return Ok(());
    }
    let cases = CaseColumns::of(held)?;
    let orders: Vec<&WorkOrder> =
        held.iter().flat_map(|held| held.orders.iter().filter_map(|id| held.file.orders.get(id))).collect();
    let order_states = orders.iter().map(|order| bytes("work_order", order.id, *order));
    let order_states = order_states.collect::<Result<Vec<_>, _>>()?;
    sqlx::query!(
        "WITH orders AS (
           INSERT INTO work_order
             (id, case_id, unit, role, stage, person, post, duty_text, due_at, acknowledge_due_at, decide_due_at, round, state)
           SELECT * FROM UNNEST($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[],
                                $9::timestamptz[], $10::timestamptz[], $11::timestamptz[], $12::int[], $13::bytea[])
           ON CONFLICT (id) DO UPDATE SET
             role = excluded.role, stage = excluded.stage, person = excluded.person, post = excluded.post,
             due_at = excluded.due_at, acknowledge_due_at = excluded.acknowledge_due_at,
             decide_due_at = excluded.decide_due_at, state = excluded.state),
         determinations AS (
           INSERT INTO determination (id, case_id, kind, list_revision, proof_sha256, determined_at)
           SELECT * FROM UNNEST($14::uuid[], $15::uuid[], $16::text[], $17::bigint[], $18::bytea[], $19::timestamptz[])),
         news AS (
           SELECT u.unit, u.work_order_id, u.change, u.changed_at, row_number() OVER (PARTITION BY u.unit ORDER BY u.nth) AS nth
             FROM UNNEST($20::text[], $21::uuid[], $22::text[], $23::timestamptz[])
                  WITH ORDINALITY AS u (unit, work_order_id, change, changed_at, nth)),
         heads AS (
           INSERT INTO order_feed_head AS head (unit, pos)
           SELECT unit, count(*) FROM news GROUP BY unit ORDER BY unit
           ON CONFLICT (unit) DO UPDATE SET pos = head.pos + excluded.pos
           RETURNING unit, pos),
         counts AS (SELECT unit, count(*) AS size FROM news GROUP BY unit),
         feed AS (
           INSERT INTO order_feed (unit, pos, work_order_id, change, changed_at)
           SELECT news.unit, heads.pos - counts.size + news.nth, news.work_order_id, news.change, news.changed_at
             FROM news JOIN heads USING (unit) JOIN counts USING (unit))
         INSERT INTO responsibility
           (case_id, case_no, stage, round, hops, determination_id, ruling_id, consultation_id, lead_unit, open_orders, units,
            asks, state)
         SELECT * FROM UNNEST($24::uuid[], $25::text[], $26::text[], $27::int[], $28::int[], $29::uuid[], $30::uuid[],
                              $31::uuid[], $32::text[], $33::int[], $34::jsonb[], $35::jsonb[], $36::bytea[])
         ON CONFLICT (case_id) DO UPDATE SET
           case_no = excluded.case_no, stage = excluded.stage, round = excluded.round, hops = excluded.hops,
           determination_id = excluded.determination_id, ruling_id = excluded.ruling_id,
           consultation_id = excluded.consultation_id, lead_unit = excluded.lead_unit,
           open_orders = excluded.open_orders, units = excluded.units, asks = excluded.asks,
           state = excluded.state",
        &column(&orders, |order| order.id.uuid()),
        &column(&orders, |order| order.case.uuid()),
        &column(&orders, |order| order.unit.to_string()),
        &column(&orders, |order| order.role.to_string()),
        &column(&orders, |order| order.stage.name().to_owned()),
        &column(&orders, |order| order.assignee.person.to_string()),
        &column(&orders, |order| order.assignee.post.to_string()),
        &column(&orders, |order| order.task.zh.clone()),
        &column(&orders, |order| order.deadline.due_at.to_sqlx()) as _,
        &column(&orders, |order| order.acknowledge_by.due_at.to_sqlx()) as _,
        &column(&orders, |order| decide_due_at(order)) as _,
        &column(&orders, |order| number(order.round)),
        &order_states,
        &column(determinations, |row| row.id),
        &column(determinations, |row| row.case.uuid()),
        &column(determinations, |row| row.kind.to_owned()),
        &column(determinations, |row| row.list_revision),
        &column(determinations, |row| row.proof_sha256.to_vec()),
        &column(determinations, |row| row.at.to_sqlx()) as _,
        &column(feed, |row| row.unit.to_string()),
        &column(feed, |row| row.order.uuid()),
        &column(feed, |row| row.change.as_str().to_owned()),
        &column(feed, |row| row.at.to_sqlx()) as _,
        &cases.ids,
        &cases.numbers,
        &cases.stages,
        &cases.rounds,
        &cases.hops,
        &cases.determinations as _,
        &cases.rulings as _,
        &cases.consultations as _,
        &cases.leads as _,
        &cases.open_orders,
        &cases.units,
        &cases.asks as _,
        &cases.states,
    )
    .execute(tx)
    .await?;
    Ok(())
}

fn decide_due_at(order: &WorkOrder) -> Option<Timestamp> {
    match &order.stage {
        OrderStage::Objected { decide_by, .. } => Some(decide_by.due_at.to_sqlx()),
        _ => None,
    }
}

#[derive(Default)]
struct CaseColumns {
    ids: Vec<Uuid>,
    numbers: Vec<String>,
    stages: Vec<String>,
    rounds: Vec<i32>,
    hops: Vec<i32>,
    determinations: Vec<Option<Uuid>>,
    rulings: Vec<Option<Uuid>>,
    consultations: Vec<Option<Uuid>>,
    leads: Vec<Option<String>>,
    open_orders: Vec<i32>,
    units: Vec<Value>,
    asks: Vec<Option<Value>>,
    states: Vec<Vec<u8>>,
}

impl CaseColumns {
    fn of(held: &[&Held]) -> Result<Self, StoreError> {
        let mut columns = Self::default();
        for held in held {
            let case = &held.file.case;
            columns.ids.push(case.id.uuid());
            columns.numbers.push(case.case_no.clone());
            columns.stages.push(case.stage.name().to_owned());
            columns.rounds.push(number(case.round));
            columns.hops.push(number(case.hops));
            columns.determinations.push(determination_in_force(case));
            columns.rulings.push(case.stage.decision().and_then(|decision| Some(decision.ruling()?.uuid())));
            columns.consultations.push(open_consultation(case));
            columns.leads.push(case.stage.decision().and_then(|decision| Some(decision.lead()?.to_string())));
            columns.open_orders.push(open_orders(&held.file));
            columns.units.push(written("responsibility", case.id, &held.file.units())?);
            columns.asks.push(asks(case)?);
            columns.states.push(bytes("responsibility", case.id, case)?);
        }
        Ok(columns)
    }
}

/// What of a case asks somebody to act; the list of tasks reads it, and nothing else of the state.
fn asks(case: &Case) -> Result<Option<serde_json::Value>, StoreError> {
    let mut asks = serde_json::Map::new();
    if let Some(diagnosis) = &case.diagnosis {
        asks.insert("diagnosis".to_owned(), written("responsibility", case.id, diagnosis)?);
    }
    if let Some(operation) = &case.operation {
        asks.insert("operation".to_owned(), written("responsibility", case.id, operation)?);
    }
    if let Some(reconsider) = &case.reconsider {
        asks.insert("reconsider".to_owned(), written("responsibility", case.id, reconsider)?);
    }
    if !case.follow_ups.is_empty() {
        asks.insert("follow_ups".to_owned(), written("responsibility", case.id, &case.follow_ups)?);
    }
    Ok((!asks.is_empty()).then_some(asks.into()))
}

fn open_orders(file: &CaseFile) -> i32 {
    let open = file.orders.values().filter(|order| order.is_open()).count();
    i32::try_from(open).unwrap_or(i32::MAX)
}

fn determination_in_force(case: &Case) -> Option<Uuid> {
    match case.stage.decision()?.source {
        DecisionSource::Determination { id } => Some(id.uuid()),
        DecisionSource::Ruling { .. } => None,
    }
}

fn open_consultation(case: &Case) -> Option<Uuid> {
    match &case.stage {
        CaseStage::Consulting { consultation } => Some(consultation.uuid()),
        _ => None,
    }
}
