//! Who may know what, and what a request must look like.

use sqlx::Connection as _;
use tonic::Code;
use uuid::Uuid;
use xiezhi_proto::assignment::v1::AccountDisabled;
use xiezhi_proto::common::v1::Role;
use xiezhi_proto::intake::v1::{CaseLinked, LinkKind, NoticeKind};
use xiezhi_proto::supervision::v1 as proto;
use xiezhi_proto::supervision::v1::supervision_service_server::SupervisionService as _;

use crate::house::*;
use crate::words::*;

/// Two cases: one of ZF, one of HB.
async fn two_cases(house: &House) -> [Uuid; 2] {
    let cases = [Uuid::now_v7(), Uuid::now_v7()];
    for (number, (case, unit)) in (1..).zip(cases.iter().zip(["ZF", "HB"])) {
        house.intake.say(*case, registered(*case, number, "2026-03-02 09:00")).await;
        house.intake.say(*case, accepted(*case, number, "2026-03-02 10:00")).await;
        house.assignment.say(*case, dispatched(*case, 1, unit, Role::Lead, "2026-03-02 10:01")).await;
        house.assignment.say(*case, completed(*case, 1, unit, "2026-03-02 12:01")).await;
        house.assignment.say(*case, handled(*case, unit, "2026-03-02 12:02")).await;
        house.intake.say(*case, notice(*case, NoticeKind::Reply, 1, "2026-03-02 12:03")).await;
    }
    house.heard().await;
    cases
}

#[tokio::test]
async fn a_unit_sees_its_own_and_all_else_is_as_if_it_did_not_exist() {
    let house = House::at("2026-03-02 10:05").await;
    let [own, foreign] = two_cases(&house).await;
    let zf = department("ZF");
    for (case, expected) in [(own, Code::Ok), (foreign, Code::NotFound), (Uuid::now_v7(), Code::NotFound)] {
        let case_id = case.to_string();
        let code = |result: Result<(), tonic::Status>| result.map_or_else(|status| status.code(), |()| Code::Ok);
        let clocks = house.door.list_clocks(by(&zf, proto::ListClocksRequest { case_id: case_id.clone() })).await;
        assert_eq!(code(clocks.map(drop)), expected);
        let request = proto::GetTimelineRequest { case_id: case_id.clone(), ..Default::default() };
        assert_eq!(code(house.door.get_timeline(by(&zf, request)).await.map(drop)), expected);
        let request = proto::GetClosingProofRequest { case_id: case_id.clone(), round: 0 };
        assert_eq!(code(house.door.get_closing_proof(by(&zf, request)).await.map(drop)), expected);
    }
    let missing =
        house.door.list_clocks(by(&zf, proto::ListClocksRequest { case_id: Uuid::now_v7().to_string() })).await;
    let not_theirs = house.door.list_clocks(by(&zf, proto::ListClocksRequest { case_id: foreign.to_string() })).await;
    assert_eq!(missing.unwrap_err().message(), not_theirs.unwrap_err().message(), "the two cannot be told apart");
    let due = async |who: &kit::caller::Granted, unit: &str| {
        let request = proto::ListDueRequest { unit_code: unit.to_owned(), ..Default::default() };
        house.door.list_due(by(who, request)).await.unwrap().into_inner().clocks
    };
    assert!(!due(&centre(), "HB").await.is_empty());
    assert!(due(&zf, "").await.iter().all(|view| view.clock.as_ref().unwrap().holder_unit == "ZF"));
    assert!(due(&zf, "HB").await.is_empty());
    let closings = async |who: &kit::caller::Granted| {
        let answer = house.door.list_closings(by(who, proto::ListClosingsRequest::default())).await.unwrap();
        answer.into_inner().proofs.into_iter().map(|proof| proof.case_id).collect::<Vec<_>>()
    };
    assert_eq!(closings(&zf).await, [own.to_string()]);
    assert_eq!(closings(&centre()).await.len(), 2);
    assert_eq!(closings(&department("town-330421103")).await.len(), 2, "the town of the place may check");
    assert_eq!(closings(&department("town-330421104")).await.len(), 0);
}

