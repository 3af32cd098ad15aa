//! The second wall: the store itself shows a unit only what it takes part in.

use sqlx::Connection as _;
use uuid::Uuid;
use xiezhi_proto::scheduling::v1 as proto;
use xiezhi_proto::scheduling::v1::operation_service_server::OperationService as _;

use crate::house::*;

#[tokio::test]
async fn the_second_wall_stands_where_the_first_one_is_forgotten() {
    let house = House::at("2026-03-04 10:00").await;
    let assignment = house.neighbour(Assignment).await;
    for units in [["ZF", "HB"], ["ZF", "GA"], ["SJ", "HB"]] {
        let proposed = house.proposed(&assignment, Uuid::now_v7(), &units).await;
        house.approve(&proposed.operation_id, None, None).await.unwrap();
        let move_it = proto::RescheduleOperationRequest {
            command_id: command(),
            operation_id: proposed.operation_id,
            reason_code: "weather".to_owned(),
            words: "暴雨".to_owned(),
            ..Default::default()
        };
        house.operations.reschedule_operation(by(&centre(), move_it)).await.unwrap();
    }
    let mut connection = sqlx::PgConnection::connect(house.database()).await.unwrap();
    let counts = async |connection: &mut sqlx::PgConnection, unit: Option<&str>| {
        let mut tx = connection.begin().await.unwrap();
        sqlx::query("SELECT set_config('role', 'scheduling_department', true)").execute(&mut *tx).await.unwrap();
        if let Some(unit) = unit {
            sqlx::query("SELECT set_config('xiezhi.unit', $1, true)").bind(unit).execute(&mut *tx).await.unwrap();
        }
        let mut counts: Vec<i64> = Vec::new();
        for statement in [
            "SELECT count(*) FROM operation",
            "SELECT count(*) FROM known_case",
            "SELECT count(*) FROM written",
            "SELECT count(DISTINCT unit) FROM booking",
            "SELECT count(DISTINCT unit) FROM officer",
        ] {
            counts.push(sqlx::query_scalar(statement).fetch_one(&mut *tx).await.unwrap());
        }
        counts
    };
    assert_eq!(counts(&mut connection, Some("ZF")).await, [2, 2, 2, 1, 1]);
    assert_eq!(counts(&mut connection, Some("SJ")).await, [1, 1, 1, 1, 1]);
    assert_eq!(counts(&mut connection, Some("RS")).await[..4], [0, 0, 0, 0], "takes part in nothing");
    assert_eq!(counts(&mut connection, None).await, [0; 5], "nobody said which unit");
    let mut tx = connection.begin().await.unwrap();
    sqlx::query("SELECT set_config('role', 'scheduling_department', true)").execute(&mut *tx).await.unwrap();
    assert!(sqlx::query("UPDATE officer SET suspended = false").execute(&mut *tx).await.is_err(), "it only reads");
}
