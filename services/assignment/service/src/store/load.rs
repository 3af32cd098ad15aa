//! Loads everything a batch needs, one statement a table. The heads are locked already.

use std::collections::BTreeMap;

use assignment_domain::account::Account;
use assignment_domain::case::Case;
use assignment_domain::consultation::Consultation;
use assignment_domain::file::CaseFile;
use assignment_domain::list::{BoundaryRule, ListItem};
use assignment_domain::order::WorkOrder;
use assignment_domain::precedent::Precedent;
use kit::service::{Keys, StoreError, Tx};
use kit::unit::Table;
use uuid::Uuid;
use vocab::{AccountCode, CaseId, PrecedentId};

use super::{state, stored};
use crate::unit::{Held, Needs, Unit, matter_set};

/// A publication may change who answers for any open order, and for a follow-up that nobody could be given and that can go out
/// where the case stands, so it holds every case that has one.
pub async fn widen(tx: &mut Tx, keys: &mut Keys<Needs>) -> Result<(), StoreError> {
    if keys.needs.publication {
        let open = sqlx::query_scalar!(
            r#"SELECT case_id AS "case_id!" FROM work_order WHERE stage IN ('dispatched', 'acknowledged', 'objected')
                UNION SELECT case_id FROM responsibility
                       WHERE asks ? 'follow_ups' AND stage IN ('determined', 'ruled', 'handled')"#
        );
        keys.heads.extend(open.fetch_all(&mut *tx).await?);
    }
    Ok(())
}

/// The unit of a batch.
pub async fn load(tx: &mut Tx, keys: &Keys<Needs>) -> Result<Unit, StoreError> {
    let is_left_alone = |head: &Uuid| {
        let case = CaseId::new(*head);
        keys.needs.left_alone.contains(&case) && !keys.needs.files.contains(&case)
    };
    let heads: Vec<Uuid> = keys.heads.iter().filter(|head| !is_left_alone(head)).copied().collect();
    let mut unit = Unit::default();
    if !heads.is_empty() {
        unit.files = Table::loaded(files(tx, &heads).await?);
    }
    let mut sets: Vec<String> = keys.needs.matters.iter().cloned().collect();
    sets.extend(unit.files.iter().map(|(_, held)| matter_set(&held.file.case.facts.matters)));
    if keys.needs.publication {
        unit.precedents = Table::loaded(active_precedents(tx).await?);
        unit.items = Table::loaded(current_items(tx).await?);
        unit.boundary_rules = Table::loaded(current_rules(tx).await?);
        unit.accounts = Table::loaded(every_account(tx).await?);
    } else {
        if !sets.is_empty() {
            unit.precedents = Table::loaded(precedents_of(tx, &sets).await?);
        }
        if !keys.needs.accounts.is_empty() {
            let ids: Vec<String> = keys.needs.accounts.iter().cloned().collect();
            unit.accounts = Table::loaded(accounts(tx, &ids).await?);
        }
    }
    Ok(unit)
}

async fn files(tx: &mut Tx, ids: &[Uuid]) -> Result<Vec<(CaseId, Held)>, StoreError> {
    let cases = sqlx::query!("SELECT case_id, state FROM responsibility WHERE case_id = ANY($1)", ids)
        .fetch_all(&mut *tx)
        .await?;
    if cases.is_empty() {
        return Ok(Vec::new());
    }
    let mut files: BTreeMap<Uuid, CaseFile> = BTreeMap::new();
    for row in cases {
        let case: Case = stored("responsibility", row.case_id, &row.state)?;
        files.insert(row.case_id, CaseFile { case, consultation: None, orders: BTreeMap::new() });
    }
    let orders = sqlx::query!("SELECT id, case_id, state FROM work_order WHERE case_id = ANY($1)", ids)
        .fetch_all(&mut *tx)
        .await?;
    for row in orders {
        let order: WorkOrder = stored("work_order", row.id, &row.state)?;
        if let Some(file) = files.get_mut(&row.case_id) {
            file.orders.insert(order.id, order);
        }
    }
    let clocks = sqlx::query!("SELECT case_id, kind, due_at FROM handling_clock WHERE case_id = ANY($1)", ids)
        .fetch_all(&mut *tx)
        .await?;
    for row in clocks {
        if let Some(file) = files.get_mut(&row.case_id) {
            file.case.clocks.insert(row.kind, row.due_at.to_jiff());
        }
    }
    let consultations = sqlx::query!(
        "SELECT DISTINCT ON (case_id) id, case_id, state FROM consultation WHERE case_id = ANY($1) ORDER BY case_id, id DESC",
        ids
    )
    .fetch_all(&mut *tx)
    .await?;
    for row in consultations {
        let consultation: Consultation = state("consultation", row.id, row.state)?;
        if let Some(file) = files.get_mut(&row.case_id) {
            file.consultation = Some(consultation);
        }
    }
    Ok(files.into_iter().map(|(id, file)| (id.into(), Held::loaded(file))).collect())
}

async fn precedents_of(tx: &mut Tx, sets: &[String]) -> Result<Vec<(PrecedentId, Precedent)>, StoreError> {
    sqlx::query!("SELECT id, state FROM precedent WHERE expired_at IS NULL AND matters = ANY($1)", sets)
        .fetch_all(&mut *tx)
        .await?
        .into_iter()
        .map(|row| Ok((row.id.into(), state("precedent", row.id, row.state)?)))
        .collect()
}

async fn active_precedents(tx: &mut Tx) -> Result<Vec<(PrecedentId, Precedent)>, StoreError> {
    sqlx::query!("SELECT id, state FROM precedent WHERE expired_at IS NULL")
        .fetch_all(&mut *tx)
        .await?
        .into_iter()
        .map(|row| Ok((row.id.into(), state("precedent", row.id, row.state)?)))
        .collect()
}

async fn current_items(tx: &mut Tx) -> Result<Vec<(Uuid, ListItem)>, StoreError> {
    sqlx::query!("SELECT id, content FROM list_item WHERE upper_inf(recorded)")
        .fetch_all(&mut *tx)
        .await?
        .into_iter()
        .map(|row| Ok((row.id, state("list_item", row.id, row.content)?)))
        .collect()
}

async fn current_rules(tx: &mut Tx) -> Result<Vec<(Uuid, BoundaryRule)>, StoreError> {
    sqlx::query!("SELECT id, content FROM boundary_rule WHERE upper_inf(recorded)")
        .fetch_all(&mut *tx)
        .await?
        .into_iter()
        .map(|row| Ok((row.id, state("boundary_rule", row.id, row.content)?)))
        .collect()
}

async fn every_account(tx: &mut Tx) -> Result<Vec<(AccountCode, Account)>, StoreError> {
    sqlx::query!("SELECT id, state FROM account")
        .fetch_all(&mut *tx)
        .await?
        .into_iter()
        .map(|row| account(&row.id, row.state))
        .collect()
}

async fn accounts(tx: &mut Tx, ids: &[String]) -> Result<Vec<(AccountCode, Account)>, StoreError> {
    sqlx::query!("SELECT id, state FROM account WHERE id = ANY($1)", ids)
        .fetch_all(&mut *tx)
        .await?
        .into_iter()
        .map(|row| account(&row.id, row.state))
        .collect()
}

pub(super) fn account(id: &str, row: serde_json::Value) -> Result<(AccountCode, Account), StoreError> {
    let account: Account = state("account", id, row)?;
    Ok((account.id.clone(), account))
}
