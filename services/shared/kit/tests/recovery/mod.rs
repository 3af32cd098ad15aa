//! Databases set back to an earlier time, streams that lost something: what comes back, what waits for a person.

use jiff::{SignedDuration, Timestamp};
use kit::refusal::Refusal;
use kit::service::Service;
use uuid::Uuid;
use xiezhi_proto::bus::v1 as proto;

use crate::toy::{Clerk, Counter, HIDDEN, House, Mirror, Started, patiently};

/// Asks for a recovery as an operator does.
async fn recover<S: Service>(toy: &Started<S>, accept_loss: bool) -> Result<proto::RecoverJournalResponse, Refusal> {
    let request =
        proto::RecoverJournalRequest { service: S::NAME.to_owned(), accept_loss, why: "a toy was restored".to_owned() };
    toy.bus.recover(request, "operator:tester".to_owned()).await
}

async fn affected<S: Service>(toy: &Started<S>) -> Vec<proto::AffectedKey> {
    toy.bus.affected(proto::ListAffectedRequest::default()).await.unwrap().affected
}

async fn settle<S: Service>(toy: &Started<S>, case: &proto::AffectedKey) -> u64 {
    let named = (case.producer.clone(), case.epoch, case.key.parse().unwrap());
    toy.bus.settle_affected(named, "operator:tester".to_owned(), "looked at it".to_owned()).await.unwrap().left
}

fn reason(refusal: &Refusal) -> &'static str {
    match refusal {
        Refusal::Forbidden { reason, .. } => reason,
        other => panic!("{other:?}"),
    }
}

/// A counter that counted ten, was backed up, counted fifteen more and lost its database.
async fn restored_counter(house: &House, key: Uuid) -> (Started<Counter>, Uuid) {
    let counter = house.start(Counter).await;
    for _ in 0..10 {
        house.count_alone(&counter, Uuid::now_v7(), key).await;
    }
    counter.stop().await;
    let backup = house.back_up::<Counter>().await;
    let counter = house.start(Counter).await;
    let lost = Uuid::now_v7();
    for nth in 0..15 {
        house.count_alone(&counter, if nth == 7 { lost } else { Uuid::now_v7() }, key).await;
    }
    patiently(async || house.stream_messages().await == 26, "all are published").await;
    counter.stop().await;
    house.restore::<Counter>(&backup).await;
    let counter = house.start(Counter).await;
    assert_eq!(counter.mode().await, "rolled_back");
    (counter, lost)
}

#[tokio::test]
async fn a_restored_producer_is_brought_forward_from_its_stream() {
    let house = House::open().await;
    let key = Uuid::now_v7();
    let mirror = house.start(Mirror).await;
    let (counter, lost) = restored_counter(&house, key).await;
    assert!(matches!(counter.add(Uuid::now_v7(), key, 1).await, Err(Refusal::Unavailable(_))), "the fence holds");
    let done = recover(&counter, false).await.unwrap();
    assert_eq!((done.imported, done.redone, done.affected, done.last_pos), (15, 15, 0, 26));
    assert_eq!((done.mode.as_str(), counter.mode().await.as_str()), ("normal", "normal"));
    assert_eq!((counter.total(key).await, counter.journalled(key).await), (25, 25));
    assert_eq!(counter.verify_chain().await, 26);
    // A repeat of what was carried out is not a second run.
    assert_eq!(reason(&counter.add(lost, key, 1).await.unwrap_err()), "bus.answer_lost");
    let known = counter.bus.command(lost).await.unwrap();
    assert!((known.answered, known.answer_lost, known.events) == (true, true, 1), "{known:?}");
    assert_eq!(counter.add(Uuid::now_v7(), key, 1).await.unwrap(), 26);
    patiently(async || mirror.total(key).await == 26, "everything is heard once").await;
    assert_eq!(reason(&recover(&counter, false).await.unwrap_err()), "bus.not_rolled_back");
}

#[tokio::test]
async fn what_travelled_in_packets_comes_back_from_them() {
    let house = House::open().await;
    let key = Uuid::now_v7();
    let counter = house.start(Counter).await;
    house.count_alone(&counter, Uuid::now_v7(), key).await;
    counter.stop().await;
    let backup = house.back_up::<Counter>().await;
    let counter = house.start(Counter).await;
    let counted = |_| counter.add(Uuid::now_v7(), key, 1);
    for answer in futures::future::join_all((0..200).map(counted)).await {
        answer.unwrap();
    }
    patiently(async || house.told().await == 202, "all are published").await;
    assert!(house.positions().await.iter().any(|(_, positions)| positions.len() > 1));
    counter.stop().await;
    house.restore::<Counter>(&backup).await;
    let counter = house.start(Counter).await;
    assert_eq!(counter.mode().await, "rolled_back");
    let done = recover(&counter, false).await.unwrap();
    assert_eq!((done.imported, done.affected, done.last_pos), (200, 0, 202));
    assert_eq!((counter.total(key).await, counter.verify_chain().await), (201, 202));
}

