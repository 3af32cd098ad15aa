//! Clocks: which a case has, when they warn, breach and stop.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failed test should panic

mod support;

use jiff::Timestamp;
use jiff::civil::time;
use supervision_domain::{Approver, Case, ClockState, Fact, Heard, NoticeKind, Refusal, RuleBook};
use support::*;
use vocab::Role;

fn head_of(holder: &str) -> Approver {
    Approver { account: format!("{holder}-head"), unit: holder.into(), posts: vec!["unit_head".into()] }
}

/// Registered, accepted and given to ZF on Monday 2 March 2026.
fn given_to_zf() -> Case {
    let mut case = Case::new(CASE);
    tell(
        &mut case,
        [
            registered(march(2, 9, 0)),
            accepted(march(2, 10, 0)),
            notice(NoticeKind::Acceptance, 1, march(2, 10, 0)),
            dispatched(1, "ZF", Role::Lead, 1, march(2, 10, 5)),
        ],
    );
    case
}

#[test]
fn a_case_has_all_its_clocks_at_once() {
    let mut case = Case::new(CASE);
    let said = kinds(&tell(&mut case, [registered(march(2, 9, 0))]));
    assert_eq!(said, ["+triage", "+xf.inform"]);
    let said = kinds(&tell(&mut case, [accepted(march(2, 10, 0))]));
    assert_eq!(said, ["+petition.duty", "+xf.finish"]);
    let inform = case.clock("xf.inform").unwrap();
    assert_eq!(inform.due_at, vocab::calendar::end_of_day(jiff::civil::date(2026, 3, 17)).unwrap());
    assert_eq!(case.clock("xf.finish").unwrap().holder, "CENTRE");
    let said = kinds(&tell(&mut case, [dispatched(1, "ZF", Role::Lead, 1, march(2, 10, 5))]));
    assert_eq!(said.len(), 2);
    assert_eq!(case.clock("xf.finish").unwrap().holder, "ZF");
}

#[test]
fn a_receipt_does_not_stop_the_inform_clock_but_a_notice_of_acceptance_does() {
    let mut case = Case::new(CASE);
    tell(&mut case, [registered(march(2, 9, 0)), notice(NoticeKind::Receipt, 1, march(2, 9, 0))]);
    assert_eq!(case.clock("xf.inform").unwrap().state, ClockState::Running);
    tell(&mut case, [notice(NoticeKind::Acceptance, 1, march(3, 9, 0))]);
    assert_eq!(case.clock("xf.inform").unwrap().state, ClockState::Stopped { at: march(3, 9, 0), late: false });
}

#[test]
fn closing_stops_everything_and_reopening_starts_the_round_anew() {
    let mut case = given_to_zf();
    tell(&mut case, [closed(1, march(20, 9, 0))]);
    assert!(case.clocks.iter().all(|clock| !clock.is_open()));
    assert_eq!(case.next_alarm(&book()).unwrap(), None);
    let reopened = Heard::new(march(25, 9, 0), Fact::Reopened { round: 2, facts: facts() });
    let said = kinds(&tell(&mut case, [reopened]));
    assert_eq!(said, ["+petition.duty", "+xf.finish"]);
    let finish = case.clock("xf.finish").unwrap();
    assert_eq!((finish.round, finish.anchor_at), (2, march(25, 9, 0)));
    assert_eq!(case.clocks.iter().filter(|clock| clock.kind == "xf.finish").count(), 2);
}

#[test]
fn a_case_that_comes_back_from_another_authority_is_timed_anew() {
    let mut case = Case::new(CASE);
    tell(&mut case, [registered(march(2, 9, 0)), Heard::new(march(3, 9, 0), Fact::RoutedAway)]);
    assert!(case.clocks.iter().all(|clock| !clock.is_open()));
    let back = Heard::new(march(20, 9, 0), Fact::Returned { facts: facts() });
    assert_eq!(kinds(&tell(&mut case, [back])), ["+triage", "+xf.inform"]);
    assert_eq!(case.clock("xf.inform").unwrap().anchor_at, march(20, 9, 0));
}

