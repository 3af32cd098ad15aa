//! `xiezhi token issue`: the operator's bootstrap.

use std::path::Path;

use crate::arguments::{TokenArguments, TokenCommand};
use crate::keys::Minter;

/// Prints a token on standard output and nothing else.
pub fn run(arguments: &TokenArguments, data: &Path) -> anyhow::Result<()> {
    let TokenCommand::Issue { account } = &arguments.command;
    println!("{}", Minter::open(data)?.mint(account)?);
    Ok(())
}
