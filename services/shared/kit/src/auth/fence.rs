//! A body that ends when its caller's right does: streams outlive the moment a token was checked.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant, SystemTime};

use axum::body::{Body, Bytes, HttpBody};
use http_body::{Frame, SizeHint};
use tokio::time::Sleep;
use tonic::Status;

use crate::auth::revocation::Revocations;
use crate::auth::token::{TokenError, Verified};
use crate::refusal::Refusal;

/// How often a stream looks whether its caller still counts.
pub const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Why and until when a stream may flow.
#[derive(Debug, Clone)]
pub struct Fence {
    account: String,
    expires_at: SystemTime,
    revocations: Revocations,
    look_every: Duration,
}

impl Fence {
    /// The fence of a caller whose token counts now.
    pub fn new(verified: &Verified, revocations: &Revocations, look_every: Duration) -> Self {
        Self {
            account: verified.caller.account.clone(),
            expires_at: verified.expires_at,
            revocations: revocations.clone(),
            look_every,
        }
    }

    fn broken(&self) -> Option<Status> {
        let error = if self.revocations.contains(&self.account) {
            TokenError::Disabled
        } else if SystemTime::now() > self.expires_at {
            TokenError::Expired
        } else {
            return None;
        };
        Some(Refusal::from(error).into())
    }
}

/// How a body says that it was cut off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    /// A response says it in its trailers, as gRPC wants it.
    Trailers,
    /// A request breaks, and the handler that reads it meets the status.
    Error,
}

/// A body inside a fence.
struct Fenced {
    inner: Body,
    fence: Fence,
    ending: Ending,
    looked: Instant,
    /// Made when the stream first waits, which the body of an ordinary answer never does.
    sleep: Option<Pin<Box<Sleep>>>,
    over: bool,
}

/// A response that ends with UNAUTHENTICATED in its trailers once its caller no longer counts.
pub fn response(body: Body, fence: Fence) -> Body {
    fenced(body, fence, Ending::Trailers)
}

/// A request that breaks with UNAUTHENTICATED once its caller no longer counts.
pub fn request(body: Body, fence: Fence) -> Body {
    fenced(body, fence, Ending::Error)
}

fn fenced(inner: Body, fence: Fence, ending: Ending) -> Body {
    if inner.is_end_stream() {
        return inner;
    }
    Body::new(Fenced { inner, fence, ending, looked: Instant::now(), sleep: None, over: false })
}

impl Fenced {
    fn cut(&mut self) -> Option<Result<Frame<Bytes>, axum::Error>> {
        self.looked = Instant::now();
        let status = self.fence.broken()?;
        self.over = true;
        match self.ending {
            Ending::Error => Some(Err(axum::Error::new(status))),
            Ending::Trailers => {
                let mut trailers = http::HeaderMap::new();
                match status.add_header(&mut trailers) {
                    Ok(()) => Some(Ok(Frame::trailers(trailers))),
                    Err(status) => Some(Err(axum::Error::new(status))),
                }
            }
        }
    }
}

impl HttpBody for Fenced {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = self.get_mut();
        if this.over {
            return Poll::Ready(None);
        }
        // A stream that never waits must be looked at as well.
        if this.looked.elapsed() >= this.fence.look_every
            && let Some(end) = this.cut()
        {
            return Poll::Ready(Some(end));
        }
        if let Poll::Ready(frame) = Pin::new(&mut this.inner).poll_frame(cx) {
            return Poll::Ready(frame);
        }
        loop {
            let every = this.fence.look_every;
            let sleep = this.sleep.get_or_insert_with(|| Box::pin(tokio::time::sleep(every)));
            ready!(sleep.as_mut().poll(cx));
            this.sleep = None;
            if let Some(end) = this.cut() {
                return Poll::Ready(Some(end));
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.over || self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
