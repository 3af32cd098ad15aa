//! nats-server as an installation on several machines configures it, one node or three, on the loopback; and an account of
//! our own that may do what no service may: delete, purge and replay.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use rustix::process::Signal;
use testkit::repository;
use tokio::net::TcpStream;

use crate::undertaker::{Undertaker, signal};

/// The user that may do everything.
pub const MIGHTY: &str = "chaos";
const READY_WITHIN: Duration = Duration::from_secs(30);

/// The nodes.
#[derive(Debug)]
pub struct Nats {
    program: PathBuf,
    folder: PathBuf,
    undertaker: Arc<Undertaker>,
    passwords: BTreeMap<String, String>,
    nodes: Vec<Node>,
}

#[derive(Debug)]
struct Node {
    port: u16,
    cluster_port: u16,
    process: Option<Child>,
}

impl Nats {
    /// Starts so many nodes, 1 or 3, with their stores below `folder`.
    pub async fn start(
        program: PathBuf,
        folder: PathBuf,
        undertaker: Arc<Undertaker>,
        users: &[&str],
        nodes: usize,
    ) -> anyhow::Result<Self> {
        let password = |user: &&str| ((*user).to_owned(), uuid::Uuid::new_v4().simple().to_string());
        let passwords = users.iter().chain(&["observer", MIGHTY]).map(password).collect();
        let nodes = (0..nodes)
            .map(|_| anyhow::Ok(Node { port: free_port()?, cluster_port: free_port()?, process: None }))
            .collect::<Result<_, _>>()?;
        let mut nats = Self { program, folder, undertaker, passwords, nodes };
        for node in 0..nats.nodes.len() {
            nats.spawn(node)?;
        }
        for node in 0..nats.nodes.len() {
            nats.wait(node).await?;
        }
        Ok(nats)
    }

    /// The nodes' ports.
    #[must_use]
    pub fn ports(&self) -> Vec<u16> {
        self.nodes.iter().map(|node| node.port).collect()
    }

    /// A user's password.
    pub fn password(&self, user: &str) -> anyhow::Result<&str> {
        self.passwords.get(user).map(String::as_str).with_context(|| format!("nobody is called {user}"))
    }

    /// A connection that may do everything.
    pub async fn mighty(&self) -> anyhow::Result<async_nats::Client> {
        let servers: Vec<String> = self.ports().iter().map(|port| format!("nats://127.0.0.1:{port}")).collect();
        let options = async_nats::ConnectOptions::new()
            .user_and_password(MIGHTY.to_owned(), self.password(MIGHTY)?.to_owned())
            .retry_on_initial_connect()
            .max_reconnects(None)
            .request_timeout(Some(Duration::from_secs(3)));
        Ok(options.connect(servers).await?)
    }

