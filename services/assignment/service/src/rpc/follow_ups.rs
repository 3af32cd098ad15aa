//! 后续处置: the centre's way out for one that cannot be sent.

use std::collections::BTreeSet;

use assignment_domain::file::Command;
use assignment_domain::refusal::Refusal as No;
use kit::caller::Call;
use kit::refusal::Refusal;
use kit::service::Keys;
use tonic::Request;
use vocab::{UnitCode, WorkOrderId};
use xiezhi_proto::assignment::v1 as wire;

use super::Door;
use crate::app::{Stop, act, visible};
use crate::wire::read;

impl Door {
    pub(super) async fn settle_follow_up(
        &self,
        request: Request<wire::SettleFollowUpRequest>,
    ) -> Result<wire::SettleFollowUpResponse, Refusal> {
        let call = Call::of(&request, &request.get_ref().command_id)?;
        let granted = call.granted.clone();
        let asked = read::settle_follow_up(request.get_ref())?;
        let case = asked.case;
        self.corridor
            .command(call, Keys::one(case.uuid()), move |unit, cx| {
                let before: BTreeSet<WorkOrderId> =
                    visible(unit, &granted, case)?.file.orders.keys().copied().collect();
                let command = Command::SettleFollowUp {
                    operation: asked.operation,
                    unit: asked.unit.clone(),
                    to: asked.to.clone(),
                    reason: asked.reason,
                };
                act(unit, cx, case, command).map_err(of_the_taker)?;
                let taker: Option<&UnitCode> = asked.to.as_ref().map(|taker| &taker.unit);
                let orders = visible(unit, &granted, case)?.file.orders.values();
                let sent = orders.filter(|order| !before.contains(&order.id) && Some(&order.unit) == taker);
                let sent = sent.map(|order| order.id.to_string()).next();
                Ok(wire::SettleFollowUpResponse { work_order_id: sent.unwrap_or_default() })
            })
            .await
    }
}

/// What is wrong with the unit that is to take it stands in fields of its own.
fn of_the_taker(stop: Stop) -> Refusal {
    match stop {
        Stop::No(No::UnknownUnit { unit }) => Refusal::field("to_unit_code", format!("{unit} does not exist")),
        Stop::No(No::UnknownItem { .. }) => {
            Refusal::field("item_codes", "must be on the lists; where they are left out, what it was meant to rest on")
        }
        other => other.into(),
    }
}
