//! What a batch holds in memory.

use std::collections::{BTreeMap, BTreeSet};

use assignment_domain::account::Account;
use assignment_domain::consultation::Consultation;
use assignment_domain::file::CaseFile;
use assignment_domain::list::{BoundaryRule, ListItem};
use assignment_domain::order::{OrderEvent, WorkOrder};
use assignment_domain::precedent::Precedent;
use assignment_domain::share::Share;
use jiff::Timestamp;
use kit::service::Merge;
use kit::unit::{Added, Savepoint, Table};
use uuid::Uuid;
use vocab::{AccountCode, CaseId, ConsultationId, MatterCode, PrecedentId, UnitCode, WorkOrderId};

/// Hints about what to load beside the heads.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Needs {
    /// Sets of matters whose precedents may route a case.
    pub matters: BTreeSet<String>,
    /// Accounts.
    pub accounts: BTreeSet<String>,
    /// True for a publication: the lists as the store holds them, every precedent, every account.
    pub publication: bool,
    /// Heads that are only held: their files are not loaded, unless another of the batch names them in `files`.
    pub left_alone: BTreeSet<CaseId>,
    /// Heads whose files are loaded though somebody leaves them alone.
    pub files: BTreeSet<CaseId>,
}

impl Merge for Needs {
    fn merge(&mut self, other: Self) {
        self.matters.extend(other.matters);
        self.accounts.extend(other.accounts);
        self.publication |= other.publication;
        self.left_alone.extend(other.left_alone);
        self.files.extend(other.files);
    }
}

/// A set of matters as one text, the same for the same set.
pub fn matter_set<'m>(matters: impl IntoIterator<Item = &'m MatterCode>) -> String {
    let set: BTreeSet<&str> = matters.into_iter().map(MatterCode::as_str).collect();
    set.into_iter().collect::<Vec<_>>().join(",")
}

/// A case's file and which parts of it changed.
#[derive(Debug, Clone)]
pub struct Held {
    /// The file.
    pub file: CaseFile,
    /// True where anything changed.
    pub changed: bool,
    /// Orders that changed.
    pub orders: BTreeSet<WorkOrderId>,
    /// Consultations that changed, as they now stand; a batch may end one and open another.
    pub consultations: BTreeMap<ConsultationId, Consultation>,
}

impl Held {
    /// A file as the store holds it.
    pub fn loaded(file: CaseFile) -> Self {
        Self { file, changed: false, orders: BTreeSet::new(), consultations: BTreeMap::new() }
    }

    /// Remembers that the consultation changed.
    pub fn consultation_changed(&mut self) -> Option<&Consultation> {
        let consultation = self.file.consultation.as_ref()?;
        self.consultations.insert(consultation.id, consultation.clone());
        Some(consultation)
    }

    /// Remembers that an order changed.
    pub fn order_changed(&mut self, id: WorkOrderId) -> Option<&WorkOrder> {
        self.orders.insert(id);
        self.file.orders.get(&id)
    }
}

/// A determination to remember.
#[derive(Debug, Clone)]
pub struct DeterminationRow {
    /// Its id.
    pub id: Uuid,
    /// The case.
    pub case: CaseId,
    /// The outcome's name.
    pub kind: &'static str,
    /// The list's revision.
    pub list_revision: i64,
    /// The proof's name.
    pub proof_sha256: [u8; 32],
    /// When.
    pub at: Timestamp,
}

/// A ruling to remember.
#[derive(Debug, Clone)]
pub struct RulingRow {
    /// Its id.
    pub id: Uuid,
    /// The case.
    pub case: CaseId,
    /// The consultation.
    pub consultation: Uuid,
    /// The precedent.
    pub precedent: Uuid,
    /// Who owes what.
    pub shares: Vec<Share>,
    /// When.
    pub at: Timestamp,
}

/// One change in a unit's feed; it gets its number when it is written.
#[derive(Debug, Clone)]
pub struct FeedRow {
    /// Whose feed.
    pub unit: UnitCode,
    /// Which order.
    pub order: WorkOrderId,
    /// What happened.
    pub change: OrderEvent,
    /// When.
    pub at: Timestamp,
}

/// Something a person wrote.
#[derive(Debug, Clone)]
pub struct TextRow {
    /// Its id.
    pub id: Uuid,
    /// The case.
    pub case: CaseId,
    /// The order, the consultation, or the case itself.
    pub subject: Uuid,
    /// What kind of text.
    pub kind: &'static str,
    /// Who wrote it.
    pub unit: String,
    /// The round of handling.
    pub round: u32,
    /// The words.
    pub body: String,
    /// When.
    pub at: Timestamp,
}

/// The loaded batch.
#[derive(Debug, Default)]
pub struct Unit {
    /// Case files.
    pub files: Table<CaseId, Held>,
    /// Precedents that may route one of them, or all of them for a publication.
    pub precedents: Table<PrecedentId, Precedent>,
    /// New determinations.
    pub determinations: Added<DeterminationRow>,
    /// New rulings.
    pub rulings: Added<RulingRow>,
    /// New changes in feeds.
    pub feed: Added<FeedRow>,
    /// New texts.
    pub texts: Added<TextRow>,
    /// Rows of the lists, by the row's own id; only for a publication.
    pub items: Table<Uuid, ListItem>,
    /// Rows of the boundary rules; only for a publication.
    pub boundary_rules: Table<Uuid, BoundaryRule>,
    /// Accounts.
    pub accounts: Table<AccountCode, Account>,
    /// Clocks of cases that were seen, with their due dates; none where they stopped or stand still. Only what changed.
    pub clocks: Table<(CaseId, String), Option<Timestamp>>,
}

impl Unit {
    /// 案件期限: a clock of a case that ends with its handling, as supervision runs it.
    pub fn see_clock(&mut self, case: CaseId, kind: String, due_at: Option<Timestamp>) {
        // Of a case that was not known when the batch began its clocks may be, so they are written in any case.
        if let Some(held) = self.files.get(&case).filter(|held| held.file.case.clocks.get(&kind).copied() != due_at) {
            let mut held = held.clone();
            match due_at {
                Some(due_at) => held.file.case.clocks.insert(kind.clone(), due_at),
                None => held.file.case.clocks.remove(&kind),
            };
            self.files.put(case, held);
        }
        self.clocks.put((case, kind), due_at);
    }
}

impl kit::unit::Unit for Unit {
    fn tables(&mut self) -> Vec<&mut dyn Savepoint> {
        vec![
            &mut self.files,
            &mut self.precedents,
            &mut self.determinations,
            &mut self.rulings,
            &mut self.feed,
            &mut self.texts,
            &mut self.items,
            &mut self.boundary_rules,
            &mut self.accounts,
            &mut self.clocks,
        ]
    }
}
