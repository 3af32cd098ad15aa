//! Why not.

use vocab::{CaseId, FactCode, RuleCode};

use crate::command::Verb;
use crate::stage::StageName;

/// Why not. Every one can be said to a clerk.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Not in this stage.
    #[error("a case that is {} cannot be {}", .stage.en(), .verb.en())]
    OutOfTurn {
        /// The stage it is in.
        stage: StageName,
        /// What was asked.
        verb: Verb,
    },
    /// It is decided with its head.
    #[error("the case follows {head} and is decided with it")]
    FollowsHead {
        /// The head.
        head: CaseId,
    },
    /// It has members of its own.
    #[error("the case is the head of others and cannot follow one itself")]
    HasMembers,
    /// The other case follows one itself.
    #[error("the earlier case follows {head}; join that one")]
    NotAHead {
        /// The head.
        head: CaseId,
    },
    /// A case cannot join itself.
    #[error("a case cannot be joined to itself")]
    Itself,
    /// The earlier one leads.
    #[error("a case can only be joined to an earlier one")]
    NotLater,
    /// It is joined already and past the point where that can change.
    #[error("the case is joined to another one already")]
    AlreadyLinked,
    /// The head must be taken on first.
    #[error("the earlier case is not accepted yet, the later one is")]
    HeadBehind,
    /// The head is done.
    #[error("the earlier case is {} and takes no more members", .stage.en())]
    HeadDone {
        /// Its stage.
        stage: StageName,
    },
    /// A repeat comes after an answer.
    #[error("the earlier case is still open: this is a duplicate, not a repeat")]
    RepeatOfOpen,
    /// An accusation is never mixed with another case.
    #[error("a sealed accusation is joined only to one sealed from the same unit")]
    SealedApart,
    /// The facts say otherwise.
    #[error("the facts of the case do not meet rule {rule}")]
    GroundFails {
        /// The rule.
        rule: RuleCode,
    },
    /// A person must weigh it.
    #[error("rule {rule} needs a person's considered reason on record")]
    NeedsPerson {
        /// The rule.
        rule: RuleCode,
    },
    /// Facts must be asked for first.
    #[error("rule {rule} rests on facts that are not known yet")]
    FactsMissing {
        /// The rule.
        rule: RuleCode,
        /// Which facts.
        missing: Vec<FactCode>,
    },
    /// The ground is about one complainant.
    #[error("rule {rule} is about the complainant and cannot decline a whole cluster")]
    PersonalGround {
        /// The rule.
        rule: RuleCode,
    },
    /// The receipt is there already.
    #[error("the other authority has signed already")]
    AlreadyReceipted,
    /// Nobody signs before it is sent or in the future.
    #[error("the receipt's time is not between the hand-over and now")]
    ReceiptOutOfTime,
    /// The key is gone already.
    #[error("the complainant is forgotten already")]
    AlreadyForgotten,
    /// Something that comes before it has not been heard yet.
    #[error("an earlier fact is missing: {what}")]
    NotYet {
        /// What.
        what: &'static str,
    },
}
