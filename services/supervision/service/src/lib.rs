//! 督查: clocks, the ladder, closing proofs and the timeline of every case, over the corridor of the kit.

mod app;
mod consume;
mod gauges;
mod refuse;
pub mod rpc;
mod rules;
mod store;
mod tick;
mod unit;
mod wire;

use kit::context::Context;
use kit::envelope::Envelope;
use kit::refusal::Refusal;
use kit::seal::Key;
use kit::service::{Failed, FiredTimer, Keys, Service, StoreError, Tx};
use kit::texts::Texts;
use xiezhi_proto::supervision::v1::supervision_service_server::SupervisionServiceServer;

pub use rules::Rules;
pub use unit::{Needs, Unit};

/// The tables of supervision.
pub static MIGRATOR: sqlx::migrate::Migrator = sqlx::migrate!("./migrations");

/// 督查.
#[derive(Debug, Clone)]
pub struct Supervision {
    texts: Texts,
}

impl Supervision {
    /// Supervision, with what seals its texts.
    #[must_use]
    pub fn new(texts: Texts) -> Self {
        Self { texts }
    }

    /// What seals its texts.
    #[must_use]
    pub fn texts(&self) -> &Texts {
        &self.texts
    }
}

impl Service for Supervision {
    const NAME: &'static str = "supervision";
    const HEARS: &'static [&'static str] = &["intake", "assignment", "scheduling", "evaluation"];
    const SEQUELS: &'static [&'static str] = &["assignment"];
    type Unit = Unit;
    type Needs = Needs;
    type Rules = Rules;
    type Heard = wire::Report;

    fn sealing_key(&self) -> Option<&Key> {
        Some(self.texts.key())
    }

    fn parse_rules(bytes: &[u8]) -> Result<Rules, Vec<String>> {
        Rules::parse(bytes)
    }

    fn read(&self, event: &Envelope) -> Result<(Keys<Needs>, Self::Heard), Failed> {
        consume::read(event)
    }

    fn keys_of_rules(&self, _: &Rules) -> Keys<Needs> {
        Keys::needing(Needs { open_cases: true, ..Needs::default() })
    }

    async fn widen(&self, tx: &mut Tx, keys: &mut Keys<Needs>) -> Result<(), StoreError> {
        store::widen(tx, keys).await
    }

    async fn load(&self, tx: &mut Tx, keys: &Keys<Needs>) -> Result<Unit, StoreError> {
        store::load(tx, keys).await
    }

    fn on_event(&self, unit: &mut Unit, cx: &mut Context<Rules>, report: &Self::Heard) -> Result<(), Failed> {
        consume::on_event(unit, cx, report)
    }

    fn on_timer(&self, unit: &mut Unit, cx: &mut Context<Rules>, timer: &FiredTimer) -> Result<(), Failed> {
        tick::on_timer(unit, cx, timer)
    }

    fn on_rules(&self, unit: &mut Unit, cx: &mut Context<Rules>, _: Option<&Rules>) -> Result<(), Refusal> {
        app::rules_changed(unit, cx)
    }

    async fn flush(&self, tx: &mut Tx, unit: &Unit) -> Result<(), StoreError> {
        store::flush(tx, unit, &self.texts).await
    }
}

/// Starts the service over a migrated database and names its doors.
pub fn start(settings: &kit::Settings) -> kit::Starting<'_> {
    Box::pin(async move {
        let texts = Texts::of(settings, Supervision::NAME)?;
        let node = kit::start(Supervision::new(texts), settings).await?;
        let door = rpc::Door::new(node.corridor.clone());
        let pool = node.corridor.pool().clone();
        node.loops().spawn(|stop| gauges::watch(pool, stop));
        Ok(node.running(move |routes| {
            routes.add_service(SupervisionServiceServer::new(door));
        }))
    })
}
