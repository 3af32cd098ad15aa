//! `operation …` and `officer …`: joint operations, and who may act in them.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::LimitArg;
use crate::choice::{Choice, choice};

/// An operation.
#[derive(Debug, Clone, Args)]
pub struct OperationArg {
    /// The operation, or its case
    pub operation: String,
}

/// Under what terms an operation is planned.
#[derive(Debug, Clone, Args)]
pub struct TermsArgs {
    /// What is done on the spot
    #[arg(long, value_parser = choice("xiezhi.scheduling.v1.OperationKind"))]
    pub kind: Option<Choice>,
    /// An urgent situation
    #[arg(long)]
    pub urgent: bool,
    /// How many minutes it takes; the pack's default where it is left out
    #[arg(long, default_value_t = 0)]
    pub minutes: u32,
    /// Not before this moment, Beijing time
    #[arg(long)]
    pub not_before: Option<String>,
    /// Exactly at this moment, Beijing time
    #[arg(long)]
    pub at: Option<String>,
}

/// Why, as a code and in words.
#[derive(Debug, Clone, Args)]
pub struct ReasonArgs {
    /// Why, a code
    #[arg(long)]
    pub reason: String,
    /// Why, in words
    #[arg(long, default_value = "")]
    pub words: String,
}

/// Which bookings.
#[derive(Debug, Clone, Args)]
pub struct BookingsArgs {
    /// Only of this unit's people and things
    #[arg(long, default_value = "")]
    pub unit: String,
    /// Only of this officer or thing, a code of the pack
    #[arg(long, default_value = "")]
    pub of: String,
    /// Only those that end after this moment, Beijing time; now where it is left out
    #[arg(long)]
    pub from: Option<String>,
    /// Only those that begin before this moment, Beijing time
    #[arg(long)]
    pub until: Option<String>,
    /// Those that were released, too
    #[arg(long)]
    pub released: bool,
    #[command(flatten)]
    pub limit: LimitArg,
}

/// `operation …`
#[derive(Debug, Clone, Subcommand)]
pub enum OperationCommand {
    /// Operations, newest proposal first
    List {
        /// Only of this case
        #[arg(long)]
        case: Option<String>,
        /// Only with this unit
        #[arg(long, default_value = "")]
        unit: String,
        /// Only this stage
        #[arg(long, value_parser = choice("xiezhi.scheduling.v1.OperationStage"))]
        stage: Option<Choice>,
        #[command(flatten)]
        limit: LimitArg,
    },
    /// Whose time is taken, in the order of beginning
    Bookings(BookingsArgs),
    /// One operation with its record
    Show(OperationArg),
    /// What an approval would fix now; changes nothing
    Preview {
        #[command(flatten)]
        operation: OperationArg,
        #[command(flatten)]
        terms: TermsArgs,
    },
    /// Approve, and fix the earliest lawful slot
    Approve {
        #[command(flatten)]
        operation: OperationArg,
        #[command(flatten)]
        terms: TermsArgs,
    },
    /// Reject; the case goes back to a person
    Reject {
        #[command(flatten)]
        operation: OperationArg,
        #[command(flatten)]
        reason: ReasonArgs,
    },
    /// A unit will come
    Confirm {
        #[command(flatten)]
        operation: OperationArg,
        /// The unit, where the centre speaks for it
        #[arg(long, default_value = "")]
        unit: String,
    },
    /// A unit will not come
    Decline {
        #[command(flatten)]
        operation: OperationArg,
        /// The unit, where the centre speaks for it
        #[arg(long, default_value = "")]
        unit: String,
        #[command(flatten)]
        reason: ReasonArgs,
    },
    /// Send other officers; every hard rule is checked
    ReplaceOfficers {
        #[command(flatten)]
        operation: OperationArg,
        /// The unit, where the centre speaks for it
        #[arg(long, default_value = "")]
        unit: String,
        /// Who comes; may be repeated, the planner chooses where it is left out
        #[arg(long = "officer")]
        officers: Vec<String>,
    },
    /// Plan again, and ask every unit again
    Reschedule {
        #[command(flatten)]
        operation: OperationArg,
        #[command(flatten)]
        reason: ReasonArgs,
        #[command(flatten)]
        terms: TermsArgs,
    },
    /// Note who is there; the hard rules are checked again
    CheckIn {
        #[command(flatten)]
        operation: OperationArg,
        /// The unit, where the centre speaks for it
        #[arg(long, default_value = "")]
        unit: String,
        /// An officer who is there; may be repeated
        #[arg(long = "officer", required = true)]
        officers: Vec<String>,
    },
    /// Begin, once every enforcing body is there
    Start(OperationArg),
    /// Add an entry to the record of what happened on the spot
    Record {
        #[command(flatten)]
        operation: OperationArg,
        /// What a body found: UNIT:violation, UNIT:no_violation or UNIT:rectified_on_spot; may be repeated
        #[arg(long = "finding")]
        findings: Vec<String>,
        /// A form that was filled in; may be repeated
        #[arg(long = "form")]
        forms: Vec<String>,
        /// A file of evidence; may be repeated
        #[arg(long = "evidence")]
        evidence: Vec<PathBuf>,
        /// What was seen and done
        #[arg(long, default_value = "")]
        words: String,
    },
    /// End it; each body gets its own follow-up
    Conclude {
        #[command(flatten)]
        operation: OperationArg,
        /// A follow-up, UNIT:DUTY:ITEM, e.g. ZF:punish:PI012; may be repeated
        #[arg(long = "follow-up")]
        follow_ups: Vec<String>,
        /// A summary
        #[arg(long, default_value = "")]
        words: String,
    },
    /// Cancel; everybody is free again
    Cancel {
        #[command(flatten)]
        operation: OperationArg,
        #[command(flatten)]
        reason: ReasonArgs,
    },
}

/// An officer.
#[derive(Debug, Clone, Args)]
pub struct OfficerArg {
    /// The officer, a person of the pack, e.g. ZF-O01
    pub officer: String,
}

/// `officer …`
#[derive(Debug, Clone, Subcommand)]
pub enum OfficerCommand {
    /// Officers and assistants with their certificates
    List {
        /// Only of this unit
        #[arg(long, default_value = "")]
        unit: String,
        /// Valid on this day
        #[arg(long, default_value = "")]
        on: String,
        #[command(flatten)]
        limit: LimitArg,
    },
    /// Note a certificate as it is from now on; it counts at the next check-in
    RecordCertificate {
        #[command(flatten)]
        officer: OfficerArg,
        /// Its number
        #[arg(long)]
        number: String,
        /// The first day
        #[arg(long)]
        from: String,
        /// The last day
        #[arg(long)]
        to: String,
    },
    /// From now on the officer is refused everywhere
    Suspend {
        #[command(flatten)]
        officer: OfficerArg,
        /// Why, a code
        #[arg(long)]
        reason: String,
    },
    /// The officer may act again
    Reinstate(OfficerArg),
}
