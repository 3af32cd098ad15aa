//! 拒绝: every no the domain knows, in words a clerk can say.

use jiff::Timestamp;
use vocab::{ClockError, PersonCode, PowerItemCode, UnitCode};

/// Why a command is not carried out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The state does not allow it now.
    #[error("a {thing} that is {stage} cannot be {verb}")]
    OutOfTurn {
        /// What: "case", "work order", "consultation", "account".
        thing: &'static str,
        /// Where it stands.
        stage: &'static str,
        /// What was asked for.
        verb: &'static str,
    },
    /// There is no such thing here.
    #[error("{thing} not found")]
    NotFound {
        /// What.
        thing: &'static str,
    },
    /// The unit was not asked.
    #[error("{unit} was not asked")]
    NotAsked {
        /// Who.
        unit: UnitCode,
    },
    /// The time to object is over.
    #[error("the time to object ended at {due_at}")]
    ObjectionTooLate {
        /// When.
        due_at: Timestamp,
    },
    /// A ruling binds the order, so it cannot be returned.
    #[error("the order follows a ruling and cannot be returned")]
    RuledAlready,
    /// An earlier objection to this order was rejected.
    #[error("an objection to this order was rejected before")]
    ObjectionDecided,
    /// The case was sent back as often as it may be.
    #[error("the case was sent back {budget} times, as often as it may be")]
    HopsSpent {
        /// The budget.
        budget: u32,
    },
    /// Orders of this round are still open.
    #[error("{} orders are still open", .units.len())]
    OrdersOpen {
        /// Whose.
        units: Vec<UnitCode>,
    },
    /// Follow-ups of an operation could not be sent out yet.
    #[error("follow-ups of an operation wait for {} units that cannot be given them yet", .units.len())]
    FollowUpsWaiting {
        /// Whose.
        units: Vec<UnitCode>,
    },
    /// Nothing was completed in this round.
    #[error("no order of this round was completed")]
    NothingCompleted,
    /// A joint operation is open.
    #[error("a joint operation is open")]
    OperationOpen,
    /// Only the lead may do it.
    #[error("only the lead may do this")]
    NotTheLead,
    /// The item is on no list that holds here and now.
    #[error("item {item} is on no list")]
    UnknownItem {
        /// Which.
        item: PowerItemCode,
    },
    /// No such unit.
    #[error("unit {unit} does not exist")]
    UnknownUnit {
        /// Which.
        unit: UnitCode,
    },
    /// A town is given what its own list does not hold (a county duty must not be handed down).
    #[error("{unit} is a town and its list does not hold what the share cites")]
    TownNotListed {
        /// The town.
        unit: UnitCode,
    },
    /// A ruling names no lead, or several.
    #[error("a ruling names exactly one lead, this one {count}")]
    LeadCount {
        /// How many it names.
        count: usize,
    },
    /// A unit has the same duty twice, or both parts.
    #[error("{unit} is named twice")]
    NamedTwice {
        /// Who.
        unit: UnitCode,
    },
    /// Units that were asked have not answered and their time runs.
    #[error("{} units have not answered and their time is not over", .units.len())]
    AnswersOutstanding {
        /// Who.
        units: Vec<UnitCode>,
    },
    /// The unit has no post that could answer for an order.
    #[error("{unit} has no post to answer for an order")]
    NoPost {
        /// Who.
        unit: UnitCode,
    },
    /// The person holds no such post in the unit.
    #[error("{person} does not hold such a post in the unit")]
    NotOfTheUnit {
        /// Who.
        person: PersonCode,
    },
    /// The file is of a type that proves nothing.
    #[error("a file of type {media_type} is not evidence")]
    NotEvidence {
        /// The type found by looking at the bytes.
        media_type: String,
    },
    /// No evidence at all, too much of it, or one piece twice.
    #[error("evidence is 1 to {max} different files")]
    EvidenceCount {
        /// The most there may be.
        max: usize,
    },
    /// A due date cannot be counted.
    #[error(transparent)]
    Clock(#[from] ClockError),
}