#[test]
fn warnings_reminders_breach_urging_and_order_come_in_turn() {
    let book = book();
    let mut case = given_to_zf();
    tell(&mut case, [acknowledged(1, march(2, 11, 0)), Heard::new(march(2, 11, 0), Fact::Diagnosed)]);
    // 15 working days after Monday 2 March end on Monday 23 March.
    let kind = format!("order.finish/{}", order(1));
    let mut story = Vec::new();
    for _ in 0..6 {
        let at = case.next_alarm(&book).unwrap().unwrap().at;
        let said = case.fire(&book, at).unwrap();
        story.push((at, kinds(&said)));
    }
    let expected = [
        (march(18, 8, 30), vec![format!("~{kind}")]),
        (march(19, 8, 30), vec![format!("^remind ZF {kind}")]),
        (supervision_domain::rulebook::just_after(case.clock(&kind).unwrap().due_at), vec![format!("!{kind}")]),
        (march(24, 8, 30), vec![format!("^urge ZF {kind}")]),
    ];
    assert_eq!(story[..4], expected);
    assert_eq!(story[4].0, march(25, 8, 30));
    assert_eq!(story[4].1[0], format!("^supervision_order ZF {kind}"));
    assert!(story[4].1[1].starts_with("+supervision.answer/"));
    assert!(matches!(case.clock(&kind).unwrap().state, ClockState::Breached { .. }));
}

#[test]
fn after_our_own_outage_a_unit_is_pressed_step_by_step() {
    let book = book();
    let mut case = given_to_zf();
    let said = kinds(&case.fire(&book, march(30, 9, 0)).unwrap());
    let urged = said.iter().filter(|said| said.starts_with("^urge")).count();
    assert!(!said.iter().any(|said| said.starts_with('~')), "a warning after its deadline is folded: {said:?}");
    assert!(!said.iter().any(|said| said.starts_with("^remind") || said.starts_with("^supervision")), "{said:?}");
    assert_eq!(urged, 3, "one rung for each clock that ran out: {said:?}");
    let next = case.next_alarm(&book).unwrap().unwrap();
    assert_eq!(next.at, march(31, 8, 30));
}

#[test]
fn nothing_is_served_at_night_or_on_a_day_off() {
    let book = book();
    for (at, allowed) in [
        (march(6, 17, 59), march(6, 17, 59)),
        (march(6, 18, 0), march(9, 8, 30)),
        (march(7, 12, 0), march(9, 8, 30)),
        (march(9, 0, 0), march(9, 8, 30)),
        (march(9, 8, 30), march(9, 8, 30)),
        (march(9, 23, 59), march(10, 8, 30)),
    ] {
        assert_eq!(book.allowed_from(at).unwrap(), allowed);
    }
}

#[test]
fn a_member_of_a_cluster_leaves_the_pressing_to_its_head() {
    let book = book();
    let mut case = Case::new(MEMBER);
    tell(
        &mut case,
        [
            registered(march(2, 9, 0)),
            Heard::new(march(2, 9, 30), Fact::Linked { head: CASE }),
            accepted(march(2, 10, 0)),
        ],
    );
    assert!(case.clock("xf.finish").is_none(), "its rule ends at the link, which was there before it could start");
    let said = kinds(&case.fire(&book, moment(2026, 5, 20, time(9, 0, 0, 0))).unwrap());
    assert!(said.contains(&"!petition.duty".to_owned()));
    assert!(!said.iter().any(|said| said.contains("petition.duty") && said.starts_with('^')), "{said:?}");
}

#[test]
fn the_complainants_own_period_lapses_without_blame() {
    let book = book();
    let mut case = Case::new(CASE);
    tell(
        &mut case,
        [registered(march(2, 9, 0)), accepted(march(2, 9, 0)), notice(NoticeKind::Reply, 1, march(3, 9, 0))],
    );
    assert_eq!(case.clock("review.ask").unwrap().holder, "complainant");
    let said = kinds(&case.fire(&book, moment(2026, 4, 10, time(9, 0, 0, 0))).unwrap());
    assert!(said.contains(&"-review.ask".to_owned()), "{said:?}");
    assert!(!said.iter().any(|said| said == "!review.ask"));
}

#[test]
fn an_extension_is_granted_once_by_the_head_of_the_unit_that_owes_it() {
    let book = book();
    let mut case = given_to_zf();
    let at = march(10, 9, 0);
    let ask = |case: &mut Case, kind: &str, amount, who: &Approver| case.extend(kind, amount, who, &book, at);
    assert!(matches!(ask(&mut case, "nothing", 10, &head_of("ZF")), Err(Refusal::NoClock(_))));
    assert!(matches!(ask(&mut case, "xf.inform", 10, &head_of("CENTRE")), Err(Refusal::Stopped)));
    assert!(matches!(ask(&mut case, "triage", 10, &head_of("CENTRE")), Err(Refusal::Breached)));
    let kind = format!("order.finish/{}", order(1));
    assert!(matches!(ask(&mut case, &kind, 10, &head_of("ZF")), Err(Refusal::NotExtensible(_))));
    assert!(matches!(ask(&mut case, "xf.finish", 10, &head_of("HB")), Err(Refusal::NotTheHolder { .. })));
    let clerk = Approver { posts: vec!["handler".into()], ..head_of("ZF") };
    assert!(matches!(ask(&mut case, "xf.finish", 10, &clerk), Err(Refusal::NotTheHead)));
    assert!(matches!(ask(&mut case, "xf.finish", 31, &head_of("ZF")), Err(Refusal::TooMuch { max: 30 })));
    assert!(matches!(ask(&mut case, "xf.finish", 0, &head_of("ZF")), Err(Refusal::TooMuch { max: 30 })));
    ask(&mut case, "xf.finish", 30, &head_of("ZF")).unwrap();
    // 60 and 30 days after 2 March: 31 May is a Sunday, so 1 June.
    assert_eq!(
        case.clock("xf.finish").unwrap().due_at,
        vocab::calendar::end_of_day(jiff::civil::date(2026, 6, 1)).unwrap()
    );
    assert!(matches!(ask(&mut case, "xf.finish", 1, &head_of("ZF")), Err(Refusal::ExtendedBefore)));
}

