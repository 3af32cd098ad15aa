//! The operator's verbs: what starts, stops and prepares a centre. Everything else is the CLI's.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// 獬豸 · 行政执法指挥协调中心
#[derive(Debug, Clone, Parser)]
#[command(name = "xiezhi", version, about = "獬豸 · 行政执法指挥协调中心 / joint-enforcement coordination of a county")]
pub struct Xiezhi {
    /// How to reach a centre and how to print what it says.
    #[command(flatten)]
    pub options: cli::Options,
    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,
}

/// Every verb of the binary.
#[derive(Debug, Clone, Subcommand)]
pub enum Verb {
    /// What starts, stops and prepares a centre.
    #[command(flatten)]
    Operator(OperatorCommand),
    /// What is done through a centre's public door.
    #[command(flatten)]
    Centre(cli::Command),
}

/// The operator's verbs.
#[derive(Debug, Clone, Subcommand)]
pub enum OperatorCommand {
    /// 在本机启动整个中心 / the whole centre on this machine
    Up(UpArguments),
    /// 停止本机的中心 / stop the centre on this machine
    Down,
    /// 单独运行一个或全部服务 / run one service, or all, on existing servers
    Serve(ServeArguments),
    /// 建立五个数据库和角色 / make the five databases and their roles
    Migrate(MigrateArguments),
    /// 签发访问令牌 / issue a token
    Token(TokenArguments),
    /// 备份本机的整个中心, 运行中亦可 / copy the whole centre of this machine, also while it runs
    Backup(BackupArguments),
    /// 把备份恢复到新的数据目录 / put a backup into a new data directory
    Restore(RestoreArguments),
    /// 测量性能 / measure how fast a centre is
    Bench(BenchArguments),
}

/// `xiezhi up`.
#[derive(Debug, Clone, Args)]
pub struct UpArguments {
    /// 模拟中心, 时间可以拨快 / a simulated centre, whose time can be turned
    #[arg(long)]
    pub simulated: bool,
    /// 模拟中心的起始时间 / when a new simulated centre begins (RFC 3339)
    #[arg(long, requires = "simulated")]
    pub start: Option<jiff::Timestamp>,
    /// 监听地址 / the address to listen on
    #[arg(long, env = "XIEZHI_LISTEN")]
    pub listen: Option<SocketAddr>,
    /// 县级规则包 / the county pack to put in force
    #[arg(long)]
    pub pack: Option<PathBuf>,
    /// 启动后演示的流程; 其案件如同真的登记, 所以只用于模拟中心 / a journey of the pack to play once; it registers cases as if
    /// they were real, so it is for simulated centres alone
    #[arg(long, requires_all = ["pack", "simulated"])]
    pub journey: Option<String>,
    /// 后台运行 / go on in the background
    #[arg(long)]
    pub detach: bool,
    /// 不等待写盘, 仅供一次性测试 / do not wait for the disk; for throw-away centres only
    #[arg(long, hide = true)]
    pub no_fsync: bool,
}

/// `xiezhi serve`.
#[derive(Debug, Clone, Args)]
pub struct ServeArguments {
    /// intake, assignment, scheduling, supervision, evaluation 或 all
    pub service: String,
    /// 配置文件 / a YAML file with the same names as the environment
    #[arg(long)]
    pub config: Option<PathBuf>,
    /// 监听地址 / the address to listen on
    #[arg(long)]
    pub listen: Option<SocketAddr>,
}

/// `xiezhi migrate`.
#[derive(Debug, Clone, Args)]
pub struct MigrateArguments {
    /// 配置文件 / a YAML file with the same names as the environment
    #[arg(long)]
    pub config: Option<PathBuf>,
    /// 模拟中心 / make it a simulated centre
    #[arg(long)]
    pub simulated: bool,
    /// 模拟中心的起始时间 / when a simulated centre begins (RFC 3339)
    #[arg(long, requires = "simulated")]
    pub start: Option<jiff::Timestamp>,
}