#[tokio::test]
async fn a_timeline_tells_a_unit_what_is_between_it_and_the_centre_and_nothing_of_the_complainant() {
    let house = House::at("2026-03-02 10:05").await;
    let case = Uuid::now_v7();
    house.intake.say(case, registered(case, 1, "2026-03-02 09:00")).await;
    house.intake.say(case, accepted(case, 1, "2026-03-02 10:00")).await;
    house.assignment.say(case, dispatched(case, 1, "ZF", Role::Lead, "2026-03-02 10:01")).await;
    house.assignment.say(case, dispatched(case, 2, "HB", Role::Support, "2026-03-02 10:01")).await;
    let revealed = xiezhi_proto::intake::v1::ContactRevealed {
        case_id: case.to_string(),
        account_id: "centre.evaluator".to_owned(),
        ..Default::default()
    };
    house.intake.say(case, revealed).await;
    house.heard().await;
    // Nobody signs: each unit is reminded of its own order.
    house.turn("2026-03-04 12:00").await;
    house.heard().await;
    let seen = async |who: &kit::caller::Granted| {
        let request = proto::GetTimelineRequest { case_id: case.to_string(), page_size: 500, ..Default::default() };
        house.door.get_timeline(by(who, request)).await.unwrap().into_inner().entries
    };
    let pressed = |entries: &[proto::TimelineEntry]| -> Vec<String> {
        let issued = entries.iter().filter(|entry| entry.code == "supervision.supervision_order.issued");
        let mut units: Vec<String> = issued.flat_map(|entry| entry.unit_codes.clone()).collect();
        units.sort();
        units.dedup();
        units
    };
    let names = |entries: &[proto::TimelineEntry], name: &str| {
        entries.iter().any(|entry| entry.details.iter().any(|detail| detail.name == name))
    };
    let (all, zf, hb) = (seen(&centre()).await, seen(&department("ZF")).await, seen(&department("HB")).await);
    assert_eq!(pressed(&all), ["HB", "ZF"]);
    assert_eq!((pressed(&zf), pressed(&hb)), (vec!["ZF".to_owned()], vec!["HB".to_owned()]));
    let tells = |entries: &[proto::TimelineEntry]| entries.iter().any(|entry| entry.code == "intake.contact.revealed");
    assert!(tells(&all) && !tells(&zf) && !tells(&hb));
    assert!(names(&all, "complainant_ref") && !names(&zf, "complainant_ref"));
    assert!(zf.iter().any(|entry| entry.code == "assignment.work_order.dispatched"));
}

/// All that a unit reads of a case as a whole: its timeline and its clocks.
async fn read_by(
    house: &House,
    who: &kit::caller::Granted,
    case: Uuid,
) -> (proto::GetTimelineResponse, proto::ListClocksResponse) {
    let request = proto::GetTimelineRequest { case_id: case.to_string(), page_size: 500, ..Default::default() };
    let timeline = house.door.get_timeline(by(who, request)).await.unwrap().into_inner();
    let request = proto::ListClocksRequest { case_id: case.to_string() };
    (timeline, house.door.list_clocks(by(who, request)).await.unwrap().into_inner())
}

/// A case that ZF leads and HB supports.
async fn shared_case(house: &House) -> Uuid {
    let case = Uuid::now_v7();
    house.intake.say(case, registered(case, 1, "2026-03-02 09:00")).await;
    house.intake.say(case, accepted(case, 1, "2026-03-02 10:00")).await;
    house.assignment.say(case, dispatched(case, 1, "ZF", Role::Lead, "2026-03-02 10:01")).await;
    house.assignment.say(case, dispatched(case, 2, "HB", Role::Support, "2026-03-02 10:01")).await;
    house.heard().await;
    case
}

/// True where this stands anywhere in an answer.
fn says(answer: &impl prost::Message, words: &str) -> bool {
    answer.encode_to_vec().windows(words.len()).any(|part| part == words.as_bytes())
}

