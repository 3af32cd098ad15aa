//! 结案证明: a case closes on proof, checked by machine and by a unit that did not handle it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use vocab::{CaseId, UnitCode, WorkOrderId};

use crate::case::Case;
use crate::heard::NoticeKind;
use crate::ledger::{HANDLED, notice_subject};

/// 结案条件: what must hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckCode {
    /// 证据: every completed order carries evidence.
    Evidence,
    /// 份额办结: every share of the round is closed and the lead has answered for the whole.
    SharesClosed,
    /// 行动结束: every joint operation is over.
    OperationsFinished,
    /// 答复送达: every complainant has the reply.
    NoticeServed,
    /// 第二单位审核: a unit that did not handle the case has checked it.
    SecondUnit,
}

impl CheckCode {
    /// The code.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Evidence => "evidence",
            Self::SharesClosed => "shares_closed",
            Self::OperationsFinished => "operations_finished",
            Self::NoticeServed => "notice_served",
            Self::SecondUnit => "second_unit",
        }
    }
}

/// A condition and whether it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// Which.
    pub code: CheckCode,
    /// Whether it holds.
    pub holds: bool,
}

/// What a check found missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The check.
    pub check: Check,
    /// The orders, operations or cases that are in the way.
    pub missing: Vec<String>,
}

/// 审核结论: what the second unit decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "decision")]
pub enum Decision {
    /// 通过.
    Approved {
        /// The unit that checked.
        unit: UnitCode,
        /// The account that said so.
        by: String,
        /// When.
        at: Timestamp,
    },
    /// 退回.
    Refused {
        /// The unit that checked.
        unit: UnitCode,
        /// The account that said so.
        by: String,
        /// When.
        at: Timestamp,
        /// The share that goes back.
        order: WorkOrderId,
        /// Why, a code.
        reason: String,
    },
}

/// 结案证明: one attempt to close one round.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Closing {
    /// The round.
    pub round: u32,
    /// The attempt, from 1.
    pub attempt: u32,
    /// Who led.
    pub lead: UnitCode,
    /// When the case was handled.
    pub handled_at: Timestamp,
    /// What was decided; nothing while it waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision: Option<Decision>,
}

/// 同案成员: another case of the cluster, as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Which.
    pub id: CaseId,
    /// False once it is closed, declined, routed away or withdrawn.
    pub open: bool,
    /// The last round whose reply was served to its complainant, 0 for none.
    pub reply_round: u32,
}

impl Case {
    /// The case was handled: a proof begins, or, where the last one was refused, another attempt.
    pub(crate) fn begin_closing(&mut self, lead: &UnitCode, round: u32, at: Timestamp) {
        let last = self.closings.iter_mut().rev().find(|closing| closing.round == round);
        let attempt = match last {
            Some(open) if open.decision.is_none() => {
                open.lead = lead.clone();
                open.handled_at = at;
                return;
            }
            Some(Closing { decision: Some(Decision::Approved { .. }), .. }) => return,
            Some(refused) => refused.attempt + 1,
            None => 1,
        };
        self.closings.push(Closing { round, attempt, lead: lead.clone(), handled_at: at, decision: None });
    }

    /// The last attempt of a round; 0 means the latest round that has one.
    #[must_use]
    pub fn closing(&self, round: u32) -> Option<&Closing> {
        self.closings.iter().rev().find(|closing| round == 0 || closing.round == round)
    }

    /// The machine's checks of a round.
    #[must_use]
    pub fn findings(&self, round: u32, members: &[Member]) -> Vec<Finding> {
        vec![
            self.evidence(round),
            self.shares_closed(round),
            self.operations_finished(round),
            self.notice_served(round, members),
        ]
    }

    /// True where every machine check holds, as far as the head's own file tells; its members' replies are theirs to show.
    #[must_use]
    pub fn is_proven_but_members(&self, round: u32) -> bool {
        let replied = self.ledger.rounds.get(&round).is_some_and(|round| round.has(&notice_subject(NoticeKind::Reply)));
        replied
            && self.evidence(round).check.holds
            && self.shares_closed(round).check.holds
            && self.operations_finished(round).check.holds
    }

    fn evidence(&self, round: u32) -> Finding {
        let mut completed = 0;
        let mut missing = Vec::new();
        for (id, order) in self.ledger.orders_of(round) {
            if order.completed_at.is_some() {
                completed += 1;
                if order.evidence == 0 {
                    missing.push(id.to_string());
                }
            }
        }
        finding(CheckCode::Evidence, completed > 0, missing)
    }

    fn shares_closed(&self, round: u32) -> Finding {
        let handled = self.ledger.rounds.get(&round).is_some_and(|round| round.has(HANDLED));
        let open = self
            .ledger
            .orders_of(round)
            .filter(|(_, order)| order.ended_at().is_none())
            .map(|(id, _)| id.to_string())
            .collect();
        finding(CheckCode::SharesClosed, handled, open)
    }

    fn operations_finished(&self, round: u32) -> Finding {
        // An escalation whose proposal has not reached us yet is an operation that is not finished.
        let escalated = self.ledger.rounds.get(&round).is_some_and(|round| round.escalations > 0);
        let known = !escalated || !self.ledger.operations.is_empty();
        let open =
            self.ledger.operations.iter().filter(|(_, end)| end.is_none()).map(|(id, _)| id.to_string()).collect();
        finding(CheckCode::OperationsFinished, known, open)
    }

    fn notice_served(&self, round: u32, members: &[Member]) -> Finding {
        let served = self.ledger.rounds.get(&round).is_some_and(|round| round.has(&notice_subject(NoticeKind::Reply)));
        let mut missing: Vec<String> = members
            .iter()
            .filter(|member| member.open && member.reply_round < round)
            .map(|member| member.id.to_string())
            .collect();
        // A member that was linked and of which nothing was heard yet has no reply either.
        let unheard = self.ledger.members.iter().filter(|id| !members.iter().any(|member| member.id == **id));
        missing.extend(unheard.map(ToString::to_string));
        if !served {
            missing.insert(0, self.id.to_string());
        }
        finding(CheckCode::NoticeServed, served, missing)
    }
}

fn finding(code: CheckCode, begun: bool, missing: Vec<String>) -> Finding {
    Finding { check: Check { code, holds: begun && missing.is_empty() }, missing }
}
