//! A whole centre for a test: the real program, with servers and data of its own, gone when the test is over.

use std::fs::{self, File, OpenOptions};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use serde_json::Value;
use servers::NatsLogin;
use tempfile::TempDir;

/// What the program says when a centre can be called.
const READY: &str = "xiezhi: ready";
/// Longer than a start on a busy machine takes.
const START_WITHIN: Duration = Duration::from_secs(120);
/// Longer than a service needs to finish what it is committing, and two servers to stop.
const STOP_WITHIN: Duration = Duration::from_secs(60);
/// Longer than any command of a test takes.
const RUN_WITHIN: Duration = Duration::from_secs(300);
const LOOK_AGAIN: Duration = Duration::from_millis(20);
/// Where every house of ours begins unless it says otherwise: a Monday morning without a holiday near.
const START: &str = "2026-03-02T01:00:00Z";

/// How a house is to be.
#[derive(Debug, Clone)]
pub struct HouseOptions {
    start: String,
    pack: Option<PathBuf>,
    environment: Vec<(String, String)>,
    place: Option<PathBuf>,
}

impl Default for HouseOptions {
    fn default() -> Self {
        Self {
            start: START.to_owned(),
            pack: Some(repository().join("deploy/packs/jiashan")),
            environment: Vec::new(),
            place: None,
        }
    }
}

impl HouseOptions {
    /// Begins its time at this moment (RFC 3339).
    #[must_use]
    pub fn starting(mut self, at: &str) -> Self {
        at.clone_into(&mut self.start);
        self
    }

    /// Puts no county pack in force.
    #[must_use]
    pub fn without_pack(mut self) -> Self {
        self.pack = None;
        self
    }

    /// Starts the program with a variable of the environment.
    #[must_use]
    pub fn with_variable(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Keeps its data in a folder below this one, e.g. on a disk of its own.
    #[must_use]
    pub fn at(mut self, place: &Path) -> Self {
        self.place = Some(place.to_owned());
        self
    }

    /// Starts the house and waits until it can be called.
    pub async fn open(self) -> anyhow::Result<House> {
        House::open(self).await
    }
}

/// What a command of the program answered.
#[derive(Debug, Clone)]
pub struct Said {
    /// 0 done, 1 refused, 2 usage; none where a signal ended it.
    pub code: Option<i32>,
    /// The answer.
    pub stdout: String,
    /// The talk.
    pub stderr: String,
}

impl Said {
    /// The answer of a command that was carried out; otherwise everything it said, as an error.
    pub fn done(self) -> anyhow::Result<String> {
        ensure!(self.code == Some(0), "the command ended with {:?}\n{}\n{}", self.code, self.stdout, self.stderr);
        Ok(self.stdout)
    }
}

/// 一座测试用的中心: a simulated centre that runs `xiezhi up` in a directory of its own.
#[derive(Debug)]
pub struct House {
    options: HouseOptions,
    program: PathBuf,
    data: TempDir,
    log: PathBuf,
    running: Option<Running>,
    address: String,
}

/// The program, and a shell that ends it when the test process dies in any way.
#[derive(Debug)]
struct Running {
    centre: Child,
    leash: Child,
}

/// Waits for the end of a pipe that only the test process holds; then ends the centre and removes its data.
const LEASH: &str = r#"
while read -r _; do :; done
kill -TERM "$1" 2>/dev/null
tries=0
while kill -0 "$1" 2>/dev/null && [ $tries -lt 300 ]; do sleep 0.1; tries=$((tries + 1)); done
kill -KILL "$1" 2>/dev/null
sleep 2
rm -rf "$2" "$3"
"#;

impl House {
    /// A simulated centre with the pack of Jiashan in force.
    pub async fn start() -> anyhow::Result<Self> {
        HouseOptions::default().open().await
    }

    async fn open(options: HouseOptions) -> anyhow::Result<Self> {
        let program = program()?;
        let place = options.place.clone().unwrap_or_else(std::env::temp_dir);
        let data = tempfile::Builder::new().prefix("xiezhi-house-").tempdir_in(place)?;
        let log = data.path().with_extension("log");
        let mut house = Self { options, program, data, log, running: None, address: String::new() };
        house.restart().await?;
        Ok(house)
    }

    /// Where it answers, e.g. `http://127.0.0.1:7000`.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Where it keeps everything.
    #[must_use]
    pub fn data(&self) -> &Path {
        self.data.path()
    }

    /// The operator's token; it is renewed while the centre runs, so ask again rather than keep it.
    pub fn operator_token(&self) -> anyhow::Result<String> {
        text_in(&self.centre_file()?, "operator_token")
    }

