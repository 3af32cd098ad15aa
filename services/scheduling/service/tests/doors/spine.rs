//! From the escalation to each body's own follow-up, and the refused roll call in between.

use kit::caller::CallerKind;
use xiezhi_proto::Event as _;
use xiezhi_proto::common::v1::Duty;
use xiezhi_proto::scheduling::v1 as proto;
use xiezhi_proto::scheduling::v1::officer_service_server::OfficerService as _;
use xiezhi_proto::scheduling::v1::operation_service_server::OperationService as _;

use crate::house::*;

fn crew<'o>(operation: &'o proto::Operation, unit: &str) -> Vec<&'o str> {
    let found = operation.participations.iter().find(|participation| participation.unit_code == unit).unwrap();
    found.officer_codes.iter().map(String::as_str).collect()
}

#[tokio::test]
async fn a_barbecue_goes_from_its_escalation_to_each_bodys_own_follow_up() {
    let house = House::at("2026-03-04 10:00").await;
    let assignment = house.neighbour(Assignment).await;
    let case = uuid::Uuid::now_v7();
    let proposed = house.proposed(&assignment, case, &["ZF", "HB", "GA"]).await;
    assert_eq!(proposed.trigger_code, "case_escalated");
    assert_eq!(proposed.finish_by, Some(wire_time("2026-05-01 00:00")));

    let fixed = house.approve(&proposed.operation_id, None, None).await.unwrap();
    let plan = fixed.plan.clone().unwrap();
    assert_eq!(plan.starts_at, Some(wire_time("2026-03-04 20:00")), "the first evening, by the pack's hours");
    assert_eq!(plan.resource_codes.len(), 1);
    assert!(!plan.after_deadline);
    for unit in ["ZF", "HB", "GA"] {
        assert_eq!(crew(&fixed, unit).len(), 2, "{unit}");
    }

    for unit in ["ZF", "HB", "GA"] {
        let request = proto::ConfirmParticipationRequest {
            command_id: command(),
            operation_id: fixed.operation_id.clone(),
            unit_code: String::new(),
        };
        house.operations.confirm_participation(by(&department(unit), request)).await.unwrap();
    }
    house.turn("2026-03-04 19:40").await;
    let start =
        |command_id: String| proto::StartOperationRequest { command_id, operation_id: fixed.operation_id.clone() };
    for unit in ["ZF", "HB", "GA"] {
        let early = house.operations.start_operation(by(&department("ZF"), start(command()))).await.unwrap_err();
        assert_eq!(reason(&early), "scheduling.not_all_here");
        house.check_in(&fixed.operation_id, unit, &crew(&fixed, unit)).await.unwrap();
    }
    let by_support = house.operations.start_operation(by(&department("HB"), start(command()))).await.unwrap_err();
    assert_eq!(reason(&by_support), "scheduling.lead_only");
    house.operations.start_operation(by(&department("ZF"), start(command()))).await.unwrap();

    let photo = house.upload("现场笔录").await;
    let record = proto::RecordInspectionRequest {
        command_id: command(),
        operation_id: fixed.operation_id.clone(),
        form_codes: vec!["scene_record".to_owned()],
        findings: vec![
            proto::UnitFinding { unit_code: "ZF".to_owned(), finding_code: "violation".to_owned() },
            proto::UnitFinding { unit_code: "HB".to_owned(), finding_code: "no_violation".to_owned() },
        ],
        evidence_sha256: vec![photo.into()],
        words: "露天烧烤一处, 油烟直排".to_owned(),
        unit_code: String::new(),
    };
    for _ in ["first", "again"] {
        let answer = house.operations.record_inspection(by(&department("ZF"), record.clone())).await.unwrap();
        assert_eq!(answer.into_inner().inspection.unwrap().words, record.words, "a repeat gets the same answer");
    }

    house.turn("2026-03-04 21:30").await;
    let conclude = proto::ConcludeOperationRequest {
        command_id: command(),
        operation_id: fixed.operation_id.clone(),
        follow_ups: vec![
            proto::FollowUp {
                unit_code: "ZF".to_owned(),
                duty: Duty::Punish.into(),
                power_item_codes: vec!["PI012".to_owned()],
                finding_code: String::new(),
            },
            proto::FollowUp {
                unit_code: "HB".to_owned(),
                duty: Duty::Assist.into(),
                power_item_codes: vec![],
                finding_code: "no_violation".to_owned(),
            },
        ],
        words: String::new(),
    };
    house.operations.conclude_operation(by(&department("ZF"), conclude)).await.unwrap();

    let names = house.event_names(&fixed.operation_id).await;
    let expected = [
        "OperationProposed",
        "OperationApproved",
        "OperationFixed",
        "ParticipantConfirmed",
        "ParticipantConfirmed",
        "ParticipantConfirmed",
        "ParticipantCheckedIn",
        "ParticipantCheckedIn",
        "ParticipantCheckedIn",
        "OperationStarted",
        "InspectionRecorded",
        "OperationConcluded",
    ];
    assert_eq!(names, expected);
    let events = house.events(&fixed.operation_id).await;
    let concluded: proto::OperationConcluded = events.last().unwrap().body().unwrap();
    assert_eq!(concluded.follow_ups.len(), 2);
    assert_eq!(concluded.follow_ups[0].finding_code, "violation", "taken from the record");
    assert_eq!(concluded.evidence.len(), 1);
    let written = "露天烧烤一处";
    for event in &events {
        assert!(!String::from_utf8_lossy(&event.payload).contains(written), "{} carries words", event.type_name);
    }
    let whole = house.get(&fixed.operation_id).await;
    assert!(whole.inspections[0].words.starts_with(written));
    assert!(!house.stores(written).await, "what people write lies sealed");
    assert_eq!(whole.operation.unwrap().stage(), proto::OperationStage::Concluded);

    let held = proto::ListBookingsRequest { from: Some(wire_time("2026-03-01 00:00")), ..Default::default() };
    let held = house.operations.list_bookings(by(&centre(), held)).await.unwrap().into_inner().bookings;
    assert_eq!(held, vec![], "everybody is free again");
    let timers =
        house.scheduling.bus.timers(xiezhi_proto::bus::v1::ListTimersRequest { page_size: 100, ..Default::default() });
    assert!(timers.await.unwrap().timers.iter().all(|timer| timer.state != "armed"), "nothing is waited for");
}

