//! `diagnosis …`, `determination …`, `consultation …`, `work-order …`, `list …`: who is responsible.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{CaseArg, CitationArgs, LimitArg};
use crate::choice::{Choice, choice, choice_but};

/// `diagnosis …`
#[derive(Debug, Clone, Subcommand)]
pub enum DiagnosisCommand {
    /// What the lists and the asked units say
    Show(CaseArg),
    /// An asked unit answers
    Answer {
        #[command(flatten)]
        case: CaseArg,
        /// Whose it is
        #[arg(long, value_parser = choice("xiezhi.assignment.v1.Stance"))]
        stance: Choice,
        #[command(flatten)]
        citation: CitationArgs,
        /// The reasons
        #[arg(long, default_value = "")]
        reason: String,
    },
    /// End the diagnosis; silence is recorded
    Make {
        #[command(flatten)]
        case: CaseArg,
        /// A note
        #[arg(long, default_value = "")]
        note: String,
    },
}

/// `determination …`
#[derive(Debug, Clone, Subcommand)]
pub enum DeterminationCommand {
    /// Who owes what, and what that rests on
    Show(CaseArg),
    /// What the lists would say of these facts; changes nothing
    Try(TryArgs),
}

/// Facts that belong to no case.
#[derive(Debug, Clone, Args)]
pub struct TryArgs {
    /// A matter of the pack; may be repeated
    #[arg(long = "matter", required = true)]
    pub matters: Vec<String>,
    /// Town (9 digits) or village (12 digits) of the problem
    #[arg(long)]
    pub region: String,
    /// The kind of object, from the pack
    #[arg(long, default_value = "other")]
    pub object: String,
    /// A fact, e.g. dwelling.above=true; may be repeated
    #[arg(long = "fact")]
    pub facts: Vec<String>,
    /// The day of the act; today where it is left out
    #[arg(long)]
    pub on: Option<String>,
    /// The day on which the items must be valid; the day of the act where it is left out
    #[arg(long, default_value = "")]
    pub valid_on: String,
}

/// `precedent …`
#[derive(Debug, Clone, Subcommand)]
pub enum PrecedentCommand {
    /// Rulings that route like cases, newest first
    List {
        /// Only those that still route cases
        #[arg(long)]
        active: bool,
        /// Only about this matter
        #[arg(long, default_value = "")]
        matter: String,
        #[command(flatten)]
        limit: LimitArg,
    },
}

/// `consultation …`
#[derive(Debug, Clone, Subcommand)]
pub enum ConsultationCommand {
    /// Consultations, newest first
    List {
        /// Only open ones
        #[arg(long)]
        open: bool,
        #[command(flatten)]
        limit: LimitArg,
    },
    /// One consultation with the positions taken
    Show {
        /// The consultation, or its case
        consultation: String,
    },
    /// Take a position
    Position {
        /// The consultation, or its case
        consultation: String,
        /// Whose it is
        #[arg(long, value_parser = choice("xiezhi.assignment.v1.Stance"))]
        stance: Choice,
        #[command(flatten)]
        citation: CitationArgs,
        /// The reasons
        #[arg(long)]
        reason: String,
    },
    /// End a consultation with a binding ruling
    Rule {
        /// The consultation, or its case
        consultation: String,
        /// A share, the lead first: UNIT:DUTY:ITEM, e.g. ZF:punish:PI012; may be repeated
        #[arg(long = "share", required = true)]
        shares: Vec<String>,
        /// The grounds
        #[arg(long)]
        grounds: String,
        /// How far it reaches as a precedent
        #[arg(long, default_value = "town", value_parser = choice("xiezhi.assignment.v1.PrecedentScope"))]
        scope: Choice,
    },
}

/// A work order.
#[derive(Debug, Clone, Args)]
pub struct OrderArg {
    /// The order: CASE/UNIT, e.g. JS-2026-000123/HB, or its UUID
    pub order: String,
}

