//! 工单: every change of a unit's work orders, from a position on, over every interruption.

use std::collections::VecDeque;
use std::time::Duration;

use futures::Stream;
use tonic::{Code, Status, Streaming};
use xiezhi_proto::assignment::v1::{WatchWorkOrdersRequest, WatchWorkOrdersResponse, WorkOrder};

use crate::centre::Centre;
use crate::moment;
use crate::refused::{Error, Refused};

/// A missing position is asked for again so often before it is called lost.
const MOST_GAPS: u32 = 3;

/// A token may be refused so often in a row before that counts: a renewal may be on its way.
const MOST_UNAUTHENTICATED: u32 = 5;

/// One change of one work order.
#[derive(Debug, Clone, PartialEq)]
pub struct OrderChange {
    /// The position; keep the last one to resume there.
    pub position: u64,
    /// What happened, e.g. "dispatched".
    pub change: String,
    /// When it happened.
    pub changed_at: Option<jiff::Timestamp>,
    /// The order as it stands now.
    pub order: WorkOrder,
}

/// A unit's work orders as they change. It ends only with an error that waiting does not cure.
#[derive(Debug)]
pub struct Orders {
    centre: Centre,
    unit_code: String,
    follow: Follow,
    stream: Option<Streaming<WatchWorkOrdersResponse>>,
    ready: VecDeque<OrderChange>,
    failures: u32,
    unauthenticated: u32,
}

impl Orders {
    pub(crate) fn new(centre: Centre, unit_code: String, after_position: u64) -> Self {
        let follow = Follow { position: after_position, gaps: 0 };
        Self { centre, unit_code, follow, stream: None, ready: VecDeque::new(), failures: 0, unauthenticated: 0 }
    }

    /// The last position that was handed out; give it to [`Centre::orders_after`] to go on there.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.follow.position
    }

    /// The next change. Waits for as long as it takes, and connects again as often as it must.
    pub async fn next(&mut self) -> Result<OrderChange, Error> {
        loop {
            if let Some(change) = self.ready.pop_front() {
                return Ok(change);
            }
            match self.step().await {
                Ok(()) => {}
                Err(status) => self.recover(&status).await?,
            }
        }
    }

    /// The same as a stream; it ends after an error.
    pub fn into_stream(self) -> impl Stream<Item = Result<OrderChange, Error>> + Send {
        futures::stream::unfold(Some(self), |orders| async {
            let mut orders = orders?;
            let next = orders.next().await;
            let rest = next.is_ok().then_some(orders);
            Some((next, rest))
        })
    }

    /// Reads one answer, opening the stream first where there is none.
    async fn step(&mut self) -> Result<(), Status> {
        let stream = match &mut self.stream {
            Some(stream) => stream,
            None => {
                let request =
                    WatchWorkOrdersRequest { after_position: self.follow.position, unit_code: self.unit_code.clone() };
                let stream = self.centre.assignment().watch_work_orders(request).await?.into_inner();
                self.stream.insert(stream)
            }
        };
        match stream.message().await? {
            None => Err(Status::unavailable("the stream ended")),
            Some(answer) => {
                (self.failures, self.unauthenticated) = (0, 0);
                self.take(answer)
            }
        }
    }

    fn take(&mut self, answer: WatchWorkOrdersResponse) -> Result<(), Status> {
        match self.follow.next(answer.position) {
            Next::Seen => {}
            Next::Gap if self.follow.gaps > MOST_GAPS => {
                let lost = format!("position {} never came", self.follow.position + 1);
                return Err(Status::data_loss(lost));
            }
            Next::Gap => self.stream = None,
            Next::New => {
                let order = answer.work_order.ok_or_else(|| Status::data_loss("a change without its order"))?;
                let changed_at = moment(answer.changed_at.as_ref());
                let change = OrderChange { position: answer.position, change: answer.change_code, changed_at, order };
                self.ready.push_back(change);
            }
        }
        Ok(())
    }

    /// Waits before the next connection, or gives the error up to the caller.
    async fn recover(&mut self, status: &Status) -> Result<(), Error> {
        self.stream = None;
        let refused = Refused::from(status);
        if refused.is_unauthenticated() && self.centre.renews() && self.unauthenticated < MOST_UNAUTHENTICATED {
            self.unauthenticated += 1;
        } else if !refused.is_transient() && !matches!(status.code(), Code::Unknown | Code::Internal) {
            return Err(Error::Refused(Box::new(refused)));
        }
        self.failures = self.failures.saturating_add(1);
        let wait = self.centre.retry().wait(self.failures).max(refused.retry_after().unwrap_or(Duration::ZERO));
        tracing::debug!(position = self.follow.position, reason = %refused, "connecting again");
        tokio::time::sleep(wait).await;
        Ok(())
    }
}

/// Positions as they should come: each once and none left out.
#[derive(Debug)]
struct Follow {
    position: u64,
    gaps: u32,
}

#[derive(Debug, PartialEq, Eq)]
enum Next {
    New,
    Seen,
    Gap,
}

impl Follow {
    fn next(&mut self, position: u64) -> Next {
        if position <= self.position {
            Next::Seen
        } else if position == self.position + 1 {
            self.position = position;
            self.gaps = 0;
            Next::New
        } else {
            self.gaps += 1;
            Next::Gap
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_told_twice_is_handed_out_once() {
        let mut follow = Follow { position: 4, gaps: 0 };
        assert_eq!(follow.next(4), Next::Seen);
        assert_eq!(follow.next(5), Next::New);
        assert_eq!(follow.next(5), Next::Seen);
        assert_eq!(follow.position, 5);
    }

    #[test]
    fn a_change_that_is_left_out_is_asked_for_again() {
        let mut follow = Follow { position: 4, gaps: 0 };
        assert_eq!(follow.next(6), Next::Gap);
        assert_eq!(follow.position, 4, "the next connection starts where it was whole");
        assert_eq!(follow.next(5), Next::New);
        assert_eq!(follow.gaps, 0);
    }
}
