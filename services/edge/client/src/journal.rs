//! Reading a service's journal from outside.

use std::ops::RangeInclusive;

use prost::{Message as _, Name as _};
use tonic::Streaming;
use uuid::Uuid;
use xiezhi_proto::bus::v1::{
    Envelope, Facts, HighWaterRequest, HighWaterResponse, ReadJournalRequest, ReadJournalResponse,
};

use crate::centre::Centre;
use crate::refused::Error;

/// How far a service's journal is numbered.
pub async fn high_water(centre: &Centre, service: &str) -> Result<HighWaterResponse, Error> {
    let request = HighWaterRequest { service: service.to_owned() };
    centre.read(|| crate::call!(centre.bus(service).high_water(request.clone()))).await
}

/// The numbered events of a service from one position to another.
pub async fn read(centre: &Centre, service: &str, positions: RangeInclusive<i64>) -> Result<Events, Error> {
    open(centre, service, *positions.start(), *positions.end(), String::new()).await
}

/// The numbered events of one key, from a position on.
pub async fn read_key(centre: &Centre, service: &str, key: Uuid, from_pos: i64) -> Result<Events, Error> {
    open(centre, service, from_pos, 0, key.to_string()).await
}

async fn open(centre: &Centre, service: &str, from_pos: i64, to_pos: i64, key: String) -> Result<Events, Error> {
    let request = ReadJournalRequest { service: service.to_owned(), from_pos, to_pos, key };
    let stream = centre.read(|| crate::call!(centre.bus(service).read_journal(request.clone()))).await?;
    Ok(Events { stream })
}

/// Events as they arrive.
#[derive(Debug)]
pub struct Events {
    stream: Streaming<ReadJournalResponse>,
}

/// One fact of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// Its own id.
    pub event_id: String,
    /// The protobuf name of its body.
    pub type_name: String,
    /// Its body.
    pub payload: prost::bytes::Bytes,
}

/// What a row says, fact by fact: one decision's facts about one aggregate stand together.
pub fn facts(row: &Envelope) -> Result<Vec<Said>, Error> {
    if row.r#type != Facts::full_name() {
        let (event_id, type_name) = (row.event_id.clone(), row.r#type.clone());
        return Ok(vec![Said { event_id, type_name, payload: row.payload.clone() }]);
    }
    let broken = |what: String| Error::Broken(format!("{}/{}: {what}", row.service, row.pos));
    let facts = Facts::decode(row.payload.clone()).map_err(|error| broken(error.to_string()))?.facts;
    let said = |fact: xiezhi_proto::bus::v1::Fact| {
        let id = Uuid::from_slice(&fact.event_id).map_err(|error| broken(error.to_string()))?;
        Ok(Said { event_id: id.to_string(), type_name: fact.r#type, payload: fact.payload })
    };
    facts.into_iter().map(said).collect()
}

impl Events {
    /// The next row; none where the journal ends.
    pub async fn next(&mut self) -> Result<Option<Envelope>, Error> {
        match self.stream.message().await? {
            None => Ok(None),
            Some(ReadJournalResponse { event: Some(event) }) => Ok(Some(event)),
            Some(ReadJournalResponse { event: None }) => {
                Err(Error::Broken("an entry of the journal is empty".to_owned()))
            }
        }
    }
}
