//! What can be typed: noun, then verb.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::choice::{Choice, choice};

/// The operator's verbs.
#[derive(Debug, Clone, Subcommand)]
pub enum Command {
    /// Cases: from registration to the answer
    #[command(subcommand)]
    Case(CaseCommand),
    /// The centre's diagnosis before acceptance
    #[command(subcommand)]
    Diagnosis(DiagnosisCommand),
    /// What the lists say of a case, with the proof
    #[command(subcommand)]
    Determination(DeterminationCommand),
    /// Disputes about who is responsible
    #[command(subcommand)]
    Consultation(ConsultationCommand),
    /// Work orders: each unit's share of a case
    #[command(subcommand)]
    WorkOrder(WorkOrderCommand),
    /// Joint operations
    #[command(subcommand)]
    Operation(OperationCommand),
    /// Reminders, urgings and supervision orders
    #[command(subcommand)]
    SupervisionOrder(SupervisionOrderCommand),
    /// Clocks of cases, and the time of a simulated centre
    #[command(subcommand)]
    Clock(ClockCommand),
    /// Closing proofs
    #[command(subcommand)]
    Closing(ClosingCommand),
    /// Call-backs to complainants
    #[command(subcommand)]
    Callback(CallbackCommand),
    /// Response, resolution and satisfaction
    #[command(subcommand)]
    Rates(RatesCommand),
    /// The power and responsibility lists
    #[command(subcommand)]
    List(ListCommand),
    /// Stories that run through the public API
    #[command(subcommand)]
    Journey(JourneyCommand),
    /// Check the invariants through public APIs
    Verify(VerifyArgs),
    /// The bus behind the services
    #[command(subcommand)]
    Bus(BusCommand),
    /// County packs
    #[command(subcommand)]
    Pack(PackCommand),
    /// Completions for a shell, on stdout
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

/// A case, by number or UUID.
#[derive(Debug, Clone, Args)]
pub struct CaseArg {
    /// The case: JS-2026-000123, or its UUID
    pub case: String,
}

/// How long a list may be.
#[derive(Debug, Clone, Args)]
pub struct LimitArg {
    /// At most so many
    #[arg(long, default_value_t = 50)]
    pub limit: u32,
}

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

/// An item of a list, or an article.
#[derive(Debug, Clone, Args)]
pub struct CitationArgs {
    /// The item of the list
    #[arg(long)]
    pub item: Option<String>,
    /// The law
    #[arg(long)]
    pub law: Option<String>,
    /// The article
    #[arg(long)]
    pub article: Option<String>,
}

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