    /// A token of one of the pack's accounts, for 15 minutes.
    pub async fn token(&self, account: &str) -> anyhow::Result<String> {
        let data = self.data.path().display().to_string();
        let said = self.run(&["token", "issue", account, "--data", &data]).await?;
        Ok(said.done()?.trim().to_owned())
    }

    /// Runs a command of the program against this centre.
    pub async fn run(&self, arguments: &[&str]) -> anyhow::Result<Said> {
        run_program(&self.program, arguments, &[("XIEZHI_DATA", &self.data.path().display().to_string())]).await
    }

    /// Everything the centre and its servers have logged since the house was opened.
    #[must_use]
    pub fn logs(&self) -> String {
        let mut logs = read(&self.log);
        for name in ["postgres.log", "nats.log"] {
            logs.push_str(&read(&self.data.path().join(name)));
        }
        logs
    }

    /// The administrator's URL of one of its databases, e.g. `xiezhi_intake`.
    pub fn postgres_url(&self, database: &str) -> anyhow::Result<String> {
        let (secret, port) = (self.secret("postgres")?, self.port("postgres")?);
        Ok(format!("postgres://postgres:{secret}@127.0.0.1:{port}/{database}"))
    }

    /// What a user of its NATS connects with: a service's name, or `observer`.
    pub fn nats_login(&self, user: &str) -> anyhow::Result<NatsLogin> {
        Ok(NatsLogin {
            url: format!("nats://127.0.0.1:{}", self.port("nats")?),
            user: user.to_owned(),
            password: self.secret(&format!("nats.{user}"))?,
            inbox_prefix: servers::nats::inbox_prefix(user),
        })
    }

    /// The process that runs the centre, while it runs.
    #[must_use]
    pub fn process(&self) -> Option<u32> {
        self.running.as_ref().map(|running| running.centre.id())
    }

    /// Ends the program at once and without warning, as a crash would (`kill -9`).
    pub async fn kill(&mut self) -> anyhow::Result<()> {
        let Some(mut running) = self.running.take() else { return Ok(()) };
        running.centre.kill()?;
        running.centre.wait()?;
        running.dismiss();
        Ok(())
    }

    /// Asks the program to end and waits until it is gone.
    pub async fn stop(&mut self) -> anyhow::Result<ExitStatus> {
        let Some(mut running) = self.running.take() else { bail!("the house is not running") };
        signal("TERM", running.centre.id());
        let status = ended_within(&mut running.centre, STOP_WITHIN).await;
        running.dismiss();
        status.with_context(|| format!("the centre did not end within {STOP_WITHIN:?}:\n{}", self.tail()))
    }

