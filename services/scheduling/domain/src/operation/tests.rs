#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failed test should panic

use std::collections::BTreeSet;

use jiff::civil::Time;
use uuid::Uuid;
use vocab::{Duty, PersonCode, RuleCode};

use super::*;
use crate::booking::{self, BookingState};
use crate::command::{Actor, Command, Finding, Inspection, WantedFollowUp};
use crate::planner::samples::{
    at, auxiliary, booked, expiring, law, officer, operation, requirements, terms, two_of_each,
};
use crate::{Bar, Breach, Hours, Kind, Officer, Refusal, earliest_slot, task};

const UNITS: [&str; 2] = ["ZF", "HB"];

fn unit(code: &str) -> UnitCode {
    code.parse().unwrap()
}

fn code(text: &str) -> RuleCode {
    text.parse().unwrap()
}

fn people(codes: &[&str]) -> Vec<PersonCode> {
    codes.iter().map(|code| code.parse().unwrap()).collect()
}

fn night() -> Hours {
    Hours::Daily { from: Time::constant(20, 0, 0, 0), to: Time::constant(23, 0, 0, 0) }
}

fn proposed() -> Operation {
    let participant = |code, role, duties: &[Duty]| Participant {
        unit: unit(code),
        role,
        duties: duties.to_vec(),
        items: vec!["PI001".parse().unwrap()],
    };
    Operation::propose(Proposal {
        id: operation(1),
        cases: vec![CaseId::new(Uuid::from_u128(7))],
        trigger: Trigger::CaseEscalated { ground: "several_duties".to_owned(), work_order: None, round: 1 },
        region: "330421103".parse().unwrap(),
        matters: vec!["noise.trade.night".parse().unwrap()],
        object_type: "stall".parse().unwrap(),
        participants: vec![
            participant("ZF", Role::Lead, &[Duty::Investigate, Duty::Punish]),
            participant("HB", Role::Support, &[Duty::Identify]),
        ],
        answer_by: Some(at("2026-03-05 17:30")),
        at: at("2026-03-04 10:00"),
    })
}

/// A house in which every test may change one thing.
struct House {
    means: Means,
    law: LegalCalendar,
    now: Timestamp,
}

impl House {
    fn at(now: &str) -> Self {
        Self { means: two_of_each(&UNITS), law: law(), now: at(now) }
    }

    fn ground(&self) -> Ground<'_> {
        Ground { at: self.now, means: &self.means, law: &self.law, min_certified: 2, check_in_opens_minutes: 120 }
    }

    fn approve(&self, kind: Kind) -> Command {
        let terms = terms(kind, night());
        let wanted = requirements(&UNITS, terms.clone());
        let plan =
            earliest_slot(&wanted, &two_of_each(&UNITS), &self.law, at("2026-03-06 10:00"), at("2026-03-20 00:00"));
        Command::Approve { terms, plan: plan.unwrap(), confirm_by: Some(at("2026-03-06 17:30")) }
    }

    fn done(&self, mut operation: Operation, command: &Command) -> Operation {
        for event in operation.decide(command, self.ground()).unwrap() {
            operation.apply(&event, self.now);
        }
        operation
    }
}

fn check_in(code: &str) -> Command {
    Command::CheckIn { unit: unit(code), people: people(&[&format!("{code}-1"), &format!("{code}-2")]) }
}

fn inspect() -> Command {
    let inspection = Inspection {
        id: Uuid::from_u128(99),
        unit: unit("ZF"),
        forms: vec![code("scene_record")],
        findings: [(unit("ZF"), Finding::Violation)].into(),
        evidence: Vec::new(),
        at: at("2026-03-06 21:00"),
    };
    Command::Inspect { by: Actor::Unit(unit("ZF")), inspection }
}

fn conclude(follow_ups: Vec<WantedFollowUp>) -> Command {
    Command::Conclude { by: Actor::Unit(unit("ZF")), follow_ups }
}

