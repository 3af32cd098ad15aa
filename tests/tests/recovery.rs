//! Databases set back, journals tampered with, a whole centre lost: what brings it back, and who is told.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failed test should panic

use std::path::Path;
use std::time::{Duration, Instant};

use client::call;
use house_tests::desk::{CLERK, Complaint, Desk};
use serde_json::Value;
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use testkit::House;
use xiezhi_proto::bus::v1::HighWaterRequest;

/// Runs statements as the server's superuser.
async fn administer(house: &House, database: &str, statements: &[String]) {
    let mut admin = PgConnection::connect(&house.postgres_url(database).unwrap()).await.unwrap();
    for statement in statements {
        let mut tries = 0;
        while let Err(error) = sqlx::raw_sql(AssertSqlSafe(statement.clone())).execute(&mut admin).await {
            tries += 1;
            assert!(tries < 100, "{statement}: {error}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    admin.close().await.unwrap();
}

/// Copies a service's database while its centre runs: sessions are ended for a moment, as when a server is restarted.
async fn back_up(house: &House, service: &str) {
    let name = format!("xiezhi_{service}");
    administer(
        house,
        "postgres",
        &[
            format!("ALTER DATABASE {name} ALLOW_CONNECTIONS false"),
            format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"),
            format!("CREATE DATABASE {name}_kept TEMPLATE {name} OWNER {name}"),
            format!("ALTER DATABASE {name} ALLOW_CONNECTIONS true"),
        ],
    )
    .await;
}

async fn restore(house: &House, service: &str) {
    let name = format!("xiezhi_{service}");
    administer(
        house,
        "postgres",
        &[
            format!("DROP DATABASE {name} WITH (FORCE)"),
            format!("CREATE DATABASE {name} TEMPLATE {name}_kept OWNER {name}"),
            format!("DROP DATABASE {name}_kept WITH (FORCE)"),
        ],
    )
    .await;
}

async fn mode(desk: &Desk<'_>, service: &str) -> String {
    let centre = desk.operator();
    let request = HighWaterRequest { service: service.to_owned() };
    centre.read(|| call!(centre.bus(service).high_water(request.clone()))).await.unwrap().mode
}

async fn until_mode(desk: &Desk<'_>, service: &str, wanted: &str) {
    let began = Instant::now();
    while mode(desk, service).await != wanted {
        assert!(began.elapsed() < Duration::from_secs(30), "{service} is {}, not {wanted}", mode(desk, service).await);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// The doctor finds nothing wrong, and says so; unless it is this machine's own disk, which the centre cannot help.
async fn nothing_is_wrong(house: &House) {
    let said = run_json(house, &["doctor"]).await;
    let findings = said["findings"].as_array().unwrap_or_else(|| panic!("{said}"));
    let wrong: Vec<&Value> = findings.iter().filter(|finding| finding["wrong"] == true).collect();
    if wrong.iter().all(|finding| finding["finding"] == "disk_low") && !wrong.is_empty() {
        println!("this machine's disk is nearly full: {said}");
        return;
    }
    assert!(wrong.is_empty() && said["well"] == true, "{said}");
    let doctor = house.run(&["doctor", "--lang", "en"]).await.unwrap();
    assert_eq!(doctor.code, Some(0), "{doctor:?}");
    assert!(doctor.stdout.contains("all is well"), "{}", doctor.stdout);
}

async fn run_json(house: &House, arguments: &[&str]) -> Value {
    let said = house.run(&[arguments, &["--output", "json"]].concat()).await.unwrap();
    serde_json::from_str(&said.stdout).unwrap_or_else(|error| panic!("{error}: {said:?}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_set_back_to_an_earlier_time_is_brought_forward_by_one_command() {
    let house = House::start().await.unwrap();
    let desk = Desk::at(&house).await.unwrap();
    desk.register(&Complaint::simple()).await.unwrap();
    desk.rest().await.unwrap();
    // What they do follows from what they hear: all of it is done once more.
    for service in ["assignment", "scheduling", "supervision", "evaluation"] {
        back_up(&house, service).await;
        desk.rest().await.unwrap();
        for _ in 0..5 {
            desk.register(&Complaint::simple()).await.unwrap();
        }
        desk.rest().await.unwrap();
        let before = house.run(&["work-order", "list", "--as", "centre.coordinator"]).await.unwrap().done().unwrap();
        restore(&house, service).await;
        // A service that says nothing by itself has nothing that others could miss: it catches up alone.
        let said = run_json(&house, &["bus", "cursors"]).await;
        assert!(said["cursors"].is_array(), "{said}");
        if !["scheduling", "evaluation"].contains(&service) {
            until_mode(&desk, service, "rolled_back").await;
            let doctor = house.run(&["doctor"]).await.unwrap();
            assert_eq!(doctor.code, Some(1), "{doctor:?}");
            assert!(doctor.stdout.contains(&format!("xiezhi bus recover {service}")), "{}", doctor.stdout);
            let done = run_json(&house, &["bus", "recover", service]).await;
            println!("recover {service}: {done}");
            let waiting = run_json(&house, &["bus", "diverged", "list"]).await;
            assert_eq!(done["mode"], "normal", "{done}: {waiting}");
            assert!(done["imported"].as_str().unwrap_or("0").parse::<u64>().unwrap() >= 5, "{done}");
        }
        desk.rest().await.unwrap();
        desk.verify().await.unwrap_or_else(|error| panic!("{service}: {error:#}"));
        let after = house.run(&["work-order", "list", "--as", "centre.coordinator"]).await.unwrap().done().unwrap();
        assert_eq!(before, after, "the same orders, by the same names");
    }
    // And the work goes on.
    let case_id = desk.register(&Complaint::simple()).await.unwrap().case_id;
    desk.handle(&case_id, "箱体已更换").await.unwrap();
    desk.close(&case_id).await.unwrap();
    desk.verify().await.unwrap();
    nothing_is_wrong(&house).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_person_decided_and_no_event_tells_waits_for_a_person_and_no_other_case_does() {
    let house = House::start().await.unwrap();
    let desk = Desk::at(&house).await.unwrap();
    let lost = desk.register(&Complaint::simple()).await.unwrap().case_id;
    let other = desk.register(&Complaint::simple()).await.unwrap().case_id;
    desk.rest().await.unwrap();
    back_up(&house, "assignment").await;
    desk.rest().await.unwrap();
    // Its reports and evidence are in assignment's tables alone.
    let order = desk.orders(&lost).await.unwrap().remove(0);
    desk.complete(&order, "箱体已更换").await.unwrap();
    desk.rest().await.unwrap();
    restore(&house, "assignment").await;
    until_mode(&desk, "assignment", "rolled_back").await;
    let done = run_json(&house, &["bus", "recover", "assignment"]).await;
    assert_eq!(done["mode"], "mending", "{done}");
    let listed = run_json(&house, &["bus", "diverged", "list"]).await;
    let waiting = listed["affected"].as_array().unwrap();
    assert_eq!(waiting.len(), 1, "{listed}");
    assert_eq!(waiting[0]["key"].as_str(), Some(lost.as_str()), "{listed}");
    let refused = desk.complete(&desk.orders(&lost).await.unwrap()[0], "又一次").await.unwrap_err();
    assert!(
        format!("{refused:#}").contains("bus.affected") || format!("{refused:?}").contains("affected"),
        "{refused:?}"
    );
    desk.handle(&other, "箱体已更换").await.unwrap();
    let doctor = house.run(&["doctor"]).await.unwrap();
    assert!(doctor.code == Some(1) && doctor.stdout.contains("bus diverged list"), "{doctor:?}");
    let name = format!("assignment/assignment/{lost}");
    let settled = house.run(&["bus", "diverged", "settle", &name, "--why", "重新补录"]).await.unwrap();
    settled.done().unwrap();
    assert_eq!(mode(&desk, "assignment").await, "normal");
    desk.complete(&desk.orders(&lost).await.unwrap()[0], "补录").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_journal_that_was_tampered_with_is_named_by_service_and_position() {
    let house = House::start().await.unwrap();
    let desk = Desk::at(&house).await.unwrap();
    for _ in 0..3 {
        desk.register(&Complaint::simple()).await.unwrap();
    }
    desk.rest().await.unwrap();
    let row = "(SELECT id FROM bus.numbered WHERE pos = 3)";
    let tamper = |to: &str| {
        [
            "SET session_replication_role = replica".to_owned(),
            format!("UPDATE bus.journal SET actor = {to} WHERE id = {row}"),
        ]
    };
    administer(&house, "xiezhi_intake", &tamper("actor || 'x'")).await;
    let said = house.run(&["verify", "--lang", "en"]).await.unwrap();
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(said.stdout.contains("intake 3 was changed"), "{}", said.stdout);
    administer(&house, "xiezhi_intake", &tamper("left(actor, -1)")).await;
    desk.verify().await.unwrap();

    // Whoever owns the database may forge the whole chain; the neighbours remember its head.
    let forged = "UPDATE bus.node SET last_hash = sha256(last_hash)";
    let last = "UPDATE bus.numbered SET hash = sha256(hash) WHERE pos = (SELECT last_pos FROM bus.node)";
    administer(&house, "xiezhi_intake", &[last.to_owned(), forged.to_owned()]).await;
    let said = house.run(&["verify", "--lang", "en"]).await.unwrap();
    assert!(said.stdout.contains("remembers another hash of intake"), "{}", said.stdout);
}

fn mode_of(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whole_centre_is_restored_from_a_backup_that_was_made_while_it_worked() {
    let mut house = House::start().await.unwrap();
    let place = tempfile::tempdir().unwrap();
    let (out, streams) = (place.path().join("backup"), place.path().join("old"));
    let data = house.data().display().to_string();
    let (before, during) = {
        let desk = Desk::at(&house).await.unwrap();
        let mut before = Vec::new();
        for _ in 0..20 {
            before.push(desk.register(&Complaint::simple()).await.unwrap().case_id);
        }
        desk.handle(&before[0], "箱体已更换").await.unwrap();
        desk.close(&before[0]).await.unwrap();
        // The window works on while the backup is made.
        let path = out.display().to_string();
        let arguments = ["backup", "--data", &data, "--out", &path, "--output", "json"];
        let backing_up = house.run(&arguments);
        let clerk = desk.as_account(CLERK).await.unwrap();
        let working = async {
            let mut during = Vec::new();
            for _ in 0..40 {
                let request = Complaint::simple().request();
                during.push(clerk.read(|| call!(clerk.intake().register_case(request.clone()))).await.unwrap().case_id);
            }
            during
        };
        let (said, during) = tokio::join!(backing_up, working);
        let note: Value = serde_json::from_str(&said.unwrap().done().unwrap()).unwrap();
        println!("backup: {note}");
        desk.rest().await.unwrap();
        (before, during)
    };
    for name in ["secrets.json", "vault-key", "signing-key.pem"] {
        assert_eq!(mode_of(&out.join(name)), 0o600, "{name}");
    }
    assert_eq!(mode_of(&out), 0o700);

    // The machine is lost without a word; of its disk only the streams can still be read.
    house.kill().await.unwrap();
    tokio::time::sleep(Duration::from_secs(2)).await;
    std::fs::create_dir_all(&streams).unwrap();
    std::fs::rename(house.data().join("nats"), streams.join("nats")).unwrap();
    let empty = |path: &Path| {
        for entry in std::fs::read_dir(path).unwrap().flatten() {
            let _ = std::fs::remove_dir_all(entry.path()).or_else(|_| std::fs::remove_file(entry.path()));
        }
    };
    let kept = |found: &[String], all: &[String]| all.iter().filter(|id| found.contains(id)).count();

    let began = Instant::now();
    empty(house.data());
    let path = out.display().to_string();
    let said = house.run(&["restore", "--from", &path, "--data", &data, "--output", "json"]).await.unwrap();
    let told: Value = serde_json::from_str(&said.done().unwrap()).unwrap();
    house.restart().await.unwrap();
    let up_after = began.elapsed();
    {
        let desk = Desk::at(&house).await.unwrap();
        desk.verify().await.unwrap();
        let found = cases(&desk).await;
        assert_eq!(kept(&found, &before), before.len(), "everything before the backup began is there");
        println!(
            "restored without streams: {told}; ready after {:.1} s; {} of {} cases from during and after the backup are there",
            up_after.as_secs_f64(),
            kept(&found, &during),
            during.len()
        );
        nothing_is_wrong(&house).await;
        let case_id = desk.register(&Complaint::simple()).await.unwrap().case_id;
        desk.handle(&case_id, "箱体已更换").await.unwrap();
        desk.close(&case_id).await.unwrap();
        desk.verify().await.unwrap();
    }
    house.stop().await.unwrap();

    // Again, with the streams: what was said after the backup comes back from them.
    let began = Instant::now();
    empty(house.data());
    let old = streams.display().to_string();
    house.run(&["restore", "--from", &path, "--data", &data, "--streams", &old]).await.unwrap().done().unwrap();
    house.restart().await.unwrap();
    let desk = Desk::at(&house).await.unwrap();
    let mut affected = 0;
    // In the order in which a complaint meets them: what one follows from is there before it.
    for service in client::SERVICES {
        if mode(&desk, service).await == "rolled_back" {
            let done = run_json(&house, &["bus", "recover", service]).await;
            println!("recover {service}: {done}");
            affected += done["affected"].as_str().unwrap_or("0").parse::<usize>().unwrap();
        }
    }
    desk.rest().await.unwrap();
    let found = cases(&desk).await;
    println!(
        "restored with streams: recovered after {:.1} s; {} of {} cases are there, {affected} wait for a person",
        began.elapsed().as_secs_f64(),
        kept(&found, &before) + kept(&found, &during),
        before.len() + during.len()
    );
    assert_eq!(kept(&found, &before) + kept(&found, &during), before.len() + during.len());
    // They go on, though a person must ask their complainants again.
    desk.verify().await.unwrap();
}

/// Every case intake knows.
async fn cases(desk: &Desk<'_>) -> Vec<String> {
    let clerk = desk.as_account(CLERK).await.unwrap();
    client::pages::pages(|page_token| {
        let clerk = &clerk;
        async move {
            let request =
                xiezhi_proto::intake::v1::ListCasesRequest { page_size: 100, page_token, ..Default::default() };
            let page = clerk.read(|| call!(clerk.intake().list_cases(request.clone()))).await?;
            Ok((page.cases.into_iter().map(|case| case.case_id).collect(), page.next_page_token))
        }
    })
    .await
    .unwrap()
}
