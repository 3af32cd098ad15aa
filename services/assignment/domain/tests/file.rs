//! 卷宗: a case from registration to the lead's reply.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failed test should panic

mod common;

use std::collections::BTreeSet;

use assignment_domain::case::{Conclusion, EndedBecause, EscalationGround, OpenOperation};
use assignment_domain::consultation::{ConsultationStage, Position, Stance};
use assignment_domain::decide::Registered;
use assignment_domain::file::{AskedShare, CaseFile, Command, Event, FollowUp, Reach};
use assignment_domain::list::ListItem;
use assignment_domain::order::{OrderEvent, OrderStage, Outcome, WithdrawnBecause};
use assignment_domain::precedent::Precedent;
use assignment_domain::proof::{Basis, Determination};
use assignment_domain::refusal::Refusal;
use common::case::*;
use common::{County, at, boundary, evidence, facts, item, unit, validity};
use uuid::Uuid;
use vocab::{CaseFacts, Duty, Role, Urgency};

#[test]
fn an_accepted_case_gives_each_unit_one_order_with_person_post_duty_and_deadline() {
    let county = barbecue();
    let file = accepted(&county, &["fume", "noise"]);
    assert_eq!(file.case.stage.name(), "determined");
    let orders: Vec<_> = file.orders.values().collect();
    assert_eq!(orders.len(), 3);
    for order in &orders {
        assert!(!order.task.zh.is_empty() && order.task.zh.contains("事项"), "{}", order.task.zh);
        assert_eq!(order.assignee.person.as_str(), format!("{}-P1", order.unit));
        assert!(order.deadline.due_at > county.at);
    }
    assert_eq!(open_order(&file, "ZF").role, Role::Lead);
    assert_eq!(open_order(&file, "town-330421103").task.duty, Duty::Rectify);
}

#[test]
fn the_diagnosis_asks_those_concerned_and_its_timer_records_silence() {
    let county = barbecue();
    let file = registered(&county, facts(&["fume", "noise"]));
    let diagnosis = file.case.diagnosis.as_ref().unwrap();
    assert_eq!(diagnosis.asked, BTreeSet::from([unit("GA"), unit("ZF"), unit("town-330421103")]));
    assert_eq!(file.timers().keys().collect::<Vec<_>>(), ["diagnosis.answer"]);
    let answer = |who: &str| Command::AnswerDiagnosis { unit: unit(who), stance: Stance::Mine, cited: article() };
    assert_eq!(refused(&county, &file, answer("SJ")), Refusal::NotAsked { unit: unit("SJ") });
    let file = go(&county, &file, answer("ZF"));
    let made =
        county.with(|setting| file.decide(CaseFile::command_of_timer("diagnosis.answer").unwrap(), setting)).unwrap();
    assert_eq!(made.events, [Event::DiagnosisMade]);
    let positions = &made.file.case.diagnosis.as_ref().unwrap().positions;
    assert!(matches!(positions[&unit("ZF")], Position::Taken { .. }));
    assert!(matches!(positions[&unit("GA")], Position::Silent { .. }));
    assert!(made.file.timers().is_empty());
}

#[test]
fn a_sealed_case_is_shown_to_no_unit_before_it_is_accepted() {
    let county = barbecue();
    let sealed =
        Registered { id: case(), case_no: String::new(), facts: facts(&["fume"]), without_clerk: false, sealed: true };
    let file = county.with(|setting| CaseFile::register(sealed, setting)).unwrap().file;
    assert!(file.case.diagnosis.unwrap().asked.is_empty());
}