#[tokio::test]
async fn what_a_unit_must_answer_is_nothing_to_those_who_share_the_case() {
    let house = House::at("2026-03-02 10:05").await;
    let case = shared_case(&house).await;
    let (zf, hb) = (department("ZF"), department("HB"));
    let (mut waited, mut was_late, mut answered) = (false, false, false);
    // Past the ladder's last rung, past the answer's own due date, and past the answer itself.
    for (moment, answers) in [("2026-03-06 12:00", false), ("2026-03-16 12:00", false), ("2026-03-16 12:05", true)] {
        house.turn(moment).await;
        let orders = house.orders(case).await;
        let of = |unit: &str| -> Vec<&proto::SupervisionOrder> {
            orders.iter().filter(|order| order.unit_code == unit && order.answer_deadline.is_some()).collect()
        };
        assert!(!of("ZF").is_empty() && !of("HB").is_empty(), "the ladder was climbed by {moment}");
        if answers {
            for order in of("ZF") {
                let request = proto::AnswerSupervisionOrderRequest {
                    command_id: command(),
                    supervision_order_id: order.supervision_order_id.clone(),
                    answer: "人手不足, 今天已经签收。".to_owned(),
                };
                house.door.answer_supervision_order(by(&zf, request)).await.unwrap();
            }
        }
        let all = read_by(&house, &centre(), case).await;
        for (who, own, others) in [(&zf, of("ZF"), of("HB")), (&hb, of("HB"), of("ZF"))] {
            let (timeline, clocks) = read_by(&house, who, case).await;
            for order in own {
                let id = &order.supervision_order_id;
                assert!(says(&timeline, id) && says(&clocks, id), "{} is told of its own", order.unit_code);
            }
            for order in others {
                let id = &order.supervision_order_id;
                assert!(says(&all.0, id) && says(&all.1, id), "the centre is told of all");
                let told = timeline.entries.iter().filter(|entry| says(*entry, id)).collect::<Vec<_>>();
                assert!(told.is_empty(), "{} is told what {} must answer: {told:#?}", who.caller.unit, order.unit_code);
                assert!(!says(&clocks, id), "{} sees the clock of {}", who.caller.unit, order.unit_code);
            }
            // Who is late with what all must know is still said, and no entry is left that says nothing.
            for entry in timeline.entries.iter().filter(|entry| entry.code.starts_with("supervision.clocks.")) {
                let named = |detail: &proto::TimelineDetail| ["clocks.kind", "kinds"].contains(&detail.name.as_str());
                assert!(entry.details.iter().any(|detail| named(detail) && !detail.values.is_empty()), "{entry:?}");
            }
            let breached = timeline.entries.iter().filter(|entry| entry.code == "supervision.clocks.breached");
            assert!(breached.flat_map(|entry| &entry.unit_codes).any(|unit| *unit != who.caller.unit));
        }
        // The search would find: the centre's view holds the answer's clock in each of its states.
        let state = |state: proto::ClockState| {
            all.1.clocks.iter().any(|view| !view.supervision_order_id.is_empty() && view.state() == state)
        };
        waited |= state(proto::ClockState::Running);
        was_late |= state(proto::ClockState::Breached);
        answered |= state(proto::ClockState::Stopped);
    }
    assert!(waited && was_late && answered);
}

#[tokio::test]
async fn nobody_extends_an_answer_it_is_not_told_of() {
    let house = House::at("2026-03-02 10:05").await;
    let case = shared_case(&house).await;
    house.turn("2026-03-06 12:00").await;
    let clocks = house.clocks(case).await;
    let is_asked = |view: &&proto::ClockView| {
        !view.supervision_order_id.is_empty() && view.clock.as_ref().unwrap().holder_unit == "ZF"
    };
    let kind = clocks.values().find(is_asked).unwrap().clock.clone().unwrap().kind;
    let ask = async |unit: &str, kind: String| {
        let request = proto::ExtendClockRequest {
            command_id: command(),
            case_id: case.to_string(),
            kind,
            amount: 1,
            reason: "需要更多时间".to_owned(),
        };
        house.door.extend_clock(by(&department(unit), request)).await.unwrap_err()
    };
    assert_eq!(reason(&ask("ZF", kind.clone()).await), "supervision.not_extensible");
    let unknown = ask("HB", format!("supervision.answer/{}", Uuid::now_v7())).await;
    let foreign = ask("HB", kind).await;
    assert_eq!((foreign.code(), foreign.message()), (Code::NotFound, unknown.message()));
}

