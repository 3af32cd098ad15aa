//! 案件: the life of one complaint, from registration to archive.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use vocab::{
    CaseFacts, CaseId, FactCode, FactValue, HandlingMode, NoticeId, RuleCode, Track, UnitCode,
};

use crate::cluster::Link;
use crate::ground::Verdict;
use crate::notice::NoticeKind;
use crate::number::{CaseNumber, TrackingCode};
use crate::stage::{Acceptance, Handling, Receipt, ReturnReason, Stage, StageName};

/// 诊断建议: how the centre's diagnosis would have the case handled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suggestion {
    /// How.
    pub mode: Option<HandlingMode>,
    /// On which track.
    pub track: Option<Track>,
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
    /// What the diagnosis suggests.
    #[serde(default)]
    pub suggestion: Option<Suggestion>,
    /// When the complainant of a head took the request back while others' go on.
    #[serde(default)]
    pub complainant_left_at: Option<Timestamp>,
    /// When the complainant's key was destroyed.
    #[serde(default)]
    pub forgotten_at: Option<Timestamp>,
    /// How far it is.
    pub stage: Stage,
}

/// What can be asked of a case. Notices have their ids before they exist, so that deciding stays pure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// 受理.
    Accept {
        /// The notice to serve.
        notice: NoticeId,
        /// How it is handled; none takes the diagnosis's suggestion.
        mode: Option<HandlingMode>,
        /// On which track; none takes the diagnosis's suggestion.
        track: Option<Track>,
        /// The head it is accepted with; none for a head and for a case that stands alone.
        with_head: Option<CaseId>,
    },
    /// 不予受理.
    Decline {
        /// The ground that holds.
        verdict: Verdict,
        /// The notice to serve.
        notice: NoticeId,
    },
    /// 诉访分离.
    RouteAway {
        /// The ground that holds.
        verdict: Verdict,
        /// The notice to serve.
        notice: NoticeId,
    },
    /// 移送回执.
    Receipt {
        /// The other authority's number.
        number: String,
        /// When it signed; none means now.
        signed_at: Option<Timestamp>,
    },
    /// 退回.
    Return {
        /// Why.
        reason: ReturnReason,
    },
    /// 撤回.
    Withdraw {
        /// True where the case is the head of others that go on.
        others_go_on: bool,
    },
    /// 补充事实.
    AddFacts {
        /// The facts that are new or have a new value.
        declared: BTreeMap<FactCode, FactValue>,
    },
    /// The diagnosis was made.
    Diagnose {
        /// What it suggests.
        suggestion: Suggestion,
        /// The units it names or asked.
        units: BTreeSet<UnitCode>,
    },
    /// Units were asked about it or got a share in it.
    Involve {
        /// Which.
        units: BTreeSet<UnitCode>,
    },
    /// 办理完毕: every share is closed.
    Answer {
        /// How it was answered; its notice is the reply to serve.
        handling: Handling,
        /// The round that ended.
        round: u32,
    },
    /// 结案: a second unit approved.
    Close {
        /// The round that is closed.
        round: u32,
    },
    /// 二次办理.
    Reopen {
        /// The round the complainant was dissatisfied with; none where that was not said.
        rated: Option<u32>,
        /// The call-back or adjudication that caused it.
        cause: String,
        /// The round that begins.
        to: u32,
    },
    /// A clerk confirmed the masked text.
    ConfirmMask,
    /// 个人信息删除.
    Forget,
}

/// 动作: the verbs a clerk hears when they are out of turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verb {
    /// 受理.
    Accept,
    /// 不予受理.
    Decline,
    /// 转送.
    RouteAway,
    /// 登记回执.
    Receipt,
    /// 退回.
    Return,
    /// 撤回.
    Withdraw,
    /// 补充事实.
    AddFacts,
    /// 诊断.
    Diagnose,
    /// 办理.
    Involve,
    /// 答复.
    Answer,
    /// 办结.
    Close,
    /// 重新办理.
    Reopen,
    /// 确认隐名文本.
    ConfirmMask,
    /// 删除个人信息.
    Forget,
    /// 关联.
    Link,
}

