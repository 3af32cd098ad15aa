//! `account …`: who may call at all.

use client::call;
use xiezhi_proto::assignment::v1::DisableAccountRequest;

use super::case::recorded;
use crate::args::AccountCommand;
use crate::failure::Failure;
use crate::say::label;
use crate::screen::{Answer, Screen};
use crate::session::Session;

/// Does what an `account` verb says.
pub async fn run(session: &Session, screen: &mut Screen, command: AccountCommand) -> Result<Answer, Failure> {
    let AccountCommand::Disable { name } = command;
    let event = "assignment.account.disabled";
    screen.sure(format!("{} {name}", label(event, session.lang)))?;
    let centre = &session.centre;
    let done = centre
        .command(|command_id| {
            let request = DisableAccountRequest { command_id, account_id: name.clone() };
            call!(centre.accounts().disable_account(request))
        })
        .await?;
    recorded(session, &done, event)
}