#[tokio::test]
async fn a_certificate_that_ends_before_the_day_is_refused_at_the_roll_call_and_the_least_change_mends_it() {
    let house = House::at("2026-03-04 10:00").await;
    let assignment = house.neighbour(Assignment).await;
    let case = uuid::Uuid::now_v7();
    let proposed = house.proposed(&assignment, case, &["ZF", "HB"]).await;
    let fixed = house.approve(&proposed.operation_id, None, None).await.unwrap();
    let (first, second) = match crew(&fixed, "HB").as_slice() {
        [first, second] => ((*first).to_owned(), (*second).to_owned()),
        other => panic!("{other:?}"),
    };
    let record = proto::RecordCertificateRequest {
        command_id: command(),
        officer_code: second.clone(),
        certificate: Some(proto::Certificate {
            number: "ZJ3304009999".to_owned(),
            valid_from: "2023-03-04".to_owned(),
            valid_to: "2026-03-03".to_owned(),
        }),
    };
    let recorded = house.officers.record_certificate(by(&department("HB"), record)).await.unwrap().into_inner();
    assert!(!recorded.officer.unwrap().eligible);

    house.turn("2026-03-04 19:30").await;
    let refused = house.check_in(&fixed.operation_id, "HB", &[&first, &second]).await.unwrap_err();
    assert_eq!(reason(&refused), "scheduling.certificate_invalid");
    assert!(says(&refused).contains(&format!("{second} 执法证已于 2026-03-03 到期")), "{}", says(&refused));
    assert!(says(&refused).contains("须有不少于 2 名"), "{}", says(&refused));

    let replace = proto::ReplaceOfficersRequest {
        command_id: command(),
        operation_id: fixed.operation_id.clone(),
        unit_code: String::new(),
        officer_codes: vec![],
    };
    let replaced = house.operations.replace_officers(by(&department("HB"), replace)).await.unwrap().into_inner();
    let replaced = replaced.operation.unwrap();
    assert!(crew(&replaced, "HB").contains(&first.as_str()), "whoever can come stays");
    assert!(!crew(&replaced, "HB").contains(&second.as_str()));
    house.check_in(&fixed.operation_id, "HB", &crew(&replaced, "HB")).await.unwrap();

    let suspend = proto::SuspendOfficerRequest {
        command_id: command(),
        officer_code: crew(&replaced, "ZF")[0].to_owned(),
        reason_code: "under_inquiry".to_owned(),
    };
    house.officers.suspend_officer(by(&centre(), suspend)).await.unwrap();
    let refused = house.check_in(&fixed.operation_id, "ZF", &crew(&replaced, "ZF")).await.unwrap_err();
    assert_eq!(reason(&refused), "scheduling.certificate_invalid");
    let names = house.event_names(&fixed.operation_id).await;
    // Silence of the others is recorded meanwhile, in its own time.
    let came = names.iter().filter(|name| *name == "ParticipantCheckedIn").count();
    assert_eq!(came, 1, "a refusal is no event: {names:?}");
}