#[test]
fn a_clock_pauses_for_a_listed_reason_and_never_after_a_breach() {
    let book = book();
    let mut case = given_to_zf();
    assert!(matches!(case.pause("xf.finish", "tired", &book, march(3, 9, 0)), Err(Refusal::NotPausable { .. })));
    assert!(matches!(case.resume("xf.finish", &book, march(3, 9, 0)), Err(Refusal::NotPaused)));
    let before = case.clock("xf.finish").unwrap().due_at;
    case.pause("xf.finish", "hearing", &book, march(3, 9, 0)).unwrap();
    assert!(matches!(case.pause("xf.finish", "hearing", &book, march(3, 9, 0)), Err(Refusal::Paused)));
    assert!(matches!(case.extend("xf.finish", 5, &head_of("ZF"), &book, march(3, 9, 0)), Err(Refusal::Paused)));
    case.resume("xf.finish", &book, march(13, 9, 0)).unwrap();
    let clock = case.clock("xf.finish").unwrap();
    assert_eq!(clock.state, ClockState::Running);
    // 3 to 12 March do not count: 1 May plus ten days is 11 May, a Monday.
    assert!(before < clock.due_at);
    assert_eq!(clock.due_at, vocab::calendar::end_of_day(jiff::civil::date(2026, 5, 11)).unwrap());
    let late = moment(2026, 5, 12, time(9, 0, 0, 0));
    assert!(
        matches!(case.pause("xf.finish", "hearing", &book, late), Err(Refusal::Breached)),
        "the law does not wait for the alarm"
    );
    case.fire(&book, late).unwrap();
    assert!(matches!(case.pause("xf.finish", "hearing", &book, late), Err(Refusal::Breached)));
}

#[test]
fn a_paused_clock_neither_warns_nor_breaches_and_stops_in_time() {
    let book = book();
    let mut case = given_to_zf();
    case.pause("xf.finish", "hearing", &book, march(3, 9, 0)).unwrap();
    let said = kinds(&case.fire(&book, moment(2026, 9, 1, time(9, 0, 0, 0))).unwrap());
    assert!(!said.iter().any(|said| said.contains("xf.finish")), "{said:?}");
    tell(&mut case, [closed(1, moment(2026, 9, 2, time(9, 0, 0, 0)))]);
    assert!(!case.clock("xf.finish").unwrap().is_late());
}

#[test]
fn a_supervision_order_is_answered_once_by_the_unit_it_was_served_on() {
    let book = book();
    let mut case = given_to_zf();
    for at in [march(24, 9, 0), march(25, 9, 0), march(26, 9, 0)] {
        case.fire(&book, at).unwrap();
    }
    let find = |rung: &str| {
        case.supervision_orders
            .values()
            .find(|order| order.rung.as_str() == rung && order.unit.as_str() == "ZF")
            .map(|order| order.id)
            .unwrap()
    };
    let (urged, pressed) = (find("urge"), find("supervision_order"));
    let at = march(26, 10, 0);
    assert_eq!(case.answer(urged, "ZF", "zf", at), Err(Refusal::NoAnswerAsked));
    assert_eq!(case.answer(pressed, "HB", "hb", at), Err(Refusal::NoSupervisionOrder));
    let said = kinds(&case.answer(pressed, "ZF", "zf", at).unwrap());
    assert!(said[0].starts_with("-supervision.answer/"));
    assert_eq!(case.answer(pressed, "ZF", "zf", at), Err(Refusal::Answered));
}

