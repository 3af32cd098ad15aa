//! The service as the kit runs it.

use kit::context::Context;
use kit::envelope::Envelope;
use kit::refusal::Refusal;
use kit::seal::Key;
use kit::service::{Failed, FiredTimer, Keys, Service, StoreError, Tx};
use kit::texts::Texts;

use crate::rules::Rules;
use crate::unit::{Needs, Unit};
use crate::{consume, publish, rpc, store};

/// 责任认定.
#[derive(Debug)]
pub struct Assignment {
    texts: Texts,
}

impl Assignment {
    /// Assignment, with what seals its texts.
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

impl Service for Assignment {
    const NAME: &'static str = "assignment";
    const HEARS: &'static [&'static str] = &["intake", "scheduling", "supervision"];
    type Unit = Unit;
    type Needs = Needs;
    type Rules = Rules;
    type Heard = Option<consume::Heard>;

    fn sealing_key(&self) -> Option<&Key> {
        Some(self.texts.key())
    }

    fn parse_rules(bytes: &[u8]) -> Result<Rules, Vec<String>> {
        Rules::parse(bytes)
    }

    fn read(&self, event: &Envelope) -> Result<(Keys<Needs>, Self::Heard), Failed> {
        consume::read(event)
    }

    fn keys_of_rules(&self, _rules: &Rules) -> Keys<Needs> {
        Keys::one(publish::LISTS).and(Needs { publication: true, ..Needs::default() })
    }

    async fn widen(&self, tx: &mut Tx, keys: &mut Keys<Needs>) -> Result<(), StoreError> {
        store::widen(tx, keys).await
    }

    async fn load(&self, tx: &mut Tx, keys: &Keys<Needs>) -> Result<Unit, StoreError> {
        store::load(tx, keys).await
    }

    fn on_event(&self, unit: &mut Unit, cx: &mut Context<Rules>, heard: &Self::Heard) -> Result<(), Failed> {
        heard.as_ref().map_or(Ok(()), |heard| consume::on_event(unit, cx, heard))
    }

    fn on_timer(&self, unit: &mut Unit, cx: &mut Context<Rules>, timer: &FiredTimer) -> Result<(), Failed> {
        consume::on_timer(unit, cx, timer)
    }

    fn on_rules(&self, unit: &mut Unit, cx: &mut Context<Rules>, before: Option<&Rules>) -> Result<(), Refusal> {
        publish::publish(unit, cx, before)
    }

    async fn flush(&self, tx: &mut Tx, unit: &Unit) -> Result<(), StoreError> {
        store::flush(tx, unit, &self.texts).await
    }

    fn explain(&self, constraint: &str) -> Option<Refusal> {
        match constraint {
            "list_item_says_one_thing" | "boundary_rule_says_one_thing" => {
                Some(Refusal::field("bundle", "an item is in the same hands for the same place twice on some day"))
            }
            _ => None,
        }
    }
}

/// Starts the service and names its doors.
pub fn start(settings: &kit::Settings) -> kit::Starting<'_> {
    #[cfg(feature = "mutants")]
    assignment_domain::order::TAKES_EVERY_RETURN
        .store(kit::mutants::is("second-return"), std::sync::atomic::Ordering::Relaxed);
    Box::pin(async move {
        let texts = Texts::of(settings, Assignment::NAME)?;
        let node = kit::start(Assignment::new(texts), settings).await?;
        rpc::open(node, settings)
    })
}
