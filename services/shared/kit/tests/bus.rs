//! The bus on real servers: two toy services that count, with commands, events, timers, repairs and crashes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failed test should panic

mod recovery;
mod toy;

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use kit::caller::Access;
use uuid::Uuid;

use toy::{Counter, House, Mirror, patiently};

#[tokio::test]
async fn a_command_is_decided_once_and_its_repeat_gets_the_first_answer() {
    let house = House::open().await;
    let counter = house.start(Counter).await;
    let key = Uuid::now_v7();
    let command_id = Uuid::now_v7();
    let first = counter.add(command_id, key, 5).await.unwrap();
    let again = counter.add(command_id, key, 5).await.unwrap();
    assert_eq!((first, again), (5, 5));
    let conflicting = counter.add(command_id, key, 6).await.unwrap_err();
    assert_eq!(conflicting, kit::refusal::Refusal::CommandReused);
    assert_eq!(counter.total(key).await, 5);
}

#[tokio::test]
async fn a_refused_command_leaves_no_trace_and_its_neighbours_are_kept() {
    let house = House::open().await;
    let counter = house.start(Counter).await;
    let key = Uuid::now_v7();
    let calls = (1..=40).map(|amount| counter.add(Uuid::now_v7(), key, if amount % 4 == 0 { -1 } else { 1 }));
    let answers = futures::future::join_all(calls).await;
    assert_eq!(answers.iter().filter(|answer| answer.is_err()).count(), 10);
    assert_eq!(counter.total(key).await, 30);
    assert_eq!(counter.journalled(key).await, 30);
}

#[tokio::test]
async fn sixty_four_callers_of_one_key_are_all_counted_in_order() {
    let house = House::open().await;
    let counter = house.start(Counter).await;
    let key = Uuid::now_v7();
    let calls = (0..64).map(|_| counter.add(Uuid::now_v7(), key, 1));
    let mut answers: Vec<i64> = futures::future::try_join_all(calls).await.unwrap();
    answers.sort_unstable();
    assert_eq!(answers, (1..=64).collect::<Vec<i64>>());
}

#[tokio::test]
async fn two_replicas_answer_one_command_once() {
    let house = House::open().await;
    let first = house.start(Counter).await;
    let second = house.start(Counter).await;
    let key = Uuid::now_v7();
    for _ in 0..20 {
        let command_id = Uuid::now_v7();
        let (a, b) = tokio::join!(first.add(command_id, key, 1), second.add(command_id, key, 1));
        assert_eq!(a.unwrap(), b.unwrap());
    }
    assert_eq!(first.total(key).await, 20);
    assert_eq!(first.journalled(key).await, 20);
}

#[tokio::test]
async fn two_replicas_answer_one_command_alike_though_its_second_run_would_be_refused() {
    let house = House::open().await;
    let first = house.start(Counter).await;
    let second = house.start(Counter).await;
    for _ in 0..40 {
        let (command_id, key) = (Uuid::now_v7(), Uuid::now_v7());
        first.add(Uuid::now_v7(), key, 1).await.unwrap();
        let (a, b) = tokio::join!(first.add_once(command_id, key), second.add_once(command_id, key));
        assert_eq!((a.unwrap(), b.unwrap()), (2, 2));
    }
}

#[tokio::test]
async fn a_decision_that_panics_is_refused_and_the_next_one_is_taken() {
    let house = House::open().await;
    let counter = house.start(Counter).await;
    let key = Uuid::now_v7();
    for _ in 0..4 {
        assert!(matches!(counter.add(Uuid::now_v7(), key, toy::PANIC).await, Err(kit::refusal::Refusal::Internal(_))));
    }
    assert_eq!(counter.add(Uuid::now_v7(), key, 1).await.unwrap(), 1);
}

