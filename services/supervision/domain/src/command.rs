//! 决定: what people decide about clocks, supervision orders and closings.

use jiff::Timestamp;
use vocab::{Pause, SupervisionOrderId, UnitCode, WorkOrderId};

use crate::case::Case;
use crate::clock::{self, Clock, ClockState, Granted, Subject};
use crate::closing::{Check, CheckCode, Closing, Decision, Member};
use crate::event::Event;
use crate::ledger::{APPROVED, REFUSED};
use crate::refusal::Refusal;
use crate::rulebook::RuleBook;

/// Who asks for an extension.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approver {
    /// The account.
    pub account: String,
    /// Its unit.
    pub unit: String,
    /// The kinds of post the person holds there, e.g. `unit_head`.
    pub posts: Vec<String>,
}

/// Who checks a closing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checker {
    /// The account.
    pub account: String,
    /// Its unit.
    pub unit: UnitCode,
}

impl Case {
    /// 延期: once, by the head of the unit that owes the clock, within the rule's maximum, before the time is up.
    pub fn extend(
        &mut self,
        kind: &str,
        amount: u32,
        approver: &Approver,
        book: &RuleBook,
        at: Timestamp,
    ) -> Result<Vec<Event>, Refusal> {
        let clock = self.clock_mut(kind).ok_or_else(|| Refusal::NoClock(kind.to_owned()))?;
        must_run(clock, at)?;
        let rule = book.rule(&clock.rule).ok_or_else(|| Refusal::NotExtensible(clock.rule.clone()))?;
        let extension = rule
            .extension
            .as_ref()
            .filter(|extension| extension.times > 0)
            .ok_or_else(|| Refusal::NotExtensible(clock.rule.clone()))?;
        if approver.unit != clock.holder {
            return Err(Refusal::NotTheHolder { holder: clock.holder.clone() });
        }
        if !approver.posts.contains(&extension.approver) {
            return Err(Refusal::NotTheHead);
        }
        if clock.extension.is_some() {
            return Err(Refusal::ExtendedBefore);
        }
        if amount == 0 || amount > extension.max_amount {
            return Err(Refusal::TooMuch { max: extension.max_amount });
        }
        let counted = clock::count(book, rule, clock.anchor_at, &clock.pauses, amount)?;
        clock.recount(&counted);
        clock.extension = Some(Granted { amount, by: approver.account.clone(), at });
        begin_ladder_anew(clock);
        Ok(vec![Event::ClocksExtended { clocks: vec![clock.clone()], by: approver.account.clone() }])
    }

    /// 中止: for a reason the rule lists, before the time is up.
    pub fn pause(&mut self, kind: &str, reason: &str, book: &RuleBook, at: Timestamp) -> Result<Vec<Event>, Refusal> {
        let clock = self.clock_mut(kind).ok_or_else(|| Refusal::NoClock(kind.to_owned()))?;
        must_run(clock, at)?;
        let listed = book.rule(&clock.rule).is_some_and(|rule| rule.pausable.iter().any(|listed| listed == reason));
        if !listed {
            return Err(Refusal::NotPausable { rule: clock.rule.clone(), reason: reason.to_owned() });
        }
        clock.pauses.push(Pause { reason: reason.to_owned(), from: at, until: None });
        clock.state = ClockState::Paused;
        Ok(vec![Event::ClocksPaused { clocks: vec![clock.clone()], reason: reason.to_owned() }])
    }

    /// 恢复: the reason has ended; the time that stood still does not count.
    pub fn resume(&mut self, kind: &str, book: &RuleBook, at: Timestamp) -> Result<Vec<Event>, Refusal> {
        let clock = self.clock_mut(kind).ok_or_else(|| Refusal::NoClock(kind.to_owned()))?;
        if !clock.is_open() {
            return Err(Refusal::Stopped);
        }
        let Some(pause) = clock.pauses.iter_mut().find(|pause| pause.until.is_none()) else {
            return Err(Refusal::NotPaused);
        };
        pause.until = Some(at.max(pause.from));
        let rule = book.rule(&clock.rule).ok_or_else(|| Refusal::NotExtensible(clock.rule.clone()))?;
        let counted = clock::count(book, rule, clock.anchor_at, &clock.pauses, clock.granted())?;
        clock.recount(&counted);
        clock.state = ClockState::Running;
        begin_ladder_anew(clock);
        Ok(vec![Event::ClocksMoved { clocks: vec![clock.clone()] }])
    }