/// `xiezhi token`.
#[derive(Debug, Clone, Args)]
pub struct TokenArguments {
    /// What to do with tokens.
    #[command(subcommand)]
    pub command: TokenCommand,
}

/// `xiezhi token issue`.
#[derive(Debug, Clone, Subcommand)]
pub enum TokenCommand {
    /// 为账号签发 15 分钟的令牌 / a token of 15 minutes for an account
    Issue {
        /// 规则包中的账号, 或 operator / an account of the pack, or "operator"
        account: String,
    },
}

/// `xiezhi backup`.
#[derive(Debug, Clone, Args)]
pub struct BackupArguments {
    /// 新建的备份目录; 其中有密钥 / the new folder of the backup; it holds the centre's keys
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
}

/// `xiezhi restore`.
#[derive(Debug, Clone, Args)]
pub struct RestoreArguments {
    /// 备份目录 / the backup
    #[arg(long, value_name = "DIR")]
    pub from: PathBuf,
    /// 原中心的数据目录, 若其消息流尚在: 备份之后的事件由此找回 / the data directory of the old centre where its streams survived:
    /// what was said after the backup comes back from them
    #[arg(long, value_name = "DIR")]
    pub streams: Option<PathBuf>,
}

/// `xiezhi bench`.
#[derive(Debug, Clone, Args)]
pub struct BenchArguments {
    /// What to measure.
    #[command(subcommand)]
    pub command: BenchCommand,
}

/// `xiezhi bench …`.
#[derive(Debug, Clone, Subcommand)]
pub enum BenchCommand {
    /// 全速登记, 与数据库极限轮流测量 / at full speed, in turns with the store's limit, in a centre of its own
    Pipeline(PipelineArguments),
    /// 一件一件登记, 到督查与评价为止 / one case at a time, from the counter to supervision and evaluation
    Latency(LatencyArguments),
    /// 静止与全速时占用多少内存 / how much memory a centre holds, at rest and at full speed
    Memory(MemoryArguments),
    /// 百万期限待发, 千个同时到期, 迟到多少 / how late deadlines fire: a million armed, a thousand due at one moment
    Timers(TimersArguments),
    /// 存量增加五十倍, 成本增加多少 / what a case, a look at the clocks and a page cost with fifty times the stored cases
    Growth(GrowthArguments),
    /// 清空考核评价, 由日志重建 / how fast evaluation's memory is made again from the journals
    Replay(ReplayArguments),
}

/// `xiezhi bench pipeline`.
#[derive(Debug, Clone, Args)]
pub struct PipelineArguments {
    /// 各轮总件数 / how many cases in all rounds together
    #[arg(long, default_value_t = 20_000, value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    pub cases: u32,
    /// 同时登记的调用方 / how many callers register at once
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..=512))]
    pub clients: u32,
    /// 轮数, 结果取中位数 / how many rounds; the medians count
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub rounds: u32,
    /// 县级规则包 / the county pack to put in force
    #[arg(long, value_name = "DIR")]
    pub pack: Option<PathBuf>,
    /// 每次测数据库极限的秒数 / how long each run of the store's limit lasts, in seconds
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=600))]
    pub seconds: u32,
    /// 调用方共用的连接数, 默认各用一条 / how many connections the callers share; one each if left out
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=512))]
    pub connections: Option<u32>,
}

