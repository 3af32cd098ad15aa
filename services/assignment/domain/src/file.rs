//! 卷宗: a case with its consultation and its work orders, decided as one, so that the whole always agrees.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use vocab::{
    ConsultationId, DeterminationId, Duty, OperationId, PowerItemCode, PrecedentId, Role, RulingId, UnitCode,
    WorkOrderId,
};

use crate::case::{Case, EscalationGround, SettlingReason};
pub use crate::command::{AskedShare, Cited, Command, FollowUp, Reach, Taker};
use crate::consultation::Consultation;
use crate::list::Lists;
use crate::order::{OrderEvent, WorkOrder};
use crate::policy::Policy;
use crate::precedent::Precedent;
use crate::proof::Proof;
use crate::share::Share;

/// 卷宗.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaseFile {
    /// The case.
    pub case: Case,
    /// Its open consultation, or the last one.
    pub consultation: Option<Consultation>,
    /// Its orders of every round.
    pub orders: BTreeMap<WorkOrderId, WorkOrder>,
}

impl CaseFile {
    /// 知情单位: the units that may know of the case. They are asked in its diagnosis or in its latest consultation, named in the
    /// decision that is or was last in force, or hold an order of it. This is the one rule of both walls: commands ask it here,
    /// and the store keeps it beside the case for reads. Whoever was asked only in an earlier consultation reads that
    /// consultation as before, but not what the case came to without it.
    #[must_use]
    pub fn units(&self) -> BTreeSet<&UnitCode> {
        let asked = self.case.diagnosis.iter().flat_map(|diagnosis| &diagnosis.asked);
        let consulted = self.consultation.iter().flat_map(|consultation| &consultation.asked);
        let shares = self.case.stage.decision().into_iter().flat_map(|decision| &decision.shares);
        let held = self.orders.values().map(|order| &order.unit);
        asked.chain(consulted).chain(shares.map(|share| &share.unit)).chain(held).collect()
    }
}

/// What a decision is made with: the moment, the rules, the lists, and what was ruled before.
pub struct Setting<'s> {
    /// When.
    pub at: Timestamp,
    /// The county's rules.
    pub policy: &'s Policy,
    /// The lists now.
    pub lists: &'s Lists,
    /// Rulings that may route the case.
    pub precedents: &'s [Precedent],
    /// Gives a new id; the domain itself draws none.
    pub new_id: &'s dyn Fn() -> Uuid,
}

/// 裁定: the binding end of a consultation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ruling {
    /// Its id.
    pub id: RulingId,
    /// The consultation it ends.
    pub consultation: ConsultationId,
    /// Who owes what.
    pub shares: Vec<Share>,
    /// The precedent it became.
    pub precedent: Precedent,
}

/// 参与单位: who would take part in an operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Participant {
    /// Who.
    pub unit: UnitCode,
    /// Which part.
    pub role: Role,
    /// What it owes.
    pub duties: Vec<Duty>,
    /// On which items.
    pub items: Vec<PowerItemCode>,
}

/// 提请: what the lead asks scheduling for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Escalation {
    /// Who would take part, the lead first.
    pub participants: Vec<Participant>,
    /// The legal situation.
    pub ground: EscalationGround,
    /// Until when the order is due.
    pub finish_by: Timestamp,
}

/// What happened to a case's file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The diagnosis was made; it stands in the case.
    DiagnosisMade,
    /// The lists were asked, with this proof.
    Determined {
        /// The determination.
        id: DeterminationId,
        /// The proof.
        proof: Box<Proof>,
    },
    /// A consultation was opened; it stands in the file.
    ConsultationOpened,
    /// A unit took its position in the consultation of the file.
    PositionTaken {
        /// Who.
        unit: UnitCode,
    },
    /// The consultation changed without anything to say to others.
    ConsultationChanged,
    /// A ruling was made.
    Ruled(Box<Ruling>),
    /// Something happened to an order of the file.
    Order {
        /// Which.
        order: WorkOrderId,
        /// What.
        event: OrderEvent,
    },
    /// The lead asked for a joint operation.
    Escalated {
        /// The order it could not solve.
        order: WorkOrderId,
        /// What it asks for.
        asked: Box<Escalation>,
    },
    /// A follow-up waits no longer for the unit it was meant for.
    FollowUpSettled {
        /// Of which operation.
        operation: OperationId,
        /// For whom it was meant.
        unit: UnitCode,
        /// Who takes it; nobody where it is ended.
        to: Option<UnitCode>,
        /// Why.
        reason: SettlingReason,
    },
    /// The lead has replied.
    Handled,
}

/// What a decision leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decided {
    /// The file afterwards.
    pub file: CaseFile,
    /// What happened, in order.
    pub events: Vec<Event>,
}

/// A precedent's id beside the ids a ruling needs.
pub(crate) struct RulingIds {
    /// Of the ruling.
    pub ruling: RulingId,
    /// Of the precedent.
    pub precedent: PrecedentId,
}
