//! `xiezhi token issue`: the operator's bootstrap.

use crate::arguments::{TokenArguments, TokenCommand};
use crate::keys::Minter;

/// Prints a token on standard output and nothing else.
pub fn run(arguments: &TokenArguments) -> anyhow::Result<()> {
    let TokenCommand::Issue { account, data } = &arguments.command;
    println!("{}", Minter::open(data)?.mint(account)?);
    Ok(())
}
