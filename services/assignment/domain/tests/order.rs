//! 工单: every stage against every command.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failed test should panic

mod common;

use assignment_domain::deadline::Deadline;
use assignment_domain::evidence::{Evidence, MAX_EVIDENCE};
use assignment_domain::order::{
    Assignee, DeadlineState, OrderCommand as C, OrderStage, Outcome, Pressed, Task, WithdrawnBecause, WorkOrder,
};
use assignment_domain::refusal::Refusal;
use assignment_domain::share::Ground;
use common::{at, citation, evidence, photo, policy, unit};
use uuid::Uuid;
use vocab::{Duty, Role};

fn deadline() -> Deadline {
    let policy = policy();
    policy.deadline(&policy.objection, at("2026-09-29T10:00")).unwrap()
}

fn ground() -> Ground {
    Ground { item: None, citation: citation() }
}

fn an_order() -> WorkOrder {
    WorkOrder {
        id: Uuid::from_u128(1).into(),
        case: Uuid::from_u128(2).into(),
        unit: unit("ZF"),
        role: Role::Lead,
        task: Task { duty: Duty::Punish, also: vec![Duty::Investigate], zh: "处罚".into(), en: "punish".into() },
        assignee: Assignee { person: "ZF-P1".parse().unwrap(), post: "ZF-post1".parse().unwrap() },
        deadline: deadline(),
        acknowledge_by: deadline(),
        object_by: deadline(),
        grounds: vec![ground()],
        operation: None,
        round: 1,
        ruling: None,
        objection_rejected: false,
        dispatched_at: at("2026-09-29T10:00"),
        reported_at: None,
        pressed: vec![],
        deadline_state: DeadlineState::Running,
        stage: OrderStage::Dispatched,
    }
}

fn stages() -> Vec<OrderStage> {
    let at = at("2026-09-29T11:00");
    vec![
        OrderStage::Dispatched,
        OrderStage::Acknowledged { at },
        OrderStage::Objected { ground: ground(), at, acknowledged_at: None, decide_by: deadline() },
        OrderStage::Completed { acknowledged_at: at, at, outcome: Outcome::Punished, evidence: evidence() },
        OrderStage::Withdrawn { at, because: WithdrawnBecause::Ruled },
    ]
}

fn commands() -> Vec<C> {
    let pressed = Pressed {
        order: Uuid::from_u128(3).into(),
        rung: "urge".into(),
        answer_by: None,
        issued_at: at("2026-09-29T12:00"),
        answered_at: None,
    };
    vec![
        C::Acknowledge,
        C::Object { ground: ground(), decide_by: deadline() },
        C::UpholdObjection,
        C::RejectObjection,
        C::Report,
        C::Complete { outcome: Outcome::Rectified, evidence: evidence() },
        C::Withdraw { because: WithdrawnBecause::CaseClosed },
        C::Reassign { to: Assignee { person: "ZF-P2".parse().unwrap(), post: "ZF-post2".parse().unwrap() } },
        C::ChangeDeadline { to: deadline() },
        C::SeeDeadline { state: DeadlineState::Breached },
        C::Press(pressed),
        C::PressAnswered { order: Uuid::from_u128(3).into(), at: at("2026-09-29T13:00") },
        C::Bind { ruling: Some(Uuid::from_u128(4).into()), role: Role::Support },
    ]
}

#[test]
fn every_stage_meets_every_command() {
    // Rows: stages; columns: the commands in the order above; a dash is a refusal, `same` leaves the stage as it is.
    let expected = [
        ("dispatched", "acknowledged objected - - - - withdrawn same same same same same same"),
        ("acknowledged", "- objected - - same completed withdrawn same same same same same same"),
        ("objected", "- - withdrawn dispatched - - withdrawn same same same same same same"),
        ("completed", "- - - - - - - - - - - same -"),
        ("withdrawn", "- - - - - - - - - - - same -"),
    ];
    for (stage, (name, row)) in stages().into_iter().zip(expected) {
        assert_eq!(stage.name(), name);
        let order = WorkOrder { stage, ..an_order() };
        for (command, expected) in commands().into_iter().zip(row.split(' ')) {
            let verb = command.verb();
            let said = match order.decide(command, at("2026-09-30T10:00")) {
                Ok(step) if step.next.stage == order.stage => "same",
                Ok(step) => step.next.stage.name(),
                Err(Refusal::OutOfTurn { thing: "work order", stage, verb: said }) => {
                    assert_eq!((stage, said), (name, verb));
                    "-"
                }
                Err(other) => panic!("{name} {verb}: {other}"),
            };
            assert_eq!(said, expected, "{name} {verb}");
        }
    }
}

#[test]
fn a_rejected_objection_leaves_the_order_as_it_was_and_is_the_last() {
    let acknowledged = an_order().decide(C::Acknowledge, at("2026-09-29T11:00")).unwrap().next;
    let object = || C::Object { ground: ground(), decide_by: deadline() };
    let objected = acknowledged.decide(object(), at("2026-09-29T12:00")).unwrap().next;
    let back = objected.decide(C::RejectObjection, at("2026-09-30T12:00")).unwrap().next;
    assert_eq!(back.stage, acknowledged.stage);
    assert_eq!(back.decide(object(), at("2026-09-30T13:00")), Err(Refusal::ObjectionDecided));
}

#[test]
fn an_objection_is_in_time_on_the_fifth_working_day_over_national_day_and_late_on_the_sixth() {
    let object = |moment: &str| an_order().decide(C::Object { ground: ground(), decide_by: deadline() }, at(moment));
    // 09-30, 10-08, 10-09, 10-10 (worked), 10-12: the fifth working day after 09-29.
    assert!(object("2026-10-12T23:59").is_ok());
    let due_at = an_order().object_by.due_at;
    assert_eq!(object("2026-10-13T00:00"), Err(Refusal::ObjectionTooLate { due_at }));
}

#[test]
fn an_order_under_a_ruling_cannot_be_returned() {
    let bind = C::Bind { ruling: Some(Uuid::from_u128(4).into()), role: Role::Support };
    let bound = an_order().decide(bind, at("2026-09-29T11:00")).unwrap().next;
    assert_eq!(bound.role, Role::Support);
    let object = C::Object { ground: ground(), decide_by: deadline() };
    assert_eq!(bound.decide(object, at("2026-09-29T12:00")), Err(Refusal::RuledAlready));
}

#[test]
fn evidence_is_there_once_and_of_a_kind_that_proves_something() {
    assert_eq!(Evidence::new(vec![]), Err(Refusal::EvidenceCount { max: MAX_EVIDENCE }));
    assert_eq!(Evidence::new(vec![photo(1), photo(1)]), Err(Refusal::EvidenceCount { max: MAX_EVIDENCE }));
    let many = (0..=20).map(photo).collect();
    assert_eq!(Evidence::new(many), Err(Refusal::EvidenceCount { max: MAX_EVIDENCE }));
    for (media_type, proves) in
        [("video/mp4", true), ("text/plain; charset=utf-8", true), ("application/zip", false), ("", false)]
    {
        let mut file = photo(1);
        file.media_type = media_type.into();
        assert_eq!(Evidence::new(vec![file]).is_ok(), proves, "{media_type}");
    }
    // Nor can an empty list come back from the store.
    assert!(serde_json::from_str::<Evidence>("[]").is_err());
}
