//! What a batch loads and changes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use intake_domain::{Case, Delivery, Neighbour, NoticeKind, Purpose};
use jiff::Timestamp;
use kit::service::Merge;
use kit::unit::{Added, Savepoint, Table, Unit as KitUnit};
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use vocab::{CaseId, Citation, MatterCode, NoticeId, RegionCode, RuleCode};

/// What else a batch must load.
#[derive(Debug, Clone, Default)]
pub struct Needs {
    /// Cases whose whole cluster is decided with them.
    pub clusters: BTreeSet<Uuid>,
    /// How many numbers may be given.
    pub numbers: u32,
    /// For each new case, what earlier ones are found by.
    pub seekers: BTreeMap<Uuid, Seeking>,
    /// Accounts that open identities.
    pub accounts: BTreeSet<String>,
}

/// What earlier cases are found by.
#[derive(Debug, Clone)]
pub struct Seeking {
    /// The town.
    pub town: RegionCode,
    /// The matters.
    pub matters: Vec<MatterCode>,
    /// Keyed hashes of phone and document.
    pub digests: Vec<Vec<u8>>,
}

impl Merge for Needs {
    fn merge(&mut self, other: Self) {
        self.clusters.extend(other.clusters);
        self.numbers += other.numbers;
        self.seekers.extend(other.seekers);
        self.accounts.extend(other.accounts);
    }
}

/// A complainant's row: nothing in it can be read without the master key.
#[derive(Debug, Clone)]
pub struct Complainant {
    /// Its id.
    pub id: Uuid,
    /// Its key, wrapped.
    pub wrapped_key: Vec<u8>,
    /// The identity, sealed.
    pub identity: Vec<u8>,
    /// The title as it was written, sealed.
    pub title: Vec<u8>,
    /// The body as it was written, sealed.
    pub body: Vec<u8>,
    /// When it was written down.
    pub created_at: Timestamp,
}

/// A case's masked text.
#[derive(Debug, Clone)]
pub struct MaskedText {
    /// The case's key, wrapped.
    pub wrapped_key: Vec<u8>,
    /// The title, sealed.
    pub title: Vec<u8>,
    /// The body, sealed.
    pub body: Vec<u8>,
}

/// A keyed hash by which the same complainant is found again.
#[derive(Debug, Clone)]
pub struct Digest {
    /// The hash.
    pub digest: Vec<u8>,
    /// The case.
    pub case_id: CaseId,
}

/// What a person weighed before declining.
#[derive(Debug, Clone)]
pub struct Considered {
    /// Its id.
    pub id: Uuid,
    /// The case.
    pub case_id: CaseId,
    /// The rule.
    pub rule: RuleCode,
    /// Who weighed it.
    pub account: String,
    /// In which words, sealed.
    pub sealed: Vec<u8>,
    /// When.
    pub at: Timestamp,
}

/// One entry of the audit of opened identities.
#[derive(Debug, Clone)]
pub struct Reveal {
    /// Its id.
    pub id: Uuid,
    /// The case.
    pub case_id: CaseId,
    /// Who opened it.
    pub account: String,
    /// That account's unit.
    pub unit: String,
    /// What for.
    pub purpose: Purpose,
    /// Why, sealed.
    pub reason: Vec<u8>,
    /// True where the text was opened too.
    pub with_text: bool,
    /// When.
    pub at: Timestamp,
}

/// The words of a notice, in both languages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoticeContent {
    /// Title in Chinese.
    pub title_zh: String,
    /// Title in English.
    pub title_en: String,
    /// Text in Chinese.
    pub body_zh: String,
    /// Text in English.
    pub body_en: String,
    /// The articles it rests on.
    pub citations: Vec<Citation>,
    /// For a reply, the answer it tells of: a round may be answered twice, and what was served is not to change.
    #[serde(default)]
    pub answered_at: Option<Timestamp>,
}

/// A notice that was served.
#[derive(Debug, Clone)]
pub struct Notice {
    /// Its id.
    pub id: NoticeId,
    /// The case.
    pub case_id: CaseId,
    /// What it says.
    pub kind: NoticeKind,
    /// The round it belongs to.
    pub round: u32,
    /// How it was served.
    pub delivery: Delivery,
    /// The pack's template.
    pub template: String,
    /// The words.
    pub content: NoticeContent,
    /// When.
    pub served_at: Timestamp,
}

/// A complainant whose key is destroyed.
#[derive(Debug, Clone, Copy)]
pub struct Forgotten {
    /// The complainant.
    pub complainant: Uuid,
    /// The case.
    pub case_id: CaseId,
}

/// The loaded batch.
#[derive(Debug, Default)]
pub struct Unit {
    /// Cases, loaded and new.
    pub cases: Table<CaseId, Case>,
    /// The last number of a year.
    pub counters: Table<i16, i64>,
    /// How many identities an account has opened today.
    pub quotas: Table<String, i32>,
    /// Masked texts that are new or were confirmed.
    pub texts: Table<CaseId, MaskedText>,
    /// Diagnoses as assignment said them.
    pub diagnoses: Table<CaseId, Vec<u8>>,
    /// New complainants.
    pub complainants: Added<Complainant>,
    /// New keyed hashes.
    pub digests: Added<Digest>,
    /// New cases, for those who come after to be found by.
    pub problems: Added<CaseId>,
    /// What persons weighed.
    pub considered: Added<Considered>,
    /// Identities opened.
    pub reveals: Added<Reveal>,
    /// Notices served.
    pub notices: Added<Notice>,
    /// Keys destroyed.
    pub forgotten: Added<Forgotten>,
    /// Earlier cases for each new one; read only.
    pub neighbours: BTreeMap<Uuid, Vec<Arc<Neighbour>>>,
}

impl KitUnit for Unit {
    fn tables(&mut self) -> Vec<&mut dyn Savepoint> {
        vec![
            &mut self.cases,
            &mut self.counters,
            &mut self.quotas,
            &mut self.texts,
            &mut self.diagnoses,
            &mut self.complainants,
            &mut self.digests,
            &mut self.problems,
            &mut self.considered,
            &mut self.reveals,
            &mut self.notices,
            &mut self.forgotten,
        ]
    }
}
