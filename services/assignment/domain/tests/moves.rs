//! 卷宗: every stage against every command, and every stage of a consultation against all that can be asked of it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failed test should panic

mod common;

use std::collections::BTreeSet;

use assignment_domain::case::{Case, EndedBecause, EscalationGround};
use assignment_domain::consultation::{Cause, Consultation, ConsultationCommand, ConsultationStage, Stance};
use assignment_domain::deadline::Deadline;
use assignment_domain::file::{AskedShare, CaseFile, Command};
use assignment_domain::order::{DeadlineState, Outcome, Pressed, WorkOrder};
use assignment_domain::refusal::Refusal;
use assignment_domain::share::Ground;
use common::case::*;
use common::{County, at, boundary, citation, evidence, facts, item, policy, unit};
use uuid::Uuid;
use vocab::{Duty, Role, WorkOrderId};

const TOWN: &str = "town-330421103";

/// ZF leads by a boundary rule; four others hold an item of the same matter.
fn market() -> County {
    County::new(
        vec![
            item("P1", "ZF", &["fume"], PUNISH),
            item("R2", "GA", &["fume"], &[Duty::Identify]),
            item("R3", "SJ", &["fume"], &[Duty::Identify]),
            item("R4", "HB", &["fume"], &[Duty::Identify]),
            item("R5", "town", &["fume"], &[Duty::Rectify]),
        ],
        vec![boundary("B1", 0, &["fume"], "ZF", &[])],
    )
}

/// What a ruling says that leaves everybody but GA the share it had.
fn shares_without_ga() -> Vec<AskedShare> {
    vec![
        share("ZF", Role::Lead, Duty::Punish, "P1"),
        share("ZF", Role::Lead, Duty::Investigate, "P1"),
        share("HB", Role::Support, Duty::Identify, "R4"),
        share(TOWN, Role::Support, Duty::Rectify, "R5"),
    ]
}

/// The columns of the table: one file in each stage, some in two conditions of it.
fn files(county: &County) -> Vec<(&'static str, CaseFile)> {
    let diagnosing = registered(county, facts(&["fume"]));
    let awaiting = go(county, &diagnosing, Command::MakeDiagnosis);
    // ZF and the town are at work, GA and SJ object, HB has not acknowledged.
    let fresh = go(county, &awaiting, accept(facts(&["fume"])));
    let mut determined = fresh.clone();
    for who in ["ZF", TOWN] {
        determined = go(county, &determined, Command::Acknowledge { order: order_of(&determined, who) });
    }
    for who in ["GA", "SJ"] {
        determined = go(county, &determined, object(order_of(&determined, who)));
    }
    let consulting = go(county, &determined, decide(order_of(&determined, "GA"), true));
    let asked = consulting.consultation.as_ref().unwrap().asked.clone();
    let answered = asked.iter().fold(consulting.clone(), |file, who| go(county, &file, take(&file, who.as_str())));
    let ruled = go(county, &answered, ruling(&answered, shares_without_ga()));
    let done = ["ZF", "GA", "SJ", "HB", TOWN].iter().fold(fresh, |file, who| complete(county, &file, who));
    let handled = go(county, &done, complete_case("ZF"));
    let linked = go(county, &determined, Command::Link { head: Uuid::from_u128(9).into() });
    let closed = go(county, &handled, Command::End { because: EndedBecause::Closed });
    let routed = go(county, &determined, Command::End { because: EndedBecause::RoutedAway });
    vec![
        ("diagnosing", diagnosing),
        ("awaiting_acceptance", awaiting),
        ("consulting", consulting),
        ("consulting", answered),
        ("determined", determined),
        ("determined", done),
        ("ruled", ruled),
        ("handled", handled),
        ("linked", linked),
        ("ended", closed),
        ("ended", routed),
    ]
}

/// An order of the file in this stage; where there is none another one; where there are none at all no order's id.
fn target(file: &CaseFile, stage: &str) -> WorkOrderId {
    let orders = || file.orders.values();
    let found = orders().find(|order| order.stage.name() == stage).or_else(|| orders().next());
    found.map_or(Uuid::from_u128(0).into(), |order| order.id)
}

