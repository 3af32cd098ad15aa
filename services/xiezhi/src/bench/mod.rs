//! `xiezhi bench`: how fast a centre is, seen from outside, and how that compares with what its store can do at most.

mod arrivals;
mod belongings;
mod callers;
mod copies;
mod document;
mod figures;
mod full_speed;
mod growth;
mod latency;
mod limit;
mod load;
mod machine;
mod memory;
mod pipeline;
mod private;
mod projected;
mod reads;
mod replay;
mod timers;
mod usage;
mod walk;
mod watch;

use std::time::Instant;

use anyhow::bail;
use serde::Serialize;

use crate::arguments::{BenchArguments, BenchCommand};
use crate::serve;

/// Runs a measurement and prints its figures. Whatever it started is gone afterwards, also when it fails or is interrupted.
pub async fn run(arguments: BenchArguments, options: cli::Options) -> anyhow::Result<()> {
    let measured = async {
        match arguments.command {
            BenchCommand::Pipeline(pipeline) => pipeline::run(&pipeline, &options).await,
            BenchCommand::Latency(latency) => latency::run(&latency, &options).await,
            BenchCommand::Memory(memory) => memory::run(&memory, &options).await,
            BenchCommand::Timers(timers) => timers::run(&timers, &options).await,
            BenchCommand::Growth(growth) => growth::run(&growth, &options).await,
            BenchCommand::Replay(replay) => replay::run(&replay, &options).await,
        }
    };
    tokio::select! {
        done = measured => done,
        ended = serve::ended() => {
            ended?;
            bail!("测量被中断, 没有结果 / the measurement was interrupted and has no result")
        }
    }
}

/// Talk about how far a measurement has come, on stderr, so that stdout holds the answer alone.
#[derive(Debug, Clone, Copy)]
struct Progress {
    began: Instant,
}

impl Progress {
    fn new() -> Self {
        Self { began: Instant::now() }
    }

    fn say(&self, zh: &str, en: &str) {
        eprintln!("[{:>6.1}s] {zh} / {en}", self.began.elapsed().as_secs_f64());
    }
}

/// Says how much of something is done, at every twentieth of it. `done` grows by a thousand at a time.
fn tell_share(progress: Progress, zh: &str, en: &str, done: i64, all: i64) {
    let twentieth = |done: i64| done.max(0) * 20 / all.max(1);
    if twentieth(done) != twentieth(done - 1000) || done >= all {
        let percent = done * 100 / all.max(1);
        progress.say(&format!("{zh} {percent}%"), &format!("{en}, {percent} %"));
    }
}

/// Prints an answer: one document for machines, or a table for people.
fn print(output: cli::Output, document: &impl Serialize, table: &str) -> anyhow::Result<()> {
    match output {
        cli::Output::Json => println!("{}", serde_json::to_string_pretty(document)?),
        cli::Output::Text => print!("{table}"),
    }
    Ok(())
}
