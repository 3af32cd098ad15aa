//! Cases and all that every event about them writes, in one statement.

use std::sync::Arc;

use jiff_sqlx::{Timestamp, ToSqlx};
use kit::envelope::Envelope;
use kit::service::{StoreError, Tx};
use uuid::Uuid;
use vocab::CaseId;

use super::{count, unreadable};
use crate::unit::{STOPPED, Unit, town};

/// Writes changed cases with their clocks, who may know of them, and what stands in their timelines.
pub async fn write(tx: &mut Tx, unit: &Unit) -> Result<(), StoreError> {
    let cases = CaseColumns::of(unit)?;
    let clocks = ClockColumns::of(unit)?;
    let entries = EntryColumns::of(unit);
    let (known, knowers): (Vec<Uuid>, Vec<String>) =
        unit.knowers.rows().iter().map(|(case, unit)| (case.uuid(), unit.to_string())).unzip();
    let no_clock = clocks.cases.is_empty() && clocks.stopped.0.is_empty();
    if cases.ids.is_empty() && entries.cases.is_empty() && no_clock && known.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "WITH knowers AS (
           INSERT INTO case_unit (case_id, unit_code)
           SELECT * FROM UNNEST($1::uuid[], $2::text[]) ON CONFLICT DO NOTHING),
         stopped AS (
           DELETE FROM clock c USING UNNEST($3::uuid[], $4::int[], $5::text[]) AS s (case_id, round, kind)
           WHERE c.case_id = s.case_id AND c.round = s.round AND c.kind = s.kind),
         clocks AS (
           INSERT INTO clock (case_id, round, kind, holder, state, anchor_at, due_at, paused_at)
           SELECT * FROM UNNEST($6::uuid[], $7::int[], $8::text[], $9::text[], $10::text[],
                                $11::timestamptz[], $12::timestamptz[], $13::timestamptz[])
           ON CONFLICT (case_id, round, kind) DO UPDATE SET
             holder = EXCLUDED.holder, state = EXCLUDED.state, anchor_at = EXCLUDED.anchor_at,
             due_at = EXCLUDED.due_at, paused_at = EXCLUDED.paused_at),
         entries AS (
           INSERT INTO timeline
             (case_id, occurred_at, service, epoch, pos, event_id, type, recorded_at, actor, traceparent, payload)
           SELECT * FROM UNNEST($14::uuid[], $15::timestamptz[], $16::text[], $17::int[], $18::bigint[], $19::uuid[], $20::text[],
                                $21::timestamptz[], $22::text[], $23::text[], $24::bytea[])
           ON CONFLICT DO NOTHING)
         INSERT INTO case_file (id, case_no, head_id, town, open, reply_round, state)
         SELECT * FROM UNNEST($25::uuid[], $26::text[], $27::uuid[], $28::text[], $29::bool[], $30::int[], $31::bytea[])
         ON CONFLICT (id) DO UPDATE SET
           case_no = EXCLUDED.case_no, head_id = EXCLUDED.head_id, town = EXCLUDED.town, open = EXCLUDED.open,
           reply_round = EXCLUDED.reply_round, state = EXCLUDED.state",
        &known,
        &knowers,
        &clocks.stopped.0,
        &clocks.stopped.1,
        &clocks.stopped.2,
        &clocks.cases,
        &clocks.rounds,
        &clocks.kinds,
        &clocks.holders,
        &clocks.states,
        &clocks.anchors as _,
        &clocks.dues as _,
        &clocks.pauses as _,
        &entries.cases,
        &entries.occurred as _,
        &entries.services,
        &entries.epochs,
        &entries.positions,
        &entries.ids,
        &entries.types,
        &entries.recorded as _,
        &entries.actors,
        &entries.traces as _,
        &entries.payloads,
        &cases.ids,
        &cases.numbers as _,
        &cases.heads as _,
        &cases.towns as _,
        &cases.open,
        &cases.replies,
        &cases.states
    )
    .execute(tx)
    .await?;
    Ok(())
}

#[derive(Default)]
struct CaseColumns {
    ids: Vec<Uuid>,
    numbers: Vec<Option<String>>,
    heads: Vec<Option<Uuid>>,
    towns: Vec<Option<String>>,
    open: Vec<bool>,
    replies: Vec<i32>,
    states: Vec<Vec<u8>>,
}

