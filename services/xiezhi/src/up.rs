//! `xiezhi up`: the whole centre on one machine, with servers of its own.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, RwLock};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use kit::Settings;
use kit::auth::TokenVerifier;
use kit::auth::token::TokenSigner;
use kit::seal;
use kit::settings::{ClockKind, NatsAccess, Peers, Secrets};
use kit::telemetry::{self, TelemetryOptions};
use kit::texts::TEXT_KEY;
use servers::{DataDir, LocalOptions, LocalServers};

use crate::arguments::UpArguments;
use crate::centre::{self, Centre, Door, SERVICES};
use crate::introduction::{Introduction, introduce};
use crate::keys::{self, CentreKeys};
use crate::{database, detach, serve, shell};

/// How often the operator's token in the centre file is renewed.
const RENEW: Duration = Duration::from_secs(300);

/// What was asked for, with the journey's own start where nobody named one.
struct Wishes {
    data: PathBuf,
    simulated: bool,
    start: Option<jiff::Timestamp>,
    listen: Option<SocketAddr>,
    pack: Option<(PathBuf, pack::Pack)>,
    journey: Option<String>,
    detach: bool,
    no_fsync: bool,
}

fn wishes(arguments: UpArguments) -> anyhow::Result<Wishes> {
    let pack = arguments.pack.map(|folder| anyhow::Ok((folder.clone(), read_pack(&folder)?))).transpose()?;
    let journey_start = match (&arguments.journey, &pack) {
        (Some(name), Some((_, pack))) => journey_start(pack, name)?,
        _ => None,
    };
    Ok(Wishes {
        data: PathBuf::new(),
        simulated: arguments.simulated,
        start: arguments.start.or(journey_start),
        listen: arguments.listen,
        pack,
        journey: arguments.journey,
        detach: arguments.detach,
        no_fsync: arguments.no_fsync,
    })
}

fn read_pack(folder: &Path) -> anyhow::Result<pack::Pack> {
    let files = pack::disk::files_from_dir(folder)
        .with_context(|| format!("规则包 {} 无法读取 / the pack cannot be read", folder.display()))?;
    pack::parse(&files).map_err(|mistakes| {
        let lines: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
        anyhow::anyhow!("规则包有误 / the pack has mistakes:\n{}", lines.join("\n"))
    })
}

/// When a journey begins, in Beijing time; `None` where it does not say.
fn journey_start(pack: &pack::Pack, name: &str) -> anyhow::Result<Option<jiff::Timestamp>> {
    let journey = pack
        .journeys
        .iter()
        .find(|journey| journey.name == name)
        .with_context(|| format!("规则包中没有流程 {name} / no journey {name} in the pack"))?;
    let start = cli::journey::Journey::of(&journey.document).map_err(|error| anyhow::anyhow!("{name}: {error}"))?.start;
    start
        .map(|text| {
            text.parse::<jiff::Timestamp>().or_else(|_| {
                let civil: jiff::civil::DateTime = text.replace(' ', "T").parse()?;
                Ok::<_, jiff::Error>(civil.to_zoned(jiff::tz::TimeZone::fixed(jiff::tz::offset(8)))?.timestamp())
            })
        })
        .transpose()
        .with_context(|| format!("{name}: start 不是时间 / is not a time"))
}

/// Starts the centre and keeps it until it is told to end.
pub async fn run(arguments: UpArguments, data: PathBuf) -> anyhow::Result<()> {
    let arguments = Wishes { data, ..wishes(arguments)? };
    if let Some(pid) = DataDir::holder(&arguments.data) {
        bail!(
            "{} 已有中心在运行 (进程 {pid}), 先执行 xiezhi down --data {0} / a centre runs there already (process {pid}); stop it first",
            shell::word(&arguments.data.to_string_lossy())
        );
    }
    if arguments.detach {
        return detach::start(&arguments.data).await;
    }
    let _telemetry = telemetry::init(&TelemetryOptions::from_environment("xiezhi", false))?;
    let began = Instant::now();
    let step = |zh: &str, en: &str| eprintln!("[{:>5.1}s] {zh} / {en}", began.elapsed().as_secs_f64());

    step("启动 PostgreSQL 与 NATS", "starting PostgreSQL and NATS");
    let options = LocalOptions { data_dir: arguments.data.clone(), servers_dir: None, fsync: !arguments.no_fsync };
    let mut servers = LocalServers::start(options).await.map_err(said)?;
    // The directory is ours: from now on its log is the one we write to.
    detach::put_own_in_place(&arguments.data);
    let done = within(&arguments, &mut servers, step).await;
    let _ = std::fs::remove_file(arguments.data.join(cli::CENTRE_FILE));
    servers.stop().await;
    done
}

