//! `verify`: the invariants, from outside.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;
use std::time::Duration;

use client::verify::{Options, Report, verify};
use uuid::Uuid;

use crate::args::VerifyArgs;
use crate::failure::Failure;
use crate::files;
use crate::say::{Lang, Say, Word, label};
use crate::screen::{Answer, Table};
use crate::session::Session;

/// How many violations of one check are shown.
const SHOWN: usize = 10;

/// Checks the centre; the answer is no where anything does not hold.
pub async fn run(session: &Session, args: VerifyArgs) -> Result<Answer, Failure> {
    let answered = match &args.history {
        Some(path) => history(path)?,
        None => BTreeMap::new(),
    };
    let options = Options { rest_within: Duration::from_secs(args.rest_within), answered, ..Options::default() };
    let report = verify(&session.centre, &options).await?;
    answer(&report, session.lang)
}

/// The report as an answer.
pub fn answer(report: &Report, lang: Lang) -> Result<Answer, Failure> {
    let json =
        serde_json::to_value(report).map_err(|error| Failure::Says(Say::AnswerBroken { why: error.to_string() }))?;
    Ok(Answer { holds: report.holds(), ..Answer::new(json, render(report, lang)) })
}

/// One line a check, what does not hold under it, and what waits at the end.
#[must_use]
pub fn render(report: &Report, lang: Lang) -> String {
    let mut table = Table::new().right(3);
    for check in &report.checks {
        table.row([
            if check.holds() { "✓" } else { "✗" }.to_owned(),
            check.code.to_owned(),
            label(check.code, lang).to_owned(),
            check.counted.to_string(),
        ]);
    }
    let mut text = table.render();
    for check in report.checks.iter().filter(|check| !check.holds()) {
        for violation in check.violations.iter().take(SHOWN) {
            text.push_str(&format!("  {}  {}\n", check.code, Say::Violation(Box::new(violation.clone())).text(lang)));
        }
        let more = check.failed.saturating_sub(SHOWN.min(check.violations.len()) as u64);
        if more > 0 {
            text.push_str(&format!("  {}  {}\n", check.code, Say::VerifyMore { count: more }.text(lang)));
        }
    }
    if !report.parked.is_empty() {
        text.push_str(&format!("{}\n", Say::VerifyParked { count: report.parked.len() }.text(lang)));
    }
    if !report.affected.is_empty() {
        text.push_str(&format!("{}\n", Say::Affected { count: report.affected.len() as u64 }.text(lang)));
    }
    if report.late_timers > 0 {
        text.push_str(&format!("{}\n", Say::VerifyLate { count: report.late_timers }.text(lang)));
    }
    let verdict = if report.holds() {
        Say::VerifyHolds { checks: report.checks.len() }
    } else {
        Say::VerifyFails { violations: report.checks.iter().map(|check| check.failed).sum() }
    };
    text.push_str(&format!("{}\n", verdict.text(lang)));
    text
}

/// A client's own history: one `service command_id` a line; empty lines and lines with `#` are left out.
fn history(path: &Path) -> Result<BTreeMap<String, HashSet<Uuid>>, Failure> {
    let shown = path.display().to_string();
    let text = files::read_text(path, files::HISTORY_BYTES)?;
    let mut found: BTreeMap<String, HashSet<Uuid>> = BTreeMap::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let command = line.split_once(' ').and_then(|(service, id)| {
            let known = client::SERVICES.contains(&service);
            Uuid::parse_str(id.trim()).ok().filter(|_| known).map(|id| (service, id))
        });
        let Some((service, id)) = command else {
            return Err(Failure::Says(Say::FileUnreadable {
                path: shown,
                why: Word::Usage.text(Lang::En).to_owned() + ": " + line,
            }));
        };
        found.entry(service.to_owned()).or_default().insert(id);
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failed test should panic

    use client::verify::{Check, Violation};

    use super::*;

    fn report(violations: Vec<Violation>) -> Report {
        let check = |code, counted, violations: Vec<Violation>| Check {
            code,
            counted,
            failed: violations.len() as u64,
            violations,
        };
        Report {
            at: None,
            checks: vec![check("N1", 12, vec![]), check("N2", 1234, violations)],
            parked: vec![],
            affected: vec![],
            late_timers: 0,
        }
    }

    #[test]
    fn a_centre_in_order_is_told_in_a_line_a_check() {
        let text = render(&report(vec![]), Lang::Zh);
        assert_eq!(text, "✓  N1  命令恰好生效一次        12\n✓  N2  日志稠密, 哈希链完整  1234\n2 项全部成立\n");
        assert!(answer(&report(vec![]), Lang::Zh).unwrap().holds);
    }

    #[test]
    fn what_does_not_hold_is_told_and_the_rest_counted() {
        let found = (1..=12).map(|pos| Violation::HashDiffers { service: "intake".to_owned(), pos }).collect();
        let text = render(&report(found), Lang::En);
        assert!(text.contains("✗  N2"), "{text}");
        assert!(text.contains("  N2  intake 10 was changed: the chain breaks there\n  N2  and 2 more\n"), "{text}");
        assert!(text.ends_with("12 do not hold\n"), "{text}");
    }

    #[test]
    fn a_history_is_read_or_refused_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("history");
        let id = Uuid::from_u128(7);
        std::fs::write(&path, format!("# mine\n\nintake {id}\n")).unwrap();
        assert_eq!(history(&path).unwrap(), BTreeMap::from([("intake".to_owned(), HashSet::from([id]))]));
        std::fs::write(&path, "intake not-an-id\n").unwrap();
        assert!(history(&path).is_err());
    }
}
