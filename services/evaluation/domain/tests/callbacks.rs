//! The life of a call-back: every stage against every command, and the ways through.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failed test should panic

mod support;

use evaluation_domain::callback::{Circumstances, Verb};
use evaluation_domain::{
    Answer, Call, Callback, CaseFile, Command, Draw, Event, EventHash, Fact, Opinion, Refusal, Stage, State, Verdict,
    draw,
};
use proptest::prelude::*;
use support::{
    CASE, HEAD, a_closed_case, a_scheme, a_seed, at, closed, heard, panel, record, reopened, satisfied, somebody, tell,
};

fn a_call(satisfied: bool) -> Call {
    let opinion = Opinion { responded: true, resolved: satisfied, satisfied };
    Call { opinion, at: at(20), by: somebody("evaluator") }
}

fn in_stage(stage: Stage) -> Callback {
    let (file, id) = a_closed_case();
    Callback { stage, ..file.callback(id).unwrap().clone() }
}

fn every_stage() -> Vec<Stage> {
    let call = || a_call(false);
    let verdict = || Verdict { at: at(30), by: somebody("leader") };
    vec![
        Stage::Drawn,
        Stage::Recorded { call: call() },
        Stage::Unreached { at: at(20) },
        Stage::Adjudication { call: call() },
        Stage::Upheld { call: call(), verdict: verdict() },
        Stage::Excluded { call: call(), verdict: verdict() },
        Stage::Lapsed { at: at(20) },
    ]
}

#[test]
fn every_stage_takes_its_own_commands_and_no_others() {
    let commands = [
        record(satisfied(true)),
        record(satisfied(false)),
        record(Answer::NotReached),
        panel(true),
        panel(false),
        Command::Decide { upheld: true, by: somebody("evaluator") },
    ];
    // By command, where it leads from each stage: `.` refused out of turn, `!` refused because of who asks.
    let legal = [
        (State::Drawn, ["recorded", "adjudication", "drawn", ".", ".", "."]),
        (State::Recorded, ["."; 6]),
        (State::Unreached, ["."; 6]),
        (State::Adjudication, [".", ".", ".", "upheld", "excluded", "!"]),
        (State::Upheld, ["."; 6]),
        (State::Excluded, ["."; 6]),
        (State::Lapsed, ["."; 6]),
    ];
    let circumstances = Circumstances { attempts: 3, dissatisfied_before: true };
    for (stage, (state, wanted)) in every_stage().into_iter().zip(legal) {
        for (command, wanted) in commands.iter().zip(wanted) {
            let before = in_stage(stage.clone());
            assert_eq!(before.state(), state);
            let mut after = before.clone();
            let decided = after.decide(command.clone(), circumstances, at(40));
            let what = format!("{} × {command:?}", state.as_str());
            match wanted {
                "." => assert_eq!(decided, Err(Refusal::OutOfTurn { state, verb: command.verb() }), "{what}"),
                "!" => assert_eq!(decided, Err(Refusal::MadeTheCall), "{what}"),
                next => {
                    assert!(!decided.unwrap().is_empty(), "{what}");
                    assert_eq!(after.state().as_str(), next, "{what}");
                }
            }
            if wanted.len() == 1 {
                assert_eq!(after, before, "a refusal changes nothing: {what}");
            }
        }
    }
}

#[test]
fn time_and_reopening_touch_only_what_still_waits() {
    for stage in every_stage() {
        let waits = stage == Stage::Drawn;
        let mut late = in_stage(stage.clone());
        late.time_up();
        assert_eq!(late.overdue, waits);
        let mut lapsed = in_stage(stage.clone());
        lapsed.lapse(at(50));
        assert_eq!(lapsed.state() == State::Lapsed, waits || matches!(stage, Stage::Lapsed { .. }));
        assert_eq!(lapsed.stage == stage, !waits);
    }
}

