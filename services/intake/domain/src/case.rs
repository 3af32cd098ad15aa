//! 案件: the life of one complaint, from registration to archive.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use vocab::{CaseFacts, CaseId, FactCode, FactValue, HandlingMode, NoticeId, Track, UnitCode};

use crate::cluster::Link;
use crate::command::{Command, Verb};
use crate::event::Event;
use crate::notice::NoticeKind;
use crate::number::{CaseNumber, TrackingCode};
use crate::refusal::Refusal;
use crate::stage::{Acceptance, Extension, Handling, Receipt, Stage, StageName};

/// 诊断建议: how the centre's diagnosis would have the case handled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suggestion {
    /// How.
    pub mode: Option<HandlingMode>,
    /// On which track.
    pub track: Option<Track>,
    /// The unit that would lead.
    #[serde(default)]
    pub lead: Option<UnitCode>,
    /// When the diagnosis was made.
    pub made_at: Timestamp,
}

/// 案件: one complaint. No word a person wrote is in it; those are in the vault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Case {
    /// Its id, the key everywhere inside.
    pub id: CaseId,
    /// Its number.
    pub number: CaseNumber,
    /// What the complainant asks for progress with.
    pub tracking: TrackingCode,
    /// What it is about, coded.
    pub facts: CaseFacts,
    /// When it was registered.
    pub registered_at: Timestamp,
    /// 首接负责: the unit whose desk registered it.
    pub receiving_unit: UnitCode,
    /// Refers to the complainant in the vault.
    pub complainant: Uuid,
    /// 检举控告: the unit whose accounts never see it.
    pub sealed_from: Option<UnitCode>,
    /// True where the pack's rule accepted it and no clerk was needed.
    pub without_clerk: bool,
    /// True where a clerk has confirmed the masked text.
    pub mask_confirmed: bool,
    /// The earlier case it was joined to.
    #[serde(default)]
    pub link: Option<Link>,
    /// The units that have a share in it or were asked about it.
    #[serde(default)]
    pub participants: BTreeSet<UnitCode>,
    /// The units that have to do with the head it follows, and so with it. Kept apart, so that what was said of the case itself
    /// stays when it moves to another head, whichever came first.
    #[serde(default)]
    pub inherited: BTreeSet<UnitCode>,
    /// What the diagnosis suggests.
    #[serde(default)]
    pub suggestion: Option<Suggestion>,
    /// When the complainant of a head took the request back while others' go on.
    #[serde(default)]
    pub complainant_left_at: Option<Timestamp>,
    /// The last extension of this round, of which the complainant was told.
    #[serde(default)]
    pub extension: Option<Extension>,
    /// When the complainant's key was destroyed.
    #[serde(default)]
    pub forgotten_at: Option<Timestamp>,
    /// How far it is.
    pub stage: Stage,
}

/// How a case is handled where neither clerk nor diagnosis says.
pub const DEFAULT_MODE: HandlingMode = HandlingMode::Careful;
/// The track where neither clerk nor diagnosis says.
pub const DEFAULT_TRACK: Track = Track::Assigned;

impl Case {
    /// The head this case is decided, ordered and closed with.
    #[must_use]
    pub fn follows(&self) -> Option<CaseId> {
        self.link.filter(|link| link.kind.follows()).map(|link| link.head)
    }

    /// The head whose orders handle it: its own id where it stands alone.
    #[must_use]
    pub fn head(&self) -> CaseId {
        self.follows().unwrap_or(self.id)
    }

    /// Every unit that has to do with it, by itself or through its head.
    #[must_use]
    pub fn units(&self) -> BTreeSet<&UnitCode> {
        self.participants.iter().chain(&self.inherited).collect()
    }

    /// True where this unit may know of the case: it received it or has a share, and is not the unit accused.
    #[must_use]
    pub fn is_shown_to(&self, unit: &str) -> bool {
        let accused = self.sealed_from.as_ref().is_some_and(|accused| accused.as_str() == unit);
        !accused
            && (self.receiving_unit.as_str() == unit || self.units().into_iter().any(|other| other.as_str() == unit))
    }

