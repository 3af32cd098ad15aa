//! Both servers of a centre: started, stopped, killed, left behind.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failed test should panic

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use servers::{DataDir, LocalOptions, LocalServers, ServersError};
use sqlx::{Connection, PgConnection};
use vocab::text::Lang;

fn options(data_dir: &Path) -> LocalOptions {
    LocalOptions { data_dir: data_dir.to_owned(), servers_dir: None, fsync: false }
}

async fn sql(servers: &LocalServers, statement: &'static str) -> Result<(), sqlx::Error> {
    let mut session = PgConnection::connect(&servers.postgres_admin_url()).await?;
    sqlx::query(statement).execute(&mut session).await?;
    session.close().await
}

/// The servers' processes are known by the directory they work in.
fn processes_in(directory: &Path) -> Vec<PathBuf> {
    let home = fs::canonicalize(directory).unwrap();
    let cwd_of = |entry: fs::DirEntry| fs::read_link(entry.path().join("cwd")).ok();
    fs::read_dir("/proc").unwrap().flatten().filter_map(cwd_of).filter(|cwd| cwd.starts_with(&home)).collect()
}

#[tokio::test]
async fn a_centre_stopped_and_started_again_has_its_data_its_ports_and_its_passwords() {
    let place = tempfile::tempdir().unwrap();
    let data_dir = place.path().join("a centre's 数据");
    let first = LocalServers::start(options(&data_dir)).await.unwrap();
    sql(&first, "CREATE TABLE kept (id int)").await.unwrap();
    let (url, login) = (first.postgres_admin_url(), first.nats_login("intake").unwrap());
    assert_eq!(login.inbox_prefix, "_INBOX_intake");
    assert!(matches!(first.nats_login("console"), Err(ServersError::UnknownUser { .. })));
    first.stop().await;
    assert!(processes_in(&data_dir).is_empty());

    let second = LocalServers::start(options(&data_dir)).await.unwrap();
    assert_eq!((second.postgres_admin_url(), second.nats_login("intake").unwrap()), (url, login));
    sql(&second, "INSERT INTO kept VALUES (1)").await.unwrap();
    second.stop().await;
}

#[tokio::test]
async fn nobody_gets_in_without_a_password() {
    let place = tempfile::tempdir().unwrap();
    let servers = LocalServers::start(options(&place.path().join("centre"))).await.unwrap();
    let url = servers.postgres_admin_url();
    let (_, address) = url.split_once('@').unwrap();
    for stranger in [format!("postgres://postgres@{address}"), format!("postgres://postgres:guess@{address}")] {
        assert!(PgConnection::connect(&stranger).await.is_err(), "{stranger}");
    }
    let nats = servers.nats_login("intake").unwrap();
    assert!(async_nats::connect(&nats.url).await.is_err());
    let wrong = async_nats::ConnectOptions::with_user_and_password(nats.user, "guess".to_owned());
    assert!(wrong.connect(&nats.url).await.is_err());
    servers.stop().await;
}

#[tokio::test]
async fn two_centres_live_side_by_side_but_not_in_one_directory() {
    let place = tempfile::tempdir().unwrap();
    let (here, there) = (place.path().join("here"), place.path().join("there"));
    let (one, other) = tokio::join!(LocalServers::start(options(&here)), LocalServers::start(options(&there)));
    let (one, other) = (one.unwrap(), other.unwrap());
    sql(&one, "CREATE TABLE only_here (id int)").await.unwrap();
    sql(&other, "SELECT * FROM only_here").await.unwrap_err();

    let refused = LocalServers::start(options(&here)).await.unwrap_err();
    assert!(matches!(refused, ServersError::InUse { .. }), "{refused:?}");
    assert!(refused.sentence(Lang::Zh).contains("scripts/down"));
    sql(&one, "SELECT * FROM only_here").await.unwrap();
    tokio::join!(one.stop(), other.stop());
}

#[tokio::test]
async fn a_cluster_that_was_never_finished_is_made_again() {
    let place = tempfile::tempdir().unwrap();
    let data_dir = place.path().join("centre");
    drop(DataDir::open(&data_dir).unwrap());
    fs::create_dir_all(data_dir.join("postgres.partial/base")).unwrap();
    fs::write(data_dir.join("postgres.partial/PG_VERSION"), "1").unwrap();
    let servers = LocalServers::start(options(&data_dir)).await.unwrap();
    sql(&servers, "SELECT 1").await.unwrap();
    servers.stop().await;
}