#[test]
fn the_barbecue_goes_through_an_operation_to_the_reply() {
    let county = barbecue();
    let file = accepted(&county, &["fume", "noise"]);
    let escalate = |by: &str| Command::Escalate {
        unit: unit(by),
        ground: EscalationGround::SeveralDuties,
        invited: vec![unit("SJ")],
    };
    assert!(matches!(refused(&county, &file, escalate("ZF")), Refusal::OutOfTurn { stage: "dispatched", .. }));
    assert_eq!(refused(&county, &file, escalate("GA")), Refusal::NotTheLead);
    let file = go(&county, &file, Command::Acknowledge { order: order_of(&file, "ZF") });
    let escalated = county.with(|setting| file.decide(escalate("ZF"), setting)).unwrap();
    let [Event::Escalated { asked, .. }] = escalated.events.as_slice() else { panic!("{:?}", escalated.events) };
    let units: Vec<_> = asked.participants.iter().map(|participant| participant.unit.as_str()).collect();
    assert_eq!(units, ["ZF", "GA", "town-330421103", "SJ"]);
    let file = escalated.file;
    assert_eq!(file.case.operation, Some(OpenOperation::Requested));
    assert_eq!(refused(&county, &file, escalate("ZF")), Refusal::OperationOpen);

    let operation = Uuid::from_u128(0x0F).into();
    let file = go(&county, &file, Command::OperationNamed { operation });
    assert_eq!(refused(&county, &file, complete_case("ZF")), Refusal::OperationOpen);
    let follow_up =
        |who: &str, code: &str| FollowUp { unit: unit(who), duty: Duty::Punish, items: vec![code.parse().unwrap()] };
    let follow_ups = vec![follow_up("ZF", "P1"), follow_up("SJ", "P2")];
    let file = go(&county, &file, Command::OperationConcluded { operation, follow_ups });
    // ZF goes on under its follow-up, SJ has one of its own, GA keeps the order it had.
    let zf = open_order(&file, "ZF");
    assert_eq!((zf.operation, zf.role), (Some(operation), Role::Lead));
    assert_eq!(open_order(&file, "SJ").role, Role::Support);
    assert_eq!(open_order(&file, "GA").operation, None);
    let withdrawn = file.orders.values().filter(|order| {
        matches!(order.stage, OrderStage::Withdrawn { because: WithdrawnBecause::ContinuedAfterOperation, .. })
    });
    assert_eq!(withdrawn.count(), 1);

    let file = complete(&county, &file, "SJ");
    let file = complete(&county, &file, "GA");
    let open = Refusal::OrdersOpen { units: vec![unit("ZF"), unit("town-330421103")] };
    assert_eq!(refused(&county, &file, complete_case("ZF")), open);
    let file = complete(&county, &file, "town-330421103");
    let file = complete(&county, &file, "ZF");
    assert_eq!(refused(&county, &file, complete_case("GA")), Refusal::NotTheLead);
    let done = county.with(|setting| file.decide(complete_case("ZF"), setting)).unwrap();
    assert_eq!(done.events, [Event::Handled]);
    assert_eq!(done.file.case.stage.name(), "handled");
}

#[test]
fn the_case_s_own_end_bounds_what_the_lead_asks_for() {
    let county = County::new(vec![item("P1", "ZF", &["fume"], PUNISH)], vec![]);
    let file = accepted(&county, &["fume"]);
    let file = go(&county, &file, Command::Acknowledge { order: order_of(&file, "ZF") });
    let escalate =
        || Command::Escalate { unit: unit("ZF"), ground: EscalationGround::OneObjectChecks, invited: vec![] };
    let finish_by = |file: &CaseFile| {
        let events = county.with(|setting| file.decide(escalate(), setting)).unwrap().events;
        let [Event::Escalated { asked, .. }] = events.as_slice() else { panic!("{events:?}") };
        asked.finish_by
    };
    assert_eq!(finish_by(&file), open_order(&file, "ZF").deadline.due_at);
    let (early, late) = (at("2026-04-01T00:00"), at("2026-05-01T00:00"));
    let mut file = file;
    file.case.clocks = [("petition.finish".to_owned(), late), ("petition.duty".to_owned(), early)].into();
    assert_eq!(finish_by(&file), early);
    file.case.clocks.remove("petition.duty");
    assert_eq!(finish_by(&file), late);
}

