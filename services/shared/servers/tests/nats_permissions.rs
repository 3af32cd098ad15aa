//! Who may say and hear what: a service its own facts, nobody a purge. A refusal shows as a timeout, so the stream and the
//! server's log are read as well.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failed test should panic

use std::time::Duration;

use async_nats::jetstream::consumer::{AckPolicy, PullConsumer, pull};
use async_nats::jetstream::{self, stream};
use async_nats::{Client, ConnectOptions};
use futures::StreamExt;
use servers::nats::{Account, OBSERVER};
use servers::{Binaries, Nats, NatsOptions};

struct House {
    nats: Nats,
    _place: tempfile::TempDir,
}

async fn house() -> House {
    let place = tempfile::tempdir().unwrap();
    let account = |user: &str| Account { user: user.to_owned(), password: format!("{user}'s \"secret\"") };
    let options = NatsOptions {
        binaries: Binaries::find(None).unwrap(),
        directory: place.path().to_owned(),
        accounts: ["intake", "assignment", OBSERVER].map(account).to_vec(),
        port: None,
        throw_away: true,
    };
    House { nats: Nats::start(options).await.unwrap(), _place: place }
}

impl House {
    async fn client(&self, user: &str) -> Client {
        let login = self.nats.login(user).unwrap();
        ConnectOptions::with_user_and_password(login.user, login.password)
            .custom_inbox_prefix(login.inbox_prefix)
            .request_timeout(Some(Duration::from_millis(700)))
            .connect(login.url)
            .await
            .unwrap()
    }

    async fn jetstream(&self, user: &str) -> jetstream::Context {
        let mut context = jetstream::new(self.client(user).await);
        context.set_timeout(Duration::from_millis(700));
        context
    }

    async fn stream_of(&self, service: &str) -> stream::Stream {
        let config = stream::Config {
            name: format!("EV_{}", service.to_uppercase()),
            subjects: vec![format!("ev.{service}.>")],
            storage: stream::StorageType::File,
            ..Default::default()
        };
        self.jetstream(service).await.create_stream(config).await.unwrap()
    }

    async fn messages(&self, service: &str) -> u64 {
        let name = format!("EV_{}", service.to_uppercase());
        let mut stream = self.jetstream(service).await.get_stream(name).await.unwrap();
        stream.info().await.unwrap().state.messages
    }
}

async fn say(context: &jetstream::Context, subject: &str) -> bool {
    match context.publish(subject.to_owned(), "a fact".into()).await {
        Ok(acknowledgement) => acknowledgement.await.is_ok(),
        Err(_) => false,
    }
}

fn durable(name: &str) -> pull::Config {
    pull::Config { durable_name: Some(name.to_owned()), ack_policy: AckPolicy::Explicit, ..Default::default() }
}

#[tokio::test]
async fn a_service_says_its_own_facts_and_cannot_forge_anothers() {
    let house = house().await;
    house.stream_of("intake").await;
    house.stream_of("assignment").await;
    let intake = house.jetstream("intake").await;
    assert!(say(&intake, "ev.intake.case.accepted.1").await);
    assert!(!say(&intake, "ev.assignment.determination.made.1").await);
    assert_eq!((house.messages("intake").await, house.messages("assignment").await), (1, 0));
    let log = house.nats.words();
    assert!(log.contains("ev.assignment.determination.made.1") && log.contains("Violation"), "{log}");
}

#[tokio::test]
async fn nobody_purges_deletes_or_makes_what_is_anothers() {
    let house = house().await;
    let own = house.stream_of("intake").await;
    let intake = house.jetstream("intake").await;
    assert!(say(&intake, "ev.intake.case.accepted.1").await);
    own.purge().await.unwrap_err();
    own.delete_message(1).await.unwrap_err();
    assert!(intake.delete_stream("EV_INTAKE").await.is_err());
    let forged = stream::Config {
        name: "EV_SCHEDULING".to_owned(),
        subjects: vec!["ev.scheduling.>".to_owned()],
        ..Default::default()
    };
    intake.create_stream(forged).await.unwrap_err();
    assert_eq!(house.messages("intake").await, 1);
}