impl Verb {
    /// What a clerk reads, in Chinese.
    #[must_use]
    pub const fn zh(self) -> &'static str {
        match self {
            Self::Accept => "受理",
            Self::Decline => "不予受理",
            Self::RouteAway => "转送",
            Self::Receipt => "登记回执",
            Self::Return => "退回",
            Self::Withdraw => "撤回",
            Self::AddFacts => "补充事实",
            Self::Diagnose => "诊断",
            Self::Involve => "交办",
            Self::Answer => "答复",
            Self::Close => "办结",
            Self::Reopen => "重新办理",
            Self::ConfirmMask => "确认隐名文本",
            Self::Forget => "删除个人信息",
            Self::Link => "关联",
        }
    }

    /// What a clerk reads, in English, as a past participle.
    #[must_use]
    pub const fn en(self) -> &'static str {
        match self {
            Self::Accept => "accepted",
            Self::Decline => "declined",
            Self::RouteAway => "routed away",
            Self::Receipt => "receipted",
            Self::Return => "returned",
            Self::Withdraw => "withdrawn",
            Self::AddFacts => "given further facts",
            Self::Diagnose => "diagnosed",
            Self::Involve => "shared out",
            Self::Answer => "answered",
            Self::Close => "closed",
            Self::Reopen => "reopened",
            Self::ConfirmMask => "given a masked text",
            Self::Forget => "stripped of its complainant",
            Self::Link => "linked",
        }
    }
}

/// What has happened to a case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// 受理.
    Accepted {
        /// How.
        acceptance: Acceptance,
    },
    /// 不予受理.
    Declined {
        /// Why.
        verdict: Verdict,
        /// The notice.
        notice: NoticeId,
    },
    /// 诉访分离.
    RoutedAway {
        /// Why.
        verdict: Verdict,
        /// The notice.
        notice: NoticeId,
    },
    /// 移送回执.
    Receipted {
        /// The signature.
        receipt: Receipt,
    },
    /// 退回.
    Returned {
        /// Why.
        reason: ReturnReason,
    },
    /// 撤回.
    Withdrawn,
    /// The head's complainant took the request back; the case goes on.
    ComplainantLeft,
    /// 补充事实.
    FactsAdded {
        /// All facts as they now stand.
        facts: CaseFacts,
    },
    /// 关联.
    Linked {
        /// To which, and how.
        link: Link,
    },
    /// A case that was accepted alone takes its head's round.
    RoundAdopted {
        /// Which.
        round: u32,
    },
    /// 送达.
    NoticeServed {
        /// The notice.
        notice: NoticeId,
        /// What it says.
        kind: NoticeKind,
        /// The round it belongs to; 0 before acceptance.
        round: u32,
    },
    /// 门诊诊断.
    Diagnosed {
        /// What it suggests.
        suggestion: Suggestion,
        /// The units it names or asked.
        units: BTreeSet<UnitCode>,
    },
    /// Units have a share now or were asked.
    UnitsInvolved {
        /// Which.
        units: BTreeSet<UnitCode>,
    },
    /// 答复.
    Answered {
        /// How.
        handling: Handling,
    },
    /// 结案.
    Closed {
        /// The round that ended.
        round: u32,
    },
    /// 重新办理.
    Reopened {
        /// The round that begins.
        round: u32,
        /// What caused it.
        cause: String,
    },
    /// A clerk confirmed the masked text.
    MaskConfirmed,
    /// 个人信息删除.
    Forgotten,
}

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

/// How a case is handled where neither clerk nor diagnosis says.
pub const DEFAULT_MODE: HandlingMode = HandlingMode::Careful;
/// The track where neither clerk nor diagnosis says.
pub const DEFAULT_TRACK: Track = Track::Assigned;

impl Command {
    /// Its verb.
    #[must_use]
    pub const fn verb(&self) -> Verb {
        match self {
            Self::Accept { .. } => Verb::Accept,
            Self::Decline { .. } => Verb::Decline,
            Self::RouteAway { .. } => Verb::RouteAway,
            Self::Receipt { .. } => Verb::Receipt,
            Self::Return { .. } => Verb::Return,
            Self::Withdraw { .. } => Verb::Withdraw,
            Self::AddFacts { .. } => Verb::AddFacts,
            Self::Diagnose { .. } => Verb::Diagnose,
            Self::Involve { .. } => Verb::Involve,
            Self::Answer { .. } => Verb::Answer,
            Self::Close { .. } => Verb::Close,
            Self::Reopen { .. } => Verb::Reopen,
            Self::ConfirmMask => Verb::ConfirmMask,
            Self::Forget => Verb::Forget,
        }
    }
}

impl Case {
    /// The head this case is decided, ordered and closed with.
    #[must_use]
    pub fn follows(&self) -> Option<CaseId> {
        self.link
            .filter(|link| link.kind.follows())
            .map(|link| link.head)
    }

    /// The head whose orders handle it: its own id where it stands alone.
    #[must_use]
    pub fn head(&self) -> CaseId {
        self.follows().unwrap_or(self.id)
    }

