//! What scheduling understands of its neighbours' events.

use jiff::Timestamp;
use kit::envelope::Envelope;
use kit::service::Failed;
use vocab::{CaseId, OperationId, WorkOrderId};
use words::{Mistakes, read};
use xiezhi_proto::Event as _;
use xiezhi_proto::assignment::v1::{
    AccountDisabled, CaseEscalated, ListPublished, OrganisationPublished, WorkOrderWithdrawn,
};
use xiezhi_proto::intake::v1::{
    CaseClosed, CaseDeclined, CaseReopened, CaseReturnedFromRoute, CaseRoutedAway, CaseWithdrawn,
};
use xiezhi_proto::supervision::v1::{
    Clock, ClocksBreached, ClocksExtended, ClocksMoved, ClocksPaused, ClocksStarted, ClocksStopped, ClocksWarned,
    ClosingRefused,
};

use crate::{app, rules};

/// An event, as far as it matters here.
#[derive(Debug, Clone, PartialEq)]
pub enum Heard {
    /// 提请联合执法.
    Escalated {
        /// The case.
        case: CaseId,
        /// The round of handling.
        round: u32,
        /// The operation it would propose.
        operation: OperationId,
        /// Until when the case must be finished, as far as assignment knows.
        finish_by: Option<Timestamp>,
        /// All of it.
        body: Box<CaseEscalated>,
    },
    /// The case needs nothing more.
    Ended {
        /// The case.
        case: CaseId,
        /// "withdrawn", "declined", "routed_away" or "closed".
        reason: &'static str,
        /// The round that ended; none where the whole case did.
        round: Option<u32>,
    },
    /// 退回 or 重新办理: the case needs something again.
    OpenAgain(CaseId),
    /// 撤单.
    OrderWithdrawn {
        /// The case.
        case: CaseId,
        /// The order.
        order: WorkOrderId,
    },
    /// 结案审核退回.
    ClosingRefused(CaseId),
    /// The statutory end of the whole case is this, or no day can be named.
    FinishBy {
        /// The case.
        case: CaseId,
        /// The end.
        due: Option<Timestamp>,
    },
    /// 账号停用.
    AccountDisabled(String),
    /// Nothing to do here.
    Nothing,
}

/// Reads an event. One that says nothing to scheduling is [`Heard::Nothing`].
pub fn heard(event: &Envelope) -> Result<Heard, Failed> {
    let case = CaseId::new(event.key);
    let ended = |reason, round| Heard::Ended { case, reason, round };
    Ok(match event.type_name.as_str() {
        CaseEscalated::TYPE => escalated(event)?,
        CaseWithdrawn::TYPE => ended("withdrawn", None),
        CaseDeclined::TYPE => ended("declined", None),
        CaseRoutedAway::TYPE => ended("routed_away", None),
        CaseClosed::TYPE => ended("closed", Some(event.body::<CaseClosed>()?.round.max(1))),
        CaseReturnedFromRoute::TYPE | CaseReopened::TYPE => Heard::OpenAgain(case),
        WorkOrderWithdrawn::TYPE => {
            let body: WorkOrderWithdrawn = event.body()?;
            Heard::OrderWithdrawn { case, order: id("work_order_id", &body.work_order_id)? }
        }
        ClosingRefused::TYPE => Heard::ClosingRefused(case),
        ClocksStarted::TYPE => finish_by(case, &event.body::<ClocksStarted>()?.clocks)?,
        ClocksWarned::TYPE => finish_by(case, &event.body::<ClocksWarned>()?.clocks)?,
        ClocksBreached::TYPE => finish_by(case, &event.body::<ClocksBreached>()?.clocks)?,
        ClocksExtended::TYPE => finish_by(case, &event.body::<ClocksExtended>()?.clocks)?,
        ClocksMoved::TYPE => finish_by(case, &event.body::<ClocksMoved>()?.clocks)?,
        ClocksPaused::TYPE => {
            let body: ClocksPaused = event.body()?;
            no_end(case, body.clocks.iter().map(|clock| clock.kind.as_str()))
        }
        ClocksStopped::TYPE => {
            let body: ClocksStopped = event.body()?;
            no_end(case, body.kinds.iter().map(String::as_str))
        }
        AccountDisabled::TYPE => Heard::AccountDisabled(event.body::<AccountDisabled>()?.account_id),
        // Roster and things come with the pack itself, which is published to this service, too.
        OrganisationPublished::TYPE | ListPublished::TYPE => Heard::Nothing,
        _ => Heard::Nothing,
    })
}

fn escalated(event: &Envelope) -> Result<Heard, Failed> {
    let body: CaseEscalated = event.body()?;
    let case: CaseId = id("case_id", &body.case_id)?;
    let round = body.round.max(1);
    Ok(Heard::Escalated {
        case,
        round,
        operation: app::operation_id(case.uuid(), round, event.event_id),
        finish_by: maybe_time("finish_by", body.finish_by.as_ref())?,
        body: Box::new(body),
    })
}

/// The earliest end among the clocks that end the whole case.
fn finish_by(case: CaseId, clocks: &[Clock]) -> Result<Heard, Failed> {
    let mut due: Option<Timestamp> = None;
    for clock in clocks.iter().filter(|clock| clock.work_order_id.is_empty() && rules::finishes_case(&clock.kind)) {
        let one = maybe_time("due_at", clock.deadline.as_ref().and_then(|deadline| deadline.due_at.as_ref()))?;
        due = match (due, one) {
            (Some(due), Some(one)) => Some(due.min(one)),
            (due, one) => due.or(one),
        };
    }
    Ok(if due.is_some() { Heard::FinishBy { case, due } } else { Heard::Nothing })
}

/// A clock that stands still or has stopped names no day.
fn no_end<'kinds>(case: CaseId, mut kinds: impl Iterator<Item = &'kinds str>) -> Heard {
    if kinds.any(rules::finishes_case) { Heard::FinishBy { case, due: None } } else { Heard::Nothing }
}

pub(super) fn broken(what: &str, mistakes: &Mistakes) -> Failed {
    Failed::Broken(format!("{what}: {mistakes}"))
}

fn id<T: std::str::FromStr<Err: std::fmt::Display>>(field: &str, text: &str) -> Result<T, Failed> {
    read::word(field, text).map_err(|mistakes| broken("the event", &mistakes))
}

fn maybe_time(field: &str, time: Option<&prost_types::Timestamp>) -> Result<Option<Timestamp>, Failed> {
    time.map(|time| read::time(field, Some(time))).transpose().map_err(|mistakes| broken("the event", &mistakes))
}