fn follow_up(code: &str, duty: Duty) -> WantedFollowUp {
    WantedFollowUp { unit: unit(code), duty, items: vec!["PI001".parse().unwrap()], finding: None }
}

fn fixed() -> Operation {
    let house = House::at("2026-03-05 10:00");
    house.done(proposed(), &house.approve(Kind::Inspection))
}

fn all_here() -> Operation {
    let house = House::at("2026-03-06 19:30");
    house.done(house.done(fixed(), &check_in("ZF")), &check_in("HB"))
}

fn started() -> Operation {
    let house = House::at("2026-03-06 20:00");
    house.done(all_here(), &Command::Start { by: Actor::Unit(unit("ZF")) })
}

fn recorded() -> Operation {
    House::at("2026-03-06 21:00").done(started(), &inspect())
}

fn concluded() -> Operation {
    House::at("2026-03-06 22:00").done(recorded(), &conclude(vec![follow_up("ZF", Duty::Punish)]))
}

#[test]
fn every_stage_meets_every_command() {
    let house = House::at("2026-03-06 19:30");
    let rejected = house.done(proposed(), &Command::Reject { reason: code("not_needed") });
    let cancelled = house.done(fixed(), &Command::Cancel { reason: code("rain") });
    let stages = [proposed(), rejected, all_here(), recorded(), concluded(), cancelled];
    let Command::Approve { terms, plan, confirm_by } = house.approve(Kind::Inspection) else { unreachable!() };
    let reschedule = Command::Reschedule { terms, plan, reason: code("rain"), confirm_by };
    let commands = [
        // proposed, rejected, fixed, started, concluded, cancelled
        (house.approve(Kind::Inspection), [true, false, false, false, false, false]),
        (Command::Reject { reason: code("x") }, [true, false, false, false, false, false]),
        (Command::Confirm { unit: unit("HB") }, [false, false, true, false, false, false]),
        (Command::RecordSilence, [false, false, true, false, false, false]),
        (reschedule, [false, false, true, false, false, false]),
        (Command::Start { by: Actor::Centre }, [false, false, true, false, false, false]),
        (inspect(), [false, false, false, true, false, false]),
        (conclude(vec![]), [false, false, false, true, false, false]),
        (Command::Cancel { reason: code("x") }, [true, false, true, true, false, false]),
        (Command::Remind { reason: code("overdue") }, [true, false, true, true, false, false]),
    ];
    for (command, allowed) in &commands {
        for (operation, allowed) in stages.iter().zip(allowed) {
            let decided = operation.decide(command, house.ground());
            let out_of_turn = matches!(decided, Err(Refusal::OutOfTurn { .. }));
            assert_eq!(decided.is_ok(), *allowed, "{} {:?}: {decided:?}", operation.stage.code(), command.verb());
            assert_eq!(out_of_turn, !allowed, "{} {:?}", operation.stage.code(), command.verb());
        }
    }
    // These need a unit that has not come yet.
    let stages = [proposed(), stages[1].clone(), fixed(), recorded(), concluded(), stages[5].clone()];
    for command in [
        check_in("HB"),
        Command::Decline { unit: unit("HB"), reason: code("duty_elsewhere") },
        Command::ReplaceOfficers { unit: unit("HB"), officers: people(&["HB-1", "HB-2"]) },
    ] {
        for operation in &stages {
            let decided = operation.decide(&command, house.ground());
            let is_fixed = operation.stage.code() == "fixed";
            assert_eq!(decided.is_ok(), is_fixed, "{} {:?}: {decided:?}", operation.stage.code(), command.verb());
            assert_eq!(matches!(decided, Err(Refusal::OutOfTurn { .. })), !is_fixed);
        }
    }
}

