//! 登记: a complaint gets its number, and where the pack allows it, is accepted in the same breath.

use std::collections::BTreeSet;

use intake_domain::{
    Candidate, Case, CaseNumber, Command, LinkKind, Neighbour, Seeker, Stage, TrackingCode, Windows, candidates,
};
use jiff::Timestamp;
use kit::context::Context;
use kit::refusal::{Refusal, Violation};
use uuid::Uuid;
use vocab::calendar::day_of;
use vocab::{CaseFacts, CaseId, HandlingMode, Track, UnitCode};

use super::{carry, granted, new_notice};
use crate::error::refusal;
use crate::rules::Rules;
use crate::unit::{Complainant, Digest, MaskedText, Unit};
use crate::wire;

/// How many earlier cases an answer names.
const MOST_CANDIDATES: usize = 5;

/// A complaint, sealed before it came here.
#[derive(Debug, Clone)]
pub struct Registration {
    /// The case's id.
    pub id: CaseId,
    /// Its tracking code.
    pub tracking: TrackingCode,
    /// What it is about.
    pub facts: CaseFacts,
    /// 检举控告: the unit accused.
    pub accused: Option<UnitCode>,
    /// The complainant's row.
    pub complainant: SealedComplainant,
    /// The masked text.
    pub text: MaskedText,
    /// True where a clerk gave the masked text.
    pub mask_confirmed: bool,
    /// Keyed hashes of phone and document.
    pub digests: Vec<Vec<u8>>,
}

/// A complainant's row before it has a time.
#[derive(Debug, Clone)]
pub struct SealedComplainant {
    /// Its id.
    pub id: Uuid,
    /// Its key, wrapped.
    pub wrapped_key: Vec<u8>,
    /// The identity, sealed.
    pub identity: Vec<u8>,
    /// The title, sealed.
    pub title: Vec<u8>,
    /// The body, sealed.
    pub body: Vec<u8>,
}

/// What a registration led to.
#[derive(Debug)]
pub struct Registered {
    /// The case.
    pub case: Case,
    /// Earlier cases that may belong together with it.
    pub candidates: Vec<Candidate>,
}

/// Registers a complaint.
pub fn register(unit: &mut Unit, cx: &mut Context<Rules>, wanted: &Registration) -> Result<Registered, Refusal> {
    let at = cx.now();
    let rules = std::sync::Arc::clone(cx.rules());
    let mut wrong = rules.check_facts(&wanted.facts, day_of(at));
    if wanted.accused.as_ref().is_some_and(|accused| !rules.has_unit(accused)) {
        let description = "is not a unit of this county".to_owned();
        wrong.push(Violation { field: "accused_unit".to_owned(), description });
    }
    if !wrong.is_empty() {
        return Err(Refusal::Invalid(wrong));
    }
    let caller = granted(cx)?.caller;
    let receiving_unit = UnitCode::new(caller.unit.as_str())
        .map_err(|_| Refusal::forbidden("intake.no_unit", "账号没有所属单位", "the account belongs to no unit"))?;
    let candidates = find_candidates(unit, wanted, at);
    let without_clerk = without_clerk(&rules, wanted, &candidates);
    let case = Case {
        id: wanted.id,
        number: next_number(unit, rules.case_prefix(), at)?,
        tracking: wanted.tracking.clone(),
        facts: wanted.facts.clone(),
        registered_at: at,
        receiving_unit,
        complainant: wanted.complainant.id,
        sealed_from: wanted.accused.clone(),
        without_clerk,
        mask_confirmed: wanted.mask_confirmed,
        link: None,
        participants: Default::default(),
        inherited: Default::default(),
        suggestion: None,
        complainant_left_at: None,
        extension: None,
        forgotten_at: None,
        stage: Stage::Registered { since: at },
    };
    keep(unit, wanted, at);
    unit.cases.put(case.id, case.clone());
    wire::event::registered(cx, &case);
    let case = if without_clerk { accept(unit, cx, case)? } else { case };
    Ok(Registered { case, candidates })
}