    /// Every legal move, in one table. What is not listed is refused. What other services say about a case that has ended in the
    /// meantime has no effect: they will hear of its end in turn.
    pub fn decide(&self, command: Command, at: Timestamp) -> Result<Vec<Event>, Refusal> {
        match (&self.stage, command) {
            (Stage::Registered { .. }, Command::Accept { notice, mode, track, with_head }) => {
                self.accept(notice, mode, track, with_head, at)
            }
            (Stage::Registered { .. }, Command::Decline { verdict, notice }) => Ok(vec![
                Event::Declined { verdict, notice },
                Event::NoticeServed { notice, kind: NoticeKind::Decline, round: 0 },
            ]),
            (Stage::Registered { .. }, Command::RouteAway { verdict, notice }) => Ok(vec![
                Event::RoutedAway { verdict, notice },
                Event::NoticeServed { notice, kind: NoticeKind::Route, round: 0 },
            ]),
            (Stage::RoutedAway { at: sent_at, receipt, .. }, Command::Receipt { number, signed_at }) => {
                receipt_of(*sent_at, receipt.as_ref(), number, signed_at, at)
            }
            (Stage::RoutedAway { .. }, Command::Return { reason }) => Ok(vec![Event::Returned { reason }]),
            (Stage::Registered { .. } | Stage::Accepted(_), Command::Withdraw { others_go_on }) => {
                self.withdraw(others_go_on)
            }
            (Stage::Registered { .. } | Stage::Accepted(_), Command::AddFacts { declared }) => self.add_facts(declared),
            (
                Stage::Registered { .. } | Stage::Accepted(_) | Stage::Handled { .. },
                Command::Diagnose { suggestion, units },
            ) => Ok(vec![Event::Diagnosed { suggestion, units }]),
            (Stage::Registered { .. } | Stage::Accepted(_) | Stage::Handled { .. }, Command::Involve { units }) => {
                Ok(self.involve(units))
            }
            (Stage::Registered { .. } | Stage::Accepted(_) | Stage::Handled { .. }, Command::Inherit { units }) => {
                Ok(self.inherit(units))
            }
            (
                Stage::Accepted(acceptance) | Stage::Handled { acceptance, .. } | Stage::Closed { acceptance, .. },
                Command::Answer { handling, round },
            ) => self.answer(acceptance.round, handling, round),
            (
                Stage::Accepted(acceptance) | Stage::Handled { acceptance, .. } | Stage::Closed { acceptance, .. },
                Command::Close { round },
            ) => self.close(acceptance.round, round),
            (
                Stage::Accepted(acceptance) | Stage::Handled { acceptance, .. } | Stage::Closed { acceptance, .. },
                Command::Reopen { rated, cause, to },
            ) => self.reopen(acceptance.round, rated, cause, to),
            (
                Stage::Accepted(acceptance) | Stage::Handled { acceptance, .. },
                Command::Extend { extension, notice },
            ) => {
                let round = acceptance.round;
                let served = Event::NoticeServed { notice, kind: NoticeKind::Extension, round };
                Ok(vec![Event::Extended { extension }, served])
            }
            // The case has ended here; whoever said this will hear so.
            (
                Stage::Declined { .. } | Stage::RoutedAway { .. } | Stage::Withdrawn { .. },
                Command::Diagnose { .. }
                | Command::Involve { .. }
                | Command::Inherit { .. }
                | Command::Answer { .. }
                | Command::Extend { .. }
                | Command::Close { .. }
                | Command::Reopen { .. },
            )
            | (
                Stage::Closed { .. },
                Command::Diagnose { .. }
                | Command::Involve { .. }
                | Command::Inherit { .. }
                | Command::Extend { .. },
            )
            // A clock of before it was handed over; it has stopped since.
            | (Stage::Registered { .. }, Command::Extend { .. }) => Ok(Vec::new()),
            (_, Command::ConfirmMask) => Ok(vec![Event::MaskConfirmed]),
            (stage, Command::Forget) => self.forget(stage),
            (stage, command) => Err(Refusal::OutOfTurn { stage: stage.name(), verb: command.verb() }),
        }
    }