#[tokio::test]
async fn a_timeline_names_no_case_that_its_reader_does_not_know() {
    let house = House::at("2026-03-02 10:05").await;
    let [right, wrong, member] = [(); 3].map(|()| Uuid::now_v7());
    for (number, case) in (1..).zip([right, wrong, member]) {
        house.intake.say(case, registered(case, number, "2026-03-02 09:00")).await;
    }
    house.intake.say(member, linked(member, wrong, LinkKind::ClusterMember, "2026-03-02 09:30")).await;
    let moved = CaseLinked {
        left_head_case_id: wrong.to_string(),
        ..linked(member, right, LinkKind::ClusterMember, "2026-03-02 09:40")
    };
    house.intake.say(member, moved).await;
    for (number, case, unit) in [(1, right, "ZF"), (2, wrong, "HB")] {
        house.intake.say(case, accepted(case, number, "2026-03-02 10:00")).await;
        house.assignment.say(case, dispatched(case, 1, unit, Role::Lead, "2026-03-02 10:01")).await;
    }
    let operation = Uuid::now_v7();
    let both = xiezhi_proto::scheduling::v1::OperationProposed {
        case_ids: vec![right.to_string(), wrong.to_string()],
        ..proposed(operation, right, &[], "2026-03-02 10:03")
    };
    house.scheduling.say(operation, both).await;
    house.heard().await;
    let named = |timeline: &proto::GetTimelineResponse, case: Uuid| says(timeline, &case.to_string());
    for (who, case, knows) in [
        (centre(), right, [true, true, true]),
        (centre(), wrong, [true, true, true]),
        (department("ZF"), right, [true, false, true]),
        (department("HB"), wrong, [false, true, false]),
    ] {
        let (timeline, _) = read_by(&house, &who, case).await;
        let seen = [right, wrong, member].map(|other| named(&timeline, other));
        assert_eq!(seen, knows, "right head, wrong head, member, by {}", who.caller.unit);
        let codes: Vec<&str> = timeline.entries.iter().map(|entry| entry.code.as_str()).collect();
        assert!(codes.contains(&"intake.case.linked") && codes.contains(&"scheduling.operation.proposed"), "{codes:?}");
    }
    // Whoever has a share in the other case, too, reads its name.
    house.assignment.say(wrong, dispatched(wrong, 2, "ZF", Role::Support, "2026-03-02 10:05")).await;
    house.heard().await;
    let (timeline, _) = read_by(&house, &department("ZF"), right).await;
    assert!(named(&timeline, wrong));
}

#[tokio::test]
async fn the_second_wall_stands_where_the_first_one_is_forgotten() {
    let house = House::at("2026-03-02 10:05").await;
    two_cases(&house).await;
    let mut connection = sqlx::PgConnection::connect(house.database()).await.unwrap();
    let counts = async |connection: &mut sqlx::PgConnection, unit: Option<&str>| {
        let mut tx = connection.begin().await.unwrap();
        sqlx::query("SELECT set_config('role', 'supervision_department', true)").execute(&mut *tx).await.unwrap();
        if let Some(unit) = unit {
            sqlx::query("SELECT set_config('xiezhi.unit', $1, true)").bind(unit).execute(&mut *tx).await.unwrap();
        }
        let mut counts = Vec::new();
        for statement in [
            "SELECT count(*) FROM case_file",
            "SELECT count(*) FROM clock",
            "SELECT count(*) FROM closing",
            "SELECT count(*) FROM timeline",
            "SELECT count(*) FROM supervision_order",
        ] {
            counts.push(sqlx::query_scalar::<_, i64>(statement).fetch_one(&mut *tx).await.unwrap());
        }
        tx.rollback().await.unwrap();
        counts
    };
    assert_eq!(counts(&mut connection, None).await, [0, 0, 0, 0, 0], "without the setting there is nothing");
    let zf = counts(&mut connection, Some("ZF")).await;
    assert_eq!((zf[0], zf[2]), (1, 1));
    let clocks: i64 = sqlx::query_scalar("SELECT count(*) FROM clock").fetch_one(&mut connection).await.unwrap();
    assert!(zf[1] > 0 && zf[1] < clocks, "half of what the owner sees: {} of {clocks}", zf[1]);
    assert_eq!(counts(&mut connection, Some("SJ")).await, [0, 0, 0, 0, 0]);
}

