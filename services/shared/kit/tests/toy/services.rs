//! The toys themselves.

use std::collections::BTreeSet;

use kit::context::Context;
use kit::envelope::Envelope;
use kit::service::{Failed, FiredTimer, Keys, Merge, Recalled, Service, StoreError, Tx};
use kit::unit::{Savepoint, Table, Unit};
use uuid::Uuid;

/// An amount the mirror can never apply.
pub const POISON: i64 = 1013;
/// An amount the mirror applies only to a key it knows already.
pub const NEEDS_PERMISSION: i64 = 1017;

/// An amount at which the counter itself loses its head.
pub const PANIC: i64 = 1019;

/// What the counter says.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Counted {
    /// By how much.
    #[prost(int64, tag = "1")]
    pub amount: i64,
}

impl xiezhi_proto::Event for Counted {
    const TYPE: &'static str = "toy.v1.Counted";
    const SUBJECT: &'static str = "counter.number.counted";
    const SCHEMA_VERSION: i32 = 1;
}

/// What was counted, if anything was, and of which key.
pub fn counted(event: &Envelope) -> Result<Option<(Uuid, i64)>, Failed> {
    let is_counted = event.type_name == <Counted as xiezhi_proto::Event>::TYPE;
    is_counted.then(|| Ok((event.key, event.body::<Counted>()?.amount))).transpose()
}

/// Totals by key.
#[derive(Default)]
pub struct Totals {
    pub rows: Table<Uuid, i64>,
}

impl Unit for Totals {
    fn tables(&mut self) -> Vec<&mut dyn Savepoint> {
        vec![&mut self.rows]
    }
}

impl Totals {
    pub fn add(&mut self, key: Uuid, amount: i64) -> i64 {
        let total = self.rows.get(&key).copied().unwrap_or(0) + amount;
        self.rows.put(key, total);
        total
    }
}

/// What a batch of the toys needs besides its heads.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Nothing;

impl Merge for Nothing {
    fn merge(&mut self, Self: Self) {}
}

pub async fn load(tx: &mut Tx, heads: &BTreeSet<Uuid>) -> Result<Totals, StoreError> {
    let keys: Vec<Uuid> = heads.iter().copied().collect();
    let rows: Vec<(Uuid, i64)> =
        sqlx::query_as("SELECT key, total FROM total WHERE key = ANY($1)").bind(&keys).fetch_all(tx).await?;
    Ok(Totals { rows: Table::loaded(rows) })
}

pub async fn flush(tx: &mut Tx, unit: &Totals) -> Result<(), StoreError> {
    let (keys, totals): (Vec<Uuid>, Vec<i64>) = unit.rows.changed().map(|(key, total)| (*key, *total)).unzip();
    sqlx::query(
        "INSERT INTO total SELECT * FROM UNNEST($1::uuid[], $2::bigint[])
         ON CONFLICT (key) DO UPDATE SET total = excluded.total",
    )
    .bind(&keys)
    .bind(&totals)
    .execute(tx)
    .await?;
    Ok(())
}

/// Counts what it is told.
pub struct Counter;

impl Service for Counter {
    const NAME: &'static str = "counter";
    const HEARS: &'static [&'static str] = &[];
    type Unit = Totals;
    type Needs = Nothing;
    type Rules = String;
    type Heard = ();

    fn parse_rules(bytes: &[u8]) -> Result<String, Vec<String>> {
        String::from_utf8(bytes.to_vec()).map_err(|error| vec![error.to_string()])
    }

    fn read(&self, _: &Envelope) -> Result<(Keys<Nothing>, ()), Failed> {
        Ok((Keys::default(), ()))
    }

    async fn load(&self, tx: &mut Tx, keys: &Keys<Nothing>) -> Result<Totals, StoreError> {
        load(tx, &keys.heads).await
    }

    fn on_event(&self, _: &mut Totals, _: &mut Context<String>, (): &()) -> Result<(), Failed> {
        Ok(())
    }

    fn on_timer(&self, unit: &mut Totals, cx: &mut Context<String>, timer: &FiredTimer) -> Result<(), Failed> {
        unit.add(timer.key, 1);
        cx.emit(timer.key, &Counted { amount: 1 });
        Ok(())
    }

    fn on_own_events(
        &self,
        unit: &mut Totals,
        _: &mut Context<String>,
        events: &[Envelope],
    ) -> Result<Recalled, Failed> {
        for event in events {
            unit.add(event.key, event.body::<Counted>()?.amount);
        }
        Ok(Recalled::Whole)
    }

    async fn flush(&self, tx: &mut Tx, unit: &Totals) -> Result<(), StoreError> {
        flush(tx, unit).await
    }
}

/// Counts what it hears.
pub struct Mirror;

impl Service for Mirror {
    const NAME: &'static str = "mirror";
    const HEARS: &'static [&'static str] = &["counter"];
    type Unit = Totals;
    type Needs = Nothing;
    type Rules = String;
    type Heard = Option<(Uuid, i64)>;

    fn parse_rules(bytes: &[u8]) -> Result<String, Vec<String>> {
        Counter::parse_rules(bytes)
    }

    fn read(&self, event: &Envelope) -> Result<(Keys<Nothing>, Self::Heard), Failed> {
        Ok((Keys::one(event.key), counted(event)?))
    }

    async fn load(&self, tx: &mut Tx, keys: &Keys<Nothing>) -> Result<Totals, StoreError> {
        load(tx, &keys.heads).await
    }

    fn on_event(&self, unit: &mut Totals, _: &mut Context<String>, counted: &Self::Heard) -> Result<(), Failed> {
        let Some((key, amount)) = *counted else { return Ok(()) };
        match amount {
            POISON => Err(Failed::Broken("nobody can count a thousand and thirteen".to_owned())),
            NEEDS_PERMISSION if unit.rows.get(&key).is_none() => Err(Failed::NotYet("permission".to_owned())),
            amount => {
                unit.add(key, amount);
                Ok(())
            }
        }
    }

    fn on_timer(&self, _: &mut Totals, _: &mut Context<String>, _: &FiredTimer) -> Result<(), Failed> {
        Ok(())
    }

    async fn flush(&self, tx: &mut Tx, unit: &Totals) -> Result<(), StoreError> {
        flush(tx, unit).await
    }
}