#[test]
fn the_lead_may_complete_its_own_order_with_its_reply() {
    let county = County::new(vec![item("P1", "ZF", &["fume"], PUNISH)], vec![]);
    let file = accepted(&county, &["fume"]);
    let file = go(&county, &file, Command::Acknowledge { order: order_of(&file, "ZF") });
    let own = Some((Outcome::Punished, evidence()));
    let command = Command::CompleteCase { unit: unit("ZF"), conclusion: Conclusion::Supported, own };
    let done = county.with(|setting| file.decide(command, setting)).unwrap();
    assert!(matches!(done.events.as_slice(), [Event::Order { event: OrderEvent::Completed, .. }, Event::Handled]));
}

#[test]
fn a_failed_operation_goes_back_to_the_lead() {
    let county = barbecue();
    let file = accepted(&county, &["fume", "noise"]);
    let file = go(&county, &file, Command::Acknowledge { order: order_of(&file, "ZF") });
    let escalate = || Command::Escalate { unit: unit("ZF"), ground: EscalationGround::DutiesConnect, invited: vec![] };
    let file = go(&county, &file, escalate());
    let failed = Command::OperationFailed { operation: Uuid::from_u128(7).into(), reason: "no_officers".into() };
    let file = go(&county, &file, failed);
    assert_eq!(file.case.operation, None);
    assert_eq!(file.case.reconsider.as_ref().unwrap().reason, "no_officers");
    assert_eq!(go(&county, &file, escalate()).case.reconsider, None);
}

#[test]
fn an_overlap_is_consulted_ruled_and_kept_as_a_precedent_until_its_item_ends() {
    let mut county = heritage();
    let file = accepted(&county, &["heritage"]);
    assert_eq!(file.case.stage.name(), "consulting");
    assert!(file.orders.is_empty());
    assert!(file.timers().keys().all(|kind| kind.starts_with("consultation.answer/")));
    assert_eq!(refused(&county, &file, take(&file, "GA")), Refusal::NotAsked { unit: unit("GA") });
    let shares = || vec![share("WL", Role::Lead, Duty::Punish, "P2"), share("ZF", Role::Support, Duty::Assist, "P1")];
    let early = refused(&county, &file, ruling(&file, shares()));
    assert_eq!(early, Refusal::AnswersOutstanding { units: vec![unit("WL"), unit("ZF")] });
    let file = go(&county, &file, take(&file, "ZF"));
    let file = go(&county, &file, take(&file, "WL"));
    assert!(file.timers().keys().all(|kind| kind.starts_with("consultation.ruling/")));

    let ruled = county.with(|setting| file.decide(ruling(&file, shares()), setting)).unwrap();
    assert_eq!(ruled.file.case.stage.name(), "ruled");
    assert!(ruled.file.orders.values().all(|order| order.ruling.is_some()));
    let precedent = precedent_of(&ruled.events);
    assert_eq!(precedent.rests_on, BTreeSet::from(["P1".parse().unwrap(), "P2".parse().unwrap()]));
    assert_eq!(precedent.validity.to, Some("2028-03-02".parse().unwrap()));

    county.precedents = vec![precedent.clone()];
    county.at = at("2026-03-10T09:00");
    let next = accepted(&county, &["heritage"]);
    assert_eq!(next.case.stage.name(), "determined");
    assert_eq!(next.case.stage.decision().unwrap().lead(), Some(&unit("WL")));
    // Another town, another matter beside it, another kind of object: not alike.
    for unlike in [
        CaseFacts { region: "330421104".parse().unwrap(), ..facts(&["heritage"]) },
        facts(&["heritage", "noise"]),
        CaseFacts { object_type: "house".parse().unwrap(), ..facts(&["heritage"]) },
    ] {
        let file = registered(&county, unlike.clone());
        assert_eq!(go(&county, &file, accept(unlike)).case.stage.name(), "consulting");
    }

    county.precedents =
        vec![precedent.expired(assignment_domain::precedent::Expiry::ItemEnded, at("2026-03-11T00:00"))];
    county.at = at("2026-03-12T09:00");
    assert_eq!(accepted(&county, &["heritage"]).case.stage.name(), "consulting");
}