#[tokio::test]
async fn a_message_that_was_changed_is_refused_by_its_position_and_the_journal_is_untouched() {
    let house = House::open().await;
    let key = Uuid::now_v7();
    let (counter, _) = restored_counter(&house, key).await;
    let stream = house.stream().await;
    let message = stream.get_raw_message(20).await.unwrap();
    house.delete_messages(&[20]).await;
    let mut headers = message.headers.clone();
    headers.insert("Nats-Msg-Id", "forged");
    let client = async_nats::connect(house.nats.url()).await.unwrap();
    let forged = prost::Message::encode_to_vec(&xiezhi_proto::bus::v1::BundlePublished::default());
    let jetstream = async_nats::jetstream::new(client);
    jetstream.publish_with_headers(message.subject, headers, forged.into()).await.unwrap().await.unwrap();
    let refused = recover(&counter, false).await.unwrap_err();
    assert_eq!(reason(&refused), "bus.chain_broken");
    assert!(refused.to_string().contains("at 20 "), "{refused}");
    let high = counter.bus.high_water().await.unwrap();
    assert_eq!((high.last_pos, high.mode.as_str(), counter.total(key).await), (11, "rolled_back", 10));
}

#[tokio::test]
async fn what_is_nowhere_ends_an_epoch_and_whoever_heard_it_waits_for_a_person() {
    let house = House::open().await;
    let (key, other) = (Uuid::now_v7(), Uuid::now_v7());
    let mirror = house.start(Mirror).await;
    let clerk = house.start(Clerk).await;
    let (counter, _) = restored_counter(&house, key).await;
    patiently(async || mirror.total(key).await == 25, "the mirror had heard it all").await;
    patiently(async || clerk.total(key).await == 25, "so had the clerk").await;
    house.delete_messages(&[15]).await;
    let refused = recover(&counter, false).await.unwrap_err();
    assert_eq!(reason(&refused), "bus.events_missing");
    assert!(refused.to_string().contains("position 15 "), "{refused}");

    let done = recover(&counter, true).await.unwrap();
    assert_eq!((done.imported, done.epoch, done.base_pos, done.last_pos), (3, 2, 14, 15));
    // Its own case stands in the stream behind what is lost.
    assert_eq!((done.affected, done.mode.as_str()), (1, "mending"));
    assert_eq!(reason(&counter.add(Uuid::now_v7(), key, 1).await.unwrap_err()), "bus.affected");
    assert_eq!(counter.add(Uuid::now_v7(), other, 3).await.unwrap(), 3, "other cases go on");

    patiently(async || mirror.cursor_state().await == "diverged", "the mirror has heard what is lost").await;
    patiently(async || clerk.cursor_state().await == "diverged", "the clerk as well").await;
    let waiting = affected(&clerk).await;
    assert_eq!(waiting.len(), 1, "{waiting:?}");
    let case = waiting.first().unwrap();
    assert_eq!((case.key.as_str(), case.producer.as_str()), (key.to_string().as_str(), "counter"));
    assert_eq!((case.from_pos, case.to_pos), (15, 26));
    assert_eq!(mirror.total(other).await, 0, "nothing is heard over a contradiction");

    for toy in [&affected(&mirror).await, &waiting] {
        assert_eq!(toy.len(), 1);
    }
    assert_eq!(settle(&mirror, affected(&mirror).await.first().unwrap()).await, 0);
    assert_eq!(settle(&clerk, case).await, 0);
    assert_eq!(settle(&counter, affected(&counter).await.first().unwrap()).await, 0);
    assert_eq!(counter.mode().await, "normal");
    assert_eq!(counter.add(Uuid::now_v7(), key, 1).await.unwrap(), 14, "what it knows, and one");
    patiently(async || mirror.total(other).await == 3, "the new epoch is heard").await;
    patiently(async || mirror.total(key).await == 26, "and what comes after").await;
    counter.high_water().await;
    assert_eq!(counter.verify_chain().await, 17);
}

/// A clerk who has heard of four keys and was backed up then, and the counter it hears. The clerk is not there.
struct Office {
    house: House,
    counter: Started<Counter>,
    keys: Vec<Uuid>,
    begun: Timestamp,
    backup: String,
}

