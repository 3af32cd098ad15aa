//! `work-order settle-follow-up`: what an operation left to a unit and cannot be sent to it.

use client::call;
use xiezhi_proto::assignment::v1 as assignment;

use crate::failure::Failure;
use crate::resolve;
use crate::say::Say;
use crate::screen::Answer;
use crate::session::Session;
use crate::verbs::case::recorded;

/// Gives a follow-up that waits to another unit, or ends it.
pub async fn settle(
    session: &Session,
    follow_up: &str,
    operation: Option<String>,
    reason: i32,
    to_unit_code: String,
    item_codes: Vec<String>,
) -> Result<Answer, Failure> {
    let Some((case, unit)) = follow_up.split_once('/') else {
        return Err(Failure::Says(Say::NothingNamed { name: follow_up.to_owned() }));
    };
    let centre = &session.centre;
    let case_id = resolve::case_id(session, case).await?;
    let operation_id = match operation {
        Some(operation_id) => operation_id,
        None => resolve::waiting_operation(session, follow_up, &case_id).await?,
    };
    let request = assignment::SettleFollowUpRequest {
        command_id: String::new(),
        operation_id,
        case_id,
        unit_code: unit.to_owned(),
        reason,
        to_unit_code,
        item_codes,
    };
    let done = centre
        .command(|command_id| {
            let request = assignment::SettleFollowUpRequest { command_id, ..request.clone() };
            call!(centre.assignment().settle_follow_up(request))
        })
        .await?;
    recorded(session, &done, "assignment.follow_up.settled")
}