#[tokio::test]
async fn a_foreign_unit_is_answered_as_if_nothing_were_there() {
    let house = House::at("2026-03-04 10:00").await;
    let assignment = house.neighbour(Assignment).await;
    let case = uuid::Uuid::now_v7();
    let proposed = house.proposed(&assignment, case, &["ZF", "HB"]).await;
    house.approve(&proposed.operation_id, None, None).await.unwrap();
    let stranger = department("SJ");
    let id = proposed.operation_id.clone();
    let missing = uuid::Uuid::now_v7().to_string();
    for operation_id in [&id, &missing] {
        let get = proto::GetOperationRequest { operation_id: operation_id.clone() };
        let status = house.operations.get_operation(by(&stranger, get)).await.unwrap_err();
        assert_eq!((status.code(), status.message()), (tonic::Code::NotFound, "not found: operation"));
        let confirm = proto::ConfirmParticipationRequest {
            command_id: command(),
            operation_id: operation_id.clone(),
            unit_code: String::new(),
        };
        let status = house.operations.confirm_participation(by(&stranger, confirm)).await.unwrap_err();
        assert_eq!((status.code(), status.message()), (tonic::Code::NotFound, "not found: operation"));
        let status = house.check_in(operation_id, "SJ", &["SJ-O01", "SJ-O02"]).await.unwrap_err();
        assert_eq!(status.code(), tonic::Code::NotFound);
    }
    let on_behalf = proto::ConfirmParticipationRequest {
        command_id: command(),
        operation_id: id.clone(),
        unit_code: "ZF".to_owned(),
    };
    let status = house.operations.confirm_participation(by(&department("HB"), on_behalf)).await.unwrap_err();
    assert_eq!(status.code(), tonic::Code::NotFound, "a unit answers for itself alone");
    let town = caller(CallerKind::Town, "town-330421103");
    for granted in [stranger, town] {
        let list =
            house.operations.list_operations(by(&granted, proto::ListOperationsRequest::default())).await.unwrap();
        assert_eq!(list.into_inner().operations, vec![]);
        let bookings = proto::ListBookingsRequest { unit_code: "ZF".to_owned(), ..Default::default() };
        assert_eq!(house.operations.list_bookings(by(&granted, bookings)).await.unwrap().into_inner().bookings, vec![]);
        let tasks =
            house.operations.list_open_tasks(by(&granted, proto::ListOpenTasksRequest::default())).await.unwrap();
        assert_eq!(tasks.into_inner().tasks, vec![]);
        let officers = proto::ListOfficersRequest { unit_code: "ZF".to_owned(), ..Default::default() };
        assert_eq!(house.officers.list_officers(by(&granted, officers)).await.unwrap().into_inner().officers, vec![]);
    }
    let own =
        house.operations.list_operations(by(&department("HB"), proto::ListOperationsRequest::default())).await.unwrap();
    assert_eq!(own.into_inner().operations.len(), 1);
}