/// `work-order …`
#[derive(Debug, Clone, Subcommand)]
pub enum WorkOrderCommand {
    /// Work orders in the order of dispatch
    List {
        /// Only of this case
        #[arg(long)]
        case: Option<String>,
        /// Only of this unit
        #[arg(long)]
        unit: Option<String>,
        /// Only open ones
        #[arg(long)]
        open: bool,
        #[command(flatten)]
        limit: LimitArg,
    },
    /// One work order with what was written about it
    Show(OrderArg),
    /// Every change of a unit's orders, and then as they happen; as JSON one document a line
    Watch {
        /// The unit, where the centre speaks for it
        #[arg(long, default_value = "")]
        unit: String,
        /// The last position that was seen
        #[arg(long, default_value_t = 0)]
        after: u64,
        /// End after so many changes; goes on for ever where it is left out
        #[arg(long)]
        limit: Option<u64>,
    },
    /// Another person of the same unit answers for it
    Reassign {
        #[command(flatten)]
        order: OrderArg,
        /// The person, a code of the pack
        #[arg(long)]
        person: String,
        /// That person's post; the first where it is left out
        #[arg(long, default_value = "")]
        post: String,
    },
    /// Acknowledge
    Acknowledge(OrderArg),
    /// Object, with a cited reason, within five working days
    Object {
        #[command(flatten)]
        order: OrderArg,
        #[command(flatten)]
        citation: CitationArgs,
        /// The reasons
        #[arg(long)]
        reason: String,
    },
    /// Decide an objection
    DecideObjection {
        #[command(flatten)]
        order: OrderArg,
        /// The unit is right
        #[arg(long)]
        upheld: bool,
        /// The grounds
        #[arg(long)]
        grounds: String,
    },
    /// Give what an operation left to a unit, and cannot be sent to it, to another one, or end it
    SettleFollowUp {
        /// Whose: the case and the unit it was meant for, e.g. JS-2026-000123/WL
        follow_up: String,
        /// Why
        #[arg(long, value_parser = choice_but("xiezhi.assignment.v1.SettlingReason", &["case-linked", "case-ended"]))]
        reason: Choice,
        /// The operation that left it, its UUID; the one that waits where it is left out
        #[arg(long)]
        operation: Option<String>,
        /// The unit that takes it; it is ended where this is left out
        #[arg(long)]
        to: Option<String>,
        /// An item on which that unit acts, where not on those it was meant to rest on; may be repeated
        #[arg(long = "item", requires = "to")]
        items: Vec<String>,
    },
    /// Report progress
    Report {
        #[command(flatten)]
        order: OrderArg,
        /// What was done
        #[arg(long)]
        text: String,
    },
    /// Complete, with evidence
    Complete {
        #[command(flatten)]
        order: OrderArg,
        /// What came of it
        #[arg(long, value_parser = choice("xiezhi.assignment.v1.Outcome"))]
        outcome: Choice,
        /// A file of evidence; may be repeated
        #[arg(long = "evidence", required = true)]
        evidence: Vec<PathBuf>,
        /// A note
        #[arg(long, default_value = "")]
        note: String,
    },
    /// The lead cannot solve the case alone
    Escalate {
        #[command(flatten)]
        case: CaseArg,
        /// several_duties, duties_connect or one_object_checks
        #[arg(long, default_value = "several_duties")]
        ground: String,
        /// Why
        #[arg(long)]
        reason: String,
        /// Another unit to invite; may be repeated
        #[arg(long = "invite")]
        invite: Vec<String>,
    },
    /// The lead concludes the case and writes the reply
    CompleteCase {
        #[command(flatten)]
        case: CaseArg,
        /// supported, explained or not_supported
        #[arg(long)]
        conclusion: String,
        /// The reply to the complainants
        #[arg(long)]
        reply: String,
    },
}

/// `list …`
#[derive(Debug, Clone, Subcommand)]
pub enum ListCommand {
    /// Items of the lists
    Show {
        /// Only about this matter
        #[arg(long, default_value = "")]
        matter: String,
        /// Only of this unit
        #[arg(long, default_value = "")]
        unit: String,
        /// Valid on this day
        #[arg(long, default_value = "")]
        on: String,
        /// Only this list
        #[arg(long, value_parser = choice("xiezhi.assignment.v1.ItemKind"))]
        kind: Option<Choice>,
        #[command(flatten)]
        limit: LimitArg,
    },
}