fn precedent_of(events: &[Event]) -> Precedent {
    events
        .iter()
        .find_map(|event| match event {
            Event::Ruled(ruling) => Some(ruling.precedent.clone()),
            _ => None,
        })
        .unwrap()
}

#[test]
fn a_ruling_for_the_county_means_the_town_of_the_next_place() {
    let mut county = heritage();
    county.lists = assignment_domain::list::Lists::new(
        vec![
            item("P1", "ZF", &["heritage"], PUNISH),
            item("P2", "WL", &["heritage"], PUNISH),
            item("R3", "town", &["heritage"], &[Duty::Rectify]),
        ],
        vec![],
    );
    county.policy.posts.insert(unit("town-330421104"), county.policy.posts[&unit("ZF")].clone());
    let urgent = CaseFacts { urgency: Urgency::Urgent, ..facts(&["heritage"]) };
    let file = registered(&county, urgent.clone());
    let file = go(&county, &file, accept(urgent));
    let shares =
        vec![share("WL", Role::Lead, Duty::Punish, "P2"), share("town-330421103", Role::Support, Duty::Rectify, "R3")];
    // Urgent: the centre need not wait for every answer.
    let consultation = file.consultation.as_ref().unwrap().id;
    let ruled = county
        .with(|setting| file.decide(Command::Rule { consultation, shares, reach: Reach::County }, setting))
        .unwrap();
    county.precedents = vec![precedent_of(&ruled.events)];
    let elsewhere = CaseFacts { region: "330421104201".parse().unwrap(), ..facts(&["heritage"]) };
    let next = registered(&county, elsewhere.clone());
    let next = go(&county, &next, accept(elsewhere));
    let units: BTreeSet<_> = next.orders.values().map(|order| order.unit.as_str()).collect();
    assert_eq!(units, BTreeSet::from(["WL", "town-330421104"]));
}

#[test]
fn a_ruling_names_one_lead_and_hands_no_county_duty_to_a_town() {
    let county = heritage();
    let urgent = CaseFacts { urgency: Urgency::Major, ..facts(&["heritage"]) };
    let file = registered(&county, urgent.clone());
    let file = go(&county, &file, accept(urgent));
    let lead = || share("WL", Role::Lead, Duty::Punish, "P2");
    let no = |shares: Vec<AskedShare>| refused(&county, &file, ruling(&file, shares));
    assert_eq!(no(vec![]), Refusal::LeadCount { count: 0 });
    assert_eq!(no(vec![lead(), share("ZF", Role::Lead, Duty::Punish, "P1")]), Refusal::LeadCount { count: 2 });
    assert_eq!(no(vec![lead(), lead()]), Refusal::NamedTwice { unit: unit("WL") });
    assert_eq!(
        no(vec![lead(), share("WL", Role::Support, Duty::Assist, "P2")]),
        Refusal::NamedTwice { unit: unit("WL") }
    );
    assert_eq!(no(vec![share("XX", Role::Lead, Duty::Punish, "P2")]), Refusal::UnknownUnit { unit: unit("XX") });
    let unknown = Refusal::UnknownItem { item: "P9".parse().unwrap() };
    assert_eq!(no(vec![share("WL", Role::Lead, Duty::Punish, "P9")]), unknown);
    let town = "town-330421103";
    assert_eq!(
        no(vec![lead(), share(town, Role::Support, Duty::Rectify, "P1")]),
        Refusal::TownNotListed { unit: unit(town) }
    );
    // Helping is everyone's duty.
    let helping = ruling(&file, vec![lead(), share(town, Role::Support, Duty::Assist, "P1")]);
    assert_eq!(go(&county, &file, helping).case.stage.name(), "ruled");
}

