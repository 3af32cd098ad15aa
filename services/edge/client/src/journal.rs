//! Reading a service's journal from outside.

use std::ops::RangeInclusive;

use tonic::Streaming;
use uuid::Uuid;
use xiezhi_proto::bus::v1::{Envelope, HighWaterRequest, HighWaterResponse, ReadJournalRequest, ReadJournalResponse};

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

impl Events {
    /// The next event; none where the journal ends.
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
