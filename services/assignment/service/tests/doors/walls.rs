//! A department sees its own work orders and nobody else's, whichever way it asks.

use assignment::store::read::{OrderFilter, begin_for_unit, list_orders};
use sqlx::Row as _;
use tonic::Code;
use uuid::Uuid;
use xiezhi_proto::assignment::v1 as proto;
use xiezhi_proto::assignment::v1::assignment_service_server::AssignmentService as _;
use xiezhi_proto::intake::v1::CaseFactsAdded;

use crate::house::*;

#[tokio::test]
async fn the_store_shows_a_department_its_own_rows_and_without_a_unit_none() {
    let house = House::at("2026-03-02 09:00").await;
    let case = house.accepted(barbecue()).await;
    let pool = house.assignment.corridor.pool();
    let count = "SELECT count(*) FROM work_order";
    let all: i64 = sqlx::query(count).fetch_one(pool).await.unwrap().get(0);
    assert!(all >= 5);
    let mut tx = pool.begin().await.unwrap();
    sqlx::query("SET LOCAL ROLE assignment_department").execute(&mut *tx).await.unwrap();
    let none: i64 = sqlx::query(count).fetch_one(&mut *tx).await.unwrap().get(0);
    assert_eq!(none, 0);
    let denied = sqlx::query("DELETE FROM work_order").execute(&mut *tx).await.unwrap_err();
    assert!(denied.to_string().contains("permission denied"), "{denied}");
    drop(tx);
    let mut tx = begin_for_unit(pool, "GA").await.unwrap();
    let units = sqlx::query("SELECT DISTINCT unit FROM work_order").fetch_all(&mut *tx).await.unwrap();
    assert_eq!(units.iter().map(|row| row.get::<String, _>(0)).collect::<Vec<_>>(), ["GA"]);
    let other = sqlx::query("SELECT state FROM account").fetch_all(&mut *tx).await.unwrap_err();
    assert!(other.to_string().contains("permission denied"), "{other}");
    drop(tx);
    // A query that asks for another unit's rows gets none of them.
    let filter = OrderFilter { case: Some(case), unit: Some("ZF".to_owned()), limit: 10, ..Default::default() };
    assert_eq!(list_orders(pool, Some("GA"), &filter).await.unwrap(), vec![]);
    assert_eq!(list_orders(pool, None, &filter).await.unwrap().len(), 1);
}

#[tokio::test]
async fn the_wall_stands_where_the_service_s_own_role_owns_the_tables_and_is_no_superuser() {
    let administrator = testkit::fresh_database("walls").await.unwrap();
    let pool = sqlx::PgPool::connect(&administrator).await.unwrap();
    let name = format!("service_{}", Uuid::now_v7().simple());
    for statement in [
        format!("CREATE ROLE {name} LOGIN PASSWORD 'test'"),
        "DO $$ BEGIN CREATE ROLE assignment_department NOLOGIN; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$".to_owned(),
        format!("GRANT assignment_department TO {name}"),
        format!("CREATE DATABASE {name} OWNER {name}"),
    ] {
        sqlx::raw_sql(sqlx::AssertSqlSafe(statement)).execute(&pool).await.unwrap();
    }
    let options: sqlx::postgres::PgConnectOptions = administrator.parse().unwrap();
    let url = sqlx::ConnectOptions::to_url_lossy(&options.username(&name).password("test").database(&name));
    let clock = kit::settings::ClockKind::Real;
    kit::node::migrate::<assignment::Assignment>(url.as_str(), &assignment::MIGRATOR, clock).await.unwrap();
    let own = sqlx::PgPool::connect(url.as_str()).await.unwrap();
    // Each of two units has a case of its own, with one row in every table.
    for (unit, id) in [("ZF", Uuid::from_u128(1)), ("GA", Uuid::from_u128(2))] {
        for insert in [
            "INSERT INTO work_order VALUES ($1, $1, $2, 'lead', 'dispatched', 'p', 'p', 'd', now(), now(), NULL, 1, '{}')",
            "INSERT INTO consultation VALUES ($1, $1, 'open', jsonb_build_object('asked', jsonb_build_array($2), 'positions', '{}'::jsonb))",
            "INSERT INTO responsibility VALUES ($1, '', 'consulting', 1, 0, NULL, NULL, $1, NULLIF($2, ''), 1, jsonb_build_array($2), NULL, '{}')",
            "INSERT INTO determination SELECT $1, $1, 'gap', 1, decode(repeat('00', 32), 'hex'), now() WHERE $2 <> ''",
            "INSERT INTO work_text VALUES ($1, $1, $1, 'reply', $2, 1, 'sealed', now())",
            "INSERT INTO order_feed VALUES ($2, 1, $1, 'dispatched', now())",
        ] {
            sqlx::query(insert).bind(id).bind(unit).execute(&own).await.unwrap();
        }
    }
    for table in WALLED {
        assert!(count(&own, None, table).await >= 2, "{table}: the service itself sees everything");
        let all: i64 = count(&own, None, table).await;
        assert_eq!(count(&own, Some("GA"), table).await * 2, all - centre_rows(&own, table).await, "{table}");
        assert_eq!(count(&own, Some("WL"), table).await, 0, "{table}");
        assert_eq!(count_without_unit(&own, table).await, 0, "{table}");
    }
}