#[test]
fn silence_in_a_consultation_is_recorded_and_a_late_ruling_keeps_a_timer_armed() {
    let mut county = heritage();
    let file = accepted(&county, &["heritage"]);
    let file = go(&county, &file, take(&file, "ZF"));
    county.at = at("2026-03-03T23:59:59");
    let kind = file.timers().into_keys().next().unwrap();
    let file = go(&county, &file, CaseFile::command_of_timer(&kind).unwrap());
    let consultation = file.consultation.as_ref().unwrap();
    assert!(matches!(consultation.positions[&unit("WL")], Position::Silent { .. }));
    let first = file.timers();
    let ConsultationStage::Answered { rule_by } = &consultation.stage else { panic!("{:?}", consultation.stage) };
    county.at = rule_by.due_at;
    let kind = first.keys().next().unwrap();
    let file = go(&county, &file, CaseFile::command_of_timer(kind).unwrap());
    let again = file.timers();
    assert_eq!(again.keys().collect::<Vec<_>>(), first.keys().collect::<Vec<_>>());
    assert!(again[kind].due_at > first[kind].due_at);
}

#[test]
fn a_bounced_case_is_ruled_upon_and_cannot_be_returned_again() {
    let county = County::new(vec![item("P1", "ZF", &["fume"], PUNISH)], vec![]);
    let file = accepted(&county, &["fume"]);
    let object = |file: &CaseFile, who: &str| Command::Object { order: order_of(file, who), cited: article() };
    let objected = go(&county, &file, object(&file, "ZF"));
    assert_eq!(objected.case.hops, 0);
    let upheld = Command::DecideObjection { order: order_of(&objected, "ZF"), upheld: true };
    let file = go(&county, &objected, upheld);
    assert_eq!(file.case.stage.name(), "consulting");
    assert!(file.orders.values().all(|order| !order.is_open()));
    let file = go(&county, &file, take(&file, "ZF"));
    let shares = vec![share("HB", Role::Lead, Duty::Punish, "P1")];
    let file = go(&county, &file, ruling(&file, shares));
    assert_eq!(refused(&county, &file, object(&file, "HB")), Refusal::RuledAlready);
    assert_eq!(file.case.hops, 1);
}

#[test]
fn a_ruling_keeps_the_orders_that_agree_with_it_and_replaces_the_others() {
    let county = barbecue();
    let file = accepted(&county, &["fume", "noise"]);
    let town = order_of(&file, "town-330421103");
    let ga = order_of(&file, "GA");
    let file = go(&county, &file, Command::Object { order: ga, cited: article() });
    let file = go(&county, &file, Command::DecideObjection { order: ga, upheld: true });
    let mut file = file;
    for who in file.consultation.as_ref().unwrap().asked.clone() {
        file = go(&county, &file, take(&file, who.as_str()));
    }
    let shares =
        vec![share("ZF", Role::Lead, Duty::Punish, "P1"), share("town-330421103", Role::Support, Duty::Rectify, "R3")];
    let file = go(&county, &file, ruling(&file, shares));
    // The town's share is confirmed; ZF has another one now.
    assert_eq!(order_of(&file, "town-330421103"), town);
    assert!(file.orders[&town].ruling.is_some());
    let zf: Vec<_> =
        file.orders.values().filter(|order| order.unit == unit("ZF")).map(|order| order.stage.name()).collect();
    assert_eq!(zf, ["withdrawn", "dispatched"]);
}

