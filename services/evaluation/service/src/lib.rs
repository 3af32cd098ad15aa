//! 考核评价: call-backs drawn at random and blind to the handler, adjudication, and the three rates. One mind
//! (`evaluation-domain`), one memory (`store`) and three doors: people (`rpc`), other services (`consume`) and time (`tick`).

mod app;
mod consume;
mod refuse;
mod rpc;
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
use xiezhi_proto::evaluation::v1::evaluation_service_server::EvaluationServiceServer;

pub use rpc::Door;
pub use rules::Rules;
pub use unit::{Needs, Unit};

/// The service's own tables; the bus's come from the kit.
pub static MIGRATOR: sqlx::migrate::Migrator = sqlx::migrate!("./migrations");

/// 考核评价.
#[derive(Debug, Clone)]
pub struct Evaluation {
    texts: Texts,
}

impl Evaluation {
    /// Evaluation, with what seals its texts.
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

impl Service for Evaluation {
    const NAME: &'static str = "evaluation";
    const HEARS: &'static [&'static str] = &["intake", "assignment", "scheduling", "supervision"];
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
        Keys::needing(Needs { waiting: true })
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

    fn on_timer(&self, unit: &mut Unit, _: &mut Context<Rules>, timer: &FiredTimer) -> Result<(), Failed> {
        tick::on_timer(unit, timer)
    }

    fn on_rules(&self, unit: &mut Unit, cx: &mut Context<Rules>, _: Option<&Rules>) -> Result<(), Refusal> {
        app::recount(unit, cx)
    }

    async fn flush(&self, tx: &mut Tx, unit: &Unit) -> Result<(), StoreError> {
        store::flush(tx, unit, &self.texts).await
    }
}

/// Starts the service over a database that is migrated, and names its doors.
pub fn start(settings: &kit::Settings) -> kit::Starting<'_> {
    Box::pin(async move {
        let texts = Texts::of(settings, Evaluation::NAME)?;
        let node = kit::start(Evaluation::new(texts), settings).await?;
        let door = Door::new(node.corridor.clone());
        Ok(node.running(move |routes| {
            routes.add_service(EvaluationServiceServer::new(door));
        }))
    })
}
