//! 联合执法: proposals, plans, officers and things, what happened on the spot. One mind (`scheduling-domain`), one memory
//! ([`store`]) and three doors: people ([`rpc`]), other services ([`consume`]) and time ([`tick`]).

pub mod app;
pub mod consume;
pub mod rpc;
pub mod rules;
pub mod store;
pub mod tick;
pub mod unit;
pub mod wire;

use kit::context::Context;
use kit::envelope::Envelope;
use kit::refusal::Refusal;
use kit::seal::Key;
use kit::service::{Failed, FiredTimer, Keys, Service, StoreError, Tx};
use kit::texts::Texts;
use xiezhi_proto::scheduling::v1::officer_service_server::OfficerServiceServer;
use xiezhi_proto::scheduling::v1::operation_service_server::OperationServiceServer;

use crate::rules::Rules;
use crate::unit::{Needs, Unit};

/// The service's own tables; the bus's come from the kit.
pub static MIGRATOR: sqlx::migrate::Migrator = sqlx::migrate!("./migrations");

/// The reason given where somebody or something is taken.
pub const DOUBLE_BOOKED: &str = "scheduling.double_booked";

/// 联合执法.
#[derive(Debug, Clone)]
pub struct Scheduling {
    texts: Texts,
}

impl Scheduling {
    /// Scheduling, with what seals its texts.
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

impl Service for Scheduling {
    const NAME: &'static str = "scheduling";
    const HEARS: &'static [&'static str] = &["intake", "assignment", "supervision"];
    type Unit = Unit;
    type Needs = Needs;
    type Rules = Rules;
    type Heard = wire::heard::Heard;

    fn sealing_key(&self) -> Option<&Key> {
        Some(self.texts.key())
    }

    fn parse_rules(bytes: &[u8]) -> Result<Rules, Vec<String>> {
        Rules::parse(bytes)
    }

    fn read(&self, event: &Envelope) -> Result<(Keys<Needs>, Self::Heard), Failed> {
        consume::read(event)
    }

    fn keys_of_rules(&self, rules: &Rules) -> Keys<Needs> {
        let everybody = Needs { everybody: true, ..Needs::default() };
        Keys::many(rules.officers.keys().map(app::officer_key)).and(everybody)
    }

    async fn widen(&self, tx: &mut Tx, keys: &mut Keys<Needs>) -> Result<(), StoreError> {
        store::widen(tx, keys).await
    }

    async fn load(&self, tx: &mut Tx, keys: &Keys<Needs>) -> Result<Unit, StoreError> {
        store::load(tx, keys).await
    }

    fn on_event(&self, unit: &mut Unit, cx: &mut Context<Rules>, heard: &Self::Heard) -> Result<(), Failed> {
        consume::on_event(unit, cx, heard)
    }

    fn on_timer(&self, unit: &mut Unit, cx: &mut Context<Rules>, timer: &FiredTimer) -> Result<(), Failed> {
        tick::on_timer(unit, cx, timer)
    }

    fn on_rules(&self, unit: &mut Unit, cx: &mut Context<Rules>, _before: Option<&Rules>) -> Result<(), Refusal> {
        app::officers::take_roster(unit, cx);
        Ok(())
    }

    async fn flush(&self, tx: &mut Tx, unit: &Unit) -> Result<(), StoreError> {
        store::flush(tx, unit, &self.texts).await
    }

    fn explain(&self, constraint: &str) -> Option<Refusal> {
        let (zh, en) = match constraint {
            "booking_officer_twice" => {
                ("有执法人员在该时段已被另一行动占用", "an officer is taken by another operation at that time")
            }
            "booking_resource_twice" => (
                "有车辆或仪器在该时段已被另一行动占用",
                "a vehicle or instrument is taken by another operation at that time",
            ),
            _ => return None,
        };
        let hint = ("再试一次, 将另排时段或人员", "try again; another slot or other people will be chosen");
        Some(Refusal::forbidden(DOUBLE_BOOKED, zh, en).with_hint(hint.0, hint.1))
    }
}

/// Starts the service over a database that is migrated, and names its doors.
pub fn start(settings: &kit::Settings) -> kit::Starting<'_> {
    Box::pin(async move {
        let texts = Texts::of(settings, Scheduling::NAME)?;
        let node = kit::start(Scheduling::new(texts), settings).await?;
        let operations = rpc::OperationDoor::new(node.corridor.clone());
        let officers = rpc::OfficerDoor::new(node.corridor.clone());
        Ok(node.running(move |routes| {
            routes.add_service(OperationServiceServer::new(operations));
            routes.add_service(OfficerServiceServer::new(officers));
        }))
    })
}
