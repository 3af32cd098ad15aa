//! Writes what changed, one `UNNEST` statement a table, whatever the batch's size.

use assignment_domain::case::{Case, CaseStage, DecisionSource};
use assignment_domain::file::CaseFile;
use assignment_domain::list::{ItemKey, ListItem};
use assignment_domain::order::{OrderStage, WorkOrder};
use jiff::civil::Date;
use jiff_sqlx::{Timestamp, ToSqlx};
use kit::service::{StoreError, Tx};
use kit::texts::Texts;
use uuid::Uuid;

use super::{TEXT_BODY, bytes, unreadable, written};
use crate::unit::{DeterminationRow, FeedRow, Held, RulingRow, TextRow, Unit, matter_set};

/// Writes the unit.
pub async fn flush(tx: &mut Tx, unit: &Unit, keys: &Texts) -> Result<(), StoreError> {
    let held: Vec<&Held> = unit.files.changed().map(|(_, held)| held).filter(|held| held.changed).collect();
    cases(tx, &held).await?;
    consultations(tx, &held).await?;
    orders(tx, &held).await?;
    determinations(tx, unit.determinations.rows()).await?;
    rulings(tx, unit.rulings.rows()).await?;
    precedents(tx, unit).await?;
    texts(tx, unit.texts.rows(), keys).await?;
    feed(tx, unit.feed.rows()).await?;
    items(tx, unit).await?;
    boundary_rules(tx, unit).await?;
    accounts(tx, unit).await
}

async fn cases(tx: &mut Tx, held: &[&Held]) -> Result<(), StoreError> {
    if held.is_empty() {
        return Ok(());
    }
    let cases: Vec<&Case> = held.iter().map(|held| &held.file.case).collect();
    let ids: Vec<Uuid> = cases.iter().map(|case| case.id.uuid()).collect();
    let numbers: Vec<String> = cases.iter().map(|case| case.case_no.clone()).collect();
    let stages: Vec<String> = cases.iter().map(|case| case.stage.name().to_owned()).collect();
    let rounds: Vec<i32> = cases.iter().map(|case| i32::try_from(case.round).unwrap_or(i32::MAX)).collect();
    let hops: Vec<i32> = cases.iter().map(|case| i32::try_from(case.hops).unwrap_or(i32::MAX)).collect();
    let determinations: Vec<Option<Uuid>> = cases.iter().map(|case| determination_in_force(case)).collect();
    let rulings: Vec<Option<Uuid>> = cases.iter().map(|case| Some(case.stage.decision()?.ruling()?.uuid())).collect();
    let consultations: Vec<Option<Uuid>> = cases.iter().map(|case| open_consultation(case)).collect();
    let leads: Vec<Option<String>> =
        cases.iter().map(|case| Some(case.stage.decision()?.lead()?.to_string())).collect();
    let open_orders: Vec<i32> = held.iter().map(|held| open_orders(&held.file)).collect();
    let states = cases.iter().map(|case| bytes("responsibility", case.id, *case)).collect::<Result<Vec<_>, _>>()?;
    let asks = cases.iter().map(|case| asks(case)).collect::<Result<Vec<_>, _>>()?;
    let units = held.iter().map(|held| written("responsibility", held.file.case.id, &held.file.units()));
    let units = units.collect::<Result<Vec<_>, _>>()?;
    sqlx::query!(
        "INSERT INTO responsibility
           (case_id, case_no, stage, round, hops, determination_id, ruling_id, consultation_id, lead_unit, open_orders, units,
            asks, state)
         SELECT * FROM UNNEST($1::uuid[], $2::text[], $3::text[], $4::int[], $5::int[], $6::uuid[], $7::uuid[], $8::uuid[],
                              $9::text[], $10::int[], $11::jsonb[], $12::jsonb[], $13::bytea[])
         ON CONFLICT (case_id) DO UPDATE SET
           case_no = excluded.case_no, stage = excluded.stage, round = excluded.round, hops = excluded.hops,
           determination_id = excluded.determination_id, ruling_id = excluded.ruling_id,
           consultation_id = excluded.consultation_id, lead_unit = excluded.lead_unit,
           open_orders = excluded.open_orders, units = excluded.units, asks = excluded.asks,
           state = excluded.state",
        &ids,
        &numbers,
        &stages,
        &rounds,
        &hops,
        &determinations as _,
        &rulings as _,
        &consultations as _,
        &leads as _,
        &open_orders,
        &units,
        &asks as _,
        &states,
    )
    .execute(&mut *tx)
    .await?;
    Ok(())
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

async fn consultations(tx: &mut Tx, held: &[&Held]) -> Result<(), StoreError> {
    let (mut ids, mut cases, mut stages, mut states) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    // In the order of their ids, which is that of time: an ended one is written before the one that follows it.
    for consultation in held.iter().flat_map(|held| held.consultations.values()) {
        ids.push(consultation.id.uuid());
        cases.push(consultation.case.uuid());
        stages.push(consultation.stage.name().to_owned());
        states.push(written("consultation", consultation.id, consultation)?);
    }
    if ids.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "INSERT INTO consultation (id, case_id, stage, state)
         SELECT * FROM UNNEST($1::uuid[], $2::uuid[], $3::text[], $4::jsonb[])
         ON CONFLICT (id) DO UPDATE SET stage = excluded.stage, state = excluded.state",
        &ids,
        &cases,
        &stages,
        &states,
    )
    .execute(&mut *tx)
    .await?;
    Ok(())
}