/// An error of the servers in both languages.
pub fn said(error: servers::ServersError) -> anyhow::Error {
    anyhow::anyhow!("{} / {}", error.sentence(vocab::Lang::Zh), error.sentence(vocab::Lang::En))
}

/// Everything between the start and the stop of the servers.
async fn within(arguments: &Wishes, servers: &mut LocalServers, step: impl Fn(&str, &str)) -> anyhow::Result<()> {
    step("准备数据库", "preparing the databases");
    let centre_keys = CentreKeys::ensure(servers.data_dir(), arguments.simulated)?;
    if centre_keys.issuer.simulated != arguments.simulated {
        bail!(
            "该数据目录属于另一种中心 (真实/模拟) / this data belongs to the other kind of centre (real or simulated)"
        );
    }
    let listen = listen(arguments, servers)?;
    let signer = TokenSigner::from_pem(&centre_keys.private_pem, centre_keys.issuer.clone())?;
    let token = Arc::new(RwLock::new(String::new()));
    serve::renew_token(signer.clone(), "centre".to_owned(), Arc::clone(&token))?;
    let address = format!("http://{listen}");
    let addresses: BTreeMap<String, String> =
        SERVICES.iter().map(|service| ((*service).to_owned(), address.clone())).collect();
    let peers = Peers { addresses, token };

    let clock = if arguments.simulated { ClockKind::Simulated { start: arguments.start } } else { ClockKind::Real };
    let mut prepared = tokio::task::JoinSet::new();
    for service in SERVICES {
        let settings = settings(servers, &centre_keys, service, clock, peers.clone())?;
        let (admin, password) =
            (servers.postgres_admin_url(), servers.data_dir().secret(&format!("db.{service}")).map_err(said)?);
        // One after the other where roles are shared; the migrations themselves run side by side.
        let url = database::ensure(&admin, service, &password).await?;
        prepared.spawn(async move {
            database::migrate(service, &url, clock).await?;
            anyhow::Ok((service, Settings { database_url: url, ..settings }))
        });
    }
    let prepared = prepared.join_all().await.into_iter().collect::<anyhow::Result<Vec<_>>>()?;

    step("启动五个服务", "starting the five services");
    let mut services = Vec::new();
    for (service, settings) in &prepared {
        services.push(centre::start_service(service, settings).await?);
    }
    let verifier = TokenVerifier::new(&centre_keys.public_pem, &centre_keys.issuer)?;
    let centre = Centre::open(services, Door { listen, tls: None, verifier }).await?;
    servers.data_dir().remember_port("api", centre.address().port()).map_err(said)?;
    let _announced = announce(arguments, &signer, &centre.url())?;

    let result = live(arguments, servers, &centre.url(), &step).await;
    step("停止", "stopping");
    centre.close().await;
    result
}

/// Introduces the centre and keeps it until it is told to end, which may be in the middle of the introduction.
async fn live(
    arguments: &Wishes,
    servers: &mut LocalServers,
    url: &str,
    step: &impl Fn(&str, &str),
) -> anyhow::Result<()> {
    let new = Introduction {
        data: &arguments.data,
        directory: servers.data_dir(),
        url,
        simulated: arguments.simulated,
        pack: arguments.pack.as_ref(),
        journey: arguments.journey.as_deref(),
    };
    // One and the same for both: a signal that comes between them is not lost.
    let ended = serve::ended();
    tokio::pin!(ended);
    tokio::select! {
        introduced = introduce(&new, step) => introduced?,
        ended = &mut ended => return ended,
    }
    println!("{}", detach::READY);
    tokio::select! {
        ended = ended => ended,
        failed = servers.keep() => match failed {
            Ok(never) => match never {},
            Err(error) => Err(said(error)),
        },
    }
}