/// `xiezhi bench latency`.
#[derive(Debug, Clone, Args)]
pub struct LatencyArguments {
    /// 件数 / how many cases are counted
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub cases: u32,
    /// 20% 与 50% 负荷各测多少秒, 0 为不测 / how long the loads of 20 % and 50 % last, in seconds each; 0 leaves them out
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(0..=3600))]
    pub seconds: u32,
    /// 每秒多少件为饱和, 不给则先全速测出 / cases a second at saturation; measured at full speed first if left out
    #[arg(long, value_name = "CASES_PER_S", value_parser = rate)]
    pub saturation: Option<f64>,
    /// 测饱和速度用多少件 / how many cases the measurement of saturation takes
    #[arg(long, default_value_t = 5_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub saturating_cases: u32,
    /// 登记用的连接数, 也是全速时的调用方数 / how many connections register; at full speed each is a caller
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..=512))]
    pub clients: u32,
    /// 县级规则包, 未指定 --data 时用 / the county pack of a centre of its own, where no --data is given
    #[arg(long, value_name = "DIR")]
    pub pack: Option<PathBuf>,
}

/// `xiezhi bench memory`.
#[derive(Debug, Clone, Args)]
pub struct MemoryArguments {
    /// 负荷件数 / how many cases the load is
    #[arg(long, default_value_t = 20_000, value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    pub cases: u32,
    /// 同时登记的调用方 / how many callers register at once
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..=512))]
    pub clients: u32,
    /// 静止多少秒后才算空闲 / how many seconds of rest come before it counts as idle
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(0..=3600))]
    pub settle: u32,
    /// 县级规则包 / the county pack to put in force
    #[arg(long, value_name = "DIR")]
    pub pack: Option<PathBuf>,
}

/// `xiezhi bench timers`.
#[derive(Debug, Clone, Args)]
pub struct TimersArguments {
    /// 待发的期限数 / how many timers are armed, those that come due included
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u32).range(3..=5_000_000))]
    pub armed: u32,
    /// 同时到期的个数 / how many of them come due at one moment
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub due: u32,
    /// 县级规则包 / the county pack to put in force
    #[arg(long, value_name = "DIR")]
    pub pack: Option<PathBuf>,
}

/// `xiezhi bench growth`.
#[derive(Debug, Clone, Args)]
pub struct GrowthArguments {
    /// 先存多少已结案件 / how many closed cases are stored at first
    #[arg(long, default_value_t = 20_000, value_parser = clap::value_parser!(u32).range(1..=5_000_000))]
    pub small: u32,
    /// 再存到多少 / how many are stored then
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u32).range(2..=9_000_000))]
    pub large: u32,
    /// 每轮全速登记的件数 / how many cases each round at full speed registers
    #[arg(long, default_value_t = 3_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub cases: u32,
    /// 每种存量的轮数, 结果取中位数 / how many rounds with each; the medians count
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub rounds: u32,
    /// 逐件登记的件数 / how many cases are registered one at a time
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub single: u32,
    /// 每种查询的次数 / how often each list and each clock is read
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub reads: u32,
    /// 同时登记的调用方 / how many callers register at once
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..=512))]
    pub clients: u32,
    /// 县级规则包 / the county pack to put in force
    #[arg(long, value_name = "DIR")]
    pub pack: Option<PathBuf>,
}

/// `xiezhi bench replay`.
#[derive(Debug, Clone, Args)]
pub struct ReplayArguments {
    /// 重建的件数 / how many cases are told again
    #[arg(long, default_value_t = 20_000, value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    pub cases: u32,
    /// 轮数, 结果取中位数 / how many rounds; the medians count
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub rounds: u32,
    /// 登记时的调用方 / how many callers register them at once
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..=512))]
    pub clients: u32,
    /// 每次测数据库极限的秒数 / how long each run of the store's limit lasts, in seconds
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=600))]
    pub seconds: u32,
    /// 县级规则包 / the county pack to put in force
    #[arg(long, value_name = "DIR")]
    pub pack: Option<PathBuf>,
}

/// A rate a measurement can be made at.
fn rate(text: &str) -> Result<f64, String> {
    let rate: f64 = text.parse().map_err(|_| format!("{text} 不是数字 / is no number"))?;
    if rate.is_finite() && rate > 0.0 && rate <= 1_000_000.0 {
        Ok(rate)
    } else {
        Err(format!("{text} 应大于 0 / must be above 0 and at most a million"))
    }
}