async fn orders(tx: &mut Tx, held: &[&Held]) -> Result<(), StoreError> {
    let orders: Vec<&WorkOrder> =
        held.iter().flat_map(|held| held.orders.iter().filter_map(|id| held.file.orders.get(id))).collect();
    if orders.is_empty() {
        return Ok(());
    }
    let text = |of: &dyn Fn(&WorkOrder) -> String| -> Vec<String> { orders.iter().map(|order| of(order)).collect() };
    let ids: Vec<Uuid> = orders.iter().map(|order| order.id.uuid()).collect();
    let cases: Vec<Uuid> = orders.iter().map(|order| order.case.uuid()).collect();
    let due: Vec<Timestamp> = orders.iter().map(|order| order.deadline.due_at.to_sqlx()).collect();
    let acknowledge: Vec<Timestamp> = orders.iter().map(|order| order.acknowledge_by.due_at.to_sqlx()).collect();
    let decide: Vec<Option<Timestamp>> = orders
        .iter()
        .map(|order| match &order.stage {
            OrderStage::Objected { decide_by, .. } => Some(decide_by.due_at.to_sqlx()),
            _ => None,
        })
        .collect();
    let rounds: Vec<i32> = orders.iter().map(|order| i32::try_from(order.round).unwrap_or(i32::MAX)).collect();
    let states = orders.iter().map(|order| bytes("work_order", order.id, *order)).collect::<Result<Vec<_>, _>>()?;
    sqlx::query!(
        "INSERT INTO work_order
           (id, case_id, unit, role, stage, person, post, duty_text, due_at, acknowledge_due_at, decide_due_at, round, state)
         SELECT * FROM UNNEST($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[],
                              $9::timestamptz[], $10::timestamptz[], $11::timestamptz[], $12::int[], $13::bytea[])
         ON CONFLICT (id) DO UPDATE SET
           role = excluded.role, stage = excluded.stage, person = excluded.person, post = excluded.post,
           due_at = excluded.due_at, acknowledge_due_at = excluded.acknowledge_due_at,
           decide_due_at = excluded.decide_due_at, state = excluded.state",
        &ids,
        &cases,
        &text(&|order| order.unit.to_string()),
        &text(&|order| order.role.to_string()),
        &text(&|order| order.stage.name().to_owned()),
        &text(&|order| order.assignee.person.to_string()),
        &text(&|order| order.assignee.post.to_string()),
        &text(&|order| order.task.zh.clone()),
        &due as _,
        &acknowledge as _,
        &decide as _,
        &rounds,
        &states,
    )
    .execute(&mut *tx)
    .await?;
    Ok(())
}

