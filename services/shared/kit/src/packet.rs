//! 邮包: rows of a journal that follow each other, as one message. Under load a message costs more than the row in it.

use bytes::Bytes;
use jiff::Timestamp;
use prost::Message;
use prost::encoding::{DecodeContext, decode_key, skip_field};
use uuid::Uuid;
use xiezhi_proto::bus::v1 as wire;

use crate::envelope::{Envelope, NotAnEvent};

/// The protobuf name of several rows.
pub(crate) const ROWS: &str = "xiezhi.bus.v1.Rows";
/// Where they stand in it.
const ROWS_TAG: u32 = 3;
/// Fewer rows than this travel alone: whoever looks into a quiet stream finds one event in each message.
const FEW: usize = 8;
/// So many rows are packed at most,
const MOST: usize = 64;
/// and so many bytes of bodies; the stream takes four times as much.
const FULL_BYTES: usize = 64 * 1024;

/// Cuts rows into messages. What shares a message is of one epoch.
pub(crate) fn cut(rows: &[Envelope]) -> Vec<&[Envelope]> {
    if rows.len() < FEW {
        return rows.chunks(1).collect();
    }
    let mut messages = Vec::new();
    let mut rest = rows;
    while let Some(first) = rest.first() {
        let mut bytes = 0;
        let together = rest
            .iter()
            .take(MOST)
            .take_while(|row| {
                bytes += row.payload.len();
                row.epoch == first.epoch && bytes <= FULL_BYTES
            })
            .count()
            .max(1);
        let (message, others) = rest.split_at(together);
        messages.push(message);
        rest = others;
    }
    messages
}

/// Packs rows; all of them are of one journal and epoch.
pub(crate) fn pack(rows: &[Envelope]) -> Bytes {
    let id = |id: &Uuid| Bytes::copy_from_slice(id.as_bytes());
    let some = |maybe: &Option<Uuid>| maybe.as_ref().map(id).unwrap_or_default();
    let packed = rows.iter().map(|row| wire::Row {
        pos: row.pos,
        event_id: id(&row.event_id),
        command_id: some(&row.command_id),
        cause_id: some(&row.cause_id),
        actor: row.actor.clone(),
        traceparent: row.traceparent.clone().unwrap_or_default(),
        key: id(&row.key),
        key_seq: row.key_seq,
        r#type: row.type_name.clone(),
        schema_ver: row.schema_ver,
        occurred_at_us: row.occurred_at.as_microsecond(),
        recorded_at_us: row.recorded_at.as_microsecond(),
        payload: row.payload.clone().into(),
        hash: row.hash.clone().into(),
    });
    let rows = wire::Rows {
        service: rows.first().map(|row| row.service.clone()).unwrap_or_default(),
        epoch: rows.first().map_or(0, |row| row.epoch),
        rows: packed.collect(),
    };
    rows.encode_to_vec().into()
}

/// Reads what was packed. Whether the rows are the journal's own is for the hash to say.
pub(crate) fn unpack(bytes: &[u8]) -> Result<Vec<Envelope>, NotAnEvent> {
    let broken = |error: prost::DecodeError| NotAnEvent(error.to_string());
    // Counted before they are read: an empty row is two bytes in a message and some hundreds in memory.
    if count_rows(bytes).map_err(broken)? > MOST {
        return Err(NotAnEvent(format!("a packet of more than {MOST} rows")));
    }
    let rows = wire::Rows::decode(bytes).map_err(broken)?;
    let bad = |what: &str| NotAnEvent(format!("{what} of a packed row of {}", rows.service));
    let id = |what: &str, bytes: &Bytes| Uuid::from_slice(bytes).map_err(|_| bad(what));
    let maybe = |what: &str, bytes: &Bytes| if bytes.is_empty() { Ok(None) } else { id(what, bytes).map(Some) };
    let time = |what: &str, us: i64| Timestamp::from_microsecond(us).map_err(|_| bad(what));
    if rows.rows.is_empty() {
        return Err(bad("nothing"));
    }
    rows.rows
        .iter()
        .map(|row| {
            Ok(Envelope {
                service: rows.service.clone(),
                epoch: rows.epoch,
                pos: row.pos,
                event_id: id("the id", &row.event_id)?,
                command_id: maybe("the command", &row.command_id)?,
                cause_id: maybe("the cause", &row.cause_id)?,
                actor: row.actor.clone(),
                traceparent: (!row.traceparent.is_empty()).then(|| row.traceparent.clone()),
                key: id("the key", &row.key)?,
                key_seq: row.key_seq,
                type_name: row.r#type.clone(),
                schema_ver: row.schema_ver,
                occurred_at: time("the time", row.occurred_at_us)?,
                recorded_at: time("the time", row.recorded_at_us)?,
                payload: row.payload.to_vec(),
                hash: row.hash.to_vec(),
            })
        })
        .collect()
}