#[test]
fn every_stage_says_who_must_act_and_reads_back_from_its_json() {
    for stage in every_stage() {
        let callback = in_stage(stage);
        let json = serde_json::to_string(&callback).unwrap();
        assert_eq!(serde_json::from_str::<Callback>(&json).unwrap(), callback);
        let waits = matches!(callback.state(), State::Drawn | State::Adjudication);
        assert_eq!(callback.waits_since().is_some(), waits);
        assert_eq!(callback.ended_at().is_none(), callback.state() == State::Drawn);
        assert_eq!(State::of(callback.state().as_str()), Some(callback.state()));
    }
}

#[test]
fn a_satisfied_complainant_is_rated_and_that_is_all() {
    let (mut file, callback) = a_closed_case();
    let said = file.decide(callback, record(satisfied(true)), &a_scheme(1000), at(20)).unwrap();
    assert_eq!(said, [Event::RatingGiven { callback, round: 1, answer: satisfied(true), at: at(20) }]);
    assert!(!file.callback(callback).unwrap().overdue);
}

#[test]
fn a_complainant_is_tried_as_often_as_the_scheme_asks_and_stays_in_sight() {
    let (mut file, callback) = a_closed_case();
    for attempt in 1..=2 {
        let said = file.decide(callback, record(Answer::NotReached), &a_scheme(1000), at(20)).unwrap();
        assert_eq!(said, [Event::CallbackAttempted { callback, round: 1, attempt, at: at(20) }]);
        assert_eq!(file.callback(callback).unwrap().state(), State::Drawn);
    }
    let said = file.decide(callback, record(Answer::NotReached), &a_scheme(1000), at(21)).unwrap();
    assert_eq!(said.len(), 2);
    assert_eq!(said[1], Event::RatingGiven { callback, round: 1, answer: Answer::NotReached, at: at(21) });
    let unreached = file.callback(callback).unwrap();
    assert_eq!((unreached.state(), unreached.attempts.len()), (State::Unreached, 3));
}

#[test]
fn somebody_who_is_reached_at_the_last_call_is_heard() {
    let (mut file, callback) = a_closed_case();
    for _ in 0..2 {
        file.decide(callback, record(Answer::NotReached), &a_scheme(1000), at(20)).unwrap();
    }
    file.decide(callback, record(satisfied(true)), &a_scheme(1000), at(21)).unwrap();
    assert_eq!(file.callback(callback).unwrap().state(), State::Recorded);
}

#[test]
fn dissatisfied_once_is_handled_again_and_twice_goes_to_a_panel() {
    let (mut file, first) = a_closed_case();
    let said = file.decide(first, record(satisfied(false)), &a_scheme(1000), at(20)).unwrap();
    let given = Event::RatingGiven { callback: first, round: 1, answer: satisfied(false), at: at(20) };
    assert_eq!(said, [given, Event::RatingDissatisfied { callback: first, round: 1, at: at(20) }]);
    tell(&mut file, [reopened(2, 21), closed(2, 100)]);
    let second = file.callbacks[&2].id;
    assert_ne!(first, second);
    let said = file.decide(second, record(satisfied(false)), &a_scheme(1000), at(110)).unwrap();
    assert_eq!(said, [Event::RatingGiven { callback: second, round: 2, answer: satisfied(false), at: at(110) }]);
    let said = file.decide(second, panel(false), &a_scheme(1000), at(120)).unwrap();
    assert_eq!(said, [Event::AdjudicationDecided { callback: second, upheld: false, at: at(120) }]);
    assert_eq!(file.callback(first).unwrap().state(), State::Recorded);
    assert_eq!(file.callback(second).unwrap().state(), State::Excluded);
}

#[test]
fn a_third_dissatisfaction_goes_to_the_panel_again() {
    let (mut file, first) = a_closed_case();
    file.decide(first, record(satisfied(false)), &a_scheme(1000), at(20)).unwrap();
    for round in 2..=3 {
        tell(&mut file, [reopened(round, 100), closed(round, 110)]);
        let callback = file.callbacks[&round].id;
        file.decide(callback, record(satisfied(false)), &a_scheme(1000), at(120)).unwrap();
        assert_eq!(file.callback(callback).unwrap().state(), State::Adjudication);
        file.decide(callback, panel(true), &a_scheme(1000), at(130)).unwrap();
    }
}

