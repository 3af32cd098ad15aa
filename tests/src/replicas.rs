//! A distributed centre: every service as processes of its own over servers that all share, behind one ingress.

use std::collections::BTreeMap;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use ed25519_dalek::SigningKey;
use ed25519_dalek::pkcs8::spki::EncodePublicKey;
use ed25519_dalek::pkcs8::{EncodePrivateKey, spki::der::pem::LineEnding};
use tempfile::TempDir;
use testkit::{Nats, Postgres, Said, fresh_nats_with_accounts, fresh_postgres, program, repository, run_program};

use crate::ingress::Ingress;

/// The services.
pub const SERVICES: [&str; 5] = ["intake", "assignment", "scheduling", "supervision", "evaluation"];
/// Longer than a start on a busy machine takes.
const START_WITHIN: Duration = Duration::from_secs(120);

/// Ten processes, two for each service.
#[derive(Debug)]
pub struct Replicas {
    folder: TempDir,
    variables: Vec<(String, String)>,
    processes: BTreeMap<String, (String, Child)>,
    /// Where callers go.
    pub ingress: Ingress,
    postgres: Postgres,
    _nats: Nats,
}

impl Replicas {
    /// Migrates five databases, starts `copies` processes of each service, and puts the pack of Jiashan in force.
    pub async fn start(begins: &str, copies: usize) -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new().prefix("xiezhi-replicas-").tempdir()?;
        let postgres = fresh_postgres().await?;
        let nats = fresh_nats_with_accounts(&SERVICES).await?;
        let ingress = Ingress::start().await?;
        let centre = uuid::Uuid::now_v7().to_string();
        keys(folder.path(), &centre)?;
        let peers: Vec<String> = SERVICES.iter().map(|service| format!("{service}={}", ingress.url())).collect();
        let file = |name: &str| folder.path().join(name).display().to_string();
        let mut variables = vec![
            ("XIEZHI_DATABASE_URL", postgres.url("postgres")),
            ("XIEZHI_DATABASE_PASSWORD", uuid::Uuid::new_v4().simple().to_string()),
            ("XIEZHI_NATS_URL", nats.url()),
            ("XIEZHI_CENTRE_ID", centre),
            ("XIEZHI_SIMULATED", "true".to_owned()),
            ("XIEZHI_SIGNING_KEY_FILE", file("signing-key.pem")),
            ("XIEZHI_VERIFYING_KEY_FILE", file("verifying-key.pem")),
            ("XIEZHI_VAULT_KEY", "5a".repeat(32)),
            ("XIEZHI_TEXT_KEY", "7e".repeat(32)),
            ("XIEZHI_PEERS", peers.join(",")),
            ("XIEZHI_LISTEN", "127.0.0.1:0".to_owned()),
        ]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect::<Vec<_>>();
        for service in SERVICES {
            let login = nats.login(service)?;
            variables.push((format!("XIEZHI_{}_NATS_PASSWORD", service.to_uppercase()), login.password));
        }
        let mut replicas = Self { folder, variables, processes: BTreeMap::new(), ingress, postgres, _nats: nats };
        replicas.run(&["migrate", "--simulated", "--start", begins]).await?.done()?;
        for copy in 1..=copies {
            for service in SERVICES {
                replicas.serve(service, copy).await?;
            }
        }
        replicas.announce().await?;
        let pack = repository().join("deploy/packs/jiashan").display().to_string();
        replicas.run(&["pack", "apply", &pack, "--data", &replicas.data()]).await?.done()?;
        Ok(replicas)
    }

    /// A folder by which the program's commands find this centre and give out tokens.
    #[must_use]
    pub fn data(&self) -> String {
        self.folder.path().display().to_string()
    }

    /// Runs a command of the program with this centre's settings.
    pub async fn run(&self, arguments: &[&str]) -> anyhow::Result<Said> {
        let variables: Vec<(&str, &str)> =
            self.variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        run_program(&program()?, arguments, &variables).await
    }

    /// Ends one process of each service without warning; the others must do.
    pub fn kill_first_of_each(&mut self) -> anyhow::Result<()> {
        for service in SERVICES {
            let (address, mut process) =
                self.processes.remove(&format!("{service}-1")).with_context(|| format!("{service} is gone already"))?;
            self.ingress.remove(&address);
            process.kill()?;
            process.wait()?;
        }
        Ok(())
    }

    /// Asks one process to end, waits until it is gone, and starts another in its place; tells how long the end took.
    pub async fn roll(&mut self, service: &str, copy: usize) -> anyhow::Result<Duration> {
        let name = format!("{service}-{copy}");
        let (address, mut process) = self.processes.remove(&name).with_context(|| format!("{name} is gone already"))?;
        let began = Instant::now();
        Command::new("kill").args(["-TERM", &process.id().to_string()]).status()?;
        // As an ingress does that is told, or finds, that a process is ending.
        self.ingress.remove(&address);
        while process.try_wait()?.is_none() {
            if began.elapsed() > START_WITHIN {
                process.kill()?;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let took = began.elapsed();
        self.serve(service, copy).await?;
        Ok(took)
    }

    /// Sends nobody to one copy any more, as an ingress does whose health check gets no answer.
    pub fn hide(&self, service: &str, copy: usize) {
        if let Some((address, _)) = self.processes.get(&format!("{service}-{copy}")) {
            self.ingress.remove(address);
        }
    }

    /// The process of one copy of a service, while it is there.
    #[must_use]
    pub fn process(&self, service: &str, copy: usize) -> Option<u32> {
        self.processes.get(&format!("{service}-{copy}")).map(|(_, process)| process.id())
    }

    /// The administrator's URL of the shared PostgreSQL.
    #[must_use]
    pub fn admin_url(&self) -> String {
        self.postgres.url("postgres")
    }

    /// What the processes have logged.
    pub fn logs(&self) -> anyhow::Result<String> {
        let mut logs = String::new();
        for copy in 1..=2 {
            for service in SERVICES {
                logs.push_str(&std::fs::read_to_string(self.log(service, copy))?);
            }
        }
        Ok(logs)
    }

    fn log(&self, service: &str, copy: usize) -> PathBuf {
        self.folder.path().join(format!("{service}-{copy}.log"))
    }

    async fn serve(&mut self, service: &str, copy: usize) -> anyhow::Result<()> {
        let (log, out) = (self.log(service, copy), self.folder.path().join(format!("{service}-{copy}.out")));
        let mut process = Command::new(program()?)
            .args(["serve", service])
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .env("NO_COLOR", "1")
            .stdin(Stdio::null())
            .stdout(std::fs::File::create(&out)?)
            .stderr(std::fs::File::create(&log)?)
            .spawn()?;
        let began = Instant::now();
        let address = loop {
            let said = std::fs::read_to_string(&out)?;
            if let Some(line) = said.lines().find(|line| line.starts_with("http://")) {
                break line.to_owned();
            }
            if process.try_wait()?.is_some() || began.elapsed() > START_WITHIN {
                let _ = process.kill();
                let _ = process.wait();
                bail!("{service} did not start:\n{}", std::fs::read_to_string(&log)?);
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        };
        self.ingress.add(service, &address)?;
        self.processes.insert(format!("{service}-{copy}"), (address, process));
        Ok(())
    }

    /// Writes what the program's commands look for in a centre's folder.
    async fn announce(&self) -> anyhow::Result<()> {
        let token = self.run(&["token", "issue", "operator", "--data", &self.data()]).await?.done()?;
        let file = serde_json::json!({
            "grpc_address": self.ingress.url(),
            "operator_token": token.trim(),
            "kind": "simulated",
            "started_at": jiff::Timestamp::now().to_string(),
        });
        write_private(&self.folder.path().join("centre.json"), &file.to_string())
    }
}

impl Drop for Replicas {
    fn drop(&mut self) {
        for (_, process) in self.processes.values_mut() {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

/// The key that signs tokens, its public half, and the centre's id, as `xiezhi up` would leave them.
fn keys(folder: &Path, centre: &str) -> anyhow::Result<()> {
    let mut seed = [0_u8; 32];
    for half in seed.chunks_mut(16) {
        half.copy_from_slice(uuid::Uuid::new_v4().as_bytes());
    }
    let key = SigningKey::from_bytes(&seed);
    write_private(&folder.join("signing-key.pem"), &key.to_pkcs8_pem(LineEnding::LF)?)?;
    write_private(&folder.join("verifying-key.pem"), &key.verifying_key().to_public_key_pem(LineEnding::LF)?)?;
    write_private(&folder.join("centre-id"), &format!("{centre}:simulated"))
}

fn write_private(path: &Path, text: &str) -> anyhow::Result<()> {
    let mut file = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())?;
    Ok(())
}