fn listen(arguments: &Wishes, servers: &LocalServers) -> anyhow::Result<SocketAddr> {
    let free = |address: SocketAddr| std::net::TcpListener::bind(address);
    if let Some(listen) = arguments.listen {
        free(listen).with_context(|| {
            format!("端口 {listen} 被占用, 请换一个或去掉 --listen / {listen} is taken; choose another or leave --listen out")
        })?;
        return Ok(listen);
    }
    let last = servers.data_dir().port("api").map_err(said)?.unwrap_or(0);
    let loopback = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let listener = free(loopback(last)).or_else(|_| free(loopback(0))).context("没有空闲端口 / no free port")?;
    Ok(listener.local_addr()?)
}

fn settings(
    servers: &LocalServers,
    centre_keys: &CentreKeys,
    service: &str,
    clock: ClockKind,
    peers: Peers,
) -> anyhow::Result<Settings> {
    let login = servers.nats_login(service).map_err(said)?;
    let vault_key = vault_key(servers)?;
    let mut secrets = match service {
        "intake" => Secrets::default().with(intake::config::VAULT_KEY.secret, vault_key),
        // A key of the service's own: none but intake holds the vault's.
        _ => {
            let texts = seal::keyed(&vault_key, &[b"xiezhi/up/texts/", service.as_bytes()])?;
            Secrets::default().with(TEXT_KEY.secret, texts.to_vec())
        }
    };
    if service == "assignment" {
        secrets = secrets
            .with(assignment::rpc::SIGNING_KEY, centre_keys.private_pem.clone().into_bytes())
            .with(assignment::rpc::CENTRE_ID, centre_keys.issuer.centre.clone().into_bytes());
    }
    Ok(Settings {
        database_url: String::new(),
        max_connections: 8,
        nats: NatsAccess {
            url: login.url,
            user: login.user,
            password: login.password,
            inbox_prefix: login.inbox_prefix,
            stream_replicas: 1,
            stream_max_bytes: servers::nats::STREAM_MAX_BYTES,
        },
        clock,
        peers,
        region: "330421".to_owned(),
        secrets,
    })
}

/// The one key a centre on one machine keeps; made when it is first asked for.
fn vault_key(servers: &LocalServers) -> anyhow::Result<Vec<u8>> {
    if let Some(key) = servers.data_dir().read("vault-key").map_err(said)? {
        return Ok(key);
    }
    let key = seal::new_key()?.to_vec();
    servers.data_dir().write_private("vault-key", &key).map_err(said)?;
    Ok(key)
}

/// Ends the renewal of the centre file when it is dropped.
struct Announced(tokio::task::JoinHandle<()>);

impl Drop for Announced {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Tells other processes of this user where the centre is, with a token that is always fresh.
fn announce(arguments: &Wishes, signer: &TokenSigner, url: &str) -> anyhow::Result<Announced> {
    let (data, signer, url) = (arguments.data.clone(), signer.clone(), url.to_owned());
    let kind = if arguments.simulated { "simulated" } else { "real" };
    let started_at = jiff::Timestamp::now();
    let write = move || -> anyhow::Result<()> {
        let operator_token = keys::sign(&signer, &keys::operator())?;
        let (grpc_address, kind) = (url.clone(), kind.to_owned());
        let file = cli::CentreFile { grpc_address, operator_token, kind, started_at, ca_file: None };
        file.write(&data)
            .with_context(|| format!("{} 无法写入 / cannot be written", data.join(cli::CENTRE_FILE).display()))
    };
    write()?;
    Ok(Announced(tokio::spawn(async move {
        loop {
            tokio::time::sleep(RENEW).await;
            if let Err(error) = write() {
                tracing::warn!(%error, "the centre's file was not renewed");
            }
        }
    })))
}