    /// Starts the program on the same data, after `kill` or `stop`.
    pub async fn restart(&mut self) -> anyhow::Result<()> {
        ensure!(self.running.is_none(), "the house is running already");
        let already = read(&self.log).len();
        let log = OpenOptions::new().create(true).append(true).open(&self.log)?;
        let mut running = self.spawn(log)?;
        let began = Instant::now();
        loop {
            if read(&self.log).get(already..).is_some_and(|new| new.lines().any(|line| line == READY)) {
                break;
            }
            if let Some(status) = running.centre.try_wait()? {
                running.dismiss();
                bail!("the centre ended with {status} instead of starting:\n{}", self.tail());
            }
            if began.elapsed() > START_WITHIN {
                self.running = Some(running);
                bail!("the centre was not ready within {START_WITHIN:?}:\n{}", self.tail());
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
        self.running = Some(running);
        self.address = text_in(&self.centre_file()?, "grpc_address")?;
        Ok(())
    }

    /// Removes everything JetStream has stored; only while the centre does not run.
    pub fn wipe_jetstream(&self) -> anyhow::Result<()> {
        ensure!(self.running.is_none(), "stop the house before its streams are wiped");
        let store = self.data.path().join("nats").join("store");
        fs::remove_dir_all(&store).with_context(|| store.display().to_string())
    }

    fn spawn(&self, log: File) -> anyhow::Result<Running> {
        let mut command = Command::new(&self.program);
        command
            .args(["up", "--simulated", "--no-fsync", "--start", &self.options.start, "--data"])
            .arg(self.data.path());
        if let Some(pack) = &self.options.pack {
            command.arg("--pack").arg(pack);
        }
        shield(&mut command);
        command.envs(self.options.environment.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).stderr(log.try_clone()?).stdout(log);
        let centre = command.spawn().with_context(|| self.program.display().to_string())?;
        let leash = Command::new("sh")
            .args(["-c", LEASH, "xiezhi-leash", &centre.id().to_string()])
            .args([self.data.path(), &self.log])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // A signal to the test's whole group must not end the one that cleans up after it.
            .process_group(0)
            .spawn()
            .context("sh")?;
        Ok(Running { centre, leash })
    }

    fn centre_file(&self) -> anyhow::Result<Value> {
        let path = self.data.path().join("centre.json");
        let bytes = fs::read(&path).with_context(|| path.display().to_string())?;
        serde_json::from_slice(&bytes).with_context(|| path.display().to_string())
    }

    fn secret(&self, name: &str) -> anyhow::Result<String> {
        let secrets: Value = serde_json::from_slice(&fs::read(self.data.path().join("secrets.json"))?)?;
        text_in(&secrets, name)
    }

    fn port(&self, name: &str) -> anyhow::Result<u64> {
        let ports: Value = serde_json::from_slice(&fs::read(self.data.path().join("ports.json"))?)?;
        ports.get(name).and_then(Value::as_u64).with_context(|| format!("no port of {name}"))
    }

    /// The end of the log, for whoever must find out why.
    fn tail(&self) -> String {
        let log = read(&self.log);
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(40)..].join("\n")
    }
}

impl Running {
    fn dismiss(&mut self) {
        let _ = self.leash.kill();
        let _ = self.leash.wait();
    }
}

impl Drop for House {
    fn drop(&mut self) {
        if let Some(mut running) = self.running.take() {
            signal("TERM", running.centre.id());
            let began = Instant::now();
            while matches!(running.centre.try_wait(), Ok(None)) && began.elapsed() < STOP_WITHIN {
                std::thread::sleep(LOOK_AGAIN);
            }
            // Whoever did not end when asked is ended; its servers have watchdogs of their own.
            let _ = running.centre.kill();
            let _ = running.centre.wait();
            running.dismiss();
        }
        let _ = fs::remove_file(&self.log);
    }
}

/// Runs the program with these arguments and variables, without any centre's settings of the caller.
pub async fn run_program(program: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> anyhow::Result<Said> {
    let mut command = Command::new(program);
    shield(&mut command);
    command.args(arguments).envs(variables.iter().copied()).stdin(Stdio::null());
    let mut command = tokio::process::Command::from(command);
    command.kill_on_drop(true);
    let output = tokio::time::timeout(RUN_WITHIN, command.output())
        .await
        .with_context(|| format!("xiezhi {} did not end within {RUN_WITHIN:?}", arguments.join(" ")))??;
    Ok(Said {
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}

/// The program: the one `XIEZHI_TEST_BINARY` names, else the one that was built beside this test.
pub fn program() -> anyhow::Result<PathBuf> {
    if let Some(named) = std::env::var_os("XIEZHI_TEST_BINARY").filter(|named| !named.is_empty()) {
        return Ok(PathBuf::from(named));
    }
    let here = std::env::current_exe()?;
    let built = here.ancestors().map(|above| above.join("xiezhi")).find(|path| path.is_file());
    built.context("xiezhi is not built: run cargo build -p xiezhi, or name it in XIEZHI_TEST_BINARY")
}

/// The repository this crate was built from.
#[must_use]
pub fn repository() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(3).unwrap_or(here).to_owned()
}

/// Keeps settings in somebody's shell away from the program, and tells it where the servers are.
fn shield(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy().into_owned();
        let ours = name.starts_with("XIEZHI_") || name.starts_with("OTEL_") || name == "RUST_LOG";
        if ours && name != "XIEZHI_SERVERS_DIR" {
            command.env_remove(name);
        }
    }
    let servers = repository().join(".local/servers");
    if std::env::var_os("XIEZHI_SERVERS_DIR").is_none() && servers.is_dir() {
        command.env("XIEZHI_SERVERS_DIR", servers);
    }
    command.env("NO_COLOR", "1");
}

fn signal(name: &str, process: u32) {
    // Whoever is gone already need not be told.
    let _ = Command::new("kill").args([&format!("-{name}"), &process.to_string()]).stderr(Stdio::null()).status();
}

async fn ended_within(child: &mut Child, patience: Duration) -> Option<ExitStatus> {
    let began = Instant::now();
    while began.elapsed() < patience {
        if let Ok(Some(status)) = child.try_wait() {
            return Some(status);
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
    let _ = child.kill();
    let _ = child.wait();
    None
}

fn text_in(value: &Value, name: &str) -> anyhow::Result<String> {
    value.get(name).and_then(Value::as_str).map(str::to_owned).with_context(|| format!("{name} is missing"))
}

fn read(path: &Path) -> String {
    fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
}
