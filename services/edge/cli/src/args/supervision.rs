//! `supervision-order …`, `clock …`, `closing …`: what supervision watches.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{CaseArg, LimitArg};
use crate::choice::{Choice, choice};

/// `supervision-order …`
#[derive(Debug, Clone, Subcommand)]
pub enum SupervisionOrderCommand {
    /// What was served, newest first
    List {
        /// Only of this case
        #[arg(long)]
        case: Option<String>,
        /// Only on this unit
        #[arg(long)]
        unit: Option<String>,
        /// Only those that wait for an answer
        #[arg(long)]
        unanswered: bool,
        #[command(flatten)]
        limit: LimitArg,
    },
    /// Answer one
    Answer {
        /// The supervision order
        supervision_order: String,
        /// The answer
        #[arg(long)]
        text: String,
    },
}

/// `clock …`
#[derive(Debug, Clone, Subcommand)]
pub enum ClockCommand {
    /// Clocks that run, the nearest first
    List {
        /// Only this unit's
        #[arg(long)]
        unit: Option<String>,
        #[command(flatten)]
        limit: LimitArg,
    },
    /// Every clock of a case, with how its due date was counted
    Show(CaseArg),
    /// Extend once, as the head of the unit that owes it
    Extend {
        #[command(flatten)]
        clock: ClockArgs,
        /// By how much, in the unit of the rule's extension
        #[arg(long)]
        by: u32,
        /// Why; the complainant reads it
        #[arg(long)]
        reason: String,
    },
    /// Pause, for one of the reasons the rule lists
    Pause {
        #[command(flatten)]
        clock: ClockArgs,
        /// Why, a code
        #[arg(long)]
        reason: String,
    },
    /// Let a paused clock run again
    Resume(ClockArgs),
    /// What time it is in each service, and what is due next
    Now,
    /// A person has found the time right after it jumped; timers fire again
    Confirm,
    /// Turn the time of a simulated centre
    Turn {
        /// To this moment, Beijing time: 2026-03-06, or "2026-03-06 20:00"
        #[arg(long, required_unless_present = "by")]
        to: Option<String>,
        /// By so much: 3d, 4h, "2 workdays"
        #[arg(long, conflicts_with = "to")]
        by: Option<String>,
    },
    /// A due date and its explanation; needs no centre
    Due(DueArgs),
}

/// One clock of a case.
#[derive(Debug, Clone, Args)]
pub struct ClockArgs {
    #[command(flatten)]
    pub case: CaseArg,
    /// Which clock: its rule, its name or its kind, as `clock show` shows them
    pub clock: String,
    /// Only this unit's
    #[arg(long)]
    pub unit: Option<String>,
}

/// What a due date is counted from.
#[derive(Debug, Clone, Args)]
pub struct DueArgs {
    /// The day, or the moment, it counts from
    #[arg(long)]
    pub from: String,
    /// How many; the rule's where it is left out
    #[arg(long, required_unless_present = "rule")]
    pub amount: Option<u32>,
    /// Of what: minute, hour, workhour, day, workday; the rule's where it is left out
    #[arg(long, required_unless_present = "rule")]
    pub unit: Option<vocab::Unit>,
    /// A clock rule of the pack
    #[arg(long)]
    pub rule: Option<String>,
    /// The pack with calendar and rules
    #[arg(long)]
    pub pack: Option<PathBuf>,
}

/// `closing …`
#[derive(Debug, Clone, Subcommand)]
pub enum ClosingCommand {
    /// Closing proofs, the longest waiting first
    List {
        /// Only this state; the undecided ones where it is left out
        #[arg(long, value_parser = choice("xiezhi.supervision.v1.ClosingState"))]
        state: Option<Choice>,
        #[command(flatten)]
        limit: LimitArg,
    },
    /// One closing proof
    Show(CaseArg),
    /// Approve, as a second unit
    Approve(CaseArg),
    /// Refuse; a share goes back to its holder
    Refuse {
        #[command(flatten)]
        case: CaseArg,
        /// The share: a unit of the case, or the order's UUID
        #[arg(long)]
        order: String,
        /// evidence_insufficient, not_resolved, place_differs, reply_incomplete or procedure
        #[arg(long)]
        reason: String,
    },
}
