//! Too much, too little and too late: callers that go away by the thousand, a database that is killed, a disk that is full.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failed test should panic

use std::collections::HashSet;
use std::process::Command;
use std::time::{Duration, Instant};

use client::Centre;
use house_tests::desk::{CLERK, Complaint, Desk};
use sqlx::{Connection, PgConnection};
use testkit::House;
use xiezhi_proto::intake::v1::ListCasesRequest;

/// How many callers go away.
const CANCELLED: usize = 10_000;
/// How many are under way at once.
const AT_ONCE: usize = 64;

/// A small generator of our own, so that a run can be repeated.
struct Chance(u64);

impl Chance {
    fn below(&mut self, most: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % most
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_callers_who_go_away_leave_no_transaction_no_permit_and_no_lock() {
    let house = House::start().await.unwrap();
    let desk = Desk::at(&house).await.unwrap();
    let clerk = desk.as_account(CLERK).await.unwrap();
    desk.register(&Complaint::simple()).await.unwrap();
    let (seed, began) = (0x5eed_u64, Instant::now());
    let mut chance = Chance(seed);
    let mut callers = tokio::task::JoinSet::new();
    let (mut answered, mut gone) = (0_usize, 0_usize);
    for nth in 0..CANCELLED {
        if callers.len() >= AT_ONCE {
            let done: bool = callers.join_next().await.unwrap().unwrap();
            if done { answered += 1 } else { gone += 1 }
        }
        let (centre, patience) = (clerk.clone(), Duration::from_micros(chance.below(6_000)));
        // Every tenth writes; the others read, page by page.
        let writes = nth % 10 == 0;
        callers.spawn(async move {
            let calling = async {
                if writes {
                    let _ = centre.intake().register_case(Complaint::simple().request()).await;
                } else {
                    let _ = centre.intake().list_cases(ListCasesRequest { page_size: 5, ..Default::default() }).await;
                }
            };
            tokio::time::timeout(patience, calling).await.is_ok()
        });
    }
    while let Some(done) = callers.join_next().await {
        if done.unwrap() { answered += 1 } else { gone += 1 }
    }
    println!(
        "{gone} of {CANCELLED} went away, {answered} were answered, seed {seed}, {:.1} s",
        began.elapsed().as_secs_f64()
    );
    assert!(gone > CANCELLED / 4, "only {gone} went away");
    desk.rest().await.unwrap();

    let mut admin = PgConnection::connect(&house.postgres_url("postgres").unwrap()).await.unwrap();
    let left = "SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in transaction%'
                AND state_change < now() - interval '1 second'";
    let locks = "SELECT count(*) FROM pg_locks l JOIN pg_stat_activity a USING (pid)
                 WHERE a.datname LIKE 'xiezhi_%' AND l.locktype IN ('tuple', 'relation', 'advisory') AND a.state = 'idle'";
    let began = Instant::now();
    loop {
        let idle: i64 = sqlx::query_scalar(left).fetch_one(&mut admin).await.unwrap();
        let held: i64 = sqlx::query_scalar(locks).fetch_one(&mut admin).await.unwrap();
        if (idle, held) == (0, 0) {
            break;
        }
        assert!(began.elapsed() < Duration::from_secs(5), "{idle} transactions and {held} locks are left");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    // Every permit is back: as many at once as the pools have, and more, are served.
    let calls = (0..32).map(|_| {
        let mut door = clerk.intake();
        async move { door.list_cases(ListCasesRequest::default()).await }
    });
    for served in futures::future::join_all(calls).await {
        served.unwrap();
    }
    desk.register(&Complaint::simple()).await.unwrap();
    desk.verify().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_killed_is_back_within_ten_seconds_and_no_answer_is_taken_back() {
    let house = House::start().await.unwrap();
    let desk = Desk::at(&house).await.unwrap();
    let clerk = desk.as_account(CLERK).await.unwrap();
    desk.register(&Complaint::simple()).await.unwrap();
    let postmaster = std::fs::read_to_string(house.data().join("postgres").join("postmaster.pid")).unwrap();
    let postmaster = postmaster.lines().next().unwrap().trim().to_owned();
    let began = Instant::now();
    assert!(Command::new("kill").args(["-QUIT", &postmaster]).status().unwrap().success());
    let mut codes = HashSet::new();
    let back = loop {
        match clerk.intake().register_case(Complaint::simple().request()).await {
            Ok(_) => break began.elapsed(),
            Err(status) => codes.insert(format!("{:?}", status.code())),
        };
        assert!(began.elapsed() < Duration::from_secs(60), "it never came back: {codes:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    println!("the window worked again after {:.1} s; until then {codes:?}", back.as_secs_f64());
    assert!(back < Duration::from_secs(10), "{back:?}");
    assert!(codes.iter().all(|code| code == "Unavailable"), "{codes:?}");
    desk.verify().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn too_many_callers_are_turned_away_with_a_hint_and_the_window_goes_first() {
    use tonic_types::StatusExt;
    let house = House::start().await.unwrap();
    let desk = Desk::at(&house).await.unwrap();
    let clerk = desk.as_account(CLERK).await.unwrap();
    for _ in 0..50 {
        desk.register(&Complaint::simple()).await.unwrap();
    }
    // Connections of their own, as many callers have: one connection alone has a hundred calls at most.
    let address = house.address().to_owned();
    let token = house.token(CLERK).await.unwrap();
    let mut readers = Vec::new();
    for _ in 0..20 {
        let options = client::ClientOptions::new(&address).token(token.clone());
        readers.push(Centre::connect(options).await.unwrap());
    }
    let asked = readers.iter().flat_map(|reader| (0..95).map(move |_| reader)).map(|reader| {
        let mut door = reader.intake();
        async move { door.list_cases(ListCasesRequest { page_size: 50, ..Default::default() }).await }
    });
    let registering = async {
        tokio::time::sleep(Duration::from_millis(150)).await;
        let mut slowest = Duration::ZERO;
        let mut refused = 0;
        for _ in 0..20 {
            let began = Instant::now();
            match clerk.intake().register_case(Complaint::simple().request()).await {
                Ok(_) => slowest = slowest.max(began.elapsed()),
                Err(status) => {
                    assert_eq!(status.code(), tonic::Code::Unavailable, "{status:?}");
                    refused += 1;
                }
            }
        }
        (slowest, refused)
    };
    let (answers, (slowest, refused)) = tokio::join!(futures::future::join_all(asked), registering);
    let total = answers.len();
    let shed: Vec<_> = answers
        .into_iter()
        .filter_map(Result::err)
        .inspect(|status| assert!(status.code() != tonic::Code::Internal, "{status:?}"))
        .filter(|status| status.code() == tonic::Code::ResourceExhausted)
        .collect();
    println!(
        "{} of {total} readers were turned away; 20 registrations beside them: {refused} refused, the slowest took {:.0} ms",
        shed.len(),
        slowest.as_secs_f64() * 1e3
    );
    assert!(!shed.is_empty(), "nobody was turned away");
    assert!(
        shed.iter().all(|status| status.get_error_details().retry_info().is_some()),
        "each is told when to come again"
    );
    assert_eq!(refused, 0, "the window is served");
    desk.verify().await.unwrap();
}

/// A disk of its own needs root and mounts; elsewhere this says so and does nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_refuses_commands_and_leaves_nothing_half_written() {
    let Some(disk) = SmallDisk::mount() else {
        println!("skipped: a full disk needs the right to mount a tmpfs");
        return;
    };
    let mut house = testkit::HouseOptions::default().at(disk.path()).open().await.unwrap();
    let desk = Desk::at(&house).await.unwrap();
    let clerk = desk.as_account(CLERK).await.unwrap();
    let first = desk.register(&Complaint::simple()).await.unwrap().case_id;
    desk.rest().await.unwrap();
    let filler = disk.fill();
    let mut codes = HashSet::new();
    let began = Instant::now();
    // PostgreSQL goes on in what it has allocated; then it takes nothing more.
    while !codes.contains("Unavailable") && began.elapsed() < Duration::from_secs(120) {
        if let Err(status) = clerk.intake().register_case(Complaint::simple().request()).await {
            codes.insert(format!("{:?}", status.code()));
        }
    }
    println!("on a full disk commands end with {codes:?} after {:.1} s", began.elapsed().as_secs_f64());
    assert_eq!(codes, HashSet::from(["Unavailable".to_owned()]));
    std::fs::remove_file(filler).unwrap();
    // A database that ended on the full disk is started again; the centre is as well, as its operator would.
    house.kill().await.unwrap();
    house.restart().await.unwrap();
    let desk = Desk::at(&house).await.unwrap();
    desk.case(&first).await.unwrap();
    desk.register(&Complaint::simple()).await.unwrap();
    desk.verify().await.unwrap();
}

/// A tmpfs that is gone with the test.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    fn mount() -> Option<Self> {
        let place = tempfile::tempdir().ok()?;
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=700m,mode=0755", "tmpfs"])
            .arg(place.path())
            .stderr(std::process::Stdio::null())
            .status();
        mounted.is_ok_and(|status| status.success()).then(|| Self(place))
    }

    fn path(&self) -> &std::path::Path {
        self.0.path()
    }

    /// Takes all the room that is left.
    fn fill(&self) -> std::path::PathBuf {
        use std::io::Write;
        let path = self.path().join("filler");
        let mut file = std::fs::File::create(&path).unwrap();
        let block = vec![0_u8; 1 << 20];
        while file.write_all(&block).is_ok() {}
        path
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}
