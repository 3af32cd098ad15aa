//! What a batch holds: case files as they stand, and the rows that follow from what changed in them.

use evaluation_domain::{CaseFile, OrderFact, RoundFact, State};
use jiff::Timestamp;
use kit::service::Merge;
use kit::unit::{Added, Savepoint, Table};
use vocab::{CallbackId, CaseId, WorkOrderId};

/// What to load beside the cases an event or a command names.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Needs {
    /// Every case whose call-back waits to be made.
    pub waiting: bool,
}

impl Merge for Needs {
    fn merge(&mut self, other: Self) {
        self.waiting |= other.waiting;
    }
}

/// A call-back as lists ask for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallbackRow {
    /// The case.
    pub case: CaseId,
    /// The round.
    pub round: u32,
    /// Its lot.
    pub lot: u64,
    /// Where it stands.
    pub state: State,
    /// Since when a person must act.
    pub waits_since: Option<Timestamp>,
}

/// What a panel wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// In which case.
    pub case: CaseId,
    /// About which call-back.
    pub callback: CallbackId,
    /// When it decided.
    pub decided_at: Timestamp,
    /// The words.
    pub text: String,
}

/// The loaded unit of a batch.
#[derive(Debug, Default)]
pub struct Unit {
    /// Case files.
    pub files: Table<CaseId, CaseFile>,
    /// Rounds that changed.
    pub rounds: Table<(CaseId, u32), RoundFact>,
    /// Orders that changed.
    pub orders: Table<WorkOrderId, (CaseId, OrderFact)>,
    /// Call-backs that changed.
    pub callbacks: Table<CallbackId, CallbackRow>,
    /// What panels wrote.
    pub reasons: Added<Reason>,
}

impl kit::unit::Unit for Unit {
    fn tables(&mut self) -> Vec<&mut dyn Savepoint> {
        vec![&mut self.files, &mut self.rounds, &mut self.orders, &mut self.callbacks, &mut self.reasons]
    }
}

impl Unit {
    /// The file as it stands; a new one where nothing was heard of the case yet.
    pub fn file(&self, id: CaseId) -> CaseFile {
        self.files.get(&id).cloned().unwrap_or_else(|| CaseFile::new(id))
    }

    /// Keeps a file and the rows that follow from what changed in it.
    pub fn keep(&mut self, file: CaseFile) {
        let before = self.file(file.id);
        if before == file && self.files.get(&file.id).is_some() {
            return;
        }
        let known = before.rounds();
        for round in file.rounds().into_iter().filter(|round| !known.contains(round)) {
            self.rounds.put((file.id, round.round), round);
        }
        let known = before.orders();
        for order in file.orders().into_iter().filter(|order| !known.contains(order)) {
            self.orders.put(order.order, (file.id, order));
        }
        let known = callback_rows(&before);
        for (id, row) in callback_rows(&file).into_iter().filter(|row| !known.contains(row)) {
            self.callbacks.put(id, row);
        }
        self.files.put(file.id, file);
    }
}

fn callback_rows(file: &CaseFile) -> Vec<(CallbackId, CallbackRow)> {
    let row = |callback: &evaluation_domain::Callback| {
        let row = CallbackRow {
            case: file.id,
            round: callback.round,
            lot: file.lots.get(&callback.round)?.lot,
            state: callback.state(),
            waits_since: callback.waits_since(),
        };
        Some((callback.id, row))
    };
    file.callbacks.values().filter_map(row).collect()
}