#[tokio::test]
async fn data_of_another_version_is_not_touched_and_named() {
    let place = tempfile::tempdir().unwrap();
    let data_dir = place.path().join("centre");
    LocalServers::start(options(&data_dir)).await.unwrap().stop().await;
    fs::write(data_dir.join("postgres/PG_VERSION"), "9.6\n").unwrap();
    let error = LocalServers::start(options(&data_dir)).await.unwrap_err();
    assert!(matches!(error, ServersError::OtherVersion { .. }), "{error:?}");
    assert!(processes_in(&data_dir).is_empty());
}

#[tokio::test]
async fn a_taken_port_is_left_to_its_owner() {
    let place = tempfile::tempdir().unwrap();
    let data_dir = place.path().join("centre");
    let stranger = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let taken = stranger.local_addr().unwrap().port();
    DataDir::open(&data_dir).unwrap().remember_port("postgres", taken).unwrap();
    let servers = LocalServers::start(options(&data_dir)).await.unwrap();
    assert!(!servers.postgres_admin_url().contains(&format!(":{taken}/")));
    sql(&servers, "SELECT 1").await.unwrap();
    servers.stop().await;
}

#[tokio::test]
async fn a_server_that_dies_is_started_again_on_the_same_port() {
    let place = tempfile::tempdir().unwrap();
    let data_dir = place.path().join("centre");
    let mut servers = LocalServers::start(options(&data_dir)).await.unwrap();
    let url = servers.postgres_admin_url();
    let pid = fs::read_to_string(data_dir.join("postgres/postmaster.pid")).unwrap();
    let killed = Command::new("kill").args(["-9", pid.lines().next().unwrap()]).status().unwrap();
    assert!(killed.success());
    let back = async {
        while PgConnection::connect(&url).await.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::select! {
        ended = servers.keep() => panic!("{ended:?}"),
        () = tokio::time::sleep(Duration::from_secs(30)) => panic!("not back after 30 s"),
        () = async { tokio::time::sleep(Duration::from_millis(300)).await; back.await } => {}
    }
    servers.stop().await;
}

/// Plays two roles: alone it is the test; with the variable set it is the centre that gets killed.
#[tokio::test]
async fn a_killed_centre_leaves_no_server_behind_and_its_data_whole() {
    const ROLE: &str = "XIEZHI_TEST_CENTRE";
    if let Some(data_dir) = std::env::var_os(ROLE) {
        let servers = LocalServers::start(options(Path::new(&data_dir))).await.unwrap();
        sql(&servers, "CREATE TABLE kept (id int)").await.unwrap();
        println!("up");
        std::future::pending::<()>().await;
    }
    let place = tempfile::tempdir().unwrap();
    let data_dir = place.path().join("centre");
    let mut centre = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "a_killed_centre_leaves_no_server_behind_and_its_data_whole", "--nocapture"])
        .env(ROLE, &data_dir)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(centre.stdout.take().unwrap()).lines();
    assert!(lines.map_while(Result::ok).any(|line| line.ends_with("up")), "the centre did not come up");
    assert_eq!(DataDir::holder(&data_dir), Some(centre.id()));
    centre.kill().unwrap();
    centre.wait().unwrap();

    let killed = Instant::now();
    while !processes_in(&data_dir).is_empty() {
        assert!(killed.elapsed() < Duration::from_secs(10), "still running: {:?}", processes_in(&data_dir));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let again = LocalServers::start(options(&data_dir)).await.unwrap();
    sql(&again, "SELECT * FROM kept").await.unwrap();
    again.stop().await;
}

#[tokio::test]
async fn leftovers_whose_watchdog_died_too_are_ended_at_the_next_start() {
    let place = tempfile::tempdir().unwrap();
    let data_dir = place.path().join("centre");
    let first = LocalServers::start(options(&data_dir)).await.unwrap();
    sql(&first, "CREATE TABLE kept (id int)").await.unwrap();
    // Neither stopped nor dropped: as if this process had died and taken the watchdogs with it. Only the lock is freed.
    let first = std::mem::ManuallyDrop::new(first);
    let before = processes_in(&data_dir).len();
    assert!(before >= 2);
    release_lock(&data_dir);
    let second = LocalServers::start(options(&data_dir)).await.unwrap();
    sql(&second, "SELECT * FROM kept").await.unwrap();
    second.stop().await;
    drop(std::mem::ManuallyDrop::into_inner(first));
}

/// The lock belongs to the open file: another file under the same name is not locked.
fn release_lock(data_dir: &Path) {
    let lock = data_dir.join("xiezhi.lock");
    fs::remove_file(&lock).unwrap();
    fs::write(&lock, "").unwrap();
}
