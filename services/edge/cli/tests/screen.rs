//! The operator's screen over a real centre, after the barbecue: what people read, compared with what they should read.
//!
//! `XIEZHI_WRITE_GOLDEN=1 cargo test -p cli --test screen` writes the expected texts anew.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failed test should panic

use std::path::PathBuf;
use std::time::{Duration, Instant};

use testkit::{House, HouseOptions, Said};

/// One story, one house: every screen is looked at after it.
#[tokio::test(flavor = "multi_thread")]
async fn every_screen_shows_the_barbecue_as_people_read_it() {
    let house = HouseOptions::default().starting("2026-03-02T00:55:00Z").open().await.unwrap();
    house.run(&["journey", "run", "barbecue", "--here"]).await.unwrap().done().unwrap();
    let case = "JS-2026-000001";
    let mut differing = Vec::new();
    for (name, arguments) in [
        ("case-list", vec!["case", "list"]),
        ("case-show", vec!["case", "show", case]),
        ("case-show-en", vec!["case", "show", case, "--lang", "en"]),
        ("case-timeline", vec!["case", "timeline", case]),
        ("case-notices", vec!["case", "notices", case, "--as", "centre.window1"]),
        ("case-text", vec!["case", "text", case, "--as", "centre.window1"]),
        ("determination-show", vec!["determination", "show", case, "--as", "centre.coordinator"]),
        ("work-order-list", vec!["work-order", "list", "--case", case, "--as", "centre.coordinator"]),
        ("work-order-show", vec!["work-order", "show", "JS-2026-000001/GA", "--as", "GA.handler"]),
        ("operation-show", vec!["operation", "show", case, "--as", "centre.coordinator"]),
        ("closing-show", vec!["closing", "show", case, "--as", "centre.supervisor"]),
        ("callback-list", vec!["callback", "list", "--state", "recorded", "--as", "centre.evaluator"]),
        (
            "rates-show",
            vec!["rates", "show", "--from", "2026-03-01", "--to", "2026-03-31", "--as", "centre.supervisor"],
        ),
        ("list-show", vec!["list", "show", "--matter", "fume.barbecue.open_air", "--as", "centre.window1"]),
        ("bus-parked", vec!["bus", "parked", "list"]),
        ("bus-diverged", vec!["bus", "diverged", "list"]),
        ("clock-confirm", vec!["clock", "confirm"]),
        ("journey-list", vec!["journey", "list"]),
        ("officer-list", vec!["officer", "list", "--unit", "ZF", "--as", "centre.coordinator"]),
        ("work-order-watch", vec!["work-order", "watch", "--limit", "3", "--as", "GA.handler"]),
    ] {
        let said = house.run(&arguments).await.unwrap().done().unwrap();
        if !is_golden(name, &said) {
            differing.push(name);
        }
    }
    for (name, arguments) in [
        ("case-accept-refused", vec!["case", "accept", case, "--as", "centre.window1"]),
        (
            "operation-reschedule-refused",
            vec!["operation", "reschedule", case, "--reason", "weather", "--as", "centre.coordinator"],
        ),
        ("bus-recover-refused", vec!["bus", "recover", "intake"]),
        (
            "work-order-reassign-refused",
            vec!["work-order", "reassign", "JS-2026-000001/GA", "--person", "GA-P04", "--as", "GA.handler"],
        ),
    ] {
        let refused = house.run(&arguments).await.unwrap();
        assert_eq!(refused.code, Some(1), "{refused:?}");
        if !is_golden(name, &refused.stderr) {
            differing.push(name);
        }
    }
    machines_get_one_document(&house, case).await;
    lists_say_what_is_behind_a_case(&house, case).await;
    an_account_gets_a_key_of_its_own(&house).await;
    what_went_wrong_is_put_right(&house).await;
    what_cannot_be_undone_is_asked_for(&house, case).await;
    assert_eq!(differing, [""; 0], "XIEZHI_WRITE_GOLDEN=1 writes them anew");
}