async fn determinations(tx: &mut Tx, rows: &[DeterminationRow]) -> Result<(), StoreError> {
    if rows.is_empty() {
        return Ok(());
    }
    let ids: Vec<Uuid> = rows.iter().map(|row| row.id).collect();
    let cases: Vec<Uuid> = rows.iter().map(|row| row.case.uuid()).collect();
    let kinds: Vec<String> = rows.iter().map(|row| row.kind.to_owned()).collect();
    let revisions: Vec<i64> = rows.iter().map(|row| row.list_revision).collect();
    let proofs: Vec<Vec<u8>> = rows.iter().map(|row| row.proof_sha256.to_vec()).collect();
    let times: Vec<Timestamp> = rows.iter().map(|row| row.at.to_sqlx()).collect();
    sqlx::query!(
        "INSERT INTO determination (id, case_id, kind, list_revision, proof_sha256, determined_at)
         SELECT * FROM UNNEST($1::uuid[], $2::uuid[], $3::text[], $4::bigint[], $5::bytea[], $6::timestamptz[])",
        &ids,
        &cases,
        &kinds,
        &revisions,
        &proofs,
        &times as _,
    )
    .execute(&mut *tx)
    .await?;
    Ok(())
}

async fn rulings(tx: &mut Tx, rows: &[RulingRow]) -> Result<(), StoreError> {
    if rows.is_empty() {
        return Ok(());
    }
    let ids: Vec<Uuid> = rows.iter().map(|row| row.id).collect();
    let cases: Vec<Uuid> = rows.iter().map(|row| row.case.uuid()).collect();
    let consultations: Vec<Uuid> = rows.iter().map(|row| row.consultation).collect();
    let precedents: Vec<Uuid> = rows.iter().map(|row| row.precedent).collect();
    let times: Vec<Timestamp> = rows.iter().map(|row| row.at.to_sqlx()).collect();
    let shares = rows.iter().map(|row| written("ruling", row.id, &row.shares)).collect::<Result<Vec<_>, _>>()?;
    sqlx::query!(
        "INSERT INTO ruling (id, case_id, consultation_id, precedent_id, ruled_at, shares)
         SELECT * FROM UNNEST($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::timestamptz[], $6::jsonb[])",
        &ids,
        &cases,
        &consultations,
        &precedents,
        &times as _,
        &shares,
    )
    .execute(&mut *tx)
    .await?;
    Ok(())
}

async fn precedents(tx: &mut Tx, unit: &Unit) -> Result<(), StoreError> {
    if unit.precedents.is_clean() {
        return Ok(());
    }
    let (mut ids, mut matters, mut states) = (Vec::new(), Vec::new(), Vec::new());
    let mut known: Vec<Timestamp> = Vec::new();
    let mut expired: Vec<Option<Timestamp>> = Vec::new();
    for (id, precedent) in unit.precedents.changed() {
        ids.push(id.uuid());
        matters.push(matter_set(&precedent.matters));
        known.push(precedent.recorded.from.to_sqlx());
        expired.push(precedent.recorded.until.map(ToSqlx::to_sqlx));
        states.push(written("precedent", id, precedent)?);
    }
    sqlx::query!(
        "INSERT INTO precedent (id, matters, known_from, expired_at, state)
         SELECT * FROM UNNEST($1::uuid[], $2::text[], $3::timestamptz[], $4::timestamptz[], $5::jsonb[])
         ON CONFLICT (id) DO UPDATE SET expired_at = excluded.expired_at, state = excluded.state",
        &ids,
        &matters,
        &known as _,
        &expired as _,
        &states,
    )
    .execute(&mut *tx)
    .await?;
    Ok(())
}

async fn texts(tx: &mut Tx, rows: &[TextRow], keys: &Texts) -> Result<(), StoreError> {
    if rows.is_empty() {
        return Ok(());
    }
    let ids: Vec<Uuid> = rows.iter().map(|row| row.id).collect();
    let cases: Vec<Uuid> = rows.iter().map(|row| row.case.uuid()).collect();
    let subjects: Vec<Uuid> = rows.iter().map(|row| row.subject).collect();
    let kinds: Vec<String> = rows.iter().map(|row| row.kind.to_owned()).collect();
    let units: Vec<String> = rows.iter().map(|row| row.unit.clone()).collect();
    let rounds: Vec<i32> = rows.iter().map(|row| i32::try_from(row.round).unwrap_or(i32::MAX)).collect();
    let seal = |row: &TextRow| {
        let sealed = keys.seal(row.case.uuid(), TEXT_BODY, row.id, &row.body);
        sealed.map_err(|error| unreadable("work_text", row.id, error))
    };
    let bodies = rows.iter().map(seal).collect::<Result<Vec<Vec<u8>>, StoreError>>()?;
    let times: Vec<Timestamp> = rows.iter().map(|row| row.at.to_sqlx()).collect();
    sqlx::query!(
        "INSERT INTO work_text (id, case_id, subject_id, kind, unit, round, body, written_at)
         SELECT * FROM UNNEST($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::int[], $7::bytea[], $8::timestamptz[])",
        &ids,
        &cases,
        &subjects,
        &kinds,
        &units,
        &rounds,
        &bodies,
        &times as _,
    )
    .execute(&mut *tx)
    .await?;
    Ok(())
}