#[test]
fn who_may_know_of_a_case_is_asked_at_its_latest_consultation_and_not_at_an_earlier_one() {
    let mut county = barbecue();
    let items = [county.lists.items(), heritage().lists.items()].concat();
    county.lists = assignment_domain::list::Lists::new(items, county.lists.rules().to_vec());
    let units = |file: &CaseFile| file.units().into_iter().map(|unit| unit.as_str().to_owned()).collect::<Vec<_>>();
    // Nobody was asked in a diagnosis.
    let registered = Registered {
        id: case(),
        case_no: String::new(),
        facts: facts(&["heritage"]),
        without_clerk: true,
        sealed: false,
    };
    let file = county.with(|setting| CaseFile::register(registered, setting)).unwrap().file;
    assert_eq!(units(&file), Vec::<String>::new());
    let file = go(&county, &file, accept(facts(&["heritage"])));
    assert_eq!(units(&file), ["WL", "ZF"]);
    let file = go(&county, &file, Command::AddFacts { facts: facts(&["fume", "noise"]) });
    assert_eq!(units(&file), ["GA", "WL", "ZF", "town-330421103"]);
    let file = returned(&county, &file, "GA");
    assert_eq!(units(&file), ["GA", "ZF", "town-330421103"]);
}

#[test]
fn a_missing_fact_changes_a_determination_until_somebody_has_finished() {
    let licensed_only = |mut item: ListItem| {
        item.conditions = vec![vocab::Condition {
            fact: "licensed".parse().unwrap(),
            operator: vocab::Operator::Is,
            value: vocab::Operand::One(vocab::FactValue::Bool(true)),
        }];
        item
    };
    let mut rule = boundary("B1", 0, &["fume"], "SJ", &[]);
    rule.conditions = licensed_only(item("P0", "SJ", &["fume"], PUNISH)).conditions;
    let county = County::new(
        vec![item("P1", "ZF", &["fume"], PUNISH), licensed_only(item("P2", "SJ", &["fume"], PUNISH))],
        vec![rule],
    );
    let file = accepted(&county, &["fume"]);
    assert_eq!(file.case.stage.decision().unwrap().lead(), Some(&unit("ZF")));
    let known = common::declared(facts(&["fume"]), "licensed", true);
    let changed = go(&county, &file, Command::AddFacts { facts: known.clone() });
    assert_eq!(changed.case.stage.decision().unwrap().lead(), Some(&unit("SJ")));
    assert!(file.orders.keys().all(|order| !changed.orders[order].is_open()));
    let finished = complete(&county, &file, "ZF");
    let same = go(&county, &finished, Command::AddFacts { facts: known });
    assert_eq!(same.case.stage.decision().unwrap().lead(), Some(&unit("ZF")));
}

#[test]
fn a_refused_closing_goes_back_to_the_holder_and_a_reopened_case_to_every_share() {
    let county = barbecue();
    let mut file = accepted(&county, &["fume", "noise"]);
    for who in ["ZF", "GA", "town-330421103"] {
        file = complete(&county, &file, who);
    }
    let ga = file.orders.values().find(|order| order.unit == unit("GA")).unwrap().id;
    let handled = go(&county, &file, complete_case("ZF"));
    let back = go(&county, &handled, Command::RefuseClosing { order: Some(ga) });
    assert_eq!(back.case.stage.name(), "determined");
    let open: Vec<_> = back.orders.values().filter(|order| order.is_open()).map(|order| order.unit.as_str()).collect();
    assert_eq!(open, ["GA"]);
    let file = complete(&county, &back, "GA");
    let file = go(&county, &file, complete_case("ZF"));
    let file = go(&county, &file, Command::End { because: EndedBecause::Closed });
    let file = go(&county, &file, Command::Reopen { round: 2, facts: None });
    let open: BTreeSet<_> =
        file.orders.values().filter(|order| order.is_open()).map(|order| (order.unit.as_str(), order.round)).collect();
    assert_eq!(open, BTreeSet::from([("ZF", 2), ("GA", 2), ("town-330421103", 2)]));
    // The same reopening, heard of another member, changes nothing.
    assert_eq!(go(&county, &file, Command::Reopen { round: 2, facts: None }), file);
}

