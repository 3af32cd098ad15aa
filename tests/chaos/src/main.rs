//! `scripts/chaos`: the harness on the command line.

use std::process::ExitCode;
use std::time::Duration;

use chaos::faults::{Choice, FAULTS, Fault};
use chaos::run::{Options, Report};
use clap::Parser;

/// 混沌试验 / chaos: a whole centre under faults whose schedule follows from a seed
#[derive(Debug, Parser)]
#[command(name = "chaos")]
struct Arguments {
    /// 种子: 相同种子得到相同日程 / the same seed gives the same schedule
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// 负载持续的分钟数 / how long the load lasts
    #[arg(long, default_value_t = 3.0, value_parser = minutes)]
    minutes: f64,
    /// 只用这一种故障, 可以重复 / this fault alone; may be given again
    #[arg(long, value_parser = fault)]
    fault: Vec<Fault>,
    /// 所选的每种故障各一次, 尽量短 / each fault that was named once, as short as it may be
    #[arg(long, requires = "fault")]
    once: bool,
    /// 三个节点的 NATS / NATS as a cluster of three
    #[arg(long)]
    cluster: bool,
    /// 同时工作的客户端 / how many clients there are
    #[arg(long, default_value_t = 8)]
    clients: u64,
    /// 逐个检验蓄意的缺陷 / deliberate defects one by one, and what catches each
    #[arg(long)]
    mutants: bool,
    /// 只检验这一个缺陷 / this defect alone
    #[arg(long, requires = "mutants")]
    mutant: Option<String>,
    /// 成功时也保留文件夹 / keep the folder also where everything holds
    #[arg(long)]
    keep: bool,
}

fn minutes(text: &str) -> Result<f64, String> {
    let minutes: f64 = text.parse().map_err(|_| format!("{text} 不是数 / is no number"))?;
    if (0.1..=1440.0).contains(&minutes) { Ok(minutes) } else { Err("0.1 – 1440".to_owned()) }
}

fn fault(name: &str) -> Result<Fault, String> {
    let names: Vec<&str> = FAULTS.iter().map(|fault| fault.name).collect();
    Fault::named(name).ok_or_else(|| format!("没有这种故障 / no such fault; {}", names.join(", ")))
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return ended(&Err(error.into())),
    };
    if arguments.mutants {
        return all_mutants(&runtime, &arguments);
    }
    let options = Options {
        only: arguments.fault.clone(),
        cluster: arguments.cluster,
        clients: arguments.clients,
        keep: arguments.keep,
        choice: if arguments.once { Choice::EachOnce } else { Choice::Drawn },
        ..Options::new(arguments.seed, Duration::from_secs_f64(arguments.minutes * 60.0))
    };
    let played = runtime.block_on(async {
        tokio::select! {
            played = chaos::run::run(&options) => played,
            () = interrupted() => Err(anyhow::anyhow!("中断 / interrupted")),
        }
    });
    // Whatever still runs ends with the undertaker's pipe.
    runtime.shutdown_timeout(Duration::from_secs(5));
    ended(&played)
}

fn all_mutants(runtime: &tokio::runtime::Runtime, arguments: &Arguments) -> ExitCode {
    let chosen = |mutant: &&chaos::mutants::Mutant| arguments.mutant.as_deref().is_none_or(|name| name == mutant.name);
    let (mut right, mut all) = (0, 0);
    for mutant in chaos::mutants::MUTANTS.iter().filter(chosen) {
        let proven = runtime.block_on(async {
            tokio::select! {
                proven = chaos::mutants::prove(*mutant, arguments.seed) => proven,
                () = interrupted() => Err(anyhow::anyhow!("中断 / interrupted")),
            }
        });
        all += 1;
        match proven {
            Ok(verdict) => {
                right += usize::from(verdict.is_right());
                let mark = if verdict.is_right() { "✓" } else { "✗" };
                println!("{mark} {:<24} {:<12} {}", mutant.name, verdict.caught_by.join(" "), verdict.first);
                println!("  {}", mutant.what);
            }
            Err(error) => println!("✗ {:<24} {error:#}", mutant.name),
        }
    }
    let verdict = if right == all && all > 0 { "PASS" } else { "FAIL" };
    println!("chaos: {verdict} {right} of {all} mutants as they should be");
    if right == all && all > 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

async fn interrupted() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else { return std::future::pending().await };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}

fn ended(played: &anyhow::Result<Report>) -> ExitCode {
    match played {
        Ok(report) => {
            print(report);
            if report.holds() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            eprintln!("错误 / error: {error:#}");
            println!("chaos: FAIL {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn print(report: &Report) {
    println!("已答复的命令 / acknowledged commands: {}", report.commands());
    for (name, count) in &report.acknowledged {
        println!("  {count:>6}  {name}");
    }
    println!(
        "被拒绝 / refused: {}; 无人答复 / never answered: {}",
        report.refused.values().sum::<u64>(),
        report.unknown
    );
    for (name, count) in &report.refused {
        println!("  {count:>6}  {name}");
    }
    println!("故障 / faults: {}", report.faults.values().sum::<u64>());
    for (name, count) in &report.faults {
        println!("  {count:>6}  {name}");
    }
    for failed in &report.faults_failed {
        println!("  未能按计划进行 / not as planned: {failed}");
    }
    println!("核验 / checked:");
    for (name, count) in &report.findings.counted {
        println!("  {count:>6}  {name}");
    }
    println!(
        "补取 / repairs: {}; 意外退出 / unexpected ends: {}; 静止 / at rest after {} ms",
        report.repairs, report.unexpected_ends, report.findings.rest_ms
    );
    for violation in &report.findings.violations {
        println!("违反 / violation: {violation}");
    }
    let events = report.findings.counted.get("events").copied().unwrap_or_default();
    let sums = format!(
        "seed {} · {} commands · {events} events · {} faults",
        report.seed,
        report.commands(),
        report.faults.values().sum::<u64>()
    );
    if report.holds() {
        println!("chaos: PASS {sums} · 0 violations");
    } else {
        println!("重演 / replay: {}", report.folder.display());
        println!("chaos: FAIL {sums} · {} violations", report.findings.violations.len());
    }
}