    /// 督办回复: the unit answers what was asked of it.
    pub fn answer(
        &mut self,
        id: SupervisionOrderId,
        unit: &str,
        account: &str,
        at: Timestamp,
    ) -> Result<Vec<Event>, Refusal> {
        let order = self
            .supervision_orders
            .get_mut(&id)
            .filter(|order| order.unit.as_str() == unit)
            .ok_or(Refusal::NoSupervisionOrder)?;
        if order.answer.is_none() {
            return Err(Refusal::NoAnswerAsked);
        }
        if order.answered_at.is_some() {
            return Err(Refusal::Answered);
        }
        order.answered_at = Some(at);
        order.answered_by = Some(account.to_owned());
        let mut events = vec![Event::SupervisionOrderAnswered { order: id, unit: order.unit.clone(), at }];
        let clock = self.clocks.iter_mut().find(|clock| clock.subject == Subject::Answer(id) && clock.is_open());
        if let Some(clock) = clock {
            clock.stop(at);
            events.push(Event::ClocksStopped { kinds: vec![clock.kind.clone()], at });
        }
        Ok(events)
    }

    /// 结案审核通过: every machine check holds and the checker's unit had no hand in the case.
    pub fn approve(
        &mut self,
        members: &[Member],
        checker: &Checker,
        book: &RuleBook,
        at: Timestamp,
    ) -> Result<Vec<Event>, Refusal> {
        let round = self.may_decide(checker)?.round;
        let mut checks: Vec<Check> = self.findings(round, members).into_iter().map(|finding| finding.check).collect();
        let missing: Vec<CheckCode> = checks.iter().filter(|check| !check.holds).map(|check| check.code).collect();
        if !missing.is_empty() {
            return Err(Refusal::ChecksMissing(missing));
        }
        checks.push(Check { code: CheckCode::SecondUnit, holds: true });
        self.decide(Decision::Approved { unit: checker.unit.clone(), by: checker.account.clone(), at });
        let approved = Event::ClosingApproved { round, checks, unit: checker.unit.clone(), at };
        self.said_of_closing(APPROVED, round, approved, book, at)
    }

    /// 结案审核退回: a completed share of this round goes back to its holder.
    pub fn refuse(
        &mut self,
        order: WorkOrderId,
        reason: &str,
        members: &[Member],
        checker: &Checker,
        book: &RuleBook,
        at: Timestamp,
    ) -> Result<Vec<Event>, Refusal> {
        let round = self.may_decide(checker)?.round;
        let is_share = self.ledger.orders_of(round).any(|(id, share)| *id == order && share.completed_at.is_some());
        if !is_share {
            return Err(Refusal::NotAShare(order));
        }
        let mut checks: Vec<Check> = self.findings(round, members).into_iter().map(|finding| finding.check).collect();
        checks.push(Check { code: CheckCode::SecondUnit, holds: false });
        self.decide(Decision::Refused {
            unit: checker.unit.clone(),
            by: checker.account.clone(),
            at,
            order,
            reason: reason.to_owned(),
        });
        let refused = Event::ClosingRefused { round, checks, order, reason: reason.to_owned(), at };
        self.said_of_closing(REFUSED, round, refused, book, at)
    }

    /// What was decided stops the clock of the check.
    fn said_of_closing(
        &mut self,
        subject: &str,
        round: u32,
        event: Event,
        book: &RuleBook,
        at: Timestamp,
    ) -> Result<Vec<Event>, Refusal> {
        // Another service's clock may be a moment ahead of ours; what answers it still comes after it.
        let handled_at = self.closing(round).map_or(at, |closing| closing.handled_at);
        self.ledger.round(round).mark(subject, at.max(handled_at));
        let mut events = vec![event];
        events.extend(self.reconcile(book)?);
        Ok(events)
    }

    /// The undecided closing, if this checker may decide it.
    fn may_decide(&self, checker: &Checker) -> Result<&Closing, Refusal> {
        if self.ledger.head.is_some() {
            return Err(Refusal::NotTheHeadCase);
        }
        let closing = self.closing(0).ok_or(Refusal::NoClosing)?;
        if closing.decision.is_some() {
            return Err(Refusal::Decided);
        }
        let ended = self.ledger.rounds.get(&closing.round).is_some_and(|round| round.ended.is_some());
        if ended {
            return Err(Refusal::CaseEnded);
        }
        let handled = closing.lead == checker.unit || self.ledger.handling_units(closing.round).contains(&checker.unit);
        if handled {
            return Err(Refusal::HandledIt { unit: checker.unit.to_string() });
        }
        Ok(closing)
    }

    fn decide(&mut self, decision: Decision) {
        if let Some(closing) = self.closings.last_mut() {
            closing.decision = Some(decision);
        }
    }
}

fn must_run(clock: &Clock, at: Timestamp) -> Result<(), Refusal> {
    match clock.state {
        ClockState::Stopped { .. } => Err(Refusal::Stopped),
        ClockState::Paused => Err(Refusal::Paused),
        ClockState::Breached { .. } => Err(Refusal::Breached),
        // The alarm may be late; the law is not.
        ClockState::Running if at > clock.due_at => Err(Refusal::Breached),
        ClockState::Running => Ok(()),
    }
}

/// The due date has moved: warnings and rungs before it stand anew.
fn begin_ladder_anew(clock: &mut Clock) {
    clock.warned = 0;
    clock.rungs.clear();
}