    /// How many nodes there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.nodes.len()
    }

    /// Ends a node at once, as a crash would.
    pub fn kill(&mut self, node: usize) -> anyhow::Result<()> {
        let undertaker = Arc::clone(&self.undertaker);
        let node = self.node(node)?;
        if let Some(mut process) = node.process.take() {
            process.kill()?;
            process.wait()?;
            undertaker.forget(process.id());
        }
        Ok(())
    }

    /// Stops a node in the middle of whatever it does, or lets it go on.
    pub fn freeze(&mut self, node: usize, frozen: bool) -> anyhow::Result<()> {
        if let Some(process) = &self.node(node)?.process {
            signal(process.id(), if frozen { Signal::STOP } else { Signal::CONT });
        }
        Ok(())
    }

    /// Starts a node that was killed, and waits until it can be called.
    pub async fn restart(&mut self, node: usize) -> anyhow::Result<()> {
        self.kill(node)?;
        self.spawn(node)?;
        self.wait(node).await
    }

    /// Starts a node that does not live.
    pub async fn ensure(&mut self, node: usize) -> anyhow::Result<()> {
        let lives = self.node(node)?.process.as_mut().is_some_and(|process| matches!(process.try_wait(), Ok(None)));
        if lives { Ok(()) } else { self.restart(node).await }
    }

    /// Where a node keeps what JetStream stores.
    #[must_use]
    pub fn store(&self, node: usize) -> PathBuf {
        self.folder.join(format!("nats-{node}")).join("store")
    }

    /// Removes everything a node that was killed has stored.
    pub fn wipe(&self, node: usize) -> anyhow::Result<()> {
        let store = self.store(node);
        // A store that is a mount stays where it is.
        for entry in std::fs::read_dir(&store)? {
            std::fs::remove_dir_all(entry?.path())?;
        }
        Ok(())
    }

    fn node(&mut self, node: usize) -> anyhow::Result<&mut Node> {
        self.nodes.get_mut(node).with_context(|| format!("there is no node {node}"))
    }

    fn spawn(&mut self, node: usize) -> anyhow::Result<()> {
        let store = self.store(node);
        let home = self.folder.join(format!("nats-{node}"));
        std::fs::create_dir_all(&store)?;
        let file = home.join("nats.conf");
        std::fs::write(&file, self.configuration(node, &store)?)?;
        let log =
            std::fs::File::options().create(true).append(true).open(self.folder.join(format!("nats-{node}.log")))?;
        let mut command = Command::new(&self.program);
        command.arg("-c").arg(&file).current_dir(&home);
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        crate::centre::alone(&mut command);
        let process = command.spawn()?;
        self.undertaker.watch(process.id());
        self.node(node)?.process = Some(process);
        Ok(())
    }

    async fn wait(&mut self, node: usize) -> anyhow::Result<()> {
        let began = tokio::time::Instant::now();
        let log = self.folder.join(format!("nats-{node}.log"));
        let node = self.node(node)?;
        while TcpStream::connect(("127.0.0.1", node.port)).await.is_err() {
            let ended = node.process.as_mut().is_none_or(|process| !matches!(process.try_wait(), Ok(None)));
            if ended || began.elapsed() > READY_WITHIN {
                bail!("nats-server did not start:\n{}", std::fs::read_to_string(&log).unwrap_or_default());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    /// The accounts and permissions of `deploy/nats/nats.conf`, on the loopback, and one account more.
    fn configuration(&self, node: usize, store: &Path) -> anyhow::Result<String> {
        let deployed = std::fs::read_to_string(repository().join("deploy/nats/nats.conf"))?;
        let start = deployed.find("\naccounts {").context("deploy/nats/nats.conf has no accounts")?;
        let mut accounts = deployed[start..].to_owned();
        for (user, password) in &self.passwords {
            let variable = format!("$XIEZHI_NATS_PASSWORD_{}", user.to_uppercase());
            accounts = accounts.replace(&format!("{variable},"), &format!("\"{password}\","));
        }
        let mighty = format!("users: [\n      {{ user: \"{MIGHTY}\", password: \"{}\" }}", self.password(MIGHTY)?);
        let accounts = accounts.replacen("users: [", &mighty, 1);
        let Node { port, cluster_port, .. } = self.nodes.get(node).context("no such node")?;
        let mut text = format!(
            "server_name: node-{node}\nlisten: \"127.0.0.1:{port}\"\n\
             jetstream {{\n  store_dir: \"{}\"\n  max_file_store: 2GB\n  max_memory_store: 64MB\n  sync_interval: 1s\n}}\n",
            store.display()
        );
        if self.nodes.len() > 1 {
            let routes: Vec<String> =
                self.nodes.iter().map(|node| format!("nats://127.0.0.1:{}", node.cluster_port)).collect();
            text.push_str(&format!(
                "cluster {{\n  name: xiezhi\n  listen: \"127.0.0.1:{cluster_port}\"\n  routes: [{}]\n  no_advertise: true\n}}\n",
                routes.join(", ")
            ));
        }
        text.push_str(&accounts);
        Ok(text)
    }
}

impl Drop for Nats {
    fn drop(&mut self) {
        for node in 0..self.nodes.len() {
            // A stopped process is killed all the same; one that is gone already is no error here.
            let _ = self.kill(node);
        }
    }
}

/// A port nobody listens on now.
pub fn free_port() -> anyhow::Result<u16> {
    Ok(servers::ports::free(None)?)
}