#[tokio::test]
async fn compulsory_enforcement_is_planned_for_the_day_and_the_preview_cites_the_law() {
    let house = House::at("2026-03-04 09:50").await;
    let assignment = house.neighbour(Assignment).await;
    let proposed = house.proposed(&assignment, uuid::Uuid::now_v7(), &["ZF", "HB"]).await;
    let compulsory = |hours: Option<(&str, &str)>| proto::PlanTerms {
        kind: proto::OperationKind::Compulsory.into(),
        hours: hours.map(|(from, to)| proto::PlanHours { from: from.to_owned(), to: to.to_owned() }),
        ..Default::default()
    };
    let preview = |terms, starts_at: Option<&str>| proto::PreviewPlanRequest {
        operation_id: proposed.operation_id.clone(),
        terms: Some(terms),
        not_before: None,
        starts_at: starts_at.map(wire_time),
    };
    // 20:00 to 23:00 by the pack's hours reaches into the night.
    let asked = by(&centre(), preview(compulsory(None), None));
    let none = house.operations.preview_plan(asked).await.unwrap().into_inner();
    assert!(!none.feasible);
    let law = none.obstacles.iter().find(|obstacle| obstacle.code == "forbidden").unwrap();
    assert_eq!(law.citation.as_ref().unwrap().law, "行政强制法");
    assert_eq!(law.citation.as_ref().unwrap().article, "第四十三条");
    let refused = house.approve(&proposed.operation_id, Some(compulsory(None)), None).await.unwrap_err();
    assert_eq!(reason(&refused), "scheduling.infeasible");
    assert!(says(&refused).contains("《行政强制法》第四十三条"), "{}", says(&refused));
    // A holiday is refused, too, and the first lawful day is taken.
    let holiday = by(&centre(), preview(compulsory(Some(("00:00", "00:00"))), Some("2026-04-05 10:00")));
    assert!(!house.operations.preview_plan(holiday).await.unwrap().into_inner().feasible);
    let day = house.approve(&proposed.operation_id, Some(compulsory(Some(("08:00", "20:00")))), None).await.unwrap();
    assert_eq!(day.plan.unwrap().starts_at, Some(wire_time("2026-03-04 14:00")), "four hours' notice");
    assert_eq!(house.event_names(&proposed.operation_id).await.len(), 3, "a preview and a refusal leave no trace");
}

#[tokio::test]
async fn a_repeat_gets_the_first_answer_and_another_request_under_its_id_is_refused() {
    let house = House::at("2026-03-04 10:00").await;
    let assignment = house.neighbour(Assignment).await;
    let proposed = house.proposed(&assignment, uuid::Uuid::now_v7(), &["ZF"]).await;
    let request = proto::ApproveOperationRequest {
        command_id: command(),
        operation_id: proposed.operation_id.clone(),
        ..Default::default()
    };
    let first = house.operations.approve_operation(by(&centre(), request.clone())).await.unwrap().into_inner();
    let again = house.operations.approve_operation(by(&centre(), request.clone())).await.unwrap().into_inner();
    assert_eq!(first, again);
    let other = proto::ApproveOperationRequest { operation_id: uuid::Uuid::now_v7().to_string(), ..request };
    let refused = house.operations.approve_operation(by(&centre(), other)).await.unwrap_err();
    assert_eq!(refused.code(), tonic::Code::AlreadyExists);
    let twice = house.approve(&proposed.operation_id, None, None).await.unwrap_err();
    assert_eq!(reason(&twice), "scheduling.out_of_turn");
    let names = house.event_names(&proposed.operation_id).await;
    assert_eq!(names.iter().filter(|name| *name == "OperationFixed").count(), 1);
    assert_eq!(proto::OperationFixed::SUBJECT, "scheduling.operation.fixed");
}