#[tokio::test]
async fn an_event_of_a_key_that_exists_and_was_not_named_is_our_mistake_and_no_lost_race() {
    let house = House::open().await;
    let counter = house.start(Counter).await;
    let key = Uuid::now_v7();
    assert_eq!(counter.add_unnamed(key).await.unwrap(), 1, "a new key need not be named");
    let refused = counter.add_unnamed(key).await;
    assert!(matches!(refused, Err(kit::refusal::Refusal::Internal(_))), "{refused:?}");
    assert_eq!((counter.total(key).await, counter.journalled(key).await), (1, 1), "nothing of it stays");
    assert_eq!(counter.add(Uuid::now_v7(), key, 1).await.unwrap(), 2);
}

#[tokio::test]
async fn an_event_reaches_its_hearer_once_and_the_chain_verifies() {
    let house = House::open().await;
    let counter = house.start(Counter).await;
    let mirror = house.start(Mirror).await;
    let keys: Vec<Uuid> = (0..5).map(|_| Uuid::now_v7()).collect();
    for round in 0..20 {
        let calls = keys.iter().map(|key| counter.add(Uuid::now_v7(), *key, round + 1));
        futures::future::try_join_all(calls).await.unwrap();
    }
    for key in &keys {
        patiently(async || mirror.total(*key).await == 210, "the mirror has heard everything").await;
    }
    let high = counter.high_water().await;
    assert_eq!(counter.verify_chain().await, high.last_pos);
    assert_eq!(mirror.cursor().await, (high.last_pos, high.last_hash.to_vec()));
}

#[tokio::test]
async fn a_position_comes_with_the_commit_and_where_somebody_holds_the_end_soon_after() {
    let house = House::open().await;
    let counter = house.start(Counter).await;
    let mirror = house.start(Mirror).await;
    let key = Uuid::now_v7();
    let before = counter.high_water().await.last_pos;
    let mut at_once = 0;
    for nth in 1..=10 {
        counter.add(Uuid::now_v7(), key, 1).await.unwrap();
        let high = counter.bus.high_water().await.unwrap();
        at_once += i32::from((high.last_pos, high.unnumbered) == (before + nth, 0));
    }
    // The relay may look at the end at that very moment.
    assert!(at_once >= 5, "only {at_once} of ten had their position when they were answered");
    patiently(async || counter.high_water().await.last_pos == before + 10, "all have one soon").await;
    // A replica that died in the middle keeps nobody: the answer is there, and the position follows.
    counter.hold_numbering().await;
    counter.add(Uuid::now_v7(), key, 1).await.unwrap();
    counter.add(Uuid::now_v7(), key, 1).await.unwrap();
    let high = counter.bus.high_water().await.unwrap();
    assert_eq!((high.last_pos, high.unnumbered), (before + 10, 2));
    patiently(async || mirror.total(key).await == 12, "what waited is numbered and heard").await;
    assert_eq!(counter.verify_chain().await, before + 12);
}

#[tokio::test]
async fn a_wiped_stream_is_made_again_and_nothing_is_lost_or_doubled() {
    let mut house = House::open().await;
    let counter = house.start(Counter).await;
    let mirror = house.start(Mirror).await;
    let key = Uuid::now_v7();
    for _ in 0..10 {
        counter.add(Uuid::now_v7(), key, 1).await.unwrap();
    }
    patiently(async || mirror.total(key).await == 10, "the first ten are heard").await;
    house.nats.wipe().await.unwrap();
    for _ in 0..10 {
        counter.add(Uuid::now_v7(), key, 1).await.unwrap();
    }
    patiently(async || mirror.total(key).await == 20, "all twenty are heard after the wipe").await;
    patiently(
        async || counter.check_stream().await.is_some_and(|check| check.compared > 0 && check.differences.is_empty()),
        "what the new stream holds equals the journal",
    )
    .await;
}

