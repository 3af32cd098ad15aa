//! 獬豸: one binary. It puts the services together and decides nothing.

mod arguments;
mod backup;
mod bench;
mod centre;
mod configuration;
mod database;
mod detach;
mod down;
mod here;
mod introduction;
mod keys;
mod leash;
mod serve;
mod shell;
mod throw_away;
mod token;
mod up;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::{CommandFactory, FromArgMatches};

use crate::arguments::{OperatorCommand, Verb, Xiezhi};

/// A third of this process's time went into the system's allocator; many small values of many threads are what this one is for.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Where a centre lies that nobody named.
const USUAL_DATA: &str = ".local/centre";

fn main() -> ExitCode {
    // Two crypto providers in one process panic at the first handshake: choose before anybody asks.
    if rustls::crypto::ring::default_provider().install_default().is_err() {
        eprintln!("错误  TLS 初始化失败 / TLS could not be initialised");
        return ExitCode::FAILURE;
    }
    leash::obey();
    let words: Vec<std::ffi::OsString> = std::env::args_os().collect();
    let lang = cli::language_of(&words);
    let typed = cli::localised(Xiezhi::command(), lang)
        .try_get_matches_from(&words)
        .and_then(|matches| Xiezhi::from_arg_matches(&matches));
    match typed {
        Ok(Xiezhi { options, verb: Verb::Operator(command) }) => operate(options, command),
        Ok(Xiezhi { options, verb: Verb::Centre(command) }) => call(options, command),
        Err(error) => cli::usage(&error, lang),
    }
}

/// Everything that is done through a centre's public door.
fn call(mut options: cli::Options, command: cli::Command) -> ExitCode {
    // A journey that names no centre gets one of its own.
    let needs_one = !matches!(command, cli::Command::Journey(_) | cli::Command::Pack(_));
    if needs_one && !options.names_a_centre() && Path::new(USUAL_DATA).join(cli::CENTRE_FILE).exists() {
        options.data = Some(PathBuf::from(USUAL_DATA));
    }
    let surroundings = cli::Surroundings {
        tokens: options.data.as_deref().and_then(keys::tokens),
        throw_away: Some(Arc::new(throw_away::Starter)),
        here: options.data.as_deref().map(here::look),
    };
    run(cli::execute(options, command, &surroundings, Xiezhi::command()))
}

fn operate(options: cli::Options, command: OperatorCommand) -> ExitCode {
    let data = options.data.clone().unwrap_or_else(|| PathBuf::from(USUAL_DATA));
    let done = match command {
        OperatorCommand::Up(arguments) => run(up::run(arguments, data)),
        OperatorCommand::Down => down::run(&data),
        OperatorCommand::Serve(arguments) => run(serve::run(arguments)),
        OperatorCommand::Migrate(arguments) => run(database::migrate_all(arguments)),
        OperatorCommand::Token(arguments) => token::run(&arguments, &data),
        OperatorCommand::Backup(arguments) => run(backup::back_up(arguments, &data, options.output)),
        OperatorCommand::Restore(arguments) => backup::restore(&arguments, &data, options.output),
        OperatorCommand::Bench(arguments) => run(bench::run(arguments, options)),
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
