//! The authorisation matrix, live: every RPC of the contract, every kind of caller, own things and foreign ones.
//!
//! The cells are made from the descriptors and expected from the reviewed policies, so a new RPC fails here until it has a
//! policy and somebody has thought about what its request names.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failed test should panic

use std::collections::{BTreeMap, BTreeSet};

use futures::StreamExt;
use house_tests::authorisation::callers::{self, Caller, Standing};
use house_tests::authorisation::cells::{Board, Cell, Phase};
use house_tests::authorisation::requests::Writer;
use house_tests::authorisation::{Answer, Matrix, story};
use house_tests::contract::Contract;
use house_tests::desk::Desk;
use house_tests::hunt;
use sha2::{Digest, Sha256};
use testkit::{House, HouseOptions};
use tonic::Code;
use xiezhi_proto::bus::v1::GetClockRequest;

/// How many calls are under way at once where none can hurt another.
const AT_ONCE: usize = 32;

/// What a house holds: how many events each service has written, and every table's digest.
#[derive(Debug, PartialEq, Eq)]
struct Held {
    events: BTreeMap<String, i64>,
    tables: BTreeMap<String, Vec<u8>>,
}

impl Held {
    /// What is not as it was, in words.
    fn differences(&self, after: &Self) -> Vec<String> {
        let mut found = Vec::new();
        if self.events != after.events {
            found.push(format!("refused calls were written down: {:?} became {:?}", self.events, after.events));
        }
        let tables: BTreeSet<&String> = self.tables.keys().chain(after.tables.keys()).collect();
        let changed = tables.into_iter().filter(|table| self.tables.get(*table) != after.tables.get(*table));
        found.extend(changed.map(|table| format!("refused calls changed the table {table}")));
        found
    }
}

async fn held(house: &House) -> Held {
    let mut events = BTreeMap::new();
    for service in client::SERVICES {
        let url = house.postgres_url(&format!("xiezhi_{service}")).unwrap();
        let pool = sqlx::PgPool::connect(&url).await.unwrap();
        let (count,): (i64,) = sqlx::query_as("SELECT count(*) FROM bus.journal").fetch_one(&pool).await.unwrap();
        events.insert(service.to_owned(), count);
        pool.close().await;
    }
    let tables = hunt::tables(house).await.unwrap();
    let tables = tables.into_iter().map(|(name, bytes)| (name, Sha256::digest(bytes).to_vec())).collect();
    Held { events, tables }
}

/// Tries the cells of one phase, gathers what is wrong, and gives the answers.
async fn try_all(
    board: &Board<'_>,
    cells: &[Cell],
    phase: Phase,
    at_once: usize,
    wrong: &mut Vec<String>,
) -> Vec<(usize, Answer)> {
    let cells = cells.iter().filter(|cell| cell.phase == phase);
    let tried = futures::stream::iter(cells).map(|cell| async move { (cell, cell.try_with(board).await) });
    let tried: Vec<_> = tried.buffer_unordered(at_once).collect().await;
    let mut answers = Vec::new();
    for (cell, result) in tried {
        match result {
            Ok((answer, mistake)) => {
                wrong.extend(mistake.map(|mistake| format!("{}: {mistake}", cell.named(board))));
                answers.push((cell.caller, answer));
            }
            Err(error) => wrong.push(format!("{}: {error:#}", cell.named(board))),
        }
    }
    answers
}

/// Every role of the reviewed policies is somebody's here.
fn no_role_is_idle(matrix: &Matrix, callers: &[Caller]) {
    let played = |role: &str| callers.iter().any(|caller| caller.standing == Standing::Role(role.to_owned()));
    let idle: Vec<&str> = matrix.roles().into_iter().filter(|role| !played(role)).collect();
    assert!(idle.is_empty(), "nobody calls as {idle:?}");
}

/// Every caller tried every RPC, in hundreds of cells of each kind.
fn no_cell_is_left_out(board: &Board<'_>, cells: &[Cell]) {
    let mut tried: BTreeSet<(&str, usize)> = BTreeSet::new();
    tried.extend(cells.iter().map(|cell| (cell.method.full_name(), cell.caller)));
    let methods = board.contract.methods();
    assert!(methods.len() > 100, "only {} RPCs", methods.len());
    assert_eq!(tried.len(), methods.len() * board.callers.len(), "somebody did not try something");
    let of = |phase| cells.iter().filter(|cell| cell.phase == phase).count();
    let counts = [Phase::Refused, Phase::Read, Phase::Open, Phase::Effect].map(of);
    let least = [2_000, 400, 50, 100];
    assert!(counts.iter().zip(least).all(|(count, least)| *count > least), "only {counts:?} cells");
}

/// The search for foreign ids can find: what is a unit's own was found in what it read.
fn own_things_were_shown(board: &Board<'_>, read: &[(usize, Answer)]) {
    for (place, caller) in board.callers.iter().enumerate() {
        let own: Vec<&str> = board.writer.story.shared(&caller.unit).iter().map(|thing| thing.id.as_str()).collect();
        if own.is_empty() || !matches!(caller.standing, Standing::Role(_)) {
            continue;
        }
        let mine = read.iter().filter(|(by, _)| *by == place);
        let seen: BTreeSet<usize> = mine.flat_map(|(_, answer)| answer.shows(&own).unwrap()).collect();
        assert!(seen.len() > 5, "{} saw only {} of {} things of its own", caller.name, seen.len(), own.len());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_rpc_answers_every_caller_as_the_policies_say() {
    let house = HouseOptions::default().starting(story::BEGINS).open().await.unwrap();
    let desk = Desk::at(&house).await.unwrap();
    let story = story::tell(&house, &desk).await.unwrap();
    let (matrix, contract) = (Matrix::reviewed().unwrap(), Contract::load().unwrap());
    let callers = callers::everybody(&house, desk.operator()).await.unwrap();
    no_role_is_idle(&matrix, &callers);
    let request = GetClockRequest { service: "assignment".to_owned() };
    let clock = desk.operator().bus("assignment").get_clock(request).await.unwrap().into_inner();
    let writer = Writer { story: &story, now: clock.now.unwrap() };
    let board = Board { contract: &contract, matrix: &matrix, callers: &callers, writer };
    let cells = board.cells().unwrap_or_else(|unknown| panic!("not thought about yet:\n{}", unknown.join("\n")));
    no_cell_is_left_out(&board, &cells);

    let mut wrong = Vec::new();
    let before = held(&house).await;
    try_all(&board, &cells, Phase::Refused, AT_ONCE, &mut wrong).await;
    desk.rest().await.unwrap();
    wrong.extend(before.differences(&held(&house).await));
    let read = try_all(&board, &cells, Phase::Read, AT_ONCE, &mut wrong).await;
    try_all(&board, &cells, Phase::Open, AT_ONCE, &mut wrong).await;
    let done = try_all(&board, &cells, Phase::Effect, 1, &mut wrong).await;
    wrong.sort();
    assert!(wrong.is_empty(), "{} of {} cells are wrong:\n{}", wrong.len(), cells.len(), wrong.join("\n"));
    own_things_were_shown(&board, &read);
    let carried_out = done.iter().filter(|(_, answer)| answer.code == Code::Ok).count();
    assert!(carried_out > 20, "of {} commands of allowed callers only {carried_out} were carried out", done.len());
    assert_ne!(
        before,
        held(&house).await,
        "commands that were carried out left no trace, so the comparison sees nothing"
    );
}
