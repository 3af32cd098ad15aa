//! 推导: which clocks a case has, from what was heard. The same facts give the same clocks, in whatever order they came.

use jiff::Timestamp;
use vocab::{ClockRule, Holder};

use crate::clock::{COMPLAINANT, Subject};
use crate::heard::{Deadline, NoticeKind};
use crate::ledger::{CONSULTED, Consultation, HANDLED, Ledger, NOTICE, OBJECTED, Order, Round, notice_subject};
use crate::rulebook::RuleBook;

/// A clock as the facts demand it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted<'book> {
    /// Its name within the case.
    pub kind: String,
    /// The round.
    pub round: u32,
    /// The rule.
    pub rule: &'book ClockRule,
    /// What it counts from.
    pub anchor_at: Timestamp,
    /// The deadline another service has counted, where one has.
    pub adopted: Option<Deadline>,
    /// Who owes it.
    pub holder: String,
    /// What it is about.
    pub subject: Subject,
    /// When it was stopped.
    pub stopped_at: Option<Timestamp>,
}

/// A rule another service counts by, which the rules in force do not have: theirs may be newer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownRule(pub vocab::RuleCode);

/// Events of the case itself that may start a clock. Orders and letters come with their deadlines, and what follows closing
/// is not a clock of the case.
fn starts_case_clock(anchor: &str) -> bool {
    matches!(
        anchor,
        "intake.case.registered"
            | "intake.case.accepted"
            | "intake.case.reopened"
            | "intake.case.returned_from_route"
            | "assignment.diagnosis.made"
            | "assignment.determination.made"
            | "assignment.consultation.opened"
            | "assignment.ruling.made"
            | "assignment.case.escalated"
            | "assignment.case.handled"
    ) || anchor == NOTICE
        || anchor.strip_prefix(NOTICE).is_some_and(|rest| rest.starts_with('.'))
}

/// Every clock the facts demand.
pub fn wanted<'book>(ledger: &Ledger, book: &'book RuleBook) -> Result<Vec<Wanted<'book>>, UnknownRule> {
    let mut wanted = Vec::new();
    for (number, round) in &ledger.rounds {
        let starting = book.active().filter(|rule| starts_case_clock(&rule.anchor) && !book.is_adopted(&rule.id));
        for rule in starting {
            wanted.extend(case_clock(ledger, book, *number, round, rule));
        }
    }
    for (id, order) in &ledger.orders {
        wanted.extend(order_clocks(ledger, book, *id, order)?);
        wanted.extend(objection_clocks(ledger, book, *id, order));
    }
    for (id, consultation) in &ledger.consultations {
        wanted.extend(consultation_clock(ledger, book, *id, consultation)?);
    }
    Ok(wanted)
}

fn case_clock<'book>(
    ledger: &Ledger,
    book: &'book RuleBook,
    number: u32,
    round: &Round,
    rule: &'book ClockRule,
) -> Option<Wanted<'book>> {
    let by_complainant = rule.holder == Holder::Complainant;
    // The complainant's own period after a notice runs from the reply, not from a receipt.
    let anchor = if by_complainant && rule.anchor == NOTICE {
        round.marks.get(&notice_subject(NoticeKind::Reply))
    } else {
        round.marks.get(&rule.anchor)
    }?;
    let from_intake = rule.anchor.starts_with("intake.");
    // What another service anchors is judged by the facts the round began with: they do not depend on who spoke first.
    let facts = if from_intake {
        round.accepted_with.as_ref().or(round.opened_with.as_ref())
    } else {
        round.opened_with.as_ref()
    }?;
    if !book.applies(rule, facts, ledger.mode, ledger.track) {
        return None;
    }
    // What may happen again in a round is timed from the last time.
    let repeats = matches!(rule.anchor.as_str(), HANDLED | CONSULTED) && anchor.first != anchor.last;
    let anchor_at = if repeats { anchor.last } else { anchor.first };
    if !in_force(rule, anchor_at) {
        return None;
    }
    // A fact from before that, or from before the case came back, does not stop the clock.
    let since = if repeats || round.returns > 0 { anchor_at } else { Timestamp::MIN };
    let stopped_at = rule
        .stops
        .iter()
        .filter_map(|subject| Some((subject, round.marks.get(subject)?.from(since)?)))
        .chain(round.ended.map(|at| (&rule.anchor, at)))
        .min_by_key(|(_, at)| *at);
    // Intake speaks in its own order: what it said before the anchor, such as the link to a head, leaves no clock to start.
    if from_intake && stopped_at.is_some_and(|(subject, at)| subject.starts_with("intake.") && at < anchor_at) {
        return None;
    }
    let stopped_at = stopped_at.map(|(_, at)| at);
    Some(Wanted {
        kind: rule.id.to_string(),
        round: number,
        rule,
        anchor_at,
        adopted: None,
        holder: holder(ledger, book, rule),
        subject: Subject::Case,
        stopped_at,
    })
}

