//! Intake as the kit knows it.

use anyhow::Context as _;
use kit::context::Context;
use kit::envelope::Envelope;
use kit::refusal::Refusal;
use kit::seal::Key;
use kit::service::{Failed, FiredTimer, Keys, Recalled, Service, StoreError, Tx};
use xiezhi_proto::intake::v1::case_service_server::CaseServiceServer;

use crate::neighbours::Neighbours;
use crate::rpc::Doors;
use crate::rules::Rules;
use crate::unit::{Needs, Unit};
use crate::vault::Vault;
use crate::{app, config, consume, store, wire};

/// Intake's own tables.
pub static MIGRATOR: sqlx::migrate::Migrator = sqlx::migrate!("./migrations");

/// 受理.
#[derive(Debug, Clone)]
pub struct Intake {
    vault: Vault,
}

impl Intake {
    /// Intake over a vault.
    #[must_use]
    pub fn new(vault: Vault) -> Self {
        Self { vault }
    }

    /// The vault.
    #[must_use]
    pub fn vault(&self) -> &Vault {
        &self.vault
    }
}

impl Service for Intake {
    const NAME: &'static str = "intake";
    const HEARS: &'static [&'static str] = consume::HEARS;
    type Unit = Unit;
    type Needs = Needs;
    type Rules = Rules;
    type Heard = wire::heard::Heard;

    fn sealing_key(&self) -> Option<&Key> {
        Some(self.vault.key())
    }

    fn parse_rules(bytes: &[u8]) -> Result<Rules, Vec<String>> {
        Rules::parse(bytes)
    }

    fn read(&self, event: &Envelope) -> Result<(Keys<Needs>, Self::Heard), Failed> {
        consume::read(event)
    }

    async fn widen(&self, tx: &mut Tx, keys: &mut Keys<Needs>) -> Result<(), StoreError> {
        store::widen(tx, keys).await
    }

    async fn load(&self, tx: &mut Tx, keys: &Keys<Needs>) -> Result<Unit, StoreError> {
        store::load(tx, keys).await
    }

    fn on_event(&self, unit: &mut Unit, cx: &mut Context<Rules>, heard: &Self::Heard) -> Result<(), Failed> {
        app::follow::follow(unit, cx, heard)
    }

    // Intake arms no timer: the clocks of acceptance are supervision's, and nothing here happens by silence.
    fn on_timer(&self, _unit: &mut Unit, _cx: &mut Context<Rules>, timer: &FiredTimer) -> Result<(), Failed> {
        Err(Failed::Broken(format!("intake knows no timer {}", timer.kind)))
    }

    fn keys_of_own(&self, events: &[Envelope]) -> Result<Keys<Needs>, Failed> {
        Ok(app::recall::keys_of(events))
    }

    fn on_own_events(&self, unit: &mut Unit, cx: &mut Context<Rules>, events: &[Envelope]) -> Result<Recalled, Failed> {
        app::recall::recall(unit, cx, events)
    }

    async fn flush(&self, tx: &mut Tx, unit: &Unit) -> Result<(), StoreError> {
        store::flush(tx, unit).await
    }

    fn explain(&self, constraint: &str) -> Option<Refusal> {
        match constraint {
            // Sixty random bits met: the caller tries again and gets others.
            "tracking_code_once" => Some(Refusal::Unavailable("tracking code".to_owned())),
            _ => None,
        }
    }
}

/// Starts intake over a database that is migrated.
pub fn start(settings: &kit::Settings) -> kit::Starting<'_> {
    Box::pin(async move {
        let vault = config::vault(settings).context("the vault")?;
        let node = kit::start(Intake::new(vault), settings).await?;
        let doors = CaseServiceServer::new(Doors::new(node.corridor.clone(), Neighbours::new(settings.peers.clone())));
        Ok(node.running(move |routes| {
            routes.add_service(doors);
        }))
    })
}