/// What departments read.
const WALLED: [&str; 7] =
    ["work_order", "consultation", "responsibility", "determination", "work_text", "order_feed", "open_task"];

async fn rows(tx: &mut sqlx::PgConnection, table: &str) -> i64 {
    let query = sqlx::AssertSqlSafe(format!("SELECT count(*) FROM {table}"));
    sqlx::query(query).fetch_one(tx).await.unwrap().get(0)
}

/// How many rows somebody sees: a unit, or the service.
async fn count(pool: &sqlx::PgPool, asking: Option<&str>, table: &str) -> i64 {
    let mut tx = match asking {
        Some(unit) => begin_for_unit(pool, unit).await.unwrap(),
        None => pool.begin().await.unwrap(),
    };
    rows(&mut tx, table).await
}

/// How many rows the role sees that was told no unit.
async fn count_without_unit(pool: &sqlx::PgPool, table: &str) -> i64 {
    let mut tx = pool.begin().await.unwrap();
    sqlx::query("SET LOCAL ROLE assignment_department").execute(&mut *tx).await.unwrap();
    rows(&mut tx, table).await
}

/// How many rows are nobody's but the centre's.
async fn centre_rows(pool: &sqlx::PgPool, table: &str) -> i64 {
    if table == "open_task" { count(pool, None, "open_task WHERE unit = 'centre'").await } else { 0 }
}

#[tokio::test]
async fn every_table_departments_read_shows_a_foreign_unit_nothing_and_without_a_unit_nothing() {
    let house = House::at("2026-03-02 09:00").await;
    let case = house.accepted(barbecue()).await;
    house.register(barbecue()).await;
    let ga = house.order_of(case, "GA").await;
    let zf = house.order_of(case, "ZF").await;
    house.acknowledge(&zf).await.unwrap();
    let object = proto::ObjectToWorkOrderRequest {
        command_id: command(),
        work_order_id: ga.work_order_id.clone(),
        citation: Some(cite("PI018")),
        reason: "不属我单位".to_owned(),
    };
    house.door.object_to_work_order(by(&unit("GA"), object)).await.unwrap();
    let upheld = proto::DecideObjectionRequest {
        command_id: command(),
        work_order_id: ga.work_order_id.clone(),
        upheld: true,
        grounds: "经审查".to_owned(),
    };
    house.door.decide_objection(by(&centre(), upheld)).await.unwrap();
    let consultation = house.standing(case).await.consultation_id;
    house.take_position(&consultation, "ZF", proto::Stance::Mine).await.unwrap();
    let pool = house.assignment.corridor.pool();
    for table in WALLED {
        assert!(count(pool, None, table).await > 0, "{table} has rows");
        assert!(count(pool, Some("GA"), table).await > 0, "{table}: a unit sees its own");
        assert_eq!(count(pool, Some("WL"), table).await, 0, "{table}: a foreign unit sees nothing");
        assert_eq!(count_without_unit(pool, table).await, 0, "{table}: nobody sees nothing");
    }
    // Of one and the same case, ZF reads neither what GA wrote about its own order nor GA's tasks, nor its feed.
    for foreign in ["work_text WHERE unit = 'GA'", "open_task WHERE unit <> 'ZF'", "order_feed WHERE unit = 'GA'"] {
        assert!(count(pool, None, foreign).await > 0, "{foreign}");
        assert_eq!(count(pool, Some("ZF"), foreign).await, 0, "{foreign}");
    }
    assert_eq!(count(pool, Some("ZF"), "work_text WHERE kind = 'position'").await, 1);
}

