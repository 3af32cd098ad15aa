//! `journey …`, `verify`, `bus …`, `pack …`, `account …`: the centre itself.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// `journey …`
#[derive(Debug, Clone, Subcommand)]
pub enum JourneyCommand {
    /// The journeys of the pack
    List,
    /// Play a journey and check its outcome
    Run(JourneyRunArgs),
}

/// Which journey, and where.
#[derive(Debug, Clone, Args)]
pub struct JourneyRunArgs {
    /// Its name
    pub name: String,
    /// On the running centre, even if the journey turns its time
    #[arg(long)]
    pub here: bool,
    /// Read it from this file instead of the pack
    #[arg(long)]
    pub file: Option<PathBuf>,
}

/// What to verify with.
#[derive(Debug, Clone, Args)]
pub struct VerifyArgs {
    /// How long the centre may take to come to rest, in seconds
    #[arg(long, default_value_t = 30)]
    pub rest_within: u64,
    /// A file of commands that clients know to be answered, one "service command_id" a line
    #[arg(long)]
    pub history: Option<PathBuf>,
}

/// `bus …`
#[derive(Debug, Clone, Subcommand)]
pub enum BusCommand {
    /// Events that wait for an earlier fact or for a person
    #[command(subcommand)]
    Parked(ParkedCommand),
    /// How far each consumer has come
    Cursors,
    /// Bring a service forward whose database was restored to an earlier time
    Recover(RecoverArgs),
    /// Cases that wait for a person after a recovery
    #[command(subcommand)]
    Diverged(DivergedCommand),
}

/// Which service, and what may be given up.
#[derive(Debug, Clone, Args)]
pub struct RecoverArgs {
    /// The service
    #[arg(value_parser = client::SERVICES)]
    pub service: String,
    /// Go on without the events that are nowhere; every case that rests on them waits for a person
    #[arg(long, requires = "why")]
    pub accept_loss: bool,
    /// Why; kept in the audit
    #[arg(long)]
    pub why: Option<String>,
}

/// `bus diverged …`
#[derive(Debug, Clone, Subcommand)]
pub enum DivergedCommand {
    /// What waits, and why
    List {
        /// Settled ones as well
        #[arg(long)]
        all: bool,
    },
    /// Say that a case was put right; the bus goes on with it
    Settle(DivergedArgs),
}

/// Which case, and what was done about it.
#[derive(Debug, Clone, Args)]
pub struct DivergedArgs {
    /// CONSUMER/PRODUCER/KEY, as `bus diverged list` shows it
    pub case: String,
    /// What was done about it; kept in the audit
    #[arg(long)]
    pub why: String,
}

/// `bus parked …`
#[derive(Debug, Clone, Subcommand)]
pub enum ParkedCommand {
    /// What waits, and why
    List {
        /// Decided ones as well
        #[arg(long)]
        all: bool,
    },
    /// Try one again now
    Retry(ParkedArgs),
    /// Leave one out for ever
    Skip(ParkedArgs),
}

/// Which parked event, and why it is decided so.
#[derive(Debug, Clone, Args)]
pub struct ParkedArgs {
    /// CONSUMER/PRODUCER/POSITION, as `bus parked list` shows it
    pub event: String,
    /// Why; kept in the audit
    #[arg(long)]
    pub why: String,
}

/// `pack …`
#[derive(Debug, Clone, Subcommand)]
pub enum PackCommand {
    /// Read a pack and tell every mistake; needs no centre
    Check {
        /// Its directory
        directory: PathBuf,
    },
    /// Put a pack in force in all five services
    Apply {
        /// Its directory
        directory: PathBuf,
    },
    /// What a pack would change
    Diff {
        /// Its directory
        directory: PathBuf,
        /// Another directory to compare with; the pack in force where it is left out
        #[arg(long)]
        against: Option<PathBuf>,
    },
}

/// `account …`
#[derive(Debug, Clone, Subcommand)]
pub enum AccountCommand {
    /// No token of it counts any more, and its open streams end within a minute
    Disable {
        /// The account, e.g. ZF.handler
        name: String,
    },
    /// Make a key pair: the private half into a new file, the public half on the screen; needs no centre
    NewKey {
        /// The file that is made for the private key, readable by its owner alone
        #[arg(long)]
        out: PathBuf,
    },
    /// Enrol an account's public key, in place of an earlier one
    RegisterKey {
        /// The account, e.g. ZF.handler
        name: String,
        /// The Ed25519 public key, 64 hexadecimal digits, as `account new-key` prints it
        #[arg(long)]
        public_key: String,
    },
}