#[tokio::test]
async fn a_reader_reads_and_acknowledges_through_its_own_durable_alone() {
    let house = house().await;
    house.stream_of("intake").await;
    let intake = house.jetstream("intake").await;
    for number in 1..=3 {
        assert!(say(&intake, &format!("ev.intake.case.accepted.{number}")).await);
    }
    let stream = house.jetstream("assignment").await.get_stream("EV_INTAKE").await.unwrap();
    for name in ["assignment", "assignment-rebuild"] {
        let filtered = pull::Config { filter_subject: "ev.intake.case.>".to_owned(), ..durable(name) };
        let consumer: PullConsumer = stream.create_consumer(filtered).await.unwrap();
        let mut batch = consumer.batch().max_messages(3).expires(Duration::from_secs(2)).messages().await.unwrap();
        let mut seen = 0;
        while let Some(message) = batch.next().await {
            message.unwrap().double_ack().await.unwrap();
            seen += 1;
        }
        assert_eq!(seen, 3);
        let mut consumer: PullConsumer = stream.get_consumer(name).await.unwrap();
        assert_eq!(consumer.info().await.unwrap().num_ack_pending, 0);
    }
    stream.create_consumer(durable("supervision")).await.unwrap_err();
    stream.create_consumer(durable("intake")).await.unwrap_err();
    stream.delete_consumer("assignment-rebuild").await.unwrap();
    // The last message of one's own stream, for the fence against a restored backup.
    let own = intake.get_stream("EV_INTAKE").await.unwrap();
    assert_eq!(own.get_last_raw_message_by_subject("ev.intake.>").await.unwrap().sequence, 3);
}

#[tokio::test]
async fn beacons_are_heard_by_all_and_facts_outside_streams_by_the_observer_only() {
    let house = house().await;
    house.stream_of("intake").await;
    let (intake, assignment) = (house.client("intake").await, house.client("assignment").await);
    let observer = house.client(OBSERVER).await;
    let mut beacons = assignment.subscribe("hw.*").await.unwrap();
    let mut eavesdropped = assignment.subscribe("ev.>").await.unwrap();
    let mut foreign_inbox = assignment.subscribe("_INBOX_intake.>").await.unwrap();
    let mut observed = observer.subscribe("ev.>").await.unwrap();
    for client in [&assignment, &observer] {
        client.flush().await.unwrap();
    }
    // A flush only writes; the server takes a subscription in when it comes to it.
    tokio::time::sleep(Duration::from_millis(500)).await;
    observer.publish("ev.intake.case.accepted.forged", "".into()).await.unwrap();
    assignment.publish("hw.intake", "forged".into()).await.unwrap();
    for client in [&assignment, &observer] {
        client.flush().await.unwrap();
    }
    assert!(say(&jetstream::new(intake.clone()), "ev.intake.case.accepted.1").await);
    intake.publish("hw.intake", "1".into()).await.unwrap();
    intake.flush().await.unwrap();

    let within = Duration::from_secs(2);
    let beacon = tokio::time::timeout(within, beacons.next()).await.unwrap().unwrap();
    assert_eq!(beacon.payload, "1");
    let fact = tokio::time::timeout(within, observed.next()).await.unwrap().unwrap();
    assert_eq!(fact.subject.as_str(), "ev.intake.case.accepted.1");
    let silence = Duration::from_millis(200);
    assert!(!matches!(tokio::time::timeout(silence, eavesdropped.next()).await, Ok(Some(_))));
    assert!(!matches!(tokio::time::timeout(silence, foreign_inbox.next()).await, Ok(Some(_))));
    assert_eq!(house.messages("intake").await, 1);
}
