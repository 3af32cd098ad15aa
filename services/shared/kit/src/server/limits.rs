//! How much at once, how large and how long: a request beyond it gets a status of its own, and the rest go on.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::State;
use axum::middleware::Next;
use http::{HeaderMap, Request, Response};
use http_body::{Frame, SizeHint};
use tokio::sync::{Semaphore, SemaphorePermit};
use tonic::Status;
use xiezhi_proto::Rank;

use crate::metrics;
use crate::refusal::Refusal;

/// The largest message of a request. Files come in chunks.
pub const LARGEST_MESSAGE: usize = 1024 * 1024;

/// How much is answered at once. What only looks may take half of it, and the last eighth is for what goes first: whoever stands
/// at a window is served when everybody else must come again.
#[derive(Debug)]
pub(super) struct Room {
    all: Semaphore,
    common: Semaphore,
    reads: Semaphore,
}

/// A place in the room, given back when it is dropped.
struct Place<'r> {
    _places: [Option<SemaphorePermit<'r>>; 3],
}

impl Room {
    pub(super) fn new(most_at_once: usize) -> Self {
        let reads = (most_at_once / 2).max(1);
        let common = (most_at_once - most_at_once / 8).max(1);
        Self { all: Semaphore::new(most_at_once), common: Semaphore::new(common), reads: Semaphore::new(reads) }
    }

    fn enter(&self, rank: Rank) -> Option<Place<'_>> {
        let reads = if rank == Rank::Read { Some(self.reads.try_acquire().ok()?) } else { None };
        let common = if rank == Rank::First { None } else { Some(self.common.try_acquire().ok()?) };
        Some(Place { _places: [reads, common, Some(self.all.try_acquire().ok()?)] })
    }
}

/// Refuses what comes while too much is being answered. Health is always answered: an overloaded house is not a dead one.
pub(super) async fn shed(State(room): State<Arc<Room>>, request: Request<Body>, next: Next) -> Response<Body> {
    if request.uri().path().starts_with("/grpc.health.") {
        return next.run(request).await;
    }
    let Some(_place) = room.enter(xiezhi_proto::rank_of(request.uri().path())) else {
        metrics::counter("xiezhi_rpc_shed_total", &[]).increment();
        return Status::from(Refusal::Overloaded).into_http();
    };
    next.run(request).await
}

/// Ends what takes longer than its caller waits (`grpc-timeout`).
pub(super) async fn deadline(request: Request<Body>, next: Next) -> Response<Body> {
    let Some(limit) = wanted(request.headers()) else { return next.run(request).await };
    match tokio::time::timeout(limit, next.run(request)).await {
        Ok(response) => response,
        Err(_) => Status::deadline_exceeded("已超过调用方的期限 the caller's deadline has passed").into_http(),
    }
}

/// `grpc-timeout`: at most eight digits and a unit.
fn wanted(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get("grpc-timeout")?.to_str().ok()?;
    let unit = text.chars().last().filter(char::is_ascii)?;
    let digits = text.get(..text.len() - 1).filter(|digits| (1..=8).contains(&digits.len()))?;
    let amount: u64 = digits.parse().ok()?;
    match unit {
        'H' => Some(Duration::from_secs(amount * 3600)),
        'M' => Some(Duration::from_secs(amount * 60)),
        'S' => Some(Duration::from_secs(amount)),
        'm' => Some(Duration::from_millis(amount)),
        'u' => Some(Duration::from_micros(amount)),
        'n' => Some(Duration::from_nanos(amount)),
        _ => None,
    }
}

/// Reads the length of each message before the message is taken in.
pub(super) async fn size(request: Request<Body>, next: Next) -> Response<Body> {
    let request = request.map(|body| Body::new(Measured { inner: body, prefix: [0; 5], have: 0, left: 0 }));
    next.run(request).await
}

/// A request body whose messages are not larger than allowed. Each message has a prefix: a flag and its length.
struct Measured {
    inner: Body,
    prefix: [u8; 5],
    have: usize,
    left: usize,
}

impl Measured {
    fn check(&mut self, mut data: &[u8]) -> Result<(), Status> {
        while !data.is_empty() {
            let skipped = self.left.min(data.len());
            self.left -= skipped;
            data = data.get(skipped..).unwrap_or_default();
            let Some((byte, rest)) = data.split_first() else { break };
            if let Some(place) = self.prefix.get_mut(self.have) {
                *place = *byte;
            }
            self.have += 1;
            data = rest;
            if self.have == self.prefix.len() {
                let [_, a, b, c, d] = self.prefix;
                let length = u32::from_be_bytes([a, b, c, d]) as usize;
                if length > LARGEST_MESSAGE {
                    return Err(too_large(length));
                }
                self.left = length;
                self.have = 0;
            }
        }
        Ok(())
    }
}

