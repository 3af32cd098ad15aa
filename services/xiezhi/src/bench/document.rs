//! What a measurement of the whole path says: one document for machines, one table for people.

use cli::screen::Table;
use client::verify::Report;
use serde::Serialize;

use super::figures::{Spread, median};
use super::limit::Reached;
use super::machine::{Machine, Note};
use super::usage::Spent;

/// The store's limit in one round.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Limits {
    /// The receipt alone, at 32 connections.
    pub register: Reached,
    /// The whole work, one commit a step, at 8 connections.
    pub pipeline: Reached,
    /// The same with fifty cases in every commit.
    pub grouped: Reached,
}

/// Our own path in one round.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Ours {
    /// How many cases were registered.
    pub cases: u64,
    /// Receipts a second, from the first call to the last receipt.
    pub receipts_per_s: f64,
    /// From a call to its receipt.
    pub receipt: Spread,
    /// Cases a second, from the first call until every service has absorbed the last case.
    pub cases_per_s: f64,
    /// From a call until supervision and evaluation have projected the case.
    #[serde(flatten)]
    pub projected: Spread,
    /// Processor time of all our processes, PostgreSQL, NATS and the load generator.
    pub cpu_ms_per_case: f64,
    /// The same by who spent it.
    pub cpu: Spent,
}

/// One round: the limit, then our path, and what the one is of the other.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Round {
    /// Our path.
    #[serde(flatten)]
    pub ours: Ours,
    /// The store's limit.
    pub limit: Limits,
    /// `receipts_per_s` to the limit's receipts.
    pub ratio_receipts: f64,
    /// `cases_per_s` to the limit's whole work.
    pub ratio_pipeline: f64,
    /// `cpu_ms_per_case` to that of the limit's whole work.
    pub ratio_cpu: f64,
}

impl Round {
    /// A round with its ratios.
    #[must_use]
    pub fn new(ours: Ours, limit: Limits) -> Self {
        Self {
            ours,
            limit,
            ratio_receipts: ours.receipts_per_s / limit.register.cases_per_s,
            ratio_pipeline: ours.cases_per_s / limit.pipeline.cases_per_s,
            ratio_cpu: ours.cpu_ms_per_case / limit.pipeline.cpu_ms_per_case,
        }
    }
}

/// The whole measurement. Every figure outside `rounds` is the median over the rounds.
#[derive(Debug, Clone, Serialize)]
pub struct Document {
    /// How many cases were registered in all rounds together.
    pub cases: u64,
    /// How many callers registered at once.
    pub clients: u32,
    /// How many connections they shared.
    pub connections: u32,
    /// Receipts a second.
    pub receipts_per_s: f64,
    /// Cases a second until every service has absorbed them.
    pub cases_per_s: f64,
    /// From a call until supervision and evaluation have projected the case.
    #[serde(flatten)]
    pub projected: Spread,
    /// Processor time of everybody who takes part.
    pub cpu_ms_per_case: f64,
    /// Our receipts to the limit's.
    pub ratio_receipts: f64,
    /// Our whole path to the limit's.
    pub ratio_pipeline: f64,
    /// Our processor time to the limit's.
    pub ratio_cpu: f64,
    /// Every round with every figure.
    pub rounds: Vec<Round>,
    /// On what it was measured.
    pub machine: Machine,
    /// What has to be known before the figures are believed.
    pub notes: Vec<Note>,
    /// True where every invariant holds after the last round.
    pub holds: bool,
    /// What the verification found.
    pub verification: Report,
}

impl Document {
    /// Puts rounds together.
    #[must_use]
    pub fn new(clients: u32, connections: u32, rounds: Vec<Round>, machine: Machine, verification: Report) -> Self {
        let middle = |figure: fn(&Round) -> f64| median(rounds.iter().map(figure));
        Self {
            cases: rounds.iter().map(|round| round.ours.cases).sum(),
            clients,
            connections,
            receipts_per_s: middle(|round| round.ours.receipts_per_s),
            cases_per_s: middle(|round| round.ours.cases_per_s),
            projected: Spread {
                p50_ms: middle(|round| round.ours.projected.p50_ms),
                p99_ms: middle(|round| round.ours.projected.p99_ms),
            },
            cpu_ms_per_case: middle(|round| round.ours.cpu_ms_per_case),
            ratio_receipts: middle(|round| round.ratio_receipts),
            ratio_pipeline: middle(|round| round.ratio_pipeline),
            ratio_cpu: middle(|round| round.ratio_cpu),
            notes: machine.notes(),
            holds: verification.holds(),
            rounds,
            machine,
            verification,
        }
    }

