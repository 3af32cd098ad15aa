//! `xiezhi serve`: one service, or all, on servers that exist already. Several replicas at once are welcome.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, RwLock};
use std::time::Duration;

use anyhow::Context;
use kit::Settings;
use kit::auth::TokenVerifier;
use kit::auth::token::{Issuer, TokenSigner};
use kit::secret::KeyName;
use kit::server::TlsFiles;
use kit::settings::{ClockKind, NatsAccess, Peers, Secrets};
use kit::telemetry::{self, TelemetryOptions};
use kit::texts::TEXT_KEY;

use crate::arguments::ServeArguments;
use crate::centre::{self, Centre, Door, SERVICES};
use crate::configuration::Configuration;
use crate::{database, keys};

/// How often the token that a service shows to its peers is renewed.
const RENEW: Duration = Duration::from_secs(300);

/// Runs until it is told to end.
pub async fn run(arguments: ServeArguments) -> anyhow::Result<()> {
    let configuration = Configuration::read(arguments.config.as_deref())?;
    let names: Vec<&str> = match arguments.service.as_str() {
        "all" => SERVICES.to_vec(),
        one => vec![one],
    };
    let _telemetry =
        telemetry::init(&TelemetryOptions::from_environment(format!("xiezhi-{}", arguments.service), true))?;
    let peers = peers(&configuration, &arguments.service)?;
    let mut services = Vec::new();
    for name in names {
        let settings = settings(&configuration, name, peers.clone()).await?;
        services.push(centre::start_service(name, &settings).await?);
    }
    let door = door(&configuration, arguments.listen)?;
    let centre = Centre::open(services, door).await?;
    println!("{}", centre.url());
    ended().await?;
    centre.close().await;
    Ok(())
}

/// Returns when the process is asked to end.
pub async fn ended() -> anyhow::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}

fn issuer(configuration: &Configuration) -> anyhow::Result<Issuer> {
    Ok(Issuer {
        centre: configuration.need("XIEZHI_CENTRE_ID", "中心编号", "the centre's id")?,
        simulated: configuration.choice("XIEZHI_SIMULATED")?,
    })
}

fn door(configuration: &Configuration, listen: Option<SocketAddr>) -> anyhow::Result<Door> {
    let listen = match (listen, configuration.find("XIEZHI_LISTEN")) {
        (Some(listen), _) => listen,
        (None, Some(text)) => {
            text.parse().with_context(|| format!("XIEZHI_LISTEN {text} 不是地址 / is not an address"))?
        }
        (None, None) => SocketAddr::from(([127, 0, 0, 1], 0)),
    };
    let tls = match (configuration.find("XIEZHI_TLS_CERTIFICATE"), configuration.find("XIEZHI_TLS_KEY")) {
        (Some(certificate), Some(key)) => Some(TlsFiles {
            certificate: certificate.into(),
            key: key.into(),
            client_authority: configuration.find("XIEZHI_TLS_CLIENT_AUTHORITY").map(Into::into),
        }),
        _ => None,
    };
    let public = configuration
        .find_secret("XIEZHI_VERIFYING_KEY")?
        .context("缺少 XIEZHI_VERIFYING_KEY_FILE (令牌公钥) / the tokens' public key is missing")?;
    Ok(Door { listen, tls, verifier: TokenVerifier::new(&public, &issuer(configuration)?)? })
}

/// The other services' addresses, and a token to show them that renews itself.
fn peers(configuration: &Configuration, service: &str) -> anyhow::Result<Peers> {
    let mut addresses = BTreeMap::new();
    for pair in configuration.find("XIEZHI_PEERS").unwrap_or_default().split(',').filter(|pair| !pair.is_empty()) {
        let (name, address) = pair
            .split_once('=')
            .with_context(|| format!("XIEZHI_PEERS: {pair} 应为 服务=地址 / must be service=address"))?;
        addresses.insert(name.trim().to_owned(), address.trim().to_owned());
    }
    let token = Arc::new(RwLock::new(String::new()));
    if let Some(private) = configuration.find_secret("XIEZHI_SIGNING_KEY")? {
        renew_token(TokenSigner::from_pem(&private, issuer(configuration)?)?, service.to_owned(), Arc::clone(&token))?;
    }
    Ok(Peers { addresses, token })
}

/// Signs the token that a service shows to its peers, now and again before each ends.
pub fn renew_token(signer: TokenSigner, service: String, token: Arc<RwLock<String>>) -> anyhow::Result<()> {
    let caller = keys::service(&service);
    let first = keys::sign(&signer, &caller)?;
    set(&token, first);
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(RENEW).await;
            match keys::sign(&signer, &caller) {
                Ok(next) => set(&token, next),
                Err(error) => tracing::warn!(%error, "the service's token was not renewed"),
            }
        }
    });
    Ok(())
}

fn set(token: &RwLock<String>, value: String) {
    *token.write().unwrap_or_else(std::sync::PoisonError::into_inner) = value;
}

/// A key under its secret's name, where there is one: digits, or a file's path under the name itself or `<name>_FILE`.
fn key(configuration: &Configuration, name: KeyName) -> anyhow::Result<Option<(&'static str, Vec<u8>)>> {
    let file = || configuration.find(&format!("{}_FILE", name.variable));
    let Some(value) = configuration.find(name.variable).or_else(file) else { return Ok(None) };
    let key = kit::secret::given(name.variable, value.trim())?;
    Ok(Some((name.secret, key.to_vec())))
}

async fn settings(configuration: &Configuration, service: &str, peers: Peers) -> anyhow::Result<Settings> {
    let nats_url = configuration.need("XIEZHI_NATS_URL", "NATS 地址", "the address of NATS")?;
    let user = configuration.find("XIEZHI_NATS_USER").unwrap_or_else(|| service.to_owned());
    let password = configuration
        .find_secret(&format!("XIEZHI_{}_NATS_PASSWORD", service.to_uppercase()))?
        .or(configuration.find_secret("XIEZHI_NATS_PASSWORD")?);
    let stream_replicas = configuration.number("XIEZHI_NATS_REPLICAS", 1)?;
    let stream_max_bytes = configuration.number("XIEZHI_NATS_STREAM_MAX_BYTES", servers::nats::STREAM_MAX_BYTES)?;
    let (user, password, inbox_prefix) = match password {
        Some(password) => (user, password, format!("_INBOX_{service}")),
        None => (String::new(), String::new(), String::new()),
    };
    let mut secrets = Secrets::default();
    let wanted = if service == "intake" { intake::config::VAULT_KEY } else { TEXT_KEY };
    if let Some((name, key)) = key(configuration, wanted)? {
        secrets = secrets.with(name, key);
    }
    if let (true, Some(private)) = (service == "assignment", configuration.find_secret("XIEZHI_SIGNING_KEY")?) {
        secrets = secrets
            .with(assignment::rpc::SIGNING_KEY, private.into_bytes())
            .with(assignment::rpc::CENTRE_ID, issuer(configuration)?.centre.into_bytes());
    }
    Ok(Settings {
        database_url: database::url_of(configuration, service).await?,
        max_connections: 8,
        nats: NatsAccess { url: nats_url, user, password, inbox_prefix, stream_replicas, stream_max_bytes },
        clock: if issuer(configuration)?.simulated { ClockKind::Simulated { start: None } } else { ClockKind::Real },
        peers,
        region: configuration.find("XIEZHI_REGION").unwrap_or_else(|| "330421".to_owned()),
        secrets,
    })
}