/// What became of a command: the stage where it is another one now, `=` where it is the same, what was refused, `-` where
/// the case's stage forbids it.
fn outcome(county: &County, file: &CaseFile, command: Command) -> &'static str {
    match county.with(|setting| file.decide(command, setting)) {
        Ok(decided) if decided.file.case.stage == file.case.stage => "=",
        Ok(decided) => decided.file.case.stage.name(),
        Err(Refusal::OutOfTurn { thing: "case", stage, .. }) => {
            assert_eq!(stage, file.case.stage.name());
            "-"
        }
        Err(Refusal::OutOfTurn { thing: "work order", .. }) => "!order",
        Err(Refusal::OutOfTurn { thing: "consultation", .. }) => "!consultation",
        Err(Refusal::NotFound { .. }) => "!missing",
        Err(Refusal::AnswersOutstanding { .. }) => "!outstanding",
        Err(Refusal::RuledAlready) => "!ruled",
        Err(Refusal::OrdersOpen { .. }) => "!open",
        Err(other) => panic!("{other}"),
    }
}

/// A number for each command. One that is added does not compile before it has one, and then must stand in the table.
const fn number(command: &Command) -> usize {
    match command {
        Command::AnswerDiagnosis { .. } => 0,
        Command::MakeDiagnosis => 1,
        Command::Accept { .. } => 2,
        Command::AddFacts { .. } => 3,
        Command::Link { .. } => 4,
        Command::End { .. } => 5,
        Command::ReturnFromRoute { .. } => 6,
        Command::Reopen { .. } => 7,
        Command::TakePosition { .. } => 8,
        Command::EndAnswers { .. } => 9,
        Command::RemindOfRuling { .. } => 10,
        Command::Rule { .. } => 11,
        Command::Acknowledge { .. } => 12,
        Command::Object { .. } => 13,
        Command::DecideObjection { .. } => 14,
        Command::Report { .. } => 15,
        Command::CompleteOrder { .. } => 16,
        Command::Reassign { .. } => 17,
        Command::ChangeDeadline { .. } => 18,
        Command::SeeDeadline { .. } => 19,
        Command::Press { .. } => 20,
        Command::PressAnswered { .. } => 21,
        Command::Escalate { .. } => 22,
        Command::OperationNamed { .. } => 23,
        Command::OperationFailed { .. } => 24,
        Command::OperationConcluded { .. } => 25,
        Command::CompleteCase { .. } => 26,
        Command::RefuseClosing { .. } => 27,
        Command::HandOver => 28,
        Command::SettleFollowUp { .. } => 29,
    }
}
/// How many commands there are.
const COMMANDS: usize = 30;

fn due() -> Deadline {
    let policy = policy();
    policy.deadline(&policy.acknowledge, at("2026-03-02T09:00")).unwrap()
}