fn too_large(length: usize) -> Status {
    let description = format!(
        "a request has at most {LARGEST_MESSAGE} bytes, this one has {length}; files go through BlobService in chunks"
    );
    Refusal::field("request", description).into()
}

impl HttpBody for Measured {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = self.get_mut();
        let frame = ready!(Pin::new(&mut this.inner).poll_frame(cx));
        if let Some(Ok(frame)) = &frame
            && let Some(data) = frame.data_ref()
            && let Err(status) = this.check(data)
        {
            return Poll::Ready(Some(Err(axum::Error::new(status))));
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failed test should panic

    use super::*;

    fn framed(length: usize) -> Vec<u8> {
        let mut bytes = vec![0];
        bytes.extend_from_slice(&u32::try_from(length).unwrap().to_be_bytes());
        bytes
    }

    fn measured() -> Measured {
        Measured { inner: Body::empty(), prefix: [0; 5], have: 0, left: 0 }
    }

    #[test]
    fn the_window_is_served_when_readers_and_commands_are_not() {
        let room = Room::new(16);
        let reads: Vec<_> = (0..20).filter_map(|_| room.enter(Rank::Read)).collect();
        assert_eq!(reads.len(), 8, "what only looks takes half");
        let commands: Vec<_> = (0..20).filter_map(|_| room.enter(Rank::Command)).collect();
        assert_eq!(commands.len(), 6, "commands take what is common");
        let first: Vec<_> = (0..20).filter_map(|_| room.enter(Rank::First)).collect();
        assert_eq!(first.len(), 2, "the last eighth is the window's");
        drop(reads);
        assert!(room.enter(Rank::Command).is_some() && room.enter(Rank::Read).is_some(), "places come back");
        let small = Room::new(1);
        let one = small.enter(Rank::Read);
        assert!(one.is_some() && small.enter(Rank::First).is_none(), "one at a time is one at a time");
    }

    #[test]
    fn registration_goes_first_and_analysis_last() {
        assert_eq!(xiezhi_proto::rank_of("/xiezhi.intake.v1.CaseService/RegisterCase"), Rank::First);
        assert_eq!(xiezhi_proto::rank_of("/xiezhi.intake.v1.CaseService/AcceptCase"), Rank::Command);
        assert_eq!(xiezhi_proto::rank_of("/xiezhi.bus.v1.BusService/ReadJournal"), Rank::Command);
        assert_eq!(xiezhi_proto::rank_of("/xiezhi.evaluation.v1.EvaluationService/GetRates"), Rank::Read);
        assert_eq!(xiezhi_proto::rank_of("/nobody.knows/It"), Rank::Read);
    }

    #[test]
    fn lengths_are_found_however_the_bytes_are_cut() {
        let mut wire = framed(3);
        wire.extend_from_slice(b"abc");
        wire.extend_from_slice(&framed(0));
        wire.extend_from_slice(&framed(LARGEST_MESSAGE + 1));
        for size in 1..=wire.len() {
            let mut body = measured();
            let results: Vec<bool> = wire.chunks(size).map(|chunk| body.check(chunk).is_ok()).collect();
            assert_eq!(results.last(), Some(&false), "chunks of {size}");
            assert!(results[..results.len() - 1].iter().all(|fine| *fine), "chunks of {size}");
        }
    }

    #[test]
    fn a_message_of_the_largest_size_passes() {
        let mut body = measured();
        body.check(&framed(LARGEST_MESSAGE)).unwrap();
        body.check(&vec![0xff; LARGEST_MESSAGE]).unwrap();
        body.check(&framed(7)).unwrap();
    }

    #[test]
    fn deadlines_are_read_as_grpc_writes_them() {
        let read = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert("grpc-timeout", text.parse().unwrap());
            wanted(&headers)
        };
        assert_eq!(read("150m"), Some(Duration::from_millis(150)));
        assert_eq!(read("2S"), Some(Duration::from_secs(2)));
        assert_eq!(read("99999999H"), Some(Duration::from_secs(99_999_999 * 3600)));
        for rubbish in ["", "S", "-1S", "123456789S", "5", "5x"] {
            assert_eq!(read(rubbish), None, "{rubbish}");
        }
    }
}