fn count_rows(mut bytes: &[u8]) -> Result<usize, prost::DecodeError> {
    let mut rows = 0;
    while !bytes.is_empty() {
        let (tag, kind) = decode_key(&mut bytes)?;
        rows += usize::from(tag == ROWS_TAG);
        skip_field(kind, tag, &mut bytes, DecodeContext::default())?;
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failed test should panic
    use proptest::prelude::*;

    use super::*;

    fn row(pos: i64, epoch: i32, bytes: usize) -> Envelope {
        Envelope {
            service: "a".to_owned(),
            epoch,
            pos,
            event_id: Uuid::from_u128(pos.unsigned_abs().into()),
            command_id: (pos % 2 == 0).then_some(Uuid::from_u128(7)),
            cause_id: (pos % 3 == 0).then_some(Uuid::from_u128(8)),
            actor: "service:a".to_owned(),
            traceparent: (pos % 5 == 0).then(|| "00-1-2-01".to_owned()),
            key: Uuid::from_u128(9),
            key_seq: pos,
            type_name: "xiezhi.bus.v1.BundlePublished".to_owned(),
            schema_ver: 1,
            occurred_at: Timestamp::from_microsecond(pos).unwrap(),
            recorded_at: Timestamp::from_microsecond(pos + 1).unwrap(),
            payload: vec![7; bytes],
            hash: vec![1; 32],
        }
    }

    proptest! {
        /// Whatever is cut and packed is read again, whole and in order; nothing is larger than a stream takes.
        #[test]
        fn what_was_packed_is_read_again(rows in proptest::collection::vec((0i32..2, 0usize..90_000), 0..200)) {
            let mut epoch = 1;
            let rows: Vec<Envelope> = rows
                .into_iter()
                .zip(1i64..)
                .map(|((step, bytes), pos)| {
                    epoch += i32::from(step == 1 && pos % 50 == 0);
                    row(pos, epoch, bytes / (1 + pos.unsigned_abs() as usize % 40))
                })
                .collect();
            let mut read = Vec::new();
            for message in cut(&rows) {
                let bytes = pack(message);
                prop_assert!(message.len() == 1 || (bytes.len() < 200 * 1024 && message.len() <= MOST));
                prop_assert!(message.iter().all(|row| row.epoch == message[0].epoch));
                read.extend(unpack(&bytes).unwrap());
            }
            prop_assert_eq!(read, rows);
        }

        #[test]
        fn bytes_of_nobody_are_refused_or_read_and_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _ = unpack(&bytes);
        }
    }

    #[test]
    fn a_packet_of_nothing_and_ids_that_are_none_are_refused() {
        assert!(unpack(&[]).is_err());
        let rows = wire::Rows { rows: vec![wire::Row::default()], ..wire::Rows::default() };
        assert!(unpack(&rows.encode_to_vec()).is_err());
    }

    #[test]
    fn a_packet_of_more_rows_than_are_ever_packed_is_refused_before_it_is_read() {
        let rows = wire::Rows { rows: vec![wire::Row::default(); 100_000], ..wire::Rows::default() };
        let bytes = rows.encode_to_vec();
        assert_eq!(count_rows(&bytes).unwrap(), 100_000);
        assert!(unpack(&bytes).unwrap_err().to_string().contains("more than 64"), "it was read");
    }
}
