//! What can be typed: noun, then verb.

mod case;
mod centre;
mod evaluation;
mod operation;
mod responsibility;
mod supervision;

use clap::{Args, Subcommand};

pub use case::{AcceptArgs, CaseCommand, CaseListArgs, DeclineArgs, RegisterArgs, RevealsArgs};
pub use centre::{
    AccountCommand, BusCommand, DivergedArgs, DivergedCommand, JourneyCommand, JourneyRunArgs, PackCommand, ParkedArgs,
    ParkedCommand, RecoverArgs, VerifyArgs,
};
pub use evaluation::{CallbackCommand, RatesCommand};
pub use operation::{BookingsArgs, OfficerArg, OfficerCommand, OperationArg, OperationCommand, ReasonArgs, TermsArgs};
pub use responsibility::{
    ConsultationCommand, DeterminationCommand, DiagnosisCommand, ListCommand, OrderArg, PrecedentCommand, TryArgs,
    WorkOrderCommand,
};
pub use supervision::{ClockArgs, ClockCommand, ClosingCommand, DueArgs, SupervisionOrderCommand};

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
    /// Rulings that route like cases
    #[command(subcommand)]
    Precedent(PrecedentCommand),
    /// What people have to do next
    #[command(subcommand)]
    Task(TaskCommand),
    /// Work orders: each unit's share of a case
    #[command(subcommand)]
    WorkOrder(WorkOrderCommand),
    /// Joint operations
    #[command(subcommand)]
    Operation(OperationCommand),
    /// Officers and their certificates
    #[command(subcommand)]
    Officer(OfficerCommand),
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
    /// Say in words what is wrong with the centre and what to do
    Doctor,
    /// The bus behind the services
    #[command(subcommand)]
    Bus(BusCommand),
    /// County packs
    #[command(subcommand)]
    Pack(PackCommand),
    /// Accounts of departments, towns and the centre
    #[command(subcommand)]
    Account(AccountCommand),
    /// Completions for a shell, on stdout
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

/// `task …`
#[derive(Debug, Clone, Subcommand)]
pub enum TaskCommand {
    /// Open tasks over all services, what is due first
    List(TaskListArgs),
}

/// Which tasks.
#[derive(Debug, Clone, Args)]
pub struct TaskListArgs {
    /// Only of this case
    #[arg(long)]
    pub case: Option<String>,
    /// Only of this unit
    #[arg(long)]
    pub unit: Option<String>,
    #[command(flatten)]
    pub limit: LimitArg,
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
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    pub limit: u32,
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