#[test]
fn whoever_made_the_call_is_the_same_person_under_another_account() {
    let (mut file, first) = a_closed_case();
    file.decide(first, record(satisfied(false)), &a_scheme(1000), at(20)).unwrap();
    tell(&mut file, [reopened(2, 21), closed(2, 100)]);
    let second = file.callbacks[&2].id;
    file.decide(second, record(satisfied(false)), &a_scheme(1000), at(110)).unwrap();
    let by = evaluation_domain::Official { account: "another".into(), ..somebody("evaluator") };
    let refused = file.decide(second, Command::Decide { upheld: false, by }, &a_scheme(1000), at(120));
    assert_eq!(refused, Err(Refusal::MadeTheCall));
    // Two machines without a person are not one person.
    let machine = |account: &str| evaluation_domain::Official { person: String::new(), ..somebody(account) };
    assert!(!machine("one").is_same_as(&machine("two")));
}

#[test]
fn a_call_that_was_not_made_lapses_when_the_case_is_taken_up_again() {
    let (mut file, callback) = a_closed_case();
    tell(&mut file, [reopened(2, 21)]);
    let refused = file.decide(callback, record(satisfied(true)), &a_scheme(1000), at(30));
    assert_eq!(refused, Err(Refusal::OutOfTurn { state: State::Lapsed, verb: Verb::Record }));
    // What lapsed was no dissatisfaction: the next one is the first.
    tell(&mut file, [closed(2, 100)]);
    let second = file.callbacks[&2].id;
    let said = file.decide(second, record(satisfied(false)), &a_scheme(1000), at(110)).unwrap();
    assert!(matches!(said[..], [Event::RatingGiven { .. }, Event::RatingDissatisfied { .. }]));
}

#[test]
fn a_late_call_is_late_even_if_nobody_noticed_in_time() {
    let (mut file, callback) = a_closed_case();
    // Closed on Monday evening: five working days end on the next Monday.
    let deadline = file.callback(callback).unwrap().deadline.clone();
    assert_eq!(vocab::calendar::day_of(deadline.due_at).to_string(), "2026-03-09");
    file.decide(callback, record(satisfied(true)), &a_scheme(1000), at(24 * 8)).unwrap();
    assert!(file.callback(callback).unwrap().overdue);
}

#[test]
fn a_new_calendar_moves_what_waits_and_never_before_the_next_working_day_is_over() {
    let day = |file: &CaseFile, id| vocab::calendar::day_of(file.callback(id).unwrap().deadline.due_at).to_string();
    let (mut file, callback) = a_closed_case();
    assert_eq!(day(&file, callback), "2026-03-09");
    let mut longer = a_scheme(1000);
    longer.calendar.version = 2;
    let off = vocab::CalendarDay { working: false, source: "样例".into() };
    longer.calendar.days.insert(jiff::civil::date(2026, 3, 9), off);
    file.recount(&longer, at(20)).unwrap();
    assert_eq!(day(&file, callback), "2026-03-10");
    assert_eq!(file.callback(callback).unwrap().deadline.calendar_version, 2);
    let mut shorter = a_scheme(1000);
    shorter.rule.amount = 1;
    // On Friday: it would have ended on Tuesday.
    file.recount(&shorter, at(4 * 24)).unwrap();
    assert_eq!(day(&file, callback), "2026-03-09");
    // What ran out stays run out.
    file.time_up(1);
    let before = file.clone();
    file.recount(&longer, at(200)).unwrap();
    assert_eq!(file, before);
}

#[test]
fn another_complainant_is_called_by_itself_and_the_same_one_once() {
    for (duplicate, calls) in [(true, 0), (false, 1)] {
        let mut file = CaseFile::new(CASE);
        let said = tell(&mut file, [heard(1, Fact::Linked { head: HEAD, duplicate }), closed(1, 10)]);
        assert_eq!(said.len(), calls);
        assert_eq!(file.lots.len(), calls);
        assert!(file.rounds()[0].closed_at.is_some());
    }
}