    fn accept(
        &self,
        notice: NoticeId,
        mode: Option<HandlingMode>,
        track: Option<Track>,
        with_head: Option<CaseId>,
        at: Timestamp,
    ) -> Result<Vec<Event>, Refusal> {
        if let Some(head) = self.follows().filter(|head| with_head != Some(*head)) {
            return Err(Refusal::FollowsHead { head });
        }
        let suggestion = self.suggestion.as_ref();
        let acceptance = Acceptance {
            at,
            mode: mode.or(suggestion.and_then(|s| s.mode)).unwrap_or(DEFAULT_MODE),
            track: track.or(suggestion.and_then(|s| s.track)).unwrap_or(DEFAULT_TRACK),
            round: 1,
            round_since: at,
        };
        Ok(vec![Event::Accepted { acceptance }, Event::NoticeServed { notice, kind: NoticeKind::Acceptance, round: 1 }])
    }

    fn withdraw(&self, others_go_on: bool) -> Result<Vec<Event>, Refusal> {
        match (others_go_on, self.complainant_left_at) {
            (false, _) => Ok(vec![Event::Withdrawn]),
            (true, None) => Ok(vec![Event::ComplainantLeft]),
            (true, Some(_)) => Err(Refusal::OutOfTurn { stage: StageName::Withdrawn, verb: Verb::Withdraw }),
        }
    }

    fn add_facts(&self, declared: BTreeMap<FactCode, FactValue>) -> Result<Vec<Event>, Refusal> {
        if let Some(head) = self.follows() {
            return Err(Refusal::FollowsHead { head });
        }
        let mut facts = self.facts.clone();
        facts.declared.extend(declared);
        Ok(if facts == self.facts { Vec::new() } else { vec![Event::FactsAdded { facts }] })
    }

    fn involve(&self, mut units: BTreeSet<UnitCode>) -> Vec<Event> {
        units.retain(|unit| !self.participants.contains(unit));
        if units.is_empty() { Vec::new() } else { vec![Event::UnitsInvolved { units }] }
    }

    pub(crate) fn inherit(&self, mut units: BTreeSet<UnitCode>) -> Vec<Event> {
        units.retain(|unit| !self.inherited.contains(unit));
        if units.is_empty() { Vec::new() } else { vec![Event::UnitsInherited { units }] }
    }

    /// A closing that was refused sends the case through its shares again: the second answer of a round replaces the first.
    fn answer(&self, current: u32, handling: Handling, round: u32) -> Result<Vec<Event>, Refusal> {
        let is_closed = matches!(self.stage, Stage::Closed { .. });
        if round > current {
            return Err(Refusal::NotYet { what: "the reopening of this round" });
        }
        if round < current || is_closed {
            return Ok(Vec::new());
        }
        let notice = handling.notice;
        Ok(vec![Event::Answered { handling }, Event::NoticeServed { notice, kind: NoticeKind::Reply, round }])
    }

    fn close(&self, current: u32, round: u32) -> Result<Vec<Event>, Refusal> {
        match &self.stage {
            Stage::Handled { .. } if round == current => Ok(vec![Event::Closed { round }]),
            Stage::Accepted(_) if round == current => Err(Refusal::NotYet { what: "the reply of this round" }),
            _ if round > current => Err(Refusal::NotYet { what: "the reopening of this round" }),
            _ => Ok(Vec::new()),
        }
    }

    fn reopen(&self, current: u32, rated: Option<u32>, cause: String, to: u32) -> Result<Vec<Event>, Refusal> {
        let is_closed = matches!(self.stage, Stage::Closed { .. });
        match rated {
            Some(rated) if rated > current => Err(Refusal::NotYet { what: "the closing of this round" }),
            // Nobody rates a round that is still going on.
            Some(rated) if rated == current && !is_closed => {
                Err(Refusal::OutOfTurn { stage: self.stage.name(), verb: Verb::Reopen })
            }
            Some(rated) if rated < current => Ok(Vec::new()),
            _ if !is_closed => Ok(Vec::new()),
            _ => Ok(vec![Event::Reopened { round: to, cause }]),
        }
    }

