//! 獬豸: one binary. It puts the services together and decides nothing.

mod arguments;
mod centre;
mod configuration;
mod database;
mod down;
mod keys;
mod serve;
mod token;
mod up;

use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind;

use crate::arguments::{Operator, OperatorCommand};

fn main() -> ExitCode {
    // Two crypto providers in one process panic at the first handshake: choose before anybody asks.
    if rustls::crypto::ring::default_provider().install_default().is_err() {
        eprintln!("错误  TLS 初始化失败 / TLS could not be initialised");
        return ExitCode::FAILURE;
    }
    let arguments: Vec<std::ffi::OsString> = std::env::args_os().collect();
    let word = arguments.get(1).and_then(|word| word.to_str()).unwrap_or_default();
    if !arguments::WORDS.contains(&word) {
        return run(cli::run(arguments, keys::tokens));
    }
    match Operator::try_parse_from(&arguments) {
        Ok(operator) => operate(operator),
        Err(error) => {
            // Help asked for is an answer, anything else is a mistake of usage.
            let asked = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
            let _ = error.print();
            if asked { ExitCode::SUCCESS } else { ExitCode::from(2) }
        }
    }
}

fn operate(operator: Operator) -> ExitCode {
    let done = match operator.command {
        OperatorCommand::Up(arguments) => run(up::run(arguments)),
        OperatorCommand::Down(arguments) => down::run(&arguments),
        OperatorCommand::Serve(arguments) => run(serve::run(arguments)),
        OperatorCommand::Migrate(arguments) => run(database::migrate_all(arguments)),
        OperatorCommand::Token(arguments) => token::run(&arguments),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("错误  {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Runs a future on a runtime of its own.
fn run<T: FromFailure>(future: impl Future<Output = T>) -> T {
    match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => {
            let done = runtime.block_on(future);
            // What still runs is telemetry and idle connections; nothing that may be lost.
            runtime.shutdown_timeout(std::time::Duration::from_secs(2));
            done
        }
        Err(error) => T::from_failure(error.into()),
    }
}

/// What becomes of a runtime that cannot start.
trait FromFailure {
    fn from_failure(error: anyhow::Error) -> Self;
}

impl FromFailure for ExitCode {
    fn from_failure(error: anyhow::Error) -> Self {
        eprintln!("错误  {error:#}");
        ExitCode::FAILURE
    }
}

impl FromFailure for anyhow::Result<()> {
    fn from_failure(error: anyhow::Error) -> Self {
        Err(error)
    }
}
