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
    /// One call-back with what was found out
    Show {
        /// The call-back
        callback: String,
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
    /// The rounds of handling that stand behind the rates; where no day is named, also those that are not closed yet
    Cases {
        /// Only rounds that this unit led
        #[arg(long, default_value = "")]
        unit: String,
        /// Only rounds that ended on or after this day
        #[arg(long, default_value = "")]
        from: String,
        /// Only rounds that ended on or before this day
        #[arg(long, default_value = "")]
        to: String,
        #[command(flatten)]
        limit: LimitArg,
    },
}