    /// True where this unit may know of the case: it received it or has a share, and is not the unit accused.
    #[must_use]
    pub fn is_shown_to(&self, unit: &str) -> bool {
        let accused = self
            .sealed_from
            .as_ref()
            .is_some_and(|accused| accused.as_str() == unit);
        !accused
            && (self.receiving_unit.as_str() == unit
                || self
                    .participants
                    .iter()
                    .any(|participant| participant.as_str() == unit))
    }

    /// Every legal move, in one table. What is not listed is refused. What other services say about a case that has ended in the
    /// meantime has no effect: they will hear of its end in turn.
    pub fn decide(&self, command: Command, at: Timestamp) -> Result<Vec<Event>, Refusal> {
        match (&self.stage, command) {
            (
                Stage::Registered { .. },
                Command::Accept {
                    notice,
                    mode,
                    track,
                    with_head,
                },
            ) => self.accept(notice, mode, track, with_head, at),
            (Stage::Registered { .. }, Command::Decline { verdict, notice }) => Ok(vec![
                Event::Declined { verdict, notice },
                Event::NoticeServed {
                    notice,
                    kind: NoticeKind::Decline,
                    round: 0,
                },
            ]),
            (Stage::Registered { .. }, Command::RouteAway { verdict, notice }) => Ok(vec![
                Event::RoutedAway { verdict, notice },
                Event::NoticeServed {
                    notice,
                    kind: NoticeKind::Route,
                    round: 0,
                },
            ]),
            (
                Stage::RoutedAway {
                    at: sent_at,
                    receipt,
                    ..
                },
                Command::Receipt { number, signed_at },
            ) => receipt_of(*sent_at, receipt.as_ref(), number, signed_at, at),
            (Stage::RoutedAway { .. }, Command::Return { reason }) => {
                Ok(vec![Event::Returned { reason }])
            }
            (Stage::Registered { .. } | Stage::Accepted(_), Command::Withdraw { others_go_on }) => {
                self.withdraw(others_go_on)
            }
            (Stage::Registered { .. } | Stage::Accepted(_), Command::AddFacts { declared }) => {
                self.add_facts(declared)
            }
            (
                Stage::Registered { .. } | Stage::Accepted(_) | Stage::Handled { .. },
                Command::Diagnose { suggestion, units },
            ) => Ok(vec![Event::Diagnosed { suggestion, units }]),
            (
                Stage::Registered { .. } | Stage::Accepted(_) | Stage::Handled { .. },
                Command::Involve { units },
            ) => Ok(self.involve(units)),
            (
                Stage::Accepted(acceptance)
                | Stage::Handled { acceptance, .. }
                | Stage::Closed { acceptance, .. },
                Command::Answer { handling, round },
            ) => self.answer(acceptance.round, handling, round),
            (
                Stage::Accepted(acceptance)
                | Stage::Handled { acceptance, .. }
                | Stage::Closed { acceptance, .. },
                Command::Close { round },
            ) => self.close(acceptance.round, round),
            (
                Stage::Accepted(acceptance)
                | Stage::Handled { acceptance, .. }
                | Stage::Closed { acceptance, .. },
                Command::Reopen { rated, cause, to },
            ) => self.reopen(acceptance.round, rated, cause, to),
            // The case has ended here; whoever said this will hear so.
            (
                Stage::Declined { .. } | Stage::RoutedAway { .. } | Stage::Withdrawn { .. },
                Command::Diagnose { .. }
                | Command::Involve { .. }
                | Command::Answer { .. }
                | Command::Close { .. }
                | Command::Reopen { .. },
            )
            | (Stage::Closed { .. }, Command::Diagnose { .. } | Command::Involve { .. }) => {
                Ok(Vec::new())
            }
            (_, Command::ConfirmMask) => Ok(vec![Event::MaskConfirmed]),
            (stage, Command::Forget) => self.forget(stage),
            (stage, command) => Err(Refusal::OutOfTurn {
                stage: stage.name(),
                verb: command.verb(),
            }),
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
            mode: mode
                .or(suggestion.and_then(|s| s.mode))
                .unwrap_or(DEFAULT_MODE),
            track: track
                .or(suggestion.and_then(|s| s.track))
                .unwrap_or(DEFAULT_TRACK),
            round: 1,
            round_since: at,
        };
        Ok(vec![
            Event::Accepted { acceptance },
            Event::NoticeServed {
                notice,
                kind: NoticeKind::Acceptance,
                round: 1,
            },
        ])
    }

    fn withdraw(&self, others_go_on: bool) -> Result<Vec<Event>, Refusal> {
        match (others_go_on, self.complainant_left_at) {
            (false, _) => Ok(vec![Event::Withdrawn]),
            (true, None) => Ok(vec![Event::ComplainantLeft]),
            (true, Some(_)) => Err(Refusal::OutOfTurn {
                stage: StageName::Withdrawn,
                verb: Verb::Withdraw,
            }),
        }
    }

