//! `case …`: the register.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{CaseArg, LimitArg};
use crate::choice::{Choice, choice};

/// `case …`
#[derive(Debug, Clone, Subcommand)]
pub enum CaseCommand {
    /// A page of cases, newest first
    List(CaseListArgs),
    /// One case as it stands
    Show(CaseArg),
    /// Register a complaint
    Register(Box<RegisterArgs>),
    /// Take a case on, and with a head every member of its cluster
    Accept(AcceptArgs),
    /// Decline a case by a rule of the pack
    Decline(DeclineArgs),
    /// Hand a case to the authority whose it is
    RouteAway(DeclineArgs),
    /// Note the other authority's receipt
    Receipt {
        #[command(flatten)]
        case: CaseArg,
        /// The other authority's own number
        #[arg(long)]
        number: String,
    },
    /// Take a case back from the authority it was handed to
    Return {
        #[command(flatten)]
        case: CaseArg,
        /// Why it came back
        #[arg(long, value_parser = choice("xiezhi.intake.v1.ReturnReason"))]
        reason: Choice,
    },
    /// The complainant takes the request back
    Withdraw(CaseArg),
    /// Join a later case to an earlier one
    Link {
        #[command(flatten)]
        case: CaseArg,
        /// The earlier case
        #[arg(long)]
        to: String,
        /// How they relate
        #[arg(long, default_value = "cluster-member", value_parser = choice("xiezhi.intake.v1.LinkKind"))]
        kind: Choice,
    },
    /// Answer open questions of a determination
    AddFacts {
        #[command(flatten)]
        case: CaseArg,
        /// Facts, e.g. premises.licensed=true
        #[arg(required = true)]
        facts: Vec<String>,
    },
    /// Earlier cases that may belong together with this one
    Candidates(CaseArg),
    /// Title and body with persons taken out
    Text(CaseArg),
    /// Confirm the text with persons taken out, or correct it; what is not typed is shown and asked for
    ConfirmText {
        #[command(flatten)]
        case: CaseArg,
        /// The corrected title; as it stands where it is left out
        #[arg(long)]
        title: Option<String>,
        /// The corrected body; as it stands where it is left out
        #[arg(long)]
        body: Option<String>,
        /// A file with the corrected body
        #[arg(long, conflicts_with = "body")]
        body_file: Option<PathBuf>,
    },
    /// Destroy the complainant's key: identity and written text can never be read again
    Forget(CaseArg),
    /// What the complainant was told
    Notices(CaseArg),
    /// Open the complainant's identity; the audit is written first
    Reveal {
        #[command(flatten)]
        case: CaseArg,
        /// What for
        #[arg(long, value_parser = choice("xiezhi.intake.v1.RevealPurpose"))]
        purpose: Choice,
        /// Why, in words
        #[arg(long)]
        reason: String,
        /// Title and body as they were written, too
        #[arg(long)]
        with_text: bool,
    },
    /// Who opened which complainant's identity, newest first
    Reveals(RevealsArgs),
    /// The reply that the lead wrote
    Reply {
        #[command(flatten)]
        case: CaseArg,
        /// The round of handling; the latest where it is left out
        #[arg(long, default_value_t = 0)]
        round: u32,
    },
    /// All that happened, over all five services
    Timeline {
        #[command(flatten)]
        case: CaseArg,
        /// Clocks that stop and other small print, too
        #[arg(long)]
        all: bool,
    },
    /// Progress by tracking code, as the public sees it
    Track {
        /// The tracking code
        code: String,
    },
}

/// Whose identities, opened by whom.
#[derive(Debug, Clone, Args)]
pub struct RevealsArgs {
    /// Only of this case
    #[arg(long = "case")]
    pub of: Option<String>,
    /// Only by this account
    #[arg(long)]
    pub by: Option<String>,
    #[command(flatten)]
    pub limit: LimitArg,
}

/// Which cases.
#[derive(Debug, Clone, Args)]
pub struct CaseListArgs {
    /// Only this stage
    #[arg(long, value_parser = choice("xiezhi.intake.v1.CaseStage"))]
    pub stage: Option<Choice>,
    /// Only this town (9 digits) or village (12 digits)
    #[arg(long)]
    pub region: Option<String>,
    /// Only this matter
    #[arg(long)]
    pub matter: Option<String>,
    /// Only this way in
    #[arg(long, value_parser = choice("xiezhi.common.v1.Channel"))]
    pub channel: Option<Choice>,
    /// Only cases that stand alone or are heads
    #[arg(long)]
    pub heads: bool,
    #[command(flatten)]
    pub limit: LimitArg,
}

/// A complaint.
#[derive(Debug, Clone, Args)]
pub struct RegisterArgs {
    /// The title
    #[arg(long)]
    pub title: String,
    /// The body
    #[arg(long, required_unless_present = "body_file")]
    pub body: Option<String>,
    /// A file with the body
    #[arg(long, conflicts_with = "body")]
    pub body_file: Option<PathBuf>,
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
    /// The way in
    #[arg(long, value_parser = choice("xiezhi.common.v1.Channel"))]
    pub channel: Choice,
    /// How urgent
    #[arg(long, default_value = "normal", value_parser = choice("xiezhi.common.v1.Urgency"))]
    pub urgency: Choice,
    /// The day of the act; today where it is left out
    #[arg(long)]
    pub on: Option<String>,
    /// The complainant's name
    #[arg(long, default_value = "")]
    pub name: String,
    /// The complainant's telephone number
    #[arg(long, default_value = "")]
    pub phone: String,
    /// The complainant's identity document
    #[arg(long, default_value = "")]
    pub id_number: String,
    /// The complainant's address
    #[arg(long, default_value = "")]
    pub address: String,
    /// The title with persons taken out; made by rule where it is left out
    #[arg(long, default_value = "")]
    pub masked_title: String,
    /// The body with persons taken out; made by rule where it is left out
    #[arg(long, default_value = "")]
    pub masked_body: String,
    /// The unit accused, of a denunciation
    #[arg(long, default_value = "")]
    pub accused: String,
}

/// How a case is taken on.
#[derive(Debug, Clone, Args)]
pub struct AcceptArgs {
    #[command(flatten)]
    pub case: CaseArg,
    /// How it will be handled; the diagnosis's where it is left out
    #[arg(long, value_parser = choice("xiezhi.common.v1.HandlingMode"))]
    pub mode: Option<Choice>,
    /// On which track; the diagnosis's where it is left out
    #[arg(long, value_parser = choice("xiezhi.common.v1.Track"))]
    pub track: Option<Choice>,
}

/// By which rule a case is not taken on.
#[derive(Debug, Clone, Args)]
pub struct DeclineArgs {
    #[command(flatten)]
    pub case: CaseArg,
    /// The pack's rule
    #[arg(long)]
    pub rule: String,
    /// What a person weighed, where the rule asks for it
    #[arg(long, default_value = "")]
    pub considered: String,
}
