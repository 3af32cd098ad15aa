//! What our rows followed from, and in which order it was decided.

use std::collections::HashMap;

use uuid::Uuid;

use crate::envelope::Envelope;

/// What a decision of ours followed from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Origin {
    Command(Uuid),
    Event(Uuid),
    /// A timer, or the service itself; by the row's own id.
    Alone(Uuid),
}

/// The rows of neighbours by each of their facts: whatever fact caused something, the row was heard as one.
#[derive(Debug, Default)]
pub(super) struct RowOf(HashMap<Uuid, NeighboursRow>);

#[derive(Debug, Clone, Copy)]
struct NeighboursRow {
    id: Uuid,
    /// Its producer's place among those who are heard, and its position: one transaction takes them in this order.
    place: (usize, i64),
}

impl RowOf {
    /// Notes a row of a neighbour; `heard` are the producers in the order in which they are taken.
    pub fn learn(&mut self, row: &Envelope, heard: &[&str]) {
        let producer = heard.iter().position(|producer| *producer == row.service).unwrap_or(heard.len());
        let known = NeighboursRow { id: row.event_id, place: (producer, row.pos) };
        for fact in row.clone().facts().unwrap_or_default() {
            self.0.insert(fact.event_id, known);
        }
    }

    /// What a fact of one of our rows followed from.
    fn origin(&self, row: &Envelope, fact: &Envelope) -> Origin {
        match (fact.command_id, fact.cause_id) {
            (Some(command), _) => Origin::Command(command),
            (None, Some(cause)) => Origin::Event(self.0.get(&cause).map_or(cause, |row| row.id)),
            // Of a timer the row is one, however much it said.
            (None, None) => Origin::Alone(row.event_id),
        }
    }

    fn place(&self, fact: &Envelope) -> Option<(usize, i64)> {
        self.0.get(&fact.cause_id?).map(|row| row.place)
    }
}

/// A decision that one of our rows tells of.
#[derive(Debug)]
pub(super) struct Decision<'r> {
    pub row: &'r Envelope,
    /// Where what it followed from was heard.
    place: Option<(usize, i64)>,
    pub from: Origin,
}

/// What our rows tell.
#[derive(Debug)]
pub(super) struct Told<'r> {
    /// In the order in which they were made; one that spoke of several aggregates stands there for each of its facts.
    pub decisions: Vec<Decision<'r>>,
    /// What each origin said, fact by fact, in order.
    pub said: HashMap<Origin, Vec<Envelope>>,
}

/// A row may answer several events, and each of them was a decision of its own. Rows stand in the order of their journal, and what
/// one transaction said in the order in which it heard. The position of a row that cannot be read, and why, where there is one.
pub(super) fn told<'r>(rows: &'r [Envelope], heard: &RowOf) -> Result<Told<'r>, (String, String)> {
    let mut told = Told { decisions: Vec::new(), said: HashMap::new() };
    for row in rows {
        let facts = row.clone().facts().map_err(|error| (row.pos.to_string(), error.to_string()))?;
        for fact in facts {
            let from = heard.origin(row, &fact);
            told.decisions.push(Decision { row, place: heard.place(&fact), from });
            told.said.entry(from).or_default().push(fact);
        }
    }
    // One transaction has one moment.
    let by_moment = told.decisions.chunk_by_mut(|one, next| one.row.recorded_at == next.row.recorded_at);
    by_moment.for_each(|decided| decided.sort_by_key(|decision| decision.place));
    Ok(told)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failed test should panic
    use jiff::Timestamp;

    use super::*;

    fn row(service: &str, pos: i64, id: u128, cause: Option<u128>) -> Envelope {
        Envelope {
            service: service.to_owned(),
            epoch: 1,
            pos,
            event_id: Uuid::from_u128(id),
            command_id: None,
            cause_id: cause.map(Uuid::from_u128),
            actor: String::new(),
            traceparent: None,
            key: Uuid::from_u128(id),
            key_seq: 1,
            type_name: "toy.v1.Said".to_owned(),
            schema_ver: 1,
            occurred_at: Timestamp::UNIX_EPOCH,
            recorded_at: Timestamp::UNIX_EPOCH,
            payload: Vec::new(),
            hash: Vec::new(),
        }
    }

    fn order(rows: &[Envelope], heard: &RowOf) -> Vec<Origin> {
        told(rows, heard).unwrap().decisions.iter().map(|decision| decision.from).collect()
    }

    #[test]
    fn what_one_transaction_said_is_decided_in_the_order_in_which_it_heard() {
        let mut heard = RowOf::default();
        for neighbours in [row("b", 4, 40, None), row("a", 9, 90, None), row("a", 8, 80, None)] {
            heard.learn(&neighbours, &["a", "b"]);
        }
        // One row answers what "a" said at 8 and what "b" said; another what "a" said at 9, in between.
        let both = [&row("me", 1, 1, Some(80)), &row("me", 1, 2, Some(40))];
        let rows = [Envelope::together(&both).unwrap(), row("me", 2, 3, Some(90))];
        let event = |id| Origin::Event(Uuid::from_u128(id));
        assert_eq!(order(&rows, &heard), [event(80), event(90), event(40)]);
        // Another moment is another transaction.
        let later = Envelope { recorded_at: Timestamp::MAX, ..rows[1].clone() };
        assert_eq!(order(&[rows[0].clone(), later], &heard), [event(80), event(40), event(90)]);
    }

    #[test]
    fn a_row_of_a_timer_is_one_decision_however_much_it_said() {
        let facts: Vec<Envelope> = (0..40).map(|nth| row("me", 1, 100 + nth, None)).collect();
        let timers = Envelope::together(&facts.iter().collect::<Vec<_>>()).unwrap();
        let rows = [timers];
        let told = told(&rows, &RowOf::default()).unwrap();
        assert_eq!(told.said.len(), 1);
        assert_eq!(told.said[&Origin::Alone(Uuid::from_u128(100))].len(), 40);
    }
}
