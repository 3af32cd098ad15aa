//! The suite is proven by mutants: deliberate defects, one at a time, under the faults and stories that can reveal it.

use std::time::Duration;

use crate::faults::{Choice, Fault};
use crate::load::Story;
use crate::run::{Options, run};

/// A deliberate defect and where it shows.
#[derive(Debug, Clone, Copy)]
pub struct Mutant {
    /// What `XIEZHI_MUTANT` calls it.
    pub name: &'static str,
    /// What is wrong with it.
    pub what: &'static str,
    faults: &'static [&'static str],
    stories: &'static [Story],
    tampering: Option<(&'static str, &'static str)>,
}

/// All of them, and first the program as it is, which must pass under the same conditions.
pub const MUTANTS: &[Mutant] = &[
    Mutant {
        name: "none",
        what: "没有缺陷 / no defect",
        faults: &["broken-network", "slow-network", "nats-lose", "nats-wipe", "kill", "postgres-kill", "contention"],
        stories: &[],
        tampering: None,
    },
    Mutant {
        name: "cursor-without-compare",
        what: "游标不比较就移动 / the cursor moves without compare-and-set",
        faults: &["slow-network", "nats-lose", "nats-wipe", "replay"],
        stories: &[],
        tampering: None,
    },
    Mutant {
        name: "ack-before-commit",
        what: "提交之前确认 / acknowledged before the commit",
        faults: &["slow-network", "postgres-kill"],
        stories: &[],
        tampering: None,
    },
    Mutant {
        name: "relay-by-id",
        what: "按 id 大小转发 / a relay that reads id > last",
        faults: &["slow-network", "contention", "overload"],
        stories: &[],
        tampering: None,
    },
    Mutant {
        name: "process-clock",
        what: "期限看进程的时钟 / a deadline by the process's clock",
        faults: &["kill"],
        stories: &[],
        tampering: None,
    },
    Mutant {
        name: "repair-skipped",
        what: "缺口不补 / gaps are not repaired",
        faults: &["nats-lose", "nats-lose"],
        stories: &[],
        tampering: None,
    },
    Mutant {
        name: "effects-outside",
        what: "效果在事务之外提交 / effects committed outside the batch's transaction",
        faults: &["broken-network", "broken-network", "kill"],
        stories: &[],
        tampering: None,
    },
    Mutant {
        name: "second-return",
        what: "裁定之后接受退回 / a return is taken after a ruling",
        faults: &["kill"],
        stories: &[Story::Quarrel, Story::Objection],
        tampering: None,
    },
    Mutant {
        name: "officer-twice",
        what: "一人同时排进两次行动 / an officer booked twice",
        faults: &["kill"],
        stories: &[Story::Operation],
        // The planner is blind in this mutant; the table's own walls must be down as well, or it refuses: also the one that
        // keeps vehicles apart.
        tampering: Some((
            "scheduling",
            "ALTER TABLE booking DROP CONSTRAINT booking_officer_twice, DROP CONSTRAINT booking_resource_twice",
        )),
    },
    Mutant {
        name: "rls-off",
        what: "行级安全关闭 / row-level security off",
        faults: &["kill"],
        stories: &[Story::Street, Story::Curious],
        tampering: None,
    },
    Mutant {
        name: "phone-in-log",
        what: "日志里有电话号码 / a phone number in a log line",
        faults: &["kill"],
        stories: &[Story::Street],
        tampering: None,
    },
];

/// What became of a mutant.
#[derive(Debug)]
pub struct Verdict {
    /// Which.
    pub mutant: Mutant,
    /// The invariants that did not hold.
    pub caught_by: Vec<String>,
    /// The first thing that was found.
    pub first: String,
}

impl Verdict {
    /// True where the mutant was found out, or the program as it is was found well.
    #[must_use]
    pub fn is_right(&self) -> bool {
        (self.mutant.name == "none") == self.caught_by.is_empty()
    }
}

/// Runs one mutant; with luck not on its side it gets a second seed.
pub async fn prove(mutant: Mutant, seed: u64) -> anyhow::Result<Verdict> {
    let mut verdict = once(mutant, seed).await?;
    for more in 1..=2 {
        if verdict.is_right() {
            break;
        }
        if mutant.name == "none" {
            return Ok(verdict);
        }
        verdict = once(mutant, seed + more).await?;
    }
    Ok(verdict)
}

async fn once(mutant: Mutant, seed: u64) -> anyhow::Result<Verdict> {
    let only: Vec<Fault> = mutant.faults.iter().filter_map(|name| Fault::named(name)).collect();
    let options = Options {
        only: only.repeat(2),
        stories: mutant.stories.to_vec(),
        choice: Choice::EachOnce,
        variables: vec![("XIEZHI_MUTANT".to_owned(), mutant.name.to_owned())],
        quiet: true,
        until_broken: true,
        tampering: mutant.tampering,
        ..Options::new(seed, Duration::from_secs(35))
    };
    let report = run(&options).await?;
    let violations = report.findings.violations;
    let mut caught_by: Vec<String> =
        violations.iter().map(|found| found.split(':').next().unwrap_or_default().to_owned()).collect();
    caught_by.sort();
    caught_by.dedup();
    if !violations.is_empty() {
        // A mutant's folder tells nothing that the mutant does not.
        let _ = std::fs::remove_dir_all(&report.folder);
    }
    Ok(Verdict { mutant, caught_by, first: violations.into_iter().next().unwrap_or_default() })
}