impl Office {
    async fn open() -> Self {
        let house = House::open().await;
        let counter = house.start(Counter).await;
        let clerk = house.start(Clerk).await;
        let keys: Vec<Uuid> = (0..4).map(|_| Uuid::now_v7()).collect();
        let begun = clerk.corridor.now().await.unwrap();
        for key in &keys {
            counter.add(Uuid::now_v7(), *key, 1).await.unwrap();
        }
        patiently(async || clerk.memory().await.1.len() == 4, "four slips").await;
        clerk.high_water().await;
        clerk.stop().await;
        let backup = house.back_up::<Clerk>().await;
        Self { house, counter, keys, begun, backup }
    }
}

#[tokio::test]
async fn a_service_that_acts_on_others_is_brought_forward_to_the_same_memory() {
    let Office { house, counter, keys, begun: now, backup } = Office::open().await;

    let clerk = house.start(Clerk).await;
    // Commands, events that say nothing, events that say something, and timers, one after the other.
    for key in &keys {
        clerk.note(Uuid::now_v7(), *key, 10).await.unwrap();
        counter.add(Uuid::now_v7(), *key, 1).await.unwrap();
    }
    for key in &keys {
        patiently(async || clerk.total(*key).await == 12, "an even total").await;
        counter.add(Uuid::now_v7(), *key, 1).await.unwrap();
        patiently(async || clerk.total(*key).await == 13, "an odd one").await;
    }
    clerk.turn(now + SignedDuration::from_hours(2)).await;
    patiently(async || clerk.memory().await.1.len() == 12, "the timers rang").await;
    let (hidden, foreign) = (Uuid::now_v7(), Uuid::now_v7());
    clerk.note(Uuid::now_v7(), hidden, HIDDEN).await.unwrap();
    clerk.note(Uuid::now_v7(), foreign, 5).await.unwrap();
    let last = clerk.high_water().await;
    let before = clerk.memory().await;
    patiently(async || house.told_by("clerk").await == last.last_pos, "all is published").await;
    clerk.stop().await;
    house.restore::<Clerk>(&backup).await;

    let clerk = house.start(Clerk).await;
    assert_eq!(clerk.mode().await, "rolled_back");
    let done = recover(&clerk, false).await.unwrap();
    assert_eq!((done.affected, done.mode.as_str()), (1, "mending"));
    let mut expected = before;
    expected.0.retain(|(key, _)| *key != hidden);
    assert_eq!(clerk.memory().await, expected, "the same slips, totals and timers");
    assert_eq!(clerk.verify_chain().await, last.last_pos);

    // The one case that could not follow waits; no other does.
    let waiting = affected(&clerk).await;
    assert_eq!(waiting.iter().map(|case| case.key.clone()).collect::<Vec<_>>(), [hidden.to_string()]);
    assert_eq!(reason(&clerk.note(Uuid::now_v7(), hidden, 1).await.unwrap_err()), "bus.affected");
    counter.add(Uuid::now_v7(), hidden, 2).await.unwrap();
    counter.add(Uuid::now_v7(), foreign, 2).await.unwrap();
    patiently(async || clerk.total(foreign).await == 7, "another case goes on").await;
    patiently(async || clerk.parked().await.len() == 1, "what is heard of it is kept").await;
    settle(&clerk, waiting.first().unwrap()).await;
    assert_eq!(clerk.mode().await, "normal");
    patiently(async || clerk.total(hidden).await == 2, "and taken up when it is settled").await;
    patiently(async || clerk.parked().await.is_empty(), "nothing waits").await;
}

#[tokio::test]
async fn a_row_that_answers_several_events_is_decided_again_event_by_event() {
    let Office { house, counter, keys, begun: now, backup } = Office::open().await;
    // What happened while nobody was there is heard at once: ten events of each key, of which five say something.
    let crowd = (0..40).map(|nth| counter.add(Uuid::now_v7(), keys[nth % 4], 1));
    futures::future::try_join_all(crowd).await.unwrap();
    let clerk = house.start(Clerk).await;
    for key in &keys {
        patiently(async || clerk.total(*key).await == 11, "all are heard").await;
    }
    clerk.turn(now + SignedDuration::from_hours(2)).await;
    patiently(async || clerk.memory().await.1.len() == 28, "and the timers rang").await;
    let last = clerk.high_water().await;
    assert!(last.last_pos < 28, "some rows answer several events: {last:?}");
    let before = clerk.memory().await;
    patiently(async || house.told_by("clerk").await == last.last_pos, "all is published").await;
    clerk.stop().await;
    house.restore::<Clerk>(&backup).await;

    let clerk = house.start(Clerk).await;
    assert_eq!(clerk.mode().await, "rolled_back");
    let done = recover(&clerk, false).await.unwrap();
    assert_eq!((done.affected, done.mode.as_str()), (0, "normal"));
    assert_eq!(clerk.memory().await, before, "the same slips, totals and timers");
    assert_eq!(clerk.verify_chain().await, last.last_pos);
}

