//! 关联: a later case joins an earlier one. One problem with many complainants has one head that is determined, ordered and
//! closed; each member keeps its own notices, clocks and rating.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use vocab::{CaseId, NoticeId};

use crate::case::Case;
use crate::command::Verb;
use crate::event::Event;
use crate::notice::NoticeKind;
use crate::refusal::Refusal;
use crate::stage::{Acceptance, Stage};

/// 关联种类: how a case relates to an earlier one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LinkKind {
    /// 重复件: the same complainant with the same matter, while it is open; answered with the first.
    Duplicate,
    /// 重复访: the same complainant again, after an answer; stands on its own.
    Repeat,
    /// 同一问题: another complainant with the same problem.
    ClusterMember,
}

impl LinkKind {
    /// True where the later case is decided, ordered and closed with the earlier one.
    #[must_use]
    pub const fn follows(self) -> bool {
        matches!(self, Self::Duplicate | Self::ClusterMember)
    }
}

/// 关联: which case it was joined to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// The earlier case.
    pub head: CaseId,
    /// How they relate.
    pub kind: LinkKind,
    /// When they were joined.
    pub at: Timestamp,
}

/// The notices a later case may need when it catches up with its head.
#[derive(Debug, Clone, Copy)]
pub struct CatchUp {
    /// That it is accepted.
    pub acceptance: NoticeId,
    /// The reply.
    pub reply: NoticeId,
}

/// Joins a later case to an earlier one; what the earlier one has reached, the later one reaches with it.
pub fn join(
    later: &Case,
    head: &Case,
    later_has_members: bool,
    kind: LinkKind,
    notices: CatchUp,
    at: Timestamp,
) -> Result<Vec<Event>, Refusal> {
    if later.id == head.id {
        return Err(Refusal::Itself);
    }
    // Ids grow with time. A head older than its members also means that both are always locked in the same order.
    if later.id < head.id {
        return Err(Refusal::NotLater);
    }
    if let Some(head) = head.follows() {
        return Err(Refusal::NotAHead { head });
    }
    if later_has_members {
        return Err(Refusal::HasMembers);
    }
    if later.sealed_from != head.sealed_from {
        return Err(Refusal::SealedApart);
    }
    if later.link.is_some_and(|link| link.head == head.id && link.kind == kind) {
        return Ok(Vec::new());
    }
    let is_registered = matches!(later.stage, Stage::Registered { .. });
    // A clerk who joined it to the wrong head joins it to the right one, as long as nothing was decided for it.
    let may_move = is_registered && (kind.follows() || later.follows().is_none());
    if later.link.is_some() && !may_move {
        return Err(Refusal::AlreadyLinked);
    }
    if !is_registered && !matches!(&later.stage, Stage::Accepted(acceptance) if acceptance.round == 1) {
        return Err(Refusal::OutOfTurn { stage: later.stage.name(), verb: Verb::Link });
    }
    let left = later.follows().filter(|left| *left != head.id);
    let linked = Event::Linked { link: Link { head: head.id, kind, at }, left };
    if !kind.follows() {
        return if head.stage.name().is_open() { Err(Refusal::RepeatOfOpen) } else { Ok(vec![linked]) };
    }
    // Whoever handles the head handles its members' complaint, and so may know of them.
    let inherited = later.clone().apply(&linked, at).inherit(head.participants.clone());
    let linked = [vec![linked], inherited].concat();
    match &head.stage {
        Stage::Registered { .. } if is_registered => Ok(linked),
        Stage::Registered { .. } => Err(Refusal::HeadBehind),
        Stage::Accepted(acceptance) => Ok([linked, accepted_with(later, acceptance, notices, at)].concat()),
        Stage::Handled { acceptance, handling } => {
            let reply = [
                Event::Answered { handling: crate::stage::Handling { notice: notices.reply, ..handling.clone() } },
                Event::NoticeServed { notice: notices.reply, kind: NoticeKind::Reply, round: acceptance.round },
            ];
            Ok([linked, accepted_with(later, acceptance, notices, at), reply.to_vec()].concat())
        }
        other => Err(Refusal::HeadDone { stage: other.name() }),
    }
}

/// A registered case is accepted as its head was; one that was accepted alone takes the head's round.
fn accepted_with(later: &Case, head: &Acceptance, notices: CatchUp, at: Timestamp) -> Vec<Event> {
    match &later.stage {
        Stage::Registered { .. } => vec![
            Event::Accepted { acceptance: Acceptance { at, round_since: at, ..head.clone() } },
            Event::NoticeServed { notice: notices.acceptance, kind: NoticeKind::Acceptance, round: head.round },
        ],
        _ if later.stage.round() != head.round => vec![Event::RoundAdopted { round: head.round }],
        _ => Vec::new(),
    }
}
