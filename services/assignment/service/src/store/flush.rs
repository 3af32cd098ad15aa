//! Writes what changed, with `UNNEST`: a larger batch takes no statement more.

use assignment_domain::list::{ItemKey, ListItem};
use jiff::civil::Date;
use jiff_sqlx::{Timestamp, ToSqlx};
use kit::service::{StoreError, Tx};
use kit::texts::Texts;
use uuid::Uuid;

use super::{TEXT_BODY, cases, unreadable, written};
use crate::unit::{Held, RulingRow, TextRow, Unit, matter_set};

/// Writes the unit.
pub async fn flush(tx: &mut Tx, unit: &Unit, keys: &Texts) -> Result<(), StoreError> {
    let held: Vec<&Held> = unit.files.changed().map(|(_, held)| held).filter(|held| held.changed).collect();
    cases::write(tx, unit, &held).await?;
    clocks(tx, unit).await?;
    consultations(tx, &held).await?;
    rulings(tx, unit.rulings.rows()).await?;
    precedents(tx, unit).await?;
    texts(tx, unit.texts.rows(), keys).await?;
    items(tx, unit).await?;
    boundary_rules(tx, unit).await?;
    accounts(tx, unit).await
}

async fn clocks(tx: &mut Tx, unit: &Unit) -> Result<(), StoreError> {
    if unit.clocks.is_clean() {
        return Ok(());
    }
    let (mut cases, mut kinds, mut due): (Vec<Uuid>, Vec<String>, Vec<Timestamp>) = Default::default();
    let (mut stopped_cases, mut stopped_kinds) = (Vec::new(), Vec::new());
    for ((case, kind), due_at) in unit.clocks.changed() {
        if let Some(due_at) = due_at {
            cases.push(case.uuid());
            kinds.push(kind.clone());
            due.push(due_at.to_sqlx());
        } else {
            stopped_cases.push(case.uuid());
            stopped_kinds.push(kind.clone());
        }
    }
    sqlx::query!(
        "WITH stopped AS (
           DELETE FROM handling_clock c USING UNNEST($4::uuid[], $5::text[]) AS s (case_id, kind)
           WHERE c.case_id = s.case_id AND c.kind = s.kind)
         INSERT INTO handling_clock (case_id, kind, due_at)
         SELECT * FROM UNNEST($1::uuid[], $2::text[], $3::timestamptz[])
         ON CONFLICT (case_id, kind) DO UPDATE SET due_at = excluded.due_at",
        &cases,
        &kinds,
        &due as _,
        &stopped_cases,
        &stopped_kinds,
    )
    .execute(&mut *tx)
    .await?;
    Ok(())
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