#[tokio::test]
async fn every_mistake_of_a_request_is_named() {
    let house = House::at("2026-03-02 10:05").await;
    let bad =
        proto::ExtendClockRequest { command_id: command(), case_id: "JS-2026-000001".to_owned(), ..Default::default() };
    let status = house.door.extend_clock(by(&centre(), bad)).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    assert_eq!(fields(&status), ["case_id", "kind", "reason", "amount"]);
    let bad = proto::ApproveClosingRequest { command_id: "first".to_owned(), case_id: Uuid::now_v7().to_string() };
    let status = house.door.approve_closing(by(&centre(), bad)).await.unwrap_err();
    assert_eq!(fields(&status), ["command_id"]);
    let bad = proto::AnswerSupervisionOrderRequest {
        command_id: command(),
        supervision_order_id: "x".to_owned(),
        answer: "长".repeat(5001),
    };
    let status = house.door.answer_supervision_order(by(&department("ZF"), bad)).await.unwrap_err();
    assert_eq!(fields(&status), ["answer", "supervision_order_id"]);
    let bad = proto::GetTimelineRequest { case_id: Uuid::now_v7().to_string(), page_size: 501, ..Default::default() };
    assert_eq!(fields(&house.door.get_timeline(by(&centre(), bad)).await.unwrap_err()), ["page_size"]);
    let bad = proto::ListDueRequest { page_token: "nonsense".to_owned(), ..Default::default() };
    assert_eq!(fields(&house.door.list_due(by(&centre(), bad)).await.unwrap_err()), ["page_token"]);
    let unknown = proto::PauseClockRequest {
        command_id: command(),
        case_id: Uuid::now_v7().to_string(),
        kind: "reply.first".to_owned(),
        reason_code: "hearing".to_owned(),
    };
    assert_eq!(house.door.pause_clock(by(&centre(), unknown)).await.unwrap_err().code(), Code::NotFound);
    let unguarded = tonic::Request::new(proto::ListOpenTasksRequest::default());
    assert_eq!(house.door.list_open_tasks(unguarded).await.unwrap_err().code(), Code::PermissionDenied);
}

#[tokio::test]
async fn pages_meet_and_hold_everything_once() {
    let house = House::at("2026-03-02 10:05").await;
    two_cases(&house).await;
    let all = async |page_size: u32| {
        let mut kinds = Vec::new();
        let mut page_token = String::new();
        loop {
            let request = proto::ListDueRequest { page_size, page_token, ..Default::default() };
            let answer = house.door.list_due(by(&centre(), request)).await.unwrap().into_inner();
            kinds.extend(answer.clocks.into_iter().map(|view| (view.case_id, view.clock.unwrap().kind)));
            page_token = answer.next_page_token;
            if page_token.is_empty() {
                return kinds;
            }
        }
    };
    let whole = all(500).await;
    assert!(whole.len() >= 4);
    assert_eq!(all(1).await, whole);
    let soon = proto::ListDueRequest { before: Some(wire_time("2026-03-02 23:00")), ..Default::default() };
    let soon = house.door.list_due(by(&centre(), soon)).await.unwrap().into_inner().clocks;
    assert!(soon.len() < whole.len());
}

#[tokio::test]
async fn a_disabled_account_is_known_here_too() {
    let house = House::at("2026-03-02 10:05").await;
    let key = Uuid::now_v7();
    let disabled =
        AccountDisabled { account_id: "ZF.handler2".to_owned(), disabled_at: Some(wire_time("2026-03-02 10:00")) };
    house.assignment.say(key, disabled).await;
    house.heard().await;
    let mut connection = sqlx::PgConnection::connect(house.database()).await.unwrap();
    let revoked: Vec<String> =
        sqlx::query_scalar("SELECT account FROM bus.revoked").fetch_all(&mut connection).await.unwrap();
    assert_eq!(revoked, ["ZF.handler2"]);
}