/// The head of each unit's feed is locked until the commit, in the order of units, so that numbers appear in their order
/// and without gaps.
async fn feed(tx: &mut Tx, rows: &[FeedRow]) -> Result<(), StoreError> {
    if rows.is_empty() {
        return Ok(());
    }
    let units: Vec<String> = rows.iter().map(|row| row.unit.to_string()).collect();
    let orders: Vec<Uuid> = rows.iter().map(|row| row.order.uuid()).collect();
    let changes: Vec<String> = rows.iter().map(|row| row.change.as_str().to_owned()).collect();
    let times: Vec<Timestamp> = rows.iter().map(|row| row.at.to_sqlx()).collect();
    sqlx::query!(
        "WITH news AS (
           SELECT u.unit, u.work_order_id, u.change, u.changed_at, row_number() OVER (PARTITION BY u.unit ORDER BY u.nth) AS nth
             FROM UNNEST($1::text[], $2::uuid[], $3::text[], $4::timestamptz[])
                  WITH ORDINALITY AS u (unit, work_order_id, change, changed_at, nth)),
         heads AS (
           INSERT INTO order_feed_head AS head (unit, pos)
           SELECT unit, count(*) FROM news GROUP BY unit ORDER BY unit
           ON CONFLICT (unit) DO UPDATE SET pos = head.pos + excluded.pos
           RETURNING unit, pos),
         counts AS (SELECT unit, count(*) AS size FROM news GROUP BY unit)
         INSERT INTO order_feed (unit, pos, work_order_id, change, changed_at)
         SELECT news.unit, heads.pos - counts.size + news.nth, news.work_order_id, news.change, news.changed_at
           FROM news JOIN heads USING (unit) JOIN counts USING (unit)",
        &units,
        &orders,
        &changes,
        &times as _,
    )
    .execute(&mut *tx)
    .await?;
    Ok(())
}

/// Rows that ended first, then new ones: an entry may be replaced within one publication.
async fn items(tx: &mut Tx, unit: &Unit) -> Result<(), StoreError> {
    if unit.items.is_clean() {
        return Ok(());
    }
    let changed = || unit.items.changed();
    let (ids, until): (Vec<Uuid>, Vec<Timestamp>) =
        changed().filter_map(|(id, item)| Some((*id, item.recorded.until?.to_sqlx()))).unzip();
    sqlx::query!(
        "UPDATE list_item SET recorded = tstzrange(lower(recorded), ended.until)
           FROM UNNEST($1::uuid[], $2::timestamptz[]) AS ended (id, until)
          WHERE list_item.id = ended.id",
        &ids,
        &until as _,
    )
    .execute(&mut *tx)
    .await?;
    let added: Vec<(&Uuid, &ListItem)> = changed().filter(|(_, item)| item.recorded.until.is_none()).collect();
    let keys: Vec<ItemKey> = added.iter().map(|(_, item)| item.key()).collect();
    let ids: Vec<Uuid> = added.iter().map(|(id, _)| **id).collect();
    let kinds: Vec<String> = keys.iter().map(|key| key.kind.as_str().to_owned()).collect();
    let codes: Vec<String> = keys.iter().map(|key| key.code.to_string()).collect();
    let holders: Vec<String> = keys.iter().map(|key| key.holder.to_string()).collect();
    let towns: Vec<String> = keys.iter().map(|key| joined(&key.towns)).collect();
    let from: Vec<jiff_sqlx::Date> = added.iter().map(|(_, item)| item.validity.from.to_sqlx()).collect();
    let to: Vec<Option<jiff_sqlx::Date>> = added.iter().map(|(_, item)| item.validity.to.map(Date::to_sqlx)).collect();
    let since: Vec<Timestamp> = added.iter().map(|(_, item)| item.recorded.from.to_sqlx()).collect();
    let contents = added.iter().map(|(id, item)| written("list_item", id, *item)).collect::<Result<Vec<_>, _>>()?;
    sqlx::query!(
        "INSERT INTO list_item (id, kind, code, holder, towns, valid, recorded, content)
         SELECT id, kind, code, holder, towns, daterange(valid_from, valid_to, '[]'), tstzrange(since, NULL), content
           FROM UNNEST($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::date[], $7::date[], $8::timestamptz[],
                       $9::jsonb[]) AS u (id, kind, code, holder, towns, valid_from, valid_to, since, content)",
        &ids,
        &kinds,
        &codes,
        &holders,
        &towns,
        &from as _,
        &to as _,
        &since as _,
        &contents,
    )
    .execute(&mut *tx)
    .await?;
    Ok(())
}