#[test]
fn what_was_done_in_time_and_heard_late_is_in_time() {
    let book = book();
    let mut case = given_to_zf();
    case.fire(&book, march(24, 9, 0)).unwrap();
    let kind = format!("order.finish/{}", order(1));
    assert!(case.clock(&kind).unwrap().is_late());
    tell(&mut case, [completed(1, 1, march(23, 9, 0))]);
    assert!(!case.clock(&kind).unwrap().is_late());
}

#[test]
fn an_objection_stops_the_acknowledging_and_the_centre_owes_an_answer() {
    let mut case = given_to_zf();
    let objected = Heard::new(march(2, 11, 0), Fact::Objected { order: order(1) });
    let said = kinds(&tell(&mut case, [objected]));
    let (acknowledge, decide) =
        (format!("order.acknowledge/{}", order(1)), format!("order.objection_decide/{}", order(1)));
    assert_eq!(said, [format!("+{decide}"), format!("-{acknowledge}")]);
    assert_eq!(case.clock(&decide).unwrap().holder, "CENTRE");
    let decided = Heard::new(march(3, 9, 0), Fact::ObjectionDecided { order: order(1) });
    assert_eq!(kinds(&tell(&mut case, [decided])), [format!("-{decide}")]);
    // A second objection is timed anew.
    let again = Heard::new(march(4, 9, 0), Fact::Objected { order: order(1) });
    assert_eq!(kinds(&tell(&mut case, [again])), [format!("+{decide}")]);
    assert!(case.clock(&acknowledge).unwrap().state == ClockState::Stopped { at: march(2, 11, 0), late: false });
}

/// Brings a case's clock into a state.
type Bring = fn(&mut Case);
/// What is asked of it then.
type Decide = fn(&mut Case, &RuleBook, Timestamp) -> Result<(), Refusal>;

#[test]
fn every_state_of_a_clock_takes_its_own_commands_and_no_others() {
    let book = book();
    let now = march(10, 9, 0);
    let states: [(&str, Bring); 4] = [
        ("running", |_| {}),
        ("paused", |case| drop(case.pause("xf.finish", "hearing", &support::book(), march(3, 9, 0)).unwrap())),
        ("breached", |case| drop(case.fire(&support::book(), moment(2026, 6, 1, time(9, 0, 0, 0))).unwrap())),
        ("stopped", |case| drop(tell(case, [closed(1, march(5, 9, 0))]))),
    ];
    let commands: [(&str, Decide); 3] = [
        ("extend", |case, book, at| case.extend("xf.finish", 5, &head_of("ZF"), book, at).map(drop)),
        ("pause", |case, book, at| case.pause("xf.finish", "hearing", book, at).map(drop)),
        ("resume", |case, book, at| case.resume("xf.finish", book, at).map(drop)),
    ];
    let legal = [("running", "extend"), ("running", "pause"), ("paused", "resume")];
    for (state, bring) in states {
        for (name, command) in commands {
            let mut case = given_to_zf();
            bring(&mut case);
            let before = case.clone();
            let decided = command(&mut case, &book, now);
            assert_eq!(decided.is_ok(), legal.contains(&(state, name)), "{state} × {name}: {decided:?}");
            if decided.is_err() {
                assert_eq!(case, before, "{state} × {name}: a refusal changes nothing");
            }
        }
    }
}

#[test]
fn a_new_calendar_moves_what_runs_and_says_so_once() {
    let mut case = given_to_zf();
    let kind = format!("order.finish/{}", order(1));
    let later = book_with(4, &[jiff::civil::date(2026, 3, 20)]);
    let events = case.recount(&later, march(10, 9, 0)).unwrap();
    let [supervision_domain::Event::ClocksMoved { clocks }] = events.as_slice() else { panic!("{events:?}") };
    assert_eq!(clocks.iter().map(|clock| clock.kind.as_str()).collect::<Vec<_>>(), [kind.as_str()]);
    // One working day less before the end: Monday the 23rd becomes Tuesday the 24th.
    assert_eq!(case.clock(&kind).unwrap().due_at, vocab::calendar::end_of_day(jiff::civil::date(2026, 3, 24)).unwrap());
    assert_eq!(case.recount(&later, march(10, 9, 0)).unwrap(), []);
    // Back again on the last evening: nothing is due sooner than the end of the next working day.
    let back = book_with(5, &[]);
    case.recount(&back, march(23, 20, 0)).unwrap();
    assert_eq!(case.clock(&kind).unwrap().due_at, vocab::calendar::end_of_day(jiff::civil::date(2026, 3, 24)).unwrap());
}

#[test]
fn a_rule_counts_only_what_happens_while_it_is_in_force() {
    let mut case = Case::new(CASE);
    let at = moment(2022, 4, 29, time(9, 0, 0, 0));
    assert_eq!(kinds(&tell(&mut case, [registered(at)])), Vec::<String>::new());
}