    fn add_facts(&self, declared: BTreeMap<FactCode, FactValue>) -> Result<Vec<Event>, Refusal> {
        if let Some(head) = self.follows() {
            return Err(Refusal::FollowsHead { head });
        }
        let mut facts = self.facts.clone();
        facts.declared.extend(declared);
        Ok(if facts == self.facts {
            Vec::new()
        } else {
            vec![Event::FactsAdded { facts }]
        })
    }

    fn involve(&self, mut units: BTreeSet<UnitCode>) -> Vec<Event> {
        units.retain(|unit| !self.participants.contains(unit));
        if units.is_empty() {
            Vec::new()
        } else {
            vec![Event::UnitsInvolved { units }]
        }
    }

    /// A closing that was refused sends the case through its shares again: the second answer of a round replaces the first.
    fn answer(&self, current: u32, handling: Handling, round: u32) -> Result<Vec<Event>, Refusal> {
        let is_closed = matches!(self.stage, Stage::Closed { .. });
        if round > current {
            return Err(Refusal::NotYet {
                what: "the reopening of this round",
            });
        }
        if round < current || is_closed {
            return Ok(Vec::new());
        }
        let notice = handling.notice;
        Ok(vec![
            Event::Answered { handling },
            Event::NoticeServed {
                notice,
                kind: NoticeKind::Reply,
                round,
            },
        ])
    }

    fn close(&self, current: u32, round: u32) -> Result<Vec<Event>, Refusal> {
        match &self.stage {
            Stage::Handled { .. } if round == current => Ok(vec![Event::Closed { round }]),
            Stage::Accepted(_) if round == current => Err(Refusal::NotYet {
                what: "the reply of this round",
            }),
            _ if round > current => Err(Refusal::NotYet {
                what: "the reopening of this round",
            }),
            _ => Ok(Vec::new()),
        }
    }

    fn reopen(
        &self,
        current: u32,
        rated: Option<u32>,
        cause: String,
        to: u32,
    ) -> Result<Vec<Event>, Refusal> {
        let is_closed = matches!(self.stage, Stage::Closed { .. });
        match rated {
            Some(rated) if rated > current => Err(Refusal::NotYet {
                what: "the closing of this round",
            }),
            // Nobody rates a round that is still going on.
            Some(rated) if rated == current && !is_closed => Err(Refusal::OutOfTurn {
                stage: self.stage.name(),
                verb: Verb::Reopen,
            }),
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
            Err(Refusal::OutOfTurn {
                stage: stage.name(),
                verb: Verb::Forget,
            })
        }
    }

    /// The case after what has happened.
    #[must_use]
    pub fn apply(mut self, event: &Event, at: Timestamp) -> Self {
        match event {
            Event::Accepted { acceptance } => self.stage = Stage::Accepted(acceptance.clone()),
            Event::Declined { verdict, notice } => {
                self.stage = Stage::Declined {
                    at,
                    verdict: verdict.clone(),
                    notice: *notice,
                };
            }
            Event::RoutedAway { verdict, notice } => {
                self.stage = Stage::RoutedAway {
                    at,
                    verdict: verdict.clone(),
                    notice: *notice,
                    receipt: None,
                };
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
            Event::Linked { link } => self.link = Some(*link),
            Event::RoundAdopted { round } => {
                if let Stage::Accepted(acceptance) = &mut self.stage {
                    acceptance.round = *round;
                }
            }
            Event::NoticeServed { .. } => {}
            Event::Diagnosed { suggestion, units } => {
                self.suggestion = Some(suggestion.clone());
                self.participants.extend(units.iter().cloned());
            }
            Event::UnitsInvolved { units } => self.participants.extend(units.iter().cloned()),
            Event::Answered { handling } => {
                if let Some(acceptance) = self.stage.acceptance().cloned() {
                    self.stage = Stage::Handled {
                        acceptance,
                        handling: handling.clone(),
                    };
                }
            }
            Event::Closed { .. } => {
                if let Stage::Handled {
                    acceptance,
                    handling,
                } = self.stage
                {
                    self.stage = Stage::Closed {
                        acceptance,
                        handling,
                        at,
                    };
                }
            }
            Event::Reopened { round, .. } => {
                if let Some(acceptance) = self.stage.acceptance().cloned() {
                    self.stage = Stage::Accepted(Acceptance {
                        round: *round,
                        round_since: at,
                        ..acceptance
                    });
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
        events
            .iter()
            .fold(self, |case, event| case.apply(event, at))
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
    Ok(vec![Event::Receipted {
        receipt: Receipt {
            number,
            at: signed_at,
        },
    }])
}