/// A new case whose text, person, clock, officers and slot are changed by those who may.
async fn what_went_wrong_is_put_right(house: &House) {
    let done = |line: &'static str| async move { until_done(house, line).await };
    done(
        "case register --title 烧烤 --body 油烟 --matter fume.barbecue.open_air --region 330421103 --channel phone \
         --name 王一 --phone 13800000000 --as centre.window1",
    )
    .await;
    tasks_are_listed(house, "--as centre.coordinator", "决定是否受理").await;
    tasks_are_listed(house, "--unit centre --as centre.coordinator", "决定是否受理").await;
    // Half of the text was typed: the other half is shown, and confirmed by somebody who has read it.
    let unread = said(house, "case confirm-text JS-2026-000004 --title 夜间烧烤 --as centre.window1").await;
    assert!(unread.code == Some(2) && unread.stderr.contains("夜间烧烤\n\n油烟\n"), "{unread:?}");
    let unread = said(house, "case confirm-text JS-2026-000004 --as centre.window1").await;
    assert!(unread.code == Some(2) && unread.stderr.contains("烧烤\n\n油烟\n"), "{unread:?}");
    assert_eq!(done("case text JS-2026-000004 --as centre.window1").await, "烧烤\n\n油烟\n");
    done("case confirm-text JS-2026-000004 --title 夜间烧烤 --as centre.window1 --yes").await;
    assert_eq!(done("case text JS-2026-000004 --as centre.window1").await, "夜间烧烤\n\n油烟\n");
    done("case accept JS-2026-000004 --mode assisted --track assigned --as centre.window1").await;
    let reassigned = done("work-order reassign JS-2026-000004/ZF --person ZF-P04 --as ZF.handler").await;
    assert!(reassigned.contains("陆云宁"), "{reassigned}");
    let own = tasks_are_listed(house, "--as ZF.handler", "签收工单").await;
    assert!(own.stderr.contains("无权查看") && own.stderr.contains("考核评价"), "{own:?}");
    let several =
        said(house, "clock extend JS-2026-000004 order.finish --by 3 --reason 等待检测报告 --as ZF.head").await;
    assert!(several.code == Some(1) && several.stderr.matches("order.finish/").count() == 4, "{several:?}");
    let clock = "JS-2026-000004 order.finish --unit ZF";
    let extended = done_with(house, "clock extend", clock, "--by 3 --reason 等待检测报告 --as ZF.head").await;
    assert!(extended.contains("4月01日"), "{extended}");
    let paused = done_with(house, "clock pause", clock, "--reason technical_finding --as centre.supervisor").await;
    assert!(paused.contains("已中止"), "{paused}");
    let resumed = done_with(house, "clock resume", clock, "--as centre.supervisor").await;
    assert!(resumed.contains("计时中"), "{resumed}");
    done("work-order acknowledge JS-2026-000004/ZF --as ZF.handler").await;
    done("work-order escalate JS-2026-000004 --reason 涉及多家 --as ZF.handler").await;
    done("operation approve JS-2026-000004 --as centre.coordinator").await;
    let suspended = done("officer suspend ZF-O02 --reason investigation --as centre.coordinator").await;
    assert!(suspended.contains("已暂停执法"), "{suspended}");
    let replace = "operation replace-officers JS-2026-000004 --unit ZF --as centre.coordinator";
    let refused = said(house, &format!("{replace} --officer ZF-O02 --officer ZF-O03")).await;
    assert!(refused.code == Some(1) && refused.stderr.contains("ZF-O02"), "{refused:?}");
    let replaced = until_done(house, &format!("{replace} --officer ZF-O03 --officer ZF-O04")).await;
    assert!(replaced.contains("吴永民 陆云英"), "{replaced}");
    let moved =
        done("operation reschedule JS-2026-000004 --reason weather --not-before 2026-03-20 --as centre.coordinator")
            .await;
    assert!(moved.contains("3月20日"), "{moved}");
    assert!(done("officer reinstate ZF-O02 --as centre.coordinator").await.contains("可以执法"));
    let new =
        "officer record-certificate ZF-O02 --number ZJ9 --from 2026-03-01 --to 2026-03-02 --as centre.coordinator";
    assert!(done(new).await.contains("ZJ9"));
}

