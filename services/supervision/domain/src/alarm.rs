//! 到点: what falls due by itself — warnings, breaches, the rungs of the ladder. One timer per case waits for the next of them.

use jiff::{SignedDuration, Timestamp};
use vocab::{ClockError, RuleCode, UnitCode};

use crate::case::{Case, NotHeard, Stopped};
use crate::clock::{self, COMPLAINANT, Clock, ClockState, Subject};
use crate::derive::pressed_through_head;
use crate::event::Event;
use crate::heard::Deadline;
use crate::ledger::Ledger;
use crate::rulebook::{RuleBook, Rung, RungSide, just_after};
use crate::supervision_order::{SupervisionOrder, id_of};

/// Something that falls due.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Alarm {
    /// So many warnings have now been due.
    Warn(u32),
    /// The time is up.
    Breach,
    /// A rung of the ladder.
    Rung(RuleCode),
}

/// The next alarm of a case and the clock it belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Next<'case> {
    /// When it is due.
    pub at: Timestamp,
    /// The clock.
    pub clock: &'case Clock,
}

impl Case {
    /// What falls due next.
    pub fn next_alarm(&self, book: &RuleBook) -> Result<Option<Next<'_>>, ClockError> {
        let mut next: Option<Next<'_>> = None;
        for clock in &self.clocks {
            for (at, _) in alarms(clock, &self.ledger, book, Until::Breach)? {
                if next.as_ref().is_none_or(|other| at < other.at) {
                    next = Some(Next { at, clock });
                }
            }
        }
        Ok(next)
    }

    /// Does everything that has fallen due by now. A reminder that its own deadline has overtaken is folded into the breach.
    pub fn fire(&mut self, book: &RuleBook, now: Timestamp) -> Result<Vec<Event>, NotHeard> {
        let (mut warned, mut breached, mut issued) = (Vec::new(), Vec::new(), Vec::new());
        let mut stopped = Stopped::default();
        let mut late_by = SignedDuration::ZERO;
        for clock in &mut self.clocks {
            let mut due = alarms(clock, &self.ledger, book, Until::Ever)?;
            due.retain(|(at, _)| *at <= now);
            due.sort_by_key(|(at, _)| *at);
            let was_late = now > clock.due_at;
            let mut pressed = false;
            for (_, alarm) in due {
                match alarm {
                    Alarm::Warn(count) => {
                        clock.warned = count;
                        if !was_late {
                            warned.push(clock.clone());
                        }
                    }
                    Alarm::Breach if clock.holder == COMPLAINANT => {
                        let at = clock.due_at;
                        clock.stop(at);
                        stopped.note(at, &clock.kind);
                    }
                    Alarm::Breach => {
                        clock.state = ClockState::Breached { at: clock.due_at };
                        late_by = late_by.max(now.duration_since(clock.due_at));
                        breached.push(clock.clone());
                    }
                    Alarm::Rung(code) => {
                        let rung = book.ladder.rungs.iter().find(|rung| rung.code == code);
                        let Some(rung) = rung else { continue };
                        if rung.side == RungSide::Before && was_late {
                            clock.rungs.push(code);
                        } else if !pressed {
                            pressed = true;
                            clock.rungs.push(code);
                            clock.served_at = Some(now);
                            issued.push((clock.clone(), rung));
                        }
                    }
                }
            }
        }
        warned.dedup_by(|one, other| one.kind == other.kind && one.round == other.round);
        let mut events = self.said(warned, breached, late_by, stopped, now);
        self.serve(issued, book, now, &mut events)?;
        Ok(events)
    }

    fn said(
        &self,
        warned: Vec<Clock>,
        breached: Vec<Clock>,
        late_by: SignedDuration,
        stopped: Stopped,
        now: Timestamp,
    ) -> Vec<Event> {
        let mut events = Vec::new();
        if !warned.is_empty() {
            events.push(Event::ClocksWarned { clocks: warned, at: now });
        }
        if !breached.is_empty() {
            events.push(Event::ClocksBreached { clocks: breached, late_by });
        }
        events.extend(stopped.into_events());
        events
    }

    fn serve(
        &mut self,
        issued: Vec<(Clock, &Rung)>,
        book: &RuleBook,
        now: Timestamp,
        events: &mut Vec<Event>,
    ) -> Result<(), NotHeard> {
        let mut answers = Vec::new();
        for (clock, rung) in issued {
            let Ok(unit) = UnitCode::new(clock.holder.as_str()) else {
                continue;
            };
            let id = id_of(self.id, &clock, &rung.code);
            let answer = match &rung.answer_rule {
                Some(code) => Some(answer_clock(&clock, id, code, book, now)?),
                None => None,
            };
            let order = SupervisionOrder {
                id,
                unit,
                rung: rung.kind,
                clock_kind: clock.kind.clone(),
                order: match clock.subject {
                    Subject::Order(order) => Some(order),
                    _ => None,
                },
                round: clock.round,
                issued_at: now,
                served_on: rung.served_on.clone(),
                answer: answer.as_ref().map(|clock| Deadline {
                    rule: clock.rule.clone(),
                    anchor_at: clock.anchor_at,
                    due_at: clock.due_at,
                    calendar_version: clock.calendar_version,
                    citation: Some(clock.citation.clone()),
                }),
                answered_at: None,
                answered_by: None,
            };
            self.supervision_orders.insert(id, order.clone());
            events.push(Event::SupervisionOrderIssued(Box::new(order)));
            answers.extend(answer);
        }
        if !answers.is_empty() {
            for clock in &answers {
                self.insert(clock.clone());
            }
            events.push(Event::ClocksStarted { clocks: answers });
        }
        Ok(())
    }
}