type Row = (fn(&CaseFile) -> Command, &'static str);

fn consultation_of(file: &CaseFile) -> vocab::ConsultationId {
    file.consultation.as_ref().map_or(Uuid::from_u128(0).into(), |consultation| consultation.id)
}

fn pressed() -> Pressed {
    Pressed {
        order: Uuid::from_u128(3).into(),
        rung: "urge".into(),
        answer_by: None,
        issued_at: at("2026-03-02T09:00"),
        answered_at: None,
    }
}

/// About the case itself. Columns: diagnosing, awaiting, consulting, answered, determined, all done, ruled, handled, linked,
/// closed, routed away.
const OF_THE_CASE: &[Row] = &[
    (
        |_| Command::AnswerDiagnosis { unit: unit("ZF"), stance: Stance::Mine, cited: article() },
        "= - - - - - - - - - -",
    ),
    (|_| Command::MakeDiagnosis, "awaiting_acceptance - - - - - - - - - -"),
    (|_| accept(facts(&["fume"])), "determined determined - - - - - - - - -"),
    (|_| Command::AddFacts { facts: facts(&["fume"]) }, "= = = = = = = = = = ="),
    (|_| Command::Link { head: case() }, "linked linked linked linked linked linked linked linked linked = ="),
    (
        |_| Command::End { because: EndedBecause::Closed },
        "ended ended ended ended ended ended ended ended ended = ended",
    ),
    (
        |_| Command::End { because: EndedBecause::Withdrawn },
        "ended ended ended ended ended ended ended ended ended = ended",
    ),
    (|_| Command::ReturnFromRoute { facts: facts(&["fume"]) }, "- - - - - - - - - - diagnosing"),
    (|_| Command::Reopen { round: 1, facts: None }, "= = = = = = = = = = ="),
    (|_| Command::Reopen { round: 2, facts: None }, "- - - - = = = determined - determined determined"),
    (
        |_| Command::Escalate { unit: unit("ZF"), ground: EscalationGround::SeveralDuties, invited: vec![] },
        "- - - - = !order = - - - -",
    ),
    (|_| Command::OperationNamed { operation: operation() }, "= = = = = = = = = = ="),
    (|_| Command::OperationFailed { operation: operation(), reason: "x".into() }, "= = = = = = = = = = ="),
    (|_| concluded(vec![follow_up("ZF", "P1")]), "= = = = = = = determined = = ="),
    (|_| Command::HandOver, "= = = = = = = = = = ="),
    // Nothing waits in any of them.
    (|_| settle("ZF", None), "!missing !missing !missing !missing !missing !missing !missing !missing - - -"),
    (|_| complete_case("ZF"), "- - - - !open handled !open - - - -"),
    (|_| Command::RefuseClosing { order: None }, "- - - - = = = determined - - -"),
];

/// About its consultation.
const OF_THE_CONSULTATION: &[Row] = &[
    (
        |file| {
            let consultation = consultation_of(file);
            Command::TakePosition { consultation, unit: unit("ZF"), stance: Stance::Mine, cited: article() }
        },
        "- - = !consultation - - - - - - -",
    ),
    (|file| Command::EndAnswers { consultation: consultation_of(file) }, "- - = !consultation - - - - - - -"),
    (|file| Command::RemindOfRuling { consultation: consultation_of(file) }, "- - !consultation = - - - - - - -"),
    (
        |file| {
            let (consultation, shares) = (consultation_of(file), shares_without_ga());
            Command::Rule { consultation, shares, reach: assignment_domain::file::Reach::Town }
        },
        "- - !outstanding ruled - - - - - - -",
    ),
    // One that is over already, or never was.
    (
        |_| Command::EndAnswers { consultation: Uuid::from_u128(0).into() },
        "- - !consultation !consultation - - - - - - -",
    ),
];

/// About an order of it.
const OF_AN_ORDER: &[Row] = &[
    (|file| Command::Acknowledge { order: target(file, "dispatched") }, "- - = = = !order = - - - -"),
    (|file| object(target(file, "dispatched")), "- - - - = !order !ruled - - - -"),
    (|file| decide(target(file, "objected"), true), "- - = = consulting !order !order - - - -"),
    (|file| decide(target(file, "objected"), false), "- - = = = !order !order - - - -"),
    (|file| Command::Report { order: target(file, "acknowledged") }, "- - = = = !order = - - - -"),
    (
        |file| {
            let order = target(file, "acknowledged");
            Command::CompleteOrder { order, outcome: Outcome::Punished, evidence: evidence() }
        },
        "- - = = = !order = - - - -",
    ),
    (
        |file| {
            let order = target(file, "dispatched");
            let unit = file.orders.get(&order).map_or("ZF", |order| order.unit.as_str());
            Command::Reassign { order, person: format!("{unit}-P2").parse().unwrap(), post: None }
        },
        "- - = = = !order = - - - -",
    ),
    (
        |file| Command::ChangeDeadline { order: target(file, "dispatched"), to: due() },
        "!missing !missing = = = !order = !order !order !order !order",
    ),
    (
        |file| Command::SeeDeadline { order: target(file, "dispatched"), state: DeadlineState::Warned },
        "!missing !missing = = = !order = !order !order !order !order",
    ),
    (
        |file| Command::Press { order: target(file, "dispatched"), pressed: pressed() },
        "!missing !missing = = = !order = !order !order !order !order",
    ),
    (|_| Command::PressAnswered { order: pressed().order, at: at("2026-03-02T10:00") }, "= = = = = = = = = = ="),
];

#[test]
fn every_stage_meets_every_command() {
    let county = market();
    let files = files(&county);
    let mut met = BTreeSet::new();
    for (command, row) in [OF_THE_CASE, OF_THE_CONSULTATION, OF_AN_ORDER].concat() {
        let cells: Vec<&str> = row.split(' ').collect();
        assert_eq!(cells.len(), files.len(), "{row}");
        for (nth, ((stage, file), expected)) in files.iter().zip(cells).enumerate() {
            assert_eq!(file.case.stage.name(), *stage);
            let command = command(file);
            met.insert(number(&command));
            let verb = command.verb();
            let what = format!("{command:?}");
            assert_eq!(outcome(&county, file, command), expected, "column {nth} ({stage}) {verb}: {what}");
        }
    }
    assert_eq!(met, (0..COMMANDS).collect(), "a command is missing from the table");
    let stages: BTreeSet<&str> = files.iter().map(|(stage, _)| *stage).collect();
    assert_eq!(stages.len(), 8, "a stage is missing from the table");
}

#[test]
fn a_file_reads_back_from_the_store() {
    let county = market();
    for (name, file) in files(&county) {
        let json = serde_json::to_value(&file.case).unwrap();
        assert_eq!(serde_json::from_value::<Case>(json).unwrap(), file.case, "{name}");
        let json = serde_json::to_value(&file.consultation).unwrap();
        assert_eq!(serde_json::from_value::<Option<Consultation>>(json).unwrap(), file.consultation, "{name}");
        for order in file.orders.values() {
            let json = serde_json::to_value(order).unwrap();
            assert_eq!(serde_json::from_value::<WorkOrder>(json).unwrap(), *order, "{name}");
        }
    }
}

/// A consultation of ZF and GA, in each stage; the urgent one beside the other where it makes a difference.
fn consultations() -> Vec<(&'static str, Consultation)> {
    let open = Consultation {
        id: Uuid::from_u128(1).into(),
        case: case(),
        cause: Cause::Overlap,
        asked: [unit("GA"), unit("ZF")].into(),
        positions: [].into(),
        answer_by: due(),
        opened_at: at("2026-03-02T09:00"),
        urgent: false,
        stage: ConsultationStage::Open,
    };
    let in_stage = |stage: ConsultationStage| Consultation { stage, ..open.clone() };
    let one_answered = open.decide(position("GA"), at("2026-03-02T10:00")).unwrap().next;
    vec![
        ("open", open.clone()),
        ("open", one_answered),
        ("open", Consultation { urgent: true, ..open.clone() }),
        ("answered", in_stage(ConsultationStage::Answered { rule_by: due() })),
        ("ruled", in_stage(ConsultationStage::Ruled { ruling: Uuid::from_u128(4).into(), at: at("2026-03-02T10:00") })),
        ("withdrawn", in_stage(ConsultationStage::Withdrawn { at: at("2026-03-02T10:00") })),
    ]
}

fn position(who: &str) -> ConsultationCommand {
    let ground = Ground { item: None, citation: citation() };
    ConsultationCommand::Take { unit: unit(who), stance: Stance::Shared, ground, rule_by: due() }
}

#[test]
fn every_stage_of_a_consultation_meets_every_command() {
    // Columns: nobody has answered, GA has, nobody in an urgent case, all have, ruled, withdrawn.
    let table: [(ConsultationCommand, &str); 7] = [
        (position("ZF"), "open answered open - - -"),
        (position("GA"), "open open open - - -"),
        (position("SJ"), "!asked !asked !asked - - -"),
        (ConsultationCommand::EndAnswers { rule_by: due() }, "answered answered answered - - -"),
        (ConsultationCommand::Remind { rule_by: due() }, "- - - answered - -"),
        (ConsultationCommand::Rule { ruling: Uuid::from_u128(4).into() }, "!outstanding !outstanding ruled ruled - -"),
        (ConsultationCommand::Withdraw, "withdrawn withdrawn withdrawn withdrawn - -"),
    ];
    for (command, row) in table {
        let verb = command.verb();
        let cells: Vec<&str> = row.split(' ').collect();
        for (nth, ((stage, consultation), expected)) in consultations().into_iter().zip(cells).enumerate() {
            assert_eq!(consultation.stage.name(), stage);
            let said = match consultation.decide(command.clone(), at("2026-03-02T11:00")) {
                Ok(step) => step.next.stage.name(),
                Err(Refusal::OutOfTurn { thing: "consultation", stage: said, verb: tried }) => {
                    assert_eq!((said, tried), (stage, verb));
                    "-"
                }
                Err(Refusal::NotAsked { .. }) => "!asked",
                Err(Refusal::AnswersOutstanding { .. }) => "!outstanding",
                Err(other) => panic!("column {nth} ({stage}) {verb}: {other}"),
            };
            assert_eq!(said, expected, "column {nth} ({stage}) {verb}");
        }
    }
}