    /// The medians in columns that line up.
    #[must_use]
    pub fn table(&self) -> String {
        let limit = |figure: fn(&Limits) -> f64| median(self.rounds.iter().map(|round| figure(&round.limit)));
        let each = |figure: fn(&Round) -> f64| median(self.rounds.iter().map(figure));
        let mut table = Table::with_heading(["中位数 / medians", "本中心 / ours", "数据库极限 / limit", "比 / ratio"]);
        for column in 1..=3 {
            table = table.right(column);
        }
        let none = String::new;
        let rows = [
            (
                "回执 / receipts a second",
                number(self.receipts_per_s),
                number(limit(|limit| limit.register.cases_per_s)),
                ratio(self.ratio_receipts),
            ),
            (
                "全程 / whole path, cases a second",
                number(self.cases_per_s),
                number(limit(|limit| limit.pipeline.cases_per_s)),
                ratio(self.ratio_pipeline),
            ),
            (
                "每件 CPU / CPU for a case, ms",
                number(self.cpu_ms_per_case),
                number(limit(|limit| limit.pipeline.cpu_ms_per_case)),
                ratio(self.ratio_cpu),
            ),
            ("  中心 / centre", number(each(|round| round.ours.cpu.centre_ms)), none(), none()),
            ("  PostgreSQL", number(each(|round| round.ours.cpu.postgresql_ms)), none(), none()),
            ("  NATS", number(each(|round| round.ours.cpu.nats_ms)), none(), none()),
            ("  调用方 / callers", number(each(|round| round.ours.cpu.load_ms)), none(), none()),
            ("回执 p50 / receipt, ms", number(each(|round| round.ours.receipt.p50_ms)), none(), none()),
            ("回执 p99 / receipt, ms", number(each(|round| round.ours.receipt.p99_ms)), none(), none()),
            ("登记至投影 p50 / to the projections, ms", number(self.projected.p50_ms), none(), none()),
            ("登记至投影 p99 / to the projections, ms", number(self.projected.p99_ms), none(), none()),
            (
                "成组全程 / in groups of fifty, cases a second",
                none(),
                number(limit(|limit| limit.grouped.cases_per_s)),
                none(),
            ),
        ];
        for (name, ours, limit, ratio) in rows {
            table.row([name.to_owned(), ours, limit, ratio]);
        }
        let machine = &self.machine;
        let mut text = format!(
            "{} 件, {} 轮, {} 个调用方 / cases, rounds, callers\n{} 核 / cores, {} MiB, {}, PostgreSQL {}, {}, fsync\n\n{}",
            self.cases,
            self.rounds.len(),
            self.clients,
            machine.cores,
            machine.memory_mib,
            machine.profile,
            machine.postgresql,
            machine.file_system,
            table.render()
        );
        for note in &self.notes {
            text.push_str(&format!("\n{note}\n"));
        }
        text
    }
}

/// Four digits that matter: figures are no more certain.
fn number(value: f64) -> String {
    match value.abs() {
        large if large >= 1000.0 => format!("{value:.0}"),
        large if large >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.3}"),
    }
}

fn ratio(value: f64) -> String {
    format!("{value:.3}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round(receipts: f64, cases: f64, cpu: f64) -> Round {
        let reached = |cases_per_s, cpu_ms_per_case| Reached { cases: 100, cases_per_s, cpu_ms_per_case };
        let ours = Ours {
            cases: 10,
            receipts_per_s: receipts,
            receipt: Spread { p50_ms: 1.0, p99_ms: 2.0 },
            cases_per_s: cases,
            projected: Spread { p50_ms: 3.0, p99_ms: 4.0 },
            cpu_ms_per_case: cpu,
            cpu: Spent { centre_ms: cpu, ..Spent::default() },
        };
        let limit =
            Limits { register: reached(1000.0, 0.1), pipeline: reached(200.0, 0.5), grouped: reached(5000.0, 0.05) };
        Round::new(ours, limit)
    }

    fn document(rounds: Vec<Round>) -> Document {
        let machine = Machine {
            cores: 2,
            memory_mib: 4096,
            profile: "debug",
            fsync: true,
            postgresql: "18.0".to_owned(),
            file_system: "ext4".to_owned(),
        };
        let verification =
            Report { at: None, checks: Vec::new(), parked: Vec::new(), affected: Vec::new(), late_timers: 0 };
        Document::new(32, 32, rounds, machine, verification)
    }

    #[test]
    fn every_figure_is_the_median_of_its_own_rounds() {
        let document = document(vec![round(100.0, 90.0, 2.0), round(300.0, 10.0, 1.0), round(200.0, 50.0, 4.0)]);
        assert_eq!((document.cases, document.receipts_per_s, document.cases_per_s), (30, 200.0, 50.0));
        assert_eq!((document.ratio_receipts, document.ratio_pipeline, document.ratio_cpu), (0.2, 0.25, 4.0));
        assert_eq!(document.cpu_ms_per_case, 2.0);
    }

    #[test]
    fn the_document_has_the_names_that_others_rely_on() {
        let json = serde_json::to_value(document(vec![round(100.0, 90.0, 2.0)])).unwrap_or_default();
        for name in
            ["cases_per_s", "p50_ms", "p99_ms", "cpu_ms_per_case", "ratio_receipts", "ratio_pipeline", "ratio_cpu"]
        {
            assert!(json[name].is_f64() && json["rounds"][0][name].is_f64(), "{name} is missing: {json}");
        }
        assert_eq!(json["rounds"][0]["limit"]["grouped"]["cases_per_s"], 5000.0);
    }

    #[test]
    fn the_table_says_what_is_compared_and_warns_of_a_build_that_is_slow() {
        let table = document(vec![round(100.0, 90.0, 2.0)]).table();
        assert!(table.contains("0.450") && table.contains("5000"), "{table}");
        assert!(table.contains("--release"), "{table}");
    }
}