#[test]
fn approval_fixes_time_people_and_vehicle_in_one_decision() {
    let house = House::at("2026-03-05 10:00");
    let events = proposed().decide(&house.approve(Kind::Inspection), house.ground()).unwrap();
    assert!(matches!(events.as_slice(), [Event::Approved, Event::Fixed { .. }]));
    let operation = fixed();
    assert_eq!(operation.plan().unwrap().span.from, at("2026-03-06 20:00"));
    let held = booking::held_by(&operation);
    assert_eq!(held.len(), 5, "four officers and a vehicle");
    assert!(held.iter().all(|booking| booking.state == BookingState::Reserved));
    assert_eq!(booking::held_by(&proposed()), []);
}

#[test]
fn an_approved_plan_cannot_break_the_law_or_book_somebody_twice() {
    let mut house = House::at("2026-03-05 10:00");
    let Command::Approve { mut terms, plan, confirm_by } = house.approve(Kind::Inspection) else { unreachable!() };
    terms.kind = Kind::Compulsory;
    let mut late = plan.clone();
    late.span = crate::Span { from: at("2026-03-06 21:00"), until: at("2026-03-06 23:00") };
    let night = Command::Approve { terms: terms.clone(), plan: late, confirm_by };
    let refused = proposed().decide(&night, house.ground()).unwrap_err();
    assert_eq!(refused.reason(), "scheduling.forbidden_slot");
    assert!(refused.say().zh.contains("第四十三条"));
    house.means.bookings.push(booked(9, "HB-1", "HB", "2026-03-06 21:30", "2026-03-06 22:30"));
    let clash = Command::Approve { terms, plan, confirm_by };
    assert_eq!(proposed().decide(&clash, house.ground()).unwrap_err().reason(), "scheduling.double_booked");
}

#[test]
fn a_plan_keeps_the_lead_and_leaves_out_whom_it_leaves_out() {
    let house = House::at("2026-03-05 10:00");
    let Command::Approve { terms, mut plan, confirm_by } = house.approve(Kind::Inspection) else { unreachable!() };
    let lead = plan.crews.remove(0);
    let without_lead = Command::Approve { terms: terms.clone(), plan: plan.clone(), confirm_by };
    assert_eq!(proposed().decide(&without_lead, house.ground()), Err(Refusal::PlanDoesNotFit { unit: unit("ZF") }));
    plan.crews = vec![lead];
    let operation = house.done(proposed(), &Command::Approve { terms, plan, confirm_by });
    assert_eq!(operation.units().collect::<Vec<_>>(), ["ZF"]);
}

#[test]
fn a_certificate_that_ran_out_today_is_refused_at_check_in() {
    let mut house = House::at("2026-03-06 19:30");
    house.means.officers.insert("HB-2".parse().unwrap(), expiring("HB-2", "HB", "2026-03-05"));
    let refused = fixed().decide(&check_in("HB"), house.ground()).unwrap_err();
    assert_eq!(refused.reason(), "scheduling.certificate_invalid");
    assert_eq!(
        refused,
        Refusal::HardRules(vec![
            Breach::Person { code: "HB-2".parse().unwrap(), bar: Bar::Expired { on: "2026-03-05".parse().unwrap() } },
            Breach::TooFew { unit: unit("HB"), needed: 2, certified: 1 },
        ])
    );
    assert!(refused.say().zh.contains("HB-2 执法证已于 2026-03-05 到期"), "{}", refused.say().zh);
    // The least change that mends it: another officer of the same body.
    house.means.officers.insert("HB-3".parse().unwrap(), officer("HB-3", "HB"));
    let replaced = Command::ReplaceOfficers { unit: unit("HB"), officers: people(&["HB-3", "HB-1"]) };
    let mended = house.done(fixed(), &replaced);
    let here = Command::CheckIn { unit: unit("HB"), people: people(&["HB-1", "HB-3"]) };
    assert!(mended.decide(&here, house.ground()).is_ok());
}

