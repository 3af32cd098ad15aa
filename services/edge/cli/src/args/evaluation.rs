//! `callback …`, `rates …`: what the complainants say.

use clap::Subcommand;

use super::LimitArg;
use crate::choice::{Choice, choice};

/// `callback …`
#[derive(Debug, Clone, Subcommand)]
pub enum CallbackCommand {
    /// Whom to call, in the order of the draw
    List {
        /// Only this state; those that wait where it is left out
        #[arg(long, value_parser = choice("xiezhi.evaluation.v1.CallbackState"))]
        state: Option<Choice>,
        #[command(flatten)]
        limit: LimitArg,
    },
    /// Record a call
    Record {
        /// The call-back, or its case
        callback: String,
        /// Nobody could be reached
        #[arg(long, conflicts_with_all = ["responded", "resolved", "satisfied"])]
        unreached: bool,
        /// The complainant was contacted
        #[arg(long)]
        responded: bool,
        /// The problem is solved
        #[arg(long)]
        resolved: bool,
        /// The complainant is satisfied
        #[arg(long)]
        satisfied: bool,
    },
    /// Decide a second dissatisfaction
    Adjudicate {
        /// The call-back, or its case
        callback: String,
        /// The complainant is right
        #[arg(long)]
        upheld: bool,
        /// Why
        #[arg(long)]
        reason: String,
    },
}

/// `rates …`
#[derive(Debug, Clone, Subcommand)]
pub enum RatesCommand {
    /// The three rates with their denominators
    Show {
        /// Only this unit
        #[arg(long, default_value = "")]
        unit: String,
        /// The first day
        #[arg(long)]
        from: String,
        /// The last day
        #[arg(long)]
        to: String,
    },
}