impl Case {
    /// 期限调整: the calendar has changed, so clocks that run are counted anew. What has run out or was served stays as it was, and
    /// nothing is due sooner than the end of the next working day.
    pub fn recount(&mut self, book: &RuleBook, now: Timestamp) -> Result<Vec<Event>, NotHeard> {
        let tomorrow = vocab::calendar::following(vocab::calendar::day_of(now)).map_err(ClockError::from)?;
        let soonest = book.calendar.next_workday(tomorrow).map_err(ClockError::from)?;
        let soonest = vocab::calendar::end_of_day(soonest).map_err(ClockError::from)?;
        let mut moved = Vec::new();
        for clock in &mut self.clocks {
            if clock.state != ClockState::Running || clock.calendar_version == book.calendar.version {
                continue;
            }
            let Some(rule) = book.rule(&clock.rule) else {
                continue;
            };
            // A rule that has changed meanwhile no longer counts what was granted under the old one: then that stands.
            let Ok(mut counted) = clock::count(book, rule, clock.anchor_at, &clock.pauses, clock.granted()) else {
                continue;
            };
            let before = clock.due_at;
            if counted.due_at < before {
                counted.due_at = counted.due_at.max(soonest.min(before));
            }
            clock.recount(&counted);
            if clock.due_at != before {
                moved.push(clock.clone());
            }
        }
        Ok(if moved.is_empty() { Vec::new() } else { vec![Event::ClocksMoved { clocks: moved }] })
    }
}

/// The clock of a supervision order's answer.
fn answer_clock(
    about: &Clock,
    id: vocab::SupervisionOrderId,
    code: &RuleCode,
    book: &RuleBook,
    now: Timestamp,
) -> Result<Clock, NotHeard> {
    let rule = book.rule(code).ok_or_else(|| NotHeard::Rule(code.clone()))?;
    let counted = clock::count(book, rule, now, &[], 0)?;
    Ok(Clock {
        kind: format!("{code}/{id}"),
        round: about.round,
        rule: code.clone(),
        anchor_at: now,
        due_at: counted.due_at,
        raw_on: counted.raw_on,
        provisional: counted.provisional,
        calendar_version: counted.calendar_version,
        citation: rule.citation.clone(),
        holder: about.holder.clone(),
        subject: Subject::Answer(id),
        state: ClockState::Running,
        pauses: Vec::new(),
        extension: None,
        warned: 0,
        rungs: Vec::new(),
        served_at: None,
    })
}

/// How far ahead is looked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Until {
    /// Of a clock that runs, until its time is up: no rung after that comes sooner.
    Breach,
    /// Everything.
    Ever,
}

/// What a clock will do by itself and has not done yet. A clock that is stopped or stands still does nothing.
fn alarms(
    clock: &Clock,
    ledger: &Ledger,
    book: &RuleBook,
    until: Until,
) -> Result<Vec<(Timestamp, Alarm)>, ClockError> {
    let mut alarms = Vec::new();
    if !clock.is_ticking() {
        return Ok(alarms);
    }
    let running = clock.state == ClockState::Running;
    if running {
        alarms.push((just_after(clock.due_at), Alarm::Breach));
    }
    let Some(rule) = book.rule(&clock.rule) else {
        return Ok(alarms);
    };
    if clock.holder == COMPLAINANT {
        return Ok(alarms);
    }
    if running {
        warnings(clock, rule, book, &mut alarms)?;
    }
    let pressed = matches!(clock.subject, Subject::Case | Subject::Order(_)) && !pressed_through_head(ledger, rule);
    if pressed {
        rungs(clock, book, running && until == Until::Breach, &mut alarms)?;
    }
    Ok(alarms)
}

fn warnings(
    clock: &Clock,
    rule: &vocab::ClockRule,
    book: &RuleBook,
    alarms: &mut Vec<(Timestamp, Alarm)>,
) -> Result<(), ClockError> {
    let mut moments = Vec::with_capacity(rule.warn_before.len());
    for warning in &rule.warn_before {
        moments.push(vocab::before(clock.due_at, warning.amount, warning.unit, &book.calendar)?);
    }
    moments.sort_unstable();
    for (count, at) in (1_u32..).zip(moments) {
        if count > clock.warned && at > clock.anchor_at {
            alarms.push((at, Alarm::Warn(count)));
        }
    }
    Ok(())
}

/// The rungs still to come, each no sooner than the working day after the one before: an outage of ours must not bury a unit.
fn rungs(
    clock: &Clock,
    book: &RuleBook,
    before_only: bool,
    alarms: &mut Vec<(Timestamp, Alarm)>,
) -> Result<(), ClockError> {
    let earliest = match clock.served_at {
        Some(at) => Some(vocab::after(at, 1, vocab::Unit::Workday, &book.calendar)?),
        None => None,
    };
    for rung in &book.ladder.rungs {
        if clock.rungs.contains(&rung.code) || (before_only && rung.side == RungSide::After) {
            continue;
        }
        let at = book.rung_at(rung, clock.due_at)?;
        match rung.side {
            RungSide::Before => {
                // Shorter clocks than the rung is long have no such rung; one moved past the due date is folded into the breach.
                if at > clock.anchor_at && at <= clock.due_at {
                    alarms.push((at, Alarm::Rung(rung.code.clone())));
                }
            }
            RungSide::After => {
                let at = match earliest {
                    Some(earliest) => book.allowed_from(at.max(earliest))?,
                    None => at,
                };
                alarms.push((at, Alarm::Rung(rung.code.clone())));
            }
        }
    }
    Ok(())
}