    fn forget(&self, stage: &Stage) -> Result<Vec<Event>, Refusal> {
        let has_ended = match stage {
            Stage::Registered { .. } | Stage::Accepted(_) | Stage::Handled { .. } => false,
            // Until the other authority has signed, the matter may come back.
            Stage::RoutedAway { receipt, .. } => receipt.is_some(),
            Stage::Declined { .. } | Stage::Closed { .. } | Stage::Withdrawn { .. } => true,
        };
        if self.forgotten_at.is_some() {
            Err(Refusal::AlreadyForgotten)
        } else if has_ended {
            Ok(vec![Event::Forgotten])
        } else {
            Err(Refusal::OutOfTurn { stage: stage.name(), verb: Verb::Forget })
        }
    }

    /// The case after what has happened.
    #[must_use]
    pub fn apply(mut self, event: &Event, at: Timestamp) -> Self {
        match event {
            Event::Accepted { acceptance } => self.stage = Stage::Accepted(acceptance.clone()),
            Event::Declined { verdict, notice } => {
                self.stage = Stage::Declined { at, verdict: verdict.clone(), notice: *notice };
            }
            Event::RoutedAway { verdict, notice } => {
                self.stage = Stage::RoutedAway { at, verdict: verdict.clone(), notice: *notice, receipt: None };
            }
            Event::Receipted { receipt: signed } => {
                if let Stage::RoutedAway { receipt, .. } = &mut self.stage {
                    *receipt = Some(signed.clone());
                }
            }
            Event::Returned { .. } => self.stage = Stage::Registered { since: at },
            Event::Withdrawn => self.stage = Stage::Withdrawn { at },
            Event::ComplainantLeft => self.complainant_left_at = Some(at),
            Event::FactsAdded { facts } => self.facts = facts.clone(),
            Event::Linked { link, left } => {
                self.link = Some(*link);
                // Who had to do with the wrong head alone has nothing to do with this case.
                if left.is_some() {
                    self.inherited.clear();
                }
            }
            Event::RoundAdopted { round } => {
                if let Stage::Accepted(acceptance) = &mut self.stage {
                    acceptance.round = *round;
                }
            }
            Event::NoticeServed { .. } => {}
            Event::Extended { extension } => self.extension = Some(extension.clone()),
            Event::Diagnosed { suggestion, units } => {
                self.suggestion = Some(suggestion.clone());
                self.participants.extend(units.iter().cloned());
            }
            Event::UnitsInvolved { units } => self.participants.extend(units.iter().cloned()),
            Event::UnitsInherited { units } => self.inherited.extend(units.iter().cloned()),
            Event::Answered { handling } => {
                if let Some(acceptance) = self.stage.acceptance().cloned() {
                    self.stage = Stage::Handled { acceptance, handling: handling.clone() };
                }
            }
            Event::Closed { .. } => {
                if let Stage::Handled { acceptance, handling } = self.stage {
                    self.stage = Stage::Closed { acceptance, handling, at };
                }
            }
            Event::Reopened { round, .. } => {
                self.extension = None;
                if let Some(acceptance) = self.stage.acceptance().cloned() {
                    self.stage = Stage::Accepted(Acceptance { round: *round, round_since: at, ..acceptance });
                }
            }
            Event::MaskConfirmed => self.mask_confirmed = true,
            Event::Forgotten => self.forgotten_at = Some(at),
        }
        self
    }

    /// The case after all of it, in order.
    #[must_use]
    pub fn apply_all(self, events: &[Event], at: Timestamp) -> Self {
        events.iter().fold(self, |case, event| case.apply(event, at))
    }
}

fn receipt_of(
    sent_at: Timestamp,
    receipt: Option<&Receipt>,
    number: String,
    signed_at: Option<Timestamp>,
    at: Timestamp,
) -> Result<Vec<Event>, Refusal> {
    if receipt.is_some() {
        return Err(Refusal::AlreadyReceipted);
    }
    let signed_at = signed_at.unwrap_or(at);
    if signed_at > at || signed_at < sent_at {
        return Err(Refusal::ReceiptOutOfTime);
    }
    Ok(vec![Event::Receipted { receipt: Receipt { number, at: signed_at } }])
}