#[test]
fn an_ended_case_leaves_no_order_no_consultation_and_no_timer_behind() {
    for (county, matters) in [(barbecue(), vec!["fume", "noise"]), (heritage(), vec!["heritage"])] {
        let file = accepted(&county, &matters);
        let file = go(&county, &file, Command::End { because: EndedBecause::Withdrawn });
        assert!(file.orders.values().all(|order| !order.is_open()));
        assert!(file.consultation.as_ref().is_none_or(|consultation| !consultation.is_open()));
        assert!(file.timers().is_empty());
    }
}

#[test]
fn a_case_that_came_back_from_another_authority_is_diagnosed_again() {
    let county = barbecue();
    let file = accepted(&county, &["fume"]);
    let file = go(&county, &file, Command::End { because: EndedBecause::RoutedAway });
    let file = go(&county, &file, Command::ReturnFromRoute { facts: facts(&["fume", "noise"]) });
    assert_eq!(file.case.stage.name(), "diagnosing");
    let file = go(&county, &file, accept(facts(&["fume", "noise"])));
    assert_eq!(file.orders.values().filter(|order| order.is_open()).count(), 3);
}

#[test]
fn a_precedent_ends_with_the_validity_of_what_it_rests_on() {
    let mut county = heritage();
    county.lists = assignment_domain::list::Lists::new(
        vec![
            ListItem {
                validity: validity("2020-01-01", Some("2026-08-14")),
                ..item("P1", "ZF", &["heritage"], PUNISH)
            },
            item("P2", "WL", &["heritage"], PUNISH),
        ],
        vec![],
    );
    let urgent = CaseFacts { urgency: Urgency::Urgent, ..facts(&["heritage"]) };
    let file = registered(&county, urgent.clone());
    let file = go(&county, &file, accept(urgent));
    let shares = vec![share("WL", Role::Lead, Duty::Punish, "P2")];
    let ruled = county.with(|setting| file.decide(ruling(&file, shares), setting)).unwrap();
    assert_eq!(precedent_of(&ruled.events).validity.to, Some("2026-08-14".parse().unwrap()));
}

#[test]
fn the_proof_names_the_precedent_that_decided() {
    let mut county = heritage();
    let urgent = CaseFacts { urgency: Urgency::Urgent, ..facts(&["heritage"]) };
    let file = registered(&county, urgent.clone());
    let file = go(&county, &file, accept(urgent));
    let shares = vec![share("WL", Role::Lead, Duty::Punish, "P2")];
    let ruled = county.with(|setting| file.decide(ruling(&file, shares), setting)).unwrap();
    let precedent = precedent_of(&ruled.events);
    county.precedents = vec![precedent.clone()];
    let next = registered(&county, facts(&["heritage"]));
    let decided = county.with(|setting| next.decide(accept(facts(&["heritage"])), setting)).unwrap();
    let Event::Determined { proof, .. } = &decided.events[0] else { panic!("{:?}", decided.events) };
    assert_eq!(proof.basis, Basis::Precedent { precedent: precedent.id });
    assert!(matches!(proof.answer, Determination::Sole { .. }));
}

#[test]
fn who_leaves_a_post_leaves_no_order_behind() {
    let mut county = barbecue();
    let file = accepted(&county, &["fume", "noise"]);
    let ga = order_of(&file, "GA");
    let file = go(&county, &file, Command::Object { order: ga, cited: article() });
    let file = complete(&county, &file, "town-330421103");
    assert_eq!(file.to_hand_over(&county.policy), None);
    for posts in county.policy.posts.values_mut() {
        posts.remove(0);
    }
    let handed = go(&county, &file, file.to_hand_over(&county.policy).unwrap());
    for who in ["ZF", "GA"] {
        assert_eq!(open_order(&handed, who).assignee.person.as_str(), format!("{who}-P2"));
    }
    assert_eq!(handed.to_hand_over(&county.policy), None);
    // A unit with nobody left: the order keeps its person, for it may not have none.
    county.policy.posts.insert(unit("GA"), vec![]);
    assert_eq!(handed.to_hand_over(&county.policy), None);
}
