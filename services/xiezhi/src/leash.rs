//! A child that ends with its parent: the parent holds the writing end of the child's standard input and never writes.
//! The kernel closes it whenever the parent dies, also by `kill -9`, and the child ends at once.

use std::io::Read;
use std::process::Stdio;

use tokio::process::{Child, Command};

/// Set for a child whose standard input is such a pipe.
const LEASH: &str = "XIEZHI_LEASH";

/// Starts a child that ends when this process does, or when the child is dropped.
pub fn spawn(command: &mut Command) -> std::io::Result<Child> {
    command.env(LEASH, "stdin").stdin(Stdio::piped()).kill_on_drop(true).spawn()
}

/// Ties a child that is about to be started: it ends when its standard input is closed, so whoever starts it keeps that end.
pub fn tie(command: &mut std::process::Command) -> &mut std::process::Command {
    command.env(LEASH, "stdin").stdin(Stdio::piped())
}

/// Ends this process with its parent, where the parent holds it on a leash.
pub fn obey() {
    if std::env::var_os(LEASH).is_none() {
        return;
    }
    std::thread::spawn(|| {
        let mut nothing = [0_u8; 64];
        let mut stdin = std::io::stdin().lock();
        while stdin.read(&mut nothing).is_ok_and(|read| read > 0) {}
        // Nothing is cleaned up, as nothing may be done any more: the centre this child spoke for is gone.
        std::process::exit(1);
    });
}
