//! 工单流: every change of a unit's work orders, from where the reader stopped.

use std::collections::BTreeMap;
use std::time::Duration;

use kit::caller::{Access, Granted};
use kit::refusal::Refusal;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Status};
use uuid::Uuid;
use vocab::UnitCode;
use words::write::time;
use xiezhi_proto::assignment::v1 as wire;

use super::{Door, asking, stored};
use crate::store::read as rows;
use crate::wire::read;

/// How many changes are read at once.
const PAGE: i64 = 100;
/// How many wait for a slow reader.
const AHEAD: usize = 16;
/// Another process may have committed: look at least this often.
const LOOK: Duration = Duration::from_millis(500);

/// The stream of a reader.
pub type Changes = ReceiverStream<Result<wire::WatchWorkOrdersResponse, Status>>;

impl Door {
    pub(super) async fn watch(&self, request: Request<wire::WatchWorkOrdersRequest>) -> Result<Changes, Refusal> {
        let granted = Granted::of(&request)?;
        let request = request.into_inner();
        let named: Option<UnitCode> = read::maybe_id("unit_code", &request.unit_code)?;
        let unit = match (granted.access, named) {
            (Access::Own, Some(named)) if named.as_str() != granted.caller.unit => {
                return Err(Refusal::NotFound { what: "unit" });
            }
            (Access::Own, _) => granted.caller.unit.clone(),
            (Access::Any, Some(named)) => named.into(),
            (Access::Any, None) => return Err(Refusal::field("unit_code", "must be said by a caller of no unit")),
        };
        let after =
            i64::try_from(request.after_position).map_err(|_| Refusal::field("after_position", "is no position"))?;
        let (changes, stream) = mpsc::channel(AHEAD);
        let door = self.clone();
        tokio::spawn(async move {
            let reader = Reader { door, granted, unit, after };
            reader.run(changes).await;
        });
        Ok(ReceiverStream::new(stream))
    }
}

/// One open stream.
struct Reader {
    door: Door,
    granted: Granted,
    unit: String,
    after: i64,
}

impl Reader {
    /// Sends what there is, then waits for more, until the reader goes away. The guard ends the stream of an account that
    /// no longer counts.
    async fn run(mut self, changes: mpsc::Sender<Result<wire::WatchWorkOrdersResponse, Status>>) {
        let mut commits = self.door.corridor.changes();
        loop {
            match self.page().await {
                Ok(page) => {
                    let is_full = page.len() as i64 == PAGE;
                    for change in page {
                        self.after = i64::try_from(change.position).unwrap_or(i64::MAX);
                        if changes.send(Ok(change)).await.is_err() {
                            return;
                        }
                    }
                    if is_full {
                        continue;
                    }
                }
                Err(refusal) => {
                    // The reader comes back to where it stopped; nothing is lost.
                    let _ = changes.send(Err(refusal.into())).await;
                    return;
                }
            }
            tokio::select! {
                () = changes.closed() => return,
                changed = commits.changed() => if changed.is_err() { return },
                () = tokio::time::sleep(LOOK) => {}
            }
        }
    }

    async fn page(&self) -> Result<Vec<wire::WatchWorkOrdersResponse>, Refusal> {
        let pool = self.door.corridor.pool();
        let entries =
            rows::list_feed(pool, asking(&self.granted), &self.unit, self.after, PAGE).await.map_err(stored)?;
        if entries.is_empty() {
            return Ok(Vec::new());
        }
        let ids: Vec<Uuid> = entries.iter().map(|entry| entry.order).collect();
        let orders = rows::orders_by_id(pool, asking(&self.granted), &ids).await.map_err(stored)?;
        let orders: BTreeMap<String, wire::WorkOrder> = self
            .door
            .with_cases(&self.granted, &orders)
            .await?
            .into_iter()
            .map(|order| (order.work_order_id.clone(), order))
            .collect();
        Ok(entries
            .into_iter()
            .map(|entry| wire::WatchWorkOrdersResponse {
                position: entry.position.unsigned_abs(),
                change_code: entry.change,
                work_order: orders.get(&entry.order.to_string()).cloned(),
                changed_at: Some(time(entry.at)),
            })
            .collect())
    }
}