#[tokio::test]
async fn a_lead_behind_the_wall_is_told_to_reply_only_once_every_unit_is_done() {
    let house = House::at("2026-03-02 09:00").await;
    let case = house.accepted(barbecue()).await;
    let tasks = async |who: &str| {
        let tasks = house.door.list_open_tasks(by(&unit(who), proto::ListOpenTasksRequest::default())).await;
        let tasks = tasks.unwrap().into_inner().tasks;
        tasks.into_iter().map(|task| format!("{} {}", task.task_code, task.unit_code)).collect::<Vec<_>>()
    };
    assert_eq!(tasks("ZF").await, ["order.acknowledge ZF"]);
    house.finish(case, "ZF").await;
    assert_eq!(tasks("ZF").await, Vec::<String>::new(), "others are not done yet");
    let others: Vec<String> = house.open_orders(case).await.into_iter().map(|order| order.unit_code).collect();
    for who in others {
        house.finish(case, &who).await;
    }
    assert_eq!(tasks("ZF").await, ["case.complete ZF"]);
    let reply = house.complete_case(case, "ZF").await.unwrap();
    let read = proto::GetReplyRequest { case_id: case.to_string(), round: reply.round, handled_at: None };
    assert_eq!(house.door.get_reply(by(&unit("GA"), read)).await.unwrap().into_inner().lead_unit, "ZF");
    let determined = proto::GetDeterminationRequest { case_id: case.to_string(), determination_id: String::new() };
    house.door.get_determination(by(&unit("GA"), determined)).await.unwrap();
}

#[tokio::test]
async fn a_foreign_order_is_answered_like_a_missing_one() {
    let house = House::at("2026-03-02 09:00").await;
    let case = house.accepted(barbecue()).await;
    let zf = house.order_of(case, "ZF").await;
    let acknowledge = async |id: String| {
        let request = proto::AcknowledgeWorkOrderRequest { command_id: command(), work_order_id: id };
        house.door.acknowledge_work_order(by(&unit("GA"), request)).await.unwrap_err()
    };
    let get = async |id: String| {
        let request = proto::GetWorkOrderRequest { work_order_id: id };
        house.door.get_work_order(by(&unit("GA"), request)).await.unwrap_err()
    };
    let missing = Uuid::now_v7().to_string();
    for (foreign, missing) in [
        (acknowledge(zf.work_order_id.clone()).await, acknowledge(missing.clone()).await),
        (get(zf.work_order_id.clone()).await, get(missing).await),
    ] {
        assert_eq!(foreign.code(), Code::NotFound);
        assert_eq!(
            (foreign.message(), reason(&foreign), says(&foreign)),
            (missing.message(), reason(&missing), says(&missing))
        );
    }
    let watch = proto::WatchWorkOrdersRequest { after_position: 0, unit_code: "ZF".to_owned() };
    let foreign = house.door.watch_work_orders(by(&unit("GA"), watch)).await.err().unwrap();
    assert_eq!(foreign.code(), Code::NotFound);
    let list = proto::ListWorkOrdersRequest { unit_code: "ZF".to_owned(), ..Default::default() };
    let listed = house.door.list_work_orders(by(&unit("GA"), list)).await.unwrap().into_inner();
    assert_eq!(listed.work_orders, vec![]);
    let tasks = proto::ListOpenTasksRequest { unit_code: "ZF".to_owned(), ..Default::default() };
    let listed = house.door.list_open_tasks(by(&unit("GA"), tasks)).await.unwrap().into_inner();
    assert_eq!(listed.tasks, vec![]);
}