/// The new case stands among the open tasks under its number, as something that is to be done; in a moment, where one service
/// must first hear of another's.
async fn tasks_are_listed(house: &House, how: &str, what: &str) -> Said {
    let began = Instant::now();
    loop {
        let said = said(house, &format!("task list {how}")).await;
        assert_eq!(said.code, Some(0), "{how}: {said:?}");
        if said.stdout.lines().any(|line| line.contains("JS-2026-000004") && line.contains(what)) {
            return said;
        }
        assert!(began.elapsed() < Duration::from_secs(20), "{how}: {said:?}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// Nobody is there to answer a question, so it must have been answered beforehand.
async fn what_cannot_be_undone_is_asked_for(house: &House, case: &str) {
    for line in [format!("case forget {case}"), "account disable GA.handler2".to_owned()] {
        let line = format!("{line} --as centre.administrator");
        let asked = said(house, &line).await;
        assert!(asked.code == Some(2) && asked.stderr.contains("--yes"), "{asked:?}");
        until_done(house, &format!("{line} --yes")).await;
    }
    let again = said(house, &format!("case forget {case} --as centre.administrator --yes")).await;
    assert!(again.code == Some(1) && again.stderr.contains("intake.already_forgotten"), "{again:?}");
}

async fn said(house: &House, line: &str) -> Said {
    house.run(&line.split_whitespace().collect::<Vec<_>>()).await.unwrap()
}

async fn done_with(house: &House, verb: &str, what: &str, how: &str) -> String {
    until_done(house, &format!("{verb} {what} {how}")).await
}

/// What another service hears takes a moment: a refusal counts only after a while.
async fn until_done(house: &House, line: &str) -> String {
    let began = Instant::now();
    loop {
        let said = said(house, line).await;
        if said.code == Some(0) {
            return said.stdout;
        }
        assert!(began.elapsed() < Duration::from_secs(20), "{line}: {said:?}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// What is read less often: the audit, the calendar, the reply, the rounds behind the rates, precedents.
async fn lists_say_what_is_behind_a_case(house: &House, case: &str) {
    let settle = format!("work-order settle-follow-up {case}/ZF --reason not-needed --as centre.coordinator");
    let nothing = said(house, &settle).await;
    assert!(nothing.code == Some(1) && nothing.stderr.contains(&format!("没有找到 {case}/ZF")), "{nothing:?}");
    for (line, expected) in [
        (format!("case reveals --case {case} --as centre.administrator"), format!("{case}  回访")),
        // The case is closed, and what its reply came to is still known.
        (format!("case reply {case} --as centre.coordinator"), "支持    第 1 轮\n\n经夜间联合检查".to_owned()),
        (
            "operation bookings --unit ZF --from 2026-03-01 --released --as centre.coordinator".to_owned(),
            "张国芬".to_owned(),
        ),
        ("rates cases --unit ZF --as centre.evaluator".to_owned(), "已响应 · 已解决 · 满意".to_owned()),
        ("precedent list --as centre.coordinator".to_owned(), "没有".to_owned()),
        (
            "determination try --matter fume.barbecue.open_air --region 330421103 --object stall --as centre.coordinator"
                .to_owned(),
            "依据指纹".to_owned(),
        ),
    ] {
        let said = said(house, &line).await;
        assert!(said.code == Some(0) && said.stdout.contains(&expected), "{line}: {said:?}");
    }
    let callbacks = said(house, "callback list --state recorded --as centre.evaluator --output json").await;
    let callbacks: serde_json::Value = serde_json::from_str(&callbacks.stdout).unwrap();
    let callback = callbacks["callbacks"][0]["callback_id"].as_str().unwrap();
    let shown = said(house, &format!("callback show {callback} --as centre.evaluator")).await;
    assert!(shown.stdout.contains("满意"), "{shown:?}");
    // Two of three: the third is said to be there, in both forms.
    let two = said(house, "case list --limit 2").await;
    assert!(two.stdout.ends_with("还有更多, 请加 --limit 或者筛选条件\n"), "{two:?}");
    for line in [
        "callback list --state recorded --limit 2 --as centre.evaluator",
        "work-order list --limit 2 --as centre.coordinator",
    ] {
        let two = said(house, line).await;
        assert!(two.code == Some(0) && two.stdout.contains("还有更多"), "{line}: {two:?}");
    }
    let refused = said(house, "work-order watch --unit ZF --as T103.handler --output json").await;
    assert_eq!((refused.code, refused.stdout.lines().count()), (Some(1), 1), "{refused:?}");
    let no: serde_json::Value = serde_json::from_str(&refused.stdout).unwrap();
    assert!(no["error"].is_object(), "{no}");
}

/// A department makes its key, an administrator enrols the public half, and the department calls with its own.
async fn an_account_gets_a_key_of_its_own(house: &House) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ga.pem").display().to_string();
    let made = house.run(&["account", "new-key", "--out", &file]).await.unwrap().done().unwrap();
    let enrol = ["account", "register-key", "GA.handler", "--public-key", made.trim(), "--as", "centre.administrator"];
    // The key that the account may have calls no more after that.
    let asked = house.run(&enrol).await.unwrap();
    assert!(asked.code == Some(2) && asked.stderr.contains("--yes"), "{asked:?}");
    house.run(&[&enrol[..], &["--yes"]].concat()).await.unwrap().done().unwrap();
    let own = ["work-order", "list", "--account", "GA.handler", "--key", &file];
    let orders = house.run(&own).await.unwrap().done().unwrap();
    assert!(orders.contains("JS-2026-000001/GA"), "{orders}");
    let short = ["account", "register-key", "GA.handler", "--public-key", "0a0b", "--as", "centre.administrator"];
    let refused = house.run(&short).await.unwrap();
    assert!(refused.code == Some(2) && refused.stderr.contains("64"), "{refused:?}");
}

async fn machines_get_one_document(house: &House, case: &str) {
    let json = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
    let shown = house.run(&["case", "show", case, "--output", "json"]).await.unwrap().done().unwrap();
    assert_eq!(json(&shown)["case"]["case_no"], case);
    let verified = house.run(&["verify", "--output", "json"]).await.unwrap().done().unwrap();
    assert_eq!(json(&verified)["checks"].as_array().map(Vec::len), Some(8));
    let refused = house.run(&["case", "accept", case, "--as", "centre.window1", "--output", "json"]).await.unwrap();
    assert_eq!(refused.code, Some(1));
    assert_eq!(json(&refused.stdout)["error"]["reason"], "intake.out_of_turn");
    let usage = house.run(&["case", "shwo"]).await.unwrap();
    assert_eq!((usage.code, usage.stdout.as_str()), (Some(2), ""));
}

/// Compares a text with the expected one, line by line and in any order: what two services do at the same moment has none.
fn is_golden(name: &str, said: &str) -> bool {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(format!("{name}.txt"));
    let said = settled(said);
    if std::env::var_os("XIEZHI_WRITE_GOLDEN").is_some() {
        std::fs::write(&path, &said).unwrap();
        return true;
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    let sorted = |text: &str| {
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    let same = sorted(&said) == sorted(&expected);
    if !same {
        eprintln!("--- {name} should be\n{expected}--- is\n{said}");
    }
    same
}

/// Takes out what is different in every run: UUIDs, tracking codes and fingerprints.
fn settled(text: &str) -> String {
    let mut settled = String::new();
    for line in text.lines() {
        let words: Vec<String> =
            line.split(' ').map(|word| if is_random(word) { mask(word) } else { word.to_owned() }).collect();
        settled.push_str(&words.join(" "));
        settled.push('\n');
    }
    settled
}

fn is_random(word: &str) -> bool {
    let word = word.trim_end_matches(['。', ',', '.', ';']);
    let is_fingerprint = word.len() == 64 && word.chars().all(|letter| letter.is_ascii_hexdigit());
    is_fingerprint || uuid::Uuid::parse_str(word).is_ok() || is_tracking_code(word)
}

/// Fourteen letters and digits in three groups, as `DAX3-2V3G-11FZ`.
fn is_tracking_code(word: &str) -> bool {
    let groups: Vec<&str> = word.split('-').collect();
    groups.len() == 3
        && groups.iter().all(|group| group.len() == 4 && group.chars().all(|letter| letter.is_ascii_alphanumeric()))
}

/// As wide as before, so that columns stay where they were.
fn mask(word: &str) -> String {
    word.chars().map(|letter| if letter.is_ascii_alphanumeric() { '*' } else { letter }).collect()
}