fn holder(ledger: &Ledger, book: &RuleBook, rule: &ClockRule) -> String {
    let unit = match rule.holder {
        Holder::Complainant => return COMPLAINANT.to_owned(),
        Holder::Lead | Holder::Handler => ledger.lead.as_ref(),
        Holder::Desk => ledger.receiving_unit.as_ref(),
        Holder::Centre | Holder::Superior => None,
    };
    unit.unwrap_or(&book.centre).to_string()
}

fn find<'book>(book: &'book RuleBook, deadline: &Deadline) -> Result<&'book ClockRule, UnknownRule> {
    book.rule(&deadline.rule).ok_or_else(|| UnknownRule(deadline.rule.clone()))
}

fn order_clocks<'book>(
    ledger: &Ledger,
    book: &'book RuleBook,
    id: vocab::WorkOrderId,
    order: &Order,
) -> Result<Vec<Wanted<'book>>, UnknownRule> {
    let dispatch = &order.dispatch;
    let round_ended = ledger.rounds.get(&dispatch.round).and_then(|round| round.ended);
    let over = [order.ended_at(), round_ended].into_iter().flatten().min();
    let mut clocks = Vec::with_capacity(2);
    let mut push = |deadline: &Deadline, stopped_at| -> Result<(), UnknownRule> {
        clocks.push(Wanted {
            kind: format!("{}/{id}", deadline.rule),
            round: dispatch.round,
            rule: find(book, deadline)?,
            anchor_at: deadline.anchor_at,
            adopted: Some(deadline.clone()),
            holder: dispatch.unit.to_string(),
            subject: Subject::Order(id),
            stopped_at,
        });
        Ok(())
    };
    push(&dispatch.deadline, over)?;
    if let Some(acknowledge) = &dispatch.acknowledge {
        let stopped_at = [order.acknowledged_at, over].into_iter().flatten().min();
        push(acknowledge, stopped_at)?;
    }
    Ok(clocks)
}

/// The centre owes an answer to an objection.
fn objection_clocks<'book>(
    ledger: &Ledger,
    book: &'book RuleBook,
    id: vocab::WorkOrderId,
    order: &Order,
) -> Vec<Wanted<'book>> {
    let Some(objected_at) = order.objected_at else {
        return Vec::new();
    };
    let round = order.dispatch.round;
    let round_ended = ledger.rounds.get(&round).and_then(|round| round.ended);
    let over = [order.objection_decided_at, order.ended_at(), round_ended];
    book.active()
        .filter(|rule| rule.anchor == OBJECTED && in_force(rule, objected_at))
        .map(|rule| Wanted {
            kind: format!("{}/{id}", rule.id),
            round,
            rule,
            anchor_at: objected_at,
            adopted: None,
            holder: holder(ledger, book, rule),
            subject: Subject::Order(id),
            stopped_at: over.into_iter().flatten().min(),
        })
        .collect()
}

/// A rule counts what happens while it is in force.
fn in_force(rule: &ClockRule, anchor_at: Timestamp) -> bool {
    rule.validity.covers(vocab::calendar::day_of(anchor_at))
}

fn consultation_clock<'book>(
    ledger: &Ledger,
    book: &'book RuleBook,
    id: vocab::ConsultationId,
    consultation: &Consultation,
) -> Result<Option<Wanted<'book>>, UnknownRule> {
    let Some(deadline) = &consultation.deadline else {
        return Ok(None);
    };
    let round_ended = ledger.rounds.get(&consultation.round).and_then(|round| round.ended);
    Ok(Some(Wanted {
        kind: format!("{}/{id}", deadline.rule),
        round: consultation.round,
        rule: find(book, deadline)?,
        anchor_at: deadline.anchor_at,
        adopted: Some(deadline.clone()),
        holder: book.centre.to_string(),
        subject: Subject::Consultation(id),
        stopped_at: [consultation.ended_at, round_ended].into_iter().flatten().min(),
    }))
}

/// True where a member of a cluster leaves the pressing to its head: the same unit is not pressed once for each complainant.
#[must_use]
pub fn pressed_through_head(ledger: &Ledger, rule: &ClockRule) -> bool {
    ledger.head.is_some() && matches!(rule.holder, Holder::Lead | Holder::Handler)
}