#[tokio::test]
async fn messages_deleted_from_the_middle_of_the_stream_come_from_the_journal() {
    let house = House::open().await;
    let counter = house.start(Counter).await;
    let key = Uuid::now_v7();
    for _ in 0..30 {
        house.count_alone(&counter, Uuid::now_v7(), key).await;
    }
    patiently(async || house.stream_messages().await == 31, "the stream holds bundle and thirty events").await;
    house.delete_messages(&[1, 5, 6, 7, 20, 31]).await;
    let mirror = house.start(Mirror).await;
    patiently(async || mirror.total(key).await == 30, "the gaps are repaired").await;
}

#[tokio::test]
async fn a_crowd_travels_in_few_messages_and_one_that_is_lost_comes_from_the_journal() {
    let house = House::open().await;
    let counter = house.start(Counter).await;
    let keys: Vec<Uuid> = (0..8).map(|_| Uuid::now_v7()).collect();
    let counted = |nth: usize| counter.add(Uuid::now_v7(), keys[nth % 8], 1);
    for answer in futures::future::join_all((0..400).map(counted)).await {
        answer.unwrap();
    }
    patiently(async || house.told().await == 401, "all are published").await;
    let messages = house.positions().await;
    assert!(messages.len() < 200, "{messages:?}");
    let all: Vec<i64> = messages.iter().flat_map(|(_, positions)| positions.iter().copied()).collect();
    assert_eq!(all, (1..=401).collect::<Vec<i64>>(), "each once and in order");
    // Some of those that hold many vanish; others come twice and in another order.
    let packed: Vec<u64> = messages.iter().filter(|(_, held)| held.len() > 1).map(|(sequence, _)| *sequence).collect();
    house.delete_messages(&[packed[0], packed[packed.len() / 2]]).await;
    let mirror = house.start(Mirror).await;
    patiently(async || total(&mirror, &keys).await == 400, "the gaps are repaired").await;
    house.replay_stream_backwards().await;
    house.count_alone(&counter, Uuid::now_v7(), keys[0]).await;
    patiently(async || total(&mirror, &keys).await == 401, "what comes again changes nothing").await;
    let check = counter.check_stream().await.unwrap();
    assert!(check.compared > 0 && check.differences.is_empty(), "{check:?}");
}

async fn total(mirror: &toy::Started<Mirror>, keys: &[Uuid]) -> i64 {
    let mut total = 0;
    for key in keys {
        total += mirror.total(*key).await;
    }
    total
}

#[tokio::test]
async fn repeated_and_reordered_messages_change_nothing() {
    let house = House::open().await;
    let counter = house.start(Counter).await;
    let mirror = house.start(Mirror).await;
    let key = Uuid::now_v7();
    for _ in 0..20 {
        counter.add(Uuid::now_v7(), key, 1).await.unwrap();
    }
    patiently(async || mirror.total(key).await == 20, "all are heard").await;
    house.replay_stream_backwards().await;
    counter.add(Uuid::now_v7(), key, 1).await.unwrap();
    patiently(async || mirror.total(key).await == 21, "the one after the replay is heard").await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(mirror.total(key).await, 21);
}

#[tokio::test]
async fn an_event_that_cannot_be_applied_parks_its_case_and_lets_others_flow() {
    let house = House::open().await;
    let counter = house.start(Counter).await;
    let mirror = house.start(Mirror).await;
    let (poisoned, healthy) = (Uuid::now_v7(), Uuid::now_v7());
    counter.add(Uuid::now_v7(), poisoned, toy::POISON).await.unwrap();
    counter.add(Uuid::now_v7(), poisoned, 1).await.unwrap();
    counter.add(Uuid::now_v7(), healthy, 3).await.unwrap();
    patiently(async || mirror.total(healthy).await == 3, "the healthy one flows").await;
    assert_eq!(mirror.total(poisoned).await, 0);
    let parked = mirror.parked().await;
    let states: Vec<&str> = parked.iter().map(|event| event.state.as_str()).collect();
    assert_eq!(states, ["waiting", "behind"]);
    let skipped = parked.first().unwrap();
    mirror.skip(skipped.pos).await;
    patiently(async || mirror.total(poisoned).await == 1, "what waited behind it is applied").await;
    assert!(mirror.parked().await.is_empty());
}