impl CaseColumns {
    fn of(unit: &Unit) -> Result<Self, StoreError> {
        let mut columns = Self::default();
        for (id, case) in unit.cases.changed() {
            columns.ids.push(id.uuid());
            columns.numbers.push(case.ledger.case_no.clone());
            columns.heads.push(case.ledger.head.map(CaseId::uuid));
            columns.towns.push(town(case).map(String::from));
            columns.open.push(case.ledger.is_open());
            columns.replies.push(count("case_file", id, case.ledger.reply_round())?);
            columns.states.push(kit::state::pack(case).map_err(|error| unreadable("case_file", id, error))?);
        }
        Ok(columns)
    }
}

#[derive(Default)]
struct ClockColumns {
    cases: Vec<Uuid>,
    rounds: Vec<i32>,
    kinds: Vec<String>,
    holders: Vec<String>,
    states: Vec<String>,
    anchors: Vec<Timestamp>,
    dues: Vec<Timestamp>,
    pauses: Vec<Option<Timestamp>>,
    /// Cases, rounds and kinds of clocks that nobody needs to look at any more.
    stopped: (Vec<Uuid>, Vec<i32>, Vec<String>),
}

impl ClockColumns {
    fn of(unit: &Unit) -> Result<Self, StoreError> {
        let mut columns = Self::default();
        for ((case, round, kind), row) in unit.clocks.changed() {
            let round = count("clock", case, *round)?;
            if row.state == STOPPED {
                columns.stopped.0.push(case.uuid());
                columns.stopped.1.push(round);
                columns.stopped.2.push(kind.clone());
                continue;
            }
            columns.cases.push(case.uuid());
            columns.rounds.push(round);
            columns.kinds.push(kind.clone());
            columns.holders.push(row.holder.clone());
            columns.states.push(row.state.to_owned());
            columns.anchors.push(row.anchor_at.to_sqlx());
            columns.dues.push(row.due_at.to_sqlx());
            columns.pauses.push(row.paused_at.map(ToSqlx::to_sqlx));
        }
        Ok(columns)
    }
}

#[derive(Default)]
struct EntryColumns {
    cases: Vec<Uuid>,
    occurred: Vec<Timestamp>,
    services: Vec<String>,
    epochs: Vec<i32>,
    positions: Vec<i64>,
    ids: Vec<Uuid>,
    types: Vec<String>,
    recorded: Vec<Timestamp>,
    actors: Vec<String>,
    traces: Vec<Option<String>>,
    payloads: Vec<Vec<u8>>,
}

impl EntryColumns {
    /// What one row of a journal says of a case is one entry, as it was there.
    fn of(unit: &Unit) -> Self {
        let mut columns = Self::default();
        let mut heard: Vec<_> = unit.timeline.rows().iter().collect();
        heard.sort_by(|(one, of), (other, with)| {
            (one, &of.service, of.epoch, of.pos).cmp(&(other, &with.service, with.epoch, with.pos))
        });
        let of_one_row = |(one, of): &&(CaseId, Arc<Envelope>), (other, with): &&(CaseId, Arc<Envelope>)| {
            (one, &of.service, of.epoch, of.pos) == (other, &with.service, with.epoch, with.pos)
        };
        for facts in heard.chunk_by(of_one_row) {
            let together: Vec<&Envelope> = facts.iter().map(|(_, event)| event.as_ref()).collect();
            if let (Some((case, _)), Some(entry)) = (facts.first(), Envelope::together(&together)) {
                columns.push(*case, entry);
            }
        }
        columns
    }

    fn push(&mut self, case: CaseId, event: Envelope) {
        self.cases.push(case.uuid());
        self.occurred.push(event.occurred_at.to_sqlx());
        self.services.push(event.service);
        self.epochs.push(event.epoch);
        self.positions.push(event.pos);
        self.ids.push(event.event_id);
        self.types.push(event.type_name);
        self.recorded.push(event.recorded_at.to_sqlx());
        self.actors.push(event.actor);
        self.traces.push(event.traceparent);
        self.payloads.push(event.payload);
    }
}