fn joined(towns: &vocab::Scope) -> String {
    towns.regions.iter().map(|region| region.as_str()).collect::<Vec<_>>().join(",")
}

async fn boundary_rules(tx: &mut Tx, unit: &Unit) -> Result<(), StoreError> {
    if unit.boundary_rules.is_clean() {
        return Ok(());
    }
    let changed = || unit.boundary_rules.changed();
    let (ids, until): (Vec<Uuid>, Vec<Timestamp>) =
        changed().filter_map(|(id, rule)| Some((*id, rule.recorded.until?.to_sqlx()))).unzip();
    sqlx::query!(
        "UPDATE boundary_rule SET recorded = tstzrange(lower(recorded), ended.until)
           FROM UNNEST($1::uuid[], $2::timestamptz[]) AS ended (id, until)
          WHERE boundary_rule.id = ended.id",
        &ids,
        &until as _,
    )
    .execute(&mut *tx)
    .await?;
    let added: Vec<_> = changed().filter(|(_, rule)| rule.recorded.until.is_none()).collect();
    let ids: Vec<Uuid> = added.iter().map(|(id, _)| **id).collect();
    let codes: Vec<String> = added.iter().map(|(_, rule)| rule.code.to_string()).collect();
    let from: Vec<jiff_sqlx::Date> = added.iter().map(|(_, rule)| rule.validity.from.to_sqlx()).collect();
    let to: Vec<Option<jiff_sqlx::Date>> = added.iter().map(|(_, rule)| rule.validity.to.map(Date::to_sqlx)).collect();
    let since: Vec<Timestamp> = added.iter().map(|(_, rule)| rule.recorded.from.to_sqlx()).collect();
    let contents = added.iter().map(|(id, rule)| written("boundary_rule", id, *rule)).collect::<Result<Vec<_>, _>>()?;
    sqlx::query!(
        "INSERT INTO boundary_rule (id, code, valid, recorded, content)
         SELECT id, code, daterange(valid_from, valid_to, '[]'), tstzrange(since, NULL), content
           FROM UNNEST($1::uuid[], $2::text[], $3::date[], $4::date[], $5::timestamptz[], $6::jsonb[])
             AS u (id, code, valid_from, valid_to, since, content)",
        &ids,
        &codes,
        &from as _,
        &to as _,
        &since as _,
        &contents,
    )
    .execute(&mut *tx)
    .await?;
    Ok(())
}

async fn accounts(tx: &mut Tx, unit: &Unit) -> Result<(), StoreError> {
    if unit.accounts.is_clean() {
        return Ok(());
    }
    let (mut ids, mut units, mut enabled, mut states) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (id, account) in unit.accounts.changed() {
        ids.push(id.to_string());
        units.push(account.unit.to_string());
        enabled.push(account.disabled_at.is_none());
        states.push(written("account", id, account)?);
    }
    sqlx::query!(
        "INSERT INTO account (id, unit, enabled, state)
         SELECT * FROM UNNEST($1::text[], $2::text[], $3::bool[], $4::jsonb[])
         ON CONFLICT (id) DO UPDATE SET unit = excluded.unit, enabled = excluded.enabled, state = excluded.state",
        &ids,
        &units,
        &enabled,
        &states,
    )
    .execute(&mut *tx)
    .await?;
    Ok(())
}
