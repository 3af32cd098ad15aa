//! N11 while everything goes on: a department looks for what is not its own.

use client::call;
use tonic::Code;
use xiezhi_proto::assignment::v1::{GetWorkOrderRequest, ListWorkOrdersRequest};

use super::{COORDINATOR, Teller};

impl Teller {
    /// A handler reads as wide a list as there is, and asks for a neighbour's order by its id.
    pub(super) async fn curious(&mut self) -> anyhow::Result<()> {
        let handlers: Vec<(String, String)> =
            self.people.handlers().map(|(account, unit)| (account.to_owned(), unit.to_owned())).collect();
        let Some((account, unit)) = self.chance.pick(&handlers).cloned() else { anyhow::bail!("nobody handles") };
        let handler = self.people.at(&account)?;
        let request = ListWorkOrdersRequest { page_size: 200, ..ListWorkOrdersRequest::default() };
        let mine = handler.read(|| call!(handler.assignment().list_work_orders(request.clone()))).await?.work_orders;
        for order in mine.iter().filter(|order| order.unit_code != unit) {
            self.people
                .history
                .broke(format!("N11: {account} was shown {}'s order {}", order.unit_code, order.work_order_id));
        }
        let coordinator = self.people.at(COORDINATOR)?;
        let all =
            coordinator.read(|| call!(coordinator.assignment().list_work_orders(request.clone()))).await?.work_orders;
        let foreign: Vec<&str> =
            all.iter().filter(|order| order.unit_code != unit).map(|order| order.work_order_id.as_str()).collect();
        for _ in 0..5 {
            let Some(work_order_id) = self.chance.pick(&foreign).map(|id| (*id).to_owned()) else { break };
            let request = GetWorkOrderRequest { work_order_id: work_order_id.clone() };
            match handler.read(|| call!(handler.assignment().get_work_order(request.clone()))).await {
                Ok(_) => {
                    self.people.history.broke(format!("N11: {account} could read the foreign order {work_order_id}"))
                }
                Err(error) => {
                    let code = error.refused().map(client::Refused::grpc_code);
                    if let Some(Code::PermissionDenied | Code::Internal) = code {
                        self.people
                            .history
                            .broke(format!("N11: {account} learns that {work_order_id} exists: {error}"));
                    }
                }
            }
        }
        Ok(())
    }
}