#[tokio::test]
async fn an_event_that_came_too_early_waits_for_its_fact() {
    let house = House::open().await;
    let counter = house.start(Counter).await;
    let mirror = house.start(Mirror).await;
    let key = Uuid::now_v7();
    counter.add(Uuid::now_v7(), key, toy::NEEDS_PERMISSION).await.unwrap();
    patiently(async || mirror.parked().await.len() == 1, "it waits").await;
    mirror.permit(key).await;
    patiently(async || mirror.total(key).await == toy::NEEDS_PERMISSION, "it is applied").await;
    assert!(mirror.parked().await.is_empty());
}

#[tokio::test]
async fn timers_fire_once_in_order_and_not_before_they_are_due() {
    let house = House::open().await;
    let counter = house.start(Counter).await;
    let twin = house.start(Counter).await;
    let now = counter.corridor.now().await.unwrap();
    let keys: Vec<Uuid> = (0..30).map(|_| Uuid::now_v7()).collect();
    for (index, key) in keys.iter().enumerate() {
        let due = now + SignedDuration::from_hours(i64::try_from(index).unwrap() + 1);
        counter.arm(*key, due).await;
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(counter.fired().await, 0);
    counter.turn(now + SignedDuration::from_hours(10)).await;
    patiently(async || counter.fired().await == 10, "ten are due and fired").await;
    twin.turn(now + SignedDuration::from_hours(100)).await;
    patiently(async || counter.fired().await == 30, "all are fired").await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    let timers = counter.timers().await;
    assert_eq!(timers.len(), 30);
    for timer in timers {
        assert_eq!(timer.state, "fired");
        let (due, fired) = (timer.due_at.unwrap(), timer.fired_at.unwrap());
        assert!((fired.seconds, fired.nanos) >= (due.seconds, due.nanos), "never before it is due");
    }
    for key in keys {
        assert_eq!(counter.journalled(key).await, 1, "one event for one timer");
    }
}

#[tokio::test]
async fn no_timer_fires_while_the_time_is_under_suspicion() {
    let house = House::open().await;
    let counter = house.start(Counter).await;
    let now = counter.corridor.now().await.unwrap();
    counter.arm(Uuid::now_v7(), now + SignedDuration::from_hours(1)).await;
    sqlx::query("UPDATE bus.clock SET suspect_since = now()").execute(counter.corridor.pool()).await.unwrap();
    // Whatever sweep was under way has ended by then.
    tokio::time::sleep(Duration::from_millis(1100)).await;
    counter.turn(now + SignedDuration::from_hours(2)).await;
    tokio::time::sleep(Duration::from_millis(1500)).await;
    assert_eq!(counter.fired().await, 0);
    assert!(counter.bus.clock().await.unwrap().suspect);
    counter.bus.confirm_clock().await.unwrap();
    patiently(async || counter.fired().await == 1, "it fires once the time is confirmed").await;
}

#[tokio::test]
async fn a_real_clock_cannot_be_turned() {
    let house = House::open_in(kit::settings::ClockKind::Real).await;
    let counter = house.start(Counter).await;
    let refused = counter.try_turn(Timestamp::now() + SignedDuration::from_hours(1)).await.unwrap_err();
    assert!(matches!(refused, kit::refusal::Refusal::Forbidden { reason: "bus.real_clock", .. }));
}

#[tokio::test]
async fn commands_succeed_while_nats_is_away_and_events_flow_over_grpc() {
    let mut house = House::open().await;
    let counter = house.start(Counter).await;
    let mirror = house.start(Mirror).await;
    let key = Uuid::now_v7();
    counter.add(Uuid::now_v7(), key, 1).await.unwrap();
    patiently(async || mirror.total(key).await == 1, "the first is heard").await;
    house.nats.kill();
    for _ in 0..5 {
        counter.add(Uuid::now_v7(), key, 1).await.unwrap();
    }
    patiently(async || mirror.total(key).await == 6, "the journal was read over gRPC").await;
    house.nats.restart().await.unwrap();
    counter.add(Uuid::now_v7(), key, 1).await.unwrap();
    patiently(async || mirror.total(key).await == 7, "the stream flows again").await;
}

#[tokio::test]
async fn a_database_that_ended_every_connection_meanwhile_is_met_with_new_ones() {
    let house = House::open().await;
    let counter = house.start(Counter).await;
    let mirror = house.start(Mirror).await;
    let key = Uuid::now_v7();
    for expected in 1..=3 {
        counter.add(Uuid::now_v7(), key, 1).await.unwrap();
        patiently(async || mirror.total(key).await == expected, "it is heard").await;
        let others = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
                      WHERE datname = current_database() AND pid <> pg_backend_pid()";
        sqlx::query(others).execute(counter.corridor.pool()).await.unwrap();
    }
    // Nobody is told of it: what lay idle was lost before anything was begun on it.
    counter.add(Uuid::now_v7(), key, 1).await.unwrap();
    patiently(async || mirror.total(key).await == 4, "the loops go on as well").await;
}

#[tokio::test]
async fn a_database_that_crashes_keeps_every_answer_and_what_it_undoes_is_heard_again() {
    let mut house = House::open_on_own_postgres().await;
    let counter = house.start(Counter).await;
    let mirror = house.start(Mirror).await;
    let key = Uuid::now_v7();
    let mut answered = 0;
    for _ in 0..4 {
        for _ in 0..20 {
            counter.add(Uuid::now_v7(), key, 1).await.unwrap();
            answered += 1;
        }
        // What the mirror shows now may not be on the disk yet; every answer is.
        patiently(async || mirror.total(key).await == answered, "it is heard").await;
        let postgres = house.postgres.as_mut().unwrap();
        postgres.kill().await;
        postgres.restart().await.unwrap();
        patiently(async || counter.bus.high_water().await.is_ok_and(|high| high.unnumbered == 0), "it is back").await;
        assert_eq!(counter.journalled(key).await, answered, "no answer is taken back");
    }
    let high = counter.high_water().await;
    patiently(async || mirror.cursor().await == (high.last_pos, high.last_hash.to_vec()), "all is heard").await;
    assert_eq!(mirror.total(key).await, answered, "and heard once");
    assert_eq!(counter.verify_chain().await, high.last_pos);
}

#[tokio::test]
async fn a_journal_that_fell_behind_its_stream_trips_the_fence() {
    let house = House::open().await;
    let counter = house.start(Counter).await;
    let key = Uuid::now_v7();
    for _ in 0..5 {
        counter.add(Uuid::now_v7(), key, 1).await.unwrap();
    }
    patiently(async || house.stream_messages().await == 6, "all are published").await;
    counter.stop().await;
    house.roll_counter_back_to(3).await;
    let restored = house.start(Counter).await;
    patiently(async || restored.add(Uuid::now_v7(), key, 1).await.is_err(), "commands are refused").await;
    assert_eq!(restored.mode().await, "rolled_back");
    assert_eq!(house.stream_messages().await, 6, "nothing was published over it");
}

#[tokio::test]
async fn the_journal_refuses_to_be_changed() {
    let house = House::open().await;
    let counter = house.start(Counter).await;
    counter.add(Uuid::now_v7(), Uuid::now_v7(), 1).await.unwrap();
    for statement in ["UPDATE bus.journal SET actor = 'x'", "DELETE FROM bus.journal", "TRUNCATE bus.journal"] {
        assert!(
            sqlx::query(sqlx::AssertSqlSafe(statement)).execute(counter.corridor.pool()).await.is_err(),
            "{statement}"
        );
    }
}

#[tokio::test]
async fn a_department_sees_only_its_own() {
    let granted = kit::caller::Granted { access: Access::Own, ..toy::granted("counter.add") };
    assert!(granted.covers(["toy"]));
    assert!(!granted.covers(["another"]));
}
