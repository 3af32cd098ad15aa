//! A department sees its own work orders and nobody else's, whichever way it asks.

use assignment::store::read::{OrderFilter, begin_for_unit, list_orders};
use sqlx::Row as _;
use tonic::Code;
use uuid::Uuid;
use xiezhi_proto::assignment::v1 as proto;
use xiezhi_proto::assignment::v1::assignment_service_server::AssignmentService as _;

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
    let other = sqlx::query("SELECT state FROM responsibility").fetch_all(&mut *tx).await.unwrap_err();
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
    let insert =
        "INSERT INTO work_order SELECT gen_random_uuid(), gen_random_uuid(), unit, 'lead', 'dispatched', 'p', 'p', 'd',
                  now(), now(), 1, '{}' FROM (VALUES ('ZF'), ('GA')) AS units (unit)";
    sqlx::query(insert).execute(&own).await.unwrap();
    let mut tx = begin_for_unit(&own, "GA").await.unwrap();
    let units = sqlx::query("SELECT unit FROM work_order").fetch_all(&mut *tx).await.unwrap();
    assert_eq!(units.iter().map(|row| row.get::<String, _>(0)).collect::<Vec<_>>(), ["GA"]);
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
