//! 通用词汇: the words every service shares — identifiers, codes, channels, coded facts — and the arithmetic of
//! statutory periods. Pure: no IO, no clock, no randomness; the moment something happened comes in as a value.

pub mod calendar;
pub mod channel;
pub mod clock;
pub mod code;
pub mod count;
mod explain;
pub mod facts;
pub mod id;
pub mod list;
mod office;
pub mod text;

pub use calendar::{Calendar, CalendarDay, DayKind, OutOfCalendar, Session};
pub use channel::{Channel, Duty, HandlingMode, Role, Track, Urgency};
pub use clock::{Applies, ClockError, ClockRule, DueDate, ExplainStep, Extension, Holder, Pause, Unit, WarnBefore};
pub use code::{
    AccountCode, Citation, FactCode, MatterCode, ObjectTypeCode, PersonCode, PostCode, PowerItemCode, RegionCode,
    ResourceCode, RuleCode, TemplateCode, UnitCode,
};
pub use count::{after, before, due, due_extended, warn_at};
pub use facts::{CaseFacts, FactValue, FactsProblem};
pub use id::{
    AdviceId, AssistanceId, AuditId, BlobRef, CallbackId, CampaignId, CaseId, ClusterId, ConsultationId,
    DeterminationId, NoticeId, OperationId, PrecedentId, ProposalId, RatingId, ReservationId, RulingId,
    SupervisionOrderId, WorkOrderId,
};
pub use list::{Body, Condition, Operand, Operator, Scope, Truth, Validity};
pub use text::{Lang, TextProblem};

/// A word that does not have the shape its kind demands. It does not repeat the word: somebody may have put a person's
/// name or number there, and an error travels further than its cause.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("is no valid {kind}: {reason}")]
pub struct Malformed {
    /// The kind of word expected, e.g. `region code`.
    pub kind: &'static str,
    /// What is wrong with it.
    pub reason: &'static str,
}

impl Malformed {
    /// Names the fault.
    #[must_use]
    pub fn new(kind: &'static str, reason: &'static str) -> Self {
        Self { kind, reason }
    }
}