#[tokio::test]
async fn who_was_asked_only_in_an_earlier_consultation_reads_that_and_nothing_of_what_came_after() {
    let house = House::at("2026-03-02 09:00").await;
    // It is accepted without a diagnosis, so that nobody was asked before.
    let case = Uuid::now_v7();
    house.accept(case, heritage()).await;
    let first = house.standing(case).await.consultation_id;
    house.take_position(&first, "WL", proto::Stance::NotMine).await.unwrap();
    // It was about a barbecue after all, and then the lists do not name WL.
    let added = CaseFactsAdded { case_id: case.to_string(), facts: Some(barbecue()), added_at: None };
    house.intake.say(case, added).await;
    house.heard(&house.intake).await;
    let ga = house.order_of(case, "GA").await;
    let object = proto::ObjectToWorkOrderRequest {
        command_id: command(),
        work_order_id: ga.work_order_id.clone(),
        citation: Some(cite("PI018")),
        reason: "不属我单位".to_owned(),
    };
    house.door.object_to_work_order(by(&unit("GA"), object)).await.unwrap();
    let upheld = proto::DecideObjectionRequest {
        command_id: command(),
        work_order_id: ga.work_order_id,
        upheld: true,
        grounds: "经审查".to_owned(),
    };
    house.door.decide_objection(by(&centre(), upheld)).await.unwrap();
    let second = house.standing(case).await.consultation_id;
    assert!(!second.is_empty() && second != first);

    let get = async |who: &str, consultation_id: &str| {
        let request = proto::GetConsultationRequest { consultation_id: consultation_id.to_owned() };
        house.door.get_consultation(by(&unit(who), request)).await.map(|answer| answer.into_inner())
    };
    let old = get("WL", &first).await.unwrap().consultation.unwrap();
    assert!(old.positions.iter().any(|stated| stated.reason == "依据清单"));
    assert_eq!(get("WL", &second).await.unwrap_err().code(), Code::NotFound);
    let determined = |id: Uuid| proto::GetDeterminationRequest { case_id: id.to_string(), ..Default::default() };
    let replied = |id: Uuid| proto::GetReplyRequest { case_id: id.to_string(), ..Default::default() };
    for id in [case, Uuid::now_v7()] {
        let wl = || unit("WL");
        let refusals = [
            house.door.get_determination(by(&wl(), determined(id))).await.unwrap_err(),
            house.door.get_reply(by(&wl(), replied(id))).await.unwrap_err(),
            house.complete_case(id, "WL").await.unwrap_err(),
        ];
        for refused in refusals {
            assert_eq!((refused.code(), refused.message()), (Code::NotFound, "not found: case"));
        }
    }
    let pool = house.assignment.corridor.pool();
    for (who, sees) in [("WL", false), ("GA", true)] {
        for table in ["responsibility", "determination"] {
            assert_eq!(count(pool, Some(who), table).await > 0, sees, "{who}: {table}");
        }
    }
    house.door.get_determination(by(&unit("GA"), determined(case))).await.unwrap();
}

#[tokio::test]
async fn only_those_with_a_share_read_a_reply_or_complete_a_case() {
    let house = House::at("2026-03-02 09:00").await;
    let case = house.accepted(barbecue()).await;
    let foreign = house.complete_case(case, "WL").await.unwrap_err();
    assert_eq!(foreign.code(), Code::NotFound);
    let supporting = house.complete_case(case, "GA").await.unwrap_err();
    assert_eq!(reason(&supporting), "assignment.not_the_lead");
    let diagnosis = proto::GetDiagnosisRequest { case_id: case.to_string() };
    let foreign = house.door.get_diagnosis(by(&unit("WL"), diagnosis)).await.unwrap_err();
    assert_eq!(foreign.code(), Code::NotFound);
}