fn accept(unit: &mut Unit, cx: &mut Context<Rules>, case: Case) -> Result<Case, Refusal> {
    let accept = Command::Accept {
        notice: new_notice(cx),
        mode: Some(HandlingMode::Fast),
        track: Some(Track::Direct),
        with_head: None,
    };
    let events = case.decide(accept, cx.now()).map_err(|error| refusal(case.number.as_str(), error))?;
    Ok(carry(unit, cx, case, &events))
}

/// A class that needs no clerk still needs one where the same complainant was here before, or where somebody is accused.
fn without_clerk(rules: &Rules, wanted: &Registration, candidates: &[Candidate]) -> bool {
    wanted.accused.is_none()
        && rules.needs_no_clerk(&wanted.facts).is_some()
        && candidates.iter().all(|candidate| candidate.kind == LinkKind::ClusterMember)
}

fn next_number(unit: &mut Unit, prefix: &str, at: Timestamp) -> Result<CaseNumber, Refusal> {
    let year = day_of(at).year();
    let last = unit
        .counters
        .get(&year)
        .copied()
        .ok_or_else(|| Refusal::Internal("this year's counter is not locked".to_owned()))?;
    unit.counters.put(year, last + 1);
    Ok(CaseNumber::new(prefix, year, last + 1))
}

/// The rows of the vault and of what later cases are compared with.
fn keep(unit: &mut Unit, wanted: &Registration, at: Timestamp) {
    let sealed = &wanted.complainant;
    unit.complainants.push(Complainant {
        id: sealed.id,
        wrapped_key: sealed.wrapped_key.clone(),
        identity: sealed.identity.clone(),
        title: sealed.title.clone(),
        body: sealed.body.clone(),
        created_at: at,
    });
    for digest in &wanted.digests {
        unit.digests.push(Digest { digest: digest.clone(), case_id: wanted.id });
    }
    unit.texts.put(wanted.id, wanted.text.clone());
    unit.problems.push(wanted.id);
}

/// Earlier cases: those the store found, and those registered a moment ago in the same group.
fn find_candidates(unit: &Unit, wanted: &Registration, at: Timestamp) -> Vec<Candidate> {
    let found = unit.neighbours.get(&wanted.id.uuid()).into_iter().flatten();
    let just_now = just_now(unit, wanted);
    let neighbours = found.map(AsRef::as_ref).chain(&just_now);
    let seeker = Seeker { id: wanted.id, facts: &wanted.facts, registered_at: at };
    candidates(seeker, neighbours, Windows::default(), MOST_CANDIDATES)
}

/// The last few of the same group with a matter and the town in common, and every one by the same complainant.
fn just_now(unit: &Unit, wanted: &Registration) -> Vec<Neighbour> {
    let same: BTreeSet<CaseId> = unit
        .digests
        .rows()
        .iter()
        .filter(|known| wanted.digests.contains(&known.digest))
        .map(|known| known.case_id)
        .collect();
    let is_near = |case: &&Case| {
        case.facts.region.town() == wanted.facts.region.town()
            && case.facts.matters.iter().any(|matter| wanted.facts.matters.contains(matter))
    };
    let newest = unit.problems.rows().iter().rev();
    let near = newest.filter_map(|id| unit.cases.get(id)).filter(is_near).take(MOST_CANDIDATES).map(|case| case.id);
    let found: BTreeSet<CaseId> = near.chain(same.iter().copied()).collect();
    let neighbour = |case: &Case| Neighbour {
        id: case.id,
        number: case.number.clone(),
        matters: case.facts.matters.clone(),
        region: case.facts.region.clone(),
        object_type: case.facts.object_type.clone(),
        registered_at: case.registered_at,
        stage: case.stage.name(),
        head: case.follows(),
        same_complainant: same.contains(&case.id),
        sealed: case.sealed_from.is_some(),
    };
    found.iter().filter_map(|id| unit.cases.get(id)).map(neighbour).collect()
}