#[test]
fn the_roll_call_knows_every_hard_rule() {
    let mut house = House::at("2026-03-06 19:30");
    for person in [auxiliary("HB-9", "HB"), officer("HB-3", "HB"), officer("GA-1", "GA")] {
        house.means.officers.insert(person.code.clone(), person);
    }
    let refused = |codes: &[&str]| {
        let command = Command::CheckIn { unit: unit("HB"), people: people(codes) };
        fixed().decide(&command, house.ground()).unwrap_err().reason()
    };
    assert_eq!(refused(&["HB-1"]), "scheduling.too_few_officers");
    assert_eq!(refused(&["HB-1", "HB-9"]), "scheduling.too_few_officers", "an assistant is never counted");
    assert_eq!(refused(&["HB-1", "HB-2", "HB-1"]), "scheduling.officer_not_eligible", "twice");
    assert_eq!(refused(&["HB-1", "HB-3"]), "scheduling.officer_not_eligible", "not planned");
    assert_eq!(refused(&["HB-1", "GA-1"]), "scheduling.officer_not_eligible", "another body's officer");
    assert_eq!(refused(&["HB-1", "nobody"]), "scheduling.officer_not_eligible");
    let with_assistant = Command::CheckIn { unit: unit("HB"), people: people(&["HB-1", "HB-9", "HB-2"]) };
    let events = fixed().decide(&with_assistant, house.ground()).unwrap();
    assert_eq!(
        events,
        [Event::CheckedIn { unit: unit("HB"), officers: people(&["HB-1", "HB-2"]), assistants: people(&["HB-9"]) }]
    );
}

#[test]
fn suspended_and_recused_officers_are_turned_away() {
    let mut house = House::at("2026-03-06 19:30");
    let suspended = Officer { suspended_since: Some(at("2026-03-06 09:00")), ..officer("HB-2", "HB") };
    house.means.officers.insert(suspended.code.clone(), suspended);
    assert_eq!(fixed().decide(&check_in("HB"), house.ground()).unwrap_err().reason(), "scheduling.certificate_invalid");
    let house = House::at("2026-03-06 19:30");
    let mut operation = fixed();
    if let Stage::Fixed(fixed) = &mut operation.stage {
        fixed.terms.recused = BTreeSet::from(["HB-1".parse().unwrap()]);
    }
    assert_eq!(operation.decide(&check_in("HB"), house.ground()).unwrap_err().reason(), "scheduling.recused");
}

#[test]
fn the_roll_call_opens_two_hours_before_and_ends_with_the_slot() {
    let reason = |now: &str| {
        let decided = fixed().decide(&check_in("HB"), House::at(now).ground());
        decided.err().map(|refusal| refusal.reason())
    };
    assert_eq!(reason("2026-03-06 17:59"), Some("scheduling.too_early"));
    assert_eq!(reason("2026-03-06 18:00"), None);
    assert_eq!(reason("2026-03-06 21:59"), None);
    assert_eq!(reason("2026-03-06 22:00"), Some("scheduling.slot_over"));
}

#[test]
fn it_starts_when_every_enforcing_body_is_there_and_the_lead_says_so() {
    let house = House::at("2026-03-06 19:30");
    let start = |by| Command::Start { by };
    let half = house.done(fixed(), &check_in("ZF"));
    assert_eq!(
        half.decide(&start(Actor::Centre), house.ground()),
        Err(Refusal::NotAllHere { missing: vec![unit("HB")] })
    );
    assert_eq!(
        all_here().decide(&start(Actor::Unit(unit("HB"))), house.ground()),
        Err(Refusal::LeadOnly { lead: unit("ZF") })
    );
    assert!(matches!(
        all_here().decide(&start(Actor::Unit(unit("GA"))), house.ground()),
        Err(Refusal::NotParticipant { .. })
    ));
    assert_eq!(all_here().decide(&start(Actor::Unit(unit("ZF"))), house.ground()), Ok(vec![Event::Started]));
    assert!(booking::held_by(&started()).iter().all(|booking| booking.state == BookingState::OnDuty));
}