#[test]
fn a_round_is_drawn_once_whatever_is_said_again() {
    let (mut file, _) = a_closed_case();
    let before = file.clone();
    let again = heard(10, Fact::Closed { round: 1, head: None, seed: a_seed(99), lot: 999 });
    assert_eq!(tell(&mut file, [again]), []);
    assert_eq!(file, before);
}

#[test]
fn the_lot_follows_from_the_event_the_case_and_the_round() {
    let seed = a_seed(1);
    let bytes = seed.preimage(CASE, 2);
    assert_eq!(&bytes[..20], b"xiezhi.callback.draw");
    assert_eq!(&bytes[20..52], &[7; 32]);
    assert_eq!(&bytes[52..68], CASE.uuid().as_bytes());
    assert_eq!(&bytes[68..], [0, 0, 0, 2]);
    let mut digest = [0xff; 32];
    assert_eq!(draw::lot_of(&digest), u64::MAX >> 1);
    digest[..8].copy_from_slice(&[0x80, 0, 0, 0, 0, 0, 1, 2]);
    assert_eq!(draw::lot_of(&digest), 258);
    assert_eq!(seed.hash.to_string().parse::<EventHash>().unwrap(), seed.hash);
    for wrong in ["", "07", "é7", &"+7".repeat(32), &"é0".repeat(21)] {
        assert!(wrong.parse::<EventHash>().is_err(), "{wrong}");
    }
}

proptest! {
    #[test]
    fn the_share_that_is_drawn_is_the_schemes(lot in 0..u64::MAX >> 1, per_mille in 0_u32..=1000) {
        let draw = Draw { seed: a_seed(1), lot, per_mille };
        prop_assert_eq!(draw.is_drawn(), lot % 1000 < u64::from(per_mille));
        let mut file = CaseFile::new(CASE);
        let fact = heard(1, Fact::Closed { round: 1, head: None, seed: a_seed(1), lot });
        let said = file.hear(&fact, &a_scheme(per_mille), at(2)).unwrap();
        prop_assert_eq!(said.len(), usize::from(draw.is_drawn()));
        prop_assert_eq!(file.callbacks.len(), usize::from(draw.is_drawn()));
        // Whom the lot did not fall on can be checked as well.
        prop_assert_eq!(&file.lots[&1], &draw);
    }

    /// Whatever is tried in whatever order: at most one first dissatisfaction, and every rating once.
    #[test]
    fn a_case_is_reopened_once_without_a_panel(steps in proptest::collection::vec(0_u8..6, 1..60)) {
        let (mut file, _) = a_closed_case();
        let (mut round, mut given, mut dissatisfied) = (1_u32, 0, 0);
        for step in steps {
            let callback = file.callbacks[&round].id;
            let command = match step {
                0 => record(satisfied(true)),
                1 => record(satisfied(false)),
                2 => record(Answer::NotReached),
                3 => panel(true),
                4 => panel(false),
                _ => {
                    round += 1;
                    tell(&mut file, [reopened(round, 100), closed(round, 110)]);
                    continue;
                }
            };
            let before = file.clone();
            match file.decide(callback, command, &a_scheme(1000), at(200)) {
                Ok(events) => {
                    given += events.iter().filter(|event| matches!(event, Event::RatingGiven { .. })).count();
                    dissatisfied +=
                        events.iter().filter(|event| matches!(event, Event::RatingDissatisfied { .. })).count();
                }
                Err(_) => prop_assert_eq!(&file, &before),
            }
        }
        let ended = |callback: &&Callback| !matches!(callback.state(), State::Drawn | State::Lapsed);
        prop_assert_eq!(given, file.callbacks.values().filter(ended).count());
        prop_assert_eq!(dissatisfied, usize::from(file.callbacks.values().any(Callback::is_dissatisfied)));
        let waiting = file.callbacks.values().filter(|callback| callback.state() == State::Drawn).count();
        prop_assert!(waiting <= 1);
    }
}
