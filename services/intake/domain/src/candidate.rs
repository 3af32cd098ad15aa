//! 重复与同一问题: earlier cases that may belong together with a new one. A person decides; this only points, with reasons.

use jiff::{SignedDuration, Timestamp};
use vocab::{CaseFacts, CaseId, MatterCode, ObjectTypeCode, RegionCode};

use crate::cluster::LinkKind;
use crate::number::CaseNumber;
use crate::stage::StageName;

/// How far back an earlier case is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Windows {
    /// The same complainant, in days.
    pub complainant_days: u16,
    /// The same problem, in days.
    pub problem_days: u16,
}

impl Default for Windows {
    /// Half a year for the same complainant (the longest a case with extension and review takes), a month for the same problem.
    fn default() -> Self {
        Self { complainant_days: 180, problem_days: 30 }
    }
}

/// An earlier case as it is compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Neighbour {
    /// Its id.
    pub id: CaseId,
    /// Its number.
    pub number: CaseNumber,
    /// What it is about.
    pub matters: Vec<MatterCode>,
    /// Where.
    pub region: RegionCode,
    /// What it happened at.
    pub object_type: ObjectTypeCode,
    /// When it was registered.
    pub registered_at: Timestamp,
    /// How far it is.
    pub stage: StageName,
    /// Its head, where it follows one.
    pub head: Option<CaseId>,
    /// True where a keyed hash of phone or identity document is the same.
    pub same_complainant: bool,
    /// True of a sealed accusation; it is never pointed at.
    pub sealed: bool,
}

/// The case for which earlier ones are looked for.
#[derive(Debug, Clone, Copy)]
pub struct Seeker<'facts> {
    /// Its id.
    pub id: CaseId,
    /// What it is about.
    pub facts: &'facts CaseFacts,
    /// When it was registered.
    pub registered_at: Timestamp,
}

/// Why an earlier case may belong together with this one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// The same phone or identity document.
    SameComplainant,
    /// A matter in common.
    SameMatter,
    /// The same town.
    SameTown,
    /// The same village or community.
    SameVillage,
    /// The same kind of premises.
    SameObject,
}

/// An earlier case that may belong together with this one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// The earlier case.
    pub neighbour: Neighbour,
    /// How it would be linked.
    pub kind: LinkKind,
    /// Why, the weightiest first.
    pub reasons: Vec<Reason>,
}

/// The likeliest first, at most so many.
#[must_use]
pub fn candidates<'n>(
    seeker: Seeker<'_>,
    neighbours: impl IntoIterator<Item = &'n Neighbour>,
    windows: Windows,
    most: usize,
) -> Vec<Candidate> {
    let weighed = |neighbour: &'n Neighbour| {
        let kind = kind_of_link(seeker, neighbour, windows)?;
        Some((weight(seeker, neighbour), neighbour, kind))
    };
    let mut found: Vec<(u32, &Neighbour, LinkKind)> = neighbours.into_iter().filter_map(weighed).collect();
    found.sort_by(|(one, a, _), (other, b, _)| {
        other.cmp(one).then(b.registered_at.cmp(&a.registered_at)).then(a.id.cmp(&b.id))
    });
    found.truncate(most);
    let candidate = |(_, neighbour, kind): (u32, &Neighbour, LinkKind)| Candidate {
        neighbour: neighbour.clone(),
        kind,
        reasons: reasons(seeker, neighbour),
    };
    found.into_iter().map(candidate).collect()
}

/// How the earlier case would be linked, if at all.
fn kind_of_link(seeker: Seeker<'_>, neighbour: &Neighbour, windows: Windows) -> Option<LinkKind> {
    if neighbour.id == seeker.id || neighbour.sealed || neighbour.id > seeker.id {
        return None;
    }
    let facts = seeker.facts;
    if in_common(seeker, neighbour) == 0 || neighbour.region.town() != facts.region.town() {
        return None;
    }
    let age = seeker.registered_at.duration_since(neighbour.registered_at);
    let within = |days: u16| age <= SignedDuration::from_hours(24 * i64::from(days));
    match (neighbour.same_complainant, neighbour.stage.is_open()) {
        (true, true) if within(windows.complainant_days) => Some(LinkKind::Duplicate),
        (true, false) if within(windows.complainant_days) => Some(LinkKind::Repeat),
        // Two villages of one town are two places; a case that names only the town may be either.
        (false, true) if within(windows.problem_days) && may_be_one_place(&facts.region, &neighbour.region) => {
            Some(LinkKind::ClusterMember)
        }
        _ => None,
    }
}

fn in_common(seeker: Seeker<'_>, neighbour: &Neighbour) -> usize {
    seeker.facts.matters.iter().filter(|matter| neighbour.matters.contains(matter)).count()
}

fn is_same_village(seeker: Seeker<'_>, neighbour: &Neighbour) -> bool {
    seeker.facts.region.is_village() && seeker.facts.region == neighbour.region
}

fn is_same_object(seeker: Seeker<'_>, neighbour: &Neighbour) -> bool {
    seeker.facts.object_type == neighbour.object_type
}

fn weight(seeker: Seeker<'_>, neighbour: &Neighbour) -> u32 {
    u32::from(neighbour.same_complainant) * 16
        + u32::try_from(in_common(seeker, neighbour).min(4)).unwrap_or_default() * 3
        + u32::from(is_same_village(seeker, neighbour)) * 2
        + u32::from(is_same_object(seeker, neighbour))
}

/// Why, of one that is linked: it has a matter and the town in common.
fn reasons(seeker: Seeker<'_>, neighbour: &Neighbour) -> Vec<Reason> {
    let same_village = is_same_village(seeker, neighbour);
    [
        (neighbour.same_complainant, Reason::SameComplainant),
        (true, Reason::SameMatter),
        (!same_village, Reason::SameTown),
        (same_village, Reason::SameVillage),
        (is_same_object(seeker, neighbour), Reason::SameObject),
    ]
    .into_iter()
    .filter_map(|(holds, reason)| holds.then_some(reason))
    .collect()
}

fn may_be_one_place(one: &RegionCode, other: &RegionCode) -> bool {
    one.is_within(other) || other.is_within(one)
}