#[test]
fn compulsory_enforcement_that_would_reach_into_the_night_does_not_start() {
    let house = House::at("2026-03-06 21:30");
    let mut operation = all_here();
    if let Stage::Fixed(fixed) = &mut operation.stage {
        fixed.terms.kind = Kind::Compulsory;
        fixed.plan.span.until = at("2026-03-06 22:30");
    }
    let refused = operation.decide(&Command::Start { by: Actor::Centre }, house.ground()).unwrap_err();
    assert_eq!(refused.reason(), "scheduling.forbidden_slot");
}

#[test]
fn silence_is_recorded_and_may_still_be_broken() {
    let house = House::at("2026-03-06 17:31");
    let operation = house.done(fixed(), &Command::Confirm { unit: unit("ZF") });
    let silent = house.done(operation.clone(), &Command::RecordSilence);
    let Stage::Fixed(fixed) = &silent.stage else { panic!("not fixed") };
    assert!(matches!(fixed.answers[&unit("HB")], Answer::Silent { .. }));
    assert!(matches!(fixed.answers[&unit("ZF")], Answer::Confirmed { .. }));
    let codes = |operation: &Operation| task::open_tasks(operation).iter().map(|task| task.code).collect::<Vec<_>>();
    assert!(codes(&silent).contains(&"participation.resolve"));
    let broken = house.done(silent, &Command::Confirm { unit: unit("HB") });
    assert!(!codes(&broken).contains(&"participation.resolve"));
    assert_eq!(broken.decide(&Command::RecordSilence, house.ground()), Ok(vec![]));
    assert_eq!(broken.decide(&Command::Confirm { unit: unit("HB") }, house.ground()), Ok(vec![]), "said already");
    for stranger in ["GA", "town-330421103"] {
        let command = Command::Confirm { unit: unit(stranger) };
        assert!(matches!(broken.decide(&command, house.ground()), Err(Refusal::NotParticipant { .. })));
    }
}

#[test]
fn a_move_asks_everybody_again() {
    let house = House::at("2026-03-06 19:30");
    let Command::Approve { terms, mut plan, confirm_by } = house.approve(Kind::Inspection) else { unreachable!() };
    plan.span = crate::Span { from: at("2026-03-07 20:00"), until: at("2026-03-07 22:00") };
    let moved = house.done(all_here(), &Command::Reschedule { terms, plan, reason: code("rain"), confirm_by });
    let Stage::Fixed(fixed) = &moved.stage else { panic!("not fixed") };
    assert_eq!((fixed.moves, fixed.arrivals.len()), (1, 0));
    assert!(fixed.answers.values().all(|answer| *answer == Answer::Asked));
    assert!(booking::held_by(&moved).iter().all(|booking| booking.span.from == at("2026-03-07 20:00")));
}