#[tokio::test]
async fn a_stream_that_went_with_the_database_is_missed_by_the_neighbours() {
    let mut house = House::open().await;
    let key = Uuid::now_v7();
    let mirror = house.start(Mirror).await;
    let counter = house.start(Counter).await;
    for _ in 0..5 {
        counter.add(Uuid::now_v7(), key, 1).await.unwrap();
    }
    counter.high_water().await;
    counter.stop().await;
    let backup = house.back_up::<Counter>().await;
    let counter = house.start(Counter).await;
    for _ in 0..5 {
        counter.add(Uuid::now_v7(), key, 1).await.unwrap();
    }
    patiently(async || mirror.total(key).await == 10, "the mirror has heard it").await;
    counter.stop().await;
    house.restore::<Counter>(&backup).await;
    house.nats.wipe().await.unwrap();
    let counter = house.start(Counter).await;
    patiently(async || counter.mode().await == "rolled_back", "the mirror remembers more").await;
    let refused = recover(&counter, false).await.unwrap_err();
    assert_eq!(reason(&refused), "bus.events_missing");
    let done = recover(&counter, true).await.unwrap();
    assert_eq!((done.imported, done.epoch, done.base_pos, done.mode.as_str()), (0, 2, 6, "normal"));
    patiently(async || mirror.cursor_state().await == "diverged", "the mirror waits for a person").await;
    settle(&mirror, affected(&mirror).await.first().unwrap()).await;
    counter.add(Uuid::now_v7(), key, 1).await.unwrap();
    patiently(async || mirror.total(key).await == 11, "it goes on").await;
}

#[tokio::test]
async fn a_consumer_that_was_restored_catches_up_by_itself() {
    let house = House::open().await;
    let counter = house.start(Counter).await;
    let mirror = house.start(Mirror).await;
    let key = Uuid::now_v7();
    for _ in 0..20 {
        counter.add(Uuid::now_v7(), key, 1).await.unwrap();
    }
    patiently(async || mirror.total(key).await == 20, "twenty are heard").await;
    mirror.stop().await;
    let backup = house.back_up::<Mirror>().await;
    let mirror = house.start(Mirror).await;
    for _ in 0..30 {
        counter.add(Uuid::now_v7(), key, 1).await.unwrap();
    }
    patiently(async || mirror.total(key).await == 50, "fifty are heard").await;
    mirror.stop().await;
    house.restore::<Mirror>(&backup).await;
    let mirror = house.start(Mirror).await;
    // Its durable reader at the stream has acknowledged all of it; the journal has it.
    patiently(async || mirror.total(key).await == 50, "the journal brings it forward").await;
    let high = counter.high_water().await;
    assert_eq!(mirror.cursor().await, (high.last_pos, high.last_hash.to_vec()));
    let cursors = mirror.bus.cursors().await.unwrap().cursors;
    assert!(cursors.iter().any(|cursor| cursor.repaired >= 30), "the repair is counted: {cursors:?}");
}

#[tokio::test]
async fn a_command_taken_before_the_fence_is_seen_keeps_its_effect() {
    let mut house = House::open().await;
    let key = Uuid::now_v7();
    let counter = house.start(Counter).await;
    for _ in 0..3 {
        counter.add(Uuid::now_v7(), key, 1).await.unwrap();
    }
    counter.high_water().await;
    counter.stop().await;
    let backup = house.back_up::<Counter>().await;
    let counter = house.start(Counter).await;
    for _ in 0..4 {
        counter.add(Uuid::now_v7(), key, 1).await.unwrap();
    }
    patiently(async || house.stream_messages().await == 8, "all are published").await;
    counter.stop().await;
    house.restore::<Counter>(&backup).await;
    // The row is there before anybody could look: neither stream nor neighbour answers.
    house.nats.kill();
    let counter = house.start(Counter).await;
    let late = Uuid::now_v7();
    counter.hold_numbering().await;
    assert_eq!(counter.add(late, key, 100).await.unwrap(), 103);
    counter.stop().await;
    house.nats.restart().await.unwrap();
    let counter = house.start(Counter).await;
    assert_eq!(counter.mode().await, "rolled_back");
    let done = recover(&counter, false).await.unwrap();
    assert_eq!((done.imported, done.affected), (4, 0));
    assert_eq!(counter.total(key).await, 107, "what came back, and what came late");
    let high = counter.high_water().await;
    assert_eq!((high.last_pos, counter.verify_chain().await), (9, 9));
    assert_eq!(counter.add(late, key, 100).await.unwrap(), 103, "its answer is the first one");
}
