//! A toy that acts on what it hears: it writes a slip for each event, and rings an hour later.

use jiff::SignedDuration;
use kit::context::{Arm, Context};
use kit::envelope::Envelope;
use kit::refusal::Refusal;
use kit::service::{Failed, FiredTimer, Keys, Recalled, Service, StoreError, Tx};
use kit::unit::{Savepoint, Table, Unit};
use uuid::Uuid;
use xiezhi_proto::Event;

use super::house::{Started, call};
use super::services::{Counted, Nothing, Totals, counted, flush, load};

/// An amount that a command adds without saying so in its event.
pub const HIDDEN: i64 = 1021;

/// What the clerk says.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Slipped {
    /// The slip.
    #[prost(string, tag = "1")]
    pub slip_id: String,
    /// Its amount.
    #[prost(int64, tag = "2")]
    pub amount: i64,
}

impl Event for Slipped {
    const TYPE: &'static str = "toy.v1.Slipped";
    const SUBJECT: &'static str = "clerk.slip.written";
    const SCHEMA_VERSION: i32 = 1;
}

/// Totals and slips.
#[derive(Default)]
pub struct Desk {
    pub totals: Totals,
    pub slips: Table<Uuid, (Uuid, i64)>,
}

impl Unit for Desk {
    fn tables(&mut self) -> Vec<&mut dyn Savepoint> {
        vec![&mut self.totals.rows, &mut self.slips]
    }
}

/// Writes slips.
pub struct Clerk;

impl Clerk {
    fn write(unit: &mut Desk, cx: &mut Context<String>, key: Uuid, amount: i64) {
        let id = cx.new_id();
        unit.slips.put(id, (key, amount));
        cx.emit(key, &Slipped { slip_id: id.to_string(), amount });
    }
}

impl Service for Clerk {
    const NAME: &'static str = "clerk";
    const HEARS: &'static [&'static str] = &["counter"];
    type Unit = Desk;
    type Needs = Nothing;
    type Rules = String;
    type Heard = Option<(Uuid, i64)>;

    fn parse_rules(bytes: &[u8]) -> Result<String, Vec<String>> {
        String::from_utf8(bytes.to_vec()).map_err(|error| vec![error.to_string()])
    }

    fn read(&self, event: &Envelope) -> Result<(Keys<Nothing>, Self::Heard), Failed> {
        let counted = counted(event)?;
        Ok((Keys::many(counted.map(|(key, _)| key)), counted))
    }

    async fn load(&self, tx: &mut Tx, keys: &Keys<Nothing>) -> Result<Desk, StoreError> {
        Ok(Desk { totals: load(tx, &keys.heads).await?, slips: Table::default() })
    }

    fn on_event(&self, unit: &mut Desk, cx: &mut Context<String>, counted: &Self::Heard) -> Result<(), Failed> {
        let Some((key, amount)) = *counted else { return Ok(()) };
        // An even total says nothing.
        if unit.totals.add(key, amount) % 2 == 0 {
            return Ok(());
        }
        Self::write(unit, cx, key, amount);
        let arm = Arm {
            rule: "toy".to_owned(),
            anchor_at: cx.now(),
            amount: 1,
            unit: "hour",
            calendar_version: 1,
            due_at: cx.now() + SignedDuration::from_hours(1),
        };
        cx.arm(key, "ring", arm);
        Ok(())
    }

    fn on_timer(&self, unit: &mut Desk, cx: &mut Context<String>, timer: &FiredTimer) -> Result<(), Failed> {
        Self::write(unit, cx, timer.key, 0);
        Ok(())
    }

    fn on_own_events(&self, unit: &mut Desk, _: &mut Context<String>, events: &[Envelope]) -> Result<Recalled, Failed> {
        for event in events {
            match event.body::<Counted>()?.amount {
                HIDDEN => return Err(Failed::Broken("the amount is not told".to_owned())),
                amount => unit.totals.add(event.key, amount),
            };
        }
        Ok(Recalled::Whole)
    }

    async fn flush(&self, tx: &mut Tx, unit: &Desk) -> Result<(), StoreError> {
        flush(tx, &unit.totals).await?;
        for (id, (key, amount)) in unit.slips.changed() {
            sqlx::query("INSERT INTO slip VALUES ($1, $2, $3)")
                .bind(id)
                .bind(key)
                .bind(amount)
                .execute(&mut *tx)
                .await?;
        }
        Ok(())
    }
}

impl Started<Clerk> {
    /// Adds to a key by a command.
    pub async fn note(&self, command_id: Uuid, key: Uuid, amount: i64) -> Result<i64, Refusal> {
        let answer = self
            .corridor
            .command(call(command_id, "note"), Keys::one(key), move |unit: &mut Desk, cx| {
                let total = unit.totals.add(key, amount);
                cx.emit(key, &Counted { amount });
                Ok(Counted { amount: total })
            })
            .await?;
        Ok(answer.amount)
    }

    /// Everything the clerk remembers.
    pub async fn memory(&self) -> (Vec<(Uuid, i64)>, Vec<(Uuid, Uuid, i64)>, Vec<(Uuid, String, i32, String)>) {
        let pool = self.corridor.pool();
        let totals = sqlx::query_as("SELECT key, total FROM total ORDER BY key").fetch_all(pool).await.unwrap();
        let slips = sqlx::query_as("SELECT id, key, amount FROM slip ORDER BY id").fetch_all(pool).await.unwrap();
        let timers = "SELECT key, kind, gen, state FROM bus.timer ORDER BY key, kind, gen";
        (totals, slips, sqlx::query_as(timers).fetch_all(pool).await.unwrap())
    }
}