#[test]
fn each_body_follows_up_in_its_own_name_and_only_within_what_it_came_for() {
    let house = House::at("2026-03-06 22:00");
    let decide = |follow_ups| recorded().decide(&conclude(follow_ups), house.ground());
    let events = decide(vec![follow_up("ZF", Duty::Punish)]).unwrap();
    assert!(matches!(&events[0], Event::Concluded { follow_ups, .. } if follow_ups[0].finding == Finding::Violation));
    assert!(matches!(decide(vec![follow_up("HB", Duty::Punish)]), Err(Refusal::DutyNotOwed { .. })));
    assert!(matches!(decide(vec![follow_up("HB", Duty::Identify)]), Err(Refusal::FindingMissing { .. })));
    assert!(matches!(decide(vec![follow_up("GA", Duty::Punish)]), Err(Refusal::NotParticipant { .. })));
    let twice = vec![follow_up("ZF", Duty::Punish), follow_up("ZF", Duty::Punish)];
    assert!(matches!(decide(twice), Err(Refusal::FollowUpTwice { .. })));
    let mut other_item = follow_up("ZF", Duty::Punish);
    other_item.items = vec!["PI999".parse().unwrap()];
    assert!(matches!(decide(vec![other_item]), Err(Refusal::ItemNotOwed { .. })));
    let mut contradicts = follow_up("ZF", Duty::Punish);
    contradicts.finding = Some(Finding::NoViolation);
    assert!(matches!(decide(vec![contradicts]), Err(Refusal::FindingDiffers { .. })));
    let mut says = follow_up("HB", Duty::Identify);
    says.finding = Some(Finding::NoViolation);
    assert!(decide(vec![says]).is_ok());
    assert_eq!(started().decide(&conclude(vec![]), house.ground()), Err(Refusal::NoRecord));
    let by_support = Command::Conclude { by: Actor::Unit(unit("HB")), follow_ups: vec![] };
    assert!(matches!(recorded().decide(&by_support, house.ground()), Err(Refusal::LeadOnly { .. })));
}

#[test]
fn a_supporting_unit_records_its_own_findings_only() {
    let house = House::at("2026-03-06 21:00");
    let Command::Inspect { inspection, .. } = inspect() else { unreachable!() };
    let by_support = Command::Inspect { by: Actor::Unit(unit("HB")), inspection: inspection.clone() };
    assert_eq!(started().decide(&by_support, house.ground()), Err(Refusal::OwnFindingsOnly));
    let own = Inspection { findings: [(unit("HB"), Finding::NoViolation)].into(), ..inspection };
    let by_support = Command::Inspect { by: Actor::Unit(unit("HB")), inspection: own };
    let operation = house.done(house.done(started(), &inspect()), &by_support);
    let Stage::Started(started) = &operation.stage else { panic!("not started") };
    assert_eq!(started.record.len(), 2, "entries are added, never changed");
    assert_eq!(started.finding_of(&unit("HB")), Some(Finding::NoViolation));
    assert_eq!(started.finding_of(&unit("ZF")), Some(Finding::Violation));
}

#[test]
fn only_what_is_over_has_nothing_open_and_holds_nobody() {
    let house = House::at("2026-03-06 19:30");
    let cancelled = house.done(fixed(), &Command::Cancel { reason: code("rain") });
    for operation in [proposed(), fixed(), all_here(), started(), recorded()] {
        assert!(!task::open_tasks(&operation).is_empty(), "{}", operation.stage.code());
    }
    for operation in [concluded(), cancelled] {
        assert!(task::open_tasks(&operation).is_empty() && operation.stage.is_final());
        assert_eq!(booking::held_by(&operation), []);
    }
}

#[test]
fn a_participant_that_does_not_enforce_needs_no_certified_officer() {
    let house = House::at("2026-03-06 19:30");
    let mut operation = fixed();
    if let Stage::Fixed(fixed) = &mut operation.stage {
        for crew in fixed.plan.crews.iter_mut().filter(|crew| crew.unit == unit("HB")) {
            crew.enforcing = false;
            crew.officers.clear();
        }
    }
    let nobody = Command::CheckIn { unit: unit("HB"), people: vec![] };
    assert!(operation.decide(&nobody, house.ground()).is_ok());
    let others = Command::CheckIn { unit: unit("HB"), people: people(&["ZF-1"]) };
    assert!(operation.decide(&others, house.ground()).is_err());
    let here = house.done(operation, &check_in("ZF"));
    assert!(here.decide(&Command::Start { by: Actor::Centre }, house.ground()).is_ok());
}

#[test]
fn an_operation_reads_back_from_json_in_every_stage() {
    for operation in [proposed(), fixed(), all_here(), recorded(), concluded()] {
        let json = serde_json::to_value(&operation).unwrap();
        assert_eq!(serde_json::from_value::<Operation>(json).unwrap(), operation);
    }
}
