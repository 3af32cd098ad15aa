//! `work-order watch`: a unit's orders as they change.

use client::OrderChange;
use serde_json::json as object;

use super::View;
use super::work_order::short_name;
use crate::failure::Failure;
use crate::reflect::{Unreadable, json};
use crate::say::Say;
use crate::screen::{Answer, Screen, table, time};
use crate::session::Session;

/// Tells every change after a position as it comes; ends after so many, or when nobody reads any more.
pub async fn run(
    session: &Session,
    screen: &mut Screen,
    unit: &str,
    after: u64,
    limit: Option<u64>,
) -> Result<Answer, Failure> {
    let view = View::of(session).await?;
    let mut orders = session.centre.orders_after(unit, after);
    let mut told = 0;
    while limit.is_none_or(|limit| told < limit) {
        let change = orders.next().await?;
        match screen.part(&part(&change, &view)?) {
            Ok(()) => told += 1,
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => break,
            Err(error) => {
                return Err(Failure::Says(Say::FileUnreadable { path: "stdout".to_owned(), why: error.to_string() }));
            }
        }
    }
    Ok(Answer::told())
}

/// Position, moment, what happened, and the order as it stands now. Rows come one by one, so the columns have fixed widths.
fn part(change: &OrderChange, view: &View<'_>) -> Result<Answer, Unreadable> {
    let at = change.changed_at.map_or_else(String::new, |at| time::moment(at, view.now, view.lang));
    let text = [
        padded(&change.position.to_string(), 5),
        padded(&at, 14),
        padded(view.word(&format!("change.{}", change.change)), 12),
        padded(&short_name(&change.order), 19),
        padded(view.names.unit(&change.order.unit_code), 16),
        padded(view.names.person(&change.order.person_code), 8),
        view.word(change.order.stage().as_str_name()).to_owned(),
    ];
    let changed_at = change.changed_at.map(|at| at.to_string());
    let told = object!({
        "position": change.position,
        "change_code": change.change,
        "changed_at": changed_at,
        "work_order": json(&change.order)?,
    });
    Ok(Answer::new(told, text.join("  ")))
}

fn padded(text: &str, width: usize) -> String {
    format!("{text}{}", " ".repeat(width.saturating_sub(table::width(text))))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failed test should panic

    use xiezhi_proto::assignment::v1::{WorkOrder, WorkOrderStage};

    use super::*;
    use crate::names::Names;
    use crate::say::Lang;

    #[test]
    fn a_change_is_one_row_for_people_and_one_document_for_machines() {
        let order = WorkOrder {
            case_no: "JS-2026-000001".to_owned(),
            unit_code: "HB".to_owned(),
            person_code: "HB-P03".to_owned(),
            stage: WorkOrderStage::Acknowledged.into(),
            ..WorkOrder::default()
        };
        let change = OrderChange {
            position: 2,
            change: "acknowledged".to_owned(),
            changed_at: Some("2026-03-02T06:10:00Z".parse().unwrap()),
            order,
        };
        let names = Names::default();
        let view = View { lang: Lang::Zh, names: &names, now: "2026-03-04T01:00:00Z".parse().unwrap() };
        let told = part(&change, &view).unwrap();
        assert_eq!(
            told.text,
            "2      3月02日 14:10   签收          JS-2026-000001/HB    HB                HB-P03    已签收\n"
        );
        assert_eq!(told.json["work_order"]["case_no"], "JS-2026-000001");
        assert_eq!(told.json["changed_at"], "2026-03-02T06:10:00Z");
    }
}
